"""Pictures of who is connected to whom: supports of kernels and products, and numbers of paths."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.colors import Normalize
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from igc_theory.structure.arguments.numbers import positive_int
from igc_theory.structure.branches import branch_graph, serial
from igc_theory.structure.chains import Chain
from igc_theory.structure.paths import path_counts
from igc_theory.views.plots.columns import Columns, axes_or_new, checked_columns
from igc_theory.views.plots.style import COUNTS, branch_colours, ink_on

__all__ = ["path_count_columns", "plot_path_counts", "plot_support", "support_columns"]

_MOST_ANNOTATED = 16  # channels a side; beyond it the numbers are smaller than print
_MOST_LARGE = 10  # channels a side up to which the numbers have the size of the tick labels
_MOST_CELLS = 2**16  # beyond it a cell is smaller than a pixel, and an image is drawn many times faster
_FEWEST_ENTRIES = 3  # a window's entry is at most a third of its cell, so that 1×1 and 3×3 can be told apart


def support_columns(chain: Chain) -> dict[str, NDArray[Any]]:
    """Return the entries of the kernel of `chain` that may differ from zero, as `plot_support` draws them.

    Parameters
    ----------
    chain : Chain
        With at most one spatial factor, whose window is that of the kernel.

    Returns
    -------
    dict of numpy.ndarray
        One row per entry: `output` and `input` channel, `row` and `column` relative to the window's centre, and `branch`, the
        branch of the first convolution that reads the input.

    Raises
    ------
    TypeError
        If `chain` is not a Chain.
    ValueError
        If several factors are spatial.

    Examples
    --------
    >>> from igc_theory.structure import group
    >>> columns = support_columns(group(4, 4, groups=2, kernel_size=1))
    >>> columns["input"].tolist(), columns["branch"].tolist()
    ([0, 1, 0, 1, 2, 3, 2, 3], [0, 0, 0, 0, 1, 1, 1, 1])
    """
    if len(serial(chain).spatial) > 1:
        raise ValueError(
            f"chain={chain.name or 'Chain'!r} has {len(chain.spatial)} spatial factors: "
            "draw a chain with at most one, or its factors one by one"
        )
    height, width = chain.spatial[0].window if chain.spatial else (1, 1)
    pairs = path_counts(chain) > 0
    outputs, inputs, rows, columns = np.nonzero(np.broadcast_to(pairs[..., None, None], (*pairs.shape, height, width)))
    return {
        "output": outputs,
        "input": inputs,
        "row": rows - (height - 1) / 2,
        "column": columns - (width - 1) / 2,
        "branch": branch_graph(chain).in_branch[inputs],
    }


def plot_support(columns: Columns, ax: Axes | None = None) -> Axes:
    """Draw the support of a kernel: one cell a pair of channels, in it the entries of the window, in the colour of the branch.

    Parameters
    ----------
    columns : mapping of str to sequence
        `output`, `input`, `row`, `column`, `branch`: one row per entry that may differ from zero, see `support_columns`.
    ax : matplotlib.axes.Axes, optional
        Drawn on; by default the axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    TypeError, ValueError
        If a column is missing, or holds something else than numbers.

    Examples
    --------
    >>> from igc_theory.structure import igcv1
    >>> ax = plot_support(support_columns(igcv1(2, 3)))
    >>> ax.get_xlabel(), len(ax.collections[1].get_paths()) == 6 * 6 * 9
    ('input channel', True)
    """
    table = checked_columns(columns, places=("output", "input", "branch"), numbers=("row", "column"))
    out, inp = table["output"], table["input"]
    side = max(_FEWEST_ENTRIES, *(1 + 2 * np.abs(table[name]).max() for name in ("row", "column")))
    colours = np.array(branch_colours(int(table["branch"].max()) + 1))[table["branch"]]
    _, cells = np.unique(np.column_stack([out, inp]), axis=0, return_index=True)
    tint = _squares(inp[cells] + 0.5, out[cells] + 0.5, 1.0)
    ax = axes_or_new(ax)
    ax.add_collection(PatchCollection(tint, facecolors=colours[cells], alpha=0.25, linewidths=0))
    entries = _squares(inp + 0.5 + table["column"] / side, out + 0.5 + table["row"] / side, 0.84 / side)
    ax.add_collection(PatchCollection(entries, facecolors=colours, linewidths=0))
    return _as_matrix(ax, int(out.max()) + 1, int(inp.max()) + 1)


def path_count_columns(chain: Chain) -> dict[str, NDArray[Any]]:
    """Return the path counts of `chain` as `plot_path_counts` draws them: one row per pair of channels.

    Parameters
    ----------
    chain : Chain
        Any chain.

    Returns
    -------
    dict of str to ndarray
        `output`, `input`, `paths`.

    Raises
    ------
    TypeError
        If `chain` is not a chain.

    Examples
    --------
    >>> from igc_theory.structure import group
    >>> {name: column.tolist() for name, column in path_count_columns(group(2, 2, groups=2)).items()}
    {'output': [0, 0, 1, 1], 'input': [0, 1, 0, 1], 'paths': [1, 0, 0, 1]}
    """
    counts = path_counts(chain)
    outputs, inputs = np.indices(counts.shape).reshape(2, -1)
    return {"output": outputs, "input": inputs, "paths": counts.ravel()}


def plot_path_counts(columns: Columns, ax: Axes | None = None, *, largest: int | None = None) -> Axes:
    """Draw the number of paths of every pair of channels as a heat map, up to 16 channels with the numbers.

    Parameters
    ----------
    columns : mapping of str to sequence
        `output`, `input`, `paths`: one row per pair, every pair once, see `path_count_columns`.
    ax : matplotlib.axes.Axes, optional
        Drawn on; by default the axes of a new figure.
    largest : int, optional
        The count at the top of the colour scale; by default the largest of the table. Give it to compare several maps.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    TypeError, ValueError
        If a column is missing or holds something else than integers, or a pair is missing or given twice.

    Examples
    --------
    >>> from igc_theory.structure import igcv1
    >>> ax = plot_path_counts(path_count_columns(igcv1(2, 2)))
    >>> {text.get_text() for text in ax.texts}
    {'1'}
    """
    counts = _table(checked_columns(columns, integers=("paths",), places=("output", "input")))
    top = max(int(counts.max()), 1) if largest is None else positive_int("largest", largest)
    scale = Normalize(0, top)
    ax = axes_or_new(ax)
    if counts.size > _MOST_CELLS:
        ax.imshow(counts, cmap=COUNTS, norm=scale, extent=(0, counts.shape[1], counts.shape[0], 0))
    else:
        mesh = ax.pcolormesh(counts, cmap=COUNTS, norm=scale)
    if max(counts.shape) <= _MOST_ANNOTATED:
        mesh.set(edgecolor="#999999", linewidth=0.3)
        size = 7 if max(counts.shape) <= _MOST_LARGE else 6
        for (output, inp), paths in np.ndenumerate(counts):
            ink = ink_on(COUNTS(float(scale(int(paths)))))
            ax.text(
                inp + 0.5,
                output + 0.5,
                str(paths),
                ha="center",
                va="center_baseline",
                color=ink,
                fontsize=size,
                in_layout=False,
            )
    return _as_matrix(ax, *counts.shape)


def _table(columns: dict[str, NDArray[Any]]) -> NDArray[np.int64]:
    """Return the path counts as a table; refuse one with holes or doubles."""
    outputs, inputs, paths = (columns[name] for name in ("output", "input", "paths"))
    shape = int(outputs.max()) + 1, int(inputs.max()) + 1
    pairs = np.bincount(np.ravel_multi_index((outputs, inputs), shape), minlength=shape[0] * shape[1])
    if (pairs != 1).any():
        output, inp = divmod(int(np.argmax(pairs != 1)), shape[1])
        raise ValueError(
            f"columns has {pairs[output * shape[1] + inp]} rows for output {output}, input {inp}: give every pair once"
        )
    counts = np.zeros(shape, np.int64)
    counts[outputs, inputs] = paths
    return counts


def _squares(x: NDArray[Any], y: NDArray[Any], side: float) -> Iterable[Rectangle]:
    return [Rectangle((a - side / 2, b - side / 2), side, side) for a, b in zip(x, y, strict=True)]


def _as_matrix(ax: Axes, rows: int, columns: int) -> Axes:
    """Set the axes up for a matrix: the first row on top, square cells, a frame, channels counted at the first and the last."""
    ax.set(xlim=(0, columns), ylim=(rows, 0), aspect="equal", xlabel="input channel", ylabel="output channel")
    ax.set_xticks([0.5, columns - 0.5], ["0", str(columns - 1)])
    ax.set_yticks([0.5, rows - 0.5], ["0", str(rows - 1)])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(True)
    return ax
