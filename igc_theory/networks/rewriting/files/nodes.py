"""ONNX models with other nodes in place of some dense layers; everything else stays as it is, to the bit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from igc_theory.kernels.arrays import Array
from igc_theory.networks.rewriting.candidates.candidate import Substitute
from igc_theory.networks.rewriting.files.layers import OnnxLayer, attributes
from igc_theory.networks.rewriting.files.weights import read_inside
from igc_theory.networks.rewriting.onnx_chains import chain_nodes
from igc_theory.structure.branches import serial_factors
from igc_theory.structure.factors import GroupConv

try:
    import onnx
    import onnx.numpy_helper
except ImportError:  # rewrite says what to install; to import this module is no error yet
    onnx = None

__all__ = ["with_substitutes"]


def with_substitutes(model: Any, replaced: Sequence[tuple[OnnxLayer, Substitute]], *, fold: bool = True) -> Any:
    """Return a copy of a model in which substitutes stand for some layers.

    Parameters
    ----------
    model : onnx.ModelProto
    replaced : sequence of (OnnxLayer, Substitute)
    fold : bool, default True
        Whether a substitute takes over the batch normalisation of its outputs: it scales its last weights, and adds the shift.
    """
    replaced = [_folded(layer, one) if fold else (replace(layer, norm=None), one) for layer, one in replaced]
    taken = {name for node in model.graph.node for name in [*node.input, *node.output, node.name]}
    taken |= {entry.name for field in ("initializer", "input", "value_info") for entry in getattr(model.graph, field)}
    written: dict[str, list[Any]] = {}
    constants: list[Any] = []
    for layer, substitute in replaced:
        pool = _Pool()
        for node, bias in zip(layer.nodes, layer.biases, strict=True):
            target = layer.norm.operation.outputs[0] if layer.norm else node.output[0]
            writer = _Writer(node, _free_prefix(node.output[0], taken), layer.rank, target)
            writer.write(layer, substitute, bias)
            written[node.output[0]] = pool.shared(writer.nodes, writer.initializers)
        constants += pool.tensors
    norms = [layer.norm.operation for layer, _ in replaced if layer.norm]
    folded = {norm.outputs[0] for norm in norms}
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    rest = (node for node in model.graph.node if not folded.intersection(node.output))
    nodes = [new for old in rest for new in written.get(next(iter(old.output), ""), [old])]
    del copy.graph.node[:]
    copy.graph.node.extend(nodes)
    copy.graph.initializer.extend(constants)
    if model.ir_version < 4:  # files of that time list every array among the inputs
        copy.graph.input.extend(
            onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims) for tensor in constants
        )
    gone = {name for layer, _ in replaced for node in layer.nodes for name in node.input[1:]}
    gone |= {name for norm in norms for name in norm.inputs}
    _remove_unread(copy.graph, gone)
    return copy


def _folded(layer: OnnxLayer, substitute: Substitute) -> tuple[OnnxLayer, Substitute]:
    """Return a layer with the shift of its normalisation in its bias, and a substitute that writes the scaled outputs."""
    if layer.norm is None:
        return layer, substitute
    (bias,), dtype = layer.biases, layer.dense.weight.dtype
    shifts = layer.norm.shifts + (0.0 if bias is None else bias * layer.norm.scales)
    return replace(layer, biases=(shifts.astype(dtype),)), substitute.scaled(layer.norm.scales)


def _free_prefix(name: str, taken: Iterable[str]) -> str:
    """Return a prefix that no name of the model begins with."""
    prefix, number = f"{name}/factors", 1
    while any(other.startswith(prefix) for other in taken):
        number += 1
        prefix = f"{name}/factors{number}"
    return prefix


def _remove_unread(graph: Any, names: set[str]) -> None:
    """Remove those of some arrays that nothing reads any more, and what only computed them."""
    while True:
        read = {name for node in graph.node for name in [*node.input, *read_inside(node)]}
        read |= {entry.name for entry in graph.output}
        unread = {name for name in names if name and name not in read}
        dead = [node for node in graph.node if node.output and all(not name or name in unread for name in node.output)]
        if not unread:
            return
        names = {name for node in dead for name in node.input}
        for node in dead:
            graph.node.remove(node)
        for field in (graph.initializer, graph.value_info):
            for entry in [entry for entry in field if entry.name in unread]:
                field.remove(entry)
        stored = {entry.name for entry in graph.initializer}
        for entry in [entry for entry in graph.input if entry.name in unread - stored]:
            graph.input.remove(entry)


class _Pool:
    """Arrays that several nodes of one layer share: equal ones are stored once."""

    def __init__(self) -> None:
        self.tensors: list[Any] = []
        self._names: dict[bytes, str] = {}

    def shared(self, nodes: list[Any], tensors: list[Any]) -> list[Any]:
        """Add arrays, and return the nodes reading those that were there before."""
        names = {}
        for tensor in tensors:
            nameless = onnx.TensorProto()
            nameless.CopyFrom(tensor)
            nameless.ClearField("name")
            key = nameless.SerializeToString(deterministic=True)
            if key not in self._names:
                self._names[key] = tensor.name
                self.tensors.append(tensor)
            names[tensor.name] = self._names[key]
        for node in nodes:
            node.input[:] = [names.get(name, name) for name in node.input]
        return nodes


class _Writer:
    """The nodes that stand in place of one."""

    def __init__(self, node: Any, prefix: str, rank: int, target: str) -> None:
        self.node, self.prefix, self.rank, self.target = node, prefix, rank, target
        self.name = node.input[0]
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []

    def write(self, layer: OnnxLayer, substitute: Substitute, bias: Array | None) -> None:
        """Write a substitute of a layer, the last node of which writes the target."""
        images = self.node.op_type == "Conv"
        axis = 1 if images else self.rank - 1
        if substitute.inputs is not None:
            self._add("Gather", [self.name, self._constant(substitute.inputs)], axis=axis)
        within = bias if substitute.outputs is None else None
        chain = substitute.product.chain
        if images:
            self._convolve(layer, substitute, within)
        elif layer.dense.weight.dtype == np.float64 or all(_is_dense(factor) for factor in chain.factors):
            self._multiply(substitute, within, layer.dense.weight.dtype)
        else:
            self._connect(layer, substitute, within)
        if substitute.outputs is not None:
            self._add("Gather", [self.name, self._constant(substitute.outputs)], axis=axis)
            if bias is not None:
                sides = (1,) * (self.rank - 2) if images else ()
                self._add("Add", [self.name, self._constant(np.asarray(bias).reshape(-1, *sides))])
        self.nodes[-1].output[0] = self.target
        if layer.dense.weight.dtype == np.float16:
            self.initializers = [_halved(tensor) for tensor in self.initializers]

    def _convolve(self, layer: OnnxLayer, substitute: Substitute, bias: Array | None) -> None:
        """Write a chain of convolutions with the pads and the dilation of the old one."""
        given, axes = attributes(self.node), self.rank - 2
        pads, steps = given.get("pads", [0] * 2 * axes), given.get("dilations", [1] * axes)
        padding = given.get("auto_pad", "NOTSET")
        pads = pads if padding == "NOTSET" else [0] * 2 * axes
        sides = tuple(pads) if axes == 2 else (0, pads[0], 0, pads[1])
        pair = tuple(steps) if axes == 2 else (1, steps[0])
        self._chain(layer, substitute, bias, axes, pads=sides, dilation=pair)
        if padding in ("SAME_UPPER", "SAME_LOWER"):
            self._pad_automatically(padding)

    def _pad_automatically(self, padding: str) -> None:
        """Let the convolution with the window choose its pads as the old one did."""
        for node in self.nodes:
            if node.op_type == "Conv" and max(attributes(node)["kernel_shape"]) > 1:
                kept = [entry for entry in node.attribute if entry.name != "pads"]
                del node.attribute[:]
                node.attribute.extend([*kept, onnx.helper.make_attribute("auto_pad", padding)])

    def _chain(self, layer: OnnxLayer, substitute: Substitute, bias: Array | None, axes: int, **options: Any) -> None:
        dtype = layer.dense.weight.dtype
        written = chain_nodes(
            substitute.product,
            self.name,
            f"{self.prefix}/end",
            prefix=f"{self.prefix}/chain",
            bias=None if bias is None else np.asarray(bias),
            axes=axes,
            dtype=np.float32 if dtype == np.float16 else dtype,
            **options,
        )
        self.name = f"{self.prefix}/end"
        self.nodes += written.nodes
        self.initializers += written.initializers

    def _multiply(self, substitute: Substitute, bias: Array | None, dtype: np.dtype[Any]) -> None:
        """Write a linear layer as products with matrices, which runtimes have for doubles too; convolutions they do not."""
        weights = iter(substitute.product.weights)
        for factor in serial_factors(substitute.product.chain):
            if isinstance(factor, GroupConv):
                self._multiply_blocks(factor, next(weights).astype(dtype))
            else:
                self._add("Gather", [self.name, self._constant(factor.indices)], axis=self.rank - 1)
        if bias is not None:
            self._add("Add", [self.name, self._constant(np.asarray(bias))])

    def _multiply_blocks(self, conv: GroupConv, weight: Array) -> None:
        """Write the product with one matrix, or with one per branch, for which the branches get an axis of their own."""
        if conv.groups == 1:
            self._add("MatMul", [self.name, self._constant(weight[:, :, 0, 0].T)])
            return
        rows = [0] * (self.rank - 1)  # sizes that stay
        blocks = weight.reshape(conv.groups, conv.out_width, conv.in_width).swapaxes(1, 2)
        self._add("Reshape", [self.name, self._constant(np.array([*rows, conv.groups, 1, conv.in_width]))])
        self._add("MatMul", [self.name, self._constant(blocks)])
        self._add("Reshape", [self.name, self._constant(np.array([*rows, conv.out_channels]))])

    def _connect(self, layer: OnnxLayer, substitute: Substitute, bias: Array | None) -> None:
        """Write a linear layer as pointwise convolutions over its channels, which stand last."""
        axes, conv = max(self.rank - 2, 1), layer.dense.convolution
        if self.rank <= 2:
            self._add("Reshape", [self.name, self._constant(np.array([0, substitute.product.chain.in_channels, 1]))])
        else:
            self._add("Transpose", [self.name], perm=[0, self.rank - 1, *range(1, self.rank - 1)])
        self._chain(layer, substitute, bias, axes, pads=(0, 0, 0, 0))
        if self.rank <= 2:
            self._add("Reshape", [self.name, self._constant(np.array([0, conv.out_channels]))])
        else:
            self._add("Transpose", [self.name], perm=[0, *range(2, self.rank), 1])

    def _add(self, kind: str, inputs: list[str], **options: Any) -> None:
        self.name = f"{self.prefix}/{len(self.nodes)}"
        self.nodes.append(onnx.helper.make_node(kind, inputs, [self.name], f"{self.name}/{kind}", **options))

    def _constant(self, array: Array) -> str:
        name = f"{self.prefix}/{len(self.nodes)}/constant"
        self.initializers.append(onnx.numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name


def _is_dense(factor: Any) -> bool:
    return isinstance(factor, GroupConv) and factor.groups == 1


def _halved(tensor: Any) -> Any:
    """Return an array of single precision in half precision, any other as it is."""
    if tensor.data_type != onnx.TensorProto.FLOAT:
        return tensor
    return onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(tensor).astype(np.float16), tensor.name)
