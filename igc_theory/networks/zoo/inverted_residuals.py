"""Networks of inverted residuals with gates: MobileNetV3, EfficientNet, MixNet; and GhostNet.

An inverted residual widens, convolves depthwise and narrows again; squeeze-and-excitation weighs the wide channels in between.
"""

from __future__ import annotations

from functools import partial
from itertools import accumulate, pairwise
from math import ceil

from igc_theory.networks.description.layers import Conv, Linear, Pool, Slice, convolution
from igc_theory.networks.description.nodes import Block, Node
from igc_theory.networks.zoo.classic import IMAGENET, Entry, chosen
from igc_theory.networks.zoo.mobile import round_to_multiple

__all__ = ["efficientnet", "ghostnet", "mixnet_s", "mobilenet_v3", "squeeze_excite"]


def squeeze_excite(channels: int, squeezed: int) -> Block:
    """Return the gate that weighs every channel by a number made of all channel means ([Hu2018], section 3).

    Examples
    --------
    >>> squeeze_excite(64, 16).output((64, 8, 8))
    (64, 8, 8)
    """
    down, up = (
        convolution(*sizes, 1, batch_norm=False, bias=True) for sizes in ((channels, squeezed), (squeezed, channels))
    )
    return Block("gate", ((), (Pool("average"), down, up)), "multiply")


def _inverted_residual_block(
    name: str, channels: int, out: int, depthwise: Node, gate: Block | None = None, groups: tuple[int, int] = (1, 1)
) -> Block:
    """Return a pointwise convolution to what `depthwise` reads, `depthwise`, `gate`, and a pointwise one to `out` channels.

    Nothing widens where `depthwise` reads `channels` already; an identity stands beside it where the shape stays.

    Examples
    --------
    >>> block = _inverted_residual_block("stage1.block1", 16, 16, convolution(64, 64, 3, groups=64))
    >>> [node.kind for node in block.branches[0]], block.branches[1]
    (['regular 1×1', 'depthwise 3×3', 'regular 1×1'], ())
    """
    middle, resolution = _channels(depthwise), (32, 32)
    widen = () if middle == channels else (convolution(channels, middle, 1, 1, groups=groups[0]),)
    body = (*widen, depthwise, *([gate] if gate else []), convolution(middle, out, 1, 1, groups=groups[1]))
    same = channels == out and depthwise.output((middle, *resolution))[1:] == resolution
    return Block(name, (body, ()) if same else (body,))


def _channels(depthwise: Node) -> int:
    """Return how many channels a depthwise convolution reads, or all that mix in one block of them."""
    if isinstance(depthwise, Block):
        return sum(_channels(branch[-1]) for branch in depthwise.branches)
    assert isinstance(depthwise, Conv)
    return depthwise.convolution.in_channels


def _depthwise(channels: int, window: int, stride: int) -> Conv:
    return convolution(channels, channels, window, stride, groups=channels)


def _head(channels: int, last: int, classes: int) -> tuple[Node, ...]:
    return convolution(channels, last, 1), Pool("average"), Linear(last, classes)


MOBILENET_V3 = {
    "large": (
        (3, 16, 16, 0, 1), (3, 64, 24, 0, 2), (3, 72, 24, 0, 1), (5, 72, 40, 1, 2), (5, 120, 40, 1, 1), (5, 120, 40, 1, 1),
        (3, 240, 80, 0, 2), (3, 200, 80, 0, 1), (3, 184, 80, 0, 1), (3, 184, 80, 0, 1), (3, 480, 112, 1, 1),
        (3, 672, 112, 1, 1), (5, 672, 160, 1, 2), (5, 960, 160, 1, 1), (5, 960, 160, 1, 1),
    ),
    "small": (
        (3, 16, 16, 1, 2), (3, 72, 24, 0, 2), (3, 88, 24, 0, 1), (5, 96, 40, 1, 2), (5, 240, 40, 1, 1), (5, 240, 40, 1, 1),
        (5, 120, 48, 1, 1), (5, 144, 48, 1, 1), (5, 288, 96, 1, 2), (5, 576, 96, 1, 1), (5, 576, 96, 1, 1),
    ),
}  # fmt: skip
"""Window, expanded and written channels, gate or none, stride of each block ([Howard2019], tables 1 and 2)."""

MOBILENET_V3_HEAD = {"large": 1280, "small": 1024}
"""Activations of the hidden linear layer ([Howard2019], tables 1 and 2)."""


def mobilenet_v3(size: str = "large", width: float = 1.0, classes: int = 1000) -> Entry:
    """Return MobileNetV3; `width` multiplies all channels but not the hidden linear layer.

    A gate squeezes to a quarter of what it weighs.
    """
    blocks = chosen("size", size, MOBILENET_V3)

    def scaled(c: int) -> int:
        return round_to_multiple(c * width)

    base, stage = 16, 1
    channels = scaled(base)
    nodes: list[Node] = [convolution(3, channels, 3, 2)]
    for k, (window, expanded, c, gated, stride) in enumerate(blocks):
        middle, stage = round_to_multiple(channels * expanded / base), stage + stride - 1
        gate = squeeze_excite(middle, round_to_multiple(middle / 4)) if gated else None
        depthwise = _depthwise(middle, window, stride)
        nodes.append(_inverted_residual_block(f"stage{stage}.block{k + 1}", channels, scaled(c), depthwise, gate))
        base, channels = c, scaled(c)
    last, hidden = scaled(6 * base), MOBILENET_V3_HEAD[size]
    nodes += [convolution(channels, last, 1), Pool("average"), Linear(last, hidden), Linear(hidden, classes)]
    return Entry(IMAGENET, tuple(nodes), "[Howard2019], tables 1 and 2, and the authors' code")


EFFICIENTNET_B0 = (
    (1, 3, 16, 1, 1), (6, 3, 24, 2, 2), (6, 5, 40, 2, 2), (6, 3, 80, 3, 2), (6, 5, 112, 3, 1), (6, 5, 192, 4, 2), (6, 3, 320, 1, 1),
)  # fmt: skip
"""Expansion, window, channels, repeats, first stride of each stage ([Tan2019], table 1)."""


EFFICIENTNET_SCALING: tuple[dict[str, float], ...] = tuple(
    {"width": width, "depth": depth, "side": side}
    for width, depth, side in (
        (1.0, 1.0, 224), (1.0, 1.1, 240), (1.1, 1.2, 260), (1.2, 1.4, 300),
        (1.4, 1.8, 380), (1.6, 2.2, 456), (1.8, 2.6, 528), (2.0, 3.1, 600),
    )
)  # fmt: skip
"""What B0 to B7 multiply (the authors' code; the paper, section 4, gives the rule)."""


def efficientnet(width: float = 1.0, depth: float = 1.0, side: int = 224, classes: int = 1000) -> Entry:
    """Return EfficientNet: B0 with channels times `width`, repeats times `depth` rounded up, and images of `side` pixels.

    A gate squeezes to a quarter of the channels that its block reads.
    """

    def scaled(c: int) -> int:
        return round_to_multiple(c * width)

    channels = scaled(32)
    nodes: list[Node] = [convolution(3, channels, 3, 2)]
    for stage, (t, window, c, repeats, stride) in enumerate(EFFICIENTNET_B0):
        for block in range(ceil(repeats * depth)):
            depthwise = _depthwise(channels * t, window, 1 if block else stride)
            gate = squeeze_excite(channels * t, channels // 4)
            name = f"stage{stage + 1}.block{block + 1}"
            nodes.append(_inverted_residual_block(name, channels, scaled(c), depthwise, gate))
            channels = scaled(c)
    nodes += _head(channels, scaled(1280), classes)
    return Entry((3, side, side), tuple(nodes), "[Tan2019], table 1")


MIXNET_S = (
    (1, 16, 1, (3,), 1, (1, 1), 0),
    (1, 24, 6, (3,), 2, (2, 2), 0),
    (1, 24, 3, (3,), 1, (2, 2), 0),
    (1, 40, 6, (3, 5, 7), 2, (1, 1), 2),
    (3, 40, 6, (3, 5), 1, (2, 2), 2),
    (1, 80, 6, (3, 5, 7), 2, (1, 2), 4),
    (2, 80, 6, (3, 5), 1, (1, 2), 4),
    (1, 120, 6, (3, 5, 7), 1, (2, 2), 2),
    (2, 120, 3, (3, 5, 7, 9), 1, (2, 2), 2),
    (1, 200, 6, (3, 5, 7, 9, 11), 2, (1, 1), 2),
    (2, 200, 6, (3, 5, 7, 9), 1, (1, 2), 2),
)
"""Repeats, channels, expansion, windows, first stride, branches of the pointwise convolutions, squeezing by (0: no gate).

([Tan2019b], figure 5, and the authors' code.)
"""


def mixnet_s(classes: int = 1000) -> Entry:
    """Return MixNet-S, whose depthwise convolutions have windows of several sizes, each for a part of the channels.

    A gate squeezes to a share of the channels that its block reads.
    """
    channels, stage = 16, 1
    nodes: list[Node] = [convolution(3, channels, 3, 2)]
    for k, (repeats, out, t, windows, stride, groups, squeezing) in enumerate(MIXNET_S):
        stage += stride - 1
        for block in range(repeats):
            depthwise = _mixed_depthwise(channels * t, windows, 1 if block else stride)
            gate = squeeze_excite(channels * t, channels // squeezing) if squeezing else None
            name = f"stage{stage}.block{k + 1}{'abc'[block] if repeats > 1 else ''}"
            nodes.append(_inverted_residual_block(name, channels, out, depthwise, gate, groups))
            channels = out
    return Entry(IMAGENET, (*nodes, *_head(channels, 1536, classes)), "[Tan2019b], figure 5, and the authors' code")


def _mixed_depthwise(channels: int, windows: tuple[int, ...], stride: int = 1) -> Node:
    """Return depthwise convolutions side by side, one for each window; what is left over goes to the first.

    Examples
    --------
    >>> mixed = _mixed_depthwise(10, (3, 5, 7), stride=2)
    >>> [(branch[0].start, branch[0].stop, branch[1].kind) for branch in mixed.branches]
    [(0, 4, 'depthwise 3×3'), (4, 7, 'depthwise 5×5'), (7, 10, 'depthwise 7×7')]
    """
    if len(windows) == 1:
        return _depthwise(channels, windows[0], stride)
    each, rest = divmod(channels, len(windows))
    cuts = pairwise(accumulate([each] * len(windows), initial=0))
    parts = [(start + (rest if start else 0), stop + rest) for start, stop in cuts]
    branches = ((Slice(a, b), _depthwise(b - a, k, stride)) for (a, b), k in zip(parts, windows, strict=True))
    return Block("mixed", tuple(branches), "concat")


GHOSTNET = (
    (3, 16, 16, 0, 1), (3, 48, 24, 0, 2), (3, 72, 24, 0, 1), (5, 72, 40, 1, 2), (5, 120, 40, 1, 1), (3, 240, 80, 0, 2),
    (3, 200, 80, 0, 1), (3, 184, 80, 0, 1), (3, 184, 80, 0, 1), (3, 480, 112, 1, 1), (3, 672, 112, 1, 1), (5, 672, 160, 1, 2),
    (5, 960, 160, 0, 1), (5, 960, 160, 1, 1), (5, 960, 160, 0, 1), (5, 960, 160, 1, 1),
)  # fmt: skip
"""Window, expanded and written channels, gate or none, stride of each block ([Han2020], table 1, and the authors' code)."""


def ghostnet(width: float = 1.0, classes: int = 1000) -> Entry:
    """Return GhostNet, half of whose features are depthwise convolutions of the other half; `width` multiplies channels."""
    scaled = partial(_to_fours, width=width)
    channels, stage = scaled(16), 1
    nodes: list[Node] = [convolution(3, channels, 3, 2)]
    for k, (window, expanded, c, gated, stride) in enumerate(GHOSTNET):
        stage += stride - 1
        name, gate = f"stage{stage}.block{k + 1}", round_to_multiple(scaled(expanded) / 4, 4) if gated else 0
        nodes.append(_ghost_bottleneck(name, channels, scaled(expanded), scaled(c), window, stride, gate))
        channels = scaled(c)
    last, hidden = scaled(960), 1280
    widen = convolution(last, hidden, 1, batch_norm=False, bias=True)
    nodes += [convolution(channels, last, 1), Pool("average"), widen, Linear(hidden, classes)]
    return Entry(IMAGENET, tuple(nodes), "[Han2020], table 1, and the authors' code")


def _to_fours(channels: int, width: float) -> int:
    return round_to_multiple(channels * width, 4)


def _ghost(channels: int, out: int) -> tuple[Node, ...]:
    """Return a pointwise convolution to half of the channels, and beside them a depthwise 3×3 convolution of that half."""
    half = ceil(out / 2)
    both = Block("ghost", ((), (_depthwise(half, 3, 1),)), "concat")
    return convolution(channels, half, 1), both, *([Slice(0, out)] if 2 * half > out else [])


def _ghost_bottleneck(
    name: str, channels: int, middle: int, out: int, window: int, stride: int, squeezed: int
) -> Block:
    """Return two ghost modules, a depthwise convolution between them where the image halves, beside a separable shortcut."""
    halve = [_depthwise(middle, window, stride)] if stride > 1 else []
    gate = [squeeze_excite(middle, squeezed)] if squeezed else []
    body = (*_ghost(channels, middle), *halve, *gate, *_ghost(middle, out))
    same = channels == out and stride == 1
    return Block(name, (body, () if same else (_depthwise(channels, window, stride), convolution(channels, out, 1))))
