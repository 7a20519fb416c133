"""Pictures of nearest products: what was given is what is drawn, and bad columns are refused."""

from __future__ import annotations

from collections.abc import Iterator

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest

from igc_theory import igcv2
from igc_theory.kernels.projection.errors import certificates, path_errors
from igc_theory.views.plots import factor_columns, plot_factor
from igc_theory.views.plots.kernels.products import plot_apply_times, plot_certificate, plot_path_errors

mpl.use("Agg")


@pytest.fixture(autouse=True)
def closed_figures() -> Iterator[None]:
    yield
    plt.close("all")


def test_points_are_measured_and_lines_expected() -> None:
    columns = path_errors(8, [1, 2], np.random.default_rng(0))
    ax = plot_path_errors(columns)
    line, points = ax.lines[:2]
    rows = columns["groups"] == 1
    assert np.array_equal(line.get_ydata(), columns["expected"][rows])
    assert np.array_equal(points.get_ydata(), columns["measured"][rows])
    assert points.get_linestyle() == "None"
    assert line.get_color() == points.get_color() != ax.lines[2].get_color()


def test_the_band_lies_between_bound_and_error() -> None:
    columns = certificates(igcv2([2, 2, 2], 1), [0.1, 1, 10], np.random.default_rng(0))
    ax = plot_certificate(columns)
    drawn = {line.get_label(): line.get_ydata() for line in ax.lines}
    assert np.array_equal(drawn["product found"], columns["error"])
    assert np.array_equal(drawn["no product is below"], columns["bound"])
    corners = ax.collections[0].get_paths()[0].vertices
    assert corners[:, 1].min() == columns["bound"].min()
    assert corners[:, 1].max() == columns["error"].max()


def test_matrices_are_drawn_entry_by_entry() -> None:
    matrix = np.array([[1, 0, -2], [0, 3j, 0], [0, 0, 1 + 1j]])
    image = plot_factor(factor_columns(matrix)).images[0]
    shown = image.get_array()
    assert np.array_equal(~np.ma.getmaskarray(shown), matrix != 0)
    assert shown[0, 2] == -2
    assert shown[1, 1] == 0
    assert image.get_clim() == (-3, 3)


def test_an_imaginary_entry_can_be_told_from_zero() -> None:
    framed = plot_factor(factor_columns(np.array([[2, 0], [1j, 2]]))).collections[0].get_paths()
    assert [tuple(path.get_extents().min) for path in framed] == [(-0.5, 0.5)]


def test_rounding_errors_are_no_entries() -> None:
    assert factor_columns(np.array([[1, 1e-16], [0, 1]]))["row"].tolist() == [0, 1]


def test_times_are_drawn_series_by_series_with_their_rooflines() -> None:
    columns = {
        "series": ["dense", "2 factors", "2 factors", "roofline 2 factors", "roofline 2 factors"],
        "channels": [64, 64, 128, 64, 128],
        "microseconds": [50.0, 5.0, 20.0, 3.0, 10.0],
    }
    ax = plot_apply_times(columns)
    dense, two, roofline = ax.lines
    assert two.get_xdata().tolist() == [64, 128]
    assert roofline.get_ydata().tolist() == [3, 10]
    assert roofline.get_color() == two.get_color() != dense.get_color()
    assert [text.get_text() for text in ax.legend().get_texts()] == ["dense", "2 factors"]
    assert ax.get_yscale() == "log"


@pytest.mark.parametrize("plot", [plot_path_errors, plot_certificate, plot_factor, plot_apply_times])
def test_bad_columns_are_refused(plot) -> None:
    with pytest.raises(ValueError, match="columns has no"):
        plot({"panel": [1]})
    with pytest.raises(TypeError, match="mapping"):
        plot([1, 2])


@pytest.mark.parametrize(("matrix", "rule"), [(3, "rows and columns"), ([[]], "rows and columns"), ([["a"]], "dtype")])
def test_what_is_no_matrix_is_refused(matrix, rule):
    with pytest.raises((TypeError, ValueError), match=rule):
        factor_columns(matrix)
