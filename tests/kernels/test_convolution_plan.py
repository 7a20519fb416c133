"""Planned convolutions against the one dense kernel that a product equals, whatever the padding, stride, type and layout."""

from __future__ import annotations

import copy
import pickle
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from itertools import product as pairs

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.signal import correlate as scipys

from igc_theory.kernels import Product, convolution_matrix, convolve, image_steps, random_product
from igc_theory.kernels import convolution_plan as plans
from igc_theory.kernels.caches import cache_bytes
from igc_theory.kernels.convolution_plan import ConvolutionPlan
from igc_theory.structure import Chain, ChannelPermutation, GroupConv, Sum, igcv1, igcv2, igcv3, interleave
from tests.kernels import blocks
from tests.kernels.test_convolution import rims_of


def product_of(chain, rng, dtype=np.float64):
    return random_product(chain, rng, dtype) if chain.convolutions else Product(chain, [])


def expected_of(product, image, padding):
    """The sparse matrix of the dense kernel on whole images, which has its own way to patches."""
    kernel, stride = product.kernel(), product.stride
    result = convolution_matrix(kernel, image.shape, stride=stride, padding=padding) @ image.ravel()
    sides = [
        (n + sum(rim) - k) // s + 1
        for n, rim, k, s in zip(image.shape[1:], rims_of(padding, product.window), product.window, stride, strict=True)
    ]
    return result.reshape(len(kernel), *sides)


@pytest.mark.parametrize("padding", ["same", "valid", 2, (0, 1)])
@pytest.mark.parametrize("chain", blocks.ALL.values(), ids=blocks.ALL)
def test_a_planned_convolution_is_the_dense_kernel(chain, padding):
    rng = np.random.default_rng(1)
    product = product_of(chain, rng)
    image = rng.standard_normal((product.chain.in_channels, 8, 7))
    plan, kept = product.plan_convolution(image.shape, padding=padding), image.copy()
    expected = expected_of(product, image, padding)
    for _ in range(2):  # twice, for the buffers are used again
        out = np.full(expected.shape, np.nan)
        assert plan(image, out=out) is out
        np.testing.assert_allclose(out, expected, atol=1e-12)
        np.testing.assert_array_equal(plan(image), out)
    assert np.array_equal(image, kept)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128])
@pytest.mark.parametrize("name", ["igcv1", "igcv3", "two spatial factors", "arbitrary permutations"])
def test_types(name, dtype):
    rng = np.random.default_rng(2)
    product = product_of(blocks.ALL[name], rng, dtype)
    image = rng.standard_normal((product.chain.in_channels, 6, 6)).astype(dtype)
    image = image * (1 - 2j) if np.issubdtype(dtype, np.complexfloating) else image
    found = product.plan_convolution(image.shape, dtype)(image.astype(dtype))
    assert found.dtype == dtype
    tolerance = 1e-4 if np.finfo(dtype).precision < 10 else 1e-12
    np.testing.assert_allclose(found, expected_of(product, image, "same"), atol=tolerance)


STEPS = list(
    pairs([(1, 1), (1, 2), (1, 4), (2, 1), (3, 2)], [(1, 1), (3, 3), (2, 4), (1, 3), (5, 1)], [(1, 1), (2, 1), (3, 2)])
)


@pytest.mark.parametrize(("widths", "window", "stride"), STEPS, ids=str)
def test_steps_of_all_shapes_are_scipys_correlation(monkeypatch, widths, window, stride):
    (in_width, out_width), groups, rng = widths, 3, np.random.default_rng(3)
    image, kernel = rng.standard_normal((3 * in_width, 9, 8)), rng.standard_normal((3 * out_width, in_width, *window))
    down, right = stride
    expected = [
        sum(scipys(image[o // out_width * in_width + i], k, "valid") for i, k in enumerate(kernel[o]))[::down, ::right]
        for o in range(len(kernel))
    ]
    np.testing.assert_allclose(convolve(image, kernel, groups, stride, "valid"), expected, atol=1e-12)
    for bytes_at_once, parts in ((1, 1), (2**9, 2), (2**20, 7)):
        monkeypatch.setattr(image_steps, "cache_bytes", lambda _, size=bytes_at_once: size)
        monkeypatch.setattr(image_steps, "FEWEST_COLUMNS", 4)
        for work in (None, []):
            out = np.full(np.shape(expected), np.nan)
            steps = image_steps.image_steps(kernel, groups, stride, image.shape[1:], parts=parts, work=work)
            assert len(steps) >= min(parts, groups)
            for step in steps:
                step(image, out)
            np.testing.assert_allclose(out, expected, atol=1e-12)


def few(most):
    return st.tuples(st.integers(0, most), st.integers(0, most))


@settings(deadline=None)
@given(
    image=arrays(np.float64, st.tuples(st.just(4), st.integers(1, 9), st.integers(1, 9)), elements=st.integers(-9, 9)),
    window=few(4),
    stride=few(2),
    rims=st.tuples(few(6), few(6)),
    groups=st.sampled_from([1, 2, 4]),
    rows=st.sampled_from([1, 4, 64]),
    kept=st.booleans(),
)
def test_steps_see_zeros_that_nobody_wrote_around_an_image(image, window, stride, rims, groups, rows, kept):
    (kh, kw), (down, right), full = np.add(window, 1), np.add(stride, 1), np.pad(image, [(0, 0), *rims])
    assume(full.shape[1] >= kh and full.shape[2] >= kw)
    kernel = np.random.default_rng(6).integers(-9, 9, (4, 4 // groups, kh, kw)).astype(float)
    expected = [
        sum(scipys(full[o * groups // 4 * (4 // groups) + i], k, "valid") for i, k in enumerate(kernel[o]))
        for o in range(4)
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(image_steps, "cache_bytes", lambda _: 1)
        patch.setattr(image_steps, "FEWEST_COLUMNS", rows)
        work = [np.full(9, np.nan)] if kept else None
        steps = image_steps.image_steps(kernel, groups, (down, right), image.shape[1:], rims=rims, work=work)
    out = np.full(np.shape(expected), np.nan)[:, ::down, ::right].copy()
    for step in steps[::-1]:
        step(image, out)
    np.testing.assert_allclose(out, np.array(expected)[:, ::down, ::right], atol=1e-9)


@pytest.mark.parametrize("row", [8, 64, 300])
@pytest.mark.parametrize("name", ["igcv2", "igcv3", "arbitrary permutations"])
def test_bands_of_any_height_cover_all_rows_once(monkeypatch, row, name):
    monkeypatch.setattr(plans, "ROWS", (row,))
    rng = np.random.default_rng(4)
    product = random_product(blocks.ALL[name], rng)
    image = rng.standard_normal((product.chain.in_channels, 7, 5))
    np.testing.assert_allclose(product.plan_convolution(image.shape)(image), product.convolve(image), atol=1e-12)


@pytest.mark.parametrize("side", [4, 5, 6])
def test_every_stride_and_window_of_a_depthwise_factor_and_a_dense_one(side):
    rng = np.random.default_rng(5)
    for k, s, groups in pairs((1, 2, 4), (1, 2, 3), (1, 4)):
        product = random_product(Chain([GroupConv(4, 4, groups, k, s), interleave(2, 2), GroupConv(4, 4, 2)]), rng)
        image = rng.standard_normal((4, side, side))
        np.testing.assert_allclose(
            product.plan_convolution(image.shape)(image), expected_of(product, image, "same"), atol=1e-12
        )


def test_sums_side_by_side_inside_a_chain():
    rng = np.random.default_rng(6)
    block = Sum([GroupConv(4, 4, 4, 3), GroupConv(4, 4, 2), [interleave(2, 2)]])
    product = random_product(Chain([GroupConv(4, 4, 2), block, GroupConv(4, 6, 2)]), rng)
    image = rng.standard_normal((4, 6, 5))
    np.testing.assert_allclose(
        product.plan_convolution(image.shape)(image), expected_of(product, image, "same"), atol=1e-12
    )


def test_images_of_any_layout_and_kind():
    rng = np.random.default_rng(7)
    product = random_product(igcv1(2, 2), rng)
    images = rng.standard_normal((8, 6, 10))
    plan = product.plan_convolution((4, 6, 5))
    frozen = images[:4, :, :5].copy()
    frozen.setflags(write=False)
    odd = [images[::2, :, ::2], np.asfortranarray(frozen), frozen, frozen.astype(np.float32), frozen.tolist()]
    for image in odd:
        np.testing.assert_allclose(plan(image), product.convolve(image), atol=1e-5)


def test_infinite_pixels_reach_the_windows_that_hold_them():
    product = Product(Chain([GroupConv(2, 2, 2, 3)]), [np.ones((2, 1, 3, 3))])
    image = np.ones((2, 5, 5))
    image[1, 0, 4], image[1, 1, 0] = np.inf, -np.inf  # one behind the other, but for the corner between
    found = product.plan_convolution(image.shape)(image)
    expected = np.zeros((2, 5, 5), bool)
    expected[1, :2, 3:] = expected[1, :3, :2] = True
    assert np.array_equal(~np.isfinite(found), expected)
    assert not np.isnan(found).any()


def test_a_plan_that_writes_into_out_allocates_nothing_of_the_size_of_an_image():
    for chain in (igcv1(8, 8), igcv3(16, 16), igcv2([4, 4, 4])):
        product = random_product(chain, np.random.default_rng(8))
        image = np.ones((chain.in_channels, 56, 56))
        plan, out = product.plan_convolution(image.shape), np.empty((chain.out_channels, 56, 56))
        plan(image, out=out)
        tracemalloc.start()
        plan(image, out=out)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        buffers_of_a_sum = 2 * np.getbufsize() * image.itemsize  # NumPy's own, of a fixed size
        assert peak < 8192 + buffers_of_a_sum < out.nbytes / 2


def test_no_matrix_of_all_patches_is_made():
    kernel, image = np.ones((256, 1, 5, 5)), np.ones((256, 80, 80))
    tracemalloc.start()
    convolve(image, kernel, groups=256)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3.5 * image.nbytes + 16 * cache_bytes(2) < 25 * image.nbytes


PRODUCT = random_product(igcv1(2, 2), np.random.default_rng(9))
COMPLEX = random_product(Chain([ChannelPermutation([1, 0]), GroupConv(2, 2)]), np.random.default_rng(9), np.complex64)
IMAGE = np.ones((4, 6, 6))
PLAN = PRODUCT.plan_convolution(IMAGE.shape)
READ_ONLY = np.ones((4, 6, 6))
READ_ONLY.setflags(write=False)


@pytest.mark.parametrize(
    ("call", "error", "sentence"),
    [
        (lambda: PRODUCT.plan_convolution(4), ValueError, "image_shape=4 is not a triple"),
        (lambda: PRODUCT.plan_convolution((4, 6)), ValueError, r"image_shape=\(4, 6\) is not a triple"),
        (lambda: PRODUCT.plan_convolution((3, 6, 6)), ValueError, r"image_shape\[0\]=3 channels, the product reads 4"),
        (lambda: PRODUCT.plan_convolution((4, 0, 6)), ValueError, r"image_shape\[1\]=0 is below 1"),
        (lambda: PRODUCT.plan_convolution((4, 6.0, 6)), TypeError, r"image_shape\[1\]=6.0 is a float"),
        (lambda: PRODUCT.plan_convolution((4, 2**14, 2**14)), ValueError, "the entries of image_shape"),
        (lambda: PRODUCT.plan_convolution((4, 2, 2), padding="valid"), ValueError, "the window .* is larger than"),
        (lambda: PRODUCT.plan_convolution((4, 6, 6), padding="full"), ValueError, "padding='full' is unknown"),
        (lambda: PRODUCT.plan_convolution((4, 6, 6), padding=-1), ValueError, "padding=-1 is below 0"),
        (lambda: PRODUCT.plan_convolution((4, 6, 6), int), TypeError, "dtype=.* is not a type to compute in"),
        (
            lambda: COMPLEX.plan_convolution((2, 6, 6), "f4"),
            TypeError,
            "dtype=float32 cannot hold the product's complex64",
        ),
        (lambda: PLAN(IMAGE[:3]), ValueError, r"image has shape \(3, 6, 6\), but the plan was made for \(4, 6, 6\)"),
        (lambda: PLAN(1j * IMAGE), TypeError, "image has dtype complex128, the plan float64"),
        (lambda: PLAN(IMAGE.astype(str)), TypeError, "image has dtype <U"),
        (lambda: PLAN(IMAGE, out=np.ones((4, 6, 5))), ValueError, r"out has shape \(4, 6, 5\), but the result has"),
        (lambda: PLAN(IMAGE, out=np.ones((4, 6, 6), "f4")), TypeError, "out is an array of float32"),
        (lambda: PLAN(IMAGE, out=IMAGE.tolist()), TypeError, "out is a list"),
        (lambda: PLAN(IMAGE, out=np.ones((6, 6, 4)).T), ValueError, "out is not C-contiguous"),
        (lambda: PLAN(IMAGE, out=READ_ONLY), ValueError, "out is read-only"),
        (lambda: PLAN(IMAGE, out=IMAGE), ValueError, "out overlaps image"),
        (lambda: ConvolutionPlan(None, (4, 6, 6)), TypeError, "product"),
    ],
)
def test_bad_input_gets_a_sentence(call, error, sentence):
    with pytest.raises(error, match=sentence):
        call()
    assert (IMAGE == 1).all()
    assert (READ_ONLY == 1).all()


# --- sharing -------------------------------------------------------------------------------------------------------------

SHARED = random_product(igcv3(16, 16), np.random.default_rng(10))
IMAGES = [np.random.default_rng(seed).standard_normal((16, 20, 20)) for seed in (11, 12)]


def test_two_threads_that_call_one_plan_get_their_own_results():
    plan, expected = SHARED.plan_convolution((16, 20, 20)), [SHARED.convolve(image) for image in IMAGES]

    def wrong(k):
        return sum(not np.allclose(plan(IMAGES[k]), expected[k], atol=1e-12) for _ in range(25))

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(wrong, (0, 1))) == [0, 0]


@pytest.mark.parametrize(
    "copied",
    [copy.copy, copy.deepcopy, lambda plan: pickle.loads(pickle.dumps(plan))],
    ids=["copy", "deepcopy", "pickle"],
)
def test_a_copy_has_buffers_of_its_own(copied):
    plan = SHARED.plan_convolution((16, 20, 20), padding="valid")
    plan(IMAGES[0])
    other = copied(plan)
    other(IMAGES[1])
    np.testing.assert_array_equal(other(IMAGES[0]), plan(IMAGES[0]))
    arrays = [buffer for _, buffer in plan._stages if buffer is not None] + plan._work
    others = [buffer for _, buffer in other._stages if buffer is not None] + other._work
    assert len(arrays) > 1
    assert not any(np.may_share_memory(a, b) for a, b in pairs(arrays, others))


def test_planes_are_kept_in_a_second_cache_that_is_large(monkeypatch):
    kernel = np.ones((64, 1, 3, 3), np.float32)
    for cache, parts in ((image_steps.LARGE - 1, 1), (image_steps.LARGE, 10)):
        monkeypatch.setattr(image_steps, "cache_bytes", lambda _, size=cache: size)
        assert len(image_steps.image_steps(kernel, 64, (1, 1), (58, 58))) == pytest.approx(parts, abs=parts // 2)
