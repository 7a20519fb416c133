"""One option per layer within a budget: brute force over all choices."""

from itertools import product

import numpy as np
import pytest

from igc_theory.networks.rewriting import knapsack
from igc_theory.networks.rewriting.knapsack import select


def brute_force(costs, losses, budget):
    """Return the least loss of all choices within the budget."""
    choices = product(*(range(len(options)) for options in costs))
    return min(
        sum(losses[i][o] for i, o in enumerate(choice))
        for choice in choices
        if sum(costs[i][o] for i, o in enumerate(choice)) <= budget
    )


@pytest.mark.parametrize("seed", range(60))
def test_the_selection_is_the_best_of_all(seed):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 6, rng.integers(1, 6))
    costs = [rng.integers(0, 30, size).tolist() for size in sizes]
    losses = [rng.integers(0, 8, size).tolist() if seed % 2 else rng.random(size).tolist() for size in sizes]
    least = sum(map(min, costs))
    budget = least + int(rng.integers(0, 1 + sum(map(max, costs)) - least))
    found = select(costs, losses, budget)
    chosen = list(enumerate(found.options))
    assert found.loss == pytest.approx(brute_force(costs, losses, budget), abs=1e-12)
    assert found.loss == pytest.approx(sum(losses[i][o] for i, o in chosen))
    assert found.cost == sum(costs[i][o] for i, o in chosen) <= budget
    assert found.bound == found.loss
    assert found.gap == 0


def test_with_few_states_the_bound_is_below_the_optimum_and_the_selection_within_the_budget(monkeypatch):
    rng, gaps = np.random.default_rng(0), []
    for _ in range(20):
        costs, losses = rng.integers(1, 99, (6, 5)), rng.random((6, 5))
        budget = int(costs.min(axis=1).sum()) + 60
        best = select(costs, losses, budget)
        monkeypatch.setattr(knapsack, "MOST_STATES", 1)
        rough = select(costs, losses, budget)
        monkeypatch.undo()
        assert rough.bound <= best.loss * (1 + 1e-12) <= rough.loss * (1 + 1e-12)
        assert rough.cost <= budget
        gaps.append(rough.gap)
    assert max(gaps) > 0


def test_losses_of_nothing_are_chosen_though_sums_are_rounded():
    losses = [[0.0, 0.1, 0.7], [0.0, 0.3, 0.9], [0.0, 0.2]]
    assert select([[3, 2, 1], [7, 5, 3], [9, 1]], losses, 19).options == (0, 0, 0)
    assert select([[3, 3], [7, 1]], [[0.3, 0.0], [0.0, 0.1]], 10).loss == 0


def test_sixty_layers_are_chosen_for_without_a_gap():
    rng = np.random.default_rng(1)
    costs, losses = rng.integers(1, 10**7, (60, 30)), rng.random((60, 30))
    found = select(costs, losses, int(costs.sum() // 90))
    assert found.gap == 0
    assert len(found.options) == 60


@pytest.mark.parametrize(("arguments", "sentence"), [
    (([[2, 3]], [[1, 0]], 1), "budget=1 is below the least cost: use at least 2"),
    (([[2]], [], 5), "costs has 1 layers, losses 0"),
    (([[2]], [[1, 2]], 5), r"costs\[0\]=\[2\] and losses\[0\] are not one number each"),
    (([[-2]], [[1]], 5), "negative"),
    (([[2]], [[np.inf]], 5), "infinite"),
])  # fmt: skip
def test_what_cannot_be_chosen_is_refused(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        select(*arguments)
