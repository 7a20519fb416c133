"""Maps of what designs cost: the price of imbalance, and where IGCV1 is wider than a regular convolution."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter, ScalarFormatter
from numpy.typing import NDArray

from igc_theory.views.plots.columns import Columns, axes_or_new, checked_columns

__all__ = ["plot_imbalance", "plot_width_theorem"]


def plot_imbalance(columns: Columns, ax: Axes | None = None) -> Axes:
    r"""Draw the price of imbalance of three factors as a map over the two logarithms of ratios, with the balance point.

    Parameters
    ----------
    columns : mapping of str to sequence
        `log2_second`, `log2_third`, `price`, a full grid, as `igc_theory.budget.curves.blocks.price_of_imbalance` returns.
    ax : matplotlib.axes.Axes, optional
        Drawn on; by default the axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    TypeError, ValueError
        If a column is missing or of the wrong kind, or the rows do not form a full grid.

    Examples
    --------
    >>> from igc_theory.budget.curves.blocks import price_of_imbalance
    >>> ax = plot_imbalance(price_of_imbalance(points=9))
    >>> ax.get_aspect()
    1.0
    """
    x, y, price = _grid(columns, "log2_second", "log2_third", "price")
    levels = [1, 1.02, 1.05, 1.1, 1.2, 1.4, 1.7, 2, 2.5, 3]
    ax = axes_or_new(ax)
    ax.contourf(x, y, price, levels=levels, cmap="cividis_r", extend="max")
    lines = ax.contour(x, y, price, levels=[1.05, 1.2, 1.4, 2], colors="black", linewidths=0.5)
    # On the diagonals, where the numbers stand apart; a place that is off the map is moved to the nearest line.
    places = [(0.4, -1.0), (2.1, 2.1), (2.9, 2.9), (-2.2, 2.2)]
    ax.clabel(lines, fmt=lambda level: f"+{level - 1:.0%}", fontsize=7, manual=places)
    ax.plot(0, 0, "+", color="black", markersize=7, markeredgewidth=1.2)
    ax.set(xlabel=r"$\log_2\,(K_2 / S K_1)$", ylabel=r"$\log_2\,(K_3 / S K_1)$", aspect=1)
    return ax


def plot_width_theorem(columns: Columns, ax: Axes | None = None) -> Axes:
    """Draw how much wider IGCV1 is than a regular convolution of equal weights, over L and M S, with the line G = C.

    Parameters
    ----------
    columns : mapping of str to sequence
        `L`, `MS`, `gain`, a full grid, as `igc_theory.budget.curves.blocks.width_gain_of_igcv1` returns.
    ax : matplotlib.axes.Axes, optional
        Drawn on; by default the axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    TypeError, ValueError
        If a column is missing or of the wrong kind, or the rows do not form a full grid.

    Examples
    --------
    >>> from igc_theory.budget.curves.blocks import width_gain_of_igcv1
    >>> ax = plot_width_theorem(width_gain_of_igcv1(points=9))
    >>> ax.get_xscale()
    'log'
    """
    L, MS, gain = _grid(columns, "L", "MS", "gain")
    wider = np.geomspace(1, 2 ** np.ceil(np.log2(gain.max())), 17)
    ax = axes_or_new(ax)
    ax.contourf(L, MS, gain, levels=wider, cmap="cividis")
    # Narrower than the regular convolution: hatched, so that the border shows without colours as well.
    ax.contourf(L, MS, gain, levels=[0, 1], colors="white", hatches=["////"])
    ax.contour(L, MS, gain, levels=[1], colors="black", linewidths=1.2)
    levels = [level for level in (2, 4, 8) if level < gain[:, -1].max()]
    ax.contour(L, MS, gain, levels=levels, colors="white", linewidths=0.6)
    for level in levels:
        right = L[0, -1], np.interp(level, gain[:, -1], MS[:, -1])
        ax.annotate(
            f"$G = {level}\\,C$",
            right,
            (-3, -2),
            textcoords="offset points",
            ha="right",
            va="top",
            color="white",
            fontsize=7,
        )
    ax.set(xscale="log", yscale="log", xlabel="primary partitions $L$", ylabel="$M S$")
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_ticks([1, 2, 4, 8, 16, 32, 64, 128])
        axis.set_major_formatter(ScalarFormatter())
        axis.set_minor_formatter(NullFormatter())
    return ax


def _grid(columns: Columns, *names: str) -> tuple[NDArray[Any], ...]:
    """Return the columns as two-dimensional arrays, rows by the second name and columns by the first."""
    table = checked_columns(columns, numbers=names)
    x, y = (np.unique(table[name]) for name in names[:2])
    order = np.lexsort((table[names[0]], table[names[1]]))
    first, second, values = (table[name][order] for name in names)
    if values.size != x.size * y.size or not (
        np.array_equal(first, np.tile(x, y.size)) and np.array_equal(second, np.repeat(y, x.size))
    ):
        raise ValueError(
            f"columns {names[0]!r} and {names[1]!r} do not form a full grid: give every pair of their values once"
        )
    return tuple(column.reshape(y.size, x.size) for column in (first, second, values))
