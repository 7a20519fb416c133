r"""A lower bound on the error of every product of a chain with sums: blocks of the kernel whose rank the paths limit.

It is the bound of `chain_bound`, on a network of channels instead of a row of gaps. A channel is an arrow that carries at most the
rank that a window allows it. Arrows into a branch of a convolution, or into a channel where branches are added, carry any. The
largest flow from some inputs to some outputs is the rank that their block may have. For a sum of two matrices that is the sum of
their ranks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations_with_replacement, product
from math import prod

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_flow
from tqdm.auto import tqdm

from igc_theory.kernels.arrays import Array
from igc_theory.kernels.projection.bounds import Labels, classes, lost, members
from igc_theory.structure.chains import Chain, Factor, Parallel, View, seen_in_series
from igc_theory.structure.factors import GroupConv

__all__ = ["sum_bound"]

_FLOWS = 2**10
"""Tiles whose flow is computed, those of the coarsest tilings first."""

_ANY = np.iinfo(np.int32).max // 2**10
"""The flow of an arrow without a limit: more than any tile has rows, and the sum of many of them still is an int32."""

Pair = tuple[int, int]


@dataclass
class _Network:
    """Arrows between vertices, those into a vertex listed before those out of it; the inputs are the first vertices."""

    vertices: int
    arrows: list[tuple[Labels, Labels, tuple[Pair, Pair] | None]] = field(default_factory=list)
    branches: list[Labels] = field(default_factory=list)

    def joined(self, tails: Labels, heads: Labels, seen: tuple[Pair, Pair] | None = None) -> Labels:
        """Add arrows to new vertices, numbered from zero; `seen` is the window in front of and behind a channel."""
        found = self.vertices + np.arange(heads.max() + 1)
        self.arrows.append((tails, found[heads], seen))
        self.vertices += found.size
        return found

    def lay(self, chain: Chain, sources: Labels, front: Sequence[View], rest: Sequence[View]) -> Labels:
        """Add the factors of a chain behind some vertices; return those of its outputs."""
        views = [(factor.window, factor.strides) for factor in chain.factors]
        for k, factor in enumerate(chain.factors):
            before, behind = (*front, *views[:k]), (*views[k + 1 :], *rest)
            gathered = self._gathered(factor, sources, before, behind)
            seen = seen_in_series((*before, views[k]))[0], seen_in_series(behind)[0]
            sources = self.joined(gathered, np.arange(gathered.size), seen)
        return sources

    def _gathered(self, factor: Factor, sources: Labels, before: Sequence[View], behind: Sequence[View]) -> Labels:
        """Return for each channel that a factor writes the vertex where all that it is made of comes together."""
        if isinstance(factor, GroupConv):
            self.branches.append(self.joined(sources, np.arange(sources.size) // factor.in_width))
            return self.branches[-1].repeat(factor.out_width)
        if not isinstance(factor, Parallel):
            return sources[factor.indices]
        ends = [self.lay(part.branch, sources[part.reads], before, behind) for part in factor.parts]
        channels = np.arange(factor.out_channels)
        return self.joined(np.concatenate(ends), np.concatenate([channels[part.writes] for part in factor.parts]))

    def reach(self, starts: Labels, *, backwards: bool = False) -> NDArray[np.bool_]:
        """Return for every vertex which of the given ones it can be reached from, or can reach."""
        found = np.zeros((self.vertices, starts.size), bool)
        found[starts, np.arange(starts.size)] = True
        for tails, heads, _ in reversed(self.arrows) if backwards else self.arrows:
            before, behind = (heads, tails) if backwards else (tails, heads)
            np.logical_or.at(found, behind, found[before])
        return found

    def ranks(self, columns: Sequence[Labels], rows: Sequence[Labels], axes: tuple[int, ...]) -> NDArray[np.int64]:
        """Return the largest flow from each class of inputs to each of outputs, with these axes of the window in the rows."""
        sizes = [tails.size for tails, *_ in self.arrows]
        limits = np.repeat([prod(np.where(axes, *seen)) if seen else _ANY for *_, seen in self.arrows], sizes)
        ends = [np.concatenate([arrow[side] for arrow in self.arrows]) for side in range(2)]
        source, sink = self.vertices, self.vertices + 1

        def flow(inputs: Labels, outputs: Labels) -> int:
            tails = np.concatenate([ends[0], np.full(inputs.size, source), outputs])
            heads = np.concatenate([ends[1], inputs, np.full(outputs.size, sink)])
            found = np.concatenate([limits, np.full(inputs.size + outputs.size, _ANY)]).astype(np.int32)
            network = csr_array((found, (tails, heads)), shape=(sink + 1, sink + 1))
            return int(maximum_flow(network, source, sink).flow_value)

        return np.array([[flow(i, o) for i in columns] for o in rows])


def sum_bound(kernel: Array, reached: NDArray[np.bool_], chain: Chain) -> float | None:
    """Return a lower bound on the squared distance of a kernel to all products of a chain; None if nothing is known.

    Parameters
    ----------
    kernel : numpy.ndarray, shape (C_out, C_in, kh, kw)
    reached : numpy.ndarray of bool
        Of the same shape: the entries to which some path leads. The others are lost.
    chain : Chain

    Examples
    --------
    A sum of two matrices of rank one has rank two:

    >>> from igc_theory.structure import GroupConv, Sum
    >>> narrow = Sum([[GroupConv(3, 1), GroupConv(1, 3)]] * 2)
    >>> sum_bound(np.diag([3.0, 2.0, 1.0])[..., None, None], np.ones((3, 3, 1, 1), bool), narrow)
    1.0
    """
    network, inputs = _Network(chain.in_channels), np.arange(chain.in_channels)
    outputs = network.lay(chain, inputs, (), ())
    sides = [*product(*((0, 1) if size > 1 else (0,) for size in chain.window))]
    inside, outside = np.where(reached, kernel, 0), float(np.linalg.norm(kernel[~reached])) ** 2
    found = list[float]()
    tilings = [*_tilings(network, inputs, outputs)]
    for columns, rows in tqdm(tilings, desc="bounding", unit="tiling", delay=2, leave=False, disable=None):
        ends = [outputs[part] for part in rows]
        loss = lost(inside, rows, columns, sides, [network.ranks(columns, ends, axes) for axes in sides])
        found += [] if loss is None else [loss]
    return max(found, default=0.0) + outside if found or outside else None


def _tilings(network: _Network, inputs: Labels, outputs: Labels) -> Iterator[tuple[list[Labels], list[Labels]]]:
    """Yield the input and the output classes of tilings, coarsest first.

    Inputs of one class reach the same branches of one convolution, and outputs are reached from the same ones of a later one; or
    several such classes are one. Ranks of sums have a part that does not grow with the block, so that only wide blocks feel it.
    """
    reached, reaching = network.reach(inputs), network.reach(outputs, backwards=True)
    columns, rows = (
        [_coarser(classes(side[branches].T)) for branches in network.branches] for side in (reached, reaching)
    )
    pairs = combinations_with_replacement(range(len(rows)), 2)
    found = (tiling for before, behind in pairs for tiling in product(columns[before], rows[behind]))
    distinct = {(column.tobytes(), row.tobytes()): (column, row) for column, row in found}
    sizes, flows = {key: (column.max() + 1) * (row.max() + 1) for key, (column, row) in distinct.items()}, 0
    for key in sorted(sizes, key=sizes.__getitem__):
        flows += sizes[key]
        if flows > _FLOWS:
            return
        yield members(distinct[key][0]), members(distinct[key][1])


def _coarser(labels: Labels) -> list[Labels]:
    """Return classes, pairs of them, pairs of pairs, … until all is one.

    Examples
    --------
    >>> [labels.tolist() for labels in _coarser(np.array([0, 1, 2]))]
    [[0, 1, 2], [0, 0, 1], [0, 0, 0]]
    """
    return [labels, *(_coarser(labels // 2) if labels.any() else [])]
