"""The least sum of branch widths when they need not divide the width: a lower bound on every dense design."""

from __future__ import annotations

from functools import cache

from igc_theory.structure.arguments.numbers import positive_int

__all__ = ["katona_number"]


def katona_number(n: int) -> int:
    r"""Return the least sum of integers, each at least 2, whose product is at least `n`.

    .. math:: f(n) = \min\; K_1 + … + K_L, \qquad \prod K_l ≥ n

    Katona's problem of separating families ([OEISA007600]; solved in [Yao1976]). Widths :math:`k ≥ 4` are not needed, as
    :math:`2 + (k - 2) = k` and :math:`2 (k - 2) ≥ k`; after a 2 or a 3, a smaller case of the same problem is left. A dense
    design whose widths divide `C` costs at least ``S + katona_number(C)`` weights per channel.

    Parameters
    ----------
    n : int
        Channels to be reached.

    Returns
    -------
    int
        0 for ``n=1``.

    Raises
    ------
    TypeError, ValueError
        If `n` is not a positive integer.

    Examples
    --------
    >>> from igc_theory.budget import best_dense
    >>> katona_number(416), best_dense(416, 9).parameters_per_channel - 9
    (17, 18)
    """
    return _least(positive_int("n", n))


@cache
def _least(n: int) -> int:
    if n == 1:
        return 0
    return min(2 + _least(-(-n // 2)), 3 + _least(-(-n // 3)))
