"""Verdicts: words, families and tables on made-up runs, margins against tables made by hand, and what is stored."""

import csv
import doctest
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import t

from experiments import verdicts
from experiments.bootstrap import critical_value
from experiments.claims import CLAIMS, Claim, difference
from experiments.records import write
from experiments.verdicts import DATASETS, WORDS, Verdict, seeds_needed, verdict, word
from tools.files import update_section

EXPERIMENTS = {claim.experiment for claim in CLAIMS if verdicts.datasets_of(claim.experiment)}


def rows_of(accuracies, *, budget="one", widths=None, dataset="digits"):
    """Return the rows of one experiment with these accuracies: {role: one number per seed}."""
    widths = widths or dict.fromkeys(accuracies, 1)
    return [
        {
            "dataset": dataset,
            "budget": budget,
            "role": role,
            "design": f"design {role}",
            "seed": str(seed),
            "test": str(value),
            "width": str(widths[role]),
        }
        for role, values in accuracies.items()
        for seed, value in enumerate(values)
    ]


def stored(monkeypatch, accuracies, **options):
    """Let `verdicts` find one experiment with these accuracies."""
    rows = tuple(rows_of(accuracies, **options))
    monkeypatch.setattr(verdicts, "runs", lambda experiment: rows)


def claim_of(words):
    """Return the claim whose words begin like this."""
    (found,) = (claim for claim in CLAIMS if claim.words.startswith(words))
    return found


A_BEATS_B = Claim("a beats b", "made up", "pair", difference(["one: a"], ["one: b"]))
B_BEATS_A = Claim("b beats a", "made up", "pair", difference(["one: b"], ["one: a"]))
NOISE = np.random.default_rng(18).normal(size=(2, 32)).round(3)


# --- words ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("low", "high", "said"), [
    (0.1, 0.9, "supported"),
    (0.1, 0.2, "supported"),  # the sign goes first
    (-0.9, -0.1, "refuted"),
    (-0.2, -0.1, "refuted"),
    (-0.25, 0.25, "no difference"),
    (0, 0, "no difference"),
    (0, 0.3, "undecided"),  # zero is left out by no interval that touches it
    (-0.26, 0.1, "undecided"),
    (-0.1, 0.26, "undecided"),
])  # fmt: skip
def test_word_of_an_interval(low, high, said):
    assert word(low, high) == said
    mirrored = {"supported": "refuted", "refuted": "supported"}.get(said, said)
    assert word(-high, -low) == mirrored


@pytest.mark.parametrize(("shift", "spread", "said"), [
    (1, 0.5, "supported"), (-1, 0.5, "refuted"), (0, 0.1, "no difference"), (0.2, 3, "undecided"),
])  # fmt: skip
def test_verdict_of_made_up_runs(monkeypatch, shift, spread, said):
    first = shift + spread * (NOISE[0] - NOISE[0].mean())
    stored(monkeypatch, {"a": first, "b": np.zeros(32)})
    found = verdict(A_BEATS_B, "digits")
    assert found.word == said
    assert found.margin == pytest.approx(shift)
    assert found.error == pytest.approx(np.std(first, ddof=1) / np.sqrt(32))
    half = t.ppf(0.975, 31) * found.error
    assert (found.low, found.high) == pytest.approx((shift - half, shift + half), abs=0.1 * half)


def test_seeds_are_paired_whatever_their_order(monkeypatch):
    # The seeds differ by far more than the designs do, but every seed has the same difference.
    rows = rows_of({"a": [91, 93, 95, 97, 99], "b": [90.5, 92.5, 94.5, 96.5, 98.5]})
    monkeypatch.setattr(verdicts, "runs", lambda experiment: tuple(rows[::2] + rows[1::2][::-1]))
    found = verdict(A_BEATS_B, "digits")
    assert (found.low, found.margin, found.high) == (0.5, 0.5, 0.5)


def test_a_small_effect_is_supported_and_called_small(monkeypatch):
    stored(monkeypatch, {"a": 0.1 + NOISE[0] / 20 - NOISE[0].mean() / 20, "b": np.zeros(32)})
    found = verdict(A_BEATS_B, "digits")
    assert (found.word, found.small) == ("supported", True)
    assert str(found).startswith("a beats b (digits): supported, but by less than the margin, +0.10 points [+0.0")


# --- families -------------------------------------------------------------------------------------------------------


def test_a_verdict_in_a_family_is_harder_to_come_by(monkeypatch):
    stored(monkeypatch, {"a": 0.2 + NOISE[0], "b": NOISE[1] - NOISE[1].mean() + NOISE[0].mean()})
    alone = verdict(A_BEATS_B, "digits")
    both = verdicts.verdicts([A_BEATS_B, B_BEATS_A], ["digits"])
    assert [found.margin for found in both] == [alone.margin, -alone.margin]
    assert both[0].critical == pytest.approx(
        alone.critical
    )  # b − a is a − b turned round: nothing new to be wrong about
    others = [(lambda means: means[0], np.random.default_rng(k).normal(size=(32, 1))) for k in range(20)]
    table = np.transpose([0.2 + NOISE[0]])
    assert critical_value([(lambda means: means[0], table), *others]) > 1.3 * alone.critical


def made_verdict(margin, half, critical=3.0):
    return Verdict(A_BEATS_B, "digits", 32, margin, margin - half, margin + half, half / 2, critical)


def test_together_a_verdict_may_become_undecided():
    weak, strong = made_verdict(0.5, 0.4), made_verdict(0.9, 0.4)
    assert (weak.word, weak.simultaneous_word, weak.holds) == ("supported", "undecided", False)
    assert (strong.word, strong.simultaneous_word, strong.holds) == ("supported", "supported", True)
    assert str(weak).endswith("[+0.10, +0.90]; judged with all others undecided.")
    assert "judged" not in str(strong)
    assert weak.simultaneous == pytest.approx((-0.1, 1.1))


@pytest.mark.parametrize("spread", [0.3, 0.7, 2.0])
@pytest.mark.parametrize("margin", [0.0, 0.06, 0.125, 0.2, -0.4])
def test_seeds_needed_are_the_fewest_that_decide(margin, spread):
    found = Verdict(A_BEATS_B, "digits", 5, margin, -9, 9, spread / np.sqrt(5), 3.0)

    def said(n):
        half = t.ppf(0.975, n - 1) * spread / np.sqrt(n)
        return word(margin - half, margin + half)

    needed = seeds_needed(found)
    assert said(needed) != "undecided"
    assert all(said(n) == "undecided" for n in range(2, needed))


def test_twice_the_spread_takes_four_times_the_seeds():
    needed = [seeds_needed(Verdict(A_BEATS_B, "digits", 32, 0.1, -1, 1, spread, 3.0)) for spread in (0.2, 0.4)]
    assert needed[1] / needed[0] == pytest.approx(4, rel=0.02)


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
    assert claim_of("IGCV3 is further ahead").margin({}, {key: np.array([mean]) for key, mean in means.items()}) == [2]


# --- tables and what is left out ------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Let `verdicts` read from a folder of its own."""
    monkeypatch.setattr(verdicts, "HERE", tmp_path)
    monkeypatch.setattr(verdicts, "CLAIMS", (A_BEATS_B,))
    verdicts.runs.cache_clear()
    yield tmp_path
    verdicts.runs.cache_clear()


def test_a_missing_experiment_is_named(folder):
    with pytest.raises(ValueError, match=r"experiments/none\.csv is missing: run python -m experiments\.run none"):
        verdicts.runs("none")
    assert verdicts.datasets_of("none") == []
    said = verdicts.left_out([A_BEATS_B])
    assert said[0] == (
        "a beats b (digits): left out, as experiments/pair.csv is missing: run python -m experiments.run pair."
    )
    assert len(said) == len(DATASETS)
    nothing = verdicts.verdicts([A_BEATS_B])
    assert verdicts.summary(nothing) == "No runs are stored: no verdicts."
    assert verdicts.readme_section(nothing).startswith("No runs are stored: no verdicts. 3 verdicts wait for runs.")


def test_what_was_not_run_is_left_out_and_said(folder):
    write(folder / "pair.csv", rows_of({"a": NOISE[0] + 90, "c": NOISE[1] + 90}))
    assert "(digits): left out, as experiments/pair.csv has no design 'one: b'" in verdicts.left_out([A_BEATS_B])[0]
    verdicts.runs.cache_clear()
    write(folder / "pair.csv", rows_of({"a": NOISE[0] + 90, "b": NOISE[1] + 90}))
    assert [found.dataset for found in verdicts.verdicts([A_BEATS_B])] == ["digits"]
    assert ["has no runs on" in text for text in verdicts.left_out([A_BEATS_B])] == [True] * (len(DATASETS) - 1)


def test_runs_that_are_not_one_per_design_and_seed_are_refused(folder):
    rows = rows_of({"a": [90, 91], "b": [92, 93]})
    for wrong in (rows[:-1], [*rows, rows[0]]):
        verdicts.runs.cache_clear()
        write(folder / "pair.csv", wrong)
        with pytest.raises(ValueError, match=r"pair\.csv, digits: \d runs for 2 designs and 2 seeds"):
            verdicts.accuracies("pair", "digits")


def test_designs_of_one_role_and_budget_are_told_apart_by_name(folder):
    rows = rows_of({"a": [90, 91], "b": [92, 93]})
    for row in rows:
        row["role"] = "other"
    write(folder / "pair.csv", rows)
    designs, table = verdicts.accuracies("pair", "digits")
    assert [*designs] == ["one: other, design a", "one: other, design b"]
    assert table.tolist() == [[90, 92], [91, 93]]


def test_table_has_a_line_per_claim_and_the_mean_accuracy_of_each_data_set(folder):
    rows = rows_of({"a": [91] * 8, "b": [90, 90.5] * 4}) + rows_of({"a": [80] * 8, "b": [80] * 8}, dataset="mnist1d")
    write(folder / "pair.csv", rows)
    table = verdicts.claims_markdown(verdicts.verdicts([A_BEATS_B])).splitlines()
    assert table == [
        "|claim|digits<br>90.6 %|MNIST-1D<br>80.0 %|",
        "|---|---|---|",
        "|a beats b (made up)|**supported**<br>+0.75 [+0.56, +0.94]|**no difference**<br>+0.00 [+0.00, +0.00]|",
    ]
    said = verdicts.summary(verdicts.verdicts([A_BEATS_B]))
    assert said.startswith("2 verdicts from 8 seeds per design: 1 supported, 0 refuted, 1 no difference, 0 undecided. ")


# --- the stored runs ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("experiment", sorted(EXPERIMENTS))
def test_stored_runs_are_complete_and_of_equal_weights(experiment):
    rows = verdicts.runs(experiment)
    for dataset in verdicts.datasets_of(experiment):
        found = [row for row in rows if row["dataset"] == dataset]
        designs = {(row["budget"], row["design"]) for row in found}
        seeds = {row["seed"] for row in found}
        assert len(seeds) >= 5
        assert sorted((row["budget"], row["design"], row["seed"]) for row in found) == sorted(
            (*design, seed) for design in designs for seed in seeds
        )
        for budget in {row["budget"] for row in found}:
            weights = [int(row["weights"]) for row in found if row["budget"] == budget]
            assert max(weights) <= 1.02 * min(weights)
        assert len({row["steps"] for row in found}) == 1
    assert len({(row["torch"], row["numpy"]) for row in rows}) == 1


def test_every_stored_verdict_has_a_word_and_its_margin_lies_within():
    found = verdicts.verdicts()
    assert {one.word for one in found} | {one.simultaneous_word for one in found} <= {*WORDS}
    for one in found:
        assert one.low <= one.margin <= one.high
        # For these claims a percentile interval is at most a little longer or shorter than that of the delta method.
        assert 0.4 < (one.high - one.low) / (2 * t.ppf(0.975, one.seeds - 1) * one.error) < 1.6
        assert (one.word == "undecided") <= (seeds_needed(one) > 2)
    assert verdicts.claims_markdown(found).count("<br>") == len(found) + len({one.dataset for one in found})


def test_the_words_of_the_first_run_are_those_of_its_intervals():
    with (Path(verdicts.__file__).parent / "first_run.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert all(row["word"] == word(float(row["low"]), float(row["high"])) for row in rows)
    assert verdicts.first_run().keys() == {(claim.words, dataset) for claim in CLAIMS for dataset in DATASETS}
    assert {int(row["seeds"]) for row in rows} == {32}


def test_the_readme_has_the_table():
    section = verdicts.readme_section(verdicts.verdicts())
    assert update_section("verdicts", section, check=True) == []
    assert all(claim.words in section for claim in CLAIMS if claim.experiment in EXPERIMENTS)


def test_examples_run():
    found = doctest.testmod(verdicts)
    assert found.attempted > 0
    assert found.failed == 0
