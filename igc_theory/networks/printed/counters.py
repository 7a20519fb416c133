"""Whose counter prints which figure: multiply–adds of one network by several tools, beside what its paper prints.

What the other tools say is data, made by ``tools/other_counters.py``; nothing of it is computed here.
"""

from __future__ import annotations

import csv
import re
from importlib import resources
from typing import Any

from igc_theory.networks.description.table import Table
from igc_theory.networks.printed.recount import Recount, gives, recount
from igc_theory.networks.zoo.catalogue import network

__all__ = ["counters_table", "other_counters"]

PRINTED = {
    "shufflenet": ("shufflenet-repository", "ShuffleNetV1 1.0x (group=3)"),
    "shufflenet_v2_x1.0": ("shufflenetv2-repository", "ShuffleNetV2 1.0x"),
    "mobilenet_v2": ("igcv3-table3", "MobileNetV2"),
    "resnet50": ("resnext-repository", "ResNet-50 (1x64d)"),
}
"""Where the multiply–adds of each network are printed: published table and row."""


def other_counters() -> dict[str, dict[str, int]]:
    """Return what each tool says of each network, as it stands.

    Returns
    -------
    dict of dict
        Network, then tool with its version, then multiply–adds (``torch`` says two operations for each).

    Examples
    --------
    >>> said = other_counters()["resnet50"]
    >>> said["torchinfo 1.8.0"] - network("resnet50").multiply_adds
    54120
    """
    text = (resources.files("igc_theory.networks.printed") / "other_counters.csv").read_text(encoding="utf-8")
    found: dict[str, dict[str, int]] = {}
    for row in csv.DictReader(text.splitlines()):
        release = re.match(r"[\d.]*\d", row["version"])
        tool = f"{row['counter']} {release[0] if release else row['version']}"
        found.setdefault(row["network"], {})[tool] = int(row["multiply_adds"])
    return found


def counters_table() -> Table:
    """Return the multiply–adds of networks as printed, as counted here and by other tools; a tick follows the printed digits.

    Returns
    -------
    Table

    Examples
    --------
    >>> counters_table().columns["mobilenet_v2"][:3]
    ['300 M', '300,774,272 ✓', '314,193,216']
    """
    others = other_counters()
    columns: dict[str, list[Any]] = {"multiply–adds": ["printed", "igc_theory", *others["resnet50"]]}
    for name, said in others.items():
        figure = _figure(name)
        printed = f"{figure.printed} {'G' if figure.unit == 10**9 else 'M'}"
        counts = [network(name).multiply_adds, *said.values()]
        columns[name] = [printed, *(f"{count:,}{' ✓' if gives(figure, count) else ''}" for count in counts)]
    return Table("Whose counter prints which figure", columns)


def _figure(name: str) -> Recount:
    """Return the printed multiply–adds of a network."""
    table, row = PRINTED[name]
    return next(figure for figure in recount(table) if figure.row == row and figure.quantity == "multiply-adds")
