"""Small convolutional networks whose blocks are chains: trained through their products, counted by the library."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby, pairwise

import numpy as np
import torch
from torch import nn

from experiments.data import Data
from igc_theory.kernels.products.product import Product
from igc_theory.kernels.products.random_product import random_product
from igc_theory.networks.description.layers import Conv, Linear, Pool, Shuffle
from igc_theory.networks.description.network import Network
from igc_theory.networks.description.nodes import Node
from igc_theory.structure.branches import serial_factors
from igc_theory.structure.chains import Chain, Factor
from igc_theory.structure.factors import GroupConv
from igc_theory.structure.permutations import ChannelPermutation

__all__ = ["CLASSES", "Design", "Networks", "Through", "as_network", "build", "weights"]

CLASSES = 10


@dataclass(frozen=True)
class Design:
    """What an experiment compares: the chains of a network's blocks.

    Attributes
    ----------
    name : str
        Unique among the designs of one budget.
    role : str
        What the claim calls it, such as ``"regular"``.
    blocks : tuple of Chain
        One per block; each reads as many channels as the one before it writes.
    budget : str
        Designs of one budget have equal weights.
    residual : bool
        False: a block is linear, with batch-norm and ReLU behind it (IGCV1, IGCV2). True: batch-norm behind every convolution, ReLU
        behind every one but the last, and a shortcut around the block (MobileNetV2, IGCV3).
    rate : float or None
        Peak learning rate; None takes the one that was chosen on the validation split.
    """

    name: str
    role: str
    blocks: tuple[Chain, ...]
    budget: str = "one"
    residual: bool = False
    rate: float | None = None

    @property
    def family(self) -> str:
        """``"residual"``, or how many factors a block has: ``"one"``, ``"two"``, ``"many"``. A family shares a learning rate."""
        factors = len(self.blocks[0].convolutions)
        return "residual" if self.residual else {1: "one", 2: "two"}.get(factors, "many")


def as_network(design: Design, data: Data) -> Network:
    """Return what has weights as data, for counting: stem, blocks, classifier (pools inside and shortcuts have none)."""
    nodes: list[Node] = [Pool("average", data.averaged, data.averaged), Conv(_stem(design, data))]
    for chain in design.blocks:
        nodes += [
            Conv(factor) if isinstance(factor, GroupConv) else Shuffle(factor) for factor in serial_factors(chain)
        ]
    nodes += [Pool("average"), Linear(design.blocks[-1].out_channels, CLASSES)]
    _, *sides = data.test.inputs.shape[1:]
    height, width = (1, *sides)[-2:]
    return Network(design.name, (1, height, width), tuple(nodes))


def weights(design: Design, data: Data) -> int:
    """Return the weights of all convolutions and of the classifier; batch-norm and biases are left out, as the papers do."""
    counts = as_network(design, data).counts
    return counts.convolution + counts.linear


@dataclass(frozen=True)
class Networks:
    """Networks of one design that are trained side by side, each from its own weights on its own examples.

    Their channels are concatenated: a convolution of `n` networks is a group convolution with `n` times as many groups, and
    batch-norm and ReLU act on each channel anyway. What a step costs besides arithmetic is then paid once for all.

    Attributes
    ----------
    module : torch.nn.Module
        From inputs of shape (examples, networks, …) to scores of shape (examples, networks, classes).
    products : list of list of Product
        What the blocks of each network start from.
    """

    module: nn.Module
    products: list[list[Product]]


def build(designs: Sequence[Design], data: Data, rngs: Sequence[np.random.Generator]) -> Networks:
    """Return networks ready to train: of one design, but for permutations that may differ, with weights of their generators."""
    products = [
        [random_product(chain, rng, np.float32) for chain in design.blocks]
        for design, rng in zip(designs, rngs, strict=True)
    ]
    stems = [random_product(Chain([_stem(designs[0], data)]), rng, np.float32) for rng in rngs]
    layers: list[nn.Module] = [nn.AvgPool2d(data.averaged)] if data.averaged > 1 else []
    layers += [*_normalised(stems, data.axes), nn.ReLU()]
    for block in zip(*products, strict=True):
        layers += [_Residual(block, data.axes)] if designs[0].residual else [*_normalised(block, data.axes), nn.ReLU()]
    module = nn.Sequential(*layers, nn.Flatten(2), _Classifier(len(rngs), designs[0].blocks[-1].out_channels))
    return Networks(module, products)


def _stem(design: Design, data: Data) -> GroupConv:
    return GroupConv(1, design.blocks[0].in_channels, kernel_size=data.window, stride=data.stride)


class Through(nn.Module):
    """Chains whose factors are trained through their product, side by side.

    Nothing stands between the factors, so that they are multiplied first and applied as one dense convolution: PyTorch's grouped
    convolutions are slow where branches are narrow. A depthwise factor is applied as it is. Gradients and decay reach the weights
    of every factor as if the factors were applied one by one.

    Parameters
    ----------
    products : sequence of Product
        The weights that each network starts from; the chains differ at most in their permutations. Windows are odd, and a factor
        with a stride stands alone.
    axes : {1, 2}
        Spatial axes; sequences take windows of height 1.
    """

    def __init__(self, products: Sequence[Product], axes: int) -> None:
        super().__init__()
        self.axes, self.networks = axes, len(products)
        self.runs = [*zip(*(_runs(product.chain) for product in products), strict=True)]
        stacked = map(np.concatenate, zip(*(product.weights for product in products), strict=True))
        self.weights = nn.ParameterList(map(torch.from_numpy, stacked))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the activations, shape (examples, networks * out_channels, …)."""
        weights = iter(self.weights)
        for runs in self.runs:
            if isinstance(runs[0], GroupConv):
                x = self._convolve(x, next(weights), runs[0].groups, runs[0].strides[1])
            else:
                x = self._convolve(x, _kernels(runs, weights))
        return x

    def _convolve(self, x: torch.Tensor, kernel: torch.Tensor, groups: int = 1, stride: int = 1) -> torch.Tensor:
        if self.axes == 1:
            kernel = kernel.squeeze(2)
        convolve = {1: nn.functional.conv1d, 2: nn.functional.conv2d}[self.axes]
        return convolve(x, kernel, None, stride, kernel.shape[-1] // 2, 1, self.networks * groups)


Run = GroupConv | tuple[Factor, ...]
"""A factor that is applied as it is, or several that are multiplied first."""


def _runs(chain: Chain) -> list[Run]:
    """Return depthwise factors and single ones on their own, and what can be multiplied together."""
    runs: list[Run] = []
    for alone, factors in groupby(serial_factors(chain), lambda factor: getattr(factor, "is_depthwise", False)):
        run = tuple(factors)
        if alone or (len(run) == 1 and isinstance(run[0], GroupConv)):
            runs += [factor for factor in run if isinstance(factor, GroupConv)]
        else:
            runs.append(run)
    return runs


def _kernels(runs: Sequence[Sequence[Factor]], weights: Iterator[torch.Tensor]) -> torch.Tensor:
    """Return the products of like runs as kernels, (networks * out_channels, in_channels, kh, kw); one factor may be spatial."""
    first = runs[0][0]
    channels = first.channels if isinstance(first, ChannelPermutation) else first.in_channels
    n, window = len(runs), (1, 1)
    products = _identity(channels).expand(
        n, -1, -1
    )  # rows: channels so far; columns: places of the window, then inputs
    for factors in zip(*runs, strict=True):
        factor = factors[0]
        if isinstance(factor, ChannelPermutation):
            products = products.flatten(0, 1).index_select(0, _orders(factors)).unflatten(0, (n, -1))
            continue
        weight = next(weights).reshape(n * factor.groups, factor.out_width, factor.in_width, factor.kernel_area)
        blocks = weight.transpose(2, 3).reshape(n * factor.groups, -1, factor.in_width)
        products = torch.bmm(blocks, products.reshape(n * factor.groups, factor.in_width, -1))
        products = products.reshape(n, factor.out_channels, -1)
        window = factor.window if factor.kernel_area > 1 else window
    kernels = products.reshape(n * products.shape[1], -1, channels).transpose(1, 2)
    return kernels.reshape(len(kernels), channels, *window)


@cache
def _identity(channels: int) -> torch.Tensor:
    return torch.eye(channels)


@cache
def _orders(permutations: tuple[ChannelPermutation, ...]) -> torch.Tensor:
    """Return the indices of permutations of which each follows the channels of the one before."""
    return torch.tensor(np.concatenate([k * order.channels + order.indices for k, order in enumerate(permutations)]))


class _Residual(nn.Module):
    """Chains with batch-norm behind every convolution, ReLU behind all but the last, and the identity added."""

    def __init__(self, products: Sequence[Product], axes: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for parts in zip(*map(_parts, products), strict=True):
            layers += [*_normalised(parts, axes), nn.ReLU()]
        self.layers = nn.Sequential(*layers[:-1])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.layers(x)


class _Classifier(nn.Module):
    """The mean over all positions and a linear layer per network; it starts at zero."""

    def __init__(self, networks: int, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(networks, CLASSES, channels))
        self.bias = nn.Parameter(torch.zeros(networks, CLASSES))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        means = x.mean(2).unflatten(1, (len(self.weight), -1))
        return torch.einsum("enc,nkc->enk", means, self.weight) + self.bias


def _parts(product: Product) -> list[Product]:
    """Return one product per convolution, each with the permutations that follow it."""
    factors = product.chain.factors
    starts = [k for k, factor in enumerate(factors) if isinstance(factor, GroupConv)]
    pieces = [Chain(factors[start:end]) for start, end in pairwise([*starts, len(factors)])]
    return [Product(piece, [weight]) for piece, weight in zip(pieces, product.weights, strict=True)]


def _normalised(products: Sequence[Product], axes: int) -> list[nn.Module]:
    channels = sum(product.chain.out_channels for product in products)
    return [Through(products, axes), {1: nn.BatchNorm1d, 2: nn.BatchNorm2d}[axes](channels)]
