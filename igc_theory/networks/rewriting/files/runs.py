"""ONNX models at work: what they write for given inputs, and what their layers read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from igc_theory.kernels.arrays import Array
from igc_theory.networks.description.graph import Graph
from igc_theory.networks.description.shapes import same_rims
from igc_theory.networks.rewriting.files.layers import OnnxLayer, attributes
from igc_theory.networks.rewriting.moments import Moments
from igc_theory.structure.factors import GroupConv

try:
    import onnx
    import onnx.reference
except ImportError:  # rewrite says what to install; to import this module is no error yet
    onnx = None

__all__ = ["Inputs", "input_moments", "random_inputs", "runner"]

Inputs = dict[str, Array]

MOST_BY_REFERENCE = 2 * 10**7
"""Multiply–adds that ONNX's reference implementation, which takes seconds for them, is asked for."""


def runner(model: Any, multiply_adds: int) -> tuple[str, Callable[[Inputs], list[Any]]]:
    """Return what runs a model, by name, and the function that does; ValueError with the reason if nothing can.

    Raises
    ------
    ValueError
        If onnxruntime is missing and the model is large, or what is there refuses the model.
    """
    content = model.SerializeToString()
    try:
        import onnxruntime
    except ImportError:
        if multiply_adds > MOST_BY_REFERENCE:
            raise ValueError("onnxruntime is not installed: pip install onnxruntime") from None
        evaluator = _asked(lambda: onnx.reference.ReferenceEvaluator(onnx.ModelProto.FromString(content)))
        return "ONNX's reference implementation", lambda inputs: _asked(lambda: evaluator.run(None, inputs))
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = _asked(lambda: onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"]))
    return "onnxruntime", lambda inputs: _asked(lambda: session.run(None, inputs))


def _asked(question: Callable[[], Any]) -> Any:
    """Return an answer of another package; whatever it raises becomes a ValueError of one line."""
    try:
        return question()
    except Exception as error:  # their error classes are their own
        raise ValueError(" ".join(str(error).split())[:300] or type(error).__name__) from error


def random_inputs(model: Any, graph: Graph, rng: np.random.Generator) -> Inputs:
    """Return one set of inputs: normally distributed real numbers, zeros and ones for integers, False for truth values."""
    stored = {entry.name for entry in model.graph.initializer}
    found = {}
    for entry in model.graph.input:
        if entry.name in stored or entry.name not in graph.shapes:
            continue
        dtype = onnx.helper.tensor_dtype_to_np_dtype(entry.type.tensor_type.elem_type)
        shape = tuple(max(1, side) for side in graph.shapes[entry.name])
        draw = rng.standard_normal(shape) if dtype.kind == "f" else rng.integers(0, 2, shape) * (dtype.kind in "iu")
        found[entry.name] = draw.astype(dtype)
    return found


def input_moments(model: Any, layers: Sequence[OnnxLayer], batches: Sequence[Inputs]) -> dict[str, Array]:
    """Return the second moments of what each node reads, by the name of its first output."""
    nodes = [(layer, node) for layer in layers for node in layer.nodes]
    names = list(dict.fromkeys(node.input[0] for _, node in nodes))
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    there = {entry.name for entry in copy.graph.output} | {entry.name for entry in copy.graph.input}
    copy.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name not in there)
    order = [entry.name for entry in copy.graph.output]
    _, run = runner(copy, 0)
    sums = {node.output[0]: Moments(layer.dense.convolution) for layer, node in nodes}
    for batch in batches:
        values: Mapping[str, Any] = {**batch, **dict(zip(order, run(batch), strict=True))}
        for layer, node in nodes:
            _add(sums[node.output[0]], layer, node, values[node.input[0]])
    return {name: moments.mean() for name, moments in sums.items()}


def _add(moments: Moments, layer: OnnxLayer, node: Any, values: Array) -> None:
    """Add what one node reads of a batch."""
    if node.op_type != "Conv":
        moments.add_rows(values.reshape(-1, values.shape[-1]))
        return
    axes, conv = values.ndim - 2, layer.dense.convolution
    steps = attributes(node).get("dilations", [1] * axes)
    images = np.pad(values, [(0, 0), (0, 0), *_rims(node, values.shape[2:], conv, steps)])
    if axes == 1:
        images, steps = images[:, :, None], [1, *steps]
    moments.add_images(images, (steps[0], steps[1]))


def _rims(node: Any, sides: Sequence[int], conv: GroupConv, steps: Sequence[int]) -> list[tuple[int, int]]:
    """Return the zeros that a convolution puts in front of every axis and behind it."""
    given, axes = attributes(node), len(sides)
    padding = given.get("auto_pad", "NOTSET")
    if padding == "NOTSET":
        pads = given.get("pads", [0] * 2 * axes)
        return list(zip(pads[:axes], pads[axes:], strict=True))
    if padding == "VALID":
        return [(0, 0)] * axes
    each = zip(sides, conv.window[2 - axes :], conv.strides[2 - axes :], steps, strict=True)
    return [same_rims(*one, lower=padding == "SAME_LOWER") for one in each]
