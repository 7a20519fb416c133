"""Networks from ONNX files: layers with the shapes of the graph, and weights where the file has them.

The only module that imports onnx (``pip install "igc_theory[onnx]"``).
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from igc_theory.networks.description.graph import Array, Constant, Graph, Operation, Stored, words
from igc_theory.networks.description.layer_graph import LayerGraph
from igc_theory.networks.readers.onnx_layers import layers_of
from igc_theory.structure.arguments import positive_int

try:
    import onnx
    import onnx.inliner
    import onnx.numpy_helper
    import onnx.reference
    import onnx.shape_inference
except ImportError:  # read_onnx says what to install; to import this module is no error yet
    onnx = None

__all__ = ["read_onnx"]

Shape = tuple[int, int, int]
Values = dict[str, Array | None]

OPEN_SIDE = 224
"""Height and width of the image where the file leaves them open."""

_SMALL = 4096
"""Entries up to which a constant takes part in shape inference; larger ones are weights."""

_FOLDED = words(
    "Add Cast Concat Constant ConstantOfShape DequantizeLinear Div Equal Expand Flatten Floor Gather Identity Max "
    "Min Mul Neg Range ReduceProd Reshape Shape Size Slice Split Sqrt Squeeze Sub Tile Transpose Unsqueeze Where"
)
"""Operators that are evaluated when they depend on constants and shapes only."""


def read_onnx(path: str | os.PathLike[str], *, input_shape: Shape | None = None) -> LayerGraph:
    """Return the network that an ONNX file describes.

    Conv, Gemm, MatMul with a constant, BatchNormalization and LayerNormalization become layers; a bias or a batch normalisation
    right behind a convolution is counted with it, and a trained scale and shift a channel counts as a normalisation.
    Reshape–Transpose–Reshape, and Gather along the channels, become the channel permutation that they are. Activations, joins and
    arithmetic with single numbers have nothing to count. All else is passed over and listed in `passed_over`, with the numbers it
    holds. A weight that several layers share is counted in each.

    Parameters
    ----------
    path : str or path-like
        The file; weights in further files beside it are read too, if they are there.
    input_shape : (int, int, int), optional
        Channels, height, width of the image, where the file leaves them open. By default height and width are then 224.

    Returns
    -------
    LayerGraph
        Its layers know their `weight` (None in a file without weights) and the layer that they follow.

    Raises
    ------
    ImportError
        If the package onnx is missing.
    OSError
        If the file cannot be read.
    ValueError
        If it is cut off or not an ONNX model, or `input_shape` does not fit.

    Examples
    --------
    >>> import pytest, pathlib
    >>> onnx = pytest.importorskip("onnx", reason="the extra onnx is not installed")
    >>> folder = pathlib.Path(onnx.__file__).parent / "backend/test/data/light"
    >>> read_onnx(folder / "light_resnet50.onnx").multiply_adds
    4089184256
    """
    if onnx is None:
        raise ImportError('read_onnx needs the package onnx: pip install "igc_theory[onnx]"')
    path = Path(path)
    model = _loaded(path)
    image, shape, open_sides = _with_fixed_image(model, input_shape, path)
    graph = _graph(model, path, image)
    layers, longest, passed_over = layers_of(graph, image)
    opset = max(entry.version for entry in model.opset_import)
    sides = "; the file leaves the size of the image open" if open_sides else ""
    return LayerGraph(
        name=path.stem,
        input_shape=shape,
        layers=layers,
        depth=longest,
        source=f"{path.name}, ONNX operator set {opset}{sides}",
        passed_over=passed_over,
        open_sides=open_sides,
    )


def _loaded(path: Path) -> Any:
    """Return the model with its local functions inlined, after checking that it is one."""
    try:
        model = onnx.load_model_from_string(path.read_bytes())
    except OSError:
        raise
    except Exception as error:  # the parser's own error class belongs to another package
        raise ValueError(_refusal(path, str(error))) from error
    if not model.graph.node or not model.opset_import:
        raise ValueError(_refusal(path, "it has no graph" if not model.graph.node else "it names no operator set"))
    if model.functions:
        model = onnx.inliner.inline_local_functions(model)
    _check_names(model.graph, path)
    # Weights in further files may not be there: the structure can be read all the same.
    with suppress(OSError, ValueError, onnx.checker.ValidationError):
        onnx.load_external_data_for_model(model, str(path.parent))
    return model


def _refusal(path: Path, reason: str) -> str:
    return f"path={str(path)!r} is not an ONNX model, or is cut off ({reason}): export or copy it again"


def _check_names(graph: Any, path: Path) -> None:
    """Refuse a graph in which a node reads what nothing writes."""
    written = {entry.name for entry in [*graph.input, *graph.initializer]} | {""}
    written |= {sparse.values.name for sparse in graph.sparse_initializer}
    for node in graph.node:
        missing = [name for name in node.input if name not in written]
        if missing:
            raise ValueError(_refusal(path, f"{node.op_type} {node.name!r} reads {missing[0]!r}, which nothing writes"))
        written |= set(node.output)


def _with_fixed_image(model: Any, input_shape: Shape | None, path: Path) -> tuple[str, Shape, bool]:
    """Give the image a batch of one and a size; return its name, its shape, and whether the file leaves that open."""
    graph = model.graph
    stored = {entry.name for entry in graph.initializer}
    read = {name for node in graph.node for name in node.input}
    inputs = [entry for entry in graph.input if entry.name not in stored and entry.name in read]
    if not inputs:
        raise ValueError(f"path={str(path)!r} has no input that a node reads: export the network with its input")
    dims = inputs[0].type.tensor_type.shape.dim
    sizes = [dim.dim_value if dim.dim_value > 0 else None for dim in dims]
    if not 2 <= len(sizes) <= 4:
        raise ValueError(
            f"path={str(path)!r} reads {inputs[0].name!r} with {len(sizes)} axes: networks of images (N, C, H, W), "
            "sequences (N, C, W) and vectors (N, C) can be read"
        )
    shape = _image_shape(sizes[1:], input_shape)
    for dim, size in zip(dims, (1, *_axes(shape, len(sizes))), strict=True):
        dim.dim_value = size
    for other in inputs[1:]:
        for dim in other.type.tensor_type.shape.dim[:1]:
            dim.dim_value = dim.dim_value or 1
    for output in graph.output:
        output.type.tensor_type.ClearField("shape")
    del graph.value_info[:]
    return inputs[0].name, shape, None in sizes[1:]


def _axes(shape: Shape, rank: int) -> tuple[int, ...]:
    """Return the axes of an image behind the batch, for a tensor with `rank` axes."""
    channels, height, width = shape
    return {2: (channels,), 3: (channels, width), 4: (channels, height, width)}[rank]


def _image_shape(sizes: list[int | None], given: Shape | None) -> Shape:
    """Return (channels, height, width) from the sizes in the file and those given."""
    if given is not None:
        if not isinstance(given, (tuple, list)) or len(given) != 3:
            raise ValueError(f"input_shape={given!r} is not (channels, height, width): give three integers")
        shape = tuple(positive_int(f"input_shape[{k}]", size) for k, size in enumerate(given))
        expected = [sizes[0], *([1] * (3 - len(sizes))), *sizes[1:]]
        if any(known not in (None, size) for known, size in zip(expected, shape, strict=True)):
            shown = tuple("any" if size is None else size for size in expected)
            raise ValueError(f"input_shape={shape} does not fit the file, whose image is {shown}: change it there")
        return shape[0], shape[1], shape[2]
    if sizes[0] is None:
        raise ValueError("the file leaves the channels of the image open: give input_shape=(channels, height, width)")
    sides = [OPEN_SIDE if size is None else size for size in sizes[1:]]
    height, width = [1] * (2 - len(sides)) + sides
    return sizes[0], height, width


def _graph(model: Any, path: Path, image: str) -> Graph:
    """Return the model as plain data, with the shapes of all tensors and the values of all constants."""
    operations = tuple(_operation(node) for node in model.graph.node)
    values: Values = {}
    for tensor in model.graph.initializer:
        values[tensor.name] = _array(tensor)
    shapes = {name: array.shape for name, array in values.items() if array is not None}
    shapes |= {tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer}
    _without_weights(model.graph, values)
    try:
        shapes |= _inferred(model, values)
    except onnx.shape_inference.InferenceError as error:
        raise ValueError(_refusal(path, " ".join(str(error).split()))) from error
    kept = tuple(entry for entry in operations if not set(entry.outputs) <= set(values))
    constants = {name: _constant(name, array, shapes.get(name)) for name, array in values.items()}
    stored = {name: Stored(constant.shape or (), constant.dtype) for name, constant in constants.items()}
    return Graph(kept, shapes, constants, (image,), stored)


def _constant(name: str, array: Array | None, shape: tuple[int, ...] | None) -> Constant:
    return Constant(shape, "float32" if array is None else array.dtype.name, frozenset([name]), lambda: array)


def _operation(node: Any) -> Operation:
    attributes = {entry.name: onnx.helper.get_attribute_value(entry) for entry in node.attribute}
    return Operation(
        node.op_type if node.domain in ("", "ai.onnx") else f"{node.domain}.{node.op_type}",
        node.name,
        tuple(node.input),
        tuple(node.output),
        {name: value.decode() if isinstance(value, bytes) else value for name, value in attributes.items()},
    )


def _array(tensor: Any) -> Array | None:
    """Return a tensor's values; None if they are in a file that is not there."""
    if tensor.data_location == onnx.TensorProto.EXTERNAL:
        return None
    return np.asarray(onnx.numpy_helper.to_array(tensor))


def _without_weights(graph: Any, values: Values) -> None:
    """Turn large constants into inputs: shape inference needs their sizes only."""
    small = [tensor for tensor in graph.initializer if tensor.data_location != onnx.TensorProto.EXTERNAL]
    small = [tensor for tensor in small if np.prod(tensor.dims, initial=1) <= _SMALL]
    kept, declared = {tensor.name for tensor in small}, {entry.name for entry in graph.input}
    for tensor in graph.initializer:
        if tensor.name not in kept and tensor.name not in declared:
            graph.input.append(onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims))
    del graph.initializer[:]
    graph.initializer.extend(small)


def _inferred(model: Any, values: Values) -> dict[str, tuple[int, ...]]:
    """Return all shapes; constants found on the way are added to `values` and make further shapes known."""
    while True:
        shapes = _shapes(onnx.shape_inference.infer_shapes(model).graph)
        found = _folded(model, shapes, values)
        if not found:
            return shapes
        left = [node for node in model.graph.node if not set(node.output) & set(found)]
        del model.graph.node[:]
        model.graph.node.extend(left)
        for name, array in found.items():
            _declare(model.graph, name, array)


def _declare(graph: Any, name: str, array: Array) -> None:
    """Put a constant into the graph in place of the node that computed it."""
    if array.size <= _SMALL:
        graph.initializer.append(onnx.numpy_helper.from_array(array, name))
    kind = onnx.helper.np_dtype_to_tensor_dtype(array.dtype)
    graph.input.append(onnx.helper.make_tensor_value_info(name, kind, array.shape))


def _shapes(graph: Any) -> dict[str, tuple[int, ...]]:
    """Return the shapes that are known in every axis."""
    shapes = {}
    for entry in [*graph.input, *graph.value_info, *graph.output]:
        tensor = entry.type.tensor_type
        if tensor.HasField("shape") and all(dim.HasField("dim_value") for dim in tensor.shape.dim):
            shapes[entry.name] = tuple(int(dim.dim_value) for dim in tensor.shape.dim)
    return shapes


def _folded(model: Any, shapes: dict[str, tuple[int, ...]], values: Values) -> dict[str, Array]:
    """Return the constants that can be computed now; those without values are marked as constant in `values`."""
    found: dict[str, Array] = {}
    for node in model.graph.node:
        if node.op_type not in _FOLDED or node.domain not in ("", "ai.onnx") or len(node.output) != 1:
            continue
        name = node.output[0]
        operands = {entry: found.get(entry, values.get(entry)) for entry in node.input if entry}
        if node.op_type in ("Shape", "Size") and node.input[0] in shapes:
            operands = {node.input[0]: np.broadcast_to(np.float32(0), shapes[node.input[0]])}
        elif not all(entry in values for entry in operands):
            continue
        if any(operand is None for operand in operands.values()) or _is_filling(node, operands):
            values[name] = None
        elif (array := _evaluated(node, operands, model)) is not None:
            found[name] = values[name] = array
    return found


def _evaluated(node: Any, operands: dict[str, Array | None], model: Any) -> Array | None:
    """Return the output of one node by ONNX's own reference implementation; None where that gives up."""
    values = [onnx.helper.make_tensor_value_info(name, 0, None) for name in [*operands, node.output[0]]]
    graph = onnx.helper.make_graph([node], "one node", values[:-1], values[-1:])
    alone = onnx.helper.make_model(graph, opset_imports=model.opset_import)
    try:
        return np.asarray(onnx.reference.ReferenceEvaluator(alone).run(None, operands)[0])
    except Exception:  # of any class: a constant that cannot be computed is not known, and what depends on it neither
        return None


def _is_filling(node: Any, operands: dict[str, Array | None]) -> bool:
    """Return whether a node fills an array with one real number: a stand-in for weights that are not in the file."""
    if node.op_type != "ConstantOfShape":
        return False
    integers = any(entry.t.data_type != onnx.TensorProto.FLOAT for entry in node.attribute if entry.name == "value")
    return not integers and all(operand is not None and np.prod(operand) > 1 for operand in operands.values())
