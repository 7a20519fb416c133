"""What the stored rows of the worked example say: accuracies, sizes and times of each method, and how far two methods differ.

Nothing is trained here, and PyTorch is not needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from experiments.bootstrap import interval
from experiments.records import Row, read

__all__ = ["KEEPS", "METHODS", "ORIGINAL", "Difference", "column", "difference", "rows", "summary_table"]

STORED = Path(__file__).with_name("example.csv")
ORIGINAL = "original"
METHODS = ("rewritten", "low rank", "pruned", "products from scratch")
"""What is compared at equal size: `rewrite` with every family; with low rank alone; the largest weights; products trained anew."""

KEEPS = (0.5, 0.25, 0.1)
"""Shares of the weights that are left."""


@dataclass(frozen=True)
class Difference:
    """By how much one method is above another, over seeds.

    Attributes
    ----------
    mean, low, high : float
        The mean difference, and its 95 % interval.
    """

    mean: float
    low: float
    high: float

    @property
    def word(self) -> str:
        """Which of the two is above, if the interval leaves zero out.

        Examples
        --------
        >>> Difference(0.4, -0.1, 0.9).word, Difference(0.4, 0.1, 0.9).word, Difference(-2, -3, -1).word
        ('no difference shown', 'above', 'below')
        """
        return "above" if self.low > 0 else "below" if self.high < 0 else "no difference shown"

    def __str__(self) -> str:
        return f"{self.word}, {self.mean:+.2f} [{self.low:+.2f}, {self.high:+.2f}]"


@cache
def rows() -> tuple[Row, ...]:
    """Return the rows of the complete example; cells are text."""
    found = read(STORED)
    if not found:
        raise ValueError("experiments/example.csv is missing: run make example")
    return tuple(found)


def budget(keep: float) -> str:
    """Return what rows of a share are marked with."""
    return f"keep {keep:g}"


def column(name: str, method: str, keep: float = 1.0, of: Sequence[Row] | None = None) -> NDArray[np.float64]:
    """Return the numbers of one method, in the order of the seeds."""
    chosen = [row for row in (rows() if of is None else of) if (row["design"], row["budget"]) == (method, budget(keep))]
    return np.array([float(row[name]) for row in sorted(chosen, key=lambda row: int(row["seed"]))])


def difference(name: str, method: str, other: str, keep: float, other_keep: float | None = None) -> Difference:
    """Return by how much a method is above another one in some column; seeds are paired.

    The interval is over all ways to draw the seeds again, expanded as for the claims (`experiments.bootstrap`).
    """
    apart = column(name, method, keep) - column(name, other, keep if other_keep is None else other_keep)
    return Difference(float(apart.mean()), *interval(lambda means: means[0], apart[:, None]))


def summary_table() -> str:
    """Return the means of every method at every share, as a table in Markdown."""
    head = ["left", "method", "weights", "accuracy, %", "against low rank, points", "ms", "times as fast"]
    lines = [head, ["---"] * 2 + ["---:"] * 5, _line(ORIGINAL, 1.0)]
    lines += [_line(method, keep) for keep in KEEPS for method in METHODS]
    return "\n".join(f"|{'|'.join(cells)}|" for cells in lines)


def _line(method: str, keep: float) -> list[str]:
    times = column("milliseconds", method, keep)
    faster = column("milliseconds", ORIGINAL) / times
    against = "" if method in (ORIGINAL, "low rank") else str(difference("test", method, "low rank", keep))
    return [
        f"{keep:.0%}",
        method,
        f"{column('weights', method, keep).mean():,.0f}",
        f"{column('test', method, keep).mean():.2f}",
        against,
        f"{times.mean():.2f}",
        f"{faster.mean():.2f}",
    ]
