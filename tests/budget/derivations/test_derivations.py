"""Derivations: each verifies, each step can fail, and each statement agrees with an exhaustive search that knows nothing of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import cache
from itertools import product
from math import e, isclose, log, prod, sqrt
from typing import Any

import pytest
import sympy as sp
from scipy.optimize import brentq

from igc_theory import budget as b
from igc_theory.budget import Derivation
from igc_theory.budget.derivations import Step
from igc_theory.budget.derivations.checks import equivalence, identity, measured, sign
from igc_theory.budget.formulas import cost, widths
from igc_theory.structure import igcv3, interleaved, inverted_residual, is_dense, path_counts
from tests import cases

DERIVATIONS: dict[str, Callable[[], Derivation]] = {
    "width theorem": b.width_theorem,
    "widest IGCV1": b.widest_igcv1_bound,
    "balance, any L": b.balance_condition,
    "balance, L = 2": lambda: b.balance_condition(2),
    "balance, L = 3": lambda: b.balance_condition(3),
    "balance, L = 4": lambda: b.balance_condition(4),
    "balance, L = 5": lambda: b.balance_condition(5),
    "best number of factors": b.best_factor_count,
    "attainable": b.attainable_balance,
    "integer optimum": b.integer_optimum,
    "width at a budget": b.width_at_budget,
    "IGCV3 width gain": b.igcv3_width_gain,
}
DERIVATIONS = {name: cache(derive) for name, derive in DERIVATIONS.items()}  # derivations are never changed
ALL = pytest.mark.parametrize("derive", DERIVATIONS.values(), ids=DERIVATIONS.keys())


def falsified(claim: Any) -> Any:
    """A claim close to this one, and wrong."""
    if isinstance(claim, sp.Eq):
        return sp.Eq(claim.lhs, claim.rhs + 1 if claim.rhs == 0 else claim.rhs * sp.Rational(101, 100), evaluate=False)
    if isinstance(claim, sp.Equivalent):
        first, second = claim.args
        return sp.Equivalent(first, falsified(second))
    if isinstance(claim, sp.Or):
        return sp.Or(*(type(part)(part.lts, 2 * part.gts, evaluate=False) for part in claim.args))
    return type(claim)(claim.rhs, claim.lhs, evaluate=False)


def holds(step: Step) -> bool:
    """Whether a step holds; that its check cannot decide such a claim counts as no."""
    try:
        return step.holds()
    except TypeError:
        return False


@ALL
def test_verifies(derive: Callable[[], Derivation]) -> None:
    derivation = derive()
    assert derivation.failures() == ()
    assert derivation.verify() is True


@ALL
def test_every_step_fails_when_its_claim_is_falsified(derive: Callable[[], Derivation]) -> None:
    for step in derive().steps:
        assert not holds(dataclasses.replace(step, claim=falsified(step.claim))), (
            f"{step.reason} {falsified(step.claim)}"
        )


@pytest.mark.parametrize(
    "name", ["widest IGCV1", "balance, any L", "balance, L = 3", "best number of factors", "attainable"]
)
def test_bounds_that_are_met_cannot_be_raised(name: str) -> None:
    derivation = DERIVATIONS[name]()
    bounds = [step for step in derivation.steps if isinstance(step.claim, sp.Ge) and step.claim in derivation.result]
    assert bounds
    for step in bounds:
        higher = sp.Ge(step.claim.lhs, step.claim.rhs * sp.Rational(1001, 1000), evaluate=False)
        assert not dataclasses.replace(step, claim=higher).holds()


@ALL
def test_one_false_step_fails_the_derivation(derive: Callable[[], Derivation]) -> None:
    derivation = derive()
    first, second, *_ = derivation.steps
    false = dataclasses.replace(first, check=lambda claim: False)
    tampered = dataclasses.replace(derivation, steps=(false, second))
    assert not tampered.verify()
    assert first.claim in tampered.failures()


@ALL
def test_a_result_that_no_step_establishes_fails(derive: Callable[[], Derivation]) -> None:
    derivation = derive()
    first = derivation.steps[0]
    assert dataclasses.replace(derivation, steps=(first,), result=(first.claim,)).verify()
    assert not dataclasses.replace(derivation, steps=(first,), result=(falsified(first.claim),)).verify()


@ALL
def test_is_shown_as_text_and_as_formulas(derive: Callable[[], Derivation]) -> None:
    derivation = derive()
    text, markdown = derivation.text(), derivation._repr_markdown_()
    for step in derivation.steps:
        assert step.reason.replace("`", "") in text
        assert f"$$ {sp.latex(step.claim, ln_notation=True)} $$" in markdown
    assert markdown.count("$$") == 2 * (len(derivation.steps) + len(derivation.result))
    for claim in derivation.result:
        number = [step.claim for step in derivation.steps].index(claim) + 1
        assert f"$$ {sp.latex(claim, ln_notation=True)} \\tag{{{number}" in markdown
    assert text.count("Result") == markdown.count("Result") == 1
    assert derivation.source.replace("`", "") in text
    assert "*Source:* " in markdown
    assert text.startswith(derivation.title)


def test_a_step_as_text_and_as_markdown() -> None:
    K, S = sp.symbols("K_1 S", positive=True)
    claim = sp.Eq(K, sp.log(S) / S)
    shown = Derivation(
        "A title", ("S > 1",), (Step(claim, "Because `K_1 = ln S/√S` is so.", lambda claim: True),), (claim,), "none"
    )
    assert repr(shown) == "Derivation('A title', 1 steps)"
    assert shown.text().splitlines() == [
        "A title",
        "=======",
        "Let S > 1.",
        "",
        "1. Because K_1 = ln S/√S is so.",
        *(claims := ["           ln(S)", "      K₁ = ─────", "             S", ""]),
        "Result",
        "   by step 1",
        *claims,
        "Source: none",
    ]
    assert "1. Because $K_1 = \\ln S/\\sqrt{S}$ is so.\n   $$ K_{1} = \\frac{" in shown._repr_markdown_()


def test_checks_refuse_claims_of_another_form() -> None:
    x = sp.Symbol("x", positive=True)
    for check, claim in (
        (identity, x > 1),
        (sign(), sp.Eq(x, 1)),
        (equivalence(), sp.Eq(x, 1)),
        (measured(len, []), x > 1),
    ):
        with pytest.raises(TypeError, match="this check decides"):
            check(claim)


@pytest.mark.parametrize("bad", [0, 1, -2])
def test_balance_needs_two_factors(bad: int) -> None:
    with pytest.raises(ValueError, match=f"L={bad} is below 2: use 2 to 12 factors"):
        b.balance_condition(bad)


@pytest.mark.parametrize("bad", [True, 2.0, "3"])
def test_balance_needs_an_integer(bad: Any) -> None:
    with pytest.raises(TypeError, match=r"L=.*, not an integer"):
        b.balance_condition(bad)


# THEORY section 4


def test_width_theorem_on_all_small_blocks() -> None:
    """At equal weights C² S = T, so G > C iff G² S > T, in integers."""
    for L, M, S in product(range(1, 25), range(1, 25), (1, 2, 3, 4, 9, 25)):
        wider = b.igcv1_parameters(L, M, S) < (L * M) ** 2 * S
        assert wider == (L > 1 and Fraction(L, L - 1) < M * S)
        assert wider or L == 1 or M * S <= 2  # where it fails


def test_widest_block_on_all_small_blocks() -> None:
    """T >= 2 √S G^(3/2), squared to stay in integers; equality iff L = M S."""
    for L, M, S in product(range(1, 61), range(1, 25), (1, 4, 9, 25)):
        excess = b.igcv1_parameters(L, M, S) ** 2 - 4 * S * (L * M) ** 3
        assert excess >= 0
        assert (excess == 0) == (L == M * S)


@pytest.mark.parametrize(("budget", "bound"), [(4672, 84.64), (17536, 204.42)])
def test_no_integer_block_is_wider_than_the_bound(budget: int, bound: float) -> None:
    sizes = [(L, M) for L, M in product(range(1, 300), range(1, 60)) if b.igcv1_parameters(L, M, 9) <= budget]
    widest = max(L * M for L, M in sizes)
    assert bound - 10 < widest <= bound
    promised = b.widest_igcv1_bound().result[2].rhs
    assert (
        round(float(promised.subs({sp.Symbol("T", positive=True): budget, sp.Symbol("S", positive=True): 9})), 2)
        == bound
    )


# THEORY section 7


def test_balance_on_all_small_designs() -> None:
    """Q >= C L (SC)^(1/L), to the power L to stay in integers; equality iff S K_1 = K_2 = … = K_L."""
    for factors, S in product((1, 2, 3, 4), (1, 2, 4, 9)):
        for split in product(range(1, 10), repeat=factors):
            C, Q = prod(split), b.igcv2_parameters(split, S)
            excess = Q**factors - (C * factors) ** factors * S * C
            assert excess >= 0
            assert (excess == 0) == (len({S * split[0], *split[1:]}) == 1)


def test_the_best_whole_number_of_factors_is_next_to_the_stationary_one() -> None:
    for C, S in product((2, 5, 64, 1000, 10**6), (1, 4, 9, 25)):
        best = min(range(1, 60), key=lambda L: widths.balanced_parameters(C, L, S))
        assert abs(best - log(S * C)) < 1


def test_attainable_numbers_of_factors() -> None:
    for C, S, L in product((2, 9, 64, 729), (3, 4, 9, 25), range(1, 12)):
        spatial = (S * C) ** (1 / L) / S
        if not isclose(spatial, 1):
            assert (spatial > 1) == (1 + log(C) / log(S) > L)


def factorizations(C: int) -> Iterator[tuple[int, ...]]:
    """All sequences of integers above 1 with product C."""
    if C == 1:
        yield ()
    for first in cases.divisors(C)[1:]:
        yield from ((first, *others) for others in factorizations(C // first))


def sopfr(C: int) -> int:
    total, prime = 0, 2
    while C > 1:
        while C % prime == 0:
            total, C = total + prime, C // prime
        prime += 1
    return total


def test_strict_optimum_over_all_factorizations() -> None:
    for C in range(1, 400):
        sums = [(K, min(map(sum, factorizations(C // K)))) for K in cases.divisors(C)]
        for S in (2, 3, 4, 9, 25):
            assert min(S * K + others for K, others in sums) == S + sopfr(C)
        if C > 1:  # with a pointwise "window" a depthwise factor is only a scale
            assert min(K + others for K, others in sums) == sopfr(C) < 1 + sopfr(C)


def least_dense(C: int, S: int) -> int:
    """The least S K_1 + … + K_L over all sequences of divisors of C with product at least C, by growing them one by one."""
    divisors = cases.divisors(C)
    best, open_designs = S * C, {(K, S * K) for K in divisors}
    while open_designs:
        best = min([best, *(cost for reach, cost in open_designs if reach >= C)])
        grown = ((reach * K, cost + K) for reach, cost in open_designs if reach < C for K in divisors[1:])
        open_designs = {(reach, cost) for reach, cost in grown if cost < best}
    return best


def test_dense_optimum_over_all_designs() -> None:
    for C in [*range(2, 100), 416]:
        for S in (2, 9):
            best = least_dense(C, S)
            assert best == b.best_dense(C, S).parameters_per_channel
            assert best <= S + sopfr(C)
            assert best >= S + e * log(C)
            if C % 2 == 0:
                assert best <= S + 2 * (C - 1).bit_length()
            if sopfr(C) == C and all(C % k for k in range(2, C)):
                assert best == S + C
    assert least_dense(416, 9) == 27


def test_results_quote_the_worked_values() -> None:
    claims = {str(step.claim) for step in b.integer_optimum().steps}
    for quoted in ("Eq(strict(64, 9), 21)", "Eq(dense(64, 9), 21)", "Eq(strict(416, 9), 32)", "Eq(dense(416, 9), 27)"):
        assert quoted in claims


def test_lambert_widths_solve_their_equations() -> None:
    T, S = (sp.Symbol(name, positive=True) for name in "TS")
    *_, stationary, attainable = b.width_at_budget().result
    for budget in (500, 4672, 10**6):
        C = stationary.rhs.subs({T: budget, S: 9}).evalf(30)
        assert abs(sp.N(sp.E * C * sp.log(9 * C), 30) / budget - 1) < 1e-25
        C = attainable.rhs.subs({T: budget, S: 9}).evalf(30)
        assert abs(sp.N(C * (9 + sp.E * sp.log(C)), 30) / budget - 1) < 1e-25


def test_the_published_network_with_branches_of_eight_is_dense_and_above_the_minimum() -> None:
    """IGCV2*: depthwise 3×3, then ⌈log_8 C⌉ pointwise factors of width 8."""
    for C in range(16, 400, 8):
        factors = next(n for n in range(1, 9) if 8**n >= C)
        chain = interleaved(C, [1, *factors * [8]])
        assert is_dense(chain)
        assert not is_dense(interleaved(C, [1, *(factors - 1) * [8]]))
        assert chain.parameters == cost.interleaved_parameters(C, [1, 8 * factors], 9) == C * (9 + 8 * factors)
        assert chain.parameters > widths.constrained_parameters(C, 9)


# THEORY section 8


def test_igcv3_width_gain_by_solving_for_equal_weights() -> None:
    gain, limit, _ = b.igcv3_width_gain().result
    symbols = {str(symbol): symbol for symbol in gain.rhs.free_symbols}
    for C_0, t, t_0, G1, G2 in product((16.0, 24.0, 320.0), (4, 6), (4, 6), (1, 2, 4), (1, 2, 8)):
        budget = b.igcv3_parameters(C_0, C_0, t_0, (1, 1), 9)
        width = brentq(
            lambda C, t=t, G=(G1, G2), T=budget: b.igcv3_parameters(C, C, t, G, 9) - T, 1e-3, 1e5, rtol=1e-14
        )
        g, rho = (1 / G1 + 1 / G2) / 2, t_0 / t
        values = {symbols["C_0"]: C_0, symbols["g"]: g, symbols["rho"]: rho, symbols["S"]: 9}
        assert float(gain.rhs.subs(values)) == pytest.approx(width / C_0, rel=1e-10)
        assert float(limit.rhs.subs(values)) == pytest.approx(sqrt(rho / g))
        if t == t_0:
            assert (width > C_0 * (1 + 1e-12)) == (G1 > 1 or G2 > 1)
            assert width / C_0 <= sqrt(1 / g) * (1 + 1e-12)


def test_igcv3_paths() -> None:
    for C, t, G1, G2 in product((4, 8, 12), (1, 2, 6), (1, 2, 4), (1, 2, 4)):
        if (t * C) % (G1 * G2) == 0:
            assert (path_counts(igcv3(C, C, t, (G1, G2))) == t * C // (G1 * G2)).all()
        assert (path_counts(inverted_residual(C, C, t)) == t * C).all()
