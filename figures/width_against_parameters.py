"""Width against weights for every family: what a budget buys."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from igc_theory.budget.curves.tradeoffs import width_against_parameters
from igc_theory.views.plots.budget.curves import plot_width_against_parameters, plot_width_share
from igc_theory.views.plots.style import PAGE


def data() -> dict[str, NDArray[Any]]:
    """Return the widths of all families at budgets from 300 to 100,000 weights."""
    return width_against_parameters(np.unique(np.geomspace(300, 100_000, 121).round().astype(int)))


def draw(columns: dict[str, NDArray[Any]]) -> Figure:
    """Draw the widths, and beside them the same as shares of the continuous optimum."""
    figure, (widths, shares) = plt.subplots(1, 2, figsize=(PAGE, 2.9))
    plot_width_against_parameters(columns, widths)
    plot_width_share(columns, shares)
    return figure
