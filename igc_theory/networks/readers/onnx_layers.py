"""From the operators of an ONNX graph to layers: what is a convolution, a linear layer, a normalisation, a pool."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from igc_theory.networks.description.graph import Graph, Operation
from igc_theory.networks.description.layer_graph import Layer, PassedOver
from igc_theory.networks.description.layers import Conv, Linear, Norm, Pool, Shape
from igc_theory.networks.readers.onnx_patterns import addition, gather, multiplication, reshape
from igc_theory.networks.readers.onnx_walk import Walk, carry, pair, weightless
from igc_theory.structure.factors import GroupConv

__all__ = ["layers_of"]

_NORMS = {
    "BatchNormalization": "batch norm",
    "LayerNormalization": "layer norm",
    "InstanceNormalization": "instance norm",
    "GroupNormalization": "group norm",
}

_POOLS = {"MaxPool": "max", "AveragePool": "average", "GlobalAveragePool": "average", "GlobalMaxPool": "max"}


def layers_of(graph: Graph, image: str) -> tuple[tuple[Layer, ...], int, tuple[PassedOver, ...]]:
    """Return the layers of a graph, the longest way through convolutions and linear layers, and what is passed over.

    Parameters
    ----------
    graph : Graph
    image : str
        The tensor that the network reads.
    """
    walk = Walk(graph, carried={image: None}, depth={image: 0})
    for operation in graph.operations:
        depth = max((walk.depth.get(name, 0) for name in operation.inputs), default=0)
        walk.depth.update(dict.fromkeys(operation.outputs, depth))
        if not walk.done.issuperset(operation.outputs):
            _RULES.get(operation.operator, weightless)(walk, operation)
    return tuple(walk.layers), max(walk.depth.values()), tuple(walk.passed_over)


def _convolution(walk: Walk, operation: Operation) -> None:
    kernel, attributes = operation.reads(1), operation.attributes
    sizes = walk.graph.shapes.get(kernel, ())
    if kernel not in walk.graph.constants or not 3 <= len(sizes) <= 4:
        walk.pass_over(operation, "its kernel is not a constant of one or two spatial axes")
        return
    groups, strides = int(attributes.get("group", 1)), pair(attributes.get("strides", (1, 1)))
    window = pair(sizes[2:])
    conv = GroupConv(sizes[1] * groups, sizes[0], groups, window, strides)
    padding = pair(attributes["pads"][: len(sizes) - 2], 0) if "pads" in attributes else (0, 0)
    if attributes.get("auto_pad", "NOTSET").startswith("SAME"):
        padding = window[0] // 2, window[1] // 2
    values = walk.graph.constants[kernel].values()
    weight = None if values is None else values.reshape(sizes[0], sizes[1], *window)
    walk.append(operation, Conv(conv, batch_norm=False, bias=bool(operation.reads(2)), padding=padding), weight=weight)


def _gemm(walk: Walk, operation: Operation) -> None:
    if operation.inputs[1] not in walk.graph.constants or operation.attributes.get("transA", 0):
        walk.pass_over(operation, "it multiplies activations by activations")
        return
    rows_are_outputs = bool(operation.attributes.get("transB", 0))
    _linear(walk, operation, rows_are_outputs=rows_are_outputs, bias=bool(operation.reads(2)))


def _matmul(walk: Walk, operation: Operation) -> None:
    matrix = operation.inputs[1]
    if matrix not in walk.graph.constants or len(walk.graph.shapes.get(matrix, ())) != 2:
        walk.pass_over(operation, "it multiplies activations by activations")
        return
    _linear(walk, operation, rows_are_outputs=False, bias=False)


def _linear(walk: Walk, operation: Operation, *, rows_are_outputs: bool, bias: bool) -> None:
    matrix = operation.inputs[1]
    sizes, values = walk.graph.shapes[matrix], walk.graph.constants[matrix].values()
    out_features, in_features = sizes if rows_are_outputs else sizes[::-1]
    weight = values if values is None or rows_are_outputs else values.T
    walk.append(operation, Linear(in_features, out_features, bias), channels_last=True, weight=weight)


def _batch_norm(walk: Walk, operation: Operation) -> None:
    source = operation.inputs[0]
    owner = walk.owner(source)
    if isinstance(owner, Conv) and not owner.batch_norm:
        walk.extend(source, replace(owner, batch_norm=True))
        carry(walk, operation)
    else:
        _norm(walk, operation)


def _norm(walk: Walk, operation: Operation) -> None:
    node = Norm(walk.graph.size(operation.inputs[1]), _NORMS[operation.operator])
    walk.append(operation, node, channels_last=operation.operator == "LayerNormalization")


def _pool(walk: Walk, operation: Operation) -> None:
    kind, attributes = _POOLS[operation.operator], operation.attributes
    read, written = walk.shape(operation.inputs[0]), walk.shape(operation.outputs[0])
    if operation.operator.startswith("Global") or _covers(attributes["kernel_shape"], read, written):
        walk.append(operation, Pool(kind))
        return
    axes = len(attributes["kernel_shape"])
    pads = tuple(attributes.get("pads", (0,) * 2 * axes))
    # Padding behind the image only is what rounding up asks for.
    round_up = bool(attributes.get("ceil_mode", 0)) or pads[axes:] > pads[:axes]
    strides = pair(attributes.get("strides", (1,) * axes))
    walk.append(operation, Pool(kind, pair(attributes["kernel_shape"]), strides, pair(pads[:axes], 0), round_up))


def _covers(window: Sequence[int], read: Shape | None, written: Shape | None) -> bool:
    """Return whether one window takes in the whole image."""
    if read is None or written is None or written[1:] != (1, 1):
        return False
    return all(side >= size for side, size in zip(pair(window), read[1:], strict=True))


_RULES: dict[str, Callable[[Walk, Operation], None]] = {
    "Conv": _convolution,
    "Gemm": _gemm,
    "MatMul": _matmul,
    **dict.fromkeys(_NORMS, _norm),
    "BatchNormalization": _batch_norm,
    "Add": addition,
    "Mul": multiplication,
    "Reshape": reshape,
    "Gather": gather,
    **dict.fromkeys(_POOLS, _pool),
}
"""What is done with an operator; all others have nothing to count, or are passed over."""
