"""Operators of an ONNX graph with bodies: calls of functions, branches, loops and scans, opened in their place."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from igc_theory.networks.description.graph import Constant, Operation, words
from igc_theory.networks.readers.files.nodes import Reading, Scope, first_written, opsets_of
from igc_theory.networks.readers.files.order import check_names
from igc_theory.networks.readers.files.tensor_types import dtype_of, known_shape, label, tensor_type

try:
    import onnx
except ImportError:  # read_onnx says what to install; to import this module is no error yet
    onnx = None

__all__ = ["BODIES"]

_MOST_UNPACKED = 2_000
"""Operators that the functions of a file may unpack to, beyond ten times those that are written in it: half a second's work."""

_DEEPEST = 50
"""Bodies within bodies."""

_FREE = words("Cast Constant Flatten Identity If Loop Reshape Shape Squeeze Transpose Unsqueeze")
"""Operators that cost nothing, so that it does not matter how often they run."""


def _call(reading: Reading, node: Any, scope: Scope) -> None:
    """Read the body of a function in the place of its call."""
    function, model = reading.function(node), reading.file.model
    name = ":".join(filter(None, (f"{function.domain}.{function.name}", getattr(node, "overload", ""))))
    written = len(model.graph.node) + sum(len(entry.node) for entry in model.functions)
    if name in scope.calls:
        raise ValueError(f"{label(node)} is a function that calls itself, so that it has no end: export the file again")
    if reading.steps > 10 * written + _MOST_UNPACKED:
        raise ValueError(
            f"{label(node)}: the functions of the file unpack to more than {reading.steps - 1:,} operators, from the "
            f"{written} that are written in it: inline them yourself, if that is meant"
        )
    check_names(label(node), (*function.input, *function.output))
    read = dict(zip(function.input, (scope.names[name] for name in node.input), strict=False))
    names = ChainMap({"": ""} | dict.fromkeys(function.input, "") | read)
    opsets = opsets_of(function.opset_import)
    inside, own = _inside(reading, node, scope), f"{name}/"
    values = {entry.name: (entry, own + entry.name) for entry in function.attribute_proto}
    values |= {entry.name: (entry, scope.taken.get(entry.name, inside.site + entry.name)) for entry in node.attribute}
    calls = (*scope.calls, name)
    inside = replace(inside, names=names, opsets=opsets or scope.opsets, site=own, values=values, calls=calls)
    reading.nodes(function.node, inside)
    _return(reading, node, function.output, inside, scope)


def _inside(reading: Reading, node: Any, scope: Scope, body: str = "") -> Scope:
    """Return the scope of a body; what it writes and stores is named after its node."""
    if len(scope.calls) >= _DEEPEST:
        raise ValueError(f"{label(node)} stands {_DEEPEST} bodies deep: such files are not read")
    branch = f"/{body}" if body else ""
    prefix = scope.prefix + (node.name or first_written(node)) + branch
    while prefix in reading.prefixes:
        prefix += "'"
    reading.prefixes.add(prefix)
    site = f"{scope.site}{first_written(node)}{branch}/"
    calls = (*scope.calls, "")
    return Scope(scope.names.new_child(), scope.opsets, f"{prefix}/", site, scope.values, calls=calls)


def _return(
    reading: Reading, node: Any, names: Sequence[str], inside: Scope, scope: Scope, most: int | None = None
) -> None:
    """Give what a body returns the names that its node writes; `most` is how many of these, all if None."""
    missing = [name for name in names if name not in inside.names]
    if missing or len(names) < len(node.output):
        raise ValueError(f"{label(node)} writes {len(node.output)} tensors, but its body does not return them all")
    for outer, inner in list(zip(node.output, names, strict=False))[:most]:
        tensor = scope.names[outer] = inside.names[inner]
        if tensor in reading.types and not scope.prefix:
            reading.types.setdefault(outer, reading.types[tensor])


def _bodies(node: Any, *names: str) -> list[Any]:
    """Return the bodies of a node."""
    found = {entry.name: entry.g for entry in node.attribute if entry.type == onnx.AttributeProto.GRAPH}
    missing = [name for name in names if name not in found]
    if missing:
        raise ValueError(f"{label(node)} has no {missing[0]}: the file is cut off, or edited")
    bodies = [found[name] for name in names]
    check_names(label(node), (entry.name for body in bodies for entry in (*body.input, *body.output)))
    return bodies


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
        _return(reading, node, names, inside, scope)
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
        reading.types[name] = kinds[0] if known_shape(kinds[0]) == known_shape(kinds[1]) else onnx.TypeProto()
        read = (condition, first, second)
        if all(entry in reading.constants for entry in read):
            _unknown(reading, name, read)
        else:
            reading.operations.append(Operation("If", node.name, read, (name,), {}))


def _unknown(reading: Reading, name: str, read: Sequence[str]) -> None:
    """Note a constant whose values are not known."""
    kind = reading.types[name]
    origins = frozenset().union(*(reading.constants[entry].origins for entry in read if entry in reading.constants))
    reading.fix(name, Constant(known_shape(kind), dtype_of(kind), origins, lambda: None))


@dataclass(frozen=True)
class _Passes:
    """The body of a loop that is being read: what it carries from pass to pass, and returns.

    `states` are the names in the body of what is carried; `returned` are those of what it returns, the states first. `counter` is
    the tensor that counts passes; `before` counts the operations that were read before the body.
    """

    node: Any
    body: Any
    scope: Scope
    inside: Scope
    states: Sequence[str]
    returned: Sequence[str]
    before: int
    counter: str = ""


def _loop(reading: Reading, node: Any, scope: Scope) -> None:
    """Read Loop: its body once, with the number of times that it runs."""
    (body,) = _bodies(node, "body")
    trips = _number(reading, scope.names[node.input[0]]) if node.input and node.input[0] else None
    inside, carried = _inside(reading, node, scope), [scope.names[name] for name in node.input[2:]]
    if len(body.input) != 2 + len(carried) or len(body.output) < 1 + len(carried) or (trips or 0) < 0:
        raise ValueError(
            f"{label(node)} carries {len(carried)} tensors {trips} times, but its body reads {len(body.input)}, "
            f"and returns {len(body.output)}"
        )
    counter, condition, *states = [entry.name for entry in body.input]
    goes_on, *returned = [entry.name for entry in body.output]
    count = inside.names[counter] = reading.fresh(inside.prefix + counter)
    reading.types[count] = tensor_type("int64", ())
    loop = _Passes(node, body, scope, inside, states, returned, len(reading.operations), count)
    inside.names[condition] = reading.fresh(inside.prefix + condition)
    reading.fix(inside.names[condition], Constant((), "bool", frozenset(), lambda: np.array(True)))
    _enter(reading, loop, carried)
    reading.graph(body, inside)
    times, reason = _trips(reading, node, scope, trips, _number(reading, inside.names.get(goes_on, "")))
    _leave(reading, loop, times, reason)


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


def _enter(reading: Reading, loop: _Passes, carried: Sequence[str]) -> None:
    """Give the tensors that a body carries from one pass to the next the types that they have at first."""
    node, names = loop.node, loop.inside.names
    copies = {
        entry.output[0]: entry.input[0]
        for entry in loop.body.node
        if entry.op_type == "Identity" and entry.input and entry.output
    }
    for state, initial, returned in zip(loop.states, carried, loop.returned, strict=False):
        if state in (returned, copies.get(returned)):
            names[state] = initial  # it stays as it is, a constant a constant
            continue
        name = names[state] = reading.fresh(loop.inside.prefix + state)
        reading.types[name] = reading.types.get(initial, onnx.TypeProto())
        reading.operations.append(Operation(node.op_type, node.name, (initial,), (name,), {}))


def _leave(reading: Reading, loop: _Passes, times: int, reason: str) -> None:
    """Give what a loop returns its names, and its operations the number of times that they run."""
    node, names = loop.node, loop.inside.names
    _return(reading, node, loop.returned, loop.inside, loop.scope, len(loop.states))
    body = reading.operations[loop.before :]
    reading.operations[loop.before :] = [replace(operation, times=operation.times * times) for operation in body]
    stacked = _stacked(reading, loop, None if reason else times)
    if _depends(reading, body, loop.counter):
        reason = reason or _growth(reading, loop)
        if reason and any(operation.operator not in _FREE for operation in body):
            reading.notes.append((node.name or node.output[0], node.op_type, reason))
        return
    del reading.operations[loop.before :]
    read = [name for operation in body for name in operation.inputs if name in reading.constants]
    for name in {*(names[entry] for entry in loop.returned), *stacked} - reading.constants.keys():
        _unknown(reading, name, read)


def _stacked(reading: Reading, loop: _Passes, times: int | None) -> list[str]:
    """Write what a loop collects from all its passes; return the names."""
    states, stacked = len(loop.states), []
    for outer, inner in list(zip(loop.node.output, loop.returned, strict=False))[states:]:
        tensor = loop.inside.names[inner]
        name = loop.scope.names[outer] = reading.fresh(loop.scope.prefix + outer)
        kind = reading.types.get(tensor, onnx.TypeProto())
        shape, dtype = known_shape(kind), dtype_of(kind)
        is_first = all(entry.name != "scan_output_axes" for entry in loop.node.attribute)
        is_known = shape is not None and times is not None and dtype and is_first
        reading.types[name] = tensor_type(dtype, (times or 0, *(shape or ()))) if is_known else onnx.TypeProto()
        reading.operations.append(Operation(loop.node.op_type, loop.node.name, (tensor,), (name,), {}))
        stacked.append(name)
    return stacked


def _depends(reading: Reading, body: Sequence[Operation], counter: str) -> bool:
    """Return whether anything in a loop depends on the input of the network."""
    own = {name for operation in body for name in operation.outputs} | {counter, ""} | reading.constants.keys()
    return any(name not in own for operation in body for name in operation.inputs)


def _growth(reading: Reading, loop: _Passes) -> str:
    """Return why the passes of a loop are not alike, if what it carries changes its shape."""
    names, none = loop.inside.names, onnx.TypeProto()
    for state, returned in zip(loop.states, loop.returned, strict=False):
        first, next_one = (known_shape(reading.types.get(names[name], none)) for name in (state, returned))
        if first != next_one:
            return "what it carries changes its shape from pass to pass: every pass is counted as the first"
    return ""


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
    inside, outer = _inside(reading, node, scope), [scope.names[name] for name in node.input]
    read, returned = [entry.name for entry in body.input], [entry.name for entry in body.output]
    loop = _Passes(node, body, scope, inside, read[:carried], returned, len(reading.operations))
    _enter(reading, loop, outer[:carried])
    steps = zip(read[carried:], outer[carried:], axes, strict=True)
    lengths = {_slice(reading, loop, state, name, axis) for state, name, axis in steps}
    reading.graph(body, inside)
    if len(lengths) > 1 and None not in lengths:
        raise ValueError(f"{label(node)} scans tensors of lengths {sorted(map(str, lengths))}: make them equal")
    length = lengths.pop() if len(lengths) == 1 else None
    reason = "" if length is not None else "the length of what it scans is not known: it is counted once"
    _leave(reading, loop, 1 if length is None else length, reason)


def _slice(reading: Reading, loop: _Passes, state: str, outer: str, axis: int) -> int | None:
    """Give one step of a scanned tensor its type; return how many there are, if that is known."""
    node, inside = loop.node, loop.inside
    name = inside.names[state] = reading.fresh(inside.prefix + state)
    kind = reading.types.get(outer, onnx.TypeProto())
    shape = known_shape(kind)
    if shape is None or not -len(shape) <= axis < len(shape):
        reading.operations.append(Operation(node.op_type, node.name, (outer,), (name,), {}))
        reading.types[name] = onnx.TypeProto()
        return None
    place = axis % len(shape)
    meaning = {"axis": place, "carried": len(loop.states)}
    reading.operations.append(Operation(node.op_type, node.name, (outer,), (name,), meaning))
    reading.types[name] = tensor_type(dtype_of(kind), shape[:place] + shape[place + 1 :])
    return shape[place]


BODIES: dict[str, Callable[[Reading, Any, Scope], None]] = {
    "call": _call,
    "If": _branch,
    "Loop": _loop,
    "Scan": _scan,
}
"""How nodes with bodies are read; functions of the file under "call"."""
