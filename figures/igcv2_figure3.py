"""IGCV2 figure 3 recomputed: width, non-sparsity and accuracy over the number of pointwise factors."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from igc_theory.budget.curves.tradeoffs import width_of_equal_branches
from igc_theory.networks.printed.published import published
from igc_theory.views.plots.budget.blocks import plot_equal_branches
from igc_theory.views.plots.budget.curves import plain_ticks
from igc_theory.views.plots.style import PAGE, PALETTE

BUDGET = 4672  # weights of 64 channels with one pointwise factor, the figure's first design


def data() -> dict[str, NDArray[Any]]:
    """Return the recomputed curve and designs, and the readings of the published figure; accuracy 0 where there is none."""
    readings = np.array(published("igcv2-fig3").rows)
    computed = width_of_equal_branches(BUDGET, range(1, 9))
    nothing = np.zeros(computed["width"].size)
    pairs = {"pointwise": readings[:, 0], "width": readings[:, 1], "non_sparsity": readings[:, 2]}
    return {
        "series": np.concatenate([computed["series"], np.repeat("published", len(readings))]),
        **{name: np.concatenate([computed[name], pairs[name]]) for name in pairs},
        "accuracy": np.concatenate([nothing, readings[:, 3]]),
        "std": np.concatenate([nothing, readings[:, 4]]),
    }


def draw(columns: dict[str, NDArray[Any]]) -> Figure:
    """Draw the three panels."""
    figure, (width, share, accuracy) = plt.subplots(1, 3, figsize=(PAGE, 2.2))
    plot_equal_branches(columns, "width", width).set(ylabel="width (channels)")
    plot_equal_branches(columns, "non_sparsity", share).set(ylabel="non-sparsity", yscale="log")
    plain_ticks(share.yaxis, (0.015, 0.02, 0.03, 0.05, 0.1))
    figure.legend(*share.get_legend_handles_labels(), loc="outside upper center", ncols=3)
    width.set_ylim(50, 215)
    rows = columns["series"] == "published"
    accuracy.errorbar(
        columns["pointwise"][rows],
        columns["accuracy"][rows],
        columns["std"][rows],
        color="black",
        marker="o",
        fillstyle="none",
    )
    accuracy.set(xlabel="pointwise factors $n$", ylabel="CIFAR-100 accuracy (%)")
    widest = columns["pointwise"][np.argmax(np.where(columns["series"] == "continuous", columns["width"], 0))]
    for ax in (width, share, accuracy):
        ax.axvline(widest, color=PALETTE[3], linewidth=0.8, linestyle="--", zorder=0.5)
        ax.set_xticks(range(1, 9))
    width.annotate("$n = \\ln C$", (widest, 50), (3, 4), textcoords="offset points", fontsize=7)
    return figure
