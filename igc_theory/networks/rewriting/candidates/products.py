r"""Products of factors in place of a layer; one branch is low rank, a single convolution block-diagonal.

Paths are rank. With `g` branches in both of two factors and `p` paths per pair of branches, each of the :math:`g^2` blocks of
the kernel may be any matrix of rank `p`. One branch is low rank, one path a Monarch matrix. So the singular values of the
blocks give the errors for all `p` at once, and weights are computed only for the candidate that is chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache, partial
from math import gcd

import numpy as np

from igc_theory.kernels.arrays import Array
from igc_theory.kernels.compression.approximation import index_bits
from igc_theory.kernels.compression.frontier import SHARES
from igc_theory.kernels.products.product import Product
from igc_theory.kernels.projection.project import project
from igc_theory.kernels.projection.spectra import block_spectra
from igc_theory.networks.rewriting.candidates.candidate import Candidate, Substitute, scaled_outputs
from igc_theory.networks.rewriting.candidates.target import Target, combined
from igc_theory.structure.blocks import with_interleaving
from igc_theory.structure.branches import wiring
from igc_theory.structure.chains import Chain
from igc_theory.structure.divisors import divisors
from igc_theory.structure.factors import GroupConv
from igc_theory.structure.families.two_factor_chains import two_factor_chains
from igc_theory.structure.permutations import ChannelPermutation

__all__ = [
    "MOST_REORDERED",
    "branch_numbers",
    "cheapest_pairs",
    "family_and_setting",
    "path_numbers",
    "products_of_chains",
    "products_of_two",
    "two_factors_for",
]

KEPT = (0.9, 0.8, 0.7, 0.6, *SHARES, 0.4, 0.3, 0.2, 0.15, 0.09, 0.045)
"""Shares of the weights at which every family is tried."""

BRANCHES = (1, 2, 4, 8, 16, 32)
"""Branches of both factors of a product."""

MOST_TURNED = 2**18
"""Entries of a kernel up to which the window is tried in the second factor, too."""

MOST_ENTRIES = 2**24
"""Entries of a kernel up to which singular values of the whole are computed."""

MOST_REORDERED = 2**17
"""Entries of a kernel up to which an order of the channels is looked for, and chains of several factors are tried."""


def products_of_two(target: Target) -> Iterator[Candidate]:
    """Yield products of two factors with equally many branches, one branch being low rank, in either order of the window."""
    for branches, last in branch_numbers(target.conv):
        if target.matrix.size <= MOST_TURNED or not last:
            yield from _by_paths(target, branches, last)


def branch_numbers(conv: GroupConv) -> list[tuple[int, bool]]:
    """Return the numbers of branches that both factors may have, and whether the last one has the window."""
    common = gcd(conv.in_width, conv.out_width) if conv.groups == 1 else 1
    places = (False, True) if conv.kernel_area > 1 else (False,)
    return [(branches, last) for branches in BRANCHES if common % branches == 0 for last in places]


def path_numbers(conv: GroupConv, least: int, most: int, shares: tuple[float, ...] = KEPT) -> list[int]:
    """Return the paths per pair of branches at which a product is tried that takes `least` weights for one."""
    return sorted({min(most, max(1, int(share * conv.parameters / least))) for share in shares})


def _by_paths(target: Target, branches: int, last: bool) -> Iterator[Candidate]:
    """Yield products of so many branches in both factors, by their paths; the `last` factor has the window, or the first."""
    conv, least = target.conv, two_factors_for(target.conv, branches, 1, last)
    if target.matrix.size // branches**2 > MOST_ENTRIES or least.parameters >= conv.parameters:
        return
    metric, groups = target.metric, conv.groups * branches
    exact = metric.moments is None or (not last and (not metric.full or branches == 1 == conv.groups))
    energies = _energies(target, least, last) if exact else np.zeros(0)
    sides = conv.out_channels // groups, conv.in_channels // groups
    most = min(conv.parameters // least.parameters, max(sides), min(sides) * conv.kernel_area)
    for count in path_numbers(conv, least.parameters, most, KEPT if exact else SHARES):
        chain, error = two_factors_for(conv, branches, count, last), target.relative(float(energies[count:].sum()))
        fitted = cache(partial(_fitted, target, chain))
        best = partial(_best_order, target, chain, fitted) if branches > 1 else fitted
        names, bits = family_and_setting(branches, count, conv.groups, last), _order_bits(target, branches)
        yield target.candidate(*names, chain, error if exact else fitted().relative_error, best, bits)


def _energies(target: Target, least: Chain, last: bool) -> Array:
    """Return the energy of the singular values of all blocks by their index: beyond `p` it is lost by `p` paths."""
    if target.metric.full and least.convolutions[-1].groups == 1 and not last:
        moments = target.metric.times(target.rows) @ target.rows.T
        return np.maximum(np.linalg.eigvalsh(moments)[::-1], 0)
    spectra = block_spectra(target.rows * target.columns(last), least)
    energies: Array = np.bincount(spectra["index"].astype(np.int64), spectra["value"] ** 2)
    return energies


def two_factors_for(conv: GroupConv, branches: int, paths: int, last: bool) -> Chain:
    """Return two factors in place of a convolution, each with so many branches per group of it, and paths per pair of branches."""
    groups = conv.groups * branches
    middle = groups * branches * paths
    window = {"kernel_size": conv.kernel_size, "stride": conv.stride}
    if last:
        factors = [GroupConv(conv.in_channels, middle, groups), GroupConv(middle, conv.out_channels, groups, **window)]
    else:
        factors = [GroupConv(conv.in_channels, middle, groups, **window), GroupConv(middle, conv.out_channels, groups)]
    return Chain(with_interleaving(factors) if branches > 1 else factors)


def family_and_setting(branches: int, paths: int, groups: int, last: bool) -> tuple[str, str]:
    """Return family and setting of a product of two factors."""
    behind = ", window in the second factor" if last else ""
    if branches == 1:
        return "low rank", f"rank {paths}{' per group' if groups > 1 else ''}{behind}"
    return "product", f"{branches} × {branches} branches, {paths} path{'s' * (paths > 1)}{behind}"


def _order_bits(target: Target, branches: int) -> int:
    """Return the bits of the channel orders that a product with branches stores."""
    ends = (target.conv.in_channels, target.conv.out_channels)
    return sum(channels * index_bits(channels) for channels in ends) if branches > 1 and target.reorder else 0


def products_of_chains(target: Target, chains: Sequence[Chain]) -> Iterator[Candidate]:
    """Yield products of single group convolutions, of the cheapest two, and of further chains."""
    conv = target.conv
    into, out, window, stride = conv.in_channels, conv.out_channels, conv.kernel_size, conv.stride
    for branches in divisors(gcd(into, out), most=BRANCHES[-1])[1:]:
        chain = Chain([GroupConv(into, out, branches, window, stride)])
        yield _projected(target, "block-diagonal", f"{branches} branches", chain)
    small = cheapest_pairs(conv) if target.matrix.size <= MOST_REORDERED else ()
    for chain in [*small, *chains]:
        yield _projected(
            target, "product", chain.name or " × ".join(str(c.in_width) for c in chain.convolutions), chain
        )


def cheapest_pairs(conv: GroupConv) -> Iterator[Chain]:
    """Yield the cheapest two factors by their paths, the first with the layer's stride."""
    for chain in two_factor_chains(conv.in_channels, conv.out_channels, conv.kernel_size):
        first, *rest = chain.factors
        assert isinstance(first, GroupConv)
        yield Chain([replace(first, stride=conv.stride), *rest], name=chain.name)


def _projected(target: Target, family: str, setting: str, chain: Chain) -> Candidate:
    """Return the nearest product of a chain as a candidate."""
    fitted = cache(partial(_fitted, target, chain))
    best = partial(_best_order, target, chain, fitted)
    return target.candidate(family, setting, chain, fitted().relative_error, best, _order_bits(target, 2))


def _best_order(target: Target, chain: Chain, fitted: Callable[[], Substitute]) -> Substitute:
    """Return the weights of a chain in the better of the given order of channels and of one that is looked for."""
    found = [fitted(), *([_fitted(target, chain, reorder=True)] if target.reorder else [])]
    return min(found, key=lambda substitute: substitute.relative_error)


def _fitted(target: Target, chain: Chain, *, reorder: bool = False) -> Substitute:
    """Return the weights of a chain that come near the layer: the nearest product in the columns' scales, then refitted."""
    convs = chain.convolutions
    if target.metric.full and len(convs) == 2 and convs[0].groups == convs[1].groups == 1 and convs[1].is_pointwise:
        return _low_rank(target, chain)
    spread = convs[0].is_pointwise and target.conv.kernel_area > 1
    columns = target.columns(spread)
    found = project(target.rows * columns, chain, reorder=reorder)
    product = Product(found.product.chain, _unscaled(found.product, columns, target))
    if target.metric.moments is None or not (target.metric.full or spread):
        return Substitute(product, None, None, found.relative_error)
    product = _refitted(target, product) if target.metric.full else product
    return Substitute(product, None, None, target.error(product.matrix()))


def _low_rank(target: Target, chain: Chain) -> Substitute:
    """Return the product of low rank nearest in the outputs: their leading directions, and the kernel's part in these."""
    rank = chain.convolutions[0].out_channels
    vectors = np.linalg.eigh(target.metric.times(target.rows) @ target.rows.T)[1][:, ::-1][:, :rank]
    first = vectors.T @ target.rows
    product = Product(chain, [first.reshape(rank, -1, *target.conv.window), vectors / target.scales[:, None]])
    return Substitute(product, None, None, target.error(product.matrix()))


def _unscaled(product: Product, columns: Array, target: Target) -> list[Array]:
    """Return the weights of a product found for scaled rows and columns as those for the layer itself."""
    first, weights = product.chain.convolutions[0], [*scaled_outputs(product, 1 / target.scales).weights]
    scales = columns.reshape(target.conv.in_channels, *target.conv.window)[wiring(product.chain)[0]]
    scales = scales if first.window == target.conv.window else scales[:, :1, :1]
    reads = scales.reshape(first.groups, first.in_width, *first.window)
    weights[0] = weights[0] / np.repeat(reads, first.out_width, axis=0)
    return weights


def _refitted(target: Target, product: Product) -> Product:
    """Return the product with the weights of its last convolution that bring it nearest in the outputs, the others fixed."""
    chain, last = product.chain, product.chain.convolutions[-1]
    at = max(k for k, factor in enumerate(chain.factors) if isinstance(factor, GroupConv))
    before = [ChannelPermutation(np.arange(chain.in_channels)), *chain.factors[:at]]
    reads = Product(Chain(before), product.weights[:-1]).matrix()
    if last.kernel_area > 1:
        reads = np.kron(reads, np.eye(last.kernel_area))
    reads = reads.reshape(last.groups, last.in_width * last.kernel_area, -1)
    order = np.argsort(wiring(chain)[-1]).reshape(last.groups, last.out_width)
    weights = [combined(target, target.matrix[rows], read) for rows, read in zip(order, reads, strict=True)]
    return Product(chain, [*product.weights[:-1], np.concatenate(weights).reshape(product.weights[-1].shape)])
