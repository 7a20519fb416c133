"""Continuous widths: inverses of the costs, minima against numerical optimization, bounds against integer designs."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import product
from math import e, exp, log, prod
from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize, minimize_scalar

from igc_theory import budget as b
from igc_theory.budget.derivations.symbols import SYMBOLIC
from igc_theory.budget.formulas import block_widths, cost, widths
from tests import cases

BUDGETS = np.logspace(2, 7, 30)

INVERSES: list[tuple[str, Callable[[Any, Any], Any], Callable[[Any, Any], Any]]] = [
    ("regular", block_widths.regular_width, b.regular_parameters),
    ("group", lambda T, S: block_widths.group_width(T, 4, S), lambda C, S: cost.group_parameters(C, 4, S)),
    ("depthwise separable", block_widths.depthwise_separable_width, cost.depthwise_separable_parameters),
    ("IGCV1", lambda T, S: block_widths.igcv1_width(T, 8, S), lambda C, S: b.igcv1_parameters(8, C / 8, S)),
    ("two factors", lambda T, S: widths.balanced_width(T, 2, S), lambda C, S: widths.balanced_parameters(C, 2, S)),
    ("five factors", lambda T, S: widths.balanced_width(T, 5, S), lambda C, S: widths.balanced_parameters(C, 5, S)),
    ("stationary", widths.stationary_width, widths.stationary_parameters),
    ("one pointwise", lambda T, S: widths.depthwise_width(T, 1, S), lambda C, S: widths.depthwise_parameters(C, 1, S)),
    ("four pointwise", lambda T, S: widths.depthwise_width(T, 4, S), lambda C, S: widths.depthwise_parameters(C, 4, S)),
    ("constrained", widths.constrained_width, widths.constrained_parameters),
    (
        "IGCV3",
        lambda T, S: block_widths.igcv3_width(T, 6, (2, 4), S),
        lambda C, S: b.igcv3_parameters(C, C, 6, (2, 4), S),
    ),
    (
        "MobileNetV2",
        lambda T, S: block_widths.igcv3_width(T, 6, (1, 1), S),
        lambda C, S: b.igcv3_parameters(C, C, 6, (1, 1), S),
    ),
]


@pytest.mark.parametrize(("width", "weights"), [case[1:] for case in INVERSES], ids=[case[0] for case in INVERSES])
@pytest.mark.parametrize("S", [1.0, 4.0, 9.0, 25.0])
def test_widths_invert_costs(width: Callable[[Any, Any], Any], weights: Callable[[Any, Any], Any], S: float) -> None:
    found = width(BUDGETS, S)
    np.testing.assert_allclose(weights(found, S), BUDGETS, rtol=1e-12)
    np.testing.assert_allclose(width(weights(found, S), S), found, rtol=1e-12)
    assert float(width(4672, S)) == pytest.approx(float(width(np.array([4672.0]), S)[0]), rel=1e-15)


@given(T=st.floats(50, 1e9), L=st.floats(1, 12), S=st.floats(1, 121))
def test_balanced_widths_invert_for_any_number_of_factors(T: float, L: float, S: float) -> None:
    assert widths.balanced_parameters(widths.balanced_width(T, L, S), L, S) == pytest.approx(T, rel=1e-12)
    assert widths.depthwise_parameters(widths.depthwise_width(T, L, S), L, S) == pytest.approx(T, rel=1e-12)


def test_depthwise_width_over_the_whole_range_of_budgets() -> None:
    for S in (1, 9, 10**6):
        for n in (1, 2, 7, 100):
            T = np.logspace(1, 50, 200)
            found = widths.depthwise_width(T, n, S)
            np.testing.assert_allclose(S * found + n * found ** (1 + 1 / n), T, rtol=1e-12)
    assert widths.constrained_parameters(widths.constrained_width(T, S), S) == pytest.approx(T, rel=1e-12)


def test_worked_values() -> None:
    assert round(float(widths.balanced_width(4672, 2, 9)), 2) == 84.64
    assert round(float(widths.balanced_width(17536, 2, 9)), 2) == 204.42
    assert round(float(widths.stationary_parameters(64, 9)) / 64, 2) == 17.28
    assert round(float(widths.constrained_parameters(64, 9)) / 64, 2) == 20.31


def test_one_pointwise_factor_is_depthwise_separable() -> None:
    np.testing.assert_allclose(
        widths.depthwise_width(BUDGETS, 1, 9), block_widths.depthwise_separable_width(BUDGETS, 9), rtol=1e-12
    )


@pytest.mark.parametrize("S", [4, 9, 25])
@pytest.mark.parametrize("C", [3, 8, 64, 1000])
@pytest.mark.parametrize("L", [2, 3, 4, 6])
def test_fewest_weights_by_numerical_optimization(C: int, S: int, L: int) -> None:
    weights = np.array([S] + (L - 1) * [1])
    result = minimize(
        lambda k: weights @ np.exp(k),
        np.full(L, log(C) / L),
        jac=lambda k: weights * np.exp(k),
        bounds=L * [(0, None)],
        constraints={"type": "eq", "fun": lambda k: k.sum() - log(C), "jac": np.ones_like},
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 500},
    )
    assert result.success
    assert C * result.fun == pytest.approx(widths.attainable_parameters(C, L, S), rel=1e-6)
    assert widths.attainable_parameters(C, L, S) >= widths.balanced_parameters(C, L, S) * (1 - 1e-12)
    if 1 + log(C) / log(S) < L:
        assert exp(result.x[0]) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("S", [3, 4, 9, 25])
@pytest.mark.parametrize("C", [3, 8, 64, 1000])
def test_constrained_optimum_is_the_least_over_all_numbers_of_factors(C: int, S: int) -> None:
    counts = np.linspace(1, 3 * log(S * C), 20_001)
    curve = widths.attainable_parameters(C, counts, S)
    assert curve.min() == pytest.approx(widths.constrained_parameters(C, S), rel=1e-6)
    assert curve.min() >= widths.constrained_parameters(C, S) * (1 - 1e-12)
    assert counts[curve.argmin()] == pytest.approx(1 + log(C), abs=1e-2)


@pytest.mark.parametrize("C", [2, 64, 1000])
def test_stationary_number_of_factors_is_the_least(C: int) -> None:
    found = minimize_scalar(lambda L: widths.balanced_parameters(C, L, 9), bounds=(0.1, 50), options={"xatol": 1e-10})
    assert found.x == pytest.approx(log(9 * C), rel=1e-6)
    assert found.fun == pytest.approx(widths.stationary_parameters(C, 9), rel=1e-12)


def test_a_small_window_needs_no_constraint() -> None:
    """For S <= e balance is attainable at its best number of factors, and the constrained formula is no optimum."""
    for S, C in product((1, 2, 2.7), (8, 64)):
        assert e / S >= 1
        assert widths.attainable_parameters(C, log(S * C), S) == pytest.approx(widths.stationary_parameters(C, S))
        assert widths.stationary_parameters(C, S) < widths.constrained_parameters(C, S)


@pytest.mark.parametrize("S", [3, 4, 9, 25])
def test_every_integer_design_is_above_the_continuous_bounds(S: int) -> None:
    for C in range(2, 49):
        for factors in (1, 2, 3):
            for chosen in product(cases.divisors(C), repeat=factors):
                if prod(chosen) >= C:
                    weights = cost.interleaved_parameters(C, chosen, S)
                    assert weights >= widths.constrained_parameters(C, S) * (1 - 1e-12)
                    assert weights >= widths.attainable_parameters(C, factors, S) * (1 - 1e-12)


def test_symbols_give_the_same_numbers() -> None:
    T, S, L = sp.symbols("T S L", positive=True)
    values = {T: sp.Integer(4672), S: sp.Integer(9), L: sp.Integer(3)}
    pairs = [
        (block_widths.regular_width(T, S, SYMBOLIC), block_widths.regular_width(4672, 9)),
        (block_widths.group_width(T, 4, S, SYMBOLIC), block_widths.group_width(4672, 4, 9)),
        (block_widths.depthwise_separable_width(T, S, SYMBOLIC), block_widths.depthwise_separable_width(4672, 9)),
        (block_widths.igcv1_width(T, L, S, SYMBOLIC), block_widths.igcv1_width(4672, 3, 9)),
        (widths.balanced_width(T, L, S), widths.balanced_width(4672, 3, 9)),
        (widths.balanced_parameters(T, L, S), widths.balanced_parameters(4672, 3, 9)),
        (widths.stationary_width(T, S, SYMBOLIC), widths.stationary_width(4672, 9)),
        (widths.constrained_width(T, S, SYMBOLIC), widths.constrained_width(4672, 9)),
        (
            block_widths.igcv3_width(T, 6, (sp.Integer(2), sp.Integer(2)), S, SYMBOLIC),
            block_widths.igcv3_width(4672, 6, (2, 2), 9),
        ),
    ]
    for formula, number in pairs:
        assert float(formula.subs(values).evalf(20)) == pytest.approx(float(number), rel=1e-14)


@pytest.mark.parametrize("bad", [0, -3.0, True, "9", float("nan"), [1, 0]])
@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("C", lambda bad: widths.balanced_parameters(bad, 2, 9)),
        ("L", lambda bad: widths.balanced_width(4672, bad, 9)),
        ("S", lambda bad: widths.stationary_parameters(64, bad)),
        ("T", lambda bad: widths.stationary_width(bad, 9)),
        ("pointwise", lambda bad: widths.depthwise_parameters(64, bad, 9)),
        ("pointwise", lambda bad: widths.depthwise_width(4672, bad, 9)),
        ("C", lambda bad: widths.constrained_parameters(bad, 9)),
        ("S", lambda bad: widths.constrained_width(4672, bad)),
        ("L", lambda bad: widths.attainable_parameters(64, bad, 9)),
        ("T", lambda bad: block_widths.regular_width(bad, 9)),
        ("groups", lambda bad: block_widths.group_width(4672, bad, 9)),
        ("T", lambda bad: block_widths.depthwise_separable_width(bad, 9)),
        ("L", lambda bad: block_widths.igcv1_width(4672, bad, 9)),
        ("t", lambda bad: block_widths.igcv3_width(4672, bad, (2, 2), 9)),
        (r"groups\[0\]", lambda bad: block_widths.igcv3_width(4672, 6, (bad, 2), 9)),
    ],
)
def test_bad_quantities_are_named(name: str, call: Callable[[Any], Any], bad: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=f"^{name}="):
        call(bad)


@pytest.mark.parametrize(
    "call",
    [
        lambda: widths.balanced_parameters(64, 1e-9, 9),
        lambda: widths.balanced_width(64, 1e-30, 5e-324),
        lambda: widths.stationary_width(5e-324, np.array([1, 2])),
        lambda: widths.depthwise_width(5e-324, 2, 1.0),
        lambda: widths.attainable_parameters(1e50, Fraction(1, 3), 1e50),
        lambda: block_widths.group_width(Fraction(1, 3), 1e50, 1e-300),
        lambda: block_widths.igcv1_width(3.5, 5e-324, Fraction(1, 3)),
        lambda: cost.igcv1_parameters(10**400, 2, 9.5),
        lambda: cost.igcv2_parameters([10**400, 2.0], 9),
        lambda: cost.igcv2_parameters([1e50] * 7, 9),
        lambda: cost.regular_parameters(np.array([10**400, 2], object), 9.5),
        lambda: cost.group_parameters([1, 2], 5e-324, 9),
    ],
)
def test_what_no_float_holds_is_refused(call: Callable[[], Any]) -> None:
    with pytest.raises(ValueError, match=r"leaves the range of floats here: give numbers nearer to 1"):
        call()


def test_fractions_beside_arrays_are_floats() -> None:
    C = np.array([8.0, 64.0])
    for formula in (widths.depthwise_parameters, widths.balanced_parameters, widths.attainable_parameters):
        found = formula(C, Fraction(5, 2), Fraction(9, 2))
        assert found.dtype == np.float64
        assert found == pytest.approx(formula(C, 2.5, 4.5))
