"""Damaged ONNX files: read, or refused in a sentence that names the file; nothing else, whatever is damaged."""

from __future__ import annotations

import random
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from igc_theory.networks import read_onnx
from igc_theory.networks.readers.onnx_reader import read_content

onnx = pytest.importorskip("onnx", reason="the extra onnx is not installed")

from onnx import TensorProto, helper, numpy_helper

from tests.networks.readers.onnx_models import model

pytestmark = pytest.mark.hostile
N = helper.make_node
MUTANTS, PARTS = 20_000, 8
SECONDS = 2
"""Of the processor, for one file."""
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


def declared(made: Any, chance: random.Random) -> None:
    """Say of tensors what shapes they have: negative ones, huge ones, ones that contradict each other."""
    names = [name for node in made.graph.node for name in node.output]
    for entries in (made.graph.value_info, made.graph.output, made.graph.input):
        shape = [chance.choice([-1, -(2**62), 0, 1, 4, 6, 2**40, "n", None]) for _ in range(chance.randint(0, 5))]
        name = chance.choice([*names, "x", "y"])
        entries.append(helper.make_tensor_value_info(name, chance.choice([0, 1, 7, 16, 99]), shape))


def written_twice(made: Any, chance: random.Random) -> None:
    """Give two things one name: tensors, arrays, inputs, functions."""
    graph, node = made.graph, chance.choice(list(made.graph.node))
    name = chance.choice(["x", *(name for other in graph.node for name in other.output)])
    act = chance.randrange(5)
    if act == 0 and node.output:
        node.output[0] = name
    elif act == 1:
        node.output.append(name)
    elif act == 2:
        graph.initializer.append(numpy_helper.from_array(w(2, 2), name))
    elif act == 3:
        graph.input.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 2]))
    else:
        made.functions.extend([helper.make_function("my.own", "F", ["a"], [name], [N("Relu", ["a"], [name])], [])] * 2)


def bombs(made: Any, chance: random.Random) -> None:
    """Blow up what a node reads, with an operator that writes far more than it takes in the file."""
    graph, size = made.graph, chance.choice([2**12, 2**20, 2**28, 2**31, 2**40, 2**62])
    held = {"bomb.s": np.array([size, size]), "bomb.n": np.array(size), "bomb.o": np.array(1), "bomb.k": w(1, 1)}
    graph.initializer.extend(numpy_helper.from_array(array, name) for name, array in held.items())
    operator, read = chance.choice([
        ("Tile", ["bomb.k", "bomb.s"]), ("Expand", ["bomb.k", "bomb.s"]), ("ConstantOfShape", ["bomb.s"]),
        ("Range", ["bomb.o", "bomb.n", "bomb.o"]), ("Pad", ["bomb.k", "bomb.s"]), ("Resize", ["bomb.k", "", "", "bomb.s"]),
        ("OneHot", ["bomb.s", "bomb.n", "bomb.s"]), ("EyeLike", ["bomb.s"]), ("HannWindow", ["bomb.n"]),
        ("Upsample", ["bomb.k", "bomb.s"]),
    ])  # fmt: skip
    places = [(node, k) for node in graph.node for k in range(len(node.input))]
    node, place = chance.choice(places) if places else (graph.node[0], None)
    if place is not None:
        node.input[place] = "bomb"
    graph.node.insert(0, N(operator, read, ["bomb"], "bomb"))


def nested(made: Any, chance: random.Random) -> None:
    """Call functions that call others twice, or themselves, or stand many bodies deep."""
    depth, calls = chance.choice([2, 12, 30, 200]), chance.choice([1, 2, 9])
    sets, last = [helper.make_opsetid("my.own", 1), helper.make_opsetid("", 17)], chance.random() < 0.3
    inmost = N("N0", ["a"], ["b"], domain="my.own") if last else N("Relu", ["a"], ["b"])
    for k in range(depth):
        inside = [N(f"N{k - 1}", [f"t{j}" if j else "a"], [f"t{j + 1}"], domain="my.own") for j in range(calls)]
        body = [*inside, N("Identity", [f"t{calls}"], ["b"])] if k else [inmost]
        made.functions.append(helper.make_function("my.own", f"N{k}", ["a"], ["b"], body, sets))
    made.graph.node.append(N(f"N{depth - 1}", ["x"], ["nested"], domain="my.own"))


def deep(made: Any, chance: random.Random) -> None:
    """Put the nodes into branches within branches."""
    for k in range(chance.choice([1, 5, 20])):
        body = helper.make_graph(list(made.graph.node), "body", [], [helper.make_tensor_value_info("y", 1, None)])
        choice = N("If", [chance.choice(["x", "c"])], ["y"], f"if{k}", then_branch=body, else_branch=body)
        if choice.ByteSize() > 10**4:
            break
        del made.graph.node[:]
        made.graph.node.append(choice)


STRUCTURES, WEIGHTS = [declared, written_twice, bombs, nested, deep], [16, 16, 16, 1, 8]


def damaged(content: bytes, chance: random.Random) -> bytes:
    """Return a file with a few bytes changed, cut off, with what no exporter writes, or with up to three fields edited."""
    act = chance.random()
    if act < 0.15:
        made = onnx.ModelProto.FromString(content)
        chance.choices(STRUCTURES, WEIGHTS)[0](made, chance)
        return bytes(made.SerializeToString())
    if act < 0.3:
        changed = bytearray(content)
        for _ in range(chance.randint(1, 4)):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        return bytes(changed)
    if act < 0.35:
        return content[: chance.randrange(len(content))]
    made = onnx.ModelProto.FromString(content)
    for _ in range(chance.choice([1, 1, 1, 2, 3])):
        try:
            edit(made, chance)
        except (ValueError, TypeError, OverflowError):  # the field cannot hold that value
            continue
    return bytes(made.SerializeToString())


def outcome(content: bytes) -> str:
    """Return "read", "refused", or what is wrong with how a file was met."""
    start = time.process_time()
    try:
        read_content(Path("damaged.onnx"), content, {})
    except ValueError as error:
        reason, sentence = error.__cause__ or error, str(error)
        own = "igc_theory" in traceback.extract_tb(reason.__traceback__)[-1].filename
        if not own or not sentence.startswith("path='damaged.onnx': ") or len(sentence) > 700:
            return sentence[:700]
    except Exception as error:
        return repr(error)
    else:
        return "slow" if time.process_time() - start > SECONDS else "read"
    return "slow" if time.process_time() - start > SECONDS else "refused"


@pytest.mark.parametrize("part", range(PARTS))
def test_damaged_files_are_read_or_refused(part: int) -> None:
    chance = random.Random(part)
    contents = [made.SerializeToString() for made in (*graph_seeds(), *body_seeds())]
    found = {"read": 0, "refused": 0}
    for k in range(MUTANTS // PARTS):
        content = damaged(contents[k % len(contents)], chance)
        result = outcome(content)
        assert result in found, (part, k)
        found[result] += 1
    assert 0.5 < found["refused"] / (MUTANTS // PARTS) < 0.95


def test_seeds_are_whole(tmp_path: Path) -> None:
    for k, made in enumerate([*graph_seeds(), *body_seeds()]):
        path = tmp_path / f"seed{k}.onnx"
        path.write_bytes(made.SerializeToString())
        assert read_onnx(path).parameters > 0
