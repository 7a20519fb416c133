"""The interleaving theorem, on every small interleaved chain and on random large ones."""

from __future__ import annotations

from math import prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from igc_theory.structure import Chain, ChannelPermutation, grade, has_unique_paths, interleaved, is_dense, path_counts
from igc_theory.structure import uniform_path_count as uniform
from tests import cases, oracles


def promised(chain: Chain) -> set[int]:
    """What the theorem says: every pair has the floor or the ceiling of Π/C paths."""
    paths, channels = prod(conv.in_width for conv in chain.convolutions), chain.in_channels
    return {paths // channels, -(-paths // channels)}


def test_every_small_interleaved_chain_has_floor_or_ceiling_paths_and_those_of_a_path_search() -> None:
    chains = cases.interleaved_chains()
    assert len(chains) > 13_000
    for k, chain in enumerate(chains):
        if k % 3 and max(conv.out_channels for conv in chain.convolutions) > 8:
            continue  # all with up to eight channels behind a convolution, a third of the others
        counts = path_counts(chain)
        assert {*counts.ravel().tolist()} == promised(chain), chain
        if k % 7 < 3:
            assert counts.tolist() == oracles.count_paths(list(chain.factors)), chain


@st.composite
def convolutions(draw: st.DrawFn) -> tuple[cases.GroupConv, ...]:
    """Up to five group convolutions that fit, with widths that differ, expand and shrink."""
    channels, convs = draw(st.integers(1, 60)), []
    for _ in range(draw(st.integers(1, 5))):
        groups = draw(st.sampled_from(cases.divisors(channels)))
        convs.append(cases.GroupConv(channels, groups * draw(st.integers(1, max(1, 120 // groups))), groups))
        channels = convs[-1].out_channels
    return tuple(convs)


@given(convolutions())
def test_random_interleaved_chains(convs: tuple[cases.GroupConv, ...]) -> None:
    chain = cases.interleaved_chain(convs)
    low, high = min(promised(chain)), max(promised(chain))
    found = grade(chain)
    assert is_dense(chain) == (low >= 1)
    assert has_unique_paths(chain) == (low == high == 1)
    assert uniform(chain, np.random.default_rng(0)) == (low if low == high else None)
    assert found.min_paths == low
    assert found.max_paths == (high if low else None)


@settings(max_examples=200)
@given(convolutions(), st.randoms(use_true_random=False))
def test_no_other_permutations_connect_more_evenly(convs: tuple[cases.GroupConv, ...], random: object) -> None:
    shuffled: list[object] = []
    for conv in convs:
        order = list(range(conv.out_channels))
        random.shuffle(order)
        shuffled += [conv, ChannelPermutation(order)]
    ours, other = path_counts(cases.interleaved_chain(convs)), path_counts(Chain(shuffled))
    assert other.min() <= ours.min()
    assert other.max() >= ours.max()


@pytest.mark.parametrize(("channels", "widths"), [(174, (6, 6, 6)), (192, (3,) * 5)])
def test_nearly_complementary_designs_of_igcv2_have_one_or_two_paths(channels: int, widths: tuple[int, ...]) -> None:
    found = grade(interleaved(channels, (1, *widths)))
    assert (found.kind, found.min_paths, found.max_paths) == ("dense", 1, 2)
