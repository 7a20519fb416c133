"""Through an ONNX graph, node by node: arrays are stored, constants folded, shapes noted, everything else is an operation."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from math import prod
from typing import Any

import numpy as np

from igc_theory.networks.description.graph import Array, Constant, Note, Operation, Stored
from igc_theory.networks.readers.files.axis_order import in_plain_order
from igc_theory.networks.readers.files.file import File, stored_as
from igc_theory.networks.readers.files.folding import RANDOM, SMALL, computed, stands_for_weights
from igc_theory.networks.readers.files.order import topological_order
from igc_theory.networks.readers.files.tensor_types import known_shape, tensor_type, types_written

try:
    import onnx
    import onnx.numpy_helper
except ImportError:  # read_onnx says what to install; to import this module is no error yet
    onnx = None

__all__ = ["Reading", "Scope", "first_written", "operation", "opsets_of"]


_FREE_ENTRIES, _UNPACKING = 2**23, 16
"""Entries of constants that may be computed for any file, and for each entry that it stores."""


@dataclass(frozen=True)
class Scope:
    """Where a node stands: what names mean there, and how it was reached.

    `names` gives the tensor of the whole graph for each name of the body. `prefix` stands in front of what the body writes, `site`
    in front of what it stores (a function that is called twice stores once). `values` are the attributes of a function's call, each
    with the place where it is written; `taken` gives the places of those that the node has from there.
    """

    names: ChainMap[str, str]
    opsets: Mapping[str, int]
    prefix: str = ""
    site: str = ""
    values: Mapping[str, tuple[Any, str]] = field(default_factory=dict)
    taken: Mapping[str, str] = field(default_factory=dict)
    calls: tuple[str, ...] = ()


Body = Callable[["Reading", Any, Scope], None]


@dataclass
class Reading:
    """What is known of an ONNX file on the way through it.

    `types` holds what ONNX knows of each tensor; `small` holds the constants that shapes may depend on, as ONNX writes them.
    `trusted` holds the types that the file itself gives for tensors of operators that ONNX does not know. `bodies` reads operators
    with a body.
    """

    file: File
    bodies: Mapping[str, Body]
    trusted: Mapping[str, Any] = field(default_factory=dict)
    types: dict[str, Any] = field(default_factory=dict)
    small: dict[str, Any] = field(default_factory=dict)
    constants: dict[str, Constant] = field(default_factory=dict)
    stored: dict[str, Stored] = field(default_factory=dict)
    operations: list[Operation] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    prefixes: set[str] = field(default_factory=set)
    steps: int = 0
    spent: int = 0

    @cached_property
    def functions(self) -> dict[tuple[str, str, str], Any]:
        """The functions that the file defines, by domain, name and overload."""
        functions = self.file.model.functions
        return {(entry.domain, entry.name, getattr(entry, "overload", "")): entry for entry in functions}

    def graph(self, graph: Any, scope: Scope) -> None:
        """Read a graph, or the body of a branch or loop."""
        for tensor in graph.initializer:
            self._store(tensor, scope)
        for sparse in graph.sparse_initializer:
            self._store_sparse(sparse.values.name, sparse, scope)
        self.nodes(graph.node, scope)

    def nodes(self, nodes: Iterable[Any], scope: Scope) -> None:
        """Read nodes, in an order in which each reads what has been written."""
        for entry in topological_order(list(nodes), scope.names):
            self.steps += 1
            node, here = _settled(entry, scope)
            body = "call" if self.function(node) else node.op_type if node.domain in ("", "ai.onnx") else ""
            if body in self.bodies:
                self.bodies[body](self, node, here)
            else:
                renamed = self._renamed(node, here)
                for part in in_plain_order(renamed, self._rank(renamed), self.fresh):
                    self._operator(part, here)

    def _rank(self, node: Any) -> int:
        """Return how many axes the first input of a node has; 0 if that is not known."""
        kind = self.types.get(node.input[0]) if node.input else None
        return len(kind.tensor_type.shape.dim) if kind is not None else 0

    def function(self, node: Any) -> Any:
        """Return the function of the file that a node calls, if it calls one."""
        return self.functions.get((node.domain, node.op_type, getattr(node, "overload", "")))

    def fresh(self, name: str) -> str:
        """Return a name that no tensor has yet."""
        while name in self.types or name in self.constants:
            name += "'"
        return name

    def _named(self, local: str, scope: Scope) -> str:
        """Return the name in the whole graph of an array that a graph or body stores."""
        if local in scope.names.maps[0] or not isinstance(local, str):
            raise ValueError(f"two arrays or inputs are called {local!r}: give each tensor one name, as text in UTF-8")
        scope.names[local] = self.fresh(scope.prefix + local)
        return scope.names[local]

    def _renamed(self, node: Any, scope: Scope) -> Any:
        """Return the node with the names that its tensors have in the whole graph."""
        inputs = [scope.names[name] for name in node.input]
        outputs = [self.fresh(scope.prefix + name) if name else "" for name in node.output]
        scope.names.update(zip(node.output, outputs, strict=True))
        scope.names[""] = ""
        if inputs == node.input and outputs == node.output and not scope.prefix:
            return node
        renamed = onnx.NodeProto()
        renamed.CopyFrom(node)
        renamed.name = scope.prefix + node.name if node.name else ""
        del renamed.input[:], renamed.output[:]
        renamed.input.extend(inputs)
        renamed.output.extend(outputs)
        return renamed

    def _operator(self, node: Any, scope: Scope) -> None:
        """Read a node that has no body: as a stored array, as a constant, or as an operation."""
        if node.op_type == "Constant" and node.domain in ("", "ai.onnx") and self._constant(node, scope):
            return
        for entry in node.attribute:
            if entry.type == onnx.AttributeProto.TENSOR:
                stored_as(self.file, entry.t)
        read = [name for name in node.input if name]
        is_constant = all(name in self.constants for name in read) and node.op_type not in RANDOM
        types = types_written(node, self.types, self.small, scope.opsets, is_constant=is_constant)
        types = types or {name: self.trusted[name] for name in node.output if name in self.trusted}
        for name in node.output:
            self.types[name] = types.get(name) or onnx.TypeProto()
        shape = known_shape(self.types[read[0]]) if read and read[0] in self.types else None
        if node.op_type in ("Shape", "Size") and not node.domain and shape is not None:
            self.fix(node.output[0], _measured(node, shape))
        elif is_constant and (read or not node.domain):
            self._fold(node, types, scope)
        else:
            self.operations.append(operation(self.file, node))
            if any(entry.HasField("g") or entry.graphs for entry in node.attribute):
                self.notes.append((node.name or node.output[0], node.op_type, "what its body does is not counted"))

    def _fold(self, node: Any, types: Mapping[str, Any], scope: Scope) -> None:
        if stands_for_weights(node, types):
            name = node.output[0]
            self.keep(
                name, scope.site + name.removeprefix(scope.prefix), Stored(known_shape(types[name]) or (), "float32")
            )
            return
        operands = [self.constants[name] if name else None for name in node.input]
        if node.op_type in ("QuantizeLinear", "DequantizeLinear"):
            settings = [origin for operand in operands[1:] if operand for origin in operand.origins]
            self.stored.update({origin: replace(self.stored[origin], trained=False) for origin in settings})
        for name, constant in zip(node.output, computed(node, operands, types, scope.opsets, self.spend), strict=True):
            if name:
                self.fix(name, constant)

    def spend(self, entries: int) -> bool:
        """Return whether this many more entries of constants may be computed: bombs unpack to more than real files do."""
        self.spent += entries
        return self.spent <= _FREE_ENTRIES + _UNPACKING * sum(prod(stored.shape) for stored in self.stored.values())

    def fix(self, name: str, constant: Constant) -> None:
        """Note that a tensor is a constant."""
        self.constants[name] = constant
        if constant.shape is None:
            return
        if constant.dtype and (name not in self.types or known_shape(self.types[name]) is None):
            self.types[name] = tensor_type(constant.dtype, constant.shape)
        if (
            prod(constant.shape) <= SMALL
            and (values := constant.native()) is not None
            and values.dtype.kind not in "OU"
        ):
            self.small[name] = onnx.numpy_helper.from_array(values, name)

    def keep(self, name: str, site: str, stored: Stored, values: Callable[[], Array | None] = lambda: None) -> None:
        """Note that a tensor is a stored array; `values` gives its numbers."""
        self.stored.setdefault(site, stored)
        self.fix(name, Constant(stored.shape, stored.dtype, frozenset([site]), values))

    def _store(self, tensor: Any, scope: Scope) -> None:
        """Keep an array of the file."""
        name = self._named(tensor.name, scope)
        self.keep(name, scope.site + tensor.name, stored_as(self.file, tensor), lambda: self.file.values(tensor))

    def _store_sparse(self, local: str, sparse: Any, scope: Scope) -> None:
        """Keep an array of which the file holds the entries that are not zero, and their places."""
        entries, places = stored_as(self.file, sparse.values), stored_as(self.file, sparse.indices)
        shape, count = tuple(sparse.dims), prod(entries.shape)
        if places.shape not in ((count,), (count, len(shape))) or any(size < 0 for size in shape):
            raise ValueError(
                f"the sparse array {local!r} of shape {shape} has {count} entries at {places.shape} places"
            )
        name = self._named(local, scope)
        stored = replace(entries, shape=shape)
        self.keep(name, scope.site + local, stored, lambda: _dense(self.file, sparse))

    def _constant(self, node: Any, scope: Scope) -> bool:
        """Keep the array of a Constant node; False if it holds no numbers, or none that ONNX knows."""
        local = node.output[0].removeprefix(scope.prefix) if node.output else ""
        for entry in node.attribute:
            site = scope.taken.get(entry.name, scope.site + local)
            if entry.name == "value" and entry.type == onnx.AttributeProto.TENSOR:
                values = partial(self.file.values, entry.t)
                self._write_down(node.output[0], site, stored_as(self.file, entry.t), values)
                return True
            if entry.name == "sparse_value" and entry.type == onnx.AttributeProto.SPARSE_TENSOR:
                del scope.names[local]
                self._store_sparse(local, entry.sparse_tensor, scope)
                return True
            if entry.name in _NUMBERS and entry.type == _NUMBERS[entry.name][0]:
                array = np.asarray(onnx.helper.get_attribute_value(entry), _NUMBERS[entry.name][1])
                self._write_down(node.output[0], site, Stored(array.shape, array.dtype.name), array.view)
                return True
        return False

    def _write_down(self, name: str, site: str, stored: Stored, values: Callable[[], Array | None]) -> None:
        """Keep the array of a Constant node; one number over and over is no parameter where a file lists its arrays elsewhere.

        PyTorch writes states of zeros so, and the ones and zeros of normalisations without parameters.
        """
        if self.file.model.graph.initializer and "float" in stored.dtype and _repeats(values()):
            self.fix(name, Constant(stored.shape, stored.dtype, frozenset(), values))
        else:
            self.keep(name, site, stored, values)

    def keep_unread(self, graph: Any, site: str) -> None:
        """Note the arrays of a body that is not read."""
        for tensor in graph.initializer:
            self.stored.setdefault(site + tensor.name, stored_as(self.file, tensor))
        for node in graph.node:
            for entry in node.attribute:
                if node.op_type == "Constant" and entry.type == onnx.AttributeProto.TENSOR and node.output:
                    self.stored.setdefault(site + node.output[0], stored_as(self.file, entry.t))
                elif entry.type == onnx.AttributeProto.GRAPH:
                    self.keep_unread(entry.g, f"{site}{first_written(node)}/")


_NUMBERS = {
    "value_float": (1, np.float32),
    "value_int": (2, np.int64),
    "value_floats": (6, np.float32),
    "value_ints": (7, np.int64),
}
"""Attributes of Constant for numbers without a shape: ONNX's type of the attribute, and NumPy's of the numbers."""


def opsets_of(entries: Iterable[Any]) -> dict[str, int]:
    """Return the versions of the operator sets that a file or function names; ValueError for one that is not known."""
    newest = onnx.defs.onnx_opset_version()
    opsets = {}
    for entry in entries:
        domain = "" if entry.domain == "ai.onnx" else entry.domain
        most = 2**31 - 1 if domain else newest
        if not isinstance(domain, str) or not 0 < entry.version <= most:
            raise ValueError(
                f"it uses operator set {entry.version} of {domain or 'ONNX'!r}, and the package onnx knows 1 to {most}"
            )
        opsets[domain] = entry.version
    return opsets


def operation(file: File, node: Any) -> Operation:
    """Return a node as plain data."""
    domain = "" if node.domain in ("", "ai.onnx") else f"{node.domain}."
    attributes = {entry.name: _decoded(file, entry) for entry in node.attribute}
    kept = {name: value for name, value in attributes.items() if value is not None}
    return Operation(f"{domain}{node.op_type}", node.name, tuple(node.input), tuple(node.output), kept)


def _decoded(file: File, entry: Any) -> Any:
    """Return an attribute as plain data; None for a body, or what is not a number, text or array."""
    kinds = onnx.AttributeProto
    if entry.type in (kinds.FLOAT, kinds.INT):
        return entry.f if entry.type == kinds.FLOAT else entry.i
    if entry.type in (kinds.FLOATS, kinds.INTS):
        return list(entry.floats if entry.type == kinds.FLOATS else entry.ints)
    if entry.type == kinds.STRING:
        return entry.s.decode(errors="replace")
    if entry.type == kinds.STRINGS:
        return [text.decode(errors="replace") for text in entry.strings]
    if entry.type == kinds.TENSOR:
        stored_as(file, entry.t)
        return file.values(entry.t)
    return None


def _repeats(array: Array | None) -> bool:
    """Return whether an array holds one number over and over; most are told by the first two."""
    return (
        array is not None
        and array.size > 1
        and bool((array.flat[:2] == array.flat[0]).all() and (array == array.flat[0]).all())
    )


def _dense(file: File, sparse: Any) -> Array | None:
    """Return a sparse array with its zeros; None if that is too large."""
    if prod(sparse.dims) > 2**28:
        return None
    values, indices = file.values(sparse.values).ravel(), file.values(sparse.indices)
    flat = indices if indices.ndim == 1 else np.ravel_multi_index(tuple(indices.T), tuple(sparse.dims), mode="clip")
    array = np.zeros(prod(sparse.dims), values.dtype)
    array[np.clip(flat, 0, max(array.size - 1, 0))] = values
    return array.reshape(tuple(sparse.dims))


def _measured(node: Any, shape: tuple[int, ...]) -> Constant:
    """Return what Shape or Size writes for a known shape."""
    if node.op_type == "Size":
        values = np.array(prod(shape), np.int64)
    else:
        bounds = {entry.name: entry.i for entry in node.attribute}
        values = np.array(shape[bounds.get("start", 0) : bounds.get("end", len(shape))], np.int64)
    return Constant(values.shape, "int64", frozenset(), lambda: values)


def first_written(node: Any) -> str:
    """Return the first tensor that a node writes, which no other node does; nodes may share a name."""
    return next(filter(None, node.output), str(node.op_type))


def _settled(node: Any, scope: Scope) -> tuple[Any, Scope]:
    """Return a node of a function's body with the attributes that it takes from the call, and its scope."""
    if not any(entry.ref_attr_name for entry in node.attribute):
        return node, scope
    taken = {entry.name: entry.ref_attr_name for entry in node.attribute if entry.ref_attr_name in scope.values}
    settled = onnx.NodeProto()
    settled.CopyFrom(node)
    del settled.attribute[:]
    for entry in node.attribute:
        given = scope.values.get(entry.ref_attr_name, (None, ""))[0] if entry.ref_attr_name else entry
        if given is not None:
            settled.attribute.add().CopyFrom(given)
            settled.attribute[-1].name = entry.name
    return settled, replace(scope, taken={name: scope.values[given][1] for name, given in taken.items()})
