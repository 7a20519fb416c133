"""Colours and sizes that every picture shares.

The colours are those of Okabe and Ito, which readers with any of the common colour-vision deficiencies can tell apart.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.colors import Colormap, LinearSegmentedColormap, to_hex, to_rgb
from numpy.typing import NDArray

__all__ = ["COLUMN", "COUNTS", "FAMILY_COLOURS", "PAGE", "PALETTE", "SIGNED", "branch_colours", "ink_on", "legible"]

COLUMN = 3.35
"""Width of a figure that fills one column of a two-column paper, in inches."""

PAGE = 6.9
"""Width of a figure that fills the page, in inches."""

PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#000000")

COUNTS: Colormap = LinearSegmentedColormap.from_list("counts", ["#FFFFFF", "#9CC3E6", "#2F78B5", "#0B2A5B"])
"""Counts from zero, which is white, to the largest."""

SIGNED: Colormap = LinearSegmentedColormap.from_list("signed", ["#0B2A5B", "#5E8FC7", "#FFFFFF", "#F0A860", "#B85000"])
"""Signed values: zero is white; negative ones are blue and darker than positive ones of their size, which are orange."""

_BRANCHES = (*PALETTE[:3], PALETTE[6], "#3F2A6B", "#9FCFEA", "#8F3405")

FAMILY_COLOURS = {
    "regular": "#000000",
    "group": "#7F7F7F",
    "depthwise separable": "#56B4E9",
    "IGCV1": "#0072B2",
    "IGCV2": "#009E73",
    "IGCV3": "#D55E00",
    "dense": "#E69F00",
    "bound": "#CC79A7",
}
"""One colour per family, the same in every figure."""


def branch_colours(branches: int) -> list[str]:
    """Return one colour per branch, repeating after seven; black is kept for text. In grey, too, the seven differ in lightness.

    Examples
    --------
    >>> branch_colours(2)
    ['#0072B2', '#E69F00']
    """
    return [_BRANCHES[branch % 7] for branch in range(branches)]


def ink_on(colour: Sequence[float] | NDArray[np.float64]) -> str:
    """Return black or white, whichever is easier to read on a colour.

    Examples
    --------
    >>> ink_on((1.0, 1.0, 1.0, 1.0)), ink_on((0.0, 0.0, 0.3, 1.0))
    ('black', 'white')
    """
    red, green, blue = colour[:3]
    return "white" if 0.299 * red + 0.587 * green + 0.114 * blue < 0.5 else "black"


def legible(colour: str) -> str:
    """Return a colour as it is written in: darkened, at the same hue, until it stands out from white by 4.5 to 1.

    Marks are larger than letters and may be paler; the ratio is the one that WCAG 2 asks of small text.

    Examples
    --------
    >>> legible("#E69F00"), legible("#0072B2")
    ('#9d6d00', '#0072b2')
    """
    shade = np.array(to_rgb(colour))
    while _luminance(shade) > 1.05 / 4.5 - 0.05:
        shade = 0.99 * shade
    return str(to_hex(shade.tolist()))


def _luminance(shade: NDArray[np.float64]) -> float:
    linear = np.where(shade <= 0.04045, shade / 12.92, ((shade + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))
