"""What the path counts of a block, a stage or a network say: its grade, who never meets whom, and how even the paths are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache, cached_property

import numpy as np

from igc_theory.networks.paths.pair_counts import PairCounts, Totals
from igc_theory.networks.paths.steps import Gather, Mix, Steps, Unknown
from igc_theory.structure.chains import Chain, Factor
from igc_theory.structure.conditions.grades import Grade, grade
from igc_theory.structure.factors import GroupConv
from igc_theory.structure.permutations import ChannelPermutation

__all__ = ["Verdict", "chain_between", "never_meet", "verdict"]


@dataclass(frozen=True)
class Verdict:
    """How well the channels at one place of a network reach those at a later one.

    Attributes
    ----------
    grade : Grade or None
        None where an operator is not known.
    unknown : str
        The operator beyond which nothing is known; else empty.
    totals : Totals or None
        What the path counts of all pairs add up to.
    apart : (tuple of int, tuple of int) or None
        Input channels, and output channels that none of them reaches; None if every pair is joined.

    Examples
    --------
    >>> from igc_theory.networks.paths.pair_counts import PairCounts
    >>> found = verdict(PairCounts.identity(4).mixed(6, 2))
    >>> found.share, found.evenness, found.branches
    (Fraction(1, 2), Fraction(1, 2), ((2, 3), (2, 3)))
    >>> print(found)
    not dense: channels 0–1 never reach channels 3–5, as in one group convolution of branches: 2 of 2 → 3
    """

    grade: Grade | None
    unknown: str = ""
    totals: Totals | None = None
    apart: tuple[tuple[int, ...], tuple[int, ...]] | None = None
    _counts: PairCounts | None = field(default=None, repr=False, compare=False)

    @cached_property
    def branches(self) -> tuple[tuple[int, int], ...]:
        """Inputs and outputs of each branch, where convolutions side by side join the pairs of one group convolution; else empty.

        Branches need not be equally wide. Those of a chain are not told here.
        """
        return tuple(self._counts.branches() or ()) if self._counts is not None else ()

    @property
    def kind(self) -> str:
        """Its grade in a word: "strict", "loose", "dense", "not dense" or "unknown"."""
        return "unknown" if self.grade is None else self.grade.kind

    @property
    def share(self) -> Fraction | None:
        """Share of the pairs that a path joins."""
        return None if self.totals is None else Fraction(self.totals.connected, self.totals.pairs)

    @property
    def evenness(self) -> Fraction | None:
        r"""How evenly paths are spread over pairs: :math:`(\sum N)^2 / (n \sum N^2)`, 1 if all n pairs have equally many."""
        if self.totals is None or not self.totals.squares:
            return None
        return Fraction(self.totals.paths**2, self.totals.pairs * self.totals.squares)

    @property
    def sentence(self) -> str:
        """The grade in words, with a witness if a pair has no path."""
        if self.grade is None:
            return f"unknown beyond {self.unknown}"
        if self.apart is None:
            return str(self.grade)
        return f"not dense: {never_meet(*self.apart)}{_as_one(self.branches)}"

    def __str__(self) -> str:
        return self.sentence


def verdict(counts: PairCounts | Unknown, chain: Chain | None = None) -> Verdict:
    """Return what path counts say; `chain` is the chain that has them, if there is one: only chains can be complementary."""
    if isinstance(counts, Unknown):
        return Verdict(None, counts.operator)
    totals = counts.totals()
    if totals.least == 0:
        found = counts.unconnected()
        assert found is not None, "a pair without a path can be named"
        sources, outputs = (tuple(channels.tolist()) for channels in reversed(found))
        return Verdict(
            Grade("not dense", 0, None, (outputs[0], sources[0])),
            "",
            totals,
            (sources, outputs),
            None if chain else counts,
        )
    kind = "dense" if chain is None else _graded(chain).kind
    return Verdict(Grade(kind, totals.least, totals.most), "", totals)


_graded = cache(grade)
"""Blocks of a network are alike: each kind is graded once."""


def chain_between(steps: Steps, start: int, end: int) -> Chain | None:
    """Return the main branch between two steps as a chain, shortcuts and gates left out; None if it is none."""
    factors: list[Factor] = []
    at = end
    while at > start:
        step = steps.steps[at]
        reads = {read for read in step.ways if (at, read) not in steps.shortcuts}
        if len(reads) != 1:
            return None
        (read,) = reads
        factor = _factor(step.action, steps.steps[read].channels, step.channels)
        if factor is None and (isinstance(step.action, Unknown) or not _keeps(step.action)):
            return None
        factors += [] if factor is None else [factor]
        at = read
    convolved = any(isinstance(factor, GroupConv) for factor in factors)
    return Chain(factors[::-1]) if convolved and at == start else None


def _factor(action: object, before: int, channels: int) -> Factor | None:
    if isinstance(action, Mix) and action.length:
        return GroupConv(before, channels, action.groups, action.window, action.strides)
    if isinstance(action, Gather) and action.indices is not None:
        is_permutation = before == channels and np.array_equal(np.sort(action.indices), np.arange(before))
        return ChannelPermutation(action.indices) if is_permutation else None
    return None


def _keeps(action: object) -> bool:
    """Return whether an action leaves every channel in its place."""
    return not isinstance(action, Mix) and (not isinstance(action, Gather) or action.indices is None)


def never_meet(sources: Sequence[int], outputs: Sequence[int], ends: tuple[str, str] = ("", "")) -> str:
    """Return a clause on channels that no path joins; `ends` stands behind each of the two.

    Examples
    --------
    >>> never_meet([0], [1, 2], (" of 4", " of 3"))
    'channel 0 of 4 never reaches channels 1–2 of 3'
    """
    verb = "never reaches" if len(sources) == 1 else "never reach"
    first, last = (
        f"channel{'' if len(own) == 1 else 's'} {_channel_ranges(own)}{end}"
        for own, end in zip((sources, outputs), ends, strict=True)
    )
    return f"{first} {verb} {last}"


def _as_one(branches: Sequence[tuple[int, int]], most: int = 3) -> str:
    """Return a clause on branches that are as those of one group convolution; empty if there are none."""
    kinds = Counter(branches)
    if not kinds:
        return ""
    words = [f"{n} of {ins} → {outs}" if n > 1 else f"{ins} → {outs}" for (ins, outs), n in kinds.items()]
    listed = ", ".join(words[:most]) + (f" and {len(words) - most} more widths" if len(words) > most else "")
    equal = "" if len(kinds) == 1 else "unequal "
    return f", as in one group convolution of {equal}branches: {listed}"


def _channel_ranges(channels: Sequence[int], most: int = 3) -> str:
    """Return channels in few words: runs, or those a step apart.

    Examples
    --------
    >>> _channel_ranges([0, 1, 2, 7]), _channel_ranges([0, 2, 4, 6]), _channel_ranges([0, 5, 6, 9, 11, 12, 20])
    ('0–2, 7', '0, 2, …, 6', '0, 5–6, 9 and 3 more')
    """
    steps = set(np.diff(channels).tolist())
    if len(channels) > most and len(steps) == 1 and steps != {1}:
        return f"{channels[0]}, {channels[1]}, …, {channels[-1]}"
    breaks = np.flatnonzero(np.diff(channels) != 1) + 1
    runs = np.split(np.asarray(channels), breaks)
    shown = [f"{run[0]}–{run[-1]}" if len(run) > 1 else f"{run[0]}" for run in runs[:most]]
    left = sum(len(run) for run in runs[most:])
    return ", ".join(shown) + (f" and {left} more" if left else "")
