"""The pages that answer: a template, a script of its own, and tables that the library computes when the site is built.

The scripts compute nothing that the library knows: they look up, draw, and say when there is no answer.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tools.files import ROOT
from website import interleaving

__all__ = ["LIVE", "LivePage", "embedded", "scripts"]

SCRIPTS = ROOT / "website" / "live"


@dataclass(frozen=True)
class LivePage:
    """A page with tables in it: its title, and what computes them."""

    title: str
    tables: Callable[[], Mapping[str, Any]]


def embedded(tables: Mapping[str, Any]) -> str:
    """Return tables as they stand in a page; no text in them can end the element."""
    text = json.dumps(tables, separators=(",", ":"), ensure_ascii=False).replace("</", "<\\/")
    return f'<script type="application/json" id="tables">{text}</script>'


LIVE = {
    "interleaving": LivePage("Why interleaving connects everything", interleaving.tables),
}
"""By the name of template, script and page."""


def scripts() -> dict[str, str]:
    """Return the scripts by where they go."""
    return {f"live/{path.name}": path.read_text(encoding="utf-8") for path in sorted(SCRIPTS.glob("*.js"))}
