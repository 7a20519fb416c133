"""Operators on quantized numbers, and fused ones, as the plain operators that they stand for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from igc_theory.networks.description.graph import Operation

__all__ = ["BATCHES_MOVED", "PLAIN", "plain", "reads_channels_last"]

_MS = "com.microsoft."


class _Plain(NamedTuple):
    """The plain operator, which inputs it reads, and which inputs are scales and zero points."""

    operator: str
    inputs: tuple[int, ...]
    settings: tuple[int, ...] = ()


PLAIN = {
    "QuantizeLinear": _Plain("Identity", (0,), (1, 2)),
    "DequantizeLinear": _Plain("Identity", (0,), (1, 2)),
    "DynamicQuantizeLinear": _Plain("Identity", (0,)),
    "QLinearConv": _Plain("Conv", (0, 3, 8), (1, 2, 4, 5, 6, 7)),
    "ConvInteger": _Plain("Conv", (0, 1), (2, 3)),
    "MatMulInteger": _Plain("MatMul", (0, 1), (2, 3)),
    "QLinearMatMul": _Plain("MatMul", (0, 3), (1, 2, 4, 5, 6, 7)),
    f"{_MS}QuantizeLinear": _Plain("Identity", (0,), (1, 2)),
    f"{_MS}DequantizeLinear": _Plain("Identity", (0,), (1, 2)),
    f"{_MS}QLinearConv": _Plain("Conv", (0, 3, 8), (1, 2, 4, 5, 6, 7)),
    f"{_MS}QGemm": _Plain("Gemm", (0, 3, 6), (1, 2, 4, 5, 7, 8)),
    f"{_MS}MatMulInteger16": _Plain("MatMul", (0, 1)),
    f"{_MS}MatMulIntegerToFloat": _Plain("MatMul", (0, 1, 6), (2, 3, 4, 5)),
    f"{_MS}DynamicQuantizeMatMul": _Plain("MatMul", (0, 1, 4), (2, 3)),
    f"{_MS}DynamicQuantizeLSTM": _Plain("LSTM", (0, 1, 2, 3, 4, 5, 6, 7), (8, 9, 10, 11)),
    f"{_MS}FusedConv": _Plain("Conv", (0, 1, 2, 3)),
    f"{_MS}FusedGemm": _Plain("Gemm", (0, 1, 2)),
    f"{_MS}GemmFastGelu": _Plain("MatMul", (0, 1, 2)),
    f"{_MS}FusedMatMul": _Plain("MatMul", (0, 1)),
    f"{_MS}TransposeMatMul": _Plain("MatMul", (0, 1)),
    f"{_MS}QLinearAdd": _Plain("Add", (0, 3), (1, 2, 4, 5, 6, 7)),
    f"{_MS}QLinearMul": _Plain("Mul", (0, 3), (1, 2, 4, 5, 6, 7)),
    f"{_MS}QLinearSigmoid": _Plain("Sigmoid", (0,), (1, 2, 3, 4)),
    f"{_MS}QLinearLeakyRelu": _Plain("LeakyRelu", (0,), (1, 2, 3, 4)),
    f"{_MS}QLinearSoftmax": _Plain("Softmax", (0,), (1, 2, 3, 4)),
    f"{_MS}QLinearAveragePool": _Plain("AveragePool", (0,), (1, 2, 3, 4)),
    f"{_MS}QLinearGlobalAveragePool": _Plain("GlobalAveragePool", (0,), (1, 2, 3, 4)),
    f"{_MS}QLinearWhere": _Plain("Where", (0, 1, 4), (2, 3, 5, 6, 7, 8)),
    f"{_MS}NhwcMaxPool": _Plain("MaxPool", (0,)),
    f"{_MS}QLinearReduceMean": _Plain("ReduceMean", (0,), (1, 2, 3, 4)),
    f"{_MS}MatMulNBits": _Plain("MatMulNBits", (0, 1, 5), (2, 3, 4)),
    f"{_MS}MatMulBnb4": _Plain("MatMulNBits", (0, 1), (2,)),
    f"{_MS}MultiHeadAttention": _Plain("MultiHeadAttention", (0, 1, 2, 3, 4, 5, 6, 7)),
    f"{_MS}GroupQueryAttention": _Plain("GroupQueryAttention", (0, 1, 2, 3, 4, 5, 6, 9, 10, 11), (7, 8)),
    f"{_MS}Attention": _Plain("ProjectedAttention", (0, 1, 2, 3, 4, 5, 6)),
    f"{_MS}QAttention": _Plain("ProjectedAttention", (0, 1, 2, 5, 8), (3, 4, 6, 7)),
    f"{_MS}EmbedLayerNormalization": _Plain("EmbedLayerNormalization", tuple(range(9))),
    f"{_MS}QEmbedLayerNormalization": _Plain("EmbedLayerNormalization", tuple(range(8)), tuple(range(8, 18))),
    f"{_MS}RotaryEmbedding": _Plain("RotaryEmbedding", (0, 1), (2, 3)),
    "RotaryEmbedding": _Plain("RotaryEmbedding", (0, 3), (1, 2)),
    **{f"{_MS}{name}": _Plain("Identity", (0,)) for name in ("Gelu", "QuickGelu")},
    f"{_MS}Trilu": _Plain("Trilu", (0, 1)),
    f"{_MS}FastGelu": _Plain("Add", (0, 1)),
    f"{_MS}SkipLayerNormalization": _Plain("LayerNormalization", (0, 2, 3, 4, 1)),
    f"{_MS}SkipSimplifiedLayerNormalization": _Plain("SimplifiedLayerNormalization", (0, 2, 3, 1)),
    f"{_MS}BiasGelu": _Plain("Add", (0, 1)),
    f"{_MS}BiasAdd": _Plain("Add", (0, 1, 2)),
}


BATCHES_MOVED = ("transBatchA", "transBatchB")
"""Attributes of a product of matrices that read the axes in an order that the plain one does not know."""


def reads_channels_last(operation: Operation) -> bool:
    """Return whether an operator of onnxruntime reads images with channels last, so that it is not the plain one."""
    by_name = operation.operator.startswith(f"{_MS}Nhwc")
    return operation.operator in PLAIN and bool(operation.attributes.get("channels_last", by_name))


def plain(operation: Operation) -> tuple[Operation, Sequence[str]]:
    """Return the operator that a quantized or fused one stands for, and its scales and zero points."""
    if operation.operator == f"{_MS}QLinearConcat":
        settings = [name for k, name in enumerate(operation.inputs) if k < 2 or (k - 2) % 3]
        return replace(operation, operator="Concat", inputs=operation.inputs[2::3]), settings
    meaning = PLAIN.get(operation.operator)
    if meaning is None or reads_channels_last(operation) or any(map(operation.attributes.get, BATCHES_MOVED)):
        return operation, ()
    inputs = [operation.reads(k) for k in meaning.inputs]
    while inputs and not inputs[-1]:
        inputs.pop()
    settings = [operation.reads(k) for k in meaning.settings]
    return replace(operation, operator=meaning.operator, inputs=tuple(inputs)), settings
