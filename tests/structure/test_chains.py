"""Group convolutions and chains: counts, displays, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from html.parser import HTMLParser

import numpy as np
import pytest

from igc_theory.structure import Chain, ChannelPermutation, GroupConv, group, igcv1, igcv3, interleave, regular
from tests import cases, oracles


def test_parameters_are_the_arrows_times_the_window() -> None:
    for (conv,) in cases.rectangular(1, 8):
        for kernel in (1, 3, (1, 5)):
            spatial = GroupConv(conv.in_channels, conv.out_channels, conv.groups, kernel)
            assert spatial.parameters == len(oracles.arrows(conv)) * int(np.prod(spatial.window))
            assert spatial.in_width * spatial.groups == spatial.in_channels
            assert spatial.out_width * spatial.groups == spatial.out_channels


@pytest.mark.parametrize(
    ("conv", "kind"),
    [
        (GroupConv(4, 4, kernel_size=3), "regular"),
        (GroupConv(4, 4), "pointwise"),
        (GroupConv(4, 4, 2, 3), "group"),
        (GroupConv(4, 8, 2), "group pointwise"),
        (GroupConv(4, 8, 4, (3, 1)), "depthwise"),
        (GroupConv(4, 4, 4), "depthwise pointwise"),
        (GroupConv(1, 4, 1, 3), "regular"),
    ],
)
def test_kinds_are_named_as_in_the_field(conv: GroupConv, kind: str) -> None:
    assert conv.kind == kind
    assert eval(repr(conv)) == conv


def test_a_square_pair_is_the_same_convolution_as_an_integer() -> None:
    assert GroupConv(4, 4, 2, (3, 3), (2, 2)) == GroupConv(4, 4, 2, 3, 2)
    assert GroupConv(np.int64(4), 4, 2).in_channels == 4
    assert type(GroupConv(np.int64(4), 4, 2).in_channels) is int


@pytest.mark.parametrize(
    ("make", "error", "sentence"),
    [
        (
            lambda: GroupConv(6, 8, 4),
            ValueError,
            r"groups=4 does not divide in_channels=6: use a divisor of 6 \(1, 2, 3, 6\), or pad to 8",
        ),
        (lambda: GroupConv(8, 6, 4), ValueError, "groups=4 does not divide out_channels=6"),
        (lambda: GroupConv(0, 6), ValueError, "in_channels=0 is below 1: use an integer of at least 1"),
        (lambda: GroupConv(6, -6), ValueError, "out_channels=-6 is below 1"),
        (lambda: GroupConv(6, 6, True), TypeError, "groups=True is a bool, not an integer"),
        (lambda: GroupConv(6, 6, np.True_), TypeError, "groups=np.True_ is a bool, not an integer"),
        (lambda: GroupConv(6.0, 6), TypeError, "in_channels=6.0 is a float, not an integer"),
        (lambda: GroupConv(6, 6, kernel_size=0), ValueError, "kernel_size=0 is below 1: give one integer or a pair"),
        (lambda: GroupConv(6, 6, kernel_size=(3, 3, 3)), ValueError, "has 3 entries, not 2"),
        (lambda: GroupConv(6, 6, stride=(1, 0)), ValueError, r"stride\[1\]=0 is below 1"),
        (lambda: GroupConv("6", 6), TypeError, "in_channels='6' is a str"),
        (lambda: Chain([]), ValueError, r"factors=\[\] is empty: a chain needs a list"),
        (lambda: Chain(3), TypeError, "factors=3 is an int, not a sequence: a chain needs a list"),
        (
            lambda: Chain([3]),
            TypeError,
            r"factors\[0\]=3 is an int: give GroupConv, ChannelPermutation or Chain entries",
        ),
        (
            lambda: Chain([GroupConv(6, 8), interleave(2, 3)]),
            ValueError,
            r"factors\[1\]=interleave\(groups=2, width=3\) reads 6 channels, but factors\[0\]=GroupConv\(6, 8\) writes 8",
        ),
    ],
)
def test_bad_factors_and_chains(make: Callable[[], object], error: type[Exception], sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        make()


def test_chains_join_and_compare_by_their_factors() -> None:
    first, second = group(6, 6, 2), group(6, 12, 3, 1)
    joined = first + interleave(2, 3) + second
    assert joined.factors == (GroupConv(6, 6, 2, 3), interleave(2, 3), GroupConv(6, 12, 3))
    assert (joined.in_channels, joined.out_channels, len(joined)) == (6, 12, 3)
    assert joined.parameters == first.parameters + second.parameters
    assert joined == Chain(joined.factors, name="another")
    assert len({joined, Chain(joined.factors)}) == 1
    assert joined.spatial == first.convolutions
    with pytest.raises(TypeError):
        first + 3


class Tags(HTMLParser):
    """Collects cells, and notices tags that do not close."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.cells: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.cells.append(data)


@pytest.mark.parametrize("strides", [(1, 1, 1), (2, 1, 3), (1, (2, 3), 2)])
@pytest.mark.parametrize("windows", [(1, 1, 1), (3, 1, 5), ((1, 5), 2, (3, 1))])
def test_window_and_strides_are_those_of_the_positions_seen(windows: tuple, strides: tuple) -> None:
    convs = [GroupConv(4, 4, kernel_size=window, stride=step) for window, step in zip(windows, strides, strict=True)]
    chain = Chain([convs[0], interleave(2, 2), *convs[1:]])
    for axis in range(2):
        seen = [{0}, {1}]
        for conv in reversed(convs):
            seen = [
                {p * conv.strides[axis] + k for p in positions for k in range(conv.window[axis])} for positions in seen
            ]
        assert chain.window[axis] == max(seen[0]) - min(seen[0]) + 1
        assert chain.strides[axis] == min(seen[1]) - min(seen[0])


def test_displays_name_every_factor() -> None:
    chain = Chain(igcv3(24, 24).factors, name="a < b & c")
    page = Tags(chain._repr_html_())
    assert page.open == []
    assert "a < b & c: 24 -> 24, 4,752 parameters" in page.cells
    for factor in chain.factors:
        assert repr(factor) in page.cells
        assert repr(factor) in str(chain)
    assert "12 in, 72 out per branch" in page.cells
    assert eval(repr(chain)) == chain


def test_a_long_permutation_is_shortened() -> None:
    assert repr(ChannelPermutation(range(100))) == "ChannelPermutation([0, 1, 2, 3, 4, 5, 6, 7, …])"
    assert repr(regular(3, 4)) == "Chain([GroupConv(3, 4, kernel_size=3)], name='regular')"
    assert igcv1(2, 3).name == "IGCV1 L=2 M=3"
