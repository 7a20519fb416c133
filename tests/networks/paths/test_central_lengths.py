"""The lengths in the middle of a path polynomial, against every list of up to eight paths at every share that splits it evenly."""

from fractions import Fraction
from itertools import product

from igc_theory.networks import PathPolynomial


def test_as_many_whole_paths_are_left_out_below_as_above() -> None:
    for coefficients in product(range(3), repeat=4):
        lengths = sorted(k for k, paths in enumerate(coefficients) for _ in range(paths))
        if coefficients[-1] == 0:
            continue
        for left_out in range((len(lengths) + 1) // 2):
            share = 1 - Fraction(2 * left_out, len(lengths))
            found = PathPolynomial(coefficients).central(share)
            assert found == (lengths[left_out], lengths[-1 - left_out]), (coefficients, share)
