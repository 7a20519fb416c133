"""What `project` says of a product, measured on the product that it returns: in every precision, at every size."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from igc_theory import Chain, GroupConv, igcv2, igcv3, interleave, regular
from igc_theory.kernels import Product, project
from igc_theory.kernels.projection.alternating import descent
from igc_theory.kernels.projection.alternating.canonical_polyadic import alternate, random_start
from igc_theory.kernels.projection.alternating.factors import chain_node
from igc_theory.kernels.projection.project import Projection
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


@pytest.mark.parametrize("dtype", [float, complex])
def test_what_terms_only_come_near_is_come_near_in_every_basis(dtype: type) -> None:
    """The same tensor with others for its axes: rounding parts its double eigenvalue into real ones or not, as it happens."""
    tensor, rng = np.zeros((2, 2, 2)), np.random.default_rng(0)
    tensor[0, 0, 1] = tensor[0, 1, 0] = tensor[1, 0, 0] = 1
    for _ in range(30):
        bases = np.linalg.qr(rng.standard_normal((3, 2, 2)))[0]
        kernel = np.einsum("abc,ia,jb,kc->ijk", tensor, *bases)[:, :, None].astype(dtype)
        assert project(kernel, REDUNDANT["around a depthwise window"]).relative_error < 1e-6


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


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_error_is_measured_even_where_weights_grow(dtype: type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(descent, "most_growth", lambda _: np.inf)
    kernel = drawn(REDUNDANT["in front of three groups"], 23, dtype)
    found = project(kernel, REDUNDANT["in front of three groups"])
    exact = Product(found.product.chain, [weight.astype(float) for weight in found.product.weights])
    assert found.relative_error == pytest.approx(distance(kernel, exact.kernel()), rel=1e-9)


def test_what_rounding_leaves_beside_a_shortcut_is_the_error() -> None:
    """A kernel far smaller than the shortcut: single precision keeps its weights, near minus one, to 6e-8 only."""
    kernel = (1e-4 * np.random.default_rng(0).standard_normal((4, 4))).astype(np.float32)
    found = project(kernel, Sum([GroupConv(4, 4), []]))
    weights = found.product.weights[0][:, :, 0, 0].astype(float)
    assert 1e-5 < found.relative_error < 1e-3
    assert found.relative_error == pytest.approx(distance(kernel, weights + np.eye(4)), rel=1e-6)


def test_a_bound_above_the_error_is_not_hidden_unless_it_is_rounding() -> None:
    product = project(np.eye(2), igcv2([2], 1)).product
    assert Projection(product, 0.1, "found", lambda: 0.5).lower_bound == 0.5
    assert Projection(product, 0.1, "found", lambda: 0.1 + 1e-9).lower_bound == 0.1
    assert Projection(product, 0.1, "found", lambda: 0.05).lower_bound == 0.05


def test_magnitudes_multiply_in_series_and_the_largest_counts_side_by_side() -> None:
    chain = Chain([GroupConv(1, 1), Sum([[GroupConv(1, 1), GroupConv(1, 1)], GroupConv(1, 1)]), interleave(1, 1)])
    weights = [np.full((1, 1, 1, 1), value) for value in (2.0, 3.0, 5.0, 7.0)]
    assert chain_node(chain, weights).magnitude() == 2 * max(3 * 5, 7)


def test_terms_stay_as_small_as_their_type_needs() -> None:
    """Alternating least squares follows the tensor of border rank two towards terms without end; single precision stops earlier."""
    blocks = np.zeros((1, 2, 2, 2))
    blocks[0, 0, 0, 1] = blocks[0, 0, 1, 0] = blocks[0, 1, 0, 0] = 1
    begin = random_start(blocks, 2, np.random.default_rng(1))
    ends = [alternate(blocks, begin, 20_000, 0.0, dtype=dtype)[0] for dtype in (np.float64, np.float16)]
    assert not ends[0].lasting(blocks, np.float16).any()
    assert ends[1].lasting(blocks, np.float16).all()
    assert ends[1].errors(blocks) > ends[0].errors(blocks)
