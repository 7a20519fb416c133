"""The command line: `igc-theory COMMAND` or `python -m igc_theory COMMAND`, one sub-command per question.

A sub-command is a function that adds its parser and names, by ``set_defaults(run=…)``, what answers it: `COMMANDS` lists them.
Results go to standard output. What goes wrong is said in one line on standard error, without a traceback; `STATUSES` lists what the
exit status says.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from difflib import get_close_matches
from itertools import chain, islice, takewhile
from math import prod
from pathlib import Path
from typing import Any

import igc_theory
from igc_theory import budget, networks, structure
from igc_theory.kernels.products.files import replacing
from igc_theory.networks.audits import report

__all__ = ["main"]

DESCRIPTION = "Interleaved group convolutions: which designs there are, what they cost and how they connect."

STATUSES = """\
exit status:
  0    answered
  1    no answer: nothing satisfies what was asked, a file cannot be read or written, or memory does not suffice
  2    wrong use of the command line
  130  stopped by Ctrl-C
"""

DESIGN_HELP = """\
A design is a list of branch widths K1 K2 … KL: a spatial group convolution with K1 channels per branch, then pointwise ones
with K2 … KL, channels interleaved in between. It costs C·(S·K1 + K2 + … + KL) weights, S the kernel area.
Strict: the widths multiply to C, one path from every input to every output. Dense (--dense): to C or more, at least one.
"""

DESIGN_EXAMPLES = """\
examples:
  the ten cheapest designs of 256 channels with a 3×3 kernel
      python -m igc_theory design --channels 256 --kernel 3
  branches of at least 4 channels, dense designs too, at most 20000 weights
      python -m igc_theory design --channels 416 --min-width 4 --dense --budget 20000
  the widest design that 4672 weights pay for, with a multiple of 8 channels
      python -m igc_theory design --budget 4672 --multiple-of 8
  exactly three factors, as data for another program
      python -m igc_theory design --channels 144 --factors 3 --json
"""

AUDIT_HELP = """\
Reads a network and says what it costs, layer by layer, and how its consecutive convolutions with branches connect the channels.
For every dense layer it names the cheapest chain of sparse factors between the same channels. Where the file has weights, it says
how far the nearest such product is from them, beside low rank and pruning at the same bits.
"""

AUDIT_EXAMPLES = """\
examples:
  python -m igc_theory audit model.onnx                           (needs the extra onnx)
  python -m igc_theory audit model.onnx --input 3x48x320 -j 2     (where the file leaves the size of the image open)
  python -m igc_theory audit shufflenet --html audit.html         (a network that this library knows by name)
"""

GRADE_EXAMPLES = """\
examples:
  python -m igc_theory grade --igcv1 24 2                 (24 primary partitions of 2 channels)
  python -m igc_theory grade --igcv2 1 8 8                (a strict chain by its branch widths)
  python -m igc_theory grade --interleaved 174 1 6 6 6    (174 channels; the widths need not multiply to that)
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status, one of `STATUSES`.

    Parameters
    ----------
    arguments : sequence of str, optional
        Words after ``python -m igc_theory``; by default those of the process.

    Examples
    --------
    >>> main(["design", "--channels", "64", "--top", "2"])
    Strict designs of 64 channels, 3×3 kernel, fewest weights first.
    A regular convolution of this width has 36,864 weights.
    <BLANKLINE>
       branch widths          factors  weights  per channel  of regular  paths
    1  1 × 4 × 4 × 4                4    1,344         21        3.6%      1
    2  1 × 2 × 2 × 4 × 4            5    1,344         21        3.6%      1
    0
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without × shows a question mark instead
    try:
        status = _answered(arguments)
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:  # head, less: the reader has seen enough
        _drop_output()
        return 0
    except KeyboardInterrupt:
        return _said("stopped", 130)
    except MemoryError:
        return _said("memory does not suffice for this question: ask for less, or give the process more", 1)
    except (ValueError, TypeError, OSError, ImportError, RuntimeError) as error:
        _drop_output()
        return _said(" ".join(str(error).split()) or type(error).__name__, 1)
    return status


def _said(sentence: str, status: int) -> int:
    """Say on standard error why there is no answer, if anybody listens; return the exit status."""
    with suppress(OSError):
        print(f"igc_theory: {sentence}", file=sys.stderr, flush=True)
    return status


def _drop_output() -> None:
    """Let what is left in the buffer of standard output go nowhere, if it cannot be written: Python would complain at exit."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _answered(arguments: Sequence[str] | None) -> int:
    """Parse the words and print the lines of the answer."""
    parser = argparse.ArgumentParser(
        prog="igc-theory",
        description=DESCRIPTION,
        epilog=STATUSES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"igc_theory {igc_theory.__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for add_command in COMMANDS:
        add_command(commands)
    options = parser.parse_args(arguments)
    for line in options.run(options):
        print(line)
    return 0


def _add_design(commands: Any) -> None:
    parser = commands.add_parser(
        "design",
        help="rank integer designs by their weights",
        description=DESIGN_HELP,
        epilog=DESIGN_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--channels", type=_positive, metavar="C", help="rank the designs of this width")
    add(
        "--budget",
        type=_positive,
        metavar="N",
        help="at most this many weights; without --channels: the widest designs",
    )
    add("--kernel", type=_window, default=(3, 3), metavar="K", help="window: 3, or 3x5 for height by width (default 3)")
    add("--dense", action="store_true", help="rank dense designs, not only strict ones")
    add("--factors", type=_factor_range, metavar="L", help="number of factors, spatial one included: 3, 2-4 or 3-")
    add("--min-width", type=_positive, default=2, metavar="K", help="smallest width of a pointwise branch (default 2)")
    add(
        "--min-spatial-width",
        type=_positive,
        default=1,
        metavar="K",
        help="smallest width of a spatial branch (default 1)",
    )
    add(
        "--multiple-of",
        type=_positive,
        default=1,
        metavar="M",
        help="with --budget alone: widths that are multiples of M",
    )
    add("--top", type=_positive, default=10, metavar="N", help="how many designs to print (default 10)")
    add("--json", action="store_true", help="print JSON instead of a table")
    parser.set_defaults(run=_design, usage_error=parser.error)


def _design(options: argparse.Namespace) -> Iterator[str]:
    """Answer `design`: the designs of a width, or the widest ones at a budget."""
    if options.channels is None and options.budget is None:
        options.usage_error("give --channels, --budget or both")
    if options.channels is not None and options.multiple_of != 1:
        options.usage_error("--multiple-of goes with --budget alone: the width is given by --channels")
    title, designs = _ranked(options)
    return _as_json(designs) if options.json else _as_table(title, designs)


def _ranked(options: argparse.Namespace) -> tuple[str, list[budget.Design]]:
    """Return what the table shows, in words, and the designs."""
    kind, limits = "dense" if options.dense else "strict", _limits(options)
    channels, most, window = options.channels, options.budget, _shown(options.kernel)
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
    names = ("factors", "min_width", "min_spatial_width")
    return {"S": prod(options.kernel), **{name: getattr(options, name) for name in names}}


def _as_table(title: str, designs: Iterable[budget.Design]) -> Iterator[str]:
    """Yield the lines of a table: words to the left, numbers to the right."""
    rows: list[tuple[str, ...]] = [("", "branch widths", "factors", "weights", "per channel", "of regular", "paths")]
    rows += [(str(rank), *_row(design)) for rank, design in enumerate(designs, start=1)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    yield from (title, "")
    for row in rows:
        cells = [
            cell.ljust(width) if k < 2 else cell.rjust(width)
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()


def _row(design: budget.Design) -> tuple[str, ...]:
    share = design.parameters / budget.regular_parameters(design.channels, design.kernel_area)
    return (
        " × ".join(map(str, design.branch_widths)),
        str(design.factors),
        f"{design.parameters:,}",
        str(design.parameters_per_channel),
        f"{share:.1%}",
        "–".join(map(str, sorted(set(design.paths)))),
    )


def _as_json(designs: Iterable[budget.Design]) -> Iterator[str]:
    names = ("channels", "kernel_size", "branch_widths", "factors", "parameters", "parameters_per_channel", "paths")
    rows = [json.dumps({name: getattr(design, name) for name in names}) for design in designs]
    yield "[\n " + ",\n ".join(rows) + "\n]"


def _add_grade(commands: Any) -> None:
    parser = commands.add_parser(
        "grade",
        help="say how well a chain connects its inputs to its outputs",
        description="Which conditions a chain meets: strict, loose, unique paths, equally many paths, dense, or a witness of none.",
        epilog=GRADE_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    chains = parser.add_mutually_exclusive_group(required=True)
    chains.add_argument("--igcv1", type=_positive, nargs=2, metavar=("L", "M"), help="partitions, and channels in each")
    chains.add_argument(
        "--igcv2", type=_positive, nargs="+", metavar="K", help="branch widths; their product is the width"
    )
    chains.add_argument(
        "--interleaved", type=_positive, nargs="+", metavar=("C", "K"), help="channels, then branch widths"
    )
    parser.set_defaults(run=_grade)


def _grade(options: argparse.Namespace) -> Iterator[str]:
    """Answer `grade`: the chain, then its grade."""
    if options.igcv1:
        graded = structure.igcv1(*options.igcv1)
    elif options.igcv2:
        graded = structure.igcv2(options.igcv2)
    else:
        channels, *widths = options.interleaved
        graded = structure.interleaved(channels, widths)
    yield str(graded)
    found = structure.grade(graded)
    yield f"  {found}"
    yield f"  holds: {', '.join(found.conditions) or 'none of the conditions'}"


def _add_audit(commands: Any) -> None:
    parser = commands.add_parser(
        "audit",
        help="say what a network costs, how it connects channels, and what it could save",
        description=AUDIT_HELP,
        epilog=AUDIT_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("network", metavar="NETWORK", help="an ONNX file, or the name of a network of this library")
    parser.add_argument(
        "--input", type=_image, metavar="CxHxW", help="size of the image, where the file leaves it open"
    )
    parser.add_argument("-j", "--workers", type=_positive, default=1, metavar="N", help="processes (default 1)")
    parser.add_argument("--strict", action="store_true", help="make it an error if an operator is not counted")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument("--html", type=Path, metavar="FILE", help="also write a page")
    parser.set_defaults(run=_audit, usage_error=parser.error)


def _audit(options: argparse.Namespace) -> Iterator[str]:
    """Answer `audit`: tables of layers, chains, dense layers and errors."""
    audited = _audited(options.network, options.input)
    found = networks.audit(audited, workers=options.workers)
    if options.html:
        with replacing(options.html) as file:
            file.write(report.audit_page(found).encode())
    if options.json:
        yield json.dumps(report.audit_data(found), indent=1)
    else:
        yield "\n\n".join(map(str, report.audit_tables(found)))
    if options.strict and not audited.exact:
        raise ValueError(f"{audited.name}{audited.reservation}: the tables above list them")


def _audited(name: str, image: tuple[int, ...] | None) -> networks.LayerGraph:
    """Return the network of that name, or the one that a file describes."""
    path, names = Path(name), networks.network_names()
    if name in names and not path.exists():
        known = networks.network(name)
        return known if image is None else networks.Network(known.name, image, known.nodes, known.source)  # type: ignore[arg-type]
    if path.is_dir():
        raise ValueError(
            f"network={name!r} is a folder: give a file in it{_meant('', [str(file) for file in path.glob('*.onnx')])}"
        )
    if not path.exists():
        beside = [str(file) for file in path.parent.glob("*.onnx")] if path.parent.is_dir() else []
        raise ValueError(
            f"network={name!r} is neither a file nor a network of this library{_meant(name, [*beside, *names])}"
        )
    return networks.read_onnx(path, input_shape=image)


def _meant(name: str, choices: list[str]) -> str:
    """Return what may have been meant, as the end of a sentence."""
    close = get_close_matches(name, choices) if name else sorted(choices)[:3]
    return (
        f": did you mean {' or '.join(close)}?" if close and name else f", such as {', '.join(close)}" if close else ""
    )


def _image(text: str) -> tuple[int, ...]:
    """Return the channels, height and width that ``3x48x320`` stands for."""
    sizes = text.replace("×", "x").split("x")
    if len(sizes) != 3 or not all(size.isdecimal() and int(size) for size in sizes):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not the size of an image: give channels, height, width: 3x48x320"
        )
    return tuple(map(int, sizes))


def _positive(text: str) -> int:
    """Return a whole number of at least 1."""
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


def _window(text: str) -> tuple[int, int]:
    """Return the window that ``3`` or ``3x5`` stands for."""
    sides = text.replace("×", "x").split("x")
    if len(sides) > 2 or not all(side.isdecimal() and int(side) for side in sides):
        raise argparse.ArgumentTypeError(f"{text!r} is not a window: give one side, such as 3, or two, such as 3x5")
    return int(sides[0]), int(sides[-1])


def _shown(window: tuple[int, int]) -> str:
    return "×".join(map(str, window))


def _factor_range(text: str) -> tuple[int, int | None]:
    """Return the fewest and the most factors that ``3``, ``2-4`` or ``3-`` stands for."""
    fewest, dash, most = text.partition("-")
    if not fewest.isdecimal() or not int(fewest) or not (most.isdecimal() or most == ""):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of factors: give 3, a range such as 2-4, or 3-")
    return int(fewest), int(most) if most else None if dash else int(fewest)


COMMANDS: tuple[Callable[[Any], None], ...] = (_add_design, _add_grade, _add_audit)
"""What there is; each adds its parser to the sub-commands."""


if __name__ == "__main__":
    sys.exit(main())
