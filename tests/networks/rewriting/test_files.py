# ruff: noqa: E501  # models stand in one line each
"""Rewritten ONNX models, run by ONNX's reference implementation; the dense kernels of the substitutes are the oracle."""

import contextlib
import copy
import io
import shlex
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="the extra onnx is not installed")

from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from igc_theory import networks
from igc_theory.__main__ import main
from igc_theory.budget.latency import LatencyTable, Timed
from igc_theory.networks import latency_table, read_onnx
from igc_theory.networks.readers.files.file import parsed
from igc_theory.networks.readers.files.inputs import checked_sizes
from igc_theory.networks.readers.onnx_reader import graph_of
from igc_theory.networks.rewriting.candidates.candidates import candidates
from igc_theory.networks.rewriting.files.layers import onnx_layers
from igc_theory.networks.rewriting.files.nodes import with_substitutes
from igc_theory.networks.rewriting.files.weights import Kept, check_readers
from igc_theory.networks.timing.tables import write_table
from igc_theory.structure.chains import Chain
from igc_theory.structure.factors import GroupConv
from tests.networks.readers import onnx_models

rewrite = partial(
    networks.rewrite, reorder=False, progress=False
)  # orders of channels are looked for in two cases below

RNG = np.random.default_rng(0)


def model(nodes, constants=None, shape=(1, 4, 6, 6), *options, **more):
    """Return a model as those of the readers' tests, whose output has a known rank: ONNX's checker asks for it."""
    made = onnx_models.model(nodes, constants, shape, *options, **more)
    rank = 2 if nodes[-1].op_type == "Gemm" else len(shape)
    made.graph.output[0].CopyFrom(helper.make_tensor_value_info("y", TensorProto.FLOAT, [None] * rank))
    return made


def drawn(*shape, kind=np.float32):
    """Return weights that keep the variance."""
    return (RNG.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))).astype(kind)


def run(made, x):
    return ReferenceEvaluator(made).run(None, {"x": x})[0]


def written(folder, made, name="model.onnx"):
    path = folder / name
    path.write_bytes(made.SerializeToString())
    return path


def parts(path):
    """Return a model and its dense layers."""
    made = onnx.load(path)
    return made, onnx_layers(made, graph_of(parsed(path, path.read_bytes()), checked_sizes(None))[0])


CASES = {
    "3×3": (helper.make_node("Conv", ["x", "w", "b"], ["y"], pads=[1, 1, 1, 1]), {"w": drawn(12, 8, 3, 3), "b": drawn(12)}, (2, 8, 7, 6)),
    "valid": (helper.make_node("Conv", ["x", "w"], ["y"]), {"w": drawn(8, 8, 3, 2)}, (1, 8, 7, 6)),
    "strided, uneven pads": (helper.make_node("Conv", ["x", "w", "b"], ["y"], pads=[0, 1, 2, 1], strides=[2, 3]), {"w": drawn(8, 8, 3, 3), "b": drawn(8)}, (1, 8, 9, 10)),
    "dilated": (helper.make_node("Conv", ["x", "w"], ["y"], pads=[2, 2, 2, 2], dilations=[2, 2]), {"w": drawn(8, 8, 3, 3)}, (1, 8, 9, 8)),
    "grouped": (helper.make_node("Conv", ["x", "w", "b"], ["y"], group=2, strides=[2, 2], pads=[1, 1, 1, 1]), {"w": drawn(12, 4, 3, 3), "b": drawn(12)}, (1, 8, 8, 8)),
    "1×1, strided": (helper.make_node("Conv", ["x", "w", "b"], ["y"], strides=[2, 2]), {"w": drawn(12, 8, 1, 1), "b": drawn(12)}, (1, 8, 5, 5)),
    "same": (helper.make_node("Conv", ["x", "w"], ["y"], auto_pad="SAME_UPPER", strides=[2, 2]), {"w": drawn(8, 8, 3, 3)}, (1, 8, 7, 8)),
    "sequence": (helper.make_node("Conv", ["x", "w", "b"], ["y"], pads=[1, 2], strides=[2]), {"w": drawn(12, 8, 3), "b": drawn(12)}, (2, 8, 11)),
    "double": (helper.make_node("Conv", ["x", "w"], ["y"]), {"w": drawn(8, 8, 1, 1, kind=np.float64)}, (1, 8, 4, 4)),
    "gemm": (helper.make_node("Gemm", ["x", "w", "b"], ["y"], transB=1, alpha=0.5, beta=2.0), {"w": drawn(12, 8), "b": drawn(12)}, (3, 8)),
    "gemm, no bias": (helper.make_node("Gemm", ["x", "w"], ["y"]), {"w": drawn(8, 12)}, (3, 8)),
    "matmul": (helper.make_node("MatMul", ["x", "w"], ["y"]), {"w": drawn(8, 12)}, (2, 5, 8)),
    "gemm of doubles": (helper.make_node("Gemm", ["x", "w", "b"], ["y"], transB=1), {"w": drawn(12, 8, kind=np.float64), "b": drawn(12, kind=np.float64)}, (3, 8)),
    "matmul of doubles": (helper.make_node("MatMul", ["x", "w"], ["y"]), {"w": drawn(8, 12, kind=np.float64)}, (2, 3, 4, 8)),
    "matmul of images": (helper.make_node("MatMul", ["x", "w"], ["y"]), {"w": drawn(8, 12)}, (2, 3, 4, 8)),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_every_substitute_computes_what_its_dense_kernel_does(tmp_path, case):
    node, constants, shape = CASES[case]
    kind = TensorProto.DOUBLE if constants["w"].dtype == np.float64 else TensorProto.FLOAT
    made = model([node], constants, shape)
    made.graph.input[0].type.tensor_type.elem_type = made.graph.output[0].type.tensor_type.elem_type = kind
    made, found = parts(written(tmp_path, made))
    (layer,) = found.layers
    dense, x = layer.dense, RNG.standard_normal(shape).astype(constants["w"].dtype)
    options = candidates(dense.weight, dense.convolution, reorder=case in ("1×1, strided", "gemm"))
    by_family = {candidate.family: candidate for candidate in options if candidate.family != "keep"}
    by_family |= {f"{c.family} behind": c for c in options if "window in the second" in c.setting}
    assert len(by_family) >= (1 if case == "grouped" else 5)
    for candidate in by_family.values():
        made_new = with_substitutes(made, [(layer, candidate.substitute)])
        onnx.checker.check_model(made_new, full_check=True)
        oracle = onnx.ModelProto.FromString(made.SerializeToString())
        kernel = candidate.substitute.kernel(dense.convolution.in_channels)
        oracle.graph.initializer[0].CopyFrom(numpy_helper.from_array(as_stored(node, kernel, constants["w"]), "w"))
        expected, found_values = run(oracle, x), run(made_new, x)
        assert found_values.dtype == expected.dtype
        assert np.allclose(found_values, expected, atol=2e-5), candidate.name


@pytest.mark.parametrize("batch", [1, 3])
def test_what_one_image_becomes_in_the_batch_is_counted(tmp_path, batch):
    nodes = [
        helper.make_node("Reshape", ["x", "windows"], ["h"]),
        helper.make_node("Conv", ["h", "w"], ["c"]),
        helper.make_node("Reshape", ["c", "rows"], ["r"]),
        helper.make_node("Gemm", ["r", "v"], ["y"]),
    ]
    sizes = {"windows": np.array([-1, 8, 4, 4]), "rows": np.array([-1, 16])}
    path = written(tmp_path, model(nodes, {"w": drawn(16, 8, 3, 3), "v": drawn(16, 16), **sizes}, (batch, 32, 4, 4)))
    found = rewrite(path, 0.6, objective="multiply_adds")
    assert found.choices.before == read_onnx(path).multiply_adds == 4 * 4 * (16 * 8 * 9 + 256)
    assert found.cost == read_onnx(found.save(tmp_path / "small.onnx")).multiply_adds


@pytest.mark.parametrize("case", CASES)
def test_multiply_adds_are_those_that_the_reader_counts_in_the_new_file(tmp_path, case):
    node, constants, shape = CASES[case]
    made, found = parts(written(tmp_path, model([node], constants, shape)))
    (layer,) = found.layers
    for candidate in layer.dense.candidates(reorder=False)[1:]:
        counted = read_onnx(written(tmp_path, with_substitutes(made, [(layer, candidate.substitute)]), "new.onnx"))
        assert layer.dense.cost(candidate, "multiply_adds") == counted.multiply_adds, candidate.name


@pytest.mark.parametrize(
    ("operator", "shape"), [("Gemm", (3, 32)), *(("MatMul", shape) for shape in ((3, 32), (2, 3, 32), (2, 3, 4, 32)))]
)
def test_what_replaces_a_layer_of_doubles_runs_where_the_layer_does(tmp_path, operator, shape):
    """onnxruntime has products of doubles, but no convolutions of them; a block-diagonal matrix is a product with branches."""
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    weight, x = np.kron(np.eye(4), np.ones((8, 8))) * RNG.standard_normal((32, 32)), RNG.standard_normal(shape)
    made = model([helper.make_node(operator, ["x", "w"], ["y"])], {"w": weight}, shape)
    made.graph.input[0].type.tensor_type.elem_type = made.graph.output[0].type.tensor_type.elem_type = (
        TensorProto.DOUBLE
    )
    path = written(tmp_path, made)
    found = rewrite(path, 0.3, objective="multiply_adds")
    (new,) = runtime.InferenceSession(found.model.SerializeToString()).run(None, {"x": x})
    np.testing.assert_allclose(new, x @ weight, rtol=0, atol=1e-12)
    assert (
        read_onnx(found.save(tmp_path / "small.onnx")).multiply_adds == found.cost == read_onnx(path).multiply_adds / 4
    )
    fresh = rewrite(path, 0.4, architecture_only=True)
    assert (fresh.replaced, fresh.measured.runtime) == (1, "onnxruntime")


def norm(outputs, kind=np.float32, name="y", reads="h", **options):
    """Return a batch normalisation behind a layer, and its arrays; some scales are negative, one is zero."""
    signs = np.where(np.arange(outputs) % 3, 1, -1) * (np.arange(outputs) != 4)
    arrays = {"gamma": signs * RNG.uniform(0.2, 3, outputs), "beta": drawn(outputs), "mean": RNG.standard_normal(outputs), "var": RNG.uniform(0.2, 2, outputs)}  # fmt: skip
    return helper.make_node("BatchNormalization", [reads, *arrays], [name], **options), {
        n: a.astype(kind) for n, a in arrays.items()
    }


def kinds(made):
    return [node.op_type for node in made.graph.node]


@pytest.mark.parametrize("case", CASES)
def test_what_replaces_a_layer_takes_over_its_normalisation(tmp_path, case):
    """The oracle is the dense kernel of the substitute with the normalisation behind it."""
    node, constants, shape = CASES[case]
    dtype, outputs = (
        constants["w"].dtype,
        constants["w"].shape[0 if "matmul" not in case and case != "gemm, no bias" else 1],
    )
    behind, arrays = norm(outputs if "matmul" not in case else shape[1], dtype, epsilon=0.5)
    conv = helper.make_node(node.op_type, node.input, ["h"])
    conv.attribute.extend(node.attribute)
    made = model([conv, behind], constants | arrays, shape)
    kind = TensorProto.DOUBLE if dtype == np.float64 else TensorProto.FLOAT
    made.graph.input[0].type.tensor_type.elem_type = made.graph.output[0].type.tensor_type.elem_type = kind
    made.graph.output[0].type.tensor_type.shape.CopyFrom(
        helper.make_tensor_value_info("y", kind, [None] * len(shape)).type.tensor_type.shape
    )
    made, found = parts(written(tmp_path, made))
    (layer,) = found.layers
    dense, x = layer.dense, RNG.standard_normal(shape).astype(dtype)
    options = candidates(dense.weight, dense.convolution, scales=dense.scales, reorder=False)
    by_family = {candidate.family: candidate for candidate in options if candidate.family != "keep"}
    for candidate in by_family.values():
        new, plain = (with_substitutes(made, [(layer, candidate.substitute)], fold=fold) for fold in (True, False))
        onnx.checker.check_model(new, full_check=True)
        oracle = onnx.ModelProto.FromString(made.SerializeToString())
        kernel = candidate.substitute.kernel(dense.convolution.in_channels)
        oracle.graph.initializer[0].CopyFrom(numpy_helper.from_array(as_stored(node, kernel, constants["w"]), "w"))
        expected = run(oracle, x)
        assert np.allclose(run(new, x), expected, atol=5e-5), candidate.name
        assert np.allclose(run(plain, x), expected, atol=5e-5), candidate.name
        assert "BatchNormalization" in kinds(plain)
        assert ("BatchNormalization" in kinds(new)) == ("matmul" in case)  # there it is of positions, not of outputs
        stored = {entry.name for entry in new.graph.initializer}
        assert stored.isdisjoint(arrays) == ("matmul" not in case)
    assert (dense.scales is None) == ("matmul" in case)


def test_a_normalisation_that_others_need_or_that_learns_is_not_folded(tmp_path):
    conv = helper.make_node("Conv", ["x", "w"], ["h"])
    weights = {"w": drawn(12, 8, 1, 1)}

    def made(nodes, constants, outputs=("y",)):
        found = model(nodes, constants, (1, 8, 4, 4))
        found.graph.output.extend(
            helper.make_tensor_value_info(name, TensorProto.FLOAT, [None] * 4) for name in outputs if name != "y"
        )
        return found

    behind, arrays = norm(12)
    training, _ = norm(12, training_mode=1)
    training.output.extend(["mean of now", "variance of now"])
    unseen = {name: array for name, array in arrays.items() if name != "var"}
    inner = helper.make_graph(
        [helper.make_node("Relu", ["h"], ["r"])],
        "then",
        [],
        [helper.make_tensor_value_info("r", TensorProto.FLOAT, None)],
    )
    other = helper.make_graph(
        [helper.make_node("Neg", ["h"], ["s"])],
        "else",
        [],
        [helper.make_tensor_value_info("s", TensorProto.FLOAT, None)],
    )
    cases = {
        "folded": (made([conv, behind], weights | arrays), True),
        "an output of the model": (made([conv, behind], weights | arrays, ("y", "h")), False),
        "read twice": (made([conv, norm(12, name="n")[0], helper.make_node("Add", ["n", "h"], ["y"])], weights | arrays), False),
        "read within a node": (made([conv, norm(12, name="n")[0], helper.make_node("If", ["c"], ["i"], then_branch=inner, else_branch=other), helper.make_node("Add", ["n", "i"], ["y"])], weights | arrays | {"c": np.array(True)}), False),
        "in training": (made([conv, training], weights | arrays), False),
        "statistics of the input": (made([conv, helper.make_node("ReduceMax", ["x"], ["m"], axes=[0, 2, 3], keepdims=0), helper.make_node("Concat", ["m", "part"], ["var"], axis=0), behind], weights | unseen | {"part": np.ones(4, np.float32)}), False),
        "infinite": (made([conv, behind], weights | arrays | {"gamma": np.full(12, np.inf, np.float32)}), False),
        "a negative variance": (made([conv, behind], weights | arrays | {"var": np.full(12, -1, np.float32)}), False),
    }  # fmt: skip
    for name, (one, is_folded) in cases.items():
        model_, found = parts(written(tmp_path, one))
        (layer,) = found.layers
        assert (layer.norm is not None) == is_folded, name
        assert (layer.dense.scales is not None) == is_folded, name
        option = candidates(layer.dense.weight, layer.dense.convolution, reorder=False)[1]
        new = with_substitutes(model_, [(layer, option.substitute)])
        assert ("BatchNormalization" in kinds(new)) != is_folded, name


def test_rewrite_folds_behind_what_it_replaces_and_nowhere_else(tmp_path):
    path, x = written(tmp_path, network()), drawn(3, 4, 6, 6)
    folded, plain = (rewrite(path, 0.2, fold=fold) for fold in (True, False))
    assert folded.choices.selection == plain.choices.selection
    assert np.allclose(run(folded.model, x), run(plain.model, x), atol=1e-5)
    names = folded.table.columns["layer"]
    assert ("first" in names) == ("BatchNormalization" not in kinds(folded.model))
    assert "first" in names
    assert "BatchNormalization" in kinds(plain.model)
    assert folded.model.ByteSize() < plain.model.ByteSize()
    assert "BatchNormalization" in kinds(rewrite(path, 0.2, architecture_only=True).model)
    kept = rewrite(path, 1.0)
    assert kept.model.SerializeToString() == path.read_bytes()
    with pytest.raises(TypeError, match="fold='yes'"):
        rewrite(path, 0.3, fold="yes")


def as_stored(node, kernel, weight):
    """Return a dense kernel as the node stores its weights."""
    if node.op_type == "Conv":
        group = [entry.i for entry in node.attribute if entry.name == "group"]
        groups, width = (group or [1])[0], weight.shape[1]
        rows = len(weight) // groups
        kept = [kernel[k, k // rows * width : (k // rows + 1) * width] for k in range(len(weight))]
        return np.stack(kept).reshape(weight.shape).astype(weight.dtype)
    matrix = kernel[:, :, 0, 0]
    if node.op_type == "Gemm":
        given = {entry.name: entry for entry in node.attribute}
        matrix = matrix / given["alpha"].f if "alpha" in given else matrix
        return (matrix if "transB" in given else matrix.T).astype(weight.dtype)
    return matrix.T.astype(weight.dtype)


def network(opset=17, **options):
    """Return a small network with a batch normalisation, an open batch, metadata, and a branch that is not read."""
    constants = {
        "w1": drawn(16, 4, 3, 3), "b1": drawn(16), "w2": drawn(16, 16, 3, 3), "w3": drawn(10, 16), "b3": drawn(10),
        "gamma": np.linspace(0.5, 2, 16, dtype=np.float32), "beta": drawn(16), "mean": drawn(16),
        "var": np.linspace(0.5, 1, 16, dtype=np.float32),
    }  # fmt: skip
    nodes = [
        helper.make_node("Conv", ["x", "w1", "b1"], ["c1"], "first", pads=[1, 1, 1, 1]),
        helper.make_node("BatchNormalization", ["c1", "gamma", "beta", "mean", "var"], ["n1"]),
        helper.make_node("Relu", ["n1"], ["r1"]),
        helper.make_node("Conv", ["r1", "w2"], ["c2"], "second", pads=[1, 1, 1, 1], strides=[2, 2]),
        helper.make_node("Relu", ["c2"], ["r2"]),
        helper.make_node("GlobalAveragePool", ["r2"], ["p"]),
        helper.make_node("Flatten", ["p"], ["f"]),
        helper.make_node("Gemm", ["f", "w3", "b3"], ["y"], "third", transB=1),
    ]
    made = model(nodes, constants, ("batch", 4, 6, 6), opset, **options)
    made.metadata_props.add(key="author", value="nobody")
    return made


def test_a_network_is_rewritten_within_its_budget_and_measured(tmp_path):
    path = written(tmp_path, network())
    found = rewrite(path, 0.5)
    assert found.cost <= 0.5 * found.choices.before == 16 * (16 * 4 * 9 + 16 * 16 * 9 + 160)
    new, old = found.model, onnx.load(path)
    assert new.opset_import == old.opset_import
    assert (new.ir_version, new.metadata_props[0].value) == (old.ir_version, "nobody")
    assert new.graph.input == old.graph.input
    assert new.graph.output == old.graph.output
    x = np.random.default_rng(0).standard_normal((1, 4, 6, 6)).astype(np.float32)
    expected = np.linalg.norm(run(new, x) - run(old, x)) / np.linalg.norm(run(old, x))
    assert found.measured.error == pytest.approx(expected, rel=1e-3)
    assert run(new, np.concatenate([x, x, x])).shape == (3, 10)
    kept = [
        layer.name
        for layer, one in zip(found.choices.layers, found.choices.candidates, strict=True)
        if one.family == "keep"
    ]
    arrays = {tensor.name: tensor for tensor in new.graph.initializer}
    names = {"first": "w1", "second": "w2", "third": "w3"}
    assert {name for name in names.values() if name in arrays} == {names[name] for name in kept}
    assert all(arrays[t.name] == t for t in old.graph.initializer if t.name in arrays)
    assert sum(np.prod(t.dims) for t in new.graph.initializer) < sum(np.prod(t.dims) for t in old.graph.initializer)


def test_with_the_whole_budget_nothing_changes_to_the_bit(tmp_path):
    path = written(tmp_path, network())
    found = rewrite(path, 1.0)
    target = found.save(tmp_path / "same.onnx")
    assert (found.replaced, found.predicted_error, found.measured.error, found.gap) == (0, 0, 0, 0)
    assert target.read_bytes() == path.read_bytes()


def test_the_scales_of_a_normalisation_and_calibration_inputs_weigh_the_errors(tmp_path):
    path = written(tmp_path, network())
    images = (
        np.random.default_rng(1).standard_normal((40, 4, 6, 6)).astype(np.float32)
        * np.array([9, 1, 1, 0.1], np.float32)[:, None, None]
    )
    blind, seeing = rewrite(path, 0.4), rewrite(path, 0.4, inputs=images.astype(np.float32))
    old = run(onnx.load(path), images)
    errors = [np.linalg.norm(run(one.model, images) - old) / np.linalg.norm(old) for one in (blind, seeing)]
    assert errors[1] < 0.7 * errors[0]
    assert seeing.measured.error == pytest.approx(errors[1], rel=1e-3)
    first = seeing.choices.layers[0]
    assert np.allclose(first.scales, np.linspace(0.5, 2, 16) / np.sqrt(np.linspace(0.5, 1, 16) + 1e-5))
    assert first.moments.shape == (36, 36)


@pytest.mark.parametrize("batch", [1, 4])
def test_a_file_of_a_fixed_batch_reads_many_images_one_batch_after_the_other(tmp_path, batch):
    """The same network with an open batch, which reads all at once, is the oracle; numbers as NumPy makes them are rounded."""
    open_, images = network(), np.random.default_rng(1).standard_normal((12, 4, 6, 6))
    expected = rewrite(written(tmp_path, open_, "open.onnx"), 0.5, inputs=images.astype(np.float32))
    open_.graph.input[0].type.tensor_type.shape.dim[0].dim_value = batch
    found = rewrite(written(tmp_path, open_), 0.5, inputs=images)
    for one, other in zip(found.choices.layers, expected.choices.layers, strict=True):
        assert np.allclose(one.moments, other.moments, rtol=1e-5)
    assert found.measured.error == pytest.approx(expected.measured.error, rel=1e-4)


@pytest.mark.parametrize(("shape", "change", "error", "sentence"), [
    ((4, 6, 6), None, ValueError, r"inputs\['x'\] has shape \(4, 6, 6\), but the model reads \(2, 4, 6, 6\): give this, or several"),
    ((2, 4, 6, 7), None, ValueError, r"has shape \(2, 4, 6, 7\), but the model reads \(2, 4, 6, 6\)"),
    ((3, 4, 6, 6), None, ValueError, r"has shape \(3, 4, 6, 6\), but the model reads \(2, 4, 6, 6\)"),
    ((2, 4, 6, 6), np.nan, ValueError, r"inputs\['x'\] has values that are not finite in float32"),
    ((2, 4, 6, 6), 1e300, ValueError, r"inputs\['x'\] has values that are not finite in float32"),
    ((2, 4, 6, 6), 3e38, ValueError, "inputs make the layer 'second' read numbers that are not finite: give smaller, finite ones"),
    ((0, 4, 6, 6), None, TypeError, "without numbers"),
])  # fmt: skip
def test_inputs_that_the_model_cannot_read_are_refused_by_name(tmp_path, shape, change, error, sentence):
    made = network()
    made.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 2
    images = np.ones(shape) * (change or 1.0)
    with pytest.raises(error, match=sentence), np.errstate(all="ignore"):
        rewrite(written(tmp_path, made), 0.5, inputs=images)


def test_real_numbers_are_not_rounded_to_places(tmp_path):
    nodes = [helper.make_node("Gather", ["e", "x"], ["h"]), helper.make_node("MatMul", ["h", "w"], ["y"])]
    made = model(nodes, {"e": drawn(9, 16), "w": drawn(16, 16)}, (5,))
    made.graph.input[0].type.tensor_type.elem_type = TensorProto.INT64
    made.graph.output[0].CopyFrom(helper.make_tensor_value_info("y", TensorProto.FLOAT, [5, 16]))
    path = written(tmp_path, made)
    assert rewrite(path, 0.5, inputs=np.arange(5, dtype=np.int32)).replaced == 1
    with pytest.raises(
        TypeError, match=r"inputs\['x'\] has numbers of type float64, but the model reads int64: give these"
    ):
        rewrite(path, 0.5, inputs=np.arange(5.0))


def test_where_only_zeros_are_read_the_weights_count(tmp_path):
    """By outputs, which are zero whatever the weights, the cheapest layers would be free."""
    weight = drawn(16, 16)
    path = written(tmp_path, model([helper.make_node("MatMul", ["x", "w"], ["y"])], {"w": weight}, (3, 16)))
    found = rewrite(path, 0.5, inputs=np.zeros((3, 16)))
    dense = found.choices.candidates[0].substitute.kernel(16)[:, :, 0, 0].T
    assert found.errors == pytest.approx((np.linalg.norm(dense - weight) / np.linalg.norm(weight),))
    assert found.cost > 0.4 * found.choices.before


def test_moments_of_a_layer_are_those_of_its_patches(tmp_path):
    from igc_theory.kernels import patches

    path = written(tmp_path, network())
    images = np.random.default_rng(1).standard_normal((5, 4, 6, 6)).astype(np.float32)
    found = rewrite(path, 1.0, inputs=images)
    columns = np.concatenate([patches(image, 3) for image in images], axis=1).astype(float)
    sums = columns @ columns.T
    noise = np.eye(36) * 36 * np.diagonal(sums).mean() / 180
    assert np.allclose(found.choices.layers[0].moments, (sums + noise) / (180 + 36), rtol=1e-4)


def windows_of(conv, x):
    """Return what every output of a convolution reads: the outputs of one whose kernels each pick one entry of the window."""
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    width, window = x.shape[1], conv["kernel_shape"]
    picks = np.eye(width * int(np.prod(window)), dtype=np.float32).reshape(-1, width, *window)
    made = model([helper.make_node("Conv", ["x", "w"], ["y"], **conv)], {"w": picks}, x.shape)
    read = runtime.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"]).run(None, {"x": x})[0]
    return np.moveaxis(read, 1, -1).reshape(-1, len(picks)).astype(float)


SAME = [
    {"auto_pad": padding, "strides": strides}
    for padding in ("SAME_UPPER", "SAME_LOWER")
    for strides in ((1, 1), (2, 2), (3, 2))
]
OTHER = [{}, {"pads": (0, 2, 1, 1), "dilations": (2, 1)}, {"auto_pad": "VALID", "strides": (1, 2), "dilations": (1, 2)}]


@pytest.mark.parametrize(("window", "options"), [
    *((window, options) for window in ((3, 3), (2, 5), (1, 1)) for options in SAME),
    *(((3, 3), options) for options in OTHER),
    ((4,), {"auto_pad": "SAME_LOWER", "strides": (2,)}),
])  # fmt: skip
def test_moments_are_those_of_the_windows_that_a_runtime_reads(tmp_path, window, options):
    conv = {"kernel_shape": window, **options}
    x = RNG.standard_normal((6, 4, *(7, 8)[: len(window)])).astype(np.float32)
    x[:, :, -1] *= 50
    made = model([helper.make_node("Conv", ["x", "w"], ["y"], **conv)], {"w": drawn(16, 4, *window)}, x.shape)
    (dense,) = rewrite(written(tmp_path, made), 1.0, inputs=x).choices.layers
    rows = windows_of(conv, x)
    size = rows.shape[1]
    noise = np.eye(size) * size * (rows**2).sum(axis=0).mean() / len(rows)
    assert np.allclose(dense.moments, (rows.T @ rows + noise) / (len(rows) + size), rtol=1e-4, atol=1e-6)


def test_one_padding_written_in_two_ways_gives_one_rewrite(tmp_path):
    weight, x = drawn(16, 4, 3, 3), RNG.standard_normal((32, 4, 4, 4)).astype(np.float32)
    x[:, :, 3] *= 50
    found = []
    for padding in ({"auto_pad": "SAME_UPPER"}, {"pads": [0, 0, 1, 1]}):
        node = helper.make_node("Conv", ["x", "w"], ["y"], strides=[2, 2], **padding)
        one = rewrite(written(tmp_path, model([node], {"w": weight}, x.shape)), 0.3, inputs=x)
        found.append((one.predicted_error, one.measured.error))
    assert found[0] == pytest.approx(found[1], rel=1e-4)


def test_multiply_adds_are_a_budget_too(tmp_path):
    path = written(tmp_path, network())
    found = rewrite(path, 0.5, objective="multiply_adds")
    whole = read_onnx(path)
    assert found.choices.before == whole.multiply_adds
    assert found.cost <= whole.multiply_adds / 2
    counted = read_onnx(found.save(tmp_path / "small.onnx"))
    assert counted.multiply_adds == found.cost
    assert rewrite(path, int(found.cost), objective="multiply_adds").cost <= found.cost


def test_milliseconds_are_a_budget_too(tmp_path):
    from igc_theory.networks import latency, latency_table

    # Layers this small save little time on any machine.
    path, table = written(tmp_path, network()), latency_table()
    found = rewrite(path, 0.95, objective="latency")
    whole = sum(
        latency(Chain([conv]), table, height=6).milliseconds
        for conv in (GroupConv(4, 16, 1, 3), GroupConv(16, 16, 1, 3, 2))
    )
    whole += (
        latency(Chain([GroupConv(16, 10)]), table, height=1).milliseconds - 3 * table.call
    )  # a network is called once
    assert found.choices.before == pytest.approx(whole)
    assert found.cost <= 0.95 * whole
    assert "milliseconds left" in found.sentence
    assert rewrite(path, 0.95, objective="latency", table=table).cost == found.cost


def test_weights_used_twice_are_rewritten_for_both_and_stored_once(tmp_path):
    weight = drawn(16, 16, 1, 1)
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"]),
        helper.make_node("Relu", ["a"], ["r"]),
        helper.make_node("Conv", ["r", "w"], ["y"]),
    ]
    path = written(tmp_path, model(nodes, {"w": weight}, (1, 16, 4, 4)))
    found = rewrite(path, 0.5)
    assert found.replaced == 1
    assert (
        sum(np.prod(t.dims) for t in found.model.graph.initializer if t.data_type == 1)
        == found.choices.candidates[0].parameters
    )
    assert len(found.model.graph.node) >= 5
    kernel = found.choices.candidates[0].substitute.kernel(16)[:, :, 0, 0]
    x = RNG.standard_normal((1, 16, 4, 4)).astype(np.float32)
    middle = np.maximum(np.einsum("oi,nihw->nohw", kernel, x), 0)
    assert np.allclose(run(found.model, x), np.einsum("oi,nihw->nohw", kernel, middle), atol=1e-5)


@pytest.mark.parametrize(("nodes", "reason"), [
    ([helper.make_node("Conv", ["x", "w"], ["a"]), helper.make_node("Mul", ["w", "w"], ["m"]),
      helper.make_node("ReduceSum", ["m"], ["s"]), helper.make_node("Add", ["a", "s"], ["y"])], "its weights are read elsewhere too"),
    ([helper.make_node("Conv", ["x", "w"], ["a"]), helper.make_node("Conv", ["a", "w"], ["y"], group=1, strides=[2, 2])],
     "its weights are used by layers of different kinds"),
    ([helper.make_node("Conv", ["x", "w"], ["y"], pads=[1, 1, 1, 1])], "it pads what a 1×1 window reads"),
    ([helper.make_node("Conv", ["x", "half"], ["y"])], "its weights are of type bfloat16"),
    ([helper.make_node("Conv", ["x", "nan"], ["y"])], "some of its weights are not finite"),
    ([helper.make_node("Conv", ["x", "depthwise"], ["y"], group=16)], "depthwise: each output has one input"),
])  # fmt: skip
def test_layers_that_cannot_be_replaced_stay_and_say_why(tmp_path, nodes, reason):
    good = helper.make_node("Conv", ["x", "good"], ["other"])
    arrays = {"w": drawn(16, 16, 1, 1), "good": drawn(16, 16, 1, 1), "nan": np.full((16, 16, 1, 1), np.nan, np.float32),
              "depthwise": drawn(16, 1, 3, 3)}  # fmt: skip
    made = model([good, *nodes], arrays, (1, 16, 4, 4))
    made.graph.output.append(helper.make_tensor_value_info("other", TensorProto.FLOAT, [None] * 4))
    made.graph.initializer.append(
        helper.make_tensor("half", TensorProto.BFLOAT16, (16, 16, 1, 1), bytes(512), raw=True)
    )
    found = rewrite(written(tmp_path, made), 0.5)
    assert {why for _, why in found.kept} == {reason}
    assert found.replaced == 1


@pytest.mark.parametrize(
    ("shape", "is_kept"),
    [((16,), False), ((1, 16), False), ((1,), False), ((1, 1), False), ((), False), ((16, 1), True), ((16, 16), True)],
)
def test_a_bias_is_read_by_its_axes_not_by_how_many_numbers_it_has(tmp_path, shape, is_kept):
    weight = (RNG.standard_normal((16, 2)) @ RNG.standard_normal((2, 16))).astype(np.float32)
    bias = RNG.standard_normal(shape).astype(np.float32)
    nodes = [helper.make_node("Gemm", ["x", "w", "c"], ["h"]), helper.make_node("MatMul", ["h", "v"], ["y"])]
    path = written(tmp_path, model(nodes, {"w": weight, "c": np.asarray(bias), "v": weight}, (16, 16)))
    x = RNG.standard_normal((16, 16)).astype(np.float32)
    for fresh in (True, False):
        found = rewrite(path, 0.6 if fresh or is_kept else 0.3, architecture_only=fresh)
        assert [reason for _, reason in found.kept] == ["its bias is not one number per output"] * is_kept
    assert found.replaced == (1 if is_kept else 2)
    assert np.allclose(run(found.model, x), run(onnx.load(path), x), atol=1e-4)


def test_graphs_within_a_node_stay(tmp_path):
    inner = helper.make_graph(
        [helper.make_node("Conv", ["x", "w"], ["z"])], "inner", [], [helper.make_tensor_value_info("z", 1, None)]
    )
    nodes = [
        helper.make_node("Conv", ["x", "good"], ["g"]),
        helper.make_node("If", ["yes"], ["i"], "choice", then_branch=inner, else_branch=inner),
        helper.make_node("Add", ["g", "i"], ["y"]),
    ]
    arrays = {"w": drawn(16, 16, 1, 1), "good": drawn(16, 16, 1, 1), "yes": np.array(True)}
    found = rewrite(written(tmp_path, model(nodes, arrays, (1, 16, 4, 4))), 0.5)
    assert found.replaced == 1
    assert ("choice", "If has a graph of its own, which stays") in found.kept
    assert "w" in {tensor.name for tensor in found.model.graph.initializer}


def test_weights_computed_from_stored_ones_are_replaced_with_what_computed_them(tmp_path):
    nodes = [helper.make_node("Transpose", ["w"], ["t"], perm=[1, 0]), helper.make_node("MatMul", ["x", "t"], ["y"])]
    found = rewrite(written(tmp_path, model(nodes, {"w": drawn(16, 16)}, (2, 16))), 0.5)
    assert found.replaced == 1
    assert "t" not in {name for node in found.model.graph.node for name in [*node.input, *node.output]}
    assert "w" not in {tensor.name for tensor in found.model.graph.initializer}


def test_nodes_are_told_apart_by_what_they_write(tmp_path):
    """Protobuf keeps no objects of Python: those of a node may differ from one look to the next."""
    nodes = [helper.make_node("Transpose", ["w"], ["t"], perm=[1, 0]), helper.make_node("MatMul", ["x", "t"], ["y"])]
    path = written(tmp_path, model(nodes, {"w": drawn(16, 16)}, (2, 16)))
    file, (graph, _) = onnx.load(path), graph_of(parsed(path, path.read_bytes()), checked_sizes(None))
    anew = SimpleNamespace(graph=SimpleNamespace(node=MadeAnew(file.graph.node), output=file.graph.output))
    check_readers(anew, graph, "t", [copy.deepcopy(file.graph.node[1])])
    with pytest.raises(Kept, match="read elsewhere too"):
        check_readers(anew, graph, "t", [])


class MadeAnew(list):
    def __iter__(self):
        return iter(copy.deepcopy([*super().__iter__()]))


@pytest.mark.parametrize("rank", [8, 48])
@pytest.mark.parametrize("objective", ["bits", "multiply_adds"])
def test_a_node_that_computes_weights_is_no_layer(tmp_path, rank, objective):
    """The written file, counted again, is the oracle: it holds what the layers may cost, and no more."""
    nodes = [
        helper.make_node("MatMul", ["a", "b"], ["w"], "makes w"),
        helper.make_node("MatMul", ["x", "w"], ["y"], "layer"),
    ]
    path = written(tmp_path, model(nodes, {"a": drawn(64, rank), "b": drawn(rank, 64)}, (1, 64)))
    found, old = rewrite(path, 0.5, objective=objective), read_onnx(path)
    new = read_onnx(found.save(tmp_path / "small.onnx"))
    assert ([layer.name for layer in found.choices.layers], found.kept) == (["layer"], ())
    costs = [(one.multiply_adds, 32 * one.parameters)[objective == "bits"] for one in (old, new)]
    assert [found.choices.before, found.cost] == costs
    assert found.replaced == 1


def held_bits(path):
    """Return the bits of all arrays of numbers that a file holds, but for sizes and places."""
    return sum(8 * len(t.raw_data) for t in onnx.load(path).graph.initializer if t.data_type != TensorProto.INT64)


def test_weights_that_are_stored_shorter_cost_what_the_file_holds(tmp_path):
    nodes = [helper.make_node("Cast", ["q"], ["w"], to=TensorProto.FLOAT), helper.make_node("Conv", ["x", "w"], ["y"])]
    path = written(tmp_path, model(nodes, {"q": drawn(32, 32, 3, 3, kind=np.float16)}, (1, 32, 6, 6)))
    found = rewrite(path, 0.5)
    small = found.save(tmp_path / "small.onnx")
    assert (found.choices.before, found.cost) == (held_bits(path), held_bits(small))
    assert held_bits(small) < 0.5 * held_bits(path)


def dequantized(opset, **blocks):
    nodes = [
        helper.make_node("DequantizeLinear", ["q", "s"], ["w"], **blocks),
        helper.make_node("MatMul", ["x", "w"], ["h"], "short"),
        helper.make_node("MatMul", ["h", "v"], ["y"]),
    ]
    scale = np.full((2, 16), 0.01, np.float32) if blocks else np.float32(0.01)
    arrays = {"q": RNG.integers(-99, 99, (16, 16)).astype(np.int8), "s": scale, "v": drawn(16, 16)}
    return model(nodes, arrays, (2, 16), opset)


@pytest.mark.parametrize("opset", [13, 17, 21])
def test_quantized_weights_count_the_bits_that_the_file_holds(tmp_path, opset):
    found = rewrite(written(tmp_path, dequantized(opset)), 0.5)
    assert found.kept == ()
    assert found.choices.before == 16 * 16 * (8 + 32)
    assert found.cost <= found.choices.before / 2


def test_quantized_weights_whose_numbers_are_not_known_stay_and_say_so(tmp_path):
    found = rewrite(written(tmp_path, dequantized(21, axis=0, block_size=7)), 0.5)
    assert found.kept == (
        ("short", "its weights are quantized (int8): architecture_only=True puts fresh ones in their place"),
    )


def test_weights_stay_where_what_they_are_computed_from_serves_others(tmp_path):
    """Otherwise the arrays stay in the file beside the factors, and nothing is saved."""
    node = helper.make_node
    split = [
        node("Split", ["w"], ["p", "q"], axis=1),
        node("MatMul", ["x", "p"], ["h"], "one"),
        node("MatMul", ["h", "q"], ["g"], "two"),
    ]
    middle = [
        node("Transpose", ["w"], ["t"]),
        node("Neg", ["t"], ["n"]),
        node("MatMul", ["x", "n"], ["h"], "one"),
        node("MatMul", ["h", "t"], ["g"], "two"),
    ]
    for nodes, constants, kept in (
        (split, {"w": drawn(16, 32)}, ["one", "two"]),
        (middle, {"w": drawn(16, 16)}, ["one", "two"]),
    ):
        last = node("MatMul", ["g", "v"], ["y"], "last")
        found = rewrite(written(tmp_path, model([*nodes, last], constants | {"v": drawn(16, 16)}, (16, 16))), 0.5)
        assert found.kept == tuple((name, "its weights are read elsewhere too") for name in kept)
        left = sum(np.prod(t.dims) for t in found.model.graph.initializer if t.data_type == TensorProto.FLOAT)
        assert left == constants["w"].size + found.choices.candidates[0].parameters


def test_weights_that_nodes_compute_for_one_layer_are_replaced(tmp_path):
    """However many nodes stand around: each layer has some of its own that compute its weights."""
    node, constants, nodes = helper.make_node, {}, []
    for k in range(5):
        nodes += [node("Relu", [f"y{k}" if k else "x"], [f"r{k}"]), node("Mul", [f"v{k}", f"g{k}"], [f"w{k}"])]
        nodes += [node("MatMul", [f"r{k}", f"w{k}"], [f"y{k + 1}" if k < 4 else "y"], f"layer{k}")]
        constants |= {f"v{k}": drawn(32, 32), f"g{k}": drawn(1, 32)}
    found = rewrite(written(tmp_path, model(nodes, constants, (16, 32))), 0.5)
    assert found.kept == ()
    assert all(one.op_type != "Mul" for one in found.model.graph.node)


def test_new_names_are_none_that_the_file_has(tmp_path):
    """Names of arrays that nothing reads count, too, as do those of shapes."""
    made = model(
        [helper.make_node("Conv", ["x", "w"], ["y"])],
        {"w": drawn(16, 16, 1, 1), "y/factors/0": drawn(3)},
        (1, 16, 4, 4),
    )
    made.graph.value_info.append(helper.make_tensor_value_info("y/factors2/0", TensorProto.FLOAT, [3]))
    found = rewrite(written(tmp_path, made), 0.5)
    assert {name.split("/")[1] for node in found.model.graph.node for name in node.input if "/" in name} == {"factors3"}


def test_sizes_that_many_nodes_read_keep_no_weights(tmp_path):
    nodes = [
        helper.make_node("Reshape", ["w", "sizes"], ["p"]),
        helper.make_node("MatMul", ["x", "p"], ["h"]),
        helper.make_node("Reshape", ["h", "sizes"], ["y"]),
    ]
    made = model(nodes, {"w": drawn(256), "sizes": np.array([16, 16])}, (16, 16))
    assert rewrite(written(tmp_path, made), 0.5).replaced == 1


def test_old_files_list_new_arrays_among_their_inputs_and_get_no_shuffles(tmp_path):
    made = network(6)
    made.ir_version = 3
    made.graph.node[-1].attribute.append(helper.make_attribute("broadcast", 1))
    del made.graph.node[-1].attribute[-1]
    infos = [helper.make_tensor_value_info(t.name, t.data_type, t.dims) for t in made.graph.initializer]
    made.graph.input.extend(infos)
    found = rewrite(written(tmp_path, made), 0.5)
    assert {t.name for t in found.model.graph.initializer} < {entry.name for entry in found.model.graph.input}
    assert {one.family for one in found.choices.candidates} <= {"keep", "low rank"}
    assert {why for _, why in found.kept} == {"a linear layer of operator set 6, below 7"}


def test_half_precision_stays_half_precision(tmp_path):
    made = model(
        [helper.make_node("Conv", ["x", "w"], ["y"])], {"w": drawn(16, 16, 1, 1, kind=np.float16)}, (1, 16, 4, 4)
    )
    made.graph.input[0].type.tensor_type.elem_type = made.graph.output[0].type.tensor_type.elem_type = (
        TensorProto.FLOAT16
    )
    found = rewrite(written(tmp_path, made), 0.5)
    assert {t.data_type for t in found.model.graph.initializer} <= {TensorProto.FLOAT16, TensorProto.INT64}
    assert run(found.model, np.ones((1, 16, 4, 4), np.float16)).dtype == np.float16


@pytest.mark.parametrize("budget", [1.0, 0.8])
def test_arrays_in_further_files_are_taken_into_the_new_one(tmp_path, budget):
    """With the whole budget too, when nothing is replaced: the same file elsewhere would point at what is not there."""
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir(), new.mkdir()
    whole = network()
    whole.graph.node.insert(0, helper.make_node("Constant", [], ["b1"], value=whole.graph.initializer[1]))
    del whole.graph.initializer[1]
    plain = rewrite(written(tmp_path, whole), budget)
    options = {"save_as_external_data": True, "size_threshold": 0, "convert_attribute": True}
    onnx.save(whole, old / "model.onnx", location="arrays.bin", **options)
    path = rewrite(old / "model.onnx", budget).save(new / "model.onnx")
    x = RNG.standard_normal((1, 4, 6, 6)).astype(np.float32)
    assert np.allclose(run(onnx.load(path), x), run(plain.model, x), atol=1e-6)
    assert read_onnx(path).parameters == read_onnx(plain.save(new / "plain.onnx")).parameters


def test_the_command_counts_further_files_and_does_not_write_over_them(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    onnx.save(network(), "model.onnx", save_as_external_data=True, location="arrays.bin", size_threshold=0)
    arrays = Path("arrays.bin").read_bytes()
    assert main(["rewrite", "model.onnx", "--keep", "1.0", "-o", "arrays.bin", "--force"]) == 1
    assert "--output 'arrays.bin' holds arrays of the model: give another file" in capsys.readouterr().err
    assert Path("arrays.bin").read_bytes() == arrays
    assert main(["rewrite", "model.onnx", "--keep", "1.0", "-o", "same.onnx"]) == 0
    before, after = len(arrays) + Path("model.onnx").stat().st_size, Path("same.onnx").stat().st_size
    sentence = f"Written to same.onnx: {after:,} bytes, model.onnx with the files of its arrays has {before:,}."
    assert sentence in " ".join(capsys.readouterr().out.split())


def test_fresh_weights_for_a_file_without_any():
    light = Path(onnx.__file__).parent / "backend/test/data/light/light_squeezenet.onnx"
    with pytest.raises(ValueError, match="architecture_only=True puts fresh ones in their place"):
        rewrite(light, 0.5)
    found = rewrite(light, 0.4, architecture_only=True)
    onnx.checker.check_model(found.model, full_check=True)
    assert found.cost <= 0.4 * found.choices.before
    assert found.errors is None
    assert {one.family for one in found.choices.candidates} == {"keep", "product"}
    shares = [
        one.parameters / layer.convolution.parameters
        for layer, one in zip(found.choices.layers, found.choices.candidates, strict=True)
    ]
    assert np.std([share for share in shares if share < 1]) < 0.2


# --- what is refused, and files ---------------------------------------------------------------------------------------


def test_files_are_neither_overwritten_nor_half_written(tmp_path, monkeypatch):
    path = written(tmp_path, network())
    found = rewrite(path, 0.5)
    target = found.save(tmp_path / "small.onnx")
    content = target.read_bytes()
    with pytest.raises(ValueError, match="is there already"):
        found.save(target)
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        rewrite(path, 0.9).save(target, force=True)
    monkeypatch.undo()
    assert target.read_bytes() == content
    assert sorted(file.name for file in tmp_path.iterdir()) == ["model.onnx", "small.onnx"]
    with pytest.raises(ValueError, match="is a folder"):
        found.save(tmp_path)
    with pytest.raises(ValueError, match="folder that is not there"):
        found.save(tmp_path / "none" / "small.onnx")


@pytest.mark.parametrize(("budget", "error", "sentence"), [
    (0.0, ValueError, "budget=0.0 is not a share"), (1.5, ValueError, "budget=1.5 is not a share"), (-1, ValueError, "below 1"),
    (float("nan"), ValueError, "budget"), (True, TypeError, "budget"), ("half", TypeError, "budget"), (1e-4, ValueError, "use at least 0.0"),
])  # fmt: skip
def test_budgets_that_cannot_be_meant_are_refused(tmp_path, budget, error, sentence):
    with pytest.raises(error, match=sentence):
        rewrite(written(tmp_path, network()), budget)


def test_damaged_files_are_refused(tmp_path):
    content = network().SerializeToString()
    for cut in (0, 10, len(content) // 2, len(content) - 3):
        path = tmp_path / f"cut{cut}.onnx"
        path.write_bytes(content[:cut])
        with pytest.raises(ValueError, match="path="):
            rewrite(path, 0.5)
    with pytest.raises(IsADirectoryError):
        rewrite(tmp_path, 0.5)
    with pytest.raises(FileNotFoundError):
        rewrite(tmp_path / "none.onnx", 0.5)
    empty = model([helper.make_node("Relu", ["x"], ["y"])])
    with pytest.raises(ValueError, match="no layer that can be replaced"):
        rewrite(written(tmp_path, empty, "empty.onnx"), 0.5)
    with pytest.raises(TypeError, match="give the path of an ONNX file"):
        rewrite(io.BytesIO(content), 0.5)


def test_inputs_are_named(tmp_path):
    path = written(tmp_path, network())
    with pytest.raises(ValueError, match="inputs has 'z', which is none of its inputs"):
        rewrite(path, 0.5, inputs={"x": np.ones(1), "z": np.ones(1)})
    with pytest.raises(ValueError, match="lacks its input 'x'"):
        rewrite(path, 0.5, inputs={})


def test_what_was_done_is_shown(tmp_path):
    found = rewrite(written(tmp_path, network()), 0.5)
    assert str(found) == found.sentence
    assert found.sentence.startswith("model: ")
    assert f"{found.replaced} of 3 layers replaced" in found.sentence
    assert "<table>" in found._repr_html_()
    assert found.layers.totals["left"] == sum(found.layers.columns["left"])
    assert len(found.table.rows) == found.replaced


def test_the_command_compares_budgets_writes_a_file_and_says_what_comes_next(tmp_path, capsys):
    path, target = str(written(tmp_path, network())), str(tmp_path / "small.onnx")
    assert main(["rewrite", path, "--no-reorder"]) == 0
    page = capsys.readouterr().out
    assert "0.50" in page
    assert "Nothing was written. Next: choose a share" in page
    assert main(["rewrite", path, "--no-reorder", "--keep", "0.5", "-o", target]) == 0
    page = " ".join(capsys.readouterr().out.split())
    assert "Next: fine-tune it, or give calibration inputs (--inputs)" in page
    assert f"Written to {target}" in page
    shape = read_onnx(path).input_shape
    np.save(tmp_path / "images.npy", np.random.default_rng(0).standard_normal((4, *shape)).astype(np.float32))
    calibrated = ["--inputs", str(tmp_path / "images.npy"), "--force"]
    assert main(["rewrite", path, "--no-reorder", "--keep", "0.2", "-o", target, *calibrated]) == 0
    assert "(--inputs)" not in capsys.readouterr().out
    content = Path(target).read_bytes()
    assert main(["rewrite", path, "--keep", "0.9", "-o", target]) == 1
    assert "is there already" in capsys.readouterr().err
    assert main(["rewrite", path, "--keep", "0.9", "-o", path, "--force"]) == 1
    assert "is the model itself" in capsys.readouterr().err
    assert Path(target).read_bytes() == content


def test_the_command_predicts_times_by_a_table_of_its_own(tmp_path, capsys):
    """A machine on which branches cost nothing and a regular convolution much chooses something else than that of the library."""
    layers = [Timed(Chain([GroupConv(size, size, groups, window)]), 6, 6, size * size * window / groups**2)
              for size in (8, 16, 32) for groups in (1, 2, 4) for window in (1, 3)]  # fmt: skip
    table, path = tmp_path / "my machine.json", str(written(tmp_path, network()))
    write_table(table, LatencyTable({"runtime": "onnxruntime of an example"}, layers))
    words = ["rewrite", path, "--objective", "latency"]
    assert main([*words, "--keep", "0.8", "--table", str(table), "-o", str(tmp_path / "a.onnx")]) == 0
    own, general = (rewrite(path, 0.8, objective="latency", table=known) for known in (str(table), None))
    page = capsys.readouterr().out
    assert own.sentence in " ".join(page.split())
    assert page.startswith(f"model, {own.replaced} of 3 layers replaced, by times of onnxruntime of an example\n")
    assert f"by times of {latency_table().where}" in general.sentence
    assert max(len(line) for line in page.splitlines() if str(tmp_path) not in line) <= 80
    assert own.choices.before > 100 * general.choices.before
    assert (tmp_path / "a.onnx").read_bytes() == own.model.SerializeToString()
    assert main([*words, "--table", str(table)]) == 0
    title, _, page = capsys.readouterr().out.partition("\n")
    assert title == "model.onnx: 3 layers that can be replaced, by times of onnxruntime of an example"
    command = page.partition("\n  igc-theory ")[2].partition("\nAn error")[0]
    given = shlex.split(command.replace("\\\n", " "))
    assert given[1:6] == [path, "--objective", "latency", "--table", str(table)]
    assert main([*given[:-1], str(tmp_path / "b.onnx")]) == 0
    assert (tmp_path / "b.onnx").stat().st_size > 0


@pytest.mark.parametrize(("words", "sentence"), [
    (["--table", "none.json"], "--table goes with --objective latency"),
    (["--table", "none.json", "--objective", "latency"], "--table 'none.json' cannot be read (No such file or directory): give a file that measure"),
    (["--table", __file__, "--objective", "latency"], "is not a table that measure wrote"),
    (["--keep", "5"], "'5' is not a share"), (["--keep", "nan"], "'nan' is not a share"), (["-o", "small.onnx"], "an output needs a budget"),
    (["--keep", "0.0001"], "--keep 0.0001 is"), (["--inputs", "none.npy"], "--inputs 'none.npy' is not there: check the path"),
])  # fmt: skip
def test_the_command_refuses_what_cannot_be_meant(tmp_path, capsys, words, sentence):
    path = str(written(tmp_path, network()))
    status = 2
    with contextlib.suppress(SystemExit):
        status = main(["rewrite", path, "--no-reorder", *words])
    assert status > 0
    assert sentence in capsys.readouterr().err


def one_node(node, shape, *constants):
    """Return a model of one node between activations of a shape and its result."""
    from onnx import TensorProto, helper, numpy_helper

    ends = (
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
    )
    weights = [numpy_helper.from_array(array.astype(np.float32), name) for name, array in constants]
    graph = helper.make_graph([node], "one", *ends, weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.mark.parametrize("shape", [(16,), (1, 16), (1, 1), ()], ids=str)
def test_a_bias_of_one_number_per_output_may_have_more_axes(shape, tmp_path):
    rng = np.random.default_rng(0)
    weight = rng.standard_normal((16, 2)) @ rng.standard_normal((2, 16))
    node = helper.make_node("Gemm", ["x", "w", "c"], ["y"], "g")
    path = written(tmp_path, one_node(node, [16, 16], ("w", weight), ("c", rng.standard_normal(shape))))
    assert rewrite(path, 0.6).measured.error < 1e-5


def test_one_number_per_example_is_no_bias_also_with_as_many_examples_as_outputs(tmp_path):
    node = helper.make_node("Gemm", ["x", "w", "c"], ["y"], "g")
    path = written(tmp_path, one_node(node, [16, 16], ("w", np.eye(16)), ("c", np.arange(16.0)[:, None])))
    with pytest.raises(ValueError, match="its bias is not one number per output"):
        rewrite(path, 0.6)


@pytest.mark.parametrize(("padding", "first"), [("SAME_UPPER", False), ("SAME_LOWER", True)])
@pytest.mark.parametrize(("side", "stride"), [(4, 2), (5, 2), (5, 3), (6, 3), (5, 1)])
def test_moments_see_the_zeros_that_are_put_automatically(padding, first, side, stride, tmp_path):
    rng = np.random.default_rng(0)
    kernel, images = rng.standard_normal((16, 4, 3, 3)), rng.standard_normal((8, 4, side, side)).astype(np.float32)
    zeros = max(0, (-(-side // stride) - 1) * stride + 3 - side)
    ends = sorted((zeros // 2, zeros - zeros // 2), reverse=first)
    found = []
    for given in ({"auto_pad": padding}, {"pads": [ends[0], ends[0], ends[1], ends[1]]}):
        node = helper.make_node("Conv", ["x", "w"], ["y"], "c", strides=[stride, stride], **given)
        path = written(tmp_path, one_node(node, [8, 4, side, side], ("w", kernel)))
        found.append(rewrite(path, 0.4, inputs=images).choices.layers[0].moments)
    np.testing.assert_allclose(*found, rtol=1e-6)
