"""A chain split between two convolutions: is each part a group convolution, and do the two meet evenly.

A part is a group convolution, up to order, iff the sets of branches that its branches reach are equal or disjoint. Walking along
the chain it is then enough to carry one class label per branch. So the published condition for L factors, strict at every split,
costs one sparse table per factor instead of a C×C matrix per split.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from igc_theory.structure.branches import BranchGraph

__all__ = ["GroupedPart", "NotGrouped", "grouped_parts", "meet_evenly"]


@dataclass(frozen=True)
class GroupedPart:
    """A part of a chain that is a group convolution up to order.

    `labels` gives the class of each branch at its open end; `even` says that all channels it connects have equally many paths.
    """

    labels: NDArray[np.int64]
    even: bool = True

    @property
    def classes(self) -> int:
        """Number of branches that the part has as one group convolution."""
        return int(self.labels.max()) + 1


@dataclass(frozen=True)
class NotGrouped:
    """Where a part stops being one: two branches behind table number `table` that reach overlapping, different sets."""

    table: int
    branches: tuple[int, int]


def grouped_parts(graph: BranchGraph) -> list[GroupedPart] | NotGrouped:
    """Return the parts made of the first 1, 2, … convolutions, or where they stop being group convolutions."""
    parts = [GroupedPart(np.arange(graph.first_branches))]
    for k, table in enumerate(graph.tables):
        merged = _merge_columns(table, parts[-1])
        torn = _torn_rows(merged)
        if torn is not None:
            return NotGrouped(k, torn)
        # Rows are equal or disjoint as sets now, so the smallest column names the class.
        labels = np.unique(merged.indices[merged.indptr[:-1]], return_inverse=True)[1]
        parts.append(GroupedPart(labels, parts[-1].even and _constant(merged)))
    return parts


def meet_evenly(table: csr_array, before: GroupedPart, after: GroupedPart) -> bool:
    """Return whether the branches of two parts of a dense chain that meet at `table` all share equally many channels."""
    # In a dense chain every two branches share a channel, so the merged table has no zeros to look for.
    return _constant(_merge_columns(_merge_columns(table, before).T.tocsr(), after))


def _constant(table: csr_array) -> bool:
    return bool((table.data == table.data[0]).all())


def _merge_columns(table: csr_array, part: GroupedPart) -> csr_array:
    """Return `table`, in canonical format, with the columns of one class added up."""
    if np.array_equal(part.labels, np.arange(table.shape[1])):  # each column is a class
        return table
    merged = csr_array(
        (table.data, part.labels[table.indices], table.indptr), shape=(table.shape[0], part.classes), copy=True
    )
    merged.sum_duplicates()
    return merged


def _torn_rows(table: csr_array) -> tuple[int, int] | None:
    """Return two rows whose sets of columns overlap but differ; None if there are none."""
    sizes = np.diff(table.indptr)
    rows = np.repeat(np.arange(sizes.size), sizes)
    smallest = table.indices[table.indptr[:-1]]  # names the class of a row, if there are classes
    owner = np.zeros(table.shape[1], np.int64)  # some row that holds each column
    owner[table.indices] = rows
    torn = smallest[owner[table.indices]] != smallest[rows]
    if torn.any():
        entry = int(np.argmax(torn))
        return int(rows[entry]), int(owner[table.indices[entry]])
    partial = sizes != np.bincount(smallest[owner], minlength=table.shape[1])[smallest]
    if not partial.any():
        return None
    # Some row of the same class holds a column that this one lacks.
    row = int(np.argmax(partial))
    mates = np.flatnonzero(smallest == smallest[row])
    sets = (table.indices[table.indptr[mate] : table.indptr[mate + 1]] for mate in mates)
    own = table.indices[table.indptr[row] : table.indptr[row + 1]]
    return row, next(int(mate) for mate, held in zip(mates, sets, strict=True) if not np.array_equal(own, held))
