"""The clock of the search: factor by factor it tells the time of the whole chain, and what it says of the rest is a bound."""

import pytest

from igc_theory.budget.designs.layers.clock import PASSED, Clock
from igc_theory.budget.latency import LatencyTable, Timed, chain_latency, conv_work
from igc_theory.structure import Chain, GroupConv
from igc_theory.structure.blocks import with_interleaving
from tests.budget.designs.test_best_block import every_chain, random_table, strided

LAYERS = [(4, 2, 1), (4, 6, 1), (6, 3, 1), (4, 4, 2), (2, 4, 2), (6, 6, 1)]


def costly_branches(branch: float = 1.0, work_unit: float = 1e-3) -> LatencyTable:
    """Return a table in which starting a branch is what takes most of the time."""
    factors = [GroupConv(4 * g, 8 * g, k, window) for g in (1, 2, 3) for k in (1, 2 * g, 4 * g) for window in (1, 3)]
    layers = []
    for factor in factors:
        for side in (1, 2, 5):
            work = conv_work(factor, side, side)
            time = 0.01 + branch * work.branches + work_unit * (work.multiply_adds + work.read + work.written)
            layers.append(Timed(Chain([factor]), side, side, time))
    return LatencyTable({}, layers)


def times(chain: Chain, clock: Clock) -> list[float]:
    """Return the milliseconds of each factor with the shuffle in front of it, as the search adds them up."""
    found, behind, due = [], False, 0
    for conv in chain.convolutions:
        time, due = clock.time(conv, behind, due)
        found.append(time)
        behind = behind or conv.strides != (1, 1)
    found[-1] += clock.last_shuffle() * (due == PASSED)
    return found


@pytest.mark.parametrize("table", [random_table(3), costly_branches()], ids=["random", "branches"])
@pytest.mark.parametrize(("into", "out", "area"), LAYERS)
def test_the_factors_add_up_and_the_rest_is_bounded(into: int, out: int, area: int, table: LatencyTable) -> None:
    shuffled = 0
    for convolutions in every_chain(into, out, area, area * into * out + 6):
        chain = strided(convolutions, 2)
        window = max((conv.window for conv in chain.convolutions), default=(1, 1))
        clock = Clock(table, 5, 4, window, (2, 2), min(into, out), max(into, out), out)
        found, whole = times(chain, clock), chain_latency(chain, table, 5, 4)
        assert sum(found) + table.call == pytest.approx(whole.milliseconds), chain
        shuffled += whole.shuffles > 0
        need, placed = into, area == 1
        assert clock.rest(into, need, placed) <= sum(found) or not ends(chain, -1, need)
        for k, conv in enumerate(chain.convolutions[:-1]):
            need, placed = -(-need // conv.in_width), placed or not conv.is_pointwise
            assert clock.rest(conv.out_channels, need, placed) <= sum(found[k + 1 :]) or not ends(chain, k, need)
    assert shuffled or into < 4 or out < 4 or not any(table.coefficients["shuffle"])


def ends(chain: Chain, k: int, need: int) -> bool:
    """Return whether the factors behind the k-th end the need."""
    for conv in chain.convolutions[k + 1 :]:
        need = -(-need // conv.in_width)
    return need == 1


def test_the_rest_is_bounded_where_branches_and_arithmetic_weigh_alike() -> None:
    table = costly_branches(0.01, 1e-4)
    chain = Chain([GroupConv(64, 64, 8), GroupConv(64, 64, 8)])
    clock = Clock(table, 1, 1, (1, 1), (1, 1), 64, 64, 64)
    least = chain_latency(chain, table, 1, 1).milliseconds
    assert least < chain_latency(Chain([GroupConv(64, 64)]), table, 1, 1).milliseconds
    assert clock.rest(64, 64, True) == pytest.approx(least)


def test_a_shuffle_is_due_only_behind_branches_that_write_several_channels() -> None:
    clock = Clock(random_table(0), 3, 3, (1, 1), (1, 1), 2, 4, 2)
    factors = GroupConv(4, 2, 2), GroupConv(4, 4, 2), GroupConv(4, 2)
    assert [clock.time(conv, False, 0)[1] for conv in factors] == [0, 1, 0]
    assert [clock.time(GroupConv(4, 4, 4), False, due)[1] for due in (0, 1, 2)] == [0, PASSED, PASSED]
    spared = Chain(with_interleaving([GroupConv(4, 2, 2), GroupConv(2, 2, 2), GroupConv(2, 2)]))
    assert chain_latency(spared, clock.table, 3, 3).shuffles == 0
