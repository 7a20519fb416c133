"""Damaged ONNX files: read, or refused in a sentence that names the file; nothing else, whatever is damaged."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from igc_theory.networks import read_onnx

onnx = pytest.importorskip("onnx", reason="the extra onnx is not installed")

from onnx import TensorProto, helper, numpy_helper

from tests.networks.readers.onnx_models import model

pytestmark = pytest.mark.hostile
N = helper.make_node
MUTANTS = 4_000
NUMBERS = [0, 1, -1, 2, 3, 7, 255, 999, 2**31 - 1, -(2**31), 2**40, 2**62, -(2**63), 2**63 - 1]
OPERATORS = ["Loop", "If", "Tile", "Range", "Resize", "Expand", "ConstantOfShape", "Conv", "Reshape"]
RNG = np.random.default_rng(0)


def w(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape).astype(np.float32)


def graph_seeds() -> Iterator[Any]:
    """Yield small models: a classifier, computed shapes and a shuffle, quantized weights, attention and a recurrent layer."""
    nodes = [N("Conv", ["x", "k", "b"], ["a"], pads=[1] * 4, group=2, strides=[2, 2], dilations=[1, 1])]
    nodes += [N("BatchNormalization", ["a", "b", "b", "b", "b"], ["c"]), N("Relu", ["c"], ["d"])]
    nodes += [N("MaxPool", ["d"], ["e"], kernel_shape=[2, 2]), N("Flatten", ["e"], ["f"])]
    yield model(
        [*nodes, N("Gemm", ["f", "v", "o"], ["y"], transB=1)], {"k": w(6, 2, 3, 3), "b": w(6), "v": w(3, 24), "o": w(3)}
    )
    nodes = [N("Shape", ["x"], ["s"]), N("Gather", ["s", "i"], ["t"]), N("Concat", ["t", "r"], ["u"], axis=0)]
    nodes += [N("Reshape", ["x", "u"], ["z"]), N("Transpose", ["z"], ["q"], perm=[0, 2, 1, 3, 4])]
    nodes += [N("Reshape", ["q", "k"], ["p"]), N("MatMul", ["p", "m"], ["y"])]
    places = {"i": np.array([0]), "r": np.array([2, 2, 6, 6]), "k": np.array([0, 4, 6, 6])}
    yield model(nodes, {**places, "m": w(6, 2)}, ("n", 4, 6, 6))
    nodes = [
        N("DequantizeLinear", ["q", "s", "z"], ["k"], axis=0),
        N("Conv", ["x", "k"], ["a"]),
        N("Mul", ["a", "g"], ["b"]),
    ]
    nodes += [N("Split", ["b"], ["d", "e"], axis=1), N("Concat", ["e", "d"], ["o"], axis=1)]
    held = {"q": np.ones((6, 4, 3, 3), np.int8), "s": w(6), "z": np.zeros(6, np.int8), "g": w(1, 6, 1, 1)}
    yield model(
        [*nodes, N("Slice", ["o", "st", "en"], ["y"])],
        {**held, "st": np.array([0, 0]), "en": np.array([1, 3])},
        opset=13,
    )
    nodes = [N("LayerNormalization", ["x", "g", "g"], ["b"]), N("MatMul", ["b", "k"], ["q"])]
    nodes += [N("Transpose", ["q"], ["t"], perm=[0, 2, 1]), N("MatMul", ["q", "t"], ["s"]), N("Softmax", ["s"], ["p"])]
    nodes += [N("MatMul", ["p", "q"], ["u"]), N("LSTM", ["u", "lw", "lr"], ["y"], hidden_size=3)]
    yield model(nodes, {"g": w(4), "k": w(4, 4), "lw": w(1, 12, 4), "lr": w(1, 12, 3)}, (2, 5, 4))


def body_seeds() -> Iterator[Any]:
    """Yield small models with a loop, with branches, and with a function that is called twice."""

    def info(name: str, shape: Any, kind: int = TensorProto.FLOAT) -> Any:
        return helper.make_tensor_value_info(name, kind, shape)

    def half(name: str) -> Any:
        held = [numpy_helper.from_array(w(2, 4, 1, 1), name)]
        return helper.make_graph([N("Conv", ["x", name], [f"{name}o"])], name, [], [info(f"{name}o", None)], held)

    inner = [N("Conv", ["v", "k"], ["v2"], pads=[1] * 4), N("Identity", ["go"], ["go2"])]
    reads, returns = [info("i", [], 7), info("go", [], 9), info("v", None)], [info("go2", [], 9), info("v2", None)]
    loop = N("Loop", ["times", "c", "x"], ["y"], body=helper.make_graph(inner, "body", reads, returns))
    yield model([loop], {"k": w(4, 4, 3, 3), "times": np.array(5), "c": np.array(True)})
    choice = N("If", ["c"], ["y"], then_branch=half("a"), else_branch=half("b"))
    yield model([N("Less", ["k", "l"], ["c"]), choice], {"k": np.array(1), "l": np.array(2)})
    nodes = [N("Conv", ["v", "k"], ["u"]), N("Relu", ["u"], ["z"])]
    function = helper.make_function("my.own", "F", ["v", "k"], ["z"], nodes, [helper.make_opsetid("", 17)])
    calls = [N("F", ["x", "k"], ["t"], domain="my.own"), N("F", ["t", "k"], ["y"], domain="my.own")]
    yield model(calls, {"k": w(4, 4, 1, 1)}, functions=[function])


def fields(message: Any) -> list[tuple[Any, Any, int | None]]:
    """Return every field that is set in a message and those within it, with the place in it of a repeated number or text."""
    found: list[tuple[Any, Any, int | None]] = []
    for field, value in message.ListFields():
        repeated = not isinstance(value, (str, bytes, int, float)) and hasattr(value, "__len__")
        if field.message_type:
            found += [entry for inner in (value if repeated else [value]) for entry in fields(inner)]
        found += [(message, field, place) for place in (range(len(value)) if repeated else [None])]
    return found


def another(old: Any, chance: random.Random, names: list[str]) -> Any:
    """Return a value of the same type that has no business there."""
    if isinstance(old, str):
        return chance.choice(["", "x", "é", *names])
    if isinstance(old, bytes):
        return chance.choice([b"", b"\xff\xfe", old[: len(old) // 2], old + b"x"])
    return chance.choice([0.0, -1.0, float("inf"), float("nan")] if isinstance(old, float) else NUMBERS)


def edit(made: Any, chance: random.Random) -> None:
    """Change, remove, double or exchange one field of a model."""
    message, field, place = chance.choice(fields(made))
    values, act = getattr(message, field.name), chance.random()
    names = [name for node in made.graph.node for name in (*node.input, *node.output)] + OPERATORS
    if place is None and (field.message_type or act < 0.15):
        message.ClearField(field.name)
    elif place is None:
        setattr(message, field.name, another(values, chance, names))
    elif act < 0.25:
        del values[place]
    elif field.message_type and act < 0.6:
        values.add().CopyFrom(values[place])
    elif field.message_type:
        values[place].CopyFrom(chance.choice(list(values)))
    elif act < 0.4:
        values.append(another(values[place], chance, names))
    else:
        values[place] = another(values[place], chance, names)


def damaged(content: bytes, chance: random.Random) -> bytes:
    """Return a file with a few bytes changed, cut off, or with up to three fields edited."""
    act = chance.random()
    if act < 0.2:
        changed = bytearray(content)
        for _ in range(chance.randint(1, 4)):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        return bytes(changed)
    if act < 0.25:
        return content[: chance.randrange(len(content))]
    made = onnx.ModelProto.FromString(content)
    for _ in range(chance.choice([1, 1, 1, 2, 3])):
        try:
            edit(made, chance)
        except (ValueError, TypeError, OverflowError):  # the field cannot hold that value
            continue
    return bytes(made.SerializeToString())


@pytest.mark.parametrize("seeds", [graph_seeds, body_seeds])
def test_damaged_files_are_read_or_refused(seeds: Callable[[], Iterator[Any]], tmp_path: Path) -> None:
    chance, path = random.Random(1), tmp_path / "damaged.onnx"
    contents = [made.SerializeToString() for made in seeds()]
    refusals = []
    for k in range(MUTANTS // 2):
        path.write_bytes(damaged(contents[k % len(contents)], chance))
        try:
            read_onnx(path)
        except ValueError as error:
            refusals.append(str(error))
    assert [text for text in refusals if not text.startswith(f"path={str(path)!r}: ")] == []
    assert 0.5 < len(refusals) / (MUTANTS // 2) < 0.95


def test_seeds_are_whole(tmp_path: Path) -> None:
    for k, made in enumerate([*graph_seeds(), *body_seeds()]):
        path = tmp_path / f"seed{k}.onnx"
        path.write_bytes(made.SerializeToString())
        assert read_onnx(path).parameters > 0
