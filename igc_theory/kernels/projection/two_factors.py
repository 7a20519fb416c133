r"""The blocks of two group convolutions with any contingency table, and their nearest products: paths are rank.

The sub-matrix from primary branch l to secondary branch m passes through the channels :math:`A_l ∩ B_m` that the two share,
and through nothing else. Its rank is at most their number, and any matrix of that rank can be reached, since the weights on
those channels serve no other sub-matrix. So the nearest product is the truncated singular value decomposition of each block
([Gorbunov2024], Proposition 1 and Algorithm 1, for pointwise factors). Monarch [Dao2022] is the case of rank one, network
decoupling [Guo2018] that of a depthwise factor. Unfolding the window of a spatial factor to its own side of the block is a
small step more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from igc_theory.kernels.arrays import Array
from igc_theory.kernels.bounded_rank import truncated
from igc_theory.kernels.rank_one_pairs import squared_norm
from igc_theory.structure.branches import Wires
from igc_theory.structure.factors import GroupConv

__all__ = ["Cells", "cells_of", "two_factors", "unreachable"]

Indices = NDArray[np.int64]
Pair = Sequence[GroupConv]

_PANEL = 2**18
"""Entries worked on at a time."""


@dataclass(frozen=True, eq=False)
class Cells:
    """Some cells of the contingency table that hold equally many channels.

    Attributes
    ----------
    outputs : numpy.ndarray of int64, shape (cells, b)
        Output channels of each cell's block.
    inputs : numpy.ndarray of int64, shape (cells, a)
        Input channels of each cell's block.
    slots : numpy.ndarray of int64, shape (cells, r)
        The shared channels, numbered as the second convolution reads them.
    """

    outputs: Indices
    inputs: Indices
    slots: Indices

    @property
    def rank(self) -> int:
        """Channels that each cell holds, the largest rank of its block."""
        return int(self.slots.shape[1])

    def blocks(self, kernel: Array) -> Array:
        """Return the blocks of a kernel of shape (C_out, C_in, S), shape (cells, b, a, S), in double precision."""
        blocks = kernel[self.outputs[:, :, None], self.inputs[:, None, :]]
        return blocks.astype(np.result_type(blocks, np.float64), copy=False)


def cells_of(convs: Pair, wires: Wires, area: int) -> Iterator[Cells]:
    """Yield the cells of two convolutions by rank, few enough at a time for blocks with `area` positions.

    Examples
    --------
    >>> from igc_theory.structure import interleaved
    >>> from igc_theory.structure.branches import wiring
    >>> chain = interleaved(6, [2, 3], kernel_size=1)
    >>> for cells in cells_of(chain.convolutions, wiring(chain), area=1):
    ...     print(cells.rank, cells.slots.tolist())
    1 [[0], [1], [2], [3], [4], [5]]
    """
    (first, second), (read, middle, _) = convs, wires
    inputs, outputs = read.reshape(first.groups, -1), _outputs(second, wires)
    cell = np.arange(middle.size) // second.in_width * first.groups + middle // first.out_width
    order = np.argsort(cell, kind="stable")
    names, starts, ranks = np.unique(cell[order], return_index=True, return_counts=True)
    step = max(1, _PANEL // (first.in_width * second.out_width * area))
    for rank in np.unique(ranks):
        chosen = np.flatnonzero(ranks == rank)
        for part in np.split(chosen, range(step, chosen.size, step)):
            m, l = np.divmod(names[part], first.groups)
            yield Cells(outputs[m], inputs[l], order[starts[part, None] + np.arange(rank)])


def unreachable(kernel: Array, convs: Pair, wires: Wires) -> float:
    """Return the energy of the entries that no path of two convolutions reaches."""
    (first, second), (read, middle, _) = convs, wires
    inputs, energy = read.reshape(first.groups, -1), 0.0
    for rows, sources in zip(_outputs(second, wires), middle.reshape(second.groups, -1), strict=True):
        missed = np.setdiff1d(np.arange(first.groups), sources // first.out_width)
        energy += squared_norm(kernel[np.ix_(rows, inputs[missed].ravel())])
    return energy


def two_factors(kernel: Array, convs: Pair, wires: Wires, spatial: int) -> tuple[list[Array], float]:
    """Return the weights of the nearest product of two convolutions to a kernel (C_out, C_in, S), and the squared error.

    The window of convolution `spatial` (0 or 1) is unfolded on its side of the blocks.
    """
    (first, second), middle = convs, wires[1]
    areas = [kernel.shape[2] if k == spatial else 1 for k in range(2)]
    before = np.zeros((first.out_channels, first.in_width, areas[0]), kernel.dtype)
    after = np.zeros((second.groups, second.in_width, second.out_width, areas[1]), kernel.dtype)
    error = unreachable(kernel, convs, wires)
    for cells in cells_of(convs, wires, kernel.shape[2]):
        blocks = cells.blocks(kernel)
        n, b, a, _ = blocks.shape
        if spatial:
            blocks = blocks.swapaxes(2, 3)
        blocks = blocks.reshape(n, b * areas[1], a * areas[0])
        left, right = truncated(blocks, cells.rank)
        before[middle[cells.slots]] = right.reshape(n, cells.rank, a, areas[0])
        after.reshape(-1, b, areas[1])[cells.slots] = np.moveaxis(left, 2, 1).reshape(n, cells.rank, b, areas[1])
        error += squared_norm(blocks - left @ right)
    return [before, after.swapaxes(1, 2).reshape(second.out_channels, second.in_width, areas[1])], error


def _outputs(last: GroupConv, wires: Wires) -> Indices:
    """Return the output channels of each branch of the last convolution, shape (groups, out_width)."""
    return np.argsort(wires[-1]).reshape(last.groups, -1)
