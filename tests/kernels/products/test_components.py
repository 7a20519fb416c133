"""The order of work: factors that components go through together give the same products, within the bytes that are allowed."""

from __future__ import annotations

from math import prod

import numpy as np
import pytest

from igc_theory.kernels import random_product
from igc_theory.kernels.products import plan as plans
from igc_theory.kernels.products.planning import components, steps
from igc_theory.structure import Chain, GroupConv, igcv2, interleave
from tests import cases
from tests.kernels import blocks


@pytest.fixture(params=[4000, 6000, 20000])
def small(monkeypatch, request):
    """Let second caches be small, and fuse nothing; the list holds how many steps went in and came out."""

    def ordered(given, most):
        found = components.by_components(given, cache)
        seen.append((len(given), len(found)))
        return found

    seen, cache = [], request.param
    monkeypatch.setattr(steps, "by_components", ordered)
    monkeypatch.setattr(plans, "CALL", (0, 0))
    return seen


@pytest.mark.parametrize("chain", blocks.ALL.values(), ids=blocks.ALL)
def test_every_kind_of_chain(chain, small):
    if not chain.convolutions:
        return
    rng = np.random.default_rng(0)
    product = random_product(chain, rng)
    for batch, threads in ((1, 1), (9, 1), (33, 2)):
        x = rng.standard_normal((product.shape[1], batch))
        plan = product.plan(batch, threads=threads)
        for _ in range(2):
            np.testing.assert_allclose(plan(x), product.matrix() @ x, atol=1e-12)


def test_all_small_permuted_chains(small):
    rng = np.random.default_rng(1)
    for chain in cases.permuted_rectangular_chains():
        product, x = random_product(chain, rng), None
        x = rng.standard_normal((product.shape[1], 20))
        np.testing.assert_allclose(product.plan(20)(x), product.matrix() @ x, atol=1e-12)


@pytest.mark.parametrize(
    "widths", [[4, 4, 4], [2, 3, 4], [4, 3, 2, 5], [2] * 7, [3, 2, 2, 3, 2], [6, 5, 4], [8, 2, 8]], ids=str
)
def test_interleaved_chains_go_component_by_component(widths, small):
    rng = np.random.default_rng(2)
    product = random_product(igcv2(widths, 1), rng)
    for batch in (1, 2, 4, 8, 24, 100):
        x = rng.standard_normal((prod(widths), batch))
        np.testing.assert_allclose(product.plan(batch)(x), product.matrix() @ x, atol=1e-12)
    assert any(found > given for given, found in small)


def test_chains_of_changing_widths(small):
    rng = np.random.default_rng(3)
    chains = [
        Chain(
            [
                GroupConv(24, 48, 12, 1),
                interleave(12, 4),
                GroupConv(48, 24, 8, 1),
                interleave(8, 3),
                GroupConv(24, 36, 4, 1),
            ]
        ),
        Chain([GroupConv(60, 20, 20, 1), GroupConv(20, 40, 10, 1), interleave(10, 4), GroupConv(40, 40, 4, 1)]),
    ]
    for chain in chains:
        product = random_product(chain, rng)
        for batch in (3, 10, 30, 90):
            x = rng.standard_normal((product.shape[1], batch))
            np.testing.assert_allclose(product.plan(batch)(x), product.matrix() @ x, atol=1e-12)
    assert any(found > given for given, found in small)


def test_components_have_the_bytes_that_are_allowed_and_are_as_few_as_can_be():
    chain, columns, most = igcv2([4, 4, 4, 4], 1), 8, 9000
    kernels = [np.ones((256, 4, 1, 1)) for _ in range(4)]
    ends = steps.column_ends(chain, (1, 1), columns, [(0, columns)], np.dtype(float))
    given = steps._Route(chain, kernels, *ends[0]).steps
    found = components.by_components(given, most)
    assert (len(given), len(found)) == (4, 4 * 8)
    pair = (
        sum(view.nbytes for view in (found[0][1][1], found[0][2][1], found[1][2][1])) + 2 * found[0][0].args[0].nbytes
    )
    assert pair <= most < 2 * pair
    # one component after the other: the operand, what lies between, and the first buffer; then that one and the result
    assert [(a, b) for _, (a, _), (b, _) in found] == [(-2, 2), (2, 0)] * 8 + [(0, 2), (2, -1)] * 8
    assert len({view.ctypes.data for _, _, (place, view) in found if place == 2}) <= 2  # the same memory every time
    assert len(components.by_components(given, 10**6)) == 4
    # a component writes neighbouring channels, of 64 bytes, rather than ones farther apart
    result = found[-1][2][1]
    assert min(s for s, n in zip(result.strides[:-2], result.shape[:-2], strict=True) if n > 1) == 64


@pytest.mark.parametrize("widths", [[4, 4], [4, 4, 4]], ids=str)
def test_where_all_bytes_are_too_many_it_is_enough_if_those_between_two_products_fit(widths):
    chain = igcv2([2, *widths], 1)  # components of 2 * 4 channels, and of 16
    kernels = [np.ones((chain.in_channels, w, 1, 1)) for w in (2, *widths)]
    (ends,) = steps.column_ends(chain, (1, 1), 8, [(0, 8)], np.dtype(float))
    given, between = steps._Route(chain, kernels, *ends).steps, 8 * 64
    assert len(components.by_components(given, between - 1)) == len(given)
    pairs = components.by_components(given, between)
    assert len(pairs) > len(given)
    assert pairs[0][2][1].nbytes == between


def test_what_is_too_large_for_any_component_goes_factor_by_factor(small):
    random_product(igcv2([16, 16], 1), np.random.default_rng(4)).plan(64)
    assert small == [(2, 2)]
