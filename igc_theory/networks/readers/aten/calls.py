"""What an operator of PyTorch is called with: the tensors among its arguments, their memory, and which of them it writes to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from igc_theory.networks.readers.aten.record import Operand

try:
    import torch
except ImportError:  # from_torch says what to install
    torch = None

__all__ = [
    "address_of",
    "arguments_of",
    "mapped",
    "operands_in",
    "storage_of",
    "stored_entries",
    "tensors_in",
    "written_by",
]


def mapped(change: Callable[[Any], Any], tree: Any) -> Any:
    """Return a tree of tuples, lists and dictionaries with every leaf changed."""
    if isinstance(tree, (tuple, list)):
        return type(tree)([mapped(change, branch) for branch in tree])
    if isinstance(tree, dict):
        return {name: mapped(change, branch) for name, branch in tree.items()}
    return change(tree)


def _leaves(tree: Any) -> Iterator[Any]:
    if isinstance(tree, (tuple, list, dict)):
        for branch in tree.values() if isinstance(tree, dict) else tree:
            yield from _leaves(branch)
    else:
        yield tree


def tensors_in(tree: Any) -> list[Any]:
    """Return the tensors in a tree."""
    return [leaf for leaf in _leaves(tree) if isinstance(leaf, torch.Tensor)]


def operands_in(tree: Any) -> list[Operand]:
    """Return the operands in a tree."""
    return [leaf for leaf in _leaves(tree) if isinstance(leaf, Operand)]


def storage_of(tensor: Any) -> Any:
    """Return what a tensor shares with the views of it; itself where it has no strides."""
    return tensor.untyped_storage() if tensor.layout == torch.strided else tensor


def address_of(tensor: Any) -> int:
    """Return a number that tensors have in common if they show the same memory."""
    return int(tensor.untyped_storage()._cdata) if tensor.layout == torch.strided else id(tensor)


def stored_entries(tensor: Any) -> int | None:
    """Return how many entries a sparse tensor stores; None of one that is not sparse."""
    if tensor.layout == torch.sparse_coo:
        return int(tensor._values().numel())
    compressed = torch.sparse_csr, torch.sparse_csc, torch.sparse_bsr, torch.sparse_bsc
    return int(tensor.values().numel()) if tensor.layout in compressed else None


def arguments_of(func: Any, args: Any, kwargs: Any) -> dict[str, Any]:
    """Return the arguments of an operator by name, with those left out at their defaults."""
    schema = func._schema.arguments
    given = dict(zip((entry.name for entry in schema), args, strict=False))
    defaults = {entry.name: entry.default_value for entry in schema if entry.has_default_value()}
    return {**defaults, **given, **kwargs}


def written_by(func: Any, args: Any, kwargs: Any) -> list[Any]:
    """Return the tensors that an operator writes to."""
    if not func._schema.is_mutable:
        return []
    targets = [entry.name for entry in func._schema.arguments if entry.alias_info and entry.alias_info.is_write]
    arguments = arguments_of(func, args, kwargs)
    return tensors_in([arguments.get(name) for name in targets])
