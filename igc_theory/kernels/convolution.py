r"""A convolution is one matrix.

An image has shape ``(C_in, H, W)``. Around every output position lies a patch of ``C_in * S`` activations, `S` the area
of the window; a convolution is a matrix `W` of shape ``(C_out, C_in * S)`` times that vector. All positions together:

.. math:: Y = W X, \qquad X ∈ R^{C_{in} S × H_{out} W_{out}}.

Kernels have the order of PyTorch and ONNX, ``(C_out, C_in / groups, kh, kw)``; the columns of `W` run over channels
first, then `kh`, then `kw`. "Convolution" means cross-correlation, as in PyTorch and ONNX.

*Padding*, in all functions: ``"valid"`` is none; an int or a pair (vertical, horizontal) is that many zeros on both sides.
``"same"`` puts ``(k - 1) // 2`` zeros before and ``k // 2`` after along an axis of window `k`, whatever the stride. Along an
axis of length `n` with stride `s` there are then ``ceil(n / s)`` outputs; the padding is symmetric for odd windows and
one longer at the end for even ones.

*NaN*: a kernel must be finite, since one bad weight spoils every position. An image may hold NaN or infinite pixels
(missing values): they reach the outputs whose window and branch contain them and no others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import csr_array, get_index_dtype

from igc_theory.kernels.arrays import Array, finite, image_of, kernel_of, numbers
from igc_theory.kernels.correlation import MOST_PIXELS, Padding, Pair, correlate, diagonal_blocks, padded, windows
from igc_theory.structure.arguments.kinds import shown
from igc_theory.structure.arguments.numbers import positive_int
from igc_theory.structure.arguments.sequences import MOST_AREA, window_of

__all__ = ["convolution_matrix", "convolve", "image_shape_of", "kernel_matrix", "kernel_tensor", "patches"]

Shape = tuple[int, int, int]


def kernel_matrix(kernel: ArrayLike, groups: int = 1) -> Array:
    """Return the matrix of a kernel tensor: block-diagonal, a block per branch.

    Parameters
    ----------
    kernel : array_like, shape (C_out, C_in / groups, kh, kw)
        Finite weights.
    groups : int, default 1
        Branches; divides `C_out`.

    Returns
    -------
    ndarray, shape (C_out, C_in * kh * kw)
        New array; columns run over channels first, then `kh`, then `kw`.

    Raises
    ------
    TypeError, ValueError
        If the kernel is not such a tensor of finite numbers or `groups` does not divide its output channels.

    Examples
    --------
    Six channels and a 5×5 window: 900 weights. Two groups of three: 450, and the rest of the matrix is zero.

    >>> import numpy as np
    >>> kernel_matrix(np.ones((6, 6, 5, 5))).shape
    (6, 150)
    >>> int(np.count_nonzero(kernel_matrix(np.ones((6, 3, 5, 5)), groups=2)))
    450
    """
    tensor, groups = kernel_of(kernel, groups)
    blocks = diagonal_blocks(tensor, groups)
    _, out_width, row = blocks.shape
    matrix = np.zeros((groups, out_width, groups, row), tensor.dtype)
    branch = np.arange(groups)
    matrix[branch, :, branch] = blocks
    return matrix.reshape(groups * out_width, groups * row)


def kernel_tensor(matrix: ArrayLike, kernel_size: int | Pair) -> Array:
    """Return the kernel tensor of a matrix: the inverse of `kernel_matrix`.

    Parameters
    ----------
    matrix : array_like, shape (C_out, C_in * kh * kw)
        Finite numbers.
    kernel_size : int or (int, int)
        The window ``(kh, kw)``.

    Returns
    -------
    ndarray, shape (C_out, C_in, kh, kw)
        New array.

    Raises
    ------
    TypeError, ValueError
        If it is not a matrix of finite numbers whose columns the window's area divides.

    Examples
    --------
    >>> import numpy as np
    >>> kernel_tensor(np.arange(72.0).reshape(2, 36), kernel_size=3).shape
    (2, 4, 3, 3)
    >>> kernel_tensor(np.ones((2, 10)), kernel_size=3)
    Traceback (most recent call last):
    ...
    ValueError: matrix has 10 columns, not a multiple of the window's area 9: give C_in*9 columns or another kernel_size
    """
    array, (height, width) = finite("matrix", numbers("matrix", matrix)), window_of("kernel_size", kernel_size)
    if array.ndim != 2 or 0 in array.shape:
        raise ValueError(f"matrix has shape {array.shape}, not (C_out, C_in*kh*kw): give two axes, none of them empty")
    if array.shape[1] % (height * width):
        raise ValueError(
            f"matrix has {array.shape[1]} columns, not a multiple of the window's area {height * width}: "
            f"give C_in*{height * width} columns or another kernel_size"
        )
    return array.reshape(len(array), -1, height, width).copy()


def patches(image: ArrayLike, kernel_size: int | Pair, stride: int | Pair = 1, padding: Padding = "same") -> Array:
    """Return the patches of an image as columns, so that a convolution is ``kernel_matrix(kernel) @ patches(…)``.

    Parameters
    ----------
    image : array_like, shape (C_in, H, W)
        Real or complex numbers.
    kernel_size, stride : int or (int, int)
        Window and step, (vertical, horizontal).
    padding : "same", "valid", int or (int, int), default "same"
        See the head of this module.

    Returns
    -------
    ndarray, shape (C_in * kh * kw, H_out * W_out)
        A column per output position, in reading order.

    Raises
    ------
    TypeError, ValueError
        If the image has another rank or is empty, or the window does not fit into the padded image.

    Examples
    --------
    Four channels and a 3×3 window make a vector of 36 activations at each of the 8×8 positions.

    >>> import numpy as np
    >>> patches(np.ones((4, 8, 8)), 3).shape
    (36, 64)
    """
    window = window_of("kernel_size", kernel_size, most_area=MOST_AREA)
    columns = windows(padded(image_of(image), window, padding), window, window_of("stride", stride))
    asked = f"the entries of image's patches, with kernel_size={shown(kernel_size)} and padding={shown(padding)},"
    positive_int(asked, columns.size, maximum=MOST_PIXELS, beyond="use convolve, a stride, or smaller ones")
    return columns.reshape(columns.shape[0] * window[0] * window[1], -1).copy()


def convolve(
    image: ArrayLike, kernel: ArrayLike, groups: int = 1, stride: int | Pair = 1, padding: Padding = "same"
) -> Array:
    r"""Return the (group) convolution of an image: cross-correlation, summed over the channels of a branch.

    .. math:: y_{o,p,q} = \sum_{i ∈ g(o)} \sum_{u,v} k_{o,i,u,v}\, x_{i,\,ps+u,\,qs+v}

    Parameters
    ----------
    image : array_like, shape (C_in, H, W)
        Real or complex numbers.
    kernel : array_like, shape (C_out, C_in / groups, kh, kw)
        Finite weights.
    groups : int, default 1
        Branches.
    stride : int or (int, int), default 1
        Step between output positions, (vertical, horizontal).
    padding : "same", "valid", int or (int, int), default "same"
        See the head of this module.

    Returns
    -------
    ndarray, shape (C_out, H_out, W_out)

    Raises
    ------
    TypeError, ValueError
        If image and kernel do not fit each other, or the window does not fit into the padded image.

    Examples
    --------
    >>> import numpy as np
    >>> convolve(np.ones((1, 3, 4)), np.ones((1, 1, 3, 3)))[0].astype(int)
    array([[4, 6, 6, 4],
           [6, 9, 9, 6],
           [4, 6, 6, 4]])
    >>> convolve(np.ones((4, 8, 8)), np.ones((6, 2, 3, 3)), groups=2, stride=2).shape
    (6, 4, 4)
    """
    tensor, groups = kernel_of(kernel, groups)
    full = padded(image_of(image, tensor.shape[1] * groups, groups), tensor.shape[2:], padding)
    return correlate(full, tensor, groups, window_of("stride", stride))[..., 0]


def convolution_matrix(
    kernel: ArrayLike,
    image_shape: Sequence[int],
    groups: int = 1,
    stride: int | Pair = 1,
    padding: Padding = "same",
) -> csr_array[Any]:
    """Return the operator of a convolution on whole images, as a sparse matrix.

    ``convolution_matrix(kernel, image.shape, …) @ image.ravel()`` is ``convolve(image, kernel, …).ravel()``.

    Parameters
    ----------
    kernel : array_like, shape (C_out, C_in / groups, kh, kw)
        Finite weights; zeros are stored like the others.
    image_shape : (int, int, int)
        ``(C_in, H, W)``.
    groups, stride, padding
        As in `convolve`.

    Returns
    -------
    scipy.sparse.csr_array, shape (C_out * H_out * W_out, C_in * H * W)
        At most ``kernel.size * H_out * W_out`` entries; less than that where the window overlaps the padding.

    Raises
    ------
    TypeError, ValueError
        As in `convolve`.

    Examples
    --------
    >>> import numpy as np
    >>> operator = convolution_matrix(np.ones((6, 2, 3, 3)), (4, 8, 8), groups=2, padding="valid")
    >>> operator.shape, operator.nnz == 6 * 2 * 9 * 36
    ((216, 256), True)
    """
    tensor, groups = kernel_of(kernel, groups)
    channels, height, width = image_shape_of(
        image_shape, tensor.shape[1] * groups, f"the kernel with groups={groups}", 2**24, "use convolve"
    )
    out_channels, in_width, *window = tensor.shape
    # Patches of the pixels' own numbers (counted from 1, so that the padding is 0) say which columns a row touches.
    pixels = np.arange(1, height * width + 1).reshape(1, height, width)
    touched = windows(padded(pixels, window, padding), window, window_of("stride", stride))
    touched = touched.reshape(window[0] * window[1], -1).T
    entries = "the entries of the matrix for kernel, image_shape, stride and padding"
    positive_int(entries, tensor.size * len(touched), maximum=MOST_PIXELS, beyond="use convolve")
    position, channel, offset = np.nonzero(np.repeat(touched[:, np.newaxis], in_width, axis=1))
    columns = channel * height * width + touched[position, offset] - 1
    first = np.arange(groups).repeat(out_channels // groups) * in_width * height * width
    counts = np.tile(np.bincount(position, minlength=len(touched)), out_channels)
    shape = out_channels * len(touched), channels * height * width
    index = get_index_dtype(maxval=max(*shape, out_channels * columns.size))
    return csr_array(
        (
            tensor.reshape(out_channels, -1)[:, channel * touched.shape[1] + offset].ravel(),
            (first[:, np.newaxis] + columns).astype(index).ravel(),
            np.concatenate([[0], np.cumsum(counts)]).astype(index),
        ),
        shape=shape,
    )


def image_shape_of(image_shape: Sequence[int], channels: int, reader: str, maximum: int, beyond: str) -> Shape:
    """Return an image's shape as three Python ints, the first of them the `channels` that `reader` reads."""
    if not isinstance(image_shape, (tuple, list)) or len(image_shape) != 3:
        raise ValueError(f"image_shape={shown(image_shape)} is not a triple: give (C_in, H, W)")
    first, height, width = (positive_int(f"image_shape[{axis}]", side) for axis, side in enumerate(image_shape))
    positive_int("the entries of image_shape", first * height * width, maximum=maximum, beyond=beyond)
    if first != channels:
        raise ValueError(f"image_shape[0]={first} channels, {reader} reads {channels}: give an image of {channels}")
    return first, height, width
