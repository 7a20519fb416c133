"""One way to compute a layer, what it costs, and the weights that do it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from igc_theory.kernels.arrays import Array
from igc_theory.kernels.products.product import Product
from igc_theory.structure.branches import wiring
from igc_theory.structure.chains import Chain
from igc_theory.structure.permutations import ChannelPermutation

__all__ = ["Candidate", "Indices", "Substitute", "scaled_outputs"]

Indices = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Substitute:
    """What computes a layer's outputs: some of its inputs, a product, and copies of what that writes.

    Attributes
    ----------
    product : Product
    inputs : ndarray of int or None
        Channels that the product reads; None for all, in order.
    outputs : ndarray of int or None
        Channel of the product that each output is; None for all, in order.
    relative_error : float
        As in `Candidate`, of these weights.
    """

    product: Product
    inputs: Indices | None
    outputs: Indices | None
    relative_error: float

    def kernel(self, in_channels: int) -> Array:
        """Return the one dense kernel that it equals, shape (C_out, C_in, kh, kw)."""
        kernel = self.product.kernel()
        kernel = kernel if self.outputs is None else kernel[self.outputs]
        if self.inputs is None:
            return kernel
        dense = np.zeros((len(kernel), in_channels, *kernel.shape[2:]), kernel.dtype)
        dense[:, self.inputs] = kernel
        return dense

    def scaled(self, scales: Array) -> Substitute:
        """Return what computes the same outputs, each times a number of its own; shape (C_out,)."""
        written = np.ones(self.product.chain.out_channels)
        written[slice(None) if self.outputs is None else self.outputs] = scales
        return replace(self, product=scaled_outputs(self.product, written))


def scaled_outputs(product: Product, scales: Array) -> Product:
    """Return the product whose outputs are those of another one, each times a number of its own; shape (C_out,)."""
    *others, last = product.weights
    rows = np.empty(len(last))
    rows[wiring(product.chain)[-1]] = scales
    return Product(product.chain, [*others, rows[:, None, None, None] * last])


@dataclass(frozen=True, eq=False)
class Candidate:
    """One way to compute a layer, what it costs, and how far it is from the layer.

    Attributes
    ----------
    family : str
        ``"keep"``, ``"product"``, ``"low rank"``, ``"block-diagonal"``, ``"channel pruning"`` or ``"filter pruning"``.
    setting : str
        Which one of its kind, such as ``"rank 10"``.
    chain : Chain
        Its convolutions and permutations.
    parameters : int
    storage_bits : int
        Weights at 32 bits, and indices of channels selected or put in order.
    multiply_adds : int
        For one image.
    relative_error : float
        :math:`‖K - W‖ / ‖K‖`, weighted by what the layer reads and by what follows it, where that is known.
    substitute : Substitute
        The weights, computed when first asked for; their error is this one, or smaller where an order of the channels is found.
    """

    family: str
    setting: str
    chain: Chain
    storage_bits: int
    multiply_adds: int
    relative_error: float
    _fitted: Callable[[], Substitute] = field(repr=False)

    @property
    def name(self) -> str:
        """Family and setting."""
        return f"{self.family}, {self.setting}" if self.setting else self.family

    @property
    def parameters(self) -> int:
        """Weights."""
        return self.chain.parameters

    @property
    def timed_chain(self) -> Chain:
        """The chain with the selection of channels as a shuffle of as many: both take as long."""
        if not self.family.endswith("pruning"):
            return self.chain
        inputs = self.family == "channel pruning"
        channels = self.chain.in_channels if inputs else self.chain.out_channels
        shuffle = ChannelPermutation(np.roll(np.arange(channels), 1))
        return Chain([shuffle, self.chain] if inputs else [self.chain, shuffle])

    @cached_property
    def substitute(self) -> Substitute:
        """The weights, computed when first asked for."""
        return self._fitted()
