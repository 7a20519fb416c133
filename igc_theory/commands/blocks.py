"""The blocks of a layer, for `design`: ranked by weights, multiply–adds or time, and timed here if that is asked."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Any

from igc_theory import budget
from igc_theory.commands.tables import fitted_table

if TYPE_CHECKING:  # it takes NumPy along, which is loaded where Ctrl-C is answered
    from igc_theory.budget.designs.design import LayerDesign

__all__ = ["OBJECTIVES", "block_lines"]

OBJECTIVES = {"weights": "parameters", "multiply-adds": "multiply_adds", "latency": "latency"}
"""What blocks are ranked by: the word of the command line, and that of `best_block`."""

SPARE = ("of regular", "paths", "channels")
"""Columns that a narrow terminal does without, the first of them first."""

FIRST = {"weights": "fewest weights", "multiply-adds": "fewest multiply-adds", "latency": "least predicted time"}


def block_lines(options: argparse.Namespace) -> Iterator[str]:
    """Yield the answer: a sentence, the regular convolution beside it, a table, and what to do next."""
    timer = _timer(options)
    designs = _ranked(options, timer)
    columns = _columns(options, designs, timer)
    if options.json:
        yield _as_json(designs, columns)
        return
    into, out, kind = options.into, options.out, "dense" if options.dense else "strict"
    first = "fastest here" if options.measure else FIRST[options.objective]
    regular = budget.regular_parameters(into, out, designs[0].kernel_area)
    share = regular / designs[0].parameters
    yield f"{kind.capitalize()} blocks from {into} to {out} channels, {_window(options)}, {first} first."
    yield f"A regular convolution has {regular:,} weights, {share:.1f} times as many as the first."
    if "predicted ms" in columns:
        yield f"Predicted by times of {_table(options).where}."
    yield ""
    yield from fitted_table(columns, SPARE, get_terminal_size().columns)
    yield from ("", "The first, factor by factor:")
    yield from (f"  {factor!r}" for factor in designs[0].chain.factors)
    yield from ("", "Next")
    yield from _next(options, kind)


def _timer(options: argparse.Namespace) -> Callable[..., float] | None:
    """Return what times chains here, each once, if that is asked."""
    if not options.measure:
        return None
    from igc_theory.networks.timing.measure import timer

    return timer(_table(options) if options.table else None)


def _ranked(options: argparse.Namespace, timer: Callable[..., float] | None) -> Sequence[LayerDesign]:
    """Return the best designs."""
    from igc_theory.budget.designs.best_block import best_blocks

    return best_blocks(
        options.measure or options.top,
        options.into,
        options.out,
        options.kernel,
        options.stride,
        table=_table(options) if options.objective == "latency" else None,
        timer=timer,
        shortlist=options.measure or 1,
        **_limits(options),
    )


def _limits(options: argparse.Namespace) -> dict[str, Any]:
    """Return what is asked beyond the layer, by the names of `best_block`, as far as it is not what that takes by default."""
    fewest, most = options.factors or (1, None)
    asked = {
        "budget": (options.budget, None),
        "objective": (OBJECTIVES[options.objective], "parameters"),
        "paths": ("dense" if options.dense else "strict", "dense"),
        "multiple_of": (options.multiple_of, 1),
        # Two is what the command takes by default, where a narrower branch would only scale.
        "min_width": (options.min_width if options.min_width > 2 else 1, 1),
        "max_factors": (most, None),
        "min_factors": (fewest, 1),
        "image": (options.image, (56, 56)),
    }
    return {name: given for name, (given, default) in asked.items() if given != default}


def _columns(
    options: argparse.Namespace, designs: Sequence[LayerDesign], timer: Callable[..., float] | None
) -> dict[str, list[str]]:
    """Return the columns of the table as text."""
    regular = budget.regular_parameters(options.into, options.out, designs[0].kernel_area)
    height, width = options.image
    columns = {
        "branch widths": [" × ".join(map(str, design.branch_widths)) for design in designs],
        "channels": ["→".join(map(str, _through(design))) for design in designs],
        "weights": [f"{design.parameters:,}" for design in designs],
        "of regular": [f"{design.parameters / regular:.1%}" for design in designs],
        "paths": ["–".join(f"{paths:,}" for paths in sorted(set(design.paths))) for design in designs],
    }
    if options.objective == "latency" or options.table:
        from igc_theory.budget.latency import chain_latency

        table = _table(options)
        times = [chain_latency(design.chain, table, height, width).milliseconds for design in designs]
        columns["predicted ms"] = [f"{time:.3g}" for time in times]
    if timer is not None:
        columns["measured ms"] = [f"{timer(design.chain, height, width):.3g}" for design in designs]
    return columns


def _through(design: LayerDesign) -> list[int]:
    """Return the numbers of channels that a design goes through, each once in a row."""
    sizes = [design.channels, *(conv.out_channels for conv in design.convolutions)]
    return [size for k, size in enumerate(sizes) if not k or size != sizes[k - 1]]


def _table(options: argparse.Namespace) -> budget.LatencyTable:
    from igc_theory.networks.timing.tables import known_table

    return known_table(options.table)


def _window(options: argparse.Namespace) -> str:
    stride = f", stride {options.stride}" if options.stride > 1 else ""
    return f"{'×'.join(map(str, options.kernel))} kernel{stride}"


def _next(options: argparse.Namespace, kind: str) -> Iterator[str]:
    """Yield what a reader may do with the answer."""
    yield "  in Python:"
    yield from (f"      {line}" for line in _code(options))
    if not options.dense:
        yield "  --dense: more than one path per pair allowed, often fewer weights"
    if options.objective != "latency":
        yield "  --objective latency: fewer weights need not be faster; rank by time"
    elif not options.table:
        yield "  igc-theory measure -o machine.json"
        yield "      then --table machine.json: times of this machine"
    if options.objective == "latency" and not options.measure:
        yield "  --measure 5: time the five best here (needs onnxruntime)"


def _code(options: argparse.Namespace) -> Iterator[str]:
    """Yield lines of Python that give the first design."""
    by_time = options.objective == "latency"
    yield "from igc_theory import budget" + ", networks" * (by_time or bool(options.measure and options.table))
    if options.measure:
        yield "from igc_theory.networks.timing.measure import timer"
    words = [str(options.into), str(options.out), str(options.kernel), str(options.stride)]
    words += [f"{name}={value!r}" for name, value in _limits(options).items()]
    table = f"networks.latency_table({options.table!r})" if options.table else ""
    words += [f"table={table or 'networks.latency_table()'}"] * by_time
    words += [f"timer=timer({table})", f"shortlist={options.measure}"] * bool(options.measure)
    yield f"budget.best_block({', '.join(words)}).chain"


def _as_json(designs: Sequence[LayerDesign], columns: dict[str, list[str]]) -> str:
    names = ("channels", "kernel_size", "branch_widths", "factors", "parameters", "multiply_adds", "paths")
    rows = []
    for k, design in enumerate(designs):
        row = {name: getattr(design, name) for name in names}
        row["convolutions"] = [repr(convolution) for convolution in design.convolutions]
        row |= {
            f"{name} ms": float(columns[f"{name} ms"][k])
            for name in ("predicted", "measured")
            if f"{name} ms" in columns
        }
        rows.append(json.dumps(row))
    return "[\n " + ",\n ".join(rows) + "\n]"
