"""What theory expects of random kernels against simulation and integrals, certificates, and butterflies as matrices."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.linalg import dft, hadamard

from igc_theory import Chain, igcv1, igcv2, igcv3
from igc_theory.kernels import project, random_product
from igc_theory.kernels.projection.errors import butterflies, certificates, expected_error, path_errors
from igc_theory.structure import ChannelPermutation, regular


@pytest.mark.parametrize("smallest", [0.0, 0.3, 1.0, 1.7, 1.99, 2.0])
def test_expected_errors_are_integrals_of_the_quarter_circle(smallest: float) -> None:
    def density(s: float) -> float:
        return np.sqrt(max(0.0, 4 - s**2)) / np.pi

    share = quad(density, smallest, 2)[0]
    tail = quad(lambda s: s**2 * density(s), 0, smallest)[0]
    assert expected_error(min(1, share)) ** 2 == pytest.approx(tail, abs=1e-7)


def test_expected_errors_are_those_of_a_large_random_matrix() -> None:
    squares = np.linalg.svd(np.random.default_rng(0).standard_normal((400, 400)), compute_uv=False) ** 2
    ranks = np.arange(0, 401, 20)
    measured = np.sqrt(1 - np.concatenate([[0], np.cumsum(squares)])[ranks] / squares.sum())
    assert np.abs(expected_error(ranks / 400) - measured).max() < 0.02


def test_errors_by_paths_are_near_the_expected_ones() -> None:
    columns = path_errors(48, [1, 2, 4], np.random.default_rng(0))
    assert np.abs(columns["measured"] - columns["expected"]).max() < 0.03
    for groups in (1, 2, 4):
        rows = columns["groups"] == groups
        assert columns["paths"][rows].tolist() == list(range(1, 48 // groups + 1))
        assert (np.diff(columns["measured"][rows]) < 0).all()
        assert columns["measured"][rows][-1] < 1e-12


@pytest.mark.parametrize("chain", [igcv1(2, 3, 1), igcv2([2, 2, 3]), igcv3(4, 4, 1)], ids=repr)
def test_certificates_enclose_the_best_product(chain: Chain) -> None:
    columns = certificates(chain, [0, 0.1, 1, 10], np.random.default_rng(0))
    assert (columns["bound"] <= columns["error"]).all()
    assert (columns["bound"] <= columns["hidden"] + 1e-12).all()  # the hidden product is one, too
    assert columns["hidden"][0] == 0
    assert columns["noise"].tolist() == [0, 0.1, 1, 10]


@pytest.mark.parametrize(
    "chain",
    [
        igcv2([2, 2, 2, 2], 1),
        igcv2([2, 3, 4], 1),
        Chain([ChannelPermutation([2, 0, 1, 3]), igcv1(2, 2, 1), ChannelPermutation([3, 1, 0, 2])]),
    ],
    ids=repr,
)
def test_factors_in_one_numbering_multiply_to_the_matrix(chain: Chain) -> None:
    product = random_product(chain, np.random.default_rng(0), np.complex128)
    factors = butterflies(product)
    matrix = np.eye(chain.in_channels)
    for factor in factors:
        matrix = factor @ matrix
    assert np.allclose(matrix, product.matrix())
    for factor, conv in zip(factors, chain.convolutions, strict=False):
        assert (np.count_nonzero(factor, axis=1) == conv.in_width).all()


def test_fast_transforms_have_butterflies_of_doubling_distance() -> None:
    reversal = ChannelPermutation([0, 4, 2, 6, 1, 5, 3, 7])
    chain = igcv2([2, 2, 2], 1)
    ascending = [[1], [2], [4]]
    for matrix, found, distances in (
        (hadamard(8), butterflies(project(hadamard(8), chain).product), ascending),
        (dft(8), butterflies(project(dft(8), Chain([reversal, chain])).product)[:3], ascending[::-1]),
    ):
        assert len(matrix) == 8
        for factor, distance in zip(found, distances, strict=True):
            rows, columns = np.nonzero(np.abs(factor) > 1e-9)
            assert set(np.abs(rows - columns)) == {0, *distance}


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match=r"share=1.5 .*within 0 … 1"):
        expected_error(1.5)
    with pytest.raises(ValueError, match="groups=5"):
        path_errors(12, [5], np.random.default_rng(0))
    with pytest.raises(ValueError, match="noise="):
        certificates(igcv1(2, 2), [-1], np.random.default_rng(0))
    for chain in (igcv1(2, 2), regular(2, 3, 1)):
        with pytest.raises(ValueError, match="pointwise and square"):
            butterflies(random_product(chain, np.random.default_rng(0)))
