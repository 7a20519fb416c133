"""Shapes and counts: the arithmetic that every layer shares."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Counts", "Shape", "agree", "output_side"]

Shape = tuple[int, int, int]
"""Channels, height, width of one image's responses."""


class Counts(NamedTuple):
    """Parameters by what they do, so that any counting convention can be formed from them.

    Attributes
    ----------
    convolution : int
        Weights of convolutions.
    batch_norm : int
        Scales and shifts of normalisations, and layer scales; running statistics are not parameters.
    linear : int
        Weights of linear layers: the classifier, and the hidden layers before it.
    bias : int
        Biases of convolutions and linear layers.

    Examples
    --------
    >>> Counts(convolution=900, batch_norm=12, linear=60, bias=10).total
    982
    """

    convolution: int = 0
    """Weights of convolutions."""
    batch_norm: int = 0
    """Scales and shifts of normalisations, and layer scales (running statistics are not parameters)."""
    linear: int = 0
    """Weights of linear layers: the classifier, and the hidden layers before it."""
    bias: int = 0
    """Biases of convolutions and linear layers."""

    @property
    def total(self) -> int:
        """Everything that is trained."""
        return sum(self)


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
