"""Where descents begin, and which of them is kept."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import DTypeLike

from igc_theory.kernels.arrays import Array
from igc_theory.kernels.products.random_product import random_product
from igc_theory.kernels.projection.alternating.descent import Descent
from igc_theory.kernels.projection.alternating.factors import Node, chain_node
from igc_theory.kernels.rank_one_pairs import squared_norm
from igc_theory.structure.chains import Chain

__all__ = ["fitted", "random_weights"]

_WORK, _FEWEST, _MOST = 2**24, 8, 80
"""Steps of a descent: so many entries of the kernel, times convolutions, over all of them; at least and at most so many."""

_EXACT = 1e-24
"""Squared relative error below which no other start is tried."""


def _best_descent(nodes: Iterable[Node], target: Array, dtype: DTypeLike, tolerance: float = 1e-4) -> Descent:
    """Return the descent that ends nearest to a kernel, of one from each start; the rest is spared once one is exact.

    Parameters
    ----------
    nodes : iterable of Node
        At least one: a product at the weights of a start. Its weights are replaced.
    target : numpy.ndarray, shape (C_in, H, W, C_out)
        The conjugate transpose of the kernel.
    dtype : dtype
        The type of the weights in the end.
    tolerance : float
        Two steps that lower the squared error by a smaller part end a descent.
    """
    best: Descent | None = None
    for node in nodes:
        descent = Descent(node, target, dtype)
        steps = _WORK // (target.size * len(node.convolutions))
        descent.run(min(max(steps, _FEWEST), _MOST), tolerance)
        best = descent if best is None or descent.error < best.error else best
        if best.error <= _EXACT * squared_norm(target):
            break
    assert best is not None
    return best


def fitted(kernel: Array, chain: Chain, starts: Iterable[Sequence[Array]]) -> tuple[list[Array], float]:
    """Return the best weights that descents from these starts find for a kernel, and their squared error.

    Parameters
    ----------
    kernel : numpy.ndarray, shape (C_out, C_in, kh, kw)
    chain : Chain
        Of any kind; its window is that of the kernel.
    starts : iterable of weights
        At least one; each a list of arrays (out_channels, in_width, kh, kw).

    Examples
    --------
    >>> from igc_theory import igcv1
    >>> chain, rng = igcv1(2, 2), np.random.default_rng(0)
    >>> kernel = random_product(chain, rng).kernel()
    >>> fitted(kernel, chain, [random_weights(kernel, chain, rng)])[1] < 1e-20
    True
    """
    dtype = np.result_type(kernel, np.float64)
    target = np.ascontiguousarray(kernel.astype(dtype).conj().transpose(1, 2, 3, 0))
    nodes = (chain_node(chain, [weights.astype(dtype) for weights in start]) for start in starts)
    best = _best_descent(nodes, target, kernel.dtype)
    return [conv.weights.astype(kernel.dtype) for conv in best.node.convolutions], best.error


def random_weights(kernel: Array, chain: Chain, rng: np.random.Generator) -> list[Array]:
    """Return normally distributed weights whose product is about as large as a kernel of shape (C_out, C_in, kh, kw)."""
    weights = random_product(chain, rng, np.result_type(kernel, np.float64)).weights
    share = np.linalg.norm(kernel) / np.sqrt(kernel.shape[0])  # rows of a random product are of about norm one
    return [weight * share ** (1 / len(weights)) for weight in weights]
