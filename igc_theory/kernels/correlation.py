"""The arithmetic of group convolutions on many images at once: arrays (C, H, W, N), or (C, H, W) for one image.

Nothing is checked here beyond what the arithmetic itself needs; the public functions check before they call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from math import prod

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from igc_theory.kernels.arrays import Array
from igc_theory.kernels.image_steps import image_steps
from igc_theory.kernels.threads import one_blas_thread, run_together, threads_for
from igc_theory.structure.arguments.kinds import shown
from igc_theory.structure.arguments.numbers import positive_int
from igc_theory.structure.permutations import ChannelPermutation

__all__ = [
    "Padding",
    "Pair",
    "correlate",
    "correlate_adjoint",
    "diagonal_blocks",
    "padded",
    "permuted",
    "rims_of",
    "windows",
]

Pair = tuple[int, int]
MOST_PADDING = 2**8
"""Zeros on a side; behind those of a window's own size, outputs see nothing but zeros."""

MOST_PIXELS = 2**27
"""Entries of a padded image, and of its patches where they are returned: a gigabyte in double precision."""

BAND = 2**24
"""Entries of the patches that are unfolded at a time: 128 megabytes in double precision."""

Padding = str | int | tuple[int, int]


@one_blas_thread()
def correlate(x: Array, kernel: Array, groups: int, stride: Pair) -> Array:
    """Return the group convolution without padding, shape (C_out, H_out, W_out, N).

    Examples
    --------
    >>> correlate(np.ones((4, 5, 5, 7)), np.ones((6, 2, 3, 3)), groups=2, stride=(1, 2)).shape
    (6, 3, 2, 7)
    """
    columns, blocks = windows(x, kernel.shape[2:], stride), diagonal_blocks(kernel, groups)
    result = np.empty((len(kernel), *columns.shape[3:]), np.result_type(x, kernel))
    threads = threads_for(kernel.size * (result.size // len(kernel)))
    if columns.shape[5] == 1 and _unfolds_less(columns, kernel, x.shape[1]):
        image = np.ascontiguousarray(x.reshape(x.shape[:3]), result.dtype)
        kernel = kernel.astype(result.dtype, copy=False)
        steps = image_steps(kernel, groups, stride, (image.shape[1], image.shape[2]), parts=_parts(threads))
        tasks: list[Callable[[], object]] = [partial(step, image, result[..., 0]) for step in steps]
    else:
        tasks = _products(blocks, columns, result, _parts(threads))
    run_together(tasks, threads, "convolving")
    return result


def _parts(threads: int) -> int:
    """Return how many tasks are made for threads: a few for each, so that none waits long for the last."""
    return 1 if threads == 1 else 4 * threads


def _unfolds_less(columns: Array, kernel: Array, height: int) -> bool:
    """Return whether an image's windows (C, kh, kw, H, W, 1) are better not copied as they are, but row by row of the window."""
    channels, kh, kw, rows, width, _ = columns.shape
    if columns.flags.c_contiguous or rows * width == 1:
        return False  # nothing is copied
    by_rows = kernel.size * (kh > 1) * 2 + channels * kw * height * width + (kh - 1) * len(kernel) * rows * width
    return bool(by_rows < columns.size)


def _products(blocks: Array, columns: Array, result: Array, parts: int) -> list[Callable[[], object]]:
    """Return tasks that write the blocks times the patches (C, kh, kw, H, W, N) into a result (C_out, H, W, N)."""
    height, shape = columns.shape[3], (*blocks.shape[::2], -1)
    target = result.reshape(*blocks.shape[:2], -1)
    try:
        # A window of one pixel, or of the whole image, makes this a view.
        patches = columns.reshape(shape, copy=False)
    except ValueError:
        rows = min(max(1, BAND * height // columns.size), -(-height // parts))
        return [partial(_unfolded, blocks, columns, result, slice(k, k + rows)) for k in range(0, height, rows)]
    cuts = np.linspace(0, patches.shape[2], parts + 1).astype(int)
    return [partial(np.matmul, blocks, patches[..., a:b], out=target[..., a:b]) for a, b in pairwise(cuts) if a < b]


def _unfolded(blocks: Array, columns: Array, result: Array, band: slice) -> None:
    """Write a band of rows of the blocks times the patches."""
    patches = columns[:, :, :, band].reshape(*blocks.shape[::2], -1)
    target = result.reshape(*blocks.shape[:2], *result.shape[1:])[:, :, band]
    target[...] = np.matmul(blocks, patches).reshape(target.shape)


@one_blas_thread()
def correlate_adjoint(y: Array, kernel: Array, groups: int, stride: Pair) -> Array:
    """Return the adjoint of `correlate` at `y` (C_out, H_out, W_out, N), onto the smallest images (C_in, H, W, N).

    Examples
    --------
    >>> correlate_adjoint(np.ones((6, 3, 2, 7)), np.ones((6, 2, 3, 3)), groups=2, stride=(1, 2)).shape
    (4, 5, 5, 7)
    """
    (_, height, width, batch), (down, right), window = y.shape, stride, kernel.shape[2:]
    blocks = diagonal_blocks(kernel, groups).conj().swapaxes(1, 2)
    columns = np.matmul(blocks, y.reshape(groups, len(kernel) // groups, height * width * batch))
    columns = columns.reshape(groups * kernel.shape[1], *window, height, width, batch)
    rows, cols = (height - 1) * down + window[0], (width - 1) * right + window[1]
    x = np.zeros((groups * kernel.shape[1], rows, cols, batch), columns.dtype)
    for u, v in np.ndindex(*window):
        x[:, u : u + down * height : down, v : v + right * width : right] += columns[:, u, v]
    return x


def permuted(permutation: ChannelPermutation, x: Array) -> Array:
    """Return `x` with its first axis in the new order; for an interleaving no index list is made.

    Examples
    --------
    >>> from igc_theory import interleave
    >>> permuted(interleave(2, 3), np.arange(6))
    array([0, 3, 1, 4, 2, 5])
    """
    if permutation.interleaved is None:
        return permutation(x)
    return x.reshape(*permutation.interleaved, *x.shape[1:]).swapaxes(0, 1).reshape(x.shape)


def diagonal_blocks(kernel: Array, groups: int) -> Array:
    """Return the blocks on the diagonal, shape (groups, C_out / groups, C_in / groups * S): a view."""
    return kernel.reshape(groups, len(kernel) // groups, kernel[0].size)


def windows(x: Array, window: Sequence[int], stride: Pair) -> Array:
    """Return the windows of images (C, H, W, N) as a view of shape (C, kh, kw, H_out, W_out, N)."""
    images = x if x.ndim == 4 else x[..., np.newaxis]
    if images.shape[1] < window[0] or images.shape[2] < window[1]:
        raise ValueError(
            f"the window {tuple(window)} is larger than the padded image {images.shape[1:3]}: "
            'give a larger image, a smaller window, or padding="same"'
        )
    view = sliding_window_view(images, (window[0], window[1]), axis=(1, 2))
    return view[:, :: stride[0], :: stride[1]].transpose(0, 4, 5, 1, 2, 3)


def padded(image: Array, window: Sequence[int], padding: Padding) -> Array:
    """Return an image (C, H, W) with zeros around it."""
    return np.pad(image, [(0, 0), *rims_of(image.shape, window, padding)])


def rims_of(shape: Sequence[int], window: Sequence[int], padding: Padding) -> list[Pair]:
    """Return the zeros before and after along the two axes of an image of shape (C, H, W), and refuse very many.

    Examples
    --------
    >>> rims_of((3, 8, 8), (3, 2), "same")
    [(1, 1), (0, 1)]
    """
    rims = [_rim(padding, axis, side) for axis, side in enumerate(window)]
    sides = (side + sum(rim) for side, rim in zip(shape[1:], rims, strict=True))
    asked = f"the entries of image for kernel_size={shown(tuple(window))} with padding={shown(padding)}"
    positive_int(asked, shape[0] * prod(sides), maximum=MOST_PIXELS, beyond="use a smaller window or image")
    return rims


def _rim(padding: Padding, axis: int, side: int) -> Pair:
    """Return the zeros before and after along one axis, for a window of length `side`."""
    if isinstance(padding, str):
        if padding == "same":
            return (side - 1) // 2, side // 2
        if padding == "valid":
            return 0, 0
        raise ValueError(f'padding={shown(padding)} is unknown: give "same", "valid", an integer or a pair of integers')
    way_out = f'give "same", "valid", an integer or a pair of integers from 0 to {MOST_PADDING}'
    if not isinstance(padding, (tuple, list)):
        rim = positive_int("padding", padding, minimum=0, maximum=MOST_PADDING, way_out=way_out)
    elif len(padding) == 2:
        rim = positive_int(f"padding[{axis}]", padding[axis], minimum=0, maximum=MOST_PADDING, way_out=way_out)
    else:
        raise ValueError(f"padding={shown(padding)} has {len(padding)} entries, not 2: {way_out}")
    return rim, rim
