"""Integer designs of one width, against every design that there is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from itertools import combinations_with_replacement, islice
from math import prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import LinearConstraint, milp

from igc_theory.budget import Design, best_dense, best_strict, dense_designs, factorizations, strict_designs
from igc_theory.budget.designs.design import kernel_window
from igc_theory.budget.designs.search import WidthTable, limits
from igc_theory.budget.formulas.widths import constrained_parameters
from igc_theory.structure import is_complementary, is_dense, path_counts
from tests import cases, oracles

Widths = tuple[int, ...]


@cache
def every_strict(C: int) -> set[Widths]:
    """All strict designs, pointwise widths in increasing order: ordered factorizations, sorted afterwards."""

    def ordered(n: int) -> Iterator[Widths]:
        yield from ((),) * (n == 1)
        yield from ((k, *others) for k in range(2, n + 1) if n % k == 0 for others in ordered(n // k))

    return {(first, *sorted(others)) for first in cases.divisors(C) for others in ordered(C // first)}


@cache
def every_dense(C: int, most: int) -> set[Widths]:
    """All dense designs with at most `most` pointwise factors."""
    pointwise = [k for k in cases.divisors(C) if k > 1]
    behind = [widths for n in range(most + 1) for widths in combinations_with_replacement(pointwise, n)]
    return {(first, *others) for first in cases.divisors(C) for others in behind if first * prod(others) >= C}


def cost(widths: Widths, S: int) -> int:
    """Weights per channel."""
    return S * widths[0] + sum(widths[1:])


def sopfr(n: int) -> int:
    """Sum of prime factors with multiplicity, by trial division."""
    total, p = 0, 2
    while n > 1:
        while n % p == 0:
            total, n = total + p, n // p
        p += 1
    return total


def digits(C: int) -> int:
    """The least n with 2**n >= C."""
    return (C - 1).bit_length()


@pytest.mark.parametrize("S", [1, 2, 3, 4, 9, 25])
def test_best_strict_is_the_cheapest_of_all(S: int) -> None:
    for C in range(1, 200):
        assert best_strict(C, S).parameters == C * min(cost(widths, S) for widths in every_strict(C)), C


@pytest.mark.parametrize("S", [2, 4, 9, 25])
def test_strict_optimum_is_the_sum_of_prime_factors(S: int) -> None:
    for C in range(1, 1500):
        assert best_strict(C, S).parameters_per_channel == S + sopfr(C), C


@pytest.mark.parametrize("S", [1, 2, 9])
def test_best_dense_is_the_cheapest_of_all(S: int) -> None:
    for C in range(1, 41):
        # One factor more than the digits of C in base 2 is always superfluous; allow it, so as not to assume that.
        least = min(cost(widths, S) for widths in every_dense(C, digits(C) + 1))
        assert best_dense(C, S).parameters == C * least, C


@pytest.mark.parametrize("factors", [None, 1, 2, 3, 4, (2, 3), (3, None)])
@pytest.mark.parametrize("min_width", [2, 3, 4, 6])
@pytest.mark.parametrize("min_spatial_width", [1, 2, 5])
def test_limits(factors: int | tuple[int, int | None] | None, min_width: int, min_spatial_width: int) -> None:
    fewest, most = factors if isinstance(factors, tuple) else (factors or 1, factors)
    limits = {"factors": factors, "min_width": min_width, "min_spatial_width": min_spatial_width}
    for C in (1, 7, 12, 16, 24, 30, 36):
        for best, every in ((best_strict, every_strict(C)), (best_dense, every_dense(C, digits(C)))):
            allowed = [
                widths
                for widths in every
                if fewest <= len(widths) <= (most or 99)
                and min(widths[1:], default=99) >= min_width
                and widths[0] >= min_spatial_width
            ]
            if allowed:
                found = best(C, 9, **limits)
                assert found.branch_widths in allowed
                assert found.parameters_per_channel == min(cost(widths, 9) for widths in allowed), (C, found)
            elif best is best_strict or fewest - 1 <= digits(C):
                with pytest.raises(ValueError, match=r"leaves no .* design of channels"):
                    best(C, 9, **limits)


def test_all_strict_designs_in_order() -> None:
    for C in (1, 2, 17, 64, 72, 96, 120, 210):
        found = list(strict_designs(C, 9))
        assert len(found) == len(set(found))
        assert {design.branch_widths for design in found} == every_strict(C)
        costs = [(design.parameters, design.factors) for design in found]
        assert costs == sorted(costs)


def test_all_dense_designs_in_order() -> None:
    for C in (1, 2, 6, 13, 16, 24):
        found = list(dense_designs(C, 9))
        assert len(found) == len(set(found))
        assert {design.branch_widths for design in found} == every_dense(C, digits(C))
        costs = [(design.parameters, design.factors) for design in found]
        assert costs == sorted(costs)


def test_ties_go_to_the_fewest_factors() -> None:
    for C in range(1, 130):
        best = best_strict(C, 9)
        assert best.factors == min(len(w) for w in every_strict(C) if cost(w, 9) == best.parameters_per_channel), C


def test_factorizations_are_the_pointwise_widths_of_strict_designs() -> None:
    for C in range(1, 300):
        depthwise = {widths[1:] for widths in every_strict(C) if widths[0] == 1}
        assert factorizations(C) == sorted(depthwise)
    assert all(min(widths, default=5) >= 5 and prod(widths) == 720 for widths in factorizations(720, min_width=5))
    assert set(factorizations(720, min_width=5)) == {w for w in factorizations(720) if min(w) >= 5}


def test_worked_values() -> None:
    assert best_strict(64, 9).parameters_per_channel == best_dense(64, 9).parameters_per_channel == 21
    assert best_strict(416, 9).parameters_per_channel == 32
    assert best_dense(416, 9).parameters_per_channel == 27
    assert round(constrained_parameters(416, 9) / 416, 2) == 25.39


@settings(deadline=None, max_examples=25)
@given(st.integers(2, 100_000), st.sampled_from([1, 2, 9]))
def test_integer_programming_agrees(C: int, S: int) -> None:
    """The same problem for HiGHS: how often to use each divisor, so that the logarithms add up to at least ln C."""
    widths = np.array(cases.divisors(C)[1:])
    least = []
    for first in cases.divisors(C):
        if first == C:
            least.append(S * C)
            continue
        need = LinearConstraint(np.log(widths), lb=np.log(C / first) - 1e-9)
        solution = milp(widths, constraints=need, integrality=np.ones(widths.size))
        counts = solution.x.round().astype(int).tolist()
        assert first * prod(k**n for k, n in zip(widths.tolist(), counts, strict=True)) >= C
        least.append(S * first + round(solution.fun))
    assert best_dense(C, S).parameters == C * min(least)


@given(st.integers(1, 3000), st.sampled_from([3, 4, 9, 25]))
def test_order_of_the_optima(C: int, S: int) -> None:
    strict, dense = best_strict(C, S), best_dense(C, S)
    assert constrained_parameters(C, S) <= dense.parameters * (1 + 1e-12)
    assert dense.parameters <= strict.parameters


@pytest.mark.parametrize("C", [1, 2, 3, 4, 12, 64, 360, 416, 997, 5040, 65536, 720720])
def test_a_dense_design_has_at_most_two_roots_of_the_width_as_needs(C: int) -> None:
    table = WidthTable(C, 9, dense=True, asked=limits(None, 2, 1))
    needs = table._needs[table._needs > 0]
    assert needs.size <= 2 * C**0.5
    assert {-(-C // k) for k in range(1, C + 1)} >= set(needs.tolist())


def test_chains_are_what_they_claim() -> None:
    for C in range(1, 31):
        strict, dense = best_strict(C, 9), best_dense(C, 9)
        assert strict.is_strict
        assert is_complementary(strict.chain)
        assert is_dense(dense.chain)
        for design in (strict, dense, *islice(dense_designs(C, 9), 5)):
            assert design.chain.parameters == design.parameters
            counts = oracles.count_paths(list(design.chain.factors))
            assert {ways for row in counts for ways in row} == set(design.paths)
            assert design.chain.convolutions[0].kernel_area == 9


def test_a_design_that_is_not_dense() -> None:
    design = Design(12, (1, 2, 3))
    assert (design.paths, design.is_strict, is_dense(design.chain)) == ((0, 1), False, False)
    assert path_counts(design.chain).min() == 0


@pytest.mark.parametrize(("S", "window"), [(1, (1, 1)), (9, (3, 3)), (15, (3, 5)), (7, (1, 7))])
def test_kernel_windows(S: int, window: tuple[int, int]) -> None:
    assert kernel_window(S) == window
    assert best_strict(24, S).chain.convolutions[0].window == window
    assert best_strict(24, S).kernel_area == prod(window)


def test_displays() -> None:
    design = best_dense(416, 15)
    assert "416" in str(design)
    assert "3×5" in str(design)
    assert "<table>" in design._repr_html_()
    assert "1 to 2" in design._repr_html_()


BEST: list[Callable[..., object]] = [best_strict, best_dense, strict_designs, dense_designs]


@pytest.mark.parametrize("function", BEST)
@pytest.mark.parametrize(
    ("arguments", "keywords", "error", "sentence"),
    [
        ((0,), {}, ValueError, "channels=0 is below 1"),
        ((True,), {}, TypeError, "channels=True"),
        ((64.0,), {}, TypeError, "channels=64.0"),
        ((64, 0), {}, ValueError, "S=0 is below 1"),
        ((64, (3, 3, 3)), {}, TypeError, "is a window, and S is a kernel area"),
        ((64,), {"min_width": 1}, ValueError, "min_width=1 is below 2"),
        ((64,), {"min_spatial_width": 65}, ValueError, "min_spatial_width=65 .* use at most 64"),
        ((64,), {"factors": 0}, ValueError, "factors=0"),
        ((64,), {"factors": (3, 2)}, ValueError, "smaller number first"),
        ((64,), {"factors": (1, 2, 3)}, ValueError, "3 entries"),
        ((64,), {"factors": 10**6}, ValueError, "more than 1000"),
        ((64,), {"factors": "two"}, TypeError, "factors='two'"),
    ],
)
def test_bad_input(
    function: Callable[..., object],
    arguments: tuple[object, ...],
    keywords: dict[str, object],
    error: type[Exception],
    sentence: str,
) -> None:
    with pytest.raises(error, match=sentence):
        function(*arguments, **keywords)


def test_infeasible_limits_name_the_nearest_feasible_value() -> None:
    with pytest.raises(ValueError, match=r"factors=9 leaves no strict .*: use factors=7 \(possible are 1, 2, .*, 7\)$"):
        best_strict(64, 9, factors=9)
    with pytest.raises(ValueError, match=r"factors=4 and min_width=8 .* use factors=3 .*, or min_width=4$"):
        best_strict(64, 9, factors=4, min_width=8)
    with pytest.raises(
        ValueError, match=r"factors=2 and min_width=9 leaves no dense .* use factors=1 .*, or min_width=7$"
    ):
        best_dense(7, 9, factors=2, min_width=9)
    assert best_strict(64, 9, factors=3, min_width=8)
    assert best_strict(64, 9, factors=4, min_width=4)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((735_134_400,), "channels=735134400 has 2043067 factorizations, more than 1048576.*min_width"),
        ((0,), "channels=0 is below 1"),
        ((12, 1), "min_width=1 is below 2"),
        ((2.5,), "channels=2.5"),
    ],
)
def test_bad_factorizations(arguments: tuple[int, ...], sentence: str) -> None:
    with pytest.raises((ValueError, TypeError), match=sentence):
        factorizations(*arguments)


def test_bad_design() -> None:
    with pytest.raises(ValueError, match="does not divide channels=12"):
        Design(12, (1, 5))
    with pytest.raises(ValueError, match="branch_widths="):
        Design(12, ())


@pytest.mark.parametrize(
    ("best", "way_out"), [(best_strict, "use fewer channels"), (best_dense, "use a strict design, fewer channels")]
)
def test_channels_with_too_many_divisors_are_refused_before_the_work(best: Callable[..., Design], way_out: str) -> None:
    most = 963_761_198_400
    with pytest.raises(ValueError, match=f"channels={most} has 6720 divisors .* more than 16777216: {way_out}"):
        best(most)
