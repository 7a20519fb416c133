r"""Which layers of a network to replace by what: the choice of least error within a budget, its actions ranked.

The choice is that of `rewrite`: one option per layer, so that the squared relative errors add up to the least that the budget
allows. Its actions stand in the order of what they save for the error they bring. All of them together are the best choice for
their budget; the first few are, in general, not the best choice for the weights that they leave. The first few can be timed on this
machine: to save time, they stand in the order of what they saved there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from math import copysign, inf, sqrt
from typing import Any

from tqdm.auto import tqdm

from igc_theory.networks.audits.replaceable import Option, Replaceable
from igc_theory.networks.description.layer_graph import LayerGraph
from igc_theory.networks.rewriting.knapsack import select
from igc_theory.networks.timing.measure import Timer

__all__ = ["Action", "ReplacementPlan", "planned", "timed_plan"]

LARGEST_TIMED = 2**26
"""Weights of a layer up to which it is timed: a quarter of a gigabyte."""

Pair = tuple[Replaceable, Option]
"""A layer, and what stands in for it."""


@dataclass(frozen=True)
class Action:
    """One layer replaced.

    Attributes
    ----------
    layer : Replaceable
    option : Option
        What stands in for it.
    network_parameters, network_multiply_adds : int
        Of the whole network after this action and those ranked before it.
    network_milliseconds : float or None
        Likewise, where times are predicted: by the table, whatever was measured.
    """

    layer: Replaceable
    option: Option
    network_parameters: int
    network_multiply_adds: int
    network_milliseconds: float | None = None

    @property
    def measured(self) -> tuple[float, float] | None:
        """Milliseconds of the layer and of what stands in for it on this machine; None if they were not timed."""
        before, after = self.layer.options[0].measured_milliseconds, self.option.measured_milliseconds
        return None if before is None or after is None else (before, after)


@dataclass(frozen=True)
class ReplacementPlan:
    """The actions, best first.

    Attributes
    ----------
    keep : float
        Share of the cost of all layers that can be replaced which may be left.
    objective : str
        What the cost is.
    actions : tuple of Action
    reached : bool
        Whether the budget is kept to; if not, the actions leave as little as the options allow.
    gap : float
        How far the squared error may be above the least one, relative to it; 0 for the optimum.
    milliseconds : float or None
        Predicted time of the network as it is.
    machine : mapping of str to str
        Where the first actions were timed; empty if none was.
    """

    keep: float
    objective: str
    actions: tuple[Action, ...]
    reached: bool = True
    gap: float = 0.0
    milliseconds: float | None = None
    machine: Mapping[str, str] = field(default_factory=dict)

    @property
    def relative_error(self) -> float | None:
        """Root of the sum of squared relative errors of the layers that are replaced; None if they would be trained anew."""
        errors = [action.option.relative_error for action in self.actions]
        return sqrt(sum(error**2 for error in errors if error is not None)) if None not in errors else None


def planned(
    network: LayerGraph,
    layers: Sequence[Replaceable],
    keep: float,
    objective: str = "bits",
    milliseconds: float | None = None,
) -> ReplacementPlan:
    """Return which layers to replace by what.

    Parameters
    ----------
    network : LayerGraph
    layers : sequence of Replaceable
        Of that network.
    keep : float
        Share of the cost of all layers whose errors are measured that may be left.
    objective : {"bits", "multiply_adds", "latency"}
        What the cost is.
    milliseconds : float, optional
        Predicted time of the network.

    Returns
    -------
    ReplacementPlan
        For a network with weights the choice of least error. Without weights every layer that a chain can make cheaper, the largest
        saving first.
    """
    if not network.has_weights:
        anew = [(layer, min(layer.options, key=lambda option: option.cost(objective))) for layer in layers]
        return ReplacementPlan(
            keep, objective, _ranked(network, anew, objective, milliseconds), milliseconds=milliseconds
        )
    measured = [layer for layer in layers if not layer.unmeasured]
    costs = [[option.cost(objective) for option in layer.options] for layer in measured]
    losses = [[(option.relative_error or 0.0) ** 2 for option in layer.options] for layer in measured]
    budget, least = keep * sum(cost[0] for cost in costs), sum(map(min, costs))
    found = select(costs, losses, max(budget, least))
    chosen = [(layer, layer.options[option]) for layer, option in zip(measured, found.options, strict=True)]
    actions = _ranked(network, chosen, objective, milliseconds)
    return ReplacementPlan(keep, objective, actions, budget >= least, found.gap, milliseconds)


def timed_plan(
    network: LayerGraph,
    plan: ReplacementPlan,
    count: int,
    timer: Timer,
    machine: Mapping[str, str],
    progress: bool = True,
) -> ReplacementPlan:
    """Return a plan whose first actions are timed; to save time, these are ranked by what they saved.

    A layer, and what stands in for it, are timed alone: a linear layer as a pointwise convolution, a dilated window as one that is
    not. Layers of more than 67 million weights are not timed.

    Parameters
    ----------
    network : LayerGraph
    plan : ReplacementPlan
        Of that network.
    count : int
        How many actions are timed.
    timer : callable
        Milliseconds of a chain, given height and width of the image that it reads.
    machine : mapping of str to str
        Where it does so, in words.
    progress : bool, default True
        Whether a progress bar is shown in a terminal.
    """
    first, rest = plan.actions[:count], plan.actions[count:]
    bar = tqdm(first, desc="timing", unit="layer", leave=False, disable=None if progress else True)
    pairs = [_timed(action, timer) if action.layer.parameters <= LARGEST_TIMED else _pair(action) for action in bar]
    if plan.objective == "latency":
        pairs.sort(key=lambda pair: _gain(pair, plan.objective), reverse=True)
    actions = _actions(network, [*pairs, *map(_pair, rest)], plan.milliseconds)
    return replace(plan, actions=actions, machine=machine if first else {})


def _pair(action: Action) -> Pair:
    return action.layer, action.option


def _timed(action: Action, timer: Timer) -> Pair:
    """Return a layer and what stands in for it, both timed."""
    (keep, *others), image = action.layer.options, action.layer.image
    before, after = (
        replace(option, measured_milliseconds=timer(option.timed_chain, *image)) for option in (keep, action.option)
    )
    options = (before, *(after if option is action.option else option for option in others))
    return replace(action.layer, options=options), after


def _ranked(
    network: LayerGraph, chosen: Iterable[Pair], objective: str, milliseconds: float | None
) -> tuple[Action, ...]:
    """Return the layers that change, those first that save most for their squared error, with the totals after each."""
    changed = [(layer, option) for layer, option in chosen if option is not layer.options[0]]
    changed.sort(key=lambda pair: _gain(pair, objective), reverse=True)
    return _actions(network, changed, milliseconds)


def _gain(pair: Pair, objective: str) -> tuple[float, float]:
    """Return what a change saves for its squared error, and what it saves: measured time counts before predicted time."""
    layer, option = pair
    before, after, error = layer.options[0], option, option.relative_error
    saved = before.cost(objective) - after.cost(objective)
    if objective == "latency" and before.measured_milliseconds is not None and after.measured_milliseconds is not None:
        saved = before.measured_milliseconds - after.measured_milliseconds
    if error is None:
        return saved, saved
    return saved / error**2 if error else copysign(inf, saved), saved


def _actions(network: LayerGraph, changed: Sequence[Pair], milliseconds: float | None) -> tuple[Action, ...]:
    """Return changes with the totals of the network after each."""
    weights = _running(network.parameters, changed, "parameters")
    products = _running(network.multiply_adds, changed, "multiply_adds")
    times = [None] * len(changed) if milliseconds is None else _running(milliseconds, changed, "milliseconds")
    totals = zip(weights, products, times, strict=True)
    return tuple(Action(*pair, *total) for pair, total in zip(changed, totals, strict=True))


def _running(start: float, changed: Sequence[Pair], name: str) -> list[Any]:
    """Return a total of the network after each change."""
    changes = (getattr(option, name) - getattr(layer.options[0], name) for layer, option in changed)
    return [*accumulate(changes, initial=start)][1:]
