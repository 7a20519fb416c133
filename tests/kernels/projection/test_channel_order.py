"""The search for channel orders: never worse, monotone, and able to find a hidden order."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from igc_theory import Chain, GroupConv, igcv1, igcv2, igcv3
from igc_theory.kernels import project, random_product
from igc_theory.kernels.projection.channel_order import reordered, search
from igc_theory.kernels.projection.methods import method_of
from igc_theory.structure import ChannelPermutation, depthwise_separable, interleaved, regular, xception
from igc_theory.structure.branches import gaps, wiring

CHAINS = [
    igcv1(4, 4, 1),
    igcv1(4, 2),
    igcv2([2, 2, 2], 1),
    interleaved(12, [4, 6], 1),
    igcv3(8, 8, 1, (2, 2)),
    regular(3, 4),
    xception(4, 6),
    depthwise_separable(4, 6),
    Chain([GroupConv(6, 8, 2), ChannelPermutation([0, 4, 1, 5, 2, 6, 3, 7]), GroupConv(8, 12, 4, 3)]),
]


@pytest.mark.parametrize("chain", CHAINS, ids=repr)
@pytest.mark.parametrize("complex_", [False, True])
def test_never_worse_and_the_error_is_the_products(chain: Chain, complex_: bool) -> None:
    rng = np.random.default_rng(0)
    shape = random_product(chain, rng).kernel().shape
    kernel = rng.standard_normal(shape) + (1j * rng.standard_normal(shape) if complex_ else 0)
    given, found = project(kernel, chain), project(kernel, chain, reorder=True, restarts=1)
    assert found.relative_error <= given.relative_error * (1 + 1e-12)
    error = np.linalg.norm(found.product.kernel() - kernel) / np.linalg.norm(kernel)
    assert found.relative_error == pytest.approx(error, rel=1e-9, abs=1e-12)
    assert found.lower_bound <= found.relative_error
    assert found.product.chain.factors[1:-1] == chain.factors
    assert isinstance(found.product.chain.factors[0], ChannelPermutation)
    assert isinstance(found.product.chain.factors[-1], ChannelPermutation)


def test_random_kernels_do_get_better() -> None:
    kernel = np.random.default_rng(0).standard_normal((16, 16))
    for chain in (igcv1(4, 4, 1), igcv2([2, 2, 2, 2], 1), interleaved(16, [8, 4], 1)):
        assert project(kernel, chain, reorder=True).relative_error < 0.95 * project(kernel, chain).relative_error


@pytest.mark.parametrize("chain", [igcv1(8, 8, 1), igcv1(4, 8, 1), igcv1(4, 4, 3), igcv1(12, 10, 1)], ids=repr)
@pytest.mark.parametrize("noise", [0, 1e-3])
def test_a_hidden_order_is_found(chain: Chain, noise: float) -> None:
    rng = np.random.default_rng(0)
    kernel = random_product(chain, rng).kernel()
    hidden = kernel[rng.permutation(len(kernel))][:, rng.permutation(kernel.shape[1])]
    hidden = hidden + noise * np.linalg.norm(hidden) * rng.standard_normal(hidden.shape) / np.sqrt(hidden.size)
    assert project(hidden, chain).relative_error > 0.3
    assert project(hidden, chain, reorder=True).relative_error < max(1e-13, 1.01 * noise)


@pytest.mark.parametrize("chain", [CHAINS[0], CHAINS[3], CHAINS[-1]], ids=repr)
def test_a_row_step_is_the_best_assignment(chain: Chain) -> None:
    """No exchange of two outputs, with the other factors kept and the last refitted, beats the assignment."""
    from igc_theory.kernels.projection import channel_order as reorder

    rng = np.random.default_rng(0)
    kernel = rng.standard_normal(random_product(chain, rng).kernel().shape)
    kernel = kernel.reshape(*kernel.shape[:2], -1)
    rows, columns = (np.arange(size) for size in kernel.shape[:2])
    wires = wiring(chain)
    found = method_of(chain, wires, rng, 0)(kernel)
    inputs, outputs = reorder._branches(chain, wires)
    for step, axis, branches in ((reorder._row_step, 0, outputs), (reorder._column_step, 1, inputs)):
        orders = step(kernel, chain, wires, found, rows, columns)
        gains = recorded_gains(step, (kernel, chain, wires, found, rows, columns))
        best = gains[orders[axis], branches].sum()
        assert best >= gains[np.arange(len(branches)), branches].sum() - 1e-12
        for a, b in np.ndindex(len(branches), len(branches)):
            swapped = orders[axis].copy()
            swapped[[a, b]] = swapped[[b, a]]
            assert gains[swapped, branches].sum() <= best + 1e-12
        # The gains are energies: what a fit keeps of the kernel in the given order, to the last digit.
        assert gains[np.arange(len(branches)), branches].sum() == pytest.approx((kernel**2).sum() - found.error)


def recorded_gains(step, arguments) -> np.ndarray:
    """The gains that a step computes on its way."""
    from igc_theory.kernels.projection import channel_order as reorder

    seen, original = [], reorder._gains
    try:
        reorder._gains = lambda *args: seen.append(original(*args)) or seen[-1]
        step(*arguments)
    finally:
        reorder._gains = original
    return seen[0]


def test_the_search_follows_its_seed_and_leaves_the_kernel_alone() -> None:
    kernel = np.random.default_rng(0).standard_normal((12, 12, 1))
    copy, chain = kernel.copy(), igcv1(3, 4, 1)
    wires = wiring(chain)
    results = [
        search(kernel, chain, wires, method_of(chain, wires, np.random.default_rng(0), 0), np.random.default_rng(3), 2)
        for _ in range(2)
    ]
    assert np.array_equal(kernel, copy)
    assert np.array_equal(results[0][1], results[1][1])
    assert results[0][0].error == results[1][0].error


def test_orders_act_on_the_channels_of_the_kernel() -> None:
    rng = np.random.default_rng(0)
    chain, rows, columns = igcv1(2, 3, 1), rng.permutation(6), rng.permutation(6)
    product = random_product(chain, rng)
    around = type(product)(reordered(chain, rows, columns), product.weights)
    assert np.allclose(around.matrix()[rows][:, columns], product.matrix())


def test_a_zero_kernel_has_no_error() -> None:
    assert project(np.zeros((16, 16)), igcv1(4, 4, 1), reorder=True).relative_error == 0


@pytest.mark.parametrize("chain", [igcv2([2, 2, 2, 2], 1), igcv1(4, 4, 1)], ids=repr)
def test_the_best_fit_ever_tried_is_returned(chain: Chain) -> None:
    """With three factors and more a turn can raise the error, as fits are not optimal: such turns are taken back."""
    seen, wires = [], wiring(chain)
    nearest = method_of(chain, wires, np.random.default_rng(0), 0)
    for seed in range(4):
        kernel = np.random.default_rng(seed).standard_normal((16, 16, 1))
        seen.clear()

        def method(part: np.ndarray) -> object:
            seen.append(nearest(part))
            return seen[-1]

        found, rows, columns = search(kernel, chain, wires, method, np.random.default_rng(0), 1)
        assert found.error == min(one.error for one in seen)
        assert method(kernel[rows][:, columns]).error == found.error


@pytest.mark.parametrize("reorder", [False, True])
@pytest.mark.parametrize("chain", [CHAINS[0], CHAINS[2], CHAINS[4], CHAINS[-1]], ids=repr)
def test_the_wiring_of_a_chain_is_computed_once(chain: Chain, reorder: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def counted(of: Chain) -> Iterator[NDArray[np.int64]]:
        asked.append(of)
        return gaps(of)

    monkeypatch.setattr("igc_theory.structure.branches.gaps", counted)
    window = chain.spatial[0].window if chain.spatial else (1, 1)
    kernel = np.random.default_rng(0).standard_normal((chain.out_channels, chain.in_channels, *window))
    assert project(kernel, chain, reorder=reorder).lower_bound >= 0
    assert len(asked) == 1
