"""Every source that is cited is listed, every one that is listed is cited, and nothing is called new that the theory does not."""

import json
import re
from functools import cache

import pytest

from tools.files import ROOT
from tools.references import cited, entries, linked, reference

FOLDERS = ("igc_theory", "experiments", "figures", "notebooks", "website", "tests", "tools")
ENDINGS = {".py", ".pyi", ".toml", ".ipynb", ".json", ".j2"}
NOT_NEW = re.compile(
    r"this project|\bours\b|\bour own\b|\bnovel\b|for the first time"
    r"|\bnew (?!as far as searched)(result|theorem|statement|bound|method|algorithm|condition|optimum)",
    re.IGNORECASE,
)
"""What claims a statement for the project; "new as far as searched" is the one form that is allowed."""

NEW_AS_FAR_AS_SEARCHED = {
    "igc_theory/budget/derivations/budgets.py",
    "igc_theory/budget/derivations/factors.py",
    "igc_theory/budget/derivations/integers.py",
    "igc_theory/budget/designs/cheapest.py",
}
"""Where the library says so: the dense optimum with divisors, and the constraint K_1 ≥ 1."""


def read(path):
    """Return what a file says; of a notebook the sources of its cells and what they show, pictures left out."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".ipynb":
        return text
    cells = json.loads(text)["cells"]
    shown = [output.get("text") or output.get("data", {}) for cell in cells for output in cell.get("outputs", [])]
    spoken = [
        {kind: value for kind, value in data.items() if kind.startswith("text/")} if isinstance(data, dict) else data
        for data in shown
    ]
    return "\n".join("".join(cell["source"]) for cell in cells) + json.dumps(spoken, ensure_ascii=False)


@cache
def texts():
    """Return what every file says that a reader or a user sees, by path."""
    files = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.suffix in ENDINGS]
    files += [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]
    return {path.relative_to(ROOT).as_posix(): read(path) for path in files if ".ipynb_checkpoints" not in path.parts}


def test_every_key_that_is_cited_is_in_the_list():
    unknown = {
        path: cited(text) - entries().keys() for path, text in texts().items() if path != "tests/test_references.py"
    }
    assert {path: keys for path, keys in unknown.items() if keys} == {}


def test_every_entry_of_the_list_is_cited():
    used = set().union(*(cited(text) for path, text in texts().items() if path != "tests/test_references.py"))
    assert entries().keys() - used == set()


@pytest.mark.parametrize("key", entries())
def test_an_entry_can_be_found_and_names_its_authors_and_title(key):
    entry = entries()[key]
    assert {"author", "title"} <= entry.keys()
    assert {"eprint", "doi", "url", "journal", "booktitle"} & entry.keys()
    assert re.fullmatch(r"\d{4}\.\d{4,5}", entry.get("eprint", "2000.00000"))
    assert re.fullmatch(r"10\.\d{4,}/\S+", entry.get("doi", "10.0000/x"))
    assert entry.get("note") in {
        None,
        "statement read",
        "authors' code read",
        "abstract read",
        "related work, not read",
    }
    assert not set(reference(key)) & set("{}\\")


def test_a_reference_reads_well():
    assert reference("Zheng2021").startswith(
        "L. Zheng, E. Riccietti, R. Gribonval: Efficient Identification of Butterfly"
    )
    assert reference("Xie2018").endswith("(CVPR), 2018, arXiv " + "1804.06202, 10.1109/CVPR.2018.00922")


def test_sources_are_cited_by_key_and_in_no_other_form():
    typed = {path: re.findall(r"arXiv:? ?\d{4}\.\d{4,5}", text) for path, text in texts().items() if path not in LISTS}
    assert {path: numbers for path, numbers in typed.items() if numbers} == {}


LISTS = {
    "README.md",
    "tests/test_project.py",
    "tests/test_references.py",
    "notebooks/17_find_who_found_it_before.ipynb",
}
"""Where numbers of papers stand themselves: the lists of references, and what tests them."""


def test_nothing_is_claimed_for_the_project():
    claims = {path: NOT_NEW.findall(text) for path, text in texts().items() if not path.startswith("tests/")}
    assert {path: found for path, found in claims.items() if found} == {}
    assert len(claims) > 300


def test_new_as_far_as_searched_stands_only_where_the_search_was_made():
    said = {path for path, text in texts().items() if path.startswith("igc_theory") and "new as far as" in text}
    assert said == NEW_AS_FAR_AS_SEARCHED


@pytest.mark.parametrize("claim", ["This project shows", "the bound is ours", "a novel bound", "a new theorem"])
def test_a_claim_is_found(claim):
    assert NOT_NEW.search(claim)


def test_the_form_that_is_allowed_is_let_through():
    assert not NOT_NEW.search("elementary, new as far as searched; a new permutation of four hours")


def test_a_key_becomes_a_link_but_not_inside_a_tag():
    html = '<img alt="after [Zhang2017]"> [Zhang2017], figure 1'
    assert (
        linked(html, "r.html") == '<img alt="after [Zhang2017]"> <a href="r.html#Zhang2017">[Zhang2017]</a>, figure 1'
    )
