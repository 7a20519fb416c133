"""What `project` says of a product, measured on the product that it returns: in every precision, at every size."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from igc_theory import Chain, GroupConv, igcv2, igcv3, regular
from igc_theory.kernels import project
from igc_theory.structure import Sum

# Factors that could be narrower, and cancelling terms: weights may grow there without the product changing much.
REDUNDANT = {
    "in front of one channel": regular(4, 4, 1) + regular(4, 1, 1) + regular(1, 4) + regular(4, 4),
    "behind a stride": Chain([GroupConv(2, 2, stride=2), GroupConv(2, 1), GroupConv(1, 1, 1, (1, 2))]),
    "in front of three groups": Chain(
        [GroupConv(3, 3, 1, (1, 3)), GroupConv(3, 3), GroupConv(3, 6, 3), GroupConv(6, 1), GroupConv(1, 3)]
    ),
    "in a sum": Sum([[GroupConv(4, 4), GroupConv(4, 1), GroupConv(1, 4)], [GroupConv(4, 4, 4)], []]),
    "around a depthwise window": Chain([GroupConv(2, 2), GroupConv(2, 2, 2, (1, 2)), GroupConv(2, 2)]),
}
TYPES = [np.float64, np.complex128, np.float32, np.complex64]


def drawn(chain: Chain, seed: int, dtype: Any) -> np.ndarray:
    rng = np.random.default_rng(seed)
    shape = chain.out_channels, chain.in_channels, *chain.window
    imaginary = 1j * rng.standard_normal(shape) if np.dtype(dtype).kind == "c" else 0
    kernel: np.ndarray = (rng.standard_normal(shape) + imaginary).astype(dtype)
    return kernel


def distance(kernel: np.ndarray, product: np.ndarray) -> float:
    return float(np.linalg.norm(kernel.astype(complex) - product) / np.linalg.norm(kernel.astype(complex)))


@pytest.mark.parametrize("dtype", TYPES, ids=lambda dtype: dtype.__name__)
@pytest.mark.parametrize("name", REDUNDANT)
def test_the_error_is_that_of_the_product_returned(name: str, dtype: type) -> None:
    """Its bound is computed from the kernel alone; only rounding may bring it above the error."""
    chain = REDUNDANT[name]
    for seed in range(3):
        kernel = drawn(chain, seed, dtype)
        found = project(kernel, chain)
        assert found.product.kernel().dtype == dtype
        assert found.relative_error == pytest.approx(distance(kernel, found.product.kernel()), rel=1e-5, abs=1e-6)
        assert found.relative_error <= 1
        assert (found._bound() or 0) <= found.relative_error + 1e-6


def test_a_kernel_that_cancelling_terms_approach_keeps_terms_that_rounding_leaves() -> None:
    """The tensor of border rank two: in double precision terms of size 1e8 come near, in single precision they would be lost."""
    kernel, chain = np.zeros((2, 2, 1, 2)), REDUNDANT["around a depthwise window"]
    kernel[0, 0, 0, 1] = kernel[0, 1, 0, 0] = kernel[1, 0, 0, 0] = 1
    double, single = (project(kernel.astype(dtype), chain) for dtype in (np.float64, np.float32))
    assert double.relative_error < 1e-3 < single.relative_error < 0.6
    for found in (double, single):
        assert distance(kernel, found.product.kernel()) == pytest.approx(found.relative_error, rel=1e-6, abs=1e-7)


@pytest.mark.parametrize("scale", [1e-310, 5e-322, 5e-324])
@pytest.mark.parametrize(
    "chain", [igcv2([2, 2], 1), igcv3(4, 4, 2), Sum([GroupConv(4, 4), GroupConv(4, 4, 4)])], ids=repr
)
def test_the_smallest_complex_numbers_are_projected_as_others(chain: Chain, scale: float) -> None:
    """Against the same integers at ordinary size: so many digits are left of them, and the error says if weights lost some."""
    shape = chain.out_channels, chain.in_channels, *chain.window
    whole = np.random.default_rng(0).integers(-9, 9, shape)
    tiny = project(whole * complex(scale), chain)
    made = tiny.product.kernel().reshape(shape) * 2.0**600 / (scale * 2.0**600)
    assert tiny.relative_error == pytest.approx(distance(whole, made), abs=1e-12)
    if not isinstance(chain.factors[0], Sum):
        assert tiny.relative_error == pytest.approx(project(whole.astype(complex), chain).relative_error, abs=0.1)


def test_what_is_not_finite_is_named_by_the_indices_of_the_caller() -> None:
    kernel = np.ones((2, 2, 3, 3))
    kernel[0, 1, 2, 2] = np.nan
    with pytest.raises(ValueError, match=r"kernel\[0, 1, 2, 2\]=nan"):
        project(kernel, regular(2, 2))
    with pytest.raises(ValueError, match=r"kernel\[0, 17\]=nan"):
        project(kernel.reshape(2, 18), regular(2, 2))
