"""Arithmetic and data movement in an ONNX graph that stand for a bias, a scale and shift, or a channel permutation."""

from __future__ import annotations

from dataclasses import replace
from math import prod

import numpy as np

from igc_theory.networks.description.graph import Operation
from igc_theory.networks.description.layers import Conv, Linear, Norm, Shuffle
from igc_theory.networks.readers.onnx_walk import NOT_A_LAYER, Walk, carry, weightless
from igc_theory.structure.permutations import ChannelPermutation, interleave

__all__ = ["addition", "gather", "multiplication", "reshape"]


def addition(walk: Walk, operation: Operation) -> None:
    """Recognise the bias of a convolution or linear layer: a number a channel, added to its output alone."""
    source, constant = _with_constant(walk, operation)
    if not constant or not walk.graph.is_learned(constant):
        weightless(walk, operation)
        return
    owner = walk.owner(source)
    if owner is not None and not owner.bias and _per_channel(walk, source, constant) == _channels(owner):
        walk.extend(source, replace(owner, bias=True))
        carry(walk, operation, still_raw=True)
    else:
        walk.pass_over(operation, NOT_A_LAYER)
        carry(walk, operation)


def multiplication(walk: Walk, operation: Operation) -> None:
    """Recognise a scale and shift: a number a channel as a factor, and a number a channel added to that alone."""
    source, constant = _with_constant(walk, operation)
    if not constant or not walk.graph.is_learned(constant):
        weightless(walk, operation)
        return
    shift = _shift_behind(walk, operation.outputs[0])
    channels = _per_channel(walk, source, constant)
    if shift is None or not channels or channels != _per_channel(walk, source, _with_constant(walk, shift)[1]):
        walk.pass_over(operation, NOT_A_LAYER)
        carry(walk, operation)
        return
    both = replace(operation, inputs=(source, *operation.inputs[1:]), outputs=shift.outputs)
    walk.depth.update(dict.fromkeys(shift.outputs, walk.depth[operation.outputs[0]]))
    walk.append(both, Norm(channels, "scale and shift"), channels_last=len(walk.graph.shapes[source]) < 4)
    walk.done.update(shift.outputs)


def _shift_behind(walk: Walk, name: str) -> Operation | None:
    """Return the addition of an array of numbers that alone reads a tensor, if there is one."""
    readers = [operation for operation in walk.graph.operations if name in operation.inputs]
    if len(readers) != 1 or readers[0].operator != "Add":
        return None
    constant = _with_constant(walk, readers[0])[1]
    return readers[0] if constant and walk.graph.is_learned(constant) else None


def _with_constant(walk: Walk, operation: Operation) -> tuple[str, str]:
    """Return the two operands, a constant last; the second is empty if neither is one."""
    first, second = operation.inputs
    if first in walk.graph.constants:
        first, second = second, first
    return (first, second) if second in walk.graph.constants else (first, "")


def _per_channel(walk: Walk, source: str, constant: str) -> int:
    """Return the channels of `source` if the constant has a number for each of them, else 0."""
    shape, sizes = walk.graph.shapes.get(source, ()), walk.graph.shapes[constant]
    if not shape or len(sizes) > len(shape):
        return 0
    axis = 1 if len(shape) == 4 else len(shape) - 1
    expected = [size if k == axis else 1 for k, size in enumerate(shape)]
    return shape[axis] if [1] * (len(shape) - len(sizes)) + list(sizes) == expected else 0


def _channels(owner: Conv | Linear) -> int:
    return owner.convolution.out_channels if isinstance(owner, Conv) else owner.out_features


def reshape(walk: Walk, operation: Operation) -> None:
    """Recognise the channel shuffle: split the channel axis in two, exchange the two, join them."""
    transpose = walk.graph.writers.get(operation.inputs[0])
    split = walk.graph.writers.get(transpose.inputs[0]) if transpose and transpose.operator == "Transpose" else None
    if transpose is None or split is None or split.operator != "Reshape":
        weightless(walk, operation)
        return
    shapes = [walk.graph.shapes.get(name, ()) for name in (split.inputs[0], split.outputs[0], operation.outputs[0])]
    before, between, after = shapes
    order = list(transpose.attributes.get("perm", ()))
    if before != after or order != [0, 2, 1, *range(3, len(order))] or not _splits_channels(before, between):
        weightless(walk, operation)
        return
    whole = replace(operation, inputs=split.inputs)
    walk.append(whole, Shuffle(interleave(groups=between[1], width=between[2])))


def _splits_channels(before: tuple[int, ...], between: tuple[int, ...]) -> bool:
    """Return whether a reshape splits the channel axis in two and leaves batch and positions alone."""
    return (
        len(before) > 1
        and len(between) > 2
        and before[0] == between[0]
        and before[1] == between[1] * between[2]
        and prod(before[2:]) == prod(between[3:])
    )


def gather(walk: Walk, operation: Operation) -> None:
    """Recognise channels taken in another order."""
    constant = walk.graph.constants.get(operation.inputs[1])
    indices = constant.values() if constant else None
    shape = walk.shape(operation.inputs[0])
    axis = int(operation.attributes.get("axis", 0)) % len(walk.graph.shapes.get(operation.inputs[0], (1,)))
    if indices is None or shape is None or axis != 1 or indices.shape != (shape[0],):
        weightless(walk, operation)
        return
    places = np.where(indices < 0, indices + shape[0], indices)
    if np.array_equal(np.sort(places), np.arange(shape[0])):
        walk.append(operation, Shuffle(ChannelPermutation(places)))
    else:
        weightless(walk, operation)
