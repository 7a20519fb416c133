"""`design`: integer designs, ranked by their weights."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, islice, takewhile
from math import prod
from shutil import get_terminal_size
from typing import Any

from igc_theory import budget
from igc_theory.commands.blocks import OBJECTIVES, block_lines
from igc_theory.commands.help_pages import add_command, folded
from igc_theory.commands.tables import fitted_table
from igc_theory.commands.words import MOST_TOP, factor_range, file_name, positive, top, window

__all__ = ["add_design"]

IMAGE = (56, 56)
"""Size of the image that a layer reads, unless it is given."""

SPARE = ("factors", "of regular", "per channel", "paths")
"""Columns that a narrow terminal does without, the first of them first."""

HELP = """\
A design is a list of branch widths K1 K2 … KL, divisors of the C channels: a spatial group convolution with K1
channels per branch, then pointwise ones with K2 … KL, channels interleaved in between. It costs C·(S·K1 + K2 + … + KL)
weights, S the kernel area.

Give --channels, --budget or both; or --in and --out for the best block of a layer that changes the channels.
Strict: the widths multiply to C, one path from every input to every output.
Dense (--dense): to C or more, at least one path each.
"""

EXAMPLES = """\
the ten cheapest designs of 256 channels with a 3×3 kernel
    igc-theory design --channels 256 --kernel 3
branches of at least 4 channels, dense designs too, at most 20000 weights
    igc-theory design --channels 416 --min-width 4 --dense --budget 20000
the widest design that 4672 weights pay for, with a multiple of 8 channels
    igc-theory design --budget 4672 --multiple-of 8
exactly three factors, as data for another program
    igc-theory design --channels 144 --factors 3 --json
the best block for a layer from 256 to 384 channels with a stride, at most 20000 weights
    igc-theory design --in 256 --out 384 --stride 2 --budget 20000
the three fastest blocks of 192 channels, by the times of a machine, on images of 14×14
    igc-theory design --channels 192 --objective latency --image 14 --top 3
"""


def add_design(commands: Any) -> None:
    """Add the parser of `design`."""
    parser = add_command(commands, "design", "rank integer designs by their weights", HELP, EXAMPLES)
    parser.usage = "%(prog)s [OPTION ...]"
    add = parser.add_argument
    add("--channels", type=positive, metavar="C", help="rank the designs of this width")
    add("--in", dest="into", type=positive, metavar="C", help="with --out: input channels of a layer")
    add("--out", type=positive, metavar="C", help="with --in: output channels of a layer")
    add("--stride", type=positive, default=1, metavar="N", help="stride of the layer (default 1)")
    add(
        "--budget",
        type=positive,
        metavar="N",
        help="at most this many weights; without --channels: the widest designs",
    )
    add("--kernel", type=window, default=(3, 3), metavar="K", help="window: 3, or 3x5 for height by width (default 3)")
    add("--dense", action="store_true", help="rank dense designs, not only strict ones")
    add("--factors", type=factor_range, metavar="L", help="number of factors, spatial one included: 3, 2-4 or 3-")
    add("--min-width", type=positive, default=2, metavar="K", help="smallest width of a pointwise branch (default 2)")
    add(
        "--min-spatial-width",
        type=positive,
        default=1,
        metavar="K",
        help="smallest width of a spatial branch (default 1)",
    )
    add(
        "--multiple-of",
        type=positive,
        default=1,
        metavar="M",
        help="with --budget alone: widths that are multiples of M; "
        "with --in: the channels between two factors, unless they are those of the layer",
    )
    add("--top", type=top, default=10, metavar="N", help=f"how many designs to print (default 10, at most {MOST_TOP})")
    _add_words_of_layers(add)
    add("--json", action="store_true", help="print JSON instead of a table")
    flags = {"in_channels": "--in", "out_channels": "--out", "kernel_size": "--kernel"}
    flags |= {"shortlist": "--measure"}
    parser.set_defaults(run=_design, usage_error=parser.error, flags=flags)


def _add_words_of_layers(add: Callable[..., Any]) -> None:
    """Add what the blocks of a layer have, whose channels are given by --in and --out, or by --channels."""
    add(
        "--objective",
        choices=tuple(OBJECTIVES),
        default="weights",
        metavar="WORD",
        help=f"rank by {', '.join(OBJECTIVES)} (default weights)",
    )
    add(
        "--table",
        type=file_name,
        metavar="FILE",
        help="times of a machine, from igc-theory measure (default: those of the library)",
    )
    add("--image", type=window, default=IMAGE, metavar="N", help="image that is timed: 14, or 14x28 (default 56)")
    add("--measure", type=top, default=0, metavar="N", help="time the N best here, and rank by it")


def _design(options: argparse.Namespace) -> Iterator[str]:
    """Answer `design`: as JSON, or in lines as wide as the terminal."""
    lines = _answered(options)
    return lines if options.json else folded(lines, get_terminal_size().columns)


def _answered(options: argparse.Namespace) -> Iterator[str]:
    """Return the designs of a width, the widest ones at a budget, or the blocks of a layer."""
    if _asks_for_blocks(options):
        return block_lines(options)
    if options.channels is None and options.budget is None:
        options.usage_error("give --channels, --budget or both; or --in and --out")
    if options.channels is not None and options.multiple_of != 1:
        options.usage_error("--multiple-of goes with --budget alone: the width is given by --channels")
    title, designs = _ranked(options)
    return _as_json(designs) if options.json else _as_table(title, designs, options)


def _asks_for_blocks(options: argparse.Namespace) -> bool:
    """Return whether the blocks of a layer are asked for; options that do not go together are refused."""
    words = _words_of_layers(options)
    if options.image != IMAGE and not {"--table", "--measure"}.intersection(words) and options.objective != "latency":
        options.usage_error("--image goes with --objective latency, --table or --measure: it changes nothing else")
    if options.into is None and options.out is None:
        if options.channels is None and words:
            options.usage_error(f"{words[0]} goes with --channels, or with --in and --out")
        if words and options.min_spatial_width != 1:
            options.usage_error(f"--min-spatial-width does not go with {words[0]}: the window may be in any factor")
        options.into = options.out = options.channels if words else None
        return bool(words)
    if options.into is None or options.out is None or options.channels is not None:
        options.usage_error("give --in and --out together, and no --channels")
    if options.min_spatial_width != 1:
        options.usage_error("--min-spatial-width goes with --channels or --budget alone")
    return True


def _words_of_layers(options: argparse.Namespace) -> list[str]:
    """Return the options given that ask for the blocks of a layer, which are ranked by more than weights."""
    given = {"--stride": options.stride != 1, "--objective": options.objective != "weights"}
    given |= {"--table": options.table is not None, "--measure": bool(options.measure)}
    return [word for word, is_given in given.items() if is_given]


def _ranked(options: argparse.Namespace) -> tuple[str, list[budget.Design]]:
    """Return what the table shows, in words, and the designs."""
    kind, limits = "dense" if options.dense else "strict", _limits(options)
    channels, most, window = options.channels, options.budget, "×".join(map(str, options.kernel))
    if channels is None:
        widest = budget.widest_dense if options.dense else budget.widest_strict
        channels = widest(most, multiple_of=options.multiple_of, **limits).channels
    ranked = (budget.dense_designs if options.dense else budget.strict_designs)(channels, **limits)
    every = (replace(design, kernel_size=options.kernel) for design in ranked)
    designs = list(islice(_within(every, most, f"{kind} design of channels={channels}"), options.top))
    regular = budget.regular_parameters(channels, designs[0].kernel_area)
    title = f"{kind.capitalize()} designs of {channels} channels, {window} kernel, fewest weights first."
    if options.channels is None:
        title += f"\nNo {kind} design with at most {most:,} weights is wider."
    return f"{title}\nA regular convolution of this width has {regular:,} weights.", designs


def _within(every: Iterator[budget.Design], most: int | None, what: str) -> Iterator[budget.Design]:
    """Return the designs that cost at most `most`; refuse when the cheapest costs more."""
    if most is None:
        return every
    cheapest = next(every)
    if cheapest.parameters > most:
        widths = " × ".join(map(str, cheapest.branch_widths))
        raise ValueError(
            f"budget={most} pays for no {what} within the limits: "
            f"use at least {cheapest.parameters} ({widths}), or fewer channels"
        )
    return takewhile(lambda design: design.parameters <= most, chain([cheapest], every))


def _limits(options: argparse.Namespace) -> dict[str, Any]:
    # With NumPy, which takes long to load: here Ctrl-C is answered.
    from igc_theory.structure.arguments.sequences import MOST_AREA, window_of

    names = ("factors", "min_width", "min_spatial_width")
    S = prod(window_of("kernel_size", options.kernel, most_area=MOST_AREA))
    return {"S": S, **{name: getattr(options, name) for name in names}}


def _as_table(title: str, designs: Sequence[budget.Design], options: argparse.Namespace) -> Iterator[str]:
    """Yield what the table shows, its lines, and what to do next."""
    head = ("branch widths", "factors", "weights", "per channel", "of regular", "paths")
    columns = dict(zip(head, zip(*map(_row, designs), strict=True), strict=True))
    yield from (title, "")
    yield from fitted_table(columns, SPARE, get_terminal_size().columns)
    first, kernel = designs[0], "x".join(map(str, options.kernel))
    yield from ("", "Next", "  in Python:", "      from igc_theory.budget import Design")
    yield f"      Design({first.channels}, {first.branch_widths}, {first.kernel_size}).chain"
    if not options.dense:
        yield "  --dense: more than one path per pair allowed, often fewer weights"
    kind = " --dense" * options.dense
    yield f"  igc-theory design --channels {first.channels} --kernel {kernel}{kind} --objective latency"
    yield "      fewer weights need not be faster: rank by time"


def _row(design: budget.Design) -> tuple[str, ...]:
    share = design.parameters / budget.regular_parameters(design.channels, design.kernel_area)
    return (
        " × ".join(map(str, design.branch_widths)),
        str(design.factors),
        f"{design.parameters:,}",
        f"{design.parameters_per_channel:,}",
        f"{share:.1%}",
        "–".join(f"{paths:,}" for paths in sorted(set(design.paths))),
    )


def _as_json(designs: Iterable[budget.Design]) -> Iterator[str]:
    names = ("channels", "kernel_size", "branch_widths", "factors", "parameters", "parameters_per_channel", "paths")
    rows = [json.dumps({name: getattr(design, name) for name in names}) for design in designs]
    yield "[\n " + ",\n ".join(rows) + "\n]"
