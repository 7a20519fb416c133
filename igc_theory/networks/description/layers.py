"""The layers of a network as data: convolutions, pools, shuffles and linear layers.

Every node says which shape it writes for the shape it reads; shapes are ``(channels, height, width)`` of one image. Batch-norm and
biases belong to the convolution in front of them: they matter for counting only. Activations are left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from igc_theory.networks.description.shapes import Counts, Shape, agree, output_side, shape_of
from igc_theory.structure.arguments.kinds import choice_of, flag, instance_of, settle, text
from igc_theory.structure.arguments.numbers import positive_int
from igc_theory.structure.arguments.sequences import pair_of
from igc_theory.structure.factors import GroupConv
from igc_theory.structure.permutations import ChannelPermutation

__all__ = [
    "Conv",
    "Counts",
    "Leaf",
    "Linear",
    "Norm",
    "Operator",
    "Pad",
    "Pool",
    "Scale",
    "Shape",
    "Shuffle",
    "Slice",
    "convolution",
]

Pair = int | tuple[int, int]


@dataclass(frozen=True)
class Conv:
    """A group convolution in a network, with the parameters that travel with it.

    Parameters
    ----------
    convolution : GroupConv
        The weights.
    batch_norm, bias : bool, default True and False
        Whether a batch normalisation follows (two parameters per channel), and whether there is a bias (one per channel).
    padding : int or (int, int), optional
        Zeros on each side; by default half the window, which keeps the resolution at stride 1 for odd windows.
    fixed : bool, default False
        Weights fixed to 0 and 1: nothing is stored and nothing is multiplied (summation fusion).
    gates : int, default 0
        Further convolutions of the same shape that weigh its activation (the transform gate of Highway).

    Examples
    --------
    >>> conv = Conv(GroupConv(3, 64, kernel_size=7, stride=2))
    >>> conv.output((3, 224, 224)), conv.counts
    ((64, 112, 112), Counts(convolution=9408, batch_norm=128, linear=0, bias=0))
    >>> conv.output((4, 224, 224))
    Traceback (most recent call last):
    ...
    ValueError: shape=(4, 224, 224) has 4 channels, but GroupConv(3, 64, kernel_size=7, stride=2) reads 3: make them equal
    """

    convolution: GroupConv
    batch_norm: bool = True
    bias: bool = False
    padding: Pair | None = None
    fixed: bool = False
    gates: int = 0

    def __post_init__(self) -> None:
        instance_of("convolution", self.convolution, GroupConv, "give GroupConv(in_channels, out_channels)")
        settle(self, **{name: flag(name, getattr(self, name)) for name in ("batch_norm", "bias", "fixed")})
        if self.padding is not None:
            settle(self, padding=_side("padding", self.padding, minimum=0))
        settle(self, gates=positive_int("gates", self.gates, minimum=0))

    @cached_property
    def counts(self) -> Counts:
        """Its parameters."""
        conv, alike = self.convolution, 1 + self.gates
        weights = 0 if self.fixed else conv.parameters * alike
        return Counts(weights, 2 * conv.out_channels * self.batch_norm, 0, conv.out_channels * self.bias * alike)

    @cached_property
    def axes(self) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
        """Window, stride and padding of each axis, vertical first."""
        (kh, kw), (sh, sw) = self.convolution.window, self.convolution.strides
        ph, pw = (kh // 2, kw // 2) if self.padding is None else pair_of("padding", self.padding, minimum=0)
        return (kh, sh, ph), (kw, sw, pw)

    @property
    def kind(self) -> str:
        """Word for the tables, such as ``"depthwise 3×3"``."""
        height, width = self.convolution.window
        fixed = "fixed " if self.fixed else ""
        return (
            f"{fixed}{self.convolution.kind.replace(' pointwise', '').replace('pointwise', 'regular')} {height}×{width}"
        )

    def output(self, shape: Shape) -> Shape:
        """Return the shape it writes; ValueError if it reads other channels, or the window exceeds the padded image."""
        shape = shape_of("shape", shape)
        agree(self.convolution, self.convolution.in_channels, shape[0], shape)
        vertical, horizontal = self.axes
        return self.convolution.out_channels, output_side(shape[1], *vertical), output_side(shape[2], *horizontal)


@dataclass(frozen=True, slots=True)
class Pool:
    """Pooling: ``kind`` is ``"max"`` or ``"average"``; ``window=None`` pools the whole image (global).

    Pairs are (vertical, horizontal).

    Parameters
    ----------
    kind : {"max", "average"}
        What is taken of a window.
    window, stride, padding : int or (int, int)
        Window, step, and zeros on each side.
    round_up : bool, default False
        Whether a window that sticks out at the end counts.

    Examples
    --------
    >>> Pool("max", 3, 2, padding=1).output((64, 112, 112)), Pool("average").output((512, 7, 7))
    ((64, 56, 56), (512, 1, 1))
    >>> Pool("average", (3, 2), (3, 2)).output((480, 3, 80))
    (480, 1, 40)
    """

    kind: str = "max"
    window: Pair | None = None
    stride: Pair = 1
    padding: Pair = 0
    round_up: bool = False

    def __post_init__(self) -> None:
        settle(self, kind=choice_of("kind", self.kind, ("max", "average")))
        if self.window is not None:
            settle(self, window=_side("window", self.window))
        settle(self, stride=_side("stride", self.stride), padding=_side("padding", self.padding, minimum=0))
        settle(self, round_up=flag("round_up", self.round_up))

    def output(self, shape: Shape) -> Shape:
        """Return the shape it writes."""
        channels, height, width = shape_of("shape", shape)
        if self.window is None:
            return channels, 1, 1
        (kh, kw), (sh, sw) = pair_of("window", self.window), pair_of("stride", self.stride)
        ph, pw = pair_of("padding", self.padding, minimum=0)
        return channels, output_side(height, kh, sh, ph, self.round_up), output_side(width, kw, sw, pw, self.round_up)


@dataclass(frozen=True, slots=True)
class Shuffle:
    """A channel permutation: no parameters, no arithmetic.

    Parameters
    ----------
    permutation : ChannelPermutation
        Which output reads which input.

    Examples
    --------
    >>> from igc_theory import interleave
    >>> Shuffle(interleave(2, 3)).output((6, 8, 8))
    (6, 8, 8)
    """

    permutation: ChannelPermutation

    def __post_init__(self) -> None:
        instance_of("permutation", self.permutation, ChannelPermutation, "give interleave(groups, width)")

    def output(self, shape: Shape) -> Shape:
        """Return the shape unchanged; ValueError if it permutes another number of channels."""
        shape = shape_of("shape", shape)
        agree(self.permutation, self.permutation.channels, shape[0], shape)
        return shape


@dataclass(frozen=True, slots=True)
class Pad:
    """Zero channels appended behind the last: the shortcut without parameters of the CIFAR ResNets.

    Parameters
    ----------
    channels : int
        Channels written.

    Examples
    --------
    >>> Pad(32).output((16, 8, 8))
    (32, 8, 8)
    """

    channels: int

    def __post_init__(self) -> None:
        settle(self, channels=positive_int("channels", self.channels))

    def output(self, shape: Shape) -> Shape:
        """Return the shape with ``channels`` channels; ValueError if there are more already."""
        shape = shape_of("shape", shape)
        if shape[0] > self.channels:
            raise ValueError(
                f"shape={shape} has more than channels={self.channels} channels: pad to at least {shape[0]}"
            )
        return self.channels, *shape[1:]


@dataclass(frozen=True, slots=True)
class Slice:
    """Some of the channels, next to each other: the half that a ShuffleNetV2 unit reads, a group of mixed depthwise windows.

    Parameters
    ----------
    start, stop : int
        The first channel that is passed on, and the first behind it that is not.

    Examples
    --------
    >>> Slice(58, 116).output((116, 28, 28))
    (58, 28, 28)
    """

    start: int
    stop: int

    def __post_init__(self) -> None:
        settle(self, start=positive_int("start", self.start, minimum=0))
        one = f"pass on at least one channel behind start={self.start}"
        settle(self, stop=positive_int("stop", self.stop, minimum=self.start + 1, way_out=one))

    def output(self, shape: Shape) -> Shape:
        """Return the shape with ``stop - start`` channels; ValueError if there are fewer than ``stop``."""
        shape = shape_of("shape", shape)
        if shape[0] < self.stop:
            raise ValueError(f"shape={shape} has fewer than stop={self.stop} channels: stop at {shape[0]} at most")
        return self.stop - self.start, *shape[1:]


@dataclass(frozen=True, slots=True)
class Scale:
    """A trained factor per channel without a shift, such as the layer scale of ConvNeXt.

    Parameters
    ----------
    channels : int
        Channels read and written.

    Examples
    --------
    >>> Scale(96).counts.batch_norm
    96
    """

    channels: int

    def __post_init__(self) -> None:
        settle(self, channels=positive_int("channels", self.channels))

    @property
    def counts(self) -> Counts:
        """Its parameters."""
        return Counts(batch_norm=self.channels)

    def output(self, shape: Shape) -> Shape:
        """Return the shape unchanged; ValueError if it has other channels.

        Examples
        --------
        >>> Scale(96).output((96, 56, 56))
        (96, 56, 56)
        """
        shape = shape_of("shape", shape)
        agree(self, self.channels, shape[0], shape)
        return shape


@dataclass(frozen=True, slots=True)
class Norm:
    """A normalisation that stands alone, in front of its convolution (pre-activation) or a layer norm: two parameters per channel.

    Parameters
    ----------
    channels : int
        Channels read and written.
    kind : str, default "batch norm"
        Word for the tables.

    Examples
    --------
    >>> Norm(64).counts.batch_norm
    128
    """

    channels: int
    kind: str = "batch norm"

    def __post_init__(self) -> None:
        settle(self, channels=positive_int("channels", self.channels))
        settle(self, kind=text("kind", self.kind))

    @property
    def counts(self) -> Counts:
        """Its parameters."""
        return Counts(batch_norm=2 * self.channels)

    def output(self, shape: Shape) -> Shape:
        """Return the shape unchanged; ValueError if it has other channels.

        Examples
        --------
        >>> Norm(64).output((64, 56, 56))
        (64, 56, 56)
        """
        shape = shape_of("shape", shape)
        agree(self, self.channels, shape[0], shape)
        return shape


@dataclass(frozen=True, slots=True)
class Linear:
    """A linear layer on all activations of an image, usually with biases.

    Parameters
    ----------
    in_features, out_features : int
        Activations read and written.
    bias : bool, default True
        Whether each output has a bias.

    Examples
    --------
    >>> Linear(512, 10).counts.total
    5130
    """

    in_features: int
    out_features: int
    bias: bool = True

    def __post_init__(self) -> None:
        classes = "give the number of classes, at least 1"
        settle(self, in_features=positive_int("in_features", self.in_features))
        settle(self, out_features=positive_int("out_features", self.out_features, way_out=classes))
        settle(self, bias=flag("bias", self.bias))

    @property
    def counts(self) -> Counts:
        """Its parameters."""
        return Counts(0, 0, self.in_features * self.out_features, self.out_features * self.bias)

    def output(self, shape: Shape) -> Shape:
        """Return ``(out_features, 1, 1)``; ValueError if the image has another number of activations.

        Examples
        --------
        >>> Linear(512, 10).output((512, 1, 1))
        (10, 1, 1)
        """
        shape = shape_of("shape", shape)
        agree(self, self.in_features, shape[0] * shape[1] * shape[2], shape)
        return self.out_features, 1, 1


@dataclass(frozen=True, slots=True)
class Operator:
    """Any other layer of a network that was read: what it costs stands in its `Layer`.

    Parameters
    ----------
    kind : str
        Word for the tables, such as ``"transposed 4×4 /2"``, ``"lstm"``, ``"embedding"`` or ``"product of activations"``.

    Examples
    --------
    >>> Operator("lstm").kind
    'lstm'
    """

    kind: str

    def __post_init__(self) -> None:
        settle(self, kind=text("kind", self.kind))


def _side(name: str, value: Any, *, minimum: int = 1) -> Pair:
    """Return a pair of Python ints, or one where one was given."""
    pair = pair_of(name, value, minimum=minimum)
    return pair if isinstance(value, (tuple, list)) else pair[0]


Leaf = Conv | Pool | Shuffle | Pad | Slice | Scale | Norm | Linear


@lru_cache(maxsize=4096, typed=True)
def convolution(
    in_channels: int,
    out_channels: int,
    kernel_size: Pair = 3,
    stride: int = 1,
    *,
    groups: int = 1,
    batch_norm: bool = True,
    bias: bool = False,
    padding: Pair | None = None,
) -> Conv:
    """Return a `Conv` around ``GroupConv(in_channels, out_channels, groups, kernel_size, stride)``.

    Examples
    --------
    >>> convolution(16, 32, groups=2).counts.convolution
    2304
    """
    return Conv(GroupConv(in_channels, out_channels, groups, kernel_size, stride), batch_norm, bias, padding)
