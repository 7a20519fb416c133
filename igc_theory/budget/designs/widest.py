r"""The widest integer design at a budget of weights: exact, by sieves over all channel counts at once (`widest_sieves`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count, islice
from math import gcd, isqrt, prod

from igc_theory.budget.designs.cheapest import Factors, best_dense, best_strict
from igc_theory.budget.designs.design import Design, kernel_window
from igc_theory.budget.designs.search import Limits, WidthTable, limits
from igc_theory.budget.designs.sieves import least_weights, widest_dense_channels, widest_strict_channels
from igc_theory.budget.formulas.cost import igcv1_parameters, interleaved_weights
from igc_theory.structure.arguments.numbers import positive_int
from igc_theory.structure.divisors import divisors

__all__ = ["igcv1_pairs", "widest_dense", "widest_igcv1", "widest_strict"]

MOST_TRIED = 1000
"""Widths tried for the least sufficient budget; beyond, one that suffices is named instead."""

MOST_PAIRED = 10**12
"""The largest budget for which every width of a primary branch of IGCV1 is tried: 300,000 of them."""

MOST_BUDGET = 2 * 10**9
"""The sieves keep a few numbers for every width below the bound: a gigabyte at this budget."""

Sieve = Callable[[int, int, Limits, int], int | None]
"""From (budget, S, limits, multiple_of) to channels."""


def widest_igcv1(
    budget: int, S: int = 9, *, min_width: int = 1, min_spatial_width: int = 1, multiple_of: int = 1
) -> Design:
    r"""Return the widest IGCV1 block with at most `budget` weights: `L` partitions of `M` channels, all integer.

    .. math:: \max\; L M, \qquad L M^2 S + M L^2 ≤ T

    (IGCV1 [Zhang2017], section 3.3.) Its width is at most :math:`(T/(2\sqrt S))^{2/3}`. Of equal widths the design with
    the fewest weights is returned. Its branch widths are :math:`(K_1, K_2) = (M, L)`.

    Parameters
    ----------
    budget : int
        `T`, weights.
    S : int, default 9
        Kernel area.
    min_width : int, default 1
        Smallest width of a secondary branch, `L`; 1 allows a regular convolution with a scale per channel behind it.
    min_spatial_width : int, default 1
        Smallest width of a primary branch, `M`.
    multiple_of : int, default 1
        What the width has to be a multiple of, such as 8.

    Returns
    -------
    Design

    Raises
    ------
    TypeError, ValueError
        If an argument is not a positive integer, or the budget is too small; the message says which one suffices.

    Examples
    --------
    >>> design = widest_igcv1(4672, 9)
    >>> design.channels, design.branch_widths, design.parameters
    (84, (3, 28), 4620)
    """
    budget, window = positive_int("budget", budget, maximum=MOST_PAIRED), kernel_window(S)
    L = positive_int("min_width", min_width, maximum=MOST_PAIRED)
    M = positive_int("min_spatial_width", min_spatial_width, maximum=MOST_PAIRED)
    step = positive_int("multiple_of", multiple_of, maximum=MOST_PAIRED)
    best = max(igcv1_pairs(budget, prod(window), L, M, step), default=None)
    if best is None:
        given = {"min_width": L, "min_spatial_width": M, "multiple_of": step}
        limited = [f"{name}={value}" for name, value in given.items() if value > 1]
        # M is a multiple of a divisor of `step`, and L of the rest.
        smallest = [(_next_multiple(L, step // part), _next_multiple(M, part)) for part in divisors(step)]
        least = min(igcv1_parameters(*pair, prod(window)) for pair in smallest)
        raise ValueError(_too_small(budget, "IGCV1 block", prod(window), limited, (least, True), MOST_PAIRED))
    channels, _, widths = best
    return Design(channels, widths, window)


def widest_strict(
    budget: int,
    S: int = 9,
    *,
    factors: Factors = None,
    min_width: int = 2,
    min_spatial_width: int = 1,
    multiple_of: int = 1,
) -> Design:
    r"""Return the widest strict design with at most `budget` weights.

    .. math:: \max\; C = \prod K_l, \qquad C (S K_1 + K_2 + … + K_L) ≤ T

    Of equal widths the design with the fewest weights is returned, then that with the fewest factors.

    Parameters
    ----------
    budget : int
        `T`, weights.
    S, factors, min_width, min_spatial_width :
        As in `best_strict`.
    multiple_of : int, default 1
        What the width has to be a multiple of, such as 8.

    Returns
    -------
    Design

    Raises
    ------
    TypeError, ValueError
        If an argument is not a positive integer, or the budget is too small; the message says which one suffices.

    Examples
    --------
    >>> print(widest_strict(4672, 9))
    channels 192, branch widths 1 × 3 × 4 × 4 × 4, window 3×3, parameters 4,608 (24 per channel), paths per pair 1
    >>> widest_strict(4672, 9, min_width=8).branch_widths
    (1, 10, 14)
    """
    asked = limits(factors, min_width, min_spatial_width)
    channels = _widest(widest_strict_channels, budget, S, asked, multiple_of, dense=False)
    return best_strict(channels, S, factors=factors, min_width=min_width, min_spatial_width=min_spatial_width)


def widest_dense(
    budget: int,
    S: int = 9,
    *,
    factors: Factors = None,
    min_width: int = 2,
    min_spatial_width: int = 1,
    multiple_of: int = 1,
) -> Design:
    r"""Return the widest dense design with at most `budget` weights.

    .. math:: \max\; C, \qquad K_l \mid C, \quad \prod K_l ≥ C, \quad C (S K_1 + K_2 + … + K_L) ≤ T

    Among the chains of `best_dense`: interleaved, of constant width, with equal branches whose widths divide it.

    Parameters
    ----------
    budget, S, factors, min_width, min_spatial_width, multiple_of :
        As in `widest_strict`.

    Returns
    -------
    Design
        At least as wide as `widest_strict`.

    Raises
    ------
    TypeError, ValueError
        As in `widest_strict`.

    Examples
    --------
    >>> widest_strict(10**5, 9).channels, widest_dense(10**5, 9).channels
    (3072, 3120)
    """
    asked = limits(factors, min_width, min_spatial_width)
    channels = _widest(widest_dense_channels, budget, S, asked, multiple_of, dense=True)
    return best_dense(channels, S, factors=factors, min_width=min_width, min_spatial_width=min_spatial_width)


def igcv1_pairs(
    budget: int, S: int, least_L: int, least_M: int, step: int
) -> Iterator[tuple[int, int, tuple[int, int]]]:
    """Yield, for every M, the widest block: (width, minus its weights, (M, L)), ready to be compared."""
    M = least_M
    while interleaved_weights(least_L * M, (M, least_L), S) <= budget:
        # The largest L with M L² + M² S L ≤ T, then the largest one below that makes the width a multiple of `step`.
        largest = (isqrt((M * M * S) ** 2 + 4 * M * budget) - M * M * S) // (2 * M)
        L = largest - largest % (step // gcd(step, M))
        if least_L <= L:
            yield L * M, -interleaved_weights(L * M, (M, L), S), (M, L)
        M += 1


def _widest(sieve: Sieve, budget: int, S: int, asked: Limits, multiple_of: int, *, dense: bool) -> int:
    """Return the channels of the widest design; refuse a budget that pays for none, and say which one does."""
    beyond = f"use at most {MOST_BUDGET}, there are too many widths to sieve"
    budget = positive_int("budget", budget, maximum=MOST_BUDGET, beyond=beyond)
    area, step = prod(kernel_window(S)), positive_int("multiple_of", multiple_of)
    channels = sieve(budget, area, asked, step)
    if channels is None:
        kind = "dense design" if dense else "strict design"
        limited = [str(asked)] * (asked != Limits()) + [f"multiple_of={step}"] * (step > 1)
        least = _least_budget(area, asked, step, dense=dense)
        raise ValueError(_too_small(budget, kind, area, limited, least, MOST_BUDGET))
    return channels


def _least_budget(S: int, asked: Limits, step: int, *, dense: bool) -> tuple[int, bool]:
    """Return the weights of the cheapest design with a multiple of `step` channels found, and whether there is no cheaper one."""
    widths = [asked.min_spatial_width] + [asked.min_width] * (asked.fewest - 1)
    first = _next_multiple(max(widths) if dense else prod(widths), step)
    best = _sufficient_budget(S, asked, step)
    for C in islice(count(first, step), MOST_TRIED):
        if C > MOST_BUDGET or least_weights(C, S, asked) * (1 - 1e-9) > min(best, MOST_BUDGET):
            return best, True
        found = next(WidthTable(C, S, dense=dense, asked=asked).ranked(), None)
        best = best if found is None else min(best, interleaved_weights(C, found, S))
    return best, False


def _sufficient_budget(S: int, asked: Limits, step: int) -> int:
    """Return the weights of one small design that satisfies the limits: all widths as small as they may be but one."""
    widths = [asked.min_spatial_width] + [asked.min_width] * (asked.fewest - 1)
    if step > 1 and len(widths) == 1 and asked.most != 1:
        widths += [asked.min_width]
    widths[-1] = _next_multiple(widths[-1], step)
    return int(interleaved_weights(prod(widths), widths, S))


def _next_multiple(n: int, step: int) -> int:
    return -(-n // step) * step


def _too_small(budget: int, kind: str, S: int, limited: list[str], least: tuple[int, bool], most: int) -> str:
    """Return the sentence that says which budget suffices, or that none does."""
    limited = [*limited, f"S={S}"] if S != 9 else limited
    weights, certain = least
    way_out = f"use at least {weights}" if certain else f"budget={weights} suffices"
    if weights > most:
        way_out = f"no budget up to {most} pays for one, so ask for less"
    return f"budget={budget} pays for no {kind}{' with ' * bool(limited)}{' and '.join(limited)}: {way_out}"
