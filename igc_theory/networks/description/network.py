"""A network as nodes in series, of which the layers and what follows what are worked out."""

from __future__ import annotations

from collections import Counter

from igc_theory.networks.description.layer_graph import Layer, LayerGraph
from igc_theory.networks.description.layers import Conv, Linear, Shape
from igc_theory.networks.description.nodes import Block, Node, nodes_of
from igc_theory.networks.description.shapes import shape_of
from igc_theory.structure.arguments.kinds import text

__all__ = ["Network"]


class Network(LayerGraph):
    """A network whose nodes stand in series, some of them blocks of branches.

    Parameters
    ----------
    name : str
        As given to `network`.
    input_shape : (int, int, int)
        Channels, height, width of the image.
    nodes : tuple of nodes
        In series; see `igc_theory.networks.description.layers`.
    source : str, default ""
        Where the architecture is described.

    Raises
    ------
    ValueError
        If neighbouring nodes do not fit.

    Examples
    --------
    >>> from igc_theory.networks import network
    >>> resnet = network("resnet50")
    >>> resnet.parameters, resnet.multiply_adds
    (25557032, 4089184256)
    >>> resnet.counts
    Counts(convolution=23454912, batch_norm=53120, linear=2048000, bias=1000)
    >>> resnet
    resnet50: 25,557,032 parameters, 4,089,184,256 multiply–adds at 3×224×224

    One of two layers:

    >>> from igc_theory.networks import Conv, Pool
    >>> from igc_theory.structure import GroupConv
    >>> Network("by hand", (3, 8, 8), (Conv(GroupConv(3, 4, kernel_size=3)), Pool("average")))
    by hand: 116 parameters, 6,912 multiply–adds at 3×8×8
    """

    input_shape: Shape
    nodes: tuple[Node, ...]

    def __init__(self, name: str, input_shape: Shape, nodes: tuple[Node, ...], source: str = "") -> None:
        layers: list[Layer] = []
        name, source = text("name", name), text("source", source)
        input_shape, nodes = shape_of("input_shape", input_shape), nodes_of("nodes", nodes)
        try:
            _walk(nodes, input_shape, "", layers, None)
        except ValueError as error:
            raise ValueError(f"nodes do not fit input_shape={input_shape} or each other: {error}") from error
        super().__init__(name, input_shape, tuple(layers), _depth(nodes), source)
        object.__setattr__(self, "nodes", nodes)

    @property
    def blocks(self) -> tuple[Block, ...]:
        """The blocks in order; those inside a block are not listed."""
        return tuple(node for node in self.nodes if isinstance(node, Block))


def _walk(
    nodes: tuple[Node, ...], shape: Shape, prefix: str, layers: list[Layer], before: int | None
) -> tuple[Shape, int | None]:
    """Append the layers of `nodes`, numbered by kind within their branch; return the shape behind them, and the last layer.

    `before` is the layer whose channels the first node reads; behind a join there is none.
    """
    seen: Counter[str] = Counter()
    for node in nodes:
        if isinstance(node, Block):
            ends = [_walk(branch, shape, name, layers, before) for name, branch in _branches(node, prefix)]
            shape, before = node.joined([end for end, _ in ends]), ends[0][1] if len(node.paths) == 1 else None
            continue
        word, read, shape = type(node).__name__.lower(), shape, node.output(shape)
        seen[word] += 1
        layers.append(Layer(f"{prefix}{word}{seen[word]}", node, read, shape, follows=before, branch=prefix))
        before = len(layers) - 1
    return shape, before


def _branches(block: Block, prefix: str) -> list[tuple[str, tuple[Node, ...]]]:
    """Return prefix and nodes of each branch; branches have letters if more than one has layers."""
    name = f"{prefix}{block.name}." if block.name else prefix
    several = sum(bool(branch) for branch in block.branches) > 1
    return [(f"{name}{chr(97 + k)}." if several else name, branch) for k, branch in enumerate(block.branches)]


def _depth(nodes: tuple[Node, ...]) -> int:
    return sum(
        max(map(_depth, node.paths)) if isinstance(node, Block) else isinstance(node, (Conv, Linear)) for node in nodes
    )
