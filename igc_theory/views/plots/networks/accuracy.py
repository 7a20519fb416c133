"""Pictures of printed accuracies beside the widths that the theory predicts, one position per design."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from igc_theory.views.plots.columns import Columns, axes_or_new, checked_columns
from igc_theory.views.plots.style import FAMILY_COLOURS

__all__ = ["plot_design_accuracies", "plot_design_widths"]


def plot_design_widths(columns: Columns, ax: Axes | None = None) -> Axes:
    """Draw the width of IGCV1 designs as bars, with the width over each bar and the widest that theory allows.

    Parameters
    ----------
    columns : mapping of str to sequence
        `L`, `M`: one row per design, in order of L. `optimal_L`, `largest_width`: the real-valued optimum at the designs' budget,
        the same in every row; it is placed between the designs on a logarithmic scale of L.
    ax : matplotlib.axes.Axes, optional
        Drawn on; by default the axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    TypeError, ValueError
        If a column is missing or of the wrong kind, or the designs are not in order of L.

    Examples
    --------
    >>> columns = {"L": [12, 28, 40], "M": [6, 3, 2], "optimal_L": [27.6] * 3, "largest_width": [84.64] * 3}
    >>> ax = plot_design_widths(columns)
    >>> [int(bar.get_height()) for bar in ax.patches], [text.get_text() for text in ax.texts][:3]
    ([72, 84, 80], ['72', '84', '80'])
    """
    table = _designs(columns, "largest_width")
    widths = table["L"] * table["M"]
    ax = axes_or_new(ax)
    bars = ax.bar(np.arange(widths.size), widths, width=0.72, color=FAMILY_COLOURS["IGCV1"])
    labels = ax.bar_label(bars, labels=[str(width) for width in widths], fontsize=7, padding=1.5)
    for text, width in zip(labels, widths, strict=True):
        if width > widths.max() / 6:  # into the bar, so that no number stands on the line of the bound
            text.set(color="white", position=(0, -8.5))
    bound = table["largest_width"][0]
    ax.axhline(bound, color=FAMILY_COLOURS["bound"], linewidth=0.9, linestyle="--", zorder=0.5)
    ax.text(-0.4, bound, f"$G \\leq {bound:.2f}$", ha="left", va="bottom", fontsize=7)
    _mark_optimum(ax, table)
    ax.set(ylim=(0, 1.22 * max(bound, widths.max())), ylabel="width $G = LM$")
    return ax


def plot_design_accuracies(columns: Columns, ax: Axes | None = None) -> Axes:
    """Draw the accuracy of IGCV1 designs as points with error bars; the line marks where theory puts the widest design.

    Parameters
    ----------
    columns : mapping of str to sequence
        `L`, `M`, `optimal_L` as in `plot_design_widths`; `accuracy` and its standard deviation `std`, in percent.
    ax : matplotlib.axes.Axes, optional
        Drawn on; by default the axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    TypeError, ValueError
        As in `plot_design_widths`.

    Examples
    --------
    >>> columns = {"L": [12, 28], "M": [6, 3], "optimal_L": [27.6] * 2, "accuracy": [60.31, 63.21], "std": [0.96, 0.49]}
    >>> plot_design_accuracies(columns).lines[0].get_ydata().tolist()
    [60.31, 63.21]
    """
    table = _designs(columns, "accuracy", "std")
    place, colour = np.arange(table["L"].size), FAMILY_COLOURS["IGCV1"]
    ax = axes_or_new(ax)
    ax.errorbar(place, table["accuracy"], table["std"], fmt="o", color=colour, elinewidth=0.8)
    _mark_optimum(ax, table)
    ax.set_ylabel("accuracy (%)")
    return ax


def _designs(columns: Columns, *numbers: str) -> dict[str, NDArray[Any]]:
    """Return the columns of the designs after checking that L grows."""
    table = checked_columns(columns, integers=("L", "M"), numbers=("optimal_L", *numbers))
    falls = np.flatnonzero(np.diff(table["L"]) <= 0)
    if falls.size or table["L"][0] < 1:
        row = int(falls[0]) + 1 if falls.size else 0
        raise ValueError(
            f"columns['L'][{row}]={table['L'][row]} is out of order: sort the designs by L, from 1 upwards"
        )
    return table


def _mark_optimum(ax: Axes, table: dict[str, NDArray[Any]]) -> None:
    """Mark L = MS by a vertical line and write (L, M) below every design."""
    place = np.arange(table["L"].size)
    optimum = float(np.interp(np.log(table["optimal_L"][0]), np.log(table["L"]), place))
    ax.axvline(optimum, color=FAMILY_COLOURS["bound"], linewidth=0.9, linestyle="--", zorder=0.5)
    ax.set_xticks(place, [f"{L}\n{M}" for L, M in zip(table["L"], table["M"], strict=True)])
    ax.tick_params(axis="x", length=0)
    ax.set_xlim(-0.6, table["L"].size - 0.4)
