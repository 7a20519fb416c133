"""The singular values of a kernel's blocks: paths are rank, so they say how well two factors can represent it."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from igc_theory.kernels.arrays import Array, finite
from igc_theory.kernels.projection.chain_kernel import chain_kernel, window_of_one
from igc_theory.structure.arguments.numbers import positive_int
from igc_theory.structure.branches import serial
from igc_theory.structure.chains import Chain
from igc_theory.structure.factors import GroupConv
from igc_theory.structure.paths import path_counts

__all__ = ["block_spectra"]


def block_spectra(
    kernel: ArrayLike, chain: Chain, split: int = 1
) -> dict[str, NDArray[np.float64] | NDArray[np.int64]]:
    r"""Return the singular values of the blocks of a kernel, and the rank that a split of a chain leaves each of them.

    Split the chain behind its first `split` convolutions. Inputs that reach the same channels form a class, and so do outputs that
    are reached from the same channels. The block from one class to another passes through the channels that both share, so in a
    product of the chain its rank is at most their number. The energy of the singular values beyond that rank is lost. For two
    convolutions it is the squared error of the nearest product (`project`), for more it is a lower bound.

    Parameters
    ----------
    kernel : array_like, shape (C_out, C_in, kh, kw), or (C_out, C_in * kh * kw)
        As for `project`: finite numbers, real or complex. The window is unfolded to the side of the spatial convolution.
    chain : Chain
        With at most one spatial convolution, and at least two convolutions.
    split : int, default 1
        Convolutions in front of the split.

    Returns
    -------
    dict of numpy.ndarray
        Columns, one row per singular value: `block`, `index` (from 0, descending), `value`, `rank` (of its block, at most).

    Raises
    ------
    TypeError, ValueError
        If the kernel is not made of finite numbers, its shape does not fit the chain, or there is no such split.

    Examples
    --------
    >>> from igc_theory.structure import igcv1
    >>> from scipy.linalg import hadamard
    >>> spectra = block_spectra(hadamard(4), igcv1(2, 2, kernel_size=1))
    >>> spectra["value"].round(6).tolist(), set(spectra["rank"].tolist())
    ([2.0, 0.0, 2.0, 0.0, 2.0, 0.0, 2.0, 0.0], {1})
    """
    before, after = _split(serial(chain), split)
    if not window_of_one(chain):
        raise ValueError(
            f"chain={chain.name or 'Chain'!r} has several spatial convolutions, or a stride in front of one, "
            "so its blocks are no matrices. Make the others pointwise, and move the stride to the spatial one or behind it"
        )
    array = finite("kernel", chain_kernel(kernel, chain))
    reads, writes = path_counts(before).T > 0, path_counts(after) > 0
    (inputs, of_input), (outputs, of_output) = _classes(reads), _classes(writes)
    ranks = writes[outputs].astype(np.int64) @ reads[inputs].T.astype(np.int64)
    tall = int(np.bincount(of_output).max())
    values = np.concatenate([_values(array[of_output == m], tall, of_input, before) for m in range(outputs.size)])
    blocks, indices = np.indices(values.shape).reshape(2, -1)
    return {"block": blocks, "index": indices, "value": values.ravel(), "rank": ranks.ravel()[blocks]}


def _classes(rows: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return one row of every class of equal rows, and the class of each row; classes come in the order of their first rows."""
    packed = np.packbits(rows, axis=1)
    seen: dict[bytes, int] = {}
    of_row = np.array([seen.setdefault(row.tobytes(), len(seen)) for row in packed])
    return np.unique(of_row, return_index=True)[1], of_row


def _split(chain: Chain, split: int) -> tuple[Chain, Chain]:
    """Return the part of a chain up to and including convolution number `split`, counted from 1, and the rest."""
    count = len(chain.convolutions)
    way_out = f"use 1 to {count - 1}" if count > 1 else "give a chain of at least two convolutions"
    split = positive_int("split", split, way_out=way_out)
    if split >= count:
        raise ValueError(f"split={split} leaves no convolution behind it of the {count} of the chain: {way_out}")
    places = [place for place, factor in enumerate(chain.factors) if isinstance(factor, GroupConv)]
    cut = places[split - 1] + 1
    return Chain(chain.factors[:cut]), Chain(chain.factors[cut:])


def _values(rows: Array, tall: int, of_input: NDArray[np.int64], before: Chain) -> NDArray[np.float64]:
    """Return the singular values of the blocks from every class of inputs to one class of outputs, a row per block.

    Classes may differ in size: zeros fill the smaller blocks up to `tall` outputs and the largest number of inputs, and change no
    singular value but for further zeros.
    """
    sizes = np.bincount(of_input)
    order = np.argsort(of_input, kind="stable")
    place = np.arange(order.size) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    blocks = np.zeros((sizes.size, sizes.max(), tall, rows.shape[2]), rows.dtype)
    blocks[of_input[order], place, : len(rows)] = rows[:, order].swapaxes(0, 1)
    if before.spatial:
        blocks = blocks.swapaxes(2, 3)
    height = blocks.shape[1] * (blocks.shape[2] if before.spatial else 1)
    values = np.linalg.svd(blocks.reshape(sizes.size, height, -1), compute_uv=False)
    return np.asarray(values, np.float64)
