"""How often the intervals of `experiments.bootstrap` hold the truth, by simulation: writes coverage.csv beside it, ten minutes.

    python -m tests.experiments.coverage

An *interval* cell holds the share of samples whose 95 % interval of the mean holds the true one, by the bootstrap and by Student.
A *rank* cell does so for a statistic that sorts: by how much one of six equal designs beats the second best of the others. A
*family* is one of 40 true null hypotheses, paired and correlated. Its cell holds the share of families with a rejection: by the
simultaneous intervals, and by Student's at 95 % each. What the first samples give is stored by itself, for a test to repeat.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t
from tqdm import tqdm

from experiments.bootstrap import Statistic, critical_value, estimates, interval

STORED = Path(__file__).with_name("coverage.csv")
FIRST = 3
FAMILY = 40
SAMPLES = {"interval": 2000, "family": 400, "rank": 2000}
CELLS = [
    *(("interval", distribution, seeds) for distribution in ("normal", "skewed", "counts") for seeds in (5, 8, 16, 32)),
    *(("family", distribution, seeds) for distribution, seeds in (("normal", 16), ("normal", 32), ("counts", 32))),
    ("rank", "normal", 32),
]
"""Counts are differences of two accuracies on 1,000 images, each a whole number of images."""


def draws(distribution: str, rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return numbers with mean 0."""
    if distribution == "normal":
        return rng.normal(size=shape)
    if distribution == "skewed":
        return rng.exponential(size=shape) - 1
    return (rng.binomial(1000, 0.975, size=shape) - rng.binomial(1000, 0.975, size=shape)) / 10


def first(means: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean itself."""
    return means[0]


def second_best(means: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return by how much the first mean is above the second best of the others."""
    return np.asarray(means[0] - np.sort(means[1:], axis=0)[-2])


def covered(statistic: Statistic, table: NDArray[np.float64]) -> tuple[bool, bool, float]:
    """Return whether the bootstrap's and Student's interval hold 0, and the lower end of the bootstrap's."""
    low, high = interval(statistic, table)
    (value,), (error,) = estimates(statistic, table)
    return low <= 0 <= high, bool(abs(value) <= t.ppf(0.975, len(table) - 1) * error), low


def rejected(table: NDArray[np.float64]) -> tuple[bool, bool, float]:
    """Return whether any column is said to differ from 0, judged together and each by itself, and the critical value."""
    family = [(first, table[:, [k]]) for k in range(table.shape[1])]
    ratios = [abs(float(value[0] / error[0])) for value, error in (estimates(*member) for member in family)]
    critical = critical_value(family)
    return max(ratios) > critical, max(ratios) > t.ppf(0.975, len(table) - 1), critical


def sample(kind: str, distribution: str, seeds: int, rng: np.random.Generator) -> tuple[bool, bool, float]:
    """Return what one sample gives."""
    if kind == "interval":
        return covered(first, draws(distribution, rng, (seeds, 1)))
    if kind == "rank":
        return covered(second_best, draws(distribution, rng, (seeds, 6)))
    # Half of each column is common to all of them, as if one design took part in all comparisons.
    return rejected(draws(distribution, rng, (seeds, FAMILY)) + draws(distribution, rng, (seeds, 1)))


def simulate(kind: str, distribution: str, seeds: int, samples: int) -> dict[str, str | int | float]:
    """Return the row of one cell; samples come from one generator, in order."""
    rng = np.random.default_rng([CELLS.index((kind, distribution, seeds)), 18])
    found = np.array([sample(kind, distribution, seeds, rng) for _ in range(samples)], float)
    cell: dict[str, str | int | float] = {
        "kind": kind,
        "distribution": distribution,
        "seeds": seeds,
        "samples": samples,
    }
    bootstrap, student, _ = found.mean(axis=0)
    begun = found[:FIRST, 2].sum()
    return cell | {
        "bootstrap": round(float(bootstrap), 4),
        "student": round(float(student), 4),
        "first": round(float(begun), 6),
    }


def main() -> int:
    """Simulate all cells, and store them."""
    rows = [simulate(*cell, samples=SAMPLES[cell[0]]) for cell in tqdm(CELLS)]
    with STORED.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
