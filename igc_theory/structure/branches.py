r"""The branches of a chain and the channels that neighbouring ones share.

All channels of a branch are connected alike, so paths need not be counted channel by channel. Between two neighbouring convolutions
the contingency table :math:`T[m, l] = |A_l ∩ B_m|` is enough: the channels written by branch l and read by branch m. The path
counts are the product of these tables, :math:`T_L \cdots T_2`, with one row per last branch and one column per first branch.
A table has at most one nonzero entry per channel, which is why no C×C matrix is needed here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from igc_theory.structure.arguments.kinds import instance_of
from igc_theory.structure.chains import Chain, Parallel, SerialFactor
from igc_theory.structure.permutations import ChannelPermutation

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = [
    "BranchGraph",
    "Wires",
    "branch_graph",
    "checked",
    "gaps",
    "serial",
    "serial_factors",
    "wiring",
    "within_reach",
]

Wires = Sequence[NDArray[np.int64]]
"""For each gap before, between and behind the convolutions, where each channel comes from: what `wiring` returns."""

MOST_CHANNELS = 2**27
"""Channels, between all factors together, whose wiring is followed: about a gigabyte."""

MOST_STEPS = 2**34
"""Additions that counting paths branch by branch may take: about a minute."""

_INT64_MAX = int(np.iinfo(np.int64).max)
_BLOCK_BYTES = (
    2**23
)  # of one dense block of columns: small enough for the processor's cache, large enough to be worth a call


@dataclass(frozen=True, eq=False)
class BranchGraph:
    """The quotient of a chain by its branches.

    Attributes
    ----------
    tables : tuple of csr_array of int64
        Contingency tables between neighbouring convolutions, in order of application, shape (branches after, branches before).
    in_branch : numpy.ndarray of int64, shape (C_in,)
        Branch of the first convolution that reads each input channel.
    out_branch : numpy.ndarray of int64, shape (C_out,)
        Branch of the last convolution that writes each output channel.
    fan_in : int
        The product of all branch input widths: number of paths that end in one output.
    """

    tables: tuple[csr_array, ...]
    in_branch: NDArray[np.int64]
    out_branch: NDArray[np.int64]
    fan_in: int

    @property
    def first_branches(self) -> int:
        """Branches of the first convolution."""
        return int(self.in_branch.max()) + 1

    @property
    def last_branches(self) -> int:
        """Branches of the last convolution."""
        return int(self.out_branch.max()) + 1

    def transposed(self) -> BranchGraph:
        """Return the graph with every arrow turned round; its `fan_in` is the fan-out."""
        paths = self.fan_in * self.out_branch.size // self.in_branch.size
        return BranchGraph(
            tuple(table.T.tocsr() for table in self.tables[::-1]), self.out_branch, self.in_branch, paths
        )

    def blocks(self) -> Iterator[tuple[int, NDArray[Any]]]:
        """Yield (first column, block of columns) of the path counts branch by branch, in bounded memory."""
        rows = max([table.shape[0] for table in self.tables], default=self.last_branches)
        steps = self.first_branches * sum(table.nnz for table in self.tables)
        if steps > MOST_STEPS:
            raise ValueError(
                f"chain has {self.first_branches} first branches, whose paths take {steps} additions to count, more than "
                f"{MOST_STEPS}: ask uniform_path_count(chain, rng), which takes one pass"
            )
        width = max(1, _BLOCK_BYTES // (8 * rows))
        for start in range(0, self.first_branches, width):
            columns = np.arange(start, min(start + width, self.first_branches))
            unit: NDArray[Any] = np.zeros((self.first_branches, columns.size), self._dtype)
            unit[columns, columns - start] = 1
            for table in self.tables:
                unit = _times(table, unit)
            yield start, unit

    def paths_to(self, branch: int, convolution: int | None = None) -> NDArray[Any]:
        """Return the number of paths from each first branch to one branch of a convolution (the last one by default)."""
        tables = self.tables[:convolution]
        counts: NDArray[Any] = np.zeros(tables[-1].shape[0] if tables else self.first_branches, self._dtype)
        counts[branch] = 1
        for table in reversed(tables):
            counts = _times(table.T.tocsr(), counts)
        return counts

    def pair(self, last_branch: int, first_branch: int) -> tuple[int, int]:
        """Return an (output, input) pair of channels that lie in these branches: the first ones."""
        return int(np.argmax(self.out_branch == last_branch)), int(np.argmax(self.in_branch == first_branch))

    @property
    def _dtype(self) -> type:
        # A number of paths never exceeds the fan-in, so int64 is safe below this; Python ints are exact above it.
        return np.int64 if self.fan_in <= _INT64_MAX else object


def gaps(chain: Chain) -> Iterator[NDArray[np.int64]]:
    """Yield, for each gap before, between and behind the convolutions, where each channel comes from.

    Examples
    --------
    >>> from igc_theory.structure.blocks import igcv1
    >>> [gap.tolist() for gap in gaps(igcv1(2, 2))]
    [[0, 1, 2, 3], [0, 2, 1, 3], [0, 2, 1, 3]]
    """
    gap = np.arange(chain.in_channels)
    for factor in serial_factors(chain):
        if isinstance(factor, ChannelPermutation):
            gap = gap[factor.indices]
        else:
            yield gap
            gap = np.arange(factor.out_channels)
    yield gap


def wiring(chain: Chain) -> list[NDArray[np.int64]]:
    """Return all `gaps` at once; refuse chains with sums, which have none, and chains too wide."""
    within_reach(serial(chain))
    return [*gaps(chain)]


def within_reach(chain: Chain) -> Chain:
    """Return a chain whose wiring fits in memory."""
    inside = () if chain.is_serial else chain.convolutions
    channels = sum(factor.out_channels for factor in (*chain.factors, *inside))
    way_out = "take fewer channels; the formulas of igc_theory.budget need no wiring"
    if channels > MOST_CHANNELS:
        raise ValueError(f"chain has {channels} channels, all factors together, above {MOST_CHANNELS}: {way_out}")
    return chain


def checked(chain: Chain) -> Chain:
    """Return `chain` if it is one; the first thing that every question about a chain asks."""
    return instance_of("chain", chain, Chain, "give a Chain, such as igcv1(4, 8) or Chain([factor, …])")


def serial(chain: Chain, instead: str = "give one of its branches, or a chain without Sum and DirectSum") -> Chain:
    """Return `chain` if its convolutions follow one another; what asks for the gaps between them has no answer for sums.

    Examples
    --------
    >>> from igc_theory.structure import DirectSum, GroupConv
    >>> serial(DirectSum([GroupConv(2, 2), GroupConv(4, 4)]))
    Traceback (most recent call last):
    ...
    ValueError: chain='DirectSum' has convolutions side by side, in DirectSum of 2, and this needs them one behind the other: \
give one of its branches, or a chain without Sum and DirectSum
    """
    if not checked(chain).is_serial:
        first = next(factor for factor in chain.factors if isinstance(factor, Parallel))
        raise ValueError(
            f"chain={chain.name or type(chain).__name__!r} has convolutions side by side, in {first.kind}, and this "
            f"needs them one behind the other: {instead}"
        )
    return chain


def serial_factors(chain: Chain) -> tuple[SerialFactor, ...]:
    """Return the factors of a chain without sums.

    Examples
    --------
    >>> from igc_theory.structure.blocks import group
    >>> serial_factors(group(4, 4, groups=2))
    (GroupConv(4, 4, groups=2, kernel_size=3),)
    """
    return tuple(factor for factor in serial(chain).factors if not isinstance(factor, Parallel))


def branch_graph(chain: Chain, wires: Wires | None = None) -> BranchGraph:
    """Return the contingency tables of a chain and the branches of its inputs and outputs; `wires` if they are known already.

    Examples
    --------
    >>> from igc_theory.structure.blocks import igcv1
    >>> branch_graph(igcv1(2, 3)).tables[0].toarray().tolist()
    [[1, 1], [1, 1], [1, 1]]
    """
    wires, convs = wiring(chain) if wires is None else wires, chain.convolutions
    if not convs:  # permutations only: every channel is a branch of its own
        return BranchGraph((), np.arange(chain.in_channels), wires[0], 1)
    tables = tuple(
        _table(gap // before.out_width, after.in_width, before.groups)
        for gap, before, after in zip(wires[1:-1], convs[:-1], convs[1:], strict=True)
    )
    in_branch = np.empty(chain.in_channels, np.int64)
    in_branch[wires[0]] = np.arange(chain.in_channels) // convs[0].in_width
    return BranchGraph(tables, in_branch, wires[-1] // convs[-1].out_width, prod(conv.in_width for conv in convs))


def _table(sources: NDArray[np.int64], in_width: int, branches_before: int) -> csr_array:
    """Return the contingency table whose row m counts the branches in ``sources[m*in_width : (m+1)*in_width]``."""
    from scipy.sparse import csr_array

    starts = np.arange(0, sources.size + 1, in_width)
    table = csr_array((np.ones(sources.size, np.int64), sources, starts), shape=(starts.size - 1, branches_before))
    table.sum_duplicates()
    return table


def _times(table: csr_array, columns: NDArray[Any]) -> NDArray[Any]:
    """Return ``table @ columns`` exactly, for int64 and for Python ints."""
    if columns.dtype != object:
        return np.asarray(table @ columns)
    weights = table.data.astype(object).reshape(-1, *[1] * (columns.ndim - 1))
    return np.add.reduceat(columns[table.indices] * weights, table.indptr[:-1], axis=0)
