"""What ``--help`` prints: prose as wide as the terminal, and examples that can be copied at any width."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterable, Iterator
from textwrap import wrap
from typing import Any

__all__ = ["HelpPage", "add_command", "command_lines", "flags_of", "folded"]


WHOLE: dict[str, Any] = {"break_on_hyphens": False, "break_long_words": False}


class HelpPage(argparse.HelpFormatter):
    r"""A help page: paragraphs are filled, indented lines stand alone, and long commands go on behind a backslash.

    Examples
    --------
    >>> page = HelpPage("igc-theory", width=30)
    >>> print(page._fill_text("Do the channels\nmeet?\n\n  igc-theory grade --igcv2 1 8 8", 28, ""))
    Do the channels meet?
    <BLANKLINE>
      igc-theory grade --igcv2 \
          1 8 8
    """

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return "\n".join(indent + line for paragraph in _paragraphs(text) for line in _broken(paragraph, width))


def add_command(commands: Any, name: str, question: str, prose: str, examples: str) -> argparse.ArgumentParser:
    """Add a sub-command that answers a question; its help has a description in prose and a list of examples."""
    epilog = "\n".join(["examples:", *(f"  {line}" for line in examples.splitlines())])
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=question, description=prose, epilog=epilog, formatter_class=HelpPage
    )
    return parser


def flags_of(parser: argparse.ArgumentParser) -> dict[str, str]:
    """Return the longest form of every option by the name of the argument that it stands for.

    Examples
    --------
    >>> parser = argparse.ArgumentParser(add_help=False)
    >>> _ = parser.add_argument("-j", "--workers"), parser.add_argument("--in", dest="in_channels")
    >>> flags_of(parser)
    {'workers': '--workers', 'in_channels': '--in'}
    """
    return {action.dest: max(action.option_strings, key=len) for action in parser._actions if action.option_strings}


def command_lines(words: Iterable[str], width: int) -> list[str]:
    r"""Return the lines of a command of igc-theory, quoted for a shell; long ones go on behind a backslash, words stay whole.

    Examples
    --------
    >>> print("\n".join(command_lines(["rewrite", "my model.onnx", "--keep", "0.5"], 40)))
      igc-theory rewrite 'my model.onnx' \
          --keep 0.5
    """
    gap = "\0"  # in no word: where a word that is quoted has a space, the line is not broken
    command = " ".join(shlex.quote(word).replace(" ", gap) for word in words)
    return [line.replace(gap, " ") for line in _broken(f"  igc-theory {command}", width)]


def folded(lines: Iterable[str], width: int) -> Iterator[str]:
    r"""Yield lines that are no wider than the terminal: long ones go on below; imports stay whole, so that Python can read them.

    Examples
    --------
    >>> print("\n".join(folded(["In Python:", "  from igc_theory import budget", "  best_block(64, 64, (3, 3))"], 20)))
    In Python:
      from igc_theory import budget
      best_block(64, 64,
          (3, 3))
    """
    for line in "\n".join(lines).split("\n"):
        fits = len(line) <= width or (line.startswith("  ") and line.split()[0] == "from")
        yield from [line] if fits else _broken(line, width)


def _paragraphs(text: str) -> Iterator[str]:
    """Yield the paragraphs, each in one line; a blank or an indented line is one of its own."""
    unfinished: list[str] = []
    for line in [*text.splitlines(), ""]:
        if line and not line.startswith(" "):
            unfinished.append(line)
            continue
        if unfinished:
            yield " ".join(unfinished)
        unfinished = []
        yield line


def _broken(paragraph: str, width: int) -> list[str]:
    """Return the lines of a paragraph; those of a command end with a backslash, by which a shell reads on."""
    words = paragraph.lstrip()
    margin = paragraph.removesuffix(words)
    further = f"{margin}    " if margin else ""
    end = " \\" if words.startswith("igc-theory ") else ""
    lines = wrap(words, width - len(end), initial_indent=margin, subsequent_indent=further, **WHOLE)
    return [line + end for line in lines[:-1]] + lines[-1:] or [""]
