"""What may stand in place of one dense layer: products of factors, low rank, structured pruning.

Every candidate is a chain on some of the layer's inputs, behind which pruned outputs are filled up, so that one kind of object
covers all families.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from igc_theory.kernels.convolution import kernel_matrix
from igc_theory.kernels.products.product import Product
from igc_theory.networks.rewriting.candidates.candidate import Candidate, Substitute
from igc_theory.networks.rewriting.candidates.products import MOST_REORDERED, products_of_chains, products_of_two
from igc_theory.networks.rewriting.candidates.pruned import pruned_layers
from igc_theory.networks.rewriting.candidates.target import (
    OutputMetric,
    Target,
    fitting_moments,
    fitting_scales,
    fitting_sizes,
    fitting_weight,
)
from igc_theory.structure.arguments.kinds import flag, instance_of
from igc_theory.structure.chains import Chain
from igc_theory.structure.factors import GroupConv

__all__ = ["candidates"]


def candidates(
    weight: ArrayLike,
    convolution: GroupConv,
    size: int | tuple[int, int] = 1,
    *,
    image: int | tuple[int, int] | None = None,
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
    image : int or (int, int), optional
        Height and width of what it reads; by default what padding "same" makes of `size`.
    moments : array_like, optional
        Second moments of what it reads, shape (C_in * S, C_in * S), or their diagonal. By default, and if all of them are zero, all
        inputs count alike.
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
    array, reorder = fitting_weight(weight, conv), flag("reorder", reorder)
    target = Target(
        conv,
        *fitting_sizes(image, size, conv),
        OutputMetric(fitting_moments(moments, conv)),
        fitting_scales(scales, conv),
        kernel_matrix(array.astype(np.float64), conv.groups),
        reorder and array.size <= MOST_REORDERED,
    )
    exact = Substitute(Product(Chain([conv]), [array]), None, None, 0.0)
    found = [target.candidate("keep", "", Chain([conv]), 0.0, lambda: exact)]
    if not conv.is_depthwise:
        found += products_of_two(target)
        found += [*products_of_chains(target, chains), *pruned_layers(target)] if conv.groups == 1 else []
    return [found[0], *(other for other in found[1:] if other.parameters < conv.parameters)]
