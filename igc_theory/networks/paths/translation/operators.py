"""From the operators of a graph that was read to steps of channel flow, in ONNX's vocabulary."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

import numpy as np
from numpy.typing import NDArray

from igc_theory.networks.description.graph import Graph, Operation, words
from igc_theory.networks.paths.steps import Addition, Gate, Steps
from igc_theory.networks.paths.translation.layouts import View, aligned, spread
from igc_theory.networks.paths.translation.movements import (
    concatenation,
    depth_to_space,
    expand,
    gather,
    kept,
    padding,
    pooled,
    reshape,
    slices,
    space_to_depth,
    split,
    tile,
    transpose,
)
from igc_theory.networks.paths.translation.trace import Trace

__all__ = ["steps_of_graph"]

Integers = NDArray[np.int64]
Rule = Callable[[Trace, Operation], View | None]
"""Gives what an operator writes; None where flow does not know."""


def steps_of_graph(graph: Graph) -> Steps:
    """Return what each operator of a graph does to channels.

    Parameters
    ----------
    graph : Graph

    Returns
    -------
    Steps
        What flow does not know is a step of its own, with the operator's name.
    """
    trace = Trace(graph)
    for name in graph.inputs:
        _read_input(trace, name)
    for operation in graph.operations:
        if trace.moving(operation):
            _follow(trace, operation)
    ends = [
        _written(trace, operation, trace.views[name])
        for operation in graph.operations
        for name in _ends(trace, operation)
    ]
    return Steps(tuple(trace.steps), tuple(dict.fromkeys(ends)))


def _ends(trace: Trace, operation: Operation) -> list[str]:
    """Return what the network writes of what an operator does: a mask or indices beside what is read on are by-products."""
    names = [name for name in operation.outputs if name in trace.views]
    unread = [name for name in names if not trace.graph.readers[name]]
    return unread if operation.operator == "Split" or len(unread) == len(names) else []


def _written(trace: Trace, operation: Operation, view: View) -> int:
    """Return the step of what the network writes, its channels in the order in which they are written."""
    return view.step if view.labels is None else trace.gathered(operation, view, view.labels)


def _read_input(trace: Trace, name: str) -> None:
    shape = trace.shape(name)
    operation = Operation("Input", name, (), (name,), {})
    if shape is None or len(shape) < 1 + trace.graph.batched:
        trace.views[name] = trace.append(operation, None, (), 1, None)
        return
    axis = _image_axis(trace.graph, name) if trace.graph.batched else 0
    sizes = [n if k == axis else 1 for k, n in enumerate(shape)]
    trace.views[name] = trace.append(operation, None, (), shape[axis], np.arange(shape[axis]).reshape(sizes))


def _image_axis(graph: Graph, name: str) -> int:
    """Return the axis of an image's channels: the last if the image is first of all transposed so that it becomes the second."""
    names, readers = {name}, []
    for operation in graph.operations:
        if names.intersection(operation.inputs):
            if _RULES.get(operation.operator) in (kept, _arithmetic):
                names.update(operation.outputs)
            else:
                readers.append(operation)
    orders = [list(reader.attributes.get("perm") or ()) for reader in readers if reader.operator == "Transpose"]
    return 3 if orders and len(orders) == len(readers) and all(order[1:2] == [3] for order in orders) else 1


def _follow(trace: Trace, operation: Operation) -> None:
    """Note what an operator writes."""
    rule = _RULES.get(operation.operator)
    views = [trace.views[name] for name in trace.moving(operation)]
    known = all(view.labels is not None for view in views)
    if operation.operator == "Split" and known:
        split(trace, operation)
        return
    found = rule(trace, operation) if rule and (known or operation.operator in _CONVOLUTIONS) else None
    found = trace.unknown(operation) if found is None else found
    trace.views.update({name: found for name in operation.outputs if name})


# --- operators that mix channels ------------------------------------------------------------------------------------


def _convolution(trace: Trace, operation: Operation) -> View | None:
    """Mix along the second axis; axes of positions that hold channels may only be passed by windows of one position."""
    name, weights = operation.inputs[0], operation.reads(3 if operation.operator == "QLinearConv" else 1)
    before, after, kernel = trace.shape(name), trace.shape(operation.outputs[0]), trace.shape(weights)
    if name not in trace.views or weights in trace.views or before is None or after is None or kernel is None:
        return None
    view, groups = trace.views[name], int(operation.attributes.get("group", 1))
    if before[1] % groups or after[1] % groups:
        return None
    window = _pair(operation.attributes.get("kernel_shape") or kernel[2:])
    strides = _pair(operation.attributes.get("strides") or ())
    labels = view.labels
    if labels is None:
        labels = np.arange(before[1]).reshape(1, -1, *[1] * (len(before) - 2))
        view = View(_restarted(trace, operation, view, before[1]), labels)
    if window != (1, 1) and any(n > 1 for n in labels.shape[2:]):
        return None
    view = view.at(spread(labels, 1, before[1]))
    return trace.mixed(operation, view, 1, after[1], groups=groups, window=window, strides=strides)


def _pair(values: Sequence[int]) -> tuple[int, int]:
    """Return the two last entries; ones where there are fewer."""
    height, width = [1, 1, *map(int, values)][-2:]
    return height, width


def _restarted(trace: Trace, operation: Operation, view: View, channels: int) -> int:
    """Return a step with this many channels that stands for one of which the layout is not known."""
    if trace.steps[view.step].channels == channels:
        return view.step
    return trace.unknown(operation, channels=channels).step


def _gemm(trace: Trace, operation: Operation) -> View | None:
    name, shape = operation.inputs[0], trace.shape(operation.outputs[0])
    if name not in trace.views or operation.reads(1) in trace.views or shape is None:
        return None
    return _linear(trace, operation, name, int(operation.attributes.get("transA", 0)) - 1, shape[-1])


def _linear(trace: Trace, operation: Operation, name: str, axis: int, channels: int) -> View | None:
    view, shape = trace.views[name], trace.shape(name)
    if view.labels is None or shape is None:
        return None
    view = view.at(spread(view.labels, axis, shape[axis]))
    return trace.mixed(operation, view, axis, channels, kind="linear")


def _matmul(trace: Trace, operation: Operation) -> View | None:
    """Return a linear layer, or of two tensors a weighted sum, in which both are ways unless one is a gate."""
    first, second = operation.inputs[:2]
    shape = trace.shape(operation.outputs[0])
    if shape is None or len(trace.shape(second) or (1, 1)) < 2:  # a vector loses the axis that it is summed along
        return None
    if first in trace.views and second in trace.views:
        sums = _summed_along(trace, operation, first, -1), _summed_along(trace, operation, second, -2)
        return _weighed(trace, operation, [view for view in sums if view is not None]) if all(sums) else None
    if first in trace.views:
        return _linear(trace, operation, first, -1, shape[-1])
    return _linear(trace, operation, second, -2, shape[-2])


def _summed_along(trace: Trace, operation: Operation, name: str, axis: int) -> View | None:
    """Return a tensor added up along an axis, which stays with length one; it is not a convolution."""
    view, shape = trace.views[name], trace.shape(name)
    if view.labels is None or shape is None:
        return None
    if view.labels.shape[axis] == 1:
        return view
    found = trace.mixed(operation, view, axis, 1, kind="statistic")
    return View(found.step, found.labels, view.gate)


def _statistic(trace: Trace, operation: Operation) -> View | None:
    """Take a mean, largest or sum along axes: positions go, and channels along these axes are mixed."""
    name = operation.inputs[0]
    shape, after = trace.shape(name), trace.shape(operation.outputs[0])
    axes = _axes(trace, operation, 1)
    if name not in trace.views or shape is None or after is None or axes is None:
        return None
    places = sorted({axis % len(shape) for axis in (axes or range(len(shape)))})
    view: View | None = trace.views[name]
    for axis in places:
        assert view is not None
        if view.labels is None:
            return None
        if view.labels.shape[axis] > 1:
            view = trace.mixed(operation, view, axis, 1, kind="statistic")
    assert view is not None
    assert view.labels is not None
    if len(after) == len(shape):
        return view
    return view.at(np.squeeze(view.labels, axis=tuple(places)))


def _axes(trace: Trace, operation: Operation, position: int) -> list[int] | None:
    """Return the axes that an operator names, in its attributes or a constant; empty if it names none."""
    if operation.attributes.get("axes") is not None:
        return [int(axis) for axis in operation.attributes["axes"]]
    name = operation.reads(position)
    if not name:
        return []
    values = trace.graph.constants[name].values() if name in trace.graph.constants else None
    return None if values is None else [int(axis) for axis in np.ravel(values)]


# --- operators that weigh -------------------------------------------------------------------------------------------


def _normalised(trace: Trace, operation: Operation, view: View, axes: list[int]) -> View | None:
    """Return a view whose statistics along axes weigh it; nothing happens to channels along no axis."""
    if view.labels is None:
        return None
    statistics = view
    for axis in axes:
        assert statistics.labels is not None
        if statistics.labels.shape[axis] > 1:
            statistics = trace.mixed(operation, statistics, axis, 1, kind="statistic")
    return view if statistics is view else trace.joined(operation, Gate(), [view, statistics])


def _layer_norm(trace: Trace, operation: Operation) -> View | None:
    view, shape = trace.views.get(operation.inputs[0]), trace.shape(operation.inputs[0])
    if view is None or view.labels is None or shape is None:
        return None
    first = int(operation.attributes.get("axis", -1)) % len(shape)
    return _normalised(trace, operation, view, list(range(first, len(shape))))


def _instance_norm(trace: Trace, operation: Operation) -> View | None:
    view, shape = trace.views.get(operation.inputs[0]), trace.shape(operation.inputs[0])
    return None if view is None or shape is None else _normalised(trace, operation, view, list(range(2, len(shape))))


def _across_channels(trace: Trace, operation: Operation) -> View | None:
    """Return group and local response normalisation, counted as if all channels weighed each."""
    view, shape = trace.views.get(operation.inputs[0]), trace.shape(operation.inputs[0])
    return None if view is None or shape is None else _normalised(trace, operation, view, list(range(1, len(shape))))


def _softmax(trace: Trace, operation: Operation) -> View | None:
    view, shape = trace.views[operation.inputs[0]], trace.shape(operation.inputs[0])
    if shape is None:
        return None
    found = _normalised(trace, operation, view, [int(operation.attributes.get("axis", -1)) % len(shape)])
    return None if found is None else View(found.step, found.labels, gate=True)


def _bounded(trace: Trace, operation: Operation) -> View | None:
    view = trace.views.get(operation.inputs[0])
    return None if view is None else View(view.step, view.labels, gate=True)


def _arithmetic(trace: Trace, operation: Operation) -> View | None:
    """Join entry by entry: a function of one tensor stays one; a sum joins ways; a product or quotient weighs."""
    names, shape = trace.moving(operation), trace.shape(operation.outputs[0])
    views = [trace.views[name] for name in names]
    if shape is None:
        return None
    labels = [aligned(view.labels, len(shape)) for view in views if view.labels is not None]
    found = [View(view.step, own, view.gate) for view, own in zip(views, labels, strict=True)]
    if all(
        view.step == views[0].step and np.array_equal(own, labels[0]) for view, own in zip(views, labels, strict=True)
    ):
        return View(views[0].step, labels[0], any(view.gate for view in views))
    if operation.operator in ("Mul", "Div", "Sub", "Pow"):
        sizes = [prod(trace.shape(name) or ()) for name in names]
        return _weighed(trace, operation, found, [size < prod(shape) for size in sizes])
    return trace.joined(operation, Addition(), found)


def _weighed(trace: Trace, operation: Operation, views: list[View], small: list[bool] | None = None) -> View:
    """Return a product: an operand that is broadcast or bounded, beside one that is not, is a gate."""
    gates = small if small and not all(small) and any(small) else [view.gate for view in views]
    if all(gates) or not any(gates):
        plain = Gate() if operation.operator == "Div" else Addition()
        return trace.joined(operation, plain, views)
    order = sorted(range(len(views)), key=lambda k: gates[k])
    return trace.joined(operation, Gate(), [views[k] for k in order])


_CONVOLUTIONS = words("Conv ConvTranspose ConvInteger QLinearConv")

_RULES: dict[str, Rule] = {
    **dict.fromkeys(_CONVOLUTIONS, _convolution),
    "Gemm": _gemm,
    "MatMul": _matmul,
    **dict.fromkeys(
        words("ReduceMean ReduceMax ReduceMin ReduceSum ReduceProd ReduceL1 ReduceL2 ReduceLogSumExp ReduceSumSquare"),
        _statistic,
    ),
    **dict.fromkeys(words("LayerNormalization RMSNormalization SimplifiedLayerNormalization"), _layer_norm),
    "InstanceNormalization": _instance_norm,
    **dict.fromkeys(words("GroupNormalization LRN LpNormalization MeanVarianceNormalization"), _across_channels),
    **dict.fromkeys(words("Softmax LogSoftmax"), _softmax),
    **dict.fromkeys(words("Sigmoid HardSigmoid"), _bounded),
    **dict.fromkeys(words("Add Sub Mul Div Pow Max Min Sum Mean PRelu"), _arithmetic),
    **dict.fromkeys(
        words(
            "Abs BatchNormalization Cast Ceil Celu Clip Cos Cosh DequantizeLinear Dropout Elu Erf Exp Floor Gelu HardSwish "
            "Identity LeakyRelu Log Mish Neg QuantizeLinear Reciprocal Relu Round Selu Shrink Sign Sin Sinh Softplus Softsign "
            "Sqrt Swish Tan Tanh ThresholdedRelu"
        ),
        kept,
    ),
    **dict.fromkeys(
        words("AveragePool GlobalAveragePool GlobalLpPool GlobalMaxPool LpPool MaxPool Resize Upsample"), pooled
    ),
    **dict.fromkeys(words("Flatten Reshape Squeeze Unsqueeze"), reshape),
    "Transpose": transpose,
    "Expand": expand,
    "Tile": tile,
    "Slice": slices,
    "Gather": gather,
    "Concat": concatenation,
    "Pad": padding,
    "SpaceToDepth": space_to_depth,
    "DepthToSpace": depth_to_space,
}
