"""The numbers of a chain: one array for each convolution, given or drawn at random."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from igc_theory.kernels.arrays import Array, finite, float_type, generator, numbers
from igc_theory.structure.chains import Chain
from igc_theory.structure.factors import GroupConv

__all__ = ["checked_weights", "random_weights"]


def checked_weights(chain: Chain, weights: Sequence[ArrayLike]) -> tuple[Array, ...]:
    """Return the weights as read-only arrays of one type with four axes each, after checking them against the chain."""
    convolutions = _convolutions(chain)
    if isinstance(weights, (str, dict)) or not hasattr(weights, "__len__"):
        raise TypeError(f"weights={weights!r} is not a sequence: give one array for each convolution of the chain")
    if len(weights) != len(convolutions):
        raise ValueError(
            f"weights has {len(weights)} arrays, but the chain has {len(convolutions)} convolutions: "
            "give one array for each, in order of application, and none for a permutation"
        )
    arrays = [finite(f"weights[{k}]", numbers(f"weights[{k}]", array)) for k, array in enumerate(weights)]
    dtype = np.result_type(*arrays) if arrays else np.dtype(np.float64)
    return tuple(
        _fitted(f"weights[{k}]", array, conv, dtype)
        for k, (array, conv) in enumerate(zip(arrays, convolutions, strict=True))
    )


def _fitted(name: str, array: Array, conv: GroupConv, dtype: np.dtype[Any]) -> Array:
    """Return a read-only copy of one array of weights in the shape that `conv` needs."""
    shape = conv.out_channels, conv.in_width, *conv.window
    if array.shape != shape and not (conv.is_pointwise and array.shape == shape[:2]):
        also = f" or {shape[:2]}" if conv.is_pointwise else ""
        raise ValueError(f"{name} has shape {array.shape}, but {conv!r} needs {shape}{also}")
    copy = array.reshape(shape).astype(dtype, order="C", copy=True)
    copy.setflags(write=False)
    return copy


def random_weights(chain: Chain, rng: np.random.Generator, dtype: DTypeLike) -> list[Array]:
    """Return normally distributed weights of variance ``1 / (in_width * kernel_area)``.

    Examples
    --------
    >>> from igc_theory import igcv1
    >>> [array.shape for array in random_weights(igcv1(L=4, M=2), np.random.default_rng(0), np.float32)]
    [(8, 2, 3, 3), (8, 4, 1, 1)]
    """
    kind, weights = float_type("dtype", dtype), []
    for conv in _convolutions(chain):
        shape = conv.out_channels, conv.in_width, *conv.window
        draw = generator("rng", rng).standard_normal(shape)
        if kind.kind == "c":
            draw = (draw + 1j * rng.standard_normal(shape)) / np.sqrt(2)
        weights.append((draw / np.sqrt(conv.in_width * conv.kernel_area)).astype(kind))
    return weights


def _convolutions(chain: Chain) -> tuple[GroupConv, ...]:
    if not isinstance(chain, Chain):
        raise TypeError(f"chain is a {type(chain).__name__}, not a Chain: give one, such as igcv1(L=4, M=2)")
    return chain.convolutions
