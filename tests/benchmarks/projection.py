"""Finding the nearest product: `project` beside the libraries that factorize matrices into the same sparse factors."""

from __future__ import annotations

import time
import tracemalloc
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy.linalg import dft, hadamard

from igc_theory.kernels import Projection, project
from igc_theory.kernels.arrays import Array
from igc_theory.structure import Chain, ChannelPermutation, igcv1, igcv2
from tests.benchmarks.timing import Row, Verdict, medians, number, peer, ratio

TITLE = "Finding the nearest product"
NOTES = """Milliseconds for a C×C matrix in double precision, and how many times longer the peers take. Chains: two factors of
√C channels per branch, and log2 C factors of two. The Fourier matrix is complex; its chain begins with the bit reversal, and
the peers get it with the columns in that order. `svd` is NumPy's batched decomposition of all blocks; lazylinop's `ksd` takes the
Monarch and the square dyadic chain; pyfaust's `butterfly` knows the latter only. The errors are relative, measured on the dense
matrices. `copies` is the most memory in use during `project`, the kernel included, in units of the kernel (for kernels larger than
one panel of its work). Its lower bound for log2 C factors is computed when asked for; `bound` is the time of that. In the smallest
two-factor cells a third of `project` works out how the chain is connected, which a kernel of any size pays once. In the largest
complex cells much of it is fresh memory: right after lazylinop has used it, a call takes up to twice the time of its repetition."""

PEERS = ("svd", "lazylinop", "pyfaust")
KERNELS = ("random", "Hadamard", "Fourier")
Call = Callable[[], object]


def run(quick: bool = False) -> list[Row]:
    """Return one row per cell: times in milliseconds, ratios, errors, memory."""
    sizes = (256,) if quick else (256, 1024, 4096)
    return [_cell(C, name, task) for task in ("two", "log2 C") for C in sizes for name in KERNELS]


def verdicts(rows: list[Row]) -> list[Verdict]:
    """Return the targets with what was measured."""
    two, many = ([row for row in rows if row["factors"] == task] for task in ("two", "log2 C"))
    large = [row for row in two if (row["C"], row["kernel"]) == (4096, "random")]
    return [
        *(_least(f"two factors, {name}", two, name, 2) for name in ("svd", "lazylinop")),
        _least("log2 C factors, lazylinop", many, "lazylinop", 5),
        *(
            _least(f"log2 C factors, pyfaust, C = {C}", [row for row in many if row["C"] == C], "pyfaust", 20)
            for C in sorted({int(row["C"] or 0) for row in many})
        ),
        _most(
            "two factors, random, C = 4096: at most 150 ms", [number(row, "project") for row in large], 150, "{:.0f} ms"
        ),
        _most("two factors: error as the peers' to 1e-9", [abs(excess) for excess in _excess(two)], 1e-9, "{:.1e}"),
        _most("log2 C factors: error not above the peers' by 1e-9", _excess(many), 1e-9, "{:.1e}"),
        _most("memory: at most 3 kernels, the input included", [number(row, "copies") for row in rows], 3, "{:.2f}"),
    ]


def _least(title: str, rows: list[Row], name: str, least: float) -> Verdict:
    cells = [(value, row) for row in rows if (value := number(row, f"{name} / project")) is not None]
    title = f"{title}, every cell: at least {least}"
    if not cells:
        return Verdict(title, "not installed or not run", None)
    found, row = min(cells, key=lambda cell: cell[0])
    return Verdict(title, f"{found:.2f}× {row['kernel']}, C={row['C']}", found >= least)


def _most(title: str, values: Sequence[float | None], most: float, form: str) -> Verdict:
    measured = [value for value in values if value is not None]
    if not measured:
        return Verdict(title, "not run", None)
    return Verdict(title, form.format(max(measured)), max(measured) <= most)


def _excess(rows: list[Row]) -> list[float]:
    """Return by how much our error is above each peer's."""
    return [
        ours - theirs
        for row in rows
        for name in PEERS
        if (ours := number(row, "error")) is not None and (theirs := number(row, f"error of {name}")) is not None
    ]


def _cell(C: int, name: str, task: str) -> Row:
    """Return one row of the table."""
    matrix, order = _matrix(name, C)
    chain = igcv1(*[2 ** (C.bit_length() // 2)] * 2, 1) if task == "two" else igcv2([2] * (C.bit_length() - 1), 1)
    chain = chain if name != "Fourier" else Chain([ChannelPermutation(order), chain])
    straight = matrix[:, order]
    calls = {"project": lambda: project(matrix, chain)} | _peers(straight, task)
    results: dict[str, Any] = {}
    seconds = medians(calls, rounds=7, results=results)
    found = results["project"]
    row: Row = {"factors": task, "C": C, "kernel": name}
    row |= {label: 1e3 * seconds[label] if label in seconds else None for label in ("project", *PEERS)}
    row |= {f"{label} / project": ratio(seconds.get(label), seconds["project"]) for label in PEERS}
    row |= {"error": _error(found.product.matrix(), matrix)}
    row |= {
        f"error of {label}": _error(_dense(results[label]), straight) if label in results else None for label in PEERS
    }
    return row | {
        "lower bound": found.lower_bound,
        "bound": _bound_time(found, matrix, chain),
        "copies": _copies(matrix, chain) if C > 256 else None,
    }


def _matrix(name: str, C: int) -> tuple[Array, np.ndarray]:
    """Return the matrix, and the order of its columns in which butterflies multiply to it."""
    bits = C.bit_length() - 1
    reversal = np.array([int(f"{k:0{bits}b}"[::-1], 2) for k in range(C)])
    if name == "Fourier":
        return dft(C, scale="sqrtn"), reversal
    random = np.random.default_rng(0).standard_normal((C, C))
    return (random if name == "random" else hadamard(C).astype(float)), np.arange(C)


def _peers(matrix: Array, task: str) -> dict[str, Call]:
    """Return the calls of the peers that are installed and know the factors."""
    butterfly, fact = peer("lazylinop.butterfly"), peer("pyfaust.fact")
    calls: dict[str, Call] = {"svd": lambda: _by_svd(matrix)} if task == "two" else {}
    if butterfly is not None:
        shapes = butterfly.Chain.monarch if task == "two" else butterfly.Chain.square_dyadic
        pattern = shapes(matrix.shape)
        calls["lazylinop"] = lambda: butterfly.ksd(matrix, pattern)
    if fact is not None and task != "two":
        calls["pyfaust"] = lambda: fact.butterfly(matrix)
    return calls


def _by_svd(matrix: Array) -> tuple[Array, Array]:
    """Return the factors of all blocks by batched decompositions: outputs that are congruent modulo √C share a branch."""
    side = int(len(matrix) ** 0.5)
    blocks = matrix.reshape(side, side, side, side).transpose(1, 2, 0, 3)
    u, s, v = np.linalg.svd(blocks, full_matrices=False)
    return u[..., 0] * s[..., :1], v[..., 0, :]


def _dense(result: object) -> Array:
    """Return the matrix of what a peer returned."""
    if isinstance(result, tuple):
        blocks = result[0][..., :, None] * result[1][..., None, :]
        return blocks.transpose(2, 0, 1, 3).reshape(blocks.shape[0] ** 2, -1)
    return np.asarray(result.toarray())


def _error(found: Array, matrix: Array) -> float:
    return float(np.linalg.norm(found - matrix) / np.linalg.norm(matrix))


def _bound_time(found: Projection, matrix: Array, chain: Chain) -> float:
    """Return the milliseconds that the lower bound takes, which is computed when it is asked for."""
    fresh, known = project(matrix, chain), found.lower_bound
    start = time.process_time()
    assert fresh.lower_bound == known
    return 1e3 * (time.process_time() - start)


def _copies(matrix: Array, chain: Chain) -> float:
    """Return the most memory in use during a projection, in kernels, the kernel itself included."""
    tracemalloc.start()
    project(matrix, chain)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return 1 + peak / matrix.nbytes


warnings.filterwarnings("ignore", module="lazylinop|pyfaust")
