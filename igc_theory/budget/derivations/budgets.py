"""How wide a design is at a budget: the weights of every family, solved for the width."""

from __future__ import annotations

from itertools import product

import sympy as sp

from igc_theory.budget.derivations.checks import identity_with, measured, only_root, sign
from igc_theory.budget.derivations.derivation import Check, Derivation, Step
from igc_theory.budget.derivations.symbols import G1, SYMBOLIC, C, G, L, S, T, equation, more_than, n
from igc_theory.budget.formulas import block_widths, cost, widths
from igc_theory.structure.blocks import depthwise_separable, group, igcv1, regular

__all__ = ["width_at_budget"]

c, w = sp.symbols("c w", positive=True)
ROOT = "Solved for the width; the weights increase with it, so there is no other."
SIZES = [{C: width, S: area} for width, area in product((2, 4, 6), (1, 4, 9))]


def width_at_budget() -> Derivation:
    r"""Derive the width of every family at a budget of T weights.

    Regular, group and depthwise separable convolutions; IGCV1 with a given number of partitions; L balanced factors; the
    stationary number of factors (Lambert's function W); the best attainable design, with :math:`K_1 = 1`.

    Returns
    -------
    Derivation
        Its result is one equation for each family, in this order.

    Examples
    --------
    >>> width_at_budget().result[5]
    Eq(C, T*exp(-1)/LambertW(S*T*exp(-1)))
    """
    families = (*_plain(), _igcv1(), _balanced(), _stationary(), _attainable())
    return Derivation(
        title="Width at a budget",
        assumptions=(
            "`T` be the budget of weights, `S` the kernel area and `C` (`G` for IGCV1) the width",
            "branch widths and numbers of factors be positive reals",
        ),
        steps=tuple(step for family in families for step in family),
        result=tuple(family[-1].claim for family in families),
        source="IGCV1 [Zhang2017], section 3.3; IGCV2 [Xie2018], section 3; with `K_1 = 1`, elementary, new as far as searched",
    )


def _plain() -> tuple[tuple[Step, ...], ...]:
    """Return the steps of the families that are one quadratic equation."""
    two_branches = [case | {G1: 2} for case in SIZES]
    return (
        _family(
            equation(T, cost.regular_parameters(C, S)),
            "Regular convolution.",
            measured(lambda C, S: regular(C, C, (1, S)).parameters, SIZES),
            equation(C, block_widths.regular_width(T, S, SYMBOLIC)),
        ),
        _family(
            equation(T, cost.group_parameters(C, G1, S)),
            "Group convolution with `G_1` branches, alone: wider, but its branches never meet.",
            measured(lambda C, S, G_1: group(C, C, G_1, (1, S)).parameters, two_branches),
            equation(C, block_widths.group_width(T, G1, S, SYMBOLIC)),
        ),
        _family(
            equation(T, cost.depthwise_separable_parameters(C, S)),
            "Depthwise separable convolution: `K_1 = 1` and one pointwise factor.",
            measured(lambda C, S: depthwise_separable(C, C, (1, S)).parameters, SIZES),
            equation(C, block_widths.depthwise_separable_width(T, S, SYMBOLIC)),
        ),
    )


def _igcv1() -> tuple[Step, ...]:
    weights = cost.igcv1_parameters(L, G / L, S)
    blocks = [
        {L: partitions, G: partitions * width, S: area}
        for partitions, width, area in product((1, 2, 4), (1, 3), (1, 9))
    ]
    return _family(
        equation(T, sp.expand(weights)),
        "IGCV1 with `L` primary partitions of `G/L` channels.",
        measured(lambda L, G, S: igcv1(L, G // L, (1, S)).parameters, blocks),
        equation(G, block_widths.igcv1_width(T, L, S, SYMBOLIC)),
    )


def _balanced() -> tuple[Step, ...]:
    term = (S * C) ** (1 / L)
    return _family(
        equation(T, widths.balanced_parameters(C, L, S)),
        "`L` balanced factors: `K_1 = (S C)^(1/L)/S` and the other widths `S` times that.",
        identity_with({T: cost.interleaved_parameters(C, [term / S, (L - 1) * term], S)}),
        equation(C, widths.balanced_width(T, L, S)),
    )


def _stationary() -> tuple[Step, ...]:
    weights = widths.stationary_parameters(C, S, SYMBOLIC)
    above_one = {C: sp.exp(c) / S}
    return (
        Step(
            equation(T, weights),
            "The stationary number of balanced factors, `L = ln(S C)`.",
            identity_with({T: widths.balanced_parameters(C, sp.log(S * C), S)}),
        ),
        Step(
            equation(w * sp.exp(w), T * S / sp.E),
            "Put `w = ln(S C)`. This equation defines Lambert's function: `w = W(T S/e)`.",
            identity_with({w: sp.log(S * C), T: weights}),
        ),
        Step(
            equation(C, widths.stationary_width(T, S, SYMBOLIC)),
            "And `T = e C w` gives the width.",
            only_root(weights, T, above_one),
        ),
    )


def _attainable() -> tuple[Step, ...]:
    weights, given = widths.constrained_parameters(C, S, SYMBOLIC), widths.depthwise_parameters(C, n, S)
    return (
        Step(
            equation(T, given),
            "`K_1 = 1` and `n` pointwise factors of `C^(1/n)` channels.",
            identity_with({T: cost.interleaved_parameters(C, [1, n * C ** (1 / n)], S)}),
        ),
        Step(
            more_than(sp.expand(sp.diff(given, C)), 0),
            "These weights increase with the width: one root, which is found numerically (`n = 1` is depthwise separable).",
            sign(),
        ),
        Step(
            equation(T, weights),
            "The best number of them, `n = ln C`.",
            identity_with({T: given.subs(n, sp.log(C))}),
        ),
        Step(
            equation(w * sp.exp(w), T / sp.E * sp.exp(S / sp.E)),
            "Put `w = ln C + S/e`, so that again `T = e C w`.",
            identity_with({w: sp.log(C) + S / sp.E, T: weights}),
        ),
        Step(
            equation(C, widths.constrained_width(T, S, SYMBOLIC)),
            "The widest attainable continuous design.",
            only_root(weights, T, {C: sp.exp(c)}),
        ),
    )


def _family(weights: sp.Eq, reason: str, counts: Check, width: sp.Eq) -> tuple[Step, ...]:
    """Return two steps: what a family costs, and that equation solved for the width."""
    return Step(weights, reason, counts), Step(width, ROOT, only_root(weights.rhs, T))
