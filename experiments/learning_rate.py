"""The learning rate of every other experiment, chosen on the validation split: one a data set, the same for all designs."""

from __future__ import annotations

from dataclasses import replace

from experiments import factor_count
from experiments.data import Data
from experiments.models import Design

CLAIM = "none: the rate with the best mean validation accuracy over three unlike designs is used everywhere"
SEEDS = 2
RATES = (0.1, 0.2, 0.4, 0.8)


def designs(data: Data, seed: int) -> list[Design]:
    """Return a regular network, and products of two and of four factors, at each rate; the test split stays shut."""
    chosen = [
        design for design in factor_count.designs(data, seed) if design.role in ("1 factor", "2 factors", "4 factors")
    ]
    return [
        replace(design, name=f"{design.name}, rate {rate}", budget=f"rate {rate}", rate=rate)
        for rate in RATES
        for design in chosen
    ]
