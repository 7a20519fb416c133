"""The budget explorer: how wide each family of blocks gets for its weights."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from igc_theory.budget.curves.tradeoffs import width_against_parameters
from igc_theory.budget.designs.design import Design
from igc_theory.budget.designs.widest import widest_dense, widest_igcv1, widest_strict
from igc_theory.networks.description.table import Table
from igc_theory.structure.arguments.kinds import choice_of
from igc_theory.structure.arguments.numbers import positive_int
from igc_theory.structure.arguments.sequences import listed
from igc_theory.structure.blocks import depthwise_separable, group, igcv3, regular
from igc_theory.structure.chains import Chain
from igc_theory.structure.conditions.grades import grade
from igc_theory.views.explorers.answers import Answer, counted, panels
from igc_theory.views.explorers.panel import checkbox, choice, panel
from igc_theory.views.plots.budget.curves import plain_ticks, plot_width_against_parameters
from igc_theory.views.plots.style import FAMILY_COLOURS
from igc_theory.views.tables import paths_text

__all__ = ["FAMILIES", "budget_answer", "budget_curves", "explore_budget"]

_BLOCKS: dict[str, tuple[int, Callable[[int, int], Chain]]] = {
    "regular": (1, lambda C, side: regular(C, C, side)),
    "group, 4 branches": (4, lambda C, side: group(C, C, 4, side)),
    "depthwise separable": (1, lambda C, side: depthwise_separable(C, C, side)),
    "IGCV3, t = 6, G = 2, 2": (2, lambda C, side: igcv3(C, C, 6, (2, 2), side)),
}
"""Blocks that are fixed by their width: what the width is a multiple of, and how to make one."""

_SERIES = {
    "regular": ("regular",),
    "group": ("group, 4 branches",),
    "depthwise separable": ("depthwise separable",),
    "IGCV1": ("IGCV2, L = 2",),
    "IGCV2": tuple(f"IGCV2, L = {L}" for L in range(3, 7)),
    "integer": ("strict integer", "dense integer"),
    "continuous optimum": ("continuous optimum",),
}
"""The curves of each family."""

_POINTS = {name: (name,) for name in ("regular", "depthwise separable", "IGCV1")} | {
    "group": ("group, 4 branches",),
    "IGCV2": (),
    "integer": ("strict", "dense"),
    "continuous optimum": (),
}
"""The designs that each family has in the table."""

FAMILIES = tuple(_SERIES)
"""Families whose curves can be shown; IGCV2 stands for three to six factors, integer for the exact integer optima."""

_COLOURS = {family: FAMILY_COLOURS.get(family, FAMILY_COLOURS["dense"]) for family in FAMILIES}
"""Of the points: those of their families, and of dense designs for the exact optima."""

BUDGETS = (
    *(10, 12, 15, 20, 25, 30, 40, 50, 60, 80),
    *(digit * 10**zeros for zeros in (1, 2, 3) for digit in (10, 12, 15, 20, 25, 30, 40, 50, 60, 80)),
    *(4672, 17536, 100_000),
)
"""Where the slider stops; two are the budgets of the experiments of IGCV1, figure 3."""

MOST_AT_ONCE = 10**7
"""Weights that are answered within a second; the sieves of ten times as many take ten times as long."""

_CURVE = np.unique(np.geomspace(10, 10**5, 33).round().astype(int))


def budget_answer(budget: int, kernel_size: int = 3, families: Iterable[str] = FAMILIES) -> Answer:
    """Return the widest design of every family with at most `budget` weights, beside the curves of the families.

    Parameters
    ----------
    budget : int
        Weights of a block.
    kernel_size : int, default 3
        Side of the window of the spatial factor.
    families : iterable of str, optional
        Whose curves the picture has, of `FAMILIES`; the table always has all designs.

    Returns
    -------
    Answer
        Its table has the exact integer optima; a family that the budget does not pay for has no row.

    Raises
    ------
    TypeError, ValueError
        If a number is not a positive integer, a family is unknown, or the budget pays for no strict design.

    Examples
    --------
    >>> budget_answer(4672).table
    Widest integer designs of at most 4,672 weights
    design                  channels  weights  branch widths      paths per pair
    regular                       22    4,356  22                 1
    group, 4 branches             44    4,356  11                 0 for some
    depthwise separable           64    4,672  1 × 64             1
    IGCV3, t = 6, G = 2, 2        22    4,092  11 × 1 × 66        33
    IGCV1                         84    4,620  3 × 28             1
    strict                       192    4,608  1 × 3 × 4 × 4 × 4  1
    dense                        192    4,608  1 × 3 × 4 × 4 × 4  1
    """
    side, way_out = positive_int("kernel_size", kernel_size, maximum=1000), f"use some of {', '.join(FAMILIES)}"
    chosen = [choice_of("families", family, FAMILIES) for family in listed("families", families, way_out, empty=True)]
    budget = _answered_at_once(budget)
    table = _widest(budget, side)
    by_name = dict(zip(table.columns["design"], table.columns["channels"], strict=True))
    widest, regular = by_name["dense"], by_name.get("regular", 0)
    beside = f"a regular convolution up to {regular:,}" if regular else "and they pay for no regular convolution"
    weights = counted(budget, "weight")
    sentence = f"{weights}: an interleaved chain is up to {counted(widest, 'channel')} wide, {beside}."
    alt = f"Width over weights of {', '.join(chosen) or 'no family'}, and the widths at {weights}."
    note = f"Curves end at {_CURVE[-1]:,} weights; the points are at {budget:,}." if budget > _CURVE[-1] else ""
    return Answer(sentence, {}, lambda figure: _picture(figure, budget, side, chosen, by_name), alt, table, note)


def explore_budget(budget: int = 4672, kernel_size: int = 3) -> Any:
    """Return controls for a budget of weights, with `budget_answer` below them; for Jupyter.

    Parameters
    ----------
    budget, kernel_size : int
        The first settings, as in `budget_answer`; the slider runs from 10 to 100,000 weights; up to 10 million can be typed.

    Returns
    -------
    ipywidgets.VBox

    Raises
    ------
    TypeError, ValueError
        If a first setting is none that the controls offer.
    ImportError
        If ipywidgets is not installed.

    Examples
    --------
    >>> slider, typed = explore_budget().children[0].children[0].children
    >>> slider.label, typed.value
    ('4,672', '4,672')
    """
    budget = _answered_at_once(budget)
    budgets = sorted({*BUDGETS, budget})
    controls = {
        "budget": choice("weights", budget, [(f"{T:,}", T) for T in budgets], name="budget"),
        "kernel_size": choice(
            "kernel", kernel_size, [(f"{side}×{side}", side) for side in (1, 3, 5, 7)], name="kernel_size"
        ),
        **{family: checkbox(family) for family in FAMILIES},
    }
    return panel(controls, _ticked, own={"budget": MOST_AT_ONCE})


def _answered_at_once(budget: int) -> int:
    """Return the budget if its answer comes within a second or so; refuse one that would keep an explorer waiting."""
    beyond = "an explorer answers at once, so ask widest_strict and widest_dense, which show how far they are"
    return positive_int("budget", budget, maximum=MOST_AT_ONCE, beyond=beyond)


def _ticked(budget: int, kernel_size: int, **ticks: bool) -> Answer:
    return budget_answer(budget, kernel_size, [family for family, tick in ticks.items() if tick])


def _widest(budget: int, side: int) -> Table:
    """Return the widest integer design of every family that the budget pays for."""
    rows = [
        (name, chain, paths_text(found.min_paths, found.max_paths))
        for name, (step, make) in _BLOCKS.items()
        if (chain := _widest_block(budget, side, step, make)) is not None
        for found in [grade(chain)]
    ]
    designs = {"IGCV1": _igcv1_or_none(budget, side), "strict": widest_strict(budget, side * side)}
    designs["dense"] = widest_dense(budget, side * side)
    rows += [(name, one.chain, paths_text(*one.paths)) for name, one in designs.items() if one is not None]
    columns: dict[str, list[Any]] = {
        "design": [name for name, _, _ in rows],
        "channels": [chain.in_channels for _, chain, _ in rows],
        "weights": [chain.parameters for _, chain, _ in rows],
        "branch widths": [" × ".join(str(conv.in_width) for conv in chain.convolutions) for _, chain, _ in rows],
        "paths per pair": [paths for _, _, paths in rows],
    }
    return Table(f"Widest integer designs of at most {budget:,} weights", columns)


def _igcv1_or_none(budget: int, side: int) -> Design | None:
    """Return the widest IGCV1 block; even the least of them has a scale more than a single channel's window."""
    return widest_igcv1(budget, side * side) if budget > side * side else None


def _widest_block(budget: int, side: int, step: int, make: Callable[[int, int], Chain]) -> Chain | None:
    """Return the widest block within the budget, its channels a multiple of `step`; its weights grow with its channels."""
    number = bisect_right(range(1, budget + 1), budget, key=lambda n: make(n * step, side).parameters)
    return make(number * step, side) if number else None


def _picture(figure: Figure, budget: int, side: int, families: Sequence[str], widths: Mapping[str, int]) -> None:
    """Draw the curves of the families, and a point for each at the budget."""
    (ax,) = panels(figure, 1, height=3.2, left=0.6, right=1.6)
    series = [name for family in families for name in _SERIES[family]]
    if series:
        curves = budget_curves(side * side)
        kept = np.isin(curves["series"], series)
        plot_width_against_parameters({name: column[kept] for name, column in curves.items()}, ax)
    if inner := ax.get_legend():  # the one outside names the points, too
        inner.remove()
    points = [
        (widths[design], _COLOURS[family]) for family in families for design in _POINTS[family] if design in widths
    ]
    ax.scatter(
        [budget] * len(points), [width for width, _ in points], 20, facecolors="white",
        edgecolors=[colour for _, colour in points], linewidths=1.4, zorder=5, label="widest at the budget",
    )  # fmt: skip
    ax.axvline(budget, color="black", linewidth=0.6, linestyle=":")
    ax.set(xscale="log", yscale="log", xlabel="weights of a block", ylabel="width (channels)")
    ax.minorticks_off()  # drawn anew for every move of a slider, they take as long as all else
    farthest = max(int(_CURVE[-1]), budget)
    ax.set(xlim=(min(int(_CURVE[0]), budget), 1.1 * farthest), ylim=(1, 5000 * farthest / _CURVE[-1]))
    plain_ticks(ax.yaxis, tuple(10**zeros for zeros in range(len(str(farthest)) - 2)))
    # Powers of ten would be set as mathematics, which takes as long as all other text.
    plain_ticks(ax.xaxis, tuple(10**zeros for zeros in range(1, len(str(farthest)))))
    handles, labels = ax.get_legend_handles_labels()
    labels = ["IGCV1: IGCV2, L = 2" if label == "IGCV2, L = 2" else label for label in labels]
    ax.legend(handles, labels, loc="upper left", bbox_to_anchor=(1, 1), frameon=False)


@cache
def budget_curves(S: int) -> dict[str, NDArray[Any]]:
    """Return the curves of all families: the same for every budget, so computed once a window."""
    return width_against_parameters(_CURVE[_CURVE >= S], S)
