"""A reader can go from notebook to notebook: each opens alike, links lead to what they name, and the tour reaches all."""

import re

import pytest

from figures import build as figures_build
from notebooks import build

NOTEBOOKS = build.notebooks()
LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(([^)\s]+)\)")
IMAGE = re.compile(r"!\[([^\]]*)\]\(([^)\s]+)\)")
OPENING = ("**What this shows.**", "**What it needs.**", "**Where to go next.**")


def texts(name):
    """Return the Markdown of a notebook, a string a cell."""
    return [cell.source for cell in build.read(NOTEBOOKS[name]).cells if cell.cell_type == "markdown"]


def links(name):
    """Return (text, target) of every link, mathematics and code left out."""
    prose = re.sub(r"\$\$.*?\$\$|\$[^$]*\$|```.*?```|`[^`]*`", "", "\n".join(texts(name)), flags=re.DOTALL)
    return LINK.findall(prose)


def anchors(name):
    """Return where a link into a notebook can lead: its headings, with dashes for spaces."""
    return {
        head.replace(" ", "-") for text in texts(name) for head in re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    }


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
def test_every_notebook_opens_with_a_picture(name):
    cells = build.first_screen(build.read(NOTEBOOKS[name]))
    drawn = {kind for cell in cells for output in cell.get("outputs", []) for kind in output.get("data", {})}
    assert IMAGE.search(cells[0].source) or any(kind.startswith("image/") for kind in drawn)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_every_link_leads_to_the_notebook_that_it_names(name):
    for text, target in links(name):
        if target.startswith("https://"):
            continue
        file, _, place = target.partition("#")
        assert file.endswith(".ipynb"), target
        stem = file.removesuffix(".ipynb")
        assert not place or place in anchors(stem), f"{name}: {target} is not there"
        assert stem in NOTEBOOKS, f"{name}: {target} is not there"
        if re.match(r"\d\d ", text):
            assert text == f"{stem[:2]} {title(stem)}"


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_every_picture_of_the_gallery_is_there_and_described_as_in_it(name):
    described = {f"../figures/out/{figure}.svg": entry["alt"] for figure, entry in figures_build.manifest().items()}
    for alt, target in IMAGE.findall("\n".join(texts(name))):
        assert described.get(target) == alt, target


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_solutions_are_hidden_and_shown_as_markdown(name):
    for text in texts(name):
        hidden = len(re.findall(r"^<details><summary>[^<]+</summary>\n\n", text, flags=re.MULTILINE))
        assert text.count("<details") == text.count("</details>") == hidden


def test_the_tour_comes_first_and_reaches_every_notebook():
    tour = min(NOTEBOOKS)
    assert tour.startswith("00_")
    named = {target.partition("#")[0].removesuffix(".ipynb") for _, target in links(tour)}
    assert set(NOTEBOOKS) - named - {tour} == set()


def test_the_readme_leads_to_the_tour():
    readme = (build.ROOT / "README.md").read_text(encoding="utf-8")
    assert f"](notebooks/{min(NOTEBOOKS)}.ipynb)" in readme


# --- the glossary -----------------------------------------------------------------------------------------------------

GLOSSARY = next(name for name in NOTEBOOKS if name.endswith("look_up_the_terms"))
TERMS = re.findall(r"^### (.+)$", "\n".join(texts(GLOSSARY)), flags=re.MULTILINE)
NO_USE = re.compile(
    r"(\$\$.*?\$\$|\$[^$]*\$|`[^`]*`|\[[^\]]*\]\([^)]*\)|\[[^\]]*\]|<[^>]*>|^#.*?$)", re.DOTALL | re.MULTILINE
)
"""Formulas, code, links, keys, tags and headings: a term in one of these is not explained there."""

OTHERS = {"partition", "branch", "factor", "path", "weights", "patch", "pointwise", "activations", "dense", "graded"}
"""Terms that a reader meets on every page: they are linked where a notebook first needs them, in the first six of the theory."""


def first_use(name, term):
    """Return the text piece by piece in which a term first stands outside a link, and the links to it before; None if nowhere."""
    word = re.compile(rf"(?<![\w*–-]){term}(?:e?s|ly)?(?![\w–-])")
    for text in texts(name)[1:]:
        for piece in NO_USE.split(text):
            if f"({GLOSSARY}.ipynb#{term.replace(' ', '-')})" in piece:
                return "linked"
            if not NO_USE.fullmatch(piece) and word.search(piece):
                return piece
    return None


@pytest.mark.parametrize("name", [name for name in NOTEBOOKS if name != GLOSSARY])
def test_a_term_leads_to_the_glossary_at_its_first_use(name):
    terms = [term for term in TERMS if term not in OTHERS or name < "07"]
    without = {term: piece[:80] for term in terms if (piece := first_use(name, term)) not in (None, "linked")}
    assert without == {}


def test_the_glossary_explains_every_letter_and_term_that_the_theory_needs():
    letters = {"C", "S", "G", "L", "M", "K_l", r"\\Pi", "N", "p", "t", "W^p"}
    told = "\n".join(texts(GLOSSARY))
    assert [letter for letter in letters if f"${letter.replace(chr(92) * 2, chr(92))}$" not in told] == []
    assert {"branch", "partition", "super-channel", "strict", "loose", "dense", "graded", "unique paths"} <= set(TERMS)


def test_jupyterlab_serves_the_pictures_between_paragraphs():
    """`make lab` starts in a folder that holds notebooks and figures: what lies outside of it is not shown."""
    recipe = (build.ROOT / "Makefile").read_text(encoding="utf-8")
    root = (build.ROOT / re.search(r"jupyter lab (\S+) --config", recipe)[1]).resolve()
    opened = root / re.search(r"default_url=/lab/tree/(\S+)", recipe)[1]
    pictures = re.findall(r"!\[[^\]]*\]\((\S+?)\)", opened.read_text(encoding="utf-8"))
    assert pictures
    assert all((opened.parent / picture).resolve().is_relative_to(root) for picture in pictures)
