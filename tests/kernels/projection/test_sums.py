"""Nearest products of sums: against least squares over all weights at once, against planted products, and against descent."""

from __future__ import annotations

import numpy as np
import pytest

from igc_theory.kernels import Product, project, random_product
from igc_theory.structure import (
    Chain,
    ChannelPermutation,
    DirectSum,
    GroupConv,
    Sum,
    group,
    igcv1,
    igcv2,
    interleave,
    regular,
)

LINEAR = {
    "RepVGG": Sum([GroupConv(4, 4, kernel_size=3), GroupConv(4, 4), []]),
    "MobileOne": Sum([*[GroupConv(4, 4, 4, 3)] * 3, GroupConv(4, 4, 4), []]),
    "groups of two widths": Sum([GroupConv(6, 6, 3), [interleave(2, 3), GroupConv(6, 6, 2), interleave(3, 2)]]),
    "one branch and a shortcut": Sum([[interleave(2, 2), GroupConv(4, 4, 2, (3, 1))], []]),
    "MixNet": DirectSum([GroupConv(2, 2, 2, size) for size in (3, 5)]),
    "blocks between shuffles": Chain([
        interleave(2, 3), DirectSum([GroupConv(2, 3), GroupConv(4, 1, 1, 3)]), ChannelPermutation([1, 2, 3, 0]),
    ]),
    "sums inside": DirectSum([Sum([GroupConv(2, 2), []]), Sum([interleave(1, 2), interleave(2, 1)]), GroupConv(1, 2)]),
}  # fmt: skip


def least_squares(kernel, chain):
    """The squared distance of the nearest product, by solving for all weights of a linear chain at once."""
    sizes = [conv.parameters for conv in chain.convolutions]
    shapes = [(conv.out_channels, conv.in_width, *conv.window) for conv in chain.convolutions]

    def product(flat):
        parts = np.split(flat, np.cumsum(sizes)[:-1])
        return Product(chain, [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]).kernel().ravel()

    fixed = product(np.zeros(sum(sizes)))
    columns = np.stack([product(unit) - fixed for unit in np.eye(sum(sizes))], axis=1)
    best = np.linalg.lstsq(columns, kernel.ravel() - fixed, rcond=None)[0]
    return float(np.sum((kernel.ravel() - fixed - columns @ best) ** 2))


@pytest.mark.parametrize("chain", LINEAR.values(), ids=LINEAR)
def test_sums_that_are_linear_in_their_weights_have_a_closed_form(chain):
    rng = np.random.default_rng(0)
    kernel = rng.standard_normal((chain.out_channels, chain.in_channels, *chain.window))
    found = project(kernel, chain)
    assert found.method == "closed form, the nearest product"
    expected = np.sqrt(least_squares(kernel, chain)) / np.linalg.norm(kernel)
    assert found.relative_error == pytest.approx(expected, abs=1e-12)
    assert found.lower_bound == found.relative_error
    distance = np.linalg.norm(kernel - found.product.kernel()) / np.linalg.norm(kernel)
    assert found.relative_error == pytest.approx(distance, abs=1e-12)
    planted = random_product(chain, rng).kernel()
    assert project(planted, chain).relative_error < 1e-14


def test_a_shortcut_is_subtracted_before_the_closed_form_of_its_neighbour():
    rng = np.random.default_rng(1)
    chain, kernel = igcv1(4, 2, kernel_size=3), rng.standard_normal((8, 8, 3, 3))
    less = kernel.copy()
    less[range(8), range(8), 1, 1] -= 1
    alone, found = project(less, chain), project(kernel, Sum([chain, []]))
    assert found.method == "closed form, the nearest product"
    norms = np.linalg.norm(kernel), np.linalg.norm(less)
    assert found.relative_error * norms[0] == pytest.approx(alone.relative_error * norms[1])
    np.testing.assert_allclose(found.product.kernel()[..., 0, 0], alone.product.kernel()[..., 0, 0])


def test_a_direct_sum_is_as_near_as_its_branches():
    rng = np.random.default_rng(2)
    branches, kernel = [igcv2([2, 2, 2], 1), igcv1(2, 3, 1)], rng.standard_normal((14, 14))
    found = project(kernel, DirectSum(branches))
    blocks = [kernel[:8, :8], kernel[8:, 8:]]
    parts = [project(block, branch) for block, branch in zip(blocks, branches, strict=True)]
    lost = np.sum(kernel**2) - sum(np.sum(block**2) for block in blocks)

    def whole(errors):
        squares = [(e * np.linalg.norm(block)) ** 2 for e, block in zip(errors, blocks, strict=True)]
        return pytest.approx(np.sqrt(lost + sum(squares)) / np.linalg.norm(kernel))

    assert found.relative_error == whole([part.relative_error for part in parts])
    assert found.lower_bound == whole([part.lower_bound for part in parts])
    assert found.method == "branch by branch: hierarchical"


PLANTED = {
    "block-diagonal + low rank": Sum([GroupConv(8, 8, 4), [GroupConv(8, 1), GroupConv(1, 8)]]),
    "Pixelated butterfly": Sum([igcv2([2, 4], 1), [GroupConv(8, 1), GroupConv(1, 8)]]),
    "direct sum, then pointwise": Chain([DirectSum([GroupConv(2, 2, 2, 3), GroupConv(2, 2, 2, 5)]), GroupConv(4, 4)]),
}


@pytest.mark.parametrize("chain", PLANTED.values(), ids=PLANTED)
def test_planted_products_come_back(chain):
    rng = np.random.default_rng(3)
    found = project(random_product(chain, rng).kernel(), chain, rng=rng)
    assert found.relative_error < 1e-10
    assert found.method == "alternating least squares"


def test_a_sum_of_low_ranks_and_a_shortcut_is_bounded_by_their_rank():
    rng = np.random.default_rng(5)
    low, kernel = [[GroupConv(8, rank), GroupConv(rank, 8)] for rank in (1, 2)], rng.standard_normal((8, 8))
    found = project(kernel, Sum([*low, []]))
    lost = np.linalg.norm(np.linalg.svd(kernel - np.eye(8), compute_uv=False)[3:])
    assert found.lower_bound == pytest.approx(lost / np.linalg.norm(kernel))
    assert found.relative_error == pytest.approx(found.lower_bound)


def test_blocks_beside_the_diagonal_of_a_sum_have_the_rank_of_its_other_branch():
    kernel = np.random.default_rng(6).standard_normal((8, 8))
    found = project(kernel, Sum([GroupConv(8, 8, 4), [GroupConv(8, 1), GroupConv(1, 8)]]))
    known = []
    for side in (2, 4):
        blocks = kernel.reshape(8 // side, side, 8 // side, side).swapaxes(1, 2)
        beyond = np.linalg.svd(blocks, compute_uv=False)[..., 1:] * (1 - np.eye(8 // side))[..., None]
        known.append(np.linalg.norm(beyond) / np.linalg.norm(kernel))
    assert max(known) <= found.lower_bound * (1 + 1e-9)
    assert found.lower_bound <= found.relative_error


def test_wide_blocks_bound_a_sum_whose_narrow_ones_may_have_any_rank():
    kernel = np.random.default_rng(8).standard_normal((16, 16))
    found = project(kernel, Sum([igcv2([4, 4], 1), [GroupConv(16, 3), GroupConv(3, 16)]]))
    # Every fourth row meets four neighbouring columns in rank one: two such sets of each in rank four, and in three more.
    rows = kernel.reshape(4, 4, 16).swapaxes(0, 1).reshape(2, 8, 2, 8)
    wide = np.linalg.svd(rows.swapaxes(1, 2), compute_uv=False)[..., 7:]
    assert np.linalg.norm(wide) / np.linalg.norm(kernel) <= found.lower_bound <= found.relative_error


BOTTLENECKS = {
    "between sums": Chain([Sum([GroupConv(6, 2), [GroupConv(6, 1), GroupConv(1, 2)]]), GroupConv(2, 6)]),
    "behind a direct sum": Chain([DirectSum([GroupConv(3, 1), GroupConv(3, 1)]), GroupConv(2, 6)]),
    "windows": Sum([regular(6, 1, (3, 1)) + regular(1, 6, (1, 3)), regular(6, 1, 1) + regular(1, 6, 1)]),
    "strides": Chain([Sum([group(4, 2, 2, (1, 3)), regular(4, 2, 1)]), GroupConv(2, 4, 2, (1, 2), 2)]),
    "nested": Sum([[DirectSum([Sum([GroupConv(2, 1, 1, 3), GroupConv(2, 1)]), GroupConv(4, 1)]), GroupConv(2, 6)], []]),
}


@pytest.mark.parametrize("chain", BOTTLENECKS.values(), ids=BOTTLENECKS)
def test_the_bound_of_a_sum_is_positive_and_never_above_the_distance_of_a_planted_product(chain):
    rng = np.random.default_rng(7)
    for noise in (0, 0.01, 0.3, 10):
        planted = random_product(chain, rng).kernel()
        kernel = planted + noise * rng.standard_normal(planted.shape)
        distance = np.linalg.norm(kernel - planted) / np.linalg.norm(kernel)
        bound = project(kernel, chain).lower_bound
        assert bound <= distance + 1e-8
        assert noise == 0 or bound > 0.1 * distance


def test_the_error_is_the_distance_of_the_product():
    rng = np.random.default_rng(3)
    kernel = rng.standard_normal((4, 4, 5, 5))
    found = project(kernel, PLANTED["direct sum, then pointwise"], rng=rng)
    distance = np.linalg.norm(kernel - found.product.kernel()) / np.linalg.norm(kernel)
    assert found.relative_error == pytest.approx(distance)


def test_block_diagonal_plus_low_rank_is_no_worse_than_taking_turns():
    """Each turn is a closed form, so that turns end in a local optimum."""
    rng = np.random.default_rng(4)
    chain, kernel = Sum([GroupConv(6, 6, 3), [GroupConv(6, 1), GroupConv(1, 6)]]), rng.standard_normal((6, 6))
    mask, blocks = np.kron(np.eye(3), np.ones((2, 2))), np.zeros((6, 6))
    for _ in range(200):
        u, s, v = np.linalg.svd(kernel - blocks)
        low = s[0] * np.outer(u[:, 0], v[0])
        blocks = mask * (kernel - low)
    turns = np.linalg.norm(kernel - blocks - low) / np.linalg.norm(kernel)
    assert project(kernel, chain).relative_error < turns + 1e-4


def test_entries_without_a_path_bound_the_error_from_below():
    chain = Chain([DirectSum([GroupConv(1, 1), GroupConv(2, 2)]), DirectSum([GroupConv(2, 2), GroupConv(1, 1)])])
    kernel = np.random.default_rng(5).standard_normal((3, 3))
    found = project(kernel, chain)
    support = Product(chain, [np.ones((conv.out_channels, conv.in_width)) for conv in chain.convolutions]).matrix() > 0
    smallest = np.linalg.svd(kernel[:2, 1:], compute_uv=False)[
        1
    ]  # the second channel in between is all that connects these
    lost = np.hypot(np.linalg.norm(kernel[~support]), smallest)
    assert found.lower_bound == pytest.approx(lost / np.linalg.norm(kernel))
    assert 0 < found.lower_bound <= found.relative_error


@pytest.mark.parametrize("dtype", [np.float32, np.complex128])
def test_types_and_sizes_of_a_kernel_are_kept(dtype):
    rng = np.random.default_rng(6)
    chain = Sum([GroupConv(4, 4, 2), [GroupConv(4, 1), GroupConv(1, 4)]])
    kernel = random_product(chain, rng, dtype).matrix()
    found = project(kernel, chain)
    assert found.product.dtype == dtype
    assert found.relative_error < (1e-5 if dtype == np.float32 else 1e-10)
    huge = project(kernel * dtype(1e30), chain)
    assert huge.relative_error == pytest.approx(found.relative_error, abs=1e-5)
    np.testing.assert_allclose(huge.product.matrix() / 1e30, found.product.matrix(), atol=1e-4)
    assert project(np.zeros((4, 4)), chain).relative_error == 0


def test_what_cannot_be_meant_is_refused():
    block = Sum([GroupConv(4, 4, 4), []])
    with pytest.raises(ValueError, match=r"norm of 2e\+200, which the shortcut .* cannot be compared with"):
        project(np.eye(4) * 1e200, block)
    with pytest.raises(ValueError, match=r"side by side.*leave reorder=False"):
        project(np.eye(4), block, reorder=True)
    with pytest.raises(ValueError, match="has no convolution: there is no weight to choose"):
        project(np.eye(4), Sum([interleave(2, 2), []]))
    assert project(np.zeros((4, 4)), block).relative_error == 0
    with pytest.raises(ValueError, match="norm of 0, which the shortcut"):
        project(np.zeros((4, 4)), Sum([GroupConv(4, 4, 4), interleave(2, 2)]))


@pytest.mark.parametrize("factor", [GroupConv(2, 2, kernel_size=2), GroupConv(4, 4, 2, 3)], ids=["2", "3"])
def test_channels_of_several_windows_are_not_reordered(factor):
    chain = Chain([factor, factor])
    kernel = np.random.default_rng(0).standard_normal((chain.out_channels, chain.in_channels, *chain.window))
    with pytest.raises(
        ValueError, match="reorder=True needs a chain with one window, but 2 factors of chain have one: leave"
    ):
        project(kernel, chain, reorder=True)


@pytest.mark.parametrize("window", [(1, 2), (2, 1)], ids=["beside", "along"])
def test_channels_of_a_window_that_a_stride_spreads_are_not_reordered(window):
    chain = Chain([GroupConv(8, 3, stride=(2, 1)), GroupConv(3, 6, 3, kernel_size=window)])
    kernel = np.random.default_rng(0).standard_normal((6, 8, *chain.window))
    with pytest.raises(
        ValueError, match="chain with one window, but a stride in front of it spreads it: leave reorder"
    ):
        project(kernel, chain, reorder=True)
    assert project(kernel, chain).relative_error < 1
