"""Pictures of nearest products: errors against paths and bounds, factors as matrices, and the time to apply them."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter
from numpy.typing import NDArray

from igc_theory.kernels.arrays import Array, finite, numbers
from igc_theory.structure.arguments.kinds import flag
from igc_theory.views.plots.columns import Columns, axes_or_new, checked_columns
from igc_theory.views.plots.style import FAMILY_COLOURS, PALETTE, SIGNED

__all__ = ["factor_columns", "plot_apply_times", "plot_certificate", "plot_factor", "plot_path_errors"]

_LOOKS = (("-", "o"), ("--", "s"), ("-.", "^"), (":", "D"), ("-", "v"), ("--", "P"), ("-.", "X"), (":", "*"))

_PALE = 0.15  # of the largest entry: what is smaller is nearly white


def plot_path_errors(columns: Columns, ax: Axes | None = None) -> Axes:
    """Draw errors of nearest products over the number of paths: measured points and expected lines, a look per number of branches.

    Parameters
    ----------
    columns : mapping of str to sequence
        `groups`, `paths`, `measured`, `expected`, as `igc_theory.kernels.projection.errors.path_errors` returns.
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
    >>> import numpy as np
    >>> from igc_theory.kernels.projection.errors import path_errors
    >>> ax = plot_path_errors(path_errors(16, [1, 2, 4], np.random.default_rng(0)))
    >>> len(ax.lines)
    6
    """
    table = checked_columns(columns, integers=("groups", "paths"), numbers=("measured", "expected"), least=1)
    ax = axes_or_new(ax)
    for colour, (dash, marker), groups in zip(PALETTE, _LOOKS, np.unique(table["groups"]), strict=False):
        rows = table["groups"] == groups
        paths, measured, expected = (table[name][rows] for name in ("paths", "measured", "expected"))
        label = f"{groups} branches" if groups > 1 else "1 branch: low rank"
        ax.plot(paths, expected, dash, color=colour)
        ax.plot(paths, measured, marker, color=colour, markersize=3, label=label)
    ax.set_xscale("log", base=2)
    ax.xaxis.set_major_formatter(FuncFormatter(lambda paths, _: f"{paths:g}"))
    ax.set(xlabel="paths from every input to every output", ylabel="relative error", ylim=(0, 1))
    return ax


def plot_certificate(columns: Columns, ax: Axes | None = None) -> Axes:
    """Draw the error of the products found and its lower bound over the noise; the optimum lies between.

    Parameters
    ----------
    columns : mapping of str to sequence
        `noise`, `error`, `bound`, `hidden`, as `igc_theory.kernels.projection.errors.certificates` returns.
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
    >>> import numpy as np
    >>> from igc_theory import igcv2
    >>> from igc_theory.kernels.projection.errors import certificates
    >>> ax = plot_certificate(certificates(igcv2([2, 2, 2], 1), [0.1, 1, 10], np.random.default_rng(0)))
    >>> ax.get_xscale()
    'log'
    """
    table = checked_columns(columns, numbers=("noise", "error", "bound", "hidden"))
    noise, error, bound = (table[name] for name in ("noise", "error", "bound"))
    colour = FAMILY_COLOURS["IGCV2"]
    ax = axes_or_new(ax)
    ax.fill_between(noise, bound, error, color=colour, alpha=0.25, linewidth=0)
    ax.plot(noise, table["hidden"], ":", color="black", label="hidden product")
    ax.plot(noise, error, "o-", color=colour, markersize=3, label="product found")
    ax.plot(noise, bound, "--", color=FAMILY_COLOURS["bound"], label="no product is below")
    ax.set(xscale="log", ylim=(0, 1.02), xlabel="noise / product", ylabel="relative error")
    return ax


def factor_columns(matrix: Array) -> dict[str, NDArray[Any]]:
    """Return the entries of a matrix that differ from zero, as `plot_factor` draws them.

    Entries below a billionth of the largest count as zero.

    Parameters
    ----------
    matrix : ndarray, shape (n, m)
        Real or complex.

    Returns
    -------
    dict of str to ndarray
        `size`, `row`, `column`, `real`, `imaginary`.

    Raises
    ------
    TypeError, ValueError
        If it is not a matrix of numbers.

    Examples
    --------
    >>> import numpy as np
    >>> {name: column.tolist() for name, column in factor_columns(np.array([[1, 0], [0, 2j]])).items()}
    {'size': [2, 2], 'row': [0, 1], 'column': [0, 1], 'real': [1.0, 0.0], 'imaginary': [0.0, 2.0]}
    """
    matrix = finite("matrix", numbers("matrix", matrix))
    if matrix.ndim != 2 or not matrix.size:
        raise ValueError(f"matrix has shape {matrix.shape}: give a matrix with rows and columns")
    rows, columns = np.nonzero(np.abs(matrix) > 1e-9 * np.abs(matrix).max())
    values = matrix[rows, columns]
    # Rounded, so that the table is the same whatever the last digits of the library's sines are.
    real, imaginary = (np.round(part.astype(np.float64), 9) + 0.0 for part in (values.real, values.imag))
    return {
        "size": np.full(rows.size, len(matrix)),
        "row": rows,
        "column": columns,
        "real": real,
        "imaginary": imaginary,
    }


def plot_factor(columns: Columns, ax: Axes | None = None, *, frame: bool = True) -> Axes:
    """Draw a square matrix, one cell per entry, coloured by its real part; zeros stay white.

    Other entries whose real part is near zero get a thin frame, so that they can be told from zeros.

    Parameters
    ----------
    columns : mapping of str to sequence
        `size`, `row`, `column`, `real`, `imaginary`, as `factor_columns` returns.
    ax : matplotlib.axes.Axes, optional
        Drawn on; by default the axes of a new figure.
    frame : bool, default True
        Whether to draw a line around the matrix.

    Returns
    -------
    matplotlib.axes.Axes
        Its first image is the scale from minus to plus the largest modulus, for a colour bar.

    Raises
    ------
    TypeError, ValueError
        If a column is missing, or holds something else than numbers.

    Examples
    --------
    >>> import numpy as np
    >>> ax = plot_factor(factor_columns(np.eye(4)))
    >>> int(ax.images[0].get_array().count())
    4
    """
    frame = flag("frame", frame)
    table = checked_columns(columns, places=("size", "row", "column"), numbers=("real", "imaginary"))
    size = int(table["size"][0])
    if max(table["row"].max(), table["column"].max()) >= size:
        raise ValueError(
            f"columns['size'] says {size} rows and columns, and others are named: give places below {size}"
        )
    matrix = np.full((size, size), np.nan)  # not drawn
    matrix[table["row"], table["column"]] = table["real"]
    largest = np.hypot(table["real"], table["imaginary"]).max()
    ax = axes_or_new(ax)
    ax.imshow(matrix, cmap=SIGNED, vmin=-largest, vmax=largest)
    pale = np.abs(table["real"]) < _PALE * largest
    cells = [
        Rectangle((x - 0.5, y - 0.5), 1, 1) for x, y in zip(table["column"][pale], table["row"][pale], strict=True)
    ]
    ax.add_collection(PatchCollection(cells, facecolors="none", edgecolors="#777777", linewidths=0.4))
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(frame)
    return ax


def plot_apply_times(columns: Columns, ax: Axes | None = None) -> Axes:
    """Draw the time to apply a product over the number of channels, one line per series; rooflines dotted, dense in black.

    Parameters
    ----------
    columns : mapping of str to sequence
        `series`, `channels`, `microseconds`: one row per measurement. Series named "dense" or "roofline …" are drawn as such, a
        roofline in the colour of the series with the rest of its name.
    ax : matplotlib.axes.Axes, optional
        Drawn on; by default the axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    TypeError, ValueError
        If a column is missing, or holds something else than it should.

    Examples
    --------
    >>> rows = {"series": ["2 factors", "roofline 2 factors", "dense"], "channels": [64] * 3, "microseconds": [2, 1, 9]}
    >>> [line.get_linestyle() for line in plot_apply_times(rows).lines]
    ['-', ':', '-']
    """
    table = checked_columns(columns, words=("series",), integers=("channels",), numbers=("microseconds",), least=1)
    names = list(dict.fromkeys(table["series"]))
    colours = {"dense": FAMILY_COLOURS["regular"]}
    colours |= dict(zip([n for n in names if n != "dense" and not n.startswith("roofline")], PALETTE, strict=False))
    ax = axes_or_new(ax)
    for name in names:
        rows = table["series"] == name
        bound = name.startswith("roofline")
        style = {"linestyle": ":"} if bound else {"marker": "o", "markersize": 3, "label": name}
        colour = colours.get(name.removeprefix("roofline").strip(), FAMILY_COLOURS["group"])
        ax.plot(table["channels"][rows], table["microseconds"][rows], color=colour, **style)
    ax.set_xscale("log", base=2)
    ax.set(yscale="log", xlabel="channels $C$", ylabel="microseconds")
    return ax
