"""Path counts by classes against 0/1 matrices multiplied out, for every small graph of convolutions, sums, joins and splits."""

from collections.abc import Iterator
from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from igc_theory.networks.paths.pair_counts import PairCounts
from igc_theory.networks.paths.steps import Addition, Gate, Gather, Mix, Step, Steps, Unknown
from igc_theory.networks.paths.verdicts import verdict
from tests.oracles import connected_branches, multiplied_out


def _choices(steps: list[Step]) -> list[Step]:
    """Every step that may follow: group convolutions, splits, shuffles, sums and concatenations of what there is."""
    last = len(steps) - 1
    c = steps[-1].channels
    found = [Step(Mix(g), (last,), out) for g in (1, 2, c) if c % g == 0 for out in {c, 2 * c} if out <= 8]
    if c % 2 == 0:
        found.append(Step(Gather(np.arange(c // 2)), (last,), c // 2))
        found.append(Step(Gather(np.arange(c).reshape(2, -1).T.ravel()), (last,), c))
    found.append(Step(Gather(np.r_[np.arange(c - 1), -1]), (last,), c))
    for k, other in enumerate(steps[:-1]):
        if other.channels == c:
            found.append(Step(Addition(), (k, last), c))
        if other.channels + c <= 8:
            found.append(Step(Gather(np.arange(other.channels + c)), (last, k), other.channels + c))
    return found


def _every_step(steps: list[Step], path: tuple[int, ...], most: int) -> Iterator[Step]:
    """Yield every operation on what stands on a path of steps: group convolutions, slices, sums and concatenations of two."""
    for read in path:
        c = steps[read].channels
        for out in range(1, most + 1):
            yield from (Step(Mix(g), (read,), out) for g in range(1, c + 1) if c % g == 0 == out % g)
        yield from (Step(Gather(np.arange(*cut)), (read,), cut[1] - cut[0]) for cut in combinations(range(c + 1), 2))
    for first, second in product(path, repeat=2):
        widths = steps[first].channels, steps[second].channels
        if first < second and widths[0] == widths[1]:
            yield Step(Addition(), (first, second), widths[0])
        if sum(widths) <= most and first != second:
            yield Step(Gather(np.arange(sum(widths))), (first, second), sum(widths))


def _every_graph(channels: int, operations: int, most: int) -> Steps:
    """Return every graph of so many operations in one: a tree whose branches are the graphs."""
    steps = [Step(None, (), channels)]
    paths: list[tuple[int, ...]] = [(0,)]
    for _ in range(operations):
        longer = []
        for path in paths:
            for step in list(_every_step(steps, path, most)):
                longer.append((*path, len(steps)))
                steps.append(step)
        paths = longer
    return Steps(tuple(steps), ())


@pytest.mark.parametrize(
    ("operations", "most", "channels", "graphs"),
    [
        *((2, 8, c, n) for c, n in enumerate((329, 638, 636, 1188, 1094, 2140, 2184, 3843), start=1)),
        *((3, 3, c, n) for c, n in enumerate((1135, 2481, 4518), start=1)),
    ],
)
def test_every_small_graph_has_the_counts_of_its_supports(
    operations: int, most: int, channels: int, graphs: int
) -> None:
    """All 12,052 of up to two operations on up to 8 channels, and all 8,134 of up to three on up to 3."""
    steps = _every_graph(channels, operations, most)
    assert len(steps.steps) - 1 == graphs
    expected, seen = multiplied_out(steps), set()
    for k, counts in enumerate(steps.walk(0, range(1, len(steps.steps))), start=1):
        assert isinstance(counts, PairCounts)
        matrix = expected[k]
        assert np.array_equal(counts.matrix(), matrix), steps.steps[k]
        if (key := (len(matrix), matrix.tobytes())) not in seen:
            seen.add(key)
            assert np.array_equal(counts.support(), matrix != 0)
            _check_totals(counts, matrix)
            _check_witness(counts, matrix)
            assert counts.branches() == connected_branches(matrix.tolist())


def _check_totals(counts: PairCounts, expected: np.ndarray) -> None:
    totals = counts.totals()
    assert (totals.pairs, totals.connected) == (expected.size, np.count_nonzero(expected))
    assert (totals.least, totals.most) == (expected.min(), expected.max())
    assert (totals.paths, totals.squares) == (expected.sum(), (expected**2).sum())
    assert counts.lost() == (expected == 0).all(axis=0).any()


def _check_witness(counts: PairCounts, expected: np.ndarray) -> None:
    apart = verdict(counts).apart
    assert (apart is None) == bool((expected != 0).all())
    if apart is not None:
        sources, outputs = map(list, apart)
        assert sources
        assert outputs
        assert not expected[np.ix_(outputs, sources)].any()


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_long_graphs_have_the_counts_of_their_supports(data: st.DataObject) -> None:
    steps = [Step(None, (), data.draw(st.sampled_from([4, 6, 8])))]
    for _ in range(data.draw(st.integers(4, 12))):
        steps.append(data.draw(st.sampled_from(_choices(steps))))
    graph = Steps(tuple(steps), (len(steps) - 1,))
    counts = graph.counts(0, len(steps) - 1)
    assert isinstance(counts, PairCounts)
    assert np.array_equal(counts.matrix(), multiplied_out(graph)[len(steps) - 1])


def test_counts_beyond_64_bits_are_exact() -> None:
    steps = [Step(None, (), 8)]
    for k in range(60):
        steps += [Step(Mix(2), (2 * k,), 8), Step(Addition(), (2 * k, 2 * k + 1), 8)]
    graph = Steps(tuple(steps), (120,))
    counts = graph.counts(0, 120)
    assert isinstance(counts, PairCounts)
    # (I + J)^60 on blocks of four: I + (5^60 - 1)/4 J.
    assert counts.totals().most == 1 + (5**60 - 1) // 4
    assert counts.matrix()[0, 1] == (5**60 - 1) // 4


def test_a_thousand_channels_need_no_square_table() -> None:
    steps = Steps(
        (Step(None, (), 4096), Step(Mix(2), (0,), 4096), Step(Mix(4096), (1,), 4096), Step(Addition(), (0, 2), 4096)),
        (3,),
    )
    counts = steps.counts(0, 3)
    assert isinstance(counts, PairCounts)
    assert counts.table.size <= 16
    assert len(counts.extra) == 4096


def test_gates_and_shortcuts_are_ways_only_if_asked_for() -> None:
    image, branch = Step(None, (), 4), Step(Mix(2), (0,), 4)
    gate = Step(Mix(1), (0,), 4)
    steps = Steps((image, branch, gate, Step(Gate(), (1, 2), 4), Step(Addition(), (0, 3), 4)), (4,))
    found = {
        (shortcuts, gates): steps.counts(0, 4, shortcuts=shortcuts, gates=gates).matrix()[0].tolist()
        for shortcuts, gates in product((False, True), repeat=2)
    }
    assert found == {
        (False, False): [1, 1, 0, 0], (True, False): [2, 1, 0, 0], (False, True): [2, 2, 1, 1], (True, True): [3, 2, 1, 1],
    }  # fmt: skip


def test_beyond_an_unknown_operator_nothing_is_said() -> None:
    steps = Steps((Step(None, (), 4), Step(Unknown("GRU"), (0,), 4), Step(Mix(1), (1,), 4)), (2,))
    found = verdict(steps.counts(0, 2))
    assert (found.kind, str(found), found.share) == ("unknown", "unknown beyond GRU", None)
    assert verdict(steps.counts(1, 2)).kind == "dense"
