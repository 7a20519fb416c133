"""Where information can flow in a network: its blocks as chains, their grades, and the path counts of whole stages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from igc_theory.networks.description.layers import Conv, Pad, Shape, Shuffle, Slice
from igc_theory.networks.description.network import Network, in_series
from igc_theory.networks.description.nodes import Block, Node
from igc_theory.networks.description.table import Table
from igc_theory.structure.chains import Chain
from igc_theory.structure.conditions.grades import Grade, grade
from igc_theory.structure.factors import GroupConv
from igc_theory.structure.permutations import ChannelPermutation

__all__ = ["BlockFlow", "block_flows", "flow_table", "stage_path_counts"]

PathCounts = NDArray[np.float64]


@dataclass(frozen=True)
class BlockFlow:
    """How one block connects its input channels to its output channels.

    Attributes
    ----------
    name : str
        ``"stage.block"``, or the number of a convolution that stands alone.
    chain : Chain or None
        The main branch (the first with convolutions), batch-norms and pools left out; None where branches branch again.
    grade : Grade or None
        Of the chain.
    min_paths, max_paths : float
        Smallest and largest number of paths of a pair, all branches of the block together.

    Examples
    --------
    >>> from igc_theory.networks import network
    >>> flow = block_flows(network("shufflenet"))[3]
    >>> flow.name, str(flow.grade), flow.dense
    ('stage2.unit3', 'dense, uneven: 6 to 7 paths a pair', True)
    """

    name: str
    chain: Chain | None
    grade: Grade | None
    min_paths: float
    max_paths: float

    @property
    def dense(self) -> bool:
        """Whether every output of the block depends on every input."""
        return self.min_paths > 0


def block_flows(network: Network) -> list[BlockFlow]:
    """Return the flow of each block of a network and of each convolution outside the blocks.

    Parameters
    ----------
    network : Network
        From `network`, or built by hand: its nodes stand in series.

    Returns
    -------
    list of BlockFlow
        In order; linear layers are left out (they are dense).

    Raises
    ------
    TypeError
        If `network` is not a Network: one that was read has no nodes in series.

    Examples
    --------
    >>> from igc_theory.networks import network
    >>> for flow in block_flows(network("igc_l24m2", depth=5)):
    ...     print(flow.name, "|", flow.grade)
    conv1 | strict: every input reaches every output by exactly one path
    stage1.layer1 | strict: every input reaches every output by exactly one path
    stage2.layer1 | strict: every input reaches every output by exactly one path
    stage3.layer1 | strict: every input reaches every output by exactly one path
    """
    known: dict[Node, tuple[Chain | None, Grade | None, float, float]] = {}
    flows = []
    in_series("network", network)
    for name, node, shape in _parts(network):
        plain = _unnamed(node)
        if plain not in known:
            known[plain] = _flow(node, shape)
        flows.append(BlockFlow(name, *known[plain]))
    return flows


def flow_table(network: Network) -> Table:
    """Return `block_flows` as a table: block, channels, grade of its main branch, paths a pair of the whole block.

    Parameters
    ----------
    network : Network
        From `network`, or built by hand: its nodes stand in series.

    Returns
    -------
    Table

    Raises
    ------
    TypeError
        If `network` is not a Network: one that was read has no nodes in series.

    Examples
    --------
    >>> from igc_theory.networks import network
    >>> print(flow_table(network("alexnet")))
    alexnet: paths from every input channel to every output channel
    block  channels   main branch                                    paths a pair
    conv1  3 → 96     strict                                         1
    conv2  96 → 256   not dense: output 0 has no path from input 48  0 to 1
    conv3  256 → 384  strict                                         1
    conv4  384 → 384  not dense: output 0 has no path from input 192 0 to 1
    conv5  384 → 256  not dense: output 0 has no path from input 192 0 to 1
    """
    flows = block_flows(network)
    shapes = [(shape[0], node.output(shape)[0]) for _, node, shape in _parts(network)]
    columns = {
        "block": [flow.name for flow in flows],
        "channels": [f"{read} → {written}" for read, written in shapes],
        "main branch": [_short(flow.grade) for flow in flows],
        "paths a pair": [_range(flow.min_paths, flow.max_paths) for flow in flows],
    }
    return Table(f"{network.name}: paths from every input channel to every output channel", columns)


def stage_path_counts(network: Network, stage: str) -> PathCounts:
    """Return the number of paths from every input channel of a stage to every output channel.

    Parameters
    ----------
    network : Network
        With stages: from `network`, or built by hand.
    stage : str
        What the block names have before the first point, such as ``"stage2"``.

    Returns
    -------
    ndarray of float, shape (out_channels, in_channels)
        Sums and products of positive numbers: zeros are exact, other entries exact up to 2**53 and to about 1e-13 beyond.

    Raises
    ------
    TypeError
        If `network` is not a Network: one that was read has no nodes in series.
    ValueError
        If no block belongs to the stage.

    Examples
    --------
    Two strict layers: every pair is joined through each channel between them.

    >>> from igc_theory.networks import network
    >>> counts = stage_path_counts(network("igc_l4m8", depth=8), "stage1")
    >>> counts.shape, counts.min(), counts.max()
    ((32, 32), np.float64(32.0), np.float64(32.0))
    """
    in_series("network", network)
    parts = [(node, shape) for _, node, shape in _parts(network) if isinstance(node, Block) and node.stage == stage]
    if not parts:
        stages = dict.fromkeys(block.stage for block in network.blocks)
        raise ValueError(f"stage={stage!r} is none of {network.name}: use one of {', '.join(stages)}")
    counts = np.eye(parts[0][1][0])
    for node, shape in parts:
        counts = _through(node, counts, shape)
    return counts


def _parts(network: Network) -> Iterator[tuple[str, Conv | Block, Shape]]:
    """Yield name, node and input shape of the blocks and of the convolutions outside them."""
    shape, convolutions = network.input_shape, 0
    for node in network.nodes:
        if isinstance(node, Block):
            yield node.name, node, shape
        elif isinstance(node, Conv):
            convolutions += 1
            yield f"conv{convolutions}", node, shape
        shape = node.output(shape)


def _unnamed(node: Conv | Block) -> Node:
    return Block("", node.branches, node.join) if isinstance(node, Block) else node


def _flow(node: Conv | Block, shape: Shape) -> tuple[Chain | None, Grade | None, float, float]:
    chain = main_chain(node)
    counts = _through(node, np.eye(shape[0]), shape)
    return chain, None if chain is None else grade(chain), float(counts.min()), float(counts.max())


def main_chain(node: Conv | Block) -> Chain | None:
    """Return the longest branch as a chain; None if a branch branches again, or another one is more than a projection."""
    branches = [tuple(_plain(branch)) for branch in (node.paths if isinstance(node, Block) else ((node,),))]
    if any(isinstance(part, (Block, Slice)) for branch in branches for part in branch):
        return None
    *others, longest = sorted(map(_factors, branches), key=len)
    return Chain(longest) if longest and max(map(len, others), default=0) <= 1 else None


def _plain(nodes: tuple[Node, ...]) -> Iterator[Node]:
    """Yield the nodes, those of a block with only one way through in its place: a gate scales and connects nothing."""
    for node in nodes:
        if isinstance(node, Block) and len(node.paths) == 1:
            yield from _plain(node.paths[0])
        else:
            yield node


def _factors(branch: tuple[Node, ...]) -> list[GroupConv | ChannelPermutation]:
    return [
        part.convolution if isinstance(part, Conv) else part.permutation
        for part in branch
        if isinstance(part, (Conv, Shuffle))
    ]


def _through(node: Node, counts: PathCounts, shape: Shape) -> PathCounts:
    """Return the path counts behind `node`, from `counts` in front of it: (channels, inputs) to (channels, inputs)."""
    match node:
        case Conv(convolution=conv):
            return _through_branches(conv, counts)
        case Shuffle(permutation=permutation):
            return counts[permutation.indices]
        case Pad(channels=channels):
            return np.vstack([counts, np.zeros((channels - len(counts), counts.shape[1]))])
        case Slice(start=start, stop=stop):
            return counts[start:stop]
        case Block():
            ends = [_series(branch, counts, shape) for branch in node.paths]
            return np.vstack(ends) if node.join == "concat" else np.sum(ends, axis=0)
    return counts


def _series(nodes: tuple[Node, ...], counts: PathCounts, shape: Shape) -> PathCounts:
    for node in nodes:
        counts = _through(node, counts, shape)
    return counts


def _through_branches(conv: GroupConv, counts: PathCounts) -> PathCounts:
    """Every output of a branch gets the sum over the inputs of that branch."""
    sums = counts.reshape(conv.groups, conv.in_width, -1).sum(axis=1)
    return np.repeat(sums, conv.out_width, axis=0)


def _range(low: float, high: float) -> str:
    return f"{low:,.10g}" if low == high else f"{low:,.10g} to {high:,.10g}"


def _short(found: Grade | None) -> str:
    """Return the grade without the number of paths, which has a column of its own."""
    if found is None:
        return "several branches"
    return str(found) if found.missing else str(found).partition(":")[0]
