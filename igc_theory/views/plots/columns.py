"""What every picture asks of its columns: they are there, equally long, and hold numbers or words as they should."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike, NDArray

from igc_theory.structure.arguments.kinds import kind_of, shown, text
from igc_theory.structure.arguments.numbers import LARGEST
from igc_theory.structure.arguments.sequences import array_of

__all__ = ["MOST_PLACES", "Columns", "axes_or_new", "checked_columns", "stacked", "unstacked"]

MOST_PLACES = 4096
"""Rows, columns, channels, stages or branches of one picture: more than it has pixels to show."""

_FARTHEST = 1e100
"""Largest number that is drawn: Matplotlib's arithmetic runs over long before the largest float."""

Columns = Mapping[str, ArrayLike]
"""A table by columns: a name and equally many entries each, as `data()` of a figure returns and a CSV holds."""


def checked_columns(
    columns: Columns,
    *,
    integers: Sequence[str] = (),
    places: Sequence[str] = (),
    numbers: Sequence[str] = (),
    words: Sequence[str] = (),
    least: int = 0,
) -> dict[str, NDArray[Any]]:
    """Return the named columns as arrays: `integers` as int64, `numbers` as float64, `words` as strings.

    Parameters
    ----------
    columns : mapping of str to sequence
        May hold further columns, which are left alone.
    integers, places, numbers, words : sequence of str
        Names that must be there, by what they hold. Integers may be written as floats, as a CSV may have them; places are integers
        that decide how much is drawn, below `MOST_PLACES`.
    least : int, default 0
        The smallest integer allowed.

    Raises
    ------
    TypeError
        If `columns` is not a mapping.
    ValueError
        If a column is missing, not flat, empty, of another length than the first, or holds something else.

    Examples
    --------
    >>> checked_columns({"L": [1, 2], "paths": [1.5, 2]}, integers=["L"], numbers=["paths"])
    {'L': array([1, 2]), 'paths': array([1.5, 2. ])}
    >>> checked_columns({"L": [1, 2]}, integers=["L", "M"])
    Traceback (most recent call last):
    ...
    ValueError: columns has no 'M', only 'L': give the columns L, M, equally long
    """
    names = [*integers, *places, *numbers, *words]
    way_out = f"give the columns {', '.join(names)}, equally long"
    if not isinstance(columns, Mapping):
        raise TypeError(f"columns={shown(columns)} is {kind_of(columns)}, not a mapping of names: {way_out}")
    for name in names:
        if name not in columns:
            raise ValueError(f"columns has no {name!r}, only {', '.join(map(shown, columns)) or 'nothing'}: {way_out}")
    arrays = {name: array_of(f"columns[{name!r}]", columns[name]) for name in names}
    length = len(next(iter(arrays.values()))) if arrays[names[0]].ndim else 0
    for name, array in arrays.items():
        if array.ndim != 1 or array.size != length or not length:
            raise ValueError(f"columns[{name!r}] has shape {array.shape}, not ({length or 'at least 1'},): {way_out}")
    whole = dict.fromkeys(integers, (least, 2**63)) | dict.fromkeys(places, (least, MOST_PLACES))
    return {
        name: _words(name, arrays[name]) if name in words else _numeric(name, arrays[name], whole.get(name))
        for name in names
    }


def _numeric(name: str, array: NDArray[Any], bounds: tuple[int, int] | None) -> NDArray[Any]:
    """Return a column as int64 if it has bounds for integers, else as float64; refuse words, NaN and infinities."""
    if array.dtype.kind not in "iuf":
        strange = next((entry for entry in array if not isinstance(entry, (int, float)) or entry > LARGEST), array[0])
        way_out = "give finite numbers of at most 64 bits"
        raise ValueError(
            f"columns[{name!r}] holds {shown(getattr(strange, 'tolist', lambda: strange)())}, not a number: {way_out}"
        )
    wrong = ~np.isfinite(array) | (np.abs(array.astype(np.float64)) > _FARTHEST)
    if bounds is not None:
        wrong |= (array != np.rint(array)) | (array < bounds[0]) | (array.astype(np.float64) >= bounds[1])
    if wrong.any():
        least, most = bounds or (0, 0)
        kind = f"finite numbers up to {_FARTHEST}" if bounds is None else f"integers of at least {least}, below {most}"
        raise ValueError(f"columns[{name!r}][{np.argmax(wrong)}]={array[np.argmax(wrong)]} is not allowed: give {kind}")
    return array.astype(np.float64 if bounds is None else np.int64)


def _words(name: str, array: NDArray[Any]) -> NDArray[Any]:
    """Return a column as strings; numbers are written out, as a CSV has them."""
    strange = [entry for entry in array if not isinstance(entry, str)] if array.dtype.kind not in "Uiufb" else []
    if strange:
        raise ValueError(f"columns[{name!r}] holds {shown(strange[0])}, {kind_of(strange[0])}: give words")
    words = array.astype(np.str_)
    text(f"columns[{name!r}]", "".join(words))
    return words


def axes_or_new(ax: Axes | None) -> Axes:
    """Return `ax`, or the axes of a new figure; refuse anything else.

    Examples
    --------
    >>> axes_or_new("left")
    Traceback (most recent call last):
    ...
    TypeError: ax='left' is a str: give Matplotlib axes, such as plt.subplots()[1], or nothing
    """
    if ax is not None and not isinstance(ax, Axes):
        raise TypeError(f"ax={shown(ax)} is {kind_of(ax)}: give Matplotlib axes, such as plt.subplots()[1], or nothing")
    return plt.subplots()[1] if ax is None else ax


def stacked(panels: Mapping[str, Columns]) -> dict[str, NDArray[Any]]:
    """Return the tables of several panels as one, with a column `panel` in front; all have the same columns.

    Examples
    --------
    >>> stacked({"a": {"L": [1, 2]}, "b": {"L": [3]}})
    {'panel': array(['a', 'a', 'b'], dtype='<U1'), 'L': array([1, 2, 3])}
    """
    names = list(next(iter(panels.values())))
    sizes = [len(np.asarray(columns[names[0]])) for columns in panels.values()]
    together = {name: np.concatenate([np.asarray(columns[name]) for columns in panels.values()]) for name in names}
    return {"panel": np.repeat(list(panels), sizes), **together}


def unstacked(columns: Columns) -> dict[str, dict[str, NDArray[Any]]]:
    """Return the tables of the panels, in order of their first row: the inverse of `stacked`.

    Examples
    --------
    >>> unstacked({"panel": ["a", "b"], "L": [1, 3]})
    {'a': {'L': array([1])}, 'b': {'L': array([3])}}
    """
    panel = checked_columns(columns, words=["panel"])["panel"]
    arrays = {name: np.asarray(values) for name, values in columns.items() if name != "panel"}
    return {str(name): {key: array[panel == name] for key, array in arrays.items()} for name in dict.fromkeys(panel)}
