"""How long the ways from input to output are: paths by length."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from numpy.typing import NDArray

from igc_theory.networks.paths.branching import path_polynomial
from igc_theory.views.plots.networks.networks import plot_path_lengths
from igc_theory.views.plots.style import COLUMN

ARCHITECTURES = {
    "AlexNet": "alexnet",
    "VGG-16": "vgg16",
    "GoogLeNet": "googlenet",
    "Highway-19": "highway19",
    "deeply fused": "deeply_fused",
    "FractalNet": "fractalnet",
    "ResNet-20": "cifar_resnet20",
    "ResNet-50": "resnet50",
}


def data() -> dict[str, list[Any]]:
    """Return the share of paths of every length, a row an architecture and a length; lengths without paths are left out."""
    rows = [
        (f"{label}\n{_count(polynomial.paths)}", k, float(share))
        for label, polynomial in ((label, path_polynomial(name)) for label, name in ARCHITECTURES.items())
        for k, share in enumerate(polynomial.distribution)
        if share
    ]
    return dict(zip(("architecture", "length", "share"), map(list, zip(*rows, strict=True)), strict=True))


def draw(columns: dict[str, NDArray[Any]]) -> Figure:
    """Draw all distributions on one axis."""
    figure, ax = plt.subplots(figsize=(COLUMN, 3.3))
    plot_path_lengths(columns, ax)
    return figure


def _count(paths: int) -> str:
    return "1 path" if paths == 1 else f"{paths:,} paths"
