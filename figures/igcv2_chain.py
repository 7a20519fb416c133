"""The chain of IGCV2: three sparse factors, and the one path between an input and an output."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from numpy.typing import NDArray

from igc_theory.structure.blocks import igcv2
from igc_theory.views.plots.columns import stacked, unstacked
from igc_theory.views.plots.structure.chains import chain_columns, plot_chain
from igc_theory.views.plots.structure.paths import path_columns, plot_paths
from igc_theory.views.plots.style import COLUMN

CHAIN = igcv2([2, 2, 2])
OUTPUT = 5


def data() -> dict[str, Any]:
    """Return the chain of three factors of two channels per branch, and the paths that end in one output."""
    chain, paths = chain_columns(CHAIN), path_columns(CHAIN, OUTPUT)
    size = len(chain["mark"]), len(paths["mark"])
    return stacked({
        "which input branches reach a channel": {**chain, "paths": [0] * size[0]},
        "the paths that end in one output": {**{n: paths[n] for n in ("mark", "stage", "start", "end")}, "branch": [0] * size[1],
                                             "label": paths["label"], "paths": paths["paths"]},
    })  # fmt: skip


def draw(columns: dict[str, NDArray[Any]]) -> Figure:
    """Draw the chain above and the tree of paths below it."""
    figure, axes = plt.subplots(2, 1, figsize=(COLUMN, 4.4))
    for ax, plot, (title, rows) in zip(axes, (plot_chain, plot_paths), unstacked(columns).items(), strict=True):
        plot(rows, ax).set_title(title, pad=23)
    return figure
