"""A whole network: layers with their resolutions, exact counts, and a summary table."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from igc_theory.networks.layers import Conv, Counts, Leaf, Linear, Norm, Pool, Shape, pair
from igc_theory.networks.nodes import Block, Node
from igc_theory.networks.table import Table

__all__ = ["Layer", "Network"]


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer at its place in a network: what it is, what it reads and writes, what it costs.

    Attributes
    ----------
    name : str
        Its place, such as ``"stage1.block1.conv2"``.
    node : Conv, Linear, Norm, Pool, Pad or Shuffle
        What it is.
    input_shape, output_shape : (int, int, int)
        Channels, height, width of what it reads and writes.

    Examples
    --------
    >>> from igc_theory.networks import network
    >>> layer = network("resnet18").layers[0]
    >>> layer.kind, layer.output_shape, layer.multiply_adds
    ('regular 7×7 /2', (64, 112, 112), 118013952)
    """

    name: str
    node: Leaf
    input_shape: Shape
    output_shape: Shape

    @property
    def kind(self) -> str:
        """Word for the tables."""
        match self.node:
            case Conv(convolution=conv):
                return self.node.kind + ("" if conv.strides == (1, 1) else f" /{_short(conv.strides)}")
            case Pool(kind=kind, window=window, stride=stride):
                sides = "" if window is None else "×".join(map(str, pair(window)))
                return f"{kind} pool {sides} /{_short(pair(stride))}" if sides else f"global {kind} pool"
            case Norm(kind=kind):
                return kind
        return type(self.node).__name__.lower()

    @property
    def groups(self) -> int | None:
        """Branches of a convolution; None for other layers."""
        return self.node.convolution.groups if isinstance(self.node, Conv) else None

    @property
    def counts(self) -> Counts:
        """Its parameters."""
        return self.node.counts if isinstance(self.node, (Conv, Linear, Norm)) else Counts()

    @property
    def multiply_adds(self) -> int:
        """Multiply–adds for one image: every weight is used once at every output position."""
        counts, (_, height, width) = self.counts, self.output_shape
        return (counts.convolution + counts.linear) * height * width

    @property
    def responses(self) -> int:
        """Numbers that the layer writes for one image."""
        channels, height, width = self.output_shape
        return channels * height * width


@dataclass(frozen=True, eq=False, repr=False)
class Network:
    """A network as data.

    Parameters
    ----------
    name : str
        As given to `network`.
    input_shape : (int, int, int)
        Channels, height, width of the image.
    nodes : tuple of nodes
        In series; see `igc_theory.networks.layers`.
    source : str, default ""
        Where the architecture is described.

    Raises
    ------
    ValueError
        On first use, if neighbouring nodes do not fit.

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
    """

    name: str
    input_shape: Shape
    nodes: tuple[Node, ...]
    source: str = ""

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """Every layer, in order; the branches of a block one after the other."""
        layers: list[Layer] = []
        _walk(self.nodes, self.input_shape, "", layers)
        return tuple(layers)

    @cached_property
    def counts(self) -> Counts:
        """(convolution, batch_norm, linear, bias): parameters by what they do, exact."""
        return _summed([layer.counts for layer in self.layers])

    @property
    def classifier_counts(self) -> Counts:
        """Parameters of the last linear layer."""
        linear = [layer.counts for layer in self.layers if isinstance(layer.node, Linear)]
        return linear[-1] if linear else Counts()

    @property
    def parameters(self) -> int:
        """All trained parameters."""
        return self.counts.total

    @cached_property
    def multiply_adds(self) -> int:
        """Multiply–adds of convolutions and linear layers for one image of `input_shape`."""
        return sum(layer.multiply_adds for layer in self.layers)

    @property
    def activations(self) -> int:
        """Numbers written by convolutions and linear layers for one image: what training must keep."""
        return sum(layer.responses for layer in self.layers if isinstance(layer.node, (Conv, Linear)))

    @property
    def peak_activations(self) -> int:
        """Largest count of numbers that one layer reads and writes: a floor for the memory of inference.

        Shortcuts that wait beside a block come on top; a batch-norm or activation is taken in place.
        """
        computing = (layer for layer in self.layers if isinstance(layer.node, (Conv, Linear, Pool)))
        sizes = ((layer.input_shape, layer.output_shape) for layer in computing)
        return max((c * h * w + d * i * j for (c, h, w), (d, i, j) in sizes), default=0)

    @property
    def blocks(self) -> tuple[Block, ...]:
        """The blocks in order; those inside a block are not listed."""
        return tuple(node for node in self.nodes if isinstance(node, Block))

    @property
    def depth(self) -> int:
        """Convolutions and linear layers on the longest way from input to output."""
        return _depth(self.nodes)

    def table(self) -> Table:
        """Return the summary: a row a layer with its output shape, groups, parameters and multiply–adds, and the totals.

        Examples
        --------
        >>> from igc_theory.networks import network
        >>> print(network("igc_l24m2", depth=5).table())
        igc_l24m2(depth=5): 3×32×32 in, longest way through 8 layers
        layer                kind                 output    groups  parameters  multiply–adds
        conv1                regular 3×3          48×32×32       1       1,392      1,327,104
        stage1.layer1.conv1  group 3×3            48×32×32      24         864        884,736
        stage1.layer1.conv2  group 1×1            48×32×32       2       1,248      1,179,648
        stage2.layer1.conv1  group 3×3 /2         96×16×16      24       1,728        442,368
        stage2.layer1.conv2  group 1×1            96×16×16       4       2,496        589,824
        stage3.layer1.conv1  group 3×3 /2         192×8×8       24       6,912        442,368
        stage3.layer1.conv2  group 1×1            192×8×8        8       4,992        294,912
        pool1                global average pool  192×1×1
        linear1              linear               10×1×1                 1,930          1,920
        -------------------------------------------------------------------------------------
        total                                                           21,562      5,162,880
        """
        shown = [layer for layer in self.layers if isinstance(layer.node, (Conv, Linear, Pool, Norm))]
        totals = {"layer": "total", "parameters": self.parameters, "multiply–adds": self.multiply_adds}
        columns: dict[str, list[Any]] = {
            "layer": [layer.name for layer in shown],
            "kind": [layer.kind for layer in shown],
            "output": [layer.output_shape for layer in shown],
            "groups": [layer.groups for layer in shown],
            "parameters": [layer.counts.total or None for layer in shown],
            "multiply–adds": [layer.multiply_adds or None for layer in shown],
        }
        channels, height, width = self.input_shape
        return Table(
            f"{self.name}: {channels}×{height}×{width} in, longest way through {self.depth} layers", columns, totals
        )

    def __repr__(self) -> str:
        channels, height, width = self.input_shape
        size = f"{self.parameters:,} parameters, {self.multiply_adds:,} multiply–adds"
        return f"{self.name}: {size} at {channels}×{height}×{width}"

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()


def _short(steps: tuple[int, int]) -> str:
    vertical, horizontal = steps
    return str(vertical) if vertical == horizontal else f"{vertical}×{horizontal}"


def _walk(nodes: tuple[Node, ...], shape: Shape, prefix: str, layers: list[Layer]) -> Shape:
    """Append the layers of `nodes`, numbered by kind within their branch, and return the shape behind them."""
    seen: Counter[str] = Counter()
    for node in nodes:
        if isinstance(node, Block):
            shape = node.joined([_walk(nodes, shape, name, layers) for name, nodes in _branches(node, prefix)])
            continue
        word, read, shape = type(node).__name__.lower(), shape, node.output(shape)
        seen[word] += 1
        layers.append(Layer(f"{prefix}{word}{seen[word]}", node, read, shape))
    return shape


def _branches(block: Block, prefix: str) -> list[tuple[str, tuple[Node, ...]]]:
    """Return prefix and nodes of each branch; branches have letters if more than one has layers."""
    name = f"{prefix}{block.name}." if block.name else prefix
    several = sum(bool(branch) for branch in block.branches) > 1
    return [(f"{name}{chr(97 + k)}." if several else name, branch) for k, branch in enumerate(block.branches)]


def _summed(counts: list[Counts]) -> Counts:
    return Counts(*map(sum, zip(*counts, strict=True))) if counts else Counts()


def _depth(nodes: tuple[Node, ...]) -> int:
    return sum(
        max(map(_depth, node.branches)) if isinstance(node, Block) else isinstance(node, (Conv, Linear))
        for node in nodes
    )
