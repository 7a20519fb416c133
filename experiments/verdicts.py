"""What the stored runs say of the claims: margins with intervals, a word for each, alone and for all together; nothing is trained.

python -m experiments.verdicts            write the table into README.md; say every verdict, and what would decide the open ones
python -m experiments.verdicts --check    change nothing, and say whether the table is up to date
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from itertools import count
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, t

from experiments.bootstrap import CONFIDENCE, Statistic, critical_value, estimates, interval
from experiments.claims import CLAIMS, Claim
from experiments.records import Row, read
from tools.files import update_section

__all__ = [
    "DATASETS",
    "MARGIN",
    "WORDS",
    "Verdict",
    "accuracies",
    "chosen_rate",
    "claims_markdown",
    "datasets_of",
    "families",
    "first_run",
    "left_out",
    "mean_accuracy",
    "readme_section",
    "runs",
    "seeds_needed",
    "summary",
    "validation_by_rate",
    "verdict",
    "verdicts",
    "word",
]

HERE = Path(__file__).resolve().parent
DATASETS = {"digits": "digits", "mnist1d": "MNIST-1D", "mnist": "MNIST"}

MARGIN = 0.25
"""In points of test accuracy: an effect that is surely smaller is called no difference; written down before the runs."""

WORDS = ("supported", "refuted", "no difference", "undecided")


def word(low: float, high: float) -> str:
    """Return what an interval of a margin says.

    The sign goes first: an interval above 0 supports the claim and one below 0 refutes it, be it by less than `MARGIN`. For the
    claims are about what is better, and an effect that is known to be there must not be called none. *No difference* is said only
    of an interval that holds 0 and lies within ±`MARGIN`.

    Examples
    --------
    >>> word(0.1, 0.9), word(-0.9, -0.1), word(-0.1, 0.2), word(-0.1, 0.3)
    ('supported', 'refuted', 'no difference', 'undecided')
    >>> word(0.1, 0.2)
    'supported'
    """
    if low > 0 or high < 0:
        return "supported" if low > 0 else "refuted"
    return "no difference" if low >= -MARGIN and high <= MARGIN else "undecided"


@dataclass(frozen=True)
class Verdict:
    """What the runs on one data set say of one claim.

    Attributes
    ----------
    claim, dataset, seeds
        What is judged, and from how many seeds.
    margin, low, high : float
        In points of test accuracy, with the ends of the 95 % interval of this margin alone.
    error : float
        The standard error of the margin.
    critical : float
        How many standard errors the interval reaches that holds for all verdicts of the family together.
    """

    claim: Claim
    dataset: str
    seeds: int
    margin: float
    low: float
    high: float
    error: float
    critical: float

    @property
    def word(self) -> str:
        """What the margin's own interval says."""
        return word(self.low, self.high)

    @property
    def simultaneous(self) -> tuple[float, float]:
        """The interval that holds for all verdicts of the family together, in 95 % of cases."""
        return self.margin - self.critical * self.error, self.margin + self.critical * self.error

    @property
    def simultaneous_word(self) -> str:
        """What is said if one wrong word among all verdicts of the family is to come up in at most one case of twenty."""
        return word(*self.simultaneous)

    @property
    def small(self) -> bool:
        """Whether the effect is surely smaller than `MARGIN`, whatever its sign."""
        return self.low >= -MARGIN and self.high <= MARGIN

    @property
    def holds(self) -> bool:
        """Whether a decided verdict stays the same when all are judged together."""
        return self.word == self.simultaneous_word != "undecided"

    @property
    def sentence(self) -> str:
        """The verdict in words and numbers."""
        size = ", but by less than the margin" if self.small and self.word in ("supported", "refuted") else ""
        together = (
            "" if self.holds or self.word == "undecided" else f"; judged with all others {self.simultaneous_word}"
        )
        return (
            f"{self.claim.words} ({DATASETS[self.dataset]}): {self.word}{size}, {self.margin:+.2f} points "
            f"[{self.low:+.2f}, {self.high:+.2f}]{together}."
        )

    def __str__(self) -> str:
        return self.sentence


# --- the stored runs ------------------------------------------------------------------------------------------------


@cache
def runs(experiment: str) -> tuple[Row, ...]:
    """Return the rows of a complete experiment; cells are text."""
    rows = read(HERE / f"{experiment}.csv")
    if not rows:
        raise ValueError(f"experiments/{experiment}.csv is missing: run python -m experiments.run {experiment}")
    return tuple(rows)


def families(dataset: str) -> list[str]:
    """Return the families of blocks for which learning rates were tried on a data set."""
    found = [row for row in runs("learning_rate") if row["dataset"] == dataset]
    return list(dict.fromkeys(str(row["budget"]).partition(":")[0] for row in found))


def validation_by_rate(dataset: str, family: str) -> dict[float, float]:
    """Return the mean validation accuracy at each learning rate that was tried for a family of blocks."""
    found: dict[float, list[float]] = {}
    for row in runs("learning_rate"):
        if row["dataset"] == dataset and str(row["budget"]).startswith(f"{family}:"):
            found.setdefault(float(row["rate"]), []).append(float(row["validation"]))
    return {rate: float(np.mean(values)) for rate, values in found.items()}


def chosen_rate(dataset: str, family: str) -> float:
    """Return the learning rate with the best mean validation accuracy."""
    means = validation_by_rate(dataset, family)
    return max(means, key=means.__getitem__)


def datasets_of(experiment: str) -> list[str]:
    """Return the data sets that an experiment was run on, in the order of `DATASETS`; none before its first run."""
    found = {row["dataset"] for row in read(HERE / f"{experiment}.csv")}
    return [dataset for dataset in DATASETS if dataset in found]


def accuracies(experiment: str, dataset: str) -> tuple[dict[str, Row], NDArray[np.float64]]:
    """Return one row per design by ``"budget: role"``, and the test accuracies, shape (seeds, designs), one row per seed.

    Designs that share budget and role have their names behind it.
    """
    found = [row for row in runs(experiment) if row["dataset"] == dataset]
    if not found:
        raise ValueError(f"experiments/{experiment}.csv has no runs on {dataset}: run python -m experiments.run")
    keys = _keys(found)
    seeds = sorted({int(row["seed"]) for row in found})
    designs = {key: row for key, row in zip(keys, found, strict=True) if int(row["seed"]) == seeds[0]}
    table = {(key, int(row["seed"])): float(row["test"]) for key, row in zip(keys, found, strict=True)}
    if not len(found) == len(table) == len(designs) * len(seeds):
        raise ValueError(
            f"experiments/{experiment}.csv, {dataset}: {len(found)} runs for {len(designs)} designs and {len(seeds)} seeds, "
            "not one for each: run python -m experiments.run"
        )
    return designs, np.array([[table[design, seed] for design in designs] for seed in seeds])


def _keys(rows: Sequence[Row]) -> list[str]:
    """Return the key of each row's design."""
    sharing: dict[str, set[str]] = {}
    for row in rows:
        sharing.setdefault(f"{row['budget']}: {row['role']}", set()).add(str(row["design"]))
    return [
        role if len(sharing[role]) == 1 else f"{role}, {row['design']}"
        for row, role in ((row, f"{row['budget']}: {row['role']}") for row in rows)
    ]


def mean_accuracy(dataset: str) -> float:
    """Return the mean test accuracy of all runs on a data set that the claims ask for."""
    names = sorted({claim.experiment for claim in CLAIMS if _why_left_out(claim, dataset) is None})
    return float(np.mean(np.concatenate([accuracies(name, dataset)[1].ravel() for name in names])))


@cache
def first_run() -> dict[tuple[str, str], str]:
    """Return the words of the verdicts of the first plan's run, by the claim's words and data set; nothing of it is pooled."""
    with (HERE / "first_run.csv").open(encoding="utf-8", newline="") as file:
        return {(row["claim"], row["dataset"]): row["word"] for row in csv.DictReader(file)}


# --- verdicts -------------------------------------------------------------------------------------------------------


def _margin(claim: Claim, designs: dict[str, Row], means: NDArray[np.float64]) -> NDArray[np.float64]:
    return claim.margin(designs, dict(zip(designs, means, strict=True)))


def _statistic(claim: Claim, dataset: str) -> tuple[Statistic, NDArray[np.float64]]:
    """Return the margin as a function of mean accuracies, and the accuracies, shape (seeds, designs)."""
    designs, table = accuracies(claim.experiment, dataset)
    return partial(_margin, claim, designs), table


def _why_left_out(claim: Claim, dataset: str) -> str | None:
    """Return why a claim cannot be judged by what is stored, or None if it can."""
    try:
        statistic, table = _statistic(claim, dataset)
        statistic(table.T[:, :1])
    except ValueError as error:
        return str(error)
    except KeyError as error:
        return f"experiments/{claim.experiment}.csv has no design {error}: run python -m experiments.run"
    return None


def left_out(claims: Sequence[Claim] = CLAIMS) -> list[str]:
    """Return a sentence for each claim and data set that cannot be judged yet, with the reason."""
    asked = ((claim, name, _why_left_out(claim, dataset)) for claim in claims for dataset, name in DATASETS.items())
    return [f"{claim.words} ({name}): left out, as {reason}." for claim, name, reason in asked if reason]


def verdicts(claims: Sequence[Claim] = CLAIMS, datasets: Iterable[str] = tuple(DATASETS)) -> list[Verdict]:
    """Return the verdict on every claim and data set for which there are runs, judged as one family."""
    asked = [(claim, dataset) for claim in claims for dataset in datasets if _why_left_out(claim, dataset) is None]
    family = [_statistic(claim, dataset) for claim, dataset in asked]
    critical = critical_value(family)
    return [_judged(*pair, *judged, critical) for pair, judged in zip(asked, family, strict=True)]


def verdict(claim: Claim, dataset: str) -> Verdict:
    """Return the verdict on one claim by itself: a family of one."""
    judged = _statistic(claim, dataset)
    return _judged(claim, dataset, *judged, critical_value([judged]))


def _judged(claim: Claim, dataset: str, statistic: Statistic, table: NDArray[np.float64], critical: float) -> Verdict:
    (value,), (error,) = estimates(statistic, table)
    low, high = interval(statistic, table)
    return Verdict(claim, dataset, len(table), round(float(value), 9), low, high, float(error), critical)


def seeds_needed(found: Verdict) -> int:
    """Return how many seeds would decide a claim, if the margin and its spread stay as they were measured.

    The half-width of Student's interval must fall below the larger of the margin and what is left of `MARGIN` beside it. One of the
    two is at least `MARGIN` / 2, so there is an end: four times as many seeds for twice the spread.

    Examples
    --------
    >>> from experiments.claims import CLAIMS
    >>> found = Verdict(CLAIMS[0], "digits", seeds=5, margin=0.1, low=-0.2, high=0.4, error=0.1, critical=3.0)
    >>> seeds_needed(found)
    12
    """
    spread = found.error * np.sqrt(found.seeds)
    target = max(abs(found.margin), MARGIN - abs(found.margin))
    fewest = int((norm.ppf((1 + CONFIDENCE) / 2) * spread / target) ** 2)  # Student's interval is wider
    return next(n for n in count(max(2, fewest)) if t.ppf((1 + CONFIDENCE) / 2, n - 1) * spread < target * np.sqrt(n))


# --- tables and sentences -------------------------------------------------------------------------------------------


def claims_markdown(found: Sequence[Verdict], *, intervals: bool = True) -> str:
    """Return verdicts as a table in Markdown, one row per claim; bold ones hold when all are judged together.

    Without intervals the sources of the claims are left out too.
    """
    cells = {(verdict.claim, verdict.dataset): _cell(verdict, intervals=intervals) for verdict in found}
    datasets = [dataset for dataset in DATASETS if dataset in {verdict.dataset for verdict in found}]
    head = ["claim", *(f"{DATASETS[dataset]}<br>{mean_accuracy(dataset):.1f} %" for dataset in datasets)]
    rows = [
        [
            f"{claim.words} ({claim.source})" if intervals else claim.words,
            *(cells.get((claim, dataset), "not run") for dataset in datasets),
        ]
        for claim in dict.fromkeys(verdict.claim for verdict in found)
    ]
    return "\n".join(f"|{'|'.join(line)}|" for line in (head, ["---"] * len(head), *rows))


def _cell(found: Verdict, *, intervals: bool) -> str:
    said = f"**{found.word}**" if found.holds else found.word
    ends = f" [{found.low:+.2f}, {found.high:+.2f}]" if intervals else ""
    return f"{said}<br>{found.margin:+.2f}{ends}"


def summary(found: Sequence[Verdict], *, together: bool = True) -> str:
    """Return in sentences how many verdicts there are of each word, alone and judged together, and from how many seeds."""
    if not found:
        return "No runs are stored: no verdicts."
    seeds = " to ".join(map(str, sorted({verdict.seeds for verdict in found})))
    alone = f"{len(found)} verdicts from {seeds} seeds per design: {_counts([verdict.word for verdict in found])}."
    if not together:
        return alone
    reach = f"at {found[0].critical:.2f} standard errors" if np.isfinite(found[0].critical) else "from too few seeds"
    return f"{alone} Judged together, {reach}: {_counts([verdict.simultaneous_word for verdict in found])}."


def _counts(words: Sequence[str]) -> str:
    return ", ".join(f"{words.count(name)} {name}" for name in WORDS)


def readme_section(found: Sequence[Verdict]) -> str:
    """Return what stands in README.md: the numbers of verdicts by word, and the table without intervals."""
    missing = len(left_out(CLAIMS))
    waiting = f" {missing} verdicts wait for runs." if missing else ""
    return f"{summary(found, together=False)}{waiting}\n\n{claims_markdown(found, intervals=False)}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the table of verdicts into README.md, or with --check only say whether it is up to date."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing")
    check = parser.parse_args(arguments).check
    found = verdicts()
    stale = update_section("verdicts", readme_section(found), check=check)
    for verdict in found:
        more = f" Decided with about {seeds_needed(verdict)} seeds." if verdict.word == "undecided" else ""
        print(f"{verdict}{more}")
    print("\n".join([*left_out(), summary(found), *stale]))
    return int(bool(stale) and check)


if __name__ == "__main__":
    sys.exit(main())
