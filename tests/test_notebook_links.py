"""A reader can go from notebook to notebook: each opens alike, links lead to what they name, and the tour reaches all."""

import re

import pytest

from notebooks import build

NOTEBOOKS = build.notebooks()
LINK = re.compile(r"\[([^\]]+)\]\(([^)\s]+)\)")
OPENING = ("**What this shows.**", "**What it needs.**", "**Where to go next.**")


def texts(name):
    """Return the Markdown of a notebook, a string a cell."""
    return [cell.source for cell in build.read(NOTEBOOKS[name]).cells if cell.cell_type == "markdown"]


def links(name):
    """Return (text, target) of every link, mathematics and code left out."""
    prose = re.sub(r"\$\$.*?\$\$|\$[^$]*\$|```.*?```|`[^`]*`", "", "\n".join(texts(name)), flags=re.DOTALL)
    return LINK.findall(prose)


def title(name):
    return texts(name)[0].splitlines()[0].removeprefix("# ")


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_every_notebook_opens_with_what_it_shows_and_needs_and_where_to_go_next(name):
    opening = texts(name)[0]
    places = [opening.find(phrase) for phrase in OPENING]
    assert places == sorted(places)
    assert places[0] > 0
    assert LINK.search(opening[places[2] :]), "there is no link behind **Where to go next.**"


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_every_link_leads_to_the_notebook_that_it_names(name):
    for text, target in links(name):
        if target.startswith("https://"):
            continue
        assert target.endswith(".ipynb"), target
        stem = target.removesuffix(".ipynb")
        assert stem in NOTEBOOKS, f"{name}: {target} is not there"
        if re.match(r"\d\d ", text):
            assert text == f"{stem[:2]} {title(stem)}"


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_solutions_are_hidden_and_shown_as_markdown(name):
    for text in texts(name):
        hidden = len(re.findall(r"^<details><summary>[^<]+</summary>\n\n", text, flags=re.MULTILINE))
        assert text.count("<details") == text.count("</details>") == hidden


def test_the_tour_comes_first_and_reaches_every_notebook():
    tour = min(NOTEBOOKS)
    assert tour.startswith("00_")
    named = {target.removesuffix(".ipynb") for _, target in links(tour)}
    assert set(NOTEBOOKS) - named - {tour} == set()


def test_the_readme_leads_to_the_tour():
    readme = (build.ROOT / "README.md").read_text(encoding="utf-8")
    assert f"](notebooks/{min(NOTEBOOKS)}.ipynb)" in readme
