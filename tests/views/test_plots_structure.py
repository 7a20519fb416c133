"""The pictures of structure show the numbers that they are given: counted and read back from what is drawn."""

from collections import Counter
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex

from igc_theory.kernels.convolution import convolve
from igc_theory.networks.printed.published import published
from igc_theory.structure.blocks import group, igcv1, igcv2, igcv3, regular
from igc_theory.structure.chains import Chain
from igc_theory.structure.paths import path_counts
from igc_theory.structure.permutations import ChannelPermutation
from igc_theory.views.plots.columns import checked_columns, stacked, unstacked
from igc_theory.views.plots.networks.accuracy import plot_design_accuracies, plot_design_widths
from igc_theory.views.plots.structure.chains import chain_columns, plot_chain
from igc_theory.views.plots.structure.patches import patch_columns, plot_patch_matrix
from igc_theory.views.plots.structure.supports import (
    path_count_columns,
    plot_path_counts,
    plot_support,
    support_columns,
)
from igc_theory.views.plots.style import PALETTE, branch_colours

STYLE = Path(__file__).resolve().parents[2] / "igc_theory" / "igc.mplstyle"
IMAGE, KERNEL = np.arange(100.0).reshape(4, 5, 5), np.random.default_rng(0).normal(size=(6, 4, 3, 3))
DESIGNS = {
    "L": [12, 28, 40],
    "M": [6, 3, 2],
    "optimal_L": [27.6] * 3,
    "largest_width": [84.64] * 3,
    "accuracy": [60.31, 63.21, 63.89],
    "std": [0.96, 0.49, 0.62],
}
PLOTS = {
    plot_support: support_columns(group(4, 4, groups=2)),
    plot_path_counts: path_count_columns(igcv1(2, 2)),
    plot_chain: chain_columns(igcv1(2, 2)),
    plot_patch_matrix: patch_columns(IMAGE, KERNEL, row=1, column=1),
    plot_design_widths: DESIGNS,
    plot_design_accuracies: DESIGNS,
}
NAMES = {
    plot_support: ["output", "input", "row", "column", "branch"],
    plot_path_counts: ["output", "input", "paths"],
    plot_chain: ["mark", "stage", "start", "end", "branch", "label"],
    plot_patch_matrix: ["part", "output", "channel", "row", "column", "value"],
    plot_design_widths: ["L", "M", "optimal_L", "largest_width"],
    plot_design_accuracies: ["L", "M", "optimal_L", "accuracy", "std"],
}
CHAINS = [igcv1(3, 4), igcv1(1, 4), igcv2([2, 2, 2]), igcv3(4, 6, expansion=3), group(6, 6, groups=2), regular(2, 5)]


@pytest.fixture
def ax():
    figure, axes = plt.subplots()
    yield axes
    plt.close(figure)


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def hex_colours(collection, rows):
    """The colour of each row's artist; one colour for all is repeated."""
    colours = collection.get_facecolor()
    return [to_hex(colours[k % len(colours)]).upper() for k in range(rows)]


# --- what every plot keeps to ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("plot", PLOTS)
def test_draws_on_the_axes_given_or_on_new_ones(plot, ax):
    assert plot(PLOTS[plot], ax) is ax
    assert plt.get_fignums() == [ax.figure.number]
    assert plot(PLOTS[plot]) is not ax
    with pytest.raises(TypeError, match=r"ax='left' is a str: give Matplotlib axes"):
        plot(PLOTS[plot], "left")


@pytest.mark.parametrize("plot", PLOTS)
def test_leaves_its_columns_as_they_are(plot, ax):
    before = {name: np.array(values) for name, values in PLOTS[plot].items()}
    plot(PLOTS[plot], ax)
    assert all(np.array_equal(before[name], PLOTS[plot][name]) for name in before)


@pytest.mark.parametrize(("plot", "name"), [(plot, name) for plot, names in NAMES.items() for name in names])
def test_says_which_column_is_missing_or_too_short(plot, name, ax):
    columns = {key: list(values) for key, values in PLOTS[plot].items()}
    with pytest.raises(ValueError, match=f"columns has no '{name}'"):
        plot({key: values for key, values in columns.items() if key != name}, ax)
    with pytest.raises(ValueError, match=r"columns\['.*'\] has shape"):
        plot({**columns, name: columns[name][:-1]}, ax)


@pytest.mark.parametrize("plot", PLOTS)
def test_refuses_what_is_no_table(plot, ax):
    with pytest.raises(TypeError, match=r"columns=\[1, 2\] is a list, not a mapping"):
        plot([1, 2], ax)
    with pytest.raises(ValueError, match=r"has shape \(0,\), not \(at least 1,\)"):
        plot({name: [] for name in NAMES[plot]}, ax)


@pytest.mark.parametrize(
    ("value", "says"), [("one", "holds 'one', not a number"), (np.nan, "=nan"), (1.5, "=1.5"), (True, "not a number")]
)
def test_refuses_what_is_no_integer(value, says, ax):
    with pytest.raises(ValueError, match=says):
        plot_path_counts({"output": [0], "input": [0], "paths": [value]}, ax)


def test_columns_may_come_from_a_csv_as_floats():
    assert checked_columns({"L": [2.0, 3.0]}, integers=["L"])["L"].tolist() == [2, 3]
    with pytest.raises(ValueError, match="=inf is not allowed: give finite numbers"):
        checked_columns({"x": [0.0, np.inf]}, numbers=["x"])


def test_panels_stack_and_unstack():
    panels = {"b": path_count_columns(igcv1(2, 2)), "a": path_count_columns(group(2, 2, groups=2))}
    back = unstacked(stacked(panels))
    assert list(back) == ["b", "a"]
    for name, columns in panels.items():
        assert all(np.array_equal(back[name][key], values) for key, values in columns.items())
    with pytest.raises(ValueError, match="columns has no 'panel'"):
        unstacked({"L": [1]})


def test_the_style_cycles_through_the_palette():
    with plt.style.context(STYLE):
        assert mpl.rcParams["axes.prop_cycle"].by_key()["color"] == list(PALETTE)
        assert mpl.rcParams["font.size"] == 8


# --- supports -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("chain", CHAINS, ids=str)
def test_support_has_a_square_for_every_entry(chain, ax):
    pairs = np.argwhere(path_counts(chain))
    height, width = chain.spatial[0].window
    plot_support(support_columns(chain), ax)
    cells, entries = ax.collections
    assert len(cells.get_paths()) == len(pairs)
    assert len(entries.get_paths()) == len(pairs) * height * width
    centres = [path.get_extents().get_points().mean(axis=0) for path in entries.get_paths()]
    assert Counter((int(y), int(x)) for x, y in centres) == {tuple(pair.tolist()): height * width for pair in pairs}


def test_support_lays_the_window_out_in_its_cell(ax):
    plot_support(support_columns(group(2, 2, groups=2, kernel_size=(1, 3))), ax)
    centres = np.array([path.get_extents().get_points().mean(axis=0) for path in ax.collections[1].get_paths()])
    np.testing.assert_allclose(centres[:, 0], [1 / 6, 1 / 2, 5 / 6, 7 / 6, 3 / 2, 11 / 6])
    np.testing.assert_allclose(centres[:, 1], [0.5] * 3 + [1.5] * 3)


@pytest.mark.parametrize("side", [1, 3, 5, 7])
def test_entries_of_a_window_do_not_touch_and_stay_in_their_cell(ax, side):
    plot_support(support_columns(group(2, 2, groups=2, kernel_size=(1, side))), ax)
    spans = np.sort([path.get_extents().get_points()[:, 0] for path in ax.collections[1].get_paths()], axis=0)
    assert (spans[1:, 0] > spans[:-1, 1]).all()
    assert spans[:, 0].min() > 0
    assert spans[:side, 1].max() < 1 < spans[side:, 0].min()


def test_support_colours_branches(ax):
    plot_support(support_columns(igcv1(3, 2)), ax)
    inputs = support_columns(igcv1(3, 2))["input"]
    assert hex_colours(ax.collections[1], inputs.size) == [branch_colours(7)[i // 2] for i in inputs]


def test_support_of_several_spatial_factors_is_refused():
    with pytest.raises(ValueError, match="has 2 spatial factors: draw a chain with at most one"):
        support_columns(regular(2, 2) + regular(2, 2))


# --- path counts ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("chain", CHAINS, ids=str)
def test_path_counts_are_written_and_coloured(chain, ax):
    counts = path_counts(chain)
    plot_path_counts(path_count_columns(chain), ax)
    assert np.array_equal(ax.collections[0].get_array().reshape(counts.shape), counts)
    written = {(int(text.get_position()[1]), int(text.get_position()[0])): int(text.get_text()) for text in ax.texts}
    assert written == {place: int(paths) for place, paths in np.ndenumerate(counts)}
    assert ax.get_ylim() == (counts.shape[0], 0), "the first output is on top"


def test_path_counts_are_not_written_on_large_maps(ax):
    plot_path_counts(path_count_columns(igcv1(17, 1)), ax)
    assert not ax.texts
    assert ax.collections[0].get_array().size == 17**2


def test_path_counts_can_share_a_scale(ax):
    mesh = plot_path_counts(path_count_columns(igcv1(2, 2)), ax, largest=4).collections[0]
    assert mesh.get_clim() == (0, 4)
    assert mesh.get_cmap()(0.0) == (1, 1, 1, 1), "no path is white"
    with pytest.raises(ValueError, match="largest=0 is below 1"):
        plot_path_counts(path_count_columns(igcv1(2, 2)), ax, largest=0)


@pytest.mark.parametrize(
    ("outputs", "says"),
    [
        ([0, 0, 1], "0 rows for output 1, input 1"),
        ([0, 0, 1, 1, 1], "2 rows for output 1"),
        ([0, 0, -1, -1], r"\[2\]=-1 is not allowed: give integers of at least 0"),
    ],
)
def test_path_counts_of_a_table_with_holes_or_doubles(outputs, says, ax):
    inputs = [0, 1, 0, 1, 1][: len(outputs)]
    with pytest.raises(ValueError, match=says):
        plot_path_counts({"output": outputs, "input": inputs, "paths": [1] * len(outputs)}, ax)


# --- chains ---------------------------------------------------------------------------------------------------------


def reached_by_walking(chain):
    """Branches of the first convolution that reach each channel behind each factor, by following single channels."""
    first = next(k for k, factor in enumerate(chain.factors) if factor in chain.convolutions)
    names = list(range(chain.in_channels))
    for factor in chain.factors[:first]:
        names = [names[i] for i in factor.indices]
    branch = {name: place // chain.factors[first].in_width for place, name in enumerate(names)}
    stages = [[{branch[i]} for i in range(chain.in_channels)]]
    for factor in chain.factors:
        before = stages[-1]
        if isinstance(factor, ChannelPermutation):
            stages.append([before[i] for i in factor.indices])
        else:
            a, b = factor.in_width, factor.out_width
            stages.append([set().union(*before[o // b * a : o // b * a + a]) for o in range(factor.out_channels)])
    return stages


@pytest.mark.parametrize(
    "chain", [*CHAINS, Chain([ChannelPermutation([2, 0, 3, 1]), *group(4, 4, groups=2).factors])], ids=str
)
def test_channels_carry_the_colours_that_reach_them(chain):
    columns = chain_columns(chain)
    found = [[set() for _ in stage] for stage in reached_by_walking(chain)]
    for mark, stage, start, branch in zip(
        *(columns[name] for name in ("mark", "stage", "start", "branch")), strict=True
    ):
        if mark == "channel":
            found[stage][start].add(branch)
    assert found == reached_by_walking(chain)


@pytest.mark.parametrize("chain", CHAINS, ids=str)
def test_chain_is_drawn_channel_by_channel_and_branch_by_branch(chain, ax):
    plot_chain(chain_columns(chain), ax)
    nodes, *factors = ax.collections
    carried = [branches for stage in reached_by_walking(chain) for channel in stage for branches in sorted(channel)]
    assert hex_colours(nodes, len(carried)) == [branch_colours(7)[branch % 7] for branch in carried]
    pieces = [factor.channels if isinstance(factor, ChannelPermutation) else factor.groups for factor in chain.factors]
    assert [len(collection.get_paths()) for collection in factors] == pieces
    assert len(ax.texts) == len(chain)


def test_lines_of_a_permutation_lead_where_it_sends_the_channels(ax):
    chain = igcv1(2, 3)
    plot_chain(chain_columns(chain), ax)
    lines = ax.collections[2].get_segments()
    ends = {(round(6 * line[0][1] - 0.5), round(6 * line[-1][1] - 0.5)) for line in lines}
    assert ends == {(int(i), o) for o, i in enumerate(chain.factors[1].indices)}
    colours = [to_hex(colour).upper() for colour in ax.collections[2].get_colors()]
    assert colours == [PALETTE[i // 3] for i in chain.factors[1].indices]
    assert {to_hex(colour) for colour in ax.collections[4].get_colors()} == {"#555555"}, "each carries both colours"


def test_only_the_first_convolution_has_the_colours_of_its_branches(ax):
    plot_chain(chain_columns(igcv1(3, 2)), ax)
    assert hex_colours(ax.collections[1], 3) == branch_colours(3)
    assert set(hex_colours(ax.collections[3], 2)) == {"#BBBBBB"}


def test_chain_refuses_an_unknown_mark(ax):
    columns = chain_columns(igcv1(2, 2))
    with pytest.raises(ValueError, match=r"columns\['mark'\] holds 'node': use channel, permutation or convolution"):
        plot_chain({**columns, "mark": ["node", *columns["mark"][1:]]}, ax)


# --- a convolution as a matrix --------------------------------------------------------------------------------------


def test_patch_columns_hold_image_kernel_and_responses():
    columns = patch_columns(IMAGE, KERNEL, row=2, column=0)
    values = {part: columns["value"][columns["part"] == part] for part in ("image", "patch", "weight", "response")}
    patch = IMAGE[:, 2:5, 0:3]
    assert np.array_equal(values["patch"], patch.ravel())
    assert np.array_equal(np.sort(np.concatenate([values["image"], values["patch"]])), IMAGE.ravel())
    assert np.array_equal(values["weight"], KERNEL.ravel())
    np.testing.assert_allclose(values["response"], KERNEL.reshape(6, -1) @ patch.ravel())
    np.testing.assert_allclose(values["response"], convolve(IMAGE, KERNEL, padding="valid")[:, 2, 0])


def test_patch_matrix_puts_every_weight_below_its_response(ax):
    plot_patch_matrix(patch_columns(IMAGE, KERNEL, row=1, column=1), ax)
    image, patch, vector, weights, responses = ([path.get_extents() for path in c.get_paths()] for c in ax.collections)
    assert [len(part) for part in (image, patch, vector, weights, responses)] == [64, 36, 36, 216, 6]
    columns = [box.x0 for box in vector]
    np.testing.assert_allclose(columns, range(36))
    np.testing.assert_allclose([box.x0 for box in weights], np.tile(columns, 6))
    np.testing.assert_allclose([box.y0 for box in weights[::36]], [box.y0 for box in responses])


def test_patch_matrix_keeps_a_channels_colour_and_darkens_with_the_value(ax):
    plot_patch_matrix(patch_columns(IMAGE, KERNEL, row=1, column=1), ax)
    vector = ax.collections[2].get_facecolor()[:, :3]
    patch = ax.collections[1].get_facecolor()[:, :3]
    np.testing.assert_allclose(vector, patch)
    weights, order = ax.collections[3].get_facecolor()[:, :3], np.argsort(KERNEL[0, 0].ravel())
    assert (np.diff(weights[:9][order].sum(axis=1)) < 0).all()


@pytest.mark.parametrize("place", [{"row": 3, "column": 0}, {"row": 0, "column": 7}, {"row": -1, "column": 0}])
def test_patch_outside_of_the_image(place):
    with pytest.raises(ValueError, match=r"(row|column)=-?\d (puts the patch outside of the image|is below 0)"):
        patch_columns(IMAGE, KERNEL, **place)


class One:
    """An integer with which arrays cannot be compared, as PyTorch's cannot."""

    __array_ufunc__ = None

    def __index__(self):
        return 1


def test_the_place_of_a_patch_may_be_any_integer():
    columns = patch_columns(IMAGE, KERNEL, row=One(), column=One())
    for name, column in patch_columns(IMAGE, KERNEL, row=1, column=1).items():
        np.testing.assert_array_equal(columns[name], column)


def test_patch_matrix_names_wrong_and_missing_parts(ax):
    columns = patch_columns(IMAGE, KERNEL, row=1, column=1)
    with pytest.raises(ValueError, match="holds 'pixel': use image, patch"):
        plot_patch_matrix({**columns, "part": np.where(columns["part"] == "patch", "pixel", columns["part"])}, ax)
    keep = columns["part"] != "weight"
    with pytest.raises(ValueError, match="lacks 'weight'"):
        plot_patch_matrix({name: values[keep] for name, values in columns.items()}, ax)


# --- designs --------------------------------------------------------------------------------------------------------


def test_bars_are_as_high_as_the_designs_are_wide(ax):
    L, M = (np.array(published("igcv1-fig3b").column(name)) for name in "LM")
    plot_design_widths({"L": L, "M": M, "optimal_L": [42.9] * L.size, "largest_width": [204.42] * L.size}, ax)
    assert [int(bar.get_height()) for bar in ax.patches] == (L * M).tolist()
    assert [text.get_text() for text in ax.texts] == [*map(str, L * M), r"$G \leq 204.42$"]
    assert ax.lines[0].get_ydata() == [204.42, 204.42]


@pytest.mark.parametrize(("optimum", "place"), [(12, 0), (28, 1), (40, 2), (np.sqrt(28 * 40), 1.5)])
def test_optimum_is_marked_between_its_neighbours(optimum, place, ax):
    plot_design_accuracies({**DESIGNS, "optimal_L": [optimum] * 3}, ax)
    np.testing.assert_allclose(ax.lines[-1].get_xdata(), [place, place])
    assert [label.get_text() for label in ax.get_xticklabels()] == ["12\n6", "28\n3", "40\n2"]


def test_error_bars_have_the_standard_deviation(ax):
    plot_design_accuracies(DESIGNS, ax)
    bars = ax.containers[0].lines[2][0].get_segments()
    np.testing.assert_allclose([(bar[1][1] - bar[0][1]) / 2 for bar in bars], DESIGNS["std"])


@pytest.mark.parametrize("L", [[28, 12, 40], [12, 12, 40], [0, 12, 40]])
@pytest.mark.parametrize("plot", [plot_design_widths, plot_design_accuracies])
def test_designs_out_of_order(plot, L, ax):
    with pytest.raises(ValueError, match=r"columns\['L'\]\[\d\]=\d+ is out of order"):
        plot({**DESIGNS, "L": L}, ax)
