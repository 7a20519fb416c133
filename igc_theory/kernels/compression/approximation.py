"""What every way of removing redundancy returns: a matrix, what it costs, and how far it is from the kernel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import wraps
from html import escape
from typing import Concatenate, ParamSpec

import numpy as np
from numpy.typing import ArrayLike

from igc_theory.kernels.arrays import Array, exponent_of, finite, numbers

__all__ = ["REAL_BITS", "Approximation", "approximation", "at_any_scale", "index_bits", "real_matrix"]

Arguments = ParamSpec("Arguments")

ORDINARY = 32
"""Kernels whose largest entry is from 2**-32 to 2**32 are taken as they are: their squares fit into single precision."""

REAL_BITS = 32
"""Bits of a number that is stored as it is: a weight, a scale, an entry of a code book."""


@dataclass(frozen=True, eq=False, repr=False)
class Approximation:
    r"""A matrix near a kernel, and what it costs.

    Attributes
    ----------
    family : str
        The kind of matrix, such as ``"low rank"``.
    setting : str
        Which one of its kind, such as ``"rank 10"``.
    matrix : ndarray, shape (C_out, C_in * S)
        Read-only.
    storage_bits : int
        Bits that describe it: weights, scales, indices, code books and channel orders. A real number takes 32.
    multiply_adds : int
        Multiply–adds for each output position.
    additions : int
        Additions without a multiplication, for each output position.
    relative_error : float
        :math:`‖K - W‖_F / ‖K‖_F`; 0 for a zero kernel.
    dense_bits : int
        Bits of the kernel itself.

    Examples
    --------
    >>> import numpy as np
    >>> from igc_theory.kernels import low_rank
    >>> low_rank(np.diag([3.0, 2, 1]), rank=1)
    Approximation(low rank, rank 1: relative error 0.5976, 192 bits (66.7%), 6 multiply–adds)
    """

    family: str
    setting: str
    matrix: Array
    storage_bits: int
    multiply_adds: int
    additions: int
    relative_error: float

    @property
    def name(self) -> str:
        """Family and setting."""
        return f"{self.family}, {self.setting}" if self.setting else self.family

    @property
    def dense_bits(self) -> int:
        """Bits of the kernel itself."""
        return REAL_BITS * int(self.matrix.size)

    def __repr__(self) -> str:
        return f"Approximation({self.sentence})"

    def _repr_html_(self) -> str:
        return f"<p>{escape(self.sentence)}</p>"

    def __str__(self) -> str:
        return self.sentence

    @property
    def sentence(self) -> str:
        """Name, error, storage and arithmetic in words."""
        additions = f" and {self.additions:,} additions" if self.additions else ""
        return (
            f"{self.name}: relative error {self.relative_error:.4g}, {self.storage_bits:,} bits "
            f"({self.storage_bits / self.dense_bits:.1%}), {self.multiply_adds:,} multiply–adds{additions}"
        )


def real_matrix(matrix: ArrayLike) -> Array:
    """Return `matrix` as a matrix of finite real numbers, row by row in memory: sums do not depend on the caller's order.

    Examples
    --------
    >>> real_matrix([[1, 2]])
    array([[1., 2.]])
    >>> real_matrix([1, 2])
    Traceback (most recent call last):
    ...
    ValueError: matrix has shape (2,), not (C_out, C_in * S): give two axes, none of them empty (kernel_matrix makes one)
    """
    array = numbers("matrix", matrix)
    if array.ndim != 2 or 0 in array.shape:
        raise ValueError(
            f"matrix has shape {array.shape}, not (C_out, C_in * S): give two axes, none of them empty "
            "(kernel_matrix makes one)"
        )
    if array.dtype.kind == "c":
        raise TypeError(
            f"matrix has dtype {array.dtype}: low precision and pruning are for real weights, so give real ones"
        )
    return finite("matrix", np.ascontiguousarray(array))


def at_any_scale(
    approximate: Callable[Concatenate[Array, Arguments], Approximation],
) -> Callable[Concatenate[ArrayLike, Arguments], Approximation]:
    """Let a function see its matrix at an ordinary magnitude, for sums of squares overflow or vanish at others.

    The matrix is checked here, divided by a power of two, which is exact, and what comes back is multiplied by it.
    """

    @wraps(approximate)
    def rescaled(matrix: ArrayLike, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Approximation:
        """Approximate a matrix at an ordinary scale, and bring the result back to its own."""
        kernel = real_matrix(matrix)
        exponent = exponent_of(kernel) // 2 * 2  # even, so that square roots scale exactly too
        if abs(exponent) <= ORDINARY:
            return approximate(kernel, *args, **kwargs)
        found = approximate(ordinary := np.ldexp(kernel, -exponent), *args, **kwargs)
        with np.errstate(over="ignore"):
            result = np.ldexp(found.matrix, exponent)
        if not np.isfinite(result).all():
            raise ValueError("matrix has entries so large that the approximation's exceed them: give matrix / 2")
        result.setflags(write=False)
        error = _relative_error(ordinary, np.ldexp(result, -exponent))  # the smallest numbers have few digits
        return replace(found, matrix=result, relative_error=error)

    return rescaled  # type: ignore[return-value]  # its first argument may be given by name too


def approximation(
    family: str, setting: str, kernel: Array, matrix: Array, bits: int, multiply_adds: int, additions: int = 0
) -> Approximation:
    """Return the approximation of a kernel by a matrix, with its relative error."""
    matrix = np.array(matrix, dtype=kernel.dtype)
    matrix.setflags(write=False)
    error = _relative_error(kernel, matrix)
    return Approximation(family, setting, matrix, int(bits), int(multiply_adds), int(additions), error)


def _relative_error(kernel: Array, matrix: Array) -> float:
    norm = float(np.linalg.norm(kernel.astype(np.float64)))
    return float(np.linalg.norm(kernel.astype(np.float64) - matrix)) / norm if norm else 0.0


def index_bits(choices: int) -> int:
    """Return the bits that name one of this many choices.

    Examples
    --------
    >>> [index_bits(choices) for choices in (1, 2, 3, 4, 5)]
    [0, 1, 2, 2, 3]
    """
    return (choices - 1).bit_length()
