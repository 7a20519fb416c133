"""What the stored runs say of the claims: margins with bootstrap intervals, verdicts, rank correlations; nothing is trained."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, spearmanr, t

from experiments.claims import CLAIMS, Claim
from experiments.records import Row, read
from tools.files import update_section

__all__ = [
    "Verdict",
    "claims_markdown",
    "correlations",
    "expanded_interval",
    "rank_correlations",
    "runs",
    "verdict",
    "verdicts",
]

HERE = Path(__file__).resolve().parent
DATASETS = {"digits": "digits", "mnist1d": "MNIST-1D"}
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Verdict:
    """What the runs on one data set say of one claim: the margin in points of test accuracy, its interval, and a word."""

    claim: Claim
    dataset: str
    margin: float
    low: float
    high: float

    @property
    def word(self) -> str:
        """Supported or not supported if the interval leaves zero out, on the claim's side or on the other; else undecided."""
        return "supported" if self.low > 0 else "not supported" if self.high < 0 else "undecided"


@cache
def runs(experiment: str) -> tuple[Row, ...]:
    """Return the rows of a complete experiment; cells are text."""
    rows = read(HERE / f"{experiment}.csv")
    if not rows:
        raise ValueError(f"experiments/{experiment}.csv is missing: run python -m experiments.run {experiment}")
    return tuple(rows)


def validation_by_rate(dataset: str, family: str) -> dict[float, float]:
    """Return the mean validation accuracy at each learning rate that was tried, for linear or residual blocks."""
    found: dict[float, list[float]] = {}
    for row in runs("learning_rate"):
        if row["dataset"] == dataset and str(row["budget"]).startswith(family):
            found.setdefault(float(row["rate"]), []).append(float(row["validation"]))
    return {rate: float(np.mean(values)) for rate, values in found.items()}


def chosen_rate(dataset: str, family: str) -> float:
    """Return the learning rate with the best mean validation accuracy."""
    means = validation_by_rate(dataset, family)
    return max(means, key=means.__getitem__)


def accuracies(experiment: str, dataset: str) -> tuple[dict[str, Row], NDArray[np.float64]]:
    """Return one row per design by ``"budget: role"``, and the test accuracies, shape (seeds, designs), one row per seed."""
    found = [row for row in runs(experiment) if row["dataset"] == dataset]
    seeds = sorted({int(row["seed"]) for row in found})
    designs = {f"{row['budget']}: {row['role']}": row for row in found if int(row["seed"]) == seeds[0]}
    table = {(f"{row['budget']}: {row['role']}", int(row["seed"])): float(row["test"]) for row in found}
    return designs, np.array([[table[design, seed] for design in designs] for seed in seeds])


def expanded_interval(replicates: NDArray[np.float64], runs_resampled: int) -> tuple[float, float]:
    r"""Return the percentile interval of bootstrap replicates, expanded for a small sample.

    The percentiles are :math:`Φ(∓\sqrt{n/(n-1)}\, t_{n-1})`, which makes the interval of a mean of normal numbers as wide as
    Student's [Hesterberg2015]. For five runs it reaches almost from the smallest replicate to the largest.

    Examples
    --------
    >>> expanded_interval(np.arange(1001.0), runs_resampled=1000)
    (24.0, 976.0)
    """
    n = runs_resampled
    tail = norm.cdf(-np.sqrt(n / (n - 1)) * t.ppf((1 + CONFIDENCE) / 2, n - 1))
    low, high = np.quantile(replicates, [tail, 1 - tail], method="inverted_cdf")
    return float(low), float(high)


def verdict(claim: Claim, dataset: str) -> Verdict:
    """Return the margin of a claim, its interval over all n**n ways to draw n seeds again, and the verdict.

    A seed is drawn for all designs at once, so that differences are paired: the runs of one seed saw the same batches.
    """
    designs, table = accuracies(claim.experiment, dataset)
    n = len(table)
    draws = np.array([*product(range(n), repeat=n)])
    resampled = claim.margin(designs, dict(zip(designs, table[draws].mean(axis=1).T, strict=True)))
    measured = claim.margin(designs, dict(zip(designs, table.mean(axis=0)[:, None], strict=True)))
    return Verdict(claim, dataset, float(measured[0]), *expanded_interval(resampled, n))


def verdicts() -> list[Verdict]:
    """Return the verdict on every claim and data set."""
    return [verdict(claim, dataset) for claim in CLAIMS for dataset in DATASETS]


def claims_markdown() -> str:
    """Return the verdicts as a table in Markdown, one row per claim."""
    head = ["claim", "made by", *DATASETS.values()]
    rows = [[claim.words, claim.source, *(_cell(verdict(claim, dataset)) for dataset in DATASETS)] for claim in CLAIMS]
    return "\n".join(f"|{'|'.join(cells)}|" for cells in (head, ["---"] * len(head), *rows))


def _cell(found: Verdict) -> str:
    return f"**{found.word}**, {found.margin:+.2f} [{found.low:+.2f}, {found.high:+.2f}]"


# --- correlations ---------------------------------------------------------------------------------------------------

PREDICTORS = {"width": "width", "evenness": "path evenness", "effective_rank": "effective rank"}
_COMPARABLE = ("igcv1_sweep", "factor_count", "balance", "permutations", "path_counts")
_RESAMPLES = 2000


def comparable_runs(dataset: str) -> dict[str, NDArray[Any]]:
    """Return the runs with linear blocks and about the same weights, whatever the experiment: predictors, design and accuracy.

    A run that several experiments share, because they compare the same design, is taken once.
    """
    rows = [
        row for name in _COMPARABLE for row in runs(name) if row["dataset"] == dataset and row["budget"] != "scarce"
    ]
    same = ("seed", "width", "factors", "weights", "effective_rank", "train", "validation", "test")
    rows = list({tuple(row[name] for name in same): row for row in reversed(rows)}.values())[::-1]
    columns: dict[str, NDArray[Any]] = {
        name: np.array([float(row[name]) for row in rows]) for name in (*PREDICTORS, "test")
    }
    return columns | {"design": np.array([f"{row['budget']}: {row['design']}" for row in rows])}


def correlations(rng: np.random.Generator) -> list[tuple[str, str, float, float, float]]:
    """Return dataset, predictor, Spearman's rank correlation with test accuracy over all comparable runs, and its interval.

    The percentile interval is over resamples of designs with all their runs: runs of one design are not independent evidence.
    """
    return [
        (dataset, predictor, *_correlation(columns, predictor, rng))
        for dataset, columns in ((dataset, comparable_runs(dataset)) for dataset in DATASETS)
        for predictor in PREDICTORS
    ]


def _correlation(
    columns: Mapping[str, NDArray[Any]], predictor: str, rng: np.random.Generator
) -> tuple[float, float, float]:
    x, y = columns[predictor], columns["test"]
    designs = [*dict.fromkeys(columns["design"])]
    draws = rng.integers(len(designs), size=(_RESAMPLES, len(designs)))
    times_drawn = (draws[:, :, None] == np.arange(len(designs))).sum(axis=1)
    found = rank_correlations(x, y, times_drawn[:, [designs.index(design) for design in columns["design"]]])
    low, high = np.quantile(found, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(spearmanr(x, y).statistic), float(low), float(high)


def rank_correlations(x: NDArray[np.float64], y: NDArray[np.float64], times: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return Spearman's rank correlation of each resample, in which run `k` stands ``times[resample, k]`` times.

    Examples
    --------
    >>> rank_correlations(np.array([1.0, 2, 3]), np.array([5.0, 9, 7]), np.array([[1, 1, 1], [2, 0, 1]])).round(3)
    array([0.5, 1. ])
    """
    ranks = np.array([_ranks(values, times) for values in (x, y)])
    total = times.sum(axis=1)
    deviations = ranks - (total[:, None] + 1) / 2  # a rank is (n + 1)/2 in the mean, whatever ties there are
    covariance, *variances = (
        np.einsum("rk,rk,rk->r", times, deviations[a], deviations[b]) for a, b in ((0, 1), (0, 0), (1, 1))
    )
    return np.asarray(covariance / np.sqrt(variances[0] * variances[1]))


def _ranks(values: NDArray[np.float64], times: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the rank of each run in each resample; ties share the mean of their ranks."""
    distinct, place = np.unique(values, return_inverse=True)
    copies = times @ (place[:, None] == np.arange(distinct.size))
    return np.asarray((copies.cumsum(axis=1) - (copies - 1) / 2)[:, place])


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the table of verdicts into README.md, or with --check only say whether it is up to date."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing")
    stale = update_section("verdicts", claims_markdown(), check=parser.parse_args(arguments).check)
    print("\n".join(stale), end="\n" if stale else "")
    return int(bool(stale))


if __name__ == "__main__":
    sys.exit(main())
