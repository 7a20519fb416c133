r"""Curves of what is gained and paid: width against weights, weights against factors, integer against continuous optima.

Every function returns a table by columns, with one row per point, ready to be drawn or written as CSV. The formulas are those
of `cost` and `widths`, the optima those of `designs` and `widest`. `S` is a kernel area throughout.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from math import e, isqrt
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from tqdm import tqdm

from igc_theory.budget.designs.cheapest import best_dense, best_strict, factorizations
from igc_theory.budget.designs.design import Design
from igc_theory.budget.designs.widest import MOST_BUDGET, widest_dense, widest_strict
from igc_theory.budget.formulas.block_widths import depthwise_separable_width, group_width, regular_width
from igc_theory.budget.formulas.cost import interleaved_parameters, regular_parameters
from igc_theory.budget.formulas.quantities import no_window, quantity
from igc_theory.budget.formulas.widths import (
    attainable_parameters,
    balanced_parameters,
    balanced_width,
    constrained_parameters,
    constrained_width,
    depthwise_width,
    stationary_parameters,
    stationary_width,
)
from igc_theory.structure.arguments.numbers import positive_int
from igc_theory.structure.arguments.sequences import MOST_AREA, array_of, listed
from igc_theory.structure.divisors import prime_factors

__all__ = [
    "Curves",
    "attainable_width",
    "by_columns",
    "integer_optima",
    "weights_against_factors",
    "width_against_parameters",
    "width_of_equal_branches",
]

MOST_POINTS = 2**17
"""Rows of a curve."""

MOST_FACTORS = 100
"""Factors of a curve: no design of fewer than 2**99 channels needs more."""

Curves = dict[str, NDArray[Any]]
"""Columns of equal length by name."""


def by_columns(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> Curves:
    """Return rows as a table by columns.

    Examples
    --------
    >>> by_columns(["L", "width"], [(1, 8.0), (2, 9.5)])
    {'L': array([1, 2]), 'width': array([8. , 9.5])}
    """
    return {name: np.array(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}


def attainable_width(T: ArrayLike, L: ArrayLike, S: int) -> NDArray[np.float64]:
    """Return the width at which `attainable_parameters` is the budget: of `L` factors, balanced where K_1 ≥ 1 allows it.

    Parameters
    ----------
    T, L : array_like
        Budgets in weights, and numbers of factors.
    S : int
        Kernel area.

    Returns
    -------
    ndarray of float

    Raises
    ------
    TypeError, ValueError
        If an argument is not a positive quantity.

    Examples
    --------
    >>> attainable_width(4672, [2, 3, 4], 9).round(1).tolist()
    [84.6, 143.1, 180.1]
    """
    T, L = (np.asarray(quantity(name, value), dtype=float) for name, value in (("T", T), ("L", L)))
    S = positive_int("S", no_window(S), maximum=MOST_AREA)
    balanced = balanced_width(T, L, S)
    # One factor alone is balanced: the number of pointwise ones in its place is not looked at.
    depthwise = depthwise_width(T, np.where(L > 1, L - 1, 1), S)
    return np.asarray(np.where((S * balanced) ** (1 / L) >= S, balanced, depthwise))


def width_against_parameters(budgets: ArrayLike, S: int = 9, most_factors: int = 6, groups: int = 4) -> Curves:
    """Return how wide each family gets for its weights.

    Parameters
    ----------
    budgets : array_like of int
        Weights, each enough for one channel.
    S : int, default 9
        Kernel area.
    most_factors : int, default 6
        IGCV2 curves are given for 2 … `most_factors` factors (two are IGCV1), with K_1 ≥ 1.
    groups : int, default 4
        Branches of the group convolution.

    Returns
    -------
    dict of ndarray
        Columns `series`, `parameters`, `width`.

    Raises
    ------
    TypeError, ValueError
        If an argument is not a positive integer, or a budget does not pay for one channel.

    Examples
    --------
    >>> table = width_against_parameters([4672])
    >>> for series, width in zip(table["series"], table["width"], strict=True):
    ...     print(f"{series:20} {width:.1f}")
    regular              22.8
    group, 4 branches    45.6
    depthwise separable  64.0
    IGCV2, L = 2         84.6
    IGCV2, L = 3         143.1
    IGCV2, L = 4         180.1
    IGCV2, L = 5         195.1
    IGCV2, L = 6         199.5
    continuous optimum   199.7
    strict integer       192.0
    dense integer        192.0
    """
    S, groups = positive_int("S", no_window(S), maximum=MOST_AREA), positive_int("groups", groups)
    most_factors = positive_int("most_factors", most_factors, maximum=MOST_FACTORS)
    given = np.atleast_1d(array_of("budgets", budgets)).ravel().tolist()
    checked = [positive_int("budgets", budget, minimum=S, maximum=MOST_BUDGET) for budget in given]
    if not checked:
        raise ValueError("budgets is empty: give at least one number of weights")
    budgets = np.array(checked)
    continuous: dict[str, Callable[[Any], Any]] = {
        "regular": lambda T: regular_width(T, S),
        f"group, {groups} branches": lambda T: group_width(T, groups, S),
        "depthwise separable": lambda T: depthwise_separable_width(T, S),
        **{f"IGCV2, L = {L}": partial(attainable_width, L=L, S=S) for L in range(2, most_factors + 1)},
        "continuous optimum": lambda T: (constrained_width if _is_constrained(S) else stationary_width)(T, S),
    }
    widths = {name: curve(budgets) for name, curve in continuous.items()}
    for name, widest in (("strict integer", widest_strict), ("dense integer", widest_dense)):
        widths[name] = np.array([widest(int(budget), S).channels for budget in _shown(budgets, name)], dtype=float)
    return {
        "series": np.repeat(list(widths), budgets.size),
        "parameters": np.tile(budgets, len(widths)),
        "width": np.concatenate(list(widths.values())),
    }


def weights_against_factors(channels: int, S: int = 9, most_factors: int | None = None) -> Curves:
    """Return the fewest weights per channel at each number of factors: the bound, the optimum with K_1 ≥ 1, the integer designs.

    Parameters
    ----------
    channels, S : int
        Channels and kernel area.
    most_factors : int, optional
        Last number of factors; by default one more than the prime factors of `channels`, the most a strict design can have.

    Returns
    -------
    dict of ndarray
        Columns `series` ("balanced", "attainable", "strict", "dense"), `factors` (real for the first two series, up to the
        last integer), `weights_per_channel`.

    Raises
    ------
    TypeError, ValueError
        If an argument is not a positive integer.

    Examples
    --------
    >>> table = weights_against_factors(64)
    >>> integer = table["series"] == "strict"
    >>> table["factors"][integer].tolist(), table["weights_per_channel"][integer].tolist()
    ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0], [576.0, 50.0, 25.0, 21.0, 21.0, 21.0, 21.0])
    """
    C, S = (
        positive_int("channels", channels, minimum=2, maximum=10**9),
        positive_int("S", no_window(S), maximum=MOST_AREA),
    )
    most = 1 + len(prime_factors(C)) if most_factors is None else most_factors
    most = positive_int("most_factors", most, maximum=MOST_FACTORS)
    real = np.linspace(1, most, 12 * (most - 1) + 1)
    rows: list[tuple[Any, ...]] = [("balanced", L, balanced_parameters(C, L, S) / C) for L in real]
    rows += [("attainable", L, attainable_parameters(C, L, S) / C) for L in real if L == 1 or L >= 2]
    for series, best in (("strict", best_strict), ("dense", best_dense)):
        rows += [
            (series, L, design.parameters_per_channel)
            for L in range(1, most + 1)
            if (design := _design_or_none(best, C, S, L)) is not None
        ]
    return by_columns(("series", "factors", "weights_per_channel"), rows)


def width_of_equal_branches(budget: int, pointwise: Sequence[int], S: int = 9, points: int = 61) -> Curves:
    r"""Return width and non-sparsity of a depthwise factor and `n` pointwise ones of equal width `K`, all at one budget.

    These are the designs of IGCV2, figure 3: :math:`C ≤ K^n` channels, :math:`C (S + n K)` weights. Non-sparsity is the share
    of the weights that a regular convolution of the same width would have.

    Parameters
    ----------
    budget, S : int
        Weights and kernel area.
    pointwise : sequence of int
        Numbers of pointwise factors; the continuous curve runs from the smallest to the largest.
    points : int, default 61
        Of the continuous curve.

    Returns
    -------
    dict of ndarray
        Columns `series`, `pointwise`, `branch_width`, `width`, `non_sparsity`. The series "continuous" has real widths and
        :math:`C = K^n`; "integer" has the widest dense design, `K` a divisor of its channels.

    Raises
    ------
    TypeError, ValueError
        If an argument is not a positive integer, `pointwise` is empty, or the budget too small.

    Examples
    --------
    >>> table = width_of_equal_branches(4672, [1, 3, 8], points=2)
    >>> integer = table["series"] == "integer"
    >>> table["branch_width"][integer].tolist(), table["width"][integer].tolist()
    ([64.0, 6.0, 2.0], [64.0, 168.0, 186.0])
    """
    entries = listed("pointwise", pointwise, "give at least one number of factors, such as [2]")
    numbers = [positive_int("pointwise", n, maximum=MOST_FACTORS) for n in entries]
    S = positive_int("S", no_window(S), maximum=MOST_AREA)
    advice = "two channels in branches of two are the least"
    budget = positive_int("budget", budget, minimum=2 * (S + 2 * max(numbers)), maximum=10**12, way_out=advice)
    real = np.geomspace(min(numbers), max(numbers), positive_int("points", points, minimum=2, maximum=MOST_POINTS))
    rows: list[tuple[Any, ...]] = [
        ("continuous", n, C ** (1 / n), C) for n, C in zip(real, depthwise_width(budget, real, S), strict=True)
    ]
    rows += [("integer", n, *_widest_of_equal_branches(budget, n, S)) for n in numbers]
    table = by_columns(("series", "pointwise", "branch_width", "width"), rows)
    weights = interleaved_parameters(table["width"], [1, table["pointwise"] * table["branch_width"]], S)
    return {**table, "non_sparsity": weights / regular_parameters(table["width"], S)}


def integer_optima(most_channels: int, S: int = 9) -> Curves:
    """Return the fewest weights per channel of every width: strict, dense, and the continuous bound below both.

    Parameters
    ----------
    most_channels : int
        Widths run from 2 to this.
    S : int, default 9
        Kernel area.

    Returns
    -------
    dict of ndarray
        Columns `channels`, `strict`, `dense`, `bound`, `prime` (0 or 1).

    Raises
    ------
    TypeError, ValueError
        If an argument is not a positive integer.

    Examples
    --------
    >>> table = integer_optima(64)
    >>> [table[name][-2:].tolist() for name in ("channels", "strict", "dense", "prime")]
    [[63, 64], [22, 21], [21, 21], [0, 0]]
    """
    S = positive_int("S", no_window(S), maximum=MOST_AREA)
    channels = np.arange(2, positive_int("most_channels", most_channels, minimum=2, maximum=MOST_POINTS) + 1)
    optima = [(best_strict(C, S), best_dense(C, S)) for C in _shown(channels, "integer optima")]
    least = constrained_parameters if _is_constrained(S) else stationary_parameters
    return {
        "channels": channels,
        "strict": np.array([strict.parameters_per_channel for strict, _ in optima]),
        "dense": np.array([dense.parameters_per_channel for _, dense in optima]),
        "bound": least(channels, S) / channels,
        "prime": np.array([int(len(factorizations(int(C))) == 1) for C in channels]),
    }


def _is_constrained(S: int) -> bool:
    """Return whether K_1 ≥ 1 keeps the best number of balanced factors out of reach, where K_1 is e/S."""
    return e < S


def _widest_of_equal_branches(budget: int, n: int, S: int) -> tuple[int, int]:
    """Return (K, C), C the largest multiple of K with C ≤ K**n and C (S + n K) ≤ budget; the smaller K of equal C."""
    # C is at least K, so that n K² already fits the budget.
    fitting = ((min(K**n, budget // (S + n * K)) // K * K, K) for K in range(2, isqrt(budget // n) + 1))
    C, K = max(fitting, key=lambda pair: (pair[0], -pair[1]))
    return K, C


def _design_or_none(best: Callable[..., Design], C: int, S: int, factors: int) -> Design | None:
    """Return the best design with that many factors, if there is one."""
    try:
        return best(C, S, factors=factors)
    except ValueError:
        return None


def _shown(items: NDArray[np.int64], what: str) -> Iterable[int]:
    """Return the items as Python ints, with a progress bar once two seconds have passed."""
    return tqdm(items.tolist(), desc=what, delay=2, leave=False, disable=None)
