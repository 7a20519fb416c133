"""IGCV2: the best number of factors, why it cannot be reached, and what can be reached instead."""

from __future__ import annotations

import sympy as sp

from igc_theory.budget.derivations.checks import (
    equivalence,
    identity,
    identity_with,
    in_every_case,
    least_at,
    root_of,
    rounded,
    sign,
)
from igc_theory.budget.derivations.derivation import Claim, Derivation, Step
from igc_theory.budget.derivations.symbols import SYMBOLIC, C, L, S, at_least, equation, more_than, n
from igc_theory.budget.formulas.widths import (
    balanced_parameters,
    constrained_parameters,
    depthwise_parameters,
    stationary_parameters,
)

__all__ = ["attainable_balance", "best_factor_count"]

c, u = sp.symbols("c u", positive=True)
ABOVE_ONE = {C: sp.exp(c) / S}
"""S C > 1: more than one weight in all."""
ABOVE_E = {C: sp.exp(c), S: sp.exp(1 + u)}
"""C > 1 and S > e, as any window larger than two entries."""
EXAMPLE = {C: 64, S: 9}


def best_factor_count() -> Derivation:
    r"""Derive the best number of balanced factors, :math:`L = \ln(SC)`: there :math:`K = e` and :math:`Q = e\,C \ln(SC)`.

    Returns
    -------
    Derivation
        Its result is that number, the value of the terms there and the bound for all L (IGCV2 [Xie2018], section 3).

    Examples
    --------
    >>> best_factor_count().result[0]
    Eq(L, log(C*S))
    """
    cost, best = balanced_parameters(C, L, S), sp.log(S * C)
    term = (S * C) ** (1 / L)
    where, value = equation(L, best), equation(sp.Subs(term, L, best), sp.E)
    bound = at_least(cost, stationary_parameters(C, S, SYMBOLIC))
    steps = (
        Step(
            equation(sp.Derivative(cost, L), C * term * (1 - sp.log(S * C) / L)),
            "Differentiate the weights of `L` balanced factors in `L`, as if it were real.",
            identity,
        ),
        Step(where, "The one zero of the derivative.", root_of(1 - sp.log(S * C) / L)),
        Step(
            equation(sp.Derivative(cost, (L, 2)), C * term * sp.log(S * C) ** 2 / L**3),
            "The second derivative …",
            identity,
        ),
        Step(
            more_than(C * term * sp.log(S * C) ** 2 / L**3, 0),
            "… is positive for every `L`: the weights are convex in `L`, and the zero is the minimum.",
            sign(ABOVE_ONE),
        ),
        Step(value, "At the minimum every term of the sum, `S K_1 = K_2 = … = K_L`, is `e`.", identity),
        Step(bound, "So the weights are at least `L` terms of `e` per channel.", least_at(L, best, ABOVE_ONE)),
        *_whole_numbers(best, bound),
    )
    return Derivation(
        title="The best number of balanced factors",
        assumptions=(
            "`Q = C L (S C)^(1/L)` be the weights of `L` balanced factors",
            "`L` be a positive real, and `S C > 1`",
        ),
        steps=steps,
        result=(where, value, bound),
        source="IGCV2 [Xie2018], section 3",
    )


def attainable_balance() -> Derivation:
    r"""Derive why that optimum is out of reach for S > e, and the optimum with :math:`K_1 ≥ 1`: :math:`Q = C (S + e \ln C)`.

    Balance asks for a spatial factor of :math:`K_1 = e/S` channels per branch, less than one. With :math:`K_1 ≥ 1` the
    Karush–Kuhn–Tucker conditions, sufficient as the problem is convex in :math:`\ln K`, give a depthwise spatial factor
    and :math:`\ln C` pointwise factors of width e.

    Returns
    -------
    Derivation
        Its result is when balance is attainable, the constrained minimum, and its price per channel.

    Examples
    --------
    >>> attainable_balance().result[-1]
    Eq(C*S + E*C*log(C) - E*C*log(C*S), C*(S - E*log(S)))
    """
    allowed = sp.Equivalent(at_least(sp.log(_asked(L)), 0), at_least(1 + sp.log(C) / sp.log(S), L))
    minimum = at_least(depthwise_parameters(C, n, S), constrained_parameters(C, S, SYMBOLIC))
    price = equation(
        constrained_parameters(C, S, SYMBOLIC) - stationary_parameters(C, S, SYMBOLIC), C * (S - sp.E * sp.log(S))
    )
    return Derivation(
        title="The best attainable design",
        assumptions=(
            "`S > e` and `C ≥ e`",
            "`K_1 ≥ 1`, as a branch of the spatial factor has at least one channel",
            "`n = L - 1` be the number of pointwise factors",
        ),
        steps=(*_out_of_reach(allowed), *_given_number(), *_best_number(minimum), *_price(price)),
        result=(allowed, minimum, price),
        source="the problem without `K_1 ≥ 1`: IGCV2 [Xie2018], section 3; with it, elementary, new as far as searched",
    )


def _whole_numbers(best: sp.Expr, bound: Claim) -> tuple[Step, ...]:
    """Return what follows for whole numbers of factors, and an example."""
    return (
        Step(
            sp.Or(*(at_least(_balanced(n), _balanced(near(best))) for near in (sp.floor, sp.ceiling))),
            "As the curve is convex, the best whole number of factors is next to `ln(S C)`, on one side. "
            "(Checked for `n` up to 12.)",
            in_every_case([{C: width, S: 9, n: count} for width in (2, 8, 64, 1000) for count in range(1, 13)]),
        ),
        Step(
            equation(best.subs(EXAMPLE), sp.Float("6.36", 4)),
            "For 64 channels and a 3×3 window.",
            rounded(2),
        ),
        Step(
            equation((bound.rhs / C).subs(EXAMPLE), sp.Float("17.28", 4)),
            "Weights per channel that this promises, in the same example.",
            rounded(2),
        ),
    )


def _balanced(count: sp.Expr) -> sp.Expr:
    return balanced_parameters(C, count, S) / C


def _asked(count: sp.Expr) -> sp.Expr:
    """Return the branch width of the spatial factor that balance asks for."""
    return (S * C) ** (1 / count) / S


def _out_of_reach(allowed: Claim) -> tuple[Step, ...]:
    """Return the steps that say when balance respects K_1 >= 1."""
    return (
        Step(
            equation(sp.log(_asked(L)), sp.log(S) / L * (1 + sp.log(C) / sp.log(S) - L)),
            "Balance asks for `K_1 = (S C)^(1/L)/S` channels. Its logarithm …",
            identity,
        ),
        Step(allowed, "… has the sign of the bracket: only so few factors can be balanced.", equivalence(ABOVE_E)),
        Step(
            equation(sp.Subs(_asked(L), L, sp.log(S * C)), sp.E / S),
            "At the best number of factors, `L = ln(S C)`, it asks for `e/S` channels …",
            identity,
        ),
        Step(
            sp.Equivalent(more_than(1, sp.E / S), more_than(S, sp.E)),
            "… which is less than one for `S > e`: that optimum does not exist.",
            equivalence(),
        ),
    )


def _given_number() -> tuple[Step, ...]:
    """Return the Karush–Kuhn–Tucker conditions for n pointwise factors, in the logarithms k of the widths."""
    k_1 = sp.Symbol("k_1", real=True)
    rate, force = sp.symbols("lambda mu", positive=True)
    lagrangian = S * sp.exp(k_1) - rate * k_1 - force * k_1
    few, many = at_least(sp.log(S), sp.log(C) / n), at_least(n, sp.log(C) / sp.log(S))
    junction = sp.log(C) / sp.log(S)
    return (
        Step(
            equation(sp.Subs(sp.Derivative(lagrangian, k_1), k_1, 0), S - rate - force),
            "Karush–Kuhn–Tucker, in `k = ln K`, with `μ` for `k_1 ≥ 0` and `λ` for the sum of all `k`: try `k_1 = 0`, so "
            "`μ = S - λ`.",
            identity,
        ),
        Step(
            equation(rate, C ** (1 / n)),
            "The other terms, `K_2 = … = K_L`, equal `λ`, and multiply to `C`.",
            root_of(n * sp.log(rate) - sp.log(C)),
        ),
        Step(
            sp.Equivalent(few, many),
            "`μ ≥ 0`, that is `S ≥ λ`, in logarithms: `K_1 = 1` is the optimum exactly where balance is not attainable.",
            equivalence(ABOVE_E),
        ),
        Step(
            equation(depthwise_parameters(C, junction, S), balanced_parameters(C, 1 + junction, S)),
            "Where the two regimes meet, both designs have `K_1 = 1` and the same weights.",
            identity_with(ABOVE_E),
        ),
    )


def _best_number(minimum: Claim) -> tuple[Step, ...]:
    """Return the steps that find the best number of pointwise factors."""
    return (
        Step(
            equation(sp.log(S * C) - (1 + sp.log(C) / sp.log(S)), (sp.log(S) - 1) * (1 + sp.log(C) / sp.log(S))),
            "How far the attainable numbers of balanced factors stay below `ln(S C)`, where their weights would be least …",
            identity,
        ),
        Step(
            more_than((sp.log(S) - 1) * (1 + sp.log(C) / sp.log(S)), 0),
            "… a positive distance: balanced weights only fall up to the junction, and the minimum has `K_1 = 1`.",
            sign(ABOVE_E),
        ),
        Step(
            minimum,
            "There the weights are convex in `n`, and least at `n = ln C`.",
            least_at(n, sp.log(C), {C: sp.exp(c)}),
        ),
        Step(equation(sp.Subs(C ** (1 / n), n, sp.log(C)), sp.E), "Its pointwise factors have width `e` …", identity),
        Step(more_than(S - sp.E, 0), "… and `μ = S - e` is positive: the demand `K_1 ≥ 1` binds.", sign({S: sp.E + u})),
    )


def _price(price: Claim) -> tuple[Step, ...]:
    """Return the steps that compare the two optima."""
    promised, attainable = stationary_parameters(C, S, SYMBOLIC) / C, constrained_parameters(C, S, SYMBOLIC) / C
    shown = (
        (promised, "17.28", "promised"),
        (attainable, "20.31", "attainable"),
        (attainable - promised, "3.03", "the price"),
    )
    return (
        Step(price, "What `K_1 ≥ 1` costs: a constant per channel, whatever the width.", identity),
        Step(at_least(S, sp.E * sp.log(S)), "It is never negative, and zero for `S = e` only.", least_at(S, sp.E)),
        *(
            Step(
                equation(value.subs(EXAMPLE), sp.Float(number, 4)),
                f"Weights per channel for `C = 64` and `S = 9`: {word}.",
                rounded(2),
            )
            for value, number, word in shown
        ),
    )
