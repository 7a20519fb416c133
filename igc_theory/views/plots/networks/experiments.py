"""Pictures of trained networks: runs by design, margins of claims with their intervals, accuracy over what might explain it."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from igc_theory.views.plots.columns import Columns, axes_or_new, checked_columns
from igc_theory.views.plots.style import PALETTE

__all__ = ["plot_accuracy_over", "plot_claims", "plot_runs"]

VERDICTS = {"supported": PALETTE[0], "undecided": "#8C8C8C", "not supported": PALETTE[5]}
"""Colour of each verdict."""

_MARKERS = "osD^"


def plot_runs(columns: Columns, ax: Axes | None = None) -> Axes:
    """Draw the accuracy of every run as a dot and the mean of each design as a line, in the order given.

    Parameters
    ----------
    columns : mapping of str to sequence
        `label`, one row per run, the runs of a design under one label; `accuracy` in per cent.
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
    >>> ax = plot_runs({"label": ["M=1", "M=1", "M=2"], "accuracy": [97.0, 98.0, 96.0]})
    >>> [label.get_text() for label in ax.get_xticklabels()], ax.collections[-1].get_segments()[0][0].tolist()
    (['M=1', 'M=2'], [-0.3, 97.5])
    """
    table = checked_columns(columns, numbers=("accuracy",), words=("label",))
    labels = list(dict.fromkeys(table["label"]))
    place = np.array([labels.index(label) for label in table["label"]])
    means = [table["accuracy"][place == k].mean() for k in range(len(labels))]
    ax = axes_or_new(ax)
    ax.scatter(place + _spread(place), table["accuracy"], s=8, color=PALETTE[0], alpha=0.65, linewidths=0)
    ax.hlines(means, np.arange(len(labels)) - 0.3, np.arange(len(labels)) + 0.3, color="black", linewidth=1.2)
    ax.set_xticks(range(len(labels)), labels)
    ax.set(xlim=(-0.6, len(labels) - 0.4), ylabel="test accuracy (%)")
    return ax


def _spread(place: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return small shifts that set the runs of one design side by side."""
    seen = np.array([np.sum(place[:k] == place[k]) for k in range(place.size)])
    total = np.array([np.sum(place == here) for here in place])
    return np.asarray(0.4 * (seen - (total - 1) / 2) / np.maximum(total - 1, 1))


def plot_claims(columns: Columns, ax: Axes | None = None) -> Axes:
    """Draw the margin of each claim with its interval, one marker per data set, in the colour of the verdict.

    Parameters
    ----------
    columns : mapping of str to sequence
        One row per claim and data set: `claim`, `dataset`, `verdict` (supported, undecided, not supported); `margin`, `low`, `high`
        in points of accuracy.
    ax : matplotlib.axes.Axes, optional
        Drawn on; by default the axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    TypeError, ValueError
        If a column is missing or of the wrong kind, or a verdict is unknown.

    Examples
    --------
    >>> row = {"claim": ["wider is better"], "dataset": ["digits"], "verdict": ["supported"]}
    >>> ax = plot_claims(row | {"margin": [0.4], "low": [0.1], "high": [0.7]})
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['wider is better']
    """
    table = checked_columns(columns, numbers=("margin", "low", "high"), words=("claim", "dataset", "verdict"))
    for word in sorted(set(table["verdict"].tolist()) - set(VERDICTS)):
        raise ValueError(f"columns['verdict'] holds {word!r}: use {', '.join(VERDICTS)}")
    claims, datasets = (list(dict.fromkeys(table[name].tolist())) for name in ("claim", "dataset"))
    ax = axes_or_new(ax)
    for k, dataset in enumerate(datasets):
        shift = 0.34 * (k - (len(datasets) - 1) / 2)
        for word, colour in VERDICTS.items():
            rows = (table["dataset"] == dataset) & (table["verdict"] == word)
            place = np.array([claims.index(claim) for claim in table["claim"][rows]], float) + shift
            _intervals(ax, table, rows, place, colour, _MARKERS[k % len(_MARKERS)])
    ax.axvline(0, color="black", linewidth=0.6, zorder=0.5)
    ax.set_yticks(range(len(claims)), claims)
    ax.tick_params(axis="y", length=0)
    ax.set(ylim=(len(claims) - 0.4, -0.6), xlabel="margin of the claim (points of test accuracy)")
    _keys(ax, datasets)
    return ax


def _intervals(ax: Axes, table: dict[str, NDArray[Any]], rows: Any, place: Any, colour: str, marker: str) -> None:
    ax.hlines(place, table["low"][rows], table["high"][rows], color=colour, linewidth=1.1)
    ax.plot(table["margin"][rows], place, marker, color=colour, markersize=4)


def _keys(ax: Axes, datasets: list[str]) -> None:
    """Say above the picture what colours and markers mean."""
    for word, colour in VERDICTS.items():
        ax.plot([], [], "-", color=colour, linewidth=2.5, label=word)
    for k, dataset in enumerate(datasets):
        ax.plot([], [], _MARKERS[k % len(_MARKERS)], color="black", markersize=4, label=dataset)
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=len(VERDICTS) + len(datasets), borderaxespad=0.2)


def plot_accuracy_over(columns: Columns, ax: Axes | None = None) -> Axes:
    r"""Draw the accuracy of runs over a property of their design; the title holds Spearman's rank correlation and its interval.

    Parameters
    ----------
    columns : mapping of str to sequence
        `property`, `accuracy`: one row per run. `rho`, `low`, `high`: the rank correlation and its interval, the same in every row.
    ax : matplotlib.axes.Axes, optional
        Drawn on; by default the axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    TypeError, ValueError
        If a column is missing or holds something else than numbers.

    Examples
    --------
    >>> interval = {"rho": [1.0] * 2, "low": [0.5] * 2, "high": [1.0] * 2}
    >>> plot_accuracy_over({"property": [16, 48], "accuracy": [96.0, 97.0]} | interval).get_title()
    '$\\rho = +1.00$ [$+0.50$, $+1.00$]'
    """
    table = checked_columns(columns, numbers=("property", "accuracy", "rho", "low", "high"))
    rho, low, high = (table[name][0] for name in ("rho", "low", "high"))
    decided = low > 0 or high < 0
    colour = PALETTE[0] if decided else VERDICTS["undecided"]
    ax = axes_or_new(ax)
    ax.plot(table["property"], table["accuracy"], "o", color=colour, markersize=2.5, alpha=0.5, markeredgewidth=0)
    ax.set_title(f"$\\rho = {rho:+.2f}$ [${low:+.2f}$, ${high:+.2f}$]", color=PALETTE[0] if decided else "black")
    return ax
