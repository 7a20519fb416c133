"""What the axes of an input mean: which one counts examples, and which one channels, from the operators that read it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from itertools import chain

from igc_theory.networks.description.graph import Operation, words
from igc_theory.networks.readers.files.examples.evidence import Axes
from igc_theory.networks.readers.files.examples.labels import (
    MOVES,
    Label,
    Labels,
    Numbers,
    Sizes,
    certain,
    entries,
    given_axes,
    grouped,
    integer,
    merged,
    once,
    regrouped,
    remnant,
    repeated,
)
from igc_theory.networks.readers.operators.contractions import spelled_out
from igc_theory.networks.readers.operators.quantized import plain

__all__ = ["axes_of"]

_ALIKE = words(
    "Abs Add And BitShift Cast CastLike Ceil Celu Clip Div Dropout Elu Equal Erf Exp Floor Gelu Greater "
    "GreaterOrEqual HardSigmoid HardSwish Identity LeakyRelu Less LessOrEqual Log Max Mean Min Mish Mod Mul Neg Not Or PRelu Pow "
    "Reciprocal Relu Round Selu Sigmoid Sign Softplus Softsign Sqrt Sub Sum Swish Tanh ThresholdedRelu Where Xor"
)
"""Operators whose output has the axes of what they read."""

_EXAMPLES_FIRST = words(
    "AveragePool BatchNormalization Conv ConvTranspose DeformConv DepthToSpace GlobalAveragePool GlobalLpPool "
    "GlobalMaxPool GroupNormalization InstanceNormalization LRN LpPool MaxPool SpaceToDepth"
)
"""Operators that take axis 0 for examples and axis 1 for channels."""

_APART = words(
    "AveragePool GlobalAveragePool GlobalLpPool GlobalMaxPool LpPool MaxPool BatchNormalization InstanceNormalization"
)
"""Those of them that keep each channel apart."""

_POOLS = frozenset(name for name in _APART if name.endswith("Pool"))
"""Those that hold nothing for a channel, so that what they take for channels may be anything."""

_ALONG = words("ArgMax ArgMin Hardmax LogSoftmax LpNormalization Softmax TopK")
"""Operators that compare the entries along one axis."""

_COPYING = words("Expand Tile")
"""Operators that write copies of what they read."""

_FROM = words("LayerNormalization RMSNormalization SimplifiedLayerNormalization")
"""Operators that compare the entries along one axis and all behind it."""


def axes_of(
    operations: Iterable[Operation],
    image: str,
    rank: int,
    shapes: Mapping[str, Sizes],
    numbers: Numbers,
    constants: Container[str] | None = None,
) -> Axes:
    """Return what operators make of the axes of a tensor.

    Parameters
    ----------
    operations : iterable of Operation
    image : str
        The tensor.
    rank : int
        How many axes it has.
    shapes : mapping
        Shapes that are known; without them a Reshape ends the way.
    numbers : callable
        Gives the integers that a constant holds, or None.
    constants : container of str, optional
        Tensors that do not depend on any input, if these are known.
    """
    sizes = shapes.get(image, (1,) * rank)
    axes = Axes(sizes, constants=constants, labels={image: tuple(((axis, size),) for axis, size in enumerate(sizes))})
    for written in operations:
        if axes.channel is not None and axes.decided is not None:
            break
        operation, _ = plain(written)
        if operation.outputs and any(name in axes.labels for name in operation.inputs):
            labels = _written(axes, operation, shapes, numbers)
            if labels is not None and any(labels):
                axes.labels.update(dict.fromkeys(operation.outputs, labels))
                # A tensor with one axis of the input twice pairs its entries, as scores of attention do.
                found = Counter(chain.from_iterable(axes.whole(certain(label)) for label in labels))
                axes.mixed |= {axis for axis, times in found.items() if times > 1}
    return axes


def _written(axes: Axes, operation: Operation, shapes: Mapping[str, Sizes], numbers: Numbers) -> Labels | None:
    """Return the labels of what an operator writes."""
    kind, first = operation.operator, axes.labels.get(operation.reads(0))
    if kind in _ALIKE:
        return merged([axes.labels[name] for name in operation.inputs if name in axes.labels])
    if kind in _OF_SEVERAL:
        return _OF_SEVERAL[kind](axes, operation, shapes)
    if first is None:
        return None
    if kind in MOVES:
        return MOVES[kind](first, operation, numbers)
    if kind == "CumSum":
        return _accumulated(axes, first, operation, numbers)
    if kind.startswith("Reduce"):
        return _reduced(axes, first, operation, numbers)
    return _OF_ONE.get(kind, _resized)(axes, first, operation, shapes)


def _examples_first(axes: Axes, labels: Labels, operation: Operation, shapes: Mapping[str, Sizes]) -> Labels | None:
    """Learn from an operator that takes axis 0 for examples; of several axes joined there, each may be the one.

    A pointwise convolution treats examples and positions alike, so that it does not tell a single axis in front from steps.
    """
    if len(labels) < 2:
        return None
    front, channels = labels[:2]
    groups = integer(operation, "group", integer(operation, "num_groups", 1))
    apart, summed = grouped(channels, entries(channels) if operation.operator in _APART else groups)
    axes.kept |= axes.whole(front)
    pointwise = _is_pointwise(operation, shapes)
    if pointwise and len(axes.whole(front)) == 1:
        axes.mix(summed)
    elif axes.decided is None and front:
        _of_front(axes, front, summed)
        axes.aside = not any(0 in axes.whole(label) for label in (front, *labels[2:]))
    elif axes.decided is None and operation.operator not in _POOLS:
        _of_none(axes, apart if len(channels) > 1 else (), axes.labels.get(operation.reads(1), ()))
    if axes.channel is None:
        axes.channel = next((axis for axis, _ in (*summed, *apart[::-1]) if axis is not None), None)
    written = shapes.get(operation.outputs[0], ())[1:2] if apart else ()
    features = ((None, written[0] // entries(apart)),) if written else ()
    return (front, (*apart, *features), *(labels[2:] if pointwise else [()] * (len(labels) - 2)))


def _is_pointwise(operation: Operation, shapes: Mapping[str, Sizes]) -> bool:
    """Return whether an operator is a convolution that takes each position alone."""
    window, strides = shapes.get(operation.reads(1), ())[2:], operation.attributes.get("strides", [1])
    return operation.operator == "Conv" and set(window) == {1} and strides == [1] * len(strides)


def _of_front(axes: Axes, front: Label, summed: Label) -> None:
    """Learn from what an operator takes for examples: parts of one image are none of the input, whose axis 0 has its channels."""
    own = axes.whole(front)
    if len(own) == 1 or (not own and 0 in axes.whole(certain(summed))):
        axes.decide(min(own, default=None))
    axes.joined |= own
    axes.weak |= not own


def _of_none(axes: Axes, apart: Label, kernels: Labels) -> None:
    """Learn from an operator with a new axis in front: examples may be groups with kernels of their own, or passes of a loop."""
    groups = axes.whole(apart) | axes.walked
    own = groups & axes.whole(kernels[0] if kernels else ())
    axes.kept |= own
    axes.weak |= bool(groups) and not own
    if len(own) == 1 or not groups:
        axes.decide(min(own, default=None))


def _steps(axes: Axes, labels: Labels, operation: Operation, shapes: Mapping[str, Sizes]) -> Labels | None:
    """Learn from an operator on sequences which axis counts examples, and which one steps."""
    example, step = _OF_SEQUENCES[operation.operator](operation, len(labels))
    if all(0 <= place < len(labels) for place in (example, step)):
        own, first_is_steps = axes.whole(labels[example]), axes.whole(certain(labels[step])) == {0}
        is_known = len(own) == 1 if labels[example] else first_is_steps
        if axes.decided is None and is_known and (first_is_steps or own == {0}):
            axes.decide(min(own, default=None))
        axes.kept |= own
        axes.mix(labels[step])
    return _resized(axes, labels, operation, shapes)


def _looked_up(axes: Axes, labels: Labels, operation: Operation, shapes: Mapping[str, Sizes]) -> Labels:
    """Return the labels of rows of tables, one for each word."""
    _steps(axes, labels, operation, shapes)
    return (*labels, ())


def _scanned(axes: Axes, labels: Labels, operation: Operation, shapes: Mapping[str, Sizes]) -> Labels | None:
    """Return the labels of a step of what is scanned; states that are carried from step to step mix steps, not examples."""
    if "axis" not in operation.attributes:  # a state, or what is collected from all steps
        return _resized(axes, labels, operation, shapes)
    axis = integer(operation, "axis", 0)
    if axis >= len(labels):
        return None
    step = (*labels[:axis], *labels[axis + 1 :])
    if operation.attributes.get("carried"):
        axes.mix(labels[axis])
        axes.kept |= axes.whole(step[0]) if len(step) > 1 else set()
    else:
        axes.walked |= axes.whole(labels[axis])
    return step


def _product(axes: Axes, operation: Operation, shapes: Mapping[str, Sizes]) -> Labels | None:
    """Return the labels of a matrix product, which sums over the last axis of one and the last but one of the other."""
    operands, ranks = [], []
    for key, name in zip(("transA", "transB"), (*operation.inputs, "", "")[:2], strict=True):
        labels = axes.labels.get(name, ())
        operands.append((*labels[:-2], *labels[:-3:-1]) if operation.attributes.get(key) else labels)
        ranks.append(len(labels or shapes.get(name, (1, 1))))
    outer = [f"outer {k}" for k in range(max(*ranks, 2) - 2)]
    left, right = (outer[max(len(outer) - rank + 2, 0) :] for rank in ranks)
    first = [*left, "row", "summed"] if ranks[0] > 1 else ["summed"]
    second = [*right, "summed", "column"] if ranks[1] > 1 else ["summed"]
    result = [*outer, *first[-2:-1], *second[1:][-1:]]
    return _contracted(axes, operation.inputs, operands, [first, second], result)


def _packed_product(axes: Axes, operation: Operation, _: Mapping[str, Sizes]) -> Labels | None:
    """Return the labels of a product with a packed matrix, which sums over the last axis."""
    labels = axes.labels.get(operation.reads(0), ())
    rows = [f"row {k}" for k in range(len(labels) - 1)]
    return _contracted(axes, operation.inputs[:1], [labels], [[*rows, "summed"]], [*rows, "column"]) if labels else None


def _einsum(axes: Axes, operation: Operation, shapes: Mapping[str, Sizes]) -> Labels | None:
    """Return the labels of a sum of products in Einstein's notation."""
    operands = [axes.labels.get(name, ()) for name in operation.inputs]
    equation = operation.attributes.get("equation")
    sizes = [labels or shapes.get(name) for name, labels in zip(operation.inputs, operands, strict=True)]
    if not isinstance(equation, str) or equation.partition("->")[0].count(",") + 1 != len(operands):
        return None
    terms, result = spelled_out(equation, [len(entry or ()) for entry in sizes])
    unknown = "..." in equation and None in sizes
    if unknown or any(labels and len(labels) != len(term) for labels, term in zip(operands, terms, strict=True)):
        return None
    return _contracted(axes, operation.inputs, operands, terms, result)


def _contracted(
    axes: Axes, inputs: Sequence[str], operands: Sequence[Labels], terms: Sequence[Sequence[str]], result: Sequence[str]
) -> Labels | None:
    """Return the labels of a sum of products, of operands and a result whose axes have names; operands without labels are free."""
    meanings: dict[str, list[Label]] = {}
    for labels, term in zip(operands, terms, strict=True):
        for label, name in zip(labels, term, strict=bool(labels)):
            meanings.setdefault(name, []).append(label)
    for name, found in meanings.items():
        if name not in result:
            for label in found:
                axes.mix(label)
        elif len(found) > 1 and len(set(found)) == 1:
            axes.kept |= axes.whole(found[0])
    written = tuple(next(filter(None, meanings.get(name, ())), ()) for name in result)
    rows = {name for name, label in zip(result, written, strict=True) if 0 in axes.whole(label)}
    others = [term for name, term in zip(inputs, terms, strict=False) if axes.is_of_another_input(name)]
    axes.kept |= {0} if rows else set()
    axes.weak |= bool(rows) and any(rows.isdisjoint(term) for term in others)
    return written


def _gathered(axes: Axes, operation: Operation, shapes: Mapping[str, Sizes]) -> Labels | None:
    data, places = axes.labels.get(operation.reads(0)), axes.labels.get(operation.reads(1))
    axis = integer(operation, "axis", 0)
    if data is None:
        return None if places is None else (*[()] * max(axis, 0), *places, ())
    if not data:
        return None
    axis %= len(data)
    axes.mix(data[axis])
    shape = shapes.get(operation.outputs[0])
    if shape is None:
        return None
    if axes.is_of_another_input(operation.reads(1)):
        axes.walked |= axes.whole(data[axis])
    new = [remnant(data[axis], shape[axis])] if len(shape) == len(data) else [()] * (len(shape) - len(data) + 1)
    return (*data[:axis], *new, *data[axis + 1 :])


def _along(axes: Axes, labels: Labels, operation: Operation, _: Mapping[str, Sizes]) -> Labels:
    axis = integer(operation, "axis", -1)
    if -len(labels) <= axis < len(labels):
        axes.mix(labels[axis])
    return labels


def _onwards(axes: Axes, labels: Labels, operation: Operation, _: Mapping[str, Sizes]) -> Labels:
    for label in labels[integer(operation, "axis", -1) :]:
        axes.mix(label)
    return labels


def _accumulated(axes: Axes, labels: Labels, operation: Operation, numbers: Numbers) -> Labels:
    for axis in numbers(operation.reads(1)) or ():
        axes.mix(labels[axis] if -len(labels) <= axis < len(labels) else ())
    return labels


def _reduced(axes: Axes, labels: Labels, operation: Operation, numbers: Numbers) -> Labels | None:
    given = given_axes(operation, numbers)
    if given is None and operation.reads(1):
        return None
    places = {axis % len(labels) for axis in given} if given is not None and labels else set(range(len(labels)))
    for place in places:
        axes.mix(labels[place])
    keeps = operation.attributes.get("keepdims", 1)
    return tuple(() if place in places else label for place, label in enumerate(labels) if keeps or place not in places)


def _resized(axes: Axes, labels: Labels, operation: Operation, shapes: Mapping[str, Sizes]) -> Labels | None:
    """Return the labels of the axes that keep their size, or are copied, split or joined in order."""
    read, written = shapes.get(operation.inputs[0]), shapes.get(operation.outputs[0])
    if read is None or written is None or len(read) != len(labels):
        return None
    if operation.operator in ("Reshape", "Flatten"):
        return regrouped(labels, read, written)
    new = len(written) - len(read) if operation.operator == "Expand" else 0
    labels, read = ((),) * new + labels, (1,) * new + read
    if len(read) != len(written):
        return None
    sizes = zip(labels, read, written, strict=True)
    return tuple(label if old == new else _changed(axes, label, new, operation) for label, old, new in sizes)


def _changed(axes: Axes, label: Label, size: int, operation: Operation) -> Label:
    """Return the label of an axis that has got another size: as copies of an axis of the input, or with entries that differ."""
    if operation.operator in _COPYING:
        axes.copied |= axes.whole(label)
        return repeated(label, size)
    one = once(label)
    if operation.operator in ("Slice", "Split") and axes.whole(certain(one)) and size % entries(one) == 0:
        return repeated(one, size)
    axes.mix(label)
    return remnant(label, size)


def _joined(axes: Axes, operation: Operation, shapes: Mapping[str, Sizes]) -> Labels | None:
    """Return the labels of tensors that are put one behind the other: what is alike in all of them is copied."""
    parts = [axes.labels[name] for name in operation.inputs if name in axes.labels]
    shape, axis = shapes.get(operation.outputs[0]), integer(operation, "axis", 0)
    if shape is None or {len(labels) for labels in parts} != {len(shape)} or not -len(shape) <= axis < len(shape):
        return None
    labels, axis = merged(parts), axis % len(shape)
    label, one = labels[axis], once(labels[axis])
    rest = [name for name in operation.inputs if name not in axes.labels]
    alike = {once(entry[axis]) for entry in parts} == {one} and _are_copies(axes, rest, axis, entries(one), shapes)
    if not alike:
        axes.mix(label)
    if alike and axes.whole(certain(one)):
        axes.copied |= axes.whole(one)
        label = repeated(one, shape[axis])
    else:
        label = remnant(label, shape[axis])
    return (*labels[:axis], label, *labels[axis + 1 :])


def _are_copies(axes: Axes, names: Sequence[str], axis: int, size: int, shapes: Mapping[str, Sizes]) -> bool:
    """Return whether tensors of other inputs may hold as many examples: constants do not, and some sizes do not fit."""
    known = [shapes[name] for name in names if name in shapes and axes.is_of_another_input(name)]
    return len(known) == len(names) and all(shape[axis] % size == 0 for shape in known)


_OF_SEVERAL: dict[str, Callable[[Axes, Operation, Mapping[str, Sizes]], Labels | None]] = {
    **dict.fromkeys(("MatMul", "Gemm"), _product),
    "MatMulNBits": _packed_product,
    "Einsum": _einsum,
    "Gather": _gathered,
    "Concat": _joined,
}

_OF_SEQUENCES: dict[str, Callable[[Operation, int], tuple[int, int]]] = {
    **dict.fromkeys(("RNN", "GRU", "LSTM"), lambda operation, _: (0, 1) if operation.attributes.get("layout") else (1, 0)),
    "Attention": lambda _, rank: (0, rank - 2),
    **dict.fromkeys(
        ("MultiHeadAttention", "GroupQueryAttention", "ProjectedAttention", "EmbedLayerNormalization"), lambda *_: (0, 1)
    ),
    "ReverseSequence": lambda operation, _: (
        operation.attributes.get("batch_axis", 1), operation.attributes.get("time_axis", 0)
    ),
}  # fmt: skip
"""The axes that count examples and steps in what an operator reads, of so many axes."""

_OF_ONE: dict[str, Callable[[Axes, Labels, Operation, Mapping[str, Sizes]], Labels | None]] = {
    **dict.fromkeys(_EXAMPLES_FIRST, _examples_first),
    **dict.fromkeys(_ALONG, _along),
    **dict.fromkeys(_FROM, _onwards),
    **dict.fromkeys(_OF_SEQUENCES, _steps),
    "EmbedLayerNormalization": _looked_up,
    "Scan": _scanned,
}
