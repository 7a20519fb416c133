"""Time beside weights: what blocks of equal width save of each against a regular convolution.

The numbers are those that ``python -m tests.benchmarks latency`` stored last; nothing is timed here.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from igc_theory.views.plots.budget.latency import plot_time_beside_weights
from igc_theory.views.plots.columns import stacked, unstacked
from igc_theory.views.plots.style import PAGE

RESULTS = Path(__file__).resolve().parents[1] / "tests" / "benchmarks" / "results" / "amd_epyc_l2_512k_latency.csv"
SIDE = 14
BLOCKS = {
    "inverted residual, t = 6": "inverted residual",
    "IGCV3, t = 6": "IGCV3",
    "group, 8 branches": "group, 8 branches",
    "depthwise separable": "depthwise separable",
    "IGCV1, M = 2": "IGCV1, M = 2",
    "ShuffleNet unit, 3 branches": "ShuffleNet unit",
    "fastest of five, measured": "found by time",
    "IGCV2, three factors": "IGCV2, three factors",
    "IGCV2, fewest weights": "IGCV2, fewest weights",
    "regular, as few weights": "regular, as few weights",
}


def _shares(rows: dict[str, dict[str, str]]) -> dict[str, NDArray[Any]]:
    """Return the shares of the blocks of one width, those with the fewest weights first."""
    weights, time = float(rows["regular"]["weights"]), float(rows["regular"]["ms"])
    return {
        "block": np.array([*reversed(BLOCKS.values())]),
        "weights": np.array([float(rows[name]["weights"]) / weights for name in reversed(BLOCKS)]),
        "time": np.array([float(rows[name]["ms"]) / time for name in reversed(BLOCKS)]),
    }


def stored(side: int) -> dict[int, dict[str, dict[str, str]]]:
    """Return the stored rows of images of one size, by the width at which blocks are compared and by family."""
    with RESULTS.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if int(row["side"]) == side]
    # The regular convolution of as few weights is narrower, and stands with the width that it is compared at.
    starts = [k for k, row in enumerate(rows) if row["family"] == "regular"]
    panels = [rows[start : start + len(rows) // len(starts)] for start in starts]
    return {int(panel[0]["channels"]): {row["family"]: row for row in panel} for panel in panels}


def side_by_side(channels: int, side: int) -> dict[str, list[Any]]:
    """Return every family of one width as columns to read: width, weights, multiply–adds, milliseconds, share of shuffles."""
    rows = [*stored(side)[channels].values()]
    spared = [1 - float(row["ms convolutions"]) / float(row["ms"]) for row in rows]
    return {
        "family": [row["family"] for row in rows],
        "branch widths": [row["branch widths"] for row in rows],
        "channels": [int(row["channels"]) for row in rows],
        "weights": [int(row["weights"]) for row in rows],
        "multiply-adds": [int(row["multiply-adds"]) for row in rows],
        "ms": [f"{float(row['ms']):.3g}" for row in rows],
        "predicted": [f"{float(row['predicted ms']):.3g}" for row in rows],
        "shuffles": [f"{max(share, 0):.0%}" for share in spared],
    }


def data() -> dict[str, NDArray[Any]]:
    """Return the stored shares, one panel per width."""
    return stacked({f"{C} channels": _shares(rows) for C, rows in stored(SIDE).items()})


def draw(columns: dict[str, NDArray[Any]]) -> Figure:
    """Draw one panel per width."""
    panels = unstacked(columns)
    figure, axes = plt.subplots(1, len(panels), figsize=(PAGE, 2.6), sharex=True, sharey=True, squeeze=False)
    for ax, (title, rows) in zip(axes[0], panels.items(), strict=True):
        plot_time_beside_weights(rows, ax).set_title(title)
    for ax in axes[0, ::2]:
        ax.set_xlabel("")
    for ax in axes[0]:
        ax.set_ylabel("")
    axes[0, 0].legend(loc="upper left")
    return figure
