"""Which of several ways to do the same is faster on this machine."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from math import inf
from time import thread_time
from typing import TypeVar

from igc_theory.kernels.threads import one_blas_thread

__all__ = ["CLEARLY", "ROUNDS", "least_seconds"]

ROUNDS, CLEARLY = 5, 0.92
"""How often each way is timed, the first time to warm up; and the share of another one's time that tells."""

Way = TypeVar("Way", bound=Hashable)


def least_seconds(ways: Mapping[Way, Callable[[], object]]) -> dict[Way, float]:
    """Return the least processor time of calls that take turns, on one thread of the BLAS.

    Examples
    --------
    >>> sorted(least_seconds({"twice": lambda: sum(range(2000)), "once": lambda: sum(range(1000))}))
    ['once', 'twice']
    """
    least = dict.fromkeys(ways, inf)
    with one_blas_thread():
        for k in range(ROUNDS):
            for way, call in ways.items():
                start = thread_time()
                call()
                took = thread_time() - start
                least[way] = min(least[way], took) if k else inf
    return least
