"""Explorers in a browser: from the key that moves a slider to the picture on the screen."""

from __future__ import annotations

import statistics
import tempfile
from importlib.util import find_spec
from pathlib import Path

import nbformat

from notebooks.build import METADATA
from tests.benchmarks.timing import Row, Verdict, number
from tests.browser.conftest import chromium, installed_browser, opened, running_lab

TITLE = "Explorers in a browser"
NOTES = """Milliseconds by the clock on the wall, in Chromium and JupyterLab on this machine. An arrow key is pressed on a slider;
the time ends when the new picture is decoded and the next frame drawn. Blocks, designs and kernels have 128 channels."""

TARGET = 300
EXPLORERS = {
    "block": ("explore_block(8, 16)", "kernel"),
    "paths": ("explore_paths(igcv2([2] * 7))", "output channel"),
    "budget": ("explore_budget(4672)", "weights"),
    "balance": ("explore_balance(128, [4, 4, 8])", "K₁"),
    "kernel": ("explore_kernel(example_kernel('Gabor filters', 128, 3))", "noise, percent"),
}
"""What is shown, and the slider that is moved."""

WATCH = """box => { window.answered = new Promise(done => {
  let pressed;
  box.addEventListener("keydown", () => { pressed = performance.now(); }, {capture: true, once: true});
  const old = box.querySelector("img").src;
  new MutationObserver((_, observer) => {
    const picture = box.querySelector("img");
    if (!picture || picture.src === old) return;
    observer.disconnect();
    picture.decode().then(() => requestAnimationFrame(() => done(performance.now() - pressed)));
  }).observe(box, {childList: true, subtree: true});
}); }"""


def run(quick: bool = False) -> list[Row]:
    """Return one row per explorer: the median and the longest of several moves; None where there is no browser."""
    program = installed_browser()
    if program is None or find_spec("playwright") is None:
        return [{"explorer": name, "median": None, "longest": None} for name in EXPLORERS]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        return _measured(Path(folder), program, moves=2 if quick else 12)


def verdicts(rows: list[Row]) -> list[Verdict]:
    """Return the longest median beside the target."""
    medians = [(number(row, "median"), str(row["explorer"])) for row in rows]
    found = [(time, name) for time, name in medians if time is not None]
    target = f"every explorer: an answer within {TARGET} ms"
    if not found:
        return [Verdict(target, "no browser here", None)]
    slowest, name = max(found)
    return [Verdict(target, f"{slowest:.0f} ms {name}", slowest <= TARGET)]


def _measured(folder: Path, program: str, moves: int) -> list[Row]:
    """Return the rows, from one lab, one page and one kernel."""
    (folder / "notebooks").mkdir()
    imports = (
        "from igc_theory.structure import igcv2\nfrom igc_theory.views import *\n"
        "from igc_theory.views.explorers.kernels import example_kernel"
    )
    cells = [nbformat.v4.new_code_cell(source) for source in (imports, *(call for call, _ in EXPLORERS.values()))]
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=METADATA), folder / "notebooks" / "explorers.ipynb")
    with running_lab(folder) as lab, chromium(program) as browser:
        shown = opened("explorers", browser.new_page(viewport={"width": 1280, "height": 900}), lab)
        shown.run_all()
        rows = []
        for place, (name, (_, slider)) in enumerate(EXPLORERS.items(), start=1):
            box = shown.cells.nth(place).locator(".jp-OutputArea-output .jupyter-widgets.widget-vbox").first
            box.locator("img").wait_for()
            handle = box.locator(".widget-inline-hbox", has=box.page.get_by_text(slider, exact=True)).get_by_role(
                "slider"
            )
            times = []
            for move in range(moves + 1):  # the first warms up
                box.evaluate(WATCH)
                handle.press("ArrowLeft" if move % 2 else "ArrowRight")
                times.append(float(box.page.evaluate("() => window.answered")))
            rows.append({"explorer": name, "median": statistics.median(times[1:]), "longest": max(times[1:])})
        return rows
