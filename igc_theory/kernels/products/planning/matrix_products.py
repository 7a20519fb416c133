"""Products of stacked matrices: NumPy's, or those of Intel's MKL where the extra ``mkl`` is installed and they are faster.

NumPy's wheels bring OpenBLAS and call it for one matrix after the other. MKL takes a whole stack, and copies less of it. Which of
them is faster depends on processor, sizes and strides, and is measured.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache, partial
from importlib import metadata
from math import prod
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from igc_theory.kernels.arrays import Array
from igc_theory.kernels.products.planning.seconds import CLEARLY, least_seconds

__all__ = ["multiply", "stacked_product"]

LEAST = 2**14
"""Multiply-adds of each matrix of a stack from which it is measured whether MKL is faster."""

MEASURED = 2**22
"""Multiply-adds of what is timed for that."""

WORTH_PREPARING = 2**20
"""Multiply-adds of each matrix of a stack that is multiplied once, from which MKL is prepared for it; measured."""

ROW_MAJOR, UNCHANGED, SEQUENTIAL, SAME_EVERYWHERE = 101, 111, 1, 2
"""Constants of MKL: rows lie in memory one after the other, no matrix is transposed, one thread, and the same digits wherever an
array lies in memory."""

Form = tuple[tuple[int, ...], tuple[int, ...]]
"""Shape and strides of a stack."""

_NAMES = {"f": "sgemm", "d": "dgemm", "F": "cgemm", "D": "zgemm"}


def multiply(blocks: Array, source: Array, out: Array) -> None:
    """Write the products of stacked matrices into `out`; all have the same leading axes and the same type.

    Parameters
    ----------
    blocks : ndarray, shape (..., m, k)
        Left operands.
    source : ndarray, shape (..., k, n)
        Right operands.
    out : ndarray, shape (..., m, n)
        Where the products go; it overlaps neither operand.

    Examples
    --------
    >>> out = np.empty((2, 1, 3))
    >>> multiply(np.ones((2, 1, 4)), np.ones((2, 4, 3)), out)
    >>> out.tolist()
    [[[4.0, 4.0, 4.0]], [[4.0, 4.0, 4.0]]]
    """
    large = prod((*blocks.shape[-2:], source.shape[-1])) >= WORTH_PREPARING
    if large and (function := _by_mkl(blocks, source, out)):
        function(source, out)
    else:
        np.matmul(blocks, source, out=out)


def stacked_product(blocks: Array, source: Array, out: Array) -> Callable[..., object]:
    """Return what multiplies stacked matrices of these shapes and strides, to be called ``function(source, out=out)``.

    What `source` and `out` hold, and where they begin in memory, does not matter yet. Two calls may not run at the same time.

    Examples
    --------
    >>> source, out = np.ones((2, 4, 3)), np.empty((2, 1, 3))
    >>> double = stacked_product(np.full((2, 1, 4), 0.5), source, out)
    >>> _ = double(source, out=out)
    >>> out.tolist()
    [[[2.0, 2.0, 2.0]], [[2.0, 2.0, 2.0]]]
    """
    return _by_mkl(blocks, source, out) or partial(np.matmul, blocks)


def _by_mkl(blocks: Array, source: Array, out: Array) -> Callable[..., object] | None:
    """Return what multiplies by MKL; None where MKL is missing, or not faster."""
    gemm, work = _gemm(blocks.dtype.char), prod((*blocks.shape[-2:], source.shape[-1]))
    if gemm is None or work < LEAST or not _fits(blocks, source, out):
        return None
    few = [_few(stack, max(1, MEASURED // work)) for stack in (blocks, source, out)]
    faster = _is_faster(blocks.dtype.char, *((stack.shape, stack.strides) for stack in few))
    return _prepared(gemm, blocks, source, out) if faster else None


def _few(stack: Array, count: int) -> Array:
    """Return some of the matrices of a stack, one behind the other along its longest axis."""
    stacked = stack.shape[:-2] or (1,)
    longest = stacked.index(max(stacked))
    places = (slice(count) if axis == longest else 0 for axis in range(len(stacked)))
    return stack[*places] if stack.ndim > 2 else stack[None]


@cache
def _is_faster(kind: str, *forms: Form) -> bool:
    """Return whether MKL is to multiply stacks of these shapes and strides; measured once.

    It takes clearly less time than NumPy, or for large matrices not clearly more.

    OpenBLAS has quick ways for small matrices on some processors alone, so that no size parts the two on all of them.
    """
    left, right, out = (_filled(kind, *form) for form in forms)
    gemm = _gemm(kind)
    if gemm is None:
        return False
    by_mkl = partial(_prepared(gemm, left, right, out), right, out=out)
    seconds = least_seconds({"NumPy": partial(np.matmul, left, right, out=out), "MKL": by_mkl})
    large = prod((*left.shape[-2:], right.shape[-1])) >= WORTH_PREPARING
    # Many large matrices come from memory and not, as here, from the cache. Then MKL gains by what it does not copy.
    return seconds["MKL"] * (CLEARLY if large else 1 / CLEARLY) < seconds["NumPy"]


def _filled(kind: str, shape: tuple[int, ...], strides: tuple[int, ...]) -> Array:
    """Return ones of a shape, with these strides in memory of their own."""
    last = sum((length - 1) * stride for length, stride in zip(shape, strides, strict=True)) // np.dtype(kind).itemsize
    stack = as_strided(np.empty(last + 1, kind), shape, strides)
    stack[...] = 1
    return stack


def _prepared(gemm: Callable[..., Any], blocks: Array, source: Array, out: Array) -> Callable[..., Any]:
    """Return what multiplies by MKL, its arguments made for operands of these shapes and strides."""
    offsets = [_offsets(stack) for stack in (blocks, source, out)]
    places = [offset + _address(stack) for offset, stack in zip(offsets, (blocks, source, out), strict=True)]
    rows = [stack.strides[-2] // stack.itemsize for stack in (blocks, source, out)]
    sizes = np.array([UNCHANGED, *blocks.shape[-2:], source.shape[-1], *rows, len(places[0])], np.int32)
    scales = np.array([1, 0], blocks.dtype)
    unchanged, m, k, n, *of_rows, count = (ctypes.c_void_p(_address(sizes[i:])) for i in range(len(sizes)))
    once, before, *stacks = (ctypes.c_void_p(_address(array)) for array in (scales, scales[1:], *places))
    (a, b, c), (a_row, b_row, c_row) = stacks, of_rows
    arguments = ROW_MAJOR, unchanged, unchanged, m, n, k, once, a, a_row, b, b_row, before, c, c_row, 1, count
    begins = [0, 0]

    def multiplied(source: Array, out: Array, kept: Any = (blocks, sizes, scales)) -> None:
        for i, address in enumerate((_address(source), _address(out))):
            if begins[i] != address:
                np.add(offsets[i + 1], address, out=places[i + 1])
                begins[i] = address
        gemm(*arguments)

    return multiplied


def _fits(*stacks: Array) -> bool:
    """Return whether MKL can read and write the matrices where they are: row by row."""
    item = stacks[0].itemsize
    rows = [(a.strides[-2], a.strides[-1], a.shape[-1]) for a in stacks]
    return all(near == item and far >= item * length and not far % item for far, near, length in rows)


def _address(array: Array) -> int:
    address: int = array.__array_interface__["data"][0]  # a third of the time that array.ctypes takes
    return address


def _offsets(stack: Array) -> Array:
    """Return the bytes from the first matrix of a stack to each of them."""
    offsets = np.zeros(1, np.int64)
    for length, stride in zip(stack.shape[:-2], stack.strides[:-2], strict=True):
        offsets = np.add.outer(offsets, stride * np.arange(length)).ravel()
    return offsets


@cache
def _gemm(kind: str) -> Callable[..., object] | None:
    """Return MKL's function for a type of numbers; None if there is none."""
    library = _mkl()
    return getattr(library, f"cblas_{_NAMES[kind]}_batch") if library and kind in _NAMES else None


@cache
def _mkl() -> ctypes.CDLL | None:
    """Return MKL as the package of that name installs it, held to one thread; None if it is not there, or has more already."""
    try:
        files = metadata.files("mkl") or []
    except metadata.PackageNotFoundError:
        return None
    path = next((file.locate() for file in files if file.name.startswith(("libmkl_rt.", "mkl_rt."))), None)
    try:
        library = ctypes.CDLL(str(path)) if path else None
    except OSError:
        return None
    if library is None or library.MKL_Set_Threading_Layer(SEQUENTIAL) != SEQUENTIAL:
        return None
    library.MKL_CBWR_Set(SAME_EVERYWHERE)
    return library
