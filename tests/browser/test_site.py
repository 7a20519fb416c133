"""The site as `make site` writes it: opened from files, offline, by keyboard, on a desk and on a phone."""

import re
from html.parser import HTMLParser
from math import isqrt
from urllib.parse import unquote, urlsplit

import pytest

from igc_theory.budget import widest_dense, widest_strict
from igc_theory.budget.curves.tradeoffs import width_against_parameters
from tests.browser.looks import CUT, PALE, SMALL, UNNAMED, UNREACHED
from tools.files import ROOT
from website.pages import LIVE

pytestmark = pytest.mark.xdist_group("site")  # beside JupyterLab, on the other worker; the site is built once

NOTEBOOKS = [f"{path.stem}.html" for path in sorted((ROOT / "notebooks").glob("*.ipynb"))]
ROOMS = [
    f"api/igc_theory/{room}.html" for room in ("structure", "kernels", "budget", "networks", "views", "views/plots")
]
PAGES = [
    "index.html",
    "figures.html",
    "papers.html",
    "notebooks.html",
    "contributing.html",
    "changelog.html",
    "widths.html",
    *(f"{name}.html" for name in LIVE),
    *NOTEBOOKS,
    "api/igc_theory.html",
    *ROOMS,
]


# --- every page -----------------------------------------------------------------------------------------------------


def formulas(source):
    """Return how many formulas are between the delimiters of a page's source, code left out."""
    text = re.sub(r"<(pre|code|script|style)\b.*?</\1>", "", source, flags=re.DOTALL)
    return len(re.findall(r"\$\$.+?\$\$|(?<!\$)\$[^$]+\$(?!\$)|\\\(.+?\\\)|\\\[.+?\\\]|\\begin\{", text, re.DOTALL))


@pytest.mark.parametrize("name", PAGES)
def test_a_page_opens_with_typeset_formulas_and_fits_its_screen(visit, site, untypeset, name):
    expected = formulas((site / name).read_text(encoding="utf-8"))
    if not expected:
        untypeset()
    page = visit(name)
    assert page.locator("h1").first.is_visible()
    assert (page.locator("mjx-container").count() > 0) == (expected > 0)
    assert page.locator("[data-mml-node=merror]").all_inner_texts() == []
    assert page.locator("main p", has_text=re.compile(r"\|\s*-{3}")).all_inner_texts() == []  # a table that is none
    if name == "10_choose_the_number_of_factors.html":  # of which it is known that it has many
        assert page.locator("mjx-container").count() > 20
    for width in (390, 768, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        page.wait_for_function(f"document.documentElement.scrollWidth <= {width}", timeout=10_000)
        assert page.evaluate(SMALL) == []
        if name.removesuffix(".html") in LIVE:  # elsewhere wide tables of prose scroll on a phone
            assert page.evaluate(CUT) == []
    if name.startswith("api/"):
        return  # drawn by pdoc, in its own colours
    assert page.evaluate(CUT) == []
    assert page.evaluate(UNNAMED) == []
    assert page.evaluate(UNREACHED) == []
    for theme in ("dark", "light"):
        page.emulate_media(color_scheme=theme)
        assert page.evaluate(PALE) == []
    page.emulate_media(media="print")
    assert page.locator("main h1").first.is_visible()
    assert page.locator("svg.drawing").count() == 0 or page.locator("svg.drawing").first.is_visible()
    assert not page.locator("nav").first.is_visible()
    page.emulate_media(media="screen")


class Links(HTMLParser):
    """What a page names, and what it refers to."""

    def __init__(self):
        super().__init__()
        self.names, self.targets = set(), []

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.names.add(values.get("id"))
        self.targets += [values[key] for key in ("href", "src") if values.get(key)]


def links(path):
    found = Links()
    found.feed(path.read_text(encoding="utf-8"))
    return found


def missing(target, path, pages):
    """Return whether the target of a link on the page in `path` is not there."""
    parts = urlsplit(target)
    file = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if not parts.fragment or file not in pages:
        return not file.is_file()
    return not {parts.fragment, unquote(parts.fragment)} & pages[file].names


def test_every_link_leads_somewhere(site):
    pages = {path: links(path) for path in site.rglob("*.html")}
    assert {path.relative_to(site).as_posix() for path in pages} >= set(PAGES)
    found = [(path, target) for path, page in pages.items() for target in page.targets if not urlsplit(target).scheme]
    # pdoc lists what a class has, and shows only what is documented.
    followed = [(path, target) for path, target in found if not (target.startswith("#") and "api" in path.parts)]
    assert len(followed) > 300
    assert [(path.name, target) for path, target in followed if missing(target, path, pages)] == []


def test_nothing_is_fetched_from_another_host(site):
    for path in site.rglob("*.html"):
        source = path.read_text(encoding="utf-8")
        assert re.findall(r"<(?:script|link|img|iframe)[^>]+(?:src|href)=[\"'](?:https?:)?//", source) == [], path


# --- the slider -----------------------------------------------------------------------------------------------------


def rows(page):
    """Return the table below the pictures: cells of every row by the first line of the first cell."""
    cells = [row.locator("td").all_inner_texts() for row in page.get_by_role("table").get_by_role("row").all()[1:]]
    return {first.splitlines()[0]: (first, width, share) for first, width, share in cells}


def chosen_budget(page):
    return int(re.match(r"[\d,]+", page.get_by_role("slider").get_attribute("aria-valuetext"))[0].replace(",", ""))


def assert_table_is_the_librarys(page, S):
    budget = chosen_budget(page)
    side = isqrt(S)
    page.get_by_role("table").get_by_text(f"{budget:,} weights, {side}×{side} kernel").wait_for()
    columns = width_against_parameters([budget], S)
    optimum = columns["width"][columns["series"] == "continuous optimum"][0]
    shown = rows(page)
    assert list(shown) == columns["series"].tolist()
    for series, width in zip(columns["series"], columns["width"], strict=True):
        text = f"{width:.0f}" if "integer" in series else f"{width:.1f}"
        assert shown[series][1:] == (text, f"{width / optimum:.0%}")
    for series, design in (("strict integer", widest_strict(budget, S)), ("dense integer", widest_dense(budget, S))):
        assert " × ".join(map(str, design.branch_widths)) in shown[series][0]
        assert f"{design.parameters:,} weights" in shown[series][0]


def test_slider_and_kernel_move_by_keyboard_and_numbers_and_pictures_follow(visit):
    page = visit("widths.html")
    canvases = page.locator("canvas").all()
    assert len(canvases) >= 2
    before = [canvas.screenshot() for canvas in canvases]
    slider = page.get_by_role("slider")
    for _ in range(20):
        page.keyboard.press("Tab")
        if slider.evaluate("handle => handle.getRootNode().activeElement === handle"):
            break
    assert chosen_budget(page) == 4672
    assert_table_is_the_librarys(page, 9)
    seen = [4672]
    for key in ("ArrowRight", "ArrowRight", "ArrowLeft", "Home", "End"):
        page.keyboard.press(key)
        seen.append(chosen_budget(page))
        assert_table_is_the_librarys(page, 9)
    assert seen[0] == seen[3] - (seen[1] - seen[0]) < seen[2]
    assert (seen[4], seen[5]) == (100, 100_000)
    assert all(changes(page, canvas, old) for canvas, old in zip(canvases, before, strict=True))

    page.get_by_label("Kernel").focus()
    for S in (25, 49):
        page.keyboard.press("ArrowDown")
        assert_table_is_the_librarys(page, S)


def changes(page, canvas, old):
    """Return whether a canvas comes to look different within a few seconds."""
    for _ in range(20):
        if canvas.screenshot() != old:
            return True
        page.wait_for_timeout(200)
    return False


# --- the reference --------------------------------------------------------------------------------------------------


def test_the_reference_is_searched_offline(visit):
    page = visit("api/igc_theory.html")
    page.get_by_role("searchbox").fill("interleave")
    page.locator("main").get_by_text("ChannelPermutation").first.wait_for()


def test_the_reference_describes_every_name(site):
    for stub in sorted((ROOT / "igc_theory").glob("*/**/__init__.pyi")):
        room = stub.parent.relative_to(ROOT)
        described = links(site / "api" / f"{room}.html").names
        promised = set(re.findall(r"^from \S+ import \w+ as (\w+)$", stub.read_text(encoding="utf-8"), re.MULTILINE))
        assert len(promised) > 3
        assert promised <= described, room


def test_the_reference_leads_back(visit):
    page = visit("api/igc_theory/views/plots.html")
    page.get_by_role("link", name="Front page").click()
    assert page.locator("h1").first.inner_text() == "igc_theory"
