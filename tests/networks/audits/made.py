"""Small networks with weights, for audits."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from igc_theory.networks.description.layer_graph import Layer, LayerGraph, PassedOver
from igc_theory.networks.description.layers import Linear, convolution


def trained(out: int = 32, into: int = 48) -> LayerGraph:
    """Return a network of a pointwise, a spatial and a linear layer with weights, and an operator that is passed over."""
    rng = np.random.default_rng(3)
    nodes = convolution(into, out, 1), convolution(out, out, 3, 2), Linear(out, 4)
    shapes = (into, 5, 5), (out, 5, 5), (out, 3, 3), (4, 1, 1)
    kernels = [rng.standard_normal(sizes) for sizes in ((out, into, 1, 1), (out, out, 3, 3), (4, out))]
    layers = tuple(
        Layer(f"layer{k}", nodes[k], shapes[k], shapes[k + 1], weight=kernels[k], follows=k - 1 if k else None)
        for k in range(3)
    )
    passed = (PassedOver("twist", "my.own.Twist", "unknown operator", 9),)
    return LayerGraph("made", shapes[0], layers, 3, "by hand", passed)


def write_model(path: Path, channels: int = 12, seed: int = 0, sides: tuple[object, object] = (6, 6)) -> None:
    """Write an ONNX file of a spatial and a pointwise convolution."""
    from onnx import helper

    from tests.networks.readers.onnx_models import model

    rng = np.random.default_rng(seed)
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["h"], name="first", pads=[1, 1, 1, 1]),
        helper.make_node("Conv", ["h", "v"], ["y"], name="second"),
    ]
    weights = {
        "w": rng.standard_normal((channels, 3, 3, 3)).astype(np.float32),
        "v": rng.standard_normal((channels, channels, 1, 1)).astype(np.float32),
    }
    path.write_bytes(model(nodes, weights, (1, 3, *sides)).SerializeToString())
