"""Parameters and multiply–adds of the modules of torchvision and timm, for tests that need neither: one CSV beside the tests.

    python -m tools.module_counts     needs torch, torchvision and timm

Parameters are the ``numel`` of what a module trains. Multiply–adds are what hooks on its convolutions and linear layers see: every
weight once for each position of the output. Nothing of the library takes part but the size of the image.
"""

from __future__ import annotations

import csv
import io
from importlib import import_module
from importlib.metadata import version
from typing import Any

from igc_theory.networks.zoo.catalogue import network
from tools.files import ROOT, replace_file

__all__ = ["MODULES", "STORED", "counted", "module"]

STORED = ROOT / "tests/networks/zoo/module_counts.csv"
"""Where the counts are kept."""

MODULES = {
    **{f"vgg{depth}": f"torchvision.vgg{depth}" for depth in (11, 13, 16, 19)},
    **{f"resnet{depth}": f"torchvision.resnet{depth}" for depth in (18, 34, 50, 101, 152)},
    **{name: f"torchvision.{name}" for name in ("resnext50_32x4d", "resnext101_32x8d", "wide_resnet50_2", "mobilenet_v2")},
    "resnext101_32x4d": "timm.resnext101_32x4d",
    "mobilenet_v1": "timm.mobilenetv1_100",
    **{f"shufflenet_v2_x{width}": f"torchvision.shufflenet_v2_x{width}" for width in (0.5, 1.0, 1.5, 2.0)},
    **{f"mobilenet_v3_{size}": f"torchvision.mobilenet_v3_{size}" for size in ("large", "small")},
    **{f"mobilenet_v3_{size}_0.75": f"timm.mobilenetv3_{size}_075" for size in ("large", "small")},
    **{f"efficientnet_b{k}": f"timm.efficientnet_b{k}" for k in range(8)},
    "mixnet_s": "timm.mixnet_s",
    "ghostnet": "timm.ghostnet_100",
    **{f"repvgg_{size}{merged}": f"timm.repvgg_{size}{merged}" for size in ("a0", "a1", "a2", "b0") for merged in ("", "_merged")},
    "mobileone_s0": "timm.mobileone_s0",
    "mobileone_s0_merged": "timm.mobileone_s0_merged",
    "regnet_y_400mf": "timm.regnety_004",
    "regnet_y_800mf": "timm.regnety_008",
    "regnet_y_1.6gf": "timm.regnety_016",
    "regnet_y_3.2gf": "timm.regnety_032",
    **{f"convnext_{size}": f"timm.convnext_{size}" for size in ("tiny", "small", "base")},
}  # fmt: skip
"""Network of the zoo to its module; ``_merged`` is what the tool itself merges."""


def module(name: str) -> Any:
    """Return the module that `name` of `MODULES` names, without data: shapes only, on the device ``meta``."""
    import torch

    tool, _, builder = name.partition(".")
    plain = builder.removesuffix("_merged").replace(".", "_")
    with torch.device("meta"):
        if tool == "torchvision":
            return getattr(import_module("torchvision.models"), plain)(weights=None).eval()
        built = import_module("timm").create_model(plain, pretrained=False).eval()
        return import_module("timm.utils").reparameterize_model(built) if builder.endswith("_merged") else built


def counted(built: Any, input_shape: tuple[int, ...]) -> tuple[int, int]:
    """Return the parameters of a module on the device ``meta``, and its multiply–adds for one image."""
    import torch

    products = []

    def note(layer: Any, _: Any, output: Any) -> None:
        channels = layer.weight.shape[0]
        products.append(layer.weight.numel() * (output.numel() // channels))

    layers = [part for part in built.modules() if isinstance(part, (torch.nn.Conv2d, torch.nn.Linear))]
    hooks = [layer.register_forward_hook(note) for layer in layers]
    with torch.no_grad():
        built(torch.empty(1, *input_shape, device="meta"))
    for hook in hooks:
        hook.remove()
    return sum(parameter.numel() for parameter in built.parameters()), sum(products)


def main() -> None:
    """Count every module and store the table."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(("network", "module", "version", "parameters", "multiply_adds"))
    for name, place in MODULES.items():
        counts = counted(module(place), network(name).input_shape)
        rows.writerow((name, place, version(place.partition(".")[0]), *counts))
    replace_file(STORED, text.getvalue().encode())


if __name__ == "__main__":
    main()
