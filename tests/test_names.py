"""One thing has one name and one place in every signature, and no two things have one name."""

import ast
import importlib
import inspect
import re
import types
from collections import Counter, defaultdict

import pytest

from tests.sources import ON_ONE_WORKER, parsed
from tools.files import ROOT

PACKAGE = ROOT / "igc_theory"

ORDER = ("in_channels", "out_channels", "channels", "middle", "expansion", "groups", "kernel_size", "stride", "padding")
"""What a convolution is made of, in the order in which every signature has it."""

OTHER_NAMES = {
    "C_in": "in_channels, or C in a formula",
    "c_in": "in_channels",
    "out": "out_channels",
    "into": "in_channels",
    "window": "kernel_size",
    "area": "S",
    "kernel_area": "S",
    "strides": "stride",
    "generator": "rng",
    "seed": "rng",
}
"""Names that something else has already."""

HAVE_PAIRS = {"Pool", "Window"}
"""Layers whose window is that of a file, not of a chain."""


def trees():
    """Return every module of the package, parsed, by its path."""
    return {path: parsed(path) for path in sorted(PACKAGE.rglob("*.py"))}


def public_things():
    """Return module, name and object of everything that a stub promises below the top of the package."""
    things = {}
    for stub in sorted(PACKAGE.glob("*/**/__init__.pyi")):
        module = ".".join(stub.parent.relative_to(ROOT).parts)
        for node in ast.parse(stub.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ImportFrom) and node.module:
                for alias in node.names:
                    things[module, alias.name] = getattr(importlib.import_module(module), alias.name)
    return things


THINGS = public_things()
CALLABLE = {
    name: thing for (_, name), thing in THINGS.items() if callable(thing) and not isinstance(thing, types.UnionType)
}


def test_signatures_have_the_names_of_the_house_in_their_order():
    other, disordered = {}, []
    for name, thing in CALLABLE.items():
        names = [*inspect.signature(thing).parameters]
        if name not in HAVE_PAIRS:
            other |= {f"{name}({word})": OTHER_NAMES[word] for word in names if word in OTHER_NAMES}
        placed = [ORDER.index(word) for word in names if word in ORDER]
        disordered += [name] if placed != sorted(placed) else []
    assert (other, disordered) == ({}, [])
    assert len(CALLABLE) > 100


@ON_ONE_WORKER
def test_no_positional_argument_stands_out_of_order():
    """In no function at all; what is given by name alone may stand anywhere."""
    wrong = []
    for path, tree in trees().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                placed = [ORDER.index(each.arg) for each in node.args.args if each.arg in ORDER]
                wrong += [f"{path.name}: {node.name}"] if placed != sorted(placed) else []
    assert wrong == []


def test_no_two_public_things_have_one_name():
    by_name = defaultdict(set)
    for (_, name), thing in THINGS.items():
        by_name[name].add(id(thing))
    assert {name for name, things in by_name.items() if len(things) > 1} == set()


@ON_ONE_WORKER
def test_no_public_class_has_a_namesake():
    """Not even among the classes that stay in their modules."""
    places = defaultdict(set)
    for path, tree in trees().items():
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and node.name in CALLABLE:
                places[node.name].add(path.relative_to(PACKAGE).as_posix())
    assert {name: sorted(found) for name, found in places.items() if len(found) > 1} == {}


MEANT = {
    "Step": "of a derivation, and of the flow through a network",
    "xception": "the block, and the network made of it",
    **dict.fromkeys(
        ("convolution", "gather", "reshape", "split", "transpose"),
        "what reading, or following channels, does with an operator of that name",
    ),
}
"""Names that two modules give on purpose: the two things never meet, and each is what its room calls so."""


@ON_ONE_WORKER
def test_no_two_modules_give_one_name():
    """What a module has in its `__all__`, or without an underscore, is imported elsewhere: there it must mean one thing."""
    places = defaultdict(set)
    for path, tree in trees().items():
        for node in tree.body:
            if isinstance(node, (ast.ClassDef, ast.FunctionDef)) and not node.name.startswith("_"):
                places[node.name].add(path.relative_to(PACKAGE).as_posix())
    assert {name: sorted(found) for name, found in places.items() if len(found) > 1 and name not in MEANT} == {}
    assert {name for name in MEANT if len(places[name]) < 2} == set()


def offered(tree):
    """Return the names in a module's `__all__`, where it is a list of them."""
    lists = [
        node.value for node in tree.body if isinstance(node, ast.Assign) and ast.unparse(node.targets) == "__all__"
    ]
    return {entry.value for value in lists if isinstance(value, ast.List) for entry in value.elts}


@ON_ONE_WORKER
def test_what_a_module_offers_is_used_elsewhere():
    """A function that only its module calls has an underscore, and one without is in `__all__`."""
    folders = ("igc_theory", "tests", "figures", "notebooks", "tools", "website", "experiments")
    files = [path for name in folders for path in (ROOT / name).rglob("*") if path.suffix in (".py", ".pyi", ".ipynb")]
    files_with = Counter(word for path in files for word in set(re.findall(r"\w+", path.read_text(encoding="utf-8"))))
    wrong = []
    for path, tree in trees().items():
        kinds = (ast.FunctionDef, ast.ClassDef)
        public = {node.name: node for node in tree.body if isinstance(node, kinds) and not node.name.startswith("_")}
        place = path.relative_to(PACKAGE)
        wrong += [f"{place}: {name} is not in __all__" for name in public.keys() - offered(tree)]
        wrong += [
            f"{place}: only here is {name} used"
            for name, node in public.items()
            if isinstance(node, ast.FunctionDef) and files_with[name] < 2
        ]
    assert wrong == []


GIVEN = {"groups": (2, 2), "branch_widths": (2, 4), "pointwise": [2]}
"""What is no plain number among the arguments of formulas and curves."""

CHECKED_BEFORE = {"interleaved_weights", "igcv1_pairs"}
"""Inner loops, which take quantities that were checked."""


def takes_an_area():
    """Yield every function of the formulas, curves and designs that has an argument `S`, but the insides of searches."""
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.parent.name in ("formulas", "curves") or path.stem in ("cheapest", "widest"):
            module = importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
            for name in sorted(offered(parsed(path)) - CHECKED_BEFORE):
                function = getattr(module, name)
                if inspect.isfunction(function) and "S" in inspect.signature(function).parameters:
                    yield pytest.param(function, id=name)


@pytest.mark.parametrize("function", [*takes_an_area()])
def test_a_window_is_no_area(function):
    needed = [each for each in inspect.signature(function).parameters.values() if each.default is each.empty]
    given = {each.name: GIVEN.get(each.name, 8) for each in needed}
    if function.__name__ == "group_parameters":
        given["groups"] = 2
    with pytest.raises(TypeError, match=r"S=\(3, 3\) is a window"):
        function(**{**given, "S": (3, 3)})


RESULTS = ("Approximation", "Derivation", "Explanation", "Frontier", "Grade", "OperatorCheck", "Projection", "Verdict")


@ON_ONE_WORKER
def test_what_has_a_sentence_prints_it():
    """In every module; but the answer of an explorer prints its facts too, below the sentence."""
    silent = []
    for tree in trees().values():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                names = {getattr(each, "name", getattr(getattr(each, "target", None), "id", "")) for each in node.body}
                silent += [node.name] if "sentence" in names and "__str__" not in names else []
    assert silent == ["Answer"]


@pytest.mark.parametrize("name", RESULTS)
def test_a_result_says_itself_in_a_sentence(name):
    (kind,) = {thing for (_, known), thing in THINGS.items() if known == name}
    assert "sentence" in {*dir(kind), *getattr(kind, "__dataclass_fields__", ())}

    class Said(kind):
        sentence = "what there is to say"

        def __init__(self):
            pass

        __new__ = object.__new__ if not issubclass(kind, tuple) else lambda cls: tuple.__new__(cls)

    assert kind.__str__(Said()) == "what there is to say"


def test_the_public_face_is_small():
    """Curves, optimum formulas and pictures of one figure are imported from their modules."""
    rooms = [name for module, name in THINGS if module.count(".") == 1]
    assert len(rooms) <= 140


def test_what_stands_at_the_top_reads_well_in_a_terminal():
    """No markup within a sentence; formulas that stand alone are for the pages, and none is in a block's docstring."""
    import igc_theory

    names = [name for name in igc_theory.__all__ if callable(getattr(igc_theory, name))]
    assert [name for name in names if ":math:" in inspect.getdoc(getattr(igc_theory, name))] == []
    for name in ("igcv1", "igcv2", "igcv3", "interleaved", "regular", "group", "depthwise_separable"):
        assert ".. math::" not in inspect.getdoc(getattr(igc_theory, name))


def test_a_name_that_stands_in_a_room_is_refused_with_the_room():
    package = importlib.import_module("igc_theory")
    with pytest.raises(AttributeError, match=r"no 'best_block' at the top: use igc_theory\.budget\.best_block"):
        package.best_block  # noqa: B018  # looking it up is what is tested
    with pytest.raises(AttributeError, match="nothing_of_the_kind"):
        package.nothing_of_the_kind  # noqa: B018  # as above
    assert not hasattr(package, "__wrapped__")
