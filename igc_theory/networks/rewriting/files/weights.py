"""The weights of an ONNX model's layers: what they are computed from, what else reads that, and their numbers."""

from __future__ import annotations

import re
from collections import Counter
from math import prod
from typing import Any

import numpy as np

from igc_theory.kernels.arrays import Array
from igc_theory.networks.description.graph import Graph, Stored

try:
    import onnx
except ImportError:  # rewrite says what to install; to import this module is no error yet
    onnx = None

__all__ = ["Kept", "check_readers", "read_inside", "stored_size", "weights_of", "zeros_for"]

LARGEST_LAYER = 2**26
"""Weights of a layer up to which substitutes are compared: in double precision half a gigabyte."""


class Kept(Exception):  # noqa: N818  # no fault: a layer that stays as it is, and why
    """Why a layer stays as it is."""


def stored_size(graph: Graph, weight: str) -> int | None:
    """Return how many weights would take what the file holds for these, which it may compute; None if it holds nothing."""
    origins = _origins(graph, weight)
    bits = sum(prod(origin.shape) * _bits(origin.dtype) for origin in origins)
    return -(-bits // _bits(graph.constants[weight].dtype)) if origins else None


def _origins(graph: Graph, weight: str) -> list[Stored]:
    """Return the arrays from which weights come."""
    names = graph.constants[weight].origins
    return [graph.stored[name] for name in names if name in graph.stored and _is_array(graph, name)]


def _bits(dtype: str) -> int:
    """Return the bits of a number by the name of its type, such as "int4" or "bfloat16"."""
    found = re.search(r"\d+", dtype)
    return int(found[0]) if found else 8


def check_readers(model: Any, graph: Graph, weight: str, nodes: list[Any]) -> None:
    """Refuse weights that something else reads too, itself or what they are computed from."""
    if weight not in graph.constants:
        raise Kept("its weights depend on the input")
    chain, layers = _made_from(model, weight), {node.output[0] for node in nodes}
    # Nodes are known by what they write: Python has new objects for them each time.
    rest = (node for node in model.graph.node if (chain | layers).isdisjoint(node.output))
    read = Counter(name for node in rest for name in node.input)
    read.update(entry.name for entry in model.graph.output)
    read.update(name for node in model.graph.node for name in read_inside(node))
    others = [name for name in chain if read[name] and (name == weight or _is_array(graph, name))]
    if others or any(node.input[k] == weight for node in nodes for k in range(len(node.input)) if k != 1):
        raise Kept("its weights are read elsewhere too")


def _made_from(model: Any, weight: str) -> set[str]:
    """Return what weights are computed from, with all that is written on the way."""
    writers = {name: node for node in model.graph.node for name in node.output}
    chain, names = set[str](), [weight]
    while names:
        name = names.pop()
        if name and name not in chain:
            chain.add(name)
            if name in writers:
                # Parts of one array, as Split writes them, stay or go together.
                names += [*writers[name].input, *writers[name].output]
    return chain


def _is_array(graph: Graph, name: str) -> bool:
    """Return whether a tensor is a constant of several numbers; sizes and places, which many nodes may read, are none."""
    constant = graph.constants.get(name)
    return constant is not None and constant.dtype != "int64" and (constant.shape is None or prod(constant.shape) > 1)


def read_inside(node: Any) -> list[str]:
    """Return the names that the graphs within a node read."""
    bodies = [entry.g for entry in node.attribute if entry.type == onnx.AttributeProto.GRAPH]
    bodies += [body for entry in node.attribute if entry.type == onnx.AttributeProto.GRAPHS for body in entry.graphs]
    inner = [child for body in bodies for child in body.node]
    return [name for child in inner for name in [*child.input, *read_inside(child)]] + [
        entry.name for body in bodies for entry in body.output
    ]


def weights_of(graph: Graph, name: str) -> Array:
    """Return weights of real numbers; Kept if they are none."""
    constant = graph.constants[name]
    if constant.dtype not in ("float32", "float64", "float16"):
        raise Kept(f"its weights are of type {constant.dtype or 'unknown'}")
    if constant.shape is not None and np.prod(constant.shape, dtype=float) > LARGEST_LAYER:
        raise Kept(f"it has more than {LARGEST_LAYER:,} weights")
    values = constant.native()
    if values is None:
        raise Kept(f"its weights are {_absent(graph, name)}: architecture_only=True puts fresh ones in their place")
    if not np.isfinite(values).all():
        raise Kept("some of its weights are not finite")
    return values


def _absent(graph: Graph, name: str) -> str:
    """Return why the numbers of weights are not known."""
    origins = _origins(graph, name)
    quantized = sorted({origin.dtype for origin in origins if "float" not in origin.dtype})
    if quantized:
        return f"quantized ({', '.join(quantized)})"
    return "computed in a way that is not followed" if origins else "not in the file"


def zeros_for(graph: Graph, name: str) -> Array:
    """Return zeros for weights of real numbers, in no memory; Kept if they are none."""
    constant = graph.constants[name]
    if constant.dtype not in ("float32", "float64", "float16") or constant.shape is None:
        raise Kept(f"its weights are of type {constant.dtype or 'unknown'}")
    return np.broadcast_to(np.zeros((), constant.dtype), constant.shape)
