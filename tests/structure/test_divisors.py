"""Divisors and prime factors of all small numbers, against trial division and SymPy."""

import sympy as sp

from igc_theory.structure.divisors import divisors, prime_factors


def test_divisors_and_prime_factors_of_small_numbers() -> None:
    for number in range(1, 400):
        assert divisors(number) == [d for d in range(1, number + 1) if number % d == 0]
        assert prime_factors(number) == tuple(p for p, times in sp.factorint(number).items() for _ in range(times))
