"""Where an interleaved group convolution is wider than a regular convolution of equal weights."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from numpy.typing import NDArray

from igc_theory.budget.curves.blocks import width_gain_of_igcv1
from igc_theory.views.plots.budget.maps import plot_width_theorem
from igc_theory.views.plots.style import COLUMN


def data() -> dict[str, NDArray[Any]]:
    """Return the gain in width on a grid over L and M S."""
    table = width_gain_of_igcv1(most=128, points=43)
    return {name: column.round(9) for name, column in table.items()}


def draw(columns: dict[str, NDArray[Any]]) -> Figure:
    """Draw the map, the diagonal of the widest designs and the row of depthwise separable convolutions."""
    figure, ax = plt.subplots(figsize=(COLUMN, 3.1))
    plot_width_theorem(columns, ax)
    most = columns["L"].max()
    ax.plot([2, most], [2, most], color="white", linestyle=":", linewidth=1)
    ax.annotate(
        "widest: $L = MS$", (14.5, 14.5), (0, 2), textcoords="offset points", rotation=45, ha="center", color="white"
    )
    ax.axhline(9, color="white", linewidth=0.8)
    ax.annotate("3×3, $M = 1$", (most, 9), (-3, 2), textcoords="offset points", ha="right", color="white", fontsize=7)
    box = {"facecolor": "white", "linewidth": 0, "pad": 1}
    ax.annotate("$G < C$", (1.36, 1.36), ha="center", va="center", bbox=box)
    ax.set(xlim=(1, most), ylim=(1, most))
    return figure
