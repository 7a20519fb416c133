"""Chains with weights as nodes of an ONNX graph, with as few and as cheap shuffles as the chain allows.

A permutation is taken into the weights beside it where that is exact (`structure.shuffles`). Where it cannot be, and is a
transposition of axes, it is written as Reshape, Transpose, Reshape; any other is a Gather.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from igc_theory.kernels.arrays import Array, float_type
from igc_theory.kernels.products.product import Product
from igc_theory.kernels.products.weights import carried_weights
from igc_theory.structure.arguments.kinds import instance_of
from igc_theory.structure.arguments.numbers import positive_int
from igc_theory.structure.arguments.sequences import array_of, pair_of
from igc_theory.structure.branches import serial_factors, wiring
from igc_theory.structure.chains import Chain
from igc_theory.structure.factors import GroupConv
from igc_theory.structure.permutations import ChannelPermutation
from igc_theory.structure.shuffles import FoldedChain, fold_shuffles, transposition

try:
    import onnx
except ImportError:  # chain_model says what to install; to import this module is no error yet
    onnx = None

__all__ = ["ChainNodes", "chain_model", "chain_nodes"]

OPSET = 17
IR_VERSION = 8
"""Old enough for the runtimes of the last years."""

Sides = tuple[int, int, int, int]
"""Rows above, columns to the left, rows below, columns to the right."""


@dataclass(frozen=True, eq=False)
class ChainNodes:
    """A chain as nodes of an ONNX graph.

    Attributes
    ----------
    nodes : list of onnx.NodeProto
        In order of computation.
    initializers : list of onnx.TensorProto
        Weights, and the shapes and indices of the shuffles.
    before, after : ndarray of int, shape (channels,)
        Where an end is free, the order that its neighbour has to provide or to expect: new input `k` is the chain's input
        ``before[k]``, new output `k` its output ``after[k]``. Elsewhere 0, 1, 2, ….
    """

    nodes: list[Any]
    initializers: list[Any]
    before: NDArray[np.int64]
    after: NDArray[np.int64]


def chain_nodes(
    product: Product,
    source: str,
    target: str,
    *,
    prefix: str = "chain",
    bias: Array | None = None,
    pads: Sides | None = None,
    dilation: int | tuple[int, int] = 1,
    axes: int = 2,
    dtype: DTypeLike | None = None,
    transpose: bool = True,
    free_input: bool = False,
    free_output: bool = False,
) -> ChainNodes:
    """Return the nodes that compute a product from the tensor `source` into the tensor `target`.

    Parameters
    ----------
    product : Product
        Real weights.
    source, target : str
        Names of the tensors read and written, of shape (N, C, H, W), or (N, C, W) for ``axes=1``.
    prefix : str, default "chain"
        Begins the names of everything between them.
    bias : ndarray, shape (C_out,), optional
        Added to the outputs.
    pads : (int, int, int, int), optional
        Zeros above, left, below and right of the image; by default as many as ``padding="same"`` puts around the whole window.
    dilation : int or (int, int), default 1
        Step within the window of the one spatial factor.
    axes : {2, 1}
        Spatial axes.
    dtype : data-type, optional
        Of the weights; that of the product by default.
    transpose : bool, default True
        Whether a shuffle that is a transposition is written as one; else it is a Gather, one operator instead of three.
    free_input, free_output : bool, default False
        Whether the neighbours take over the order of the channels at that end.

    Returns
    -------
    ChainNodes

    Raises
    ------
    ImportError
        If the package onnx is missing.
    TypeError, ValueError
        If `product` is no Product, or complex, or a chain of several windows is to be dilated.

    Examples
    --------
    >>> from igc_theory.kernels import random_product
    >>> from igc_theory.structure import igcv1
    >>> product = random_product(igcv1(L=4, M=2), np.random.default_rng(0))
    >>> [node.op_type for node in chain_nodes(product, "x", "y").nodes]
    ['Conv', 'Reshape', 'Transpose', 'Shape', 'Reshape', 'Conv', 'Reshape', 'Transpose', 'Shape', 'Reshape']
    >>> [node.op_type for node in chain_nodes(product, "x", "y", free_output=True).nodes].count("Transpose")
    1
    """
    steps = _checked(product, axes, pair_of("dilation", dilation))
    folded = fold_shuffles(product.chain, free_input=free_input, free_output=free_output)
    weights = carried_weights(folded, product.weights)
    biases = _biases(product.chain, folded, bias)
    sides = _same(product.chain.window, steps) if pads is None else pads
    inside = _padded_inside(product.chain)
    writer = _Writer(source, prefix, axes, product.dtype if dtype is None else float_type("dtype", dtype), transpose)
    if any(sides) and not inside:
        writer.pad(sides)
    rest = iter(zip(weights, biases, strict=True))
    for factor in serial_factors(folded.chain):
        if isinstance(factor, ChannelPermutation):
            writer.shuffle(factor)
        elif inside and not factor.is_pointwise:
            writer.convolve(factor, *next(rest), sides, steps)
        else:
            writer.convolve(factor, *next(rest), (0, 0, 0, 0), steps if not factor.is_pointwise else (1, 1))
    return ChainNodes(writer.ended(target), writer.initializers, folded.before, folded.after)


def chain_model(
    product: Product, height: int, width: int, dtype: DTypeLike | None = None, *, times: int = 1, transpose: bool = True
) -> Any:
    """Return a product as an ONNX model of its own, from `x` to `y`, for one image of that size.

    Parameters
    ----------
    product : Product
        Real weights.
    height, width : int
        Of the image.
    dtype : data-type, optional
        Of images and weights; that of the product by default.
    times : int, default 1
        How often the product is applied, one after the other; more than once if it keeps channels and size.
    transpose : bool, default True
        As in `chain_nodes`.

    Returns
    -------
    onnx.ModelProto
        It computes what `Product.convolve` does with ``padding="same"``.

    Raises
    ------
    ImportError
        If the package onnx is missing.
    TypeError, ValueError
        If `product` is no Product, or complex, or a side is not a positive integer.

    Examples
    --------
    >>> from igc_theory.kernels import random_product
    >>> from igc_theory.structure import depthwise_separable
    >>> model = chain_model(random_product(depthwise_separable(8, 16), np.random.default_rng(0)), 14, 14)
    >>> [node.op_type for node in model.graph.node]
    ['Conv', 'Conv']
    """
    chain = instance_of("product", product, Product, "give a Product, such as random_product(chain, rng)").chain
    height, width = positive_int("height", height), positive_int("width", width)
    numbers = product.dtype if dtype is None else float_type("dtype", dtype)
    if (times := positive_int("times", times)) > 1 and (chain.in_channels, 1, 1) != (
        chain.out_channels,
        *chain.strides,
    ):
        raise ValueError(f"times={times} does not fit a chain that changes channels or size: use 1")
    names = ["x", *(f"x{k}" for k in range(1, times)), "y"]
    parts = [
        chain_nodes(product, read, written, prefix=f"chain{k}", dtype=numbers, transpose=transpose)
        for k, (read, written) in enumerate(pairwise(names))
    ]
    kind = onnx.helper.np_dtype_to_tensor_dtype(numbers)
    sizes = [-(-side // stride) for side, stride in zip((height, width), chain.strides, strict=True)]
    graph = onnx.helper.make_graph(
        [node for part in parts for node in part.nodes],
        "chain",
        [onnx.helper.make_tensor_value_info("x", kind, [1, chain.in_channels, height, width])],
        [onnx.helper.make_tensor_value_info("y", kind, [1, chain.out_channels, *sizes])],
        [constant for part in parts for constant in part.initializers],
    )
    opsets = [onnx.helper.make_opsetid("", OPSET)]
    return onnx.helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="igc_theory")


class _Writer:
    """Nodes that follow one another, each reading what the last one wrote."""

    def __init__(self, source: str, prefix: str, axes: int, dtype: np.dtype[Any], transpose: bool) -> None:
        self.name, self.prefix, self.axes, self.dtype, self.transpose = source, prefix, axes, dtype, transpose
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []

    def pad(self, sides: Sides) -> None:
        """Put zeros around the image."""
        around = [0, 0, *sides[2 - self.axes : 2], 0, 0, *sides[4 - self.axes :]]
        self._node("Pad", [self.name, self._constant("pads", np.array(around, np.int64))])

    def convolve(
        self, conv: GroupConv, weight: Array, bias: Array | None, sides: Sides, steps: tuple[int, int]
    ) -> None:
        """Apply a group convolution."""
        cut, shape = slice(2 - self.axes, 2), (*weight.shape[:2], *weight.shape[4 - self.axes :])
        inputs = [self.name, self._constant("weight", weight.reshape(shape).astype(self.dtype))]
        inputs += [] if bias is None else [self._constant("bias", bias.astype(self.dtype))]
        pads = [*sides[2 - self.axes : 2], *sides[4 - self.axes :]]
        window = {"kernel_shape": conv.window[cut], "strides": conv.strides[cut], "dilations": steps[cut], "pads": pads}
        self._node("Conv", inputs, group=conv.groups, **window)

    def shuffle(self, permutation: ChannelPermutation) -> None:
        """Put the channels in another order."""
        found = transposition(permutation)
        if found is None or not self.transpose:
            self._node("Gather", [self.name, self._constant("indices", permutation.indices)], axis=1)
        elif len(found[0]) > 1:
            sizes, order = found
            whole, last = self.name, len(sizes) + 1
            self._node("Reshape", [whole, self._constant("sizes", np.array([0, *sizes, -1], np.int64))])
            self._node("Transpose", [self.name], perm=[0, *[axis + 1 for axis in order], last])
            turned = self.name
            self._node("Shape", [whole])
            self._node("Reshape", [turned, self.name])

    def ended(self, target: str) -> list[Any]:
        """Return the nodes, the last of which writes `target`."""
        if not self.nodes:
            self._node("Identity", [self.name])
        self.nodes[-1].output[0] = target
        return self.nodes

    def _node(self, kind: str, inputs: list[str], **attributes: Any) -> None:
        self.name = f"{self.prefix}/{len(self.nodes)}"
        self.nodes.append(onnx.helper.make_node(kind, inputs, [self.name], f"{self.name}/{kind}", **attributes))

    def _constant(self, kind: str, array: NDArray[Any]) -> str:
        name = f"{self.prefix}/{len(self.nodes)}/{kind}"
        self.initializers.append(onnx.numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name


def _checked(product: Product, axes: int, steps: tuple[int, int]) -> tuple[int, int]:
    """Refuse what cannot be written; return the dilation."""
    if onnx is None:
        raise ImportError("chains as ONNX nodes need the package onnx: pip install onnx")
    instance_of("product", product, Product, "give a Product, such as random_product(chain, rng)")
    if product.dtype.kind == "c":
        raise TypeError(f"product={product!r} has complex weights: ONNX has real convolutions only")
    positive_int("axes", axes, maximum=2, beyond="use 2 for images (N, C, H, W), 1 for sequences (N, C, W)")
    flat = [*product.chain.convolutions] if axes == 1 else []
    for conv in flat:
        if conv.window[0] > 1 or conv.strides[0] > 1:
            raise ValueError(f"axes=1 does not fit {conv!r}: give it kernel_size=(1, k), stride=(1, s), or use axes=2")
    if steps != (1, 1) and len(product.chain.spatial) > 1:
        raise ValueError(f"dilation={steps} does not fit a chain with several windows: use 1, or a chain with one")
    return steps


def _padded_inside(chain: Chain) -> bool:
    """Return whether the one spatial convolution can put zeros around what it reads; no stride may stand in front of it."""
    if len(chain.spatial) != 1:
        return False
    before = chain.convolutions[: chain.convolutions.index(chain.spatial[0])]
    return all(conv.strides == (1, 1) for conv in before)


def _same(window: tuple[int, int], steps: tuple[int, int]) -> Sides:
    """Return the zeros of ``padding="same"`` around a dilated window."""
    rims = [step * (side - 1) for side, step in zip(window, steps, strict=True)]
    return rims[0] // 2, rims[1] // 2, rims[0] - rims[0] // 2, rims[1] - rims[1] // 2


def _biases(chain: Chain, folded: FoldedChain, bias: Array | None) -> list[Array | None]:
    """Return a bias for every convolution: that of the outputs stands at the last, in the order in which it writes them."""
    biases: list[Array | None] = [None] * len(chain.convolutions)
    if bias is not None:
        given = array_of("bias", bias)
        if not biases or given.shape != (chain.out_channels,):
            raise ValueError(f"bias has shape {given.shape}: give one number per output channel of a convolution")
        written = np.empty_like(given)
        written[wiring(chain)[-1]] = given
        biases[-1] = written[folded.rows[-1]]
    return biases
