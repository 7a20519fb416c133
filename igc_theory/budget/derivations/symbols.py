"""The letters of the papers as SymPy symbols, all positive, and the elementary functions for them."""

from __future__ import annotations

from typing import Any

import sympy as sp

from igc_theory.budget.formulas.widths import Functions

__all__ = [
    "G1",
    "G2",
    "SYMBOLIC",
    "C",
    "G",
    "K",
    "L",
    "M",
    "P",
    "Q",
    "S",
    "T",
    "at_least",
    "equation",
    "more_than",
    "n",
    "t",
    "x",
]

C, G, K, L, M, P, Q, S, T, G1, G2, n, t, x = sp.symbols("C G K L M P Q S T G_1 G_2 n t x", positive=True)

SYMBOLIC = Functions(sp.sqrt, sp.exp, sp.log, sp.LambertW, lambda z: sp.LambertW(sp.exp(z)))
"""For the formulas of `igc_theory.budget.formulas.widths`; ``T / L`` and powers work on symbols as they are."""


def equation(left: Any, right: Any) -> sp.Eq:
    """Return ``left = right`` as written: SymPy would turn what it sees to be equal into ``True``."""
    return sp.Eq(left, right, evaluate=False)


def at_least(left: Any, right: Any) -> sp.Ge:
    """Return ``left >= right`` as written."""
    return sp.Ge(left, right, evaluate=False)


def more_than(left: Any, right: Any) -> sp.Gt:
    """Return ``left > right`` as written."""
    return sp.Gt(left, right, evaluate=False)
