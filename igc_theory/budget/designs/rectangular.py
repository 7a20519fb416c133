"""The cheapest pointwise chains between different numbers of channels."""

from __future__ import annotations

from functools import lru_cache
from math import gcd, isqrt

from igc_theory.structure.arguments import flag, positive_int
from igc_theory.structure.blocks import with_interleaving
from igc_theory.structure.chains import Chain
from igc_theory.structure.divisors import divisors
from igc_theory.structure.factors import GroupConv

__all__ = ["best_rectangular"]

MOST_CHANNELS = 2**20
"""Channels on either side."""


def best_rectangular(in_channels: int, out_channels: int, *, dense: bool = False) -> Chain:
    r"""Return the cheapest interleaved chain of pointwise convolutions from `in_channels` to `out_channels`.

    One factor, with `G` branches, changes the number of channels; factors of widths :math:`a_l` stand before it at `in_channels`
    and after it at `out_channels`. By the interleaving theorem the chain is dense iff :math:`∏ a_l ≥ G`, and has unique paths if
    they multiply to `G`; the cost

    .. math:: C_{in} \sum_{before} a_l + C_{in} C_{out} / G + C_{out} \sum_{after} a_l

    is minimal over all `G` and all widths. Between equal numbers of channels it is the optimum of `best_strict` or `best_dense`
    at S = 1.

    Parameters
    ----------
    in_channels, out_channels : int
        At least 1.
    dense : bool, default False
        Whether at least one path per pair is enough, instead of exactly one.

    Returns
    -------
    Chain
        One dense convolution if nothing is cheaper.

    Raises
    ------
    TypeError, ValueError
        If a number of channels is not an integer of at least 1.

    Examples
    --------
    >>> print(best_rectangular(32, 200))
    2 × 4 × 4 32 -> 200, 992 parameters
      GroupConv(32, 32, groups=16)    group pointwise  2 in, 2 out per branch   64
      interleave(groups=16, width=2)  permutation
      GroupConv(32, 32, groups=8)     group pointwise  4 in, 4 out per branch   128
      interleave(groups=8, width=4)   permutation
      GroupConv(32, 200, groups=8)    group pointwise  4 in, 25 out per branch  800
    """
    into = positive_int("in_channels", in_channels, maximum=MOST_CHANNELS)
    out = positive_int("out_channels", out_channels, maximum=MOST_CHANNELS)
    _, groups, before, after = _cheapest(into, out, flag("dense", dense))
    return _chain(into, out, before, groups, after)


@lru_cache(maxsize=4096)
def _cheapest(into: int, out: int, dense: bool) -> tuple[int, int, tuple[int, ...], tuple[int, ...]]:
    """Return cost, branches of the factor that changes the channels, and widths before and after it."""
    plans = []
    common = gcd(into, out)
    for groups in divisors(common):
        # Of all numbers that leave the same rest for the other side, the smallest is the cheapest to reach.
        needs = {-(-groups // reached) for reached in range(1, isqrt(groups) + 1)} | {*range(1, isqrt(groups) + 2)}
        for reached in sorted({-(-groups // need) for need in needs}) if dense else divisors(groups):
            before = _widths(into, reached, dense)
            after = _widths(out, -(-groups // reached), dense)
            if before is not None and after is not None:
                cost = into * sum(before) + into * out // groups + out * sum(after)
                plans.append((cost, len(before) + len(after), groups, before, after))
    cost, _, groups, before, after = min(plans)
    return cost, groups, before, after


@lru_cache(maxsize=65536)
def _widths(channels: int, paths: int, dense: bool) -> tuple[int, ...] | None:
    """Return the divisors of `channels` with the smallest sum that multiply to `paths` (to as many or more), or None."""
    if paths == 1:
        return ()
    found = []
    for width in divisors(channels)[1:]:
        if dense or paths % width == 0:
            rest = _widths(channels, -(-paths // width), dense)
            if rest is not None:
                found.append(tuple(sorted((width, *rest))))
    return min(found, key=lambda widths: (sum(widths), len(widths)), default=None)


def _chain(into: int, out: int, before: tuple[int, ...], groups: int, after: tuple[int, ...]) -> Chain:
    """Return the convolutions with an interleaving between each two."""
    convolutions = [GroupConv(into, into, into // width) for width in before]
    convolutions += [GroupConv(into, out, groups), *(GroupConv(out, out, out // width) for width in after)]
    return Chain(
        with_interleaving(convolutions), name=" × ".join(str(convolution.in_width) for convolution in convolutions)
    )
