"""IGCV3 against MobileNetV2: what the branches of the pointwise convolutions buy."""

from __future__ import annotations

from itertools import product
from typing import Any

import sympy as sp

from igc_theory.budget.derivations.checks import equivalence, identity, identity_with, measured, root_of, rounded
from igc_theory.budget.derivations.derivation import Derivation, Step
from igc_theory.budget.derivations.symbols import G1, G2, C, S, T, equation, more_than, t
from igc_theory.budget.formulas.cost import igcv3_parameters
from igc_theory.structure.blocks import igcv3, inverted_residual
from igc_theory.structure.paths import path_counts

__all__ = ["igcv3_width_gain"]

g, r, rho, C_0, t_0, N = sp.symbols("g r rho C_0 t_0 N", positive=True)
LETTERS = {g: (1 / G1 + 1 / G2) / 2, rho: t_0 / t}
BLOCKS = [
    {C: width, t: expansion, G1: first, G2: second}
    for width, expansion, first, second in product((4, 8), (2, 6), (1, 2, 4), (1, 2, 4))
]


def igcv3_width_gain() -> Derivation:
    r"""Derive how much wider IGCV3 is than MobileNetV2 at equal weights, and how many paths it has per pair.

    With expansions `t` and :math:`t_0`, :math:`ρ = t_0/t`, :math:`g = (1/G_1 + 1/G_2)/2` and :math:`C_0` the width of MobileNetV2,
    the width ratio r solves :math:`2 g C_0 r^2 + S r = ρ (2 C_0 + S)`: at equal expansions, `t` cancels.

    Returns
    -------
    Derivation
        Its result is r, its limit :math:`\sqrt{ρ/g}` for wide blocks, and the paths per pair (IGCV3 [Sun2018], section 3).

    Examples
    --------
    >>> igcv3_width_gain().result[2]
    Eq(N, C*t/(G_1*G_2))
    """
    gain = equation(r, (sp.sqrt(S**2 + 8 * g * rho * C_0 * (2 * C_0 + S)) - S) / (4 * g * C_0))
    limit = equation(sp.Limit(gain.rhs, C_0, sp.oo), sp.sqrt(rho / g))
    paths = equation(N, t * C / (G1 * G2))
    return Derivation(
        title="IGCV3 against MobileNetV2 at equal weights",
        assumptions=(
            "`C` be the width of an IGCV3 block with expansion `t`, as many channels read as written",
            "`C_0` and `t_0` be those of a MobileNetV2 block with the same weights",
            "`r = C/C_0`, `ρ = t_0/t` and `g = (1/G_1 + 1/G_2)/2`",
        ),
        steps=(*_weights(), *_ratio(gain, limit), *_paths(paths)),
        result=(gain, limit, paths),
        source="IGCV3 [Sun2018], section 3; the ratio follows from its weights",
    )


def _weights() -> tuple[Step, Step]:
    grouped = [case | {S: 9} for case in BLOCKS]
    plain = [{C_0: width, t_0: expansion, S: 9} for width, expansion in product((4, 6), (1, 2, 6))]
    return (
        Step(
            equation(T, sp.expand(igcv3_parameters(C, C, t, (G1, G2), S))),
            "IGCV3: grouped expansion, depthwise factor, grouped reduction.",
            measured(lambda C, t, G_1, G_2, S: igcv3(C, C, t, (G_1, G_2)).parameters, grouped),
        ),
        Step(
            equation(T, sp.expand(igcv3_parameters(C_0, C_0, t_0, (1, 1), S))),
            "MobileNetV2: the same with one branch each.",
            measured(lambda C_0, t_0, S: inverted_residual(C_0, C_0, t_0).parameters, plain),
        ),
    )


def _ratio(gain: sp.Eq, limit: sp.Eq) -> tuple[Step, ...]:
    """Return the steps that lead to the width ratio and what it says."""
    balance = equation(2 * g * C_0 * r**2 + S * r, rho * (2 * C_0 + S))
    default = {G1: 2, G2: 2, t: 6, t_0: 6, C_0: 24, S: 9}
    return (
        Step(balance, "Put `C = r C_0`, equate and divide by `t C_0`.", _equates),
        Step(gain, "The one positive root, as the left side increases with `r`.", root_of(balance.lhs - balance.rhs)),
        Step(
            sp.Equivalent(more_than(2 * C_0 + S, 2 * g * C_0 + S), more_than(1, g)),
            "At equal expansions (`ρ = 1`; `t` cancels) compare both sides at `r = 1`: IGCV3 is wider iff `g < 1`, "
            "that is `G_1 > 1` or `G_2 > 1`.",
            equivalence(),
        ),
        Step(limit, "The wider the block, the less the depthwise factor matters.", identity),
        Step(
            equation(gain.rhs.subs(LETTERS).subs(default), sp.Float("1.36", 3)),
            "`G_1 = G_2 = 2`, equal expansions and a MobileNetV2 block of 24 channels: near the limit `√2`.",
            rounded(2),
        ),
    )


def _paths(paths: sp.Eq) -> tuple[Step, Step]:
    even = [case for case in BLOCKS if case[t] * case[C] % (case[G1] * case[G2]) == 0]
    return (
        Step(
            paths,
            "Paths per pair, where `G_1 G_2` divides `t C`: counted on small blocks.",
            measured(_even_paths, even),
        ),
        Step(
            equation(N / (t_0 * C_0), r / (rho * G1 * G2)),
            "Against the `t_0 C_0` paths of MobileNetV2: at equal expansions wider, with fewer paths.",
            identity_with({N: paths.rhs.subs(C, r * C_0)} | LETTERS),
        ),
    )


def _equates(claim: Any) -> bool:
    """Return whether the claim is that both blocks have the same weights, up to the factor t C_0."""
    excess = igcv3_parameters(r * C_0, r * C_0, t, (G1, G2), S) - igcv3_parameters(C_0, C_0, t_0, (1, 1), S)
    return identity(equation(excess, (t * C_0 * (claim.lhs - claim.rhs)).subs(LETTERS)))


def _even_paths(C: int, t: int, G_1: int, G_2: int) -> int | None:
    counts = path_counts(igcv3(C, C, t, (G_1, G_2)))
    return int(counts.min()) if counts.min() == counts.max() else None
