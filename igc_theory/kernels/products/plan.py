"""Plans: a product made ready for operands of one shape, with its buffers, so that applying it allocates nothing.

Interleaving permutations move no data where the next factor can read, or the last one write, a strided view. Columns are
taken in tiles small enough for the cache, and small neighbouring factors are fused where calls cost more than arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from math import prod
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from igc_theory.kernels.arrays import Array, float_type, numbers
from igc_theory.kernels.caches import cache_bytes
from igc_theory.kernels.products.operators import CheckedOperator
from igc_theory.kernels.products.planning.fusion import fused
from igc_theory.kernels.products.planning.seconds import CLEARLY, least_seconds
from igc_theory.kernels.products.planning.steps import (
    Instruction,
    column_ends,
    over_branches,
    plan_steps,
    work_in_components,
)
from igc_theory.kernels.products.weights import checked_weights
from igc_theory.kernels.threads import one_blas_thread
from igc_theory.structure.arguments.kinds import instance_of, kind_of
from igc_theory.structure.arguments.numbers import positive_int
from igc_theory.structure.arguments.sequences import array_of
from igc_theory.structure.chains import Chain

__all__ = ["Plan", "blas_threads", "checked_dtype", "checked_out", "run_steps"]

ROWS = 1024, 256, 4096
"""Bytes of one channel in a tile. With the first, buffers stay in the cache and matrix products are efficient almost everywhere."""

WIDE_ROWS = 4096, 2048, 1024
"""The same where buffers of so many channels do not stay in the cache: the widest is the fastest whose components do."""

OWN_SHARE = 2**24
"""Bytes of the last cache that one thread can count on, however large it is: other cores and other machines use it as well."""

WORTH_MEASURING, MOST_MEASURED = 2**25, 2**24
"""Multiply-adds of plans that try these and `UNPACKED`, and the most entries of their operand and result."""

UNPACKED = 10**6
"""Multiply-adds of a matrix product up to which OpenBLAS, on processors with AVX-512, does not copy its operands first."""

MOST_BATCH = 2**20
MOST_THREADS = 256
MOST_ENTRIES = 2**31
"""Columns of an operand, threads, and entries of the widest buffer: 16 gigabytes in double precision."""

SHARED = 2**13, 2**17
"""Multiply-adds from which a BLAS may share one matrix product among threads, for one column and for many."""

CALL = 1000, 3000
"""Price of one small matrix product in multiply-adds, for one column and for many; measured, and only speed depends on it."""


class Plan:
    """A product made ready for operands of `batch` columns: ``plan(x)`` is ``product @ x``, faster.

    Made by `Product.plan`. A plan owns its buffers: of two threads that call it one waits, and a copy has
    buffers of its own.

    Parameters
    ----------
    product : Product
        What is applied.
    batch, dtype, threads :
        As in `Product.plan`.

    Attributes
    ----------
    chain : Chain
        The factors that are applied: those of the product, neighbours fused where that pays.
    shape : (int, int)
        That of the product.
    batch : int
        Columns of an operand.
    dtype : dtype
        Type of operand and result.
    threads : int
        Threads that share the columns, or the branches if there are fewer columns.

    Examples
    --------
    >>> import numpy as np
    >>> from igc_theory import igcv2
    >>> from igc_theory.kernels import random_product
    >>> product = random_product(igcv2([8, 8, 8, 8], kernel_size=1), np.random.default_rng(0))
    >>> Plan(product, batch=64, dtype=np.float32, threads=2)
    Plan(4096x4096 on 64 columns, float32, 8 steps, 2 threads)
    >>> plan = product.plan(batch=64, dtype=np.float32)
    >>> x = np.random.default_rng(1).standard_normal((4096, 64)).astype(np.float32)
    >>> y = np.empty_like(x)
    >>> plan(x, out=y) is y
    True
    >>> np.allclose(y, product @ x, atol=1e-4)
    True
    >>> plan(x[:, :3])
    Traceback (most recent call last):
    ...
    ValueError: x has shape (4096, 3), but the plan was made for (4096, 64): make another plan with product.plan(batch)
    """

    chain: Chain
    shape: tuple[int, int]
    batch: int
    dtype: np.dtype[Any]
    threads: int

    def __init__(
        self,
        product: CheckedOperator,
        batch: int = 1,
        dtype: DTypeLike | None = None,
        threads: int = 1,
    ) -> None:
        self.batch = positive_int(
            "batch", batch, maximum=MOST_BATCH, beyond="apply the plan to that many columns at a time"
        )
        self.threads = positive_int("threads", threads, maximum=MOST_THREADS)
        way_out = "give a Product, or call product.plan(batch)"
        made_of = vars(instance_of("product", product, CheckedOperator, way_out))
        chain = instance_of("product's chain", made_of.get("chain"), Chain, way_out)
        weights = checked_weights(chain, made_of["weights"])
        self.dtype = checked_dtype(weights[0].dtype if weights else np.dtype(np.float64), dtype)
        self._recipe, self._turn = (product, self.batch, self.dtype, self.threads), Lock()
        area = prod(chain.window)
        self._window, self.shape = chain.window, (chain.out_channels, chain.in_channels * area)
        buffered = (
            self.batch * area * max(f.out_channels for f in (*chain.factors, *chain.convolutions, chain.factors[0]))
        )
        positive_int(
            "the entries that batch columns take", buffered, maximum=MOST_ENTRIES, beyond="use a smaller batch"
        )
        self.chain, joined = fused(chain, weights, self._columns(ROWS[0]), CALL[self.batch > 1])
        kernels = [kernel.astype(self.dtype) for kernel in joined]
        tiles = list(_tiles(self.batch, self.threads, self._panel(kernels)))
        # Stages follow each other; what stands in one stage may be done at the same time.
        self._stages: list[list[list[Instruction]]] = (
            [[self._steps(kernels, tiles[k :: self.threads]) for k in range(self.threads)]]
            if len(tiles) >= self.threads
            else [[[part] for part in over_branches(step, self.threads)] for step in self._steps(kernels, tiles)]
        )
        self._hold = blas_threads(self.chain, max(stop - start for start, stop in tiles))
        self._pool = ThreadPoolExecutor(self.threads - 1) if self.threads > 1 else None

    def _steps(self, kernels: list[Array], tiles: Sequence[tuple[int, int]]) -> list[Instruction]:
        ends = column_ends(self.chain, self._window, self.batch, tiles, self.dtype)
        return plan_steps(self.chain, kernels, ends)

    def _in_components(self, kernels: list[Array], columns: int) -> bool:
        (ends,) = column_ends(self.chain, self._window, self.batch, [(0, columns)], self.dtype)
        return work_in_components(self.chain, kernels, ends)

    def _columns(self, row: int) -> int:
        """Return how many columns to take at a time, if those of one channel may have `row` bytes."""
        return min(self.batch, max(1, row // self.dtype.itemsize // prod(self._window)))

    def _panel(self, kernels: list[Array]) -> int:
        """Return how many columns to take at a time: as `ROWS` or `WIDE_ROWS` have it, or what is faster on this machine."""
        largest = max((conv.parameters // conv.groups for conv in self.chain.convolutions), default=UNPACKED)
        unpacked = min(max(1, UNPACKED // largest // 16 * 16), self._columns(max(ROWS)))
        first, *others = dict.fromkeys([*map(self._columns, ROWS), unpacked])
        widest = max(factor.out_channels for factor in self.chain.factors)
        if 2 * widest * ROWS[0] > min(cache_bytes(3) // 2, OWN_SHARE):  # two buffers
            wide = list(map(self._columns, WIDE_ROWS))
            return next((count for count in wide if self._in_components(kernels, count)), wide[0])
        rows, low = sum(self.shape), WORTH_MEASURING
        if not others or self.chain.parameters * self.batch < low or rows * self.batch > MOST_MEASURED:
            return first
        x, out = np.ones((self.shape[1], self.batch), self.dtype), np.empty((self.shape[0], self.batch), self.dtype)
        panels = {count: self._steps(kernels, list(_tiles(self.batch, 1, count))) for count in (first, *others)}
        seconds = least_seconds({count: partial(run_steps, steps, x, out) for count, steps in panels.items()})
        best = min(seconds, key=seconds.__getitem__)
        return best if seconds[best] < CLEARLY * seconds[first] else first

    def __call__(self, x: ArrayLike, out: Array | None = None) -> Array:
        """Return the product times `x`.

        Parameters
        ----------
        x : array_like, shape (C_in * S, batch), or (C_in * S,) if the batch is 1
            Operand, read in place if it is C-contiguous and of the plan's type.
        out : ndarray, shape (C_out, batch) or (C_out,), optional
            Where the result goes: C-contiguous, of the plan's type, not overlapping `x`. A new array by default.

        Raises
        ------
        TypeError
            If `x` cannot be cast to the plan's type, or `out` is not an array of that type.
        ValueError
            If `x` or `out` has another shape, or `out` another memory order, is read-only, or overlaps `x`.
        """
        operand = self._operand(x)
        shape = (self.shape[0], *operand.shape[1:])
        result = np.empty(shape, self.dtype) if out is None else checked_out(out, shape, operand)
        with self._turn, self._hold():  # the buffers are the plan's: a second thread waits
            for first, *others in self._stages:
                if self._pool and others:
                    waiting = [self._pool.submit(run_steps, steps, operand, result) for steps in others]
                    run_steps(first, operand, result)
                    for done in waiting:
                        done.result()
                else:
                    run_steps(first, operand, result)
        return result

    def __matmul__(self, x: ArrayLike) -> Array:
        return self(x)  # as one writes it for the product itself

    def __reduce__(self) -> tuple[Any, ...]:
        return Plan, self._recipe  # a copy, by whatever means, has buffers of its own

    def _operand(self, x: ArrayLike) -> Array:
        """Return `x` as a C-contiguous array of the plan's type, after checking its shape."""
        shape = self.shape[1], self.batch
        if type(x) is np.ndarray and x.shape == shape and x.dtype == self.dtype and x.flags.c_contiguous:
            return x  # the checks below would take a twenty-fifth of a small plan's time
        array = array_of("x", x)
        array = array if array.dtype == self.dtype else numbers("x", array)
        if array.shape != shape and not (self.batch == 1 and array.shape == shape[:1]):
            way_out = (
                "make another plan with product.plan(batch)" if array.ndim < 3 else "for images call product.convolve"
            )
            raise ValueError(f"x has shape {array.shape}, but the plan was made for {shape}: {way_out}")
        if not np.can_cast(array.dtype, self.dtype, "same_kind"):
            raise TypeError(f"x has dtype {array.dtype}, the plan {self.dtype}: make a complex plan, or give x.real")
        return np.ascontiguousarray(array, self.dtype)

    def __repr__(self) -> str:
        rows, columns = self.shape
        calls = sum(len(steps) for stage in self._stages for steps in stage)
        threads = f", {self.threads} threads" if self.threads > 1 else ""
        return f"Plan({rows}x{columns} on {self.batch} columns, {self.dtype}, {calls} steps{threads})"


def blas_threads(chain: Chain, columns: int) -> Callable[[], AbstractContextManager[object]]:
    """Return what holds the BLAS to one thread in products with so many columns, if it would take more by itself.

    Where it would not, a call may take less than setting the number does.
    """
    largest = max((conv.parameters // conv.groups for conv in chain.convolutions), default=0)
    return one_blas_thread if largest * columns >= SHARED[columns > 1] else nullcontext


def checked_out(out: Any, shape: tuple[int, ...], operand: Array, name: str = "x") -> Array:
    """Return `out` if a result of that shape and of the operand's type can be written into it; `name` is the operand's."""
    dtype = operand.dtype
    if not isinstance(out, np.ndarray) or isinstance(out, np.ma.MaskedArray) or out.dtype != dtype:
        kind = f"an array of {out.dtype}" if type(out) is np.ndarray else f"{kind_of(out)}"
        raise TypeError(f"out is {kind}, but the result is an array of {dtype}: give np.empty({shape}, {dtype})")
    if out.shape != shape:
        raise ValueError(f"out has shape {out.shape}, but the result has {shape}: give np.empty({shape}, {dtype})")
    if not out.flags.c_contiguous or not out.flags.writeable:
        fault = "is not C-contiguous" if out.flags.writeable else "is read-only"
        raise ValueError(f"out {fault}: give np.empty({shape}, {dtype})")
    if np.may_share_memory(out, operand):
        raise ValueError(f"out overlaps {name}, which would be overwritten while it is read: give an array of its own")
    return out


def run_steps(steps: list[Instruction], x: Array, out: Array) -> None:
    """Execute the steps: each a NumPy function, where it reads, and where it writes."""
    for function, source, target in steps:
        function(source(x), out=target(out))


def _tiles(batch: int, threads: int, width: int) -> Iterator[tuple[int, int]]:
    """Yield the column ranges (start, stop), about `width` wide, at least one for each thread if there are columns enough."""
    count = min(batch, max(-(-batch // width), threads))
    for k in range(count):
        yield batch * k // count, batch * (k + 1) // count


def checked_dtype(own: np.dtype[Any], dtype: DTypeLike | None) -> np.dtype[Any]:
    """Return the type a plan computes in, after checking that the weights can be cast to it."""
    kind = own if dtype is None else float_type("dtype", dtype)
    if not np.can_cast(own, kind, "same_kind"):
        raise TypeError(f"dtype={kind} cannot hold the product's {own} weights: use a complex dtype")
    return kind
