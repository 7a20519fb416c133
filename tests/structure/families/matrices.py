"""What the families are made of, by the papers' definitions: blocks, transposing permutations, and what a product does."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import block_diag

from igc_theory.kernels import Product, random_product
from igc_theory.structure import Chain, grade, path_counts
from tests import oracles

Array = NDArray[Any]


def blocks(weight: Array, groups: int) -> Array:
    """The blocks of a pointwise factor, shape (groups, rows, columns), from its weight of shape (rows of all, columns, 1, 1)."""
    return weight.reshape(groups, -1, weight.shape[1])


def diagonal(weight: Array, groups: int) -> Array:
    """The block-diagonal matrix of a pointwise factor."""
    return block_diag(*blocks(weight, groups))


def transposing(k: int, n: int) -> Array:
    """P_(k,n) of definition 5.2 in Group and Shuffle: output i takes input (i mod k)·n/k + ⌊i/k⌋."""
    matrix = np.zeros((n, n))
    for i in range(n):
        matrix[i, (i % k) * (n // k) + i // k] = 1
    return matrix


def kernel_of(product: Product) -> Array:
    """The kernel of a product, shape (C_out, C_in, kh, kw), from what it does to unit vectors."""
    columns = product @ np.eye(product.shape[1])
    return columns.reshape(product.chain.out_channels, product.chain.in_channels, *product.window)


def drawn(chain: Chain, seed: int = 0) -> Product:
    """A product with random weights, whose paths, support and grade are those of walking along every arrow."""
    product = random_product(chain, np.random.default_rng(seed))
    counts = np.array(oracles.count_paths(list(chain.factors)))
    assert (path_counts(chain) == counts).all()
    # A sum over paths of random weights is zero only where there is no path.
    assert ((kernel_of(product) != 0).any(axis=(2, 3)) == (counts > 0)).all()
    found = grade(chain)
    assert (found.kind == "strict") == oracles.strict(chain)
    assert (found.kind in ("strict", "loose")) == oracles.loose(chain)
    assert (found.missing is None) == bool(counts.all())
    if counts.all():
        assert (found.min_paths, found.max_paths) == (counts.min(), counts.max())
    return product
