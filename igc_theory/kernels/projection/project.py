"""The nearest product of sparse factors to a given kernel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from html import escape

import numpy as np
from numpy.typing import ArrayLike

from igc_theory.kernels.arrays import Array, exponent_of, finite
from igc_theory.kernels.products.product import Product
from igc_theory.kernels.projection.chain_kernel import chain_kernel, window_of_one
from igc_theory.kernels.projection.channel_order import reordered, search
from igc_theory.kernels.projection.methods import ALTERNATING, Fit, method_of
from igc_theory.kernels.projection.sums.nearest import nearest_of, scaled_weights
from igc_theory.kernels.rank_one_pairs import squared_norm
from igc_theory.kernels.threads import one_blas_thread
from igc_theory.structure.arguments.kinds import flag, generator
from igc_theory.structure.arguments.numbers import positive_int
from igc_theory.structure.branches import serial, wiring
from igc_theory.structure.chains import Chain

__all__ = ["Projection", "project"]

MOST_RESTARTS = 10**6
"""Starts of a search: each takes as long as one projection."""

_ROUNDING = 1e-6
"""By how much a bound and an error that are equal may differ, in single precision."""

_TINY = 2.0**-900
"""Scales below which the weights or the product itself may be too small for a number of full precision."""


@dataclass(frozen=True, eq=False, repr=False)
class Projection:
    r"""A product near a kernel, with a certificate of how near it is to the nearest one.

    Attributes
    ----------
    product : Product
        The product found.
    relative_error : float
        :math:`‖K - W‖_F / ‖K‖_F`; 0 for a zero kernel.
    lower_bound : float or None
        No product of the chain has a smaller relative error. None if no block is found whose rank paths limit.
    method : str
        How it was found, in words.

    Examples
    --------
    >>> import numpy as np
    >>> from igc_theory import igcv2
    >>> kernel = np.random.default_rng(0).standard_normal((8, 8))
    >>> found = project(kernel, igcv2([2, 4], kernel_size=1))
    >>> found.method
    'closed form, the nearest product'
    >>> found.lower_bound == found.relative_error
    True
    """

    product: Product
    relative_error: float
    method: str
    _bound: Callable[[], float | None]

    @cached_property
    def lower_bound(self) -> float | None:
        """No product of the chain has a smaller relative error; computed when first asked for if that takes long."""
        with one_blas_thread():
            bound = self._bound()
        if bound is None or bound > self.relative_error * (1 + _ROUNDING) + _ROUNDING:
            return bound  # a fault that shall be seen
        return min(bound, self.relative_error)

    def __repr__(self) -> str:
        return f"Projection({self.sentence})"

    def __str__(self) -> str:
        return self.sentence

    def _repr_html_(self) -> str:
        return f"<p>Projection, {escape(self.sentence)}</p>{self.product._repr_html_()}"

    @property
    def sentence(self) -> str:
        """Error, method and bound in words."""
        found = f"relative error {self.relative_error:.4g}, {self.method}"
        if self.lower_bound is None:
            return f"{found}; no bound: no block is found whose rank paths limit"
        if self.relative_error <= self.lower_bound:
            return found
        if self.lower_bound == 0:
            return (
                f"{found}; all blocks that paths limit in rank have that rank, so nothing is known to be out of reach"
            )
        ratio = self.relative_error / self.lower_bound
        return f"{found}; no product is below {self.lower_bound:.4g} (error/bound = {ratio:.3f})"


@one_blas_thread()
def project(
    kernel: ArrayLike,
    chain: Chain,
    *,
    reorder: bool = False,
    rng: np.random.Generator | None = None,
    restarts: int = 0,
    polish: bool = False,
) -> Projection:
    r"""Return the product of a chain nearest to a kernel in the Frobenius norm, or a near one with a lower bound beside its error.

    .. math:: \min_{w} ‖K - W_L P_{L-1} ⋯ P_1 W_1‖_F

    **One or two group convolutions** with any permutations, whatever their contingency table, at most one of them spatial:
    paths are rank. The block of `K` from primary branch l to secondary branch m may be any matrix of rank at most
    ``|A_l ∩ B_m|``. The window is unfolded to the side of the spatial factor. So its truncated singular value
    decomposition is the global optimum, by Eckart and Young ([Gorbunov2024], Algorithm 1, for pointwise factors).
    Low rank is the case of one branch; strict complementarity is rank one.

    **L complementary convolutions**, strictly or with super-channels: hierarchical factorization, the first factor split off
    first [Zheng2021]. A kernel that is such a product comes back exactly.

    **A depthwise spatial convolution between two pointwise ones** (IGCV3): alternating least squares on the canonical
    polyadic decomposition of each block, from a start by singular value decompositions. It ends in a local optimum. A product
    comes back exactly if its branches have at least as many inputs, and as many outputs, as there are paths between them.

    **Any other chain** (more paths than channels, branches that share unevenly, several windows, strides in front of one):
    alternating least squares from random starts. With all other factors fixed, the best one is a linear least-squares problem.
    Where its branches g serve different entries of the kernel its solution is

    .. math:: W_g = A_g^+ R B_g^+,

    with `A` what follows, `B` what precedes, and `R` the kernel without the other branches; elsewhere conjugate gradients solve it.
    Joint steps on all factors (Levenberg, Marquardt) take turns with it, and the error never rises. It ends in a local optimum.

    **Chains side by side.** A `DirectSum` is projected branch by branch. From a `Sum` shortcuts are subtracted. If one branch is
    left, or each of them has one convolution, the nearest product is found in closed form, as far as it is for that branch.
    Otherwise all weights descend together from random starts.

    1×1 depthwise convolutions are scales and may stand anywhere. The weights come with equal Frobenius norms, those of every
    branch of a sum among themselves.

    Parameters
    ----------
    kernel : array_like, shape (C_out, C_in, kh, kw), or (C_out, C_in * kh * kw)
        Finite numbers, real or complex. Entries that no path of the chain reaches count in the error. Not modified.
    chain : Chain
        With at least one convolution.
    reorder : bool, default False
        Also look for an order of the input and of the output channels that lowers the error; see Notes.
    rng : numpy.random.Generator, optional
        Draws the starts of `restarts` and `reorder`; None stands for ``numpy.random.default_rng(0)``.
    restarts : int, default 0
        Random starts besides the first: of alternating least squares, and of the search for an order.
    polish : bool, default False
        Go on by alternating least squares from a product that need not be the nearest. That takes much longer. For 512 channels
        and five factors it is 1.5 s instead of 0.04 s; the error of a random kernel falls from 0.976 to 0.966.

    Returns
    -------
    Projection
        With `product`, `relative_error` and `lower_bound`. For three factors and more the bound comes from blocks whose rank the
        channels on their paths limit. The product found is at most error/bound times as far as the nearest one. The bound takes
        longer than most products, so it is computed when first asked for, from a copy of the kernel. A kernel of more than 2**18
        entries may not be copied: ask before you change it in place, since afterwards hierarchical factorization knows the
        bound of its first split alone. The bound is None where no block is found whose rank paths limit.

    Notes
    -----
    `reorder` lets rows, columns and weights take turns: with the rest fixed, the best places of the outputs (inputs) are an
    assignment problem, and no turn raises the error. It starts from the given order, from one by spectral clustering of
    correlated channels, and from `restarts` random ones, and keeps the best. So the result is at least as good as in the given
    order. The product's chain then begins and ends with the permutations found; the bound is for these orders.

    Alternating least squares finds a hidden random product mostly, not surely. With eight restarts all of twenty came back for
    BLAST, canonical polyadic, spatially separable and most other chains. Of three group-and-shuffle factors of 16 channels, with
    four paths per pair, 17 did; of a kaleidoscope of 4 channels 18, of 8 channels 3.

    The order found is a local optimum as well. A hidden reordering of a random product of two factors comes back when branches
    are wide: with 64 and with 256 channels in each of five trials. With 16 channels it came back in two trials without restarts,
    and in four with twenty. With three factors it mostly does not: with 8 channels in two trials of five, with 64 in none. Nor do
    matrices with uncorrelated channels, such as Hadamard's, whose clusters cannot be told apart.

    Raises
    ------
    TypeError
        If the kernel is not made of numbers, or `chain` or `rng` are something else.
    ValueError
        If the shapes do not match, the kernel is not finite, or the chain has no convolution. With `reorder`, if branches are side
        by side, or several factors have a window.

    Examples
    --------
    >>> import numpy as np
    >>> from igc_theory import igcv1
    >>> kernel = np.random.default_rng(0).standard_normal((8, 8, 3, 3))
    >>> project(kernel, igcv1(L=4, M=2))
    Projection(relative error 0.7276, closed form, the nearest product)

    The Hadamard matrix is a product of butterflies:

    >>> from igc_theory import igcv2
    >>> from scipy.linalg import hadamard
    >>> projection = project(hadamard(16), igcv2([2, 2, 2, 2], kernel_size=1))
    >>> projection.relative_error < 1e-13
    True

    Two windows of 3×3 after one another see 5×5, here through one channel:

    >>> from igc_theory import regular
    >>> kernel = np.random.default_rng(0).standard_normal((4, 4, 5, 5))
    >>> found = project(kernel, regular(4, 1) + regular(1, 4))
    >>> found.method, 0.1 < found.lower_bound < found.relative_error
    ('alternating least squares', True)
    """
    array, rng = chain_kernel(kernel, chain), generator("rng", rng, optional=True)
    reorder, polish = flag("reorder", reorder), flag("polish", polish)
    restarts = positive_int("restarts", restarts, minimum=0, maximum=MOST_RESTARTS)
    with np.errstate(over="ignore"):
        scale = _scale(array.reshape(np.shape(kernel)), energy := _energy(array))
    if scale != 1:
        energy = _energy(array := _divided(array, scale))
    if reorder:
        _check_one_window(chain)
        wires = wiring(serial(chain, "leave reorder=False, which projects onto any chain"))
        found, rows, columns = search(
            array, chain, wires, method_of(chain, wires, rng, 0, polish=polish), rng, restarts
        )
        chain = reordered(chain, rows, columns)
    else:
        found = nearest_of(chain, rng, restarts, polish=polish)(array)
    return _projection(chain, found, array, scale, float(np.sqrt(energy)))


def _check_one_window(chain: Chain) -> None:
    """Refuse chains of which no factor sees the whole window: the search for an order unfolds it to one side."""
    windows = sum(conv.kernel_area > 1 for conv in chain.convolutions)
    if not window_of_one(chain):
        fault = f"{windows} factors of chain have one" if windows > 1 else "a stride in front of it spreads it"
        raise ValueError(f"reorder=True needs a chain with one window, but {fault}: leave reorder=False")


def _projection(chain: Chain, found: Fit, array: Array, scale: float, norm: float) -> Projection:
    """Return the projection of a kernel that was divided by `scale` and then was `array`, of norm `norm`."""
    if norm == 0 == found.error:
        return Projection(Product(chain, found.weights), 0.0, found.method, lambda: 0.0)
    weights = found.weights if scale == 1 else scaled_weights(chain, found.weights, scale)
    if norm == 0 or weights is None:
        raise ValueError(
            f"kernel has a norm of {norm * scale:.3g}, which the shortcut in chain={chain.name or 'Chain'!r} cannot be "
            "compared with: give a kernel of ordinary size, or a chain without the shortcut"
        )
    product, error = Product(chain, weights), found.error
    single = array.real.dtype.itemsize < 8
    if scale < _TINY or ALTERNATING in found.method or (single and not chain.is_serial):  # then rounding may matter
        error = _energy(array - _unscaled(chain, weights, scale).reshape(array.shape))

    def bound() -> float | None:
        squared = found.bound()
        return None if squared is None else float(np.sqrt(squared)) / norm

    return Projection(product, float(np.sqrt(error)) / norm, found.method, bound)


def _unscaled(chain: Chain, weights: list[Array], scale: float) -> Array:
    """Return the kernel of a product over `scale`, in double precision."""
    precise = [weight.astype(np.result_type(weight, np.float64)) for weight in weights]
    if scale < 1:
        return _divided(Product(chain, precise).kernel(), scale)
    # The kernel may exceed the largest number; a sum that cannot be scaled has a scale of one here.
    return Product(chain, scaled_weights(chain, precise, 1 / scale) or precise).kernel()


def _divided(array: Array, scale: float) -> Array:
    """Return the array divided by a power of two, part by part: NumPy's complex division takes the inverse, which may overflow."""
    parts = np.ascontiguousarray(array).view(array.real.dtype)
    divided: Array = (parts / parts.dtype.type(scale)).view(array.dtype)
    return divided


def _scale(array: Array, energy: float) -> float:
    """Return the power of two to divide by so that squares neither overflow nor vanish; 1 for kernels of ordinary size."""
    if 1e-12 * array.size < energy < 1e12:  # then the largest entry is of ordinary size, and all are finite
        return 1.0
    return float(2.0 ** exponent_of(finite("kernel", array)))


def _energy(array: Array) -> float:
    """Return the sum of squares, in double precision."""
    rows = max(1, 2**18 // array[0].size)
    double = np.result_type(array, np.float64)
    chunks = (array[start : start + rows].astype(double, copy=False) for start in range(0, len(array), rows))
    return sum(squared_norm(chunk) for chunk in chunks)
