"""A network as layers: what each is and costs, what follows what, and what the whole costs."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from numpy.typing import NDArray

from igc_theory.networks.description.layers import Conv, Counts, Leaf, Linear, Norm, Pool, Scale, Shape, pair
from igc_theory.networks.description.table import Table

__all__ = ["NO_SHAPE", "Layer", "LayerGraph", "PassedOver"]

Array = NDArray[Any]

NO_SHAPE = "the shape of what it reads or writes is not known"
"""Why a layer is passed over that stands behind an unknown operator, or that the image is too small or large for."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer at its place in a network: what it is, what it reads and writes, what it costs.

    Attributes
    ----------
    name : str
        Its place, such as ``"stage1.block1.conv2"``.
    node : Conv, Linear, Norm, Scale, Pool, Pad, Slice or Shuffle
        What it is.
    input_shape, output_shape : (int, int, int)
        Channels, height, width of what it reads and writes.
    weight : ndarray or None
        Its weights, read-only, if they are known: (C_out, C_in/groups, kh, kw), or (out_features, in_features).
    follows : int or None
        The layer whose output channels it reads, one by one and in order, with nothing but activations, biases and scales in
        between; None if there is no such layer (a sum, a concatenation, the image).
    branch : str
        The block, and the branch of it, in which the layer stands; empty outside of blocks and in networks that were read.
    dilation : (int, int)
        Step within the window; it changes the resolution, not the counts.

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
    weight: Array | None = field(default=None, compare=False, repr=False)
    follows: int | None = None
    branch: str = ""
    dilation: tuple[int, int] = (1, 1)

    @property
    def kind(self) -> str:
        """Word for the tables."""
        dilated = "" if self.dilation == (1, 1) else f", dilated {'×'.join(map(str, self.dilation))}"
        return f"{self._kind()}{dilated}"

    def _kind(self) -> str:
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
        return self.node.counts if isinstance(self.node, (Conv, Linear, Norm, Scale)) else Counts()

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


@dataclass(frozen=True)
class PassedOver:
    """An operator that is not counted, and why.

    Attributes
    ----------
    name, operator : str
    reason : str
    parameters : int
        Numbers that it holds, which the counts of the network leave out.

    Examples
    --------
    >>> PassedOver("mean", "ReduceMean", "is no layer of this library").parameters
    0
    """

    name: str
    operator: str
    reason: str
    parameters: int = 0


@dataclass(frozen=True, eq=False, repr=False)
class LayerGraph:
    """Layers in order of execution, with what follows what: any network, from a file, a module or the zoo.

    Attributes
    ----------
    name : str
    input_shape : (int, int, int)
        Channels, height, width of the image.
    layers : tuple of Layer
        Every layer, in order of execution; the branches of a block one after the other.
    depth : int
        Convolutions and linear layers on the longest way from input to output.
    source : str
        Where the network is described, or what was read.
    passed_over : tuple of PassedOver
        Operators that are not counted: unknown ones, and those of a form that is not a layer.
    open_sides : bool
        Whether a file leaves the size of the image open, so that it was chosen when reading.

    Examples
    --------
    >>> import pytest, pathlib
    >>> onnx = pytest.importorskip("onnx", reason="the extra onnx is not installed")
    >>> from igc_theory.networks import read_onnx
    >>> folder = pathlib.Path(onnx.__file__).parent / "backend/test/data/light"
    >>> resnet = read_onnx(folder / "light_resnet50.onnx")
    >>> resnet.depth, resnet.parameters, resnet.passed_over
    (50, 25557032, ())
    """

    name: str
    input_shape: Shape
    layers: tuple[Layer, ...]
    depth: int
    source: str = ""
    passed_over: tuple[PassedOver, ...] = ()
    open_sides: bool = False

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
    def has_weights(self) -> bool:
        """Whether weights are known, not only the structure."""
        return any(layer.weight is not None for layer in self.layers)

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
        shown = [layer for layer in self.layers if isinstance(layer.node, (Conv, Linear, Pool, Norm, Scale))]
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

    def passed_over_table(self) -> Table:
        """Return what is not counted, a row for each operator and reason."""
        numbers: Counter[tuple[str, str]] = Counter()
        parameters: Counter[tuple[str, str]] = Counter()
        for entry in self.passed_over:
            numbers[entry.operator, entry.reason] += 1
            parameters[entry.operator, entry.reason] += entry.parameters
        columns: dict[str, list[Any]] = {
            "operator": [operator for operator, _ in numbers],
            "times": list(numbers.values()),
            "parameters": [parameters[key] for key in numbers],
            "reason": [reason for _, reason in numbers],
        }
        return Table(f"{self.name}: operators passed over", columns)


def _short(steps: tuple[int, int]) -> str:
    vertical, horizontal = steps
    return str(vertical) if vertical == horizontal else f"{vertical}×{horizontal}"


def _summed(counts: list[Counts]) -> Counts:
    return Counts(*map(sum, zip(*counts, strict=True))) if counts else Counts()
