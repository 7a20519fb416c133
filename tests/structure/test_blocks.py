"""The named blocks: their widths and weights by the papers' formulas, and how they connect."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from math import prod

import pytest

from igc_theory.structure import (
    Chain,
    GroupConv,
    depthwise_separable,
    grade,
    group,
    igcv1,
    igcv2,
    igcv3,
    interleaved,
    inverted_residual,
    is_complementary,
    path_counts,
    regular,
    shufflenet_unit,
    xception,
)
from igc_theory.structure.blocks import regular_as_igc, summation_fusion
from igc_theory.structure.families.two_factor_chains import two_factor_chain, two_factor_chains
from tests import oracles


def test_igcv1_is_strict_with_the_weights_of_the_paper() -> None:
    for L, M in product(range(1, 9), repeat=2):
        chain = igcv1(L, M)
        assert (chain.in_channels, chain.out_channels) == (L * M, L * M)
        assert chain.parameters == L * M**2 * 9 + M * L**2
        assert is_complementary(chain)
    assert igcv1(8, 1).factors[0] == depthwise_separable(8, 8).factors[0]
    assert igcv1(1, 8).convolutions[0] == regular(8, 8).convolutions[0]


@pytest.mark.parametrize(
    "widths", [w for n in (1, 2, 3) for w in product(range(1, 5), repeat=n)] + [(2,) * 5, (1, 2, 3, 2)]
)
def test_igcv2_factors_connect_channels_that_differ_in_one_digit(widths: tuple[int, ...]) -> None:
    chain, channels = igcv2(widths), prod(widths)
    assert chain.parameters == channels * (9 * widths[0] + sum(widths[1:]))
    assert is_complementary(chain)
    digits = [tuple(c // prod(widths[:l]) % width for l, width in enumerate(widths)) for c in range(channels)]
    # Keep one factor and make the others depthwise: what is left must touch that factor's digit only.
    for kept in range(len(widths)):
        alone = keep_one(chain, kept)
        counts = oracles.count_paths(list(alone.factors))
        for o, i in product(range(channels), repeat=2):
            differ = {l for l in range(len(widths)) if digits[o][l] != digits[i][l]}
            assert counts[o][i] == (differ <= {kept})


def keep_one(chain: Chain, kept: int) -> Chain:
    """The chain with every convolution but one replaced by a depthwise one."""
    seen, factors = -1, []
    for factor in chain.factors:
        seen += isinstance(factor, GroupConv)
        other = isinstance(factor, GroupConv) and seen != kept
        factors.append(GroupConv(factor.in_channels, factor.in_channels, factor.in_channels) if other else factor)
    return Chain(factors)


def test_igcv2_of_two_factors_is_igcv1() -> None:
    assert all(igcv2([M, L]).factors == igcv1(L, M).factors for L, M in product(range(1, 6), repeat=2))


def test_igcv3_weights_and_mobilenet_v2_as_its_special_case() -> None:
    for c, out, t, g1, g2 in product((4, 8), (4, 12), (1, 6), (1, 2), (1, 2, 4)):
        block = igcv3(c, out, t, (g1, g2), stride=2)
        assert block.parameters == t * c * c // g1 + 9 * t * c + t * c * out // g2
        assert (block.in_channels, block.out_channels) == (c, out)
        assert block.convolutions[1].strides == (2, 2)
    assert igcv3(8, 12, 6, (1, 1)).convolutions == inverted_residual(8, 12).factors
    assert (path_counts(inverted_residual(8, 12)) == 48).all()


def test_without_the_permutation_some_pairs_of_igcv3_have_no_path() -> None:
    assert grade(igcv3(8, 8)).kind == "loose"
    assert grade(Chain(igcv3(8, 8).convolutions)).kind == "not dense"


def test_orders_of_the_separable_convolution() -> None:
    one, other = depthwise_separable(8, 16), xception(8, 16)
    assert [conv.kind for conv in one.convolutions] == ["depthwise", "pointwise"]
    assert [conv.kind for conv in other.convolutions] == ["pointwise", "depthwise"]
    assert (one.parameters, other.parameters) == (8 * 9 + 128, 16 * 9 + 128)


@pytest.mark.parametrize("groups", [1, 2, 3, 4, 8])
def test_shufflenet_unit(groups: int) -> None:
    channels = 96 * groups
    unit, middle = shufflenet_unit(channels, groups), 24 * groups
    assert unit.parameters == 2 * channels * middle // groups + 9 * middle
    assert [conv.groups for conv in unit.convolutions] == [groups, middle, groups]
    assert grade(unit).kind == "loose"


def test_a_shufflenet_unit_strides_in_its_depthwise_convolution() -> None:
    assert [conv.strides for conv in shufflenet_unit(96, 3, stride=2).convolutions] == [(1, 1), (2, 2), (1, 1)]


def test_special_cases_of_igcv1_have_its_shape() -> None:
    assert regular_as_igc(6).factors == igcv1(4, 3).factors
    assert regular_as_igc(6).convolutions[0].parameters == regular(6, 6).parameters
    assert summation_fusion(4, 8).convolutions[0] == group(32, 32, 4).convolutions[0]


@pytest.mark.parametrize(
    ("make", "error", "sentence"),
    [
        (
            lambda: interleaved(12, [5, 4]),
            ValueError,
            r"branch_widths\[0\]=5 does not divide channels=12: use a divisor of 12, or pad to 15",
        ),
        (lambda: interleaved(12, []), ValueError, r"branch_widths=\[\] is empty: give one width per factor"),
        (lambda: igcv2(8), TypeError, "branch_widths=8 is an int, not a sequence"),
        (lambda: igcv2("88"), TypeError, "branch_widths='88' is a str, not a sequence"),
        (lambda: igcv2([2, 0]), ValueError, r"branch_widths\[1\]=0 is below 1"),
        (lambda: igcv2([2, 2.5]), TypeError, r"branch_widths\[1\]=2.5 is a float"),
        (lambda: igcv1(0, 2), ValueError, "L=0 is below 1"),
        (lambda: igcv3(24, 24, groups=(5, 2)), ValueError, "groups=5 does not divide in_channels=24"),
        (lambda: igcv3(24, 24, groups=2), ValueError, r"groups=2 is not a pair: give \(G1, G2\)"),
        (lambda: igcv3(24, 24, expansion=0), ValueError, "expansion=0 is below 1"),
        (lambda: igcv3(24, 25), ValueError, "groups=2 does not divide out_channels=25"),
        (
            lambda: shufflenet_unit(100, 3),
            ValueError,
            r"channels=100 is not a multiple of bottleneck\*groups=4\*3=12: use 108 channels",
        ),
        (lambda: regular_as_igc(5), ValueError, "groups=2 does not divide channels=5"),
        (lambda: regular(3, 0), ValueError, "out_channels=0 is below 1"),
        (lambda: group(6, 6, 4), ValueError, "groups=4 does not divide in_channels=6"),
    ],
)
def test_blocks_that_cannot_be(make: Callable[[], object], error: type[Exception], sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        make()


@pytest.mark.parametrize(("channels", "groups", "paths"), [(6, 1, 4), (6, 3, 1), (12, 2, 5), (8, 8, 1)])
def test_two_factors_have_as_many_paths_as_channels_per_pair_of_branches(channels, groups, paths):
    chain = two_factor_chain(channels, channels, groups * groups * paths, (groups, groups))
    assert (path_counts(chain) == paths).all()


@pytest.mark.parametrize(("into", "out"), [(64, 64), (48, 16), (16, 48), (60, 480), (7, 7), (1, 1)])
def test_two_factor_chains_have_the_paths_and_the_weights_asked_for(into, out):
    found = {int(path_counts(chain)[0, 0]): chain for chain in two_factor_chains(into, out)}
    middle = min(into, out)
    for paths in (1, 2, 4, 8, 16):
        weights = [
            into * middle // a + middle * out // b
            for a in range(2, middle + 1)
            for b in range(2, middle + 1)
            if a * b * paths == middle and into % a == 0 and out % b == 0
        ]
        least = min((count for count in weights if count < into * out), default=None)
        assert (found[paths].parameters if paths in found else None) == least
        assert paths not in found or (path_counts(found[paths]) == paths).all()
