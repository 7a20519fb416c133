r"""What may stand in place of one dense layer: products of factors, low rank, structured pruning.

Every candidate is a chain on some of the layer's inputs, behind which pruned outputs are filled up, so that one kind of object
covers all families. Paths are rank. With `g` branches in both of two factors and `p` paths per pair of branches, each of the
:math:`g^2` blocks of the kernel may be any matrix of rank `p`. One branch is low rank, one path a Monarch matrix. So the singular
values of the blocks give the errors for all `p` at once, and weights are computed only for the candidate that is chosen.

With second moments of what the layer reads, :math:`Σ = E[x x^⊤]`, the error is that of the layer's output,
:math:`‖K - W‖_Σ / ‖K‖_Σ` with :math:`‖A‖_Σ^2 = \operatorname{tr} A Σ A^⊤`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property, partial
from math import gcd

import numpy as np
from numpy.typing import ArrayLike, NDArray

from igc_theory.budget.chain_cost import multiply_adds
from igc_theory.budget.designs.best_block import best_block
from igc_theory.kernels.arrays import Array, finite, numbers
from igc_theory.kernels.compression.approximation import REAL_BITS, index_bits
from igc_theory.kernels.compression.frontier import SHARES
from igc_theory.kernels.compression.pruning import prune_channels, prune_filters
from igc_theory.kernels.convolution import kernel_matrix
from igc_theory.kernels.products.product import Product
from igc_theory.kernels.products.random_product import random_product
from igc_theory.kernels.projection.project import project
from igc_theory.kernels.projection.spectra import block_spectra
from igc_theory.structure.arguments import flag, generator, instance_of, window_of
from igc_theory.structure.blocks import with_interleaving
from igc_theory.structure.branches import wiring
from igc_theory.structure.chains import Chain
from igc_theory.structure.divisors import divisors
from igc_theory.structure.factors import GroupConv
from igc_theory.structure.families.two_factor_chains import two_factor_chains
from igc_theory.structure.permutations import ChannelPermutation

__all__ = ["Candidate", "Substitute", "architectures", "candidates"]

KEPT = (0.9, 0.8, 0.7, 0.6, *SHARES, 0.4, 0.3, 0.2, 0.15, 0.09, 0.045)
"""Shares of the weights at which every family is tried."""

PRUNED = (0.9, 0.75, *SHARES[:3])
"""Shares of the channels that pruning keeps."""

BRANCHES = (1, 2, 4, 8, 16, 32)
"""Branches of both factors of a product."""

MOST_REORDERED = 2**17
"""Entries of a kernel up to which an order of the channels is looked for, and chains of several factors are tried."""

MOST_TURNED = 2**18
"""Entries of a kernel up to which the window is tried in the second factor, too."""

MOST_ENTRIES = 2**24
"""Entries of a kernel up to which singular values of the whole are computed."""

_RIDGE = 1e-10
"""Share of their mean that is added to the diagonal of second moments: what is read may be linearly dependent."""

_FLOOR = 1e-3
"""Least scale of a row or column as a share of the largest: what is not seen at all has any weights."""

Indices = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Substitute:
    """What computes a layer's outputs: some of its inputs, a product, and copies of what that writes.

    Attributes
    ----------
    product : Product
    inputs : ndarray of int or None
        Channels that the product reads; None for all, in order.
    outputs : ndarray of int or None
        Channel of the product that each output is; None for all, in order.
    relative_error : float
        As in `Candidate`, of these weights.
    """

    product: Product
    inputs: Indices | None
    outputs: Indices | None
    relative_error: float

    def kernel(self, in_channels: int) -> Array:
        """Return the one dense kernel that it equals, shape (C_out, C_in, kh, kw)."""
        kernel = self.product.kernel()
        kernel = kernel if self.outputs is None else kernel[self.outputs]
        if self.inputs is None:
            return kernel
        dense = np.zeros((len(kernel), in_channels, *kernel.shape[2:]), kernel.dtype)
        dense[:, self.inputs] = kernel
        return dense


@dataclass(frozen=True, eq=False)
class Candidate:
    """One way to compute a layer, what it costs, and how far it is from the layer.

    Attributes
    ----------
    family : str
        ``"keep"``, ``"product"``, ``"low rank"``, ``"block-diagonal"``, ``"channel pruning"`` or ``"filter pruning"``.
    setting : str
        Which one of its kind, such as ``"rank 10"``.
    chain : Chain
        Its convolutions and permutations.
    parameters : int
    storage_bits : int
        Weights at 32 bits, and indices of channels selected or put in order.
    multiply_adds : int
        For one image.
    relative_error : float
        :math:`‖K - W‖ / ‖K‖`, weighted by what the layer reads and by what follows it, where that is known.
    substitute : Substitute
        The weights, computed when first asked for; their error is this one, or smaller where an order of the channels is found.
    """

    family: str
    setting: str
    chain: Chain
    storage_bits: int
    multiply_adds: int
    relative_error: float
    _fitted: Callable[[], Substitute] = field(repr=False)

    @property
    def name(self) -> str:
        """Family and setting."""
        return f"{self.family}, {self.setting}" if self.setting else self.family

    @property
    def parameters(self) -> int:
        """Weights."""
        return self.chain.parameters

    @property
    def timed_chain(self) -> Chain:
        """The chain with the selection of channels as a shuffle of as many: both take as long."""
        if not self.family.endswith("pruning"):
            return self.chain
        inputs = self.family == "channel pruning"
        channels = self.chain.in_channels if inputs else self.chain.out_channels
        shuffle = ChannelPermutation(np.roll(np.arange(channels), 1))
        return Chain([shuffle, self.chain] if inputs else [self.chain, shuffle])

    @cached_property
    def substitute(self) -> Substitute:
        """The weights, computed when first asked for."""
        return self._fitted()


def candidates(
    weight: ArrayLike,
    convolution: GroupConv,
    size: int | tuple[int, int] = 1,
    *,
    moments: ArrayLike | None = None,
    scales: ArrayLike | None = None,
    reorder: bool = True,
    chains: Sequence[Chain] = (),
) -> list[Candidate]:
    """Return what may stand in place of a convolution or a linear layer, the layer itself first.

    Parameters
    ----------
    weight : array_like, shape (C_out, C_in / groups, kh, kw)
        Its kernel; finite real numbers. Dilation changes nothing here.
    convolution : GroupConv
        Its channels, groups, window and stride.
    size : int or (int, int), default 1
        Height and width of its output, for the multiply–adds.
    moments : array_like, optional
        Second moments of what it reads, shape (C_in * S, C_in * S), or their diagonal. By default all inputs count alike.
    scales : array_like, shape (C_out,), optional
        By which each output is multiplied behind the layer, as a batch normalisation does.
    reorder : bool, default True
        Whether products look for an order of the channels, which is stored and takes two more permutations; in kernels of at
        most 131,072 entries.
    chains : sequence of Chain, optional
        Further chains from its inputs to its outputs that `project` can project onto.

    Returns
    -------
    list of Candidate
        In no order but that the layer comes first. A depthwise layer has no other.

    Raises
    ------
    TypeError, ValueError
        If the weights do not fit the convolution, or are not finite real numbers.

    Examples
    --------
    >>> import numpy as np
    >>> found = candidates(np.random.default_rng(0).standard_normal((16, 16, 3, 3)), GroupConv(16, 16, kernel_size=3))
    >>> found[0].name, found[0].parameters, found[0].relative_error
    ('keep', 2304, 0.0)
    >>> half = min((c for c in found if c.parameters <= 1152), key=lambda c: c.relative_error)
    >>> half.name, half.parameters, round(half.relative_error, 2)
    ('low rank, rank 7', 1120, 0.65)
    >>> dense = half.substitute.kernel(16)
    >>> dense.shape
    (16, 16, 3, 3)
    """
    conv = instance_of("convolution", convolution, GroupConv, "give a GroupConv")
    array, reorder = _checked(weight, conv), flag("reorder", reorder)
    target = _Target(
        conv,
        window_of("size", size),
        _Metric(_moments(moments, conv)),
        _scales(scales, conv),
        kernel_matrix(array.astype(np.float64), conv.groups),
        reorder and array.size <= MOST_REORDERED,
    )
    exact = Substitute(Product(Chain([conv]), [array]), None, None, 0.0)
    found = [target.candidate("keep", "", Chain([conv]), 0.0, lambda: exact)]
    if not conv.is_depthwise:
        found += _products(target)
        found += [*_wired(target, chains), *_pruned(target)] if conv.groups == 1 else []
    return [found[0], *(other for other in found[1:] if other.parameters < conv.parameters)]


def architectures(
    convolution: GroupConv, size: int | tuple[int, int] = 1, *, rng: np.random.Generator | None = None
) -> list[Candidate]:
    """Return the products of factors that have the inputs and outputs of a layer, with fresh weights; the layer itself first.

    No channels between two factors are fewer than those of the layer's narrower side. Without weights there is no error:
    `relative_error` is the share of the weights that is gone. So a choice of the least sum of squares shrinks all layers alike.

    Parameters
    ----------
    convolution : GroupConv
        The layer's channels, groups, window and stride.
    size : int or (int, int), default 1
        Height and width of its output.
    rng : numpy.random.Generator, optional
        Draws the weights, `random_product`; None stands for ``numpy.random.default_rng(0)``.

    Returns
    -------
    list of Candidate

    Examples
    --------
    >>> found = architectures(GroupConv(64, 64, kernel_size=3))
    >>> min((candidate.parameters, candidate.name) for candidate in found)
    (1344, 'product, 1 × 4 × 4 × 4 wide')
    """
    conv, rng = (
        instance_of("convolution", convolution, GroupConv, "give a GroupConv"),
        generator("rng", rng, optional=True),
    )
    shell = _Target(conv, window_of("size", size), _Metric(None), np.ones(1), np.zeros((1, 1)), False)
    found, narrower = {Chain([conv]): ("keep", "")}, min(conv.in_channels, conv.out_channels)
    for branches, last in _pairs(conv):
        least = _two_factors(conv, branches, 1, last)
        for count in _paths(conv, least.parameters, conv.parameters) if branches > 1 else []:
            if branches**2 * count >= narrower:
                found.setdefault(_two_factors(conv, branches, count, last), _named(branches, count, conv.groups, last))
    for chain in _named_chains(conv):
        found.setdefault(chain, ("product", f"{' × '.join(str(one.in_width) for one in chain.convolutions)} wide"))
    return [
        shell.candidate(*names, chain, 1 - chain.parameters / conv.parameters, cache(partial(_drawn, chain, rng)))
        for chain, names in found.items()
        if names[0] == "keep" or chain.parameters < conv.parameters
    ]


def _drawn(chain: Chain, rng: np.random.Generator) -> Substitute:
    return Substitute(random_product(chain, rng), None, None, 0.0)


def _named_chains(conv: GroupConv) -> Iterator[Chain]:
    """Yield the cheapest two factors by their paths, and the chains with the fewest weights of all."""
    if conv.groups > 1 or conv.is_depthwise:
        return
    yield from _cheapest_pairs(conv)
    own = max(conv.in_channels, conv.out_channels)
    for paths in ("strict", "dense"):
        sides = conv.in_channels, conv.out_channels, conv.kernel_size, conv.stride
        chain = best_block(*sides, paths=paths, multiple_of=own).chain
        if len(chain.convolutions) > 2:
            yield chain


def _cheapest_pairs(conv: GroupConv) -> Iterator[Chain]:
    """Yield the cheapest two factors by their paths, the first with the layer's stride."""
    for chain in two_factor_chains(conv.in_channels, conv.out_channels, conv.kernel_size):
        first, *rest = chain.factors
        assert isinstance(first, GroupConv)
        yield Chain([replace(first, stride=conv.stride), *rest], name=chain.name)


def _checked(weight: ArrayLike, conv: GroupConv) -> Array:
    """Return a kernel of finite real numbers that fits the convolution."""
    array, shape = finite("weight", numbers("weight", weight)), (conv.out_channels, conv.in_width, *conv.window)
    if array.dtype.kind == "c":
        raise TypeError(
            f"weight has dtype {array.dtype}: layers are replaced by real factors only, so give real weights"
        )
    if array.shape != shape:
        raise ValueError(f"weight has shape {array.shape}, but {conv!r} needs {shape}: give one of these")
    return array


def _moments(moments: ArrayLike | None, conv: GroupConv) -> Array | None:
    """Return second moments in double precision, after checking their shape."""
    if moments is None:
        return None
    array, n = finite("moments", numbers("moments", moments)).astype(np.float64), conv.in_channels * conv.kernel_area
    if array.shape not in ((n, n), (n,)):
        raise ValueError(f"moments has shape {array.shape}, but {conv!r} reads {n} numbers: give ({n}, {n}) or ({n},)")
    return array


def _scales(scales: ArrayLike | None, conv: GroupConv) -> Array:
    """Return the size of the scale of every output, none of them nothing."""
    if scales is None:
        return np.ones(conv.out_channels)
    array = np.abs(finite("scales", numbers("scales", scales)).astype(np.float64))
    if array.shape != (conv.out_channels,):
        raise ValueError(f"scales has shape {array.shape}, but {conv!r} has {conv.out_channels} outputs: give one each")
    return _floored(array)


def _floored(sizes: Array) -> Array:
    """Return sizes of which none is much less than the largest; ones if all are zero."""
    largest = float(sizes.max())
    floored: Array = np.maximum(sizes, _FLOOR * largest) if largest > 0 else np.ones_like(sizes)
    return floored


@dataclass(frozen=True, eq=False)
class _Metric:
    """How errors count: by the second moments of what is read, a matrix or its diagonal, or all alike."""

    moments: Array | None

    @property
    def full(self) -> bool:
        """Whether moments of pairs are known."""
        return self.moments is not None and self.moments.ndim == 2

    def times(self, rows: Array) -> Array:
        """Return rows times the moments."""
        if self.moments is None:
            return rows
        product: Array = rows @ self.moments if self.full else rows * self.moments
        return product

    def energy(self, rows: Array) -> float:
        """Return the squared norm of rows; rounding may not make it negative."""
        return max(float(np.vdot(self.times(rows), rows)), 0.0)

    def columns(self, count: int) -> Array:
        """Return the root mean square of each of the numbers that are read."""
        if self.moments is None:
            return np.ones(count)
        return _floored(np.sqrt(np.maximum(np.diagonal(self.moments) if self.full else self.moments, 0)))


@dataclass(frozen=True, eq=False)
class _Target:
    """A layer to be replaced: its matrix (C_out, C_in * S), and how errors count."""

    conv: GroupConv
    size: tuple[int, int]
    metric: _Metric
    scales: Array
    matrix: Array
    reorder: bool

    @cached_property
    def rows(self) -> Array:
        """The matrix as what follows sees it."""
        return self.matrix * self.scales[:, None]

    @cached_property
    def energy(self) -> float:
        """Its squared norm."""
        return self.metric.energy(self.rows)

    def error(self, matrix: Array) -> float:
        """Return the relative error of a matrix in its place."""
        return self.relative(self.metric.energy((self.matrix - matrix) * self.scales[:, None]))

    def relative(self, energy: float) -> float:
        """Return the relative error for a squared distance."""
        return float(np.sqrt(energy / self.energy)) if self.energy > 0 else 0.0

    def columns(self, spread: bool) -> Array:
        """Return the scale of each column, the same for a whole window if the chain's first factor has none."""
        columns = self.metric.columns(self.matrix.shape[1])
        if spread:
            windows = columns.reshape(-1, self.conv.kernel_area)
            columns = np.repeat(np.sqrt((windows**2).mean(axis=1)), self.conv.kernel_area)
        return columns

    def candidate(
        self,
        family: str,
        setting: str,
        chain: Chain,
        error: float,
        fitted: Callable[[], Substitute],
        index_bits: int = 0,
    ) -> Candidate:
        """Return a candidate with its costs: a factor in front of the stride works on that many more positions."""
        sides = [side * step for side, step in zip(self.size, self.conv.strides, strict=True)]
        bits = REAL_BITS * chain.parameters + index_bits
        return Candidate(family, setting, chain, bits, multiply_adds(chain, *sides), error, fitted)


def _products(target: _Target) -> Iterator[Candidate]:
    """Yield products of two factors with equally many branches, one branch being low rank, in either order of the window."""
    for branches, last in _pairs(target.conv):
        if target.matrix.size <= MOST_TURNED or not last:
            yield from _by_paths(target, branches, last)


def _pairs(conv: GroupConv) -> list[tuple[int, bool]]:
    """Return the numbers of branches that both factors may have, and whether the last one has the window."""
    common = gcd(conv.in_width, conv.out_width) if conv.groups == 1 else 1
    places = (False, True) if conv.kernel_area > 1 else (False,)
    return [(branches, last) for branches in BRANCHES if common % branches == 0 for last in places]


def _paths(conv: GroupConv, least: int, most: int, shares: tuple[float, ...] = KEPT) -> list[int]:
    """Return the paths per pair of branches at which a product is tried that takes `least` weights for one."""
    return sorted({min(most, max(1, int(share * conv.parameters / least))) for share in shares})


def _by_paths(target: _Target, branches: int, last: bool) -> Iterator[Candidate]:
    """Yield products of so many branches in both factors, by their paths; the `last` factor has the window, or the first."""
    conv, least = target.conv, _two_factors(target.conv, branches, 1, last)
    if target.matrix.size // branches**2 > MOST_ENTRIES or least.parameters >= conv.parameters:
        return
    metric, groups = target.metric, conv.groups * branches
    exact = metric.moments is None or (not last and (not metric.full or branches == 1 == conv.groups))
    energies = _energies(target, least, last) if exact else np.zeros(0)
    sides = conv.out_channels // groups, conv.in_channels // groups
    most = min(conv.parameters // least.parameters, max(sides), min(sides) * conv.kernel_area)
    for count in _paths(conv, least.parameters, most, KEPT if exact else SHARES):
        chain, error = _two_factors(conv, branches, count, last), target.relative(float(energies[count:].sum()))
        fitted = cache(partial(_fitted, target, chain))
        best = partial(_best_order, target, chain, fitted) if branches > 1 else fitted
        names, bits = _named(branches, count, conv.groups, last), _order_bits(target, branches)
        yield target.candidate(*names, chain, error if exact else fitted().relative_error, best, bits)


def _energies(target: _Target, least: Chain, last: bool) -> Array:
    """Return the energy of the singular values of all blocks by their index: beyond `p` it is lost by `p` paths."""
    if target.metric.full and least.convolutions[-1].groups == 1 and not last:
        moments = target.metric.times(target.rows) @ target.rows.T
        return np.maximum(np.linalg.eigvalsh(moments)[::-1], 0)
    spectra = block_spectra(target.rows * target.columns(last), least)
    energies: Array = np.bincount(spectra["index"], spectra["value"] ** 2)
    return energies


def _two_factors(conv: GroupConv, branches: int, paths: int, last: bool) -> Chain:
    """Return two factors in place of a convolution, each with so many branches per group of it, and paths per pair of branches."""
    groups = conv.groups * branches
    middle = groups * branches * paths
    window = {"kernel_size": conv.kernel_size, "stride": conv.stride}
    if last:
        factors = [GroupConv(conv.in_channels, middle, groups), GroupConv(middle, conv.out_channels, groups, **window)]
    else:
        factors = [GroupConv(conv.in_channels, middle, groups, **window), GroupConv(middle, conv.out_channels, groups)]
    return Chain(with_interleaving(factors) if branches > 1 else factors)


def _named(branches: int, paths: int, groups: int, last: bool) -> tuple[str, str]:
    """Return family and setting of a product of two factors."""
    behind = ", window in the second factor" if last else ""
    if branches == 1:
        return "low rank", f"rank {paths}{' per group' if groups > 1 else ''}{behind}"
    return "product", f"{branches} × {branches} branches, {paths} path{'s' * (paths > 1)}{behind}"


def _order_bits(target: _Target, branches: int) -> int:
    """Return the bits of the channel orders that a product with branches stores."""
    ends = (target.conv.in_channels, target.conv.out_channels)
    return sum(channels * index_bits(channels) for channels in ends) if branches > 1 and target.reorder else 0


def _wired(target: _Target, chains: Sequence[Chain]) -> Iterator[Candidate]:
    """Yield products of single group convolutions, of the cheapest two, and of further chains."""
    conv = target.conv
    into, out, window, stride = conv.in_channels, conv.out_channels, conv.kernel_size, conv.stride
    for branches in divisors(gcd(into, out), most=BRANCHES[-1])[1:]:
        chain = Chain([GroupConv(into, out, branches, window, stride)])
        yield _projected(target, "block-diagonal", f"{branches} branches", chain)
    small = _cheapest_pairs(conv) if target.matrix.size <= MOST_REORDERED else ()
    for chain in [*small, *chains]:
        yield _projected(
            target, "product", chain.name or " × ".join(str(c.in_width) for c in chain.convolutions), chain
        )


def _projected(target: _Target, family: str, setting: str, chain: Chain) -> Candidate:
    """Return the nearest product of a chain as a candidate."""
    fitted = cache(partial(_fitted, target, chain))
    best = partial(_best_order, target, chain, fitted)
    return target.candidate(family, setting, chain, fitted().relative_error, best, _order_bits(target, 2))


def _best_order(target: _Target, chain: Chain, fitted: Callable[[], Substitute]) -> Substitute:
    """Return the weights of a chain in the better of the given order of channels and of one that is looked for."""
    found = [fitted(), *([_fitted(target, chain, reorder=True)] if target.reorder else [])]
    return min(found, key=lambda substitute: substitute.relative_error)


def _fitted(target: _Target, chain: Chain, *, reorder: bool = False) -> Substitute:
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


def _low_rank(target: _Target, chain: Chain) -> Substitute:
    """Return the product of low rank nearest in the outputs: their leading directions, and the kernel's part in these."""
    rank = chain.convolutions[0].out_channels
    vectors = np.linalg.eigh(target.metric.times(target.rows) @ target.rows.T)[1][:, ::-1][:, :rank]
    first = vectors.T @ target.rows
    product = Product(chain, [first.reshape(rank, -1, *target.conv.window), vectors / target.scales[:, None]])
    return Substitute(product, None, None, target.error(product.matrix()))


def _unscaled(product: Product, columns: Array, target: _Target) -> list[Array]:
    """Return the weights of a product found for scaled rows and columns as those for the layer itself."""
    first, last, wires = product.chain.convolutions[0], product.chain.convolutions[-1], wiring(product.chain)
    weights = [np.array(weight) for weight in product.weights]
    scales = columns.reshape(target.conv.in_channels, *target.conv.window)[wires[0]]
    scales = scales if first.window == target.conv.window else scales[:, :1, :1]
    reads = scales.reshape(first.groups, first.in_width, *first.window)
    weights[0] /= np.repeat(reads, first.out_width, axis=0)
    written = np.empty(last.out_channels)
    written[wires[-1]] = target.scales
    weights[-1] /= written[:, None, None, None]
    return weights


def _refitted(target: _Target, product: Product) -> Product:
    """Return the product with the weights of its last convolution that bring it nearest in the outputs, the others fixed."""
    chain, last = product.chain, product.chain.convolutions[-1]
    at = max(k for k, factor in enumerate(chain.factors) if isinstance(factor, GroupConv))
    before = [ChannelPermutation(np.arange(chain.in_channels)), *chain.factors[:at]]
    reads = Product(Chain(before), product.weights[:-1]).matrix()
    if last.kernel_area > 1:
        reads = np.kron(reads, np.eye(last.kernel_area))
    reads = reads.reshape(last.groups, last.in_width * last.kernel_area, -1)
    order = np.argsort(wiring(chain)[-1]).reshape(last.groups, last.out_width)
    weights = [_least_squares(target, target.matrix[rows], read) for rows, read in zip(order, reads, strict=True)]
    return Product(chain, [*product.weights[:-1], np.concatenate(weights).reshape(product.weights[-1].shape)])


def _least_squares(target: _Target, rows: Array, reads: Array) -> Array:
    """Return the combinations of what is read that come nearest to rows of the layer in the outputs."""
    weighted = target.metric.times(reads)
    gram = weighted @ reads.T
    ridge = max(_RIDGE * float(np.trace(gram)) / len(gram), float(np.finfo(float).tiny))
    solved: Array = np.linalg.solve(gram + ridge * np.eye(len(gram)), weighted @ rows.T).T
    return solved


def _pruned(target: _Target) -> Iterator[Candidate]:
    """Yield the layer with fewer inputs, and with fewer outputs."""
    conv = target.conv
    scaled = target.rows * target.columns(spread=False)
    for share in PRUNED:
        for keep in _kept(share, conv.in_channels):
            mask = prune_channels(scaled, keep, kernel_size=conv.kernel_size).matrix != 0
            yield _fewer_inputs(
                target, np.flatnonzero(mask.reshape(conv.out_channels, conv.in_channels, -1).any((0, 2)))
            )
        for keep in _kept(share, conv.out_channels):
            yield _fewer_outputs(target, np.flatnonzero((prune_filters(scaled, keep).matrix != 0).any(axis=1)))


def _kept(share: float, channels: int) -> list[int]:
    """Return the number of channels that a share is, if it is some and not all."""
    keep = int(share * channels)
    return [keep] if 0 < keep < channels - 1 else []


def _fewer_inputs(target: _Target, inputs: Indices) -> Candidate:
    """Return the layer on some of its inputs, its weights refitted where the moments say how."""
    conv = target.conv
    inputs = inputs if inputs.size else np.arange(1)
    chain = Chain([GroupConv(inputs.size, conv.out_channels, 1, conv.kernel_size, conv.stride)])
    columns = (inputs[:, None] * conv.kernel_area + np.arange(conv.kernel_area)).ravel()
    weights = target.matrix[:, columns]
    if target.metric.full:
        reads = np.zeros((columns.size, target.matrix.shape[1]))
        reads[np.arange(columns.size), columns] = 1
        weights = _least_squares(target, target.matrix, reads)
    dense = np.zeros_like(target.matrix)
    dense[:, columns] = weights
    error = target.error(dense)
    kernel = weights.reshape(conv.out_channels, inputs.size, *conv.window)
    made = partial(_substitute, chain, kernel, error, inputs=inputs)
    bits = min(conv.in_channels, inputs.size * index_bits(conv.in_channels))
    return target.candidate("channel pruning", f"{inputs.size} of {conv.in_channels} inputs", chain, error, made, bits)


def _fewer_outputs(target: _Target, outputs: Indices) -> Candidate:
    """Return the layer with some of its outputs, and one of zeros that stands for all others."""
    conv, kept = target.conv, outputs.size
    chain = Chain([GroupConv(conv.in_channels, kept + 1, 1, conv.kernel_size, conv.stride)])
    dense = np.zeros_like(target.matrix)
    dense[outputs] = target.matrix[outputs]
    places = np.full(conv.out_channels, kept)
    places[outputs] = np.arange(kept)
    kernel = np.concatenate([target.matrix[outputs], np.zeros((1, dense.shape[1]))])
    kernel = kernel.reshape(kept + 1, conv.in_channels, *conv.window)
    error = target.error(dense)
    made = partial(_substitute, chain, kernel, error, outputs=places)
    bits = conv.out_channels * index_bits(kept + 1)
    return target.candidate("filter pruning", f"{kept} of {conv.out_channels} outputs", chain, error, made, bits)


def _substitute(
    chain: Chain, kernel: Array, error: float, inputs: Indices | None = None, outputs: Indices | None = None
) -> Substitute:
    return Substitute(Product(chain, [kernel]), inputs, outputs, error)
