"""What can be seen in a picture, from its artists: what lies on data, and what readers without green, or colour, tell apart."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import Collection, PatchCollection, PathCollection
from matplotlib.colors import same_color, to_hex, to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from igc_theory.views.plots.style import legible

DEUTERANOPIA = np.array([
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.011820, 0.042940, 0.968881],
])  # fmt: skip
"""Linear light as it is seen without the cones for green: Machado, Oliveira and Fernandes 2009, severity 1."""

LEAST_IN_GREY, LEAST_IN_COLOUR = 8.0, 12.0
"""Differences in lightness and in CIELAB below which two marks of one shape count as one."""

MOST_SERIES = 8
"""More colours than these in one collection are shades of values, not names of series, and so are greys; tints have a place."""

WHITE = np.array([0.9505, 1.0, 1.089])
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


@dataclass(frozen=True)
class Mark:
    """How one series of a picture looks: its colour, on white, and all that is not colour."""

    colour: str
    look: tuple


def lab(colour, deuteranopia=False):
    """Return a colour in CIELAB, as it is or as it is seen without the cones for green."""
    red, green, blue, alpha = to_rgba(colour)
    srgb = np.array([red, green, blue]) * alpha + 1 - alpha
    light = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    light = np.clip(DEUTERANOPIA @ light, 0, 1) if deuteranopia else light
    t = TO_XYZ @ light / WHITE
    x, y, z = np.where(t > (6 / 29) ** 3, np.cbrt(t), t / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def collapses(one, other):
    """Return in which simulation two colours can no longer be told apart, or nothing."""
    if abs(lab(one)[0] - lab(other)[0]) < LEAST_IN_GREY:
        return "grey"
    if np.linalg.norm(lab(one, deuteranopia=True) - lab(other, deuteranopia=True)) < LEAST_IN_COLOUR:
        return "deuteranopia"
    return ""


def marks(ax: Axes) -> Iterator[Mark]:
    """Yield how the lines, scattered marks and cells of some axes look."""
    for line in ax.get_lines():
        if line.get_visible() and len(line.get_xdata()):
            yield _of_line(line)
    for collection in ax.collections:
        if collection.get_visible() and collection.get_array() is None:
            yield from _of_collection(collection)
    for patch in ax.patches:
        if isinstance(patch, Rectangle) and patch.get_visible() and patch.get_facecolor()[3]:
            yield Mark(to_hex(patch.get_facecolor(), keep_alpha=True), ("bar", patch.get_hatch()))


def _of_line(line: Line2D) -> Mark:
    style = line.get_linestyle() if line.get_linewidth() else "None"
    marker = str(line.get_marker())
    if marker in ("None", "", " "):
        return Mark(to_hex(line.get_color(), keep_alpha=True), ("line", style, round(line.get_linewidth(), 1)))
    hollow = same_color(line.get_markerfacecolor(), "white") or str(line.get_markerfacecolor()).lower() == "none"
    colour = line.get_markeredgecolor() if hollow else line.get_markerfacecolor()
    return Mark(to_hex(colour, keep_alpha=True), ("line", style, marker, hollow, round(line.get_markersize())))


def _of_collection(collection: Collection) -> Iterator[Mark]:
    if not isinstance(collection, (PathCollection, PatchCollection)):
        return
    opaque = [colour for colour in collection.get_facecolors() if colour[3] == 1 and np.ptp(colour[:3])]
    colours = {to_hex(colour, keep_alpha=True) for colour in opaque}
    if len(colours) > MOST_SERIES:
        return
    shape = len(collection.get_paths()[0]) if isinstance(collection, PathCollection) and collection.get_paths() else 0
    for colour in colours:
        yield Mark(colour, (type(collection).__name__, shape, str(collection.get_hatch())))


def labelled(ax: Axes) -> set[str]:
    """Return the colours in which something is written beside the marks: direct labels, which may be darker than their marks."""
    return {legible(text.get_color()) for text in ax.texts if text.get_text().strip()}


def indistinct(figure: Figure) -> list[str]:
    """Return the pairs of series in one panel that differ in colour alone and collapse in a simulation."""
    found = []
    for number, ax in enumerate(figure.axes):
        named = labelled(ax)
        for one, other in combinations(sorted(set(marks(ax)), key=str), 2):
            how = (
                ""
                if one.look != other.look or {legible(one.colour[:7]), legible(other.colour[:7])} <= named
                else collapses(one.colour, other.colour)
            )
            if how:
                found.append(f"panel {number}: {one.colour} and {other.colour}, {one.look}, in {how}")
    return found


def pale(figure: Figure) -> list[str]:
    """Return the texts of a figure that stand out from white by less than 4.5 to 1; white ones lie on a colour."""
    written = [
        text for text in figure.findobj(Text) if text.get_text().strip() and not same_color(text.get_color(), "white")
    ]
    return [_shown(text) for text in written if 1.05 / (_light(text.get_color()) + 0.05) < 4.5]


def _light(colour: str) -> float:
    return float(((lab(colour)[0] + 16) / 116) ** 3)


def on_data(figure: Figure) -> list[str]:
    """Return the texts and legends of a drawn figure that lie on a line, a point or another text of their panel."""
    return [f"panel {number}: {what}" for number, ax in enumerate(figure.axes) for what in _on_data_of(ax)]


def _on_data_of(ax: Axes) -> Iterator[str]:
    written = [text for text in ax.texts if text.get_visible() and text.get_text().strip()]
    named = [(_shown(text), text.get_window_extent().padded(-1)) for text in written if not text.get_rotation() % 90]
    if ax.get_legend():
        named.append(("the legend", ax.get_legend().get_window_extent().padded(-1)))
    for name, box in named:
        lines = [line for line in ax.get_lines() if not _bar_between(line, box, ax)]
        if any(_crosses(line, box) for line in lines) or any(_lie_in(points, box) for points in ax.collections):
            yield f"{name} is on data"
    for (one, box), (other, there) in combinations(named, 2):
        if box.overlaps(there):
            yield f"{one} is on {other}"


def _shown(text: Text) -> str:
    return repr(text.get_text())


def _bar_between(line: Line2D, box: Bbox, ax: Axes) -> bool:
    """Return whether a box of the screen lies in a bar that hides a line."""
    bars = [patch.get_window_extent() for patch in ax.patches if patch.get_zorder() > line.get_zorder()]
    return any(bar.x0 <= box.x0 and box.x1 <= bar.x1 and bar.y0 <= box.y0 and box.y1 <= bar.y1 for bar in bars)


def _crosses(line: Line2D, box: Bbox) -> bool:
    """Return whether a line, or one of its markers where it has no line, is in a box of the screen."""
    path = line.get_path().transformed(line.get_transform())
    if line.get_linestyle() == "None":
        return bool(box.count_contains(path.vertices))
    return line.get_visible() and len(path.vertices) > 1 and path.intersects_bbox(box, filled=False)


def _lie_in(points: Collection, box: Bbox) -> bool:
    """Return whether the centre of a scattered mark is in a box of the screen."""
    places = points.get_offset_transform().transform(points.get_offsets())
    return isinstance(points, PathCollection) and points.get_array() is None and bool(box.count_contains(places))
