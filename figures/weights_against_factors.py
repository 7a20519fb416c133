"""Weights per channel against the number of factors: the bound, what K_1 ≥ 1 leaves of it, and the integer designs."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from igc_theory.budget.curves.tradeoffs import weights_against_factors
from igc_theory.views.plots.budget.curves import plain_ticks, plot_weights_against_factors
from igc_theory.views.plots.columns import stacked, unstacked
from igc_theory.views.plots.style import PAGE

CHANNELS = (64, 416)
KERNEL_AREA = 9


def data() -> dict[str, NDArray[Any]]:
    """Return the curves of two widths: a power of two, and one with a large prime factor."""
    return stacked({f"C = {C}": weights_against_factors(C, KERNEL_AREA, most_factors=10) for C in CHANNELS})


def draw(columns: dict[str, NDArray[Any]]) -> Figure:
    """Draw one panel per width."""
    figure, axes = plt.subplots(1, 2, figsize=(PAGE, 2.5), sharey=True)
    for C, ax, (panel, rows) in zip(CHANNELS, axes, unstacked(columns).items(), strict=True):
        plot_weights_against_factors(rows, ax).set_title(f"${panel}$")
        last = 1 + np.log(C) / np.log(KERNEL_AREA)  # the last L at which balance leaves a channel in a spatial branch
        ax.axvline(last, color="black", linewidth=0.6, linestyle=":")
        ax.annotate("balance asks for $K_1 < 1$", (last, 13), (3, 0), textcoords="offset points", fontsize=7)
        ax.set(xlim=(1.7, 10.3), ylim=(12, 64))
        plain_ticks(ax.yaxis, (15, 20, 30, 40, 60))
    axes[1].set_ylabel("")
    axes[1].get_legend().remove()
    return figure
