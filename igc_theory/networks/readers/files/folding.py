"""One operator of an ONNX graph: the shapes that it writes, and its values where it reads constants only."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from math import inf, prod
from typing import Any

import numpy as np

from igc_theory.networks.description.graph import Array, Constant, words
from igc_theory.networks.readers.files.axis_order import of_onnxruntime
from igc_theory.networks.readers.files.file import first_line, type_name
from igc_theory.networks.readers.files.onnxruntime_shapes import SHAPES
from igc_theory.networks.readers.operators.quantized import plain

try:
    import onnx
    import onnx.numpy_helper
    import onnx.reference
    import onnx.shape_inference
except ImportError:  # read_onnx says what to install; to import this module is no error yet
    onnx = None

__all__ = [
    "RANDOM",
    "SMALL",
    "check_sizes",
    "computed",
    "dtype_of",
    "known_shape",
    "label",
    "stands_for_weights",
    "tensor_type",
    "types_written",
]

SMALL = 4096
"""Entries up to which constants are computed at once, since shapes may depend on them; larger ones when asked for."""

_LARGEST = 2**28
"""Entries up to which constants are computed at all."""

_WIDEST = 2**40
"""Entries of a tensor up to which it is taken for real."""

RANDOM = words("Bernoulli Multinomial RandomNormal RandomNormalLike RandomUniform RandomUniformLike")
"""Operators that write other numbers each time."""

_SIZED_BY_VALUES = words(
    "BlackmanWindow CenterCropPad Col2Im ConstantOfShape DFT Expand EyeLike HammingWindow HannWindow MaxUnpool "
    "MelWeightMatrix OneHot Pad Range Resize STFT Tile Upsample"
)
"""Operators whose output can be larger than their inputs, so that its shape must be known before it is computed."""

_LIKE_FIRST = words("GroupNormalization MeanVarianceNormalization")
"""Operators whose output has the shape of their first input, though ONNX does not infer it."""

_AGAIN = {"GroupNormalization": 21}
"""Operators that ONNX calls deprecated though they are run, and the operator set of which the definition infers as much."""

_WINDOWED = words("AveragePool Conv ConvInteger ConvTranspose DeformConv LpPool MaxPool QLinearConv")

_SLOW = _WINDOWED | words("Col2Im DFT GRU LSTM MaxRoiPool RNN Resize STFT Upsample")
"""Operators that are computed only where they write little: ONNX's reference implementation goes entry by entry."""

_UNBOUNDED = words("GridSample NonMaxSuppression RegexFullMatch RoiAlign StringNormalizer TfIdfVectorizer")
"""Operators that are never computed: their sizes say nothing of the time that they take."""

_AXES_ARE_INPUTS = 18
"""The operator set from which on ONNX reads axes as an input; operators of onnxruntime still have them as an attribute."""

_QUANTIZING, _QUANTIZING_FROM = words("DequantizeLinear QuantizeLinear"), 21
"""Operators that ONNX's reference implementation knows from a later operator set on, and one that has all their types."""

_MOST_TERMS = 2**24
"""Products of entries that a sum in Einstein's notation may have."""


def label(node: Any) -> str:
    """Return what to call a node in a sentence."""
    return f"{node.op_type} {node.name or ', '.join(node.output)!r}"


@cache
def _schema(operator: str, domain: str, version: int) -> Any:
    """Return the definition of an operator; None if it is not one of ONNX's."""
    get, domain = onnx.defs.get_schema, "" if domain == "ai.onnx" else domain
    try:
        found = get(operator, version, domain)
        return get(operator, _AGAIN[operator], domain) if found.deprecated and operator in _AGAIN else found
    except onnx.defs.SchemaError:
        return None


@cache
def _kinds() -> dict[str, int]:
    return {type_name(kind): kind for kind in onnx.TensorProto.DataType.values() if type_name(kind)}


def tensor_type(dtype: str, shape: Sequence[int | None] | None) -> Any:
    """Return the type of a tensor; the shape may be open."""
    return onnx.helper.make_tensor_type_proto(_kinds().get(dtype, 0), shape)


def known_shape(kind: Any) -> tuple[int, ...] | None:
    """Return the shape in a type, if every size is known."""
    tensor = kind.tensor_type
    if not kind.HasField("tensor_type") or not tensor.HasField("shape"):
        return None
    dims = tensor.shape.dim
    return tuple(dim.dim_value for dim in dims) if all(dim.HasField("dim_value") for dim in dims) else None


def dtype_of(kind: Any) -> str:
    """Return NumPy's name of the numbers in a type; empty if it is not known."""
    return type_name(kind.tensor_type.elem_type) if kind.HasField("tensor_type") else ""


def types_written(
    node: Any, types: Mapping[str, Any], small: Mapping[str, Any], opsets: Mapping[str, int], *, is_constant: bool
) -> dict[str, Any]:
    """Return the types of what a node writes, as far as they are known.

    Sizes that do not fit are no error in a node that `is_constant`: what it writes is not known then.

    Raises
    ------
    ValueError
        If the node is not as ONNX defines its operator, or what it reads does not fit together.
    """
    definition = _schema(node.op_type, node.domain, opsets.get(_domain(node), 0))
    if definition is None and not _domain(node) and "" not in opsets:
        raise ValueError(
            f"{label(node)} is one of ONNX's operators, but no operator set of ONNX is named: export it again"
        )
    if definition is None or definition.deprecated:  # ONNX infers nothing then, but runtimes may compute it
        return _of_onnxruntime(node, types) or _of_plain(node, types)
    read = {name: types[name] for name in node.input if name in types and types[name].WhichOneof("value")}
    unknown = {name for name in node.input if name and name not in read}
    read |= {name: onnx.helper.make_tensor_type_proto(onnx.TensorProto.FLOAT, None) for name in unknown}
    data = {name: small[name] for name in node.input if name in small}
    imports = [onnx.helper.make_opsetid(domain, version) for domain, version in opsets.items()]
    try:
        _check_windows(node)
        written = _inferred(definition, node, read, data, imports)
        check_sizes(written)
    except onnx.shape_inference.InferenceError as error:
        if unknown or is_constant:
            return {}
        raise ValueError(
            f"{label(node)} does not fit what it reads: {_shapes(node, read)} ({first_line(error)})"
        ) from error
    except (onnx.checker.ValidationError, ValueError, RuntimeError) as error:
        if unknown and "unsupported type" in str(
            error
        ):  # of a tensor whose type is not known, which counts as real above
            return {}
        raise ValueError(f"{label(node)} is not as its operator is defined ({first_line(error)})") from error
    if node.op_type in _LIKE_FIRST and known_shape(written[node.output[0]]) is None:
        written[node.output[0]] = read[node.input[0]]
    return written


def _of_onnxruntime(node: Any, types: Mapping[str, Any]) -> dict[str, Any]:
    """Return the types that an operator of onnxruntime writes that stands for no plain one; none if they are not known."""
    meaning, _ = plain(of_onnxruntime(node))
    read = [_sizes(types[name]) or () if name in types else () for name in meaning.inputs]
    try:
        written = zip(node.output, SHAPES[meaning.operator](read, meaning.attributes) or (), strict=False)
        found = {name: tensor_type("float32", sizes) for name, sizes in written if name and sizes}
        check_sizes(found)
    except (
        KeyError,
        IndexError,
        TypeError,
        ValueError,
        ZeroDivisionError,
    ):  # it is another one, or not as it should be
        return {}
    return found


def _of_plain(node: Any, types: Mapping[str, Any]) -> dict[str, Any]:
    """Return the types that an operator of onnxruntime writes: those of the plain operator that it stands for.

    They do not depend on the file's operator set of ONNX, which may be older than that operator.
    """
    written = of_onnxruntime(node)
    meaning, _ = plain(written)
    definition = _schema(meaning.operator, "", _AXES_ARE_INPUTS - 1)
    if meaning is written or definition is None or not meaning.inputs:
        return {}
    inputs = dict(
        enumerate(meaning.inputs[: definition.max_input])
    )  # by place: one tensor may be read turned and as it is
    turned = [meaning.operator == "MatMul" and written.attributes.get(key) for key in ("transA", "transB")]
    places = [str(place) if name else "" for place, name in inputs.items()]
    alone = onnx.helper.make_node(meaning.operator, places, node.output)
    alone.attribute.extend(entry for entry in node.attribute if entry.name in definition.attributes)
    read = {
        str(place): tensor_type(
            _as_real(dtype_of(types[name])), _turned(_sizes(types[name]), place < 2 and turned[place])
        )
        for place, name in inputs.items()
        if name in types
    }
    imports = [onnx.helper.make_opsetid("", _AXES_ARE_INPUTS - 1)]
    try:
        types_of = onnx.shape_inference.infer_node_outputs(definition, alone, read, {}, opset_imports=imports)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError, RuntimeError):
        return {}
    quantized = node.op_type.startswith(("Q", "Nhwc"))
    numbers = [dtype_of(types[name]) for name in meaning.inputs if quantized and name in types]
    number = next((dtype for dtype in numbers if dtype not in ("", "bool")), "float32")
    return {key: tensor_type(number, _sizes(kind)) for key, kind in types_of.items()}


def _as_real(dtype: str) -> str:
    """Return the type that a plain operator reads for one of onnxruntime's: of quantized numbers, real ones."""
    return dtype if dtype in ("bool", "int64") else "float32"


def _turned(sizes: list[int | None] | None, turned: Any) -> list[int | None] | None:
    """Return the sizes of a matrix, its last two exchanged if it is turned."""
    return [*sizes[:-2], *sizes[:-3:-1]] if sizes and turned else sizes


def _inferred(
    definition: Any, node: Any, read: dict[str, Any], data: dict[str, Any], imports: list[Any]
) -> dict[str, Any]:
    """Return the types that ONNX infers; those of real numbers count as float32 where it would refuse them for their type."""
    infer = onnx.shape_inference.infer_node_outputs
    try:
        return dict(infer(definition, node, read, data, opset_imports=imports))
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError):
        evened = {name: tensor_type("float32", _sizes(kind)) if _is_real(kind) else kind for name, kind in read.items()}
        if evened == read:
            raise
        return dict(infer(definition, node, evened, data, opset_imports=imports))


def _is_real(kind: Any) -> bool:
    return "float" in dtype_of(kind) or "complex" in dtype_of(kind)


def _sizes(kind: Any) -> list[int | None] | None:
    """Return the sizes in a type, None for one that is not known."""
    tensor = kind.tensor_type
    sizes = [dim.dim_value if dim.HasField("dim_value") else None for dim in tensor.shape.dim]
    return sizes if tensor.HasField("shape") else None


def _domain(node: Any) -> str:
    return "" if node.domain == "ai.onnx" else str(node.domain)


def _shapes(node: Any, read: Mapping[str, Any]) -> str:
    shapes = (known_shape(read[name]) if name else None for name in node.input)
    return ", ".join("?" if shape is None else "×".join(map(str, shape)) or "one number" for shape in shapes)


def _check_windows(node: Any) -> None:
    """Refuse windows whose sizes run over when ONNX adds them up."""
    if node.op_type not in _WINDOWED:
        return
    for entry in node.attribute:
        for value in (entry.i, *entry.ints):
            if abs(value) > 2**31:
                raise ValueError(f"{entry.name} holds {value}")


def check_sizes(types: Mapping[str, Any]) -> None:
    """Refuse sizes that no tensor can have."""
    for kind in types.values():
        sizes = [dim.dim_value for dim in kind.tensor_type.shape.dim]
        if any(size < 0 for size in sizes) or prod(size or 1 for size in sizes) > _WIDEST:
            raise ValueError(f"it would write the shape {tuple(sizes)}")


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
