"""Path counts of three chains: strictly complementary, loosely complementary, and without a permutation."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from numpy.typing import NDArray

from igc_theory.structure.blocks import group, igcv1
from igc_theory.structure.permutations import interleave
from igc_theory.views.plots.columns import stacked, unstacked
from igc_theory.views.plots.structure.supports import path_count_columns, plot_path_counts
from igc_theory.views.plots.style import PAGE

CHANNELS = 8


def data() -> dict[str, NDArray[Any]]:
    """Return the number of paths of every pair of channels, one panel a chain."""
    primary, secondary = group(CHANNELS, CHANNELS, groups=2), group(CHANNELS, CHANNELS, groups=2, kernel_size=1)
    chains = {
        "strict: branches of 2, then of 4": igcv1(4, 2),
        "loose: branches of 4 and 4": primary + interleave(2, 4) + secondary,
        "the same without permutation": primary + secondary,
    }
    return stacked({panel: path_count_columns(chain) for panel, chain in chains.items()})


def draw(columns: dict[str, NDArray[Any]]) -> Figure:
    """Draw the three maps on one scale of colours."""
    panels = unstacked(columns)
    figure, axes = plt.subplots(1, len(panels), figsize=(PAGE, 2.35), sharey=True)
    for ax, (panel, rows) in zip(axes, panels.items(), strict=True):
        plot_path_counts(rows, ax, largest=int(columns["paths"].max())).set_title(panel)
    for ax in axes[1:]:
        ax.set_ylabel("")
    return figure
