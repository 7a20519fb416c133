"""The blocks of networks that are merged after training, as sums: they merge into the layers that the zoo says."""

from __future__ import annotations

import numpy as np
import pytest

from igc_theory.kernels import random_product
from igc_theory.networks import network
from igc_theory.networks.description.layers import Conv
from igc_theory.networks.description.nodes import Block
from igc_theory.structure import Sum


def blocks(nodes):
    """All blocks that have layers only, outermost first."""
    for node in nodes:
        if isinstance(node, Block):
            inner = [part for branch in node.branches for part in branch]
            if any(isinstance(part, Block) for part in inner):
                yield from blocks(inner)
            else:
                yield node


@pytest.mark.parametrize("name", ["repvgg", "mobileone"])
def test_every_block_merges_into_the_layer_of_the_merged_network(name):
    rng, seen = np.random.default_rng(0), set()
    pairs = zip(blocks(network(name).nodes), blocks(network(name, merged=True).nodes), strict=True)
    for trained, used in pairs:
        branches = [[part.convolution for part in branch if isinstance(part, Conv)] for branch in trained.branches]
        if max(convs[0].out_channels for convs in branches if convs) > 96 or str(branches) in seen:
            continue
        seen.add(str(branches))
        ((layer,),) = used.branches
        (conv,) = random_product(Sum(branches), rng).merged().chain.factors
        assert conv == layer.convolution
    assert len(seen) > 3
