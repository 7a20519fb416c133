"""Plans against the matrices of their products, whatever the batch, type, tiling, fusing and threads."""

from __future__ import annotations

import copy
import pickle
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest

from igc_theory.kernels import Product, random_product
from igc_theory.kernels.products import plan as plans
from igc_theory.kernels.products.plan import Plan
from igc_theory.kernels.products.planning import steps
from igc_theory.kernels.products.planning.fusion import fused
from igc_theory.kernels.products.planning.seconds import least_seconds
from igc_theory.structure import Chain, ChannelPermutation, GroupConv, igcv1, igcv2, interleave
from tests import cases
from tests.kernels import blocks


def steps_in(plan):
    return [step for stage in plan._stages for steps in stage for step in steps]


def product_of(chain, rng, dtype=np.float64):
    return random_product(chain, rng, dtype) if chain.convolutions else Product(chain, [])


@pytest.mark.parametrize(("chain", "batch"), [(igcv2([8, 8, 8], 1), 32), (igcv1(8, 8), 16), (igcv2([2] * 9, 1), 1)])
def test_a_plan_that_writes_into_out_allocates_nothing_of_the_size_of_the_operand(chain, batch):
    product = random_product(chain, np.random.default_rng(0))
    plan, x, out = product.plan(batch), np.ones((product.shape[1], batch)), np.empty((product.shape[0], batch))
    plan(x, out=out)
    tracemalloc.start()
    plan(x, out=out)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4096 <= out.nbytes


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128])
@pytest.mark.parametrize("chain", blocks.ALL.values(), ids=blocks.ALL)
def test_a_plan_is_the_matrix(chain, dtype):
    rng = np.random.default_rng(1)
    product = product_of(chain, rng, dtype)
    matrix, tolerance = product.matrix().astype(dtype), 1e-5 if np.finfo(dtype).precision < 10 else 1e-12
    for batch, threads in ((1, 1), (3, 1), (130, 1), (2, 3), (300, 2)):
        plan = product.plan(batch, np.result_type(dtype, product.dtype) if chain.convolutions else dtype, threads)
        for _ in range(2):  # twice, for the buffers are used again
            x = rng.standard_normal((product.shape[1], batch)).astype(dtype)
            kept, out = x.copy(), np.full((product.shape[0], batch), np.nan, plan.dtype)
            assert plan(x, out=out) is out
            np.testing.assert_allclose(out, matrix @ x, atol=tolerance)
            np.testing.assert_array_equal(plan @ x, out)
            assert np.array_equal(x, kept)


def test_all_small_permuted_chains():
    rng = np.random.default_rng(2)
    for chain in cases.permuted_rectangular_chains():
        product = random_product(chain, rng)
        matrix = product.matrix()
        for batch in (1, 3):
            x = rng.standard_normal((product.shape[1], batch))
            np.testing.assert_allclose(product.plan(batch)(x), matrix @ x, atol=1e-12)


@pytest.mark.parametrize("row", [8, 16, 24, 64])
@pytest.mark.parametrize("name", ["igcv2 pointwise", "arbitrary permutations", "igcv3", "two spatial factors"])
def test_tiles_of_any_width_cover_all_columns_once(monkeypatch, row, name):
    monkeypatch.setattr(plans, "ROWS", (row,))
    rng = np.random.default_rng(3)
    product = random_product(blocks.ALL[name], rng)
    matrix = product.matrix()
    for batch in (1, 2, 7, 8, 9, 23):
        for threads in (1, 2, 5):
            x = rng.standard_normal((product.shape[1], batch))
            np.testing.assert_allclose(product.plan(batch, threads=threads)(x), matrix @ x, atol=1e-12)


@pytest.mark.parametrize("fastest", [0, 1, 2, 3])
def test_a_plan_takes_the_panels_that_are_faster_on_this_machine(monkeypatch, fastest):
    monkeypatch.setattr(plans, "ROWS", (64, 16, 256))
    monkeypatch.setattr(plans, "UNPACKED", 4 * 4 * 16)  # for branches of 4 channels, 16 columns
    monkeypatch.setattr(plans, "WORTH_MEASURING", 1)
    monkeypatch.setattr(plans, "CALL", (0, 0))  # nothing is fused
    asked = []

    def seconds(panels):
        asked.extend(len(call.args[0]) for call in panels.values())
        return {count: 1.0 if k == fastest else 2.0 for k, count in enumerate(panels)}

    monkeypatch.setattr(plans, "least_seconds", seconds)
    product = random_product(igcv2([4, 4], 1), np.random.default_rng(3))
    plan, x = product.plan(64), np.random.default_rng(4).standard_normal((16, 64))
    np.testing.assert_allclose(plan(x), product.matrix() @ x, atol=1e-12)
    assert asked == [2 * 8, 2 * 32, 2 * 2, 2 * 4]
    assert len(steps_in(plan)) == asked[fastest]


def test_a_plan_whose_buffers_fit_no_cache_takes_the_widest_panels(monkeypatch):
    monkeypatch.setattr(plans, "ROWS", (64, 16, 256))
    monkeypatch.setattr(plans, "WIDE_ROWS", (256, 128))
    monkeypatch.setattr(plans, "CALL", (0, 0))
    product, x = random_product(igcv2([4, 4], 1), np.random.default_rng(3)), np.ones((16, 64))
    for bytes_, tiles in ((2 * 2 * 16 * 64, 8), (2 * 2 * 16 * 64 - 2, 2)):
        monkeypatch.setattr(plans, "cache_bytes", lambda _, found=bytes_: found)
        plan = product.plan(64)
        assert len(steps_in(plan)) == 2 * tiles
        np.testing.assert_allclose(plan(x), product.matrix() @ x, atol=1e-12)


@pytest.mark.parametrize(
    ("cache", "columns"), [(16 * 512, 64), (16 * 512 - 1, 32), (16 * 256 - 1, 16), (16 * 128 - 1, 64)]
)
def test_panels_are_as_wide_as_the_components_of_two_factors_allow(monkeypatch, cache, columns):
    monkeypatch.setattr(plans, "WIDE_ROWS", (512, 256, 128))
    monkeypatch.setattr(plans, "CALL", (0, 0))
    monkeypatch.setattr(plans, "cache_bytes", lambda _: 1)
    monkeypatch.setattr(steps, "cache_bytes", lambda _: cache)  # of 16 channels in a component
    product, x = random_product(igcv2([4, 4, 4], 1), np.random.default_rng(3)), np.ones((64, 64))
    plan, tiles = product.plan(64), 64 // columns
    assert {target(x).shape[-1] for _, _, target in steps_in(plan)} == {columns}
    assert (len(steps_in(plan)) > 3 * tiles) == (cache >= 16 * 128)
    np.testing.assert_allclose(plan(x), product.matrix() @ x, atol=1e-12)


def test_a_plan_counts_on_its_share_of_a_cache_however_large_that_is(monkeypatch):
    monkeypatch.setattr(plans, "ROWS", (64, 16, 256))
    monkeypatch.setattr(plans, "CALL", (0, 0))
    monkeypatch.setattr(plans, "WIDE_ROWS", (256, 128))
    monkeypatch.setattr(plans, "cache_bytes", lambda _: 2**40)
    product = random_product(igcv2([4, 4], 1), np.random.default_rng(3))
    for share, tiles in ((2 * 16 * 64, 8), (2 * 16 * 64 - 1, 2)):
        monkeypatch.setattr(plans, "OWN_SHARE", share)
        assert len(steps_in(product.plan(64))) == 2 * tiles


def test_measuring_a_plan_runs_it():
    product = random_product(igcv2([4, 4], 1), np.random.default_rng(3))
    plan, x, out = product.plan(64), np.ones((16, 64)), np.zeros((16, 64))
    assert least_seconds({64: partial(plans.run_steps, steps_in(plan), x, out)})[64] > 0
    np.testing.assert_allclose(out, product @ x, atol=1e-12)


@pytest.mark.parametrize("threads", [2, 3, 40])
@pytest.mark.parametrize("chain", blocks.ALL.values(), ids=blocks.ALL)
def test_threads_share_the_branches_of_a_single_column(chain, threads):
    product = product_of(chain, np.random.default_rng(5))
    plan, x = product.plan(threads=threads), np.random.default_rng(6).standard_normal(product.shape[1])
    np.testing.assert_allclose(plan(x), product.matrix() @ x, atol=1e-12)
    together = [len(stage) for stage in plan._stages]
    assert max(together, default=1) <= threads
    if any(conv.groups > 1 for conv in plan.chain.convolutions):
        assert max(together) > 1


@pytest.mark.parametrize("call", [0, 1, 10, 100, 10**6])
@pytest.mark.parametrize("chain", blocks.ALL.values(), ids=blocks.ALL)
def test_fusing_keeps_the_matrix(chain, call):
    product = product_of(chain, np.random.default_rng(4))
    fewer, weights = fused(chain, product.weights, 1, call)
    assert len(fewer.convolutions) <= len(chain.convolutions)
    again = Product(fewer, weights)
    assert (again.window, again.stride) == (product.window, product.stride)
    np.testing.assert_allclose(again.matrix(), product.matrix(), atol=1e-13)


def test_fusing_all_small_interleaved_chains():
    rng = np.random.default_rng(5)
    merged = 0
    for first, second in cases.rectangular(2, 8):
        chain = cases.interleaved_chain((first, second))
        product = random_product(chain, rng)
        fewer, weights = fused(chain, product.weights, 1, 10**6)
        np.testing.assert_allclose(Product(fewer, weights).matrix(), product.matrix(), atol=1e-13)
        # Blocks of both exist when whole primary branches meet in a component.
        assert (len(fewer.convolutions) == 1) == (first.groups % second.in_width == 0)
        merged += len(fewer.convolutions) == 1
    assert merged > 100


def test_fusing_weighs_calls_against_arithmetic():
    product = random_product(igcv2([8, 8, 8, 8], 1), np.random.default_rng(6))
    assert [conv.in_width for conv in product.plan(1).chain.convolutions] == [64, 64]
    assert product.plan(64).chain == product.chain
    hadamard_like = random_product(igcv2([2] * 6, 1), np.random.default_rng(6))
    assert len(hadamard_like.plan(1).chain.convolutions) < len(hadamard_like.plan(1024).chain.convolutions) < 6


@pytest.mark.parametrize("widths", [[8, 8], [4, 8, 4], [2, 2, 4, 4], [16, 4]], ids=str)
def test_interleaved_chains_are_applied_without_copies(widths):
    rng = np.random.default_rng(7)
    product = random_product(igcv2(widths, 1), rng)
    plan, x = product.plan(64), rng.standard_normal((product.shape[1], 64))
    # One matrix product a factor, read from and written to strided views.
    assert f"{len(plan.chain.convolutions)} steps" in repr(plan)
    np.testing.assert_allclose(plan(x), product.matrix() @ x, atol=1e-12)


@pytest.mark.parametrize("chain", blocks.ALL.values(), ids=blocks.ALL)
def test_no_step_reads_where_it_writes(chain):
    product = product_of(chain, np.random.default_rng(7))
    plan = product.plan(3)
    x, out = np.empty((product.shape[1], 3)), np.empty((product.shape[0], 3))
    for _, source, target in steps_in(plan):
        assert not np.may_share_memory(source(x), target(out))


@pytest.mark.parametrize("widths", [[16, 32, 32], [2, 128, 64]], ids=str)
def test_long_single_columns_are_copied_into_place(widths):
    rng = np.random.default_rng(7)
    product = random_product(igcv2(widths, 1), rng)
    plan, x = product.plan(), rng.standard_normal(product.shape[1])
    assert len(steps_in(plan)) > len(plan.chain.convolutions)
    np.testing.assert_allclose(plan(x), product @ x, atol=1e-12)


def test_a_million_interleaved_channels_make_no_index_list():
    chain = Chain([GroupConv(2**20, 2**20, 2**19), interleave(2**19, 2)])
    product = Product(chain, [np.ones((2**20, 2), np.float32)])
    out = product.plan(1)(np.ones(2**20, np.float32))
    assert (out == 2).all()
    assert chain.factors[1]._indices is None


def test_a_plan_of_another_type():
    rng = np.random.default_rng(8)
    product = random_product(igcv1(4, 4, 1), rng)
    single, double = product.plan(5, np.float32), product.plan(5, np.complex128)
    x = rng.standard_normal((16, 5))
    assert single(x).dtype == np.float32
    np.testing.assert_allclose(single(x), product @ x, atol=1e-5)
    np.testing.assert_allclose(double(1j * x), 1j * (product @ x), atol=1e-13)


def test_operands_of_any_layout_and_kind():
    rng = np.random.default_rng(9)
    product = random_product(igcv1(4, 4, 1), rng)
    plan, x = product.plan(6), rng.standard_normal((16, 12))
    frozen = x[:, :6].copy()
    frozen.setflags(write=False)
    for operand in (np.asfortranarray(x[:, :6]), x[:, ::2], frozen, x[:, :6].astype(np.float32), x[:, :6].tolist()):
        np.testing.assert_allclose(plan(operand), product @ np.asarray(operand), atol=1e-5)
    column = product.plan()
    np.testing.assert_allclose(column(x[:, 0]), product @ x[:, 0])
    assert column(x[:, 0]).shape == (16,)
    assert column(x[:, :1]).shape == (16, 1)


def test_it_shows_what_it_does():
    product = random_product(igcv1(4, 4, 1), np.random.default_rng(10))
    assert repr(product.plan(64, np.float32)) == "Plan(16x16 on 64 columns, float32, 1 steps)"
    assert "2 threads" in repr(product.plan(64, threads=2))
    assert isinstance(product.plan(), Plan)


PRODUCT = random_product(igcv1(2, 3, 1), np.random.default_rng(11))
COMPLEX = random_product(Chain([ChannelPermutation([1, 0]), GroupConv(2, 2)]), np.random.default_rng(11), np.complex64)
X = np.ones((6, 4))
READ_ONLY = np.ones((6, 4))
READ_ONLY.setflags(write=False)


@pytest.mark.parametrize(
    ("call", "error", "sentence"),
    [
        (lambda: PRODUCT.plan(0), ValueError, "batch=0 is below 1"),
        (lambda: PRODUCT.plan(2.0), TypeError, "batch=2.0 is a float"),
        (lambda: PRODUCT.plan(4, threads=0), ValueError, "threads=0 is below 1"),
        (lambda: PRODUCT.plan(4, int), TypeError, "dtype=.* is not a type to compute in"),
        (lambda: COMPLEX.plan(4, np.float32), TypeError, "dtype=float32 cannot hold the product's complex64 weights"),
        (lambda: PRODUCT.plan(4)(X[:5]), ValueError, r"x has shape \(5, 4\), but the plan was made for \(6, 4\)"),
        (lambda: PRODUCT.plan(4)(X[:, 0]), ValueError, r"x has shape \(6,\)"),
        (lambda: PRODUCT.plan(1)(X), ValueError, r"x has shape \(6, 4\), but the plan was made for \(6, 1\)"),
        (lambda: PRODUCT.plan(1)(X[None]), ValueError, r"was made for \(6, 1\): for images call product.convolve"),
        (lambda: PRODUCT @ X[None], ValueError, "for images call product.convolve"),
        (lambda: PRODUCT.plan(4)(1j * X), TypeError, "x has dtype complex128, the plan float64"),
        (lambda: PRODUCT.plan(4)(X.astype(str)), TypeError, "x has dtype <U"),
        (
            lambda: PRODUCT.plan(4)(X, out=np.ones((4, 6))),
            ValueError,
            r"out has shape \(4, 6\), but the result has \(6, 4\)",
        ),
        (
            lambda: PRODUCT.plan(1)(X[:, 0], out=np.ones((6, 1))),
            ValueError,
            r"out has shape \(6, 1\), but the result has \(6,\)",
        ),
        (lambda: PRODUCT.plan(4)(X, out=np.ones((6, 4), np.float32)), TypeError, "out is an array of float32"),
        (lambda: PRODUCT.plan(4)(X, out=[[0.0] * 4] * 6), TypeError, "out is a list"),
        (lambda: PRODUCT.plan(4)(X, out=np.ones((4, 6)).T), ValueError, "out is not C-contiguous"),
        (lambda: PRODUCT.plan(4)(X, out=READ_ONLY), ValueError, "out is read-only"),
        (lambda: PRODUCT.plan(4)(X, out=X), ValueError, "out overlaps x"),
    ],
)
def test_bad_input_gets_a_sentence(call, error, sentence):
    with pytest.raises(error, match=sentence):
        call()
    assert (X == 1).all()
    assert (READ_ONLY == 1).all()


# --- sharing -------------------------------------------------------------------------------------------------------------

SHARED = random_product(igcv2([8, 8, 8], kernel_size=1), np.random.default_rng(9))
OPERANDS = [np.random.default_rng(seed).standard_normal((512, 64)) for seed in (10, 11)]


@pytest.mark.parametrize(
    "copied",
    [copy.copy, copy.deepcopy, lambda plan: pickle.loads(pickle.dumps(plan))],
    ids=["copy", "deepcopy", "pickle"],
)
def test_a_copy_has_buffers_of_its_own(copied, monkeypatch):
    plan, run = SHARED.plan(64), plans.run_steps
    other, between = copied(plan), []

    def interrupted(steps, x, out):
        for step in steps:
            run([step], x, out)
            if np.array_equal(x, OPERANDS[0]):  # the copy works while the plan is in the middle
                between.append(other(OPERANDS[1]))

    monkeypatch.setattr(plans, "run_steps", interrupted)
    np.testing.assert_allclose(plan(OPERANDS[0]), SHARED @ OPERANDS[0], atol=1e-12)
    assert len(between) > 1
    for result in between:
        np.testing.assert_allclose(result, SHARED @ OPERANDS[1], atol=1e-12)


def test_two_threads_that_call_one_plan_get_their_own_results():
    plan, expected = SHARED.plan(64), [SHARED @ x for x in OPERANDS]

    def wrong(k):
        return sum(not np.allclose(plan(OPERANDS[k]), expected[k], atol=1e-12) for _ in range(100))

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(wrong, (0, 1))) == [0, 0]
