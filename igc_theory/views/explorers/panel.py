"""The widgets of an explorer: controls on top, below them the answer to their settings, or the sentence that refuses them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from html import escape
from types import ModuleType
from typing import Any

import numpy as np

from igc_theory.structure.arguments.kinds import flag, shown
from igc_theory.structure.arguments.kinds import text as text_of
from igc_theory.structure.arguments.numbers import positive_int
from igc_theory.views.explorers.answers import Answer

__all__ = ["checkbox", "choice", "panel", "slider", "text_line", "widgets"]

_WIDE = {"description_width": "9em"}


def widgets() -> ModuleType:
    """Return ipywidgets, or say how to get it.

    Raises
    ------
    ImportError
        If ipywidgets is not installed.
    """
    try:
        import ipywidgets
    except ImportError as error:
        raise ImportError(
            "explorers need ipywidgets, which is not installed: pip install ipywidgets, "
            "or call the function behind the explorer, such as block_answer(L=4, M=3)"
        ) from error
    module: ModuleType = ipywidgets
    return module


def slider(description: str, value: int, most: int, least: int = 1) -> Any:
    """Return a slider for integers, which answers when it is let go and follows the arrow keys; refuse a value beyond it."""
    value = positive_int(description, value, minimum=least)
    if value > most:
        raise ValueError(f"{description}={value} is not on the slider: use at most {most}")
    return widgets().IntSlider(value, least, most, description=description, **_slider_looks())


def choice(description: str, value: Any, options: Iterable[Any], *, name: str = "") -> Any:
    """Return a slider along options, one of them `value`; pairs are (label, value).

    It is a slider even where the options are names: JupyterLab takes the arrow keys from a list that drops down.
    """
    options = list(options)
    values = [option[1] if isinstance(option, tuple) else option for option in options]
    if not isinstance(value, (str, bool, np.bool_)) and isinstance(values[0], int):
        value = positive_int(name or description, value)
    if type(value) is not type(values[0]) or value not in values:
        raise ValueError(
            f"{name or description}={shown(value)} is not offered: use one of {', '.join(map(str, values))}"
        )
    return widgets().SelectionSlider(options=options, value=value, description=description, **_slider_looks())


def _slider_looks() -> dict[str, Any]:
    """Return what all sliders share; their value stands in a field beside them, in which it can be typed."""
    return {
        "continuous_update": False,
        "readout": False,
        "style": _WIDE,
        "layout": {"flex": "1 1 14em", "width": "auto", "min_width": "14em"},
    }


def checkbox(description: str, value: bool = True) -> Any:
    """Return a box to tick."""
    return widgets().Checkbox(
        flag(description, value), description=description, indent=False, layout={"width": "auto", "margin": "2px 1em"}
    )


def text_line(description: str, value: str) -> Any:
    """Return a line to type in; it is read when Enter is pressed or the line is left."""
    return widgets().Text(
        text_of(description, value),
        description=description,
        continuous_update=False,
        style=_WIDE,
        layout={"flex": "1 1 auto"},
    )


def panel(
    controls: Mapping[str, Any],
    respond: Callable[..., Answer],
    adjust: Callable[[], None] = lambda: None,
    own: Mapping[str, int] = {},
) -> Any:
    """Return controls in one column, those to tick in a row, and what `respond` answers to their values by name.

    A ValueError or TypeError is shown as its sentence, without a picture: nothing that belongs to other settings stays. When a
    control was moved, `adjust` moves those that depend on it, and one answer is given to all. The value of a slider can be typed
    beside it; `own` gives, by name, how large a number may be that is on no slider.
    """
    kinds = widgets()
    sliders = {name: control for name, control in controls.items() if hasattr(control, "readout")}
    fields = {name: _field(control) for name, control in sliders.items()}
    rows = {name: _row(control, fields.get(name)) for name, control in controls.items() if not _ticked(control)}
    answer, settling = kinds.HTML(), False

    def update(_: Any = None, typed: str = "") -> None:
        """Show the answer to the present settings; `typed` names the field that was just typed into."""
        nonlocal settling
        if settling:
            return
        settling = True
        try:
            if typed:
                _take(sliders[typed], fields[typed].value, own.get(typed, 0))
            adjust()
            _follow(controls, fields, rows)
            answer.value = respond(**{name: control.value for name, control in controls.items()}).html()
        except (TypeError, ValueError) as error:
            answer.value = _refusal(error)
        finally:
            settling = False

    for control in controls.values():
        control.observe(update, names="value")
    for name, field in fields.items():
        field.observe(lambda _, typed=name: update(typed=typed), names="value")
    update()
    column = kinds.VBox([*rows.values()], layout={"width": "100%", "max_width": "38em"})
    ticks = kinds.Box([*filter(_ticked, controls.values())], layout={"flex_flow": "row wrap"})
    return kinds.VBox([column, ticks, answer], layout={"width": "100%"})


def _follow(controls: Mapping[str, Any], fields: Mapping[str, Any], rows: Mapping[str, Any]) -> None:
    """Let fields say the values of their sliders, and rows hide where their controls do."""
    for name, field in fields.items():
        field.value = _labels(controls[name])[controls[name].value]
    for name, row in rows.items():
        row.layout.display = controls[name].layout.display


def _ticked(control: Any) -> bool:
    return isinstance(control, widgets().Checkbox)


def _row(control: Any, field: Any) -> Any:
    """Return a control with the field in which its value is typed, below it where the page is narrow."""
    children = [control] if field is None else [control, field]
    return widgets().Box(children, layout={"flex_flow": "row wrap", "width": "100%"})


def _field(control: Any) -> Any:
    """Return a field as wide as the longest value of a slider."""
    longest = max(map(len, _labels(control).values()))
    width = f"{max(6, 0.55 * longest + 2):.0f}em"
    say = f"{control.description}: type a value and press Enter"
    return widgets().Text(
        continuous_update=False, placeholder=control.description, tooltip=say, layout={"width": width}
    )


def _labels(slider: Any) -> dict[Any, str]:
    """Return how each value of a slider is written, in their order."""
    if not hasattr(slider, "options"):
        return {number: str(number) for number in range(slider.min, slider.max + 1)}
    pairs = [option if isinstance(option, tuple) else (str(option), option) for option in slider.options]
    return {value: label for label, value in pairs}


def _take(slider: Any, typed: str, most: int) -> None:
    """Move a slider to what was typed, a label or a number; a number up to `most` that it lacks takes the place of a stop."""
    labels, plain = _labels(slider), _plain(typed)
    meant = [value for value, label in labels.items() if plain in (_plain(label), _plain(str(value)))]
    if not meant:
        if not (most and plain.isdecimal()):
            raise ValueError(f"{slider.description}={typed!r} is not offered: type {_offer(slider, most)}")
        meant = [positive_int(slider.description, int(plain), maximum=most, beyond="type a smaller number")]
        # In place of the nearest stop: a slider on the screen keeps its number of stops, so one more would be out of reach.
        del labels[min(labels, key=lambda stop: abs(stop - meant[0]))]
        labels[meant[0]] = f"{meant[0]:,}"
        slider.options = [(labels[stop], stop) for stop in sorted(labels)]
    slider.value = meant[0]


def _offer(slider: Any, most: int) -> str:
    """Say what can be typed beside a slider."""
    if most:
        return f"a whole number from 1 to {most:,}"
    if hasattr(slider, "options"):
        return f"one of {', '.join(_labels(slider).values())}"
    return f"a whole number from {slider.min} to {slider.max}"


def _plain(text: str) -> str:
    """Return a label as it may be typed: small or capital letters, x for ×, with or without commas in numbers."""
    return "".join(text.casefold().replace("×", "x").replace(",", "").split())


def _refusal(error: Exception) -> str:
    style = "border-left: 4px solid #D55E00; padding: 0.3em 0.8em; max-width: 50em"
    return f"<p role='alert' style='{style}'>{escape(str(error))}</p>"
