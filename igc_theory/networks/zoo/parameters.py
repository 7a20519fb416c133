"""What may be given for the parameters of networks: one rule for each type that the builders' signatures name."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from igc_theory.structure.arguments.kinds import flag, shown, text
from igc_theory.structure.arguments.numbers import positive_int, real_number
from igc_theory.structure.arguments.sequences import listed

__all__ = ["checked_parameters"]

MOST_LAYERS = {"depth": 2**11, "columns": 10, "repeats": 2**8, "depths": 2**8}
"""Parameters that decide how many layers there are, and the most that is built."""

MOST = 2**20
"""Of every other size: far beyond any network."""

MOST_TIMES = {"depth": 2**5}
"""The most by which a multiplier of layers, not of channels, may be given."""

MOST_PARTS = 2**6
"""Entries of a parameter with one entry per stage."""


def checked_parameters(network: str, builder: Callable[..., Any], given: dict[str, Any]) -> dict[str, Any]:
    """Return parameters in their plain form: ints, floats, Booleans, text and tuples.

    Parameters
    ----------
    network : str
        Its name, for the messages.
    builder : callable
        Whose signature says what there is, and of which type.
    given : dict

    Raises
    ------
    TypeError
        If there is no such parameter, or it is of another type.
    ValueError
        If one is outside its bounds.

    Examples
    --------
    >>> import numpy as np
    >>> from igc_theory.networks.zoo.classic import alexnet
    >>> checked_parameters("alexnet", alexnet, {"groups": np.int8(2), "widths": [96, 256, 384, 384, 256]})
    {'groups': 2, 'widths': (96, 256, 384, 384, 256)}
    >>> checked_parameters("alexnet", alexnet, {"depth": 8})
    Traceback (most recent call last):
    ...
    TypeError: depth=8 is not a parameter of alexnet: use groups, widths, classes
    """
    known = {name: parameter.annotation for name, parameter in inspect.signature(builder).parameters.items()}
    for name, value in given.items():
        if name not in known:
            raise TypeError(f"{name}={shown(value)} is not a parameter of {network}: use {', '.join(known)}")
    return {name: RULES[known[name]](name, value) for name, value in given.items()}


def _size(name: str, value: Any) -> int:
    return positive_int(name, value, maximum=MOST_LAYERS.get(name.partition("[")[0], MOST))


def _multiplier(name: str, value: Any) -> float:
    return real_number(name, value, least=1 / 1024, most=MOST_TIMES.get(name, 1024))


def _parts(name: str, value: Any) -> list[Any]:
    parts = listed(name, value, "give a tuple of integers, one per stage")
    positive_int(f"the number of entries of {name}", len(parts), maximum=MOST_PARTS)
    return parts


def _sizes(name: str, value: Any) -> tuple[int, ...]:
    return tuple(_size(f"{name}[{k}]", size) for k, size in enumerate(_parts(name, value)))


def _pair(name: str, value: Any) -> tuple[int, ...]:
    sizes = _sizes(name, value)
    if len(sizes) != 2:
        raise ValueError(f"{name}={shown(value)} has {len(sizes)} entries, not 2: give a pair, such as (2, 2)")
    return sizes


def _nested(name: str, value: Any) -> tuple[tuple[int, ...], ...]:
    return tuple(_sizes(f"{name}[{k}]", part) for k, part in enumerate(_parts(name, value)))


RULES: dict[str, Callable[[str, Any], Any]] = {
    "int": _size,
    "float": _multiplier,
    "bool": flag,
    "str": text,
    "tuple[int, ...]": _sizes,
    "tuple[int, int]": _pair,
    "Sequence[Sequence[int]]": _nested,
}
"""What is done with a parameter, by the type in the builder's signature."""
