"""Width of IGCV1 over (L, M) at the two budgets of IGCV1's figure 3, with the published designs on the curves."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from igc_theory.budget.curves.blocks import width_of_igcv1_designs
from igc_theory.budget.curves.tradeoffs import by_columns
from igc_theory.budget.formulas.cost import igcv1_parameters
from igc_theory.networks.printed.published import published
from igc_theory.views.plots.budget.blocks import plot_igcv1_designs
from igc_theory.views.plots.columns import stacked, unstacked
from igc_theory.views.plots.style import PAGE

PANELS = {4672: "igcv1-fig3a", 17536: "igcv1-fig3b"}
KERNEL_AREA = 9


def data() -> dict[str, NDArray[Any]]:
    """Return curve, integer designs and published designs at each budget."""
    return stacked({f"{budget:,}": _panel(budget, table) for budget, table in PANELS.items()})


def _panel(budget: int, table: str) -> dict[str, NDArray[Any]]:
    computed = width_of_igcv1_designs(budget, KERNEL_AREA, points=81)
    rows = [("published", L, M, L * M, igcv1_parameters(L, M, KERNEL_AREA)) for L, M, *_ in published(table).rows]
    printed = by_columns(tuple(computed), rows)
    return {name: np.concatenate([column, printed[name]]) for name, column in computed.items()}


def draw(columns: dict[str, NDArray[Any]]) -> Figure:
    """Draw one panel per budget."""
    figure, axes = plt.subplots(1, 2, figsize=(PAGE, 2.4))
    for ax, (budget, rows) in zip(axes, unstacked(columns).items(), strict=True):
        plot_igcv1_designs(rows, ax).set_title(f"{budget} weights")
        curve = rows["series"] == "continuous"
        widest = np.argmax(np.where(curve, rows["width"], 0))
        L, G = rows["L"][widest], rows["width"][widest]
        ax.annotate("$L = M S$", (L, G), (0, 5), textcoords="offset points", ha="center", fontsize=7)
        ax.set_ylim(top=1.15 * G)
    axes[0].legend(loc="lower center")
    axes[1].set_ylabel("")
    return figure
