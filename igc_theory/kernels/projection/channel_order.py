r"""Orders of the channels in which a kernel is nearer to a product.

A trained kernel numbers its channels arbitrarily, while the branches of a chain prefer some channels together. With the other
factors fixed, an output fits best into that branch of the last convolution whose inputs' rows span most of its own row. Which
output goes to which branch is then an assignment problem, solved exactly ([Crouse2016], in SciPy). The same holds for inputs and
the first convolution. Rows, columns and weights take turns.

Related: orders found from rank-one blocks [Zheng2023], learned permutations of Monarch factors [Mohamed2025], permutations for
pruning to groups [Zhao2019]. The alternation of assignments was not found elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from tqdm.auto import tqdm

from igc_theory.kernels.arrays import Array
from igc_theory.kernels.products.product import Product
from igc_theory.kernels.projection.channel_trees import channel_trees
from igc_theory.kernels.projection.methods import Fit, Method
from igc_theory.structure.branches import Wires
from igc_theory.structure.chains import Chain, Factor
from igc_theory.structure.factors import GroupConv
from igc_theory.structure.permutations import ChannelPermutation

__all__ = ["reordered", "search"]

Order = NDArray[np.int64]

_SWEEPS = 50
"""Most turns of rows and columns from one start."""

_EXACT = 1e-26
"""Squared relative error at which nothing is left to find."""


def reordered(chain: Chain, rows: Order, columns: Order) -> Chain:
    """Return the chain between permutations, so that it acts on the channels of a kernel with these orders in its place."""
    return Chain([ChannelPermutation(columns), chain, ChannelPermutation(rows).inverse()], name=chain.name)


def search(
    kernel: Array, chain: Chain, wires: Wires, method: Method, rng: np.random.Generator, restarts: int
) -> tuple[Fit, Order, Order]:
    """Return the best fit found, and the orders of rows and columns in which it was: ``kernel[rows][:, columns]``.

    Parameters
    ----------
    kernel : numpy.ndarray, shape (C_out, C_in, S)
    chain : Chain
    wires : sequence of numpy.ndarray
        Its gaps, as `wiring` returns them.
    method : callable
        Fits the chain to a kernel, as `method_of` returns it.
    rng : numpy.random.Generator
    restarts : int
        Random orders to start from, besides the given one and one by spectral clustering.
    """
    best = method(kernel), np.arange(kernel.shape[0]), np.arange(kernel.shape[1])
    energy = float(np.linalg.norm(kernel)) ** 2
    with tqdm(total=2 + restarts, desc="reordering channels", unit="start", leave=False, disable=None) as bar:
        for rows, columns in _starts(kernel, chain, wires, rng, restarts):
            found = _descended(kernel, chain, wires, method, rows, columns)
            best = min(best, found, key=lambda result: result[0].error)
            bar.set_postfix(error=f"{best[0].error:.4g}")
            bar.update()
            if best[0].error <= _EXACT * energy:
                break
    return best


def _starts(
    kernel: Array, chain: Chain, wires: Wires, rng: np.random.Generator, restarts: int
) -> Iterator[tuple[Order, Order]]:
    """Yield orders to start from: the given one, clusters of correlated channels, random ones."""
    rows, columns = (np.arange(size) for size in kernel.shape[:2])
    yield rows, columns
    yield _clustered(kernel, chain, wires, rng)
    for _ in range(restarts):
        yield rng.permutation(rows), rng.permutation(columns)


def _descended(
    kernel: Array, chain: Chain, wires: Wires, method: Method, rows: Order, columns: Order
) -> tuple[Fit, Order, Order]:
    """Return the fit and orders after rows and columns took turns until neither lowers the error."""
    fit = method(kernel[rows][:, columns])
    for _ in range(_SWEEPS):
        before = fit.error
        for step in (_row_step, _column_step):
            new_rows, new_columns = step(kernel, chain, wires, fit, rows, columns)
            new = method(kernel[new_rows][:, new_columns])
            if new.error < fit.error:
                fit, rows, columns = new, new_rows, new_columns
        if fit.error > before * (1 - 1e-6):
            break
    return fit, rows, columns


def _row_step(kernel: Array, chain: Chain, wires: Wires, fit: Fit, rows: Order, columns: Order) -> tuple[Order, Order]:
    """Return the orders with the outputs reassigned to the branches of the last convolution."""
    at = max(k for k, factor in enumerate(chain.factors) if isinstance(factor, GroupConv))
    reads = Product(_identity(chain.in_channels, chain.factors[:at]), fit.weights[:-1]).matrix()
    spans = reads.reshape(chain.convolutions[-1].groups, -1, reads.shape[1])
    vectors = kernel[rows][:, columns]
    # Seen by the last convolution, a window of its own is several rows that share a branch.
    vectors = np.moveaxis(vectors, 2, 1) if reads.shape[1] == columns.size else vectors
    gains = _gains(vectors.reshape(rows.size, -1, reads.shape[1]), spans.mT.conj())
    return rows[_assigned(gains, _branches(chain, wires)[1])], columns


def _column_step(
    kernel: Array, chain: Chain, wires: Wires, fit: Fit, rows: Order, columns: Order
) -> tuple[Order, Order]:
    """Return the orders with the inputs reassigned to the branches of the first convolution."""
    at = min(k for k, factor in enumerate(chain.factors) if isinstance(factor, GroupConv))
    first = chain.convolutions[0]
    writes = Product(_identity(first.out_channels, chain.factors[at + 1 :]), fit.weights[1:]).matrix()
    writes = np.moveaxis(writes.reshape(rows.size, first.out_channels, -1), 1, 0).reshape(first.out_channels, -1)
    vectors = np.moveaxis(kernel[rows][:, columns], 0, 2 if writes.shape[1] == rows.size else 1)
    spans = writes.reshape(first.groups, first.out_width, -1)
    gains = _gains(vectors.reshape(columns.size, -1, writes.shape[1]), spans.mT.conj())
    return rows, columns[_assigned(gains, _branches(chain, wires)[0])]


def _identity(channels: int, factors: tuple[Factor, ...]) -> Chain:
    """Return a chain of these factors, of which there may be none."""
    return Chain([ChannelPermutation(np.arange(channels)), *factors])


def _gains(vectors: Array, spans: Array) -> NDArray[np.float64]:
    """Return the energy of each channel's vectors, shape (channels, v, n), inside each span, shape (branches, n, d)."""
    bases = np.linalg.qr(spans)[0]
    gains: NDArray[np.float64] = np.stack(
        [np.linalg.norm(vectors @ basis, axis=(1, 2)) ** 2 for basis in bases], axis=1
    )
    return gains


def _assigned(gains: NDArray[np.float64], branches: Order) -> Order:
    """Return which channel goes to each place so that the sum of gains is largest; `branches` tells the branch of a place."""
    channels, places = linear_sum_assignment(gains[:, branches], maximize=True)
    order = np.empty_like(branches)
    order[places] = channels
    return order


def _branches(chain: Chain, gaps: Wires) -> tuple[Order, Order]:
    """Return the branch of the first convolution that reads each input, and of the last one that writes each output."""
    convs = chain.convolutions
    inputs = np.empty(chain.in_channels, np.int64)
    inputs[gaps[0]] = np.arange(chain.in_channels) // convs[0].in_width
    return inputs, gaps[-1] // convs[-1].out_width


def _clustered(kernel: Array, chain: Chain, wires: Wires, rng: np.random.Generator) -> tuple[Order, Order]:
    """Return orders that put correlated channels into common branches: the coarsest first, then the branches within these."""
    trees = channel_trees(chain, wires)
    if isinstance(trees, str):
        places = [np.argsort(branches, kind="stable") for branches in _branches(chain, wires)]
        counts = [[chain.convolutions[0].groups], [chain.convolutions[-1].groups]]
    else:
        places = [trees.in_order.ravel(), trees.out_order.ravel()]
        counts = [[trees.components * n for n in side[:-1]] for side in (trees.inputs[::-1], trees.outputs)]
    orders = []
    for axis, place, levels in zip((1, 0), places, counts, strict=True):
        vectors = np.moveaxis(kernel, axis, 0).reshape(kernel.shape[axis], -1)
        order = np.empty_like(place)
        order[place] = _nested(_similarity(vectors), levels, rng)
        orders.append(order)
    return orders[1], orders[0]


def _similarity(vectors: Array) -> NDArray[np.float64]:
    """Return the squared correlations of all pairs.

    In a random product they are about one over the branches of the part behind the split at which two inputs meet: the
    earlier they meet, the larger.
    """
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    units = vectors / np.where(lengths > 0, lengths, 1)
    similarity: NDArray[np.float64] = np.abs(units @ units.T.conj()) ** 2
    return similarity


def _nested(similarity: NDArray[np.float64], levels: list[int], rng: np.random.Generator) -> Order:
    """Return the channels cluster by cluster, each divided further; `levels` counts all clusters, from the coarsest."""
    channels = np.arange(len(similarity))
    if not levels:
        return channels
    labels = (
        _clusters(similarity, levels[0], rng)
        if 1 < levels[0] < channels.size
        else channels * levels[0] // channels.size
    )
    members = [channels[labels == cluster] for cluster in range(levels[0])]
    finer = [level // levels[0] for level in levels[1:]]
    return np.concatenate([part[_nested(similarity[np.ix_(part, part)], finer, rng)] for part in members])


def _clusters(similarity: NDArray[np.float64], clusters: int, rng: np.random.Generator) -> Order:
    """Return a cluster of equal size for each channel, by spectral clustering."""
    points = np.linalg.eigh(similarity)[1][:, -clusters:]
    places = np.arange(len(points)) * clusters // len(points)
    best, least = places, np.inf
    for _ in range(10):
        centres = points[rng.choice(len(points), clusters, replace=False)]
        for _ in range(20):
            distances = ((points[:, None] - centres) ** 2).sum(axis=2)
            labels = np.empty_like(places)
            labels[_assigned(-distances, places)] = places
            centres = np.stack([points[labels == cluster].mean(axis=0) for cluster in range(clusters)])
        spread = float(((points - centres[labels]) ** 2).sum())
        best, least = (labels, spread) if spread < least else (best, least)
    return best
