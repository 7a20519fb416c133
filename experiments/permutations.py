"""The same factors with interleaving, random and no permutations between them: weights and width stay, paths change."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from experiments.data import Data
from experiments.models import Design
from igc_theory.structure.blocks import igcv1, interleaved
from igc_theory.structure.branches import serial_factors
from igc_theory.structure.chains import Chain, Factor
from igc_theory.structure.factors import GroupConv
from igc_theory.structure.permutations import ChannelPermutation

CLAIM = "complementary factors beat the same factors un-permuted, and randomly permuted ones lie between"
SEEDS = 64
CHAINS: dict[tuple[int, int], dict[str, Callable[[tuple[int, int]], Chain]]] = {
    (3, 3): {
        "2 factors": lambda window: igcv1(17, 3, window),
        "3 factors": lambda window: interleaved(72, [1, 8, 12], window),
    },
    (1, 5): {
        "2 factors": lambda window: igcv1(20, 3, window),
        "3 factors": lambda window: interleaved(84, [2, 6, 7], window),
    },
}


def designs(data: Data, seed: int) -> list[Design]:
    """Return each chain in three arrangements; random permutations are drawn anew for every block and seed."""
    found = []
    for budget, make in CHAINS[data.window].items():
        chain, rng = make(data.window), np.random.default_rng([seed, 1])
        arrangements = {
            "interleaved": (chain, chain),
            "random": (shuffled(chain, rng), shuffled(chain, rng)),
            "none": (Chain(chain.convolutions),) * 2,
        }
        found += [Design(f"{budget}, {role}", role, blocks, budget) for role, blocks in arrangements.items()]
    return found


def shuffled(chain: Chain, rng: np.random.Generator) -> Chain:
    """Return the chain with every permutation replaced by a random one."""
    factors: list[Factor] = [
        factor if isinstance(factor, GroupConv) else ChannelPermutation(rng.permutation(factor.channels))
        for factor in serial_factors(chain)
    ]
    return Chain(factors, name=f"{chain.name}, shuffled")
