"""Pictures of trained networks: what is drawn is what the columns say, and bad columns are refused."""

import numpy as np
import pytest
from matplotlib.colors import to_hex

from igc_theory.views.plots.networks.experiments import VERDICTS, plot_accuracy_over, plot_claims, plot_runs


def test_runs_and_their_means():
    columns = {"label": ["b", "a", "b", "a", "b"], "accuracy": [90, 80, 91, 82, 95]}
    ax = plot_runs(columns)
    dots, means = ax.collections
    assert sorted(dots.get_offsets()[:, 1]) == sorted(columns["accuracy"])
    assert [label.get_text() for label in ax.get_xticklabels()] == ["b", "a"]
    assert [segment[0, 1] for segment in means.get_segments()] == [92, 81]
    for (x, y), label in zip(dots.get_offsets(), columns["label"], strict=True):
        assert abs(x - "ba".index(label)) <= 0.25, (x, y)


CLAIMS = {
    "claim": ["a", "a", "b", "b"],
    "dataset": ["digits", "MNIST-1D"] * 2,
    "verdict": ["supported", "undecided", "not supported", "undecided"],
    "margin": [0.5, 0.1, -0.5, -0.1],
    "low": [0.1, -0.2, -0.9, -0.4],
    "high": [0.9, 0.4, -0.1, 0.2],
}


def marked(ax):
    """Return the lines that are markers; those of the legend hold no points."""
    return [line for line in ax.lines if line.get_marker() in ("o", "s")]


def test_claims_have_the_colour_of_their_verdict():
    ax = plot_claims(CLAIMS)
    marks = {x: to_hex(line.get_color()) for line in marked(ax) for x in line.get_xdata()}
    expected = {
        margin: VERDICTS[word].lower() for margin, word in zip(CLAIMS["margin"], CLAIMS["verdict"], strict=True)
    }
    assert marks == expected
    drawn = sorted(tuple(segment[:, 0]) for lines in ax.collections for segment in lines.get_segments())
    assert drawn == sorted(zip(CLAIMS["low"], CLAIMS["high"], strict=True))


def test_claims_stand_in_the_order_of_the_rows():
    ax = plot_claims(CLAIMS)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b"]
    assert ax.yaxis_inverted()
    heights = {x: y for line in marked(ax) for x, y in line.get_xydata()}
    assert heights[0.5] < heights[0.1] < heights[-0.5] < heights[-0.1]


def test_an_unknown_verdict_is_refused():
    with pytest.raises(ValueError, match="holds 'maybe': use supported, undecided, not supported"):
        plot_claims(CLAIMS | {"verdict": ["maybe"] * 4})


@pytest.mark.parametrize(("low", "high", "decided"), [(0.1, 0.9, True), (-0.9, -0.1, True), (-0.1, 0.9, False)])
def test_a_decided_correlation_is_coloured(low, high, decided):
    rows = np.ones(3)
    columns = {
        "property": [1, 2, 3],
        "accuracy": [90, 92, 91],
        "rho": 0.5 * rows,
        "low": low * rows,
        "high": high * rows,
    }
    ax = plot_accuracy_over(columns)
    assert ax.lines[0].get_xydata().tolist() == [[1, 90], [2, 92], [3, 91]]
    assert (ax.lines[0].get_color() == VERDICTS["supported"]) == decided
    assert "+0.50" in ax.get_title()


@pytest.mark.parametrize("plot", [plot_runs, plot_claims, plot_accuracy_over])
def test_bad_columns_are_refused(plot):
    with pytest.raises(ValueError, match="columns has no"):
        plot({"nothing": [1]})
    with pytest.raises(TypeError, match="not a mapping"):
        plot([1, 2])
