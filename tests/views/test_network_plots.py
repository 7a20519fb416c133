"""Pictures of networks: what is drawn is what the columns say, and bad columns are refused."""

import re
from collections import Counter

import matplotlib.pyplot as plt
import numpy as np
import pytest

from figures import architectures_as_graphs
from igc_theory.networks import Conv, Network, path_polynomial
from igc_theory.views.plots import architecture_columns, flow_columns, plot_architecture, plot_path_lengths
from igc_theory.views.plots.networks.networks import plot_recount, plot_size_against_accuracy, plot_width_series


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def test_recount_puts_marks_at_the_ratio() -> None:
    ax = plot_recount({"label": ["a", "b", "c"], "ratio": [1.0, 0.8, 1.5], "agrees": [1, 0, 0]})
    marks = [line.get_xdata()[0] for line in ax.lines if len(line.get_xdata()) == 1]
    assert marks == [1, 1.0, 1, 0.8, 1, 1.5]
    assert [text.get_text() for text in ax.texts] == ["−20 %", "+50 %"]


def test_path_lengths_are_scaled_to_their_largest_share() -> None:
    ax = plot_path_lengths({"architecture": ["a", "a", "b"], "length": [2, 4, 3], "share": [0.25, 0.75, 1.0]})
    assert [round(bar.get_height(), 3) for bar in ax.patches] == [round(0.8 / 3, 3), 0.8, 0.8]
    means = [line.get_xdata()[0] for line in ax.lines]
    assert means == [3.5, 3.0]


PLOTS = [plot_recount, plot_path_lengths, plot_size_against_accuracy, plot_width_series, plot_architecture]


@pytest.mark.parametrize("plot", PLOTS)
def test_bad_columns_are_refused(plot) -> None:
    with pytest.raises(ValueError, match="columns has no"):
        plot({"nothing": [1]})
    with pytest.raises(TypeError, match="not a mapping"):
        plot([1, 2])


def test_ratio_must_be_positive() -> None:
    with pytest.raises(ValueError, match="above 0"):
        plot_recount({"label": ["a"], "ratio": [0.0], "agrees": [0]})


def _as_counter(title: str) -> Counter[int]:
    """Evaluate the polynomial that a panel's title prints, by multiplying out with NumPy."""
    text = re.search(r"\$(.*)\$", title).group(1).replace("{", "").replace("}", "").replace("^", "**")
    text = re.sub(r"(\d)x", r"\1*x", text).replace(")(", ")*(")
    value = eval(text, {"x": np.poly1d([1, 0])})
    return Counter({power: int(c) for power, c in enumerate(value.coeffs[::-1]) if c})


def _channels_read(nodes: tuple) -> int:
    """Return the channels that the first convolution reads."""
    first = nodes[0]
    return first.convolution.in_channels if isinstance(first, Conv) else _channels_read(max(first.branches, key=len))


def test_titles_of_the_figure_give_the_paths_of_what_is_drawn() -> None:
    for title, nodes in architectures_as_graphs._pieces().items():
        polynomial = path_polynomial(Network("piece", (_channels_read(nodes), 8, 8), nodes))
        if "F_c" not in title:
            assert _as_counter(title) == +Counter(dict(enumerate(polynomial.coefficients))), title


def test_drawn_boxes_are_the_convolutions() -> None:
    nodes = architectures_as_graphs._pieces()["FractalNet, one block: $F_{c+1} = F_c^2 + x$"]
    columns = architecture_columns(nodes)
    boxes = columns["item"] == "box"
    assert boxes.sum() == 2**4 - 1
    places = set(zip(columns["x0"][boxes].round(3), columns["y0"][boxes].round(3), strict=True))
    assert len(places) == boxes.sum()  # none on top of another


def test_strips_are_of_channel_flows() -> None:
    with pytest.raises(TypeError, match=r"flows='mixnet_s' is a str: give what channel_flow"):
        flow_columns("mixnet_s")
