"""The blocks and stages of a network, found from its steps: between the tensors that every way goes through."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from math import prod

from igc_theory.networks.paths.pair_counts import PairCounts
from igc_theory.networks.paths.steps import Addition, Gather, Mix, Steps, Unknown

__all__ = ["Region", "blocks_of", "stages_of"]


@dataclass(frozen=True)
class Region:
    """What lies between two tensors of a network that every way goes through.

    Attributes
    ----------
    name : str
        ``"stage.block"`` of a block, ``"stage"`` of a stage.
    start, end : int
        Positions of steps.
    """

    name: str
    start: int
    end: int

    @property
    def stage(self) -> str:
        """What stands before the first point of the name."""
        return self.name.partition(".")[0]


def blocks_of(steps: Steps) -> tuple[Region, ...]:
    """Return the blocks in order: those that the description names, or else those found.

    A block that is found is a residual sum or a join of branches, from where the branches part; or a dense convolution with a
    window. Or it is a run of convolutions that ends with a dense pointwise one behind some with branches.
    """
    if steps.named:
        return tuple(Region(*entry) for entry in steps.named)
    ends = [entry for entry in _runs(steps) if _is_block(steps, *entry)]
    stages = _stage_names(steps, [end for _, end in ends])
    names = []
    for stage, members in groupby(stages):
        names += [f"{stage}.block{k}" for k, _ in enumerate(members, start=1)]
    return tuple(Region(name, start, end) for name, (start, end) in zip(names, ends, strict=True))


def stages_of(blocks: Sequence[Region]) -> tuple[Region, ...]:
    """Return the stages: runs of blocks whose names begin alike, up to a point; others belong to no stage."""
    members = [block for block in blocks if "." in block.name]
    runs = [(name, list(run)) for name, run in groupby(members, key=lambda block: block.stage)]
    return tuple(Region(name, run[0].start, run[-1].end) for name, run in runs)


def _runs(steps: Steps) -> Iterator[tuple[int, int]]:
    """Yield start and end of the runs of parts that belong together."""
    start, grouped, convolved = steps.cuts[0] if steps.cuts else 0, False, False
    for before, end in pairwise(steps.cuts):
        part = _Part(steps, before, end)
        if start < before and (part.alone or (part.dense and convolved and not grouped)):
            yield start, before
            start, grouped, convolved = before, False, False
        grouped, convolved = grouped or (part.mixes and not part.dense), convolved or part.mixes
        if part.alone or (part.dense and grouped):
            yield start, end
            start, grouped, convolved = end, False, False
    if steps.cuts and start < steps.cuts[-1]:
        yield start, steps.cuts[-1]


@dataclass(frozen=True)
class _Part:
    """What lies between two neighbouring cuts."""

    steps: Steps
    start: int
    end: int

    @property
    def mixes(self) -> bool:
        return self.steps.depths[self.end] > self.steps.depths[self.start]

    @property
    def dense(self) -> bool:
        """Whether convolutions connect everything."""
        counts = self.steps.counts(self.start, self.end, shortcuts=False)
        return self.mixes and isinstance(counts, PairCounts) and counts.totals().least > 0

    @property
    def alone(self) -> bool:
        """Whether it is a block by itself: several convolutions, a join with its own input, or a dense window."""
        action = self.steps.steps[self.end].action
        reads = self.steps.steps[self.end].reads
        if self.steps.depths[self.end] - self.steps.depths[self.start] > 1:
            return True
        joins = isinstance(action, (Addition, Gather)) and len(set(reads)) > 1
        if joins and isinstance(action, Gather):
            return self.dense or min(self.steps.depths[k] for k in reads) == self.steps.depths[self.start]
        return self.dense and not self._pointwise

    @property
    def _pointwise(self) -> bool:
        inside = [self.steps.steps[k].action for k in range(self.start + 1, self.end + 1) if k in self.steps.live]
        return all(action.pointwise for action in inside if isinstance(action, Mix))


def _is_block(steps: Steps, start: int, end: int) -> bool:
    """Return whether there is a convolution, or an operator that is not known; a linear layer alone is dense."""
    actions = [steps.steps[k].action for k in range(start + 1, end + 1) if k in steps.live]
    mixes = [action for action in actions if isinstance(action, Mix) and action.length]
    unknown = any(isinstance(action, Unknown) for action in actions)
    return unknown or len(mixes) > 1 or any(action.kind == "convolution" for action in mixes)


def _stage_names(steps: Steps, ends: Sequence[int]) -> list[str]:
    """Return the stage of each block, one for each resolution; blocks at half the resolution of the image are the stem."""
    sides = [steps.steps[end].sides for end in ends]
    image = prod(steps.steps[0].sides)
    stem = bool(sides) and bool(prod(sides[0])) and 3 < image / prod(sides[0]) < 9
    number, names = 0 if stem and sides[0] != sides[-1] else 1, []
    for k, side in enumerate(sides):
        number += bool(k) and bool(side) and bool(sides[k - 1]) and prod(side) != prod(sides[k - 1])
        names.append(f"stage{number}" if number else "stem")
    return names
