"""Spectra of blocks: their tails are the error of the nearest product, and their number is what the chain says."""

import numpy as np
import pytest
from scipy.linalg import hadamard

from igc_theory.kernels import block_spectra, project, random_product
from igc_theory.structure import Chain, GroupConv, group, igcv1, igcv2, igcv3, interleaved, regular

TWO_FACTORS = {
    "strict": igcv1(4, 3),
    "strict, pointwise": igcv1(3, 4, kernel_size=1),
    "loose": interleaved(8, [4, 4]),
    "uneven": interleaved(12, [4, 6], kernel_size=1),
    "not dense": interleaved(12, [2, 3]),
    "nested": Chain(igcv1(4, 3).convolutions),
    "spatial behind": Chain([GroupConv(8, 8, 4), *interleaved(8, [2, 4]).factors[1:2], GroupConv(8, 8, 2, 3)]),
    "widening": Chain([GroupConv(6, 12, 3), GroupConv(12, 4, 2)]),
}


def kernel_for(chain, seed=0):
    window = chain.spatial[0].window if chain.spatial else (1, 1)
    return np.random.default_rng(seed).standard_normal((chain.out_channels, chain.in_channels, *window))


def lost(spectra):
    """Return the energy of the singular values beyond the ranks."""
    return float((spectra["value"][spectra["index"] >= spectra["rank"]] ** 2).sum())


@pytest.mark.parametrize("chain", TWO_FACTORS.values(), ids=TWO_FACTORS)
def test_the_tails_are_the_error_of_the_nearest_product(chain):
    kernel = kernel_for(chain)
    spectra = block_spectra(kernel, chain)
    energy = float((spectra["value"] ** 2).sum())
    assert energy == pytest.approx(np.linalg.norm(kernel) ** 2)
    assert np.sqrt(lost(spectra) / energy) == pytest.approx(project(kernel, chain).relative_error)


@pytest.mark.parametrize("chain", [igcv2([2, 2, 3]), igcv2([4, 2, 2, 2], 1), igcv3(4, 4, expansion=1)])
def test_splits_of_longer_chains_bound_the_error_and_products_lose_nothing(chain):
    kernel, product = kernel_for(chain), random_product(chain, np.random.default_rng(1)).kernel()
    for split in range(1, len(chain.convolutions)):
        bound = np.sqrt(lost(block_spectra(kernel, chain, split))) / np.linalg.norm(kernel)
        assert 0 < bound <= project(kernel, chain).relative_error + 1e-12
        assert lost(block_spectra(product, chain, split)) < 1e-20 * np.linalg.norm(product) ** 2


def test_the_best_bound_of_a_complementary_chain_is_that_of_the_projection():
    chain = igcv2([2, 3, 2])
    kernel = kernel_for(chain)
    bounds = [np.sqrt(lost(block_spectra(kernel, chain, split))) / np.linalg.norm(kernel) for split in (1, 2)]
    assert max(bounds) == pytest.approx(project(kernel, chain).lower_bound)


def test_one_block_is_the_whole_kernel():
    chain = regular(6, 3, kernel_size=1) + regular(3, 5, kernel_size=1)
    kernel = kernel_for(chain)[:, :, 0, 0]
    spectra = block_spectra(kernel, chain)
    assert spectra["value"] == pytest.approx(np.linalg.svd(kernel, compute_uv=False))
    assert set(spectra["rank"]) == {3}
    assert set(spectra["block"]) == {0}


def test_complex_kernels_have_real_spectra():
    chain = igcv1(2, 2, kernel_size=1)
    kernel = kernel_for(chain) + 1j * kernel_for(chain, seed=1)
    assert (block_spectra(kernel, chain)["value"] ** 2).sum() == pytest.approx(np.linalg.norm(kernel) ** 2)


@pytest.mark.parametrize(("kernel", "chain", "split", "sentence"), [
    (hadamard(4), igcv1(2, 2, 1), 0, "split=0 is below 1: use 1 to 1"),
    (hadamard(4), igcv1(2, 2, 1), 2, "split=2 leaves no convolution behind it"),
    (hadamard(4), regular(4, 4, 1), 1, "give a chain of at least two convolutions"),
    (hadamard(8), igcv1(2, 2, 1), 1, r"kernel has shape \(8, 8\), but the chain needs \(4, 4, 1, 1\)"),
    (hadamard(4), igcv1(2, 2, 3), 1, r"but the chain needs \(4, 4, 3, 3\)"),
    ([[1, np.nan], [0, 1]], igcv1(2, 1, 1), 1, "nan"),
    (np.ones((4, 4, 3, 3)), group(4, 4, 2) + group(4, 4, 2), 1, "several spatial convolutions"),
])  # fmt: skip
def test_what_does_not_fit_is_refused_with_a_sentence(kernel, chain, split, sentence):
    with pytest.raises(ValueError, match=sentence):
        block_spectra(kernel, chain, split)


def test_other_things_are_refused():
    with pytest.raises(TypeError, match="give a Chain"):
        block_spectra(hadamard(4), [1, 2])
    with pytest.raises(TypeError, match="kernel has dtype"):
        block_spectra([["a"] * 4] * 4, igcv1(2, 2, 1))
