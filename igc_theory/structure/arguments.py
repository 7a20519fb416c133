"""What every room asks of its arguments, and the one form in which it says no.

An error names the argument, its value, the rule it breaks and the way out.
"""

from __future__ import annotations

import operator
from typing import Any, TypeVar

__all__ = ["branches_of", "flag", "instance_of", "pair_of", "positive_int", "window_of"]

Kind = TypeVar("Kind")


def instance_of(name: str, value: Any, kind: type[Kind], way_out: str) -> Kind:
    """Return `value` if it is of the kind asked for.

    Examples
    --------
    >>> instance_of("name", "a chain", str, "give a string")
    'a chain'
    >>> instance_of("name", 4, str, "give a string")
    Traceback (most recent call last):
    ...
    TypeError: name=4 is a int: give a string
    """
    if not isinstance(value, kind):
        raise TypeError(f"{name}={value!r} is a {type(value).__name__}: {way_out}")
    return value


def flag(name: str, value: Any) -> bool:
    """Return `value` as a Python bool; TypeError if it is not True or False.

    Examples
    --------
    >>> flag("bias", True)
    True
    >>> flag("bias", "no")
    Traceback (most recent call last):
    ...
    TypeError: bias='no' is a str: give True or False
    """
    if not isinstance(value, bool) and type(value).__name__ not in ("bool", "bool_"):
        raise TypeError(f"{name}={value!r} is a {type(value).__name__}: give True or False")
    return bool(value)


def positive_int(name: str, value: Any, *, minimum: int = 1, way_out: str = "") -> int:
    """Return `value` as a Python int of at least `minimum`.

    Parameters
    ----------
    name : str
        The argument's name, for the message.
    value : int or NumPy integer
        Booleans and floats are refused: ``True`` channels or ``2.0`` branches are slips.
    minimum : int, default 1
        The smallest value allowed.
    way_out : str, optional
        What to do instead; a general advice is given when empty.

    Raises
    ------
    TypeError
        If `value` is not an integer.
    ValueError
        If `value` is below `minimum`.

    Examples
    --------
    >>> positive_int("groups", 4)
    4
    >>> positive_int("groups", 0)
    Traceback (most recent call last):
    ...
    ValueError: groups=0 is below 1: use an integer of at least 1
    """
    advice = way_out or f"use an integer of at least {minimum}"
    try:
        # A NumPy boolean would count as an index in some versions.
        number = None if type(value).__name__.startswith("bool") else operator.index(value)
    except TypeError:
        number = None
    if number is None:
        raise TypeError(f"{name}={value!r} is a {type(value).__name__}, not an integer: {advice}")
    if number < minimum:
        raise ValueError(f"{name}={number} is below {minimum}: {advice}")
    return number


def pair_of(name: str, value: Any, *, minimum: int = 1) -> tuple[int, int]:
    """Return ``(vertical, horizontal)`` from an int for both or a pair of ints, each at least `minimum`.

    Examples
    --------
    >>> pair_of("padding", 0, minimum=0), pair_of("stride", (1, 2))
    ((0, 0), (1, 2))
    >>> pair_of("stride", (3, 3, 3))
    Traceback (most recent call last):
    ...
    ValueError: stride=(3, 3, 3) has 3 entries, not 2: give one integer or a pair (height, width)
    """
    if not isinstance(value, (tuple, list)):
        advice = f"give one integer or a pair (height, width), each at least {minimum}"
        side = positive_int(name, value, minimum=minimum, way_out=advice)
        return side, side
    if len(value) != 2:
        raise ValueError(
            f"{name}={value!r} has {len(value)} entries, not 2: give one integer or a pair (height, width)"
        )
    height, width = (positive_int(f"{name}[{axis}]", entry, minimum=minimum) for axis, entry in enumerate(value))
    return height, width


def window_of(name: str, value: Any) -> tuple[int, int]:
    """Return a window ``(height, width)`` from an int or a pair of ints, each at least 1.

    Examples
    --------
    >>> window_of("kernel_size", 3), window_of("kernel_size", (1, 5))
    ((3, 3), (1, 5))
    >>> window_of("kernel_size", (3, 3, 3))
    Traceback (most recent call last):
    ...
    ValueError: kernel_size=(3, 3, 3) has 3 entries, not 2: give one integer or a pair (height, width)
    """
    return pair_of(name, value)


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
        divisors = [d for d in range(1, min(channels, 64) + 1) if channels % d == 0]
        shown = ", ".join(map(str, divisors[:8])) + (", …" if len(divisors) > 8 or channels > 64 else "")
        raise ValueError(
            f"groups={groups} does not divide {name}={channels}: "
            f"use a divisor of {channels} ({shown}), or pad to {padded} channels"
        )
    return channels // groups
