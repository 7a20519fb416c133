"""Shapes and counts of single nodes, against a window that is really moved."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from igc_theory.networks import Block, Conv, Linear, Network, Norm, Pool, Shuffle, path_polynomial
from igc_theory.networks.description.layers import Counts, Operator, Pad, Scale, Slice
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


def _squeeze_excite(channels: int, squeezed: int) -> Block:
    down, up = (Conv(GroupConv(*sizes), False, True) for sizes in ((channels, squeezed), (squeezed, channels)))
    return Block("gate", ((), (Pool("average"), down, up)), "multiply")


def test_a_gate_costs_its_layers_and_is_no_path() -> None:
    """Squeeze-and-excitation by hand: C·R + R, then R·C + C, at one position; channels stay in order behind it."""
    conv = Conv(GroupConv(4, 4, 4, 3))
    net = Network("gated", (4, 9, 9), (conv, _squeeze_excite(4, 2), conv))
    plain = Network("plain", (4, 9, 9), (conv, conv))
    assert net.layers[-1].output_shape == (4, 9, 9)
    assert net.parameters - plain.parameters == (4 * 2 + 2) + (2 * 4 + 4)
    assert net.multiply_adds - plain.multiply_adds == 2 * 4 * 2
    assert path_polynomial(net) == path_polynomial(plain)
    assert (net.depth, net.layers[-1].follows) == (2, 0)


def test_a_gate_must_fit_what_it_weighs() -> None:
    same, fewer = Conv(GroupConv(4, 4, kernel_size=3)), Conv(GroupConv(4, 2))
    assert Block("a", ((), (same,)), "multiply").output((4, 5, 5)) == (4, 5, 5)
    for gate in ((fewer,), (Pool("average"), fewer), (Pool("max", 2, 2),)):
        with pytest.raises(ValueError, match="cannot multiply shapes"):
            Block("a", ((), gate), "multiply").output((4, 5, 5))


def test_slices_take_channels_next_to_each_other() -> None:
    halves = Block("a", ((Slice(0, 2),), (Slice(2, 5), Conv(GroupConv(3, 3)))), "concat")
    assert halves.output((5, 4, 4)) == (5, 4, 4)
    with pytest.raises(ValueError, match="stop at 4 at most"):
        halves.output((4, 4, 4))
    for start, stop in ((-1, 3), (2, 2)):
        with pytest.raises(ValueError, match="is below"):
            Slice(start, stop)


@pytest.mark.parametrize("node", [Conv(GroupConv(4, 6)), Shuffle(interleave(2, 2)), Norm(4), Scale(4), Linear(4, 2)])
def test_wrong_channels_are_refused(node: Conv | Shuffle | Norm | Scale | Linear) -> None:
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
        (lambda: Pool("median"), "use 'max', 'average'"),
        (lambda: Block("a", ((),), "divide"), "use 'add', 'mean', 'concat', 'multiply'"),
        (lambda: Block("a", ()), "at least one"),
        (lambda: Linear(0, 2), "in_features=0"),
        (lambda: Linear(3, 4, bias=-1), "bias=-1"),
        (lambda: Norm(-3), "channels=-3"),
        (lambda: Norm(2.5), "channels=2.5"),
        (lambda: Scale(True), "channels=True"),
        (lambda: Slice(0, 2.0), "stop=2.0"),
        (lambda: Pad(-1), "channels=-1"),
        (lambda: Pool("max", 2, 0), "stride=0"),
        (lambda: Pool("max", 0), "window=0"),
        (lambda: Pool("max", 2).output(5), "shape=5"),
        (lambda: Shuffle("x"), "permutation='x'"),
        (lambda: Operator(3), "kind=3"),
        (lambda: Conv(None), "convolution=None"),
        (lambda: Conv(GroupConv(4, 4), gates=-3), "gates=-3"),
        (lambda: Conv(GroupConv(4, 4), batch_norm="no"), "batch_norm='no'"),
        (lambda: Conv(GroupConv(4, 4), padding=-1), "padding=-1"),
        (lambda: Conv(GroupConv(4, 4)).output("abc"), "shape='abc'"),
        (lambda: Counts(-1), "convolution=-1"),
        (lambda: Counts(linear=1.5), "linear=1.5"),
        (lambda: Table("t", None), "columns=None"),
        (lambda: Block("b", 5), "branches=5"),
        (lambda: Network("n", (4, 8.5, 8), ()), r"input_shape\[1\]=8.5"),
        (lambda: Network("n", (4, 8), ()), "has 2 sizes"),
        (lambda: Network("n", (4, 8, 8), ("x",)), r"nodes\[0\]='x' is a str"),
    ],
)
def test_nodes_check_their_arguments(make, words: str) -> None:
    with pytest.raises((TypeError, ValueError), match=words):
        make()


def test_counts_are_python_integers_whatever_is_given() -> None:
    small = np.int8(100)
    assert Linear(small, small).counts.total == 10_100
    assert Counts(small, small).total == 200
    assert Norm(small).counts == (0, 200, 0, 0)
    assert {type(count) for count in Counts(small)} == {int}
    assert Counts(5, 4, 3, 2) - Counts(1, 2, 3, 0) == (4, 2, 0, 2)
