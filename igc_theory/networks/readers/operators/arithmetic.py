"""Arithmetic with stored numbers: biases, scales and shifts, slopes, tables; and operators that have nothing to count."""

from __future__ import annotations

from dataclasses import replace
from math import prod

from igc_theory.networks.description.graph import Operation, Sizes, words
from igc_theory.networks.description.layers import Conv, Linear, Norm, Operator, Scale
from igc_theory.networks.readers.operators.numbers import is_real, numbers_behind
from igc_theory.networks.readers.operators.walk import Cost, Draft, Walk, uses

__all__ = ["UNKNOWN", "addition", "embedding", "multiplication", "slopes", "tables", "weightless"]

UNKNOWN = "unknown operator"

CHANNELWISE = words(
    "Abs Acos Acosh Add Asin Asinh Atan Atanh BitwiseNot Cast CastLike Ceil Celu Clip Cos Cosh Div Dropout Elu Erf Exp Floor Gelu "
    "HardSigmoid HardSwish Identity IsInf IsNaN LeakyRelu Log Max Mean Min Mish Mod Mul Neg Not PRelu Pow Reciprocal Relu Round "
    "Selu Shrink Sigmoid Sign Sin Sinh Softplus Softsign Sqrt Sub Sum Swish Tan Tanh ThresholdedRelu"
)
"""Operators without weights that leave every channel in its place."""

RESIZING = words("Resize Upsample")

WEIGHTLESS = words(
    "And ArgMax ArgMin Bernoulli BitShift BitwiseAnd BitwiseOr BitwiseXor BlackmanWindow CenterCropPad Col2Im Compress Concat "
    "ConcatFromSequence Constant ConstantOfShape CumProd CumSum DepthToSpace Equal Expand EyeLike Flatten Gather GatherElements "
    "GatherND GlobalLpPool Greater GreaterOrEqual GridSample HammingWindow HannWindow Hardmax If ImageDecoder LRN Less LessOrEqual "
    "LogSoftmax Loop LpNormalization LpPool MaxRoiPool MaxUnpool MeanVarianceNormalization Multinomial NonMaxSuppression NonZero "
    "OneHot Optional OptionalGetElement OptionalHasElement Or Pad RandomNormal RandomNormalLike RandomUniform RandomUniformLike "
    "Range ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare "
    "Reshape ReverseSequence RoiAlign RotaryEmbedding Scan Scatter ScatterElements ScatterND SequenceAt SequenceConstruct "
    "SequenceEmpty SequenceErase SequenceInsert SequenceLength Shape Size Slice Softmax SpaceToDepth Split SplitToSequence Squeeze "
    "TensorScatter Tile TopK Transpose Trilu Unique Unsqueeze Where Xor"
)
"""Operators without weights behind which a channel is no longer the same channel of the same layer."""

COMPARISONS = words("Equal Greater GreaterOrEqual Less LessOrEqual")
"""Operators of which either input may be a bound, which is a setting."""

LOOPS = words("Loop Scan")

SETTINGS = RESIZING | words(
    "ArgMax ArgMin Bernoulli Clip Cast CastLike CenterCropPad Compress CumSum Dropout Expand GridSample MaxRoiPool "
    "NonMaxSuppression OneHot Pad Range Reshape RoiAlign Slice Split Squeeze Tile TopK Trilu Unsqueeze ReduceL1 ReduceL2 ReduceMax "
    "ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare"
)
"""Operators whose further inputs are settings: sizes, bounds, places."""


def addition(walk: Walk, operation: Operation) -> None:
    """Recognise the bias of a convolution or linear layer: a number per channel, added to its output alone."""
    source, constant = _with_constant(walk, operation)
    if not constant:
        weightless(walk, operation)
        return
    owner = walk.owner(source)
    is_bias = operation.operator == "Add" and owner is not None and _per_channel(walk, source, constant)
    if not is_bias or owner is None or not _takes_bias(owner):
        _append(walk, operation, source, constant)
        return
    if isinstance(owner.node, (Conv, Linear)):
        owner.node = replace(owner.node, bias=True)
    owner.cost.uses += uses({"bias": [constant]})
    _channelwise(walk, operation)
    walk.raw[operation.outputs[0]] = walk.raw[source]


def _takes_bias(owner: Draft) -> bool:
    """Return whether a bias may still be given to a layer: it has none, nor is a normalisation behind it counted with it."""
    normalised = isinstance(owner.node, Conv) and owner.node.batch_norm
    return not normalised and all(use.purpose != "bias" for use in owner.cost.uses)


def multiplication(walk: Walk, operation: Operation) -> None:
    """Recognise a scale, or a scale and shift: a number per channel as a factor, and one added to that alone."""
    source, constant = _with_constant(walk, operation)
    if not constant:
        weightless(walk, operation)
        return
    writer = walk.graph.writers.get(source)
    if writer is not None and writer.operator == "DynamicQuantizeLinear":  # by the scale of quantized weights
        walk.settings.append(constant)
        return
    shift = _shift_behind(walk, operation.outputs[0]) if operation.operator == "Mul" else None
    channels = _per_channel(walk, source, constant)
    added = _with_constant(walk, shift)[1] if shift else ""
    if shift is None or not channels or channels != _per_channel(walk, source, added):
        _append(walk, operation, source, constant)
        return
    both = replace(operation, outputs=shift.outputs)
    walk.depth.update(dict.fromkeys(shift.outputs, walk.depth[operation.outputs[0]]))
    place = _channel_axis(walk, source)
    cost = Cost(uses({"batch_norm": [constant, added]}))
    walk.append(both, Norm(channels, "scale and shift"), cost, source=source, channels=(place, place))
    walk.done.update(shift.outputs)


def _append(walk: Walk, operation: Operation, source: str, constant: str) -> None:
    """Append arithmetic with trained numbers as a layer of its own, through which channels keep their places."""
    factor = operation.operator in ("Mul", "Div", "PRelu")
    channels = _per_channel(walk, source, constant)
    word = {"Mul": "scale", "Div": "scale", "PRelu": "PReLU", "Add": "added numbers", "Sub": "added numbers"}
    node = Scale(channels) if word.get(operation.operator) == "scale" and channels else None
    cost = Cost(uses({"batch_norm" if factor else "bias": [constant]}))
    place = _channel_axis(walk, operation.outputs[0])
    operator = Operator(word.get(operation.operator, "stored numbers"))
    walk.append(operation, node or operator, cost, source=source, channels=(_channel_axis(walk, source), place))
    _channelwise(walk, operation)


def _shift_behind(walk: Walk, name: str) -> Operation | None:
    """Return the addition of trained numbers that alone reads a tensor, if there is one."""
    readers = walk.readers.get(name, [])
    if len(readers) != 1 or readers[0].operator != "Add":
        return None
    return readers[0] if _with_constant(walk, readers[0])[1] else None


def _with_constant(walk: Walk, operation: Operation) -> tuple[str, str]:
    """Return the two operands, trained numbers last; the second is empty if neither is that."""
    if len(operation.inputs) != 2:
        return operation.inputs[0], ""
    first, second = operation.inputs
    if walk.is_constant(first):
        first, second = second, first
    held = walk.holds(second) or (operation.operator == "Add" and _is_lone_bias(walk, first, second))
    return (first, second) if held and not walk.is_constant(first) else (first, "")


def _is_lone_bias(walk: Walk, source: str, constant: str) -> bool:
    """Return whether a stored number, of whatever value, is the bias that a layer of one channel lacks."""
    owner, shape = walk.owner(source), walk.shapes.get(constant)
    if owner is None or not shape or prod(shape) != 1 or not walk.is_constant(constant):
        return False
    trained = any(numbers_behind(walk.graph, constant)[0]) and is_real(walk.graph.constants[constant].dtype)
    return trained and _takes_bias(owner) and _per_channel(walk, source, constant) == 1


def _channel_axis(walk: Walk, name: str) -> int:
    """Return the axis of channels: the first behind the batch in images, the last in sequences and vectors."""
    order = walk.layout(name).order()
    if order and walk.layers.get(walk.layouts[name].source) is not None:
        return order[0]
    return 1 if len(walk.shapes.get(name, ())) > 3 else -1


def _per_channel(walk: Walk, source: str, constant: str) -> int:
    """Return the channels of `source` if the constant has a number for each of them, else 0."""
    shape, sizes = walk.shapes.get(source, ()), walk.shapes.get(constant, ())
    if not shape or len(sizes) > len(shape):
        return 0
    axis = _channel_axis(walk, source) % len(shape)
    expected = [size if k == axis else 1 for k, size in enumerate(shape)]
    return shape[axis] if [1] * (len(shape) - len(sizes)) + list(sizes) == expected else 0


def slopes(walk: Walk, operation: Operation) -> None:
    """Append an activation with trained slopes."""
    source, slope = operation.inputs[:2]
    if walk.is_constant(slope):
        _append(walk, operation, source, slope)
    else:
        weightless(walk, operation)


def embedding(walk: Walk, operation: Operation) -> None:
    """Append a table of which the input chooses rows."""
    table, rows = operation.inputs[:2]
    is_table = walk.is_constant(table) and not walk.is_constant(rows) and any(numbers_behind(walk.graph, table))
    dtype = walk.graph.constants[table].dtype if is_table else ""
    if not is_table or not (is_real(dtype) or dtype.endswith("int8") or dtype.endswith("int4")):
        weightless(walk, operation)
        return
    cost = Cost(uses({"linear": [table]}), weight=lambda: walk.values(table))
    walk.append(operation, Operator("embedding"), cost, source=rows, channels=(-1, -1))


def tables(walk: Walk, operation: Operation) -> None:
    """Append tables of words, places and segments of which the input chooses rows, and the normalisation of their sums."""
    cost = Cost(uses({"linear": operation.inputs[2:5], "batch_norm": operation.inputs[5:7]}))
    walk.append(operation, Operator("embedding"), cost, source=operation.inputs[0], channels=(-1, -1))


def weightless(walk: Walk, operation: Operation) -> None:
    """Go past an operator that has nothing to count; list it if it is not known to be of that kind."""
    known = operation.operator in CHANNELWISE | WEIGHTLESS | RESIZING
    if not known:
        walk.pass_over(operation, UNKNOWN)
        return
    numbers = replace(operation, inputs=_but_settings(walk, operation))
    if any(walk.holds(name) for name in numbers.inputs):
        source = [*walk.activations(operation), *numbers.inputs][0]
        walk.append(numbers, Operator("stored numbers"), Cost(), source=source, channels=(-1, -1))
    if operation.operator in CHANNELWISE | RESIZING:
        _channelwise(walk, operation)


def _but_settings(walk: Walk, operation: Operation) -> tuple[str, ...]:
    """Return the inputs of an operator that may be trained; first states of zeros are none of a loop's.

    A module says itself which are: it may learn a bound or a threshold.
    """
    if walk.graph.known_parameters:
        return operation.inputs
    if operation.operator in COMPARISONS:
        return ()
    if operation.operator in LOOPS:
        return tuple(name for name in operation.inputs if not walk.is_zero(name))
    return operation.inputs[:1] if operation.operator in SETTINGS else operation.inputs


def _channelwise(walk: Walk, operation: Operation) -> None:
    """Note whose channels the output of a channel-wise operator holds."""
    names, output = walk.activations(operation), operation.outputs[0]
    if operation.operator == "Mul" and len(names) == 2:
        names = _ungated(walk, names)
    elif operation.operator not in words("Add Sub Mul Div Sum Max Min Mean Pow Mod"):
        names = names[:1]
    shape, layouts = walk.shapes.get(output), [walk.layout(name) for name in names]
    if layouts and all(layout == layouts[0] for layout in layouts) and _same(walk, names, shape):
        walk.layouts[output] = layouts[0]
        return
    orders = [layout.order() for layout in layouts]
    places = {order[0] if order else 1 for order in orders} or {1}
    above = walk.follows(names[0], min(places)) if len(names) == 1 and operation.operator in RESIZING else None
    walk.start(output, min(places), above)


def _same(walk: Walk, names: list[str], shape: Sizes | None) -> bool:
    return all(walk.shapes.get(name) == shape for name in names)


def _ungated(walk: Walk, names: list[str]) -> list[str]:
    """Return the factors of a product without a gate: one number per channel (squeeze-and-excitation) only scales."""
    sizes = [walk.images(name, (walk.layout(name).order() or (1,))[0]) for name in names]
    gates = [size is not None and all(side == 1 for side in size[1:]) for size in sizes]
    return [name for name, gate in zip(names, gates, strict=True) if not gate] if sum(gates) == 1 else names
