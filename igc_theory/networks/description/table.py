"""A table of named columns that shows itself in a terminal and in a notebook."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from igc_theory.structure.arguments import instance_of, listed, settle, shown, text

__all__ = ["Table", "cell_text"]


ROWS = "give a list with one entry per row"


def cell_text(value: Any) -> str:
    """Return a cell as people read it: integers with separators, absent values empty, shapes with ×.

    Examples
    --------
    >>> cell_text(25557032), cell_text(None), cell_text((64, 56, 56)), cell_text(71.3)
    ('25,557,032', '', '64×56×56', '71.3')
    """
    if value is None:
        return ""
    if isinstance(value, tuple):
        return "×".join(map(str, value))
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return str(value)


@dataclass(frozen=True, repr=False)
class Table:
    """Columns of equal length under one title, with an optional row of totals.

    Parameters
    ----------
    title : str
        Shown above.
    columns : mapping of str to sequence
        Name to values; an integer column is set flush right.
    totals : mapping of str to value, optional
        Shown below a line, under the columns named.

    Raises
    ------
    ValueError
        If the columns differ in length.

    Examples
    --------
    >>> Table("Two layers", {"layer": ["conv", "fc"], "parameters": [1728, 650]}, {"layer": "total", "parameters": 2378})
    Two layers
    layer  parameters
    conv        1,728
    fc            650
    -----------------
    total       2,378
    """

    title: str
    columns: Mapping[str, Sequence[Any]]
    totals: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        columns = {
            text("a name in columns", name): [
                _plain(value) for value in listed(f"columns[{shown(name)}]", values, ROWS, empty=True)
            ]
            for name, values in _mapping("columns", self.columns).items()
        }
        lengths = {name: len(values) for name, values in columns.items()}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"columns have lengths {shown(lengths)}: give every column one entry per row")
        settle(self, title=text("title", self.title), columns=columns)
        if self.totals is not None:
            totals = {name: _plain(value) for name, value in _mapping("totals", self.totals).items()}
            settle(self, totals=totals)

    @property
    def rows(self) -> list[tuple[Any, ...]]:
        """The rows, without the totals."""
        return list(zip(*self.columns.values(), strict=True))

    @property
    def numeric(self) -> list[bool]:
        """Whether each column holds numbers only (and absent values)."""
        return [
            any(value is not None for value in values)
            and all(value is None or isinstance(value, (int, float)) for value in values)
            for values in self.columns.values()
        ]

    def texts(self) -> list[list[str]]:
        """Return head, rows and, if there are any, totals as texts."""
        body = [[cell_text(value) for value in row] for row in self.rows]
        foot = [[cell_text(self.totals.get(name)) for name in self.columns]] if self.totals is not None else []
        return [list(self.columns), *body, *foot]

    def __repr__(self) -> str:
        lines = self.texts()
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        laid_out = ["  ".join(_padded(line, widths, self.numeric)).rstrip() for line in lines]
        if self.totals is not None:
            laid_out.insert(-1, "-" * max(map(len, laid_out)))
        return "\n".join([self.title, *laid_out])

    def _repr_html_(self) -> str:
        head, *body = self.texts()
        rows = [_html_row(line, self.numeric, "td") for line in body]
        if self.totals is not None:
            rows[-1] = rows[-1].replace("<tr>", "<tr style='border-top:1px solid; font-weight:bold'>")
        caption = f"<caption>{escape(self.title)}</caption>"
        return f"<table>{caption}<thead>{_html_row(head, self.numeric, 'th')}</thead><tbody>{''.join(rows)}</tbody></table>"


def _mapping(name: str, value: Any) -> Mapping[Any, Any]:
    return instance_of(name, value, Mapping, "give a mapping of names to values")  # type: ignore[type-abstract]  # only to ask


def _plain(value: Any) -> Any:
    """Return a NumPy number as the Python number that it is."""
    return value.item() if isinstance(value, np.generic) else value


def _padded(cells: list[str], widths: list[int], numeric: list[bool]) -> list[str]:
    return [
        cell.rjust(width) if right else cell.ljust(width)
        for cell, width, right in zip(cells, widths, numeric, strict=True)
    ]


def _html_row(cells: list[str], numeric: list[bool], tag: str) -> str:
    sides = ("right" if right else "left" for right in numeric)
    return (
        "<tr>"
        + "".join(
            f"<{tag} style='text-align:{side}'>{escape(cell)}</{tag}>" for cell, side in zip(cells, sides, strict=True)
        )
        + "</tr>"
    )
