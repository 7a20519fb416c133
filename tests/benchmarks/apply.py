"""Applying a product of sparse factors: `Product.plan` beside the libraries that can apply the same factors."""

from __future__ import annotations

import gc
import itertools
import statistics
from collections.abc import Callable, Iterator, Set
from math import prod
from typing import Any

import numpy as np
from scipy.sparse import csr_array, csr_matrix

from igc_theory.kernels import Product, random_product
from igc_theory.kernels.arrays import Array
from igc_theory.structure import GroupConv, igcv2
from tests.benchmarks.timing import Row, Verdict, by_numpy_alone, medians, mkl_version, number, peer, ratio

TITLE = "Applying a product"
NOTES = """A strictly complementary pointwise chain of L factors on C channels, float32, times a matrix of `batch` columns:
microseconds, and how many times longer the peers take. `plan` is `Product.plan(batch)(x, out=y)`. The peers get the same
factors in the form that suits them; `numpy` is the plan where the extra `mkl` is not installed. SciPy gets CSR matrices with
the permutations folded in; lazylinop the `ksm` of Kronecker-sparse factors. For pyfaust it is a `Faust` of the CSR matrices,
operand in Fortran order. Torch uses `bmm` into buffers of its own, the permutation a transposing copy, views prepared. Dense
is one matrix product. Two bounds stand beside the times, from speeds measured in the same run, multiply-adds of a large
`sgemm` and bytes of a copy as large. `roofline` takes factor by factor: the larger of its multiply-adds and of moving what it
reads and writes. `bound` is what no program can beat which does these multiply-adds: all intermediate results stay in
registers, and operand, result and weights move once. A peer that would take more than 20 seconds is left out."""

PEERS = ("numpy", "csr", "lazylinop", "pyfaust", "torch", "dense")
DTYPE = np.float32
MOST = 2e7
"""Microseconds: a peer that would take longer, by its time for fewer columns, is left out."""
Call = Callable[[], object]


def run(quick: bool = False) -> list[Row]:
    """Return one row per cell: times in microseconds, and ratios."""
    sizes, batches = ((1024,), (1, 64)) if quick else ((1024, 4096, 65536), (1, 64, 1024))
    peak, rows = _peak(), list[Row]()
    for C, L, batch in itertools.product(sizes, (2, 3, 4), batches):
        narrower = rows[-1] if batch > batches[0] else {"batch": batch}
        more = batch / float(narrower["batch"] or 1)
        endless = {name for name in PEERS if more * (number(narrower, name) or 0) > MOST}
        rows.append(_cell(C, L, batch, peak, endless))
    return rows


def verdicts(rows: list[Row]) -> list[Verdict]:
    """Return the targets with what was measured."""
    many = [row for row in rows if row["batch"] != 1]
    single = [row for row in rows if row["batch"] == 1]
    dense = [
        _least(
            f"dense, C = 4096, batch {batch}",
            [r for r in rows if (r["C"], r["batch"]) == (4096, batch)],
            "dense",
            least,
        )
        for batch, least in ((1024, 10), (64, 25), (1, 40))
    ]
    return [
        _median("lazylinop", many, 1.5),
        _least("lazylinop", many, "lazylinop", 1.0),
        _least("SciPy CSR", many, "csr", 2.5),
        _least("pyfaust", many, "pyfaust", 7),
        _median("torch", many, 1.5),
        _least("torch", many, "torch", 1.0),
        _least("pyfaust, batch 1", single, "pyfaust", 1.0),
        _least("SciPy CSR, batch 1", single, "csr", 1.0),
        *(
            _roofline(column, rows, title)
            for column in ("roofline", "bound")
            for title, rows in (("", many), (", batch 1", single))
        ),
        *dense,
    ]


def _median(name: str, rows: list[Row], least: float) -> Verdict:
    values = [value for row in rows if (value := number(row, f"{name} / plan"))]
    found = statistics.median(values) if values else None
    return Verdict(
        f"{name}, median over batch 64 and 1024: at least {least}",
        _times(found),
        None if found is None else found >= least,
    )


def _least(title: str, rows: list[Row], name: str, least: float) -> Verdict:
    found, where = min(_cells(rows, f"{name} / plan"), default=(None, ""))
    return Verdict(
        f"{title}, every cell: at least {least}", f"{_times(found)} {where}", None if found is None else found >= least
    )


def _roofline(column: str, rows: list[Row], title: str) -> Verdict:
    allowed = [
        (value / (3.0 if "65536" in where else 2.5), value, where) for value, where in _cells(rows, f"plan / {column}")
    ]
    worst, found, where = max(allowed, default=(None, None, ""))
    target = f"{column}{title}, every cell: at most 2.5, 3 at C = 65,536"
    return Verdict(target, f"{_times(found)} {where}", None if worst is None else worst <= 1)


def _cells(rows: list[Row], column: str) -> list[tuple[float, str]]:
    """Return the numbers of a column and where they stand."""
    named = [(number(row, column), f"C={row['C']} L={row['L']} batch {row['batch']}") for row in rows]
    return [(value, where) for value, where in named if value is not None]


def _times(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.2f}×"


def branch_widths(C: int, L: int) -> list[int]:
    """Return L powers of two with product C, as equal as can be, ascending."""
    bits, more = divmod(C.bit_length() - 1, L)
    return [2 ** (bits + (l >= L - more)) for l in range(L)]


def _cell(C: int, L: int, batch: int, peak: float, endless: Set[str]) -> Row:
    """Return one row of the table, after checking that all compute the same; peers that would take too long are left out."""
    rng = np.random.default_rng(0)
    widths = branch_widths(C, L)
    product = random_product(igcv2(widths, kernel_size=1), rng, DTYPE)
    x = rng.standard_normal((C, batch)).astype(DTYPE)
    y, plan = np.empty_like(x), product.plan(batch)
    calls: dict[str, Call] = {"plan": lambda: plan(x, out=y), "copy": _copy(2 * x.size + product.chain.parameters)}
    calls |= {name: call for name, call in _peers(product, x) if call is not None and name not in endless}
    results: dict[str, object] = {}
    seconds = medians(calls, rounds=3 if C * batch > 2**24 else 9, results=results)
    _check_agreement(results, plan(x))
    bound, roofline = _bounds(product, batch, peak, seconds["copy"])
    row: Row = {"C": C, "L": L, "batch": batch, "branch widths": " ".join(map(str, widths))}
    row |= {name: 1e6 * seconds[name] if name in seconds else None for name in ("plan", *PEERS)}
    row |= {f"{name} / plan": ratio(seconds.get(name), seconds["plan"]) for name in PEERS}
    row |= {"roofline": 1e6 * roofline, "plan / roofline": seconds["plan"] / roofline}
    row |= {"bound": 1e6 * bound, "plan / bound": seconds["plan"] / bound}
    gc.collect()
    return row


def _check_agreement(results: dict[str, object], expected: Array) -> None:
    """Stop if a peer computes something else: then its time means nothing."""
    for name, result in results.items():
        if name != "copy" and not np.allclose(np.asarray(result).reshape(expected.shape), expected, atol=1e-3):
            raise AssertionError(f"{name} computes another product than the plan")


def _peak() -> float:
    """Return the multiply-adds a second of a large matrix product."""
    a, b = np.ones((1024, 1024), DTYPE), np.ones((1024, 1024), DTYPE)
    out = np.empty_like(a)
    return 1024**3 / medians({"gemm": lambda: np.matmul(a, b, out=out)}, rounds=9)["gemm"]


def _copy(entries: int) -> Call:
    """Return a copy that reads and writes that many numbers together."""
    source, target = np.ones(entries // 2, DTYPE), np.empty(entries // 2, DTYPE)
    return lambda: np.copyto(target, source)


def _bounds(product: Product, batch: int, peak: float, copy: float) -> tuple[float, float]:
    """Return the seconds that nothing can beat, and those that no program can beat which works factor by factor."""
    convs = product.chain.convolutions
    moved = sum(product.shape) * batch
    per_number = copy / (moved + product.chain.parameters)
    factors = [max(conv.parameters * batch / peak, (moved + conv.parameters) * per_number) for conv in convs]
    return max(product.chain.parameters * batch / peak, copy), sum(factors)


def _peers(product: Product, x: Array) -> Iterator[tuple[str, Call | None]]:
    """Yield every peer's way of multiplying, None if it is not installed."""
    operand = x[:, 0] if x.shape[1] == 1 else x
    factors = _folded(product)
    yield "numpy", _without_mkl(product, x)
    yield "csr", lambda: _in_turn(factors, operand)
    yield "lazylinop", _lazylinop(product, operand)
    yield "pyfaust", _pyfaust(factors, operand)
    yield "torch", _torch(product, x)
    if product.shape[0] <= 4096:
        dense, result = product.matrix(), np.empty_like(x)
        yield "dense", lambda: np.matmul(dense, x, out=result)


def _without_mkl(product: Product, x: Array) -> Call | None:
    if mkl_version() is None:
        return None
    plan, result = by_numpy_alone(lambda: product.plan(x.shape[1])), np.empty_like(x)
    return lambda: plan(x, out=result)


def _folded(product: Product) -> list[csr_array]:
    """Return the sparse factors with every permutation multiplied into the factor in front of it."""
    factors: list[csr_array] = []
    for factor, matrix in zip(product.chain.factors, product.sparse_factors(), strict=True):
        if isinstance(factor, GroupConv):
            factors.append(matrix)
        else:
            factors[-1] = csr_array(matrix @ factors[-1])
    return factors


def _in_turn(factors: list[csr_array], x: Array) -> Array:
    for factor in factors:
        x = factor @ x
    return x


def _lazylinop(product: Product, x: Array) -> Call | None:
    """Return lazylinop's product of Kronecker-sparse factors: factor l connects channels that differ in digit l only."""
    butterfly = peer("lazylinop.butterfly")
    if butterfly is None:
        return None
    widths = [conv.in_width for conv in product.chain.convolutions]
    channels, values = np.arange(product.shape[0]), []
    for l, (width, kernel) in enumerate(zip(widths, product.weights, strict=True)):
        first = channels.reshape(-1, width)[:, 0]
        d = prod(widths[:l])
        value = np.empty((len(channels) // (width * d), width, width, d), DTYPE)
        value[first // (width * d), :, :, first % d] = kernel.reshape(-1, width, width)
        values.append(value)
        channels = channels.reshape(-1, width).T.ravel()
    operator: Any = butterfly.ksm(values[::-1])
    return lambda: operator @ x


def _pyfaust(factors: list[csr_array], x: Array) -> Call | None:
    pyfaust = peer("pyfaust")
    if pyfaust is None:
        return None
    faust: Any = pyfaust.Faust([csr_matrix(factor) for factor in reversed(factors)])
    operand = np.asfortranarray(x)
    return lambda: faust @ operand


def _torch(product: Product, x: Array) -> Call | None:
    """Return batched matrix products, the interleaving as a transposing copy, in two buffers, all views prepared."""
    torch = peer("torch")
    if torch is None:
        return None
    stacks = [
        torch.from_numpy(kernel.reshape(conv.groups, conv.out_width, conv.in_width).copy())
        for conv, kernel in zip(product.chain.convolutions, product.weights, strict=True)
    ]
    source = torch.from_numpy(x)
    blocked, result = torch.empty_like(source), torch.empty_like(source)
    steps = []
    for stack in stacks:
        groups, width, _ = stack.shape
        written = blocked.view(groups, width, -1)
        steps.append(
            (stack, source.view(groups, width, -1), written, result.view(width, groups, -1), written.transpose(0, 1))
        )
        source = result

    @torch.inference_mode()
    def call() -> object:
        for stack, read, written, interleaved, turned in steps:
            torch.bmm(stack, read, out=written)
            interleaved.copy_(turned)
        return result

    return call
