"""Pictures of families that remove redundancy: errors over costs, errors within a budget, and what an order of channels gains."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter
from numpy.typing import NDArray

from igc_theory.views.plots.columns import Columns, axes_or_new, checked_columns
from igc_theory.views.plots.style import PALETTE

__all__ = ["FAMILIES", "KERNELS", "plot_budget_errors", "plot_family_errors", "plot_frontier", "plot_order_gain"]

BLUE, ORANGE, GREEN, PURPLE, SKY, RED, _, BLACK = PALETTE
GREY = "#7F7F7F"

FAMILIES = {
    "binary": (BLACK, "*"),
    "quantized": (BLUE, "o"),
    "clustered": (SKY, "s"),
    "pruned": (GREEN, "^"),
    "2:4 pruned": (GREEN, "D"),
    "filter pruning": (GREY, "<"),
    "channel pruning": (GREY, ">"),
    "block-diagonal": (PURPLE, "v"),
    "low rank": (ORANGE, "o"),
    "rounded low rank": (ORANGE, "."),
    "sparse low rank": (BLACK, "x"),
    "sparse product": (RED, "o"),
    "rounded sparse product": (RED, "."),
}
"""Colour and mark of each family, the same in every figure; a product and its rounded form share the colour."""

KERNELS = {"random": (GREY, "o"), "smooth": (BLUE, "^"), "trained": (RED, "s")}
"""Colour and mark of each kind of kernel: told apart by shape as well."""


def plot_frontier(columns: Columns, ax: Axes | None = None) -> Axes:
    """Draw errors over costs, a line per family through members that no other member beats; the best of all stand on a grey band.

    Parameters
    ----------
    columns : mapping of str to sequence
        `family`, one of `FAMILIES`; `cost`, positive; `relative_error`; `best`, 1 for what nothing beats.
    ax : matplotlib.axes.Axes, optional
        Drawn on; by default the axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    TypeError, ValueError
        If a column is missing or of the wrong kind, a cost is not positive, or a family is unknown.

    Examples
    --------
    >>> table = {"family": ["quantized", "quantized"], "cost": [4, 8], "relative_error": [0.1, 0.01], "best": [1, 1]}
    >>> len(plot_frontier(table).lines)
    2
    """
    table = checked_columns(columns, integers=("best",), numbers=("cost", "relative_error"), words=("family",))
    if (table["cost"] <= 0).any():
        raise ValueError(
            f"columns['cost'] holds {table['cost'].min()}: give positive costs, since the axis is logarithmic"
        )
    best = np.flatnonzero(table["best"])
    best = best[np.argsort(table["cost"][best])]
    ax = axes_or_new(ax)
    ax.plot(table["cost"][best], table["relative_error"][best], color="#DDDDDD", linewidth=6, solid_capstyle="round")
    for family, (colour, mark) in _families(table["family"]).items():
        rows = _unbeaten(*(table[name][table["family"] == family] for name in ("cost", "relative_error")))
        # Rounded to several numbers of bits, a family is a cloud of points rather than a line.
        style = {"linestyle": "none", "markersize": 4.5} if "rounded" in family else {"markersize": 3.5}
        ax.plot(*rows, marker=mark, color=colour, linewidth=0.8, label=family, **style)
    ax.set_xscale("log", base=2)
    ax.xaxis.set_major_formatter(FuncFormatter(lambda cost, _: f"{cost:g}" if cost >= 1 else f"1/{1 / cost:g}"))
    ax.set(ylabel="relative error", ylim=(0, 1))
    return ax


def plot_budget_errors(columns: Columns, ax: Axes | None = None) -> Axes:
    """Draw the errors of families within one budget as a heat map, a row per network.

    Parameters
    ----------
    columns : mapping of str to sequence
        `network`, `family`, `relative_error`; every pair at most once.
    ax : matplotlib.axes.Axes, optional
        Drawn on; by default the axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    TypeError, ValueError
        If a column is missing or of the wrong kind, or a pair is given twice.

    Examples
    --------
    >>> ax = plot_budget_errors({"network": ["a", "b"], "family": ["binary"] * 2, "relative_error": [0.5, 0.6]})
    >>> [text.get_text() for text in ax.texts]
    ['.50', '.60']
    """
    table = checked_columns(columns, numbers=("relative_error",), words=("network", "family"))
    rows, families = (list(dict.fromkeys(table[name].tolist())) for name in ("network", "family"))
    errors = np.full((len(rows), len(families)), np.nan)
    for row, family, error in _cells(table):
        if not np.isnan(errors[rows.index(row), families.index(family)]):
            raise ValueError(f"columns gives network {row!r} and family {family!r} twice: give each pair once")
        errors[rows.index(row), families.index(family)] = error
    ax = axes_or_new(ax)
    ax.imshow(errors, cmap="cividis_r", vmin=0, vmax=1, aspect="auto")
    for (row, column), error in np.ndenumerate(errors):
        if not np.isnan(error):
            colour = "white" if error > 0.6 else "black"
            ax.text(
                column,
                row,
                f"{error:.2f}".removeprefix("0"),
                ha="center",
                va="center",
                color=colour,
                fontsize=7,
                in_layout=False,
            )
    ax.set_xticks(range(len(families)), families, rotation=40, ha="right", rotation_mode="anchor")
    ax.set_yticks(range(len(rows)), rows)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return ax


def plot_family_errors(columns: Columns, ax: Axes | None = None) -> Axes:
    """Draw the errors of families at equal weights, a row per family and a mark per kind of kernel; the nearest one is filled.

    Parameters
    ----------
    columns : mapping of str to sequence
        `family`, in the order of the rows; `kernel`, one of `KERNELS`; `relative_error`. Every pair at most once.
    ax : matplotlib.axes.Axes, optional
        Drawn on; by default the axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    TypeError, ValueError
        If a column is missing or of the wrong kind, or a kernel is of no known kind.

    Examples
    --------
    >>> ax = plot_family_errors({"family": ["low rank", "BLAST"], "kernel": ["smooth"] * 2, "relative_error": [0.25, 0.5]})
    >>> [label.get_text() for label in ax.get_yticklabels()], len(ax.lines)
    (['low rank', 'BLAST'], 2)
    """
    table = checked_columns(columns, numbers=("relative_error",), words=("family", "kernel"))
    families, kinds = (list(dict.fromkeys(table[name].tolist())) for name in ("family", "kernel"))
    unknown = [kind for kind in kinds if kind not in KERNELS]
    if unknown:
        raise ValueError(f"columns['kernel'] holds {unknown[0]!r}: give one of {', '.join(KERNELS)}")
    ax = axes_or_new(ax)
    for kind in kinds:
        errors, (colour, mark) = table["relative_error"][table["kernel"] == kind], KERNELS[kind]
        places = np.array([families.index(family) for family in table["family"][table["kernel"] == kind]])
        ax.plot(errors, places, mark, color=colour, markerfacecolor="white", markersize=5, label=kind)
        nearest = int(np.argmin(errors))
        ax.plot(errors[nearest], places[nearest], mark, color=colour, markersize=5)
    ax.set_yticks(range(len(families)), families)
    ax.set(ylim=(len(families) - 0.5, -0.5), xlim=(0, 1), xlabel="relative error")
    ax.grid(axis="y", linewidth=0.4, color="#DDDDDD")
    ax.set_axisbelow(True)
    ax.tick_params(axis="y", length=0)
    return ax


def plot_order_gain(columns: Columns, ax: Axes | None = None) -> Axes:
    """Draw errors of sparse products over those of low rank at the same bits: in the given order, and in the one found.

    Parameters
    ----------
    columns : mapping of str to sequence
        `given` and `found`, errors of products; `low_rank`, the error beside both. A row per kernel.
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
    >>> ax = plot_order_gain({"given": [0.8], "found": [0.6], "low_rank": [0.7]})
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['channels as given (1 of 1 lose)', 'reordered (0 of 1 lose)']
    """
    table = checked_columns(columns, numbers=("given", "found", "low_rank"))
    low_rank, low = table["low_rank"], min(column.min() for column in table.values()) - 0.04
    ax = axes_or_new(ax)
    ax.vlines(low_rank, table["found"], table["given"], color=GREY, linewidth=0.5)
    for name, label, face in ("given", "channels as given", "white"), ("found", "reordered", RED):
        lose = f"{int((table[name] > low_rank).sum())} of {low_rank.size} lose"
        ax.plot(low_rank, table[name], "o", color=RED, markerfacecolor=face, markersize=3.5, label=f"{label} ({lose})")
    ax.axline((0.5, 0.5), slope=1, color="black", linewidth=0.8)
    high = max(column.max() for column in table.values()) + 0.04
    ax.set(xlim=(low, high), ylim=(low, high), aspect="equal")
    ax.set(xlabel="relative error of low rank", ylabel="relative error of a sparse product")
    ax.legend(loc="upper left")
    return ax


def _families(names: NDArray[Any]) -> dict[str, tuple[str, str]]:
    """Return colour and mark of the families that occur, in the order of `FAMILIES`."""
    unknown = [name for name in dict.fromkeys(names.tolist()) if name not in FAMILIES]
    if unknown:
        raise ValueError(f"columns['family'] holds {unknown[0]!r}: give one of {', '.join(FAMILIES)}")
    return {family: style for family, style in FAMILIES.items() if family in names}


def _unbeaten(costs: NDArray[Any], errors: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the points with a smaller error than all that cost no more, by cost."""
    order = np.lexsort((errors, costs))
    costs, errors = costs[order], errors[order]
    falling = np.concatenate([[True], errors[1:] < np.minimum.accumulate(errors)[:-1]])
    return costs[falling], errors[falling]


def _cells(table: dict[str, NDArray[Any]]) -> list[tuple[str, str, float]]:
    return list(zip(*(table[name].tolist() for name in ("network", "family", "relative_error")), strict=True))
