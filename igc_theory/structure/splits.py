"""A chain split between two convolutions: is each part a group convolution, and do the two meet evenly.

A part is a group convolution, up to order, iff the sets of branches that its branches reach are equal or disjoint. Walking along
the chain it is then enough to carry one class label a branch, so the published condition for L factors (THEORY: strict at every
split) costs one sparse table a factor instead of a C×C matrix a split.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from igc_theory.structure.branches import BranchGraph

__all__ = ["NotGrouped", "Part", "grouped_parts", "split_path_count"]


@dataclass(frozen=True)
class Part:
    """A part of a chain that is a group convolution with equally many paths between all connected channels.

    `labels` gives the class of each branch at its open end, and `paths` the number of paths inside a class.
    """

    labels: NDArray[np.int64]
    paths: int

    @property
    def classes(self) -> int:
        """Number of branches that the part has as one group convolution."""
        return int(self.labels.max()) + 1


@dataclass(frozen=True)
class NotGrouped:
    """Where a part stops being one: two branches behind table number `table` that reach overlapping, different sets.

    The two are the same branch when the sets are in order and only its path counts are uneven.
    """

    table: int
    branches: tuple[int, int]


def grouped_parts(graph: BranchGraph) -> list[Part] | NotGrouped:
    """Return the parts before each split (the first k convolutions, k = 1 … L), or where they stop being group convolutions."""
    parts = [Part(np.arange(graph.first_branches), 1)]
    for k, table in enumerate(graph.tables):
        merged = _merge_columns(table, parts[-1])
        bad = _ungrouped_rows(merged)
        if bad is not None:
            return NotGrouped(k, bad)
        # Rows are equal or disjoint as sets now, so the smallest column names the class.
        labels = np.unique(merged.indices[merged.indptr[:-1]], return_inverse=True)[1]
        parts.append(Part(labels, parts[-1].paths * int(merged.data[0])))
    return parts


def split_path_count(table: csr_array, before: Part, after: Part) -> int | None:
    """Return the number of paths a pair if the two parts that meet at `table` are loosely complementary, else None."""
    merged = _merge_columns(_merge_columns(table, before).T.tocsr(), after)
    full = merged.nnz == before.classes * after.classes
    if not full or (merged.data != merged.data[0]).any():
        return None
    return before.paths * int(merged.data[0]) * after.paths


def _merge_columns(table: csr_array, part: Part) -> csr_array:
    """Return `table` with the columns of one class added up, in canonical format."""
    merged = csr_array(
        (table.data, part.labels[table.indices], table.indptr), shape=(table.shape[0], part.classes), copy=True
    )
    merged.sum_duplicates()
    return merged


def _ungrouped_rows(table: csr_array) -> tuple[int, int] | None:
    """Return two rows that keep the table from being a group convolution, None if it is one; see `NotGrouped`."""
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
    if partial.any():  # some row of the class lacks a column that another one has
        row = int(np.argmax(partial))
        own = table.indices[table.indptr[row] : table.indptr[row + 1]]
        class_rows = np.flatnonzero(smallest == smallest[row])
        members = (table.indices[table.indptr[other] : table.indptr[other + 1]] for other in class_rows)
        return row, next(
            int(other) for other, held in zip(class_rows, members, strict=True) if not np.array_equal(own, held)
        )
    uneven = table.data != table.data[0]
    return (int(rows[np.argmax(uneven)]),) * 2 if uneven.any() else None
