"""Path counts, conditions, grades and witnesses against the definitions, channel by channel, on all small designs."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from igc_theory.structure import (
    Chain,
    ChannelPermutation,
    GroupConv,
    branches,
    explain_complementarity,
    grade,
    group,
    has_unique_paths,
    igcv1,
    igcv2,
    igcv3,
    interleaved,
    is_complementary,
    is_dense,
    is_loosely_complementary,
    path_counts,
    paths,
    uniform_path_count,
)
from igc_theory.structure.branches import branch_graph
from igc_theory.structure.conditions import explanations, grades
from tests import cases, oracles

FAMILIES = [cases.partition_chains, cases.permuted_rectangular_chains]


@pytest.fixture
def _each_chain_is_parted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let all questions about one chain share its branches and splits, which each would find again."""
    shared = lru_cache(maxsize=1)(branches.branch_graph)
    for module in (grades, explanations, paths):
        monkeypatch.setattr(module, "branch_graph", shared)
    monkeypatch.setattr(grades, "_splits", lru_cache(maxsize=1)(grades._splits))


@pytest.mark.usefixtures("_each_chain_is_parted_once")
@pytest.mark.parametrize("family", FAMILIES)
def test_every_condition_grade_and_witness_follows_its_definition(family: Callable[[], tuple[Chain, ...]]) -> None:
    rng = np.random.default_rng(0)
    for chain in family():
        counts = oracles.count_paths(chain.factors)
        check_conditions(chain, counts, rng)
        check_grade(chain, counts)


def check_conditions(chain: Chain, counts: list[list[int]], rng: np.random.Generator) -> None:
    """Compare every yes or no with the definition."""
    seen = {ways for row in counts for ways in row}
    assert path_counts(chain).tolist() == counts, chain
    assert is_complementary(chain) == oracles.strict(chain), chain
    assert is_loosely_complementary(chain) == oracles.loose(chain), chain
    assert has_unique_paths(chain) == (seen == {1}), chain
    assert is_dense(chain) == (0 not in seen), chain
    even = len(seen) == 1 and 0 not in seen
    assert uniform_path_count(chain, rng) == (min(seen) if even else None), chain


def check_grade(chain: Chain, counts: list[list[int]]) -> None:
    """Compare the grade with the counts, and follow the witness by hand."""
    seen = {ways for row in counts for ways in row}
    found, explained = grade(chain), explain_complementarity(chain)
    assert found.min_paths == min(seen)
    if found.kind == "not dense":
        assert found.missing is not None
        assert counts[found.missing[0]][found.missing[1]] == 0
    else:
        assert found.max_paths == max(seen)
    assert explained.holds == oracles.strict(chain) == (found.kind == "strict")
    assert (explained.witness is None) == explained.holds
    if explained.witness is not None:
        assert counts[explained.witness.output][explained.witness.input] == explained.witness.paths
        check_channels(chain, explained.witness)


def check_channels(chain: Chain, witness: object) -> None:
    """Follow the two channels of a witness through the chain by path search."""
    if witness.channels is None:
        assert witness.paths != 1
        return
    positions = [k for k, factor in enumerate(chain.factors) if isinstance(factor, GroupConv)]
    at, factors = positions[witness.convolution], list(chain.factors)
    first, second = witness.channels
    if witness.part is None:
        between, conv = factors[at + 1 : positions[witness.convolution + 1]], chain.convolutions[witness.convolution]
        after = chain.convolutions[witness.convolution + 1]
        identity = GroupConv(conv.out_channels, conv.out_channels, conv.out_channels)
        wire = np.array(oracles.count_paths([identity, *between]))
        reads = wire[:, [first, second]].argmax(axis=0) // after.in_width
        assert first != second
        assert first // conv.out_width == second // conv.out_width
        assert reads[0] == reads[1]
        return
    counts = np.array(oracles.count_paths(factors[: at + 1] if witness.part == "before" else factors[at:]))
    one, other = (counts[[first, second]] if witness.part == "before" else counts[:, [first, second]].T) > 0
    end = witness.input if witness.part == "before" else witness.output
    assert (one & other).any()
    assert one[end] != other[end]


def test_witnesses_of_torn_parts_occur_on_both_sides() -> None:
    chains = [chain for chain in cases.partition_chains() if chain.in_channels == 8 and has_unique_paths(chain)]
    witnesses = [explain_complementarity(chain).witness for chain in chains]
    assert {witness.part for witness in witnesses if witness} == {"before", "after"}


def test_four_cycle_has_unique_paths_without_the_published_condition() -> None:
    assert has_unique_paths(cases.FOUR_CYCLE)
    assert not is_complementary(cases.FOUR_CYCLE)
    assert not is_loosely_complementary(cases.FOUR_CYCLE)
    sentence = "unique paths, not complementary: every input reaches every output by exactly one path"
    assert str(grade(cases.FOUR_CYCLE)) == sentence
    assert "each pair has one path" in explain_complementarity(cases.FOUR_CYCLE).sentence


def test_four_cycle_is_the_smallest_three_factor_example() -> None:
    for chain in cases.partition_chains():
        if chain.in_channels < 8:
            assert has_unique_paths(chain) == is_complementary(chain)


def test_loose_splits_do_not_make_path_counts_even_with_three_factors() -> None:
    assert is_loosely_complementary(cases.UNEVEN)
    assert np.unique(path_counts(cases.UNEVEN)).tolist() == [4, 5]
    assert str(grade(cases.UNEVEN)) == "loose, uneven: 4 to 5 paths per pair"
    for chain in cases.partition_chains():
        if chain.in_channels < 6 and is_loosely_complementary(chain):
            assert grade(chain).min_paths == grade(chain).max_paths


@given(
    st.integers(1, 6), st.integers(1, 6), st.integers(1, 4), st.sampled_from([1, 2, 3, 6]), st.sampled_from([1, 2, 4])
)
def test_igcv3_paths_per_pair(c: int, out: int, t: int, g1: int, g2: int) -> None:
    c, out = c * g1, out * g2
    if t * c % (g1 * g2):
        return
    found = grade(igcv3(c, out, t, (g1, g2)))
    assert found.min_paths == found.max_paths == t * c // (g1 * g2)


def test_a_channel_wise_factor_between_changes_nothing() -> None:
    for L in range(1, 6):
        for M in range(1, 6):
            primary, shuffle, secondary, back = igcv1(L, M).factors
            depthwise = GroupConv(L * M, L * M, L * M, 3)
            assert grade(Chain([primary, shuffle, depthwise, secondary, back])) == grade(igcv1(L, M))
            assert grade(Chain([depthwise, primary, depthwise, secondary])) == grade(Chain([primary, secondary]))


def test_counts_beyond_int64_are_exact_or_refused() -> None:
    chain = Chain([GroupConv(64, 64) for _ in range(12)])  # 64**11 paths per pair
    assert grade(chain).min_paths == 64**11
    assert uniform_path_count(chain, np.random.default_rng(0)) == 64**11
    with pytest.raises(ValueError, match=f"a pair with {64**11} paths, more than int64 holds"):
        path_counts(chain)
    long = Chain([*[GroupConv(6, 6)] * 25, cases.UNEVEN])  # 27 paths leave every input of the last three factors
    assert grade(long).min_paths == grade(long).max_paths == 6**24 * 27


@pytest.mark.parametrize(
    "ask",
    [
        path_counts,
        is_complementary,
        is_loosely_complementary,
        has_unique_paths,
        is_dense,
        grade,
        explain_complementarity,
    ],
)
def test_only_chains_are_asked(ask: Callable[[object], object]) -> None:
    with pytest.raises(TypeError, match=r"chain=GroupConv\(4, 4\) is a GroupConv: give a Chain"):
        ask(GroupConv(4, 4))
    with pytest.raises(TypeError, match=r"chain=GroupConv\(4, 4\) is a GroupConv: give a Chain"):
        uniform_path_count(GroupConv(4, 4), np.random.default_rng(0))


def test_uniform_path_count_wants_a_generator() -> None:
    with pytest.raises(TypeError, match=r"rng=0 is an int: give numpy.random.default_rng"):
        uniform_path_count(igcv1(2, 2), 0)


def test_large_chains_agree_with_the_sparse_product() -> None:
    from functools import reduce

    from scipy.sparse import csr_array, eye_array, kron

    rng = np.random.default_rng(1)
    for widths in ([8, 8, 8], [4, 4, 4, 4], [32, 16], [2] * 9):
        factors, matrices = [], []
        for width in widths:
            order = rng.permutation(512)
            factors += [GroupConv(512, 512, 512 // width), ChannelPermutation(order)]
            matrices += [
                kron(eye_array(512 // width), np.ones((width, width), np.int64)),
                csr_array(np.eye(512, dtype=np.int64)[order]),
            ]
        expected = reduce(
            lambda product, matrix: csr_array(matrix) @ product, matrices, eye_array(512, dtype=np.int64).tocsr()
        )
        assert (path_counts(Chain(factors)) == expected.toarray()).all()


def test_a_chain_turned_round_ends_as_many_paths_as_it_began() -> None:
    chain = Chain([GroupConv(4, 12, 2), ChannelPermutation(range(11, -1, -1)), GroupConv(12, 6, 3)])
    graph = branch_graph(chain)
    assert (graph.fan_in, graph.transposed().fan_in) == (2 * 4, 6 * 2)
    assert graph.transposed().transposed().fan_in == graph.fan_in


def test_two_named_chains() -> None:
    assert grade(igcv2([4, 4, 4])).kind == "strict"
    assert grade(group(4, 4, 2)).kind == "not dense"


# --- conditions are not nested ------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("_each_chain_is_parted_once")
def test_every_condition_that_holds_is_named() -> None:
    for chain in (*cases.partition_chains()[::5], *cases.interleaved_chains()[::29], cases.FOUR_CYCLE):
        counts = np.array(oracles.count_paths(list(chain.factors)))
        holds = {
            "strict": is_complementary(chain),
            "loose": is_loosely_complementary(chain),
            "unique paths": bool((counts == 1).all()),
            "equally many paths": bool(counts.min() == counts.max() > 0),
            "dense": bool(counts.min() > 0),
        }
        assert grade(chain).conditions == tuple(name for name, held in holds.items() if held), chain


def test_no_order_of_strength_exists() -> None:
    assert grade(cases.UNEVEN).conditions == ("loose", "dense")
    assert grade(cases.FOUR_CYCLE).conditions == ("unique paths", "equally many paths", "dense")
    assert str(grade(cases.FOUR_CYCLE)).startswith("unique paths, not complementary: every input reaches every output")


def test_of_480_chains_of_three_pairings_with_unique_paths_96_are_strict() -> None:
    pairings = list(cases.equal_partitions(tuple(range(8)), 2))
    kinds = cases.one_of_each_kind(pairings[0], pairings)
    # Two pairings of eight points make cycles of lengths 2+2+2+2, 4+2+2, 4+4, 6+2 or 8: so many pairings there are of each.
    assert sorted(kinds.values()) == [1, 12, 12, 32, 48]
    unique = strict = 0
    for second, alike in kinds.items():
        for chain in (cases.on_partitions(pairings[0], second, third) for third in pairings):
            unique += alike * has_unique_paths(chain)
            strict += alike * is_complementary(chain)
    assert (unique, strict) == (480, 96)


def test_with_factors_that_expand_four_channels_are_enough() -> None:
    order = ChannelPermutation([0, 4, 2, 6, 1, 7, 3, 5])
    chain = Chain([GroupConv(4, 4, 2), GroupConv(4, 8, 4), order, GroupConv(8, 4, 4)])
    assert has_unique_paths(chain)
    assert not is_complementary(chain)


def test_interleaving_is_most_even_and_still_not_always_loose() -> None:
    factors = [GroupConv(6, 6, 3), GroupConv(6, 6, 3), ChannelPermutation([0, 2, 4, 1, 3, 5]), GroupConv(6, 6, 2)]
    assert grade(interleaved(6, [2, 2, 3], 1)).conditions == ("equally many paths", "dense")
    assert grade(Chain(factors)).conditions == ("loose", "equally many paths", "dense")


def test_without_its_permutation_a_block_has_pairs_with_none_one_two_and_three_paths() -> None:
    assert np.unique(path_counts(Chain(igcv1(4, 3).convolutions))).tolist() == [0, 1, 2, 3]
