"""Every named block at a small size, and chains with everything that the named blocks do not have."""

from __future__ import annotations

from hypothesis import strategies as st

from igc_theory.structure import (
    Chain,
    ChannelPermutation,
    GroupConv,
    depthwise_separable,
    group,
    igcv1,
    igcv2,
    igcv3,
    interleave,
    interleaved,
    inverted_residual,
    regular,
    shufflenet_unit,
    xception,
)
from igc_theory.structure.blocks import regular_as_igc, summation_fusion

NAMED = {
    "regular": regular(3, 4),
    "regular pointwise": regular(3, 4, 1),
    "group": group(6, 4, 2),
    "depthwise separable": depthwise_separable(4, 6),
    "xception": xception(4, 6, (1, 3)),
    "igcv1": igcv1(2, 3),
    "igcv1, one partition": igcv1(1, 3),
    "igcv1, one channel": igcv1(3, 1),
    "igcv1 pointwise": igcv1(3, 4, 1),
    "igcv2": igcv2([2, 3, 2]),
    "igcv2 pointwise": igcv2([2, 2, 2, 2], 1),
    "interleaved, nearly complementary": interleaved(12, [1, 4, 4]),
    "igcv3": igcv3(4, 6, 2),
    "igcv3 strided": igcv3(4, 6, 2, stride=2),
    "inverted residual": inverted_residual(3, 5, 2, (3, 2)),
    "shufflenet unit": shufflenet_unit(16, 2, stride=(2, 1)),
    "regular as igc": regular_as_igc(4),
    "summation fusion": summation_fusion(3, 2),
}

ODD = {
    "one permutation": Chain([ChannelPermutation([2, 0, 1])]),
    "permutations only": Chain([ChannelPermutation([1, 0, 2, 5, 4, 3]), interleave(3, 2), interleave(3, 2)]),
    "two spatial factors": group(6, 4, 2, 1) + regular(4, 3, (3, 2)) + interleave(3, 1) + group(3, 6, 3, 2),
    "strides everywhere": Chain(
        [
            GroupConv(4, 4, 2, 1, 2),
            ChannelPermutation([2, 0, 3, 1]),
            GroupConv(4, 6, 2, 3, (2, 1)),
            GroupConv(6, 2, 2, (1, 2)),
        ]
    ),
    "strided pointwise behind a depthwise": Chain(
        [group(4, 4, 4), GroupConv(4, 4, 2, 1, 2), GroupConv(4, 6, 1, (1, 2))]
    ),
    "arbitrary permutations": Chain(
        [
            interleave(3, 4),
            GroupConv(12, 12, 4),
            interleave(2, 6),
            ChannelPermutation([3, 7, 0, 11, 5, 1, 2, 10, 8, 4, 9, 6]),
            GroupConv(12, 12, 3),
            interleave(3, 4),
            ChannelPermutation([5, 1, 2, 3, 7, 0, 11, 9, 6, 10, 8, 4]),
        ]
    ),
    "interleavings that no view composes": Chain(
        [
            GroupConv(12, 12, 4),
            interleave(2, 6),
            interleave(3, 4),
            GroupConv(12, 24, 3),
            interleave(6, 4),
            GroupConv(24, 24, 2),
            interleave(8, 3),
            interleave(4, 6),
        ]
    ),
    "branches that cross": interleaved(12, [2, 3, 3, 2, 6, 2], 1),
    "no interleaving": group(6, 6, 2, 1) + group(6, 6, 3, 1),
}

ALL = NAMED | ODD


@st.composite
def chains(draw):
    """Chains of up to five factors on at most a dozen channels: any windows, strides, branches and permutations."""
    channels, factors = draw(st.integers(1, 12)), []
    for _ in range(draw(st.integers(1, 5))):
        groups = draw(st.sampled_from([g for g in range(1, channels + 1) if channels % g == 0]))
        kind = draw(st.sampled_from(["pointwise", "pointwise", "spatial", "interleaving", "permutation"]))
        if kind == "interleaving":
            factors.append(interleave(groups, channels // groups))
        elif kind == "permutation":
            factors.append(ChannelPermutation(draw(st.permutations(range(channels)))))
        else:
            size, step = (
                st.tuples(st.integers(1, 3), st.integers(1, 3)),
                st.tuples(st.integers(1, 2), st.integers(1, 2)),
            )
            window, stride = (draw(size), draw(step)) if kind == "spatial" else (1, draw(st.sampled_from([1, 1, 2])))
            out_channels = groups * draw(st.integers(1, max(1, 12 // groups)))
            factors.append(GroupConv(channels, out_channels, groups, window, stride))
            channels = out_channels
    return Chain(factors)
