"""Nearest products against their definitions, brute force, closed forms and matrices known to be products."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from itertools import accumulate
from itertools import product as pairs_of

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.linalg import dft, hadamard
from scipy.optimize import minimize
from scipy.sparse import csr_array

from igc_theory import Chain, GroupConv, depthwise_separable, group, igcv1, igcv2, igcv3, interleave
from igc_theory.kernels import Projection, project, random_product
from igc_theory.kernels import rank_one_pairs as pairs
from igc_theory.kernels.projection import hierarchical, methods
from igc_theory.structure import ChannelPermutation, blast, interleaved, inverted_residual, regular, xception
from tests import cases, oracles

Matrix = NDArray[np.float64]


def split_error(kernel: Matrix, before: tuple, after: tuple) -> float:
    """The distance to the nearest product of two parts that are group convolutions, block by block from the definition."""
    first, second = oracles.count_paths(before), oracles.count_paths(after)
    middles = range(len(first))
    reads = [frozenset(i for i, ways in enumerate(row) if ways) for row in first]
    writes = [frozenset(o for o, row in enumerate(second) if row[c]) for c in middles]
    squared = 0.0
    for inputs, outputs in pairs_of({*reads}, {*writes}):
        shared = sum(reads[c] == inputs and writes[c] == outputs for c in middles)
        block = kernel[np.ix_(sorted(outputs), sorted(inputs))]
        squared += (np.linalg.svd(block, compute_uv=False)[shared:] ** 2).sum()
    return float(np.sqrt(squared))


def split_error_of(kernel: Matrix):
    """The same as a function of the pair, 0 if a part is not a group convolution."""

    def error(parts: tuple[tuple, tuple]) -> float:
        branches = oracles.branches_of_part(parts[0], "outputs"), oracles.branches_of_part(parts[1], "inputs")
        return 0.0 if any(part is None for part in branches) else split_error(kernel, *parts)

    return error


def two_parts(chain: Chain, convolution: int) -> tuple[tuple, tuple]:
    """The factors up to a convolution, and those behind it."""
    at = [k for k, factor in enumerate(chain.factors) if isinstance(factor, GroupConv)][convolution]
    wires = GroupConv(chain.out_channels, chain.out_channels, chain.out_channels)
    return chain.factors[: at + 1], (*chain.factors[at + 1 :], wires)


def check(kernel: Matrix, projection: Projection, chain: Chain) -> float:
    """Return the distance recomputed from the product's matrix, after comparing it with what the projection says."""
    assert projection.product.chain == chain
    error = float(np.linalg.norm(projection.product.matrix() - kernel.reshape(len(kernel), -1)))
    assert projection.relative_error * np.linalg.norm(kernel) == pytest.approx(error, rel=1e-9, abs=1e-12)
    assert projection.lower_bound is None or 0 <= projection.lower_bound <= projection.relative_error
    return error


@pytest.mark.parametrize("family", [cases.partition_chains, cases.permuted_rectangular_chains])
def test_all_small_chains(family) -> None:
    rng, projected = np.random.default_rng(0), 0
    for k, chain in enumerate(family()):
        length = len(chain.convolutions)
        if length == 3 and k % (2 if oracles.strict(chain) else 53):  # keeps this short
            continue
        kernel = rng.standard_normal((chain.out_channels, chain.in_channels))
        projection = project(kernel, chain)
        error, projected = check(kernel, projection, chain), projected + 1
        parts = [two_parts(chain, c) for c in range(max(1, length - 1))]
        if projection.method == "alternating least squares":
            assert length == 3
            continue
        bound, largest = projection.lower_bound * np.linalg.norm(kernel), max(map(split_error_of(kernel), parts))
        assert bound >= largest - 1e-9
        if projection.method == "hierarchical":
            assert bound == pytest.approx(largest, rel=1e-9, abs=1e-9)
        else:
            assert bound == pytest.approx(error, abs=1e-12)
        if length < 3:
            assert error == pytest.approx(largest, rel=1e-9, abs=1e-9)
    assert projected > 100


def test_every_strict_chain_of_three_factors_comes_back() -> None:
    rng, found = np.random.default_rng(1), 0
    for chain in cases.partition_chains():
        if len(chain.convolutions) == 3 and oracles.strict(chain):
            kernel = random_product(chain, rng).matrix()
            assert check(kernel, project(kernel, chain), chain) < 1e-13 * np.linalg.norm(kernel)
            found += 1
    assert found > 20


SPATIAL = [
    igcv1(4, 2, (3, 1)),
    igcv2([2, 3, 2], 3),
    igcv2([1, 2, 2, 2], 3),
    regular(3, 5),
    group(6, 9, 3),
    depthwise_separable(6, 4),
    xception(4, 6, (1, 3)),
    interleaved(12, [4, 4], 3),
    Chain([GroupConv(12, 8, 4), interleave(4, 2), GroupConv(8, 6, 2, 3)]),
    Chain([GroupConv(8, 8, 4), interleave(4, 2), GroupConv(8, 8, 4, 3), interleave(4, 2), GroupConv(8, 8, 4)]),
    Chain([GroupConv(8, 8, 4), interleave(4, 2), GroupConv(8, 8, 4), interleave(4, 2), GroupConv(8, 8, 4, 3)]),
    Chain([depthwise_separable(8, 8, 3), interleave(2, 4), GroupConv(8, 4, 2)]),
    Chain([group(8, 8, 8, 1), igcv1(4, 2), group(8, 8, 8, 1), interleave(2, 4)]),
    Chain([group(6, 6, 2, 1), group(6, 6, 2, 3)]),
    Chain([group(4, 4, 4, 1), group(4, 4, 4, 1)]),
    Chain([GroupConv(8, 8, stride=2), GroupConv(8, 4)]),
    Chain([GroupConv(8, 8, 8, 3, stride=2), GroupConv(8, 4, stride=2)]),
]


@pytest.mark.parametrize("chain", SPATIAL, ids=repr)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128])
def test_products_come_back_whatever_their_type(chain: Chain, dtype: type) -> None:
    kernel = random_product(chain, np.random.default_rng(0), dtype).kernel()
    projection = project(kernel, chain)
    tolerance = 1e-13 if kernel.real.dtype == np.float64 else 2e-6
    assert projection.product.dtype == dtype
    assert projection.relative_error < tolerance
    assert np.linalg.norm(projection.product.kernel() - kernel) < tolerance * np.linalg.norm(kernel)
    norms = [np.linalg.norm(weights) for weights in projection.product.weights]
    assert np.allclose(norms, norms[0], rtol=1e-5)


@pytest.mark.parametrize("chain", SPATIAL, ids=repr)
def test_errors_of_any_kernel_are_those_of_the_product(chain: Chain) -> None:
    rng = np.random.default_rng(0)
    kernel = rng.standard_normal(random_product(chain, rng).kernel().shape)
    check(kernel, project(kernel, chain), chain)
    check(kernel + 1j * kernel[::-1], project(kernel + 1j * kernel[::-1], chain), chain)


def test_a_window_is_unfolded_to_its_own_side() -> None:
    kernel = np.random.default_rng(0).standard_normal((6, 4, 3, 3))
    tails = [np.linalg.svd(kernel[:, c].reshape(6, 9), compute_uv=False)[1:] for c in range(4)]
    assert project(kernel, depthwise_separable(4, 6)).relative_error == pytest.approx(
        np.linalg.norm(np.concatenate(tails)) / np.linalg.norm(kernel), rel=1e-12
    )
    tails = [np.linalg.svd(kernel[o].reshape(4, 9), compute_uv=False)[1:] for o in range(6)]
    assert project(kernel, xception(4, 6)).relative_error == pytest.approx(
        np.linalg.norm(np.concatenate(tails)) / np.linalg.norm(kernel), rel=1e-12
    )


def test_one_branch_is_low_rank() -> None:
    kernel = np.random.default_rng(0).standard_normal((30, 20))
    tail = np.linalg.svd(kernel, compute_uv=False)[4:]
    projection = project(kernel, Chain([GroupConv(20, 4), GroupConv(4, 30)]))
    assert projection.relative_error == pytest.approx(np.linalg.norm(tail) / np.linalg.norm(kernel), rel=1e-12)


def test_one_group_convolution_keeps_its_blocks() -> None:
    kernel = np.random.default_rng(0).standard_normal((4, 6, 3, 3))
    projection = project(kernel, group(6, 4, 2))
    assert np.array_equal(projection.product.kernel()[:2, :3], kernel[:2, :3])
    assert check(kernel, projection, group(6, 4, 2)) ** 2 == pytest.approx(
        (kernel[:2, 3:] ** 2).sum() + (kernel[2:, :3] ** 2).sum()
    )


@pytest.mark.parametrize(
    "chain",
    [igcv1(2, 2, 1), interleaved(6, [2, 4 - 1], 1), interleaved(4, [4, 2], 1), group(4, 4, 2, 1) + group(4, 4, 2, 1)],
)
def test_no_optimizer_does_better_with_two_factors(chain: Chain) -> None:
    rng = np.random.default_rng(0)
    kernel = rng.standard_normal((chain.out_channels, chain.in_channels))
    closed = check(kernel, project(kernel, chain), chain) ** 2
    found = [minimized(kernel, chain, rng) for _ in range(8)]
    assert min(found) >= closed - 1e-9
    assert min(found) == pytest.approx(closed, rel=1e-5)


def test_no_optimizer_goes_below_the_bound_of_three_factors() -> None:
    rng, chain = np.random.default_rng(0), igcv2([2, 2, 2], 1)
    kernel = rng.standard_normal((8, 8))
    projection = project(kernel, chain)
    best = min(minimized(kernel, chain, rng) for _ in range(6)) ** 0.5 / np.linalg.norm(kernel)
    assert projection.lower_bound <= best
    # The hierarchical product is near the best one known, and inside the certified interval.
    assert best - 1e-9 <= projection.relative_error < 1.15 * best


def minimized(kernel: Matrix, chain: Chain, rng: np.random.Generator) -> float:
    """The squared distance that a general optimizer reaches from a random start; the product is multiplied out arrow by arrow."""
    supports = [oracles.support(factor).astype(float) for factor in chain.factors]
    at = [np.nonzero(support) for support in supports]
    free = [isinstance(factor, GroupConv) for factor in chain.factors]
    ends = np.cumsum([len(rows) if varies else 0 for (rows, _), varies in zip(at, free, strict=True)])

    def distance_and_slopes(flat: Matrix) -> tuple[float, Matrix]:
        for support, place, varies, values in zip(supports, at, free, np.split(flat, ends[:-1]), strict=True):
            if varies:
                support[place] = values
        before = [*accumulate(supports, lambda done, factor: factor @ done, initial=np.eye(chain.in_channels))]
        apart = before[-1] - kernel
        behind, slopes = apart, []
        for support, done, place, varies in zip(supports[::-1], before[-2::-1], at[::-1], free[::-1], strict=True):
            slopes.append((2 * behind @ done.T)[place] if varies else np.empty(0))
            behind = support.T @ behind
        return float((apart**2).sum()), np.concatenate(slopes[::-1])

    start = rng.standard_normal(ends[-1])
    return float(minimize(distance_and_slopes, start, jac=True, options={"maxiter": 200}).fun)


def bit_reversal(bits: int) -> ChannelPermutation:
    return ChannelPermutation([int(f"{k:0{bits}b}"[::-1], 2) for k in range(2**bits)])


@pytest.mark.parametrize("bits", [1, 3, 6])
def test_hadamard_and_fourier_matrices_are_butterflies(bits: int) -> None:
    butterflies = igcv2([2] * bits, 1)
    for kernel, chain in [(hadamard(2**bits), butterflies), (dft(2**bits), Chain([bit_reversal(bits), butterflies]))]:
        projection = project(kernel, chain)
        assert projection.relative_error < 1e-13
        assert np.linalg.norm(projection.product.matrix() - kernel) < 1e-13 * np.linalg.norm(kernel)
        assert projection.lower_bound <= projection.relative_error
    if bits > 1:  # without the bit reversal the Fourier matrix is no product of butterflies
        assert project(dft(2**bits), butterflies).relative_error > 0.1


@given(st.data())
def test_orders_of_channels_change_nothing_if_chain_and_kernel_agree(data: st.DataObject) -> None:
    chain = data.draw(
        st.sampled_from([igcv1(2, 3, 1), igcv2([2, 2, 3], 1), interleaved(12, [4, 6], 1), igcv2([4, 3], 1)])
    )
    rng = np.random.default_rng(data.draw(st.integers(0, 10**6)))
    kernel = rng.standard_normal((chain.out_channels, chain.in_channels))
    rows, columns = (ChannelPermutation(rng.permutation(n)) for n in kernel.shape)
    plain, turned = (
        project(kernel, chain),
        project(rows(columns.inverse()(kernel, axis=1)), Chain([columns, chain, rows])),
    )
    assert turned.relative_error == pytest.approx(plain.relative_error, rel=1e-9)
    assert turned.lower_bound == pytest.approx(plain.lower_bound, rel=1e-9)


MIXED = Chain([bit_reversal(4), igcv2([2, 4, 2], 1), ChannelPermutation(np.random.default_rng(0).permutation(16))])
APART = Chain([bit_reversal(4), interleaved(16, [2, 2, 2], 1)])


@pytest.mark.parametrize(
    "chain",
    [igcv1(4, 4, 1), igcv2([2, 4, 2], 1), MIXED, APART, interleaved(16, [8, 4], 1), igcv3(16, 16)],
)
def test_small_panels_give_the_same(chain: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = np.random.default_rng(0).standard_normal(random_product(chain, np.random.default_rng(0)).kernel().shape)
    whole = project(kernel, chain)
    monkeypatch.setattr(hierarchical, "_PANEL", 8)
    monkeypatch.setattr("igc_theory.kernels.projection.two_factors._PANEL", 8)
    monkeypatch.setattr(hierarchical, "_AT_ONCE", 8)
    monkeypatch.setattr(hierarchical, "_NEAR", 8)
    monkeypatch.setattr(pairs, "_CHUNK", 8)
    parts = project(kernel, chain)
    assert parts.relative_error == pytest.approx(whole.relative_error, rel=1e-6)
    if "alternating" not in whole.method:
        assert np.allclose(parts.product.matrix(), whole.product.matrix(), atol=1e-12)
        assert parts.lower_bound == pytest.approx(whole.lower_bound)


@pytest.mark.parametrize("factor", [1e200, 1e-200, 1e-310])
@pytest.mark.parametrize("chain", [igcv1(4, 4, 1), igcv2([2, 4, 2], 1), interleaved(16, [8, 4], 1)])
def test_huge_and_tiny_kernels_neither_overflow_nor_vanish(chain: Chain, factor: float) -> None:
    kernel = np.random.default_rng(0).standard_normal((16, 16))
    projection = project(kernel * factor, chain)
    assert projection.relative_error == pytest.approx(
        project(kernel, chain).relative_error, rel=1e-9 if factor > 1e-300 else 1e-3
    )
    assert np.allclose(projection.product.matrix() / factor, project(kernel, chain).product.matrix(), rtol=1e-2)


@pytest.mark.parametrize("chain", [*SPATIAL, igcv3(8, 8)], ids=repr)
def test_a_zero_kernel_has_no_error(chain: Chain) -> None:
    projection = project(np.zeros(random_product(chain, np.random.default_rng(0)).kernel().shape), chain)
    assert projection.relative_error == projection.lower_bound == 0
    assert not projection.product.matrix().any()


def test_zero_blocks_and_zero_channels_do_no_harm() -> None:
    kernel = np.random.default_rng(0).standard_normal((16, 16))
    kernel[3], kernel[:, 5], kernel[8:, 8:] = 0, 0, 0
    for chain in (igcv1(4, 4, 1), igcv2([2, 2, 2, 2], 1), interleaved(16, [8, 4], 1)):
        check(kernel, project(kernel, chain), chain)


def test_inputs_are_left_alone_and_later_changes_do_not_matter() -> None:
    kernel = np.random.default_rng(0).standard_normal((16, 16))
    copy = kernel.copy()
    projection, again = project(kernel, igcv2([2] * 4, 1)), project(copy, igcv2([2] * 4, 1))
    assert np.array_equal(kernel, copy)
    kernel[:] = 0
    assert projection.lower_bound == again.lower_bound > 0


@pytest.mark.parametrize("kind", [np.float32, float, complex])
@pytest.mark.parametrize(
    "change",
    [
        np.negative,
        np.conj,
        lambda kernel: kernel[::-1],
        lambda kernel: kernel[:, ::-1],
        lambda kernel: np.where(np.eye(16, dtype=bool), np.inf, kernel),
    ],
    ids=["negative", "conjugate", "rows", "columns", "infinite"],
)
def test_large_kernels_are_not_copied_and_changed_ones_have_the_bound_of_the_first_split(
    change: Callable[[np.ndarray], np.ndarray], kind: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    (real, imaginary), chain = np.random.default_rng(0).standard_normal((2, 16, 16)), igcv2([2, 2, 4], 1)
    kernel = (real + 1j * imaginary if kind is complex else real).astype(kind)
    expected, first = project(kernel, chain).lower_bound, split_error_of(kernel)(two_parts(chain, 0))
    monkeypatch.setattr(methods, "_COPIED", 0)
    left, changed = project(kernel, chain), project(kernel, chain)
    assert left.lower_bound == expected
    before, norm = kernel.copy(), np.linalg.norm(kernel)
    kernel[:] = change(before)
    assert changed.lower_bound == pytest.approx(expected if np.array_equal(kernel, before) else first / norm)
    assert first / norm < expected * (1 - 1e-3)


@pytest.mark.parametrize("chain", [igcv2([2] * 4, 1), blast(16, 16, 2, 2)])
def test_a_product_may_exceed_the_largest_number_that_its_kernel_reaches(chain: Chain) -> None:
    kernel = np.sign(np.random.default_rng(0).standard_normal((16, 16)))
    found, huge = (project(k, chain, polish=True) for k in (kernel, kernel * np.finfo(float).max))
    assert huge.relative_error == pytest.approx(found.relative_error, rel=1e-9)
    assert all(np.isfinite(weight).all() for weight in huge.product.weights)


@pytest.mark.parametrize("axis", [0, 1])
def test_rows_and_columns_of_a_complex_kernel_may_differ_by_any_power(axis: int) -> None:
    real, imaginary = np.random.default_rng(0).standard_normal((2, 16, 16))
    sizes = np.expand_dims(10.0 ** np.r_[-np.arange(0, 300, 40), -155, -156, -157, -158, -159, -160, -161, -162], axis)
    found = project((real + 1j * imaginary) * sizes, igcv2([2] * 4, 1))
    assert found.lower_bound <= found.relative_error < 1


@pytest.mark.parametrize("kind", [np.float32, float, complex])
def test_the_bound_of_a_product_is_not_searched_for_and_that_of_a_kernel_beside_it_is(
    kind: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel, chain = random_product(igcv2([2] * 6, 1), np.random.default_rng(0)).matrix(), igcv2([2] * 6, 1)
    beside = kernel + 1e-4 * np.random.default_rng(1).standard_normal(kernel.shape)
    found, near = project(kernel.astype(kind), chain), project(beside.astype(kind), chain)
    monkeypatch.setattr(methods, "split_bound", lambda *_: pytest.fail("searched"))
    assert 0 <= found.lower_bound <= found.relative_error < (1e-6 if kind is np.float32 else 1e-14)
    with pytest.raises(pytest.fail.Exception, match="searched"):
        _ = near.lower_bound


def test_any_layout_and_integers_are_read() -> None:
    kernel = np.random.default_rng(0).integers(-9, 9, (16, 16))
    expected = project(kernel.astype(float), igcv2([4, 4], 1)).relative_error
    wide = np.zeros((32, 32))
    wide[::2, ::2] = kernel
    for same in (kernel, np.asfortranarray(kernel, float), wide[::2, ::2], kernel.tolist(), kernel.astype(">f8")):
        assert project(same, igcv2([4, 4], 1)).relative_error == pytest.approx(expected, rel=1e-12)


def test_spatial_kernels_may_be_matrices() -> None:
    kernel = np.random.default_rng(0).standard_normal((8, 8, 3, 3))
    flat = project(kernel.reshape(8, 72), igcv1(4, 2))
    assert np.array_equal(flat.product.matrix(), project(kernel, igcv1(4, 2)).product.matrix())


@pytest.mark.parametrize("chain", [igcv1(16, 32, 1), igcv2([2] * 9, 1), Chain([bit_reversal(9), igcv2([2] * 9, 1)])])
def test_memory_stays_below_two_kernels(chain: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hierarchical, "_PANEL", 2**14)  # in proportion to a kernel smaller than those that matter
    monkeypatch.setattr(hierarchical, "_AT_ONCE", 2**14)
    monkeypatch.setattr(hierarchical, "_NEAR", 2**12)
    monkeypatch.setattr(pairs, "_CHUNK", 2**13)
    monkeypatch.setattr(methods, "_COPIED", 0)
    kernel = np.random.default_rng(0).standard_normal((512, 512))
    project(kernel, chain)
    tracemalloc.start()
    project(kernel, chain)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert kernel.nbytes + peak <= 2 * kernel.nbytes


def test_displays_show_the_certificate() -> None:
    kernel = np.random.default_rng(0).standard_normal((16, 16))
    three = project(kernel, igcv2([2, 2, 4], 1))
    assert f"{three.lower_bound:.4g}" in repr(three)
    assert f"{three.relative_error / three.lower_bound:.3f}" in three._repr_html_()
    assert str(three) == three.sentence
    assert "nearest product" in repr(project(kernel, igcv2([4, 4], 1)))
    assert "no bound" in repr(project(kernel.reshape(4, 4, 4, 4)[..., :2, :2], inverted_residual(4, 4, 1, 2)))


@pytest.mark.parametrize(
    ("kernel", "chain", "kind", "words"),
    [
        (np.ones((8, 9)), igcv2([2, 2, 2], 1), ValueError, r"\(8, 9\).*\(8, 8, 1, 1\) or \(8, 8\)"),
        (np.ones((8, 8)), igcv2([2, 2, 2]), ValueError, r"\(8, 8\).*\(8, 8, 3, 3\) or \(8, 72\)"),
        ([[1, 2], [3]], regular(2, 2, 1), ValueError, "ragged"),
        ([["a", "b"], ["c", "d"]], regular(2, 2, 1), TypeError, "dtype"),
        (
            csr_array(np.eye(2)),
            regular(2, 2, 1),
            TypeError,
            r"kernel is a csr_array, a sparse array: give kernel.toarray",
        ),
        (None, regular(2, 2, 1), TypeError, "kernel=None is a NoneType: give real or complex numbers"),
        (np.ones((2, 2), np.longdouble), regular(2, 2, 1), TypeError, "dtype"),
        (np.array([[1, np.nan], [0, 1]]), regular(2, 2, 1), ValueError, r"kernel\[0, 1.*nan"),
        (np.array([[1, 2], [3, 1j * np.inf]]), regular(2, 2, 1), ValueError, r"kernel\[1, 1.*not finite"),
        (np.array([[np.nan + 1j, 0], [0, 1]]), regular(2, 2, 1), ValueError, r"kernel\[0, 0.*not finite"),
        (np.ones((6, 6)), 3, TypeError, "chain=3"),
        (np.ones((6, 6)), Chain([interleave(2, 3)]), ValueError, "no convolution"),
        (np.ones((6, 6, 3, 3)), regular(6, 6) + regular(6, 6), ValueError, r"needs \(6, 6, 5, 5\) or \(6, 150\)"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(kernel: object, chain: object, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        project(kernel, chain)


def test_bad_options_are_refused() -> None:
    with pytest.raises(TypeError, match="rng=0"):
        project(np.ones((4, 4)), igcv1(2, 2, 1), rng=0)
    with pytest.raises(ValueError, match="restarts=-1"):
        project(np.ones((4, 4)), igcv1(2, 2, 1), restarts=-1)
