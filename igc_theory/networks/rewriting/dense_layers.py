"""The dense layers of a network, and one substitute for each within one budget."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from tqdm.auto import tqdm

from igc_theory.kernels.arrays import Array
from igc_theory.networks.rewriting.candidates import Candidate, architectures, candidates
from igc_theory.networks.rewriting.knapsack import Selection, select
from igc_theory.structure.arguments import LARGEST, positive_int, real_number
from igc_theory.structure.factors import GroupConv

__all__ = ["OBJECTIVES", "Choices", "DenseLayer", "choices_within"]

OBJECTIVES = ("bits", "multiply_adds")
"""What a budget is one of."""


@dataclass(frozen=True, eq=False)
class DenseLayer:
    """A convolution or a linear layer that may be replaced, once for all places that share its weights.

    Attributes
    ----------
    name : str
        Of its first place.
    convolution : GroupConv
        Its channels, groups, window and stride; a linear layer is pointwise.
    sizes : tuple of (int, int)
        Height and width of what it writes, at each of its places; none if that is not known, then one position counts.
    weight : ndarray, shape (C_out, C_in / groups, kh, kw)
    scales : ndarray or None
        By which a batch normalisation multiplies each output.
    moments : ndarray or None
        Second moments of what it reads, or their diagonal.
    plain : bool
        Whether only low rank can stand in its place, which needs no shuffle.
    """

    name: str
    convolution: GroupConv
    sizes: tuple[tuple[int, int], ...]
    weight: Array
    scales: Array | None = None
    moments: Array | None = None
    plain: bool = False

    @property
    def kind(self) -> str:
        """Word for the tables."""
        conv = self.convolution
        branches = f", {conv.groups} groups" if conv.groups > 1 else ""
        strides = "" if conv.strides == (1, 1) else f" /{'×'.join(map(str, dict.fromkeys(conv.strides)))}"
        window = f" {conv.window[0]}×{conv.window[1]}" if not conv.is_pointwise else ""
        return f"{conv.in_channels} to {conv.out_channels}{window}{strides}{branches}"

    def candidates(self, reorder: bool) -> list[Candidate]:
        """Return what may stand in its place, itself first."""
        found = candidates(
            self.weight,
            self.convolution,
            self.sizes[0] if self.sizes else 1,
            moments=self.moments,
            scales=self.scales,
            reorder=reorder and not self.plain,
        )
        return [one for one in found if not self.plain or one.family in ("keep", "low rank")]

    def architectures(self, rng: np.random.Generator) -> list[Candidate]:
        """Return products of factors with fresh weights, itself first."""
        found = architectures(self.convolution, self.sizes[0] if self.sizes else 1, rng=rng)
        return found[:1] if self.plain else found

    def cost(self, candidate: Candidate, objective: str) -> int:
        """Return what a candidate costs at all places: bits are stored once, multiply–adds done at each."""
        if objective == "bits":
            return candidate.storage_bits
        if not self.sizes:
            return candidate.multiply_adds
        positions = sum(height * width for height, width in self.sizes)
        return candidate.multiply_adds * positions // (self.sizes[0][0] * self.sizes[0][1])


@dataclass(frozen=True, eq=False)
class Choices:
    """One candidate for every layer.

    Attributes
    ----------
    layers : tuple of DenseLayer
    options : tuple of lists of Candidate
        What may stand in place of each, itself first.
    objective : str
    budget, before : int
        What the layers may cost together, and what they cost.
    selection : Selection
    alike : bool
        Whether errors are shares of weights that are gone, so that layers count by what they cost and shrink alike.
    """

    layers: tuple[DenseLayer, ...]
    options: tuple[list[Candidate], ...]
    objective: str
    budget: int
    before: int
    selection: Selection
    alike: bool = False

    @property
    def candidates(self) -> list[Candidate]:
        """The candidate chosen for each layer."""
        return [some[k] for some, k in zip(self.options, self.selection.options, strict=True)]

    @property
    def originals(self) -> list[Candidate]:
        """Each layer itself."""
        return [some[0] for some in self.options]

    def within(self, budget: float) -> Choices:
        """Return the choices for another budget, a share or a number."""
        return _selected(self.layers, self.options, budget, self.objective, self.alike)


def choices_within(
    layers: Sequence[DenseLayer],
    budget: float,
    objective: str,
    options: Callable[[DenseLayer], list[Candidate]],
    *,
    alike: bool = False,
    progress: bool = True,
) -> Choices:
    """Return one candidate per layer so that the sum of squared relative errors is least within a budget.

    Parameters
    ----------
    layers : sequence of DenseLayer
    budget : float or int
        A float of at most 1 is a share of what the layers cost; an integer is a number of bits or multiply–adds.
    objective : {"bits", "multiply_adds"}
    options : callable
        Gives the candidates of a layer, itself first.
    alike : bool, default False
        Whether each layer counts by what it costs.
    progress : bool, default True
        Whether a progress bar is shown in a terminal.

    Raises
    ------
    ValueError
        If the budget is less than the cheapest candidates cost.
    """
    bar = tqdm(layers, desc="comparing", unit="layer", leave=False, disable=None if progress else True)
    return _selected(tuple(layers), tuple(options(layer) for layer in bar), budget, objective, alike)


def _selected(
    layers: tuple[DenseLayer, ...], options: tuple[list[Candidate], ...], budget: float, objective: str, alike: bool
) -> Choices:
    costs = [[layer.cost(one, objective) for one in some] for layer, some in zip(layers, options, strict=True)]
    counts = [some[0] / max(map(max, costs)) if alike else 1.0 for some in costs]
    losses = [[count * one.relative_error**2 for one in some] for count, some in zip(counts, options, strict=True)]
    before, least = sum(some[0] for some in costs), sum(map(min, costs))
    most = allowed(budget, before)
    if most < least:
        raise ValueError(
            f"budget={budget} is {most:,} of {before:,} {objective.replace('_', '-')}, but the cheapest substitutes of all "
            f"layers cost {least:,}: use at least {least / before + 5e-4:.3f}"
        )
    return Choices(layers, options, objective, most, before, select(costs, losses, most), alike)


def allowed(budget: float, before: int) -> int:
    """Return the cost that a share or a number stands for.

    Examples
    --------
    >>> allowed(0.5, 101), allowed(7, 101)
    (50, 7)
    """
    way_out = "give a share as a float above 0 and at most 1, such as 0.5, or a whole number"
    if isinstance(budget, bool) or (not isinstance(budget, float) and not hasattr(budget, "dtype")):
        return positive_int("budget", budget, maximum=LARGEST, way_out=way_out)
    if getattr(getattr(budget, "dtype", None), "kind", "f") in "iu":
        return positive_int("budget", budget, way_out=way_out)
    share = real_number("budget", budget)
    if not 0 < share <= 1:
        raise ValueError(f"budget={budget} is not a share: {way_out}")
    return int(share * before)
