r"""The nearest product of complementary factors, one factor at a time.

In the order of its channel trees a kernel is an array with one row digit and one column digit per factor. To split the first
factor off, find the nearest block of rank `p_1` for every pair of its branches' outputs and inputs. What remains, on the left
of the blocks, is a kernel for the other factors, smaller by the width of the first. This is hierarchical factorization
[Zheng2021]: optimal for two factors, exact on products, and with an error bound in general [Le2024]. Related: the
decomposition of a tensor train, one mode at a time [Oseledets2011].
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from igc_theory.kernels.arrays import Array
from igc_theory.kernels.bounded_rank import truncated
from igc_theory.kernels.projection.channel_trees import ChannelTrees
from igc_theory.kernels.rank_one_pairs import squared_norm, truncated_pairs

__all__ = ["columns_in_order", "in_tree_order", "split_bound", "split_factors"]

_PANEL = 2**18
"""Entries worked on at a time: few enough for a processor's cache, and nothing of the size of the kernel is needed."""

_AT_ONCE = 2**18
"""Entries in the output nodes that go through all splits together."""


@dataclass(frozen=True)
class _Splitting:
    """A kernel, rows and columns in the order of the trees, seen as `outputs` × `inputs` blocks of bounded rank.

    `columns` is of shape (rows, columns, S), its rows still in their original order. `ahead` tells whether the window belongs to
    the rows of the blocks, that is to a factor behind the split.
    """

    columns: Array
    row_order: Array
    outputs: int
    inputs: int
    rank: int
    ahead: bool

    def panels(self) -> Iterator[tuple[slice, slice, Array]]:
        """Yield (output nodes, input nodes, the part between them), few enough for the cache.

        A part is of shape (output nodes, rows of a node, input nodes, columns of a node, S).
        """
        rows = self.row_order.reshape(self.outputs, -1)
        rest, (_, columns, area) = rows.shape[1], self.columns.shape
        width, inputs = columns // self.inputs, self.inputs
        if self.wide:  # blocks of two columns are taken apart by rows instead
            inputs = max(1, min(inputs, _PANEL // (rest * width * area)))
        outputs = max(1, _PANEL // (rest * columns * area))
        for y in range(0, self.outputs, outputs):
            for x in range(0, self.inputs, inputs):
                nodes = slice(y, min(y + outputs, self.outputs)), slice(x, min(x + inputs, self.inputs))
                part = self.columns[:, x * width : nodes[1].stop * width][_as_slice(rows[nodes[0]].ravel())]
                yield *nodes, part.reshape(nodes[0].stop - y, rest, nodes[1].stop - x, width, area)

    @property
    def wide(self) -> bool:
        """False if the blocks have two columns and the rank one, for which there is a closed form."""
        columns, area = self.columns.shape[1:]
        return self.rank > 1 or columns * area != 2 * self.inputs or (self.ahead and area > 1)

    def error(self) -> float:
        """Return the squared distance to the nearest array whose blocks have that rank."""
        return sum(self._truncated(part)[1] for _, _, part in self.panels())

    def solve(self, left: Array | None = None) -> tuple[Array, Array, float]:
        """Return the left and right factors of all blocks, and the squared distance.

        Of shape (outputs, rest, inputs, rank, S or 1) and (outputs, inputs, rank, n); the left ones are written into an array
        of that shape if there is one.
        """
        rest, area = self.row_order.size // self.outputs, self.columns.shape[2] if self.ahead else 1
        n = self.columns[0].size // self.inputs // area
        if left is None:
            left = np.empty((self.outputs, rest, self.inputs, self.rank, area), self.columns.dtype)
        right = np.empty((self.outputs, self.inputs, self.rank, n), self.columns.dtype)
        lost = 0.0
        for y, x, part in self.panels():
            right[y, x], error = self._truncated(part, left[y, :, x])
            lost += error
        return left, right, lost

    def _truncated(self, part: Array, left: Array | None = None) -> tuple[Array, float]:
        """Return the right factors of a part and the squared distance; write the left ones if there is a place for them."""
        outputs, rest, inputs, width, area = part.shape
        if not self.wide:
            right, lost = truncated_pairs(part.reshape((*part.shape[:3], 2)), None if left is None else left[..., 0, 0])
            return right[:, :, None], lost
        blocks = part.transpose(0, 2, 1, 4, 3) if self.ahead else part.swapaxes(1, 2)
        blocks = blocks.reshape(outputs, inputs, *((rest * area, width) if self.ahead else (rest, width * area)))
        blocks = blocks.astype(np.result_type(blocks, np.float64), copy=False)
        u, right = truncated(blocks, self.rank)
        if left is not None:
            left[...] = u.reshape(outputs, inputs, rest, -1, self.rank).transpose(0, 2, 1, 4, 3)
        return right, _lost(blocks, u, right)


def _lost(blocks: Array, left: Array, right: Array) -> float:
    """Return the squared distance of blocks to their projections; by the difference itself where it is small."""
    whole = squared_norm(blocks)
    lost = whole - squared_norm(left)
    if lost > 1e-6 * whole:
        return lost
    difference = left * right if right.shape[-2] == 1 else left @ right
    difference -= blocks
    return squared_norm(difference)


def columns_in_order(kernel: Array, trees: ChannelTrees, out: Array | None = None) -> Array:
    """Return the kernel, shape (C_out, C_in, S), with its columns in the order of the trees; a view if that is evenly spaced.

    Otherwise it is written into `out`, if that is given.
    """
    order = _as_slice(trees.in_order.ravel())
    # Every column exists, so nothing is clipped; with "raise" NumPy would write into a copy of `out`.
    return kernel[:, order] if isinstance(order, slice) else np.take(kernel, order, axis=1, out=out, mode="clip")


def in_tree_order(kernel: Array, trees: ChannelTrees) -> tuple[Array, ChannelTrees]:
    """Return a copy of the kernel with columns and rows in the order of the trees, and the trees that find them there."""
    rows, ordered = trees.out_order.ravel(), np.empty(kernel.shape, kernel.dtype)
    step = max(1, _PANEL // kernel[0].size)
    for start in range(0, rows.size, step):
        target = ordered[start : start + step]
        panel = columns_in_order(kernel[rows[start : start + step]], trees, target)
        if panel is not target:
            target[...] = panel
    return ordered, replace(trees, out_order=np.arange(rows.size).reshape(trees.out_order.shape))


def split_factors(columns: Array, trees: ChannelTrees, spatial: int) -> tuple[list[Array], float]:
    """Return the weights of all factors, split off one by one, and the squared error.

    Parameters
    ----------
    columns : numpy.ndarray, shape (C_out, C_in, S)
        A kernel with its columns in the order of the trees; not modified.
    trees : ChannelTrees
        The chain's.
    spatial : int
        The convolution that has the window.

    Returns
    -------
    weights : list of numpy.ndarray, shapes (out_channels, in_width, S or 1)
    error : float
    """
    shapes = [(*trees.branch_shape(k), columns.shape[2] if k == spatial else 1) for k in range(len(trees))]
    blocks = [np.empty((trees.components, *shape), columns.dtype) for shape in shapes]
    error = _outside(columns, trees)
    for t, (rows, part) in enumerate(zip(trees.out_order, _parts(columns, trees), strict=True)):
        by_node = [
            block[t].reshape(trees.inputs[k + 1], trees.outputs[k + 1], trees.paths[k + 1], -1)
            for k, block in enumerate(blocks)
        ]
        error += _split_off(0, part, rows, by_node, trees, spatial)
    return [trees.weights(k, block) for k, block in enumerate(blocks)], error


def split_bound(columns: Array, trees: ChannelTrees, spatial: int) -> float:
    """Return the largest squared error of two factors over all splits: any product is also a product of these two."""
    errors = np.full(len(trees) - 1, _outside(columns, trees))
    for rows, part in zip(trees.out_order, _parts(columns, trees), strict=True):
        splits = zip(trees.outputs[1:-1], trees.inputs[1:-1], trees.paths[1:-1], strict=True)
        errors += [_Splitting(part, rows, *split, k < spatial).error() for k, split in enumerate(splits)]
    return float(errors.max())


def _split_off(
    k: int, columns: Array, rows: Array, blocks: Sequence[Array], trees: ChannelTrees, spatial: int
) -> float:
    """Write the blocks of convolutions k, k + 1, …, and return the squared error.

    Each of shape (input nodes, output nodes, paths, n) behind its convolution, the output nodes those of the rows. All factors
    but the last have orthonormal rows, so what a step loses is orthogonal to all that the later ones lose.
    """
    (block, *behind), nodes = blocks, blocks[0].shape[1]
    if not behind:
        block[0, :, 0] = columns[_as_slice(rows)].reshape(nodes, -1)
        return 0.0
    # What is left for one output node is a kernel of its own: so many of them are finished before the next ones are begun.
    step = max(1, min(nodes, _AT_ONCE * nodes // (rows.size * columns[0].size)))
    left, lost = None, 0.0
    for y in range(0, nodes, step):
        here = rows.reshape(nodes, -1)[y : y + step]
        splitting = _Splitting(columns, here.ravel(), len(here), trees.inputs[k + 1], trees.paths[k + 1], k < spatial)
        left, right, error = splitting.solve(None if left is None else left[: len(here)])
        block[:, y : y + step] = right.swapaxes(0, 1)
        below = [b[:, y * b.shape[1] // nodes : (y + len(here)) * b.shape[1] // nodes] for b in behind]
        rest = left.reshape(here.size, -1, left.shape[-1])
        lost += error + _split_off(k + 1, rest, np.arange(here.size), below, trees, spatial)
    return lost


def _parts(columns: Array, trees: ChannelTrees) -> list[Array]:
    """Return the columns of each component."""
    return np.split(columns, trees.components, axis=1)


def _outside(columns: Array, trees: ChannelTrees) -> float:
    """Return the energy between the components, which no weight reaches."""
    if trees.components == 1:
        return 0.0
    width = columns.shape[1] // trees.components
    missed = (
        np.delete(columns[rows], slice(t * width, (t + 1) * width), axis=1) for t, rows in enumerate(trees.out_order)
    )
    return sum(squared_norm(entries) for entries in missed)


def _as_slice(order: Array) -> Array | slice:
    """Return the order as a slice if it ascends evenly: then it selects a view."""
    step = int(order[1] - order[0]) if order.size > 1 else 1
    even = step > 0 and np.array_equal(order, np.arange(order[0], order[0] + step * order.size, step))
    return slice(int(order[0]), int(order[-1]) + 1, step) if even else order
