r"""Rounding to integers times a scale, with the step that makes the error least.

A step `s` gives a weight the level :math:`ℓ = \min(q, \mathrm{round}(|w| / s))`. As `s` falls, levels grow by one at the
breakpoints :math:`|w| / (k + 1/2)`. Between two of them the levels stay, and the least error is that of a least-squares fit:

.. math:: \min_s ‖w - s ℓ‖^2 = ‖w‖^2 - (w·ℓ)^2 / ‖ℓ‖^2

The least of these over all pieces is the least over all scales and integers, for the best scale has the nearest integers.
A sweep over the sorted breakpoints finds it. Of long rows only those steps are swept that a lower bound does not exclude.
"""

from __future__ import annotations

from typing import Any, NamedTuple

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
LEAF = 2**8
"""Breakpoints swept at a time, of rows that are swept whole, and of an interval that is swept rather than bisected."""

BATCH = 64
"""Intervals bounded at a time."""

SLACK = 1e-12
"""Rounding that a bound may suffer, as a share of the row's squared norm."""


class _Magnitudes(NamedTuple):
    """The different magnitudes of a row, ascending, how often each occurs, and running sums of ones and magnitudes."""

    values: Array
    counts: Array
    sums: Array


class _Intervals(NamedTuple):
    """Intervals of steps, and for each level how many of the different magnitudes have not passed it at either end."""

    low: Array
    high: Array
    first: Array
    last: Array

    def chosen(self, which: Any) -> _Intervals:
        return _Intervals(*(part[which] for part in self))


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
    if not values[-1]:
        return 1.0
    powers = counts * np.stack([np.ones_like(values), values])
    known = _Magnitudes(values, counts, np.concatenate([np.zeros((2, 1)), powers.cumsum(axis=1)], axis=1))
    # The best scale w·ℓ / ‖ℓ‖² is at least peak / (top * n): if it is below peak / top, the largest weight has level top.
    edges = np.geomspace(2 * values[-1], values[-1] / (top * row.size), 65)
    passed = _passed(known, edges, top)
    waiting = [_Intervals(edges[1:], edges[:-1], passed[1:], passed[:-1])]
    squares, score, step = float(counts @ values**2), 0.0, 1.0
    while waiting:
        some = waiting.pop()
        dot, energy = _starts(known, some.last)
        score, step = max((score, step), _best(dot, energy))
        kept = _lower_bounds(known, some, squares, dot, energy) <= squares - score + SLACK * squares
        leaves = kept & ((some.last - some.first).sum(axis=1) <= LEAF)
        if leaves.any():
            score, step = max((score, step), _best_inside(known, some.chosen(leaves), dot[leaves], energy[leaves]))
        waiting += _halves(known, some.chosen(kept & ~leaves))
    return step


def _passed(known: _Magnitudes, steps: Array, top: int) -> Array:
    """Return for every step and level k how many of the different magnitudes are below ``(k + 1/2) * step``."""
    found: Array = np.searchsorted(known.values, np.multiply.outer(steps, np.arange(top) + 0.5))
    return found


def _halves(known: _Magnitudes, some: _Intervals) -> list[_Intervals]:
    """Return intervals cut in two, in descending order and in batches."""
    middle = np.sqrt(some.low * some.high)
    between = _passed(known, middle, some.first.shape[1])
    pairs = (middle, some.low), (some.high, middle), (between, some.first), (some.last, between)
    halves = _Intervals(*(np.stack(pair, axis=1).reshape(-1, *pair[0].shape[1:]) for pair in pairs))
    return [halves.chosen(slice(k, k + BATCH)) for k in range(0, len(halves.low), BATCH)]


def _starts(known: _Magnitudes, last: Array) -> tuple[Array, Array]:
    """Return w·ℓ and ‖ℓ‖² at the upper ends of intervals: magnitudes from ``last[:, k]`` on have passed level k."""
    count, total = (sums[-1] - sums[last] for sums in known.sums)
    return total.sum(axis=1), count @ (2.0 * np.arange(last.shape[1]) + 1)


def _best(dot: Array, energy: Array) -> tuple[float, float]:
    """Return the largest (w·ℓ)² / ‖ℓ‖², and the scale w·ℓ / ‖ℓ‖² that goes with it."""
    score = dot**2 / np.maximum(energy, 1)
    best = int(np.argmax(score))
    return float(score[best]), float(dot[best] / max(energy[best], 1))


def _lower_bounds(known: _Magnitudes, some: _Intervals, squares: float, dot: Array, energy: Array) -> Array:
    r"""Return a bound on the squared error for all steps of each interval.

    With the levels at the upper end the error would be :math:`‖w‖^2 - 2 s\, w·ℓ + s^2 ‖ℓ‖^2`. A weight that passes
    :math:`(k + 1/2) s` saves :math:`2 s (|w| - (k + 1/2) s)`, at most what it saves with ``2 * high`` and ``low``.
    """
    step = np.clip(dot / np.maximum(energy, 1), some.low, some.high)
    count, total = (sums[some.last] - sums[some.first] for sums in known.sums)
    saved = total.sum(axis=1) - some.low * (count @ (np.arange(count.shape[1]) + 0.5))
    bound: Array = squares - step * (2 * dot - step * energy) - 2 * some.high * saved
    return bound


def _best_inside(known: _Magnitudes, some: _Intervals, dot: Array, energy: Array) -> tuple[float, float]:
    """Return the best score behind every breakpoint inside disjoint intervals in descending order, and its scale."""
    inside = some.last - some.first
    crossed, each = inside.sum(axis=1), inside.ravel()
    interval = np.arange(len(crossed)).repeat(crossed)
    level = np.tile(np.arange(inside.shape[1]), len(inside)).repeat(each)
    which = np.arange(each.sum()) + (some.first.ravel() - np.cumsum(each) + each).repeat(each)
    steps = np.clip(known.values[which] / (level + 0.5), some.low[interval], some.high[interval])
    order = np.argsort(-steps, kind="stable")  # equal steps at a common end stay with their own intervals
    ahead = np.cumsum(crossed) - crossed
    dots, energies = (
        _running(start, (known.counts[which] * gain)[order], interval, ahead)
        for start, gain in ((dot, known.values[which]), (energy, 2.0 * level + 1))
    )
    return _best(dots, energies) if dots.size else (0.0, 1.0)


def _running(start: Array, gains: Array, interval: Array, ahead: Array) -> Array:
    """Return sums that run through each interval from its own start."""
    total = np.concatenate([[0.0], gains.cumsum()])
    result: Array = total[1:] + (start - total[ahead])[interval]
    return result


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
