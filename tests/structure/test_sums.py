"""Sums and direct sums: path counts, conditions, costs and displays, against walking and adding by the definition."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from math import prod

import numpy as np
import pytest
from hypothesis import given, settings

from igc_theory.budget import multiply_adds
from igc_theory.budget.chain_cost import activation_bytes, arithmetic_intensity
from igc_theory.structure import (
    Chain,
    ChannelPermutation,
    DirectSum,
    GroupConv,
    Sum,
    explain_complementarity,
    grade,
    has_unique_paths,
    igcv1,
    igcv2,
    interleave,
    is_complementary,
    is_dense,
    is_loosely_complementary,
    path_counts,
    uniform_path_count,
)
from tests import oracles
from tests.nestings import nestings

REPVGG = Sum([GroupConv(6, 6, kernel_size=3), GroupConv(6, 6), []], name="RepVGG")
HALF = DirectSum([interleave(1, 3), [GroupConv(3, 3), GroupConv(3, 3, 3, 3), GroupConv(3, 3)]])


@given(nestings())
@settings(max_examples=30, deadline=None)
def test_small_nestings_are_what_the_definitions_say(chain: Chain) -> None:
    expected = oracles.counted(chain)
    check_paths(chain, expected)
    check_conditions(chain, np.array(expected))
    assert chain.parameters == sum(conv.parameters for conv in chain.convolutions) == oracles.weights(chain)
    assert multiply_adds(chain, 5, 4) == oracles.image_multiply_adds(chain, (5, 4))[0]
    check_displays(chain)


def check_paths(chain: Chain, expected: list[list[int]]) -> None:
    assert path_counts(chain).tolist() == expected
    everything = {ways for row in expected for ways in row}
    uniform = everything.pop() if len(everything) == 1 else None
    assert uniform_path_count(chain, np.random.default_rng(0)) == uniform


def check_conditions(chain: Chain, counts: np.ndarray) -> None:
    assert is_dense(chain) == bool(counts.all())
    assert has_unique_paths(chain) == bool((counts == 1).all())
    found = grade(chain)
    if counts.all():
        assert (found.min_paths, found.max_paths) == (counts.min(), counts.max())
        assert ("equally many paths" in found.conditions) == (counts.min() == counts.max())
    else:
        assert found.missing is not None
        assert counts[found.missing] == 0
    for condition in (is_complementary, is_loosely_complementary, explain_complementarity):
        if chain.is_serial:
            condition(chain)
        else:
            with pytest.raises(
                ValueError, match=r"side by side, in (Sum|DirectSum) of \d.*ask is_dense, has_unique_paths"
            ):
                condition(chain)


def check_displays(chain: Chain) -> None:
    assert eval(repr(chain)) == chain
    assert hash(eval(repr(chain))) == hash(chain)
    for conv in chain.convolutions:
        assert repr(conv) in str(chain)
        assert repr(conv) in chain._repr_html_()


def test_the_additions_of_a_sum_move_activations_and_multiply_nothing() -> None:
    # 3×3 and 1×1: 6 channels read and written on 16 positions; two additions, each reading two images and writing one.
    image = 6 * 16
    assert multiply_adds(REPVGG, 4, 4) == 16 * 36 * 10
    assert activation_bytes(REPVGG, 4, 4, 1) == image * (1 + 2 + 2)
    moved = 36 * 10 + image * (2 * 2 + 2 * 3)
    assert arithmetic_intensity(REPVGG, 4, 4, 1) == pytest.approx(16 * 36 * 10 / moved)
    # Side by side nothing is added: three convolutions of half the channels.
    assert activation_bytes(HALF, 4, 4, 1) == 16 * (6 + 3 * 3)


def test_branches_behind_a_stride_see_the_smaller_image() -> None:
    first, second = (
        GroupConv(2, 2, stride=2),
        Sum([GroupConv(2, 2, kernel_size=3, stride=2), GroupConv(2, 2, stride=2)]),
    )
    chain = Chain([first, second])
    assert (chain.window, chain.strides) == ((5, 5), (4, 4))
    assert multiply_adds(chain, 9, 9) == 4 * 25 + (36 + 4) * 9


def test_a_sum_stands_wherever_a_chain_or_a_factor_can() -> None:
    chain = igcv1(2, 3) + REPVGG + interleave(2, 3)
    assert chain.factors == (*igcv1(2, 3).factors, REPVGG, interleave(2, 3))
    assert chain.convolutions == (*igcv1(2, 3).convolutions, GroupConv(6, 6, kernel_size=3), GroupConv(6, 6))
    assert (chain.window, chain.name) == ((5, 5), "IGCV1 L=2 M=3 + RepVGG")
    assert not chain.is_serial
    assert Chain([REPVGG]) == REPVGG == Chain(REPVGG)
    assert len({REPVGG, Chain([REPVGG]), Sum(REPVGG.branches)}) == 1
    assert Sum([igcv1(2, 3), []]) != DirectSum([igcv1(2, 3), interleave(1, 6)])
    assert Sum([[GroupConv(6, 6), interleave(2, 3)], []]) == Sum(
        [Chain([GroupConv(6, 6), interleave(2, 3)]), interleave(1, 6)]
    )


def test_known_blocks_have_the_paths_that_they_should() -> None:
    rng = np.random.default_rng(0)
    assert path_counts(Sum([igcv2([2, 3]), []])).tolist() == (np.ones((6, 6), int) + np.eye(6, dtype=int)).tolist()
    assert uniform_path_count(Sum([igcv2([2, 3]), igcv2([3, 2])]), rng) == 2
    shuffled = Chain([HALF, interleave(2, 3), HALF])
    assert path_counts(shuffled).tolist() == oracles.counted(shuffled)
    mixed = DirectSum([GroupConv(2, 2, 2, size) for size in (3, 5, 7)])
    assert (
        grade(Chain([mixed, GroupConv(6, 4)])).sentence
        == "unique paths: every input reaches every output by exactly one path"
    )
    assert (
        grade(Sum([GroupConv(4, 4), GroupConv(4, 4)])).sentence == "dense: every input reaches every output by 2 paths"
    )
    assert grade(mixed).sentence == "not dense: output 0 has no path from input 1"


def test_counts_beyond_int64_are_exact_or_refused() -> None:
    twice = Sum([GroupConv(2, 2), GroupConv(2, 2)])
    chain = Chain([twice] * 33)
    assert grade(chain).max_paths == 2**33 * 2**32
    assert uniform_path_count(chain, np.random.default_rng(0)) == 2**65
    with pytest.raises(ValueError, match=f"a pair with {2**65} paths, more than int64 holds"):
        path_counts(chain)


@pytest.mark.parametrize(
    ("make", "error", "sentence"),
    [
        (lambda: Sum([]), ValueError, r"branches=\[\] is empty: give a list of chains"),
        (lambda: Sum(3), TypeError, "branches=3 is an int, not a sequence"),
        (lambda: Sum([3]), TypeError, r"branches\[0\]=3 is an int: give a Chain, GroupConv"),
        (lambda: DirectSum([GroupConv(2, 2), "a"]), TypeError, r"branches\[1\]='a' is a str: give a Chain"),
        (lambda: Sum([[], ()]), ValueError, r"nothing but empty lists.*give interleave\(1, channels\)"),
        (
            lambda: DirectSum([GroupConv(2, 2), []]),
            ValueError,
            r"branches\[1\] is empty.*give interleave\(1, channels\)",
        ),
        (
            lambda: Sum([GroupConv(2, 4), []]),
            ValueError,
            r"branches\[1\] maps 2 to 2 channels, but branches\[0\] 2 to 4",
        ),
        (lambda: Sum([GroupConv(2, 2), GroupConv(4, 2)]), ValueError, r"branches\[1\] maps 4 to 2 channels"),
        (
            lambda: DirectSum([GroupConv(2, 2, stride=2), GroupConv(3, 3)]),
            ValueError,
            r"branches\[1\] has stride \(1, 1\), but branches\[0\] \(2, 2\).*same stride",
        ),
        (
            lambda: Sum([GroupConv(2, 2, kernel_size=3), GroupConv(2, 2, kernel_size=(3, 2))]),
            ValueError,
            r"branches\[1\] has window \(3, 2\), but branches\[0\] \(3, 3\).*no common centre",
        ),
        (lambda: Sum([GroupConv(2, 2)], name=3), TypeError, "name=3 is an int: give a string"),
        (lambda: Chain([REPVGG, GroupConv(5, 5)]), ValueError, r"factors\[1\]=GroupConv\(5, 5\) reads 5 channels"),
        (
            lambda: Sum([[GroupConv(2, 3), GroupConv(2, 2)]]),
            ValueError,
            r"branches\[0\]: factors\[1\]=GroupConv\(2, 2\) reads 2 channels",
        ),
    ],
)
def test_bad_branches(make: Callable[[], object], error: type[Exception], sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        make()


def test_the_deepest_nesting_answers_everything_and_a_deeper_one_is_refused() -> None:
    nested: Chain = Chain([GroupConv(2, 2)])
    for level in range(32):
        nested = Sum([[nested], []]) if level % 2 else DirectSum([[nested]])
    assert path_counts(nested).tolist() == [[17, 1], [1, 17]]
    assert eval(repr(nested)) == nested == copy.deepcopy(nested) == pickle.loads(pickle.dumps(nested))
    assert str(nested).count("Sum of") == 32
    assert Sum([nested, []]).branches[:2] == nested.branches  # sums of sums are spliced, and nest no deeper
    with pytest.raises(ValueError, match=r"branches has 33 of Sum and DirectSum .* more than 32: nest fewer"):
        DirectSum([nested])


def test_windows_all_even_have_a_centre() -> None:
    assert Sum([GroupConv(2, 2, kernel_size=4), GroupConv(2, 2, kernel_size=2)]).parts[1].margin == (1, 1)
    assert DirectSum([GroupConv(2, 2, kernel_size=(1, 4)), GroupConv(2, 2, kernel_size=(5, 2))]).parts[1].margin == (
        0,
        1,
    )


def test_counting_that_takes_too_long_is_refused() -> None:
    wide = Sum([GroupConv(2**18, 2**18, 2**18), []])
    with pytest.raises(ValueError, match=r"paths take .* additions to count"):
        grade(wide)
    assert prod(wide.window) == 1
    assert uniform_path_count(wide, np.random.default_rng(0)) is None
    assert isinstance(wide.branches[1].factors[0], ChannelPermutation)
