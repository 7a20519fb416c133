"""A table of named columns that shows itself in a terminal and in a notebook."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from textwrap import wrap
from typing import Any

import numpy as np

from igc_theory.structure.arguments.kinds import instance_of, settle, shown, text
from igc_theory.structure.arguments.numbers import positive_int
from igc_theory.structure.arguments.sequences import listed

__all__ = ["Table", "cell_text"]


SHORTEST = 18
"""Letters that are left of a text in a narrow table."""

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
        return "\n".join([self.title, *self._laid_out()])

    def _laid_out(self) -> list[str]:
        """Return the lines below the title."""
        lines, numeric = self.texts(), self.numeric
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        laid_out = ["  ".join(_padded(line, widths, numeric)).rstrip() for line in lines]
        if self.totals is not None:
            laid_out.insert(-1, "-" * max(map(len, laid_out)))
        return laid_out

    def fitted(self, width: int, spare: Sequence[str] = ()) -> str:
        """Return the table as text of at most `width` letters a line, as far as that is possible.

        Columns that can be spared are left out where the others would not fit with their texts shortened to `SHORTEST` letters; a
        last line names them. What does not fit even so stands row by row, a line per column.

        Parameters
        ----------
        width : int
            Of the terminal.
        spare : sequence of str
            Columns in the order in which they can be left out.

        Returns
        -------
        str

        Raises
        ------
        TypeError, ValueError
            If `width` is not a positive integer, or `spare` holds something else than texts.

        Examples
        --------
        >>> table = Table("A layer", {"layer": ["backbone.stage1.conv"], "kind": ["regular 3×3"], "weights": [1728]})
        >>> print(table.fitted(29, spare=["kind"]))
        A layer
        layer                weights
        backbone.stage1.conv   1,728
        not shown: kind
        >>> print(table.fitted(27, spare=["kind"]))
        A layer
        layer               weights
        backbone…age1.conv    1,728
        not shown: kind
        >>> print(table.fitted(20, spare=["kind"]))
        A layer
        backbone.stage1.conv
          kind: regular 3×3
          weights: 1,728
        """
        width = positive_int("width", width)
        names = [text("a name in spare", name) for name in listed("spare", spare, "give names of columns", empty=True)]
        title, left_out = wrap(self.title, width), [name for name in names if name in self.columns]
        for count in range(len(left_out) + 1):
            fits = self._without(left_out[:count])
            if fits._shortened(0)._width() <= width:
                note = wrap(f"not shown: {', '.join(left_out[:count])}", width) if count else []
                return "\n".join([*title, *fits._shortened(width)._laid_out(), *note])
        return "\n".join([*title, *self._stacked(width)])

    def _without(self, names: Sequence[str]) -> Table:
        return Table(self.title, {name: self.columns[name] for name in self.columns if name not in names}, self.totals)

    def _width(self) -> int:
        return max(map(len, self._laid_out()))

    def _shortened(self, width: int) -> Table:
        """Return the table with texts shortened until it fits, the widest column first; as narrow as it gets if it cannot fit."""
        columns = {name: [*values] for name, values in self.columns.items()}
        texts = [name for name, right in zip(self.columns, self.numeric, strict=True) if not right]
        sizes = {name: max(len(cell_text(value)) for value in [name, *columns[name]]) for name in texts}
        excess = self._width() - width
        while excess > 0 and (long := [name for name, size in sizes.items() if size > max(SHORTEST, len(name))]):
            sizes[max(long, key=sizes.__getitem__)] -= 1
            excess -= 1
        for name, size in sizes.items():
            columns[name] = [_middle_out(cell_text(value), size) for value in columns[name]]
        return Table(self.title, columns, self.totals)

    def _stacked(self, width: int) -> list[str]:
        """Return the lines of all rows, a line per column, and of the totals."""
        _, *rows = self.texts()
        lines = []
        for row in rows:
            head, *others = zip(self.columns, row, strict=True)
            lines += wrap(head[1], width)
            for name, cell in others:
                lines += wrap(f"{name}: {cell}", width, initial_indent="  ", subsequent_indent="    ") if cell else []
        return lines

    def _repr_html_(self) -> str:
        (head, *body), numeric = self.texts(), self.numeric
        rows = [_html_row(line, numeric, "td") for line in body]
        if self.totals is not None:
            rows[-1] = rows[-1].replace("<tr>", "<tr style='border-top:1px solid; font-weight:bold'>")
        caption = f"<caption>{escape(self.title)}</caption>"
        return f"<table>{caption}<thead>{_html_row(head, numeric, 'th')}</thead><tbody>{''.join(rows)}</tbody></table>"


def _middle_out(text: str, size: int) -> str:
    """Return a text of at most this many letters, an ellipsis in its middle if it was longer."""
    kept = size - 1
    return text if len(text) <= size else f"{text[: kept // 2]}…{text[len(text) - (kept - kept // 2) :]}"


def _mapping(name: str, value: Any) -> Mapping[Any, Any]:
    mapping: Mapping[Any, Any] = instance_of(name, value, (Mapping,), "give a mapping of names to values")
    return mapping


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
