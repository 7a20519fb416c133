"""`measure`: time layers on this machine, for `design --objective latency` and the audit."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from shutil import get_terminal_size
from typing import Any

from igc_theory.commands.help_pages import add_command, command_lines, folded
from igc_theory.commands.words import path, positive

__all__ = ["add_measure"]

HELP = """\
Times single layers on this machine for about two minutes and keeps them in a file, from which the time of any chain is predicted.
Stopped with Ctrl-C, it goes on where it was when it is called again.

A table of onnxruntime on another machine comes with the library; none of PyTorch does. The file names processor, caches,
threads and versions, so that it can be given to others: design, audit and rewrite read it by --table, in Python
igc_theory.networks.latency(chain, "machine.json", height=56). A file of another machine or runtime is not written to.
"""

EXAMPLES = """\
onnxruntime on one thread (pip install onnxruntime onnx)
    igc-theory measure -o machine.json
PyTorch on four
    igc-theory measure --runtime torch --threads 4 -o machine.json
what it is good for
    igc-theory design --in 256 --out 384 --objective latency --table machine.json
"""


def add_measure(commands: Any) -> None:
    """Add the parser of `measure`."""
    parser = add_command(commands, "measure", "time layers on this machine, to rank designs by time", HELP, EXAMPLES)
    parser.usage = "%(prog)s -o FILE"
    add = parser.add_argument
    add("-o", "--output", type=path, metavar="FILE", help="where the table is kept, as JSON")
    add(
        "--runtime", choices=("onnxruntime", "torch"), default="onnxruntime", help="what computes (default onnxruntime)"
    )
    add("--threads", type=positive, default=1, metavar="N", help="threads of the runtime (default 1)")
    add("--seconds", type=positive, default=120, metavar="N", help="about how long it takes (default 120)")
    parser.set_defaults(run=_measure, usage_error=parser.error, flags={"path": "--output"})


def _measure(options: argparse.Namespace) -> Iterator[str]:
    """Answer `measure`, in lines as wide as the terminal."""
    return folded(_answered(options), get_terminal_size().columns)


def _answered(options: argparse.Namespace) -> Iterator[str]:
    """Yield how well the table predicts, and what to do with it."""
    if options.output is None:  # not `required`: argparse would ask for it before it says which option is misspelled
        options.usage_error("give a FILE to keep the table in: -o machine.json")
    from igc_theory.networks import measure

    table = measure(options.runtime, options.output, threads=options.threads, seconds=options.seconds)
    low, high = table.interval
    yield f"{len(table.layers)} layers and {len(table.chains)} chains timed: {options.output}"
    yield from (f"  {name}: {value}" for name, value in table.machine.items())
    yield f"Chains kept from the fit: rank correlation {table.rank_correlation:.3f};"
    yield f"four fifths of them take {low:.2f} to {high:.2f} times what is predicted."
    yield ""
    yield "Next"
    for words in (["design", "--in", "256", "--out", "384"], ["audit", "model.onnx"], ["rewrite", "model.onnx"]):
        command = [*words, "--objective", "latency", "--table", str(options.output)]
        yield from command_lines(command, get_terminal_size().columns)
