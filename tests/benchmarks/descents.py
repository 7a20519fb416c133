"""Alternating least squares beside pyfaust's PALM4MSA and hierarchical factorization, on the same supports."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from igc_theory.kernels import project, random_product
from igc_theory.kernels.arrays import Array
from igc_theory.kernels.projection.alternating.descent import Descent
from igc_theory.kernels.projection.alternating.factors import chain_node
from igc_theory.kernels.projection.alternating.starts import random_weights
from igc_theory.structure import Chain, GroupConv, group_and_shuffle, interleave, interleaved, kaleidoscope
from tests.benchmarks.timing import Row, Verdict, medians, number, peer, ratio

TITLE = "Descending to a product of any chain"
NOTES = """Milliseconds of processor time for a C×C matrix in double precision. The peers know the supports of the factors,
permutations included; `palm4msa` runs 300 iterations and `hierarchical` 100 at each level. `to palm4msa` is the time that sweeps of
alternating least squares take, from random weights, until their error is no larger than that peer's. The ratio is how many times
longer the peer took. `project` is the whole call, with all its starts and steps, and `error` what it reaches."""

PEERS = ("palm4msa", "hierarchical")
MOST_SWEEPS = 300


def chains() -> dict[str, Chain]:
    """The chains, all pointwise."""
    outer = GroupConv(64, 24, 4), GroupConv(24, 64, 4)
    return {
        "BLAST-like": Chain([outer[0], interleave(4, 6), GroupConv(24, 24, 6), interleave(6, 4), outer[1]]),
        "group and shuffle": group_and_shuffle(64, 64, 64, [8, 8, 8]),
        "nearly complementary": interleaved(60, [4, 4, 5], 1),
        "kaleidoscope": kaleidoscope(16),
        "five factors": interleaved(128, [4, 4, 4, 4, 4], 1),
    }


def run(quick: bool = False) -> list[Row]:
    """Return a row for each chain and kernel; none without pyfaust."""
    if peer("pyfaust") is None:
        return []
    chosen = [*chains().items()][: 1 if quick else None]
    return [_cell(name, chain, kind) for name, chain in chosen for kind in ("random", "hidden product")]


def verdicts(rows: list[Row]) -> list[Verdict]:
    """Return the targets with what was measured."""
    found = [_least(name, rows) for name in PEERS]
    errors = [(row, number(row, "error"), number(row, f"error of {name}")) for row in rows for name in PEERS]
    excess = [ours - theirs for _, ours, theirs in errors if ours is not None and theirs is not None]
    target = "error of project: at most the peers'"
    last = Verdict(target, f"{max(excess):+.1e}", max(excess) <= 1e-9) if excess else Verdict(target, "not run", None)
    return [*found, last]


def _least(name: str, rows: list[Row]) -> Verdict:
    cells = [(value, row) for row in rows if (value := number(row, f"{name} / ours")) is not None]
    target = f"as small an error as {name}, every cell: at least 5 times as fast"
    if not cells:
        return Verdict(target, "not installed or not run", None)
    found, row = min(cells, key=lambda cell: cell[0])
    missing = len(rows) - len(cells)
    told = f"{found:.2f}× {row['chain']}, {row['kernel']}" + (f"; {missing} cells never reach it" if missing else "")
    return Verdict(target, told, found >= 5 and not missing)


def _cell(name: str, chain: Chain, kind: str) -> Row:
    """Return one row of the table."""
    rng = np.random.default_rng(0)
    matrix = rng.standard_normal((chain.out_channels, chain.in_channels))
    matrix = matrix if kind == "random" else random_product(chain, rng).matrix()
    calls = dict(zip(PEERS, _peers(matrix, [*_supports(chain)]), strict=True))
    errors = {label: _error(call(), matrix) for label, call in calls.items()}
    start = random_weights(matrix[..., None, None], chain, rng)
    ours = {f"to {label}": _descending(matrix, chain, start, error) for label, error in errors.items()}
    reached = {label: call for label, call in ours.items() if call() is not None}
    seconds = medians(reached | calls, rounds=5)
    row: Row = {"chain": name, "C": chain.in_channels, "kernel": kind}
    row |= {label: 1e3 * seconds[label] if label in seconds else None for label in (*PEERS, *ours)}
    row |= {f"{label} / ours": ratio(seconds[label], seconds.get(f"to {label}")) for label in PEERS}
    begun = time.process_time()
    found = project(matrix, chain, polish=True)
    row |= {"project": 1e3 * (time.process_time() - begun), "error": found.relative_error}
    return row | {f"error of {label}": error for label, error in errors.items()}


def _descending(matrix: Array, chain: Chain, start: list[Array], error: float) -> Callable[[], int | None]:
    """Return a call that sweeps until the relative error is no larger, and returns how often; None if that takes too many."""
    target, goal = np.ascontiguousarray(matrix.T)[:, None, None], (error * np.linalg.norm(matrix)) ** 2

    def call() -> int | None:
        descent = Descent(chain_node(chain, start), target)
        for sweep in range(MOST_SWEEPS):
            if descent.error <= goal:
                return sweep
            descent.sweep()
        return None

    return call


def _supports(chain: Chain) -> Iterator[Array]:
    """Yield the supports of the factors from left to right, each with the permutations in front of it; a last one is left out."""
    left, seen = np.eye(chain.out_channels), []
    for factor, matrix in reversed(
        [*zip(chain.factors, random_product(chain, np.random.default_rng(0)).sparse_factors(), strict=True)]
    ):
        left = left @ (matrix.toarray() != 0)
        if isinstance(factor, GroupConv):
            seen.append(left)
            left = np.eye(factor.in_channels)
    seen[-1] = seen[-1] @ left
    yield from (support > 0 for support in seen)


def _peers(matrix: Array, supports: list[Array]) -> tuple[Callable[[], object], Callable[[], object]]:
    """Return the calls of PALM4MSA and of the hierarchical factorization with these supports."""
    from pyfaust import fact, factparams, proj

    def residual(k: int) -> Array:
        product = supports[k].astype(float)
        for support in supports[k + 1 :]:
            product = product @ support
        return product > 0

    def projector(support: Array) -> object:
        return proj.supp(np.asarray(support, float))

    stop = factparams.StoppingCriterion(num_its=300)
    palm = factparams.ParamsPalm4MSA([projector(support) for support in supports], stop)
    stops = [factparams.StoppingCriterion(num_its=100) for _ in range(2)]
    residuals = [projector(residual(k)) for k in range(1, len(supports))]
    levels = factparams.ParamsHierarchical([projector(support) for support in supports[:-1]], residuals, *stops)
    return (
        lambda: fact.palm4msa(matrix, palm, ret_lambda=True, backend=2020)[0],
        lambda: fact.hierarchical(matrix, levels, ret_lambda=True, backend=2020)[0],
    )


def _error(found: Any, matrix: Array) -> float:
    return float(np.linalg.norm(np.asarray(found.toarray()) - matrix) / np.linalg.norm(matrix))


warnings.filterwarnings("ignore", module="pyfaust")
