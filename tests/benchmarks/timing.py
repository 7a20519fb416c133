"""How all benchmarks measure: calls interleaved in one process on one thread, medians of the rounds, ratios between them.

The clock counts processor time of the process. On one thread and an idle machine that is the time of the wall clock; on a
shared one it leaves out the turns of others. Calls that take turns see the same caches and frequencies, so their ratios stay.
"""

from __future__ import annotations

import importlib
import os
import platform
import re
import statistics
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import NamedTuple, TypeVar

import numpy as np

from igc_theory.kernels.caches import cache_bytes
from igc_theory.kernels.products.planning import matrix_products

T = TypeVar("T")
Row = dict[str, int | float | str | None]
"""One line of a table; None where a peer is not installed or a method does not apply."""


class Verdict(NamedTuple):
    """A target, what was measured, and whether that reaches it; None if nothing was."""

    target: str
    measured: str
    reached: bool | None


SLOW = 1.0
"""Seconds beyond which a call that is far behind may be timed once."""

FAR = 5.0
"""Times the first call's time beyond which a call takes three turns: those that are near are then timed close together."""


def medians(
    calls: Mapping[str, Callable[[], object]],
    *,
    rounds: int = 7,
    slice_seconds: float = 0.03,
    most_seconds: float = 4.0,
    results: dict[str, object] | None = None,
) -> dict[str, float]:
    """Return the median seconds of each call, the calls taking turns.

    A turn repeats its call for about `slice_seconds`, or once if it takes longer than that. After `most_seconds` there are no more
    rounds, but for a third one. Calls far behind the first one are timed three times, those twice as far once if they take more
    than a second. What each call returned goes into `results`, so that nobody needs to call again.
    """
    once: dict[str, float] = {}
    for name, call in calls.items():
        once[name], result = _once(call, slice_seconds)
        if results is not None:
            results[name] = result
    first = next(iter(calls))
    once[first] = min(once[first], _once(calls[first], slice_seconds)[0])  # new buffers cost their pages once
    far = FAR * once[first]
    repeats = {name: max(1, int(slice_seconds / max(time_, 1e-7))) for name, time_ in once.items()}
    slow = max(SLOW, 2 * far)  # twice, as the first call of a peer pays for its pages, too
    seconds = {name: [time_] if time_ > slow else [] for name, time_ in once.items()}
    end = time.process_time() + most_seconds
    for k in range(rounds):
        if k >= 3 and time.process_time() > end:
            break
        for name in (name for name in calls if once[name] <= (slow if k < 3 else far)):
            start = time.process_time()
            for _ in range(repeats[name]):
                calls[name]()
            seconds[name].append((time.process_time() - start) / repeats[name])
    return {name: statistics.median(values) for name, values in seconds.items()}


def least(
    calls: Mapping[str, Callable[[], object]], *, rounds: int = 15, slice_seconds: float = 0.01
) -> dict[str, float]:
    """Return the least seconds of each call, the calls taking turns: what short calls take on a machine that others use too."""
    repeats = {
        name: max(1, int(slice_seconds / max(_once(call, slice_seconds)[0], 1e-7))) for name, call in calls.items()
    }
    seconds = dict.fromkeys(calls, float("inf"))
    for _ in range(rounds):
        for name, call in calls.items():
            for _ in range(repeats[name]):
                start = time.process_time()
                call()
                seconds[name] = min(seconds[name], time.process_time() - start)
    return seconds


def _once(call: Callable[[], object], slice_seconds: float) -> tuple[float, object]:
    """Return the seconds of one call, and its result; the first run warms up, and a short one is timed again."""
    for _ in range(2):
        start = time.process_time()
        result = call()
        once = time.process_time() - start
        if once > slice_seconds:
            break
    return once, result


def peer(name: str) -> ModuleType | None:
    """Return a library to compare with, None if it is not installed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return importlib.import_module(name)
        except ImportError:
            return None


def mkl_version() -> str | None:
    """Return the version of MKL that the library multiplies with; None if the extra is not installed."""
    return metadata.version("mkl") if matrix_products._mkl() else None


def by_numpy_alone(call: Callable[[], T]) -> T:
    """Return what a call returns where the extra ``mkl`` is not installed."""
    with_mkl, matrix_products._gemm = matrix_products._gemm, lambda _: None
    try:
        return call()
    finally:
        matrix_products._gemm = with_mkl


def machine(peers: Sequence[str]) -> list[tuple[str, str]]:
    """Return what the numbers depend on: processor, versions, BLAS, date."""
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    facts = [
        ("date", date.today().isoformat()),
        ("processor", _processor()),
        ("threads", _threads()),
        ("system", f"{platform.system()} {platform.machine()}"),
        ("Python", platform.python_version()),
        ("NumPy", f"{np.__version__}, {blas['name']} {blas['version']}"),
    ]
    facts.append(("MKL of our plans", mkl_version() or "not installed"))
    return facts + [(name, getattr(peer(name), "__version__", "not installed")) for name in peers]


def _threads() -> str:
    """Return each run-time's threads and, for a BLAS, its kernels, if threadpoolctl is installed."""
    control = peer("threadpoolctl")
    if control is None:
        return "one, by environment variables"
    pools = {
        f"{p['internal_api']} {p['num_threads']} {p.get('architecture', '')}".strip() for p in control.threadpool_info()
    }
    return f"{', '.join(sorted(pools))}, of {os.cpu_count()} cores"


def _processor() -> str:
    """Return the processor's name and its data caches."""
    return ", ".join([_name(), *(f"L{level} {cache_bytes(level) // 1024}K" for level in (1, 2, 3))])


def _name() -> str:
    about = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*:\s*(.+)", about.read_text(encoding="utf-8")) if about.exists() else None
    name = found.group(1) if found else platform.processor() or "unknown"
    return re.sub(r"\((?:R|TM)\)", "", name)


def processor_key() -> str:
    """Return what files of this processor are named after: its name and its second cache."""
    return re.sub(r"[^a-z0-9]+", "_", f"{_name()} L2 {cache_bytes(2) // 1024}K".lower()).strip("_")


def number(row: Row, column: str) -> float | None:
    """Return an entry as a number, None if there is none."""
    value = row.get(column)
    return None if value is None else float(value)


def ratio(theirs: float | None, ours: float | None) -> float | None:
    """Return how many times longer `theirs` takes; None if either is missing."""
    return None if theirs is None or not ours else theirs / ours
