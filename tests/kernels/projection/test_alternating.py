"""Descents for any chain: derivatives against differences, errors that never rise, hidden products, degenerate kernels."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from igc_theory import Chain, GroupConv, depthwise_separable, group, igcv2, igcv3, interleave
from igc_theory.kernels import Product, project, random_product
from igc_theory.kernels.projection.alternating.descent import Descent
from igc_theory.kernels.projection.alternating.factors import chain_node
from igc_theory.kernels.projection.alternating.least_squares import direct_steps, least_squares_steps
from igc_theory.kernels.projection.alternating.starts import random_weights
from igc_theory.structure import blast, canonical_polyadic, interleaved, kaleidoscope, regular, spatially_separable
from tests import cases
from tests.kernels.projection import dense_designs, recovery

CHAINS = {
    "BLAST": blast(8, 8, 2, 3),
    "more paths than channels": interleaved(6, [2, 3, 3], 1),
    "four-cycle": cases.FOUR_CYCLE,
    "kaleidoscope": kaleidoscope(4),
    "two windows": regular(3, 4) + regular(4, 2, (1, 2)),
    "separable": spatially_separable(4, 3, 4),
    "polyadic": canonical_polyadic(3, 4, 3),
    "strides": depthwise_separable(3, 4, stride=2) + group(4, 4, 2),
    "stride in front": Chain([GroupConv(4, 4, 2, stride=2), interleave(2, 2), GroupConv(4, 4, 2, 3)]),
    "rectangular": Chain(
        [GroupConv(6, 4, 2), interleave(2, 2), GroupConv(4, 8, 4), interleave(4, 2), GroupConv(8, 2, 2)]
    ),
}
any_chain = pytest.mark.parametrize("chain", CHAINS.values(), ids=CHAINS.keys())


def random_kernel(chain: Chain, rng: np.random.Generator, complex_: bool = False) -> np.ndarray:
    shape = chain.out_channels, chain.in_channels, *chain.window
    kernel = rng.standard_normal(shape)
    return kernel + 1j * rng.standard_normal(shape) if complex_ else kernel


def descent_to(kernel: np.ndarray, chain: Chain, rng: np.random.Generator) -> Descent:
    target = np.ascontiguousarray(kernel.conj().transpose(1, 2, 3, 0))
    return Descent(chain_node(chain, random_weights(kernel, chain, rng)), target)


@any_chain
@pytest.mark.parametrize("complex_", [False, True])
def test_pulled_and_varied_are_those_of_the_product(chain: Chain, complex_: bool) -> None:
    rng = np.random.default_rng(0)
    dtype = complex if complex_ else float
    product, change = (random_product(chain, rng, dtype) for _ in range(2))
    node = chain_node(chain, product.weights)
    pulled = node.pull(np.eye(chain.out_channels, dtype=dtype)[:, None, None])
    assert np.allclose(pulled.conj().transpose(3, 0, 1, 2), product.kernel())
    # The product is linear in each convolution's weights: the derivative is exact for one of them, and a sum for all.
    steps = dict(zip(node.convolutions, change.weights, strict=True))
    differences = []
    for k in range(len(product.weights)):
        weights = [(change if j == k else product).weights[j] for j in range(len(product.weights))]
        differences.append(Product(chain, weights).kernel())
        varied = node.vary(None, {node.convolutions[k]: steps[node.convolutions[k]]})
        assert np.allclose(varied.conj().transpose(3, 0, 1, 2), differences[-1])
    assert np.allclose(node.vary(None, steps).conj().transpose(3, 0, 1, 2), sum(differences))
    assert node.vary(None, {}) is None


@any_chain
@pytest.mark.parametrize("complex_", [False, True])
def test_slopes_are_the_adjoint_of_variations(chain: Chain, complex_: bool) -> None:
    rng = np.random.default_rng(1)
    descent = descent_to(random_kernel(chain, rng, complex_), chain, rng)
    node, residual = descent.node, random_kernel(chain, rng, complex_).transpose(1, 2, 3, 0)
    steps = {conv: conv.weights * rng.standard_normal(conv.weights.shape) for conv in node.convolutions}
    slopes = node.slope(residual, frozenset(node.convolutions))
    along = sum(np.vdot(steps[conv], slope).real for conv, slope in slopes.items())
    assert along == pytest.approx(np.vdot(node.vary(None, steps), residual).real)
    for conv in node.convolutions:
        columns = conv.columns()
        assert np.allclose(columns @ steps[conv].conj().ravel(), node.vary(None, {conv: steps[conv]}).ravel())


@any_chain
def test_both_ways_to_solve_for_all_weights_agree(chain: Chain) -> None:
    rng = np.random.default_rng(2)
    descent = descent_to(random_kernel(chain, rng), chain, rng)
    convs, residual = descent.node.convolutions, descent._residual
    direct, _ = direct_steps(convs, residual, 1e-9)
    iterated, gain = least_squares_steps(descent.node, convs, residual, iterations=3000, tolerance=1e-12)
    fits = [np.linalg.norm(residual - descent.node.vary(None, steps)) for steps in (direct, iterated)]
    assert fits[0] == pytest.approx(fits[1], rel=1e-4, abs=1e-5)
    assert gain == pytest.approx(descent.error - fits[1] ** 2, rel=1e-9)


def test_one_convolution_is_solved_as_by_pseudo_inverses() -> None:
    rng, chain = np.random.default_rng(3), igcv2([2, 2, 2], 1)
    descent = descent_to(random_kernel(chain, rng), chain, rng)
    conv = descent.node.convolutions[1]
    steps, _ = least_squares_steps(descent.node, [conv], descent._residual, iterations=1)
    columns = conv.columns()
    best = np.linalg.lstsq(columns, descent._residual.ravel(), rcond=None)[0]
    assert np.allclose(columns @ steps[conv].ravel(), columns @ best)


@given(name=st.sampled_from(sorted(CHAINS)), seed=st.integers(0, 2**32), complex_=st.booleans(), hidden=st.booleans())
@settings(max_examples=10)
def test_the_error_never_rises_and_is_that_of_the_product(name: str, seed: int, complex_: bool, hidden: bool) -> None:
    rng, chain = np.random.default_rng(seed), CHAINS[name]
    kernel = random_kernel(chain, rng, complex_)
    if hidden:
        kernel = random_product(chain, rng, kernel.dtype).kernel()
    descent = descent_to(kernel, chain, rng)
    descent.run(6, tolerance=0)
    assert (np.diff(descent.history) <= 0).all()
    assert descent.history[-1] < descent.history[0]
    product = Product(chain, [conv.weights for conv in descent.node.convolutions])
    assert descent.error == pytest.approx(np.linalg.norm(product.kernel() - kernel) ** 2, rel=1e-9, abs=1e-20)


@pytest.mark.parametrize("name", ["BLAST", "four-cycle", "two windows", "stride in front", "rectangular"])
def test_every_chain_has_a_product_near_a_kernel(name: str) -> None:
    chain = CHAINS[name]
    kernel = random_kernel(chain, np.random.default_rng(4))
    found, again = project(kernel, chain), project(kernel, chain)
    assert "alternating least squares" in found.method
    error = np.linalg.norm(found.product.kernel() - kernel) / np.linalg.norm(kernel)
    assert found.relative_error == pytest.approx(error, abs=1e-12)
    assert error < 1
    assert np.array_equal(found.product.matrix(), again.product.matrix())
    norms = [np.linalg.norm(weights) for weights in found.product.weights]
    assert np.allclose(norms, norms[0])


@pytest.mark.parametrize("dtype", [np.float32, np.complex64])
def test_types_stay(dtype: type) -> None:
    kernel = random_product(CHAINS["two windows"], np.random.default_rng(0), dtype).kernel()
    found = project(kernel, CHAINS["two windows"])
    assert found.product.dtype == dtype
    assert found.relative_error < 1e-6


@any_chain
def test_degenerate_kernels_do_no_harm(chain: Chain) -> None:
    rng = np.random.default_rng(5)
    kernel = random_kernel(chain, rng)
    zero = project(0 * kernel, chain)
    assert zero.relative_error == zero.lower_bound == 0
    kernel[0] = 0
    kernel[:, 0] = 0
    one = np.zeros_like(kernel)
    one[-1, -1] = 1
    for degenerate in (kernel, one, np.ones_like(kernel)):
        descent = descent_to(degenerate, chain, rng)
        descent.run(6, tolerance=0)
        assert all(np.isfinite(conv.weights).all() for conv in descent.node.convolutions)
        assert (np.diff(descent.history) <= 0).all()


@pytest.mark.parametrize("factor", [1e200, 1e-200])
def test_huge_and_tiny_kernels_are_scaled(factor: float) -> None:
    chain = CHAINS["rectangular"]
    kernel = random_kernel(chain, np.random.default_rng(6))
    assert project(kernel * factor, chain).relative_error == pytest.approx(
        project(kernel, chain).relative_error, rel=1e-3
    )


@pytest.mark.parametrize("chain", [igcv2([2, 2, 4], 1), igcv2([1, 2, 2, 3], 3)], ids=repr)
def test_polish_lowers_the_error_and_says_so(chain: Chain) -> None:
    kernel = random_kernel(chain, np.random.default_rng(7))
    plain, polished = project(kernel, chain), project(kernel, chain, polish=True)
    assert polished.relative_error < plain.relative_error or "hierarchical" not in plain.method
    if "hierarchical" in plain.method:
        assert polished.method == "hierarchical, then alternating least squares"
    assert polished.lower_bound == pytest.approx(plain.lower_bound)
    error = np.linalg.norm(polished.product.kernel() - kernel) / np.linalg.norm(kernel)
    assert polished.relative_error == pytest.approx(error)


def test_polish_does_not_name_one_method_twice() -> None:
    kernel = random_kernel(igcv3(4, 4, 2), np.random.default_rng(7))
    plain, polished = (project(kernel, igcv3(4, 4, 2), polish=polish) for polish in (False, True))
    assert polished.relative_error < plain.relative_error
    assert plain.method == polished.method == "alternating least squares"


def test_polish_leaves_the_nearest_product_alone() -> None:
    kernel = np.random.default_rng(8).standard_normal((16, 16))
    assert project(kernel, igcv2([4, 4], 1), polish=True).method == "closed form, the nearest product"
    with pytest.raises(TypeError, match="polish=2"):
        project(kernel, igcv2([4, 4], 1), polish=2)


def test_restarts_only_help() -> None:
    chain = CHAINS["four-cycle"]
    kernel = random_kernel(chain, np.random.default_rng(9))
    errors = [project(kernel, chain, restarts=n, rng=np.random.default_rng(0)).relative_error for n in (0, 2)]
    assert errors[1] <= errors[0]


def test_most_products_come_back() -> None:
    """The table is that of `recovery`; families below 95 % stand in the documentation of `project`."""
    with recovery.TABLE.open(encoding="utf-8") as file:
        rows = {row["family"]: row for row in csv.DictReader(file)}
    assert rows.keys() == recovery.FAMILIES.keys()
    below = {name for name, row in rows.items() if int(row["recovered"]) < 0.95 * int(row["trials"])}
    assert below <= recovery.HARD
    for family in ("monarch 24 to 36", "nearly complementary 12", "spatially separable 8 to 6", "two windows of 3"):
        assert recovery.measured(family, trials=2, restarts=2)["recovered"] == 2


def test_every_cheapest_dense_chain_is_projected_onto_with_a_bound() -> None:
    """The table is that of `dense_designs`; some of its rows are computed again."""
    rows = {int(row["C"]): row for row in dense_designs.stored()}
    assert [*rows] == [*range(1, dense_designs.WIDEST + 1)]
    assert all(row["bound"] and 0 <= float(row["bound"]) <= float(row["error"]) < 1 for row in rows.values())
    for C in (7, 21, 30):
        again = dense_designs.row(C)
        assert again["method"] == rows[C]["method"]
        assert again["branch widths"] == rows[C]["branch widths"]
        assert again["bound"] == pytest.approx(float(rows[C]["bound"]), rel=1e-9, abs=1e-12)
        assert again["error"] == pytest.approx(float(rows[C]["error"]), rel=1e-3, abs=1e-12)
