"""Arguments that are numbers: integers and reals within bounds, divisors, exact powers and roots."""

from __future__ import annotations

import operator
from math import isfinite
from typing import Any

import numpy as np

from igc_theory.structure.arguments.kinds import kind_of, shown
from igc_theory.structure.divisors import divisors

__all__ = [
    "LARGEST",
    "branches_of",
    "exact_power_of_two",
    "exact_root",
    "positive_int",
    "real_number",
]

LARGEST = 2**63 - 1
"""The largest size: NumPy counts in 64 bits."""


def positive_int(
    name: str, value: Any, *, minimum: int = 1, maximum: int | None = LARGEST, way_out: str = "", beyond: str = ""
) -> int:
    """Return `value` as a Python int from `minimum` to `maximum`.

    Parameters
    ----------
    name : str
        The argument's name, for the message.
    value : int or NumPy integer
        Booleans and floats are refused: ``True`` channels or ``2.0`` branches are slips.
    minimum : int, default 1
        The smallest value allowed.
    maximum : int or None, default 2**63 - 1
        The largest value allowed; None for none.
    way_out, beyond : str, optional
        What to do instead, and what to do instead of a value above the maximum; general advice is given when empty.

    Raises
    ------
    TypeError
        If `value` is not an integer.
    ValueError
        If `value` is below `minimum` or above `maximum`.

    Examples
    --------
    >>> positive_int("groups", np.int8(4))
    4
    >>> positive_int("groups", 0)
    Traceback (most recent call last):
    ...
    ValueError: groups=0 is below 1: use an integer of at least 1
    >>> positive_int("batch", 10**9, maximum=2**20)
    Traceback (most recent call last):
    ...
    ValueError: batch=1000000000 is above 1048576: use an integer of at most 1048576
    """
    advice = way_out or f"use an integer of at least {minimum}"
    try:
        # A NumPy boolean would count as an index in some versions; so would an array of one entry.
        unfit = type(value).__name__.startswith("bool") or isinstance(value, np.ndarray)
        number = None if unfit else operator.index(value)
    except Exception:  # a stranger's __index__ may raise anything
        number = None
    if number is None:
        raise TypeError(f"{name}={shown(value)} is {kind_of(value)}, not an integer: {advice}")
    if number < minimum:
        raise ValueError(f"{name}={shown(number)} is below {minimum}: {advice}")
    if maximum is not None and number > maximum:
        raise ValueError(
            f"{name}={shown(number)} is above {maximum}: {beyond or f'use an integer of at most {maximum}'}"
        )
    return number


def real_number(name: str, value: Any, *, least: float = -np.inf, most: float = np.inf) -> float:
    """Return a finite real number within bounds, which are allowed, as a Python float.

    Examples
    --------
    >>> real_number("share", np.float16(0.5), least=0, most=1)
    0.5
    >>> real_number("share", 2, least=0, most=1)
    Traceback (most recent call last):
    ...
    ValueError: share=2 is outside 0 … 1: give a number from 0 to 1
    """
    bounds = {(False, True): f"of at most {most}", (True, False): f"of at least {least}", (True, True): "0"}
    rule = bounds.get((isfinite(least), isfinite(most)), "")
    way_out = f"give a number from {least} to {most}" if rule == "0" else f"give a finite number {rule}".rstrip()
    if not isinstance(value, (int, float, np.integer, np.floating)) or isinstance(value, bool):
        raise TypeError(f"{name}={shown(value)} is {kind_of(value)}, not a real number: {way_out}")
    try:
        number = float(value)
    except OverflowError:
        number = np.inf
    if not isfinite(number):
        raise ValueError(f"{name}={shown(value)} is not a finite float: {way_out}")
    if not least <= number <= most:
        raise ValueError(f"{name}={shown(value)} is outside {least} … {most}: {way_out}")
    return number


def branches_of(channels: int, groups: int, name: str) -> int:
    """Return the channels per branch, ``channels // groups``; refuse `groups` that do not divide `channels`.

    Examples
    --------
    >>> branches_of(6, 3, "in_channels")
    2
    >>> branches_of(6, 4, "in_channels")
    Traceback (most recent call last):
    ...
    ValueError: groups=4 does not divide in_channels=6: use a divisor of 6 (1, 2, 3, 6), or pad to 8 channels
    """
    if channels % groups:
        padded = -(-channels // groups) * groups
        small = divisors(channels, most=64)
        some = ", ".join(map(str, small[:8])) + (", …" if len(small) > 8 or channels > 64 else "")
        raise ValueError(
            f"groups={groups} does not divide {name}={channels}: "
            f"use a divisor of {channels} ({some}), or pad to {padded} channels"
        )
    return channels // groups


def exact_power_of_two(name: str, value: Any) -> int:
    """Return s of ``value == 2**s``, at least 1.

    Examples
    --------
    >>> exact_power_of_two("channels", 64)
    6
    >>> exact_power_of_two("channels", 48)
    Traceback (most recent call last):
    ...
    ValueError: channels=48 is not a power of 2: use 32 or 64
    """
    number = positive_int(name, value, minimum=2)
    exponent = number.bit_length() - 1
    if number != 2**exponent:
        raise ValueError(f"{name}={number} is not a power of 2: use {2**exponent} or {2 ** (exponent + 1)}")
    return exponent


def exact_root(name: str, value: Any, power_name: str, power: int) -> int:
    """Return r of ``value == r**power``; both names are for the message.

    Examples
    --------
    >>> exact_root("channels", 64, "order", 3)
    4
    >>> exact_root("channels", 48, "order", 2)
    Traceback (most recent call last):
    ...
    ValueError: channels=48 is not the power order=2 of an integer: use 36 or 49
    """
    number, root = positive_int(name, value), 1
    for bit in reversed(range(64 // power + 1)):  # the binary digits of the root, the largest first: exact for any size
        root += 2**bit if (root + 2**bit) ** power <= number else 0
    if root**power != number:
        near = f"use {root**power} or {(root + 1) ** power}"
        raise ValueError(f"{name}={number} is not the power {power_name}={power} of an integer: {near}")
    return root
