"""The shapes that operators write which ONNX infers nothing for: those of onnxruntime, and some of other operator sets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

__all__ = ["SHAPES"]

Sizes = Sequence[int | None]
Attributes = Mapping[str, Any]
Rule = Callable[[Sequence[Sizes], Attributes], Sequence[Sizes] | None]
"""Gives the shapes that an operator writes, from those that it reads; these are empty where they are not known."""


def _like_first(read: Sequence[Sizes], _: Attributes) -> Sequence[Sizes]:
    return [read[0]]


def _columns(read: Sequence[Sizes], attributes: Attributes) -> Sequence[Sizes]:
    """Return what a product with a packed matrix writes: its columns are an attribute."""
    return [[*read[0][:-1], attributes["N"]]]


def _heads_joined(read: Sequence[Sizes], attributes: Attributes) -> Sequence[Sizes] | None:
    """Return what attention writes, its heads side by side; queries, keys and values may come packed."""
    query, key, value = (*read, (), ())[:3]
    if len(query) == 5:
        return [[*query[:2], _times(query[2], query[4])]]
    if len(key) == 5:
        return [[*query[:2], _times(key[2], key[4])]]
    if len(value) == 4:
        return [[*query[:2], _times(value[1], value[3])]]
    return [[*query[:2], value[2]]] if len(value) == 3 else None


def _queries_of_groups(read: Sequence[Sizes], attributes: Attributes) -> Sequence[Sizes]:
    """Return what attention writes whose heads of queries share those of keys: as much as it has queries."""
    heads, shared = attributes["num_heads"], attributes["kv_num_heads"]
    packed = not (*read, (), ())[1]
    width = read[0][2]
    return [[*read[0][:2], width // (heads + 2 * shared) * heads if packed and width is not None else width]]


def _projected_values(read: Sequence[Sizes], attributes: Attributes) -> Sequence[Sizes]:
    """Return what attention writes that makes its own queries, keys and values, a third of a matrix each if nothing is said."""
    columns = read[1][1]
    third = None if columns is None else columns // 3
    return [[*read[0][:2], attributes.get("qkv_hidden_sizes", [third])[-1]]]


def _rows_of_tables(read: Sequence[Sizes], _: Attributes) -> Sequence[Sizes]:
    rows = [*read[0], read[2][1]]
    return [rows, read[0][:1], rows]


def _times(first: int | None, second: int | None) -> int | None:
    return None if first is None or second is None else first * second


SHAPES: dict[str, Rule] = {
    **dict.fromkeys(
        ("GroupNormalization", "RotaryEmbedding", "SimplifiedLayerNormalization", "com.microsoft.GroupNorm"),
        _like_first,
    ),
    "MatMulNBits": _columns,
    "MultiHeadAttention": _heads_joined,
    "GroupQueryAttention": _queries_of_groups,
    "ProjectedAttention": _projected_values,
    "EmbedLayerNormalization": _rows_of_tables,
}
"""What is written, by the names that `operators.quantized` gives these operators."""
