"""Audits: what is a chain, grades against path counts, errors recomputed, workers, and the three forms of a report."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from igc_theory.__main__ import main
from igc_theory.networks import Audit, Network, audit, network
from igc_theory.networks.audits.audit import consecutive
from igc_theory.networks.audits.report import audit_data, audit_page, audit_tables
from igc_theory.networks.description.layer_graph import NO_SHAPE, Layer, LayerGraph, PassedOver
from igc_theory.networks.description.layers import Conv, Linear, Pool, Shuffle, convolution
from igc_theory.networks.description.nodes import Block, Node
from igc_theory.networks.description.shapes import Counts
from igc_theory.structure import Chain, GroupConv
from igc_theory.structure.permutations import interleave

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
    from igc_theory.networks import read_onnx
    from tests.networks.readers.onnx_models import LIGHT

    read = read_onnx(next(path for path in LIGHT if path.stem == "light_shufflenet"))
    grades = [(entry.grade.kind, entry.grade.min_paths, entry.grade.max_paths) for entry in audit(read).chains]
    # Four branches: C / 16 paths per pair, which is not an integer for the 136 channels of the second stage.
    assert grades == [("loose", 7, 7)] + 4 * [("dense", 8, 9)] + 8 * [("loose", 17, 17)] + 3 * [("loose", 34, 34)]


# ResNet-18 as torchvision prints it, AlexNet as Caffe's model zoo does.
@pytest.mark.parametrize(
    ("name", "parameters", "multiply_adds"),
    [("resnet18", 11_689_512, 1_814_073_344), ("alexnet", 60_965_224, 724_406_816)],
)
def test_layers_add_up_to_the_published_totals(name: str, parameters: int, multiply_adds: int) -> None:
    data = audit_data(audit(network(name)))
    assert data["parameters"] == sum(row["parameters"] for row in data["layers"]) == parameters
    assert sum(row["multiply_adds"] for row in data["layers"]) == multiply_adds
    assert all(row["weight_bytes"] == 4 * row["parameters"] for row in data["layers"])


def trained(out: int = 32, into: int = 48) -> LayerGraph:
    """Return a network of one pointwise and one linear layer with weights."""
    conv = Conv(convolution(into, out, 1).convolution)
    kernels = RNG.standard_normal((out, into, 1, 1)), RNG.standard_normal((4, out))
    nodes = conv, Linear(out, 4)
    shapes = (into, 5, 5), (out, 5, 5), (4, 1, 1)
    layers = tuple(Layer(f"layer{k}", nodes[k], shapes[k], shapes[k + 1], weight=kernels[k]) for k in range(2))
    passed = (PassedOver("twist", "my.own.Twist", "unknown operator", 9),)
    return LayerGraph("made", shapes[0], layers, 2, "by hand", passed)


def test_errors_are_of_equal_bits() -> None:
    read = trained()
    first, second = audit(read).regular
    weight, errors = np.asarray(read.layers[0].weight).reshape(32, 48), first.errors
    assert errors is not None
    assert second.errors is not None
    assert errors.bits == 32 * (
        6 * 32 + 8 * 32
    )  # eight branches of six inputs, then four of eight: the cheapest product
    blocks = weight.reshape(4, 8, 8, 6).swapaxes(1, 2)  # one path between two branches, so that each block has rank one
    values = np.linalg.svd(weight, compute_uv=False)
    smallest = np.sort(np.abs(weight).ravel())[: weight.size - 400]  # 400 weights of 32 bits, a bitmap of 32×48
    for found, lost in (
        (errors.product, np.linalg.svd(blocks, compute_uv=False)[..., 1:]),
        (errors.low_rank, values[5:]),  # rank 5 stores 5 (32 + 48) numbers, and 448 are paid for
        (errors.pruned, smallest),
    ):
        assert found == pytest.approx(np.linalg.norm(lost) / np.linalg.norm(weight))
    assert errors.strict > errors.product  # it stores 352 weights, and the product 448


def test_the_largest_product_within_a_quarter_of_the_weights_is_compared() -> None:
    """Of 128×128 weights products of two factors store 3072, 4096, 6144 …: the second is a quarter, with two paths per pair."""
    read = trained(128, 128)
    weight, errors = np.asarray(read.layers[0].weight).reshape(128, 128), audit(read, progress=False).regular[0].errors
    assert errors is not None
    assert (errors.chain, errors.bits) == ("16 × 16", 32 * 4096)
    blocks = weight.reshape(8, 16, 8, 16).swapaxes(1, 2)
    lost = np.linalg.norm(np.linalg.svd(blocks, compute_uv=False)[..., 2:])
    assert errors.product == pytest.approx(lost / np.linalg.norm(weight))


def test_regular_layers_of_the_zoo_have_no_errors_and_all_savings() -> None:
    found = audit(network("mobilenet_v1"))
    assert len(found.regular) == 14  # 13 pointwise convolutions and the classifier
    assert all(entry.errors is None for entry in found.regular)
    assert all(entry.dense.parameters <= entry.strict.parameters <= entry.parameters for entry in found.regular)


def test_two_workers_find_the_same() -> None:
    pytest.importorskip("joblib", reason="the extra onnx is not installed")
    read = trained()
    one, two = audit_data(audit(read)), audit_data(audit(read, workers=2))
    assert one == two


def test_missing_joblib_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "joblib", None)
    with pytest.raises(ImportError, match="needs joblib: pip install joblib, or leave workers=1"):
        audit(network("mobilenet_v1"), workers=2)
    with pytest.raises(ValueError, match="workers=0"):
        audit(network("mobilenet_v1"), workers=0)


def test_reports_say_the_same_in_three_forms() -> None:
    found = audit(trained())
    titles = [table.title for table in audit_tables(found)]
    assert len(titles) == 4  # layers, dense layers, errors, what is passed over
    text = "\n".join(map(str, audit_tables(found)))
    data, page = json.loads(json.dumps(audit_data(found))), audit_page(found)
    assert data["passed_over"] == [
        {"name": "twist", "operator": "my.own.Twist", "reason": "unknown operator", "parameters": 9}
    ]
    for word in ("layer0", "my.own.Twist", "48 to 32", f"{found.network.parameters:,}"):
        assert word in text
        assert word in page
    assert page.count("<table>") == 4
    assert "://" not in page
    assert "src=" not in page


def test_command_line_of_a_network_by_name(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["audit", "shufflenet", "--html", str(tmp_path / "audit.html")]) == 0
    assert "Consecutive convolutions" in capsys.readouterr().out
    assert "<h1>Audit of shufflenet" in (tmp_path / "audit.html").read_text(encoding="utf-8")
    assert main(["audit", "mobilenet_v1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["parameters"] == network("mobilenet_v1").parameters


def test_command_line_of_a_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    pytest.importorskip("onnx", reason="the extra onnx is not installed")
    from onnx import helper

    from tests.networks.readers.onnx_models import model

    made = model(
        [helper.make_node("Conv", ["x", "w"], ["y"])], {"w": np.ones((4, 3, 1, 1), np.float32)}, (1, 3, "h", "w")
    )
    path = tmp_path / "made.onnx"
    path.write_bytes(made.SerializeToString())
    assert main(["audit", str(path), "--input", "3x5x7", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["multiply_adds"] == 12 * 35
    path.write_bytes(b"no network")
    assert main(["audit", str(path)]) == 1
    assert "is not an ONNX model, or is cut off" in capsys.readouterr().err
    assert main(["audit", str(tmp_path / "missing.onnx")]) == 1
    assert "missing.onnx" in capsys.readouterr().err


def test_a_network_of_which_nothing_is_understood_can_be_audited() -> None:
    found = audit(
        LayerGraph("strange", (3, 8, 8), (), 0, passed_over=(PassedOver("a", "my.own.Twist", "unknown operator"),))
    )
    assert (found.chains, found.regular, audit_data(found)["peak_activation_bytes"]) == ((), (), 0)
    assert "my.own.Twist" in "".join(map(str, audit_tables(found)))


def test_a_report_says_when_the_size_of_the_image_is_the_wrong_one() -> None:
    passed = (PassedOver("conv7", "Conv", NO_SHAPE, 9),)
    for is_open, advised in (True, True), (False, False):
        read = LayerGraph("made", (3, 224, 224), (), 0, passed_over=passed, open_sides=is_open)
        page = audit_page(Audit(read, (), ()))
        assert ("1 layers do not work at this size" in page) == advised


@pytest.mark.parametrize("size", ["3x5", "3x0x5", "axbxc"])
def test_command_line_refuses_sizes_that_are_none(size: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as status:
        main(["audit", "shufflenet", "--input", size])
    assert status.value.code == 2
    assert "is not the size of an image" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("weight", "reason"),
    [
        (np.full((6, 8), np.nan), "48 of its weights are not finite"),
        (np.where(np.eye(6, 8) * [1, *[0] * 7], np.inf, 1.0), "1 of its weights is not finite"),
        (np.ones((6, 8), np.complex64), "its weights are complex"),
        (np.ones((6, 8), np.int8), "its weights are quantized (int8)"),
    ],
)
def test_one_bad_weight_marks_its_layer_and_the_rest_is_audited(weight: np.ndarray, reason: str) -> None:
    good = RNG.standard_normal((8, 6))
    layers = tuple(
        Layer(name, Linear(*matrix.shape[::-1]), (matrix.shape[1], 1, 1), (matrix.shape[0], 1, 1), weight=matrix)
        for name, matrix in (("bad", weight), ("good", good))
    )
    found = audit(LayerGraph("made", (8, 1, 1), layers, 2), progress=False)
    assert [(entry.layer, entry.unmeasured) for entry in found.regular] == [("bad", reason), ("good", "")]
    assert [entry.errors is not None for entry in found.regular] == [False, True]
    assert reason in str(audit_tables(found)[-1])


def test_counts_that_are_not_exact_say_so_everywhere() -> None:
    found = audit(trained(), progress=False)
    said = "not exact: 1 operator passed over (my.own.Twist), which holds 9 numbers"
    assert said in str(audit_tables(found)[0]).splitlines()[0]
    assert said in audit_page(found)
    assert said in repr(found.network)
    assert (audit_data(found)["exact"], audit_data(audit(network("alexnet")))["exact"]) == (False, True)


def test_a_number_used_twice_is_in_the_total_once() -> None:
    first = Layer("first", Linear(4, 4, bias=False), (4, 1, 1), (4, 1, 1), held=Counts(linear=16))
    second = Layer(
        "second", Linear(4, 4, bias=False), (4, 1, 1), (4, 1, 1), held=Counts(linear=16), shared=Counts(linear=16)
    )
    found = audit(LayerGraph("tied", (4, 1, 1), (first, second), 2), progress=False)
    table = audit_tables(found)[0]
    assert (table.columns["parameters"], table.totals["parameters"], table.totals["used before"]) == ([16, 16], 16, 16)
    assert table.totals["weight bytes"] == 64


def test_command_line_honours_the_size_of_a_named_network(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "resnet18", "--input", "3x64x32"]) == 0
    assert "for an image of 3×64×32" in capsys.readouterr().out
    assert main(["audit", "resnet18", "--input", "4x64x32"]) == 1
    assert "4 channels" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("shuflenet", "network='shuflenet' is neither a file nor a network of this library: did you mean shufflenet"),
        ("nothing/like/this.onnx", "is neither a file nor a network of this library"),
        (".", "network='.' is a folder: give a file in it"),
        ("", "network='' names nothing: give an ONNX file or a network"),
        (
            "mobilone.onnx",
            "network='mobilone.onnx' is neither a file nor a network of this library: check the path",
        ),
    ],
)
def test_command_line_says_what_may_have_been_meant(
    given: str, sentence: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)  # no need of onnx to say so
    assert main(["audit", given]) == 1
    assert sentence in capsys.readouterr().err


def test_a_page_that_cannot_be_written_is_refused_before_the_audit(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("igc_theory.commands.audit._audited", lambda *_: pytest.fail("audited"))
    assert main(["audit", "alexnet", "--html", str(tmp_path)]) == 1
    assert f"html={str(tmp_path)!r} is a folder: give a file in it, such as" in capsys.readouterr().err
    assert main(["audit", "alexnet", "--html", str(tmp_path / "none" / "page.html")]) == 1
    assert f"is in a folder that is not there: make {tmp_path / 'none'}, or give" in capsys.readouterr().err


def test_strict_makes_it_an_error_that_something_is_not_counted(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["audit", "alexnet", "--strict"]) == 0
    monkeypatch.setattr("igc_theory.commands.audit._audited", lambda *_: trained())
    assert main(["audit", "made"]) == 0
    assert main(["audit", "made", "--strict"]) == 1
    printed = capsys.readouterr()
    assert printed.err == (
        "igc_theory: made; not exact: 1 operator passed over (my.own.Twist), which holds 9 numbers: "
        "see the list of operators above, or leave out --strict\n"
    )
