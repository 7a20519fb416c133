r"""The two trees of a complementary chain, in whose order its product is one reshape.

Let every part before a split and every part behind it be a group convolution up to order. The branches of the parts before
grow from split to split and make a tree over the inputs. Those of the parts behind shrink and make a tree over the outputs. A
channel of split k then has a place (x, y, q). Here x is a node of the input tree, y a node of the output tree, and q its
number among the `p_k` channels that share both. Convolution k joins the children of one x to the children of one y. Numbered
in this order, every complementary chain, whatever its permutations, is the same butterfly.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from igc_theory.structure.branches import Wires, branch_graph
from igc_theory.structure.chains import Chain
from igc_theory.structure.conditions.splits import NotGrouped, grouped_parts
from igc_theory.structure.factors import GroupConv

__all__ = ["ChannelTrees", "channel_trees"]

Indices = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class ChannelTrees:
    """The places of all channels of a complementary chain; made by `channel_trees`.

    Attributes
    ----------
    components : int
        Independent parts of the chain: 1 when it is dense.
    inputs, outputs : tuple of int
        Nodes of the input and of the output tree at split k = 0 … L, in one component.
    paths : tuple of int
        `p_k`: channels with the same pair of nodes, k = 0 … L; the first and the last are 1.
    in_order, out_order : numpy.ndarray of int64, shape (components, channels of a component)
        Input and output channels in the order of the trees.
    """

    components: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    paths: tuple[int, ...]
    in_order: Indices
    out_order: Indices
    _places: tuple[Indices, ...]
    _gaps: tuple[Indices, ...]

    def __len__(self) -> int:
        return len(self.paths) - 1

    def branch_shape(self, k: int) -> tuple[int, int, int, int]:
        """Return (input nodes, output nodes, output width, input width) of convolution k in one component."""
        out_width = self.outputs[k + 1] // self.outputs[k] * self.paths[k + 1]
        in_width = self.inputs[k] // self.inputs[k + 1] * self.paths[k]
        return self.inputs[k + 1], self.outputs[k], out_width, in_width

    def weights(self, k: int, blocks: NDArray[Any]) -> NDArray[Any]:
        """Return the weights of convolution k, shape (out_channels, in_width, S), from its blocks in the order of the trees.

        Parameters
        ----------
        k : int
            Which convolution.
        blocks : numpy.ndarray, shape (components, input nodes, output nodes, out_width, in_width, S)
            The nodes are the branches' own, as in `branch_shape`.
        """
        rows, columns = self._orders[k]
        in_width, area = blocks.shape[-2:]
        weights: NDArray[Any] = blocks.reshape(-1, in_width, area)[rows]
        if columns is None:
            return weights
        per_branch = weights.reshape(len(columns), -1, in_width, area)
        return np.take_along_axis(per_branch, columns[:, None, :, None], axis=2).reshape(weights.shape)

    @cached_property
    def _orders(self) -> list[tuple[Indices, Indices | None]]:
        """For each convolution the rows of its blocks in its order, and the columns per branch, None if they are in order."""
        orders = []
        for k in range(len(self)):
            nodes, outputs, out_width, in_width = self.branch_shape(k)
            component, x, y, q = _split(self._places[k + 1], nodes, self.outputs[k + 1], self.paths[k + 1])
            per_node = out_width // self.paths[k + 1]
            branch = (component * nodes + x) * outputs + y // per_node
            rows = branch * out_width + y % per_node * self.paths[k + 1] + q
            _, x, _, q = _split(self._places[k], self.inputs[k], outputs, self.paths[k])
            columns = (x % (in_width // self.paths[k]) * self.paths[k] + q)[self._gaps[k]].reshape(-1, in_width)
            orders.append((rows, None if (columns == np.arange(in_width)).all() else columns))
        return orders


class _UnevenError(Exception):
    """Some nodes have more children than others."""


def channel_trees(chain: Chain, gaps: Wires) -> ChannelTrees | str:
    """Return the trees of a chain with these gaps, those of `wiring`, or the reason, as a clause, why it has none.

    Examples
    --------
    >>> from igc_theory.structure import igcv2, igcv3, interleaved
    >>> from igc_theory.structure.branches import wiring
    >>> chain = igcv2([2, 2, 2], kernel_size=1)
    >>> trees = channel_trees(chain, wiring(chain))
    >>> trees.inputs, trees.outputs, trees.out_order.tolist()
    ((8, 4, 2, 1), (1, 2, 4, 8), [[0, 4, 2, 6, 1, 5, 3, 7]])
    >>> chain = interleaved(12, [4, 4], kernel_size=1)
    >>> channel_trees(chain, wiring(chain))
    'the parts before and behind convolution 1 share their channels unevenly'
    >>> chain = igcv3(4, 4, 2, (2, 2))
    >>> channel_trees(chain, wiring(chain))
    'convolution 1 tears apart channels that the parts before and behind it share'
    """
    convs, labels = chain.convolutions, _labels(chain, gaps)
    if isinstance(labels, str):
        return labels
    try:
        numbers = _numbers(*labels, gaps, convs)
    except _UnevenError:
        return "its branches grow unevenly from convolution to convolution"
    components = int(numbers[0][-1].max()) + 1
    counts = [[int(number.max()) // components + 1 for number in side] for side in numbers]
    cells = [x * outputs + y % outputs for x, y, outputs in zip(*numbers, counts[1], strict=True)]
    sizes = [np.bincount(cell, minlength=components * i * o) for cell, i, o in zip(cells, *counts, strict=True)]
    for k, conv in enumerate(convs):
        if (sizes[k] != sizes[k][0]).any():
            return f"the parts before and behind convolution {k} share their channels unevenly"
        if conv.groups != components * counts[0][k + 1] * counts[1][k]:
            return f"convolution {k} tears apart channels that the parts before and behind it share"
    places = tuple(_ranks(cell) for cell in cells)
    in_order, written = (np.argsort(place).reshape(components, -1) for place in (places[0], places[-1]))
    out_order = _written(gaps[-1], np.arange(chain.out_channels))[written]
    inputs, outputs, paths = tuple(counts[0]), tuple(counts[1]), tuple(int(size[0]) for size in sizes)
    return ChannelTrees(components, inputs, outputs, paths, in_order, out_order, places, tuple(gaps[:-1]))


def _labels(chain: Chain, gaps: Wires) -> tuple[list[Indices], list[Indices]] | str:
    """Return the branch, of the part before and of the part behind each split, in which each channel lies."""
    graph, convs = branch_graph(chain, gaps), chain.convolutions
    before, after = grouped_parts(graph), grouped_parts(graph.transposed())
    if isinstance(before, NotGrouped):
        return f"its convolutions 0 to {before.table + 1} do not make up a group convolution"
    if isinstance(after, NotGrouped):
        return f"its convolutions from {len(convs) - 2 - after.table} on do not make up a group convolution"
    x = [part.labels.repeat(conv.out_width) for part, conv in zip(before, convs, strict=True)]
    y = [part.labels.repeat(conv.in_width) for part, conv in zip(after[::-1], convs, strict=True)]
    y.append(np.arange(chain.out_channels))
    return [np.arange(chain.in_channels), *x], [_written(gap, read) for gap, read in zip(gaps, y, strict=True)]


def _numbers(
    x: list[Indices], y: list[Indices], gaps: Wires, convs: tuple[GroupConv, ...]
) -> tuple[list[Indices], list[Indices]]:
    """Return each channel's nodes, numbered parent by parent from the root."""
    inputs, outputs = [x[-1]], []
    for k in reversed(range(len(convs))):
        parents = inputs[0][:: convs[k].out_width].repeat(convs[k].in_width)
        inputs.insert(0, _numbered(x[k], _written(gaps[k], parents)))
    components = int(inputs[-1].max()) + 1
    outputs.append(inputs[0] // (inputs[0].size // components))
    for k, conv in enumerate(convs):
        outputs.append(_numbered(y[k + 1], outputs[k][gaps[k]][:: conv.in_width].repeat(conv.out_width)))
    return inputs, outputs


def _numbered(labels: Indices, parents: Indices) -> Indices:
    """Return the labels renumbered parent by parent, each of which must have equally many."""
    parent = np.zeros(labels.max() + 1, np.int64)
    parent[labels] = parents
    children = np.bincount(parent)
    if (children != children[0]).any():
        raise _UnevenError
    return _ranks(parent)[labels]


def _ranks(keys: Indices) -> Indices:
    """Return the place of each entry in the sorted order; equal ones keep theirs."""
    ranks = np.empty_like(keys)
    ranks[np.argsort(keys, kind="stable")] = np.arange(keys.size)
    return ranks


def _split(places: Indices, inputs: int, outputs: int, paths: int) -> tuple[Indices, Indices, Indices, Indices]:
    """Return (component, x, y, q) of each place."""
    nodes, q = np.divmod(places, paths)
    rest, y = np.divmod(nodes, outputs)
    component, x = np.divmod(rest, inputs)
    return component, x, y, q


def _written(gap: Indices, read: Indices) -> Indices:
    """Return what is known of the channels in the order in which they are read, in the order in which they were written."""
    written = np.empty_like(read)
    written[gap] = read
    return written
