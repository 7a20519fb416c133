"""The interleaved group convolution block: which input branches each channel has seen."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from numpy.typing import NDArray

from igc_theory.structure.blocks import igcv1
from igc_theory.views.plots.structure.chains import chain_columns, plot_chain
from igc_theory.views.plots.style import COLUMN


def data() -> dict[str, list[Any]]:
    """Return channels, branches and permutations of the IGCV1 block with three primary partitions of four channels."""
    return chain_columns(igcv1(3, 4))


def draw(columns: dict[str, NDArray[Any]]) -> Figure:
    """Draw the block in one column."""
    figure, ax = plt.subplots(figsize=(COLUMN, 2.3))
    plot_chain(columns, ax)
    return figure
