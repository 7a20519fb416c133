"""Beyond what flow does not know it says nothing: recurrent bodies, open sizes, operators of other domains."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from igc_theory.networks import LayerGraph, channel_flow, path_polynomial, read_onnx

onnx = pytest.importorskip("onnx", reason="the extra onnx is not installed")

from onnx import TensorProto, helper

from tests.networks.readers.onnx_models import model

N = helper.make_node
RNG = np.random.default_rng(0)


def w(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape).astype(np.float32)


def _read(tmp_path: Path, made: Any, **options: Any) -> LayerGraph:
    path = tmp_path / "made.onnx"
    path.write_bytes(made.SerializeToString())
    return read_onnx(path, **options)


def _is_unknown_beyond(net: LayerGraph, operator: str) -> None:
    flow = channel_flow(net)
    assert flow.whole.whole.sentence == f"unknown beyond {operator}"
    assert (flow.whole.grade, flow.whole.min_paths, flow.whole.whole.share) == (None, None, None)
    with pytest.raises(ValueError, match=f"not known beyond {operator}: "):
        flow.whole.counts()
    with pytest.raises(ValueError, match=f"not known beyond {operator}: "):
        path_polynomial(net)


RECURRENT = {
    "LSTM": (N("LSTM", ["x", "k", "r"], ["y"], hidden_size=5), {"k": w(1, 20, 7), "r": w(1, 20, 5)}),
    "GRU": (N("GRU", ["x", "k", "r"], ["y"], hidden_size=5), {"k": w(1, 15, 7), "r": w(1, 15, 5)}),
    "RNN": (N("RNN", ["x", "k", "r"], ["y"], hidden_size=5), {"k": w(1, 5, 7), "r": w(1, 5, 5)}),
}


@pytest.mark.parametrize("operator", RECURRENT)
def test_recurrent_layers_are_not_guessed(tmp_path: Path, operator: str) -> None:
    node, constants = RECURRENT[operator]
    _is_unknown_beyond(_read(tmp_path, model([node], constants, (6, 1, 7))), operator)


def test_a_loop_is_not_guessed_though_its_body_convolves(tmp_path: Path) -> None:
    value = helper.make_tensor_value_info
    inside = [N("Conv", ["state", "w"], ["next"], pads=[1, 1, 1, 1]), N("Identity", ["go"], ["on"])]
    body = helper.make_graph(
        inside, "body",
        [value("k", TensorProto.INT64, []), value("go", TensorProto.BOOL, []), value("state", TensorProto.FLOAT, [1, 4, 6, 6])],
        [value("on", TensorProto.BOOL, []), value("next", TensorProto.FLOAT, [1, 4, 6, 6])],
    )  # fmt: skip
    nodes = [N("Loop", ["times", "", "x"], ["y"], body=body)]
    net = _read(tmp_path, model(nodes, {"w": w(4, 4, 3, 3), "times": np.array(3)}))
    whole = channel_flow(net).whole
    assert whole.whole.unknown == "Loop"


def test_sizes_that_are_not_known_leave_the_channels_behind_them_unknown(tmp_path: Path) -> None:
    """NonZero finds as many places as there are: what is reshaped behind it has no shape to follow."""
    nodes = [
        N("NonZero", ["x"], ["places"]),
        N("Cast", ["places"], ["numbers"], to=TensorProto.FLOAT),
        N("Reshape", ["numbers", "shape"], ["image"]),
        N("Conv", ["image", "w"], ["y"]),
    ]
    constants = {"shape": np.array([1, 4, -1, 2]), "w": w(8, 4, 1, 1)}
    _is_unknown_beyond(_read(tmp_path, model(nodes, constants)), "NonZero")


@pytest.mark.parametrize("shape", [(1, 4, "height", "width"), ("n", 4, 6, 6)])
def test_open_sizes_of_the_image_change_no_verdict(tmp_path: Path, shape: tuple[int | str, ...]) -> None:
    nodes = [N("Conv", ["x", "w"], ["y"], group=2, pads=[1, 1, 1, 1])]
    found = channel_flow(_read(tmp_path, model(nodes, {"w": w(6, 2, 3, 3)}, shape)))
    assert (found.whole.main.apart, found.whole.main.branches) == (((0, 1), (3, 4, 5)), ((2, 3), (2, 3)))


def test_only_the_block_with_the_operator_is_unknown(tmp_path: Path) -> None:
    nodes = [
        N("Conv", ["x", "w"], ["a"], pads=[1, 1, 1, 1]),
        N("Twist", ["a"], ["b"], domain="my.own"),
        N("Conv", ["b", "w"], ["c"], pads=[1, 1, 1, 1]),
        N("Conv", ["c", "w"], ["y"], pads=[1, 1, 1, 1]),
    ]
    net = _read(tmp_path, model(nodes, {"w": w(4, 4, 3, 3)}))
    flow = channel_flow(net)
    kinds = [block.main.kind for block in flow.blocks]
    assert kinds[0] == "strict"
    assert "unknown" in kinds
    assert any("unknown beyond" in sentence and "Twist" in sentence for sentence in flow.sentences)
