"""Layers that another chain may stand in for, and what it would cost and lose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from igc_theory.budget.chain_cost import ImageSize, multiply_adds
from igc_theory.budget.designs.best_block import best_block
from igc_theory.budget.latency import LatencyTable, layer_time
from igc_theory.kernels.compression.approximation import REAL_BITS
from igc_theory.networks.description.graph import Constant, Graph, Operation
from igc_theory.networks.description.layer_graph import Layer, LayerGraph
from igc_theory.networks.description.layers import Conv, Linear
from igc_theory.networks.description.norms import norms_behind
from igc_theory.networks.rewriting.candidates.candidates import candidates
from igc_theory.networks.rewriting.candidates.target import image_before
from igc_theory.structure.chains import Chain
from igc_theory.structure.factors import GroupConv

__all__ = ["Option", "Question", "Replaceable", "options_of", "questions_of", "timed"]

Array = NDArray[Any]

LARGEST_LAYER = 2**26
"""Weights of a layer up to which errors are measured: in double precision half a gigabyte."""


class Question(NamedTuple):
    """What `options_of` has to know of a layer: no more is sent to another process.

    Attributes
    ----------
    layer, kind : str
        Its name, and the word for it.
    convolution : GroupConv
        A linear layer is a pointwise one.
    size : (int, int)
        Height and width of what it writes; a linear layer has its positions in a row.
    weight, scales : ndarray or None
        Its kernel, if it can be approximated, and by what a batch normalisation behind it multiplies its outputs.
    unmeasured : str
        Why a kernel that is known cannot be approximated.
    read : (int, int) or None
        Height and width of what it reads; None for what padding "same" makes of `size`.
    """

    layer: str
    kind: str
    convolution: GroupConv
    size: tuple[int, int]
    weight: Array | None = None
    scales: Array | None = None
    unmeasured: str = ""
    read: ImageSize | None = None

    @property
    def image(self) -> ImageSize:
        """Height and width of what it reads."""
        return self.read or image_before(self.convolution, self.size)


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
    timed_chain : Chain
        What is timed: the same, with a shuffle where channels are selected.
    parameters, bits, multiply_adds : int
        Weights; bits of these and of indices; multiply–adds for one image.
    relative_error : float or None
        Of its weights, :math:`‖K - W‖ / ‖K‖`; None for a chain that would be trained anew.
    milliseconds : float or None
        What a table of timed layers predicts for it.
    measured_milliseconds : float or None
        What it took on this machine, if it was timed.
    """

    name: str
    chain: Chain
    timed_chain: Chain
    parameters: int
    bits: int
    multiply_adds: int
    relative_error: float | None
    milliseconds: float | None = None
    measured_milliseconds: float | None = None

    def cost(self, objective: str) -> float:
        """Return bits, multiply–adds or, for latency, milliseconds."""
        return float(getattr(self, "milliseconds" if objective == "latency" else objective) or 0)


@dataclass(frozen=True)
class Replaceable:
    """A layer with more than one input per output, and the ways to compute it.

    Attributes
    ----------
    question : Question
        What the layer is.
    strict, dense : Chain or None
        The cheapest chain with exactly one, and with at least one, path per pair of channels; None of a group convolution.
    options : tuple of Option
        The layer as it is first.
    """

    question: Question
    strict: Chain | None
    dense: Chain | None
    options: tuple[Option, ...]

    @property
    def layer(self) -> str:
        """Its name."""
        return self.question.layer

    @property
    def kind(self) -> str:
        """The word for it, such as "regular 3×3 /2"."""
        return self.question.kind

    @property
    def convolution(self) -> GroupConv:
        """Its channels, window and stride."""
        return self.question.convolution

    @property
    def image(self) -> tuple[int, int]:
        """Height and width of an image of which it writes as many positions as it does."""
        return image_before(self.convolution, self.question.size)

    @property
    def unmeasured(self) -> str:
        """Why the errors of a network with weights could not be measured; empty if they were."""
        return self.question.unmeasured

    @property
    def parameters(self) -> int:
        """Weights of the layer as it is."""
        return self.options[0].parameters

    @property
    def multiply_adds(self) -> int:
        """Multiply–adds of the layer as it is, for one image."""
        return self.options[0].multiply_adds


def questions_of(network: LayerGraph) -> list[Question]:
    """Return a question for each layer that can be replaced: no depthwise one, and none with a single output.

    Examples
    --------
    >>> from igc_theory.networks import network
    >>> [question.kind for question in questions_of(network("igc_l24m2", depth=5))]
    ['regular 3×3', 'linear']
    """
    shared = [layer.weight for layer in network.layers if _shares(layer) and layer.weight is not None]
    norms = _norms(network.graph) if network.graph else []
    return [
        _question(layer, _is_among(layer, shared), _scales(layer, norms))
        for layer in network.layers
        if _is_replaceable(layer)
    ]


def _shares(layer: Layer) -> bool:
    """Return whether a layer before it uses its weights; exporters store equal biases once, which ties nothing."""
    return layer.shared.convolution + layer.shared.linear > 0


def _is_replaceable(layer: Layer) -> bool:
    """Return whether a layer has several inputs per output and several outputs, and something can be said of it."""
    node = layer.node
    if isinstance(node, Conv):
        conv, several = node.convolution, layer.weight is not None or node.convolution.groups == 1
        return several and not node.fixed and min(conv.in_width, conv.out_channels) > 1
    return isinstance(node, Linear) and min(node.in_features, node.out_features) > 1


def _is_among(layer: Layer, shared: Sequence[Array]) -> bool:
    """Return whether another layer uses the same weights: then to replace the layer saves none."""
    weight = layer.weight
    return weight is not None and any(
        weight.size == other.size and np.array_equal(weight.ravel(), other.ravel()) for other in shared
    )


def _norms(graph: Graph) -> list[tuple[str, Constant, Array]]:
    """Return the name and the weights of each convolution with a normalisation right behind, and what it multiplies by."""
    pairs = [(graph.writers[name], norm) for name, norm in norms_behind(graph).items()]
    weights = [(conv, graph.constants.get(conv.reads(1)), norm) for conv, norm in pairs if conv.operator == "Conv"]
    return [(_name(conv), weight, norm.scales) for conv, weight, norm in weights if weight is not None]


def _scales(layer: Layer, norms: Sequence[tuple[str, Constant, Array]]) -> Array | None:
    """Return by what the outputs of a layer are multiplied right behind it; files may give several layers one name."""
    found = (scales for name, weight, scales in norms if name == layer.name and _holds(weight, layer.weight))
    return next(found, None)


def _holds(constant: Constant, weight: Array | None) -> bool:
    values = constant.values()
    return values is not None and weight is not None and np.array_equal(np.ravel(values), np.ravel(weight))


def _name(operation: Operation) -> str:
    """Return what the readers call the layer of an operation."""
    return operation.name or operation.reads(1)


def _question(layer: Layer, shared: bool, scales: Array | None) -> Question:
    node, weight = layer.node, layer.weight
    conv = node.convolution if isinstance(node, Conv) else GroupConv(*_features(node))
    unfit = "" if weight is None else _unfit(np.asarray(weight), shared)
    size, read = _sides(layer, layer.output_shape), _sides(layer, layer.input_shape)
    if weight is None or unfit:
        return Question(layer.name, layer.kind, conv, size, unmeasured=unfit, read=read)
    kernel = np.asarray(weight).reshape(conv.out_channels, conv.in_width, *conv.window)
    return Question(layer.name, layer.kind, conv, size, kernel, scales, read=read)


def _features(node: Any) -> tuple[int, int]:
    return node.in_features, node.out_features


def _sides(layer: Layer, shape: Sequence[int]) -> ImageSize:
    """Return height and width of what a layer reads or writes; a linear layer may stand at several positions."""
    positions = shape[1:]
    if isinstance(layer.node, Conv) and len(positions) == 2:
        return positions[0], positions[1]
    if isinstance(layer.node, Linear):
        return 1, max(layer.multiply_adds // (layer.node.in_features * layer.node.out_features), 1)
    return 1, prod(positions)


def _unfit(weight: Array, shared: bool) -> str:
    """Return why approximations of a kernel cannot be measured; empty if they can."""
    if shared:
        return "another layer uses its weights too"
    if weight.dtype.kind == "c":
        return "its weights are complex"
    if weight.dtype.kind != "f":
        return f"its weights are quantized ({weight.dtype})"
    if weight.size > LARGEST_LAYER:
        return f"it has more than {LARGEST_LAYER:,} weights"
    missing = weight.size - int(np.isfinite(weight).sum())
    return f"{missing} of its weights {'is' if missing == 1 else 'are'} not finite" if missing else ""


def options_of(question: Question) -> Replaceable:
    """Return the ways to compute a layer: measured ones if there are weights, else the cheapest chain.

    Examples
    --------
    >>> found = options_of(Question("conv", "regular 3×3", GroupConv(64, 64, kernel_size=3), (7, 7)))
    >>> [(option.name, option.parameters) for option in found.options]
    [('keep', 36864), ('1 × 4 × 4 × 4', 1344)]
    """
    conv, size = question.convolution, question.size
    strict, dense = (_cheapest(conv, paths) if conv.groups == 1 else None for paths in ("strict", "dense"))
    products = conv.parameters * prod(size)
    keep = Chain([conv])
    options = [Option("keep", keep, keep, conv.parameters, REAL_BITS * conv.parameters, products, 0.0)]
    if question.weight is not None:
        found = candidates(question.weight, conv, size, image=question.image, scales=question.scales)[1:]
        names = ("name", "chain", "timed_chain", "parameters", "storage_bits", "multiply_adds", "relative_error")
        options += [Option(*(getattr(one, name) for name in names)) for one in found]
    elif not question.unmeasured and dense is not None and dense.parameters < conv.parameters:
        options.append(_anew(dense, question))
    return Replaceable(question._replace(weight=None, scales=None), strict, dense, tuple(options))


def _cheapest(conv: GroupConv, paths: str) -> Chain:
    """Return the cheapest chain through the layer's own two numbers of channels: every such chain can be projected onto."""
    into, out = conv.in_channels, conv.out_channels
    return best_block(into, out, conv.window, conv.strides, paths=paths, multiple_of=max(into, out)).chain


def _anew(chain: Chain, question: Question) -> Option:
    """Return a chain with weights still to be trained."""
    products = multiply_adds(chain, *question.image, written=question.size)
    return Option(chain.name, chain, chain, chain.parameters, REAL_BITS * chain.parameters, products, None)


def timed(layer: Replaceable, table: LatencyTable) -> Replaceable:
    """Return a layer with the predicted time of each option for one image, that of a call left out."""
    image, size = layer.question.image, layer.question.size
    times = [layer_time(table, option.timed_chain, *image, written=size) for option in layer.options]
    options = tuple(replace(option, milliseconds=time) for option, time in zip(layer.options, times, strict=True))
    return replace(layer, options=options)
