"""`grade`: how well a chain connects its inputs to its outputs."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from shutil import get_terminal_size
from typing import Any

from igc_theory import structure
from igc_theory.commands.help_pages import add_command, folded
from igc_theory.commands.words import positive

__all__ = ["add_grade"]

HELP = """\
Says which conditions a chain meets: strict, loose, unique paths, equally many paths, dense. Where an output has no path
from an input, it names the two.
"""

EXAMPLES = """\
24 primary partitions of 2 channels
    igc-theory grade --igcv1 24 2
a strict chain by its branch widths
    igc-theory grade --igcv2 1 8 8
174 channels; the widths need not multiply to that
    igc-theory grade --interleaved 174 1 6 6 6
"""


def add_grade(commands: Any) -> None:
    """Add the parser of `grade`."""
    question = "say how well a chain connects its inputs to its outputs"
    parser = add_command(commands, "grade", question, HELP, EXAMPLES)
    parser.usage = "%(prog)s [-h] CHAIN"
    chains = parser.add_argument_group("CHAIN, one of").add_mutually_exclusive_group()
    add = chains.add_argument
    add("--igcv1", type=positive, nargs=2, metavar=("L", "M"), help="L primary partitions of M channels each")
    add(
        "--igcv2", type=positive, nargs="+", metavar="K", help="branch widths, which multiply to the number of channels"
    )
    add(
        "--interleaved",
        type=positive,
        nargs="+",
        metavar=("C", "K"),
        help="C channels, and branch widths that divide C",
    )
    parser.set_defaults(run=_grade, usage_error=parser.error)


def _grade(options: argparse.Namespace) -> Iterator[str]:
    """Answer `grade`: the chain, then its grade."""
    if options.igcv1:
        graded = structure.igcv1(*options.igcv1)
    elif options.igcv2:
        graded = structure.igcv2(options.igcv2)
    elif options.interleaved:
        channels, *widths = options.interleaved
        if not widths:
            options.usage_error(
                f"--interleaved {channels} has no branch widths: give them behind C, such as 174 1 6 6 6"
            )
        graded = structure.interleaved(channels, widths)
    else:
        options.usage_error("give a CHAIN: --igcv1 L M, --igcv2 K ... or --interleaved C K ...")
    found = structure.grade(graded)
    holds = f"holds: {', '.join(found.conditions) or 'none of the conditions'}"
    width = get_terminal_size().columns
    lines = f"{graded}\n  {found}\n  {holds}".split("\n")
    # A row too wide for the terminal is no row of a table any more: its cells follow one another.
    yield from folded((line if len(line) <= width else re.sub(r"(?<=\S)  +", "; ", line) for line in lines), width)
