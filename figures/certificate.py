"""The certificate: how near to optimal the products of several factors are known to be."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from igc_theory.kernels.projection.errors import certificates
from igc_theory.structure.blocks import igcv2
from igc_theory.views.plots.columns import stacked, unstacked
from igc_theory.views.plots.kernels.products import plot_certificate
from igc_theory.views.plots.style import PAGE

WIDTHS = ([8, 8], [4, 4, 4], [2] * 6)


def data() -> dict[str, NDArray[Any]]:
    """Return errors and bounds over the noise for two, three and six factors of 64 channels, one panel each."""
    noise = np.geomspace(0.05, 20, 14).tolist()
    chains = {f"{len(widths)} factors of width {widths[0]}": igcv2(widths, kernel_size=1) for widths in WIDTHS}
    return stacked({title: certificates(chain, noise, np.random.default_rng(0)) for title, chain in chains.items()})


def draw(columns: dict[str, NDArray[Any]]) -> Figure:
    """Draw one panel per number of factors."""
    panels = unstacked(columns)
    figure, axes = plt.subplots(1, len(panels), figsize=(PAGE, 2.2), sharey=True)
    for ax, (title, rows) in zip(axes, panels.items(), strict=True):
        plot_certificate(rows, ax)
        ratio = (rows["error"] / rows["bound"]).max()
        ax.set_title(f"{title}: error/bound ≤ {ratio:.2f}")
    for ax in axes[1:]:
        ax.set_ylabel("")
    axes[0].legend(loc="lower right", bbox_to_anchor=(1, 0.05))
    return figure
