"""The block explorer: an IGCV1 block with and without its permutation."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure

from igc_theory.budget.formulas.block_widths import regular_width
from igc_theory.budget.formulas.cost import regular_parameters
from igc_theory.structure.arguments.kinds import flag
from igc_theory.structure.arguments.numbers import positive_int
from igc_theory.structure.blocks import igcv1
from igc_theory.structure.chains import Chain
from igc_theory.structure.conditions.explanations import explain_complementarity
from igc_theory.views.explorers.answers import Answer, counted, panels
from igc_theory.views.explorers.panel import checkbox, choice, panel, slider
from igc_theory.views.plots.bars import plot_bars
from igc_theory.views.plots.structure.chains import chain_columns, plot_chain
from igc_theory.views.plots.structure.supports import path_count_columns, plot_path_counts
from igc_theory.views.plots.style import FAMILY_COLOURS

__all__ = ["block_answer", "explore_block"]

MOST_ANSWERED = 4096
"""Channels of a block whose path counts are drawn."""

_MOST_CHANNELS = 32
"""Above it the lines of a branch picture cannot be told apart."""

_MOST_COLOURS = 7
"""Branches of which each has a colour of its own."""

_COLOURS = {"primary": "#7F7F7F", "secondary": "#BBBBBB", "regular": FAMILY_COLOURS["regular"]}
"""Greys, since the colours of the picture beside are those of branches; secondary branches are grey there too."""


def block_answer(L: int, M: int, kernel_size: int = 3, permuted: bool = True) -> Answer:
    """Return how an IGCV1 block connects its channels, and what it costs beside a regular convolution.

    Parameters
    ----------
    L, M : int
        Primary partitions, and channels in each.
    kernel_size : int, default 3
        Window of the primary convolution.
    permuted : bool, default True
        Whether the interleaving permutations are there; without them the two group convolutions follow each other directly.

    Returns
    -------
    Answer

    Raises
    ------
    TypeError, ValueError
        If a number is not a positive integer.

    Examples
    --------
    >>> print(block_answer(L=4, M=3, permuted=False).sentence)
    Not strictly complementary: input 6 has no path to output 0.
    """
    block = igcv1(L, M, kernel_size)
    positive_int("L*M", block.in_channels, maximum=MOST_ANSWERED, beyond="ask grade(igcv1(L, M)), which draws nothing")
    chain = (
        block if flag("permuted", permuted) else Chain(block.convolutions, name=f"{block.name} without permutations")
    )
    weights, area = chain.parameters, chain.convolutions[0].kernel_area
    regular = int(regular_parameters(chain.in_channels, area))
    facts = {
        "channels": chain.in_channels,
        "weights": weights,
        "weights of a regular convolution": regular,
        "share of that": weights / regular,
        "width of a regular one at these weights": float(regular_width(weights, area)),
    }
    sentence = explain_complementarity(chain).sentence
    alt = (
        f"Branches of {chain.name}, its path counts, and its {counted(weights, 'weight')} beside {regular:,} of a regular "
        "convolution."
    )
    drawn = _has_branches(L, M)
    note = (
        f"Branches are drawn of up to {_MOST_CHANNELS} channels in up to {_MOST_COLOURS} partitions; of more neither lines nor "
        "colours could be told apart."
    )
    return Answer(
        sentence, facts, lambda figure: _picture(figure, chain, regular, drawn), alt, left_out="" if drawn else note
    )


def explore_block(L: int = 4, M: int = 3, kernel_size: int = 3, permuted: bool = True) -> Any:
    """Return controls for an IGCV1 block, with `block_answer` below them; for Jupyter.

    Parameters
    ----------
    L, M, kernel_size, permuted :
        The first settings, as in `block_answer`; `L` and `M` up to 32, windows of 1, 3, 5 and 7.

    Returns
    -------
    ipywidgets.VBox

    Raises
    ------
    TypeError, ValueError
        If a first setting is none that the controls offer.
    ImportError
        If ipywidgets is not installed.

    Examples
    --------
    >>> [row.children[0].description for row in explore_block().children[0].children]
    ['L, partitions', 'M, channels each', 'kernel']
    """
    controls = {
        "L": slider("L, partitions", L, 32),
        "M": slider("M, channels each", M, 32),
        "kernel_size": choice(
            "kernel", kernel_size, [(f"{side}×{side}", side) for side in (1, 3, 5, 7)], name="kernel_size"
        ),
        "permuted": checkbox("interleave", flag("permuted", permuted)),
    }
    return panel(controls, block_answer)


def _has_branches(L: int, M: int) -> bool:
    """Return whether a block is small enough for its branches to be drawn."""
    return L * M <= _MOST_CHANNELS and L <= _MOST_COLOURS


def _picture(figure: Figure, chain: Chain, regular: int, with_branches: bool) -> None:
    """Draw branches if there are few enough, path counts, and weights."""
    diagram = [2.3] if with_branches else []
    axes = panels(figure, *diagram, 1.1, 0.8, height=2.6, left=0.25 if diagram else 0.5, right=0.4, bottom=0.5, top=0.4)
    if with_branches:
        plot_chain(chain_columns(chain), axes[0])
    columns = path_count_columns(chain)
    fewest, most = columns["paths"].min(), columns["paths"].max()
    number = f"{most}" if fewest == most else f"{fewest} to {most}"
    plot_path_counts(columns, axes[-2]).set_title(f"paths of each pair: {number}")
    plot_bars(_weights(chain, regular), axes[-1], colours=_COLOURS).set_title("weights")
    axes[-1].legend(loc="upper center", bbox_to_anchor=(0.5, -0.02), ncols=2, frameon=False)
    axes[-1].set_xticks([])


def _weights(chain: Chain, regular: int) -> dict[str, list[Any]]:
    primary, secondary = (conv.parameters for conv in chain.convolutions)
    return {
        "bar": ["block", "block", "regular"],
        "part": ["primary", "secondary", "regular"],
        "value": [primary, secondary, regular],
    }
