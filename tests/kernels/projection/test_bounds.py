"""Lower bounds: equal to the error of two factors, never above that of any product, cuts against exhaustive search."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from igc_theory import Chain, GroupConv, group, igcv1, igcv2, interleave
from igc_theory.kernels import project, random_product
from igc_theory.kernels.projection import bounds
from igc_theory.kernels.projection.alternating.descent import Descent
from igc_theory.kernels.projection.alternating.factors import chain_node
from igc_theory.kernels.projection.alternating.starts import random_weights
from igc_theory.kernels.projection.bounds import chain_bound
from igc_theory.structure import (
    ChannelPermutation,
    blast,
    canonical_polyadic,
    interleaved,
    regular,
    spatially_separable,
)
from igc_theory.structure.branches import branch_graph
from tests import cases, oracles

BOTTLENECK = Chain([GroupConv(6, 4, 2), interleave(2, 2), GroupConv(4, 2, 2), GroupConv(2, 6, 2)])
CHAINS = {
    "BLAST": blast(8, 8, 2, 3),
    "four-cycle": cases.FOUR_CYCLE,
    "strict": igcv2([2, 2, 2], 3),
    "bottleneck": BOTTLENECK,
    "two windows": regular(4, 1) + regular(1, 4, (1, 2)),
    "separable": spatially_separable(4, 5, 2),
    "polyadic": canonical_polyadic(4, 4, 2),
    "stride in front": Chain([GroupConv(4, 4, 2, stride=2), interleave(2, 2), GroupConv(4, 4, 2, 3)]),
}


def drawn_chain(data: st.DataObject) -> Chain:
    """Three to four pointwise convolutions with any branches that fit and any permutations between them."""
    factors: list = []
    channels = data.draw(st.sampled_from([2, 4, 6]))
    for _ in range(data.draw(st.integers(2, 4))):
        groups = data.draw(st.sampled_from(cases.divisors(channels)))
        out = groups * data.draw(st.integers(1, max(1, 6 // groups)))
        factors += [GroupConv(channels, out, groups), ChannelPermutation(data.draw(st.permutations(range(out))))]
        channels = out
    return Chain(factors)


@given(st.data())
@settings(max_examples=30)
def test_no_product_has_blocks_beyond_the_bound(data: st.DataObject) -> None:
    """A product loses nothing: its own bound is zero, up to rounding, whatever the chain."""
    chain = drawn_chain(data)
    kernel = random_product(chain, np.random.default_rng(data.draw(st.integers(0, 2**32)))).kernel()
    bound = chain_bound(kernel, chain)
    assert bound is None or bound <= 1e-20 * np.linalg.norm(kernel) ** 2


@pytest.mark.parametrize("complex_", [False, True])
@pytest.mark.parametrize("name", CHAINS)
def test_products_of_windows_lose_nothing_and_descents_stay_above(name: str, complex_: bool) -> None:
    rng, chain = np.random.default_rng(0), CHAINS[name]
    product = random_product(chain, rng, complex if complex_ else float).kernel()
    assert (chain_bound(product, chain) or 0) <= 1e-20 * np.linalg.norm(product) ** 2
    kernel = product + 0.3 * rng.standard_normal(product.shape) * np.abs(product).mean()
    bound = chain_bound(kernel, chain)
    assert bound > 1e-6 * np.linalg.norm(kernel) ** 2
    descent = Descent(chain_node(chain, random_weights(kernel, chain, rng)), kernel.conj().transpose(1, 2, 3, 0).copy())
    descent.run(30, tolerance=1e-6)
    assert bound <= descent.error


@given(st.data())
@settings(max_examples=25)
def test_two_convolutions_reach_the_bound(data: st.DataObject) -> None:
    first, second = data.draw(st.sampled_from(list(cases.rectangular(2, 6))))
    middle = ChannelPermutation(data.draw(st.permutations(range(first.out_channels))))
    windows = data.draw(st.sampled_from([(1, 1), ((2, 1), 1), (1, (1, 2))]))
    convs = [
        GroupConv(c.in_channels, c.out_channels, c.groups, w) for c, w in zip((first, second), windows, strict=True)
    ]
    chain = Chain([convs[0], middle, convs[1]])
    kernel = np.random.default_rng(0).standard_normal((chain.out_channels, chain.in_channels, *chain.window))
    bound, error = chain_bound(kernel, chain), project(kernel, chain).relative_error
    assert np.sqrt(bound or 0) / np.linalg.norm(kernel) == pytest.approx(error, abs=1e-12)


def smallest_cut(chain: Chain, inputs: list[int], outputs: list[int]) -> int:
    """The fewest channels, inputs and outputs among them, whose removal leaves no path: all sets are tried."""
    layers = [chain.in_channels, *(factor.out_channels for factor in chain.factors)]
    places = [(k, c) for k, size in enumerate(layers) for c in range(size)]
    for size in range(len(places) + 1):
        for cut in combinations(places, size):
            reached = {i for i in inputs if (0, i) not in cut}
            for k, factor in enumerate(chain.factors):
                reached = {o for i, o in oracles.arrows(factor) if i in reached and (k + 1, o) not in cut}
            if not reached & {*outputs}:
                return size
    raise AssertionError


@pytest.mark.parametrize(
    "chain",
    [
        Chain([GroupConv(2, 4, 2), ChannelPermutation([0, 2, 1, 3]), GroupConv(4, 4, 2), GroupConv(4, 2, 2)]),
        Chain([GroupConv(3, 2), GroupConv(2, 3), GroupConv(3, 3, 3)]),
        Chain([GroupConv(4, 2, 2), GroupConv(2, 2, 2), GroupConv(2, 4, 1)]),
    ],
    ids=repr,
)
def test_ranks_are_smallest_cuts(chain: Chain) -> None:
    graph = branch_graph(chain)
    for tiling in bounds._tilings(graph):
        ranks = bounds._ranks(graph, tiling, [1] * (len(chain.convolutions) + 1))
        for o, i in np.ndindex(ranks.shape):
            inputs = np.flatnonzero(tiling.inputs[graph.in_branch] == i).tolist()
            outputs = np.flatnonzero(tiling.outputs[graph.out_branch] == o).tolist()
            assert min(ranks[o, i], len(inputs), len(outputs)) == smallest_cut(chain, inputs, outputs)


def test_a_cut_across_gaps_can_be_smaller_than_any_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    orders = [[2, 3, 5, 4, 1, 0], [2, 5, 3, 1, 0, 4], [2, 4, 1, 5, 0, 3]]
    convs = GroupConv(6, 6, 2), GroupConv(6, 6, 3), GroupConv(6, 6, 2)
    chain = Chain([f for conv, order in zip(convs, orders, strict=True) for f in (conv, ChannelPermutation(order))])
    graph = branch_graph(chain)
    *_, finest = bounds._tilings(graph)
    assert bounds._ranks(graph, finest, [1] * 4).tolist() == [[2, 1], [1, 2]]
    kernel = np.random.default_rng(0).standard_normal((6, 6, 1, 1))
    better = chain_bound(kernel, chain)
    monkeypatch.setattr(bounds, "_FLOWS", 0)
    assert bounds._ranks(graph, finest, [1] * 4).max() == 3
    assert chain_bound(kernel, chain) < better


def test_the_bound_of_hierarchical_chains_is_that_of_their_splits() -> None:
    rng = np.random.default_rng(1)
    for chain in (igcv2([2, 3, 2], 1), igcv2([2, 2, 2, 2], 1), igcv2([1, 2, 4], 3), igcv2([2, 4, 2], 1)):
        kernel = rng.standard_normal((chain.out_channels, chain.in_channels, *chain.window))
        found = project(kernel, chain)
        assert found.method == "hierarchical"
        bound = np.sqrt(chain_bound(kernel, chain)) / np.linalg.norm(kernel)
        assert bound == pytest.approx(found.lower_bound, rel=1e-9)


def test_what_no_weight_reaches_is_lost() -> None:
    kernel = np.random.default_rng(2).standard_normal((4, 4, 5, 5))
    chain = CHAINS["stride in front"]
    missed = np.linalg.norm(kernel[:, :, 1::2]) ** 2 + np.linalg.norm(kernel[:, :, ::2, 1::2]) ** 2
    assert chain_bound(kernel, chain) > missed
    full = Chain([GroupConv(4, 16, stride=2), GroupConv(16, 4, 1, 3)])
    assert chain_bound(kernel, full) == pytest.approx(missed)
    assert project(kernel, full).lower_bound == pytest.approx(np.sqrt(missed) / np.linalg.norm(kernel))
    alone = group(4, 4, 2, 1)
    kernel = kernel[:, :, :1, :1]
    assert chain_bound(kernel, alone) == pytest.approx(np.linalg.norm([kernel[:2, 2:], kernel[2:, :2]]) ** 2)


def test_where_nothing_is_limited_there_is_no_bound() -> None:
    chain = interleaved(4, [2, 4, 4], 1)
    found = project(np.random.default_rng(3).standard_normal((4, 4)), chain, restarts=0)
    assert found.lower_bound is None or found.method == "hierarchical"
    wide = Chain([GroupConv(3, 6), GroupConv(6, 6, 2), GroupConv(6, 6, 3), GroupConv(6, 3)])
    found = project(np.random.default_rng(3).standard_normal((3, 3)), wide)
    assert found.lower_bound is None
    assert "no bound" in found.sentence


def test_small_panels_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    chain, rng = igcv1(4, 2), np.random.default_rng(4)
    kernel = rng.standard_normal((8, 8, 3, 3))
    whole = chain_bound(kernel, chain)
    monkeypatch.setattr(bounds, "_PANEL", 8)
    assert chain_bound(kernel, chain) == pytest.approx(whole, rel=1e-12)
