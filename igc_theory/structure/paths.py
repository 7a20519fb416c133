"""Counting paths: in how many ways an input channel reaches an output channel."""

from __future__ import annotations

from collections.abc import Iterator
from math import gcd
from typing import Any

import numpy as np
from numpy.typing import NDArray

from igc_theory.structure.arguments.kinds import generator
from igc_theory.structure.arguments.numbers import positive_int
from igc_theory.structure.branches import MOST_STEPS, branch_graph, checked, within_reach
from igc_theory.structure.chains import Chain, Parallel
from igc_theory.structure.divisors import divisors
from igc_theory.structure.permutations import ChannelPermutation

__all__ = ["carried", "count_blocks", "joint_groups", "path_counts", "uniform_path_count"]

MOST_ENTRIES = 2**27
"""Pairs of channels whose counts are listed: a gigabyte."""

_PRIME = 2**31 - 1
_ROUNDS = 2
_BLOCK_ENTRIES = 2**20


def path_counts(chain: Chain) -> NDArray[np.int64]:
    r"""Return the number of paths from every input channel to every output channel.

    .. math:: N = \mathrm{supp}(W_L) \cdots \mathrm{supp}(W_1)

    with the 0/1 channel supports of the factors in order of application; windows do not count. The counts of a `Sum` are the sums
    of those of its branches, and the counts of a `DirectSum` have them as blocks on the diagonal.

    Parameters
    ----------
    chain : Chain
        Any chain, with sums or without. The answer has C_out × C_in entries: for many thousand channels ask
        `uniform_path_count` or `grade`, which do not build it.

    Returns
    -------
    numpy.ndarray of int64, shape (C_out, C_in)

    Raises
    ------
    ValueError
        If a count exceeds the largest int64, or there are more than 2**27 pairs.

    Examples
    --------
    >>> from igc_theory.structure import group, igcv1, path_counts
    >>> path_counts(igcv1(2, 2)).tolist()
    [[1, 1, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1]]
    >>> path_counts(group(4, 4, groups=2) + group(4, 4, groups=2)).tolist()
    [[2, 2, 0, 0], [2, 2, 0, 0], [0, 0, 2, 2], [0, 0, 2, 2]]

    With a shortcut every channel reaches itself once more:

    >>> from igc_theory.structure import Sum
    >>> path_counts(Sum([igcv1(2, 2), []])).diagonal().tolist()
    [2, 2, 2, 2]
    """
    entries = checked(chain).out_channels * chain.in_channels
    way_out = "ask uniform_path_count(chain, rng) or grade(chain), which need no matrix"
    positive_int("the number of entries for chain, C_out*C_in", entries, maximum=MOST_ENTRIES, beyond=way_out)
    graph = branch_graph(chain) if chain.is_serial else None
    counts = np.concatenate([block for _, block in (graph.blocks() if graph else count_blocks(chain))], axis=1)
    largest = counts.max()
    if largest > np.iinfo(np.int64).max:
        raise ValueError(
            f"chain={chain.name or 'Chain'!r} has a pair with {largest} paths, more than int64 holds: "
            "count a part of it, or ask grade(chain), which counts in Python ints"
        )
    whole = counts.astype(np.int64, copy=False)
    return whole[np.ix_(graph.out_branch, graph.in_branch)] if graph else whole


def joint_groups(chain: Chain) -> int:
    """Return the largest number of branches that one group convolution with all paths of the chain can have.

    Examples
    --------
    >>> from igc_theory.structure import group, igcv1
    >>> joint_groups(group(6, 12, groups=3)), joint_groups(igcv1(2, 3))
    (3, 1)

    Six channels in two or in three branches both hold the paths of the next one; three are more.

    >>> from igc_theory.structure import DirectSum, GroupConv
    >>> joint_groups(DirectSum([GroupConv(2, 2), *[GroupConv(1, 1)] * 4]))
    3
    """
    support = np.concatenate([block > 0 for _, block in count_blocks(checked(chain))], axis=1)
    entries, sides = np.count_nonzero(support), divisors(gcd(*support.shape))
    return max(groups for groups in sides if np.count_nonzero(_diagonal(support, groups)) == entries)


def _diagonal(support: NDArray[np.bool_], groups: int) -> NDArray[np.bool_]:
    """Return the blocks on the diagonal, of `groups` in each direction."""
    rows, columns = support.shape
    branch = np.arange(groups)
    return support.reshape(groups, rows // groups, groups, columns // groups)[branch, :, branch]


def count_blocks(chain: Chain) -> Iterator[tuple[int, NDArray[Any]]]:
    """Yield (first column, block of columns) of the path counts of any chain, in bounded memory: int64, or Python ints if large.

    Examples
    --------
    >>> from igc_theory.structure import GroupConv, Sum
    >>> [(start, block.tolist()) for start, block in count_blocks(Sum([GroupConv(2, 2), []]))]
    [(0, [[2, 1], [1, 2]])]
    """
    within_reach(chain)
    widths = [factor.out_channels for factor in (*chain.factors, *chain.convolutions)]
    if (steps := chain.in_channels * sum(widths)) > MOST_STEPS:
        raise ValueError(
            f"chain has {chain.in_channels} input channels, whose paths take {steps} additions to count, more than "
            f"{MOST_STEPS}: ask uniform_path_count(chain, rng), which takes one pass"
        )
    dtype = np.int64 if _most_paths(chain) <= np.iinfo(np.int64).max else object
    width = max(1, _BLOCK_ENTRIES // max(chain.in_channels, *widths))
    for start in range(0, chain.in_channels, width):
        columns = np.arange(start, min(start + width, chain.in_channels))
        unit: NDArray[Any] = np.zeros((chain.in_channels, columns.size), dtype)
        unit[columns, columns - start] = 1
        yield start, carried(chain, unit)


def carried(chain: Chain, values: NDArray[Any], modulus: int | None = None) -> NDArray[Any]:
    """Return the path counts times values at the inputs, shape (C_in, n): what arrives if every path carries its value on.

    Examples
    --------
    >>> from igc_theory.structure import group
    >>> carried(group(4, 4, groups=2), np.array([[1], [10], [100], [1000]])).ravel().tolist()
    [11, 11, 1100, 1100]
    """
    for factor in chain.factors:
        if isinstance(factor, ChannelPermutation):
            values = values.take(factor.indices, axis=0)  # seven times as fast as an index, for few columns
        elif isinstance(factor, Parallel):
            total = np.zeros((factor.out_channels, values.shape[1]), values.dtype)
            for part in factor.parts:
                total[part.writes] += carried(part.branch, values[part.reads], modulus)
            values = total
        else:
            branches = values.reshape(factor.groups, factor.in_width, -1)
            sums = np.einsum("gin->gn", branches)  # five times as fast as a sum over narrow branches
            values = np.repeat(sums, factor.out_width, axis=0)
        values = values if modulus is None else values % modulus
    return values


def _most_paths(chain: Chain) -> int:
    """Return a number that no count of paths that end in one output exceeds, at any stage of the chain."""
    most = 1
    for factor in chain.factors:
        if isinstance(factor, Parallel):
            most *= sum(map(_most_paths, factor.branches))
        elif not isinstance(factor, ChannelPermutation):
            most *= factor.in_width
    return most


def uniform_path_count(chain: Chain, rng: np.random.Generator) -> int | None:
    r"""Return `p` if every input reaches every output by exactly `p` paths, else None; one pass over the factors.

    At every output end :math:`Π = \prod a_l` paths, so the only candidate is `p = Π/C`. (With sums the paths that end in each
    output are counted, and must be equally many.) Freivalds' test [Freivalds1979] decides
    it with random integers `r` modulo a prime. If the counts are uniform, ``N r = p (Σ r) 1`` holds; if not, it holds with
    probability below :math:`2^{-61}` (two rounds modulo :math:`2^{31} - 1`). Counts that differ by multiples of this prime would
    escape it.

    Parameters
    ----------
    chain : Chain
        Any chain, of at most 2**27 channels, all factors together.
    rng : numpy.random.Generator
        Source of the random integers.

    Returns
    -------
    int or None

    Raises
    ------
    TypeError
        If `rng` is not a Generator.

    Examples
    --------
    >>> import numpy as np
    >>> from igc_theory.structure import group, igcv2, igcv3
    >>> rng = np.random.default_rng(0)
    >>> uniform_path_count(igcv2([8, 8, 8]), rng), uniform_path_count(igcv3(24, 24), rng)
    (1, 36)
    >>> from igc_theory.structure import Sum
    >>> uniform_path_count(Sum([igcv2([8, 8, 8]), igcv2([8, 8, 8], kernel_size=1)]), rng)
    2
    >>> uniform_path_count(group(6, 6, groups=2), rng) is None
    True
    """
    generator("rng", rng)
    within_reach(checked(chain))
    ends = _ends(chain)
    paths, remainder = divmod(ends or 0, chain.in_channels)
    if ends is None or remainder:
        return None
    values = rng.integers(_PRIME, size=(chain.in_channels, _ROUNDS))
    expected = paths % _PRIME * (values.sum(axis=0) % _PRIME) % _PRIME
    return None if (carried(chain, values, _PRIME) != expected).any() else paths


def _ends(chain: Chain) -> int | None:
    """Return how many paths end in every output, None if not equally many."""
    if chain.is_serial:
        return _most_paths(chain)
    dtype = np.int64 if _most_paths(chain) <= np.iinfo(np.int64).max else object
    ends = carried(chain, np.ones((chain.in_channels, 1), dtype)).ravel()
    return int(ends[0]) if (ends == ends[0]).all() else None
