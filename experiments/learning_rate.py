"""The learning rate of all other experiments, chosen on the validation split: one per data set and family of blocks."""

from __future__ import annotations

from dataclasses import replace

from experiments import factor_count, igcv1_sweep, inverted_residuals
from experiments.data import Data
from experiments.models import Design

CLAIM = "none: the rate with the best mean validation accuracy over unlike designs is used for all of their family"
SEEDS = 4
FIRST_SEED = 2000
"""Of the comparisons none is used: what chooses a rate shall not be what the rate is judged by."""

RATES = (0.1, 0.2, 0.4, 0.8, 1.6)


def designs(data: Data, seed: int) -> list[Design]:
    """Return unlike designs of each family at each rate; the test split stays shut."""
    several = [design for design in factor_count.designs(data, seed) if design.role != "6 factors"]
    chosen = [*several, *igcv1_sweep.designs(data, seed)[1:3], *inverted_residuals.designs(data, seed)]
    return [
        replace(
            design,
            name=f"{design.name}, rate {rate}",
            budget=f"{design.family}: {design.budget}, rate {rate}",
            rate=rate,
        )
        for rate in RATES
        for design in chosen
    ]
