"""What the operators of a network do to channels, as data: mixing, gathering, adding up, gating."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from igc_theory.networks.paths.pair_counts import PairCounts

__all__ = ["Action", "Addition", "Gate", "Gather", "Mix", "Step", "Steps", "Unknown"]

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Mix:
    """Branches of channels that are mixed: each output of a branch reads all inputs of that branch.

    Attributes
    ----------
    groups : int
        Branches, of equally many inputs each.
    kind : {"convolution", "linear", "statistic"}
        A mean over channels is a statistic: it is not a convolution on a path.
    window, strides : (int, int)
        Of a convolution.
    """

    groups: int
    kind: Literal["convolution", "linear", "statistic"] = "convolution"
    window: tuple[int, int] = (1, 1)
    strides: tuple[int, int] = (1, 1)

    @property
    def pointwise(self) -> bool:
        """Whether its window is a single position."""
        return self.window == (1, 1)

    @property
    def length(self) -> int:
        """What it adds to the length of a path."""
        return int(self.kind != "statistic")


@dataclass(frozen=True, eq=False)
class Gather:
    """Channels of one or several vectors behind each other, in any order: entry k is channel ``indices[k]`` of them all.

    An index of -1 stands for a channel of zeros; None leaves every channel in its place (pooling, resizing).
    """

    indices: Integers | None = None


@dataclass(frozen=True)
class Addition:
    """A sum of vectors channel by channel, each operand a path of its own."""


@dataclass(frozen=True)
class Gate:
    """The first operand, weighed by the others: squeeze-and-excitation, attention scores, statistics of a normalisation."""


@dataclass(frozen=True)
class Unknown:
    """An operator of which it is not known what it does to channels."""

    operator: str


Action = Mix | Gather | Addition | Gate | Unknown


@dataclass(frozen=True, eq=False)
class Step:
    """One action, the steps whose channels it reads, and how many it writes; no step of a derivation.

    Attributes
    ----------
    action : Mix, Gather, Addition, Gate, Unknown or None
        None for the image.
    reads : tuple of int
        Positions of earlier steps.
    channels : int
    name : str
        Of the operator or layer.
    sides : tuple of int
        Height and width, or the length of a sequence, of what it writes; empty if not known.
    """

    action: Action | None
    reads: tuple[int, ...]
    channels: int
    name: str = ""
    sides: tuple[int, ...] = ()

    @property
    def ways(self) -> tuple[int, ...]:
        """The steps that it passes on: of a gate only the one that is weighed."""
        return self.reads[:1] if isinstance(self.action, Gate) else self.reads


@dataclass(frozen=True, eq=False)
class Steps:
    """Steps in order of execution, the image first: all that channel flow needs to know of a network.

    Attributes
    ----------
    steps : tuple of Step
    outputs : tuple of int
        Steps that the network writes.
    named : tuple of (str, int, int)
        Name, start and end of the blocks that the description of the network names.
    inner : tuple of (str, int, int)
        The same of blocks inside blocks.

    Examples
    --------
    A group convolution beside the identity:

    >>> steps = Steps((Step(None, (), 4), Step(Mix(2), (0,), 4), Step(Addition(), (0, 1), 4)), (2,))
    >>> steps.counts(0, 2).matrix().tolist()
    [[2, 1, 0, 0], [1, 2, 0, 0], [0, 0, 2, 1], [0, 0, 1, 2]]
    >>> steps.counts(0, 2, shortcuts=False).matrix().tolist()
    [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1], [0, 0, 1, 1]]
    """

    steps: tuple[Step, ...]
    outputs: tuple[int, ...]
    named: tuple[tuple[str, int, int], ...] = ()
    inner: tuple[tuple[str, int, int], ...] = ()

    @cached_property
    def live(self) -> frozenset[int]:
        """The steps on some way from the image to an output."""
        behind = set(self.outputs)
        for k in reversed(range(len(self.steps))):
            if k in behind:
                behind.update(self.steps[k].reads)
        ahead = {0}
        for k, step in enumerate(self.steps):
            if ahead.intersection(step.reads):
                ahead.add(k)
        return frozenset(behind & ahead)

    @cached_property
    def cuts(self) -> tuple[int, ...]:
        """The steps that every way from the image to the outputs goes through, gates included."""
        ends = {k: len(self.steps) for k in self.outputs}
        for k in sorted(self.live):
            for read in self.steps[k].reads:
                ends[read] = max(ends.get(read, 0), k)
        found, furthest = [], 0
        for k in sorted(self.live):
            if furthest <= k:
                found.append(k)
            furthest = max(furthest, ends[k])
        return tuple(found)

    @cached_property
    def depths(self) -> tuple[int, ...]:
        """Convolutions and linear layers on the longest way from the image to each step; gates are no way."""
        depths: list[int] = []
        for step in self.steps:
            before = max((depths[k] for k in step.ways), default=0)
            depths.append(before + (step.action.length if isinstance(step.action, Mix) else 0))
        return tuple(depths)

    @cached_property
    def shortcuts(self) -> frozenset[tuple[int, int]]:
        """(sum, operand) where an operand has at most one convolution since the branches parted, and another one has more."""
        found = set()
        for k, step in enumerate(self.steps):
            if isinstance(step.action, Addition) and len(set(step.reads)) > 1:
                start = self.depths[self._dominators[k]]
                lengths = {read: self.depths[read] - start for read in step.reads}
                found |= {(k, read) for read, n in lengths.items() if n <= 1 and n < max(lengths.values())}
        return frozenset(found)

    @cached_property
    def _dominators(self) -> tuple[int, ...]:
        """The last step before each that all ways from the image to it go through."""
        found = [0]
        for step in self.steps[1:]:
            ways = sorted(set(step.reads), reverse=True) or [0]
            while len(ways) > 1:
                ways = sorted({found[ways[0]], *ways[1:]}, reverse=True)
            found.append(ways[0])
        return tuple(found)

    def counts(self, source: int, target: int, *, shortcuts: bool = True, gates: bool = False) -> PairCounts | Unknown:
        """Return the path counts from the channels of one step to those of a later one.

        Parameters
        ----------
        source, target : int
            Positions of steps.
        shortcuts : bool, default True
            Whether the operands of sums that `shortcuts` lists are ways.
        gates : bool, default False
            Whether a gate is a way from what it reads to what it weighs.

        Returns
        -------
        PairCounts or Unknown
            The operator beyond which the counts are not known, if there is one on a way.
        """
        return next(self.walk(source, [target], shortcuts=shortcuts, gates=gates))

    def walk(
        self, source: int, targets: Sequence[int], *, shortcuts: bool = True, gates: bool = False
    ) -> Iterator[PairCounts | Unknown]:
        """Yield `counts` from one step to each of several later ones, in order."""
        found: dict[int, PairCounts | Unknown] = {source: PairCounts.identity(self.steps[source].channels)}
        sources = self.steps[source].channels
        for target in targets:
            for k in range(max(found) + 1, target + 1):
                step = self.steps[k]
                reads = step.reads if gates else step.ways
                if not shortcuts:
                    reads = tuple(read for read in reads if (k, read) not in self.shortcuts)
                if any(read in found for read in reads):
                    found[k] = _through(step, [found.get(read) or self._nothing(read, sources) for read in reads])
            yield found.get(target) or self._nothing(target, sources)

    def _nothing(self, step: int, sources: int) -> PairCounts:
        return PairCounts.nothing(self.steps[step].channels, sources)


def _through(step: Step, operands: Sequence[PairCounts | Unknown]) -> PairCounts | Unknown:
    """Return the path counts behind a step, from those of what it reads."""
    if isinstance(step.action, Unknown):
        return step.action
    known = [operand for operand in operands if isinstance(operand, PairCounts)]
    if len(known) < len(operands):
        return next(operand for operand in operands if isinstance(operand, Unknown))
    match step.action:
        case Mix(groups=groups):
            return known[0].mixed(step.channels, groups)
        case Gather(indices=indices):
            stacked = known[0] if len(known) == 1 else PairCounts.stacked(known)
            return stacked if indices is None else stacked.taken(indices)
    return PairCounts.summed(known)
