"""Explorers without a browser: what they answer, what they show, and what they do when a control moves."""

import re
import sys
from functools import cache
from itertools import combinations

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from scipy.linalg import hadamard

from igc_theory.budget import best_dense, widest_dense, widest_igcv1, widest_strict
from igc_theory.budget.formulas.cost import interleaved_parameters
from igc_theory.kernels import project
from igc_theory.structure import Chain, explain_complementarity, grade, igcv1, igcv2, interleaved, path_counts, regular
from igc_theory.views import explore_balance, explore_block, explore_budget, explore_kernel, explore_paths
from igc_theory.views.explorers.answers import STYLE, Answer
from igc_theory.views.explorers.balance import balance_answer
from igc_theory.views.explorers.blocks import block_answer
from igc_theory.views.explorers.budgets import FAMILIES, budget_answer
from igc_theory.views.explorers.kernels import example_kernel, kernel_answer
from igc_theory.views.explorers.paths import paths_answer
from tests.perception import on_data


class Shown:
    """An explorer's controls by description, and the HTML below them."""

    def __init__(self, box):
        column, ticks, self.html = box.children
        rows = [row.children for row in column.children]
        self.controls = {control.description: control for control in (*(row[0] for row in rows), *ticks.children)}
        self.fields = {control.description: field for control, *fields in rows for field in fields}

    def set(self, **values):
        for description, value in values.items():
            self.controls[description].value = value

    def fact(self, name):
        return re.search(rf"<th[^>]*>{re.escape(name)}</th><td[^>]*>([^<]*)</td>", self.html.value)[1]


@cache
def first(explore):
    """Return an explorer that several tests type into, since a new one costs a picture."""
    return Shown(explore())


EXPLORERS = [explore_block, explore_paths, explore_budget, explore_balance, explore_kernel]


# --- answers --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("permuted", [True, False])
@pytest.mark.parametrize(("L", "M"), [(1, 1), (1, 5), (5, 1), (4, 3), (8, 8)])
def test_a_block_is_counted_and_explained_by_the_library(L, M, permuted):
    answer = block_answer(L, M, 5, permuted)
    chain = igcv1(L, M, 5) if permuted else Chain(igcv1(L, M, 5).convolutions)
    assert answer.facts["weights"] == chain.parameters
    assert answer.facts["weights of a regular convolution"] == regular(L * M, L * M, 5).parameters
    assert answer.facts["width of a regular one at these weights"] ** 2 * 25 == pytest.approx(chain.parameters)
    assert answer.sentence == explain_complementarity(chain).sentence


def test_the_parts_of_a_block_are_drawn():
    assert len(block_answer(4, 3).draw().axes) == 3
    large = block_answer(32, 32).draw()
    assert [ax.get_title() for ax in large.axes] == ["paths of each pair: 1", "weights"]
    assert block_answer(4, 3, permuted=False).draw().axes[1].get_title() == "paths of each pair: 0 to 3"


@pytest.mark.parametrize("budget", [10, 100, 4672, 17536])
def test_a_budget_pays_for_the_widest_of_every_family_and_no_wider_one(budget):
    table = budget_answer(budget).table
    rows = {name: (channels, weights) for name, channels, weights, *_ in table.rows}
    for name, widest in {"strict": widest_strict, "dense": widest_dense, "IGCV1": widest_igcv1}.items():
        design = widest(budget, 9)
        assert rows[name] == (design.channels, design.parameters)
    for name, step, weights in (
        ("regular", 1, lambda C: 9 * C * C),
        ("group, 4 branches", 4, lambda C: 9 * C * C // 4),
        ("depthwise separable", 1, lambda C: 9 * C + C * C),
        ("IGCV3, t = 6, G = 2, 2", 2, lambda C: 6 * C * C + 54 * C),
    ):
        widths = [C for C in range(step, 200, step) if weights(C) <= budget]
        assert rows.get(name) == ((widths[-1], weights(widths[-1])) if widths else None)


def test_only_the_chosen_families_are_drawn():
    def labels(families):
        return budget_answer(4672, families=families).draw().axes[0].get_legend_handles_labels()[1]

    assert labels(["regular", "integer"]) == ["regular", "strict integer", "dense integer", "widest at the budget"]
    assert labels([]) == ["widest at the budget"]
    assert len(labels(FAMILIES)) == 12
    (points,) = budget_answer(4672).draw().axes[0].collections
    assert sorted(points.get_offsets()[:, 1]) == [22, 44, 64, 84, 192, 192]


@pytest.mark.parametrize(
    ("C", "widths"), [(64, (4, 16)), (64, (1, 8, 8)), (416, (1, 2, 4, 4, 4, 4)), (12, (1, 2)), (8, (8,))]
)
def test_a_balance_is_that_of_the_library(C, widths):
    answer = balance_answer(C, widths)
    assert answer.facts["weights per channel"] == interleaved_parameters(C, widths, 9) // C
    assert answer.facts["dense, any number"] == best_dense(C, 9).parameters_per_channel
    assert answer.facts["balanced, real widths"] == pytest.approx(len(widths) * (9 * C) ** (1 / len(widths)))
    assert str(grade(interleaved(C, widths))).lower() in answer.sentence.lower()
    left, right = answer.draw().axes
    assert left.texts[0].get_text().strip() == str(answer.facts["weights per channel"])
    assert ("not dense" in right.lines[-1].get_label()) == (np.prod(widths) < C)


@pytest.mark.parametrize("chain", [igcv1(4, 3), interleaved(12, [1, 4, 4]), interleaved(12, [2, 3]), igcv2([2, 2, 2])])
def test_paths_to_an_output_are_a_row_of_the_path_counts(chain):
    for permuted in (True, False):
        counts = path_counts(chain if permuted else Chain(chain.convolutions))
        for output, row in enumerate(counts):
            facts = paths_answer(chain, output, permuted).facts
            assert list(facts.values()) == [(row > 0).sum(), row.min(), row.max(), row.sum()]


def test_a_kernel_is_projected_by_the_library():
    kernel = np.random.default_rng(0).standard_normal((12, 12, 3, 3))
    answer, projection = kernel_answer(kernel, igcv2([2, 2, 3])), project(kernel, igcv2([2, 2, 3]))
    assert answer.facts["relative error"] == projection.relative_error
    assert answer.facts["no product is below"] == projection.lower_bound
    assert answer.facts["blocks"] == 6 * 2  # six branches, and two kinds of outputs behind them
    assert "hierarchical" in answer.sentence


def test_a_kernel_with_more_outputs_than_inputs_is_drawn():
    chain = Chain([*regular(4, 3, 1).factors, *regular(3, 8, 1).factors])
    answer = kernel_answer(np.random.default_rng(0).standard_normal((8, 4)), chain)
    assert answer.draw().axes[0].images[0].get_array().shape == (8, 4)
    assert answer.facts["their rank, at most"] == 3


@pytest.mark.parametrize("source", ["Fourier", "Hadamard"])
@pytest.mark.parametrize("widths", [(2,) * 6, (8, 8), (4, 16), (16, 4), (2, 4, 8)])
def test_fast_transforms_are_products_whatever_the_widths(source, widths):
    for side in (1, 3):
        assert kernel_answer(example_kernel(source, 64, side), igcv2(widths, side)).facts["relative error"] == 0
    assert kernel_answer(hadamard(64), igcv2(widths, 1)).sentence.startswith("The kernel is a product")


def test_gabor_filters_have_blocks_of_rank_two():
    kernel = example_kernel("Gabor filters", 64, 3)
    chains = [interleaved(64, [8, 8]), igcv2([8, 8]), interleaved(64, [8, 16])]
    errors = [kernel_answer(kernel, chain).facts["relative error"] for chain in chains]
    assert min(errors[:2]) > 0.5
    assert errors[2] == 0


def test_a_corner_of_a_large_product_is_its_own():
    kernel = np.random.default_rng(0).standard_normal((256, 256))
    shown = kernel_answer(kernel, igcv1(16, 16, 1)).draw().axes[1]
    corner = project(kernel, igcv1(16, 16, 1)).product.kernel()[:192, :192, 0, 0]
    assert np.asarray(shown.images[0].get_array()) == pytest.approx(corner)
    assert shown.get_xlabel() == "192 of 256 channels"


def test_an_answer_shows_itself_in_words_and_html():
    answer = block_answer(4, 3)
    assert "weights of a regular convolution         1,296" in repr(answer)
    html = answer.html()
    assert "<td style='text-align:right'>1,296</td>" in html
    assert f"alt='{answer.alt}'" in html
    assert "src='data:image/png;base64,iVBOR" in html
    assert "<table><caption>Widest" in budget_answer(4672).html()


DRAWN = {
    "a block with its branches": lambda: block_answer(4, 3),
    "a block of 128 channels": lambda: block_answer(8, 16),
    "the longest numbers of a block": lambda: block_answer(32, 32, 7),
    "a path diagram": lambda: paths_answer(igcv2([2] * 7), 0),
    "a budget": lambda: budget_answer(4672),
    "a budget beyond the curves": lambda: budget_answer(900_000),
    "one factor": lambda: balance_answer(8, [8], 7),
    "six factors": lambda: balance_answer(1024, [4, 4, 4, 4, 2, 2]),
    "a whole kernel": lambda: kernel_answer(example_kernel("Fourier", 8, 5), igcv1(2, 4, 5)),
    "a corner of a kernel": lambda: kernel_answer(
        1e4 * example_kernel("random", 256, 1), igcv2([16, 16], kernel_size=1)
    ),
}


@pytest.mark.parametrize("name", DRAWN)
def test_nothing_is_cut_covered_or_set_as_mathematics_in_a_picture(name):
    figure = Figure()
    with mpl.rc_context(STYLE):
        DRAWN[name]().picture(figure)
        # Mathematics would be parsed anew for every move of a slider, which takes as long as all other text.
        assert [text.get_text() for text in figure.findobj(Text) if "$" in text.get_text()] == []
        FigureCanvasAgg(figure)
        boxes = [ax.get_tightbbox() for ax in figure.axes]
    page = figure.bbox.padded(1)
    assert [box for box in boxes if Bbox.intersection(box, page).bounds != box.bounds] == []
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))
    assert on_data(figure) == []


# --- controls -------------------------------------------------------------------------------------------------------


@pytest.fixture
def _drawn_only(monkeypatch):
    """Draw pictures, and spare their pixels, which take most of the time: for tests that look at the words around them."""
    monkeypatch.setattr(Answer, "_png", lambda answer: answer.picture(Figure()) or "")


WORDS = pytest.mark.usefixtures("_drawn_only")


@pytest.mark.parametrize("explore", EXPLORERS)
def test_every_explorer_answers_at_once_and_only_when_a_control_is_let_go(explore):
    shown = Shown(explore())
    assert "<img alt=" in shown.html.value
    waiting = [c for c in shown.controls.values() if "continuous_update" in c.trait_names()]
    assert waiting
    assert not any(control.continuous_update for control in waiting)


@WORDS
def test_the_block_follows_its_controls():
    shown = Shown(explore_block(4, 3))
    shown.set(**{"L, partitions": 6, "M, channels each": 5, "kernel": 1})
    assert shown.fact("weights") == f"{igcv1(6, 5, 1).parameters:,}"
    shown.set(interleave=False)
    assert "no path" in shown.html.value


@WORDS
def test_the_output_slider_stops_at_the_last_output():
    shown = Shown(explore_paths(interleaved(24, [4, 6]), output=23))
    assert "Output 23 is reached from 24 of 24" in shown.html.value
    shown.set(chain=shown.controls["chain"].options[1][1])
    assert shown.controls["output channel"].max == 11
    assert "Output 11 is reached from 12 of 12" in shown.html.value


@WORDS
def test_the_budget_follows_its_controls():
    shown = Shown(explore_budget(4672))
    shown.set(weights=17536, regular=False)
    assert f">{widest_dense(17536, 9).channels:,}</td>" in shown.html.value
    assert "regular" not in re.search(r"alt='([^']*)'", shown.html.value)[1]


@WORDS
def test_the_widths_stay_divisors_of_the_channels_and_are_as_many_as_the_factors():
    shown = Shown(explore_balance(64, [4, 16]))

    def hidden():
        return [shown.controls[f"K{mark}"].layout.display == "none" for mark in "₁₂₃₄₅₆"]

    assert hidden() == [False, False, True, True, True, True]
    shown.set(factors=3)
    assert hidden() == [False, False, False, True, True, True]
    assert "4 × 16 × 1:" in shown.html.value
    answers = []
    shown.html.observe(lambda change: answers.append(change.new), names="value")
    shown.set(channels=36)
    assert len(answers) == 1  # though two widths move with the channels
    assert shown.controls["K₂"].options == (1, 2, 3, 4, 6, 9, 12, 18, 36)
    assert "4 × 12 × 1:" in shown.html.value


@WORDS
def test_a_kernel_of_ones_own_is_offered_first():
    shown = Shown(explore_kernel(hadamard(16), "4, 4"))
    assert shown.fact("relative error") == "0"
    shown.set(**{"noise, percent": 50})
    assert float(shown.fact("relative error")) > 0.1
    shown.set(**{"noise, percent": 0, "kernel": "random", "channels": 16, "window": 1})
    assert float(shown.fact("relative error")) > 0.1


@WORDS
@pytest.mark.parametrize(("explore", "name", "typed", "value"), [
    (explore_block, "L, partitions", "12", 12),
    (explore_block, "kernel", "5x5", 5),
    (explore_block, "kernel", "7", 7),
    (explore_budget, "weights", "17,536", 17536),
    (explore_budget, "weights", " 5001 ", 5001),
    (explore_budget, "weights", "250000", 250_000),
    (explore_balance, "K₂", "32", 32),
    (explore_balance, "channels", "100", 100),
    (explore_kernel, "channels", "16", 16),
    (explore_kernel, "kernel", "hadamard", "Hadamard"),
    (explore_paths, "output channel", "11", 11),
])  # fmt: skip
def test_what_is_typed_beside_a_slider_moves_it(explore, name, typed, value):
    shown = first(explore)
    before = shown.fields[name].value
    shown.fields[name].value = typed
    assert shown.controls[name].value == value
    assert "<img alt=" in shown.html.value
    assert shown.fields[name].value == shown.controls[name].label if hasattr(shown.controls[name], "label") else typed
    shown.fields[name].value = before  # other tests type into the same explorer, in any order
    assert shown.fields[name].value == before


@WORDS
@pytest.mark.parametrize(("explore", "name", "typed", "sentence"), [
    (explore_budget, "weights", "abc", "weights='abc' is not offered: type a whole number from 1 to 10,000,000"),
    (explore_budget, "weights", "10000001", "weights=10000001 is above 10000000: type a smaller number"),
    (explore_budget, "weights", "0", "weights=0 is below 1"),
    (explore_block, "L, partitions", "33", "L, partitions='33' is not offered: type a whole number from 1 to 32"),
    (explore_balance, "K₁", "5", "K₁='5' is not offered: type one of 1, 2, 4, 8, 16, 32, 64"),
    (explore_kernel, "channels", "100", "channels='100' is not offered: type one of 8, 16"),
])  # fmt: skip
def test_what_cannot_be_typed_is_refused_and_no_old_answer_stays(explore, name, typed, sentence):
    shown = first(explore)
    before = shown.controls[name].value
    shown.fields[name].value = typed
    assert sentence in shown.html.value.replace("&#x27;", "'")
    assert "<img" not in shown.html.value
    shown.fields[name].value = str(before)
    assert "<img" in shown.html.value


def test_controls_stand_in_one_column_and_none_drops_down():
    kinds = {type(control).__name__ for explore in EXPLORERS for control in first(explore).controls.values()}
    assert kinds == {"IntSlider", "SelectionSlider", "Text", "Checkbox"}


@pytest.mark.parametrize(("answer", "note"), [
    (lambda: block_answer(4, 3), ""),
    (lambda: block_answer(7, 4), ""),
    (lambda: block_answer(8, 4), "Branches are drawn of up to 32 channels in up to 7 partitions"),
    (lambda: block_answer(4, 11), "Branches are drawn of up to 32 channels in up to 7 partitions"),
    (lambda: budget_answer(100_000), ""),
    (lambda: budget_answer(200_000), "Curves end at 100,000 weights; the points are at 200,000."),
    (lambda: kernel_answer(np.ones((192, 192)), igcv2([16, 12], 1)), ""),
    (lambda: kernel_answer(np.ones((208, 208)), igcv2([16, 13], 1)), "Of 208 × 208 channels the first 192 × 192 are drawn"),
])  # fmt: skip
def test_what_a_picture_leaves_out_is_said_below_it(answer, note):
    found = answer()
    assert found.left_out.startswith(note)
    assert bool(found.left_out) == bool(note)


def test_one_channel_is_singular():
    assert "1 of 1 input. " in paths_answer(regular(1, 1, 1), 0).sentence
    assert "up to 1 channel wide" in budget_answer(9).sentence
    assert "dense, 1 factor" in balance_answer(8, [8]).facts


def test_a_colour_of_an_answer_means_one_thing():
    bars, curves = balance_answer(64, [2, 2, 2, 2, 2, 2]).draw().axes
    parts = [to_hex(bar.patches[0].get_facecolor()) for bar in bars.containers]
    assert len({*parts}) == 6
    assert not {*parts} & {to_hex(line.get_color()) for line in curves.lines}
    branches, _, weights = block_answer(4, 3).draw().axes
    seen = {to_hex(colour) for shapes in branches.collections for colour in shapes.get_facecolor()}
    assert not seen & {
        to_hex(bar.patches[0].get_facecolor()) for bar in weights.containers if bar.get_label() != "secondary"
    }


# --- refusals -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def kernels():
    """Return the explorer of kernels, once: its first picture takes longer than all its refusals."""
    return Shown(explore_kernel())


@pytest.mark.parametrize(("widths", "sentence"), [
    ("5, 8", "branch_widths[0]=5 does not divide channels=64"),
    ("8; 8", "are not integers with commas between"),
    ("", "are not integers with commas between"),
    ("64", "give a chain of at least two convolutions"),
    ("&lt;", "'&amp;lt;' are not integers"),
])  # fmt: skip
def test_a_bad_combination_is_answered_with_a_sentence_and_no_picture(kernels, widths, sentence):
    kernels.set(**{"branch widths": widths})
    assert sentence in kernels.html.value.replace("&#x27;", "'")
    assert "role='alert'" in kernels.html.value
    assert "<img" not in kernels.html.value


def test_a_good_combination_behind_a_bad_one_has_a_picture_again(kernels):
    for widths, pictures in (("5, 8", 0), ("8, 8", 1)):
        kernels.set(**{"branch widths": widths})
        assert kernels.html.value.count("<img") == pictures


def test_a_kernel_that_is_not_square_is_answered_with_a_sentence():
    assert (
        "kernel has shape (8, 4), but the chain needs (8, 8, 1, 1)"
        in Shown(explore_kernel(np.ones((8, 4)), "2, 4")).html.value
    )


def test_a_kernel_too_large_to_answer_at_once_is_refused():
    shown = Shown(explore_kernel(branch_widths="nothing"))
    shown.set(window=5, channels=1024)
    assert "26,214,400 entries, too many to answer at once" in shown.html.value


@WORDS
def test_a_budget_that_pays_for_nothing_is_refused():
    shown = Shown(explore_budget())
    shown.set(kernel=5, weights=20)
    assert "budget=20 pays for no strict design with S=25: use at least 25" in shown.html.value


@pytest.mark.parametrize(("call", "error", "sentence"), [
    (lambda: block_answer(0, 3), ValueError, "L=0 is below 1"),
    (lambda: block_answer(4, 2.5), TypeError, "M=2.5 is a float"),
    (lambda: budget_answer(4672, families=["all"]), ValueError, "families='all' is not known: use 'regular'"),
    (lambda: budget_answer(10**9), ValueError, "budget=1000000000 is above 10000000: an explorer answers at once"),
    (lambda: budget_answer("many"), TypeError, "budget='many' is a str"),
    (lambda: balance_answer(64, [5, 8]), ValueError, r"branch_widths\[0\]=5 does not divide channels=64"),
    (lambda: balance_answer(64, []), ValueError, "branch_widths"),
    (lambda: explore_balance(64, [2] * 7), ValueError, "7 entries, more than there are sliders"),
    (lambda: paths_answer(igcv1(4, 3), 12), ValueError, "output=12 is not a channel of 12: use at most 11"),
    (lambda: paths_answer(igcv1(4, 3), -1), ValueError, "output=-1 is below 0"),
    (lambda: paths_answer("igcv1", 0), TypeError, "give a Chain"),
    (lambda: explore_paths([1]), TypeError, "give a Chain"),
    (lambda: explore_block(L=33), ValueError, "L, partitions=33 is not on the slider: use at most 32"),
    (lambda: explore_block(M=0), ValueError, "M, channels each=0 is below 1"),
    (lambda: explore_block(kernel_size=4), ValueError, "kernel_size=4 is not offered: use one of 1, 3, 5, 7"),
    (lambda: explore_budget(0), ValueError, "budget=0 is below 1"),
    (lambda: explore_budget(kernel_size="3"), ValueError, "kernel_size='3' is not offered"),
    (lambda: explore_paths(output=12), ValueError, "output=12 is not a channel of 12"),
    (lambda: explore_kernel("hadamard"), TypeError, "kernel=.hadamard. is a str: give real or complex numbers"),
    (lambda: explore_kernel(np.zeros(3)), ValueError, r"kernel has shape \(3,\): give"),
    (lambda: explore_kernel([[np.inf]]), ValueError, r"kernel\[0, 0\]=inf is not finite"),
    (lambda: kernel_answer(np.eye(3), igcv1(2, 2, 1)), ValueError, "kernel has shape"),
])  # fmt: skip
def test_calls_that_cannot_be_answered_are_refused(call, error, sentence):
    with pytest.raises(error, match=sentence):
        call()


@pytest.mark.parametrize("explore", EXPLORERS)
def test_without_ipywidgets_the_extra_is_named(explore, monkeypatch):
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    with pytest.raises(ImportError, match=r"pip install ipywidgets"):
        explore()
