"""Pruning a kernel: single entries, N of M neighbours, whole filters or input channels.

Each is a set of matrices. A function takes a kernel as its matrix (C_out, C_in * S). It returns the member of the set that is
nearest in the Frobenius norm, with its storage and arithmetic.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from igc_theory.kernels.arrays import Array
from igc_theory.kernels.compression.approximation import (
    REAL_BITS,
    Approximation,
    approximation,
    at_any_scale,
    index_bits,
)
from igc_theory.structure.arguments.kinds import shown
from igc_theory.structure.arguments.numbers import branches_of, positive_int
from igc_theory.structure.arguments.sequences import window_of

__all__ = ["input_channels", "prune", "prune_channels", "prune_filters", "prune_n_m", "pruned_bits"]

Window = int | tuple[int, int]


@at_any_scale
def prune_filters(matrix: Array, keep: int) -> Approximation:
    """Return the kernel with its strongest outputs only, the others set to zero: filter pruning.

    Parameters
    ----------
    matrix : array_like, shape (C_out, C_in * S)
    keep : int
        Outputs kept: those whose kernels have the largest norms, which is optimal.

    Returns
    -------
    Approximation

    Raises
    ------
    TypeError, ValueError
        If the matrix is not one, or `keep` exceeds its rows.

    Examples
    --------
    >>> prune_filters([[3, 0], [0, 4]], 1).matrix
    array([[0., 0.],
           [0., 4.]])
    """
    rows = len(matrix)
    keep = positive_int("keep", keep)
    kept = _strongest(np.linalg.norm(matrix, axis=1), keep, "outputs")
    storage = REAL_BITS * keep * matrix.shape[1] + min(rows, keep * index_bits(rows))
    setting = f"{keep} of {rows} outputs"
    return approximation("filter pruning", setting, matrix, matrix * kept[:, None], storage, keep * matrix.shape[1])


@at_any_scale
def prune_channels(matrix: Array, keep: int, *, kernel_size: Window = 1) -> Approximation:
    """Return the kernel with its strongest inputs only: channel pruning.

    Parameters
    ----------
    matrix : array_like, shape (C_out, C_in * S)
    keep : int
        Inputs kept: those whose columns have the largest norms, which is optimal.
    kernel_size : int or (int, int), default 1
        The window: an input has `S` neighbouring columns.

    Returns
    -------
    Approximation

    Raises
    ------
    TypeError, ValueError
        If the matrix is not one, its columns are no multiple of S, or `keep` exceeds the inputs.

    Examples
    --------
    >>> prune_channels([[3, 0], [0, 4]], 1).relative_error
    0.6
    """
    (channels, area), keep = input_channels(matrix, kernel_size), positive_int("keep", keep)
    norms = np.linalg.norm(matrix.reshape(len(matrix), channels, area), axis=(0, 2))
    kept = np.repeat(_strongest(norms, keep, "inputs"), area)
    storage = REAL_BITS * keep * area * len(matrix) + min(channels, keep * index_bits(channels))
    return approximation(
        "channel pruning", f"{keep} of {channels} inputs", matrix, matrix * kept, storage, keep * area * len(matrix)
    )


@at_any_scale
def prune(matrix: Array, keep: float) -> Approximation:
    """Return the kernel with its largest entries only: unstructured sparsity.

    Parameters
    ----------
    matrix : array_like, shape (C_out, C_in * S)
    keep : int or float
        Entries kept: a number of them, or a float from 0 to 1 for a share. The largest in size, which is optimal.

    Returns
    -------
    Approximation
        Where the entries are is stored in the cheaper of two ways: a bit for every position; or row pointers, and a column index
        for every entry.

    Raises
    ------
    TypeError, ValueError
        If the matrix is not one, or `keep` is not such a number.

    Examples
    --------
    >>> prune([[3, 0], [1, 4]], 2).matrix
    array([[3., 0.],
           [0., 4.]])
    >>> prune([[3, 0], [1, 4]], 0.25).storage_bits
    36
    """
    kept = _strongest(np.abs(matrix).ravel(), _entries(keep, matrix.size), "entries").reshape(matrix.shape)
    count = int(kept.sum())
    rows, columns = matrix.shape
    setting = f"{count / matrix.size:.1%} of the entries"
    return approximation("pruned", setting, matrix, matrix * kept, pruned_bits(rows, columns, count), count)


def pruned_bits(rows: int, columns: int, count: int) -> int:
    """Return the bits of a matrix with this many entries: the numbers, and the cheaper way to say where they are.

    Examples
    --------
    >>> pruned_bits(8, 12, 48), pruned_bits(8, 12, 3)
    (1632, 140)
    """
    return REAL_BITS * count + min(rows * columns, count * index_bits(columns) + rows * index_bits(columns + 1))


@at_any_scale
def prune_n_m(matrix: Array, n: int = 2, m: int = 4) -> Approximation:
    """Return the kernel with the `n` largest of every `m` neighbouring entries of a row: N:M pruning, 2:4 by default.

    Parameters
    ----------
    matrix : array_like, shape (C_out, C_in * S)
    n, m : int, default 2 and 4
        `m` divides the columns. Keeping the largest in size is optimal.

    Returns
    -------
    Approximation
        An entry kept needs ``ceil(log2(m))`` bits for its place, as in the format that GPUs read.

    Raises
    ------
    TypeError, ValueError
        If the matrix is not one, or the numbers do not fit.

    Examples
    --------
    >>> prune_n_m([[3, -5, 1, 4]]).matrix
    array([[ 0., -5.,  0.,  4.]])
    """
    n, m = positive_int("n", n), positive_int("m", m)
    if n > m:
        raise ValueError(f"n={n} exceeds m={m}: keep at most all entries of a group")
    if matrix.shape[1] % m:
        raise ValueError(f"m={m} does not divide the {matrix.shape[1]} columns of matrix: pad them, or use a divisor")
    groups = np.abs(matrix).reshape(-1, m)
    order = np.argsort(-groups, axis=1, kind="stable")
    mask = np.zeros(groups.shape, bool)
    np.put_along_axis(mask, order[:, :n], True, axis=1)
    count = matrix.size // m * n
    storage = count * (REAL_BITS + index_bits(m))
    return approximation(f"{n}:{m} pruned", "", matrix, matrix * mask.reshape(matrix.shape), storage, count)


def input_channels(kernel: Array, kernel_size: Window) -> tuple[int, int]:
    """Return the input channels of a matrix and the area of the window.

    Examples
    --------
    >>> input_channels(np.ones((4, 18)), 3)
    (2, 9)
    """
    height, width = window_of("kernel_size", kernel_size)
    area = height * width
    if kernel.shape[1] % area:
        raise ValueError(
            f"kernel_size={shown(kernel_size)} does not fit the {kernel.shape[1]} columns of matrix: they are not a multiple "
            f"of {area}"
        )
    return branches_of(kernel.shape[1], area, "columns"), area


def _strongest(sizes: Array, keep: int, what: str) -> NDArray[np.bool_]:
    """Return which of the entries are kept, the `keep` largest; the first of equals."""
    keep = positive_int("keep", keep)
    if keep > sizes.size:
        raise ValueError(f"keep={keep} exceeds the {sizes.size} {what} of matrix: keep at most all")
    mask = np.zeros(sizes.size, bool)
    mask[np.argsort(-sizes, kind="stable")[:keep]] = True
    return mask


def _entries(keep: float, size: int) -> int:
    """Return the number of entries that a number or a share stands for."""
    if not isinstance(keep, (float, np.floating)):
        return positive_int(
            "keep", keep, way_out="give a number of entries, or a float from 0 to 1 for a share of them"
        )
    if not 0 < keep <= 1:
        raise ValueError(
            f"keep={keep} is not a share: give a float above 0 and at most 1, or an integer number of entries"
        )
    return max(1, round(float(keep) * size))
