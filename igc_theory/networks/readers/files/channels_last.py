"""Operators of onnxruntime on images whose channels come last: as with channels first, between two transpositions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from igc_theory.networks.description.graph import Operation
from igc_theory.networks.readers.operators.quantized import reads_channels_last

try:
    import onnx
except ImportError:  # read_onnx says what to install; to import this module is no error yet
    onnx = None

__all__ = ["channels_first", "of_onnxruntime"]


def of_onnxruntime(node: Any) -> Operation:
    """Return a node of another domain than ONNX's, with its attributes that are integers."""
    attributes = {entry.name: entry.i for entry in node.attribute if entry.type == onnx.AttributeProto.INT}
    return Operation(f"{node.domain}.{node.op_type}", "", tuple(node.input), tuple(node.output), attributes)


def channels_first(node: Any, rank: int, fresh: Callable[[str], str]) -> list[Any]:
    """Return a node, or for one that reads channels last three: all other rules know channels first alone.

    Parameters
    ----------
    node : NodeProto
    rank : int
        Axes of the image; 0 if that is not known.
    fresh : callable
        Gives a name that no tensor has yet.
    """
    is_whole = any(node.input[:1]) and any(node.output[:1])
    if rank < 3 or not is_whole or not reads_channels_last(of_onnxruntime(node)):
        return [node]
    inner = onnx.NodeProto()
    inner.CopyFrom(node)
    kept = [entry for entry in node.attribute if entry.name != "channels_last"]
    del inner.attribute[:]
    inner.attribute.extend([*kept, onnx.helper.make_attribute("channels_last", 0)])
    inner.input[0], inner.output[0] = (fresh(f"{name}, channels first") for name in (node.input[0], node.output[0]))
    before = onnx.helper.make_node(
        "Transpose", node.input[:1], inner.input[:1], perm=[0, rank - 1, *range(1, rank - 1)]
    )
    behind = onnx.helper.make_node("Transpose", inner.output[:1], node.output[:1], perm=[0, *range(2, rank), 1])
    return [before, inner, behind]
