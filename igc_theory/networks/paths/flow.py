"""Where information can flow in a network: the grades of its blocks and stages, and the path counts of whole stages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from numpy.typing import NDArray

from igc_theory.networks.description.layer_graph import LayerGraph, network_of
from igc_theory.networks.description.network import Network
from igc_theory.networks.description.table import Table
from igc_theory.networks.paths.block_flow import BlockFlow, block_flow
from igc_theory.networks.paths.pair_counts import PairCounts
from igc_theory.networks.paths.regions import Region, blocks_of, stages_of
from igc_theory.networks.paths.steps import Steps, Unknown
from igc_theory.networks.paths.strips import strip
from igc_theory.networks.paths.translation.operators import steps_of_graph
from igc_theory.networks.paths.translation.series import steps_of_series
from igc_theory.networks.paths.verdicts import Verdict, never_meet
from igc_theory.structure.arguments.kinds import choice_of

__all__ = ["NetworkFlow", "block_flows", "channel_flow", "flow_table", "stage_path_counts", "steps_of"]


@dataclass(frozen=True, eq=False, repr=False)
class NetworkFlow:
    """How the channels of a network reach each other: block by block, stage by stage, and as a whole.

    Attributes
    ----------
    name : str
    blocks, stages : tuple of BlockFlow
        In order.

    Printed, it is its `sentences` and its `table`.

    Examples
    --------
    >>> from igc_theory.networks import network
    >>> print(channel_flow(network("igcv2_star")).stages[0].whole)
    dense, uneven: 43303842545664 to 43303842578432 paths per pair
    >>> channel_flow(network("mixnet_s"))
    NetworkFlow('mixnet_s', 18 blocks, 5 stages)
    """

    name: str
    blocks: tuple[BlockFlow, ...]
    stages: tuple[BlockFlow, ...]
    _steps: Steps
    _regions: tuple[Region, ...]

    @cached_property
    def whole(self) -> BlockFlow:
        """From the image to the last tensor that every way goes through."""
        cuts = self._steps.cuts or (0,)
        return block_flow(self._steps, Region(self.name, cuts[0], cuts[-1]), graded=False)

    @cached_property
    def modules(self) -> tuple[BlockFlow, ...]:
        """Blocks inside blocks, if the description names them: GhostNet's modules, the parallel windows of MixNet.

        Examples
        --------
        >>> from igc_theory.networks import network
        >>> mixed = channel_flow(network("mixnet_s")).modules[0]
        >>> mixed.name, mixed.main.branches == ((1, 1),) * 144
        ('stage3.block4.mixed', True)
        """
        return tuple(block_flow(self._steps, Region(*entry)) for entry in self._steps.inner)

    def between(self, first: str, last: str) -> BlockFlow:
        """Return how the channels that one block reads reach those that another writes.

        Parameters
        ----------
        first, last : str
            Names of blocks, in order; equal for one block.

        Returns
        -------
        BlockFlow

        Raises
        ------
        TypeError, ValueError
            If one of them is not the name of a block, or `last` stands before `first`.

        Examples
        --------
        The shuffle of ShuffleNetV2 leaves channel 0 in its place: through a whole stage it is only copied.

        >>> from igc_theory.networks import network
        >>> stage = channel_flow(network("shufflenet_v2")).between("stage3.unit2", "stage3.unit8")
        >>> stage.counts()[0].nonzero()
        (array([0]),)
        """
        names = [block.name for block in self.blocks]
        choice_of("first", first, names)
        choice_of("last", last, names)
        start, end = self._regions[names.index(first)].start, self._regions[names.index(last)].end
        if end <= start:
            raise ValueError(f"last={last!r} stands before first={first!r}: give them in order")
        return block_flow(self._steps, Region(f"{first} to {last}", start, end), graded=False)

    @cached_property
    def mixing(self) -> tuple[int | None, ...]:
        """For each block, how many blocks from it on it takes until each of its channels has reached every channel.

        None if that does not happen within the network, or an operator is not known.
        """
        met: list[int | None] = []
        for k in range(len(self._regions)):
            met.append(self._met_at(k, met[-1] if met else 0))
        return tuple(None if last is None else last + 1 - k for k, last in enumerate(met))

    def _met_at(self, first: int, before: int | None) -> int | None:
        """Return the block behind which the channels of block `first` have all met; those of the block before did at `before`.

        All that the block before reaches goes through this one, so that this one is not earlier. If the former never meet,
        though none of its channels is lost on the way here, nor do these.
        """
        start = self._regions[first].start
        if before is None:
            here = self._steps.counts(self._regions[first - 1].start, start)
            if isinstance(here, PairCounts) and not here.lost():
                return None
        soonest = max(first, before or 0)
        ends = [block.end for block in self._regions[soonest:]]
        for last, counts in enumerate(self._steps.walk(start, ends), start=soonest):
            if isinstance(counts, Unknown):
                return None
            if counts.totals().least:
                return last
        return None

    def table(self) -> Table:
        """Return the blocks as a table: grades without shortcuts and gates, paths per pair and share of pairs with shortcuts.

        Where gates join pairs that nothing else does, a column says how many are joined with them.
        """
        columns: dict[str, list[Any]] = {
            "block": [block.name for block in self.blocks],
            "channels": [f"{block.in_channels} → {block.out_channels}" for block in self.blocks],
            "main branch": [_short(block.main) for block in self.blocks],
            "paths per pair": [_range(block.whole) for block in self.blocks],
            "pairs joined": [_percent(block.whole) for block in self.blocks],
        }
        if any(block.gated.share != block.whole.share for block in self.blocks):
            columns["with gates"] = [_percent(block.gated) for block in self.blocks]
        columns["blocks until all meet"] = list(self.mixing)
        return Table(f"{self.name}: paths from every input channel to every output channel", columns)

    def __repr__(self) -> str:
        return f"NetworkFlow({self.name!r}, {len(self.blocks)} blocks, {len(self.stages)} stages)"

    def __str__(self) -> str:
        said = [f"{sentence[0].upper()}{sentence[1:]}." for sentence in self.sentences]
        return "\n".join([*said, str(self.table())])

    def _repr_html_(self) -> str:
        """Return the strip of the network: a cell per block, which opens the path map of the block."""
        return strip(self.name, self.blocks)

    @property
    def sentences(self) -> tuple[str, ...]:
        """What to know first: the stages that fall apart, the blocks that do, and what is not known."""
        return tuple(_sentences(self))


def channel_flow(network: LayerGraph) -> NetworkFlow:
    """Return how the channels of a network reach each other, by its blocks and stages.

    Parameters
    ----------
    network : LayerGraph
        From `network`, `read_onnx` or `from_torch`. The blocks of one that was read are found from its graph: they end where every
        way from the image goes through one tensor. Stages change where the resolution does.

    Returns
    -------
    NetworkFlow
        Beyond an operator that flow does not know, the verdict of a block says so.

    Raises
    ------
    TypeError
        If `network` is not a network, or has no graph.

    Examples
    --------
    >>> from igc_theory.networks import network
    >>> flow = channel_flow(network("shufflenet"))
    >>> flow.blocks[1].whole.sentence
    'not dense: channel 0 never reaches channels 1–23'
    """
    steps = steps_of("network", network)
    regions = blocks_of(steps)
    blocks = tuple(block_flow(steps, region) for region in regions)
    stages = tuple(block_flow(steps, region, graded=False) for region in stages_of(regions))
    return NetworkFlow(network.name, blocks, stages, steps, regions)


def steps_of(name: str, network: LayerGraph) -> Steps:
    """Return what a network does to channels; TypeError naming the argument if it is none, or has neither nodes nor a graph."""
    network = network_of(name, network)
    if isinstance(network, Network):
        return steps_of_series(network)
    if network.graph is None:
        raise TypeError(
            f"{name}={network.name!r} has layers alone, without the graph that joins them: "
            "read it with read_onnx or from_torch, or build Network(name, input_shape, nodes)"
        )
    return steps_of_graph(network.graph)


def block_flows(network: LayerGraph) -> list[BlockFlow]:
    """Return the flow of each block of a network and of each convolution outside the blocks.

    Parameters
    ----------
    network : LayerGraph
        From `network`, `read_onnx` or `from_torch`, or built by hand.

    Returns
    -------
    list of BlockFlow
        In order; linear layers are left out (they are dense).

    Raises
    ------
    TypeError
        If `network` is not a network, or has no graph.

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
    return list(channel_flow(network).blocks)


def flow_table(network: LayerGraph) -> Table:
    """Return `block_flows` as a table: grades without shortcuts and gates, paths per pair and share of pairs with shortcuts.

    Parameters
    ----------
    network : LayerGraph
        From `network`, `read_onnx` or `from_torch`, or built by hand.

    Returns
    -------
    Table
        The last column says how many blocks it takes from a block on until each of its channels has reached every channel.

    Raises
    ------
    TypeError
        If `network` is not a network, or has no graph.

    Examples
    --------
    >>> from igc_theory.networks import network
    >>> print(flow_table(network("alexnet")))
    alexnet: paths from every input channel to every output channel
    block  channels   main branch                                            paths per pair  pairs joined  blocks until all meet
    conv1  3 → 96     strict                                                 1               100 %                             1
    conv2  96 → 256   not dense: channels 0–47 never reach channels 128–255  0 to 1          50 %                              2
    conv3  256 → 384  strict                                                 1               100 %                             1
    conv4  384 → 384  not dense: channels 0–191 never reach channels 192–383 0 to 1          50 %
    conv5  384 → 256  not dense: channels 0–191 never reach channels 128–255 0 to 1          50 %
    """
    return channel_flow(network).table()


def stage_path_counts(network: LayerGraph, stage: str) -> NDArray[Any]:
    """Return the number of paths from every input channel of a stage to every output channel.

    Parameters
    ----------
    network : LayerGraph
        With stages: from `network`, `read_onnx` or `from_torch`, or built by hand.
    stage : str
        What the block names have before the first point, such as ``"stage2"``.

    Returns
    -------
    ndarray, shape (out_channels, in_channels)
        Exact: of int64, or of Python integers if one of them needs more.

    Raises
    ------
    TypeError
        If `network` is not a network, or has no graph.
    ValueError
        If no block belongs to the stage, or an operator in it is not known.

    Examples
    --------
    Two strict layers: every pair is joined through each channel between them.

    >>> from igc_theory.networks import network
    >>> counts = stage_path_counts(network("igc_l4m8", depth=8), "stage1")
    >>> counts.shape, counts.min(), counts.max()
    ((32, 32), np.int64(32), np.int64(32))
    """
    stages = {flow.name: flow for flow in channel_flow(network).stages}
    return stages[choice_of("stage", stage, stages)].counts()


def _sentences(flow: NetworkFlow) -> Iterator[str]:
    for stage in flow.stages:
        if stage.whole.apart is not None:
            clause = never_meet(*stage.whole.apart, (f" of {stage.in_channels}", f" of {stage.out_channels}"))
            yield f"{stage.name}: {clause}; {_percent(stage.whole)} of the pairs are joined"
    apart = [block for block in flow.blocks if block.whole.apart is not None]
    if apart:
        gated = sum(block.gated.share == 1 for block in apart)
        through = f" ({gated} of them do through their gates)" if gated else ""
        listed = _listed([block.name for block in apart])
        yield f"{len(apart)} of {len(flow.blocks)} blocks do not join every pair of channels{through}: {listed}"
    unknown = {block.name: block.whole.unknown for block in flow.blocks if block.whole.unknown}
    for operator in dict.fromkeys(unknown.values()):
        names = [name for name, other in unknown.items() if other == operator]
        yield f"unknown beyond {operator}: {_listed(names)}"
    if not apart and not unknown and flow.blocks:
        blocks = f"every one of {len(flow.blocks)} blocks" if len(flow.blocks) > 1 else "the only block"
        yield f"{blocks} joins every pair of channels"


def _listed(names: list[str], most: int = 4) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _range(found: Verdict) -> str:
    if found.totals is None:
        return "unknown"
    low, high = found.totals.least, found.totals.most
    return f"{_number(low)}" if low == high else f"{_number(low)} to {_number(high)}"


def _number(count: int) -> str:
    """Return a count exactly up to fifteen digits, then by its leading digits and its length."""
    text = str(count)
    return f"{count:,}" if len(text) <= 15 else f"{text[0]}.{text[1:3]}e{len(text) - 1}"


def _percent(found: Verdict) -> str:
    """Return the share of pairs in per cent, which is 100 only if all are joined."""
    if found.share is None:
        return ""
    percent = 100 * found.share
    return f"{int(percent)} %" if percent.denominator == 1 else f"{min(float(percent), 99.9):.1f} %"


def _short(found: Verdict) -> str:
    """Return the verdict without the number of paths, which has a column of its own."""
    return found.sentence if found.grade is None or found.apart is not None else str(found.grade).partition(":")[0]
