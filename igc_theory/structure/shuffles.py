r"""The shuffles that a chain cannot do without: permutations are folded into the convolutions beside them where that is exact.

Between two convolutions `A` and `B` only the branches matter that a channel comes from and goes to. The order of the rows within a
branch of `A`, and of the columns within a branch of `B`, can be taken into their weights. So a permutation behind or in front of
a dense convolution vanishes. A depthwise convolution commutes with permutations, its weights permuted: shuffles travel through it,
to where strides have left the fewest positions. What stays moves whole blocks: the channels from one branch of `A` to one of `B`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from igc_theory.structure.arguments.kinds import flag
from igc_theory.structure.branches import wiring
from igc_theory.structure.chains import Chain, Factor
from igc_theory.structure.factors import GroupConv
from igc_theory.structure.permutations import ChannelPermutation, interleave

__all__ = ["FoldedChain", "fold_shuffles", "transposition"]

MOST_AXES = 6
"""Axes of a transposition; one with more is no quicker than a list of indices."""

Indices = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class FoldedChain:
    """A chain with as few shuffles as its branches allow, and how the weights of the given one become its own.

    Attributes
    ----------
    chain : Chain
        The same convolutions in order; a permutation only where none can be spared.
    rows : tuple of ndarray of int
        Per convolution, shape (out_channels,): the given output that each new output is.
    columns : tuple of ndarray of int
        Per convolution, shape (out_channels, in_width): the given input, counted within the branch, that each new input is.
        Entry ``[o, i]`` of the new weights is ``[rows[o], columns[o, i]]`` of the given ones.
    before, after : ndarray of int, shape (channels,)
        What the neighbours take over where an end is free: new input `k` is the given chain's input ``before[k]``, and likewise for
        the outputs.
    """

    chain: Chain
    rows: tuple[Indices, ...]
    columns: tuple[Indices, ...]
    before: Indices
    after: Indices


def fold_shuffles(chain: Chain, *, free_input: bool = False, free_output: bool = False) -> FoldedChain:
    """Return a chain that computes the same with fewer and cheaper permutations, once its weights are permuted.

    Parameters
    ----------
    chain : Chain
        Any chain.
    free_input, free_output : bool, default False
        Whether a neighbour takes over the order of the channels at that end, so that a shuffle there costs nothing.

    Returns
    -------
    FoldedChain

    Raises
    ------
    TypeError, ValueError
        If an argument is of another kind, or the chain has too many channels for its wiring.

    Examples
    --------
    >>> from igc_theory.structure import depthwise_separable, igcv2, igcv3, interleave
    >>> [factor for factor in fold_shuffles(igcv3(4, 4, 2, (2, 2))).chain.factors if isinstance(factor, ChannelPermutation)]
    [ChannelPermutation([0, 1, 4, 5, 2, 3, 6, 7]), interleave(groups=2, width=2)]
    >>> shuffled = Chain([interleave(2, 3), depthwise_separable(6, 6), interleave(3, 2)])
    >>> [type(factor).__name__ for factor in fold_shuffles(shuffled).chain.factors]
    ['GroupConv', 'GroupConv']
    """
    wires = wiring(chain)
    ends = flag("free_input", free_input), flag("free_output", free_output)
    convolutions = chain.convolutions
    # New order of what each convolution writes and reads, in the numbers of the given chain; depthwise ones follow the shuffles.
    writes = [np.arange(conv.out_channels) for conv in convolutions]
    reads = [np.arange(conv.in_channels) for conv in convolutions]
    shuffles: dict[int, Indices] = {}
    before, after = np.arange(chain.in_channels), np.arange(chain.out_channels)
    for first, last in _stretches(convolutions):
        passed, total = range(first + 1, last), _composed(wires[first + 1 : last + 1])
        sources, targets = _orders(total, *_branches(convolutions, first, last, ends))
        if first < 0:
            before = sources
        else:
            writes[first] = sources
        if last == len(convolutions):
            after = targets
        else:
            reads[last] = targets
        # What stands between keeps the order of the sources: the shuffle comes behind it.
        order = sources
        for k in passed:
            order = _inverse(wires[k])[order]
            reads[k] = writes[k] = order
        shuffles[last] = _inverse(sources)[total[targets]]
    return FoldedChain(
        _assembled(chain, shuffles),
        tuple(writes),
        tuple(_columns(conv, written, read) for conv, written, read in zip(convolutions, writes, reads, strict=True)),
        before,
        after,
    )


def transposition(permutation: ChannelPermutation) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """Return the sizes and the order of axes that make a permutation a reshape, a transpose and a reshape; None if nothing does.

    Examples
    --------
    >>> from igc_theory.structure import interleave
    >>> transposition(interleave(2, 3)), transposition(ChannelPermutation([0, 2, 1]))
    (((2, 3), (1, 0)), None)
    >>> transposition(ChannelPermutation([0, 1, 4, 5, 2, 3, 6, 7]))
    ((2, 2, 2), (1, 0, 2))
    """
    rest = permutation.indices
    steps: list[tuple[int, int]] = []
    while rest.size > 1 and len(steps) < MOST_AXES:
        stride = int(rest[1] - rest[0])
        size = _regular_run(rest, stride)
        if stride < 1 or size == 1:
            return None
        steps.append((stride, size))
        rest = rest[::size]
    expected = 1
    for stride, size in sorted(steps):
        if stride != expected:
            return None
        expected *= size
    if rest.size > 1:
        return None
    axes = sorted(range(len(steps)), key=lambda k: -steps[k][0])
    return tuple(steps[k][1] for k in axes), tuple(axes.index(k) for k in reversed(range(len(steps))))


def _regular_run(indices: Indices, stride: int) -> int:
    """Return the longest size by which the list falls into runs of that stride."""
    same = np.diff(indices) == stride
    length = indices.size if same.all() else int(np.argmin(same)) + 1
    for size in range(length, 1, -1):
        if indices.size % size == 0 and (np.diff(indices.reshape(-1, size)) == stride).all():
            return size
    return 1


def _stretches(convolutions: tuple[GroupConv, ...]) -> Iterator[tuple[int, int]]:
    """Yield the pairs of neighbours that are not depthwise: -1 stands for the input, the number of convolutions for the output."""
    first = -1
    for k, conv in enumerate(convolutions):
        if not conv.in_width == conv.out_width == 1 or conv.groups == 1:
            yield first, k
            first = k
    yield first, len(convolutions)


def _composed(wires: list[Indices]) -> Indices:
    """Return where every channel comes from through several gaps, with depthwise convolutions between them."""
    total = wires[-1]
    for gap in wires[-2::-1]:
        total = gap[total]
    return total


def _branches(
    convolutions: tuple[GroupConv, ...], first: int, last: int, ends: tuple[bool, bool]
) -> tuple[int | None, int | None]:
    """Return the channels per branch on both sides of a stretch: 1 at an end whose order is fixed, None where it is free."""
    left = convolutions[first].out_width if first >= 0 else None if ends[0] else 1
    right = convolutions[last].in_width if last < len(convolutions) else None if ends[1] else 1
    return left, right


def _orders(total: Indices, left: int | None, right: int | None) -> tuple[Indices, Indices]:
    """Return the orders of the channels written and read that leave the least to be moved between them.

    Channels that go from one branch to one branch stand side by side on both sides.
    """
    channels = np.arange(total.size)
    source, target = total // (left or total.size), channels // (right or total.size)
    behind = np.empty_like(target)
    behind[total] = target
    # Among what a branch writes, first by the branch that reads it; among what one reads, first by the branch that wrote it.
    written = np.lexsort((channels, behind, channels // (left or total.size)))
    read = np.lexsort((total, source, target))
    moved = _inverse(written)[total[read]]
    if transposition(ChannelPermutation(moved)) is None and transposition(ChannelPermutation(total)) is not None:
        return channels, channels  # uneven blocks would need a list of indices, where the channels one by one need none
    return written, read


def _columns(conv: GroupConv, written: Indices, read: Indices) -> Indices:
    """Return, for each new output, the inputs of its branch in their new order, counted within the branch."""
    first = written // conv.out_width * conv.in_width
    inputs: Indices = np.repeat(read.reshape(conv.groups, conv.in_width), conv.out_width, axis=0)
    return inputs - first[:, None]


def _assembled(chain: Chain, shuffles: dict[int, Indices]) -> Chain:
    """Return the convolutions with the shuffles that are left in front of those they belong to."""
    factors: list[Factor] = []
    for k, conv in enumerate([*chain.convolutions, None]):
        moved = shuffles.get(k)
        if moved is not None and (moved != np.arange(moved.size)).any():
            factors.append(_named(ChannelPermutation(moved)))
        factors += [] if conv is None else [conv]
    return Chain(factors or [ChannelPermutation(np.arange(chain.in_channels))], name=chain.name)


def _named(permutation: ChannelPermutation) -> ChannelPermutation:
    """Return the permutation as an interleaving if it is one."""
    found = transposition(permutation)
    return interleave(*found[0]) if found and found[1] == (1, 0) else permutation


def _inverse(indices: Indices) -> Indices:
    return np.argsort(indices)
