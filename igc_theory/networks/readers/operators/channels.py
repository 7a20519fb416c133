"""Operators that move channels: reshapes, transpositions, selections and joins."""

from __future__ import annotations

from collections.abc import Sequence

from igc_theory.networks.description.graph import Operation
from igc_theory.networks.readers.operators.arithmetic import embedding, weightless
from igc_theory.networks.readers.operators.orders import Layout, concatenated, reshaped_axes, taken, transposed
from igc_theory.networks.readers.operators.walk import Walk

__all__ = ["concatenate", "gather", "reshape", "slice_", "split", "transpose"]


def reshape(walk: Walk, operation: Operation) -> None:
    """Follow the channels through a reshape, of any spelling."""
    layout, shape = walk.layout(operation.inputs[0]), walk.shapes.get(operation.outputs[0])
    walk.rearrange(operation, layout, None if shape is None else reshaped_axes(layout.axes, shape))


def transpose(walk: Walk, operation: Operation) -> None:
    """Follow the channels through a transposition."""
    layout = walk.layout(operation.inputs[0])
    order = [int(axis) for axis in operation.attributes.get("perm", range(len(layout.axes))[::-1])]
    walk.rearrange(operation, layout, transposed(layout.axes, order) if len(order) == len(layout.axes) else None)


def gather(walk: Walk, operation: Operation) -> None:
    """Follow the channels where some are taken by their numbers; rows of a stored table are an embedding."""
    source, chosen = operation.inputs[:2]
    shape, indices = walk.shapes.get(source), walk.values(chosen)
    if walk.is_constant(source) or indices is None or shape is None or indices.ndim != 1:
        embedding(walk, operation)
        return
    axis = int(operation.attributes.get("axis", 0)) % len(shape)
    places = [int(k) + shape[axis] * (k < 0) for k in indices]
    _take(walk, operation, walk.layout(source), axis, places)


def slice_(walk: Walk, operation: Operation) -> None:
    """Follow the channels through a slice of constant bounds."""
    layout, shape = walk.layout(operation.inputs[0]), walk.shapes.get(operation.inputs[0])
    bounds = [walk.values(name) for name in operation.inputs[1:] if name]
    if shape is None or len(bounds) < 2 or any(bound is None for bound in bounds):
        weightless(walk, operation)
        return
    starts, stops, *rest = [[int(value) for value in bound.ravel()] for bound in bounds if bound is not None]
    axes = rest[0] if rest else range(len(starts))
    steps = rest[1] if len(rest) > 1 else [1] * len(starts)
    places = [
        (axis % len(shape), range(shape[axis])[slice(*cut)])
        for axis, *cut in zip(axes, starts, stops, steps, strict=True)
    ]
    moved = [(axis, indices) for axis, indices in places if indices != range(shape[axis])]
    if len(moved) == 1:
        _take(walk, operation, layout, *moved[0])
    else:
        walk.rearrange(operation, layout, None if moved else layout.axes)


def _take(walk: Walk, operation: Operation, layout: Layout, axis: int, places: Sequence[int]) -> None:
    fits = all(0 <= place < walk.shapes[operation.inputs[0]][axis] for place in places)
    walk.rearrange(operation, layout, taken(layout.axes, axis, places) if fits and len(places) else None)


def split(walk: Walk, operation: Operation) -> None:
    """Follow the channels into the parts of a split."""
    layout, shape = walk.layout(operation.inputs[0]), walk.shapes.get(operation.inputs[0])
    parts = [walk.shapes.get(name) for name in operation.outputs]
    if shape is None or None in parts:
        return
    axis, start = int(operation.attributes.get("axis", 0)) % len(shape), 0
    for name, part in zip(operation.outputs, parts, strict=True):
        stop = start + (part[axis] if part else 0)
        axes = taken(layout.axes, axis, range(start, stop)) if stop > start else None
        if axes is not None:
            walk.layouts[name] = Layout(layout.source, layout.sizes, axes, layout.place)
        start = stop


def concatenate(walk: Walk, operation: Operation) -> None:
    """Follow the channels of one layer that are joined again; channels of several make a new tensor."""
    layouts = [walk.layout(name) for name in operation.inputs if name and not walk.is_constant(name)]
    output, rank = operation.outputs[0], len(walk.shapes.get(operation.outputs[0], ()))
    axis = int(operation.attributes.get("axis", 1))
    held = any(walk.is_constant(name) for name in operation.inputs)
    one = len({layout.source for layout in layouts}) == 1 and not held and rank
    if one and all(len(layout.axes) == rank for layout in layouts):
        walk.rearrange(operation, layouts[0], concatenated([layout.axes for layout in layouts], axis % rank))
        return
    weightless(walk, operation)
    if not held:
        walk.start(output, axis, None)
