"""The house is in order: versions agree, imports go one way, the public names are there, the README is true."""

import ast
import doctest
import importlib
import inspect
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from itertools import chain
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from figures import build as figures_build
from notebooks import build as notebooks_build
from tests.sources import ON_ONE_WORKER, parsed
from tools.files import ROOT, update_section

PACKAGE = ROOT / "igc_theory"
ROOMS = ("structure", "kernels", "budget", "networks", "views")
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]


# --- versions -------------------------------------------------------------------------------------------------------


def bounds(lines):
    """Return the version bounds by canonical name."""
    requirements = [Requirement(line) for line in lines]
    return {canonicalize_name(requirement.name): requirement.specifier for requirement in requirements}


def pins():
    """Return the pinned versions by canonical name; there are several where they depend on the platform."""
    found = {}
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines():
        requirement = Requirement(line)
        (pin,) = requirement.specifier
        assert pin.operator == "==", line
        found.setdefault(canonicalize_name(requirement.name), []).append(pin.version)
    return found


DIRECT = bounds([*PROJECT["dependencies"], *chain.from_iterable(PROJECT["optional-dependencies"].values())])


@pytest.mark.parametrize("name", DIRECT)
def test_every_direct_dependency_is_pinned_within_its_bounds(name):
    versions = pins().get(name, [])
    assert versions, f"{name} is not in constraints.txt: run make constraints"
    assert all(version in DIRECT[name] for version in versions), f"{name}: {versions} not in {DIRECT[name]}"


def test_constraints_hold_no_addresses():
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    assert "://" not in text
    assert " @ " not in text
    assert "--" not in text


def test_the_conda_environment_has_the_bounds_of_pyproject():
    entries = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
    conda = bounds([entry for entry in entries if isinstance(entry, str)])
    assert conda.pop("python") == Requirement(f"python{PROJECT['requires-python']}").specifier
    assert conda.pop("pip") == ""
    extras = PROJECT["optional-dependencies"]
    assert conda == bounds(PROJECT["dependencies"] + extras["notebooks"] + extras["test"] + extras["onnx"])
    assert {"pip": ["-e ."]} in entries


def test_pre_commit_runs_the_ruff_that_is_installed():
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    hooks = [hook for repo in config["repos"] for hook in repo["hooks"]]
    assert {repo["repo"] for repo in config["repos"]} == {"local"}
    assert {hook["language"] for hook in hooks} == {"system"}
    assert [hook["entry"].split()[:4] for hook in hooks] == [
        [".venv/bin/python", "-m", "ruff", command] for command in ("check", "format")
    ]


def test_the_version_is_the_same_everywhere():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert PROJECT["version"] == importlib.import_module("igc_theory").__version__ == citation["version"]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"version = {{{citation['version']}}}" in readme
    assert f"year = {{{str(citation['date-released'])[:4]}}}" in readme
    assert f"author = {{{{{citation['authors'][0]['name']}}}}}" in readme


def test_the_source_distribution_holds_what_the_checkout_does():
    """A list of what to include forgets: tests and site of an unpacked one lacked the references."""
    build = PYPROJECT["tool"]["hatch"]["build"]
    assert "sdist" not in build["targets"]
    assert not {"include", "only-include", "exclude"} & build.keys()


def test_the_citation_names_the_three_papers():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["cff-version"] == "1.2.0"
    assert {"message", "title", "authors", "version"} <= citation.keys()
    numbers = [reference["identifiers"][0]["value"] for reference in citation["references"]]
    assert numbers == ["arXiv:1707.02725", "arXiv:1804.06202", "arXiv:1806.00178"]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for reference in citation["references"]:
        assert {"type", "title", "authors", "year"} <= reference.keys()
        assert reference["title"] in readme
        assert all(f"{author['family-names']}" in readme for author in reference["authors"])


# --- imports --------------------------------------------------------------------------------------------------------

MAY_USE = {
    "structure": {"structure"},
    "kernels": {"structure", "kernels"},
    "budget": {"structure", "budget"},
    "networks": {"structure", "kernels", "budget", "networks"},
    "views": set(ROOMS),
    "commands": {*ROOMS, "commands"},
    "__main__": {*ROOMS, "commands"},
    "__init__": set(ROOMS),
}
ONLY_IN = {
    "sympy": r"budget/derivations(/|\.py|_\w+\.py)",
    "matplotlib": r"views/",
    "mpl_toolkits": r"views/",
    "ipywidgets": r"views/",
    "onnx": r"networks/(readers|rewriting)/",
    "torch": r"networks/(readers/(torch_modules\.py|aten/)|rewriting/torch_\w+\.py)",
}


def imported_modules(tree: ast.AST, package: list[str]) -> Iterator[str]:
    """Yield the full name of every module imported anywhere in a module of `package`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "import_module" and node.args:
            yield from ([node.args[0].value] if isinstance(node.args[0], ast.Constant) else [])


def wrong_imports(package: Path) -> list[str]:
    """Return what the modules below `package` import against the rules of the house."""
    wrong = []
    for path in sorted(package.rglob("*.py*")):
        if path.suffix not in {".py", ".pyi"}:
            continue
        place = path.relative_to(package)
        room = place.parts[0].partition(".")[0]
        for name in imported_modules(parsed(path), ["igc_theory", *place.parts[:-1]]):
            top, _, rest = name.partition(".")
            if top == "igc_theory" and room in ROOMS and rest.split(".")[0] not in MAY_USE[room]:
                wrong.append(f"{place} imports {name}")
            if top in ONLY_IN and not re.match(ONLY_IN[top], place.as_posix()):
                wrong.append(f"{place} imports {name}")
    return wrong


@ON_ONE_WORKER
def test_imports_go_one_way():
    assert {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()} == {*ROOMS, "commands"}
    assert wrong_imports(PACKAGE) == []


@pytest.mark.parametrize(("place", "source"), [
    ("structure/a.py", "from igc_theory.kernels.convolution import convolve"),
    ("structure/a.py", "def f():\n    import igc_theory.budget"),
    ("structure/a.py", "from igc_theory import igcv1"),
    ("structure/a.py", "from .. import views"),
    ("kernels/a.py", "from igc_theory.budget.formulas.cost import parameters"),
    ("budget/a.py", "from ..kernels import project"),
    ("budget/__init__.pyi", "from ..networks.zoo import network as network"),
    ("networks/a.py", "from igc_theory.views import plots"),
    ("budget/cost.py", "import sympy"),
    ("budget/derive.py", "from sympy import Symbol"),
    ("budget/cost.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import sympy"),
    ("structure/chains.py", "import matplotlib.pyplot as plt"),
    ("networks/zoo.py", "import onnx"),
    ("networks/zoo.py", "import importlib\ntorch = importlib.import_module('torch.nn')"),
    ("kernels/products.py", "from torch import nn"),
    ("kernels/products.py", "import ipywidgets"),
    ("__main__.py", "import matplotlib"),
])  # fmt: skip
def test_a_wrong_import_is_found(tmp_path, place, source):
    path = tmp_path / "igc_theory" / place
    path.parent.mkdir(parents=True)
    path.write_text(source)
    assert wrong_imports(tmp_path / "igc_theory") != []


@pytest.mark.parametrize(("place", "source"), [
    ("networks/a.py", "from igc_theory.structure.chains import Chain\nfrom igc_theory.budget.formulas.cost import parameters"),
    ("budget/derivations/widths.py", "import sympy\nfrom igc_theory.structure.chains import Chain"),
    ("views/plots/chains.py", "import matplotlib.pyplot as plt\nfrom .style import PALETTE"),
    ("__main__.py", "from igc_theory import igcv1, networks"),
    ("networks/readers/onnx_reader.py", "def read():\n    import onnx"),
    ("structure/a.py", "import numpy as np\nfrom scipy.sparse import csr_array"),
])  # fmt: skip
def test_a_right_import_is_let_through(tmp_path, place, source):
    path = tmp_path / "igc_theory" / place
    path.parent.mkdir(parents=True)
    path.write_text(source)
    assert wrong_imports(tmp_path / "igc_theory") == []


def import_graph(package: Path) -> dict[str, set[str]]:
    """Return which module of the package imports which others, at the top or later; `__init__` files and stubs left out."""
    paths = {path for path in package.rglob("*.py") if path.name != "__init__.py"}
    names = {".".join(["igc_theory", *path.relative_to(package).with_suffix("").parts]): path for path in paths}
    graph = {}
    for name, path in names.items():
        imported = imported_modules(parsed(path), name.split(".")[:-1])
        found = {module for full in imported for module in (full, full.rpartition(".")[0]) if module in names}
        graph[name] = found - {name}
    return graph


@ON_ONE_WORKER
def test_no_file_imports_itself_by_a_detour():
    TopologicalSorter(import_graph(PACKAGE)).prepare()


def test_a_circle_is_found(tmp_path):
    package = tmp_path / "igc_theory"
    (package / "structure").mkdir(parents=True)
    (package / "structure/a.py").write_text("from igc_theory.structure.b import f")
    (package / "structure/b.py").write_text("def f():\n    from igc_theory.structure import a")
    with pytest.raises(CycleError):
        TopologicalSorter(import_graph(package)).prepare()


def test_no_folder_has_more_than_ten_modules():
    folders = Counter(path.parent for path in PACKAGE.rglob("*.py") if path.name not in ("__init__.py", "__main__.py"))
    assert {folder.relative_to(ROOT).as_posix(): count for folder, count in folders.items() if count > 10} == {}


@ON_ONE_WORKER
def test_no_function_is_long():
    """Forty lines at most, its docstring and its signature left out; most are a dozen."""
    lengths = {}
    for path in sorted(
        {*PACKAGE.rglob("*.py"), *(file for name in SCRIPTS_USE for file in (ROOT / name).glob("*.py"))}
    ):
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.FunctionDef) and (body := node.body[ast.get_docstring(node) is not None :]):
                lengths[f"{path.relative_to(ROOT)}: {node.name}"] = body[-1].end_lineno - body[0].lineno + 1
    assert {name: lines for name, lines in lengths.items() if lines > 40} == {}


SCRIPTS_USE = {
    "experiments": set(),
    "figures": {"experiments"},
    "notebooks": set(),
    "website": {"notebooks"},
    "tools": set(),
}


@ON_ONE_WORKER
@pytest.mark.parametrize("folder", SCRIPTS_USE)
def test_builds_share_only_tools(folder):
    for path in (ROOT / folder).glob("*.py"):
        tops = {name.partition(".")[0] for name in imported_modules(parsed(path), [folder])}
        assert tops & (SCRIPTS_USE.keys() - {folder, "tools"}) <= SCRIPTS_USE[folder], path


def test_what_notebooks_import_is_installed_with_an_editable_install(tmp_path):
    """Wherever a notebook runs, and without a path of its own."""
    code = "from importlib.util import find_spec; print([find_spec(name) is None for name in ('experiments.verdicts', 'figures')])"
    free = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path, env=free
    )
    assert done.stdout.strip() == "[False, False]"
    notebooks = (ROOT / "notebooks").glob("*.ipynb")
    assert [path.name for path in notebooks if "sys.path" in path.read_text(encoding="utf-8")] == []


def test_importing_the_package_loads_nothing_heavy():
    heavy = ["numpy", "scipy", "sympy", "matplotlib", "ipywidgets", "onnx", "torch"]
    code = f"import sys, igc_theory; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


# --- names ----------------------------------------------------------------------------------------------------------


def stub_names() -> Iterator[tuple[str, str]]:
    """Yield module and name of everything that a lazy stub promises."""
    for stub in sorted(PACKAGE.rglob("__init__.pyi")):
        module = ".".join(stub.parent.relative_to(ROOT).parts)
        for node in ast.parse(stub.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ImportFrom):
                yield from ((module, alias.asname or alias.name) for alias in node.names)


def what_lacks(module: str, name: str) -> str | None:
    """Say what is wrong with a promised name, or nothing."""
    thing = getattr(importlib.import_module(module), name)
    text = inspect.getdoc(thing) or ""
    if not text:
        return "no docstring"
    if text.startswith(f"{name}("):
        return "only the docstring that dataclass makes"
    return "no example" if inspect.isfunction(thing) and ">>>" not in text else None


def test_every_promised_name_is_there_and_documented():
    wrong = {f"{module}.{name}": what_lacks(module, name) for module, name in stub_names()}
    assert len(wrong) > 150
    assert {name: found for name, found in wrong.items() if found} == {}


def test_no_name_is_promised_twice():
    names = [*stub_names()]
    assert len(set(names)) == len(names)


# --- files ----------------------------------------------------------------------------------------------------------


def test_the_generated_parts_of_pages_are_up_to_date():
    entries, paths = figures_build.manifest(), [*notebooks_build.notebooks().values()]
    gallery, index = figures_build.gallery(entries), notebooks_build.index(paths)
    assert update_section("gallery", gallery, check=True, page="figures/README.md") == []
    assert update_section("index of notebooks", index, check=True, page="notebooks/README.md") == []
    assert update_section("figures", figures_build.front(entries), check=True) == []
    shown = figures_build.papers_page(entries)
    assert update_section("papers", shown, check=True, page="figures/PAPERS.md") == []
    assert update_section("notebooks", notebooks_build.short_index(paths), check=True) == []


@pytest.mark.xdist_group("heeded")
def test_groups_of_tests_are_heeded(request):
    """Workers that forget the groups build the site and start browsers once each, and nobody is told."""
    if not getattr(request.config.option, "loadgroup", False):
        pytest.skip("only where --dist loadgroup spreads the tests")
    assert request.node.nodeid.endswith("@heeded")


def test_the_readme_stays_short():
    """A front page is read in five minutes."""
    assert len((ROOT / "README.md").read_text(encoding="utf-8").split()) < 1500


def test_the_example_of_the_readme_runs():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    code = "\n".join(re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL))
    example = doctest.DocTestParser().get_doctest(code, {}, "README.md", "README.md", 0)
    assert len(example.examples) >= 5
    assert doctest.DocTestRunner().run(example).failed == 0


def test_the_names_that_the_readme_says_to_call_are_where_it_says():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = text.partition("## What do you want?")[2].partition("\n\n(")[0].splitlines()[3:]
    named = [name for row in rows for name in re.findall(r"`([\w.]+)`", row.split("|")[3])]
    assert len(named) > 15
    package = importlib.import_module("igc_theory")
    owners = {"chain": package.igcv1(2, 2)}
    for name in named:
        first, _, rest = name.partition(".")
        found = owners[first] if first in owners else getattr(package, first)
        assert not rest or hasattr(found, rest), name


def test_every_file_that_the_guides_link_to_is_there():
    for guide in ("README.md", "CONTRIBUTING.md"):
        text = (ROOT / guide).read_text(encoding="utf-8")
        targets = [target for target in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in target]
        assert [target for target in targets if not (ROOT / target).exists()] == []


def tracked_files() -> list[Path]:
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    done = subprocess.run(["git", "ls-files", "-z"], capture_output=True, text=True, cwd=ROOT, check=False)
    if done.returncode:
        pytest.skip("not a git checkout")
    return [path for name in done.stdout.split("\0") if name and (path := ROOT / name).is_file()]


# Written so that this file passes its own test.
MACHINE = re.compile(
    r"(?<![\w.)])/(?:root|home|work|opt|mnt|Users)"
    r"/\w|pythonhosted\.org|pypi\.org/[s]imple|index-[u]rl"
)


def test_no_tracked_file_names_this_machine_or_a_registry():
    found = []
    for path in tracked_files():
        text = path.read_text(encoding="utf-8", errors="replace")
        found += [f"{path.relative_to(ROOT)}: {match[0]}" for match in MACHINE.finditer(text)]
    assert found == []


MARKER = re.compile(r"# (?:ruff: )?(?:[n]oqa|[t]ype: ignore|[p]ragma:)[^#]*$", re.MULTILINE)


def test_what_is_silenced_says_why():
    """A linter is silenced line by line, and the line gives the reason; mypy does not see the tests."""
    silenced = []
    for path in tracked_files():
        text = path.read_text(encoding="utf-8") if path.suffix in (".py", ".pyi") else ""
        silenced += [f"{path.relative_to(ROOT)}: {match[0]}" for match in MARKER.finditer(text)]
        silenced += [f"{path.name}: types"] * ("# [t]ype: ignore".replace("[t]", "t") in text and "tests" in path.parts)
    assert silenced == []


def test_every_text_has_the_line_ends_of_unix_on_any_system():
    """Files are compared byte for byte, and a shell reads no others; git on Windows would change them."""
    tracked_files()  # skips where this is no checkout
    done = subprocess.run(["git", "ls-files", "--eol"], capture_output=True, text=True, cwd=ROOT, check=True)
    facts = [line.partition("\t")[0].split() for line in done.stdout.splitlines()]
    assert {tuple(how) for stored, _, *how in facts if stored != "i/none"} == {("attr/text=auto", "eol=lf")}
    assert {stored for stored, *_ in facts} <= {"i/lf", "i/none", "i/-text"}


def test_no_built_or_private_file_is_tracked():
    suffixes = {".pyc", ".pdf", ".png"}
    assert [path for path in tracked_files() if path.suffix in suffixes or ".venv" in path.parts] == []
