"""What a network costs layer by layer, how its group convolutions connect channels, and what its dense layers could save."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm.auto import tqdm

from igc_theory.budget.designs.best_block import best_block
from igc_theory.kernels.compression.approximation import REAL_BITS
from igc_theory.kernels.compression.low_rank import low_rank
from igc_theory.kernels.compression.pruning import prune, pruned_bits
from igc_theory.kernels.compression.structured import sparse_product
from igc_theory.networks.description.layer_graph import Layer, LayerGraph
from igc_theory.networks.description.layers import Conv, Linear, Norm, Scale, Shuffle
from igc_theory.networks.description.network import Network
from igc_theory.networks.paths.flow import NetworkFlow, channel_flow
from igc_theory.structure.arguments import flag, instance_of, positive_int
from igc_theory.structure.chains import Chain
from igc_theory.structure.conditions.grades import Grade, grade
from igc_theory.structure.factors import GroupConv
from igc_theory.structure.families.two_factor_chains import two_factor_chains
from igc_theory.structure.permutations import ChannelPermutation

__all__ = ["Audit", "ChainAudit", "Errors", "RegularAudit", "audit", "consecutive"]

MOST_WORKERS = 256
"""Processes: more than any machine that this was tried on has cores."""

SHARE = 1 / 4
"""Bits at which approximations are compared, as a share of the dense layer's."""

Array = NDArray[Any]


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


@dataclass(frozen=True)
class Errors:
    """Relative errors of approximations of one layer's weights.

    Attributes
    ----------
    strict : float
        Of the nearest product of `RegularAudit.strict`, the chain with the fewest weights.
    bits : int
        At which the other three are compared.
    chain : str
        Branch widths of the sparse product that takes this many bits: of `two_factor_chains`, the largest one within a quarter of
        the dense bits, or the smallest one if none is.
    product, low_rank, pruned : float
        Of that product, of low rank and of pruning within the same bits.
    """

    strict: float
    bits: int
    chain: str
    product: float
    low_rank: float
    pruned: float


@dataclass(frozen=True)
class RegularAudit:
    """A regular layer, one matrix from all channels to all channels, and the cheapest chains of its channels.

    Attributes
    ----------
    layer : str
    in_channels, out_channels, parameters : int
    strict, dense : Chain
        The cheapest chain with exactly one, and with at least one, path per pair.
    errors : Errors or None
        If the network has weights, and there is a product of fewer.
    unmeasured : str
        Why the errors of a network with weights could not be measured; empty if they were.
    """

    layer: str
    in_channels: int
    out_channels: int
    parameters: int
    strict: Chain
    dense: Chain
    errors: Errors | None = None
    unmeasured: str = ""


@dataclass(frozen=True, eq=False)
class Audit:
    """All that `audit` found.

    Attributes
    ----------
    network : LayerGraph
    chains : tuple of ChainAudit
    regular : tuple of RegularAudit
    flow : NetworkFlow or None
        How its blocks and stages connect channels; None where only its layers are known, not what joins them.

    Examples
    --------
    >>> from igc_theory.networks import network
    >>> found = audit(network("igc_l24m2", depth=5), progress=False)
    >>> len(found.chains), len(found.regular)
    (3, 1)
    """

    network: LayerGraph
    chains: tuple[ChainAudit, ...]
    regular: tuple[RegularAudit, ...]
    flow: NetworkFlow | None = None


def audit(network: LayerGraph, *, workers: int = 1, progress: bool = True) -> Audit:
    """Return what a network costs, how it connects channels, and what its dense pointwise layers could save.

    Parameters
    ----------
    network : LayerGraph
        From `network` or `read_onnx`; with weights, approximations of the dense pointwise layers are measured too.
    workers : int, default 1
        Processes that share the measuring, through joblib (the extra ``onnx``); within
        ``joblib.parallel_config`` another backend, such as Dask's or Ray's, takes the work over.
    progress : bool, default True
        Whether a progress bar is shown in a terminal.

    Returns
    -------
    Audit

    Raises
    ------
    ImportError
        If more than one worker is asked for and joblib is missing.
    TypeError, ValueError
        If `network` is not a network, or `workers` is not an integer of at least 1.

    Examples
    --------
    >>> from igc_theory.networks import network
    >>> [entry.layer for entry in audit(network("igc_l24m2", depth=5)).regular]
    ['linear1']
    >>> found = audit(network("shufflenet", groups=3))
    >>> print(found.chains[1].grade)
    dense, uneven: 6 to 7 paths per pair
    """
    instance_of("network", network, LayerGraph, "give one from network(name) or read_onnx(path)")
    workers, progress = positive_int("workers", workers, maximum=MOST_WORKERS), flag("progress", progress)
    chains = tuple(_chain_audit(network, run) for run in consecutive(network))
    layers = [layer for layer in network.layers if _is_regular(layer)]
    results = _mapped(_regular_audit, [_sizes(layer) for layer in layers], min(workers, len(layers)), progress)
    joined = isinstance(network, Network) or network.graph is not None
    return Audit(network, chains, tuple(results), channel_flow(network) if joined else None)


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


def _is_regular(layer: Layer) -> bool:
    """Return whether a layer is one matrix from all channels to all channels, with more than one of each."""
    node = layer.node
    if isinstance(node, Conv):
        conv = node.convolution
        return conv.is_pointwise and conv.groups == 1 and min(conv.in_channels, conv.out_channels) > 1
    return isinstance(node, Linear) and min(node.in_features, node.out_features) > 1


def _sizes(layer: Layer) -> tuple[str, int, int, Array | None]:
    """Return name, channels and weights of a dense layer."""
    weight = layer.weight
    if isinstance(layer.node, Linear):
        out, into = layer.node.out_features, layer.node.in_features
    else:
        assert isinstance(layer.node, Conv)
        conv = layer.node.convolution
        out, into = conv.out_channels, conv.in_channels
    return layer.name, into, out, None if weight is None else np.asarray(weight).reshape(out, into)


def _regular_audit(name: str, into: int, out: int, weight: Array | None) -> RegularAudit:
    # Chains through the layer's own two numbers of channels: every one of them can be projected onto.
    own = max(into, out)
    strict, dense = (best_block(into, out, 1, paths=paths, multiple_of=own).chain for paths in ("strict", "dense"))
    unmeasured = "" if weight is None else _unfit(weight)
    errors = None if weight is None or unmeasured else _errors(weight, strict)
    return RegularAudit(name, into, out, into * out, strict, dense, errors, unmeasured)


def _unfit(weight: Array) -> str:
    """Return why approximations of a matrix cannot be measured; empty if they can."""
    if weight.dtype.kind == "c":
        return "its weights are complex"
    if weight.dtype.kind != "f":
        return f"its weights are quantized ({weight.dtype})"
    missing = weight.size - int(np.isfinite(weight).sum())
    return f"{missing} of its weights {'is' if missing == 1 else 'are'} not finite" if missing else ""


def _errors(weight: Array, strict: Chain) -> Errors | None:
    """Return the errors of approximations of a matrix; None if no product has fewer weights than the matrix."""
    out, into = weight.shape
    chains = sorted(two_factor_chains(into, out), key=lambda chain: chain.parameters)
    if not chains:
        return None
    within = [chain for chain in chains if chain.parameters <= SHARE * weight.size]
    found = sparse_product(weight, within[-1] if within else chains[0])
    rank = found.storage_bits // (REAL_BITS * (out + into))
    return Errors(
        strict=sparse_product(weight, strict).relative_error,
        bits=found.storage_bits,
        chain=found.setting,
        product=found.relative_error,
        low_rank=low_rank(weight, rank).relative_error if rank else 1.0,
        pruned=_pruned_within(weight, found.storage_bits),
    )


def _pruned_within(weight: Array, bits: int) -> float:
    """Return the error of pruning to the most entries whose storage is within `bits`."""
    count = bisect_right(range(weight.size), bits, key=partial(pruned_bits, *weight.shape)) - 1
    return prune(weight, count).relative_error if count > 0 else 1.0


def _mapped(
    function: Callable[..., RegularAudit], arguments: Sequence[tuple[Any, ...]], workers: int, progress: bool
) -> list[RegularAudit]:
    """Return the results in order, computed here or by workers, with a progress bar."""
    if workers <= 1:
        results: Iterator[RegularAudit] = (function(*argument) for argument in arguments)
    else:
        try:
            from joblib import Parallel, delayed
        except ImportError as error:
            raise ImportError("more than one worker needs joblib: pip install joblib, or leave workers=1") from error
        calls = (delayed(function)(*argument) for argument in arguments)
        results = Parallel(n_jobs=workers, return_as="generator")(calls)
    bar = tqdm(
        results, total=len(arguments), desc="auditing", unit="layer", leave=False, disable=None if progress else True
    )
    return list(bar)
