r"""The widest integer design at a budget of weights: exact, by sieves over all channel counts at once (`widest_sieves`)."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count, takewhile
from math import gcd, isqrt, prod

from igc_theory.budget.designs.cheapest import Factors, best_dense, best_strict
from igc_theory.budget.designs.design import Design, kernel_window
from igc_theory.budget.designs.search import Limits, limits
from igc_theory.budget.designs.sieves import (
    least_dense_budget,
    least_strict_budget,
    widest_dense_channels,
    widest_strict_channels,
)
from igc_theory.budget.formulas.cost import igcv1_parameters, interleaved_parameters
from igc_theory.structure.arguments import positive_int

__all__ = ["igcv1_pairs", "widest_dense", "widest_igcv1", "widest_strict"]

SEARCHED = 10**8
"""Above this budget the least sufficient one is not searched for, and one that suffices is named instead."""

MOST_PAIRED = 10**12
"""The largest budget for which every width of a primary branch of IGCV1 is tried: 300,000 of them."""

MOST_BUDGET = 2 * 10**9
"""The sieves keep a few numbers for every width below the bound: a gigabyte at this budget."""

Sieve = Callable[[int, int, Limits, int], int | None]
"""From (budget, S, limits, multiple_of) to channels or weights."""


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
        What the width has to be a multiple of: 8 suits most hardware.

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
    pairs = partial(igcv1_pairs, S=prod(window), least_L=L, least_M=M, step=step)
    best = max(pairs(budget), default=None)
    if best is None:
        given = {"min_width": L, "min_spatial_width": M, "multiple_of": step}
        asked = " and ".join(f"{name}={value}" for name, value in given.items() if value > 1)
        sufficient = igcv1_parameters(_next_multiple(L, step // gcd(step, M)), M, prod(window))
        if sufficient > MOST_PAIRED:
            raise ValueError(_too_small(budget, "IGCV1 block", asked, f"budget={sufficient} suffices"))
        budgets = range(budget + 1, sufficient)
        least = budget + 1 + bisect_left(budgets, True, key=lambda T: next(pairs(T), None) is not None)
        raise ValueError(_too_small(budget, "IGCV1 block", asked, f"use at least {least}"))
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
        What the width has to be a multiple of: 8 suits most hardware.

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
    channels = _widest(("strict design", widest_strict_channels, least_strict_budget), budget, S, asked, multiple_of)
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
    >>> widest_strict(10**6, 9).channels, widest_dense(10**6, 9).channels
    (26244, 26310)
    """
    asked = limits(factors, min_width, min_spatial_width)
    channels = _widest(("dense design", widest_dense_channels, least_dense_budget), budget, S, asked, multiple_of)
    return best_dense(channels, S, factors=factors, min_width=min_width, min_spatial_width=min_spatial_width)


def igcv1_pairs(
    budget: int, S: int, least_L: int, least_M: int, step: int
) -> Iterator[tuple[int, int, tuple[int, int]]]:
    """Yield, for every M, the widest block: (width, minus its weights, (M, L)), ready to be compared."""
    M = least_M
    while igcv1_parameters(least_L, M, S) <= budget:
        # The largest L with M L² + M² S L ≤ T, then the largest one below that makes the width a multiple of `step`.
        largest = (isqrt((M * M * S) ** 2 + 4 * M * budget) - M * M * S) // (2 * M)
        L = largest - largest % (step // gcd(step, M))
        if least_L <= L:
            yield L * M, -int(igcv1_parameters(L, M, S)), (M, L)
        M += 1


def _widest(problem: tuple[str, Sieve, Sieve], budget: int, S: int, asked: Limits, multiple_of: int) -> int:
    """Return the channels of the widest design; refuse a budget that pays for none, and say which one does."""
    kind, sieve, least_budget = problem
    budget, step = positive_int("budget", budget), positive_int("multiple_of", multiple_of)
    if budget > MOST_BUDGET:
        raise ValueError(f"budget={budget} is above {MOST_BUDGET}, too many widths to sieve: use a smaller budget")
    area = prod(kernel_window(S))
    channels = sieve(budget, area, asked, step)
    if channels is None:
        sufficient = _sufficient_budget(area, asked, step)
        doubled = takewhile(lambda T: min(sufficient, SEARCHED) > T, (budget << n for n in count(1)))
        sufficient = next((T for T in doubled if sieve(T, area, asked, step) is not None), sufficient)
        searched = least_budget(sufficient, area, asked, step) if sufficient <= SEARCHED else None
        limited = [str(asked)] * (asked != Limits()) + [f"multiple_of={step}"] * (step > 1)
        way_out = f"use at least {searched}" if searched else f"budget={sufficient} suffices"
        raise ValueError(_too_small(budget, kind, " and ".join(limited), way_out))
    return channels


def _sufficient_budget(S: int, asked: Limits, step: int) -> int:
    """Return the weights of one small design that satisfies the limits: all widths as small as they may be but one."""
    widths = [asked.min_spatial_width] + [asked.min_width] * (asked.fewest - 1)
    if step > 1 and len(widths) == 1 and asked.most != 1:
        widths += [asked.min_width]
    widths[-1] = _next_multiple(widths[-1], step)
    return int(interleaved_parameters(prod(widths), widths, S))


def _next_multiple(n: int, step: int) -> int:
    return -(-n // step) * step


def _too_small(budget: int, kind: str, limited: str, way_out: str) -> str:
    return f"budget={budget} pays for no {kind}{' with ' * bool(limited)}{limited}: {way_out}"
