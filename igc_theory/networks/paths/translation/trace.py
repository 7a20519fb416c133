"""The steps of a graph while it is walked through: what each tensor holds, and how steps are appended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from igc_theory.networks.description.graph import Graph, Operation
from igc_theory.networks.paths.steps import Action, Addition, Gate, Gather, Mix, Step, Unknown
from igc_theory.networks.paths.translation.layouts import View, aligned, collapsed, spread

__all__ = ["Trace"]

Integers = NDArray[np.int64]


@dataclass
class Trace:
    """Steps so far, and the view that each tensor of the graph is; tensors that do not depend on an input have none."""

    graph: Graph
    steps: list[Step] = field(default_factory=list)
    views: dict[str, View] = field(default_factory=dict)

    def shape(self, name: str) -> tuple[int, ...] | None:
        """Return the sizes of a tensor, or None."""
        return self.graph.shapes.get(name)

    def moving(self, operation: Operation) -> list[str]:
        """Return the inputs that depend on the image."""
        return [name for name in operation.inputs if name in self.views]

    def append(
        self, operation: Operation, action: Action | None, reads: Sequence[int], channels: int, labels: Integers | None
    ) -> View:
        """Append a step; return the view of what it writes."""
        shape = self.shape(operation.outputs[0]) or ()
        lengths = labels.shape if labels is not None and labels.ndim == len(shape) else ()
        sides = tuple(n for k, (n, own) in enumerate(zip(shape, lengths, strict=False)) if k and own == 1)
        self.steps.append(Step(action, tuple(reads), channels, operation.name or operation.outputs[0], sides))
        return View(len(self.steps) - 1, labels)

    def unknown(self, operation: Operation, operator: str = "", channels: int | None = None) -> View:
        """Append an operator of which it is not known what it does; beyond one such operator all keep its name."""
        reads = [self.views[name].step for name in self.moving(operation)]
        before = [self.steps[k].action for k in reads if self.views_unknown(k)]
        name = next((action.operator for action in before if isinstance(action, Unknown)), "")
        shape = self.shape(operation.outputs[0]) or ()
        width = channels or (shape[1] if len(shape) > 1 else 1)
        return self.append(operation, Unknown(name or operator or operation.operator), reads, width, None)

    def views_unknown(self, step: int) -> bool:
        """Return whether a step is an operator of which it is not known what it does."""
        return isinstance(self.steps[step].action, Unknown)

    def gathered(self, operation: Operation, view: View, labels: Integers) -> int:
        """Return a step whose channels are the entries of `labels` in order."""
        places, channels = labels.ravel(), self.steps[view.step].channels
        if len(places) == channels and np.array_equal(places, np.arange(channels)):
            return view.step
        return self.append(operation, Gather(places), [view.step], len(places), None).step

    def mixed(
        self,
        operation: Operation,
        view: View,
        axis: int,
        channels: int,
        *,
        groups: int = 1,
        kind: Literal["convolution", "linear", "statistic"] = "convolution",
        window: tuple[int, int] = (1, 1),
        strides: tuple[int, int] = (1, 1),
    ) -> View:
        """Append a mixing along one axis of a view with layout, which then has `channels` places."""
        assert view.labels is not None
        rows = np.moveaxis(view.labels, axis, -1)
        others, rows = rows.shape[:-1], rows.reshape(-1, rows.shape[-1])
        if kind != "convolution":
            rows = _distinct(rows)
        branches = groups * len(rows)
        labels = np.arange(len(rows) * channels).reshape(*others, channels)
        read = self.gathered(operation, view, rows)
        mix = Mix(branches, kind, window, strides)
        return self.append(operation, mix, [read], labels.size, np.moveaxis(labels, -1, axis))

    def joined(self, operation: Operation, action: Addition | Gate, views: Sequence[View]) -> View:
        """Append an operation entry by entry on several views with layout; the operands broadcast."""
        labels = [view.labels for view in views if view.labels is not None]
        rank = max(array.ndim for array in labels)
        own = np.broadcast_arrays(*(aligned(array, rank) for array in labels))
        places, order = _alike(own)
        reads = [self.gathered(operation, view, array.ravel()[places]) for view, array in zip(views, own, strict=True)]
        return self.append(operation, action, reads, len(places), collapsed(order))

    def concatenated(self, operation: Operation, axis: int, parts: Sequence[tuple[View | None, int]]) -> View:
        """Return views behind each other along an axis of this many places each; None stands for constants."""
        views = [view for view, _ in parts if view is not None]
        steps = list(dict.fromkeys(view.step for view in views))
        starts = dict(zip(steps, np.cumsum([0, *(self.steps[k].channels for k in steps)]).tolist(), strict=False))
        rank = max(view.labels.ndim for view in views if view.labels is not None)
        labels = []
        for view, size in parts:
            own = np.full((1,) * rank, -1) if view is None or view.labels is None else view.labels
            moved = own if view is None else np.where(own < 0, -1, own + starts[view.step])
            labels.append(spread(moved, axis, size))
        sizes = [max(array.shape[k] for array in labels) for k in range(rank)]
        whole = [np.broadcast_to(array, [*sizes[:axis], array.shape[axis], *sizes[axis + 1 :]]) for array in labels]
        together = collapsed(np.concatenate(whole, axis=axis))
        if len(steps) == 1:
            return View(steps[0], together)
        places, order = _alike([together])
        return self.append(operation, Gather(together.ravel()[places]), steps, len(places), order)

    def sliced(self, view: View, axis: int, places: Integers, size: int) -> View:
        """Return the places along an axis of `size`, in the order asked for."""
        if view.labels is None or view.labels.shape[axis] == 1:
            return view
        return view.at(spread(view.labels, axis, size).take(places, axis=axis))


def _alike(arrays: Sequence[Integers]) -> tuple[Integers, Integers]:
    """Return a place of each combination of entries that there is, and for each place which combination it has."""
    keys = arrays[0].ravel()
    for array in arrays[1:]:
        keys = np.unique(keys, return_inverse=True)[1].reshape(-1) * (int(array.max()) + 2) + array.ravel()
    _, places, order = np.unique(keys, return_index=True, return_inverse=True)
    # Combinations are numbered as they come, so that channels keep their order.
    rank = np.argsort(np.argsort(places))
    return np.sort(places), rank[order.reshape(-1)].reshape(arrays[0].shape)


def _distinct(rows: Integers) -> Integers:
    """Return rows of which equal entries count once, if that leaves them equally long."""
    found = [np.unique(row) for row in rows] if rows.shape[1] > 1 else [*rows]
    found = [row[row >= 0] for row in found]
    lengths = {len(row) for row in found}
    return np.array(found) if len(lengths) == 1 and lengths != {0} else rows
