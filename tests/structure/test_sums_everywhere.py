"""Everything that takes a chain answers for sums as it does for the same chain in series, or says why it does not.

The good call of a function is that of its docstring. A chain `c` in it becomes ``Sum([c])``, which is the same matrix with the
same weights: the answer has to be the same. What refuses says so for ``Sum([c, c])`` as well, whatever it could make of one branch.
"""

from __future__ import annotations

import copy
import dataclasses
import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from scipy.sparse import issparse

import igc_theory
from igc_theory.kernels import Product, random_product
from igc_theory.structure import Chain, DirectSum, GroupConv, Sum, igcv1, path_counts
from igc_theory.views import explorers
from tests import hostile

REFUSED = r"has convolutions side by side, in (Sum|DirectSum) of \d+, and this needs them one behind the other: \w+"

GIVEN_THE_REST = {"folded", "gaps", "kernels", "weights", "wires"}
"""Arguments beside a chain that only that chain fits."""


def takes_chains(function: Callable[..., Any]) -> bool:
    parameters = inspect.signature(function).parameters
    hints = [str(p.annotation) for p in parameters.values()]
    return GIVEN_THE_REST.isdisjoint(parameters) and any(
        kind in hint for hint in hints for kind in ("Chain", "Product")
    )


def functions_of_chains() -> Iterator[tuple[str, None, Callable[..., Any]]]:
    """Every function that a module gives to others and that takes a chain, a product or several of them."""
    for module in pkgutil.walk_packages(igc_theory.__path__, "igc_theory."):
        if not module.ispkg and module.name != "igc_theory.__main__":
            loaded = importlib.import_module(module.name)
            for name in getattr(loaded, "__all__", ()):
                function = getattr(loaded, name)
                if inspect.isfunction(function) and function.__module__ == module.name and takes_chains(function):
                    yield name, None, function


def summed(value: Any, times: int) -> Any:
    """The argument with its chains as sums, of one branch or of several alike."""
    if isinstance(value, Chain):
        return Sum([value] * times, name=value.name)
    if isinstance(value, Product):
        return Product(summed(value.chain, times), value.weights * times)
    return type(value)(summed(entry, times) for entry in value) if isinstance(value, (list, tuple)) else value


def answered(call: hostile.Call, times: int) -> Any:
    """What the function answers if every chain is a sum of `times` branches, or as it is for 0; or the refusal."""
    given = {name: copy.deepcopy(value) for name, value in call.arguments.items()}
    given = {name: summed(value, times) for name, value in given.items()} if times else given
    try:
        return looked_at(call.function(**given))
    except ValueError as error:
        return error


def looked_at(result: Any) -> Any:
    """A result as arrays, texts and lists, so that two can be compared whatever shape their chains have."""
    if isinstance(result, Chain):
        return result.parameters, path_counts(result) if result.in_channels <= 64 else None
    if isinstance(result, Product):
        return result @ np.random.default_rng(0).standard_normal((result.shape[1], 2))
    if issparse(result):
        return result.toarray()
    if dataclasses.is_dataclass(result):
        return {
            f.name: looked_at(getattr(result, f.name)) for f in dataclasses.fields(result) if not f.name.startswith("_")
        }
    if isinstance(result, dict):
        return {name: looked_at(value) for name, value in result.items()}
    if isinstance(result, (list, tuple, Iterator)):
        return [looked_at(value) for value in result]
    return result if isinstance(result, (int, float, str, type(None), np.ndarray)) else type(result).__name__


def same(one: Any, other: Any) -> bool:
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return all(same(value, other[name]) for name, value in one.items() if name not in ("kind", "serial"))
    return bool(np.allclose(one, other) if isinstance(one, (np.ndarray, float)) else one == other)


def test_every_function_of_chains_answers_for_sums_or_says_why_not(monkeypatch: pytest.MonkeyPatch) -> None:
    functions = [*functions_of_chains()]
    monkeypatch.setattr(hostile, "public_callables", lambda: functions)
    calls = hostile.good_calls({name for name, _, _ in functions})
    asked, wrong = 0, []
    for name, call in calls.items():
        try:
            plain = answered(call, 0)
        except (OSError, TypeError):  # the example's folder is gone, or its array was written into
            continue
        once = answered(call, 1)
        asked += 1
        if isinstance(once, ValueError):
            refusals = str(once), str(answered(call, 2))
            wrong += [name] * (not all(re.search(REFUSED, refusal) for refusal in refusals))
        elif not same(plain, once):
            wrong.append(f"{name}: {plain} {once}")
    assert wrong == []
    assert asked > 30


def test_what_an_example_does_not_ask() -> None:
    """A chain among several, of a widget, for a framework."""
    block = Sum([igcv1(2, 2, kernel_size=1), []])
    for refused in (
        lambda: explorers.explore_paths(block),
        lambda: igc_theory.to_torch(block),
        lambda: igc_theory.to_torch(
            random_product(DirectSum([GroupConv(2, 2), GroupConv(2, 4)]), np.random.default_rng(0))
        ),
    ):
        with pytest.raises((ValueError, ImportError), match=f"{REFUSED}|needs PyTorch"):
            refused()
