"""What three factors cost beside balanced ones, over how far their terms are apart, with the integer designs of 144 channels."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from igc_theory.budget.curves.blocks import imbalance_of_designs, price_of_imbalance
from igc_theory.views.plots.budget.maps import plot_imbalance
from igc_theory.views.plots.style import COLUMN

CHANNELS = 144
REACH = 3.5


def data() -> dict[str, NDArray[Any]]:
    """Return the map, and after it the designs that lie on it; K1, K2, K3 are 0 for the points of the map."""
    price, designs = price_of_imbalance(REACH, points=43), imbalance_of_designs(CHANNELS)
    on_map = np.maximum(abs(designs["log2_second"]), abs(designs["log2_third"])) <= REACH
    nothing = np.zeros(price["price"].size, dtype=int)
    return {
        **{name: np.concatenate([nothing, designs[name][on_map]]) for name in ("K1", "K2", "K3")},
        **{name: np.concatenate([price[name], designs[name][on_map]]).round(6) for name in price},
    }


def draw(columns: dict[str, NDArray[Any]]) -> Figure:
    """Draw the map and the designs as dots, the cheapest with its widths."""
    figure, ax = plt.subplots(figsize=(COLUMN, 3.2))
    is_map = columns["K1"] == 0
    plot_imbalance({name: columns[name][is_map] for name in ("log2_second", "log2_third", "price")}, ax)
    designs = {name: column[~is_map] for name, column in columns.items()}
    ax.plot(designs["log2_second"], designs["log2_third"], "o", color="white", markeredgecolor="black", markersize=4)
    best = designs["price"].argmin()
    place = designs["log2_second"][best], designs["log2_third"][best]
    small: dict[str, Any] = {"textcoords": "offset points", "ha": "center", "fontsize": 7}
    ax.annotate("balance", (0, 0), (0, -11), **small)
    line = {"arrowstyle": "-", "linewidth": 0.6, "shrinkB": 3, "shrinkA": 0}
    name = " × ".join(str(designs[width][best]) for width in ("K1", "K2", "K3"))
    ax.annotate(name, place, (41, 13), arrowprops=line, **small)
    return figure
