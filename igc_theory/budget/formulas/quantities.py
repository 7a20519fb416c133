"""Numbers that may be an int, an array or a symbol: what lets one formula be counted, plotted and derived."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import wraps
from math import inf, prod
from typing import Any, ParamSpec

import numpy as np

from igc_theory.structure.arguments.kinds import kind_of, shown
from igc_theory.structure.arguments.sequences import array_of

__all__ = ["LARGEST", "Quantity", "area", "exact_quotient", "narrowed", "no_window", "quantity", "within_floats"]

Arguments = ParamSpec("Arguments")

LARGEST = 1e50
"""The largest number that formulas over the reals take: fourth powers and products of six stay far from overflow."""

Quantity = Any
"""An int, a float, a Fraction, a NumPy array or a SymPy expression: whatever understands ``+ * / **``."""


def quantity(name: str, value: Any, *, above: int = 0, exact: bool = False) -> Quantity:
    """Return `value` if it can stand for a size: a number above `above`, an array of such, or a SymPy expression.

    A single integer becomes a Python int, which is exact whatever its size. Fractions and arrays become double precision. Where
    counts are formed (`exact`), fractions stay, and integer arrays become arrays of Python ints, which `narrowed` turns back into
    int64 afterwards. A symbol is refused only where SymPy knows that it is not positive.

    Parameters
    ----------
    name : str
        The argument's name, for the message.
    value : int, float, Fraction, array or SymPy expression
        Booleans, complex numbers and text are refused, and so are masked arrays.
    above : int, default 0
        Every entry has to be larger.
    exact : bool, default False
        Whether integers are counted with, and may be of any size; all other numbers are at most `LARGEST`.

    Raises
    ------
    TypeError
        If `value` is of another kind.
    ValueError
        If a number is not finite, not above `above`, or too large.

    Examples
    --------
    >>> quantity("C", 64), quantity("C", [64, 128]), quantity("C", [64], exact=True)
    (64, array([ 64., 128.]), array([64], dtype=object))
    >>> quantity("C", 0)
    Traceback (most recent call last):
    ...
    ValueError: C=0 is not above 0: use a positive number
    """
    if hasattr(value, "free_symbols"):
        return _checked_symbol(name, value, above)
    numbers = value if isinstance(value, Fraction) else _checked_numbers(name, value, exact)
    for entry in np.asarray(numbers, object).ravel().tolist():
        if not entry > above or entry == inf:
            advice = "use a positive number" if above == 0 else f"use a number larger than {above}"
            rule = "finite" if entry == inf else f"above {above}"
            raise ValueError(f"{name}={entry} is not {rule}: {advice}")
        if entry > LARGEST and not (exact and isinstance(entry, int)):
            raise ValueError(f"{name}={shown(entry)} is above {LARGEST:.0e}: real formulas round and overflow there")
    return float(numbers) if isinstance(numbers, Fraction) and not exact else numbers


def within_floats(formula: Callable[Arguments, Quantity]) -> Callable[Arguments, Quantity]:
    """Return a formula that refuses what no float holds, where it would overflow, divide by zero or give infinity.

    Examples
    --------
    >>> within_floats(lambda x: x**2)(2.0)
    4.0
    >>> from igc_theory.budget.formulas.widths import balanced_parameters
    >>> balanced_parameters(64, 1e-9, 9)
    Traceback (most recent call last):
    ...
    ValueError: balanced_parameters leaves the range of floats here: give numbers nearer to 1; integers are counted at any size
    """

    @wraps(formula)
    def refusing(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Quantity:
        try:
            with np.errstate(over="raise", divide="raise", invalid="raise"):
                result = formula(*args, **kwargs)
        except ArithmeticError:  # of Python and of NumPy alike
            result = inf
        real = isinstance(result, float) or (isinstance(result, np.ndarray) and result.dtype.kind == "f")
        if real and not np.isfinite(result).all():
            way_out = "give numbers nearer to 1; integers are counted at any size"
            raise ValueError(f"{formula.__name__} leaves the range of floats here: {way_out}")
        return result

    return refusing


def area(S: Any) -> Quantity:
    """Return a kernel area as a quantity; a window, which is meant where an argument is called `kernel_size`, is refused.

    Examples
    --------
    >>> area(9)
    9
    >>> area((3, 3))
    Traceback (most recent call last):
    ...
    TypeError: S=(3, 3) is a window, and S is a kernel area: give the number of its entries, S=9 for kernel_size=(3, 3)
    """
    return quantity("S", no_window(S))


def no_window(S: Any) -> Any:
    """Return what may be a kernel area; refuse a window."""
    if isinstance(S, (tuple, list, range)):
        entries = prod(S) if all(isinstance(side, int) for side in S) else "height*width"
        raise TypeError(
            f"S={shown(S)} is a window, and S is a kernel area: "
            f"give the number of its entries, S={entries} for kernel_size={shown(S)}"
        )
    return S


def narrowed(counts: Quantity) -> Quantity:
    """Return an array of Python numbers as int64 if it holds integers that fit, as floats if it holds floats, else as it is.

    Examples
    --------
    >>> narrowed(np.array([2, 3], object)), narrowed(np.array([10**30], object)).dtype
    (array([2, 3]), dtype('O'))
    """
    if not isinstance(counts, np.ndarray) or counts.dtype != object:
        return counts
    integers = all(isinstance(entry, int) for entry in counts.flat)
    if integers and any(abs(entry) > np.iinfo(np.int64).max for entry in counts.flat):
        return counts
    return counts.astype(np.int64 if integers else np.float64)


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
    if (remainder != 0).any():
        top, bottom = (
            np.broadcast_to(part, remainder.shape)[remainder != 0].flat[0] for part in (numerator, denominator)
        )
        raise ValueError(
            f"{names}={top}/{bottom} leaves a remainder: use a divisor, or floats for the continuous formula"
        )
    return numerator // denominator


def _integral(value: Quantity) -> bool:
    return isinstance(value, int) or (
        isinstance(value, np.ndarray) and value.dtype == object and all(isinstance(entry, int) for entry in value.flat)
    )


def _checked_symbol(name: str, value: Quantity, above: int) -> Quantity:
    try:
        positive = (value - above).is_positive
    except TypeError:  # an equation, a truth value, a matrix
        way_out = "give a number or a SymPy expression for one"
        raise TypeError(f"{name}={shown(value)} is {kind_of(value)}: {way_out}") from None
    if positive is False or (value.is_number and not value.is_comparable):  # the latter is SymPy's nan
        raise ValueError(
            f"{name}={value} is not above {above}: use a positive symbol, such as Symbol({name!r}, positive=True)"
        )
    return value


def _checked_numbers(name: str, value: Any, exact: bool) -> Quantity:
    """Return a Python int, a float, or an array of floats or of Python ints."""
    if isinstance(value, int) and not isinstance(value, bool):
        return int(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        raise TypeError(f"{name}={shown(value)} is {kind_of(value)}, not a real number: give an int or an array")
    array = array_of(name, value)
    counts = array.dtype == object and array.size and all(type(entry) is int for entry in array.flat)
    if array.dtype.kind not in "iuf" and not counts:
        raise TypeError(
            f"{name}={shown(value)} is not a real number: give an int, a float, an array of them or a SymPy expression"
        )
    if not array.ndim:
        return float(array) if array.dtype.kind == "f" else int(array)
    if array.dtype.kind == "f" or not exact:
        if counts and max(array.flat) > LARGEST:
            raise ValueError(f"{name} has entries above {LARGEST:.0e}: real formulas round and overflow there")
        return array.astype(np.float64)
    return array.astype(object)
