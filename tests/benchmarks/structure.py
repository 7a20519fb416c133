"""Conditions on large chains: the times and the memory promised, beside the integer sparse product of the supports."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from functools import reduce

import numpy as np
from scipy.sparse import csr_array, eye_array, kron

from igc_theory.structure import Chain, ChannelPermutation, grade, igcv2, uniform_path_count
from igc_theory.structure.chains import Factor
from tests.benchmarks.timing import Row, Verdict, medians, number, ratio

TITLE = "Conditions on large chains"
NOTES = """Milliseconds per call, and the most memory it holds at a time. `disguised` chains are canonical ones whose channels are
relabelled between all factors, so that no permutation is an interleaving; `shuffled` chains have random permutations and are
neither strict nor loose. The sparse product multiplies the integer supports of all factors as SciPy `csr_array`s."""

TARGETS = {
    "grade, 65,536 channels, 2 factors": 150.0,
    "grade, 65,536 channels, 4 factors": 1000.0,
    "uniform_path_count, a million channels": 2000.0,
}
MEMORY, SLOWER = 100.0, 40.0


def run(quick: bool = False) -> list[Row]:
    """Return one row a question."""
    return [_row(*case) for case in _cases(quick)]


def verdicts(rows: list[Row]) -> list[Verdict]:
    """Return the slowest chain of each target, the largest memory, and the smallest ratio to the sparse product."""
    found = []
    for task, target in TARGETS.items():
        times = [value for row in rows if row["task"] == task and (value := number(row, "ms")) is not None]
        if times:
            found.append(Verdict(f"{task}: under {target:.0f} ms", f"{max(times):.1f} ms", max(times) < target))
    most = max(value for row in rows if (value := number(row, "peak MB")) is not None)
    ratios = [value for row in rows if (value := number(row, "sparse product / ours")) is not None]
    found.append(Verdict(f"peak memory: under {MEMORY:.0f} MB", f"{most:.1f} MB", most < MEMORY))
    at_1024 = "uniform_path_count, 1,024 channels, every chain: at least 40 times faster than the sparse product"
    return [*found, Verdict(at_1024, f"{min(ratios):.0f}×", min(ratios) >= SLOWER)]


Case = tuple[str, str, Chain, Callable[[Chain], object], bool]


def _cases(quick: bool) -> Iterator[Case]:
    rng = np.random.default_rng(0)
    for widths in ([32, 32], [4] * 5, [2] * 10):
        chain = igcv2(widths, kernel_size=1)
        yield "uniform_path_count, 1,024 channels", _shown(widths), chain, lambda c: uniform_path_count(c, rng), True
        yield "grade, 1,024 channels", _shown(widths), chain, grade, True
    scale = 4 if quick else 1
    for widths in ([256, 256 // scale], [16, 16, 16, 16 // scale]):
        task, canonical = f"grade, 65,536 channels, {len(widths)} factors", igcv2(widths, kernel_size=1)
        for kind, chain in (
            ("canonical", canonical),
            ("disguised", disguised(canonical, rng)),
            ("shuffled", shuffled(canonical, rng)),
        ):
            yield task, f"{kind}, {_shown(widths)}", chain, grade, False
    for widths in ([1024, 1024 // scale], [32, 32, 32, 32 // scale], [2] * (18 if quick else 20)):
        task, chain = "uniform_path_count, a million channels", disguised(igcv2(widths, kernel_size=1), rng)
        yield task, f"disguised, {_shown(widths)}", chain, lambda c: uniform_path_count(c, rng), False


def disguised(chain: Chain, rng: np.random.Generator) -> Chain:
    """The same chain with the branches of every factor, and the channels inside them, in random order."""
    factors: list[Factor] = []
    for factor in chain.factors:
        if isinstance(factor, ChannelPermutation):
            factors.append(ChannelPermutation(factor.indices))
            continue
        # Reordering whole branches, and channels inside a branch, before and after a factor leaves its support as it is.
        branches = rng.permutation(factor.groups)
        inner = rng.permuted(np.tile(np.arange(factor.in_width), (factor.groups, 1)), axis=1)
        order = ChannelPermutation((branches[:, None] * factor.in_width + inner).ravel())
        factors += [order, factor, order.inverse()]
    return Chain(factors)


def shuffled(chain: Chain, rng: np.random.Generator) -> Chain:
    """The same convolutions with a random permutation behind each."""
    pairs = ((conv, ChannelPermutation(rng.permutation(conv.out_channels))) for conv in chain.convolutions)
    return Chain([factor for pair in pairs for factor in pair])


def _row(task: str, case: str, chain: Chain, ask: Callable[[Chain], object], beside: bool) -> Row:
    supports = [_support(factor) for factor in chain.factors] if beside else []
    peers = {"sparse": lambda: reduce(lambda product, matrix: matrix @ product, supports)} if beside else {}
    seconds = medians({"ours": lambda: ask(chain)} | peers, rounds=7 if beside else 3)
    tracemalloc.start()
    ask(chain)
    peak = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    longer = ratio(seconds.get("sparse"), seconds["ours"])
    return {
        "task": task,
        "chain": case,
        "ms": 1e3 * seconds["ours"],
        "peak MB": peak,
        "sparse product / ours": longer if task.startswith("uniform") else None,
    }


def _support(factor: Factor) -> csr_array:
    if isinstance(factor, ChannelPermutation):
        size = factor.channels
        return csr_array((np.ones(size, np.int64), factor.indices, np.arange(size + 1)), shape=(size, size))
    block = np.ones((factor.out_width, factor.in_width), np.int64)
    return csr_array(kron(eye_array(factor.groups, dtype=np.int64), block))


def _shown(widths: list[int]) -> str:
    same = len(set(widths)) == 1 and len(widths) > 4
    return f"K = {widths[0]}, {len(widths)} times" if same else f"K = {', '.join(map(str, widths))}"
