"""A chain: group convolutions and channel permutations in order of application."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from html import escape
from itertools import pairwise

from igc_theory.structure.arguments import kind_of, listed, shown, text
from igc_theory.structure.factors import GroupConv
from igc_theory.structure.permutations import ChannelPermutation

__all__ = ["Chain", "Factor"]

Factor = GroupConv | ChannelPermutation


@dataclass(frozen=True, init=False, repr=False)
class Chain:
    """Factors in order of application: the matrix is ``last @ … @ first``.

    Parameters
    ----------
    factors : iterable of GroupConv, ChannelPermutation or Chain
        At least one; each reads as many channels as the one before it writes. Chains are spliced in.
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
        """The group convolutions, in order of application."""
        return tuple(factor for factor in self.factors if isinstance(factor, GroupConv))

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

    @cached_property
    def _field_of_view(self) -> tuple[tuple[int, int], tuple[int, int]]:
        window, strides = [1, 1], [1, 1]
        for conv in self.convolutions:
            for axis in range(2):
                window[axis] += (conv.window[axis] - 1) * strides[axis]
                strides[axis] *= conv.strides[axis]
        return (window[0], window[1]), (strides[0], strides[1])

    def __add__(self, other: Chain | Factor) -> Chain:
        if not isinstance(other, (Chain, GroupConv, ChannelPermutation)):
            return NotImplemented
        return Chain([self, other], name=" + ".join(name for name in (self.name, getattr(other, "name", "")) if name))

    def __len__(self) -> int:
        return len(self.factors)

    def __eq__(self, other: object) -> bool:
        return self.factors == other.factors if isinstance(other, Chain) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.factors)

    def __repr__(self) -> str:
        name = f", name={self.name!r}" if self.name else ""
        return f"Chain([{', '.join(map(repr, self.factors))}]{name})"

    def __str__(self) -> str:
        rows = [(repr(factor), *_described(factor)) for factor in self.factors]
        widths = [max(len(row[column]) for row in rows) for column in range(3)]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, [*widths, 0], strict=True)).rstrip() for row in rows
        ]
        return "\n  ".join([self._title(), *lines])

    def _repr_html_(self) -> str:
        head = "<tr>" + "".join(f"<th>{title}</th>" for title in ("factor", "kind", "branch", "parameters")) + "</tr>"
        rows = (
            "<tr>"
            + "".join(
                f"<td style='text-align:left'>{escape(cell)}</td>" for cell in (repr(factor), *_described(factor))
            )
            + "</tr>"
            for factor in self.factors
        )
        return f"<table><caption>{escape(self._title())}</caption>{head}{''.join(rows)}</table>"

    def _title(self) -> str:
        name = f"{self.name}:" if self.name else "Chain"
        return f"{name} {self.in_channels} -> {self.out_channels}, {self.parameters:,} parameters"


def _described(factor: Factor) -> tuple[str, str, str]:
    """Return kind, branch and parameters of one factor, as the displays show them."""
    if isinstance(factor, ChannelPermutation):
        return "permutation", "", ""
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
