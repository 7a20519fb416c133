"""ONNX files of every kind: batches, several inputs, constants of all sorts, bodies, order; each against a count by hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from igc_theory.networks import LayerGraph, read_onnx
from igc_theory.networks.description.graph import Operation
from igc_theory.networks.readers.files.examples.axes import axes_of
from igc_theory.networks.readers.files.examples.labels import regrouped

onnx = pytest.importorskip("onnx", reason="the extra onnx is not installed")

from onnx import TensorProto, helper, numpy_helper

from tests.networks.readers.onnx_models import model

N = helper.make_node
RNG = np.random.default_rng(0)


def w(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape).astype(np.float32)


def info(name: str, shape: Any, kind: int = TensorProto.FLOAT) -> Any:
    return helper.make_tensor_value_info(name, kind, shape)


def read(made: Any, tmp_path: Path, **options: Any) -> LayerGraph:
    path = tmp_path / "made.onnx"
    path.write_bytes(made.SerializeToString())
    return read_onnx(path, **options)


@pytest.mark.parametrize("batch", [1, 4, "n"])
def test_counts_are_for_one_example(tmp_path: Path, batch: Any) -> None:
    nodes = [N("Conv", ["x", "k"], ["a"]), N("Reshape", ["a", "s"], ["b"]), N("Gemm", ["b", "f"], ["y"])]
    made = model(nodes, {"k": w(6, 4, 3, 3), "s": np.array([0, -1]), "f": w(96, 5)}, (batch, 4, 6, 6))
    found = read(made, tmp_path)
    assert (found.multiply_adds, found.input_shape) == (216 * 16 + 480, (4, 6, 6))
    assert found.graph is not None
    assert (found.graph.batch, found.graph.batched) == (batch if isinstance(batch, int) else 1, True)


CONV = 4 * 3 * 9 * 16
"""Multiply–adds of 3×3 windows on an image of 6×6, from three channels to four."""

APART = [N("Reshape", ["x", "blocks"], ["b"]), N("Transpose", ["b"], ["t"], perm=[3, 5, 0, 1, 2, 4])]
HALVES = [N("Slice", ["x", "zero", "three", "one"], ["u"]), N("Slice", ["x", "three", "six", "one"], ["v"])]
FRAMES = [N("Reshape", ["x", "images"], ["b"]), N("Concat", ["b", "b"], ["a"], axis=0)]

# What is done to a batch before a convolution: the size of one example, the nodes, and how many images it becomes.
COPIES: dict[str, tuple[tuple[int, ...], list[Any], int]] = {
    "one behind the other": ((3, 6, 6), [N("Neg", ["x"], ["n"]), N("Concat", ["x", "n"], ["a"], axis=0)], 2),
    "three": ((3, 6, 6), [N("Concat", ["x", "x"], ["b"], axis=0), N("Concat", ["b", "x"], ["a"], axis=0)], 3),
    "two halves of the channels": ((6, 6, 6), [*HALVES, N("Concat", ["u", "v"], ["a"], axis=0)], 2),
    "tiles": ((3, 6, 6), [N("Tile", ["x", "twice"], ["a"])], 2),
    "a new axis in front": (
        (3, 6, 6),
        [N("Unsqueeze", ["x", "zero"], ["u"]), N("Expand", ["u", "five"], ["e"]), N("Reshape", ["e", "images"], ["a"])],
        5,
    ),
    "a new axis behind": (
        (3, 6, 6),
        [
            N("Unsqueeze", ["x", "one"], ["u"]),
            N("Concat", ["u", "u"], ["e"], axis=1),
            N("Reshape", ["e", "images"], ["a"]),
        ],
        2,
    ),
    "space to batch": ((3, 12, 12), [*APART, N("Reshape", ["t", "images"], ["a"])], 4),
    "groups of channels": (
        (12, 6, 6),
        [
            N("Reshape", ["x", "four"], ["b"]),
            N("Transpose", ["b"], ["t"], perm=[1, 0, 2, 3, 4]),
            N("Reshape", ["t", "images"], ["a"]),
        ],
        4,
    ),
}
SHAPES = {
    "twice": np.array([2, 1, 1, 1]), "zero": np.array([0]), "one": np.array([1]), "three": np.array([3]), "six": np.array([6]),
    "five": np.array([5, 1, 1, 1, 1]), "images": np.array([-1, 3, 6, 6]), "blocks": np.array([-1, 3, 6, 2, 6, 2]),
    "four": np.array([-1, 4, 3, 6, 6]),
}  # fmt: skip


@pytest.mark.parametrize("batch", [1, 2, 3, "n"])
@pytest.mark.parametrize("case", COPIES)
def test_copies_and_parts_of_examples_are_counted_for_one_example(tmp_path: Path, case: str, batch: Any) -> None:
    one, nodes, images = COPIES[case]
    found = read(model([*nodes, N("Conv", ["a", "k"], ["y"])], SHAPES | {"k": w(4, 3, 3, 3)}, (batch, *one)), tmp_path)
    assert (found.multiply_adds, found.exact, found.input_shape) == (images * CONV, True, one)


@pytest.mark.parametrize("batch", [1, 3, "n"])
@pytest.mark.parametrize("order", [["x", "z"], ["z", "x"]])
def test_two_inputs_one_behind_the_other_are_both_examples(tmp_path: Path, order: list[str], batch: Any) -> None:
    made = model(
        [N("Concat", order, ["a"], axis=0), N("Conv", ["a", "k"], ["y"])], {"k": w(4, 3, 3, 3)}, (batch, 3, 6, 6)
    )
    made.graph.input.append(info("z", [batch, 3, 6, 6]))
    found = read(made, tmp_path)
    assert (found.multiply_adds, found.exact) == (2 * CONV, True)


@pytest.mark.parametrize("batch", [1, 3, "n"])
def test_copies_before_a_linear_layer_are_counted_for_one_example(tmp_path: Path, batch: Any) -> None:
    nodes = [N("Neg", ["x"], ["n"]), N("Concat", ["x", "n"], ["a"], axis=0), N("MatMul", ["a", "k"], ["y"])]
    found = read(model(nodes, {"k": w(8, 5)}, (batch, 8)), tmp_path)
    assert (found.multiply_adds, found.exact) == (2 * 40, batch != 3)  # a sequence that is read twice looks alike


@pytest.mark.parametrize("batch", [1, 2, 3, "n"])
@pytest.mark.parametrize("operator", ["Conv", "ConvTranspose"])
def test_examples_with_kernels_of_their_own_are_groups(tmp_path: Path, operator: str, batch: Any) -> None:
    kernel = [-1, 2, 3, 3] if operator == "Conv" else [-1, 3, 3, 3]
    nodes = [
        N("ReduceMean", ["x"], ["m"], axes=[2, 3], keepdims=0),
        N("MatMul", ["m", "w"], ["features"]),
        N("Reshape", ["features", "kernel"], ["k"]),
        N("Reshape", ["x", "joined"], ["a"]),
        N(operator, ["a", "k"], ["b"], group=1 if batch == "n" else batch),
        N("Reshape", ["b", "apart"], ["c"]),
        N("Conv", ["c", "v"], ["y"]),
    ]
    side = 5 if operator == "Conv" else 9
    constants = {"w": w(2, 54), "v": w(4, 3, 1, 1), "kernel": np.array(kernel), "joined": np.array([1, -1, 7, 7])}
    found = read(model(nodes, constants | {"apart": np.array([-1, 3, side, side])}, (batch, 2, 7, 7)), tmp_path)
    windows = 25 if operator == "Conv" else 49
    assert (found.multiply_adds, found.activation_multiply_adds) == (2 * 54 + 12 * side**2, 54 * windows)
    assert found.exact


@pytest.mark.parametrize("batch", [1, 3, "n"])
def test_attention_of_sequences_first_that_pytorch_writes_out_for_any_batch(tmp_path: Path, batch: Any) -> None:
    nodes = [
        N("Transpose", ["x"], ["f"], perm=[1, 0, 2]),
        N("MatMul", ["f", "w"], ["p"]),
        N("Reshape", ["p", "heads"], ["h"]),
    ]
    nodes += [N("Transpose", ["h"], ["q"], perm=[1, 0, 2]), N("Transpose", ["h"], ["k"], perm=[1, 2, 0])]
    nodes += [N("MatMul", ["q", "k"], ["s"]), N("Softmax", ["s"], ["a"], axis=-1), N("MatMul", ["a", "q"], ["o"])]
    nodes += [
        N("Transpose", ["o"], ["t"], perm=[1, 0, 2]),
        N("Reshape", ["t", "rows"], ["r"]),
        N("Gemm", ["r", "v"], ["y"]),
    ]
    constants = {"w": w(8, 8), "v": w(8, 5), "heads": np.array([6, -1, 4]), "rows": np.array([-1, 8])}
    found = read(model(nodes, constants, (batch, 6, 8)), tmp_path)
    assert (found.multiply_adds, found.activation_multiply_adds) == (6 * 64 + 6 * 40, 2 * 36 * 8)
    assert (found.input_shape, found.exact) == ((6, 1, 8), True)


# A batch of which a convolution reads only a part, or more than its examples; and one whose steps may be in front.
UNCLEAR = {
    "a half": [N("Slice", ["x", "zero", "three"], ["a"])],
    "one": [N("Gather", ["x", "zero"], ["a"], axis=0)],
    "padded": [N("Pad", ["x", "pads"], ["a"])],
    "constants behind": [N("Concat", ["x", "more"], ["a"], axis=0)],
    "groups with weights of their own": [N("Reshape", ["x", "joined"], ["a"])],
}


@pytest.mark.parametrize("case", UNCLEAR)
def test_a_batch_that_is_read_in_part_is_said_to_be_a_guess(tmp_path: Path, case: str) -> None:
    groups = 6 if "groups" in case else 1
    constants = {"k": w(4 * groups, 3, 3, 3), "more": w(6, 3, 6, 6), "pads": np.array([6, *[0] * 7])}
    constants |= {"zero": np.array([0]), "three": np.array([3]), "joined": np.array([1, 18, 6, 6])}
    nodes = [*UNCLEAR[case], N("Conv", ["a", "k"], ["y"], group=groups)]
    reasons = [entry.reason for entry in read(model(nodes, constants, (6, 3, 6, 6)), tmp_path).passed_over]
    assert any("no operator says whether its axis 0 counts 6 examples" in reason for reason in reasons)


@pytest.mark.parametrize(
    ("shape", "exact"), [((1, 7, 3, 6, 6), True), ((3, 7, 3, 6, 6), False), ((7, 1, 3, 6, 6), False)]
)
def test_frames_that_never_meet_do_not_say_which_axis_counts_examples(
    tmp_path: Path, shape: tuple[int, ...], exact: bool
) -> None:
    nodes = [*FRAMES, N("Conv", ["a", "k"], ["y"])]
    found = read(model(nodes, SHAPES | {"k": w(4, 3, 3, 3)}, shape), tmp_path)
    assert found.exact is exact
    if exact:
        assert found.multiply_adds == 2 * 7 * CONV


def test_patches_of_one_image_are_no_examples_of_the_input(tmp_path: Path) -> None:
    nodes = [N("Reshape", ["x", "blocks"], ["b"]), N("Transpose", ["b"], ["t"], perm=[1, 3, 0, 2, 4])]
    nodes += [N("Reshape", ["t", "images"], ["a"]), N("Conv", ["a", "k"], ["y"])]
    constants = {"blocks": np.array([3, 2, 6, 2, 6]), "images": np.array([4, 3, 6, 6]), "k": w(4, 3, 3, 3)}
    found = read(model(nodes, constants, (3, 12, 12)), tmp_path)
    assert (found.multiply_adds, found.exact, found.input_shape) == (4 * CONV, True, (3, 12, 12))


# Of one image or clip, what a convolution takes for examples: the shape, what is done to it, the input channels of the kernel.
OF_ONE: dict[str, tuple[tuple[int, ...], list[Any], int]] = {
    "channels": ((1, 3, 6, 6), [N("Transpose", ["x"], ["a"], perm=[1, 0, 2, 3])], 1),
    "channels last": ((1, 6, 6, 3), [N("Transpose", ["x"], ["a"], perm=[3, 0, 1, 2])], 1),
    "frames": ((1, 7, 3, 6, 6), [N("Squeeze", ["x", "zero"], ["a"])], 3),
}


@pytest.mark.parametrize("case", OF_ONE)
def test_channels_and_frames_of_one_image_are_no_examples(tmp_path: Path, case: str) -> None:
    shape, nodes, channels = OF_ONE[case]
    made = model([*nodes, N("Conv", ["a", "k"], ["y"])], {"k": w(4, channels, 3, 3), "zero": np.array([0])}, shape)
    found = read(made, tmp_path)
    assert (found.multiply_adds, found.exact) == ((7 if case == "frames" else 1) * CONV, True)
    assert sorted(found.input_shape) == sorted(shape[1:])


def test_examples_behind_their_channels_stay_examples(tmp_path: Path) -> None:
    nodes = [N("Transpose", ["x"], ["a"], perm=[1, 0, 2, 3]), N("Conv", ["a", "k"], ["y"])]
    found = read(model(nodes, {"k": w(4, 3, 3, 3)}, (3, 7, 6, 6)), tmp_path)
    assert (found.multiply_adds, found.exact, found.input_shape) == (CONV, True, (3, 6, 6))


def test_sums_along_axis_0_say_that_it_counts_no_examples(tmp_path: Path) -> None:
    nodes = [N("CumSum", ["x", "axis"], ["c"]), N("MatMul", ["c", "k"], ["y"])]
    assert read(model(nodes, {"k": w(8, 4), "axis": np.array(0)}, (6, 8)), tmp_path).multiply_adds == 6 * 32
    assert read(model(nodes, {"k": w(8, 4), "axis": np.array(1)}, (6, 8)), tmp_path).multiply_adds == 32


@pytest.mark.parametrize("batch", [1, 3, "n"])
def test_a_convolution_says_what_was_a_guess_before(tmp_path: Path, batch: Any) -> None:
    nodes = [N("Gather", ["x", "order"], ["a"], axis=1), N("Conv", ["a", "k"], ["y"])]
    found = read(model(nodes, {"k": w(4, 3, 3, 3), "order": np.array([2, 1, 0])}, (batch, 3, 6, 6)), tmp_path)
    assert (found.multiply_adds, found.exact) == (CONV, True)


@pytest.mark.parametrize("batch", [1, 3, "n"])
def test_a_linear_layer_behind_a_flatten_says_what_was_a_guess_before(tmp_path: Path, batch: Any) -> None:
    nodes = [N("Flatten", ["x"], ["a"]), N("Gemm", ["a", "k"], ["y"])]
    found = read(model(nodes, {"k": w(36, 5)}, (batch, 1, 6, 6)), tmp_path)
    assert (found.multiply_adds, found.exact, found.input_shape) == (180, True, (1, 6, 6))


@pytest.mark.parametrize(
    ("shape", "sizes", "exact"),
    [
        (("steps", "Batch", 8), {"steps": 7}, True),
        ((7, "batch_size", 8), {"batch_size": 3}, True),
        (("batch", "steps", 8), {"steps": 7}, True),
        (("n", "steps", 8), {"steps": 7}, True),
        ((1, "steps", 8), {"steps": 7}, True),
        ((3, "steps", 8), {"steps": 7}, False),  # or three steps of any number of examples
    ],
)
def test_tokens_that_never_meet_are_told_from_examples_by_what_the_file_leaves_open(
    tmp_path: Path, shape: tuple[int | str, ...], sizes: dict[str, int], exact: bool
) -> None:
    found = read(model([N("MatMul", ["x", "k"], ["y"])], {"k": w(8, 5)}, shape), tmp_path, input_shape=sizes)
    assert (found.multiply_adds, found.exact) == (7 * 40, exact)


def test_examples_behind_their_features_are_told_by_the_name_of_the_axis(tmp_path: Path) -> None:
    made = model([N("MatMul", ["k", "x"], ["y"])], {"k": w(5, 8)}, (8, "batch"))
    assert (read(made, tmp_path).multiply_adds, read(made, tmp_path).exact) == (40, True)
    assert read(made, tmp_path, input_shape={"batch": 3}).multiply_adds == 40


@pytest.mark.parametrize(
    ("first", "second", "given", "rows", "exact"),
    [
        (("n", 3, 6, 6), ("n", 8), None, 1, True),
        (("n", 3, 6, 6), (1, 8), None, 1, True),
        (("unk_1", 3, 6, 6), ("unk_2", 8), None, 1, True),
        ((3, 3, 6, 6), (3, 8), None, 1, True),
        ((1, 3, 6, 6), ("n", 8), None, 1, False),  # examples, or tokens
        ((3, 3, 6, 6), ("n", 8), None, 1, False),
        ((1, 3, 6, 6), ("n", 8), {"n": 7}, 7, True),
        ((1, 3, 6, 6), ("n", 8), {"z": (7, 8)}, 7, True),
        ((1, 3, 6, 6), ("n", 8), {"z": (8,)}, 1, True),
        ((3, 3, 6, 6), ("n", 8), {"z": (8,)}, 1, True),
    ],
)
def test_what_is_open_in_front_of_a_second_input_may_count_anything_beside_a_fixed_batch(
    tmp_path: Path, first: Any, second: Any, given: Any, rows: int, exact: bool
) -> None:
    nodes = [N("Conv", ["x", "k"], ["a"]), N("MatMul", ["z", "v"], ["y"])]
    made = model(nodes, {"k": w(4, 3, 3, 3), "v": w(8, 5)}, first)
    made.graph.input.append(info("z", second))
    found = read(made, tmp_path, input_shape=given)
    assert (found.multiply_adds, found.exact) == (CONV + rows * 40, exact)
    assert exact or "its sizes (n, 8) are open" in found.passed_over[0].reason


def test_an_image_that_all_rows_of_another_input_read_is_no_sign_of_examples(tmp_path: Path) -> None:
    nodes = [N("MatMul", ["z", "k"], ["h"]), N("MatMul", ["x", "h"], ["y"])]
    made = model(nodes, {"k": w(8, 4)}, (6, 6))
    made.graph.input.append(info("z", [6, 8]))
    assert not read(made, tmp_path).exact


@pytest.mark.parametrize("batch", [1, 3])
def test_a_scan_over_images_is_said_to_be_a_guess(tmp_path: Path, batch: int) -> None:
    inner = [N("Unsqueeze", ["step", "front"], ["u"]), N("Conv", ["u", "k"], ["c"])]
    body = helper.make_graph(inner, "body", [info("step", [3, 6, 6])], [info("c", None)])
    constants = {"k": w(4, 3, 3, 3), "front": np.array([0])}
    made = model([N("Scan", ["x"], ["y"], body=body, num_scan_inputs=1)], constants, (batch, 3, 6, 6))
    assert read(made, tmp_path).exact is (batch == 1)


@pytest.mark.parametrize(("read_as", "written", "expected"), [
    ((6, 4), (24,), [((0, 6), (1, 4))]),
    ((24,), (6, 4), [((0, 6),), ((0, 4),)]),
    ((6, 4), (2, 12), [((0, 2),), ((0, 3), (1, 4))]),
    ((6, 1, 8), (6, 8), [((0, 6), (1, 0)), ((1, 0), (2, 8))]),
    ((1, 6, 8), (6, 2, 4), [((0, 0), (1, 6)), ((2, 2),), ((2, 4),)]),
    ((1, 6), (1, 2, 3), [((0, 1),), ((0, 0), (1, 2)), ((1, 3),)]),
])  # fmt: skip
def test_labels_behind_a_reshape(read_as: Any, written: Any, expected: Any) -> None:
    labels = tuple(((axis, size),) for axis, size in enumerate(read_as))
    assert list(regrouped(labels, read_as, written)) == expected


@pytest.mark.parametrize(
    "node", [N("Mul", ["x", "k"], ["y"]), N("LayerNormalization", ["x", "k"], ["y"])], ids=lambda node: node.op_type
)
def test_a_batch_that_no_operator_tells_of_is_said_to_be_a_guess(tmp_path: Path, node: Any) -> None:
    nodes, constants = [node], {"k": w(7)}
    found = read(model(nodes, constants, (6, 4, 7)), tmp_path)
    assert not found.exact
    assert [entry.reason for entry in found.passed_over] == [
        "no operator says whether its axis 0 counts 6 examples, as is taken here: export it with one example"
    ]
    assert read(model(nodes, constants, (1, 4, 7)), tmp_path).exact


@pytest.mark.parametrize(("operator", "gates"), [("LSTM", 4), ("GRU", 3), ("RNN", 1)])
def test_a_recurrent_layer_reads_time_first_and_with_layout_1_examples(
    tmp_path: Path, operator: str, gates: int
) -> None:
    step, constants = gates * 5 * (7 + 5), {"k": w(1, gates * 5, 7), "r": w(1, gates * 5, 5)}
    for layout, shapes in (
        (0, [("t", "n", 7), ("t", 1, 7), (9, 1, 7), (9, 3, 7)]),
        (1, [("n", "t", 7), (1, "t", 7), (1, 9, 7), (3, 9, 7)]),
    ):
        nodes = [N(operator, ["x", "k", "r"], ["y"], hidden_size=5, **({"layout": 1} if layout else {}))]
        for shape in shapes:
            named = {name: 9 if name == "t" else 1 for name in shape if isinstance(name, str)}
            found = read(model(nodes, constants, shape), tmp_path, **({"input_shape": named} if named else {}))
            assert (found.multiply_adds, found.exact) == (9 * step, True)


def test_examples_that_are_put_behind_time_stay_examples(tmp_path: Path) -> None:
    nodes = [N("Transpose", ["x"], ["t"], perm=[1, 0, 2]), N("GRU", ["t", "k", "r"], ["y"], hidden_size=5)]
    found = read(model(nodes, {"k": w(1, 15, 7), "r": w(1, 15, 5)}, (4, 9, 7)), tmp_path)
    assert (found.multiply_adds, found.exact) == (9 * 15 * 12, True)


def recurrent(operator: str, shape: Sequence[int | str], *before: Any, **attributes: Any) -> Any:
    """Return a layer of width 6 on five features, with a linear one to three outputs behind it."""
    gates, ways = {"LSTM": 4, "GRU": 3, "RNN": 1}[operator], 2 if "direction" in attributes else 1
    nodes = [
        *before,
        N(operator, ["t" if before else "x", "k", "r"], ["h"], hidden_size=6, **attributes),
        N("MatMul", ["h", "v"], ["y"]),
    ]
    constants = {"k": w(ways, gates * 6, 5), "r": w(ways, gates * 6, 6), "v": w(6, 3)}
    constants |= {"one": np.array([1]), "shape": np.array([7, 3, 5])} if before else {}
    return model(nodes, constants, shape)


STEP = {"LSTM": 24 * 11 + 18, "GRU": 18 * 11 + 18, "RNN": 6 * 11 + 18}
"""Multiply–adds of one example at one step."""


@pytest.mark.parametrize("operator", STEP)
@pytest.mark.parametrize("shape", [("steps", "n", 5), (7, 3, 5), (7, "n", 5), ("steps", 3, 5)])
@pytest.mark.parametrize("examples", [1, 3])
def test_recurrent_layers_read_steps_first(
    tmp_path: Path, operator: str, shape: tuple[int | str, ...], examples: int
) -> None:
    sizes = {name: size for name, size in (("steps", 7), ("n", examples)) if name in shape}
    found = read(recurrent(operator, shape), tmp_path, input_shape=sizes)
    assert (found.multiply_adds, found.exact, found.input_shape) == (7 * STEP[operator], True, (7, 1, 5))
    assert read(recurrent(operator, shape), tmp_path, input_shape=(7, 5)).multiply_adds == 7 * STEP[operator]
    both_ways = read(recurrent(operator, shape, direction="bidirectional"), tmp_path, input_shape=sizes)
    assert (both_ways.multiply_adds, both_ways.exact) == (2 * 7 * STEP[operator], True)


@pytest.mark.parametrize("shape", [("n", "steps", 5), (3, 7, 5), (1, "steps", 5)])
@pytest.mark.parametrize("turned", [True, False])
def test_recurrent_layers_behind_a_transposition_or_of_the_other_layout(
    tmp_path: Path, shape: tuple[int | str, ...], turned: bool
) -> None:
    made = recurrent("GRU", shape, N("Transpose", ["x"], ["t"], perm=[1, 0, 2])) if turned else None
    found = read(made or recurrent("GRU", shape, layout=1), tmp_path, input_shape=(7, 5))
    assert (found.multiply_adds, found.exact) == (7 * STEP["GRU"], True)


def test_recurrent_layers_without_a_batch_or_behind_a_reshape(tmp_path: Path) -> None:
    alone = read(recurrent("LSTM", ("steps", 5), N("Unsqueeze", ["x", "one"], ["t"])), tmp_path, input_shape=(7, 5))
    assert alone.multiply_adds == 7 * STEP["LSTM"]
    joined = read(recurrent("LSTM", (1, 7, 3, 5), N("Reshape", ["x", "shape"], ["t"])), tmp_path)
    assert joined.multiply_adds == 7 * 3 * STEP["LSTM"]


def test_states_of_a_recurrent_layer_have_the_batch_of_the_sequence(tmp_path: Path) -> None:
    made = recurrent("LSTM", ("steps", "n", 5))
    made.graph.node[0].input.extend(["", "lengths", "first", "cell"])
    states = [info("first", (1, "n", 6)), info("cell", (1, "n", 6)), info("lengths", ("n",), TensorProto.INT32)]
    made.graph.input.extend(states)
    found = read(made, tmp_path, input_shape={"steps": 7, "n": 3})
    assert (found.multiply_adds, found.exact) == (7 * STEP["LSTM"], False)
    assert "how long its sequences are is not known" in found.passed_over[0].reason


@pytest.mark.parametrize("operator", STEP)
@pytest.mark.parametrize("ways", [1, 2])
@pytest.mark.parametrize("layout", [0, 1])
@pytest.mark.parametrize(
    ("lengths", "steps", "exact"),
    [([4], 4, True), ([0], 0, True), ([4] * 3, 4, True), ([4, 2, 1], 4, False), ([9], 7, False), ([-1], 7, False)],
)
def test_recurrent_layers_take_no_steps_in_what_pads_a_sequence(
    tmp_path: Path, operator: str, ways: int, layout: int, lengths: list[int], steps: int, exact: bool
) -> None:
    shape = (len(lengths), 7, 5) if layout else (7, len(lengths), 5)
    gates, way = {"LSTM": 4, "GRU": 3, "RNN": 1}[operator], {"direction": "bidirectional"} if ways == 2 else {}
    made = recurrent(operator, shape, layout=layout, **way)
    made.graph.node[0].input.extend(["", "lengths"])
    made.graph.initializer.append(numpy_helper.from_array(np.array(lengths, np.int32), "lengths"))
    found = read(made, tmp_path)
    weights, linear = ways * gates * 6 * (5 + 6), ways * 7 * 6 * 3  # the layer behind reads every step
    assert (found.multiply_adds, found.exact) == (steps * weights + linear, exact)


@pytest.mark.parametrize("perm", [[0, 1, 2], [1, 0, 2]])
def test_lengths_of_sequences_say_which_axis_counts_examples(tmp_path: Path, perm: list[int]) -> None:
    nodes = [
        N("Transpose", ["x"], ["t"], perm=perm),
        N("ReverseSequence", ["t", "lengths"], ["u"], batch_axis=1, time_axis=0),
        N("MatMul", ["u", "v"], ["y"]),
    ]
    shape = tuple((7, 3, 5)[axis] for axis in perm)
    found = read(model(nodes, {"v": w(5, 4), "lengths": np.array([7, 2, 5])}, shape), tmp_path)
    assert (found.multiply_adds, found.exact) == (7 * 20, True)


@pytest.mark.parametrize(
    "operator", ["QLinearConv", "ConvInteger", "com.microsoft.FusedConv", "com.microsoft.DynamicQuantizeLSTM"]
)
def test_fused_and_quantized_operators_know_examples_as_plain_ones_do(operator: str) -> None:
    reads = ("x", "s", "z", "k") if operator == "QLinearConv" else ("x", "k")
    written = [
        Operation("DequantizeLinear", "", ("q", "s", "z"), ("x",), {}),
        Operation(operator, "", reads, ("y",), {}),
    ]
    axes = axes_of(written, "q", 3, {}, lambda _: None)
    assert (axes.batched, axes.examples) == (True, int("LSTM" in operator))


def paired(*, unbatched: bool = False) -> list[Any]:
    """Return attention of a sequence with itself, written out: steps are the first axis, and what is kept the second."""
    nodes = [
        N("Transpose", ["x"], ["q"], perm=[1, 0, 2]),
        N("Transpose", ["x"], ["k"], perm=[1, 2, 0]),
        N("MatMul", ["q", "k"], ["scores"]),
        N("Softmax", ["scores"], ["p"], axis=-1),
        N("MatMul", ["p", "q"], ["o"]),
        N("Transpose", ["o"], ["y"], perm=[1, 0, 2]),
    ]
    return [*nodes, N("Reshape", ["y", "joined"], ["z"]), N("MatMul", ["z", "v"], ["w"])] if unbatched else nodes


@pytest.mark.parametrize("shape", [(7, 1, 4), (7, 3, 4), ("steps", "n", 4), ("steps", 3, 4)])
@pytest.mark.parametrize("einsum", [True, False])
def test_entries_that_attend_to_each_other_are_no_examples(
    tmp_path: Path, shape: tuple[int | str, ...], einsum: bool
) -> None:
    sums = [
        N("Einsum", ["x", "x"], ["s"], equation="snd,tnd->nst"),
        N("Einsum", ["s", "x"], ["y"], equation="nst,tnd->snd"),
    ]
    found = read(model(sums if einsum else paired(), {}, shape), tmp_path, input_shape=(7, 4))
    assert (found.activation_multiply_adds, found.exact) == (2 * 7 * 7 * 4, True)


@pytest.mark.parametrize("equation", ["abc->ab", "abcd,cd->abd", "a...bcde,cd->a", " ", "abc,cd,de->ae"])
def test_sums_that_do_not_fit_are_refused_by_name(tmp_path: Path, equation: str) -> None:
    made = model([N("Einsum", ["x", "k"], ["y"], "odd", equation=equation)], {"k": w(4, 5)}, ("n", 7, 4))
    with pytest.raises(ValueError, match="Einsum 'odd'"):
        read(made, tmp_path, input_shape=(7, 4))


def test_a_mean_over_axes_that_are_computed_says_nothing_of_examples(tmp_path: Path) -> None:
    nodes = [N("Add", ["one", "zero"], ["axes"]), N("ReduceMean", ["x", "axes"], ["m"]), N("MatMul", ["m", "k"], ["y"])]
    constants = {"one": np.array([1]), "zero": np.array([0]), "k": w(4, 5)}
    found = read(model(nodes, constants, ("n", 7, 4), opset=18), tmp_path, input_shape=(7, 4))
    assert (found.multiply_adds, found.exact) == (20, True)


def test_an_axis_that_a_tensor_has_twice_counts_no_examples(tmp_path: Path) -> None:
    nodes = [N("Transpose", ["x"], ["q"], perm=[1, 0, 2]), N("Transpose", ["x"], ["k"], perm=[1, 2, 0])]
    made = model([*nodes, N("MatMul", ["q", "k"], ["scores"])], {}, (7, 3, 4))
    assert read(made, tmp_path).activation_multiply_adds == 7 * 7 * 4


def test_heads_are_no_examples_where_they_are_joined_again(tmp_path: Path) -> None:
    constants = {"joined": np.array([7, 12]), "v": w(12, 5)}
    found = read(model(paired(unbatched=True), constants, (7, 3, 4)), tmp_path)
    assert (found.activation_multiply_adds, found.multiply_adds) == (3 * 2 * 7 * 7 * 4, 7 * 12 * 5)


@pytest.mark.parametrize("examples", [1, 3])
def test_attention_of_two_heads_that_pytorch_writes_out(tmp_path: Path, examples: int) -> None:
    split, whole = np.array([7, 2 * examples, 4]), np.array([7, examples, 8])
    nodes = [N("MatMul", ["x", "wide"], ["qkv"]), N("Split", ["qkv"], ["q", "k", "v"], axis=-1, num_outputs=3)]
    for name, perm in (("q", [1, 0, 2]), ("k", [1, 2, 0]), ("v", [1, 0, 2])):
        nodes += [N("Reshape", [name, "split"], [f"{name}1"]), N("Transpose", [f"{name}1"], [f"{name}2"], perm=perm)]
    nodes += [
        N("MatMul", ["q2", "k2"], ["s"]),
        N("MatMul", ["s", "v2"], ["o"]),
        N("Transpose", ["o"], ["t"], perm=[1, 0, 2]),
    ]
    nodes += [N("Reshape", ["t", "whole"], ["u"]), N("MatMul", ["u", "out"], ["y"])]
    made = model(nodes, {"wide": w(8, 24), "out": w(8, 8), "split": split, "whole": whole}, (7, examples, 8), opset=18)
    found = read(made, tmp_path)
    assert (found.multiply_adds, found.activation_multiply_adds, found.exact) == (7 * 8 * 32, 2 * 7 * 7 * 8, True)


@pytest.mark.parametrize("shape", [("steps", "n", 4), (5, 3, 4), (5, "n", 4)])
@pytest.mark.parametrize("given", [(5, 4), {"steps": 5, "n": 3}])
def test_a_convolution_reads_examples_first_wherever_they_were(
    tmp_path: Path, shape: tuple[int | str, ...], given: Any
) -> None:
    nodes = [N("Transpose", ["x"], ["t"], perm=[1, 2, 0]), N("Conv", ["t", "k"], ["y"], pads=[1, 1])]
    sizes = {name: size for name, size in given.items() if name in shape} if isinstance(given, dict) else given
    found = read(model(nodes, {"k": w(6, 4, 3)}, shape), tmp_path, input_shape=sizes or None)
    assert (found.multiply_adds, found.exact) == (5 * 4 * 6 * 3, True)


@pytest.mark.parametrize("batch", [1, 3, "n", None])
def test_a_pointwise_convolution_takes_steps_for_examples_as_a_matrix_does(
    tmp_path: Path, batch: int | str | None
) -> None:
    """So `rewrite` writes the linear layers of a transformer whose steps come first."""
    first, apart = ([1, 2, 0], [2, 0, 1]) if batch else ([0, 1, 2], [2, 0, 1])
    nodes = [N("Transpose" if batch else "Unsqueeze", ["x"], ["t"], **({"perm": first} if batch else {"axes": [2]}))]
    nodes += [N("Conv", ["t", "k"], ["c"]), N("Transpose", ["c"], ["q"], perm=apart)]
    nodes += [N("Transpose", ["c"], ["p"], perm=[2, 1, 0]), N("MatMul", ["q", "p"], ["s"]), N("Softmax", ["s"], ["a"])]
    made = model(
        [*nodes, N("MatMul", ["a", "q"], ["y"])], {"k": w(8, 8, 1)}, (batch, 5, 8) if batch else (5, 8), opset=12
    )
    found = read(made, tmp_path)
    assert (found.multiply_adds, found.activation_multiply_adds, found.exact) == (5 * 64, 2 * 25 * 8, True)


@pytest.mark.parametrize("batch", [1, 2])
def test_a_pointwise_convolution_in_front_of_a_recurrent_layer(tmp_path: Path, batch: int) -> None:
    nodes = [N("Transpose", ["x"], ["t"], perm=[0, 2, 1]), N("Conv", ["t", "k"], ["c"])]
    nodes += [N("Transpose", ["c"], ["s"], perm=[0, 2, 1]), N("LSTM", ["s", "v", "r"], ["y"], hidden_size=3)]
    found = read(model(nodes, {"k": w(6, 4, 1), "v": w(1, 12, 6), "r": w(1, 12, 3)}, (7, batch, 4)), tmp_path)
    assert (found.multiply_adds, found.exact) == (7 * (24 + 12 * 9), True)


def test_frames_whose_steps_meet_behind_a_convolution_are_no_examples(tmp_path: Path) -> None:
    nodes = [N("Reshape", ["x", "frames"], ["f"]), N("Conv", ["f", "c"], ["g"]), N("Reshape", ["g", "apart"], ["h"])]
    nodes += [N("CumSum", ["h", "first"], ["s"]), N("ReduceMean", ["s"], ["y"], axes=[0])]
    constants = {"frames": np.array([21, 3, 8, 8]), "apart": np.array([7, 3, 6, 6, 6]), "first": np.array(0)}
    found = read(model(nodes, constants | {"c": w(6, 3, 3, 3)}, (7, 3, 3, 8, 8)), tmp_path)
    assert (found.multiply_adds, found.exact) == (7 * 36 * 6 * 27, True)


@pytest.mark.parametrize(("shape", "exact"), [((7, 3, 4), False), ((7, 1, 4), True), ((1, 3, 4), True)])
def test_where_steps_in_front_meet_the_next_axis_may_count_examples_or_nothing_does(
    tmp_path: Path, shape: tuple[int, ...], exact: bool
) -> None:
    nodes = [N("MatMul", ["x", "k"], ["h"]), N("ReduceMean", ["h"], ["m"], axes=[0]), N("Add", ["h", "m"], ["y"])]
    found = read(model(nodes, {"k": w(shape[2], 6)}, shape), tmp_path)
    assert found.exact is exact
    assert found.multiply_adds == np.prod(shape) * 6 or not exact


@pytest.mark.parametrize("steps_first", [True, False])
def test_frames_that_are_joined_to_examples_are_told_apart_again(tmp_path: Path, steps_first: bool) -> None:
    shape = (7, 3) if steps_first else (3, 7)
    nodes = [N("Reshape", ["x", "frames"], ["f"]), N("Conv", ["f", "c"], ["g"]), N("GlobalAveragePool", ["g"], ["h"])]
    nodes += [N("Reshape", ["h", "apart"], ["s" if steps_first else "a"])]
    nodes += [] if steps_first else [N("Transpose", ["a"], ["s"], perm=[1, 0, 2])]
    nodes += [N("GRU", ["s", "k", "r"], ["y"], hidden_size=5)]
    constants = {"frames": np.array([21, 3, 8, 8]), "apart": np.array([*shape, 6])}
    constants |= {"c": w(6, 3, 3, 3), "k": w(1, 15, 6), "r": w(1, 15, 5)}
    found = read(model(nodes, constants, (*shape, 3, 8, 8)), tmp_path)
    assert (found.multiply_adds, found.exact) == (7 * (36 * 6 * 27 + 15 * 11), True)


def test_an_input_without_batch_is_read_as_it_is(tmp_path: Path) -> None:
    nodes = [
        N("Unsqueeze", ["x", "a"], ["u"]),
        N("Transpose", ["u"], ["t"], perm=[0, 3, 1, 2]),
        N("Conv", ["t", "k"], ["y"]),
    ]
    constants = {"k": w(8, 3, 1, 1), "a": np.array([0])}
    fixed = read(model(nodes, constants, (5, 7, 3)), tmp_path)
    assert (fixed.multiply_adds, fixed.input_shape) == (24 * 35, (3, 5, 7))
    assert fixed.graph is not None
    assert not fixed.graph.batched
    assert read(model(nodes, constants, ("h", "w", 3)), tmp_path, input_shape=(3, 4, 6)).multiply_adds == 24 * 24


def test_tokens_and_sizes_by_name(tmp_path: Path) -> None:
    nodes = [N("Gather", ["e", "x"], ["a"]), N("Mul", ["a", "scale"], ["b"]), N("MatMul", ["b", "k"], ["y"])]
    made = model(nodes, {"e": w(9, 4), "k": w(4, 5)}, ("n", "steps"))
    made.graph.input[0].type.tensor_type.elem_type = TensorProto.INT64
    made.graph.input.append(info("scale", ["n", "steps", 4]))
    with pytest.raises(ValueError, match=r"sizes of 'x', \(n, steps\), open: give input_shape"):
        read(made, tmp_path)
    for given in ((7,), {"x": (7,)}, {"steps": 7}, {"x": (7,), "scale": (7, 4)}):
        found = read(made, tmp_path, input_shape=given)
        assert (found.multiply_adds, found.exact) == (20 * 7, True), given
    with pytest.raises(ValueError, match="names 'z', which the file does not have: it has scale, x"):
        read(made, tmp_path, input_shape={"z": (7,)})


def test_the_image_need_not_be_the_first_input(tmp_path: Path) -> None:
    made = model([N("Conv", ["image", "k"], ["a"]), N("Mul", ["a", "x"], ["y"])], {"k": w(8, 3, 1, 1)}, ("n", 1))
    made.graph.input.append(info("image", ["n", 3, 5, 5]))
    assert read(made, tmp_path).input_shape == (3, 5, 5)


@pytest.mark.parametrize("nodes", [
    [N("Range", ["zero", "six", "one"], ["r"]), N("Gather", ["k6", "r"], ["k"])],
    [N("Tile", ["k1", "reps"], ["k"])],
    [N("Split", ["k12"], ["k", "rest"], axis=0)],
    [N("Less", ["zero", "six"], ["c"]), N("Where", ["c", "k6", "k1"], ["k"])],
    [N("SequenceConstruct", ["k6"], ["s"]), N("SequenceAt", ["s", "zero"], ["k"])],
])  # fmt: skip
def test_kernels_are_computed_by_any_operator(tmp_path: Path, nodes: list[Any]) -> None:
    whole = {"k1": w(1, 4, 3, 3), "k6": w(6, 4, 3, 3), "k12": w(12, 4, 3, 3), "reps": np.array([6, 1, 1, 1])}
    numbers = {"zero": np.array(0), "six": np.array(6), "one": np.array(1)}
    read_too = {name for node in nodes for name in node.input}
    constants = {name: array for name, array in (whole | numbers).items() if name in read_too}
    found = read(model([*nodes, N("Conv", ["x", "k"], ["y"])], constants), tmp_path)
    assert (found.multiply_adds, found.exact) == (216 * 16, True)
    assert found.graph is not None
    assert "k" in found.graph.constants


def test_values_and_origins_of_what_is_computed(tmp_path: Path) -> None:
    kernel, scale = w(6, 4, 3, 3), w(6, 1, 1, 1)
    nodes = [N("Mul", ["k", "s"], ["a"]), N("Transpose", ["a"], ["b"], perm=[0, 1, 3, 2]), N("Conv", ["x", "b"], ["y"])]
    graph = read(model(nodes, {"k": kernel, "s": scale, "unused": w(3)}), tmp_path).graph
    assert graph is not None
    computed = graph.constants["b"]
    assert (computed.shape, computed.dtype, computed.origins) == ((6, 4, 3, 3), "float32", {"k", "s"})
    assert np.array_equal(computed.values(), (kernel * scale).transpose(0, 1, 3, 2))
    assert set(graph.stored) == {"k", "s", "unused"}


def test_nothing_is_computed_that_is_too_large(tmp_path: Path) -> None:
    nodes = [N("Tile", ["k", "s"], ["e"]), N("MatMul", ["x", "e"], ["y"])]
    graph = read(model(nodes, {"k": w(1, 1), "s": np.array([10**5, 10**4])}, (1, 10**5)), tmp_path).graph
    assert graph is not None
    assert (graph.constants["e"].shape, graph.constants["e"].values()) == ((10**5, 10**4), None)


@pytest.mark.parametrize(
    ("kind", "dtype"), [(TensorProto.BFLOAT16, "bfloat16"), (TensorProto.FLOAT8E4M3FN, "float8_e4m3fn")]
)
def test_short_types_are_widened(tmp_path: Path, kind: int, dtype: str) -> None:
    made = model([N("MatMul", ["x", "k"], ["y"])], {}, (1, 4))
    made.graph.initializer.append(helper.make_tensor("k", kind, [4, 2], [1, 2, -0.5, 0, 1, 1, 4, 8]))
    graph = read(made, tmp_path).graph
    assert graph is not None
    assert graph.stored["k"].dtype == dtype
    values = graph.constants["k"].values()
    assert values is not None
    assert (values.dtype, values.tolist()) == (np.float32, [[1, 2], [-0.5, 0], [1, 1], [4, 8]])


def test_sparse_arrays(tmp_path: Path) -> None:
    made = model([N("MatMul", ["x", "k"], ["y"])], {}, (1, 4))
    entries, places = (
        numpy_helper.from_array(np.array([3, 5], np.float32), "k"),
        numpy_helper.from_array(np.array([1, 6]), "p"),
    )
    made.graph.sparse_initializer.append(helper.make_sparse_tensor(entries, places, [4, 2]))
    graph = read(made, tmp_path).graph
    assert graph is not None
    assert np.array_equal(graph.constants["k"].values(), [[0, 3], [0, 0], [0, 0], [5, 0]])


@pytest.mark.parametrize("says_where", [False, True])
def test_long_arrays_are_views_of_the_file(tmp_path: Path, says_where: bool) -> None:
    """Also where an array says that it lies in the file itself, as arrays do that were in another one before."""
    kernel = w(64, 64)
    made = model([N("MatMul", ["x", "k"], ["y"])], {"k": kernel}, (1, 64))
    if says_where:
        made.graph.initializer[0].data_location = onnx.TensorProto.DEFAULT
    graph = read(made, tmp_path).graph
    assert graph is not None
    values = graph.constants["k"].native()
    assert values is not None
    assert np.array_equal(values, kernel)
    assert not values.flags.owndata
    assert not values.flags.writeable


def loop(times: Any, goes_on: Any) -> Any:
    inner = [N("Conv", ["v", "k"], ["v2"], pads=[1] * 4), goes_on]
    reads, returns = [info("i", [], 7), info("go", [], 9), info("v", None)], [info("go2", [], 9), info("v2", None)]
    body = helper.make_graph(inner, "body", reads, returns)
    return model(
        [N("Loop", ["t", "c", "x"], ["y"], "loop", body=body)], {"k": w(4, 4, 3, 3), "t": times, "c": np.array(True)}
    )


def test_loops_run_as_often_as_they_say(tmp_path: Path) -> None:
    counted = read(loop(np.array(5), N("Identity", ["go"], ["go2"])), tmp_path)
    assert (counted.parameters, counted.multiply_adds, counted.exact) == (144, 5 * 144 * 36, True)
    once = read(loop(np.array(5), N("Not", ["go"], ["go2"])), tmp_path)
    assert (once.multiply_adds, once.exact) == (144 * 36, True)
    checks = [N("ReduceMax", ["v2"], ["m"], keepdims=0), N("Less", ["m", "one"], ["go2"])]
    made = loop(np.array(5), checks[0])
    body = made.graph.node[0].attribute[0].g
    body.node.append(checks[1])
    body.initializer.append(numpy_helper.from_array(np.float32(1), "one"))
    unknown = read(made, tmp_path)
    assert (unknown.parameters, unknown.exact) == (144, False)
    assert ("loop", "Loop") in [(entry.name, entry.operator) for entry in unknown.passed_over]


@pytest.mark.parametrize(("shape", "perm"), [((1, 7, 4), [1, 0, 2]), ((7, 1, 4), [0, 1, 2]), ((7, 3, 4), [0, 1, 2])])
def test_scans_run_along_their_input(tmp_path: Path, shape: tuple[int, ...], perm: list[int]) -> None:
    examples = shape[perm[1]]
    inner = [N("MatMul", ["step", "k"], ["z"]), N("Add", ["state", "z"], ["next"]), N("Identity", ["next"], ["out"])]
    body = helper.make_graph(
        inner, "body", [info("state", None), info("step", None)], [info("next", None), info("out", None)]
    )
    nodes = [N("Transpose", ["x"], ["t"], perm=perm)]
    nodes += [N("Scan", ["zero", "t"], ["last", "y"], "scan", body=body, num_scan_inputs=1)]
    found = read(model(nodes, {"k": w(4, 4), "zero": np.zeros((examples, 4), np.float32)}, shape), tmp_path)
    assert (found.parameters, found.multiply_adds, found.exact) == (16, 7 * 16, True)
    assert found.graph is not None
    assert found.graph.shapes["y"] == (7, examples, 4)


def test_functions_nested_without_end_are_refused(tmp_path: Path) -> None:
    sets = [helper.make_opsetid("my.own", 1), helper.make_opsetid("", 17)]

    def nested(k: int) -> Any:
        inside = [N(f"F{k - 1}", ["a"], ["t"], domain="my.own"), N(f"F{k - 1}", ["t"], ["b"], domain="my.own")]
        return helper.make_function("my.own", f"F{k}", ["a"], ["b"], inside if k else [N("Relu", ["a"], ["b"])], sets)

    call = [N("F29", ["x"], ["y"], domain="my.own")]
    with pytest.raises(ValueError, match=r"^path=.* unpack to more than"):
        read(model(call, functions=[nested(k) for k in range(30)]), tmp_path)
    itself = helper.make_function("my.own", "F29", ["a"], ["b"], [N("F29", ["a"], ["b"], domain="my.own")], sets)
    with pytest.raises(ValueError, match=r"^path=.* calls itself"):
        read(model(call, functions=[itself]), tmp_path)


def function(name: str, *inner: Any, taken: Sequence[str] = (), overload: str = "") -> Any:
    """Return a function of `v` that writes `z`; its first node takes attributes from the call."""
    sets = [helper.make_opsetid("", 17), helper.make_opsetid("my.own", 1)]
    made = helper.make_function("my.own", name, ["v"], ["z"], inner, sets, attributes=taken, overload=overload)
    for attribute in taken:
        made.node[0].attribute.add(name="value", type=onnx.AttributeProto.TENSOR, ref_attr_name=attribute)
    return made


def call(name: str, read_from: str, write_to: str, **attributes: Any) -> Any:
    return N(name, [read_from], [write_to], domain="my.own", **attributes)


def tensor(*shape: int) -> Any:
    return numpy_helper.from_array(w(*shape))


PRODUCT = [N("Constant", [], ["k"]), N("MatMul", ["v", "k"], ["z"])]
LINEAR = function("Linear", *PRODUCT, taken=["value"])


@pytest.mark.parametrize(("functions", "calls", "arrays"), [
    ([LINEAR], [call("Linear", "x", "t", value=tensor(6, 6)), call("Linear", "t", "y", value=tensor(6, 6))], 2),
    (
        [LINEAR, function("Outer", call("Linear", "v", "z", value=tensor(6, 6)))],
        [call("Outer", "x", "t"), call("Outer", "t", "y")],
        1,
    ),
    (
        [LINEAR, function("Outer", call("Linear", "v", "z"), taken=["own"])],
        [call("Outer", "x", "t", own=tensor(6, 6)), call("Outer", "t", "y", own=tensor(6, 6))],
        2,
    ),
    (
        [function("F", N("Constant", [], ["k"], value=tensor(6, 6)), PRODUCT[1], overload=each) for each in ("one", "two")],
        [call("F", "x", "t", overload="one"), call("F", "t", "y", overload="two")],
        2,
    ),
], ids=["of the call", "of a function around it", "passed on", "overloads"])  # fmt: skip
def test_arrays_of_functions_count_where_they_are_written(
    tmp_path: Path, functions: list[Any], calls: list[Any], arrays: int
) -> None:
    found = read(model(calls, functions=functions), tmp_path)
    assert (found.parameters, found.multiply_adds, found.exact) == (arrays * 36, 2 * 24 * 36, True)


def test_arrays_of_bodies_count_even_if_their_nodes_share_a_name(tmp_path: Path) -> None:
    made, other = (loop(np.array(2), N("Identity", ["go"], ["go2"])) for _ in range(2))
    del made.graph.initializer[0]
    made.graph.node.extend(other.graph.node)
    for node, read_from, write_to in zip(made.graph.node, "xz", "zy", strict=True):
        node.input[2], node.output[0] = read_from, write_to
        node.attribute[0].g.initializer.append(numpy_helper.from_array(w(4, 4, 3, 3), "k"))
    found = read(made, tmp_path)
    assert (found.parameters, found.multiply_adds, found.exact) == (2 * 144, 4 * 144 * 36, True)


@pytest.mark.parametrize(("nodes", "constants", "sentence"), [
    ([N("Relu", ["b"], ["a"], "first"), N("Relu", ["a"], ["b"]), N("Add", ["x", "b"], ["y"])], {}, "by a detour"),
    ([N("Relu", ["x"], ["a"]), N("Abs", ["x"], ["a"], "again")], {}, "Abs 'again' writes 'a', which is written already"),
    ([N("Conv", ["x", "k"], ["y"], "odd", pads=[-9] * 4)], {"k": w(4, 4, 3, 3)}, "Conv 'odd'"),
    ([N("Conv", ["x", "k"], ["y"], "odd", strides=[2**62] * 2)], {"k": w(4, 4, 3, 3)}, "Conv 'odd' .* holds 4611686018427387904"),
    ([N("MatMul", ["x", "k"], ["y"], "odd")], {"k": w(5, 3)}, "MatMul 'odd' does not fit what it reads: 1×4×6×6, 5×3"),
    ([N("Conv", ["x", "k"], ["y"], "odd")], {"k": w(8, 3, 1, 1)}, "Conv 'odd' reads 4 channels, but its kernel takes 3"),
    ([N("Conv", ["x", "k"], ["y"], group=2)], {"k": w(8, 4, 1, 1)}, "Conv 'y' reads 4 channels, but its kernel takes 8"),
    ([N("Conv", ["x", "k"], ["y"], group=2)], {"k": w(7, 2, 1, 1)}, "Conv 'y' has 2 groups, which do not share 7 channels"),
    ([N("ConvTranspose", ["x", "k"], ["y"])], {"k": w(6, 3, 1, 1)}, "ConvTranspose 'y' reads 4 channels, but .* takes 6"),
])  # fmt: skip
def test_what_does_not_fit_is_refused(
    tmp_path: Path, nodes: list[Any], constants: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ValueError, match=rf"^path='.*made.onnx': .*{sentence}"):
        read(model(nodes, constants), tmp_path)


@pytest.mark.parametrize("opset", range(7, 24))
def test_operator_sets(tmp_path: Path, opset: int) -> None:
    nodes = [
        N("Conv", ["x", "k"], ["a"]),
        N("Relu", ["a"], ["b"]),
        N("Flatten", ["b"], ["c"]),
        N("Gemm", ["c", "f", "o"], ["y"]),
    ]
    found = read(model(nodes, {"k": w(2, 4, 3, 3), "f": w(32, 5), "o": w(5)}, opset=opset), tmp_path)
    assert (found.parameters, found.multiply_adds) == (72 + 165, 72 * 16 + 160)
