"""Consecutive convolutions of a network as chains, and how well they connect their channels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

from igc_theory.networks.description.layer_graph import Layer, LayerGraph
from igc_theory.networks.description.layers import Conv, Norm, Scale, Shuffle
from igc_theory.structure.chains import Chain
from igc_theory.structure.conditions.grades import Grade, grade
from igc_theory.structure.factors import GroupConv
from igc_theory.structure.permutations import ChannelPermutation

__all__ = ["ChainAudit", "chain_audits", "consecutive"]


@dataclass(frozen=True)
class ChainAudit:
    """Consecutive convolutions, at least one of them with branches, and how well they connect their channels.

    Attributes
    ----------
    layers : tuple of str
        Names, in order.
    chain : Chain
    grade : Grade
    """

    layers: tuple[str, ...]
    chain: Chain
    grade: Grade


def chain_audits(network: LayerGraph) -> tuple[ChainAudit, ...]:
    """Return the chains of a network, each with its grade.

    Examples
    --------
    >>> from igc_theory.networks import network
    >>> [str(found.grade) for found in chain_audits(network("shufflenet", groups=3))][1]
    'dense, uneven: 6 to 7 paths per pair'
    """
    return tuple(_chain_audit(network, run) for run in consecutive(network))


def consecutive(network: LayerGraph) -> list[tuple[int, ...]]:
    """Return the runs of layers that form chains, as positions in ``network.layers``.

    A run consists of convolutions and channel shuffles, each the only reader of the one before; activations, normalisations and
    gates in between are skipped. It has at least two convolutions, one of them with branches. A dense convolution behind one with
    branches ends a run, since it connects everything; a dense spatial one stands alone.
    """
    follows = _follows(network)
    members = [isinstance(layer.node, (Conv, Shuffle)) for layer in network.layers]
    readers: dict[int, list[int]] = {}
    for k, before in enumerate(follows):
        if before is not None and members[k] and members[before]:
            readers.setdefault(before, []).append(k)
    continued = {before: after[0] for before, after in readers.items() if len(after) == 1}
    starts = [k for k, is_member in enumerate(members) if is_member and k not in continued.values()]
    runs = [run for start in starts for run in _cut(network.layers, _walked(start, continued))]
    return sorted(run for run in runs if _is_chain([network.layers[k] for k in run]))


def _walked(start: int, continued: dict[int, int]) -> list[int]:
    run = [start]
    while run[-1] in continued:
        run.append(continued[run[-1]])
    return run


def _cut(layers: Sequence[Layer], run: Iterable[int]) -> list[tuple[int, ...]]:
    """Return the parts of a run between convolutions that connect everything."""
    parts: list[list[int]] = [[]]
    for k in run:
        dense = layers[k].groups == 1
        if dense and not _is_pointwise(layers[k]):
            parts += [[], []]
            parts[-2].append(k)
            continue
        if dense and parts[-1] and not _has_branches(layers[j] for j in parts[-1]):
            parts.append([])
        parts[-1].append(k)
        if dense and _has_branches(layers[j] for j in parts[-1]):
            parts.append([])
    return [tuple(part) for part in parts if part]


def _is_chain(layers: list[Layer]) -> bool:
    return sum(layer.groups is not None for layer in layers) > 1 and _has_branches(layers)


def _has_branches(layers: Iterable[Layer]) -> bool:
    return any((layer.groups or 1) > 1 for layer in layers)


def _is_pointwise(layer: Layer) -> bool:
    return isinstance(layer.node, Conv) and layer.node.convolution.is_pointwise


def _follows(network: LayerGraph) -> list[int | None]:
    """Return the layer whose channels each layer reads in order, if it writes as many and stands in the same branch.

    Normalisations and scales that stand alone are passed: they leave every channel in its place.
    """
    found = []
    for layer in network.layers:
        before = layer.follows
        while before is not None and isinstance(network.layers[before].node, (Norm, Scale)):
            before = network.layers[before].follows
        fits = before is not None and (
            network.layers[before].branch == layer.branch
            and network.layers[before].output_shape[0] == layer.input_shape[0]
        )
        found.append(before if fits else None)
    return found


def _chain_audit(network: LayerGraph, run: tuple[int, ...]) -> ChainAudit:
    layers = [network.layers[k] for k in run]
    chain = Chain([_factor(layer) for layer in layers])
    return ChainAudit(tuple(layer.name for layer in layers), chain, _graded(chain))


def _factor(layer: Layer) -> GroupConv | ChannelPermutation:
    """Return what a layer of a chain is in it."""
    if isinstance(layer.node, Conv):
        return layer.node.convolution
    assert isinstance(layer.node, Shuffle)
    return layer.node.permutation


_graded = cache(grade)
"""Blocks of a network are alike: each kind is graded once."""
