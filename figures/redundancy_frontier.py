"""All families on three trained kernels: error against storage, and against arithmetic."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from figures.realdata import kernel, source
from igc_theory.budget import best_strict
from igc_theory.kernels import frontier
from igc_theory.structure import Chain, igcv2
from igc_theory.structure.divisors import prime_factors
from igc_theory.structure.families.two_factor_chains import two_factor_chains
from igc_theory.views.plots.columns import stacked, unstacked
from igc_theory.views.plots.kernels.compression import plot_frontier
from igc_theory.views.plots.style import PAGE

LAYERS = (("recognizer", "p2o.Conv.6"), ("detector", "p2o.Conv.14"), ("recognizer", "p2o.Conv.30"))


def data() -> dict[str, Any]:
    """Return every approximation of three kernels of growing size."""
    columns = stacked({_title(network, layer): _rows(network, layer) for network, layer in LAYERS})
    return {**columns, "package": source(columns["panel"].size)}


def _title(network: str, layer: str) -> str:
    rows, columns = kernel(network, layer).matrix.shape
    return f"{network} {layer.removeprefix('p2o.')}: {columns} to {rows}"


def _rows(network: str, layer: str) -> dict[str, list[Any]]:
    matrix = kernel(network, layer).matrix
    rows, inputs = matrix.shape
    columns = frontier(matrix, _chains(inputs, rows), rng=np.random.default_rng(0)).columns()
    settings = zip(columns["family"], columns["setting"], strict=True)
    products = ("low rank", "sparse product")
    rounded = [family in products and setting.endswith(" bits") for family, setting in settings]
    columns["family"] = [f"rounded {f}" if bits else f for f, bits in zip(columns["family"], rounded, strict=True)]
    columns["setting"] = [setting.replace(", ", " of ") for setting in columns["setting"]]  # no commas within a cell
    return columns


def _chains(inputs: int, outputs: int) -> list[Chain]:
    """Return two factors with 1 to 16 paths per pair; between equally many channels also three, and as many as primes."""
    chains = two_factor_chains(inputs, outputs)
    if inputs == outputs:
        three = best_strict(inputs, 1, factors=3, min_spatial_width=2).branch_widths
        for widths in dict.fromkeys([three, prime_factors(inputs)]):
            chains += [Chain(igcv2(widths, 1).factors, name=" × ".join(map(str, widths)))]
    return chains


def draw(columns: dict[str, NDArray[Any]]) -> Figure:
    """Draw bits above and operations below, a column per kernel."""
    figure, axes = plt.subplots(2, len(LAYERS), figsize=(PAGE, 4.4), sharey=True, sharex="row")
    for column, (title, rows) in zip(axes.T, unstacked(columns).items(), strict=True):
        for ax, cost, mark in zip(
            column, ("bits_per_weight", "operations_per_weight"), ("least_bits", "least_operations"), strict=True
        ):
            plot_frontier({**rows, "cost": rows[cost], "best": rows[mark]}, ax)
            ax.set_ylabel("")
        column[0].set(title=title, xlabel="bits per weight")
        column[1].set_xlabel("operations per weight")
    figure.supylabel("relative error")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=5)
    return figure
