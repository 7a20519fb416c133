"""The pages that answer: a template, a script of its own, and tables that the library computes when the site is built.

The scripts compute nothing that the library knows: they look up, draw, and say when there is no answer.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tools.files import ROOT
from website import balance, explorers, interleaving, redundancy

__all__ = ["LIVE", "LivePage", "embedded", "scripts"]

SCRIPTS = ROOT / "website" / "live"


@dataclass(frozen=True)
class LivePage:
    """A page with tables in it: its title, what it promises, and what computes them."""

    title: str
    promise: str
    """What the front page says of it."""
    tables: Callable[[], Mapping[str, Any]]
    shared: tuple[str, ...] = ("live",)
    """Scripts in front of the page's own."""


def embedded(tables: Mapping[str, Any]) -> str:
    """Return tables as they stand in a page; no text in them can end the element."""
    text = json.dumps(tables, separators=(",", ":"), ensure_ascii=False).replace("</", "<\\/")
    return f'<script type="application/json" id="tables">{text}</script>'


EXPLORER = ("live", "explorer")

LIVE = {
    "interleaving": LivePage(
        "Why interleaving connects everything",
        "Walk back from an output and watch an arc wind around the inputs.",
        interleaving.tables,
    ),
    "balance": LivePage("Balance, felt", "Bet on three widths, then drag them until they cost least.", balance.tables),
    "redundancy": LivePage(
        "What can be taken out of a kernel?", "Seven ways to shrink a trained kernel, one per panel.", redundancy.tables
    ),
    "explore_block": LivePage(
        "Explore a block",
        "Who reaches whom in an IGCV1 block, with and without its permutation.",
        explorers.block,
        EXPLORER,
    ),
    "explore_paths": LivePage(
        "Explore paths", "The paths that end in one output of a chain.", explorers.paths, EXPLORER
    ),
    "explore_budget": LivePage(
        "Explore budgets", "How wide each family gets for its weights.", explorers.budget, EXPLORER
    ),
    "explore_balance": LivePage(
        "Explore branch widths", "What three widths cost, and what the cheapest cost.", explorers.balance, EXPLORER
    ),
    "explore_kernel": LivePage("Explore kernels", "How near a product comes to a kernel.", explorers.kernel, EXPLORER),
}
"""By the name of template, script and page."""


def scripts() -> dict[str, str]:
    """Return the scripts by where they go."""
    return {f"live/{path.name}": path.read_text(encoding="utf-8") for path in sorted(SCRIPTS.glob("*.js"))}
