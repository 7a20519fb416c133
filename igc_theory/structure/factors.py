"""A group convolution: one block-diagonal factor of a chain, described by integers only."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from igc_theory.structure.arguments.numbers import branches_of, positive_int
from igc_theory.structure.arguments.sequences import window_of

__all__ = ["GroupConv"]


@dataclass(frozen=True)
class GroupConv:
    r"""A group convolution: `groups` branches of equal size, each a dense convolution of its own channels.

    As a matrix it is block-diagonal,

    .. math:: W = \mathrm{diag}(W_1, …, W_G), \qquad W_g \in R^{(C_{out}/G) × (C_{in}/G) S},

    with `S` the kernel area (IGCV1 [Zhang2017], section 3). ``groups=1`` is a regular
    convolution, ``kernel_size=1`` a pointwise one, ``groups=in_channels`` a depthwise one.

    Parameters
    ----------
    in_channels, out_channels : int
        Channels read and written.
    groups : int, default 1
        Number of branches; divides both.
    kernel_size : int or (int, int), default 1
        The window, (height, width).
    stride : int or (int, int), default 1
        Step between output positions, (vertical, horizontal).

    Raises
    ------
    TypeError
        If a size is not an integer (booleans are not).
    ValueError
        If a size is below 1, or `groups` does not divide the channels.

    Examples
    --------
    Six channels, a 5×5 window: 900 weights; two groups of three halve them.

    >>> GroupConv(6, 6, kernel_size=5).parameters, GroupConv(6, 6, groups=2, kernel_size=5).parameters
    (900, 450)
    >>> GroupConv(6, 6, groups=2, kernel_size=5)
    GroupConv(6, 6, groups=2, kernel_size=5)
    >>> GroupConv(6, 6, groups=4)
    Traceback (most recent call last):
    ...
    ValueError: groups=4 does not divide in_channels=6: use a divisor of 6 (1, 2, 3, 6), or pad to 8 channels
    """

    in_channels: int
    out_channels: int
    groups: int = 1
    kernel_size: int | tuple[int, int] = 1
    stride: int | tuple[int, int] = 1

    def __post_init__(self) -> None:
        for name in ("in_channels", "out_channels", "groups"):
            object.__setattr__(self, name, positive_int(name, getattr(self, name)))
        for name in ("kernel_size", "stride"):
            height, width = window_of(name, getattr(self, name))
            object.__setattr__(self, name, height if height == width else (height, width))
        branches_of(self.in_channels, self.groups, "in_channels")
        branches_of(self.out_channels, self.groups, "out_channels")

    @property
    def convolutions(self) -> tuple[GroupConv, ...]:
        """Itself: what a chain of this one factor has."""
        return (self,)

    @property
    def in_width(self) -> int:
        """Input channels of one branch (`a` in the interleaving theorem)."""
        return self.in_channels // self.groups

    @property
    def out_width(self) -> int:
        """Output channels of one branch (`b` in the interleaving theorem)."""
        return self.out_channels // self.groups

    @cached_property
    def window(self) -> tuple[int, int]:
        """The window as a pair (height, width)."""
        return window_of("kernel_size", self.kernel_size)

    @cached_property
    def strides(self) -> tuple[int, int]:
        """The stride as a pair (vertical, horizontal)."""
        return window_of("stride", self.stride)

    @property
    def kernel_area(self) -> int:
        """`S`: number of entries of the window."""
        height, width = self.window
        return height * width

    @property
    def parameters(self) -> int:
        """Weights stored, ``out_channels * in_width * kernel_area``; no biases."""
        return self.out_channels * self.in_width * self.kernel_area

    @property
    def is_pointwise(self) -> bool:
        """Whether the window is 1×1."""
        return self.kernel_area == 1

    @property
    def is_depthwise(self) -> bool:
        """Whether every branch reads one channel."""
        return self.in_width == 1

    @property
    def kind(self) -> str:
        """The field's word for it: ``"regular"``, ``"group"``, ``"depthwise"``, each perhaps ``"pointwise"``."""
        # A single channel is regular rather than depthwise: there is nothing to separate.
        branches = "regular" if self.groups == 1 else "depthwise" if self.is_depthwise else "group"
        if not self.is_pointwise:
            return branches
        return "pointwise" if branches == "regular" else f"{branches} pointwise"

    def __repr__(self) -> str:
        options = ((name, getattr(self, name)) for name in ("groups", "kernel_size", "stride"))
        shown = "".join(f", {name}={value}" for name, value in options if value != 1)
        return f"GroupConv({self.in_channels}, {self.out_channels}{shown})"
