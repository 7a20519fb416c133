"""Where the axes of an input are found again in the tensors that operators write."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

from igc_theory.networks.description.graph import Operation

__all__ = ["MOVES", "Label", "Labels", "Numbers", "Sizes", "axis_of", "given_axes", "merged", "regrouped"]

Sizes = tuple[int, ...]

Label = tuple[int, ...]
"""The axes of the input that make up an axis of a tensor, the outermost first; what else is joined to them lies within."""

Labels = tuple[Label, ...]
"""The label of each axis of a tensor."""

Numbers = Callable[[str], Sequence[int] | None]
"""Gives the integers that a constant holds, or None."""


def axis_of(operation: Operation, default: int) -> int:
    """Return the axis that an operator names."""
    axis = operation.attributes.get("axis", default)
    return axis if isinstance(axis, int) else default


def given_axes(operation: Operation, numbers: Numbers) -> Sequence[int] | None:
    """Return the axes that an operator names in an attribute, or as its second input."""
    return _integers(operation.attributes.get("axes", numbers(operation.reads(1)) if operation.reads(1) else None))


def _integers(values: Any) -> Sequence[int] | None:
    """Return integers of an attribute that is not checked yet; None if they are none."""
    return values if isinstance(values, list) and all(isinstance(value, int) for value in values) else None


def merged(labels: Sequence[Labels]) -> Labels:
    """Return the labels of tensors that are broadcast to each other."""
    rank = max(map(len, labels))
    padded = [((),) * (rank - len(entry)) + entry for entry in labels]
    return tuple(next(filter(None, column), ()) for column in zip(*padded, strict=True))


def regrouped(labels: Labels, sizes: Sizes, read: Sequence[int], written: Sequence[int]) -> Labels:
    """Return the labels behind a Reshape: axes of the input are found again, joined or not, unless they are split.

    Parameters
    ----------
    labels : Labels
    sizes : Sizes
        Sizes of the axes of the input.
    read, written : sequence of int
        Shapes before and behind the Reshape.
    """
    found: list[Label] = [()] * len(written)
    for place, label in enumerate(labels):
        outer = prod(read[:place])
        for axis in label:
            target = _target(outer, sizes[axis], [prod(sizes[k] for k in entry) for entry in found], written)
            if target is not None:
                found[target] = (*found[target], axis)
            outer *= sizes[axis]
    return tuple(found)


def _target(outer: int, size: int, filled: Sequence[int], written: Sequence[int]) -> int | None:
    """Return which axis has room for a part of a size with so many entries outside; the one of just that size if there is one."""
    fits = [
        target
        for target, whole in enumerate(written)
        if prod(written[:target]) * filled[target] == outer and size and whole % (filled[target] * size) == 0
    ]
    return min(fits, key=lambda target: (written[target] != size, filled[target] > 1), default=None)


def _transposed(labels: Labels, operation: Operation, _: Numbers) -> Labels | None:
    order = _integers(operation.attributes.get("perm", list(range(len(labels)))[::-1]))
    return tuple(labels[axis] for axis in order) if sorted(order or []) == list(range(len(labels))) and order else None


def _unsqueezed(labels: Labels, operation: Operation, numbers: Numbers) -> Labels | None:
    given = given_axes(operation, numbers)
    if given is None:
        return None
    rank = len(labels) + len(given)
    new, old = {axis % rank for axis in given}, iter(labels)
    return tuple(() if place in new else next(old, ()) for place in range(rank))


def _squeezed(labels: Labels, operation: Operation, numbers: Numbers) -> Labels | None:
    given = given_axes(operation, numbers)
    if given is None or not labels:
        return None
    gone = {axis % len(labels) for axis in given}
    return tuple(label for place, label in enumerate(labels) if place not in gone)


MOVES: dict[str, Callable[[Labels, Operation, Numbers], Labels | None]] = {
    "Transpose": _transposed,
    "Unsqueeze": _unsqueezed,
    "Squeeze": _squeezed,
}
"""Operators that change the places of axes; None where the new places are not known."""
