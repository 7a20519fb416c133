"""How often intervals hold the truth: the stored simulation keeps to 95 %, and is what its script finds."""

import csv

import numpy as np
import pytest

from tests.experiments import coverage


def stored():
    with coverage.STORED.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_stored_coverage_is_what_the_script_finds():
    """The first samples of one cell of each kind are simulated again."""
    rows = {(row["kind"], row["distribution"], int(row["seeds"])): row for row in stored()}
    assert rows.keys() == {*coverage.CELLS}
    for cell in (("interval", "skewed", 5), ("rank", "normal", 32), ("family", "normal", 32)):
        again = coverage.simulate(*cell, samples=coverage.FIRST)
        assert again["first"] == pytest.approx(float(rows[cell]["first"]), abs=1e-5)


def test_intervals_of_32_seeds_cover_95_per_cent():
    for row in stored():
        if row["kind"] == "interval" and row["seeds"] == "32":
            noise = 3 * np.sqrt(0.05 * 0.95 / int(row["samples"]))
            loss = 0.02 if row["distribution"] == "skewed" else 0  # an exponential distribution costs Student's as much
            assert float(row["bootstrap"]) > 0.95 - loss - noise, row
            assert abs(float(row["bootstrap"]) - float(row["student"])) < 0.01 + noise, row


def test_a_family_without_effects_is_wrong_in_at_most_one_case_of_twenty():
    for row in stored():
        if row["kind"] == "family":
            noise = 3 * np.sqrt(0.05 * 0.95 / int(row["samples"]))
            assert float(row["bootstrap"]) < 0.05 + noise, row
            assert float(row["student"]) > 0.5, row  # each at 95 %, uncorrected


def test_an_interval_of_a_best_design_is_wrong_a_little_more_often():
    """Where all designs are equal, the largest mean of a resample lies too high: the price of asking for a rank."""
    (row,) = (row for row in stored() if row["kind"] == "rank")
    assert 0.89 < float(row["bootstrap"]) < 0.95
    assert float(row["student"]) > 0.95
