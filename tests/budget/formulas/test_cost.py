"""Costs: every formula against the entries of matrices that are written out, and against arrays that are really moved."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
import pytest
import sympy as sp

from igc_theory.budget import (
    best_dense,
    best_strict,
    igcv1_parameters,
    igcv2_parameters,
    igcv3_parameters,
    multiply_adds,
    regular_parameters,
    widest_dense,
    widest_igcv1,
    widest_strict,
)
from igc_theory.budget.chain_cost import activation_bytes, arithmetic_intensity, image_sizes, weight_bytes
from igc_theory.budget.curves.blocks import price_of_imbalance, width_of_igcv1_designs
from igc_theory.budget.curves.tradeoffs import weights_against_factors
from igc_theory.budget.formulas import block_widths
from igc_theory.budget.formulas.cost import depthwise_separable_parameters, group_parameters, interleaved_parameters
from igc_theory.budget.formulas.widths import balanced_parameters, constrained_width
from igc_theory.kernels import convolve
from igc_theory.structure import (
    Chain,
    GroupConv,
    Sum,
    depthwise_separable,
    group,
    igcv1,
    igcv2,
    igcv3,
    interleave,
    interleaved,
    inverted_residual,
    regular,
)
from tests import cases, oracles


def support(conv: GroupConv) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """The 0/1 matrix (C_out, C_in * S) of one convolution, entry by entry."""
    height, width = conv.window
    matrix = np.zeros((conv.out_channels, conv.in_channels, height, width), dtype=np.uint8)
    for source, target in oracles.arrows(conv):
        matrix[target, source] = 1
    return matrix.reshape(conv.out_channels, -1)


def stored_entries(chain: Chain) -> int:
    return sum(np.count_nonzero(support(conv)) for conv in chain.convolutions)


WINDOWS = [1, 2, 3, (1, 5), (3, 1)]


def area(window: int | tuple[int, int]) -> int:
    return window**2 if isinstance(window, int) else window[0] * window[1]


def test_parameters_are_the_entries_of_every_small_design() -> None:
    for chain in cases.interleaved_chains():
        assert chain.parameters == stored_entries(chain)


def test_single_convolutions_by_formula() -> None:
    for C, C_out, window in product(range(1, 7), range(1, 7), WINDOWS):
        S = area(window)
        assert regular_parameters(C, S, C_out) == stored_entries(regular(C, C_out, window))
        assert depthwise_separable_parameters(C, S, C_out) == stored_entries(depthwise_separable(C, C_out, window))
        for G in range(1, 7):
            if C % G == C_out % G == 0:
                assert group_parameters(C, G, S, C_out) == stored_entries(group(C, C_out, G, window))
    assert regular_parameters(6, 25) == 900
    assert group_parameters(6, 2, 25) == 450


def test_igcv1_and_igcv2_by_formula() -> None:
    for L, M, window in product(range(1, 7), range(1, 7), WINDOWS):
        assert igcv1_parameters(L, M, area(window)) == stored_entries(igcv1(L, M, window))
    for factors in (1, 2, 3, 4):
        for widths in product((1, 2, 3), repeat=factors):
            assert igcv2_parameters(widths, 9) == stored_entries(igcv2(widths))


def test_interleaved_by_formula_for_every_choice_of_divisors() -> None:
    for C in range(1, 13):
        for widths in product(cases.divisors(C), repeat=2):
            assert interleaved_parameters(C, widths, 9) == stored_entries(interleaved(C, widths))


def test_igcv3_by_formula() -> None:
    for C, C_out, t, G1, G2 in product((2, 4, 6), (2, 4, 6), (1, 2, 6), (1, 2), (1, 2)):
        chain = igcv3(C, C_out, t, (G1, G2), stride=2)
        assert igcv3_parameters(C, C_out, t, (G1, G2), 9) == stored_entries(chain)
    assert igcv3_parameters(8, 6, 6, (1, 1), 9) == stored_entries(inverted_residual(8, 6))


def test_special_cases_of_igcv1() -> None:
    for S, size in product((1, 4, 9, 25), range(1, 20)):
        assert igcv1_parameters(size, 1, S) == depthwise_separable_parameters(size, S)
        assert igcv1_parameters(1, size, S) == regular_parameters(size, S) + size


FORMULAS: list[tuple[Callable[..., Any], tuple[int, ...]]] = [
    (regular_parameters, (64, 9, 32)),
    (group_parameters, (64, 4, 9, 32)),
    (depthwise_separable_parameters, (64, 9, 32)),
    (igcv1_parameters, (24, 2, 9)),
    (lambda K_1, K_2, K_3, S: igcv2_parameters([K_1, K_2, K_3], S), (1, 8, 8, 9)),
    (lambda C, K_1, K_2, S: interleaved_parameters(C, [K_1, K_2], S), (64, 1, 8, 9)),
    (lambda C, C_out, t, G1, G2, S: igcv3_parameters(C, C_out, t, (G1, G2), S), (24, 32, 6, 2, 4, 9)),
]


@pytest.mark.parametrize(("formula", "sizes"), FORMULAS)
def test_one_formula_for_ints_arrays_and_symbols(formula: Callable[..., Any], sizes: tuple[int, ...]) -> None:
    count = formula(*sizes)
    assert type(count) is int
    assert type(formula(*map(np.int8, sizes))) is int  # small dtypes must not wrap
    assert formula(*map(np.int8, sizes)) == count
    grid = np.array([sizes, [2 * size for size in sizes]], dtype=np.uint8).T
    curve = formula(*grid)
    assert curve.dtype == np.int64
    assert curve.tolist() == [count, formula(*(2 * size for size in sizes))]
    symbols = sp.symbols(f"a:{len(sizes)}", positive=True)
    assert formula(*symbols).subs(dict(zip(symbols, sizes, strict=True))) == count
    assert formula(*map(float, sizes)) == pytest.approx(count, rel=1e-15)


def test_counts_beyond_64_bits_are_exact() -> None:
    assert regular_parameters(10**20, 9) == 9 * 10**40
    assert igcv1_parameters(10**12, 10**11, 9) == 9 * 10**34 + 10**35


def test_fractions_stay_exact() -> None:
    assert igcv1_parameters(Fraction(3, 2), Fraction(2, 3), 9) == Fraction(15, 2)
    assert group_parameters(Fraction(7), 2, 9) == Fraction(441, 2)


STRIDES = [1, 2, 3, (2, 1)]


def strided_chains() -> list[Chain]:
    strided = [Chain([GroupConv(4, 6, 2, 3, stride), interleave(2, 3), GroupConv(6, 4, 2, 1, 2)]) for stride in STRIDES]
    return [*strided, igcv3(4, 8, 2, stride=2), regular(3, 5, (1, 5)), Chain([interleave(2, 2)])]


@pytest.mark.parametrize("chain", strided_chains())
@pytest.mark.parametrize("size", [(1, 1), (5, 4), (6, 7), (8, 8)])
def test_multiply_adds_one_position_at_a_time(chain: Chain, size: tuple[int, int]) -> None:
    height, width = size
    total = 0
    for conv in chain.convolutions:
        rows, columns = range(0, height, conv.strides[0]), range(0, width, conv.strides[1])
        total += sum(np.count_nonzero(support(conv)) for _ in product(rows, columns))
        height, width = len(rows), len(columns)
    assert multiply_adds(chain, *size) == total


def test_padding_of_pointwise_factors_is_read_by_the_first_convolution() -> None:
    chain = Chain([GroupConv(8, 4, kernel_size=1), interleave(2, 2), GroupConv(4, 16, kernel_size=1)])
    assert multiply_adds(chain, 6, 6, written=(8, 8)) == (8 * 4 + 4 * 16) * 8 * 8
    assert image_sizes(chain.factors, (6, 6), (8, 8)) == [(6, 6), (8, 8), (8, 8), (8, 8)]
    assert image_sizes([interleave(2, 2), *chain.factors[2:]], (6, 6), (8, 7)) == [(6, 6), (6, 6), (8, 7)]


def test_a_pointwise_branch_beside_a_window_works_where_both_write() -> None:
    chain = Sum([regular(4, 4), regular(4, 4, kernel_size=1)])
    assert multiply_adds(chain, 8, 8, written=(6, 6)) == (4 * 4 * 9 + 4 * 4) * 6 * 6


@pytest.mark.parametrize("chain", strided_chains())
def test_bytes_of_arrays_that_are_really_there(chain: Chain) -> None:
    image = np.ones((chain.in_channels, 7, 6), dtype=np.float32)
    kept, moved, stored = image.nbytes, 0, 0
    for conv in chain.convolutions:
        kernel = np.ones((conv.out_channels, conv.in_width, *conv.window), dtype=np.float32)
        before, image = image, convolve(image, kernel, conv.groups, conv.strides).astype(np.float32)
        kept, stored = kept + image.nbytes, stored + kernel.nbytes
        moved += before.nbytes + image.nbytes + kernel.nbytes
    assert activation_bytes(chain, 7, 6) == kept
    assert weight_bytes(chain) == stored
    assert activation_bytes(chain, 7, 6, bytes_per_activation=1) * 4 == kept
    assert weight_bytes(chain, bytes_per_weight=2) * 2 == stored
    work = multiply_adds(chain, 7, 6)
    assert arithmetic_intensity(chain, 7, 6) == pytest.approx(work / moved if moved else 0)


@pytest.mark.parametrize(
    "bad", [0, -1, True, None, "9", 2.5j, float("nan"), float("inf"), [4, 0], [[1], [2, 3]], sp.Integer(-2)]
)
@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("C", lambda bad: regular_parameters(bad, 9)),
        ("S", lambda bad: regular_parameters(4, bad)),
        ("groups", lambda bad: group_parameters(4, bad, 9)),
        ("S", lambda bad: depthwise_separable_parameters(4, bad)),
        ("L", lambda bad: igcv1_parameters(bad, 2, 9)),
        ("M", lambda bad: igcv1_parameters(2, bad, 9)),
        (r"branch_widths\[1\]", lambda bad: igcv2_parameters([1, bad], 9)),
        ("C", lambda bad: interleaved_parameters(bad, [1, 2], 9)),
        ("t", lambda bad: igcv3_parameters(4, 4, bad, (2, 2), 9)),
        ("groups", lambda bad: igcv3_parameters(4, 4, 6, (bad, 2), 9)),
    ],
)
def test_bad_quantities_are_named(name: str, call: Callable[[Any], Any], bad: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=f"^{name}="):
        call(bad)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: group_parameters(6, 4, 9), "C/groups=6/4 leaves a remainder: use a divisor, or floats"),
        (lambda: group_parameters(np.array([4, 6]), 4, 9), "C/groups=6/4 leaves a remainder"),
        (lambda: group_parameters(4, 2, 9, 5), "C_out/groups=5/2 leaves a remainder"),
        (lambda: igcv2_parameters([], 9), "branch_widths=.* is empty"),
        (lambda: igcv2_parameters(8, 9), "branch_widths=8 is an int, not a sequence"),
        (lambda: igcv3_parameters(4, 4, 6, 2, 9), "groups=2 is not a pair"),
        (lambda: multiply_adds("chain", 8, 8), "chain='chain' is a str"),
        (lambda: multiply_adds(regular(4, 4), 0, 8), "height=0 is below 1"),
        (lambda: multiply_adds(regular(4, 4), 8, 2.0), "width=2.0 is a float"),
        (lambda: weight_bytes(regular(4, 4), 0), "bytes_per_weight=0"),
        (lambda: activation_bytes(regular(4, 4), 8, 8, True), "bytes_per_activation=True"),
        (lambda: arithmetic_intensity(regular(4, 4), 8, 8, -4), "bytes_per_number=-4"),
    ],
)
def test_bad_arguments_get_a_sentence(call: Callable[[], Any], sentence: str) -> None:
    with pytest.raises((TypeError, ValueError), match=sentence):
        call()


@pytest.mark.parametrize(
    "bad", [sp.nan, sp.true, sp.Eq(sp.Symbol("x"), 1), sp.eye(2), sp.I, sp.Symbol("n", negative=True)]
)
def test_what_is_no_number_of_sympy_is_named(bad: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=r"^S="):
        regular_parameters(64, bad)
    assert regular_parameters(sp.sqrt(2), sp.Symbol("S")) == 2 * sp.Symbol("S")


def test_inputs_are_left_alone() -> None:
    widths, C = [1, 8, 8], np.array([64, 128])
    igcv2_parameters(widths, 9)
    regular_parameters(C, 9)
    assert widths == [1, 8, 8]
    assert C.tolist() == [64, 128]


def test_costs_do_not_load_the_computer_algebra() -> None:
    use = "b.igcv1_parameters(24, 2, 9); b.widest_igcv1(4672, 9)"
    script = f"import sys, igc_theory.budget as b; {use}; print('sympy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize("window", [(3, 3), [1, 5]])
@pytest.mark.parametrize(
    "asked",
    [
        lambda S: regular_parameters(8, S),
        lambda S: group_parameters(8, 2, S),
        lambda S: depthwise_separable_parameters(8, S),
        lambda S: igcv1_parameters(8, 8, S),
        lambda S: igcv2_parameters([2, 2], S),
        lambda S: interleaved_parameters(8, [2, 2], S),
        lambda S: igcv3_parameters(8, 8, 2, (1, 1), S),
        lambda S: block_widths.igcv1_width(4672, 8, S),
        lambda S: balanced_parameters(64, 2, S),
        lambda S: constrained_width(4672, S),
        lambda S: best_strict(64, S),
        lambda S: best_dense(64, S),
        lambda S: widest_igcv1(4672, S),
        lambda S: widest_strict(4672, S),
        lambda S: widest_dense(4672, S),
        lambda S: weights_against_factors(64, S),
        lambda S: width_of_igcv1_designs(4672, S),
        lambda S: price_of_imbalance(S=S),
    ],
)
def test_a_window_is_refused_where_an_area_is_meant(
    asked: Callable[[object], object], window: tuple[int, int] | list[int]
) -> None:
    with pytest.raises(TypeError, match=r"is a window, and S is a kernel area.*S=[95] for kernel_size="):
        asked(window)
