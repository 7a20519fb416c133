"""All families on one scale: error against bits, error against arithmetic, and which of them nothing beats."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from html import escape
from math import gcd
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from tqdm.auto import tqdm

from igc_theory.kernels.arrays import Array
from igc_theory.kernels.compression import pruning
from igc_theory.kernels.compression import structured as products
from igc_theory.kernels.compression.approximation import Approximation, real_matrix
from igc_theory.kernels.compression.low_rank import low_rank
from igc_theory.kernels.compression.precision import binarize, cluster, quantize
from igc_theory.kernels.threads import one_blas_thread
from igc_theory.structure.arguments.kinds import flag, generator, instance_of
from igc_theory.structure.arguments.sequences import listed, window_of
from igc_theory.structure.chains import Chain
from igc_theory.structure.divisors import divisors
from igc_theory.structure.families.two_factor_chains import two_factor_chains

__all__ = ["Frontier", "frontier", "nondominated"]

Window = int | tuple[int, int]

SHARES = (1 / 2, 1 / 4, 1 / 8, 1 / 16, 1 / 32)
"""Shares of the weights that low rank and pruning are swept over."""


@dataclass(frozen=True, eq=False, repr=False)
class Frontier:
    """Approximations of one kernel, and which of them are on the Pareto front.

    Attributes
    ----------
    approximations : tuple of Approximation
    least_bits, least_operations : ndarray of bool
        Whether no other approximation has a smaller error at no more bits (multiply–adds and additions).

    Examples
    --------
    >>> kernel = np.random.default_rng(0).standard_normal((8, 8))
    >>> found = frontier(kernel, progress=False)
    >>> len(found.approximations), int(found.least_bits.sum())
    (38, 9)
    """

    approximations: tuple[Approximation, ...]
    least_bits: NDArray[np.bool_]
    least_operations: NDArray[np.bool_]

    def columns(self) -> dict[str, list[Any]]:
        """Return equally long columns: family, setting, bits per weight, operations per weight, error, and the two marks.

        Examples
        --------
        >>> frontier(np.eye(4)).columns()["family"][:2]
        ['binary', 'quantized']
        """
        rows = self.approximations
        return {
            "family": [row.family for row in rows],
            "setting": [row.setting for row in rows],
            "bits_per_weight": [row.storage_bits / row.matrix.size for row in rows],
            "operations_per_weight": [(row.multiply_adds + row.additions) / row.matrix.size for row in rows],
            "relative_error": [row.relative_error for row in rows],
            "least_bits": [int(mark) for mark in self.least_bits],
            "least_operations": [int(mark) for mark in self.least_operations],
        }

    @property
    def sentence(self) -> str:
        """How many approximations there are, and how many nothing beats."""
        marked = sum(self.least_bits), sum(self.least_operations)
        best = "{} nondominated in bits, {} in operations".format(*marked)
        return f"Frontier of {len(self.approximations)} approximations, {best}"

    def __str__(self) -> str:
        return self.sentence

    def __repr__(self) -> str:
        return "\n".join([self.sentence, *self._lines()])

    def _repr_html_(self) -> str:
        head, *lines = self._cells()
        rows = ["<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in line) + "</tr>" for line in lines]
        return "<table><tr>" + "".join(f"<th>{cell}</th>" for cell in head) + f"</tr>{''.join(rows)}</table>"

    def _cells(self) -> list[tuple[str, ...]]:
        marks = zip(self.approximations, self.least_bits, self.least_operations, strict=True)
        rows = [
            (
                row.name,
                f"{row.relative_error:.4f}",
                f"{row.storage_bits:,}",
                "*" if bits else "",
                f"{operations:,}",
                "*" if least else "",
            )
            for row, bits, least in marks
            for operations in [row.multiply_adds + row.additions]
        ]
        return [("approximation", "error", "bits", "", "operations", ""), *rows]

    def _lines(self) -> list[str]:
        cells = self._cells()
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        sides = (str.ljust, str.rjust, str.rjust, str.ljust, str.rjust, str.ljust)
        return [
            "  ".join(side(cell, width) for side, cell, width in zip(sides, row, widths, strict=True)).rstrip()
            for row in cells
        ]


@one_blas_thread()
def frontier(
    matrix: ArrayLike,
    chains: Iterable[Chain] | None = None,
    *,
    kernel_size: Window = 1,
    rng: np.random.Generator | None = None,
    progress: bool = True,
) -> Frontier:
    """Return approximations of a kernel by every family, swept from fine to coarse.

    - Low precision: binary; 2 to 8 bits; 2 to 32 values.
    - At half to 1/32 of the weights: low rank, filter and channel pruning, unstructured pruning; also 2:4 pruning.
    - Block-diagonal matrices, sparse products, low rank between two group convolutions.
    - Low rank and products with factors of 8 and of 4 bits.

    Parameters
    ----------
    matrix : array_like, shape (C_out, C_in * S)
        Finite real numbers. Not modified.
    chains : iterable of Chain, optional
        Whose products are tried. By default two factors with 1 to 16 paths per pair,
        `igc_theory.structure.families.two_factor_chains.two_factor_chains`.
    kernel_size : int or (int, int), default 1
        The window.
    rng : numpy.random.Generator, optional
        For the code books; None stands for ``numpy.random.default_rng(0)``.
    progress : bool, default True
        Whether a progress bar is shown in a terminal.

    Returns
    -------
    Frontier

    Raises
    ------
    TypeError, ValueError
        If the matrix is not a matrix of finite real numbers, or the window does not fit it.

    Examples
    --------
    >>> import numpy as np
    >>> found = frontier(np.random.default_rng(0).standard_normal((8, 8)))
    >>> found.approximations[0]
    Approximation(binary: relative error 0.5336, 320 bits (15.6%), 8 multiply–adds and 64 additions)
    """
    kernel = real_matrix(matrix)
    rng, progress = generator("rng", rng, optional=True), flag("progress", progress)
    inputs = pruning.input_channels(kernel, kernel_size)[0]
    tried = two_factor_chains(inputs, len(kernel), kernel_size) if chains is None else _checked_chains(chains)
    calls = list(_calls(kernel, tried, kernel_size, rng))
    bar = tqdm(calls, desc="approximating", unit="matrix", leave=False, disable=None if progress else True)
    found = tuple(call() for call in bar)
    bits = [row.storage_bits for row in found]
    operations = [row.multiply_adds + row.additions for row in found]
    errors = [row.relative_error for row in found]
    return Frontier(found, nondominated(bits, errors), nondominated(operations, errors))


def _checked_chains(chains: Iterable[Chain]) -> list[Chain]:
    way_out = "give Chains, such as [igcv1(8, 8, kernel_size=1)]"
    entries = listed("chains", chains, way_out, empty=True)
    return [instance_of(f"chains[{k}]", entry, Chain, way_out) for k, entry in enumerate(entries)]


def nondominated(costs: Sequence[float], errors: Sequence[float]) -> NDArray[np.bool_]:
    """Return which points have no other with at most their cost and at most their error, and one of the two smaller.

    Examples
    --------
    >>> nondominated([1, 2, 2, 3], [0.5, 0.4, 0.3, 0.3]).tolist()
    [True, False, True, False]
    """
    cost, error = np.asarray(costs, float), np.asarray(errors, float)
    no_more = (cost[:, None] <= cost) & (error[:, None] <= error)
    less = (cost[:, None] < cost) | (error[:, None] < error)
    return np.array([not column.any() for column in np.transpose(no_more & less)])


def _calls(
    kernel: Array, chains: list[Chain], kernel_size: Window, rng: np.random.Generator
) -> Iterator[partial[Approximation]]:
    """Yield the calls that a frontier makes."""
    height, width = window_of("kernel_size", kernel_size)
    area, rows, columns = height * width, *kernel.shape
    inputs = pruning.input_channels(kernel, kernel_size)[0]
    yield partial(binarize, kernel)
    yield from (partial(quantize, kernel, bits) for bits in range(2, 9))
    yield from (partial(cluster, kernel, k, rng) for k in (2, 4, 8, 16, 32))
    for rank in _counts(rows * columns / (rows + columns), min(rows, columns)):
        yield from (partial(low_rank, kernel, rank, bits=bits) for bits in (None, 8, 4))
    yield from (partial(pruning.prune_filters, kernel, keep) for keep in _counts(rows, rows))
    yield from (
        partial(pruning.prune_channels, kernel, keep, kernel_size=kernel_size) for keep in _counts(inputs, inputs)
    )
    yield from (partial(pruning.prune, kernel, share) for share in SHARES)
    if columns % 4 == 0:
        yield partial(pruning.prune_n_m, kernel)
    groups = [g for g in divisors(gcd(rows, inputs)) if 1 < g <= 32]
    yield from (partial(products.block_diagonal, kernel, g, kernel_size=kernel_size) for g in groups)
    for chain in chains:
        yield from (partial(products.sparse_product, kernel, chain, bits=bits) for bits in (None, 8, 4))
    if area == 1 and rows % 2 == 0 == columns % 2:
        ranks = [rank for rank in _counts(min(rows, columns), min(rows, columns)) if rank % 4 == 0]
        yield from (partial(products.sparse_low_rank, kernel, rank) for rank in ranks)


def _counts(whole: float, most: int) -> list[int]:
    """Return the numbers that are the shares of a whole, without repetition."""
    return [*dict.fromkeys(min(most, max(1, round(whole * share))) for share in SHARES)]
