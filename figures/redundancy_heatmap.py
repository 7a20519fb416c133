"""Every family within five bits per weight, on the kernels of three trained networks and on random ones."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from tqdm import tqdm

from figures.realdata import FILES, Kernel, shapes_once, source
from igc_theory.kernels import within_budget
from igc_theory.views.plots.kernels.compression import plot_budget_errors
from igc_theory.views.plots.style import PAGE

BUDGET = 5.0
LEAST = 24
MOST = 60_000


def data() -> dict[str, list[Any]]:
    """Return the error of each family and kernel, a row per pair, of kernels up to `MOST` weights, the first of every shape."""
    trained = [found for name in FILES for found in shapes_once(name, LEAST) if found.matrix.size <= MOST]
    rng = np.random.default_rng(0)
    random = [Kernel(f"random as {k.network}", k.layer, rng.standard_normal(k.matrix.shape)) for k in trained]
    both = [found for name in FILES for found in [*trained, *random] if found.network.endswith(name)]
    rows = [row for found in tqdm(both, "approximating", leave=False, disable=None) for row in _rows(found)]
    names = ("network", "layer", "rows", "columns", "family", "relative_error")
    return {**dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)), "package": source(len(rows))}


def _rows(found: Kernel) -> Iterable[tuple[Any, ...]]:
    place = found.network, f"layer {found.layer}", *found.matrix.shape
    for row in within_budget(found.matrix, BUDGET):
        rounded = row.family in ("low rank", "sparse product") and row.setting.endswith(" bits")
        yield *place, ("rounded " if rounded else "") + row.family, row.relative_error


def draw(columns: dict[str, NDArray[Any]]) -> Figure:
    """Draw medians over the kernels, families in order of their error."""
    keys = list(zip(columns["network"].tolist(), columns["family"].tolist(), strict=True))
    order = sorted(range(len(keys)), key=keys.__getitem__)
    medians = {
        key: float(np.median(columns["relative_error"][list(rows)]))
        for key, rows in groupby(order, key=keys.__getitem__)
    }
    families = sorted(
        {family for _, family in medians}, key=lambda f: sum(medians.get((n, f), 1) for n in columns["network"])
    )
    table = [
        (n, f, medians[n, f]) for n in dict.fromkeys(columns["network"].tolist()) for f in families if (n, f) in medians
    ]
    figure, ax = plt.subplots(figsize=(PAGE, 2.5))
    names = ("network", "family", "relative_error")
    plot_budget_errors(dict(zip(names, map(list, zip(*table, strict=True)), strict=True)), ax)
    return figure
