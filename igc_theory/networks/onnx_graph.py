"""What is kept of an ONNX graph, as plain data: operators in order, shapes, and constants."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from igc_theory.networks.architecture import Layer, Network
from igc_theory.networks.table import Table

__all__ = ["NO_SHAPE", "Graph", "OnnxLayer", "OnnxNetwork", "Operation", "PassedOver", "frozen", "words"]

Array = NDArray[Any]

NO_SHAPE = "the shape of what it reads or writes is not known"
"""Why a layer is passed over that stands behind an unknown operator, or that the image is too small or large for."""


@dataclass(frozen=True)
class Operation:
    """One node of a graph."""

    operator: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]

    def reads(self, position: int) -> str:
        """Return the name of an input; empty for one that is left out."""
        return self.inputs[position] if position < len(self.inputs) else ""


@dataclass(frozen=True)
class Graph:
    """Operators in order of execution, with the shapes and the constants around them.

    Attributes
    ----------
    operations : tuple of Operation
    shapes : mapping of str to tuple of int
        Of every tensor whose shape is known; the batch is 1.
    constants : mapping of str to ndarray or None
        Tensors that do not depend on the input; None for one whose values are not in the file.
    """

    operations: tuple[Operation, ...]
    shapes: Mapping[str, tuple[int, ...]]
    constants: Mapping[str, Array | None]

    @cached_property
    def readers(self) -> Counter[str]:
        """How many operators read each tensor."""
        return Counter(name for operation in self.operations for name in operation.inputs)

    @cached_property
    def writers(self) -> dict[str, Operation]:
        """The operator that writes each tensor."""
        return {name: operation for operation in self.operations for name in operation.outputs}

    def size(self, name: str) -> int:
        """Return the number of entries of a tensor; 0 if its shape is not known."""
        return prod(self.shapes[name]) if name in self.shapes else 0

    def stored(self, operation: Operation) -> int:
        """Return the numbers an operator holds itself: entries of constants, single numbers and integers left out."""
        return sum(self.size(name) for name in operation.inputs if self.is_learned(name))

    def is_learned(self, name: str) -> bool:
        """Return whether a tensor is a constant array of real numbers: a weight, to all appearances."""
        if name not in self.constants or self.size(name) < 2:
            return False
        values = self.constants[name]
        return values is None or values.dtype.kind == "f"


@dataclass(frozen=True)
class PassedOver:
    """An operator that is not counted, and why.

    Attributes
    ----------
    name, operator : str
    reason : str
    parameters : int
        Numbers that it holds, which the counts of the network leave out.

    Examples
    --------
    >>> PassedOver("mean", "ReduceMean", "is no layer of this library").parameters
    0
    """

    name: str
    operator: str
    reason: str
    parameters: int = 0


@dataclass(frozen=True, slots=True)
class OnnxLayer(Layer):
    """A layer read from a file: shapes are those of the graph.

    Attributes
    ----------
    weight : ndarray or None
        Its weights, read-only, if the file has them: (C_out, C_in/groups, kh, kw), or (out_features, in_features).
    follows : int or None
        The layer whose output channels it reads, one by one and in order, with nothing but activations, biases and scales in
        between; None if there is no such layer (a sum, a concatenation, the image).
    dilation : (int, int)
        Step within the window; it changes the resolution, not the counts.

    Examples
    --------
    >>> import pytest, pathlib
    >>> onnx = pytest.importorskip("onnx", reason="the extra onnx is not installed")
    >>> from igc_theory.networks import read_onnx
    >>> folder = pathlib.Path(onnx.__file__).parent / "backend/test/data/light"
    >>> layer = read_onnx(folder / "light_resnet50.onnx").layers[0]
    >>> layer.kind, layer.output_shape, layer.follows is None
    ('regular 7×7 /2', (64, 112, 112), True)
    """

    weight: Array | None = field(default=None, compare=False, repr=False)
    follows: int | None = None
    dilation: tuple[int, int] = (1, 1)

    @property
    def kind(self) -> str:
        """Word for the tables."""
        dilated = "" if self.dilation == (1, 1) else f", dilated {'×'.join(map(str, self.dilation))}"
        return f"{Layer.kind.__get__(self)}{dilated}"


@dataclass(frozen=True, eq=False, repr=False)
class OnnxNetwork(Network):
    """A network read from an ONNX file: the layers in order of execution, each with the layer that it follows.

    Its `nodes` are those of the layers; how they are joined is in the graph, of which `OnnxLayer.follows` tells what matters here.

    Attributes
    ----------
    read_layers : tuple of OnnxLayer
        The same as `layers`.
    longest : int
        The same as `depth`.
    passed_over : tuple of PassedOver
        Operators that are not counted: unknown ones, and those of a form that is not a layer.
    open_sides : bool
        Whether the file leaves the size of the image open, so that it was chosen when reading.

    Examples
    --------
    >>> import pytest, pathlib
    >>> onnx = pytest.importorskip("onnx", reason="the extra onnx is not installed")
    >>> from igc_theory.networks import read_onnx
    >>> folder = pathlib.Path(onnx.__file__).parent / "backend/test/data/light"
    >>> resnet = read_onnx(folder / "light_resnet50.onnx")
    >>> resnet.depth, resnet.parameters, resnet.passed_over
    (50, 25557032, ())
    """

    read_layers: tuple[OnnxLayer, ...] = ()
    longest: int = 0
    passed_over: tuple[PassedOver, ...] = ()
    open_sides: bool = False

    @cached_property
    def layers(self) -> tuple[OnnxLayer, ...]:
        """Every layer, in order of execution."""
        return self.read_layers

    @property
    def depth(self) -> int:
        """Convolutions and linear layers on the longest way from input to output."""
        return self.longest

    @property
    def has_weights(self) -> bool:
        """Whether the file holds weights, not only the structure."""
        return any(layer.weight is not None for layer in self.layers)

    def passed_over_table(self) -> Table:
        """Return what is not counted, a row for each operator and reason."""
        numbers: Counter[tuple[str, str]] = Counter()
        parameters: Counter[tuple[str, str]] = Counter()
        for entry in self.passed_over:
            numbers[entry.operator, entry.reason] += 1
            parameters[entry.operator, entry.reason] += entry.parameters
        columns: dict[str, list[Any]] = {
            "operator": [operator for operator, _ in numbers],
            "times": list(numbers.values()),
            "parameters": [parameters[key] for key in numbers],
            "reason": [reason for _, reason in numbers],
        }
        return Table(f"{self.name}: operators passed over", columns)


def frozen(values: Array | None) -> Array | None:
    """Return the values as a read-only view."""
    if values is None:
        return None
    view = np.asarray(values).view()
    view.setflags(write=False)
    return view


def words(text: str) -> frozenset[str]:
    """Return the set of words of a text.

    Examples
    --------
    >>> sorted(words("Add Mul"))
    ['Add', 'Mul']
    """
    return frozenset(text.split())
