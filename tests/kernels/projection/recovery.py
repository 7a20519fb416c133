"""Do products come back? ``python -m tests.kernels.projection.recovery [FAMILY …]``.

For each family, random products of one chain are projected onto it, from the start that the chain has and from random ones. How
many come back to a relative error of 1e-10 goes to ``recovery.csv``. A run that was cut off goes on with the families it lacks;
those named on the command line are measured again.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from tqdm import tqdm

from igc_theory import GroupConv, igcv3, interleave
from igc_theory.budget import best_dense
from igc_theory.kernels import project, random_product
from igc_theory.structure import (
    Chain,
    blast,
    butterfly,
    canonical_polyadic,
    group_and_shuffle,
    interleaved,
    kaleidoscope,
    monarch,
    network_decoupling,
    regular,
    spatially_separable,
    tucker_2,
)

TABLE = Path(__file__).with_suffix(".csv")
COLUMNS = ("family", "factors", "weights", "restarts", "trials", "recovered", "median error", "worst error")
TRIALS, CLOSE = 20, 1e-10


def blast_like() -> Chain:
    """Two interleavings around a middle of 24 channels."""
    outer = GroupConv(64, 24, 4), GroupConv(24, 64, 4)
    return Chain([outer[0], interleave(4, 6), GroupConv(24, 24, 6), interleave(6, 4), outer[1]])


FAMILIES: dict[str, Callable[[], Chain]] = {
    "monarch 24 to 36": lambda: monarch(24, 36, 6),
    "monarch of order 3, 27": lambda: monarch(27, 27, order=3),
    "BLAST-like 64": blast_like,
    "BLAST 16, rank 3": lambda: blast(16, 16, 4, 3),
    "butterfly 32": lambda: butterfly(32),
    "kaleidoscope 4": lambda: kaleidoscope(4),
    "kaleidoscope 8": lambda: kaleidoscope(8),
    "group and shuffle 16, three factors of 4": lambda: group_and_shuffle(16, 16, 16, [4, 4, 4]),
    "igcv3 12": lambda: igcv3(12, 12, 2, (2, 3)),
    "igcv3 8": lambda: igcv3(8, 8, 2),
    "best dense 30": lambda: best_dense(30, 9).chain,
    "nearly complementary 12": lambda: interleaved(12, [4, 4], 3),
    "interleaved 12, two paths": lambda: interleaved(12, [2, 3, 4], 1),
    "spatially separable 8 to 6": lambda: spatially_separable(8, 6, 5),
    "canonical polyadic 6, rank 4": lambda: canonical_polyadic(6, 6, 4),
    "Tucker-2 12": lambda: tucker_2(12, 12, (5, 6)),
    "network decoupling 6 to 8": lambda: network_decoupling(6, 8, 2),
    "two windows of 3": lambda: regular(4, 3) + regular(3, 4),
}


HARD: set[str] = {"kaleidoscope 4", "kaleidoscope 8", "group and shuffle 16, three factors of 4"}
"""Families of which fewer than 95 % come back."""


def measured(family: str, trials: int = TRIALS, restarts: int = 8) -> dict[str, str | int | float]:
    """The row of one family."""
    chain = FAMILIES[family]()
    errors = []
    for seed in tqdm(range(trials), family, leave=False):
        rng = np.random.default_rng(seed)
        errors.append(project(random_product(chain, rng).kernel(), chain, rng=rng, restarts=restarts).relative_error)
    recovered = sum(error <= CLOSE for error in errors)
    counts = len(chain.convolutions), chain.parameters, restarts, trials, recovered
    return dict(zip(COLUMNS, (family, *counts, float(np.median(errors)), max(errors)), strict=True))


def stored() -> dict[str, dict[str, str | int | float]]:
    """The rows so far."""
    if not TABLE.exists():
        return {}
    with TABLE.open(encoding="utf-8") as file:
        return {row["family"]: dict(row) for row in csv.DictReader(file)}


def main(again: list[str]) -> None:
    """Measure what is missing or named, and write the table after each family."""
    for family in tqdm(FAMILIES, "families"):
        rows = stored()
        if family in rows and family not in again:
            continue
        rows[family] = measured(family)
        with TABLE.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows[name] for name in FAMILIES if name in rows)


if __name__ == "__main__":
    main(sys.argv[1:])
