"""The networks that grew deeper, before and beside interleaved group convolutions.

Each builder returns an `Entry`: the image it reads, its nodes in series, and where it is described.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, TypeVar

from igc_theory.networks.description.layers import Conv, Linear, Norm, Pad, Pool, Shape, convolution
from igc_theory.networks.description.nodes import Block, Node
from igc_theory.structure.arguments.kinds import shown

__all__ = [
    "Entry",
    "alexnet",
    "chosen",
    "cifar_resnet",
    "densenet",
    "fractalnet",
    "googlenet",
    "preactivation_resnet",
    "residual_block",
    "resnet",
    "resnext_cifar",
    "vgg",
    "wide_resnet",
]

Key = TypeVar("Key")
Value = TypeVar("Value")

CIFAR, IMAGENET = (3, 32, 32), (3, 224, 224)


class Entry(NamedTuple):
    """What a builder returns."""

    input_shape: Shape
    nodes: tuple[Node, ...]
    source: str


def alexnet(groups: int = 2, widths: tuple[int, ...] = (96, 256, 384, 384, 256), classes: int = 1000) -> Entry:
    """Return AlexNet; ``groups=2`` are the halves on its two GPUs, ``groups=1`` removes them."""
    if len(widths) != 5:
        raise ValueError(f"widths={shown(widths)} are not five: give the channels of the five convolutions")
    a, b, c, d, e = widths
    nodes = (
        convolution(3, a, 11, 4, padding=2, batch_norm=False, bias=True), Pool("max", 3, 2),
        convolution(a, b, 5, 1, groups=groups, batch_norm=False, bias=True), Pool("max", 3, 2),
        convolution(b, c, 3, batch_norm=False, bias=True),
        convolution(c, d, 3, 1, groups=groups, batch_norm=False, bias=True),
        convolution(d, e, 3, 1, groups=groups, batch_norm=False, bias=True), Pool("max", 3, 2),
        Linear(e * 6 * 6, 4096), Linear(4096, 4096), Linear(4096, classes),
    )  # fmt: skip
    return Entry(IMAGENET, nodes, "Krizhevsky, Sutskever, Hinton, NIPS 2012")


def vgg(depth: int = 16, classes: int = 1000) -> Entry:
    """Return VGG: 3×3 convolutions only, five stages of 64 … 512 channels, each ended by a pool."""
    repeats = chosen("depth", depth, {11: (1, 1, 2, 2, 2), 13: (2,) * 5, 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)})
    nodes: list[Node] = []
    channels = 3
    for width, repeat in zip((64, 128, 256, 512, 512), repeats, strict=True):
        for _ in range(repeat):
            nodes.append(convolution(channels, width, 3, batch_norm=False, bias=True))
            channels = width
        nodes.append(Pool("max", 2, 2))
    nodes += [Linear(512 * 7 * 7, 4096), Linear(4096, 4096), Linear(4096, classes)]
    return Entry(IMAGENET, tuple(nodes), "[Simonyan2015], table 1")


INCEPTION = {
    "stage3.a": (192, 64, 96, 128, 16, 32, 32), "stage3.b": (256, 128, 128, 192, 32, 96, 64),
    "stage4.a": (480, 192, 96, 208, 16, 48, 64), "stage4.b": (512, 160, 112, 224, 24, 64, 64),
    "stage4.c": (512, 128, 128, 256, 24, 64, 64), "stage4.d": (512, 112, 144, 288, 32, 64, 64),
    "stage4.e": (528, 256, 160, 320, 32, 128, 128),
    "stage5.a": (832, 256, 160, 320, 32, 128, 128), "stage5.b": (832, 384, 192, 384, 48, 128, 128),
}  # fmt: skip
"""Inception: input; 1×1; 3×3 reduce, 3×3; 5×5 reduce, 5×5; behind the pool ([Szegedy2015], table 1)."""


def googlenet(batch_norm: bool = False, largest_window: int = 5, classes: int = 1000) -> Entry:
    """Return GoogLeNet without its auxiliary classifiers; torchvision's has batch-norm, and 3×3 in place of 5×5 windows."""

    def conv(c: int, out: int, k: int = 1, s: int = 1) -> Conv:
        return convolution(c, out, k, s, batch_norm=batch_norm, bias=not batch_norm)

    def inception(name: str) -> Block:
        c, one, three_in, three, five_in, five, pooled = INCEPTION[name]
        branches = (
            (conv(c, one),), (conv(c, three_in), conv(three_in, three, 3)),
            (conv(c, five_in), conv(five_in, five, largest_window)), (Pool("max", 3, 1, padding=1), conv(c, pooled)),
        )  # fmt: skip
        return Block(name, branches, "concat")

    halve = Pool("max", 3, 2, round_up=True)
    stem = (conv(3, 64, 7, 2), halve, conv(64, 64), conv(64, 192, 3), halve)
    names = list(INCEPTION)
    middle: tuple[Node, ...] = (
        *map(inception, names[:2]),
        halve,
        *map(inception, names[2:7]),
        halve,
        *map(inception, names[7:]),
    )
    return Entry(IMAGENET, (*stem, *middle, Pool("average"), Linear(1024, classes)), "[Szegedy2015], table 1")


def residual_block(
    name: str, body: tuple[Node, ...], in_channels: int, out_channels: int, stride: int, *, groups: int = 1
) -> Block:
    """Return `body` beside an identity, or beside a 1×1 projection where the shape changes."""
    same = in_channels == out_channels and stride == 1
    return Block(name, (body, () if same else (convolution(in_channels, out_channels, 1, stride, groups=groups),)))


def resnet(depth: int = 50, width: int = 64, groups: int = 1, branch_width: int = 64, classes: int = 1000) -> Entry:
    """Return an ImageNet ResNet; ``groups`` and ``branch_width`` make it ResNeXt (32×4) or wide (1×128).

    Depths 18 and 34 have basic blocks, 50 and more bottlenecks, with the stride on the 3×3 convolution.
    """
    depths = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}
    repeats, expansion = chosen("depth", depth, depths), 1 if depth < 50 else 4
    nodes: list[Node] = [convolution(3, width, 7, 2), Pool("max", 3, 2, padding=1)]
    channels = width
    for stage, repeat in enumerate(repeats):
        base, out = width << stage, (width << stage) * expansion
        middle = base * branch_width // 64 * groups
        for block in range(repeat):
            s = 2 if stage and not block else 1
            body: tuple[Node, ...]
            if expansion == 1:
                body = (convolution(channels, base, 3, s), convolution(base, base, 3))
            else:
                squeeze, widen = convolution(channels, middle, 1), convolution(middle, out, 1)
                body = (squeeze, convolution(middle, middle, 3, s, groups=groups), widen)
            nodes.append(residual_block(f"stage{stage + 1}.block{block + 1}", body, channels, out, s))
            channels = out
    nodes += [Pool("average"), Linear(channels, classes)]
    return Entry(IMAGENET, tuple(nodes), "[He2016], table 1; ResNeXt [Xie2017]")


def cifar_resnet(depth: int = 20, width: int = 16, classes: int = 10) -> Entry:
    """Return a CIFAR ResNet of depth 6n + 2: shortcuts without parameters, zero channels where the width doubles."""
    n = _per_stage(depth, 2, 6)
    nodes: list[Node] = [convolution(3, width)]
    channels = width
    for stage, out in enumerate((width, 2 * width, 4 * width)):
        for block in range(n):
            s = 1 if out == channels else 2
            body = (convolution(channels, out, 3, s), convolution(out, out))
            shortcut = () if s == 1 else (Pool("average", 1, 2), Pad(out))
            nodes.append(Block(f"stage{stage + 1}.block{block + 1}", (body, shortcut)))
            channels = out
    return Entry(CIFAR, (*nodes, Pool("average"), Linear(channels, classes)), "[He2016], section 4.2")


def _pre(channels: int, out: int, kernel_size: int = 3, stride: int = 1) -> tuple[Node, ...]:
    """Return batch-norm, then a convolution: the order of the pre-activation networks."""
    return Norm(channels), convolution(channels, out, kernel_size, stride, batch_norm=False)


def preactivation_resnet(depth: int = 164, classes: int = 10) -> Entry:
    """Return a pre-activation CIFAR ResNet of bottlenecks, depth 9n + 2."""
    n = _per_stage(depth, 2, 9)
    nodes: list[Node] = [convolution(3, 16, batch_norm=False)]
    channels = 16
    for stage, middle in enumerate((16, 32, 64)):
        for block in range(n):
            s = 2 if stage and not block else 1
            body = (*_pre(channels, middle, 1, s), *_pre(middle, middle), *_pre(middle, 4 * middle, 1))
            shortcut = (convolution(channels, 4 * middle, 1, s, batch_norm=False),) if not block else ()
            nodes.append(Block(f"stage{stage + 1}.block{block + 1}", (body, shortcut)))
            channels = 4 * middle
    return Entry(CIFAR, (*nodes, Norm(channels), Pool("average"), Linear(channels, classes)), "[He2016b]")


def wide_resnet(depth: int = 28, widening: int = 10, classes: int = 10) -> Entry:
    """Return WRN-depth-widening, depth 6n + 4, for CIFAR and SVHN."""
    n = _per_stage(depth, 4, 6)
    nodes: list[Node] = [convolution(3, 16, batch_norm=False)]
    channels = 16
    for stage, base in enumerate((16, 32, 64)):
        out = base * widening
        for block in range(n):
            s = 2 if stage and not block else 1
            body = (*_pre(channels, out, 3, s), *_pre(out, out))
            shortcut = (convolution(channels, out, 1, s, batch_norm=False),) if channels != out else ()
            nodes.append(Block(f"stage{stage + 1}.block{block + 1}", (body, shortcut)))
            channels = out
    return Entry(
        CIFAR, (*nodes, Norm(channels), Pool("average"), Linear(channels, classes)), "[Zagoruyko2016], table 1"
    )


def resnext_cifar(depth: int = 29, cardinality: int = 8, branch_width: int = 64, classes: int = 10) -> Entry:
    """Return a CIFAR ResNeXt of depth 9n + 2, stages of 256, 512 and 1024 channels."""
    n = _per_stage(depth, 2, 9)
    nodes: list[Node] = [convolution(3, 64)]
    channels = 64
    for stage in range(3):
        middle, out = cardinality * branch_width << stage, 256 << stage
        for block in range(n):
            s = 2 if stage and not block else 1
            squeeze, widen = convolution(channels, middle, 1), convolution(middle, out, 1)
            body = (squeeze, convolution(middle, middle, 3, s, groups=cardinality), widen)
            nodes.append(residual_block(f"stage{stage + 1}.block{block + 1}", body, channels, out, s))
            channels = out
    return Entry(CIFAR, (*nodes, Pool("average"), Linear(channels, classes)), "[Xie2017], section 5.3")


def densenet(depth: int = 40, growth: int = 12, bottleneck: bool = False, classes: int = 10) -> Entry:
    """Return a CIFAR DenseNet of three dense blocks; ``bottleneck`` is the BC form, with halving transitions."""
    n = _per_stage(depth, 4, 6 if bottleneck else 3)
    channels = 2 * growth if bottleneck else 16
    nodes: list[Node] = [convolution(3, channels, batch_norm=False)]
    for stage in range(3):
        for block in range(n):
            wide = _pre(channels, 4 * growth, 1) + _pre(4 * growth, growth)
            body = wide if bottleneck else _pre(channels, growth)
            nodes.append(Block(f"stage{stage + 1}.block{block + 1}", ((), body), "concat"))
            channels += growth
        if stage < 2:
            out = channels // 2 if bottleneck else channels
            nodes += [*_pre(channels, out, 1), Pool("average", 2, 2)]
            channels = out
    return Entry(CIFAR, (*nodes, Norm(channels), Pool("average"), Linear(channels, classes)), "[Huang2017]")


def fractalnet(columns: int = 3, widths: tuple[int, ...] = (64, 128, 256, 512, 512), classes: int = 10) -> Entry:
    """Return FractalNet: one block per width, each ``f_c = f_{c-1} twice beside one convolution`` and a pool."""

    def fractal(c: int, channels: int, out: int) -> tuple[Node, ...]:
        one = (convolution(channels, out),)
        if c == 1:
            return one
        return (Block("", (one, (*fractal(c - 1, channels, out), *fractal(c - 1, out, out))), "mean"),)

    nodes: list[Node] = []
    for stage, (channels, out) in enumerate(zip((3, *widths), widths, strict=False)):
        nodes += [Block(f"stage{stage + 1}.block1", (fractal(columns, channels, out),)), Pool("max", 2, 2)]
    return Entry(CIFAR, (*nodes, Pool("average"), Linear(widths[-1], classes)), "[Larsson2017], section 4")


def chosen(name: str, value: Key, known: Mapping[Key, Value]) -> Value:
    """Return the entry of a table of described networks.

    Examples
    --------
    >>> chosen("size", "tiny", {"small": 1, "large": 2})
    Traceback (most recent call last):
    ...
    ValueError: size='tiny' is not described: use one of small, large
    """
    if value not in known:
        raise ValueError(f"{name}={shown(value)} is not described: use one of {', '.join(map(str, known))}")
    return known[value]


def _per_stage(depth: int, outside: int, layers: int) -> int:
    """Return n of a depth ``layers * n + outside``."""
    n, rest = divmod(depth - outside, layers)
    if rest or n < 1:
        nearest = max(n, 1) * layers + outside
        raise ValueError(f"depth={depth} is not {layers}n + {outside}: use {nearest} or {nearest + layers}")
    return n
