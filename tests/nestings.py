"""Small chains with sums and direct sums in each other, at random."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from hypothesis import strategies as st

from igc_theory.structure.chains import Chain, Factor
from igc_theory.structure.factors import GroupConv
from igc_theory.structure.permutations import ChannelPermutation
from igc_theory.structure.sums import DirectSum, Sum
from tests.cases import divisors


@st.composite
def convolutions(draw: Any, read: int, written: int, spatial: bool = True) -> GroupConv:
    """A group convolution of odd window."""
    groups = draw(st.sampled_from([g for g in divisors(read) if written % g == 0]))
    window = draw(st.sampled_from([1, 3, (1, 3), (3, 1)] if spatial else [1]))
    return GroupConv(read, written, groups, window)


@st.composite
def factors(draw: Any, read: int, written: int, depth: int, spatial: bool) -> Factor:
    """One factor: a convolution, a permutation, a sum, or a direct sum."""
    kinds = ["convolution"]
    kinds += ["permutation"] * (read == written)
    kinds += ["sum"] * (depth > 0)
    kinds += ["direct sum"] * (depth > 0 and read > 1 and written > 1)
    kind = draw(st.sampled_from(kinds))
    if kind == "convolution":
        return draw(convolutions(read, written, spatial))
    if kind == "permutation":
        return ChannelPermutation(draw(st.permutations(range(read))))
    if kind == "sum":
        branches = draw(st.lists(chains(read, written, depth - 1, spatial), min_size=1, max_size=3))
        return Sum([*branches, []] if read == written and draw(st.booleans()) else branches)
    cut_in, cut_out = draw(st.integers(1, read - 1)), draw(st.integers(1, written - 1))
    first = draw(chains(cut_in, cut_out, depth - 1, spatial))
    return DirectSum([first, draw(chains(read - cut_in, written - cut_out, depth - 1, spatial))])


@st.composite
def chains(draw: Any, read: int, written: int, depth: int, spatial: bool = True) -> Chain:
    """A chain of up to three factors."""
    widths = [read, *draw(st.lists(st.integers(1, 6), max_size=2)), written]
    return Chain([draw(factors(before, after, depth, spatial)) for before, after in pairwise(widths)])


@st.composite
def nestings(draw: Any, depth: int = 2, spatial: bool = True) -> Chain:
    """A chain with sums up to `depth` deep."""
    return draw(chains(draw(st.integers(1, 6)), draw(st.integers(1, 6)), depth, spatial))
