"""What the axes of an input mean: which one counts examples, and which one channels, from the operators that read it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import TypeVar

from igc_theory.networks.description.graph import Operation, words
from igc_theory.networks.readers.files.labels import (
    MOVES,
    Label,
    Labels,
    Numbers,
    Sizes,
    axis_of,
    given_axes,
    merged,
    regrouped,
)
from igc_theory.networks.readers.operators.contractions import spelled_out
from igc_theory.networks.readers.operators.quantized import plain

__all__ = ["Axes", "axes_of"]

Size = TypeVar("Size")

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

_ALONG = words("ArgMax ArgMin CumSum Hardmax LogSoftmax LpNormalization Softmax TopK")
"""Operators that compare the entries along one axis."""

_FROM = words("LayerNormalization RMSNormalization")
"""Operators that compare the entries along one axis and all behind it."""


@dataclass
class Axes:
    """What is found about the axes of an input.

    `decided` is whether one of them counts examples, and `place` that one, if an operator that knows examples says so. `channel`
    is the axis of the channels, if a convolution, a pool or a normalisation says so. `mixed` and `kept` collect signs that decide
    where no operator does: along which axes entries meet, and along which ones they stay apart.
    """

    shape: Sizes = ()
    decided: bool | None = None
    place: int = 0
    channel: int | None = None
    mixed: set[int] = field(default_factory=set)
    kept: set[int] = field(default_factory=set)
    labels: dict[str, Labels] = field(default_factory=dict)

    @property
    def batched(self) -> bool | None:
        """Whether an axis counts examples; None if nothing says so."""
        if self.decided is not None:
            return self.decided
        if 0 in self.mixed:
            return bool(self.kept - self.mixed)
        return True if 0 in self.kept else None

    @property
    def examples(self) -> int:
        """The axis that counts examples, if one does; axis 0 if nothing says so."""
        return min(self.kept - self.mixed, default=0) if self.decided is None and 0 in self.mixed else self.place

    def of_one(self, sizes: Sequence[Size]) -> list[Size]:
        """Return the sizes of one example: without that of the axis that counts them, which is axis 0 if nothing says so."""
        return [size for axis, size in enumerate(sizes) if self.batched is False or axis != self.examples]

    def decide(self, examples: int | None) -> None:
        """Note the axis that an operator takes for examples; None if it is not one of the input."""
        self.decided, self.place = examples is not None, examples or 0

    def mix(self, label: Label) -> None:
        """Note that entries along an axis meet; joined axes of one entry have nothing to meet."""
        self.mixed |= {axis for axis in label if len(label) == 1 or self.shape[axis : axis + 1] != (1,)}

    def is_whole(self, label: Label, size: int | None) -> bool:
        """Return whether an axis of a tensor is one axis of the input and nothing else."""
        return len(label) == 1 and size in (None, *self.shape[label[0] : label[0] + 1])


def axes_of(
    operations: Iterable[Operation], image: str, rank: int, shapes: Mapping[str, Sizes], numbers: Numbers
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
    """
    axes = Axes(shapes.get(image, ()), labels={image: tuple((axis,) for axis in range(rank))})
    for written in operations:
        if axes.channel is not None and axes.decided is not None:
            break
        operation, _ = plain(written)
        if operation.outputs and any(name in axes.labels for name in operation.inputs):
            labels = _written(axes, operation, shapes, numbers)
            if labels is not None and any(labels):
                axes.labels.update(dict.fromkeys(operation.outputs, labels))
                # A tensor with one axis of the input twice pairs its entries, as scores of attention do.
                axes.mixed |= {axis for axis, times in Counter(chain.from_iterable(labels)).items() if times > 1}
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
    if kind.startswith("Reduce"):
        return _reduced(axes, first, operation, numbers)
    return _OF_ONE.get(kind, _resized)(axes, first, operation, shapes)


def _examples_first(axes: Axes, labels: Labels, operation: Operation, shapes: Mapping[str, Sizes]) -> Labels | None:
    """Learn from an operator that takes axis 0 for examples; of several axes joined there, each may be the one."""
    if len(labels) < 2:
        return None
    front, channels = labels[:2]
    if axes.decided is None and (not front or axes.is_whole(front, _size(shapes, operation, 0))):
        axes.decide(front[0] if front else None)
    axes.kept |= set(front)
    if axes.channel is None and channels:
        axes.channel = channels[0]
    return (front, *[()] * (len(labels) - 1))


def _size(shapes: Mapping[str, Sizes], operation: Operation, axis: int) -> int | None:
    """Return the size of an axis that an operator reads, if it is known."""
    shape = shapes.get(operation.inputs[0], ())
    return shape[axis] if axis < len(shape) else None


def _steps(axes: Axes, labels: Labels, operation: Operation, shapes: Mapping[str, Sizes]) -> Labels | None:
    """Learn from an operator on sequences which axis counts examples, and which one steps."""
    example, step = _OF_SEQUENCES[operation.operator](operation, len(labels))
    if all(0 <= place < len(labels) for place in (example, step)):
        examples, steps = labels[example], labels[step]
        first_is_steps = steps == (0,) and axes.is_whole(steps, _size(shapes, operation, step))
        is_known = axes.is_whole(examples, _size(shapes, operation, example)) if examples else first_is_steps
        if axes.decided is None and is_known and (first_is_steps or examples == (0,)):
            axes.decide(examples[0] if examples else None)
        axes.kept |= set(examples)
        axes.mix(steps)
    return _resized(axes, labels, operation, shapes)


def _scanned(axes: Axes, labels: Labels, operation: Operation, shapes: Mapping[str, Sizes]) -> Labels | None:
    """Return the labels of a step of what is scanned; states that are carried from step to step mix steps, not examples."""
    if "axis" not in operation.attributes:  # a state, or what is collected from all steps
        return _resized(axes, labels, operation, shapes)
    axis = axis_of(operation, 0)
    if axis >= len(labels):
        return None
    step = (*labels[:axis], *labels[axis + 1 :])
    if operation.attributes.get("carried"):
        axes.mix(labels[axis])
        axes.kept |= set(*step[: len(step) > 1])
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
    return _contracted(axes, operands, [first, second], [*outer, *first[-2:-1], *second[1:][-1:]])


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
    return _contracted(axes, operands, terms, result)


def _contracted(
    axes: Axes, operands: Sequence[Labels], terms: Sequence[Sequence[str]], result: Sequence[str]
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
            axes.kept |= set(found[0])
    written = tuple(next(filter(None, meanings.get(name, ())), ()) for name in result)
    axes.kept |= {0} & set(chain.from_iterable(written))
    return written


def _gathered(axes: Axes, operation: Operation, shapes: Mapping[str, Sizes]) -> Labels | None:
    data, places = axes.labels.get(operation.reads(0)), axes.labels.get(operation.reads(1))
    axis = axis_of(operation, 0)
    if data is None:
        return None if places is None else (*[()] * max(axis, 0), *places, ())
    if not data:
        return None
    axis %= len(data)
    axes.mix(data[axis])
    shape = shapes.get(operation.outputs[0])
    return None if shape is None else (*data[:axis], *[()] * (len(shape) - len(data) + 1), *data[axis + 1 :])


def _along(axes: Axes, labels: Labels, operation: Operation, _: Mapping[str, Sizes]) -> Labels:
    axis = axis_of(operation, -1)
    if -len(labels) <= axis < len(labels):
        axes.mix(labels[axis])
    return labels


def _onwards(axes: Axes, labels: Labels, operation: Operation, _: Mapping[str, Sizes]) -> Labels:
    for label in labels[axis_of(operation, -1) :]:
        axes.mix(label)
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
    """Return the labels of the axes that keep their size, or are split or joined in order."""
    read, written = shapes.get(operation.inputs[0]), shapes.get(operation.outputs[0])
    if read is None or written is None or len(read) != len(labels):
        return None
    if operation.operator in ("Reshape", "Flatten"):
        return regrouped(labels, axes.shape, read, written)
    if operation.operator == "Concat":
        _along(axes, labels, operation, shapes)
    if len(read) != len(written):
        return None
    for label, old, new in zip(labels, read, written, strict=True):
        if old != new:
            axes.mix(label)
    return tuple(label if old == new else () for label, old, new in zip(labels, read, written, strict=True))


_OF_SEVERAL: dict[str, Callable[[Axes, Operation, Mapping[str, Sizes]], Labels | None]] = {
    **dict.fromkeys(("MatMul", "Gemm"), _product),
    "Einsum": _einsum,
    "Gather": _gathered,
}

_OF_SEQUENCES: dict[str, Callable[[Operation, int], tuple[int, int]]] = {
    **dict.fromkeys(("RNN", "GRU", "LSTM"), lambda operation, _: (0, 1) if operation.attributes.get("layout") else (1, 0)),
    **dict.fromkeys(("Attention", "MultiHeadAttention"), lambda _, rank: (0, rank - 2)),
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
    "Scan": _scanned,
}
