"""The dense layers of a network, and one substitute for each within one budget."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import NamedTuple

import numpy as np
from tqdm.auto import tqdm

from igc_theory.budget.chain_cost import ImageSize, multiply_adds
from igc_theory.budget.latency import LatencyTable, layer_time
from igc_theory.kernels.arrays import Array
from igc_theory.kernels.compression.approximation import REAL_BITS
from igc_theory.networks.rewriting.candidates.architectures import architectures
from igc_theory.networks.rewriting.candidates.candidate import Candidate
from igc_theory.networks.rewriting.candidates.candidates import candidates
from igc_theory.networks.rewriting.candidates.target import image_before
from igc_theory.networks.rewriting.knapsack import Selection, select
from igc_theory.structure.arguments.numbers import LARGEST, positive_int, real_number
from igc_theory.structure.factors import GroupConv

__all__ = ["OBJECTIVES", "Choices", "DenseLayer", "Place", "allowed", "choices_within", "joined_size", "unit_of"]

OBJECTIVES = ("bits", "multiply_adds", "latency")
"""What a budget is one of."""


class Place(NamedTuple):
    """Height and width of what a layer reads at one of its places in a network, and of what it writes there.

    Where one input of the network becomes several images, such as windows of attention, they stand one below the other.
    """

    read: ImageSize
    written: ImageSize


def joined_size(shape: Sequence[int], axes: int, batch: int) -> ImageSize:
    """Return height and width of images (…, C, *sides), or rows (…, C), that one of a batch of inputs becomes, as in `Place`.

    Examples
    --------
    >>> joined_size((8, 16, 7, 5), 2, batch=2), joined_size((2, 16, 9), 1, batch=2), joined_size((6, 10, 16), 0, batch=2)
    ((28, 5), (1, 9), (30, 1))
    """
    sides = [max(1, side) for side in shape[len(shape) - axes :]]
    images = max(1, prod(max(1, side) for side in shape[: -1 - axes]) // batch)
    height, width = [1, 1, *sides][-2:]
    return images * height, width


@dataclass(frozen=True, eq=False)
class DenseLayer:
    """A convolution or a linear layer that may be replaced, once for all places that share its weights.

    Attributes
    ----------
    name : str
        Of its first place.
    convolution : GroupConv
        Its channels, groups, window and stride; a linear layer is pointwise.
    places : tuple of Place or None
        Where it stands, which may be nowhere; None if that is not known, then one position counts.
    weight : ndarray, shape (C_out, C_in / groups, kh, kw)
    scales : ndarray or None
        By which a batch normalisation multiplies each output.
    moments : ndarray or None
        Second moments of what it reads, or their diagonal.
    plain : bool
        Whether only low rank can stand in its place, which needs no shuffle.
    stored : int or None
        Weights that would take what its weights are computed from; None if they are stored themselves.
    """

    name: str
    convolution: GroupConv
    places: tuple[Place, ...] | None
    weight: Array
    scales: Array | None = None
    moments: Array | None = None
    plain: bool = False
    stored: int | None = None

    @property
    def kind(self) -> str:
        """Word for the tables."""
        conv = self.convolution
        branches = f", {conv.groups} groups" if conv.groups > 1 else ""
        strides = "" if conv.strides == (1, 1) else f" /{'×'.join(map(str, dict.fromkeys(conv.strides)))}"
        window = f" {conv.window[0]}×{conv.window[1]}" if not conv.is_pointwise else ""
        return f"{conv.in_channels} to {conv.out_channels}{window}{strides}{branches}"

    @property
    def _position(self) -> Place:
        """A place where it writes one position."""
        return Place(image_before(self.convolution, (1, 1)), (1, 1))

    def candidates(self, reorder: bool) -> list[Candidate]:
        """Return what may stand in its place, itself first."""
        if self.moments is not None and not np.isfinite(self.moments).all():
            raise ValueError(
                f"inputs make the layer {self.name!r} read numbers that are not finite: give smaller, finite ones"
            )
        place = (self.places or [self._position])[0]
        found = candidates(
            self.weight,
            self.convolution,
            place.written,
            image=place.read,
            moments=self.moments,
            scales=self.scales,
            reorder=reorder and not self.plain,
        )
        return [one for one in found if not self.plain or one.family in ("keep", "low rank")]

    def architectures(self, rng: np.random.Generator) -> list[Candidate]:
        """Return products of factors with fresh weights, itself first."""
        place = (self.places or [self._position])[0]
        found = architectures(self.convolution, place.written, image=place.read, rng=rng)
        return found[:1] if self.plain else found

    def cost(self, candidate: Candidate, objective: str, table: LatencyTable | None = None) -> float:
        """Return what a candidate costs at all places: bits are stored once, multiply–adds and milliseconds spent at each."""
        if objective == "bits":
            return REAL_BITS * self.stored if self.stored and candidate.family == "keep" else candidate.storage_bits
        places = (self._position,) if self.places is None else self.places
        if objective == "latency":
            assert table is not None, "choices by time have a table"
            chain = candidate.timed_chain
            return sum(layer_time(table, chain, *place.read, written=place.written) for place in places)
        return sum(multiply_adds(candidate.chain, *place.read, written=place.written) for place in places)


@dataclass(frozen=True, eq=False)
class Choices:
    """One candidate for every layer.

    Attributes
    ----------
    layers : tuple of DenseLayer
    options : tuple of lists of Candidate
        What may stand in place of each, itself first.
    objective : str
    budget, before : int or float
        What the layers may cost together, and what they cost: bits, multiply–adds or milliseconds.
    selection : Selection
    alike : bool
        Whether errors are shares of weights that are gone, so that layers count by what they cost and shrink alike.
    table : LatencyTable or None
        By which milliseconds are predicted.
    """

    layers: tuple[DenseLayer, ...]
    options: tuple[list[Candidate], ...]
    objective: str
    budget: float
    before: float
    selection: Selection
    alike: bool = False
    table: LatencyTable | None = None

    @property
    def by(self) -> str:
        """The end of a sentence that names the machine by whose times milliseconds are predicted; empty of other costs."""
        return f", by times of {self.table.where}" if self.table is not None and self.objective == "latency" else ""

    @property
    def candidates(self) -> list[Candidate]:
        """The candidate chosen for each layer."""
        return [some[k] for some, k in zip(self.options, self.selection.options, strict=True)]

    @property
    def originals(self) -> list[Candidate]:
        """Each layer itself."""
        return [some[0] for some in self.options]

    @property
    def least(self) -> float:
        """What the cheapest candidates of all layers cost."""
        pairs = zip(self.layers, self.options, strict=True)
        return sum(min(layer.cost(one, self.objective, self.table) for one in some) for layer, some in pairs)

    def within(self, budget: float) -> Choices:
        """Return the choices for another budget, a share or a number."""
        return _selected(self.layers, self.options, budget, self.objective, self.alike, self.table)


def choices_within(
    layers: Sequence[DenseLayer],
    budget: float,
    objective: str,
    options: Callable[[DenseLayer], list[Candidate]],
    *,
    alike: bool = False,
    table: LatencyTable | None = None,
    progress: bool = True,
) -> Choices:
    """Return one candidate per layer so that the sum of squared relative errors is least within a budget.

    Parameters
    ----------
    layers : sequence of DenseLayer
    budget : float or int
        A float of at most 1 is a share of what the layers cost; an integer is a number of bits, multiply–adds or milliseconds.
    objective : {"bits", "multiply_adds", "latency"}
    options : callable
        Gives the candidates of a layer, itself first.
    alike : bool, default False
        Whether each layer counts by what it costs.
    table : LatencyTable, optional
        By which milliseconds are predicted.
    progress : bool, default True
        Whether a progress bar is shown in a terminal.

    Raises
    ------
    ValueError
        If the budget is less than the cheapest candidates cost.
    """
    bar = tqdm(layers, desc="comparing", unit="layer", leave=False, disable=None if progress else True)
    return _selected(tuple(layers), tuple(options(layer) for layer in bar), budget, objective, alike, table)


def _selected(
    layers: tuple[DenseLayer, ...],
    options: tuple[list[Candidate], ...],
    budget: float,
    objective: str,
    alike: bool,
    table: LatencyTable | None,
) -> Choices:
    costs = [[layer.cost(one, objective, table) for one in some] for layer, some in zip(layers, options, strict=True)]
    counts = [some[0] / (max(map(max, costs)) or 1) if alike else 1.0 for some in costs]
    losses = [[count * one.relative_error**2 for one in some] for count, some in zip(counts, options, strict=True)]
    before, least = sum(some[0] for some in costs), sum(map(min, costs))
    most = allowed(budget, before)
    if most < least:
        raise ValueError(
            f"budget={budget} is {most:,.6g} of {before:,.6g} {unit_of(objective)}, but the cheapest layers of the model "
            f"take {least:,.6g}: use at least {least / before + 5e-4:.3f}"
        )
    return Choices(layers, options, objective, most, before, select(costs, losses, most), alike, table)


def unit_of(objective: str) -> str:
    """Return the unit of a budget.

    Examples
    --------
    >>> [unit_of(objective) for objective in OBJECTIVES]
    ['bits', 'multiply–adds', 'milliseconds']
    """
    return {"multiply_adds": "multiply–adds", "latency": "milliseconds"}.get(objective, objective)


def allowed(budget: float, before: float) -> float:
    """Return the cost that a share or a number stands for; whole where costs are.

    Examples
    --------
    >>> allowed(0.5, 101), allowed(7, 101), allowed(0.5, 1.5)
    (50, 7, 0.75)
    """
    way_out = "give a share as a float above 0 and at most 1, such as 0.5, or a whole number"
    if not isinstance(budget, (float, np.floating)):
        return positive_int("budget", budget, maximum=LARGEST, way_out=way_out)
    share = real_number("budget", budget)
    if not 0 < share <= 1:
        raise ValueError(f"budget={budget} is not a share: {way_out}")
    return int(share * before) if isinstance(before, int) else share * before
