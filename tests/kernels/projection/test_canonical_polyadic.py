"""Alternating least squares for depthwise middles: monotone, started well, exact where a closed form exists."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from igc_theory import Chain, igcv3
from igc_theory.kernels import project, random_product
from igc_theory.kernels.projection.alternating.canonical_polyadic import Terms, alternate, random_start, start
from igc_theory.structure import inverted_residual, shufflenet_unit

SHAPES = [((3, 4, 5, 6), 2), ((1, 4, 4, 9), 4), ((2, 3, 2, 9), 7), ((2, 4, 4, 3), 1)]


def random_blocks(shape: tuple[int, ...], complex_: bool = False) -> np.ndarray:
    rng = np.random.default_rng(0)
    blocks = rng.standard_normal(shape)
    return blocks + 1j * rng.standard_normal(shape) if complex_ else blocks


@pytest.mark.parametrize(("shape", "rank"), SHAPES)
@pytest.mark.parametrize("complex_", [False, True])
def test_errors_never_grow_and_stay_above_the_bound(shape: tuple[int, ...], rank: int, complex_: bool) -> None:
    blocks = random_blocks(shape, complex_)
    for terms in (start(blocks, rank), random_start(blocks, rank, np.random.default_rng(1))):
        fitted, history = alternate(blocks, terms)
        assert (np.diff(history) <= 0).all()
        assert history[0] == pytest.approx(terms.errors(blocks).sum())
        assert history[-1] == pytest.approx(fitted.errors(blocks).sum())


@pytest.mark.parametrize(("shape", "rank"), SHAPES)
def test_the_start_beats_cutting_each_singular_vector_to_one_window(shape: tuple[int, ...], rank: int) -> None:
    blocks = random_blocks(shape)
    n, b, a, area = shape
    u, s, v = np.linalg.svd(blocks.reshape(n, b, a * area), full_matrices=False)
    cut = np.zeros_like(blocks)
    for cell, k in np.ndindex(n, min(rank, s.shape[1])):
        p, t, q = np.linalg.svd(v[cell, k].reshape(a, area) * s[cell, k])
        cut[cell] += t[0] * u[cell, :, k, None, None] * p[:, 0, None] * q[0]
    assert (
        start(blocks, rank).errors(blocks) <= np.linalg.norm((blocks - cut).reshape(n, -1), axis=1) ** 2 + 1e-12
    ).all()


def test_enough_terms_are_exact_without_a_sweep() -> None:
    blocks = random_blocks((2, 3, 4, 5))
    assert start(blocks, 12).errors(blocks).max() < 1e-25
    assert start(blocks, 20).outputs.shape == (2, 3, 20)


def test_two_by_two_windows_of_one_column_are_low_rank() -> None:
    """With a window of one position the tensors are matrices: Eckart and Young again."""
    blocks = random_blocks((3, 6, 7, 1))
    tails = np.linalg.svd(blocks[..., 0], compute_uv=False)[:, 3:]
    fitted, _ = alternate(blocks, start(blocks, 3))
    assert fitted.errors(blocks) == pytest.approx((tails**2).sum(axis=1))


def test_balancing_changes_no_tensor() -> None:
    terms = start(random_blocks((2, 4, 5, 6)), 3)
    balanced = Terms(terms.outputs * 1e3, terms.inputs / 1e3, terms.windows).balanced()
    assert np.allclose(balanced.blocks(), terms.blocks())
    assert np.allclose(np.linalg.norm(balanced.outputs, axis=1), np.linalg.norm(balanced.windows, axis=1))


def test_no_optimizer_does_much_better() -> None:
    chain, rng = igcv3(4, 4, 1, (2, 2), kernel_size=2), np.random.default_rng(0)
    kernel = rng.standard_normal((4, 4, 2, 2))
    projection = project(kernel, chain, restarts=5)
    blocks = [
        kernel[o::2, i : i + 2].reshape(2, 2, 4) for o in (0, 1) for i in (0, 2)
    ]  # the last shuffle parts the outputs
    best = sum(best_rank_one(block, rng) for block in blocks)
    assert (projection.relative_error * np.linalg.norm(kernel)) ** 2 == pytest.approx(best, rel=1e-4)


def best_rank_one(tensor: np.ndarray, rng: np.random.Generator) -> float:
    """The squared distance to the nearest rank-one tensor, by a general optimizer from many starts."""

    def distance(flat: np.ndarray) -> float:
        return float(np.linalg.norm(tensor - np.einsum("i,j,k", flat[:2], flat[2:4], flat[4:])) ** 2)

    return min(float(minimize(distance, rng.standard_normal(8)).fun) for _ in range(10))


@pytest.mark.parametrize(
    "chain", [igcv3(8, 8, 2, (2, 2)), inverted_residual(4, 6, 2), igcv3(6, 4, 2, (3, 2), stride=2)]
)
def test_restarts_never_make_it_worse_and_follow_the_seed(chain) -> None:
    kernel = np.random.default_rng(0).standard_normal((chain.out_channels, chain.in_channels, 3, 3))
    plain = project(kernel, chain)
    first, again = (project(kernel, chain, restarts=3, rng=np.random.default_rng(5)) for _ in range(2))
    assert first.relative_error <= plain.relative_error + 1e-12
    assert first.relative_error == again.relative_error
    assert np.array_equal(first.product.matrix(), again.product.matrix())
    error = np.linalg.norm(first.product.kernel() - kernel) / np.linalg.norm(kernel)
    assert first.relative_error == pytest.approx(error)
    assert first.lower_bound is None or first.lower_bound <= first.relative_error


def test_products_of_few_channels_come_back() -> None:
    chain = igcv3(4, 4, 1, (2, 2))
    kernel = random_product(chain, np.random.default_rng(0)).kernel()
    assert project(kernel, chain).relative_error < 1e-12


@pytest.mark.parametrize("complex_", [False, True])
@pytest.mark.parametrize(("shape", "rank"), [((3, 5, 6, 4), 5), ((2, 4, 7, 2), 3), ((1, 3, 3, 9), 1)])
def test_sums_of_few_terms_are_taken_apart_without_a_sweep(shape: tuple[int, ...], rank: int, complex_: bool) -> None:
    n, *sizes = shape
    parts = [random_blocks((n, size, rank + 1, 1), complex_)[:, :, :rank, 0] + k for k, size in enumerate(sizes)]
    blocks = Terms(*parts).blocks()
    assert np.linalg.norm(blocks) > 1
    assert start(blocks, rank).errors(blocks).max() < 1e-18 * np.linalg.norm(blocks) ** 2


@pytest.mark.parametrize("chain", [shufflenet_unit(48, 2), igcv3(12, 12, 2, (2, 3))], ids=repr)
def test_products_with_fewer_paths_than_channels_in_a_branch_come_back(chain: Chain) -> None:
    kernel = random_product(chain, np.random.default_rng(0)).kernel()
    projection = project(kernel, chain)
    assert projection.relative_error < 1e-12
    assert np.linalg.norm(projection.product.kernel() - kernel) < 1e-12 * np.linalg.norm(kernel)


def test_zero_kernels() -> None:
    projection = project(np.zeros((4, 4, 3, 3)), igcv3(4, 4))
    assert projection.relative_error == projection.lower_bound == 0
