"""The chains of sparse factors that stand for products where families of approximations are compared."""

from __future__ import annotations

from math import prod

from igc_theory.budget.designs.cheapest import best_strict
from igc_theory.structure.arguments import positive_int, window_of
from igc_theory.structure.blocks import igcv2, two_factor_chains
from igc_theory.structure.chains import Chain
from igc_theory.structure.divisors import prime_factors

__all__ = ["product_chains"]

Window = int | tuple[int, int]


def product_chains(in_channels: int, out_channels: int, kernel_size: Window = 1) -> list[Chain]:
    """Return chains of two, three and prime factors between the same channels, each cheaper than a regular convolution.

    The cheapest two group convolutions with 1, 2, 4, 8 and 16 paths per pair. For as many outputs as inputs, also the cheapest
    three strict factors of at least two channels per branch, and strict factors of prime widths.

    Parameters
    ----------
    in_channels, out_channels : int
        Channels read and written.
    kernel_size : int or (int, int), default 1
        Window of the first factor; the others are pointwise.

    Returns
    -------
    list of Chain
        Named by their branch widths.

    Raises
    ------
    TypeError, ValueError
        If an argument is not a positive integer.

    Examples
    --------
    >>> [chain.name for chain in product_chains(64, 64)]
    ['8 × 8', '16 × 8', '16 × 16', '32 × 16', '4 × 4 × 4', '2 × 2 × 2 × 2 × 2 × 2']
    """
    into, out = (
        positive_int("in_channels", in_channels, maximum=10**12),
        positive_int("out_channels", out_channels, maximum=10**12),
    )
    chains = two_factor_chains(into, out, kernel_size)
    primes = prime_factors(into)
    if into == out and len(primes) > 2:
        area = prod(window_of("kernel_size", kernel_size))
        three = best_strict(into, area, factors=3, min_spatial_width=2).branch_widths
        for widths in dict.fromkeys([three, primes]):
            chain = igcv2(widths, kernel_size)
            chains += (
                [Chain(chain.factors, name=" × ".join(map(str, widths)))] if chain.parameters < area * into**2 else []
            )
    return chains
