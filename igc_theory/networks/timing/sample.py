"""Which layers and chains are timed: drawn once, the same on every machine, from the sizes that networks have."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from math import gcd, prod

import numpy as np

from igc_theory.structure.blocks import interleaved
from igc_theory.structure.chains import Chain
from igc_theory.structure.divisors import divisors
from igc_theory.structure.factors import GroupConv
from igc_theory.structure.permutations import interleave

__all__ = ["chains", "layers"]

CHANNELS = (32, 48, 64, 96, 128, 144, 192, 240, 256, 288, 320, 384, 480, 512, 576, 768)
SIDES = (7, 14, 28, 56)
MOST_MULTIPLY_ADDS = 6 * 10**7
MOST_NUMBERS = 13 * 10**5
"""Limits on a layer: some ten milliseconds, and what a cache holds."""

Case = tuple[Chain, int]
"""A chain and the side of its image."""

COUNTS = {
    "pointwise": 36,
    "regular": 24,
    "group pointwise": 80,
    "group": 60,
    "depthwise": 36,
    "depthwise pointwise": 12,
}
SHUFFLES = 28
CHAINS = 100


@cache
def layers() -> tuple[Case, ...]:
    """Return the single layers that a model is fitted to, each kind as often as `COUNTS` says, and shuffles.

    Examples
    --------
    >>> len(layers()), layers()[0]
    (276, (Chain([GroupConv(240, 360)]), 14))
    """
    rng = np.random.default_rng(17)
    found = [case for kind, count in COUNTS.items() for case in _distinct(_convolutions(kind, rng), count)]
    return (*found, *_distinct(_shuffles(rng), SHUFFLES))


@cache
def chains() -> tuple[Case, ...]:
    """Return the interleaved chains that are kept from the fit: from two to five factors, mostly depthwise first.

    Examples
    --------
    >>> len(chains()), {len(chain.convolutions) for chain, _ in chains()}
    (100, {2, 3, 4, 5})
    """
    return tuple(_distinct(_interleaved(np.random.default_rng(18)), CHAINS))


def _distinct(cases: Iterator[Case], count: int) -> list[Case]:
    """Return the first cases that differ and are within the limits."""
    found: dict[Case, None] = {}
    while len(found) < count:
        chain, side = next(cases)
        last = chain.strides[0]
        steps = sum(conv.parameters for conv in chain.convolutions) * (side // last) ** 2
        if steps <= MOST_MULTIPLY_ADDS and max(chain.in_channels, chain.out_channels) * side**2 <= MOST_NUMBERS:
            found[chain, side] = None
    return list(found)


def _convolutions(kind: str, rng: np.random.Generator) -> Iterator[Case]:
    while True:
        into, side, window, stride = (int(rng.choice(choices)) for choices in (CHANNELS, SIDES, (3, 3, 5), (1, 1, 2)))
        out = into if "depthwise" in kind else int(rng.choice([into, into, 2 * into, into * 3 // 2, into // 2]))
        branches = [groups for groups in divisors(gcd(into, out)) if 1 < groups < into]
        groups = 1 if "group" not in kind else int(rng.choice(branches))
        groups = into if "depthwise" in kind else groups
        shape = (1, 1) if "pointwise" in kind else (window, stride)
        yield Chain([GroupConv(into, out, groups, *shape)]), side


def _shuffles(rng: np.random.Generator) -> Iterator[Case]:
    while True:
        channels, side = int(rng.choice(CHANNELS)), int(rng.choice(SIDES))
        groups = int(rng.choice(divisors(channels)[1:-1]))
        yield Chain([interleave(groups, channels // groups)]), side


def _interleaved(rng: np.random.Generator) -> Iterator[Case]:
    """Yield dense chains with at most eight times as many paths as they need."""
    while True:
        channels, side, factors = (int(rng.choice(choices)) for choices in (CHANNELS, SIDES, (2, 3, 3, 4, 5)))
        first = 1 if rng.random() < 0.7 else int(rng.choice([width for width in divisors(channels) if width <= 16]))
        widths = [first, *(int(rng.choice(divisors(channels)[1:])) for _ in range(factors - 1))]
        if channels <= prod(widths) <= 8 * channels:
            yield interleaved(channels, widths), side
