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


def public_things():
    """Return what the public names stand for, by module and name."""
    return {f"{module}.{name}": getattr(importlib.import_module(module), name) for module, name in public_names()}


def test_every_public_name_has_an_example_that_runs():
    things = {name: thing for name, thing in public_things().items() if not isinstance(thing, types.UnionType)}
    assert len(things) > 150
    examples = {name: sections(inspect.getdoc(thing) or "").get("Examples", "") for name, thing in things.items()}
    assert [name for name, example in examples.items() if ">>> " not in example] == []


def test_every_public_name_says_what_it_takes_and_gives():
    found = {
        name: undescribed_of_function(thing) if inspect.isfunction(thing) else undescribed_of_class(thing)
        for name, thing in public_things().items()
        if inspect.isfunction(thing) or inspect.isclass(thing)
    }
    assert len(found) > 150
    assert {name: lacking for name, lacking in found.items() if lacking} == {}


def undescribed_of_function(thing):
    """Return what the docstring of a function does not say."""
    text = sections(thing.__doc__ or "")
    lacking = sorted(parameters(thing) - described(text.get("Parameters", "")))
    lacking += [] if "Returns" in text or "Yields" in text else ["Returns"]
    return lacking + ([] if "Raises" in text or not has_something_to_refuse(thing) else ["Raises"])


def undescribed_of_class(thing):
    """Return which parameters, methods and properties of a class no docstring tells of."""
    texts = [sections(base.__doc__ or "") for base in thing.__mro__ if base.__module__.startswith("igc_theory")]
    told = set().union(*(described(text.get(part, "")) for text in texts for part in ("Parameters", "Attributes")))
    methods = [(key, value) for key, value in vars(thing).items() if not key.startswith("_")]
    silent = [key for key, value in methods if callable(value) or isinstance(value, property) if not value.__doc__]
    return sorted(parameters(thing) - told) + silent


@pytest.mark.parametrize(("text", "names"), [
    ("L, M : int\n    Partitions.\nkernel_size : int, default 3\n    Window.\n", {"L", "M", "kernel_size"}),
    ("*factors : Chain\n    In order.\n", {"factors"}),
    ("", set()),
])  # fmt: skip
def test_described_names_are_found(text, names):
    assert described(text) == names
