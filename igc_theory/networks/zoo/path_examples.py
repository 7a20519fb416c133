"""Networks that are kept for their paths: Highway and deeply-fused nets. Their widths are examples, not those of a paper."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from igc_theory.networks.description.layers import Linear, Pool, convolution
from igc_theory.networks.description.nodes import Block, Node
from igc_theory.networks.zoo.classic import CIFAR, Entry
from igc_theory.structure.arguments.numbers import positive_int

__all__ = ["deeply_fused_net", "highway_net"]


def highway_net(depth: int = 19, width: int = 32, classes: int = 10) -> Entry:
    """Return a Highway network of equal width: stem, depth - 2 gated layers that may be carried past, classifier.

    Every gated layer has a second convolution, the transform gate, which weighs its activation against the carried input.
    """
    layers = positive_int("depth", depth, minimum=3, way_out="use at least 3: stem, one gated layer, classifier") - 2
    gated = replace(convolution(width, width, batch_norm=False, bias=True), gates=1)
    blocks = [Block(f"stage1.layer{k + 1}", ((gated,), ())) for k in range(layers)]
    stem = convolution(3, width, batch_norm=False, bias=True)
    return Entry(
        CIFAR, (stem, *blocks, Pool("average"), Linear(width, classes)), "[Srivastava2015]; equal widths are an example"
    )


def deeply_fused_net(
    depths: Sequence[Sequence[int]] = ((5, 2), (4, 1), (4, 1)), width: int = 16, classes: int = 10
) -> Entry:
    """Return base networks fused after every part; ``depths[j][i]`` are the layers of base network i in part j.

    The width doubles and the image halves from part to part.
    """
    nodes: list[Node] = []
    for part, layers in enumerate(depths):
        channels, out, s = (3, width, 1) if part == 0 else (width << part - 1, width << part, 2)
        first, next_one = convolution(channels, out, 3, s), convolution(out, out)
        branches = tuple((first, *[next_one] * (count - 1)) for count in layers)
        nodes.append(Block(f"stage{part + 1}.fusion", branches))
    out = width << len(depths) - 1
    return Entry(CIFAR, (*nodes, Pool("average"), Linear(out, classes)), "[Wang2016]; depths and widths are an example")
