"""Chains with weights as linear maps: forward, adjoint, and as sparse matrices.

Arrays are images (C, H, W, N) without padding. Branches side by side read their channels, each in the centre of what the widest
window reads, and what they write is added up. Nothing is checked here: `Product` checks before it calls.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from igc_theory.kernels.arrays import Array
from igc_theory.kernels.convolution import convolution_matrix
from igc_theory.kernels.correlation import Pair, correlate, correlate_adjoint, permuted
from igc_theory.structure.chains import Chain, Factor, Parallel
from igc_theory.structure.permutations import ChannelPermutation

__all__ = ["adjoint", "forward", "sparse_matrices", "weighted"]


def weighted(factors: Sequence[Factor | Chain], weights: Sequence[Array]) -> Iterator[tuple[Any, Sequence[Array]]]:
    """Yield every factor, or branch, with the weights of its convolutions.

    Examples
    --------
    >>> from igc_theory.structure import GroupConv, Sum, interleave
    >>> block = Sum([GroupConv(2, 2), [interleave(2, 1), GroupConv(2, 2)]])
    >>> [len(own) for _, own in weighted(block.branches[1].factors, [np.ones((2, 2, 1, 1))])]
    [0, 1]
    """
    start = 0
    for factor in factors:
        stop = start + len(factor.convolutions)
        yield factor, weights[start:stop]
        start = stop


def forward(chain: Chain, weights: Sequence[Array], x: Array) -> Array:
    """Return the images (C_in, H, W, N) with all factors applied, without padding.

    Examples
    --------
    >>> from igc_theory.structure import GroupConv, Sum
    >>> block = Sum([GroupConv(1, 1, kernel_size=3), []])
    >>> forward(block, [np.ones((1, 1, 3, 3))], np.ones((1, 3, 3, 1))).ravel()
    array([10.])
    """
    for factor, own in weighted(chain.factors, weights):
        if isinstance(factor, ChannelPermutation):
            x = permuted(factor, x)
        elif isinstance(factor, Parallel):
            x = _side_by_side(factor, own, x)
        else:
            x = correlate(x, own[0], factor.groups, factor.strides)
    return x


def _side_by_side(factor: Parallel, weights: Sequence[Array], x: Array) -> Array:
    branches = zip(factor.parts, weighted(factor.branches, weights), strict=True)
    ends = [
        (part.writes, forward(branch, own, x[part.reads, *part.centre(*x.shape[1:3])]))
        for part, (branch, own) in branches
    ]
    total = np.zeros((factor.out_channels, *ends[0][1].shape[1:]), np.result_type(*(end for _, end in ends)))
    for writes, end in ends:
        total[writes] += end
    return total


def adjoint(chain: Chain, weights: Sequence[Array], y: Array) -> Array:
    """Return the adjoint of `forward` at (C_out, H_out, W_out, N), onto the smallest images (C_in, H, W, N).

    Examples
    --------
    >>> from igc_theory.structure import GroupConv, Sum
    >>> block = Sum([GroupConv(1, 1, kernel_size=3), []])
    >>> adjoint(block, [np.ones((1, 1, 3, 3))], np.ones((1, 1, 1, 1)))[0, :, :, 0]
    array([[1., 1., 1.],
           [1., 2., 1.],
           [1., 1., 1.]])
    """
    for factor, own in reversed([*weighted(chain.factors, weights)]):
        if isinstance(factor, ChannelPermutation):
            y = permuted(factor.inverse(), y)
        elif isinstance(factor, Parallel):
            y = _side_by_side_adjoint(factor, own, y)
        else:
            y = correlate_adjoint(y, own[0], factor.groups, factor.strides)
    return y


def _side_by_side_adjoint(factor: Parallel, weights: Sequence[Array], y: Array) -> Array:
    sides = [
        (count - 1) * step + side for count, step, side in zip(y.shape[1:3], factor.strides, factor.window, strict=True)
    ]
    x = np.zeros((factor.in_channels, *sides, y.shape[3]), np.result_type(y, *weights))
    for part, (branch, own) in zip(factor.parts, weighted(factor.branches, weights), strict=True):
        x[part.reads, *part.centre(*sides)] += adjoint(branch, own, y[part.writes])
    return x


def sparse_matrices(
    chain: Chain, weights: Sequence[Array], image: Pair, dtype: np.dtype[Any]
) -> tuple[list[csr_array[Any]], Pair]:
    """Return a sparse matrix for every factor, on channels of `image` rows and columns, and the rows and columns behind them all.

    Examples
    --------
    >>> from igc_theory.structure import GroupConv, Sum
    >>> block = Sum([GroupConv(1, 1, kernel_size=3), []])
    >>> matrices, image = sparse_matrices(block, [np.ones((1, 1, 3, 3))], (3, 3), np.dtype(float))
    >>> matrices[0].toarray(), image
    (array([[1., 1., 1., 1., 2., 1., 1., 1., 1.]]), (1, 1))
    """
    matrices: list[csr_array[Any]] = []
    for factor, own in weighted(chain.factors, weights):
        behind = _behind(factor, image)
        if isinstance(factor, ChannelPermutation):
            pixels = np.arange(factor.channels * image[0] * image[1]).reshape(factor.channels, -1)
            matrices.append(_selection(permuted(factor, pixels), pixels.size, dtype))
        elif isinstance(factor, Parallel):
            matrices.append(_sparse_side_by_side(factor, own, image, dtype))
        else:
            shape = factor.in_channels, *image
            matrices.append(convolution_matrix(own[0], shape, factor.groups, factor.strides, padding="valid"))
        image = behind
    return matrices, image


def _behind(factor: Factor, image: Pair) -> Pair:
    """Return the rows and columns that a factor leaves of an image without padding."""
    height, width = ((n - k) // s + 1 for n, k, s in zip(image, factor.window, factor.strides, strict=True))
    return height, width


def _sparse_side_by_side(
    factor: Parallel, weights: Sequence[Array], image: Pair, dtype: np.dtype[Any]
) -> csr_array[Any]:
    before = np.arange(factor.in_channels * image[0] * image[1]).reshape(factor.in_channels, *image)
    height, width = _behind(factor, image)
    after = np.arange(factor.out_channels * height * width).reshape(factor.out_channels, -1)
    whole = csr_array((after.size, before.size), dtype=dtype)
    for part, (branch, own) in zip(factor.parts, weighted(factor.branches, weights), strict=True):
        seen = before[part.reads, *part.centre(*image)]
        matrices, _ = sparse_matrices(branch, own, (seen.shape[1], seen.shape[2]), dtype)
        ends = _selection(seen, before.size, dtype), _selection(after[part.writes], after.size, dtype).T
        whole = whole + ends[1] @ reduce(lambda done, matrix: matrix @ done, matrices, ends[0])
    return csr_array(whole)


def _selection(pixels: Array, size: int, dtype: np.dtype[Any]) -> csr_array[Any]:
    """Return the sparse matrix that picks entries `pixels` of `size`."""
    count = pixels.size
    return csr_array((np.ones(count, dtype), pixels.ravel(), np.arange(count + 1)), shape=(count, size))
