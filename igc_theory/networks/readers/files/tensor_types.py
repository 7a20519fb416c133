"""What the tensors of an ONNX graph are: the types and shapes that an operator writes, as far as they can be inferred."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from math import prod
from typing import Any

from igc_theory.networks.description.graph import words
from igc_theory.networks.readers.files.axis_order import of_onnxruntime
from igc_theory.networks.readers.files.file import first_line, type_name
from igc_theory.networks.readers.files.onnxruntime_shapes import SHAPES
from igc_theory.networks.readers.operators.quantized import plain

try:
    import onnx
    import onnx.shape_inference
except ImportError:  # read_onnx says what to install; to import this module is no error yet
    onnx = None

__all__ = ["WINDOWED", "check_sizes", "dtype_of", "known_shape", "label", "tensor_type", "types_written"]

_WIDEST = 2**40
"""Entries of a tensor up to which it is taken for real."""

_LIKE_FIRST = words("GroupNormalization MeanVarianceNormalization")
"""Operators whose output has the shape of their first input, though ONNX does not infer it."""

WINDOWED = words("AveragePool Conv ConvInteger ConvTranspose DeformConv LpPool MaxPool QLinearConv")
"""Operators that read windows of an image."""

_AXES_ARE_INPUTS = 18
"""The operator set from which on ONNX reads axes as an input; operators of onnxruntime still have them as an attribute."""


def label(node: Any) -> str:
    """Return what to call a node in a sentence."""
    return f"{node.op_type} {node.name or ', '.join(node.output)!r}"


@cache
def _schema(operator: str, domain: str, version: int) -> Any:
    """Return the definition of an operator; None if it is not one of ONNX's."""
    try:
        return onnx.defs.get_schema(operator, version, "" if domain == "ai.onnx" else domain)
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
        # A tensor of a type that is not known counts as real above.
        if unknown and "unsupported type" in str(error):
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
    except (LookupError, TypeError, ValueError, ZeroDivisionError):  # it is another one, or not as it should be
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
    # By place: one tensor may be read turned and as it is.
    inputs = dict(enumerate(meaning.inputs[: definition.max_input]))
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
    if node.op_type not in WINDOWED:
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
