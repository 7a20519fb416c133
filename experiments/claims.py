"""The claims, each a margin that it says to be positive: written down before the runs, and judged by `experiments.verdicts`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from experiments.records import Row

__all__ = ["CLAIMS", "Claim", "Means", "difference", "widest"]

Means = Mapping[str, NDArray[np.float64]]
"""Mean test accuracy of each design in every resample, by the key of `designs`."""


@dataclass(frozen=True)
class Claim:
    """A statement about mean accuracies, written as a margin that it says to be positive.

    Attributes
    ----------
    words, source : str
        The claim in a sentence, and who makes it.
    experiment : str
        Whose runs decide.
    margin : callable
        From the rows of the designs and their mean accuracies, arrays over resamples, to the margin in points.
    """

    words: str
    source: str
    experiment: str
    margin: Callable[[Mapping[str, Row], Means], NDArray[np.float64]]


def _mean(means: Means, keys: Sequence[str]) -> NDArray[np.float64]:
    return np.asarray(np.mean([means[key] for key in keys], axis=0))


def difference(
    better: Sequence[str], worse: Sequence[str]
) -> Callable[[Mapping[str, Row], Means], NDArray[np.float64]]:
    """Return the margin of one group of designs over another, each the mean of its designs."""
    return lambda designs, means: _mean(means, better) - _mean(means, worse)


def widest(designs: Mapping[str, Row]) -> list[str]:
    """Return the widest design, or several of equal width; the regular one does not compete."""
    widths = {key: int(row["width"]) for key, row in designs.items() if row["role"] != "regular"}
    return [key for key, width in widths.items() if width == max(widths.values())]


def _wider(designs: Mapping[str, Row], means: Means) -> NDArray[np.float64]:
    return _mean(means, widest(designs)) - means["one: regular"]


def _peak(designs: Mapping[str, Row], means: Means) -> NDArray[np.float64]:
    """Return by how much the best neighbour of the widest design, in order of M, beats the best of all others."""
    order = [key for key, row in designs.items() if row["role"] != "regular"]
    places = [order.index(key) for key in widest(designs)]
    near = [order[k] for k in (min(places) - 1, max(places) + 1) if 0 <= k < len(order)]
    others = [key for key in order if key not in near]
    best_near, best_other = (np.max([means[key] for key in keys], axis=0) for keys in (near, others))
    return np.asarray(best_near - best_other)


def _first_or_second(designs: Mapping[str, Row], means: Means) -> NDArray[np.float64]:
    """Return by how much the design of least imbalance beats the second best of the others."""
    balanced = min(designs, key=lambda key: float(str(designs[key]["role"]).removeprefix("imbalance ")))
    others = np.sort([means[key] for key in designs if key != balanced], axis=0)
    return np.asarray(means[balanced] - others[-2])


def _balanced_ahead(designs: Mapping[str, Row], means: Means) -> NDArray[np.float64]:
    """Return by how much balanced factorizations beat the mean of the others of as many factors, where there are others."""
    groups: dict[str, dict[str, list[str]]] = {}
    for key, row in designs.items():
        groups.setdefault(str(row["factors"]), {}).setdefault(str(row["role"]), []).append(key)
    margins = [
        _mean(means, group["balanced"]) - _mean(means, group["other"]) for group in groups.values() if "other" in group
    ]
    return np.asarray(np.mean(margins, axis=0))


_CHAINS = ("2 factors", "3 factors")
_FEW = ["one: 2 factors", "one: 3 factors", "one: 4 factors"]
_SIZES = ("small", "medium", "large")

CLAIMS = (
    Claim("The widest IGC block beats a regular convolution", "IGCV1", "igcv1_sweep", _wider),
    Claim("Accuracy peaks next to the widest design, not at it", "IGCV1", "igcv1_sweep", _peak),
    Claim("A few factors (2 to 4) beat one", "IGCV2", "factor_count", difference(_FEW, ["one: 1 factor"])),
    Claim("A few factors (2 to 4) beat many (7)", "IGCV2", "factor_count", difference(_FEW, ["one: 7 factors"])),
    Claim("The balanced design is best or second best", "IGCV2", "balance", _first_or_second),
    Claim(
        "Interleaved factors beat un-permuted ones", "IGCV1, IGCV2", "permutations",
        difference([f"{chain}: interleaved" for chain in _CHAINS], [f"{chain}: none" for chain in _CHAINS]),
    ),
    Claim(
        "Interleaved factors beat randomly permuted ones", "asked here", "permutations",
        difference([f"{chain}: interleaved" for chain in _CHAINS], [f"{chain}: random" for chain in _CHAINS]),
    ),
    Claim(
        "Loose beats strict when width is scarce", "IGCV3", "path_counts",
        difference(["scarce: loose", "scarce: looser"], ["scarce: strict"]),
    ),
    Claim(
        "Even path counts beat uneven ones", "asked here", "path_counts",
        difference(
            ["scarce: strict", "scarce: loose", "ample: strict", "ample: loose"],
            ["scarce: uneven", "scarce: uneven", "ample: uneven", "ample: uneven, more"],
        ),
    ),
    Claim(
        "IGCV3 blocks beat MobileNetV2 blocks", "IGCV3", "inverted_residuals",
        difference([f"{size}: IGCV3" for size in _SIZES], [f"{size}: MobileNetV2" for size in _SIZES]),
    ),
    Claim(
        "IGCV3 is further ahead in the small network than in the large one", "IGCV3", "inverted_residuals",
        lambda designs, means: (
            means["small: IGCV3"] - means["small: MobileNetV2"] - means["large: IGCV3"] + means["large: MobileNetV2"]
        ),
    ),
    Claim(
        "IGCV1 beats a regular convolution in networks of eight blocks", "IGCV1", "depth",
        difference(["8 blocks: IGCV1"], ["8 blocks: regular"]),
    ),
    Claim(
        "IGCV1 is further ahead with eight blocks than with two", "talk", "depth",
        lambda designs, means: (
            means["8 blocks: IGCV1"] - means["8 blocks: regular"] - means["2 blocks: IGCV1"] + means["2 blocks: regular"]
        ),
    ),
    Claim(
        "IGCV1 beats Xception's block", "IGCV1", "xception",
        difference(["one: IGCV1"], ["one: depthwise first", "one: pointwise first"]),
    ),
    Claim(
        "Branches of two channels beat depthwise ones before a dense convolution", "asked here", "xception",
        difference(["one: group, then dense"], ["one: depthwise first"]),
    ),
    Claim(
        "The depthwise convolution is better placed first than last", "asked here", "xception",
        difference(["one: depthwise first"], ["one: pointwise first"]),
    ),
    Claim(
        "Balanced factorizations beat others of as many factors", "asked here", "factorizations", _balanced_ahead,
    ),
)  # fmt: skip
