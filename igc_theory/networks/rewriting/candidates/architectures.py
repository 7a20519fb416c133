"""Products of factors with fresh weights, in place of a layer whose own weights are not used."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, partial

import numpy as np

from igc_theory.budget.designs.best_block import best_block
from igc_theory.kernels.products.random_product import random_product
from igc_theory.networks.rewriting.candidates.candidate import Candidate, Substitute
from igc_theory.networks.rewriting.candidates.products import (
    branch_numbers,
    cheapest_pairs,
    family_and_setting,
    path_numbers,
    two_factors_for,
)
from igc_theory.networks.rewriting.candidates.target import OutputMetric, Target, fitting_sizes
from igc_theory.structure.arguments.kinds import generator, instance_of
from igc_theory.structure.chains import Chain
from igc_theory.structure.factors import GroupConv

__all__ = ["architectures"]


def architectures(
    convolution: GroupConv,
    size: int | tuple[int, int] = 1,
    *,
    image: int | tuple[int, int] | None = None,
    rng: np.random.Generator | None = None,
) -> list[Candidate]:
    """Return the products of factors that have the inputs and outputs of a layer, with fresh weights; the layer itself first.

    No channels between two factors are fewer than those of the layer's narrower side. Without weights there is no error:
    `relative_error` is the share of the weights that is gone. So a choice of the least sum of squares shrinks all layers alike.

    Parameters
    ----------
    convolution : GroupConv
        The layer's channels, groups, window and stride.
    size : int or (int, int), default 1
        Height and width of its output.
    image : int or (int, int), optional
        Height and width of what it reads; by default what padding "same" makes of `size`.
    rng : numpy.random.Generator, optional
        Draws the weights, `random_product`; None stands for ``numpy.random.default_rng(0)``.

    Returns
    -------
    list of Candidate

    Examples
    --------
    >>> found = architectures(GroupConv(64, 64, kernel_size=3))
    >>> min((candidate.parameters, candidate.name) for candidate in found)
    (1344, 'product, 1 × 4 × 4 × 4 wide')
    """
    conv, rng = (
        instance_of("convolution", convolution, GroupConv, "give a GroupConv"),
        generator("rng", rng, optional=True),
    )
    shell = Target(conv, *fitting_sizes(image, size, conv), OutputMetric(None), np.ones(1), np.zeros((1, 1)), False)
    found, narrower = {Chain([conv]): ("keep", "")}, min(conv.in_channels, conv.out_channels)
    for branches, last in branch_numbers(conv):
        least = two_factors_for(conv, branches, 1, last)
        for count in path_numbers(conv, least.parameters, conv.parameters) if branches > 1 else []:
            if branches**2 * count >= narrower:
                found.setdefault(
                    two_factors_for(conv, branches, count, last), family_and_setting(branches, count, conv.groups, last)
                )
    for chain in _named_chains(conv):
        found.setdefault(chain, ("product", f"{' × '.join(str(one.in_width) for one in chain.convolutions)} wide"))
    return [
        shell.candidate(*names, chain, 1 - chain.parameters / conv.parameters, cache(partial(_drawn, chain, rng)))
        for chain, names in found.items()
        if names[0] == "keep" or chain.parameters < conv.parameters
    ]


def _drawn(chain: Chain, rng: np.random.Generator) -> Substitute:
    return Substitute(random_product(chain, rng), None, None, 0.0)


def _named_chains(conv: GroupConv) -> Iterator[Chain]:
    """Yield the cheapest two factors by their paths, and the chains with the fewest weights of all."""
    if conv.groups > 1 or conv.is_depthwise:
        return
    yield from cheapest_pairs(conv)
    own = max(conv.in_channels, conv.out_channels)
    for paths in ("strict", "dense"):
        sides = conv.in_channels, conv.out_channels, conv.kernel_size, conv.stride
        chain = best_block(*sides, paths=paths, multiple_of=own).chain
        if len(chain.convolutions) > 2:
            yield chain
