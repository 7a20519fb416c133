"""Intervals against Student's and by enumeration, standard errors against the classical ones, families against Šidák."""

import doctest
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm, t

from experiments import bootstrap
from experiments.bootstrap import RESAMPLES, critical_value, estimates, expanded_interval, interval, resamples


def first(means):
    return means[0]


def apart(means):
    return means[0] - means[1]


# --- intervals ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [5, 10, 40])
def test_interval_of_normal_replicates_is_that_of_student(n):
    # The bootstrap distribution of a mean has standard deviation s sqrt((n-1)/n) / sqrt(n); s = 1 here.
    points = norm.ppf((np.arange(400_000) + 0.5) / 400_000) * np.sqrt((n - 1) / n) / np.sqrt(n)
    half = t.ppf(0.975, n - 1) / np.sqrt(n)
    assert expanded_interval(points, n) == pytest.approx((-half, half), rel=2e-3)


@given(st.lists(st.integers(-20, 20), min_size=5, max_size=5))
def test_five_seeds_are_drawn_in_all_ways(differences):
    means = sorted(sum(draw) / 5 for draw in product(differences, repeat=5))
    # Tails of 0.00095 of 3,125 draws, so the third smallest and the third largest.
    assert interval(first, np.array(differences, float)[:, None]) == pytest.approx((means[2], means[-3]))


@pytest.mark.parametrize("seeds", [2, 5, 6, 32])
def test_resamples_are_shares_of_whole_draws(seeds):
    shares = resamples(seeds)
    counts = np.rint(shares * seeds)
    np.testing.assert_allclose(shares * seeds, counts, atol=1e-9)
    assert (counts.sum(axis=1) == seeds).all()
    assert len(shares) == (seeds**seeds if seeds <= 5 else RESAMPLES)
    # The variance of a mean over the resamples is that over the seeds, with divisor n, over n.
    values = np.random.default_rng(seeds).normal(size=seeds)
    assert np.var(shares @ values) == pytest.approx(np.var(values) / seeds, rel=0.05)


def test_ends_do_not_depend_on_the_generator(monkeypatch):
    """To 0.01 points, for the largest spread and the number of seeds of the experiments."""
    table = np.random.default_rng(3).normal(scale=0.7 / np.sqrt(2), size=(32, 2))
    ends = []
    for generator in range(4):
        monkeypatch.setattr(bootstrap, "_GENERATOR", generator)
        resamples.cache_clear()
        bootstrap._drawn.cache_clear()
        ends.append(interval(apart, table))
    assert (np.ptp(ends, axis=0) < 0.01).all()
    monkeypatch.undo()
    resamples.cache_clear()
    bootstrap._drawn.cache_clear()


@pytest.mark.parametrize("seed", range(3))
def test_interval_of_a_difference_of_32_seeds_is_nearly_that_of_the_paired_t(seed):
    table = np.random.default_rng(seed).normal(size=(32, 2))
    differences = table[:, 0] - table[:, 1]
    half = t.ppf(0.975, 31) * differences.std(ddof=1) / np.sqrt(32)
    low, high = interval(apart, table)
    assert (low, high) == pytest.approx((differences.mean() - half, differences.mean() + half), abs=0.08 * half)


# --- standard errors ------------------------------------------------------------------------------------------------


def test_standard_error_of_a_linear_statistic_is_the_classical_one_in_every_resample():
    table = np.random.default_rng(0).normal(size=(7, 3)) + 90
    shares = resamples(7)[:50]
    values, errors = estimates(lambda means: means[0] - (means[1] + means[2]) / 2, table, shares)
    drawn = [np.repeat(table @ [1, -0.5, -0.5], np.rint(7 * row).astype(int)) for row in shares]
    np.testing.assert_allclose(values, [draw.mean() for draw in drawn])
    np.testing.assert_allclose(errors, [draw.std(ddof=1) / np.sqrt(7) for draw in drawn], rtol=1e-6)


def test_standard_error_of_a_largest_mean_is_that_of_the_largest():
    table = np.array([[90.0, 95], [91, 97], [92, 96.5]])
    (value,), (error,) = estimates(lambda means: means.max(axis=0), table)
    assert (value, error) == pytest.approx((table[:, 1].mean(), table[:, 1].std(ddof=1) / np.sqrt(3)))


# --- families -------------------------------------------------------------------------------------------------------


def test_one_statistic_has_nearly_the_quantile_of_student():
    table = np.random.default_rng(1).normal(size=(32, 1))
    assert critical_value([(first, table)]) == pytest.approx(t.ppf(0.975, 31), rel=0.05)


@pytest.mark.parametrize("members", [5, 40])
def test_independent_statistics_have_nearly_the_quantile_of_sidak(members):
    rng = np.random.default_rng(2)
    family = [(first, rng.normal(size=(32, 1))) for _ in range(members)]
    level = 1 - (1 - 0.05) ** (1 / members)
    assert critical_value(family) == pytest.approx(t.ppf(1 - level / 2, 31), rel=0.06)


def test_a_repeated_statistic_costs_nothing_and_a_larger_unit_neither():
    table = np.random.default_rng(4).normal(size=(32, 2))
    alone = critical_value([(apart, table)])
    assert critical_value([(apart, table), (lambda means: -5 * apart(means), table)]) == pytest.approx(alone)


def test_equal_runs_of_all_seeds_are_no_obstacle():
    still, moving = np.full((32, 1), 97.5), np.random.default_rng(5).normal(size=(32, 1))
    assert critical_value([(first, still), (first, moving)]) == critical_value([(first, moving)])


def test_examples_run():
    assert doctest.testmod(bootstrap).failed == 0
