"""Slow and obvious: what the library computes cleverly, computed by following the definitions channel by channel."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache, reduce
from itertools import product
from math import prod

import numpy as np
from numpy.typing import NDArray

from igc_theory.structure.chains import Chain, Factor
from igc_theory.structure.factors import GroupConv


@lru_cache(maxsize=1024)
def arrows(factor: Factor) -> list[tuple[int, int]]:
    """All (input, output) pairs that one factor connects."""
    if isinstance(factor, GroupConv):
        pairs = product(range(factor.in_channels), range(factor.out_channels))
        share_in, share_out = factor.in_channels // factor.groups, factor.out_channels // factor.groups
        return [(i, o) for i, o in pairs if i // share_in == o // share_out]
    return [(int(source), position) for position, source in enumerate(factor.indices)]


def count_paths(factors: Sequence[Factor]) -> list[list[int]]:
    """counts[output][input], from the arrows of each factor."""
    found: list[list[int]] = _count_paths(tuple(factors)).tolist()
    return found


@lru_cache(maxsize=1024)
def support(factor: Factor) -> NDArray[np.int64]:
    """One at [output, input] for each arrow."""
    matrix = np.zeros((factor.out_channels, factor.in_channels), np.int64)
    for source, target in arrows(factor):
        matrix[target, source] = 1
    return matrix


@lru_cache(maxsize=4096)  # the parts of neighbouring designs are mostly the same
def _count_paths(factors: tuple[Factor, ...]) -> NDArray[np.int64]:
    """A path to an output comes over one of its arrows: the product of the supports, by its definition."""
    assert prod(int(support(factor).sum(axis=1).max()) for factor in factors) < 2**62, "too many for int64"
    return reduce(lambda counts, factor: support(factor) @ counts, factors[1:], support(factors[0]))


@lru_cache(maxsize=4096)
def branches_of_part(factors: tuple[Factor, ...], side: str) -> NDArray[np.int64] | None:
    """The branches of a part that is a group convolution up to order: a row each, with ones at its output (or input) channels.

    None if it is no group convolution: two channels that see some of the same channels must see all the same.
    """
    counts = _count_paths(factors)
    seen = (counts if side == "outputs" else counts.T) > 0
    alike = (seen[:, None] == seen[None]).all(axis=2)
    if ((seen[:, None] & seen[None]).any(axis=2) & ~alike).any():
        return None
    return np.array([row for k, row in enumerate(alike) if row.argmax() == k], np.int64)


def shared_at_split(before: tuple[Factor, ...], after: tuple[Factor, ...]) -> set[int] | None:
    """The numbers of channels that a branch of one part shares with one of the other; None if a part is no group convolution."""
    first, second = branches_of_part(before, "outputs"), branches_of_part(after, "inputs")
    if first is None or second is None:
        return None
    return {*(first @ second.T).ravel().tolist()}


@lru_cache(maxsize=1)  # the strict and the loose condition ask for the same
def splits(chain: Chain) -> list[set[int] | None]:
    """`shared_at_split` at every place where the chain can be cut, with a single channel's wire at either end as a part too."""
    wires_in = (GroupConv(chain.in_channels, chain.in_channels, chain.in_channels),)
    wires_out = (GroupConv(chain.out_channels, chain.out_channels, chain.out_channels),)
    factors = chain.factors
    parts = [(factors[:k] or wires_in, factors[k:] or wires_out) for k in range(len(factors) + 1)]
    return [shared_at_split(before, after) for before, after in parts]


def strict(chain: Chain) -> bool:
    """The published condition, word for word."""
    return all(shared == {1} for shared in splits(chain))


def loose(chain: Chain) -> bool:
    """The loose condition: at every split one positive number of shared channels."""
    return all(shared is not None and len(shared) == 1 and 0 not in shared for shared in splits(chain))


def conv_multiply_adds(output_shape: Sequence[int], kernel_shape: Sequence[int]) -> int:
    """Count the products of a convolution one by one; shapes (C_out, *sides) and (C_out, C_in/groups, *window)."""
    window = [range(size) for size in kernel_shape[1:]]
    return sum(1 for _ in product(*map(range, output_shape)) for _ in product(*window))


def transposed_conv_multiply_adds(input_shape: Sequence[int], kernel_shape: Sequence[int]) -> int:
    """Count the products of a transposed convolution: each entry is spread by its weights (C_in, C_out/groups, *window)."""
    spread = [range(size) for size in kernel_shape[1:]]
    return sum(1 for _ in product(*map(range, input_shape)) for _ in product(*spread))


def einsum_multiply_adds(letters: str, sizes: dict[str, int]) -> int:
    """Count the products of a sum over letters, one for each assignment of values; none for no letters."""
    return sum(1 for _ in product(*(range(sizes[letter]) for letter in letters))) if letters else 0


def multiplied_out(steps, source=0):
    """Return the path counts from one step of channel flow to every later one, matrix by matrix."""
    width = steps.steps[source].channels
    found = {source: np.eye(width, dtype=np.int64)}
    for k, step in enumerate(steps.steps[source + 1 :], start=source + 1):
        zeros = (np.zeros((steps.steps[read].channels, width), np.int64) for read in step.reads)
        operands = [found.get(read, nothing) for read, nothing in zip(step.reads, zeros, strict=True)]
        stacked = np.concatenate([*operands, np.zeros((1, width), np.int64)])
        if type(step.action).__name__ == "Mix":
            branches = stacked[:-1].reshape(step.action.groups, -1, width)
            found[k] = branches.sum(axis=1).repeat(step.channels // step.action.groups, axis=0)
        elif type(step.action).__name__ == "Addition":
            found[k] = sum(operands)
        else:
            found[k] = stacked[step.action.indices]  # -1, from nowhere, is the row of zeros behind the last
        assert found[k].max(initial=0) < 2**50, "too many for int64"
    return found


def connected_branches(counts):
    """Return inputs and outputs of each branch, if every two channels that some walk connects have a path; else None."""
    pairs = {(o, i) for o, row in enumerate(counts) for i, value in enumerate(row) if value}
    branches = []
    for o in range(len(counts)):
        ins = {i for p, i in pairs if p == o}
        outs = {p for p, i in pairs if i in ins}
        if not ins or any((p, i) not in pairs for p in outs for i in {j for q, j in pairs if q in outs}):
            return None
        branches += [(len(ins), len(outs))] if o == min(outs) else []
    return branches if len({i for _, i in pairs}) == len(counts[0]) else None


def counted(chain):
    """counts[output][input] of a chain with sums, by the definition: multiplied, added, or placed beside each other."""
    whole = [[int(i == o) for i in range(chain.in_channels)] for o in range(chain.in_channels)]
    for factor in chain.factors:
        if type(factor).__name__ == "Sum":
            parts = [counted(branch) for branch in factor.branches]
            table = [[sum(ways) for ways in zip(*rows, strict=True)] for rows in zip(*parts, strict=True)]
        elif type(factor).__name__ == "DirectSum":
            table, before = [], 0
            for part in map(counted, factor.branches):
                behind = factor.in_channels - before - len(part[0])
                table += [[0] * before + row + [0] * behind for row in part]
                before += len(part[0])
        else:
            table = count_paths([factor])
        whole = [
            [sum(a * b for a, b in zip(row, column, strict=True)) for column in zip(*whole, strict=True)]
            for row in table
        ]
    return whole


def weights(chain):
    """The arrows of all convolutions, each with a weight per entry of its window."""
    if isinstance(chain, GroupConv):
        return len(arrows(chain)) * chain.window[0] * chain.window[1]
    inner = getattr(chain, "branches", None) or getattr(chain, "factors", ())
    return sum(map(weights, inner))


def image_multiply_adds(chain, sides):
    """Multiply-adds on an image of these sides, and the sides behind it."""
    done = 0
    for factor in chain.factors:
        if isinstance(factor, GroupConv):
            sides = tuple(len(range(0, side, step)) for side, step in zip(sides, factor.strides, strict=True))
            done += weights(factor) * sides[0] * sides[1]
        elif hasattr(factor, "branches"):
            ends = [image_multiply_adds(branch, sides) for branch in factor.branches]
            done, sides = done + sum(end[0] for end in ends), ends[0][1]
    return done, sides
