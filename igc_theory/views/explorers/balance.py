"""The balance explorer: branch widths against the fewest weights that their number of factors allows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache, partial
from math import prod
from typing import Any

from matplotlib.figure import Figure

from igc_theory.budget.curves.tradeoffs import Curves, weights_against_factors
from igc_theory.budget.designs.cheapest import best_dense
from igc_theory.budget.designs.design import Design
from igc_theory.budget.formulas.widths import attainable_parameters, balanced_parameters
from igc_theory.structure.arguments.numbers import positive_int
from igc_theory.structure.arguments.sequences import widths_of
from igc_theory.structure.conditions.grades import grade
from igc_theory.structure.divisors import divisors
from igc_theory.views.explorers.answers import Answer, counted, panels
from igc_theory.views.explorers.panel import choice, panel, slider
from igc_theory.views.plots.bars import plot_bars
from igc_theory.views.plots.budget.curves import plain_ticks, plot_weights_against_factors

__all__ = ["balance_answer", "balance_terms", "explore_balance", "width_name"]

_CHANNELS = (8, 12, 16, 24, 30, 32, 36, 48, 64, 96, 128, 144, 192, 256, 416, 512, 720, 1024)
_MOST_FACTORS = 6
MOST_CHANNELS = 2**16
"""Of which the fewest weights are found while a slider moves."""

_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
"""Plain letters, as TeX would be set anew for every move of a slider."""


def width_name(factor: int) -> str:
    """Return the letter of a branch width, numbered from 1.

    Examples
    --------
    >>> width_name(12)
    'K₁₂'
    """
    return f"K{factor}".translate(_SUBSCRIPTS)


_COLOURS = dict(
    zip(
        ("S K₁", *map(width_name, range(2, _MOST_FACTORS + 1))),
        ("#08306B", "#08519C", "#4292C6", "#7FB8DA", "#B3D3E8", "#DCEAF6"),
        strict=True,
    )
)
"""Blues from dark to light, of which the picture beside has none: there colours mean kinds of designs."""


def balance_answer(channels: int, branch_widths: Sequence[int], kernel_size: int = 3) -> Answer:
    r"""Return what branch widths cost relative to the optimum for as many factors, and whether they connect all channels.

    .. math:: C (S K_1 + K_2 + … + K_L), \qquad \prod K_l ≥ C

    Parameters
    ----------
    channels : int
        `C`.
    branch_widths : sequence of int
        :math:`K_1 … K_L`, each a divisor of `C`.
    kernel_size : int, default 3
        Side of the window of the first factor.

    Returns
    -------
    Answer
        Weights are given per channel.

    Raises
    ------
    TypeError, ValueError
        If a width does not divide `channels`, or something is not a positive integer.

    Examples
    --------
    >>> balance_answer(64, [4, 16])
    4 × 16: 52 weights per channel; 2 balanced factors: 48. Strict: every input reaches every output by exactly one path.
      weights per channel         52
      dense, 2 factors          50
      dense, any number         21
      balanced, real widths     48
      with K₁ at least 1        48
      product of the widths     64
    """
    design = _design(channels, branch_widths, kernel_size)
    C, L, S = design.channels, design.factors, design.kernel_area
    cost, balanced = design.parameters_per_channel, float(balanced_parameters(C, L, S)) / C
    facts = {
        "weights per channel": cost,
        f"dense, {counted(L, 'factor')}": _optimum(C, S, L).parameters_per_channel,
        "dense, any number": _optimum(C, S, None).parameters_per_channel,
        "balanced, real widths": balanced,
        "with K₁ at least 1": float(attainable_parameters(C, L, S)) / C,
        "product of the widths": prod(design.branch_widths),
    }
    found = str(grade(design.chain))
    widths = " × ".join(map(str, design.branch_widths))
    sentence = (
        f"{widths}: {counted(cost, 'weight')} per channel; {L} balanced factor{'s' * (L > 1)}: {balanced:.4g}. "
        f"{found[0].upper()}{found[1:]}."
    )
    alt = f"What each of the factors {widths} adds to the weights of a channel, and the fewest weights of any number of factors."
    return Answer(sentence, facts, lambda figure: _picture(figure, design), alt)


def explore_balance(channels: int = 64, branch_widths: Sequence[int] = (4, 16), kernel_size: int = 3) -> Any:
    """Return controls for branch widths, with `balance_answer` below them; for Jupyter.

    Parameters
    ----------
    channels, branch_widths, kernel_size :
        The first settings, as in `balance_answer`; up to six factors, whose sliders stop at the divisors of `channels`.

    Returns
    -------
    ipywidgets.VBox

    Raises
    ------
    ValueError
        If a width does not divide `channels`, or there are more than six.
    ImportError
        If ipywidgets is not installed.

    Examples
    --------
    >>> [row.children[0].description for row in explore_balance().children[0].children][:5]
    ['channels', 'kernel', 'factors', 'K₁', 'K₂']
    """
    first = _design(channels, branch_widths, kernel_size)
    channels = first.channels
    if first.factors > _MOST_FACTORS:
        raise ValueError(
            f"branch_widths has {first.factors} entries, more than there are sliders: give at most {_MOST_FACTORS}"
        )
    controls = {
        "channels": choice("channels", channels, sorted({*_CHANNELS, channels})),
        "kernel_size": choice(
            "kernel", kernel_size, [(f"{side}×{side}", side) for side in (1, 3, 5, 7)], name="kernel_size"
        ),
        "factors": slider("factors", first.factors, _MOST_FACTORS),
    }
    padded = (*first.branch_widths, *[1] * _MOST_FACTORS)[:_MOST_FACTORS]
    widths = [choice(width_name(l), width, divisors(channels)) for l, width in enumerate(padded, start=1)]
    named = {control.description: control for control in widths}
    return panel(
        {**controls, **named}, _from_controls, partial(_keep_in_step, controls, widths), own={"channels": MOST_CHANNELS}
    )


def _design(channels: int, branch_widths: Sequence[int], kernel_size: int) -> Design:
    """Return the design that is asked for, of channels for which all others are searched while a slider moves."""
    channels = positive_int("channels", channels, maximum=MOST_CHANNELS, beyond="ask best_dense, which draws nothing")
    return Design(channels, widths_of("branch_widths", branch_widths), kernel_size)


def _keep_in_step(controls: Mapping[str, Any], widths: Sequence[Any]) -> None:
    """Let the sliders of the widths stop at the divisors of the channels, and show as many as there are factors."""
    possible = tuple(divisors(controls["channels"].value))
    for l, control in enumerate(widths):
        if control.options != possible:
            width = max(width for width in possible if width <= control.value)
            control.options, control.value = possible, width
        control.layout.display = None if l < controls["factors"].value else "none"


def _from_controls(channels: int, kernel_size: int, factors: int, **widths: int) -> Answer:
    return balance_answer(channels, list(widths.values())[:factors], kernel_size)


def _picture(figure: Figure, design: Design) -> None:
    """Draw what each factor adds, and the design among the fewest weights of every number of factors."""
    left, right = panels(figure, 1, 1.3, height=2.8, left=0.75, bottom=0.7)
    plot_bars(balance_terms(design), left, colours=_COLOURS).set_title("weights per channel, by factor")
    left.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=3, frameon=False)
    plot_weights_against_factors(_curves(design.channels, design.kernel_area), right)
    right.set_title("fewest weights per channel")
    right.set_xlabel("factors L")
    dense = design.min_paths > 0
    right.plot(
        [design.factors],
        [design.parameters_per_channel],
        "D",
        color="black" if dense else "#D55E00",
        markerfacecolor="black" if dense else "white",
        label="yours" if dense else "yours, not dense",
        zorder=6,
    )
    for line in right.get_lines():
        line.set_label(str(line.get_label()).replace("$K_1$", "K₁").replace("$K_1 \\geq 1$", "K₁ ≥ 1"))
    low, high = right.get_ylim()
    places = (20, 50, 100, 200, 500, 1000, 2000, 5000, 10000)
    plain_ticks(right.yaxis, tuple(place for place in places if low <= place <= high))
    right.set_ylim(low, high)
    right.minorticks_off()
    right.legend(loc="upper right", frameon=False)


def balance_terms(design: Design) -> dict[str, list[Any]]:
    """Return the weights per channel of each factor: of this design, the best one of as many factors, and the balanced one."""
    C, L, S = design.channels, design.factors, design.kernel_area
    rows = [("yours", design.branch_widths), ("best dense", _optimum(C, S, L).branch_widths)]
    parts = [*_COLOURS, *map(width_name, range(len(_COLOURS) + 1, L + 1))][:L]
    balanced = float(balanced_parameters(C, L, S)) / C / L
    return {
        "bar": [name for name, _ in rows for _ in parts] + L * ["balanced"],
        "part": 3 * parts,
        "value": [term for _, (first, *others) in rows for term in (S * first, *others)] + L * [balanced],
    }


@cache
def _curves(C: int, S: int) -> Curves:
    return weights_against_factors(C, S)


@cache
def _optimum(C: int, S: int, factors: int | None) -> Design:
    """Return the best dense design; each is asked for again and again while sliders move."""
    return best_dense(C, S, factors=factors)
