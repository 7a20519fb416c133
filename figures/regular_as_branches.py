"""A regular convolution as an interleaved group convolution of four branches with fixed secondary kernels of zeros and ones."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from numpy.typing import NDArray

from igc_theory.kernels import kernel_matrix
from igc_theory.kernels.products.fixed_weights import regular_as_igc_product
from igc_theory.views.plots.style import COLUMN, PALETTE

CHANNELS = 4


def data() -> dict[str, list[Any]]:
    """Return which halves the branches read and write, read off the product of a random kernel.

    A row per branch and output partition `to`. The branch reads the half `half` of the input, and computes its part of the half
    `row` of the output. `added` says whether the secondary kernel adds it to that partition. `error` is the largest difference
    between the product and the regular convolution, on duplicated channels.
    """
    kernel = np.random.default_rng(0).standard_normal((CHANNELS, CHANNELS, 3, 3))
    product, half = regular_as_igc_product(kernel), CHANNELS // 2
    primary, secondary = product.weights
    twice = np.tile(kernel_matrix(kernel).reshape(CHANNELS, CHANNELS, 9), (2, 1, 1))
    sums = product.matrix().reshape(2 * CHANNELS, 2, CHANNELS, 9).sum(axis=1)  # both copies of an input have one value
    rows = []
    for branch in range(4):
        part = primary[branch * half : (branch + 1) * half]
        places = [(o, i) for o in (0, 1) for i in (0, 1)]
        (row, read), = (
            (o, i) for o, i in places if np.array_equal(part, kernel[o * half : (o + 1) * half, i * half : (i + 1) * half])
        )  # fmt: skip
        rows += [(branch + 1, read + 1, row + 1, to + 1, int(secondary[to, branch, 0, 0])) for to in range(4)]
    names = ("branch", "half", "row", "to", "added")
    error = float(np.abs(sums - twice).max())
    return {
        **dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)),
        "error": [round(error, 12)] * len(rows),
    }


def draw(columns: dict[str, NDArray[Any]]) -> Figure:
    """Draw the regular convolution in halves above, and its four branches below."""
    figure, (above, below) = plt.subplots(2, 1, figsize=(COLUMN, 3.9), height_ratios=[1, 2])
    pairs = {(int(half), int(row)) for half, row in zip(columns["half"], columns["row"], strict=True)}
    _draw_whole(above, sorted(pairs))
    _draw_branches(below, columns)
    for ax in (above, below):
        ax.axis("off")
    return figure


def _draw_whole(ax: Axes, pairs: list[tuple[int, int]]) -> None:
    """Draw both halves of the input, joined to both of the output by the four parts of the kernel."""
    for k in (1, 2):
        _box(ax, 0.08, 1.5 - k, f"$x_{k}$", colour=PALETTE[4 if k == 1 else 1])
        _box(ax, 0.92, 1.5 - k, f"$y_{k}$")
    for half, row in pairs:
        _arrow(ax, (0.14, 1.5 - half), (0.86, 1.5 - row))
        share = 0.5 if half == row else 0.3
        ax.text(
            0.14 + 0.72 * share, 1.5 - half + (half - row) * share, f"$W_{{{row}{half}}}$", ha="center", va="center",
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1}, zorder=3,
        )  # fmt: skip
    ax.set(xlim=(0, 1), ylim=(-0.9, 0.9), title="a regular convolution, its channels in halves")


def _draw_branches(ax: Axes, columns: dict[str, NDArray[Any]]) -> None:
    """Draw inputs, primary branches and the sums that the secondary kernel forms."""
    outputs: dict[int, int] = {}
    for branch, half, row, to, added in zip(
        *(columns[n] for n in ("branch", "half", "row", "to", "added")), strict=True
    ):
        y = -float(branch)
        if to == 1:
            _box(ax, 0.08, y, f"$x_{half}$", colour=PALETTE[4 if half == 1 else 1])
            _arrow(ax, (0.14, y), (0.34, y))
            _box(ax, 0.41, y, f"$W_{{{row}{half}}}$", width=0.14)
        if added:
            outputs[int(to)] = int(row)
            _arrow(ax, (0.48, y), (0.86, -float(to)))
    for to, row in outputs.items():
        _box(ax, 0.92, -float(to), f"$y_{row}$")
    ax.text(0.41, -0.35, "primary:\nfour branches", ha="center", va="bottom", fontsize=7, linespacing=1.1)
    ax.text(0.67, -0.35, "secondary:\nfixed ones", ha="center", va="bottom", fontsize=7, linespacing=1.1)
    ax.text(0.08, -0.35, "each half\ntwice", ha="center", va="bottom", fontsize=7, linespacing=1.1)
    ax.set(xlim=(0, 1), ylim=(-4.5, 0.45))


def _box(ax: Axes, x: float, y: float, text: str, width: float = 0.11, colour: str = "white") -> None:
    corner = x - width / 2, y - 0.3
    ax.add_patch(
        FancyBboxPatch(
            corner, width, 0.6, boxstyle="round,pad=0,rounding_size=0.02", facecolor=colour, edgecolor="black", zorder=3
        )
    )
    ax.text(x, y, text, ha="center", va="center_baseline", zorder=4)


def _arrow(ax: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    ax.add_patch(
        FancyArrowPatch(
            start, end, arrowstyle="-|>", mutation_scale=6, linewidth=0.8, shrinkA=0, shrinkB=0, color="black"
        )
    )
