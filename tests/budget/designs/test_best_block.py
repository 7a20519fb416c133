"""`best_block` beside a search that multiplies the supports of every small chain."""

from collections.abc import Iterator
from heapq import heappop, heappush
from itertools import pairwise, product
from math import gcd

import numpy as np
import pytest

from igc_theory.budget import (
    best_block,
    best_dense,
    best_strict,
    regular_parameters,
)
from igc_theory.budget.designs.best_block import best_blocks
from igc_theory.budget.designs.design import LayerDesign
from igc_theory.budget.designs.layers import layer_search
from igc_theory.budget.latency import LatencyTable, Timed, chain_latency
from igc_theory.structure import Chain, GroupConv, grade, interleave, path_counts
from igc_theory.structure.blocks import with_interleaving

SMALL = [(into, out) for into in range(1, 9) for out in range(1, 9)]
TINY = [(into, out) for into in range(1, 5) for out in range(1, 5)]

KINDS = [GroupConv(4, 8), GroupConv(4, 4, 1, 3), GroupConv(8, 8, 2), GroupConv(6, 6, 3, 3), GroupConv(8, 8, 8, 3)]


def random_table(seed: int) -> LatencyTable:
    """Return a table of arbitrary times of every kind of operator."""
    rng = np.random.default_rng(seed)
    factors = [*KINDS, GroupConv(6, 6, 6), interleave(2, 4)]
    layers = [
        Timed(Chain([factor]), side, side, float(rng.uniform(0.1, 3) * (1 + side**2 * factor.in_channels / 60)))
        for factor in factors
        for side in (1, 2, 5)
    ]
    return LatencyTable({}, layers)


TABLE = random_table(0)


def every_chain(into: int, out: int, area: int, most: int) -> Iterator[list[GroupConv]]:
    """Yield every chain of at most `most` weights whose channels lie between the two and whose last factor writes `out`.

    One factor has the window if there is one. Factors that connect each channel to one alone, and so do nothing, are left out.
    """
    low, high = sorted((into, out))
    beginnings: list[tuple[list[GroupConv], int, bool]] = [([], into, area == 1)]
    while beginnings:
        convolutions, channels, placed = beginnings.pop()
        if convolutions and channels == out and placed:
            yield convolutions
        for groups in (g for g in range(1, channels + 1) if channels % g == 0):
            for writes in range(low, high + 1):
                if writes % groups:
                    continue
                for window in [1, *([] if placed else [(1, area)])]:
                    factor = GroupConv(channels, writes, groups, window)
                    spent = sum(conv.parameters for conv in convolutions) + factor.parameters
                    if spent <= most and (window != 1 or channels * writes != groups**2 or most == 1):
                        beginnings.append(([*convolutions, factor], writes, placed or window != 1))


def least_weights(into: int, out: int, area: int, paths: str) -> int:
    """Return the weights of the cheapest chain that connects, found by multiplying path counts, cheapest beginnings first."""
    heap = [(0, into, area == 1, tuple(map(tuple, np.eye(into, dtype=int).tolist())))]
    seen = set()
    while heap:
        spent, channels, placed, counts = heappop(heap)
        if (channels, placed, counts) in seen:
            continue
        if spent and channels == out and placed and np.all(counts):
            return spent
        seen.update([(channels, placed, counts)] if spent else [])
        for groups, writes, after in followed(np.array(counts), sorted((into, out)), paths):
            for window in {1, 1 if placed else area}:
                weights = window * channels * writes // groups
                heappush(heap, (spent + weights, writes, placed or window > 1, after))
    raise AssertionError("one regular convolution connects everything")


def followed(
    counts: np.ndarray, between: list[int], paths: str
) -> Iterator[tuple[int, int, tuple[tuple[int, ...], ...]]]:
    """Yield branches, channels written and path counts behind every factor and the interleaving of its branches."""
    channels, into = counts.shape
    for groups, writes in product(range(1, channels + 1), range(between[0], between[1] + 1)):
        if channels % groups == writes % groups == 0:
            ones = np.ones((writes // groups, channels // groups), dtype=int)
            mixed = (np.kron(np.eye(groups, dtype=int), ones) @ counts).reshape(groups, writes // groups, into)
            after = mixed.transpose(1, 0, 2).reshape(writes, into)
            after = after if paths == "strict" else np.minimum(after, 1)
            if after.max() == 1:
                yield groups, writes, tuple(map(tuple, after.tolist()))


def least_by_needs(into: int, out: int, area: int, *, dense: bool) -> int:
    """Return the weights of the cheapest chain by the interleaving theorem, without any bound: all cheaper states are visited."""
    low, high = sorted((into, out))
    heap, seen = [(0, into, into, area == 1)], set()
    while heap:
        spent, channels, need, placed = heappop(heap)
        if (channels, need, placed) == (out, 1, True) and spent:
            return spent
        if (channels, need, placed) in seen:
            continue
        seen.add((channels, need, placed))
        for groups in (g for g in range(1, channels + 1) if channels % g == 0):
            width = channels // groups
            if dense or need % width == 0:
                for writes in range(-(-low // groups) * groups, high + 1, groups):
                    weights, after = width * writes, -(-need // width)
                    heappush(heap, (spent + weights, writes, after, placed))
                    if not placed:
                        heappush(heap, (spent + area * weights, writes, after, True))
    raise AssertionError("one regular convolution connects everything")


@pytest.mark.parametrize("dense", [True, False])
def test_bounds_of_the_search_hide_nothing(dense: bool) -> None:
    """Shrinking onto a prime number of channels is where a bound once hid the best chain: 46 to 23 takes 506 weights, not 575."""
    pairs = [
        (46, 23),
        (69, 23),
        (74, 37),
        (58, 29),
        (23, 46),
        (36, 25),
        (25, 36),
        (60, 31),
        (31, 60),
        (48, 27),
        (64, 35),
    ]
    rng = np.random.default_rng(3)
    pairs += [tuple(sorted(rng.integers(20, 56, 2).tolist(), reverse=bool(k % 2))) for k in range(16)]
    for into, out in pairs:
        for area in (1, 4):
            found = best_block(into, out, (1, area), paths="dense" if dense else "strict")
            assert found.parameters == least_by_needs(into, out, area, dense=dense), (into, out, area)


def multiply_adds_per_position(convolutions: list[GroupConv], stride: int) -> int:
    """Return the multiply–adds where the convolution with the window has the stride, and those in front work before it."""
    spatial = next(position for position, conv in enumerate(convolutions) if not conv.is_pointwise)
    return sum(conv.parameters * (stride**2 if position < spatial else 1) for position, conv in enumerate(convolutions))


def connects(convolutions: list[GroupConv], paths: str) -> bool:
    counts = path_counts(Chain(with_interleaving(convolutions)))
    return bool((counts == 1).all() if paths == "strict" else counts.all())


@pytest.mark.parametrize("paths", ["dense", "strict"])
@pytest.mark.parametrize("area", [1, 2, 4])
def test_no_small_chain_is_cheaper(paths: str, area: int) -> None:
    for into, out in SMALL:
        design = best_block(into, out, (1, area), paths=paths)
        assert connects(list(design.convolutions), paths), design
        assert (design.chain.in_channels, design.chain.out_channels, design.chain.window) == (into, out, (1, area))
        assert design.parameters == least_weights(into, out, area, paths), design


def test_no_small_chain_needs_fewer_multiply_adds_within_a_budget() -> None:
    restricted = 0
    for into, out in TINY:
        least = best_block(into, out, 2, 2).parameters
        for budget in (least, least + 2, 4 * into * out):
            design = best_block(into, out, 2, 2, budget=max(budget, least), objective="multiply_adds")
            chains = [c for c in every_chain(into, out, 4, max(budget, least)) if connects(c, "dense")]
            assert design.multiply_adds == min(multiply_adds_per_position(chain, 2) for chain in chains), design
            assert design.parameters <= max(budget, least)
            restricted += design.parameters > least
    assert restricted, "a budget never decided anything"


def strided(convolutions: list[GroupConv], stride: int) -> Chain:
    """Return a chain with the stride at its window, or at its first factor."""
    windows = [k for k, conv in enumerate(convolutions) if not conv.is_pointwise]
    place = windows[0] if windows else 0
    factors = [
        GroupConv(conv.in_channels, conv.out_channels, conv.groups, conv.window, stride if k == place else 1)
        for k, conv in enumerate(convolutions)
    ]
    return Chain(with_interleaving(factors))


@pytest.mark.parametrize(
    ("area", "sizes"), [(1, [(4, 4), (2, 4), (4, 3), (6, 6), (3, 5)]), (2, [(2, 4), (4, 2), (3, 2), (3, 3), (4, 4)])]
)
def test_no_small_chain_is_faster(area: int, sizes: list[tuple[int, int]]) -> None:
    """Every chain is timed by folding its shuffles, which the search knows nothing of."""
    slower, tables = 0, [random_table(seed) for seed in range(3)]
    for into, out in sizes:
        chains = [c for c in every_chain(into, out, area, area * into * out) if connects(c, "dense")]
        for stride in (1, 2):
            built = [strided(chain, stride) for chain in chains]
            for table in tables:
                design = best_block(into, out, (1, area), stride, objective="latency", table=table, image=(3, 4))
                found = chain_latency(design.chain, table, 3, 4).milliseconds
                least = min(chain_latency(chain, table, 3, 4).milliseconds for chain in built)
                assert connects(list(design.convolutions), "dense")
                assert found <= least * (1 + 1e-9), design
                assert design.parameters > area * into * out or found == pytest.approx(least), design
                slower += best_block(into, out, (1, area), stride).parameters < design.parameters
    assert slower, "the time never decided anything"


def test_time_within_a_budget_and_limits() -> None:
    for budget, factors in [(40, None), (50, 2), (72, 3)]:
        design = best_block(
            6, 6, 1, objective="latency", table=TABLE, image=2, budget=budget, max_factors=factors, multiple_of=2
        )
        chains = [
            c
            for c in every_chain(6, 6, 1, budget)
            if connects(c, "dense") and len(c) <= (factors or 99) and sum(conv.parameters for conv in c) <= budget
        ]
        least = min(chain_latency(strided(chain, 1), TABLE, 2, 2).milliseconds for chain in chains)
        assert chain_latency(design.chain, TABLE, 2, 2).milliseconds == pytest.approx(least), (budget, factors)


@pytest.mark.parametrize(("into", "out", "area"), [(4, 6, 1), (6, 4, 1), (6, 6, 1), (4, 4, 3)])
@pytest.mark.parametrize("paths", ["dense", "strict"])
def test_the_best_come_in_order_each_once(into: int, out: int, area: int, paths: str) -> None:
    most = area * into * out + 4
    every: dict[tuple[GroupConv, ...], int] = {}
    for chain in every_chain(into, out, area, most):
        if connects(chain, paths):
            every[tuple(sorted(chain, key=repr))] = sum(conv.parameters for conv in chain)
    least = sorted(every.values())
    for fewest in (1, 3):
        allowed = sorted(cost for key, cost in every.items() if len(key) >= fewest)
        top = min(8, len([cost for cost in allowed if cost < most]))
        found = best_blocks(top, into, out, (1, area), paths=paths, min_factors=fewest) if top else []
        assert [design.parameters for design in found] == allowed[:top], (fewest, least[:8])
        assert len({tuple(sorted(design.convolutions, key=repr)) for design in found}) == len(found)
        assert all(connects(list(design.convolutions), paths) for design in found)


@pytest.mark.parametrize(("into", "out"), [(1, 2), (2, 1), (1, 5), (5, 1), (7, 1), (3, 2), (5, 3), (3, 4)])
@pytest.mark.parametrize("paths", ["dense", "strict"])
def test_the_next_best_may_have_heavier_factors_than_one_convolution(into: int, out: int, paths: str) -> None:
    for area, top in product((1, 2, 3), (2, 3, 8)):
        found = [design.parameters for design in best_blocks(top, into, out, (1, area), paths=paths, max_factors=3)]
        every = {
            tuple(sorted(chain, key=repr)): sum(conv.parameters for conv in chain)
            for chain in every_chain(into, out, area, found[-1])
            if len(chain) <= 3 and connects(chain, paths)
        }
        assert found == sorted(every.values())[:top], (area, top)


def test_two_beginnings_of_one_design_hide_no_other() -> None:
    """``6→1`` with its window before it or still to come is one design; 6→3 in three branches, 3→1 and the window is the next."""
    found = best_blocks(2, 6, 1, (1, 2), multiple_of=3)
    assert [design.parameters for design in found] == [6 + 2, 6 + 3 + 2]


@pytest.mark.parametrize("objective", ["parameters", "latency"])
def test_a_timer_decides_among_the_shortlist(objective: str) -> None:
    """The image reaches the timer; each design of the shortlist is timed, and no other."""
    known = {"objective": objective, "table": TABLE, "image": (7, 9)}
    listed, asked = best_blocks(6, 24, 36, **known), []

    def timer(chain: Chain, height: int, width: int) -> float:
        asked.append((chain, height, width))
        return [3.0, 1.0, 2.0, 0.5, 4.0, 0.1][[design.chain for design in listed].index(chain)]

    assert best_block(24, 36, **known, timer=timer, shortlist=3) == listed[1]
    assert asked == [(design.chain, 7, 9) for design in listed[:3]]
    ranked = best_blocks(4, 24, 36, **known, timer=timer, shortlist=2)
    assert ranked == [listed[k] for k in (3, 1, 2, 0)]
    assert best_block(24, 36, **known, timer=timer) == listed[3]


def test_limits_are_kept_and_cost_no_more_than_they_must() -> None:
    for into, out in [(4, 6), (6, 6), (6, 3)]:
        for width, factors, step in [(2, None, 1), (1, 2, 1), (1, 1, 1), (1, None, 2), (2, 3, 2)]:
            design = best_block(into, out, 1, min_width=width, max_factors=factors, multiple_of=step)
            costs = [
                sum(conv.parameters for conv in chain)
                for chain in every_chain(into, out, 1, into * out)
                if len(chain) <= (factors or len(chain))
                and all(min(conv.in_width, conv.out_width) >= width for conv in chain)
                and all(conv.out_channels % step == 0 or conv.out_channels in (into, out) for conv in chain)
                and connects(chain, "dense")
            ]
            assert design.parameters == min(costs), (into, out, width, factors, step)


@pytest.mark.parametrize("paths", ["dense", "strict"])
@pytest.mark.parametrize(
    ("fewest", "most", "width"), [(1, None, 1), (2, None, 1), (3, 3, 1), (3, 4, 1), (1, None, 2), (2, 3, 2)]
)
def test_numbers_of_factors_are_kept_and_cost_no_more_than_they_must(
    fewest: int, most: int | None, width: int, paths: str
) -> None:
    """With a window as well: its factor may come last, where another one with the window in front would need a scale instead."""
    for (into, out), area in product([(1, 2), (4, 1), (3, 2), (4, 4), (5, 3), (6, 4), (7, 1)], (1, 2, 3)):
        limits = {"min_factors": fewest, "max_factors": most, "min_width": min(width, into, out), "paths": paths}
        try:
            design = best_block(into, out, (1, area), **limits)
        except ValueError:
            design = None
        costs = [
            sum(conv.parameters for conv in chain)
            for chain in every_chain(into, out, area, design.parameters if design else into * out * area)
            if fewest <= len(chain) <= (most or len(chain))
            and all(min(conv.in_width, conv.out_width) >= limits["min_width"] for conv in chain if conv.is_pointwise)
            and connects(chain, paths)
        ]
        assert min(costs, default=None) == (design and design.parameters), (into, out, area)


def test_between_equal_channels_it_is_the_optimum_of_a_width() -> None:
    for channels in [*range(2, 80), 416, 997]:
        for area in (1, 4, 9):
            side = int(np.sqrt(area))
            assert best_block(channels, channels, side).parameters == best_dense(channels, area).parameters
            assert (
                best_block(channels, channels, side, paths="strict").parameters
                == best_strict(channels, area).parameters
            )


@pytest.mark.parametrize(("into", "out"), [(8, 12), (12, 8), (5, 10), (9, 6), (1, 4)])
def test_without_a_third_number_of_channels(into: int, out: int) -> None:
    chains = [
        [GroupConv(sizes[k], sizes[k + 1], g) for k, g in enumerate(chosen)]
        for factors in range(1, 4)
        for change in range(factors)
        for sizes in [[into] * (change + 1) + [out] * (factors - change)]
        for chosen in product(*([g for g in range(1, a + 1) if gcd(a, b) % g == 0] for a, b in pairwise(sizes)))
    ]
    for paths in ("dense", "strict"):
        least = min(sum(conv.parameters for conv in chain) for chain in chains if connects(chain, paths))
        assert best_block(into, out, 1, paths=paths, multiple_of=max(into, out)).parameters == least


def test_grade_of_large_designs() -> None:
    for into, out in [(256, 384), (100, 144), (512, 2048), (2048, 512), (960, 1280)]:
        assert grade(best_block(into, out, paths="strict").chain).kind != "not dense"
        dense, strict = (best_block(into, out, paths=paths) for paths in ("dense", "strict"))
        assert dense.parameters <= strict.parameters < regular_parameters(into, out, 9)
        assert dense.min_paths == grade(dense.chain).min_paths >= 1


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: best_block(256, 384, budget=6655), "budget=6655 pays for no dense design.*use at least 6656"),
        (
            lambda: best_block(4, 8, min_width=5),
            "min_width=5 is above 4: use at most 4, the narrower side of the layer",
        ),
        (lambda: best_block(4, 8, paths="loose"), "paths='loose'"),
        (lambda: best_block(4, 8, objective="latency"), "needs the table of a machine: give table="),
        (lambda: best_block(4, 8, objective="latency", table="here"), "table='here'"),
        (lambda: best_block(4, 8, objective="latency", table=TABLE, image=0), "image=0"),
        (lambda: best_block(4, 8, objective="speed"), "objective='speed'"),
        (
            lambda: best_block(7, 7, 1, paths="strict", min_factors=2),
            "min_factors=2 leaves no strict .*: use at most 1",
        ),
        (lambda: best_block(7, 7, min_factors=3, max_factors=2), "min_factors=3 is above max_factors=2"),
        (lambda: best_blocks(0, 7, 7), "top=0"),
        (lambda: best_block(4, 8, timer="clock"), "timer='clock' is a str: give a function of a chain, a height"),
        (lambda: best_block(4, 8, timer=len), "timer=.*fails for a chain, a height and a width .*: give a function"),
        (lambda: best_block(4, 8, timer=lambda *_: "fast"), r"timer\(chain, height, width\)='fast'"),
        (lambda: best_block(4, 8, timer=lambda *_: -1), r"timer\(chain, height, width\)=-1"),
        (lambda: best_block(4, 8, timer=len, shortlist=0), "shortlist=0"),
        (lambda: best_block(8, 10**6), "numbers of channels between them .*: use multiple_of=123"),
        (
            lambda: best_block(64, 64, 9, budget=99, max_factors=3),
            "64 channels with kernel_size=9, max_factors=3: use at least",
        ),
        (lambda: best_block(0, 8), "in_channels=0"),
        (lambda: best_block(8, 10**9), "out_channels=1000000000 is above 1048576"),
        (lambda: best_block(8, 8, multiple_of=0), "multiple_of=0"),
        (lambda: best_block(8, 8, max_factors=0), "max_factors=0"),
        (lambda: LayerDesign([GroupConv(4, 4, 4, 3), GroupConv(4, 4, 4, 3)]), "have 2 windows"),
        (lambda: LayerDesign([]), "convolutions"),
    ],
)
def test_refusals(call, sentence: str) -> None:
    with pytest.raises((TypeError, ValueError), match=sentence):
        call()


def test_a_budget_that_is_named_suffices() -> None:
    assert best_block(256, 384, budget=6656).parameters == 6656


def test_a_search_that_grows_too_large_says_how_to_make_it_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layer_search, "MOST_BEGINNINGS", 40)
    with pytest.raises(
        ValueError, match=r"in_channels=101 and out_channels=144 leave more than 40 .* use multiple_of=64"
    ):
        best_block(101, 144)
    assert best_block(101, 144, multiple_of=144).parameters == 101 * 9 + 101 * 144
