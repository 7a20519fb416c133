"""Two group convolutions with an interleaving between them: one pair of branches, or the cheapest per number of paths."""

from __future__ import annotations

from math import gcd

from igc_theory.structure.arguments.numbers import positive_int
from igc_theory.structure.blocks import pair_of_groups, regular
from igc_theory.structure.chains import Chain
from igc_theory.structure.divisors import divisors
from igc_theory.structure.families.block_products import group_and_shuffle

__all__ = ["two_factor_chain", "two_factor_chains"]

Window = int | tuple[int, int]

PATHS = (1, 2, 4, 8, 16)
"""Paths per pair that chains of two factors are swept over."""


def two_factor_chain(
    in_channels: int, out_channels: int, middle: int, groups: tuple[int, int], kernel_size: Window = 1
) -> Chain:
    """Return two group convolutions with an interleaving between them, the first of them spatial.

    Parameters
    ----------
    in_channels, out_channels : int
        Channels read and written.
    middle : int
        Channels between the two.
    groups : (int, int)
        Branches of the first and of the second convolution.
    kernel_size : int or (int, int), default 1
        Window of the first.

    Returns
    -------
    Chain
        Named by its branch widths.

    Raises
    ------
    TypeError, ValueError
        If an argument is not a positive integer, or the branches do not divide the channels.

    Examples
    --------
    >>> two_factor_chain(8, 8, 4, (2, 2)).parameters
    32
    """
    chain = group_and_shuffle(in_channels, out_channels, middle, pair_of_groups(groups), kernel_size)
    return Chain(chain.factors, name=" × ".join(str(conv.in_width) for conv in chain.convolutions))


def two_factor_chains(in_channels: int, out_channels: int, kernel_size: Window = 1) -> list[Chain]:
    """Return the cheapest two group convolutions with 1, 2, 4, 8 and 16 paths per pair, each below a regular convolution.

    Both have at least two branches, and as many channels between them as the narrower side.

    Parameters
    ----------
    in_channels, out_channels, kernel_size :
        As in `two_factor_chain`.

    Returns
    -------
    list of Chain
        By ascending number of paths; a number that no two branches of these channels have is left out.

    Raises
    ------
    TypeError, ValueError
        If an argument is not a positive integer.

    Examples
    --------
    >>> [chain.name for chain in two_factor_chains(64, 64)]
    ['8 × 8', '16 × 8', '16 × 16', '32 × 16']
    """
    in_channels, out_channels = positive_int("in_channels", in_channels), positive_int("out_channels", out_channels)
    positive_int("in_channels*out_channels", in_channels * out_channels, maximum=2**48)
    middle, found = min(in_channels, out_channels), []
    for paths in PATHS:
        firsts = [first for first in divisors(gcd(in_channels, middle)) if middle % (first * paths) == 0]
        groups = [(first, middle // (first * paths)) for first in firsts]
        complementary = [pair for pair in groups if min(pair) > 1 and out_channels % pair[1] == 0]
        chains = [two_factor_chain(in_channels, out_channels, middle, pair, kernel_size) for pair in complementary]
        found += [min(chains, key=lambda chain: chain.parameters)] if chains else []
    most = regular(in_channels, out_channels, kernel_size).parameters
    return [chain for chain in found if chain.parameters < most]
