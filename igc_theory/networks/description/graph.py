"""A network as operators in order, with the shapes and the constants around them: what files and modules are read into."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Constant", "Graph", "Note", "Operation", "Stored", "words"]

Array = NDArray[Any]
Sizes = tuple[int, ...]
Note = tuple[str, str, str]
"""Name and operator of what could not be read whole, and the reason."""


@dataclass(frozen=True)
class Operation:
    """One operator of a graph, in ONNX's vocabulary.

    Attributes
    ----------
    operator : str
        Its name in ONNX, such as "Conv"; with the domain in front for operators of others, "com.microsoft.FusedConv".
    name : str
    inputs, outputs : tuple of str
        Tensors; an empty name stands for one that is left out.
    attributes : mapping of str to int, float, str, list or ndarray
    times : int
        How often it runs for one input: more than once in the body of a loop.
    """

    operator: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]
    times: int = 1

    def reads(self, position: int) -> str:
        """Return the name of an input; empty for one that is left out."""
        return self.inputs[position] if position < len(self.inputs) else ""


@dataclass(frozen=True)
class Stored:
    """An array of numbers that a file or a module holds.

    Attributes
    ----------
    shape : tuple of int
    dtype : str
        NumPy's name of the type of its numbers: "float32", "bfloat16", "int8", …
    trained : bool
        Whether it may be a parameter: False for buffers of a module, scales and zero points of quantized weights, truth values
        and text.
    """

    shape: Sizes
    dtype: str
    trained: bool = True


@dataclass(frozen=True, eq=False)
class Constant:
    """A tensor that does not depend on the input.

    Attributes
    ----------
    shape : tuple of int or None
        None where it is not known without computing the values.
    dtype : str
        NumPy's name of the type of its numbers, as in `Stored`; empty if it is not known.
    origins : frozenset of str
        Names of the stored arrays that it is, or is computed from.
    compute : callable
        Gives the values, or None where they are not known; called once, when they are asked for.
    """

    shape: Sizes | None
    dtype: str
    origins: frozenset[str]
    compute: Callable[[], Array | None] = field(repr=False)

    @cached_property
    def _native(self) -> Array | None:
        values = self.compute()
        if values is None:
            return None
        view = np.asarray(values).view()
        view.setflags(write=False)
        return view

    def native(self) -> Array | None:
        """Return the numbers as they are stored, of types such as bfloat16 too; read-only, None where they are not known."""
        return self._native

    @cached_property
    def _values(self) -> Array | None:
        native = self._native
        if native is None or (native.dtype.kind in "fiubcOU" and "float8" not in native.dtype.name):
            return native
        widened = native.astype(np.float32 if "float" in native.dtype.name else np.int8)
        widened.setflags(write=False)
        return widened

    def values(self) -> Array | None:
        """Return the numbers, read-only: float32 for bfloat16 and shorter ones; None where they are not known."""
        return self._values


@dataclass(frozen=True, eq=False)
class Graph:
    """Operators in order of execution, with the shapes and the constants around them.

    Attributes
    ----------
    operations : tuple of Operation
        All that depend on the input, in order of execution.
    shapes : mapping of str to tuple of int
        Of every tensor whose shape is known, as it is in the graph: with its batch, if it has one.
    constants : mapping of str to Constant
        Tensors that do not depend on the input: stored arrays, and what is computed from these.
    inputs : tuple of str
        Tensors that the network reads, the image first.
    stored : mapping of str to Stored
        Every array of numbers that the file or module holds, whether an operator reads it or not.
    batch : int
        Examples that the graph computes at once, by which counts are to be divided.
    batched : bool
        Whether axis 0 of the first input is that of the batch.
    dynamic : bool
        Whether sizes of the inputs were open, so that they were chosen when reading.
    known_parameters : bool
        Whether `trained` of stored arrays says that they are parameters, as in a module, not only that they may be.
    notes : tuple of (str, str, str)
        Name and operator of what was not read whole, and the reason.
    """

    operations: tuple[Operation, ...]
    shapes: Mapping[str, Sizes]
    constants: Mapping[str, Constant]
    inputs: tuple[str, ...] = ()
    stored: Mapping[str, Stored] = field(default_factory=dict)
    batch: int = 1
    batched: bool = True
    dynamic: bool = False
    known_parameters: bool = False
    notes: tuple[Note, ...] = ()

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


def words(text: str) -> frozenset[str]:
    """Return the set of words of a text.

    Examples
    --------
    >>> sorted(words("Add Mul"))
    ['Add', 'Mul']
    """
    return frozenset(text.split())
