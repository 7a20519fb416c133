"""Products of chains with sums: against kernels that are composed, padded and added entry by entry, and against PyTorch."""

from __future__ import annotations

import copy
import json
import pickle
from functools import reduce

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import block_diag

from igc_theory.kernels import Product, check_operator, convolve, random_product
from igc_theory.structure import (
    Chain,
    ChannelPermutation,
    DirectSum,
    GroupConv,
    Sum,
    igcv1,
    igcv2,
    interleave,
    path_counts,
)
from tests.nestings import nestings


def dense(chain, weights):
    """The kernel (C_out, C_in, kh, kw) of a chain, and its strides; weights are taken from the list."""
    kernel, steps = np.eye(chain.in_channels)[:, :, None, None], (1, 1)
    for factor in chain.factors:
        own, own_steps = dense_factor(factor, weights)
        rows, columns = ((b - 1) * s + a for a, b, s in zip(kernel.shape[2:], own.shape[2:], steps, strict=True))
        both = np.zeros((own.shape[0], kernel.shape[1], rows, columns), np.result_type(own, kernel))
        for p, q, u, v in np.ndindex(*own.shape[2:], *kernel.shape[2:]):
            both[:, :, p * steps[0] + u, q * steps[1] + v] += own[:, :, p, q] @ kernel[:, :, u, v]
        kernel, steps = both, (steps[0] * own_steps[0], steps[1] * own_steps[1])
    return kernel, steps


def dense_factor(factor, weights):
    if isinstance(factor, ChannelPermutation):
        return np.eye(factor.channels)[factor.indices][:, :, None, None], (1, 1)
    if isinstance(factor, GroupConv):
        blocks = np.split(weights.pop(0), factor.groups)
        entries = [block_diag(*(block[:, :, u, v] for block in blocks)) for u, v in np.ndindex(*factor.window)]
        return np.stack(entries, axis=-1).reshape(
            factor.out_channels, factor.in_channels, *factor.window
        ), factor.strides
    branches = [dense(branch, weights) for branch in factor.branches]
    sides = [max(kernel.shape[axis] for kernel, _ in branches) for axis in (2, 3)]
    rims = [
        [(side - length) // 2 for side, length in zip(sides, kernel.shape[2:], strict=True)] for kernel, _ in branches
    ]
    wide = [
        np.pad(kernel, [(0, 0), (0, 0), (a, a), (b, b)]) for (kernel, _), (a, b) in zip(branches, rims, strict=True)
    ]
    if isinstance(factor, Sum):
        return sum(wide), branches[0][1]
    whole = np.zeros((factor.out_channels, factor.in_channels, *sides), np.result_type(*wide))
    o = i = 0
    for kernel in wide:
        whole[o : o + len(kernel), i : i + kernel.shape[1]] = kernel
        o, i = o + len(kernel), i + kernel.shape[1]
    return whole, branches[0][1]


def product_of(chain, rng, dtype=np.float64):
    return random_product(chain, rng, dtype) if chain.convolutions else Product(chain, [])


@given(nestings(), st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_every_view_of_a_nesting_is_the_kernel_of_the_definition(chain, seed):
    rng = np.random.default_rng(seed)
    product = product_of(chain, rng)
    kernel, _ = dense(chain, list(product.weights))
    matrix = kernel.reshape(product.shape)
    close = {"atol": 1e-12, "rtol": 1e-12}
    np.testing.assert_allclose(product.matrix(), matrix, **close)
    np.testing.assert_allclose(product.kernel(), kernel, **close)
    assert not matrix[np.repeat(path_counts(chain) == 0, np.prod(chain.window), axis=1)].any()
    factors = product.sparse_factors()
    assert len(factors) == len(chain.factors)
    np.testing.assert_allclose(reduce(lambda done, factor: factor @ done, factors).toarray(), matrix, **close)
    x, y = rng.standard_normal((matrix.shape[1], 5)), rng.standard_normal((matrix.shape[0], 2))
    np.testing.assert_allclose(product @ x, matrix @ x, **close)
    np.testing.assert_allclose(product.H @ y, matrix.T @ y, **close)
    for batch, threads in ((1, 1), (5, 2)):
        plan = product.plan(batch, threads=threads)
        for _ in range(2):
            np.testing.assert_allclose(plan(x[:, :batch]), matrix @ x[:, :batch], **close)
    np.testing.assert_allclose(product.merged().kernel(), kernel, **close)


BLOCKS = {
    "RepVGG, stride 2": Sum([GroupConv(6, 4, kernel_size=3, stride=2), GroupConv(6, 4, stride=2)]),
    "MixNet": DirectSum([GroupConv(4, 4, 4, size) for size in (3, 5, 7)]),
    "ShuffleNetV2": Chain([
        DirectSum([interleave(1, 3), [GroupConv(3, 3), GroupConv(3, 3, 3, 3), GroupConv(3, 3)]]),
        interleave(2, 3),
    ]),
    "IGC with identity": Sum([igcv1(2, 3), []]),
    "block-diagonal + low rank": Sum([GroupConv(8, 8, 4), [GroupConv(8, 2), GroupConv(2, 8)]]),
    "inside a chain, behind a stride": Chain([
        GroupConv(4, 6, 2, (3, 1), (2, 1)),
        Sum([GroupConv(6, 6, 3, 3, 2), [interleave(3, 2), GroupConv(6, 6, 6, (1, 3), 2)]]),
        DirectSum([GroupConv(4, 2), Sum([GroupConv(2, 2, 2), []])]),
    ]),
    "even windows": Sum([GroupConv(2, 2, kernel_size=4), GroupConv(2, 2, kernel_size=(2, 4))]),
}  # fmt: skip


@pytest.mark.parametrize("dtype", [np.float32, np.complex128])
@pytest.mark.parametrize("chain", BLOCKS.values(), ids=BLOCKS)
def test_blocks_keep_the_promises_of_an_operator_and_convolve_images(chain, dtype):
    rng = np.random.default_rng(0)
    product = random_product(chain, rng, dtype)
    check_operator(product, rng)
    kernel, strides = dense(chain, list(product.weights))
    tolerance = 1e-5 if dtype == np.float32 else 1e-12
    np.testing.assert_allclose(product.kernel(), kernel, atol=tolerance)
    assert (product.stride, product.window, product.dtype) == (strides, kernel.shape[2:], dtype)
    image = rng.standard_normal((chain.in_channels, 9, 8))
    for padding in ("same", "valid", 2):
        expected = convolve(image, kernel, stride=strides, padding=padding)
        np.testing.assert_allclose(product.convolve(image, padding), expected, atol=10 * tolerance)
        np.testing.assert_allclose(product.merged().convolve(image, padding), expected, atol=10 * tolerance)
        plan = product.plan_convolution(image.shape, np.result_type(dtype, np.float64), padding)
        np.testing.assert_allclose(plan(image), expected, atol=10 * tolerance)
    x = rng.standard_normal((product.shape[1], 130)).astype(dtype)
    for threads in (1, 3):
        plan = product.plan(130, threads=threads)
        np.testing.assert_allclose(
            plan(x, out=np.full((product.shape[0], 130), np.nan, dtype)), product @ x, atol=10 * tolerance
        )


def test_a_plan_of_wide_branches_is_fused_inside_them():
    rng = np.random.default_rng(1)
    chain = Sum([igcv2([4, 4, 4, 4], 1), [igcv2([2] * 8, 1)], []])
    product = random_product(chain, rng)
    plan = product.plan(1)
    assert len(plan.chain.convolutions) < len(chain.convolutions)
    x = rng.standard_normal(256)
    np.testing.assert_allclose(plan(x), product @ x, atol=1e-12)


@pytest.mark.parametrize(
    ("branches", "groups"),
    [
        ([GroupConv(8, 8, kernel_size=3), GroupConv(8, 8), []], 1),
        ([*[GroupConv(8, 8, 8, 3)] * 3, GroupConv(8, 8, 8), []], 8),
        ([GroupConv(8, 16, 4, 3), GroupConv(8, 16, 2)], 2),
        ([[GroupConv(8, 8, 4), interleave(4, 2), GroupConv(8, 8, 2)], []], 1),
    ],
)
def test_branches_merge_into_one_convolution_of_as_many_groups_as_its_paths_allow(branches, groups):
    product = random_product(Sum(branches, name="block"), np.random.default_rng(2))
    (conv,) = product.merged().chain.factors
    assert (conv.groups, conv.window, product.merged().chain.name) == (groups, product.window, "block")
    np.testing.assert_allclose(product.merged().matrix(), product.matrix(), atol=1e-14)


def test_products_of_sums_can_be_written_read_and_copied(tmp_path):
    rng = np.random.default_rng(3)
    permuted = [ChannelPermutation([2, 0, 1]), GroupConv(3, 3, 3), ChannelPermutation([1, 0, 2])]
    nested = Chain(
        [Sum([DirectSum([permuted, igcv1(1, 2)], name="inner"), []], name="outer"), interleave(5, 1)], name="all"
    )
    for number, chain in enumerate([nested, *BLOCKS.values()]):
        product = random_product(chain, rng)
        product.save(tmp_path / f"{number}.npz")
        for again in (
            Product.load(tmp_path / f"{number}.npz"),
            copy.deepcopy(product),
            pickle.loads(pickle.dumps(product)),
        ):
            assert repr(again.chain) == repr(chain)
            assert type(again.chain) is type(chain)
            assert all(map(np.array_equal, again.weights, product.weights))
    with np.load(tmp_path / "0.npz") as file:
        assert json.loads(str(file["chain"]))["format"] == "igc_theory product 2"
    random_product(igcv1(2, 2), rng).save(tmp_path / "plain.npz")
    with np.load(tmp_path / "plain.npz") as file:
        assert json.loads(str(file["chain"]))["format"] == "igc_theory product 1"


def test_weights_are_asked_for_in_the_order_of_the_convolutions():
    block = BLOCKS["block-diagonal + low rank"]
    with pytest.raises(
        ValueError, match=r"weights has 2 arrays, but the chain has 3 convolutions.*order of chain.convolutions"
    ):
        Product(block, [np.ones((8, 2)), np.ones((2, 8))])
    with pytest.raises(ValueError, match=r"weights\[1\] has shape \(8, 2\), but GroupConv\(8, 2\) needs"):
        Product(block, [np.ones((8, 2)), np.ones((8, 2)), np.ones((2, 8))])


def test_block_diagonal_plus_low_rank_by_hand():
    rng = np.random.default_rng(4)
    blocks, tall, wide = rng.standard_normal((4, 2, 2)), rng.standard_normal((8, 2)), rng.standard_normal((2, 8))
    product = Product(BLOCKS["block-diagonal + low rank"], [blocks.reshape(8, 2), wide, tall])
    np.testing.assert_allclose(product.matrix(), block_diag(*blocks) + tall @ wide, atol=1e-14)


def test_a_shortcut_adds_the_image_and_a_missing_pixel_reaches_its_window_only():
    rng = np.random.default_rng(5)
    inner, image = random_product(igcv1(2, 3), rng), rng.standard_normal((6, 7, 7))
    product = Product(Sum([inner.chain, []]), inner.weights)
    np.testing.assert_allclose(product.convolve(image), inner.convolve(image) + image, atol=1e-13)
    halves = random_product(BLOCKS["ShuffleNetV2"], rng)
    image[0, 3, 3] = np.nan
    assert np.argwhere(np.isnan(halves.convolve(image))).tolist() == [[0, 3, 3]]


def test_torch_adds_and_concatenates_to_the_same_images():
    torch = pytest.importorskip("torch")
    conv2d, rng = torch.nn.functional.conv2d, np.random.default_rng(6)
    image = rng.standard_normal((12, 9, 10))
    x = torch.from_numpy(image)[None]

    def own(x, conv, weight):
        return conv2d(x, torch.tensor(weight), stride=conv.stride, padding=conv.window[0] // 2, groups=conv.groups)

    def same(found, expected):
        np.testing.assert_allclose(found, expected[0].numpy(), atol=1e-12)

    for stride in (1, 2):
        convs = [GroupConv(12, 12, kernel_size=3, stride=stride), GroupConv(12, 12, stride=stride)]
        repvgg = random_product(Sum(convs + [[]] * (stride == 1)), rng)
        added = sum(map(own, [x, x], convs, repvgg.weights)) + (x if stride == 1 else 0)
        same(repvgg.convolve(image), added)
        same(repvgg.merged().convolve(image), added)
    convs = [*[GroupConv(12, 12, 12, 3)] * 4, GroupConv(12, 12, 12)]
    mobileone = random_product(Sum([*convs, []]), rng)
    same(
        mobileone.merged().convolve(image),
        x + sum(own(x, conv, w) for conv, w in zip(convs, mobileone.weights, strict=True)),
    )
    convs = [GroupConv(width, width, width, size) for width, size in ((6, 3), (4, 5), (2, 7))]
    mixed = random_product(DirectSum(convs), rng)
    parts = zip(x.split([6, 4, 2], dim=1), convs, mixed.weights, strict=True)
    same(mixed.convolve(image), torch.cat([own(*part) for part in parts], dim=1))
    half = DirectSum([interleave(1, 6), [GroupConv(6, 6), GroupConv(6, 6, 6, 3), GroupConv(6, 6)]])
    shuffled = random_product(Chain([half, interleave(2, 6)]), rng)
    kept, changed = x.split(6, dim=1)
    for conv, weight in zip(half.convolutions, shuffled.weights, strict=True):
        changed = own(changed, conv, weight)
    same(shuffled.convolve(image), torch.nn.functional.channel_shuffle(torch.cat([kept, changed], dim=1), 2))
