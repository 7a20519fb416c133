"""Numbers that may be an int, an array or a symbol: what lets one formula be counted, plotted and derived."""

from __future__ import annotations

import operator
from fractions import Fraction
from typing import Any

import numpy as np

__all__ = ["Quantity", "exact_quotient", "quantity"]

Quantity = Any
"""An int, a float, a Fraction, a NumPy array or a SymPy expression: whatever understands ``+ * / **``."""


def quantity(name: str, value: Any, *, above: int = 0) -> Quantity:
    """Return `value` if it can stand for a size: a number above `above`, an array of such, or a SymPy expression.

    Integers become Python ints, which are exact whatever their size, and integer arrays int64, so that small dtypes
    cannot wrap. A symbol is refused only where SymPy knows that it is not positive.

    Parameters
    ----------
    name : str
        The argument's name, for the message.
    value : int, float, Fraction, array or SymPy expression
        Booleans, complex numbers and text are refused.
    above : int, default 0
        Every entry has to be larger.

    Raises
    ------
    TypeError
        If `value` is of another kind.
    ValueError
        If a number is not finite or not above `above`.

    Examples
    --------
    >>> quantity("C", 64), quantity("C", [64, 128])
    (64, array([ 64, 128]))
    >>> quantity("C", 0)
    Traceback (most recent call last):
    ...
    ValueError: C=0 is not above 0: use a positive number
    """
    if hasattr(value, "free_symbols"):
        return _checked_symbol(name, value, above)
    if isinstance(value, Fraction):
        numbers: Any = value
    else:
        numbers = _checked_numbers(name, value)
    wrong = np.atleast_1d(~np.isfinite(np.asarray(numbers, dtype=float)) | (np.asarray(numbers, dtype=float) <= above))
    if wrong.any():
        first = np.atleast_1d(np.asarray(value))[wrong][0]
        advice = "use a positive number" if above == 0 else f"use a number larger than {above}"
        raise ValueError(f"{name}={first} is not above {above}: {advice}")
    return numbers


def exact_quotient(names: str, numerator: Quantity, denominator: Quantity) -> Quantity:
    """Return ``numerator / denominator``; between integers it has to come out even, and stays an integer.

    Raises
    ------
    ValueError
        If both are integers and the division leaves a remainder.

    Examples
    --------
    >>> exact_quotient("C/groups", 6, 2), exact_quotient("C/groups", 7.0, 2)
    (3, 3.5)
    >>> exact_quotient("C/groups", 7, 2)
    Traceback (most recent call last):
    ...
    ValueError: C/groups=7/2 leaves a remainder: use a divisor, or floats for the continuous formula
    """
    if not (_integral(numerator) and _integral(denominator)):
        return numerator / denominator
    remainder = np.asarray(numerator % denominator)
    if remainder.any():
        top, bottom = (
            np.broadcast_to(part, remainder.shape)[remainder != 0].flat[0] for part in (numerator, denominator)
        )
        raise ValueError(
            f"{names}={top}/{bottom} leaves a remainder: use a divisor, or floats for the continuous formula"
        )
    return numerator // denominator


def _integral(value: Quantity) -> bool:
    return isinstance(value, int) or (isinstance(value, np.ndarray) and value.dtype.kind == "i")


def _checked_symbol(name: str, value: Quantity, above: int) -> Quantity:
    if (value - above).is_positive is False:
        raise ValueError(
            f"{name}={value} is not above {above}: use a positive symbol, such as Symbol({name!r}, positive=True)"
        )
    return value


def _checked_numbers(name: str, value: Any) -> Quantity:
    """Return a Python int, a float or an array of int64 or float."""
    try:
        array = np.asarray(value)
    except ValueError:
        array = np.asarray(None)
    if array.dtype.kind not in "iuf" and not (
        array.ndim == 0 and isinstance(value, int) and not isinstance(value, bool)
    ):
        raise TypeError(
            f"{name}={value!r} is not a real number: give an int, a float, an array of them or a SymPy expression"
        )
    if array.dtype.kind == "f":
        return array if array.ndim else float(array)
    return array.astype(np.int64) if array.ndim else operator.index(value if isinstance(value, int) else array.item())
