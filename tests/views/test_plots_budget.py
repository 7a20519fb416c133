"""Pictures of designs: what is drawn is what the tables say, and bad tables are refused in a sentence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.axes import Axes

from igc_theory.budget.curves import blocks as gains
from igc_theory.budget.curves import tradeoffs
from igc_theory.views import plots
from igc_theory.views.plots.budget import blocks, curves, latency, maps

Table = dict[str, Any]

TABLES: dict[Callable[..., Axes], Table] = {
    plots.plot_width_against_parameters: tradeoffs.width_against_parameters([500, 5000]),
    curves.plot_width_share: tradeoffs.width_against_parameters([500, 5000]),
    plots.plot_weights_against_factors: tradeoffs.weights_against_factors(24),
    blocks.plot_igcv1_designs: gains.width_of_igcv1_designs(500, points=9),
    curves.plot_integer_optima: tradeoffs.integer_optima(30),
    blocks.plot_width_gain: gains.width_gain_of_igcv3([16, 64, 256]),
    latency.plot_time_beside_weights: {"block": ["a", "b"], "weights": [0.1, 0.2], "time": [0.3, 0.1]},
    maps.plot_imbalance: gains.price_of_imbalance(points=9),
    maps.plot_width_theorem: gains.width_gain_of_igcv1(points=9),
    lambda columns, ax=None: blocks.plot_equal_branches(columns, "width", ax): tradeoffs.width_of_equal_branches(
        4672, [1, 2, 3], points=5
    ),
}


@pytest.fixture(autouse=True)
def _closed() -> Any:
    yield
    plt.close("all")


@pytest.mark.parametrize("plot", TABLES)
def test_draws_on_given_or_new_axes_and_leaves_the_table_alone(plot: Callable[..., Axes]) -> None:
    table = TABLES[plot]
    before = {name: np.array(column) for name, column in table.items()}
    figure, ax = plt.subplots()
    assert plot(table, ax) is ax
    assert plot(table).figure is not figure
    figure.canvas.draw()
    assert ax.get_xlabel()
    assert ax.get_ylabel()
    assert all(np.array_equal(before[name], table[name]) for name in table)


@pytest.mark.parametrize("plot", TABLES)
def test_bad_tables(plot: Callable[..., Axes]) -> None:
    table = TABLES[plot]
    with pytest.raises(TypeError, match="not a mapping"):
        plot(list(table.values()))
    for name in ("price", "gain", "width", "strict", "weights_per_channel"):
        if name in table:
            with pytest.raises(ValueError, match=f"columns has no '{name}'"):
                plot({key: column for key, column in table.items() if key != name})
            with pytest.raises(ValueError, match="not allowed"):
                plot({**table, name: np.full(len(table[name]), np.nan)})
    with pytest.raises(TypeError, match="ax='left'"):
        plot(table, "left")


def test_lines_are_the_columns() -> None:
    table = TABLES[plots.plot_width_against_parameters]
    ax = plots.plot_width_against_parameters(table)
    drawn = {line.get_label(): line.get_ydata() for line in ax.lines}
    for series in drawn:
        assert np.array_equal(drawn[series], table["width"][table["series"] == series])
    shares = curves.plot_width_share(table)
    for line in shares.lines:
        chosen, optimum = (table["width"][table["series"] == name] for name in (line.get_label(), "continuous optimum"))
        assert np.allclose(line.get_ydata(), chosen / optimum)


def test_integer_optima_draw_every_width_once() -> None:
    table = TABLES[curves.plot_integer_optima]
    strict, _, prime, bound = curves.plot_integer_optima(table).lines
    assert sorted([*strict.get_xdata(), *prime.get_xdata()]) == table["channels"].tolist()
    assert np.array_equal(bound.get_ydata(), table["bound"])


def test_maps_do_not_depend_on_the_order_of_rows() -> None:
    for plot in (maps.plot_imbalance, maps.plot_width_theorem):
        table = TABLES[plot]
        order = np.random.default_rng(3).permutation(len(next(iter(table.values()))))
        one, two = plot(table), plot({name: column[order] for name, column in table.items()})
        paths = [
            [path.vertices for collection in ax.collections for path in collection.get_paths()] for ax in (one, two)
        ]
        assert all(np.array_equal(a, b) for a, b in zip(*paths, strict=True))


def test_maps_need_a_full_grid() -> None:
    for plot in (maps.plot_imbalance, maps.plot_width_theorem):
        table = {name: column[:-1] for name, column in TABLES[plot].items()}
        with pytest.raises(ValueError, match="do not form a full grid"):
            plot(table)


def test_shares_need_the_optimum_at_the_same_budgets() -> None:
    table = TABLES[curves.plot_width_share]
    without = table["series"] != "continuous optimum"
    with pytest.raises(ValueError, match="no 'continuous optimum'"):
        curves.plot_width_share({name: column[without] for name, column in table.items()})
    moved = {**table, "parameters": np.where(table["series"] == "regular", 400, table["parameters"])}
    with pytest.raises(ValueError, match="the budgets of 'regular'"):
        curves.plot_width_share(moved)


def test_unknown_series() -> None:
    for plot in (plots.plot_weights_against_factors, blocks.plot_igcv1_designs):
        table = {**TABLES[plot], "series": np.repeat("surprise", len(TABLES[plot]["series"]))}
        with pytest.raises(ValueError, match="surprise"):
            plot(table)
