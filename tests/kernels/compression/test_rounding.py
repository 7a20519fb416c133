"""The step of a quantizer against all integers, and the search of long rows against a sweep over all breakpoints."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from igc_theory.kernels import quantize
from igc_theory.kernels.compression import rounding


def least_error(row: np.ndarray, top: int) -> float:
    """The least squared error of all integers, each with the scale of a least-squares fit."""
    levels = np.array([v for v in product(range(-top, top + 1), repeat=row.size) if any(v)])
    return float((row @ row - (levels @ row) ** 2 / (levels**2).sum(axis=1)).min())


def error_of(row: np.ndarray, step: float, top: int) -> float:
    """The squared error with that step, its scale fitted."""
    levels = np.clip(np.rint(row / step), -top, top)
    return float(((row - levels * (row @ levels) / (levels @ levels)) ** 2).sum())


ROWS = [np.random.default_rng(seed).standard_normal(1 + seed % 5) for seed in range(20)]
ROWS += [
    np.array(row) for row in ([1.0, 1, 1], [5.0, -3, 0, 2], [1e-9, 1], [0.0, 0, 7], [4.0, 2, 1, -4], [2.5, 1.5, 0.5])
]
SMALL = [(bits, row) for bits in (2, 3, 4) for row in ROWS if (2**bits - 1) ** row.size < 60_000]


@pytest.mark.parametrize(("bits", "row"), SMALL, ids=lambda value: str(value) if isinstance(value, int) else "")
def test_no_integers_are_nearer(bits: int, row: np.ndarray) -> None:
    top, tolerance = 2 ** (bits - 1) - 1, 1e-14 * float(row @ row)
    best = least_error(row, top)
    assert ((row - quantize(row[None], bits).matrix) ** 2).sum() == pytest.approx(best, abs=tolerance)
    assert error_of(row, rounding._searched(np.abs(row), top), top) == pytest.approx(best, abs=tolerance)


@pytest.mark.parametrize(("top", "size"), [(1, 400), (3, 300), (7, 200), (127, 9), (127, 64)])
@pytest.mark.parametrize("kind", ["normal", "heavy", "few values", "integers", "one outlier"])
def test_branch_and_bound_finds_what_a_sweep_over_all_breakpoints_finds(top: int, size: int, kind: str) -> None:
    rng = np.random.default_rng(size)
    row = {
        "normal": rng.standard_normal(size),
        "heavy": rng.standard_cauchy(size),
        "few values": rng.choice([0.0, 0.3, 1 / 3, 1.0], size),
        "integers": rng.integers(-40, 41, size).astype(float),
        "one outlier": np.concatenate([[1e3], rng.standard_normal(size - 1)]),
    }[kind]
    swept, searched = rounding._swept(np.abs(row)[None], top)[0, 0], rounding._searched(np.abs(row), top)
    assert error_of(row, searched, top) == pytest.approx(error_of(row, swept, top), rel=1e-9, abs=1e-14 * row @ row)


def test_bounds_hold_at_every_step_of_their_interval() -> None:
    rng = np.random.default_rng(0)
    values, top = np.sort(np.abs(rng.standard_normal(30))), 5
    sums = np.concatenate([np.zeros((2, 1)), np.cumsum([values**0, values], axis=1)], axis=1)
    known, low = rounding._Magnitudes(values, values**0, sums), np.geomspace(0.01, 3, 200)
    positive = 0
    for width in (1.001, 1.02, 1.1, 1.5):
        ends = (rounding._passed(known, step, top) for step in (low, low * width))
        intervals = rounding._Intervals(low, low * width, *ends)
        bounds = rounding._lower_bounds(known, intervals, values @ values, *rounding._starts(known, intervals.last))
        steps = low[:, None] * np.linspace(1, width, 50)
        errors = ((values - steps[..., None] * np.clip(np.rint(values / steps[..., None]), 0, top)) ** 2).sum(axis=-1)
        assert (bounds <= errors.min(axis=1) + 1e-12).all()
        positive += int((bounds > 0.5 * errors.min(axis=1)).sum())
    assert positive > 300  # and they are worth something


@pytest.mark.parametrize("bits", [3, 8])
def test_one_scale_for_all_rows_is_the_step_of_their_row(bits: int) -> None:
    matrix = np.random.default_rng(1).standard_normal((6, 50))
    row = quantize(matrix.reshape(1, -1), bits).matrix
    assert np.array_equal(quantize(matrix, bits, per="tensor").matrix.ravel(), row.ravel())


def test_integers_come_back_exactly() -> None:
    rng = np.random.default_rng(2)
    for bits in range(2, 11):
        top = 2 ** (bits - 1) - 1
        matrix = rng.integers(-top, top + 1, (4, 40)).astype(float)
        assert quantize(0.37 * matrix, bits).relative_error < 1e-13


def test_steps_of_single_precision_are_those_of_double() -> None:
    matrix = np.random.default_rng(3).standard_normal((3, 9)).astype(np.float32)
    single, double = quantize(matrix, 8), quantize(matrix.astype(float), 8)
    assert single.matrix.dtype == np.float32
    assert single.relative_error == pytest.approx(double.relative_error, rel=1e-4)


def test_large_matrices_of_many_bits_say_that_steps_were_tried_and_keep_the_stated_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    matrix = np.random.default_rng(4).standard_normal((5, 30))
    exact = quantize(matrix, 10)
    assert exact.setting == "10 bits"
    monkeypatch.setattr(rounding, "EXACT_BREAKPOINTS", matrix.size * 511 - 1)
    tried = quantize(matrix, 10)
    assert tried.setting == "10 bits, best of 39 steps"
    assert exact.relative_error < tried.relative_error
    off = np.linalg.norm(matrix - tried.matrix, axis=1)
    assert (off <= np.sqrt(30) * np.abs(matrix).max(axis=1) / (2 * 511)).all()


@pytest.mark.parametrize("size", [4, 40_000])
def test_rows_of_zeros_and_rows_that_vanish(size: int) -> None:
    matrix = np.zeros((3, size))
    matrix[1, :3], matrix[2, 0] = 1e-320, 1
    found = quantize(matrix, 4).matrix
    assert not found[:2].any()
    assert np.array_equal(found[2], matrix[2])


def test_memory_stays_bounded_on_long_rows() -> None:
    import tracemalloc

    matrix = np.random.default_rng(5).standard_normal((2, 2**15))
    tracemalloc.start()
    quantize(matrix, 8)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**25 < 2 * 2**15 * 127 * 8  # less than the breakpoints alone would take
