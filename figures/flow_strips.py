"""Blocks of real networks by grade: a strip per network."""

from __future__ import annotations

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from igc_theory.networks.paths.flow import channel_flow
from igc_theory.networks.zoo.catalogue import network
from igc_theory.views.plots.networks.flow import flow_columns, plot_flow_strips
from igc_theory.views.plots.style import PAGE

NETWORKS = (
    "alexnet", "resnext50_32x4d", "mobilenet_v2", "efficientnet_b0", "igcv3_d", "shufflenet", "shufflenet_v2", "ghostnet",
    "mixnet_s", "condensenet",
)  # fmt: skip


def data() -> dict[str, list[str]]:
    """Return the grade of each block, without shortcuts and gates."""
    return flow_columns(*(channel_flow(network(name)) for name in NETWORKS))


def draw(columns: dict[str, list[str]]) -> Figure:
    """Draw a strip per network."""
    figure, ax = plt.subplots(figsize=(PAGE, 2.6))
    plot_flow_strips(columns, ax)
    return figure
