"""Plans: the choice against all choices, the order against its rule, totals against the network that results."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from igc_theory.networks.audits.plan import planned
from igc_theory.networks.audits.replaceable import Option, Question, Replaceable
from igc_theory.networks.description.layer_graph import Layer, LayerGraph
from igc_theory.networks.description.layers import Linear
from igc_theory.structure import Chain, GroupConv


def made(counts: list[int], seed: int) -> tuple[LayerGraph, list[Replaceable]]:
    """Return a network of linear layers, and random options of each."""
    rng = np.random.default_rng(seed)
    layers, options = [], []
    for k, count in enumerate(counts):
        conv = GroupConv(8, 8)
        chain = Chain([conv])
        shape = (8, 1, 1)
        layers.append(Layer(f"layer{k}", Linear(8, 8, bias=False), shape, shape, weight=np.eye(8)))
        found = [Option("keep", chain, chain, 64, 64 * 32, 64, 0.0)]
        for j in range(count):
            weights, products = (int(number) for number in rng.integers(1, 64, 2))
            found.append(
                Option(f"option {j}", chain, chain, weights, 32 * weights, products, float(rng.uniform(0.01, 1)))
            )
        options.append(Replaceable(Question(f"layer{k}", "linear", conv, (1, 1)), chain, chain, tuple(found)))
    return LayerGraph("made", (8, 1, 1), tuple(layers), len(layers)), options


@pytest.mark.parametrize("objective", ["bits", "multiply_adds"])
@pytest.mark.parametrize("keep", [0.25, 0.5, 0.9])
def test_no_choice_within_the_budget_has_a_smaller_error(keep: float, objective: str) -> None:
    for seed in range(20):
        network, layers = made([3, 2, 4, 3], seed)
        plan = planned(network, layers, keep, objective)
        budget = keep * sum(getattr(layer.options[0], objective) for layer in layers)
        within = [
            sum((option.relative_error or 0) ** 2 for option in choice)
            for choice in product(*(layer.options for layer in layers))
            if sum(getattr(option, objective) for option in choice) <= budget
        ]
        assert plan.reached == bool(within)
        if within:
            assert plan.relative_error == pytest.approx(min(within) ** 0.5)
            last = plan.actions[-1]
            left = 32 * last.network_parameters if objective == "bits" else last.network_multiply_adds
            assert left <= budget


def test_actions_come_in_the_order_of_what_they_save_for_their_error() -> None:
    network, layers = made([5, 5, 5, 5, 5], 1)
    plan = planned(network, layers, 0.3)
    gains = [(a.layer.parameters - a.option.parameters) / a.option.relative_error**2 for a in plan.actions]
    assert len(gains) > 2
    assert gains == sorted(gains, reverse=True)
    saved = np.cumsum([action.layer.parameters - action.option.parameters for action in plan.actions])
    assert [action.network_parameters for action in plan.actions] == (network.parameters - saved).tolist()
    saved = np.cumsum([action.layer.multiply_adds - action.option.multiply_adds for action in plan.actions])
    assert [action.network_multiply_adds for action in plan.actions] == (network.multiply_adds - saved).tolist()


def test_everything_kept_is_no_action_and_nothing_kept_is_out_of_reach() -> None:
    network, layers = made([3, 3], 0)
    assert planned(network, layers, 1.0).actions == ()
    assert planned(network, layers, 1.0).relative_error == 0
    least = planned(network, layers, 0.0)
    assert not least.reached
    assert least.actions[-1].network_parameters == sum(min(o.parameters for o in layer.options) for layer in layers)


def test_layers_that_cannot_be_measured_do_not_count_in_the_budget() -> None:
    network, layers = made([3, 3, 3], 3)
    unmeasured = replace(
        layers[0], question=layers[0].question._replace(unmeasured="complex"), options=layers[0].options[:1]
    )
    found = planned(network, [unmeasured, *layers[1:]], 0.6)
    alone = planned(network, layers[1:], 0.6)
    assert [action.option for action in found.actions] == [action.option for action in alone.actions]
    assert found.reached


def test_without_errors_the_largest_saving_comes_first() -> None:
    network, layers = made([1, 1, 1], 2)
    bare = LayerGraph(
        "made", (8, 1, 1), tuple(Layer(x.name, x.node, x.input_shape, x.output_shape) for x in network.layers), 3
    )
    anew = [
        Replaceable(
            layer.question, layer.strict, layer.dense,
            (layer.options[0], replace(layer.options[1], relative_error=None)),
        )
        for layer in layers
    ]  # fmt: skip
    plan = planned(bare, anew, 0.5)
    saved = [action.layer.parameters - action.option.parameters for action in plan.actions]
    assert len(saved) == 3
    assert saved == sorted(saved, reverse=True)
    assert plan.relative_error is None
