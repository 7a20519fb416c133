"""Every run of the experiments, design by design, beside the other designs of its seed."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from experiments.records import Row
from experiments.verdicts import DATASETS, accuracies, datasets_of
from igc_theory.views.plots.columns import stacked, unstacked
from igc_theory.views.plots.networks.experiments import plot_runs
from igc_theory.views.plots.style import PAGE

PANELS = {
    "igcv1_sweep": "IGCV1: channels per branch, $M$",
    "factor_count": "IGCV2: number of factors",
    "balance": "IGCV2: imbalance, AM/GM of $S K_1, K_2, K_3$",
    "permutations": "permutations between factors",
    "path_counts": "IGCV3: paths at equal width",
    "inverted_residuals": "IGCV3 and MobileNetV2 blocks",
    "depth": "number of blocks",
    "xception": "order inside a block",
}
"""What the designs of an experiment differ in."""

LINE = 0.125
"""Inches per design."""


def data() -> dict[str, NDArray[Any]]:
    """Return by how much each run is above the mean of its seed and budget; nothing is trained."""
    panels = {}
    for experiment in PANELS:
        for dataset in datasets_of(experiment):
            designs, table = accuracies(experiment, dataset)
            rows = [*designs.values()]
            order = sorted(range(len(rows)), key=[_imbalance(row) for row in rows].__getitem__)
            labels = [_label(rows[k]) for k in order]
            if experiment == "balance":
                labels[0] += ", balanced"
            panels[f"{DATASETS[dataset]}: {experiment}"] = {
                "label": np.repeat(labels, len(table)),
                "deviation": deviations(rows, table)[:, order].T.ravel().round(2),
            }
    return stacked(panels)


def deviations(rows: list[Row], table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the accuracies less the mean of their seed, over the designs of equal weights."""
    budgets = np.array([str(row["budget"]) for row in rows])
    means = np.array([table[:, budgets == budget].mean(axis=1) for budget in budgets])
    return np.asarray(table - means.T)


def _imbalance(row: Row) -> float:
    """Return the imbalance that the role names; designs without one stay in order."""
    word, _, number = str(row["role"]).partition(" ")
    return float(number) if word == "imbalance" else 0.0


def _label(row: Row) -> str:
    """Return the name of a design in its line."""
    if imbalance := _imbalance(row):
        return f"{imbalance:.2f}"
    return str(row["role"]) if row["budget"] == "one" else f"{row['budget']}: {row['role']}"


def draw(columns: dict[str, NDArray[Any]]) -> Figure:
    """Draw a row of panels per experiment, a column per data set, all with one axis."""
    panels = unstacked(columns)
    names = list(dict.fromkeys(panel.partition(": ")[2] for panel in panels))
    datasets = list(dict.fromkeys(panel.partition(": ")[0] for panel in panels))
    lines = [len({*panels[f"{datasets[0]}: {name}"]["label"]}) for name in names]
    reach = float(np.ceil(4 * np.quantile(np.abs(columns["deviation"]), 0.995)) / 4)
    size = (PAGE, LINE * sum(lines) + 0.3 * len(names) + 0.3)
    figure, axes = plt.subplots(
        len(names), len(datasets), figsize=size, sharex=True, squeeze=False, height_ratios=lines
    )
    for name, row in zip(names, axes, strict=True):
        for dataset, ax in zip(datasets, row, strict=True):
            plot_runs(panels[f"{dataset}: {name}"], reach, ax)
            if ax is not row[0] and _ticks(ax) == _ticks(row[0]):
                ax.set_yticklabels([])
        row[0].set_title(PANELS[name], loc="left")
    for dataset, top, bottom in zip(datasets, axes[0], axes[-1], strict=True):
        top.annotate(dataset, (0.5, 1), (0, 20), "axes fraction", "offset points", ha="center", fontweight="bold")
        bottom.set_xlabel("points above the mean of the seed")
    return figure


def _ticks(ax: Any) -> list[str]:
    return [label.get_text() for label in ax.get_yticklabels()]
