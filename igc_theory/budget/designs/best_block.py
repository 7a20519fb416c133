"""The best interleaved chain for a layer as engineers have them: two numbers of channels, a window, a stride, a budget."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from tqdm import tqdm

from igc_theory.budget.designs.design import LayerDesign
from igc_theory.budget.designs.layers.clock import Clock
from igc_theory.budget.designs.layers.layer_search import LayerSearch
from igc_theory.budget.latency import LatencyTable
from igc_theory.structure.arguments.kinds import choice_of, instance_of, kind_of, shown
from igc_theory.structure.arguments.numbers import positive_int, real_number
from igc_theory.structure.arguments.sequences import MOST_AREA, pair_of, window_of
from igc_theory.structure.chains import Chain

__all__ = ["MOST_BETWEEN", "MOST_CHANNELS", "PATHS", "best_block", "best_blocks", "limits_of", "searched"]

MOST_CHANNELS = 2**20
"""Channels on either side of a layer."""

MOST_BETWEEN = 2**13
"""Numbers of channels that are tried between those of the layer."""

MOST_TOP = 1000
MOST_ASKED = 16
"""Designs in one answer, and factors that can be asked for at least."""

OBJECTIVES = ("parameters", "multiply_adds", "latency")
PATHS = ("dense", "strict")
SHORTLIST = 5
"""Designs that are timed where times are measured."""

Pair = int | tuple[int, int]
Timer = Callable[[Chain, int, int], float]
TIMERS = "give a function of a chain, a height and a width, such as networks.timing.measure.chain_time"


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
    min_factors: int = 1,
    table: LatencyTable | None = None,
    image: Pair = 56,
    timer: Timer | None = None,
    shortlist: int = SHORTLIST,
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
    objective : {"parameters", "multiply_adds", "latency"}, default "parameters"
        What is minimised. Multiply–adds count per output position, and differ from the weights where a stride follows. The latency
        is the time that `table` predicts on `image`.
    paths : {"dense", "strict"}, default "dense"
        At least one path per pair, or exactly one.
    multiple_of : int, default 1
        The channels between two factors are multiples of it, unless they are those of the layer; 8, for example.
    min_width : int, default 1
        Fewest inputs and outputs of a pointwise branch.
    max_factors : int, optional
        At most this many factors, the one with the window included.
    min_factors : int, default 1
        At least this many factors, none of which is only a scale per channel.
    table : LatencyTable, optional
        Of a machine, for ``objective="latency"``: what `networks.measure` or `networks.latency_table` returns.
    image : int or (int, int), default 56
        Size of the image that the layer reads, for ``objective="latency"`` and `timer`.
    timer : callable, optional
        Returns the milliseconds of a chain, given height and width of the image that it reads, as
        ``networks.timing.measure.chain_time`` does on this machine. Then the `shortlist` best designs by `objective` are timed, and
        the fastest of these is the answer.
    shortlist : int, default 5
        How many designs `timer` is asked about.

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

    Of the five with the fewest weights the one with the fewest factors, by a timer that counts these:

    >>> print(best_block(64, 64, timer=lambda chain, height, width: len(chain.convolutions)))
    channels 64, branch widths 1 × 4 × 4 × 4, window 3×3, parameters 1,344, paths per pair 1
    """
    (best,) = best_blocks(1, **locals())
    return best


def best_blocks(
    top: int,
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
    min_factors: int = 1,
    table: LatencyTable | None = None,
    image: Pair = 56,
    timer: Timer | None = None,
    shortlist: int = SHORTLIST,
) -> list[LayerDesign]:
    """Return the best designs of a layer, at most `top`, the best first: `best_block` and what comes next.

    Two designs have different factors; another order of the same ones is the same design. With a `timer` the first `shortlist`, or
    `top` if that is more, are put in the order of their times.

    Examples
    --------
    >>> [(design.branch_widths, design.parameters) for design in best_blocks(3, 16, 16)]
    [((1, 4, 4), 272), ((1, 4, 2, 2), 272), ((1, 2, 2, 2, 2), 272)]
    """
    into = positive_int("in_channels", in_channels, maximum=MOST_CHANNELS)
    out = positive_int("out_channels", out_channels, maximum=MOST_CHANNELS)
    window = window_of("kernel_size", kernel_size, most_area=MOST_AREA)
    strides, by = pair_of("stride", stride), choice_of("objective", objective, OBJECTIVES)
    size, known = pair_of("image", image), _table(table, needed=by == "latency")
    search = LayerSearch(
        into,
        out,
        window,
        strides,
        dense=choice_of("paths", paths, PATHS) == "dense",
        step=positive_int("multiple_of", multiple_of),
        min_width=_branch_width(min_width, min(into, out)),
        most_factors=None if max_factors is None else positive_int("max_factors", max_factors),
        budget=None if budget is None else positive_int("budget", budget),
        by_multiply_adds=by == "multiply_adds",
        fewest_factors=_fewest(min_factors, max_factors),
        clock=Clock(known, *size, window, strides, min(into, out), max(into, out), out) if known else None,
    )
    few, top = positive_int("shortlist", shortlist, maximum=MOST_TOP), positive_int("top", top, maximum=MOST_TOP)
    timed = _callable(timer)
    return _by_time(_found(search, max(top, few), paths), timed, size)[:top] if timed else _found(search, top, paths)


def _branch_width(min_width: int, narrower: int) -> int:
    """Return the least width of a branch, checked against the narrower side of the layer."""
    beyond = f"use at most {narrower}, the narrower side of the layer: no branch is wider"
    return positive_int("min_width", min_width, maximum=narrower, beyond=beyond)


def _found(search: LayerSearch, top: int, paths: str) -> list[LayerDesign]:
    """Return the best designs, or say which limit leaves none."""
    if found := searched(_checked_between(search), top):
        return list(found)
    raise ValueError(_nothing(search, paths))


def _by_time(designs: Sequence[LayerDesign], timer: Timer, size: tuple[int, int]) -> list[LayerDesign]:
    """Return designs in the order of the times that a timer tells."""
    bar = tqdm(designs, desc="timing", unit="design", delay=2, leave=False, disable=None)
    times = [_time(timer, design.chain, *size) for design in bar]
    return [designs[k] for k in sorted(range(len(designs)), key=times.__getitem__)]


def _time(timer: Timer, chain: Chain, height: int, width: int) -> float:
    """Return what a timer says, if it is a time."""
    try:
        said = timer(chain, height, width)
    except TypeError as error:
        raise TypeError(f"timer={shown(timer)} fails for a chain, a height and a width ({error}): {TIMERS}") from error
    return real_number("timer(chain, height, width)", said, least=0)


def _callable(timer: Any) -> Timer | None:
    """Return what times chains; what cannot be called is refused."""
    if timer is not None and not callable(timer):
        raise TypeError(f"timer={shown(timer)} is {kind_of(timer)}: {TIMERS}")
    known: Timer | None = timer
    return known


def _fewest(min_factors: int, max_factors: int | None) -> int:
    """Return the fewest factors, checked against the most."""
    fewest = positive_int("min_factors", min_factors, maximum=MOST_ASKED)
    if max_factors is not None and fewest > (most := positive_int("max_factors", max_factors)):
        raise ValueError(f"min_factors={fewest} is above max_factors={most}: use at most {most}")
    return fewest


def _table(table: LatencyTable | None, *, needed: bool) -> LatencyTable | None:
    """Return the table that tells the time, None where none is needed; what is no table is refused in either case."""
    if table is not None:
        instance_of("table", table, LatencyTable, "give networks.latency_table()")
    elif needed:
        raise ValueError("objective='latency' needs the table of a machine: give table=networks.latency_table()")
    return table if needed else None


def _nothing(search: LayerSearch, paths: str) -> str:
    """Return the sentence that says which limit leaves no design, and the nearest one that leaves some."""
    layer = f"{paths} design from {search.into} to {search.out} channels with {limits_of(search)}"
    free = replace(search, budget=None, by_multiply_adds=False, clock=None)
    least = searched(free, 1)
    if least:
        return f"budget={search.budget} pays for no {layer}: use at least {least[0].parameters}"
    fewer = (n for n in range(search.fewest_factors - 1, 0, -1) if searched(replace(free, fewest_factors=n), 1))
    return f"min_factors={search.fewest_factors} leaves no {layer}: use at most {next(fewer)}"


def _checked_between(search: LayerSearch) -> LayerSearch:
    """Refuse a layer with more numbers of channels between its own than can be tried."""
    apart = abs(search.into - search.out)
    if apart > MOST_BETWEEN * search.step:
        layer = f"in_channels={search.into} and out_channels={search.out} have {apart // search.step} numbers of channels between"
        raise ValueError(
            f"{layer} them that are multiples of {search.step}: use multiple_of={-(-apart // MOST_BETWEEN)} or more"
        )
    return search


def limits_of(search: LayerSearch) -> str:
    """Return what is asked of a design beyond its channels, in words."""
    window = f"kernel_size={search.window[0] if search.window[0] == search.window[1] else search.window}"
    limits = {"multiple_of": search.step, "min_width": search.min_width}
    given = [f"{name}={value}" for name, value in limits.items() if value > 1]
    given += [] if search.most_factors is None else [f"max_factors={search.most_factors}"]
    given += [f"min_factors={search.fewest_factors}"] if search.fewest_factors > 1 else []
    return ", ".join([window, *given])


@lru_cache(maxsize=4096)
def searched(search: LayerSearch, top: int) -> tuple[LayerDesign, ...]:
    """Return the designs that a search finds; layers of a network are alike, and each kind is searched once."""
    return tuple(LayerDesign(found) for found in search.best(top))
