"""Intervals for statistics of mean accuracies: seeds are drawn again, each of them for all designs, alone or for a whole family.

Nothing here knows of claims: a statistic is any function of the mean accuracies of designs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, t

__all__ = ["CONFIDENCE", "Statistic", "critical_value", "estimates", "expanded_interval", "interval", "resamples"]

CONFIDENCE = 0.95

RESAMPLES = 30_000
"""So many that another generator moves no end of an interval by 0.01 points, for a standard deviation of 0.7 over 32 seeds."""

_FAMILY_RESAMPLES = 5_000
_GENERATOR = 18
_STEP = 1e-4
"""In points: below the steps of mean accuracies, and far above their rounding."""

Statistic = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""From the mean accuracies of designs, shape (designs, resamples), to one number per resample."""


@cache
def resamples(seeds: int) -> NDArray[np.float64]:
    """Return the share of each seed in each resample, shape (resamples, seeds): all ways to draw, or many at random.

    There are n**n ways to draw n seeds again. Up to five seeds all are taken; from there on 30,000 by a fixed generator.

    Examples
    --------
    >>> resamples(2).tolist()
    [[1.0, 0.0], [0.5, 0.5], [0.5, 0.5], [0.0, 1.0]]
    >>> resamples(32).shape
    (30000, 32)
    """
    if seeds**seeds > RESAMPLES:
        return _drawn(seeds, RESAMPLES)
    drawn = np.array([*product(range(seeds), repeat=seeds)])
    return np.asarray((drawn[:, :, None] == np.arange(seeds)).mean(axis=1))


@cache
def _drawn(seeds: int, count: int) -> NDArray[np.float64]:
    """Return the shares of random draws, always the same ones for as many seeds."""
    rng = np.random.default_rng([_GENERATOR, seeds])
    return rng.multinomial(seeds, np.full(seeds, 1 / seeds), size=count) / seeds


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


def interval(statistic: Statistic, table: NDArray[np.float64]) -> tuple[float, float]:
    """Return the interval of a statistic of one experiment, whose accuracies have shape (seeds, designs).

    A seed is drawn for all designs at once, so that differences are paired. Accuracies are multiples of one example: the ends are
    rounded to 1e-9 points, so that what is 0 is 0, and another processor prints the same digits. A statistic that picks the best of
    designs that are all equal is missed a little more often than in 5 %: simulated shares are in tests/experiments/coverage.csv.

    Examples
    --------
    >>> first, second = [91, 93, 95, 97, 99], [90.5, 92.5, 94.5, 96.5, 98.5]
    >>> interval(lambda means: means[0] - means[1], np.transpose([first, second]))
    (0.5, 0.5)
    """
    low, high = expanded_interval(statistic((resamples(len(table)) @ table).T), len(table))
    return round(low, 9), round(high, 9)


def estimates(
    statistic: Statistic, table: NDArray[np.float64], shares: NDArray[np.float64] | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    r"""Return a statistic and its standard error in each resample; without shares, those of the seeds as they are.

    The standard error is that of the nonparametric delta method, :math:`\sqrt{\sum_i w_i\, ℓ_i^2/(n-1)}`. Here :math:`w_i` are the
    shares, and :math:`ℓ_i` is the derivative of the statistic by the means, times the deviations from these. For a difference
    of two means it is the standard error of paired differences.

    Examples
    --------
    >>> value, error = estimates(lambda means: means[0] - means[1], np.array([[4.0, 1], [5, 1], [9, 1]]))
    >>> value.round(6), error.round(6), (np.std([3, 4, 8], ddof=1) / 3**0.5).round(6)
    (array([5.]), array([1.527525]), np.float64(1.527525))
    """
    n, designs = table.shape
    shares = np.full((1, n), 1 / n) if shares is None else shares
    means = (shares @ table).T
    steps = _STEP * np.eye(designs)[:, :, None]
    slopes = np.array([statistic(means + step) - statistic(means - step) for step in steps]) / (2 * _STEP)
    influences = table @ slopes - np.sum(means * slopes, axis=0)
    return statistic(means), np.sqrt(np.einsum("rn,nr->r", shares, influences**2) / (n - 1))


def critical_value(family: Iterable[tuple[Statistic, NDArray[np.float64]]]) -> float:
    r"""Return by how many standard errors all statistics of a family miss their true values at most, in 95 % of cases.

    This is the single-step method of the largest :math:`|t|`: Westfall and Young, *Resampling-Based Multiple Testing*, 1993. In a
    resample every statistic is compared with its value over all seeds, in standard errors of the resample. The critical value is
    the 95 % quantile of the largest of these ratios. Seeds are drawn for all statistics at once: what moves together costs less.

    Parameters
    ----------
    family : iterable of (statistic, array of shape (seeds, designs))
        The number of seeds may differ; equally many are taken for the same seeds.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> alone, apart = [(lambda means: means[0], rng.normal(size=(32, 1))) for _ in range(2)]
    >>> 2.0 < critical_value([alone]) == critical_value([alone, alone]) < critical_value([alone, apart]) < 2.6
    True
    """
    largest = np.zeros(_FAMILY_RESAMPLES)
    for statistic, table in family:
        value, _ = estimates(statistic, table)
        values, errors = estimates(statistic, table, _drawn(len(table), _FAMILY_RESAMPLES))
        missed = np.abs(values - value)
        # A resample that holds one seed alone has no standard error: it misses by infinitely many.
        ratios = np.divide(missed, errors, out=np.where(missed > 1e-9, np.inf, 0.0), where=errors > 1e-9)
        np.maximum(largest, ratios, out=largest)
    return float(np.quantile(largest, CONFIDENCE, method="inverted_cdf"))
