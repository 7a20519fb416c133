r"""Chains side by side: added up, or each on channels of its own.

A `Sum` is the matrix :math:`W_1 + ⋯ + W_n` of chains that read and write the same channels, a `DirectSum` the block-diagonal
matrix :math:`W_1 ⊕ ⋯ ⊕ W_n` of chains on disjoint channels, in order. Either is a chain of one factor, itself, and so it stands
wherever a chain or a factor of one can.

Windows of different sizes share their centre: a smaller one is the larger one with zeros around it.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from itertools import accumulate, pairwise
from typing import Any

from igc_theory.structure.arguments.kinds import kind_of, shown
from igc_theory.structure.chains import Chain, Parallel, Placement
from igc_theory.structure.factors import GroupConv
from igc_theory.structure.permutations import ChannelPermutation, interleave

__all__ = ["DirectSum", "Sum"]


class Sum(Parallel):
    r"""Chains that read the same channels and are added up: the matrix :math:`W_1 + ⋯ + W_n`.

    Parameters
    ----------
    branches : iterable of Chain, GroupConv, ChannelPermutation or list of these
        At least one; all read equally many channels, and write equally many. An empty list is the identity, a shortcut. Sums are
        spliced in.
    name : str, default ""
        Shown in displays.

    Attributes
    ----------
    branches : tuple of Chain
    parts : tuple
        The branches, each with the channels that it reads and writes and the margin around its window.
    in_channels, out_channels, parameters, convolutions, window, strides :
        As for a `Chain`. The window is the largest of the branches, and smaller ones lie in its centre.

    Raises
    ------
    TypeError
        If `branches` is not iterable or has an entry of another kind.
    ValueError
        If it is empty, channels or strides of two branches differ, or one window has an odd side and another an even one.

    Examples
    --------
    RepVGG [Ding2021] adds a 3×3 convolution, a 1×1 one and a shortcut:

    >>> from igc_theory.structure import Chain, GroupConv, Sum
    >>> block = Sum([GroupConv(8, 8, kernel_size=3), GroupConv(8, 8), []], name="RepVGG")
    >>> block.parameters, block.window
    (640, (3, 3))
    >>> print(block)
    RepVGG: 8 -> 8, 640 parameters
      Sum of 3, RepVGG                                                     640
      + GroupConv(8, 8, kernel_size=3)  regular    8 in, 8 out per branch  576
      + GroupConv(8, 8)                 pointwise  8 in, 8 out per branch  64
      + interleave(groups=1, width=8)   identity
    >>> Sum([GroupConv(8, 8), GroupConv(8, 4)])
    Traceback (most recent call last):
    ...
    ValueError: branches[1] maps 8 to 4 channels, but branches[0] 8 to 8, and they cannot be added: make them equal
    """

    _sign = "+"

    @property
    def in_channels(self) -> int:
        """Channels read by every branch."""
        return self.branches[0].in_channels

    @property
    def out_channels(self) -> int:
        """Channels written by every branch."""
        return self.branches[0].out_channels

    @cached_property
    def parts(self) -> tuple[Placement, ...]:
        """The branches; each reads and writes all channels."""
        reads, writes = slice(0, self.in_channels), slice(0, self.out_channels)
        return self._placed([reads] * len(self.branches), [writes] * len(self.branches))

    def _checked(self, entries: list[Any]) -> tuple[Chain, ...]:
        known = [None if _is_empty(entry) else _as_chain(k, entry) for k, entry in enumerate(entries)]
        first = next((chain for chain in known if chain is not None), None)
        if first is None:
            raise ValueError(
                "branches has nothing but empty lists, so that the number of channels is unknown: "
                "give interleave(1, channels) for an identity"
            )
        identity = Chain([interleave(1, first.in_channels)])
        chains = [identity if chain is None else chain for chain in known]
        ends = [(chain.in_channels, chain.out_channels) for chain in chains]
        for k, (read, written) in enumerate(ends):
            if (read, written) != ends[0]:
                raise ValueError(
                    f"branches[{k}] maps {read} to {written} channels, but branches[0] {ends[0][0]} to {ends[0][1]}, "
                    "and they cannot be added: make them equal"
                )
        return tuple(chains)


class DirectSum(Parallel):
    r"""Chains on disjoint channels: the block-diagonal matrix :math:`W_1 ⊕ ⋯ ⊕ W_n`.

    The first branch reads the first channels and writes the first ones, and so on: a group convolution whose branches may differ
    in width, window and depth.

    Parameters
    ----------
    branches : iterable of Chain, GroupConv, ChannelPermutation or list of these
        At least one. ``interleave(1, channels)`` leaves channels as they are. Direct sums are spliced in.
    name : str, default ""
        Shown in displays.

    Attributes
    ----------
    branches : tuple of Chain
    parts : tuple
        The branches, each with the channels that it reads and writes and the margin around its window.
    in_channels, out_channels, parameters, convolutions, window, strides :
        As for a `Chain`. The window is the largest of the branches, and smaller ones lie in its centre.

    Raises
    ------
    TypeError
        If `branches` is not iterable or has an entry of another kind.
    ValueError
        If it is empty, strides of two branches differ, or one window has an odd side and another an even one.

    Examples
    --------
    MixNet [Tan2019b] gives its depthwise convolutions windows of several sizes; a ShuffleNetV2 unit [Ma2018] leaves half of its
    channels as they are:

    >>> from igc_theory.structure import DirectSum, GroupConv, interleave
    >>> mixed = DirectSum([GroupConv(4, 4, 4, kernel_size=size) for size in (3, 5, 7)])
    >>> mixed.in_channels, mixed.window, mixed.parameters == 4 * (9 + 25 + 49)
    (12, (7, 7), True)
    >>> half = DirectSum([interleave(1, 4), [GroupConv(4, 4), GroupConv(4, 4, 4, kernel_size=3), GroupConv(4, 4)]])
    >>> print(half)
    DirectSum 8 -> 8, 68 parameters
      DirectSum of 2                                                                 68
      ⊕ interleave(groups=1, width=4)             identity
      ⊕ GroupConv(4, 4)                           pointwise  4 in, 4 out per branch  16
        GroupConv(4, 4, groups=4, kernel_size=3)  depthwise  1 in, 1 out per branch  36
        GroupConv(4, 4)                           pointwise  4 in, 4 out per branch  16
    """

    _sign = "⊕"

    @property
    def in_channels(self) -> int:
        """Channels read by all branches together."""
        return sum(branch.in_channels for branch in self.branches)

    @property
    def out_channels(self) -> int:
        """Channels written by all branches together."""
        return sum(branch.out_channels for branch in self.branches)

    @cached_property
    def parts(self) -> tuple[Placement, ...]:
        """The branches; each reads the channels behind those of the branches before it, and writes likewise."""
        reads = _behind_each_other(branch.in_channels for branch in self.branches)
        return self._placed(reads, _behind_each_other(branch.out_channels for branch in self.branches))

    def _checked(self, entries: list[Any]) -> tuple[Chain, ...]:
        for k, entry in enumerate(entries):
            if _is_empty(entry):
                raise ValueError(
                    f"branches[{k}] is empty, so that its number of channels is unknown: give interleave(1, channels) "
                    "to leave channels as they are"
                )
        return tuple(_as_chain(k, entry) for k, entry in enumerate(entries))


def _behind_each_other(sizes: Iterable[int]) -> list[slice]:
    return [slice(start, stop) for start, stop in pairwise(accumulate(sizes, initial=0))]


def _is_empty(entry: object) -> bool:
    return isinstance(entry, (list, tuple)) and not entry


def _as_chain(k: int, entry: Any) -> Chain:
    """Return one branch as a chain, or as a sum if it is nothing else."""
    if isinstance(entry, Chain):
        inner = entry.factors[0]
        return inner if len(entry) == 1 and isinstance(inner, Parallel) else entry
    if not isinstance(entry, (GroupConv, ChannelPermutation, list, tuple)):
        raise TypeError(
            f"branches[{k}]={shown(entry)} is {kind_of(entry)}: give a Chain, GroupConv, ChannelPermutation or a list of these"
        )
    try:
        return Chain(entry if isinstance(entry, (list, tuple)) else [entry])
    except (TypeError, ValueError) as error:
        raise type(error)(f"branches[{k}]: {error}") from None
