"""All factorizations of one width, as IGCV2 sweeps them: weights differ, and with them which are balanced."""

from __future__ import annotations

from experiments.balance import imbalance
from experiments.data import Data
from experiments.models import Design
from igc_theory.budget.designs.cheapest import factorizations
from igc_theory.structure.blocks import interleaved
from igc_theory.structure.divisors import divisors

CLAIM = "of the factorizations of one width into equally many factors, the balanced one is the most accurate"
SEEDS = 64
CHANNELS = 16


def designs(data: Data, seed: int) -> list[Design]:
    """Return a design per factorization, spatial factor first; the nearest to balance of each number of factors is so called."""
    area = data.window[0] * data.window[1]
    chains = [[first, *rest] for first in divisors(CHANNELS) for rest in factorizations(CHANNELS // first)]
    nearest = {len(widths): widths for widths in sorted(chains, key=lambda widths: -imbalance(widths, area))}
    return [
        Design(
            f"C={CHANNELS} K={','.join(map(str, widths))}",
            "balanced" if nearest[len(widths)] == widths else "other",
            (interleaved(CHANNELS, widths, data.window),) * 2,
            f"{len(widths)} factors, K={','.join(map(str, widths))}",
        )
        for widths in chains
    ]
