r"""Lower bounds on the error of every product of a chain: blocks of the kernel whose rank the paths limit.

All that goes from some inputs to some outputs passes through the channels on their paths, at any one gap between convolutions. Let
:math:`c_k` be the rank that one channel of gap k can add. The block from these inputs to these outputs then has at most the rank

.. math:: r = \min_{cut} \sum_{v ∈ cut} c_{k(v)}

over the sets of channels that meet all the paths: by the theorem of Menger, a maximum flow. By Eckart and Young the singular values
beyond the r-th are lost, whatever the weights, and disjoint blocks lose theirs independently. In the tiling of a gap, the columns
of a tile are inputs that reach the same channels there. Its rows are outputs that are reached from the same channels. The largest
bound of all tilings counts. For two convolutions, at most one of them spatial, it is the error itself.

*Windows* belong to the rows or to the columns of a block, each axis on its own. Let the convolutions in front of gap k see h rows
of pixels, and those behind it h'. A channel adds at most rank h to a block with the vertical axis in its rows, and h' with that
axis in its columns. So too for the horizontal axis. What a stride leaves out of the window, no weight reaches.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from tqdm.auto import tqdm

from igc_theory.kernels.arrays import Array
from igc_theory.kernels.rank_one_pairs import squared_norm
from igc_theory.structure.branches import BranchGraph, Wires, branch_graph
from igc_theory.structure.chains import Chain

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = ["Labels", "chain_bound", "classes", "lost", "members"]

Labels = NDArray[np.int64]
Counts = NDArray[np.int64]

_PANEL = 2**20
"""Entries of the blocks decomposed at a time."""

_FLOWS = 64
"""Tiles of a tiling up to which cuts across gaps are looked for; beyond, each gap is a cut."""


@dataclass(frozen=True, eq=False)
class _Tiling:
    """A class for each first branch and each last branch; a tile is a pair of classes."""

    inputs: Labels
    outputs: Labels

    def __len__(self) -> int:
        return int((self.inputs.max() + 1) * (self.outputs.max() + 1))


def chain_bound(kernel: Array, chain: Chain, wires: Wires | None = None) -> float | None:
    """Return a lower bound on the squared distance of a kernel to all products of a chain; None if any block may have any rank.

    Parameters
    ----------
    kernel : numpy.ndarray, shape (C_out, C_in, kh, kw)
    chain : Chain
    wires : sequence of numpy.ndarray, optional
        Its gaps, as `wiring` returns them.

    Examples
    --------
    Through a bottleneck of one channel passes rank one:

    >>> from igc_theory.structure import GroupConv
    >>> narrow = Chain([GroupConv(3, 3), GroupConv(3, 1), GroupConv(1, 3)])
    >>> chain_bound(np.diag([3.0, 2.0, 1.0])[..., None, None], narrow)
    5.0
    >>> chain_bound(np.ones((3, 3, 1, 1)), Chain([GroupConv(3, 4), GroupConv(4, 4), GroupConv(4, 3)])) is None
    True
    """
    graph, unfoldings, found = branch_graph(chain, wires), _unfoldings(chain), list[float]()
    rows_seen, columns_seen = _seen(chain)
    inside = kernel[:, :, rows_seen][:, :, :, columns_seen]
    outside = squared_norm(_unseen(kernel, rows_seen, columns_seen)) if inside.size < kernel.size else 0.0
    tilings = [*_tilings(graph)]
    for tiling in tqdm(tilings, desc="bounding", unit="tiling", delay=2, leave=False, disable=None):
        ranks = [_ranks(graph, tiling, capacities) for _, capacities in unfoldings]
        rows, columns = members(tiling.outputs[graph.out_branch]), members(tiling.inputs[graph.in_branch])
        loss = lost(inside, rows, columns, [sides for sides, _ in unfoldings], ranks)
        found += [] if loss is None else [loss]
    return max(found, default=0.0) + outside if found or outside else None


def _seen(chain: Chain) -> list[list[int]]:
    """Return the rows and the columns of the window that the convolutions see: a stride in front of a window leaves gaps."""
    seen, stride = [{0}, {0}], [1, 1]
    for conv in chain.convolutions:
        for axis in range(2):
            seen[axis] = {at + stride[axis] * k for at in seen[axis] for k in range(conv.window[axis])}
            stride[axis] *= conv.strides[axis]
    return [sorted(places) for places in seen]


def _unseen(kernel: Array, rows: list[int], columns: list[int]) -> Array:
    """Return the kernel with zeros where it is seen: its own norm is exact where a difference of two norms is not."""
    unseen = kernel.copy()
    unseen[:, :, np.array(rows)[:, None], columns] = 0
    return unseen


def _unfoldings(chain: Chain) -> list[tuple[tuple[int, ...], list[int]]]:
    """Return, for each way to unfold the window, which axes go to the rows, and what a channel of each gap adds to the rank."""
    convs = chain.convolutions
    before = [(1, 1), *(Chain(convs[:k]).window for k in range(1, len(convs) + 1))]
    behind = [*(Chain(convs[k:]).window for k in range(len(convs))), (1, 1)]
    sides = [(0, 1) if size > 1 else (0,) for size in chain.window]
    return [
        (axes, [int(np.prod(np.where(axes, a, b))) for a, b in zip(before, behind, strict=True)])
        for axes in product(*sides)
    ]


def _tilings(graph: BranchGraph) -> Iterator[_Tiling]:
    """Yield the whole as one tile, and the tiling of each gap, none twice."""
    whole = _Tiling(np.zeros(graph.first_branches, np.int64), np.zeros(graph.last_branches, np.int64))
    seen = set()
    reached, reaching = _reach(graph)
    for tiling in (whole, *(_Tiling(classes(i.T), classes(o)) for i, o in zip(reached, reaching, strict=True))):
        key = tiling.inputs.tobytes(), tiling.outputs.tobytes()
        if key not in seen:
            seen.add(key)
            yield tiling


def _reach(graph: BranchGraph) -> tuple[list[NDArray[np.bool_]], list[NDArray[np.bool_]]]:
    """Return for each gap which branches in front of it each first branch reaches, and which behind it reach each last branch."""
    reached, reaching = [np.eye(graph.first_branches, dtype=bool)], [np.eye(graph.last_branches, dtype=bool)]
    for table in graph.tables[:-1]:
        reached.append(table @ reached[-1] > 0)
    for table in graph.tables[:0:-1]:
        reaching.insert(0, (table.T @ reaching[0].T > 0).T)
    return reached, reaching


def classes(rows: NDArray[np.bool_]) -> Labels:
    """Return a number for each row, the same for equal rows."""
    return np.unique(np.packbits(rows, axis=1), axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)


def _ranks(graph: BranchGraph, tiling: _Tiling, capacities: Sequence[int]) -> Counts:
    """Return the largest rank of each tile, shape (output classes, input classes); it may exceed the sides of the tile."""
    reached, reaching = _reach(graph)
    inputs, outputs = (np.eye(labels.max() + 1, dtype=np.int64)[labels] for labels in (tiling.inputs, tiling.outputs))
    ranks = np.full((outputs.shape[1], inputs.shape[1]), np.iinfo(np.int32).max, np.int64)
    for table, before, behind, capacity in zip(graph.tables, reached, reaching, capacities[1:], strict=False):
        sources, sinks = before @ inputs > 0, outputs.T @ behind > 0
        ranks = np.minimum(ranks, capacity * (sinks @ (table @ sources.astype(np.int64))))
    if not graph.tables:
        ranks = np.where(outputs.T @ inputs > 0, ranks, 0)
    if len(graph.tables) > 1 and len(tiling) <= _FLOWS:
        for o, i in np.argwhere(ranks > 1):
            ranks[o, i] = min(ranks[o, i], _cut(graph, tiling.inputs == i, tiling.outputs == o, capacities))
    return ranks


def _cut(graph: BranchGraph, inputs: NDArray[np.bool_], outputs: NDArray[np.bool_], capacities: Sequence[int]) -> int:
    """Return the smallest cut between some first and some last branches: a flow from branch to branch, channels being arrows."""
    from scipy.sparse import block_array, csr_array
    from scipy.sparse.csgraph import maximum_flow

    most = np.iinfo(np.int32).max // 4
    layers: list[csr_array] = [
        csr_array(inputs[None] * most),
        *(csr_array(table.T * capacity) for table, capacity in zip(graph.tables, capacities[1:], strict=False)),
        csr_array(outputs[:, None] * most),
    ]
    sizes = [layer.shape[0] for layer in layers] + [1]
    blocks: list[list[csr_array | None]] = [
        [layers[r] if c == r + 1 else csr_array((sizes[r], sizes[c])) for c in range(len(sizes))]
        for r in range(len(layers))
    ]
    blocks.append([csr_array((1, size)) for size in sizes])
    network = csr_array(block_array(blocks, format="csr").astype(np.int32))
    return int(maximum_flow(network, 0, network.shape[0] - 1).flow_value)


def members(labels: Labels) -> list[Labels]:
    """Return the channels of each class."""
    order = np.argsort(labels, kind="stable")
    return np.split(order, np.cumsum(np.bincount(labels))[:-1])


def lost(
    kernel: Array, rows: list[Labels], columns: list[Labels], sides: list[tuple[int, ...]], ranks: list[Counts]
) -> float | None:
    """Return the energy that all tiles lose, each unfolded in the way that loses most; None if no tile is limited."""
    total, limited = 0.0, False
    by_shape: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for o, i in np.ndindex(len(rows), len(columns)):
        by_shape.setdefault((rows[o].size, columns[i].size), []).append((o, i))
    for shape, tiles in by_shape.items():
        step = max(1, _PANEL // (shape[0] * shape[1] * kernel[0, 0].size))
        for start in range(0, len(tiles), step):
            o, i = np.array(tiles[start : start + step]).T
            blocks = kernel[np.array([rows[k] for k in o])[:, :, None], np.array([columns[k] for k in i])[:, None]]
            tails = [_tails(blocks, axes, rank[o, i]) for axes, rank in zip(sides, ranks, strict=True)]
            known = [tail for tail in tails if tail is not None]
            limited |= bool(known)
            total += float(np.max(known, axis=0).sum()) if known else 0.0
    return total if limited else None


def _tails(blocks: Array, axes: tuple[int, ...], ranks: Counts) -> NDArray[np.float64] | None:
    """Return the energy of the singular values beyond the rank of each block (n, b, a, kh, kw), None if there are none."""
    to_rows = [axis + 3 for axis in range(2) if axes[axis]]
    to_columns = [axis + 3 for axis in range(2) if not axes[axis]]
    turned = blocks.transpose(0, 1, *to_rows, 2, *to_columns)
    height = int(np.prod(turned.shape[1 : 2 + len(to_rows)]))
    matrices = turned.reshape(len(blocks), height, -1)
    if (ranks >= min(matrices.shape[1:])).all():
        return None
    values = np.linalg.svd(matrices.astype(np.result_type(matrices, np.float64)), compute_uv=False)
    beyond = np.arange(values.shape[1]) >= ranks[:, None]
    tails: NDArray[np.float64] = (values**2 * beyond).sum(axis=1)
    return tails
