"""Every file of the project that tests look through, read and parsed once for all of them."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

ON_ONE_WORKER = pytest.mark.xdist_group("sources")
"""For tests that look through all files: each worker would parse them again."""


@cache
def parsed(path: Path) -> ast.Module:
    """Return the syntax tree of a Python file."""
    return ast.parse(path.read_text(encoding="utf-8"))
