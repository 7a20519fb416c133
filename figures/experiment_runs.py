"""Every run of the experiments, design by design, at equal weights within each group."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from experiments.records import Row
from experiments.verdicts import DATASETS, runs
from igc_theory.views.plots.columns import stacked, unstacked
from igc_theory.views.plots.networks.experiments import plot_runs
from igc_theory.views.plots.style import PAGE

PANELS = {
    "igcv1_sweep": "channels a primary partition, $M$",
    "factor_count": "number of factors",
    "balance": "imbalance, AM/GM of $S K_1, K_2, K_3$, and $K$",
    "permutations": "permutations between factors",
    "path_counts": "paths at equal width",
    "inverted_residuals": "block and size",
}
"""What the designs of an experiment differ in."""


def data() -> dict[str, NDArray[Any]]:
    """Return the test accuracy of every run, a panel an experiment and data set; nothing is trained."""
    panels = {}
    for experiment, title in PANELS.items():
        for dataset, name in DATASETS.items():
            rows = sorted((row for row in runs(experiment) if row["dataset"] == dataset), key=_imbalance)
            accuracy = np.array([float(row["test"]) for row in rows])
            panels[f"{name}: {title}"] = {"label": np.array([_label(row) for row in rows]), "accuracy": accuracy}
    return stacked(panels)


def _imbalance(row: Row) -> float:
    """Return the imbalance that the role names; designs without one stay in order."""
    word, _, number = str(row["role"]).partition(" ")
    return float(number) if word == "imbalance" else 0.0


def _label(row: Row) -> str:
    """Return the tick label of a design, a line for each part."""
    role, budget = str(row["role"]).replace(", ", "; "), str(row["budget"])
    if imbalance := _imbalance(row):
        return f"{imbalance:.2f}; {str(row['design']).partition('K=')[2]}"
    return role if budget == "one" else f"{budget}; {role}"


def draw(columns: dict[str, NDArray[Any]]) -> Figure:
    """Draw two panels an experiment side by side."""
    figure, axes = plt.subplots(len(PANELS), len(DATASETS), figsize=(PAGE, 1.25 * len(PANELS)))
    for ax, (panel, rows) in zip(axes.flat, unstacked(columns).items(), strict=True):
        plot_runs(rows, ax).set_title(panel)
        ax.set_xticks(ax.get_xticks(), [label.get_text().replace("; ", "\n") for label in ax.get_xticklabels()])
        ax.set_ylabel("accuracy (%)" if ax.get_subplotspec().is_first_col() else "")
    return figure
