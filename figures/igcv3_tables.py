"""IGCV3 tables 1 and 2: printed accuracies on CIFAR, and printed parameters beside those that the library counts."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from igc_theory.networks.printed.published import published
from igc_theory.networks.printed.recount import CONVENTIONS, recount
from igc_theory.views.plots.style import COLUMN, FAMILY_COLOURS, PALETTE

TABLES = ("igcv3-table1", "igcv3-table2")


def data() -> dict[str, list[Any]]:
    """Return a row per printed network: accuracy and its standard deviation, parameters printed and counted, in millions.

    `counted` is 0 where the network is not in the zoo: the papers do not say what it is made of.
    """
    rows, count = [], CONVENTIONS["parameters"]["without the classifier"]
    for table in TABLES:
        counted = {figure.row: count(figure.network) / 10**6 if figure.network else 0 for figure in recount(table)}
        rows += [
            (f"Table {table[-1]}", name.replace(" (our impl.)", "*"), millions, counted[name], *accuracies[:4])
            for name, millions, *accuracies in published(table).rows
        ]
    names = ("panel", "network", "printed", "counted", "cifar10", "cifar10_std", "cifar100", "cifar100_std")
    return dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))


def draw(columns: dict[str, NDArray[Any]]) -> Figure:
    """Draw a row per network; accuracies with their standard deviations, then the parameters."""
    figure, axes = plt.subplots(3, 1, figsize=(COLUMN, 5.2), sharey=True)
    places = np.arange(len(columns["network"])) + 0.6 * (columns["panel"] == "Table 2")
    for ax, name, title in zip(axes, ("cifar10", "cifar100"), ("CIFAR-10", "CIFAR-100"), strict=False):
        ax.errorbar(
            columns[name], places, xerr=columns[f"{name}_std"], fmt="o", color=FAMILY_COLOURS["IGCV3"], capsize=2
        )
        ax.set_xlabel(f"accuracy on {title}, printed (%)")
    _draw_counts(axes[2], columns, places)
    labels = [f"{network}, {panel}" for network, panel in zip(columns["network"], columns["panel"], strict=True)]
    axes[0].set_yticks(places, labels)
    axes[0].invert_yaxis()
    for ax in axes:
        ax.tick_params(axis="y", length=0)
        ax.axhline(places[:3].max() + 0.8, color="#BBBBBB", linewidth=0.6)
    return figure


def _draw_counts(ax: Axes, columns: dict[str, NDArray[Any]], places: NDArray[np.float64]) -> None:
    """Draw printed parameters as rings and counted ones as crosses."""
    counted = columns["counted"] > 0
    ax.plot(
        columns["printed"], places, "o", markersize=6, markerfacecolor="white", markeredgecolor="black", label="printed"
    )
    ax.plot(columns["counted"][counted], places[counted], "x", color=PALETTE[0], markersize=5, label="counted")
    for value, place in zip(columns["counted"][counted], places[counted], strict=True):
        ax.annotate(f"{value:.3f}", (value, place), (7, 0), textcoords="offset points", va="center", fontsize=7)
    ax.set(xlim=(0, 3), xlabel="parameters without the classifier (millions)")
    ax.legend(loc="upper left")
