"""Low rank: the nearest matrix that is a product of two thin ones."""

from __future__ import annotations

import numpy as np

from igc_theory.kernels.arrays import Array
from igc_theory.kernels.compression.approximation import Approximation, approximation, at_any_scale
from igc_theory.kernels.compression.precision import bits_of, stored
from igc_theory.structure.arguments.numbers import positive_int

__all__ = ["low_rank"]


@at_any_scale
def low_rank(matrix: Array, rank: int, *, bits: int | None = None) -> Approximation:
    r"""Return the nearest matrix of bounded rank, as the product (C_out × rank)(rank × C_in·S).

    The singular value decomposition truncated after `rank` terms (Eckart and Young); its error is
    :math:`\sqrt{\sum_{k > r} σ_k^2}`.

    Parameters
    ----------
    matrix : array_like, shape (C_out, C_in * S)
        Finite real numbers. Not modified.
    rank : int
        From 1 to the smaller side.
    bits : int, optional
        Round both factors to this many bits, with one scale per row of each.

    Returns
    -------
    Approximation
        ``rank * (C_out + C_in * S)`` weights and as many multiply–adds.

    Raises
    ------
    TypeError, ValueError
        If the matrix is not a matrix of finite real numbers, or the rank exceeds its sides.

    Examples
    --------
    Rank 10 of 100×100 takes a fifth of the weights:

    >>> import numpy as np
    >>> low_rank(np.eye(100), 10)
    Approximation(low rank, rank 10: relative error 0.9487, 64,000 bits (20.0%), 2,000 multiply–adds)
    """
    rank, bits = positive_int("rank", rank), None if bits is None else bits_of(bits)
    if rank > min(matrix.shape):
        raise ValueError(
            f"rank={rank} exceeds the smaller side of matrix, {matrix.shape}: use at most {min(matrix.shape)}"
        )
    u, s, vt = np.linalg.svd(matrix, full_matrices=False)
    factors = [vt[:rank] * np.sqrt(s[:rank, None]), u[:, :rank] * np.sqrt(s[:rank])]
    factors, storage = stored(factors, bits)
    setting = f"rank {rank}" + ("" if bits is None else f", {bits} bits")
    cost = rank * sum(matrix.shape)
    return approximation("low rank", setting, matrix, factors[1] @ factors[0], storage, cost)
