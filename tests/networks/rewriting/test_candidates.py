"""Candidates against dense kernels: what each of them says of itself is what its weights do."""

import numpy as np
import pytest

from igc_theory.kernels.convolution import kernel_matrix
from igc_theory.networks.rewriting.candidates.candidates import candidates
from igc_theory.structure.chains import Chain
from igc_theory.structure.factors import GroupConv

LAYERS = [
    GroupConv(8, 8, kernel_size=3),
    GroupConv(6, 10, kernel_size=(1, 3), stride=(1, 2)),
    GroupConv(16, 12),
    GroupConv(8, 12, groups=2, kernel_size=3, stride=2),
    GroupConv(12, 1),
]


def second_moments(conv, rng):
    """Return second moments of correlated inputs of different sizes."""
    n = conv.in_channels * conv.kernel_area
    draws = rng.standard_normal((4 * n, n)) @ rng.standard_normal((n, n)) * rng.uniform(0.2, 2, n)
    return draws.T @ draws / len(draws)


def distance(matrix, moments):
    """Return the norm that the errors are said to have."""
    if moments is None:
        return np.linalg.norm(matrix)
    if moments.ndim == 1:
        return np.linalg.norm(matrix * np.sqrt(moments))
    return np.linalg.norm(matrix @ np.linalg.cholesky(moments))


@pytest.mark.parametrize("known", ["nothing", "diagonal", "pairs"])
@pytest.mark.parametrize("conv", LAYERS)
def test_errors_and_weights_are_those_of_the_dense_kernel(conv, known):
    rng = np.random.default_rng(0)
    weight = rng.standard_normal((conv.out_channels, conv.in_width, *conv.window))
    moments = None if known == "nothing" else second_moments(conv, rng)
    moments = np.diagonal(moments) if known == "diagonal" else moments
    scales = rng.uniform(0.3, 2, conv.out_channels) * rng.choice([-1, 1], conv.out_channels)
    reorder = conv == LAYERS[2] and known == "diagonal"
    found = candidates(weight, conv, (4, 3), moments=moments, scales=scales, reorder=reorder)
    dense, rows = kernel_matrix(weight, conv.groups), scales[:, None]
    assert len(found) > 3
    for candidate in found:
        made = candidate.substitute
        replaced = made.kernel(conv.in_channels).reshape(dense.shape)
        error = distance((dense - replaced) * rows, moments) / distance(dense * rows, moments)
        assert made.relative_error == pytest.approx(error, abs=1e-7), candidate.name
        assert made.relative_error <= candidate.relative_error + 1e-7, candidate.name
        assert sum(array.size for array in made.product.weights) == candidate.parameters
        assert candidate.storage_bits >= 32 * candidate.parameters
        assert made.product.stride == conv.strides


@pytest.mark.parametrize("axes", [1, 2])
@pytest.mark.parametrize("conv", LAYERS)
def test_moments_that_are_all_zero_say_nothing(conv, axes):
    weight = np.random.default_rng(0).standard_normal((conv.out_channels, conv.in_width, *conv.window))
    zeros = np.zeros((conv.in_channels * conv.kernel_area,) * axes)
    found, expected = (candidates(weight, conv, moments=one, reorder=False) for one in (zeros, None))
    assert [(c.name, c.relative_error) for c in found] == [(c.name, c.relative_error) for c in expected]


@pytest.mark.parametrize("conv", LAYERS)
def test_multiply_adds_are_those_of_every_factor_at_its_positions(conv):
    weight = np.random.default_rng(0).standard_normal((conv.out_channels, conv.in_width, *conv.window))
    vertical, horizontal = conv.strides
    for candidate in candidates(weight, conv, (4, 3)):
        total, strided = 0, False
        for factor in candidate.chain.convolutions:
            strided = strided or factor.strides == conv.strides
            total += factor.parameters * (12 if strided else 12 * vertical * horizontal)
        assert candidate.multiply_adds == total, candidate.name


def test_low_rank_is_the_truncated_decomposition_and_with_moments_that_of_the_outputs():
    rng = np.random.default_rng(0)
    conv, weight = GroupConv(10, 8), rng.standard_normal((8, 10, 1, 1))
    moments = second_moments(conv, rng)
    for known, matrix in ((None, weight[:, :, 0, 0]), (moments, weight[:, :, 0, 0] @ np.linalg.cholesky(moments))):
        values = np.linalg.svd(matrix, compute_uv=False)
        found = [c for c in candidates(weight, conv, moments=known) if c.family == "low rank"]
        assert len(found) > 2
        for candidate in found:
            rank = candidate.chain.convolutions[0].out_channels
            lost = np.linalg.norm(values[rank:]) / np.linalg.norm(values)
            assert candidate.relative_error == pytest.approx(lost, abs=1e-7)


def test_a_layer_that_is_a_product_in_another_order_is_found():
    rng = np.random.default_rng(0)
    blocks = np.kron(np.eye(2), np.ones((16, 16))) * rng.standard_normal((32, 32))
    rows, columns = rng.permutation(32), rng.permutation(32)
    weight = blocks[rows][:, columns].reshape(32, 32, 1, 1)
    found = [c for c in candidates(weight, GroupConv(32, 32)) if c.name == "block-diagonal, 2 branches"]
    assert found[0].relative_error > 0.5
    assert found[0].substitute.relative_error < 1e-7
    assert found[0].storage_bits == 32 * 512 + 2 * 32 * 5
    plain = [c for c in candidates(weight, GroupConv(32, 32), reorder=False) if c.name == found[0].name]
    assert plain[0].substitute.relative_error == pytest.approx(plain[0].relative_error)
    assert plain[0].storage_bits == 32 * 512


def test_unused_inputs_and_outputs_are_pruned_for_nothing():
    weight = np.random.default_rng(0).standard_normal((20, 20, 3, 3))
    weight[:, 7::2] = 0
    weight[4:] = 0
    found = candidates(weight, GroupConv(20, 20, kernel_size=3))
    exact = {c.family for c in found if c.relative_error < 1e-12 and "pruning" in c.family}
    assert exact == {"channel pruning", "filter pruning"}


def test_a_layer_of_zeros_costs_no_error():
    found = candidates(np.zeros((8, 8, 3, 3)), GroupConv(8, 8, kernel_size=3), reorder=False)
    assert {candidate.relative_error for candidate in found} == {0.0}
    assert not any(candidate.substitute.kernel(8).any() for candidate in found)


def test_further_chains_are_tried_and_depthwise_layers_kept():
    chain = Chain([GroupConv(8, 3), GroupConv(3, 8)], name="mine")
    found = candidates(np.ones((8, 8, 1, 1)), GroupConv(8, 8), chains=[chain])
    assert [c.relative_error < 1e-7 for c in found if c.setting == "mine"] == [True]
    assert [c.name for c in candidates(np.ones((8, 1, 3, 3)), GroupConv(8, 8, 8, 3))] == ["keep"]


@pytest.mark.parametrize(("weight", "options", "error", "sentence"), [
    (np.ones((8, 8)), {}, ValueError, r"weight has shape \(8, 8\), but GroupConv\(8, 8\) needs \(8, 8, 1, 1\)"),
    (np.full((8, 8, 1, 1), np.nan), {}, ValueError, "weight"),
    (np.ones((8, 8, 1, 1), complex), {}, TypeError, "real factors only"),
    (np.ones((8, 8, 1, 1)), {"moments": np.eye(4)}, ValueError, r"reads 8 numbers: give \(8, 8\) or \(8,\)"),
    (np.ones((8, 8, 1, 1)), {"scales": np.ones(4)}, ValueError, "has 8 outputs"),
])  # fmt: skip
def test_what_does_not_fit_is_refused(weight, options, error, sentence):
    with pytest.raises(error, match=sentence):
        candidates(weight, GroupConv(8, 8), **options)
