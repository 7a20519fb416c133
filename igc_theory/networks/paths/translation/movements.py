"""Operators that move channels: reshapes, transposes, slices, joins; and those that leave every channel in its place."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from igc_theory.networks.description.graph import Operation
from igc_theory.networks.paths.steps import Addition, Gather
from igc_theory.networks.paths.translation.layouts import View, aligned, reshaped, spread
from igc_theory.networks.paths.translation.trace import Trace

__all__ = [
    "concatenation",
    "depth_to_space",
    "expand",
    "gather",
    "kept",
    "padding",
    "pooled",
    "reshape",
    "slices",
    "space_to_depth",
    "split",
    "tile",
    "transpose",
]

Integers = NDArray[np.int64]


def kept(trace: Trace, operation: Operation) -> View | None:
    """Keep every channel in its place, for operators on each entry by itself."""
    view, shape = trace.views.get(operation.inputs[0]), trace.shape(operation.outputs[0])
    if view is None or view.labels is None:
        return None
    return view if shape is None else view.at(aligned(view.labels, max(len(shape), view.labels.ndim)))


def pooled(trace: Trace, operation: Operation) -> View | None:
    """Keep every channel in its place, as long as no axis of positions holds channels: pooling and resizing."""
    view = trace.views.get(operation.inputs[0])
    if view is None or view.labels is None or any(n > 1 for n in view.labels.shape[2:]):
        return None
    read = trace.gathered(operation, view, view.labels)
    places = np.arange(view.labels.size).reshape(view.labels.shape)
    return trace.append(operation, Gather(), [read], places.size, places)


def reshape(trace: Trace, operation: Operation) -> View | None:
    """Take axes apart and put them together: channels and positions are told apart as long as they can."""
    view = trace.views.get(operation.inputs[0])
    before, after = trace.shape(operation.inputs[0]), trace.shape(operation.outputs[0])
    if view is None or view.labels is None or before is None or after is None:
        return None
    labels = reshaped(view.labels, before, after)
    return None if labels is None else view.at(labels)


def transpose(trace: Trace, operation: Operation) -> View | None:
    """Put the axes in another order."""
    view = trace.views[operation.inputs[0]]
    if view.labels is None:
        return None
    return view.at(view.labels.transpose(operation.attributes.get("perm") or None))


def expand(trace: Trace, operation: Operation) -> View | None:
    """Broadcast: what is repeated is alike."""
    view, after = trace.views.get(operation.inputs[0]), trace.shape(operation.outputs[0])
    if view is None or view.labels is None or after is None:
        return None
    return view.at(aligned(view.labels, len(after)))


def tile(trace: Trace, operation: Operation) -> View | None:
    """Repeat along axes: positions are alike, channels are repeated."""
    view, before = trace.views.get(operation.inputs[0]), trace.shape(operation.inputs[0])
    after = trace.shape(operation.outputs[0])
    if view is None or view.labels is None or before is None or after is None:
        return None
    times = [b // a if n > 1 else 1 for a, b, n in zip(before, after, view.labels.shape, strict=True)]
    return view.at(np.tile(view.labels, times))


def slices(trace: Trace, operation: Operation) -> View | None:
    """Take starts, ends, axes and steps from attributes (up to operator set 9) or constants."""
    view, shape = trace.views.get(operation.inputs[0]), trace.shape(operation.inputs[0])
    if view is None or shape is None:
        return None
    if len(operation.inputs) == 1 and not operation.attributes and trace.shape(operation.outputs[0]) == shape:
        return view  # how a traced module writes a slice that takes everything
    found = [_numbers(trace, operation, word, k) for k, word in enumerate(("starts", "ends", "axes", "steps"), start=1)]
    starts, ends = found[0], found[1]
    if starts is None or ends is None:
        return None
    axes, steps = found[2] or [*range(len(starts))], found[3] or [1] * len(starts)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        places = np.arange(shape[axis])[slice(start, end if end > -(2**31) else None, step)]
        view = trace.sliced(view, axis % len(shape), places, shape[axis])
    return view


def _numbers(trace: Trace, operation: Operation, word: str, position: int) -> list[int] | None:
    """Return integers from an attribute or a constant input; None if they are not known, or not given."""
    if operation.attributes.get(word) is not None:
        return [int(value) for value in operation.attributes[word]]
    name = operation.reads(position)
    values = trace.graph.constants[name].values() if name in trace.graph.constants else None
    return None if values is None else [int(value) for value in np.ravel(values)]


def gather(trace: Trace, operation: Operation) -> View | None:
    """Take places along an axis, by constant indices; one index alone takes the axis away."""
    view, shape = trace.views.get(operation.inputs[0]), trace.shape(operation.inputs[0])
    name = operation.reads(1)
    indices = trace.graph.constants[name].values() if name in trace.graph.constants else None
    if view is None or view.labels is None or shape is None or indices is None or indices.ndim > 1:
        return None
    axis = int(operation.attributes.get("axis", 0)) % len(shape)
    found = trace.sliced(view, axis, np.atleast_1d(indices) % shape[axis], shape[axis])
    if indices.ndim or found.labels is None:
        return found
    return found.at(np.asarray(np.take(found.labels, 0, axis=axis)))


def split(trace: Trace, operation: Operation) -> None:
    """Take runs along an axis, one for each output."""
    name = operation.inputs[0]
    shape = trace.shape(name) or ()
    after = [trace.shape(output) for output in operation.outputs]
    axis = int(operation.attributes.get("axis", 0)) % max(len(shape), 1)
    if not shape or not all(after):
        trace.views.update(dict.fromkeys(operation.outputs, trace.unknown(operation)))
        return
    starts = np.cumsum([0, *(sizes[axis] for sizes in after if sizes)])
    for output, start, end in zip(operation.outputs, starts, starts[1:], strict=False):
        trace.views[output] = trace.sliced(trace.views[name], axis, np.arange(start, end), shape[axis])


def concatenation(trace: Trace, operation: Operation) -> View | None:
    """Put parts behind each other; along an axis of positions, their channels are added up."""
    after = trace.shape(operation.outputs[0])
    shapes = [trace.shape(name) for name in operation.inputs]
    if after is None or not all(shapes):
        return None
    axis = int(operation.attributes["axis"]) % len(after)
    parts = [
        (trace.views.get(name), shape[axis]) for name, shape in zip(operation.inputs, shapes, strict=True) if shape
    ]
    views = [view for view, _ in parts if view is not None]
    if all(view.labels is not None and view.labels.shape[axis] == 1 for view in views) and not _is_channels(
        views, axis
    ):
        return views[0] if len(views) == 1 else trace.joined(operation, Addition(), views)
    return trace.concatenated(operation, axis, parts)


def _is_channels(views: list[View], axis: int) -> bool:
    """Return whether an axis without labels is that of channels all the same: no other axis has any."""
    return axis == 1 and all(view.labels is not None and view.labels.size == 1 for view in views)


def padding(trace: Trace, operation: Operation) -> View | None:
    """Leave positions alone; zeros around channels are channels of their own."""
    view, before = trace.views.get(operation.inputs[0]), trace.shape(operation.inputs[0])
    pads = _numbers(trace, operation, "pads", 1)
    if view is None or view.labels is None or before is None or pads is None or operation.reads(3):
        return None
    labels = view.labels
    for axis, (low, high) in enumerate(zip(pads[: len(before)], pads[len(before) :], strict=True)):
        if labels.shape[axis] > 1 and (low or high):
            if operation.attributes.get("mode", "constant") not in ("constant", b"constant") or min(low, high) < 0:
                return None
            labels = np.pad(
                labels, [(low, high) if k == axis else (0, 0) for k in range(len(before))], constant_values=-1
            )
    return view.at(labels)


def space_to_depth(trace: Trace, operation: Operation) -> View | None:
    """Put the positions of a square behind each other, as channels."""
    view = trace.views[operation.inputs[0]]
    if view.labels is None or any(n > 1 for n in view.labels.shape[2:]):
        return None
    return view.at(np.tile(view.labels, (1, int(operation.attributes["blocksize"]) ** 2, 1, 1)))


def depth_to_space(trace: Trace, operation: Operation) -> View | None:
    """Add up the channels that make up one: it is one of them at each position."""
    view, shape = trace.views[operation.inputs[0]], trace.shape(operation.inputs[0])
    if view.labels is None or shape is None or any(n > 1 for n in view.labels.shape[2:]):
        return None
    times = int(operation.attributes["blocksize"]) ** 2
    labels = spread(view.labels, 1, shape[1]).ravel()
    rows = labels.reshape(-1, times).T if _mode(operation) == "CRD" else labels.reshape(times, -1)
    return trace.joined(operation, Addition(), [view.at(row.reshape(1, -1, 1, 1)) for row in rows])


def _mode(operation: Operation) -> str:
    mode = operation.attributes.get("mode", "DCR")
    return mode.decode() if isinstance(mode, bytes) else str(mode)
