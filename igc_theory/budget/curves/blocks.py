r"""What IGCV1, three balanced factors and IGCV3 gain in width, and what imbalance costs: tables as in `tradeoffs`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from igc_theory.budget.curves.tradeoffs import MOST_POINTS, Curves, by_columns
from igc_theory.budget.designs.cheapest import strict_designs
from igc_theory.budget.designs.widest import igcv1_pairs
from igc_theory.budget.formulas.block_widths import igcv1_width, igcv3_width, regular_width
from igc_theory.budget.formulas.cost import group_parameters, igcv1_parameters, igcv3_parameters, interleaved_parameters
from igc_theory.budget.formulas.quantities import area, no_window, quantity
from igc_theory.budget.formulas.widths import balanced_parameters
from igc_theory.structure.arguments.numbers import positive_int, real_number
from igc_theory.structure.arguments.sequences import MOST_AREA, listed, two_of

__all__ = [
    "imbalance_of_designs",
    "price_of_imbalance",
    "width_gain_of_igcv1",
    "width_gain_of_igcv3",
    "width_of_igcv1_designs",
]

MOST_ON_AXIS = 1000
"""Points on each axis of a map."""


def price_of_imbalance(reach: float = 3, points: int = 41, S: int = 9) -> Curves:
    r"""Return what three factors cost relative to balanced ones, over the ratios of their terms.

    The weights per channel are :math:`S K_1 + K_2 + K_3`; at a fixed width they depend on the two ratios only.

    Parameters
    ----------
    reach : float, default 3
        Both logarithms run from `-reach` to `reach`.
    points : int, default 41
        On each axis.
    S : int, default 9
        Kernel area; the map does not depend on it.

    Returns
    -------
    dict of ndarray
        Columns `log2_second` and `log2_third`, :math:`\log_2(K_2/(S K_1))` and :math:`\log_2(K_3/(S K_1))`; `price`, weights
        divided by the least, 1 at the balance point.

    Raises
    ------
    TypeError, ValueError
        If an argument is not a positive quantity.

    Examples
    --------
    >>> table = price_of_imbalance(reach=1, points=3)
    >>> table["price"].reshape(3, 3).round(3).tolist()
    [[1.058, 1.05, 1.167], [1.05, 1.0, 1.058], [1.167, 1.058, 1.05]]
    """
    points, S = (
        positive_int("points", points, minimum=2, maximum=MOST_ON_AXIS),
        positive_int("S", no_window(S), maximum=MOST_AREA),
    )
    if (reach := real_number("reach", reach, least=0, most=100)) == 0:
        raise ValueError("reach=0 leaves one point: give a number above 0")
    axis = np.linspace(-reach, reach, points)
    second, third = (grid.ravel() for grid in np.meshgrid(axis, axis))
    S = area(S)
    # At a balanced design of one channel every term is S**(1/3); the ratios move the terms and keep their product.
    first = S ** (1 / 3) * 2 ** (-(second + third) / 3)
    terms = [first / S, first * 2**second, first * 2**third]
    price = interleaved_parameters(1.0, terms, S) / balanced_parameters(1.0, 3, S)
    return {"log2_second": second, "log2_third": third, "price": price}


def imbalance_of_designs(channels: int, S: int = 9) -> Curves:
    r"""Return where the strict designs of three factors lie on the map of `price_of_imbalance`.

    Parameters
    ----------
    channels, S : int
        Channels and kernel area.

    Returns
    -------
    dict of ndarray
        Columns `K1`, `K2`, `K3` (pointwise widths in both orders), `log2_second`, `log2_third`, `price`.

    Raises
    ------
    TypeError, ValueError
        If an argument is not a positive quantity.

    Examples
    --------
    >>> table = imbalance_of_designs(144)
    >>> best = table["price"].argmin()
    >>> [int(table[name][best]) for name in ("K1", "K2", "K3")], round(float(table["price"][best]), 3)
    ([1, 12, 12], 1.009)
    """
    C, S = positive_int("channels", channels, maximum=10**9), positive_int("S", no_window(S), maximum=MOST_AREA)
    widths = {design.branch_widths for design in strict_designs(C, S, factors=3)}
    widths |= {(K1, K3, K2) for K1, K2, K3 in widths}
    K1, K2, K3 = np.array(sorted(widths)).T
    return {
        "K1": K1,
        "K2": K2,
        "K3": K3,
        "log2_second": np.log2(K2 / (S * K1)),
        "log2_third": np.log2(K3 / (S * K1)),
        "price": interleaved_parameters(C, [K1, K2, K3], S) / balanced_parameters(C, 3, S),
    }


def width_of_igcv1_designs(budget: int, S: int = 9, points: int = 121) -> Curves:
    """Return the width of IGCV1 over its primary partitions, all at one budget.

    Parameters
    ----------
    budget, S : int
        Weights and kernel area.
    points : int, default 121
        Of the continuous curve.

    Returns
    -------
    dict of ndarray
        Columns `series` ("continuous", "integer"), `L`, `M`, `width`, `parameters`. The integer designs are those in
        which neither L nor M can be larger within the budget.

    Raises
    ------
    TypeError, ValueError
        If an argument is not a positive quantity.

    Examples
    --------
    >>> table = width_of_igcv1_designs(4672)
    >>> integer = table["series"] == "integer"
    >>> table["width"][integer].max(), table["width"].max().round(1)
    (np.float64(84.0), np.float64(84.6))
    """
    S = positive_int("S", no_window(S), maximum=MOST_AREA)
    budget = positive_int("budget", budget, minimum=S + 1, maximum=10**12, way_out=f"one channel has {S + 1} weights")
    longest = {L: M for _, _, (M, L) in igcv1_pairs(budget, S, 1, 1, 1)}
    pairs = sorted(longest.items())  # M grows as the pairs come, so that the largest M of every L is kept
    most = max(L for L, _ in pairs)
    L_real = np.geomspace(1, most, positive_int("points", points, minimum=2, maximum=MOST_POINTS))
    width = igcv1_width(budget, L_real, S)
    rows: list[tuple[Any, ...]] = [("continuous", L, G / L, G, budget) for L, G in zip(L_real, width, strict=True)]
    rows += [("integer", L, M, L * M, igcv1_parameters(L, M, S)) for L, M in pairs]
    return by_columns(("series", "L", "M", "width", "parameters"), rows)


def width_gain_of_igcv1(most: float = 256, points: int = 33) -> Curves:
    r"""Return how much wider IGCV1 is than a regular convolution of equal weights: :math:`G/C = (1/L + 1/(MS))^{-1/2}`.

    It exceeds 1 iff :math:`L/(L-1) < MS` (width theorem, IGCV1, section 3.3).

    Parameters
    ----------
    most : float, default 256
        Both `L` and `M S` run from 1 to this.
    points : int, default 33
        On each axis, in equal ratios.

    Returns
    -------
    dict of ndarray
        Columns `L`, `MS`, `gain`.

    Raises
    ------
    TypeError, ValueError
        If an argument is not a positive quantity.

    Examples
    --------
    >>> width_gain_of_igcv1(most=4, points=2)["gain"].round(3).tolist()
    [0.707, 0.894, 0.894, 1.414]
    """
    points = positive_int("points", points, minimum=2, maximum=MOST_ON_AXIS)
    if (most := real_number("most", most, least=1, most=1e12)) == 1:
        raise ValueError("most=1 leaves one point: give a number above 1")
    axis = np.geomspace(1, most, points)
    L, MS = (grid.ravel() for grid in np.meshgrid(axis, axis))
    # M and S come in as their product: with S = 1 the formulas say the same.
    return {"L": L, "MS": MS, "gain": L * MS / regular_width(igcv1_parameters(L, MS, 1), 1)}


def width_gain_of_igcv3(
    channels: ArrayLike, expansion: int = 6, groups: Sequence[tuple[int, int]] = ((2, 2), (4, 4), (8, 8)), S: int = 9
) -> Curves:
    """Return how much wider IGCV3 is than MobileNetV2's block (one group each) of equal weights.

    Parameters
    ----------
    channels : array_like
        Widths of the MobileNetV2 block.
    expansion : int, default 6
        `t`.
    groups : sequence of (int, int)
        Branches of the two pointwise convolutions.
    S : int, default 9
        Kernel area.

    Returns
    -------
    dict of ndarray
        Columns `channels`, `G1`, `G2`, `gain` and `limit`, the gain as the width grows without end.

    Raises
    ------
    TypeError, ValueError
        If an argument is not a positive quantity, or `channels` is empty.

    Examples
    --------
    >>> table = width_gain_of_igcv3([24, 320], groups=[(2, 2)])
    >>> table["gain"].round(3).tolist(), table["limit"].round(3).tolist()
    ([1.365, 1.41], [1.414, 1.414])
    """
    widths = np.ravel(quantity("channels", channels)).astype(float)
    if not widths.size:
        raise ValueError("channels is empty: give at least one width")
    way_out = "give pairs of branches, such as [(2, 2)]"
    pairs = [two_of("groups", pair, way_out) for pair in listed("groups", groups, way_out)]
    t, S = positive_int("expansion", expansion, maximum=MOST_AREA), positive_int("S", no_window(S), maximum=MOST_AREA)
    budgets = igcv3_parameters(widths, widths, t, (1, 1), S)
    tables = []
    for G1, G2 in pairs:
        G1, G2 = positive_int("groups", G1), positive_int("groups", G2)
        wider = igcv3_width(budgets, t, (G1, G2), S)
        # Without the depthwise factor the gain would be this at every width; floats, so that groups need not divide.
        limit = np.sqrt(2 / (group_parameters(1.0, G1, 1) + group_parameters(1.0, G2, 1)))
        tables += [(C, G1, G2, gain, limit) for C, gain in zip(widths, wider / widths, strict=True)]
    return by_columns(("channels", "G1", "G2", "gain", "limit"), tables)
