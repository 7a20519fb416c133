"""The best member of every family within a budget of bits."""

from __future__ import annotations

from collections.abc import Iterator
from math import gcd

from numpy.typing import ArrayLike

from igc_theory.kernels.arrays import Array
from igc_theory.kernels.compression.approximation import REAL_BITS, Approximation, real_matrix
from igc_theory.kernels.compression.low_rank import low_rank
from igc_theory.kernels.compression.precision import binarize, cluster, quantize
from igc_theory.kernels.compression.pruning import prune, prune_channels, prune_filters, pruned_bits
from igc_theory.kernels.compression.structured import block_diagonal, sparse_product
from igc_theory.kernels.threads import one_blas_thread
from igc_theory.structure.arguments.numbers import real_number
from igc_theory.structure.divisors import divisors
from igc_theory.structure.families.two_factor_chains import two_factor_chains

__all__ = ["within_budget"]


@one_blas_thread()
def within_budget(matrix: ArrayLike, bits_per_weight: float) -> list[Approximation]:
    """Return the best approximation of each family that takes at most this many bits per weight.

    Best means: finest rounding, most values, largest rank, most entries or channels, fewest branches, or the product of two factors
    with most paths. A family without a member of so few bits is left out.

    Parameters
    ----------
    matrix : array_like, shape (C_out, C_in)
        A pointwise kernel of finite real numbers. Not modified.
    bits_per_weight : float
        Of the dense kernel's weights, which take 32 each; from 0 to 64.

    Returns
    -------
    list of Approximation

    Raises
    ------
    TypeError, ValueError
        If the matrix is not a matrix of finite real numbers.

    Examples
    --------
    >>> import numpy as np
    >>> for found in within_budget(np.random.default_rng(0).standard_normal((64, 64)), 5):
    ...     print(f"{found.relative_error:.3f}  {found.name}")
    0.098  quantized, 4 bits
    0.591  binary
    0.095  clustered, 16 values
    0.704  pruned, 12.9% of the entries
    0.905  filter pruning, 9 of 64 outputs
    0.904  channel pruning, 9 of 64 inputs
    0.933  block-diagonal, 8 groups
    0.856  low rank, rank 5
    0.590  low rank, rank 17, 8 bits
    0.609  sparse product, 16 × 16, 8 bits
    """
    kernel = real_matrix(matrix)
    most = int(real_number("bits_per_weight", bits_per_weight, least=0, most=64) * kernel.size)
    products = [family for bits in (None, 8) for family in _few_factors(kernel, most, bits)]
    families = [*_few_values(kernel, most), *_few_entries(kernel, most), *products]
    best = (next((found for found in family if found.storage_bits <= most), None) for family in families)
    return [found for found in best if found is not None]


def _few_values(kernel: Array, most: int) -> Iterator[Iterator[Approximation]]:
    """Yield families of low precision, each from fine to coarse; members that cannot fit are not computed."""
    yield (quantize(kernel, bits) for bits in range(16, 1, -1) if bits * kernel.size <= most)
    yield (binarize(kernel) for bits in (1,) if bits * kernel.size <= most)
    counts = ((bits, min(2**bits, (most - bits * kernel.size) // REAL_BITS)) for bits in range(8, 0, -1))
    yield (cluster(kernel, count) for bits, count in counts if count > 2 ** (bits - 1))  # fewer take fewer bits each


def _few_entries(kernel: Array, most: int) -> Iterator[Iterator[Approximation]]:
    """Yield families of sparse matrices."""
    rows, columns = kernel.shape
    counts = range(min(kernel.size, most // REAL_BITS), 0, -1)
    yield (prune(kernel, count) for count in counts if pruned_bits(rows, columns, count) <= most)
    yield (prune_filters(kernel, keep) for keep in range(rows, 0, -1) if REAL_BITS * keep * columns <= most)
    yield (prune_channels(kernel, keep) for keep in range(columns, 0, -1) if REAL_BITS * keep * rows <= most)
    groups = divisors(gcd(rows, columns))
    yield (block_diagonal(kernel, g) for g in groups if REAL_BITS * kernel.size // g <= most)


def _few_factors(kernel: Array, most: int, bits: int | None) -> Iterator[Iterator[Approximation]]:
    """Yield families of products, their weights of this many bits."""
    rows, columns = kernel.shape
    each = REAL_BITS if bits is None else bits
    ranks = range(min(rows, columns), 0, -1)
    chains = two_factor_chains(columns, rows)[::-1]
    yield (low_rank(kernel, rank, bits=bits) for rank in ranks if each * rank * (rows + columns) <= most)
    yield (sparse_product(kernel, chain, bits=bits) for chain in chains if each * chain.parameters <= most)
