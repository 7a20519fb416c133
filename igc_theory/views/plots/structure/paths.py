"""Pictures of the paths that end in one output channel."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from numpy.typing import NDArray

from igc_theory.structure.arguments.numbers import positive_int
from igc_theory.structure.branches import serial, serial_factors
from igc_theory.structure.chains import Chain, SerialFactor
from igc_theory.structure.factors import GroupConv
from igc_theory.views.plots.columns import Columns, axes_or_new, checked_columns
from igc_theory.views.plots.style import COUNTS, PALETTE

__all__ = ["path_columns", "plot_paths"]

_MOST_LINKS = 20_000
_MOST_LABELLED = 9  # factors; the labels of more would touch
_MOST_NUMBERED = 24  # inputs; the numbers of more would touch


def path_columns(chain: Chain, output: int, from_input: int | None = None) -> dict[str, list[Any]]:
    """Return the paths of `chain` that end in one output channel, as `plot_paths` draws them.

    Parameters
    ----------
    chain : Chain
        Any chain.
    output : int
        An output channel, counted from 0.
    from_input : int, optional
        An input channel: paths from others are left out.

    Returns
    -------
    dict of list
        `mark`, `stage`, `start`, `end`, `paths`, `label`. Stage 0 holds the inputs, stage `k` what factor `k` writes.
        ``mark="channel"``: one row per channel `start` of a stage, with the number of paths from there to `output`.
        ``mark="link"``: a connection from `start` to `end` of the next stage that some path takes, with the number of paths from
        `end` on; `label` is the factor's.

    Raises
    ------
    TypeError, ValueError
        If `output` or `from_input` is not a channel of the chain, or the paths have more than 20,000 links or are more than int64
        holds.

    Examples
    --------
    >>> from igc_theory.structure import igcv1
    >>> columns = path_columns(igcv1(2, 2), output=0)
    >>> [n for mark, stage, n in zip(columns["mark"], columns["stage"], columns["paths"]) if (mark, stage) == ("channel", 0)]
    [1, 1, 1, 1]
    >>> columns["mark"].count("link"), path_columns(igcv1(2, 2), output=0, from_input=3)["mark"].count("link")
    (9, 4)
    """
    output = positive_int("output", output, minimum=0)
    if output >= serial(chain).out_channels:
        raise ValueError(
            f"output={output} is not a channel of {chain.out_channels}: use at most {chain.out_channels - 1}"
        )
    counts: list[NDArray[Any]] = [np.zeros(chain.out_channels, object)]
    counts[0][output] = 1
    for factor in reversed(serial_factors(chain)):
        counts.insert(0, _before(factor, counts[0]))
    if from_input is not None:
        counts = [np.where(seen > 0, n, 0) for seen, n in zip(_seen(chain, from_input), counts, strict=True)]
    if (most := max(counts[0])) > np.iinfo(np.int64).max:
        raise ValueError(
            f"output={output} ends {most} paths from one input, more than int64 holds: draw a part of the chain"
        )
    rows = [("channel", stage, c, c, n, "") for stage, column in enumerate(counts) for c, n in enumerate(column)]
    for stage, factor in enumerate(serial_factors(chain)):
        rows += [
            ("link", stage, i, o, int(counts[stage + 1][o]), _label(factor))
            for i, o in _links(factor, counts[stage + 1])
            if counts[stage][i]
        ]
        if len(rows) > _MOST_LINKS + sum(map(len, counts)):
            raise ValueError(
                f"output={output} ends paths of more than {_MOST_LINKS:,} links: draw a chain of fewer channels"
            )
    names = ("mark", "stage", "start", "end", "paths", "label")
    return dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))


def plot_paths(columns: Columns, ax: Axes | None = None) -> Axes:
    r"""Draw the paths that end in one output: channels that they take in colour, by the number of paths from there; others grey.

    Parameters
    ----------
    columns : mapping of str to sequence
        `mark`, `stage`, `start`, `end`, `paths`, `label`, see `path_columns`.
    ax : matplotlib.axes.Axes, optional
        Drawn on; by default the axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    TypeError, ValueError
        If a column is missing or of the wrong kind, or `mark` holds an unknown word.

    Examples
    --------
    >>> from igc_theory.structure import igcv1
    >>> ax = plot_paths(path_columns(igcv1(2, 2), output=0))
    >>> [text.get_text() for text in ax.texts][:4]
    ['3×3\n2 branches', 'interleave', '1×1\n2 branches', 'interleave']
    """
    table = checked_columns(columns, integers=("paths",), places=("stage", "start", "end"), words=("mark", "label"))
    unknown = set(table["mark"].tolist()) - {"channel", "link"}
    if unknown:
        raise ValueError(f"columns['mark'] holds {min(unknown)!r}: use channel or link")
    channels, links = (
        {name: column[table["mark"] == mark] for name, column in table.items()} for mark in ("channel", "link")
    )
    sizes = np.bincount(channels["stage"])
    if not sizes.all() or links["stage"].max(initial=-1) + 1 >= max(sizes.size, 2):
        raise ValueError(
            f"columns['stage'] has links or channels of stages that lack channels: give all of 0 to {sizes.size - 1}"
        )
    height = (channels["start"] + 0.5) / sizes[channels["stage"]]
    ax = axes_or_new(ax)
    _draw_nodes(ax, channels, height, size=np.clip(240 / sizes.max(), 2, 30))
    left, right = ((links[name] + 0.5) / sizes[links["stage"] + step] for name, step in (("start", 0), ("end", 1)))
    lines = np.stack([np.column_stack([links["stage"], left]), np.column_stack([links["stage"] + 1, right])], axis=1)
    ax.add_collection(LineCollection(list(lines), colors=PALETTE[0], linewidths=0.8, alpha=0.7, zorder=1))
    for stage in np.unique(links["stage"]):
        label = _short(str(links["label"][links["stage"] == stage][0]), sizes.size - 1)
        ax.text(
            stage + 0.5,
            1.02,
            label,
            ha="center",
            va="bottom",
            fontsize=7,
            linespacing=1.1,
            transform=ax.get_xaxis_transform(),
        )
    _count_inputs(ax, channels, height)
    ax.set(xlim=(-0.2, sizes.size - 0.8), ylim=(1, 0), yticks=[])
    ax.set_xticks([0, sizes.size - 1], [f"{sizes[0]} inputs", f"{sizes[-1]} outputs"])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return ax


def _draw_nodes(ax: Axes, channels: dict[str, NDArray[Any]], height: NDArray[Any], size: float) -> None:
    """Draw channels that some path takes by the number of paths from there, the others small and grey."""
    taken, stage = channels["paths"] > 0, channels["stage"]
    ax.scatter(stage[~taken], height[~taken], size / 2, color="#D5D5D5", linewidths=0, zorder=2)
    scale = Normalize(0, max(1, channels["paths"].max()))
    ax.scatter(
        stage[taken], height[taken], size, c=channels["paths"][taken], cmap=COUNTS, norm=scale,
        edgecolors=PALETTE[0], linewidths=0.6, zorder=3,
    )  # fmt: skip


def _seen(chain: Chain, channel: int) -> list[NDArray[Any]]:
    """Return the number of paths from one input to every channel of every stage."""
    channel = positive_int("from_input", channel, minimum=0)
    if channel >= chain.in_channels:
        raise ValueError(
            f"from_input={channel} is not a channel of {chain.in_channels}: use at most {chain.in_channels - 1}"
        )
    counts: list[NDArray[Any]] = [np.zeros(chain.in_channels, object)]
    counts[0][channel] = 1
    for factor in serial_factors(chain):
        if isinstance(factor, GroupConv):
            sums = counts[-1].reshape(factor.groups, factor.in_width).sum(axis=1)
            counts.append(np.repeat(sums, factor.out_width))
        else:
            counts.append(counts[-1][factor.indices])
    return counts


def _before(factor: SerialFactor, after: NDArray[Any]) -> NDArray[Any]:
    """Return the number of paths from every channel in front of a factor, given those behind it; in Python ints."""
    if isinstance(factor, GroupConv):
        sums = after.reshape(factor.groups, factor.out_width).sum(axis=1)
        return np.asarray(np.repeat(sums, factor.in_width))
    before = np.zeros(factor.in_channels, object)
    before[factor.indices] = after
    return before


def _links(factor: SerialFactor, after: NDArray[Any]) -> list[tuple[int, int]]:
    """Return the connections of a factor to channels from which some path goes on."""
    taken = np.flatnonzero(after)
    if isinstance(factor, GroupConv):
        width = factor.in_width
        return [
            (i, int(o))
            for o in taken
            for i in range(o // factor.out_width * width, (o // factor.out_width + 1) * width)
        ]
    return [(int(factor.indices[o]), int(o)) for o in taken]


def _label(factor: SerialFactor) -> str:
    if isinstance(factor, GroupConv):
        return "{}×{}, ".format(*factor.window) + (f"{factor.groups} branches" if factor.groups > 1 else "1 branch")
    return "permutation" if factor.interleaved is None else "interleave"


def _short(label: str, factors: int) -> str:
    """Return a label that has room above its factor: two lines, or the window alone where there are many factors."""
    window, _, branches = label.partition(", ")
    if factors <= _MOST_LABELLED:
        return label.replace(", ", "\n")
    return window if branches else ""


def _count_inputs(ax: Axes, channels: dict[str, NDArray[Any]], height: NDArray[Any]) -> None:
    """Write the number of paths beside every input, if there are few enough."""
    inputs = np.flatnonzero(channels["stage"] == 0)
    if inputs.size <= _MOST_NUMBERED:
        for row in inputs:
            ax.text(-0.12, height[row], str(channels["paths"][row]), ha="right", va="center_baseline", fontsize=7)
