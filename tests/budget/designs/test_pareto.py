"""The Pareto front, against comparing every pair."""

from __future__ import annotations

from fractions import Fraction
from itertools import chain, islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from igc_theory.budget import Design, best_block, dense_designs, pareto_front, strict_designs
from igc_theory.budget.designs.pareto import OBJECTIVES

POOL = [
    *chain.from_iterable(strict_designs(C, 9) for C in range(1, 48)),
    *chain.from_iterable(islice(dense_designs(C, 9), 10) for C in range(1, 48)),
]


def dominates(one: Design, other: Design, most: list[str], least: list[str]) -> bool:
    gains = [getattr(one, name) - getattr(other, name) for name in most]
    gains += [getattr(other, name) - getattr(one, name) for name in least]
    return min(gains) >= 0 and max(gains) > 0


@given(
    st.lists(st.sampled_from(POOL), max_size=60),
    st.lists(st.sampled_from(OBJECTIVES), max_size=3),
    st.lists(st.sampled_from(OBJECTIVES), max_size=3),
)
def test_front_is_what_nobody_dominates(designs: list[Design], most: list[str], least: list[str]) -> None:
    if not most + least:
        least = ["parameters"]
    front = pareto_front(designs, most=most, least=least)
    expected = [design for design in designs if not any(dominates(one, design, most, least) for one in designs)]
    assert sorted(front, key=_name) == sorted(expected, key=_name)


def _name(design: Design) -> tuple[int, tuple[int, ...]]:
    return design.channels, design.branch_widths


def test_front_of_many_widths() -> None:
    front = pareto_front(POOL)
    assert [design.channels for design in front] == sorted((design.channels for design in front), reverse=True)
    assert not any(dominates(one, two, ["channels"], ["parameters", "factors"]) for one in POOL for two in front)


def test_costs_are_compared_exactly() -> None:
    """Path counts above 64 bits, and weights per channel that are fractions."""
    long, short = (Design(10**6, (10**6,) * factors, (3, 3)) for factors in (6, 5))
    assert pareto_front([long, short], most=(), least=("max_paths",)) == [short]
    found = [best_block(9, out, 1) for out in (14, 16, 13)]
    assert [design.parameters_per_channel for design in found] == [Fraction(40, 3), Fraction(28, 3), 13]
    assert pareto_front(found[::2], most=("parameters_per_channel",), least=()) == found[:1]


def test_empty_pool_and_single_name() -> None:
    assert pareto_front([]) == []
    assert pareto_front(POOL, most="min_paths", least=()) == pareto_front(POOL, most=("min_paths",), least=())


def test_bad_input() -> None:
    with pytest.raises(ValueError, match="has 'beauty': use some of channels"):
        pareto_front(POOL, most=("beauty",))
    with pytest.raises(ValueError, match="name no objective"):
        pareto_front(POOL, most=(), least=())
    with pytest.raises(TypeError, match=r"designs\[0\]=3 is an int"):
        pareto_front([3])
