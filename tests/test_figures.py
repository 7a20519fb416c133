"""Every figure is what its script makes, and the build keeps its promises."""

import io
import re
from itertools import combinations
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.text import Text

from figures import build, papers
from igc_theory.networks import published_tables
from igc_theory.views.plots.style import PALETTE, branch_colours
from tests.perception import collapses, indistinct, on_data, pale
from tools import files as stored
from tools.files import ROOT

ENTRIES = build.manifest()


# --- the figures of the project -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ENTRIES)
def test_every_figure_is_the_one_its_script_makes_and_no_series_differ_in_hue_alone(name, monkeypatch):
    """Where colours collapse without green or in grey, series differ in dash or marker, or their names stand beside them."""
    saved, alike, hidden, faint, fonts = build._saved, [], [], [], set()

    def looked_at(figure, *rest):
        alike.extend(indistinct(figure))
        faint.extend(pale(figure))
        fonts.update(font for text in figure.findobj(Text) for font in text.get_fontfamily())
        made = saved(figure, *rest)
        hidden.extend(on_data(figure))  # where things are is known when they were drawn
        return made

    monkeypatch.setattr(build, "_saved", looked_at)
    assert build.check(name) == []
    assert alike == []
    assert hidden == []
    assert faint == []
    assert fonts == {"STIXGeneral"}, "one font"


@pytest.mark.parametrize("name", ["convolution_as_matrix", "experiments_claims", "redundancy_heatmap"])
def test_nothing_is_cut_off_at_the_edge_of_a_png(name):
    columns = build.read_csv((build.HERE / "data" / f"{name}.csv").read_text(encoding="utf-8"))
    made = build.draw(build.script(name), name, columns, ("svg", "png"))
    pixels = plt.imread(io.BytesIO(made["png"]))[..., :3]
    frame = np.concatenate([pixels[:2].reshape(-1, 3), pixels[-2:].reshape(-1, 3), *pixels[:, :2], *pixels[:, -2:]])
    assert frame.min() == 1


@pytest.mark.parametrize(("one", "other", "how"), [
    ("#009E73", "#CC79A7", "grey"), ("#009E73", "#7F7F7F", "grey"), ("#CC79A7", "#7F7F7F", "grey"),
    ("#0072B2", "#E69F00", ""), ("#00A000", "#A55D00", "deuteranopia"), ("#000000", "#FFFFFF", ""),
])  # fmt: skip
def test_pairs_that_collapse_are_known(one, other, how):
    assert collapses(one, other) == how
    assert collapses(other, one) == how


@pytest.mark.parametrize(("looks", "found"), [
    ([{"color": "#009E73"}, {"color": "#CC79A7"}], 1),
    ([{"color": "#009E73"}, {"color": "#CC79A7", "linestyle": "--"}], 0),
    ([{"color": "#009E73", "marker": "o"}, {"color": "#CC79A7", "marker": "s"}], 0),
    ([{"color": "#009E73", "marker": "o"}, {"color": "#CC79A7", "marker": "o"}], 1),
    ([{"color": "#0072B2"}, {"color": "#E69F00"}], 0),
])  # fmt: skip
def test_a_pair_that_differs_in_hue_alone_is_found(looks, found):
    figure, ax = plt.subplots()
    for look in looks:
        ax.plot([0, 1], [0, 1], **look)
    assert len(indistinct(figure)) == found
    if found:
        for look in looks:
            ax.text(1, 1, "its name", color=look["color"])
        assert indistinct(figure) == [], "a direct label names it"
    plt.close(figure)


@pytest.mark.parametrize(("place", "found"), [((0.5, 0.5), 1), ((0.1, 0.9), 0), ((0.8, 0.2), 1), ((0.1, 0.1), 1)])
def test_a_text_on_a_line_a_point_or_a_text_is_found(place, found):
    figure, ax = plt.subplots()
    ax.plot([0.3, 0.7], [0.3, 0.7])
    ax.scatter([0.8], [0.2])
    ax.set(xlim=(0, 1), ylim=(0, 1))
    ax.text(0.1, 0.1, "there before", ha="center", va="center")
    ax.text(*place, "word", ha="center", va="center")
    figure.canvas.draw()
    assert len(on_data(figure)) == found
    plt.close(figure)


def test_seven_branches_can_be_told_apart():
    assert [pair for pair in combinations(branch_colours(7), 2) if collapses(*pair)] == []


def test_scripts_numbers_and_pictures_are_those_of_the_manifest():
    assert {path.stem for path in build.HERE.glob("*.py")} - {"build", "papers", "realdata"} == set(ENTRIES)
    assert {path.stem for path in (build.HERE / "data").glob("*.csv")} == set(ENTRIES)
    assert {path.stem for path in (build.HERE / "out").glob("*.svg")} == set(ENTRIES)


@pytest.mark.parametrize("name", ENTRIES)
def test_every_figure_can_be_understood_and_stays_small(name):
    entry = ENTRIES[name]
    assert entry.keys() <= {"name", "title", "caption", "alt", "source", "front"}
    assert entry["caption"].strip().endswith((".", "?"))
    assert len(entry["alt"].split()) >= 5, "the alternative text says what the picture shows to who cannot see it"
    assert (build.HERE / "data" / f"{name}.csv").stat().st_size < 400_000


# --- what the papers show -------------------------------------------------------------------------------------------

PICTURES = papers.pictures(build.HERE / "papers.toml")


@pytest.mark.parametrize("entry", PICTURES, ids=lambda entry: f"{entry['paper']} {entry['place']}")
def test_what_the_page_names_is_there_and_what_is_not_has_a_reason(entry):
    assert entry.keys() <= {"paper", "place", "shows", "figures", "notebooks", "missing"}
    assert {*entry.get("figures", ())} <= ENTRIES.keys()
    assert all((ROOT / "notebooks" / f"{name}.ipynb").exists() for name in entry.get("notebooks", ()))
    assert entry.get("figures") or entry.get("missing"), "a picture that is not here needs a reason"
    assert entry["shows"].endswith(".")
    assert entry.get("missing", ".").endswith(".")


def numbers_of(place, kind):
    """Return the numbers of figures or tables that a place names, such as 2 to 6."""
    found = re.fullmatch(rf"{kind}s? (\d+)(?: (?:to|and) (\d+))?", place)
    return range(int(found[1]), int(found[2] or found[1]) + 1) if found else ()


@pytest.mark.parametrize(("paper", "kind", "last"), [
    ("IGCV1", "Figure", 3), ("IGCV1", "Table", 7), ("IGCV2", "Figure", 3), ("IGCV2", "Table", 7), ("IGCV3", "Table", 3),
])  # fmt: skip
def test_no_numbered_picture_is_passed_over(paper, kind, last):
    listed = [n for entry in PICTURES if entry["paper"] == paper for n in numbers_of(entry["place"], kind)]
    assert listed == [*range(1, last + 1)]


def test_each_figure_after_a_paper_stands_on_the_page_and_each_stored_table_too():
    shown = {(entry["paper"], name) for entry in PICTURES for name in entry.get("figures", ())}
    for name, entry in ENTRIES.items():
        for paper in ("IGCV1", "IGCV2", "IGCV3"):
            assert paper not in entry.get("source", "") or (paper, name) in shown, name
        assert "the talk" not in entry.get("source", "") or ("The talk", name) in shown, name
    places = {(entry["paper"], entry["place"]) for entry in PICTURES}
    for table in published_tables():
        place = re.match(r"(Figure|Table) \d", table.where)
        assert not table.paper.startswith("IGCV") or not place or (table.paper, place[0]) in places, table.id


# --- CSV ------------------------------------------------------------------------------------------------------------

COLUMN = st.one_of(
    st.lists(st.integers(-(2**63), 2**63 - 1), min_size=3, max_size=3),
    st.lists(st.floats(), min_size=3, max_size=3),
    st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r\0")), min_size=2, max_size=2).map(
        lambda words: ["a word", *words]
    ),
)


@settings(max_examples=40)
@given(st.dictionaries(st.sampled_from(["L", "panel", "näme", "a, b", 'c "d"']), COLUMN, min_size=1))
def test_columns_come_back_with_their_types(columns):
    back = build.read_csv(build.write_csv(columns))
    assert list(back) == list(columns)
    for name, values in columns.items():
        expected = np.asarray(values)
        assert back[name].dtype.kind == expected.dtype.kind
        if expected.dtype.kind == "f":
            np.testing.assert_allclose(back[name], expected, rtol=1e-11)
        else:
            assert back[name].tolist() == values


def test_writing_what_was_read_changes_nothing():
    text = build.write_csv(
        {"x": [1 / 3, 1e300, float("nan"), -float("inf"), 2.0], "k": range(5), "word": list("abcde")}
    )
    assert build.write_csv(build.read_csv(text)) == text


@pytest.mark.parametrize(("columns", "sentence"), [
    ({}, "no columns"),
    ({"x": [1, 2], "y": [1]}, r"not flat and equally long: .*'y': \(1,\)"),
    ({"x": [[1, 2]]}, "not flat"),
    ({"x": [True, False]}, "column 'x' has dtype bool"),
    ({"x": [2**70, 1]}, "column 'x' has dtype object"),
    ({"x": [1j]}, "column 'x' has dtype complex128"),
    ({"x": ["1", "2"]}, "strings that read as numbers"),
    ({"x": ["nan"]}, "strings that read as numbers"),
])  # fmt: skip
def test_columns_that_would_not_come_back_are_refused(columns, sentence):
    with pytest.raises(stored.BuildError, match=sentence):
        build.write_csv(columns)


# --- build and check, on a figure made for the purpose ----------------------------------------------------------------


def line():
    """Return the script of the figure."""

    def draw(columns):
        figure, axes = plt.subplots()
        axes.plot(columns["x"], columns["y"])
        return figure

    return SimpleNamespace(data=lambda: {"x": [1, 2, 3], "y": [0.1, 0.2, 0.4], "panel": ["a", "a", "b"]}, draw=draw)


@pytest.fixture
def house(tmp_path, monkeypatch):
    """Return a folder for figures with one script, `line`, whose functions a test may replace."""
    script = line()
    monkeypatch.setattr(build, "HERE", tmp_path)
    monkeypatch.setattr(build, "script", lambda name: script)
    monkeypatch.setattr(build, "matplotlib_is_pinned", lambda: True)
    return SimpleNamespace(path=tmp_path, script=script)


@pytest.fixture(scope="module")
def first_build(tmp_path_factory):
    """Return the files that a build of the figure writes."""
    path = tmp_path_factory.mktemp("figures")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "HERE", path)
        patch.setattr(build, "script", lambda name: line())
        assert build.build("line") == []
    return {name: content for name, content in files(path).items() if name.startswith(("data", "out"))}


@pytest.fixture
def built(house, first_build):
    """Return the folder as a build leaves it; it is built once for all tests that only look at what comes after."""
    for name, content in first_build.items():
        (house.path / name).parent.mkdir(exist_ok=True)
        (house.path / name).write_bytes(content)
    return house


def files(path):
    return {file.relative_to(path).as_posix(): file.read_bytes() for file in path.rglob("*") if file.is_file()}


def test_a_build_writes_all_formats_and_repeats_itself_to_the_byte(house):
    assert build.build("line") == []
    first = files(house.path)
    assert first.keys() == {"data/line.csv", "out/line.svg", "out/line.pdf", "out/line.png"}
    assert build.build("line") == []
    assert files(house.path) == first
    assert build.check("line") == []


def test_the_picture_is_drawn_from_the_stored_numbers(house):
    seen = []
    draw = house.script.draw
    house.script.draw = lambda columns: (seen.append(columns), draw(columns))[1]
    house.script.data = lambda: {"x": [1, 2], "y": [1 / 3, 2 / 3]}
    build.build("line")
    assert seen[0]["y"].tolist() == [0.333333333333, 0.666666666667]


def test_check_changes_nothing_and_names_the_number_that_differs(built):
    before = files(built.path)
    built.script.data = lambda: {"x": [1, 2, 3], "y": [0.1, 0.25, 0.4], "panel": ["a", "a", "b"]}
    problems = build.check("line")
    assert "column 'y', row 2: 0.2 stored, 0.25 computed" in problems[0]
    assert "line.svg is not the picture" in problems[1]
    assert files(built.path) == before


@pytest.mark.parametrize(("columns", "sentence"), [
    ({"x": [1, 2, 3], "y": [0.1, 0.2, 0.4]}, "columns x, y, panel are stored, data() returns x, y"),
    ({"x": [1, 2], "y": [0.1, 0.2], "panel": ["a", "b"]}, "column 'x', 3 rows stored, 2 computed"),
    ({"x": [1.0, 2.0, 3.0], "y": [0.1, 0.2, 0.4], "panel": ["a", "a", "b"]}, "column 'x', int64 stored, float64 computed"),
    ({"x": [1, 2, 3], "y": [0.1, 0.2, 0.4], "panel": ["a", "c", "b"]}, "column 'panel', row 2: a stored, c computed"),
    ({"x": [1, 2, 3], "y": [0.1, 0.2, 0.4000001], "panel": ["a", "a", "b"]}, "row 3: 0.4 stored, 0.4000001 computed"),
])  # fmt: skip
def test_check_says_what_kind_of_difference(built, columns, sentence):
    built.script.data = lambda: columns
    built.script.draw = lambda columns: plt.figure()
    assert any(sentence in problem for problem in build.check("line"))


def test_rounding_of_another_machine_is_no_difference_and_changes_no_byte(built):
    before = files(built.path)
    built.script.data = lambda: {"x": [1, 2, 3], "y": [0.1 + 1e-11, 0.2, 0.4], "panel": ["a", "a", "b"]}
    assert build.check("line") == []
    build.build("line")
    assert files(built.path) == before


def test_a_script_may_say_that_its_numbers_depend_on_the_processor(built):
    before = files(built.path)
    built.script.data = lambda: {"x": [1, 2, 3], "y": [0.101, 0.199, 0.4], "panel": ["a", "a", "b"]}
    assert any("row 1: 0.1 stored, 0.101 computed" in problem for problem in build.check("line"))
    built.script.TOLERANCE = 0.002
    assert build.check("line") == []
    build.build("line")
    assert files(built.path) == before
    built.script.data = lambda: {"x": [1, 2, 3], "y": [0.1, 0.2, 0.403], "panel": ["a", "a", "b"]}
    assert any("row 3: 0.4 stored, 0.403 computed" in problem for problem in build.check("line"))


def test_numbers_that_cannot_be_computed_here_are_the_stored_ones_and_the_build_says_so(house, capsys):
    def unavailable():
        raise stored.DataMissingError("its kernels come from elsewhere")

    data, house.script.data = house.script.data, unavailable
    with pytest.raises(stored.BuildError, match=r"line\.csv is missing, and cannot be computed: its kernels"):
        build.build("line")
    house.script.data = data
    build.build("line")
    before = files(house.path)
    house.script.data = unavailable
    assert build.build("line") == build.check("line") == []
    assert files(house.path) == before
    assert "line is drawn from its stored numbers: its kernels come from elsewhere" in capsys.readouterr().out


def test_check_finds_a_changed_drawing_and_missing_files(house):
    assert ["is missing" in problem for problem in build.check("line")] == [True, True]
    build.build("line")
    draw = house.script.draw
    house.script.draw = lambda columns: (figure := draw(columns), figure.axes[0].set_title("new"))[0]
    (problem,) = build.check("line")
    assert "line.svg is not the picture that the script draws from its CSV" in problem


def test_pictures_are_compared_only_under_the_pinned_matplotlib(built, monkeypatch):
    (built.path / "out" / "line.svg").write_text("drawn by another version")
    assert len(build.check("line")) == 1
    monkeypatch.setattr(build, "matplotlib_is_pinned", lambda: False)
    assert build.check("line") == []


def test_settings_of_the_user_do_not_reach_the_picture(built):
    with plt.rc_context({"font.size": 30, "lines.linewidth": 9, "axes.grid": True}):
        assert build.check("line") == []
    assert plt.rcParams["svg.fonttype"] == plt.rcParamsDefault["svg.fonttype"]


def test_a_figure_that_fails_leaves_nothing_behind(house):
    house.script.draw = lambda columns: 1 / 0
    before = files(house.path)
    with pytest.raises(ZeroDivisionError):
        build.build("line")
    assert files(house.path) == before


def test_a_missing_glyph_is_an_error(house):
    draw = house.script.draw
    house.script.draw = lambda columns: (figure := draw(columns), figure.axes[0].set_title("漢"))[0]
    with pytest.raises(UserWarning, match="Glyph"):
        build.build("line")


def test_draw_must_return_a_figure(house):
    house.script.draw = lambda columns: plt.gca()
    with pytest.raises(stored.BuildError, match="draw\\(\\) returned Axes, not a Matplotlib figure"):
        build.build("line")


# --- the command line -----------------------------------------------------------------------------------------------


@pytest.fixture
def command(house, monkeypatch):
    """Return `main` over a manifest with one figure and a README of its own."""
    (house.path / "manifest.toml").write_text(
        '[[figure]]\nname = "line"\ntitle = "A line"\nfront = true\n'
        'caption = "It | rises."\nalt = "A rising line."\nsource = "IGCV1, Figure 3"\n'
    )
    (house.path / "README.md").write_text("# Title\n<!-- figures -->\n<!-- /figures -->\nend\n")
    (house.path / "figures").mkdir(exist_ok=True)
    (house.path / "figures/README.md").write_text("# Figures\n<!-- gallery -->\n<!-- /gallery -->\nend\n")
    (house.path / "papers.toml").write_text("picture = []\n")
    (house.path / "figures/PAPERS.md").write_text("# Papers\n<!-- papers -->\n<!-- /papers -->\n")
    monkeypatch.setattr(stored, "ROOT", house.path)
    monkeypatch.setattr(build, "ROOT", house.path)
    return build.main


@pytest.mark.parametrize("text", ["a,a\n1,2\n", "a,b\n1\n", "", "a\n1,2\n"])
def test_columns_without_names_of_their_own_are_refused(text):
    with pytest.raises(stored.BuildError, match="are not CSV with a header and equally long rows"):
        build.read_csv(text)


def test_figures_are_built_once_and_in_the_order_of_the_gallery():
    known = ["late", "middle", "early"]
    assert stored.chosen("figure", known, ["early", "late", "early"]) == ["late", "early"]
    assert stored.chosen("figure", known, []) == known


def test_a_run_prints_one_line_a_figure_and_writes_the_gallery(command, house, capsys):
    assert command([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("[1/1] line ")
    assert lines[0].endswith(" s")
    readme, gallery = ((house.path / name).read_text() for name in ("README.md", "figures/README.md"))
    assert "| ![A rising line.](figures/out/line.svg)<br>**[A line](figures/README.md#line)** |" in readme
    assert "## A line\n\n![A rising line.](out/line.svg)\n\nIt | rises. *After IGCV1, Figure 3.*\n" in gallery
    assert readme.startswith("# Title\n<!-- figures -->\n")
    assert readme.endswith("<!-- /figures -->\nend\n")


def test_figures_are_built_two_at_a_time_and_told_in_their_order(capsys):
    names = ["equal_weights", "no_such_figure"]
    assert build._run(names, only_check=True) == 1
    first, second, problem = capsys.readouterr().out.splitlines()
    assert first.startswith("[1/2] equal_weights")
    assert second.startswith("[2/2] no_such_figure")
    assert "there is no figures/no_such_figure.py" in problem


def test_check_has_status_one_when_anything_differs(command, house, capsys):
    assert command(["--check"]) == 1
    command([])
    assert command(["--check"]) == 0
    house.script.data = lambda: {"x": [1, 2, 3], "y": [0.1, 0.2, 9.0], "panel": ["a", "a", "b"]}
    assert command(["--check"]) == 1
    assert "row 3: 0.4 stored, 9.0 computed" in capsys.readouterr().out


def test_check_finds_a_stale_gallery(command, house, capsys):
    command([])
    page = house.path / "figures/README.md"
    page.write_text(page.read_text().replace("rises", "falls"))
    assert command(["--check"]) == 1
    assert "figures/README.md: the gallery" in capsys.readouterr().out


def test_a_failing_script_is_a_sentence_with_its_place_and_status_one(command, house, capsys):
    def data():
        return {"x": [1 / 0]}

    house.script.data = data
    assert command([]) == 1
    out = capsys.readouterr().out
    assert "[1/1] line " in out
    assert f"test_figures.py, line {data.__code__.co_firstlineno + 1}: ZeroDivisionError: division by zero" in out


def test_an_unknown_figure_is_refused_with_near_matches(command):
    with pytest.raises(SystemExit, match="no figure 'lime': did you mean line"):
        command(["lime"])


def test_a_manifest_entry_without_caption_is_refused(command, house):
    (house.path / "manifest.toml").write_text('[[figure]]\nname = "line"\ntitle = "A line"\n')
    with pytest.raises(SystemExit, match=r"figure 1 \(line\): caption, alt missing"):
        command([])


def test_a_readme_without_markers_is_refused(command, house):
    (house.path / "README.md").write_text("nothing here")
    with pytest.raises(SystemExit, match=r"README\.md has no <!-- figures -->"):
        command([])


def test_a_write_that_fails_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "file.txt"
    stored.replace_file(path, b"old")
    monkeypatch.setattr(stored.os, "replace", lambda source, target: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        stored.replace_file(path, b"new")
    assert files(tmp_path) == {"file.txt": b"old"}


def test_the_style_comes_with_the_package_in_the_colours_of_the_module():
    with plt.style.context("igc_theory.igc", after_reset=True):
        assert plt.rcParams["font.family"] == ["STIXGeneral"]
        cycle = plt.rcParams["axes.prop_cycle"].by_key()["color"]
        assert [f"#{colour.removeprefix('#')}" for colour in cycle] == list(PALETTE)
