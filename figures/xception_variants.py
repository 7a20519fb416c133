"""Xception and its relatives: a depthwise convolution beside a dense pointwise one, and what one may loosen of the two."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from numpy.typing import NDArray

from igc_theory.structure.blocks import depthwise_separable, group, igcv1, regular, xception
from igc_theory.views.plots.columns import stacked, unstacked
from igc_theory.views.plots.structure.chains import chain_columns, plot_chain
from igc_theory.views.plots.style import COLUMN

CHANNELS = 6


def data() -> dict[str, Any]:
    """Return channels, branches and permutations of four blocks of six channels, with the weights of each."""
    chains = {
        "Xception": xception(CHANNELS, CHANNELS),
        "Xception in reverse: IGCV1 with M = 1": depthwise_separable(CHANNELS, CHANNELS),
        "groups for the depthwise convolution": group(CHANNELS, CHANNELS, 3) + regular(CHANNELS, CHANNELS, 1),
        "groups for both, interleaved: IGCV1": igcv1(3, 2),
    }
    panels = {}
    for name, chain in chains.items():
        columns = chain_columns(chain)
        panels[f"{name}, {chain.parameters} weights"] = columns
    return stacked(panels)


def draw(columns: dict[str, NDArray[Any]]) -> Figure:
    """Draw the blocks one below the other."""
    panels = unstacked(columns)
    figure, axes = plt.subplots(len(panels), 1, figsize=(COLUMN, 6.6))
    for ax, (title, rows) in zip(axes, panels.items(), strict=True):
        plot_chain(rows, ax).set_title(title, pad=23)
    return figure
