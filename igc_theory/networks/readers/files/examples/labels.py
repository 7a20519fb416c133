"""Where the axes of an input are found again in the tensors that operators write."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import dropwhile
from math import prod
from typing import Any

from igc_theory.networks.description.graph import Operation

__all__ = [
    "MOVES",
    "Label",
    "Labels",
    "Numbers",
    "Sizes",
    "certain",
    "entries",
    "given_axes",
    "grouped",
    "integer",
    "merged",
    "once",
    "regrouped",
    "remnant",
    "repeated",
]

Sizes = tuple[int, ...]

Part = tuple[int | None, int]
"""An axis of the input and how many entries it has here; None for anything else, and no entries for one that may lie elsewhere."""

Label = tuple[Part, ...]
"""What makes up an axis of a tensor, the outermost first; empty if no axis of the input is in it."""

Labels = tuple[Label, ...]
"""The label of each axis of a tensor."""

Numbers = Callable[[str], Sequence[int] | None]
"""Gives the integers that a constant holds, or None."""


def integer(operation: Operation, name: str, default: int) -> int:
    """Return an attribute that should be an integer; the default if it is none."""
    value = operation.attributes.get(name, default)
    return value if isinstance(value, int) else default


def given_axes(operation: Operation, numbers: Numbers) -> Sequence[int] | None:
    """Return the axes that an operator names in an attribute, or as its second input."""
    return _integers(operation.attributes.get("axes", numbers(operation.reads(1)) if operation.reads(1) else None))


def _integers(values: Any) -> Sequence[int] | None:
    """Return integers of an attribute that is not checked yet; None if they are none."""
    return values if isinstance(values, list) and all(isinstance(value, int) for value in values) else None


def entries(label: Label) -> int:
    """Return the number of entries along an axis."""
    return prod(max(size, 1) for _, size in label)


def certain(label: Label) -> Label:
    """Return the parts that lie in an axis for certain."""
    return tuple(part for part in label if part[1])


def once(label: Label) -> Label:
    """Return one of the copies that lie one behind the other along an axis."""
    return tuple(dropwhile(lambda part: part[0] is None, label))


def repeated(label: Label, size: int) -> Label:
    """Return the label of an axis of a size that holds copies of a label."""
    return ((None, size // entries(label)), *label) if label and size > entries(label) else label


def remnant(label: Label, size: int) -> Label:
    """Return the label of an axis of a size that comes from another one, of which some entries are gone, or are new."""
    axis = next((axis for axis, count in label if count and axis is not None), None)
    return (*(part for part in label if not part[1]), (axis, size)) if label else ()


def grouped(label: Label, groups: int) -> tuple[Label, Label]:
    """Return the parts of an axis that so many groups keep apart, and those of each group."""
    for place, (_, size) in enumerate(label):
        if groups % max(size, 1):
            return label[:place], label[place:]
        groups //= max(size, 1)
    return label, ()


def merged(labels: Sequence[Labels]) -> Labels:
    """Return the labels of tensors that are broadcast to each other."""
    rank = max(map(len, labels))
    padded = [((),) * (rank - len(entry)) + entry for entry in labels]
    return tuple(max(column, key=lambda label: (entries(label), bool(label))) for column in zip(*padded, strict=True))


def regrouped(labels: Labels, read: Sequence[int], written: Sequence[int]) -> Labels:
    """Return the labels behind a Reshape, which keeps the order of all entries: axes are joined, and split into parts.

    Parameters
    ----------
    labels : Labels
    read, written : sequence of int
        Shapes before and behind the Reshape.
    """
    spans = [(prod(written[:place]), prod(written[: place + 1])) for place in range(len(written))]
    found: list[list[Part]] = [[] for _ in written]
    sure = {axis for label in labels for axis, _ in certain(label)}
    for place, (label, size) in enumerate(zip(labels, read, strict=True)):
        outer = prod(read[:place])
        if size > 1 and (outer, outer * size) in spans:
            found[spans.index((outer, outer * size))] += label
            continue
        for axis, count in label or ((None, size),):
            if count > 1:
                _lay(axis, (outer, outer * count), spans, found)
            elif axis is not None and (count or axis not in sure):
                _lay_one(axis, outer, spans, found)
            outer *= max(count, 1)
    return tuple(tuple(parts) if any(axis is not None for axis, _ in parts) else () for parts in found)


def _lay(axis: int | None, own: tuple[int, int], spans: Sequence[tuple[int, int]], found: list[list[Part]]) -> None:
    """Put what spans so many entries, counted from the outermost axis, into the axes that it spans now."""
    for parts, (start, end) in zip(found, spans, strict=True):
        low, high = max(start, own[0]), min(end, own[1])
        if 0 < low < high:
            parts.append((axis, high // low))


def _lay_one(axis: int, outer: int, spans: Sequence[tuple[int, int]], found: list[list[Part]]) -> None:
    """Put an axis of one entry into another such axis, and in doubt into its neighbours, as it may be a part of them."""
    is_placed = any((axis, 1) in parts for parts in found)
    alone = [place for place, span in enumerate(spans) if span == (outer, outer) and not (found[place] or is_placed)][
        :1
    ]
    for place, (start, end) in enumerate(spans):
        part = axis, int(place in alone)
        if (place in alone or start <= outer <= end != start) and part not in found[place]:
            found[place].append(part)


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
