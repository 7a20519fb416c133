"""Families that remove redundancy: each optimum against brute force, each cost against a count by hand."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from igc_theory.kernels import (
    Approximation,
    binarize,
    block_diagonal,
    cluster,
    frontier,
    low_rank,
    prune,
    prune_channels,
    prune_filters,
    prune_n_m,
    quantize,
    sparse_product,
    within_budget,
)
from igc_theory.kernels.compression.frontier import nondominated
from igc_theory.kernels.compression.structured import sparse_low_rank
from igc_theory.structure import GroupConv, grade, igcv1, igcv2
from igc_theory.structure.families.two_factor_chains import two_factor_chains

RNG = np.random.default_rng(7)
ENTRIES = st.floats(-4, 4, allow_nan=False).map(lambda x: round(x, 3))


def relative(kernel: np.ndarray, matrix: np.ndarray) -> float:
    return float(np.linalg.norm(kernel - matrix) / np.linalg.norm(kernel))


@given(arrays(float, st.tuples(st.integers(1, 2), st.integers(1, 5)), elements=ENTRIES))
def test_binary_is_the_best_of_all_sign_patterns(kernel: np.ndarray) -> None:
    found = binarize(kernel).matrix
    for row, ours in zip(kernel, found, strict=True):
        signs = np.array(list(product([-1, 1], repeat=row.size)))
        scales = signs @ row / row.size  # least squares for each pattern
        best = min(((row - scale * sign) ** 2).sum() for scale, sign in zip(scales, signs, strict=True))
        assert ((row - ours) ** 2).sum() <= best + 1e-12
        assert np.unique(np.abs(ours)).size == 1


@given(arrays(float, (3, 4), elements=ENTRIES), st.integers(1, 12))
def test_pruning_is_the_best_of_all_supports(kernel: np.ndarray, keep: int) -> None:
    found = prune(kernel, keep).matrix
    supports = combinations(range(12), keep)
    best = min(sum(kernel.ravel()[k] ** 2 for k in range(12) if k not in support) for support in map(set, supports))
    assert ((kernel - found) ** 2).sum() == pytest.approx(best)
    assert np.count_nonzero(found) <= keep


@pytest.mark.parametrize(("kept", "of"), [(1, 2), (2, 4), (3, 4), (4, 4)])
def test_pruning_within_groups_is_the_best_of_all_supports(kept: int, of: int) -> None:
    kernel = RNG.standard_normal((3, 8))
    found = prune_n_m(kernel, kept, of)
    for entries, ours in zip(kernel.reshape(-1, of), found.matrix.reshape(-1, of), strict=True):
        best = min(sum(entries[k] ** 2 for k in rest) for rest in combinations(range(of), of - kept))
        assert ((entries - ours) ** 2).sum() == pytest.approx(best)
    assert found.multiply_adds == 24 * kept // of


@pytest.mark.parametrize("keep", range(1, 5))
def test_channels_kept_are_the_best(keep: int) -> None:
    kernel = RNG.standard_normal((4, 12))
    rows = min(np.linalg.norm(kernel[list(rest)]) for rest in combinations(range(4), 4 - keep))
    assert np.linalg.norm(kernel - prune_filters(kernel, keep).matrix) == pytest.approx(rows)
    windows = kernel.reshape(4, 4, 3)
    inputs = min(np.linalg.norm(windows[:, list(rest)]) for rest in combinations(range(4), 4 - keep))
    found = prune_channels(kernel, keep, kernel_size=(1, 3))
    assert np.linalg.norm(kernel - found.matrix) == pytest.approx(inputs)
    assert found.multiply_adds == keep * 3 * 4


@pytest.mark.parametrize("rank", [1, 2, 3, 4])
def test_low_rank_reaches_the_bound_of_eckart_and_young_and_no_start_beats_it(rank: int) -> None:
    kernel = RNG.standard_normal((4, 6))
    found = low_rank(kernel, rank)
    tail = np.sqrt((np.linalg.svd(kernel, compute_uv=False)[rank:] ** 2).sum())
    assert np.linalg.norm(kernel - found.matrix) == pytest.approx(tail, abs=1e-12)
    assert np.linalg.matrix_rank(found.matrix) == rank
    for seed in range(20):  # alternating least squares from anywhere
        right = np.random.default_rng(seed).standard_normal((rank, 6))
        for _ in range(50):
            left = kernel @ np.linalg.pinv(right)
            right = np.linalg.pinv(left) @ kernel
        assert np.linalg.norm(kernel - left @ right) >= tail - 1e-9


@pytest.mark.parametrize(("shape", "k"), [((5, 7), 2), ((5, 7), 3), ((5, 7), 4), ((128, 129), 300)])
def test_code_book_is_a_local_optimum_of_k_means(shape: tuple[int, int], k: int) -> None:
    kernel = RNG.standard_normal(shape)
    matrix = cluster(kernel, k, np.random.default_rng(1)).matrix
    centres = np.unique(matrix)
    assert centres.size <= k
    assert np.array_equal(np.abs(kernel[..., None] - centres).argmin(axis=-1), np.searchsorted(centres, matrix))
    for centre in centres:
        assert kernel[matrix == centre].mean() == pytest.approx(centre)


def test_code_book_of_few_values_is_often_the_best_of_all() -> None:
    # Optimal clusters of numbers are intervals, so all splits of the sorted numbers are all candidates.
    reached = 0
    for seed in range(20):
        values = np.sort(np.random.default_rng(seed).standard_normal(12))
        splits = combinations(range(1, 12), 2)
        best = min(sum(part.var() * part.size for part in np.split(values, split)) for split in splits)
        error = ((values - cluster(values[None], 3, np.random.default_rng(seed)).matrix) ** 2).sum()
        assert error >= best - 1e-12
        reached += error <= best + 1e-12
    assert reached >= 10


@pytest.mark.parametrize("k", [2, 3, 4])
def test_values_that_differ_in_their_last_digits_have_a_code_book(k: int) -> None:
    nearly_one = np.random.default_rng(0).choice(1 + np.arange(-4, 4) * 2.0**-53, (24, 24))
    for matrix in (nearly_one, low_rank(np.ones((24, 24)), 1).matrix):
        assert cluster(matrix, k).relative_error < 1e-15
    of_three = np.repeat([[0.1, 0.3, 0.7]], 8) * nearly_one
    assert np.unique(cluster(of_three, k).matrix).size <= k


def test_code_book_larger_than_the_values_is_exact() -> None:
    assert cluster([[1, 2, 1], [2, 1, 1]], 4).relative_error == 0
    assert cluster([[0.0, 0.0]], 2).relative_error == 0


@given(arrays(float, (2, 6), elements=ENTRIES), st.integers(2, 8), st.sampled_from(["kernel", "tensor"]))
def test_quantizer_is_not_worse_than_a_step_up_to_the_largest_weight(kernel: np.ndarray, bits: int, per: str) -> None:
    top = 2 ** (bits - 1) - 1
    peak = np.abs(kernel).max(axis=1, keepdims=True) if per == "kernel" else np.abs(kernel).max()
    step = np.where(peak > 0, peak, 1) / top
    found = quantize(kernel, bits, per=per)
    plain = ((kernel - step * np.rint(kernel / step)) ** 2).sum()
    assert ((kernel - found.matrix) ** 2).sum() <= plain + 1e-12
    assert all(np.unique(np.round(row, 9)).size <= 2 * top + 1 for row in found.matrix)


def test_block_diagonal_is_what_it_keeps() -> None:
    kernel = RNG.standard_normal((4, 6, 9))
    found = block_diagonal(kernel.reshape(4, 54), 2, kernel_size=3)
    expected = np.zeros_like(kernel)
    expected[:2, :3], expected[2:, 3:] = kernel[:2, :3], kernel[2:, 3:]
    assert np.allclose(found.matrix, expected.reshape(4, 54))
    assert (found.storage_bits, found.multiply_adds) == (32 * 108, 108)


@pytest.mark.parametrize("groups", [2, 4])
@pytest.mark.parametrize("seed", range(10))
def test_reordering_finds_a_hidden_block_diagonal_and_is_paid_for(groups: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    blocks = np.kron(np.eye(groups), np.ones((4, 4))) * rng.standard_normal((4 * groups, 4 * groups))
    hidden = blocks[rng.permutation(len(blocks))][:, rng.permutation(len(blocks))]
    plain, found = block_diagonal(hidden, groups), block_diagonal(hidden, groups, reorder=True)
    assert plain.relative_error > 0.3
    assert found.relative_error < 1e-12
    assert found.storage_bits == plain.storage_bits + 2 * len(blocks) * np.log2(len(blocks))


def test_product_is_the_nearest_with_its_blocks_of_rank_one() -> None:
    """IGCV1, L=4, M=2: inputs 2l and 2l+1 reach outputs m, m+2, m+4, m+6 through one channel of the middle."""
    kernel = RNG.standard_normal((8, 8, 3, 3))
    found = sparse_product(kernel.reshape(8, 72), igcv1(L=4, M=2))
    blocks = [kernel[m::2, 2 * l : 2 * l + 2].reshape(4, 18) for m in range(2) for l in range(4)]
    lost = np.linalg.norm([np.linalg.svd(block, compute_uv=False)[1:] for block in blocks])
    assert found.relative_error == pytest.approx(lost / np.linalg.norm(kernel))
    assert (found.multiply_adds, found.storage_bits) == (8 * (2 * 9 + 4), 32 * 8 * (2 * 9 + 4))


@pytest.mark.parametrize("tiny", [1e-18, 1e-20, 1e-22, 1e-44, 1e-300])
def test_blocks_that_training_has_driven_to_nothing(tiny: float) -> None:
    kernel = RNG.standard_normal((64, 64))
    kernel[:, :16] *= tiny
    chain, zero = igcv1(L=8, M=8, kernel_size=1), kernel.copy()
    zero[:, :16] = 0
    assert sparse_product(kernel, chain).relative_error == pytest.approx(sparse_product(zero, chain).relative_error)


def test_low_rank_between_groups_has_blocks_of_that_rank() -> None:
    kernel = RNG.standard_normal((12, 8))
    found = sparse_low_rank(kernel, 8, (2, 2))
    errors = 0.0
    for rows, columns in product((slice(0, 6), slice(6, 12)), (slice(0, 4), slice(4, 8))):
        assert np.linalg.matrix_rank(found.matrix[rows, columns]) == 2
        errors += (np.linalg.svd(kernel[rows, columns], compute_uv=False)[2:] ** 2).sum()
    assert found.relative_error == pytest.approx(np.sqrt(errors) / np.linalg.norm(kernel))
    assert found.multiply_adds == 8 * 4 + 12 * 4


# Bits, multiply–adds and additions of an 8×12 kernel, counted by hand.
COSTS: list[tuple[Callable[[np.ndarray], Approximation], tuple[int, int, int]]] = [
    (binarize, (96 + 8 * 32, 8, 96)),
    (lambda w: quantize(w, 4), (4 * 96 + 8 * 32, 96 + 8, 0)),
    (lambda w: quantize(w, 8, per="tensor"), (8 * 96 + 32, 96 + 8, 0)),
    (lambda w: cluster(w, 5), (3 * 96 + 5 * 32, 8 * 5, 96)),
    (lambda w: cluster(w, 16), (4 * 96 + 16 * 32, 8 * 12, 96)),
    (lambda w: low_rank(w, 3), (32 * 60, 60, 0)),
    (lambda w: low_rank(w, 3, bits=4), (4 * 60 + 32 * (3 + 8), 60, 0)),
    (lambda w: prune_filters(w, 2), (32 * 24 + 2 * 3, 24, 0)),
    (lambda w: prune_filters(w, 5), (32 * 60 + 8, 60, 0)),
    (lambda w: prune_channels(w, 3), (32 * 24 + 3 * 4, 24, 0)),
    (lambda w: prune(w, 48), (32 * 48 + 96, 48, 0)),
    (lambda w: prune(w, 3), (32 * 3 + 3 * 4 + 8 * 4, 3, 0)),
    (lambda w: prune(w, 0.25), (32 * 24 + 96, 24, 0)),
    (prune_n_m, (48 * 34, 48, 0)),
    (lambda w: block_diagonal(w, 4), (32 * 24, 24, 0)),
    (lambda w: sparse_low_rank(w, 4), (32 * (24 + 16), 40, 0)),
    (lambda w: sparse_low_rank(w, 4, bits=8), (8 * 40 + 32 * (4 + 8), 40, 0)),
]


@pytest.mark.parametrize(("family", "cost"), COSTS)
def test_costs_counted_by_hand(family: Callable[[np.ndarray], Approximation], cost: tuple[int, int, int]) -> None:
    kernel = RNG.standard_normal((8, 12))
    before = kernel.copy()
    found = family(kernel)
    assert (found.storage_bits, found.multiply_adds, found.additions) == cost
    assert all(type(number) is int for number in (found.storage_bits, found.multiply_adds, found.additions))
    assert found.relative_error == pytest.approx(relative(kernel, found.matrix))
    assert np.array_equal(kernel, before)
    assert found.matrix.shape == kernel.shape
    assert not found.matrix.flags.writeable
    assert found.dense_bits == 32 * 96


def test_row_pointers_are_paid_for() -> None:
    """Two entries of 4×16: two column indices of 4 bits, and a pointer from 0 to 16 for each row, of 5 bits."""
    assert prune(np.eye(4, 16), 2).storage_bits == 2 * 32 + 2 * 4 + 4 * 5


@pytest.mark.parametrize("family", [family for family, _ in COSTS])
def test_a_zero_kernel_is_met_exactly(family: Callable[[np.ndarray], Approximation]) -> None:
    assert family(np.zeros((8, 12))).relative_error == 0


def test_single_precision_stays() -> None:
    kernel = RNG.standard_normal((8, 12)).astype(np.float32)
    assert all(family(kernel).matrix.dtype == np.float32 for family, _ in COSTS)


def test_displays_name_family_and_cost() -> None:
    found = low_rank(np.eye(4), 2)
    assert "low rank, rank 2: relative error 0.7071, 512 bits (100.0%), 16 multiply–adds" in repr(found)
    assert repr(binarize(np.eye(4))) in f"Approximation({binarize(np.eye(4))._repr_html_()[3:-4]})"


BAD: list[tuple[Callable[[], object], type[Exception], str]] = [
    (lambda: binarize([1.0, 2.0]), ValueError, r"matrix has shape \(2,\)"),
    (lambda: binarize(np.zeros((0, 3))), ValueError, "none of them empty"),
    (lambda: binarize([[np.nan, 1.0]]), ValueError, r"matrix\[0, 0\]=nan is not finite"),
    (lambda: binarize([[1j]]), TypeError, "give real ones"),
    (lambda: binarize([["a"]]), TypeError, "give real or complex numbers"),
    (lambda: quantize(np.eye(2), 1), ValueError, "bits=1 is below 2"),
    (lambda: quantize(np.eye(2), 17), ValueError, "bits=17 is above 16"),
    (lambda: quantize(np.eye(2), 4.0), TypeError, "bits=4.0"),
    (lambda: quantize(np.eye(2), 4, per="row"), ValueError, "per='row' is not known"),
    (lambda: cluster(np.eye(2), 1), ValueError, "k=1 is below 2"),
    (lambda: low_rank(np.eye(2), 3), ValueError, "rank=3 exceeds the smaller side"),
    (lambda: low_rank(np.eye(2), 0), ValueError, "rank=0 is below 1"),
    (lambda: prune_filters(np.eye(2), 3), ValueError, "keep=3 exceeds the 2 outputs"),
    (lambda: prune_channels(np.eye(2), 1, kernel_size=3), ValueError, "kernel_size=3 does not fit the 2 columns"),
    (lambda: prune(np.eye(2), 5), ValueError, "keep=5 exceeds the 4 entries"),
    (lambda: prune(np.eye(2), 1.5), ValueError, "keep=1.5 is not a share"),
    (lambda: prune(np.eye(2), 0.0), ValueError, "keep=0.0 is not a share"),
    (lambda: prune(np.eye(2), True), TypeError, "keep=True"),
    (lambda: prune_n_m(np.eye(2)), ValueError, "m=4 does not divide the 2 columns"),
    (lambda: prune_n_m(np.eye(4), 5, 4), ValueError, "n=5 exceeds m=4"),
    (lambda: block_diagonal(np.eye(6), 4), ValueError, "groups=4 does not divide"),
    (lambda: sparse_product(np.eye(6), igcv2([2, 2], kernel_size=1)), ValueError, "matrix has shape"),
    (lambda: sparse_product(np.eye(6), "chain"), TypeError, "chain='chain'"),
    (
        lambda: cluster(np.arange(8192.0).reshape(64, 128), 5000),
        ValueError,
        "k=5000 is above 4096, and matrix has 8192",
    ),
    (lambda: sparse_low_rank(np.eye(6), 3), ValueError, "rank=3 is not a multiple of both groups"),
    (lambda: frontier(np.eye(6), kernel_size=4), ValueError, "kernel_size=4 does not fit"),
]


@pytest.mark.parametrize(("call", "kind", "sentence"), BAD)
def test_bad_input_gets_a_sentence(call: Callable[[], object], kind: type[Exception], sentence: str) -> None:
    with pytest.raises(kind, match=sentence):
        call()


def test_frontier_marks_what_nothing_beats() -> None:
    kernel = RNG.standard_normal((16, 16))
    found = frontier(kernel, progress=False)
    columns = found.columns()
    assert len({len(column) for column in columns.values()}) == 1
    for mark, cost in ("least_bits", "bits_per_weight"), ("least_operations", "operations_per_weight"):
        points = list(zip(columns[cost], columns["relative_error"], strict=True))
        for marked, (a, e) in zip(columns[mark], points, strict=True):
            beaten = any(b <= a and d <= e and (b, d) != (a, e) for b, d in points)
            assert marked == (not beaten)
    families = set(columns["family"])
    assert {
        "binary",
        "quantized",
        "clustered",
        "low rank",
        "pruned",
        "2:4 pruned",
        "block-diagonal",
        "sparse product",
    } < families
    assert {"sparse low rank", "filter pruning", "channel pruning"} < families
    assert "nondominated" in repr(found)
    assert found._repr_html_().count("<tr>") == len(found.approximations) + 1


@pytest.mark.parametrize("budget", [1, 2.5, 5, 9, 40])
def test_within_budget_is_the_best_of_each_family(budget: float) -> None:
    kernel = RNG.standard_normal((16, 24))
    found = within_budget(kernel, budget)
    assert all(row.storage_bits <= budget * kernel.size for row in found)
    ranks = [low_rank(kernel, rank) for rank in range(1, 17)]
    counts = [prune(kernel, keep) for keep in range(1, kernel.size + 1)]
    groups = [block_diagonal(kernel, g) for g in (1, 2, 4, 8)]
    outputs = [prune_filters(kernel, keep) for keep in range(1, 17)]
    for family in (ranks, counts, groups, outputs):
        within = [row for row in family if row.storage_bits <= budget * kernel.size]
        ours = [row for row in found if row.family == family[0].family and "8 bits" not in row.setting]
        assert len(ours) == bool(within)
        assert not within or ours[0].relative_error == min(row.relative_error for row in within)


@pytest.mark.parametrize("budget", [1.1, 3, 8.5, 9, 13.7, 20, 64])
def test_within_budget_takes_the_most_values(budget: float) -> None:
    kernel = RNG.standard_normal((24, 32))
    counts = [k for k in range(2, 257) if (k - 1).bit_length() * kernel.size + 32 * k <= budget * kernel.size]
    names = [row.name for row in within_budget(kernel, budget) if row.family == "clustered"]
    assert names == [f"clustered, {counts[-1]} values"] * bool(counts)


def test_frontier_of_a_spatial_rectangular_kernel() -> None:
    kernel = RNG.standard_normal((8, 12, 3, 3))
    found = frontier(kernel.reshape(8, 108), kernel_size=3, progress=False)
    assert all(0 <= row.relative_error <= 1 for row in found.approximations)
    assert any(row.family == "sparse product" for row in found.approximations)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=8))
def test_nondominated_against_the_definition(points: list[tuple[int, int]]) -> None:
    marks = nondominated([cost for cost, _ in points], [error for _, error in points])
    for mark, (cost, error) in zip(marks, points, strict=True):
        assert mark == (not any(c <= cost and e <= error and (c < cost or e < error) for c, e in points))


@pytest.mark.parametrize(
    ("out", "into", "window"), [(64, 64, 1), (48, 16, 1), (16, 48, 1), (32, 32, 3), (60, 480, (1, 3)), (7, 7, 1)]
)
def test_chains_of_a_frontier_are_complementary(out: int, into: int, window: int | tuple[int, int]) -> None:
    for chain in two_factor_chains(into, out, window):
        assert (chain.out_channels, chain.in_channels) == (out, into)
        assert grade(chain).kind in ("strict", "loose")
        assert chain.parameters < GroupConv(into, out, 1, window).parameters
