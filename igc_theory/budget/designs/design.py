"""A design: an interleaved chain described by its branch widths."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from html import escape
from math import prod

from igc_theory.budget.formulas.cost import interleaved_parameters
from igc_theory.budget.formulas.quantities import no_window
from igc_theory.structure.arguments import MOST_AREA, positive_int, widths_of, window_of
from igc_theory.structure.blocks import igcv2, interleaved
from igc_theory.structure.chains import Chain
from igc_theory.structure.divisors import divisors

__all__ = ["Design", "kernel_window"]


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
