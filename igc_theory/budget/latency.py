r"""How long a chain takes on a machine: a small model per operator, fitted to timed layers, and what it predicts.

An operator takes

.. math:: t = c_0 + c_1 G + c_2 m + c_3 r + c_4 w

milliseconds, with :math:`G` branches, :math:`m` multiply–adds, :math:`r` numbers read and :math:`w` written on the image. No
coefficient is negative, so that more work never takes less time. Those of a kind of operator minimise the relative errors over its
timed layers, by non-negative least squares. A chain takes the sum over its operators, shuffles included, and what
a call takes at all. How far that is off is told by chains that were timed too, and not used for the fit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import prod
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from igc_theory.budget.chain_cost import ImageSize, image_sizes
from igc_theory.structure.arguments.kinds import instance_of, settle
from igc_theory.structure.arguments.numbers import positive_int, real_number
from igc_theory.structure.arguments.sequences import listed
from igc_theory.structure.branches import checked, serial_factors
from igc_theory.structure.chains import Chain
from igc_theory.structure.factors import GroupConv
from igc_theory.structure.permutations import ChannelPermutation
from igc_theory.structure.shuffles import fold_shuffles

__all__ = [
    "SHUFFLE",
    "Latency",
    "LatencyTable",
    "Timed",
    "Work",
    "chain_latency",
    "chain_work",
    "conv_work",
    "layer_time",
    "operator_time",
    "predicted",
]

SHUFFLE = "shuffle"
"""The kind of a channel permutation; convolutions have the kind that `GroupConv.kind` names."""

LIKE = {
    "pointwise": ("group pointwise", "regular"),
    "regular": ("group", "pointwise"),
    "group pointwise": ("pointwise", "group"),
    "group": ("regular", "depthwise"),
    "depthwise": ("group", "depthwise pointwise"),
    "depthwise pointwise": ("group pointwise", "depthwise"),
    SHUFFLE: (),
}
"""Kinds whose coefficients stand in for a kind that was not timed."""

WITHIN = 0.8
"""Share of the chains kept from the fit whose time lies within the interval."""

Coefficients = tuple[float, float, float, float, float]


class Work(NamedTuple):
    """What an operator does for one image.

    Attributes
    ----------
    kind : str
        That of a convolution, as `GroupConv.kind` names it, or ``"shuffle"``.
    branches, multiply_adds, read, written : int
        Branches, multiply–adds, and the numbers that are read and written, weights left out.
    """

    kind: str
    branches: int
    multiply_adds: int
    read: int
    written: int


@dataclass(frozen=True)
class Timed:
    """A layer or a chain, with the time that it took.

    Attributes
    ----------
    chain : Chain
        Of one factor if it is a layer.
    height, width : int
        Of the image read.
    milliseconds : float
        Per image.
    """

    chain: Chain
    height: int
    width: int
    milliseconds: float

    def __post_init__(self) -> None:
        checked(self.chain)
        settle(
            self,
            height=positive_int("height", self.height),
            width=positive_int("width", self.width),
            milliseconds=real_number("milliseconds", self.milliseconds, least=0),
        )


@dataclass(frozen=True)
class Latency:
    """A predicted time.

    Attributes
    ----------
    milliseconds : float
        Per image.
    low, high : float
        Between which four fifths of the chains lie that were timed to check the model, in milliseconds.
    shuffles : float
        Share of the channel shuffles, from 0 to 1.
    machine : str
        Where it holds.
    passed_over : int
        Layers of a network whose time is not known: pooling, normalisations that stand alone, and such.

    Examples
    --------
    >>> print(Latency(1.25, 1.0, 1.5, 0.1, "onnxruntime on a processor"))
    1.25 ms (1 to 1.5), shuffles 10%, with onnxruntime on a processor
    """

    milliseconds: float
    low: float
    high: float
    shuffles: float
    machine: str
    passed_over: int = 0

    @property
    def sentence(self) -> str:
        """The answer in words."""
        count = self.passed_over
        rest = f", without {count} layer{'s' * (count > 1)} of other kinds" if count else ""
        times = f"{self.milliseconds:.3g} ms ({self.low:.3g} to {self.high:.3g})"
        return f"{times}, shuffles {self.shuffles:.0%}, with {self.machine}{rest}"

    def __str__(self) -> str:
        return self.sentence


@dataclass(frozen=True, eq=False)
class LatencyTable:
    """Timed layers of a machine, and the model fitted to them.

    Parameters
    ----------
    machine : mapping of str to str
        What the times depend on: runtime, processor, caches, threads, versions.
    layers : sequence of Timed
        Single layers, to which the model is fitted; at least one convolution.
    chains : sequence of Timed
        Chains that are kept from the fit, to tell how far it is off.
    call : float, default 0.0
        Milliseconds of a call that computes nothing; a part of every time.

    Raises
    ------
    TypeError, ValueError
        If an entry is of another kind, or no convolution was timed.

    Examples
    --------
    >>> from igc_theory.structure import igcv1, regular
    >>> layers = [Timed(regular(C, C), 14, 14, 1e-6 * 9 * C**2 * 196) for C in (16, 32, 64)]
    >>> table = LatencyTable({"runtime": "an example"}, layers, [Timed(regular(32, 48), 14, 14, 3.0)])
    >>> round(chain_latency(regular(32, 32), table, 14, 14).milliseconds, 3)
    1.806
    >>> round(float(table.errors[0]), 3)
    1.107
    """

    machine: Mapping[str, str]
    layers: Sequence[Timed]
    chains: Sequence[Timed] = ()
    call: float = 0.0

    def __post_init__(self) -> None:
        way_out = "give Timed entries, or read a table: latency_table(path)"
        instance_of("machine", self.machine, (Mapping,), "give a mapping of names to values")
        for name, empty in (("layers", False), ("chains", True)):
            entries = listed(name, getattr(self, name), way_out, empty=empty)
            settle(
                self,
                **{name: tuple(instance_of(f"{name}[{k}]", entry, Timed, way_out) for k, entry in enumerate(entries))},
            )
        for k, timed in enumerate(self.layers):
            if len(timed.chain) > 1:
                raise ValueError(f"layers[{k}] is a chain of {len(timed.chain)} factors: a layer has one factor")
        settle(self, call=real_number("call", self.call, least=0))
        if not self._by_kind.keys() - {SHUFFLE}:
            raise ValueError("layers has no convolution: a model needs at least one")

    @property
    def where(self) -> str:
        """Runtime and processor in words."""
        runtime, processor = self.machine.get("runtime", "unknown"), self.machine.get("processor")
        return f"{runtime} on {processor}" if processor else runtime

    @cached_property
    def coefficients(self) -> dict[str, Coefficients]:
        """Milliseconds per operator, branch, multiply–add, number read and number written, by kind of operator."""
        fitted = {kind: _fitted(rows) for kind, rows in self._by_kind.items()}
        for kind in LIKE:
            if kind not in fitted:
                fitted[kind] = next((fitted[other] for other in self._stand_ins(kind)), (0.0,) * 5)
        return fitted

    @cached_property
    def errors(self) -> NDArray[np.float64]:
        """Measured time of each chain kept from the fit, divided by the predicted one."""
        return self._measured / self._expected

    @cached_property
    def interval(self) -> tuple[float, float]:
        """Factors on a predicted time between which four fifths of the chains kept from the fit lie; 0 and infinity without any."""
        if not self.errors.size:
            return 0.0, float("inf")
        low, high = np.quantile(self.errors, [(1 - WITHIN) / 2, (1 + WITHIN) / 2])
        return float(low), float(high)

    @cached_property
    def rank_correlation(self) -> float:
        """Spearman's rank correlation between predicted and measured times of the chains kept from the fit."""
        from scipy.stats import spearmanr

        return float(spearmanr(self._expected, self._measured).statistic)

    def __repr__(self) -> str:
        counted = f"{len(self.layers)} layers, {len(self.chains)} chains"
        return f"LatencyTable({self.where}, {counted})"

    @cached_property
    def _measured(self) -> NDArray[np.float64]:
        return np.array([timed.milliseconds for timed in self.chains])

    @cached_property
    def _expected(self) -> NDArray[np.float64]:
        return np.array([_call_time(self, chain_work(timed.chain, timed.height, timed.width)) for timed in self.chains])

    @cached_property
    def _by_kind(self) -> dict[str, list[tuple[Work, float]]]:
        found: dict[str, list[tuple[Work, float]]] = {}
        for timed in self.layers:
            for work in _works(timed.chain, (timed.height, timed.width)):  # one, or none if it changes nothing
                found.setdefault(work.kind, []).append((work, timed.milliseconds))
        return found

    def _stand_ins(self, kind: str) -> list[str]:
        nearest = [other for other in LIKE[kind] if other in self._by_kind]
        return nearest or [other for other in self._by_kind if SHUFFLE not in (kind, other)]


def operator_time(table: LatencyTable, work: Work) -> float:
    """Return the milliseconds of one operator, without the call."""
    fixed, branch, multiply_add, read, written = table.coefficients[work.kind]
    return (
        fixed + branch * work.branches + multiply_add * work.multiply_adds + read * work.read + written * work.written
    )


def layer_time(
    table: LatencyTable, chain: Chain, height: int, width: int, *, written: ImageSize | None = None
) -> float:
    """Return the milliseconds of a chain as a part of a network: a call of its own is left out. Sizes as in `multiply_adds`.

    Examples
    --------
    >>> from igc_theory.structure import regular
    >>> table = LatencyTable({"runtime": "an example"}, [Timed(regular(8, 8), 7, 7, 0.5)], call=0.1)
    >>> layer_time(table, regular(8, 8), 7, 7)
    0.5
    """
    return sum(operator_time(table, work) for work in chain_work(chain, height, width, written=written))


def _call_time(table: LatencyTable, works: Iterable[Work]) -> float:
    """Return the milliseconds of one call of operators that follow one another."""
    return table.call + sum(operator_time(table, work) for work in works)


def chain_latency(chain: Chain, table: LatencyTable, height: int, width: int) -> Latency:
    """Return how long a chain takes for one image, predicted by the table of a machine.

    Shuffles are those that are left when permutations are folded into the weights beside them.

    Parameters
    ----------
    chain : Chain
        Any chain.
    table : LatencyTable
        Of the machine.
    height, width : int
        Of the image that the chain reads.

    Returns
    -------
    Latency

    Raises
    ------
    TypeError, ValueError
        If an argument is of another kind, or a side is not a positive integer.

    Examples
    --------
    >>> from igc_theory.structure import regular
    >>> table = LatencyTable({"runtime": "an example"}, [Timed(regular(8, 8), 7, 7, 0.5)])
    >>> chain_latency(regular(8, 8), table, 7, 7).milliseconds
    0.5
    """
    instance_of("table", table, LatencyTable, "give a LatencyTable, such as networks.latency_table()")
    return predicted(chain_work(chain, height, width), table)


def predicted(works: Sequence[Work], table: LatencyTable, passed_over: int = 0) -> Latency:
    """Return how long operators take that follow one another.

    Examples
    --------
    >>> from igc_theory.structure import regular
    >>> table = LatencyTable({"runtime": "an example"}, [Timed(regular(8, 8), 7, 7, 0.5)], call=0.1)
    >>> predicted([], table).milliseconds
    0.1
    """
    total = _call_time(table, works)
    shuffles = sum(operator_time(table, work) for work in works if work.kind == SHUFFLE)
    low, high = table.interval
    share = shuffles / total if total else 0.0
    return Latency(total, low * total, high * total, share, table.where, passed_over)


def chain_work(chain: Chain, height: int, width: int, *, written: ImageSize | None = None) -> list[Work]:
    """Return the operators of a chain on an image, in order, with the shuffles that cannot be folded into weights.

    Sizes as in `multiply_adds`.

    Examples
    --------
    >>> from igc_theory.structure import igcv1
    >>> [work.kind for work in chain_work(igcv1(4, 2), 7, 7)]
    ['group', 'shuffle', 'group pointwise', 'shuffle']
    """
    height, width = positive_int("height", height), positive_int("width", width)
    return _works(fold_shuffles(checked(chain)).chain, (height, width), written)


def _works(chain: Chain, image: ImageSize, written: ImageSize | None = None) -> list[Work]:
    """Return what each factor does on the image that reaches it; a permutation that changes nothing does nothing."""
    works, factors = [], serial_factors(chain)
    for factor, (before, after) in zip(factors, pairwise(image_sizes(factors, image, written)), strict=True):
        if isinstance(factor, ChannelPermutation):
            moved = factor.channels * prod(before)
            works += [Work(SHUFFLE, 1, 0, moved, moved)] * bool((factor.indices != np.arange(factor.channels)).any())
        else:
            works.append(_conv_work(factor, before, after))
    return works


def conv_work(conv: GroupConv, height: int, width: int) -> Work:
    """Return what a group convolution does on an image.

    Examples
    --------
    >>> conv_work(GroupConv(4, 8, 2, 3, stride=2), 14, 14)
    Work(kind='group', branches=2, multiply_adds=7056, read=784, written=392)
    """
    return _conv_work(conv, *image_sizes([conv], (height, width)))


def _conv_work(conv: GroupConv, before: ImageSize, after: ImageSize) -> Work:
    products = conv.parameters * prod(after)
    return Work(conv.kind, conv.groups, products, conv.in_channels * prod(before), conv.out_channels * prod(after))


def _fitted(rows: Sequence[tuple[Work, float]]) -> Coefficients:
    """Return the non-negative coefficients with the least squares of relative errors."""
    from scipy.optimize import nnls

    times = np.array([max(time, 1e-9) for _, time in rows])
    columns = np.array([[1, *work[1:]] for work, _ in rows], dtype=float) / times[:, None]
    largest = np.maximum(columns.max(axis=0), 1e-300)
    found, _ = nnls(columns / largest, np.ones(times.size))
    fixed, branch, multiply_add, read, written = (found / largest).tolist()
    return fixed, branch, multiply_add, read, written
