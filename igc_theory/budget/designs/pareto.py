"""Designs that no other design beats in everything: the Pareto front."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from igc_theory.budget.designs.design import Design
from igc_theory.structure.arguments.kinds import kind_of, shown
from igc_theory.structure.arguments.sequences import listed

__all__ = ["pareto_front"]

OBJECTIVES = ("channels", "parameters", "parameters_per_channel", "multiply_adds", "factors", "min_paths", "max_paths")


def pareto_front(
    designs: Iterable[Design],
    *,
    most: Sequence[str] = ("channels",),
    least: Sequence[str] = ("parameters", "factors"),
) -> list[Design]:
    r"""Return the designs that are not dominated: no other is at least as good in every objective and better in one.

    Parameters
    ----------
    designs : iterable of Design
        For example all `strict_designs` of many widths.
    most, least : sequence of str
        Objectives, of which more or less is better: ``"channels"``, ``"parameters"``, ``"parameters_per_channel"``,
        ``"multiply_adds"`` (for one output position), ``"factors"``, ``"min_paths"``, ``"max_paths"``. At stride 1 the
        multiply–adds of a position are the parameters, so the two say the same within one kernel area.

    Returns
    -------
    list of Design
        Sorted from the best to the worst in the first objective, then in the second, and so on; designs that agree in
        every objective are all kept.

    Raises
    ------
    TypeError
        If an entry is not a Design.
    ValueError
        If an objective is unknown, or there is none.

    Examples
    --------
    >>> from igc_theory.budget import strict_designs
    >>> for design in pareto_front(list(strict_designs(64, 9))):
    ...     print(design.branch_widths, design.parameters_per_channel)
    (1, 4, 4, 4) 21
    (1, 8, 8) 25
    (2, 32) 50
    (64,) 576
    """
    designs = listed("designs", designs, "give Designs, such as strict_designs(64)", empty=True)
    most, least = _objectives("most", most), _objectives("least", least)
    if not most + least:
        raise ValueError("most=() and least=() name no objective: give at least one, such as least=('parameters',)")
    for position, design in enumerate(designs):
        if not isinstance(design, Design):
            raise TypeError(f"designs[{position}]={shown(design)} is {kind_of(design)}: give Design entries")
    costs = [
        (*(-getattr(design, name) for name in most), *(getattr(design, name) for name in least)) for design in designs
    ]
    order = sorted(range(len(designs)), key=lambda position: (costs[position], designs[position].branch_widths))
    return [designs[position] for position in _not_dominated(_ranks(costs), order)]


def _ranks(costs: Sequence[tuple[Any, ...]]) -> NDArray[np.int64]:
    """Return the place of each cost among those of its objective: exact for integers of any size, and for fractions."""
    places = [{value: rank for rank, value in enumerate(sorted(set(column)))} for column in zip(*costs, strict=True)]
    return np.array([[place[value] for place, value in zip(places, cost, strict=True)] for cost in costs], np.int64)


def _not_dominated(ranks: NDArray[np.int64], order: list[int]) -> list[int]:
    """Return the positions whose costs nobody dominates; in lexicographic order only earlier ones can dominate."""
    kept: list[int] = []
    front = ranks[:0]
    for position in order:
        cost = ranks[position]
        below = (front <= cost).all(axis=1)
        if below.any() and not (front[below] == cost).all(axis=1).any():
            continue
        kept.append(position)
        if not below.any():
            front = np.vstack([front, cost])
    return kept


def _objectives(name: str, objectives: Sequence[str]) -> tuple[str, ...]:
    if isinstance(objectives, str):
        objectives = (objectives,)
    objectives = listed(name, objectives, f"use some of {', '.join(OBJECTIVES)}", empty=True)
    for objective in objectives:
        if not isinstance(objective, str) or objective not in OBJECTIVES:
            raise ValueError(f"{name}={shown(objectives)} has {shown(objective)}: use some of {', '.join(OBJECTIVES)}")
    return tuple(objectives)
