"""Blocks of two columns against LAPACK's decompositions, one block at a time, and against a search over all directions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from igc_theory.kernels import rank_one_pairs as pairs
from igc_theory.kernels.rank_one_pairs import squared_norm, truncated_pairs


def solved(blocks: np.ndarray, left: np.ndarray | None = None) -> tuple[np.ndarray, float]:
    return truncated_pairs(lambda rows: blocks[:, rows], blocks.shape[:-1], left)


def check(blocks: np.ndarray) -> None:
    """Compare blocks of shape (o, m, p, 2) with Eckart and Young."""
    before = blocks.copy()
    left = np.empty(blocks.shape[:-1], blocks.dtype)
    right, lost = solved(blocks, left)
    each = blocks.swapaxes(1, 2)
    squares = np.linalg.svd(each, compute_uv=False) ** 2
    assert np.isclose(lost, squares[..., 1:].sum(), rtol=1e-10, atol=1e-13 * squares.sum())
    assert np.allclose(np.linalg.norm(right, axis=-1), 1, atol=1e-14)
    assert np.allclose(left.swapaxes(1, 2), np.matvec(each, right.conj()), atol=1e-12 * np.abs(blocks).max())
    assert np.allclose((np.abs(left) ** 2).sum(axis=1), squares[..., 0], rtol=1e-10, atol=1e-13 * squares.sum())
    assert np.array_equal(blocks, before)
    assert solved(blocks)[1] == lost


@given(
    outputs=st.integers(1, 3),
    m=st.integers(1, 9),
    p=st.integers(1, 5),
    seed=st.integers(0, 10**6),
    complex_=st.booleans(),
    chunk=st.sampled_from([1, 8, 2**16]),
)
def test_any_shape(outputs: int, m: int, p: int, seed: int, complex_: bool, chunk: int) -> None:
    rng = np.random.default_rng(seed)
    blocks = rng.standard_normal((outputs, m, p, 2)) + 1j * complex_ * rng.standard_normal((outputs, m, p, 2))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pairs, "_CHUNK", chunk)
        check(blocks if complex_ else blocks.real)


@pytest.mark.parametrize("kind", [float, complex])
@pytest.mark.parametrize(
    "block",
    [
        [[0, 1], [0, 2]],  # orthogonal columns, the second one longer
        [[1, 0], [2, 0]],
        [[1, 0], [0, 1]],  # all directions alike
        [[0, 0], [0, 0]],
        [[1, -1], [1, -1]],
        [[0, 0], [3, 3]],
        [[1, 1], [1, 1 + 1e-9]],
    ],
)
def test_special_angles(block: list[list[float]], kind: type) -> None:
    check(np.array(block, kind)[None, :, None])


def test_phases() -> None:
    check(np.array([[1, 1j], [1j, -1]])[None, :, None])
    check(np.array([[1j, 2], [1, -2j]])[None, :, None])


def test_what_is_strided_or_single_is_read_as_it_is() -> None:
    wide = np.random.default_rng(0).standard_normal((2, 6, 4, 4)).astype(np.float32)
    single = solved(wide[:, ::2, :, ::2])[1]
    assert np.isclose(single, solved(wide[:, ::2, :, ::2].astype(float))[1], rtol=1e-12)


@given(
    shape=st.tuples(st.integers(1, 2), st.integers(2, 9), st.integers(1, 4)),
    noise=st.sampled_from([0.0, *10.0 ** np.arange(-16, -3)]),
    hidden=st.sampled_from([1.0, 1e-12, 0.0]),
    seed=st.integers(0, 10**6),
    chunk=st.sampled_from([1, 8, 2**16]),
)
def test_blocks_that_are_nearly_of_rank_one(
    shape: tuple[int, int, int], noise: float, hidden: float, seed: int, chunk: int
) -> None:
    rng = np.random.default_rng(seed)
    left, right, other = (
        rng.standard_normal(size) + 1j * rng.standard_normal(size) for size in (shape, (*shape[::2], 2), (*shape, 2))
    )
    left[:, 0] *= hidden  # a first row that says little or nothing
    blocks = left[..., None] * right[:, None] + noise * other
    _, singular, across = np.linalg.svd(blocks.swapaxes(1, 2), full_matrices=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pairs, "_CHUNK", chunk)
        check(blocks)
        found, lost = solved(blocks)
    assert np.allclose(np.vecdot(across[..., 1, :], found), 0, atol=1e-14)
    assert np.sqrt(lost) == pytest.approx(np.linalg.norm(singular[..., 1]), rel=1e-6, abs=1e-15 * singular.max())


@pytest.mark.parametrize("chunk", [1, 2**16])
@pytest.mark.parametrize("size", [1e-150, 1e-154, 1e-160, 5e-162, 1e-170])
def test_blocks_whose_energies_are_below_the_smallest_full_number(size: float, chunk: int) -> None:
    rng = np.random.default_rng(0)
    blocks = size * (rng.standard_normal((2, 5, 2, 2)) + 1j * rng.standard_normal((2, 5, 2, 2)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pairs, "_CHUNK", chunk)
        right, lost = truncated_pairs(lambda rows: blocks[:, rows], blocks.shape[:-1])
    assert np.allclose(np.linalg.norm(right, axis=-1), 1)
    assert 0 <= lost <= np.linalg.norm(blocks) ** 2 * (1 + 1e-9) + 1e-300


def test_one_pass_over_the_rows_is_enough_where_they_are_parallel() -> None:
    def passes(blocks: np.ndarray) -> int:
        read: list[int] = []
        truncated_pairs(lambda rows: read.append(rows.start) or blocks[:, rows], blocks.shape[:-1])
        return read.count(len(blocks[0]) - 1)

    rng = np.random.default_rng(0)
    line = rng.standard_normal((1, 2**10, 1)) * (rng.standard_normal((1, 1, 1, 2)) + 1j)
    line = line.reshape(1, 2**10, 1, 2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pairs, "_CHUNK", 2)
        assert passes(line) == 1
        line[0, -1, 0, 0] += 1e-3
        assert passes(line) == 2 + 1


@given(st.integers(1, 3), st.integers(0, 100), st.sampled_from([float, complex]))
def test_squared_norm(ndim: int, seed: int, kind: type) -> None:
    array = np.random.default_rng(seed).standard_normal((4,) * ndim).astype(kind) * (1 + 2j if kind is complex else 1)
    for view in (array, array.T, array.real):
        assert np.isclose(squared_norm(view), (np.abs(view) ** 2).sum())
