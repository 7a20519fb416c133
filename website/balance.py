"""The tables behind the bet on balance: every three widths of 144 channels, the map of imbalance, and where balance breaks."""

from __future__ import annotations

from typing import Any

import numpy as np

from igc_theory.budget.curves.blocks import imbalance_of_designs, price_of_imbalance
from igc_theory.budget.designs.design import Design
from igc_theory.budget.formulas.widths import attainable_parameters, balanced_parameters

__all__ = ["CHANNELS", "tables"]

CHANNELS = 144
AREA = 9
REACH = 7.5
BETS = ((12, 3, 4), (6, 4, 6), (4, 6, 6), (2, 8, 9), (1, 12, 12))
MOST_FACTORS = 7


def tables() -> dict[str, Any]:
    """Return the designs with their cost per channel and place on the map, the map, and the balanced terms."""
    columns = imbalance_of_designs(CHANNELS, AREA)
    widths = list(zip(*(columns[name].tolist() for name in ("K1", "K2", "K3")), strict=True))
    places = zip(*(columns[name].round(3).tolist() for name in ("log2_second", "log2_third", "price")), strict=True)
    costs = [Design(CHANNELS, chosen, 3).parameters_per_channel for chosen in widths]
    points = 31
    price = price_of_imbalance(REACH, points, AREA)
    return {
        "channels": CHANNELS,
        "area": AREA,
        "reach": REACH,
        "bets": BETS,
        "designs": [[*w, cost, *place] for w, cost, place in zip(widths, costs, places, strict=True)],
        "map": np.round(price["price"].reshape(points, points), 2).tolist(),
        "balanced": round(float(balanced_parameters(CHANNELS, 3, AREA)) / CHANNELS, 2),
        "factors": [_of_factors(L) for L in range(2, MOST_FACTORS + 1)],
    }


def _of_factors(L: int) -> list[float]:
    """Return a number of factors, the term of each in balance, and the weights per channel in balance and where K_1 ≥ 1."""
    balanced = float(balanced_parameters(CHANNELS, L, AREA)) / CHANNELS
    attainable = float(attainable_parameters(CHANNELS, L, AREA)) / CHANNELS
    return [L, round(balanced / L, 2), round(balanced, 2), round(attainable, 2)]
