"""Project one random kernel per width onto the cheapest dense chain: ``python -m tests.kernels.projection.dense_designs``.

Every width up to 256, a 3×3 window. Rows go to ``dense_designs.csv`` as they are found; a run that was cut off goes on.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from tqdm import tqdm

from igc_theory.budget import best_dense
from igc_theory.kernels import project

TABLE = Path(__file__).with_suffix(".csv")
COLUMNS = ("C", "branch widths", "method", "error", "bound")
WIDEST = 256


def row(C: int) -> dict[str, str | int | float | None]:
    """One random kernel of C channels on its cheapest dense chain."""
    chain = best_dense(C, 9).chain
    found = project(np.random.default_rng(C).standard_normal((C, C, 3, 3)), chain)
    widths = " ".join(str(conv.in_width) for conv in chain.convolutions)
    return dict(zip(COLUMNS, (C, widths, found.method, found.relative_error, found.lower_bound), strict=True))


def stored() -> list[dict[str, str]]:
    """The rows so far."""
    if not TABLE.exists():
        return []
    with TABLE.open(encoding="utf-8") as file:
        return [*csv.DictReader(file)]


def missing() -> Iterator[int]:
    """The widths without a row."""
    done = {int(found["C"]) for found in stored()}
    return iter([C for C in range(1, WIDEST + 1) if C not in done])


def main() -> None:
    """Fill the table."""
    fresh = not TABLE.exists()
    with TABLE.open("a", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        if fresh:
            writer.writeheader()
        for C in tqdm([*missing()], "projecting", unit="width"):
            writer.writerow(row(C))
            file.flush()


if __name__ == "__main__":
    main()
