r"""The nearest matrices of rank one to many blocks of two columns, in closed form.

A rotation of the plane turns one of its axes to where the rows of a block have the most energy. With the Gram matrix
[[a, b], [b*, d]] its angle is half that of :math:`a - d + 2i|b|`, after the second column was multiplied by the phase of b*.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from operator import add

import numpy as np
from numpy.typing import DTypeLike

from igc_theory.kernels.arrays import Array

__all__ = ["squared_norm", "truncated_pairs"]

_CHUNK = 2**16
"""Entries worked on at a time: they stay in the processor's nearer cache from pass to pass."""


def truncated_pairs(pairs: Array, left: Array | None = None) -> tuple[Array, float]:
    """Find the factors of the nearest matrix of rank one to each block.

    Parameters
    ----------
    pairs : numpy.ndarray, shape (..., m, p, 2)
        Side by side p blocks (m, 2), real or complex; not modified.
    left : numpy.ndarray, shape (..., m, p), optional
        Where the left factors go: each per column, the block times the conjugate of its right factor.

    Returns
    -------
    right : numpy.ndarray, shape (..., p, 2)
        The right factors: rows of norm one.
    lost : float
        The squared distance, the sum over all blocks.

    Examples
    --------
    >>> import numpy as np
    >>> left = np.empty((3, 1))
    >>> right, lost = truncated_pairs(np.array([[[3.0, 4.0]], [[6.0, 8.0]], [[4.0, -3.0]]]), left)
    >>> right.round(12), left[:2, 0].round(12), round(lost)
    (array([[0.6, 0.8]]), array([ 5., 10.]), 25)
    """
    sums, directions, rotated = _COMPLEX if pairs.dtype.kind == "c" else _REAL
    right, lost = directions(reduce(add, (sums(chunk) for _, chunk in _chunks(pairs)))), 0.0
    for rows, chunk in _chunks(pairs):
        along, across = rotated(chunk, right)
        lost += squared_norm(across)
        if left is not None:
            left[..., rows, :] = along
    return right, lost


def _chunks(pairs: Array) -> Iterator[tuple[slice, Array]]:
    """Yield some rows of all blocks at a time, in double precision and without gaps."""
    rows = pairs.shape[-3]
    step = max(1, _CHUNK * rows // pairs.size)
    double = np.result_type(pairs, np.float64)
    for start in range(0, rows, step):
        yield slice(start, start + step), np.ascontiguousarray(pairs[..., start : start + step, :, :], double)


def _half_turn(y: Array, x: Array, dtype: DTypeLike) -> Array:
    """Return the cosine and the sine of half the angle of (x, y), shape (..., 2)."""
    angle, turn = np.arctan2(y, x) / 2, np.empty((*x.shape, 2), dtype)
    turn[..., 0], turn[..., 1] = np.cos(angle), np.sin(angle)
    return turn


def _real_sums(rows: Array) -> Array:
    """Return a - d + 2ib, the sum of the squares of the rows as complex numbers."""
    squares: Array = np.square(rows.view(np.complex128)[..., 0]).sum(axis=-2)
    return squares


def _real_directions(sums: Array) -> Array:
    return _half_turn(sums.imag, sums.real, np.float64)


def _real_rotated(rows: Array, right: Array) -> tuple[Array, Array]:
    """Return the parts of the rows along and across: one product of complex numbers."""
    turned = rows.view(np.complex128)[..., 0] * right.view(np.complex128)[..., 0].conj()[..., None, :]
    return turned.real, turned.reshape(-1).imag


def _complex_sums(rows: Array) -> Array:
    """Return a - d and b, shape (2, ..., p)."""
    parts = rows.view(np.float64)
    energy = np.einsum("...mpk,...mpk->...pk", parts, parts)
    product = np.vecdot(*np.moveaxis(rows, (-1, -3), (0, -1)))
    return np.stack([energy[..., :2].sum(-1) - energy[..., 2:].sum(-1), product])


def _complex_directions(sums: Array) -> Array:
    size = np.abs(sums[1])
    turn = _half_turn(2 * size, sums[0].real, np.complex128)
    turn[..., 1] *= np.where(size > 0, sums[1], 1) / np.where(size > 0, size, 1)
    return turn


def _complex_rotated(rows: Array, right: Array) -> tuple[Array, Array]:
    """Return the parts of the rows along and across."""
    (x, y), (cosine, sine) = np.moveaxis(rows, -1, 0), np.moveaxis(right, -1, 0)[..., None, :]
    along, across = x * cosine, y * cosine
    along += y * sine.conj()
    across -= x * sine
    return along, across


_REAL = _real_sums, _real_directions, _real_rotated
_COMPLEX = _complex_sums, _complex_directions, _complex_rotated


def squared_norm(array: Array) -> float:
    """Return the sum of the squared moduli of all entries; without a copy if the array is flat or has no gaps.

    Examples
    --------
    >>> import numpy as np
    >>> squared_norm(np.array([[3.0, 4j]]))
    25.0
    """
    flat = array if array.ndim == 1 else array.ravel(order="K")
    parts = flat.view(flat.real.dtype)
    return float(np.dot(parts, parts))
