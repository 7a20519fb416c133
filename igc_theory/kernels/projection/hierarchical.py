r"""The nearest product of complementary factors, one factor at a time.

In the order of its channel trees a kernel is an array with one row digit and one column digit per factor. To split the first
factor off, find the nearest block of rank `p_1` for every pair of its branches' outputs and inputs. What remains, on the left
of the blocks, is a kernel for the other factors, smaller by the width of the first. This is hierarchical factorization
[Zheng2021]: optimal for two factors, exact on products, and with an error bound in general [Le2024]. Related: the
decomposition of a tensor train, one mode at a time [Oseledets2011].
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from igc_theory.kernels.arrays import Array
from igc_theory.kernels.bounded_rank import truncated
from igc_theory.kernels.projection.channel_trees import ChannelTrees
from igc_theory.kernels.rank_one_pairs import squared_norm, truncated_pairs

__all__ = ["split_bound", "split_factors"]

_PANEL = 2**18
"""Entries worked on at a time: few enough for a processor's cache, and nothing of the size of the kernel is needed."""

_AT_ONCE = 2**18
"""Entries in the output nodes that go through all splits together."""

_NEAR = 2**15
"""Entries whose order is changed at a time, within the processor's nearer cache."""


@dataclass(frozen=True, eq=False)
class _Splitting:
    """A kernel, its rows and columns read in the order of the trees, seen as `outputs` × `inputs` blocks of bounded rank.

    `kernel` is of shape (rows, columns, S), in its original order: it is read a part at a time and never copied as a whole.
    `ahead` tells whether the window belongs to the rows of the blocks, that is to a factor behind the split.
    """

    kernel: Array
    row_order: Array
    column_order: Array
    outputs: int
    inputs: int
    rank: int
    ahead: bool

    def panels(self) -> Iterator[tuple[slice, slice]]:
        """Yield (output nodes, input nodes), so few that what is between them fits the cache."""
        rest, inputs = self.row_order.size // self.outputs, self.inputs
        row = self.column_order.size * self.kernel.shape[2]
        if self.wide:  # blocks of two columns are taken apart by rows instead
            inputs = max(1, min(inputs, _PANEL // (rest * (row // inputs))))
        outputs = max(1, _PANEL // (rest * row))
        for y in range(0, self.outputs, outputs):
            for x in range(0, self.inputs, inputs):
                yield slice(y, min(y + outputs, self.outputs)), slice(x, min(x + inputs, self.inputs))

    def part(self, y: slice, x: slice, within: slice = slice(None)) -> Array:
        """Return what is between some nodes, shape (output nodes, rows of a node, input nodes, columns of a node, S).

        Of every output node these are the rows `within` it.
        """
        rows = self.row_order.reshape(self.outputs, -1)[y, within]
        columns = self.column_order.reshape(self.inputs, -1)[x]
        return _crossing(self.kernel, rows.ravel(), columns.ravel()).reshape(*rows.shape, *columns.shape, -1)

    @property
    def wide(self) -> bool:
        """False if the blocks have two columns and the rank one, for which there is a closed form."""
        area = self.kernel.shape[2]
        return self.rank > 1 or self.column_order.size * area != 2 * self.inputs or (self.ahead and area > 1)

    def error(self) -> float:
        """Return the squared distance to the nearest array whose blocks have that rank."""
        return sum(self._truncated(*nodes)[1] for nodes in self.panels())

    def solve(self, left: Array | None = None) -> tuple[Array, Array, float]:
        """Return the left and right factors of all blocks, and the squared distance.

        Of shape (outputs, rest, inputs, rank, S or 1) and (outputs, inputs, rank, n); the left ones are written into an array
        of that shape if there is one.
        """
        rest, area = self.row_order.size // self.outputs, self.kernel.shape[2] if self.ahead else 1
        n = self.column_order.size // self.inputs * (self.kernel.shape[2] // area)
        if left is None:
            left = np.empty((self.outputs, rest, self.inputs, self.rank, area), self.kernel.dtype)
        right = np.empty((self.outputs, self.inputs, self.rank, n), self.kernel.dtype)
        lost = 0.0
        for y, x in self.panels():
            right[y, x], error = self._truncated(y, x, left[y, :, x])
            lost += error
        return left, right, lost

    def _truncated(self, y: slice, x: slice, left: Array | None = None) -> tuple[Array, float]:
        """Return the right factors of a part and the squared distance; write the left ones if there is a place for them."""
        if not self.wide:
            shape = y.stop - y.start, self.row_order.size // self.outputs, self.inputs
            pairs = partial(self._pairs, y, x)
            right, lost = truncated_pairs(pairs, shape, None if left is None else left[..., 0, 0])
            return right[:, :, None], lost
        part = self.part(y, x)
        outputs, rest, inputs, width, area = part.shape
        blocks = part.transpose(0, 2, 1, 4, 3) if self.ahead else part.swapaxes(1, 2)
        blocks = blocks.reshape(outputs, inputs, *((rest * area, width) if self.ahead else (rest, width * area)))
        blocks = blocks.astype(np.result_type(blocks, np.float64), copy=False)
        u, right = truncated(blocks, self.rank)
        if left is not None:
            left[...] = u.reshape(outputs, inputs, rest, -1, self.rank).transpose(0, 2, 1, 4, 3)
        return right, _lost(blocks, u, right)

    def _pairs(self, y: slice, x: slice, within: slice) -> Array:
        part = self.part(y, x, within)
        return part.reshape(*part.shape[:3], 2)


def _lost(blocks: Array, left: Array, right: Array) -> float:
    """Return the squared distance of blocks to their projections; by the difference itself where it is small."""
    whole = squared_norm(blocks)
    lost = whole - squared_norm(left)
    if lost > 1e-6 * whole:
        return lost
    nodes = max(1, _NEAR // blocks[0].size)
    parts = (slice(y, y + nodes) for y in range(0, len(blocks), nodes))
    return sum(squared_norm(_product(left[part], right[part]) - blocks[part]) for part in parts)


def _product(left: Array, right: Array) -> Array:
    return left * right if right.shape[-2] == 1 else left @ right


def split_factors(kernel: Array, trees: ChannelTrees, spatial: int) -> tuple[list[Array], Array]:
    """Return the weights of all factors, split off one by one, and the squared error of each split.

    Parameters
    ----------
    kernel : numpy.ndarray, shape (C_out, C_in, S)
        Not modified.
    trees : ChannelTrees
        The chain's.
    spatial : int
        The convolution that has the window.

    Returns
    -------
    weights : list of numpy.ndarray, shapes (out_channels, in_width, S or 1)
    errors : numpy.ndarray, shape (L,)
        They add up to the squared distance. The first one alone is a lower bound on that of any product.
    """
    shapes = [(*trees.branch_shape(k), kernel.shape[2] if k == spatial else 1) for k in range(len(trees))]
    blocks = [np.empty((trees.components, *shape), kernel.dtype) for shape in shapes]
    errors = np.zeros(len(trees))
    errors[0] = _outside(kernel, trees)
    for t, orders in enumerate(zip(trees.out_order, trees.in_order, strict=True)):
        by_node = [
            block[t].reshape(trees.inputs[k + 1], trees.outputs[k + 1], trees.paths[k + 1], -1)
            for k, block in enumerate(blocks)
        ]
        errors += _split_off(0, kernel, orders, by_node, trees, spatial)
    return [trees.weights(k, block) for k, block in enumerate(blocks)], errors


def split_bound(kernel: Array, trees: ChannelTrees, spatial: int) -> float:
    """Return the largest squared error of two factors over all splits: any product is also a product of these two."""
    errors = np.full(len(trees) - 1, _outside(kernel, trees))
    for orders in zip(trees.out_order, trees.in_order, strict=True):
        splits = zip(trees.outputs[1:-1], trees.inputs[1:-1], trees.paths[1:-1], strict=True)
        errors += [_Splitting(kernel, *orders, *split, k < spatial).error() for k, split in enumerate(splits)]
    return float(errors.max())


def _split_off(
    k: int, kernel: Array, orders: tuple[Array, Array], blocks: Sequence[Array], trees: ChannelTrees, spatial: int
) -> Array:
    """Write the blocks of convolutions k, k + 1, …, and return the squared errors, those of earlier ones being zero.

    Each of shape (input nodes, output nodes, paths, n) behind its convolution, the output nodes those of the rows. All factors
    but the last have orthonormal rows, so what a step loses is orthogonal to all that the later ones lose.
    """
    (block, *behind), nodes = blocks, blocks[0].shape[1]
    (rows, columns), errors = orders, np.zeros(len(trees))
    if not behind:
        block[0, :, 0] = _crossing(kernel, *orders).reshape(nodes, -1)
        return errors
    # What is left for one output node is a kernel of its own: so many of them are finished before the next ones are begun.
    step = max(1, min(nodes, _AT_ONCE * nodes // (rows.size * columns.size * kernel.shape[2])))
    left = None
    for y in range(0, nodes, step):
        here = rows.reshape(nodes, -1)[y : y + step]
        split = len(here), trees.inputs[k + 1], trees.paths[k + 1]
        splitting = _Splitting(kernel, here.ravel(), columns, *split, k < spatial)
        left, right, error = splitting.solve(None if left is None else left[: len(here)])
        block[:, y : y + step] = right.swapaxes(0, 1)
        below = [b[:, y * b.shape[1] // nodes : (y + len(here)) * b.shape[1] // nodes] for b in behind]
        rest = left.reshape(here.size, -1, left.shape[-1])
        in_place = np.arange(here.size), np.arange(rest.shape[1])
        errors[k] += error
        errors += _split_off(k + 1, rest, in_place, below, trees, spatial)
    return errors


def _outside(kernel: Array, trees: ChannelTrees) -> float:
    """Return the energy between the components, which no weight reaches."""
    if trees.components == 1:
        return 0.0
    others = (np.delete(trees.in_order, t, axis=0).ravel() for t in range(trees.components))
    return sum(squared_norm(_crossing(kernel, *orders)) for orders in zip(trees.out_order, others, strict=True))


def _crossing(kernel: Array, rows: Array, columns: Array) -> Array:
    """Return the entries where rows and columns cross, in their order; a view if both are evenly spaced."""
    down, across = _as_slice(rows), _as_slice(columns)
    if isinstance(across, slice):
        return kernel[:, across][down]
    if columns.size < kernel.shape[1]:
        return kernel[rows[:, None], columns]
    entries = np.empty((rows.size, *kernel.shape[1:]), kernel.dtype)
    step = max(1, _NEAR // kernel[0].size)
    for start in range(0, rows.size, step):  # whole rows are read without gaps, then sorted within the cache
        part = slice(start, start + step)
        # Every column exists, so nothing is clipped; with "raise" NumPy would write into a copy.
        np.take(kernel[rows[part]], columns, axis=1, out=entries[part], mode="clip")
    return entries


def _as_slice(order: Array) -> Array | slice:
    """Return the order as a slice if it ascends evenly: then it selects a view."""
    step = int(order[1] - order[0]) if order.size > 1 else 1
    even = step > 0 and order[-1] - order[0] == step * (order.size - 1) and bool((order[1:] - order[:-1] == step).all())
    return slice(int(order[0]), int(order[-1]) + 1, step) if even else order
