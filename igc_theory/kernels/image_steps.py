"""A group convolution of one image as steps, each of them some branches or some rows, with no matrix of all patches.

The columns of the window are copied side by side, as shifted planes, with the zeros around the image where there are any. Then one
matrix product takes all rows of the window, or some of a high one, each at every row of the image. What it gives is added row by
row, where it belongs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from math import prod
from typing import NamedTuple

import numpy as np

from igc_theory.kernels.arrays import Array
from igc_theory.kernels.caches import cache_bytes
from igc_theory.kernels.products.planning.matrix_products import multiply

__all__ = ["Step", "image_steps", "sides_behind"]

Pair = tuple[int, int]
Step = Callable[[Array, Array], None]
Places = tuple[int | slice, ...]

NO_RIMS = (0, 0), (0, 0)

PANEL = 8
"""Panels of work in second caches: larger ones are read again from afar, smaller ones cost calls."""

LARGE = 2**21
"""Bytes of a second cache in which planes are better kept: with less, smaller panels would cost more calls than they save."""

FEWEST_COLUMNS = 256
"""Output positions in a band: matrix products of fewer columns are inefficient."""

NARROW = 4
"""Channels of a branch up to which there is little to multiply, so that copies count; measured, and only speed depends on it."""

APART = 80
"""Entries between two arrays of one buffer: at a distance of a power of two they would fall onto the same cache sets."""


def image_steps(
    kernel: Array,
    groups: int,
    stride: Pair,
    size: Pair,
    *,
    rims: Sequence[Pair] = NO_RIMS,
    parts: int = 1,
    work: list[Array] | None = None,
) -> list[Step]:
    """Return steps that together write the convolution of an image, to be called ``step(image, out)``.

    Parameters
    ----------
    kernel : ndarray, shape (C_out, C_in / groups, kh, kw)
        Weights, of the type that image and result have.
    groups, stride :
        As in `convolve`.
    size : (int, int)
        Rows and columns of the images; both they and the results are C-contiguous.
    rims : ((int, int), (int, int)), default none
        Zeros above and below, left and right of an image.
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
    sides = [side + sum(rim) for side, rim in zip(size, rims, strict=True)]
    height, width = sides_behind((sides[0], sides[1]), (kh, kw), stride)
    narrow = max(in_width, out_width) <= NARROW and cache_bytes(2) >= LARGE
    held = cache_bytes(2) // 3 if narrow else PANEL * cache_bytes(2)  # a third: image and result are there, too
    panel = held // kernel.itemsize // (width * (in_width * kw * stride[0] + out_width * kh))
    rows = min(max(panel, -(-FEWEST_COLUMNS // width)), -(-height // -(-parts // groups)))
    branches = max(1, min(panel // height, groups // parts)) if rows == height else 1
    taps = kernel.reshape(groups, out_width, in_width, kh, kw).transpose(0, 3, 1, 2, 4)
    taps = taps.reshape(groups, kh, out_width, in_width * kw)
    bands = [
        (
            band,
            _shifts(
                (kh, kw),
                stride,
                (band.start * stride[0] - rims[0][0], -rims[1][0]),
                size,
                (band.stop - band.start + (kh - 1) // stride[0], width),
            ),
        )
        for band in _cuts(height, rows)
    ]
    # The last parts are the largest: first made, they find the buffer that the others keep to.
    steps = [
        _step(taps[some], stride[0], some, band, width, shifts, work)
        for some in reversed(_cuts(groups, branches))
        for band, shifts in reversed(bands)
    ]
    return steps[::-1]


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


class _Shifts(NamedTuple):
    """How the planes that the columns of a window see are copied: places in them, and in the image; and which places are zero.

    Planes have the axes C, kw, phase, row, column. Where `flat`, rows and columns of planes and images are one axis.
    """

    columns: int
    copies: list[tuple[Places, Places]]
    zeros: list[Places]
    flat: bool


def _shifts(window: Pair, stride: Pair, corner: Pair, size: Pair, sides: Pair) -> _Shifts:
    """Return how planes of given sides are copied from an image of a size; `corner` is the first pixel that is seen."""
    (kh, kw), (down, right), (top, left), (height, side), (tall, width) = window, stride, corner, size, sides
    flat, every = stride == (1, 1) and width == side, slice(None)
    copies: list[tuple[Places, Places]] = []
    zeros: list[Places] = []
    for phase in range(min(down, kh)):
        rows = _within(top + phase, down, height, tall)
        zeros += [(every, every, phase, outside) for outside in _outside(rows, tall)]
        read = _read(top + phase, down, rows)
        for v in range(kw):
            cols = _within(left + v, right, side, width)
            zeros += [(every, v, phase, rows, outside) for outside in _outside(cols, width)]
            if rows.start == rows.stop or cols.start == cols.stop:
                continue
            if not flat:
                copies.append(((every, v, phase, rows, cols), (every, read, _read(left + v, right, cols))))
                continue
            # Rows lie one after the other, so that a shift of the plane is a later start; what wraps around is cleared.
            start, stop = (row * side + left + v for row in (read.start, read.stop))
            first, last = max(start, 0), min(stop, height * side)
            target = slice(rows.start * width + first - start, rows.stop * width + last - stop)
            copies.append(((every, v, phase, target), (every, slice(first, last))))
    return _Shifts(kw, copies, zeros, flat)


def _within(first: int, stride: int, size: int, count: int) -> slice:
    """Return which of so many places, a stride apart, lie within a side of an image."""
    start = min(max(0, -(first // stride)), count)
    return slice(start, max(start, min(count, -(-(size - first) // stride))))


def _outside(inside: slice, count: int) -> list[slice]:
    """Return the other places, before and behind."""
    return [part for part in (slice(0, inside.start), slice(inside.stop, count)) if part.start < part.stop]


def _read(first: int, stride: int, places: slice) -> slice:
    """Return where places lie in the image."""
    start = first + places.start * stride
    return slice(start, max(start, first + (places.stop - 1) * stride + 1), stride)


class _Views(NamedTuple):
    """What a step works on, in its own memory: the planes to copy and to clear, and for each product operands, result and terms."""

    copies: list[tuple[Array, Places]]
    zeros: list[Array]
    products: list[tuple[Array, Array, Array, list[Array]]]


def _views(taps: Array, down: int, rows: int, width: int, shifts: _Shifts, work: list[Array] | None) -> _Views:
    """Return what is copied and multiplied for some branches and rows; `taps` has shape (branches, kh, outputs, inputs * kw).

    With a stride, rows of the image that are so far apart go together, and so do rows of the window. So many of these are
    multiplied at once that at most a third of the products go unused.
    """
    (branches, kh, outputs, seen), phases = taps.shape, min(down, len(taps[0]))
    size, together = (rows + (kh - 1) // down) * width, max(1, min(-(-kh // down), rows // 2))
    shapes = (branches, seen, phases, size), (branches, together * outputs, (rows + together - 1) * width)
    columns, results = _arrays(work, taps.dtype, *shapes)
    by_channel = columns.reshape(-1, shifts.columns, phases, size)
    planes = by_channel.reshape(*by_channel.shape[:3], -1, width)
    target, products = by_channel if shifts.flat else planes, []
    for phase in range(phases):
        for first in range(0, -(-(kh - phase) // down), together):
            own = taps[:, phase + first * down : phase + (first + together) * down : down]
            count = own.shape[1]
            part = columns[:, :, phase, first * width : (first + count - 1 + rows) * width]
            result = results[:, : count * outputs, : part.shape[2]]
            terms = [result[:, k * outputs : (k + 1) * outputs, k * width : (k + rows) * width] for k in range(count)]
            products.append((own.reshape(branches, -1, seen), part, result, terms))
    copies = [(target[written], read) for written, read in shifts.copies]
    return _Views(copies, [planes[place] for place in shifts.zeros], products)


def _step(
    taps: Array, down: int, some: slice, band: slice, width: int, shifts: _Shifts, work: list[Array] | None
) -> Step:
    """Return the step for some branches and a band of rows; its views are made once, if there is a buffer to keep."""
    outputs, seen = taps.shape[2:]
    channels = seen // shifts.columns
    inputs, places = slice(some.start * channels, some.stop * channels), slice(band.start * width, band.stop * width)
    views = partial(_views, taps, down, band.stop - band.start, width, shifts)
    kept = None if work is None else views(work)

    def step(image: Array, out: Array) -> None:
        copies, zeros, products = kept or views(None)
        source = (image.reshape(len(image), -1) if shifts.flat else image)[inputs]
        for plane, read in copies:
            plane[...] = source[read]
        for plane in zeros:
            plane[...] = 0
        target = out.reshape(-1, outputs, out.shape[1] * width)[some, :, places]
        _multiply(products, target)

    return step


def _multiply(products: list[tuple[Array, Array, Array, list[Array]]], target: Array) -> None:
    """Write the sum of the terms in all products."""
    for k, (blocks, part, result, terms) in enumerate(products):
        if k == 0 and len(terms) == 1:
            multiply(blocks, part, target)
            continue
        multiply(blocks, part, result)
        first, second, *others = terms if k == 0 else [target, *terms]
        np.add(first, second, out=target)
        for term in others:
            np.add(target, term, out=target)
