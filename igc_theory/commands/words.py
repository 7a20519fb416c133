"""Words of the command line as numbers, and sentences of the library in words of the command line.

What is no number is refused in a sentence, which argparse prints; so is a word that is not known, with the nearest one that is.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from igc_theory.structure.arguments.near_names import did_you_mean

__all__ = [
    "MOST_TOP",
    "Parser",
    "factor_range",
    "file_name",
    "image",
    "in_flags",
    "path",
    "positive",
    "share",
    "top",
    "window",
    "workers",
]

MOST_TOP = 100_000
"""Designs in one answer."""

MOST_DIGITS = 100
"""Digits of a number: Python reads no more than some thousand, and nothing here has as many."""


class Parser(argparse.ArgumentParser):
    """A parser that names the command, option or choice which a word may have meant."""

    def refuse(self, words: Sequence[str]) -> NoReturn:
        """End with a sentence about words that are not known."""
        known = [flag[2:] for flag in self._option_string_actions if flag.startswith("--")]
        given = [word.lstrip("-").partition("=")[0] for word in words if word.startswith("-")]
        meant = next(filter(None, (did_you_mean(flag, known, "--") for flag in given)), "")
        way_out = f": {meant}" if meant else "; --help lists what there is"
        self.error(f"unrecognized arguments: {' '.join(words)}{way_out}")

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        """End with help or an error; what is printed is written while `main` can still say that it cannot be."""
        if sys.stdout is not None:
            sys.stdout.flush()
        super().exit(status, message)

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        choices = list(action.choices or [value])
        if value not in choices:
            way_out = did_you_mean(str(value), choices) or f"use {', '.join(choices)}"
            raise argparse.ArgumentError(action, f"invalid choice: {value!r}: {way_out}")


def _whole(text: str) -> int:
    """Return the whole number that digits write; 0 for other words."""
    if len(text) > MOST_DIGITS:
        way_out = f"give a number of at most {MOST_DIGITS} digits"
        raise argparse.ArgumentTypeError(f"'{text[:10]}…' has {len(text)} letters: {way_out}")
    return int(text) if text.isdecimal() else 0


def positive(text: str) -> int:
    """Return a whole number of at least 1."""
    number = _whole(text)
    if not number:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return number


def top(text: str) -> int:
    """Return how many designs are to be printed."""
    number = positive(text)
    if number > MOST_TOP:
        raise argparse.ArgumentTypeError(
            f"{text!r} is above {MOST_TOP}: limit the list by --budget or --factors instead"
        )
    return number


def window(text: str) -> tuple[int, int]:
    """Return the window that ``3`` or ``3x5`` stands for."""
    sides = _sizes(text)
    if len(sides) > 2 or not all(sides):
        raise argparse.ArgumentTypeError(f"{text!r} is not a window: give one side, such as 3, or two, such as 3x5")
    return sides[0], sides[-1]


def _sizes(text: str) -> list[int]:
    """Return the numbers between crosses, 0 for what is none."""
    return [_whole(size) for size in text.replace("×", "x").split("x")]


def factor_range(text: str) -> tuple[int, int | None]:
    """Return the fewest and the most factors that ``3``, ``2-4`` or ``3-`` stands for."""
    first, dash, last = text.partition("-")
    fewest, most = _whole(first), _whole(last) if last else None
    if not fewest or not (last.isdecimal() or last == ""):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of factors: give 3, a range such as 2-4, or 3-")
    if most is not None and most < fewest:
        raise argparse.ArgumentTypeError(f"{text!r} is an empty range: give the smaller number first")
    return fewest, most if dash else fewest


def image(text: str) -> tuple[int, int, int]:
    """Return the channels, height and width that ``3x48x320`` stands for."""
    sizes = _sizes(text)
    if len(sizes) != 3 or not all(sizes):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not the size of an image: give channels, height, width: 3x48x320"
        )
    channels, height, width = sizes
    return channels, height, width


def workers(text: str) -> int:
    """Return a number of processes, or -1 for one per core."""
    number = -1 if text == "-1" else _whole(text)
    if not number:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a number of processes: give 1 or more, or -1 for one per core"
        )
    return number


def file_name(text: str) -> str:
    """Return the name of a file or a folder; an empty one, as an unset variable of a shell leaves it, is none."""
    if not text:
        raise argparse.ArgumentTypeError("'' names no file: give its name")
    return text


def path(text: str) -> Path:
    """Return a path, which an empty word is not, though `Path` takes it for the folder in use."""
    return Path(file_name(text))


def share(text: str) -> float:
    """Return a number above 0 and at most 1."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a share: give a number above 0 and at most 1, such as 0.5")
    return number


def in_flags(sentence: str, flags: Mapping[str, str]) -> str:
    """Return a sentence of the library with the flags of the command line in place of its arguments.

    Examples
    --------
    >>> in_flags("input_shape=(4, 64, 32) has 4 channels, not 3", {"input_shape": "--input"})
    '--input 4x64x32 has 4 channels, not 3'
    >>> in_flags("factors=4 leaves none: use factors=2", {"factors": "--factors"})
    '--factors 4 leaves none: use --factors 2'
    >>> in_flags("small.onnx is there, and force=False: give another file, or force=True", {"force": "--force"})
    'small.onnx is there, and no --force: give another file, or --force'
    """
    if not flags:
        return sentence
    names = "|".join(sorted(map(re.escape, flags), key=len, reverse=True))
    value = r"(\(\d+(?:, \d+)*\)|True\b|False\b)?"
    return re.sub(rf"(?<![\w.-])({names})={value}", lambda found: _flag(found, flags), sentence)


def _flag(found: re.Match[str], flags: Mapping[str, str]) -> str:
    flag, value = flags[found[1]], found[2] or ""
    if value in ("True", "False"):  # such a flag takes no word
        return flag if value == "True" else f"no {flag}"
    return f"{flag} {'x'.join(re.findall(r'[0-9]+', value))}"
