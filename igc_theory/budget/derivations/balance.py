"""IGCV2: the balance condition, for any number of factors and for a given one."""

from __future__ import annotations

from functools import cache
from itertools import chain, product, repeat
from math import prod
from typing import Any

import sympy as sp

from igc_theory.budget.derivations.checks import at_case, identity, identity_with, least_at, measured, root_of, sign
from igc_theory.budget.derivations.derivation import Claim, Derivation, Step
from igc_theory.budget.derivations.symbols import C, P, Q, S, at_least, equation, more_than, x
from igc_theory.budget.formulas.cost import igcv2_parameters
from igc_theory.budget.formulas.widths import balanced_parameters
from igc_theory.structure.arguments.numbers import positive_int
from igc_theory.structure.blocks import igcv2

__all__ = ["balance_condition"]

SOURCE = "IGCV2 [Xie2018], section 3"
h = sp.Function("h", real=True)
SMALL_WIDTHS = [widths for factors in (1, 2, 3) for widths in product(range(1, 5), repeat=factors)]


def balance_condition(L: int | None = None) -> Derivation:
    r"""Derive the fewest weights of `L` strictly complementary factors: :math:`S K_1 = K_2 = … = K_L`.

    .. math:: Q = C (S K_1 + K_2 + … + K_L) ≥ C L (SC)^{1/L}

    (IGCV2 [Xie2018], section 3), by Lagrange's multiplier and by the inequality of the means.

    Parameters
    ----------
    L : int, optional
        Number of factors, at least 2, for a derivation written out; any number of factors when not given.

    Returns
    -------
    Derivation
        Its result is the bound and the condition for equality.

    Raises
    ------
    TypeError, ValueError
        If `L` is not an integer of at least 2.

    Examples
    --------
    >>> balance_condition().verify(), balance_condition(3).verify()
    (True, True)
    >>> balance_condition(2).result[0]
    Q >= 2*C**(3/2)*sqrt(S)
    """
    if L is None:
        return _any_number()
    return _given_number(
        positive_int(
            "L",
            L,
            minimum=2,
            maximum=12,
            way_out="use 2 to 12 factors: one alone has nothing to balance",
            beyond="use at most 12 factors, or None for any number",
        )
    )


@cache
def _any_number() -> Derivation:
    L, l = sp.symbols("L l", integer=True, positive=True)
    widths, mean = sp.IndexedBase("K", positive=True), (S * C) ** (1 / L)
    bound = at_least(Q, balanced_parameters(C, L, S))
    balance = equation(S * widths[1], mean), equation(widths[l], mean)
    count = Step(
        equation(Q, C * (S * widths[1] + sp.Sum(widths[l], (l, 2, L)))),
        "Count: factor `l` has `C/K_l` branches of `K_l × K_l` weights, and the first a window of `S`.",
        _counts_designs(L, l, widths),
    )
    equality = (
        Step(balance[0], "Equality needs `x = 1` in every term: the first one …", identity_with({widths[1]: mean / S})),
        Step(balance[1], "… and the others, `l ≥ 2`.", identity_with({widths[l]: mean})),
        Step(equation(mean / S * mean ** (L - 1), C), "These widths do multiply to `C` …", identity),
        Step(equation(C * (S * (mean / S) + (L - 1) * mean), bound.rhs), "… and cost what the bound says.", identity),
    )
    return Derivation(
        title="The balance condition for L factors",
        assumptions=(
            "`K_1, …, K_L` be positive reals",
            "`C = K_1 ⋯ K_L` be the width and `S` the kernel area",
            "`P = (S C)^(1/L)`",
        ),
        steps=(count, *_by_tangent(L, mean, bound), *equality, *_by_multiplier(L, mean)),
        result=(bound, *balance),
        source=SOURCE,
    )


def _by_tangent(L: sp.Symbol, mean: sp.Expr, bound: sp.Expr) -> tuple[Step, ...]:
    """Return the bound by the inequality of the means, for any number of factors."""
    return (
        Step(
            at_least(x - 1, sp.log(x)),
            "The tangent of the logarithm lies above it: the difference is convex and 0 at its minimum `x = 1`.",
            least_at(x, 1),
        ),
        Step(
            equation(sp.log(S * C) - L * sp.log(mean), 0),
            "Put `x = p_l/P` for the terms `p_1 = S K_1, p_l = K_l` and sum over `l`: as `p_1 ⋯ p_L = S C`, the right "
            "sides add up to 0.",
            identity,
        ),
        Step(
            bound,
            "So the left sides, `Q/(C P) - L`, add up to at least 0. (Checked on small designs.)",
            _bounds_designs(L),
        ),
    )


def _by_multiplier(L: sp.Symbol, mean: sp.Expr) -> tuple[Step, ...]:
    """Return the same minimum by Lagrange."""
    k, rate = sp.Symbol("k", real=True), sp.Symbol("lambda", positive=True)
    return (
        Step(
            equation(sp.Derivative(S * sp.exp(k) - rate * k, k), S * sp.exp(k) - rate),
            "The same by Lagrange, in `k_l = ln K_l`: minimise the sum of the terms subject to `k_1 + … + k_L = ln C`. Stationary "
            "where every term is the multiplier `λ`.",
            identity,
        ),
        Step(
            equation(rate, mean),
            "The constraint, `L ln λ - ln S = ln C`, gives the multiplier: the common value of the terms.",
            root_of(L * sp.log(rate) - sp.log(S) - sp.log(C)),
        ),
        Step(
            more_than(sp.diff(S * sp.exp(k), k, 2), 0),
            "In `ln K` every term is strictly convex and the constraint linear: there is no other minimum.",
            sign(),
        ),
    )


@cache
def _given_number(L: int) -> Derivation:
    widths = sp.symbols(f"K_1:{L + 1}", positive=True)
    terms, last = [S * widths[0], *widths[1:]], C / prod(widths[:-1])
    mean = (S * C) ** sp.Rational(1, L)
    bound = at_least(Q, balanced_parameters(C, sp.Integer(L), S))
    balance = [equation(term, mean) for term in terms]
    cost = sum(terms[:-1]) + last
    reasons = chain(["All terms are then equal, and their product is `S C`: each is `P`."], repeat("Likewise."))
    steps = (
        Step(
            equation(Q, sp.expand(C * sum(terms))),
            "Count: factor `l` has `C/K_l` branches of `K_l × K_l` weights, and the first a window of `S`.",
            _counts_these(widths),
        ),
        Step(equation(Q / C, cost), "One width follows from the others, as their product is `C`.", _with_last(widths)),
        *_first_order(widths, terms, cost, last),
        *(Step(claim, next(reasons), _at_balance(widths, mean)) for claim in balance),
        *_second_order(widths, cost, mean),
        *_by_means(widths, terms, mean, bound),
    )
    return Derivation(
        title=f"The balance condition for {L} factors",
        assumptions=(
            f"`K_1, …, K_{L}` be positive reals",
            "`C` be their product, the width, and `S` the kernel area",
            f"`P = (S C)^(1/{L})`",
        ),
        steps=steps,
        result=(bound, *balance),
        source=SOURCE,
    )


def _by_means(widths: tuple[sp.Symbol, ...], terms: list[sp.Expr], mean: sp.Expr, bound: sp.Expr) -> tuple[Step, ...]:
    """Return the same bound by the inequality of the means, for every choice of the widths."""
    L = len(widths)
    return (
        Step(
            equation(Q / (C * P) - L, sum(h(term / P) for term in terms)),
            "The same by the means, for every choice of the widths: let `h(x) = x - 1 - ln x`; the logarithms add up to 0.",
            _with_last(widths, {P: mean}),
        ),
        Step(
            at_least(x - 1, sp.log(x)),
            "No `h` is negative, as it is convex, and 0 at its minimum `x = 1`.",
            least_at(x, 1),
        ),
        Step(bound, "Hence the bound. (Checked on small designs.)", _bounds_designs(L)),
    )


def _first_order(widths: tuple[sp.Symbol, ...], terms: list[sp.Expr], cost: sp.Expr, last: sp.Expr) -> list[Step]:
    """Return one step per free width: the derivative in its logarithm is its own term less the last one."""
    reason = "Derivative in the logarithm of `K_{}`: zero where its term equals the last one."
    return [
        Step(
            equation(width * sp.Derivative(cost, width), term - widths[-1]),
            reason.format(number),
            identity_with({widths[-1]: last}),
        )
        for number, (width, term) in enumerate(zip(widths[:-1], terms, strict=False), 1)
    ]


def _second_order(widths: tuple[sp.Symbol, ...], cost: sp.Expr, mean: sp.Expr) -> list[Step]:
    """Return one step per leading minor of the Hessian in the logarithms, at the balance: all positive (Sylvester)."""
    free = widths[:-1]
    balance = {widths[0]: mean / S} | dict.fromkeys(widths[1:], mean)
    slopes = [width * sp.diff(cost, width) for width in free]
    hessian = sp.Matrix(
        [[sp.simplify((width * sp.diff(slope, width)).subs(balance)) for width in free] for slope in slopes]
    )
    minors = {size: (sp.Symbol(f"D_{size}"), hessian[:size, :size].det()) for size in range(1, len(free) + 1)}
    return [
        Step(
            equation(name, (size + 1) * P**size),
            f"Leading minor `D_{size}` of the Hessian in the logarithms, at the balance: positive.",
            _positive_minor(name, minor, mean),
        )
        for size, (name, minor) in minors.items()
    ]


def _positive_minor(name: sp.Symbol, minor: sp.Expr, mean: sp.Expr) -> Any:
    same = identity_with({name: minor, P: mean})
    return lambda claim: same(claim) and claim.rhs.is_positive is True


def _with_last(widths: tuple[sp.Symbol, ...], letters: dict[Any, Any] | None = None) -> Any:
    """Return the check of an identity between the widths when the last one is what the others leave of C."""
    terms = C * (S * widths[0] + sum(widths[1:]))
    same = identity_with(
        (letters or {}) | {Q: terms.subs(widths[-1], C / prod(widths[:-1])), widths[-1]: C / prod(widths[:-1])}
    )
    return lambda claim: same(claim.replace(h, lambda value: value - 1 - sp.log(value)))


def _at_balance(widths: tuple[sp.Symbol, ...], mean: sp.Expr) -> Any:
    """Return the check that a claim ``term = P`` is about a term, and that L such terms have the product S C."""
    terms = [S * widths[0], *widths[1:]]
    return lambda claim: claim.lhs in terms and identity(equation(claim.rhs ** len(terms), S * C))


def _counts_designs(L: sp.Symbol, l: sp.Symbol, widths: sp.IndexedBase) -> Any:
    """Return the check that the sum over l, for any L, counts the weights of every small chain."""

    def check(claim: Claim) -> bool:
        for design in SMALL_WIDTHS:
            formula = claim.rhs.subs({L: len(design), C: prod(design), S: 9}).doit()
            if (
                formula.subs({widths[number]: width for number, width in enumerate(design, 1)})
                != igcv2(design).parameters
            ):
                return False
        return True

    return check


def _counts_these(widths: tuple[sp.Symbol, ...]) -> Any:
    """Return the check that a formula in K_1 … K_L counts the weights of small chains."""
    designs = list(product((1, 2, 3), repeat=len(widths)))[:60]
    cases = [dict(zip(widths, design, strict=True)) | {C: prod(design), S: 9} for design in designs]
    return measured(lambda C, S, **named: igcv2(list(named.values())).parameters, cases)


def _bounds_designs(L: Any) -> Any:
    """Return the check that a claim ``Q >= bound`` holds on small designs with L factors (any number if L is a symbol)."""
    factors = [L] if isinstance(L, int) else [1, 2, 3]
    # 1, 9, … 9 is balanced for S = 9: the bound is met, so a stronger one would be refuted.
    designs = [design for count in factors for design in product((1, 3, 9), repeat=count)]
    cases = {(len(design), int(igcv2_parameters(design, 9)), prod(design)) for design in designs}

    def check(claim: Claim) -> bool:
        known = {count: claim.subs({L: count}) for count in factors}
        return all(at_case(known[count], {Q: cost, C: width, S: 9}) == sp.true for count, cost, width in cases)

    return check
