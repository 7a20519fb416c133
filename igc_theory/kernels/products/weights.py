"""The numbers of a chain: one array for each convolution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from igc_theory.kernels.arrays import Array, finite, numbers
from igc_theory.structure.arguments.sequences import listed
from igc_theory.structure.branches import checked
from igc_theory.structure.chains import Chain
from igc_theory.structure.factors import GroupConv
from igc_theory.structure.shuffles import FoldedChain

__all__ = ["carried_weights", "checked_weights"]


def checked_weights(chain: Chain, weights: Sequence[ArrayLike]) -> tuple[Array, ...]:
    """Return the weights as read-only arrays of one type with four axes each, after checking them against the chain."""
    convolutions = checked(chain).convolutions
    weights = listed("weights", weights, "give one array for each convolution of the chain", empty=True)
    if len(weights) != len(convolutions):
        raise ValueError(
            f"weights has {len(weights)} arrays, but the chain has {len(convolutions)} convolutions: "
            "give one array for each, in the order of chain.convolutions, and none for a permutation"
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


def carried_weights(folded: FoldedChain, weights: Sequence[Array]) -> list[Array]:
    """Return the weights of a chain whose shuffles are folded: the product of both is the same.

    Examples
    --------
    >>> from igc_theory.structure.blocks import depthwise_separable
    >>> from igc_theory.structure.permutations import interleave
    >>> from igc_theory.structure.shuffles import fold_shuffles
    >>> chain = Chain([interleave(2, 2), depthwise_separable(4, 1, 1)])
    >>> given = [np.arange(4.0).reshape(4, 1, 1, 1), np.arange(4.0).reshape(1, 4, 1, 1)]
    >>> [array.ravel().tolist() for array in carried_weights(fold_shuffles(chain), given)]
    [[0.0, 2.0, 1.0, 3.0], [0.0, 2.0, 1.0, 3.0]]
    """
    return [
        np.take_along_axis(array[rows], columns[:, :, None, None], axis=1)
        for array, rows, columns in zip(weights, folded.rows, folded.columns, strict=True)
    ]
