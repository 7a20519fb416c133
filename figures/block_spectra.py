"""Singular values of the blocks of a trained kernel, beside those of a random one."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from figures.realdata import kernel, source
from igc_theory.kernels import block_spectra
from igc_theory.structure.families.two_factor_chains import two_factor_chain
from igc_theory.views.plots.columns import stacked, unstacked
from igc_theory.views.plots.kernels.spectra import plot_block_spectra
from igc_theory.views.plots.style import COLUMN

LAYER = ("detector", "p2o.Conv.14")
GROUPS = (16, 12)


def data() -> dict[str, Any]:
    """Return the singular values of both kernels, scaled to an energy of one per block on average."""
    trained = kernel(*LAYER).matrix
    random = np.random.default_rng(0).standard_normal(trained.shape)
    panels = {f"trained: {LAYER[0]} {LAYER[1].removeprefix('p2o.')}": _spectra(trained), "random": _spectra(random)}
    columns = stacked(panels)
    return {**columns, "value": columns["value"].round(6), "package": source(columns["panel"].size)}


def _spectra(matrix: NDArray[Any]) -> dict[str, Any]:
    rows, columns = matrix.shape
    chain = two_factor_chain(columns, rows, columns, GROUPS)
    blocks = GROUPS[0] * GROUPS[1]
    return dict(block_spectra(matrix * np.sqrt(blocks) / np.linalg.norm(matrix), chain))


def draw(columns: dict[str, NDArray[Any]]) -> Figure:
    """Draw both side by side; the share of the energy in the rank kept is written into each."""
    figure, axes = plt.subplots(1, 2, figsize=(COLUMN, 2.1), sharey=True)
    for ax, (title, rows) in zip(axes, unstacked(columns).items(), strict=True):
        plot_block_spectra(rows, ax).set_title(title)
        energy = rows["value"] ** 2
        share = energy[rows["index"] < rows["rank"]].sum() / energy.sum()
        ax.text(0.95, 0.55, f"rank 1 holds\n{share:.0%} of the energy", transform=ax.transAxes, ha="right")
        ax.get_legend().remove()
    axes[1].set_ylabel("")
    axes[0].legend(loc="upper right")
    return figure
