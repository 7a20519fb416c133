"""All factorizations of one width: accuracy over weights, balanced ones in red, as the talk on IGCV2 shows it."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from experiments.bootstrap import interval
from experiments.verdicts import DATASETS, accuracies, datasets_of
from igc_theory.views.plots.columns import stacked, unstacked
from igc_theory.views.plots.networks.experiments import plot_factorizations
from igc_theory.views.plots.style import PAGE


def data() -> dict[str, NDArray[Any]]:
    """Return the mean accuracy of each design, with the interval of what is its own; nothing is trained."""
    panels = {}
    for dataset in datasets_of("factorizations"):
        designs, table = accuracies("factorizations", dataset)
        # Seeds move all designs up and down together: what is left beside their mean tells designs apart.
        own = (table - table.mean(axis=1, keepdims=True)).T
        ends = [interval(lambda means: means[0], design[:, None]) for design in own]
        panels[DATASETS[dataset]] = {
            **{name: np.array([int(row[name]) for row in designs.values()]) for name in ("weights", "factors")},
            "accuracy": table.mean(axis=0),
            **dict(zip(("low", "high"), (np.array(ends) + table.mean()).T, strict=True)),
            "balanced": np.array([int(row["role"] == "balanced") for row in designs.values()]),
        }
    return stacked(panels)


def draw(columns: dict[str, NDArray[Any]]) -> Figure:
    """Draw a panel per data set."""
    panels = unstacked(columns)
    figure, axes = plt.subplots(1, len(panels), figsize=(PAGE, 2.3), squeeze=False)
    for ax, (dataset, rows) in zip(axes.flat, panels.items(), strict=True):
        plot_factorizations(rows, ax).set_title(dataset)
        ax.set_ylabel("test accuracy (%)" if ax is axes.flat[0] else "")
    return figure
