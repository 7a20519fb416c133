"""Pictures of kernels as they are and as products: entries as a matrix of windows, and singular values of their blocks."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray

from igc_theory.kernels.arrays import finite, numbers
from igc_theory.structure.arguments.numbers import positive_int, real_number
from igc_theory.views.plots.columns import Columns, axes_or_new, checked_columns
from igc_theory.views.plots.style import FAMILY_COLOURS, SIGNED, ink_on

__all__ = ["kernel_columns", "plot_block_spectra", "plot_kernel"]

_MOST_LINES = 64
"""Blocks whose spectra are drawn one by one; of more, evenly chosen ones are."""


def kernel_columns(kernel: ArrayLike) -> dict[str, NDArray[Any]]:
    """Return the entries of a kernel as `plot_kernel` draws them: window beside window, one row of windows per output.

    Parameters
    ----------
    kernel : array_like, shape (C_out, C_in, kh, kw) or (C_out, C_in)
        Real or complex.

    Returns
    -------
    dict of numpy.ndarray
        `row`, `column`, `value` (the real part).

    Raises
    ------
    ValueError
        If the kernel has another number of axes.

    Examples
    --------
    >>> {name: column.tolist() for name, column in kernel_columns([[1, 2], [3, 4]]).items()}
    {'row': [0, 0, 1, 1], 'column': [0, 1, 0, 1], 'value': [1.0, 2.0, 3.0, 4.0]}
    """
    array = finite("kernel", numbers("kernel", kernel))
    if array.ndim not in (2, 4) or 0 in array.shape:
        raise ValueError(
            f"kernel has shape {array.shape}: give (C_out, C_in, kh, kw), or (C_out, C_in) for a pointwise one"
        )
    tiles = array.reshape(*array.shape[:2], *(array.shape[2:] or (1, 1))).swapaxes(1, 2)
    matrix = tiles.reshape(tiles.shape[0] * tiles.shape[1], -1).real
    rows, columns = np.indices(matrix.shape).reshape(2, -1)
    return {"row": rows, "column": columns, "value": matrix.ravel()}


def plot_kernel(
    columns: Columns, ax: Axes | None = None, *, largest: float | None = None, decimals: int | None = None
) -> Axes:
    """Draw a kernel as a matrix of windows, from minus to plus its largest entry; zero is white.

    Parameters
    ----------
    columns : mapping of str to sequence
        `row`, `column`, `value`, every place once, see `kernel_columns`.
    ax : matplotlib.axes.Axes, optional
        Drawn on; by default the axes of a new figure.
    largest : float, optional
        The value at the top of the colour scale; by default the largest modulus. Give it to compare several kernels.
    decimals : int, optional
        Write every value into its cell, with so many decimals. A small matrix has room for them.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    TypeError, ValueError
        If a column is missing or of the wrong kind, or a place is missing or given twice.

    Examples
    --------
    >>> ax = plot_kernel(kernel_columns([[1, 2], [3, 4]]))
    >>> ax.images[0].get_array().tolist()
    [[1.0, 2.0], [3.0, 4.0]]
    """
    table = checked_columns(columns, places=("row", "column"), numbers=("value",))
    shape = int(table["row"].max()) + 1, int(table["column"].max()) + 1
    matrix = np.full(shape, np.nan)
    matrix[table["row"], table["column"]] = table["value"]
    if matrix.size != table["value"].size or np.isnan(matrix).any():
        raise ValueError(
            f"columns has {table['value'].size} rows for {shape[0]}×{shape[1]} entries: give every place once"
        )
    top = float(np.abs(matrix).max()) if largest is None else real_number("largest", largest, least=0)
    ax = axes_or_new(ax)
    image = ax.imshow(matrix, cmap=SIGNED, vmin=-top, vmax=top)
    if decimals is not None:
        places = positive_int("decimals", decimals, minimum=0, maximum=9)
        for (row, column), value in np.ndenumerate(matrix):
            text = f"{round(value, places) + 0.0:.{places}f}".replace("-", "−") if value else "0"
            ax.text(
                column, row, text, ha="center", va="center_baseline", fontsize=6.5, color=ink_on(image.to_rgba(value))
            )
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(True)
    return ax


def plot_block_spectra(columns: Columns, ax: Axes | None = None) -> Axes:
    """Draw the singular values of the blocks of a kernel, a line per block, and the rank that their chain leaves them.

    Parameters
    ----------
    columns : mapping of str to sequence
        `block`, `index`, `value`, `rank`, as `igc_theory.kernels.block_spectra` returns.
    ax : matplotlib.axes.Axes, optional
        Drawn on; by default the axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    TypeError, ValueError
        If a column is missing or of the wrong kind, or blocks have different numbers of singular values.

    Examples
    --------
    >>> from igc_theory.kernels import block_spectra
    >>> from igc_theory.structure import igcv1
    >>> from scipy.linalg import hadamard
    >>> ax = plot_block_spectra(block_spectra(hadamard(4), igcv1(2, 2, kernel_size=1)))
    >>> ax.get_xlabel()
    'singular value'
    """
    table = checked_columns(columns, places=("block", "index", "rank"), numbers=("value",))
    per_block = int(table["index"].max()) + 1
    order = np.lexsort((table["index"], table["block"]))
    if table["index"].size % per_block or (table["index"][order] != np.arange(order.size) % per_block).any():
        raise ValueError(
            f"columns['index'] does not run from 0 to {per_block - 1} in every block: give equally many values"
        )
    values = table["value"][order].reshape(-1, per_block)
    shown = values[np.linspace(0, len(values) - 1, min(len(values), _MOST_LINES)).round().astype(int)]
    numbers = np.arange(1, per_block + 1)
    ax = axes_or_new(ax)
    ax.plot(numbers, shown.T, color=FAMILY_COLOURS["IGCV2"], alpha=max(0.15, 1 / len(shown)), linewidth=0.8)
    ax.plot(numbers, np.sqrt((values**2).mean(axis=0)), "o-", color="black", markersize=3, label="all blocks (r.m.s.)")
    low, high = table["rank"].min(), table["rank"].max()
    label = f"rank kept: {low}" if low == high else f"rank kept: {low} to {high}"
    ax.axvspan(0.5, low + 0.5, color=FAMILY_COLOURS["bound"], alpha=0.2, linewidth=0, label=label)
    ax.set(xlim=(0.5, per_block + 0.5), ylim=(0, None), xlabel="singular value", ylabel="size")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.legend(frameon=False)
    return ax
