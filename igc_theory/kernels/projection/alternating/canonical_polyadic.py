r"""The nearest product with a depthwise spatial factor between two pointwise ones: IGCV3, MobileNetV2.

Each channel c of the middle adds :math:`u_c ⊗ v_c ⊗ d_c` (output weights, input weights, window) to the kernel, and to one
block of it only. A block is thus a sum of as many rank-one tensors as its cell has channels, a canonical polyadic
decomposition. It has no closed form; alternating least squares ([Kolda2009], section 3.4) never
increases the error.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike, NDArray

from igc_theory.kernels.arrays import Array
from igc_theory.kernels.projection.alternating.descent import most_growth
from igc_theory.kernels.projection.two_factors import cells_of, unreachable
from igc_theory.structure.branches import Wires
from igc_theory.structure.factors import GroupConv

__all__ = ["Terms", "alternate", "depthwise_middle", "random_start", "start"]

COINCIDENT = 1e-6
"""Least singular value of eigenvectors below which some count as the same: rounding parts double ones by about 1e-8."""

PARTING = 1e-13
"""Change, relative to a matrix, that parts them: terms grow like one over its root, and what it adds to the error is below that."""


@dataclass(frozen=True, eq=False)
class Terms:
    """Sums of `r` rank-one tensors, one sum per block: shapes (n, b, r), (n, a, r) and (n, S, r)."""

    outputs: Array
    inputs: Array
    windows: Array

    def blocks(self) -> Array:
        """Return the tensors, shape (n, b, a, S)."""
        pairs = self.inputs[:, :, None, :] * self.windows[:, None, :, :]
        n, b, r = self.outputs.shape
        product: Array = self.outputs @ pairs.reshape(n, -1, r).mT
        return product.reshape(n, b, *pairs.shape[1:3])

    def errors(self, blocks: Array) -> NDArray[np.float64]:
        """Return the squared distance to each block."""
        distances: NDArray[np.float64] = np.linalg.norm((blocks - self.blocks()).reshape(len(blocks), -1), axis=1)
        return distances**2

    def lasting(self, blocks: Array, dtype: DTypeLike) -> NDArray[np.bool_]:
        """Return for each block whether the sum outlasts rounding to a type: not if its terms are so large that it is lost."""
        lengths = np.prod([np.linalg.norm(part, axis=1) for part in self._parts()], axis=0)
        sizes = np.linalg.norm(blocks.reshape(len(blocks), -1), axis=1)
        kept: NDArray[np.bool_] = lengths.sum(axis=1) <= sizes * most_growth(dtype)
        return kept

    def where(self, better: NDArray[np.bool_], other: Terms) -> Terms:
        """Return these terms where `better`, else the `other` ones."""
        pairs = zip(self._parts(), other._parts(), strict=True)
        return Terms(*(np.where(better[:, None, None], mine, theirs) for mine, theirs in pairs))

    def balanced(self) -> Terms:
        """Return the same tensors with the three vectors of a term equally long."""
        lengths = [np.linalg.norm(part, axis=1, keepdims=True) for part in self._parts()]
        mean = np.prod(lengths, axis=0) ** (1 / 3)
        scaled = (
            part * (mean / np.where(length > 0, length, 1)) for part, length in zip(self._parts(), lengths, strict=True)
        )
        return Terms(*scaled)

    def _parts(self) -> tuple[Array, Array, Array]:
        return self.outputs, self.inputs, self.windows


def depthwise_middle(
    kernel: Array, convs: Sequence[GroupConv], wires: Wires, rng: np.random.Generator, restarts: int
) -> tuple[list[Array], float]:
    """Return the weights of a pointwise, a depthwise and a pointwise convolution, and the squared error.

    Parameters
    ----------
    kernel : numpy.ndarray, shape (C_out, C_in, S)
    convs : sequence of GroupConv
        These three convolutions.
    wires : sequence of numpy.ndarray
        Their gaps, as `wiring` returns them.
    rng : numpy.random.Generator
        Draws the starts of the restarts.
    restarts : int
        Random starts tried besides the one by singular value decomposition; each block keeps the best.
    """
    (first, middle, last), read = convs, wires[2]
    # The middle keeps every channel apart, so that the outer two see through it.
    outer, through = (first, last), (wires[0], written := wires[1][read], wires[3])
    before = np.zeros((first.out_channels, first.in_width, 1), kernel.dtype)
    window = np.zeros((middle.out_channels, 1, kernel.shape[2]), kernel.dtype)
    after = np.zeros((last.groups, last.in_width, last.out_width), kernel.dtype)
    error = unreachable(kernel, outer, through)
    for cells in cells_of(outer, through, kernel.shape[2]):
        blocks = cells.blocks(kernel)
        terms = _best(blocks, cells.rank, rng, restarts, kernel.dtype).balanced()
        after.reshape(-1, last.out_width)[cells.slots] = terms.outputs.mT
        before[written[cells.slots], :, 0] = terms.inputs.mT
        window[read[cells.slots], 0] = terms.windows.mT
        error += float(terms.errors(blocks).sum())
    return [before, window, after.mT.reshape(last.out_channels, last.in_width, 1)], error


def _best(blocks: Array, rank: int, rng: np.random.Generator, restarts: int, dtype: DTypeLike) -> Terms:
    """Return the best terms found from the start by singular value decomposition and from random ones, block by block."""
    best, _ = alternate(blocks, start(blocks, rank, dtype), dtype=dtype)
    for _ in range(restarts):
        if best.errors(blocks).sum() <= (1e-14 * np.linalg.norm(blocks)) ** 2:
            break
        other, _ = alternate(blocks, random_start(blocks, rank, rng), dtype=dtype)
        best = best.where(best.errors(blocks) <= other.errors(blocks), other)
    return best


def start(blocks: Array, rank: int, dtype: DTypeLike = np.float64) -> Terms:
    """Return a start from singular value decompositions: of each block, then of each singular vector as a window × channel matrix.

    These terms are orthogonal and add up to the block; the `rank` largest are kept. It is done from either side. Where the rank
    does not exceed the channels of either side, eigenvectors can separate the terms of the sum. This start is taken if it is
    better, as it is for exact products, and outlasts rounding to `dtype`.
    """
    turned = _largest_terms(blocks.swapaxes(1, 2), rank)
    starts = [_largest_terms(blocks, rank), Terms(turned.inputs, turned.outputs, turned.windows)]
    if rank <= min(blocks.shape[1:3]) and blocks.shape[3] > 1:
        starts += _by_eigenvectors(blocks, rank)
    best = starts[0]
    for other in starts[1:]:
        best = other.where(other.lasting(blocks, dtype) & (other.errors(blocks) < best.errors(blocks)), best)
    return best


def random_start(blocks: Array, rank: int, rng: np.random.Generator) -> Terms:
    """Return normally distributed terms, the outputs' vectors zero: the first step of `alternate` finds them."""
    n, b, a, area = blocks.shape
    inputs, windows = (rng.standard_normal((n, size, rank)).astype(blocks.dtype) for size in (a, area))
    return Terms(np.zeros((n, b, rank), blocks.dtype), inputs, windows)


def alternate(
    blocks: Array, terms: Terms, sweeps: int = 300, tolerance: float = 1e-6, dtype: DTypeLike = np.float64
) -> tuple[Terms, Array]:
    """Return terms fitted by alternating least squares, and the squared error after each sweep, the start's first.

    Parameters
    ----------
    blocks : numpy.ndarray, shape (n, b, a, S)
    terms : Terms
        The start.
    sweeps : int
        At most this many.
    tolerance : float
        A sweep that lowers the squared error by a smaller part of it is the last one.
    dtype : dtype
        The type of the terms in the end: they stay so small that rounding to it leaves their sum.

    Returns
    -------
    terms : Terms
    history : numpy.ndarray
        Not increasing, since each step is a minimum.
    """
    errors = terms.errors(blocks)
    history = [errors.sum()]
    floor = (1e-14 * np.linalg.norm(blocks)) ** 2
    for _ in range(sweeps):
        new = _swept(blocks, terms)
        new_errors = new.errors(blocks)
        better = (new_errors < errors) & new.lasting(blocks, dtype)  # not so by rounding, at the end
        terms, errors = new.where(better, terms), np.where(better, new_errors, errors)
        history.append(errors.sum())
        if history[-2] - history[-1] <= tolerance * history[-2] or history[-1] <= floor:
            break
    return terms, np.array(history)


def _largest_terms(blocks: Array, rank: int) -> Terms:
    """Return the largest terms of the decomposition by outputs first."""
    n, b, a, area = blocks.shape
    u, s, rows = np.linalg.svd(blocks.reshape(n, b, a * area), full_matrices=False)
    p, t, q = np.linalg.svd((s[..., None] * rows).reshape(n, -1, a, area), full_matrices=False)
    order = np.argsort(-t.reshape(n, -1), axis=1, kind="stable")[:, :rank]
    outer, inner = np.divmod(order, t.shape[2])
    cell = np.arange(n)[:, None]
    chosen = u[cell, :, outer], p[cell, outer, :, inner], q[cell, outer, inner] * t[cell, outer, inner][..., None]
    missing = rank - order.shape[1]
    return Terms(*(np.pad(part.swapaxes(1, 2), [(0, 0), (0, 0), (0, max(0, missing))]) for part in chosen))


def _by_eigenvectors(blocks: Array, rank: int) -> Iterator[Terms]:
    """Yield the terms by simultaneous diagonalization ([Kolda2009], section 3.1: Jennrich's uniqueness argument).

    Two mixtures of the slices, on the leading spaces of both sides, are A D B and A D' B with diagonal D and D'. The first times
    the inverse of the second has the eigenvectors A. Where some coincide, as for a sum that terms only come near, rounding would
    decide whether real ones come of them. Then a small change in either direction parts them: in one of the two they are real.
    """
    n, b, a, area = blocks.shape
    outer = np.linalg.svd(blocks.reshape(n, b, -1), full_matrices=False)[0][..., :rank]
    inner = np.linalg.svd(blocks.swapaxes(1, 2).reshape(n, a, -1), full_matrices=False)[0][..., :rank]
    rng = np.random.default_rng(0)
    mixtures = blocks @ rng.standard_normal((area, 2))
    one, other = (outer.mT.conj() @ mixtures[..., k] @ inner.conj() for k in range(2))
    pencil = one @ np.linalg.pinv(other)
    vectors = _eigenvectors(pencil)
    yield _with_outputs(blocks, outer @ vectors)
    if np.linalg.svd(vectors, compute_uv=False).min() < COINCIDENT:
        change = np.linalg.norm(pencil, axis=(1, 2), keepdims=True) * rng.standard_normal((rank, rank))
        for share in (PARTING, -PARTING):
            yield _with_outputs(blocks, outer @ _eigenvectors(pencil + share * change))


def _eigenvectors(matrices: Array) -> Array:
    """Return eigenvectors; of a conjugate pair, which no sum of real terms has, the real and the imaginary part."""
    values, vectors = np.linalg.eig(matrices)
    if matrices.dtype.kind == "c":
        return vectors
    return np.where(values[:, None].imag < 0, vectors.imag, vectors.real)


def _with_outputs(blocks: Array, outputs: Array) -> Terms:
    """Return terms with these vectors of the outputs, each with the largest term of what goes with it."""
    n, b, a, area = blocks.shape
    rows = np.linalg.pinv(outputs) @ blocks.reshape(n, b, -1)
    p, t, q = np.linalg.svd(rows.reshape(n, -1, a, area), full_matrices=False)
    return Terms(outputs, (p[..., 0] * t[..., :1]).mT, q[..., 0, :].mT)


def _swept(blocks: Array, terms: Terms) -> Terms:
    """Return the terms after one least-squares step for each of the three sets of vectors."""
    n, b, a, area = blocks.shape
    u, v, d = terms.outputs, terms.inputs, terms.windows
    u = _solved(blocks.reshape(n, b, a * area), v, d)
    v = _solved(blocks.swapaxes(1, 2).reshape(n, a, b * area), u, d)
    d = _solved(np.moveaxis(blocks, 3, 1).reshape(n, area, b * a), u, v)
    return Terms(u, v, d)


def _solved(unfolded: Array, first: Array, second: Array) -> Array:
    """Return the vectors x that minimise the distance of the unfolded blocks to ``sum_r x_r (first_r ⊗ second_r)``."""
    n, _, r = first.shape
    products = (first[:, :, None, :] * second[:, None, :, :]).reshape(n, -1, r).conj()
    gram = (first.mT @ first.conj()) * (second.mT @ second.conj())
    solved: Array = unfolded @ products @ np.linalg.pinv(gram, rcond=1e-14, hermitian=True)
    return solved
