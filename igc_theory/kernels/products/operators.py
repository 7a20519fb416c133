"""SciPy's linear operators, opened only to operands that fit: its own messages name neither the operand nor the shapes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse.linalg import LinearOperator

from igc_theory.kernels.arrays import Array, numbers

__all__ = ["CheckedOperator"]


class CheckedOperator(LinearOperator):
    """A linear operator that names the operand and both shapes when it does not fit; so do its adjoint and its transpose."""

    def matvec(self, x: Any) -> Any:
        """Return the operator times a vector ``(columns,)``."""
        return super().matvec(_operand("x", x, self.shape[1], columns=False))

    def matmat(self, X: Any) -> Any:
        """Return the operator times a matrix ``(columns, N)``."""
        return super().matmat(_operand("X", X, self.shape[1], columns=True))

    def rmatvec(self, x: Any) -> Any:
        """Return the adjoint times a vector ``(rows,)``."""
        return super().rmatvec(_operand("x", x, self.shape[0], columns=False))

    def rmatmat(self, X: Any) -> Any:
        """Return the adjoint times a matrix ``(rows, N)``."""
        return super().rmatmat(_operand("X", X, self.shape[0], columns=True))

    def dot(self, x: Any) -> Any:
        """Return the operator times a vector, a matrix or another operator; or scaled by a number."""
        if isinstance(x, LinearOperator):
            return super().dot(_operator("x", x, self.shape[1]))
        if isinstance(x, (int, float, complex, np.number, np.bool_)):
            return super().dot(numbers("x", x)[()])
        array = _operand("x", x, self.shape[1], columns=False, either=True)
        return self.matvec(array) if array.ndim == 1 else self.matmat(array)

    def __matmul__(self, other: Any) -> Any:
        if isinstance(other, LinearOperator):
            return self.dot(other)
        return self.dot(_operand("x", other, self.shape[1], columns=False, either=True))

    def __add__(self, other: Any) -> Any:
        return super().__add__(_operator("other", other, *self.shape) if isinstance(other, LinearOperator) else other)

    def __rmul__(self, x: Any) -> Any:
        return super().__rmul__(numbers("x", x)[()] if np.isscalar(x) else x)

    def _adjoint(self) -> LinearOperator:
        return _Adjoint(self, conjugate=False)

    def _transpose(self) -> LinearOperator:
        return _Adjoint(self, conjugate=True)


class _Adjoint(CheckedOperator):
    """The adjoint of an operator or, conjugated, its transpose."""

    def __init__(self, of: CheckedOperator, *, conjugate: bool) -> None:
        self._of, self._conjugate = of, conjugate
        super().__init__(of.dtype, of.shape[::-1])  # type: ignore[call-arg]  # the stubs know __new__ only

    def _matmat(self, X: Array) -> Array:
        return np.asarray(self._of.rmatmat(X.conj())).conj() if self._conjugate else np.asarray(self._of.rmatmat(X))

    def _rmatmat(self, X: Array) -> Array:
        return np.asarray(self._of.matmat(X.conj())).conj() if self._conjugate else np.asarray(self._of.matmat(X))

    def _rmatvec(self, x: Array) -> Array:
        return self._rmatmat(x.reshape(-1, 1))[:, 0]

    def _adjoint(self) -> LinearOperator:
        return super()._adjoint() if self._conjugate else self._of

    def _transpose(self) -> LinearOperator:
        return self._of if self._conjugate else super()._transpose()


def _operator(name: str, other: LinearOperator, rows: int, columns: int | None = None) -> LinearOperator:
    """Return another operator that has the rows, and the columns if they are given, that this one asks for."""
    if other.shape[0] != rows or columns not in (None, other.shape[1]):
        expected = f"({rows}, {columns or 'N'})"
        raise ValueError(f"{name} has shape {other.shape}, but the operator takes {expected}: give one of that shape")
    return other


def _operand(name: str, x: ArrayLike, rows: int, *, columns: bool, either: bool = False) -> Array:
    """Return `x` as an array of numbers of shape (rows,) or (rows, 1), or (rows, N) if there are columns, or either."""
    array = numbers(name, x)
    fits = array.shape[:1] == (rows,) and array.ndim <= 2
    if not fits or (columns and array.ndim < 2) or not (columns or either or array.size == rows):
        expected = f"({rows}, N)" if columns else f"({rows},) or ({rows}, N)" if either else f"({rows},)"
        way_out = f"give {rows} entries per column" if array.ndim < 3 else "for images call product.convolve"
        raise ValueError(f"{name} has shape {array.shape}, but the operator takes {expected}: {way_out}")
    return np.ascontiguousarray(array)  # in another memory order the BLAS may round otherwise
