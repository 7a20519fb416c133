"""IGCV1: when it is wider than a regular convolution at equal weights, and how wide it can be."""

from __future__ import annotations

from itertools import product

import sympy as sp

from igc_theory.budget.derivations.checks import (
    equivalence,
    identity,
    identity_with,
    measured,
    only_root,
    root_of,
    rounded,
    sign,
)
from igc_theory.budget.derivations.derivation import Claim, Derivation, Step
from igc_theory.budget.derivations.symbols import SYMBOLIC, C, G, L, M, S, T, at_least, equation, more_than, x
from igc_theory.budget.formulas.block_widths import regular_width
from igc_theory.budget.formulas.cost import igcv1_parameters, regular_parameters
from igc_theory.budget.formulas.widths import balanced_width
from igc_theory.structure.blocks import igcv1

__all__ = ["widest_igcv1_bound", "width_theorem"]

SMALL_BLOCKS = [dict(zip((L, M, S), sizes, strict=True)) for sizes in product(range(1, 6), range(1, 6), (1, 4, 9))]


def width_theorem() -> Derivation:
    r"""Derive when IGCV1 is wider than a regular convolution of the same weights: :math:`L/(L-1) < M S`.

    Returns
    -------
    Derivation
        Its result is the equivalence, for L of at least 2, and the failure for L = 1 (IGCV1 [Zhang2017], section 3.3).

    Examples
    --------
    >>> width_theorem().verify()
    True
    """
    block = {T: igcv1_parameters(L, M, S), G: L * M}
    gain = L * M * S / (L + M * S)
    theorem = sp.Equivalent(gain > 1, M * S > L / (L - 1))
    fails = more_than(1, gain.subs(L, 1))
    steps = (
        _weights_step(),
        Step(
            equation(T, G**2 * (S / L + 1 / M)),
            "Take out `G² = (L M)²`.",
            identity_with(block),
        ),
        Step(
            equation(C, regular_width(T, S, SYMBOLIC)),
            "A regular convolution with `T` weights has this width, since `C² S = T`.",
            only_root(regular_parameters(C, S), T),
        ),
        Step(
            equation(G**2 / C**2, gain),
            "The square of the gain in width.",
            identity_with(block | {C: regular_width(block[T], S, SYMBOLIC)}),
        ),
        Step(
            theorem,
            "Clear the denominators for `L ≥ 2`: both sides say `L M S - L - M S > 0`.",
            equivalence({L: 1 + x}),
        ),
        *_special_cases(gain, fails),
    )
    return Derivation(
        title="IGCV1 is wider than a regular convolution of the same weights",
        assumptions=("`L, M, S` be positive integers", "`G = L M` be the width of the block and `T` its weights"),
        steps=steps,
        result=(theorem, fails),
        source="IGCV1 [Zhang2017], section 3.3",
    )


def widest_igcv1_bound() -> Derivation:
    r"""Derive the widest IGCV1 block at a budget: :math:`L = M S` and :math:`G ≤ (T/(2\sqrt S))^{2/3}`.

    Returns
    -------
    Derivation
        Its result is the lower bound of the weights, the design that reaches it and the width at a budget
        (IGCV1 [Zhang2017], section 3.3).

    Examples
    --------
    >>> widest_igcv1_bound().result[1]
    Eq(L, M*S)
    """
    least = 2 * sp.sqrt(S) * G ** sp.Rational(3, 2)
    bound = at_least(igcv1_parameters(L, M, S), least.subs(G, L * M))
    where, widest = equation(L, M * S), equation(G, balanced_width(T, sp.Integer(2), S))
    steps = (
        _weights_step(),
        *_by_calculus(least),
        *_by_the_means(bound, where),
        Step(
            widest,
            "Solved for the width, `G = (T/(2 √S))^(2/3)`: no block with `T` weights is wider.",
            only_root(least, T),
        ),
        *(
            Step(
                equation(widest.rhs.subs({T: budget, S: 9}), sp.Float(shown, 6)),
                f"With `S = 9` and a budget of {budget} weights, to two decimals.",
                rounded(2),
            )
            for budget, shown in ((4672, "84.64"), (17536, "204.42"))
        ),
    )
    return Derivation(
        title="The widest IGCV1 block at a budget",
        assumptions=(
            "`L, M` be positive reals",
            "`G = L M` be the width of the block, `T` its weights and `S` the kernel area",
        ),
        steps=steps,
        result=(bound, where, widest),
        source="IGCV1 [Zhang2017], section 3.3",
    )


def _weights_step() -> Step:
    return Step(
        equation(T, sp.expand(igcv1_parameters(L, M, S))),
        "Count: `L` primary branches of `M × M S` weights, `M` secondary branches of `L × L`.",
        measured(lambda L, M, S: igcv1(L, M, (1, S)).parameters, SMALL_BLOCKS),
    )


def _special_cases(gain: sp.Expr, fails: Claim) -> tuple[Step, ...]:
    """Return what the theorem says of one primary branch, of windows, and of pointwise blocks."""
    return (
        Step(
            fails,
            "For `L = 1` the gain is below 1: a regular convolution, and a scale for every channel on top.",
            sign(),
        ),
        Step(
            at_least(2, L / (L - 1)),
            "For `L ≥ 2` the condition asks `M S` to exceed at most 2: with a 3×3 window it always holds.",
            sign({L: 2 + sp.Symbol("l", nonnegative=True)}),
        ),
        Step(
            more_than(1, gain.subs({M: 1, S: 1})),
            "With `M S = 1`, two pointwise factors of which one only scales, the gain is never above 1.",
            sign(),
        ),
    )


def _by_calculus(least: sp.Expr) -> tuple[Step, ...]:
    """Return the minimum over L at width G."""
    cost, best = igcv1_parameters(L, G / L, S), sp.sqrt(G * S)
    return (
        Step(equation(cost, sp.expand(cost)), "At width `G`, `M = G/L` leaves one unknown.", identity),
        Step(
            equation(sp.Subs(sp.Derivative(sp.expand(cost), L), L, best), 0),
            "The derivative in `L` vanishes at `L = √(G S)`.",
            identity,
        ),
        Step(
            more_than(sp.diff(cost, L, 2), 0),
            "The second derivative is positive for every `L`, so the minimum is there and only there.",
            sign(),
        ),
        Step(equation(sp.Subs(cost, L, best), least), "The weights at the minimum.", identity),
    )


def _by_the_means(bound: Claim, where: Claim) -> tuple[Step, ...]:
    """Return the same from the inequality of the arithmetic and the geometric mean."""
    l, m = sp.symbols("l m", positive=True)
    excess = bound.lhs - bound.rhs
    return (
        Step(
            equation(excess, L * M * (sp.sqrt(M * S) - sp.sqrt(L)) ** 2),
            "The same without calculus: what exceeds the bound is a square (arithmetic and geometric mean).",
            identity,
        ),
        Step(bound, "A square is not negative.", sign({L: l**2, M: m**2, S: x**2})),
        Step(where, "The square is zero exactly here; with `G = L M` this is `L = √(G S)` again.", root_of(excess)),
    )
