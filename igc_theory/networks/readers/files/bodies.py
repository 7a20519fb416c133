"""Operators of an ONNX graph with bodies: calls of functions, branches, loops and scans, opened in their place."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from igc_theory.networks.description.graph import Constant, Operation, words
from igc_theory.networks.readers.files.folding import dtype_of, label, shape_of, tensor_type
from igc_theory.networks.readers.files.nodes import Reading, Scope

try:
    import onnx
except ImportError:  # read_onnx says what to install; to import this module is no error yet
    onnx = None

__all__ = ["BODIES"]

_MOST_UNPACKED = 20_000
"""Operators that the functions of a file may unpack to, beyond ten times those that are written in it."""

_DEEPEST = 50
"""Bodies within bodies."""

_FREE = words("Cast Constant Flatten Identity If Loop Reshape Shape Squeeze Transpose Unsqueeze")
"""Operators that cost nothing, so that it does not matter how often they run."""


def _call(reading: Reading, node: Any, scope: Scope) -> None:
    """Read the body of a function in the place of its call."""
    function, model = reading.function(node), reading.file.model
    name = f"{function.domain}.{function.name}"
    written = len(model.graph.node) + sum(len(entry.node) for entry in model.functions)
    if name in scope.calls:
        raise ValueError(f"{label(node)} is a function that calls itself, so that it has no end: export the file again")
    if reading.steps > 10 * written + _MOST_UNPACKED:
        raise ValueError(
            f"{label(node)}: the functions of the file unpack to more than {reading.steps - 1:,} operators, from the "
            f"{written} that are written in it: inline them yourself, if that is meant"
        )
    read = dict(zip(function.input, (scope.names[name] for name in node.input), strict=False))
    names = ChainMap({"": ""} | dict.fromkeys(function.input, "") | read)
    opsets = {
        entry.domain.replace("ai.onnx", "", entry.domain == "ai.onnx"): entry.version for entry in function.opset_import
    }
    values = {entry.name: entry for entry in (*function.attribute_proto, *node.attribute)}
    inside = replace(
        _inside(reading, node, scope), names=names, opsets=opsets or scope.opsets, site=f"{name}/", values=values
    )
    inside = replace(inside, calls=(*scope.calls, name))
    reading.nodes(function.node, inside)
    _return(node, function.output, inside, scope)


def _inside(reading: Reading, node: Any, scope: Scope, body: str = "") -> Scope:
    """Return the scope of a body; what it writes and stores is named after its node."""
    if len(scope.calls) >= _DEEPEST:
        raise ValueError(f"{label(node)} stands {_DEEPEST} bodies deep: such files are not read")
    place = (node.name or next(filter(None, node.output), node.op_type)) + ("/" + body if body else "")
    prefix = scope.prefix + place
    while prefix in reading.prefixes:
        prefix += "'"
    reading.prefixes.add(prefix)
    return Scope(
        scope.names.new_child(), scope.opsets, f"{prefix}/", f"{scope.site}{place}/", scope.values, (*scope.calls, "")
    )


def _return(node: Any, names: Sequence[str], inside: Scope, scope: Scope) -> None:
    """Give what a body returns the names that its node writes."""
    missing = [name for name in names if name not in inside.names]
    if missing or len(names) < len(node.output):
        raise ValueError(f"{label(node)} writes {len(node.output)} tensors, but its body does not return them all")
    for outer, inner in zip(node.output, names, strict=False):
        scope.names[outer] = inside.names[inner]


def _bodies(node: Any, *names: str) -> list[Any]:
    """Return the bodies of a node."""
    found = {entry.name: entry.g for entry in node.attribute if entry.type == onnx.AttributeProto.GRAPH}
    missing = [name for name in names if name not in found]
    if missing:
        raise ValueError(f"{label(node)} has no {missing[0]}: the file is cut off, or edited")
    return [found[name] for name in names]


def _number(reading: Reading, name: str) -> Any:
    """Return the one number that a constant holds; None if it is not known."""
    constant = reading.constants.get(name)
    values = constant.native() if constant is not None and constant.shape in ((), (1,)) else None
    return None if values is None or values.dtype.kind not in "biu" else values.ravel()[0].item()


def _branch(reading: Reading, node: Any, scope: Scope) -> None:
    """Read If: the branch that is taken, or both if that depends on the input."""
    bodies = dict(zip((True, False), _bodies(node, "then_branch", "else_branch"), strict=True))
    condition = scope.names[node.input[0]] if len(node.input) == 1 else ""
    taken = _number(reading, condition)
    before, returned = len(reading.operations), []
    for case, body in bodies.items():
        inside = _inside(reading, node, scope, "then" if case else "else")
        if taken is not None and case is not bool(taken):
            reading.keep_unread(body, inside.site)
            continue
        reading.graph(body, inside)
        names = [entry.name for entry in body.output]
        _return(node, names, inside, scope)
        returned.append([inside.names[name] for name in names])
    if len(returned) == 2:
        _join(reading, node, scope, condition, returned)
        if any(operation.operator not in _FREE for operation in reading.operations[before:]):
            reading.notes.append(
                (node.name or node.output[0], "If", "its condition depends on the input: both branches are counted")
            )


def _join(reading: Reading, node: Any, scope: Scope, condition: str, returned: list[list[str]]) -> None:
    """Write operations that take one of two tensors."""
    for outer, first, second in zip(node.output, *returned, strict=False):
        name = scope.names[outer] = reading.fresh(scope.prefix + outer)
        kinds = [reading.types.get(entry, onnx.TypeProto()) for entry in (first, second)]
        reading.types[name] = kinds[0] if shape_of(kinds[0]) == shape_of(kinds[1]) else onnx.TypeProto()
        read = (condition, first, second)
        if all(entry in reading.constants for entry in read):
            _unknown(reading, name, read)
        else:
            reading.operations.append(Operation("If", node.name, read, (name,), {}))


def _unknown(reading: Reading, name: str, read: Sequence[str]) -> None:
    """Note a constant whose values are not known."""
    kind = reading.types[name]
    origins = frozenset().union(*(reading.constants[entry].origins for entry in read if entry in reading.constants))
    reading.fix(name, Constant(shape_of(kind), dtype_of(kind), origins, lambda: None))


def _loop(reading: Reading, node: Any, scope: Scope) -> None:
    """Read Loop: its body once, with the number of times that it runs."""
    (body,) = _bodies(node, "body")
    trips = _number(reading, scope.names[node.input[0]]) if node.input and node.input[0] else None
    inside = _inside(reading, node, scope)
    count, carried = scope.names[""], [scope.names[name] for name in node.input[2:]]
    if len(body.input) != 2 + len(carried) or len(body.output) < 1 + len(carried) or (trips is not None and trips < 0):
        raise ValueError(
            f"{label(node)} carries {len(carried)} tensors, but its body reads {len(body.input)}, and returns {len(body.output)}"
        )
    counter, condition, *states = [entry.name for entry in body.input]
    count = inside.names[counter] = reading.fresh(inside.prefix + counter)
    reading.types[count] = tensor_type("int64", ())
    going = inside.names[condition] = reading.fresh(inside.prefix + condition)
    reading.fix(going, Constant((), "bool", frozenset(), lambda: np.array(True)))
    before = len(reading.operations)
    _enter(
        reading, node, body, inside, list(zip(states, carried, [entry.name for entry in body.output[1:]], strict=False))
    )
    reading.graph(body, inside)
    times, reason = _trips(reading, node, scope, trips, _number(reading, inside.names.get(body.output[0].name, "")))
    _leave(reading, node, inside, scope, [entry.name for entry in body.output[1:]], len(carried), times, before, reason)


def _trips(reading: Reading, node: Any, scope: Scope, most: int | None, goes_on: Any) -> tuple[int, str]:
    """Return how often a loop runs, and why that is not known if it is not."""
    first = _number(reading, scope.names[node.input[1]]) if len(node.input) > 1 and node.input[1] else True
    if (first is not None and not first) or most == 0:
        return 0, ""
    if first and goes_on is not None and not goes_on:
        return 1, ""
    if most is not None and first and goes_on:
        return int(most), ""
    return 1, "how often it runs depends on the input: it is counted once"


def _enter(reading: Reading, node: Any, body: Any, inside: Scope, carried: Sequence[tuple[str, str, str]]) -> None:
    """Give the tensors that a body carries from one pass to the next the types that they have at first."""
    copies = {
        entry.output[0]: entry.input[0] for entry in body.node if entry.op_type == "Identity" and len(entry.output) == 1
    }
    for state, initial, returned in carried:
        if state in (returned, copies.get(returned)):
            inside.names[state] = initial  # it stays as it is, a constant a constant
            continue
        name = inside.names[state] = reading.fresh(inside.prefix + state)
        reading.types[name] = reading.types.get(initial, onnx.TypeProto())
        reading.operations.append(Operation(node.op_type, node.name, (initial,), (name,), {}))


def _leave(
    reading: Reading,
    node: Any,
    inside: Scope,
    scope: Scope,
    returned: Sequence[str],
    carried: int,
    times: int,
    before: int,
    reason: str,
) -> None:
    """Give what a loop returns its names, and its operations the number of times that they run."""
    _return(node, returned, inside, scope)
    body = reading.operations[before:]
    reading.operations[before:] = [replace(operation, times=operation.times * times) for operation in body]
    name = node.name or node.output[0]
    if reason and any(operation.operator not in _FREE for operation in body):
        reading.notes.append((name, node.op_type, reason))
    for outer, inner in list(zip(node.output, returned, strict=False))[carried:]:
        tensor = inside.names[inner]
        stacked = scope.names[outer] = reading.fresh(scope.prefix + outer)
        kind = reading.types.get(tensor, onnx.TypeProto())
        shape = shape_of(kind)
        known = shape is not None and not reason and dtype_of(kind)
        reading.types[stacked] = (
            tensor_type(dtype_of(kind), (times, *shape)) if known and shape is not None else onnx.TypeProto()
        )
        reading.operations.append(Operation(node.op_type, node.name, (tensor,), (stacked,), {}))


def _scan(reading: Reading, node: Any, scope: Scope) -> None:
    """Read Scan: its body once, with the length of what it scans as the number of times that it runs."""
    (body,) = _bodies(node, "body")
    attributes = {entry.name: entry for entry in node.attribute}
    scanned = attributes["num_scan_inputs"].i if "num_scan_inputs" in attributes else 0
    if scope.opsets.get("", 0) < 9 or not 0 < scanned <= len(node.input) or len(body.input) != len(node.input):
        raise ValueError(
            f"{label(node)} is not a Scan of operator set 9 or later with a body that reads as much: export it again"
        )
    carried = len(node.input) - scanned
    axes = [*(attributes["scan_input_axes"].ints if "scan_input_axes" in attributes else []), *[0] * scanned][:scanned]
    inside, before = _inside(reading, node, scope), len(reading.operations)
    states = [entry.name for entry in body.input]
    outer = [scope.names[name] for name in node.input]
    returned = [entry.name for entry in body.output]
    _enter(reading, node, body, inside, list(zip(states[:carried], outer[:carried], returned, strict=False)))
    lengths = [
        _slice(reading, node, inside, state, name, axis)
        for state, name, axis in zip(states[carried:], outer[carried:], axes, strict=True)
    ]
    reading.graph(body, inside)
    reason = "" if lengths[0] is not None else "the length of what it scans is not known: it is counted once"
    _leave(reading, node, inside, scope, returned, carried, 1 if lengths[0] is None else lengths[0], before, reason)


def _slice(reading: Reading, node: Any, inside: Scope, state: str, outer: str, axis: int) -> int | None:
    """Give one step of a scanned tensor its type; return how many there are, if that is known."""
    name = inside.names[state] = reading.fresh(inside.prefix + state)
    kind = reading.types.get(outer, onnx.TypeProto())
    shape = shape_of(kind)
    reading.operations.append(Operation(node.op_type, node.name, (outer,), (name,), {}))
    if shape is None or not -len(shape) <= axis < len(shape):
        reading.types[name] = onnx.TypeProto()
        return None
    place = axis % len(shape)
    reading.types[name] = tensor_type(dtype_of(kind), shape[:place] + shape[place + 1 :])
    return shape[place]


BODIES: dict[str, Callable[[Reading, Any, Scope], None]] = {
    "call": _call,
    "If": _branch,
    "Loop": _loop,
    "Scan": _scan,
}
"""How nodes with bodies are read; functions of the file under "call"."""
