"""What one budget of weights buys: a regular convolution, and a product of sparse factors."""

from __future__ import annotations

from math import isqrt
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from numpy.typing import NDArray

from igc_theory.budget import widest_strict
from igc_theory.views.plots.bars import plot_bars
from igc_theory.views.plots.style import COLUMN

BUDGET, AREA = 4672, 9


def data() -> dict[str, list[Any]]:
    """Return the channels of the widest regular 3×3 convolution and of the widest strict product within the budget."""
    names = ["regular 3×3 convolution", "product of sparse factors"]
    widths = [isqrt(BUDGET // AREA), widest_strict(BUDGET, S=AREA).channels]
    return {"bar": names, "part": ["regular", "IGCV2"], "value": widths}


def draw(columns: dict[str, NDArray[Any]]) -> Figure:
    """Draw two bars in one column."""
    figure, ax = plt.subplots(figsize=(COLUMN, 1.1))
    plot_bars(columns, ax)
    ax.set_xlabel(f"channels that {BUDGET:,} weights pay for")
    return figure
