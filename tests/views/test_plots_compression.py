"""Pictures of families that remove redundancy show the numbers they are given, and refuse what they cannot show."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from igc_theory.kernels import frontier
from igc_theory.views.plots import plot_frontier
from igc_theory.views.plots.kernels.compression import (
    FAMILIES,
    KERNELS,
    plot_budget_errors,
    plot_family_errors,
    plot_order_gain,
)

POINTS: dict[str, list[Any]] = {
    "family": ["quantized", "quantized", "quantized", "low rank", "rounded low rank"],
    "cost": [4, 2, 8, 4, 1],
    "relative_error": [0.2, 0.5, 0.3, 0.6, 0.7],
    "best": [1, 1, 0, 0, 1],
}


def test_a_line_a_family_leaves_out_what_the_family_beats() -> None:
    ax = plot_frontier(POINTS)
    lines = {line.get_label(): line.get_xydata() for line in ax.lines}
    assert np.array_equal(lines["quantized"], [[2, 0.5], [4, 0.2]])  # 8 at 0.3 is beaten by 4 at 0.2
    assert np.array_equal(lines["low rank"], [[4, 0.6]])
    assert np.array_equal(ax.lines[0].get_xydata(), [[1, 0.7], [2, 0.5], [4, 0.2]])
    assert ax.get_xscale() == "log"


def test_every_family_of_a_frontier_has_a_look_of_its_own() -> None:
    found = frontier(np.random.default_rng(0).standard_normal((16, 16)), progress=False)
    assert {row.family for row in found.approximations} <= set(FAMILIES)
    assert len(set(FAMILIES.values())) == len(FAMILIES)


def test_heat_map_has_every_number_in_its_place() -> None:
    ax = plot_budget_errors({"network": ["a", "a", "b"], "family": ["x", "y", "y"], "relative_error": [0.1, 0.9, 0.25]})
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["a", "b"]
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["x", "y"]
    texts = {text.get_position(): text.get_text() for text in ax.texts}
    assert texts == {(0, 0): ".10", (1, 0): ".90", (1, 1): ".25"}
    image = np.asarray(ax.images[0].get_array().filled(np.nan))
    assert np.array_equal(image, [[0.1, 0.9], [np.nan, 0.25]], equal_nan=True)


ERRORS = {
    "family": ["a", "b", "a", "b"],
    "kernel": ["random", "random", "smooth", "smooth"],
    "relative_error": [0.8, 0.7, 0.1, 0.2],
}


def test_family_errors_stand_in_their_rows_and_the_nearest_is_filled() -> None:
    ax = plot_family_errors(ERRORS)
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["a", "b"]
    assert ax.get_ylim()[0] > ax.get_ylim()[1]  # the first family is on top
    hollow, filled = (
        [line for line in ax.lines if (line.get_markerfacecolor() == "white") == white] for white in (True, False)
    )
    assert [line.get_xydata().tolist() for line in hollow] == [[[0.8, 0], [0.7, 1]], [[0.1, 0], [0.2, 1]]]
    assert [line.get_xydata().tolist() for line in filled] == [[[0.7, 1]], [[0.1, 0]]]
    assert [line.get_label() for line in hollow] == ["random", "smooth"]


def test_kinds_of_kernels_differ_in_shape_and_not_in_colour_alone() -> None:
    colours, marks = zip(*KERNELS.values(), strict=True)
    assert len(set(marks)) == len(set(colours)) == len(KERNELS)


def test_order_gain_counts_what_lies_above_the_line() -> None:
    ax = plot_order_gain({"given": [0.8, 0.5, 0.7], "found": [0.75, 0.4, 0.6], "low_rank": [0.7, 0.6, 0.65]})
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["channels as given (2 of 3 lose)", "reordered (1 of 3 lose)"]
    assert np.array_equal(ax.lines[0].get_ydata(), [0.8, 0.5, 0.7])
    assert np.array_equal(ax.lines[1].get_ydata(), [0.75, 0.4, 0.6])


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"family": ["quantized"] * 4 + ["magic"]}, "columns\\['family'\\] holds 'magic'"),
        ({"cost": [4, 2, 8, 4, 0]}, "positive costs"),
        ({"relative_error": [0.1] * 4 + [np.nan]}, "finite numbers"),
        ({"best": [1] * 4}, "equally long"),
    ],
)
def test_frontiers_that_cannot_be_drawn(change: dict[str, list[Any]], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        plot_frontier(POINTS | change)


def test_other_columns_that_cannot_be_drawn() -> None:
    with pytest.raises(ValueError, match="network 'a' and family 'x' twice"):
        plot_budget_errors({"network": ["a", "a"], "family": ["x", "x"], "relative_error": [0.1, 0.2]})
    with pytest.raises(ValueError, match=r"columns\['kernel'\] holds 'magic': give one of random, smooth, trained"):
        plot_family_errors({**ERRORS, "kernel": ["magic"] * 4})
    with pytest.raises(ValueError, match="has no 'found'"):
        plot_order_gain({"given": [0.1], "low_rank": [0.1]})
    with pytest.raises(TypeError, match="ax='left'"):
        plot_order_gain({"given": [0.1], "found": [0.1], "low_rank": [0.1]}, ax="left")
