r"""Which integer design of a width has the fewest weights: exact optima, strict and dense, and every design in order.

A design of `C` channels has one spatial factor of branch width :math:`K_1` and pointwise factors of widths :math:`K_2 … K_L`,
each a divisor of `C`. It has :math:`C (S K_1 + K_2 + … + K_L)` weights (IGCV2 [Xie2018], section 3). It is *strict* when
:math:`\prod K_l = C`: one path between every input and every output. It is *dense* when :math:`\prod K_l ≥ C` (interleaving
theorem): at least one path. The cost does not depend on the order of the pointwise factors, so a design lists their widths in
increasing order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import prod

from igc_theory.budget.designs.design import Design, kernel_window
from igc_theory.budget.designs.search import MOST_CHANNELS, Limits, WidthTable, limits
from igc_theory.structure.arguments.numbers import positive_int
from igc_theory.structure.divisors import divisors

__all__ = ["Factors", "best_dense", "best_strict", "dense_designs", "factorizations", "strict_designs"]

MOST_LISTED = 2**20
"""Factorizations that are listed."""

Factors = int | tuple[int, int | None] | None
"""A number of factors, a pair (fewest, most), or any number."""


def factorizations(channels: int, min_width: int = 2) -> list[tuple[int, ...]]:
    """Return every multiset of widths, each at least `min_width`, whose product is `C`.

    Each is given once, in increasing order; the empty product stands for ``C=1``. These are the possible pointwise widths behind a
    depthwise factor; with :math:`K_1` channels in a spatial branch they are ``factorizations(C // K_1)``.

    Parameters
    ----------
    channels : int
        `C`.
    min_width : int, default 2
        Smallest width; 1 is refused, since it could be repeated without end.

    Returns
    -------
    list of tuple of int
        Sorted.

    Raises
    ------
    TypeError, ValueError
        If `channels` is not a positive integer, `min_width` is below 2, or there are more than a million.

    Examples
    --------
    >>> factorizations(12)
    [(2, 2, 3), (2, 6), (3, 4), (12,)]
    >>> factorizations(1), factorizations(2 * 31, min_width=4)
    ([()], [(62,)])
    """
    C = positive_int(
        "channels", channels, maximum=10**9, beyond="use at most a thousand million channels, or strict_designs"
    )
    smallest = limits(None, min_width, 1).min_width
    widths = [width for width in divisors(C) if width >= smallest]
    if (number := _number_of_factorizations(C, widths)) > MOST_LISTED:
        way_out = "use a larger min_width, or strict_designs, which gives them one by one"
        raise ValueError(f"channels={C} has {number} factorizations, more than {MOST_LISTED}: {way_out}")
    return sorted(_factorizations(C, widths)) if number and C > 1 else [()] * number


def _number_of_factorizations(C: int, widths: Sequence[int]) -> int:
    """Return how many multisets of these widths have the product `C`."""
    ways = dict.fromkeys(divisors(C), 0) | {1: 1}
    for width in widths:
        for divisor in ways:
            if divisor % width == 0:
                ways[divisor] += ways[divisor // width]
    return ways[C]


def best_strict(
    channels: int, S: int = 9, *, factors: Factors = None, min_width: int = 2, min_spatial_width: int = 1
) -> Design:
    r"""Return the strict design of `C` channels with the fewest weights.

    .. math:: \min\; C (S K_1 + K_2 + … + K_L), \qquad \prod K_l = C

    Without further limits the minimum is ``C * (S + sopfr(C))`` for ``S ≥ 2``, sopfr the sum of prime factors with
    multiplicity; of equal weights the design with the fewest factors is returned. Apart from the spatial factor this is the remark
    of [CooleyTukey1965], equations 9–13, on the radices of a fast Fourier transform: a composite one is never cheaper than its
    parts.

    Parameters
    ----------
    channels : int
        `C`.
    S : int, default 9
        Kernel area. It stands for the squarest window that has it: 9 is 3×3, 5 is 1×5.
    factors : int or (int, int or None), optional
        Number of factors, the spatial one included: exactly that many, or a pair (fewest, most).
    min_width : int, default 2
        Smallest width of a pointwise branch.
    min_spatial_width : int, default 1
        Smallest width of a spatial branch; 1 allows a depthwise convolution.

    Returns
    -------
    Design

    Raises
    ------
    TypeError, ValueError
        If an argument is not a positive integer, or nothing satisfies the limits. The message says which limit excludes everything,
        and the nearest value that does not.

    Examples
    --------
    >>> print(best_strict(64, 9))
    channels 64, branch widths 1 × 4 × 4 × 4, window 3×3, parameters 1,344 (21 per channel), paths per pair 1
    >>> best_strict(416, 9).parameters_per_channel, best_dense(416, 9).parameters_per_channel
    (32, 27)
    >>> best_strict(64, 9, factors=9)
    Traceback (most recent call last):
    ...
    ValueError: factors=9 leaves no strict design of channels=64: use factors=7 (possible are 1, 2, 3, 4, 5, 6, 7)
    """
    return next(_designs(channels, S, False, limits(factors, min_width, min_spatial_width)))


def best_dense(
    channels: int, S: int = 9, *, factors: Factors = None, min_width: int = 2, min_spatial_width: int = 1
) -> Design:
    r"""Return the dense design of `C` channels with the fewest weights.

    .. math:: \min\; C (S K_1 + K_2 + … + K_L), \qquad K_l \mid C, \quad \prod K_l ≥ C

    The optimum among chains of constant width `C` whose factors have equal branches of widths that divide `C`. Whatever the
    permutations between them, ``K_1 ⋯ K_L ≥ C`` is necessary, and interleaving makes it sufficient. It has at most as many
    weights as `best_strict`. Large prime factors of `C` need no branch of their own if there is a small one. Without divisibility
    it is Katona's problem, `katona_number`, a lower bound; this version and its dynamic program are new as far as searched.

    Parameters
    ----------
    channels, S, factors, min_width, min_spatial_width :
        As in `best_strict`.

    Returns
    -------
    Design

    Raises
    ------
    TypeError, ValueError
        As in `best_strict`.

    Examples
    --------
    >>> best_dense(416, 9)
    Design(channels=416, branch_widths=(1, 2, 4, 4, 4, 4), kernel_size=(3, 3))
    """
    return next(_designs(channels, S, True, limits(factors, min_width, min_spatial_width)))


def strict_designs(
    channels: int, S: int = 9, *, factors: Factors = None, min_width: int = 2, min_spatial_width: int = 1
) -> Iterator[Design]:
    """Iterate over every strict design of `C` channels, from the fewest weights to the most.

    Parameters
    ----------
    channels, S, factors, min_width, min_spatial_width :
        As in `best_strict`.

    Yields
    ------
    Design

    Raises
    ------
    TypeError, ValueError
        As in `best_strict`.

    Examples
    --------
    >>> [(design.branch_widths, design.parameters_per_channel) for design in strict_designs(6, 9)]
    [((1, 2, 3), 14), ((1, 6), 15), ((2, 3), 21), ((3, 2), 29), ((6,), 54)]
    """
    return _designs(channels, S, False, limits(factors, min_width, min_spatial_width))


def dense_designs(
    channels: int, S: int = 9, *, factors: Factors = None, min_width: int = 2, min_spatial_width: int = 1
) -> Iterator[Design]:
    """Iterate over the dense designs of `C` channels, from the fewest weights to the most.

    Unless `factors` asks for more, designs with more than ``ceil(log(C, min_width))`` pointwise factors are left out: one of
    these is superfluous. There may still be very many: take as many as needed.

    Parameters
    ----------
    channels, S, factors, min_width, min_spatial_width :
        As in `best_strict`.

    Yields
    ------
    Design

    Raises
    ------
    TypeError, ValueError
        As in `best_strict`.

    Examples
    --------
    >>> from itertools import islice
    >>> [(design.branch_widths, design.paths) for design in islice(dense_designs(10, 9), 3)]
    [((1, 2, 5), (1, 1)), ((1, 2, 2, 2, 2), (1, 2)), ((1, 2, 2, 5), (2, 2))]
    """
    return _designs(channels, S, True, limits(factors, min_width, min_spatial_width))


def _factorizations(n: int, widths: list[int]) -> Iterator[tuple[int, ...]]:
    """Yield the multisets with product `n` of the given widths, which are in increasing order and contain `n` if allowed."""
    for position, first in enumerate(widths):
        if first * first > n:
            break
        if n % first == 0:
            yield from ((first, *others) for others in _factorizations(n // first, widths[position:]))
    if n >= widths[0]:
        yield (n,)


def _designs(C: int, S: int, dense: bool, asked: Limits) -> Iterator[Design]:
    """Check the arguments now, and return the designs in order of weights; refuse when there is none."""
    C, window = positive_int("channels", C, maximum=MOST_CHANNELS, beyond="use fewer channels"), kernel_window(S)
    table = WidthTable(C, prod(window), dense=dense, asked=asked)
    ranked = table.ranked()
    first = next(ranked, None)
    if first is None:
        raise ValueError(_why_none(C, dense, asked))
    return (Design(C, widths, window) for widths in _chained(first, ranked))


def _chained(first: tuple[int, ...], others: Iterator[tuple[int, ...]]) -> Iterator[tuple[int, ...]]:
    yield first
    yield from others


def _why_none(C: int, dense: bool, asked: Limits) -> str:
    """Say which limit leaves no design, and the nearest value that leaves one."""
    kind = "dense" if dense else "strict"
    if asked.min_spatial_width > C:
        return f"min_spatial_width={asked.min_spatial_width} leaves no {kind} design of channels={C}: use at most {C}"
    possible = WidthTable(C, 1, dense=dense, asked=replace(asked, fewest=1, most=None)).possible_factors()
    nearest = min(possible, key=lambda n: abs(n - min(max(n, asked.fewest), asked.most or n)))
    way_out = f"use factors={nearest} (possible are {', '.join(map(str, possible))})"
    narrower = (w for w in reversed(divisors(C)) if 2 <= w < asked.min_width)
    width = next((w for w in narrower if _has_design(C, dense, replace(asked, min_width=w))), None)
    return f"{asked} leaves no {kind} design of channels={C}: {way_out}" + (f", or min_width={width}" if width else "")


def _has_design(C: int, dense: bool, asked: Limits) -> bool:
    return next(WidthTable(C, 1, dense=dense, asked=asked).ranked(), None) is not None
