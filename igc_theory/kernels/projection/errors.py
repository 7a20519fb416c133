"""How near products come to kernels: what theory expects of random ones, and measurements to set beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq

from igc_theory.kernels.arrays import Array, finite, numbers
from igc_theory.kernels.products.product import Product
from igc_theory.kernels.products.random_product import random_product
from igc_theory.kernels.projection.project import project
from igc_theory.structure.arguments.kinds import generator, instance_of, shown
from igc_theory.structure.arguments.numbers import branches_of, positive_int
from igc_theory.structure.arguments.sequences import listed
from igc_theory.structure.branches import serial_factors
from igc_theory.structure.chains import Chain
from igc_theory.structure.factors import GroupConv
from igc_theory.structure.families.two_factor_chains import two_factor_chain
from igc_theory.structure.permutations import ChannelPermutation

__all__ = ["butterflies", "certificates", "expected_error", "path_errors"]


def expected_error(share: ArrayLike) -> NDArray[np.float64]:
    r"""Return the relative error of the nearest matrix of rank ``share * n`` to a random n×n matrix, n large.

    The singular values of a matrix with independent entries of equal variance, over :math:`\sqrt n`, follow the quarter-circle
    law [Marchenko1967], density :math:`\sqrt{4 - s^2}/π`. With the smallest one kept at :math:`s = 2 \sin φ`,

    .. math:: \text{share} = 1 - \frac{2φ + \sin 2φ}{π}, \qquad \text{error}^2 = \frac{2φ - \tfrac12 \sin 4φ}{π}.

    Parameters
    ----------
    share : array_like
        Rank over size, 0 to 1: number of paths over channels per branch.

    Returns
    -------
    numpy.ndarray of float64

    Raises
    ------
    ValueError
        If a share is outside 0 … 1.

    Examples
    --------
    Half the rank leaves a third of a random matrix, in the Frobenius norm:

    >>> expected_error([0, 0.5, 1]).round(3).tolist()
    [1.0, 0.326, 0.0]
    """
    shares = numbers("share", share)
    if shares.dtype.kind == "c" or not ((shares >= 0) & (shares <= 1)).all():
        raise ValueError(f"share={shown(share)} is not within 0 … 1: give a rank over the size of a block")
    angle = np.reshape([_smallest_kept(t) for t in shares.ravel()], shares.shape)
    error: NDArray[np.float64] = np.sqrt(np.maximum(0, 2 * angle - np.sin(4 * angle) / 2) / np.pi)
    return error


def _smallest_kept(share: float) -> float:
    """Return the angle φ of the smallest singular value kept."""
    return float(brentq(lambda angle: 1 - (2 * angle + np.sin(2 * angle)) / np.pi - share, 0, np.pi / 2))


def path_errors(channels: int, groups: Sequence[int], rng: np.random.Generator) -> dict[str, NDArray[Any]]:
    """Return the errors of the nearest products to one random kernel, by number of paths, with what is expected.

    Parameters
    ----------
    channels : int
        The kernel is pointwise, channels × channels, normally distributed.
    groups : sequence of int
        Branches of both factors; all numbers of paths up to the channels of a branch are tried.
    rng : numpy.random.Generator
        Draws the kernel.

    Returns
    -------
    dict of numpy.ndarray
        `groups`, `paths`, `measured`, `expected`: one row per chain.

    Raises
    ------
    TypeError, ValueError
        If a number of branches does not divide `channels`, or `rng` is not a generator.

    Examples
    --------
    >>> columns = path_errors(16, [1, 4], np.random.default_rng(0))
    >>> columns["paths"].tolist()
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 1, 2, 3, 4]
    """
    generator("rng", rng)
    beyond = "all numbers of paths are tried, so use at most 4096"
    channels = positive_int("channels", channels, maximum=2**12, beyond=beyond)
    asked = [positive_int("groups", g) for g in listed("groups", groups, "give numbers of branches, such as [1, 4]")]
    rows = [(g, p) for g in asked for p in range(1, branches_of(channels, g, "channels") + 1)]
    kernel = rng.standard_normal((channels, channels))
    measured = [
        project(kernel, two_factor_chain(channels, channels, g * g * p, (g, g))).relative_error for g, p in rows
    ]
    branches, paths = np.array(rows).T
    expected = expected_error(branches * paths / channels)
    return {"groups": branches, "paths": paths, "measured": np.array(measured), "expected": expected}


def certificates(chain: Chain, noise: Sequence[float], rng: np.random.Generator) -> dict[str, NDArray[np.float64]]:
    """Return error and lower bound of the products found for a random product with more and more noise added.

    Parameters
    ----------
    chain : Chain
        Of a kind that `project` handles.
    noise : sequence of float
        Norms of the noise over the norm of the product, none negative.
    rng : numpy.random.Generator
        Draws product and noise, the same for all.

    Returns
    -------
    dict of numpy.ndarray
        `noise`, `error`, `bound`, and `hidden`: the error of the product that was there before the noise.

    Raises
    ------
    TypeError, ValueError
        If the noise is not a list of norms, or `rng` not a generator.

    Examples
    --------
    >>> from igc_theory import igcv2
    >>> columns = certificates(igcv2([2, 2, 2], kernel_size=1), [0.1, 1], np.random.default_rng(0))
    >>> bool((columns["bound"] <= columns["error"]).all())
    True
    """
    levels = finite("noise", numbers("noise", noise))
    if levels.dtype.kind == "c" or levels.size == 0 or levels.ndim != 1 or not (levels >= 0).all():
        raise ValueError(f"noise={shown(noise)} is not a list of norms: give numbers of at least 0")
    product = random_product(chain, generator("rng", rng)).kernel()
    added = rng.standard_normal(product.shape)
    added *= np.linalg.norm(product) / np.linalg.norm(added)
    kernels = [product + level * added for level in levels]
    found = [project(kernel, chain) for kernel in kernels]
    hidden = [np.linalg.norm(kernel - product) / np.linalg.norm(kernel) for kernel in kernels]
    columns = [levels, [p.relative_error for p in found], [p.lower_bound for p in found], hidden]
    return dict(zip(("noise", "error", "bound", "hidden"), map(np.array, columns), strict=True))


def butterflies(product: Product) -> list[Array]:
    """Return the factors of a pointwise product as matrices that act on channels in one numbering throughout.

    All permutations up to a factor are undone behind it, so that ``last @ … @ first`` is still the matrix. With factors of
    width two these are the butterflies of the fast Fourier transform.

    Parameters
    ----------
    product : Product
        Square pointwise factors.

    Returns
    -------
    list of numpy.ndarray, shape (C, C)
        One per convolution; a last matrix is the permutation left over, if there is one.

    Raises
    ------
    ValueError
        If a factor is spatial or not square.

    Examples
    --------
    >>> from igc_theory import igcv2
    >>> from scipy.linalg import hadamard
    >>> factors = butterflies(project(hadamard(4), igcv2([2, 2], kernel_size=1)).product)
    >>> [abs(factor).round().astype(int).tolist() for factor in factors]
    [[[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1], [0, 0, 1, 1]], [[1, 0, 1, 0], [0, 1, 0, 1], [1, 0, 1, 0], [0, 1, 0, 1]]]
    """
    instance_of("product", product, Product, "give a Product, such as project(kernel, chain).product")
    for factor in serial_factors(product.chain):
        if isinstance(factor, GroupConv) and (not factor.is_pointwise or factor.in_channels != factor.out_channels):
            raise ValueError(f"product has {factor!r}: give one whose convolutions are pointwise and square")
    factors, order = [], np.arange(product.shape[1])
    for factor, matrix in zip(serial_factors(product.chain), product.sparse_factors(), strict=True):
        if isinstance(factor, ChannelPermutation):
            order = order[factor.indices]
        else:
            back = np.argsort(order)
            factors.append(matrix.toarray()[back][:, back])
    left_over: Array = np.eye(order.size, dtype=product.dtype)[order]
    return factors if np.array_equal(order, np.arange(order.size)) else [*factors, left_over]
