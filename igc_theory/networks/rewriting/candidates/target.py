r"""A layer to be replaced, and how the errors of what stands in its place count.

With second moments of what the layer reads, :math:`Σ = E[x x^⊤]`, the error is that of the layer's output,
:math:`‖K - W‖_Σ / ‖K‖_Σ` with :math:`‖A‖_Σ^2 = \operatorname{tr} A Σ A^⊤`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from igc_theory.budget.chain_cost import ImageSize, multiply_adds
from igc_theory.kernels.arrays import Array, finite, numbers
from igc_theory.kernels.compression.approximation import REAL_BITS
from igc_theory.networks.rewriting.candidates.candidate import Candidate, Substitute
from igc_theory.structure.arguments.sequences import window_of
from igc_theory.structure.chains import Chain
from igc_theory.structure.factors import GroupConv

__all__ = [
    "OutputMetric",
    "Target",
    "combined",
    "fitting_moments",
    "fitting_scales",
    "fitting_sizes",
    "fitting_weight",
    "image_before",
]

_RIDGE = 1e-10
"""Share of their mean that is added to the diagonal of second moments: what is read may be linearly dependent."""

_FLOOR = 1e-3
"""Least scale of a row or column as a share of the largest: what is not seen at all has any weights."""


def fitting_weight(weight: ArrayLike, conv: GroupConv) -> Array:
    """Return a kernel of finite real numbers that fits the convolution."""
    array, shape = finite("weight", numbers("weight", weight)), (conv.out_channels, conv.in_width, *conv.window)
    if array.dtype.kind == "c":
        raise TypeError(
            f"weight has dtype {array.dtype}: layers are replaced by real factors only, so give real weights"
        )
    if array.shape != shape:
        raise ValueError(f"weight has shape {array.shape}, but {conv!r} needs {shape}: give one of these")
    return array


def fitting_moments(moments: ArrayLike | None, conv: GroupConv) -> Array | None:
    """Return second moments in double precision, after checking their shape; None if they say nothing, all of them zero."""
    if moments is None:
        return None
    array, n = finite("moments", numbers("moments", moments)).astype(np.float64), conv.in_channels * conv.kernel_area
    if array.shape not in ((n, n), (n,)):
        raise ValueError(f"moments has shape {array.shape}, but {conv!r} reads {n} numbers: give ({n}, {n}) or ({n},)")
    return array if array.any() else None


def fitting_scales(scales: ArrayLike | None, conv: GroupConv) -> Array:
    """Return the size of the scale of every output, none of them nothing."""
    if scales is None:
        return np.ones(conv.out_channels)
    array = np.abs(finite("scales", numbers("scales", scales)).astype(np.float64))
    if array.shape != (conv.out_channels,):
        raise ValueError(f"scales has shape {array.shape}, but {conv!r} has {conv.out_channels} outputs: give one each")
    return _floored(array)


def fitting_sizes(image: int | ImageSize | None, size: int | ImageSize, conv: GroupConv) -> tuple[ImageSize, ImageSize]:
    """Return height and width of what is read and of what is written, after checking them."""
    written = window_of("size", size)
    return image_before(conv, written) if image is None else window_of("image", image), written


def image_before(conv: GroupConv, size: ImageSize) -> ImageSize:
    """Return height and width of an image of which a layer writes so many positions under padding "same".

    Examples
    --------
    >>> image_before(GroupConv(4, 4, kernel_size=3, stride=2), (7, 5))
    (14, 10)
    """
    return size[0] * conv.strides[0], size[1] * conv.strides[1]


def _floored(sizes: Array) -> Array:
    """Return sizes of which none is much less than the largest; ones if all are zero."""
    largest = float(sizes.max())
    floored: Array = np.maximum(sizes, _FLOOR * largest) if largest > 0 else np.ones_like(sizes)
    return floored


@dataclass(frozen=True, eq=False)
class OutputMetric:
    """How errors count: by the second moments of what is read, a matrix or its diagonal, or all alike."""

    moments: Array | None

    @property
    def full(self) -> bool:
        """Whether moments of pairs are known."""
        return self.moments is not None and self.moments.ndim == 2

    def times(self, rows: Array) -> Array:
        """Return rows times the moments."""
        if self.moments is None:
            return rows
        product: Array = rows @ self.moments if self.full else rows * self.moments
        return product

    def energy(self, rows: Array) -> float:
        """Return the squared norm of rows; rounding may not make it negative."""
        return max(float(np.vdot(self.times(rows), rows)), 0.0)

    def columns(self, count: int) -> Array:
        """Return the root mean square of each of the numbers that are read."""
        if self.moments is None:
            return np.ones(count)
        return _floored(np.sqrt(np.maximum(np.diagonal(self.moments) if self.full else self.moments, 0)))


@dataclass(frozen=True, eq=False)
class Target:
    """A layer to be replaced: the image it reads, the size of what it writes, its matrix (C_out, C_in * S), how errors count."""

    conv: GroupConv
    image: ImageSize
    size: ImageSize
    metric: OutputMetric
    scales: Array
    matrix: Array
    reorder: bool

    @cached_property
    def rows(self) -> Array:
        """The matrix as what follows sees it."""
        return self.matrix * self.scales[:, None]

    @cached_property
    def energy(self) -> float:
        """Its squared norm."""
        return self.metric.energy(self.rows)

    def error(self, matrix: Array) -> float:
        """Return the relative error of a matrix in its place."""
        return self.relative(self.metric.energy((self.matrix - matrix) * self.scales[:, None]))

    def relative(self, energy: float) -> float:
        """Return the relative error for a squared distance."""
        return float(np.sqrt(energy / self.energy)) if self.energy > 0 else 0.0

    def columns(self, spread: bool) -> Array:
        """Return the scale of each column, the same for a whole window if the chain's first factor has none."""
        columns = self.metric.columns(self.matrix.shape[1])
        if spread:
            windows = columns.reshape(-1, self.conv.kernel_area)
            columns = np.repeat(np.sqrt((windows**2).mean(axis=1)), self.conv.kernel_area)
        return columns

    def candidate(
        self,
        family: str,
        setting: str,
        chain: Chain,
        error: float,
        fitted: Callable[[], Substitute],
        index_bits: int = 0,
    ) -> Candidate:
        """Return a candidate with its costs: a factor in front of the window or the stride works on the image read."""
        bits, products = REAL_BITS * chain.parameters + index_bits, multiply_adds(chain, *self.image, written=self.size)
        return Candidate(family, setting, chain, bits, products, error, fitted)


def combined(target: Target, rows: Array, reads: Array) -> Array:
    """Return the combinations of what is read that come nearest to rows of the layer in the outputs."""
    weighted = target.metric.times(reads)
    gram = weighted @ reads.T
    ridge = max(_RIDGE * float(np.trace(gram)) / len(gram), float(np.finfo(float).tiny))
    solved: Array = np.linalg.solve(gram + ridge * np.eye(len(gram)), weighted @ rows.T).T
    return solved
