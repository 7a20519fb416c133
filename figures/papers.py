"""The page that says, picture by picture, where what the papers show is here, and what is missing: papers.toml as a table."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from igc_theory.networks import Table
from igc_theory.views.tables import to_markdown

__all__ = ["page", "pictures"]

CITED = {"IGCV1": "[Zhang2017]", "IGCV2": "[Xie2018]", "IGCV3": "[Sun2018]"}
"""The key of each paper in references.bib."""


def pictures(path: Path) -> list[dict[str, Any]]:
    """Return the entries of papers.toml, in their order."""
    return list(tomllib.loads(path.read_text(encoding="utf-8"))["picture"])


def page(entries: Sequence[Mapping[str, Any]], titles: Mapping[str, str]) -> str:
    """Return a table for each paper; `titles` are those of the figures, by name.

    Examples
    --------
    >>> entry = {"paper": "IGCV1", "place": "Figure 1", "shows": "The block.", "figures": ["igc_block"]}
    >>> print(page([entry], {"igc_block": "Block"}))
    ## IGCV1 [Zhang2017]
    <BLANKLINE>
    | there | what it shows | here | not here |
    | --- | --- | --- | --- |
    | Figure 1 | The block. | [Block](../figures/README.md#igc_block) |  |
    """
    papers = dict.fromkeys(entry["paper"] for entry in entries)
    return "\n\n".join(_section(paper, [e for e in entries if e["paper"] == paper], titles) for paper in papers)


def _section(paper: str, entries: Sequence[Mapping[str, Any]], titles: Mapping[str, str]) -> str:
    columns = {
        "there": [entry["place"] for entry in entries],
        "what it shows": [entry["shows"] for entry in entries],
        "here": [_here(entry, titles) for entry in entries],
        "not here": [entry.get("missing", "") for entry in entries],
    }
    return f"## {paper} {CITED.get(paper, '')}".strip() + "\n\n" + to_markdown(Table(paper, columns))


def _here(entry: Mapping[str, Any], titles: Mapping[str, str]) -> str:
    figures = [f"[{titles[name]}](../figures/README.md#{name})" for name in entry.get("figures", ())]
    notebooks = [f"[notebook {name[:2]}](../notebooks/{name}.ipynb)" for name in entry.get("notebooks", ())]
    return "; ".join([*figures, *notebooks]) or "nothing"
