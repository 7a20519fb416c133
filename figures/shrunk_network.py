"""The worked example: accuracy of a small network over what is left of its weights and of its time.

The numbers are those that ``make example`` stored last; nothing is trained here.
"""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from numpy.typing import NDArray

from experiments.comparisons import KEEPS, METHODS, ORIGINAL, column
from igc_theory.views.plots.columns import unstacked
from igc_theory.views.plots.style import PAGE

MARKERS = dict(zip(METHODS, "os^D", strict=True))
PANELS = {"weights": "weights", "time": "milliseconds"}


def data() -> dict[str, list[Any]]:
    """Return mean, least and greatest test accuracy over the seeds, by panel, method and share; the original has share 1."""
    cases = [(ORIGINAL, 1.0), *((method, keep) for method in METHODS for keep in KEEPS)]
    found = [(panel, method, *_row(cost, method, keep)) for panel, cost in PANELS.items() for method, keep in cases]
    return dict(
        zip(("panel", "method", "share", "mean", "least", "greatest"), map(list, zip(*found, strict=True)), strict=True)
    )


def _row(cost: str, method: str, keep: float) -> tuple[float, ...]:
    accuracy, share = column("test", method, keep), column(cost, method, keep).mean() / column(cost, ORIGINAL).mean()
    return round(float(share), 4), round(float(accuracy.mean()), 3), float(accuracy.min()), float(accuracy.max())


def draw(columns: dict[str, NDArray[Any]]) -> Figure:
    """Draw a panel per cost."""
    figure, axes = plt.subplots(1, 2, figsize=(PAGE, 2.6), sharey=True)
    for ax, (panel, rows) in zip(axes, unstacked(columns).items(), strict=True):
        ax.axhline(rows["mean"][rows["method"] == ORIGINAL][0], color="0.6", linewidth=0.9, zorder=0)
        for method, marker in MARKERS.items():
            share, mean, least, greatest = (
                rows[name][rows["method"] == method] for name in ("share", "mean", "least", "greatest")
            )
            ax.errorbar(share, mean, [mean - least, greatest - mean], marker=marker, capsize=0, label=method)
        ax.set(xlabel=f"{panel}, as a share of the original's")
    axes[0].set_ylabel("test accuracy (%)")
    figure.legend(*axes[0].get_legend_handles_labels(), ncols=4, loc="outside lower center")
    return figure
