"""Balanced against skewed branch widths: three factors, equal weights, so that skew costs width."""

from __future__ import annotations

from experiments.data import Data
from experiments.models import Design
from igc_theory.structure.blocks import interleaved

CLAIM = "the design nearest to balance, S K1 = K2 = K3, is best or second best"
SEEDS = 64
WIDTHS = {
    (3, 3): [(72, [1, 8, 12]), (70, [1, 7, 14]), (70, [2, 5, 7]), (60, [3, 4, 5]), (54, [1, 6, 27]), (32, [8, 2, 2])],
    (1, 5): [
        (84, [2, 6, 7]),
        (70, [1, 10, 14]),
        (72, [3, 4, 9]),
        (60, [5, 4, 6]),
        (63, [1, 7, 21]),
        (48, [8, 2, 4]),
    ],
}
"""By window: channels and branch widths, the spatial factor first; all dense."""


def designs(data: Data, seed: int) -> list[Design]:
    """Return the designs; the role is the imbalance, arithmetic over geometric mean of (S K1, K2, K3), 1 at balance."""
    height, width = data.window
    return [
        Design(
            f"C={channels} K={','.join(map(str, widths))}",
            f"imbalance {imbalance(widths, height * width):.3f}",
            (interleaved(channels, widths, data.window),) * 2,
        )
        for channels, widths in WIDTHS[data.window]
    ]


def imbalance(widths: list[int], kernel_area: int) -> float:
    """Return by how much the widths miss the balance condition: the ratio of AM to GM that the condition makes 1."""
    terms = [kernel_area * widths[0], *widths[1:]]
    product = 1
    for term in terms:
        product *= term
    return float(sum(terms) / len(terms) / product ** (1 / len(terms)))
