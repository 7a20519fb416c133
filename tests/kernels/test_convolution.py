"""Convolutions against loops, against SciPy, and against their own matrices."""

from __future__ import annotations

from itertools import product
from math import ceil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import correlate

from igc_theory.kernels import convolution_matrix, convolve, kernel_matrix, kernel_tensor, patches


def by_loops(image, kernel, groups, stride, rims):
    """The definition, an output at a time; `rims` are the zeros before and after on each axis."""
    (top, bottom), (left, right) = rims
    channels, height, width = image.shape
    padded = np.zeros((channels, top + height + bottom, left + width + right), image.dtype)
    padded[:, top : top + height, left : left + width] = image
    out_channels, in_width, kh, kw = kernel.shape
    rows = (padded.shape[1] - kh) // stride[0] + 1
    columns = (padded.shape[2] - kw) // stride[1] + 1
    result = np.zeros((out_channels, rows, columns), np.result_type(image, kernel))
    for o, p, q in np.ndindex(*result.shape):
        first = o // (out_channels // groups) * in_width
        for i, u, v in np.ndindex(in_width, kh, kw):
            result[o, p, q] += kernel[o, i, u, v] * padded[first + i, p * stride[0] + u, q * stride[1] + v]
    return result


def rims_of(padding, window):
    """Zeros before and after each axis, from the words of the documentation."""
    if padding == "same":
        return [((k - 1) // 2, k // 2) for k in window]
    pair = (0, 0) if padding == "valid" else padding if isinstance(padding, tuple) else (padding, padding)
    return [(p, p) for p in pair]


SETTINGS = list(
    product([1, 2], [(1, 1), (3, 3), (2, 4), (1, 3)], [(1, 1), (2, 1), (3, 2)], ["same", "valid", 2, (0, 1)])
)


@pytest.mark.parametrize(("groups", "window", "stride", "padding"), SETTINGS)
def test_convolution_is_the_loop(groups, window, stride, padding):
    rng = np.random.default_rng(1)
    image, kernel = rng.standard_normal((4, 6, 5)), rng.standard_normal((6, 4 // groups, *window))
    expected = by_loops(image, kernel, groups, stride, rims_of(padding, window))
    found = convolve(image, kernel, groups, stride, padding)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=1e-13)
    operator = convolution_matrix(kernel, image.shape, groups, stride, padding)
    np.testing.assert_allclose(operator @ image.ravel(), expected.ravel(), atol=1e-13)
    columns = patches(image, window, stride, padding)
    assert columns.shape == (4 * window[0] * window[1], expected[0].size)
    np.testing.assert_allclose(kernel_matrix(kernel, groups) @ columns, expected.reshape(6, -1), atol=1e-13)


@given(
    st.integers(1, 3).flatmap(lambda g: st.tuples(st.just(g), st.integers(1, 3), st.integers(1, 3))),
    st.tuples(*[st.integers(1, 4)] * 2),
    st.tuples(*[st.integers(1, 3)] * 2),
    st.tuples(*[st.integers(0, 2)] * 2),
    st.tuples(*[st.integers(4, 7)] * 2),
    st.integers(0, 2**32 - 1),
)
def test_convolution_is_the_loop_wherever_hypothesis_looks(branches, window, stride, padding, size, seed):
    groups, in_width, out_width = branches
    rng = np.random.default_rng(seed)
    image = rng.standard_normal((groups * in_width, *size))
    kernel = rng.standard_normal((groups * out_width, in_width, *window))
    expected = by_loops(image, kernel, groups, stride, rims_of(padding, window))
    np.testing.assert_allclose(convolve(image, kernel, groups, stride, padding), expected, atol=1e-12)
    operator = convolution_matrix(kernel, image.shape, groups, stride, padding)
    np.testing.assert_allclose(operator @ image.ravel(), expected.ravel(), atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128])
def test_convolution_is_scipys_correlation(dtype):
    rng = np.random.default_rng(2)
    image = rng.standard_normal((3, 9, 8)).astype(dtype)
    kernel = rng.standard_normal((2, 3, 3, 5)).astype(dtype)
    if np.issubdtype(dtype, np.complexfloating):
        image, kernel = image * (1 + 2j), kernel * (2 - 1j)
    # SciPy's correlation conjugates its second argument, a convolution of a network does not.
    for padding, mode in (("same", "same"), ("valid", "valid"), ((2, 4), "full")):
        expected = [
            sum(correlate(x, k.conj(), mode) for x, k in zip(image, kernels, strict=True)) for kernels in kernel
        ]
        found = convolve(image, kernel, padding=padding)
        assert found.dtype == dtype
        np.testing.assert_allclose(found, expected, rtol=1e-4 if found.dtype.itemsize in (4, 8) else 1e-12, atol=1e-4)


def test_worked_sizes_of_the_theory():
    rng = np.random.default_rng(3)
    assert patches(rng.standard_normal((4, 8, 8)), 3).shape == (36, 64)
    assert np.count_nonzero(kernel_matrix(rng.standard_normal((6, 6, 5, 5)))) == 900
    assert np.count_nonzero(kernel_matrix(rng.standard_normal((6, 3, 5, 5)), groups=2)) == 450


def test_columns_run_over_channels_then_rows_then_columns():
    kernel = np.arange(2 * 3 * 2 * 2, dtype=float).reshape(2, 3, 2, 2)
    matrix = kernel_matrix(kernel)
    for o, i, u, v in np.ndindex(*kernel.shape):
        assert matrix[o, (i * 2 + u) * 2 + v] == kernel[o, i, u, v]
    assert np.array_equal(kernel_tensor(matrix, 2), kernel)


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_matrix_and_tensor_undo_each_other(groups):
    kernel = np.random.default_rng(4).standard_normal((8, 4 // groups, 3, 2))
    dense = kernel_tensor(kernel_matrix(kernel, groups), (3, 2))
    for o, i in np.ndindex(8, 4):
        inside = o // (8 // groups) == i // (4 // groups)
        assert np.array_equal(dense[o, i], kernel[o, i % (4 // groups)] if inside else np.zeros((3, 2)))


@pytest.mark.parametrize(("side", "k", "s"), [*product(range(4, 8), range(1, 5), range(1, 4))])
def test_same_padding_keeps_one_output_a_stride(side, k, s):
    found = convolve(np.ones((1, side, side)), np.ones((1, 1, k, k)), stride=s)
    assert found.shape == (1, ceil(side / s), ceil(side / s))


def test_operator_stores_only_what_lies_inside():
    operator = convolution_matrix(np.zeros((2, 1, 3, 3)), (1, 4, 4))
    # An axis of 4 with a window of 3: the two outer windows lose one entry, the two inner ones none.
    assert operator.nnz == 2 * (2 + 3 + 3 + 2) ** 2
    assert operator.has_canonical_format


def test_nan_reaches_only_the_windows_and_branches_that_hold_it():
    image = np.ones((4, 5, 5))
    image[1, 0, 0] = np.nan
    image[0, 4, 4] = np.inf
    found = convolve(image, np.ones((4, 2, 3, 3)), groups=2)
    expected = np.zeros((4, 5, 5), bool)
    expected[:2, :2, :2] = expected[:2, 3:, 3:] = True
    assert np.array_equal(~np.isfinite(found), expected)


def test_small_integers_do_not_wrap_around():
    image, kernel = np.full((1, 3, 3), 200, np.uint8), np.full((1, 1, 3, 3), 100, np.int8)
    assert convolve(image, kernel)[0, 1, 1] == 200 * 100 * 9


def test_inputs_are_not_modified_and_results_are_new():
    image, kernel = np.ones((2, 4, 4)), np.ones((2, 2, 1, 1))
    results = [patches(image, 1), patches(image, 3), convolve(image, kernel), kernel_matrix(kernel)]
    results.append(kernel_tensor(kernel.reshape(2, 2), 1))
    for result in results:
        assert not np.shares_memory(result, image)
        assert not np.shares_memory(result, kernel)
    assert (image == 1).all()
    assert (kernel == 1).all()


IMAGE, KERNEL = np.ones((4, 5, 5)), np.ones((6, 4, 3, 3))


@pytest.mark.parametrize(
    ("call", "error", "sentence"),
    [
        (
            lambda: convolve(np.ones((5, 5)), KERNEL),
            ValueError,
            r"image has shape \(5, 5\), not \(C_in, H, W\).*image\[None\]",
        ),
        (lambda: convolve(np.ones((1, 4, 5, 5)), KERNEL), ValueError, r"image has shape \(1, 4, 5, 5\)"),
        (lambda: convolve(np.ones((4, 0, 5)), KERNEL), ValueError, r"image has shape \(4, 0, 5\)"),
        (
            lambda: convolve(np.ones((3, 5, 5)), KERNEL),
            ValueError,
            "image has 3 channels, the kernel with groups=1 reads 4",
        ),
        (
            lambda: convolve(IMAGE, KERNEL, groups=2),
            ValueError,
            "image has 4 channels, the kernel with groups=2 reads 8",
        ),
        (
            lambda: convolve(IMAGE, KERNEL, groups=4),
            ValueError,
            "groups=4 does not divide the kernel's output channels=6",
        ),
        (lambda: convolve(IMAGE, KERNEL, groups=0), ValueError, "groups=0 is below 1"),
        (lambda: convolve(IMAGE, KERNEL, groups=True), TypeError, "groups=True is a bool"),
        (lambda: convolve(IMAGE, KERNEL, stride=0), ValueError, "stride=0 is below 1"),
        (lambda: convolve(IMAGE, KERNEL, stride=(1, 2, 3)), ValueError, "stride=.* has 3 entries"),
        (lambda: convolve(IMAGE, KERNEL, padding="full"), ValueError, "padding='full' is unknown"),
        (lambda: convolve(IMAGE, KERNEL, padding=-1), ValueError, "padding=-1 is below 0"),
        (lambda: convolve(IMAGE, KERNEL, padding=(1, 2, 3)), ValueError, "padding=.* has 3 entries"),
        (lambda: convolve(IMAGE, KERNEL, padding=1.5), TypeError, "padding=1.5 is a float"),
        (
            lambda: convolve(np.ones((4, 2, 9)), KERNEL, padding="valid"),
            ValueError,
            r"window \(3, 3\) is larger than the padded image \(2, 9\)",
        ),
        (
            lambda: convolve(IMAGE, KERNEL[0]),
            ValueError,
            r"kernel has shape \(4, 3, 3\), not \(C_out, C_in/groups, kh, kw\)",
        ),
        (lambda: convolve(IMAGE, KERNEL * np.nan), ValueError, r"kernel\[0, 0, 0, 0\]=nan is not finite"),
        (lambda: convolve(IMAGE, [[1, 2], [3]]), ValueError, "kernel=.* is a ragged nesting"),
        (lambda: convolve("a picture", KERNEL), TypeError, "image='a picture' is a str"),
        (lambda: convolve(IMAGE.astype(np.longdouble), KERNEL), TypeError, "image has dtype (float128|longdouble)"),
        (lambda: patches(IMAGE, 0), ValueError, "kernel_size=0 is below 1"),
        (lambda: patches(IMAGE, 7, padding="valid"), ValueError, r"window \(7, 7\) is larger"),
        (lambda: patches(IMAGE[0], 3), ValueError, "image has shape"),
        (lambda: kernel_matrix(np.ones((4, 4))), ValueError, "kernel has shape"),
        (lambda: kernel_matrix(np.ones((4, 0, 3, 3))), ValueError, "none of them empty"),
        (lambda: kernel_tensor(np.ones((4, 10)), 3), ValueError, "10 columns, not a multiple of the window's area 9"),
        (lambda: kernel_tensor(np.ones(9), 3), ValueError, r"matrix has shape \(9,\)"),
        (lambda: kernel_tensor(np.full((1, 9), np.inf), 3), ValueError, r"matrix\[0, 0\]=inf is not finite"),
        (lambda: convolution_matrix(KERNEL, (4, 5)), ValueError, r"image_shape=\(4, 5\) is not a triple"),
        (
            lambda: convolution_matrix(KERNEL, (3, 5, 5)),
            ValueError,
            r"image_shape\[0\]=3 channels, the kernel with groups=1 reads 4",
        ),
        (
            lambda: convolution_matrix(np.ones((64, 64, 3, 3)), (64, 512, 512)),
            ValueError,
            "matrix for kernel, image_shape, .* is above 134217728: use convolve",
        ),
        (lambda: convolution_matrix(KERNEL, (4, 0, 5)), ValueError, r"image_shape\[1\]=0 is below 1"),
        (lambda: convolution_matrix(KERNEL, (4, 2, 2), padding=0), ValueError, "larger than the padded image"),
    ],
)
def test_bad_input_gets_a_sentence(call, error, sentence):
    with pytest.raises(error, match=sentence):
        call()
