"""Six channels: a 5×5 kernel whole and in two groups, and the block whose secondary branches are 1,4 | 2,5 | 3,6."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from igc_theory.structure.blocks import group, igcv1, regular
from igc_theory.structure.branches import serial_factors
from igc_theory.structure.chains import Chain
from igc_theory.structure.factors import GroupConv
from igc_theory.views.plots.structure.chains import chain_columns, plot_chain
from igc_theory.views.plots.structure.supports import plot_support, support_columns
from igc_theory.views.plots.style import COLUMN

CHANNELS = 6
BLOCK = igcv1(2, 3, kernel_size=5)
"""Two primary partitions of three channels, three secondary ones of two."""


def data() -> dict[str, list[Any]]:
    """Return a long table: supports of the whole kernel and of the grouped one, the links of the block, who stands where.

    Panels hold `support` entries, or `chain` marks with the channel, counted from 1, that stands at each place.
    """
    kernels = {"regular 5×5": regular(CHANNELS, CHANNELS, 5), "two groups of three": group(CHANNELS, CHANNELS, 2, 5)}
    empty = dict.fromkeys(
        ("output", "input", "row", "column", "branch", "stage", "start", "end", "number", "weights"), 0
    )
    rows: list[dict[str, Any]] = []
    for panel, chain in kernels.items():
        columns = support_columns(chain)
        entries = zip(*(column.tolist() for column in columns.values()), strict=True)
        rows += [
            {**empty, "panel": panel, "mark": "support", "label": "", "weights": chain.parameters}
            | dict(zip(columns, map(int, entry), strict=True))
            for entry in entries
        ]
    marks = chain_columns(BLOCK)
    rows += [
        {**empty, "panel": "block", "weights": BLOCK.parameters} | dict(zip(marks, mark, strict=True))
        for mark in zip(*marks.values(), strict=True)
    ]
    rows += [
        {**empty, "panel": "places", "mark": "place", "label": "", "stage": stage, "start": place, "number": number}
        for stage, order in enumerate(_standing(BLOCK))
        for place, number in enumerate(order.tolist(), start=0)
    ]
    names = ("panel", "mark", *empty, "label")
    return {name: [row[name] for row in rows] for name in names}


def _standing(chain: Chain) -> list[NDArray[np.int64]]:
    """Return which channel, counted from 1, stands at each place of each stage: convolutions keep places, permutations move."""
    orders = [np.arange(1, chain.in_channels + 1)]
    for factor in serial_factors(chain):
        orders.append(orders[-1] if isinstance(factor, GroupConv) else factor(orders[-1]))
    return orders


def draw(columns: dict[str, NDArray[Any]]) -> Figure:
    """Draw the two supports above, the block below."""
    figure = plt.figure(figsize=(COLUMN, 4.3))
    grid = figure.add_gridspec(2, 2, height_ratios=[1, 1.25])
    for place, panel in enumerate(("regular 5×5", "two groups of three")):
        rows = _panel(columns, panel)
        ax = plot_support(rows, figure.add_subplot(grid[0, place]))
        ax.set(xlabel="input channel" if place == 0 else "", ylabel="output channel" if place == 0 else "")
        ax.set_title(f"{panel}\n{rows['weights'][0]} weights", linespacing=1.1)
        ticks = np.arange(CHANNELS) + 0.5
        ax.set_xticks(ticks, map(str, range(1, CHANNELS + 1)))
        ax.set_yticks(ticks, map(str, range(1, CHANNELS + 1)))
    block = _panel(columns, "block")
    ax = plot_chain(block, figure.add_subplot(grid[1, :]))
    _write_numbers(ax, _panel(columns, "places"))
    return figure


def _panel(columns: dict[str, NDArray[Any]], panel: str) -> dict[str, NDArray[Any]]:
    return {name: values[columns["panel"] == panel] for name, values in columns.items()}


def _write_numbers(ax: Axes, places: dict[str, NDArray[Any]]) -> None:
    """Write which channel stands where, on its bar."""
    for stage, place, number in zip(places["stage"], places["start"], places["number"], strict=True):
        ax.text(
            stage, (place + 0.5) / CHANNELS, str(number), ha="center", va="center_baseline", fontsize=7,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8, "boxstyle": "circle,pad=0.15"}, zorder=5,
        )  # fmt: skip
