"""Small convolutional networks whose blocks are chains: built by `to_torch`, counted by the library."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import nn

from experiments.data import Data
from igc_theory.kernels.products.product import Product
from igc_theory.kernels.products.random_product import random_product
from igc_theory.networks.description.layers import Conv, Linear, Pool, Shuffle
from igc_theory.networks.description.network import Network
from igc_theory.networks.description.nodes import Node
from igc_theory.networks.rewriting.torch_modules import to_torch
from igc_theory.structure.branches import serial_factors
from igc_theory.structure.chains import Chain
from igc_theory.structure.factors import GroupConv

__all__ = ["CLASSES", "Design", "as_network", "build", "weights"]

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
        """``"linear"`` or ``"residual"``: designs of one family share a learning rate."""
        return "residual" if self.residual else "linear"


def as_network(design: Design, data: Data) -> Network:
    """Return what has weights as data, for counting: stem, blocks, classifier (pools inside and shortcuts have none)."""
    stem = GroupConv(1, design.blocks[0].in_channels, kernel_size=data.window)
    nodes: list[Node] = [Conv(stem)]
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


def build(design: Design, data: Data, rng: np.random.Generator) -> tuple[nn.Sequential, list[Product]]:
    """Return the network ready to train, and the products that its blocks start from."""
    axes = data.axes
    width = design.blocks[0].in_channels
    products = [random_product(chain, rng, np.float32) for chain in design.blocks]
    stem = random_product(Chain([GroupConv(1, width, kernel_size=data.window)]), rng, np.float32)
    layers: list[nn.Module] = [*_normalised(stem, axes), nn.ReLU(), _pool(axes)]
    for product in products:
        layers += [_Residual(product, axes)] if design.residual else [*_normalised(product, axes), nn.ReLU()]
    classifier = nn.Linear(design.blocks[-1].out_channels, CLASSES)
    nn.init.zeros_(classifier.weight)
    nn.init.zeros_(classifier.bias)
    return nn.Sequential(*layers, nn.Flatten(2), _Mean(), classifier), products


class _Residual(nn.Module):
    """A chain with batch-norm behind every convolution, ReLU behind all but the last, and the identity added."""

    def __init__(self, product: Product, axes: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for part in _parts(product):
            layers += [*_normalised(part, axes), nn.ReLU()]
        self.layers = nn.Sequential(*layers[:-1])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.layers(x)


class _Mean(nn.Module):
    """The mean over all positions, shape (n, channels, positions) to (n, channels)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean(2)


def _parts(product: Product) -> list[Product]:
    """Return one product per convolution, each with the permutations that follow it."""
    factors = product.chain.factors
    starts = [k for k, factor in enumerate(factors) if isinstance(factor, GroupConv)]
    pieces = [Chain(factors[start:end]) for start, end in pairwise([*starts, len(factors)])]
    return [Product(piece, [weight]) for piece, weight in zip(pieces, product.weights, strict=True)]


def _normalised(product: Product, axes: int) -> list[nn.Module]:
    norm = {1: nn.BatchNorm1d, 2: nn.BatchNorm2d}[axes](product.chain.out_channels)
    return [*to_torch(product, axes=axes), norm]


def _pool(axes: int) -> nn.Module:
    return {1: nn.AvgPool1d, 2: nn.AvgPool2d}[axes](2)
