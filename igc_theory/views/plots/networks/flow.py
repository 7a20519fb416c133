"""Pictures of channel flow: a strip of blocks per network, each with its grade."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from igc_theory.networks.paths.flow import NetworkFlow
from igc_theory.networks.paths.strips import GRADES
from igc_theory.structure.arguments.kinds import instance_of
from igc_theory.views.plots.columns import Columns, axes_or_new, checked_columns

__all__ = ["flow_columns", "plot_flow_strips"]


def flow_columns(*flows: NetworkFlow) -> dict[str, list[str]]:
    """Return what `plot_flow_strips` draws of networks: a row for each block.

    Parameters
    ----------
    *flows : NetworkFlow
        From `channel_flow`.

    Returns
    -------
    dict of str to list
        `network`, `block` and `grade`: the grade without shortcuts and gates.

    Raises
    ------
    TypeError
        If one of `flows` is something else.

    Examples
    --------
    >>> from igc_theory.networks import channel_flow, network
    >>> flow_columns(channel_flow(network("alexnet")))["grade"]
    ['strict', 'not dense', 'strict', 'not dense', 'not dense']
    """
    for flow in flows:
        instance_of("flows", flow, NetworkFlow, "give what channel_flow(network) returns")
    rows = [(flow.name, block.name, block.main.kind) for flow in flows for block in flow.blocks]
    return {name: [row[k] for row in rows] for k, name in enumerate(("network", "block", "grade"))}


def plot_flow_strips(columns: Columns, ax: Axes | None = None) -> Axes:
    """Draw each network as a strip, one cell per block, with the colour and the letter of its grade.

    Parameters
    ----------
    columns : mapping of str to sequence
        `network`, `block` and `grade` ("strict", "loose", "dense", "not dense" or "unknown"), from the first block on.
    ax : matplotlib.axes.Axes, optional
        Drawn on; by default the axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    TypeError, ValueError
        If a column is missing or of the wrong kind, or a grade is not one of these.

    Examples
    --------
    >>> columns = {"network": ["a", "a"], "block": ["conv1", "stage1.block1"], "grade": ["strict", "not dense"]}
    >>> [text.get_text() for text in plot_flow_strips(columns).texts]
    ['S', '×']
    """
    table = checked_columns(columns, words=("network", "block", "grade"))
    wrong = [grade for grade in table["grade"] if str(grade) not in GRADES]
    if wrong:
        raise ValueError(f"columns['grade'] has {str(wrong[0])!r}: use one of {', '.join(GRADES)}")
    names = list(dict.fromkeys(map(str, table["network"])))
    longest = 0
    ax = axes_or_new(ax)
    for row, name in enumerate(names):
        grades = [str(grade) for grade in table["grade"][table["network"] == name]]
        longest = max(longest, len(grades))
        for k, grade in enumerate(grades):
            _draw_cell(ax, k, row, grade)
    ax.set(xlim=(-0.1, longest + 0.1), ylim=(len(names) - 0.4, -0.6), xlabel=_legend(map(str, table["grade"])))
    ax.set_yticks(np.arange(len(names)), names)
    ax.set_xticks([])
    ax.tick_params(length=0)
    for spine in ax.spines.values():
        spine.set_visible(False)
    return ax


def _draw_cell(ax: Axes, k: int, row: int, grade: str) -> None:
    letter, colour, ink = GRADES[grade]
    ax.add_patch(Rectangle((k + 0.04, row - 0.4), 0.92, 0.8, facecolor=colour, edgecolor="black", linewidth=0.4))
    ax.text(k + 0.5, row, letter, ha="center", va="center", fontsize=6, color=ink, in_layout=False)


def _legend(grades: Iterable[str]) -> str:
    shown = set(grades)
    return "blocks in order   " + "   ".join(
        f"{letter} {grade}" for grade, (letter, *_) in GRADES.items() if grade in shown
    )
