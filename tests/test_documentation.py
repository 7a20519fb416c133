"""Every public name says what it takes, what it gives, when it refuses, and shows itself in an example that runs."""

import ast
import importlib
import inspect
import re
import types

import pytest

from tools.files import ROOT

PACKAGE = ROOT / "igc_theory"
SECTION = re.compile(r"^(\w[\w ]*)\n-{3,}$", re.MULTILINE)


def public_names():
    """Return module and name of everything that a stub promises below the top of the package, modules left out."""
    names = []
    for stub in sorted(PACKAGE.glob("*/**/__init__.pyi")):
        module = ".".join(stub.parent.relative_to(ROOT).parts)
        for node in ast.parse(stub.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ImportFrom) and node.module:
                names += [(module, alias.asname or alias.name) for alias in node.names]
    return names


def sections(text):
    """Return the sections of a numpydoc docstring by title; what stands before the first is "Summary"."""
    parts = SECTION.split(inspect.cleandoc(text))
    return {"Summary": parts[0], **dict(zip(parts[1::2], parts[2::2], strict=True))}


def described(section):
    """Return the names that a section of parameters or attributes describes."""
    heads = [
        line.partition(" :")[0] for line in section.splitlines() if line[:1].strip() and not line.startswith(("`", "."))
    ]
    return {name.strip().lstrip("*") for head in heads for name in head.split(",")}


def parameters(function):
    """Return the names of what a function is called with."""
    return {name for name in inspect.signature(function).parameters if not name.startswith("_")}


OWN = {"Network", "Table", "Audit", "tuple[Node, ...]"}
"""What only this library makes: a function of nothing else has no argument to refuse."""


def has_something_to_refuse(function):
    """Return whether a function takes anything that a user may get wrong."""
    return any(parameter.annotation not in OWN for parameter in inspect.signature(function).parameters.values())


@pytest.mark.parametrize(("module", "name"), public_names())
def test_a_public_name_has_an_example_that_runs(module, name):
    thing = getattr(importlib.import_module(module), name)
    is_alias = isinstance(thing, types.UnionType)
    assert is_alias or ">>> " in sections(inspect.getdoc(thing) or "").get("Examples", "")


@pytest.mark.parametrize(("module", "name"), public_names())
def test_a_public_name_says_what_it_takes_and_gives(module, name):
    thing = getattr(importlib.import_module(module), name)
    if inspect.isfunction(thing):
        assert_function_describes_itself(thing)
    elif inspect.isclass(thing):
        assert_class_describes_itself(thing)


def assert_function_describes_itself(thing):
    text = sections(thing.__doc__ or "")
    assert parameters(thing) <= described(text.get("Parameters", "")), "Parameters"
    assert "Returns" in text or "Yields" in text, "Returns"
    assert "Raises" in text or not has_something_to_refuse(thing), "Raises"


def assert_class_describes_itself(thing):
    texts = [sections(base.__doc__ or "") for base in thing.__mro__ if base.__module__.startswith("igc_theory")]
    told = set().union(*(described(text.get(part, "")) for text in texts for part in ("Parameters", "Attributes")))
    assert parameters(thing) <= told, "Parameters or Attributes"
    methods = [(key, value) for key, value in vars(thing).items() if not key.startswith("_")]
    silent = [key for key, value in methods if callable(value) or isinstance(value, property) if not value.__doc__]
    assert silent == [], "methods and properties without a docstring"


@pytest.mark.parametrize(("text", "names"), [
    ("L, M : int\n    Partitions.\nkernel_size : int, default 3\n    Window.\n", {"L", "M", "kernel_size"}),
    ("*factors : Chain\n    In order.\n", {"factors"}),
    ("", set()),
])  # fmt: skip
def test_described_names_are_found(text, names):
    assert described(text) == names
