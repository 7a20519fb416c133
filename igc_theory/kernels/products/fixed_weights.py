"""The two special cases of IGCV1 with fixed 0/1 secondary kernels: interleaving already contains the older designs."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from igc_theory.kernels.arrays import Array, kernel_of
from igc_theory.kernels.products.product import Product
from igc_theory.structure.blocks import regular_as_igc, summation_fusion

__all__ = ["regular_as_igc_product", "summation_fusion_product"]


def regular_as_igc_product(kernel: ArrayLike) -> Product:
    """Return a regular convolution as an interleaved group convolution.

    Split the channels in halves: ``y1 = W11 x1 + W12 x2`` and ``y2 = W21 x1 + W22 x2``. Four primary branches carry the
    four parts and read the duplicated input ``(x1, x2, x1, x2)``. Each secondary branch adds the first two and the last
    two, twice: the output is ``(y1, y2, y1, y2)`` (IGCV1 [Zhang2017], section 3.2).

    Parameters
    ----------
    kernel : array_like, shape (C, C, kh, kw)
        Finite weights, an even number of channels.

    Returns
    -------
    Product
        Of the chain ``regular_as_igc(C, (kh, kw))``, on ``2*C`` channels.

    Raises
    ------
    TypeError, ValueError
        If the kernel is not of that shape.

    Examples
    --------
    >>> import numpy as np
    >>> from igc_theory.kernels import convolve
    >>> rng = np.random.default_rng(0)
    >>> kernel, x = rng.standard_normal((4, 4, 3, 3)), rng.standard_normal((4, 8, 8))
    >>> y = convolve(x, kernel)
    >>> np.allclose(regular_as_igc_product(kernel).convolve(np.concatenate([x, x])), np.concatenate([y, y]))
    True
    """
    tensor, _ = kernel_of(kernel, 1)
    channels, in_channels, *window = tensor.shape
    if channels != in_channels:
        raise ValueError(
            f"kernel has shape {tensor.shape}, with {channels} output and {in_channels} input channels: "
            "make them equal, for the block has one width throughout"
        )
    chain = regular_as_igc(channels, (window[0], window[1]))
    half = channels // 2
    primary = [tensor[o : o + half, i : i + half] for o in (0, half) for i in (0, half)]
    add_pairs = [[1, 1, 0, 0], [0, 0, 1, 1]] * 2
    return Product(chain, [np.concatenate(primary), _secondary(add_pairs, half, tensor)])


def summation_fusion_product(kernel: ArrayLike, groups: int) -> Product:
    r"""Return a group convolution with summation fusion as an interleaved group convolution.

    All secondary kernels are ones, so that each of the `L` output partitions is the sum of all primary branches:

    .. math:: y_1 = ⋯ = y_L = \sum_l W_l x_l

    (IGCV1 [Zhang2017], section 3.2).

    Parameters
    ----------
    kernel : array_like, shape (L * M, M, kh, kw)
        Finite weights of a group convolution of equal width.
    groups : int
        `L`, its branches.

    Returns
    -------
    Product
        Of the chain ``summation_fusion(L, M, (kh, kw))``.

    Raises
    ------
    TypeError, ValueError
        If the kernel is not of that shape.

    Examples
    --------
    >>> import numpy as np
    >>> from igc_theory.kernels import convolve
    >>> rng = np.random.default_rng(0)
    >>> kernel, x = rng.standard_normal((6, 2, 3, 3)), rng.standard_normal((6, 8, 8))
    >>> summed = convolve(x, kernel, groups=3).reshape(3, 2, 8, 8).sum(axis=0)
    >>> np.allclose(summation_fusion_product(kernel, groups=3).convolve(x), np.concatenate([summed] * 3))
    True
    """
    tensor, L = kernel_of(kernel, groups)
    out_channels, M, *window = tensor.shape
    if out_channels != L * M:
        raise ValueError(
            f"kernel has shape {tensor.shape}, with {out_channels // L} output and {M} input channels in each of "
            f"groups={L} branches: make them equal, for the block has one width throughout"
        )
    chain = summation_fusion(L, M, (window[0], window[1]))
    return Product(chain, [tensor, _secondary(np.ones((L, L)), M, tensor)])


def _secondary(block: ArrayLike, branches: int, like: Array) -> Array:
    """Return the weights of a pointwise group convolution with the same block in all branches."""
    return np.tile(np.asarray(block, like.dtype), (branches, 1))
