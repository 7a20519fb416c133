"""The chains of sparse factors that stand for their family where families are compared."""

from __future__ import annotations

from itertools import combinations_with_replacement
from math import prod

from igc_theory.kernels.compression.structured import two_factor_chain
from igc_theory.structure.arguments import window_of
from igc_theory.structure.blocks import igcv2
from igc_theory.structure.chains import Chain

__all__ = ["product_chains"]

Window = int | tuple[int, int]

PATHS = (1, 2, 4, 8, 16)
"""Paths of a pair that products of two factors are swept over."""


def product_chains(out_channels: int, in_channels: int, kernel_size: Window = 1) -> list[Chain]:
    """Return the chains whose products a frontier tries, named by their branch widths.

    The cheapest two complementary factors for each number of paths; for as many outputs as inputs, also the cheapest three strict
    factors, and strict ones of prime widths.

    Parameters
    ----------
    out_channels, in_channels : int
    kernel_size : int or (int, int), default 1

    Returns
    -------
    list of Chain
        Each with fewer weights than the dense kernel.

    Examples
    --------
    >>> [chain.name for chain in product_chains(64, 64)]
    ['8 × 8', '16 × 8', '16 × 16', '32 × 16', '4 × 4 × 4', '2 × 2 × 2 × 2 × 2 × 2']
    """
    dense = prod(window_of("kernel_size", kernel_size)) * in_channels * out_channels
    chains = [chain for paths in PATHS if (chain := _two_factors(out_channels, in_channels, paths, kernel_size))]
    if out_channels == in_channels:
        widths = [_cheapest_split(in_channels, 3, kernel_size), _prime_factors(in_channels)]
        chains += [igcv2(w, kernel_size=kernel_size) for w in dict.fromkeys(widths) if len(w) > 2]
    named = [Chain(chain.factors, " × ".join(str(conv.in_width) for conv in chain.convolutions)) for chain in chains]
    return [chain for chain in dict.fromkeys(named) if chain.parameters < dense]


def _two_factors(out_channels: int, in_channels: int, paths: int, kernel_size: Window) -> Chain | None:
    """Return the cheapest two group convolutions with so many paths a pair, or None."""
    middle = min(out_channels, in_channels)
    chains = []
    for first in range(2, middle // 2 + 1):
        second, rest = divmod(middle, first * paths)
        if rest == 0 and second > 1 and in_channels % first == 0 and out_channels % second == 0:
            chains.append(two_factor_chain(in_channels, middle, out_channels, (first, second), kernel_size))
    return min(chains, key=lambda chain: chain.parameters, default=None)


def _cheapest_split(channels: int, factors: int, kernel_size: Window) -> tuple[int, ...]:
    """Return the branch widths above 1 that multiply to `channels` and cost least, the spatial one first; () if there are none."""
    area = prod(window_of("kernel_size", kernel_size))
    divisors = [width for width in range(2, channels) if channels % width == 0]
    splits = [w for w in combinations_with_replacement(divisors, factors) if prod(w) == channels]
    return min(splits, key=lambda w: area * w[0] + sum(w[1:]), default=())


def _prime_factors(number: int) -> tuple[int, ...]:
    """Return the prime factors in ascending order."""
    for prime in range(2, int(number**0.5) + 1):
        if number % prime == 0:
            return prime, *_prime_factors(number // prime)
    return (number,) if number > 1 else ()
