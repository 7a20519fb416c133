"""IGCV3 against MobileNetV2 blocks at equal weights: the grouped pointwise convolutions pay for more channels."""

from __future__ import annotations

from experiments.data import Data
from experiments.models import Design
from igc_theory.structure.blocks import igcv3, inverted_residual

CLAIM = "at equal weights IGCV3 blocks beat MobileNetV2 blocks, most when the network is small"
SEEDS = 64
SIZES = {
    (3, 3): {"small": (8, 10, 2), "medium": (11, 14, 2), "large": (15, 20, 4)},
    (1, 5): {"small": (9, 12, 4), "medium": (12, 16, 4), "large": (12, 16, 6)},
}
"""By window and budget: channels of MobileNetV2, channels of IGCV3, expansion."""


def designs(data: Data, seed: int) -> list[Design]:
    """Return the pair of each budget."""
    found = []
    for budget, (narrow, wide, expansion) in SIZES[data.window].items():
        mobile = inverted_residual(narrow, narrow, expansion, data.window)
        grouped = igcv3(wide, wide, expansion, kernel_size=data.window)
        found += [
            Design(f"MobileNetV2 C={narrow} t={expansion}", "MobileNetV2", (mobile,) * 2, budget, residual=True),
            Design(f"IGCV3 C={wide} t={expansion}", "IGCV3", (grouped,) * 2, budget, residual=True),
        ]
    return found
