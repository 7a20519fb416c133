r"""The sieves behind `widest`: which channel counts have a design that fits a budget, for all of them at once.

A lower bound on the weights of `C` channels says where to stop. Below it, strict designs are sieved as divisors are: the least sum
of `n` widths with product `C` follows from the least sums of `n - 1` widths. Dense designs are sieved from the largest channel
count down, in blocks. Take the largest product of widths that divide `C` and whose sum fits the budget: there is a design if it
is at least `C`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from math import gcd, isqrt, log

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from igc_theory.budget.designs.search import Limits, most_useful_factors
from igc_theory.budget.formulas.widths import balanced_parameters

__all__ = [
    "least_strict_weights",
    "least_weights",
    "most_channels",
    "widest_dense_channels",
    "widest_strict_channels",
]

IMPOSSIBLE = np.int64(1 << 60)

BLOCK = 1 << 18
"""Entries of the table that the dense sieve keeps at a time: 2 MB."""


def most_channels(budget: int, S: int, asked: Limits) -> int:
    r"""Return a width that no design, strict or dense, exceeds at this budget.

    Let `a` be the least of :math:`K/\ln K` over the integers allowed. Every pointwise width satisfies :math:`K ≥ a \ln K`, so a
    design costs at least :math:`S K_1 + a \ln(C/K_1)` per channel. That is convex in :math:`K_1`, with its minimum at
    :math:`a/S`. With at most `L` factors it also costs at least :math:`L (SC)^{1/L}` (balance condition). Times `C`, both bounds
    increase with `C`.
    """
    # The bound is a float; a thousandth of a millionth covers its rounding.
    return bisect_left(range(1, budget + 1), True, key=lambda C: least_weights(C, S, asked) * (1 - 1e-9) > budget)


def least_weights(C: int, S: int, asked: Limits) -> float:
    """Return a number of weights below which there is no design of `C` channels; it increases with `C`, see `most_channels`.

    Examples
    --------
    >>> round(least_weights(64, 9, Limits())), round(least_weights(64, 9, Limits(min_width=50)))
    (1303, 3933)
    """
    # K/ln K falls up to e and rises from there: over the integers its least value is at 3.
    width = max(asked.min_width, 3)
    slope = width / log(width)
    spatial = max(asked.min_spatial_width, slope / S)
    fixed = S * asked.min_spatial_width + (asked.fewest - 1) * asked.min_width

    # Alone the spatial factor is as wide as the design; else there is a pointwise one.
    alone_or_not = min(S * C, S * asked.min_spatial_width + asked.min_width)
    bound = max(fixed, alone_or_not, S * spatial + slope * log(C / spatial))
    if asked.most is None:
        return C * bound
    return max(C * bound, float(balanced_parameters(C, min(asked.most, max(log(S * C), 1)), S)))


def widest_strict_channels(budget: int, S: int, asked: Limits, step: int) -> int | None:
    """Return the largest multiple of `step` that has a strict design within the budget, or None."""
    limit = most_channels(budget, S, asked)
    if limit < max(step, asked.min_spatial_width):
        return None
    channels = np.arange(0, limit + 1, step)
    fits = least_strict_weights(limit, S, asked)[::step] <= budget // np.maximum(channels, 1)
    return int(channels[fits][-1]) if fits.any() else None


def least_strict_weights(limit: int, S: int, asked: Limits) -> NDArray[np.int64]:
    """Return the least weights per channel of the strict designs of 0 … `limit` channels; IMPOSSIBLE where there is none."""
    sums = np.full(limit + 1, IMPOSSIBLE)
    sums[1] = 0
    least = sums if asked.fewest == 1 else np.full(limit + 1, IMPOSSIBLE)
    most = most_useful_factors(limit, asked.min_width)
    most = most if asked.most is None else min(most, asked.most - 1)
    for pointwise in tqdm(range(1, most + 1), desc="strict designs", unit="factor", delay=2, leave=False, disable=None):
        sums = _one_factor_more(sums, asked.min_width, 1)
        least = np.minimum(least, sums) if pointwise >= asked.fewest - 1 else least
    return _one_factor_more(least, asked.min_spatial_width, S)


def _one_factor_more(sums: NDArray[np.int64], smallest: int, S: int) -> NDArray[np.int64]:
    """Return the least of ``S*k + sums[n // k]`` over the divisors k ≥ `smallest` of n, for every n."""
    limit = sums.size - 1
    root = isqrt(limit)
    least = np.full_like(sums, IMPOSSIBLE)
    for k in range(smallest, root + 1):
        np.minimum(least[k::k], S * k + sums[1 : limit // k + 1], out=least[k::k])
    # Wider factors leave a small quotient: run over that one instead, so that both loops are short.
    first = max(smallest, root + 1)
    for quotient in range(1, min(root + 1, limit // first) + 1):
        wide = S * np.arange(first, limit // quotient + 1)
        np.minimum(least[first * quotient :: quotient], wide + sums[quotient], out=least[first * quotient :: quotient])
    return least


def widest_dense_channels(budget: int, S: int, asked: Limits, step: int) -> int | None:
    """Return the largest multiple of `step` that has a dense design within the budget, or None."""
    limit = most_channels(budget, S, asked)
    smallest = max(step, asked.min_spatial_width, asked.min_width if asked.fewest > 1 else 1)
    blocks = _blocks(budget, -(-smallest // step), limit // step, step)
    for first, last in tqdm(blocks, desc="dense designs", unit="block", delay=2, leave=False, disable=None):
        channels = step * np.arange(first, last + 1)
        products = _DenseBlock(first, step, channels).largest_products(budget // int(channels[0]), S, asked)
        found = channels[products[budget // channels, np.arange(channels.size)] >= channels]
        if found.size:
            return int(found[-1])
    return None


def _blocks(budget: int, lowest: int, last: int, step: int) -> Iterator[tuple[int, int]]:
    """Yield ranges (first, last) of multiples of `step`, from the largest down, whose tables have about BLOCK entries."""
    while last >= lowest:
        columns = max(1, BLOCK // (budget // (step * last) + 1))
        first = max(lowest, last - columns + 1, (last + 1) // 2)
        yield first, last
        last = first - 1


class _DenseBlock:
    """Consecutive multiples of `step`, and the largest products of divisors of each whose sum is bounded.

    Tables have shape (sum + 1, channels): the largest product of widths whose sum is at most the row's number, 0 where there is
    none. Products are cut off at the number of channels, which keeps them small and decides all the same.
    """

    def __init__(self, first: int, step: int, channels: NDArray[np.int64]) -> None:
        self.first, self.step, self.channels = first, step, channels

    def largest_products(self, most: int, S: int, asked: Limits) -> NDArray[np.int64]:
        """Return the table of whole designs, with rows up to `most` weights per channel."""
        useful = most_useful_factors(int(self.channels[-1]), asked.min_width)
        spare = max(asked.fewest - 1 - useful, 0)
        factors = useful if asked.most is None else min(useful, asked.most - 1)
        products = np.ones((most + 1, self.channels.size), dtype=np.int64)
        best = products if asked.fewest == 1 else np.zeros_like(products)
        for pointwise in range(1, factors + 1):
            products = self._one_factor_more(products, asked.min_width, 1)
            best = np.maximum(best, products) if pointwise >= asked.fewest - 1 - spare else best
        best = self._factors_more(best, asked.min_width, spare) if spare else best
        return self._one_factor_more(best, asked.min_spatial_width, S)

    def _factors_more(self, products: NDArray[np.int64], smallest: int, spare: int) -> NDArray[np.int64]:
        """Return the table with this many factors more, when the others always multiply to enough: all are as narrow as can be."""
        rows, columns = products.shape
        narrowest = np.full(columns, rows)
        for k in range(min(rows, int(self.channels[-1])), smallest - 1, -1):
            narrowest[self._multiples(k)] = k
        before = np.arange(rows)[:, None] - spare * narrowest
        moved: NDArray[np.int64] = np.take_along_axis(products, np.maximum(before, 0), axis=0)
        return np.where(before >= 0, moved, 0)

    def _multiples(self, k: int) -> slice:
        """Return where the channel counts are that `k` divides: k divides step·j iff k/gcd(k, step) divides j."""
        stride = k // gcd(k, self.step)
        return slice(-self.first % stride, None, stride)

    def _one_factor_more(self, products: NDArray[np.int64], smallest: int, S: int) -> NDArray[np.int64]:
        """Return the largest ``k * products[sum - S*k]`` over the divisors k ≥ `smallest` of every channel count."""
        rows = len(products)
        largest = np.zeros_like(products)
        for k in range(smallest, min((rows - 1) // S, int(self.channels[-1])) + 1):
            part = largest[S * k :, self._multiples(k)]
            if part.size:
                np.maximum(part, k * products[: rows - S * k, self._multiples(k)], out=part)
        return np.minimum(largest, self.channels, out=largest)
