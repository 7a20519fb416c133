"""Shapes and counts of single nodes, against a window that is really moved."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from igc_theory.networks import Block, Conv, Linear, Norm, Pad, Pool, Shuffle
from igc_theory.networks.description.table import Table
from igc_theory.structure import GroupConv, interleave


def _positions(side: int, window: int, stride: int, padding: int) -> int:
    """Move a window over the padded axis and count where it fits."""
    return sum(1 for start in range(-padding, side + padding, stride) if start + window <= side + padding)


@given(st.integers(1, 40), st.integers(1, 7), st.integers(1, 4), st.integers(0, 3))
def test_output_side_is_the_number_of_window_positions(side: int, window: int, stride: int, padding: int) -> None:
    conv = Conv(GroupConv(1, 1, kernel_size=window, stride=stride), padding=padding)
    expected = _positions(side, window, stride, padding)
    if expected:
        assert conv.output((1, side, side)) == (1, expected, expected)
    else:
        with pytest.raises(ValueError, match="exceeds"):
            conv.output((1, side, side))


@given(st.integers(1, 40), st.integers(1, 6), st.integers(1, 4), st.integers(0, 2))
def test_rounding_up_covers_the_image(side: int, window: int, stride: int, padding: int) -> None:
    padding = min(padding, window // 2)
    if side + 2 * padding < window:
        return
    up, down = (Pool("max", window, stride, padding, flag).output((1, side, side))[1] for flag in (True, False))
    assert up in (down, down + 1)
    assert (up - 1) * stride - padding < side  # every window starts inside the image or the padding before it
    if up == down + 1:
        assert (down - 1) * stride - padding + window < side + padding


def test_rectangular_windows_and_strides() -> None:
    conv = Conv(GroupConv(2, 4, kernel_size=(1, 7), stride=(2, 1)))
    assert conv.output((2, 9, 9)) == (4, 5, 9)
    assert conv.counts.convolution == 2 * 4 * 7


def test_branches_join() -> None:
    conv = Conv(GroupConv(4, 6))
    assert Block("a", ((conv,), ()), "concat").output((4, 5, 5)) == (10, 5, 5)
    with pytest.raises(ValueError, match="cannot add shapes"):
        Block("a", ((conv,), ())).output((4, 5, 5))
    with pytest.raises(ValueError, match="cannot concat shapes"):
        Block("a", ((Pool("max", 2, 2),), ()), "concat").output((4, 5, 5))


@pytest.mark.parametrize("node", [Conv(GroupConv(4, 6)), Shuffle(interleave(2, 2)), Norm(4), Linear(4, 2)])
def test_wrong_channels_are_refused(node: Conv | Shuffle | Norm | Linear) -> None:
    with pytest.raises(ValueError, match="make them equal"):
        node.output((5, 1, 1))


def test_padding_cannot_take_channels_away() -> None:
    with pytest.raises(ValueError, match="pad to at least 8"):
        Pad(4).output((8, 2, 2))


def test_fixed_weights_are_neither_stored_nor_multiplied() -> None:
    assert Conv(GroupConv(4, 4), fixed=True, batch_norm=False).counts.total == 0


def test_table_columns_must_agree_in_length() -> None:
    with pytest.raises(ValueError, match="lengths"):
        Table("t", {"a": [1, 2], "b": [1]})


def test_table_escapes_html_and_sets_numbers_right() -> None:
    table = Table("a < b", {"name": ["<x>"], "count": [1200]})
    html = table._repr_html_()
    assert "&lt;x&gt;" in html
    assert "<caption>a &lt; b</caption>" in html
    assert "text-align:right'>1,200" in html


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Pool("median"), "use 'max' or 'average'"),
        (lambda: Block("a", ((),), "multiply"), "use 'add', 'mean' or 'concat'"),
        (lambda: Block("a", ()), "at least one"),
        (lambda: Linear(0, 2), "in_features=0"),
    ],
)
def test_nodes_check_their_arguments(make, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()
