r"""The search behind `designs`: branch widths of one channel count in order of weights, exactly.

A design is built one factor at a time. What is still missing is its *need*: at first `C`, and 1 when it is complete. A factor of
width `k` turns the need `n` into :math:`n/k` for a strict design (`k` has to divide `n`) and into :math:`⌈n/k⌉` for a dense one.
Since :math:`⌈⌈C/a⌉/b⌉ = ⌈C/(ab)⌉`, the need of a dense design reaches 1 exactly when :math:`\prod K_l ≥ C`, in whatever order the
factors come. So there are at most :math:`2\sqrt C` different needs, and a table of the least weights that end each need is small.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from math import isqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from igc_theory.structure.arguments.kinds import shown
from igc_theory.structure.arguments.numbers import positive_int
from igc_theory.structure.divisors import divisors

__all__ = ["Limits", "WidthTable", "limits", "most_useful_factors"]

IMPOSSIBLE = 1 << 60
"""More weights than any design has: no design at all."""

TIE = 1 << 12
"""Weights are counted in units of 1/TIE, and every factor costs one such unit more: ties go to the fewest factors."""

MOST_FACTORS = 1000

MOST_CHANNELS = 10**12
"""Channels whose divisors are looked for: a million trial divisions."""

MOST_ENTRIES = 2**24
"""Entries of the tables of needs: an eighth of a gigabyte each, and less than ten seconds."""


@dataclass(frozen=True)
class Limits:
    """What is asked of a design's branch widths.

    Attributes
    ----------
    fewest, most : int
        Number of factors, the spatial one included; ``most=None`` leaves it free.
    min_width : int
        Smallest width of a pointwise branch.
    min_spatial_width : int
        Smallest width of a spatial branch; 1 allows a depthwise convolution.
    """

    fewest: int = 1
    most: int | None = None
    min_width: int = 2
    min_spatial_width: int = 1

    def __str__(self) -> str:
        asked = [] if self.fewest == 1 and self.most is None else [f"factors={self.factors!r}"]
        asked += [f"min_width={self.min_width}"] * (self.min_width > 2)
        asked += [f"min_spatial_width={self.min_spatial_width}"] * (self.min_spatial_width > 1)
        return " and ".join(asked) or "no further limits"

    @property
    def factors(self) -> int | tuple[int, int | None]:
        """The number of factors as the caller gives it."""
        return self.fewest if self.fewest == self.most else (self.fewest, self.most)


def limits(factors: int | tuple[int, int | None] | None, min_width: int, min_spatial_width: int) -> Limits:
    """Return the keywords of the public functions as `Limits`, checked."""
    fewest, most = _factor_range(factors)
    advice = "use at least 2, since a pointwise branch of one channel only scales it"
    return Limits(
        fewest,
        most,
        positive_int("min_width", min_width, minimum=2, way_out=advice),
        positive_int("min_spatial_width", min_spatial_width),
    )


def most_useful_factors(channels: int, min_width: int) -> int:
    """Return how many pointwise factors of at least `min_width` a design without a superfluous factor can have.

    If one more were there, the others' product would be `channels` or more already.

    Examples
    --------
    >>> most_useful_factors(64, 2), most_useful_factors(65, 2), most_useful_factors(1, 2)
    (6, 7, 0)
    """
    factors, product = 0, 1
    while product < channels:
        factors, product = factors + 1, product * min_width
    return factors


class WidthTable:
    """The least weights that end every need, for one channel count: what makes the search exact and short.

    Parameters
    ----------
    channels, area : int
        `C` and `S`.
    dense : bool
        Whether the product of the widths may exceed `channels`; otherwise it equals it.
    asked : Limits
        What the widths have to satisfy.
    """

    def __init__(self, channels: int, area: int, *, dense: bool, asked: Limits) -> None:
        self.asked, self.area, self.dense = asked, area, dense
        every = divisors(channels)
        self.spatial = [k for k in every if k >= asked.min_spatial_width]
        self.widths = [k for k in every if k >= asked.min_width]
        pointwise = most_useful_factors(channels, asked.min_width)
        self.most_pointwise = max(pointwise, (asked.most or asked.fewest) - 1 if dense else 0)
        needs = 2 * isqrt(channels) + 2 if dense else len(every) + 2
        table = needs * max(len(self.widths), self.most_pointwise + 1)
        if table > MOST_ENTRIES:
            beyond = f"use {'a strict design, ' * dense}fewer channels, or channels with fewer divisors"
            raise ValueError(
                f"channels={channels} has {len(every)} divisors and needs a table of {table} entries, "
                f"more than {MOST_ENTRIES}: {beyond}"
            )
        self._needs, self._after = self._steps(channels)
        self.least = self._least()
        self._first = self._step(np.array([channels]), np.array(self.spatial, dtype=np.int64))[0]

    def _step(self, needs: NDArray[np.int64], widths: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the need after one factor, shape (needs, widths); 0 where the width is not possible."""
        if self.dense:
            return -(-needs[:, None] // widths)
        return np.where(needs[:, None] % widths == 0, needs[:, None] // widths, 0)

    def _steps(self, channels: int) -> tuple[NDArray[np.int64], NDArray[np.intp]]:
        """Return every need that can come up, in increasing order, and the position of the need after each width."""
        widths = np.array(self.widths, dtype=np.int64)
        every = fresh = np.unique(self._step(np.array([channels]), np.array(divisors(channels))))
        while fresh.size:
            after = np.unique(self._step(fresh, widths))
            fresh = np.setdiff1d(after, every)
            every = np.union1d(every, fresh)
        needs = np.union1d(every, [0, 1])
        after = np.where(needs[:, None] > 0, self._step(needs, widths), 0)
        return needs, np.searchsorted(needs, after)

    def _least(self) -> NDArray[np.int64]:
        """Return the least weights (in units of 1/TIE) that end each need with exactly n pointwise factors, shape (n, needs)."""
        weights = np.array(self.widths, dtype=np.int64) * TIE + 1
        rows = [np.where(self._needs == 1, 0, IMPOSSIBLE)]
        for _ in range(self.most_pointwise):
            row = (rows[-1][self._after] + weights).min(axis=1, initial=IMPOSSIBLE)
            rows.append(np.minimum(row, IMPOSSIBLE))
        return np.array(rows)

    def possible_factors(self) -> list[int]:
        """Return the numbers of factors, the spatial one included, for which there is a design, whatever number is asked."""
        start = np.searchsorted(self._needs, self._first)
        possible = (self.least[:, start] < IMPOSSIBLE).any(axis=1)
        return [int(n) + 1 for n in np.flatnonzero(possible)]

    def ranked(self) -> Iterator[tuple[int, ...]]:
        """Yield branch widths in order of weights, then of factors; the pointwise ones in increasing order.

        Best-first search (A*): the table's entry never exceeds what the rest costs, so the first complete design that comes off
        the heap is the cheapest one left.
        """
        rest = self._rest()
        heap: list[tuple[int, tuple[int, ...], int, int]] = []
        for k, need in zip(self.spatial, np.searchsorted(self._needs, self._first).tolist(), strict=True):
            if rest[0][need] < IMPOSSIBLE:
                spent = self.area * k * TIE + 1
                heap.append((spent + rest[0][need], (k,), need, spent))
        heapify(heap)
        while heap:
            _, widths, need, spent = heappop(heap)
            if self._needs[need] == 1 and len(widths) >= self.asked.fewest:
                yield widths
            for grown in self._grown(widths, need, spent, rest):
                heappush(heap, grown)

    def _grown(self, widths: tuple[int, ...], need: int, spent: int, rest: list[list[int]]) -> Iterator[Any]:
        """Yield the heap entries with one pointwise factor more, at least as wide as the last."""
        used = len(widths)
        if used == len(rest):
            return
        smallest = widths[-1] if used > 1 else 0
        for k, after in zip(self.widths, self._after[need].tolist(), strict=True):
            if k >= smallest and rest[used][after] < IMPOSSIBLE:
                cost = spent + k * TIE + 1
                yield cost + rest[used][after], (*widths, k), after, cost

    def _rest(self) -> list[list[int]]:
        """Return, by pointwise factors used and need, the least weights that end the need with an allowed number of factors."""
        most = self.most_pointwise if self.asked.most is None else min(self.asked.most - 1, self.most_pointwise)
        fewest = self.asked.fewest - 1
        return [
            self.least[max(fewest - used, 0) : most - used + 1].min(axis=0, initial=IMPOSSIBLE).tolist()
            for used in range(most + 1)
        ]


def _factor_range(factors: Any) -> tuple[int, int | None]:
    """Return the fewest and the most factors of the keyword `factors`."""
    if factors is None:
        return 1, None
    if not isinstance(factors, (tuple, list)):
        factors = (factors, factors)
    if len(factors) != 2:
        raise ValueError(
            f"factors={shown(factors)} has {len(factors)} entries, not 2: give one number or a pair (fewest, most)"
        )
    fewest = positive_int("factors", factors[0], way_out="use at least 1, the spatial factor")
    most = None if factors[1] is None else positive_int("factors", factors[1])
    if most is not None and most < fewest:
        raise ValueError(f"factors=({fewest}, {most}) is empty: give the smaller number first")
    if max(fewest, most or 0) > MOST_FACTORS:
        raise ValueError(f"factors={shown(factors)} asks for more than {MOST_FACTORS}: no width needs so many")
    return fewest, most
