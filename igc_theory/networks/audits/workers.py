"""Work shared out among processes, or a cluster, with results as they come."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from tqdm.auto import tqdm

from igc_theory.kernels.threads import one_blas_thread
from igc_theory.structure.arguments.numbers import positive_int

__all__ = ["ALL_CORES", "as_they_come", "in_order", "worker_count"]

ALL_CORES = -1
"""The number of workers that stands for as many as there is use for."""

MOST_WORKERS = 256
"""Processes: more than any machine that this was tried on has cores."""

Result = TypeVar("Result")


def worker_count(workers: Any) -> int:
    """Return a number of workers that was asked for: -1, or at least 1.

    Raises
    ------
    TypeError, ValueError
        If it is neither.

    Examples
    --------
    >>> worker_count(-1), worker_count(2)
    (-1, 2)
    >>> worker_count(0)
    Traceback (most recent call last):
    ...
    ValueError: workers=0 is nobody: give a number of processes, or -1 for one per core
    """
    way_out = "give a number of processes, or -1 for one per core"
    count = positive_int("workers", workers, minimum=ALL_CORES, maximum=MOST_WORKERS, way_out=way_out)
    if count == 0:
        raise ValueError(f"workers=0 is nobody: {way_out}")
    return count


def as_they_come(
    function: Callable[..., Result],
    arguments: Sequence[tuple[Any, ...]],
    *,
    workers: int,
    progress: bool,
    what: str,
    unit: str,
) -> Iterator[tuple[int, Result]]:
    """Yield the position and the result of each call, in the order in which they end, with a progress bar.

    One worker computes here. More are started by joblib: never more than there are calls, or cores that this process may use
    (affinity and the limits of its container count). Each has one thread of BLAS. Within
    ``joblib.parallel_config`` the calls go to another backend, such as Dask's or Ray's, whose cores are those of the cluster.

    Parameters
    ----------
    function : callable
        Importable, so that other processes can call it.
    arguments : sequence of tuple
        Of each call.
    workers : int
        As `worker_count` returns it.
    progress : bool
        Whether a progress bar is shown in a terminal.
    what, unit : str
        Words for the progress bar.

    Yields
    ------
    (int, result)

    Raises
    ------
    ImportError
        If more than one worker is asked for, there is more than one call, and joblib is missing.

    Examples
    --------
    >>> list(as_they_come(pow, [(2, 3), (3, 2)], workers=1, progress=False, what="raising", unit="power"))
    [(0, 8), (1, 9)]
    """
    if workers == 1 or len(arguments) < 2:
        results: Iterator[tuple[int, Result]] = (
            _numbered(k, function, *argument) for k, argument in enumerate(arguments)
        )
    else:
        results = _shared_out(function, arguments, workers)
    disable = None if progress else True
    yield from tqdm(results, total=len(arguments), desc=what, unit=unit, leave=False, disable=disable)


def in_order(function: Callable[..., Result], arguments: Sequence[tuple[Any, ...]], **how: Any) -> list[Result]:
    """Return the results of `as_they_come` in the order of the arguments.

    Examples
    --------
    >>> in_order(pow, [(2, 3), (3, 2)], workers=1, progress=False, what="raising", unit="power")
    [8, 9]
    """
    return [result for _, result in sorted(as_they_come(function, arguments, **how), key=lambda pair: pair[0])]


def _shared_out(
    function: Callable[..., Result], arguments: Sequence[tuple[Any, ...]], workers: int
) -> Iterator[tuple[int, Result]]:
    try:
        from joblib import Parallel, delayed, effective_n_jobs
    except ImportError as error:
        raise ImportError("more than one worker needs joblib: pip install joblib, or leave workers=1") from error
    cores = effective_n_jobs(ALL_CORES)
    count = min(len(arguments), cores, cores if workers == ALL_CORES else workers)
    calls = (delayed(_in_one_thread)(k, function, *argument) for k, argument in enumerate(arguments))
    return iter(Parallel(n_jobs=count, batch_size=1, return_as="generator_unordered")(calls))


def _numbered(k: int, function: Callable[..., Result], *arguments: Any) -> tuple[int, Result]:
    return k, function(*arguments)


def _in_one_thread(k: int, function: Callable[..., Result], *arguments: Any) -> tuple[int, Result]:
    """Return the result of a call that shares the machine: more threads of BLAS would wait for each other."""
    with one_blas_thread():
        return _numbered(k, function, *arguments)
