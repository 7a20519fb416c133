"""The kernel of a chain: what a product of it is compared with, brought into one shape."""

from __future__ import annotations

from numpy.typing import ArrayLike

from igc_theory.kernels.arrays import Array, numbers
from igc_theory.structure.branches import checked
from igc_theory.structure.chains import Chain

__all__ = ["chain_kernel", "window_of_one"]


def chain_kernel(kernel: ArrayLike, chain: Chain, name: str = "kernel") -> Array:
    """Return a kernel in the shape (C_out, C_in, S), after checking it against a chain.

    Parameters
    ----------
    kernel : array_like, shape (C_out, C_in, kh, kw), or (C_out, C_in * kh * kw)
    chain : Chain
    name : str, default "kernel"
        What the caller's argument is called, for messages.

    Raises
    ------
    TypeError, ValueError
        If the kernel is not made of numbers, or its shape does not fit.

    Examples
    --------
    >>> from igc_theory.structure import igcv1
    >>> import numpy as np
    >>> chain_kernel(np.ones((8, 72)), igcv1(4, 2)).shape
    (8, 8, 9)
    """
    if not checked(chain).convolutions:
        raise ValueError(f"chain={chain.name or 'Chain'!r} has no convolution: there is no weight to choose")
    array = numbers(name, kernel)
    window = chain.window
    shape, area = (chain.out_channels, chain.in_channels, *window), window[0] * window[1]
    flat = shape[0], shape[1] * area
    if array.shape not in (shape, flat):
        raise ValueError(f"{name} has shape {array.shape}, but the chain needs {shape} or {flat}: give one of these")
    return array.reshape(shape[0], shape[1], area)


def window_of_one(chain: Chain) -> bool:
    """Return whether the kernel of a chain is the product of matrices and one window.

    Not so if several convolutions are spatial, or a stride in front of the spatial one spreads its window.

    Examples
    --------
    >>> from igc_theory.structure import igcv1, regular
    >>> window_of_one(igcv1(4, 2)), window_of_one(regular(4, 4) + regular(4, 4))
    (True, False)
    """
    spatial = [k for k, conv in enumerate(chain.convolutions) if not conv.is_pointwise]
    before = chain.convolutions[: spatial[0]] if spatial else ()
    return len(spatial) < 2 and all(conv.strides == (1, 1) for conv in before)
