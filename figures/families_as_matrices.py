"""One small trained kernel, and what each family makes of it."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from figures.realdata import kernel, source
from igc_theory.kernels import (
    Approximation,
    binarize,
    block_diagonal,
    cluster,
    low_rank,
    prune,
    prune_n_m,
    sparse_product,
)
from igc_theory.structure.families.two_factor_chains import two_factor_chain
from igc_theory.views.plots.columns import stacked, unstacked
from igc_theory.views.plots.kernels.spectra import kernel_columns, plot_kernel
from igc_theory.views.plots.style import PAGE

LAYER = ("classifier", "Conv@16")


def data() -> dict[str, Any]:
    """Return the entries of the kernel and of seven approximations, with bits and error of each."""
    matrix = kernel(*LAYER).matrix
    dense = {**kernel_columns(matrix), "bits": np.full(matrix.size, 32 * matrix.size), "error": np.zeros(matrix.size)}
    panels = {"dense": dense} | {found.name: _columns(found) for found in _approximations(matrix)}
    columns = stacked(panels)
    return {**columns, "value": columns["value"].round(5), "package": source(columns["value"].size)}


def _approximations(matrix: NDArray[Any]) -> list[Approximation]:
    """Return a member of each family; low rank, pruned and product take about the same bits."""
    rows, columns = matrix.shape
    product = sparse_product(matrix, two_factor_chain(columns, rows, rows, (4, 4)))
    return [
        binarize(matrix),
        cluster(matrix, 4),
        prune_n_m(matrix),
        block_diagonal(matrix, 2),
        prune(matrix, product.storage_bits // 35),  # 32 bits a number and about 3 for its place
        low_rank(matrix, product.storage_bits // 32 // (rows + columns)),
        product,
    ]


def _columns(found: Approximation) -> dict[str, Any]:
    size = found.matrix.size
    return {
        **kernel_columns(found.matrix),
        "bits": np.full(size, found.storage_bits),
        "error": np.full(size, round(found.relative_error, 5)),
    }


def draw(columns: dict[str, NDArray[Any]]) -> Figure:
    """Draw all on one colour scale."""
    figure, axes = plt.subplots(2, 4, figsize=(PAGE, 2.5))
    largest = float(np.abs(columns["value"]).max())
    for ax, (title, rows) in zip(axes.flat, unstacked(columns).items(), strict=True):
        plot_kernel(rows, ax, largest=largest).set_title(title)
        bits, error = int(rows["bits"][0]), rows["error"][0]
        ax.set_xlabel(f"{bits:,} bits" + (f", error {error:.2f}" if error else ""))
    return figure
