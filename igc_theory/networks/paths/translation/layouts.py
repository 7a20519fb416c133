"""Where the channels of a tensor lie: reshapes, transposes, slices and joins, followed on arrays of channel numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod

import numpy as np
from numpy.typing import NDArray

__all__ = ["View", "aligned", "collapsed", "reshaped", "spread"]

Integers = NDArray[np.int64]
Sizes = Sequence[int]

_LARGEST = 2**24
"""Entries of a tensor up to which channels and positions that were folded into one axis are told apart."""


@dataclass(frozen=True, eq=False)
class View:
    """A tensor as the channels of one step, laid out along its axes.

    Attributes
    ----------
    step : int
    labels : ndarray of int or None
        As many axes as the tensor; an entry is a channel of the step, or -1 for zero. An axis of length one stands for any
        length: all places along it are alike. None where the layout is not known.
    gate : bool
        Whether it is a bounded weight, fit to be a gate: behind a sigmoid or a softmax.
    """

    step: int
    labels: Integers | None
    gate: bool = False

    def at(self, labels: Integers | None) -> View:
        """Return the same channels, laid out otherwise."""
        return replace(self, labels=labels)


def spread(labels: Integers, axis: int, size: int) -> Integers:
    """Return the labels with their full length along an axis."""
    sizes = list(labels.shape)
    sizes[axis] = size
    return np.broadcast_to(labels, sizes)


def collapsed(labels: Integers) -> Integers:
    """Return the labels with one entry along each axis whose places are all alike."""
    for axis in range(labels.ndim):
        first = labels.take([0], axis=axis)
        if labels.shape[axis] > 1 and (labels == first).all():
            labels = first
    return labels


def aligned(labels: Integers, rank: int) -> Integers:
    """Return the labels with as many axes as the tensor that they are joined to; new ones come first."""
    return labels.reshape((1,) * (rank - labels.ndim) + labels.shape)


def reshaped(labels: Integers, before: Sizes, after: Sizes) -> Integers | None:
    """Return the labels behind a reshape; None if the sizes do not agree, or channels and positions are too many to tell apart.

    Examples
    --------
    The channel shuffle splits the axis of the channels; the positions stay what they are.

    >>> labels = np.arange(6).reshape(1, 6, 1, 1)
    >>> reshaped(labels, (1, 6, 8, 8), (1, 2, 3, 8, 8)).shape
    (1, 2, 3, 1, 1)
    """
    if prod(before) != prod(after) or not prod(before):
        return None
    full: list[int] = []
    sizes: list[int] = []
    for old, new in _groups(before, after):
        known = [labels.shape[k] for k in old]
        plain = all(size == 1 for size in known)
        full += known if plain else [before[k] for k in old]
        sizes += [1 if plain else after[k] for k in new]
    if prod(full) > _LARGEST:
        return None
    return collapsed(np.broadcast_to(labels, full).reshape(sizes))


def _groups(before: Sizes, after: Sizes) -> list[tuple[range, range]]:
    """Return runs of axes that a reshape turns into each other, each as short as can be."""
    found: list[tuple[range, range]] = []
    i = j = 0
    while i < len(before) and j < len(after):
        first, second = i, j
        old, new = before[i], after[j]
        i, j = i + 1, j + 1
        while old != new:
            if old < new:
                old, i = old * before[i], i + 1
            else:
                new, j = new * after[j], j + 1
        found.append((range(first, i), range(second, j)))
    # What is left has length one.
    return [*found, (range(i, len(before)), range(j, len(after)))]
