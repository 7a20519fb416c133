"""The best interleaved chain for a layer as engineers have them: two numbers of channels, a window, a stride, a budget."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from igc_theory.budget.designs.design import LayerDesign
from igc_theory.budget.designs.layer_search import LayerSearch
from igc_theory.structure.arguments import MOST_AREA, choice_of, pair_of, positive_int, window_of

__all__ = ["best_block"]

MOST_CHANNELS = 2**20
"""Channels on either side of a layer."""

MOST_BETWEEN = 2**13
"""Numbers of channels that are tried between those of the layer."""

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
        At most this many weights.
    objective : {"parameters", "multiply_adds"}, default "parameters"
        What is minimised. Multiply–adds count per output position, and differ from the weights where a stride follows.
    paths : {"dense", "strict"}, default "dense"
        At least one path per pair, or exactly one.
    multiple_of : int, default 1
        The channels between two factors are multiples of it, unless they are those of the layer; 8, for example.
    min_width : int, default 1
        Fewest inputs and outputs of a pointwise branch.
    max_factors : int, optional
        At most this many factors, the one with the window included.

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
    beyond = f"no branch of the layer is wider than its {min(into, out)} channels"
    search = LayerSearch(
        into,
        out,
        window_of("kernel_size", kernel_size, most_area=MOST_AREA),
        pair_of("stride", stride),
        dense=choice_of("paths", paths, PATHS) == "dense",
        step=positive_int("multiple_of", multiple_of),
        min_width=positive_int("min_width", min_width, maximum=min(into, out), beyond=beyond),
        most_factors=None if max_factors is None else positive_int("max_factors", max_factors),
        budget=None if budget is None else positive_int("budget", budget),
        by_multiply_adds=choice_of("objective", objective, OBJECTIVES) == "multiply_adds",
    )
    found = _best(_checked_between(search))
    if found is None:
        least = _best(replace(search, budget=None, by_multiply_adds=False))
        assert least is not None, "one regular convolution keeps to every limit but the budget"
        layer = f"{paths} design from {into} to {out} channels with {_asked(search)}"
        raise ValueError(f"budget={search.budget} pays for no {layer}: use at least {least.parameters}")
    return found


def _checked_between(search: LayerSearch) -> LayerSearch:
    """Refuse a layer with more numbers of channels between its own than can be tried."""
    apart = abs(search.into - search.out)
    if apart > MOST_BETWEEN * search.step:
        layer = f"in_channels={search.into} and out_channels={search.out} have {apart // search.step} numbers of channels between"
        raise ValueError(
            f"{layer} them that are multiples of {search.step}: use multiple_of={-(-apart // MOST_BETWEEN)} or more"
        )
    return search


def _asked(search: LayerSearch) -> str:
    """Return what is asked of a design beyond its channels, in words."""
    window = f"kernel_size={search.window[0] if search.window[0] == search.window[1] else search.window}"
    limits = {"multiple_of": search.step, "min_width": search.min_width}
    given = [f"{name}={value}" for name, value in limits.items() if value > 1]
    given += [] if search.most_factors is None else [f"max_factors={search.most_factors}"]
    return ", ".join([window, *given])


@lru_cache(maxsize=4096)
def _best(search: LayerSearch) -> LayerDesign | None:
    """Return the design that a search finds; layers of a network are alike, and each kind is searched once."""
    found = search.best()
    return None if found is None else LayerDesign(found)
