"""Columns of numbers as CSV text, and back: what is stored of a figure."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tools.files import BuildError

__all__ = ["Columns", "read_csv", "write_csv"]

Columns = dict[str, NDArray[Any]]


def write_csv(columns: Mapping[str, ArrayLike]) -> str:
    """Return the columns as CSV text: floats with twelve significant digits, always with a point or an exponent.

    Examples
    --------
    >>> print(write_csv({"L": [1, 2], "bound": [0.1, 2.0], "panel": ["a", "b"]}), end="")
    L,bound,panel
    1,0.1,a
    2,2.0,b
    """
    if not columns:
        raise BuildError("data() returned no columns: return a dict of equally long lists or arrays")
    arrays = {name: np.asarray(values) for name, values in columns.items()}
    lengths = {name: array.shape for name, array in arrays.items()}
    if len({*lengths.values()}) != 1 or any(array.ndim != 1 for array in arrays.values()):
        raise BuildError(f"columns are not flat and equally long: {lengths}")
    cells = [_cells(name, array) for name, array in arrays.items()]
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([list(arrays), *zip(*cells, strict=True)])
    return text.getvalue()


def _cells(name: str, array: NDArray[Any]) -> list[str]:
    """Return one column as text from which `_typed` makes the same column again."""
    if array.dtype.kind not in "iufU":
        raise BuildError(f"column {name!r} has dtype {array.dtype}: use integers (at most 64 bits), floats or strings")
    if array.dtype.kind == "f":
        return [_float_text(float(value)) for value in array]
    cells = [str(value) for value in array.tolist()]
    if array.dtype.kind == "U" and cells and _typed(cells).dtype.kind != "U":
        raise BuildError(
            f"column {name!r} holds strings that read as numbers ({cells[0]!r}): use numbers, or add a letter"
        )
    return cells


def _float_text(value: float) -> str:
    text = f"{value:.12g}"
    return text if any(mark in text for mark in ".en") else f"{text}.0"  # "n": nan, inf


def read_csv(text: str) -> Columns:
    r"""Return the columns of a CSV text, each as int64 if all its cells are integers, else float64, else strings.

    Examples
    --------
    >>> {name: column.dtype.kind for name, column in read_csv("L,bound,panel\n1,0.5,a\n").items()}
    {'L': 'i', 'bound': 'f', 'panel': 'U'}
    """
    try:
        head, *rows = csv.reader(io.StringIO(text), strict=True)
        cells = list(zip(*rows, strict=True)) or [()] * len(head)
        if len({*head}) != len(head) or len(cells) != len(head):
            raise ValueError("columns and their names do not match")
    except (ValueError, csv.Error) as error:
        raise BuildError(f"the numbers are not CSV with a header and equally long rows ({error})") from None
    return {name: _typed(column) for name, column in zip(head, cells, strict=True)}


def _typed(cells: Sequence[str]) -> NDArray[Any]:
    for kind in (np.int64, np.float64):
        try:
            return np.array([kind(cell) for cell in cells])
        except (ValueError, OverflowError):
            continue
    return np.array(cells, dtype=np.str_)
