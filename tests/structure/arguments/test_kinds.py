"""What kind of value an argument is, and how messages show it."""

import os

import numpy as np
import pytest

from igc_theory.structure.arguments.kinds import choice_of, flag, generator, path_of, shown, text


class Mute:
    def __repr__(self):
        raise RuntimeError("no words")


@pytest.mark.parametrize(
    "value", ["a" * 500, list(range(500)), 10**500, -(10**500), np.zeros((50, 50)), Mute(), "\ud800", "a\nb"]
)
def test_whatever_is_shown_is_one_line_that_a_file_can_hold(value):
    line = shown(value)
    assert 0 < len(line) <= 100
    assert line.splitlines() == [line]
    line.encode("utf-8")


@pytest.mark.parametrize(("validator", "taken"), [
    (text, ["", "é", "IGCV1"]),
    (flag, [True, False, np.False_]),
    (lambda name, value: choice_of(name, value, ["tensor"]), ["tensor"]),
    (lambda name, value: generator(name, value, optional=True), [None, np.random.default_rng(3)]),
    (path_of, ["weights.npz"]),
])  # fmt: skip
def test_each_validator_takes_its_own_kind_alone(validator, taken):
    for value in taken:
        validator("given", value)
    for value in (0, 1.5, b"tensor", [True], np.array([True]), Mute(), "\ud800tensor" if validator is text else 7):
        with pytest.raises((TypeError, ValueError), match=r"^given=.*: (give|use) "):
            validator("given", value)


def test_a_place_with_a_null_byte_names_no_file():
    with pytest.raises(ValueError, match="names no file"):
        path_of("path", f"a{os.sep}\0b")
