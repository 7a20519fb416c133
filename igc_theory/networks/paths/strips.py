"""Channel flow as a page shows it: a cell per block, with its grade, that opens the path map of the block."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from itertools import groupby
from types import MappingProxyType
from typing import TypeVar
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from igc_theory.networks.paths.block_flow import BlockFlow
from igc_theory.networks.paths.steps import Unknown

__all__ = ["GRADES", "path_map", "strip"]

T = TypeVar("T")

GRADES: Mapping[str, tuple[str, str, str]] = MappingProxyType(
    {
        "strict": ("S", "#0072B2", "white"),
        "loose": ("L", "#56B4E9", "black"),
        "dense": ("D", "#D9D9D9", "black"),
        "not dense": ("×", "#7A2E00", "white"),
        "unknown": ("?", "white", "black"),
    }
)
"""Letter, colour and colour of the letter of each grade; they differ in brightness too."""

CELLS = 32
"""Rows and columns of a path map: where there are more channels, each cell stands for several."""

SIDE = 240
"""Pixels of a path map."""


def strip(name: str, blocks: Sequence[BlockFlow]) -> str:
    """Return HTML of a network: a cell per block, which opens the verdict and the path map of the block, without a kernel."""
    shown = {block.main.kind for block in blocks}
    legend = ", ".join(f"{letter} {grade}" for grade, (letter, *_) in GRADES.items() if grade in shown)
    cells = "".join(_cell(block) for block in blocks)
    head = f"<strong>{escape(name)}</strong>: {legend}. A cell opens the path map of its block."
    return f"<div><p>{head}</p><div style='display:flex;flex-wrap:wrap;gap:3px'>{cells}</div></div>"


def _cell(block: BlockFlow) -> str:
    letter, colour, ink = GRADES[block.main.kind]
    style = (
        f"background-color:{colour};color:{ink};border:1px solid #444;padding:1px 6px;text-align:center;cursor:pointer"
    )
    label = escape(f"{block.name}: {block.main.kind}")
    summary = f"<summary title='{label}' aria-label='{label}' style='{style}'>{letter}</summary>"
    head = f"<strong>{escape(block.name)}</strong>, {block.in_channels} → {block.out_channels} channels"
    verdicts = f"main branch {escape(block.main.sentence)}; all ways: {escape(block.whole.sentence)}"
    words = f"<p style='max-width:{SIDE + 60}px;text-align:left'>{head}<br>{verdicts}</p>"
    return f"<details style='max-width:100%;margin:0;padding:0;border:0'>{summary}{words}{path_map(block)}</details>"


def path_map(block: BlockFlow) -> str:
    """Return a picture of the path counts of a block as HTML; empty if an operator in it is not known.

    Outputs run downwards, inputs to the right. White is no path; darker means more paths. Where there are more than 32
    channels, a cell is the mean over several of them.
    """
    counts = block.pair_counts()
    if isinstance(counts, Unknown):
        return ""
    grid = counts.means(CELLS)
    rows, columns = grid.shape
    shape = f"{rows} rows of outputs by {columns} columns of inputs"
    alt = escape(f"Path map of {block.name}, {shape}: {block.whole.sentence}", quote=True)
    source = quote(_drawn(grid), safe="=:/ ',.")
    return f'<img width="{SIDE}" height="{SIDE}" alt="{alt}" src="data:image/svg+xml,{source}">'


def _drawn(grid: NDArray[np.float64]) -> str:
    """Return a map as SVG, a rectangle per run of equal cells in a run of equal rows."""
    rows, columns = grid.shape
    lines = [[round(0.2 + 0.8 * value, 2) if value else 0 for value in row] for row in grid.tolist()]
    parts = [
        f"<rect x='{x}' y='{y}' width='{width}' height='{height}' fill-opacity='{shade}'/>"
        for y, height, line in _runs(lines)
        for x, width, shade in _runs(line)
        if shade
    ]
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {columns} {rows}' preserveAspectRatio='none' "
        f"shape-rendering='crispEdges'><rect width='{columns}' height='{rows}' fill='white' stroke='black' "
        f"stroke-width='.2'/><g fill='#08306B'>{''.join(parts)}</g></svg>"
    )


def _runs(values: Iterable[T]) -> Iterator[tuple[int, int, T]]:
    """Yield start, length and value of each run of equal values."""
    start = 0
    for value, run in groupby(values):
        length = len(list(run))
        yield start, length, value
        start += length
