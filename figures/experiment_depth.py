"""By how much IGCV1 blocks are ahead of regular ones at equal weights, with 2, 4 and 8 blocks."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from numpy.typing import NDArray

from experiments.claims import Claim, difference
from experiments.verdicts import DATASETS, MARGIN, accuracies, datasets_of, verdicts
from igc_theory.views.plots.networks.experiments import plot_gains
from igc_theory.views.plots.style import COLUMN


def data() -> dict[str, list[Any]]:
    """Return the gain at each depth with its interval, a row per data set and depth; nothing is trained."""
    datasets = datasets_of("depth")
    budgets = dict.fromkeys(str(row["budget"]) for row in accuracies("depth", datasets[0])[0].values())
    gains = [Claim(name, "", "depth", difference([f"{name}: IGCV1"], [f"{name}: regular"])) for name in budgets]
    found = [gain for dataset in datasets for gain in verdicts(gains, [dataset])]
    return {
        "dataset": [DATASETS[gain.dataset] for gain in found],
        "blocks": [int(gain.claim.words.partition(" ")[0]) for gain in found],
        "gain": [gain.margin for gain in found],
        **{name: [getattr(gain, name) for gain in found] for name in ("low", "high")},
    }


def draw(columns: dict[str, NDArray[Any]]) -> Figure:
    """Draw one line per data set."""
    figure, ax = plt.subplots(figsize=(COLUMN, 2.3))
    plot_gains(columns, MARGIN, ax).set_ylabel("IGCV1 less regular (points)")
    return figure
