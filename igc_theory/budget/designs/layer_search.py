r"""The search behind `best_block`: the cheapest interleaved chain between two numbers of channels, exactly.

A chain is built one factor at a time. A *state* is the number of channels reached, the paths still missing, and whether the factor
with the window has been placed. The missing paths are the *need*, as in `search`: a factor with `a` inputs per branch turns the
need `n` into :math:`⌈n/a⌉`, or into :math:`n/a` for unique paths. Such a factor costs at least `low·a` weights, `low` being the
smaller number of channels. So whatever ends the need `n` costs at least `low` times Katona's number of `n`, or for unique paths the
sum of the prime factors of `n`. A number of channels is entered and left through its divisors only. With these bounds the search
is A*: the first chain it completes is an optimum.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from heapq import heappop, heappush
from math import lcm, prod
from typing import NamedTuple

from igc_theory.budget.designs.katona import katona_number
from igc_theory.structure.divisors import divisors, prime_factors
from igc_theory.structure.factors import GroupConv

__all__ = ["LayerSearch"]

MOST_BEGINNINGS = 2**16
"""Beginnings of chains that wait to be completed: some seconds."""

Cost = tuple[int, int, int]
"""What is minimised: weights, factors, multiply–adds; or multiply–adds, factors, weights."""


class _State(NamedTuple):
    """Channels reached, paths still missing, and whether the window has been placed."""

    channels: int
    need: int
    placed: bool


class _Factor(NamedTuple):
    """A factor: whether it is pointwise or has the window, channels read and written, branches.

    Of chains that cost the same the first in this order is the answer: the window as early as possible, as in the papers.
    """

    pointwise: bool
    reads: int
    writes: int
    groups: int


class _Label(NamedTuple):
    """The beginning of a chain, by the least that any chain that begins so costs."""

    bound: Cost
    steps: tuple[_Factor, ...]
    cost: Cost
    weights: int
    state: _State


@dataclass(frozen=True)
class LayerSearch:
    """What is asked of a chain from `into` to `out` channels.

    Attributes
    ----------
    into, out : int
        Channels read and written.
    window, strides : (int, int)
        Of the factor that has them.
    dense : bool
        Whether a pair may have more than one path.
    step : int
        The channels between two factors are multiples of it, unless they are `into` or `out`.
    min_width : int
        Fewest inputs and outputs of a pointwise branch.
    most_factors, budget : int or None
        At most this many factors and weights.
    by_multiply_adds : bool
        Whether multiply–adds per output position come first, and weights last.
    """

    into: int
    out: int
    window: tuple[int, int]
    strides: tuple[int, int]
    dense: bool = True
    step: int = 1
    min_width: int = 1
    most_factors: int | None = None
    budget: int | None = None
    by_multiply_adds: bool = False

    def best(self) -> list[GroupConv] | None:
        """Return the convolutions of an optimal chain, or None if the limits leave none.

        What chains through few numbers of channels cost bounds the search among more of them: coarse multiples come first.
        """
        found = None
        for coarse in (max(self.into, self.out), 512, 64, 8, 1):
            found = self._search(self.step * coarse, found) or found
        return None if found is None else self._convolutions(found.steps)

    @property
    def _low(self) -> int:
        return min(self.into, self.out)

    @property
    def _start(self) -> _State:
        return _State(self.into, self.into, self._area == 1)

    @cached_property
    def _area(self) -> int:
        return prod(self.window)

    def _search(self, step: int, known: _Label | None) -> _Label | None:
        """Return the best chain through multiples of `step`, if it is as good as a known one."""
        heap = [_Label((self._rest(self._start), 0, 0), (), (0, 0, 0), 0, self._start)]
        kept: dict[tuple[int, int], list[_Label]] = {}
        while heap:
            label = heappop(heap)
            if label.steps and label.state == (self.out, 1, True):
                return label
            # For unique paths another need is another problem; otherwise missing fewer paths is as good or better.
            alike = kept.setdefault((label.state.channels, 0 if self.dense else label.state.need), [])
            if not any(self._dominates(other, label) for other in alike):
                alike.append(label)
                for grown in self._grown(label, step, known and known.cost):
                    heappush(heap, grown)
            if len(heap) > MOST_BEGINNINGS:
                layer = f"in_channels={self.into} and out_channels={self.out}"
                way_out = f"use multiple_of={8 * step}, so that fewer numbers of channels stand between them"
                raise ValueError(
                    f"{layer} leave more than {MOST_BEGINNINGS} beginnings of chains to compare: {way_out}"
                )
        return None

    def _dominates(self, label: _Label, other: _Label) -> bool:
        """Return whether whatever completes the other beginning completes this one, at no more cost and within the limits."""
        return (
            label.state.need <= other.state.need
            and label.state.placed >= other.state.placed
            and label.cost <= other.cost
            and (self.most_factors is None or label.cost[1] <= other.cost[1])
            and (self.budget is None or label.weights <= other.weights)
        )

    def _grown(self, label: _Label, multiple: int, known: Cost | None) -> Iterator[_Label]:
        """Yield the beginnings with one factor more that keep to the limits and may still be as good as what is known."""
        if label.cost[1] == self.most_factors:
            return
        most = self.into * self.out if known is None else known[0] - label.cost[0]
        for step, after in self._steps(label.state, multiple, most):
            weights = step.reads * step.writes // step.groups * (1 if step.pointwise else self._area)
            repeated = prod(self.strides) if step.pointwise and not label.state.placed else 1
            first, last = (weights * repeated, weights) if self.by_multiply_adds else (weights, weights * repeated)
            cost = (label.cost[0] + first, label.cost[1] + 1, label.cost[2] + last)
            rest, used = self._rest(after), label.weights + weights
            grown = _Label((cost[0] + rest, cost[1], cost[2]), (*label.steps, step), cost, used, after)
            if (self.budget is None or used + rest <= self.budget) and (known is None or grown.bound <= known):
                yield grown

    def _steps(self, state: _State, multiple: int, most: int) -> Iterator[tuple[_Factor, _State]]:
        """Yield every factor of at most this many weights per window entry that can follow, with the state behind it."""
        for groups in _divisors(state.channels):
            width = state.channels // groups
            if not self.dense and state.need % width:
                continue
            need = -(-state.need // width)
            for writes in self._written(groups, multiple, min(max(self.into, self.out), most // width)):
                if not state.placed:
                    yield _Factor(False, state.channels, writes, groups), _State(writes, need, True)
                if min(width, writes // groups) >= self.min_width:
                    yield _Factor(True, state.channels, writes, groups), _State(writes, need, state.placed)

    def _written(self, groups: int, multiple: int, most: int) -> set[int]:
        """Return the numbers of channels, at most this many, that a factor with these branches can write."""
        step = lcm(groups, multiple)
        ends = (end for end in (self.into, self.out) if end % groups == 0 and end <= most)
        return {*range(-(-self._low // step) * step, most + 1, step), *ends}

    def _rest(self, state: _State) -> int:
        """Return a lower bound of the weights that complete a chain; each state is asked for again and again."""
        if state not in self._rests:
            placing = 0 if state.placed else self._low * self._area
            bound = placing + max(self._low * self._paths(state.need), self._entering(state), self._leaving(state))
            self._rests[state] = 0 if state == (self.out, 1, True) else bound
        return self._rests[state]

    @cached_property
    def _rests(self) -> dict[_State, int]:
        return {}

    def _entering(self, state: _State) -> int:
        """Return the bound that knows how `out` is reached: by branches that divide it, from `low` channels at least."""
        if state.channels == self.out:
            return self._low * self._paths(state.need) + self.out - self._low
        # Wider ones may leave less to be done, but never less than nothing: the range holds every width that can be cheapest.
        widths = range(self._narrowest, self._narrowest + katona_number(state.need) + 1)
        return min(self.out * width + self._low * katona_number(-(-state.need // width)) for width in widths)

    @cached_property
    def _narrowest(self) -> int:
        """Fewest inputs per branch of a factor that reads another number of channels than `out` and writes `out`."""
        widths = [-(-self._low // groups) for groups in _divisors(self.out) if groups < self.out]
        # With `out` branches it reads a multiple of `out`, and two inputs per branch at least.
        widths += [2] if 2 * self.out <= self.into else []
        return min(widths, default=1)

    def _leaving(self, state: _State) -> int:
        """Return the bound that knows what another number of channels costs: branches divide the present one."""
        if state.channels == self.out:
            return 0
        bounds = []
        for groups in _divisors(state.channels):
            width = state.channels // groups
            out_width = max(-(-self._low // groups), 2 if width == 1 else 1)
            if (self.dense or state.need % width == 0) and groups * out_width <= max(self.into, self.out):
                bounds.append(state.channels * out_width + self._low * self._paths(-(-state.need // width)))
        return min(bounds, default=self.into * self.out * self._area)

    def _paths(self, need: int) -> int:
        """Return the least sum of branch widths that ends a need."""
        return katona_number(need) if self.dense else sum(prime_factors(need))

    def _convolutions(self, steps: tuple[_Factor, ...]) -> list[GroupConv]:
        """Return the factors as convolutions; without a window the first has the stride."""
        return [
            GroupConv(
                step.reads,
                step.writes,
                step.groups,
                1 if step.pointwise else self.window,
                1 if step.pointwise and (position or self._area > 1) else self.strides,
            )
            for position, step in enumerate(steps)
        ]


_divisors = lru_cache(maxsize=65536)(divisors)
"""A search meets the same numbers of channels again and again."""
