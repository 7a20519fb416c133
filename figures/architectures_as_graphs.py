"""Architectures as graphs: where an image can go around a convolution."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from numpy.typing import NDArray

from igc_theory.networks.description.layers import convolution
from igc_theory.networks.description.nodes import Block, Node
from igc_theory.networks.zoo.catalogue import network
from igc_theory.views.plots.columns import stacked, unstacked
from igc_theory.views.plots.networks.architectures import architecture_columns, plot_architecture
from igc_theory.views.plots.style import PAGE

CONV = convolution(4, 4)


def _block(*branches: int) -> Block:
    """Return convolutions side by side, as many in each branch as said."""
    return Block("", tuple((CONV,) * length for length in branches))


def _pieces() -> dict[str, tuple[Node, ...]]:
    """Return a telling piece of each architecture."""
    return {
        "plain stack (AlexNet, VGG): $x^{15}$": (CONV,) * 15,
        "Highway, gates open: $(1 + x)^7$": (_block(1, 0),) * 7,
        "ResNet, five blocks: $(1 + x^2)^5$": network("cifar_resnet32").blocks[:5],
        "deeply fused: $(x^5 + x^2)(x^4 + x)(x^4 + x)$": (_block(5, 2), _block(4, 1), _block(4, 1)),
        "GoogLeNet, five modules: $(2x + 2x^2)^5$": network("googlenet").blocks[2:7],
        "FractalNet, one block: $F_{c+1} = F_c^2 + x$": network("fractalnet", columns=4).blocks[:1],
    }


def data() -> dict[str, Any]:
    """Return the boxes, joins and lines of every architecture."""
    return stacked({title: architecture_columns(nodes) for title, nodes in _pieces().items()})


def draw(columns: dict[str, NDArray[Any]]) -> Figure:
    """Draw the architectures two in a row, all to one scale."""
    figure, axes = plt.subplots(3, 2, figsize=(PAGE, 3.0), height_ratios=[2, 2, 4])
    panels = unstacked(columns)
    longest = max(rows["x1"].max() for rows in panels.values())
    for ax, (title, rows) in zip(axes.flat, panels.items(), strict=True):
        plot_architecture(rows, ax).set_title(title, loc="left")
        ax.set(xlim=(-0.2, longest + 0.2), ylim=(-1, 1) if rows["y0"].max() <= 0.5 else None)
    return figure
