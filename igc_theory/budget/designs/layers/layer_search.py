r"""The search behind `best_block`: the cheapest interleaved chain between two numbers of channels, exactly.

A chain is built one factor at a time. A *state* is the number of channels reached, the paths still missing, and whether the factor
with the window has been placed. The missing paths are the *need*, as in `search`: a factor with `a` inputs per branch turns the
need `n` into :math:`⌈n/a⌉`, or into :math:`n/a` for unique paths. Such a factor costs at least `low·a` weights, `low` being the
smaller number of channels. So whatever ends the need `n` costs at least `low` times Katona's number of `n`, or for unique paths the
sum of the prime factors of `n`. A number of channels is entered and left through its divisors only. With these bounds the search
is A*: the first chain it completes is an optimum. By time, a state knows whether a shuffle is due, and `Clock` bounds the rest.

The best `n` chains come out of the same search: a beginning is dropped when `n` others dominate it. Chains that have the same
factors in another order are one design.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from heapq import heappop, heappush
from math import lcm, prod
from typing import NamedTuple

from tqdm import tqdm

from igc_theory.budget.designs.katona import katona_number
from igc_theory.budget.designs.layers.clock import PASSED, Clock
from igc_theory.structure.divisors import divisors, prime_factors
from igc_theory.structure.factors import GroupConv

__all__ = ["LayerSearch"]

MOST_BEGINNINGS = 2**16
"""Beginnings of chains that wait to be completed: some seconds."""

Cost = tuple[float, int, int]
"""What is minimised: weights, factors, multiply–adds; or multiply–adds, factors, weights; or milliseconds, factors, weights."""


class _State(NamedTuple):
    """Channels reached, paths still missing, whether the window has been placed, and whether a shuffle is due (by time only)."""

    channels: int
    need: int
    placed: bool
    shuffle: int = 0


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
    fewest_factors : int
        At least this many factors.
    clock : Clock or None
        What times come first, and weights last.
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
    fewest_factors: int = 1
    clock: Clock | None = None

    def best(self, most: int = 1) -> list[list[GroupConv]]:
        """Return the convolutions of the best chains, at most this many, the optimum first; none if the limits leave none.

        What chains through few numbers of channels cost bounds the search among more of them: coarse multiples come first.
        """
        found: list[_Label] = []
        for coarse in (max(self.into, self.out), 512, 64, 8, 1):
            known = found[-1].cost if len(found) == most else None
            found = self._search(self.step * coarse, known, most) or found
        return [self._convolutions(label.steps) for label in found]

    @property
    def least_weights(self) -> int:
        """Weights that no chain is below."""
        return self._rest(self._start)

    @property
    def _low(self) -> int:
        return min(self.into, self.out)

    @property
    def _start(self) -> _State:
        return _State(self.into, self.into, self._area == 1)

    @cached_property
    def _area(self) -> int:
        return prod(self.window)

    def _search(self, step: int, known: Cost | None, most: int) -> list[_Label]:
        """Return the best chains through multiples of `step`, at most this many, if they are as good as a known cost."""
        heap = [_Label((self._rest(self._start), 0, 0), (), (0, 0, 0), 0, self._start)]
        kept: dict[tuple[int, int], list[_Label]] = {}
        found: list[_Label] = []
        met: set[tuple[_State, tuple[_Factor, ...]]] = set()
        bar = tqdm(desc="chains", unit="beginning", delay=2, leave=False, disable=None)
        while heap and len(found) < most:
            label = heappop(heap)
            bar.update()
            key = label.state, tuple(sorted(label.steps))
            if key in met or self._dominated(label, kept, most):
                continue
            met.add(key)
            if self._complete(label):
                found.append(label)
            heaviest = self._most_weights(label, known, most)
            for grown in self._grown(label, step, known, heaviest):
                heappush(heap, grown)
            if len(heap) > MOST_BEGINNINGS:
                layer = f"in_channels={self.into} and out_channels={self.out}"
                way_out = f"use multiple_of={8 * step}, so that fewer numbers of channels stand between them"
                raise ValueError(
                    f"{layer} leave more than {MOST_BEGINNINGS} beginnings of chains to compare: {way_out}"
                )
        bar.close()
        return found

    def _complete(self, label: _Label) -> bool:
        return label.cost[1] >= self.fewest_factors and self._at_end(label.state) and label.state.shuffle != PASSED

    def _at_end(self, state: _State) -> bool:
        return state[:3] == (self.out, 1, True)

    def _dominated(self, label: _Label, kept: dict[tuple[int, int], list[_Label]], most: int) -> bool:
        """Return whether as many beginnings as are wanted dominate this one; else keep it."""
        # For unique paths another need is another problem; otherwise missing fewer paths is as good or better.
        alike = kept.setdefault((label.state.channels, 0 if self.dense else label.state.need), [])
        placed = [other.state.placed for other in alike if self._dominates(other, label)]
        # One that has its window and one that lacks it may be completed to the same design, so each kind counts alone.
        if max(sum(placed), len(placed) - sum(placed)) >= most:
            return True
        alike.append(label)
        return False

    def _dominates(self, label: _Label, other: _Label) -> bool:
        """Return whether whatever completes the other beginning completes this one, at no more cost and within the limits."""
        return (
            label.state.need <= other.state.need
            and (label.state.placed == other.state.placed or self._replaces(label, other))
            and label.state.shuffle <= other.state.shuffle
            and label.cost <= other.cost
            and (self.most_factors is None or label.cost[1] <= other.cost[1])
            and label.cost[1] >= min(other.cost[1], self.fewest_factors)
            and (self.budget is None or label.weights <= other.weights)
        )

    def _replaces(self, label: _Label, other: _Label) -> bool:
        """Return whether the first has its window and can do without the factor that the other still needs for it.

        A pointwise factor takes its place, if branches may be as narrow as those; or none does, if it only scales channels. It has
        no more weights, but in a table of times it may take longer.
        """
        if self.clock is not None:
            return False
        spared = label.cost[1] >= min(other.cost[1] + 1, self.fewest_factors)
        return label.state.placed and self.min_width == 1 and spared

    def _grown(self, label: _Label, multiple: int, known: Cost | None, heaviest: int) -> Iterator[_Label]:
        """Yield the beginnings with one factor more that keep to the limits and may still be as good as what is known."""
        if self.clock is not None and label.state.shuffle == PASSED and self._at_end(label.state):
            cost = label.cost[0] + self.clock.last_shuffle(), *label.cost[1:]
            yield label._replace(bound=cost, cost=cost, state=label.state._replace(shuffle=0))
        if label.cost[1] == self.most_factors:
            return
        for step, after in self._steps(label.state, multiple, heaviest):
            alone = not label.steps and self.into == self.out == self._area == 1
            if step.pointwise and step.reads == step.writes == step.groups and not alone:
                continue  # each channel to itself: a scale, which leads nowhere unless it is the whole block
            weights = step.reads * step.writes // step.groups * (1 if step.pointwise else self._area)
            cost, state = self._priced(label, step, after, weights)
            rest, used = self._rest(state), label.weights + weights
            bound = self.clock.rest(*state[:3]) if self.clock and rest else rest
            grown = _Label((cost[0] + bound, cost[1], cost[2]), (*label.steps, step), cost, used, state)
            if (self.budget is None or used + rest <= self.budget) and (known is None or grown.bound <= known):
                yield grown

    def _priced(self, label: _Label, step: _Factor, after: _State, weights: int) -> tuple[Cost, _State]:
        """Return what a beginning costs with one factor more, and its state, which by time knows whether a shuffle is due."""
        spent, factors, last = label.cost
        if self.clock is not None:
            conv = self._convolution(step, first=not label.steps)
            time, due = self.clock.time(
                conv, label.state.placed and bool(label.steps or self._area > 1), label.state.shuffle
            )
            return (spent + time, factors + 1, last + weights), after._replace(shuffle=due)
        repeated = prod(self.strides) if step.pointwise and not label.state.placed else 1
        amounts = (weights * repeated, weights) if self.by_multiply_adds else (weights, weights * repeated)
        return (spent + amounts[0], factors + 1, last + amounts[1]), after

    def _most_weights(self, label: _Label, known: Cost | None, wanted: int) -> int:
        """Return the most weights per window entry that the next factor of a chain can have that is any good."""
        if self.clock is not None or self.fewest_factors > 1:
            return max(self.into, self.out) ** 2
        if known is not None:
            return int(known[0] - label.cost[0])
        # A dense factor, behind a depthwise one if there is a window, excludes heavier ones from the best; not from the next best.
        return self.into * self.out if wanted == 1 else max(self.into, self.out) ** 2

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
        known = self._rests.get(state[:3])
        if known is None:
            placing = 0 if state.placed else self._low * self._area
            bound = placing + max(self._low * self._paths(state.need), self._entering(state), self._leaving(state))
            known = self._rests[state[:3]] = 0 if state[:3] == (self.out, 1, True) else bound
        return known

    @cached_property
    def _rests(self) -> dict[tuple[int, int, bool], int]:
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
        """Return the factors as convolutions."""
        return [self._convolution(step, first=not position) for position, step in enumerate(steps)]

    def _convolution(self, step: _Factor, *, first: bool) -> GroupConv:
        """Return a factor as a convolution; without a window the first has the stride."""
        strided = first and self._area == 1 if step.pointwise else True
        window, strides = (1 if step.pointwise else self.window), (self.strides if strided else 1)
        return _group_conv(step.reads, step.writes, step.groups, window, strides)


_group_conv = lru_cache(maxsize=65536)(GroupConv)
_divisors = lru_cache(maxsize=65536)(divisors)
"""A search meets the same numbers of channels again and again."""
