"""The path explorer: the paths that end in one output channel."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from matplotlib.figure import Figure

from igc_theory.structure.arguments.kinds import flag
from igc_theory.structure.blocks import group, igcv1, igcv2, igcv3, interleaved, shufflenet_unit
from igc_theory.structure.branches import checked
from igc_theory.structure.chains import Chain
from igc_theory.structure.conditions.grades import grade
from igc_theory.views.explorers.answers import Answer, counted, panels
from igc_theory.views.explorers.panel import checkbox, choice, panel, slider
from igc_theory.views.plots.structure.paths import path_columns, plot_paths

__all__ = ["explore_paths", "paths_answer"]

CHAINS: dict[str, Callable[[], Chain]] = {
    "IGCV1, L = 4, M = 3": lambda: igcv1(4, 3),
    "IGCV2, 2 × 2 × 2 × 2": lambda: igcv2([2, 2, 2, 2]),
    "interleaved, 12: 1 × 4 × 4": lambda: interleaved(12, [1, 4, 4]),
    "interleaved, 12: 2 × 2 × 2": lambda: interleaved(12, [2, 2, 2]),
    "IGCV3, 4 channels, t = 6": lambda: igcv3(4, 4),
    "ShuffleNet unit, 24 channels": lambda: shufflenet_unit(24, groups=3),
    "one group convolution": lambda: group(12, 12, groups=3),
}


def paths_answer(chain: Chain, output: int = 0, permuted: bool = True) -> Answer:
    """Return which inputs reach one output channel, and by how many paths.

    Parameters
    ----------
    chain : Chain
        Any chain whose paths to one output have at most 20,000 links.
    output : int, default 0
        An output channel, counted from 0.
    permuted : bool, default True
        Whether the permutations of the chain are kept.

    Returns
    -------
    Answer

    Raises
    ------
    TypeError, ValueError
        If `chain` is not a Chain, or `output` is not a channel of it.

    Examples
    --------
    >>> from igc_theory.structure import igcv1
    >>> paths_answer(igcv1(4, 3), output=7)
    Output 7 is reached from 12 of 12 inputs. The chain is strict: every input reaches every output by exactly one path.
      inputs that reach it  12
      fewest paths          1
      most paths            1
      paths in all          12
    """
    kept = (
        checked(chain)
        if flag("permuted", permuted)
        else Chain(chain.convolutions, name=f"{chain.name} without permutations")
    )
    columns = path_columns(kept, output)
    marks = zip(columns["mark"], columns["stage"], columns["paths"], strict=True)
    paths = [number for mark, stage, number in marks if (mark, stage) == ("channel", 0)]
    reached = sum(number > 0 for number in paths)
    facts = {
        "inputs that reach it": reached,
        "fewest paths": min(paths),
        "most paths": max(paths),
        "paths in all": sum(paths),
    }
    sentence = (
        f"Output {output} is reached from {reached} of {counted(len(paths), 'input')}. The chain is {grade(kept)}."
    )
    alt = f"The paths through {kept.name or 'the chain'} that end in output {output}."
    return Answer(sentence, facts, lambda figure: _picture(figure, columns), alt)


def explore_paths(chain: Chain | None = None, output: int = 0) -> Any:
    """Return controls for a chain and an output channel, with `paths_answer` below them; for Jupyter.

    Parameters
    ----------
    chain : Chain, optional
        Your own, offered first; without it there are seven named ones.
    output : int, default 0
        The first output channel.

    Returns
    -------
    ipywidgets.VBox

    Raises
    ------
    TypeError, ValueError
        As in `paths_answer`.
    ImportError
        If ipywidgets is not installed.

    Examples
    --------
    >>> chains, output = (row.children[0] for row in explore_paths().children[0].children)
    >>> len(chains.options), output.max
    (7, 11)
    """
    chains = {name: make() for name, make in CHAINS.items()}
    if chain is not None:
        chains = {f"yours: {checked(chain).name or 'a chain'}": chain, **chains}
    first = next(iter(chains.values()))
    paths_answer(first, output)
    controls = {
        "chain": choice("chain", first, chains.items()),
        "output": slider("output channel", output, first.out_channels - 1, least=0),
        "permuted": checkbox("permutations"),
    }
    _stop_at_last_output(controls)
    return panel(controls, paths_answer)


def _stop_at_last_output(controls: Mapping[str, Any]) -> None:
    def stop(change: Any) -> None:
        controls["output"].max = change["new"].out_channels - 1

    controls["chain"].observe(stop, names="value")


def _picture(figure: Figure, columns: dict[str, list[Any]]) -> None:
    (ax,) = panels(figure, 1, height=3.2, right=0.5, bottom=0.25)
    plot_paths(columns, ax)
