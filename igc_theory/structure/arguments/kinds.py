"""What kind of value an argument is, and how messages show it.

There is one validator per kind of argument. Each returns the value in plain form, which the caller then uses: NumPy Booleans as
bools, names of files as `Path`. An error names the argument, its value, the rule it breaks and what to do instead.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from reprlib import Repr
from types import UnionType
from typing import Any, TypeVar, overload

import numpy as np

__all__ = [
    "choice_of",
    "flag",
    "generator",
    "instance_of",
    "kind_of",
    "path_of",
    "settle",
    "shown",
    "text",
]

Kind = TypeVar("Kind")

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


def settle(record: object, **fields: Any) -> None:
    """Store validated values in the fields of a frozen dataclass: what was given may have been a NumPy integer or a list.

    Examples
    --------
    >>> from igc_theory.structure import GroupConv
    >>> factor = GroupConv(4, 4)
    >>> settle(factor, groups=int(np.int8(2)))
    >>> factor
    GroupConv(4, 4, groups=2)
    """
    for name, value in fields.items():
        object.__setattr__(record, name, value)
