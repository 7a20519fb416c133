"""Plans of convolutions: a product made ready for images of one shape, with its buffers and its weights in the order of use.

Pointwise factors next to each other are applied band by band, permutations as views. Each spatial factor is a list of steps over
branches or rows (`image_steps`). The first of them sees zeros around the image, which nothing in front of it computes.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import groupby
from math import prod
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from igc_theory.kernels.arrays import Array, numbers
from igc_theory.kernels.convolution import image_shape_of
from igc_theory.kernels.correlation import MOST_PIXELS, Padding, rims_of, windows
from igc_theory.kernels.image_steps import Step, image_steps, sides_behind
from igc_theory.kernels.linear_maps import forward, weighted
from igc_theory.kernels.products.operators import CheckedOperator
from igc_theory.kernels.products.plan import CALL, ROWS, blas_threads, checked_dtype, checked_out, run_steps
from igc_theory.kernels.products.planning.fusion import fused
from igc_theory.kernels.products.planning.steps import plan_steps, template
from igc_theory.kernels.products.weights import checked_weights
from igc_theory.structure.arguments.kinds import instance_of
from igc_theory.structure.arguments.sequences import array_of
from igc_theory.structure.chains import Chain, Factor
from igc_theory.structure.factors import GroupConv
from igc_theory.structure.permutations import ChannelPermutation

__all__ = ["ConvolutionPlan"]

Part = list[tuple[Factor, Sequence[Array]]]


class ConvolutionPlan:
    """A product made ready for images of one shape: ``plan(image)`` is ``product.convolve(image, padding)``, faster.

    Made by `Product.plan_convolution`. It works in one thread. A plan owns its buffers: of two threads that call it one
    waits, and a copy has buffers of its own.

    Parameters
    ----------
    product : Product
        What is applied.
    image_shape, dtype, padding :
        As in `Product.plan_convolution`.

    Attributes
    ----------
    chain : Chain
        The factors that are applied: those of the product, neighbours fused where that pays.
    image_shape, shape : (int, int, int)
        Of an image, and of the result.
    dtype : dtype
        Type of image and result.

    Examples
    --------
    >>> import numpy as np
    >>> from igc_theory import igcv3
    >>> from igc_theory.kernels import random_product
    >>> product = random_product(igcv3(8, 8), np.random.default_rng(0))
    >>> plan = ConvolutionPlan(product, (8, 14, 14))
    >>> plan
    ConvolutionPlan((8, 14, 14) to (8, 14, 14), float64)
    >>> image, out = np.random.default_rng(1).standard_normal((8, 14, 14)), np.empty((8, 14, 14))
    >>> plan(image, out=out) is out
    True
    >>> np.allclose(out, product.convolve(image))
    True
    >>> plan(image[:, 1:])
    Traceback (most recent call last):
    ...
    ValueError: image has shape (8, 13, 14), but the plan was made for (8, 14, 14): make another plan for it
    """

    chain: Chain
    image_shape: tuple[int, int, int]
    shape: tuple[int, int, int]
    dtype: np.dtype[Any]

    def __init__(
        self,
        product: CheckedOperator,
        image_shape: Sequence[int],
        dtype: DTypeLike | None = None,
        padding: Padding = "same",
    ) -> None:
        way_out = "give a Product, or call product.plan_convolution(image_shape)"
        made_of = vars(instance_of("product", product, CheckedOperator, way_out))
        chain = instance_of("product's chain", made_of.get("chain"), Chain, way_out)
        weights = checked_weights(chain, made_of["weights"])
        beyond = "use convolve on parts of the image"
        self.image_shape = image_shape_of(image_shape, chain.in_channels, "the product", MOST_PIXELS, beyond)
        self.dtype = checked_dtype(weights[0].dtype if weights else np.dtype(np.float64), dtype)
        rims = rims_of(self.image_shape, chain.window, padding)
        self._recipe, self._turn = (product, self.image_shape, self.dtype, padding), Lock()
        sides = [side + sum(rim) for side, rim in zip(self.image_shape[1:], rims, strict=True)]
        seen = windows(template((1, *sides), self.dtype), chain.window, chain.strides)
        self.shape = chain.out_channels, *seen.shape[3:5]
        band = _rows_of_a_band(self.image_shape[2], self.dtype) * self.image_shape[2]
        self.chain, joined = fused(chain, weights, band, CALL[1])
        kernels = [kernel.astype(self.dtype) for kernel in joined]
        self._hold = blas_threads(self.chain, prod(self.image_shape[1:]))
        self._work: list[Array] = []
        self._stages = self._follow(_parts([*weighted(self.chain.factors, kernels)]), rims)

    def _follow(self, parts: list[Part], rims: list[tuple[int, int]]) -> list[tuple[list[Step], Array | None]]:
        """Return for each part of the chain its steps, and the buffer where they write; None for the result."""
        spatial = [k for k, part in enumerate(parts) if not _is_pointwise(part)]
        first = spatial[0] if spatial and isinstance(parts[spatial[0]][0][0], GroupConv) else -1
        if any(map(any, rims)) and first < 0:
            parts, first = [[], *parts], 0
        stages: list[tuple[list[Step], Array | None]] = []
        shape = self.image_shape
        for k, part in enumerate(parts):
            steps, behind = self._steps(part, shape, rims if k == first else [(0, 0), (0, 0)])
            last = k + 1 == len(parts)
            stages.append((steps, None if last else np.zeros(behind, self.dtype)))
            shape = behind
        return stages

    def _steps(self, part: Part, shape: tuple[int, int, int], rims: list[tuple[int, int]]) -> tuple[list[Step], Any]:
        """Return the steps from images of one shape, with zeros around them, to images of another, and that shape."""
        channels, height, width = shape
        sides = height + sum(rims[0]), width + sum(rims[1])
        if not part:
            (top, _), (left, _) = rims
            return [partial(_put_inside, (slice(top, top + height), slice(left, left + width)))], (channels, *sides)
        if not _is_pointwise(part):
            ((factor, own),) = part
            behind = factor.out_channels, *sides_behind(sides, factor.window, factor.strides)
            if isinstance(factor, GroupConv):
                size, strides = (height, width), factor.strides
                return image_steps(own[0], factor.groups, strides, size, rims=rims, work=self._work), behind
            return [partial(_side_by_side, Chain([factor]), own)], behind
        chain, kernels = Chain([factor for factor, _ in part]), [kernel for _, own in part for kernel in own]
        behind = chain.out_channels, height, width
        source, target = template((*shape, 1), self.dtype), template((*behind, 1), self.dtype)
        rows = _rows_of_a_band(width, self.dtype)
        bands = [slice(k, min(k + rows, height)) for k in range(0, height, rows)]
        steps = plan_steps(chain, kernels, [(source[:, band], target[:, band]) for band in bands])
        return [partial(run_steps, steps)], behind

    def __call__(self, image: ArrayLike, out: Array | None = None) -> Array:
        """Return the convolution of an image with the product.

        Parameters
        ----------
        image : array_like, shape ``image_shape``
            Read in place if it is C-contiguous and of the plan's type.
        out : ndarray, shape ``shape``, optional
            Where the result goes: C-contiguous, of the plan's type, not overlapping `image`. A new array by default.

        Raises
        ------
        TypeError
            If `image` cannot be cast to the plan's type, or `out` is not an array of that type.
        ValueError
            If `image` or `out` has another shape, or `out` another memory order, is read-only, or overlaps `image`.
        """
        source = self._operand(image)
        result = np.empty(self.shape, self.dtype) if out is None else checked_out(out, self.shape, source, "image")
        with self._turn, self._hold():  # the buffers are the plan's: a second thread waits
            for steps, buffer in self._stages:
                target = result if buffer is None else buffer
                for step in steps:
                    step(source, target)
                source = target
        return result

    def __reduce__(self) -> tuple[Any, ...]:
        return ConvolutionPlan, self._recipe  # a copy, by whatever means, has buffers of its own

    def _operand(self, image: ArrayLike) -> Array:
        """Return an image as a C-contiguous array of the plan's type, after checking its shape."""
        array = array_of("image", image)
        array = array if array.dtype == self.dtype else numbers("image", array)
        if array.shape != self.image_shape:
            raise ValueError(
                f"image has shape {array.shape}, but the plan was made for {self.image_shape}: make another plan for it"
            )
        if not np.can_cast(array.dtype, self.dtype, "same_kind"):
            raise TypeError(
                f"image has dtype {array.dtype}, the plan {self.dtype}: make a complex plan, or give image.real"
            )
        return np.ascontiguousarray(array, self.dtype)

    def __repr__(self) -> str:
        return f"ConvolutionPlan({self.image_shape} to {self.shape}, {self.dtype})"


def _parts(factors: Part) -> list[Part]:
    """Return runs of pointwise factors as they are, and other factors one by one."""
    parts: list[Part] = []
    for pointwise, run in groupby(factors, lambda pair: _is_pointwise([pair])):
        pairs = list(run)
        parts += [pairs] if pointwise else [[pair] for pair in pairs]
    return parts


def _is_pointwise(part: Part) -> bool:
    """Return whether all factors see one pixel and leave none out."""
    return all(isinstance(f, ChannelPermutation) or (f.window, f.strides) == ((1, 1), (1, 1)) for f, _ in part)


def _rows_of_a_band(width: int, dtype: np.dtype[Any]) -> int:
    """Return how many rows of an image make a panel of columns."""
    return max(1, ROWS[0] // dtype.itemsize // width)


def _put_inside(inside: tuple[slice, slice], image: Array, out: Array) -> None:
    out[:, *inside] = image


def _side_by_side(chain: Chain, weights: Sequence[Array], image: Array, out: Array) -> None:
    out[...] = forward(chain, weights, image[..., np.newaxis])[..., 0]
