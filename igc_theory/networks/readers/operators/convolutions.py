"""Convolutions of any number of axes, transposed and deformable ones, pools, and normalisations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import prod

from igc_theory.networks.description.graph import Array, Operation, Sizes
from igc_theory.networks.description.layer_graph import NO_SHAPE
from igc_theory.networks.description.layers import Conv, Leaf, Norm, Operator, Pool
from igc_theory.networks.readers.operators.walk import Cost, Walk, pair, uses
from igc_theory.structure.factors import GroupConv

__all__ = ["NORMS", "POOLS", "batch_norm", "convolution", "norm", "pool", "transposed_convolution"]

NORMS = {
    "BatchNormalization": "batch norm",
    "LayerNormalization": "layer norm",
    "InstanceNormalization": "instance norm",
    "GroupNormalization": "group norm",
    "RMSNormalization": "RMS norm",
    "SimplifiedLayerNormalization": "RMS norm",
    "com.microsoft.SimplifiedLayerNormalization": "RMS norm",
    "com.microsoft.GroupNorm": "group norm",
}

POOLS = {"MaxPool": "max", "AveragePool": "average", "GlobalAveragePool": "average", "GlobalMaxPool": "max"}


def convolution(walk: Walk, operation: Operation) -> None:
    """Append a convolution; deformable ones read offsets before the bias."""
    source, kernel = operation.inputs[0], operation.reads(1)
    sizes, written = walk.shapes.get(kernel, ()), walk.shapes.get(operation.outputs[0])
    if len(sizes) < 3 or written is None:
        walk.pass_over(operation, NO_SHAPE)
        return
    _check_channels(walk, operation, sizes[1] * int(operation.attributes.get("group", 1)), sizes[0])
    products = prod(written) * prod(sizes[1:])
    bias = operation.reads(3 if operation.operator == "DeformConv" else 2)
    node, cost = _conv_node(walk, operation, sizes), _cost(walk, operation, products, bias)
    draft = walk.append(operation, node, cost, source=source, groups=_computed(walk, operation))
    dilations = operation.attributes.get("dilations", ())
    if draft and len(dilations):
        draft.dilation = pair((dilations[0], dilations[-1]))


def _check_channels(walk: Walk, operation: Operation, takes: int, shared: int) -> None:
    """Refuse a kernel that takes other channels than there are, or whose groups do not share its channels evenly.

    ONNX infers a shape all the same; no runtime computes it.
    """
    read, groups = walk.shapes.get(operation.inputs[0], ()), int(operation.attributes.get("group", 1))
    named = f"{operation.operator} {operation.name or operation.outputs[0]!r}"
    if groups < 1 or shared % groups:
        raise ValueError(f"{named} has {groups} groups, which do not share {shared} channels: export it again")
    if len(read) > 1 and read[1] != takes:
        raise ValueError(f"{named} reads {read[1]} channels, but its kernel takes {takes}: export it again")


def _computed(walk: Walk, operation: Operation) -> int:
    """Return how many groups of channels have kernels that are computed, as they are for each example."""
    return 1 if walk.is_constant(operation.reads(1)) else int(operation.attributes.get("group", 1))


def _cost(walk: Walk, operation: Operation, products: int, bias: str) -> Cost:
    """Return the cost of multiplying by a kernel, which may be computed from activations."""
    kernel = operation.reads(1)
    added = [bias] if walk.is_constant(bias) else []
    if not walk.is_constant(kernel):
        return Cost(uses({"bias": added}), of_activations=products)
    return Cost(uses({"convolution": [kernel], "bias": added}), products, weight=_weight(walk, kernel))


def _weight(walk: Walk, kernel: str) -> Callable[[], Array | None]:
    sizes = walk.shapes[kernel]
    shape = (*sizes[:2], *pair(sizes[2:])) if len(sizes) < 5 else sizes

    def values() -> Array | None:
        found = walk.values(kernel)
        return None if found is None else found.reshape(shape)

    return values


def _conv_node(walk: Walk, operation: Operation, sizes: Sizes) -> Leaf | Operator:
    attributes = operation.attributes
    groups, strides = int(attributes.get("group", 1)), attributes.get("strides", (1,) * (len(sizes) - 2))
    if operation.operator == "DeformConv":
        return Operator(f"deformable {_window(sizes, strides)}")
    if not walk.is_constant(operation.reads(1)):
        return Operator(f"convolution by activations {_window(sizes, strides)}")
    if len(sizes) > 4:
        return Operator(f"{_word(groups, sizes[1])} {_window(sizes, strides)}")
    window = pair(sizes[2:])
    conv = GroupConv(sizes[1] * groups, sizes[0], groups, window, pair(strides))
    padding = pair(attributes["pads"][: len(sizes) - 2], 0) if "pads" in attributes else (0, 0)
    if attributes.get("auto_pad", "NOTSET").startswith("SAME"):
        padding = window[0] // 2, window[1] // 2
    return Conv(conv, batch_norm=False, bias=bool(operation.reads(2)), padding=padding)


def _word(groups: int, width: int) -> str:
    return "regular" if groups == 1 else "depthwise" if width == 1 else "group"


def _window(sizes: Sizes, strides: Sequence[int]) -> str:
    """Return window and stride in words."""
    steps = (
        ""
        if set(strides) <= {1}
        else " /" + "×".join(map(str, sorted(set(strides)) if len(set(strides)) == 1 else strides))
    )
    return "×".join(map(str, sizes[2:])) + steps


def transposed_convolution(walk: Walk, operation: Operation) -> None:
    """Append a transposed convolution, which uses each weight once at every position that it reads."""
    source, kernel = operation.inputs[0], operation.reads(1)
    sizes, read = walk.shapes.get(kernel, ()), walk.shapes.get(source)
    if len(sizes) < 3 or read is None:
        walk.pass_over(operation, NO_SHAPE)
        return
    groups, strides = int(operation.attributes.get("group", 1)), operation.attributes.get("strides", (1,))
    _check_channels(walk, operation, sizes[0], sizes[0])
    word = "transposed" if groups == 1 else f"transposed {_word(groups, sizes[0] // groups)}"
    node = Operator(f"{word} {_window(sizes, strides)}")
    cost = _cost(walk, operation, prod(read) * prod(sizes[1:]), operation.reads(2))
    walk.append(operation, node, cost, source=source, groups=_computed(walk, operation))


def batch_norm(walk: Walk, operation: Operation) -> None:
    """Count a batch normalisation with the convolution in front, if that has none and nothing else reads it."""
    source = operation.inputs[0]
    owner = walk.owner(source)
    if owner is None or not isinstance(owner.node, Conv) or owner.node.batch_norm:
        norm(walk, operation)
        return
    owner.node = replace(owner.node, batch_norm=True)
    owner.cost.uses += uses({"batch_norm": operation.inputs[1:3], "buffers": operation.inputs[3:]})
    walk.start(operation.outputs[0], 1, walk.raw[source])


def norm(walk: Walk, operation: Operation) -> None:
    """Append a normalisation that stands alone, with or without scale and shift."""
    source, kind = operation.inputs[0], NORMS[operation.operator]
    shape = walk.shapes.get(source, ())
    by_default = operation.operator == "com.microsoft.GroupNorm"
    last = kind in ("layer norm", "RMS norm") or operation.attributes.get("channels_last", by_default)
    scale, *rest = [name for name in operation.inputs[1:] if name] or [""]
    # In operator sets 18 to 20 a group normalisation has a scale for each group, not for each channel.
    of_source = kind == "group norm" or not scale
    channels = prod(walk.shapes.get(scale, ())) if not of_source else shape[-1 if last else 1] if len(shape) > 1 else 0
    if not channels:
        walk.pass_over(operation, NO_SHAPE)
        return
    purpose = "buffers" if _is_filled_in(walk, operation) else "batch_norm"
    further = "buffers" if kind == "batch norm" else "bias"
    cost = Cost(uses({purpose: [scale, *rest[:1]], further: rest[1:]}))
    walk.append(operation, Norm(channels, kind), cost, source=source, channels=(-1, -1) if last else (1, 1))


_GROUPS = ("InstanceNormalization", "Reshape")
"""An operator, and the one in front of it, as exporters write a group normalisation."""


def _is_filled_in(walk: Walk, operation: Operation) -> bool:
    """Return whether an instance normalisation stands for the groups of a group normalisation, with ones and zeros in a file."""
    before = walk.graph.writers.get(operation.inputs[0])
    if walk.graph.known_parameters or before is None or (operation.operator, before.operator) != _GROUPS:
        return False
    scale, shift = (walk.values(name) for name in operation.inputs[1:3])
    return scale is not None and shift is not None and bool((scale == 1).all() and (shift == 0).all())


def pool(walk: Walk, operation: Operation) -> None:
    """Append a pool; one whose window takes in the whole image is a global one."""
    walk.append(operation, _pool_node(walk, operation), Cost(), source=operation.inputs[0])


def _pool_node(walk: Walk, operation: Operation) -> Leaf | Operator:
    kind, attributes = POOLS[operation.operator], operation.attributes
    read, written = walk.images(operation.inputs[0], 1), walk.images(operation.outputs[0], 1)
    if operation.operator.startswith("Global") or _covers(attributes["kernel_shape"], read, written):
        return Pool(kind)
    axes = len(attributes["kernel_shape"])
    strides = attributes.get("strides", (1,) * axes)
    if axes > 2:
        return Operator(f"{kind} pool {_window((1, 1, *attributes['kernel_shape']), strides)}")
    pads = tuple(attributes.get("pads", (0,) * 2 * axes))
    # Padding behind the image only is what rounding up asks for.
    round_up = bool(attributes.get("ceil_mode", 0)) or pads[axes:] > pads[:axes]
    window = pair(attributes["kernel_shape"])
    return Pool(kind, window, pair(strides), pair(pads[:axes], 0), round_up)


def _covers(window: Sequence[int], read: Sizes | None, written: Sizes | None) -> bool:
    """Return whether one window takes in the whole image."""
    if read is None or written is None or any(side > 1 for side in written[1:]):
        return False
    sides = [1] * (len(read) - 1 - len(window)) + list(window)
    return all(side >= size for side, size in zip(sides, read[1:], strict=True))
