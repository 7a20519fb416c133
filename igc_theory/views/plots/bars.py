"""Pictures of what a total is made of: stacked bars."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import is_color_like

from igc_theory.structure.arguments.kinds import instance_of, shown
from igc_theory.views.plots.columns import Columns, axes_or_new, checked_columns
from igc_theory.views.plots.style import FAMILY_COLOURS, PALETTE

__all__ = ["plot_bars"]


def plot_bars(columns: Columns, ax: Axes | None = None, *, colours: Mapping[str, str] = FAMILY_COLOURS) -> Axes:
    """Draw one horizontal bar per name, stacked from its parts, the total written behind it; the first bar is on top.

    Parameters
    ----------
    columns : mapping of str to sequence
        `bar`, `part`, `value`: what each part adds to each bar, none negative. A part has one colour in all bars, a family its own.
    ax : matplotlib.axes.Axes, optional
        Drawn on; by default the axes of a new figure.
    colours : mapping of str to str, optional
        The colour of each part; those that it lacks take one of the palette.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    TypeError, ValueError
        If a column is missing or of the wrong kind, or `colours` is not a mapping to colours.

    Examples
    --------
    >>> ax = plot_bars({"bar": ["IGCV1", "IGCV1", "regular"], "part": ["3×3", "1×1", "3×3"], "value": [324, 48, 1296]})
    >>> [label.get_text() for label in ax.get_yticklabels()], [text.get_text() for text in ax.texts]
    (['IGCV1', 'regular'], [' 372', ' 1,296'])
    """
    table = checked_columns(columns, numbers=("value",), words=("bar", "part"))
    colours = dict(instance_of("colours", colours, (Mapping,), "give the colour of each part, such as {'3×3': '0.6'}"))
    for part, colour in colours.items():
        if not (isinstance(colour, str) and is_color_like(colour)):
            raise ValueError(
                f"colours[{shown(part)}]={shown(colour)} is no colour: give a name or a code, such as '0.6'"
            )
    bars, parts = (list(dict.fromkeys(table[name].tolist())) for name in ("bar", "part"))
    lengths = np.zeros(len(bars))
    ax = axes_or_new(ax)
    for number, part in enumerate(parts):
        mine = table["part"] == part
        places = np.array([bars.index(bar) for bar in table["bar"][mine]])
        values = table["value"][mine]
        colour = colours.get(part, PALETTE[number % 7])
        ax.barh(places, values, 0.6, lengths[places], color=colour, label=part)
        lengths[places] += values
    for place, total in enumerate(lengths):
        ax.text(
            total, place, f" {total:,.0f}" if total >= 1000 or total == round(total) else f" {total:.4g}", va="center"
        )
    ax.set_yticks(range(len(bars)), bars)
    ax.set(ylim=(len(bars) - 0.4, -0.6), xlim=(0, 1.3 * lengths.max() or 1))
    ax.tick_params(axis="y", length=0)
    return ax
