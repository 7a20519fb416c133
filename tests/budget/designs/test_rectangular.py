"""The cheapest chains between different numbers of channels: against brute force over structures, graded by path counts."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise, product
from math import gcd

import numpy as np
import pytest

from igc_theory.budget import best_dense, best_strict
from igc_theory.budget.designs.rectangular import best_rectangular
from igc_theory.structure import Chain, GroupConv, grade, interleave, path_counts


def divisors(number: int) -> list[int]:
    return [d for d in range(1, number + 1) if number % d == 0]


def every_chain(into: int, out: int, most: int) -> Iterator[Chain]:
    """Yield interleaved chains of at most `most` factors, one of which changes the number of channels."""
    for factors in range(1, most + 1):
        for change in range(factors):
            sizes = [into] * (change + 1) + [out] * (factors - change)
            groups = [divisors(gcd(a, b)) for a, b in pairwise(sizes)]
            for chosen in product(*groups):
                convs = [GroupConv(sizes[k], sizes[k + 1], g) for k, g in enumerate(chosen)]
                joined = [part for conv in convs for part in (conv, interleave(conv.groups, conv.out_width))]
                yield Chain(joined[:-1])


@pytest.mark.parametrize(("into", "out"), [(4, 6), (6, 4), (8, 12), (12, 8), (5, 10), (9, 6), (7, 5), (12, 12), (1, 4)])
def test_nothing_cheaper_by_brute_force(into: int, out: int) -> None:
    strict = min(c.parameters for c in every_chain(into, out, 4) if (path_counts(c) == 1).all())
    dense = min(c.parameters for c in every_chain(into, out, 4) if path_counts(c).all())
    assert best_rectangular(into, out).parameters == strict
    assert best_rectangular(into, out, dense=True).parameters == dense


@pytest.mark.parametrize("channels", range(1, 61))
def test_square_is_the_optimum_of_the_square_search(channels: int) -> None:
    assert best_rectangular(channels, channels).parameters == best_strict(channels, 1).parameters
    assert best_rectangular(channels, channels, dense=True).parameters == best_dense(channels, 1).parameters


@pytest.mark.parametrize("into", range(1, 21))
def test_grades(into: int) -> None:
    for out in range(1, 31):
        assert np.array_equal(path_counts(best_rectangular(into, out)), np.ones((out, into)))
        assert grade(best_rectangular(into, out)).kind == "strict"
        assert path_counts(best_rectangular(into, out, dense=True)).min() >= 1


@pytest.mark.parametrize(("arguments", "kind"), [((0, 3), ValueError), ((3, 2.0), TypeError), ((True, 3), TypeError)])
def test_bad_input(arguments: tuple[int, int], kind: type[Exception]) -> None:
    with pytest.raises(kind, match="channels="):
        best_rectangular(*arguments)
