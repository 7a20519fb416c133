"""A design: an interleaved chain described by its branch widths."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from html import escape
from math import prod

from igc_theory.budget.chain_cost import multiply_adds
from igc_theory.budget.formulas.cost import interleaved_parameters
from igc_theory.budget.formulas.quantities import no_window
from igc_theory.structure.arguments.kinds import instance_of, settle, shown
from igc_theory.structure.arguments.numbers import positive_int
from igc_theory.structure.arguments.sequences import MOST_AREA, listed, widths_of, window_of
from igc_theory.structure.blocks import igcv2, interleaved, with_interleaving
from igc_theory.structure.chains import Chain
from igc_theory.structure.divisors import divisors
from igc_theory.structure.factors import GroupConv

__all__ = ["Design", "LayerDesign", "kernel_window"]


@dataclass(frozen=True)
class Design:
    """An interleaved chain described by its branch widths alone.

    Attributes
    ----------
    channels : int
        `C`, the same before and after every factor.
    branch_widths : tuple of int
        `K_1 … K_L`, each a divisor of `channels`; the first factor is spatial, the others pointwise.
    kernel_size : (int, int)
        Window of the first factor, (height, width).

    Examples
    --------
    >>> design = Design(416, (1,) + 9 * (2,))
    >>> design.parameters, design.parameters_per_channel, design.paths, design.is_strict
    (11232, 27, (1, 2), False)
    >>> design.chain.parameters
    11232
    """

    channels: int
    branch_widths: tuple[int, ...]
    kernel_size: int | tuple[int, int] = (3, 3)

    def __post_init__(self) -> None:
        object.__setattr__(self, "channels", positive_int("channels", self.channels))
        object.__setattr__(self, "kernel_size", window_of("kernel_size", self.kernel_size))
        checked = widths_of("branch_widths", self.branch_widths)
        for l, width in enumerate(checked):
            if self.channels % width:
                way_out = f"use a divisor, or pad to {-(-self.channels // width) * width} channels"
                raise ValueError(f"branch_widths[{l}]={width} does not divide channels={self.channels}: {way_out}")
        object.__setattr__(self, "branch_widths", checked)

    @property
    def kernel_area(self) -> int:
        """`S`, entries of the window."""
        return prod(window_of("kernel_size", self.kernel_size))

    @property
    def factors(self) -> int:
        """`L`, number of factors, the spatial one included."""
        return len(self.branch_widths)

    @cached_property
    def parameters(self) -> int:
        """Weights, without biases."""
        return int(interleaved_parameters(self.channels, self.branch_widths, self.kernel_area))

    @property
    def parameters_per_channel(self) -> int:
        """Weights divided by `channels`: always an integer."""
        return self.parameters // self.channels

    @property
    def multiply_adds(self) -> int:
        """Multiply–adds for one output position at stride 1: every weight is used once."""
        return self.parameters

    @property
    def min_paths(self) -> int:
        """Fewest paths between an input and an output, :math:`⌊Π/C⌋`; 0 when the chain is not dense."""
        return prod(self.branch_widths) // self.channels

    @property
    def max_paths(self) -> int:
        """Most paths between an input and an output, :math:`⌈Π/C⌉`."""
        return -(-prod(self.branch_widths) // self.channels)

    @property
    def paths(self) -> tuple[int, int]:
        """Fewest and most paths between an input and an output (interleaving theorem)."""
        return self.min_paths, self.max_paths

    @property
    def is_strict(self) -> bool:
        """Whether every input reaches every output by exactly one path."""
        return self.paths == (1, 1)

    @cached_property
    def chain(self) -> Chain:
        """The chain: `igcv2` for a strict design, `interleaved` for any other."""
        if self.is_strict:
            return igcv2(self.branch_widths, self.kernel_size)
        return interleaved(self.channels, self.branch_widths, self.kernel_size)

    def __str__(self) -> str:
        return ", ".join(f"{name} {value}" for name, value in self._described())

    def _repr_html_(self) -> str:
        rows = (
            f"<tr><th>{escape(name)}</th><td style='text-align:left'>{escape(value)}</td></tr>"
            for name, value in self._described()
        )
        return f"<table>{''.join(rows)}</table>"

    def _described(self) -> Iterator[tuple[str, str]]:
        yield "channels", str(self.channels)
        yield "branch widths", " × ".join(map(str, self.branch_widths))
        yield "window", "×".join(map(str, window_of("kernel_size", self.kernel_size)))
        yield "parameters", f"{self.parameters:,} ({self.parameters_per_channel} per channel)"
        yield "paths per pair", " to ".join(map(str, sorted(set(self.paths))))


@dataclass(frozen=True, init=False, repr=False)
class LayerDesign(Design):
    """An interleaved chain between two numbers of channels: group convolutions of any widths that fit.

    Parameters
    ----------
    convolutions : sequence of GroupConv
        In order of application; each reads as many channels as the one before it writes, and at most one has a window.

    Attributes
    ----------
    channels : int
        `C`, input channels.
    branch_widths : tuple of int
        Inputs per branch of every factor.
    kernel_size : (int, int)
        Of the one factor that has a window.
    convolutions : tuple of GroupConv
        In order of application.

    Raises
    ------
    TypeError, ValueError
        If the convolutions do not fit, or two have windows.

    Examples
    --------
    >>> design = LayerDesign([GroupConv(4, 4, 4, kernel_size=3, stride=2), GroupConv(4, 6, 2), GroupConv(6, 9, 3)])
    >>> print(design)
    channels 4 to 9, branch widths 1 × 2 × 2, window 3×3, stride 2×2, parameters 66, paths per pair 1
    >>> design.chain.out_channels, design.parameters, design.multiply_adds, design.is_strict
    (9, 66, 66, True)
    """

    convolutions: tuple[GroupConv, ...] = ()

    def __init__(self, convolutions: Sequence[GroupConv]) -> None:
        given = listed("convolutions", convolutions, "give a sequence of GroupConv")
        factors = tuple(
            instance_of(f"convolutions[{l}]", conv, GroupConv, "give a GroupConv") for l, conv in enumerate(given)
        )
        spatial = Chain(factors).spatial
        if len(spatial) > 1:
            raise ValueError(f"convolutions={shown(given)} have {len(spatial)} windows: a design has one at most")
        settle(
            self,
            channels=factors[0].in_channels,
            branch_widths=tuple(conv.in_width for conv in factors),
            kernel_size=spatial[0].window if spatial else (1, 1),
            convolutions=factors,
        )

    @cached_property
    def parameters(self) -> int:
        """Weights, without biases."""
        return sum(conv.parameters for conv in self.convolutions)

    @property
    def parameters_per_channel(self) -> Fraction:  # type: ignore[override]  # no integer where the channels change
        """Weights divided by `channels`, the input channels."""
        return Fraction(self.parameters, self.channels)

    @property
    def multiply_adds(self) -> int:
        """Multiply–adds per output position: a factor in front of the stride works on that many more positions."""
        return multiply_adds(self.chain, *self.chain.strides)

    @cached_property
    def chain(self) -> Chain:
        """The convolutions with the interleaving of its branches behind each but the last."""
        return Chain(with_interleaving(self.convolutions), name=" × ".join(map(str, self.branch_widths)))

    def __repr__(self) -> str:
        return f"LayerDesign({list(self.convolutions)!r})"

    def _described(self) -> Iterator[tuple[str, str]]:
        yield "channels", " to ".join(map(str, dict.fromkeys((self.channels, self.chain.out_channels))))
        yield "branch widths", " × ".join(map(str, self.branch_widths))
        yield "window", "×".join(map(str, window_of("kernel_size", self.kernel_size)))
        if self.chain.strides != (1, 1):
            yield "stride", "×".join(map(str, self.chain.strides))
        yield "parameters", f"{self.parameters:,}"
        yield "paths per pair", " to ".join(map(str, sorted(set(self.paths))))


def kernel_window(S: int) -> tuple[int, int]:
    """Return the squarest window of a kernel area.

    Examples
    --------
    >>> kernel_window(9), kernel_window(5)
    ((3, 3), (1, 5))
    """
    way_out = "give a kernel area, such as 9 for a 3×3 window"
    entries = positive_int("S", no_window(S), maximum=MOST_AREA, way_out=way_out, beyond=way_out)
    height = next(side for side in reversed(divisors(entries)) if side * side <= entries)
    return height, entries // height
