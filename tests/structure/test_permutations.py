"""Channel permutations: the gather convention, interleaving, and what is refused."""

from __future__ import annotations

import copy
import pickle
from itertools import permutations

import numpy as np
import pytest

from igc_theory.structure import ChannelPermutation, interleave


def test_gather_convention_is_that_of_the_permutation_matrix() -> None:
    x = np.array([5.0, 7.0, 11.0, 13.0])
    for indices in permutations(range(4)):
        p, matrix = ChannelPermutation(indices), np.eye(4)[list(indices)]
        assert (p(x) == matrix @ x).all()
        assert (p.inverse()(p(x)) == x).all()
        assert p.inverse().inverse() == p


def test_interleaving_reads_partitions_and_writes_them_transposed() -> None:
    for L in range(1, 8):
        for M in range(1, 8):
            p = interleave(L, M)
            assert all(p.indices[m * L + l] == l * M + m for l in range(L) for m in range(M))
            assert p.inverse() == interleave(M, L) == ChannelPermutation(np.argsort(p.indices))
            assert p == ChannelPermutation(p.indices)
            assert hash(p) == hash(ChannelPermutation(p.indices))


def test_an_axis_can_be_named_and_the_input_stays() -> None:
    x = np.arange(24).reshape(2, 6, 2)
    before = x.copy()
    assert (interleave(2, 3)(x, axis=1) == x[:, [0, 3, 1, 4, 2, 5]]).all()
    assert (x == before).all()


def test_indices_are_read_only_and_copied() -> None:
    given = np.array([1, 0])
    p = ChannelPermutation(given)
    given[0] = 0
    assert p.indices.tolist() == [1, 0]
    with pytest.raises(ValueError, match="read-only"):
        p.indices[0] = 0
    with pytest.raises(AttributeError):
        p.channels = 3


def test_a_million_interleaved_channels_keep_no_index_list_when_copied() -> None:
    p = interleave(1000, 1000)
    assert pickle.loads(pickle.dumps(p)) == p == copy.deepcopy(p)
    assert len(pickle.dumps(p)) < 200
    assert pickle.loads(pickle.dumps(ChannelPermutation([2, 0, 1]))).indices.tolist() == [2, 0, 1]


def test_interleavings_of_any_size_are_compared_and_hashed_without_index_lists() -> None:
    huge = [interleave(2**l, 2 ** (40 - l)) for l in range(41)]
    alike = [(k, l) for k in range(41) for l in range(41) if huge[k] == huge[l]]
    assert alike == sorted([(k, k) for k in range(41)] + [(0, 40), (40, 0)])
    assert len(set(huge)) == 40
    assert interleave(1, 2**40) != interleave(1, 2**39)


def test_all_interleavings_of_small_sizes_are_equal_where_their_lists_are() -> None:
    small = [interleave(L, M) for L in range(1, 13) for M in range(1, 13)] + [interleave(1, 70), interleave(70, 2)]
    for p in small:
        assert hash(p) == hash(ChannelPermutation(p.indices))
        assert all((p == q) == (p.indices.tolist() == q.indices.tolist()) for q in small)


@pytest.mark.parametrize(
    ("indices", "error", "sentence"),
    [
        (
            [0, 2, 2],
            ValueError,
            r"indices\[2\]=2 repeats indices\[1\]: each of 0 … 2 must occur once, and 1 is missing",
        ),
        ([0, 3, 1], ValueError, r"indices\[1\]=3 is outside 0 … 2: each of these must occur once"),
        ([0, -1], ValueError, r"indices\[1\]=-1 is outside 0 … 1"),
        ([], ValueError, r"indices has shape \(0,\), not \(channels,\)"),
        ([[0, 1]], ValueError, r"indices has shape \(1, 2\)"),
        ([[0, 1], [2]], ValueError, r"indices=\[\[0, 1\], \[2\]\] is a ragged nesting"),
        ([0.0, 1.0], TypeError, r"indices has dtype float64, not integers: give each of 0 … 1 once"),
        ([True, False], TypeError, r"indices has dtype bool, not integers"),
        (["a"], TypeError, "not integers"),
    ],
)
def test_lists_that_are_not_permutations(indices: list[int], error: type[Exception], sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        ChannelPermutation(indices)


def test_arrays_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match=r"x of shape \(3,\) does not have 4 channels along axis 0"):
        interleave(2, 2)([1, 2, 3])
    with pytest.raises(ValueError, match=r"along axis 2: give an array whose axis 2 has length 4"):
        interleave(2, 2)(np.zeros((4, 4)), axis=2)
    with pytest.raises(ValueError, match="groups=0 is below 1"):
        interleave(0, 2)
    with pytest.raises(TypeError, match=r"width=2.0 is a float, not an integer"):
        interleave(2, 2.0)
