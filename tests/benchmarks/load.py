"""Beside another program: how much longer calls take when one process keeps a core busy."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise

import numpy as np

from igc_theory.kernels import convolve, frontier, project, random_product
from igc_theory.kernels.threads import blas_libraries
from igc_theory.networks import audit, from_torch
from igc_theory.structure import igcv1, igcv2, igcv3
from tests.benchmarks.timing import Row, Verdict, number, peer

TITLE = "Beside another program"
NOTES = """Milliseconds by the clock on the wall, medians: alone, and while another process computes without end, on no core in
particular. The BLAS may take every core outside the calls, as it does by default. Rounds alone and under load take turns.
`control` is the ratio of a sum in plain Python, timed in turn with the call. It stays near one while a core is left for it.
Where it does not there was another process that nobody counted, or less than two cores, and that row is not judged."""

TARGET = 2.5
QUIET = 1.25
"""The largest ratio of the control on a machine that does nothing else."""

Call = Callable[[], object]


def run(quick: bool = False) -> list[Row]:
    """Return one row per call: milliseconds alone and under load, and their ratio."""
    with _every_core():
        return [_row(name, call, rounds=2 if quick else 5) for name, call in _calls()]


def verdicts(rows: list[Row]) -> list[Verdict]:
    """Return the largest ratio beside the target, of the rows that were measured on a quiet machine."""
    target = f"every call: at most {TARGET} times its time alone"
    quiet = [row for row in rows if (number(row, "control") or 0) <= QUIET]
    found, name = max(((number(row, "load / alone") or 0, str(row["call"])) for row in quiet), default=(0, ""))
    missing = f"; {len(rows) - len(quiet)} calls on a machine that was not quiet" if len(quiet) < len(rows) else ""
    reached = False if found > TARGET else None if missing else True
    return [Verdict(target, f"{found:.2f}× {name}{missing}", reached)]


def _calls() -> Iterator[tuple[str, Call]]:
    rng = np.random.default_rng(0)
    image, dense = rng.standard_normal((128, 28, 28), np.float32), rng.standard_normal((128, 128, 3, 3), np.float32)
    yield "convolve, dense, 128 channels of 28²", lambda: convolve(image, dense)
    block = random_product(igcv3(128, 128, expansion=2), rng, np.float32)
    yield "IGCV3 block, 128 channels of 28²", lambda: block.convolve(image)
    planned = block.plan_convolution(image.shape)
    yield "IGCV3 block, planned", lambda: planned(image)
    product, x = random_product(igcv2([16, 16, 16], 1), rng, np.float32), rng.standard_normal((4096, 256), np.float32)
    plan = product.plan(256)
    yield "plan, 4,096 channels, 3 factors, batch 256", lambda: plan(x)
    kernel, chain = rng.standard_normal((1024, 1024)), igcv1(32, 32, 1)
    yield "project, 1,024 channels, 2 factors", lambda: project(kernel, chain)
    small = rng.standard_normal((64, 64))
    yield "frontier, 64 channels", lambda: frontier(small, progress=False)
    if torch := peer("torch"):
        layers = [torch.nn.Conv2d(a, b, 3, padding=1) for a, b in ((3, 32), (32, 64), (64, 64), (64, 128))]
        read = from_torch(torch.nn.Sequential(*layers), (3, 32, 32))
        yield "audit, four dense layers up to 128 channels", lambda: audit(read, progress=False)


def _row(name: str, call: Call, rounds: int) -> Row:
    """Return the medians of a call and of the control, alone and under load, all taking turns."""
    call()
    alone: list[tuple[float, ...]] = []
    loaded: list[tuple[float, ...]] = []
    for _ in range(rounds):
        alone += _seconds(call, _control)
        with busy():
            loaded += _seconds(call, _control)
    (time_, control), (time_loaded, control_loaded) = (
        map(statistics.median, zip(*times, strict=True)) for times in (alone, loaded)
    )
    row: Row = {"call": name, "alone": 1e3 * time_, "load": 1e3 * time_loaded, "load / alone": time_loaded / time_}
    return row | {"control": control_loaded / control}


def _control() -> int:
    return sum(range(100_000))


def _seconds(*calls: Call) -> list[tuple[float, ...]]:
    """Return the times of as many calls, taking turns, as fit into half a second, at least one of each."""
    times, end = [], time.perf_counter() + 0.5
    while not times or time.perf_counter() < end:
        moments = [time.perf_counter()]
        for call in calls:
            call()
            moments.append(time.perf_counter())
        times.append(tuple(b - a for a, b in pairwise(moments)))
    return times


@contextmanager
def busy() -> Iterator[None]:
    """Keep one core busy with a process of its own."""
    with subprocess.Popen([sys.executable, "-S", "-c", "print(flush=True)\nwhile True: pass"], stdout=-1) as process:
        try:
            process.stdout.readline()  # it runs
            yield
        finally:
            process.kill()


@contextmanager
def _every_core() -> Iterator[None]:
    """Let the BLAS take every core, whatever the other benchmarks are told."""
    libraries = blas_libraries()
    before = [library.threads() for library in libraries]
    for library in libraries:
        library.set_threads(os.cpu_count() or 1)
    try:
        yield
    finally:
        for library, number_before in zip(libraries, before, strict=True):
            library.set_threads(number_before)
