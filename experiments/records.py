"""Rows of results in CSV files that are never half written."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from tools.files import replace_file

__all__ = ["KEY", "Row", "key", "read", "write"]

Row = dict[str, str | int | float]
KEY = ("dataset", "budget", "design", "seed")
"""The columns that tell the rows of one experiment apart."""


def key(row: Row) -> tuple[str, ...]:
    """Return what tells a row apart from the others of its experiment."""
    return tuple(str(row[name]) for name in KEY)


def read(path: Path) -> list[Row]:
    """Return the rows of a file, an empty list if there is none; cells are text."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write(path: Path, rows: Sequence[Row]) -> None:
    """Write all rows at once: a run that is stopped leaves the old file or the new one."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    replace_file(path, text.getvalue().encode())
