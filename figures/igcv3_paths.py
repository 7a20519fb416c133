"""Three blocks with one, two and eight paths from each input to each output, and the super-channels of the middle one."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from igc_theory.structure.blocks import igcv3, inverted_residual
from igc_theory.structure.branches import serial_factors
from igc_theory.structure.chains import Chain
from igc_theory.structure.paths import path_counts
from igc_theory.structure.permutations import ChannelPermutation
from igc_theory.views.plots.columns import stacked, unstacked
from igc_theory.views.plots.structure.chains import chain_columns, plot_chain
from igc_theory.views.plots.structure.paths import path_columns, plot_paths
from igc_theory.views.plots.style import COLUMN

CHANNELS, EXPANSION = 4, 2
BLOCKS: dict[str, Chain] = {
    "strict: IGCV3, four and two branches": igcv3(CHANNELS, CHANNELS, EXPANSION, (4, 2)),
    "loose: IGCV3, two and two branches": igcv3(CHANNELS, CHANNELS, EXPANSION, (2, 2)),
    "MobileNetV2, one branch": inverted_residual(CHANNELS, CHANNELS, EXPANSION),
}


def data() -> dict[str, Any]:
    """Return the paths from the first input to the first output of each block, and the channels of the loose one.

    `super` numbers the super-channel of a middle channel, from 1: those that share both branches; 0 elsewhere.
    """
    panels: dict[str, Any] = {}
    for title, chain in BLOCKS.items():
        columns = path_columns(chain, output=0, from_input=0)
        paths = path_counts(chain)[0, 0]
        panels[f"{title}: {paths} {'path' if paths == 1 else 'paths'}"] = {
            **columns,
            "branch": [0] * len(columns["mark"]),
        }
    loose = BLOCKS["loose: IGCV3, two and two branches"]
    columns = chain_columns(loose)
    panels["super-channels"] = {**columns, "paths": [0] * len(columns["mark"])}
    table = stacked({title: {name: columns[name] for name in _NAMES} for title, columns in panels.items()})
    return {**table, "super": _super_channels(loose, table)}


_NAMES = ("mark", "stage", "start", "end", "branch", "paths", "label")


def _super_channels(chain: Chain, table: dict[str, NDArray[Any]]) -> NDArray[np.int64]:
    """Return the super-channel of each channel between the expansion and the reduction; 0 for the rest of the table."""
    expand, _, reduce = chain.convolutions
    order = next(factor.indices for factor in serial_factors(chain) if isinstance(factor, ChannelPermutation))
    written = np.arange(expand.out_channels) // expand.out_width
    read = np.arange(reduce.in_channels) // reduce.in_width
    before = 1 + reduce.groups * written + read[np.argsort(order)]
    numbers = np.array([np.zeros_like(before), before, before[order], before[order]])
    middle = (table["panel"] == "super-channels") & (table["mark"] == "channel") & np.isin(table["stage"], (1, 2, 3))
    return np.where(middle, numbers[np.where(middle, table["stage"], 0), np.where(middle, table["start"], 0)], 0)


def draw(columns: dict[str, NDArray[Any]]) -> Figure:
    """Draw the three graphs, then the block with its super-channels."""
    panels = unstacked(columns)
    figure, axes = plt.subplots(len(panels), 1, figsize=(COLUMN, 7.2), height_ratios=[1, 1, 1, 1.4])
    for ax, (title, rows) in zip(axes, panels.items(), strict=True):
        ax.set_title(title, pad=23)
        if title == "super-channels":
            plot_chain(rows, ax)
            _write_super_channels(ax, rows)
        else:
            _draw_paths(ax, rows)
    return figure


def _draw_paths(ax: Axes, rows: dict[str, NDArray[Any]]) -> None:
    """Draw the paths of one pair; the zeros of the inputs that are left out would say too much."""
    plot_paths(rows, ax)
    for text in ax.texts:
        text.set_visible(text.get_text() != "0")


def _write_super_channels(ax: Axes, rows: dict[str, NDArray[Any]]) -> None:
    """Write the number of its super-channel on each channel; frame those that are one where they lie side by side."""
    marked = rows["super"] > 0
    size = rows["start"][marked].max() + 1
    for stage, place, number in sorted(
        set(zip(*(rows[n][marked].tolist() for n in ("stage", "start", "super")), strict=True))
    ):
        ax.text(
            stage, (place + 0.5) / size, str(number), ha="center", va="center_baseline", fontsize=6.5, zorder=7,
            bbox={"facecolor": "white", "edgecolor": "none", "boxstyle": "circle,pad=0.1"},
        )  # fmt: skip
    for number in np.unique(rows["super"][marked]):
        places = rows["start"][(rows["super"] == number) & (rows["stage"] == 1)]
        height = (places.max() + 1 - places.min()) / size
        corner = 1 - 0.14, places.min() / size
        ax.add_patch(Rectangle(corner, 0.28, height, facecolor="none", edgecolor="black", linewidth=0.9, zorder=6))
