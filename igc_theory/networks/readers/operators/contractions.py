"""Sums of products over an axis: matrices from either side, Einsum, attention, and recurrent layers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from math import prod

import numpy as np

from igc_theory.networks.description.graph import Array, Operation, Sizes
from igc_theory.networks.description.layer_graph import NO_SHAPE
from igc_theory.networks.description.layers import Linear, Operator
from igc_theory.networks.readers.operators.walk import Cost, Walk, uses

__all__ = ["attention", "einsum", "matmul", "recurrent", "spelled_out"]

RESPONSES = "product of activations"


def matmul(walk: Walk, operation: Operation) -> None:
    """Append a product of matrices: a linear layer if one of them is constant, else a product of activations."""
    first, second, *added = operation.inputs
    flipped = [bool(operation.attributes.get(key, 0)) for key in ("transA", "transB")]
    shapes = [walk.shapes.get(name) for name in (first, second)]
    summed = _summed(walk, operation, flipped)
    if not summed:
        walk.pass_over(operation, NO_SHAPE)
        return
    bias = [name for name in added[:1] if walk.is_constant(name)]
    products = summed * prod(walk.shapes.get(operation.outputs[0], ()))
    if not walk.is_constant(first) and not walk.is_constant(second):
        cost = Cost(uses({"bias": bias}), of_activations=products)
        walk.append(operation, Operator(RESPONSES), cost, source=first, channels=(-1, -1))
        return
    left = walk.is_constant(first)
    weight, source = (first, second) if left else (second, first)
    held = shapes[not left]
    if not held:
        walk.pass_over(operation, NO_SHAPE)
        return
    rows, columns = _matrix(held, column=not left)
    transpose = flipped[0] if left else not flipped[1]
    outputs, inputs = (columns, rows) if transpose else (rows, columns)
    cost = Cost(uses({"linear": [weight], "bias": bias}), products)
    several = prod(walk.shapes[weight]) // (rows * columns)
    if several == 1:
        cost.weight = _transposed(walk, weight, (rows, columns), transpose)
    node = Linear(inputs, outputs, bool(bias)) if several == 1 else Operator(f"linear, {several} matrices")
    across = -2 if left else -1
    channels = (-3 - across if flipped[left] else across, across)
    walk.append(operation, node, cost, source=source, channels=_within(walk, operation, source, channels))


def _within(walk: Walk, operation: Operation, source: str, channels: tuple[int, int]) -> tuple[int, int]:
    """Return axes of channels that exist: a vector has one axis only, and loses it where it is multiplied by a vector."""
    ranks = (len(walk.shapes.get(source, ())), len(walk.shapes.get(operation.outputs[0], ())))
    read, written = (max(axis, -rank) for axis, rank in zip(channels, ranks, strict=True))
    return read, written


def _summed(walk: Walk, operation: Operation, flipped: Sequence[bool]) -> int:
    """Return the length of the axis that a product of matrices sums over; 0 if it is not known."""
    first, second = (walk.shapes.get(name) for name in operation.inputs[:2])
    if first:
        return first[-2 if flipped[0] and len(first) > 1 else -1]
    return second[-1 if flipped[1] or len(second) == 1 else -2] if second else 0


def _matrix(shape: Sizes, *, column: bool) -> tuple[int, int]:
    """Return rows and columns of a matrix; a vector on the right of a product is a column, on the left a row."""
    if len(shape) > 1:
        return shape[-2], shape[-1]
    return (shape[0], 1) if column else (1, shape[0])


def _transposed(walk: Walk, name: str, shape: tuple[int, int], transpose: bool) -> Callable[[], Array | None]:
    def values() -> Array | None:
        found = walk.values(name)
        if found is None:
            return None
        return found.reshape(shape).T if transpose else found.reshape(shape)

    return values


def einsum(walk: Walk, operation: Operation) -> None:
    """Append a sum of products in Einstein's notation: products with weights, and products of activations, pair by pair."""
    shapes = [walk.shapes.get(name) for name in operation.inputs]
    if None in shapes or operation.outputs[0] not in walk.shapes:
        walk.pass_over(operation, NO_SHAPE)
        return
    terms, result = spelled_out(str(operation.attributes["equation"]), [len(shape or ()) for shape in shapes])
    sizes: dict[str, int] = {}
    for letter, size in chain.from_iterable(
        zip(term, shape or (), strict=True) for term, shape in zip(terms, shapes, strict=True)
    ):
        sizes[letter] = max(size, sizes.get(letter, 1))
    constant = [walk.is_constant(name) for name in operation.inputs]
    weighted, of_activations = _pairwise(terms, result, sizes, constant)
    held = [name for name in operation.inputs if walk.is_constant(name)]
    cost = Cost(uses({"linear": held}), weighted, of_activations)
    kind = RESPONSES if not held else "bilinear" if len(terms) > 2 else "linear"
    source = next(name for name in operation.inputs if not walk.is_constant(name))
    channels = (-1 if walk.shapes[source] else 0, -1)
    node = _linear_of(terms, result, sizes, constant)
    if node is not None:
        position = constant.index(True)
        transpose = terms[position][0] not in result
        rows, columns = walk.shapes[held[0]]
        cost.weight = _transposed(walk, held[0], (rows, columns), transpose)
    walk.append(operation, node or Operator(kind), cost, source=source, channels=channels)


def _linear_of(terms: Sequence[str], result: str, sizes: Mapping[str, int], constant: Sequence[bool]) -> Linear | None:
    """Return the linear layer on the last axis that a sum of products is; None if it is none."""
    if len(terms) != 2 or sum(constant) != 1:
        return None
    weight, read = terms if constant[0] else reversed(terms)
    if len(weight) != 2 or not read or result[:-1] != read[:-1] or {read[-1], result[-1:]} != set(weight):
        return None
    return Linear(sizes[read[-1]], sizes[result[-1]], bias=False)


def spelled_out(equation: str, ranks: Sequence[int]) -> tuple[list[str], str]:
    """Return the letters of each operand of an Einsum and of its result, dots spelled out, and the result where it is left out."""
    left, arrow, result = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    free = iter(sorted(set(map(chr, range(0x391, 0x3FF))) - set(equation)))
    longest = max((rank - len(term) + 3 for term, rank in zip(terms, ranks, strict=True) if "..." in term), default=0)
    dots = "".join(next(free) for _ in range(longest))
    spelled = []
    for term, rank in zip(terms, ranks, strict=True):
        count = rank - len(term) + 3
        spelled.append(term.replace("...", dots[longest - count :] if count else ""))
    letters = Counter("".join(terms).replace(".", ""))
    if not arrow:
        result = "..." * (longest > 0) + "".join(sorted(letter for letter, times in letters.items() if times == 1))
    return spelled, result.replace("...", dots)


def _pairwise(terms: list[str], result: str, sizes: Mapping[str, int], constant: Sequence[bool]) -> tuple[int, int]:
    """Return the multiply–adds with weights, and those of activations, in the cheapest order of pairs."""
    left = list(zip(terms, constant, strict=True))
    counted = [0, 0]
    arrays = [np.broadcast_to(np.float32(0), tuple(sizes[letter] for letter in term)) for term in terms]
    order = _cheapest(terms, result, arrays)
    for pair in order:
        chosen = [left.pop(k) for k in sorted(pair, reverse=True)]
        needed = set(result).union(*(term for term, _ in left))
        # What one operand alone holds, and nothing else needs, is summed before it is multiplied.
        shared = [
            set(term) & (needed.union(*(other for k, (other, _) in enumerate(chosen) if k != j)))
            for j, (term, _) in enumerate(chosen)
        ]
        weighted = any(is_constant for _, is_constant in chosen)
        if len(chosen) > 1 and not all(is_constant for _, is_constant in chosen):
            counted[not weighted] += prod(sizes[letter] for letter in set().union(*shared))
        kept = "".join(sorted(set().union(*(set(term) for term, _ in chosen)) & needed))
        left.append((kept, all(is_constant for _, is_constant in chosen)))
    return counted[0], counted[1]


def _cheapest(terms: list[str], result: str, arrays: Sequence[Array]) -> list[tuple[int, ...]]:
    if len(terms) < 3:
        return [tuple(range(len(terms)))]
    names = {letter: chr(ord("a") + k) for k, letter in enumerate(dict.fromkeys("".join(terms) + result))}
    spelled = [
        ",".join("".join(map(names.__getitem__, term)) for term in terms),
        "".join(map(names.__getitem__, result)),
    ]
    path, _ = np.einsum_path("->".join(spelled), *arrays, optimize="optimal")
    return list(path[1:])


def attention(walk: Walk, operation: Operation) -> None:
    """Append scaled dot-product attention: activations by activations, twice."""
    query, key, value = (walk.shapes.get(name, ()) for name in operation.inputs[:3])
    heads = int(operation.attributes.get("q_num_heads", operation.attributes.get("num_heads", 0)))
    if len(query) == 3 and heads:
        query = (query[0], heads, query[1], query[2] // heads)
        shared = int(operation.attributes.get("kv_num_heads", heads))
        key = (key[0], shared, key[1], key[2] // shared) if len(key) == 3 else key
        value = (value[0], shared, value[1], value[2] // shared) if len(value) == 3 else value
    if not len(query) == len(key) == len(value) == 4:
        walk.pass_over(operation, NO_SHAPE)
        return
    past = walk.shapes.get(operation.reads(4 if operation.operator == "Attention" else 6), ())
    length = key[2] + (past[2] if len(past) == 4 else 0)
    products = prod(query[:3]) * length * (query[3] + value[3])
    walk.append(
        operation, Operator("attention"), Cost(of_activations=products), source=operation.inputs[0], channels=(-1, -1)
    )


def recurrent(walk: Walk, operation: Operation) -> None:
    """Append a recurrent layer, which uses every weight once at each step of the sequence."""
    shape = walk.shapes.get(operation.inputs[0], ())
    weights, bias = operation.inputs[1:3], operation.reads(3)
    if len(shape) != 3 or not all(name in walk.shapes for name in weights):
        walk.pass_over(operation, NO_SHAPE)
        return
    steps = shape[0] * shape[1]
    products = steps * sum(prod(walk.shapes[name]) for name in weights)
    cost = Cost(uses({"linear": weights, "bias": [bias]}), products)
    written = next(name for name in operation.outputs if name)
    whole = Operation(
        operation.operator, operation.name, operation.inputs, (written,), operation.attributes, operation.times
    )
    walk.depth.setdefault(written, walk.depth.get(operation.outputs[0], 0))
    walk.append(whole, Operator(operation.operator), cost, source=operation.inputs[0], channels=(-1, -1))
