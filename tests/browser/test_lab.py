"""The notebooks in JupyterLab, run as a person runs them."""

import nbformat
import pytest

from notebooks.build import METADATA, read
from tests.browser.conftest import leaves_this_machine, watched
from tools.files import ROOT

pytestmark = pytest.mark.xdist_group("browser")  # one JupyterLab and one Chromium are enough for two cores

SHORT = "02_count_paths_by_length"
"""A notebook with formulas and pictures that runs within seconds."""


def seen(name):
    """Return the numbers of the stored notebook's code cells, without those whose code is folded."""
    cells = [cell for cell in read(ROOT / "notebooks" / f"{name}.ipynb").cells if cell.cell_type == "code"]
    return [number for number, cell in enumerate(cells, 1) if "jupyter" not in cell.metadata]


def test_a_notebook_shows_formulas_and_runs_to_the_end(notebook):
    opened = notebook(SHORT)
    assert opened.outputs.count() == 0
    opened.cells.locator("mjx-container").first.wait_for()
    opened.run_all()
    assert opened.problems() == []
    prompts = opened.cells.locator(".jp-InputPrompt").all_inner_texts()
    assert [text.strip() for text in prompts if text.strip()] == [f"[{n}]:" for n in seen(SHORT)]
    assert opened.outputs.locator("img").count() >= 1


def test_a_notebook_that_fails_is_noticed(notebook, lab):
    cells = [
        nbformat.v4.new_code_cell(source) for source in ("1", "import warnings; warnings.warn('hm')", "1 / 0", "2")
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=METADATA), lab.notebooks / "fails.ipynb")
    opened = notebook("fails")
    opened.run_all()
    warning, error = opened.problems()
    assert "UserWarning: hm" in warning
    assert "ZeroDivisionError" in error


@pytest.mark.parametrize(("url", "leaves"), [
    ("http://127.0.0.1:8888/lab", False),
    ("ws://localhost:8888/api", False),
    ("file:///tmp/index.html", False),
    ("data:text/plain,x", False),
    ("https://example.org/mathjax.js", True),
    ("http://127.0.0.1.example.org/", True),
    ("wss://192.168.0.1/", True),
])  # fmt: skip
def test_which_requests_leave_this_machine(url, leaves):
    assert leaves_this_machine(url) == leaves


def test_a_request_that_leaves_is_seen(browser):
    context = browser.new_context()
    asked = watched(context)
    page = context.new_page()
    page.set_content("<img src='http://example.invalid/a.png'><script>new WebSocket('ws://example.invalid/b')</script>")
    for _ in range(50):
        if len(asked) == 2:
            break
        page.wait_for_timeout(200)
    context.close()
    assert {url for url in asked if leaves_this_machine(url)} == {
        "http://example.invalid/a.png",
        "ws://example.invalid/b",
    }
