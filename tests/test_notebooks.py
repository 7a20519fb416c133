"""Every notebook runs, shows what is stored, and keeps the rules; and the build keeps its promises."""

import ast
import builtins
import io
import re
import runpy
from base64 import b64decode, b64encode
from collections import Counter
from copy import deepcopy

import jupyter_client.launcher
import nbformat
import numpy as np
import pytest
import zmq
from jupyter_client.provisioning import local_provisioner
from jupyter_server.services.contents.filemanager import FileContentsManager
from nbformat.sign import MemorySignatureStore, NotebookNotary
from PIL import Image
from traitlets.config import Config

from notebooks import build, warm_kernels
from tools import files as stored
from website.build import exporter

NOTEBOOKS = build.notebooks()
LONGEST_DEF, LONGEST_CELL, WIDEST_LINE = 3, 10, 80
FEWEST_WORDS = 8
"""Of a picture's description: fewer are a title, or the name of a file."""


@pytest.fixture(autouse=True)
def _kernels_are_warm(monkeypatch):
    """Let kernels be forked from one that has imported the libraries: that is what most of a short notebook's time goes to."""
    monkeypatch.setattr(local_provisioner, "launch_kernel", warm_kernels.launch)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


# --- the notebooks of the project -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_every_notebook_shows_what_a_fresh_run_shows(name):
    assert build.check(NOTEBOOKS[name]) == []


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_every_notebook_keeps_the_rules(name):
    assert broken_rules(build.read(NOTEBOOKS[name])) == []


@pytest.mark.parametrize("name", build.notebooks())
def test_maps_of_counts_name_their_colours(name):
    """Matplotlib's own map is dark at zero, where every other map of the project is white."""
    source = build.notebooks()[name].read_text(encoding="utf-8")
    assert all("cmap=" in call for call in re.findall(r"imshow\([^)]*\)", source))


def test_notebooks_are_numbered_in_order():
    numbers = [int(re.match(r"(\d\d)_", name)[1]) for name in NOTEBOOKS]
    theory, explorers = ([n for n in numbers if (n >= 20) == is_explorer] for is_explorer in (False, True))
    assert theory == [*range(len(theory))]  # 00 is the tour
    assert explorers == [*range(20, 20 + len(explorers))]


def broken_rules(notebook):
    """Return which rules of CONTRIBUTING.md a notebook breaks."""
    cells = code_cells(notebook)
    broken = [f"{cell.id} {text}" for cell in cells for text in (*broken_by_text(cell), *broken_by_syntax(cell))]
    broken += broken_by_outputs(notebook)
    if not any(isinstance(node, ast.Assert) for node in ast.walk(syntax(cells[-1]))):
        broken.append("the last code cell asserts nothing")
    if not any(cell.outputs for cell in cells) or any(cell.execution_count is None for cell in cells):
        broken.append("outputs are not stored: run notebooks/build.py")
    return broken


def broken_by_text(cell):
    if (longest := max(map(len, cell.source.splitlines()), default=0)) > WIDEST_LINE:
        yield f"has {longest} letters in a line"
    if cell.source.startswith("assert ") and "\nassert " in cell.source:
        yield "is a wall of asserts: a comment above them says what they check"
    if re.search(
        r"np\.random\.(?!default_rng|Generator)|%%?time|perf_counter|^import random", cell.source, re.MULTILINE
    ):
        yield "uses unseeded numbers or timings"
    if any(output.output_type == "error" for output in cell.outputs):
        yield "shows an error"


def broken_by_outputs(notebook):
    """Yield cells that show digits which another processor may round differently, and what not every reader can see."""
    for cell, kind, text in texts_as_seen(notebook):
        if noise := re.search(r"\d\.\d{12,}|\d(\.\d+)?e-1\d\b", text):
            yield f"{cell.id} shows {noise[0]}: round it, or say whether it is small"
        if kind in ("stdout", "plain") and (longest := max(map(len, text.splitlines()), default=0)) > WIDEST_LINE:
            yield f"{cell.id} prints {longest} letters in a line: wrap it, or show a Table"
    described = Counter(cell.metadata.get("alt") for cell in notebook.cells)
    for cell in notebook.cells:
        alt, shown = cell.metadata.get("alt", ""), pictures(cell)
        if shown > 1 or (shown and (len(alt.split()) < FEWEST_WORDS or described[alt] > 1)):
            yield f"{cell.id} shows {shown} picture without a description of its own: put one into its metadata, as alt"
        if alt and not shown:
            yield f"{cell.id} describes a picture that is not there"


def texts_as_seen(notebook):
    """Yield cell, kind and text of every output; a text beside something richer is not what a reader sees."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if [*output.get("data", {})] == ["text/plain"]:
                yield cell, "plain", output.data["text/plain"]
    yield from build._texts(notebook)


def pictures(cell):
    """Return how many pictures a cell shows."""
    return sum(kind.startswith("image/") for output in cell.get("outputs", []) for kind in output.get("data", {}))


def broken_by_syntax(cell):
    nodes = [*ast.walk(syntax(cell))]
    if (statements := sum(isinstance(node, ast.stmt) for node in nodes)) > LONGEST_CELL:
        yield f"has {statements} statements"
    for node in nodes:
        if isinstance(node, ast.ClassDef):
            yield "defines a class: it belongs in the library"
        if isinstance(node, ast.FunctionDef) and node.end_lineno - node.lineno >= LONGEST_DEF:
            yield f"defines {node.name} in more than {LONGEST_DEF} lines"
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("default_rng") and not literal_seed(node):
            yield "has a random generator without a literal seed"


def literal_seed(call):
    return len(call.args) == 1 and isinstance(call.args[0], ast.Constant) and isinstance(call.args[0].value, int)


def syntax(cell):
    """Return the syntax tree of a cell without IPython's magics."""
    return ast.parse(re.sub(r"^\s*[%!].*$", "pass", cell.source, flags=re.MULTILINE))


# --- the rules find what they are for ---------------------------------------------------------------------------------


def made(*sources, opening="# A title\n\nIt shows one thing. It needs nothing."):
    """Return a notebook with an opening cell and code cells."""
    cells = [nbformat.v4.new_markdown_cell(opening), *map(nbformat.v4.new_code_cell, sources)]
    return nbformat.v4.new_notebook(cells=cells)


@pytest.fixture
def house(tmp_path, monkeypatch):
    """Return a function that stores a notebook in a folder of its own and returns its path."""
    monkeypatch.setattr(build, "HERE", tmp_path / "notebooks")
    monkeypatch.setattr(build, "matplotlib_is_pinned", lambda: True)
    (tmp_path / "notebooks").mkdir()

    def put(*sources, name="01_try", **options):
        path = tmp_path / "notebooks" / f"{name}.ipynb"
        nbformat.write(made(*sources, **options), path)
        return path

    return put


@pytest.mark.parametrize(("source", "sentence"), [
    ("\n".join(["x = 1"] * 11), "has 11 statements"),
    (f"x = {'1' * 77}", "has 81 letters in a line"),
    ("assert 1\nassert 2", "is a wall of asserts"),
    ("def f():\n    a = 1\n    b = 2\n    return a", "defines f in more than 3 lines"),
    ("class A: pass", "defines a class"),
    ("rng = np.random.default_rng()", "without a literal seed"),
    ("rng = np.random.default_rng(seed)", "without a literal seed"),
    ("x = np.random.normal()", "unseeded numbers"),
    ("%timeit f()", "timings"),
])  # fmt: skip
def test_a_broken_rule_is_found(source, sentence):
    notebook = made(source, "print(1)\nassert True")
    assert any(sentence in text for text in broken_rules(notebook)), broken_rules(notebook)


@pytest.mark.parametrize("output", [
    nbformat.v4.new_output("stream", text=f"short\n{'a' * 81}"),
    nbformat.v4.new_output("execute_result", {"text/plain": "a" * 81}),
])  # fmt: skip
def test_a_long_line_is_found(output):
    notebook = made("x", "assert True")
    notebook.cells[1].outputs = [output]
    assert any("prints 81 letters in a line" in text for text in broken_rules(notebook))
    wrapped = str(output).replace("a" * 81, "a" * 80)
    notebook.cells[1].outputs = [nbformat.from_dict(ast.literal_eval(wrapped))]
    assert not any("prints" in text for text in broken_rules(notebook))


def test_a_long_text_beside_a_table_is_none():
    notebook = made("x", "assert True")
    notebook.cells[1].outputs = [
        nbformat.v4.new_output("display_data", {"text/plain": "a" * 81, "text/html": "<table>"})
    ]
    assert not any("prints" in text for text in broken_rules(notebook))


CURVE = "One curve that rises from the left to the right."


def drawn(*descriptions):
    """Return a notebook with a picture for each description."""
    notebook = made(*["draw()"] * len(descriptions), "assert True")
    for cell, alt in zip(notebook.cells[1:], descriptions, strict=False):
        cell.metadata = {"alt": alt} if alt else {}
        cell.outputs = [nbformat.v4.new_output("display_data", {"image/png": "AAAA"})]
    return notebook


@pytest.mark.parametrize("descriptions", [("",), ("figure.png",), (CURVE, CURVE)])
def test_a_picture_without_a_description_of_its_own_is_found(descriptions):
    broken = broken_rules(drawn(*descriptions))
    assert sum("without a description of its own" in text for text in broken) == len(descriptions)
    assert not any("description" in text for text in broken_rules(drawn(CURVE, f"{CURVE} Another one falls.")))


def test_a_description_without_a_picture_is_found():
    notebook = drawn(CURVE)
    notebook.cells[1].outputs = []
    assert any("describes a picture that is not there" in text for text in broken_rules(notebook))


def test_the_page_of_a_notebook_gives_pictures_their_descriptions():
    html, _ = exporter().from_notebook_node(drawn(CURVE))
    assert re.findall(r'<img[^>]*\balt="([^"]*)"', html, re.DOTALL) == [CURVE]


def test_a_notebook_that_was_not_run_or_asserts_nothing_is_found():
    assert broken_rules(made("x = 1")) == [
        "the last code cell asserts nothing",
        "outputs are not stored: run notebooks/build.py",
    ]


@pytest.mark.parametrize("text", ["0.30000000000000004", "[1.7e-16 2.]", "error 3e-15"])
def test_rounding_noise_in_an_output_is_found(text):
    notebook = made("assert True")
    notebook.cells[1].outputs = [nbformat.v4.new_output("stream", text=text)]
    assert any("round it" in text for text in broken_rules(notebook))


def test_rules_let_good_cells_through(house):
    path = house(
        "import numpy as np\nrng = np.random.default_rng(0)\ndef f(x):\n    y = x\n    return y\nf(2)",
        "assert f(1) == 1",
    )
    build.build(path)
    assert broken_rules(build.read(path)) == []


# --- build and check ------------------------------------------------------------------------------------------------


SHOWS = """import matplotlib.pyplot as plt
from IPython.display import HTML, display
display(HTML("<b>bold</b>"))
plt.plot([1, 2, 4]);"""


def test_a_build_repeats_itself_to_the_byte_and_stores_only_what_the_cells_say(house, monkeypatch):
    path = house("print('said')", SHOWS, "6 * 7", "assert True")
    with monkeypatch.context() as as_users_do:
        as_users_do.setattr(local_provisioner, "launch_kernel", jupyter_client.launcher.launch_kernel)
        assert build.build(path) == []
    first = path.read_bytes()
    assert build.build(path) == []
    assert path.read_bytes() == first
    assert build.check(path) == []
    notebook = build.read(path)
    assert notebook.metadata == build.METADATA
    assert [cell.id for cell in notebook.cells] == [f"cell-0{number}" for number in range(1, 6)]
    assert [cell.execution_count for cell in code_cells(notebook)] == [1, 2, 3, 4]
    assert all(cell.metadata == {} for cell in notebook.cells)
    text, (html, picture), (number,) = (cell.outputs for cell in code_cells(notebook)[:3])
    assert text[0].text == "said\n"
    assert html.data["text/html"] == "<b>bold</b>"
    assert picture.data["image/png"]
    assert number.data["text/plain"] == "42"
    assert number.execution_count == 3
    assert b"Software" not in first


def test_code_before_the_first_section_is_folded_in_jupyterlab_and_on_its_page(house):
    notebook = made("import math", "draw = 1", "math.pi")
    notebook.cells.insert(3, nbformat.v4.new_markdown_cell("## A section"))
    build.normalise(notebook)
    assert [cell.metadata.get("jupyter") for cell in code_cells(notebook)] == [{"source_hidden": True}] * 2 + [None]
    html, _ = exporter().from_notebook_node(notebook)
    folded = "".join(re.findall(r"<details.*?</details>", html, re.DOTALL))
    assert "draw" in folded
    assert "pi</span>" not in folded
    assert html.count("<details") == 2


def test_widgets_are_not_stored(house):
    path = house("from ipywidgets import IntSlider, interact\ninteract(lambda k: k, k=IntSlider(3, 0, 9));", "print(2)")
    build.build(path)
    assert b"widget-view" not in path.read_bytes()
    assert "widgets" not in build.read(path).metadata


@pytest.mark.parametrize(("source", "sentence"), [
    ("1 / 0", "cell-03: ZeroDivisionError: division by zero"),
    ("import warnings; warnings.warn('beware')", "cell-03: UserWarning: beware"),
    ("import numpy as np; np.log(np.zeros(2))", "cell-03: RuntimeWarning: divide by zero"),
    ("import sys; print('oh', file=sys.stderr)", "cell-03 writes to the error stream: oh"),
    ("object()", "cell-03 shows a memory address, 0x"),
    ("import sys; print(sys.prefix)", "cell-03 shows a path of this machine"),
    ("import os; os._exit(1)", "cell-03: the kernel died"),
])  # fmt: skip
def test_a_cell_that_cannot_be_stored_is_named_and_nothing_is_written(house, source, sentence):
    path = house("x = 1", source)
    before = path.read_bytes()
    with pytest.raises(stored.BuildError, match=sentence):
        build.build(path)
    assert path.read_bytes() == before


def test_a_cell_that_never_ends_is_given_up(house, monkeypatch):
    monkeypatch.setattr(build, "TIMEOUT", 3)
    monkeypatch.setattr(build, "PREAMBLE", "pass")  # quick on a busy machine too
    with pytest.raises(stored.BuildError, match="cell-02: still running after 3 s"):
        build.build(house("import time; time.sleep(60)"))


@pytest.fixture(scope="module")
def fresh():
    """Return a notebook as a run leaves it."""
    return build.execute(made("print('said')", SHOWS, "6 * 7"))


ON_ONE_RUN = pytest.mark.xdist_group("edited notebook")  # `fresh` takes seconds, and a worker makes its own


@pytest.fixture
def edited(house, fresh, monkeypatch):
    """Return a function that stores the notebook after an edit; a run of it gives the notebook before the edit."""
    monkeypatch.setattr(build, "execute", lambda notebook: deepcopy(fresh))

    def put(edit):
        path, notebook = house(), deepcopy(fresh)
        edit(notebook)
        path.write_bytes(build._serialised(notebook))
        return path

    return put


@ON_ONE_RUN
@pytest.mark.parametrize(("edit", "sentence"), [
    (lambda n: n.cells[1].outputs[0].update(text="lied\n"), r"cell-02: stdout 'lied\\n' stored, 'said\\n' now"),
    (lambda n: n.cells[1].outputs.clear(), "cell-02: 0 outputs stored, 1 now"),
    (lambda n: n.cells[2].outputs[1].data.update({"image/png": "AAAA"}), "cell-03: image/png 'AAAA' stored"),
    (lambda n: n.cells[2].outputs[1].data.pop("image/png"), "cell-03: image/png None stored"),
    (lambda n: n.cells[2].outputs[0].data.update({"text/html": "<i>"}), "cell-03: text/html '<i>' stored, '<b>bold</b>' now"),
    (lambda n: n.cells[3].outputs[0].data.update({"text/plain": "48"}), "cell-04: text/plain '48' stored, '42' now"),
    (lambda n: n.cells[0].update(id="other"), "ids or metadata"),
    (lambda n: n.metadata.update(widgets={}), "ids or metadata"),
])  # fmt: skip
def test_check_names_what_differs_and_changes_nothing(edited, edit, sentence):
    path = edited(edit)
    before = path.read_bytes()
    (problem,) = build.check(path)
    assert re.search(sentence, problem)
    assert path.read_bytes() == before


def with_pixel(png, change):
    """Return a PNG of which one pixel differs by so many grey levels."""
    pixels = np.asarray(Image.open(io.BytesIO(b64decode(png))).convert("RGBA")).copy()
    pixels[0, 0, 0] = pixels[0, 0, 0] + change if pixels[0, 0, 0] < 128 else pixels[0, 0, 0] - change
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return b64encode(file.getvalue()).decode()


@ON_ONE_RUN
def test_a_pixel_rounded_otherwise_is_no_difference_and_the_stored_picture_stays(edited):
    def nudged(change):
        return lambda n: (
            n.cells[2]
            .outputs[1]
            .data.update({"image/png": with_pixel(n.cells[2].outputs[1].data["image/png"], change)})
        )

    for levels in (1, 2):
        path = edited(nudged(levels))
        before = path.read_bytes()
        assert build.check(path) == []
        build.build(path)
        assert path.read_bytes() == before
    assert build.check(edited(nudged(3)))[0].startswith("cell-03: image/png")


def test_check_runs_the_cells_again(house):
    path = house("6 * 7")
    build.build(path)
    path.write_text(path.read_text().replace("6 * 7", "6 * 8"))
    assert build.check(path) == ["cell-02: text/plain '42' stored, '48' now"]


@ON_ONE_RUN
def test_bytes_of_pictures_count_only_under_the_pinned_matplotlib(edited, monkeypatch):
    path = edited(lambda n: n.cells[2].outputs[1].data.update({"image/png": "AAAA"}))
    assert len(build.check(path)) == 1
    monkeypatch.setattr(build, "matplotlib_is_pinned", lambda: False)
    assert build.check(path) == []
    assert len(build.check(edited(lambda n: n.cells[2].outputs[1].data.pop("image/png")))) == 1


# --- what JupyterLab saves -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("source", "kept"), [("6 * 7", True), ("6 * 8", False)])
def test_a_notebook_that_was_only_run_is_saved_as_it_is_stored(house, monkeypatch, source, kept):
    config = Config()
    monkeypatch.setattr(builtins, "get_config", lambda: config, raising=False)
    runpy.run_path(str(stored.ROOT / "notebooks" / "jupyter_server_config.py"))
    path = house("6 * 7")
    # By default a notary opens a database in the reader's home, which nothing closes.
    notary = NotebookNotary(store_factory=MemorySignatureStore, secret=b"secret")
    manager = FileContentsManager(root_dir=str(path.parent), notary=notary)
    manager.pre_save_hook = config.FileContentsManager.pre_save_hook
    before, model = path.read_bytes(), manager.get(path.name)
    cell = model["content"]["cells"][1]
    cell.update(source=source, outputs=[nbformat.v4.new_output("stream", text="live")], execution_count=7)
    manager.save(model, path.name)
    after = nbformat.read(path, 4)
    assert after.cells[1].source == source
    assert (after.cells[1].outputs == []) == kept
    assert len(after.cells) == len(nbformat.reads(before.decode(), 4).cells)


# --- the command line -----------------------------------------------------------------------------------------------


@pytest.fixture
def command(house, tmp_path, monkeypatch):
    """Return `main` with a README of its own."""
    (tmp_path / "README.md").write_text("<!-- notebooks -->\n<!-- /notebooks -->\n")
    (tmp_path / "notebooks").mkdir(exist_ok=True)
    (tmp_path / "notebooks/README.md").write_text("<!-- index of notebooks -->\n<!-- /index of notebooks -->\n")
    for module in (stored, build):
        monkeypatch.setattr(module, "ROOT", tmp_path)
    return build.main


def test_a_run_names_every_notebook_and_writes_the_index(command, house, tmp_path, capsys):
    house("print(1)", name="01_first")
    house(
        "print(2)",
        name="02_second",
        opening="# Second\n\n**What this shows.** Sums, e.g. of C, agree. More.\n\nNeeds 01.",
    )
    assert command([]) == 0
    assert {line.split()[0] for line in capsys.readouterr().out.splitlines()} == {"01_first", "02_second"}
    assert (tmp_path / "notebooks/README.md").read_text().splitlines()[1:3] == [
        "- [01 A title](01_first.ipynb): It shows one thing.",
        "- [02 Second](02_second.ipynb): Sums, e.g. of C, agree.",
    ]
    assert "[01 A title](notebooks/01_first.ipynb),\n[02 Second](notebooks" in (tmp_path / "README.md").read_text()
    assert command(["--check"]) == 0


def test_a_kernel_that_does_not_start_is_told(house, monkeypatch):
    async def execute(self, **options):
        raise RuntimeError("Kernel died before replying to kernel_info")

    monkeypatch.setattr(build.NotebookClient, "async_execute", execute)
    with pytest.raises(stored.BuildError, match=r"no kernel starts \(Kernel died before replying"):
        build.build(house("print(1)"))


@pytest.mark.skipif(not zmq.has("ipc"), reason="this system has no sockets that are files")
def test_kernels_that_start_at_once_are_not_taken_for_one_another(house):
    """Files carry the messages of each kernel; TCP ports were picked twice, once in some hundred starts."""
    path = house("from ipykernel.connect import get_connection_info as info\nprint(info(unpack=True)['transport'])")
    build.build(path)
    assert build.read(path).cells[1].outputs[0].text == "ipc\n"


def test_one_bad_notebook_gives_status_one_and_leaves_the_other_built(command, house, capsys):
    house("1 / 0", name="01_first")
    good = house("print(2)", name="02_second")
    assert command([]) == 1
    out = capsys.readouterr().out
    assert "notebooks/01_first.ipynb, cell-02: ZeroDivisionError: division by zero" in out
    assert code_cells(build.read(good))[0].outputs


def test_only_the_named_notebook_is_run(command, house):
    first, second = house("print(1)", name="01_first"), house("print(2)", name="02_second")
    assert command(["notebooks/02_second.ipynb"]) == 0
    assert not code_cells(build.read(first))[0].outputs
    assert code_cells(build.read(second))[0].outputs


@pytest.mark.parametrize(("options", "sentence"), [
    (["01_frist.ipynb"], "no notebook '01_frist': did you mean 01_first"),
    (["zzz"], "no notebook 'zzz': there are 1"),
])  # fmt: skip
def test_an_unknown_notebook_is_refused(command, house, options, sentence):
    house("print(1)", name="01_first")
    with pytest.raises(SystemExit, match=sentence):
        command(options)


def test_a_notebook_without_a_title_is_refused(command, house):
    house("print(1)", name="01_first", opening="No title.")
    with pytest.raises(SystemExit, match=r"01_first\.ipynb: the first cell must be a title"):
        command([])
