"""Why a chain is not complementary: witnesses that a reader can check by hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from igc_theory.structure.branches import BranchGraph, branch_graph, serial, wiring
from igc_theory.structure.chains import Chain
from igc_theory.structure.conditions.grades import INSTEAD, graded
from igc_theory.structure.conditions.splits import NotGrouped, grouped_parts

__all__ = ["Explanation", "Witness", "explain_complementarity"]

_STRICT = (
    "Strictly complementary: every input reaches every output by exactly one path, whichever way the chain is split."
)


@dataclass(frozen=True)
class Witness:
    """What shows that a chain is not strictly complementary; channels and convolutions are counted from 0.

    Attributes
    ----------
    input, output : int
        A pair of channels, and
    paths : int
        the number of paths between them.
    channels : (int, int) or None
        With several paths: two channels written by one branch of `convolution` and read by one branch of the next. With one
        path: two channels that this convolution writes (or reads, in `part` "after") and that share some of the part's other
        ends, but not `input` (or `output`).
    convolution : int or None
        An index into ``chain.convolutions``.
    part : {"before", "after"} or None
        Which part of the chain, up to and including or from `convolution` on, is not a group convolution.

    Examples
    --------
    >>> from igc_theory import group
    >>> witness = explain_complementarity(group(4, 4, groups=2, kernel_size=1)).witness
    >>> witness.input, witness.output, witness.paths
    (2, 0, 0)
    """

    input: int
    output: int
    paths: int
    channels: tuple[int, int] | None = None
    convolution: int | None = None
    part: Literal["before", "after"] | None = None


@dataclass(frozen=True)
class Explanation:
    """Whether a chain is strictly complementary, and why (not).

    Attributes
    ----------
    holds : bool
        The same as ``is_complementary(chain)``.
    witness : Witness or None
        None when it holds.
    sentence : str
        Both in words.

    Examples
    --------
    >>> from igc_theory import igcv2
    >>> explain_complementarity(igcv2([2, 2])).holds
    True
    """

    holds: bool
    witness: Witness | None
    sentence: str

    def __str__(self) -> str:
        return self.sentence


def explain_complementarity(chain: Chain) -> Explanation:
    """Explain whether a chain is strictly complementary, with a witness when it is not.

    Parameters
    ----------
    chain : Chain
        Without sums, as for `is_complementary`.

    Returns
    -------
    Explanation
        Channels and convolutions are counted from 0; the sentence also names the weaker condition that does hold.

    Raises
    ------
    TypeError
        If `chain` is not a Chain.
    ValueError
        If it has a `Sum` or a `DirectSum`.

    Examples
    --------
    >>> from igc_theory.structure import Chain, explain_complementarity, group, igcv1, igcv3
    >>> print(explain_complementarity(igcv1(8, 4)))
    Strictly complementary: every input reaches every output by exactly one path, whichever way the chain is split.
    >>> print(explain_complementarity(group(6, 6, groups=2)))
    Not strictly complementary: input 3 has no path to output 0.
    >>> print(explain_complementarity(Chain([group(6, 6, 2), group(6, 6, 2)])))
    Not strictly complementary: input 3 has no path to output 0.
    >>> explanation = explain_complementarity(igcv3(8, 8, expansion=1))
    >>> print(explanation.witness)
    Witness(input=0, output=0, paths=2, channels=None, convolution=None, part=None)
    """
    graph = branch_graph(serial(chain, INSTEAD))
    found = graded(graph)
    if found.kind == "strict":
        return Explanation(True, None, _STRICT)
    if found.missing is not None:
        output, source = found.missing
        witness = Witness(source, output, 0)
    elif graph.fan_in > chain.in_channels:
        witness = _repeated_paths(chain, graph)
    else:
        witness = _torn_part(chain, graph)
    suffix = "" if found.missing else f" Grade: {found}."
    return Explanation(False, witness, f"Not strictly complementary: {_reason(witness)}.{suffix}")


def _reason(witness: Witness) -> str:
    """Return the sentence for a witness."""
    if witness.paths == 0:
        return f"input {witness.input} has no path to output {witness.output}"
    repeated = f"input {witness.input} reaches output {witness.output} by {witness.paths} paths"
    if witness.channels is None or witness.convolution is None:
        return repeated
    first, second = witness.channels
    at = witness.convolution
    if witness.part is None:
        return (
            f"channels {first} and {second} lie in one branch of convolution {at} and in one branch of convolution {at + 1}, "
            f"so {repeated}"
        )
    if witness.part == "before":
        return (
            f"each pair has one path, but convolutions 0 to {at} do not make up a group convolution. "
            f"Their outputs {first} and {second} share some inputs, while input {witness.input} reaches only one of them"
        )
    return (
        f"each pair has one path, but the convolutions from {at} on do not make up a group convolution. "
        f"Their inputs {first} and {second} share some outputs, while output {witness.output} is reached from only one of them"
    )


def _repeated_paths(chain: Chain, graph: BranchGraph) -> Witness:
    """Return a pair with several paths; and two channels that neighbouring convolutions both join, if there are any."""
    for k, table in enumerate(graph.tables):
        if table.data.max() > 1:
            entry = int(np.argmax(table.data > 1))
            after, before = int(np.searchsorted(table.indptr, entry, side="right")) - 1, int(table.indices[entry])
            sources = wiring(chain)[k + 1].reshape(table.shape[0], -1)[after]
            channels = sources[sources // chain.convolutions[k].out_width == before][:2]
            source = int(np.argmax(graph.paths_to(before, k) > 0))
            turned = graph.transposed()
            output = int(np.argmax(turned.paths_to(after, len(turned.tables) - 1 - k) > 0))
            paths = int(graph.paths_to(output)[source])
            return Witness(*graph.pair(output, source)[::-1], paths, (int(channels.min()), int(channels.max())), k)
    counts = graph.paths_to(0)
    source = int(np.argmax(counts))
    return Witness(*graph.pair(0, source)[::-1], int(counts[source]))


def _torn_part(chain: Chain, graph: BranchGraph) -> Witness:
    """Return where a chain with unique paths has a part that is not a group convolution."""
    convs, turned = chain.convolutions, graph.transposed()
    torn = grouped_parts(graph)
    if isinstance(torn, NotGrouped):
        at = torn.table + 1
        first, second = torn.branches
        only_one = np.argmax((graph.paths_to(first, at) > 0) != (graph.paths_to(second, at) > 0))
        channels = first * convs[at].out_width, second * convs[at].out_width
        return Witness(graph.pair(0, int(only_one))[1], 0, 1, channels, at, "before")
    torn = grouped_parts(turned)
    assert isinstance(torn, NotGrouped), "unique paths with both parts group convolutions at every split are strict"
    first, second = torn.branches
    level = torn.table + 1
    at = len(convs) - 1 - level
    only_one = np.argmax((turned.paths_to(first, level) > 0) != (turned.paths_to(second, level) > 0))
    channels = first * convs[at].in_width, second * convs[at].in_width
    return Witness(0, graph.pair(int(only_one), 0)[0], 1, channels, at, "after")
