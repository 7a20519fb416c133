"""Low precision: kernels with few different values, and what they cost."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.vq import kmeans2

from igc_theory.kernels.arrays import Array
from igc_theory.kernels.compression.approximation import (
    REAL_BITS,
    Approximation,
    approximation,
    at_any_scale,
    index_bits,
)
from igc_theory.kernels.compression.rounding import is_exact, rounded_rows
from igc_theory.structure.arguments.kinds import choice_of, generator
from igc_theory.structure.arguments.numbers import positive_int

__all__ = ["binarize", "bits_of", "cluster", "quantize", "share_weights", "stored"]

MOST_VALUES = 2**12
"""Values of a code book for more entries than that."""

MOST_DISTANCES = 2**30
"""Distances that k-means++ computes for the first centres; beyond, they are quantiles of the entries."""


@at_any_scale
def binarize(matrix: Array) -> Approximation:
    r"""Return the nearest matrix with two values ±α in each row: one α per kernel.

    .. math:: \min_{α, B} ‖w - α b‖^2, \quad b ∈ \{-1, 1\}^n: \qquad b = \mathrm{sign}(w), \; α = \tfrac1n ‖w‖_1

    (XNOR-Net [Rastegari2016], section 3.1). Multiplications become additions, except one by α per output.

    Parameters
    ----------
    matrix : array_like, shape (C_out, C_in * S)
        Finite real numbers. Not modified.

    Returns
    -------
    Approximation
        One bit per weight, and a real number per row.

    Raises
    ------
    TypeError, ValueError
        If the matrix is not a matrix of finite real numbers.

    Examples
    --------
    >>> binarize([[1, -2, 3]]).matrix
    array([[ 2., -2.,  2.]])
    """
    alpha = np.abs(matrix).mean(axis=1, keepdims=True)
    signs = np.where(matrix < 0, -1, 1)
    storage = matrix.size + REAL_BITS * len(matrix)
    return approximation("binary", "", matrix, alpha * signs, storage, len(matrix), matrix.size)


@at_any_scale
def quantize(matrix: Array, bits: int, *, per: str = "kernel") -> Approximation:
    r"""Return the matrix rounded to b-bit integers times a scale: :math:`Δ \{-q, …, q\}`, :math:`q = 2^{b-1} - 1`.

    Parameters
    ----------
    matrix : array_like, shape (C_out, C_in * S)
        Finite real numbers. Not modified.
    bits : int
        From 2 to 16.
    per : {"kernel", "tensor"}, default "kernel"
        One scale per row, or one for all.

    Returns
    -------
    Approximation
        `bits` per weight, and a real number per scale. Multiply–adds are those of integers; the scale adds one per output.

    Notes
    -----
    No other scale and integers are nearer, up to rounding, for up to 8 bits; and beyond, while :math:`C_{out} C_{in} S q` is at
    most 2**22. Larger matrices take the best of 39 trial steps, and their setting says so. One of these just reaches the
    largest weight `w` of a row, so that a row of `n` weights is off by at most :math:`\sqrt{n}\, w / 2q`.

    Raises
    ------
    TypeError, ValueError
        If the matrix is not a matrix of finite real numbers, or `bits` or `per` is none of the above.

    Examples
    --------
    >>> quantize([[0.9, -0.4, 0.1]], 3).matrix.round(2)
    array([[ 0.88, -0.44,  0.  ]])
    """
    per, bits = choice_of("per", per, ("kernel", "tensor")), bits_of(bits)
    rows = matrix if per == "kernel" else matrix.reshape(1, -1)
    top = 2 ** (bits - 1) - 1
    scale, levels = rounded_rows(rows, top)
    setting = f"{bits} bits" + ("" if per == "kernel" else ", one scale")
    setting += "" if is_exact(rows.size, top) else ", best of 39 steps"
    storage = bits * matrix.size + REAL_BITS * len(rows)
    multiply_adds = matrix.size + len(matrix)
    return approximation("quantized", setting, matrix, (scale * levels).reshape(matrix.shape), storage, multiply_adds)


def bits_of(bits: int) -> int:
    """Return a number of bits that weights can be rounded to.

    Examples
    --------
    >>> bits_of(np.int8(4))
    4
    """
    beyond = "use 2 to 16 bits, beyond that weights are stored as they are"
    return positive_int(
        "bits", bits, minimum=2, maximum=16, way_out="use 2 to 16 bits; binarize is for one", beyond=beyond
    )


def stored(factors: list[Array], bits: int | None) -> tuple[list[Array], int]:
    """Return factors as they are stored, rounded if `bits` says so, and the bits that they take.

    Examples
    --------
    >>> stored([np.ones((2, 3))], None)[1], stored([np.ones((2, 3))], 8)[1]
    (192, 112)
    """
    if bits is None:
        return factors, REAL_BITS * sum(factor.size for factor in factors)
    top = 2 ** (bits_of(bits) - 1) - 1
    pairs = [rounded_rows(factor, top) for factor in factors]
    storage = sum(bits * levels.size + REAL_BITS * scale.size for scale, levels in pairs)
    return [scale * levels for scale, levels in pairs], storage


@at_any_scale
def cluster(matrix: Array, k: int, rng: np.random.Generator | None = None) -> Approximation:
    r"""Return the matrix with every entry replaced by the nearest of `k` values, a code book found by k-means.

    This is weight sharing, and `share_weights` is the same function.

    Parameters
    ----------
    matrix : array_like, shape (C_out, C_in * S)
        Finite real numbers. Not modified.
    k : int
        Values, at least 2.
    rng : numpy.random.Generator, optional
        Chooses the first centres (k-means++), unless there are so many entries and values that quantiles are taken. None stands
        for ``numpy.random.default_rng(0)``.

    Returns
    -------
    Approximation
        ``ceil(log2(k))`` bits per weight, and `k` real numbers. Inputs with a common centre are added first: one addition per
        weight, and at most `k` multiply–adds per output. A local optimum: each centre is the mean of its entries, and each
        entry takes the nearest centre.

    Raises
    ------
    TypeError, ValueError
        If the matrix is not a matrix of finite real numbers, `k` is below 2, or above 4,096 for more different entries than that.

    Examples
    --------
    >>> cluster([[2.91, 3.06, 3.21], [-1.0, -1.2, -1.4]], 2).matrix.round(2)
    array([[ 3.06,  3.06,  3.06],
           [-1.2 , -1.2 , -1.2 ]])
    """
    k, rng = positive_int("k", k, minimum=2), generator("rng", rng, optional=True)
    centres, labels = _code_book(matrix.ravel().astype(np.float64), k, rng)
    storage = index_bits(k) * matrix.size + REAL_BITS * k
    cost = len(matrix) * min(k, matrix.shape[1])
    return approximation(
        "clustered", f"{k} values", matrix, centres[labels].reshape(matrix.shape), storage, cost, matrix.size
    )


share_weights = cluster
"""Weight sharing: another name of `cluster`, since entries with a common value share one weight."""


def _code_book(values: Array, k: int, rng: np.random.Generator) -> tuple[Array, NDArray[np.int64]]:
    """Return centres, and the centre of each value, at a fixed point of k-means."""
    distinct, labels = np.unique(values, return_inverse=True)
    if distinct.size <= k:
        return distinct, labels
    if k > MOST_VALUES:
        beyond = f"use at most {MOST_VALUES} values, or quantize"
        raise ValueError(f"k={k} is above {MOST_VALUES}, and matrix has {distinct.size} different entries: {beyond}")
    centres = _settled(np.sort(values), _first_centres(values, k, rng))
    return centres, np.searchsorted((centres[1:] + centres[:-1]) / 2, values)


def _first_centres(values: Array, k: int, rng: np.random.Generator) -> Array:
    """Return centres to start from, in increasing order."""
    if values.size * k**2 > MOST_DISTANCES:
        return np.unique(np.quantile(values, (np.arange(k) + 0.5) / k))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a cluster may run empty: it is not used then
        return np.unique(kmeans2(values, k, iter=5, minit="++", rng=rng)[0])


def _settled(values: Array, centres: Array) -> Array:
    """Return the centres after iterations of k-means on sorted values until nothing moves: clusters are intervals there.

    Means of values that differ in their last digits are rounded, and clusters could change in turn for ever. They end once
    they repeat.
    """
    sums, seen = np.concatenate([[0.0], np.cumsum(values)]), set[bytes]()
    while True:
        ends = np.searchsorted(values, (centres[1:] + centres[:-1]) / 2, side="right")
        ends = np.unique(np.concatenate([[0], ends, [values.size]]))
        centres = np.diff(sums[ends]) / np.diff(ends)
        if ends.tobytes() in seen:
            return centres
        seen.add(ends.tobytes())
