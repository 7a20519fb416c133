"""The public oracle: it passes what is right, and names what is wrong."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import random_array
from scipy.sparse.linalg import LinearOperator

from igc_theory.kernels import check_operator, random_product
from tests.kernels import blocks

A = np.random.default_rng(1).standard_normal((5, 7))


def operator(**parts):
    """The operator of A with some of its parts replaced."""
    own = {"matvec": lambda x: A @ x, "rmatvec": lambda y: A.T @ y, "matmat": lambda X: A @ X, "dtype": float}
    return LinearOperator(A.shape, **(own | parts))


class WithMatrix(LinearOperator):
    """The operator of A that believes to be another one."""

    def __init__(self):
        super().__init__(np.dtype(float), A.shape)

    def _matvec(self, x):
        return A @ x

    def _rmatvec(self, y):
        return A.T @ y

    def matrix(self):
        return A + 1e-6


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128])
@pytest.mark.parametrize("chain", blocks.NAMED.values(), ids=blocks.NAMED)
def test_every_named_block_passes(chain, dtype):
    found = check_operator(random_product(chain, np.random.default_rng(2), dtype), np.random.default_rng(3))
    assert found.matrix is not None
    assert max(found) < (1e-5 if np.finfo(dtype).precision < 10 else 1e-13)


def test_other_peoples_operators_pass():
    rng = np.random.default_rng(4)
    for op in (
        operator(),
        A,
        A + 1j * A,
        random_array((6, 4), density=0.5, rng=rng),
        np.ones((2, 3), int),
        np.zeros((3, 2)),
    ):
        assert check_operator(op, rng).matrix is None


def clobber(x):
    result = A @ x
    x[:] = 0
    return result


@pytest.mark.parametrize(
    ("op", "sentence"),
    [
        (operator(matvec=lambda x: A @ x + 1), r"linearity.* fails by"),
        (operator(matvec=lambda x: A @ np.abs(x)), r"linearity.* fails by"),
        (operator(matmat=lambda X: A @ X[:, ::-1]), "matmat with matvec fails by"),
        (operator(rmatvec=lambda y: -(A.T @ y)), "adjoint identity .* fails by"),
        (
            operator(rmatvec=lambda y: (1 + 1e-9) * (A.T @ y)),
            "adjoint identity .* fails by 5.6e-10, more than rtol=1.8e-12",
        ),
        (operator(matvec=lambda x: np.full(5, np.nan)), "fails by nan"),
        (WithMatrix(), r"agreement with \.matrix\(\) fails by"),
        (operator(matvec=clobber), "changed its operand"),
    ],
)
def test_broken_promises_are_named(op, sentence):
    with pytest.raises(AssertionError, match=sentence):
        check_operator(op, np.random.default_rng(5))


def test_the_transpose_of_a_complex_matrix_is_not_its_adjoint():
    B = A * (1 + 1j)
    op = LinearOperator(B.shape, matvec=lambda x: B @ x, rmatvec=lambda y: B.T @ y, dtype=complex)
    with pytest.raises(AssertionError, match="adjoint identity"):
        check_operator(op, np.random.default_rng(6))


def test_the_tolerance_can_be_chosen():
    slightly = operator(rmatvec=lambda y: (1 + 1e-6) * (A.T @ y))
    assert check_operator(slightly, np.random.default_rng(7), rtol=1e-5).adjoint > 1e-9


def test_what_is_no_operator_is_refused():
    rng = np.random.default_rng(8)
    with pytest.raises(TypeError, match="op='A' is a str, not a linear operator"):
        check_operator("A", rng)
    for what in (
        np.float64,
        np.int8(3),
        np.str_("A"),
        np.ones((2, 2, 2)),
        np.ones((2, 2, 2, 2)),
    ):  # SciPy 1.18 takes them
        with pytest.raises(TypeError, match="not a linear operator"):
            check_operator(what, rng)
    with pytest.raises(TypeError, match="op has no adjoint: give it rmatvec"):
        check_operator(LinearOperator((2, 2), matvec=lambda x: x, dtype=float), rng)
    with pytest.raises(TypeError, match=r"rng=8 is an int: give numpy\.random\.default_rng"):
        check_operator(A, 8)
