r"""A chain as a map that is linear in the weights of each convolution.

The conjugate transpose of a kernel is pulled back from the outputs, one factor at a time,

.. math:: K^H = W_1^H P_1^T ⋯ W_L^H,

so the window grows as it does in `correlate_adjoint`, behind strides too. A residual is pushed forward the other way. At a
convolution the two meet: `Y` is what was pulled to its outputs, `X` what was pushed to its inputs. The squared distance has the
slope :math:`Y X^H` there, branch by branch. Whatever pulls and pushes is a node: a convolution, a permutation, nodes in series, and
nodes side by side.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import prod
from typing import Protocol

import numpy as np

from igc_theory.kernels.arrays import Array
from igc_theory.kernels.correlation import correlate, correlate_adjoint, diagonal_blocks, permuted, windows
from igc_theory.kernels.linear_maps import weighted
from igc_theory.structure.chains import Chain, Parallel, Placement
from igc_theory.structure.factors import GroupConv
from igc_theory.structure.permutations import ChannelPermutation

__all__ = ["Branches", "Convolution", "Node", "Reordering", "Series", "chain_node"]

Pull = Callable[[Array], Array]


class Node(Protocol):
    """A part of a product: arrays (C_out, H, W, N) are pulled to its inputs, arrays (C_in, H, W, N) pushed to its outputs."""

    @property
    def convolutions(self) -> Sequence[Convolution]:
        """All convolutions inside, in order of application."""
        ...

    def magnitude(self) -> float:
        """Return the product of the norms of all weights in series; of what stands side by side, the largest."""
        ...

    def begin(self, prefix: Pull) -> None:
        """Learn how what is pulled to the inputs of this node goes on to those of the product."""
        ...

    def pull(self, y: Array) -> Array:
        """Return the adjoint at `y`, which every convolution remembers as seen from its outputs."""
        ...

    def vary(self, y: Array | None, steps: Mapping[Convolution, Array]) -> Array | None:
        """Return the change of what was last pulled if `y` is added to it and the weights change by `steps`; None for zero."""
        ...

    def push(self, x: Array) -> Array:
        """Return the node applied to `x`."""
        ...

    def slope(self, x: Array, wanted: frozenset[Convolution]) -> dict[Convolution, Array]:
        """Return the gradients of ``Re <pulled, x>`` for the weights of the wanted convolutions."""
        ...


class Convolution:
    """A group convolution with weights of shape (C_out, in_width, kh, kw), which are replaced and never modified."""

    def __init__(self, conv: GroupConv, weights: Array) -> None:
        self.conv, self.weights = conv, weights
        self._mixes_only = conv.is_pointwise and conv.strides == (1, 1)
        self._pulled: Array
        self._prefix: Pull

    @property
    def convolutions(self) -> Sequence[Convolution]:
        """All convolutions inside, in order of application."""
        return (self,)

    def magnitude(self) -> float:
        """Return the norm of the weights."""
        return float(np.linalg.norm(self.weights))

    def begin(self, prefix: Pull) -> None:
        """Learn how what is pulled to the inputs goes on to those of the product."""
        self._prefix = prefix

    def pull(self, y: Array) -> Array:
        """Return the adjoint at `y`, which convolutions remember."""
        self._pulled = y
        return self._adjoint(y, self.weights)

    def vary(self, y: Array | None, steps: Mapping[Convolution, Array]) -> Array | None:
        """Return the change of what was last pulled, None for zero."""
        return _sum(
            None if y is None else self._adjoint(y, self.weights),
            self._adjoint(self._pulled, steps[self]) if self in steps else None,
        )

    def push(self, x: Array) -> Array:
        """Return the node applied to `x`."""
        if self._mixes_only:
            return self._times(diagonal_blocks(self.weights, self.conv.groups), x)
        return correlate(x, self.weights, self.conv.groups, self.conv.strides)

    def slope(self, x: Array, wanted: frozenset[Convolution]) -> dict[Convolution, Array]:
        """Return the gradients for the weights of the wanted convolutions."""
        if self not in wanted:
            return {}
        conv = self.conv
        seen = x if self._mixes_only else windows(x, conv.window, conv.strides)
        seen = seen.reshape(conv.groups, conv.in_width * conv.kernel_area, -1)
        pulled = self._pulled.reshape(conv.groups, conv.out_width, -1)
        slope: Array = np.matmul(pulled, seen.conj().mT)
        return {self: slope.reshape(self.weights.shape)}

    def metric(self) -> _Metric:
        """Return the curvature of the squared distance for these weights, windows and other branches left out."""
        conv = self.conv
        pulled = self._pulled.reshape(conv.groups, conv.out_width, -1)
        unit = np.eye(conv.in_channels, dtype=pulled.dtype)[:, None, None]
        prefix = np.moveaxis(self._prefix(unit), -1, 0).reshape(conv.groups, conv.in_width, -1)
        return _Metric(pulled @ pulled.conj().mT, prefix.conj() @ prefix.mT)

    def columns(self) -> Array:
        """Return the change of what was pulled for a unit step of each weight, shape (C_in * H * W * N, weights)."""
        conv, (_, height, width, batch) = self.conv, self._pulled.shape
        output, column, u, v = np.unravel_index(np.arange(self.weights.size), self.weights.shape)
        channel = output // conv.out_width * conv.in_width + column
        (down, right), window = conv.strides, conv.window
        rows, cols = (height - 1) * down + window[0], (width - 1) * right + window[1]
        seen = np.zeros((conv.in_channels, rows, cols, self.weights.size, batch), self._pulled.dtype)
        row, col = (np.arange(n) * step for n, step in ((height, down), (width, right)))
        places = channel, u + row[:, None, None], v + col[:, None], np.arange(self.weights.size)
        seen[places] = np.moveaxis(self._pulled[output], 0, 2)
        pulled = self._prefix(seen.reshape(conv.in_channels, rows, cols, -1))
        return np.moveaxis(pulled.reshape(-1, self.weights.size, batch), 1, 2).reshape(-1, self.weights.size)

    def _adjoint(self, y: Array, weights: Array) -> Array:
        if self._mixes_only:
            return self._times(diagonal_blocks(weights, self.conv.groups).conj().mT, y)
        return correlate_adjoint(y, weights, self.conv.groups, self.conv.strides)

    def _times(self, blocks: Array, columns: Array) -> Array:
        """Return the blocks times the channels of each branch."""
        product: Array = np.matmul(blocks, columns.reshape(*blocks.shape[::2], -1))
        return product.reshape(-1, *columns.shape[1:])


class _Metric:
    r"""For every branch the map :math:`w → A w B` with two positive semidefinite matrices."""

    def __init__(self, outputs: Array, inputs: Array) -> None:
        self._inverses = _inverse(outputs), _inverse(inputs)

    def solve(self, slope: Array) -> Array:
        """Return weights with that slope; where it is zero, so are they."""
        outputs, inputs = self._inverses
        groups, in_width, window = len(outputs), slope.shape[1], slope.shape[2:]
        rows = (outputs @ slope.reshape(groups, outputs.shape[1], -1)).reshape(groups, -1, in_width, prod(window))
        solved: Array = (rows.swapaxes(2, 3) @ inputs[:, None]).swapaxes(2, 3)
        return solved.reshape(slope.shape)


def _inverse(matrices: Array) -> Array:
    """Return the inverses of positive semidefinite matrices; a singular one is made definite by a millionth of a millionth."""
    trace = np.trace(matrices, axis1=1, axis2=2).real
    least = np.where(trace > np.finfo(np.float64).tiny * 1e15, 1e-12 * trace, 1)
    inverse: Array = np.linalg.inv(matrices + least[:, None, None] * np.eye(matrices.shape[1]))
    return inverse


class Reordering:
    """A channel permutation."""

    convolutions: Sequence[Convolution] = ()

    def __init__(self, permutation: ChannelPermutation) -> None:
        self._permutation, self._inverse = permutation, permutation.inverse()

    def magnitude(self) -> float:
        """Return one: it has no weights."""
        return 1.0

    def begin(self, prefix: Pull) -> None:
        """Nothing to learn."""

    def pull(self, y: Array) -> Array:
        """Return the adjoint at `y`, which convolutions remember."""
        return permuted(self._inverse, y)

    def vary(self, y: Array | None, steps: Mapping[Convolution, Array]) -> Array | None:
        """Return the change of what was last pulled, None for zero."""
        return None if y is None else permuted(self._inverse, y)

    def push(self, x: Array) -> Array:
        """Return the node applied to `x`."""
        return permuted(self._permutation, x)

    def slope(self, x: Array, wanted: frozenset[Convolution]) -> dict[Convolution, Array]:
        """Return the gradients for the weights of the wanted convolutions."""
        return {}


class Series:
    """Nodes in order of application."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self._nodes = tuple(nodes)

    @property
    def convolutions(self) -> Sequence[Convolution]:
        """All convolutions inside, in order of application."""
        return [conv for node in self._nodes for conv in node.convolutions]

    def magnitude(self) -> float:
        """Return the product of the norms of all weights in series."""
        return prod(node.magnitude() for node in self._nodes)

    def begin(self, prefix: Pull) -> None:
        """Learn how what is pulled to the inputs goes on to those of the product."""
        for k, node in enumerate(self._nodes):
            node.begin(partial(_pulled_through, self._nodes[:k], prefix))

    def pull(self, y: Array) -> Array:
        """Return the adjoint at `y`, which convolutions remember."""
        for node in reversed(self._nodes):
            y = node.pull(y)
        return y

    def vary(self, y: Array | None, steps: Mapping[Convolution, Array]) -> Array | None:
        """Return the change of what was last pulled, None for zero."""
        for node in reversed(self._nodes):
            y = node.vary(y, steps)
        return y

    def push(self, x: Array) -> Array:
        """Return the node applied to `x`."""
        for node in self._nodes:
            x = node.push(x)
        return x

    def slope(self, x: Array, wanted: frozenset[Convolution]) -> dict[Convolution, Array]:
        """Return the gradients for the weights of the wanted convolutions."""
        slopes: dict[Convolution, Array] = {}
        last = max(k for k, node in enumerate(self._nodes) if not wanted.isdisjoint(node.convolutions))
        for node in self._nodes[:last]:
            slopes |= node.slope(x, wanted)
            x = node.push(x)
        return slopes | self._nodes[last].slope(x, wanted)


class Branches:
    """Nodes side by side, for the branches of a `Sum` or a `DirectSum`."""

    def __init__(self, factor: Parallel, nodes: Sequence[Node]) -> None:
        self._factor, self._parts = factor, tuple(zip(factor.parts, nodes, strict=True))

    @property
    def convolutions(self) -> Sequence[Convolution]:
        """All convolutions inside, branch by branch."""
        return [conv for _, node in self._parts for conv in node.convolutions]

    def magnitude(self) -> float:
        """Return that of the largest branch."""
        return max(node.magnitude() for _, node in self._parts)

    def begin(self, prefix: Pull) -> None:
        """Learn how what is pulled to the inputs goes on to those of the product."""
        for part, node in self._parts:
            node.begin(partial(self._onward, part, prefix))

    def _onward(self, part: Placement, prefix: Pull, y: Array) -> Array:
        return prefix(self._joined([(part, y)]))

    def pull(self, y: Array) -> Array:
        """Return the adjoint at `y`, which convolutions remember."""
        return self._joined([(part, node.pull(y[part.writes])) for part, node in self._parts])

    def vary(self, y: Array | None, steps: Mapping[Convolution, Array]) -> Array | None:
        """Return the change of what was last pulled, None for zero."""
        varied = [(part, node.vary(None if y is None else y[part.writes], steps)) for part, node in self._parts]
        changes = [(part, change) for part, change in varied if change is not None]
        return self._joined(changes) if changes else None

    def push(self, x: Array) -> Array:
        """Return the node applied to `x`."""
        pushed = [(part, node.push(x[part.reads, *part.centre(*x.shape[1:3])])) for part, node in self._parts]
        dtype = np.result_type(*(end for _, end in pushed))
        y = np.zeros((self._factor.out_channels, *pushed[0][1].shape[1:]), dtype)
        for part, end in pushed:
            y[part.writes] += end
        return y

    def slope(self, x: Array, wanted: frozenset[Convolution]) -> dict[Convolution, Array]:
        """Return the gradients for the weights of the wanted convolutions."""
        slopes: dict[Convolution, Array] = {}
        for part, node in self._parts:
            if not wanted.isdisjoint(node.convolutions):
                slopes |= node.slope(x[part.reads, *part.centre(*x.shape[1:3])], wanted)
        return slopes

    def _joined(self, pulled: Sequence[tuple[Placement, Array]]) -> Array:
        """Return what was pulled to the inputs of some branches, added up at the inputs of them all."""
        part, first = pulled[0]
        sides = [n + 2 * rim for n, rim in zip(first.shape[1:3], part.margin, strict=True)]
        dtype = np.result_type(*(array for _, array in pulled))
        x = np.zeros((self._factor.in_channels, *sides, first.shape[3]), dtype)
        for part, array in pulled:
            x[part.reads, *part.centre(*sides)] += array
        return x


def _pulled_through(nodes: Sequence[Node], onward: Pull, y: Array) -> Array:
    """Return `y` pulled through nodes and on to the inputs of the product."""
    for node in reversed(nodes):
        pulled = node.vary(y, {})
        assert pulled is not None
        y = pulled
    return onward(y)


def _sum(first: Array | None, second: Array | None) -> Array | None:
    if first is None or second is None:
        return second if first is None else first
    return first + second


def chain_node(chain: Chain, weights: Sequence[Array]) -> Series:
    """Return a chain with weights as nodes in series, ready to be pulled through.

    Examples
    --------
    >>> from igc_theory import igcv1
    >>> from igc_theory.kernels import random_product
    >>> product = random_product(igcv1(4, 2), np.random.default_rng(0))
    >>> pulled = chain_node(product.chain, product.weights).pull(np.eye(8)[:, None, None])
    >>> bool(np.allclose(pulled.transpose(3, 0, 1, 2), product.kernel()))
    True
    """
    series = _series(chain, weights)
    series.begin(lambda y: y)
    return series


def _series(chain: Chain, weights: Sequence[Array]) -> Series:
    nodes = list[Node]()
    for factor, own in weighted(chain.factors, weights):
        if isinstance(factor, ChannelPermutation):
            nodes.append(Reordering(factor))
        elif isinstance(factor, Parallel):
            branches = weighted(factor.branches, own)
            nodes.append(Branches(factor, [_series(branch, inner) for branch, inner in branches]))
        else:
            nodes.append(Convolution(factor, own[0]))
    return Series(nodes)
