"""What factors take on a machine, and what the rest of a chain takes at least, for the search of the fastest chain."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import prod

from igc_theory.budget.latency import SHUFFLE, LatencyTable, Work, conv_work, operator_time
from igc_theory.structure.divisors import divisors
from igc_theory.structure.factors import GroupConv

__all__ = ["PASSED", "Clock"]

DUE, PASSED = 1, 2
"""A shuffle is due behind a factor, unless the chain ends there; or a depthwise factor has passed it on, and it has to come."""

ROUNDING = 1 - 1e-9
"""A bound is a sum of floats in another order than the time that it bounds."""


@dataclass(frozen=True)
class Clock:
    """The table of a machine, with the image that a layer reads and the layer itself.

    Attributes
    ----------
    table : LatencyTable
    height, width : int
        Of the image read.
    window, strides : (int, int)
    low, high, out : int
        The smaller and the larger number of channels of the layer, which bound those of all factors, and those that it writes.
    """

    table: LatencyTable
    height: int
    width: int
    window: tuple[int, int]
    strides: tuple[int, int]
    low: int
    high: int
    out: int

    def time(self, conv: GroupConv, behind: bool, shuffle: int) -> tuple[float, int]:
        """Return the milliseconds of a factor with the shuffle in front of it, and whether one is due behind it.

        Behind a factor a shuffle is due if it has branches that write more than one channel. A dense factor spares it, a depthwise
        one passes it on.

        Parameters
        ----------
        conv : GroupConv
            The factor.
        behind : bool
            Whether it stands behind the stride.
        shuffle : int
            Whether a shuffle is due in front of it: 0, `DUE` or `PASSED`.
        """
        key = conv, behind, shuffle
        if key not in self._times:
            self._times[key] = self._time(*key)
        return self._times[key]

    def _time(self, conv: GroupConv, behind: bool, shuffle: int) -> tuple[float, int]:
        height, width = self._after if behind else (self.height, self.width)
        time = operator_time(self.table, conv_work(conv, height, width))
        if conv.groups > 1 and conv.in_width == conv.out_width == 1:
            return time, PASSED if shuffle else 0
        if shuffle and conv.groups > 1:
            time += self._shuffle(conv.in_channels * height * width)
        return time, DUE if conv.groups > 1 and conv.out_width > 1 else 0

    def last_shuffle(self) -> float:
        """Return the milliseconds of a shuffle behind the last factor."""
        return self._shuffle(self.out * self._positions)

    def _shuffle(self, moved: int) -> float:
        return operator_time(self.table, Work(SHUFFLE, 1, 0, moved, moved))

    def rest(self, channels: int, need: int, placed: bool) -> float:
        """Return the least milliseconds in which a chain that has come to so many channels can end its need.

        The next factor reads these channels. All that follow read and write at least `low`, behind the stride, and shuffles are
        left out. With enough inputs per branch in all, that is a short recursion over needs.
        """
        key = channels, need, placed
        if key not in self._rests:
            next_ones = ((channels // groups, groups) for groups in divisors(channels))
            times = [
                self._least(width, groups, channels, spatial) + self._ended(-(-need // width), placed or spatial)
                for width, groups in next_ones
                for spatial in ({False} if placed else {False, True})
            ]
            widening = 0.0 if channels == self.out else self._written * (self.out - self.low) * self._positions
            self._rests[key] = (min(times) + widening) * ROUNDING
        return self._rests[key]

    def _ended(self, need: int, placed: bool) -> float:
        """Return the least milliseconds that end a need by factors of at least `low` channels, divisors or not."""
        if need == 1 and placed:
            return 0.0
        if (need, placed) not in self._ends:
            best = float("inf")
            for spatial in {False, not placed} if need > 1 else {True}:
                for width in range(1 if spatial else 2, self.high + 1):
                    # Wider factors have fewer branches, but one at least: beyond this width they only do more.
                    if self._least(width, 1, self.low, spatial) >= best:
                        break
                    time = self._least(width, max(self.low // width, 1), self.low, spatial)
                    best = min(best, time + self._ended(-(-need // width), placed or spatial))
            self._ends[need, placed] = best
        return self._ends[need, placed]

    def _least(self, width: int, groups: int, reads: int, spatial: bool) -> float:
        """Return the least milliseconds of a factor that writes `low` channels or more, behind the stride.

        It has `groups` branches or more.
        """
        kinds = ["pointwise"] * (groups == 1) + ["depthwise pointwise" if width == 1 else "group pointwise"]
        if spatial:
            kinds = [kind.removesuffix("pointwise").strip() or "regular" for kind in kinds]
        area = prod(self.window) if spatial else 1
        written = self.low * self._positions
        amounts = groups, width * area * written, reads * self._positions, written
        return min(operator_time(self.table, Work(kind, *amounts)) for kind in kinds)

    @cached_property
    def _times(self) -> dict[tuple[GroupConv, bool, int], tuple[float, int]]:
        return {}

    @cached_property
    def _rests(self) -> dict[tuple[int, int, bool], float]:
        return {}

    @cached_property
    def _ends(self) -> dict[tuple[int, bool], float]:
        return {}

    @cached_property
    def _after(self) -> tuple[int, int]:
        return -(-self.height // self.strides[0]), -(-self.width // self.strides[1])

    @cached_property
    def _positions(self) -> int:
        return prod(self._after)

    @cached_property
    def _written(self) -> float:
        """Milliseconds per number written, at least, whatever the factor."""
        return min(row[4] for kind, row in self.table.coefficients.items() if kind != SHUFFLE)
