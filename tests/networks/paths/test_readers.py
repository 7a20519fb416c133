"""Channel flow takes every network: of the zoo, of ONNX files and of modules; where it does not know an operator, it names it."""

from __future__ import annotations

import re
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest

from igc_theory.networks import (
    LayerGraph,
    NetworkFlow,
    block_flows,
    channel_flow,
    network,
    network_names,
    path_polynomial,
    stage_path_counts,
)
from igc_theory.networks.paths.flow import flow_table, steps_of
from igc_theory.networks.paths.regions import blocks_of
from igc_theory.networks.paths.steps import Mix


def _is_taken(net: LayerGraph) -> NetworkFlow:
    """Ask all that flow answers, and compare the answers with each other."""
    flow = channel_flow(net)
    assert len(flow.table().rows) == len(flow.blocks)
    for block, meet in zip(flow.blocks, flow.mixing, strict=True):
        assert block.dense == (meet == 1)
        assert (block.main.kind == "unknown") == bool(block.main.unknown)
    if flow.whole.whole.unknown:
        with pytest.raises(ValueError, match="are not known beyond"):
            path_polynomial(net)
    else:
        assert path_polynomial(net).paths >= 1
    return flow


FAMILIES = {stem: next(names) for stem, names in groupby(network_names(), key=lambda name: re.match("[a-z]+", name)[0])}
"""One name of each family of the zoo."""


@pytest.mark.parametrize("name", FAMILIES.values())
def test_every_family_of_the_zoo_is_taken(name: str) -> None:
    _is_taken(network(name))


@pytest.mark.parametrize(("name", "number"), [
    ("shufflenet", 47), ("shufflenet_v2", 19), ("ghostnet", 41), ("mixnet_s", 64), ("condensenet", 72), ("mobilenet_v2", 17),
    ("mobilenet_v3_large", 15), ("resnext50_32x4d", 16), ("efficientnet_b0", 16), ("regnet_y_400mf", 16), ("mobileone_s0", 105),
    ("igcv3_d", 96),
])  # fmt: skip
def test_every_group_convolution_is_graded_in_one_block(name: str, number: int) -> None:
    net = network(name)
    steps = steps_of("network", net)
    grouped = [k for k, step in enumerate(steps.steps) if isinstance(step.action, Mix) and step.action.groups > 1]
    assert len(grouped) == number == sum((layer.groups or 1) > 1 for layer in net.layers)
    regions = blocks_of(steps)
    assert [sum(region.start < k <= region.end for region in regions) for k in grouped] == [1] * number


def _light() -> list[Path]:
    try:
        from tests.networks.readers.onnx_models import LIGHT
    except pytest.skip.Exception:
        return []
    return LIGHT


PATHS = {
    "bvlc_alexnet": 1, "vgg19": 1, "zfnet512": 1, "resnet50": 2**16, "shufflenet": 2**16, "squeezenet": 2**8, "inception_v1": 4**9,
    "inception_v2": 4**8 * 3**2, "densenet121": 2**58,
}  # fmt: skip
"""Plain; 16 residual blocks; eight fire modules; nine inception modules; eight and two of three branches; 58 dense layers."""


@pytest.mark.xdist_group("graphs of onnx")
@pytest.mark.parametrize("path", _light(), ids=lambda path: path.stem)
def test_every_graph_that_onnx_ships_is_taken(path: Path) -> None:
    from tests.networks.readers.onnx_models import shipped

    net = shipped(path)
    flow = _is_taken(net)
    assert path_polynomial(net).paths == PATHS[path.stem.removeprefix("light_")]
    if len(flow.blocks) < 20:
        assert [block.name for block in block_flows(net)] == [block.name for block in flow.blocks]
        assert flow_table(net).columns == flow.table().columns
        stage = min(flow.stages, key=lambda stage: stage.in_channels * stage.out_channels)
        counts = stage_path_counts(net, stage.name)
        assert counts.shape == (stage.out_channels, stage.in_channels)
        assert (counts.min(), np.count_nonzero(counts)) == (stage.min_paths, stage.whole.totals.connected)
