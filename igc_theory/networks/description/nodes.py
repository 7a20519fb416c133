"""Layers in series and side by side: what a network is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from igc_theory.networks.description.layers import Leaf
from igc_theory.networks.description.shapes import Shape, shape_of
from igc_theory.structure.arguments.kinds import choice_of, instance_of, settle, shown, text
from igc_theory.structure.arguments.sequences import listed

__all__ = ["Block", "Node", "nodes_of"]


@dataclass(frozen=True, slots=True)
class Block:
    """Branches side by side that read the same input, joined at their ends.

    Parameters
    ----------
    name : str
        ``"stage.block"``; what stands before the first point names the stage.
    branches : tuple of tuple of nodes
        Each a series of nodes; ``()`` is the identity. One branch alone is a block without a shortcut.
    join : str, default "add"
        ``"add"`` and ``"mean"`` need equal shapes, ``"concat"`` equal resolutions. ``"multiply"`` weighs the first branch by the
        others, which are gates: of its shape, or one number per channel (squeeze-and-excitation [Hu2018]).

    Examples
    --------
    >>> from igc_theory.networks.description.layers import Conv
    >>> from igc_theory.structure import GroupConv
    >>> conv = Conv(GroupConv(16, 16, kernel_size=3))
    >>> Block("stage1.block1", ((conv, conv), ())).output((16, 32, 32))
    (16, 32, 32)

    A gate costs what its layers cost, and is no path of its own:

    >>> from igc_theory.networks import Pool
    >>> gate = (Pool("average"), Conv(GroupConv(16, 16), batch_norm=False, bias=True))
    >>> gated = Block("stage1.gate", ((), gate), "multiply")
    >>> gated.output((16, 32, 32)), gated.paths
    ((16, 32, 32), ((),))
    """

    name: str
    branches: tuple[tuple[Node, ...], ...]
    join: str = "add"

    def __post_init__(self) -> None:
        branches = listed("branches", self.branches, "give at least one series of nodes")
        series = tuple(nodes_of(f"branches[{k}]", branch, empty=True) for k, branch in enumerate(branches))
        join = choice_of("join", self.join, ("add", "mean", "concat", "multiply"))
        settle(self, name=text("name", self.name), branches=series, join=join)

    @property
    def stage(self) -> str:
        """What stands before the first point of the name."""
        return self.name.partition(".")[0]

    @property
    def paths(self) -> tuple[tuple[Node, ...], ...]:
        """The branches that lead from input to output: all of them, but of a product only the first, which the others weigh."""
        return self.branches[:1] if self.join == "multiply" else self.branches

    def joined(self, ends: list[Shape]) -> Shape:
        """Return the shape behind branches that end in shapes `ends`; ValueError if these do not fit.

        Examples
        --------
        >>> Block("mixed", ((), ()), "concat").joined([(16, 8, 8), (24, 8, 8)])
        (40, 8, 8)
        """
        ends = [shape_of(f"ends[{k}]", end) for k, end in enumerate(listed("ends", ends, "give a shape per branch"))]
        first, rest = ends[0], ends[1:]
        if self.join == "concat":
            fits = all(end[1:] == first[1:] for end in rest)
            first = sum(end[0] for end in ends), *first[1:]
        elif self.join == "multiply":
            fits = all(end in (first, (first[0], 1, 1)) for end in rest)
        else:
            fits = all(end == first for end in rest)
        if not fits:
            raise ValueError(f"block {self.name!r} cannot {self.join} shapes ends={shown(ends)}: make them equal")
        return first

    def output(self, shape: Shape) -> Shape:
        """Return the shape it writes."""
        return self.joined([_end(branch, shape) for branch in self.branches])


Node = Leaf | Block


def nodes_of(name: str, value: Any, *, empty: bool = False) -> tuple[Node, ...]:
    """Return nodes in series.

    Examples
    --------
    >>> nodes_of("nodes", [3])
    Traceback (most recent call last):
    ...
    TypeError: nodes[0]=3 is an int: give a layer, such as Conv, or a block
    """
    nodes = listed(name, value, "give a tuple of layers, such as Conv, and blocks", empty=empty)
    for k, node in enumerate(nodes):
        instance_of(f"{name}[{k}]", node, (Leaf, Block), "give a layer, such as Conv, or a block")
    return tuple(nodes)


def _end(nodes: tuple[Node, ...], shape: Shape) -> Shape:
    for node in nodes:
        shape = node.output(shape)
    return shape
