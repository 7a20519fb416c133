"""The exact optimum over integer branch widths: strict by prime factors, dense by the interleaving theorem."""

from __future__ import annotations

from functools import cache
from itertools import product
from math import prod
from typing import Any

import sympy as sp

from igc_theory.budget.derivations.checks import at_case, in_every_case, least_at, sign
from igc_theory.budget.derivations.derivation import Check, Claim, Derivation, Step
from igc_theory.budget.derivations.symbols import SYMBOLIC, C, S, at_least, equation
from igc_theory.budget.formulas.widths import constrained_parameters
from igc_theory.structure.blocks import interleaved
from igc_theory.structure.paths import path_counts

__all__ = ["dense", "integer_optimum", "sopfr", "strict"]

a, b, K, p = sp.symbols("a b K p", positive=True)
REACH, LEAST, MOST = sp.symbols("Pi N_min N_max", positive=True)
TWO_OR_MORE = {a: 2 + sp.Symbol("y", nonnegative=True), b: 2 + sp.Symbol("z", nonnegative=True)}
SMALL = [{C: width, S: area} for width in range(1, 65) for area in (2, 3, 4, 9, 25)]


class sopfr(sp.Function):
    """Sum of the prime factors with multiplicity; 0 for 1.

    Examples
    --------
    >>> sopfr(64), sopfr(416), sopfr(13)
    (12, 23, 13)
    """

    @classmethod
    def eval(cls, number: Any) -> Any:
        """Evaluate at an integer; stay a symbol otherwise."""
        if number.is_Integer:
            return sp.Integer(sum(prime * times for prime, times in sp.factorint(number).items()))
        return None


class strict(sp.Function):
    """Fewest weights per channel over all factorizations of C into branch widths: by trying every one.

    Examples
    --------
    >>> strict(64, 9), strict(416, 9)
    (21, 32)
    """

    @classmethod
    def eval(cls, width: Any, area: Any) -> Any:
        """Evaluate at integers; stay a symbol otherwise."""
        if width.is_Integer and area.is_Integer:
            C, S = int(width), int(area)
            return sp.Integer(min(S * first + _least_strict_sum(C // first) for first in sp.divisors(C)))
        return None


class dense(sp.Function):
    """Fewest weights per channel over all branch widths that divide C and have a product of at least C: by trying every one.

    Examples
    --------
    >>> dense(64, 9), dense(416, 9)
    (21, 27)
    """

    @classmethod
    def eval(cls, width: Any, area: Any) -> Any:
        """Evaluate at integers; stay a symbol otherwise."""
        if width.is_Integer and area.is_Integer:
            C, S = int(width), int(area)
            return sp.Integer(min(S * first + _least_dense_sum(C, -(-C // first)) for first in sp.divisors(C)))
        return None


@cache
def _least_strict_sum(width: int) -> int:
    """Return the least sum of factors, each at least 2, whose product is `width`."""
    factors: list[int] = sp.divisors(width)[1:]
    return min((factor + _least_strict_sum(width // factor) for factor in factors), default=0)


@cache
def _least_dense_sum(channels: int, reach: int) -> int:
    """Return the least sum of divisors of `channels` whose product is at least `reach`."""
    divisors: list[int] = sp.divisors(channels)[1:]
    if reach == 1:
        return 0
    return min(divisor + _least_dense_sum(channels, -(-reach // divisor)) for divisor in divisors)


def integer_optimum() -> Derivation:
    r"""Derive the fewest weights over integer designs: :math:`C (S + \mathrm{sopfr}(C))` strictly, and what density alone needs.

    Returns
    -------
    Derivation
        Its result is the strict optimum for S ≥ 2 and for S = 1, that the dense optimum is not above it, and the continuous bound
        below both.

    Examples
    --------
    >>> integer_optimum().result[0]
    Eq(strict(C, S), S + sopfr(C))
    """
    optimum, pointwise = equation(strict(C, S), S + sopfr(C)), equation(strict(C, 1), sopfr(C))
    cheaper = sp.Le(dense(C, S), strict(C, S))
    above = at_least(dense(C, S), sp.expand(constrained_parameters(C, S, SYMBOLIC) / C))
    return Derivation(
        title="The exact optimum over integer designs",
        assumptions=(
            "`C` be the width and `S` an integer kernel area",
            "`K_1, …, K_L` be integer branch widths: for `strict(C, S)`, `C = K_1 ⋯ K_L`; for `dense(C, S)`, divisors of `C` with "
            "`K_1 ⋯ K_L ≥ C`",
            "both be the fewest weights per channel, `S K_1 + K_2 + … + K_L`",
        ),
        steps=(*_strict_steps(optimum, pointwise), *_interleaving_steps(), *_dense_steps(cheaper, above)),
        result=(optimum, pointwise, cheaper, above),
        source="the cost: IGCV2 [Xie2018], section 3; splitting pointwise widths into primes: [CooleyTukey1965], equations 9–13; "
        "products above `C`: without divisibility Katona's problem [OEISA007600], with divisors new as far as searched",
    )


def _strict_steps(optimum: Claim, pointwise: Claim) -> tuple[Step, ...]:
    """Return the proof of the strict optimum."""
    return (
        Step(
            at_least(a * b, a + b),
            "For `a, b ≥ 2`: `a b - a - b = (a - 1)(b - 1) - 1`. So splitting a width never costs more.",
            sign(TWO_OR_MORE),
        ),
        Step(
            at_least(S * K, S + K),
            "The same for `S ≥ 2` and `K_1 ≥ 2`: put a depthwise factor first, and `K_1` behind it as a pointwise one.",
            sign({S: TWO_OR_MORE[a], K: TWO_OR_MORE[b]}),
        ),
        Step(
            at_least(K, sopfr(K)),
            "Split until all widths are prime: by the first step and induction, `K` is at least the sum of its prime factors. "
            "(Checked up to 500.)",
            in_every_case([{K: width} for width in range(1, 501)]),
        ),
        Step(
            optimum,
            "So no factorization is below `K_1 = 1` and the primes of `C`, for `S ≥ 2`. "
            "(Checked against all factorizations, `C` up to 64.)",
            in_every_case(SMALL),
        ),
        Step(
            pointwise,
            "For `S = 1` and `C ≥ 2` a depthwise factor is worth nothing: the primes of `C` alone. (Checked likewise.)",
            in_every_case([{C: width} for width in range(2, 129)]),
        ),
    )


def _interleaving_steps() -> tuple[Step, ...]:
    """Return the interleaving theorem: when factors whose widths divide C are dense."""
    return (
        Step(
            equation(LEAST, sp.floor(REACH / C)),
            "Interleaving theorem. Walk back from an output: in interleaved order, `n` neighbours come from `n` neighbouring "
            "branches, that is from `n K_l` neighbours. In the end `Π = K_1 ⋯ K_L` neighbours are wound around `C` inputs: "
            "the fewest paths … (Counted on small chains.)",
            _counts_paths(2),
        ),
        Step(equation(MOST, sp.ceiling(REACH / C)), "… and the most. (Counted likewise.)", _counts_paths(3)),
        Step(
            sp.Equivalent(at_least(LEAST, 1), at_least(REACH, C)),
            "So interleaved factors are dense iff `Π ≥ C`; and no arrangement of them is if `Π < C`, since an output sees "
            "`Π` inputs at most.",
            _dense_where_claimed,
        ),
    )


def _dense_steps(cheaper: Claim, above: Claim) -> tuple[Step, ...]:
    """Return what the interleaving theorem adds."""
    return (
        Step(
            cheaper,
            "A strict design is one with `Π = C`: leaving the equality can only help. (Checked for `C` up to 64.)",
            in_every_case(SMALL),
        ),
        Step(
            at_least(p, sp.E * sp.log(p)),
            "The splitting steps hold here too, as divisors of a divisor of `C` divide `C`: `K_1 = 1` and primes suffice. A prime "
            "costs `p` and multiplies `Π` by `p`; a unit of `ln Π` costs at least `e`.",
            least_at(p, sp.E),
        ),
        Step(
            above,
            "With `Π ≥ C` the pointwise widths add up to at least `e ln C`, for `S ≥ 2`. (Checked for `C` up to 64.)",
            in_every_case(SMALL),
        ),
        Step(
            sp.Le(dense(2 * K, S), S + 2 * sp.ceiling(sp.log(2 * K, 2)), evaluate=False),
            "An even width, `C = 2 K`, is dense with factors of width 2 alone, whatever its other primes. "
            "(Checked for `C` up to 128.)",
            in_every_case([{K: half, S: 9} for half in range(1, 65)]),
        ),
        Step(
            equation(dense(p, S), S + p),
            "A prime width gains nothing: it has no other divisors. (Checked for `p` below 100.)",
            in_every_case([{p: prime, S: 9} for prime in sp.primerange(100)]),
        ),
        *(
            Step(equation(kind(width, 9, evaluate=False), shown), f"`C = {width}` with a 3×3 window.", _evaluates)
            for kind, width, shown in ((strict, 64, 21), (dense, 64, 21), (strict, 416, 32), (dense, 416, 27))
        ),
    )


@cache
def _small_chains() -> list[tuple[int, int, int, int]]:
    """Return channels, product of the widths, fewest and most paths of every interleaved chain of up to three small factors."""
    found = []
    for channels in (1, 2, 3, 4, 6, 8, 9, 12):
        for factors in (1, 2, 3):
            for widths in product(sp.divisors(channels), repeat=factors):
                counts = path_counts(interleaved(channels, widths))
                found.append((channels, prod(widths), int(counts.min()), int(counts.max())))
    return list(dict.fromkeys(found))  # many chains agree in all four


def _counts_paths(column: int) -> Check:
    """Return the check that the right side, in Π and C, is the fewest (2) or the most (3) paths that small chains have."""

    def check(claim: Any) -> bool:
        return all(at_case(claim.rhs, {REACH: chain[1], C: chain[0]}) == chain[column] for chain in _small_chains())

    return check


def _dense_where_claimed(claim: Any) -> bool:
    cases = ({C: channels, REACH: reach, LEAST: least} for channels, reach, least, _ in _small_chains())
    return all(at_case(claim, case) == sp.true for case in cases)


def _evaluates(claim: Any) -> bool:
    return bool(claim.lhs.func(*claim.lhs.args) == claim.rhs)
