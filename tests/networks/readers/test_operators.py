"""Every operator that holds numbers or multiplies: parameters, multiply–adds and buffers against counting one by one."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from igc_theory.networks import LayerGraph
from igc_theory.networks.description.layers import Conv, Linear, Norm, Shuffle
from igc_theory.networks.readers.onnx_reader import read_onnx
from igc_theory.networks.readers.operators.quantized import PLAIN

pytest.importorskip("onnx", reason="the extra onnx is not installed")

import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from tests.oracles import conv_multiply_adds, einsum_multiply_adds, transposed_conv_multiply_adds

RNG = np.random.default_rng(0)
NODE = helper.make_node
MS = "com.microsoft"


def reals(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape).astype(np.float32)


def bytes_(*shape: int) -> np.ndarray:
    return RNG.integers(-9, 9, shape).astype(np.int8)


def made(
    nodes: Sequence[Any],
    constants: dict[str, Any],
    shape: Sequence[int | str],
    opset: int = 17,
    kind: int = TensorProto.FLOAT,
) -> Any:
    """Return a model that reads `x` and writes `y`."""
    tensors = [numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()]
    inputs = [helper.make_tensor_value_info("x", kind, shape)]
    outputs = [helper.make_tensor_value_info("y", TensorProto.UNDEFINED, None)]
    graph = helper.make_graph(list(nodes), "by hand", inputs, outputs, tensors)
    sets = [helper.make_opsetid("", opset), helper.make_opsetid(MS, 1)]
    return helper.make_model(graph, opset_imports=sets, ir_version=10)


def read(model: Any, tmp_path: Path) -> LayerGraph:
    path = tmp_path / "made.onnx"
    onnx.save(model, path)
    return read_onnx(path)


def written(model: Any, shape: Sequence[int], dtype: Any = np.float32) -> tuple[int, ...]:
    """Return the shape of `y` by running the model: nothing is inferred."""
    return np.shape(ReferenceEvaluator(model).run(None, {"x": np.ones(shape, dtype)})[0])


@pytest.mark.parametrize(
    ("kernel", "shape", "attributes"),
    [
        ((6, 2, 3), (1, 4, 9), {"group": 2, "pads": [1, 1]}),
        ((8, 1, 3, 3), (1, 4, 7, 6), {"group": 4, "strides": [2, 1]}),
        ((6, 4, 3, 3), (1, 4, 9, 9), {"dilations": [2, 2]}),
        ((6, 4, 2, 3, 2), (1, 4, 5, 5, 4), {"strides": [1, 2, 1]}),
        ((6, 4, 3, 3), (3, 4, 9, 9), {"auto_pad": "SAME_UPPER"}),
    ],
)
def test_convolutions(
    tmp_path: Path, kernel: tuple[int, ...], shape: tuple[int, ...], attributes: dict[str, Any]
) -> None:
    model = made(
        [NODE("Conv", ["x", "w", "b"], ["y"], **attributes)], {"w": reals(*kernel), "b": reals(kernel[0])}, shape
    )
    found, one = read(model, tmp_path), written(model, shape)[1:]
    assert found.counts == (prod(kernel), 0, 0, kernel[0])
    assert found.multiply_adds == conv_multiply_adds(one, kernel)
    assert prod(found.layers[0].output_shape) == prod(one)
    assert (found.depth, found.exact) == (1, True)


@pytest.mark.parametrize(
    ("kernel", "shape", "attributes"),
    [
        ((4, 3, 4, 4), (1, 4, 5, 6), {"group": 2, "strides": [2, 2], "pads": [1, 1, 1, 1]}),
        ((4, 1, 3), (2, 4, 7), {"group": 4}),
        ((4, 2, 2, 2, 2), (1, 4, 3, 3, 3), {"strides": [2, 2, 2]}),
    ],
)
def test_transposed_convolutions(
    tmp_path: Path, kernel: tuple[int, ...], shape: tuple[int, ...], attributes: dict[str, Any]
) -> None:
    found = read(made([NODE("ConvTranspose", ["x", "w"], ["y"], **attributes)], {"w": reals(*kernel)}, shape), tmp_path)
    assert found.parameters == prod(kernel)
    assert found.multiply_adds == transposed_conv_multiply_adds(shape[1:], kernel)
    assert found.layers[0].kind.startswith("transposed")


@pytest.mark.parametrize(
    ("operator", "inputs", "matrix", "shape", "attributes"),
    [
        ("MatMul", "xw", (5, 7), (2, 3, 5), {}),
        ("MatMul", "wx", (7, 3), (1, 3, 5), {}),
        ("MatMul", "xw", (5,), (1, 3, 5), {}),
        ("MatMul", "xw", (4, 5, 7), (1, 4, 3, 5), {}),
        ("MatMul", "xw", (1, 5, 7), (1, 3, 5), {}),
        ("Gemm", "xw", (7, 5), (2, 5), {"transB": 1}),
        ("Gemm", "xw", (5, 7), (1, 5), {}),
        ("Gemm", "xw", (1, 7), (1, 5), {"transA": 1}),
    ],
)
def test_matrices_on_either_side(
    tmp_path: Path,
    operator: str,
    inputs: str,
    matrix: tuple[int, ...],
    shape: tuple[int, ...],
    attributes: dict[str, Any],
) -> None:
    constants = {"w": reals(*matrix)}
    model = made([NODE(operator, list(inputs), ["y"], **attributes)], constants, shape)
    found, one = read(model, tmp_path), written(model, shape)
    summed = shape[0 if attributes.get("transA") else -1] if inputs == "xw" else matrix[-1]
    assert found.parameters == found.counts.linear == prod(matrix)
    assert found.multiply_adds == prod(one) * summed // shape[0]
    assert (found.activation_multiply_adds, found.exact) == (0, True)


def test_a_linear_layer_knows_its_matrix_from_either_side(tmp_path: Path) -> None:
    matrix = reals(7, 3)
    for inputs, constant, shape in (["x", "w"], matrix.T, (1, 2, 3)), (["w", "x"], matrix, (1, 3, 2)):
        (layer,) = read(made([NODE("MatMul", inputs, ["y"])], {"w": constant}, shape), tmp_path).layers
        assert layer.node == Linear(3, 7, bias=False)
        assert np.array_equal(layer.weight, matrix)


@pytest.mark.parametrize(
    ("equation", "weight", "shape", "products", "of_activations"),
    [
        ("bni,hij->bhnj", (3, 5, 7), (1, 4, 5), "hnij", ""),
        ("bi,oij,bj->bo", (6, 5, 5), (1, 5), "oij", "ij"),
        ("bni,bmi->bnm", None, (1, 4, 5), "", "nni"),
        ("...i,ji->...j", (7, 5), (1, 2, 4, 5), "pqij", ""),
    ],
)
def test_einsum(
    tmp_path: Path, equation: str, weight: Any, shape: tuple[int, ...], products: str, of_activations: str
) -> None:
    inputs = ["x", "w", "x"][: equation.count(",") + 1] if weight else ["x", "x"]
    constants = {"w": reals(*weight)} if weight else {}
    found = read(made([NODE("Einsum", inputs, ["y"], equation=equation)], constants, shape), tmp_path)
    sizes = {"h": 3, "n": 4, "i": 5, "j": (weight or (0,))[0 if "..." in equation else -1], "o": 6, "p": 2, "q": 4}
    assert found.multiply_adds == einsum_multiply_adds(products, sizes)
    assert found.activation_multiply_adds == einsum_multiply_adds(of_activations, sizes)
    assert found.parameters == prod(weight or (0,))


@pytest.mark.parametrize("batch", [1, 3, "n"])
@pytest.mark.parametrize(
    ("node", "weights", "rest", "products"),
    [
        (NODE("MatMul", ["x", "w"], ["y"]), (8,), (8,), 8),
        (NODE("MatMul", ["w", "x"], ["y"]), (5,), (5, 8), 5 * 8),
        (NODE("Einsum", ["x", "w"], ["y"], equation="bchw,chw->b"), (4, 2, 5), (4, 2, 5), 40),
    ],
)
def test_a_sum_may_leave_nothing_but_the_batch(
    tmp_path: Path, node: Any, weights: tuple[int, ...], rest: tuple[int, ...], products: int, batch: int | str
) -> None:
    found = read(made([node], {"w": reals(*weights)}, (batch, *rest)), tmp_path)
    assert (found.parameters, found.multiply_adds, found.exact) == (prod(weights), products, True)
    assert prod(found.layers[0].output_shape) == (8 if len(rest) == 2 else 1)


@pytest.mark.parametrize("batch", [1, 3, "n"])
@pytest.mark.parametrize(
    ("equation", "held", "weighted", "of_activations"),
    [
        ("bi,io,ok->bk", [1, 2], ["ik"], []),  # both matrices are multiplied once, not for each example
        ("bi,ir,ro->bo", [1, 2], ["ir", "ro"], []),
        ("bse,bsd,edf->bsf", [2], ["sedf"], ["sef"]),
        ("bsi,ij,btj->bst", [1], ["tij"], ["sti"]),
        ("bi,bi,bi,bi,bi,bi,bi,bi,io->bo", [8], ["io"], ["i"] * 7),
    ],
)
def test_the_order_of_an_einsum_does_not_depend_on_the_batch(
    tmp_path: Path, batch: int | str, equation: str, held: list[int], weighted: list[str], of_activations: list[str]
) -> None:
    sizes = {"b": batch, "i": 6, "o": 64, "k": 6, "r": 2, "s": 5, "t": 4, "e": 3, "d": 8, "f": 7, "j": 9}
    terms = equation.partition("->")[0].split(",")
    shapes = {f"x{k}": [sizes[letter] for letter in term] for k, term in enumerate(terms)}
    constants = {f"x{k}": reals(*shapes[f"x{k}"]) for k in held}
    model = made([NODE("Einsum", list(shapes), ["y"], equation=equation)], constants, shapes["x0"])
    del model.graph.input[:]
    for name in shapes.keys() - constants.keys():
        model.graph.input.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shapes[name]))
    found = read(model, tmp_path)
    assert found.multiply_adds == sum(einsum_multiply_adds(letters, sizes) for letters in weighted)
    assert found.activation_multiply_adds == sum(einsum_multiply_adds(letters, sizes) for letters in of_activations)
    assert (found.parameters, found.exact) == (sum(array.size for array in constants.values()), True)


def test_a_sum_of_too_many_factors_is_said_not_to_be_counted(tmp_path: Path) -> None:
    equation = ",".join(["bi"] * 11) + "->bi"
    found = read(made([NODE("Einsum", ["x"] * 11, ["y"], equation=equation)], {}, (1, 5)), tmp_path)
    assert not found.exact
    assert "more than 10 factors" in found.passed_over[0].reason


@pytest.mark.parametrize(("operator", "gates"), [("LSTM", 4), ("GRU", 3), ("RNN", 1)])
@pytest.mark.parametrize("directions", [1, 2])
def test_recurrent_layers_use_their_weights_at_each_step(
    tmp_path: Path, operator: str, gates: int, directions: int
) -> None:
    width, steps, read_width = 6, 7, 5
    constants = {
        "w": reals(directions, gates * width, read_width),
        "r": reals(directions, gates * width, width),
        "b": reals(directions, 2 * gates * width),
    }
    way = "bidirectional" if directions == 2 else "forward"
    nodes = [
        NODE("Transpose", ["x"], ["t"], perm=[1, 0, 2]),
        NODE(operator, ["t", "w", "r", "b"], ["y"], hidden_size=width, direction=way),
    ]
    found = read(made(nodes, constants, (2, steps, read_width)), tmp_path)
    weights = directions * gates * width * (read_width + width)
    assert found.counts == (0, 0, weights, directions * 2 * gates * width)
    assert (found.multiply_adds, found.depth) == (weights * steps, 1)


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize(("operator", "gates", "states"), [("LSTM", 4, 2), ("GRU", 3, 1), ("RNN", 1, 1)])
def test_first_states_of_zeros_are_no_parameters(
    tmp_path: Path, operator: str, gates: int, states: int, directions: int, batch: int
) -> None:
    weights = {"w": reals(directions, gates * 6, 5), "r": reals(directions, gates * 6, 6)}
    way = "bidirectional" if directions == 2 else "forward"
    inputs = ["x", "w", "r", "", "", *["h"] * states]
    for layout, shape in ((0, (7, batch, 5)), (1, (batch, 7, 5))):
        node = NODE(operator, inputs, ["y"], hidden_size=6, direction=way, layout=layout)
        sizes = (batch, directions, 6) if layout else (directions, batch, 6)
        found = read(made([node], weights | {"h": np.zeros(sizes, np.float32)}, shape), tmp_path)
        assert (found.parameters, found.exact) == (directions * gates * 6 * (5 + 6), True)
        held = read(made([node], weights | {"h": reals(*sizes)}, shape), tmp_path)
        assert held.parameters == found.parameters + directions * batch * 6
        assert held.exact == (batch == 1), "states of each example are more for more examples"
        assert held.multiply_adds == found.multiply_adds == 7 * found.parameters


def constant(name: str, array: np.ndarray) -> Any:
    return NODE("Constant", [], [name], value=numpy_helper.from_array(array.astype(np.float32), name))


@pytest.mark.parametrize("batch", [1, 3, "n"])
@pytest.mark.parametrize(
    "nodes",
    [
        [NODE("InstanceNormalization", ["a", "ones", "zeros"], ["y"])],
        [NODE("BatchNormalization", ["a", "ones", "zeros", "zeros", "ones"], ["y"])],
        [NODE("Conv", ["state", "v"], ["h"]), NODE("Add", ["a", "h"], ["y"])],
        [NODE("Mul", ["a", "state"], ["y"])],
        [NODE("Concat", ["a", "state"], ["y"], axis=1)],
    ],
)
def test_what_the_graph_writes_down_itself_is_no_parameter(tmp_path: Path, nodes: list[Any], batch: int | str) -> None:
    kernels = {"w": reals(6, 4, 3, 3)} | ({"v": reals(6, 6, 1, 1)} if "v" in nodes[0].input else {})
    examples = 1 if batch == "n" else batch
    written = {"ones": np.ones(6), "zeros": np.zeros(6), "state": np.zeros((examples, 6, 4, 4))}
    nodes = [NODE("Conv", ["x", "w"], ["a"]), *(constant(name, array) for name, array in written.items()), *nodes]
    found = read(made(nodes, kernels, (batch, 4, 6, 6)), tmp_path)
    assert found.parameters == sum(kernel.size for kernel in kernels.values())
    assert found.multiply_adds == conv_multiply_adds((6, 4, 4), (6, 4, 3, 3))
    assert found.exact


def test_numbers_written_down_count_where_all_arrays_are(tmp_path: Path) -> None:
    nodes = [constant("w", reals(6, 4, 3, 3)), constant("b", np.zeros(6)), NODE("Conv", ["x", "w", "b"], ["y"])]
    assert read(made(nodes, {}, (1, 4, 6, 6)), tmp_path).parameters == 216 + 6


@pytest.mark.parametrize("least", [-np.inf, np.finfo(np.float32).min])
def test_masks_are_no_parameters(tmp_path: Path, least: float) -> None:
    mask = np.triu(np.full((5, 5), least, np.float32), 1)
    written_out = [
        NODE("MatMul", ["x", "w"], ["q"]),
        NODE("Transpose", ["q"], ["t"], perm=[0, 2, 1]),
        NODE("MatMul", ["q", "t"], ["s"]),
        NODE("Add", ["s", "m"], ["y"]),
    ]
    whole = [
        NODE("MatMul", ["x", "w"], ["q"]),
        NODE("Attention", ["q", "q", "q", "m"], ["y"], q_num_heads=2, kv_num_heads=2),
    ]
    for nodes, products in ((written_out, 1), (whole, 2)):
        for batch in (1, 3, "n"):
            found = read(made(nodes, {"w": reals(8, 8), "m": mask}, (batch, 5, 8), 23), tmp_path)
            assert (found.parameters, found.multiply_adds) == (64, 5 * 64)
            assert (found.activation_multiply_adds, found.exact) == (products * 5 * 5 * 8, True)


QUANTIZED = {"s": np.float32(0.1), "z": np.int8(0), "ws": np.full(6, 0.1, np.float32), "wz": np.zeros(6, np.int8)}


def quantized(*rest: Any) -> list[Any]:
    return [NODE("QuantizeLinear", ["x", "s", "z"], ["q"]), *rest]


@pytest.mark.parametrize(
    ("nodes", "weights", "bias"),
    [
        (quantized(NODE("QLinearConv", ["q", "s", "z", "w", "ws", "wz", "s", "z", "b"], ["y"])), 216, 6),
        (quantized(NODE("ConvInteger", ["q", "w", "z", "z"], ["y"])), 216, 0),
        (
            quantized(
                NODE("DequantizeLinear", ["w", "ws", "wz"], ["k"], axis=0),
                NODE("DequantizeLinear", ["q", "s", "z"], ["d"]),
                NODE("Conv", ["d", "k"], ["c"]),
                NODE("QuantizeLinear", ["c", "s", "z"], ["y"]),
            ),
            216,
            0,
        ),
    ],
)
def test_quantized_convolutions(tmp_path: Path, nodes: list[Any], weights: int, bias: int) -> None:
    constants = QUANTIZED | {"w": bytes_(6, 4, 3, 3), "b": RNG.integers(-9, 9, 6).astype(np.int32)}
    used = {name for node in nodes for name in node.input}
    found = read(made(nodes, {k: v for k, v in constants.items() if k in used}, (1, 4, 9, 9)), tmp_path)
    assert found.counts == (weights, 0, 0, bias)
    assert found.multiply_adds == conv_multiply_adds((6, 7, 7), (6, 4, 3, 3))
    assert found.buffers == sum(np.size(constants[name]) for name in used & QUANTIZED.keys())
    assert found.exact


@pytest.mark.parametrize(
    ("node", "bias"),
    [
        (NODE("MatMulInteger", ["q", "w", "z", "z"], ["y"]), 0),
        (NODE("QLinearMatMul", ["q", "s", "z", "w", "s", "z", "s", "z"], ["y"]), 0),
        (NODE("QGemm", ["q", "s", "z", "w", "s", "z", "b", "s", "z"], ["y"], domain=MS), 7),
        (NODE("MatMulIntegerToFloat", ["q", "w", "s", "s", "z", "z", "f"], ["y"], domain=MS), 7),
    ],
)
def test_quantized_matrices(tmp_path: Path, node: Any, bias: int) -> None:
    constants = {"w": bytes_(5, 7), "b": RNG.integers(-9, 9, 7).astype(np.int32), "f": reals(7)} | QUANTIZED
    used = {"s", "z", *node.input}
    model = made(quantized(node), {k: v for k, v in constants.items() if k in used}, (1, 5))
    if node.domain:
        model.graph.value_info.append(helper.make_tensor_value_info("y", TensorProto.FLOAT, (1, 7)))
    found = read(model, tmp_path)
    assert found.counts == (0, 0, 35, bias)
    assert (found.multiply_adds, found.buffers, found.exact) == (35, 2, True)


@pytest.mark.parametrize(("node", "counts"), [
    (NODE("QLinearAdd", ["a", "s", "z", "b", "s", "z", "s", "z"], ["y"], domain=MS), (0, 0, 35, 7)),
    (NODE("QLinearMul", ["a", "s", "z", "b", "s", "z", "s", "z"], ["y"], domain=MS), (0, 7, 35, 0)),
    (NODE("QLinearMul", ["a", "s", "z", "one", "s", "z", "s", "z"], ["y"], domain=MS), (0, 0, 35, 0)),
    (NODE("QLinearConcat", ["s", "z", "a", "s", "z", "b2", "s", "z"], ["y"], domain=MS, axis=0), (0, 0, 35, 7)),
])  # fmt: skip
def test_quantized_numbers_beside_activations_are_counted(tmp_path: Path, node: Any, counts: tuple[int, ...]) -> None:
    constants = {"w": bytes_(5, 7), "b": bytes_(7), "b2": bytes_(1, 7), "one": np.array([9], np.int8)} | QUANTIZED
    nodes = [NODE("QuantizeLinear", ["x", "s", "z"], ["q"]),
             NODE("QLinearMatMul", ["q", "s", "z", "w", "s", "z", "s", "z"], ["a"]), node]  # fmt: skip
    used = {name for entry in nodes for name in entry.input}
    found = read(made(nodes, {k: v for k, v in constants.items() if k in used}, (1, 5)), tmp_path)
    assert (found.counts, found.exact) == (counts, True)


@pytest.mark.parametrize("scale", [np.float32(0.012345678), np.linspace(0.01, 0.02, 7, dtype=np.float32)])
def test_scales_of_weights_beside_those_of_the_input_are_buffers(tmp_path: Path, scale: Any) -> None:
    nodes = [
        NODE("DynamicQuantizeLinear", ["x"], ["q", "step", "zero"]),
        NODE("Mul", ["step", "k"], ["both"]),
        NODE("MatMulInteger", ["q", "w", "zero"], ["a"]),
        NODE("Cast", ["a"], ["f"], to=TensorProto.FLOAT),
        NODE("Mul", ["f", "both"], ["y"]),
    ]
    found = read(made(nodes, {"w": bytes_(5, 7), "k": scale}, (1, 5)), tmp_path)
    assert (found.parameters, found.multiply_adds, found.buffers, found.exact) == (35, 35, np.size(scale), True)


def test_a_choice_between_quantized_numbers_is_of_their_type(tmp_path: Path) -> None:
    nodes = [
        NODE("QuantizeLinear", ["x", "s", "z"], ["q"]),
        NODE("Greater", ["x", "s"], ["c"]),
        NODE("QLinearWhere", ["c", "q", "s", "z", "q", "s", "z", "s", "z"], ["w"], domain=MS),
        NODE("DequantizeLinear", ["w", "s", "z"], ["v"]),
        NODE("MatMul", ["v", "u"], ["y"]),
    ]
    found = read(made(nodes, {"s": np.float32(0.1), "z": np.uint8(3), "u": reals(4, 6)}, (1, 4)), tmp_path)
    assert (found.parameters, found.multiply_adds, found.exact) == (24, 24, True)


CHANNELS_LAST = [
    NODE("QLinearConv", ["q", "s", "z", "w", "ws", "wz", "s", "z"], ["a"], domain=MS, channels_last=1, group=2),
    NODE("NhwcMaxPool", ["a"], ["m"], domain=MS, kernel_shape=[2, 2], strides=[2, 2]),
    NODE("QLinearConv", ["m", "s", "z", "v", "s", "z", "s", "z"], ["c"], domain=MS, channels_last=1, strides=[1, 2]),
    NODE("QLinearAveragePool", ["c", "s", "z", "s", "z"], ["d"], domain=MS, kernel_shape=[2, 1], channels_last=1),
    NODE("QLinearGlobalAveragePool", ["d", "s", "z", "s", "z"], ["g"], domain=MS, channels_last=1),
    NODE("DequantizeLinear", ["g", "s", "z"], ["h"]),
    NODE("Flatten", ["h"], ["f"]),
    NODE("MatMul", ["f", "u"], ["y"]),
]


@pytest.mark.parametrize("shape", [(1, 10, 12, 4), (3, 10, 12, 4), ("n", 10, 12, 4), ("n", "height", "width", 4)])
def test_images_with_channels_last(tmp_path: Path, shape: tuple[Any, ...]) -> None:
    constants = QUANTIZED | {"w": bytes_(6, 2, 3, 3), "v": bytes_(5, 6, 2, 3), "u": reals(5, 3)}
    path = tmp_path / "made.onnx"
    onnx.save(made(quantized(*CHANNELS_LAST), constants, shape), path)
    found = read_onnx(path, input_shape=(4, 10, 12) if "width" in shape else None)
    first, second = conv_multiply_adds((6, 8, 10), (6, 2, 3, 3)), conv_multiply_adds((5, 3, 2), (5, 6, 2, 3))
    assert found.multiply_adds == first + second + 5 * 3
    assert found.parameters == 6 * 2 * 9 + 5 * 6 * 6 + 5 * 3
    assert [layer.output_shape for layer in found.layers[:4]] == [(6, 8, 10), (6, 4, 5), (5, 3, 2), (5, 2, 2)]
    assert (found.input_shape, found.exact) == ((4, 10, 12), True)


@pytest.mark.parametrize("turned", ["", "transA"])
def test_products_of_matrices_whose_rows_stand_in_front(tmp_path: Path, turned: str) -> None:
    rows = (4, 2, 5) if turned else (5, 2, 4)  # features or tokens, heads, tokens or features
    flips = {"transBatchA": 1, "transBatchB": 1, "transB": 1} | ({turned: 1} if turned else {})
    nodes = [
        NODE("Conv", ["x", "k"], ["a"]),
        NODE("Reshape", ["a", "q"], ["b"]),
        NODE("Reshape", ["a", "s"], ["c"]),
        NODE("FusedMatMul", ["b", "c"], ["scores"], domain=MS, **flips),
        NODE("FusedMatMul", ["scores", "c"], ["d"], domain=MS, transBatchB=1),
        NODE("MatMul", ["d", "w"], ["y"]),
    ]
    constants = {"k": reals(8, 3, 1), "q": np.array(rows), "s": np.array([5, 2, 4]), "w": reals(4, 6)}
    found = read(made(nodes, constants, (1, 3, 5)), tmp_path)
    assert found.multiply_adds == 5 * 24 + 2 * 5 * 4 * 6
    assert (found.activation_multiply_adds, found.exact) == (2 * 2 * 5 * 5 * 4, True)


def test_a_product_of_matrices_of_unknown_rank_whose_rows_stand_in_front_is_passed_over(tmp_path: Path) -> None:
    nodes = [
        NODE("Secret", ["x"], ["a"], domain=MS),
        NODE("FusedMatMul", ["a", "w"], ["y"], domain=MS, transBatchA=1),
    ]
    found = read(made(nodes, {"w": reals(5, 4, 3)}, (1, 5, 4)), tmp_path)
    assert [entry.operator for entry in found.passed_over] == ["com.microsoft.Secret", "com.microsoft.FusedMatMul"]


@pytest.mark.parametrize("batch", [1, 3, "n"])
@pytest.mark.parametrize(
    ("inputs", "flip", "matrix", "of_activations"),
    [("aw", "transB", (7, 8), 0), ("wa", "transA", (5, 7), 0), ("aa", "transA", (), 320), ("aa", "transB", (), 200)],
)
def test_products_of_matrices_that_are_turned(
    tmp_path: Path, inputs: str, flip: str, matrix: tuple[int, ...], of_activations: int, batch: int | str
) -> None:
    nodes = [NODE("Conv", ["x", "k"], ["a"]), NODE("FusedMatMul", list(inputs), ["y"], domain=MS, **{flip: 1})]
    kernels = {"k": reals(5, 5, 1)} | ({"w": reals(*matrix)} if matrix else {})
    found = read(made(nodes, kernels, (batch, 5, 8)), tmp_path)
    assert found.multiply_adds == 5 * 5 * 8 + bool(matrix) * 5 * 7 * 8
    assert (found.activation_multiply_adds, found.exact) == (of_activations, True)


@pytest.mark.parametrize("opset", [17, 18])
def test_a_quantized_mean_is_over_the_axes_that_it_names(tmp_path: Path, opset: int) -> None:
    nodes = quantized(
        NODE("QLinearReduceMean", ["q", "s", "z", "s", "z"], ["m"], domain=MS, axes=[2], keepdims=0),
        NODE("DequantizeLinear", ["m", "s", "z"], ["d"]),
        NODE("MatMul", ["d", "w"], ["y"]),
    )
    constants = {"s": QUANTIZED["s"], "z": QUANTIZED["z"], "w": reals(6, 3)}
    found = read(made(nodes, constants, (1, 5, 7, 6), opset), tmp_path)
    assert (found.multiply_adds, found.exact) == (5 * 6 * 3, True)


@pytest.mark.parametrize("per_channel", [False, True])
def test_fake_quantization_keeps_the_weights(tmp_path: Path, per_channel: bool) -> None:
    scales = {"s": QUANTIZED["ws"], "z": QUANTIZED["wz"]} if per_channel else {"s": np.float32(0.1), "z": np.int8(0)}
    nodes = [
        NODE("QuantizeLinear", ["w", "s", "z"], ["q"], axis=0),
        NODE("DequantizeLinear", ["q", "s", "z"], ["k"], axis=0),
        NODE("Conv", ["x", "k"], ["y"]),
    ]
    found = read(made(nodes, scales | {"w": reals(6, 4, 3, 3)}, (1, 4, 9, 9)), tmp_path)
    assert (found.parameters, found.buffers) == (216, sum(np.size(array) for array in scales.values()))


@pytest.mark.parametrize(("opset", "domain"), [(10, ""), (13, ""), (17, ""), (21, ""), (17, MS)])
def test_quantized_weights_are_known_as_real_numbers(tmp_path: Path, opset: int, domain: str) -> None:
    weights, per_channel = bytes_(6, 4, 3, 3), opset > 10
    scale = np.arange(1, 7, dtype=np.float32) if per_channel else np.float32(0.5)
    zero = np.arange(6, dtype=np.int8) if per_channel else np.int8(3)
    axis = {"axis": 0} if per_channel else {}
    nodes = [NODE("DequantizeLinear", ["q", "s", "z"], ["w"], domain=domain, **axis), NODE("Conv", ["x", "w"], ["y"])]
    (layer,) = read(made(nodes, {"q": weights, "s": scale, "z": zero}, (1, 4, 5, 5), opset), tmp_path).layers
    places = (-1, 1, 1, 1)
    expected = (weights.astype(np.float32) - np.reshape(zero, places)) * np.reshape(scale, places)
    assert layer.weight is not None
    assert np.array_equal(layer.weight, expected)
    assert (layer.counts.total, layer.buffers) == (216, 12 if per_channel else 2)


def test_an_integer_kernel_scaled_by_hand(tmp_path: Path) -> None:
    nodes = [
        NODE("Cast", ["w"], ["c"], to=TensorProto.FLOAT),
        NODE("Mul", ["c", "s"], ["k"]),
        NODE("Conv", ["x", "k"], ["y"]),
    ]
    found = read(made(nodes, {"w": bytes_(6, 4, 3, 3), "s": reals(6, 1, 1, 1)}, (1, 4, 9, 9)), tmp_path)
    assert (found.parameters, found.buffers, found.layers[0].weight.shape) == (216, 6, (6, 4, 3, 3))


@pytest.mark.parametrize(
    ("node", "shape", "numbers", "opset"),
    [
        (NODE("LayerNormalization", ["x", "w", "b"], ["y"]), (1, 5, 8), 16, 17),
        (NODE("LayerNormalization", ["x", "w"], ["y"]), (1, 5, 8), 8, 17),
        (NODE("RMSNormalization", ["x", "w"], ["y"]), (1, 5, 8), 8, 23),
        (NODE("GroupNormalization", ["x", "w", "b"], ["y"], num_groups=2), (1, 8, 3, 3), 16, 21),
        (NODE("InstanceNormalization", ["x", "w", "b"], ["y"]), (1, 8, 3, 3), 16, 17),
        (NODE("PRelu", ["x", "slope"], ["y"]), (1, 8, 3, 3), 8, 17),
        (NODE("PRelu", ["x", "one"], ["y"]), (1, 8, 3, 3), 1, 17),
        (NODE("Mul", ["x", "slope"], ["y"]), (1, 8, 3, 3), 8, 17),
        (NODE("Div", ["x", "slope"], ["y"]), (1, 8, 3, 3), 8, 17),
    ],
)
def test_scales_and_normalisations(tmp_path: Path, node: Any, shape: tuple[int, ...], numbers: int, opset: int) -> None:
    constants = {"w": reals(8), "b": reals(8), "slope": reals(8, 1, 1), "one": reals(1)}
    found = read(made([node], {k: v for k, v in constants.items() if k in node.input}, shape, opset), tmp_path)
    assert found.counts == (0, numbers, 0, 0)
    assert (found.multiply_adds, found.depth, found.exact) == (0, 0, True)


@pytest.mark.parametrize("batch", [1, 3, "n"])
@pytest.mark.parametrize("groups", [1, 2, 8])
@pytest.mark.parametrize("opset", [18, 20])
def test_a_group_norm_of_older_operator_sets_has_scale_and_bias_for_each_group(
    tmp_path: Path, opset: int, groups: int, batch: int | str
) -> None:
    node = NODE("GroupNormalization", ["x", "w", "b"], ["y"], num_groups=groups)
    found = read(made([node], {"w": reals(groups), "b": reals(groups)}, (batch, 8, 3, 3), opset), tmp_path)
    assert (found.counts, found.exact) == ((0, 2 * groups, 0, 0), True)
    assert (found.layers[0].node, found.layers[0].output_shape) == (Norm(8, "group norm"), (8, 3, 3))


def test_a_normalisation_behind_an_unknown_operator_holds_what_a_counted_one_would(tmp_path: Path) -> None:
    nodes = [helper.make_node("Secret", ["x"], ["u"], domain="com.microsoft")]
    nodes += [NODE("BatchNormalization", ["u", *"gbmv"], ["y"])]
    found = read(made(nodes, {name: reals(8) for name in "gbmv"}, (1, 8, 4, 4)), tmp_path)
    assert [entry.parameters for entry in found.passed_over] == [0, 16]


def test_a_group_norm_of_onnxruntime_reads_channels_last_unless_told_otherwise(tmp_path: Path) -> None:
    for attributes, shape in ({}, (1, 3, 3, 8)), ({"channels_last": 0}, (1, 8, 3, 3)):
        node = NODE("GroupNorm", ["x", "g", "b"], ["y"], domain=MS, groups=2, activation=0, **attributes)
        model = made([node], {"g": reals(8), "b": reals(8)}, shape)
        model.graph.value_info.append(helper.make_tensor_value_info("y", TensorProto.FLOAT, shape))
        (layer,) = read(model, tmp_path).layers
        assert (layer.input_shape[0], layer.counts.total) == (8, 16)


def test_running_statistics_are_buffers(tmp_path: Path) -> None:
    nodes = [NODE("Conv", ["x", "k"], ["c"]), NODE("BatchNormalization", ["c", "g", "h", "m", "v"], ["y"])]
    found = read(made(nodes, {"k": reals(6, 4, 1, 1)} | {name: reals(6) for name in "ghmv"}, (1, 4, 3, 3)), tmp_path)
    assert found.counts == (24, 12, 0, 0)
    assert found.buffers == found.layers[0].buffers == 12
    assert isinstance(found.layers[0].node, Conv)
    assert "12" in str(found.table())


def test_embeddings_positions_and_tokens(tmp_path: Path) -> None:
    nodes = [
        NODE("Gather", ["table", "x"], ["e"]),
        NODE("Concat", ["token", "e"], ["t"], axis=1),
        NODE("Add", ["t", "places"], ["p"]),
        NODE("MatMul", ["p", "w"], ["y"]),
    ]
    constants = {"table": reals(50, 8), "token": reals(1, 1, 8), "places": reals(1, 7, 8), "w": reals(8, 3)}
    found = read(made(nodes, constants, (1, 6), kind=TensorProto.INT64), tmp_path)
    assert found.parameters == 400 + 8 + 56 + 24
    assert [layer.kind for layer in found.layers] == ["embedding", "stored numbers", "added numbers", "linear"]
    assert (found.multiply_adds, found.exact) == (7 * 24, True)


def test_attention_is_counted_apart(tmp_path: Path) -> None:
    nodes = [
        NODE("MatMul", ["x", "w"], ["q"]),
        NODE("Transpose", ["x"], ["t"], perm=[0, 2, 1]),
        NODE("MatMul", ["q", "t"], ["s"]),
        NODE("Softmax", ["s"], ["a"]),
        NODE("MatMul", ["a", "x"], ["y"]),
    ]
    found = read(made(nodes, {"w": reals(8, 8)}, (2, 5, 8)), tmp_path)
    assert (found.multiply_adds, found.activation_multiply_adds) == (5 * 64, 2 * 5 * 5 * 8)
    assert "400 of activations by activations" in repr(found)
    assert found.table().totals["of activations"] == 400
    whole = read(
        made([NODE("Attention", ["x"] * 3, ["y"], q_num_heads=2, kv_num_heads=2)], {}, (2, 5, 8), 23), tmp_path
    )
    assert (whole.multiply_adds, whole.activation_multiply_adds) == (0, 400)


def test_a_kernel_computed_from_activations_is_no_weight(tmp_path: Path) -> None:
    nodes = [
        NODE("GlobalAveragePool", ["x"], ["p"]),
        NODE("Conv", ["p", "w"], ["k"]),
        NODE("Reshape", ["k", "four"], ["kernel"]),
        NODE("Conv", ["x", "kernel"], ["y"]),
    ]
    constants = {"w": reals(24, 4, 1, 1), "four": np.array([6, 4, 1, 1])}
    found = read(made(nodes, constants, (1, 4, 5, 5)), tmp_path)
    assert (found.parameters, found.multiply_adds) == (96, 96)
    assert found.activation_multiply_adds == conv_multiply_adds((6, 5, 5), (6, 4, 1, 1))


def test_each_number_is_counted_once_and_shown_at_each_use(tmp_path: Path) -> None:
    nodes = [
        NODE("Split", ["w"], ["first", "second"], axis=0),
        NODE("Conv", ["x", "first"], ["a"]),
        NODE("Conv", ["a", "second"], ["b"]),
        NODE("Conv", ["b", "w"], ["y"]),
    ]
    found = read(made(nodes, {"w": reals(8, 4, 1, 1)}, (1, 4, 5, 5)), tmp_path)
    assert found.parameters == 32
    assert [layer.counts.total for layer in found.layers] == [32, 32, 32]
    assert [layer.shared.total for layer in found.layers] == [0, 32, 32]
    assert found.multiply_adds == (16 + 16 + 32) * 25
    assert "used before" in str(found.table())


BESIDE = {
    "offsets and a mask": (
        NODE("DeformConv", ["x", "k", "o", "", "m"], ["y"]),
        {"k": (6, 4, 3, 3), "o": (1, 18, 3, 3), "m": (1, 9, 3, 3)},
        (1, 4, 5, 5),
    ),
    "keys and values": (
        NODE("Attention", ["x", "k", "v"], ["y"]),
        {"k": (1, 2, 5, 4), "v": (1, 2, 5, 4)},
        (1, 2, 3, 4),
    ),
    "a mask of attention": (NODE("Attention", ["x", "x", "x", "m"], ["y"]), {"m": (3, 3)}, (1, 2, 3, 4)),
    "first states": (
        NODE("GRU", ["x", "k", "r", "", "", "h"], ["y"], hidden_size=6),
        {"k": (1, 18, 5), "r": (1, 18, 6), "h": (1, 1, 6)},
        (7, 1, 5),
    ),
    "what slopes of activations multiply": (NODE("PRelu", ["k", "x"], ["y"]), {"k": (1, 3)}, (1, 3)),
    "an image at places of activations": (NODE("GridSample", ["k", "x"], ["y"]), {"k": (1, 3, 8, 8)}, (1, 4, 4, 2)),
    "a summand behind a convolution": (
        NODE("FusedConv", ["x", "k", "b", "z"], ["y"], domain=MS, activation="Relu"),
        {"k": (6, 4, 3, 3), "b": (6,), "z": (1, 6, 3, 3)},
        (1, 4, 5, 5),
    ),
    "a summand in front of a norm": (
        NODE("SkipLayerNormalization", ["x", "s", "g", "b"], ["y"], domain=MS),
        {"s": (1, 3, 4), "g": (4,), "b": (4,)},
        (1, 3, 4),
    ),
    "further inputs of attention": (
        NODE("MultiHeadAttention", ["x", "x", "x", "b", "", "s", "k", "v"], ["y"], domain=MS, num_heads=2),
        {"b": (24,), "s": (1, 2, 3, 5), "k": (1, 2, 2, 4), "v": (1, 2, 2, 4)},
        (1, 3, 8),
    ),
}
"""A node, shapes of the stored numbers that it reads, and the shape of `x`."""


WRITTEN = {"FusedConv": (1, 6, 3, 3)}
"""What operators of onnxruntime write, where it has not the shape of what they read."""


def reading_beside(name: str) -> Any:
    node, stored, shape = BESIDE[name]
    model = made([node], {key: reals(*sizes) for key, sizes in stored.items()}, shape, opset=23)
    if node.domain == MS:
        written = WRITTEN.get(node.op_type, shape)
        model.graph.value_info.append(helper.make_tensor_value_info("y", TensorProto.FLOAT, written))
    return model


@pytest.mark.parametrize("name", BESIDE)
def test_every_stored_number_that_an_operator_reads_is_counted(tmp_path: Path, name: str) -> None:
    found = read(reading_beside(name), tmp_path)
    assert (found.parameters, found.exact) == (sum(map(prod, BESIDE[name][1].values())), True)


def test_bounds_and_places_are_settings(tmp_path: Path) -> None:
    for node, sizes in ((NODE("Less", ["b", "x"], ["y"]), (4,)), (NODE("GridSample", ["x", "b"], ["y"]), (1, 5, 5, 2))):
        found = read(made([node], {"b": reals(*sizes)}, (1, 4, 4, 4)), tmp_path)
        assert (found.parameters, found.exact) == (0, True)


def test_past_keys_are_multiplied_too(tmp_path: Path) -> None:
    found = read(reading_beside("further inputs of attention"), tmp_path)
    assert (found.multiply_adds, found.activation_multiply_adds) == (2 * 3 * 2 * (4 + 4), 2 * 3 * 3 * (4 + 4))


@pytest.mark.parametrize(
    ("inputs", "steps", "weighted", "of_activations"),
    [("xss", 7, 2 * 3 * 7 * 8, 0), ("sxx", 7, 7 * 3 * 8, 7 * 3 * 8), ("xsx", 3, 72, 72), ("xxs", 3, 72, 72)],
)
def test_what_attention_multiplies_by_stored_numbers_is_a_product_by_weights(
    tmp_path: Path, inputs: str, steps: int, weighted: int, of_activations: int
) -> None:
    node = NODE("Attention", list(inputs), ["y"], q_num_heads=2, kv_num_heads=2)
    found = read(made([node], {"s": reals(1, steps, 8)}, (1, 3, 8), opset=23), tmp_path)
    assert (found.multiply_adds, found.activation_multiply_adds) == (weighted, of_activations)
    assert (found.parameters, found.exact) == (steps * 8, True)


def test_no_input_of_a_fused_operator_is_forgotten() -> None:
    for name, meaning in PLAIN.items():
        places = sorted((*meaning.inputs, *meaning.settings))
        assert places == list(range(len(places))), name


def test_what_is_not_counted_is_said(tmp_path: Path) -> None:
    nodes = [NODE("Secret", ["x", "t"], ["a"], "hidden", domain="other"), NODE("Relu", ["x"], ["y"])]
    model = made(nodes, {"t": reals(9), "left": reals(4)}, (1, 4, 5, 5))
    model.opset_import.append(helper.make_opsetid("other", 1))
    found = read(model, tmp_path)
    listed = {entry.name: (entry.operator, entry.parameters) for entry in found.passed_over}
    assert listed == {"hidden": ("other.Secret", 9), "left": ("stored numbers", 4)}
    assert not found.exact
    assert "not exact: 2 operators passed over (other.Secret, stored numbers), which hold 13 numbers" in repr(found)
    assert found.reservation in found.table().title


BEHIND = {
    "places in a table": (NODE("Gather", ["t", "a"], ["b"]), {"t": reals(9, 4)}),
    "quantized numbers": (NODE("DequantizeLinear", ["a", "s"], ["b"]), {"s": np.float32(0.1)}),
    "truth values": (NODE("Not", ["a"], ["b"]), {}),
    "sizes": (NODE("Reshape", ["x", "a"], ["b"]), {}),
    "a count": (NODE("TopK", ["x", "a"], ["b", "i"]), {}),
    "a sequence": (NODE("SequenceAt", ["a", "k"], ["b"]), {"k": np.int64(0)}),
    "text": (NODE("StringNormalizer", ["a"], ["b"]), {}),
}
"""What reads the output of an operator that nobody knows, as numbers of a type that this may well have."""


@pytest.mark.parametrize("name", BEHIND)
def test_what_an_unknown_operator_writes_may_be_of_any_type(tmp_path: Path, name: str) -> None:
    node, constants = BEHIND[name]
    nodes = [NODE("Secret", ["x"], ["a"], domain=MS), node, NODE("Conv", ["x", "w"], ["y"])]
    found = read(made(nodes, constants | {"w": reals(3, 4, 1, 1)}, (1, 4, 5, 5)), tmp_path)
    assert (found.multiply_adds, found.exact) == (25 * 12, False)
    assert found.passed_over[0].operator == "com.microsoft.Secret"


ORDERS = {
    "gathered": ([NODE("Gather", ["a", "i"], ["b"], axis=-3)], {"i": np.arange(8).reshape(2, 4).T.ravel()}),
    "cut and joined": (
        [NODE("Split", ["a"], ["e", "f"], axis=1), NODE("Concat", ["f", "e"], ["b"], axis=1)],
        {},
    ),
    "sliced and joined": (
        [
            NODE("Slice", ["a", "zero", "eight", "one", "two"], ["e"]),
            NODE("Slice", ["a", "one", "eight", "one", "two"], ["f"]),
            NODE("Concat", ["e", "f"], ["b"], axis=1),
        ],
        {"zero": np.array([0]), "one": np.array([1]), "two": np.array([2]), "eight": np.array([8])},
    ),
    "flattened": (
        [
            NODE("Reshape", ["a", "s"], ["p"]),
            NODE("Transpose", ["p"], ["t"], perm=[0, 2, 1, 3]),
            NODE("Reshape", ["t", "j"], ["b"]),
        ],
        {"s": np.array([1, 2, 4, 30]), "j": np.array([1, 8, 5, 6])},
    ),
    "with an activation between": (
        [
            NODE("Reshape", ["a", "s"], ["p"]),
            NODE("Transpose", ["p"], ["t"], perm=[0, 2, 1, 3, 4]),
            NODE("LeakyRelu", ["t"], ["u"]),
            NODE("Reshape", ["u", "j"], ["b"]),
        ],
        {"s": np.array([1, 2, 4, 5, 6]), "j": np.array([1, 8, 5, 6])},
    ),
    "channels last": (
        [
            NODE("Transpose", ["a"], ["n"], perm=[0, 2, 3, 1]),
            NODE("Reshape", ["n", "s"], ["p"]),
            NODE("Transpose", ["p"], ["t"], perm=[0, 1, 2, 4, 3]),
            NODE("Reshape", ["t", "j"], ["u"]),
            NODE("Transpose", ["u"], ["b"], perm=[0, 3, 1, 2]),
        ],
        {"s": np.array([1, 5, 6, 2, 4]), "j": np.array([1, 5, 6, 8])},
    ),
}


@pytest.mark.parametrize("spelling", ORDERS)
def test_an_order_of_channels_in_any_spelling(tmp_path: Path, spelling: str) -> None:
    between, constants = ORDERS[spelling]
    kernels = {"A": reals(8, 4, 1, 1), "B": reals(8, 4, 1, 1)}
    nodes = [NODE("Conv", ["x", "A"], ["a"], group=2), *between, NODE("Conv", ["b", "B"], ["y"], group=2)]
    _, shuffle, second = read(made(nodes, kernels | constants, (1, 8, 5, 6)), tmp_path).layers
    assert isinstance(shuffle.node, Shuffle)
    assert (shuffle.follows, second.follows) == (0, 1)
    x = np.abs(reals(1, 8, 5, 6))
    alone = made([NODE("Identity", ["x"], ["a"]), *between, NODE("Identity", ["b"], ["y"])], constants, (1, 8, 5, 6))
    assert np.array_equal(ReferenceEvaluator(alone).run(None, {"x": x})[0], shuffle.node.permutation(x, axis=1))


def test_pixels_that_become_channels_are_no_order_of_channels(tmp_path: Path) -> None:
    nodes = [
        NODE("Conv", ["x", "w"], ["a"]),
        NODE("Reshape", ["a", "s"], ["p"]),
        NODE("Transpose", ["p"], ["t"], perm=[0, 1, 4, 2, 5, 3]),
        NODE("Reshape", ["t", "j"], ["y"]),
    ]
    constants = {"w": reals(8, 8, 1, 1), "s": np.array([1, 2, 2, 2, 5, 6]), "j": np.array([1, 2, 10, 12])}
    assert [layer.kind for layer in read(made(nodes, constants, (1, 8, 5, 6)), tmp_path).layers] == ["regular 1×1"]


def of_ms(operator: str, inputs: str, **attributes: Any) -> Any:
    """Return an operator of onnxruntime that reads tensors of one letter, a dot for one left out, and writes `a`."""
    return NODE(operator, [name.strip(".") for name in inputs], ["a"], domain=MS, **attributes)


TRANSFORMERS = {
    "attention": (of_ms("Attention", "xwb", num_heads=2), {"w": reals(8, 24), "b": reals(24)}, 216, 576, 144, 8),
    "attention of narrow values": (
        of_ms("Attention", "xwb", num_heads=2, qkv_hidden_sizes=[8, 8, 4]),
        {"w": reals(8, 20), "b": reals(20)}, 180, 480, 3 * 3 * 12, 4,
    ),
    "quantized attention": (
        of_ms("QAttention", "xwbst.ze", num_heads=2),
        {"w": bytes_(8, 24), "b": reals(24), "s": np.float32(0.1), "t": np.float32(0.1), "z": np.uint8(1), "e": np.int8(0)},
        216, 576, 144, 8,
    ),
    "heads of one width": (of_ms("MultiHeadAttention", "xxx", num_heads=2), {}, 0, 0, 144, 8),
    "stored keys, by heads": (
        of_ms("MultiHeadAttention", "xkv", num_heads=2), {"k": reals(1, 2, 7, 4), "v": reals(1, 2, 7, 3)},
        56 + 42, 3 * 7 * (8 + 6), 0, 6,
    ),
    "heads that share keys, packed, turned": (
        of_ms("GroupQueryAttention", "x....nlcs", num_heads=2, kv_num_heads=1, do_rotary=1),
        {"n": np.array([2], np.int32), "l": np.array([3], np.int32), "c": reals(9, 1), "s": reals(9, 1)}, 0, 0, 2 * 2 * 9 * 2, 4,
    ),
    "places turned": (
        of_ms("RotaryEmbedding", "xpcs", num_heads=2), {"p": np.arange(3)[None], "c": reals(9, 2), "s": reals(9, 2)}, 0, 0, 0, 8,
    ),
    "root mean square": (of_ms("SkipSimplifiedLayerNormalization", "xxg"), {"g": reals(8)}, 8, 0, 0, 8),
    "root mean square alone": (NODE("SimplifiedLayerNormalization", ["x", "g"], ["a"]), {"g": reals(8)}, 8, 0, 0, 8),
    "a layer norm": (of_ms("SkipLayerNormalization", "xxgb"), {"g": reals(8), "b": reals(8)}, 16, 0, 0, 8),
    "four bits, columns filled up": (
        of_ms("MatMulNBits", "xwsz", K=8, N=6, bits=4, block_size=16),
        {"w": bytes_(6, 1, 8).view(np.uint8), "s": reals(6, 1), "z": np.zeros(6, np.uint8)}, 48, 3 * 48, 0, 6,
    ),
    "eight bits and a bias": (
        of_ms("MatMulNBits", "xws..b", K=8, N=6, bits=8, block_size=16),
        {"w": bytes_(6, 1, 16).view(np.uint8), "s": reals(6, 1), "b": reals(6)}, 54, 3 * 48, 0, 6,
    ),
    "four bits of another kind": (
        of_ms("MatMulBnb4", "xws", K=8, N=6, block_size=16, quant_type=1),
        {"w": bytes_(24).view(np.uint8), "s": reals(3)}, 48, 3 * 48, 0, 6,
    ),
}  # fmt: skip
"""A node, its stored numbers, its parameters, multiply–adds by weights and of activations, and the width that it writes."""


@pytest.mark.parametrize("opset", [11, 21])
@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("name", TRANSFORMERS)
def test_operators_of_transformers_and_what_they_write(tmp_path: Path, name: str, batch: int, opset: int) -> None:
    node, stored, parameters, multiply_adds, of_activations, width = TRANSFORMERS[name]
    if batch > 1 and name in ("stored keys, by heads", "heads that share keys, packed, turned"):
        pytest.skip("it stores something for each example")
    nodes = [NODE("MatMul", ["i", "u"], ["x"]), node, NODE("MatMul", ["a", "o"], ["y"])]
    model = made([*nodes], stored | {"u": reals(5, 8), "o": reals(width, 5)}, (batch, 3, 5), opset)
    model.graph.input[0].name = "i"
    found = read(model, tmp_path)
    assert found.parameters == parameters + 40 + 5 * width
    assert found.multiply_adds == multiply_adds + 3 * 40 + 3 * 5 * width
    assert (found.activation_multiply_adds, found.exact) == (of_activations, True)


@pytest.mark.parametrize("attributes", [{}, {"N": 6}, {"K": 8, "N": 600}, {"K": 8, "N": -6}, {"K": [8], "N": [6]}])
def test_packed_weights_of_no_known_size_are_said_not_to_be_counted(tmp_path: Path, attributes: dict[str, Any]) -> None:
    node = of_ms("MatMulNBits", "xws", block_size=16, **attributes)
    found = read(made([node], {"w": bytes_(6, 1, 8).view(np.uint8), "s": reals(6, 1)}, (1, 3, 8)), tmp_path)
    assert [entry.operator for entry in found.passed_over] == ["MatMulNBits"]


@pytest.mark.parametrize("batch", [1, 2])
def test_words_places_and_segments(tmp_path: Path, batch: int) -> None:
    tables = {"w": reals(20, 8), "p": reals(9, 8), "g": reals(8), "b": reals(8), "o": reals(8, 5)}
    node = NODE("EmbedLayerNormalization", ["x", "", "w", "p", "", "g", "b"], ["a", "m"], domain=MS)
    model = made([node, NODE("MatMul", ["a", "o"], ["y"])], tables, (batch, 3), 11, TensorProto.INT32)
    found = read(model, tmp_path)
    assert (found.counts, found.multiply_adds, found.exact) == ((0, 16, 160 + 72 + 40, 0), 120, True)


def test_operators_of_onnxruntime_stand_for_plain_ones(tmp_path: Path) -> None:
    nodes = [
        NODE("FusedConv", ["x", "k", "b"], ["c"], domain=MS, activation="Relu", pads=[1, 1, 1, 1]),
        NODE("QuickGelu", ["c"], ["g"], domain=MS),
        NODE("Flatten", ["g"], ["f"], axis=2),
        NODE("FusedMatMul", ["f", "w"], ["m"], domain=MS),
        NODE("BiasGelu", ["m", "d"], ["h"], domain=MS),
        NODE("SkipLayerNormalization", ["h", "h", "n", "o"], ["y"], domain=MS),
    ]
    constants = {"k": reals(6, 4, 3, 3), "b": reals(6), "w": reals(25, 7), "d": reals(7), "n": reals(7), "o": reals(7)}
    found = read(made(nodes, constants, (1, 4, 5, 5)), tmp_path)
    assert found.counts == (216, 14, 175, 6 + 7)
    assert found.multiply_adds == conv_multiply_adds((6, 5, 5), (6, 4, 3, 3)) + 6 * 175
    assert found.exact
