"""IGCV3 table 3: accuracy on ImageNet over multiply–adds."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from numpy.typing import NDArray

from igc_theory.networks.printed.published import published
from igc_theory.views.plots.networks.networks import plot_width_series
from igc_theory.views.plots.style import COLUMN

PLACES = {
    "IGCV3-D (0.7)": (-5, 3), "IGCV3-D": (-4, 6), "IGCV3-D (1.4)": (6, 0),
    "MobileNetV2 (0.7)(our impl.)": (6, 0), "MobileNetV2 (our impl.)": (5, -5), "MobileNetV2 (1.4)(our impl.)": (5, -8),
    "MobileNetV2": (-4, -1), "MobileNetV2 (1.4)": (0, 8), "MobileNetV1": (0, -8), "NasNet-A": (-12, 9),
    "ShuffleNet (1.5)": (-5, -5), "ShuffleNet (2.0)": (-8, 7),
}  # fmt: skip
"""Where the label of a row goes, in points from its mark; to the left of it if the first is negative."""


def data() -> dict[str, list[Any]]:
    """Return the printed table, a row per network, with the series that it belongs to and the place of its label.

    A star is a network that the authors of IGCV3 trained as they trained theirs.
    """
    rows = [_row(name, cost, accuracy) for name, _, cost, accuracy in published("igcv3-table3").rows]
    names = ("series", "label", "family", "cost", "accuracy", "dx", "dy")
    return dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))


def _row(name: str, cost: int, accuracy: float) -> tuple[Any, ...]:
    plain = name.removesuffix("(our impl.)").strip()
    series, _, width = plain.rstrip(")").partition(" (")
    star = "" if plain == name else "*"
    label = f"{series} {width}×" if width else series
    family = "IGCV3" if series == "IGCV3-D" else "other"
    return series + star, label + star, family, cost, accuracy, *PLACES[name]


def draw(columns: dict[str, NDArray[Any]]) -> Figure:
    """Draw the series of widths."""
    figure, ax = plt.subplots(figsize=(COLUMN, 2.8))
    plot_width_series(columns, ax).set(xlim=(50, 760), ylim=(65.8, 75.6))
    return figure
