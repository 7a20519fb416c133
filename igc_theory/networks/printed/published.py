"""Figures that the papers print, as data with their source; nothing here is recomputed.

What the library computes is shown beside these numbers and never mixed in. Each table says how it was read. ``printed``: in an
image of the paper's table, or in the official repository. ``second-hand``: quoted by a later paper. ``digitised``: off a plotted
curve, by eye.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from html import escape
from importlib import resources
from typing import Any

from igc_theory.networks.description.table import Table
from igc_theory.structure.arguments.kinds import choice_of, shown, text
from igc_theory.structure.arguments.near_names import did_you_mean

__all__ = ["PublishedTable", "published", "published_tables"]


@dataclass(frozen=True)
class PublishedTable:
    """One table or figure of a paper.

    Attributes
    ----------
    id : str
        The name it is asked for by.
    paper, where : str
        Its source.
    status : str
        ``"printed"``, ``"second-hand"`` or ``"digitised"``.
    columns : tuple of str
        Names, each with its unit where there is one.
    rows : tuple of tuple
        Numbers and strings as printed; None where the paper prints nothing.
    note : str
        What a reader of the numbers should know; may be empty.

    Examples
    --------
    >>> from igc_theory.networks import published
    >>> print(published("igcv2-imagenet"))
    igcv2-imagenet: IGCV2, quoted in Table 8 of ShuffleNetV2 [Ma2018] (second-hand)
    network     multiply_adds_millions  imagenet_top1_error_percent
    IGCV2-0.25                      46                         45.1
    IGCV2-0.5                      156                         34.5
    IGCV2-1.0                      564                         29.3
    """

    id: str
    paper: str
    where: str
    status: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    note: str = ""

    def column(self, name: str) -> tuple[Any, ...]:
        """Return one column, None where nothing is printed.

        Raises
        ------
        ValueError
            If there is no column of that name.

        Examples
        --------
        >>> from igc_theory.networks import published
        >>> published("igcv1-fig3a").column("L")
        (1, 2, 3, 5, 6, 12, 28, 40, 64)
        """
        place = self.columns.index(choice_of("name", name, self.columns))
        return tuple(row[place] for row in self.rows)

    @property
    def source(self) -> str:
        """Paper, place and status, as one line."""
        return f"{self.paper}, {self.where} ({self.status})"

    def _table(self) -> Table:
        return Table(f"{self.id}: {self.source}", {name: self.column(name) for name in self.columns})

    def __str__(self) -> str:
        return "\n".join(filter(None, [str(self._table()), self.note]))

    def _repr_html_(self) -> str:
        return self._table()._repr_html_() + (f"<p>{escape(self.note)}</p>" if self.note else "")


@cache
def _tables() -> dict[str, PublishedTable]:
    written = (resources.files("igc_theory.networks.printed") / "published.json").read_text(encoding="utf-8")
    tables = (_table_from(entry) for entry in json.loads(written)["tables"])
    return {table.id: table for table in tables}


def _table_from(entry: dict[str, Any]) -> PublishedTable:
    columns = tuple(entry["columns"])
    rows = tuple(
        (*row, *[None] * (len(columns) - len(row))) for row in entry["rows"]
    )  # a short row: no more is printed
    return PublishedTable(**entry | {"columns": columns, "rows": rows})


def published(table_id: str) -> PublishedTable:
    """Return a published table by its id.

    Parameters
    ----------
    table_id : str
        One of the ids of `published_tables`.

    Returns
    -------
    PublishedTable

    Raises
    ------
    ValueError
        If there is no such table; the sentence names the closest ids.

    Examples
    --------
    >>> table = published("igcv1-fig3a")
    >>> table.status, table.column("cifar100_accuracy_percent")[-2]
    ('printed', 63.89)
    >>> published("igcv1-fig3")
    Traceback (most recent call last):
    ...
    ValueError: table_id='igcv1-fig3' is not a published table: did you mean igcv1-fig3b, igcv1-fig3a or igcv2-fig3?
    """
    tables, table_id = _tables(), text("table_id", table_id)
    if table_id not in tables:
        advice = did_you_mean(table_id, tables) or f"use one of {', '.join(tables)}"
        raise ValueError(f"table_id={shown(table_id)} is not a published table: {advice}")
    return tables[table_id]


def published_tables() -> tuple[PublishedTable, ...]:
    """Return all published tables, in the order of the papers.

    Returns
    -------
    tuple of PublishedTable

    Examples
    --------
    >>> [table.id for table in published_tables() if table.status == "digitised"]
    ['igcv2-fig3']
    """
    return tuple(_tables().values())
