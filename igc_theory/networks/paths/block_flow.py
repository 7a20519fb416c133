"""How the channels of a block, a stage or a whole network reach each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from igc_theory.networks.paths.pair_counts import PairCounts
from igc_theory.networks.paths.regions import Region
from igc_theory.networks.paths.steps import Gate, Steps, Unknown
from igc_theory.networks.paths.verdicts import Verdict, chain_between, verdict
from igc_theory.structure.arguments.kinds import flag
from igc_theory.structure.chains import Chain
from igc_theory.structure.conditions.grades import Grade

__all__ = ["BlockFlow", "block_flow"]


@dataclass(frozen=True, eq=False, repr=False)
class BlockFlow:
    """How a block, a stage or a whole network connects its input channels to its output channels.

    Attributes
    ----------
    name : str
        ``"stage.block"`` of a block, ``"stage"`` of a stage.
    layers : (str, str)
        The first and the last operator or layer.
    in_channels, out_channels : int
    chain : Chain or None
        What is left without shortcuts and gates, if it is a chain; None where branches are joined.
    main, whole, gated : Verdict
        Without shortcuts and gates; with shortcuts; with both. A shortcut is an operand of a sum with at most one convolution,
        beside one with more. A gate weighs: squeeze-and-excitation, attention scores, the statistics of a layer normalisation.

    Examples
    --------
    >>> from igc_theory.networks import block_flows, network
    >>> flow = block_flows(network("shufflenet"))[3]
    >>> flow.name, str(flow.grade), flow.dense
    ('stage2.unit3', 'dense, uneven: 6 to 7 paths per pair', True)
    """

    name: str
    layers: tuple[str, str]
    in_channels: int
    out_channels: int
    chain: Chain | None
    main: Verdict
    whole: Verdict
    gated: Verdict
    _steps: Steps
    _region: Region

    def __repr__(self) -> str:
        return f"BlockFlow({self.name!r}, {self.in_channels} -> {self.out_channels}: {self.whole})"

    @property
    def grade(self) -> Grade | None:
        """The grade without shortcuts and gates; None beyond an operator that is not known."""
        return self.main.grade

    @property
    def min_paths(self) -> int | None:
        """Smallest number of paths of a pair, shortcuts included."""
        return None if self.whole.totals is None else self.whole.totals.least

    @property
    def max_paths(self) -> int | None:
        """Largest number of paths of a pair, shortcuts included."""
        return None if self.whole.totals is None else self.whole.totals.most

    @property
    def dense(self) -> bool:
        """Whether every output depends on every input."""
        return bool(self.min_paths)

    def counts(self, *, shortcuts: bool = True, gates: bool = False) -> NDArray[Any]:
        """Return the path counts of all pairs.

        Parameters
        ----------
        shortcuts, gates : bool
            Whether they are ways.

        Returns
        -------
        ndarray, shape (out_channels, in_channels)
            Exact: in 64 bits, or Python integers where these do not suffice.

        Raises
        ------
        ValueError
            If an operator on the way is not known.

        Examples
        --------
        >>> from igc_theory.networks import block_flows, network
        >>> block_flows(network("igc_l24m2", depth=5))[0].counts(shortcuts=False).shape
        (48, 3)
        """
        counts = self.pair_counts(shortcuts=shortcuts, gates=gates)
        if isinstance(counts, Unknown):
            raise ValueError(
                f"the paths of {self.name!r} are not known beyond {counts.operator}: ask for a block without it"
            )
        return counts.matrix()

    def pair_counts(self, *, shortcuts: bool = True, gates: bool = False) -> PairCounts | Unknown:
        """Return the path counts by classes of channels, without a square matrix; or the operator that is not known.

        Examples
        --------
        >>> from igc_theory.networks import block_flows, network
        >>> block_flows(network("igc_l24m2", depth=5))[0].pair_counts(shortcuts=False).matrix().shape
        (48, 3)
        """
        shortcuts, gates = flag("shortcuts", shortcuts), flag("gates", gates)
        return self._steps.counts(self._region.start, self._region.end, shortcuts=shortcuts, gates=gates)


def block_flow(steps: Steps, region: Region, *, graded: bool = True) -> BlockFlow:
    """Return how the channels of one region of a network reach each other; `graded` asks for the chain that it may be."""
    start, end = region.start, region.end
    inside = [k for k in range(start + 1, end + 1) if k in steps.live]
    # Whether a stage is complementary says little, and its chain is long.
    chain = chain_between(steps, start, end) if graded else None
    main = verdict(steps.counts(start, end, shortcuts=False), chain)
    whole = gated = main
    if any(start < k <= end for k, _ in steps.shortcuts):
        whole = gated = verdict(steps.counts(start, end), chain)
    if any(isinstance(steps.steps[k].action, Gate) for k in inside):
        gated = verdict(steps.counts(start, end, gates=True))
    first, last = steps.steps[inside[0]] if inside else steps.steps[start], steps.steps[end]
    channels = steps.steps[start].channels, last.channels
    return BlockFlow(region.name, (first.name, last.name), *channels, chain, main, whole, gated, steps, region)
