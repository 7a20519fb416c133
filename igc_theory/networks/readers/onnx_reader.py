"""Networks from ONNX files: layers with the shapes of the graph, and weights where the file has them.

The only module that imports onnx (the extra ``onnx``).
"""

from __future__ import annotations

import os
from collections import ChainMap, Counter
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from igc_theory.networks.description.graph import Graph
from igc_theory.networks.description.layer_graph import LayerGraph
from igc_theory.networks.readers.files.axis_order import in_plain_order
from igc_theory.networks.readers.files.bodies import BODIES
from igc_theory.networks.readers.files.examples.axes import axes_of
from igc_theory.networks.readers.files.examples.evidence import Axes
from igc_theory.networks.readers.files.file import File, parsed
from igc_theory.networks.readers.files.inputs import (
    Given,
    Input,
    Sizes,
    checked_sizes,
    chosen_sizes,
    image_first,
    image_shape,
    settled,
)
from igc_theory.networks.readers.files.nodes import Reading, Scope, operation, opsets_of
from igc_theory.networks.readers.files.order import check_names, read_by, topological_order
from igc_theory.networks.readers.files.tensor_types import check_sizes, known_shape
from igc_theory.networks.readers.operators.layers import layer_graph
from igc_theory.structure.arguments.files import content_of, name_as_text
from igc_theory.structure.arguments.kinds import path_of

try:
    import onnx
except ImportError:  # read_onnx says what to install; to import this module is no error yet
    onnx = None

__all__ = ["graph_of", "read_content", "read_onnx"]


def read_onnx(
    path: str | os.PathLike[str], *, input_shape: tuple[int, ...] | Mapping[str, Any] | None = None
) -> LayerGraph:
    """Return the network that an ONNX file describes.

    Every operator that holds numbers or does multiply–adds is among the layers, or in `passed_over` with the numbers it holds; then
    `exact` is False. A bias or a batch normalisation right behind a convolution is counted with it. Products of activations, as in
    attention, are counted apart, in `activation_multiply_adds`. Counts are for one example. Operators tell which axis counts
    examples; where none does, as where tokens never meet, it is axis 0.

    Kernels that are computed from stored numbers count as those. Each stored number is counted once in `parameters`, however many
    layers use it. A file does not say which numbers are trained. All real ones are taken for parameters, but for running
    statistics, quantization scales, and lone numbers that people write down, such as 6, 1e-5 or 1/√d. Nor are parameters one
    number that a Constant repeats, first states of zeros, and masks with infinities. An Einsum of several factors counts in the
    order that is cheapest for one example. A recurrent layer counts no steps behind the lengths that the file gives its sequences.
    Channels put in another order, in any spelling, become the permutation that they are.

    Parameters
    ----------
    path : str or path-like
        The file; weights in further files beside it are read too.
    input_shape : tuple of int or mapping of str to tuple of int, optional
        Channels, height, width of the image, where the file leaves them open; by default height and width are then 224. For other
        inputs their sizes without the batch. A mapping gives shapes by the names of inputs, and ints by the names of open sizes.

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
    TypeError
        If `input_shape` holds anything but integers.
    ValueError
        If it is cut off or not an ONNX model, if what it says does not hang together, or if `input_shape` does not fit.

    Examples
    --------
    >>> import pytest, pathlib
    >>> onnx = pytest.importorskip("onnx", reason="the extra onnx is not installed")
    >>> folder = pathlib.Path(onnx.__file__).parent / "backend/test/data/light"
    >>> read_onnx(folder / "light_resnet50.onnx").multiply_adds
    4089184256
    """
    if onnx is None:
        raise ImportError("read_onnx needs the package onnx: pip install onnx")
    path, given = path_of("path", path), checked_sizes(input_shape)
    return read_content(path, content_of("path", path), given)


def read_content(path: Path, content: bytes, given: Given) -> LayerGraph:
    """Return the network that the content of a file describes; `path` is where it lies, with further files beside it.

    Raises
    ------
    ValueError
        As `read_onnx`; the sentence begins with the path.
    """
    try:
        file = parsed(path, content)
        graph, axes = graph_of(file, given)
        opset = max(entry.version for entry in file.model.opset_import)
        sides = "; the file leaves the size of the image open" if graph.dynamic else ""
        return layer_graph(
            graph,
            name=name_as_text(path.stem),
            input_shape=image_shape(graph.shapes[graph.inputs[0]], axes),
            source=f"{name_as_text(path.name)}, ONNX operator set {opset}{sides}",
            open_sides=graph.dynamic,
        )
    except ValueError as error:
        raise ValueError(f"path={str(path)!r}: {error}") from error


def graph_of(file: File, given: Given) -> tuple[Graph, Axes]:
    """Return what a file describes as plain data, and what the axes of its image mean.

    Raises
    ------
    ValueError
        If the file describes no network.
    """
    model = file.model
    if not model.graph.node or not model.opset_import:
        missing = "no graph" if not model.graph.node else "no operator set"
        raise ValueError(f"it is not an ONNX model, or is cut off (it names {missing}): export or copy it again")
    opsets = opsets_of(model.opset_import)
    inputs = image_first(_inputs(model.graph))
    image = inputs[0]
    axes = settled(_axes_in_file(file, image), image)
    graph = _read(file, opsets, inputs, chosen_sizes(inputs, given, axes), axes)
    numbers = partial(_numbers, graph)
    found = axes_of(graph.operations, image.name, len(image.sizes), graph.shapes, numbers, graph.constants)
    found = settled(found, image)
    is_new = found.batched is not None and axes.batched is None and graph.batch > 1
    if (found.batched is None and not found.doubted) or (_meaning(found) == _meaning(axes) and not is_new):
        return graph, axes
    return _read(file, opsets, inputs, chosen_sizes(inputs, given, found), found), found


def _meaning(axes: Axes) -> tuple[bool, int, int | None, bool]:
    return axes.batched is not False, axes.examples, axes.channel, axes.doubted


def _inputs(graph: Any) -> list[Input]:
    """Return the inputs of a graph that something reads."""
    check_names("an input", (entry.name for entry in graph.input))
    stored, read = _stored_names(graph), read_by(graph)
    inputs = []
    for entry in graph.input:
        if entry.name in stored or entry.name not in read or not entry.type.HasField("tensor_type"):
            continue
        dims = entry.type.tensor_type.shape.dim
        sizes = tuple(dim.dim_value if dim.dim_value > 0 else dim.dim_param or None for dim in dims)
        inputs.append(
            Input(entry.name, sizes, entry.type.tensor_type.elem_type, entry.type.tensor_type.HasField("shape"))
        )
    twice = [name for name, times in Counter(entry.name for entry in inputs).items() if times > 1]
    if twice:
        raise ValueError(f"two of its inputs are called {twice[0]!r}: give each one name")
    if not inputs:
        topological_order(
            list(graph.node), ChainMap(dict.fromkeys(["", *stored, *(entry.name for entry in graph.input)], ""))
        )
        raise ValueError("it has no input that a node reads as a tensor: export the network with its input")
    return inputs


def _stored_names(graph: Any) -> set[str]:
    """Return the names of the arrays of a graph: old files list them among its inputs, too."""
    return {entry.name for entry in graph.initializer} | {entry.values.name for entry in graph.sparse_initializer}


def _axes_in_file(file: File, image: Input) -> Axes:
    """Return what the axes of the image mean, as far as that is seen before shapes are known."""
    model = file.model
    arrays = {tensor.name: tensor for tensor in model.graph.initializer}
    constants = [node for node in model.graph.node if node.op_type == "Constant"]
    arrays |= {
        name: entry.t for node in constants for name in node.output for entry in node.attribute if entry.HasField("t")
    }

    def numbers(name: str) -> list[int] | None:
        tensor = arrays.get(name)
        small = tensor is not None and tensor.data_location != onnx.TensorProto.EXTERNAL and tensor.data_type == 7
        return file.values(tensor).ravel().tolist() if small else None

    parts = (part for node in model.graph.node for part in in_plain_order(node, len(image.sizes), str))
    operations = (operation(file, part) for part in parts)
    shapes = {name: tuple(tensor.dims) for name, tensor in arrays.items() if name != image.name}
    return axes_of(operations, image.name, len(image.sizes), shapes, numbers)


def _numbers(graph: Graph, name: str) -> list[int] | None:
    constant = graph.constants.get(name)
    values = constant.native() if constant is not None and graph.size(name) < 100 else None
    return [int(value) for value in values.ravel()] if values is not None and values.dtype.kind in "iu" else None


def _read(file: File, opsets: Mapping[str, int], inputs: list[Input], sizes: Sizes, axes: Axes) -> Graph:
    """Return the graph of a file for inputs of given sizes."""
    graph = file.model.graph
    stored = _stored_names(graph)
    types = {entry.name: entry.type for entry in graph.input if entry.name not in stored}
    names = {name: name for name in ["", *types]}
    trusted = {} if sizes.dynamic else {entry.name: entry.type for entry in graph.value_info}
    reading = Reading(file, BODIES, trusted, types)
    for entry in inputs:
        reading.types[entry.name] = _fixed(reading.types[entry.name], sizes.shapes[entry.name])
    check_sizes({entry.name: reading.types[entry.name] for entry in inputs})
    reading.graph(graph, Scope(ChainMap(names), opsets))
    shapes = {name: shape for name, kind in reading.types.items() if (shape := known_shape(kind)) is not None}
    image, batched = shapes.get(inputs[0].name, ()), axes.batched is not False
    return Graph(
        operations=tuple(reading.operations),
        shapes=shapes,
        constants=reading.constants,
        inputs=tuple(entry.name for entry in inputs),
        stored=reading.stored,
        batch=max(image[axes.examples], 1) if batched and image else 1,
        batched=batched and axes.examples == 0,
        dynamic=sizes.dynamic,
        notes=(*reading.notes, *sizes.notes),
    )


def _fixed(kind: Any, shape: tuple[int | None, ...]) -> Any:
    """Return the type of an input with the sizes that it is read with."""
    fixed = onnx.TypeProto()
    fixed.CopyFrom(kind)
    for dim, size in zip(fixed.tensor_type.shape.dim, shape, strict=True):
        dim.Clear()
        if size is not None:
            dim.dim_value = size
    return fixed
