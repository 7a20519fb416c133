"""A chain: group convolutions and channel permutations in order of application; or chains side by side among them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from html import escape
from itertools import pairwise
from typing import Any, NamedTuple

from igc_theory.structure.arguments.kinds import kind_of, settle, shown, text
from igc_theory.structure.arguments.sequences import listed
from igc_theory.structure.factors import GroupConv
from igc_theory.structure.permutations import ChannelPermutation

__all__ = ["Chain", "Factor", "Parallel", "Placement", "Row", "SerialFactor", "View", "seen_in_series"]

Row = tuple[str, str, str, str]
"""One line of a display: factor, kind, branch, parameters."""

MOST_NESTED = 32
"""Sums inside one another: whatever is asked of one, it asks of those inside, and Python's stack has an end."""

View = tuple[tuple[int, int], tuple[int, int]]
"""A window and the strides between the windows of neighbouring outputs."""


def seen_in_series(views: Iterable[View]) -> View:
    """Return window and strides of what follows one another; behind a stride a window is spread.

    Examples
    --------
    >>> seen_in_series([((3, 1), (2, 1)), ((3, 3), (1, 1))]), seen_in_series([])
    (((7, 3), (2, 1)), ((1, 1), (1, 1)))
    """
    window, strides = [1, 1], [1, 1]
    for sides, steps in views:
        for axis in range(2):
            window[axis] += (sides[axis] - 1) * strides[axis]
            strides[axis] *= steps[axis]
    return (window[0], window[1]), (strides[0], strides[1])


@dataclass(frozen=True, init=False, repr=False)
class Chain:
    """Factors in order of application: the matrix is ``last @ … @ first``.

    Parameters
    ----------
    factors : iterable of GroupConv, ChannelPermutation or Chain
        At least one; each reads as many channels as the one before it writes. Chains are spliced in; a `Sum` or a `DirectSum`,
        chains side by side, is one factor.
    name : str, default ""
        Shown in displays; two chains with equal factors are equal whatever their names.

    Raises
    ------
    TypeError
        If `factors` is not iterable or has an entry of another kind.
    ValueError
        If it is empty, or two neighbours do not fit (both are named, with their channels).

    Examples
    --------
    >>> from igc_theory.structure import Chain, GroupConv, interleave
    >>> chain = Chain([GroupConv(6, 6, groups=2, kernel_size=3), interleave(2, 3), GroupConv(6, 6, groups=3)])
    >>> chain.in_channels, chain.out_channels, chain.parameters
    (6, 6, 174)
    >>> print(chain)
    Chain 6 -> 6, 174 parameters
      GroupConv(6, 6, groups=2, kernel_size=3)  group            3 in, 3 out per branch  162
      interleave(groups=2, width=3)             permutation
      GroupConv(6, 6, groups=3)                 group pointwise  2 in, 2 out per branch  12
    >>> chain + interleave(3, 2) == Chain([chain, interleave(3, 2)])
    True
    >>> (chain + chain).window
    (5, 5)
    >>> Chain([GroupConv(6, 8), GroupConv(6, 6)])
    Traceback (most recent call last):
    ...
    ValueError: factors[1]=GroupConv(6, 6) reads 6 channels, but factors[0]=GroupConv(6, 8) writes 8: make them equal
    """

    factors: tuple[Factor, ...]
    name: str

    def __init__(self, factors: Iterable[Factor | Chain], name: str = "") -> None:
        object.__setattr__(self, "factors", _checked_factors(factors))
        object.__setattr__(self, "name", text("name", name))

    @property
    def convolutions(self) -> tuple[GroupConv, ...]:
        """The group convolutions, in order of application; those of a `Sum` or `DirectSum` branch by branch."""
        return tuple(conv for factor in self.factors for conv in factor.convolutions)

    @property
    def in_channels(self) -> int:
        """Channels read by the first factor."""
        return self.factors[0].in_channels

    @property
    def out_channels(self) -> int:
        """Channels written by the last factor."""
        return self.factors[-1].out_channels

    @property
    def parameters(self) -> int:
        """Weights stored by all convolutions; permutations store none."""
        return sum(conv.parameters for conv in self.convolutions)

    @property
    def spatial(self) -> tuple[GroupConv, ...]:
        """The convolutions whose window is larger than 1×1."""
        return tuple(conv for conv in self.convolutions if not conv.is_pointwise)

    @property
    def window(self) -> tuple[int, int]:
        """Rows and columns of the input that one output sees; behind a stride `s` a window of `k` covers ``(k - 1)*s + 1``."""
        return self._field_of_view[0]

    @property
    def strides(self) -> tuple[int, int]:
        """Rows and columns between the windows of neighbouring outputs."""
        return self._field_of_view[1]

    @property
    def is_serial(self) -> bool:
        """Whether one convolution follows the other: no factor is a `Sum` or a `DirectSum`."""
        return not any(isinstance(factor, Parallel) for factor in self.factors)

    @cached_property
    def _field_of_view(self) -> View:
        return seen_in_series((factor.window, factor.strides) for factor in self.factors)

    def __add__(self, other: Chain | Factor) -> Chain:
        if not isinstance(other, (Chain, GroupConv, ChannelPermutation)):
            return NotImplemented
        return Chain([self, other], name=" + ".join(name for name in (self.name, getattr(other, "name", "")) if name))

    def __len__(self) -> int:
        return len(self.factors)

    def __eq__(self, other: object) -> bool:
        return self.factors == other.factors if isinstance(other, Chain) else NotImplemented

    def __hash__(self) -> int:
        # A chain whose one factor is a sum equals that sum, and so must their hashes.
        return hash(self.factors if len(self) > 1 else self.factors[0])

    def __repr__(self) -> str:
        return self._shown(self.factors)

    def _shown(self, entries: Iterable[object]) -> str:
        """Return the call that makes an object of this class from its entries."""
        name = f", name={self.name!r}" if self.name else ""
        return f"{type(self).__name__}([{', '.join(map(repr, entries))}]{name})"

    def _rows(self) -> Iterator[Row]:
        """Yield the lines of a display, one per factor."""
        for factor in self.factors:
            if isinstance(factor, Parallel):
                yield from factor._rows()
            else:
                yield repr(factor), *_described(factor)

    def __str__(self) -> str:
        rows = [*self._rows()]
        widths = [max(len(row[column]) for row in rows) for column in range(3)]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, [*widths, 0], strict=True)).rstrip() for row in rows
        ]
        return "\n  ".join([self._title(), *lines])

    def _repr_html_(self) -> str:
        head = "<tr>" + "".join(f"<th>{title}</th>" for title in ("factor", "kind", "branch", "parameters")) + "</tr>"
        rows = (
            "<tr>"
            + "".join(f"<td style='text-align:left; white-space:pre'>{escape(cell)}</td>" for cell in row)
            + "</tr>"
            for row in self._rows()
        )
        return f"<table><caption>{escape(self._title())}</caption>{head}{''.join(rows)}</table>"

    def _title(self) -> str:
        name = f"{self.name}:" if self.name else type(self).__name__
        return f"{name} {self.in_channels} -> {self.out_channels}, {self.parameters:,} parameters"


class Placement(NamedTuple):
    """A branch and its place: the channels that it reads and writes, and the rows and columns around its window."""

    branch: Chain
    reads: slice
    writes: slice
    margin: tuple[int, int]

    def centre(self, height: int, width: int) -> tuple[slice, slice]:
        """Return the rows and columns of an image of the whole that the branch reads.

        Examples
        --------
        >>> from igc_theory.structure import GroupConv, Sum
        >>> Sum([GroupConv(2, 2, kernel_size=3), GroupConv(2, 2)]).parts[1].centre(3, 3)
        (slice(1, 2, None), slice(1, 2, None))
        """
        rows, columns = self.margin
        return slice(rows, height - rows), slice(columns, width - columns)


class Parallel(Chain, ABC):
    """Chains side by side: what `Sum` and `DirectSum` have in common."""

    branches: tuple[Chain, ...]
    name: str
    _sign: str

    def __init__(self, branches: Iterable[Any], name: str = "") -> None:
        way_out = "give a list of chains, factors, or lists of factors"
        chains = self._checked(listed("branches", branches, way_out))
        spliced = (inner for chain in chains for inner in (chain.branches if type(chain) is type(self) else (chain,)))
        settle(self, branches=tuple(spliced), name=text("name", name))
        if self._depth > MOST_NESTED:
            nested = f"branches has {self._depth} of Sum and DirectSum in turn inside one another"
            raise ValueError(f"{nested}, more than {MOST_NESTED}: nest fewer")
        self._check_images()

    @property
    def factors(self) -> tuple[Factor, ...]:
        """Itself, the one factor of the chain that it is."""
        return (self,)

    @property
    def convolutions(self) -> tuple[GroupConv, ...]:
        """The group convolutions of all branches, one branch after the other."""
        return tuple(conv for branch in self.branches for conv in branch.convolutions)

    @property
    @abstractmethod
    def parts(self) -> tuple[Placement, ...]:
        """The branches with the channels that each reads and writes."""

    @property
    def kind(self) -> str:
        """What it is and of how many branches, as displays and messages call it."""
        return f"{type(self).__name__} of {len(self.branches)}"

    @cached_property
    def _depth(self) -> int:
        """How many sums are inside one another, with itself."""
        inside = (
            factor._depth for branch in self.branches for factor in branch.factors if isinstance(factor, Parallel)
        )
        return 1 + max(inside, default=0)

    @property
    def additions(self) -> int:
        """How often two branches are added: as often as there are branches besides the first that write the same channels."""
        return sum(part.writes == before.writes for before, part in pairwise(self.parts))

    def _placed(self, reads: Iterable[slice], writes: Iterable[slice]) -> tuple[Placement, ...]:
        (rows, columns), branches = self.window, self.branches
        margins = [((rows - chain.window[0]) // 2, (columns - chain.window[1]) // 2) for chain in branches]
        return tuple(map(Placement, branches, reads, writes, margins))

    @cached_property
    def _field_of_view(self) -> View:
        rows, columns = zip(*(branch.window for branch in self.branches), strict=True)
        return (max(rows), max(columns)), self.branches[0].strides

    @abstractmethod
    def _checked(self, entries: list[Any]) -> tuple[Chain, ...]:
        """Return the branches as chains, after checking kinds and channels."""

    def _check_images(self) -> None:
        """Refuse branches whose outputs would not lie under each other, or whose windows have no common centre."""
        first, *others = self.branches
        for k, branch in enumerate(others, start=1):
            if branch.strides != first.strides:
                raise ValueError(
                    f"branches[{k}] has stride {branch.strides}, but branches[0] {first.strides}, and their images would differ "
                    "in size: give all branches the same stride"
                )
            if any((a - b) % 2 for a, b in zip(first.window, branch.window, strict=True)):
                raise ValueError(
                    f"branches[{k}] has window {branch.window}, but branches[0] {first.window}, and an odd and an even side have "
                    "no common centre: make them all odd or all even"
                )

    def _rows(self) -> Iterator[Row]:
        """Yield the lines of a display: one for the whole, and one for each factor, with the sign in front of each branch."""
        yield self.kind + (f", {self.name}" if self.name else ""), "", "", f"{self.parameters:,}"
        for branch in self.branches:
            for k, (factor, *rest) in enumerate(branch._rows()):
                kind, width, parameters = rest
                yield f"{self._sign if k == 0 else ' '} {factor}", kind, width, parameters

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Parallel):
            return type(self) is type(other) and self.branches == other.branches
        return super().__eq__(other)

    def __hash__(self) -> int:
        return hash((type(self).__name__, self.branches))

    def __repr__(self) -> str:
        return self._shown(self.branches)


SerialFactor = GroupConv | ChannelPermutation
"""What a chain without sums is made of."""

Factor = SerialFactor | Parallel
"""What a chain is made of; chains in series are spliced in."""


def _described(factor: SerialFactor) -> tuple[str, str, str]:
    """Return kind, branch and parameters of one factor, as the displays show them."""
    if isinstance(factor, ChannelPermutation):
        return ("identity" if 1 in (factor.interleaved or ()) else "permutation"), "", ""
    return factor.kind, f"{factor.in_width} in, {factor.out_width} out per branch", f"{factor.parameters:,}"


def _checked_factors(factors: Iterable[Factor | Chain]) -> tuple[Factor, ...]:
    """Return the factors as one flat tuple after checking kinds and channels."""
    way_out = "a chain needs a list of GroupConv and ChannelPermutation"
    parts = [factors] if isinstance(factors, Chain) else listed("factors", factors, way_out)
    flat: list[Factor] = []
    for k, part in enumerate(parts):
        if not isinstance(part, (Chain, GroupConv, ChannelPermutation)):
            raise TypeError(
                f"factors[{k}]={shown(part)} is {kind_of(part)}: give GroupConv, ChannelPermutation or Chain entries"
            )
        flat.extend(part.factors if isinstance(part, Chain) else [part])
    for k, (before, after) in enumerate(pairwise(flat)):
        if before.out_channels != after.in_channels:
            raise ValueError(
                f"factors[{k + 1}]={after!r} reads {after.in_channels} channels, "
                f"but factors[{k}]={before!r} writes {before.out_channels}: make them equal"
            )
    return tuple(flat)
