"""Validators of the arrays of this room, and the one form of their error messages."""

from __future__ import annotations

from math import frexp
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from igc_theory.structure.arguments.kinds import kind_of, shown
from igc_theory.structure.arguments.numbers import branches_of, positive_int
from igc_theory.structure.arguments.sequences import array_of

__all__ = ["Array", "exponent_of", "finite", "float_type", "image_of", "kernel_of", "numbers"]

Array = NDArray[Any]
_NUMBERS = (np.generic, float, complex)


def numbers(name: str, value: ArrayLike) -> Array:
    """Return `value` as an array of float32, float64, complex64 or complex128, without copying where it already is one.

    Integers and booleans become float64 (exact to 2**53) and half precision float32: products of small integers would
    otherwise wrap around silently.

    Raises
    ------
    TypeError
        If the entries are not numbers, or of extended precision, which the BLAS does not know.

    Examples
    --------
    >>> numbers("kernel", [[1, 2], [3, 4]]).dtype
    dtype('float64')
    >>> numbers("kernel", ["a"])
    Traceback (most recent call last):
    ...
    TypeError: kernel has dtype <U1: give real or complex numbers, float32, float64, complex64 or complex128
    """
    array = array_of(name, value)
    if array.dtype.kind in "biu":
        return array.astype(np.float64)
    if array.dtype == np.float16:
        return array.astype(np.float32)
    if array.dtype.char not in "fdFD":
        single = array.ndim == 0 and not isinstance(value, (np.ndarray, np.generic))
        what = f"{name}={shown(value)} is {kind_of(value)}" if single else f"{name} has dtype {array.dtype}"
        raise TypeError(f"{what}: give real or complex numbers, float32, float64, complex64 or complex128")
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def float_type(name: str, dtype: DTypeLike | None) -> np.dtype[Any]:
    """Return `dtype` as one of the four types that products compute in; only a string, a class or a dtype names one.

    Examples
    --------
    >>> float_type("dtype", "f4")
    dtype('float32')
    >>> float_type("dtype", int)
    Traceback (most recent call last):
    ...
    TypeError: dtype=<class 'int'> is not a type to compute in: give float32, float64, complex64 or complex128
    """
    try:
        # NumPy would also take None for float64, and whatever has an attribute `dtype`: an array, a number.
        names = isinstance(dtype, (str, np.dtype)) or (isinstance(dtype, type) and issubclass(dtype, _NUMBERS))
        kind = np.dtype(dtype if names else object).newbyteorder("=")
    except (TypeError, ValueError, SyntaxError):  # the last of a string with thousands of digits
        kind = np.dtype(object)
    if kind.char not in "fdFD":
        raise TypeError(
            f"{name}={shown(dtype)} is not a type to compute in: give float32, float64, complex64 or complex128"
        )
    return kind


def finite(name: str, array: Array) -> Array:
    """Return `array` if all its entries are finite; name the first that is not.

    Examples
    --------
    >>> import numpy as np
    >>> finite("kernel", np.array([[1.0, np.nan]]))
    Traceback (most recent call last):
    ...
    ValueError: kernel[0, 1]=nan is not finite: replace NaN and infinite entries first
    """
    good = np.isfinite(array)
    if not good.all():
        where = np.unravel_index(np.argmin(good), array.shape)
        index = ", ".join(str(int(axis)) for axis in where)
        raise ValueError(f"{name}[{index}]={array[where]} is not finite: replace NaN and infinite entries first")
    return array


def exponent_of(array: Array) -> int:
    """Return the exponent of the power of two by which to divide an array so that its largest entry is from 1 to 2; 0 for zeros.

    Examples
    --------
    >>> exponent_of(np.array([-5.0, 3.0])), exponent_of(np.array([np.finfo(float).max])), exponent_of(np.zeros(2))
    (2, 1023, 0)
    """
    parts = (array.real, array.imag) if array.dtype.kind == "c" else (array,)
    peak = max(float(side) for part in parts for side in (part.max(), -part.min()))
    return frexp(peak)[1] - 1 if peak else 0


def image_of(image: ArrayLike, channels: int | None = None, groups: int | None = None) -> Array:
    """Return an image as an array of numbers with three axes and, if given, the channels that a kernel with `groups` reads."""
    array = numbers("image", image)
    if array.ndim != 3 or 0 in array.shape:
        raise ValueError(
            f"image has shape {array.shape}, not (C_in, H, W): give three axes, none of them empty "
            "(image[None] makes a channel axis; images of a batch are convolved one by one)"
        )
    if channels is not None and len(array) != channels:
        branched = "" if groups is None else f" with groups={groups}"
        raise ValueError(
            f"image has {len(array)} channels, the kernel{branched} reads {channels}: give an image of {channels}"
        )
    return array


def kernel_of(kernel: ArrayLike, groups: int) -> tuple[Array, int]:
    """Return a kernel as an array with four axes of finite numbers, and its branches as a Python int."""
    tensor, groups = finite("kernel", numbers("kernel", kernel)), positive_int("groups", groups)
    if tensor.ndim != 4 or 0 in tensor.shape:
        raise ValueError(
            f"kernel has shape {tensor.shape}, not (C_out, C_in/groups, kh, kw): give four axes, none of them empty "
            "(kernel_tensor makes one from a matrix)"
        )
    branches_of(len(tensor), groups, "the kernel's output channels")
    return tensor, groups
