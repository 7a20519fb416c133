"""One layer at its place in a network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import prod
from typing import Any

from numpy.typing import NDArray

from igc_theory.networks.description.layers import Conv, Leaf, Linear, Norm, Operator, Pool, Scale
from igc_theory.networks.description.shapes import Counts
from igc_theory.structure.arguments.sequences import pair_of

__all__ = ["NOTHING", "Layer", "Sizes", "times"]

Array = NDArray[Any]
Weight = Array | Callable[[], "Array | None"] | None

Sizes = tuple[int, ...]
"""Channels, then the sizes of all other axes, of one image's activations."""

NOTHING = Counts()


class _Weight:
    """The weights of a layer, which may be given as a function: then they are read when they are asked for, and kept."""

    def __get__(self, layer: Any, owner: type | None = None) -> Array | None:
        if layer is None:
            return None
        given: Weight = vars(layer)["_weight"]
        if callable(given):
            vars(layer)["_weight"] = given = _read_only(given())
        return given

    def __set__(self, layer: Any, value: Weight | _Weight) -> None:
        vars(layer)["_weight"] = (
            None if isinstance(value, _Weight) else value
        )  # the default of the field is this descriptor


def _read_only(values: Array | None) -> Array | None:
    if values is None:
        return None
    view = values.view()
    view.setflags(write=False)
    return view


@dataclass(frozen=True)
class Layer:
    """One layer at its place in a network: what it is, what it reads and writes, what it costs.

    Attributes
    ----------
    name : str
        Its place, such as ``"stage1.block1.conv2"``.
    node : Conv, Linear, Norm, Scale, Pool, Pad, Slice, Shuffle or Operator
        What it is.
    input_shape, output_shape : tuple of int
        Channels, height, width of what it reads and writes, for one image; depth, height, width where there are three axes.
    weight : ndarray or None
        Its weights, read-only, if they are known: (C_out, C_in/groups, kh, kw), or (out_features, in_features).
    follows : int or None
        The layer whose output channels it reads, one by one and in order, with only activations, biases and scales in between.
        None if there is no such layer (a sum, a concatenation, the image).
    branch : str
        The block, and the branch of it, in which the layer stands; empty outside of blocks and in networks that were read.
    dilation : (int, int)
        Step within the window; it changes the resolution, not the counts.
    held : Counts or None
        Trained numbers that it uses, where a file or a module says so; None for those of `node`. A kernel computed from stored
        numbers has as many as are stored.
    shared : Counts
        Those of `held` that an earlier layer uses too: they are counted there.
    buffers : int
        Stored numbers that it uses and that are not trained: running statistics, frozen filters, quantization scales.
    products : int or None
        Multiply–adds of stored weights with activations for one image; None for those of `node`.
    activation_multiply_adds : int
        Multiply–adds of activations with activations for one image, as in attention.

    Examples
    --------
    >>> from igc_theory.networks import network
    >>> layer = network("resnet18").layers[0]
    >>> layer.kind, layer.output_shape, layer.multiply_adds
    ('regular 7×7 /2', (64, 112, 112), 118013952)
    """

    name: str
    node: Leaf | Operator
    input_shape: Sizes
    output_shape: Sizes
    weight: _Weight = field(default=_Weight(), compare=False, repr=False)
    follows: int | None = None
    branch: str = ""
    dilation: tuple[int, int] = (1, 1)
    held: Counts | None = None
    shared: Counts = NOTHING
    buffers: int = 0
    products: int | None = None
    activation_multiply_adds: int = 0

    @property
    def kind(self) -> str:
        """Word for the tables."""
        dilated = "" if self.dilation == (1, 1) else f", dilated {times(self.dilation)}"
        return f"{self._kind()}{dilated}"

    def _kind(self) -> str:
        match self.node:
            case Conv(convolution=conv):
                return self.node.kind + ("" if conv.strides == (1, 1) else f" /{_short(conv.strides)}")
            case Pool(kind=kind, window=window, stride=stride):
                sides = "" if window is None else times(pair_of("window", window))
                step = _short(pair_of("stride", stride))
                return f"{kind} pool {sides} /{step}" if sides else f"global {kind} pool"
            case Norm(kind=kind) | Operator(kind=kind):
                return kind
        return type(self.node).__name__.lower()

    @property
    def groups(self) -> int | None:
        """Branches of a convolution; None for other layers."""
        return self.node.convolution.groups if isinstance(self.node, Conv) else None

    @property
    def counts(self) -> Counts:
        """Trained numbers that it uses, by what they do."""
        if self.held is not None:
            return self.held
        return self.node.counts if isinstance(self.node, (Conv, Linear, Norm, Scale)) else Counts()

    @property
    def multiply_adds(self) -> int:
        """Multiply–adds for one image: every weight is used once at every output position."""
        if self.products is not None:
            return self.products
        counts = self.counts
        return (counts.convolution + counts.linear) * prod(self.output_shape[1:])

    @property
    def multiplies(self) -> bool:
        """Whether it multiplies activations by weights: a step of the network's depth."""
        return isinstance(self.node, (Conv, Linear)) or bool(self.products)

    @property
    def activations(self) -> int:
        """Numbers that the layer writes for one image."""
        return prod(self.output_shape)


def times(sizes: Sizes) -> str:
    """Return sizes as people write them.

    Examples
    --------
    >>> times((3, 224, 224))
    '3×224×224'
    """
    return "×".join(map(str, sizes))


def _short(steps: tuple[int, int]) -> str:
    vertical, horizontal = steps
    return str(vertical) if vertical == horizontal else times(steps)
