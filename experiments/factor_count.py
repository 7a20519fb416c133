"""IGCV2 figure 3: one, a few or many factors at equal weights, each number in the widest dense design that fits."""

from __future__ import annotations

from experiments.data import Data
from experiments.models import Design
from igc_theory.structure.blocks import interleaved

CLAIM = "a few factors beat both one and many"
SEEDS = 64
WIDTHS = {
    (3, 3): [
        (17, [17]),
        (52, [2, 26]),
        (72, [1, 8, 12]),
        (84, [1, 3, 4, 7]),
        (84, [1, 2, 2, 3, 7]),
        (84, [1, 2, 2, 2, 2, 3, 3]),
    ],
    (1, 5): [
        (22, [22]),
        (60, [3, 20]),
        (84, [2, 6, 7]),
        (96, [1, 4, 4, 6]),
        (96, [1, 2, 2, 4, 6]),
        (96, [1, 2, 2, 2, 2, 2, 4]),
    ],
}
"""By window: channels and branch widths, the spatial factor first."""


def designs(data: Data, seed: int) -> list[Design]:
    """Return one design per number of factors."""
    return [
        Design(
            f"C={channels} K={','.join(map(str, widths))}",
            f"{len(widths)} factor{'s' if len(widths) > 1 else ''}",
            (interleaved(channels, widths, data.window),) * 2,
        )
        for channels, widths in WIDTHS[data.window]
    ]
