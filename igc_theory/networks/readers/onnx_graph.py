"""What is kept of an ONNX graph, as plain data: operators in order, shapes, and constants."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Graph", "Operation", "frozen", "words"]

Array = NDArray[Any]


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
