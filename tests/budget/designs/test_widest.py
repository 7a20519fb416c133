"""The widest design at a budget, against the cheapest design of every width."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from igc_theory.budget import (
    Design,
    best_dense,
    best_strict,
    igcv1_parameters,
    widest_dense,
    widest_igcv1,
    widest_strict,
)
from igc_theory.budget.designs.search import Limits
from igc_theory.budget.designs.sieves import IMPOSSIBLE, least_strict_weights, most_channels
from igc_theory.budget.formulas.widths import balanced_width, constrained_width
from igc_theory.structure.divisors import divisors

BEST: dict[Callable[..., Design], Callable[..., Design]] = {widest_strict: best_strict, widest_dense: best_dense}
"""Tested by itself against all designs; here it says for every width what its cheapest design costs."""


def cheapest_of_every_width(best: Callable[..., Design], widths: range, S: int, **limits: Any) -> dict[int, int]:
    """Weights by width, where there is a design."""
    weights = {}
    for C in widths:
        try:
            weights[C] = best(C, S, **limits).parameters
        except ValueError:
            continue
    return weights


def widest(weights: dict[int, int], budget: int) -> int | None:
    """Largest width that fits."""
    return max((C for C, cost in weights.items() if cost <= budget), default=None)


LIMITS: list[tuple[int, int, dict[str, Any]]] = [
    (9, 1, {}),
    (9, 8, {}),
    (9, 7, {}),
    (9, 12, {"min_width": 4}),
    (1, 1, {}),
    (2, 3, {}),
    (25, 1, {}),
    (9, 1, {"factors": 1}),
    (9, 1, {"factors": 2}),
    (9, 2, {"factors": 3}),
    (9, 1, {"factors": (4, None)}),
    (9, 1, {"factors": (2, 4), "min_width": 3}),
    (9, 1, {"min_width": 8}),
    (9, 1, {"min_spatial_width": 2}),
    (4, 6, {"min_spatial_width": 4, "min_width": 3}),
    (9, 1, {"factors": (2, 3), "min_width": 5, "min_spatial_width": 2}),
]


@pytest.mark.parametrize("function", BEST)
@pytest.mark.parametrize(("S", "step", "limits"), LIMITS)
def test_widest_at_every_budget(function: Callable[..., Design], S: int, step: int, limits: dict[str, Any]) -> None:
    # Every design costs at least S weights per channel, those of a depthwise factor.
    weights = cheapest_of_every_width(BEST[function], range(step, 1200 // S + 1, step), S, **limits)
    for budget in [*range(1, 400, 7), *range(400, 1201, 50), 1200]:
        expected = widest(weights, budget)
        if expected is None:
            with pytest.raises(ValueError, match=f"budget={budget} pays for no"):
                function(budget, S, multiple_of=step, **limits)
        else:
            found = function(budget, S, multiple_of=step, **limits)
            assert (found.channels, found.parameters) == (expected, weights[expected]), budget


@settings(deadline=None, max_examples=40)
@given(st.integers(9, 40_000), st.sampled_from([4, 9, 25]), st.sampled_from([1, 2, 3, 8]), st.sampled_from([2, 3, 8]))
def test_widest_cannot_be_widened(budget: int, S: int, step: int, min_width: int) -> None:
    for function, best in BEST.items():
        try:
            found = function(budget, S, multiple_of=step, min_width=min_width)
        except ValueError:
            assert best(step, S, min_width=min_width).parameters > budget
            continue
        assert found.parameters <= budget
        above = int(constrained_width(budget, S)) + 1
        wider = cheapest_of_every_width(best, range(found.channels + step, above + 1, step), S, min_width=min_width)
        assert widest(wider, budget) is None


def test_sieve_gives_the_sum_of_prime_factors() -> None:
    limit, S = 20_000, 9
    sopfr = [0] * (limit + 1)
    for p in range(2, limit + 1):
        if sopfr[p] == 0:  # no smaller prime has been here
            for power in (p**e for e in range(1, 15)):
                for n in range(power, limit + 1, power):
                    sopfr[n] += p
    sieved = least_strict_weights(limit, S, Limits())
    assert sieved[0] == IMPOSSIBLE
    assert sieved[1:].tolist() == [S + total for total in sopfr[1:]]


def test_no_design_is_wider_than_the_bound() -> None:
    for S, limits in ((1, Limits()), (2, Limits(min_spatial_width=3)), (9, Limits(min_width=6)), (9, Limits(most=2))):
        keywords = {
            "factors": (1, limits.most),
            "min_width": limits.min_width,
            "min_spatial_width": limits.min_spatial_width,
        }
        for C in range(limits.min_spatial_width, 300):
            assert most_channels(best_dense(C, S, **keywords).parameters, S, limits) >= C


@pytest.mark.parametrize("S", [1, 4, 9])
def test_widest_igcv1_is_the_widest_of_all(S: int) -> None:
    blocks = [(L * M, -igcv1_parameters(L, M, S), M, L) for L in range(1, 60) for M in range(1, 60)]
    for budget in range(S + 1, 1500, 3):
        fitting = [block for block in blocks if -block[1] <= budget]
        found = widest_igcv1(budget, S)
        assert (found.channels, -found.parameters) == max(fitting)[:2]
        limited = [block for block in fitting if block[0] % 6 == 0 and block[3] >= 3 and block[2] >= 2]
        if limited:
            found = widest_igcv1(budget, S, min_width=3, min_spatial_width=2, multiple_of=6)
            assert (found.channels, -found.parameters) == max(limited)[:2]
        else:
            with pytest.raises(ValueError, match="pays for no IGCV1 block with min_width=3 and min_spatial_width=2"):
                widest_igcv1(budget, S, min_width=3, min_spatial_width=2, multiple_of=6)


def test_igcv1_is_the_strict_design_of_two_factors() -> None:
    for budget in (*range(40, 3000, 97), 4672, 17536, 10**6):
        assert widest_igcv1(budget, 9, min_width=2).channels == widest_strict(budget, 9, factors=2).channels


def test_bounds_of_the_paper() -> None:
    for budget, bound in ((4672, 84.64), (17536, 204.42)):
        assert round(balanced_width(budget, 2, 9), 2) == bound
        assert widest_igcv1(budget, 9).channels <= bound
        assert widest_strict(budget, 9).channels <= widest_dense(budget, 9).channels <= constrained_width(budget, 9)


@pytest.mark.parametrize(
    ("function", "arguments", "keywords", "least"),
    [
        (widest_strict, (8,), {}, 9),
        (widest_dense, (8,), {}, 9),
        (widest_igcv1, (9,), {}, 10),
        (widest_strict, (100,), {"multiple_of": 8}, 120),
        (widest_dense, (100,), {"multiple_of": 8}, 120),
        (widest_strict, (1000,), {"factors": 5, "min_width": 4}, 256 * 25),
        (widest_dense, (50,), {"factors": 5, "min_width": 4}, 4 * 25),
        (widest_strict, (1000,), {"factors": 16}, 2**15 * (9 + 30)),
        (widest_dense, (4000,), {"factors": 1000}, 2 * (9 + 999 * 2)),
        (widest_strict, (4672,), {"multiple_of": 10**5}, 10**5 * (9 + 5 * 2 + 5 * 5)),
        (widest_igcv1, (100,), {"multiple_of": 10**7}, igcv1_parameters(10000, 1000, 9)),
        (widest_dense, (10**6,), {"multiple_of": 99_991}, 2 * 99_991 * (9 + 36)),
        (widest_igcv1, (100,), {"min_width": 5, "multiple_of": 4}, igcv1_parameters(8, 1, 9)),
    ],
)
def test_too_small_a_budget_names_the_least_sufficient(
    function: Callable[..., Design], arguments: tuple[int], keywords: dict[str, Any], least: int
) -> None:
    with pytest.raises(ValueError, match=f"use at least {least}$"):
        function(*arguments, **keywords)
    assert function(least, **keywords).parameters == least
    with pytest.raises(ValueError, match="pays for no"):
        function(least - 1, **keywords)


@pytest.mark.parametrize("step", [1, 6])
def test_more_factors_than_are_useful_are_as_narrow_as_can_be(step: int) -> None:
    pointwise = 12
    for budget in range(400, 8000, 397):
        # 2**12 exceeds every width here, so that any twelve widths suffice: the narrowest cost least.
        costs = {C: C * (9 + pointwise * divisors(C)[1]) for C in range(step, 300, step) if C > 1}
        widest = max(C for C, cost in costs.items() if cost <= budget)
        assert widest_dense(budget, 9, factors=1 + pointwise, multiple_of=step).channels == widest


def test_far_too_small_a_budget_names_a_sufficient_one() -> None:
    with pytest.raises(ValueError, match=r"with factors=20 and multiple_of=7: budget=\d+ suffices"):
        widest_strict(1000, 9, factors=20, multiple_of=7)


def test_limits_that_no_budget_meets_are_named() -> None:
    for function in BEST:
        with pytest.raises(
            ValueError, match="with factors=1000 and min_width=5000 and S=4: no budget up to 2000000000"
        ):
            function(1000, 4, factors=1000, min_width=5000)


@pytest.mark.parametrize("function", BEST)
def test_more_than_can_be_sieved(function: Callable[..., Design]) -> None:
    with pytest.raises(ValueError, match="budget=10000000000 is above 2000000000"):
        function(10**10)


@pytest.mark.parametrize("function", [widest_igcv1, *BEST])
@pytest.mark.parametrize(
    ("arguments", "keywords", "error", "sentence"),
    [
        ((0,), {}, ValueError, "budget=0 is below 1"),
        ((1e4,), {}, TypeError, "budget=10000.0"),
        ((100, -9), {}, ValueError, "S=-9 is below 1"),
        ((100,), {"multiple_of": 0}, ValueError, "multiple_of=0"),
        ((100,), {"min_width": 0}, ValueError, "min_width=0"),
        ((100,), {"min_spatial_width": "1"}, TypeError, "min_spatial_width='1'"),
    ],
)
def test_bad_input(
    function: Callable[..., Design],
    arguments: tuple[Any, ...],
    keywords: dict[str, Any],
    error: type[Exception],
    sentence: str,
) -> None:
    with pytest.raises(error, match=sentence):
        function(*arguments, **keywords)
