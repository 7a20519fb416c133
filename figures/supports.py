"""Where the weights are: regular, depthwise, pointwise and group kernels, and a product of two sparse ones."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from igc_theory.structure.blocks import group, igcv1, regular
from igc_theory.structure.chains import Chain
from igc_theory.structure.permutations import interleave
from igc_theory.views.plots.columns import stacked, unstacked
from igc_theory.views.plots.structure.supports import plot_support, support_columns
from igc_theory.views.plots.style import PAGE

CHANNELS, L, M = 8, 4, 2


def data() -> dict[str, NDArray[Any]]:
    """Return the supports, one panel per chain, with the weights that the chain stores."""
    shuffle = interleave(L, M)
    chains = {
        "regular 3×3": regular(CHANNELS, CHANNELS),
        "depthwise 3×3": group(CHANNELS, CHANNELS, groups=CHANNELS),
        "pointwise 1×1": regular(CHANNELS, CHANNELS, kernel_size=1),
        "interleaved 1×1": Chain([shuffle, group(CHANNELS, CHANNELS, groups=M, kernel_size=1), shuffle.inverse()]),
        "group 3×3": group(CHANNELS, CHANNELS, groups=L),
        "their product": igcv1(L, M),
    }
    return stacked({panel: _panel(chain) for panel, chain in chains.items()})


def _panel(chain: Chain) -> dict[str, NDArray[Any]]:
    columns = support_columns(chain)
    return {"weights": np.full(columns["input"].size, chain.parameters), **columns}


def draw(columns: dict[str, NDArray[Any]]) -> Figure:
    """Draw the six supports side by side."""
    panels = unstacked(columns)
    figure, axes = plt.subplots(1, len(panels), figsize=(PAGE, 1.45), sharey=True)
    for ax, (panel, rows) in zip(axes, panels.items(), strict=True):
        plot_support(rows, ax).set(xlabel="", ylabel="", xticks=[], yticks=[])
        ax.set_title(f"{panel}\n{rows['weights'][0]} weights", linespacing=1.1)
    axes[0].set(xlabel="input channel", ylabel="output channel")
    for ax, sign in zip(axes[-2:], ("×", "="), strict=True):
        ax.text(-0.13, 0.5, sign, transform=ax.transAxes, ha="center", va="center", fontsize=10)
    return figure
