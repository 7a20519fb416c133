"""Pictures of time beside weights: what a block saves of each against a regular convolution."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from igc_theory.views.plots.columns import Columns, axes_or_new, checked_columns
from igc_theory.views.plots.style import PALETTE

__all__ = ["plot_time_beside_weights"]


def plot_time_beside_weights(columns: Columns, ax: Axes | None = None) -> Axes:
    """Draw, one row per block, the share of weights and the share of time that it has of a regular convolution.

    Parameters
    ----------
    columns : mapping of str to sequence
        `block`, its name; `weights` and `time`, shares above 0. The first row is drawn at the bottom.
    ax : matplotlib.axes.Axes, optional
        Drawn on; by default the axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    TypeError, ValueError
        If a column is missing or of the wrong kind, or a share is not above 0.

    Examples
    --------
    >>> ax = plot_time_beside_weights({"block": ["IGCV2"], "weights": [0.01], "time": [0.05]})
    >>> ax.get_xscale(), [label.get_text() for label in ax.get_yticklabels()]
    ('log', ['IGCV2'])
    """
    found = checked_columns(columns, numbers=["weights", "time"], words=["block"])
    for name in ("weights", "time"):
        if found[name].min() <= 0:
            raise ValueError(f"columns[{name!r}] has {found[name].min()}: give shares above 0")
    ax, rows = axes_or_new(ax), np.arange(found["block"].size)
    ax.hlines(rows, found["weights"], found["time"], color="0.75", linewidth=1.5, zorder=1)
    ax.plot(found["weights"], rows, "o", color="black", fillstyle="none", markersize=4.5, label="weights")
    ax.plot(found["time"], rows, "D", color=PALETTE[5], markersize=4, label="time")
    ax.axvline(1, color="black", linewidth=0.6, linestyle=":")
    ax.set_xscale("log")
    ax.xaxis.set_major_formatter(PercentFormatter(1, decimals=None))
    ax.set_yticks(rows, found["block"].tolist())
    ax.set_xlabel("share of a regular convolution")
    ax.set_ylabel("block")
    ax.margins(y=0.06)
    return ax
