r"""The nearest matrices of bounded rank, for many blocks at once.

By Eckart and Young the nearest matrix of rank r is the singular value decomposition truncated after r terms. For rank one, as in
strict chains, the whole decomposition is not needed. Where the block is nearly of rank one, its longest row leads
to the leading singular vector. Else that comes from repeated squaring of the Gram matrix, or in closed form if that is 2×2.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from igc_theory.kernels.arrays import Array
from igc_theory.kernels.rank_one_pairs import truncated_pairs

__all__ = ["truncated"]

_LOSS = 1e-11
"""Largest part of a leading squared singular value that may be lost: residual squared over gap, a bound on what is."""

_NEARLY = 0.99
"""Share of the energy in the longest row's direction from which a block may be so near to rank one that this row will do."""

_PRODUCTS = 12
"""Multiplications of a vector by the power, after the squarings."""


def truncated(blocks: Array, rank: int) -> tuple[Array, Array]:
    """Return the factors of the nearest matrix of bounded rank to each block.

    Parameters
    ----------
    blocks : numpy.ndarray of float64 or complex128, shape (..., m, n)
        With any strides; not modified. Entries should be of the order of one: Gram matrices are formed in single precision.
    rank : int
        At least 1.

    Returns
    -------
    left : numpy.ndarray, shape (..., m, rank)
    right : numpy.ndarray, shape (..., rank, n)
        Its rows are orthonormal, or zero where the block has a lower rank, and ``left == blocks @ right.mT.conj()``.

    Examples
    --------
    >>> import numpy as np
    >>> left, right = truncated(np.array([[3.0, 4.0], [6.0, 8.0]]), 1)
    >>> bool(np.allclose(left @ right, [[3, 4], [6, 8]]))
    True
    """
    m, n = blocks.shape[-2:]
    if rank > 1:
        return _by_svd(blocks, rank)
    if n == 2 <= m:
        left = np.empty((*blocks.shape[:-1], 1), blocks.dtype)
        return left, truncated_pairs(lambda rows: blocks[..., rows, None, :], left.shape, left)[0]
    if n <= m:
        v = _leading(blocks)
        return np.matvec(blocks, v)[..., None], v[..., None, :].conj()
    right = _normalized(np.vecmat(_leading(blocks.mT).conj(), blocks))
    return np.matvec(blocks, right.conj())[..., None], right[..., None, :]


def _by_svd(blocks: Array, rank: int) -> tuple[Array, Array]:
    """Return the factors from full decompositions, with paths that carry nothing added where the rank cannot be reached."""
    u, s, right = np.linalg.svd(blocks, full_matrices=False)
    left, right = u[..., :rank] * s[..., None, :rank], right[..., :rank, :]
    missing, none = rank - left.shape[-1], [(0, 0)] * (blocks.ndim - 2)
    if missing <= 0:
        return left, right
    return np.pad(left, [*none, (0, 0), (0, missing)]), np.pad(right, [*none, (0, missing), (0, 0)])


def _leading(blocks: Array) -> Array:
    """Return the leading right singular vector of each block, shape (..., n).

    By powers of the Gram matrices where the rank is not nearly one, and by SVD where two singular values are close.
    """
    if blocks.shape[-1] == 1:
        return np.ones((*blocks.shape[:-2], 1), blocks.dtype)
    vectors, good = _longest_rows(blocks)
    if good.all():
        return vectors
    left_over, part = np.array(~good), blocks[~good] if good.any() else blocks
    power, exponent = _gram(part), 1
    # The gap of a random n×n block is about n^(-2/3): so many squarings tell its first two singular values apart.
    for squarings in (max(3, round(1 + 2 / 3 * np.log2(blocks.shape[-1]))), 3):
        power, exponent = _squared(power, squarings), exponent << squarings
        found = _iterated(power)
        share = np.vecdot(found, np.matvec(power, found)).real.astype(np.float64)
        found, good = _refined(part, found, _gap(share, exponent))
        vectors[left_over] = found.reshape(-1, found.shape[-1])
        if good.all():
            return vectors
        left_over[left_over] = ~good.ravel()
        power, part = power[~good], blocks[left_over]
    vectors[left_over] = np.linalg.svd(part, full_matrices=False)[2][..., 0, :].conj()
    return vectors


def _longest_rows(blocks: Array) -> tuple[Array, NDArray[np.bool_]]:
    """Return vectors near the leading one of each block whose rank is nearly one, and which of them are good enough."""
    energies = _energies(blocks)
    total = energies.sum(axis=-1)
    rows = np.take_along_axis(blocks, energies.argmax(axis=-1)[..., None, None], axis=-2)[..., 0, :]
    vectors = _normalized(rows.conj())
    share = _energies(np.matvec(blocks, vectors)) / np.where(total > 0, total, 1)
    if (share < _NEARLY).all():
        return vectors, np.zeros(share.shape, bool)
    vectors, good = _refined(blocks, vectors, _gap(share, 1))
    return vectors, good & (share >= _NEARLY)  # the longest row may be a singular vector that does not lead


def _gram(blocks: Array) -> Array:
    """Return the Gram matrix of each block in single precision: directions found from it are refined afterwards."""
    single = blocks.astype(np.complex64 if blocks.dtype.kind == "c" else np.float32)
    return single.mT.conj() @ single


def _squared(power: Array, times: int) -> Array:
    """Return the power of trace one after `times` squarings."""
    power, other = power.copy(), np.empty_like(power)
    for step in range(times + 1):
        if step > 0:
            np.matmul(power, power, out=other)
            power, other = other, power
        if step > 0 and (times - step) % 2 == 1:  # two squarings of a matrix of trace one stay in range
            continue
        trace = np.trace(power, axis1=-2, axis2=-1).real
        # Trained kernels have blocks of denormal numbers: the inverse of their trace would overflow, and they count as zero.
        power *= (1 / np.where(trace > np.finfo(trace.dtype).tiny, trace, 1))[..., None, None]
    return power


def _iterated(power: Array) -> Array:
    """Return a vector multiplied by the power `_PRODUCTS` times, normalized; the start is drawn with a fixed seed."""
    start = np.random.default_rng(0).standard_normal((power.shape[-1],)).astype(power.dtype)
    vector: Array = np.broadcast_to(start, power.shape[:-1])
    for product in range(_PRODUCTS):
        vector = np.matvec(power, vector)
        if product % 8 == 7:  # the trace is one, so eight steps cannot underflow
            vector = _normalized(vector)
    return _normalized(vector)


def _gap(share: NDArray[Any], exponent: int) -> NDArray[Any]:
    r"""Return a lower bound on :math:`1 - λ_2/λ_1` from the share μ that a vector has of the trace of a Gram matrix's power.

    The ratio :math:`λ_2/λ_1` is at most :math:`((1 - μ)/μ)^{1/exponent}`.
    """
    ratio = np.minimum(1, (1 - share) / np.where(share > 0, share, 1))
    gap: NDArray[Any] = 1 - np.maximum(0, ratio) ** (1 / exponent)
    return gap


def _refined(blocks: Array, vectors: Array, gap: NDArray[Any]) -> tuple[Array, NDArray[np.bool_]]:
    """Return the vectors after a power step in double precision, and which of them are good enough."""
    vectors = vectors.astype(blocks.dtype)
    for _ in range(2):
        before = _normalized(vectors)
        u = np.matvec(blocks, before)
        energy = _energies(u)
        vectors = np.vecmat(u, blocks).conj()
    residual = _energies(vectors - energy[..., None] * before)
    return before, residual <= _LOSS * gap * energy**2


def _energies(vectors: Array) -> NDArray[Any]:
    """Return the squared Euclidean norms along the last axis."""
    if vectors.dtype.kind == "c":
        both: NDArray[Any] = _energies(vectors.real) + _energies(vectors.imag)
        return both
    energies: NDArray[Any] = np.einsum("...r,...r->...", vectors, vectors)
    return energies


def _normalized(vectors: Array) -> Array:
    """Return the vectors scaled to norm one; zeros stay."""
    size = _norms(vectors)[..., None]
    return vectors / np.where(size > 0, size, 1)


def _norms(vectors: Array) -> NDArray[Any]:
    """Return the Euclidean norms along the last axis."""
    norms: NDArray[Any] = np.sqrt(_energies(vectors))
    return norms
