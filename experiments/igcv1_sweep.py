"""IGCV1 figure 3: primary partitions L against channels in each M, at equal weights, beside a regular convolution."""

from __future__ import annotations

from experiments.data import Data
from experiments.models import Design
from igc_theory.structure.blocks import igcv1, regular

CLAIM = "at equal weights the wider IGCV1 block beats a regular convolution, and accuracy peaks near the widest design"
SEEDS = 64
SWEEP = {
    (3, 3): (17, [(44, 1), (26, 2), (17, 3), (12, 4), (4, 8)]),
    (1, 5): (22, [(45, 1), (28, 2), (20, 3), (15, 4), (6, 8)]),
}
"""By window: the width of the regular network, and (L, M) of the others; 8×8 images take 3×3 windows, sequences windows of 5."""


def designs(data: Data, seed: int) -> list[Design]:
    """Return the regular design and the sweep."""
    width, sweep = SWEEP[data.window]
    plain = Design(f"regular C={width}", "regular", (regular(width, width, data.window),) * 2)
    return [plain, *(Design(f"L={L} M={M}", f"M={M}", (igcv1(L, M, data.window),) * 2) for L, M in sweep)]
