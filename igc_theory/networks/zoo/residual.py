"""Residual networks after ResNeXt: RegNetY and ConvNeXt."""

from __future__ import annotations

from igc_theory.networks.description.layers import Linear, Norm, Pool, Scale, convolution
from igc_theory.networks.description.nodes import Block, Node
from igc_theory.networks.zoo.classic import IMAGENET, Entry, chosen, residual_block
from igc_theory.networks.zoo.inverted_residuals import squeeze_excite

__all__ = ["convnext", "regnet_y"]

REGNET_Y = {
    "400MF": ((1, 3, 6, 6), (48, 104, 208, 440), 8),
    "800MF": ((1, 3, 8, 2), (64, 128, 320, 768), 16),
    "1.6GF": ((2, 6, 17, 2), (48, 120, 336, 888), 24),
    "3.2GF": ((2, 5, 13, 1), (72, 216, 576, 1512), 24),
}
"""Blocks and channels of the four stages, channels per branch ([Radosavovic2020], and the authors' configurations)."""


def regnet_y(size: str = "400MF", classes: int = 1000) -> Entry:
    """Return RegNetY: bottlenecks that do not narrow, their 3×3 convolution in branches of equal width, weighed by a gate.

    A gate squeezes to a quarter of the channels that its block reads.
    """
    repeats, widths, branch_width = chosen("size", size, REGNET_Y)
    channels = 32
    nodes: list[Node] = [convolution(3, channels, 3, 2)]
    for stage, (repeat, out) in enumerate(zip(repeats, widths, strict=True)):
        for block in range(repeat):
            s = 1 if block else 2
            spatial = convolution(out, out, 3, s, groups=out // branch_width)
            body = (
                convolution(channels, out, 1),
                spatial,
                squeeze_excite(out, channels // 4),
                convolution(out, out, 1),
            )
            nodes.append(residual_block(f"stage{stage + 1}.block{block + 1}", body, channels, out, s))
            channels = out
    return Entry(
        IMAGENET,
        (*nodes, Pool("average"), Linear(channels, classes)),
        "[Radosavovic2020], and the authors' configurations",
    )


CONVNEXT = {
    "tiny": ((3, 3, 9, 3), (96, 192, 384, 768)),
    "small": ((3, 3, 27, 3), (96, 192, 384, 768)),
    "base": ((3, 3, 27, 3), (128, 256, 512, 1024)),
}
"""Blocks and channels of the four stages ([Liu2022], section 3)."""


def convnext(size: str = "tiny", classes: int = 1000) -> Entry:
    """Return ConvNeXt: depthwise 7×7 convolutions, then two dense layers at each position, with layer norm and layer scale."""
    repeats, widths = chosen("size", size, CONVNEXT)
    channels = widths[0]
    nodes: list[Node] = [convolution(3, channels, 4, 4, batch_norm=False, bias=True, padding=0), _layer_norm(channels)]
    for stage, (repeat, out) in enumerate(zip(repeats, widths, strict=True)):
        if stage:
            nodes += [_layer_norm(channels), convolution(channels, out, 2, 2, batch_norm=False, bias=True, padding=0)]
        nodes += [_convnext_block(f"stage{stage + 1}.block{block + 1}", out) for block in range(repeat)]
        channels = out
    nodes += [Pool("average"), _layer_norm(channels), Linear(channels, classes)]
    return Entry(IMAGENET, tuple(nodes), "[Liu2022], section 3")


def _layer_norm(channels: int) -> Norm:
    return Norm(channels, "layer norm")


def _convnext_block(name: str, channels: int) -> Block:
    depthwise = convolution(channels, channels, 7, 1, groups=channels, batch_norm=False, bias=True)
    widen = convolution(channels, 4 * channels, 1, batch_norm=False, bias=True)
    narrow = convolution(4 * channels, channels, 1, batch_norm=False, bias=True)
    return Block(name, ((depthwise, _layer_norm(channels), widen, narrow, Scale(channels)), ()))
