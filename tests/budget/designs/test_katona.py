"""Katona's number against the printed sequence, brute force, and the dense optimum that it bounds."""

import pytest

from igc_theory.budget import best_dense
from igc_theory.budget.designs.katona import katona_number

PRINTED = [0, 2, 3, 4, 5, 5, 6, 6, 6, *[7] * 3, *[8] * 6, *[9] * 9, *[10] * 9, *[11] * 18, *[12] * 24]
"""A007600 from n = 1 on, as far as the page of the encyclopedia lists it."""


def least_sum(n, smallest=2):
    """Try every multiset of widths."""
    if n <= 1:
        return 0
    return min(k + least_sum(-(-n // k), k) for k in range(smallest, max(n, smallest) + 1))


def test_the_printed_sequence_comes_out():
    assert [katona_number(n) for n in range(1, len(PRINTED) + 1)] == PRINTED


@pytest.mark.parametrize("n", range(1, 33))
def test_no_multiset_of_widths_has_a_smaller_sum(n):
    assert katona_number(n) == least_sum(n)


def test_the_dense_optimum_is_never_below_and_above_only_where_two_or_three_do_not_divide():
    for C in range(2, 257):
        assert best_dense(C, 9).parameters_per_channel >= 9 + katona_number(C)
    assert all(best_dense(C, 9).parameters_per_channel == 9 + katona_number(C) for C in range(6, 257, 6))
    assert (katona_number(416), best_dense(416, 9).parameters_per_channel) == (17, 9 + 18)


@pytest.mark.parametrize("n", [0, -3, 2.5, "8"])
def test_only_positive_integers_are_taken(n):
    with pytest.raises((TypeError, ValueError), match="n="):
        katona_number(n)
