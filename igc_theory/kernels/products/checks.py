"""A public oracle for linear operators: are they linear, with the adjoint and the matrix that they claim."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import norm
from scipy.sparse import issparse
from scipy.sparse.linalg import LinearOperator, aslinearoperator

from igc_theory.kernels.arrays import Array, finite, numbers
from igc_theory.structure.arguments.kinds import generator, kind_of, shown
from igc_theory.structure.arguments.numbers import real_number

__all__ = ["OperatorCheck", "check_operator"]


class OperatorCheck(NamedTuple):
    """Largest relative deviations that `check_operator` found; `matrix` is None for operators without ``.matrix()``.

    Attributes
    ----------
    linearity, columns, adjoint : float
        Of the three promises that every operator makes.
    matrix : float or None
        Of agreement with ``.matrix()``.

    Examples
    --------
    >>> import numpy as np
    >>> from igc_theory import igcv1
    >>> from igc_theory.kernels import random_product
    >>> found = check_operator(random_product(igcv1(4, 2), np.random.default_rng(0)), np.random.default_rng(1))
    >>> max(found) < 1e-12
    True
    """

    linearity: float
    columns: float
    adjoint: float
    matrix: float | None

    @property
    def sentence(self) -> str:
        """The largest deviation of each promise in words."""
        kept = ", ".join(f"{name} {value:.1e}" for name, value in self._asdict().items() if value is not None)
        return f"a linear operator, up to rounding: {kept}"

    def __str__(self) -> str:
        return self.sentence


def check_operator(op: Any, rng: np.random.Generator, rtol: float | None = None) -> OperatorCheck:
    r"""Check a linear operator with random vectors; raise if it breaks one of its promises.

    .. math::

        A(αx + z) = α\,Ax + Az, \qquad A[x, z] = [Ax, Az], \qquad ⟨Ax, y⟩ = ⟨x, A^H y⟩, \qquad Ax = M x

    linearity, agreement of ``matmat`` with ``matvec``, the adjoint identity (the "dot test" of geophysics), and agreement
    with ``op.matrix()`` where there is one. An operator that is wrong by more than `rtol` passes with negligible probability.
    Operands must come back unchanged.

    Parameters
    ----------
    op : LinearOperator, sparse or dense matrix, or anything that `scipy.sparse.linalg.aslinearoperator` takes
        The operator; it needs its adjoint (``rmatvec``). A matrix has finite entries.
    rng : numpy.random.Generator
        Source of randomness.
    rtol : float, optional
        Largest deviation allowed, relative to the norms of the vectors compared. The default is ``eps**0.75`` of the
        operator's type: 1.8e-12 for float64, 6.4e-6 for float32, far above rounding and far below a mistake.

    Returns
    -------
    OperatorCheck
        The deviations found.

    Raises
    ------
    AssertionError
        If a promise is broken: which, and by how much.
    TypeError, ValueError
        If `op` is not an operator or has no adjoint, or a matrix is not one of finite numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from igc_theory import igcv1
    >>> from igc_theory.kernels import random_product
    >>> rng = np.random.default_rng(0)
    >>> max(check_operator(random_product(igcv1(L=4, M=2), rng), rng)) < 1e-14
    True
    >>> from scipy.sparse.linalg import LinearOperator
    >>> check_operator(LinearOperator((2, 2), matvec=np.cumsum, rmatvec=np.cumsum, dtype=float), rng)
    Traceback (most recent call last):
    ...
    AssertionError: the adjoint identity <Ax, y> = <x, A^H y> fails by 4.4e-02, more than rtol=1.8e-12
    """
    A, rng = _as_operator(op), generator("rng", rng)
    inexact = A.dtype if np.issubdtype(A.dtype, np.inexact) else np.dtype(np.float64)
    tolerance = float(np.finfo(inexact).eps) ** 0.75 if rtol is None else real_number("rtol", rtol, least=0)
    x, z, alpha = _random(rng, A.shape[1], inexact), _random(rng, A.shape[1], inexact), _random(rng, 1, inexact)[0]
    y, kept = _random(rng, A.shape[0], inexact), x.copy()
    Ax, Az = A.matvec(x), A.matvec(z)
    found = OperatorCheck(
        linearity=_deviation(A.matvec(alpha * x + z), alpha * Ax + Az),
        columns=_deviation(A.matmat(np.stack([x, z], axis=1)), np.stack([Ax, Az], axis=1)),
        adjoint=_adjoint_deviation(A, x, Ax, y),
        matrix=_deviation(Ax, op.matrix() @ x) if hasattr(op, "matrix") else None,
    )
    if not np.array_equal(x, kept):
        raise AssertionError("the operator changed its operand: work on a copy")
    for deviation, promise in zip(found, _PROMISES, strict=True):
        # Written this way round, a NaN fails.
        if deviation is not None and not deviation <= tolerance:
            raise AssertionError(f"{promise} fails by {deviation:.1e}, more than rtol={tolerance:.1e}")
    return found


_PROMISES = (
    "linearity, A(alpha x + z) = alpha Ax + Az,",
    "agreement of matmat with matvec",
    "the adjoint identity <Ax, y> = <x, A^H y>",
    "agreement with .matrix()",
)


def _as_operator(op: Any) -> LinearOperator[Any]:
    """Return `op` as a SciPy linear operator; the entries of a matrix are checked, for one that is not finite keeps no promise."""
    sparse = issparse(op)
    entries: Any = op.tocoo().data if sparse else op
    if isinstance(entries, np.ndarray):
        finite("op", numbers("op", entries))
    # SciPy 1.18 takes numbers, types and stacks of matrices as well.
    is_matrix = sparse or (isinstance(op, np.ndarray) and op.ndim <= 2)
    try:
        if is_matrix or hasattr(op, "matvec"):
            return aslinearoperator(op)
    except Exception:  # a stranger's shape or dtype may raise anything
        pass
    raise TypeError(
        f"op={shown(op)} is {kind_of(op)}, not a linear operator: give a LinearOperator, or an object with shape, "
        "dtype, matvec and rmatvec"
    )


def _random(rng: np.random.Generator, size: int, dtype: np.dtype[Any]) -> Array:
    draw = rng.standard_normal(size)
    return (draw + 1j * rng.standard_normal(size) if dtype.kind == "c" else draw).astype(dtype)


def _norm(array: Array) -> float:
    """Return the norm of all entries by the BLAS, which scales them: squares of large numbers would overflow."""
    return float(norm(np.ravel(array), check_finite=False))


def _deviation(found: Array, expected: Array) -> float:
    """Return the norm of the difference, relative to the norm of what was expected."""
    scale = _norm(expected)
    return _norm(found - expected) / (scale if scale > 0 else 1.0)


def _adjoint_deviation(A: LinearOperator[Any], x: Array, Ax: Array, y: Array) -> float:
    """Return ``|<Ax, y> - <x, A^H y>|`` relative to the norms."""
    try:
        adjoint = A.rmatvec(y)
    except NotImplementedError:
        raise TypeError("op has no adjoint: give it rmatvec (or _adjoint)") from None
    scale = _norm(Ax) * _norm(y)
    return float(abs(np.vdot(y, Ax) - np.vdot(adjoint, x))) / (scale if scale > 0 else 1.0)
