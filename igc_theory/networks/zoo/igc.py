"""The networks of interleaved group convolutions: IGCV1 on CIFAR and ImageNet, IGCV2*, IGCV3-D."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from igc_theory.networks.description.layers import Conv, Linear, Pool, Shuffle, convolution
from igc_theory.networks.description.nodes import Block, Node
from igc_theory.networks.zoo.classic import CIFAR, IMAGENET, Entry, residual_block
from igc_theory.networks.zoo.mobile import as_nodes
from igc_theory.structure.arguments.kinds import shown
from igc_theory.structure.arguments.numbers import positive_int
from igc_theory.structure.blocks import igcv3, interleaved
from igc_theory.structure.branches import serial_factors
from igc_theory.structure.chains import Chain
from igc_theory.structure.factors import GroupConv
from igc_theory.structure.permutations import interleave

__all__ = ["igc_cifar", "igc_imagenet", "igcv2_star", "igcv3_d", "regular_cifar", "summation_cifar"]

LayerRule = Callable[[int, int, int], tuple[Node, ...]]
"""Input channels, output channels and stride to the nodes of one layer."""


def regular_cifar(width: int = 16, depth: int = 20, identity: bool = False, classes: int = 10) -> Entry:
    """Return RegConv: the plain network of regular 3×3 convolutions, `width` channels in the first stage."""
    nodes = _three_stages(width, lambda c, out, s: (convolution(c, out, 3, s),), depth, identity, classes, 1)
    return Entry(CIFAR, nodes, "[Zhang2017], section 5.1")


def igc_cifar(L: int = 24, M: int = 2, depth: int = 20, identity: bool = False, classes: int = 10) -> Entry:
    """Return IGC-L·M·: every layer an IGCV1 block; `L` stays, `M` doubles from stage to stage."""
    nodes = _three_stages(L * M, _igc_layer(L), depth, identity, classes, L)
    return Entry(CIFAR, nodes, "[Zhang2017], section 5.1")


def summation_cifar(L: int = 4, M: int = 8, depth: int = 20, identity: bool = False, classes: int = 10) -> Entry:
    """Return SumFusion: IGC whose secondary convolutions are fixed to ones, so that they store and multiply nothing."""
    nodes = _three_stages(L * M, _igc_layer(L, fixed=True), depth, identity, classes, L)
    return Entry(CIFAR, nodes, "[Zhang2017], sections 3.2 and 5.1")


def igcv2_star(
    width: int = 416, branch_width: int = 8, depth: int = 20, identity: bool = False, classes: int = 10
) -> Entry:
    """Return IGCV2*: depthwise 3×3, then ⌈log_K C⌉ interleaved pointwise convolutions of K = 8 channels per branch."""
    positive_int("branch_width", branch_width, minimum=2)

    @cache
    def layer(channels: int, out: int, stride: int) -> tuple[Node, ...]:
        count = next(n for n in range(1, 64) if branch_width**n >= out)
        pointwise = interleaved(out, [branch_width] * count, kernel_size=1)
        entry = _widening_depthwise(channels, out, stride)
        return entry, *_one_norm(pointwise)

    nodes = _three_stages(width, layer, depth, identity, classes, width)
    return Entry(CIFAR, nodes, "[Xie2018], sections 4.2 and 5")


def igc_imagenet(L: int = 100, M: int = 2, doubling: str = "L", classes: int = 1000) -> Entry:
    """Return an ImageNet IGC network of depth 18 with shortcuts: two blocks of two IGC layers per stage.

    ``doubling="M"`` starts with a stem of ``L*M`` channels and doubles `M` from the second stage on. ``doubling="L"`` starts
    with a stem of `L` channels and doubles the width at every stage, the first included. Projections have `L` groups.
    """
    if doubling not in ("L", "M"):
        raise ValueError(
            f"doubling={shown(doubling)} is neither 'L' nor 'M': say which of the two doubles from stage to stage"
        )
    stem = L if doubling == "L" else L * M
    nodes: list[Node] = [convolution(3, stem, 7, 2), Pool("max", 3, 2, padding=1)]
    channels = stem
    for stage in range(4):
        out = L * M << stage
        partitions = L << stage if doubling == "L" else L
        layer = _igc_layer(partitions)
        for block in range(2):
            s = 2 if stage and not block else 1
            body = layer(channels, out, s) + layer(out, out, 1)
            nodes.append(
                residual_block(f"stage{stage + 1}.block{block + 1}", body, channels, out, s, groups=partitions)
            )
            channels = out
    nodes += [Pool("average"), Linear(channels, classes)]
    return Entry(IMAGENET, tuple(nodes), "[Zhang2017], section 5.3, and the authors' published model graphs")


IGCV3_D = ((1, 16, 1, 1), (6, 24, 4, 2), (6, 32, 6, 2), (6, 64, 8, 2), (6, 96, 6, 1), (6, 160, 6, 2), (6, 320, 1, 1))
"""Expansion t, channels c, repeats n, first stride s of each stage ([Sun2018], table 4)."""


def igcv3_d(
    width: float = 1.0,
    groups: tuple[int, int] = (2, 2),
    repeats: tuple[int, ...] = (1, 4, 6, 8, 6, 6, 1),
    classes: int = 1000,
) -> Entry:
    """Return IGCV3-D; `width` multiplies all channels, rounded up to even ones, the head only if above 1."""
    if len(repeats) != 7:
        raise ValueError(f"repeats={shown(repeats)} has {len(repeats)} entries, not 7: give the blocks of each stage")
    channels = _even(32 * width)
    nodes: list[Node] = [convolution(3, channels, 3, 2)]
    for stage, ((t, c, _, s), n) in enumerate(zip(IGCV3_D, repeats, strict=True)):
        out = _even(c * width)
        for block in range(n):
            body = _igcv3_nodes(channels, out, t, groups, s if not block else 1)
            shortcut: tuple[tuple[Node, ...], ...] = ((),) if block else ()
            nodes.append(Block(f"stage{stage + 1}.block{block + 1}", (body, *shortcut)))
            channels = out
    head = int(1280 * max(1.0, width))
    nodes += [convolution(channels, head, 1), Pool("average"), Linear(head, classes)]
    return Entry(IMAGENET, tuple(nodes), "[Sun2018], table 4, and the authors' code")


@cache
def _igcv3_nodes(channels: int, out: int, t: int, groups: tuple[int, int], stride: int) -> tuple[Node, ...]:
    return as_nodes(igcv3(channels, out, t, groups, stride=stride))


def _three_stages(
    stem: int, layer: LayerRule, depth: int, identity: bool, classes: int, shortcut_groups: int
) -> tuple[Node, ...]:
    """Return stem, three stages of (depth - 2)/3 layers with widths 1, 2, 4 times the stem, pool and classifier.

    The second and third stage begin with stride 2. With `identity` every two layers have a shortcut: a grouped 1×1
    convolution where the shape changes, else the identity.
    """
    per_stage = _layers_per_stage(depth, identity)
    nodes: list[Node] = [convolution(3, stem)]
    channels = stem
    for stage in range(3):
        out = stem << stage
        for k in range(0, per_stage, 1 + identity):
            s = 2 if stage and k == 0 else 1
            first, name = layer(channels, out, s), f"stage{stage + 1}"
            nodes.append(
                residual_block(
                    f"{name}.block{k // 2 + 1}", first + layer(out, out, 1), channels, out, s, groups=shortcut_groups
                )
                if identity
                else Block(f"{name}.layer{k + 1}", (first,))
            )
            channels = out
    return (*nodes, Pool("average"), Linear(channels, classes))


def _layers_per_stage(depth: int, identity: bool) -> int:
    step = 6 if identity else 3
    count, rest = divmod(depth - 2, step)
    if rest or count < 1:
        nearest = max(count, 1) * step + 2
        raise ValueError(f"depth={depth} is not {step}k + 2: use {nearest} or {nearest + step}")
    return count * (1 + identity)


def _igc_layer(L: int, fixed: bool = False) -> LayerRule:
    """Return the rule of one IGCV1 layer with `L` primary partitions and one batch-norm behind both convolutions."""

    @cache
    def layer(channels: int, out: int, stride: int) -> tuple[Node, ...]:
        primary = GroupConv(channels, out, L, 3, stride)
        back = interleave(primary.out_width, L)
        secondary = Conv(GroupConv(out, out, primary.out_width), fixed=fixed)
        return Conv(primary, batch_norm=False), Shuffle(interleave(L, primary.out_width)), secondary, Shuffle(back)

    return layer


def _widening_depthwise(channels: int, out: int, stride: int) -> Conv:
    """Return the depthwise convolution; where the width doubles every input channel has two kernels."""
    return Conv(GroupConv(channels, out, channels, 3, stride), batch_norm=False)


def _one_norm(chain: Chain) -> tuple[Node, ...]:
    """Return the factors as nodes with one batch-norm, behind the last convolution."""
    last = chain.convolutions[-1]
    return tuple(
        Conv(part, batch_norm=part is last) if isinstance(part, GroupConv) else Shuffle(part)
        for part in serial_factors(chain)
    )


def _even(channels: float) -> int:
    rounded = round(channels)
    return rounded + rounded % 2
