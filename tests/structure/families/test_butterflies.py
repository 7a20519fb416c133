"""Butterflies of all kinds against their recursive definitions, with diagonal blocks and Kronecker products."""

from __future__ import annotations

from math import prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import block_diag, dft, hadamard

from igc_theory.kernels import Product, project
from igc_theory.structure import (
    Chain,
    ChannelPermutation,
    GroupConv,
    block_butterfly,
    butterfly,
    deformable_butterfly,
    grade,
    is_complementary,
    kaleidoscope,
    monarch,
)
from tests.structure.families.matrices import Array, drawn, kernel_of


def butterfly_factor(diagonals: Array) -> Array:
    """[[D1, D2], [D3, D4]] of diagonal matrices, from an array of shape (2, 2, k/2)."""
    return np.block([[np.diag(diagonals[i, j]) for j in range(2)] for i in range(2)])


def recursive(channels: int, levels: list[Array]) -> Array:
    """B(C) = factor(C) @ diag(B(C/2), B(C/2)), from the diagonals of each level, shape (C/k, 2, 2, k/2) at size k."""
    if channels == 1:
        return np.eye(1)
    *below, top = levels
    half = channels // 2
    parts = [recursive(half, [level.reshape(2, -1, *level.shape[1:])[side] for level in below]) for side in range(2)]
    return butterfly_factor(top[0]) @ block_diag(*parts)


def twiddles(product: Product) -> list[Array]:
    """The weights of a butterfly by level: diagonals of shape (C/k, 2, 2, k/2), read off its factors in natural order."""
    order, levels = np.arange(product.chain.in_channels), []
    weights = iter(product.weights)
    for factor in product.chain.factors:
        if isinstance(factor, ChannelPermutation):
            order = order[factor.indices]
            continue
        k = 2 ** (len(levels) + 1)
        level = np.zeros((order.size // k, 2, 2, k // 2))
        for pair, weight in zip(order.reshape(-1, 2), next(weights)[:, :, 0, 0].reshape(-1, 2, 2), strict=True):
            block, place = divmod(pair[0], k)
            assert pair[1] == pair[0] + k // 2  # the two channels differ in one bit
            level[block, :, :, place] = weight
        levels.append(level)
    assert (order == np.arange(order.size)).all()  # the channels come out as they went in
    return levels


@pytest.mark.parametrize("bits", [1, 2, 3, 4])
def test_a_butterfly_is_its_recursive_definition(bits: int) -> None:
    product = drawn(butterfly(2**bits))
    assert np.allclose(product.matrix(), recursive(2**bits, twiddles(product)))
    assert product.chain.parameters == 2 * 2**bits * bits
    assert grade(product.chain).kind == "strict"


@pytest.mark.parametrize("bits", [1, 2, 4, 6])
def test_fast_transforms_are_butterflies(bits: int) -> None:
    channels = 2**bits
    assert project(hadamard(channels), butterfly(channels)).relative_error < 1e-12
    reversal = ChannelPermutation([int(f"{k:0{bits}b}"[::-1], 2) for k in range(channels)])
    assert project(dft(channels), Chain([reversal, butterfly(channels)])).relative_error < 1e-12
    if bits > 2:
        assert project(dft(channels), butterfly(channels)).relative_error > 0.1


def test_the_walsh_hadamard_weights_are_ones_and_a_minus_one() -> None:
    chain, walsh = butterfly(16), np.array([[1, 1], [1, -1]])
    product = Product(chain, [np.tile(walsh, (8, 1)) for _ in chain.convolutions])
    assert (product.matrix() == hadamard(16)).all()


@pytest.mark.parametrize(("bits", "repeats"), [(1, 1), (2, 1), (3, 1), (2, 2), (1, 3)])
def test_a_kaleidoscope_is_butterflies_times_transposed_butterflies(bits: int, repeats: int) -> None:
    product, one = drawn(kaleidoscope(2**bits, repeats)), butterfly(2**bits)
    expected = np.eye(2**bits)
    for w in range(repeats):
        back, forth = (product.weights[bits * k : bits * (k + 1)] for k in (2 * w, 2 * w + 1))
        turned = [weight.reshape(-1, 2, 2).swapaxes(1, 2).reshape(weight.shape) for weight in reversed(back)]
        pair = [recursive(2**bits, twiddles(Product(one, weights))) for weights in (forth, turned)]
        expected = pair[0] @ pair[1].T @ expected
    assert np.allclose(product.matrix(), expected)
    assert product.chain.parameters == 4 * repeats * 2**bits * bits
    paths = (2**bits) ** (2 * repeats - 1)
    assert str(grade(product.chain)).startswith(f"loose, p = {paths}:")


@pytest.mark.parametrize(
    ("channels", "b", "m"), [(8, 2, 3), (8, 4, 2), (12, 6, 2), (16, 4, 2), (32, 8, 3), (24, 6, 1), (4, 4, 1)]
)
def test_a_block_butterfly_has_blocks_for_entries(channels: int, b: int, m: int) -> None:
    """Component k is block-diagonal with C/k/(b/2) blocks [[D1, D2], [D3, D4]]; D of k/2 diagonal blocks, b/2 × b/2 each."""
    product, u = drawn(block_butterfly(channels, b, m)), b // 2
    order, expected = np.arange(channels), np.eye(channels)
    weights, level = iter(product.weights), 0
    for factor in product.chain.factors:
        if isinstance(factor, ChannelPermutation):
            order = order[factor.indices]
            continue
        k, level = 2 ** (level + 1), level + 1
        component = np.zeros((channels, channels))
        allowed = np.kron(
            np.kron(np.eye(channels // (k * u)), np.kron(np.ones((2, 2)), np.eye(k // 2))), np.ones((u, u))
        )
        for branch, weight in zip(order.reshape(-1, b), next(weights).reshape(-1, b, b), strict=True):
            component[np.ix_(branch, branch)] = weight
        assert ((component != 0) == (allowed > 0)).all()
        expected = component @ expected
    assert np.allclose(product.matrix(), expected)
    assert product.chain.parameters == m * channels * b
    paths = u ** (m - 1)
    dense = "strict" if paths == 1 else f"loose, p = {paths}:"
    assert str(grade(product.chain)).startswith(dense if channels // u == 2**m else "not dense")


def test_a_block_butterfly_takes_all_factors_by_default() -> None:
    assert block_butterfly(32, 8) == block_butterfly(32, 8, 3)
    assert str(grade(block_butterfly(32, 8))) == "loose, p = 16: every input reaches every output by 16 paths"
    first = block_butterfly(32, 8, 1)
    assert first.factors == (GroupConv(32, 32, 4),)


def kronecker_sparse(weights: Array, a: int, r: int, s: int, t: int) -> Array:
    """A deformable butterfly factor from weights of shape (a, t, r, s), entry by entry."""
    matrix = np.zeros((a * r * t, a * s * t))
    for block, place, row, column in np.ndindex(a, t, r, s):
        matrix[(block * r + row) * t + place, (block * s + column) * t + place] = weights[block, place, row, column]
    return matrix


def in_natural_order(product: Product, patterns: list[tuple[int, int, int]]) -> Array:
    """The product of the factors that the authors' code makes of the same parameters, (inputs/(s·t), t, r, s) each."""
    channels, expected = product.chain.in_channels, np.eye(product.chain.in_channels)
    for weight, (r, s, t) in zip(product.weights, patterns, strict=True):
        a = channels // (s * t)
        factor = kronecker_sparse(weight.reshape(a, t, r, s), a, r, s, t)
        assert ((factor != 0) == np.kron(np.kron(np.eye(a), np.ones((r, s))), np.eye(t))).all()
        expected, channels = factor @ expected, a * r * t
    return expected


small = st.integers(1, 3)


@given(st.lists(st.tuples(small, small, small), min_size=1, max_size=3), st.integers(1, 2))
@settings(max_examples=15)
def test_a_deformable_butterfly_is_the_product_of_its_factors(patterns: list[tuple[int, int, int]], more: int) -> None:
    channels = more * prod(s * t for _, s, t in patterns)
    if channels > 64:
        patterns, channels = patterns[:1], patterns[0][1] * patterns[0][2]
    product = drawn(deformable_butterfly(channels, patterns))
    assert np.allclose(product.matrix(), in_natural_order(product, patterns))
    read = [conv.in_channels for conv in product.chain.convolutions]
    assert product.chain.parameters == sum(c * r for c, (r, _, _) in zip(read, patterns, strict=True))


def test_the_example_of_the_authors_of_deformable_butterflies() -> None:
    """The default of their layer, (outputs, inputs, r, s, t) each, is not dense."""
    shapes = [(48, 72, 2, 3, 1), (16, 48, 1, 3, 2), (16, 16, 2, 2, 4), (16, 16, 2, 2, 8)]
    patterns = [(r, s, t) for _, _, r, s, t in shapes]
    product = drawn(deformable_butterfly(72, patterns))
    assert [(c.out_channels, c.in_channels) for c in product.chain.convolutions] == [shape[:2] for shape in shapes]
    assert np.allclose(product.matrix(), in_natural_order(product, patterns))
    assert grade(product.chain).kind == "not dense"


@given(st.lists(st.tuples(small, small), min_size=1, max_size=4))
@settings(max_examples=20)
def test_a_deformable_butterfly_whose_strides_grow_is_strict(pairs: list[tuple[int, int]]) -> None:
    patterns = [(r, s, prod(r for r, _ in pairs[:l])) for l, (r, s) in enumerate(pairs)]
    chain = deformable_butterfly(prod(s for _, s in pairs), iter(patterns))
    assert chain.out_channels == prod(r for r, _ in pairs)
    assert is_complementary(chain)


@pytest.mark.parametrize("bits", [1, 2, 3, 4])
def test_a_butterfly_is_a_deformable_and_a_block_butterfly(bits: int) -> None:
    """The same set: what one is, the others can be, whatever the order of their branches."""
    matrix = drawn(butterfly(2**bits)).matrix()
    for other in (deformable_butterfly(2**bits, [(2, 2, 2**l) for l in range(bits)]), block_butterfly(2**bits, 2)):
        assert project(matrix, other).relative_error < 1e-12
    assert (
        project(drawn(monarch(16, 16)).matrix(), deformable_butterfly(16, [(4, 4, 1), (4, 4, 4)])).relative_error
        < 1e-12
    )


WITH_A_WINDOW = [
    (butterfly, (8,)),
    (kaleidoscope, (4, 2)),
    (block_butterfly, (16, 4)),
    (deformable_butterfly, (6, [(2, 3, 2), (1, 2, 2)])),
]


@pytest.mark.parametrize(("family", "arguments"), WITH_A_WINDOW)
def test_a_window_belongs_to_the_first_factor(family, arguments) -> None:
    pointwise, spatial = family(*arguments), family(*arguments, kernel_size=(2, 3), stride=2)
    assert [conv.window for conv in spatial.convolutions] == [(2, 3)] + [(1, 1)] * (len(spatial.convolutions) - 1)
    assert spatial.strides == (2, 2)
    product = drawn(spatial)
    for h, w in np.ndindex(2, 3):
        weights = [product.weights[0][:, :, h : h + 1, w : w + 1], *product.weights[1:]]
        assert np.allclose(kernel_of(Product(pointwise, weights))[:, :, 0, 0], kernel_of(product)[:, :, h, w])


@pytest.mark.parametrize(
    ("make", "error", "sentence"),
    [
        (lambda: butterfly(12), ValueError, "channels=12 is not a power of 2: use 8 or 16"),
        (lambda: butterfly(1), ValueError, "channels=1 is below 2"),
        (lambda: butterfly(8.0), TypeError, "channels=8.0 is a float"),
        (lambda: kaleidoscope(12), ValueError, "channels=12 is not a power of 2"),
        (lambda: kaleidoscope(8, 0), ValueError, "repeats=0 is below 1"),
        (lambda: kaleidoscope(8, 2000), ValueError, "repeats=2000 is above 1024"),
        (lambda: block_butterfly(32, 7), ValueError, "block_size=7 is odd: use 8"),
        (lambda: block_butterfly(32, 12), ValueError, "block_size=12 does not fit channels=32"),
        (lambda: block_butterfly(24, 8), ValueError, r"2\*channels/block_size=6 is not a power of 2: use 4 or 8"),
        (lambda: block_butterfly(32, 8, 4), ValueError, r"factors=4 is above log2\(2\*channels/block_size\)=3"),
        (lambda: block_butterfly(2**21, 8), ValueError, "channels=2097152 is above 1048576"),
        (lambda: deformable_butterfly(8, [(2, 3, 1)]), ValueError, r"patterns\[0\]=\(2, 3, 1\) does not divide in_channels=8"),
        (lambda: deformable_butterfly(8, [(1, 2, 1), (2, 2, 4)]), ValueError, "its 4 channels behind in_channels=8"),
        (lambda: deformable_butterfly(8, [(2, 2)]), ValueError, r"patterns\[0\]=\(2, 2\) has 2 entries, not 3"),
        (lambda: deformable_butterfly(8, [2]), TypeError, r"patterns\[0\]=2 is an int, not a sequence"),
        (lambda: deformable_butterfly(8, []), ValueError, r"patterns=\[\] is empty"),
        (lambda: deformable_butterfly(8, [(0, 2, 1)]), ValueError, r"patterns\[0\]\[0\]=0 is below 1"),
        (lambda: deformable_butterfly(8, [(2**30, 2, 1)]), ValueError, r"the channels written by patterns\[0\]=\d+ is above"),
    ],
)  # fmt: skip
def test_butterflies_that_cannot_be(make, error, sentence) -> None:
    with pytest.raises(error, match=sentence):
        make()
