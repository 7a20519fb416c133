"""Pictures of trained networks: what runs say of claims, every run, accuracy over weights, depth and learning rate."""

from __future__ import annotations

from textwrap import fill
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullLocator
from numpy.typing import NDArray

from igc_theory.views.plots.columns import Columns, axes_or_new, checked_columns
from igc_theory.views.plots.style import PALETTE, legible

__all__ = ["BALANCED", "plot_claims", "plot_factorizations", "plot_gains", "plot_rates", "plot_runs"]

WORDS = {"supported": PALETTE[0], "refuted": legible(PALETTE[5]), "no difference": "black", "undecided": "#767676"}
"""Colour of each word of a verdict."""

BALANCED = PALETTE[5]
"""Colour of balanced designs: the red of the figure in the talk on IGCV2."""

SERIES = (("o", PALETTE[0]), ("s", PALETTE[1]), ("D", "black"))
"""Marker and colour of each data set, in order; apart in grey too."""

_LABEL = 46
"""Characters of a claim on one line."""

_LINEAR = 0.5
"""Points of accuracy up to which the axis of margins is nearly linear; further out it is logarithmic."""

_TICKS = (-50, -20, -5, -1, 0, 1, 5, 20, 50)


def plot_claims(columns: Columns, band: float = 0.25, ax: Axes | None = None) -> Axes:
    """Draw the margin of each claim with its interval, one marker per data set, and the words of the verdicts to the right.

    The axis of margins is linear near zero and logarithmic further out (inverse hyperbolic sine).

    Parameters
    ----------
    columns : mapping of str to sequence
        One row per claim and data set: `claim`, `dataset`, `word` and `together`, the verdicts alone and with all others;
        `margin`, `low`, `high` in points of accuracy. Words on which both agree are bold; markers of undecided ones are hollow.
    band : float, default 0.25
        Half the width of the shaded band: effects that are called no difference.
    ax : matplotlib.axes.Axes, optional
        Drawn on; by default the axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    TypeError, ValueError
        If a column is missing or of the wrong kind, or a word is unknown, or there are more than three data sets.

    Examples
    --------
    >>> row = {"claim": ["wider is better"], "dataset": ["digits"], "word": ["supported"], "together": ["undecided"]}
    >>> ax = plot_claims(row | {"margin": [0.4], "low": [0.1], "high": [0.7]})
    >>> [label.get_text() for label in ax.get_yticklabels()], [text.get_text() for text in ax.texts]
    (['wider is better'], ['digits', 'supported'])
    """
    table = checked_columns(columns, numbers=("margin", "low", "high"), words=("claim", "dataset", "word", "together"))
    for word in sorted({*table["word"].tolist(), *table["together"].tolist()} - set(WORDS)):
        raise ValueError(f"columns['word'] or ['together'] holds {word!r}: use {', '.join(WORDS)}")
    claims, datasets = (list(dict.fromkeys(table[name].tolist())) for name in ("claim", "dataset"))
    ax = axes_or_new(ax)
    ax.set_xscale("asinh", linear_width=_LINEAR)
    start, middle, last = _reach(table, band, len(datasets))
    left, right, end = _LINEAR * np.sinh(np.array([start, middle, last]))
    ax.axvspan(-band, band, color="#E4E4E4", linewidth=0, zorder=0)
    ax.axvline(0, color="black", linewidth=0.6, zorder=0.5)
    ax.hlines(np.arange(len(claims) - 1) + 0.5, left, end, color="#CCCCCC", linewidth=0.4)
    for k, (dataset, (marker, colour)) in enumerate(zip(datasets, _series(datasets), strict=True)):
        rows = table["dataset"] == dataset
        place = np.array([claims.index(claim) for claim in table["claim"][rows]])
        shown = {name: column[rows] for name, column in table.items()}
        _intervals(ax, shown, place + 0.24 * (k - (len(datasets) - 1) / 2), marker, colour)
        beside = middle + (last - middle) * (k + 0.12) / len(datasets)
        _words(ax, shown, place, _LINEAR * np.sinh(beside), marker, colour)
    ax.set_yticks(range(len(claims)), [fill(claim, _LABEL) for claim in claims], linespacing=1.15)
    ax.tick_params(axis="y", length=0)
    ax.set(xlim=(left, end), ylim=(len(claims) - 0.5, -1.2), xlabel="margin of the claim (points of test accuracy)")
    ticks = [tick for tick in _TICKS if left <= tick <= right]
    ax.set_xticks(ticks, [f"{tick}".replace("-", "−") for tick in ticks])
    ax.xaxis.set_minor_locator(NullLocator())
    ax.spines.bottom.set_bounds(left, right)
    ax.xaxis.label.set(ha="center", x=(middle - start) / (2 * (last - start)))
    return ax


def _reach(table: dict[str, NDArray[Any]], band: float, datasets: int) -> tuple[float, float, float]:
    """Return where the intervals begin and end, and where the words beside them end, in lengths of the axis."""
    left, right = np.arcsinh(np.array([min(table["low"].min(), -band), max(table["high"].max(), band)]) / _LINEAR)
    space = 0.04 * (right - left)
    return left - space, right + space, right + space + 0.32 * datasets * (right - left)


def _series(datasets: list[str]) -> tuple[tuple[str, str], ...]:
    """Return marker and colour of each data set."""
    if len(datasets) > len(SERIES):
        raise ValueError(f"columns['dataset'] holds {len(datasets)} data sets: use at most {len(SERIES)}")
    return SERIES[: len(datasets)]


def _intervals(ax: Axes, table: dict[str, NDArray[Any]], place: NDArray[Any], marker: str, colour: str) -> None:
    """Draw the intervals of one data set; the markers of undecided claims are hollow."""
    ax.hlines(place, table["low"], table["high"], color=colour, linewidth=1.1)
    for undecided in (False, True):
        rows = (table["word"] == "undecided") == undecided
        fill_colour = "white" if undecided else colour
        ax.plot(table["margin"][rows], place[rows], marker, color=colour, markersize=3.4, markerfacecolor=fill_colour)


def _words(ax: Axes, table: dict[str, NDArray[Any]], place: NDArray[Any], x: float, marker: str, colour: str) -> None:
    """Write the words of one data set below each other, under its marker and name."""
    ax.plot(x, -0.85, marker, color=colour, markersize=4)
    ax.annotate(str(table["dataset"][0]), (x, -0.85), (6, 0), textcoords="offset points", va="center")
    for row, word in enumerate(table["word"].tolist()):
        both = word == table["together"][row] and word != "undecided"
        ax.text(x, place[row], word, va="center", color=WORDS[word], fontweight="bold" if both else "normal")


def plot_runs(columns: Columns, reach: float, ax: Axes | None = None) -> Axes:
    """Draw by how much every run is above the mean of its seed, a line of dots per design, and the mean of each as a bar.

    Parameters
    ----------
    columns : mapping of str to sequence
        `label`, one row per run, the runs of a design under one label; `deviation` in points. What is labelled balanced is red.
    reach : float
        Half the width of the axis; runs further out stand at its ends as arrowheads.
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
    >>> ax = plot_runs({"label": ["M=1", "M=1", "M=2"], "deviation": [0.5, 0.25, -3]}, reach=1)
    >>> [label.get_text() for label in ax.get_yticklabels()], [*map(float, ax.get_xlim())]
    (['M=1', 'M=2'], [-1.0, 1.0])
    """
    table = checked_columns(columns, numbers=("deviation",), words=("label",))
    ax = axes_or_new(ax)
    labels = list(dict.fromkeys(table["label"].tolist()))
    place = np.array([labels.index(label) for label in table["label"]])
    across = place + 0.6 * (_ranks(place) - 0.5)
    side = np.where(np.abs(table["deviation"]) > reach, np.sign(table["deviation"]), 0)
    for red, colour in (False, PALETTE[0]), (True, BALANCED):
        for here, marker, size in (0, "o", 1.6), (-1, "<", 3), (1, ">", 3):
            rows = (side == here) & (np.char.endswith(table["label"], "balanced") == red)
            if rows.any():
                x = np.clip(table["deviation"][rows], -reach, reach)
                style: dict[str, Any] = {
                    "color": colour,
                    "alpha": 1 if here else 0.5,
                    "markeredgewidth": 0,
                    "clip_on": not here,
                }
                ax.plot(x, across[rows], marker, markersize=size, **style)
    means = [table["deviation"][place == line].mean() for line in range(len(labels))]
    ax.vlines(means, np.arange(len(labels)) - 0.42, np.arange(len(labels)) + 0.42, color="black", linewidth=1.2)
    ax.axvline(0, color="black", linewidth=0.6, zorder=0.5)
    ax.set_yticks(range(len(labels)), labels)
    ax.tick_params(axis="y", length=0)
    ax.set(xlim=(-reach, reach), ylim=(len(labels) - 0.5, -0.5))
    return ax


def _ranks(place: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return for each run how many of its design stand before it, as a share: 0 for the first, 1 for the last."""
    seen = np.array([np.sum(place[:k] == place[k]) for k in range(place.size)])
    total = np.array([np.sum(place == here) for here in place])
    return np.asarray(seen / np.maximum(total - 1, 1))


def plot_factorizations(columns: Columns, ax: Axes | None = None) -> Axes:
    """Draw the mean accuracy of all factorizations of one width over their weights, as numbers of factors, balanced ones in red.

    Parameters
    ----------
    columns : mapping of str to sequence
        One row per design: `weights`, `factors`, `accuracy`, its interval `low`, `high`, and `balanced`, 1 for those in red.
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
    >>> columns = {"weights": [100, 200], "factors": [2, 3], "accuracy": [96.0, 97], "low": [95.0, 96], "high": [97.0, 98]}
    >>> ax = plot_factorizations(columns | {"balanced": [0, 1]})
    >>> [text.get_text() for text in ax.texts], ax.lines[1].get_xydata().tolist(), ax.lines[1].get_marker()
    (['balanced'], [[200.0, 97.0]], '$3$')
    """
    names = ("weights", "accuracy", "low", "high")
    table = checked_columns(columns, numbers=names, places=("factors", "balanced"))
    ax = axes_or_new(ax)
    places = _side_by_side(table["weights"], table["accuracy"])
    for row, balanced in enumerate(table["balanced"]):
        weights, accuracy = places[row], table["accuracy"][row]
        colour = BALANCED if balanced else "#555555"
        ax.vlines(weights, table["low"][row], table["high"][row], color=colour, linewidth=2.4, alpha=0.25)
        digit = f"${table['factors'][row]}$"
        ax.plot(weights, accuracy, marker=digit, color=colour, markersize=4.2, markeredgewidth=0.3)
    for row in np.flatnonzero(table["balanced"])[:1]:
        ax.annotate(
            "balanced", (places[row], table["high"][row]), (0, 3), textcoords="offset points",
            ha="center", va="bottom", color=legible(BALANCED), fontsize=7,
        )  # fmt: skip
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.xaxis.set_major_formatter("{x:,.0f}")
    ax.xaxis.set_minor_locator(NullLocator())
    ax.margins(x=0.12)
    ax.set(xlabel="weights", ylabel="test accuracy (%)")
    return ax


def _side_by_side(weights: NDArray[Any], accuracy: NDArray[Any]) -> NDArray[np.float64]:
    """Return where digits stand on the axis of weights: those that would lie on one another a little to both sides."""
    places = np.array(weights, dtype=float)
    for row in range(places.size):
        alike = (abs(np.log(weights / weights[row])) < 0.06) & (abs(accuracy - accuracy[row]) < 0.04 * np.ptp(accuracy))
        order = np.flatnonzero(alike)[np.argsort(weights[alike], kind="stable")]
        places[row] *= 1.045 ** (2 * order.tolist().index(row) - order.size + 1)
    return places


def plot_gains(columns: Columns, band: float = 0.25, ax: Axes | None = None) -> Axes:
    """Draw by how much one kind of block is ahead of another, over the number of blocks, a line per data set.

    Parameters
    ----------
    columns : mapping of str to sequence
        One row per data set and depth: `dataset`, `blocks`; `gain`, `low`, `high` in points.
    band : float, default 0.25
        Half the width of the shaded band: effects that are called no difference.
    ax : matplotlib.axes.Axes, optional
        Drawn on; by default the axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    TypeError, ValueError
        If a column is missing or of the wrong kind, or there are more than three data sets.

    Examples
    --------
    >>> columns = {"dataset": ["digits"] * 2, "blocks": [2, 4], "gain": [0.1, 0.3], "low": [0.0, 0.2], "high": [0.2, 0.4]}
    >>> ax = plot_gains(columns)
    >>> [tick.get_text() for tick in ax.get_xticklabels()], [text.get_text() for text in ax.texts]
    (['2', '4'], ['digits'])
    """
    table = checked_columns(columns, numbers=("gain", "low", "high"), places=("blocks",), words=("dataset",))
    datasets = list(dict.fromkeys(table["dataset"].tolist()))
    ax = axes_or_new(ax)
    ax.axhspan(-band, band, color="#E4E4E4", linewidth=0, zorder=0)
    ax.axhline(0, color="black", linewidth=0.6, zorder=0.5)
    depths = np.unique(table["blocks"])
    for k, (dataset, (marker, colour)) in enumerate(zip(datasets, _series(datasets), strict=True)):
        shown = {name: column[table["dataset"] == dataset] for name, column in table.items()}
        place = np.searchsorted(depths, shown["blocks"]) + 0.09 * (k - (len(datasets) - 1) / 2)
        ax.vlines(place, shown["low"], shown["high"], color=colour, linewidth=1.1)
        ax.plot(place, shown["gain"], marker=marker, color=colour, markersize=4, linewidth=0.8)
        last = place[-1], shown["gain"][-1]
        ax.annotate(dataset, last, (7, 0), textcoords="offset points", color=legible(colour), va="center")
    ax.set_xticks(range(depths.size), [str(depth) for depth in depths])
    ax.set(xlabel="blocks", xlim=(-0.3, depths.size - 0.3))
    return ax


def plot_rates(columns: Columns, ax: Axes | None = None) -> Axes:
    """Draw validation accuracy over the learning rate: thin lines are designs, the thick one is their mean, the ring is chosen.

    Parameters
    ----------
    columns : mapping of str to sequence
        One row per design and rate: `design`, `rate`, and the mean `accuracy` over seeds.
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
    >>> ax = plot_rates({"design": ["a", "a", "b", "b"], "rate": [0.1, 0.2] * 2, "accuracy": [90.0, 92, 91, 95]})
    >>> ax.lines[-1].get_xydata().tolist(), [text.get_text() for text in ax.texts]
    ([[0.2, 93.5]], ['0.2'])
    """
    table = checked_columns(columns, numbers=("rate", "accuracy"), words=("design",))
    ax = axes_or_new(ax)
    for design in dict.fromkeys(table["design"].tolist()):
        rows = table["design"] == design
        ax.plot(table["rate"][rows], table["accuracy"][rows], color="#767676", linewidth=0.6)
    rates = np.unique(table["rate"])
    means = np.array([table["accuracy"][table["rate"] == rate].mean() for rate in rates])
    best = int(np.argmax(means))
    ax.plot(rates, means, "o-", color=PALETTE[0], markersize=3)
    ax.plot(rates[best], means[best], "o", color="black", markersize=8, markerfacecolor="none", markeredgewidth=1)
    below: dict[str, Any] = {"xycoords": ax.get_xaxis_transform(), "textcoords": "offset points"}
    ax.annotate(f"{rates[best]:g}", (rates[best], 0), (0, 4), ha="center", fontsize=7, **below)
    ax.set_xscale("log")
    ax.margins(y=0.2)
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xticks(rates, [f"{rate:g}" for rate in rates])
    return ax
