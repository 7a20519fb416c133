"""Arguments with several entries: lists, pairs, windows and arrays."""

from __future__ import annotations

from collections.abc import Mapping, Set
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from igc_theory.structure.arguments.kinds import kind_of, shown
from igc_theory.structure.arguments.numbers import positive_int

__all__ = [
    "MOST_AREA",
    "array_of",
    "listed",
    "pair_of",
    "two_of",
    "widths_of",
    "window_of",
]

MOST_AREA = 2**20
"""Entries of a window where its size decides the work: a thousand on a side."""

MOST_ENTRIES = 2**20
"""Entries of a sequence that are read; an endless iterator is stopped here."""


def listed(name: str, value: Any, way_out: str, *, empty: bool = False) -> list[Any]:
    """Return the entries of an ordered iterable as a list; text, bytes, sets, mappings and tables are refused, or endless ones.

    Examples
    --------
    >>> listed("widths", (1, 8), "give a list")
    [1, 8]
    >>> listed("widths", {8, 1}, "give a list")
    Traceback (most recent call last):
    ...
    TypeError: widths={1, 8} is a set, not a sequence: give a list
    """
    unordered = isinstance(value, (str, bytes, bytearray, memoryview, Mapping, Set, type)) or _is_table(value)
    flat = not isinstance(value, np.ndarray) or (value.ndim > 0 and not isinstance(value, np.ma.MaskedArray))
    if unordered or not flat or not hasattr(value, "__iter__"):
        raise TypeError(f"{name}={shown(value)} is {kind_of(value)}, not a sequence: {way_out}")
    try:
        entries = list(islice(value, MOST_ENTRIES + 1))
    except Exception:  # a stranger's __iter__ may raise anything
        raise TypeError(f"{name}={shown(value)} cannot be read to its end: {way_out}") from None
    if len(entries) > MOST_ENTRIES:
        raise ValueError(f"{name} has more than {MOST_ENTRIES} entries: {way_out}")
    if not entries and not empty:
        raise ValueError(f"{name}={shown(value)} is empty: {way_out}")
    return entries


def _is_table(value: Any) -> bool:
    """Return whether iterating goes over names of columns, as over a pandas.DataFrame, and not over entries."""
    return hasattr(value, "keys") and hasattr(value, "columns")


def two_of(name: str, value: Any, way_out: str) -> tuple[Any, Any]:
    """Return the two entries of a pair.

    Examples
    --------
    >>> two_of("groups", (2, 4), "give (G1, G2)")
    (2, 4)
    """
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise ValueError(f"{name}={shown(value)} is not a pair: {way_out}")
    return value[0], value[1]


def widths_of(name: str, value: Any) -> tuple[int, ...]:
    """Return branch widths as ints, one per factor.

    Examples
    --------
    >>> widths_of("branch_widths", np.array([1, 8], np.int8))
    (1, 8)
    """
    widths = listed(name, value, "give one width per factor, such as [1, 8, 8]")
    return tuple(positive_int(f"{name}[{l}]", width) for l, width in enumerate(widths))


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
            f"{name}={shown(value)} has {len(value)} entries, not 2: give one integer or a pair (height, width)"
        )
    height, width = (positive_int(f"{name}[{axis}]", entry, minimum=minimum) for axis, entry in enumerate(value))
    return height, width


def window_of(name: str, value: Any, *, most_area: int | None = None) -> tuple[int, int]:
    """Return a window ``(height, width)`` from an int or a pair of ints, each at least 1.

    Examples
    --------
    >>> window_of("kernel_size", 3), window_of("kernel_size", (1, 5))
    ((3, 3), (1, 5))
    >>> window_of("kernel_size", 10**6, most_area=MOST_AREA)
    Traceback (most recent call last):
    ...
    ValueError: kernel_size=1000000 has 1000000000000 entries, more than 1048576: use a smaller window
    """
    height, width = pair_of(name, value)
    if most_area is not None and height * width > most_area:
        entries = shown(height * width)
        raise ValueError(f"{name}={shown(value)} has {entries} entries, more than {most_area}: use a smaller window")
    return height, width


def array_of(name: str, value: ArrayLike) -> NDArray[Any]:
    """Return `value` as an array; a mask would be lost; sparse arrays and rows of different lengths make none.

    Examples
    --------
    >>> array_of("kernel", [[1, 2], [3, 4]]).shape
    (2, 2)
    >>> array_of("kernel", np.ma.masked_array([1, 2], [True, False]))
    Traceback (most recent call last):
    ...
    TypeError: kernel is a masked array, whose mask would be lost: give kernel.filled(0), or the array without a mask
    """
    if isinstance(value, np.ma.MaskedArray):
        way_out = f"give {name}.filled(0), or the array without a mask"
        raise TypeError(f"{name} is a masked array, whose mask would be lost: {way_out}")
    if not isinstance(value, np.ndarray) and hasattr(value, "toarray"):  # NumPy would take it for a single object
        raise TypeError(f"{name} is {kind_of(value)}, a sparse array: give {name}.toarray()")
    try:
        return np.asarray(value)
    except ValueError:
        raise ValueError(
            f"{name}={shown(value)} is a ragged nesting of lists: give an array with equally long rows"
        ) from None
    except Exception:  # a stranger's __array__ or __len__ may raise anything
        raise TypeError(f"{name}={shown(value)} is {kind_of(value)}: give an array of numbers") from None
