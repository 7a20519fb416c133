"""Verdicts: intervals against Student's, margins against tables made by hand, and the stored runs complete and equal in weights."""

import doctest
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm, spearmanr, t

from experiments import verdicts
from experiments.claims import CLAIMS, Claim, difference
from experiments.verdicts import DATASETS, expanded_interval, verdict
from tools.files import update_section

EXPERIMENTS = {claim.experiment for claim in CLAIMS}


def stored(monkeypatch, accuracies, *, budget="one", widths=None):
    """Let `verdicts` find one experiment with these accuracies: {role: one number a seed}."""
    widths = widths or dict.fromkeys(accuracies, 1)
    rows = tuple(
        {
            "dataset": "digits",
            "budget": budget,
            "role": role,
            "seed": str(seed),
            "test": str(value),
            "width": str(widths[role]),
        }
        for role, values in accuracies.items()
        for seed, value in enumerate(values)
    )
    monkeypatch.setattr(verdicts, "runs", lambda experiment: rows)


def claim_of(words):
    """Return the claim whose words begin like this."""
    (found,) = (claim for claim in CLAIMS if claim.words.startswith(words))
    return found


# --- intervals and verdicts -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [5, 10, 40])
def test_interval_of_normal_replicates_is_that_of_student(n):
    # The bootstrap distribution of a mean has standard deviation s sqrt((n-1)/n) / sqrt(n); s = 1 here.
    points = norm.ppf((np.arange(400_000) + 0.5) / 400_000) * np.sqrt((n - 1) / n) / np.sqrt(n)
    half = t.ppf(0.975, n - 1) / np.sqrt(n)
    assert expanded_interval(points, n) == pytest.approx((-half, half), rel=2e-3)


@given(st.lists(st.integers(-20, 20), min_size=5, max_size=5))
def test_interval_is_that_of_all_ways_to_draw(differences):
    with pytest.MonkeyPatch.context() as monkeypatch:
        stored(monkeypatch, {"a": differences, "b": [0] * 5})
        found = verdict(Claim("", "", "", difference(["one: a"], ["one: b"])), "digits")
    means = sorted(sum(draw) / 5 for draw in product(differences, repeat=5))
    # Five runs: tails of 0.00095 of 3,125 draws, so the third smallest and the third largest.
    assert (found.margin, found.low, found.high) == pytest.approx((sum(differences) / 5, means[2], means[-3]))


def test_seeds_are_paired(monkeypatch):
    # The seeds differ by far more than the designs do, but every seed has the same difference.
    stored(monkeypatch, {"a": [91, 93, 95, 97, 99], "b": [90.5, 92.5, 94.5, 96.5, 98.5]})
    found = verdict(Claim("", "", "", difference(["one: a"], ["one: b"])), "digits")
    assert (found.low, found.margin, found.high) == pytest.approx((0.5, 0.5, 0.5))


@pytest.mark.parametrize(("differences", "word"), [
    ([0.2, 0.3, 0.4, 0.5, 0.6], "supported"),
    ([-0.2, -0.3, -0.4, -0.5, -0.6], "not supported"),
    ([-0.2, 0.3, 0.4, 0.5, 0.6], "undecided"),
    ([0, 0, 0, 0, 0], "undecided"),
])  # fmt: skip
def test_word_of_the_verdict(monkeypatch, differences, word):
    stored(monkeypatch, {"a": differences, "b": [0] * 5})
    assert verdict(Claim("", "", "", difference(["one: a"], ["one: b"])), "digits").word == word


# --- margins --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("means", "margin"), [
    ({"regular": 99, "M=1": 90, "M=2": 94, "M=3": 92, "M=4": 95}, 3),  # widest is M=3; the best neighbour, M=4, leads by 3
    ({"regular": 99, "M=1": 90, "M=2": 94, "M=3": 97, "M=4": 95}, -2),  # the widest itself is best
    ({"regular": 99, "M=1": 98, "M=2": 94, "M=3": 97, "M=4": 95}, -3),  # the best is too far away
])  # fmt: skip
def test_peak_next_to_the_widest(monkeypatch, means, margin):
    widths = {"regular": 99, "M=1": 5, "M=2": 7, "M=3": 8, "M=4": 6}
    stored(monkeypatch, {role: [mean] * 5 for role, mean in means.items()}, widths=widths)
    assert verdict(claim_of("Accuracy peaks"), "digits").margin == margin


def test_widest_against_regular_with_a_tie(monkeypatch):
    accuracies = {"regular": [90] * 5, "M=1": [99] * 5, "M=2": [91] * 5, "M=3": [93] * 5}
    stored(monkeypatch, accuracies, widths={"regular": 99, "M=1": 5, "M=2": 8, "M=3": 8})
    assert verdict(claim_of("The widest IGC"), "digits").margin == 2


@pytest.mark.parametrize(("others", "margin"), [([99, 90, 91], 4), ([99, 98, 91], -3), ([90, 91, 92], 4)])
def test_best_or_second_best(monkeypatch, others, margin):
    roles = dict(zip(("imbalance 1.5", "imbalance 2.0", "imbalance 10.0"), others, strict=True))
    stored(monkeypatch, {role: [mean] * 5 for role, mean in {**roles, "imbalance 1.1": 95}.items()})
    assert verdict(claim_of("The balanced design"), "digits").margin == margin


def test_ahead_when_small():
    means = {"small: IGCV3": 5, "small: MobileNetV2": 2, "large: IGCV3": 9, "large: MobileNetV2": 8}
    assert claim_of("IGCV3 is furthest").margin({}, {key: np.array([mean]) for key, mean in means.items()}) == [2]


# --- the stored runs ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("experiment", sorted(EXPERIMENTS))
def test_stored_runs_are_complete_and_of_equal_weights(experiment):
    rows = verdicts.runs(experiment)
    for dataset in DATASETS:
        found = [row for row in rows if row["dataset"] == dataset]
        designs = {(row["budget"], row["role"]) for row in found}
        keys = [(row["budget"], row["role"], row["seed"]) for row in found]
        assert sorted(keys) == sorted((*design, str(seed)) for design in designs for seed in range(5, 10))
        for budget in {row["budget"] for row in found}:
            weights = [int(row["weights"]) for row in found if row["budget"] == budget]
            assert max(weights) <= 1.02 * min(weights)
    assert len({(row["rate"], row["steps"], row["torch"], row["numpy"]) for row in rows}) == len(DATASETS)


@pytest.mark.parametrize("dataset", DATASETS)
def test_comparable_runs_are_taken_once(dataset):
    columns = verdicts.comparable_runs(dataset)
    runs = [row for name in verdicts._COMPARABLE for row in verdicts.runs(name) if row["dataset"] == dataset]
    runs = [row for row in runs if row["budget"] != "scarce"]
    measured = {tuple(row[name] for name in ("seed", "width", "factors", "effective_rank", "test")) for row in runs}
    assert len(columns["test"]) == len(measured) < len(runs)
    assert sorted(columns["test"]) == sorted(float(test) for *_, test in measured)


def test_correlations_are_those_of_scipy():
    found = verdicts.correlations(np.random.default_rng(0))
    assert len(found) == len(DATASETS) * len(verdicts.PREDICTORS)
    for dataset, predictor, rho, low, high in found:
        columns = verdicts.comparable_runs(dataset)
        assert rho == spearmanr(columns[predictor], columns["test"]).statistic
        assert -1 <= low < rho < high <= 1


@pytest.mark.parametrize("distinct", [3, 12, 1000])  # many ties, some, none
def test_resampled_rank_correlations_are_those_of_the_rows_drawn(distinct):
    rng = np.random.default_rng(distinct)
    x, y = rng.integers(distinct, size=20).astype(float), rng.integers(distinct, size=20).astype(float)
    times = rng.integers(4, size=(30, 20))
    rows = [np.repeat(np.arange(20), counts) for counts in times]
    expected = [spearmanr(x[drawn], y[drawn]).statistic for drawn in rows]
    np.testing.assert_allclose(verdicts.rank_correlations(x, y, times), expected, atol=1e-12)


def test_intervals_of_correlations_are_over_designs_with_all_their_runs(monkeypatch):
    columns = {"design": np.array(["b", "b", "a", "a", "c", "c"]), "test": np.array([1.0, 2, 4, 3, 5, 7])}
    columns |= dict.fromkeys(verdicts.PREDICTORS, np.array([2.0, 1, 3, 5, 4, 6]))
    monkeypatch.setattr(verdicts, "comparable_runs", lambda dataset: columns)
    monkeypatch.setattr(verdicts, "_RESAMPLES", 200)
    members, rng = ([0, 1], [2, 3], [4, 5]), np.random.default_rng(5)
    found = verdicts.correlations(np.random.default_rng(5))[0]
    draws = rng.integers(3, size=(200, 3))
    rows = [np.concatenate([members[k] for k in draw]) for draw in draws]
    resampled = [spearmanr(columns["width"][drawn], columns["test"][drawn]).statistic for drawn in rows]
    np.testing.assert_allclose(found[3:], np.quantile(resampled, [0.025, 0.975]), atol=1e-12)


def test_a_missing_experiment_is_named():
    with pytest.raises(ValueError, match=r"experiments/none\.csv is missing: run python -m experiments\.run none"):
        verdicts.runs("none")


def test_table_holds_every_claim_and_the_readme_has_it():
    table = verdicts.claims_markdown()
    assert len(table.splitlines()) == len(CLAIMS) + 2
    assert all(claim.words in table for claim in CLAIMS)
    assert update_section("verdicts", table, check=True) == []


def test_examples_run():
    found = doctest.testmod(verdicts)
    assert found.attempted > 0
    assert found.failed == 0
