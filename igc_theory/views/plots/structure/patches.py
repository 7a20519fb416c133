"""The picture of a convolution as a matrix: a patch becomes a vector, and every kernel a row."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.colors import to_rgb
from matplotlib.patches import Polygon, Rectangle
from numpy.typing import ArrayLike, NDArray

from igc_theory.kernels.convolution import convolve
from igc_theory.structure.arguments.numbers import positive_int
from igc_theory.views.plots.columns import Columns, axes_or_new, checked_columns
from igc_theory.views.plots.style import branch_colours

__all__ = ["patch_columns", "plot_patch_matrix"]

_PARTS = ("image", "patch", "weight", "response")
_GAP = 1.6  # between the image, the vector, the matrix and the outputs, in columns of the matrix
_ROW = 1.4  # from one row of the matrix to the next, in columns


def patch_columns(image: ArrayLike, kernel: ArrayLike, row: int, column: int) -> dict[str, NDArray[Any]]:
    """Return the numbers of `plot_patch_matrix`: an image, the patch with its first pixel at (row, column), the kernels.

    Parameters
    ----------
    image : array_like, shape (C_in, H, W)
    kernel : array_like, shape (C_out, C_in, kh, kw)
    row, column : int
        Upper left pixel of the patch, counted from 0.

    Returns
    -------
    dict of numpy.ndarray
        `part`, `output`, `channel`, `row`, `column`, `value`. Parts: ``image`` (pixels outside of the patch), ``patch``,
        ``weight`` (row and column of the window), ``response`` (one per output: what the convolution gives there).

    Raises
    ------
    TypeError, ValueError
        If image and kernel do not fit each other, or the patch leaves the image.

    Examples
    --------
    >>> import numpy as np
    >>> columns = patch_columns(np.ones((4, 5, 5)), np.ones((6, 4, 3, 3)), row=1, column=1)
    >>> {str(part): int((columns["part"] == part).sum()) for part in np.unique(columns["part"])}
    {'image': 64, 'patch': 36, 'response': 6, 'weight': 216}
    """
    responses = convolve(image, kernel, padding="valid")
    pixels, weights = np.asarray(image, float), np.asarray(kernel, float)
    row, column = positive_int("row", row, minimum=0), positive_int("column", column, minimum=0)
    for name, at, end in (("row", row, responses.shape[1]), ("column", column, responses.shape[2])):
        if at >= end:
            raise ValueError(f"{name}={at} puts the patch outside of the image: use 0 … {end - 1}")
    channel, r, c = np.indices(pixels.shape).reshape(3, -1)
    height, width = weights.shape[2:]
    inside = (r >= row) & (r < row + height) & (c >= column) & (c < column + width)
    output, weight_channel, u, v = np.indices(weights.shape).reshape(4, -1)
    here, zeros = responses[:, row, column], np.zeros(len(weights), int)
    return {
        "part": np.concatenate(
            [np.where(inside, "patch", "image"), ["weight"] * weights.size, ["response"] * here.size]
        ),
        "output": np.concatenate([np.zeros(pixels.size, int), output, np.arange(here.size)]),
        "channel": np.concatenate([channel, weight_channel, zeros]),
        "row": np.concatenate([r, u, zeros]),
        "column": np.concatenate([c, v, zeros]),
        "value": np.concatenate([pixels.ravel(), weights.ravel(), here]),
    }


def plot_patch_matrix(columns: Columns, ax: Axes | None = None) -> Axes:
    """Draw a convolution as a matrix: the patch of the image, laid out as a vector, on top of the rows of the matrix.

    Each channel has its colour, from the image through the vector to its columns of the matrix; darker means larger.

    Parameters
    ----------
    columns : mapping of str to sequence
        `part`, `output`, `channel`, `row`, `column`, `value`, see `patch_columns`.
    ax : matplotlib.axes.Axes, optional
        Drawn on; by default the axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    TypeError, ValueError
        If a column is missing or of the wrong kind, or a part is unknown or missing.

    Examples
    --------
    >>> import numpy as np
    >>> columns = patch_columns(np.ones((4, 5, 5)), np.ones((6, 4, 3, 3)), row=1, column=1)
    >>> ax = plot_patch_matrix(columns)
    >>> [len(cells.get_paths()) for cells in ax.collections]  # image, patch, vector, matrix, outputs
    [64, 36, 36, 216, 6]
    """
    image, patch, weights, responses = _parts(columns)
    height, width = weights["row"].max() + 1, weights["column"].max() + 1
    length = patch["value"].size
    area = height * width
    side = 1 + max(part[name].max() for part in (image, patch) for name in ("row", "column"))
    pixel = 0.8 * area / side  # an image is a little narrower than its columns of the matrix
    vector_top = side * pixel + _GAP
    matrix_top = vector_top + 1 + _GAP
    pixels = np.concatenate([image["value"], patch["value"]])
    ax = axes_or_new(ax)
    for part, strength in ((image, 0.25), (patch, 1.0)):
        x = area * (part["channel"] + 0.1) + pixel * part["column"]
        _cells(ax, x, pixel * part["row"], pixel, _shades(part, pixels, strength))
    vector = {
        name: values[np.lexsort([patch[key] for key in ("column", "row", "channel")])] for name, values in patch.items()
    }
    _cells(ax, np.arange(length), np.full(length, vector_top), 1, _shades(vector, pixels))
    place = area * weights["channel"] + width * weights["row"] + weights["column"]
    _cells(ax, place, matrix_top + _ROW * weights["output"], 1, _shades(weights, weights["value"]))
    outputs = np.full(responses["value"].size, length + _GAP)
    _cells(ax, outputs, matrix_top + _ROW * responses["output"], 1, _shades(responses, responses["value"]))
    _fans(ax, patch, area, pixel, vector_top)
    rows = int(weights["output"].max()) + 1
    _annotate(
        ax,
        {
            (-1.0, side * pixel / 2): f"{patch['channel'].max() + 1} channels,\n{height}×{width} patch",
            (-1.0, vector_top + 0.5): f"vector of {length}",
            (-1.0, matrix_top + _ROW * rows / 2 - 0.2): f"$W$: {rows} kernels,\n{rows} rows of {length}",
        },
    )
    ax.text(length + _GAP + 0.5, vector_top + 0.5, "$Wx$", ha="center", va="center", fontsize=7)
    ax.set(xlim=(-0.3, length + _GAP + 1.3), ylim=(matrix_top + _ROW * rows, -0.3), aspect="equal")
    ax.set_axis_off()
    return ax


def _parts(columns: Columns) -> list[dict[str, NDArray[Any]]]:
    """Return the rows of image, patch, weights and responses, each in columns of its own."""
    table = checked_columns(columns, places=("output", "channel", "row", "column"), numbers=("value",), words=("part",))
    for part in sorted(set(table["part"].tolist()) - set(_PARTS)):
        raise ValueError(f"columns['part'] holds {part!r}: use {', '.join(_PARTS)}")
    for part in sorted(set(_PARTS[1:]) - set(table["part"].tolist())):
        raise ValueError(
            f"columns['part'] lacks {part!r}: give rows for {', '.join(_PARTS[1:])} (image may be missing)"
        )
    return [{name: values[table["part"] == part] for name, values in table.items()} for part in _PARTS]


def _shades(part: dict[str, NDArray[Any]], scale: NDArray[Any], strength: float = 1.0) -> NDArray[np.float64]:
    """Return the colour of each entry: its channel's (outputs: grey), the stronger the larger its value on the scale."""
    hues = np.array([to_rgb(colour) for colour in branch_colours(int(part["channel"].max(initial=0)) + 1)])
    hue = np.full((part["value"].size, 3), 0.3) if (part["part"] == "response").all() else hues[part["channel"]]
    spread = np.ptp(scale) or 1.0
    depth = strength * (0.15 + 0.85 * (part["value"] - scale.min()) / spread)
    return np.asarray(1 - depth[:, None] * (1 - hue))


def _cells(ax: Axes, x: NDArray[Any], y: NDArray[Any], side: float, colours: NDArray[Any]) -> None:
    squares = [Rectangle((a, b), side, side) for a, b in zip(x, y, strict=True)]
    ax.add_collection(PatchCollection(squares, facecolors=colours, edgecolors="white", linewidths=0.3))


def _fans(ax: Axes, patch: dict[str, NDArray[Any]], area: int, pixel: float, vector_top: float) -> None:
    """Frame each channel's patch and lead from it to its entries of the vector."""
    left, right = pixel * patch["column"].min(), pixel * (patch["column"].max() + 1)
    top, bottom = pixel * patch["row"].min(), pixel * (patch["row"].max() + 1)
    for channel, colour in enumerate(branch_colours(int(patch["channel"].max()) + 1)):
        start = area * (channel + 0.1)
        corners = [
            (start + left, bottom),
            (start + right, bottom),
            (area * (channel + 1), vector_top),
            (area * channel, vector_top),
        ]
        ax.add_patch(Polygon(corners, facecolor=colour, alpha=0.25, linewidth=0, zorder=2))
        ax.add_patch(
            Rectangle((start + left, top), right - left, bottom - top, fill=False, edgecolor="black", linewidth=0.7)
        )


def _annotate(ax: Axes, texts: dict[tuple[float, float], str]) -> None:
    for (x, y), text in texts.items():
        ax.text(x, y, text, ha="right", va="center", fontsize=7, linespacing=1.1)
