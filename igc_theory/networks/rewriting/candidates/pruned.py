"""A layer with fewer inputs, or with fewer outputs."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from igc_theory.kernels.arrays import Array
from igc_theory.kernels.compression.approximation import index_bits
from igc_theory.kernels.compression.frontier import SHARES
from igc_theory.kernels.compression.pruning import prune_channels, prune_filters
from igc_theory.kernels.products.product import Product
from igc_theory.networks.rewriting.candidates.candidate import Candidate, Indices, Substitute
from igc_theory.networks.rewriting.candidates.target import Target, combined
from igc_theory.structure.chains import Chain
from igc_theory.structure.factors import GroupConv

__all__ = ["pruned_layers"]

PRUNED = (0.9, 0.75, *SHARES[:3])
"""Shares of the channels that pruning keeps."""


def pruned_layers(target: Target) -> Iterator[Candidate]:
    """Yield the layer with fewer inputs, and with fewer outputs."""
    conv = target.conv
    scaled = target.rows * target.columns(spread=False)
    for share in PRUNED:
        for keep in _kept(share, conv.in_channels):
            mask = prune_channels(scaled, keep, kernel_size=conv.kernel_size).matrix != 0
            yield _fewer_inputs(
                target, np.flatnonzero(mask.reshape(conv.out_channels, conv.in_channels, -1).any((0, 2)))
            )
        for keep in _kept(share, conv.out_channels):
            yield _fewer_outputs(target, np.flatnonzero((prune_filters(scaled, keep).matrix != 0).any(axis=1)))


def _kept(share: float, channels: int) -> list[int]:
    """Return the number of channels that a share is, if it is some and not all."""
    keep = int(share * channels)
    return [keep] if 0 < keep < channels - 1 else []


def _fewer_inputs(target: Target, inputs: Indices) -> Candidate:
    """Return the layer on some of its inputs, its weights refitted where the moments say how."""
    conv = target.conv
    inputs = inputs if inputs.size else np.arange(1)
    chain = Chain([GroupConv(inputs.size, conv.out_channels, 1, conv.kernel_size, conv.stride)])
    columns = (inputs[:, None] * conv.kernel_area + np.arange(conv.kernel_area)).ravel()
    weights = target.matrix[:, columns]
    if target.metric.full:
        reads = np.zeros((columns.size, target.matrix.shape[1]))
        reads[np.arange(columns.size), columns] = 1
        weights = combined(target, target.matrix, reads)
    dense = np.zeros_like(target.matrix)
    dense[:, columns] = weights
    error = target.error(dense)
    kernel = weights.reshape(conv.out_channels, inputs.size, *conv.window)
    made = partial(_substitute, chain, kernel, error, inputs=inputs)
    bits = min(conv.in_channels, inputs.size * index_bits(conv.in_channels))
    return target.candidate("channel pruning", f"{inputs.size} of {conv.in_channels} inputs", chain, error, made, bits)


def _fewer_outputs(target: Target, outputs: Indices) -> Candidate:
    """Return the layer with some of its outputs, and one of zeros that stands for all others."""
    conv, kept = target.conv, outputs.size
    chain = Chain([GroupConv(conv.in_channels, kept + 1, 1, conv.kernel_size, conv.stride)])
    dense = np.zeros_like(target.matrix)
    dense[outputs] = target.matrix[outputs]
    places = np.full(conv.out_channels, kept)
    places[outputs] = np.arange(kept)
    kernel = np.concatenate([target.matrix[outputs], np.zeros((1, dense.shape[1]))])
    kernel = kernel.reshape(kept + 1, conv.in_channels, *conv.window)
    error = target.error(dense)
    made = partial(_substitute, chain, kernel, error, outputs=places)
    bits = conv.out_channels * index_bits(kept + 1)
    return target.candidate("filter pruning", f"{kept} of {conv.out_channels} outputs", chain, error, made, bits)


def _substitute(
    chain: Chain, kernel: Array, error: float, inputs: Indices | None = None, outputs: Indices | None = None
) -> Substitute:
    return Substitute(Product(chain, [kernel]), inputs, outputs, error)
