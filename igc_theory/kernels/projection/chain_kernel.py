"""The kernel of a chain: what a product of it is compared with, brought into one shape."""

from __future__ import annotations

from numpy.typing import ArrayLike

from igc_theory.kernels.arrays import Array, numbers
from igc_theory.structure.branches import serial
from igc_theory.structure.chains import Chain

__all__ = ["chain_kernel"]


def chain_kernel(kernel: ArrayLike, chain: Chain, name: str = "kernel") -> Array:
    """Return a kernel in the shape (C_out, C_in, S), after checking it against a chain with at most one spatial convolution.

    Parameters
    ----------
    kernel : array_like, shape (C_out, C_in, kh, kw), or (C_out, C_in * kh * kw)
    chain : Chain
    name : str, default "kernel"
        What the caller's argument is called, for messages.

    Raises
    ------
    TypeError, ValueError
        If the kernel is not made of numbers, its shape does not fit, or several convolutions are spatial.

    Examples
    --------
    >>> from igc_theory.structure import igcv1
    >>> import numpy as np
    >>> chain_kernel(np.ones((8, 72)), igcv1(4, 2)).shape
    (8, 8, 9)
    """
    if not serial(chain).convolutions:
        raise ValueError(f"chain={chain.name or 'Chain'!r} has no convolution: there is no weight to choose")
    _check_windows(chain)
    array = numbers(name, kernel)
    window = chain.spatial[0].window if chain.spatial else (1, 1)
    shape, area = (chain.out_channels, chain.in_channels, *window), window[0] * window[1]
    flat = shape[0], shape[1] * area
    if array.shape not in (shape, flat):
        raise ValueError(f"{name} has shape {array.shape}, but the chain needs {shape} or {flat}: give one of these")
    return array.reshape(shape[0], shape[1], area)


def _check_windows(chain: Chain) -> None:
    """Refuse chains whose kernel is not the product of one window and pointwise factors."""
    spatial = [k for k, conv in enumerate(chain.convolutions) if not conv.is_pointwise]
    if len(spatial) > 1:
        raise ValueError(
            f"chain={chain.name or 'Chain'!r} has {len(spatial)} spatial convolutions, numbers {spatial}: "
            "at most one is handled, so make the others pointwise"
        )
    for k, conv in enumerate(chain.convolutions[: spatial[0]] if spatial else ()):
        if conv.strides != (1, 1):
            raise ValueError(
                f"chain={chain.name or 'Chain'!r} has stride {conv.stride} in convolution {k}, in front of the spatial one, "
                f"which spreads its window: move the stride to convolution {spatial[0]} or behind it"
            )
