"""The best interleaved chain for a layer as engineers have them: two numbers of channels, a window, a stride, a budget."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from math import gcd, lcm
from numbers import Rational
from typing import Any

from igc_theory.budget.designs.design import LayerDesign
from igc_theory.budget.designs.layer_search import LayerSearch
from igc_theory.structure.arguments import choice_of, kind_of, pair_of, positive_int, shown, window_of

__all__ = ["best_block", "widest_block"]

MOST_CHANNELS = 2**20
"""Channels on either side of a layer."""

MOST_WIDTH = 2**14
"""Channels of the widest block that is looked for."""

OBJECTIVES = ("parameters", "multiply_adds")
PATHS = ("dense", "strict")

Pair = int | tuple[int, int]


def best_block(
    in_channels: int,
    out_channels: int,
    kernel_size: Pair = 3,
    stride: Pair = 1,
    *,
    budget: int | None = None,
    objective: str = "parameters",
    paths: str = "dense",
    multiple_of: int = 1,
    min_width: int = 1,
    max_factors: int | None = None,
) -> LayerDesign:
    r"""Return the cheapest interleaved chain from `in_channels` to `out_channels`, with a window and a stride.

    One factor has the window and the stride, wherever that is cheapest; the others are pointwise. The channels between two
    factors may be any number between `in_channels` and `out_channels`, so that no factor is narrower than the layer itself. With
    :math:`a_l` inputs per branch the chain is dense iff :math:`∏ a_l ≥ C_{in}` and has unique paths iff they multiply to
    :math:`C_{in}` (interleaving theorem). Its cost is minimal over all numbers of factors, channels and branches,

    .. math:: \min \sum_l S_l\, a_l\, C_l,

    where factor `l` writes :math:`C_l` channels and :math:`S_l` is the kernel area or 1. Between equal numbers of channels
    it is the optimum of `best_dense` or `best_strict`.

    Parameters
    ----------
    in_channels, out_channels : int
        At most a million each.
    kernel_size, stride : int or (int, int), default 3 and 1
        Of the factor with the window; for a window of 1×1 the first factor has the stride.
    budget : int, optional
        At most so many weights.
    objective : {"parameters", "multiply_adds"}, default "parameters"
        What is minimised. Multiply–adds count per output position, and differ from the weights where a stride follows.
    paths : {"dense", "strict"}, default "dense"
        At least one path per pair, or exactly one.
    multiple_of : int, default 1
        The channels between two factors are multiples of it, unless those of the layer: 8 suits most hardware.
    min_width : int, default 1
        Fewest inputs and outputs of a pointwise branch.
    max_factors : int, optional
        At most so many factors, the one with the window included.

    Returns
    -------
    LayerDesign
        Of equal cost the design with the fewest factors. One convolution if nothing is cheaper.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what it should be, or no design is within `budget`: the message says how many weights suffice. Or if
        too many numbers of channels lie between those of the layer to compare all chains: it says which `multiple_of` helps.

    Examples
    --------
    >>> design = best_block(256, 384, stride=2, budget=20_000)
    >>> print(design)
    channels 256 to 384, branch widths 1 × 4 × 4 × 4 × 2 × 2, window 3×3, stride 2×2, parameters 6,656, paths per pair 1
    >>> design.chain.out_channels, best_block(64, 64).parameters
    (384, 1344)

    Channels with a small common divisor need a third number between them:

    >>> [(conv.in_channels, conv.groups) for conv in best_block(100, 144, 1).convolutions]
    [(100, 25), (100, 20), (120, 24)]
    """
    into = positive_int("in_channels", in_channels, maximum=MOST_CHANNELS)
    out = positive_int("out_channels", out_channels, maximum=MOST_CHANNELS)
    limits = _limits(objective, paths, multiple_of, min_width, max_factors)
    search = LayerSearch(into, out, window_of("kernel_size", kernel_size), pair_of("stride", stride), **limits)
    if search.min_width > min(into, out):
        raise ValueError(
            f"min_width={min_width} is above the {min(into, out)} channels of the layer: use at most {min(into, out)}"
        )
    within = search if budget is None else replace(search, budget=positive_int("budget", budget))
    found = _best(within)
    if found is None:
        least = _cheapest(search).parameters
        raise ValueError(
            f"budget={budget} pays for no {paths} design from {into} to {out} channels: use at least {least}"
        )
    return found


def widest_block(
    budget: int,
    kernel_size: Pair = 3,
    stride: Pair = 1,
    *,
    ratio: int | Fraction = 1,
    paths: str = "dense",
    multiple_of: int = 1,
    min_width: int = 1,
    max_factors: int | None = None,
) -> LayerDesign:
    """Return the widest block of `best_block` with at most `budget` weights.

    Parameters
    ----------
    budget : int
        Weights.
    kernel_size, stride, paths, min_width, max_factors :
        As in `best_block`.
    ratio : int or Fraction, default 1
        Output channels per input channel, such as 2 where a stage doubles its width.
    multiple_of : int, default 1
        All numbers of channels are multiples of it, those of input and output too.

    Returns
    -------
    LayerDesign
        Of equal width the one with the fewest weights.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what it should be; if the budget pays for no block, or for one of more than 16,384 channels.

    Examples
    --------
    >>> design = widest_block(20_000, stride=2, ratio=2, multiple_of=8)
    >>> design.channels, design.chain.out_channels, design.branch_widths, design.parameters
    (672, 1344, (1, 3, 3, 3, 3, 3, 3, 1), 19488)
    >>> widest_block(4672).channels
    192
    """
    weights, share = positive_int("budget", budget), _ratio(ratio)
    limits = _limits("parameters", paths, multiple_of, min_width, max_factors)
    window, strides, step = window_of("kernel_size", kernel_size), pair_of("stride", stride), limits["step"]
    unit = lcm(*(step // gcd(step, part) for part in share.as_integer_ratio()))
    narrow, wide = (unit * extreme(share.as_integer_ratio()) for extreme in (min, max))
    least, most = -(-limits["min_width"] // narrow), MOST_WIDTH // wide
    if least > most:
        asked = f"multiple_of={step}, ratio={share} and min_width={limits['min_width']}"
        raise ValueError(f"{asked} leave no width of at most {MOST_WIDTH} channels: use smaller ones")

    def search(width: int) -> LayerSearch:
        out, into = (width * unit * part for part in share.as_integer_ratio())
        return LayerSearch(into, out, window, strides, **limits)

    if search(most).least <= weights:
        way_out = f"use at most {search(most).least - 1}"
        raise ValueError(
            f"budget={budget} may pay for more than {most * wide} channels, the widest that are searched: {way_out}"
        )
    affordable = bisect_right(range(most), weights, lo=least, key=lambda width: search(width).least)
    designs = (_best(replace(search(width), budget=weights)) for width in range(affordable - 1, least - 1, -1))
    found = next((design for design in designs if design is not None), None)
    if found is None:
        raise ValueError(
            f"budget={budget} pays for no {paths} block: budget={_cheapest(search(least)).parameters} suffices"
        )
    return found


def _limits(objective: str, paths: str, multiple_of: int, min_width: int, max_factors: int | None) -> dict[str, Any]:
    """Return the keywords of the public functions as those of the search, checked."""
    return {
        "by_multiply_adds": choice_of("objective", objective, OBJECTIVES) == "multiply_adds",
        "dense": choice_of("paths", paths, PATHS) == "dense",
        "step": positive_int("multiple_of", multiple_of),
        "min_width": positive_int("min_width", min_width),
        "most_factors": None if max_factors is None else positive_int("max_factors", max_factors),
    }


def _ratio(ratio: int | Fraction) -> Fraction:
    if isinstance(ratio, bool) or not isinstance(ratio, Rational):
        raise TypeError(f"ratio={shown(ratio)} is {kind_of(ratio)}: give an integer or a fractions.Fraction")
    if not 0 < ratio <= MOST_WIDTH:
        way_out = f"give output channels per input channel, such as 2, at most {MOST_WIDTH}"
        raise ValueError(f"ratio={shown(ratio)} is not between 0 and {MOST_WIDTH}: {way_out}")
    return Fraction(ratio)


@lru_cache(maxsize=4096)
def _best(search: LayerSearch) -> LayerDesign | None:
    """Return the design that a search finds; layers of a network are alike, and each kind is searched once."""
    found = search.best()
    return None if found is None else LayerDesign(found)


def _cheapest(search: LayerSearch) -> LayerDesign:
    """Return the design with the fewest weights; there is one, for one regular convolution keeps to every limit."""
    found = _best(replace(search, budget=None, by_multiply_adds=False))
    assert found is not None, search
    return found
