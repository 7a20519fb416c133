"""Colours and sizes that every picture shares.

The colours are those of Okabe and Ito, which readers with any of the common colour-vision deficiencies can tell apart.
"""

from __future__ import annotations

__all__ = ["COLUMN", "FAMILY_COLOURS", "PAGE", "PALETTE", "branch_colours"]

COLUMN = 3.35
"""Width of a figure that fills one column of a two-column paper, in inches."""

PAGE = 6.9
"""Width of a figure that fills the page, in inches."""

PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#000000")

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
    """Return one colour per branch, repeating after seven (black is kept for text).

    Examples
    --------
    >>> branch_colours(2)
    ['#0072B2', '#E69F00']
    """
    return [PALETTE[branch % 7] for branch in range(branches)]
