"""The command line: `igc-theory COMMAND` or `python -m igc_theory COMMAND`, one sub-command per question.

Results go to standard output. What goes wrong is said in one line on standard error, without a traceback; `STATUSES` lists what the
exit status says.
"""

from __future__ import annotations

import io
import os
import re
import sys
from collections.abc import Sequence
from contextlib import suppress

import igc_theory
from igc_theory.commands.audit import add_audit
from igc_theory.commands.design import add_design
from igc_theory.commands.grade import add_grade
from igc_theory.commands.help_pages import HelpPage, flags_of
from igc_theory.commands.measure import add_measure
from igc_theory.commands.rewrite import add_rewrite
from igc_theory.commands.words import Parser, in_flags

__all__ = ["main"]

DESCRIPTION = "Interleaved group convolutions: which designs there are, what they cost and how they connect."

STATUSES = """\
exit status:
  0    answered
  1    no answer: nothing satisfies what was asked, a file cannot be read or written, or memory does not suffice
  2    wrong use of the command line
  130  stopped by Ctrl-C
"""

COMMANDS = (add_design, add_grade, add_audit, add_rewrite, add_measure)
"""What there is; each adds its parser to the sub-commands and names, by ``set_defaults(run=…)``, what answers it."""


CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""Characters that a terminal obeys, but for tabs and ends of lines."""


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
       branch widths      factors  weights  per channel  of regular  paths
    1  1 × 4 × 4 × 4            4    1,344           21        3.6%      1
    2  1 × 2 × 2 × 4 × 4        5    1,344           21        3.6%      1
    <BLANKLINE>
    Next
      in Python:
          from igc_theory.budget import Design
          Design(64, (1, 4, 4, 4), (3, 3)).chain
      --dense: more than one path per pair allowed, often fewer weights
      igc-theory design --channels 64 --kernel 3x3 --objective latency
          fewer weights need not be faster: rank by time
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
        return _said(" ".join(_reason(error).split()), 1)
    return status


def _reason(error: Exception) -> str:
    """Return what went wrong, of a file without the number that the system gives it."""
    if isinstance(error, OSError) and error.strerror:
        what = "the answer" if error.filename is None else repr(str(error.filename))
        return f"{what} cannot be read or written ({error.strerror}): check the path, or give another"
    return str(error) or type(error).__name__


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
    parser = Parser(prog="igc-theory", description=DESCRIPTION, epilog=STATUSES, formatter_class=HelpPage)
    parser.add_argument("--version", action="version", version=f"igc_theory {igc_theory.__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command")
    for add_command in COMMANDS:
        add_command(commands)
    options, unknown = parser.parse_known_args(arguments)
    if unknown:
        commands.choices.get(options.command, parser).refuse(unknown)
    if options.command is None:
        parser.error(f"give a COMMAND, one of {', '.join(commands.choices)}; --help says what each answers")
    try:
        for line in options.run(options):
            print(CONTROL.sub("?", line))  # names in a file may hold any
    except (ValueError, TypeError, ImportError) as error:
        flags = flags_of(commands.choices[options.command]) | getattr(options, "flags", {})
        raise ValueError(in_flags(str(error), flags) or type(error).__name__) from error
    return 0


if __name__ == "__main__":
    sys.exit(main())
