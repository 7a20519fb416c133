"""Validators of arguments for every room, and the one form of their error messages.

There is one validator per kind of argument. Each returns the value in plain form, which the caller then uses: NumPy integers as
ints, paths as `Path`, sequences as lists. An error names the argument, its value, the rule it breaks and what to do instead.
"""

from __future__ import annotations

import operator
import os
from collections.abc import Iterable, Mapping, Set
from itertools import islice
from math import isfinite
from pathlib import Path
from reprlib import Repr
from types import UnionType
from typing import Any, TypeVar, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from igc_theory.structure.divisors import divisors

__all__ = [
    "LARGEST",
    "MOST_AREA",
    "array_of",
    "branches_of",
    "choice_of",
    "exact_power_of_two",
    "exact_root",
    "flag",
    "generator",
    "instance_of",
    "kind_of",
    "listed",
    "pair_of",
    "path_of",
    "positive_int",
    "real_number",
    "settle",
    "shown",
    "text",
    "two_of",
    "widths_of",
    "window_of",
]

Kind = TypeVar("Kind")

LARGEST = 2**63 - 1
"""The largest size: NumPy counts in 64 bits."""

MOST_AREA = 2**20
"""Entries of a window where its size decides the work: a thousand on a side."""

MOST_ENTRIES = 2**20
"""Entries of a sequence that are read; an endless iterator is stopped here."""

_SHORT = Repr()
_SHORT.maxlevel, _SHORT.maxstring, _SHORT.maxother, _SHORT.maxlong = 3, 60, 60, 40


def shown(value: Any) -> str:
    """Return a value as messages show it: its ``repr``, shortened to at most a line.

    Examples
    --------
    >>> shown("groups"), shown([1, 2]), len(shown(10**400)) < 50
    ("'groups'", '[1, 2]', True)
    """
    try:
        long = isinstance(value, int) and value.bit_length() > 400
        line = f"an integer of {value.bit_length()} bits" if long else " ".join(_SHORT.repr(value).split())
    except Exception:  # whatever the repr of a stranger's class raises, the message about it has to come
        line = f"<{type(value).__name__}>"
    line = line.encode("utf-8", "backslashreplace").decode()
    return line if len(line) <= 100 else f"{line[:97]}…"


def kind_of(value: object) -> str:
    """Return the kind of a value with its article, as messages name it.

    Examples
    --------
    >>> kind_of(4), kind_of("a")
    ('an int', 'a str')
    """
    name = type(value).__name__
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"


@overload
def instance_of(name: str, value: Any, kind: type[Kind], way_out: str) -> Kind: ...
@overload
def instance_of(name: str, value: Any, kind: tuple[type | UnionType, ...], way_out: str) -> Any: ...
def instance_of(name: str, value: Any, kind: type | tuple[type | UnionType, ...], way_out: str) -> Any:
    """Return `value` if it is of the kind asked for.

    Examples
    --------
    >>> instance_of("name", "a chain", str, "give a string")
    'a chain'
    >>> instance_of("name", 4, str, "give a string")
    Traceback (most recent call last):
    ...
    TypeError: name=4 is an int: give a string
    """
    if not isinstance(value, kind):
        raise TypeError(f"{name}={shown(value)} is {kind_of(value)}: {way_out}")
    return value


def text(name: str, value: Any) -> str:
    """Return a string that can be written to a file.

    Examples
    --------
    >>> text("name", "IGCV1")
    'IGCV1'
    """
    string = str(instance_of(name, value, str, "give a string"))
    if any("\ud800" <= letter <= "\udfff" for letter in string):
        raise ValueError(f"{name}={shown(value)} has a lone surrogate, which no file can hold: give Unicode text")
    return string


def choice_of(name: str, value: Any, choices: Iterable[str]) -> str:
    """Return `value` if it is one of the words to choose from.

    Examples
    --------
    >>> choice_of("per", "tensor", ("kernel", "tensor"))
    'tensor'
    >>> choice_of("per", "row", ("kernel", "tensor"))
    Traceback (most recent call last):
    ...
    ValueError: per='row' is not known: use 'kernel', 'tensor'
    """
    known = list(choices)
    way_out = f"use {', '.join(map(repr, known))}"
    if instance_of(name, value, str, way_out) not in known:
        raise ValueError(f"{name}={shown(value)} is not known: {way_out}")
    return str(value)


def flag(name: str, value: Any) -> bool:
    """Return a Boolean; truthy values of other types are slips.

    Examples
    --------
    >>> flag("dense", np.True_)
    True
    >>> flag("dense", "no")
    Traceback (most recent call last):
    ...
    TypeError: dense='no' is a str: give True or False
    """
    return bool(instance_of(name, value, (bool, np.bool_), "give True or False"))


def generator(name: str, value: Any, *, optional: bool = False) -> np.random.Generator:
    """Return a random generator; None stands for ``numpy.random.default_rng(0)`` where it is optional.

    Examples
    --------
    >>> generator("rng", 7)
    Traceback (most recent call last):
    ...
    TypeError: rng=7 is an int: give numpy.random.default_rng(seed)
    """
    if optional and value is None:
        return np.random.default_rng(0)
    return instance_of(name, value, np.random.Generator, "give numpy.random.default_rng(seed)")


def settle(record: object, **fields: Any) -> None:
    """Store validated values in the fields of a frozen dataclass: what was given may have been a NumPy integer or a list.

    Examples
    --------
    >>> from igc_theory.structure import GroupConv
    >>> factor = GroupConv(4, 4)
    >>> settle(factor, groups=positive_int("groups", np.int8(2)))
    >>> factor
    GroupConv(4, 4, groups=2)
    """
    for name, value in fields.items():
        object.__setattr__(record, name, value)


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


def listed(name: str, value: Any, way_out: str, *, empty: bool = False) -> list[Any]:
    """Return the entries of an ordered iterable as a list; text, bytes, sets and mappings are refused, as is an endless one.

    Examples
    --------
    >>> listed("widths", (1, 8), "give a list")
    [1, 8]
    >>> listed("widths", {8, 1}, "give a list")
    Traceback (most recent call last):
    ...
    TypeError: widths={1, 8} is a set, not a sequence: give a list
    """
    unordered = isinstance(value, (str, bytes, bytearray, memoryview, Mapping, Set, type))
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


def array_of(name: str, value: ArrayLike) -> NDArray[Any]:
    """Return `value` as an array; a mask would be lost, and rows of different lengths make none.

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
    try:
        return np.asarray(value)
    except ValueError:
        raise ValueError(
            f"{name}={shown(value)} is a ragged nesting of lists: give an array with equally long rows"
        ) from None
    except Exception:  # a stranger's __array__ or __len__ may raise anything
        raise TypeError(f"{name}={shown(value)} is {kind_of(value)}: give an array of numbers") from None


def path_of(name: str, value: Any) -> Path:
    """Return a file's path; numbers, which `open` takes for open files, are refused.

    Examples
    --------
    >>> path_of("path", "weights.npz").name
    'weights.npz'
    >>> path_of("path", True)
    Traceback (most recent call last):
    ...
    TypeError: path=True is a bool: give a file's name, as a string or a Path
    """
    way_out = "give a file's name, as a string or a Path"
    try:
        place = os.fspath(instance_of(name, value, (str, os.PathLike), way_out))
    except RuntimeError:
        place = ""
    if not isinstance(place, str) or "\0" in place or not place:
        raise ValueError(f"{name}={shown(value)} names no file: {way_out}")
    return Path(place)
