"""A number in the prose of a notebook is one that a cell computes, that the prose itself calculates, or that has a source."""

import json
import math
import re
import tomllib
from itertools import pairwise

import pytest

from notebooks import build
from tools.files import ROOT

NOTEBOOKS = build.notebooks()
SMALL = 13
"""Whole numbers below are words: twelve channels, two factors."""

NUMBER = re.compile(r"(?<![\w.,])\d+(?:,\d{3})*(?:\.\d+)?")
NO_PROSE = re.compile(
    r"!\[[^\]]*\]\([^)]*\)|\[\d\d[^\]]*\]\([^)]*\)|\]\([^)]*\)|\[[A-Z][A-Za-z]+\d{4,}[a-z]?\]|^#+ .*$|^\*\*\d\.\*\*|W_\{\d+\}",
    re.MULTILINE,
)
"""Pictures (test_captions.py has their numbers), links, keys of references, headings, numbers of exercises, indices."""

LATEX = {
    r"\\cdot|\\times": "*", r"\^\{?([\d/]+)\}?": r"**(\1)", r"\\ln\s*(\d+)": r"log(\1)", r"\\sqrt\{?(\d+)\}?": r"sqrt(\1)",
    r"\\sqrt\s(\d+)": r"sqrt(\1)", r"\\[td]?frac\{?(\d+)\}?\{?(\d+)\}?": r"(\1/\2)", r"\\,|\\ |,|\\lceil|\\rceil": "",
    r"\be\b": str(math.e), r"(?<=[\d)])\s*(?=\(|log|sqrt)": "*",
}  # fmt: skip
"""What turns the arithmetic of a formula into Python's, in this order."""

ALLOWED = tomllib.loads((ROOT / "tests" / "notebook_numbers.toml").read_text(encoding="utf-8"))
"""By notebook: a number, and why it stands in no cell."""


def plain(text):
    """Return `text` with the digits of long numbers together."""
    return re.sub(r"(?<=\d)(?:\\,|\\ |,)(?=\d{3}(?!\d))", "", text)


def numbers(text):
    """Return the numbers in `text` that ask for a source, as they are written, commas left out."""
    found = {number.replace(",", "") for number in NUMBER.findall(plain(text))}
    return {number for number in found if "." in number or int(number) >= SMALL}


def value(formula):
    """Return what a formula of plain arithmetic is, or None if there is more in it."""
    for latex, python in LATEX.items():
        formula = re.sub(latex, python, formula)
    if re.search(r"[^\d\s.+*/()logsqrt-]|\d\s+\d|\d\s*\(|\)\s*[\d(]", formula):
        return None
    try:
        return eval(formula, {"__builtins__": {}}, {"log": math.log, "sqrt": math.sqrt})
    except Exception:  # letters, text, an unfinished bracket: no arithmetic
        return None


def calculated(text):
    """Return the numbers of the equations in `text` that hold, to the digits that are written."""
    found = set()
    for formula in re.findall(r"\$+([^$]+)\$+", text):
        sides = re.split(r"=|\\approx|\\ge|\\le|≈|<|>|:|, ", formula)
        for left, right in pairwise(sides):
            known = value(left), value(right)
            if None not in known and not any(callable(k) for k in known) and agree(*known, right):
                found |= numbers(left) | numbers(right)
    return found


def agree(left, right, written):
    """Return whether two values are equal to the digits that the right one is written with."""
    digits = len(written.strip().partition(".")[2])
    return math.isclose(left, right, rel_tol=1e-12) or abs(left - right) <= 0.51 * 10**-digits * bool(digits)


def computed(cells):
    """Return the numbers in the code and in what it prints."""
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    text = "\n".join("".join(cell["source"]) for cell in code).replace("_", "") + json.dumps(
        [cell["outputs"] for cell in code]
    )
    return {shortest(number) for number in re.findall(r"\d+(?:\.\d+)?", f"{text} {plain(text)}")}


def unsupported(cells):
    """Return the numbers of the prose that neither a cell nor an equation gives."""
    prose = [NO_PROSE.sub("", "".join(cell["source"])) for cell in cells if cell["cell_type"] == "markdown"]
    prose += [cell["metadata"]["alt"] for cell in cells if "alt" in cell.get("metadata", {})]
    given = computed(cells).union(*map(calculated, prose))
    missing = set().union(*map(numbers, prose)) - given
    return {number for number in missing if shortest(number) not in given}


def shortest(number):
    """Return a number without zeros at its end: 5.30 is 5.3."""
    return number.rstrip("0").rstrip(".") if "." in number else number


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_every_number_of_the_prose_is_computed_or_has_a_source(name):
    cells = json.loads(NOTEBOOKS[name].read_text(encoding="utf-8"))["cells"]
    for cell in cells:
        for output in cell.get("outputs", []):
            output.get("data", {}).pop("image/png", None)
    allowed = ALLOWED.get(name[:2], {})
    assert unsupported(cells) - allowed.keys() == set(), (
        "show it in a cell, or say in notebook_numbers.toml where it is from"
    )
    assert all(len(reason) > 5 for reason in allowed.values())


@pytest.mark.parametrize(("prose", "missing"), [
    ("There are 480 chains.", {"480"}),
    ("There are $4 \\cdot 120 = 480$ chains.", set()),
    ("There are $4 \\cdot 120 = 481$ chains.", {"120", "481"}),
    ("$\\sqrt{8} \\approx 2.83$ and $e \\ln 512 \\approx 16.96$", set()),
    ("17\\,915\\,904, 36,864 and twelve or 12", {"17915904", "36864"}),
    ("[09 Find 999](09_x.ipynb#777), [Zhang2017], 0.25 and 64", {"0.25"}),
])  # fmt: skip
def test_a_number_without_a_source_is_found(prose, missing):
    cells = [{"cell_type": "markdown", "source": prose}, {"cell_type": "code", "source": "C = 64", "outputs": []}]
    assert unsupported(cells) == missing
