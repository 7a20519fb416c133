"""Pictures of what the designs of the papers gain: widths of IGCV1, of equal branches (IGCV2, figure 3), and of IGCV3."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes

from igc_theory.views.plots.budget.curves import by_series, plain_ticks
from igc_theory.views.plots.columns import Columns, axes_or_new, checked_columns
from igc_theory.views.plots.style import FAMILY_COLOURS

__all__ = ["plot_equal_branches", "plot_igcv1_designs", "plot_width_gain"]


def plot_igcv1_designs(columns: Columns, ax: Axes | None = None) -> Axes:
    """Draw the width of IGCV1 over its primary partitions: the continuous curve, the integer designs, the published ones.

    Parameters
    ----------
    columns : mapping of str to sequence
        `series` ("continuous", "integer" or "published"), `L`, `width`.
    ax : matplotlib.axes.Axes, optional
        Drawn on; by default the axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    TypeError, ValueError
        If a column is missing or of the wrong kind.

    Examples
    --------
    >>> from igc_theory.budget.curves.blocks import width_of_igcv1_designs
    >>> ax = plot_igcv1_designs(width_of_igcv1_designs(4672))
    >>> ax.get_xscale()
    'log'
    """
    blue = FAMILY_COLOURS["IGCV1"]
    looks: dict[str, dict[str, Any]] = {
        "continuous": {"color": blue, "label": "real $L$ and $M$"},
        "integer": {
            "color": blue,
            "marker": ".",
            "markersize": 3.5,
            "linestyle": "",
            "label": "integer, within budget",
        },
        "published": {
            "color": "black",
            "marker": "o",
            "markersize": 5,
            "linestyle": "",
            "fillstyle": "none",
            "label": "published",
        },
    }
    ax = axes_or_new(ax)
    for name, table in by_series(columns, "L", "width", known=looks).items():
        ax.plot(table["L"], table["width"], **looks[name])
    ax.set(xscale="log", xlabel="primary partitions $L$", ylabel="width $G = LM$")
    plain_ticks(ax.xaxis, (1, 3, 10, 30, 100))
    ax.set_ylim(bottom=0)
    return ax


def plot_equal_branches(columns: Columns, quantity: str, ax: Axes | None = None) -> Axes:
    """Draw one quantity over the number of pointwise factors, a line or marks per series.

    Parameters
    ----------
    columns : mapping of str to sequence
        `series` ("continuous", "integer" or "published"), `pointwise`, and the quantity.
    quantity : str
        Name of the column drawn, such as "width" or "non_sparsity".
    ax : matplotlib.axes.Axes, optional
        Drawn on; by default the axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    TypeError, ValueError
        If a column is missing or of the wrong kind.

    Examples
    --------
    >>> from igc_theory.budget.curves.tradeoffs import width_of_equal_branches
    >>> ax = plot_equal_branches(width_of_equal_branches(4672, [1, 2, 3]), "width")
    >>> ax.get_ylabel()
    'width'
    """
    looks: dict[str, dict[str, Any]] = {
        "continuous": {"color": FAMILY_COLOURS["bound"], "label": "real $K$, $C = K^n$"},
        "integer": {
            "color": FAMILY_COLOURS["IGCV2"],
            "marker": "o",
            "markersize": 3,
            "linestyle": "",
            "label": "widest integer $K$, $C$",
        },
        "published": {
            "color": "black",
            "marker": "o",
            "markersize": 6,
            "linestyle": "",
            "fillstyle": "none",
            "label": "published",
        },
    }
    ax = axes_or_new(ax)
    for name, table in by_series(columns, "pointwise", quantity, known=looks).items():
        ax.plot(table["pointwise"], table[quantity], **looks[name])
    ax.set(xlabel="pointwise factors $n$", ylabel=quantity.replace("_", " "))
    return ax


def plot_width_gain(columns: Columns, ax: Axes | None = None) -> Axes:
    """Draw how much wider IGCV3 is than MobileNetV2's block at equal weights, over that block's width.

    Parameters
    ----------
    columns : mapping of str to sequence
        `channels`, `G1`, `G2`, `gain`, `limit`, as `igc_theory.budget.curves.blocks.width_gain_of_igcv3` returns.
    ax : matplotlib.axes.Axes, optional
        Drawn on; by default the axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    TypeError, ValueError
        If a column is missing or of the wrong kind.

    Examples
    --------
    >>> from igc_theory.budget.curves.blocks import width_gain_of_igcv3
    >>> ax = plot_width_gain(width_gain_of_igcv3([16, 64, 256]))
    >>> ax.get_ylabel()
    'width gain'
    """
    table = checked_columns(columns, integers=("G1", "G2"), numbers=("channels", "gain", "limit"))
    pairs = list(dict.fromkeys(zip(table["G1"].tolist(), table["G2"].tolist(), strict=True)))
    ax = axes_or_new(ax)
    colour = FAMILY_COLOURS["IGCV3"]
    for pair in pairs:
        rows = (table["G1"] == pair[0]) & (table["G2"] == pair[1])
        ax.plot(table["channels"][rows], table["gain"][rows], color=colour)
        ends = table["channels"][rows][[0, -1]]
        ax.plot(ends, table["limit"][rows][[0, -1]], color=colour, linewidth=0.7, linestyle=":")
        end = table["channels"][rows][-1], table["gain"][rows][-1]
        ax.annotate(f" {pair[0]}, {pair[1]}", end, va="center", annotation_clip=False, fontsize=7)
    ax.annotate("$G_1, G_2$", (1, 1), (4, 2), xycoords="axes fraction", textcoords="offset points", fontsize=7)
    ax.axhline(1, color="black", linewidth=0.6)
    ax.set(xscale="log", xlabel="channels $C$ of the MobileNetV2 block", ylabel="width gain")
    ax.set_xlim(table["channels"].min(), table["channels"].max())
    plain_ticks(ax.xaxis, tuple(2**k for k in range(20) if ax.get_xlim()[0] <= 2**k <= ax.get_xlim()[1]))
    return ax
