"""Calibration inputs of an ONNX model, checked against its own inputs and cut into batches that it runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from igc_theory.kernels.arrays import Array
from igc_theory.networks.description.graph import Graph
from igc_theory.networks.rewriting.files.runs import Inputs
from igc_theory.structure.arguments.kinds import kind_of, shown
from igc_theory.structure.arguments.sequences import array_of

try:
    import onnx
except ImportError:  # rewrite says what to install; to import this module is no error yet
    onnx = None

__all__ = ["batches_of"]


def batches_of(inputs: Any, model: Any, graph: Graph) -> list[Inputs]:
    """Return calibration inputs by names, in one batch, or in as many as a file of a fixed batch asks for; none without inputs."""
    if inputs is None:
        return []
    given = inputs if isinstance(inputs, Mapping) else {graph.inputs[0]: inputs}
    unknown = [name for name in given if name not in graph.inputs]
    missing = [name for name in graph.inputs if name not in given]
    if unknown or missing:
        wrong = f"has {unknown[0]!r}, which is none of its inputs" if unknown else f"lacks its input {missing[0]!r}"
        raise ValueError(f"inputs {wrong}: give an array for each of {', '.join(graph.inputs)}")
    types = {entry.name: entry.type.tensor_type for entry in model.graph.input}
    parts = {name: _parts(name, _array(name, values, types[name]), types[name]) for name, values in given.items()}
    count = max(map(len, parts.values()))
    for name, some in parts.items():
        if len(some) not in (1, count):
            raise ValueError(f"inputs[{shown(name)}] is for {len(some)} runs, others for {count}: give as many of each")
    return [{name: some[k % len(some)] for name, some in parts.items()} for k in range(count)]


def _array(name: str, values: Any, wanted: Any) -> Array:
    """Return finite numbers as the type that an input has; real ones are rounded, but not to integers."""
    array, where = array_of(f"inputs[{shown(name)}]", values), f"inputs[{shown(name)}]"
    if array.dtype.kind not in "fiub" or not array.size:
        raise TypeError(f"{where} is {kind_of(values)} without numbers: give an array of them")
    dtype = onnx.helper.tensor_dtype_to_np_dtype(wanted.elem_type)
    if dtype.kind in "fiub":
        if not np.can_cast(array.dtype, dtype, "same_kind"):
            raise TypeError(f"{where} has numbers of type {array.dtype}, but the model reads {dtype}: give these")
        with np.errstate(over="ignore"):
            array = array.astype(dtype, copy=False)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ValueError(f"{where} has values that are not finite in {array.dtype}: give finite ones")
    return array


def _parts(name: str, array: Array, wanted: Any) -> list[Array]:
    """Return an array in parts of the size that the file fixes; ValueError if it does not fit."""
    sides = [dim.dim_value for dim in wanted.shape.dim] if wanted.HasField("shape") else [0] * array.ndim
    fits = len(sides) == array.ndim and all(
        side in (0, size) for side, size in zip(sides[1:], array.shape[1:], strict=True)
    )
    if not fits or (sides and sides[0] and len(array) % sides[0]):
        words = ", ".join(str(side or "any") for side in sides)
        raise ValueError(
            f"inputs[{shown(name)}] has shape {array.shape}, but the model reads ({words}): "
            "give this, or several of them one behind the other on axis 0"
        )
    return np.split(array, len(array) // sides[0]) if sides and sides[0] else [array]
