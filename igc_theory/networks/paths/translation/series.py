"""From the nodes of a network in series to steps of channel flow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from igc_theory.networks.description.layers import Conv, Linear, Norm, Pad, Pool, Shape, Shuffle, Slice
from igc_theory.networks.description.network import Network
from igc_theory.networks.description.nodes import Block, Node
from igc_theory.networks.paths.steps import Action, Addition, Gate, Gather, Mix, Step, Steps

__all__ = ["steps_of_series"]


def steps_of_series(network: Network) -> Steps:
    """Return what each node of a network does to channels; its blocks and the convolutions outside them are named.

    Examples
    --------
    >>> from igc_theory.networks import network
    >>> steps = steps_of_series(network("igc_l24m2", depth=5))
    >>> [name for name, *_ in steps.named]
    ['conv1', 'stage1.layer1', 'stage2.layer1', 'stage3.layer1']
    """
    walk = _Walk([Step(None, (), network.input_shape[0], "image", network.input_shape[1:])])
    shape, at, named, convolutions = network.input_shape, 0, [], 0
    for node in network.nodes:
        start = at
        shape, at = walk.through(node, shape, at)
        convolutions += isinstance(node, Conv)
        if isinstance(node, Block) and node.name:
            named.append((node.name, start, at))
        elif isinstance(node, Conv):
            named.append((f"conv{convolutions}", start, at))
    return Steps(tuple(walk.steps), (at,), tuple(named), tuple(walk.inner))


@dataclass
class _Walk:
    """The steps so far, the blocks inside blocks among them, and the names of those that are being walked through."""

    steps: list[Step] = field(default_factory=list)
    inner: list[tuple[str, int, int]] = field(default_factory=list)
    names: list[str] = field(default_factory=list)

    def append(self, action: Action, reads: Sequence[int], shape: Shape, node: Node) -> int:
        name = node.name if isinstance(node, Block) else type(node).__name__.lower()
        self.steps.append(Step(action, tuple(reads), shape[0], name, shape[1:]))
        return len(self.steps) - 1

    def through(self, node: Node, shape: Shape, at: int) -> tuple[Shape, int]:
        """Return the shape behind a node, and the step that writes it."""
        if isinstance(node, Block):
            return self._block(node, shape, at)
        if isinstance(node, Norm) and node.kind == "layer norm":
            mean = self.append(Mix(1, "statistic"), [at], (1, *shape[1:]), node)
            alike = self.append(Gather(np.zeros(shape[0], dtype=np.int64)), [mean], shape, node)
            return shape, self.append(Gate(), [at, alike], shape, node)
        written = node.output(shape)
        action = _action(node, shape[0])
        return written, at if action is None else self.append(action, [at], written, node)

    def _block(self, block: Block, shape: Shape, start: int) -> tuple[Shape, int]:
        self.names.append(block.name)
        ends = [self._series(branch, shape, start) for branch in block.branches]
        shape = block.joined([end for end, _ in ends])
        at = self._join(block, [step for _, step in ends], shape)
        if block.name and len(self.names) > 1 and block.join != "multiply":
            self.inner.append((".".join(filter(None, self.names)), start, at))
        self.names.pop()
        return shape, at

    def _series(self, nodes: Sequence[Node], shape: Shape, at: int) -> tuple[Shape, int]:
        for node in nodes:
            shape, at = self.through(node, shape, at)
        return shape, at

    def _join(self, block: Block, ends: list[int], shape: Shape) -> int:
        if len(ends) == 1:
            return ends[0]
        if block.join == "concat":
            # A step that is read twice stands behind itself twice: its channels are numbered once.
            steps = list(dict.fromkeys(ends))
            sizes = [self.steps[k].channels for k in steps]
            starts = dict(zip(steps, np.cumsum([0, *sizes]).tolist(), strict=False))
            places = [np.arange(self.steps[k].channels) + starts[k] for k in ends]
            return self.append(Gather(np.concatenate(places)), steps, shape, block)
        return self.append(Gate() if block.join == "multiply" else Addition(), ends, shape, block)


def _action(node: Node, channels: int) -> Action | None:
    """Return what a layer does to channels; None for what leaves each of them, at its place."""
    match node:
        case Conv(convolution=conv):
            return Mix(conv.groups, "convolution", conv.window, conv.strides)
        case Linear():
            return Mix(1, "linear")
        case Shuffle(permutation=permutation):
            return Gather(permutation.indices)
        case Slice(start=start, stop=stop):
            return Gather(np.arange(start, stop))
        case Pad(channels=wider):
            return Gather(np.where(np.arange(wider) < channels, np.arange(wider), -1))
        case Pool():
            return Gather()
    return None
