"""The page with a slider: the width of every family at a budget of weights, computed here, only looked up in the browser."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np
from bokeh.embed import components
from bokeh.layouts import column, row
from bokeh.models import CategoricalSlider, ColumnDataSource, CustomJS, Div, InlineStyleSheet, Select, Span
from bokeh.plotting import figure
from bokeh.resources import Resources

from igc_theory.budget import Design, widest_dense, widest_strict
from igc_theory.budget.curves.tradeoffs import width_against_parameters
from igc_theory.views.plots.style import FAMILY_COLOURS

__all__ = ["BUDGETS", "WINDOWS", "page", "table", "widths"]

WINDOWS = {"3×3": 9, "5×5": 25, "7×7": 49}
"""Kernel areas by what the page calls them."""

BUDGETS = tuple(sorted({4672, 17536, *np.geomspace(100, 100_000, 40).round(-1).astype(int).tolist()}))
"""Weights; two of them are those of the networks of IGCV1, figure 3."""

START = 4672

# Of the greens, the darker, the more factors.
COLOURS = {
    "regular": FAMILY_COLOURS["regular"],
    "group, 4 branches": FAMILY_COLOURS["group"],
    "depthwise separable": FAMILY_COLOURS["depthwise separable"],
    "IGCV2, L = 2": FAMILY_COLOURS["IGCV1"],
    "IGCV2, L = 3": "#66C5AB",
    "IGCV2, L = 4": "#33B18F",
    "IGCV2, L = 5": FAMILY_COLOURS["IGCV2"],
    "IGCV2, L = 6": "#006B4F",
    "continuous optimum": FAMILY_COLOURS["bound"],
    "strict integer": "#004D38",
    "dense integer": FAMILY_COLOURS["dense"],
}

TABLE_STYLE = """
table { border-collapse: collapse; width: 100%; font: .92rem/1.5 system-ui, "Segoe UI", Roboto, sans-serif; }
caption { text-align: left; padding-bottom: .4rem; }
th, td { padding: .25rem .5rem; border-bottom: 1px solid #d8dee4; text-align: left; }
.number { text-align: right; font-variant-numeric: tabular-nums; }
.swatch { display: inline-block; outline: 1px solid var(--soft); width: .8em; height: .8em; margin-right: .5em; }
"""

FIELD_STYLE = ":host select.bk-input:not([multiple]) { color: var(--ink); background: var(--paper); appearance: auto; }"
"""Bokeh's field is white with a black arrow, and takes its ink from the page, which is light in the dark theme."""

# Only looks up what was computed: which curves are shown, where the line and the dots are, and which table.
LOOK_UP = """
const chosen = budget.categories.indexOf(budget.value)
for (const curve of curves) curve.visible = curve.name == kernel.value
sources.forEach((source, number) => { source.data = dots[number][kernel.value][chosen] })
line.location = budgets[chosen]
table.text = tables[kernel.value][chosen]
"""

Widths = dict[str, np.ndarray[Any, np.dtype[np.float64]]]


def widths(S: int) -> Widths:
    """Return the widths of every family at all budgets, by series."""
    columns = width_against_parameters(BUDGETS, S)
    return {str(name): columns["width"][columns["series"] == name] for name in dict.fromkeys(columns["series"])}


def table(window: str, curves: Widths, number: int) -> str:
    """Return what the families make of one budget, as an HTML table."""
    budget, S = BUDGETS[number], WINDOWS[window]
    designs = {"strict integer": widest_strict(budget, S), "dense integer": widest_dense(budget, S)}
    optimum = curves["continuous optimum"][number]
    rows = [
        f"<tr><td>{family(name, designs.get(name))}</td>"
        f'<td class="number">{width[number]:.{0 if name in designs else 1}f}</td>'
        f'<td class="number">{width[number] / optimum:.0%}</td></tr>'
        for name, width in curves.items()
    ]
    head = '<tr><th>family</th><th class="number">width</th><th class="number">of the optimum</th></tr>'
    return f"<table><caption><b>{budget:,} weights</b>, {window} kernel</caption>{head}{''.join(rows)}</table>"


def family(name: str, design: Design | None) -> str:
    """Return a family as the table names it: with its colour, and with the design if it is one."""
    marked = f'<span class="swatch" style="background:{COLOURS[name]}"></span>{escape(name)}'
    if design is None:
        return marked
    return f"{marked}<br><small>{' × '.join(map(str, design.branch_widths))}, {design.parameters:,} weights</small>"


def picture(curves: dict[str, Widths], **axes: Any) -> tuple[Any, ColumnDataSource]:
    """Return a picture of all curves, those of the first window shown, and the source of its dots at the budget."""
    drawn = figure(
        x_axis_type="log", x_range=(BUDGETS[0] / 1.2, BUDGETS[-1] * 1.2), x_axis_label="weights of a block",
        height=380, min_width=300, sizing_mode="stretch_width", toolbar_location=None, tools="", **axes,
    )  # fmt: skip
    for window, series in curves.items():
        for name, width in series.items():
            style = {"color": COLOURS[name], "name": window, "visible": window == "3×3"}
            if "integer" in name:  # between the budgets of the slider nothing was computed
                drawn.scatter(BUDGETS, width, size=4, **style)
            else:
                dash = "dashed" if name == "continuous optimum" else "solid"
                drawn.line(BUDGETS, width, line_width=2, line_dash=dash, **style)
    dots = ColumnDataSource(dots_at(curves["3×3"], BUDGETS.index(START)))
    drawn.scatter("x", "y", color="colour", size=8, source=dots, name="dots")
    return drawn, dots


def dots_at(curves: Widths, number: int) -> dict[str, list[Any]]:
    """Return where the curves are at one budget."""
    y = [float(width[number]) for width in curves.values()]
    return {"x": [BUDGETS[number]] * len(y), "y": y, "colour": [COLOURS[name] for name in curves]}


def shares(curves: Widths) -> Widths:
    """Return the widths divided by that of the continuous optimum."""
    return {name: width / curves["continuous optimum"] for name, width in curves.items()}


def page() -> tuple[str, str]:
    """Return what the page needs in its head, scripts included, and what stands in its body."""
    of_width = {window: widths(S) for window, S in WINDOWS.items()}
    of_share = {window: shares(curves) for window, curves in of_width.items()}
    pictures = [
        picture(of_width, y_axis_type="log", y_axis_label="width (channels)"),
        picture(of_share, y_range=(0, 1.05), y_axis_label="share of the continuous optimum"),
    ]
    line = Span(location=START, dimension="height", line_color="#57606a", line_dash="dotted")
    tables = {window: [table(window, curves, n) for n in range(len(BUDGETS))] for window, curves in of_width.items()}
    text = Div(text=tables["3×3"][BUDGETS.index(START)], stylesheets=[InlineStyleSheet(css=TABLE_STYLE)], disable_math=True,
               sizing_mode="stretch_width")  # fmt: skip
    shown = {
        "line": line, "budgets": list(BUDGETS), "table": text, "tables": tables,
        "sources": [source for _, source in pictures],
        "curves": [curve for drawn, _ in pictures for curve in drawn.renderers if curve.name in WINDOWS],
        "dots": [dots_of(curves) for curves in (of_width, of_share)],
    }  # fmt: skip
    for drawn, _ in pictures:
        drawn.add_layout(line)
    side_by_side = row(*(drawn for drawn, _ in pictures), sizing_mode="stretch_width", styles={"flex-wrap": "wrap"})
    layout = column(*controls(shown), side_by_side, text, sizing_mode="stretch_width")
    script, body = components(layout)
    return Resources(mode="inline", components=["bokeh", "bokeh-widgets"]).render_js() + script, body


def dots_of(curves: dict[str, Widths]) -> dict[str, list[dict[str, list[Any]]]]:
    """Return the dots of every window at every budget."""
    return {window: [dots_at(series, n) for n in range(len(BUDGETS))] for window, series in curves.items()}


def controls(shown: dict[str, Any]) -> list[Any]:
    """Return what the reader moves, joined to what is `shown`."""
    names = [f"{budget:,} weights" for budget in BUDGETS]
    start = names[BUDGETS.index(START)]
    budget = CategoricalSlider(title="Budget", categories=names, value=start, sizing_mode="stretch_width")
    kernel = Select(
        title="Kernel", options=list(WINDOWS), value="3×3", width=110, stylesheets=[InlineStyleSheet(css=FIELD_STYLE)]
    )
    look_up = CustomJS(code=LOOK_UP, args={**shown, "budget": budget, "kernel": kernel})
    for control in (budget, kernel):
        control.js_on_change("value", look_up)
    return [kernel, budget]
