"""Published networks on CIFAR and ImageNet: error over parameters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from numpy.typing import NDArray

from igc_theory.networks.printed.published import published
from igc_theory.views.plots.columns import unstacked
from igc_theory.views.plots.networks.networks import plot_size_against_accuracy
from igc_theory.views.plots.style import PAGE

CIFAR = {"CIFAR-10": "cifar10_error_percent", "CIFAR-100": "cifar100_error_percent"}

LABELS: dict[str, tuple[str, dict[str, tuple[float, float]]]] = {
    "IGC-L16M32": ("L16M32", {"CIFAR-10": (-5, -3), "CIFAR-100": (-9, 4)}),
    "IGC-L450M2": ("L450M2", {"CIFAR-10": (-3, -8), "CIFAR-100": (-5, -7)}),
    "IGC-L32M26": ("L32M26", {"CIFAR-10": (5, -3), "CIFAR-100": (5, -4)}),
    "IGCV2*-C416": ("IGCV2*-C416", {"CIFAR-10": (5, 4), "CIFAR-100": (0, 8)}),
    "ResNeXt-29, 16x64d": ("ResNeXt-29", {"CIFAR-100": (-2, -7)}),
    "DenseNet-BC (k=12)": ("DenseNet-BC", {"CIFAR-10": (5, -1), "CIFAR-100": (4, -4)}),
    "DenseNet-BC (k=24)": ("DenseNet-BC", {"CIFAR-100": (-5, -1)}),
    "FractalNet": ("FractalNet", {"CIFAR-10": (0, 6), "CIFAR-100": (0, 9)}),
    "ResNet [13]": ("ResNet-110", {"CIFAR-10": (5, 5), "CIFAR-100": (5, 5)}),
    "ResNet (C=64)": ("ResNet-18", {"ImageNet": (-5, 4)}),
    "ResNet (C=69)": ("ResNet-18, $C = 69$", {"ImageNet": (-6, -1)}),
    "IGC-L4M32+Ident.": ("L4M32", {"ImageNet": (5, 3)}),
    "IGC-L16M16+Ident.": ("L16M16", {"ImageNet": (-5, 0)}),
    "IGC-L100M2+Ident.": ("L100M2", {"ImageNet": (5, 0)}),
}
"""Label of a row and where it goes in each panel, in points; rows without one are grey points."""


def data() -> dict[str, list[Any]]:
    """Return every printed network with a size and an error, once, by data set."""
    rows = list(dict.fromkeys((*_on_cifar(), *_on_imagenet())))
    names = ("panel", "network", "family", "size", "error", "dx", "dy")
    return dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))


def _on_cifar() -> Iterator[tuple[Any, ...]]:
    for panel, column in CIFAR.items():
        for table in (published("igcv1-table7"), published("igcv2-table7")):
            errors = table.column(column)
            for row, size, error in zip(table.rows, table.column("parameters_millions"), errors, strict=True):
                if size is not None and error is not None:
                    yield _point(panel, row[0], size, error)


def _on_imagenet() -> Iterator[tuple[Any, ...]]:
    table = published("igcv1-imagenet")
    for row, error in zip(table.rows, table.column("test_top1_error_percent"), strict=True):
        yield _point("ImageNet", row[0], row[1], error)


def _point(panel: str, name: str, size: float, error: float) -> tuple[Any, ...]:
    label, places = LABELS.get(name, ("", {}))
    family = "IGCV2" if name.startswith("IGCV2") else "IGCV1" if name.startswith("IGC") else "other"
    return panel, label if panel in places else "", family, float(size), error, *places.get(panel, (0, 0))


def draw(columns: dict[str, NDArray[Any]]) -> Figure:
    """Draw the three data sets beside each other."""
    figure, axes = plt.subplots(1, 3, figsize=(PAGE, 2.4))
    for ax, (panel, rows) in zip(axes, unstacked(columns).items(), strict=True):
        plot_size_against_accuracy(rows, ax).set_title(panel)
        ax.set_ylabel("test error (%)" if panel == "CIFAR-10" else "top-1 error (%)" if panel == "ImageNet" else "")
    axes[0].set_ylim(2.9, 6.8)
    axes[1].set_ylim(16.3, 28.6)
    axes[2].set(xlim=(8.2, 11.8), xscale="linear")
    axes[2].set_xticks([9, 10, 11])
    return figure
