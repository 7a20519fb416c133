"""The widgets of an explorer: controls on top, below them the answer to their settings, or the sentence that refuses them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from html import escape
from types import ModuleType
from typing import Any

import numpy as np

from igc_theory.structure.arguments import flag, positive_int, shown
from igc_theory.structure.arguments import text as text_of
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
    return widgets().IntSlider(
        value, least, most, description=description, continuous_update=False, style=_WIDE, layout={"width": "26em"}
    )


def choice(description: str, value: Any, options: Iterable[Any], *, name: str = "", as_slider: bool = False) -> Any:
    """Return a list of options to choose from, dropped down or along a slider; pairs are (label, value), one of them `value`."""
    kinds, options = widgets(), list(options)
    values = [option[1] if isinstance(option, tuple) else option for option in options]
    if not isinstance(value, (str, bool, np.bool_)) and isinstance(values[0], int):
        value = positive_int(name or description, value)
    if type(value) is not type(values[0]) or value not in values:
        raise ValueError(
            f"{name or description}={shown(value)} is not offered: use one of {', '.join(map(str, values))}"
        )
    kind, more = (kinds.SelectionSlider, {"continuous_update": False}) if as_slider else (kinds.Dropdown, {})
    layout = {"width": "26em"}
    return kind(options=options, value=value, description=description, style=_WIDE, layout=layout, **more)


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
        layout={"width": "26em"},
    )


def panel(
    controls: Mapping[str, Any], respond: Callable[..., Answer], adjust: Callable[[], None] = lambda: None
) -> Any:
    """Return a column: the controls, those to tick in a row of their own, and what `respond` answers to their values by name.

    A ValueError or TypeError is shown as its sentence, without a picture: nothing that belongs to other settings stays. When a
    control was moved, `adjust` moves those that depend on it, and one answer is given to all.
    """
    kinds = widgets()
    answer, adjusting = kinds.HTML(), False

    def update(_: Any = None) -> None:
        nonlocal adjusting
        if adjusting:
            return
        adjusting = True
        adjust()
        adjusting = False
        answer.value = _answer_or_refusal(respond, {name: control.value for name, control in controls.items()})

    for control in controls.values():
        control.observe(update, names="value")
    update()
    ticks = [control for control in controls.values() if isinstance(control, kinds.Checkbox)]
    others = [control for control in controls.values() if control not in ticks]
    rows = [kinds.Box(row, layout={"flex_flow": "row wrap", "width": "100%"}) for row in (others, ticks) if row]
    return kinds.VBox([*rows, answer], layout={"width": "100%"})


def _answer_or_refusal(respond: Callable[..., Answer], settings: Mapping[str, Any]) -> str:
    try:
        return respond(**settings).html()
    except (TypeError, ValueError) as error:
        style = "border-left: 4px solid #D55E00; padding: 0.3em 0.8em; max-width: 50em"
        return f"<p role='alert' style='{style}'>{escape(str(error))}</p>"
