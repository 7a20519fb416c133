"""Pictures of trained networks: what is drawn is what the columns say, and bad columns are refused."""

import numpy as np
import pytest
from matplotlib.colors import to_hex, to_rgb

from igc_theory.views.plots.networks.experiments import (
    BALANCED,
    SERIES,
    WORDS,
    plot_claims,
    plot_factorizations,
    plot_gains,
    plot_rates,
    plot_runs,
)

CLAIMS = {
    "claim": ["a", "a", "b", "b", "c", "c"],
    "dataset": ["digits", "MNIST-1D"] * 3,
    "word": ["supported", "undecided", "refuted", "no difference", "no difference", "supported"],
    "together": ["supported", "undecided", "undecided", "no difference", "undecided", "undecided"],
    "margin": [0.5, 0.1, -0.5, -0.11, 0.02, 0.7],
    "low": [0.1, -0.2, -0.9, -0.2, -0.1, 0.3],
    "high": [0.9, 0.4, -0.1, 0.2, 0.2, 1.1],
}


def segments(ax):
    """Return the ends of the horizontal lines that belong to intervals."""
    lines = [segment for lines in ax.collections for segment in getattr(lines, "get_segments", list)()]
    return sorted(tuple(segment[:, 0]) for segment in lines)


def test_claims_show_their_intervals_in_the_order_of_the_rows():
    ax = plot_claims(CLAIMS)
    assert {*zip(CLAIMS["low"], CLAIMS["high"], strict=True)} <= {*segments(ax)}
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b", "c"]
    assert ax.yaxis_inverted()
    heights = {x: y for line in ax.lines for x, y in np.transpose(line.get_data()) if x in CLAIMS["margin"]}
    assert heights.keys() == {*CLAIMS["margin"]}
    assert [heights[margin] for margin in CLAIMS["margin"]] == sorted(heights.values())
    assert heights[0.5] < 0 < heights[0.1] < 0.5 < heights[-0.5] < 1


def test_each_data_set_has_its_marker_and_the_undecided_are_hollow():
    ax = plot_claims(CLAIMS)
    filled = {x: line for line in ax.lines for x in line.get_xdata() if x in CLAIMS["margin"]}
    for row, margin in enumerate(CLAIMS["margin"]):
        marker, colour = SERIES[row % 2]
        assert (filled[margin].get_marker(), to_hex(filled[margin].get_color())) == (marker, to_hex(colour))
        assert (filled[margin].get_markerfacecolor() == "white") == (CLAIMS["word"][row] == "undecided")


def test_words_stand_right_of_all_intervals_and_are_bold_where_they_hold_together():
    ax = plot_claims(CLAIMS)
    words = [text for text in ax.texts if text.get_text() in WORDS]
    assert [text.get_text() for text in words] == CLAIMS["word"][::2] + CLAIMS["word"][1::2]
    assert all(text.get_position()[0] > max(CLAIMS["high"]) for text in words)
    assert [text.get_fontweight() == "bold" for text in words] == [True, False, False, False, True, False]
    assert [text.get_position()[1] for text in words] == [0, 1, 2] * 2


def test_the_band_is_that_of_no_difference():
    (band,) = plot_claims(CLAIMS, 0.25).patches
    assert (band.get_x(), band.get_width()) == (-0.25, 0.5)


def test_series_differ_in_grey_and_in_shape():
    grey = sorted(np.dot(to_rgb(colour), (0.299, 0.587, 0.114)) for _, colour in SERIES)
    assert min(np.diff(grey)) > 0.2
    assert len({marker for marker, _ in SERIES}) == len(SERIES)


@pytest.mark.parametrize("column", ["word", "together"])
def test_an_unknown_word_is_refused(column):
    with pytest.raises(ValueError, match="holds 'maybe': use supported, refuted, no difference, undecided"):
        plot_claims(CLAIMS | {column: ["maybe"] * 6})


def test_more_data_sets_than_markers_are_refused():
    with pytest.raises(ValueError, match="6 data sets: use at most 3"):
        plot_claims(CLAIMS | {"dataset": list("abcdef")})


def test_runs_stand_in_the_line_of_their_design_with_its_mean():
    columns = {"label": ["b", "a", "b", "a, balanced", "b"], "deviation": [0.5, -0.5, 0.25, 0.1, -3]}
    ax = plot_runs(columns, reach=1)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["b", "a", "a, balanced"]
    dots = {(x, y): line for line in ax.lines if line.get_marker() in "o<>" for x, y in line.get_xydata()}
    found = {(x, int(np.rint(y))): (line.get_marker(), line.get_color()) for (x, y), line in dots.items()}
    blue = ("o", SERIES[0][1])
    assert found == {
        (0.5, 0): blue,
        (0.25, 0): blue,
        (-1, 0): ("<", SERIES[0][1]),
        (-0.5, 1): blue,
        (0.1, 2): ("o", BALANCED),
    }
    assert segments(ax) == sorted([(-0.75, -0.75), (-0.5, -0.5), (0.1, 0.1)])


def test_factorizations_are_numbers_of_factors_and_balanced_ones_are_red():
    columns = {"weights": [100, 200, 300], "factors": [2, 3, 4], "balanced": [0, 1, 0]}
    ax = plot_factorizations(columns | {"accuracy": [90, 92, 91], "low": [89, 91, 90], "high": [91, 93, 92]})
    assert [tuple(line.get_xydata()[0]) for line in ax.lines] == [(100, 90), (200, 92), (300, 91)]
    assert [line.get_marker() for line in ax.lines] == ["$2$", "$3$", "$4$"]
    assert [line.get_color() == BALANCED for line in ax.lines] == [False, True, False]
    assert ax.get_xscale() == "log"


def test_gains_are_a_line_per_data_set_over_the_depths_in_order():
    columns = {"dataset": ["digits", "MNIST"] * 2, "blocks": [2, 2, 8, 8], "gain": [0.1, 0.4, 0.3, -0.1]}
    ax = plot_gains(columns | {"low": [0, 0.3, 0.2, -0.2], "high": [0.2, 0.5, 0.4, 0.1]})
    drawn = [line for line in ax.lines if len(line.get_xdata()) == 2 and line.get_marker() != "None"]
    assert [line.get_ydata().tolist() for line in drawn] == [[0.1, 0.3], [0.4, -0.1]]
    assert [np.rint(line.get_xdata()).tolist() for line in drawn] == [[0, 1]] * 2
    assert [label.get_text() for label in ax.get_xticklabels()] == ["2", "8"]


def test_the_ring_stands_at_the_rate_with_the_best_mean():
    columns = {"design": ["a"] * 3 + ["b"] * 3, "rate": [0.1, 0.2, 0.4] * 2, "accuracy": [90, 99, 92, 91, 80, 96]}
    ax = plot_rates(columns)
    assert ax.lines[-1].get_xydata().tolist() == [[0.4, 94]]
    assert ax.lines[-2].get_ydata().tolist() == [90.5, 89.5, 94]
    assert [line.get_ydata().tolist() for line in ax.lines[:2]] == [[90, 99, 92], [91, 80, 96]]


@pytest.mark.parametrize(
    "plot", [plot_claims, lambda columns: plot_runs(columns, 1), plot_factorizations, plot_gains, plot_rates]
)
def test_bad_columns_are_refused(plot):
    with pytest.raises(ValueError, match="columns has no"):
        plot({"nothing": [1]})
    with pytest.raises(TypeError, match="not a mapping"):
        plot([1, 2])


def test_digits_of_equal_designs_stand_side_by_side_around_their_weights():
    columns = {
        "weights": [1000, 1000, 1000, 4000],
        "factors": [2, 3, 4, 1],
        "accuracy": [90.0, 90.1, 80, 99],
        "balanced": [0] * 4,
    }
    ax = plot_factorizations(columns | {"low": [79.0] * 4, "high": [99.5] * 4})
    first, second, below, far = (float(line.get_xdata()[0]) for line in ax.lines)
    assert second > 1.05 * first
    assert first * second == pytest.approx(1000**2)
    assert (below, far) == (1000, 4000)
