"""A convolution as a matrix: four channels and a 3×3 window make a vector of 36."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from igc_theory.views.plots.structure.patches import patch_columns, plot_patch_matrix
from igc_theory.views.plots.style import COLUMN


def data() -> dict[str, NDArray[Any]]:
    """Return a random image of 4 channels, its patch at the centre, and six random kernels."""
    rng = np.random.default_rng(5)
    return patch_columns(rng.random((4, 5, 5)), rng.normal(size=(6, 4, 3, 3)), row=1, column=1)


def draw(columns: dict[str, NDArray[Any]]) -> Figure:
    """Draw the patch, the vector and the matrix in one column."""
    figure, ax = plt.subplots(figsize=(COLUMN, 1.4))
    plot_patch_matrix(columns, ax).set_anchor("E")  # its labels reach beyond the axes on the left
    return figure
