"""IGCV1 figure 3: accuracy and width of interleaved group convolutions at equal budget."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from numpy.typing import NDArray

from igc_theory.budget.formulas.cost import igcv1_parameters
from igc_theory.budget.formulas.widths import balanced_width
from igc_theory.networks.printed.published import published
from igc_theory.views.plots.columns import unstacked
from igc_theory.views.plots.networks.accuracy import plot_design_accuracies, plot_design_widths
from igc_theory.views.plots.style import PAGE

PANELS = {"(a)": "igcv1-fig3a", "(b)": "igcv1-fig3b"}
KERNEL_AREA = 9


def data() -> dict[str, list[Any]]:
    """Return the printed accuracies, a row per design, and beside them what the theory says of the budget."""
    rows = [row for panel, table in PANELS.items() for row in _rows(panel, table)]
    names = ("panel", "L", "M", "parameters", "accuracy", "std", "budget", "optimal_L", "largest_width")
    return dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))


def _rows(panel: str, table_id: str) -> list[tuple[Any, ...]]:
    designs = published(table_id).rows
    *_, (L, M, _, _) = designs
    budget = igcv1_parameters(L, M, KERNEL_AREA)  # of the depthwise separable design, M = 1, the last of each panel
    width = balanced_width(budget, 2, KERNEL_AREA)
    optimal_L = (width * KERNEL_AREA) ** 0.5  # from L = M S and G = L M
    return [
        (panel, L, M, igcv1_parameters(L, M, KERNEL_AREA), accuracy, std, budget, optimal_L, width)
        for L, M, accuracy, std in designs
    ]


def draw(columns: dict[str, NDArray[Any]]) -> Figure:
    """Draw accuracy over width for both budgets."""
    figure, axes = plt.subplots(2, 2, figsize=(PAGE, 3.2), sharex="col", height_ratios=[1, 0.85])
    for (accuracy, width), (panel, rows) in zip(axes.T, unstacked(columns).items(), strict=True):
        plot_design_accuracies(rows, accuracy).set_title(f"{panel} about {rows['budget'][0]:,} weights per block")
        plot_design_widths(rows, width).set_xlabel("primary partitions $L$ over channels in each, $M$")
        place = accuracy.lines[-1].get_xdata()[0]
        accuracy.text(place, 0.04, "$L = MS$ ", transform=accuracy.get_xaxis_transform(), fontsize=7, ha="right")
    for ax in axes[:, 1]:
        ax.set_ylabel("")
    return figure
