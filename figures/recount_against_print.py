"""Which printed counts recompute: the counts of the library beside them."""

from __future__ import annotations

import re
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from numpy.typing import NDArray

from igc_theory.networks.printed.recount import Recount, recount
from igc_theory.views.plots.columns import unstacked
from igc_theory.views.plots.networks.networks import plot_recount
from igc_theory.views.plots.style import PAGE

LETTERS = {10**6: "M", 10**9: "G"}


def data() -> dict[str, list[Any]]:
    """Return a row for every count that the IGC papers print and that is made here, in order of the ratio; equal ones once."""
    figures = [figure for figure in reversed(recount()) if figure.table.startswith("igc")]
    once = {_label(figure): _row(figure) for figure in figures if figure.count is not None}
    rows = sorted(once.values(), key=lambda row: (row[0], row[2]))
    return dict(zip(("panel", "label", "ratio", "agrees"), map(list, zip(*rows, strict=True)), strict=True))


def _row(figure: Recount) -> tuple[Any, ...]:
    ratio = 1 + (figure.relative_difference or 0)
    return figure.quantity, _label(figure), ratio, int(figure.agrees is True)


def _label(figure: Recount) -> str:
    """Return name and printed figure, without references, ways of training and the word for layers."""
    name = re.sub(r" \[\d+\]| \+ dropout.*(?=,)|\(our impl\.\)| layers", "", figure.row).strip()
    return f"{name}   {figure.printed} {LETTERS[figure.unit]}"


def draw(columns: dict[str, NDArray[Any]]) -> Figure:
    """Draw parameters on the left, multiply–adds on the right."""
    panels = unstacked(columns)
    figure, axes = plt.subplots(1, 2, figsize=(PAGE, 4.6))
    for ax, (quantity, unit) in zip(
        axes, (("parameters", "parameters"), ("multiply-adds", "multiply–adds")), strict=True
    ):
        plot_recount(panels[quantity], ax).set_title(unit)
        ax.tick_params(axis="y", labelsize=6)
    return figure
