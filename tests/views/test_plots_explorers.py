"""Pictures of the explorers: bars, paths to one output, kernels and the spectra of their blocks."""

from collections import defaultdict

import numpy as np
import pytest

from igc_theory.kernels import block_spectra
from igc_theory.structure import Chain, group, igcv1, igcv2, igcv3, interleaved, path_counts
from igc_theory.views.plots import (
    kernel_columns,
    path_columns,
    plot_bars,
    plot_block_spectra,
    plot_kernel,
    plot_path_counts,
    plot_paths,
)

BARS = {"bar": ["a", "a", "b"], "part": ["x", "y", "x"], "value": [3, 1.5, 2000]}
PATHS = path_columns(igcv1(2, 2), 0)
SPECTRA = block_spectra(np.eye(4), igcv1(2, 2, 1))


def test_bars_are_stacked_and_add_up():
    ax = plot_bars(BARS)
    places = [(bar.get_x(), bar.get_width(), bar.get_y() + bar.get_height() / 2) for bar in ax.patches]
    assert places == [(0, 3, 0), (0, 2000, 1), (3, 1.5, 0)]
    assert [text.get_text() for text in ax.texts] == [" 4.5", " 2,000"]
    colours = [bar.get_facecolor() for bar in ax.patches]
    assert colours[0] == colours[1] != colours[2]


@pytest.mark.parametrize("chain", [igcv1(4, 3), igcv2([2, 3, 2]), igcv3(4, 4), interleaved(12, [2, 3]), group(6, 6, 2)])
def test_paths_are_those_of_the_path_counts_at_every_stage(chain):
    for output in range(chain.out_channels):
        columns = path_columns(chain, output)
        rows = list(zip(*columns.values(), strict=True))
        for stage in range(len(chain)):
            counts = path_counts(Chain(chain.factors[stage:]))[output]
            assert [n for mark, s, _, _, n, _ in rows if (mark, s) == ("channel", stage)] == counts.tolist()
            support = path_counts(Chain([chain.factors[stage]]))
            after = path_counts(Chain(chain.factors[stage + 1 :]))[output] if stage + 1 < len(chain) else None
            taken = [o == output if after is None else after[o] > 0 for o in range(len(support))]
            links = {(start, end) for mark, s, start, end, _, _ in rows if (mark, s) == ("link", stage)}
            assert links == {(i, o) for o, i in np.argwhere(support).tolist() if taken[o]}


def test_large_path_counts_are_exact_and_too_large_ones_refused():
    chain = Chain([group(64, 64, 1, 1)] * 10)
    assert path_columns(Chain([group(2, 2, 1, 1)] * 60), 0)["paths"][0] == 2**59
    with pytest.raises(ValueError, match=f"{2**69} paths from one input, more than int64 holds"):
        path_columns(Chain([group(2, 2, 1, 1)] * 70), 0)
    with pytest.raises(ValueError, match="more than 20,000 links: draw a chain of fewer channels"):
        path_columns(chain, 0)


def test_labels_of_many_factors_are_short():
    ax = plot_paths(path_columns(igcv2([2] * 6), 0))
    assert [text.get_text() for text in ax.texts][:4] == ["3×3", "", "1×1", ""]


def test_a_kernel_is_laid_out_window_beside_window():
    kernel = np.arange(2 * 3 * 2 * 2).reshape(2, 3, 2, 2)
    matrix = np.asarray(plot_kernel(kernel_columns(kernel)).images[0].get_array())
    assert all((matrix[2 * o : 2 * o + 2, 2 * i : 2 * i + 2] == kernel[o, i]).all() for o in range(2) for i in range(3))


def test_zero_is_white_and_values_are_written_as_readers_write_them():
    ax = plot_kernel(kernel_columns([[-1.26, 0.0], [0.004, 2.0]]), decimals=2)
    assert [text.get_text() for text in ax.texts] == ["−1.26", "0", "0.00", "2.00"]
    assert ax.images[0].to_rgba(0.0)[:3] == pytest.approx((1, 1, 1), abs=0.01)
    assert sum(ax.images[0].to_rgba(-2.0)[:3]) < sum(ax.images[0].to_rgba(2.0)[:3]), (
        "negative ones are darker, in grey too"
    )
    with pytest.raises(ValueError, match="decimals=-1 is below 0"):
        plot_kernel(kernel_columns([[1.0]]), decimals=-1)


@pytest.mark.parametrize("chain", [igcv1(3, 2), igcv3(4, 4, 2, (2, 2)), Chain(igcv1(2, 2).convolutions)], ids=str)
def test_the_paths_of_one_pair_are_those_of_all_that_begin_there(chain):
    counts = path_counts(chain)
    for source, output in np.ndindex(chain.in_channels, chain.out_channels):
        columns = path_columns(chain, output, from_input=source)
        walks = {source: 1}  # every link is taken: walking along them counts the paths
        for stage in range(max(columns["stage"], default=0)):
            links = [k for k, mark in enumerate(columns["mark"]) if mark == "link" and columns["stage"][k] == stage]
            after = defaultdict(int)
            for k in links:
                after[columns["end"][k]] += walks[columns["start"][k]]
            walks = after
        assert dict(walks) == ({output: counts[output, source]} if counts[output, source] else {})
    with pytest.raises(ValueError, match=f"from_input={chain.in_channels} is not a channel"):
        path_columns(chain, 0, from_input=chain.in_channels)


def test_spectra_show_the_rank_and_the_mean():
    kernel = np.random.default_rng(0).standard_normal((12, 12))
    ax = plot_block_spectra(block_spectra(kernel, interleaved(12, [4, 6], 1)))
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["all blocks (r.m.s.)", "rank kept: 2"]
    mean = ax.lines[-1].get_ydata()
    assert (mean**2).sum() * 6 == pytest.approx(np.linalg.norm(kernel) ** 2)


def test_path_counts_of_many_channels_are_an_image():
    counts = path_counts(Chain(igcv1(32, 16).convolutions))
    outputs, inputs = np.indices(counts.shape).reshape(2, -1)
    ax = plot_path_counts({"output": outputs, "input": inputs, "paths": counts.ravel()})
    assert (np.asarray(ax.images[0].get_array()) == counts).all()
    assert ax.get_ylim() == (512, 0)


@pytest.mark.parametrize(("plot", "columns", "sentence"), [
    (plot_bars, {"bar": ["a"], "part": ["x"]}, "columns has no 'value'"),
    (plot_bars, {**BARS, "value": [1, 2, np.inf]}, "give finite numbers"),
    (plot_paths, {**PATHS, "mark": ["line"] * len(PATHS["mark"])}, "columns\\['mark'\\] holds 'line'"),
    (plot_kernel, {"row": [0, 0], "column": [0, 0], "value": [1, 2]}, "give every place once"),
    (plot_kernel, {"row": [0, 1], "column": [0, 1], "value": [1, 2]}, "give every place once"),
    (plot_block_spectra, {name: column[:-1] for name, column in SPECTRA.items()}, "give equally many values"),
])  # fmt: skip
def test_bad_columns_are_refused_with_a_sentence(plot, columns, sentence):
    with pytest.raises(ValueError, match=sentence):
        plot(columns)


def test_a_kernel_of_three_axes_is_refused():
    with pytest.raises(ValueError, match=r"kernel has shape \(2, 2, 3\)"):
        kernel_columns(np.zeros((2, 2, 3)))


@pytest.mark.parametrize(
    ("colours", "error", "sentence"),
    [
        (["0.5"], TypeError, "colours=\\['0.5'\\] is a list: give the colour of each part"),
        ({"3×3": 5}, ValueError, "colours\\['3×3'\\]=5 is no colour"),
        ({"3×3": "reddish"}, ValueError, "colours\\['3×3'\\]='reddish' is no colour"),
    ],
)
def test_bars_refuse_what_is_no_colour(colours, error, sentence):
    with pytest.raises(error, match=sentence):
        plot_bars(BARS, colours=colours)
