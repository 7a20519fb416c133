"""Order of work: products next to each other, component by component, so that what lies between them stays in the cache.

Neighbouring factors leave channels apart that later ones bring together: the first two of L factors with branches of w channels
connect w² channels at a time. Each such component goes through both before the next one begins, and all use the same memory there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import product
from math import prod
from typing import Any, NamedTuple

import numpy as np

from igc_theory.kernels.arrays import Array

__all__ = ["Step", "by_components", "multiplied_blocks"]

Step = tuple[Any, tuple[int, Array], tuple[int, Array]]
"""A function, where it reads and where it writes: the number of a buffer, negative if it is none, and the array in it."""


class _Digit(NamedTuple):
    """A part of the channels' index that products leave apart: its length, and where it is for each of them.

    That is the axis which it is part of, and how many entries of that axis it steps over.
    """

    length: int
    spots: tuple[tuple[int, int], ...]


class _Cut(NamedTuple):
    """One of the equal parts of a digit of one product."""

    axis: int
    inner: int
    length: int
    parts: int
    part: int


def by_components(steps: Sequence[Step], most_bytes: int) -> list[Step]:
    """Return the same steps in another order, in which components of up to `most_bytes` go through several products.

    Each step reads what the one before it has written. Buffers are numbered anew: 0 and 1 in turn, and 2 and 3 between products
    that a component goes through.
    """
    ordered, place, rest = list[Step](), -1, list(steps)
    while rest:
        count, cuts = _run(rest, most_bytes)
        run, rest = rest[:count], rest[count:]
        source = run[0][1][0] if run[0][1][0] < 0 else place
        place = run[-1][2][0] if run[-1][2][0] < 0 else int(source == 0)
        between = [2 + k % 2 for k in range(count - 1)]
        places = list(zip([source, *between], [*between, place], strict=True))
        for component in _components(run, cuts):
            ordered += [(f, (a, read), (b, to)) for (f, read, to), (a, b) in zip(component, places, strict=True)]
    return ordered


def _run(steps: Sequence[Step], most_bytes: int) -> tuple[int, list[tuple[_Digit, int]]]:
    """Return how many of the steps their components can go through together, and the parts into which digits are cut for that."""
    found: tuple[int, list[tuple[_Digit, int]]] = 1, []
    digits = [_Digit(n, ((axis, 1),)) for axis, n in enumerate(_stacked(steps[0], steps[0][2][1])) if n > 1]
    for count in range(2, len(steps) + 1):
        digits = _common(digits, steps[count - 2], steps[count - 1])
        if not digits or not (cuts := _cuts(digits, steps[:count], most_bytes)):
            break
        found = count, cuts
    return found


def _stacked(step: Step, view: Array) -> tuple[int, ...]:
    """Return how many matrices `view` stacks along each axis, if the step multiplies matrices."""
    return () if multiplied_blocks(step[0]) is None else view.shape[:-2]


def multiplied_blocks(function: Any) -> Array | None:
    """Return the matrices that the function of a step multiplies by; None if it does something else."""
    if not isinstance(function, partial) or function.func is not np.matmul:
        return None
    blocks: Array = function.args[0]
    return blocks


def _common(digits: Sequence[_Digit], before: Step, step: Step) -> list[_Digit]:
    """Return the parts of digits that the next product leaves apart, too: those with the same strides between the two."""
    (_, _, (_, written)), (_, (_, read), _) = before, step
    found = []
    for digit, (axis, n) in product(digits, enumerate(_stacked(step, read))):
        own, inner = digit.spots[-1]
        (low, high), (first, last) = (
            (stride, stride * length)
            for stride, length in ((written.strides[own] * inner, digit.length), (read.strides[axis], n))
        )
        start, end = max(low, first), min(high, last)
        if start < end and not any((start % low, start % first, end % start, high % end, last % end)):
            spots = ((a, skipped * (start // low)) for a, skipped in digit.spots)
            found.append(_Digit(end // start, (*spots, (axis, start // first))))
    return found


def _cuts(digits: Sequence[_Digit], run: Sequence[Step], most: int) -> list[tuple[_Digit, int]]:
    """Return into how many parts to cut digits, so that a component has at most so many bytes; none if that cannot be.

    Of two products, what lies between them may have as many. What a component writes at the end stays as close together as it can.
    """
    needed, cuts, strides = -(-_bytes(run) // most), [], run[-1][2][1].strides
    for digit in sorted(digits, key=lambda digit: -strides[digit.spots[-1][0]] * digit.spots[-1][1]):
        count = next(d for d in range(1, digit.length + 1) if not digit.length % d and d >= min(needed, digit.length))
        cuts.append((digit, count))
        needed = -(-needed // count)
    parts = prod(count for _, count in cuts)
    fits = needed == 1 or (len(run) == 2 and run[0][2][1].nbytes <= most * parts)
    return cuts if fits and parts > 1 else []


def _bytes(run: Sequence[Step]) -> int:
    """Return the bytes that the products of a run read and write, what lies between them once."""
    total: int = run[0][1][1].nbytes + sum(function.args[0].nbytes + to.nbytes for function, _, (_, to) in run)
    return total


def _components(run: Sequence[Step], cuts: Sequence[tuple[_Digit, int]]) -> Iterator[list[tuple[Any, Array, Array]]]:
    """Yield the run for one component after the other: functions, and what they read and write."""
    if len(run) == 1:
        ((function, (_, read), (_, to)),) = run
        yield [(function, read, to)]
        return
    last = len(run) - 1
    for parts in product(*(range(count) for _, count in cuts)):
        counted = [(count, part) for (_, count), part in zip(cuts, parts, strict=True)]
        here = [
            [_Cut(*digit.spots[k], digit.length, *cut) for (digit, *_), cut in zip(cuts, counted, strict=True)]
            for k in range(len(run))
        ]
        first = [[cut._replace(part=0) for cut in own] for own in here]
        yield [
            (
                partial(np.matmul, _part(function.args[0], here[k])),
                _part(read, first[k] if k else here[k]),
                _part(to, here[k] if k == last else first[k]),
            )
            for k, (function, (_, read), (_, to)) in enumerate(run)
        ]


def _part(view: Array, cuts: Sequence[_Cut]) -> Array:
    """Return the stacked matrices of one component."""
    shape, index = list[int](), list[slice]()
    for axis, length in enumerate(view.shape[:-2]):
        rest = length
        for cut in sorted((cut for cut in cuts if cut.axis == axis), reverse=True):  # the slowest digit first
            shape += [rest // (cut.length * cut.inner), cut.length]
            index += [slice(None), slice(*(k * cut.length // cut.parts for k in (cut.part, cut.part + 1)))]
            rest = cut.inner
        shape.append(rest)
        index.append(slice(None))
    found = view.reshape(*shape, *view.shape[-2:], copy=False)[tuple(index)]
    return found.reshape(*(n for n in found.shape[:-2] if n > 1), *found.shape[-2:], copy=False)
