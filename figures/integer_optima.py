"""Fewest weights per channel of every width: strict against dense integer designs."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from numpy.typing import NDArray

from igc_theory.budget.curves.tradeoffs import integer_optima
from igc_theory.views.plots.budget.curves import plot_integer_optima
from igc_theory.views.plots.style import PAGE


def data() -> dict[str, NDArray[Any]]:
    """Return the optima of all widths up to 512."""
    return integer_optima(512)


def draw(columns: dict[str, NDArray[Any]]) -> Figure:
    """Draw all widths on one axis."""
    figure, ax = plt.subplots(figsize=(PAGE, 2.6))
    plot_integer_optima(columns, ax)
    return figure
