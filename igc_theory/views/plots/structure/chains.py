"""Pictures of chains: channels as columns of nodes, branches as blocks, permutations as lines."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PatchCollection
from matplotlib.patches import Polygon, Rectangle
from numpy.typing import NDArray

from igc_theory.structure.branches import branch_graph, serial, serial_factors
from igc_theory.structure.chains import Chain, SerialFactor
from igc_theory.structure.factors import GroupConv
from igc_theory.structure.paths import path_counts
from igc_theory.views.plots.columns import Columns, axes_or_new, checked_columns
from igc_theory.views.plots.style import branch_colours

__all__ = ["chain_columns", "plot_chain"]

_NODE = 0.2  # width of a channel's node, in steps from one column of nodes to the next
_MIXED = -1  # "branch" of a line that carries more than one colour

Rows = list[tuple[str, int, int, int, int, str]]


def chain_columns(chain: Chain) -> dict[str, list[Any]]:
    """Return what `plot_chain` draws of a chain.

    Parameters
    ----------
    chain : Chain
        Any chain.

    Returns
    -------
    dict of list
        `mark`, `stage`, `start`, `end`, `branch`, `label`. Stage 0 holds the inputs, stage `k` what factor `k` writes.
        ``mark="channel"``: one row per channel `start` of that stage and input branch whose inputs reach it.
        ``mark="permutation"``: channel `start` goes to `end` of the next stage, in the colour of `branch` (-1: it carries several).
        ``mark="convolution"``: `start` is connected with `end` of the next stage by branch `branch` of this factor.

    Raises
    ------
    TypeError
        If `chain` is not a chain.

    Examples
    --------
    >>> from igc_theory.structure import igcv1
    >>> columns = chain_columns(igcv1(2, 2))
    >>> columns["mark"].count("permutation"), sorted(set(columns["label"]))
    (8, ['', '1×1, 2 branches', '3×3, 2 branches', 'interleave'])
    """
    colours = [_reached(chain, stage) for stage in range(len(serial(chain)) + 1)]
    rows: Rows = []
    for stage, reached in enumerate(colours):
        rows += [("channel", stage, int(c), int(c), int(branch), "") for c, branch in np.argwhere(reached)]
    for stage, factor in enumerate(serial_factors(chain)):
        rows += _links(factor, stage, colours[stage])
    names = ("mark", "stage", "start", "end", "branch", "label")
    return dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))


def plot_chain(columns: Columns, ax: Axes | None = None) -> Axes:
    r"""Draw a chain from left to right: each channel shows the colours of all input branches that reach it.

    Parameters
    ----------
    columns : mapping of str to sequence
        `mark`, `stage`, `start`, `end`, `branch`, `label`, see `chain_columns`.
    ax : matplotlib.axes.Axes, optional
        Drawn on; by default the axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    TypeError, ValueError
        If a column is missing or of the wrong kind, or `mark` holds an unknown word.

    Examples
    --------
    >>> from igc_theory.structure import igcv1
    >>> ax = plot_chain(chain_columns(igcv1(2, 3)))
    >>> [text.get_text() for text in ax.texts]
    ['3×3\n2 branches', 'interleave', '1×1\n3 branches', 'interleave']
    """
    table = checked_columns(columns, places=("stage", "start", "end", "branch"), words=("mark", "label"), least=_MIXED)
    unknown = set(table["mark"].tolist()) - {"channel", "permutation", "convolution"}
    if unknown:
        raise ValueError(f"columns['mark'] holds {min(unknown)!r}: use channel, permutation or convolution")
    channels = {name: column[table["mark"] == "channel"] for name, column in table.items()}
    sizes = np.zeros(int(table["stage"].max()) + 1, np.int64)
    np.maximum.at(sizes, channels["stage"], channels["start"] + 1)
    _check_stages(table, sizes)
    ax = axes_or_new(ax)
    _draw_channels(ax, channels, sizes)
    first = int(table["stage"][table["mark"] == "convolution"].min(initial=sizes.size))
    for stage in range(sizes.size - 1):
        here = (table["stage"] == stage) & (table["mark"] != "channel")
        links = {name: column[here] for name, column in table.items()}
        if (links["mark"] == "permutation").all():
            _draw_permutation(ax, links, sizes)
        else:
            _draw_convolution(ax, links, sizes, coloured=stage == first)
    ax.set(xlim=(-_NODE, sizes.size - 1 + _NODE), ylim=(1, 0))
    ax.set_xticks([0, sizes.size - 1], [f"{sizes[0]} inputs", f"{sizes[-1]} outputs"])
    ax.set_yticks([])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return ax


def _check_stages(table: dict[str, NDArray[Any]], sizes: NDArray[np.int64]) -> None:
    """Refuse a stage without channels, or from which nothing leads to the next one."""
    if table["stage"].min() < 0:
        raise ValueError(f"columns['stage'] holds {table['stage'].min()}: count stages from 0")
    linked = np.bincount(table["stage"][table["mark"] != "channel"], minlength=sizes.size)
    lacking = np.flatnonzero((sizes == 0) | (np.append(linked[:-1], 1) == 0))
    if lacking.size:
        raise ValueError(
            f"columns['stage'] lacks channels or links at {lacking[0]}: give every stage from 0 to {sizes.size - 1} both"
        )


def _reached(chain: Chain, stage: int) -> NDArray[np.bool_]:
    """Return which input branches (columns) reach which channel (rows) of a stage."""
    branches = branch_graph(chain).in_branch
    paths = path_counts(Chain(chain.factors[:stage])) if stage else np.eye(chain.in_channels, dtype=np.int64)
    return np.asarray(paths @ np.eye(branches.max() + 1, dtype=np.int64)[branches] > 0)


def _links(factor: SerialFactor, stage: int, reached: NDArray[np.bool_]) -> Rows:
    """Return the rows of one factor."""
    if isinstance(factor, GroupConv):
        label = "{}×{}, ".format(*factor.window) + (f"{factor.groups} branches" if factor.groups > 1 else "1 branch")
        pairs = np.argwhere(path_counts(Chain([factor])))
        return [("convolution", stage, int(i), int(o), int(o) // factor.out_width, label) for o, i in pairs]
    carried = [int(np.argmax(row)) if row.sum() == 1 else _MIXED for row in reached]
    label = "permutation" if factor.interleaved is None else "interleave"
    return [("permutation", stage, int(i), o, carried[i], label) for o, i in enumerate(factor.indices)]


def _draw_channels(ax: Axes, channels: dict[str, NDArray[Any]], sizes: NDArray[np.int64]) -> None:
    """Draw every channel as a small bar divided among the colours that it carries."""
    palette = np.array(branch_colours(int(channels["branch"].max()) + 1))
    seen: dict[tuple[int, int], int] = {}
    places = [(int(s), int(c)) for s, c in zip(channels["stage"], channels["start"], strict=True)]
    bars = []
    for place in places:
        nth, share = seen.get(place, 0), _NODE / places.count(place)
        seen[place] = nth + 1
        height = 0.84 / sizes[place[0]]
        corner = place[0] - _NODE / 2 + nth * share, (place[1] + 0.08) / sizes[place[0]]
        bars.append(Rectangle(corner, share, height))
    ax.add_collection(PatchCollection(bars, facecolors=palette[channels["branch"]], linewidths=0, zorder=3))


def _draw_permutation(ax: Axes, links: dict[str, NDArray[Any]], sizes: NDArray[np.int64]) -> None:
    """Draw one line per channel, in the colour that it carries, grey when it carries several."""
    stage = int(links["stage"][0])
    palette = np.array([*branch_colours(max(int(links["branch"].max()), 0) + 1), "#555555"])
    left = (links["start"] + 0.5) / sizes[stage]
    right = (links["end"] + 0.5) / sizes[stage + 1]
    lines = [[(stage + _NODE / 2, a), (stage + 1 - _NODE / 2, b)] for a, b in zip(left, right, strict=True)]
    ax.add_collection(LineCollection(lines, colors=palette[links["branch"]], linewidths=0.9, zorder=2))
    _label(ax, stage, str(links["label"][0]))


def _draw_convolution(ax: Axes, links: dict[str, NDArray[Any]], sizes: NDArray[np.int64], coloured: bool) -> None:
    """Draw one block per branch, from the channels that it reads to those that it writes; in its colour or grey."""
    stage = int(links["stage"][0])
    blocks = []
    for branch in np.unique(links["branch"]):
        mine = links["branch"] == branch
        read, written = links["start"][mine] / sizes[stage], links["end"][mine] / sizes[stage + 1]
        inset = 0.08 / sizes[stage], 0.08 / sizes[stage + 1]
        x = stage + _NODE / 2, stage + 1 - _NODE / 2
        top = [(x[0], read.min() + inset[0]), (x[1], written.min() + inset[1])]
        bottom = [
            (x[1], written.max() + 1 / sizes[stage + 1] - inset[1]),
            (x[0], read.max() + 1 / sizes[stage] - inset[0]),
        ]
        blocks.append(Polygon([*top, *bottom]))
    faces = branch_colours(len(blocks)) if coloured else ["#BBBBBB"]
    ax.add_collection(PatchCollection(blocks, facecolors=faces, alpha=0.35, linewidths=0, zorder=1))
    _label(ax, stage, str(links["label"][0]))


def _label(ax: Axes, stage: int, text: str) -> None:
    lines = text.replace(", ", "\n")
    ax.text(
        stage + 0.5,
        1.02,
        lines,
        ha="center",
        linespacing=1.1,
        va="bottom",
        fontsize=7,
        transform=ax.get_xaxis_transform(),
    )
