"""Tables of timed layers as files: one JSON, a line per layer, to be shared between machines that are alike."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from igc_theory.budget.latency import LatencyTable, Timed
from igc_theory.kernels.products.files import described_factor, replacing, restored_factor
from igc_theory.structure.arguments.files import content_of
from igc_theory.structure.arguments.kinds import path_of, shown
from igc_theory.structure.branches import serial_factors
from igc_theory.structure.chains import Chain

__all__ = ["STORED", "known_table", "latency_table", "read_table", "write_rows", "write_table"]

FORMAT = "igc_theory latency 1"
STORED = Path(__file__).with_name("stored.json")
MOST_BYTES = 2**26


def latency_table(path: str | os.PathLike[str] | None = None) -> LatencyTable:
    """Return the table of a machine: that of a file that `measure` wrote, or the one that comes with the library.

    Parameters
    ----------
    path : str or path-like, optional
        The file. By default the table of the machine on which the library was written: a stand-in until `measure` has run here.

    Returns
    -------
    LatencyTable

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it is damaged or something else; the message says what is wrong.

    Examples
    --------
    >>> table = latency_table()
    >>> table.machine["runtime"].split()[0], table.rank_correlation > 0.95
    ('onnxruntime', True)
    """
    return _stored() if path is None else read_table(path)


def known_table(table: LatencyTable | str | os.PathLike[str] | None) -> LatencyTable:
    """Return the table that an argument called `table` stands for; what is wrong with its file is a ValueError that names it.

    Examples
    --------
    >>> known_table(None) is latency_table()
    True
    """
    if table is None or isinstance(table, LatencyTable):
        return latency_table() if table is None else table
    path = path_of("table", table)
    try:
        return read_table(path)
    except OSError as error:
        raise ValueError(
            f"table={shown(str(path))} cannot be read ({error.strerror}): give a file that measure wrote"
        ) from error
    except ValueError as error:
        raise ValueError(str(error).replace("path=", "table=", 1)) from error


@cache
def _stored() -> LatencyTable:
    return read_table(STORED)


def read_table(path: str | os.PathLike[str]) -> LatencyTable:
    """Return the table that `write_table` wrote."""
    place = path_of("path", path)
    if place.exists() and place.stat().st_size > MOST_BYTES:
        raise ValueError(f"path={shown(str(place))} has more than {MOST_BYTES} bytes: give a table that measure wrote")
    content = content_of("path", place)
    try:
        data = json.loads(content)
        if data["format"] != FORMAT:
            raise ValueError(f"its format is {data['format']!r}, not {FORMAT!r}")
        if set(data) != {"format", "machine", "call", "layers", "chains"}:
            raise ValueError(f"it has the entries {', '.join(data)}")
        facts = data["machine"]
        if not all(isinstance(word, str) for pair in facts.items() for word in pair):
            raise ValueError("its machine is not described in words")
        layers, chains = ([_timed(row) for row in data[name]] for name in ("layers", "chains"))
        return LatencyTable(facts, layers, chains, data["call"])
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError, IndexError, StopIteration) as error:
        reason = " ".join(str(error).split())
        raise ValueError(
            f"path={shown(str(place))} is not a table that measure wrote, or is damaged ({reason}): measure again"
        ) from error


def write_table(path: str | os.PathLike[str], table: LatencyTable) -> None:
    """Write a table; the file is replaced whole or not at all."""
    write_rows(path, table.machine, table.call, table.layers, table.chains)


def write_rows(
    path: str | os.PathLike[str],
    facts: Mapping[str, str],
    call: float,
    layers: Sequence[Timed],
    chains: Sequence[Timed],
) -> None:
    """Write what has been timed so far, a row per line."""
    head = [f'"format": {json.dumps(FORMAT)}', f'"machine": {json.dumps(dict(facts))}', f'"call": {call!r}']
    lists = [
        f'"{name}": [\n{",".join(f"{chr(10)}  {json.dumps(_row(timed))}" for timed in rows).lstrip(chr(10))}\n ]'
        for name, rows in (("layers", layers), ("chains", chains))
    ]
    with replacing(path_of("path", path)) as file:
        file.write(("{\n " + ",\n ".join(head + lists) + "\n}\n").encode())


def _row(timed: Timed) -> list[Any]:
    factors = [described_factor(factor, []) for factor in serial_factors(timed.chain)]
    return [factors, timed.height, timed.width, float(f"{timed.milliseconds:.5g}")]


def _timed(row: Any) -> Timed:
    factors, height, width, milliseconds = row
    return Timed(Chain(restored_factor(entry, iter([])) for entry in factors), height, width, milliseconds)
