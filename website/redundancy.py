"""The table behind the page on redundancy: every approximation of three trained kernels, as the figure of that name stores them."""

from __future__ import annotations

from typing import Any

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


def tables() -> dict[str, Any]:
    """Return the points of every kernel: kind, name, bits and operations per weight, error, and by which cost nothing beats it."""
    columns = read_csv(read_text(ROOT / "figures" / "data" / "redundancy_frontier.csv"))
    kind_of = {family: kind for kind, families in KINDS.items() for family in families}
    names = ("panel", "family", "setting", "bits_per_weight", "operations_per_weight", "relative_error", "least_bits",
             "least_operations")  # fmt: skip
    kernels: dict[str, list[Any]] = {}
    for panel, family, setting, bits, operations, error, *least in zip(
        *(columns[n].tolist() for n in names), strict=True
    ):
        name = f"{family}, {setting}" if setting else family
        point = [kind_of[family], name, round(bits, 4), round(operations, 5), round(error, 4), *map(int, least)]
        kernels.setdefault(panel, []).append(point)
    return {"kinds": list(KINDS), "kernels": kernels}
