r"""One option per layer within one budget: the multiple-choice knapsack problem.

.. math:: \min \sum_i e_{i, o_i} \quad \text{where} \quad \sum_i c_{i, o_i} ≤ B.

Dynamic programming goes layer by layer and keeps the partial choices that no other one beats in both sums. Of those, all that
cannot become better than a choice already known are dropped.
The bound is the relaxation in which a layer may mix options: of the lower convex hulls the steepest pieces come first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from igc_theory.structure.arguments.kinds import shown
from igc_theory.structure.arguments.numbers import real_number
from igc_theory.structure.arguments.sequences import listed

__all__ = ["Selection", "select"]

Numbers = NDArray[np.float64]

MOST_STATES = 2**16
"""Partial choices kept; with more the result may not be the optimum, and `Selection.bound` says how far from it it can be."""

_ROUNDING = 1e-12
"""Relative difference of sums that rounding may make."""


@dataclass(frozen=True)
class Selection:
    """One option of every layer.

    Attributes
    ----------
    options : tuple of int
        Position of the option chosen, one per layer.
    cost, loss : float
        Sums over the layers.
    bound : float
        No choice within the budget has a smaller loss.
    """

    options: tuple[int, ...]
    cost: float
    loss: float
    bound: float

    @property
    def gap(self) -> float:
        """How far above the bound the loss is, relative to the loss; 0 for the optimum."""
        return (self.loss - self.bound) / self.loss if self.loss > 0 else 0.0


@dataclass(frozen=True)
class _Hulls:
    """The relaxation for some layers: least loss at any budget, piecewise linear and convex, first at the least cost."""

    costs: Numbers
    losses: Numbers

    def bound(self, budgets: Numbers) -> Numbers:
        """Return the least loss of mixed options within each budget, none of which is below the least cost."""
        least: Numbers = np.interp(budgets, self.costs, self.losses)
        return least

    def rounded(self, budgets: Numbers) -> Numbers:
        """Return the loss of the last corner within each budget, where no layer mixes options."""
        at = np.searchsorted(self.costs, budgets, side="right") - 1
        return np.asarray(self.losses[np.maximum(at, 0)])


def select(costs: Sequence[Sequence[float]], losses: Sequence[Sequence[float]], budget: float) -> Selection:
    """Return one option per layer so that the sum of losses is least and the sum of costs at most `budget`.

    Parameters
    ----------
    costs, losses : sequence of sequences of float
        Of every option of every layer; finite, not negative.
    budget : float

    Returns
    -------
    Selection
        With at most 65,536 nondominated partial choices it is the optimum, and its gap is 0; beyond, the gap bounds what is lost.

    Raises
    ------
    ValueError
        If costs and losses differ in shape, or the cheapest options cost more than the budget; the message says how much they do.

    Examples
    --------
    Two layers of ten weights; one may shrink to four, the other to six or three:

    >>> select([[10, 4], [10, 6, 3]], [[0, 0.5], [0, 0.2, 0.9]], budget=14)
    Selection(options=(1, 0), cost=14.0, loss=0.5, bound=0.5)
    """
    layers = [_checked(k, *pair) for k, pair in enumerate(_pairs(costs, losses))]
    budget = real_number("budget", budget)
    suffixes = [_relaxed(layers[k:]) for k in range(len(layers) + 1)]
    least = float(suffixes[0].costs[0])
    if least > budget:
        raise ValueError(f"budget={budget:g} is below the least cost: use at least {least:g}")
    return _searched(layers, suffixes, budget)


def _pairs(costs: Sequence[Sequence[float]], losses: Sequence[Sequence[float]]) -> list[tuple[object, object]]:
    """Return costs and losses layer by layer."""
    some, others = (listed(name, value, "give a list per layer", empty=True) for name, value in
                    (("costs", costs), ("losses", losses)))  # fmt: skip
    if len(some) != len(others):
        raise ValueError(f"costs has {len(some)} layers, losses {len(others)}: give both for every layer")
    return list(zip(some, others, strict=True))


def _checked(layer: int, costs: object, losses: object) -> tuple[Numbers, Numbers]:
    """Return the options of a layer as arrays."""
    cost, loss = (np.asarray(values, np.float64) for values in (costs, losses))
    if cost.ndim != 1 or cost.shape != loss.shape or not cost.size:
        raise ValueError(f"costs[{layer}]={shown(costs)} and losses[{layer}] are not one number each per option")
    if not (np.isfinite([cost, loss]).all() and min(cost.min(), loss.min()) >= 0):
        raise ValueError(f"costs[{layer}] or losses[{layer}] has a negative or an infinite number: give finite ones")
    return cost, loss


def _relaxed(layers: Sequence[tuple[Numbers, Numbers]]) -> _Hulls:
    """Return the relaxation of some layers: the pieces of all hulls in the order of their slopes."""
    hulls = [_hull(*layer) for layer in layers]
    start = [sum(float(hull[axis][0]) for hull in hulls) for axis in range(2)]
    steps = [np.concatenate([np.zeros(0), *(np.diff(hull[axis]) for hull in hulls)]) for axis in range(2)]
    order = np.argsort(steps[1] / np.where(steps[0] > 0, steps[0], 1), kind="stable")
    return _Hulls(
        *(np.concatenate([[begin], begin + np.cumsum(step[order])]) for begin, step in zip(start, steps, strict=True))
    )


def _hull(costs: Numbers, losses: Numbers) -> tuple[Numbers, Numbers]:
    """Return the lower convex hull of the options, from the cheapest to the first of the least loss."""
    order = np.lexsort((losses, costs))
    corners: list[int] = []
    for k in order:
        if corners and losses[k] >= losses[corners[-1]]:
            continue
        while len(corners) > 1 and _above(costs, losses, corners[-2], corners[-1], k):
            corners.pop()
        corners.append(int(k))
    return costs[corners], losses[corners]


def _above(costs: Numbers, losses: Numbers, before: int, corner: int, after: int) -> bool:
    """Return whether a corner is on or above the line between two others."""
    run, whole = costs[corner] - costs[before], costs[after] - costs[before]
    return bool((losses[corner] - losses[before]) * whole >= (losses[after] - losses[before]) * run)


def _searched(layers: list[tuple[Numbers, Numbers]], suffixes: list[_Hulls], budget: float) -> Selection:
    """Return the best selection, by dynamic programming over nondominated partial choices."""
    cost, loss, steps = np.zeros(1), np.zeros(1), []
    best, dropped = np.inf, np.inf
    rounding = _ROUNDING * sum(float(losses.max()) for _, losses in layers)
    for (costs, losses), rest in zip(layers, suffixes[1:], strict=True):
        options = len(costs)
        all_costs, all_losses = (np.add.outer(*pair).ravel() for pair in ((cost, costs), (loss, losses)))
        left = budget - all_costs
        feasible = np.flatnonzero(left >= rest.costs[0] - _ROUNDING * abs(budget))
        bounds = all_losses[feasible] + rest.bound(left[feasible])
        best = min(best, float((all_losses[feasible] + rest.rounded(left[feasible])).min()))
        kept = feasible[bounds <= best + rounding]
        kept = kept[_nondominated(all_costs[kept], all_losses[kept])]
        if kept.size > MOST_STATES:
            kept, lost = _most_promising(kept, all_costs, all_losses, rest, budget)
            dropped = min(dropped, lost)
        steps.append(np.divmod(kept, options))
        cost, loss = all_costs[kept], all_losses[kept]
    at = int(np.argmin(loss))
    found, total = float(loss[at]), float(cost[at])
    return Selection(_traced(steps, at), total, found, min(found, dropped))


def _most_promising(
    kept: NDArray[np.int64], costs: Numbers, losses: Numbers, rest: _Hulls, budget: float
) -> tuple[NDArray[np.int64], float]:
    """Return the states with the least bounds, and the least bound of the others; the one that is completed best is kept."""
    left = budget - costs[kept]
    bounds, completed = losses[kept] + rest.bound(left), losses[kept] + rest.rounded(left)
    ranks = bounds.copy()
    ranks[np.argmin(completed)] = -np.inf
    order = np.argsort(ranks, kind="stable")
    return kept[order[:MOST_STATES]], float(bounds[order[MOST_STATES:]].min())


def _nondominated(costs: Numbers, losses: Numbers) -> NDArray[np.int64]:
    """Return positions of states that no other is at most as expensive and at most as bad as; of equals the first."""
    order = np.lexsort((losses, costs))
    ranked = losses[order]
    before = np.concatenate([[np.inf], np.minimum.accumulate(ranked)[:-1]])
    return order[ranked < before]


def _traced(steps: Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]], at: int) -> tuple[int, ...]:
    """Return the options that led to the state at a position of the last step."""
    options = []
    for parents, chosen in reversed(steps):
        options.append(int(chosen[at]))
        at = int(parents[at])
    return tuple(reversed(options))
