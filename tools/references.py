"""The list of references: what a key such as [Zhang2017], in a docstring, a notebook or a caption, stands for."""

from __future__ import annotations

import re
from functools import cache
from unicodedata import normalize

from tools.files import ROOT

__all__ = ["KEY", "cited", "entries", "linked", "reference"]

KEY = re.compile(r"\[([A-Z][A-Za-z]+\d{4,}[a-z]?)\]")
"""How a source is cited everywhere: its key in references.bib, between brackets."""

TAG_OR_KEY = re.compile(rf"(<[^>]*>)|{KEY.pattern}")
ENTRY = re.compile(r"^@\w+\{(\w+),\n(.*?)^\}", re.MULTILINE | re.DOTALL)
FIELD = re.compile(r"^  (\w+) = \{(.*)\},$", re.MULTILINE)
VENUES = ("booktitle", "journal", "howpublished")

ACCENTS = {"'": "\u0301", '"': "\u0308", "=": "\u0304", "v": "\u030c", "c": "\u0327"}
"""TeX's accents and the characters that put them over the letter before."""


@cache
def entries() -> dict[str, dict[str, str]]:
    """Return the fields of every entry of references.bib by key, in its order; a key that is there twice is an error."""
    found = ENTRY.findall((ROOT / "references.bib").read_text(encoding="utf-8"))
    fields = {key: {name: _plain(value) for name, value in FIELD.findall(body)} for key, body in found}
    if len(fields) < len(found):
        raise ValueError(f"references.bib has a key twice among {sorted(key for key, _ in found)}: rename one of them")
    return fields


def cited(text: str) -> set[str]:
    """Return the keys that `text` cites."""
    return set(KEY.findall(text))


def linked(html: str, page: str) -> str:
    """Return `html` with every key, outside tags, as a link to its entry on the page of references."""
    return TAG_OR_KEY.sub(lambda found: found[1] or f'<a href="{page}#{found[2]}">[{found[2]}]</a>', html)


def reference(key: str) -> str:
    """Return the entry of `key` as one line: authors, title, venue, year, and where it is found."""
    entry = entries()[key]
    venue = next((entry[name] for name in VENUES if name in entry), None)
    where = [f"arXiv {entry['eprint']}" if "eprint" in entry else None, entry.get("doi"), entry.get("url")]
    told = [f"{_authors(entry['author'])}: {entry['title']}", venue, entry.get("year"), *where]
    note = f" ({entry['note']})" if "note" in entry else ""
    return ", ".join(part for part in told if part) + note


def _authors(names: str) -> str:
    """Return "Zhang, Ting and Qi, Guo-Jun" as "T. Zhang, G.-J. Qi"."""
    return ", ".join(_initialled(*name.split(", ")) for name in names.split(" and "))


def _initialled(family: str, given: str = "") -> str:
    initials = [re.sub(r"(\w)\w*\.?", r"\1.", part) for part in given.split()]
    return " ".join([*initials, family])


def _plain(text: str) -> str:
    """Return TeX as plain text: accents put on, braces and double dashes taken out."""
    text = re.sub(r"\{\\(['\"=vc])\s?\{?(\w)\}?\}", lambda found: found[2] + ACCENTS[found[1]], text)
    return normalize("NFC", text.replace("{", "").replace("}", "").replace("--", "–"))
