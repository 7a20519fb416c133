"""`project` takes every family: a member comes back, and beside the error of another kernel stands a bound that is not above it."""

from __future__ import annotations

import numpy as np
import pytest

from igc_theory.kernels import project
from igc_theory.structure import (
    Chain,
    blast,
    block_butterfly,
    block_tensor_train,
    butterfly,
    canonical_polyadic,
    deformable_butterfly,
    group_and_shuffle,
    kaleidoscope,
    monarch,
    network_decoupling,
    spatially_separable,
    tucker_2,
)
from tests.structure.families.matrices import drawn

MEMBERS = [
    monarch(16, 16),
    monarch(8, 12, groups=2),
    monarch(8, 8, order=3),
    block_tensor_train(8, 8, (2, 2), rank=2),
    blast(9, 9, groups=3, rank=1),
    butterfly(8),
    block_butterfly(16, 4),
    block_butterfly(16, 4, 2),
    deformable_butterfly(12, [(2, 3, 1), (1, 2, 2), (2, 2, 2)]),
    network_decoupling(4, 6, depth_multiplier=2),
    tucker_2(6, 6, ranks=(3, 2)),
]

ALTERNATING = [
    group_and_shuffle(8, 8, 8, [4, 2, 4]),
    kaleidoscope(4),
    canonical_polyadic(4, 5, rank=2),
    spatially_separable(4, 5, middle=3),
]
"""Where a kernel of noise takes seconds; tests/kernels/projection has bounds for such chains."""


@pytest.mark.parametrize("chain", MEMBERS + ALTERNATING, ids=lambda chain: chain.name)
def test_a_member_comes_back(chain: Chain) -> None:
    assert project(drawn(chain).kernel(), chain).relative_error < 1e-10


@pytest.mark.parametrize("chain", MEMBERS, ids=lambda chain: chain.name)
def test_the_error_of_another_kernel_is_not_below_its_bound(chain: Chain) -> None:
    shape = drawn(chain).kernel().shape
    found = project(np.random.default_rng(1).standard_normal(shape), chain)
    assert (found.lower_bound or 0) <= found.relative_error < 1
