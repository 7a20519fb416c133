"""Small ONNX models made by hand, and where the real ones are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="the extra onnx is not installed")

from onnx import TensorProto, helper, numpy_helper

from igc_theory.networks import LayerGraph, read_onnx

LIGHT = sorted((Path(onnx.__file__).parent / "backend/test/data/light").glob("*.onnx"))
"""Graphs without trained weights that the package onnx ships."""


ON_ONE_WORKER = pytest.mark.xdist_group("graphs of onnx")
"""For tests of these graphs: another worker would read them again."""


@cache
def shipped(path: Path) -> LayerGraph:
    """Return what is read from one of these graphs: once for all tests, none of which changes it."""
    return read_onnx(path)


def trained() -> dict[str, Path]:
    """Return the trained networks of rapidocr-onnxruntime by name, which need not be importable; none if it is missing."""
    spec = find_spec("rapidocr_onnxruntime")
    folders = [Path(place) for place in (spec.submodule_search_locations or [])] if spec else []
    return {path.stem: path for folder in folders for path in sorted((folder / "models").glob("*.onnx"))}


def model(
    nodes: Sequence[Any],
    constants: dict[str, np.ndarray] | None = None,
    shape: Sequence[int | str] = (1, 4, 6, 6),
    opset: int = 17,
    **options: Any,
) -> Any:
    """Return a model that reads `x` and writes `y`."""
    tensors = [numpy_helper.from_array(array, name) for name, array in (constants or {}).items()]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]
    graph = helper.make_graph(list(nodes), "by hand", inputs, outputs, tensors)
    sets = [helper.make_opsetid("", opset), helper.make_opsetid("my.own", 1)]
    return helper.make_model(graph, opset_imports=sets, ir_version=9, **options)


def real_constants(loaded: Any) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the float initializers and Constant nodes of a model, by name."""
    tensors = [(tensor.name, tensor) for tensor in loaded.graph.initializer]
    nodes = [node for node in loaded.graph.node if node.op_type == "Constant"]
    tensors += [(node.output[0], entry.t) for node in nodes for entry in node.attribute]
    for name, tensor in tensors:
        array = numpy_helper.to_array(tensor)
        if array.dtype.kind == "f":
            yield name, array
