"""The dense layers of an ONNX model: which nodes they are, what they read, and why some stay as they are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from igc_theory.kernels.arrays import Array
from igc_theory.networks.description.graph import Graph
from igc_theory.networks.description.norms import OutputNorm, norms_behind
from igc_theory.networks.rewriting.candidates.target import image_before
from igc_theory.networks.rewriting.dense_layers import DenseLayer, Place, joined_size
from igc_theory.networks.rewriting.files.weights import (
    Kept,
    check_readers,
    read_inside,
    stored_size,
    weights_of,
    zeros_for,
)
from igc_theory.structure.factors import GroupConv

try:
    import onnx
    import onnx.numpy_helper
except ImportError:  # rewrite says what to install; to import this module is no error yet
    onnx = None

__all__ = ["OnnxLayer", "OnnxLayers", "attributes", "onnx_layers"]

FIRST_SHUFFLES = 7
"""Operator set from which shuffles, and linear layers, can be written."""


@dataclass(frozen=True, eq=False)
class OnnxLayer:
    """A dense layer and the nodes that compute it, all with the same weights.

    Attributes
    ----------
    dense : DenseLayer
    nodes : tuple of onnx.NodeProto
    weight : str
        The tensor that they read as weights.
    biases : tuple of ndarray or None
        Of each node.
    rank : int
        How many axes they read; 0 if that is not known.
    norm : OutputNorm or None
        The batch normalisation that alone reads its outputs, and can be folded.
    """

    dense: DenseLayer
    nodes: tuple[Any, ...]
    weight: str
    biases: tuple[Array | None, ...]
    rank: int
    norm: OutputNorm | None = None


@dataclass(frozen=True, eq=False)
class OnnxLayers:
    """What can be replaced in a model, and what stays.

    Attributes
    ----------
    layers : tuple of OnnxLayer
    kept : tuple of (str, str)
        Names of the other convolutions and linear layers, and why they stay.
    """

    layers: tuple[OnnxLayer, ...]
    kept: tuple[tuple[str, str], ...]


@dataclass(frozen=True, eq=False)
class _Read:
    """What one node is: its matrix as a convolution, and its bias."""

    convolution: GroupConv
    kernel: Array
    bias: Array | None


def onnx_layers(
    model: Any, graph: Graph, moments: Mapping[str, Array] | None = None, *, shapes_only: bool = False
) -> OnnxLayers:
    """Return the dense layers of a model whose weights are constants, those that share them as one.

    Parameters
    ----------
    model : onnx.ModelProto
        With all its arrays.
    graph : Graph
        The same as it was read, for shapes and constants.
    moments : mapping of str to ndarray, optional
        Second moments of what a node reads, by the name of its first output.
    shapes_only : bool, default False
        Whether the numbers do not matter, so that weights which are not in the file count as zeros.
    """
    opset = max((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), default=0)
    users: dict[str, list[Any]] = defaultdict(list)
    kept: list[tuple[str, str]] = []
    for node in model.graph.node:
        kept += [(node.name or node.output[0], f"{node.op_type} has a graph of its own, which stays")] * _has_body(node)
        is_reader = node.op_type in _READERS and node.domain in ("", "ai.onnx") and len(node.input) > 1
        if is_reader and node.output[0] not in graph.constants:  # what depends on no input computes weights
            users[node.input[1]].append(node)
    layers, norms = [], _norms(model, graph)
    for weight, nodes in users.items():
        name = nodes[0].name or nodes[0].output[0]
        if nodes[0].op_type == "MatMul" and weight not in graph.constants:
            continue  # a product of activations is no layer
        try:
            found = _layer(model, graph, weight, nodes, opset, moments or {}, shapes_only)
            layers.append(_with_norm(found, norms.get(nodes[0].output[0])))
        except Kept as reason:
            kept.append((name, str(reason)))
    return OnnxLayers(tuple(layers), tuple(kept))


def _has_body(node: Any) -> bool:
    return any(entry.type in (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS) for entry in node.attribute)


def _layer(
    model: Any,
    graph: Graph,
    weight: str,
    nodes: list[Any],
    opset: int,
    moments: Mapping[str, Array],
    shapes_only: bool,
) -> OnnxLayer:
    """Return the layer whose weights some nodes read; Kept if it has to stay."""
    check_readers(model, graph, weight, nodes)
    values = zeros_for(graph, weight) if shapes_only else weights_of(graph, weight)
    read = [_READERS[node.op_type](node, graph, values) for node in nodes]
    first = read[0]
    if any(
        one.convolution != first.convolution or node.op_type != nodes[0].op_type
        for one, node in zip(read, nodes, strict=True)
    ):
        raise Kept("its weights are used by layers of different kinds")
    if first.convolution.is_depthwise or min(first.convolution.in_width, first.convolution.out_channels) < 2:
        raise Kept("depthwise: each output has one input" if first.convolution.is_depthwise else "it has one output")
    if nodes[0].op_type != "Conv" and opset < FIRST_SHUFFLES:
        raise Kept(f"a linear layer of operator set {opset}, below {FIRST_SHUFFLES}")
    rank = values.ndim if nodes[0].op_type == "Conv" else _rank(graph, nodes)
    known = [moments[node.output[0]] for node in nodes if node.output[0] in moments]
    dense = DenseLayer(
        nodes[0].name or nodes[0].output[0],
        first.convolution,
        tuple(_place(graph, node, first.convolution) for node in nodes),
        first.kernel,
        moments=np.mean(known, axis=0) if len(known) == len(nodes) else None,
        plain=opset < FIRST_SHUFFLES or rank not in (2, 3, 4),
        stored=stored_size(graph, weight),
    )
    return OnnxLayer(dense, tuple(nodes), weight, tuple(one.bias for one in read), rank)


def attributes(node: Any) -> dict[str, Any]:
    """Return the attributes of a node by name, text decoded."""
    found = {entry.name: onnx.helper.get_attribute_value(entry) for entry in node.attribute}
    return {name: value.decode() if isinstance(value, bytes) else value for name, value in found.items()}


def _convolution(node: Any, graph: Graph, weight: Array) -> _Read:
    """Return what a Conv is."""
    given, axes = attributes(node), weight.ndim - 2
    if axes not in (1, 2):
        raise Kept(f"a convolution over {axes} axes: images and sequences are handled")
    window, strides = weight.shape[2:], tuple(given.get("strides", [1] * axes))
    if any(given.get("pads", [])) and np.prod(window) == 1:
        raise Kept("it pads what a 1×1 window reads")
    if any(side < 0 for side in given.get("pads", [])):
        raise Kept("it cuts the image by negative pads")
    kernel = weight.reshape(*weight.shape[:2], *(1,) * (2 - axes), *window)
    groups = given.get("group", 1)
    pair = (1, *strides) if axes == 1 else strides
    conv = GroupConv(weight.shape[1] * groups, weight.shape[0], groups, kernel.shape[2:], pair)
    return _Read(conv, kernel, _bias(graph, node, weight.shape[0]))


def _general_product(node: Any, graph: Graph, weight: Array) -> _Read:
    """Return what a Gemm is: ``alpha * x @ weight + beta * bias``."""
    given = attributes(node)
    if given.get("transA", 0):
        raise Kept("it transposes what it reads")
    matrix = weight if given.get("transB", 0) else weight.T
    bias = _bias(graph, node, len(matrix))
    bias = None if bias is None else (given.get("beta", 1.0) * bias).astype(weight.dtype)
    alpha = given.get("alpha", 1.0)
    return _linear(matrix if alpha == 1 else (alpha * matrix).astype(weight.dtype), bias)


def _product(node: Any, graph: Graph, weight: Array) -> _Read:
    """Return what a MatMul with a constant matrix behind the activations is."""
    if weight.ndim != 2:
        raise Kept(f"a product with {weight.ndim} axes of weights: a matrix is handled")
    return _linear(weight.T, None)


def _linear(matrix: Array, bias: Array | None) -> _Read:
    out, into = matrix.shape
    return _Read(GroupConv(into, out), matrix.reshape(out, into, 1, 1), bias)


_READERS: dict[str, Callable[[Any, Graph, Array], _Read]] = {
    "Conv": _convolution,
    "Gemm": _general_product,
    "MatMul": _product,
}


def _bias(graph: Graph, node: Any, outputs: int) -> Array | None:
    """Return the bias of a node, one number per output; Kept if it is none."""
    name = node.input[2] if len(node.input) > 2 else ""
    if not name:
        return None
    if name not in graph.constants:
        raise Kept("its bias is not a constant")
    constant = graph.constants[name]
    values = constant.native()
    if values is None:  # a number stands for those that are not in the file
        values = np.broadcast_to(np.zeros((), constant.dtype), (outputs,) if constant.shape is None else constant.shape)
    try:
        # Not by how many numbers there are: as many as outputs may be one for each row of a batch.
        (bias,) = np.broadcast_to(values, (1, outputs))
    except ValueError:
        raise Kept("its bias is not one number per output") from None
    return np.asarray(bias)


def _norms(model: Any, graph: Graph) -> dict[str, OutputNorm]:
    """Return the batch normalisations behind layers; what the model or a graph within a node reads too has others to serve."""
    seen = {entry.name for entry in model.graph.output}
    seen |= {name for node in model.graph.node for name in read_inside(node)}
    return {name: norm for name, norm in norms_behind(graph).items() if name not in seen}


def _with_norm(layer: OnnxLayer, norm: OutputNorm | None) -> OnnxLayer:
    """Return a layer with the normalisation of its outputs, which stand on axis 1 of a convolution and of a matrix."""
    conv = layer.dense.convolution
    on_outputs = layer.nodes[0].op_type == "Conv" or layer.rank == 2
    if norm is None or len(layer.nodes) > 1 or not on_outputs or norm.scales.shape != (conv.out_channels,):
        return layer
    is_half = layer.dense.weight.dtype == np.float16  # products with the scales may be too large for it
    return replace(layer, dense=replace(layer.dense, scales=norm.scales), norm=None if is_half else norm)


def _rank(graph: Graph, nodes: list[Any]) -> int:
    """Return how many axes the nodes read; 0 if that is not known, or differs."""
    ranks = {len(graph.shapes.get(node.input[0], ())) for node in nodes}
    return ranks.pop() if len(ranks) == 1 else 0


def _place(graph: Graph, node: Any, conv: GroupConv) -> Place:
    """Return height and width of what a node reads and writes for one image; an image of unknown size is what "same" asks for."""
    read, written = (graph.shapes.get(name, ()) for name in (node.input[0], node.output[0]))
    axes = max(len(written) - 2, 0) if node.op_type == "Conv" else 0
    size = joined_size(written, axes, graph.batch)
    is_known = len(read) == len(written) and min(read, default=0) > 0
    return Place(joined_size(read, axes, graph.batch) if is_known else image_before(conv, size), size)
