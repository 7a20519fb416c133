"""A Hadamard and a Fourier matrix, each factorized into butterflies by `project`."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.linalg import dft, hadamard

from igc_theory.kernels.projection.errors import butterflies
from igc_theory.kernels.projection.project import project
from igc_theory.structure.blocks import igcv2
from igc_theory.structure.chains import Chain
from igc_theory.structure.permutations import ChannelPermutation
from igc_theory.views.plots.columns import stacked, unstacked
from igc_theory.views.plots.kernels.products import factor_columns, plot_factor
from igc_theory.views.plots.style import PAGE

BITS = 4


def data() -> dict[str, NDArray[Any]]:
    """Return the entries of both matrices and of their factors, the one applied last first."""
    reversal = ChannelPermutation([int(f"{k:0{BITS}b}"[::-1], 2) for k in range(2**BITS)])
    chain = igcv2([2] * BITS, kernel_size=1)
    panels = {}
    for name, matrix, found in (
        ("Hadamard", hadamard(2**BITS), project(hadamard(2**BITS), chain)),
        ("Fourier", dft(2**BITS), project(dft(2**BITS), Chain([reversal, chain]))),
    ):
        assert found.relative_error < 1e-13
        panels[f"{name} matrix"] = factor_columns(np.asarray(matrix))
        factors = butterflies(found.product)
        panels |= {f"{name} {k}": factor_columns(factor) for k, factor in reversed([*enumerate(factors)])}
    return stacked(panels)


def draw(columns: dict[str, NDArray[Any]]) -> Figure:
    """Draw a row per matrix: the matrix, and the factors whose product it is."""
    panels = unstacked(columns)
    figure, axes = plt.subplots(2, BITS + 2, figsize=(PAGE, 2.5))
    for row, name in zip(axes, ("Hadamard", "Fourier"), strict=True):
        found = [panel for panel in panels if panel.startswith(name)]
        for ax, panel in zip(row, found, strict=False):
            plot_factor(panels[panel], ax)
        for ax in row[len(found) :]:
            ax.set_axis_off()
        row[0].set_ylabel(name)
        row[1].set_ylabel("=", rotation=0, fontsize=14, ha="right", va="center")
    axes[0, 0].set_title("matrix")
    axes[0, 1].set_title("factor applied last")
    axes[0, BITS].set_title("first")
    axes[1, 1].set_title("bit reversal")
    bar = figure.colorbar(axes[0, 0].images[0], ax=axes, shrink=0.8, aspect=25, pad=0.01)
    bar.set_ticks([-1, 0, 1], labels=["−max", "0", "max"])
    bar.set_label("real part")
    return figure
