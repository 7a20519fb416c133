"""Plain English: no sentence of the project is longer than thirty words, and what comes one per channel is called so."""

import ast
import functools
import inspect
import json
import re
import tomllib

from tests.sources import ON_ONE_WORKER, parsed
from tools.files import ROOT

LONGEST = 30
SOURCES = [path for folder in ("igc_theory", "tools", "experiments", "figures", "website", "tests", "notebooks")
           for path in sorted((ROOT / folder).rglob("*.py"))]  # fmt: skip
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]
PAGES += sorted((ROOT / "tests" / "benchmarks" / "results").glob("*.md"))
TEMPLATES = sorted((ROOT / "website" / "templates").glob("*.j2"))

NO_SENTENCES = re.compile(
    r"```.*?```|<!-- notebooks -->.*?<!-- /notebooks -->|<(script|style).*?</\1>|\{%.*?%\}"
    r"|^ *python [^\n]*|^→ [^\n]*|^ *>>> .*?(?:\n\s*\n|\Z)",
    re.DOTALL | re.MULTILINE,
)
"""Code, examples and lists of links."""

ONE_WORD = re.compile(
    r"\$\$.*?\$\$|\$[^$]*\$|\\\(.*?\\\)|:\w+:`[^`]*`|``.*?``|`[^`]*`|\[\w+\d{4,}\w?\]|(?<=\])\([^)]*\)|\{[^}]*\}",
    re.DOTALL,
)
"""Formulas, code, keys and addresses count for one word at most."""

BREAK = re.compile(
    r"\n\s*\n|\n\s*(?=(?:[-*+]|\d+\.) )|\n#+ |\||<[^>]+>|\.\. math::|^\s*-{3,}$|(?<=[.!?])[*\")_\]]*\s+(?=[^a-z\s])",
    re.MULTILINE,
)
"""What ends a sentence: a mark with something else than a small letter behind it, a blank line, an item, a cell, a tag."""

HEAD = re.compile(r"^( *)(\S[^\n]*?)\n(?=\1 +\S)", re.MULTILINE)
"""A line with an indented one below it, as numpydoc writes a name and its type."""

OF_EACH = re.compile(
    r"\b(?:weights|paths|parameters|bits|multiply.adds|additions|branches|rows?|one|index|scale|entry|panel|marker|colour)"
    r" an? (?:channel|pair|position|weight|output|branch|row|network|layer|factor|family|series|claim|budget)\b",
    re.IGNORECASE,
)
"""An article where the field says "per"."""


def sentences(text):
    """Return the sentences of a text in reStructuredText, Markdown or HTML, formulas and code as one word."""
    text = ONE_WORD.sub(" M ", HEAD.sub(r"\n\n\2\n\n", NO_SENTENCES.sub("\n\n", text)))
    return [part for part in map(str.strip, BREAK.split(text)) if part]


def words(sentence):
    return [word for word in sentence.split() if re.search(r"\w", word)]


def may_be_long(text):
    """Return whether a text has words, or signs of formulas and code, enough for a long sentence; most have not."""
    return len(re.findall(r"\w+|[$`\\:\[({]", text)) > LONGEST


def docstrings(nodes):
    """Return what stands as a string by itself: docstrings, those of variables too."""
    alone = [node.value for node in nodes if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)]
    return [inspect.cleandoc(constant.value) for constant in alone if isinstance(constant.value, str)]


def messages(nodes):
    """Return the texts inside raise statements and steps of derivations, with a word for each value that is put in."""
    texts = [node for told in nodes if isinstance(told, ast.Raise) or _is_step(told) for node in ast.walk(told)]
    plain = [node.value for node in texts if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    filled = [node.values for node in texts if isinstance(node, ast.JoinedStr)]
    return plain + ["".join(v.value if isinstance(v, ast.Constant) else " X " for v in values) for values in filled]


def _is_step(node):
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Step"


@functools.cache
def texts():
    """Return every text with a name: docstrings and messages of a file, Markdown of a notebook, captions, pages."""
    found = {}
    for path in SOURCES:
        nodes = [*ast.walk(parsed(path))]
        found[path.relative_to(ROOT).as_posix()] = [*docstrings(nodes), *messages(nodes)]
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        found[path.stem] = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
        found[path.stem] += [cell["metadata"]["alt"] for cell in cells if "alt" in cell["metadata"]]
    for entry in tomllib.loads((ROOT / "figures" / "manifest.toml").read_text(encoding="utf-8"))["figure"]:
        found[entry["name"]] = [entry["title"], entry["caption"], entry["alt"]]
    return found | {path.name: [path.read_text(encoding="utf-8")] for path in PAGES + TEMPLATES}


@ON_ONE_WORKER
def test_no_sentence_is_longer_than_thirty_words():
    long = {
        name: [part for text in found if may_be_long(text) for part in sentences(text) if len(words(part)) > LONGEST]
        for name, found in texts().items()
    }
    assert {name: parts for name, parts in long.items() if parts} == {}


@ON_ONE_WORKER
def test_what_comes_once_for_each_is_said_with_per():
    found = {name: [hit[0] for text in some for hit in OF_EACH.finditer(text)] for name, some in texts().items()}
    assert {name: hits for name, hits in found.items() if hits and name != "tests/test_prose.py"} == {}


def test_a_long_sentence_is_found():
    assert max(len(words(part)) for part in sentences("word " * 31 + "end. And $a + b + c$ another one.")) == 32
    assert [len(words(part)) for part in sentences("One two. Three `a b c` four:\n- five six\n- seven")] == [2, 3, 2, 1]
    assert may_be_long("word " * 31)
    assert may_be_long("`+` " * 31)
    assert OF_EACH.search("costs 21 weights a channel")
