"""One scale: every approximation of a kernel times a power of two is the approximation of the kernel times that power."""

import inspect

import numpy as np
import pytest

from igc_theory import igcv1, igcv2, kernels, project
from igc_theory.kernels import block_spectra, frontier, within_budget
from igc_theory.kernels.compression.structured import sparse_low_rank

KERNEL = np.random.default_rng(1).standard_normal((8, 8))

ARGUMENTS = {
    "bits": 4,
    "k": 4,
    "rank": 4,
    "keep": 3,
    "groups": 2,
    "n": 2,
    "m": 4,
    "chain": igcv2([2, 4], kernel_size=1),
}
"""A value for each argument without a default that an approximation has."""

PUBLIC = [function for name in dir(kernels) if inspect.isfunction(function := getattr(kernels, name))]
FAMILIES = [f for f in PUBLIC if inspect.signature(f).return_annotation == "Approximation"] + [sparse_low_rank]

SCALES = [
    (float, 2.0**600),
    (float, 2.0**-600),
    (float, 2.0**1020),
    (float, 2.0**-1000),
    (np.float32, 2.0**100),
    (np.float32, 2.0**-100),
]


def approximated(function, kernel):
    needed = [name for name in inspect.signature(function).parameters if name in ARGUMENTS and name != "bits"]
    needed += ["bits"] if function is kernels.quantize else []
    given = {name: ARGUMENTS[name] for name in needed}
    return function(kernel, **given | ({"groups": (2, 2)} if function is sparse_low_rank else {}))


def test_the_families_are_found():
    assert {f.__name__ for f in FAMILIES} >= {"binarize", "quantize", "cluster", "low_rank", "prune", "sparse_product"}


@pytest.mark.parametrize(("kind", "scale"), SCALES)
@pytest.mark.parametrize("function", FAMILIES, ids=lambda function: function.__name__)
def test_an_approximation_scales_with_its_kernel(function, kind, scale):
    kernel = KERNEL.astype(kind)
    found, scaled = approximated(function, kernel), approximated(function, kernel * kind(scale))
    np.testing.assert_array_equal(scaled.matrix, found.matrix * kind(scale))
    assert scaled.matrix.any()
    assert scaled.relative_error == found.relative_error > 0
    assert (scaled.storage_bits, scaled.multiply_adds) == (found.storage_bits, found.multiply_adds)


@pytest.mark.parametrize("scale", [2.0**600, 2.0**-600])
def test_a_frontier_does_not_change_with_the_scale(scale):
    for found, scaled in (
        (frontier(KERNEL, progress=False).approximations, frontier(KERNEL * scale, progress=False).approximations),
        (within_budget(KERNEL, 5), within_budget(KERNEL * scale, 5)),
    ):
        assert [row.name for row in scaled] == [row.name for row in found]
        assert [row.relative_error for row in scaled] == [row.relative_error for row in found]


@pytest.mark.parametrize("scale", [2.0**600, 2.0**-600])
@pytest.mark.parametrize("chain", [igcv2([2, 4], 1), igcv2([2, 2, 2], 1), igcv1(2, 4, 1)], ids=str)
def test_a_projection_scales_with_its_kernel(chain, scale):
    found, scaled = project(KERNEL, chain), project(KERNEL * scale, chain)
    np.testing.assert_allclose(scaled.product.matrix() / scale, found.product.matrix(), rtol=0, atol=1e-12)
    assert scaled.relative_error == pytest.approx(found.relative_error, rel=1e-12)
    assert scaled.lower_bound == pytest.approx(found.lower_bound, rel=1e-12)


@pytest.mark.parametrize("scale", [2.0**600, 2.0**-600])
def test_spectra_scale_with_their_kernel(scale):
    chain = igcv2([2, 4], kernel_size=1)
    values = block_spectra(KERNEL, chain)["value"]
    np.testing.assert_allclose(block_spectra(KERNEL * scale, chain)["value"] / scale, values, rtol=1e-12)


@pytest.mark.parametrize(("kind", "scale"), [(float, 2.0**-1073), (np.float32, 2.0**-147)])
@pytest.mark.parametrize("function", FAMILIES, ids=lambda function: function.__name__)
def test_among_the_smallest_numbers_the_error_is_that_of_the_matrix_returned(function, kind, scale):
    kernel = KERNEL.astype(kind) * kind(scale)
    found = approximated(function, kernel)
    whole, returned = (
        np.ldexp(array, 140 if kind is np.float32 else 1060).astype(float) for array in (kernel, found.matrix)
    )
    assert found.relative_error == pytest.approx(np.linalg.norm(whole - returned) / np.linalg.norm(whole), abs=1e-6)
