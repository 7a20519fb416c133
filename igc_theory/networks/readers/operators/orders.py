"""Where the channels of a layer are in a tensor that was reshaped, transposed, cut up and joined again.

An axis of such a tensor runs through parts of the axes of the tensor in front, the slowest part first, as in einops. A reshape
splits and joins parts; a transposition exchanges axes. The channels are in another order where one axis runs through all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from math import prod
from typing import NamedTuple

import numpy as np

__all__ = ["Axes", "Layout", "Part", "concatenated", "reshaped_axes", "taken", "transposed", "untouched"]

Offsets = range | tuple[int, ...]

_MOST = 2**20
"""Entries of an axis up to which they are followed one by one."""


class Part(NamedTuple):
    """A part of an axis of the tensor in front: each step along it adds to the position there.

    `axis` is 1 for the channels, 0 for what stands before them (batch, or positions too), 2 for what stands behind them.
    """

    axis: int
    offsets: Offsets


Axes = tuple[tuple[Part, ...], ...]


@dataclass(frozen=True)
class Layout:
    """A tensor as a rearrangement of another.

    Attributes
    ----------
    source : str
        The tensor in front.
    sizes : (int, int, int)
        Its entries before the axis of channels, its channels, and its entries behind that axis.
    axes : tuple of tuple of Part
        What each axis of the tensor at hand runs through.
    place : int
        The axis of channels of the tensor in front.
    """

    source: str
    sizes: tuple[int, int, int]
    axes: Axes
    place: int

    def order(self) -> tuple[int, tuple[int, ...]] | None:
        """Return the axis of the channels and their order along it; None if they are not all there, or positions are moved."""
        found = [k for k, axis in enumerate(self.axes) if any(part.axis == 1 for part in axis)]
        single = self.sizes[1] == 1 and self.place < len(self.axes)
        place = found[0] if found else self.place if single else None
        if len(found) > 1 or place is None or self.sizes[1] > _MOST or any(part.axis != 1 for part in self.axes[place]):
            return None
        order = _positions(self.axes[place])
        others = [part for k, axis in enumerate(self.axes) if k != place for part in axis]
        return (place, order) if sorted(order) == list(range(self.sizes[1])) and self._in_order(others) else None

    def _in_order(self, parts: Sequence[Part]) -> bool:
        """Return whether the other axes run through the positions one by one, in order."""
        whole = [Part(axis, range(size)) for axis, size in enumerate(self.sizes) if size > 1 and axis != 1]
        return _joined(parts) == whole


def untouched(shape: Sequence[int], channels: int) -> Axes:
    """Return the axes of a tensor that is not rearranged; an axis of size 1 runs through nothing.

    Examples
    --------
    >>> untouched((1, 4, 5), 1)
    ((), (Part(axis=1, offsets=range(0, 4)),), (Part(axis=2, offsets=range(0, 5)),))
    """
    axes: list[tuple[Part, ...]] = []
    for k, size in enumerate(shape):
        step = prod(shape[k + 1 : channels]) if k < channels else prod(shape[k + 1 :]) if k > channels else 1
        side = (k >= channels) + (k > channels)
        axes.append((Part(side, range(0, size * step, step)),) if size > 1 and step else ())
    return tuple(axes)


def reshaped_axes(axes: Axes, shape: Sequence[int]) -> Axes | None:
    """Return the axes behind a reshape; None if it cuts an axis where it cannot be split.

    Examples
    --------
    >>> reshaped_axes(untouched((6,), 0), (2, 3))
    ((Part(axis=1, offsets=range(0, 6, 3)),), (Part(axis=1, offsets=range(0, 3)),))
    """
    left = _joined([part for axis in axes for part in axis])[::-1]
    result = []
    for size in shape:
        parts: list[Part] = []
        while size > 1:
            if not left:
                return None
            part = left.pop()
            if size % len(part.offsets):
                halves = _split(part, size)
                if halves is None:
                    return None
                part, rest = halves
                left.append(rest)
            parts.append(part)
            size //= len(part.offsets)
        result.append(tuple(parts))
    return None if left else tuple(result)


def _joined(parts: Sequence[Part]) -> list[Part]:
    """Return parts with neighbours joined that run through one axis evenly together."""
    joined: list[Part] = []
    for part in parts:
        before, after = joined[-1].offsets if joined else (), part.offsets
        if (
            joined
            and joined[-1].axis == part.axis
            and isinstance(before, range)
            and isinstance(after, range)
            and before.step == after.step * len(after)
            and after.start == 0
        ):
            joined[-1] = Part(part.axis, range(before.start, before.start + before.step * len(before), after.step))
        else:
            joined.append(part)
    return joined


def transposed(axes: Axes, order: Sequence[int]) -> Axes:
    """Return the axes behind a transposition."""
    return tuple(axes[k] for k in order)


def taken(axes: Axes, place: int, indices: Sequence[int]) -> Axes | None:
    """Return the axes if some entries of one axis are taken; None if that axis runs through parts of several axes."""
    parts = axes[place]
    if len({part.axis for part in parts}) != 1 or _length(parts) > _MOST:
        return None
    positions = _positions(parts)
    chosen = Part(parts[0].axis, _as_range(tuple(positions[k] for k in indices)))
    return (*axes[:place], (chosen,), *axes[place + 1 :])


def concatenated(pieces: Sequence[Axes], place: int) -> Axes | None:
    """Return the axes of pieces of one tensor that are joined along an axis; None if they do not fit together."""
    first = pieces[0]
    if any(piece[:place] != first[:place] or piece[place + 1 :] != first[place + 1 :] for piece in pieces):
        return None
    parts = [part for piece in pieces for part in piece[place]]
    if len({part.axis for part in parts}) != 1 or not all(piece[place] for piece in pieces):
        return None
    if sum(_length(piece[place]) for piece in pieces) > _MOST:
        return None
    positions = tuple(position for piece in pieces for position in _positions(piece[place]))
    return (*first[:place], (Part(parts[0].axis, _as_range(positions)),), *first[place + 1 :])


def _length(parts: Sequence[Part]) -> int:
    """Return how many steps an axis of the parts has; 0 without parts."""
    return prod(len(part.offsets) for part in parts) if parts else 0


def _positions(parts: Sequence[Part]) -> tuple[int, ...]:
    """Return the positions that parts of one axis run through, the last part fastest."""
    sums = reduce(np.add.outer, (np.asarray(part.offsets) for part in parts), np.zeros((), int))
    return tuple(sums.ravel().tolist())


def _as_range(positions: tuple[int, ...]) -> Offsets:
    """Return positions as a range if their steps are equal."""
    if len(positions) < 2:
        return positions
    start, step = positions[0], positions[1] - positions[0]
    even = range(start, start + step * len(positions), step) if step else ()
    return even if tuple(even) == positions else positions


def _split(part: Part, count: int) -> tuple[Part, Part] | None:
    """Return a part as two, the first of `count` steps; None if it is not their sum."""
    length = len(part.offsets)
    if length % count:
        return None
    if isinstance(part.offsets, range):
        start, step = part.offsets.start, part.offsets.step
        slow_steps = range(start, start + step * length, step * (length // count))
        return Part(part.axis, slow_steps), Part(part.axis, range(0, step * (length // count), step))
    offsets = np.asarray(part.offsets)
    table = offsets.reshape(count, -1)
    slow, fast = table[:, 0], table[0] - table[0, 0]
    if not np.array_equal(table, np.add.outer(slow, fast)):
        return None
    halves = (_as_range(tuple(side.tolist())) for side in (slow, fast))
    first, second = (Part(part.axis, offsets) for offsets in halves)
    return first, second
