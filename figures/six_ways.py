"""One small matrix, and what each way of removing redundancy makes of it; beside that, what the way costs on 100 channels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from igc_theory.kernels import (
    Approximation,
    binarize,
    block_diagonal,
    cluster,
    low_rank,
    prune,
    prune_filters,
    sparse_product,
)
from igc_theory.structure.blocks import igcv2
from igc_theory.views.plots.columns import stacked, unstacked
from igc_theory.views.plots.kernels.spectra import kernel_columns, plot_kernel
from igc_theory.views.plots.style import COLUMN

MATRIX = np.array([
    [2.91, 1.02, 3.06, -0.93],
    [0.95, 0.08, -1.10, 0.87],
    [3.21, -1.04, 0.98, 0.12],
    [-0.89, 0.11, 1.05, -1.12],
])  # fmt: skip
CHANNELS = 100

Way = Callable[[NDArray[Any], int], Approximation]

WAYS: dict[str, Way] = {
    "binary": lambda matrix, _: binarize(matrix),
    "clustered, four values": lambda matrix, _: cluster(matrix, 4),
    "half of the outputs": lambda matrix, channels: prune_filters(matrix, channels // 2),
    "low rank": lambda matrix, channels: low_rank(matrix, max(1, channels // 10)),
    "half of the entries": lambda matrix, _: prune(matrix, 0.5),
    "two blocks": lambda matrix, _: block_diagonal(matrix, 2),
    "product of sparse factors": lambda matrix, channels: sparse_product(matrix, igcv2([round(channels**0.5)] * 2, 1)),
}
"""Each way, of a matrix of so many channels; rank 1 of 4 and 10 of 100, branches of 2 and of 10."""


def data() -> dict[str, Any]:
    """Return the entries of the matrix and of each approximation, its costs, and the share of operations at 100 channels."""
    large = np.random.default_rng(0).standard_normal((CHANNELS, CHANNELS))
    panels = {"as it is": _columns(prune(MATRIX, MATRIX.size), 32 * MATRIX.size, 1.0)}
    for name, way in WAYS.items():
        small, of_large = way(MATRIX, len(MATRIX)), way(large, CHANNELS)
        panels[name] = _columns(small, small.storage_bits, of_large.multiply_adds / large.size)
    return stacked(panels)


def _columns(found: Approximation, bits: int, share: float) -> dict[str, Any]:
    costs = {
        "bits": bits,
        "multiply_adds": found.multiply_adds,
        "additions": found.additions,
        "error": round(found.relative_error, 5),
        "share_at_100": share,
    }
    entries = kernel_columns(found.matrix)
    return {
        **entries,
        "value": entries["value"].round(6),
        **{name: np.full(found.matrix.size, value) for name, value in costs.items()},
    }


def draw(columns: dict[str, NDArray[Any]]) -> Figure:
    """Draw the matrices with their numbers, two in a row, on one scale of colours."""
    figure, axes = plt.subplots(4, 2, figsize=(COLUMN, 7.3))
    largest = float(np.abs(columns["value"]).max())
    for ax, (title, rows) in zip(axes.flat, unstacked(columns).items(), strict=True):
        plot_kernel(rows, ax, largest=largest, decimals=2).set_title(title)
        ax.set_xlabel("\n".join(_costs({name: values[0] for name, values in rows.items()})), fontsize=7)
    return figure


def _costs(row: dict[str, Any]) -> list[str]:
    added = f", {row['additions']} additions" if row["additions"] else ""
    return [
        f"{row['bits']} bits, error {row['error']:.2f}",
        f"{row['multiply_adds']} multiply–adds{added}",
        f"at 100 channels: {row['share_at_100']:.0%}".replace("%", " %"),
    ]
