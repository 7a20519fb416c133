"""Conditions on a chain: strictly or loosely complementary, unique paths, dense; and a grade that says which of them hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from igc_theory.structure.branches import BranchGraph, branch_graph, checked, serial
from igc_theory.structure.chains import Chain
from igc_theory.structure.conditions.splits import NotGrouped, grouped_parts, meet_evenly
from igc_theory.structure.paths import count_blocks

__all__ = [
    "INSTEAD",
    "Grade",
    "grade",
    "graded",
    "has_unique_paths",
    "is_complementary",
    "is_dense",
    "is_loosely_complementary",
]

INSTEAD = "ask is_dense, has_unique_paths or grade, or give one of its branches"
"""What the refusal of a chain with sums says, where a condition compares the two sides of a split."""


@dataclass(frozen=True)
class Grade:
    """How well a chain connects its inputs to its outputs.

    Attributes
    ----------
    kind : {"strict", "loose", "dense", "not dense"}
        The first that holds. This is not an order of strength, since the conditions are not nested. A loose chain of three
        factors may have uneven counts; a chain of kind "dense" may have unique paths. `conditions` has all that hold.
    min_paths : int
        Smallest number of paths of a pair.
    max_paths : int or None
        Largest number; None when the chain is not dense (counting stops at the first pair without a path).
    missing : (int, int) or None
        For a chain that is not dense, an (output, input) pair that no path connects.
    serial : bool
        False for a chain with sums: strict and loose compare what stands before and behind a split, which they do not have.

    Examples
    --------
    >>> from igc_theory import grade, group
    >>> grade(group(4, 4, groups=2, kernel_size=1)).missing
    (0, 2)
    >>> from igc_theory import igcv3, interleaved
    >>> grade(igcv3(24, 24)).conditions, grade(interleaved(6, [2, 2, 3])).conditions
    (('loose', 'equally many paths', 'dense'), ('equally many paths', 'dense'))
    """

    kind: Literal["strict", "loose", "dense", "not dense"]
    min_paths: int
    max_paths: int | None
    missing: tuple[int, int] | None = None
    serial: bool = True

    @property
    def conditions(self) -> tuple[str, ...]:
        """Every condition that holds, of "strict", "loose", "unique paths", "equally many paths" and "dense", in this order.

        Strict implies the other four; unique paths are equally many; each implies dense. No other one follows from another: loose
        does not imply equally many paths, and unique paths do not imply loose.
        """
        even = self.min_paths == self.max_paths
        holds = {
            "strict": self.kind == "strict",
            "loose": self.kind in ("strict", "loose"),
            "unique paths": even and self.min_paths == 1,
            "equally many paths": even,
            "dense": self.missing is None,
        }
        return tuple(name for name, held in holds.items() if held)

    def __str__(self) -> str:
        return self.sentence

    @property
    def sentence(self) -> str:
        """The condition and the number of paths in words."""
        if self.missing is not None:
            return "not dense: output {} has no path from input {}".format(*self.missing)
        dense = ("unique paths" if self.min_paths == 1 else "dense") + ", not complementary" * self.serial
        name = {"loose": f"loose, p = {self.min_paths}", "dense": dense}.get(self.kind, self.kind)
        if self.min_paths < (self.max_paths or 0):
            return f"{self.kind}, uneven: {self.min_paths} to {self.max_paths} paths per pair"
        number = "exactly one path" if self.min_paths == 1 else f"{self.min_paths} paths"
        return f"{name}: every input reaches every output by {number}"


def is_complementary(chain: Chain) -> bool:
    r"""Return whether the chain is strictly complementary.

    For every split of the chain, the part before and the part after are each a group convolution, up to the order of
    channels. Every branch of the one shares exactly one channel with every branch of the other (IGCV1 [Zhang2017], section 3;
    IGCV2 [Xie2018], section 3.1). For two factors this is the all-ones contingency table ``|A_l ∩ B_m| = 1``. It implies
    unique paths; for three or more factors unique paths do not imply it.

    Parameters
    ----------
    chain : Chain
        Without sums, which have no split of all their paths into a part before and a part behind. A depthwise factor with one
        output per input changes nothing. A single convolution must be dense.

    Returns
    -------
    bool

    Raises
    ------
    TypeError
        If `chain` is not a Chain.
    ValueError
        If it has a `Sum` or a `DirectSum`.

    Examples
    --------
    >>> from igc_theory.structure import igcv1, igcv3, is_complementary
    >>> is_complementary(igcv1(8, 4)), is_complementary(igcv3(24, 24))
    (True, False)
    """
    graph = branch_graph(serial(chain, INSTEAD))
    # Evenly meeting parts share one channel each iff as many paths end in an output as there are inputs.
    return graph.fan_in == chain.in_channels and _splits(graph).loose


def is_loosely_complementary(chain: Chain) -> bool:
    r"""Return whether the chain is loosely complementary.

    As `is_complementary`, with a *constant* contingency table at every split instead of an all-ones one (IGCV3 [Sun2018],
    section 3.2: channels are bundled into super-channels of p channels). Strict chains are loosely complementary too.
    Two factors then have exactly p paths per pair; with three or more the number of paths can be uneven, see `grade`.

    Parameters
    ----------
    chain : Chain
        Without sums, as for `is_complementary`.

    Returns
    -------
    bool

    Raises
    ------
    TypeError
        If `chain` is not a Chain.
    ValueError
        If it has a `Sum` or a `DirectSum`.

    Examples
    --------
    >>> from igc_theory.structure import GroupConv, Chain, igcv3, is_loosely_complementary
    >>> is_loosely_complementary(igcv3(24, 24, groups=(2, 3)))
    True
    >>> is_loosely_complementary(Chain(igcv3(24, 24, groups=(2, 3)).convolutions))
    False
    """
    return _splits(branch_graph(serial(chain, INSTEAD))).loose


def has_unique_paths(chain: Chain) -> bool:
    """Return whether exactly one path joins every input to every output: all path counts are one.

    Weaker than strict. Of the 480 chains of three pairings of eight channels that have unique paths (the first pairing
    fixed), only 96 are strict. With factors that expand, a chain of four channels can have unique paths and not be strict.
    Related: banyan networks that are not equivalent [Youssef1990], central groupoids [Knuth1970], factorizations of the
    matrix of all ones [Trefois2014].

    Parameters
    ----------
    chain : Chain
        Any chain. Exact; for the largest chains `uniform_path_count` is faster and errs with negligible probability.

    Returns
    -------
    bool

    Raises
    ------
    TypeError
        If `chain` is not a chain.

    Examples
    --------
    >>> from igc_theory.structure import has_unique_paths, igcv1
    >>> has_unique_paths(igcv1(3, 5))
    True
    """
    if not checked(chain).is_serial:
        found = _counted(chain)
        return found.min_paths == found.max_paths == 1
    graph = branch_graph(chain)
    # An output ends fan_in paths: if these are as many as the inputs and none is left out, each has one.
    return graph.fan_in == chain.in_channels and (_splits(graph).loose or _missing_pair(graph) is None)


def is_dense(chain: Chain) -> bool:
    """Return whether every output depends on every input: the product has no structural zero.

    Parameters
    ----------
    chain : Chain
        Any chain. Exact.

    Returns
    -------
    bool

    Raises
    ------
    TypeError
        If `chain` is not a chain.

    Examples
    --------
    >>> from igc_theory.structure import interleaved, is_dense
    >>> is_dense(interleaved(12, [1, 4, 4])), is_dense(interleaved(12, [1, 2, 4]))
    (True, False)
    """
    if not checked(chain).is_serial:
        return _counted(chain).missing is None
    graph = branch_graph(chain)
    return _splits(graph).loose or _missing_pair(graph) is None


def grade(chain: Chain) -> Grade:
    """Return which conditions the chain meets, with its path counts or a pair that has no path.

    Strict, loose, unique paths, equally many paths and dense are not nested. The sentence names the first of strict, loose and
    dense that holds, with the counts; ``grade(chain).conditions`` has all that hold.

    Parameters
    ----------
    chain : Chain
        Any chain. Strict and loose are decided in time and memory proportional to the channels; otherwise paths are counted branch
        by branch, in bounded memory.

    Returns
    -------
    Grade
        Its `sentence`, which ``str`` gives, says it in words.

    Raises
    ------
    TypeError
        If `chain` is not a chain.

    Examples
    --------
    >>> from igc_theory.structure import group, grade, igcv1, igcv3, interleaved
    >>> for chain in (igcv1(8, 4), igcv3(24, 24), interleaved(12, [1, 4, 4]), group(6, 6, groups=2)):
    ...     print(grade(chain))
    strict: every input reaches every output by exactly one path
    loose, p = 36: every input reaches every output by 36 paths
    dense, uneven: 1 to 2 paths per pair
    not dense: output 0 has no path from input 3

    Of a chain with sums it says whether it is dense, and its path counts; strict and loose are not defined for it.

    >>> from igc_theory.structure import Sum
    >>> print(grade(Sum([igcv1(8, 4), []], name="with a shortcut")))
    dense, uneven: 1 to 2 paths per pair
    """
    return graded(branch_graph(chain)) if checked(chain).is_serial else _counted(chain)


def _counted(chain: Chain) -> Grade:
    """Return the grade of a chain with sums, which has no splits."""
    least, most = [], []
    for start, block in count_blocks(chain):
        if not block.all():
            output, column = np.argwhere(block == 0)[0]
            return Grade("not dense", 0, None, (int(output), start + int(column)), serial=False)
        least.append(int(block.min()))
        most.append(int(block.max()))
    return Grade("dense", min(least), max(most), serial=False)


def graded(graph: BranchGraph) -> Grade:
    """Return the grade of a chain whose branches are known.

    Examples
    --------
    >>> from igc_theory.structure import igcv1
    >>> graded(branch_graph(igcv1(2, 3))).kind
    'strict'
    """
    splits = _splits(graph)
    missing = None if splits.loose else _missing_pair(graph)
    if missing is not None:
        return Grade("not dense", 0, None, missing)
    channels = graph.in_branch.size
    unique = graph.fan_in == channels
    kind: Literal["strict", "loose", "dense"] = ("strict" if unique else "loose") if splits.loose else "dense"
    if unique or splits.even:
        paths = graph.fan_in // channels
        return Grade(kind, paths, paths)
    ranges = [(int(block.min()), int(block.max())) for _, block in graph.blocks()]
    return Grade(kind, min(low for low, _ in ranges), max(high for _, high in ranges))


@dataclass(frozen=True)
class _Splits:
    """What the splits of a chain say: whether it is loosely complementary, and whether its path counts are then even for sure."""

    loose: bool
    even: bool = False


def _splits(graph: BranchGraph) -> _Splits:
    before = grouped_parts(graph)
    # A whole that is a group convolution with several branches is not dense; this decides the chains of one factor.
    if isinstance(before, NotGrouped) or before[-1].classes > 1:
        return _Splits(False)
    after = grouped_parts(graph.transposed())
    if isinstance(after, NotGrouped):
        return _Splits(False)
    pairs = zip(graph.tables, before[:-1], after[-2::-1], strict=True)
    return _Splits(all(meet_evenly(table, first, second) for table, first, second in pairs), before[-1].even)


def _missing_pair(graph: BranchGraph) -> tuple[int, int] | None:
    """Return an (output, input) pair that no path connects, or None."""
    if graph.fan_in < graph.in_branch.size:  # too few paths end in any output
        return graph.pair(0, int(np.argmin(graph.paths_to(0))))
    for start, block in graph.blocks():
        if not block.all():
            row, column = np.argwhere(block == 0)[0]
            return graph.pair(int(row), start + int(column))
    return None
