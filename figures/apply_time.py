"""Time to apply a product: the plan over the number of channels, with the dense matrix and the roofline.

The numbers are those that ``python -m tests.benchmarks apply`` stored of one processor; nothing is timed here.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from igc_theory.views.plots.columns import stacked, unstacked
from igc_theory.views.plots.kernels.products import plot_apply_times
from igc_theory.views.plots.style import PAGE

RESULTS = Path(__file__).resolve().parents[1] / "tests" / "benchmarks" / "results" / "amd_epyc_l2_1024k_apply.csv"


def _series(rows: list[dict[str, str]]) -> dict[str, NDArray[Any]]:
    """Return plans, rooflines and the dense matrix of one batch as rows of series."""
    found = [(f"{row['L']} factors", int(row["C"]), float(row["plan"])) for row in rows]
    found += [(f"roofline {row['L']} factors", int(row["C"]), float(row["roofline"])) for row in rows]
    # The dense product does not depend on the factors: it was measured beside each, and the fastest counts.
    dense = {int(row["C"]): 0.0 for row in rows if row["dense"]}
    for C in dense:
        dense[C] = min(float(row["dense"]) for row in rows if int(row["C"]) == C)
    found += [("dense", C, seconds) for C, seconds in dense.items()]
    found.sort(key=lambda row: (row[0] == "dense", row[0].startswith("roofline"), row[0], row[1]))
    return dict(zip(("series", "channels", "microseconds"), map(np.array, zip(*found, strict=True)), strict=True))


def data() -> dict[str, NDArray[Any]]:
    """Return the stored times, one panel per batch."""
    with RESULTS.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    batches = sorted({int(row["batch"]) for row in rows})
    return stacked({f"batch {n:,}": _series([row for row in rows if int(row["batch"]) == n]) for n in batches})


def draw(columns: dict[str, NDArray[Any]]) -> Figure:
    """Draw one panel per batch."""
    panels = unstacked(columns)
    figure, axes = plt.subplots(1, len(panels), figsize=(PAGE, 2.4), squeeze=False)
    for ax, (title, rows) in zip(axes[0], panels.items(), strict=True):
        plot_apply_times(rows, ax).set_title(title)
    for ax in axes[0, 1:]:
        ax.set_ylabel("")
    axes[0, -1].legend(loc="lower right")
    return figure
