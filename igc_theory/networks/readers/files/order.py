"""The order of the nodes of an ONNX graph: each reads what has been written before."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterable
from graphlib import CycleError, TopologicalSorter
from typing import Any

from igc_theory.networks.readers.files.tensor_types import label

__all__ = ["check_names", "read_by", "topological_order"]


def topological_order(nodes: list[Any], known: ChainMap[str, str]) -> list[Any]:
    """Return nodes so that each reads what is known or has been written; ValueError if there is no such order."""
    written = _written(nodes, known)
    if written is None:
        return nodes
    before = {}
    for place, node in enumerate(nodes):
        missing = [name for name in _needs(node) if name not in written and name not in known]
        if missing:
            raise ValueError(
                f"{label(node)} reads {missing[0]!r}, which nothing writes: the file is cut off, or edited"
            )
        before[place] = {written[name] for name in _needs(node) if name in written}
    try:
        return [nodes[place] for place in TopologicalSorter(before).static_order()]
    except CycleError as error:
        raise ValueError(
            f"{label(nodes[error.args[1][0]])} reads what it writes itself, by a detour: that has no order"
        ) from error


def _written(nodes: list[Any], known: ChainMap[str, str]) -> dict[str, int] | None:
    """Return which node writes each tensor; None if the nodes are in order."""
    written: dict[str, int] = {}
    is_sorted = True
    for place, node in enumerate(nodes):
        check_names(f"node {place}", (node.name, node.op_type, node.domain, *node.input, *node.output))
        if not any(node.output):
            raise ValueError(f"{label(node)} writes nothing: the file is cut off, or edited")
        is_sorted &= all(name in written or name in known for name in _needs(node))
        for name in filter(None, node.output):
            if name in written or name in known.maps[0]:
                raise ValueError(f"{label(node)} writes {name!r}, which is written already: give each tensor one name")
            written[name] = place
    return None if is_sorted else written


def _needs(node: Any) -> list[str]:
    """Return what a node reads, itself or in its bodies."""
    graphs = [
        graph for entry in node.attribute for graph in (*([entry.g] if entry.HasField("g") else []), *entry.graphs)
    ]
    return [name for name in node.input if name] + [name for graph in graphs for name in _captured(graph)]


def check_names(what: str, names: Iterable[Any]) -> None:
    """Refuse names that are no text: protocol buffers give these as bytes."""
    if not all(isinstance(name, str) for name in names):
        raise ValueError(f"{what} has a name that is not UTF-8 text: the file is cut off, or edited")


def read_by(graph: Any) -> set[str]:
    """Return the names that the nodes of a graph read, themselves or in their bodies."""
    return {name for node in graph.node for name in _needs(node)}


def _captured(graph: Any) -> set[str]:
    """Return what a body reads of the graph around it."""
    own = {entry.name for entry in (*graph.input, *graph.initializer)}
    own |= {entry.values.name for entry in graph.sparse_initializer}
    own |= {name for node in graph.node for name in node.output}
    return (read_by(graph) | {entry.name for entry in graph.output}) - own - {""}
