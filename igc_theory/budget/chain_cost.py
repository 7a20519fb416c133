"""What a given chain costs on an image: weights, multiply–adds, bytes, arithmetic intensity."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import prod

from igc_theory.structure.arguments.numbers import positive_int
from igc_theory.structure.arguments.sequences import window_of
from igc_theory.structure.branches import checked
from igc_theory.structure.chains import Chain, Factor, Parallel
from igc_theory.structure.factors import GroupConv
from igc_theory.structure.permutations import ChannelPermutation

__all__ = ["ImageSize", "activation_bytes", "arithmetic_intensity", "image_sizes", "multiply_adds", "weight_bytes"]

ImageSize = tuple[int, int]
"""Height and width of an image."""


def multiply_adds(chain: Chain, height: int, width: int, *, written: int | tuple[int, int] | None = None) -> int:
    """Return the multiply–adds of a chain on an image: every weight is used once per output position.

    Parameters
    ----------
    chain : Chain
        Permutations cost none, nor does adding up the branches of a `Sum`, which multiplies nothing.
    height, width : int
        Of the input image. Padding is "same": a convolution of stride `s` writes ``ceil(height / s)`` rows, and
        products with the zeros of the padding are counted, as is usual.
    written : int or (int, int), optional
        Height and width of the output image under any other padding. Only the first factor with a window or a stride changes
        the size then; of pointwise factors the first convolution, which reads the zeros around the image.

    Returns
    -------
    int
        Multiply–adds; one is a multiplication and an addition.

    Raises
    ------
    TypeError, ValueError
        If `chain` is not a Chain, or a side is not a positive integer.

    Examples
    --------
    >>> from igc_theory.structure import igcv3, regular
    >>> multiply_adds(regular(64, 64), 32, 32) == 36_864 * 32 * 32
    True
    >>> multiply_adds(igcv3(24, 32, stride=2), 56, 56)
    8241408
    >>> multiply_adds(regular(64, 64), 32, 32, written=(30, 30)) == 36_864 * 30 * 30
    True
    """
    behind = None if written is None else window_of("written", written)
    return sum(stage.weights * stage.positions for stage in _checked_stages(chain, height, width, behind))


def weight_bytes(chain: Chain, bytes_per_weight: int = 4) -> int:
    """Return the bytes that store a chain's weights, 4 each in single precision.

    Parameters
    ----------
    chain : Chain
        Any chain.
    bytes_per_weight : int, default 4
        4 in single precision.

    Returns
    -------
    int
        Bytes.

    Raises
    ------
    TypeError, ValueError
        If an argument is not a positive integer.

    Examples
    --------
    >>> from igc_theory.structure import regular
    >>> weight_bytes(regular(64, 64)), weight_bytes(regular(64, 64), bytes_per_weight=1)
    (147456, 36864)
    """
    return checked(chain).parameters * positive_int("bytes_per_weight", bytes_per_weight)


def activation_bytes(chain: Chain, height: int, width: int, bytes_per_activation: int = 4) -> int:
    """Return the bytes that store the input and what every convolution and every addition writes, all kept, as in training.

    Permutations are views and need none. Sizes as in `multiply_adds`.

    Parameters
    ----------
    chain : Chain
        Any chain.
    height, width : int
        Size of the input image, in positions.
    bytes_per_activation : int, default 4
        4 in single precision.

    Returns
    -------
    int
        Bytes.

    Raises
    ------
    TypeError, ValueError
        If an argument is not a positive integer.

    Examples
    --------
    >>> from igc_theory.structure import igcv1
    >>> activation_bytes(igcv1(24, 2), 32, 32) == 3 * 48 * 32 * 32 * 4
    True
    """
    size = positive_int("bytes_per_activation", bytes_per_activation)
    written = sum(stage.written for stage in _checked_stages(chain, height, width))
    return size * (chain.in_channels * int(height) * int(width) + written)


def arithmetic_intensity(chain: Chain, height: int, width: int, bytes_per_number: int = 4) -> float:
    """Return the multiply–adds done for each byte moved, when convolutions are computed one after the other.

    Every convolution reads its weights and its input once and writes its output once; every addition in a `Sum` reads two operands
    and writes one. This is the horizontal axis of
    the roofline model [Williams2009]: many small branches do little arithmetic for the data they move, so fewer multiply–adds
    need not mean less time.

    Parameters
    ----------
    chain : Chain
        Any chain.
    height, width : int
        Size of the input image, in positions.
    bytes_per_number : int, default 4
        Of a weight and of an activation; 4 in single precision.

    Returns
    -------
    float
        Multiply–adds per byte.

    Raises
    ------
    TypeError, ValueError
        If an argument is not a positive integer.

    Examples
    --------
    >>> from igc_theory.structure import depthwise_separable, regular
    >>> [round(arithmetic_intensity(block(64, 64), 32, 32), 1) for block in (regular, depthwise_separable)]
    [56.2, 4.5]
    """
    size = positive_int("bytes_per_number", bytes_per_number)
    moved = sum(stage.weights + stage.read + stage.written for stage in _checked_stages(chain, height, width))
    return multiply_adds(chain, height, width) / (size * moved) if moved else 0.0


def image_sizes(factors: Iterable[Factor], read: ImageSize, written: ImageSize | None = None) -> list[ImageSize]:
    """Return height and width of the image in front of every factor, and behind the last.

    Parameters
    ----------
    factors : iterable of factors
        In order of application.
    read, written : (int, int)
        As for `multiply_adds`: the image read, and the one written if padding is not "same".

    Examples
    --------
    >>> factors = [GroupConv(4, 2), GroupConv(2, 4, kernel_size=3, stride=2)]
    >>> image_sizes(factors, (8, 7)), image_sizes(factors, (8, 7), written=(3, 3))
    ([(8, 7), (8, 7), (4, 4)], [(8, 7), (8, 7), (3, 3)])
    """
    sizes, factors = [read], list(factors)
    if written is not None:
        first = next(
            (k for by in (_resizes, _multiplies) for k, factor in enumerate(factors) if by(factor)), len(factors)
        )
        return [read] * (first + 1) + [written] * (len(factors) - first)
    for factor in factors:
        height, width = (-(-side // step) for side, step in zip(sizes[-1], factor.strides, strict=True))
        sizes.append((height, width))
    return sizes


def _resizes(factor: Factor) -> bool:
    return factor.window != (1, 1) or factor.strides != (1, 1)


def _multiplies(factor: Factor) -> bool:
    return not isinstance(factor, ChannelPermutation)


def _checked_stages(chain: Chain, height: int, width: int, written: ImageSize | None = None) -> list[_Stage]:
    return [*_stages(checked(chain), (positive_int("height", height), positive_int("width", width)), written)]


@dataclass(frozen=True)
class _Stage:
    """One convolution or one addition on an image: weights used, entries read and entries written."""

    weights: int
    read: int
    written: int
    positions: int


def _stages(chain: Chain, image: ImageSize, written: ImageSize | None) -> Iterator[_Stage]:
    """Yield every convolution, and every addition of two branches, as it is done on an image."""
    sizes = pairwise(image_sizes(chain.factors, image, written))
    for factor, (before, after) in zip(chain.factors, sizes, strict=True):
        positions = prod(after)
        if isinstance(factor, GroupConv):
            yield _Stage(
                factor.parameters, factor.in_channels * prod(before), factor.out_channels * positions, positions
            )
        elif isinstance(factor, Parallel):
            for branch in factor.branches:
                yield from _stages(branch, before, None if written is None else after)
            entries = factor.out_channels * positions
            yield from [_Stage(0, 2 * entries, entries, positions)] * factor.additions
