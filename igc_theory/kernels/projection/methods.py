"""Which method finds the nearest product of a chain."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache, partial

import numpy as np

from igc_theory.kernels.arrays import Array
from igc_theory.kernels.projection.alternating.canonical_polyadic import depthwise_middle
from igc_theory.kernels.projection.alternating.starts import fitted, random_weights
from igc_theory.kernels.projection.bounds import chain_bound
from igc_theory.kernels.projection.chain_kernel import window_of_one
from igc_theory.kernels.projection.channel_trees import ChannelTrees, channel_trees
from igc_theory.kernels.projection.hierarchical import split_bound, split_factors
from igc_theory.kernels.projection.two_factors import two_factors
from igc_theory.kernels.rank_one_pairs import squared_norm
from igc_theory.structure.branches import Wires, wiring
from igc_theory.structure.chains import Chain, Factor
from igc_theory.structure.factors import GroupConv

__all__ = ["ALTERNATING", "CLOSED_FORM", "Fit", "Method", "equalized", "method_of"]

CLOSED_FORM = "closed form, the nearest product"
ALTERNATING = "alternating least squares"

_STARTS, _SMALL = 4, 2**15
"""Random starts for a chain without a method of its own, if its factors and the kernel are small."""

_COPIED = 2**18
"""Entries of the largest kernel that is copied so that its bound can be computed later."""


@dataclass(frozen=True, eq=False)
class Fit:
    """The weights found for a chain, and how good they are.

    Attributes
    ----------
    weights : list of numpy.ndarray, shapes (out_channels, in_width, kh, kw)
        One per convolution, of equal Frobenius norms.
    error : float
        The squared Frobenius distance.
    bound : callable
        Returns a lower bound on the squared distance of any product, None if none is known for any kernel.
    method : str
        In words.
    """

    weights: list[Array]
    error: float
    bound: Callable[[], float | None]
    method: str


Method = Callable[[Array], Fit]
"""From a kernel to the nearest product."""


def method_of(chain: Chain, wires: Wires, rng: np.random.Generator, restarts: int, *, polish: bool = False) -> Method:
    """Return what finds the nearest product of a chain to a kernel of shape (C_out, C_in, S), chosen once for all kernels.

    Parameters
    ----------
    chain : Chain
    wires : sequence of numpy.ndarray
        Its gaps, as `wiring` returns them.
    rng : numpy.random.Generator
        Draws random starts.
    restarts : int
        Random starts of alternating least squares beyond those that it has anyway.
    polish : bool
        Descend from the product found where that need not be the nearest.
    """
    found = _start_of(chain, wires, rng, restarts)
    if found is None:
        return partial(_any_chain, chain=chain, wires=wires, rng=rng, restarts=restarts)
    return partial(_polished, start=found, chain=chain) if polish else found


def _start_of(chain: Chain, wires: Wires, rng: np.random.Generator, restarts: int) -> Method | None:
    """Return the method made for this kind of chain, None if there is none."""
    if not window_of_one(chain):
        return None
    reduced = _without_scales(chain)
    wires = wires if reduced is chain else wiring(reduced)
    if _has_depthwise_middle(reduced):
        return partial(_alternating, chain=chain, reduced=reduced, wires=wires, rng=rng, restarts=restarts)
    trees = _trees(_Wired(reduced, wires))
    if not isinstance(trees, str):
        return partial(_hierarchical, chain=chain, reduced=reduced, trees=trees)
    if len(reduced.convolutions) > 2:
        return None
    return partial(_two_factors, chain=chain, reduced=reduced, wires=wires)


@dataclass(frozen=True)
class _Wired:
    """A chain with its gaps, which follow from it."""

    chain: Chain
    wires: Wires = field(compare=False)


@lru_cache(maxsize=4)
def _trees(wired: _Wired) -> ChannelTrees | str:
    """Return the trees of a chain; kept, since many kernels may be projected onto it one after the other."""
    return channel_trees(wired.chain, wired.wires)


def _any_chain(kernel: Array, *, chain: Chain, wires: Wires, rng: np.random.Generator, restarts: int) -> Fit:
    tensor = kernel.reshape(*kernel.shape[:2], *chain.window)
    starts = restarts + (_STARTS if kernel.size * len(chain.convolutions) <= _SMALL else 1)
    weights, error = fitted(tensor, chain, (random_weights(tensor, chain, rng) for _ in range(starts)))
    return Fit(_expanded(weights, chain, chain), error, _bound_of(kernel, chain, wires), ALTERNATING)


def _bound_of(kernel: Array, chain: Chain, wires: Wires) -> Callable[[], float | None]:
    """Return the lower bound to be computed when somebody asks, from a kernel that nobody else can change."""
    return partial(chain_bound, kernel.reshape(*kernel.shape[:2], *chain.window).copy(), chain, wires)


def _polished(kernel: Array, *, start: Method, chain: Chain) -> Fit:
    fit = start(kernel)
    if fit.method == CLOSED_FORM:
        return fit
    weights, error = fitted(kernel.reshape(*kernel.shape[:2], *chain.window), chain, [fit.weights])
    method = ALTERNATING if fit.method == ALTERNATING else f"{fit.method}, then {ALTERNATING}"
    return Fit(_expanded(weights, chain, chain), error, fit.bound, method) if error < fit.error else fit


def _alternating(
    kernel: Array, *, chain: Chain, reduced: Chain, wires: Wires, rng: np.random.Generator, restarts: int
) -> Fit:
    weights, error = depthwise_middle(kernel, reduced.convolutions, wires, rng, restarts)
    return Fit(_expanded(weights, chain, reduced), error, _bound_of(kernel, reduced, wires), ALTERNATING)


def _two_factors(kernel: Array, *, chain: Chain, reduced: Chain, wires: Wires) -> Fit:
    weights, error = two_factors(kernel, reduced.convolutions, wires, _spatial(reduced))
    return Fit(_expanded(weights, chain, reduced), error, lambda: error, CLOSED_FORM)


def _hierarchical(kernel: Array, *, chain: Chain, reduced: Chain, trees: ChannelTrees) -> Fit:
    spatial = _spatial(reduced)
    weights, errors = split_factors(kernel, trees, spatial)
    expanded, error, first = _expanded(weights, chain, reduced), float(errors.sum()), float(errors[0])
    if len(trees) <= 2:
        return Fit(expanded, error, lambda: error, CLOSED_FORM)
    kept = _kept(kernel)

    def bound() -> float:
        """Wait until somebody asks: this takes longer than the fit."""
        known = kept()
        # It lies between the first split's error and the fit's: where these are rounding, nothing is left to find.
        return first if known is None or _is_rounding(error, known) else split_bound(known, trees, spatial)

    return Fit(expanded, error, bound, "hierarchical")


def _is_rounding(error: float, kernel: Array) -> bool:
    """Return whether a squared error is no more than what rounding leaves of a kernel that is such a product."""
    part = max(float(np.finfo(kernel.dtype).eps), 2.0**-52 * kernel.size**0.5)
    return bool(error <= part**2 * sum(map(squared_norm, kernel)))


def _kept(kernel: Array) -> Callable[[], Array | None]:
    """Return what gives the kernel back later: a small one from a copy, a large one itself, or None if it has been changed."""
    if kernel.size <= _COPIED:
        copy = kernel.copy()
        return lambda: copy
    mark = _mark(kernel)
    return lambda: kernel if np.array_equal(_mark(kernel), mark) else None


def _mark(kernel: Array) -> Array:
    """Return the product of each row with a random vector: no change but rounding goes unseen, unless it is made for that."""
    real, imaginary = np.random.default_rng(0).standard_normal((2, kernel[0].size))
    vector = real + 1j * imaginary if kernel.dtype.kind == "c" else real
    with np.errstate(all="ignore"):  # the change may have brought NaN and infinite entries
        mark: Array = kernel.reshape(len(kernel), -1) @ vector.astype(kernel.dtype)
    return mark


def _without_scales(chain: Chain) -> Chain:
    """Return the chain without its 1×1 depthwise convolutions: their scales belong to the neighbours' weights."""
    kept: list[Factor] = [factor for factor in chain.factors if not _is_scale(factor)]
    if len(kept) == len(chain.factors):
        return chain
    if any(isinstance(factor, GroupConv) for factor in kept):
        return Chain(kept)
    first = chain.convolutions[0]
    return Chain([factor for factor in chain.factors if factor is first or not _is_scale(factor)])


def _is_scale(factor: Factor) -> bool:
    """Return whether a factor only scales channels."""
    return (
        isinstance(factor, GroupConv)
        and factor.is_pointwise
        and factor.groups == factor.in_channels == factor.out_channels
    )


def _spatial(chain: Chain) -> int:
    """Return which convolution has the window; the first one if all are pointwise."""
    return next((k for k, conv in enumerate(chain.convolutions) if not conv.is_pointwise), 0)


def _has_depthwise_middle(chain: Chain) -> bool:
    """Return whether the chain is a depthwise spatial convolution between two pointwise ones."""
    if len(chain.convolutions) != 3:
        return False
    middle = chain.convolutions[1]
    return not middle.is_pointwise and middle.groups == middle.in_channels == middle.out_channels


def _expanded(weights: list[Array], chain: Chain, reduced: Chain) -> list[Array]:
    """Return the weights for all convolutions of the chain, scales being ones, with equal Frobenius norms."""
    kept, expanded = list(zip(weights, reduced.convolutions, strict=True)), []
    for conv in chain.convolutions:
        if kept and conv is kept[0][1]:
            expanded.append(kept.pop(0)[0].reshape(conv.out_channels, conv.in_width, *conv.window))
        else:
            expanded.append(np.ones((conv.out_channels, 1, 1, 1), weights[0].dtype))
    return equalized(expanded)


def equalized(weights: list[Array]) -> list[Array]:
    """Return weights of convolutions in series with equal Frobenius norms and the same product; a zero is left as it is.

    Examples
    --------
    >>> [array.item() for array in equalized([np.array([[8.0]]), np.array([[2.0]])])]
    [4.0, 4.0]
    """
    norms = np.array([float(np.linalg.norm(weight)) for weight in weights])
    if len(weights) < 2 or not norms.all():
        return weights
    mean = np.exp(np.log(norms).mean())
    return [(weight * (mean / norm)).astype(weight.dtype) for weight, norm in zip(weights, norms, strict=True)]
