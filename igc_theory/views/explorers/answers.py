"""What an explorer says about its settings: a sentence, numbers by name, perhaps a table, and a picture."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from igc_theory.networks.description.table import Table, cell_text
from igc_theory.views.plots.style import PAGE

__all__ = ["Answer", "counted", "fact_text", "panels"]

STYLE: Any = {
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
_CSS = (
    "<style>.igc-answer {line-height: 1.5; display: grid; grid-template-columns: minmax(0, 1fr)} "
    ".igc-answer > table {display: block; overflow-x: auto} .igc-answer :is(td, th) {padding: 0 0.5em 0 0}</style>"
)
_DPI = 144  # twice the 72 points of an inch, so that text is sharp on dense screens


@dataclass(frozen=True, eq=False, repr=False)
class Answer:
    """What the library says about some settings.

    Attributes
    ----------
    sentence : str
        The answer in words.
    facts : mapping of str to int, float or str
        The numbers by name, with units in the name where they are not plain counts.
    picture : callable
        Draws the answer on a figure that it is given.
    alt : str
        A description of the picture, for readers who cannot see it.
    table : Table or None
        A list, if the answer is one.
    left_out : str
        What the picture does not show of these settings, and why; empty if it shows all.

    Examples
    --------
    >>> from igc_theory.views.explorers.blocks import block_answer
    >>> answer = block_answer(L=4, M=3)
    >>> answer
    Strictly complementary: every input reaches every output by exactly one path, whichever way the chain is split.
      channels                                 12
      weights                                  372
      weights of a regular convolution         1,296
      share of that                            0.287
      width of a regular one at these weights  6.429
    """

    sentence: str
    facts: Mapping[str, int | float | str]
    picture: Callable[[Figure], None]
    alt: str
    table: Table | None = None
    left_out: str = ""

    def draw(self) -> Figure:
        """Return the picture as a new figure of pyplot, which a notebook shows below the cell."""
        figure = plt.figure()  # outside the context, which would undo what loading a notebook's backend sets
        with mpl.rc_context(STYLE):
            self.picture(figure)
        return figure

    def html(self) -> str:
        """Return everything as one piece of HTML, the picture inside it."""
        picture = f"<img alt='{escape(self.alt)}' src='data:image/png;base64,{self._png()}' style='max-width:100%'>"
        words = f"<div class='igc-answer'>{self._repr_html_()}</div>"
        note = f"<p>{escape(self.left_out)}</p>" if self.left_out else ""
        return f"{_CSS}{words}<div style='max-width:{PAGE * 110:.0f}px'>{picture}{note}</div>"

    def __repr__(self) -> str:
        width = max(map(len, self.facts), default=0)
        lines = [self.sentence, *(f"  {name:{width}}  {fact_text(value)}" for name, value in self.facts.items())]
        return "\n".join(lines + ([repr(self.table)] if self.table is not None else []))

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th style='text-align:left'>{escape(name)}</th>"
            f"<td style='text-align:right'>{escape(fact_text(value))}</td></tr>"
            for name, value in self.facts.items()
        )
        facts = f"<table>{rows}</table>" if rows else ""
        return f"<p>{escape(self.sentence)}</p>{facts}{self.table._repr_html_() if self.table is not None else ''}"

    def _png(self) -> str:
        figure, buffer = Figure(dpi=_DPI), io.BytesIO()
        with mpl.rc_context(STYLE):
            self.picture(figure)
            # Not savefig, which draws everything twice: once for the layout, once more for the pixels.
            draw_png: Any = FigureCanvasAgg(figure).print_png
            draw_png(buffer, pil_kwargs={"compress_level": 1})
        return base64.b64encode(buffer.getvalue()).decode("ascii")


def fact_text(value: int | float | str) -> str:
    """Return a number as an explorer shows it: counts exactly, real numbers to four digits.

    Examples
    --------
    >>> fact_text(4672), fact_text(2 / 3), fact_text(1e-17), fact_text("1 to 2")
    ('4,672', '0.6667', '1e-17', '1 to 2')
    """
    return f"{value:.4g}" if isinstance(value, float) else cell_text(value)


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, singular or plural.

    Examples
    --------
    >>> counted(1, "channel"), counted(1024, "channel")
    ('1 channel', '1,024 channels')
    """
    return f"{number:,} {noun}{'s' * (number != 1)}"


def panels(
    figure: Figure,
    *ratios: float,
    height: float,
    left: float = 0.5,
    right: float = 0.1,
    bottom: float = 0.4,
    top: float = 0.25,
    gap: float = 0.6,
) -> list[Axes]:
    """Return axes side by side in these ratios on a figure, which becomes as wide as a page; lengths are inches.

    The margins are given, not found: to find them takes longer than to draw, and axes that stay in place are easier to compare
    while a slider moves.

    Examples
    --------
    >>> wide, narrow = panels(Figure(), 2, 1, height=2.4)
    >>> print(round(wide.get_position().width / narrow.get_position().width, 9))
    2.0
    """
    figure.set_size_inches(PAGE, height)
    unit = (PAGE - left - right - gap * (len(ratios) - 1)) / sum(ratios)
    axes = []
    for ratio in ratios:
        axes.append(
            figure.add_axes((left / PAGE, bottom / height, ratio * unit / PAGE, (height - bottom - top) / height))
        )
        left += ratio * unit + gap
    return axes
