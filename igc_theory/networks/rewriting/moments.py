"""Second moments of what a layer reads, summed over batches."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from igc_theory.kernels.arrays import Array
from igc_theory.structure.factors import GroupConv

__all__ = ["Moments"]

MOST_PAIRS = 2**11
"""Numbers that one output reads up to which moments of pairs are kept: 32 megabytes."""

MOST_ROWS = 2**16
"""Positions worked on at a time."""


class Moments:
    r"""The sum of :math:`x x^⊤` over what a convolution reads, in the order (C_in, kh, kw), or of the squares if it reads much.

    Examples
    --------
    >>> moments = Moments(GroupConv(2, 4))
    >>> moments.add_rows(np.array([[1.0, 2.0], [3.0, 0.0]]))
    >>> moments.mean().tolist()
    [[4.25, 0.5], [0.5, 2.75]]
    """

    def __init__(self, conv: GroupConv) -> None:
        self.conv, self.count = conv, 0
        size = conv.in_channels * conv.kernel_area
        self.sums = np.zeros((size, size) if size <= MOST_PAIRS else size)

    def add_rows(self, rows: Array) -> None:
        """Add rows of numbers that one output reads, shape (n, C_in * S)."""
        for start in range(0, len(rows), MOST_ROWS):
            part = rows[start : start + MOST_ROWS].astype(np.float64)
            self.sums += part.T @ part if self.sums.ndim == 2 else (part**2).sum(axis=0)
            self.count += len(part)

    def add_images(self, images: Array, steps: tuple[int, int]) -> None:
        """Add the windows of padded images (N, C, H, W), their entries `steps` apart."""
        spans = [step * (side - 1) + 1 for side, step in zip(self.conv.window, steps, strict=True)]
        for image in images:
            windows = sliding_window_view(image, spans, axis=(1, 2))
            chosen = windows[:, :: self.conv.strides[0], :: self.conv.strides[1], :: steps[0], :: steps[1]]
            self.add_rows(chosen.transpose(1, 2, 0, 3, 4).reshape(-1, self.sums.shape[0]))

    def mean(self) -> Array:
        """Return the mean over all rows and as many rows of noise as they are long, of the same mean square.

        Fewer rows than that span no space of all inputs: without noise, substitutes would fit these rows and nothing else.
        """
        size = self.sums.shape[0]
        squares = np.diagonal(self.sums) if self.sums.ndim == 2 else self.sums
        noise = size * float(squares.mean()) / max(self.count, 1)
        added = noise * np.eye(size) if self.sums.ndim == 2 else noise
        mean: Array = (self.sums + added) / (self.count + size)
        return mean
