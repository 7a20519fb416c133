"""All small designs: exhaustive lists that the tests of every room run over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache, wraps
from itertools import combinations, permutations, product

from igc_theory.structure.chains import Chain, Factor
from igc_theory.structure.factors import GroupConv
from igc_theory.structure.permutations import ChannelPermutation, interleave

Partition = tuple[tuple[int, ...], ...]


def listed_once(chains: Callable[[], Iterator[Chain]]) -> Callable[[], tuple[Chain, ...]]:
    """Keep the list that one test has made for the next."""
    return cache(wraps(chains)(lambda: tuple(chains())))


def divisors(number: int) -> list[int]:
    """All divisors, ascending."""
    return [d for d in range(1, number + 1) if number % d == 0]


def equal_partitions(channels: tuple[int, ...], width: int) -> Iterator[Partition]:
    """All ways to part the channels into branches of `width`."""
    if not channels:
        yield ()
        return
    for rest in combinations(channels[1:], width - 1):
        left = tuple(c for c in channels[1:] if c not in rest)
        for others in equal_partitions(left, width):
            yield ((channels[0], *rest), *others)


def all_partitions(channels: int) -> list[Partition]:
    """All partitions of 0 … channels-1 into branches of equal width, of any width."""
    return [part for width in divisors(channels) for part in equal_partitions(tuple(range(channels)), width)]


def one_of_each_kind(first: Partition, seconds: list[Partition]) -> dict[Partition, int]:
    """One second partition of each kind, with how many there are of it: a renumbering of channels makes any two alike."""
    kinds: dict[tuple[tuple[int, ...], ...], list[Partition]] = {}
    for second in seconds:
        tables = (
            tuple(sorted(tuple(len({*branch} & {*other}) for other in second) for branch in first))
            for second in permutations(second)
        )
        kinds.setdefault(min(tables), []).append(second)
    return {alike[0]: len(alike) for alike in kinds.values()}


def on_partitions(*partitions: Partition) -> Chain:
    """The chain whose factor l connects the channels of each branch of partition l, channel numbers kept throughout."""
    factors: list[Factor] = []
    for partition in partitions:
        factors += on_partition(partition)
    return Chain(factors)


@cache  # chains on the same partitions share these
def on_partition(partition: Partition) -> tuple[Factor, ...]:
    """A factor that connects the channels of each branch, between the permutations that gather and spread them."""
    gather = ChannelPermutation([channel for branch in partition for channel in branch])
    return gather, GroupConv(gather.channels, gather.channels, len(partition)), gather.inverse()


FOUR_CYCLE = on_partitions(
    ((0, 1), (2, 3), (4, 5), (6, 7)),
    ((0, 2), (3, 4), (5, 6), (7, 1)),
    ((0, 5), (2, 6), (3, 7), (4, 1)),
)
"""Unique paths without the published condition (THEORY section 5)."""

UNEVEN = on_partitions(((0, 1, 2), (3, 4, 5)), ((0, 1, 3), (2, 4, 5)), ((0, 1, 2), (3, 4, 5)))
"""Loosely complementary at both splits, yet with four or five paths per pair."""


@listed_once
def partition_chains() -> Iterator[Chain]:
    """Square chains with arbitrary permutations.

    All of two and three factors for up to five channels. Then six channels, and three factors of width two on eight channels. Of
    the first two partitions there is one of all pairs that a renumbering of the channels makes alike; the third partition is any.
    """
    for channels in range(1, 6):
        parts = all_partitions(channels)
        yield from (on_partitions(*pair) for pair in product(parts, repeat=2))
        yield from (on_partitions(*triple) for triple in product(parts, repeat=3))
    parts = all_partitions(6)
    for first in (next(equal_partitions(tuple(range(6)), width)) for width in divisors(6)):
        for second in one_of_each_kind(first, parts):
            yield on_partitions(first, second)
            yield from (on_partitions(first, second, third) for third in parts)
    pairings = [*equal_partitions(tuple(range(8)), 2)]
    for second in one_of_each_kind(pairings[0], pairings):
        yield from (on_partitions(pairings[0], second, third) for third in pairings)


def shapes(channels: int, largest: int) -> Iterator[GroupConv]:
    """All group convolutions that read `channels` and write at most `largest`."""
    for groups in divisors(channels):
        for out_width in range(1, largest // groups + 1):
            yield GroupConv(channels, groups * out_width, groups)


def rectangular(length: int, largest: int) -> Iterator[tuple[GroupConv, ...]]:
    """All sequences of `length` convolutions that fit, with at most `largest` channels anywhere."""
    sequences = [(conv,) for channels in range(1, largest + 1) for conv in shapes(channels, largest)]
    for _ in range(length - 1):
        sequences = [(*seq, conv) for seq in sequences for conv in shapes(seq[-1].out_channels, largest)]
    yield from sequences


def interleaved_chain(convs: tuple[GroupConv, ...]) -> Chain:
    """The convolutions with the interleaving permutation behind all but the last."""
    factors: list[Factor] = []
    for conv in convs[:-1]:
        factors += [conv, interleave(conv.groups, conv.out_width)]
    return Chain([*factors, convs[-1]])


@listed_once
def interleaved_chains() -> Iterator[Chain]:
    """All interleaved chains, rectangular ones too: up to two factors and 12 channels, three and 6, four and 4."""
    for length, largest in ((1, 12), (2, 12), (3, 6), (4, 4)):
        yield from map(interleaved_chain, rectangular(length, largest))


@listed_once
def permuted_rectangular_chains() -> Iterator[Chain]:
    """All rectangular chains of two convolutions with up to four channels and every permutation between and around them."""
    for first, second in rectangular(2, 4):
        for middle in permutations(range(first.out_channels)):
            yield Chain([first, ChannelPermutation(middle), second])
    for conv in (conv for seq in rectangular(1, 3) for conv in seq):
        ends = product(permutations(range(conv.in_channels)), permutations(range(conv.out_channels)))
        yield from (Chain([ChannelPermutation(a), conv, ChannelPermutation(b)]) for a, b in ends)
