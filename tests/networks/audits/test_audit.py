"""Audits: what is a chain, grades against path counts, layers that add up, options recomputed, and bad input."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from igc_theory.budget import best_block
from igc_theory.budget.latency import LatencyTable, Timed, chain_latency
from igc_theory.networks import Network, audit, latency, latency_table, network, read_onnx
from igc_theory.networks.audits.chains import consecutive
from igc_theory.networks.audits.data import audit_data
from igc_theory.networks.audits.replaceable import Replaceable, options_of, questions_of
from igc_theory.networks.description.layer_graph import Layer, LayerGraph
from igc_theory.networks.description.layers import Conv, Linear, Pool, Shuffle, convolution
from igc_theory.networks.description.nodes import Block, Node
from igc_theory.networks.description.shapes import Counts
from igc_theory.structure import Chain, GroupConv, regular
from igc_theory.structure.permutations import interleave
from tests.networks.audits.made import trained

RNG = np.random.default_rng(3)


def series(*nodes: Node, channels: int = 8) -> Network:
    return Network("by hand", (channels, 8, 8), nodes)


def test_runs_are_cut_where_a_dense_convolution_connects_everything() -> None:
    expand, middle, reduce = convolution(8, 16, 1), convolution(16, 16, 3, groups=16), convolution(16, 8, 1)
    grouped, shuffle = convolution(8, 8, 1, groups=2), Shuffle(interleave(2, 4))
    spatial = convolution(8, 8, 3)
    cases: list[tuple[tuple[Node, ...], list[tuple[int, ...]]]] = [
        ((expand, middle, reduce), [(0, 1, 2)]),
        ((expand, middle, reduce, expand, middle, reduce), [(0, 1, 2), (3, 4, 5)]),
        ((grouped, shuffle, grouped), [(0, 1, 2)]),
        ((grouped, shuffle, grouped, shuffle, grouped), [(0, 1, 2, 3, 4)]),
        ((grouped,), []),
        ((spatial, spatial), []),
        ((spatial, grouped, shuffle, grouped), [(1, 2, 3)]),
        ((grouped, spatial, grouped, grouped), [(2, 3)]),
        ((expand, reduce, grouped), [(1, 2)]),
        ((grouped, Pool("max", 2, 2), grouped, shuffle, grouped), [(2, 3, 4)]),
        ((Block("a", ((grouped, shuffle, grouped), ())), grouped), [(0, 1, 2)]),
        ((Block("a", ((grouped, grouped), (grouped, grouped))),), [(0, 1), (2, 3)]),
    ]
    for nodes, runs in cases:
        assert consecutive(series(*nodes)) == runs, nodes


def test_a_layer_that_two_others_read_ends_a_run() -> None:
    conv = convolution(8, 8, 1, groups=2)
    shape = (8, 4, 4)
    follows = [None, 0, 0, 2]
    layers = tuple(Layer(f"c{k}", conv, shape, shape, follows=before) for k, before in enumerate(follows))
    read = LayerGraph("branched", shape, layers, 4)
    assert consecutive(read) == [(2, 3)]


def paths_by_supports(chain: Chain) -> np.ndarray:
    """Multiply the 0/1 matrices of the factors out."""
    counts = np.eye(chain.in_channels, dtype=np.float64)  # exact up to 2**53
    for factor in chain.factors:
        if isinstance(factor, GroupConv):
            support = np.kron(np.eye(factor.groups), np.ones((factor.out_width, factor.in_width)))
        else:
            support = np.eye(factor.in_channels)[factor.indices]
        counts = support @ counts
    return counts


@pytest.mark.parametrize("name", ["shufflenet", "mobilenet_v2", "igc_l4m8", "xception", "igcv3_d"])
def test_grades_agree_with_path_counts(name: str) -> None:
    found = audit(network(name))
    assert found.chains
    for entry in {entry.chain: entry for entry in found.chains}.values():
        if entry.chain.in_channels * entry.chain.out_channels > 250_000:
            continue
        counts = paths_by_supports(entry.chain)
        assert (counts.min(), counts.max()) == (entry.grade.min_paths, entry.grade.max_paths)


def test_shufflenet_of_the_onnx_package() -> None:
    pytest.importorskip("onnx", reason="the extra onnx is not installed")
    from tests.networks.readers.onnx_models import LIGHT

    read = read_onnx(next(path for path in LIGHT if path.stem == "light_shufflenet"))
    grades = [(entry.grade.kind, entry.grade.min_paths, entry.grade.max_paths) for entry in audit(read).chains]
    # Four branches: C / 16 paths per pair, which is not an integer for the 136 channels of the second stage.
    assert grades == [("loose", 7, 7)] + 4 * [("dense", 8, 9)] + 8 * [("loose", 17, 17)] + 3 * [("loose", 34, 34)]


def by_name(read: LayerGraph, name: str) -> Replaceable:
    (found,) = [layer for layer in audit(read, progress=False).layers if layer.layer == name]
    return found


def test_every_regular_layer_can_be_replaced_whatever_its_window_and_stride() -> None:
    conv = convolution(8, 8, 3)
    nodes = (
        convolution(3, 8, 5, 2),
        conv,
        convolution(8, 8, 3, groups=8),
        convolution(8, 8, 1),
        convolution(8, 8, 1, groups=2),
    )
    read = Network("by hand", (3, 16, 16), (*nodes, Pool("average"), Linear(8, 10), Linear(10, 1)))
    found = audit(read, progress=False).layers
    assert [(layer.layer, layer.kind) for layer in found] == [
        ("conv1", "regular 5×5 /2"), ("conv2", "regular 3×3"), ("conv4", "regular 1×1"), ("linear1", "linear"),
    ]  # fmt: skip
    for layer in found:
        (row,) = [row for row in read.layers if row.name == layer.layer]
        assert (layer.parameters, layer.multiply_adds) == (
            row.counts.convolution + row.counts.linear,
            row.multiply_adds,
        )


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v2", "alexnet"])
def test_layers_without_weights_have_the_cheapest_chains(name: str) -> None:
    for layer in audit(network(name), progress=False).layers:
        conv = layer.convolution
        (keep, *others) = layer.options
        assert keep.parameters == conv.parameters
        assert keep.relative_error == 0
        best = best_block(
            conv.in_channels, conv.out_channels, conv.window, conv.strides,
            multiple_of=max(conv.in_channels, conv.out_channels),
        )  # fmt: skip
        assert [option.parameters for option in others] == [best.parameters] * (best.parameters < keep.parameters)
        assert layer.dense.parameters <= layer.strict.parameters <= layer.parameters
        assert all(option.relative_error is None for option in others)


def test_multiply_adds_of_a_chain_with_a_stride() -> None:
    """The pointwise factor stands behind the stride: 6×6 positions of 13×11; the one with the window writes these too."""
    layer = audit(Network("by hand", (4, 12, 11), (convolution(4, 8, 3, 2),)), progress=False).layers[0]
    (keep, chain) = layer.options
    assert keep.multiply_adds == 4 * 8 * 9 * 36
    factors = chain.chain.convolutions
    sides = np.array([12, 12])  # what "same" padding makes of 6×6 behind a stride of 2
    total = 0
    for factor in factors:
        sides = -(-sides // np.array(factor.strides))
        total += factor.parameters * int(sides.prod())
    assert chain.multiply_adds == total


def test_errors_of_options_are_those_of_their_families() -> None:
    read = trained()
    layer = by_name(read, "layer0")
    weight = np.asarray(read.layers[0].weight).reshape(32, 48).astype(float)
    values = np.linalg.svd(weight, compute_uv=False)
    ranks = [option for option in layer.options if option.name.startswith("low rank, rank")]
    assert len(ranks) > 3
    for option in ranks:
        rank = int(option.name.split()[-1])
        assert option.parameters == rank * 80
        assert option.relative_error == pytest.approx(np.sqrt((values[rank:] ** 2).sum() / (values**2).sum()))
    assert all(option.parameters < 32 * 48 for option in layer.options[1:])


@pytest.mark.xdist_group("workers")
def test_two_workers_find_the_same() -> None:
    pytest.importorskip("joblib", reason="the extra onnx is not installed")
    read = trained()
    one, two = (audit_data(audit(read, workers=count, progress=False)) for count in (1, 2))
    assert one == two


def test_missing_joblib_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "joblib", None)
    with pytest.raises(ImportError, match="needs joblib: pip install joblib, or leave workers=1"):
        audit(network("mobilenet_v1"), workers=2)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"workers": 0}, "workers=0 is nobody: give a number of processes, or -1 for one per core"),
        ({"workers": -2}, "workers=-2 is below -1: give a number of processes"),
        ({"keep": 1.5}, "keep=1.5 is outside 0 … 1"),
        ({"objective": "time"}, "objective='time' is not known: use 'bits', 'multiply_adds', 'latency'"),
        ({"measure": -1}, "measure=-1 is below 0: give a number of actions, or 0 to time none"),
    ],
)
def test_bad_arguments(arguments: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        audit(network("alexnet"), **arguments)


def test_a_network_of_which_nothing_is_understood_can_be_audited() -> None:
    found = audit(LayerGraph("strange", (3, 8, 8), (), 0), progress=False)
    assert (found.chains, found.layers, found.plan.actions) == ((), (), ())


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (np.int8, "quantized (int8)"), (np.complex64, "complex"), (np.float32, "1 of its weights is not finite"),
    ],
)  # fmt: skip
def test_layers_whose_errors_cannot_be_measured(kind: type, reason: str) -> None:
    weight = np.ones((4, 4), kind)
    if kind is np.float32:
        weight[0, 0] = np.nan
    layer = Layer("only", Linear(4, 4), (4, 1, 1), (4, 1, 1), weight=weight)
    read = LayerGraph("made", (4, 1, 1), (layer,), 1)
    found = audit(read, progress=False)
    assert reason in found.layers[0].unmeasured
    assert found.plan.actions == ()


def test_weights_used_twice_are_not_replaced() -> None:
    weight = RNG.standard_normal((8, 8))
    node, shape = Linear(8, 8, bias=False), (8, 1, 1)
    layers = tuple(
        Layer(
            f"layer{k}", node, shape, shape, weight=weight, held=Counts(linear=64), shared=Counts(linear=64 * (k > 0))
        )
        for k in range(2)
    )
    own = Layer("own", node, shape, shape, weight=RNG.standard_normal((8, 8)))
    found = audit(LayerGraph("tied", shape, (*layers, own), 3), progress=False)
    assert [bool(layer.unmeasured) for layer in found.layers] == [True, True, False]
    assert {action.layer.layer for action in found.plan.actions} == {"own"}


def test_layers_with_one_bias_are_replaced_for_all_that(tmp_path: Path) -> None:
    """Exporters store equal arrays once, such as the zeros of biases that were never trained."""
    onnx = pytest.importorskip("onnx", reason="the extra onnx is not installed")
    from tests.networks.readers.onnx_models import model

    ends = ("x", "w1", "h"), ("h", "w2", "y")
    nodes = [onnx.helper.make_node("Conv", [reads, weight, "b"], [writes]) for reads, weight, writes in ends]
    arrays = {f"w{k}": RNG.standard_normal((12, 12, 1, 1)).astype(np.float32) for k in (1, 2)}
    made = model(nodes, arrays | {"b": np.zeros(12, np.float32)}, (1, 12, 5, 5))
    (tmp_path / "made.onnx").write_bytes(made.SerializeToString())
    found = audit(read_onnx(tmp_path / "made.onnx"), progress=False)
    assert [layer.unmeasured for layer in found.layers] == ["", ""]
    assert len(found.plan.actions) == 2


def test_a_batch_normalisation_behind_a_convolution_weighs_its_outputs(tmp_path: Path) -> None:
    """The error of a low rank is that of the rows times gamma / sqrt(variance + epsilon)."""
    onnx = pytest.importorskip("onnx", reason="the extra onnx is not installed")
    from tests.networks.readers.onnx_models import model

    kernel = RNG.standard_normal((16, 12, 1, 1)).astype(np.float32)
    norm = {name: RNG.uniform(0.1, 4, 16).astype(np.float32) for name in ("gamma", "beta", "mean", "variance")}
    nodes = [
        onnx.helper.make_node("Conv", ["x", "w"], ["h"]),
        onnx.helper.make_node("BatchNormalization", ["h", *norm], ["y"], epsilon=0.25),
    ]
    (tmp_path / "made.onnx").write_bytes(model(nodes, {"w": kernel, **norm}, (1, 12, 5, 5)).SerializeToString())
    (layer,) = audit(read_onnx(tmp_path / "made.onnx"), progress=False).layers
    scales = norm["gamma"] / np.sqrt(norm["variance"] + 0.25)
    values = np.linalg.svd(scales[:, None] * kernel.reshape(16, 12), compute_uv=False)
    found = {option.name: option.relative_error for option in layer.options}
    assert found["low rank, rank 3"] == pytest.approx(np.sqrt((values[3:] ** 2).sum() / (values**2).sum()), rel=1e-5)


def test_layers_of_one_name_have_their_own_normalisations(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx", reason="the extra onnx is not installed")
    from tests.networks.readers.onnx_models import model

    def options(name: str) -> list[list[float | None]]:
        nodes = [
            onnx.helper.make_node("Conv", ["x", "w"], ["h"], name="conv"),
            onnx.helper.make_node("Conv", ["h", "v"], ["k"], name=name),
            onnx.helper.make_node("BatchNormalization", ["k", *"gbms"], ["y"]),
        ]
        (tmp_path / "made.onnx").write_bytes(model(nodes, arrays, (1, 12, 5, 5)).SerializeToString())
        layers = audit(read_onnx(tmp_path / "made.onnx"), progress=False).layers
        return [[option.relative_error for option in layer.options] for layer in layers]

    arrays = {name: RNG.uniform(0.1, 4, 12).astype(np.float32) for name in "gbms"}
    arrays |= {name: RNG.standard_normal((12, 12, 1, 1)).astype(np.float32) for name in "wv"}
    assert options("conv") == options("other")


def test_options_of_a_padded_pointwise_convolution_count_the_padding(tmp_path: Path) -> None:
    """As the file counts that has fewer outputs, or two convolutions, the first one padded."""
    onnx = pytest.importorskip("onnx", reason="the extra onnx is not installed")
    from tests.networks.readers.onnx_models import model

    node = onnx.helper.make_node("Conv", ["x", "w"], ["y"], pads=[1, 1, 1, 1])
    arrays = {"w": RNG.standard_normal((16, 8, 1, 1)).astype(np.float32)}
    (tmp_path / "made.onnx").write_bytes(model([node], arrays, (1, 8, 6, 6)).SerializeToString())
    (layer,) = audit(read_onnx(tmp_path / "made.onnx"), objective="multiply_adds", progress=False).layers
    assert layer.multiply_adds == 8 * 16 * 8 * 8
    for option in layer.options:
        assert option.multiply_adds == option.parameters * 8 * 8, option.name


def test_group_convolutions_with_weights_can_be_replaced_too() -> None:
    node, shape = convolution(12, 12, 3, groups=2), (12, 4, 4)
    layer = Layer("grouped", node, shape, shape, weight=RNG.standard_normal((12, 6, 3, 3)))
    (found,) = audit(LayerGraph("made", shape, (layer,), 1), progress=False).layers
    assert (found.strict, found.dense) == (None, None)
    assert len(found.options) > 1
    assert all(option.chain.in_channels == 12 for option in found.options if "pruning" not in option.name)


def paced(chain: Chain, height: int, width: int, **setting: object) -> float:
    """Time that has nothing to do with that of a table, with a call of 2; a chain that computes nothing is a call."""
    assert setting == {"runtime": "onnxruntime", "threads": 1}
    return 2 + (sum(map(ord, repr(chain))) * 31 % 101 + height + width if chain.convolutions else 0)


@pytest.mark.parametrize("objective", ["latency", "bits"])
@pytest.mark.parametrize("read", [trained(), network("alexnet")], ids=["trained", "alexnet"])
def test_the_first_actions_are_timed_and_by_latency_ranked_anew(
    read: LayerGraph, objective: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("igc_theory.networks.timing.measure.chain_time", paced)
    known = {"objective": objective, "keep": 0.3 if objective == "latency" else 0.8, "progress": False}
    before = audit(read, **known, table=latency_table()).plan.actions
    count = len(before) - 1
    assert count > 0
    plan = audit(read, **known, measure=count).plan
    assert [bool(action.measured) for action in plan.actions] == count * [True] + [False]
    assert plan.actions[-1].layer.layer == before[-1].layer.layer
    scores = {}
    for action in before[:count]:
        image = [side * action.layer.convolution.strides[0] for side in action.layer.question.size]
        times = [paced(chain, *image, runtime="onnxruntime", threads=1) - 2
                 for chain in (Chain([action.layer.convolution]), action.option.timed_chain)]  # fmt: skip
        (same,) = [other for other in plan.actions if other.layer.layer == action.layer.layer]
        assert same.measured == tuple(times)
        assert same.layer.options.index(same.option) == action.layer.options.index(action.option)
        scores[action.layer.layer] = (times[0] - times[1]) / (action.option.relative_error or 1) ** 2
    order = [action.layer.layer for action in before[:count]]
    expected = sorted(order, key=scores.__getitem__, reverse=True)
    assert expected != order or count < 2
    expected = expected if objective == "latency" else order
    assert [action.layer.layer for action in plan.actions[:count]] == expected
    weights, time = read.parameters, latency(read).milliseconds
    for action in plan.actions:
        weights += action.option.parameters - action.layer.parameters
        time += action.option.milliseconds - action.layer.options[0].milliseconds
        assert action.network_parameters == weights
        assert action.network_milliseconds == pytest.approx(time)
    assert plan.machine["runtime"].startswith("onnxruntime")


def test_layers_too_large_to_be_timed_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """alexnet's first linear layer has 37,748,736 weights."""
    monkeypatch.setattr("igc_theory.networks.timing.measure.chain_time", paced)
    monkeypatch.setattr("igc_theory.networks.audits.plan.LARGEST_TIMED", 2**24)
    plan = audit(network("alexnet"), measure=3, progress=False).plan
    assert [action.measured is None for action in plan.actions[:4]] == [
        action.layer.parameters > 2**24 or k == 3 for k, action in enumerate(plan.actions[:4])
    ]
    assert plan.actions[0].measured is None


def test_layers_are_timed_in_the_runtime_of_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = []
    monkeypatch.setattr(
        "igc_theory.networks.timing.measure.chain_time", lambda *_, **setting: settings.append(setting) or 1.0
    )
    layers = [Timed(regular(8, 8), 4, 4, 1.0)]
    for name, threads in (("torch 2.0", "3"), ("onnxruntime 1.0", "1")):
        table = LatencyTable({"runtime": name, "threads": threads}, layers)
        audit(trained(), table=table, measure=1, progress=False)
        assert settings.pop() == {"runtime": name.split()[0], "threads": int(threads)}
    for facts in ({"runtime": "an example"}, {"runtime": "torch 2.0", "threads": "many"}, {}):
        with pytest.raises(
            ValueError, match=r"table is of .*, which cannot be timed here: give one of onnxruntime or torch"
        ):
            audit(trained(), table=LatencyTable(facts, layers), measure=1, progress=False)


def test_a_factor_in_front_of_a_window_without_padding_works_on_the_whole_image() -> None:
    conv = GroupConv(8, 8, kernel_size=5, stride=3)
    weight, read, size = RNG.standard_normal((8, 8, 5, 5)), (11, 14), (3, 4)
    layer = Layer("conv", Conv(conv, padding=0), (8, *read), (8, *size), lambda: weight)
    (question,) = questions_of(LayerGraph("one", (8, *read), (layer,), 8))
    behind = [option for option in options_of(question).options if "window in the second" in option.name]
    assert len(behind) > 2
    for option in behind:
        first, last = option.chain.convolutions
        assert option.multiply_adds == first.parameters * 11 * 14 + last.parameters * 3 * 4


def test_times_are_those_of_the_table() -> None:
    layers = [
        Timed(regular(C, C, k), side, side, 1e-6 * k**2 * C**2 * side**2)
        for C in (8, 32)
        for k in (1, 3)
        for side in (4, 9)
    ]
    table = LatencyTable({"runtime": "an example"}, layers, call=0.5)
    read = trained()
    found = audit(read, objective="latency", keep=0.6, table=table, progress=False)
    assert found.times is not None
    assert found.times.milliseconds == pytest.approx(latency(read, table).milliseconds)
    assert found.plan.milliseconds == found.times.milliseconds
    assert sum(layer.image == layer.question.read for layer in found.layers) > 1
    for layer in found.layers:
        for option in layer.options if layer.image == layer.question.read else ():
            time = chain_latency(option.timed_chain, table, *layer.image).milliseconds - 0.5
            assert option.milliseconds == pytest.approx(time)
    before = sum(layer.options[0].milliseconds or 0 for layer in found.layers)
    saved = sum((a.layer.options[0].milliseconds or 0) - (a.option.milliseconds or 0) for a in found.plan.actions)
    assert saved >= 0.4 * before
    assert found.plan.actions[-1].network_milliseconds == pytest.approx(found.times.milliseconds - saved)
    assert audit(read, progress=False).plan.milliseconds is None
