"""The model of times: recovered from times that it made itself, and its sums against a walk over the factors."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from igc_theory.budget import LatencyTable, best_block
from igc_theory.budget.latency import Timed, Work, chain_latency, chain_work, conv_work, operator_time
from igc_theory.structure import (
    Chain,
    ChannelPermutation,
    GroupConv,
    depthwise_separable,
    group,
    igcv1,
    igcv3,
    interleave,
    regular,
)

FACTS = {"runtime": "an example"}
TRUE = {
    "pointwise": (0.01, 0.0, 3e-8, 1e-7, 2e-7),
    "group pointwise": (0.02, 1e-3, 4e-8, 0.0, 3e-7),
    "depthwise": (0.005, 2e-5, 5e-8, 2e-7, 1e-7),
    "shuffle": (0.004, 0.0, 0.0, 2e-7, 0.0),
}


def of_kind(kind: str, channels: int, out: int, groups: int) -> Chain:
    if kind == "shuffle":
        return Chain([interleave(groups, channels // groups)])
    if kind == "pointwise":
        return Chain([GroupConv(channels, out)])
    if kind == "depthwise":
        return Chain([GroupConv(channels, channels, channels, 3, 1 + (out == 64))])
    return Chain([GroupConv(channels, out, groups)])


def true_time(chain: Chain, side: int) -> float:
    """Walk over the factors with the true coefficients, in other words than the library."""
    total = 0.0
    for factor in chain.factors:
        if isinstance(factor, ChannelPermutation):
            fixed, _, _, read, _ = TRUE["shuffle"]
            total += fixed + read * factor.channels * side**2
            continue
        after = -(-side // factor.strides[0])
        amounts = 1, factor.groups, factor.parameters * after**2
        amounts += factor.in_channels * side**2, factor.out_channels * after**2
        total += float(np.dot(TRUE[factor.kind], amounts))
        side = after
    return total


def true_table(chains: list[tuple[Chain, int]], call: float = 0.0) -> LatencyTable:
    rng, layers = np.random.default_rng(5), []
    for kind in TRUE:
        for _ in range(30):
            channels, out, groups, side = (int(rng.choice(c)) for c in ((32, 64, 96), (32, 64), (2, 4, 8), (7, 14, 28)))
            chain = of_kind(kind, channels, out, groups)
            layers.append(Timed(chain, side, side, true_time(chain, side)))
    kept = [Timed(chain, side, side, true_time(chain, side) + call) for chain, side in chains]
    return LatencyTable(FACTS, layers, kept, call)


CHAINS = [
    (depthwise_separable(64, 96, stride=2), 28),
    (Chain([GroupConv(64, 64, 64, 3), GroupConv(64, 64, 8), interleave(8, 8), GroupConv(64, 64, 8)]), 14),
    (Chain([GroupConv(32, 64, 4), interleave(4, 16), GroupConv(64, 32, 8)]), 7),
]


def test_the_model_that_made_the_times_is_recovered_and_its_chains_are_exact() -> None:
    table = true_table(CHAINS, call=0.01)
    for kind in TRUE:
        chain = of_kind(kind, 48, 72, 4)
        (work,) = chain_work(chain, 9, 9)
        assert work.kind == kind
        assert operator_time(table, work) == pytest.approx(true_time(chain, 9), rel=1e-6), kind
    assert table.errors == pytest.approx(np.ones(3), rel=1e-6)
    assert table.interval == pytest.approx((1, 1), rel=1e-6)
    assert table.rank_correlation == 1
    for chain, side in CHAINS:
        assert chain_latency(chain, table, side, side).milliseconds == pytest.approx(true_time(chain, side) + 0.01)


def test_the_interval_and_the_rank_tell_how_far_the_model_is_off() -> None:
    factors = [0.5, 2.0, 1.0, 1.5, 0.8, 1.1]
    cases = [(GroupConv(32, 32 * k), 7 * k, f) for k, f in enumerate(factors, start=1)]
    timed = [Timed(Chain([conv]), side, side, f * true_time(Chain([conv]), side)) for conv, side, f in cases]
    table = LatencyTable(FACTS, true_table([]).layers, timed)
    assert sorted(table.errors) == pytest.approx(sorted(factors), rel=1e-6)
    assert table.interval == pytest.approx((np.quantile(factors, 0.1), np.quantile(factors, 0.9)), rel=1e-6)
    found = chain_latency(regular(32, 32, 1), table, 14, 14)
    assert (found.low, found.high) == pytest.approx([found.milliseconds * end for end in table.interval])
    assert chain_latency(regular(8, 8, 1), true_table([]), 7, 7).high == float("inf")


def test_a_chain_that_takes_no_time_has_a_rank_too() -> None:
    chains = [Timed(chain, side, side, time) for (chain, side), time in zip(CHAINS, [2.0, 1.0, 0.0], strict=True)]
    table = LatencyTable(FACTS, true_table([]).layers, chains)
    assert table.errors[2] == 0
    assert table.rank_correlation == pytest.approx(
        spearmanr([true_time(*case) for case in CHAINS], [2, 1, 0]).statistic
    )


def test_an_identity_among_the_layers_changes_nothing() -> None:
    layers = true_table([]).layers
    table = LatencyTable(FACTS, [*layers, Timed(Chain([interleave(1, 4)]), 7, 7, 0.1)])
    assert table.coefficients == LatencyTable(FACTS, layers).coefficients


def test_shuffles_count_only_where_they_cannot_be_folded() -> None:
    spared = regular(8, 8, 1) + interleave(2, 4) + regular(8, 8, 1)
    assert [work.kind for work in chain_work(spared, 7, 7)] == ["pointwise", "pointwise"]
    table = true_table([])
    assert chain_latency(spared, table, 7, 7).shuffles == 0
    found = chain_latency(igcv1(4, 2), table, 7, 7)
    assert found.shuffles == pytest.approx(2 * (0.004 + 2e-7 * 8 * 49) / found.milliseconds)
    assert [work.read for work in chain_work(igcv3(8, 8, 2, (2, 2), stride=2), 14, 14) if work.kind == "shuffle"] == [
        16 * 49,
        8 * 49,
    ]


def test_work_of_a_convolution() -> None:
    assert conv_work(GroupConv(6, 4, 2, 3, stride=(2, 1)), 5, 4) == Work("group", 2, 3 * 4 * 108, 6 * 20, 4 * 12)


def test_what_was_not_timed_has_a_stand_in() -> None:
    table = LatencyTable(FACTS, [Timed(group(8, 8, 2, 1), 7, 7, 0.25)])
    assert {kind: coefficients for kind, coefficients in table.coefficients.items() if any(coefficients)}.keys() == {
        kind for kind in table.coefficients if kind != "shuffle"
    }
    assert operator_time(table, Work("shuffle", 1, 0, 100, 100)) == 0


def test_more_work_never_takes_less_time() -> None:
    rng = np.random.default_rng(0)
    layers = [Timed(regular(int(c), int(c)), 7, 7, float(t)) for c, t in zip(range(2, 40), rng.random(38), strict=True)]
    table = LatencyTable(FACTS, layers)
    assert all(coefficient >= 0 for row in table.coefficients.values() for coefficient in row)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: LatencyTable(FACTS, []), "layers"),
        (lambda: LatencyTable(FACTS, [Timed(Chain([interleave(2, 2)]), 7, 7, 1.0)]), "no convolution"),
        (lambda: LatencyTable(FACTS, [Timed(Chain([interleave(4, 1)]), 7, 7, 1.0)]), "no convolution"),
        (lambda: LatencyTable("here", []), "machine='here'"),
        (lambda: LatencyTable(FACTS, [regular(2, 2)]), r"layers\[0\]"),
        (lambda: LatencyTable(FACTS, [Timed(igcv1(2, 2), 7, 7, 1.0)]), r"layers\[0\].*one factor"),
        (lambda: Timed(regular(2, 2), 7, 7, -1.0), "milliseconds=-1.0"),
        (lambda: Timed(regular(2, 2), 0, 7, 1.0), "height=0"),
        (lambda: Timed("regular", 7, 7, 1.0), "chain='regular'"),
        (lambda: chain_latency(regular(2, 2), "table", 7, 7), "table='table'"),
        (lambda: chain_latency(regular(2, 2), true_table([]), 7, 0), "width=0"),
    ],
)
def test_bad_input(call, sentence: str) -> None:
    with pytest.raises((TypeError, ValueError), match=sentence):
        call()


def test_a_factor_with_a_window_may_be_faster_than_one_without():
    def timed(conv, milliseconds):
        return Timed(Chain([conv]), 8, 8, milliseconds)

    fast = [timed(GroupConv(8, out, 2, 3), 0.5) for out in (8, 16)]
    slow = [timed(GroupConv(8, out, 2), out / 8.0) for out in (8, 16)]
    others = [timed(GroupConv(16, 8, 2), 1.0), timed(GroupConv(16, 16, 4), 2.0), timed(GroupConv(8, 8), 50.0)]
    others += [timed(GroupConv(8, 8, groups, size), 50.0) for groups, size in ((1, 3), (8, 3), (8, 1))]
    table = LatencyTable({"runtime": "made up"}, [*fast, *slow, *others, timed(interleave(2, 4), 0.01)])
    found = best_block(8, 16, 3, objective="latency", table=table, image=8, max_factors=2).chain
    assert chain_latency(found, table, 8, 8).milliseconds <= 1 + 0.01 + 0.5 + 0.01
