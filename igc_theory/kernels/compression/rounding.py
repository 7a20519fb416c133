r"""Rounding to integers times a scale, with the step that makes the error least.

A step `s` gives a weight the level :math:`ℓ = \min(q, \mathrm{round}(|w| / s))`. As `s` falls, levels grow by one at the
breakpoints :math:`|w| / (k + 1/2)`. Between two of them the levels stay, and the least error is that of a least-squares fit:

.. math:: \min_s ‖w - s ℓ‖^2 = ‖w‖^2 - (w·ℓ)^2 / ‖ℓ‖^2

The least of these over all pieces is the least over all scales and integers, for the best scale has the nearest integers.
A sweep over the sorted breakpoints finds it. Of long rows only those steps are swept that a lower bound does not exclude.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from igc_theory.kernels.arrays import Array

__all__ = ["is_exact", "rounded_rows"]

_VANISHING = 1e-290
"""Rows of a kernel of ordinary size whose largest entry is below this count as zero: steps would be denormal numbers."""

_SHARES = np.linspace(0.05, 1, 39)
"""Steps tried where the exact search takes too long, as shares of the step that just reaches the largest weight."""

EXACT_TOP = 127
EXACT_BREAKPOINTS = 2**22
"""Largest integer up to which every step is found exactly; beyond it, those of matrices with at most so many breakpoints."""

AT_ONCE = 2**19
SHORT = 2**14
LEAF = 2**10
"""Breakpoints swept at a time, of rows that are swept whole, and of an interval that is swept rather than bisected."""

SLACK = 1e-12
"""Rounding that a bound may suffer, as a share of the row's squared norm."""


class _Magnitudes(NamedTuple):
    """The different magnitudes of a row, ascending, how often each occurs, and running sums of their powers 0, 1 and 2."""

    values: Array
    counts: Array
    sums: Array


def is_exact(size: int, top: int) -> bool:
    """Return whether the steps for a matrix of `size` entries and integers up to `top` are found exactly.

    Examples
    --------
    >>> is_exact(10**9, 127), is_exact(1000, 255), is_exact(10**6, 255)
    (True, True, False)
    """
    return top <= EXACT_TOP or size * top <= EXACT_BREAKPOINTS


def rounded_rows(rows: Array, top: int) -> tuple[Array, NDArray[np.int64]]:
    """Return scales, shape (rows, 1), and integers from -top to top: each row is near its scale times its integers.

    Examples
    --------
    >>> scale, levels = rounded_rows(np.array([[3.0, -1.0, 2.0], [0.0, 0.0, 0.0]]), 3)
    >>> levels, scale.round(6)
    (array([[ 3, -1,  2],
           [ 0,  0,  0]]), array([[1.],
           [0.]]))
    """
    peak = np.abs(rows).max(axis=1, keepdims=True).astype(np.float64)
    peak = np.where(peak > _VANISHING, peak, np.inf)  # which makes zeros of the row
    unit = rows / peak
    steps = _best_steps(np.abs(unit), top) if is_exact(rows.size, top) else _trial_steps(unit, top)
    scale, levels = _fitted(unit, steps, top)
    return scale * np.where(np.isinf(peak), 0, peak), levels


def _best_steps(magnitudes: Array, top: int) -> Array:
    """Return the best step of every row, shape (rows, 1)."""
    width = magnitudes.shape[1] * top
    if width > SHORT and top <= EXACT_TOP:
        return np.array([[_searched(row, top)] for row in magnitudes])
    parts = np.array_split(magnitudes, max(1, -(-magnitudes.size * top // AT_ONCE)))
    return np.concatenate([_swept(part, top) for part in parts if len(part)])


def _swept(magnitudes: Array, top: int) -> Array:
    """Return the best step of every row after a sweep over all breakpoints."""
    half = np.arange(top) + 0.5
    order = np.argsort(-(magnitudes[..., np.newaxis] / half).reshape(len(magnitudes), -1), axis=1)
    dot = np.cumsum(np.take_along_axis(magnitudes, order // top, axis=1), axis=1)
    energy = np.cumsum(2.0 * half[order % top], axis=1)
    best = np.argmax(dot**2 / energy, axis=1, keepdims=True)
    found = np.take_along_axis(dot / energy, best, axis=1)
    return np.where(found > 0, found, 1)


def _searched(row: Array, top: int) -> float:
    """Return the best step of one long row by branch and bound over intervals of steps."""
    values, counts = np.unique(row, return_counts=True)
    powers = counts * np.stack([np.ones_like(values), values, values**2])
    known = _Magnitudes(values, counts, np.concatenate([np.zeros((3, 1)), powers.cumsum(axis=1)], axis=1))
    if not values[-1]:
        return 1.0
    # The best scale w·ℓ / ‖ℓ‖² is at least peak / (top * n): if it is below peak / top, the largest weight has level top.
    edges = np.geomspace(2 * values[-1], values[-1] / (top * row.size), 65)
    score, step, waiting = 0.0, 1.0, [(edges[1:], edges[:-1])]
    while waiting:
        low, high = waiting.pop()
        first, last = (np.searchsorted(values, np.multiply.outer(end, np.arange(top) + 0.5)) for end in (low, high))
        crossed = (last - first).sum(axis=1)
        score, step = max((score, step), _best_start(known, last))
        kept = known.sums[2, -1] - _lower_bounds(known, low, high, top) >= score - SLACK * known.sums[2, -1]
        leaves = kept & (crossed <= LEAF)
        if leaves.any():
            score, step = max((score, step), _best_inside(known, low[leaves], high[leaves], first[leaves], last[leaves]))
        waiting += _halves(low[kept & ~leaves], high[kept & ~leaves])
    return step


def _halves(low: Array, high: Array) -> list[tuple[Array, Array]]:
    """Return intervals cut in two, at most 64 in a batch, in descending order."""
    middle = np.sqrt(low * high)
    low, high = np.stack([middle, low], axis=1).ravel(), np.stack([high, middle], axis=1).ravel()
    return [(low[k : k + 64], high[k : k + 64]) for k in range(0, low.size, 64)]


def _starts(known: _Magnitudes, last: Array) -> tuple[Array, Array]:
    """Return w·ℓ and ‖ℓ‖² at the upper ends of intervals: magnitudes from ``last[:, k]`` on have passed level k."""
    passed = known.sums[:2, -1, np.newaxis, np.newaxis] - known.sums[:2, last]
    return passed[1].sum(axis=1), passed[0] @ (2.0 * np.arange(last.shape[1]) + 1)


def _best_start(known: _Magnitudes, last: Array) -> tuple[float, float]:
    """Return the best score (w·ℓ)² / ‖ℓ‖² at the upper ends of intervals, and its scale."""
    return _best(*_starts(known, last))


def _best(dot: Array, energy: Array) -> tuple[float, float]:
    score = dot**2 / np.maximum(energy, 1)
    best = int(np.argmax(score))
    return float(score[best]), float(dot[best] / max(energy[best], 1))


def _best_inside(known: _Magnitudes, low: Array, high: Array, first: Array, last: Array) -> tuple[float, float]:
    """Return the best score behind every breakpoint inside disjoint intervals in descending order, and its scale."""
    crossed = last - first
    inside = crossed.ravel()
    level = np.tile(np.arange(first.shape[1]), len(first)).repeat(inside)
    interval = np.arange(len(first)).repeat(crossed.sum(axis=1))
    which = np.arange(inside.sum()) + (first.ravel() - np.cumsum(inside) + inside).repeat(inside)
    step = np.clip(known.values[which] / (level + 0.5), low[interval], high[interval])
    order = np.argsort(-step, kind="stable")  # equal steps at a common end stay with their own intervals
    gains = known.counts[which] * np.stack([known.values[which], 2.0 * level + 1])
    gained = np.concatenate([np.zeros((2, 1)), gains[:, order].cumsum(axis=1)], axis=1)
    before = gained[:, np.cumsum(crossed.sum(axis=1)) - crossed.sum(axis=1)]
    dot, energy = (start[interval] + run[1:] - base[interval] for start, run, base in zip(
        _starts(known, last), gained, before, strict=True
    ))  # fmt: skip
    return _best(dot, energy) if dot.size else (0.0, 1.0)


def _lower_bounds(known: _Magnitudes, low: Array, high: Array, top: int) -> Array:
    """Return a bound on the squared error for all steps of each interval.

    A magnitude between ``k * high`` and ``(k + 1) * low`` meets no multiple of any step between; the nearer of the two is the
    nearest that a multiple comes. Magnitudes beyond ``top * high`` are cut off.
    """
    k = np.arange(top + 1)
    floor = np.multiply.outer(high, k)
    ceiling = np.maximum(np.multiply.outer(low, k + 1), floor)
    ceiling[:, -1] = np.inf
    ends = [np.searchsorted(known.values, end) for end in (floor, (floor + ceiling) / 2, ceiling)]
    below, above = (known.sums[:, b] - known.sums[:, a] for a, b in zip(ends, ends[1:], strict=False))
    ceiling[:, -1] = 0  # nothing lies above half of infinity
    parts = [m[2] - 2 * at * m[1] + at**2 * m[0] for m, at in ((below, floor), (above, ceiling))]
    bound: Array = np.maximum(sum(parts), 0).sum(axis=1)
    return bound


def _trial_steps(rows: Array, top: int) -> Array:
    """Return the best of 39 steps for every row, the last of which just reaches the largest weight."""
    peak = np.abs(rows).max(axis=1, keepdims=True)
    steps = np.where(peak > 0, peak, 1) / top
    least = _squared_error(rows, *_fitted(rows, steps, top))
    best = steps
    for share in _SHARES[:-1]:
        error = _squared_error(rows, *_fitted(rows, share * steps, top))
        best, least = np.where(error < least, share * steps, best), np.minimum(error, least)
    return best


def _fitted(rows: Array, step: Array, top: int) -> tuple[Array, NDArray[np.int64]]:
    """Return the scale that suits the integers for a step best, and the integers."""
    levels = np.clip(np.rint(rows / step), -top, top)
    energy = (levels**2).sum(axis=1, keepdims=True)
    scale = (rows * levels).sum(axis=1, keepdims=True) / np.where(energy > 0, energy, 1)
    return scale, levels.astype(np.int64)


def _squared_error(rows: Array, scale: Array, levels: Array) -> Array:
    error: Array = ((rows - scale * levels) ** 2).sum(axis=1, keepdims=True)
    return error
