"""Layers that another chain may stand in for, and what it would cost and lose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from igc_theory.budget.chain_cost import multiply_adds
from igc_theory.budget.designs.best_block import best_block
from igc_theory.networks.description.layer_graph import Layer, LayerGraph
from igc_theory.networks.description.layers import Conv, Linear
from igc_theory.networks.rewriting.candidates import candidates
from igc_theory.structure.chains import Chain
from igc_theory.structure.factors import GroupConv

__all__ = ["Option", "Replaceable", "is_replaceable", "options_of", "questions_of"]

Array = NDArray[Any]
Question = tuple[str, str, GroupConv, tuple[int, int], "Array | None", str]
"""Name and kind of a layer, its convolution, height and width of what it writes, its weights, and why these are unfit."""


@dataclass(frozen=True)
class Option:
    """One way to compute a layer.

    Attributes
    ----------
    name : str
        Family and setting, such as "low rank, rank 10", or the branch widths of a chain that would be trained anew; "keep" for the
        layer as it is.
    chain : Chain
        Its convolutions and permutations.
    parameters, multiply_adds : int
        Weights, and multiply–adds for one image.
    relative_error : float or None
        Of its weights, :math:`‖K - W‖ / ‖K‖`; None for a chain that would be trained anew.
    """

    name: str
    chain: Chain
    parameters: int
    multiply_adds: int
    relative_error: float | None


@dataclass(frozen=True)
class Replaceable:
    """A layer with more than one input per output, and the ways to compute it.

    Attributes
    ----------
    layer, kind : str
        Its name, and the word for it, such as "regular 3×3 /2".
    convolution : GroupConv
        A linear layer is a pointwise one.
    strict, dense : Chain
        The cheapest chain with exactly one, and with at least one, path per pair of channels (per branch, in a group convolution).
    options : tuple of Option
        The layer as it is first.
    unmeasured : str
        Why the errors of a network with weights could not be measured; empty if they were.
    """

    layer: str
    kind: str
    convolution: GroupConv
    strict: Chain
    dense: Chain
    options: tuple[Option, ...]
    unmeasured: str = ""

    @property
    def parameters(self) -> int:
        """Weights of the layer as it is."""
        return self.options[0].parameters

    @property
    def multiply_adds(self) -> int:
        """Multiply–adds of the layer as it is, for one image."""
        return self.options[0].multiply_adds


def is_replaceable(layer: Layer) -> bool:
    """Return whether a layer is a matrix between channels: a regular or linear layer with more than one input and output."""
    node = layer.node
    if isinstance(node, Conv):
        conv = node.convolution
        return conv.groups == 1 and not node.fixed and min(conv.in_channels, conv.out_channels) > 1
    return isinstance(node, Linear) and min(node.in_features, node.out_features) > 1


def questions_of(network: LayerGraph) -> list[Question]:
    """Return what `options_of` has to know of each layer: no more is sent to another process."""
    shared = [layer.weight for layer in network.layers if layer.shared.total and layer.weight is not None]
    return [_question(layer, _is_among(layer, shared)) for layer in network.layers if is_replaceable(layer)]


def _is_among(layer: Layer, shared: Sequence[Array]) -> bool:
    """Return whether another layer uses the same weights: then to replace the layer saves none."""
    weight = layer.weight
    return weight is not None and any(
        weight.size == w.size and np.array_equal(weight.ravel(), w.ravel()) for w in shared
    )


def _question(layer: Layer, shared: bool) -> Question:
    node = layer.node
    if isinstance(node, Linear):
        conv = GroupConv(node.in_features, node.out_features)
    else:
        assert isinstance(node, Conv)
        conv = node.convolution
    weight = layer.weight
    unfit = "" if weight is None else _unfit(np.asarray(weight), shared)
    shape = (conv.out_channels, conv.in_width, *conv.window)
    given = None if weight is None or unfit else np.asarray(weight).reshape(shape)
    return layer.name, layer.kind, conv, _size(layer), given, unfit


def _size(layer: Layer) -> tuple[int, int]:
    """Return height and width of what a layer writes; a linear layer may stand at several positions."""
    positions = layer.output_shape[1:]
    if isinstance(layer.node, Conv) and len(positions) == 2:
        return positions[0], positions[1]
    return 1, layer.multiply_adds // layer.counts.linear if isinstance(layer.node, Linear) else prod(positions)


def _unfit(weight: Array, shared: bool) -> str:
    """Return why approximations of a kernel cannot be measured; empty if they can."""
    if shared:
        return "another layer uses its weights too"
    if weight.dtype.kind == "c":
        return "its weights are complex"
    if weight.dtype.kind != "f":
        return f"its weights are quantized ({weight.dtype})"
    missing = weight.size - int(np.isfinite(weight).sum())
    return f"{missing} of its weights {'is' if missing == 1 else 'are'} not finite" if missing else ""


def options_of(
    name: str, kind: str, conv: GroupConv, size: tuple[int, int], weight: Array | None, unfit: str
) -> Replaceable:
    """Return the ways to compute a layer: measured ones if there are weights, else the cheapest chains."""
    # Chains through the layer's own two numbers of channels: every one of them can be projected onto.
    own = max(conv.in_channels, conv.out_channels)
    strict, dense = (
        best_block(conv.in_channels, conv.out_channels, conv.window, conv.strides, paths=paths, multiple_of=own).chain
        for paths in ("strict", "dense")
    )
    keep = Option("keep", Chain([conv]), conv.parameters, conv.parameters * prod(size), 0.0)
    if weight is None:
        others = [] if unfit else [_anew(dense, conv, size)]
    else:
        others = [_measured(found) for found in candidates(weight, conv, size, reorder=False)[1:]]
    less = [other for other in others if other.parameters < keep.parameters]
    return Replaceable(name, kind, conv, strict, dense, (keep, *less), unfit)


def _measured(found: Any) -> Option:
    return Option(found.name, found.chain, found.parameters, found.multiply_adds, found.relative_error)


def _anew(chain: Chain, conv: GroupConv, size: tuple[int, int]) -> Option:
    """Return a chain with weights still to be trained."""
    height, width = (side * step for side, step in zip(size, conv.strides, strict=True))
    return Option(chain.name, chain, chain.parameters, multiply_adds(chain, height, width), None)
