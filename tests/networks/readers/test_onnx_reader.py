"""Networks from ONNX files: counts line by line against the graphs' own shapes, patterns, and files that are none."""

from __future__ import annotations

import re
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from igc_theory.networks import LayerGraph, network
from igc_theory.networks.description.layers import Conv, Linear, Norm, Pool, Shuffle
from igc_theory.networks.readers import onnx_reader as reader
from igc_theory.networks.readers.operators.numbers import is_setting
from igc_theory.structure.permutations import interleave

pytest.importorskip("onnx", reason="the extra onnx is not installed")

import onnx
from onnx import helper, shape_inference
from onnx.reference import ReferenceEvaluator

from tests.networks.readers.onnx_models import LIGHT, ON_ONE_WORKER, model, real_constants, shipped, trained

TRAINED = trained()
SIZES = {
    "ch_ppocr_mobile_v2.0_cls_infer": (3, 48, 192),
    "ch_PP-OCRv4_det_infer": (3, 96, 64),
    "ch_PP-OCRv4_rec_infer": (3, 48, 16),
}
needs_trained = pytest.mark.skipif(not TRAINED, reason="rapidocr-onnxruntime is not installed")
RNG = np.random.default_rng(0)


def saved(made: Any, tmp_path: Path, name: str = "made.onnx") -> Path:
    path = tmp_path / name
    path.write_bytes(made.SerializeToString())
    return path


def read(made: Any, tmp_path: Path, **options: Any) -> LayerGraph:
    return reader.read_onnx(saved(made, tmp_path), **options)


def weights(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape).astype(np.float32)


def expected_lines(path: Path, shapes: dict[str, tuple[int, ...]]) -> list[tuple[int, int]]:
    """Return weights and multiply–adds of every Conv, Gemm and MatMul with a constant, from nothing but shapes."""
    loaded = onnx.load(path)
    variable = {entry.name for entry in loaded.graph.input} - {entry.name for entry in loaded.graph.initializer}
    lines = []
    for node in loaded.graph.node:
        if not set(node.input) & variable:
            continue  # a constant, computed from others
        variable |= set(node.output)
        constant = len(node.input) > 1 and node.input[1] not in variable
        if node.op_type == "Conv" or (node.op_type in ("Gemm", "MatMul") and constant):
            size, out = prod(shapes[node.input[1]]), shapes[node.output[0]]
            positions = prod(out[2:]) if node.op_type == "Conv" else prod(out[:-1])
            lines.append((size, size * positions))
    return lines


def counted_lines(read: LayerGraph) -> list[tuple[int, int]]:
    counted = [layer for layer in read.layers if isinstance(layer.node, (Conv, Linear))]
    return [(layer.counts.convolution + layer.counts.linear, layer.multiply_adds) for layer in counted]


def inferred_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    graph = shape_inference.infer_shapes(onnx.load(path)).graph
    entries = [*graph.input, *graph.value_info, *graph.output]
    shapes = {entry.name: tuple(dim.dim_value for dim in entry.type.tensor_type.shape.dim) for entry in entries}
    return shapes | {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}


def executed_shapes(path: Path, shape: tuple[int, int, int]) -> dict[str, tuple[int, ...]]:
    """Return the shapes of all tensors by running the network: nothing is inferred."""
    loaded = onnx.load(path)
    names = [name for node in loaded.graph.node for name in node.output]
    del loaded.graph.output[:]
    loaded.graph.output.extend(helper.make_tensor_value_info(name, 0, None) for name in names)
    image = np.zeros((1, *shape), np.float32)
    results = ReferenceEvaluator(loaded).run(None, {loaded.graph.input[0].name: image})
    return {name: np.shape(result) for name, result in zip(names, results, strict=True)}


@ON_ONE_WORKER
@pytest.mark.parametrize("path", LIGHT, ids=lambda path: path.stem)
def test_shipped_graph_line_by_line(path: Path) -> None:
    found = shipped(path)
    assert counted_lines(found) == expected_lines(path, inferred_shapes(path))
    assert not found.passed_over
    assert not found.has_weights


@needs_trained
@pytest.mark.parametrize("name", SIZES)
def test_trained_network_line_by_line(name: str) -> None:
    found = reader.read_onnx(TRAINED[name], input_shape=SIZES[name])
    assert counted_lines(found) == expected_lines(TRAINED[name], executed_shapes(TRAINED[name], SIZES[name]))
    assert all(layer.weight is not None for layer in found.layers if isinstance(layer.node, (Conv, Linear)))


@needs_trained
@pytest.mark.parametrize("name", SIZES)
def test_every_number_of_a_trained_network_is_accounted_for(name: str) -> None:
    found = reader.read_onnx(TRAINED[name], input_shape=SIZES[name])
    loaded = onnx.load(TRAINED[name])
    # The exporter names parameters after their layers, and numbers that it wrote itself "p2o.helper.constant.3", "Constant@3".
    arrays = real_constants(loaded)
    held = sum(array.size for name, array in arrays if array.size > 1 or not re.search("constant[.@]", name.lower()))
    # Resize holds scales, which are no parameters; batch-norms hold running means and variances besides scale and shift.
    nodes = loaded.graph.node
    sizes = {node.output[0]: prod(node.attribute[0].t.dims) for node in nodes if node.op_type == "Constant"}
    resized = sum(sizes.get(name, 0) for node in nodes if node.op_type == "Resize" for name in node.input[1:])
    running = sum(2 * sizes[node.input[3]] for node in nodes if node.op_type == "BatchNormalization")
    passed = sum(entry.parameters for entry in found.passed_over)
    assert held - resized == found.parameters + running + passed


# Beside each lone number of this network: whether it is trained. Each is stored in the shape () and in (1,), as exporters do.
LONE = {
    "scale": (0.94316906, True), "offset": (0.5042972, True), "three": (3.0, False), "six": (6.0, False),
    "twice": (1.0398001, True), "attention": (15**-0.5, False), "square": (2.0, False), "epsilon": (1e-5, False),
    "cubic": (0.044715, False), "gelu": (0.7978845608, False), "one": (1.0, False), "power": (2.8713, True),
}  # fmt: skip


@pytest.mark.parametrize("shape", [(), (1,)])
def test_lone_numbers_are_parameters_where_they_are_trained(tmp_path: Path, shape: tuple[int, ...]) -> None:
    steps = [
        ("Conv", "x", "kernel"), ("Mul", "scale", 0), ("Add", 1, "offset"),
        ("Add", 2, "three"), ("Clip", 3, "zero", "six"), ("Mul", 2, 4), ("Div", 5, "six"),
        ("Mul", 6, "twice"), ("Mul", 7, "twice"), ("Mul", 8, "attention"), ("Softmax", 9),
        ("Pow", 10, "square"), ("Add", 11, "epsilon"), ("Sqrt", 12), ("Mul", 13, "cubic"), ("Mul", 14, "gelu"),
        ("Tanh", 15), ("Mul", 16, "one"), ("Abs", 17), ("Pow", 18, "power"), ("Relu", 19),
    ]  # fmt: skip
    nodes = [helper.make_node(step, [*map(str, inputs)], [str(k)]) for k, (step, *inputs) in enumerate(steps)]
    nodes[-1].output[0] = "y"
    constants = {name: np.full(shape, value, np.float32) for name, (value, _) in LONE.items()}
    constants |= {"kernel": weights(5, 4, 3, 3), "zero": np.float32(0), "six": np.float32(6)}
    found = read(model(nodes, constants), tmp_path)
    assert found.parameters == 5 * 4 * 9 + 4 == 180 + sum(trained for _, trained in LONE.values())
    assert not found.passed_over


@pytest.mark.parametrize("bias", [[], ["own"]])
def test_lone_number_behind_one_channel_is_the_bias_that_it_lacks(tmp_path: Path, bias: list[str]) -> None:
    nodes = [helper.make_node("Conv", ["x", "kernel", *bias], ["a"]), helper.make_node("Add", ["a", "zero"], ["y"])]
    constants = {"kernel": weights(1, 4, 3, 3), "own": weights(1), "zero": np.zeros((1, 1, 1), np.float32)}
    assert read(model(nodes, constants), tmp_path).parameters == 36 + 1


@pytest.mark.parametrize(("dtype", "most"), [("float64", 0.0), ("float32", 0.002), ("float16", 0.1)])
def test_few_trained_numbers_are_taken_for_settings(dtype: str, most: float) -> None:
    drawn = np.random.default_rng(3).standard_normal(5000).astype(dtype)
    assert sum(is_setting(float(number), dtype) for number in drawn) <= most * drawn.size


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_numbers_that_people_write_are_settings(dtype: str) -> None:
    roots = [root for n in (15, 32, 72, 80, 768, 4096) for root in (n**0.5, n**-0.5, n**-0.25)]
    decimals = [0.0, 1.0, -1e9, 1e-12, 1.702, 127.5, 224.0, 1 / 3, 1 / 6, 1 / 255, 2 / 255, np.inf, np.finfo(dtype).min]
    numbers = np.array([*roots, *decimals, np.sqrt(2 / np.pi), 0.044715], dtype)
    assert [number for number in numbers if not is_setting(float(number), dtype)] == []


@ON_ONE_WORKER
@pytest.mark.parametrize(
    ("theirs", "ours"), [("light_resnet50", "resnet50"), ("light_vgg19", "vgg19"), ("light_bvlc_alexnet", "alexnet")]
)
def test_shipped_graph_is_the_network_of_the_zoo(theirs: str, ours: str) -> None:
    found = shipped(next(path for path in LIGHT if path.stem == theirs))
    assert found.counts == network(ours).counts
    assert found.depth == network(ours).depth


@ON_ONE_WORKER
def test_published_totals() -> None:
    # DenseNet-121 of torchvision has 7,978,856 parameters; this file, from Caffe, holds all scales and shifts twice.
    found = {path.stem: shipped(path) for path in LIGHT}
    assert found["light_resnet50"].multiply_adds == 4089184256
    densenet = found["light_densenet121"].counts
    assert densenet.total - densenet.batch_norm // 2 == 7978856
    assert found["light_squeezenet"].parameters == 1235496  # [Iandola2016]: 4.8 MB of 32-bit numbers


@ON_ONE_WORKER
def test_shufflenet_has_its_shuffles_where_its_reshapes_are() -> None:
    found = shipped(next(path for path in LIGHT if path.stem == "light_shufflenet"))
    shuffles = [layer for layer in found.layers if isinstance(layer.node, Shuffle)]
    assert len(shuffles) == 16
    for layer in shuffles:
        channels = layer.input_shape[0]
        assert layer.node.permutation == interleave(4, channels // 4)
        before = found.layers[layer.follows or 0]
        assert before.output_shape == layer.input_shape
        after = next(other for other in found.layers if other.follows == found.layers.index(layer))
        assert after.kind.startswith("depthwise")


@ON_ONE_WORKER
def test_layers_write_the_shapes_of_the_graph() -> None:
    for path in LIGHT:
        for layer in shipped(path).layers:
            flat = (prod(layer.input_shape), 1, 1) if isinstance(layer.node, Linear) else layer.input_shape
            assert layer.node.output(flat) == layer.output_shape, (path.stem, layer)


SHUFFLE = [
    helper.make_node("Reshape", ["x", "five"], ["a"]),
    helper.make_node("Transpose", ["a"], ["b"], perm=[0, 2, 1, 3, 4]),
    helper.make_node("Reshape", ["b", "four"], ["s"]),
]


@pytest.mark.parametrize(
    "five", [(1, 2, 6, 5, 7), (0, 3, 4, 5, 7), (1, 4, -1, 5, 7), (1, 6, 2, 7, 5), (1, 2, 3, 14, 5)]
)
def test_shuffle_is_the_permutation_that_the_graph_computes(tmp_path: Path, five: tuple[int, ...]) -> None:
    constants = {"five": np.array(five), "four": np.array([0, -1, 5, 7])}
    made = model([*SHUFFLE, helper.make_node("Relu", ["s"], ["y"])], constants, (1, 12, 5, 7))
    (layer,) = read(made, tmp_path).layers
    assert isinstance(layer.node, Shuffle)
    x = np.abs(weights(1, 12, 5, 7))
    assert np.array_equal(ReferenceEvaluator(made).run(None, {"x": x})[0], layer.node.permutation(x, axis=1))


@pytest.mark.parametrize(("five", "order"), [((1, 2, 3, 10, 7), [0, 1, 3, 2, 4]), ((1, 3, 4, 5, 7), [0, 1, 2, 4, 3])])
def test_other_reshapes_are_no_shuffles(tmp_path: Path, five: tuple[int, ...], order: list[int]) -> None:
    nodes = [SHUFFLE[0], helper.make_node("Transpose", ["a"], ["b"], perm=order), SHUFFLE[2]]
    constants = {"five": np.array(five), "four": np.array([1, 12, 5, 7])}
    made = model(
        [*nodes, helper.make_node("Conv", ["s", "w"], ["y"])], constants | {"w": weights(4, 12, 1, 1)}, (1, 12, 5, 7)
    )
    found = read(made, tmp_path)
    assert [layer.kind for layer in found.layers] == ["regular 1×1"]
    assert found.layers[0].follows is None


def test_gather_along_channels_is_a_permutation_if_it_is_one(tmp_path: Path) -> None:
    for indices, expected in ([2, 0, 3, -3], [2, 0, 3, 1]), ([0, 0, 1, 2], None), ([1, 0], None):
        made = model([helper.make_node("Gather", ["x", "i"], ["y"], axis=1)], {"i": np.array(indices)})
        found = [layer.node.permutation.indices.tolist() for layer in read(made, tmp_path).layers]
        assert found == ([expected] if expected else [])


def test_what_belongs_to_a_convolution(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], "first", pads=[1, 1, 1, 1], group=2),
        helper.make_node("Add", ["c", "b"], ["d"]),
        helper.make_node("BatchNormalization", ["d", "s", "s", "s", "s"], ["e"]),
        helper.make_node("Relu", ["e"], ["f"]),
        helper.make_node("Conv", ["f", "v", "b"], ["g"], "second", strides=[2, 1]),
        helper.make_node("Add", ["g", "b"], ["h"], "late"),
        helper.make_node("Mul", ["h", "b"], ["i"], "scale"),
        helper.make_node("Add", ["b", "i"], ["y"], "shift"),
    ]
    constants = {"w": weights(6, 2, 3, 3), "v": weights(6, 6, 1, 1), "b": weights(1, 6, 1, 1), "s": weights(6)}
    found = read(model(nodes, constants), tmp_path)
    first, second, late, scale = found.layers
    assert first.counts == (108, 12, 0, 6)
    assert second.counts == (36, 0, 0, 6)  # with a bias of its own; what is added later is a layer of its own
    assert (late.kind, late.counts, late.shared) == ("added numbers", (0, 0, 0, 6), (0, 0, 0, 6))
    assert (second.follows, second.kind, second.output_shape) == (0, "regular 1×1 /2×1", (6, 3, 6))
    assert (scale.kind, scale.counts.batch_norm) == ("scale and shift", 12)
    assert found.parameters == 108 + 36 + 6 + 6  # the numbers of `b` and of `s` once, however often they are read
    assert found.exact
    assert np.array_equal(first.weight, constants["w"])
    with pytest.raises(ValueError, match="read-only"):
        first.weight[0, 0, 0, 0] = 1


def test_hard_swish_and_gates_carry_channels_and_sums_do_not(tmp_path: Path) -> None:
    conv = {"w": weights(4, 4, 1, 1), "three": np.float32(3), "six": np.array([6], np.float32)}
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"]),
        helper.make_node("Add", ["a", "three"], ["b"]),
        helper.make_node("Clip", ["b", "", "six"], ["c"]),
        helper.make_node("Mul", ["a", "c"], ["d"]),
        helper.make_node("Conv", ["d", "w"], ["e"]),  # follows the first
        helper.make_node("GlobalAveragePool", ["e"], ["p"]),
        helper.make_node("Conv", ["p", "w"], ["q"]),  # follows the pool
        helper.make_node("Sigmoid", ["q"], ["r"]),
        helper.make_node("Mul", ["e", "r"], ["f"]),
        helper.make_node("Conv", ["f", "w"], ["g"]),  # follows the second
        helper.make_node("Add", ["g", "f"], ["h"]),
        helper.make_node("Conv", ["h", "w"], ["i"]),  # follows a sum
        helper.make_node("Concat", ["h", "i"], ["j"], axis=1),
        helper.make_node("Slice", ["j", "from", "to", "axis"], ["k"]),
        helper.make_node("Conv", ["k", "w"], ["y"]),  # follows a part
    ]
    bounds = {"from": np.array([0]), "to": np.array([4]), "axis": np.array([1])}
    found = read(model(nodes, conv | bounds), tmp_path)
    assert [layer.follows for layer in found.layers] == [None, 0, 1, 2, 1, None, None]
    assert [layer.counts.total for layer in found.layers if isinstance(layer.node, Conv)] == [16] * 6
    assert found.parameters == 16  # one kernel
    assert found.depth == 6
    assert not found.passed_over


def test_linear_layers_of_every_form(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Flatten", ["x"], ["a"]),
        helper.make_node("Gemm", ["a", "w", "b"], ["c"], transB=1),
        helper.make_node("MatMul", ["c", "m"], ["d"]),
        helper.make_node("Add", ["b", "d"], ["e"]),
        helper.make_node("Transpose", ["w"], ["wt"], perm=[1, 0]),
        helper.make_node("Gemm", ["e", "n"], ["f"]),
        helper.make_node("MatMul", ["f", "wt2"], ["y"]),
        helper.make_node("Transpose", ["w2"], ["wt2"], perm=[1, 0]),
    ]
    nodes = [*nodes[:6], nodes[7], nodes[6]]
    constants = {"w": weights(5, 144), "b": weights(5), "m": weights(5, 5), "n": weights(5, 7), "w2": weights(3, 7)}
    found = read(model(nodes, constants), tmp_path)
    assert [layer.counts for layer in found.layers] == [(0, 0, 720, 5), (0, 0, 25, 5), (0, 0, 35, 0), (0, 0, 21, 0)]
    assert [layer.weight.shape for layer in found.layers] == [(5, 144), (5, 5), (7, 5), (3, 7)]
    assert np.array_equal(found.layers[1].weight, constants["m"].T)
    assert np.array_equal(found.layers[3].weight, constants["w2"])


def test_matmul_counts_each_position(tmp_path: Path) -> None:
    nodes = [helper.make_node("MatMul", ["x", "m"], ["y"])]
    found = read(model(nodes, {"m": weights(8, 3)}, (1, 5, 8)), tmp_path)
    assert (found.layers[0].multiply_adds, found.layers[0].output_shape) == (5 * 24, (3, 1, 5))


def test_sequences_dilation_and_pools(tmp_path: Path) -> None:
    made = model([helper.make_node("Conv", ["x", "w"], ["y"], dilations=[2])], {"w": weights(6, 4, 3)}, (1, 4, 20))
    (layer,) = read(made, tmp_path).layers
    assert (layer.kind, layer.output_shape, layer.multiply_adds) == (
        "regular 1×3, dilated 2×2",
        (6, 1, 16),
        6 * 4 * 3 * 16,
    )
    made = model([helper.make_node("AveragePool", ["x"], ["y"], kernel_shape=[3, 2], strides=[3, 2])])
    (layer,) = read(made, tmp_path).layers
    assert isinstance(layer.node, Pool)
    assert (layer.kind, layer.output_shape, layer.node.output((4, 6, 6))) == (
        "average pool 3×2 /3×2",
        (4, 2, 3),
        (4, 2, 3),
    )


def test_unknown_operators_are_listed_and_what_follows_is_not_guessed(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"]),
        helper.make_node("Twist", ["a", "t"], ["b"], "twisted", domain="my.own"),
        helper.make_node("Conv", ["b", "w"], ["c"], "behind"),
        helper.make_node("MatMul", ["a", "a"], ["d"], "attention"),
        helper.make_node("ConvTranspose", ["d", "w"], ["y"], "up"),
    ]
    found = read(model(nodes, {"w": weights(4, 4, 1, 1), "t": weights(9)}), tmp_path)
    listed = [(entry.operator, entry.name, entry.parameters) for entry in found.passed_over]
    assert listed == [
        ("my.own.Twist", "twisted", 9),
        ("Conv", "behind", 0),  # its kernel is counted with the first
    ]
    assert [layer.name for layer in found.layers] == ["w", "attention", "up"]
    assert (found.parameters, found.exact) == (16, False)
    assert (found.multiply_adds, found.activation_multiply_adds) == (2 * 16 * 36, 4 * 6 * 6 * 6)
    assert "my.own.Twist" in str(found.passed_over_table())


def test_norm_without_convolution_in_front(tmp_path: Path) -> None:
    nodes = [helper.make_node("BatchNormalization", ["x", "s", "s", "s", "s"], ["a"])]
    nodes += [helper.make_node("LayerNormalization", ["a", "t", "t"], ["y"])]
    found = read(model(nodes, {"s": weights(4), "t": weights(6)}), tmp_path)
    assert [(layer.kind, layer.counts.total) for layer in found.layers] == [("batch norm", 8), ("layer norm", 12)]
    assert isinstance(found.layers[0].node, Norm)


def test_batch_norm_is_not_pulled_over_a_branch(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"]),
        helper.make_node("BatchNormalization", ["a", "s", "s", "s", "s"], ["b"]),
        helper.make_node("Add", ["a", "b"], ["y"]),
    ]
    found = read(model(nodes, {"w": weights(4, 4, 1, 1), "s": weights(4)}), tmp_path)
    assert [layer.counts for layer in found.layers] == [(16, 0, 0, 0), (0, 8, 0, 0)]


def test_local_functions_are_looked_into(tmp_path: Path) -> None:
    inner = [helper.make_node("Conv", ["v", "k"], ["z"])]
    function = helper.make_function("my.own", "Twice", ["v", "k"], ["z"], inner, [helper.make_opsetid("", 17)])
    made = model(
        [helper.make_node("Twice", ["x", "w"], ["y"], domain="my.own")],
        {"w": weights(4, 4, 1, 1)},
        functions=[function],
    )
    assert read(made, tmp_path).counts.convolution == 16


def test_open_sizes(tmp_path: Path) -> None:
    nodes = [helper.make_node("Conv", ["x", "w"], ["y"])]
    made = model(nodes, {"w": weights(4, 4, 1, 1)}, ("n", 4, "h", "w"))
    assert read(made, tmp_path).input_shape == (4, 224, 224)
    assert read(made, tmp_path).open_sides
    given = read(made, tmp_path, input_shape=(4, 2, 3))
    assert (given.multiply_adds, given.input_shape) == (16 * 6, (4, 2, 3))
    with pytest.raises(
        ValueError, match=r"input_shape=\(3, 2, 2\) does not fit the file, whose input 'x' is \(n, 4, h, w\)"
    ):
        read(made, tmp_path, input_shape=(3, 2, 2))
    with pytest.raises(ValueError, match=r"input_shape=\(3, 2\) does not fit"):
        read(made, tmp_path, input_shape=(3, 2))
    with pytest.raises(ValueError, match=r"input_shape\[1\]=0"):
        read(made, tmp_path, input_shape=(4, 0, 2))
    with pytest.raises(ValueError, match="leaves the channels of the image open"):
        read(model(nodes, {"w": weights(4, 4, 1, 1)}, ("n", "c", 2, 2)), tmp_path)


def test_weights_in_another_file(tmp_path: Path) -> None:
    nodes, kernel = [helper.make_node("Conv", ["x", "w"], ["y"])], weights(64, 4, 3, 3)
    made = model(nodes, {"w": kernel})
    onnx.save(made, tmp_path / "two.onnx", save_as_external_data=True, location="two.bin", size_threshold=0)
    assert np.array_equal(reader.read_onnx(tmp_path / "two.onnx").layers[0].weight, kernel)
    (tmp_path / "two.bin").unlink()
    with pytest.raises(ValueError, match=r"path=.*two\.onnx.*'two\.bin', which is missing"):
        reader.read_onnx(tmp_path / "two.onnx")


def test_files_that_are_none(tmp_path: Path) -> None:
    whole = LIGHT[0].read_bytes()
    for name, content in {
        "empty": b"",
        "text": b"this is a text, not a network " * 20,
        "noise": np.random.default_rng(1).bytes(3000),
        "png": b"\x89PNG\r\n\x1a\n" + bytes(100),
        "no operator set": onnx.ModelProto(graph=onnx.load(LIGHT[0]).graph).SerializeToString(),
    }.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match="is not an ONNX model, or is cut off"):
            reader.read_onnx(tmp_path / name)
    for end in range(1, len(whole), 97):
        (tmp_path / "cut").write_bytes(whole[:end])
        with pytest.raises(ValueError, match="is not an ONNX model, or is cut off"):
            reader.read_onnx(tmp_path / "cut")
    with pytest.raises(FileNotFoundError):
        reader.read_onnx(tmp_path / "missing")


def test_graphs_that_do_not_hang_together(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Relu 'odd' reads 'nobody', which nothing writes"):
        read(model([helper.make_node("Relu", ["nobody"], ["y"], "odd")]), tmp_path)
    with pytest.raises(ValueError, match="has no input that a node reads"):
        read(model([helper.make_node("Relu", ["c"], ["y"])], {"c": weights(3)}), tmp_path)
    with pytest.raises(ValueError, match="Conv 'y' has 3 groups, which do not share 4 channels"):
        read(model([helper.make_node("Conv", ["x", "w"], ["y"], group=3)], {"w": weights(4, 4, 1, 1)}), tmp_path)


def test_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "onnx", None)
    with pytest.raises(ImportError, match="needs the package onnx: pip install onnx"):
        reader.read_onnx(LIGHT[0])
