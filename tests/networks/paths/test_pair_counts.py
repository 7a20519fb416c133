"""Path counts by classes against 0/1 matrices multiplied out, for every small graph of sums, concatenations and splits."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from igc_theory.networks.paths.pair_counts import PairCounts
from igc_theory.networks.paths.steps import Gate, Gather, Mix, Step, Steps, Sum, Unknown
from igc_theory.networks.paths.verdicts import verdict


def _matrix(steps: Steps, source: int, target: int) -> np.ndarray:
    """Multiply the supports out, entry by entry, in Python integers."""
    width = steps.steps[source].channels
    found = {source: np.eye(width, dtype=int).astype(object)}
    for k in range(source + 1, target + 1):
        step = steps.steps[k]
        operands = [found.get(read, np.zeros((steps.steps[read].channels, width), dtype=object)) for read in step.reads]
        if isinstance(step.action, Mix):
            ins, outs = len(operands[0]) // step.action.groups, step.channels // step.action.groups
            found[k] = np.array(
                [operands[0][o // outs * ins : (o // outs + 1) * ins].sum(axis=0) for o in range(step.channels)]
            )
        elif isinstance(step.action, Sum):
            found[k] = sum(operands[1:], start=operands[0])
        else:
            whole = np.vstack([*operands, np.zeros((1, width), dtype=object)])
            found[k] = whole[step.action.indices]
    return found[target]


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
            found.append(Step(Sum(), (k, last), c))
        if other.channels + c <= 8:
            found.append(Step(Gather(np.arange(other.channels + c)), (last, k), other.channels + c))
    return found


def _all_graphs(channels: int, length: int) -> list[Steps]:
    graphs = [[Step(None, (), channels)]]
    for _ in range(length):
        graphs = [[*graph, step] for graph in graphs for step in _choices(graph)]
    return [Steps(tuple(graph), (length,)) for graph in graphs]


@pytest.mark.parametrize(("channels", "length"), [(2, 3), (4, 3), (6, 2), (8, 2)])
def test_every_small_graph_has_the_counts_of_its_supports(channels: int, length: int) -> None:
    graphs = _all_graphs(channels, length)
    assert len(graphs) >= 40
    for steps in graphs:
        counts, expected = steps.counts(0, length), _matrix(steps, 0, length)
        assert isinstance(counts, PairCounts)
        assert np.array_equal(counts.matrix(), expected)
        assert np.array_equal(counts.support(), expected != 0)
        _check_totals(counts, expected)
        _check_witness(counts, expected)


def _check_totals(counts: PairCounts, expected: np.ndarray) -> None:
    totals = counts.totals()
    assert (totals.pairs, totals.connected) == (expected.size, np.count_nonzero(expected))
    assert (totals.least, totals.most) == (expected.min(), expected.max())
    assert (totals.paths, totals.squares) == (expected.sum(), (expected**2).sum())


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
    assert np.array_equal(counts.matrix(), _matrix(graph, 0, len(steps) - 1))


def test_counts_beyond_64_bits_are_exact() -> None:
    steps = [Step(None, (), 8)]
    for k in range(60):
        steps += [Step(Mix(2), (2 * k,), 8), Step(Sum(), (2 * k, 2 * k + 1), 8)]
    graph = Steps(tuple(steps), (120,))
    counts = graph.counts(0, 120)
    assert isinstance(counts, PairCounts)
    # (I + J)^60 on blocks of four: I + (5^60 - 1)/4 J.
    assert counts.totals().most == 1 + (5**60 - 1) // 4
    assert counts.matrix()[0, 1] == (5**60 - 1) // 4


def test_a_thousand_channels_need_no_square_table() -> None:
    steps = Steps(
        (Step(None, (), 4096), Step(Mix(2), (0,), 4096), Step(Mix(4096), (1,), 4096), Step(Sum(), (0, 2), 4096)), (3,)
    )
    counts = steps.counts(0, 3)
    assert isinstance(counts, PairCounts)
    assert counts.table.size <= 16
    assert len(counts.extra) == 4096


def test_gates_and_shortcuts_are_ways_only_if_asked_for() -> None:
    image, branch = Step(None, (), 4), Step(Mix(2), (0,), 4)
    gate = Step(Mix(1), (0,), 4)
    steps = Steps((image, branch, gate, Step(Gate(), (1, 2), 4), Step(Sum(), (0, 3), 4)), (4,))
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
