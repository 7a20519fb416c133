"""Convolutions, matrix products and attention, in ONNX's words."""

from __future__ import annotations

from math import prod

import numpy as np

from igc_theory.networks.description.graph import words
from igc_theory.networks.readers.aten.movements import sides
from igc_theory.networks.readers.aten.record import Call, Operand, Record, Rule

__all__ = ["PRODUCTS", "turned"]

# --- convolutions ---------------------------------------------------------------------------------------------------


def _convolution(call: Call, record: Record) -> None:
    image, kernel = call["input"], call["weight"]
    axes = len(kernel.shape) - 2
    transposed = call["transposed"] or call.operator.startswith("conv_transpose")
    attributes = {
        "kernel_shape": list(kernel.shape[2:]),
        "strides": sides(call["stride"], axes),
        "dilations": sides(call["dilation"], axes),
        "group": int(call["groups"]),
        "pads": _pads(call["padding"], kernel.shape[2:], sides(call["dilation"], axes)),
    }
    if transposed:
        attributes["output_padding"] = sides(call["output_padding"], axes, 0)
    inputs = [image.name, kernel.name, *([call["bias"].name] if call["bias"] else [])]
    source, written = image, call.results[0]
    if len(image.shape) == axes + 1:  # without a batch
        source = record.between("Unsqueeze", call.place, (image.name, record.numbers([0])), (1, *image.shape))
        whole = record.between("ConvTranspose" if transposed else "Conv", call.place, [source.name, *inputs[1:]],
                               (1, *written.shape), **attributes)  # fmt: skip
        record.write("Squeeze", call.place, (whole.name, record.numbers([0])), call.results)
        return
    record.write("ConvTranspose" if transposed else "Conv", call.place, inputs, call.results, **attributes)


def _deformable(call: Call, record: Record) -> None:
    """Write a convolution of torchvision that reads each pixel of its windows at a place of its own."""
    strides, pads, dilations = ([call[f"{name}_{axis}"] for axis in "hw"] for name in ("stride", "pad", "dilation"))
    kernel, masks = call["weight"], [call["mask"]] if call["use_mask"] else []
    inputs = [operand.name for operand in (call["input"], kernel, call["offset"], call["bias"], *masks)]
    record.write("DeformConv", call.place, inputs, call.results, kernel_shape=list(kernel.shape[2:]), strides=strides,
                 pads=2 * pads, dilations=dilations, group=call["groups"], offset_group=call["offset_groups"])  # fmt: skip


def _pads(padding: object, window: tuple[int, ...], dilations: list[int]) -> list[int]:
    """Return zeros in front of every axis, then behind."""
    if padding == "same":
        rims = [step * (side - 1) for side, step in zip(window, dilations, strict=True)]
        return [rim // 2 for rim in rims] + [rim - rim // 2 for rim in rims]
    return sides(0 if padding == "valid" else padding, len(window), 0) * 2


# --- products -------------------------------------------------------------------------------------------------------


def turned(matrix: Operand, call: Call, record: Record) -> Operand:
    """Return a tensor with its last two axes exchanged."""
    shape = (*matrix.shape[:-2], matrix.shape[-1], matrix.shape[-2])
    if matrix.name in record.constants:
        return Operand(record.derived([matrix.name], shape, lambda array: np.swapaxes(array, -1, -2)), shape)
    axes = [*range(len(shape) - 2), len(shape) - 1, len(shape) - 2]
    return record.between("Transpose", call.place, (matrix.name,), shape, perm=axes)


def _linear(call: Call, record: Record) -> None:
    rows, weight, bias = call["input"], call["weight"], call["bias"]
    if len(rows.shape) == len(weight.shape) == 2:
        inputs = [rows.name, weight.name, *([bias.name] if bias else [])]
        record.write("Gemm", call.place, inputs, call.results, transB=1)
        return
    matrix = turned(weight, call, record) if len(weight.shape) == 2 else weight
    _product(rows, matrix, bias, call, record)


def _product(first: Operand, second: Operand, added: Operand | None, call: Call, record: Record) -> None:
    if first.entries is not None or second.entries is not None:
        _sparse_product(first, second, call, record)
    elif added is None:
        record.write("MatMul", call.place, (first.name, second.name), call.results)
    else:
        product = record.between("MatMul", call.place, (first.name, second.name), call.results[0].shape)
        record.write("Add", call.place, (product.name, added.name), call.results)


def _sparse_product(first: Operand, second: Operand, call: Call, record: Record) -> None:
    """Write a product with a sparse matrix as one with each entry that it stores, and as their sums."""
    matrix, other, summed = (second, first, -1) if first.entries is None else (first, second, 0)
    entries, width = matrix.entries or 0, prod(other.shape) // max(other.shape[summed], 1)
    met = record.between("GatherND", call.place, (other.name,), (entries, 1, width))

    def stored(array: np.ndarray) -> np.ndarray:
        values = array[array != 0]  # fewer than are stored where those of one place add up, or some are zero
        return np.pad(values, (0, entries - values.size)).reshape(-1, 1, 1)

    if matrix.name in record.constants:
        factors = record.derived([matrix.name], (entries, 1, 1), stored)
    else:
        factors = record.between("GatherND", call.place, (matrix.name,), (entries, 1, 1)).name
    products = record.between("MatMul", call.place, (factors, met.name), met.shape)
    record.write("ScatterND", call.place, (products.name,), call.results)


def _matmul(call: Call, record: Record) -> None:
    arguments = call.arguments
    first = arguments.get("self", arguments.get("input"))
    second = next(arguments[name] for name in ("mat2", "other", "vec", "tensor", "vec2") if name in arguments)
    _product(first, second, None, call, record)


def _addmm(call: Call, record: Record) -> None:
    first = call["mat1"] or call["batch1"] or call["mat"]
    second = call["mat2"] or call["batch2"] or call["vec"]
    _product(first, second, call["self"], call, record)


def _einsum(call: Call, record: Record) -> None:
    inputs = [operand.name for operand in call["tensors"]]
    record.write("Einsum", call.place, inputs, call.results, equation=call["equation"].replace(" ", ""))


def _bilinear(call: Call, record: Record) -> None:
    """Write x W y as a matrix product with W, then one of what depends on the input twice."""
    first, second, weight, bias = call["input1"], call["input2"], call["weight"], call["bias"]
    outputs, left, right = weight.shape
    lead = first.shape[:-1]
    shape = (left, outputs * right)
    matrix = record.derived([weight.name], shape, lambda array: array.transpose(1, 0, 2).reshape(shape))
    flat = record.between("MatMul", call.place, (first.name, matrix), (*lead, outputs * right))
    sizes = (*lead, outputs, right)
    rows = record.between("Reshape", call.place, (flat.name, record.numbers(sizes)), sizes)
    column = record.between("Unsqueeze", call.place, (second.name, record.numbers([-1])), (*second.shape, 1))
    both = record.between("MatMul", call.place, (rows.name, column.name), (*lead, outputs, 1))
    if bias is None:
        record.write("Squeeze", call.place, (both.name, record.numbers([-1])), call.results)
        return
    alone = record.between("Squeeze", call.place, (both.name, record.numbers([-1])), (*lead, outputs))
    record.write("Add", call.place, (alone.name, bias.name), call.results)


def _attention(call: Call, record: Record) -> None:
    """Write softmax(Q Kᵀ) V as its two products."""
    query, key, value, mask = call["query"], call["key"], call["value"], call["attn_mask"]
    if key.shape[:-2] != query.shape[:-2]:  # several heads of queries for one of keys
        key, value = (_repeated(each, query, call, record) for each in (key, value))
    shape = (*query.shape[:-1], key.shape[-2])
    scores = record.between("MatMul", call.place, (query.name, turned(key, call, record).name), shape)
    scores = record.between("Mul", call.place, (scores.name, record.numbers(np.float32(call["scale"] or 1))), shape)
    if mask is not None:
        scores = record.between("Add", call.place, (scores.name, mask.name), shape)
    shares = record.between("Softmax", call.place, (scores.name,), shape, axis=-1)
    record.write("MatMul", call.place, (shares.name, value.name), call.results[:1])


def _repeated(operand: Operand, query: Operand, call: Call, record: Record) -> Operand:
    shape = (*query.shape[:-2], *operand.shape[-2:])
    return record.between("Expand", call.place, (operand.name, record.numbers(shape)), shape)


PRODUCTS: dict[str, Rule] = {
    **dict.fromkeys(
        words("conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d convolution _convolution"),
        _convolution,
    ),
    "torchvision::deform_conv2d": _deformable,
    "linear": _linear,
    **dict.fromkeys(words("matmul mm bmm mv dot vdot"), _matmul),
    **dict.fromkeys(words("addmm addmv baddbmm _sparse_addmm"), _addmm),
    "einsum": _einsum,
    "bilinear": _bilinear,
    "scaled_dot_product_attention": _attention,
}
"""What is written for each operator."""
