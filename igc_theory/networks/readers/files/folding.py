"""One operator of an ONNX graph that reads constants only: the values that it writes."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import inf, prod
from typing import Any

import numpy as np

from igc_theory.networks.description.graph import Array, Constant, words
from igc_theory.networks.readers.files.tensor_types import WINDOWED, dtype_of, known_shape

try:
    import onnx
    import onnx.numpy_helper
    import onnx.reference
except ImportError:  # read_onnx says what to install; to import this module is no error yet
    onnx = None

__all__ = ["RANDOM", "SMALL", "computed", "stands_for_weights"]

SMALL = 4096
"""Entries up to which constants are computed at once, since shapes may depend on them; larger ones when asked for."""

_LARGEST = 2**28
"""Entries up to which constants are computed at all."""

RANDOM = words("Bernoulli Multinomial RandomNormal RandomNormalLike RandomUniform RandomUniformLike")
"""Operators that write other numbers each time."""

_SIZED_BY_VALUES = words(
    "BlackmanWindow CenterCropPad Col2Im ConstantOfShape DFT Expand EyeLike HammingWindow HannWindow MaxUnpool "
    "MelWeightMatrix OneHot Pad Range Resize STFT Tile Upsample"
)
"""Operators whose output can be larger than their inputs, so that its shape must be known before it is computed."""

_SLOW = WINDOWED | words("Col2Im DFT GRU LSTM MaxRoiPool RNN Resize STFT Upsample")
"""Operators that are computed only where they write little: ONNX's reference implementation goes entry by entry."""

_UNBOUNDED = words("GridSample NonMaxSuppression RegexFullMatch RoiAlign StringNormalizer TfIdfVectorizer")
"""Operators that are never computed: their sizes say nothing of the time that they take."""

_QUANTIZING, _QUANTIZING_FROM = words("DequantizeLinear QuantizeLinear"), 21
"""Operators that ONNX's reference implementation knows from a later operator set on, and one that has all their types."""

_MOST_TERMS = 2**24
"""Products of entries that a sum in Einstein's notation may have."""


def computed(
    node: Any,
    operands: Sequence[Constant | None],
    types: Mapping[str, Any],
    opsets: Mapping[str, int],
    spend: Callable[[int], bool],
) -> tuple[Constant, ...]:
    """Return the outputs of a node that reads constants only: small ones computed now, others when their values are asked for.

    `spend` is told of the entries to be computed, and says whether that is still within what one file may take.
    """
    origins = frozenset().union(*(operand.origins for operand in operands if operand))
    results: list[list[Array | None]] = []

    def output(k: int) -> Array | None:
        if not results:
            results.append(_evaluated(node, operands, types, opsets, spend))
        return results[0][k]

    constants = []
    for k, name in enumerate(node.output):
        kind = types.get(name)
        shape, dtype = (known_shape(kind), dtype_of(kind)) if kind is not None else (None, "")
        constants.append(Constant(shape, dtype, origins, partial(output, k)))
    if _is_small(node, operands, constants):
        values = [constant.native() for constant in constants]
        pairs = zip(values, constants, strict=True)
        return tuple(known if array is None else _of(array, origins) for array, known in pairs)
    return tuple(constants)


def _of(array: Array, origins: frozenset[str]) -> Constant:
    name = "str" if array.dtype.kind in "OU" else array.dtype.name
    return Constant(array.shape, name, origins, lambda: array)


def _is_small(node: Any, operands: Sequence[Constant | None], outputs: Sequence[Constant]) -> bool:
    """Return whether to compute a node at once."""
    read = [operand.shape for operand in operands if operand]
    if any(shape is None or prod(shape) > SMALL for shape in read):
        return False
    return _is_bounded(node, operands, [output.shape for output in outputs], SMALL)


def _is_bounded(
    node: Any, operands: Sequence[Constant | None], shapes: Sequence[tuple[int, ...] | None], most: int
) -> bool:
    """Return whether what a node writes has no more than this many entries, as far as that can be told before."""
    if None in shapes and node.op_type in _SIZED_BY_VALUES:
        return _entries(node, operands) <= most
    return all(shape is None or prod(shape) <= most for shape in shapes)


def _entries(node: Any, operands: Sequence[Constant | None]) -> float:
    """Return a bound for the entries that an operator writes whose output is as large as its constants say."""
    values = [operand.native() for operand in operands if operand and prod(operand.shape or (SMALL + 1,)) <= SMALL]
    numbers = [
        np.abs(array.astype(np.float64)).ravel() for array in values if array is not None and array.dtype.kind in "iuf"
    ]
    if len(numbers) < sum(operand is not None for operand in operands):
        return inf
    if node.op_type == "Range":
        start, limit, step = (float(array[0]) if array.size else 0.0 for array in numbers)
        return (start + limit) / step if step else inf
    sizes = [float(max(array.size, 1)) for array in numbers]
    with np.errstate(over="ignore"):
        return float(prod([*sizes, *(float(np.prod(np.maximum(array, 1))) for array in numbers)]))


def _is_cheap(
    node: Any,
    operands: Sequence[Constant | None],
    shapes: Sequence[tuple[int, ...] | None],
    spend: Callable[[int], bool],
) -> bool:
    """Return whether a node may be computed: what its size in the file does not say has bounds of its own."""
    has_body = any(entry.type in (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS) for entry in node.attribute)
    if has_body or node.op_type in _UNBOUNDED:
        return False
    read = [prod(operand.shape or (1,)) for operand in operands if operand]
    if node.op_type == "Einsum" and prod(read) > _MOST_TERMS:
        return False
    if not _is_bounded(node, operands, shapes, SMALL if node.op_type in _SLOW else _LARGEST):
        return False
    return spend(sum(prod(shape) for shape in shapes if shape is not None))


def _evaluated(
    node: Any,
    operands: Sequence[Constant | None],
    types: Mapping[str, Any],
    opsets: Mapping[str, int],
    spend: Callable[[int], bool],
) -> list[Array | None]:
    """Return the outputs of one node by ONNX's own reference implementation; None where that gives up."""
    nothing: list[Array | None] = [None] * len(node.output)
    shapes = [known_shape(types[name]) if name in types else None for name in node.output]
    if not _is_cheap(node, operands, shapes, spend):
        return nothing
    try:
        values = {name: operand.native() for name, operand in zip(node.input, operands, strict=True) if operand}
        if any(value is None for value in values.values()):
            return nothing
        node, opsets = _as_evaluated(node, opsets)
        written = [name for name in node.output if name]
        infos = [onnx.helper.make_tensor_value_info(name, 0, None) for name in [*values, *written]]
        graph = onnx.helper.make_graph([node], "one node", infos[: len(values)], infos[len(values) :])
        imports = [onnx.helper.make_opsetid(domain, version) for domain, version in opsets.items()]
        alone = onnx.helper.make_model(graph, opset_imports=imports)
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = dict(zip(written, onnx.reference.ReferenceEvaluator(alone).run(None, values), strict=True))
    except Exception:  # of any class: a constant that cannot be computed is constant all the same, of values not known
        return nothing
    return [_array(found.get(name)) for name in node.output]


def _as_evaluated(node: Any, opsets: Mapping[str, int]) -> tuple[Any, Mapping[str, int]]:
    """Return a node and operator sets that ONNX's implementation knows: later quantization has the earlier in it."""
    if node.op_type not in _QUANTIZING:
        return node, opsets
    later = onnx.NodeProto()
    later.CopyFrom(node)
    later.domain = ""  # onnxruntime's own are those of a later operator set
    return later, {**opsets, "": max(opsets.get("", 0), _QUANTIZING_FROM)}


def _array(value: Any) -> Array | None:
    """Return a tensor; None for a sequence or for nothing."""
    return None if value is None or isinstance(value, (list, tuple, dict)) else np.asarray(value)


def stands_for_weights(node: Any, types: Mapping[str, Any]) -> bool:
    """Return whether a node fills an array with a number that stands for weights which are not in the file.

    Exporters fill arrays with 0 and 1; tools that take the weights out of a file, with some other number.
    """
    if node.op_type != "ConstantOfShape" or dtype_of(types.get(node.output[0], onnx.TypeProto())) != "float32":
        return False
    shape = known_shape(types[node.output[0]])
    filling = [onnx.numpy_helper.to_array(entry.t).ravel() for entry in node.attribute if entry.name == "value"]
    return shape is not None and prod(shape) > 1 and any(value.size and value[0] not in (0, 1) for value in filling)
