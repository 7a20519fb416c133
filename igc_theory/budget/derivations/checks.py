"""How a claim is established: identities, signs, minima, roots, and all small cases.

Each function is a check, or returns one; a check maps a claim to True or False and raises TypeError for a claim of a form that
it cannot decide. SymPy's "cannot tell" counts as False.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import sympy as sp
from sympy.core.relational import Relational

from igc_theory.budget.derivations.derivation import Check, Claim
from igc_theory.structure.arguments.kinds import kind_of

__all__ = [
    "at_case",
    "equivalence",
    "identity",
    "identity_with",
    "in_every_case",
    "least_at",
    "measured",
    "only_root",
    "root_of",
    "rounded",
    "sign",
]

Case = Mapping[Any, Any]
"""Values for symbols."""


def identity(claim: Claim) -> bool:
    """Return whether both sides of an equation are the same after doing derivatives and simplifying.

    Examples
    --------
    >>> from sympy.abc import x
    >>> identity(sp.Eq((x + 1) ** 2, x**2 + 2 * x + 1)), identity(sp.Eq((x + 1) ** 2, x**2 + 1))
    (True, False)
    """
    return identity_with({})(claim)


def identity_with(definitions: Case) -> Check:
    """Return `identity` after putting in what the letters of the claim stand for.

    Examples
    --------
    >>> G, L, M = sp.symbols("G L M", positive=True)
    >>> identity_with({G: L * M})(sp.Eq(G / L, M)), identity_with({G: L * M})(sp.Eq(G / L, L))
    (True, False)
    """

    def check(claim: Claim) -> bool:
        left, right = _sides(claim, sp.Eq)
        return _vanishes((left - right).subs(definitions))

    return check


def sign(where: Case | None = None) -> Check:
    """Return a check that an inequality holds for all values of its symbols, by the sign that SymPy gives the difference.

    Parameters
    ----------
    where : mapping, optional
        Substitutions that build a domain in: with `x` positive, ``{L: 1 + x}`` means L > 1.

    Examples
    --------
    >>> a, x = sp.symbols("a x", positive=True)
    >>> sign()(a > 1), sign({a: 1 + x})(a > 1)
    (False, True)
    """

    def check(claim: Claim) -> bool:
        larger, smaller = _greater_side(claim)
        difference = sp.factor(sp.simplify((larger - smaller).subs(where or {}).doit()))
        certain = difference.is_positive if isinstance(claim, (sp.Gt, sp.Lt)) else difference.is_nonnegative
        # A factored product may hide the sign that its expanded form shows, and the other way round.
        expanded = sp.expand(difference)
        return bool(certain or (expanded.is_positive if isinstance(claim, (sp.Gt, sp.Lt)) else expanded.is_nonnegative))

    return check


def equivalence(where: Case | None = None) -> Check:
    """Return a check that two inequalities are equivalent: one difference is the other times a positive factor.

    Parameters
    ----------
    where : mapping, optional
        As in `sign`.

    Examples
    --------
    >>> a, b = sp.symbols("a b", positive=True)
    >>> equivalence()(sp.Equivalent(1 / a > 1 / b, b > a)), equivalence()(sp.Equivalent(1 / a > 1 / b, a > b))
    (True, False)
    """

    def check(claim: Claim) -> bool:
        first, second = _sides(claim, sp.Equivalent)
        (larger, smaller), (other_larger, other_smaller) = _greater_side(first), _greater_side(second)
        factor = ((larger - smaller) / (other_larger - other_smaller)).subs(where or {})
        alike = isinstance(first, (sp.Gt, sp.Lt)) == isinstance(second, (sp.Gt, sp.Lt))
        return alike and sp.factor(sp.simplify(sp.expand_log(factor, force=True))).is_positive is True

    return check


def least_at(variable: sp.Symbol, point: Any, where: Case | None = None) -> Check:
    """Return a check of ``f >= bound`` by convexity: f'' > 0 for every positive `variable`, f' = 0 and f = bound at `point`.

    Equality therefore holds at `point` only. `where` is as in `sign`.

    Examples
    --------
    >>> x = sp.Symbol("x", positive=True)
    >>> least_at(x, 1)(x - 1 >= sp.log(x)), least_at(x, 2)(x - 1 >= sp.log(x))
    (True, False)
    """

    def check(claim: Claim) -> bool:
        larger, smaller = _greater_side(claim)
        excess, place = larger - smaller, sp.sympify(point).subs(where or {})
        excess = sp.expand_log(excess.subs(where or {}), force=True)
        flat = _vanishes(sp.diff(excess, variable).subs(variable, place)) and _vanishes(excess.subs(variable, place))
        return flat and sp.factor(sp.simplify(sp.diff(excess, variable, 2))).is_positive is True

    return check


def only_root(cost: sp.Expr, budget: sp.Symbol, where: Case | None = None) -> Check:
    """Return a check that ``variable = formula`` is the one width that costs `budget`: it does, and `cost` increases.

    Lambert's function is taken at its word: with w for W(a), the budget is what makes a = w exp(w).

    Parameters
    ----------
    cost : sympy expression
        A function of the claim's left side.
    budget : sympy Symbol
        What the cost has to be.
    where : mapping, optional
        Values at which increase is to be shown, as in `sign`.

    Examples
    --------
    >>> C, T = sp.symbols("C T", positive=True)
    >>> only_root(9 * C**2, T)(sp.Eq(C, sp.sqrt(T) / 3)), only_root(9 * C**2, T)(sp.Eq(C, sp.sqrt(T)))
    (True, False)
    """

    def check(claim: Claim) -> bool:
        variable, formula = _sides(claim, sp.Eq)
        spent = budget
        for lambert in formula.atoms(sp.LambertW):
            w = sp.Dummy("w", positive=True)
            (spent,) = sp.solve(lambert.args[0] - w * sp.exp(w), budget)
            formula = formula.subs(lambert, w).subs(budget, spent)
        slope = sp.diff(cost, variable).subs(where or {})
        return _vanishes(cost.subs(variable, formula) - spent) and sp.expand(slope).is_positive is True

    return check


def root_of(excess: sp.Expr) -> Check:
    """Return a check that `excess` vanishes where an equation ``symbol = formula`` says.

    Examples
    --------
    >>> a, b = sp.symbols("a b", positive=True)
    >>> root_of(a**2 - b)(sp.Eq(a, sp.sqrt(b))), root_of(a**2 - b)(sp.Eq(a, b))
    (True, False)
    """

    def check(claim: Claim) -> bool:
        variable, formula = _sides(claim, sp.Eq)
        return _vanishes(excess.subs(variable, formula))

    return check


def measured(measure: Callable[..., Any], cases: Iterable[Case]) -> Check:
    """Return a check that a formula, the right side, is what `measure` finds on every case: a count of something built.

    `measure` is called with the values of the case by the names of its symbols.

    Examples
    --------
    >>> from igc_theory.structure import regular
    >>> C, Q = sp.symbols("C Q")
    >>> measured(lambda C: regular(C, C).parameters, [{C: 1}, {C: 6}])(sp.Eq(Q, 9 * C**2))
    True
    """

    def check(claim: Claim) -> bool:
        _, formula = _sides(claim, sp.Eq)
        return all(
            at_case(formula, case).doit() == measure(**{str(symbol): value for symbol, value in case.items()})
            for case in cases
        )

    return check


def in_every_case(cases: Iterable[Case]) -> Check:
    """Return a check that the claim comes true at every case.

    Examples
    --------
    >>> n = sp.Symbol("n")
    >>> small = [{n: value} for value in range(1, 6)]
    >>> in_every_case(small)(2**n > n), in_every_case(small)(2**n > n + 1)
    (True, False)
    """

    def check(claim: Claim) -> bool:
        return all(_is_true(at_case(claim, case)) for case in cases)

    return check


def at_case(form: Any, case: Case) -> Any:
    """Return a form with all values of a case put in at once; one after the other, each would leave a form to evaluate.

    Examples
    --------
    >>> x, y = sp.symbols("x y")
    >>> at_case(x - y > 0, {x: y, y: 1})
    y - 1 > 0
    """
    return form.xreplace({symbol: sp.sympify(value) for symbol, value in case.items()})


def rounded(places: int) -> Check:
    """Return a check that the left side is the number on the right to `places` decimals.

    Examples
    --------
    >>> rounded(2)(sp.Eq(sp.pi, sp.Float("3.14"), evaluate=False)), rounded(2)(sp.Eq(sp.pi, sp.Float("3.15"), evaluate=False))
    (True, False)
    """

    def check(claim: Claim) -> bool:
        exact, shown = _sides(claim, sp.Eq)
        return bool(abs(sp.N(exact, 30) - sp.Rational(str(shown))) < sp.Rational(1, 2) / 10**places)

    return check


def _sides(claim: Any, kind: Any) -> tuple[Any, Any]:
    if not isinstance(claim, kind):
        raise TypeError(f"claim={claim} is {kind_of(claim)}: this check decides {kind.__name__} only")
    first, second = claim.args
    return first, second


def _greater_side(claim: Any) -> tuple[Any, Any]:
    if not isinstance(claim, Relational) or isinstance(claim, (sp.Eq, sp.Ne)):
        raise TypeError(f"claim={claim} is {kind_of(claim)}: this check decides inequalities only")
    return claim.gts, claim.lts


def _vanishes(difference: Any) -> bool:
    """Return whether an expression is identically 0; logarithms of products are expanded, as all symbols are positive."""
    done = sp.sympify(difference).doit()
    split = sp.expand_log(sp.powdenest(sp.expand(done), force=True), force=True)
    return any(sp.simplify(form) == 0 for form in (done, split, split.rewrite(sp.exp)))


def _is_true(settled: Claim) -> bool:
    return settled in (True, sp.true) or sp.simplify(settled) == sp.true
