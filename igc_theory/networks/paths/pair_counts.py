"""Path counts of all pairs of channels, by classes of channels that behave alike, so that no square matrix is needed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from igc_theory.structure.arguments.numbers import positive_int
from igc_theory.structure.paths import MOST_ENTRIES

__all__ = [
    "PairCounts",
    "Totals",
]

Integers = NDArray[np.int64]
Counts = NDArray[Any]

_ROOM = 2**62
"""Counts below it are kept in 64 bits, larger ones as Python integers."""


@dataclass(frozen=True)
class Totals:
    """What the path counts of all pairs add up to, exact.

    Attributes
    ----------
    pairs, connected : int
        Pairs of an output and a source, and those that at least one path joins.
    least, most : int
        Paths of the pair that has fewest, and of the one that has most.
    paths, squares : int
        Sum of the counts, and of their squares.
    """

    pairs: int
    connected: int
    least: int
    most: int
    paths: int
    squares: int


@dataclass(frozen=True, eq=False)
class PairCounts:
    r"""Path counts from source channels to channels: a table over classes of both, and single pairs that have more.

    .. math:: N_{oi} = T_{r(o)\,c(i)} + S_{oi}

    An identity is `S` alone; a dense convolution leaves one class of each side and no `S`.

    Attributes
    ----------
    rows, columns : ndarray of int, shapes (channels,) and (sources,)
        Class of each channel and of each source.
    table : ndarray, shape (row classes, column classes)
        In 64 bits, or of Python integers where these do not suffice.
    outputs, sources, extra : ndarray, shape (singles,)
        The entries of `S`, every pair at most once, in order of `outputs`.

    Examples
    --------
    >>> counts = PairCounts.identity(4).mixed(channels=6, groups=2)
    >>> counts.table.shape, counts.columns.tolist(), counts.matrix()[:, 0].tolist()
    ((2, 2), [0, 0, 1, 1], [1, 1, 1, 0, 0, 0])
    >>> counts.totals().connected
    12
    """

    rows: Integers
    columns: Integers
    table: Counts
    outputs: Integers
    sources: Integers
    extra: Counts

    @classmethod
    def identity(cls, channels: int) -> PairCounts:
        """Return the counts of a source to itself: one path from each channel, the empty one."""
        zeros, places = np.zeros(channels, dtype=np.int64), np.arange(channels)
        return cls(zeros, zeros, np.zeros((1, 1), dtype=np.int64), places, places, np.ones(channels, dtype=np.int64))

    @classmethod
    def nothing(cls, channels: int, sources: int) -> PairCounts:
        """Return the counts of channels that no source reaches."""
        none = np.empty(0, dtype=np.int64)
        zeros = np.zeros(channels, dtype=np.int64), np.zeros(sources, dtype=np.int64)
        return cls(*zeros, np.zeros((1, 1), dtype=np.int64), none, none, none)

    def taken(self, indices: Integers) -> PairCounts:
        """Return the counts of the channels at `indices`, in that order; -1 stands for a channel of zeros."""
        table, rows = self.table, self.rows[indices]
        if (indices < 0).any():
            table = np.concatenate([table, np.zeros_like(table[:1])])
            rows = np.where(indices < 0, len(table) - 1, rows)
        used, rows = rows, _numbered(rows)
        first, last = (np.searchsorted(self.outputs, indices, side) for side in ("left", "right"))
        lengths = last - first
        outputs = np.repeat(np.arange(len(indices)), lengths)
        entries = np.arange(len(outputs)) + np.repeat(first - np.cumsum(lengths) + lengths, lengths)
        return PairCounts(
            rows, self.columns, table[used[_leaders(rows)]], outputs, self.sources[entries], self.extra[entries]
        )

    def mixed(self, channels: int, groups: int) -> PairCounts:
        """Return the counts behind a group convolution: each output of a branch gets the sum over the branch's inputs."""
        width = len(self.rows) // groups
        if width == 1:
            return self.taken(np.repeat(np.arange(groups), channels // groups))
        members = _numbers(np.repeat(np.arange(groups), width), self.rows, len(self.table))
        outputs, sources, extra = _coalesced(self.outputs // width, self.sources, self.extra)
        columns, leaders = _refined(self.columns, outputs, sources, extra)
        sums = _product(members, self.table, width)[:, self.columns[leaders]]
        first = leaders[columns[sources]] == sources
        sums, extra = _roomy(sums, extra)
        np.add.at(sums, (outputs[first], columns[sources[first]]), extra[first])
        return _merged(np.repeat(np.arange(groups), channels // groups), columns, sums)

    @staticmethod
    def summed(parts: Sequence[PairCounts]) -> PairCounts:
        """Return the counts of a sum of equally many channels, channel by channel."""
        first, *others = parts
        for other in others:
            first = first._plus(other)
        return first

    @staticmethod
    def stacked(parts: Sequence[PairCounts]) -> PairCounts:
        """Return the counts of channels behind each other, all from the same sources."""
        columns, views = _common([part.columns for part in parts])
        tables = _roomy(*(part.table[:, view] for part, view in zip(parts, views, strict=True)))
        below = np.cumsum([0, *(len(part.table) for part in parts)])
        behind = np.cumsum([0, *(len(part.rows) for part in parts)])
        rows = np.concatenate([part.rows + start for part, start in zip(parts, below, strict=False)])
        outputs = np.concatenate([part.outputs + start for part, start in zip(parts, behind, strict=False)])
        sources = np.concatenate([part.sources for part in parts])
        singles = outputs, sources, np.concatenate(_roomy(*(part.extra for part in parts)))
        return _merged(rows, columns, np.concatenate(tables), singles)

    def _plus(self, other: PairCounts) -> PairCounts:
        columns, (mine, theirs) = _common([self.columns, other.columns])
        rows, (upper, lower) = _common([self.rows, other.rows])
        first, second = _roomy(self.table[upper][:, mine], other.table[lower][:, theirs])
        outputs, sources = (
            np.concatenate(pair) for pair in ((self.outputs, other.outputs), (self.sources, other.sources))
        )
        extra = np.concatenate(_roomy(self.extra, other.extra))
        return _merged(rows, columns, first + second, _coalesced(outputs, sources, extra))

    def matrix(self) -> Counts:
        """Return the counts of all pairs, shape (channels, sources): in 64 bits, or of Python integers if one needs more.

        Raises
        ------
        ValueError
            If there are more than 2**27 pairs, which take a gigabyte.
        """
        self._check_pairs()
        table, extra = _roomy(self.table, self.extra)
        counts = table[np.ix_(self.rows, self.columns)]
        counts[self.outputs, self.sources] += extra
        return counts

    def support(self) -> NDArray[np.bool_]:
        """Return which channels each source reaches, shape (channels, sources); ValueError for more than 2**27 pairs."""
        self._check_pairs()
        reached: NDArray[np.bool_] = (self.table != 0)[np.ix_(self.rows, self.columns)]
        reached[self.outputs, self.sources] = True
        return reached

    def _check_pairs(self) -> None:
        pairs, way_out = len(self.rows) * len(self.columns), "ask block_flows(network), which needs no matrix"
        positive_int("the number of pairs of channels", pairs, minimum=0, maximum=MOST_ENTRIES, beyond=way_out)

    def totals(self) -> Totals:
        """Return what the counts of all pairs add up to."""
        return self._totals

    @cached_property
    def _totals(self) -> Totals:
        numbers = np.outer(np.bincount(self.rows), np.bincount(self.columns))
        places = self.rows[self.outputs], self.columns[self.sources]
        np.subtract.at(numbers, places, 1)
        table, extra = _roomy(self.table, self.extra)
        times = Counter((table[places] + extra).tolist())
        for value, number in zip(table.ravel().tolist(), numbers.ravel().tolist(), strict=True):
            times[value] += number
        found = [(value, number) for value, number in times.items() if number]
        return Totals(
            pairs=len(self.rows) * len(self.columns),
            connected=sum(number for value, number in found if value),
            least=min(value for value, _ in found),
            most=max(value for value, _ in found),
            paths=sum(value * number for value, number in found),
            squares=sum(value * value * number for value, number in found),
        )

    def means(self, most: int) -> NDArray[np.float64]:
        """Return the counts as shares of the largest one: at most this many rows and columns, each the mean over neighbours."""
        rows, columns = (np.arange(n) * min(n, most) // n for n in (len(self.rows), len(self.columns)))
        upper, lower = (
            _numbers(bins, classes, n)
            for bins, classes, n in zip((rows, columns), (self.rows, self.columns), self.table.shape, strict=True)
        )
        largest = max(self.totals().most, 1)
        sums = upper @ (self.table / largest).astype(float) @ lower.T
        np.add.at(sums, (rows[self.outputs], columns[self.sources]), (self.extra / largest).astype(float))
        return np.asarray(sums / np.outer(np.bincount(rows), np.bincount(columns)))

    def lost(self) -> bool:
        """Return whether some source reaches no channel."""
        left = (self.table[np.unique(self.rows)] == 0).all(axis=0)[self.columns]
        left[self.sources] = False
        return bool(left.any())

    def unconnected(self) -> tuple[Integers, Integers] | None:
        """Return channels and sources of which none reaches any of the others, as many pairs as found; None if all meet."""
        joined = np.zeros((len(self.rows), int(self.columns.max()) + 1), dtype=bool)
        joined[self.outputs, self.columns[self.sources]] = True
        apart = (self.table == 0)[self.rows] & ~joined
        best = None
        for column in _distinct_rows(apart.T)[0]:
            outputs = np.flatnonzero(column)
            sources = np.flatnonzero(apart[outputs].all(axis=0)[self.columns])
            if outputs.size and (best is None or outputs.size * sources.size > best[0].size * best[1].size):
                best = outputs, sources
        return best or self._lonely()

    def branches(self) -> list[tuple[int, int]] | None:
        """Return sources and channels of each branch, if the pairs are those of a group convolution; None if not.

        Branches need not be equally wide: they are the connected parts of the graph of all pairs, each of them complete.
        """
        channels, classes = len(self.rows), self.table.shape
        starts = np.cumsum([0, channels, len(self.columns), *classes])
        tops, tails = np.nonzero(self.table)
        used = (self.table != 0).any(axis=1)[self.rows], (self.table != 0).any(axis=0)[self.columns]
        ends = [
            (np.flatnonzero(used[0]), starts[2] + self.rows[used[0]]),
            (starts[1] + np.flatnonzero(used[1]), starts[3] + self.columns[used[1]]),
            (starts[2] + tops, starts[3] + tails),
            (self.outputs, starts[1] + self.sources),
        ]
        first, last = (np.concatenate(side) for side in zip(*ends, strict=True))
        parts = _connected(int(starts[4]), first, last)
        n = int(parts.max()) + 1
        outs = np.bincount(parts[:channels], minlength=n)
        ins = np.bincount(parts[channels : starts[2]], minlength=n)
        if (ins * outs).sum() != self.totals().connected or ((outs == 0) != (ins == 0)).any():
            return None
        return [branch for branch in zip(ins.tolist(), outs.tolist(), strict=True) if branch != (0, 0)]

    def _lonely(self) -> tuple[Integers, Integers] | None:
        """Return one source, and the channels that it does not reach though others of its class reach some of them."""
        for column in range(int(self.columns.max()) + 1):
            apart = np.flatnonzero((self.table[:, column] == 0)[self.rows])
            for source in np.flatnonzero(self.columns == column):
                left = np.setdiff1d(apart, self.outputs[self.sources == source])
                if left.size:
                    return left, np.array([source])
        return None


def _distinct_rows(table: Counts) -> tuple[Counts, Integers]:
    """Return the rows of a table that differ, in order of appearance, and for each row which of them it is."""
    if len(table) < 2:
        return table, np.zeros(len(table), dtype=np.int64)
    known: dict[Any, int] = {}
    keys = map(tuple, table.tolist()) if table.dtype == object else [row.tobytes() for row in table]
    places = np.array([known.setdefault(key, len(known)) for key in keys], dtype=np.int64)
    return table[_leaders(places)], places


def _merged(
    rows: Integers, columns: Integers, table: Counts, singles: tuple[Integers, Integers, Counts] | None = None
) -> PairCounts:
    """Return the counts with equal rows and equal columns of the table taken together."""
    table, places = _distinct_rows(table)
    turned, classes = _distinct_rows(table.T)
    outputs, sources, extra = singles or (np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.int64))
    return PairCounts(places[rows], classes[columns], np.ascontiguousarray(turned.T), outputs, sources, extra)


def _common(partitions: Sequence[Integers]) -> tuple[Integers, list[Integers]]:
    """Return the coarsest classes finer than all partitions, and the class of each of them in every partition."""
    together = _numbered(partitions[0])
    for partition in partitions[1:]:
        classes = int(partition.max(initial=0)) + 1
        if classes > 1 and partition is not partitions[0]:
            together = _numbered(together * classes + partition)
    leaders = _leaders(together)
    return together, [partition[leaders] for partition in partitions]


def _numbered(keys: Integers) -> Integers:
    """Return which of the different keys each is, in their order."""
    largest = int(keys.max(initial=0))
    if largest > 8 * len(keys) + 64:
        return np.unique(keys, return_inverse=True)[1].reshape(-1)
    present = np.zeros(largest + 1, dtype=np.int64)
    present[keys] = 1
    return (np.cumsum(present) - 1)[keys]


def _leaders(classes: Integers) -> Integers:
    """Return the first member of each class."""
    leaders = np.empty(int(classes.max(initial=-1)) + 1, dtype=np.int64)
    leaders[classes[::-1]] = np.arange(len(classes))[::-1]
    return leaders


def _refined(columns: Integers, outputs: Integers, sources: Integers, extra: Counts) -> tuple[Integers, Integers]:
    """Return classes of sources that agree in their class so far and in all their singles, and a source of each class."""
    order = np.lexsort((outputs, sources))
    outputs, sources = outputs[order], sources[order]
    values = np.unique(extra[order], return_inverse=True)[1].reshape(-1)
    rank = np.arange(len(sources)) - np.searchsorted(sources, sources)
    keys = outputs * (int(values.max(initial=0)) + 1) + values + 1
    for k in range(int(rank.max(initial=-1)) + 1):
        key = np.zeros_like(columns)
        key[sources[rank == k]] = keys[rank == k]
        columns = _common([columns, _numbered(key)])[0]
    return columns, _leaders(columns)


def _connected(nodes: int, first: Integers, last: Integers) -> Integers:
    """Return the connected part of each node of a graph, numbered in order of appearance."""
    graph = coo_array((np.ones(len(first), dtype=np.int8), (first, last)), shape=(nodes, nodes))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)


def _numbers(bins: Integers, classes: Integers, n: int) -> Integers:
    """Return how many members of each of `n` classes every bin has, shape (bins, n)."""
    found = np.zeros((int(bins.max()) + 1, n), dtype=np.int64)
    np.add.at(found, (bins, classes), 1)
    return found


def _coalesced(outputs: Integers, sources: Integers, extra: Counts) -> tuple[Integers, Integers, Counts]:
    """Return the entries in order of output, those of the same pair added up."""
    if not len(outputs):
        return outputs, sources, extra
    stride = int(sources.max()) + 1
    keys, places = np.unique(outputs * stride + sources, return_inverse=True)
    (extra,) = _roomy(extra, times=len(outputs) - len(keys) + 1)
    total = np.zeros(len(keys), dtype=extra.dtype)
    np.add.at(total, places.reshape(-1), extra)
    return keys // stride, keys % stride, total


def _product(members: Integers, table: Counts, width: int) -> Counts:
    """Return ``members @ table``, exact: a row of `members` adds up to `width`."""
    (table,) = _roomy(table, times=width)
    return members.astype(table.dtype) @ table


def _roomy(*counts: Counts, times: int = 1) -> tuple[Counts, ...]:
    """Return the arrays in a type that holds this many times their sum."""
    if all(array.dtype != object for array in counts) and sum(int(a.max(initial=0)) for a in counts) * times < _ROOM:
        return counts
    return tuple(array.astype(object) for array in counts)
