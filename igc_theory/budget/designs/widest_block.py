"""The widest block of a layer at a budget of weights: widths are tried from a bound downwards, until one fits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from math import gcd, lcm, prod

from tqdm import tqdm

from igc_theory.budget.designs.best_block import MOST_BETWEEN, MOST_CHANNELS, PATHS, limits_of, searched
from igc_theory.budget.designs.design import LayerDesign
from igc_theory.budget.designs.katona import katona_number
from igc_theory.budget.designs.layers.layer_search import LayerSearch
from igc_theory.structure.arguments.kinds import choice_of, kind_of, shown
from igc_theory.structure.arguments.numbers import positive_int
from igc_theory.structure.arguments.sequences import MOST_AREA, pair_of, window_of

__all__ = ["widest_block"]

MOST_BUDGET = 10**8

Pair = int | tuple[int, int]


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
    r"""Return the block with the most channels that a budget of weights pays for: what `best_block` finds at the widest layer.

    With :math:`C_{out} = r\, C_{in}` and `low` the smaller of the two, a chain has at least :math:`low\,(S + κ(C_{in}))` weights,
    κ Katona's number. That grows with the channels, and says where to begin; every wider layer is then excluded by a search.

    Parameters
    ----------
    budget : int
        At most this many weights.
    kernel_size, stride : int or (int, int), default 3 and 1
        As in `best_block`.
    ratio : int or Fraction, default 1
        Output channels per input channel, such as 2 or ``Fraction(3, 2)``.
    paths, min_width, max_factors :
        As in `best_block`.
    multiple_of : int, default 1
        What all numbers of channels are multiples of, those of the layer too; 8, for example.

    Returns
    -------
    LayerDesign
        Of equal widths the one with the fewest weights.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what it should be, the budget pays for no such block, or too many numbers of channels lie between
        those of the layer. The message says what to do instead.

    Examples
    --------
    >>> print(widest_block(4672))
    channels 192, branch widths 1 × 4 × 4 × 4 × 3, window 3×3, parameters 4,608, paths per pair 1
    >>> design = widest_block(20_000, stride=2, ratio=2, multiple_of=8)
    >>> design.chain.in_channels, design.chain.out_channels, design.parameters
    (672, 1344, 19488)
    """
    budget = positive_int("budget", budget, maximum=MOST_BUDGET)
    share, step = _ratio(ratio), positive_int("multiple_of", multiple_of, maximum=MOST_CHANNELS)
    asked = LayerSearch(
        share.denominator,
        share.numerator,
        window_of("kernel_size", kernel_size, most_area=MOST_AREA),
        pair_of("stride", stride),
        dense=choice_of("paths", paths, PATHS) == "dense",
        step=step,
        min_width=positive_int("min_width", min_width, maximum=MOST_CHANNELS),
        most_factors=None if max_factors is None else positive_int("max_factors", max_factors),
        budget=budget,
    )
    every = lcm(step // gcd(step, share.numerator), step // gcd(step, share.denominator))
    for search in tqdm(_candidates(asked, every), desc="widths", unit="width", delay=2, leave=False, disable=None):
        found = searched(search, 1)
        if found:
            return found[0]
    least = next(filter(None, (searched(one, 1) for one in _smallest(asked, every))))[0]
    limits = f"{paths} block with ratio={share}, {limits_of(asked)}"
    raise ValueError(f"budget={budget} pays for no {limits}: budget={least.parameters} suffices")


def _ratio(ratio: int | Fraction) -> Fraction:
    """Return the ratio, whose two numbers are those of the narrowest layer."""
    if isinstance(ratio, Fraction):
        share = ratio
    elif isinstance(ratio, float):
        raise TypeError(f"ratio={shown(ratio)} is {kind_of(ratio)}: give an int or a Fraction, such as Fraction(3, 2)")
    else:
        share = Fraction(positive_int("ratio", ratio))
    if share <= 0 or max(share.numerator, share.denominator) > MOST_CHANNELS:
        raise ValueError(f"ratio={share} is not between 1/{MOST_CHANNELS} and {MOST_CHANNELS}: give a smaller one")
    return share


def _candidates(asked: LayerSearch, every: int) -> Iterator[LayerSearch]:
    """Yield the layers that the bound does not exclude, the widest first."""
    assert asked.budget is not None
    widest, most = 0, MOST_CHANNELS // max(asked.into, asked.out)
    for size in _doubled(every):
        while widest + size <= most and _bound(asked, widest + size) <= asked.budget:
            widest += size
    budget = f"budget={asked.budget}"
    if widest + every > most:
        raise ValueError(
            f"{budget} may pay for more than {MOST_CHANNELS} channels, the most that are searched: use a smaller one"
        )
    apart = abs(asked.into - asked.out) * widest
    if apart > MOST_BETWEEN * asked.step:
        way_out = f"use multiple_of={-(-apart // MOST_BETWEEN)} or more, or a smaller budget"
        raise ValueError(
            f"{budget} leaves {apart // asked.step} numbers of channels between those of a layer: {way_out}"
        )
    for t in range(widest, 0, -every):
        search = _scaled(asked, t)
        if search.least_weights <= asked.budget:
            yield search


def _doubled(every: int) -> list[int]:
    """Return steps from coarse to fine, each half of the one before, for the search of the bound."""
    sizes = [every]
    while sizes[-1] < MOST_CHANNELS:
        sizes.append(2 * sizes[-1])
    return sizes[::-1]


def _smallest(asked: LayerSearch, every: int) -> Iterator[LayerSearch]:
    """Yield layers from the narrowest up, whatever they cost, in which a branch of `min_width` has room."""
    t = every
    while min(asked.into, asked.out) * t < asked.min_width:
        t += every
    while True:
        yield replace(_scaled(asked, t), budget=None)
        t += every


def _scaled(asked: LayerSearch, t: int) -> LayerSearch:
    """Return the same question for a layer `t` times as wide."""
    return replace(asked, into=asked.into * t, out=asked.out * t)


def _bound(asked: LayerSearch, t: int) -> int:
    """Return weights that no chain of a layer `t` times as wide is below; it grows with `t`."""
    area = prod(asked.window)
    return min(asked.into, asked.out) * t * ((area if area > 1 else 0) + katona_number(asked.into * t))
