"""All strict designs of one width, and among them the most balanced one of each number of factors."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter
from numpy.typing import NDArray

from igc_theory.budget.designs.cheapest import strict_designs
from igc_theory.views.plots.style import COLUMN, FAMILY_COLOURS, PALETTE, legible

CHANNELS, S = 144, 9


def data() -> dict[str, list[Any]]:
    """Return every strict design: widths, weights per channel, and how far the terms S K1, K2, … are from equal.

    `imbalance` is the standard deviation of their binary logarithms; `balanced` marks where it is least for a number of factors.
    """
    rows: list[tuple[int, str, int, float]] = []
    for design in strict_designs(CHANNELS, S):
        terms = (S * design.branch_widths[0], *design.branch_widths[1:])
        name = " × ".join(map(str, design.branch_widths))
        spread = round(float(np.log2(terms).std()), 6)
        rows.append((len(terms), f"K = {name}", int(design.parameters_per_channel), spread))
    nearest = {factors: min(row[3] for row in rows if row[0] == factors) for factors, *_ in rows}
    marked = [[*row, int(row[3] == nearest[row[0]])] for row in rows if row[0] > 1]
    names = ("factors", "widths", "weights_per_channel", "imbalance", "balanced")
    return dict(zip(names, map(list, zip(*marked, strict=True)), strict=True))


def draw(columns: dict[str, NDArray[Any]]) -> Figure:
    """Draw a column of marks for each number of factors; the most balanced ones in red, with their widths."""
    figure, ax = plt.subplots(figsize=(COLUMN, 3.1))
    factors, weights, red = columns["factors"], columns["weights_per_channel"], columns["balanced"] == 1
    ax.plot(factors[~red], weights[~red], "_", color=FAMILY_COLOURS["group"], markersize=9, label="strict design")
    ax.plot(factors[red], weights[red], "D", color=PALETTE[5], markersize=5, label="most balanced", zorder=3)
    for place in np.flatnonzero(red):
        widths = str(columns["widths"][place]).removeprefix("K = ") if factors[place] < 5 else ""
        ax.annotate(
            widths, (factors[place], weights[place]), (0, -9), textcoords="offset points",
            ha="center", va="top", fontsize=7, color=legible(PALETTE[5]),
        )  # fmt: skip
    ax.set(yscale="log", xlabel="factors $L$", ylabel="weights per channel", xlim=(1.5, 7.5), ylim=(15, 900))
    ax.set_yticks([20, 50, 100, 200, 500])
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.yaxis.set_minor_formatter(NullFormatter())
    ax.legend(loc="upper right")
    return figure
