"""Rows of results in CSV files that are never half written."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from tools.files import BuildError, read_text, replace_file, shown

__all__ = ["KEY", "Row", "append", "key", "read", "still_valid", "write"]

Row = dict[str, str | int | float]
KEY = ("dataset", "budget", "design", "seed")
"""The columns that tell the rows of one experiment apart."""


def key(row: Row) -> tuple[str, ...]:
    """Return what tells a row apart from the others of its experiment."""
    return tuple(str(row[name]) for name in KEY)


def read(path: Path) -> list[Row]:
    """Return the whole rows of a file, an empty list if there is none; cells are text.

    Rows that a stopped run left torn are left out: those with too few or too many cells, or without a line's end.
    """
    if not path.exists():
        return []
    text = read_text(path)
    lines = text.splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines.pop()
    rows = list(csv.DictReader(lines))
    if lines and not {*KEY} <= {*(rows[0] if rows else next(csv.reader(lines[:1])))}:
        raise BuildError(f"{shown(path)} has no header with {', '.join(KEY)}: remove it, and its runs are done again")
    return [row for row in rows if None not in row and None not in row.values()]


def still_valid(
    rows: Sequence[Row], steps: Mapping[tuple[str, ...], int], versions: Mapping[str, str | int | float]
) -> dict[tuple[str, ...], Row]:
    """Return the rows that the present versions and the present plan would give again, by what tells them apart."""
    return {
        key(row): row
        for row in rows
        if str(steps.get(key(row))) == row.get("steps")
        and all(row.get(name) == str(value) for name, value in versions.items())
    }


def write(path: Path, rows: Sequence[Row]) -> None:
    """Write all rows at once: a run that is stopped leaves the old file or the new one. Without rows there is no file."""
    if rows:
        replace_file(path, _lines(rows, header=True).encode())
    else:
        path.unlink(missing_ok=True)


def append(path: Path, rows: Sequence[Row]) -> None:
    """Add rows to a file that `write` left, or begin one; what stops it leaves a torn last line, which `read` passes over."""
    text = _lines(rows, header=not path.exists())
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with open(path, "a", encoding="utf-8", newline="") as file:
            file.write(text)
    except OSError as error:
        raise BuildError(f"{shown(path)} cannot be written ({error}): make room, or allow writing there") from error


def _lines(rows: Sequence[Row], *, header: bool) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    if header:
        writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
