"""Tables of designs, as wide as the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from textwrap import wrap

__all__ = ["fitted_table"]


def fitted_table(columns: Mapping[str, Sequence[str]], spare: Sequence[str], width: int) -> Iterator[str]:
    r"""Yield the lines of a table with ranks; columns that can be spared are left out, the first first, where it would be too wide.

    A last line names them. What does not fit even so stands row by row, a line per column.

    Examples
    --------
    >>> columns = {"widths": ["1 × 4", "2 × 2"], "weights": ["272", "288"], "paths": ["1", "1"]}
    >>> print("\n".join(fitted_table(columns, ["paths"], 20)))
       widths  weights
    1  1 × 4       272
    2  2 × 2       288
    not shown: paths
    >>> print("\n".join(fitted_table({name: cells[:1] for name, cells in columns.items()}, ["paths"], 15)))
    1  1 × 4
       weights: 272
       paths: 1
    """
    for count in range(len(spare) + 1):
        lines = [*_lines({name: cells for name, cells in columns.items() if name not in spare[:count]})]
        if max(map(len, lines)) <= width:
            left_out = [name for name in columns if name in spare[:count]]
            yield from lines + [f"not shown: {', '.join(left_out)}"] * bool(left_out)
            return
    for rank, (first, *others) in enumerate(zip(*columns.values(), strict=True), 1):
        yield from wrap(f"{rank}  {first}", width, subsequent_indent="   ")
        yield from (f"   {name}: {cell}" for name, cell in zip([*columns][1:], others, strict=True))


def _lines(columns: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table: ranks and the first column to the left, numbers to the right."""
    rows = [("", *columns), *((str(rank), *row) for rank, row in enumerate(zip(*columns.values(), strict=True), 1))]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = zip(row, widths, strict=True)
        yield "  ".join(
            cell.rjust(size) if k > 1 else cell.ljust(size) for k, (cell, size) in enumerate(cells)
        ).rstrip()
