"""Curves of width and weights, against counting chains and searching by brute force."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from itertools import combinations_with_replacement
from math import e, log, prod
from typing import Any

import numpy as np
import pytest
from scipy.optimize import brentq, minimize_scalar

from igc_theory.budget.curves.blocks import (
    imbalance_of_designs,
    price_of_imbalance,
    width_gain_of_igcv1,
    width_gain_of_igcv3,
    width_of_igcv1_designs,
)
from igc_theory.budget.curves.tradeoffs import (
    attainable_width,
    integer_optima,
    weights_against_factors,
    width_against_parameters,
    width_of_equal_branches,
)
from igc_theory.budget.formulas.widths import attainable_parameters
from igc_theory.structure import (
    depthwise_separable,
    group,
    igcv1,
    igcv3,
    interleaved,
    inverted_residual,
    is_dense,
    regular,
)

Table = dict[str, np.ndarray[Any, Any]]


def rows(table: Table, **values: object) -> Table:
    """The rows in which columns have these values."""
    chosen = np.logical_and.reduce([table[name] == value for name, value in values.items()])
    return {name: column[chosen] for name, column in table.items()}


def assert_is_table(table: Table) -> None:
    assert len({column.shape for column in table.values()}) == 1
    assert all(np.isfinite(column).all() for column in table.values() if column.dtype.kind == "f")


def cheapest_real(C: float, L: int, S: int = 9) -> float:
    """Weights per channel of L factors with real branch widths: the first any from 1 on, the others equal; by a minimiser."""
    if L == 1:
        return S * C
    found = minimize_scalar(
        lambda first: S * np.exp(first) + (L - 1) * (C / np.exp(first)) ** (1 / (L - 1)),
        bounds=(0, log(C)), method="bounded", options={"xatol": 1e-12},
    )  # fmt: skip
    return min(float(found.fun), S + (L - 1) * C ** (1 / (L - 1)))


def strict_widths(C: int, first: int = 1) -> Iterator[tuple[int, ...]]:
    """All branch widths whose product is C, by trial division: the first from 1 on, the others from 2."""
    if first <= C:
        yield (C,)
    for K in range(first, C // 2 + 1):
        if C % K == 0:
            yield from ((K, *rest) for rest in strict_widths(C // K, 2))


@cache
def cheapest_strict(C: int, L: int | None = None) -> int:
    """Fewest weights per channel of a strict design, with a 3×3 window in the first factor."""
    return min(9 * first + sum(rest) for first, *rest in strict_widths(C) if L in (None, 1 + len(rest)))


@cache
def cheapest_dense(C: int) -> int:
    """Fewest weights per channel of divisors of C whose product is at least C, among all sets of up to seven divisors."""
    divisors = [K for K in range(1, C + 1) if C % K == 0]
    return min(
        9 * first + sum(rest)
        for first in divisors
        for more in range(7)
        for rest in combinations_with_replacement(divisors[1:], more)
        if first * prod(rest) >= C
    )


def test_attainable_width_spends_the_budget() -> None:
    for budget in (50.0, 400.0, 4672.0, 1e6):
        for L, width in enumerate(attainable_width(budget, np.arange(1, 9), 9), start=1):
            assert width * cheapest_real(float(width), L) == pytest.approx(budget, rel=1e-7)


def test_attainable_width_spends_the_budget_at_real_numbers_of_factors() -> None:
    for budget in (12.0, 50.0, 4672.0):
        for L in (1.0, 1.05, 1.2, 1.5, 1.8, 2.5, 6.25):
            width = attainable_width(budget, L, 9)
            assert attainable_parameters(width, L, 9) == pytest.approx(budget, rel=1e-9), (budget, L)


def test_continuous_widths_spend_the_budget_of_their_chains() -> None:
    """Put the weights of a real chain in; its width comes out."""
    for C in (8, 24, 64):
        chains = {
            "regular": regular(C, C),
            "group, 4 branches": group(C, C, 4),
            "depthwise separable": depthwise_separable(C, C),
        }
        for series, chain in chains.items():
            table = rows(width_against_parameters([chain.parameters]), series=series)
            assert table["width"] == pytest.approx([C], rel=1e-12)


def test_order_of_the_families() -> None:
    budgets = np.unique(np.geomspace(300, 40_000, 15).astype(int))
    table = width_against_parameters(budgets)
    assert_is_table(table)
    widths = {series: rows(table, series=series)["width"] for series in dict.fromkeys(table["series"])}
    bound = widths["continuous optimum"]
    assert all((width <= bound * (1 + 1e-12)).all() for width in widths.values())
    assert (widths["strict integer"] <= widths["dense integer"]).all()
    assert (np.diff(widths["strict integer"]) >= 0).all()
    assert (np.diff(widths["dense integer"]) >= 0).all()
    assert widths["IGCV2, L = 2"] == pytest.approx((budgets / 6) ** (2 / 3))  # C (9 K + K') with 9 K = K' and K K' = C
    for T, strict, dense in zip(budgets[:4], widths["strict integer"], widths["dense integer"], strict=False):
        # No width above 100 has a design at these budgets: the bound, C (9 + e ln C), says so.
        assert strict == max(C for C in range(1, 101) if C * cheapest_strict(C) <= T)
        assert dense == max(C for C in range(1, 101) if C * cheapest_dense(C) <= T)
        assert budgets[3] < 100 * (9 + e * log(100))


@pytest.mark.parametrize("S", [1, 2, 3])
def test_small_windows_have_no_design_beyond_the_continuous_optimum(S: int) -> None:
    """For 1×1 and 1×2 windows balance is attainable at its best number of factors, so that C (S + e ln C) is no bound."""
    table = width_against_parameters([50, 500, 5000], S)
    widths = {series: rows(table, series=series)["width"] for series in dict.fromkeys(table["series"])}
    bound = widths["continuous optimum"]
    for series in widths.keys() - {"group, 4 branches"}:  # alone it is not dense
        assert (widths[series] <= bound * (1 + 1e-12)).all(), series
    table = integer_optima(64, S)
    assert (table["bound"] <= table["dense"]).all()
    least = [min(cheapest_real(C, L, S) for L in range(2, 12)) for C in range(20, 65)]
    assert table["bound"][18:] == pytest.approx(least, rel=0.02)


def test_weights_against_factors() -> None:
    for C in (12, 64, 97, 416):
        table = weights_against_factors(C)
        assert_is_table(table)
        strict = rows(table, series="strict")
        for L, weights in zip(strict["factors"], strict["weights_per_channel"], strict=True):
            assert weights == cheapest_strict(C, int(L))
        for series in ("strict", "dense"):
            points = rows(table, series=series)
            bound = np.array([cheapest_real(C, int(L)) for L in points["factors"]])
            assert (points["weights_per_channel"] >= bound * (1 - 1e-9)).all()
        whole = rows(table, series="attainable")
        for L, weights in zip(whole["factors"], whole["weights_per_channel"], strict=True):
            assert L % 1 or weights == pytest.approx(cheapest_real(C, int(L)), rel=1e-7)
        balanced, attainable = rows(table, series="balanced"), rows(table, series="attainable")
        same = np.isin(balanced["factors"], attainable["factors"])
        assert (balanced["weights_per_channel"][same] <= attainable["weights_per_channel"] * (1 + 1e-12)).all()


def test_price_of_imbalance() -> None:
    table = price_of_imbalance(reach=2.5, points=11)
    assert_is_table(table)
    ratios = np.array([np.ones(121), 2 ** table["log2_second"], 2 ** table["log2_third"]])
    arithmetic, geometric = ratios.mean(axis=0), ratios.prod(axis=0) ** (1 / 3)
    assert table["price"] == pytest.approx(arithmetic / geometric, rel=1e-12)
    best = table["price"].argmin()
    assert (table["log2_second"][best], table["log2_third"][best], table["price"][best]) == pytest.approx((0, 0, 1))
    assert price_of_imbalance(points=5, S=25)["price"] == pytest.approx(price_of_imbalance(points=5)["price"])


def test_designs_on_the_map_of_imbalance() -> None:
    for C in (64, 144, 216):
        table = imbalance_of_designs(C)
        assert_is_table(table)
        found = set(zip(*(table[name].tolist() for name in ("K1", "K2", "K3")), strict=True))
        divisors = [k for k in range(1, C + 1) if C % k == 0]
        triples = [(a, b, C // (a * b)) for a in divisors for b in divisors if b > 1 and C % (a * b) == 0 and a * b < C]
        assert found == set(triples)
        ratios = np.array([np.ones(len(found)), 2 ** table["log2_second"], 2 ** table["log2_third"]])
        assert table["price"] == pytest.approx(ratios.mean(axis=0) / ratios.prod(axis=0) ** (1 / 3))


def test_width_of_igcv1_designs() -> None:
    for budget, bound in ((4672, 84.64), (17536, 204.42)):
        table = width_of_igcv1_designs(budget)
        assert_is_table(table)
        integer, curve = rows(table, series="integer"), rows(table, series="continuous")
        chains = [igcv1(int(L), int(M)) for L, M in zip(integer["L"], integer["M"], strict=True)]
        assert [chain.parameters for chain in chains] == integer["parameters"].tolist()
        assert [chain.in_channels for chain in chains] == integer["width"].tolist()
        assert (integer["parameters"] <= budget).all()
        inside = {(L, M) for L in range(1, 200) for M in range(1, 60) if igcv1(L, M).parameters <= budget}
        corners = {(L, M) for L, M in inside if not {(L + 1, M), (L, M + 1)} & inside}
        assert set(zip(integer["L"].astype(int).tolist(), integer["M"].astype(int).tolist(), strict=True)) == corners
        assert curve["width"].max() == pytest.approx(bound, rel=2e-3)
        assert round((budget / 6) ** (2 / 3), 2) == bound
        spent = 9 * curve["L"] * curve["M"] ** 2 + curve["M"] * curve["L"] ** 2
        assert spent == pytest.approx(budget, rel=1e-12)


def test_width_of_equal_branches() -> None:
    table = width_of_equal_branches(4672, range(1, 9))
    assert_is_table(table)
    for n, K, C, share in zip(
        *(rows(table, series="integer")[name] for name in ("pointwise", "branch_width", "width", "non_sparsity")),
        strict=True,
    ):
        widths = [1] + int(n) * [int(K)]
        chain = interleaved(int(C), widths)
        assert is_dense(chain)
        assert chain.parameters <= 4672
        assert share == pytest.approx(chain.parameters / regular(int(C), int(C)).parameters)
        # Nothing wider with equal widths, over all K and all of their multiples.
        wider = [(c, k) for k in range(2, 100) for c in range(k, 400, k) if C < c <= k**n and c * (9 + n * k) <= 4672]
        assert wider == []
    curve = rows(table, series="continuous")
    assert curve["width"] == pytest.approx(curve["branch_width"] ** curve["pointwise"])
    assert curve["width"] * (9 + curve["pointwise"] * curve["branch_width"]) == pytest.approx(4672)
    # Of widths K that give the same channels the smallest is taken: 100 weights pay for four channels with K=2 and with K=4.
    tied = rows(width_of_equal_branches(100, [4]), series="integer")
    assert (tied["branch_width"].tolist(), tied["width"].tolist()) == ([2], [4])
    # The best real number of pointwise factors is ln C, each of width e: C (9 + e ln C) weights.
    peak = minimize_scalar(lambda n: -_equal(n), (3, 5, 8))
    assert -peak.fun * (9 + e * log(-peak.fun)) == pytest.approx(4672, rel=1e-9)
    assert -peak.fun == pytest.approx(rows(width_against_parameters([4672]), series="continuous optimum")["width"][0])
    assert peak.x == pytest.approx(log(-peak.fun), rel=1e-3)
    assert (curve["width"] <= -peak.fun * (1 + 1e-12)).all()


def _equal(n: float) -> float:
    """Width of n equal pointwise factors at 4672 weights, by a root finder of its own."""
    return float(brentq(lambda C: C * (9 + n * C ** (1 / n)) - 4672, 1, 4672, xtol=1e-12))


def test_width_theorem() -> None:
    table = width_gain_of_igcv1(most=64, points=7)
    assert_is_table(table)
    L, MS, gain = table["L"], table["MS"], table["gain"]
    assert gain == pytest.approx((1 / L + 1 / MS) ** -0.5, rel=1e-12)
    with np.errstate(divide="ignore"):
        wider = L / (L - 1) < MS * (1 - 1e-12)
    assert (wider == (gain > 1 + 1e-12)).all()
    assert wider.any()
    assert not wider.all()


def test_integer_optima() -> None:
    table = integer_optima(120)
    assert_is_table(table)
    assert table["channels"].tolist() == list(range(2, 121))
    assert table["strict"].tolist() == [cheapest_strict(C) for C in range(2, 121)]
    assert table["dense"][:59].tolist() == [cheapest_dense(C) for C in range(2, 61)]
    assert (table["dense"] <= table["strict"]).all()
    assert (table["bound"] <= table["dense"] + 1e-12).all()
    primes = [C for C in range(2, 121) if all(C % p for p in range(2, C))]
    assert table["channels"][table["prime"] == 1].tolist() == primes
    at_primes = rows(table, prime=1)
    assert (at_primes["strict"] == 9 + at_primes["channels"]).all()
    assert (at_primes["dense"] == at_primes["strict"]).all()
    assert table["bound"][-1] == pytest.approx(9 + e * log(120))


def test_width_gain_of_igcv3() -> None:
    table = width_gain_of_igcv3([16.0, 24.0, 96.0], groups=[(1, 1), (2, 2), (2, 4)])
    assert_is_table(table)
    for C, G1, G2, gain, limit in zip(*table.values(), strict=True):
        budget = inverted_residual(int(C), int(C)).parameters
        # Weights of the wider block, counted on two neighbouring real chains, bracket the budget.
        step = int(np.lcm(G1, G2))
        below = int(C * gain + 1e-9) // step * step
        assert igcv3(below, below, groups=(int(G1), int(G2))).parameters <= budget
        assert igcv3(below + step, below + step, groups=(int(G1), int(G2))).parameters > budget
        assert 1 - 1e-12 <= gain <= limit + 1e-12
    assert rows(width_gain_of_igcv3([1e7]), G1=8)["gain"] == pytest.approx([np.sqrt(8)], rel=1e-6)


@pytest.mark.parametrize(
    ("function", "arguments", "sentence"),
    [
        (attainable_width, (0, 2, 9), "T=0"),
        (attainable_width, (100, 0, 9), "L=0"),
        (width_against_parameters, ([100, 8],), "budgets=8 is below 9"),
        (width_against_parameters, ([100.5],), "budgets=100.5"),
        (weights_against_factors, (1,), "channels=1 is below 2"),
        (weights_against_factors, (64, 9, 0), "most_factors=0"),
        (price_of_imbalance, (0,), "reach=0"),
        (price_of_imbalance, (3, 1), "points=1 is below 2"),
        (imbalance_of_designs, (7,), "factors=3 leaves no strict design"),
        (width_of_igcv1_designs, (9,), "budget=9 is below 10"),
        (width_of_equal_branches, (20, [1]), "budget=20 is below 22"),
        (width_of_equal_branches, (200, [0]), "pointwise=0"),
        (width_of_equal_branches, (200, []), "pointwise="),
        (width_gain_of_igcv1, (1,), "most=1 leaves one point: give a number above 1"),
        (integer_optima, (1,), "most_channels=1"),
        (width_gain_of_igcv3, (0,), "channels=0"),
        (width_gain_of_igcv3, ([],), "channels is empty: give at least one width"),
        (width_gain_of_igcv3, (8, 6, []), "groups="),
    ],
)
def test_bad_input(function: Callable[..., Table], arguments: tuple[object, ...], sentence: str) -> None:
    with pytest.raises((ValueError, TypeError), match=sentence):
        function(*arguments)
