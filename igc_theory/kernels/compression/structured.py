"""Products of structured sparse matrices as a way to remove redundancy: block-diagonal, interleaved, low rank between the two."""

from __future__ import annotations

from dataclasses import replace
from math import lcm

import numpy as np

from igc_theory.kernels.arrays import Array
from igc_theory.kernels.compression.approximation import Approximation, approximation, at_any_scale, index_bits
from igc_theory.kernels.compression.precision import bits_of, stored
from igc_theory.kernels.compression.pruning import input_channels
from igc_theory.kernels.products.product import Product
from igc_theory.kernels.projection.chain_kernel import chain_kernel
from igc_theory.kernels.projection.project import project
from igc_theory.structure.arguments.kinds import flag
from igc_theory.structure.arguments.numbers import positive_int
from igc_theory.structure.arguments.sequences import two_of
from igc_theory.structure.chains import Chain, Parallel
from igc_theory.structure.factors import GroupConv
from igc_theory.structure.families.two_factor_chains import two_factor_chain

__all__ = ["block_diagonal", "sparse_low_rank", "sparse_product"]

Window = int | tuple[int, int]


@at_any_scale
def block_diagonal(
    matrix: Array,
    groups: int,
    *,
    kernel_size: Window = 1,
    reorder: bool = False,
    rng: np.random.Generator | None = None,
) -> Approximation:
    """Return the nearest group convolution.

    Parameters
    ----------
    matrix : array_like, shape (C_out, C_in * S)
    groups : int
        Branches; divides both sides.
    kernel_size : int or (int, int), default 1
        The window.
    reorder : bool, default False
        Also look for orders of the channels, see `project`; they are stored.
    rng : numpy.random.Generator, optional
        For the search; None stands for ``numpy.random.default_rng(0)``.

    Returns
    -------
    Approximation

    Raises
    ------
    TypeError, ValueError
        If the matrix is not one, or `groups` does not divide its channels.

    Examples
    --------
    Two groups of three keep half of a 6×6 kernel:

    >>> import numpy as np
    >>> block_diagonal(np.ones((6, 6)), 2)
    Approximation(block-diagonal, 2 groups: relative error 0.7071, 576 bits (50.0%), 18 multiply–adds)
    """
    channels, _ = input_channels(matrix, kernel_size)
    groups, reorder = positive_int("groups", groups), flag("reorder", reorder)
    chain = Chain([GroupConv(channels, len(matrix), groups, kernel_size)])
    found = sparse_product(matrix, chain, reorder=reorder, rng=rng)
    setting = f"{groups} groups" + (", reordered" if reorder else "")
    return replace(found, family="block-diagonal", setting=setting)


@at_any_scale
def sparse_product(
    matrix: Array,
    chain: Chain,
    *,
    bits: int | None = None,
    reorder: bool = False,
    rng: np.random.Generator | None = None,
) -> Approximation:
    """Return the product of a chain nearest to a kernel, as `project` finds it.

    Parameters
    ----------
    matrix : array_like, shape (C_out, C_in * S)
    chain : Chain
        The structure; permutations that it gives cost no storage.
    bits : int, optional
        Round the weights of every factor to this many bits, with one scale per output of each.
    reorder : bool, default False
        Also look for orders of the channels; those found are stored, an index per channel.
    rng : numpy.random.Generator, optional
        For the search; None stands for ``numpy.random.default_rng(0)``.

    Returns
    -------
    Approximation

    Raises
    ------
    TypeError, ValueError
        If the matrix does not fit the chain, or `reorder` is asked for with a chain that holds a sum.

    Examples
    --------
    >>> from igc_theory import igcv2
    >>> from scipy.linalg import hadamard
    >>> sparse_product(hadamard(16), igcv2([2, 2, 2, 2], kernel_size=1)).relative_error < 1e-7
    True
    """
    bits, reorder = None if bits is None else bits_of(bits), flag("reorder", reorder)
    chain_kernel(matrix, chain, "matrix")
    found = project(matrix, chain, reorder=reorder, rng=rng).product
    factors, storage = stored([weight.reshape(len(weight), -1) for weight in found.weights], bits)
    weights = [rows.reshape(weight.shape) for rows, weight in zip(factors, found.weights, strict=True)]
    if reorder:
        storage += sum(channels * index_bits(channels) for channels in (chain.in_channels, chain.out_channels))
    rounding, order = "" if bits is None else f", {bits} bits", ", reordered" if reorder else ""
    setting = f"{chain.name or _described(chain)}{rounding}{order}"
    result = Product(found.chain, weights).matrix()
    return approximation("sparse product", setting, matrix, result, storage, chain.parameters)


@at_any_scale
def sparse_low_rank(
    matrix: Array, rank: int, groups: tuple[int, int] = (2, 2), *, bits: int | None = None
) -> Approximation:
    """Return the nearest product of two pointwise group convolutions with `rank` channels between: low rank × structured sparse.

    The two pointwise convolutions of IGCV3 [Sun2018] without the depthwise one in between.

    Parameters
    ----------
    matrix : array_like, shape (C_out, C_in)
    rank : int
        Channels in between; a multiple of both numbers of groups.
    groups : (int, int), default (2, 2)
        Branches of the first and of the second convolution.
    bits : int, optional
        Round the weights to this many bits.

    Returns
    -------
    Approximation

    Raises
    ------
    TypeError, ValueError
        If the matrix is not one, or the branches do not divide the channels.

    Examples
    --------
    >>> import numpy as np
    >>> sparse_low_rank(np.eye(8), 4)
    Approximation(sparse low rank, 8 to 4 to 8 in 2 and 2 groups: relative error 0.866, 1,024 bits (50.0%), 32 multiply–adds)
    """
    bits = None if bits is None else bits_of(bits)
    rank, pair = positive_int("rank", rank), two_of("groups", groups, "give (G1, G2), the branches of both")
    groups = positive_int("groups[0]", pair[0]), positive_int("groups[1]", pair[1])
    if rank > matrix.size:
        raise ValueError(f"rank={rank} exceeds the {matrix.size} entries of matrix: use at most its smaller side")
    if rank % (common := lcm(*groups)):
        raise ValueError(f"rank={rank} is not a multiple of both groups={groups}: use a multiple of {common}")
    chain = two_factor_chain(matrix.shape[1], len(matrix), rank, groups)
    found = sparse_product(matrix, chain, bits=bits)
    setting = "{} to {} to {} in {} and {} groups".format(matrix.shape[1], rank, len(matrix), *groups)
    return replace(found, family="sparse low rank", setting=setting + ("" if bits is None else f", {bits} bits"))


def _described(chain: Chain) -> str:
    if not chain.is_serial:
        return " then ".join(factor.kind for factor in chain.factors if isinstance(factor, (GroupConv, Parallel)))
    return " × ".join(str(conv.in_width) for conv in chain.convolutions)
