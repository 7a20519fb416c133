"""Pictures of whole networks: size against accuracy, print against recount, and paths by length."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullFormatter
from numpy.typing import NDArray

from igc_theory.views.plots.columns import Columns, axes_or_new, checked_columns
from igc_theory.views.plots.style import FAMILY_COLOURS, PALETTE, legible

__all__ = ["plot_path_lengths", "plot_recount", "plot_size_against_accuracy", "plot_width_series"]

_OTHERS = ("#000000", "#7F7F7F", PALETTE[4], PALETTE[3], PALETTE[1], "#8C564B")
_QUIET, _AGREES, _DIFFERS = "#999999", PALETTE[0], PALETTE[5]


def plot_size_against_accuracy(columns: Columns, ax: Axes | None = None) -> Axes:
    """Draw networks as points, size across and error upwards; interleaved group convolutions in colour, with their names.

    Parameters
    ----------
    columns : mapping of str to sequence
        `size` (on a logarithmic axis), `error` (%), `network` (its label; empty for none), `family` (a key of
        ``FAMILY_COLOURS``, or ``"other"``), and the place of the label, `dx` and `dy` in points.
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
    >>> columns = {"size": [1.7, 17.7], "error": [27.8, 19.3], "network": ["ResNet", "IGC"], "family": ["other", "IGCV1"]}
    >>> ax = plot_size_against_accuracy({**columns, "dx": [3, 3], "dy": [0, 0]})
    >>> [text.get_text() for text in ax.texts]
    ['ResNet', 'IGC']
    """
    table = checked_columns(columns, numbers=("size", "error", "dx", "dy"), words=("network", "family"))
    ax = axes_or_new(ax)
    for size, error, dx, dy, name, family in zip(*table.values(), strict=True):
        interleaved = family in FAMILY_COLOURS
        colour = FAMILY_COLOURS.get(str(family), _QUIET)
        ax.plot(size, error, "o" if interleaved else ".", color=colour, markersize=5, zorder=3 if interleaved else 2)
        _label(
            ax,
            name,
            size,
            error,
            dx,
            dy,
            colour if interleaved else "#555555",
            weight="bold" if interleaved else "normal",
        )
    _plain_log_axis(ax)
    ax.set(xlabel="parameters (millions)", ylabel="error (%)")
    return ax


def plot_width_series(columns: Columns, ax: Axes | None = None) -> Axes:
    """Draw series of one network at several widths as lines, and single networks as points, all with labels beside them.

    Parameters
    ----------
    columns : mapping of str to sequence
        `series` (equal words make a line, in order of `cost`), `cost` (multiply–adds in millions), `accuracy` (%), and `family` as
        in `plot_size_against_accuracy`. Also the `label` of each point (may be empty) with its place, `dx` and `dy` in points.
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
    >>> columns = {"series": ["IGCV3-D"] * 2, "label": ["0.7", "1.0"], "cost": [210, 318], "accuracy": [68.45, 72.2]}
    >>> ax = plot_width_series({**columns, "family": ["IGCV3"] * 2, "dx": [3, 3], "dy": [0, 0]})
    >>> ax.lines[0].get_ydata().tolist()
    [68.45, 72.2]
    """
    table = checked_columns(columns, numbers=("cost", "accuracy", "dx", "dy"), words=("series", "label", "family"))
    ax = axes_or_new(ax)
    for number, series in enumerate(dict.fromkeys(table["series"])):
        rows = np.flatnonzero(table["series"] == series)
        rows = rows[np.argsort(table["cost"][rows])]
        family = str(table["family"][rows[0]])
        colour, width = (
            FAMILY_COLOURS.get(family, _OTHERS[number % len(_OTHERS)]),
            1.6 if family in FAMILY_COLOURS else 0.9,
        )
        ax.plot(table["cost"][rows], table["accuracy"][rows], "o-", color=colour, linewidth=width)
        for row in rows:
            label, x, y, dx, dy = (table[name][row] for name in ("label", "cost", "accuracy", "dx", "dy"))
            _label(ax, label, x, y, dx, dy, colour)
    ax.set(xlabel="multiply–adds (millions)", ylabel="top-1 accuracy (%)")
    return ax


def _label(ax: Axes, text: str, x: float, y: float, dx: float, dy: float, colour: str, weight: str = "normal") -> None:
    """Write a label this many points from its mark: to the right of it, or to the left if `dx` is negative."""
    side = "left" if dx >= 0 else "right"
    ax.annotate(
        str(text), (x, y), (dx, dy), textcoords="offset points", ha=side, va="center",
        fontsize=6.5, color=legible(colour), fontweight=weight,
    )  # fmt: skip


def plot_recount(columns: Columns, ax: Axes | None = None) -> Axes:
    """Draw printed and counted figures as dumbbells: the printed one at 1, the counted one at its ratio; mismatches in colour.

    Parameters
    ----------
    columns : mapping of str to sequence
        One row per figure: `label`, `ratio` (counted over printed), `agrees` (1 if a convention gives the printed digits, else 0).
        Rows are drawn from the top down.
    ax : matplotlib.axes.Axes, optional
        Drawn on; by default the axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    TypeError, ValueError
        If a column is missing or of the wrong kind, or a ratio is not positive.

    Examples
    --------
    >>> ax = plot_recount({"label": ["ResNet-110  1.7 M", "ResNet C=69  11.333 M"], "ratio": [1.016, 1.145], "agrees": [1, 0]})
    >>> [text.get_text() for text in ax.get_yticklabels()], ax.texts[0].get_text()
    (['ResNet-110  1.7 M', 'ResNet C=69  11.333 M'], '+14.5 %')
    """
    table = checked_columns(columns, integers=("agrees",), numbers=("ratio",), words=("label",))
    if table["ratio"].min() <= 0:
        raise ValueError(f"columns['ratio'] has {table['ratio'].min()}: give our count over the printed one, above 0")
    rows = np.arange(len(table["label"]))
    ax = axes_or_new(ax)
    ax.axvline(1, color="#CCCCCC", linewidth=0.8, zorder=0)
    for row, (ratio, agrees) in enumerate(zip(table["ratio"], table["agrees"], strict=True)):
        colour = _AGREES if agrees else _DIFFERS
        ax.plot([1, ratio], [row, row], color=colour, linewidth=1.6, solid_capstyle="butt")
        ax.plot(1, row, "o", markersize=4, markerfacecolor="white", markeredgecolor=colour, markeredgewidth=0.9)
        ax.plot(ratio, row, "o", markersize=3, color=colour)
        if not agrees:
            _write_difference(ax, ratio, row)
    ax.set_yticks(rows, [str(label) for label in table["label"]])
    ax.tick_params(axis="y", length=0)
    _plain_log_axis(ax)
    left, right = 0.8 * min(1.0, table["ratio"].min()), 1.2 * max(1.0, table["ratio"].max())
    ticks = [tick for tick in (0.2, 0.3, 0.5, 0.6, 0.8, 1, 1.2, 1.5, 2, 3, 5) if left < tick < right]
    ax.set(ylim=(len(rows) - 0.4, -0.6), xlim=(left, right), xlabel="our count / printed figure")
    ax.set_xticks(ticks, minor=False)
    ax.minorticks_off()
    return ax


def _write_difference(ax: Axes, ratio: float, row: int) -> None:
    """Write by how much a count differs, on the far side of its mark."""
    side = 1 if ratio >= 1 else -1
    places = 0 if abs(ratio - 1) > 0.195 else 1 if abs(ratio - 1) >= 0.001 else 2
    ax.annotate(
        f"{100 * (ratio - 1):+.{places}f} %".replace("-", "−"), (ratio, row), (4 * side, 0), textcoords="offset points",
        ha="left" if side > 0 else "right", va="center", fontsize=6, color=legible(_DIFFERS),
    )  # fmt: skip


def plot_path_lengths(columns: Columns, ax: Axes | None = None) -> Axes:
    """Draw the share of paths by length, one row of bars per architecture, all on one axis; a triangle marks the mean.

    Parameters
    ----------
    columns : mapping of str to sequence
        `architecture`, `length` (convolutions on a path), `share` (of all paths). Rows of one architecture belong together;
        each is scaled to its largest share.
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
    >>> columns = {"architecture": ["VGG-16", "ResNet", "ResNet"], "length": [16, 0, 2], "share": [1.0, 0.5, 0.5]}
    >>> ax = plot_path_lengths(columns)
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['VGG-16', 'ResNet']
    """
    table = checked_columns(columns, integers=("length",), numbers=("share",), words=("architecture",))
    names = list(dict.fromkeys(table["architecture"]))
    ax = axes_or_new(ax)
    for row, name in enumerate(names):
        mine = table["architecture"] == name
        _draw_lengths(ax, -row, table["length"][mine], table["share"][mine])
    ax.set_yticks([0.3 - row for row in range(len(names))], [str(name) for name in names], linespacing=0.95)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.set(ylim=(0.7 - len(names), 0.9), xlabel="convolutions on the path")
    return ax


def _draw_lengths(ax: Axes, base: float, lengths: NDArray[Any], shares: NDArray[Any]) -> None:
    height = 0.8 * shares / shares.max()
    ax.hlines(base, lengths.min(), lengths.max(), color=PALETTE[0], linewidth=0.6)
    ax.bar(lengths, height, width=0.75, bottom=base, color=PALETTE[0], linewidth=0)
    mean = float(lengths @ shares / shares.sum())
    ax.plot(mean, base - 0.08, marker="^", markersize=3, color="black", clip_on=False, zorder=4)


def _plain_log_axis(ax: Axes) -> None:
    """Make x logarithmic with plain numbers."""
    ax.set_xscale("log")
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())
