"""Path counts of blocks and stages against 0/1 matrices multiplied out."""

import re
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from igc_theory.networks import (
    Block,
    Conv,
    Network,
    Shuffle,
    audit,
    block_flows,
    channel_flow,
    latency,
    network,
    stage_path_counts,
)
from igc_theory.networks.audits.data import audit_data
from igc_theory.networks.audits.page import audit_page
from igc_theory.networks.audits.tables import audit_tables
from igc_theory.networks.description.layers import Pad, Slice
from igc_theory.networks.paths.flow import flow_table
from igc_theory.structure import GroupConv, igcv1, igcv3, interleave, inverted_residual, is_dense, path_counts


def _support(node: Conv | Pad | Shuffle | Slice | Block, channels: int) -> np.ndarray:
    """The 0/1 matrix of one node, entry by entry; integers of any size."""
    if isinstance(node, Conv):
        conv = node.convolution
        rows = [
            [int(o // conv.out_width == i // conv.in_width) for i in range(conv.in_channels)]
            for o in range(conv.out_channels)
        ]
        return np.array(rows, dtype=object)
    if isinstance(node, Shuffle):
        return np.array(
            [[int(i == source) for i in range(channels)] for source in node.permutation.indices], dtype=object
        )
    if isinstance(node, Pad):
        return np.array([[int(i == o) for i in range(channels)] for o in range(node.channels)], dtype=object)
    if isinstance(node, Slice):
        return np.array([[int(i == o) for i in range(channels)] for o in range(node.start, node.stop)], dtype=object)
    if isinstance(node, Block):
        ends = [_series(branch, channels) for branch in node.branches[: 1 if node.join == "multiply" else None]]
        return np.vstack(ends) if node.join == "concat" else sum(ends[1:], start=ends[0])
    return _series((), channels)


def _series(nodes: tuple, channels: int) -> np.ndarray:
    counts = np.array([[int(i == o) for i in range(channels)] for o in range(channels)], dtype=object)
    for node in nodes:
        counts = _support(node, len(counts)) @ counts
    return counts


NETWORKS = [
    ("igc", {"L": 3, "M": 2, "depth": 8}, "stage2"),
    ("igc", {"L": 2, "M": 3, "depth": 8, "identity": True}, "stage3"),
    ("cifar_resnet", {"depth": 14, "width": 3}, "stage2"),
    ("densenet", {"depth": 10, "growth": 3}, "stage1"),
    ("fractalnet", {"widths": (4, 5)}, "stage2"),
    ("igcv2_star", {"width": 12, "branch_width": 4, "depth": 8}, "stage1"),
    ("shufflenet", {"groups": 2, "width": 1 / 12}, "stage3"),
    ("shufflenet_v2", {"width": 0.5}, "stage2"),
    ("mobilenet_v3", {"size": "small", "width": 0.25}, "stage3"),
    ("ghostnet", {"width": 0.25}, "stage3"),
    ("condensenet", {"groups": 4}, "stage1"),
]


@pytest.mark.parametrize(("name", "parameters", "stage"), NETWORKS)
def test_stage_counts_are_products_of_supports(name: str, parameters: dict, stage: str) -> None:
    net = network(name, **parameters)
    blocks = [block for block in net.blocks if block.stage == stage]
    counts = stage_path_counts(net, stage)
    assert np.array_equal(counts, _series(tuple(blocks), counts.shape[1]))


def test_a_gate_leaves_the_chain_of_its_block() -> None:
    """Squeeze-and-excitation scales channels: the block is graded as the inverted residual that it weighs."""
    flow = next(flow for flow in block_flows(network("mobilenet_v3_large")) if flow.name == "stage3.block5")
    assert flow.chain == inverted_residual(40, 40, 3, kernel_size=5)
    assert (flow.min_paths, flow.max_paths) == (120, 121)


def test_a_unit_that_leaves_half_untouched_is_no_chain_and_not_dense() -> None:
    unit = next(flow for flow in block_flows(network("shufflenet_v2_x1.0")) if flow.name == "stage2.unit2")
    assert (unit.chain, unit.grade.kind, unit.dense) == (None, "not dense", False)


@pytest.mark.parametrize("name", ["igc_l24m2", "igcv3_d", "igcv2_star", "shufflenet", "mobilenet_v2", "cifar_resnet"])
def test_grades_and_chains_agree_with_path_counts(name: str) -> None:
    chains = [flow for flow in block_flows(network(name)) if flow.chain is not None]
    assert len(chains) >= 10
    for flow in chains:
        counts = path_counts(flow.chain)
        assert flow.grade.min_paths == counts.min()
        assert (flow.grade.kind == "not dense") != is_dense(flow.chain)


def test_alexnet_s_halves_do_not_talk_in_the_grouped_layers() -> None:
    flows = {flow.name: flow for flow in block_flows(network("alexnet"))}
    assert [name for name, flow in flows.items() if not flow.dense] == ["conv2", "conv4", "conv5"]
    assert all(flow.dense for flow in block_flows(network("alexnet_one_tower")))


def test_every_igc_layer_is_strict_and_igcv3_s_blocks_are_loose() -> None:
    igc = [flow.grade for flow in block_flows(network("igc_l24m2"))]
    assert {grade.kind for grade in igc} == {"strict"}
    blocks = [flow for flow in block_flows(network("igcv3_d")) if flow.name.startswith("stage")]
    assert {flow.grade.kind for flow in blocks} == {"loose"}
    # tC/(G1·G2) paths, one more where the shortcut is (equal channels).
    last = blocks[-2]
    assert (last.min_paths, last.max_paths) == (6 * 160 / 4, 6 * 160 / 4 + 1)


def test_igc_layers_are_the_block_of_the_paper() -> None:
    for flow in block_flows(network("igc", L=6, M=4, depth=8)):
        if flow.name == "stage1.layer1":
            assert flow.chain == igcv1(6, 4)
        if flow.name == "stage2.layer2":
            assert flow.chain == igcv1(6, 8)


def test_igcv3_blocks_are_the_block_of_the_paper() -> None:
    chains = {flow.name: flow.chain for flow in block_flows(network("igcv3_d"))}
    assert chains["stage4.block2"] == igcv3(64, 64)
    assert chains["stage4.block1"] == igcv3(32, 64, stride=2)


def test_shufflenet_s_pooled_channels_see_one_input_only() -> None:
    flows = {flow.name: flow for flow in block_flows(network("shufflenet"))}
    assert flows["stage3.unit1"].min_paths == 0
    assert flows["stage3.unit2"].dense
    assert stage_path_counts(network("shufflenet"), "stage3").min() > 0


def test_a_stage_without_a_shuffle_stays_split() -> None:
    """Two grouped residual blocks in series connect nothing across branches; the shuffled ones of IGC do."""
    conv = Conv(network("igc_l4m8").blocks[0].branches[0][0].convolution)
    split = Block("stage1.a", ((conv, conv), ()))
    counts = stage_path_counts(Network("split", (32, 8, 8), (split, split)), "stage1")
    assert counts.min() == 0
    assert np.count_nonzero(counts) == 4 * 8 * 8


def test_large_stages_do_not_overflow() -> None:
    counts = stage_path_counts(network("resnet152"), "stage3")
    # The first block has 256² paths and one through the projection; each of the others is I + 256² J, and J² = 1024 J.
    assert set(counts.ravel().tolist()) == {(256**2 + 1) * (1 + 1024 * 256**2) ** 35}


def _blocks_until_all_meet(blocks: tuple[Block, ...]) -> int | None:
    """Multiply the supports of blocks of four channels out, one by one."""
    counts = np.eye(4, dtype=object)
    for number, block in enumerate(blocks, start=1):
        counts = np.minimum(_support(block, 4) @ counts, 1)
        if counts.min():
            return number
    return None


_halves, _dense = Conv(GroupConv(4, 4, 2)), Conv(GroupConv(4, 4))
_shuffled = Block("stage1.shuffled", ((_halves, Shuffle(interleave(2, 2))),))
_split = Block("stage1.split", ((_halves,), ()))
_full = Block("stage1.full", ((_dense,),))
_lossy = Block("stage1.lossy", ((Slice(0, 2), Pad(4)),))


def test_blocks_until_all_meet_are_those_of_supports_multiplied_out() -> None:
    """Also where channels are lost on the way: those of a later block may meet though those of an earlier one never do."""
    for kinds in product([_shuffled, _split, _full, _lossy], repeat=3):
        blocks = tuple(Block(f"stage1.{k}", block.branches) for k, block in enumerate(kinds))
        expected = tuple(_blocks_until_all_meet(blocks[k:]) for k in range(3))
        assert channel_flow(Network("three", (4, 8, 8), blocks)).mixing == expected, kinds


def test_unknown_stage() -> None:
    with pytest.raises(ValueError, match="use 'stage1', 'stage2', 'stage3'"):
        stage_path_counts(network("igc_l24m2"), "stage9")


def test_a_flow_is_printed_as_its_sentences_and_its_table() -> None:
    flow = channel_flow(network("mixnet_s"))
    first, second, *rest = str(flow).splitlines()
    assert first.startswith("Stage2: channels 0–7 of 16 never reach channels 12–23 of 24;")
    assert second.startswith("8 of 18 blocks do not join every pair of channels")
    assert rest == str(flow.table()).splitlines()
    assert repr(flow) == "NetworkFlow('mixnet_s', 18 blocks, 5 stages)"
    assert repr(flow.blocks[2]) == (
        "BlockFlow('stage2.block2', 16 -> 24: not dense: channels 0–7 never reach channels 12–23)"
    )


def test_one_block_is_not_counted() -> None:
    flow = channel_flow(Network("one", (3, 8, 8), [Conv(GroupConv(3, 4))]))
    assert flow.sentences == ("the only block joins every pair of channels",)


def test_table_has_a_row_a_block() -> None:
    net = network("igcv3_d")
    assert len(flow_table(net).rows) == len(net.blocks) + 2


@pytest.mark.parametrize(
    ("function", "sentence"),
    [
        *[(ask, "network=3 is an int: give one from network") for ask in (block_flows, flow_table, audit)],
        *[(ask, "audit=3 is an int: give what audit") for ask in (audit_data, audit_page, audit_tables)],
    ],
)
def test_only_networks_and_audits_are_asked(function: Callable[[Any], Any], sentence: str) -> None:
    with pytest.raises(TypeError, match=sentence):
        function(3)


@pytest.mark.parametrize(
    ("named", "sentence"),
    [
        ("nets/model.onnx", "='nets/model.onnx' is a str: give read_onnx('nets/model.onnx')"),
        (Path("model"), "=PosixPath('model') is a PosixPath: give read_onnx(PosixPath('model'))"),
        ("vgg16", "='vgg16' is a str: give network('vgg16')"),
    ],
)
@pytest.mark.parametrize("function", [audit, block_flows, latency])
def test_of_what_names_a_network_it_is_said_what_reads_it(
    function: Callable[[Any], Any], named: str | Path, sentence: str
) -> None:
    with pytest.raises(TypeError, match=re.escape(sentence.replace("PosixPath", type(Path()).__name__))):
        function(named)


def test_without_its_shuffles_shufflenet_joins_groups_only_where_it_halves_the_image():
    """Notebook 14: two thirds of the pairs in stages 3 and 4, all of them across both."""

    def bare(node):
        if not isinstance(node, Block):
            return node
        branches = (
            tuple(bare(inner) for inner in branch if not isinstance(inner, Shuffle)) for branch in node.branches
        )
        return replace(node, branches=tuple(branches))

    net = network("shufflenet")
    cut = Network("cut", net.input_shape, tuple(bare(node) for node in net.nodes if not isinstance(node, Shuffle)))
    third, fourth = (stage_path_counts(cut, f"stage{k}") > 0 for k in (3, 4))
    assert third.mean() == fourth.mean() == pytest.approx(2 / 3)
    assert ((fourth.astype(float) @ third.astype(float)) > 0).all()


def test_a_matrix_of_too_many_pairs_is_refused() -> None:
    wide = Conv(GroupConv(2**14, 2**14, groups=2**14))
    network = Network("wide", (2**14, 8, 8), (Block("stage1.block1", ((wide, wide), ())),))
    with pytest.raises(ValueError, match="pairs of channels=268435456 is above 134217728: ask block_flows"):
        stage_path_counts(network, "stage1")
    assert block_flows(network)[0].max_paths == 2
