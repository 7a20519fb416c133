"""Counting paths: in how many ways an input channel reaches an output channel."""

from __future__ import annotations

from math import prod

import numpy as np
from numpy.typing import NDArray

from igc_theory.structure.arguments import generator, positive_int
from igc_theory.structure.branches import branch_graph, checked, gaps, within_reach
from igc_theory.structure.chains import Chain

__all__ = ["path_counts", "uniform_path_count"]

MOST_ENTRIES = 2**27
"""Pairs of channels whose counts are listed: a gigabyte."""

_PRIME = 2**31 - 1
_ROUNDS = 2


def path_counts(chain: Chain) -> NDArray[np.int64]:
    r"""Return the number of paths from every input channel to every output channel.

    .. math:: N = \mathrm{supp}(W_L) \cdots \mathrm{supp}(W_1)

    with the 0/1 channel supports of the factors in order of application; windows do not count.

    Parameters
    ----------
    chain : Chain
        Any chain. The answer has C_out × C_in entries: for many thousand channels ask `uniform_path_count` or `grade`, which do
        not build it.

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
    """
    entries = checked(chain).out_channels * chain.in_channels
    way_out = "ask uniform_path_count(chain, rng) or grade(chain), which need no matrix"
    positive_int("the number of entries for chain, C_out*C_in", entries, maximum=MOST_ENTRIES, beyond=way_out)
    graph = branch_graph(chain)
    counts = np.concatenate([block for _, block in graph.blocks()], axis=1)
    largest = counts.max()
    if largest > np.iinfo(np.int64).max:
        raise ValueError(
            f"chain={chain.name or 'Chain'!r} has a pair with {largest} paths, more than int64 holds: "
            "count a part of it, or ask grade(chain), which counts in Python ints"
        )
    return counts.astype(np.int64, copy=False)[np.ix_(graph.out_branch, graph.in_branch)]


def uniform_path_count(chain: Chain, rng: np.random.Generator) -> int | None:
    r"""Return `p` if every input reaches every output by exactly `p` paths, else None; one pass over the factors.

    At every output end :math:`Π = \prod a_l` paths, so the only candidate is `p = Π/C`. Freivalds' test [Freivalds1979] decides
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
    >>> uniform_path_count(group(6, 6, groups=2), rng) is None
    True
    """
    generator("rng", rng)
    within_reach(checked(chain))
    paths, remainder = divmod(prod(conv.in_width for conv in chain.convolutions), chain.in_channels)
    if remainder:
        return None
    values = rng.integers(_PRIME, size=(_ROUNDS, chain.in_channels))
    expected = paths % _PRIME * (values.sum(axis=1, keepdims=True) % _PRIME) % _PRIME
    for gap, conv in zip(gaps(chain), chain.convolutions, strict=False):
        sums = values[:, gap].reshape(_ROUNDS, conv.groups, conv.in_width).sum(axis=2) % _PRIME
        values = np.repeat(sums, conv.out_width, axis=1)
    return None if (values != expected).any() else paths
