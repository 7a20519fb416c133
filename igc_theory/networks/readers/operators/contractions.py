"""Sums of products over an axis: matrices from either side, Einsum, attention, and recurrent layers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from itertools import chain
from math import prod
from typing import NamedTuple

from igc_theory.networks.description.graph import Array, Operation, Sizes
from igc_theory.networks.description.layer_graph import NO_SHAPE
from igc_theory.networks.description.layers import Linear, Operator
from igc_theory.networks.readers.operators.numbers import Use
from igc_theory.networks.readers.operators.walk import Cost, Walk, uses

__all__ = ["attention", "einsum", "matmul", "packed_matmul", "projected_attention", "recurrent", "spelled_out"]

RESPONSES = "product of activations"

_MOST_FACTORS = 10
"""Factors of a sum of products up to which the cheapest order is looked for: the time for it triples with each."""

TOO_MANY = f"its cheapest order is not looked for: it has more than {_MOST_FACTORS} factors"


OF_UNKNOWN_LENGTH = "how long its sequences are is not known: every step of the longest possible is counted"
OF_UNEQUAL_LENGTH = "its sequences are of unequal length: each is counted as the longest"


class _Products(NamedTuple):
    """Multiply–adds of a sum of products; of two orders that cost as much, the one with more by weights is less."""

    total: int
    of_activations: int
    weighted: int


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
    several = prod(walk.shapes[weight]) // max(rows * columns, 1)  # none of a matrix without entries
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
    """Append a sum of products, pair by pair in the order cheapest for one example; constants are multiplied before, once."""
    names, shapes = operation.inputs, [walk.shapes.get(name) for name in operation.inputs]
    if None in shapes or operation.outputs[0] not in walk.shapes or len(shapes) > _MOST_FACTORS:
        walk.pass_over(operation, TOO_MANY if len(shapes) > _MOST_FACTORS else NO_SHAPE)
        return
    terms, result = spelled_out(str(operation.attributes["equation"]), [len(shape or ()) for shape in shapes])
    axes = [list(zip(term, shape or (), strict=True)) for term, shape in zip(terms, shapes, strict=True)]
    sizes: dict[str, int] = {}
    for letter, size in chain.from_iterable(axes):
        sizes[letter] = max(size, sizes.get(letter, 1))
    constant = [walk.is_constant(name) for name in names]
    factors = [frozenset(letter for letter, size in entry if size != 1) for entry in axes]  # others are broadcast
    bits = sum(is_constant << k for k, is_constant in enumerate(constant))
    _, of_activations, weighted = _cheapest(factors, frozenset(result), sizes, bits)
    held = [name for name in names if walk.is_constant(name)]
    cost = Cost(uses({"linear": held}), weighted, of_activations)
    kind = RESPONSES if not held else "bilinear" if len(terms) > 2 else "linear"
    source = next(name for name in names if not walk.is_constant(name))
    node = _linear_of(terms, result, sizes, constant)
    if node is not None:
        rows, columns = walk.shapes[held[0]]
        cost.weight = _transposed(walk, held[0], (rows, columns), terms[constant.index(True)][0] not in result)
    channels = (-1 if walk.shapes[source] else 0, -1)
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


def _cheapest(
    terms: Sequence[frozenset[str]], result: frozenset[str], sizes: Mapping[str, int], held: int
) -> _Products:
    """Return what a sum of products costs in the order of pairs in which one example costs least; bits of `held` are constants."""
    whole = 2 ** len(terms) - 1

    @cache
    def kept(operands: int) -> frozenset[str]:
        """Return the axes that a part of the product still has: what nothing else needs is summed before it is multiplied."""
        inside, outside = (_joined(terms, part) for part in (operands, whole & ~operands))
        return inside & (outside | result)

    @cache
    def cost(operands: int) -> _Products:
        # One factor is no product, and constants are multiplied once, not for each example.
        if operands & held == operands or operands & (operands - 1) == 0:
            return _Products(0, 0, 0)
        return min(map(paired, _halves(operands)))

    def paired(halves: tuple[int, int]) -> _Products:
        products = prod(sizes[letter] for letter in kept(halves[0]) | kept(halves[1]))
        weighted = any(half & held == half for half in halves)
        here = _Products(products, 0 if weighted else products, products if weighted else 0)
        return _Products(*map(sum, zip(here, *map(cost, halves), strict=True)))

    return cost(whole)


def _joined(terms: Sequence[frozenset[str]], operands: int) -> frozenset[str]:
    return frozenset().union(*(term for k, term in enumerate(terms) if operands >> k & 1))


def _halves(operands: int) -> Iterator[tuple[int, int]]:
    """Yield every way to part a set of operands, as bits, in two."""
    half = (operands - 1) & operands
    while half > operands ^ half:
        yield half, operands ^ half
        half = (half - 1) & operands


_PAST = {"Attention": 4, "MultiHeadAttention": 6, "GroupQueryAttention": 3}
"""The place at which an attention reads the keys of the past; their values follow."""


def attention(walk: Walk, operation: Operation) -> None:
    """Append scaled dot-product attention: queries by keys, and shares by values, each with those of the past."""
    query, key, value = _heads(walk, operation)
    if not len(query) == len(key) == len(value) == 4:
        walk.pass_over(operation, NO_SHAPE)
        return
    place = _PAST[operation.operator]
    past = walk.shapes.get(operation.reads(place), ())
    pairs = [(operation.reads(1), operation.reads(2), key[2])]
    pairs += [(operation.reads(place), operation.reads(place + 1), past[2])] if len(past) == 4 else []
    cost = Cost()
    for keys, values, length in pairs:
        _multiply(walk, cost, (operation.inputs[0], keys), prod(query) * length)
        _multiply(walk, cost, (values,), prod(query[:3]) * length * value[3])
    walk.append(operation, Operator("attention"), cost, source=walk.activations(operation)[0], channels=(-1, -1))


def _heads(walk: Walk, operation: Operation) -> list[Sizes]:
    """Return the sizes of queries, keys and values, apart and by heads, which may stand side by side, or be packed."""
    query, key, value = (walk.shapes.get(operation.reads(k), ()) for k in range(3))
    heads = _whole(operation, "q_num_heads") or _whole(operation, "num_heads")
    shared = _whole(operation, "kv_num_heads") or heads
    if len(query) == 3 and heads and not operation.reads(1):
        width = query[2] // (heads + 2 * shared)
        return [(query[0], number, query[1], width) for number in (heads, shared, shared)]
    if len(query) == 5 and not operation.reads(1):
        return [(query[0], query[2], query[1], query[4])] * 3
    if len(key) == 5 and not operation.reads(2):
        key = value = (key[0], key[2], key[1], key[4])
    pairs = ((query, heads), (key, shared), (value, shared))
    return [(s[0], n, s[1], s[2] // n) if len(s) == 3 and n else s for s, n in pairs]


def _whole(operation: Operation, name: str) -> int:
    """Return an attribute that is a positive integer; 0 if it is none."""
    value = operation.attributes.get(name, 0)
    return max(value, 0) if isinstance(value, int) else 0


def projected_attention(walk: Walk, operation: Operation) -> None:
    """Append attention with the product that makes its queries, keys and values."""
    source, weight = operation.inputs[:2]
    read, matrix = walk.shapes.get(source, ()), walk.shapes.get(weight, ())
    if len(read) != 3 or len(matrix) != 2 or not walk.is_constant(weight):
        walk.pass_over(operation, NO_SHAPE)
        return
    queries, _, values = operation.attributes.get("qkv_hidden_sizes") or [matrix[1] // 3] * 3
    past = walk.shapes.get(operation.reads(4), ())
    length = read[1] + (past[3] if len(past) == 5 else 0)
    held = uses({"linear": [weight], "bias": [operation.reads(2)]})
    cost = Cost(held, prod(read) * matrix[1], read[0] * read[1] * length * (queries + values))
    walk.append(operation, Operator("attention"), cost, source=source, channels=(-1, -1))


def packed_matmul(walk: Walk, operation: Operation) -> None:
    """Append a product with a matrix of which a byte may hold several entries; its last blocks may be filled up."""
    source, weight = operation.inputs[:2]
    inputs, outputs, bits = _whole(operation, "K"), _whole(operation, "N"), _whole(operation, "bits") or 4
    written, bias = walk.shapes.get(operation.outputs[0], ()), operation.reads(2)
    room = 8 * prod(walk.shapes.get(weight, ())) // bits if walk.is_constant(weight) else 0
    if not written or not 0 < inputs * outputs <= room:
        walk.pass_over(operation, NO_SHAPE)
        return
    cost = Cost([Use("linear", weight, inputs * outputs), *uses({"bias": [bias]})], inputs * prod(written))
    walk.append(operation, Linear(inputs, outputs, bool(bias)), cost, source=source, channels=(-1, -1))


def _multiply(walk: Walk, cost: Cost, names: Sequence[str], products: int) -> None:
    """Add products to a cost: by weights if one of the tensors is stored, such as keys that are learned."""
    held = [name for name in names if walk.is_constant(name)]
    known = {use.constant for use in cost.uses}
    cost.uses += uses({"linear": [name for name in held if name not in known]})
    cost.products += products if held else 0
    cost.of_activations += 0 if held else products


def recurrent(walk: Walk, operation: Operation) -> None:
    """Append a recurrent layer, which uses every weight once at each step of the sequence.

    Behind the length of a sequence ONNX asks for zeros, so nothing is multiplied there, however far it is padded. Runtimes may do
    more: onnxruntime goes on to the longest sequence of the batch.
    """
    shape = walk.shapes.get(operation.inputs[0], ())
    weights, bias = operation.inputs[1:3], operation.reads(3)
    if len(shape) != 3 or not all(name in walk.shapes for name in weights):
        walk.pass_over(operation, NO_SHAPE)
        return
    examples = 0 if operation.attributes.get("layout") else 1
    steps, doubt = _steps(walk, operation.reads(4), shape[1 - examples])
    products = shape[examples] * steps * sum(prod(walk.shapes[name]) for name in weights)
    cost = Cost(uses({"linear": weights, "bias": [bias]}), products)
    written = next(name for name in operation.outputs if name)
    whole = replace(operation, inputs=_but_zero_states(walk, operation), outputs=(written,))
    walk.depth.setdefault(written, walk.depth.get(operation.outputs[0], 0))
    node = Operator(operation.operator)
    walk.append(whole, node, cost, source=operation.inputs[0], channels=(-1, -1), examples=examples)
    if doubt:
        walk.passed_over.append((operation, doubt, []))


def _steps(walk: Walk, lengths: str, padded: int) -> tuple[int, str]:
    """Return the steps of a sequence, and what is not known of them; padded ones are as many where no lengths are given."""
    if not lengths:
        return padded, ""
    values = walk.values(lengths)
    if values is None or values.dtype.kind != "i" or not values.size or values.min() < 0 or values.max() > padded:
        return padded, OF_UNKNOWN_LENGTH
    longest = int(values.max())
    return longest, OF_UNEQUAL_LENGTH if values.min() < longest else ""


def _but_zero_states(walk: Walk, operation: Operation) -> tuple[str, ...]:
    """Return the inputs without first states of zeros: ONNX takes these where they are left out, for any batch."""
    states = range(5, 7)
    return tuple("" if k in states and walk.is_zero(name) else name for k, name in enumerate(operation.inputs))
