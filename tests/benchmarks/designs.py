"""Searching integer designs: the times promised, and the same problems given to an integer-programming solver and to SymPy."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from scipy.optimize import LinearConstraint, milp
from sympy import factorint
from sympy.utilities.iterables import multiset_partitions

from igc_theory.budget import (
    best_dense,
    best_strict,
    factorizations,
    strict_designs,
    widest_dense,
    widest_igcv1,
    widest_strict,
)
from igc_theory.structure.divisors import divisors
from tests.benchmarks.timing import Row, Verdict, medians, number, ratio

TITLE = "Searching integer designs"
NOTES = """Milliseconds a search, 3×3 kernel, no limits unless named. `milp` is SciPy's HiGHS on the dense problem with K_1 = 1:
how often to use each divisor of C, so that the logarithms add up to ln C. `sympy` lists the partitions of the multiset of prime
factors, which are the factorizations. The widths are those with the most divisors below 100,000 and 4,096, a power of two, and
some with large primes."""

WIDTHS = (65_536, 83_160, 98_280, 99_991, 99_998, 68_579)
LIMITS: tuple[dict[str, int], ...] = ({}, {"factors": 4}, {"min_width": 8}, {"multiple_of": 8})
TARGETS = {"best": 50.0, "widest": 1000.0, "enumerate": 1000.0}


def run(quick: bool = False) -> list[Row]:
    """Return one row a search: milliseconds, and how many times longer the peer takes."""
    return [_row(*case) for case in _cases(quick)]


def verdicts(rows: list[Row]) -> list[Verdict]:
    """Return the slowest search of each kind beside its target, and the smallest ratio to each peer."""
    found = []
    for task, target in TARGETS.items():
        slowest = max(value for row in rows if row["task"] == task and (value := number(row, "ours")) is not None)
        found.append(Verdict(f"{task}: at most {target:.0f} ms", f"{slowest:.1f} ms", slowest <= target))
    for name in ("milp", "sympy"):
        ratios = [value for row in rows if row["peer"] == name and (value := number(row, "peer / ours")) is not None]
        found.append(Verdict(f"{name}, every case: at least 1", f"{min(ratios):.1f}×", min(ratios) >= 1))
    return found


Call = Callable[[], object]


def _cases(quick: bool) -> Iterator[tuple[str, str, Call, str | None, Call | None]]:
    for C in WIDTHS[:2] if quick else WIDTHS:
        yield "best", f"strict, C = {C:,}", lambda C=C: best_strict(C, 9), None, None
        yield "best", f"dense, C = {C:,}", lambda C=C: best_dense(C, 9), "milp", lambda C=C: _by_programming(C)
    for C in (720,) if quick else (2520, 2880, 4096):
        yield (
            "enumerate",
            f"factorizations, C = {C:,}",
            lambda C=C: factorizations(C),
            "sympy",
            lambda C=C: _by_sympy(C),
        )
        yield "enumerate", f"strict designs, C = {C:,}", lambda C=C: list(strict_designs(C, 9)), None, None
    budget = 10**5 if quick else 10**7
    yield "widest", f"IGCV1, T = {budget:,}", lambda: widest_igcv1(budget, 9), None, None
    for function in (widest_strict, widest_dense):
        for limits in LIMITS:
            shown = ", ".join([f"{function.__name__}, T = {budget:,}", *(f"{k}={v}" for k, v in limits.items())])
            yield "widest", shown, lambda f=function, limits=limits: f(budget, 9, **limits), None, None


def _row(task: str, case: str, ours: Call, name: str | None, theirs: Call | None) -> Row:
    seconds = medians({"ours": ours} | ({name: theirs} if name and theirs else {}), rounds=5)
    longer = ratio(seconds.get(name), seconds["ours"]) if name else None
    return {"task": task, "case": case, "ours": 1e3 * seconds["ours"], "peer": name, "peer / ours": longer}


def _by_programming(C: int) -> float:
    widths = np.array(divisors(C)[1:])
    need = LinearConstraint(np.log(widths), lb=np.log(C) - 1e-9)
    return float(milp(widths, constraints=need, integrality=np.ones(widths.size)).fun)


def _by_sympy(C: int) -> list[object]:
    return list(multiset_partitions([p for p, power in factorint(C).items() for _ in range(power)]))
