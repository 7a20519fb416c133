"""What the axes of an input mean: which one counts examples, and which one channels, from the operators that read it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any, TypeVar

from igc_theory.networks.description.graph import Operation, words
from igc_theory.networks.readers.operators.quantized import plain

__all__ = ["Axes", "axes_of"]

Sizes = tuple[int, ...]

Labels = tuple[int | None, ...]
"""For each axis of a tensor, the axis of the input that it comes from; None if it comes from none."""

Numbers = Callable[[str], Sequence[int] | None]

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


@dataclass
class Axes:
    """What is found about the axes of an input.

    `batched` is whether one of them counts examples, None if nothing says so, and `examples` is that one. `channel` is the axis of
    the channels, if a convolution, a pool or a normalisation says so. `mixed` and `kept` collect signs that decide where no
    operator that knows examples does.
    """

    shape: Sizes = ()
    decided: bool | None = None
    examples: int = 0
    channel: int | None = None
    mixed: bool = False
    kept: bool = False
    labels: dict[str, Labels] = field(default_factory=dict)

    @property
    def batched(self) -> bool | None:
        """Whether an axis counts examples."""
        if self.decided is not None:
            return self.decided
        return False if self.mixed else True if self.kept else None

    def of_one(self, sizes: Sequence[Size]) -> list[Size]:
        """Return the sizes of one example: without that of the axis that counts them, which is axis 0 if nothing says so."""
        return [size for axis, size in enumerate(sizes) if self.batched is False or axis != self.examples]


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
    axes = Axes(shapes.get(image, ()), labels={image: tuple(range(rank))})
    for written in operations:
        if axes.channel is not None:
            break
        operation, _ = plain(written)
        if operation.outputs and any(name in axes.labels for name in operation.inputs):
            labels = _written(axes, operation, shapes, numbers)
            if labels is not None and any(label is not None for label in labels):
                axes.labels.update(dict.fromkeys(operation.outputs, labels))
    return axes


def _written(axes: Axes, operation: Operation, shapes: Mapping[str, Sizes], numbers: Numbers) -> Labels | None:
    """Return the labels of what an operator writes."""
    kind, first = operation.operator, axes.labels.get(operation.reads(0))
    if kind in _ALIKE:
        return _merged([axes.labels[name] for name in operation.inputs if name in axes.labels])
    if kind in _OF_TWO:
        return _OF_TWO[kind](axes, operation)
    if first is None:
        return None
    if kind in _MOVES:
        return _MOVES[kind](first, operation, numbers)
    if kind.startswith("Reduce"):
        return _reduced(axes, first, operation, numbers)
    return _OF_ONE.get(kind, _resized)(axes, first, operation, shapes)


def _axis(operation: Operation, default: int) -> int:
    axis = operation.attributes.get("axis", default)
    return axis if isinstance(axis, int) else default


def _given_axes(operation: Operation, numbers: Numbers) -> Sequence[int] | None:
    """Return the axes that an operator names in an attribute, or as its second input."""
    given = operation.attributes.get("axes", numbers(operation.reads(1)) if operation.reads(1) else None)
    return _integers(given)


def _integers(values: Any) -> Sequence[int] | None:
    """Return integers of an attribute that is not checked yet; None if they are none."""
    return values if isinstance(values, list) and all(isinstance(value, int) for value in values) else None


def _merged(labels: Sequence[Labels]) -> Labels:
    """Return the labels of tensors that are broadcast to each other."""
    rank = max(map(len, labels))
    padded = [(None,) * (rank - len(entry)) + entry for entry in labels]
    return tuple(next((label for label in column if label is not None), None) for column in zip(*padded, strict=True))


def _examples_first(axes: Axes, labels: Labels, _: Operation, __: Any) -> Labels | None:
    if len(labels) < 2:
        return None
    if axes.decided is None:
        axes.decided = labels[0] == 0
    if axes.channel is None:
        axes.channel = labels[1]
    return (labels[0], *[None] * (len(labels) - 1))


def _steps(axes: Axes, labels: Labels, operation: Operation, shapes: Mapping[str, Sizes]) -> Labels | None:
    """Learn from an operator on sequences which axis counts examples and which one steps."""
    example, step = _OF_SEQUENCES[operation.operator](operation, len(labels))
    if axes.decided is None and all(0 <= place < len(labels) for place in (example, step)):
        examples, steps = labels[example], shapes.get(operation.inputs[0], (None,) * len(labels))[step]
        # A Reshape may have joined axis 0 and others to one, which says nothing of axis 0.
        first_is_steps = labels[step] == 0 and steps in (None, *axes.shape[:1])
        if first_is_steps or examples == 0:
            axes.decided, axes.examples = examples is not None, examples or 0
    return _resized(axes, labels, operation, shapes)


def _product(axes: Axes, operation: Operation) -> Labels | None:
    """Return the labels of a matrix product, which sums over the last axis of one and the last but one of the other."""
    first, second = (axes.labels.get(name) for name in (*operation.inputs, "", "")[:2])
    if operation.attributes.get("transA") and first is not None:
        first = first[::-1]
    if operation.attributes.get("transB") and second is not None:
        second = second[::-1]
    summed = [*(first[-1:] if first else []), *(second[-2:-1] if second else [])]
    axes.mixed |= 0 in summed
    left = [] if first is None else [(*first[:-1], None)]
    right = [] if second is None else [(*second[:-2], None, *second[-1:])]
    if not left and not right:
        return None
    merged = _merged([*left, *right])
    axes.kept |= 0 in merged
    return merged


def _gathered(axes: Axes, operation: Operation) -> Labels | None:
    data, places = axes.labels.get(operation.reads(0)), axes.labels.get(operation.reads(1))
    axis = _axis(operation, 0)
    if data is None:
        return None if places is None else (*[None] * max(axis, 0), *places, None)
    axis %= max(len(data), 1)
    axes.mixed |= data[axis : axis + 1] == (0,)
    return None


def _along(axes: Axes, labels: Labels, operation: Operation, _: Any) -> Labels:
    axis = _axis(operation, -1)
    axes.mixed |= -len(labels) <= axis < len(labels) and labels[axis] == 0
    return labels


def _reduced(axes: Axes, labels: Labels, operation: Operation, numbers: Numbers) -> Labels | None:
    given = _given_axes(operation, numbers)
    places = {axis % len(labels) for axis in given} if given is not None and labels else set(range(len(labels)))
    axes.mixed |= any(labels[place] == 0 for place in places)
    keeps = operation.attributes.get("keepdims", 1)
    kept = [None if place in places else label for place, label in enumerate(labels) if keeps or place not in places]
    return tuple(kept)


def _resized(axes: Axes, labels: Labels, operation: Operation, shapes: Mapping[str, Sizes]) -> Labels | None:
    """Return the labels of the axes that keep their size, or are split or joined in order."""
    read, written = shapes.get(operation.inputs[0]), shapes.get(operation.outputs[0])
    if read is None or written is None or len(read) != len(labels):
        return None
    if operation.operator in ("Reshape", "Flatten"):
        return _reshaped(labels, read, written)
    if operation.operator == "Concat" or len(read) != len(written):
        axis = _axis(operation, 0)
        axes.mixed |= operation.operator == "Concat" and -len(labels) <= axis < len(labels) and labels[axis] == 0
        return labels if len(read) == len(written) else None
    axes.mixed |= any(label == 0 and old != new for label, old, new in zip(labels, read, written, strict=True))
    return tuple(label if old == new else None for label, old, new in zip(labels, read, written, strict=True))


def _reshaped(labels: Labels, read: Sequence[int], written: Sequence[int]) -> Labels:
    """Return the labels behind a Reshape: an axis is found again where it is the outermost part of one that begins as far out."""
    found: list[int | None] = [None] * len(written)
    for place, label in enumerate(labels):
        outer, size = prod(read[:place]), read[place]
        for target, whole in enumerate(written):
            if (
                label is not None
                and prod(written[:target]) == outer
                and size
                and whole % size == 0
                and found[target] is None
            ):
                found[target] = label
                break
    return tuple(found)


def _transposed(labels: Labels, operation: Operation, _: Numbers) -> Labels | None:
    order = _integers(operation.attributes.get("perm", list(range(len(labels)))[::-1]))
    return tuple(labels[axis] for axis in order) if sorted(order or []) == list(range(len(labels))) and order else None


def _unsqueezed(labels: Labels, operation: Operation, numbers: Numbers) -> Labels | None:
    given = _given_axes(operation, numbers)
    if given is None:
        return None
    rank = len(labels) + len(given)
    new, old = {axis % rank for axis in given}, iter(labels)
    return tuple(None if place in new else next(old, None) for place in range(rank))


def _squeezed(labels: Labels, operation: Operation, numbers: Numbers) -> Labels | None:
    given = _given_axes(operation, numbers)
    if given is None or not labels:
        return None
    gone = {axis % len(labels) for axis in given}
    return tuple(label for place, label in enumerate(labels) if place not in gone)


_MOVES: dict[str, Callable[[Labels, Operation, Numbers], Labels | None]] = {
    "Transpose": _transposed,
    "Unsqueeze": _unsqueezed,
    "Squeeze": _squeezed,
}

_OF_TWO: dict[str, Callable[[Axes, Operation], Labels | None]] = {
    **dict.fromkeys(("MatMul", "Gemm"), _product),
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
    **dict.fromkeys(_OF_SEQUENCES, _steps),
}
