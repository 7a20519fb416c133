"""Xception's block, its order and its variants beside IGCV1, at equal weights."""

from __future__ import annotations

from experiments.data import Data
from experiments.models import Design
from igc_theory.structure.blocks import depthwise_separable, igcv1, xception
from igc_theory.structure.chains import Chain
from igc_theory.structure.factors import GroupConv

CLAIM = "IGCV1 beats Xception's block, and so does a group convolution in place of the depthwise one; the order matters little"
SEEDS = 64
WIDTHS = {(3, 3): (35, 32, (20, 2)), (1, 5): (42, 40, (26, 2))}
"""By window: channels of Xception's block, channels where branches of two take the place of single ones, (L, M) of IGCV1."""


def designs(data: Data, seed: int) -> list[Design]:
    """Return the block in both orders, with a group convolution of two channels per branch, and IGCV1."""
    width, narrower, (L, M) = WIDTHS[data.window]
    pairs = GroupConv(narrower, narrower, narrower // 2, data.window)
    blocks = {
        "depthwise first": depthwise_separable(width, width, data.window),
        "pointwise first": xception(width, width, data.window),
        "group, then dense": Chain([pairs, GroupConv(narrower, narrower)], name="group convolution, then dense"),
        "IGCV1": igcv1(L, M, data.window),
    }
    return [Design(f"{role} C={chain.in_channels}", role, (chain,) * 2) for role, chain in blocks.items()]
