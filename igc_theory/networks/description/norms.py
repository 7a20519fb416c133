"""Batch normalisations right behind layers: by what they multiply each output, and what they add."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from igc_theory.networks.description.graph import Graph, Operation

__all__ = ["OutputNorm", "norms_behind"]

Array = NDArray[Any]

PLACES = {"gamma": 1, "beta": 2, "mean": 3, "variance": 4}
"""Where ONNX's operator reads its arrays."""

EPSILON = 1e-5
"""What ONNX adds to the variance, if the file does not say."""


@dataclass(frozen=True, eq=False)
class OutputNorm:
    r"""A batch normalisation as the affine map that it is once trained.

    Attributes
    ----------
    operation : Operation
    scales, shifts : ndarray, shape (C,)
        :math:`γ / \sqrt{σ^2 + ε}` and :math:`β - μ γ / \sqrt{σ^2 + ε}`, in double precision.
    """

    operation: Operation
    scales: Array
    shifts: Array


def norms_behind(graph: Graph) -> dict[str, OutputNorm]:
    """Return the batch normalisations that alone read what another operator writes, by the name of what they read.

    Left out are those in training mode, with arrays that depend on the input or are not in the file, and with numbers that are not
    finite.

    Examples
    --------
    >>> from igc_theory.networks.description.graph import Constant
    >>> arrays = {name: np.full(2, value) for name, value in (("g", 6.0), ("b", 1.0), ("m", 0.5), ("v", 9.0))}
    >>> constants = {name: Constant((2,), "float64", frozenset(), lambda a=array: a) for name, array in arrays.items()}
    >>> conv = Operation("Conv", "", ("x", "w"), ("h",), {})
    >>> norm = Operation("BatchNormalization", "", ("h", *"gbmv"), ("y",), {"epsilon": 0.0})
    >>> found = norms_behind(Graph((conv, norm), {}, constants))["h"]
    >>> found.scales.tolist(), found.shifts.tolist()
    ([2.0, 2.0], [0.0, 0.0])
    """
    found: dict[str, OutputNorm] = {}
    for operation in graph.operations:
        name = operation.reads(0)
        if operation.operator == "BatchNormalization" and name in graph.writers and graph.readers[name] == 1:
            norm = _norm(graph, operation)
            found |= {} if norm is None else {name: norm}
    return found


def _norm(graph: Graph, operation: Operation) -> OutputNorm | None:
    constants = {name: graph.constants.get(operation.reads(place)) for name, place in PLACES.items()}
    arrays = {name: None if one is None else one.values() for name, one in constants.items()}
    if (
        operation.attributes.get("training_mode")
        or any(operation.outputs[1:])
        or any(array is None for array in arrays.values())
    ):
        return None
    values = {name: np.asarray(array, dtype=np.float64) for name, array in arrays.items()}
    with np.errstate(all="ignore"):
        scales = values["gamma"] / np.sqrt(values["variance"] + operation.attributes.get("epsilon", EPSILON))
        shifts = values["beta"] - values["mean"] * scales
    if scales.ndim != 1 or shifts.shape != scales.shape or not np.isfinite([scales, shifts]).all():
        return None
    return OutputNorm(operation, scales, shifts)
