"""Pictures of what designs cost: widths against weights, weights against factors, integer optima.

Their columns are the tables of `igc_theory.budget`: `width_against_parameters`, `weights_against_factors`, and so on.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, NullFormatter, ScalarFormatter
from numpy.typing import NDArray

from igc_theory.views.plots.columns import Columns, axes_or_new, checked_columns
from igc_theory.views.plots.style import FAMILY_COLOURS

__all__ = [
    "by_series",
    "plain_ticks",
    "plot_integer_optima",
    "plot_weights_against_factors",
    "plot_width_against_parameters",
    "plot_width_share",
]

_BOUND: dict[str, Any] = {"color": FAMILY_COLOURS["bound"], "linewidth": 1.4}
_STRICT = FAMILY_COLOURS["IGCV2"]
_DENSE = FAMILY_COLOURS["dense"]
_DASHES = (":", "-.", (0, (6, 2)), "-")
_STRICT_STEPS = "#004D38"  # the green of IGCV2, darker than any of its curves


def plot_width_against_parameters(columns: Columns, ax: Axes | None = None) -> Axes:
    """Draw the width of every family over its weights, both logarithmic, with a legend from the widest to the narrowest.

    Parameters
    ----------
    columns : mapping of str to sequence
        `series`, `parameters`, `width`, as `igc_theory.budget.curves.tradeoffs.width_against_parameters` returns.
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
    >>> from igc_theory.budget.curves.tradeoffs import width_against_parameters
    >>> ax = plot_width_against_parameters(width_against_parameters([1000, 4000, 16000]))
    >>> len(ax.lines)
    11
    """
    ax = axes_or_new(ax)
    for series, table in by_series(columns, "parameters", "width").items():
        ax.plot(table["parameters"], table["width"], label=series, **_family(series))
    ax.set(xscale="log", yscale="log", xlabel="weights of a block", ylabel="width (channels)")
    curves = sorted(ax.get_lines(), key=lambda line: -np.asarray(line.get_ydata())[-1])
    names = [str(line.get_label()).replace("L = 2", "L = 2 (IGCV1)") for line in curves]
    ax.legend(curves, names, loc="upper left", fontsize=6, labelspacing=0.15)
    return ax


def plot_width_share(columns: Columns, ax: Axes | None = None) -> Axes:
    """Draw the same widths divided by the continuous optimum: how much of what is possible each family reaches.

    Parameters
    ----------
    columns : mapping of str to sequence
        As in `plot_width_against_parameters`, with a series "continuous optimum".
    ax : matplotlib.axes.Axes, optional
        Drawn on; by default the axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    TypeError, ValueError
        As in `plot_width_against_parameters`, or if a series has other budgets than the optimum.

    Examples
    --------
    >>> from igc_theory.budget.curves.tradeoffs import width_against_parameters
    >>> ax = plot_width_share(width_against_parameters([1000, 4000, 16000]))
    >>> float(ax.lines[-1].get_ydata().max()) <= 1
    True
    """
    series = by_series(columns, "parameters", "width")
    if "continuous optimum" not in series:
        raise ValueError(f"columns['series'] has no 'continuous optimum', only {', '.join(series)}: add that series")
    optimum = series["continuous optimum"]
    ax = axes_or_new(ax)
    for name, table in series.items():
        if not np.array_equal(table["parameters"], optimum["parameters"]):
            raise ValueError(f"columns: the budgets of {name!r} are not those of 'continuous optimum': make them equal")
        ax.plot(table["parameters"], table["width"] / optimum["width"], label=name, **_family(name))
    ax.set(xscale="log", ylim=(0, 1.04), xlabel="weights of a block", ylabel="share of the continuous optimum")
    return ax


def plot_weights_against_factors(columns: Columns, ax: Axes | None = None) -> Axes:
    """Draw the fewest weights per channel over the number of factors: bound, attainable optimum, integer designs.

    Parameters
    ----------
    columns : mapping of str to sequence
        `series`, `factors`, `weights_per_channel`, as `igc_theory.budget.curves.tradeoffs.weights_against_factors` returns.
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
    >>> from igc_theory.budget.curves.tradeoffs import weights_against_factors
    >>> ax = plot_weights_against_factors(weights_against_factors(64))
    >>> ax.get_yscale()
    'log'
    """
    looks: dict[str, dict[str, Any]] = {
        "balanced": {"label": "balanced, any $K_1$", "color": FAMILY_COLOURS["bound"], "linestyle": "--"},
        "attainable": {"label": "continuous, $K_1 \\geq 1$", **_BOUND},
        "dense": {"label": "integer, dense", "color": _DENSE, "marker": "o", "linestyle": "", "markersize": 6},
        "strict": {"label": "integer, strict", "color": _STRICT, "marker": "o", "linestyle": "", "markersize": 3},
    }
    ax = axes_or_new(ax)
    for name, table in by_series(columns, "factors", "weights_per_channel", known=looks).items():
        # The attainable optimum starts again at two factors: between one and two there is no design.
        gaps = np.where(np.isclose(table["factors"], 1) & (name == "attainable"), np.nan, table["weights_per_channel"])
        ax.plot(table["factors"], gaps, **looks[name])
    ax.set(yscale="log", xlabel="factors $L$", ylabel="weights per channel")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    plain_ticks(ax.yaxis, (20, 50, 100, 200, 500))
    ax.legend()
    return ax


def plot_integer_optima(columns: Columns, ax: Axes | None = None) -> Axes:
    """Draw the fewest weights per channel over the width, with a legend: strict, dense, continuous bound; primes are marked.

    Parameters
    ----------
    columns : mapping of str to sequence
        `channels`, `strict`, `dense`, `bound`, `prime`, as `igc_theory.budget.curves.tradeoffs.integer_optima` returns.
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
    >>> from igc_theory.budget.curves.tradeoffs import integer_optima
    >>> ax = plot_integer_optima(integer_optima(64))
    >>> [line.get_label() for line in ax.lines]
    ['strict', 'dense', 'prime width', 'continuous bound']
    """
    table = checked_columns(columns, integers=("channels", "strict", "dense", "prime"), numbers=("bound",))
    prime = table["prime"] == 1
    C = table["channels"]
    ax = axes_or_new(ax)
    ax.plot(C[~prime], table["strict"][~prime], ".", color=_STRICT, markersize=2.5, label="strict")
    ax.plot(C[~prime], table["dense"][~prime], "+", color=_DENSE, markersize=3, markeredgewidth=0.7, label="dense")
    ax.plot(
        C[prime], table["strict"][prime], "x", color="black", markersize=2.5, markeredgewidth=0.6, label="prime width"
    )
    ax.plot(C, table["bound"], **_BOUND, label="continuous bound")
    ax.set(yscale="log", xlabel="channels $C$", ylabel="weights per channel")
    ax.set_ylim(ax.get_ylim()[0] / 1.25)  # room for the legend below the bound
    ax.legend(loc="lower right", ncols=4)
    return ax


def by_series(columns: Columns, *numbers: str, known: Iterable[str] = ()) -> dict[str, dict[str, NDArray[Any]]]:
    """Return the checked number columns of every series, in order of its first row, or in that of the `known` names."""
    table = checked_columns(columns, numbers=numbers, words=("series",))
    names, known = list(dict.fromkeys(table["series"].tolist())), list(known)
    for name in names:
        if known and name not in known:
            raise ValueError(f"columns['series'] has {name!r}: use some of {', '.join(known)}")
    names = sorted(names, key=known.index) if known else names
    return {name: {key: table[key][table["series"] == name] for key in numbers} for name in names}


def _family(series: str) -> dict[str, Any]:
    """Return how a family's curve looks: one colour per family, IGCV2 with a dash for each number of factors."""
    if series.startswith("group"):
        return {"color": FAMILY_COLOURS["group"], "linestyle": "--"}
    if series.startswith("IGCV2, L = "):
        L = int(series.removeprefix("IGCV2, L = "))
        if L == 2:
            return {"color": FAMILY_COLOURS["IGCV1"]}
        return {"color": FAMILY_COLOURS["IGCV2"], "linestyle": _DASHES[(L - 3) % len(_DASHES)], "linewidth": 1}
    if series.endswith("integer"):
        colour = FAMILY_COLOURS["dense"] if series.startswith("dense") else _STRICT_STEPS
        return {"color": colour, "drawstyle": "steps-post", "linewidth": 0.8}
    return _BOUND if series == "continuous optimum" else {"color": FAMILY_COLOURS.get(series, "black")}


def plain_ticks(axis: Any, places: tuple[float, ...]) -> None:
    """Write plain numbers at these places of a logarithmic axis."""
    axis.set_ticks(places)
    axis.set_major_formatter(ScalarFormatter())
    axis.set_minor_formatter(NullFormatter())
