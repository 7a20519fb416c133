r"""Fusing neighbouring factors: fewer and larger blocks, when many small ones cost more in calls than in arithmetic.

Take a group convolution of `G` branches, the interleaving behind it, and a pointwise group convolution of `a` inputs per branch.
Together they are one group convolution of `G/a` branches: each joins `a` primary branches and the secondary branches that they
meet. Exactly one path runs between an input and an output of such a component, so the fused block has products of weights as
entries.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from igc_theory.kernels.arrays import Array
from igc_theory.kernels.linear_maps import weighted
from igc_theory.structure.chains import Chain, Factor, Parallel
from igc_theory.structure.factors import GroupConv
from igc_theory.structure.permutations import ChannelPermutation, interleave

__all__ = ["fused"]

WeightedFactor = tuple[Factor, Sequence[Array]]


def fused(chain: Chain, weights: Sequence[Array], batch: int, call: int) -> tuple[Chain, list[Array]]:
    """Return an equal chain with its weights, in which neighbours are fused as long as that saves time.

    A branch is taken to cost `call` plus its multiply-adds. The search is greedy: the pair of neighbours that saves most
    comes first.

    Parameters
    ----------
    chain : Chain
        The structure.
    weights : sequence of ndarray
        As in `Product`, four axes each.
    batch : int
        Columns to be multiplied at a time.
    call : int
        Price of one small matrix product beside its arithmetic, in multiply-adds.

    Examples
    --------
    >>> import numpy as np
    >>> from igc_theory import igcv2
    >>> from igc_theory.kernels import Product, random_product
    >>> product = random_product(igcv2([8, 8, 8, 8], kernel_size=1), np.random.default_rng(0))
    >>> chain, weights = fused(product.chain, product.weights, batch=1, call=1000)
    >>> [conv.in_width for conv in chain.convolutions]
    [64, 64]
    >>> x = np.random.default_rng(1).standard_normal(4096)
    >>> np.allclose(Product(chain, weights) @ x, product @ x)
    True
    """
    steps = _normal([_inside(factor, own, batch, call) for factor, own in weighted(chain.factors, weights)])
    while savings := {k: _saving(steps, k, batch, call) for k in range(len(steps) - 2) if _fits(steps, k)}:
        best = max(savings, key=savings.__getitem__)
        if savings[best] <= 0:
            break
        steps = _normal([*steps[:best], *_fused_pair(steps[best], steps[best + 2]), *steps[best + 3 :]])
    return Chain([factor for factor, _ in steps], chain.name), [kernel for _, own in steps for kernel in own]


def _inside(factor: Factor, weights: Sequence[Array], batch: int, call: int) -> WeightedFactor:
    """Return a factor with its weights; the branches of a sum fused, each for itself."""
    if not isinstance(factor, Parallel):
        return factor, weights
    branches = [fused(branch, own, batch, call) for branch, own in weighted(factor.branches, weights)]
    return type(factor)([chain for chain, _ in branches], factor.name), [
        kernel for _, own in branches for kernel in own
    ]


def _normal(steps: Sequence[WeightedFactor]) -> list[WeightedFactor]:
    """Return the steps with neighbouring interleavings composed, and one behind every convolution where it is the identity."""
    result: list[WeightedFactor] = []
    for step in steps:
        factor, before = step[0], result[-1][0] if result else None
        if isinstance(before, GroupConv) and isinstance(factor, GroupConv) and before.out_width == 1:
            result.append((interleave(before.groups, 1), ()))
        both = _composed(before, factor) if isinstance(factor, ChannelPermutation) else None
        result[len(result) - bool(both) :] = [(both, ()) if both else step]
    return result


def _composed(first: Factor | None, second: ChannelPermutation) -> ChannelPermutation | None:
    """Return two interleavings as one if they are one: source indices multiply modulo C - 1, the last channel stays."""
    if not isinstance(first, ChannelPermutation) or first.interleaved is None or second.interleaved is None:
        return None
    channels, width = first.channels, first.interleaved[1] * second.interleaved[1]
    width = width if channels % width == 0 else width // channels if width % channels == 0 else 0
    return interleave(channels // width, width) if width and channels % width == 0 else None


def _fits(steps: Sequence[WeightedFactor], k: int) -> bool:
    """Return whether steps `k` to `k + 2` are a convolution, its interleaving, and a pointwise one that makes blocks of both."""
    first, permutation, second = (factor for factor, _ in steps[k : k + 3])
    return (
        isinstance(first, GroupConv)
        and isinstance(permutation, ChannelPermutation)
        and permutation.interleaved == (first.groups, first.out_width)
        and isinstance(second, GroupConv)
        and second.is_pointwise
        and second.strides == (1, 1)
        and first.groups % second.in_width == 0
    )


def _saving(steps: Sequence[WeightedFactor], k: int, batch: int, call: int) -> int:
    """Return the multiply-adds that fusing at step `k` saves, calls included."""
    first, second = steps[k][0], steps[k + 2][0]
    assert isinstance(first, GroupConv)
    assert isinstance(second, GroupConv)
    groups = first.groups // second.in_width
    block = first.parameters // first.groups * second.parameters // second.groups
    return (first.groups + second.groups - groups) * call + (
        first.parameters + second.parameters - groups * block
    ) * batch


def _fused_pair(one: WeightedFactor, two: WeightedFactor) -> list[WeightedFactor]:
    """Return two convolutions as one, and the permutation behind it.

    Secondary branch ``m * groups + c`` reads output `m` of the primary branches ``c * a + r``, r < a. Component `c` has
    rows (j, m), `j` the output within a secondary branch, so that an interleaving brings them into the order (m, c, j).
    """
    (first, (kernel,)), (second, (pointwise,)) = one, two
    assert isinstance(first, GroupConv)
    assert isinstance(second, GroupConv)
    groups, a, b = first.groups // second.in_width, second.in_width, second.out_width
    primary = kernel.reshape(groups, a, first.out_width, first.in_width, *first.window)
    secondary = pointwise.reshape(first.out_width, groups, b, a)
    blocks = np.einsum("mcjr,crmiuv->cjmriuv", secondary, primary)
    conv = GroupConv(first.in_channels, second.out_channels, groups, first.window, first.strides)
    return [
        (conv, [blocks.reshape(conv.out_channels, conv.in_width, *conv.window)]),
        (interleave(groups * b, first.out_width), ()),
    ]
