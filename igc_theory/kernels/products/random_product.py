"""Products drawn at random, to start training from or to experiment with."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from igc_theory.kernels.arrays import float_type
from igc_theory.kernels.products.product import Product
from igc_theory.structure.arguments.kinds import generator
from igc_theory.structure.branches import checked
from igc_theory.structure.chains import Chain

__all__ = ["random_product"]


def random_product(chain: Chain, rng: np.random.Generator, dtype: DTypeLike = np.float64) -> Product:
    r"""Return a product with normally distributed weights that keeps the variance of its input.

    .. math:: \operatorname{var} w = 1 / n, \qquad n = a S_l

    for a factor with `a` input channels per branch and a window of area `S_l`. Every output is a sum of `n` terms: if the
    entries of the input are uncorrelated with variance one, the output of every factor has variance one. It is the rule of
    He et al. [He2015] without the factor 2 for a ReLU. In a `Sum` the variances of the branches add up.

    Parameters
    ----------
    chain : Chain
        The structure.
    rng : numpy.random.Generator
        Source of randomness.
    dtype : data-type, default float64
        float32, float64, complex64 or complex128; the variance of a complex weight is shared by its two parts.

    Returns
    -------
    Product

    Raises
    ------
    TypeError
        If `chain` is not a chain, `rng` not a generator, or `dtype` not a type to compute in.

    Examples
    --------
    >>> import numpy as np
    >>> from igc_theory import igcv2
    >>> product = random_product(igcv2([8, 8, 8]), np.random.default_rng(0))
    >>> round(float(np.var(product @ np.random.default_rng(1).standard_normal((product.shape[1], 100)))), 1)
    1.0
    """
    kind, weights = float_type("dtype", dtype), []
    generator("rng", rng)
    for conv in checked(chain).convolutions:
        shape = conv.out_channels, conv.in_width, *conv.window
        draw = rng.standard_normal(shape)
        if kind.kind == "c":
            draw = (draw + 1j * rng.standard_normal(shape)) / np.sqrt(2)
        weights.append((draw / np.sqrt(conv.in_width * conv.kernel_area)).astype(kind))
    return Product(chain, weights)
