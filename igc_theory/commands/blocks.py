"""The blocks of a layer, for `design`: ranked by weights, multiply–adds or time, and timed here if that is asked."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from igc_theory import budget
from igc_theory.commands.words import table_lines

if TYPE_CHECKING:  # it takes NumPy along, which is loaded where Ctrl-C is answered
    from igc_theory.budget.designs.design import LayerDesign

__all__ = ["OBJECTIVES", "block_lines"]

OBJECTIVES = {"weights": "parameters", "multiply-adds": "multiply_adds", "latency": "latency"}
"""What blocks are ranked by: the word of the command line, and that of `best_block`."""

FIRST = {"weights": "fewest weights", "multiply-adds": "fewest multiply-adds", "latency": "least predicted time"}


def block_lines(options: argparse.Namespace) -> Iterator[str]:
    """Yield the answer: a sentence, the regular convolution beside it, a table, and what to do next."""
    designs = _ranked(options)
    columns = _columns(options, designs)
    if options.json:
        yield _as_json(designs, columns)
        return
    into, out, kind = options.into, options.out, "dense" if options.dense else "strict"
    first = "fastest here" if options.measure else FIRST[options.objective]
    regular = budget.regular_parameters(into, out, designs[0].kernel_area)
    share = regular / designs[0].parameters
    yield f"{kind.capitalize()} blocks from {into} to {out} channels, {_window(options)}, {first} first."
    yield f"A regular convolution has {regular:,} weights, {share:.1f} times as many as the first."
    yield ""
    yield from table_lines(
        ["", *columns], [[str(k), *row] for k, row in enumerate(zip(*columns.values(), strict=True), 1)]
    )
    yield from ("", "The first, factor by factor:")
    yield from (f"  {factor!r}" for factor in designs[0].chain.factors)
    yield from ("", "Next")
    yield from _next(options, kind)


def _ranked(options: argparse.Namespace) -> Sequence[LayerDesign]:
    """Return the best designs."""
    from igc_theory.budget.designs.best_block import best_blocks

    fewest, most = options.factors or (1, None)
    limits: dict[str, Any] = {"budget": options.budget, "multiple_of": options.multiple_of}
    if options.min_width > 2:
        limits["min_width"] = options.min_width
    found = best_blocks(
        options.measure or options.top,
        options.into,
        options.out,
        options.kernel,
        options.stride,
        objective=OBJECTIVES[options.objective],
        paths="dense" if options.dense else "strict",
        min_factors=fewest,
        max_factors=most,
        image=options.image,
        table=_table(options) if options.objective == "latency" else None,
        **limits,
    )
    if not options.measure:
        return found
    times = {id(design): _time(design, options) for design in found}
    return sorted(found, key=lambda design: times[id(design)])


def _columns(options: argparse.Namespace, designs: Sequence[LayerDesign]) -> dict[str, list[str]]:
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
    if options.measure:
        columns["measured ms"] = [f"{_time(design, options):.3g}" for design in designs]
    return columns


def _through(design: LayerDesign) -> list[int]:
    """Return the numbers of channels that a design goes through, each once in a row."""
    sizes = [design.channels, *(conv.out_channels for conv in design.convolutions)]
    return [size for k, size in enumerate(sizes) if not k or size != sizes[k - 1]]


def _table(options: argparse.Namespace) -> budget.LatencyTable:
    from igc_theory.networks import latency_table

    return latency_table(options.table)


_TIMES: dict[tuple[LayerDesign, tuple[int, int]], float] = {}
"""Of this run of the command."""


def _time(design: LayerDesign, options: argparse.Namespace) -> float:
    """Return the milliseconds of a design on this machine, measured once."""
    from igc_theory.networks.timing.measure import chain_time

    key = design, options.image
    if key not in _TIMES:
        height, width = options.image
        _TIMES[key] = chain_time(design.chain, height, width, "onnxruntime")
    return _TIMES[key]


def _window(options: argparse.Namespace) -> str:
    stride = f", stride {options.stride}" if options.stride > 1 else ""
    return f"{'×'.join(map(str, options.kernel))} kernel{stride}"


def _next(options: argparse.Namespace, kind: str) -> Iterator[str]:
    """Yield what a reader may do with the answer."""
    limits = [f"paths={kind!r}"] + [f"budget={options.budget}"] * (options.budget is not None)
    if options.objective == "latency":
        limits += ["objective='latency'", "table=igc_theory.networks.latency_table()", f"image={options.image}"]
    yield "  in Python: igc_theory.budget.best_block("
    yield f"      {options.into}, {options.out}, {options.kernel}, {options.stride}, {', '.join(limits)}).chain"
    if not options.dense:
        yield "  --dense: more than one path per pair allowed, often fewer weights"
    if options.objective != "latency":
        yield "  --objective latency: fewer weights need not be faster; rank by time"
    elif not options.table:
        yield "  igc-theory measure -o machine.json, then --table machine.json: times of"
        yield f"  this machine; the ones above are of {_table(options).machine.get('processor', 'another one')}"
    if options.objective == "latency" and not options.measure:
        yield "  --measure 5: time the five best here (needs onnxruntime)"


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
