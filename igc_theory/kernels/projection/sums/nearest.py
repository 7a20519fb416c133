r"""Which method finds the nearest product of any chain, with sums or without.

A permutation at an end reorders the kernel's channels, and is taken off. A direct sum is projected block by block, for what lies
outside of its blocks is lost whatever their weights. Of a sum the branches without weights, shortcuts, are subtracted from the
kernel. If one branch is left, the nearest product is the one of that branch. If each of those left has a single convolution, the
sum is linear in all its weights: see `linear_branches`. Branches with closed forms of their own, such as low rank, take turns for a
start. Everything else starts at random, and all weights descend at once.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from igc_theory.kernels.arrays import Array
from igc_theory.kernels.linear_maps import weighted
from igc_theory.kernels.products.product import Product
from igc_theory.kernels.projection.alternating.starts import fitted, random_weights
from igc_theory.kernels.projection.methods import ALTERNATING, CLOSED_FORM, Fit, Method, equalized, method_of
from igc_theory.kernels.projection.sums.linear_branches import linear_branches
from igc_theory.kernels.projection.sums.sum_bounds import sum_bound
from igc_theory.kernels.rank_one_pairs import squared_norm
from igc_theory.structure.branches import wiring
from igc_theory.structure.chains import Chain, Parallel, Placement
from igc_theory.structure.factors import GroupConv
from igc_theory.structure.permutations import ChannelPermutation
from igc_theory.structure.sums import DirectSum, Sum

__all__ = ["nearest_of", "scaled_weights"]

_STARTS, _SMALL = 4, 2**15
"""Starts, if the kernel times its convolutions is small; else one."""

_TURNS = 5
"""Turns of every branch of a sum, before all weights descend together."""


def nearest_of(chain: Chain, rng: np.random.Generator, restarts: int, *, polish: bool = False) -> Method:
    """Return what finds the nearest product of a chain to a kernel of shape (C_out, C_in, S).

    Parameters
    ----------
    chain : Chain
    rng, restarts, polish :
        As for `method_of`.

    Examples
    --------
    >>> from igc_theory.structure import GroupConv, Sum
    >>> nearest = nearest_of(Sum([GroupConv(2, 2, 2), []]), np.random.default_rng(0), 0)
    >>> nearest(np.array([[[3.0], [1.0]], [[0.0], [5.0]]])).weights[0].ravel(), nearest.func.__name__
    (array([2., 4.]), '_sum')
    """
    if not chain.convolutions:
        return _constant(chain)
    if chain.is_serial:
        return method_of(chain, wiring(chain), rng, restarts, polish=polish)
    first, last = chain.factors[0], chain.factors[-1]
    if isinstance(first, ChannelPermutation) or isinstance(last, ChannelPermutation):
        return _between_permutations(chain, rng, restarts, polish)
    factor = chain.factors[0]
    if len(chain) > 1 or not isinstance(factor, Parallel):
        return partial(_descended, chain=chain, rng=rng, restarts=restarts)
    methods = [nearest_of(branch, rng, restarts, polish=polish) for branch in factor.branches]
    if isinstance(factor, DirectSum):
        return partial(_direct_sum, factor=factor, methods=methods)
    return partial(_sum, factor=factor, methods=methods, rng=rng, restarts=restarts)


def _constant(chain: Chain) -> Method:
    """Return the distance of a kernel from permutations and their sums, which have no weights to choose."""
    matrix = Product(chain, []).matrix()[:, :, np.newaxis]

    def distance(kernel: Array) -> Fit:
        error = squared_norm(kernel - matrix)
        return Fit([], error, lambda: error, CLOSED_FORM)

    return distance


def _between_permutations(chain: Chain, rng: np.random.Generator, restarts: int, polish: bool) -> Method:
    """Take the permutations at the ends off: they reorder the rows and the columns of the kernel."""
    factors, rows, columns = list(chain.factors), np.arange(chain.out_channels), np.arange(chain.in_channels)
    while isinstance(first := factors[0], ChannelPermutation):
        columns = columns[first.indices]
        factors.pop(0)
    while isinstance(last := factors[-1], ChannelPermutation):
        rows = rows[last.inverse().indices]
        factors.pop()
    inside = nearest_of(Chain(factors), rng, restarts, polish=polish)
    return lambda kernel: inside(np.ascontiguousarray(kernel[rows][:, columns]))


def _block(tensor: Array, part: Placement) -> Array:
    """Return the part of a kernel (C_out, C_in, kh, kw) that a branch makes: a view."""
    return tensor[part.writes, part.reads, *part.centre(*tensor.shape[2:])]


def _tensor(kernel: Array, chain: Chain) -> Array:
    return kernel.reshape(chain.out_channels, chain.in_channels, *chain.window)


def _fit_of_block(tensor: Array, part: Placement, method: Method) -> Fit:
    block = _block(tensor, part)
    return method(np.ascontiguousarray(block).reshape(*block.shape[:2], -1))


def _direct_sum(kernel: Array, *, factor: Parallel, methods: Sequence[Method]) -> Fit:
    """Project block by block; what lies outside of the blocks is lost."""
    outside = _tensor(kernel, factor).copy()
    fits = [_fit_of_block(outside, part, method) for part, method in zip(factor.parts, methods, strict=True)]
    for part in factor.parts:
        _block(outside, part)[...] = 0
    lost = squared_norm(outside)
    bounds = [fit.bound for fit in fits]
    return Fit(
        [weight for fit in fits for weight in fit.weights],
        lost + sum(fit.error for fit in fits),
        lambda: _bound(lost, bounds),
        _joined([fit.method for fit in fits]),
    )


def _bound(lost: float, bounds: Sequence[Callable[[], float | None]]) -> float | None:
    """Return the squared error that no product is below: what is lost, and what branches lose; None if nothing is known."""
    found = [squared for bound in bounds if (squared := bound()) is not None]
    return lost + sum(found) if found or lost else None


def _joined(methods: Sequence[str]) -> str:
    kinds = [*dict.fromkeys(method for method in methods if method != CLOSED_FORM)]
    return f"branch by branch: {'; '.join(kinds)}" if kinds else CLOSED_FORM


def _sum(kernel: Array, *, factor: Parallel, methods: Sequence[Method], rng: np.random.Generator, restarts: int) -> Fit:
    """Subtract the shortcuts, and project onto what is left of the sum."""
    target = _tensor(kernel, factor).astype(np.result_type(kernel, np.float64))
    for part in factor.parts:
        if not part.branch.convolutions:
            _block(target, part)[...] -= Product(part.branch, []).kernel()
    left = [pair for pair in zip(factor.parts, methods, strict=True) if pair[0].branch.convolutions]
    rest = target.astype(kernel.dtype)  # which limits how large weights may get that cancel
    if len(left) == 1:
        fit = _one_branch(rest, *left[0])
    elif all(part.branch.is_serial and len(part.branch.convolutions) == 1 for part, _ in left):
        weights, error = linear_branches(target, [part for part, _ in left])
        fit = Fit(weights, error, lambda: error, CLOSED_FORM)
    else:
        fit = _without_shortcuts(rest, left, rng, restarts)
    return replace(fit, weights=[weight.astype(kernel.dtype) for weight in fit.weights])


def _without_shortcuts(
    target: Array, left: Sequence[tuple[Placement, Method]], rng: np.random.Generator, restarts: int
) -> Fit:
    """Let the branches that have weights descend together, to what the shortcuts leave of the kernel."""
    rest = Sum([part.branch for part, _ in left])
    margins = [(whole - side) // 2 for whole, side in zip(target.shape[2:], rest.window, strict=True)]
    part = Placement(rest, slice(None), slice(None), (margins[0], margins[1]))
    first = _turns(target, left)
    return _one_branch(target, part, partial(_descended, chain=rest, rng=rng, restarts=restarts, first=first))


def _one_branch(target: Array, part: Placement, method: Method) -> Fit:
    """Return the nearest product of the one branch with weights; entries outside of its window are lost."""
    fit = _fit_of_block(target, part, method)
    outside = target.copy()
    _block(outside, part)[...] = 0
    lost = squared_norm(outside)
    return Fit(fit.weights, lost + fit.error, lambda: _bound(lost, [fit.bound]), fit.method)


def _turns(target: Array, parts: Sequence[tuple[Placement, Method]]) -> list[Array] | None:
    """Return weights that the branches of a sum find by turns, each the nearest to what the others leave.

    No turn raises the error, and a few of them make a good start. None where a branch has no closed form.
    """
    fits: list[Fit] = []
    kernels = [np.zeros_like(target) for _ in parts]
    for turn in range(_TURNS * len(parts)):
        k = turn % len(parts)
        part, method = parts[k]
        fits[k : k + 1] = [_fit_of_block(target - sum(kernels) + kernels[k], part, method)]
        if fits[k].method != CLOSED_FORM:
            return None
        _block(kernels[k], part)[...] = Product(part.branch, fits[k].weights).kernel()
    return [weight for fit in fits for weight in fit.weights]


def _descended(
    kernel: Array, *, chain: Chain, rng: np.random.Generator, restarts: int, first: list[Array] | None = None
) -> Fit:
    """Return the best of several descents; no product reaches entries to which no path leads."""
    tensor = _tensor(kernel, chain)
    count = restarts + (_STARTS if kernel.size * len(chain.convolutions) <= _SMALL else 1) - (first is not None)
    drawn = (random_weights(tensor, chain, rng) for _ in range(count))
    weights, error = fitted(tensor, chain, drawn if first is None else itertools.chain([first], drawn))
    ones = [np.ones((conv.out_channels, conv.in_width, *conv.window)) for conv in chain.convolutions]
    reached, kept = Product(chain, ones).kernel() > 0, tensor.copy()
    return Fit(_balanced(chain, weights), error, lambda: sum_bound(kept, reached, chain), ALTERNATING)


def _balanced(chain: Chain, weights: Sequence[Array]) -> list[Array]:
    """Return weights of equal Frobenius norms for convolutions in series, in every branch."""
    parts = [(factor, list(own)) for factor, own in weighted(chain.factors, weights)]
    series = iter(equalized([own[0] for factor, own in parts if isinstance(factor, GroupConv)]))
    found: list[Array] = []
    for factor, own in parts:
        if isinstance(factor, Parallel):
            found += [array for branch, inner in weighted(factor.branches, own) for array in _balanced(branch, inner)]
        else:
            found += [next(series)] if own else []
    return found


def scaled_weights(chain: Chain, weights: Sequence[Array], scale: float) -> list[Array] | None:
    """Return weights whose product is `scale` times that of the given ones; None where a shortcut cannot be scaled.

    Examples
    --------
    >>> from igc_theory.structure import GroupConv, Sum
    >>> scaled_weights(Chain([GroupConv(1, 1), GroupConv(1, 1)]), [np.ones((1, 1, 1, 1))] * 2, 4.0)[0].item()
    2.0
    >>> scaled_weights(Sum([GroupConv(1, 1), []]), [np.ones((1, 1, 1, 1))], 4.0) is None
    True
    """
    parts = [(factor, list(own)) for factor, own in weighted(chain.factors, weights)]
    if series := [own[0] for factor, own in parts if isinstance(factor, GroupConv)]:
        share = scale ** (1 / len(series))
        return [
            array * array.dtype.type(share if isinstance(factor, GroupConv) else 1)
            for factor, own in parts
            for array in own
        ]
    for k, (factor, own) in enumerate(parts):
        if isinstance(factor, Parallel):
            scaled = [scaled_weights(branch, inner, scale) for branch, inner in weighted(factor.branches, own)]
            if None not in [None if found is None else 0 for found in scaled]:
                parts[k] = factor, [array for found in scaled if found is not None for array in found]
                return [array for _, arrays in parts for array in arrays]
    return None
