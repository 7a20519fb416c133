"""Stacked matrix products, through MKL or not, against NumPy's, wherever the matrices lie in memory."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest

from igc_theory.kernels import random_product
from igc_theory.kernels.products.planning import matrix_products, seconds
from igc_theory.kernels.products.planning.matrix_products import multiply, stacked_product
from igc_theory.structure import igcv1, igcv3
from tests.kernels import blocks

TYPES = {"f": np.float32, "d": np.float64, "F": np.complex64, "D": np.complex128}


def gemm_batch(kind):
    """Return MKL's cblas_?gemm_batch for one group, by its definition, number by number from addresses."""
    dtype = np.dtype(kind)

    def look(address, rows, columns, row):
        memory = (ctypes.c_char * (dtype.itemsize * ((rows - 1) * row + columns))).from_address(address)
        return np.ndarray((rows, columns), dtype, memory, strides=(row * dtype.itemsize, dtype.itemsize))

    def function(order, trans_a, trans_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc, groups, sizes):
        def one(kind, address):
            return np.ctypeslib.as_array(kind.from_address(address.value)).item()

        assert [order, groups, *(one(ctypes.c_int32, trans) for trans in (trans_a, trans_b))] == [101, 1, 111, 111]
        m, n, k, lda, ldb, ldc, count = (one(ctypes.c_int32, value) for value in (m, n, k, lda, ldb, ldc, sizes))
        scale, before = (look(value.value, 1, 1, 1)[0, 0] for value in (alpha, beta))
        places = ((ctypes.c_int64 * count).from_address(stack.value) for stack in (a, b, c))
        for left, right, target in zip(*places, strict=True):
            out = look(target, m, n, ldc)
            product = scale * (look(left, m, k, lda) @ look(right, k, n, ldb))
            out[...] = product + before * out if before else product
        calls.append(count)

    calls = function.calls = []
    return function


@pytest.fixture
def mkl(monkeypatch):
    """Put a program of MKL's definition in its place, also for small matrices."""
    functions = {kind: gemm_batch(kind) for kind in TYPES}
    monkeypatch.setattr(matrix_products, "_gemm", functions.get)
    monkeypatch.setattr(matrix_products, "_is_faster", lambda *sizes: True)
    for name in ("LEAST", "WORTH_PREPARING"):
        monkeypatch.setattr(matrix_products, name, 1)
    return functions


def stacks(kind, rng):
    """Yield blocks, operands and room for the result, in the layouts that plans have."""

    def numbers(*shape):
        return (rng.standard_normal(shape) + (1j * rng.standard_normal(shape) if kind in "FD" else 0)).astype(kind)

    yield numbers(3, 4, 5), numbers(3, 5, 7), numbers(3, 4, 7)
    yield numbers(4, 5), numbers(5, 7), numbers(4, 7)
    padded = numbers(6, 5, 9)[..., :7]
    yield numbers(6, 4, 5), padded, numbers(6, 4, 9)[..., :7]
    interleaved, written = numbers(5, 6, 9).transpose(1, 0, 2)[..., :7], numbers(4, 6, 9).transpose(1, 0, 2)[..., 1:8]
    yield numbers(6, 4, 5), interleaved, written
    yield numbers(2, 3, 4, 5), interleaved.reshape(2, 3, 5, 7), numbers(3, 2, 4, 7).transpose(1, 0, 2, 3)
    yield numbers(6, 5, 4).transpose(0, 2, 1), padded, numbers(6, 4, 7)  # MKL would need another call
    yield numbers(6, 4, 5), numbers(6, 7, 5).transpose(0, 2, 1), numbers(6, 4, 7)


@pytest.mark.parametrize("kind", TYPES)
def test_products_of_any_layout(kind, mkl):
    rng = np.random.default_rng(0)
    for left, right, out in stacks(kind, rng):
        expected = np.einsum("...mk,...kn->...mn", left, right)
        ready = stacked_product(left, right, out)
        moved, elsewhere = right.copy(order="K"), out.copy(order="K")
        for source, target in ((right, out), (right.copy(order="K"), elsewhere), (moved, out)):
            if (source.strides, target.strides) == (right.strides, out.strides):
                target[...] = np.nan
                ready(source, out=target)
                np.testing.assert_allclose(target, expected, rtol=1e-4, atol=1e-5)
        out[...] = np.nan
        multiply(left, right, out)
        np.testing.assert_allclose(out, expected, rtol=1e-4, atol=1e-5)
    assert len(mkl[kind].calls) >= 5 * 2  # all but the two that have columns where MKL wants rows


def test_small_products_are_left_to_numpy(monkeypatch):
    functions = {kind: gemm_batch(kind) for kind in TYPES}
    monkeypatch.setattr(matrix_products, "_gemm", functions.get)
    monkeypatch.setattr(matrix_products, "_is_faster", lambda *sizes: True)
    for m, k, n, used in ((16, 16, 63, False), (16, 16, 64, True), (512, 31, 1, False)):
        left, right, out = np.ones((1, m, k), "f"), np.ones((1, k, n), "f"), np.empty((1, m, n), "f")
        stacked_product(left, right, out)(right, out=out)
        assert bool(functions["f"].calls) == used
        assert (out == k).all()
        functions["f"].calls.clear()
    for n, calls in ((1023, []), (1024, [3])):  # a stack that is multiplied once pays for what is prepared
        multiply(np.ones((3, 32, 32), "f"), np.ones((3, 32, n), "f"), np.empty((3, 32, n), "f"))
        assert functions["f"].calls == calls


@pytest.mark.parametrize("faster", ["MKL", "NumPy"])
def test_the_faster_of_both_multiplies(faster, monkeypatch):
    clock = iter(np.cumsum([0, 1, 0, 2] * 5 if faster == "NumPy" else [0, 2, 0, 1] * 5) / 8)
    functions = {kind: gemm_batch(kind) for kind in TYPES}
    monkeypatch.setattr(matrix_products, "_gemm", functions.get)
    monkeypatch.setattr(seconds, "thread_time", lambda: next(clock))
    matrix_products._is_faster.cache_clear()
    left, right, out = np.ones((3, 16, 32), "f"), np.ones((3, 32, 64), "f"), np.empty((3, 16, 64), "f")
    ready = [stacked_product(left, right, out) for _ in range(2)]  # the second one measures nothing
    assert len(functions["f"].calls) == seconds.ROUNDS
    ready[1](right, out=out)
    assert len(functions["f"].calls) == seconds.ROUNDS + (faster == "MKL")
    matrix_products._is_faster.cache_clear()


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("chain", [*blocks.ALL.values(), igcv1(16, 8, 1)], ids=[*blocks.ALL, "pointwise"])
def test_plans_through_mkl(chain, threads, mkl):
    rng = np.random.default_rng(1)
    product = random_product(chain, rng) if chain.convolutions else None
    if product is None:
        return
    x = rng.standard_normal((product.shape[1], 9))
    for batch in (1, 2, 9):
        plan, expected = product.plan(batch, threads=threads), product.matrix() @ x[:, :batch]
        for operand in (x[:, :batch].copy(), x[:, :batch].copy()):
            np.testing.assert_allclose(plan(operand), expected, atol=1e-12)


@pytest.mark.parametrize("chain", [igcv1(4, 4), igcv3(8, 8), blocks.ALL["two spatial factors"]], ids=str)
def test_convolutions_through_mkl(chain, mkl):
    rng = np.random.default_rng(2)
    product = random_product(chain, rng)
    image = rng.standard_normal((chain.in_channels, 11, 9))
    plan = product.plan_convolution(image.shape)
    np.testing.assert_allclose(plan(image), product.convolve(image), atol=1e-12)
    assert any(function.calls for function in mkl.values())


def test_where_mkl_is_missing_or_busy_numpy_multiplies(monkeypatch):
    class Library:
        layer = 3

        def __init__(self, path):
            assert path.endswith("libmkl_rt.so.2")

        def MKL_Set_Threading_Layer(self, asked):
            return self.layer

        def MKL_CBWR_Set(self, _):
            return 0

    class File:
        name = "libmkl_rt.so.2"

        def locate(self):
            return "somewhere/libmkl_rt.so.2"

    def fresh():
        matrix_products._mkl.cache_clear()
        return matrix_products._mkl()

    monkeypatch.setattr(matrix_products.metadata, "files", lambda name: [File()])
    monkeypatch.setattr(matrix_products.ctypes, "CDLL", Library)
    assert fresh() is None  # another program has begun with threads
    Library.layer = 1
    assert isinstance(fresh(), Library)

    def broken(path):
        raise OSError("no such file")

    monkeypatch.setattr(matrix_products.ctypes, "CDLL", broken)
    assert fresh() is None
    monkeypatch.setattr(matrix_products.metadata, "files", lambda name: None)
    assert fresh() is None
    matrix_products._mkl.cache_clear()


def test_mkl_itself():
    if matrix_products._mkl() is None:
        pytest.skip("the extra mkl is not installed")
    rng = np.random.default_rng(3)
    for kind in TYPES:
        left, right = (rng.standard_normal((5, 64, n)).astype(kind) for n in (64, 256))
        out = np.empty_like(right)
        assert matrix_products._prepared(matrix_products._gemm(kind), left, right, out) is not None
        multiply(left, right, out)
        np.testing.assert_allclose(out, np.einsum("gmk,gkn->gmn", left, right), atol=1e-3)
