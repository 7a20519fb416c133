"""The divisors of a number of channels: what branch widths and numbers of branches are chosen from."""

from __future__ import annotations

from math import isqrt

__all__ = ["divisors", "prime_factors"]


def divisors(number: int, most: int | None = None) -> list[int]:
    """Return the divisors of a number in increasing order, all of them or those up to `most`.

    Examples
    --------
    >>> divisors(12)
    [1, 2, 3, 4, 6, 12]
    >>> divisors(2**62 * 3, most=6)
    [1, 2, 3, 4, 6]
    """
    root = isqrt(number)
    small = [d for d in range(1, min(root, most or root) + 1) if number % d == 0]
    return [d for d in sorted({*small, *(number // d for d in small)}) if d <= (most or number)]


def prime_factors(number: int) -> tuple[int, ...]:
    """Return the prime factors of a number in increasing order, repeated as often as they divide it.

    Examples
    --------
    >>> prime_factors(416), prime_factors(1)
    ((2, 2, 2, 2, 2, 13), ())
    """
    if number == 1:
        return ()
    prime = next((d for d in range(2, isqrt(number) + 1) if number % d == 0), number)
    return prime, *prime_factors(number // prime)
