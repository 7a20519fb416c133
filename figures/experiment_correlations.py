"""What explains accuracy at equal weights: width, path evenness or rank."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from experiments.verdicts import DATASETS, PREDICTORS, comparable_runs, correlations
from igc_theory.views.plots.columns import stacked, unstacked
from igc_theory.views.plots.networks.experiments import plot_accuracy_over
from igc_theory.views.plots.style import PAGE


def data() -> dict[str, NDArray[Any]]:
    """Return every comparable run once per predictor, with the rank correlation; nothing is trained."""
    panels = {}
    for dataset, predictor, *numbers in correlations(np.random.default_rng(0)):
        columns = comparable_runs(dataset)
        ones = np.ones(columns["test"].size)
        intervals = {name: ones * number for name, number in zip(("rho", "low", "high"), numbers, strict=True)}
        panel = f"{DATASETS[dataset]}: {PREDICTORS[predictor]}"
        panels[panel] = {"property": columns[predictor], "accuracy": columns["test"], **intervals}
    return stacked(panels)


def draw(columns: dict[str, NDArray[Any]]) -> Figure:
    """Draw a row a data set, a column a predictor."""
    figure, axes = plt.subplots(2, 3, figsize=(PAGE, 3.4), sharey="row")
    for ax, (panel, rows) in zip(axes.flat, unstacked(columns).items(), strict=True):
        dataset, predictor = panel.split(": ")
        plot_accuracy_over(rows, ax)
        if ax.get_subplotspec().is_first_col():
            ax.set_ylabel(f"{dataset}: test accuracy (%)")
        if ax.get_subplotspec().is_last_row():
            ax.set_xlabel(predictor)
    return figure
