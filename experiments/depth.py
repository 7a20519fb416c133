"""The same comparison in networks of two, four and eight blocks: an IGCV1 block against a regular convolution at equal weights."""

from __future__ import annotations

from experiments.data import Data
from experiments.models import Design
from igc_theory.structure.blocks import igcv1, regular

CLAIM = "the deeper the network, the further an interleaved block is ahead of a regular convolution"
SEEDS = 64
PARTITIONS = {(3, 3): (17, {2: 44, 4: 45, 8: 46}), (1, 5): (18, {2: 36, 4: 37, 8: 37})}
"""By window: the width of the regular network, and by number of blocks the primary partitions L of IGCV1 with M = 1."""


def designs(data: Data, seed: int) -> list[Design]:
    """Return the pair of each depth; stem and classifier weigh less in deep networks, so that L changes a little."""
    width, partitions = PARTITIONS[data.window]
    found = []
    for blocks, L in partitions.items():
        budget = f"{blocks} blocks"
        found += [
            Design(f"regular C={width}, {budget}", "regular", (regular(width, width, data.window),) * blocks, budget),
            Design(f"L={L} M=1, {budget}", "IGCV1", (igcv1(L, 1, data.window),) * blocks, budget),
        ]
    return found
