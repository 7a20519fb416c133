"""Timing layers on this machine, for minutes, resumable: what a table of latencies is made of."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from functools import cache, partial
from pathlib import Path

from tqdm.auto import tqdm

from igc_theory.budget.latency import LatencyTable, Timed
from igc_theory.networks.timing import sample
from igc_theory.networks.timing.runtimes import RUNTIMES, chain_call, fastest, machine
from igc_theory.networks.timing.tables import read_table, write_rows
from igc_theory.structure.arguments.files import file_to_write
from igc_theory.structure.arguments.kinds import choice_of, flag, shown
from igc_theory.structure.arguments.numbers import positive_int, real_number
from igc_theory.structure.chains import Chain
from igc_theory.structure.permutations import ChannelPermutation, interleave

__all__ = ["Timer", "chain_time", "layer_timer", "measure", "setting", "timer"]

Timer = Callable[[Chain, int, int], float]
"""Milliseconds of a chain, given height and width of the image that it reads."""

EMPTY = Chain([interleave(1, 8)])
"""A chain that computes nothing: its time is that of a call."""

SERIES = 8
"""Shuffles timed in one call: alone they would be lost in it."""

SAVE_SECONDS = 3.0
MOST_THREADS = 256


def measure(
    runtime: str = "onnxruntime",
    path: str | os.PathLike[str] | None = None,
    *,
    threads: int = 1,
    seconds: float = 120.0,
    progress: bool = True,
) -> LatencyTable:
    """Time single layers on this machine, and return the table that `latency` predicts with.

    Parameters
    ----------
    runtime : {"onnxruntime", "torch"}
        What computes the layers.
    path : str or path-like, optional
        A file that keeps what has been timed, every few seconds: after an interruption the same call goes on where it stopped. It
        can be given to others: `latency`, `audit` and `rewrite` take its path as their table, `latency_table` reads it.
    threads : int, default 1
        Of the runtime. With one the processor time counts, else the wall clock.
    seconds : float, default 120
        About how long it may take; the more, the less other programs disturb.
    progress : bool, default True
        Whether a progress bar is shown in a terminal.

    Returns
    -------
    LatencyTable
        With what the times depend on: processor, caches, threads, versions.

    Raises
    ------
    ImportError
        If the runtime is not installed.
    OSError
        If the disk is full.
    TypeError, ValueError
        If an argument is not what it should be, the file cannot be written, or it is of another machine, runtime or version.

    Examples
    --------
    ::

        table = measure("onnxruntime", "my_machine.json")
        print(latency(igcv3(24, 24), table, height=56, width=56))

    >>> measure("a stopwatch")
    Traceback (most recent call last):
    ...
    ValueError: runtime='a stopwatch' is not known: use 'onnxruntime', 'torch'
    """
    runtime, threads = choice_of("runtime", runtime, RUNTIMES), positive_int("threads", threads, maximum=MOST_THREADS)
    seconds, progress = real_number("seconds", seconds, least=0.0), flag("progress", progress)
    place = None if path is None else file_to_write("path", path, "machine.json")
    facts = machine(runtime, threads)
    known = {} if place is None or not place.exists() else _known(place, facts)
    cases = [*sample.layers(), *sample.chains()]
    share = seconds / len(cases)
    call = chain_time(EMPTY, 7, 7, runtime, threads=threads, seconds=share)
    found, saved = dict(known), time.monotonic()
    todo = [case for case in cases if case not in known]
    for chain, side in tqdm(todo, desc="timing", unit="layer", leave=False, disable=None if progress else True):
        found[chain, side] = _timed(chain, side, runtime, threads, share, call)
        if place is not None and time.monotonic() > saved + SAVE_SECONDS:
            write_rows(place, facts, call, *_split(found.values()))
            saved = time.monotonic()
    if place is not None:
        write_rows(place, facts, call, *_split(found.values()))
    return LatencyTable(facts, *_split(found.values()), call)


def chain_time(
    chain: Chain, height: int, width: int, runtime: str = "onnxruntime", *, threads: int = 1, seconds: float = 0.5
) -> float:
    """Return the milliseconds that a chain takes for one image on this machine, the call included."""
    return fastest(chain_call(chain, height, width, runtime, threads=threads), seconds, threads=threads)


def timer(table: LatencyTable | None = None) -> Timer:
    """Return what times chains on this machine, each once, in the runtime and with the threads of a table.

    Parameters
    ----------
    table : LatencyTable, optional
        By default onnxruntime on one thread.

    Raises
    ------
    ValueError
        If the table is of a runtime that is not timed here.
    """
    runtime, threads = ("onnxruntime", 1) if table is None else setting(table)
    return cache(partial(chain_time, runtime=runtime, threads=threads))


def layer_timer(table: LatencyTable) -> Timer:
    """Return what times chains as parts of a network: the time of a call is left out, as `layer_time` does.

    The call is timed at once, so that a runtime that is missing is noticed before long work.
    """
    timed = timer(table)
    call = timed(EMPTY, 7, 7)
    return lambda chain, height, width: max(timed(chain, height, width) - call, 0.0)


def setting(table: LatencyTable) -> tuple[str, int]:
    """Return the runtime and the threads of a table.

    Examples
    --------
    >>> from igc_theory.networks import latency_table
    >>> setting(latency_table())
    ('onnxruntime', 1)
    """
    name, threads = table.machine.get("runtime", ""), table.machine.get("threads", "1")
    runtime = name.split(" ")[0]
    if runtime not in RUNTIMES or not threads.isdecimal() or not 1 <= int(threads) <= MOST_THREADS:
        known = " or ".join(RUNTIMES)
        raise ValueError(
            f"table is of {threads} threads of {shown(name)}, which cannot be timed here: give one of {known} to measure"
        )
    return runtime, int(threads)


def _timed(chain: Chain, side: int, runtime: str, threads: int, seconds: float, call: float) -> Timed:
    """Time a layer without the call, which `LatencyTable` counts once per chain, or a chain with it."""
    (first, *further) = chain.factors
    times = SERIES if isinstance(first, ChannelPermutation) else 1
    found = fastest(chain_call(chain, side, side, runtime, threads=threads, times=times), seconds, threads=threads)
    return Timed(chain, side, side, found if further else max(found - call, 0.0) / times)


def _split(timed: Iterable[Timed]) -> tuple[list[Timed], list[Timed]]:
    """Return single layers, then chains."""
    rows = list(timed)
    return [row for row in rows if len(row.chain) == 1], [row for row in rows if len(row.chain) > 1]


def _known(place: Path, facts: dict[str, str]) -> dict[tuple[Chain, int], Timed]:
    """Return what a file has already, if it is of this machine."""
    table = read_table(place)
    for name, value in facts.items():
        if table.machine.get(name) != value:
            raise ValueError(
                f"path={shown(str(place))} is of another machine, {name} {table.machine.get(name)!r} and not {value!r}: "
                "give another file"
            )
    return {(row.chain, row.height): row for row in (*table.layers, *table.chains)}
