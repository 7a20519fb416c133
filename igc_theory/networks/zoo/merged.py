"""Networks trained with branches that are merged into one convolution afterwards: RepVGG, MobileOne.

Convolutions side by side with the same stride are linear in their weights: their sum, batch-norms included, is one convolution.
"""

from __future__ import annotations

from igc_theory.networks.description.layers import Linear, Norm, Pool, convolution
from igc_theory.networks.description.nodes import Block, Node
from igc_theory.networks.zoo.classic import IMAGENET, Entry, chosen

__all__ = ["mobileone", "repvgg"]

REPVGG = {
    "A0": ((2, 4, 14, 1), (48, 96, 192, 1280)),
    "A1": ((2, 4, 14, 1), (64, 128, 256, 1280)),
    "A2": ((2, 4, 14, 1), (96, 192, 384, 1408)),
    "B0": ((4, 6, 16, 1), (64, 128, 256, 1280)),
}
"""Layers and channels of the four stages behind the stem ([Ding2021], tables 2 and 3)."""

MOBILEONE = {"S0": ((2, 8, 10, 1), (48, 128, 256, 1024), 4)}
"""Blocks and channels of the four stages behind the stem, convolutions side by side ([Vasu2023])."""


def _mergeable(
    name: str,
    in_channels: int,
    out_channels: int,
    kernel_size: int = 3,
    stride: int = 1,
    *,
    groups: int = 1,
    alike: int = 1,
    merged: bool = False,
) -> Block:
    """Return `alike` convolutions, a 1×1 one if they are larger, and a batch-norm alone where the shape stays, all added up.

    Parameters
    ----------
    name : str
    in_channels, out_channels, kernel_size, stride, groups : int
        Of the convolutions.
    alike : int, default 1
        How many of them stand side by side.
    merged : bool, default False
        Whether they are merged: one convolution with biases.

    Examples
    --------
    >>> [len(_mergeable("stage1.block1", 48, 48, merged=flag).branches) for flag in (False, True)]
    [3, 1]
    """
    if merged:
        alone = convolution(in_channels, out_channels, kernel_size, stride, groups=groups, batch_norm=False, bias=True)
        return Block(name, ((alone,),))
    convolutions = [(convolution(in_channels, out_channels, kernel_size, stride, groups=groups),)] * alike
    pointwise = [(convolution(in_channels, out_channels, 1, stride, groups=groups),)] if kernel_size > 1 else []
    identity = [(Norm(in_channels),)] if in_channels == out_channels and stride == 1 else []
    return Block(name, (*convolutions, *pointwise, *identity))


def repvgg(size: str = "A0", merged: bool = False, classes: int = 1000) -> Entry:
    """Return RepVGG as it is trained, or `merged` as it is used: a plain stack of 3×3 convolutions."""
    repeats, widths = chosen("size", size, REPVGG)
    channels = min(64, widths[0])
    nodes: list[Node] = [_mergeable("stage0.layer1", 3, channels, stride=2, merged=merged)]
    for stage, (repeat, out) in enumerate(zip(repeats, widths, strict=True)):
        for layer in range(repeat):
            name, stride = f"stage{stage + 1}.layer{layer + 1}", 1 if layer else 2
            nodes.append(_mergeable(name, channels, out, stride=stride, merged=merged))
            channels = out
    return Entry(IMAGENET, (*nodes, Pool("average"), Linear(channels, classes)), "[Ding2021], tables 2 and 3")


def mobileone(size: str = "S0", merged: bool = False, classes: int = 1000) -> Entry:
    """Return MobileOne as it is trained, or `merged` as it is used: depthwise and pointwise convolutions in turn."""
    repeats, widths, alike = chosen("size", size, MOBILEONE)
    channels = min(64, widths[0])
    nodes: list[Node] = [_mergeable("stage0.layer1", 3, channels, stride=2, merged=merged)]
    for stage, (repeat, out) in enumerate(zip(repeats, widths, strict=True)):
        for block in range(repeat):
            name, stride = f"stage{stage + 1}.block{block + 1}", 1 if block else 2
            depthwise = _mergeable(
                "depthwise", channels, channels, 3, stride, groups=channels, alike=alike, merged=merged
            )
            pointwise = _mergeable("pointwise", channels, out, 1, alike=alike, merged=merged)
            nodes.append(Block(name, ((depthwise, pointwise),)))
            channels = out
    return Entry(IMAGENET, (*nodes, Pool("average"), Linear(channels, classes)), "[Vasu2023]")
