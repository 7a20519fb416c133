"""What reordering channels gains: sparse products of trained kernels beside low rank at the same bits."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from tqdm import tqdm

from figures.realdata import FILES, Kernel, shapes_once, source
from igc_theory.kernels import low_rank, sparse_product
from igc_theory.structure.families.two_factor_chains import two_factor_chains
from igc_theory.views.plots.kernels.compression import plot_order_gain
from igc_theory.views.plots.style import COLUMN

LEAST = 24
SMALL = 10_000
SHARE = 1 / 4


def data() -> dict[str, list[Any]]:
    """Return a row per kernel, the first of every shape, and random ones of small shapes; low rank takes the bits of `found`."""
    trained = [found for name in FILES for found in shapes_once(name, LEAST)]
    rng, small = np.random.default_rng(0), [found for found in trained if found.matrix.size <= SMALL]
    random = [Kernel("random", found.layer, rng.standard_normal(found.matrix.shape)) for found in small]
    tried = [_row(found) for found in tqdm([*trained, *random], "reordering", leave=False, disable=None)]
    rows = [row for row in tried if row is not None]
    names = ("network", "layer", "rows", "columns", "chain", "given", "found", "low_rank")
    return {**dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)), "package": source(len(rows))}


def _row(kernel: Kernel) -> tuple[Any, ...] | None:
    """Return the errors for the largest product of two factors within a quarter of the weights; None if there is none."""
    rows, columns = kernel.matrix.shape
    chains = two_factor_chains(columns, rows)
    fitting = [chain for chain in chains if chain.parameters <= SHARE * kernel.matrix.size]
    if not fitting:
        return None
    given = sparse_product(kernel.matrix, fitting[-1])
    found = sparse_product(kernel.matrix, fitting[-1], reorder=True, rng=np.random.default_rng(0))
    beside = low_rank(kernel.matrix, found.storage_bits // 32 // (rows + columns))
    errors = given.relative_error, found.relative_error, beside.relative_error
    return kernel.network, f"layer {kernel.layer}", rows, columns, f"widths {fitting[-1].name}", *errors


def draw(columns: dict[str, NDArray[Any]]) -> Figure:
    """Draw the trained kernels."""
    figure, ax = plt.subplots(figsize=(COLUMN, 3.2))
    trained = columns["network"] != "random"
    plot_order_gain({name: columns[name][trained] for name in ("given", "found", "low_rank")}, ax)
    return figure
