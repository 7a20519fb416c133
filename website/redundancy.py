"""The tables behind the page on redundancy: one small matrix in many ways, one with hidden blocks, and three trained kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from igc_theory.kernels import project
from igc_theory.structure import Chain, GroupConv
from tools.columns import read_csv
from tools.files import ROOT, read_text

__all__ = ["tables"]

KINDS = {
    "low precision": ("binary", "quantized", "clustered"),
    "low rank": ("low rank", "rounded low rank"),
    "pruned entries": ("pruned", "2:4 pruned"),
    "pruned filters or channels": ("filter pruning", "channel pruning"),
    "block-diagonal": ("block-diagonal",),
    "sparse low rank": ("sparse low rank",),
    "sparse products": ("sparse product", "rounded sparse product"),
}
"""The families of the figure, by the panel that they share."""


BRANCHES, CHANNELS = 3, 12


def tables() -> dict[str, Any]:
    """Return what the three parts of the page show."""
    return {"kinds": list(KINDS), "kernels": kernels(), "ways": ways(), "hidden": hidden_blocks()}


def ways() -> list[dict[str, Any]]:
    """Return the small matrix and its approximations, with their costs, as the figure six_ways stores them."""
    columns = read_csv(read_text(ROOT / "figures" / "data" / "six_ways.csv"))
    costs = ("bits", "multiply_adds", "additions", "error", "share_at_100")
    found = []
    for name in dict.fromkeys(columns["panel"].tolist()):
        rows = columns["panel"] == name
        values = columns["value"][rows].reshape(-1, columns["column"][rows].max() + 1).round(2).tolist()
        found.append({"name": name, "values": values, **{cost: columns[cost][rows][0].item() for cost in costs}})
    return found


def hidden_blocks() -> dict[str, Any]:
    """Return a matrix of blocks whose channels were shuffled, and the order of channels in which `project` finds the blocks."""
    rng = np.random.default_rng(0)
    blocks = np.kron(np.eye(BRANCHES), np.ones((CHANNELS // BRANCHES,) * 2)) * rng.normal(size=(CHANNELS, CHANNELS))
    noisy = blocks + 0.1 * rng.normal(size=blocks.shape)
    matrix = noisy[rng.permutation(CHANNELS)][:, rng.permutation(CHANNELS)].round(2)
    chain = Chain([GroupConv(CHANNELS, CHANNELS, BRANCHES, 1)])
    given, found = project(matrix, chain), project(matrix, chain, reorder=True)
    support = np.abs(found.product.matrix()) > 0
    columns = _branch_by_branch(support)
    rows = _branch_by_branch(support.T[columns])
    errors = {"given": round(given.relative_error, 4), "found": round(found.relative_error, 4)}
    return {"matrix": matrix.tolist(), "rows": rows, "columns": columns, "branches": BRANCHES, **errors}


def _branch_by_branch(support: NDArray[np.bool_]) -> list[int]:
    """Return the columns of a support, those with the same rows beside each other."""
    first = support.argmax(axis=0)
    return [int(column) for column in np.argsort(first, kind="stable")]


def kernels() -> dict[str, list[Any]]:
    """Return the points of every kernel: kind, name, bits and operations per weight, error, and by which cost nothing beats it."""
    columns = read_csv(read_text(ROOT / "figures" / "data" / "redundancy_frontier.csv"))
    kind_of = {family: kind for kind, families in KINDS.items() for family in families}
    names = ("panel", "family", "setting", "bits_per_weight", "operations_per_weight", "relative_error", "least_bits",
             "least_operations")  # fmt: skip
    found: dict[str, list[Any]] = {}
    for panel, family, setting, bits, operations, error, *least in zip(
        *(columns[n].tolist() for n in names), strict=True
    ):
        name = f"{family}, {setting}" if setting else family
        point = [kind_of[family], name, round(bits, 4), round(operations, 5), round(error, 4), *map(int, least)]
        found.setdefault(panel, []).append(point)
    return found
