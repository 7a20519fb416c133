"""Small directed pictures of architectures: convolutions as boxes, joins as rings, information flowing to the right."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, get_args

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, Rectangle
from numpy.typing import NDArray

from igc_theory.networks.description.layers import Conv, Leaf, Linear
from igc_theory.networks.description.nodes import Block, Node
from igc_theory.structure.arguments.kinds import instance_of
from igc_theory.structure.arguments.sequences import listed
from igc_theory.views.plots.columns import Columns, axes_or_new, checked_columns
from igc_theory.views.plots.style import PALETTE

__all__ = ["architecture_columns", "plot_architecture"]

_STEP, _ROW = 1.0, 1.0


def architecture_columns(nodes: tuple[Node, ...]) -> dict[str, NDArray[Any]]:
    """Return where to draw the boxes, joins and lines of nodes in series.

    Parameters
    ----------
    nodes : tuple of nodes
        As in a `Network`; only convolutions, linear layers and blocks are drawn.

    Returns
    -------
    dict of str to ndarray
        `item` (``"line"``, ``"arrow"``, ``"box"``, ``"join"``), and its ends `x0`, `y0`, `x1`, `y1`; a box or a join
        is at its first end.
        One unit is the distance of two convolutions.

    Examples
    --------
    >>> from igc_theory.networks import Block, Conv
    >>> from igc_theory.structure import GroupConv
    >>> conv = Conv(GroupConv(4, 4, kernel_size=3))
    >>> columns = architecture_columns((Block("", ((conv, conv), ())),))
    >>> [int((columns["item"] == item).sum()) for item in ("box", "join")]
    [2, 1]
    """
    way_out = "give the nodes of a network, such as network('resnet').nodes"
    kinds: Any = (*get_args(Leaf), Block)
    entries = listed("nodes", nodes, way_out, empty=True)
    checked: tuple[Node, ...] = tuple(
        instance_of(f"nodes[{k}]", node, kinds, way_out) for k, node in enumerate(entries)
    )
    drawing = _Drawing()
    end = drawing.series(checked, (0.0, 0.0))
    drawing.line(end, (end[0] + 0.7, end[1]), "arrow")
    items, *places = zip(*drawing.items, strict=True)
    names = ("x0", "y0", "x1", "y1")
    return {"item": np.array(items), **{n: np.array(values, float) for n, values in zip(names, places, strict=True)}}


def plot_architecture(columns: Columns, ax: Axes | None = None) -> Axes:
    """Draw an architecture from left to right: convolutions as boxes, joins as rings.

    Parameters
    ----------
    columns : mapping of str to sequence
        As `architecture_columns` returns.
    ax : matplotlib.axes.Axes, optional
        Drawn on; by default the axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        Without axis lines, equal scales.

    Raises
    ------
    TypeError, ValueError
        If a column is missing or of the wrong kind.

    Examples
    --------
    >>> from igc_theory.networks import network
    >>> ax = plot_architecture(architecture_columns(network("igc_l24m2", depth=5).nodes))
    >>> len(ax.patches) > 8
    True
    """
    table = checked_columns(columns, numbers=("x0", "y0", "x1", "y1"), words=("item",))
    ax = axes_or_new(ax)
    for x0, y0, x1, y1, item in zip(*table.values(), strict=True):
        if item in ("line", "arrow"):
            _draw_line(ax, (x0, y0), (x1, y1), "-" if item == "line" else "-|>")
        elif item == "box":
            ax.add_patch(Rectangle((x0 - 0.2, y0 - 0.3), 0.4, 0.6, facecolor=PALETTE[4], edgecolor="black", zorder=3))
        else:
            ax.plot(x0, y0, "o", markersize=3.2, markerfacecolor="white", markeredgecolor="black", zorder=3)
    ax.set(xlim=(-0.2, table["x1"].max() + 0.2), ylim=(table["y0"].min() - 0.5, table["y0"].max() + 0.5))
    ax.set_aspect("equal", anchor="W")
    ax.axis("off")
    return ax


def _draw_line(ax: Axes, start: tuple[float, float], end: tuple[float, float], style: str) -> None:
    ax.add_patch(
        FancyArrowPatch(start, end, arrowstyle=style, mutation_scale=4, linewidth=0.7, shrinkA=0, shrinkB=0, zorder=1)
    )


@dataclass
class _Drawing:
    """Items placed so far: kind and both ends."""

    items: list[tuple[str, float, float, float, float]] = field(default_factory=list)

    def line(self, start: tuple[float, float], end: tuple[float, float], item: str = "line") -> None:
        if start != end:
            self.items.append((item, *start, *end))

    def series(self, nodes: tuple[Node, ...], start: tuple[float, float]) -> tuple[float, float]:
        """Place nodes one after the other on the row of `start`; return where the last one ends."""
        at = start
        for node in nodes:
            if isinstance(node, Block):
                at = self.block(node, at)
            elif isinstance(node, (Conv, Linear)):
                centre = (at[0] + 0.5 * _STEP, at[1])
                self.line(at, (centre[0] - 0.2, at[1]), "arrow")
                self.items.append(("box", *centre, *centre))
                at = (centre[0] + 0.2, at[1])
        return at

    def block(self, block: Block, start: tuple[float, float]) -> tuple[float, float]:
        """Place the branches of a block above each other and their join behind the longest."""
        if len(block.branches) == 1:
            return self.series(block.branches[0], start)
        right = start[0] + max(map(_length, block.branches)) + 0.5
        heights = [_height(branch) for branch in block.branches]
        join, top = (right + 0.35, start[1]), start[1] + sum(heights) / 2
        for branch, height in zip(block.branches, heights, strict=True):
            row = top - height / 2
            top -= height
            self.bypass(branch, start, row, right, join)
        self.items.append(("join", *join, *join))
        return (join[0] + 0.12, join[1])

    def bypass(
        self, branch: tuple[Node, ...], start: tuple[float, float], row: float, right: float, join: tuple[float, float]
    ) -> None:
        """Lead one branch out to its row, through its nodes, and back to the join."""
        out = (start[0] + 0.25, row)
        self.line(start, out)
        centred = (out[0] + (right - out[0] - _length(branch)) / 2, row)
        if branch:
            self.line(out, centred)
        end = self.series(branch, centred) if branch else out
        self.line(end, (right, row))
        self.line((right, row), (join[0] - 0.1, join[1]))


def _length(nodes: tuple[Node, ...]) -> float:
    """Return how much room nodes in series take across."""
    total = 0.0
    for node in nodes:
        if isinstance(node, Block):
            several = len(node.branches) > 1
            total += max(map(_length, node.branches)) + (1.0 if several else 0.0)
        elif isinstance(node, (Conv, Linear)):
            total += 0.7 * _STEP
    return total


def _height(nodes: tuple[Node, ...]) -> float:
    """Return how many rows nodes in series take."""
    blocks = [node for node in nodes if isinstance(node, Block)]
    return max([sum(map(_height, node.branches)) for node in blocks], default=_ROW)
