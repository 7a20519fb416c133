"""Truncated blocks against LAPACK's full decompositions, near ties and at the edges."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from igc_theory.kernels import bounded_rank as lowrank
from igc_theory.kernels.bounded_rank import truncated


def with_singular_values(
    values: list[float], m: int, n: int, rng: np.random.Generator, complex_: bool = False
) -> np.ndarray:
    """A matrix of shape (m, n) with these singular values."""
    shape = [(size, len(values)) for size in (m, n)]
    u, v = (np.linalg.qr(rng.standard_normal(s) + 1j * complex_ * rng.standard_normal(s))[0] for s in shape)
    matrix = (u * values) @ v.conj().T
    return matrix if complex_ else matrix.real


def check(blocks: np.ndarray, rank: int) -> None:
    """Compare with Eckart and Young, and look at the promised form of the factors."""
    left, right = truncated(blocks, rank)
    assert left.shape == (*blocks.shape[:-1], rank)
    assert right.shape == (*blocks.shape[:-2], rank, blocks.shape[-1])
    squares = np.linalg.svd(blocks, compute_uv=False) ** 2
    error = np.linalg.norm(blocks - left @ right, axis=(-2, -1)) ** 2
    assert np.allclose(error, squares[..., rank:].sum(-1), rtol=1e-10, atol=1e-10 * squares.sum(-1).max())
    assert np.allclose(left, blocks @ right.mT.conj(), atol=1e-12 * np.abs(blocks).max(initial=1e-300))
    gram = right @ right.mT.conj()
    lengths = np.diagonal(gram, axis1=-2, axis2=-1).real
    assert np.allclose(gram, np.round(lengths)[..., None] * np.eye(rank), atol=1e-12)
    assert ((np.round(lengths) == 1) | (np.linalg.norm(left, axis=-2) == 0)).all()


@given(
    batch=st.lists(st.integers(1, 3), max_size=2),
    m=st.integers(1, 9),
    n=st.integers(1, 9),
    rank=st.integers(1, 4),
    seed=st.integers(0, 10**6),
    complex_=st.booleans(),
)
def test_any_shape(batch: list[int], m: int, n: int, rank: int, seed: int, complex_: bool) -> None:
    rng = np.random.default_rng(seed)
    blocks = rng.standard_normal((*batch, m, n))
    check(blocks + 1j * rng.standard_normal(blocks.shape) if complex_ else blocks, rank)


@pytest.mark.parametrize("gap", [0, 1e-15, 1e-10, 1e-6, 1e-4, 1e-2, 0.5, 1])
@pytest.mark.parametrize("complex_", [False, True])
def test_near_ties_are_found_out(gap: float, complex_: bool) -> None:
    rng = np.random.default_rng(0)
    values = [1, 1 - gap, *np.linspace(0.5, 0.1, 10)]
    check(np.stack([with_singular_values(values, m, n, rng, complex_) for m, n in [(12, 12)] * 5]), 1)
    check(np.stack([with_singular_values(values, m, n, rng, complex_) for m, n in [(12, 40)] * 5]), 1)
    check(np.stack([with_singular_values(values[:2], m, 2, rng, complex_) for m in [30] * 5]), 1)


def test_near_ties_need_the_decomposition(monkeypatch: pytest.MonkeyPatch) -> None:
    block = with_singular_values([1, 1 - 1e-5, 0.5], 3, 3, np.random.default_rng(1))
    monkeypatch.setattr(lowrank, "_LOSS", 1.0)
    with pytest.raises(AssertionError):
        check(np.stack([block]), 1)


@pytest.mark.parametrize("second", [0.3, 0.1, 0.03, 1e-2, 1e-4, 1e-8, 0])
@pytest.mark.parametrize("complex_", [False, True])
def test_blocks_nearly_of_rank_one(second: float, complex_: bool) -> None:
    rng = np.random.default_rng(2)
    for m, n in ((12, 12), (12, 40), (40, 12)):
        values = [1, *second * np.linspace(1, 0.1, 10)]
        blocks = [with_singular_values(values, m, n, rng, complex_) for _ in range(5)]
        check(np.stack(blocks), 1)
        check(np.stack([*blocks, rng.standard_normal((m, n)), np.zeros((m, n)), 1e-170 * blocks[0]]), 1)


def test_the_longest_row_may_be_another_singular_vector() -> None:
    longest = np.array([[2, 0, 0], [2, 0, 0], [2, 0, 0], [0, 3, 0]], float)
    check(np.stack([longest, np.ones((4, 3)), np.zeros((4, 3))]), 1)


def test_blocks_of_rank_one_need_no_powers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lowrank, "_gram", None)
    check(np.stack([with_singular_values([2], 9, 7, np.random.default_rng(k)) for k in range(4)]), 1)


def test_all_singular_values_equal() -> None:
    check(np.stack([np.eye(6), np.linalg.qr(np.random.default_rng(0).standard_normal((6, 6)))[0]]), 1)


def test_blocks_of_very_different_size() -> None:
    blocks = np.random.default_rng(0).standard_normal((40, 8, 8)) * np.logspace(0, -300, 40)[:, None, None]
    left, right = truncated(blocks, 1)
    values = np.linalg.svd(blocks, compute_uv=False)
    assert np.allclose(np.linalg.norm(left, axis=(1, 2))[:20], values[:20, 0], rtol=1e-9)
    assert (np.linalg.norm(left, axis=(1, 2)) <= values[:, 0] * (1 + 1e-12)).all()
    assert np.isfinite(left).all()
    assert np.isfinite(right).all()


def test_the_start_can_be_orthogonal_to_nothing() -> None:
    """The leading vector lies on one channel, on each in turn: a power method that starts at a channel would miss it."""
    for k in range(7):
        values = np.full(7, 0.9)
        values[k] = 1
        check(np.diag(values)[None], 1)


def test_strided_views_are_read_and_left_alone() -> None:
    panel = np.random.default_rng(0).standard_normal((3, 20, 4, 5))
    copy = panel.copy()
    for blocks in (
        panel.swapaxes(1, 2),
        panel[..., ::2].swapaxes(1, 2),
        panel[:, ::-1].swapaxes(1, 2),
        panel.swapaxes(1, 3),
    ):
        check(blocks, 1)
        check(blocks, 2)
    assert np.array_equal(panel, copy)
