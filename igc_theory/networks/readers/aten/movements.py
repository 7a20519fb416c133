"""PyTorch's operators that move, pool or resize numbers, in ONNX's words: no weights, and all that is known about the channels."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from igc_theory.networks.description.graph import words
from igc_theory.networks.readers.aten.record import Call, Operand, Record, Rule

__all__ = ["MOVEMENTS", "sides"]


def _source(call: Call) -> Operand:
    operand = call["self"] or call["input"]
    return operand if isinstance(operand, Operand) else call.operands[0]


def _reshape(call: Call, record: Record) -> None:
    shape = call.results[0].shape
    record.write("Reshape", call.place, (_source(call).name, record.numbers(shape)), call.results)


def _transpose(call: Call, record: Record) -> None:
    source = _source(call)
    rank = len(source.shape)
    axes = list(range(rank))
    if call.operator == "permute":
        axes = [axis % rank for axis in call["dims"]]
    elif call.operator == "movedim":
        axes = _moved(call, rank)
    else:
        first, second = _two_axes(call)
        axes[first], axes[second] = axes[second], axes[first]
    record.write("Transpose", call.place, (source.name,), call.results, perm=axes)


def _two_axes(call: Call) -> tuple[int, int]:
    if call["dim0"] is not None:
        return call["dim0"], call["dim1"]
    if call["axis0"] is not None:
        return call["axis0"], call["axis1"]
    return (-2, -1) if len(_source(call).shape) > 1 else (0, 0)


def _moved(call: Call, rank: int) -> list[int]:
    sources = [call["source"]] if isinstance(call["source"], int) else call["source"]
    targets = [call["destination"]] if isinstance(call["destination"], int) else call["destination"]
    places = {target % rank: source % rank for source, target in zip(sources, targets, strict=True)}
    rest = iter(axis for axis in range(rank) if axis not in places.values())
    return [places[axis] if axis in places else next(rest) for axis in range(rank)]


def _concat(call: Call, record: Record) -> None:
    record.write("Concat", call.place, [entry.name for entry in call["tensors"]], call.results, axis=call["dim"] or 0)


def _stack(call: Call, record: Record) -> None:
    axis = (call["dim"] or 0) % len(call.results[0].shape)
    parts = [_with_axis(entry, axis, call, record) for entry in call["tensors"]]
    record.write("Concat", call.place, parts, call.results, axis=axis)


def _with_axis(operand: Operand, axis: int, call: Call, record: Record) -> str:
    shape = (*operand.shape[:axis], 1, *operand.shape[axis:])
    return record.between("Unsqueeze", call.place, (operand.name, record.numbers([axis])), shape).name


def _split(call: Call, record: Record) -> None:
    source, axis = _source(call), call["dim"] or 0
    sizes = [result.shape[axis] for result in call.results]
    record.write("Split", call.place, (source.name, record.numbers(sizes)), call.results, axis=axis)


def _unbind(call: Call, record: Record) -> None:
    source, axis = _source(call), call["dim"] or 0
    for index, result in enumerate(call.results):
        record.write("Gather", call.place, (source.name, record.numbers(index)), (result,), axis=axis)


def _select(call: Call, record: Record) -> None:
    places = (_source(call).name, record.numbers(call["index"]))
    record.write("Gather", call.place, places, call.results, axis=call["dim"])


def _slice(call: Call, record: Record) -> None:
    source, axis = _source(call), call["dim"] or 0
    if call.operator == "narrow":
        start, end, step = call["start"], call["start"] + call["length"], 1
    else:
        start, end, step = call["start"] or 0, call["end"], call["step"] or 1
    end = source.shape[axis] if end is None else min(end, source.shape[axis])
    if isinstance(start, Operand):
        record.write("Slice", call.place, (source.name, start.name), call.results)
        return
    where = [record.numbers([value]) for value in (start, end, axis, step)]
    record.write("Slice", call.place, (source.name, *where), call.results)


def _index_select(call: Call, record: Record) -> None:
    record.write("Gather", call.place, (_source(call).name, call["index"].name), call.results, axis=call["dim"])


def _index(call: Call, record: Record) -> None:
    """Write indexing along one axis as such; along several it mixes them."""
    indices = call["indices"]
    given = [axis for axis, entry in enumerate(indices) if entry is not None]
    if len(given) == 1:
        record.write("Gather", call.place, (_source(call).name, indices[given[0]].name), call.results, axis=given[0])
    else:
        names = [indices[axis].name for axis in given]
        record.write("GatherND", call.place, (_source(call).name, *names), call.results)


def _turn_over(call: Call, record: Record) -> None:
    """Write a flip or a cyclic shift as what it is along each axis: an order of places."""
    source = _source(call)
    axes = list(call["dims"] or [])
    axes = [axes] if isinstance(axes, int) else axes
    shifts = call["shifts"] if call.operator == "roll" else [None] * len(axes)
    for shift, axis in zip([shifts] if isinstance(shifts, int) else shifts, axes, strict=False):
        places = np.arange(source.shape[axis])
        places = places[::-1].copy() if shift is None else np.roll(places, shift)
        source = record.between("Gather", call.place, (source.name, record.numbers(places)), source.shape, axis=axis)
    record.write("Identity", call.place, (source.name,), call.results)


def _pad(call: Call, record: Record) -> None:
    source = _source(call)
    rims = [int(rim) for rim in call["pad"] or call["padding"]]
    front, behind = rims[::2][::-1], rims[1::2][::-1]
    rest = [0] * (len(source.shape) - len(front))
    mode = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}.get(call["mode"], "constant")
    pads = record.numbers([*rest, *front, *rest, *behind])
    record.write("Pad", call.place, (source.name, pads), call.results, mode=mode)


def _expand(call: Call, record: Record) -> None:
    shape = call.results[0].shape
    record.write("Expand", call.place, (_source(call).name, record.numbers(shape)), call.results)


def _channel_shuffle(call: Call, record: Record) -> None:
    source, groups = _source(call), call["groups"]
    batch, channels, *rest = source.shape
    apart = (batch, groups, channels // groups, *rest)
    split = record.between("Reshape", call.place, (source.name, record.numbers(apart)), apart)
    perm = [0, 2, 1, *range(3, len(apart))]
    turned = record.between("Transpose", call.place, (split.name,), (batch, apart[2], groups, *rest), perm=perm)
    record.write("Reshape", call.place, (turned.name, record.numbers(source.shape)), call.results)


def _pixel_shuffle(call: Call, record: Record) -> None:
    name, size = ("DepthToSpace", "upscale_factor") if call["upscale_factor"] else ("SpaceToDepth", "downscale_factor")
    record.write(name, call.place, (_source(call).name,), call.results, blocksize=call[size], mode="CRD")


def _pool(call: Call, record: Record) -> None:
    kind = "MaxPool" if "max" in call.operator else "AveragePool"
    axes = int(call.operator[call.operator.index("pool") + 4])
    window = sides(call["kernel_size"], axes)
    attributes = {
        "kernel_shape": window,
        "strides": sides(call["stride"] or window, axes),
        "pads": sides(call["padding"], axes, 0) * 2,
        "ceil_mode": int(bool(call["ceil_mode"])),
    }
    if kind == "MaxPool":
        attributes["dilations"] = sides(call["dilation"], axes)
    else:
        attributes["count_include_pad"] = int(bool(call["count_include_pad"]))
    record.write(kind, call.place, (_source(call).name,), call.results, **attributes)


def _adaptive_pool(call: Call, record: Record) -> None:
    kind = "MaxPool" if "max" in call.operator else "AveragePool"
    source, axes = _source(call), int(call.operator[call.operator.index("pool") + 4])
    before, after = source.shape[-axes:], call.results[0].shape[-axes:]
    if prod(after) == 1:
        record.write(f"Global{kind}", call.place, (source.name,), call.results)
    elif any(size % side for size, side in zip(before, after, strict=True)):  # windows of several sizes
        record.write("ReduceMax" if kind == "MaxPool" else "ReduceMean", call.place, (source.name,), call.results)
    else:
        window = [size // side for size, side in zip(before, after, strict=True)]
        attributes = {"kernel_shape": window, "strides": window, "pads": [0] * 2 * axes}
        record.write(kind, call.place, (source.name,), call.results, **attributes)


def sides(values: Any, axes: int, fill: int = 1) -> list[int]:
    """Return one number per axis, from one for all, or one per axis, or none."""
    given = [values] if isinstance(values, int) else list(values or [fill])
    return [int(side) for side in (given * axes if len(given) == 1 else given)]


def _glu(call: Call, record: Record) -> None:
    source, axis, result = _source(call), call["dim"], call.results[0]
    halves = [Operand(record.fresh(), result.shape) for _ in range(2)]
    record.write("Split", call.place, (source.name,), halves, axis=axis)
    gate = record.between("Sigmoid", call.place, (halves[1].name,), result.shape)
    record.write("Mul", call.place, (halves[0].name, gate.name), call.results)


def _resize(call: Call, record: Record) -> None:
    record.write("Resize", call.place, (_source(call).name,), call.results)


def _named(operator: str) -> Rule:
    return lambda call, record: record.write(operator, call.place, (_source(call).name,), call.results)


_RANKS = ("1d", "2d", "3d")
_RESIZES = words(
    "upsample_nearest1d upsample_nearest2d upsample_nearest3d upsample_linear1d upsample_bilinear2d upsample_trilinear3d "
    "upsample_bicubic2d _upsample_bilinear2d_aa _upsample_bicubic2d_aa _upsample_nearest_exact1d _upsample_nearest_exact2d "
    "_upsample_nearest_exact3d"
)

MOVEMENTS: dict[str, Rule] = {
    **dict.fromkeys(words("view reshape flatten unflatten _unsafe_view view_as reshape_as squeeze unsqueeze ravel"), _reshape),
    **dict.fromkeys(words("transpose permute t swapaxes swapdims movedim numpy_T mT adjoint matrix_H"), _transpose),
    **dict.fromkeys(words("cat concat concatenate"), _concat),
    "stack": _stack,
    **dict.fromkeys(words("split split_with_sizes chunk tensor_split unsafe_chunk unsafe_split"), _split),
    "unbind": _unbind,
    "select": _select,
    **dict.fromkeys(words("slice narrow"), _slice),
    "index_select": _index_select,
    "index": _index,
    **dict.fromkeys(words("flip roll"), _turn_over),
    **dict.fromkeys(words("pad constant_pad_nd"), _pad),
    **dict.fromkeys(words("expand expand_as broadcast_to"), _expand),
    **dict.fromkeys(words("repeat tile repeat_interleave"), _named("Tile")),
    **dict.fromkeys(words("channel_shuffle native_channel_shuffle"), _channel_shuffle),
    **dict.fromkeys(words("pixel_shuffle pixel_unshuffle"), _pixel_shuffle),
    **dict.fromkeys([f"{kind}_pool{rank}" for kind in ("max", "avg") for rank in _RANKS], _pool),
    **dict.fromkeys([f"max_pool{rank}_with_indices" for rank in _RANKS], _pool),
    **dict.fromkeys([f"adaptive_{kind}_pool{rank}" for kind in ("max", "avg") for rank in _RANKS], _adaptive_pool),
    **dict.fromkeys(words("_adaptive_avg_pool2d _adaptive_avg_pool3d"), _adaptive_pool),
    **dict.fromkeys(_RESIZES, _resize),
    "glu": _glu,
    **dict.fromkeys(words("_pack_padded_sequence _pad_packed_sequence"), _named("Slice")),
    **dict.fromkeys(words("unfold im2col col2im fold diagonal as_strided alias"), _named("Slice")),
}  # fmt: skip
"""What is written for each operator."""
