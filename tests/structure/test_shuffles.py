"""Folded shuffles against the products they came from, and against every order that the branches allow."""

from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from igc_theory.budget import best_block
from igc_theory.kernels import Product, random_product
from igc_theory.kernels.products.weights import carried_weights
from igc_theory.structure import (
    Chain,
    ChannelPermutation,
    GroupConv,
    igcv1,
    igcv2,
    igcv3,
    interleave,
    interleaved,
    regular,
    shufflenet_unit,
)
from igc_theory.structure.shuffles import fold_shuffles, transposition
from tests.cases import FOUR_CYCLE, UNEVEN

BLOCKS = [
    igcv1(4, 3),
    igcv2([2, 3, 4]),
    igcv3(6, 8, stride=2),
    shufflenet_unit(12, 3),
    interleaved(12, [1, 4, 4]),
    best_block(16, 24, stride=2).chain,
    regular(4, 4),
    Chain([ChannelPermutation([2, 0, 1])]),
    FOUR_CYCLE,
    UNEVEN,
]


def shuffles(chain: Chain) -> list[ChannelPermutation]:
    return [factor for factor in chain.factors if isinstance(factor, ChannelPermutation)]


def same_product(
    chain: Chain, rng: np.random.Generator, *, free_input: bool = False, free_output: bool = False
) -> None:
    """Compare a chain with random weights with its folded form, on images."""
    given = random_product(chain, rng)
    folded = fold_shuffles(chain, free_input=free_input, free_output=free_output)
    image = rng.standard_normal((chain.in_channels, 5, 6))
    found = Product(folded.chain, carried_weights(folded, given.weights)).convolve(image[folded.before])
    np.testing.assert_allclose(found, given.convolve(image)[folded.after], rtol=0, atol=1e-12)
    assert free_input or (folded.before == np.arange(chain.in_channels)).all()
    assert free_output or (folded.after == np.arange(chain.out_channels)).all()
    assert folded.chain.convolutions == chain.convolutions


@pytest.mark.parametrize("chain", BLOCKS, ids=str)
def test_named_blocks_compute_the_same(chain: Chain) -> None:
    for free_input, free_output in product([False, True], repeat=2):
        same_product(chain, np.random.default_rng(0), free_input=free_input, free_output=free_output)


CONVOLUTIONS = st.sampled_from([
    (1, 1, 1), (1, 1, 3), (2, 2, 3), (2, 1, 1), (1, 2, 1), (3, 2, 1), (2, 3, 1), (6, 6, 1), (12, 12, 1),
])  # fmt: skip


@given(st.lists(CONVOLUTIONS, max_size=5), st.lists(st.booleans(), min_size=6, max_size=6), st.booleans(), st.randoms())
def test_any_chain_computes_the_same(shapes, shuffled, free, random) -> None:
    factors, channels = [], 12
    for (into, out, window), mixed in zip(shapes, shuffled, strict=False):
        if channels % into == 0 and channels // into * out <= 24:
            groups = channels // into
            factors += [ChannelPermutation(random.sample(range(channels), channels))] * mixed
            factors.append(GroupConv(channels, groups * out, groups, window))
            channels = groups * out
    factors.append(ChannelPermutation(random.sample(range(channels), channels)))
    same_product(Chain(factors), np.random.default_rng(1), free_input=free, free_output=not free)


def could_vanish(permutation: ChannelPermutation, written: int, read: int) -> bool:
    """Try every order within the branches on both sides of a permutation."""
    channels = permutation.channels

    def orders(width: int):
        inside = [permutations(range(start, start + width)) for start in range(0, channels, width)]
        return [np.array(sum(order, ())) for order in product(*inside)]

    every = {tuple(permutation.indices[order]) for order in orders(read)}
    return any(tuple(order) in every for order in orders(written))


def test_a_shuffle_stays_only_where_no_order_within_the_branches_spares_it() -> None:
    seen = set()
    for written, read in product([1, 2, 4], repeat=2):
        for indices in permutations(range(4)):
            middle = ChannelPermutation(indices)
            first, last = GroupConv(2 * (4 // written), 4, 4 // written), GroupConv(4, 2 * (4 // read), 4 // read)
            left = shuffles(fold_shuffles(Chain([first, middle, last])).chain)
            assert (left == []) == could_vanish(middle, written, read), (written, read, indices)
            seen.add(left == [])
    assert seen == {True, False}


def test_what_folds_away_and_what_stays() -> None:
    assert shuffles(fold_shuffles(regular(6, 6) + interleave(2, 3) + regular(6, 6)).chain) == []
    (left,) = shuffles(fold_shuffles(igcv1(4, 2), free_output=True).chain)
    assert left == interleave(4, 2)
    # Sorted by branches the blocks would be uneven, and the shuffle no transposition.
    (uneven,) = shuffles(fold_shuffles(interleaved(12, [1, 4, 4])).chain)
    assert transposition(uneven) is not None
    folded = fold_shuffles(igcv3(8, 8, 2, (2, 2), stride=2), free_output=True)
    assert [type(factor) for factor in folded.chain.factors] == [GroupConv, GroupConv, ChannelPermutation, GroupConv]
    assert transposition(folded.chain.factors[2]) == ((2, 2, 4), (1, 0, 2))  # whole blocks, behind the stride


@pytest.mark.parametrize("sizes", [(2, 3), (4, 3, 2), (2, 2, 2, 3), (5,)])
def test_transpositions_are_recognised(sizes: tuple[int, ...]) -> None:
    for order in permutations(range(len(sizes))):
        indices = np.arange(np.prod(sizes)).reshape(sizes).transpose(order).ravel()
        found = transposition(ChannelPermutation(indices))
        assert found is not None
        np.testing.assert_array_equal(np.arange(indices.size).reshape(found[0]).transpose(found[1]).ravel(), indices)


def test_what_is_no_transposition_is_told_apart() -> None:
    for indices in permutations(range(6)):
        found = transposition(ChannelPermutation(indices))
        spelled = [(2, 3), (3, 2), (6,)]
        every = {
            tuple(np.arange(6).reshape(s).transpose(o).ravel()) for s in spelled for o in permutations(range(len(s)))
        }
        assert (found is not None) == (indices in every), indices


def test_bad_input() -> None:
    with pytest.raises(TypeError, match="chain="):
        fold_shuffles("igcv1")
    with pytest.raises(TypeError, match="free_input=1"):
        fold_shuffles(igcv1(2, 2), free_input=1)
