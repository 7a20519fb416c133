"""The tables behind the picture of the interleaving theorem: for four chains, who is reached from every output, step by step."""

from __future__ import annotations

from math import prod
from typing import Any

from igc_theory.structure import Chain, GroupConv, grade, interleaved, path_counts
from igc_theory.structure.branches import serial_factors
from igc_theory.views.plots.structure.paths import path_columns

__all__ = ["CHAINS", "CHANNELS", "tables"]

CHANNELS = 12
CHAINS = ((2, 2, 2), (2, 2, 3), (2, 2, 4), (2, 2, 6))
"""Branch widths: products of 8, 12, 16 and 24."""


def tables() -> dict[str, Any]:
    """Return the chains, each with its permutations and without them."""
    return {"channels": CHANNELS, "chains": [_of_chain(widths) for widths in CHAINS]}


def _of_chain(widths: tuple[int, ...]) -> dict[str, Any]:
    chain = interleaved(CHANNELS, widths, kernel_size=1)
    return {
        "widths": widths,
        "product": prod(widths),
        "permuted": view(chain),
        "plain": view(Chain(chain.convolutions, name="without permutations")),
    }


def view(chain: Chain) -> dict[str, Any]:
    """Return factors, grade and path counts of a chain, and the paths that end in each of its outputs.

    `counts[output][stage][channel]` is the number of paths from a channel to the output, `links[output][stage]` the connections
    that they take; stage 0 holds the inputs.
    """
    ends = [walk(chain, output) for output in range(chain.out_channels)]
    return {
        "factors": [
            {"groups": f.groups, "in": f.in_width, "out": f.out_width} if isinstance(f, GroupConv) else {}
            for f in serial_factors(chain)
        ],
        "grade": str(grade(chain)),
        "map": path_counts(chain).tolist(),
        "counts": [counts for counts, _ in ends],
        "links": [links for _, links in ends],
    }


def walk(chain: Chain, output: int) -> tuple[list[list[int]], list[list[tuple[int, int]]]]:
    """Return the numbers of paths and the links of every stage, for the paths that end in one output."""
    columns = path_columns(chain, output)
    stages = max(columns["stage"]) + 1
    counts: list[list[int]] = [[] for _ in range(stages)]
    links: list[list[tuple[int, int]]] = [[] for _ in range(stages - 1)]
    rows = zip(*(columns[name] for name in ("mark", "stage", "start", "end", "paths")), strict=True)
    for mark, stage, start, end, paths in rows:
        if mark == "channel":
            counts[stage].append(int(paths))
        else:
            links[stage].append((start, end))
    return counts, links
