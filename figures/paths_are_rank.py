"""Paths are rank: the error of the nearest product to a random kernel over the number of paths."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from igc_theory.kernels.projection.errors import path_errors
from igc_theory.views.plots.kernels.products import plot_path_errors
from igc_theory.views.plots.style import COLUMN


def data() -> dict[str, NDArray[Any]]:
    """Return measured and expected errors for one kernel of 64 channels."""
    return path_errors(64, [1, 2, 4, 8], np.random.default_rng(0))


def draw(columns: dict[str, NDArray[Any]]) -> Figure:
    """Draw the curves."""
    figure, ax = plt.subplots(figsize=(COLUMN, 2.3))
    plot_path_errors(columns, ax).legend(loc="lower left")
    return figure
