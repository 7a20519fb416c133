"""The way through an ONNX graph: what is known about each tensor, and how operators without weights pass it on."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import prod
from typing import Any

from igc_theory.networks.description.graph import Array, Graph, Operation, words
from igc_theory.networks.description.layer_graph import NO_SHAPE, Layer, PassedOver
from igc_theory.networks.description.layers import Conv, Leaf, Linear, Pool, Shape

__all__ = ["NOT_A_LAYER", "Walk", "carry", "pair", "weightless"]

NOT_A_LAYER = "an array of numbers in arithmetic that is not a bias, nor a scale and shift a channel"

_CHANNELWISE = words(
    "Add Cast Celu Clip Div Dropout Elu Erf Exp Gelu HardSigmoid HardSwish Identity LeakyRelu Log Max Mean Min "
    "Mish Mul Neg Pow Reciprocal Relu Resize Selu Sigmoid Softplus Softsign Sqrt Sub Sum Swish Tanh "
    "ThresholdedRelu Upsample"
)
"""Operators without weights that leave every channel in its place."""

_OTHER_WEIGHTLESS = words(
    "Abs ArgMax CastLike Concat Constant ConstantOfShape DepthToSpace Equal Expand Flatten Gather Greater "
    "GreaterOrEqual LRN Less LessOrEqual LogSoftmax Not Pad Range ReduceMax ReduceMean ReduceProd ReduceSum "
    "Reshape Shape Size Slice Softmax SpaceToDepth Split Squeeze Tile TopK Transpose Unsqueeze Where"
)
"""Operators without weights behind which a channel is no longer the same channel of the same layer."""


@dataclass
class Walk:
    """What is known on the way through a graph, about each tensor written so far.

    `carried` is the layer whose channels a tensor holds, in order; `raw` the layer whose output it is, biases at most added;
    `depth` the number of convolutions and linear layers on the longest way to it.
    """

    graph: Graph
    layers: list[Layer] = field(default_factory=list)
    passed_over: list[PassedOver] = field(default_factory=list)
    carried: dict[str, int | None] = field(default_factory=dict)
    raw: dict[str, int] = field(default_factory=dict)
    depth: dict[str, int] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)

    def shape(self, name: str, *, channels_last: bool = False) -> Shape | None:
        """Return a tensor's shape as (channels, height, width); None if it is not known or not that of an image."""
        shape = self.graph.shapes.get(name, ())
        if len(shape) > 1 and channels_last:
            return shape[-1], 1, prod(shape[:-1])
        if not 2 <= len(shape) <= 4:
            return None
        channels, *sides = shape[1:]
        height, width = [1] * (2 - len(sides)) + sides
        return channels, height, width

    def name(self, operation: Operation) -> str:
        """Return what to call an operator: by its name, else by its weights, else by what it writes."""
        weights = [name for name in operation.inputs[1:2] if self.graph.is_learned(name)]
        return operation.name or [*weights, *operation.outputs][0]

    def pass_over(self, operation: Operation, reason: str) -> None:
        """List an operator as not counted."""
        numbers = self.graph.held(operation)
        self.passed_over.append(PassedOver(self.name(operation), operation.operator, reason, numbers))

    def append(
        self, operation: Operation, node: Leaf, *, channels_last: bool = False, weight: Array | None = None
    ) -> None:
        """Append a layer, or list the operator if the shapes around it are not known."""
        read = self.shape(operation.inputs[0], channels_last=channels_last)
        written = self.shape(operation.outputs[0], channels_last=channels_last)
        if read is None or written is None:
            self.pass_over(operation, NO_SHAPE)
            return
        follows, output = self.carried.get(operation.inputs[0]), operation.outputs[0]
        dilation = tuple(operation.attributes.get("dilations", ()))
        steps = (1, 1) if isinstance(node, Pool) or not dilation else (dilation[0], dilation[-1])
        layer = Layer(self.name(operation), node, read, written, weight, follows, dilation=steps)
        self.carried[output] = self.raw[output] = len(self.layers)
        self.layers.append(layer)
        self.depth[output] += isinstance(node, (Conv, Linear))

    def extend(self, name: str, node: Leaf) -> None:
        """Give the layer whose raw output is `name` another node: a bias or a normalisation has been found behind it."""
        index = self.raw[name]
        self.layers[index] = replace(self.layers[index], node=node)

    def owner(self, name: str) -> Conv | Linear | None:
        """Return the convolution or linear layer whose raw output this is, if nothing else reads it."""
        if name not in self.raw or self.graph.readers[name] > 1:
            return None
        node = self.layers[self.raw[name]].node
        return node if isinstance(node, (Conv, Linear)) else None


def weightless(walk: Walk, operation: Operation) -> None:
    """Go past an operator that has nothing to count; list it if it is not known to be of that kind."""
    if operation.operator not in _CHANNELWISE | _OTHER_WEIGHTLESS:
        walk.pass_over(operation, "unknown operator")
    elif walk.graph.held(operation) and operation.operator not in ("Resize", "Upsample"):
        walk.pass_over(operation, NOT_A_LAYER)
    if operation.operator in _CHANNELWISE:
        carry(walk, operation)


def carry(walk: Walk, operation: Operation, *, still_raw: bool = False) -> None:
    """Note whose channels the output of a channel-wise operator holds."""
    names = [name for name in operation.inputs if name and name not in walk.graph.constants]
    if operation.operator == "Mul" and len(names) == 2:
        names = _ungated(walk, names)
    elif operation.operator not in ("Add", "Sub", "Mul", "Div", "Sum", "Max", "Min", "Mean", "Pow"):
        names = names[:1]
    carried = {walk.carried.get(name) for name in names}
    walk.carried[operation.outputs[0]] = carried.pop() if len(carried) == 1 else None
    if still_raw:
        walk.raw[operation.outputs[0]] = walk.raw[names[0]]


def _ungated(walk: Walk, names: list[str]) -> list[str]:
    """Return the factors of a product without a gate: one number a channel (squeeze-and-excitation) only scales."""
    shapes = [walk.shape(name) for name in names]
    gates = [shape is not None and shape[1:] == (1, 1) for shape in shapes]
    return [name for name, gate in zip(names, gates, strict=True) if not gate] if sum(gates) == 1 else names


def pair(values: Any, fill: int = 1) -> tuple[int, int]:
    """Return the attribute of one or two spatial axes as (vertical, horizontal)."""
    sides = [int(value) for value in values]
    height, width = [fill] * (2 - len(sides)) + sides
    return height, width
