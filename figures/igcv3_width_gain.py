"""How much wider IGCV3 is than MobileNetV2's block of equal weights."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from igc_theory.budget.curves.blocks import width_gain_of_igcv3
from igc_theory.views.plots.budget.blocks import plot_width_gain
from igc_theory.views.plots.style import COLUMN


def data() -> dict[str, NDArray[Any]]:
    """Return the gain at expansion 6 for four pairs of groups and widths from 8 to 512."""
    return width_gain_of_igcv3(np.geomspace(8, 512, 49), groups=[(1, 2), (2, 2), (4, 4), (8, 8)])


def draw(columns: dict[str, NDArray[Any]]) -> Figure:
    """Draw a curve a pair, with the gain that it tends to."""
    figure, ax = plt.subplots(figsize=(COLUMN, 2.3))
    plot_width_gain(columns, ax)
    return figure
