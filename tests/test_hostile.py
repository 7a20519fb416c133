"""Each argument of every public callable of a room meets a hundred hostile values: refused in a sentence, or taken as they are."""

import json
import os
import subprocess
import sys

import pytest

from tools.files import ROOT

pytestmark = pytest.mark.hostile
PARTS = 2

METHODS_WITHOUT_EXAMPLES = {"measure"}  # it would take two minutes, and a runtime
"""Public callables that no docstring calls: there has to be a reason for each."""


@pytest.mark.parametrize("part", range(PARTS))
def test_hostile_values_are_refused_in_a_sentence_or_taken_as_they_are(part):
    command = [sys.executable, "-W", "ignore", "-m", "tests.hostile", str(part), str(PARTS)]
    settings = os.environ | {"OPENBLAS_NUM_THREADS": "1", "MPLBACKEND": "Agg", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=settings, capture_output=True, text=True, timeout=600, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    assert done.returncode == 0, f"died at {done.stdout.splitlines()[-1:]}: {done.stderr[-2000:]}"
    calls, *faults = map(json.loads, lines)
    assert calls["calls"]
    assert set(calls["missing"]) <= METHODS_WITHOUT_EXAMPLES, "give these an example that calls them"
    assert faults == []
