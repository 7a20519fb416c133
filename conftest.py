"""What every test and doctest finds: no display, no time limits, no figure left open by the test before."""

import gc
import os
import sys
from collections.abc import Iterator
from importlib.util import find_spec

import pytest
from hypothesis import settings

os.environ["MPLBACKEND"] = "Agg"
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # two workers with two threads each would wait for each other

# With this package nbformat's import takes seconds, in each worker, for a grammar of web addresses that notebooks do not use.
sys.modules["rfc3987_syntax"] = None

# Its doctests need the extra torch; tests/networks/test_torch_export.py says so where it is not installed.
_TORCH = [
    "igc_theory/networks/readers/torch_modules.py",
    "igc_theory/networks/rewriting/torch_modules.py",
    "tests/networks/paths/jacobians.py",
    "tests/experiments/full_scale.py",
]
collect_ignore = [] if find_spec("torch") else _TORCH

# Machines differ in speed, so no example has a deadline; CI draws the same examples every time.
settings.register_profile("project", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("project")


LONGEST = ("tests/browser/", "tests/test_notebooks.py", "tests/structure/", "tests/test_figures.py")
"""Where the longest tests are: they come first, so that no worker is left with one when the others have finished."""


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Look for no garbage in what collecting makes, modules and tests that all stay: half of the time went there."""
    gc.disable()
    found = yield
    gc.freeze()
    gc.enable()
    return found


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest tests first, and leave the rest in its order."""
    items.sort(key=lambda item: [not item.nodeid.startswith(place) for place in LONGEST])


@pytest.fixture(autouse=True)
def _figures_are_closed() -> Iterator[None]:
    yield
    if pyplot := sys.modules.get("matplotlib.pyplot"):
        pyplot.close("all")
