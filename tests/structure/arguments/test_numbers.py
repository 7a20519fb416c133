"""Integers and reals within bounds, against enumerations of all small cases."""

import numpy as np
import pytest

from igc_theory.structure.arguments.numbers import (
    LARGEST,
    branches_of,
    exact_power_of_two,
    exact_root,
    positive_int,
    real_number,
)

INTEGERS = [int, np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.uint64]


@pytest.mark.parametrize("kind", INTEGERS)
def test_every_type_of_integer_becomes_a_python_int(kind):
    number = positive_int("groups", kind(100))
    assert type(number) is int
    assert number == 100


@pytest.mark.parametrize("value", [True, np.True_, 2.0, np.float32(2), "2", None, np.array(2), np.array([2]), 2 + 0j])
def test_what_is_no_integer_is_refused(value):
    with pytest.raises(TypeError, match=r"^groups=.*not an integer: use "):
        positive_int("groups", value)


def test_bounds_are_allowed_and_what_is_beyond_is_not():
    assert positive_int("groups", LARGEST) == np.iinfo(np.int64).max
    assert positive_int("padding", 0, minimum=0) == 0
    assert positive_int("count", 10**30, maximum=None) == 10**30
    assert [real_number("share", end, least=0, most=1) for end in (0, 1)] == [0, 1]
    for low, high in ((0, LARGEST + 1), (-1, 10**400)):
        with pytest.raises(ValueError, match="is below 1"):
            positive_int("groups", low)
        with pytest.raises(ValueError, match="is above 9223372036854775807"):
            positive_int("groups", high)
    for value in (-1e-300, 1.0000001, np.nan, np.inf, 10**400):
        with pytest.raises(ValueError, match="give a number from 0 to 1"):
            real_number("share", value, least=0, most=1)


def test_roots_are_found_by_enumeration():
    powers = {(r**power, power): r for power in range(1, 7) for r in range(1, 301)}
    for number in range(1, 301):
        for power in range(1, 7):
            if root := powers.get((number, power)):
                assert exact_root("channels", number, "order", power) == root
                continue
            below = max(r**power for r in range(1, 301) if r**power < number)
            above = min(r**power for r in range(1, 301) if r**power > number)
            with pytest.raises(ValueError, match=rf"order={power} of an integer: use {below} or {above}$"):
                exact_root("channels", number, "order", power)
    assert exact_root("channels", (2**31 - 1) ** 2, "order", 2) == 2**31 - 1


def test_powers_of_two_are_found_by_enumeration():
    powers = {2**s: s for s in range(1, 63)}
    for number in (*range(2, 130), *powers):
        if number in powers:
            assert exact_power_of_two("channels", number) == powers[number]
            continue
        near = f"use {max(p for p in powers if p < number)} or {min(p for p in powers if p > number)}"
        with pytest.raises(ValueError, match=f"{near}$"):
            exact_power_of_two("channels", number)


def test_branches_are_those_that_divide():
    for channels in range(1, 40):
        for groups in range(1, 40):
            if channels in range(groups, 40, groups):
                assert branches_of(channels, groups, "in_channels") * groups == channels
                continue
            padded = min(multiple for multiple in range(groups, 80, groups) if multiple > channels)
            with pytest.raises(ValueError, match=rf"a divisor of {channels} \(1.*\), or pad to {padded} channels"):
                branches_of(channels, groups, "in_channels")
