"""How much the learning rate matters, by family of blocks: what it was chosen by."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from experiments.verdicts import DATASETS, datasets_of, families, runs
from igc_theory.views.plots.columns import stacked, unstacked
from igc_theory.views.plots.networks.experiments import plot_rates
from igc_theory.views.plots.style import PAGE

FAMILIES = {"one": "one factor", "two": "two factors", "many": "more factors", "residual": "residual blocks"}
"""What a family of blocks is called in a title."""


def data() -> dict[str, NDArray[Any]]:
    """Return the mean validation accuracy of each design at each rate, a panel per family and data set; nothing is trained."""
    panels = {
        f"{FAMILIES[family]}: {DATASETS[dataset]}": _means(dataset, family)
        for dataset in datasets_of("learning_rate")
        for family in families(dataset)
    }
    return stacked(panels)


def _means(dataset: str, family: str) -> dict[str, NDArray[Any]]:
    """Return the mean over the seeds of each design and rate."""
    found: dict[tuple[str, float], list[float]] = {}
    for row in runs("learning_rate"):
        budget, rate = str(row["budget"]), float(row["rate"])
        if row["dataset"] == dataset and budget.startswith(f"{family}:"):
            design = f"{budget}: {row['role']}".replace(f", rate {row['rate']}", "")
            found.setdefault((design, rate), []).append(float(row["validation"]))
    return {
        "design": np.array([design for design, _ in found]),
        "rate": np.array([rate for _, rate in found]),
        "accuracy": np.array([np.mean(values) for values in found.values()]),
    }


def draw(columns: dict[str, NDArray[Any]]) -> Figure:
    """Draw a row per family, a column per data set."""
    panels = unstacked(columns)
    families, datasets = (list(dict.fromkeys(panel.split(": ")[k] for panel in panels)) for k in (0, 1))
    size = (PAGE, 1.5 * len(families) + 0.3)
    figure, axes = plt.subplots(len(families), len(datasets), figsize=size, sharex=True, sharey="col", squeeze=False)
    for family, row in zip(families, axes, strict=True):
        for dataset, ax in zip(datasets, row, strict=True):
            plot_rates(panels[f"{family}: {dataset}"], ax).set_title(f"{dataset}, {family}")
        row[0].set_ylabel("validation (%)")
    for ax in axes[-1]:
        ax.set_xlabel("learning rate")
    return figure
