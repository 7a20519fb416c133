"""What is written down while a PyTorch module runs: operators, shapes and constants, under names of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from igc_theory.networks.description.graph import Array, Constant, Operation, Sizes, Stored

__all__ = ["Call", "Operand", "Record", "Rule", "dtype_name"]


@dataclass(frozen=True, slots=True)
class Operand:
    """A tensor by name, with its shape, and how many entries a sparse one stores."""

    name: str
    shape: Sizes
    entries: int | None = None


@dataclass(frozen=True)
class Call:
    """A call of one of ATen's operators.

    Attributes
    ----------
    operator : str
        Without namespace and overload: "conv2d", "add_".
    place : str
        The module that calls it.
    arguments : mapping of str to Any
        By their names in ATen; tensors as `Operand`.
    results : tuple of Operand
    """

    operator: str
    place: str
    arguments: Mapping[str, Any]
    results: tuple[Operand, ...]

    def __getitem__(self, name: str) -> Any:
        return self.arguments.get(name)

    @property
    def operands(self) -> list[Operand]:
        """The tensors among the arguments, those in lists too."""
        return [operand for value in self.arguments.values() for operand in _operands(value)]


@dataclass
class Record:
    """Operators in order of execution, and the constants beside them."""

    operations: list[Operation] = field(default_factory=list)
    shapes: dict[str, Sizes] = field(default_factory=dict)
    constants: dict[str, Constant] = field(default_factory=dict)
    stored: dict[str, Stored] = field(default_factory=dict)
    values: dict[str, Callable[[], Any]] = field(default_factory=dict)
    notes: dict[str, tuple[str, str]] = field(default_factory=dict)
    count: int = 0

    def fresh(self, word: str = "") -> str:
        """Return a name that is not taken."""
        self.count += 1
        return f"{word}%{self.count}"

    def origins(self, name: str) -> frozenset[str]:
        """Return the stored arrays that a constant comes from; none for what depends on the input."""
        return self.constants[name].origins if name in self.constants else frozenset()

    def write(
        self,
        operator: str,
        place: str,
        inputs: Sequence[str],
        outputs: Sequence[Operand],
        **attributes: Any,
    ) -> Operand:
        """Append an operator; return its first output."""
        self.shapes.update((output.name, output.shape) for output in outputs)
        names = tuple(output.name for output in outputs)
        self.operations.append(Operation(operator, place, tuple(inputs), names, attributes))
        return outputs[0] if outputs else Operand("", ())

    def between(self, operator: str, place: str, inputs: Sequence[str], shape: Sizes, **attributes: Any) -> Operand:
        """Append an operator whose output is new; return that."""
        return self.write(operator, place, inputs, (Operand(self.fresh(), shape),), **attributes)

    def keep(self, name: str, shape: Sizes, dtype: str, origins: frozenset[str], value: Callable[[], Any]) -> None:
        """Take a tensor as constant; `value` gives it."""
        self.shapes[name], self.values[name] = shape, value
        self.constants[name] = Constant(shape, dtype, origins, lambda: _as_array(value()))

    def constant(self, shape: Sizes, dtype: str, origins: frozenset[str], value: Callable[[], Any]) -> str:
        """Take a tensor as constant under a new name; return that."""
        name = self.fresh()
        self.keep(name, shape, dtype, origins, value)
        return name

    def numbers(self, values: Any) -> str:
        """Return the name of a constant with these values."""
        array = np.asarray(values)
        return self.constant(array.shape, array.dtype.name, frozenset(), lambda: array)

    def derived(self, names: Sequence[str], shape: Sizes, compute: Callable[..., Array]) -> str:
        """Return the name of a constant that is computed from others, by NumPy."""
        sources = [self.constants[name] for name in names]

        def value() -> Array | None:
            arrays = [source.values() for source in sources]
            return None if any(array is None for array in arrays) else compute(*arrays)

        origins = frozenset[str]().union(*(source.origins for source in sources))
        return self.constant(shape, sources[0].dtype, origins, value)


Rule = Callable[[Call, Record], object]
"""Writes a call down."""


def dtype_name(tensor: Any) -> str:
    """Return NumPy's name of the type of a tensor's numbers."""
    return str(tensor.dtype).removeprefix("torch.")


def _as_array(tensor: Any) -> Array | None:
    """Return a tensor's numbers, without a copy where they are in the memory of the processor; None for one that has none."""
    if tensor is None or isinstance(tensor, np.ndarray):
        return tensor
    if tensor.is_meta:
        return None
    there = tensor.detach().cpu()
    there = there if str(there.layout) == "torch.strided" else there.to_dense()
    try:
        return np.asarray(there.numpy())
    except TypeError:  # a type that NumPy lacks, such as bfloat16
        return np.asarray(there.float().numpy())


def _operands(value: Any) -> list[Operand]:
    if isinstance(value, Operand):
        return [value]
    return [entry for entry in value if isinstance(entry, Operand)] if isinstance(value, (list, tuple)) else []
