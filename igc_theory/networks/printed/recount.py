"""Every printed figure beside our count of the same network, and the convention that gives its digits.

Nothing is fitted. The counting conventions are the entries of `CONVENTIONS`; the same ones are tried on every row, with both ways
of shortening a number. A figure that none of them gives is reported as off, by how much and from which.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from typing import Any

from igc_theory.networks.description.network import Network
from igc_theory.networks.description.table import Table
from igc_theory.networks.printed.published import PublishedTable, published, published_tables
from igc_theory.networks.printed.recount_rows import CLASSES, network_of_row

__all__ = ["CONVENTIONS", "Recount", "gives", "recount", "recount_table"]

CONVENTIONS: dict[str, dict[str, Callable[[Network], int]]] = {
    "parameters": {
        "all parameters": lambda net: net.parameters,
        "without batch-norm": lambda net: net.parameters - net.counts.batch_norm,
        "weights only": lambda net: net.counts.convolution + net.counts.linear,
        "without the classifier": lambda net: net.parameters - net.classifier_counts.total,
        "convolutions only": lambda net: net.counts.convolution,
    },
    "multiply-adds": {
        "convolutions and classifier": lambda net: net.multiply_adds,
        "convolutions only": lambda net: net.multiply_adds - net.classifier_counts.linear,
    },
}
"""What may be counted, in the order in which it is tried. All that give the printed digits are reported."""

SHORTENINGS = {"rounded": ROUND_HALF_UP, "cut off": ROUND_DOWN}
"""How a count may have been shortened to the printed digits."""

UNITS = {
    "parameters_millions": ("parameters", 10**6),
    "multiply_adds_millions": ("multiply-adds", 10**6),
    "multiply_adds_billions": ("multiply-adds", 10**9),
}
"""Columns of the published tables that can be recounted: quantity and unit."""


@dataclass(frozen=True)
class Recount:
    """One printed figure and what became of it.

    Attributes
    ----------
    table, row : str
        Where it is printed.
    quantity : str
        ``"parameters"`` or ``"multiply-adds"``.
    printed : str
        The digits, in units of `unit`.
    unit : int
        10**6 or 10**9.
    network : Network or None
        Our network; None if the row is not counted here.
    convention : str
        The conventions that give the digits, or else the one that comes nearest; empty if not counted.
    count : int or None
        Our count by the first of them.
    agrees : bool or None
        Whether a convention gives the printed digits; None if not counted.

    Examples
    --------
    >>> found = recount("igcv1-table7")[0]
    >>> found.row, found.printed, found.count, found.agrees
    ('Swapout, 20 layers', '1.1', 1073962, True)
    """

    table: str
    row: str
    quantity: str
    printed: str
    unit: int
    network: Network | None = None
    convention: str = ""
    count: int | None = None
    agrees: bool | None = None

    @property
    def printed_count(self) -> float:
        """The printed figure as a count."""
        return float(self.printed) * self.unit

    @property
    def relative_difference(self) -> float | None:
        """Our count over the printed one, minus one."""
        return None if self.count is None else self.count / self.printed_count - 1

    @property
    def verdict(self) -> str:
        """A sentence for the tables."""
        if self.agrees is None:
            return "not counted here"
        if self.agrees:
            return self.convention
        difference = self.relative_difference or 0.0
        places = 1 if abs(difference) >= 0.001 else 2
        return f"no convention found, off by {difference:+.{places}%} ({self.convention})"


def recount(table_id: str | None = None) -> list[Recount]:
    """Return every printed count of one published table, or of all, beside the count of the library.

    Parameters
    ----------
    table_id : str, optional
        As for `published`.

    Returns
    -------
    list of Recount
        One per printed number of parameters or multiply–adds, in the order of the tables.

    Raises
    ------
    ValueError
        If there is no such table; the sentence names those there are.

    Examples
    --------
    >>> for figure in recount("igcv1-imagenet")[-2:]:
    ...     print(figure.row, figure.printed, "->", figure.count, figure.verdict)
    IGC-L100M2+Ident. 8.61 -> 8607700 without batch-norm or weights only
    IGC-L100M2+Ident. 1.3 -> 1264780800 every convention
    """
    tables = published_tables() if table_id is None else [published(table_id)]
    return [figure for table in tables for figure in _recounted(table)]


def recount_table(table_id: str | None = None) -> Table:
    """Return `recount` as a table: printed, counted, and the convention that agrees.

    Parameters
    ----------
    table_id : str, optional
        As for `published`.

    Returns
    -------
    Table

    Raises
    ------
    ValueError
        As in `recount`.

    Examples
    --------
    >>> table = recount_table("igcv3-shufflenetv2")
    >>> table.columns["verdict"][1]
    'no convention found, off by -3.3% (convolutions and classifier)'
    """
    figures = recount(table_id)
    columns: dict[str, list[Any]] = {
        "table": [figure.table for figure in figures],
        "network": [figure.row for figure in figures],
        "quantity": [figure.quantity for figure in figures],
        "printed": [Decimal(figure.printed) for figure in figures],
        "counted": [figure.count for figure in figures],
        "verdict": [figure.verdict for figure in figures],
    }
    if table_id is None:
        return Table("Printed and counted", columns)
    del columns["table"]
    return Table(f"Printed and counted: {published(table_id).source}", columns)


def _recounted(table: PublishedTable) -> Iterator[Recount]:
    for row in table.rows:
        cells = dict(zip(table.columns, row, strict=True))
        label, depth = cells.get("network"), cells.get("depth")
        for column, (quantity, unit) in UNITS.items():
            if cells.get(column) is not None:
                name = str(label) if depth is None else f"{label}, {depth} layers"
                figure = Recount(table.id, name, quantity, str(cells[column]), unit)
                yield _judged(figure, network_of_row(label, depth, CLASSES[table.id]))


def _judged(figure: Recount, candidates: list[Network]) -> Recount:
    """Return the figure with every convention that gives its digits, or with the nearest one."""
    counts = [
        (convention, net, count(net))
        for convention, count in CONVENTIONS[figure.quantity].items()
        for net in candidates
    ]
    if not counts:
        return figure
    for shortening in SHORTENINGS:
        fitting = [entry for entry in counts if gives(figure, entry[2]) == shortening]
        if fitting:
            words = "every convention" if len(fitting) == len(counts) else _conventions(fitting, candidates)
            words += "" if shortening == "rounded" else f", {shortening}"
            return replace(figure, network=fitting[0][1], convention=words, count=fitting[0][2], agrees=True)
    convention, net, value = min(counts, key=lambda entry: abs(entry[2] - figure.printed_count))
    return replace(figure, network=net, convention=convention, count=value, agrees=False)


def _shortened(count: int, figure: Recount, shortening: str) -> Decimal:
    digits = Decimal(1).scaleb(int(Decimal(figure.printed).as_tuple().exponent))
    return (Decimal(count) / figure.unit).quantize(digits, SHORTENINGS[shortening])


def gives(figure: Recount, count: int) -> str:
    """Return how `count` gives the printed digits: ``"rounded"``, ``"cut off"``, or an empty string if it does not.

    Examples
    --------
    >>> figure = recount("igcv1-imagenet")[-1]
    >>> figure.printed, gives(figure, 1_264_780_800), gives(figure, 1_390_000_000), gives(figure, 1_400_000_000)
    ('1.3', 'rounded', 'cut off', '')
    """
    return next((way for way in SHORTENINGS if _shortened(count, figure, way) == Decimal(figure.printed)), "")


def _conventions(fitting: list[tuple[str, Network, int]], candidates: list[Network]) -> str:
    """Return the conventions in `fitting` in words, with the numbers of classes where only some of them fit."""
    classes: dict[str, list[int]] = {}
    for convention, net, _ in fitting:
        classes.setdefault(convention, []).append(net.layers[-1].output_shape[0])
    return " or ".join(
        convention if len(found) == len(candidates) else f"{convention} ({', '.join(map(str, found))} classes)"
        for convention, found in classes.items()
    )
