"""Operators of onnxruntime that read axes in an order of their own: as plain ones, between transpositions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from igc_theory.networks.description.graph import Operation
from igc_theory.networks.readers.operators.quantized import BATCHES_MOVED, reads_channels_last

try:
    import onnx
except ImportError:  # read_onnx says what to install; to import this module is no error yet
    onnx = None

__all__ = ["in_plain_order", "of_onnxruntime"]


def of_onnxruntime(node: Any) -> Operation:
    """Return a node that ONNX does not define, with its attributes that are integers."""
    attributes: dict[str, Any] = {
        entry.name: entry.i for entry in node.attribute if entry.type == onnx.AttributeProto.INT
    }
    attributes |= {entry.name: list(entry.ints) for entry in node.attribute if entry.type == onnx.AttributeProto.INTS}
    name = f"{node.domain}.{node.op_type}".removeprefix(".")
    return Operation(name, "", tuple(node.input), tuple(node.output), attributes)


def in_plain_order(node: Any, rank: int, fresh: Callable[[str], str]) -> list[Any]:
    """Return a node, or for one that reads axes in an order of its own several: all other rules know ONNX's order alone.

    Parameters
    ----------
    node : NodeProto
    rank : int
        Axes of what it reads; 0 if that is not known.
    fresh : callable
        Gives a name that no tensor has yet.
    """
    is_whole = any(node.input[:1]) and any(node.output[:1])
    if rank < 3 or not is_whole:
        return [node]
    written = of_onnxruntime(node)
    if reads_channels_last(written):
        return _channels_first(node, rank, fresh)
    moved = [place for place, key in enumerate(BATCHES_MOVED) if written.attributes.get(key)]
    return _batches_first(node, rank, fresh, moved) if moved and len(node.input) == 2 else [node]


def _channels_first(node: Any, rank: int, fresh: Callable[[str], str]) -> list[Any]:
    """Return three nodes for one whose channels come last."""
    inner = _without(node, "channels_last")
    inner.attribute.append(onnx.helper.make_attribute("channels_last", 0))
    inner.input[0], inner.output[0] = (fresh(f"{name}, channels first") for name in (node.input[0], node.output[0]))
    before = _transposed(node.input[0], inner.input[0], [0, rank - 1, *range(1, rank - 1)])
    behind = _transposed(inner.output[0], node.output[0], [0, *range(2, rank), 1])
    return [before, inner, behind]


def _batches_first(node: Any, rank: int, fresh: Callable[[str], str], moved: list[int]) -> list[Any]:
    """Return a product of matrices in some of whose factors rows stand in front of the axes that count matrices."""
    inner, before = _without(node, *BATCHES_MOVED), []
    for place in moved:
        inner.input[place] = fresh(f"{node.input[place]}, matrices first of {node.output[0]}, {place}")
        before.append(_transposed(node.input[place], inner.input[place], [*range(1, rank - 1), 0, rank - 1]))
    return [*before, inner]


def _without(node: Any, *names: str) -> Any:
    """Return a copy of a node without some of its attributes."""
    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    del copy.attribute[:]
    copy.attribute.extend(entry for entry in node.attribute if entry.name not in names)
    return copy


def _transposed(read: str, written: str, perm: list[int]) -> Any:
    return onnx.helper.make_node("Transpose", [read], [written], perm=perm)
