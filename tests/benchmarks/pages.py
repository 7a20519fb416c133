"""Pages of the site that answer: from the key on a control to the frame that shows the answer."""

from __future__ import annotations

import statistics
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks.timing import Row, Verdict, number
from tests.browser.conftest import chromium, installed_browser
from website.build import rebuild
from website.pages import LIVE

if TYPE_CHECKING:
    from playwright.sync_api import Page

TITLE = "Pages of the site"
NOTES = """Milliseconds by the clock on the wall, in Chromium on this machine. An arrow key is pressed on each control of a page in
turn; the time ends when the frame with the answer is drawn."""

TARGET = 100
CONTROLS = "main :is(input[type=range], input[type=radio]:checked, select)"

WATCH = """() => { window.answered = new Promise(done => document.addEventListener("keydown", () => {
  const pressed = performance.now()
  requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - pressed)))
}, {capture: true, once: true})) }"""


def run(quick: bool = False) -> list[Row]:
    """Return one row per page: the median and the longest of several moves; None where there is no browser."""
    program = installed_browser()
    if program is None or find_spec("playwright") is None:
        return [{"page": name, "moves": None, "median": None, "longest": None} for name in LIVE]
    with tempfile.TemporaryDirectory() as folder, chromium(program) as browser:
        rebuild(Path(folder), [*LIVE])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.route(
            "**/tex-svg.js", lambda route: route.fulfill(body="")
        )  # typesetting is over when a reader presses a key
        rows: list[Row] = []
        for name in LIVE:
            page.goto((Path(folder) / f"{name}.html").as_uri())
            page.locator(CONTROLS).first.wait_for()
            times = _answers(page, rounds=1 if quick else 4)
            rows.append({"page": name, "moves": len(times), "median": statistics.median(times), "longest": max(times)})
        return rows


def _answers(page: Page, rounds: int) -> list[float]:
    """Return the times of all moves of all controls of a page; the first of each control warms up."""
    times = []
    for control in page.locator(CONTROLS).all():
        for move in range(2 * rounds + 1):
            page.evaluate(WATCH)
            control.press("ArrowUp" if move % 2 else "ArrowDown")
            answer = float(page.evaluate("() => window.answered"))
            times += [answer] if move else []
    return times


def verdicts(rows: list[Row]) -> list[Verdict]:
    """Return the longest answer beside the target."""
    found = [(time, str(row["page"])) for row in rows if (time := number(row, "longest")) is not None]
    target = f"every page: each answer within {TARGET} ms"
    if not found:
        return [Verdict(target, "no browser here", None)]
    slowest, name = max(found)
    return [Verdict(target, f"at most {slowest:.0f} ms, {name}", slowest <= TARGET)]
