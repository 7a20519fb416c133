"""Convolutions that are added up, perhaps between permutations: their sum is linear in all weights."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from igc_theory.kernels.arrays import Array
from igc_theory.kernels.products.product import Product
from igc_theory.kernels.rank_one_pairs import squared_norm
from igc_theory.structure.chains import Chain, Placement

__all__ = ["linear_branches"]


def linear_branches(target: Array, parts: Sequence[Placement]) -> tuple[list[Array], float]:
    """Return the weights of the branches whose sum is nearest to a kernel, and the squared distance.

    Every weight is one entry of the kernel. An entry that several branches reach is shared out equally among them, which is the
    choice of the smallest weights; an entry that none reaches is lost.

    Parameters
    ----------
    target : ndarray, shape (C_out, C_in, kh, kw)
    parts : sequence of Placement
        Branches in series, of one convolution each.

    Examples
    --------
    >>> from igc_theory.structure import GroupConv, Sum
    >>> target = np.arange(1.0, 10.0).reshape(1, 1, 3, 3)
    >>> weights, error = linear_branches(target, Sum([GroupConv(1, 1, kernel_size=3), GroupConv(1, 1)]).parts)
    >>> weights[0].ravel().tolist(), weights[1].item(), error
    ([1.0, 2.0, 3.0, 4.0, 2.5, 6.0, 7.0, 8.0, 9.0], 2.5, 0.0)
    """
    places = [_places(part.branch) for part in parts]
    reached = np.zeros(target.shape, np.int64)
    for part, place in zip(parts, places, strict=True):
        reached[part.writes, part.reads, *part.centre(*target.shape[2:])] += place >= 0
    shares = np.where(reached, target, 0) / np.maximum(reached, 1)
    weights = []
    for part, place in zip(parts, places, strict=True):
        (conv,) = part.branch.convolutions
        own = np.empty(conv.parameters, target.dtype)
        own[place[place >= 0]] = shares[part.writes, part.reads, *part.centre(*target.shape[2:])][place >= 0]
        weights.append(own.reshape(conv.out_channels, conv.in_width, *conv.window))
    return weights, squared_norm(np.where(reached, 0, target))


def _places(branch: Chain) -> NDArray[np.int64]:
    """Return for every entry of a branch's kernel the number of the weight that it is, -1 if it is none."""
    (conv,) = branch.convolutions
    numbers = np.arange(1.0, conv.parameters + 1).reshape(conv.out_channels, conv.in_width, *conv.window)
    return Product(branch, [numbers]).kernel().astype(np.int64) - 1
