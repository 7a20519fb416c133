"""Shapes and counts: the arithmetic that every layer shares."""

from __future__ import annotations

from typing import Any, NamedTuple

from igc_theory.structure.arguments.kinds import kind_of, shown
from igc_theory.structure.arguments.numbers import positive_int

__all__ = ["Counts", "Shape", "agree", "output_side", "same_rims", "shape_of"]

Shape = tuple[int, int, int]
"""Channels, height, width of one image's activations."""


class _Fields(NamedTuple):
    convolution: int = 0
    batch_norm: int = 0
    linear: int = 0
    bias: int = 0


class Counts(_Fields):
    """Parameters by what they do, so that any counting convention can be formed from them.

    Attributes
    ----------
    convolution : int
        Weights of convolutions.
    batch_norm : int
        Scales and shifts of normalisations, and layer scales; running statistics are not parameters.
    linear : int
        Weights of linear layers: the classifier, the hidden layers before it, recurrent layers, embedding tables.
    bias : int
        What is added: biases of convolutions and linear layers, position embeddings.

    Raises
    ------
    TypeError, ValueError
        If a count is not an integer, or below 0.

    Examples
    --------
    >>> Counts(convolution=900, batch_norm=12, linear=60, bias=10).total
    982
    >>> Counts(900, 12) - Counts(100)
    Counts(convolution=800, batch_norm=12, linear=0, bias=0)
    """

    __slots__ = ()

    def __new__(cls, convolution: int = 0, batch_norm: int = 0, linear: int = 0, bias: int = 0) -> Counts:
        """Return the counts as Python integers."""
        given = zip(cls._fields, (convolution, batch_norm, linear, bias), strict=True)
        return super().__new__(cls, *(positive_int(name, count, minimum=0) for name, count in given))

    @property
    def total(self) -> int:
        """Everything that is trained."""
        return sum(self)

    def __sub__(self, other: Counts) -> Counts:
        return Counts(*(mine - theirs for mine, theirs in zip(self, other, strict=True)))


def shape_of(name: str, value: Any) -> Shape:
    """Return the shape of an image as a tuple of Python integers, each at least 1.

    Examples
    --------
    >>> shape_of("shape", [3, 32, 32])
    (3, 32, 32)
    >>> shape_of("shape", (3, 32))
    Traceback (most recent call last):
    ...
    ValueError: shape=(3, 32) has 2 sizes, not 3: give (channels, height, width)
    """
    if not isinstance(value, (tuple, list)):
        raise TypeError(f"{name}={shown(value)} is {kind_of(value)}: give (channels, height, width)")
    if len(value) != 3:
        raise ValueError(f"{name}={shown(value)} has {len(value)} sizes, not 3: give (channels, height, width)")
    channels, height, width = (positive_int(f"{name}[{axis}]", size) for axis, size in enumerate(value))
    return channels, height, width


def agree(reader: object, expected: int, channels: int, shape: Shape) -> None:
    """Raise ValueError if `channels` of `shape` are not the `expected` ones of `reader`."""
    if expected != channels:
        raise ValueError(f"shape={shape} has {channels} channels, but {reader!r} reads {expected}: make them equal")


def output_side(side: int, window: int, stride: int, padding: int, round_up: bool = False) -> int:
    """Return the length of the output along one axis.

    Examples
    --------
    >>> output_side(224, window=7, stride=2, padding=3), output_side(112, 3, 2, 0), output_side(112, 3, 2, 0, round_up=True)
    (112, 55, 56)
    """
    room = side + 2 * padding - window
    if room < 0:
        raise ValueError(
            f"window={window} exceeds side={side} with padding={padding}: use a larger image or a smaller window"
        )
    steps = -(-room // stride) if round_up else room // stride
    # A window that would start in the padding behind the image is dropped, as in Caffe and PyTorch.
    return steps + 1 - (round_up and steps * stride >= side + padding)


def same_rims(side: int, window: int, stride: int, dilation: int, *, lower: bool = False) -> tuple[int, int]:
    """Return the zeros in front of an axis and behind it under ONNX's padding "same": as many as the last output needs.

    An odd one stands behind, or in front if `lower`.

    Examples
    --------
    >>> same_rims(4, 3, 1, 1), same_rims(4, 3, 2, 1), same_rims(4, 3, 2, 1, lower=True), same_rims(4, 3, 2, dilation=2)
    ((1, 1), (0, 1), (1, 0), (1, 2))
    """
    last = (-(-side // stride) - 1) * stride
    whole = max(0, last + dilation * (window - 1) + 1 - side)
    short, long = whole // 2, whole - whole // 2
    return (long, short) if lower else (short, long)
