"""The claims of the papers against our runs: margins with intervals, and what they say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from numpy.typing import NDArray

from experiments.verdicts import DATASETS, MARGIN, Verdict, verdicts
from igc_theory.views.plots.networks.experiments import plot_claims
from igc_theory.views.plots.style import PAGE


def data(found: Sequence[Verdict] | None = None) -> dict[str, list[Any]]:
    """Return the verdicts, a row per claim and data set, by default those on the stored runs; nothing is trained."""
    found = verdicts() if found is None else found
    return {
        "claim": [verdict.claim.words for verdict in found],
        "dataset": [DATASETS[verdict.dataset] for verdict in found],
        **{name: [getattr(verdict, name) for verdict in found] for name in ("margin", "low", "high")},
        "word": [verdict.word for verdict in found],
        "together": [verdict.simultaneous_word for verdict in found],
    }


def draw(columns: dict[str, NDArray[Any]]) -> Figure:
    """Draw one row per claim."""
    figure, ax = plt.subplots(figsize=(PAGE, 0.6 + 0.33 * len({*columns["claim"]})))
    plot_claims(columns, MARGIN, ax)
    return figure
