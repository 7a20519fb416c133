"""Reports of audits: the same in a terminal, as JSON and as a page; what the command line says and how it ends."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from igc_theory.__main__ import main
from igc_theory.commands import audit as commands
from igc_theory.networks import audit, network, network_names, read_onnx, rewrite
from igc_theory.networks.audits.audit import OBJECTIVES
from igc_theory.networks.audits.data import FORMAT, audit_data
from igc_theory.networks.audits.page import audit_page, first_page
from igc_theory.networks.audits.tables import action_table, audit_tables
from igc_theory.networks.description.layer_graph import NO_SHAPE, Layer, LayerGraph, PassedOver
from igc_theory.networks.description.layers import Linear
from igc_theory.networks.description.shapes import Counts
from tests.networks.audits.made import trained, write_model

KEYS = {
    "format", "network", "source", "input_shape", "exact", "parameters", "buffers", "counts", "multiply_adds",
    "activation_multiply_adds", "peak_activation_bytes", "plan", "layers", "replaceable", "flow", "flow_of_stages", "chains",
    "passed_over",
}  # fmt: skip
PLAN = {
    "keep", "objective", "reached", "gap", "relative_error", "parameters", "multiply_adds", "milliseconds", "milliseconds_before",
    "machine", "actions",
}  # fmt: skip
ACTION = {
    "layer", "from", "to", "factors", "parameters", "parameters_after", "multiply_adds", "multiply_adds_after", "milliseconds",
    "milliseconds_after", "measured_milliseconds", "measured_milliseconds_after", "relative_error",
    "network_parameters", "network_multiply_adds", "network_milliseconds",
}  # fmt: skip
REPLACEABLE = {
    "layer", "kind", "in_channels", "out_channels", "window", "stride", "parameters", "multiply_adds", "strict", "dense", "options",
    "unmeasured",
}  # fmt: skip


def test_the_schema_is_the_one_that_its_format_names() -> None:
    """A key that goes, or comes to mean something else, is a new format."""
    data = audit_data(audit(trained(), progress=False))
    assert (data["format"], FORMAT) == (FORMAT, "igc_theory audit 1")
    assert set(data) == KEYS
    assert set(data["plan"]) == PLAN
    assert {frozenset(action) for action in data["plan"]["actions"]} == {frozenset(ACTION)}
    assert {frozenset(layer) for layer in data["replaceable"]} == {frozenset(REPLACEABLE)}
    options = {frozenset(option) for layer in data["replaceable"] for option in layer["options"]}
    assert options == {frozenset({"name", "parameters", "bits", "multiply_adds", "milliseconds", "relative_error"})}
    documented = set(re.findall(r"``(\w+)``", __import__("igc_theory.networks.audits.data", fromlist=["x"]).__doc__))
    assert KEYS - {"format"} <= documented


# ResNet-18 as torchvision prints it, AlexNet as Caffe's model zoo does.
@pytest.mark.parametrize(
    ("name", "parameters", "multiply_adds"),
    [("resnet18", 11_689_512, 1_814_073_344), ("alexnet", 60_965_224, 724_406_816)],
)
def test_layers_add_up_to_the_published_totals(name: str, parameters: int, multiply_adds: int) -> None:
    data = audit_data(audit(network(name), progress=False))
    assert data["parameters"] == sum(row["parameters"] for row in data["layers"]) == parameters
    assert sum(row["multiply_adds"] for row in data["layers"]) == multiply_adds
    assert all(row["weight_bytes"] == 4 * row["parameters"] for row in data["layers"])


def test_reports_say_the_same_in_three_forms() -> None:
    found = audit(trained(), progress=False)
    titles = [table.title for table in audit_tables(found)]
    assert len(titles) == 3  # layers, those that can be replaced, what is passed over
    text = "\n".join([first_page(found, 120), *map(str, audit_tables(found))])
    data, page = json.loads(json.dumps(audit_data(found))), audit_page(found)
    assert data["passed_over"] == [
        {"name": "twist", "operator": "my.own.Twist", "reason": "unknown operator", "parameters": 9}
    ]
    total = f"{found.plan.actions[-1].network_parameters:,} parameters"
    for word in ("layer0", "my.own.Twist", "48→32", f"{found.network.parameters:,}", total):
        assert word in text
        assert word in page
    assert page.count("<table>") == 4
    assert "://" not in page
    assert "src=" not in page


@pytest.mark.parametrize("width", [20, 40, 80, 160])
@pytest.mark.parametrize("name", ["resnet50", "mobilenet_v3_large", "densenet", None])
def test_the_first_page_fits_the_terminal(name: str | None, width: int) -> None:
    page = first_page(audit(network(name) if name else trained(), progress=False), width)
    assert max(map(len, page.splitlines())) <= width


def test_the_actions_say_what_is_left() -> None:
    found = audit(trained(), progress=False)
    table = action_table(found.plan, "What to replace")
    replaced = np.array(table.columns["was"]) - table.columns["weights"]
    assert table.columns["network"] == (found.network.parameters - replaced.cumsum()).tolist()
    found = audit(network("alexnet"), progress=False)
    count = len(found.plan.actions)
    assert len(action_table(found.plan, "What to replace", top=1).rows) == 1
    assert f"({count - 1} not shown)" in first_page(found, 200, top=1)
    assert "not shown" not in first_page(found, 200, top=count)


def test_the_network_column_is_in_the_unit_of_the_objective() -> None:
    for objective, name in (
        ("bits", "parameters"),
        ("multiply_adds", "multiply_adds"),
        ("latency", "milliseconds"),
    ):
        plan = audit(trained(), objective=objective, progress=False).plan
        totals = [getattr(action, f"network_{name}") for action in plan.actions]
        assert totals
        assert action_table(plan, "left").columns["network"] == pytest.approx(totals, abs=5e-4)


def test_measured_times_are_in_all_reports(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Every chain but the first layer of its action takes longer than that."""
    monkeypatch.setattr(
        "igc_theory.networks.timing.measure.chain_time",
        lambda chain, *_, **__: 0.5 + 2.25 * len(chain.convolutions),
    )
    status, out, _ = said(capsys, "alexnet", "--measure", "2", "--html", str(tmp_path / "audit.html"))
    plan = json.loads(said(capsys, "alexnet", "--measure", "2", "--json")[1])["plan"]
    page = (tmp_path / "audit.html").read_text(encoding="utf-8")
    assert status == 0
    assert set(plan["machine"]) >= {"runtime", "threads", "processor"}
    for k, action in enumerate(plan["actions"]):
        factors = sum("Conv" in factor for factor in action["factors"])
        times = (2.25, 2.25 * factors) if k < 2 else (None, None)
        assert (action["measured_milliseconds"], action["measured_milliseconds_after"]) == times
        assert min(action["milliseconds"], action["milliseconds_after"]) > 0
        if k < 2:
            change = "→".join(f"{time:.2f}" for time in times)
            assert (change in out, change in page) == (True, True)
    names = ", ".join(action["layer"] for action in plan["actions"][:2])
    sentence = (
        f"the 2 layers 4.5 ms before, {sum(a['measured_milliseconds_after'] for a in plan['actions'][:2]):.3g} ms after"
    )
    for text in (out, page):
        assert f"{sentence}; not faster there: {names}." in " ".join(text.split())
        assert "predicted ms" in text
    assert "--measure" not in out
    plain = json.loads(said(capsys, "alexnet", "--json")[1])["plan"]
    assert plain["machine"] is plain["actions"][0]["measured_milliseconds"] is None


def test_a_first_page_says_what_is_not_exact_and_what_is_not_known() -> None:
    found = audit(trained(), progress=False)
    page = " ".join(first_page(found).split())
    assert "Not exact: 1 operator passed over (my.own.Twist), which holds 9 numbers." in page
    assert "Flow: not known" in page
    assert "3 layers can be replaced" in page
    assert "Exact: every operator" in first_page(audit(network("alexnet"), progress=False))


def test_a_report_says_when_the_size_of_the_image_is_the_wrong_one() -> None:
    passed = (PassedOver("conv7", "Conv", NO_SHAPE, 9),)
    for is_open, advised in (True, True), (False, False):
        read = LayerGraph("made", (3, 224, 224), (), 0, passed_over=passed, open_sides=is_open)
        page = audit_page(audit(read, progress=False))
        assert ("1 layers do not work at this size" in page) == advised


def test_counts_that_are_not_exact_say_so_everywhere() -> None:
    found = audit(trained(), progress=False)
    said = "ot exact: 1 operator passed over (my.own.Twist), which holds 9 numbers"
    assert said in first_page(found, 200)
    assert said in audit_page(found)
    assert said in repr(found.network)
    assert (audit_data(found)["exact"], audit_data(audit(network("alexnet")))["exact"]) == (False, True)


def test_a_number_used_twice_is_in_the_total_once() -> None:
    node, shape, held = Linear(4, 4, bias=False), (4, 1, 1), Counts(linear=16)
    layers = Layer("first", node, shape, shape, held=held), Layer("second", node, shape, shape, held=held, shared=held)
    table = audit_tables(audit(LayerGraph("tied", shape, layers, 2), progress=False))[0]
    assert table.totals is not None
    assert (table.columns["parameters"], table.totals["parameters"], table.totals["used before"]) == ([16, 16], 16, 16)
    assert table.totals["weight bytes"] == 64


@pytest.mark.parametrize("report", [audit_data, audit_page, audit_tables])
def test_reports_are_of_audits(report: object) -> None:
    with pytest.raises(TypeError, match=r"audit=4 is an int: give what audit\(network\) returns"):
        report(4)


# --- the command line -------------------------------------------------------------------------------------------------


def said(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    status = main(["audit", *words])
    printed = capsys.readouterr()
    return status, printed.out, printed.err


def test_a_network_by_name(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    status, out, _ = said(capsys, "shufflenet", "--html", str(tmp_path / "audit.html"))
    assert status == 0
    assert "Consecutive convolutions" not in out
    assert out.rstrip().endswith("igc-theory audit shufflenet --full")
    assert "<h1>Audit of shufflenet" in (tmp_path / "audit.html").read_text(encoding="utf-8")
    assert "Consecutive convolutions" in said(capsys, "shufflenet", "--full")[1]
    assert json.loads(said(capsys, "mobilenet_v1", "--json")[1])["parameters"] == network("mobilenet_v1").parameters


def test_what_it_says_to_do_next_can_be_done(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    pytest.importorskip("onnx", reason="the extra onnx is not installed")
    path = tmp_path / "a model.onnx"
    write_model(path, 24)
    for name in ("resnet18", "alexnet", str(path)):
        _, out, _ = said(capsys, name)
        designs = [line.split() for line in out.splitlines() if line.startswith("  igc-theory design")]
        assert len(designs) == 1
        assert main(designs[0][1:]) == 0
        capsys.readouterr()
        assert ("igc-theory rewrite" in out) == (name == str(path))
    lines = out[out.index("Next") :].splitlines()
    assert all(len(line) <= 80 or str(path) in line for line in lines)
    whole = " ".join(out.replace("\\\n", " ").split())
    assert f"igc-theory rewrite '{path}' --keep 0.5 -o 'a model_small.onnx'" in whole


def test_rewrite_chooses_what_the_audit_names(tmp_path: Path) -> None:
    pytest.importorskip("onnx", reason="the extra onnx is not installed")
    path = tmp_path / "model.onnx"
    write_model(path, 24)
    for objective, keep in (("bits", 0.4), ("multiply_adds", 0.4), ("latency", 0.8)):
        plan = audit(read_onnx(path), keep=keep, objective=objective, progress=False).plan
        found = rewrite(path, keep, objective=objective, progress=False)
        pairs = zip(found.choices.layers, found.choices.candidates, strict=True)
        changed = {layer.name: one.name for layer, one in pairs if one.family != "keep"}
        assert {action.layer.layer: action.option.name for action in plan.actions} == changed
        assert plan.relative_error == pytest.approx(found.choices.selection.loss**0.5)


def test_list_names_every_network_once(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    status, out, _ = said(capsys, "--list")
    words = re.findall(r"[\w.]+", out.partition("\n")[2])
    assert (status, sorted(words)) == (0, sorted(network_names()))
    assert max(map(len, out.splitlines())) <= 60


def test_a_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    pytest.importorskip("onnx", reason="the extra onnx is not installed")
    path = tmp_path / "made.onnx"
    write_model(path, 4, sides=("h", "w"))
    found = json.loads(said(capsys, str(path), "--input", "3x5x7", "--json")[1])
    assert found["multiply_adds"] == (3 * 4 * 9 + 16) * 35
    path.write_bytes(b"no network")
    status, _, err = said(capsys, str(path))
    assert status == 1
    assert "is not an ONNX model, or is cut off" in err
    assert "missing.onnx" in said(capsys, str(tmp_path / "missing.onnx"))[2]


def test_keep_reaches_the_plan(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    pytest.importorskip("onnx", reason="the extra onnx is not installed")
    path = tmp_path / "made.onnx"
    write_model(path, 24)
    left = [json.loads(said(capsys, str(path), "--json", "--keep", keep)[1])["plan"] for keep in ("0.8", "0.3")]
    weights = 24 * 27 + 24 * 24
    for plan, keep in zip(left, (0.8, 0.3), strict=True):
        assert plan["reached"]
        assert plan["parameters"] <= keep * weights
    assert left[0]["relative_error"] < left[1]["relative_error"]


def test_the_size_of_a_named_network(capsys: pytest.CaptureFixture[str]) -> None:
    assert "for an image of 3×64×32" in " ".join(said(capsys, "resnet18", "--input", "3x64x32")[1].split())
    status, _, err = said(capsys, "resnet18", "--input", "4x64x32")
    assert status == 1
    assert "--input 4x64x32" in err
    assert "4 channels" in err
    assert "input_shape" not in err


@pytest.mark.parametrize("size", ["3x5", "3x0x5", "axbxc"])
def test_sizes_that_are_none(size: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["audit", "shufflenet", "--input", size])
    assert "is not the size of an image" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("", "give a NETWORK: an ONNX file, a folder of them, or a name that --list shows"),
        ("alexnet --keep 0", "'0' is not a share"),
        ("alexnet --keep half", "'half' is not a share"),
        ("alexnet -j 0", "'0' is not a number of processes"),
        ("alexnet -j -2", "'-2' is not a number of processes"),
        ("alexnet --results kept", "--results goes with several networks"),
        ("alexnet vgg16 --measure 2", "--measure goes with one network"),
        ("alexnet --measure 0", "'0' is not a whole number of at least 1"),
        ("alexnet --measure few", "'few' is not a whole number of at least 1"),
    ],
)
def test_wrong_use(words: str, sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["audit", *words.split()])
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("shuflenet", "NETWORK 'shuflenet' is neither a file nor a network of this library: did you mean shufflenet"),
        ("nothing/like/this.onnx", "is neither a file nor a network of this library"),
        ("nothing", "igc-theory audit --list lists the networks"),
        (".", "NETWORK '.' is a folder without ONNX files: give another one, or a file"),
        ("", "NETWORK '' names nothing: give an ONNX file or a network"),
        ("mobilone.onnx", "NETWORK 'mobilone.onnx' is neither a file nor a network of this library: check the path"),
    ],
)
def test_what_may_have_been_meant(
    given: str,
    sentence: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    status, _, err = said(capsys, given)
    assert status == 1
    assert sentence in err


def test_results_of_a_folder_that_is_not_there(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    status, _, err = said(capsys, "models", "--results", "kept")
    assert status == 1
    assert "NETWORK 'models' is neither a file nor a network of this library" in err


def test_a_page_that_cannot_be_written_is_refused_before_the_audit(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("igc_theory.commands.audit._audited", lambda *_: pytest.fail("audited"))
    status, _, err = said(capsys, "alexnet", "--html", str(tmp_path))
    assert status == 1
    assert f"--html {str(tmp_path)!r} is a folder: give a file in it, such as" in err
    err = said(capsys, "alexnet", "--html", str(tmp_path / "none" / "page.html"))[2]
    assert f"is in a folder that is not there: make {tmp_path / 'none'}, or give" in err


def test_strict_makes_it_an_error_that_something_is_not_counted(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert said(capsys, "alexnet", "--strict")[0] == 0
    monkeypatch.setattr("igc_theory.commands.audit._audited", lambda *_: trained())
    assert said(capsys, "made")[0] == 0
    status, _, err = said(capsys, "made", "--strict")
    assert (status, err) == (
        1,
        "igc_theory: made; not exact: 1 operator passed over (my.own.Twist), which holds 9 numbers: "
        "--full lists them, or leave out --strict\n",
    )


def test_objectives_of_the_command_line_are_those_of_the_library(capsys: pytest.CaptureFixture[str]) -> None:
    assert commands.OBJECTIVES == OBJECTIVES
    page = " ".join(said(capsys, "alexnet", "--objective", "latency")[1].split())
    assert "Predicted for one image" in page
    assert re.search(r"layer +from +to .* ms +network", said(capsys, "alexnet", "--objective", "latency")[1])
    assert "--table predicts it" in " ".join(said(capsys, "alexnet")[1].split())
    status, _, err = said(capsys, "alexnet", "--table", "none.json")
    assert (status, "--table 'none.json' cannot be read" in err) == (1, True)


def test_missing_joblib_is_said_in_words_of_the_command_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "joblib", None)
    status, _, err = said(capsys, "alexnet", "-j", "2")
    assert (status, "pip install joblib, or leave --workers 1" in err) == (1, True)


def test_chains_of_group_convolutions_that_fall_apart_are_named_behind_a_dense_layer_too() -> None:
    """As in a block whose last layer joins all channels, which are apart before."""
    one, several = (first_page(audit(network(name), progress=False), width=10**4) for name in ("alexnet", "mixnet_s"))
    assert "The group convolutions conv4 to conv5 are not dense: output 0 has no path from input 192." in one
    said = (
        "2 chains of group convolutions are not dense, the first stage2.block2.conv1 to stage2.block2.conv3: output 0"
    )
    assert said in several
    assert "not dense" not in first_page(audit(network("shufflenet"), progress=False), width=10**4)


def test_an_audit_says_what_it_is_in_one_line() -> None:
    found = audit(network("mobilenet_v1"), progress=False)
    assert repr(found).startswith("Audit of mobilenet_v1: ")
    assert len(repr(found)) < 150


def test_names_of_a_file_give_a_terminal_no_orders(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    path = tmp_path / "model.onnx"
    write_model(path)
    model = onnx.load(path)
    for node in model.graph.node:
        node.name = "\x1b[31mred\x1b]0;title\x07\x9b"
    onnx.save(model, path)
    status, out, err = said(capsys, str(path), "--full")
    assert (status, err) == (0, "")
    assert "?[31mred?]0;title??" in out
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", out)
