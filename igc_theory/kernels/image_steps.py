"""A group convolution of one image as steps, each of them some branches or some rows, with no matrix of all patches.

Wide branches take one matrix product for each row of the window: the columns of the window are copied side by side, and its rows
are read where they are. Narrow ones take one product of all pixels of the window. What is copied are not the patches, row by
row, but shifted planes as a whole: some pixels more, and a few long copies.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import prod

import numpy as np
from numpy.lib.stride_tricks import as_strided, sliding_window_view

from igc_theory.kernels.arrays import Array
from igc_theory.kernels.caches import cache_bytes
from igc_theory.kernels.products.planning.matrix_products import multiply

__all__ = ["Step", "image_steps", "sides_behind"]

Pair = tuple[int, int]
Step = Callable[[Array, Array], None]

PANEL = 8
"""Panels of work in second caches: larger ones are read again from afar, smaller ones cost calls."""

LARGE = 2**21
"""Bytes of a second cache in which planes are better kept: with less, smaller panels would cost more calls than they save."""

FEWEST_COLUMNS = 256
"""Output positions in a band: matrix products of fewer columns are inefficient."""

NARROW, SMALL = 4, 16
"""Channels of a branch, and pixels of a window, up to which whole planes are copied; measured, and only speed depends on them."""

APART = 80
"""Entries between two arrays of one buffer: at a distance of a power of two they would fall onto the same cache sets."""


def image_steps(
    kernel: Array, groups: int, stride: Pair, size: Pair, *, parts: int = 1, work: list[Array] | None = None
) -> list[Step]:
    """Return steps that together write the convolution of an image, to be called ``step(image, out)``.

    Parameters
    ----------
    kernel : ndarray, shape (C_out, C_in / groups, kh, kw)
        Weights, of the type that image and result have.
    groups, stride :
        As in `convolve`; there is no padding.
    size : (int, int)
        Rows and columns of the images; both they and the results are C-contiguous.
    parts : int, default 1
        How many steps there should be at least, if there are rows and branches enough.
    work : list, optional
        Where a buffer is kept from call to call. Then no two steps may run at the same time; without, they may.

    Examples
    --------
    >>> image, out = np.ones((4, 5, 5)), np.empty((6, 3, 3))
    >>> for step in image_steps(np.ones((6, 2, 3, 3)), 2, (1, 1), (5, 5)):
    ...     step(image, out)
    >>> bool((out == 18).all())
    True
    """
    out_width, in_width, kh, kw = len(kernel) // groups, *kernel.shape[1:]
    height, width = sides_behind(size, (kh, kw), stride)
    flat = stride == (1, 1) and max(in_width, out_width) <= NARROW and kh * kw <= SMALL
    seen = size[1] * kh * kw * in_width if flat else width * kw * in_width * stride[0]
    held = cache_bytes(2) // 2 if flat and cache_bytes(2) >= LARGE else PANEL * cache_bytes(2)
    panel = held // kernel.itemsize // (seen + 2 * width * out_width)
    rows = min(max(panel, -(-FEWEST_COLUMNS // width)), -(-height // -(-parts // groups)))
    branches = max(1, min(panel // height, groups // parts)) if rows == height else 1
    taps = kernel.reshape(groups, out_width, in_width, kh, kw)
    if not flat:
        taps = np.ascontiguousarray(taps.transpose(0, 3, 1, 2, 4)).reshape(groups, kh, out_width, in_width * kw)
    write = _by_planes if flat else partial(_by_rows, stride)
    return [
        partial(write, taps[some], some, band, work) for some in _cuts(groups, branches) for band in _cuts(height, rows)
    ]


def sides_behind(size: Pair, window: Pair, stride: Pair) -> Pair:
    """Return the rows and columns of a convolution without padding.

    Examples
    --------
    >>> sides_behind((7, 8), (3, 2), (2, 1))
    (3, 7)
    """
    height, width = ((n - k) // s + 1 for n, k, s in zip(size, window, stride, strict=True))
    return height, width


def _cuts(length: int, width: int) -> list[slice]:
    """Return the fewest slices of at most that width, as equal as can be."""
    count = -(-length // width)
    return [slice(length * k // count, length * (k + 1) // count) for k in range(count)]


def _arrays(work: list[Array] | None, dtype: np.dtype[np.generic], *shapes: tuple[int, ...]) -> list[Array]:
    """Return uninitialized arrays, cut from the buffer kept in `work`, if there is one."""
    ends = [0]
    for shape in shapes:
        ends.append(ends[-1] + prod(shape) + APART)
    if work is None:
        buffer = np.empty(ends[-1], dtype)
    elif work and work[0].size >= ends[-1]:
        buffer = work[0]
    else:
        buffer = np.empty(ends[-1], dtype)
        work[:] = [buffer]
    return [buffer[a : b - APART].reshape(shape) for a, b, shape in zip(ends, ends[1:], shapes, strict=False)]


def _by_planes(taps: Array, some: slice, band: slice, work: list[Array] | None, image: Array, out: Array) -> None:
    """Write branches with one matrix product each; `taps` has shape (branches, outputs, inputs, kh, kw), the stride is 1.

    A plane lies in memory row by row, so a shift of it is a later start. The columns that wrap around are cut off at the end.
    """
    (branches, outputs, inputs, kh, kw), rows, side = taps.shape, band.stop - band.start, image.shape[2]
    image = image[some.start * inputs : some.stop * inputs, band.start : band.stop + kh - 1]
    pixels = rows * side - kw + 1
    columns, wide = _arrays(work, taps.dtype, (len(image), kh, kw, pixels), (branches, outputs, rows * side))
    columns[...] = as_strided(image, columns.shape, (*image.strides, image.itemsize))
    multiply(taps.reshape(branches, outputs, -1), columns.reshape(branches, -1, pixels), wide[:, :, :pixels])
    target = out[some.start * outputs : some.stop * outputs, band]
    target[...] = wide.reshape(-1, rows, side)[:, :, : out.shape[2]]


def _by_rows(
    stride: Pair, taps: Array, some: slice, band: slice, work: list[Array] | None, image: Array, out: Array
) -> None:
    """Write branches with one matrix product for each row of the window; `taps` has shape (branches, kh, outputs, inputs * kw)."""
    (branches, kh, outputs, seen), (down, right), rows = taps.shape, stride, band.stop - band.start
    width, inputs = out.shape[2], len(image) * branches // (len(out) // outputs)
    kw = seen * branches // inputs
    image = image[some.start * inputs // branches :][:inputs, band.start * down : (band.stop - 1) * down + kh]
    tall = rows + (kh - 1) // down
    columns, term = _arrays(
        work, taps.dtype, (inputs, kw, down, tall, width), (branches, outputs, rows * width) if kh > 1 else (0,)
    )
    views = sliding_window_view(image, kw, axis=2)[:, :, ::right].transpose(0, 3, 1, 2)
    for a in range(min(down, kh)):
        part = views[:, :, a::down]
        columns[:, :, a, : part.shape[2]] = part
    read = columns.reshape(branches, seen, down, tall * width)
    target = out.reshape(-1, outputs, out.shape[1] * width)[some, :, band.start * width : band.stop * width]
    for u in range(kh):
        start = u // down * width
        shifted = read[:, :, u % down, start : start + rows * width]
        multiply(taps[:, u], shifted, target, term if u else None)
