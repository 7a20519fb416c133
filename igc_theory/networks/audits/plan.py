r"""Which layers of a network to replace by what: the choice of least error within a budget, its actions ranked.

The choice is that of `rewrite`: one option per layer, so that the squared relative errors add up to the least that the budget
allows. Its actions stand in the order of what they save for the error they bring. All of them together are the best choice for
their budget; the first few are, in general, not the best choice for the weights that they leave.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import sqrt
from typing import Any

from igc_theory.networks.audits.replaceable import Option, Replaceable
from igc_theory.networks.description.layer_graph import LayerGraph
from igc_theory.networks.rewriting.knapsack import select

__all__ = ["Action", "ReplacementPlan", "planned"]


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
        Likewise, where times are predicted.
    """

    layer: Replaceable
    option: Option
    network_parameters: int
    network_multiply_adds: int
    network_milliseconds: float | None = None


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
    """

    keep: float
    objective: str
    actions: tuple[Action, ...]
    reached: bool = True
    gap: float = 0.0
    milliseconds: float | None = None

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


def _ranked(
    network: LayerGraph, chosen: Sequence[tuple[Replaceable, Option]], objective: str, milliseconds: float | None
) -> tuple[Action, ...]:
    """Return the layers that change, those first that save most for their squared error, with the totals after each."""
    changed = [(layer, option) for layer, option in chosen if option is not layer.options[0]]

    def gain(pair: tuple[Replaceable, Option]) -> tuple[float, float]:
        saved, error = pair[0].options[0].cost(objective) - pair[1].cost(objective), pair[1].relative_error
        return saved / error**2 if error else float("inf") if error == 0 else saved, saved

    changed.sort(key=gain, reverse=True)
    weights = _running(network.parameters, changed, "parameters")
    products = _running(network.multiply_adds, changed, "multiply_adds")
    times = [None] * len(changed) if milliseconds is None else _running(milliseconds, changed, "milliseconds")
    totals = zip(weights, products, times, strict=True)
    return tuple(Action(*pair, *total) for pair, total in zip(changed, totals, strict=True))


def _running(start: float, changed: Sequence[tuple[Replaceable, Option]], name: str) -> list[Any]:
    """Return a total of the network after each change."""
    changes = (getattr(option, name) - getattr(layer.options[0], name) for layer, option in changed)
    return [*accumulate(changes, initial=start)][1:]
