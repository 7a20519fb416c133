"""Network decoupling, Tucker-2, canonical polyadic and separable convolutions against the sums that their papers write."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from igc_theory.kernels import Product, convolve, project
from igc_theory.structure import (
    canonical_polyadic,
    depthwise_separable,
    grade,
    igcv3,
    network_decoupling,
    spatially_separable,
    tucker_2,
)
from tests.structure.families.matrices import Array, drawn, kernel_of

sizes = st.integers(1, 4)
windows = st.one_of(st.integers(1, 3), st.tuples(st.integers(1, 3), st.integers(1, 3)))


def sides(window: int | tuple[int, int]) -> tuple[int, int]:
    return (window, window) if isinstance(window, int) else window


@given(C=sizes, out=sizes, k=st.integers(1, 3), window=windows)
@settings(max_examples=15)
def test_network_decoupling_adds_depthwise_separable_convolutions(C, out, k, window) -> None:
    product = drawn(network_decoupling(C, out, k, window))
    depthwise, pointwise = product.weights
    expected = np.zeros((out, C, *sides(window)))
    for t in range(k):  # channel c·k + t belongs to input channel c
        one = Product(depthwise_separable(C, out, window), [depthwise[t::k], pointwise[:, t::k]])
        expected += kernel_of(one)
    assert np.allclose(kernel_of(product), expected)
    h, w = sides(window)
    assert product.chain.parameters == k * C * (h * w + out)
    assert str(grade(product.chain)).startswith("strict" if k == 1 else f"loose, p = {k}:")


def test_as_many_depthwise_convolutions_as_the_window_has_entries_are_any_kernel() -> None:
    kernel = np.random.default_rng(0).standard_normal((12, 5, 3, 3))
    errors = [project(kernel, network_decoupling(5, 12, k)).relative_error for k in (1, 8, 9)]
    assert errors[0] > errors[1] > 0.01
    assert errors[2] < 1e-12
    narrow = project(kernel[:4], network_decoupling(5, 4, 4)).relative_error
    assert narrow < 1e-12


@given(C=sizes, out=sizes, r=st.tuples(sizes, sizes), window=windows)
@settings(max_examples=15)
def test_tucker_2_is_a_core_between_two_matrices(C, out, r, window) -> None:
    product = drawn(tucker_2(C, out, r, window))
    V, core, U = product.weights
    assert np.allclose(kernel_of(product), np.einsum("ob,bahw,ai->oihw", U[:, :, 0, 0], core, V[:, :, 0, 0]))
    h, w = sides(window)
    assert product.chain.parameters == C * r[0] + h * w * r[0] * r[1] + r[1] * out
    assert (grade(product.chain).min_paths, grade(product.chain).max_paths) == (r[0] * r[1], r[0] * r[1])


@given(C=sizes, out=sizes, R=sizes, window=windows)
@settings(max_examples=15)
def test_a_canonical_polyadic_kernel_is_a_sum_of_outer_products(C, out, R, window) -> None:
    product = drawn(canonical_polyadic(C, out, R, window))
    V, y, x, U = product.weights
    expected: Array = np.zeros((out, C, *sides(window)))
    for r in range(R):
        vectors = U[:, r, 0, 0], V[r, :, 0, 0], y[r, 0, :, 0], x[r, 0, 0, :]
        expected += np.multiply.outer(np.multiply.outer(*vectors[:2]), np.multiply.outer(*vectors[2:]))
    assert np.allclose(kernel_of(product), expected)
    assert product.chain.parameters == R * (C + sum(sides(window)) + out)
    assert str(grade(product.chain)).startswith("strict" if R == 1 else f"loose, p = {R}:")


@given(C=sizes, out=sizes, middle=sizes, window=windows)
@settings(max_examples=15)
def test_a_separable_kernel_has_the_rank_of_its_middle(C, out, middle, window) -> None:
    product, (h, w) = drawn(spatially_separable(C, out, middle, window)), sides(window)
    Y, X = product.weights
    kernel = kernel_of(product)
    assert np.allclose(kernel, np.einsum("omw,mih->oihw", X[:, :, 0, :], Y[:, :, :, 0]))
    unfolded = kernel.transpose(0, 3, 1, 2).reshape(out * w, C * h)
    assert np.linalg.matrix_rank(unfolded) == min(middle, out * w, C * h)
    assert product.chain.parameters == middle * (C * h + out * w)
    assert (grade(product.chain).min_paths, grade(product.chain).max_paths) == (middle, middle)


def test_one_separable_filter_is_an_outer_product() -> None:
    columns, rows = np.array([1.0, 2, 1]), np.array([1.0, 0, -1])  # Sobel's filter
    product = Product(spatially_separable(1, 1, 1), [columns.reshape(1, 1, 3, 1), rows.reshape(1, 1, 1, 3)])
    assert (kernel_of(product)[0, 0] == np.outer(columns, rows)).all()


STRIDED = [
    network_decoupling(4, 3, 2, (3, 5), (2, 3)),
    tucker_2(4, 3, (2, 5), (3, 5), (2, 3)),
    canonical_polyadic(4, 3, 5, (3, 5), (2, 3)),
    spatially_separable(4, 3, 6, (3, 5), (2, 3)),
]


@pytest.mark.parametrize("chain", STRIDED)
def test_a_stride_is_that_of_the_whole(chain) -> None:
    """One convolution with the composed kernel and the whole stride gives what the factors give in turn."""
    product = drawn(chain)
    assert (chain.window, chain.strides) == ((3, 5), (2, 3))
    image = np.random.default_rng(1).standard_normal((4, 9, 13))
    turn = image
    for conv, weight in zip(chain.convolutions, product.weights, strict=True):
        turn = convolve(turn, weight, stride=conv.strides, padding=0, groups=conv.groups)
    assert np.allclose(turn, convolve(image, kernel_of(product), stride=(2, 3), padding=0))


def test_families_that_coincide_are_one_chain() -> None:
    assert network_decoupling(6, 8) == depthwise_separable(6, 8)
    assert canonical_polyadic(6, 8, 12, (1, 1)).convolutions[0] == igcv3(6, 8, 2, (1, 1)).convolutions[0]


@pytest.mark.parametrize(
    ("make", "error", "sentence"),
    [
        (lambda: network_decoupling(4, 4, 0), ValueError, "depth_multiplier=0 is below 1"),
        (lambda: network_decoupling(2**62, 4, 4), ValueError, r"depth_multiplier\*in_channels=\d+ is above"),
        (lambda: network_decoupling(4, 0), ValueError, "out_channels=0 is below 1"),
        (lambda: tucker_2(4, 4, 3), ValueError, r"ranks=3 is not a pair: give \(r_1, r_2\)"),
        (lambda: tucker_2(4, 4, (3, 0)), ValueError, r"ranks\[1\]=0 is below 1"),
        (lambda: tucker_2(4, 4, (3, 2), (3, 3, 3)), ValueError, "kernel_size=.* has 3 entries"),
        (lambda: canonical_polyadic(4, 4, True), TypeError, "rank=True is a bool"),
        (lambda: canonical_polyadic(4, 4, 2, kernel_size=0), ValueError, "kernel_size=0 is below 1"),
        (lambda: spatially_separable(4, 4, 0), ValueError, "middle=0 is below 1"),
        (lambda: spatially_separable(4, 4, 2, stride=(1, 0)), ValueError, r"stride\[1\]=0 is below 1"),
    ],
)
def test_decompositions_that_cannot_be(make, error, sentence) -> None:
    with pytest.raises(error, match=sentence):
        make()
