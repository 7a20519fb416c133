"""Threads: the library shares work among its own, and holds those of the BLAS meanwhile.

A BLAS that splits small blocks waits for its slowest thread at the end of each of them. Beside other programs that costs many
times the arithmetic.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache, partial
from importlib import import_module
from itertools import product
from threading import Lock
from typing import Any, NamedTuple

from tqdm.auto import tqdm

__all__ = ["blas_libraries", "one_blas_thread", "run_together", "threads_for"]


class _Library(NamedTuple):
    """A BLAS: how many threads it takes, and the function that changes that."""

    threads: Callable[[], int]
    set_threads: Callable[[int], object]


_SYMBOLS = [
    (f"{before}openblas_get_num_threads{after}", f"{before}openblas_set_num_threads{after}")
    for before, after in product(("", "scipy_"), ("", "64_", "_64"))
] + [
    ("MKL_Get_Max_Threads", "MKL_Set_Num_Threads"),
    ("bli_thread_get_num_threads", "bli_thread_set_num_threads"),
]
"""What OpenBLAS, MKL and BLIS call the two."""

WORTH_A_THREAD = 2**26
"""Multiply-adds from which a few threads pay: they take some tenths of a millisecond to start."""

LONG = 32
"""Tasks from which a progress bar is made."""

_LOCK = Lock()
_HELD: list[int] = []
"""While any call holds the BLAS: how many threads each library had before. Else empty."""
_CALLS = [0]
"""How many calls hold it."""


@cache
def blas_libraries() -> tuple[_Library, ...]:
    """Return the BLAS libraries in this process; none where threadpoolctl or threads are missing."""
    import_module("scipy.linalg")  # a library can be found once it is loaded; NumPy's own is
    try:
        from threadpoolctl import ThreadpoolController
    except ImportError:
        return ()
    paths = [library.filepath for library in ThreadpoolController().lib_controllers if library.user_api == "blas"]
    return tuple(found for path in paths if (found := _opened(path)))


def _opened(path: str) -> _Library | None:
    """Return the functions of a library itself: those of threadpoolctl take ten times as long and obey one Python thread."""
    library = ctypes.CDLL(path)
    for read, write in _SYMBOLS:
        if hasattr(library, read) and hasattr(library, write):
            return _Library(getattr(library, read), getattr(library, write))
    return None


@contextmanager
def one_blas_thread() -> Iterator[int]:
    """Hold the BLAS to one thread; the value is how many threads it may take outside.

    Calls nest, in one thread and in several: the last one that leaves puts the numbers back, also after an exception. A number that
    somebody else has set meanwhile stays. It is also a decorator: ``@one_blas_thread()``.

    Examples
    --------
    >>> with one_blas_thread() as outside, one_blas_thread() as again:
    ...     outside == again
    True
    """
    libraries = blas_libraries()
    with _LOCK:
        _CALLS[0] += 1
        if _CALLS[0] == 1:
            _HELD[:] = [library.threads() for library in libraries]
            _set(libraries, _HELD, [1] * len(libraries))
        allowed = max(_HELD, default=1)
    try:
        yield allowed
    finally:
        with _LOCK:
            _CALLS[0] = max(0, _CALLS[0] - 1)
            if _HELD and not _CALLS[0]:  # none is held in the child of a fork
                _set(libraries, [1] * len(libraries), _HELD)
                _HELD.clear()


def _set(libraries: Sequence[_Library], before: Sequence[int], after: Sequence[int]) -> None:
    """Set the numbers of threads that change, where they are still as they were."""
    for library, old, new in zip(libraries, before, after, strict=True):
        if old != new and library.threads() == old:
            library.set_threads(new)


def threads_for(multiply_adds: int) -> int:
    """Return how many threads pay for that much work: as many as the BLAS may take, or one.

    Examples
    --------
    >>> threads_for(10**6)
    1
    """
    with one_blas_thread() as allowed:
        return allowed if multiply_adds >= WORTH_A_THREAD else 1


def run_together(tasks: Sequence[Callable[[], object]], threads: int, title: str = "") -> None:
    """Call all tasks, in up to `threads` threads that take one after the other; an exception of a task is raised.

    After two seconds a progress bar shows, if there is a `title`.

    Examples
    --------
    >>> done = []
    >>> run_together([lambda k=k: done.append(k) for k in range(5)], threads=2)
    >>> sorted(done)
    [0, 1, 2, 3, 4]
    """
    if title and len(tasks) > LONG:
        with tqdm(total=len(tasks), desc=title, unit="part", delay=2, leave=False, disable=None) as bar:
            return run_together([partial(_counted, task, bar) for task in tasks], threads)
    threads = min(threads, len(tasks), os.cpu_count() or 1)
    if threads <= 1:
        for task in tasks:
            task()
        return
    waiting = iter(tasks)
    with ThreadPoolExecutor(threads - 1) as pool:
        others = [pool.submit(_take, waiting) for _ in range(threads - 1)]
        _take(waiting)
        for other in others:
            other.result()


def _take(waiting: Iterator[Callable[[], object]]) -> None:
    for task in waiting:
        task()


def _counted(task: Callable[[], object], bar: Any) -> None:
    task()
    bar.update()


def _forget() -> None:
    """Put the numbers back in the child of a fork, where the threads that held the BLAS are not."""
    global _LOCK
    _LOCK = Lock()
    if _HELD:
        _set(blas_libraries(), [1] * len(_HELD), _HELD)
    _HELD.clear()
    _CALLS[0] = 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
