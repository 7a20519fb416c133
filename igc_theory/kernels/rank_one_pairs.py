r"""The nearest matrices of rank one to many blocks of two columns, in closed form.

A rotation of the plane turns one of its axes to where the rows of a block have the most energy. With the Gram matrix
[[a, b], [b*, d]] its angle is half that of :math:`a - d + 2i|b|`, after the second column was multiplied by the phase of b*.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import reduce
from math import prod
from operator import add

import numpy as np
from numpy.typing import DTypeLike

from igc_theory.kernels.arrays import Array

__all__ = ["squared_norm", "truncated_pairs"]

_CHUNK = 2**16
"""Entries worked on at a time: they stay in the processor's nearer cache from pass to pass."""

_NEARLY = 1e-9
"""Distance of a block from rank one, relative to its norm, up to which one pass over its rows will do: squared it is rounding."""

_TINY = float(np.finfo(np.float64).tiny)
"""Below it numbers count as zero: NumPy divides a complex number by the inverse, which overflows."""


def truncated_pairs(
    pairs: Callable[[slice], Array], shape: tuple[int, ...], left: Array | None = None
) -> tuple[Array, float]:
    """Find the factors of the nearest matrix of rank one to each block.

    Parameters
    ----------
    pairs : callable
        From a range of rows to these rows of side by side p blocks, shape (..., rows, p, 2), real or complex.
    shape : tuple of int, (..., m, p)
        The rows are m.
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
    >>> left, blocks = np.empty((3, 1)), np.array([[[3.0, 4.0]], [[6.0, 8.0]], [[4.0, -3.0]]])
    >>> right, lost = truncated_pairs(blocks.__getitem__, (3, 1), left)
    >>> right.round(12), left[:2, 0].round(12), round(lost)
    (array([[0.6, 0.8]]), array([ 5., 10.]), 25)
    """
    chunks = _chunks(pairs, shape)
    rows, first = next(chunks)
    sums, directions, rotated = _COMPLEX if first.dtype.kind == "c" else _REAL
    start = sums(first)
    if rows.stop >= shape[-2]:
        return _written([(rows, first)], directions(start), rotated, left)
    if first.dtype.kind == "c" and _one_direction(start):
        found = _refined(_chunks(pairs, shape), directions(start), left)
        if found is not None:
            return found
    right = directions(reduce(add, (sums(chunk) for _, chunk in chunks), start))
    return _written(_chunks(pairs, shape), right, rotated, left)


def _written(
    chunks: Iterable[tuple[slice, Array]],
    right: Array,
    rotated: Callable[[Array, Array], tuple[Array, Array]],
    left: Array | None,
) -> tuple[Array, float]:
    """Write the left factors, and return the right ones and the squared distance."""
    lost = 0.0
    for rows, chunk in chunks:
        along, across = rotated(chunk, right)
        lost += squared_norm(across)
        if left is not None:
            left[..., rows, :] = along
    return right, lost


def _chunks(pairs: Callable[[slice], Array], shape: tuple[int, ...]) -> Iterator[tuple[slice, Array]]:
    """Yield some rows of all blocks at a time, in double precision and without gaps."""
    rows = shape[-2]
    step = max(1, _CHUNK * rows // (2 * prod(shape)))
    for start in range(0, rows, step):
        chunk = pairs(slice(start, start + step))
        yield slice(start, start + step), np.ascontiguousarray(chunk, np.result_type(chunk, np.float64))


def _refined(chunks: Iterator[tuple[slice, Array]], right: Array, left: Array | None) -> tuple[Array, float] | None:
    """Return the right factors near given ones and the squared distance, in one pass; None if a block's rank is not nearly one.

    Let the distance be a part ε of a block. Then the angle to its right factor is of that order, and its left factor changes
    by a part ε².
    """
    energy, lost, product = np.zeros((3, *right.shape[:-1]), right.dtype)
    for rows, chunk in chunks:
        along, across = _complex_rotated(chunk, right)
        energy += _energies(along)
        lost += _energies(across)
        if (lost.real > _NEARLY**2 * energy.real).any():
            return None
        product += np.vecdot(along.mT, across.mT)
        if left is not None:
            left[..., rows, :] = along
    (x, y), angle = np.moveaxis(right, -1, 0), product / np.where(energy.real > _TINY, energy, 1)
    turned = right + angle[..., None] * np.stack([-y.conj(), x.conj()], axis=-1)
    return turned, float(np.maximum((lost - np.abs(angle) ** 2 * energy).real, 0).sum())


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
    """Return a - d, b and a + d, shape (3, ..., p)."""
    a, d = np.moveaxis(_energies(rows.reshape(*rows.shape[:-2], -1)).reshape(*rows.shape[:-3], -1, 2), -1, 0)
    return np.stack([a - d, np.vecdot(*np.moveaxis(rows, (-1, -3), (0, -1))), a + d])


def _energies(columns: Array) -> Array:
    """Return the sum of the squared moduli of each of n complex columns, shape (..., m, n)."""
    parts = columns.view(np.float64)
    squares: Array = np.einsum("...mk,...mk->...k", parts, parts)
    return squares[..., 0::2] + squares[..., 1::2]


def _complex_directions(sums: Array) -> Array:
    difference, b, _ = sums
    size = np.abs(b)
    turn = _half_turn(2 * size, difference.real, np.complex128)
    some = size > _TINY
    turn[..., 1] *= np.where(some, b, 1) / np.where(some, size, 1)
    return turn


def _one_direction(sums: Array) -> bool:
    """Return whether the rows of each block are nearly parallel: whether (a - d)² + 4|b|² is nearly (a + d)²."""
    difference, b, total = sums
    return bool((difference.real**2 + 4 * np.abs(b) ** 2 >= (1 - _NEARLY) * total.real**2).all())


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
