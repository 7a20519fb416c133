"""The learning rate of all other experiments, chosen on the validation split: one per data set and family of blocks."""

from __future__ import annotations

from dataclasses import replace

from experiments import factor_count, inverted_residuals
from experiments.data import Data
from experiments.models import Design

CLAIM = "none: the rate with the best mean validation accuracy over unlike designs is used for all of their family"
SEEDS = 2
RATES = (0.1, 0.2, 0.4, 0.8, 1.6)


def designs(data: Data, seed: int) -> list[Design]:
    """Return linear blocks of one, two and four factors, and all residual ones, at each rate; the test split stays shut."""
    linear = [
        design for design in factor_count.designs(data, seed) if design.role in ("1 factor", "2 factors", "4 factors")
    ]
    chosen = [*linear, *inverted_residuals.designs(data, seed)]
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
