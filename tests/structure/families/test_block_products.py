"""Monarch, group-and-shuffle, block tensor train and BLAST against matrices built from the papers' definitions."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from igc_theory.structure import (
    Chain,
    ChannelPermutation,
    blast,
    block_tensor_train,
    grade,
    group_and_shuffle,
    igcv1,
    monarch,
)
from igc_theory.structure.families.two_factor_chains import two_factor_chain
from tests.structure.families.matrices import blocks, diagonal, drawn, kernel_of, transposing

sizes = st.integers(1, 4)


@pytest.mark.parametrize("m", [1, 2, 3, 4])
def test_a_square_monarch_matrix_is_p_l_pt_r(m: int) -> None:
    product = drawn(monarch(m * m, m * m))
    R, L = (diagonal(weight, m) for weight in product.weights)
    P = transposing(m, m * m)
    assert np.allclose(product.matrix(), P @ L @ P.T @ R)
    assert product.chain.parameters == 2 * m**3
    assert grade(product.chain).kind == "strict"


@given(k=sizes, p=sizes, s=sizes)
@settings(max_examples=15)
def test_a_rectangular_monarch_matrix_is_the_authors_two_batched_products(k: int, p: int, s: int) -> None:
    """Their arrays: w1 of shape (k, q, p) and w2 of shape (l, s, r), with l·r = k·q; here l = k, so r = q."""
    q = min(p, s)
    product = drawn(monarch(k * p, k * s, groups=k))
    first, second = (blocks(weight, k) for weight in product.weights)
    x = np.random.default_rng(1).standard_normal(k * p)
    inner = np.einsum("kqp,kp->kq", first, x.reshape(k, p)).reshape(q, k).T
    expected = np.einsum("lsr,lr->ls", second, inner).T.ravel()
    assert np.allclose(product @ x, expected)
    assert product.chain.parameters == k * q * p + k * s * q
    if q % k == 0:
        found = grade(product.chain)
        assert (found.min_paths, found.max_paths) == (q // k, q // k)


@pytest.mark.parametrize(("width", "order"), [(2, 2), (2, 3), (3, 3), (2, 4), (1, 3)])
def test_a_monarch_matrix_of_order_p_mixes_one_digit_after_the_other(width: int, order: int) -> None:
    channels = width**order
    product = drawn(monarch(channels, channels, order=order))
    x = np.random.default_rng(0).standard_normal(channels)
    y = x.reshape([width] * order)
    for digit, weight in enumerate(
        product.weights
    ):  # the last axis first; the others number its blocks, last digit mixed last
        axis = order - 1 - digit
        rest = [other for other in range(order) if other != axis]
        # The blocks are numbered by the digits not yet mixed, and behind them, turned round, those mixed before.
        places = [other for other in range(order) if other > axis] + [other for other in range(order) if other < axis]
        assert sorted(places) == rest
        W = blocks(weight, channels // width).reshape(*[width] * (order - 1), width, width)
        moved = np.einsum("...oi,...i->...o", W, y.transpose(*places, axis))
        y = moved.transpose(np.argsort([*places, axis]))
    assert np.allclose(product @ x, y.ravel())
    assert product.chain.parameters == order * channels * width
    assert grade(product.chain).kind == "strict"


@given(data=st.data())
@settings(max_examples=20)
def test_group_and_shuffle_is_the_product_of_its_definition(data: st.DataObject) -> None:
    groups = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=4), label="groups")
    middle = int(np.lcm.reduce(groups)) * data.draw(st.integers(1, 2))
    ends = groups[0] * data.draw(st.integers(1, 3)), groups[-1] * data.draw(st.integers(1, 3))
    chain = group_and_shuffle(*ends, middle, groups)
    product, stages = drawn(chain), [ends[0], *[middle] * (len(groups) - 1), ends[1]]
    expected = np.eye(ends[0])
    for l, (weight, count) in enumerate(zip(product.weights, groups, strict=True)):
        expected = diagonal(weight, count) @ expected
        if l < len(groups) - 1:
            expected = transposing(count, middle) @ expected
    assert np.allclose(product.matrix(), expected)
    assert chain.parameters == sum(a * b // g for (a, b), g in zip(pairwise(stages), groups, strict=True))


def test_permutations_of_ones_own_take_the_place_of_the_shuffles() -> None:
    rng = np.random.default_rng(0)
    orders = [rng.permutation(12) for _ in range(2)]
    product = drawn(group_and_shuffle(12, 6, 12, [3, 4, 2], permutations=[ChannelPermutation(p) for p in orders]))
    A, B, C = (diagonal(weight, g) for weight, g in zip(product.weights, (3, 4, 2), strict=True))
    assert np.allclose(product.matrix(), C @ np.eye(12)[orders[1]] @ B @ np.eye(12)[orders[0]] @ A)


@pytest.mark.parametrize(("b", "r"), [(2, 4), (2, 5), (3, 3), (3, 10), (4, 4)])
def test_group_and_shuffle_is_dense_with_as_many_factors_as_its_theorem_2_says(b: int, r: int) -> None:
    enough = 1 + next(k for k in range(9) if b**k >= r)
    kinds = [grade(group_and_shuffle(b * r, b * r, b * r, [r] * m)).kind for m in (enough - 1, enough)]
    assert kinds[0] == "not dense" != kinds[1]


@given(m1=sizes, m2=sizes, n1=sizes, n2=sizes, r=st.integers(1, 3))
@settings(max_examples=15)
def test_a_block_tensor_train_is_the_einsum_of_its_cores(m1: int, m2: int, n1: int, n2: int, r: int) -> None:
    product = drawn(block_tensor_train(m1 * m2, n1 * n2, (m2, n1), rank=r))
    V = blocks(product.weights[0], m2).reshape(m2, n1, r, m1)
    U = blocks(product.weights[1], n1).reshape(n1, n2, r, m2)
    W = np.einsum("bjra,abri->bjai", U, V).reshape(n1 * n2, m2 * m1)
    assert np.allclose(product.matrix(), W)
    assert product.chain.parameters == r * (n1 * m1 * m2 + m2 * n1 * n2)
    assert str(grade(product.chain)).startswith("strict" if r == 1 else f"loose, p = {r}:")
    ranks = np.linalg.matrix_rank(W.reshape(n1, n2, m2, m1).swapaxes(1, 2))
    assert (ranks == min(r, n2, m1)).all()


@given(b=sizes, r=st.integers(1, 4), p=sizes, q=sizes)
@settings(max_examples=15)
def test_block_ij_of_blast_is_u_diag_s_v(b: int, r: int, p: int, q: int) -> None:
    product = drawn(blast(b * q, b * p, groups=b, rank=r))
    Vt, S, U = product.weights
    Vt, S, U = blocks(Vt, b), blocks(S, r), blocks(U, b)  # (b, r, q), (r, b, b), (b, p, r)
    rows = [np.hstack([U[i] @ np.diag(S[:, i, j]) @ Vt[j] for j in range(b)]) for i in range(b)]
    assert np.allclose(product.matrix(), np.vstack(rows))
    assert product.chain.parameters == r * (b * q + b * b + b * p)
    assert str(grade(product.chain)).startswith("strict" if r == 1 else f"loose, p = {r}:")


def test_blast_is_the_chain_that_the_theory_names() -> None:
    assert [repr(factor) for factor in blast(64, 64, groups=4, rank=6).factors] == [
        "GroupConv(64, 24, groups=4)",
        "interleave(groups=4, width=6)",
        "GroupConv(24, 24, groups=6)",
        "interleave(groups=6, width=4)",
        "GroupConv(24, 64, groups=4)",
    ]


WITH_A_WINDOW = [
    (monarch, (4, 4)),
    (monarch, (8, 12, 2)),
    (monarch, (8, 8, None, 3)),
    (group_and_shuffle, (6, 4, 12, [2, 3, 2])),
    (block_tensor_train, (6, 4, (3, 2), 2)),
    (blast, (6, 4, 2, 3)),
]


@pytest.mark.parametrize(("family", "arguments"), WITH_A_WINDOW)
def test_a_window_belongs_to_the_first_factor(family, arguments) -> None:
    pointwise = family(*arguments)
    spatial = family(*arguments, kernel_size=(2, 3), stride=2)
    assert [conv.window for conv in spatial.convolutions] == [(2, 3)] + [(1, 1)] * (len(spatial.convolutions) - 1)
    assert spatial.strides == (2, 2)
    product = drawn(spatial)
    for h, w in np.ndindex(2, 3):
        weights = [product.weights[0][:, :, h : h + 1, w : w + 1], *product.weights[1:]]
        assert np.allclose(kernel_of(type(product)(pointwise, weights))[:, :, 0, 0], kernel_of(product)[:, :, h, w])


def test_families_that_coincide_are_one_chain() -> None:
    assert monarch(36, 36) == igcv1(6, 6, kernel_size=1)
    assert (
        Chain(igcv1(6, 6, 1).factors[:3]) == group_and_shuffle(36, 36, 36, [6, 6]) == block_tensor_train(36, 36, (6, 6))
    )
    assert two_factor_chain(8, 12, 24, (2, 4), 3) == group_and_shuffle(8, 12, 24, (2, 4), 3)


@pytest.mark.parametrize(
    ("make", "error", "sentence"),
    [
        (lambda: monarch(10, 10), ValueError, "in_channels=10 is not the power order=2 of an integer: use 9 or 16"),
        (lambda: monarch(16, 32), ValueError, "out_channels=32 is not in_channels=16, and groups is not given"),
        (lambda: monarch(16, 16, 4, 3), ValueError, "groups=4 is given, and order=3 is above 2: leave one"),
        (lambda: monarch(16, 16, order=1), ValueError, "order=1 is below 2"),
        (lambda: monarch(16, 16, 3), ValueError, "groups=3 does not divide in_channels=16"),
        (lambda: monarch(16, 18, 4), ValueError, "groups=4 does not divide out_channels=18"),
        (lambda: group_and_shuffle(8, 8, 9, [2, 3]), ValueError, "groups=2 does not divide middle=9"),
        (lambda: group_and_shuffle(8, 8, 8, [2, 3]), ValueError, "groups=3 does not divide middle=8"),
        (lambda: group_and_shuffle(9, 8, 8, [2, 2]), ValueError, "groups=2 does not divide in_channels=9"),
        (lambda: group_and_shuffle(8, 9, 8, [2, 2]), ValueError, "groups=2 does not divide out_channels=9"),
        (lambda: group_and_shuffle(8, 8, 8, []), ValueError, r"groups=\[\] is empty"),
        (lambda: group_and_shuffle(8, 8, 8, 2), TypeError, "groups=2 is an int, not a sequence"),
        (
            lambda: group_and_shuffle(8, 8, 8, [2, 2], permutations=[]),
            ValueError,
            "permutations has 0 entries for 2 factors: give one ChannelPermutation between each two factors",
        ),
        (lambda: group_and_shuffle(8, 8, 8, [2, 2], permutations=[3]), TypeError, r"permutations\[0\]=3 is an int"),
        (
            lambda: group_and_shuffle(8, 8, 8, [2, 2], permutations=[ChannelPermutation([1, 0])]),
            ValueError,
            "reads 2 channels",
        ),
        (lambda: block_tensor_train(8, 8, 2), ValueError, r"groups=2 is not a pair: give \(G1, G2\)"),
        (lambda: block_tensor_train(8, 8, (2, 2), 0), ValueError, "rank=0 is below 1"),
        (lambda: block_tensor_train(8, 8, (3, 2)), ValueError, "groups=3 does not divide in_channels=8"),
        (lambda: blast(8, 8, 2, 2.5), TypeError, "rank=2.5 is a float"),
        (lambda: blast(8, 9, 2, 2), ValueError, "groups=2 does not divide out_channels=9"),
    ],
)
def test_block_products_that_cannot_be(make, error, sentence) -> None:
    with pytest.raises(error, match=sentence):
        make()
