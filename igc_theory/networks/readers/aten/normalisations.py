"""Normalisations, embeddings and slopes, in ONNX's words."""

from __future__ import annotations

from math import prod

import numpy as np

from igc_theory.networks.description.graph import words
from igc_theory.networks.readers.aten.record import Call, Operand, Record, Rule

__all__ = ["NORMALISATIONS"]

# --- normalisations -------------------------------------------------------------------------------------------------


def _filled(operand: Operand | None, channels: int, number: float, record: Record) -> str:
    """Return the name of a tensor of numbers per channel; of ones or zeros, which nothing stores, if there is none."""
    return operand.name if operand else record.numbers(np.full(channels, number, np.float32))


def _batch_norm(call: Call, record: Record) -> None:
    source = call["input"]
    channels = source.shape[1] if len(source.shape) > 1 else source.shape[0]
    scale, shift = _filled(call["weight"], channels, 1, record), _filled(call["bias"], channels, 0, record)
    mean, variance = (call[name].name if call[name] else "" for name in ("running_mean", "running_var"))
    inputs = [source.name, scale, shift, mean, variance]
    record.write("BatchNormalization", call.place, inputs, call.results[:1], epsilon=float(call["eps"] or 0))


def _instance_norm(call: Call, record: Record) -> None:
    source = call["input"]
    scale, shift = (_filled(call[name], source.shape[1], fill, record) for name, fill in (("weight", 1), ("bias", 0)))
    record.write("InstanceNormalization", call.place, (source.name, scale, shift), call.results)


def _group_norm(call: Call, record: Record) -> None:
    source = call["input"]
    scale, shift = (_filled(call[name], source.shape[1], fill, record) for name, fill in (("weight", 1), ("bias", 0)))
    groups = int(call["num_groups"] or call["group"])
    record.write("GroupNormalization", call.place, (source.name, scale, shift), call.results[:1], num_groups=groups)


def _layer_norm(call: Call, record: Record) -> None:
    sizes = list(call["normalized_shape"])
    scale = call["weight"].name if call["weight"] else record.numbers(np.ones(sizes, np.float32))
    inputs = [call["input"].name, scale, *([call["bias"].name] if call["bias"] else [])]
    operator = "RMSNormalization" if "rms" in call.operator else "LayerNormalization"
    record.write(operator, call.place, inputs, call.results[:1], axis=-len(sizes))


def _embedding(call: Call, record: Record) -> None:
    table, places = call["weight"], call["indices"]
    if call.operator == "embedding":
        record.write("Gather", call.place, (table.name, places.name), call.results, axis=0)
        return
    rows = record.between("Gather", call.place, (table.name, places.name), (*places.shape, table.shape[1]), axis=0)
    record.write("ReduceMean", call.place, (rows.name,), call.results[:1], axes=[-2], keepdims=0)


def _prelu(call: Call, record: Record) -> None:
    source, slope = call["self"], call["weight"]
    if prod(slope.shape) > 1:  # ONNX compares axes from the last
        shape = (prod(slope.shape), *(1 for _ in source.shape[2:]))
        slope = Operand(record.derived([slope.name], shape, lambda array: array.reshape(shape)), shape)
    record.write("PRelu", call.place, (source.name, slope.name), call.results)


NORMALISATIONS: dict[str, Rule] = {
    **dict.fromkeys(
        words(
            "batch_norm native_batch_norm cudnn_batch_norm _native_batch_norm_legit _native_batch_norm_legit_no_training"
        ),
        _batch_norm,
    ),
    "instance_norm": _instance_norm,
    **dict.fromkeys(words("group_norm native_group_norm"), _group_norm),
    **dict.fromkeys(words("layer_norm native_layer_norm rms_norm _fused_rms_norm"), _layer_norm),
    **dict.fromkeys(words("embedding embedding_bag _embedding_bag _embedding_bag_forward_only"), _embedding),
    "prelu": _prelu,
}
"""What is written for each operator."""
