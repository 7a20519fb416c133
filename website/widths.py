"""The page with a slider: the width of every family at a budget of weights, computed here, only looked up in the browser."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np
from bokeh.embed import components
from bokeh.layouts import column
from bokeh.models import CategoricalSlider, ColumnDataSource, CustomJS, Div, InlineStyleSheet, Select, Span
from bokeh.plotting import figure
from bokeh.resources import Resources

from igc_theory.budget import Design, widest_dense, widest_strict, width_against_parameters
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
.swatch { display: inline-block; width: .8em; height: .8em; margin-right: .5em; }
"""

# Only looks up what was computed: which curves are shown, where the line is, and which table.
LOOK_UP = """
const chosen = budget.categories.indexOf(budget.value)
for (const curve of curves) curve.visible = curve.name == kernel.value
line.location = budgets[chosen]
dots.data = {...dots.data, x: colours.map(() => budgets[chosen]), y: widths[kernel.value][chosen]}
table.text = tables[kernel.value][chosen]
"""

Widths = dict[str, np.ndarray[Any, np.dtype[np.float64]]]


def widths(S: int) -> Widths:
    """Return the widths of every family at all budgets, by series."""
    columns = width_against_parameters(BUDGETS, S)
    return {str(name): columns["width"][columns["series"] == name] for name in dict.fromkeys(columns["series"])}


def design_text(design: Design) -> str:
    """Return a design as the table shows it."""
    return f"{' × '.join(map(str, design.branch_widths))} ({design.parameters:,} weights)"


def table(window: str, curves: Widths, number: int) -> str:
    """Return what the families make of one budget, as an HTML table."""
    budget, S = BUDGETS[number], WINDOWS[window]
    designs = {"strict integer": widest_strict(budget, S), "dense integer": widest_dense(budget, S)}
    optimum = curves["continuous optimum"][number]
    rows = [
        f'<tr><td><span class="swatch" style="background:{COLOURS[name]}"></span>{escape(name)}</td>'
        f'<td class="number">{width[number]:.{0 if name in designs else 1}f}</td>'
        f'<td class="number">{width[number] / optimum:.0%}</td>'
        f"<td>{design_text(designs[name]) if name in designs else ''}</td></tr>"
        for name, width in curves.items()
    ]
    head = (
        '<tr><th>family</th><th class="number">width</th><th class="number">of optimum</th><th>branch widths</th></tr>'
    )
    return f"<table><caption><b>{budget:,} weights</b>, {window} kernel</caption>{head}{''.join(rows)}</table>"


def plot(curves: dict[str, Widths]) -> tuple[Any, Any, Any]:
    """Return the picture, its line at the budget, and the source of its dots; the curves of the first window are shown."""
    picture = figure(
        x_axis_type="log", y_axis_type="log", height=420, sizing_mode="stretch_width", toolbar_location=None, tools="",
        x_axis_label="weights of a block", y_axis_label="width (channels)",
    )  # fmt: skip
    for window, series in curves.items():
        for name, width in series.items():
            step = {"mode": "after"} if "integer" in name else {}
            draw = picture.step if step else picture.line
            dash = "dashed" if name == "continuous optimum" else "solid"
            draw(
                BUDGETS, width, name=window, visible=window == "3×3",
                color=COLOURS[name], line_width=2, line_dash=dash, **step,
            )  # fmt: skip
    first = [series[BUDGETS.index(START)] for series in curves["3×3"].values()]
    dots = ColumnDataSource({"x": [START] * len(first), "y": first, "colour": list(COLOURS.values())})
    picture.scatter("x", "y", color="colour", size=8, source=dots, name="dots")
    line = Span(location=START, dimension="height", line_color="#57606a", line_dash="dotted")
    picture.add_layout(line)
    return picture, line, dots


def page() -> tuple[str, str]:
    """Return what the page needs in its head, scripts included, and what stands in its body."""
    curves = {window: widths(S) for window, S in WINDOWS.items()}
    tables = {window: [table(window, series, n) for n in range(len(BUDGETS))] for window, series in curves.items()}
    picture, line, dots = plot(curves)
    categories = [f"{budget:,} weights" for budget in BUDGETS]
    start = BUDGETS.index(START)
    budget = CategoricalSlider(
        title="Budget", categories=categories, value=categories[start], sizing_mode="stretch_width"
    )
    kernel = Select(title="Kernel", options=list(WINDOWS), value="3×3")
    text = Div(
        text=tables["3×3"][start], stylesheets=[InlineStyleSheet(css=TABLE_STYLE)], sizing_mode="stretch_width",
        disable_math=True,
    )  # fmt: skip
    look_up = CustomJS(code=LOOK_UP, args={
        "budget": budget, "kernel": kernel, "line": line, "dots": dots, "table": text, "tables": tables,
        "curves": [curve for curve in picture.renderers if curve.name in WINDOWS],
        "budgets": list(BUDGETS), "colours": list(COLOURS),
        "widths": {window: np.transpose([*series.values()]).tolist() for window, series in curves.items()},
    })  # fmt: skip
    budget.js_on_change("value", look_up)
    kernel.js_on_change("value", look_up)
    script, body = components(column(kernel, budget, picture, text, sizing_mode="stretch_width"))
    scripts = Resources(mode="inline", components=["bokeh", "bokeh-widgets"])
    return scripts.render_js() + script, body
