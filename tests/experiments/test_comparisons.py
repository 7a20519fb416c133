"""The worked example's stored rows: complete, of equal size, and read as they are; differences against made ones."""

import numpy as np
import pytest
from scipy.stats import t

from experiments import comparisons
from experiments.comparisons import KEEPS, METHODS, ORIGINAL, Difference, column, difference, rows, summary_table

FIRST = 16 * 9
"""Weights of the convolution that reads the image's one channel, which nothing replaces."""


def test_every_method_ran_at_every_share_with_every_seed():
    found = {(row["design"], row["budget"], row["seed"]) for row in rows()}
    count = len({row["seed"] for row in rows()})
    seeds = {str(seed) for seed in range(count)}
    assert count >= 5
    expected = {(ORIGINAL, "keep 1", seed) for seed in seeds}
    expected |= {(method, f"keep {keep:g}", seed) for method in METHODS for keep in KEEPS for seed in seeds}
    assert found == expected
    assert len(rows()) == len(expected)


@pytest.mark.parametrize("keep", KEEPS)
def test_sizes_are_equal_or_smaller(keep):
    whole = column("weights", ORIGINAL)
    assert len(set(whole)) == 1
    for method in METHODS:
        assert (column("weights", method, keep) - FIRST <= keep * whole).all()
    for method in ("rewritten", "low rank", "pruned"):
        assert (column("weights", method, keep) > 0.85 * keep * whole).all()


def test_exported_files_computed_what_their_modules_did():
    assert max(float(row["onnx_difference"]) for row in rows()) < 1e-3


def made(monkeypatch, first, second):
    names = {"a": first, "b": second}
    fake = [
        {"design": name, "budget": "keep 0.5", "seed": str(seed), "test": str(value)}
        for name, values in names.items()
        for seed, value in reversed(list(enumerate(values)))
    ]
    monkeypatch.setattr(comparisons, "rows", lambda: tuple(fake))


def test_a_difference_pairs_the_seeds_and_its_interval_is_about_students(monkeypatch):
    first, second = np.array([98.0, 97.0, 99.0, 96.5, 98.5]), np.array([97.0, 96.2, 98.3, 95.1, 97.9])
    made(monkeypatch, first, second)
    found, apart = difference("test", "a", "b", 0.5), first - second
    assert found.mean == pytest.approx(apart.mean())
    half = t.ppf(0.975, 4) * apart.std(ddof=1) / np.sqrt(5)
    assert found.high - found.low == pytest.approx(2 * half, rel=0.35)
    assert found.low >= apart.min()
    assert found.word == "above"
    assert difference("test", "b", "a", 0.5).word == "below"


def test_no_difference_is_said_where_the_interval_holds_zero(monkeypatch):
    made(monkeypatch, [1.0, 2.0, 3.0, 4.0, 5.0], [2.0, 1.0, 4.0, 3.0, 5.0])
    assert difference("test", "a", "b", 0.5).word == "no difference shown"
    assert str(Difference(-0.25, -1.0, 0.5)) == "no difference shown, -0.25 [-1.00, +0.50]"


def test_the_table_has_a_line_for_each_method_and_share():
    lines = summary_table().splitlines()
    assert len(lines) == 2 + 1 + len(KEEPS) * len(METHODS)
    assert {line.count("|") for line in lines} == {8}


def test_a_missing_file_says_what_makes_it(monkeypatch, tmp_path):
    monkeypatch.setattr(comparisons, "STORED", tmp_path / "none.csv")
    rows.cache_clear()
    with pytest.raises(ValueError, match=r"experiments/example.csv is missing: run make example"):
        rows()
    rows.cache_clear()
