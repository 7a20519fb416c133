"""The networks made small by sparse and low-rank convolutions: Xception, MobileNet, ShuffleNet, CondenseNet."""

from __future__ import annotations

from igc_theory.networks.description.layers import Conv, Linear, Norm, Pool, Shuffle, Slice, convolution
from igc_theory.networks.description.nodes import Block, Node
from igc_theory.networks.zoo.classic import IMAGENET, Entry, chosen
from igc_theory.structure.arguments.kinds import shown
from igc_theory.structure.blocks import inverted_residual, shufflenet_unit
from igc_theory.structure.branches import serial_factors
from igc_theory.structure.chains import Chain
from igc_theory.structure.factors import GroupConv
from igc_theory.structure.permutations import interleave

__all__ = [
    "as_nodes",
    "condensenet",
    "mobilenet_v1",
    "mobilenet_v2",
    "round_to_multiple",
    "shufflenet",
    "shufflenet_v2",
    "xception",
]


def as_nodes(chain: Chain) -> tuple[Node, ...]:
    """Return the factors of a chain as nodes, a batch-norm behind every convolution.

    Examples
    --------
    >>> from igc_theory.structure import inverted_residual
    >>> [node.kind for node in as_nodes(inverted_residual(16, 24))]
    ['regular 1×1', 'depthwise 3×3', 'regular 1×1']
    """
    return tuple(Conv(part) if isinstance(part, GroupConv) else Shuffle(part) for part in serial_factors(chain))


def round_to_multiple(channels: float, divisor: int = 8) -> int:
    """Return the multiple of `divisor` nearest to `channels`, one higher if that loses more than a tenth.

    (The rule of the MobileNetV2 authors' code.)

    Examples
    --------
    >>> round_to_multiple(24 * 1.4), round_to_multiple(32 * 0.35)
    (32, 16)
    """
    rounded = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * channels else rounded


def _separable(channels: int, out: int, stride: int = 1, inner_norm: bool = True) -> tuple[Node, ...]:
    """Return a depthwise 3×3, then a dense pointwise convolution."""
    depthwise = convolution(channels, channels, 3, stride, groups=channels, batch_norm=inner_norm)
    return depthwise, convolution(channels, out, 1)


def xception(classes: int = 1000) -> Entry:
    """Return Xception at 299×299: separable convolutions without a norm between their halves.

    The network; one separable convolution of its kind, alone, is `igc_theory.structure.xception`.
    """
    halve = Pool("max", 3, 2, padding=1)
    nodes: list[Node] = [convolution(3, 32, 3, 2, padding=0), convolution(32, 64, 3, padding=0)]
    widths = [("entry", 64, 128, 128), ("entry", 128, 256, 256), ("entry", 256, 728, 728), ("exit", 728, 728, 1024)]
    tapering = [
        Block(
            f"{flow}.block{k + 1 if flow == 'entry' else 1}",
            ((*_separable(c, m, inner_norm=False), *_separable(m, out, inner_norm=False), halve),
             (convolution(c, out, 1, 2),)),
        )
        for k, (flow, c, m, out) in enumerate(widths)
    ]  # fmt: skip
    thrice = _separable(728, 728, inner_norm=False) * 3
    middle = [Block(f"middle.block{k + 1}", (thrice, ())) for k in range(8)]
    sizes = ((1024, 1536), (1536, 2048))
    tail = [Block(f"exit.block{k + 2}", (_separable(c, out, inner_norm=False),)) for k, (c, out) in enumerate(sizes)]
    nodes += [*tapering[:3], *middle, tapering[3], *tail, Pool("average"), Linear(2048, classes)]
    return Entry((3, 299, 299), tuple(nodes), "[Chollet2017], figure 5")


MOBILENET_V1 = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *((512, 1),) * 5, (1024, 2), (1024, 1))
"""Channels and stride of the thirteen separable convolutions ([Howard2017], table 1)."""


def mobilenet_v1(width: float = 1.0, classes: int = 1000) -> Entry:
    """Return MobileNetV1; `width` multiplies all channels, cut off to an integer and at least 8."""

    def scaled(c: int) -> int:
        return max(int(c * width), 8)

    channels = scaled(32)
    nodes: list[Node] = [convolution(3, channels, 3, 2)]
    stage = 1
    for k, (base, stride) in enumerate(MOBILENET_V1):
        stage += stride - 1
        nodes.append(Block(f"stage{stage}.block{k + 1}", (_separable(channels, scaled(base), stride),)))
        channels = scaled(base)
    return Entry(IMAGENET, (*nodes, Pool("average"), Linear(channels, classes)), "[Howard2017], table 1")


MOBILENET_V2 = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
"""Expansion t, channels c, repeats n, first stride s of each stage ([Sandler2018], table 2)."""


def mobilenet_v2(width: float = 1.0, classes: int = 1000) -> Entry:
    """Return MobileNetV2; `width` multiplies all channels by `round_to_multiple`, the head only if above 1."""
    channels, head = round_to_multiple(32 * width), round_to_multiple(1280 * max(1.0, width))
    nodes: list[Node] = [convolution(3, channels, 3, 2)]
    for stage, (t, c, n, s) in enumerate(MOBILENET_V2):
        out = round_to_multiple(c * width)
        for block in range(n):
            chain = inverted_residual(channels, out, t, stride=s if not block else 1)
            # The first stage does not expand, and its expansion layer is left out.
            body = as_nodes(Chain(chain.factors[1:] if t == 1 else chain.factors))
            shortcut: tuple[tuple[Node, ...], ...] = ((),) if block else ()
            nodes.append(Block(f"stage{stage + 1}.block{block + 1}", (body, *shortcut)))
            channels = out
    nodes += [convolution(channels, head, 1), Pool("average"), Linear(head, classes)]
    return Entry(IMAGENET, tuple(nodes), "[Sandler2018], table 2")


SHUFFLENET = {1: 144, 2: 200, 3: 240, 4: 272, 8: 384}
"""Channels of the first stage at width 1, by number of groups ([Zhang2018], table 1)."""


def shufflenet(groups: int = 3, width: float = 1.0, classes: int = 1000) -> Entry:
    """Return ShuffleNet with `groups` branches, all channels times `width`; at 1.5 the authors' code keeps a stem of 24."""
    if groups not in SHUFFLENET:
        raise ValueError(f"groups={shown(groups)} is not described: use one of {', '.join(map(str, SHUFFLENET))}")
    channels = int(24 * (1.0 if width == 1.5 else width))
    nodes: list[Node] = [convolution(3, channels, 3, 2), Pool("max", 3, 2, padding=1)]
    for stage, repeat in enumerate((4, 8, 4)):
        out = int(SHUFFLENET[groups] * width) << stage
        for unit in range(repeat):
            name = f"stage{stage + 2}.unit{unit + 1}"
            if unit:
                nodes.append(Block(name, (as_nodes(shufflenet_unit(out, groups)), ())))
            else:
                nodes.append(_downsampling_unit(name, channels, out, groups, first=stage == 0))
        channels = out
    return Entry(IMAGENET, (*nodes, Pool("average"), Linear(channels, classes)), "[Zhang2018], table 1, figure 2(c)")


def _downsampling_unit(name: str, channels: int, out: int, groups: int, first: bool) -> Block:
    """Return the unit that halves the image: its shortcut is an average pool, and the two are concatenated.

    The first one of all reads so few channels that its first pointwise convolution is not grouped.
    """
    middle, new = out // 4, out - channels
    squeeze = convolution(channels, middle, 1, 1, groups=1 if first else groups)
    rest = as_nodes(Chain(shufflenet_unit(out, groups, stride=2).factors[1:3]))
    body = (squeeze, *rest, convolution(middle, new, 1, 1, groups=groups))
    return Block(name, ((Pool("average", 3, 2, padding=1),), body), "concat")


SHUFFLENET_V2 = {
    0.5: (48, 96, 192, 1024),
    1.0: (116, 232, 464, 1024),
    1.5: (176, 352, 704, 1024),
    2.0: (244, 488, 976, 2048),
}
"""Channels of the three stages and of the last convolution, by width ([Ma2018], table 5)."""


def shufflenet_v2(width: float = 1.0, classes: int = 1000) -> Entry:
    """Return ShuffleNetV2, whose units leave half of their channels as they are; the widths are those of the paper."""
    *widths, last = chosen("width", width, SHUFFLENET_V2)
    channels = 24
    nodes: list[Node] = [convolution(3, channels, 3, 2), Pool("max", 3, 2, padding=1)]
    for stage, (repeat, out) in enumerate(zip((4, 8, 4), widths, strict=True)):
        nodes += [
            _half_unit(f"stage{stage + 2}.unit{k + 1}", out if k else channels, out, 1 if k else 2)
            for k in range(repeat)
        ]
        channels = out
    nodes += [convolution(channels, last, 1), Pool("average"), Linear(last, classes)]
    return Entry(IMAGENET, tuple(nodes), "[Ma2018], table 5, figure 3(c, d)")


def _half_unit(name: str, channels: int, out: int, stride: int) -> Block:
    """Return two halves side by side and the shuffle behind them; at stride 1 each reads a half, and one is left as it is."""
    half, halved = out // 2, stride == 1
    read = half if halved else channels
    body = (convolution(read, half, 1), *_separable(half, half, stride))
    untouched, worked = (
        ((Slice(0, half),), (Slice(half, out), *body)) if halved else (_separable(read, half, stride), body)
    )
    return Block(name, ((Block("", (untouched, worked), "concat"), Shuffle(interleave(2, half))),))


CONDENSENET = ((4, 8), (6, 16), (8, 32), (10, 64), (8, 128))
"""Layers and growth rate of each dense block on ImageNet (the authors' code; [Huang2018], section 4)."""


def condensenet(groups: int = 4, classes: int = 1000) -> Entry:
    """Return CondenseNet-74 as it is used, with as many branches as the condensation factor, and half of the classifier's inputs.

    Which inputs a branch of a 1×1 convolution reads is learned, as is which half the classifier reads; here they are taken in
    order, which changes no count.
    """
    channels = 16
    nodes: list[Node] = [convolution(3, channels, 3, 2, batch_norm=False)]
    for stage, (layers, growth) in enumerate(CONDENSENET):
        for layer in range(layers):
            nodes.append(_condensed_layer(f"stage{stage + 1}.layer{layer + 1}", channels, growth, groups))
            channels += growth
        nodes += [Pool("average", 2, 2)] if stage < len(CONDENSENET) - 1 else [Norm(channels), Pool("average")]
    nodes += [Slice(0, channels // 2), Linear(channels // 2, classes)]
    return Entry(IMAGENET, tuple(nodes), "[Huang2018], section 4, and the authors' code")


def _condensed_layer(name: str, channels: int, growth: int, groups: int) -> Block:
    """Return a learned group convolution, a shuffle and a 3×3 group convolution beside what they read."""
    middle = 4 * growth
    squeeze = convolution(channels, middle, 1, 1, groups=groups, batch_norm=False)
    widen = convolution(middle, growth, 3, 1, groups=groups, batch_norm=False)
    shuffle = Shuffle(interleave(groups, middle // groups))
    return Block(name, ((), (Norm(channels), squeeze, shuffle, Norm(middle), widen)), "concat")
