"""Build the figures: numbers into data/*.csv, pictures into out/*.svg, .pdf and .png, the gallery into README.md here.

PAPERS.md says where the pictures of the papers are; papers.toml is its source.

    python figures/build.py                    every figure of manifest.toml
    python figures/build.py NAME …             only these
    python figures/build.py --check [NAME …]   change nothing; compare numbers within a tolerance, SVGs byte for byte
    python figures/build.py --list             what there is

A figure is a script with `data()`, which returns columns of equal length, and `draw(columns)`, which returns a
Matplotlib figure. It is drawn from the CSV as read back, so that the picture shows the numbers that are stored. Where
`data()` raises `DataMissingError`, because an optional package is missing, the stored numbers are kept and drawn. Those that
the manifest marks `front` stand in the checkout's README.md too.
"""

from __future__ import annotations

import argparse
import importlib
import io
import os
import re
import signal
import sys
import time
import tomllib
import traceback
import warnings
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from types import ModuleType
from typing import Any

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from figures import papers
from tools.columns import Columns, read_csv, write_csv
from tools.files import (
    ROOT,
    BuildError,
    DataMissingError,
    chosen,
    matplotlib_is_pinned,
    read_text,
    replace_files,
    shown,
    update_section,
)
from tools.processes import end_with_parent, or_stopped

__all__ = ["Columns", "check", "draw", "manifest", "numbers", "read_csv", "write_csv"]

HERE = ROOT / "figures"
WORKERS = 2
ROUNDING = {"rtol": 1e-7, "atol": 1e-10}
"""Numbers closer than this are the same: another processor may round the last digits differently. A script whose numbers depend on
the processor in more than that says by how much, as `TOLERANCE`, and why."""

METADATA: dict[str, dict[str, None]] = {
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    "png": {"Software": None},
}
"""Nothing in a file says when or by what it was made, so that equal pictures are equal bytes."""


def manifest() -> dict[str, dict[str, str]]:
    """Return the entries of manifest.toml by name, in the order of the gallery."""
    path = HERE / "manifest.toml"
    try:
        entries = tomllib.loads(read_text(path)).get("figure", [])
    except tomllib.TOMLDecodeError as error:
        raise BuildError(f"{shown(path)} is not TOML ({error}): git checkout brings it back") from None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries) or not entries:
        raise BuildError(
            f"{shown(path)} lists no [[figure]]: the gallery stays as it is; git checkout brings the list back"
        )
    for number, entry in enumerate(entries, start=1):
        required = ("name", "title", "caption", "alt")
        missing = [key for key in required if not isinstance(entry.get(key), str) or not entry[key]]
        if not missing and not re.fullmatch(r"\w+", entry["name"]):
            raise BuildError(f"manifest.toml, figure {number}: name={entry['name']!r} is not the name of a script")
        if missing:
            raise BuildError(
                f"manifest.toml, figure {number} ({entry.get('name', 'no name')}): {', '.join(missing)} missing"
            )
    repeated = [name for name, times in Counter(entry["name"] for entry in entries).items() if times > 1]
    if repeated:
        raise BuildError(f"manifest.toml lists {', '.join(repeated)} twice: a name is that of one figure")
    return {entry["name"]: entry for entry in entries}


def script(name: str) -> ModuleType:
    """Return the figure's script as a module."""
    path = HERE / f"{name}.py"
    if not path.exists():
        raise BuildError(
            f"manifest.toml lists {name!r}, but there is no {shown(path)}: write it, or take the entry out"
        )
    return importlib.import_module(f"figures.{name}")


def draw(
    module: ModuleType, name: str, columns: Columns, suffixes: Sequence[str], title: str | None = None
) -> dict[str, bytes]:
    """Return the picture's bytes by suffix, drawn in the project's style from a clean set of Matplotlib settings.

    The title is that of the PDF, which readers show instead of a file's name.
    """
    with plt.style.context(["igc_theory.igc"], after_reset=True), warnings.catch_warnings():
        # A missing glyph or a collapsed layout is a warning to Matplotlib, but an error in print.
        warnings.simplefilter("error", UserWarning)
        warnings.simplefilter("error", RuntimeWarning)
        mpl.rcParams.update({"svg.hashsalt": name, "svg.fonttype": "path", "pdf.fonttype": 42})
        # Text in pixels is as wide as in the SVG, whose layout the PNG takes over.
        mpl.rcParams["text.hinting"] = "none"
        figure = module.draw(columns)
        if not isinstance(figure, Figure):
            raise BuildError(f"draw() returned {type(figure).__name__}, not a Matplotlib figure")
        try:
            return {suffix: _saved(figure, suffix, title) for suffix in suffixes}
        finally:
            plt.close("all")


def _saved(figure: Figure, suffix: str, title: str | None) -> bytes:
    buffer = io.BytesIO()
    named = {"Title": title} if suffix == "pdf" else {}
    figure.savefig(buffer, format=suffix, metadata={**METADATA[suffix], **named})
    # The layout that was found for one format holds for the next: as long as there is an engine, Matplotlib draws twice.
    with mpl.rc_context({"figure.constrained_layout.use": False}):
        figure.set_layout_engine(None)
    return numbered(buffer.getvalue()) if suffix == "svg" else buffer.getvalue()


def numbered(svg: bytes) -> bytes:
    """Return an SVG whose clips and markers are numbered in order of appearance.

    Matplotlib names them by a hash of their coordinates, whose last digits are those of the processor.

    Examples
    --------
    >>> numbered(b'<path id="p0f82f0f409"/> <g clip-path="url(#p0f82f0f409)"/> <use xlink:href="#m0f82f0f40a"/>')
    b'<path id="p1"/> <g clip-path="url(#p1)"/> <use xlink:href="#m2"/>'
    """
    names: dict[bytes, bytes] = {}
    return re.sub(
        rb'(?<=["#])[a-zA-Z](?:\d+_\d+_)?[0-9a-f]{10}(?=["\)])',
        lambda found: names.setdefault(found[0], found[0][:1] + str(len(names) + 1).encode()),
        svg,
    )


def numbers(name: str, module: ModuleType) -> tuple[str, list[str]]:
    """Return the CSV that belongs in the tree, and in what it differs from the stored one.

    Numbers that agree within the tolerance keep their stored text, so that a build elsewhere changes no last digit.
    Numbers that cannot be computed here are the stored ones.
    """
    path = HERE / "data" / f"{name}.csv"
    try:
        fresh = write_csv(module.data())
    except DataMissingError as reason:
        return _kept(path, reason), []
    if not path.exists():
        return fresh, [f"{shown(path)} is missing"]
    try:
        stored = read_text(path)
        columns = read_csv(stored)
    except BuildError as error:
        return fresh, [f"{shown(path)}: {error}"]  # what is stored was derived, so the fresh numbers replace it
    tolerance = max(ROUNDING["atol"], getattr(module, "TOLERANCE", 0.0))
    differences = [f"{shown(path)}: {text}" for text in _differences(columns, read_csv(fresh), tolerance)]
    return (fresh if differences else stored), differences


def _kept(path: Path, reason: DataMissingError) -> str:
    """Return the stored numbers of a figure that cannot be computed here, and say so."""
    if not path.exists():
        raise BuildError(f"{shown(path)} is missing, and cannot be computed: {reason}")
    print(f"    {path.stem} is drawn from its stored numbers: {reason}", flush=True)
    text = read_text(path)
    try:
        read_csv(text)
    except BuildError as error:
        raise BuildError(f"{shown(path)}: {error}: git checkout brings it back") from None
    return text


def _differences(stored: Columns, fresh: Columns, tolerance: float) -> list[str]:
    """Say which columns differ, and in which row first."""
    if list(stored) != list(fresh):
        return [f"columns {', '.join(stored)} are stored, data() returns {', '.join(fresh)}"]
    found = {name: _difference(stored[name], fresh[name], tolerance) for name in stored}
    return [f"column {name!r}, {text}" for name, text in found.items() if text]


def _difference(stored: NDArray[Any], fresh: NDArray[Any], tolerance: float) -> str:
    if stored.shape != fresh.shape:
        return f"{stored.size} rows stored, {fresh.size} computed"
    if stored.dtype.kind != fresh.dtype.kind:
        return f"{stored.dtype} stored, {fresh.dtype} computed"
    same = (
        np.isclose(stored, fresh, ROUNDING["rtol"], tolerance, equal_nan=True)
        if stored.dtype.kind == "f"
        else stored == fresh
    )
    if same.all():
        return ""
    row = int(np.argmin(same))
    return f"row {row + 1}: {stored[row]} stored, {fresh[row]} computed (first of {np.sum(~same)})"


def build(name: str, title: str | None = None) -> list[str]:
    """Write one figure's numbers and pictures, all of them or none; return an empty list: nothing is wrong."""
    module = script(name)
    text, _ = numbers(name, module)
    pictures = draw(module, name, read_csv(text), list(METADATA), title)
    files = {HERE / "out" / f"{name}.{suffix}": content for suffix, content in pictures.items()}
    replace_files({HERE / "data" / f"{name}.csv": text.encode(), **files})
    return []


def check(name: str) -> list[str]:
    """Return in what one figure differs from what is stored: numbers within the tolerance, the SVG byte for byte."""
    module = script(name)
    text, problems = numbers(name, module)
    picture = HERE / "out" / f"{name}.svg"
    if not picture.exists():
        return [*problems, f"{shown(picture)} is missing"]
    drawn = draw(module, name, read_csv(text), ["svg"])["svg"]
    if matplotlib_is_pinned() and drawn != picture.read_bytes():
        problems.append(f"{shown(picture)} is not the picture that the script draws from its CSV")
    return problems


def gallery(entries: Mapping[str, Mapping[str, str]]) -> str:
    """Return the gallery, one figure below the other, each with its title, caption and source."""
    return "\n\n".join(map(_gallery_entry, entries.values())) or "No figures yet."


def _gallery_entry(entry: Mapping[str, str]) -> str:
    source = f" *After {entry['source']}.*" if entry.get("source") else ""
    caption = " ".join(f"{entry['caption']}{source}".split())
    return (
        f'<a id="{entry["name"]}"></a>\n\n'
        f"## {entry['title']}\n\n![{entry['alt']}](out/{entry['name']}.svg)\n\n{caption}"
    )


def front(entries: Mapping[str, Mapping[str, str]]) -> str:
    """Return the figures of the README, two per row, each with a link to its caption: those that the manifest marks `front`."""
    cells = [
        f"![{entry['alt']}](figures/out/{name}.svg)<br>**[{entry['title']}](figures/README.md#{name})**".replace(
            "|", "\\|"
        )
        for name, entry in entries.items()
        if entry.get("front")
    ]
    rows = [f"| {' | '.join(cells[k : k + 2])} |" for k in range(0, len(cells), 2)]
    return "\n".join(["| | |", "|---|---|", *rows]) if rows else "No figures yet."


def papers_page(entries: Mapping[str, Mapping[str, str]]) -> str:
    """Return the tables of what the papers show and where it is here."""
    return papers.page(papers.pictures(HERE / "papers.toml"), {name: entry["title"] for name, entry in entries.items()})


def _guarded(name: str, *, only_check: bool) -> list[str]:
    """Build or check one figure; an exception in its script becomes a sentence that says where."""
    try:
        return check(name) if only_check else build(name, manifest()[name]["title"])
    except BuildError as error:
        return [str(error)]
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)
        place = [frame for frame in frames if Path(frame.filename) == HERE / f"{name}.py"] or frames
        where = f"{shown(Path(place[-1].filename))}, line {place[-1].lineno}"
        return [f"{where}: {type(error).__name__}: {error}"]


def _run(names: Sequence[str], *, only_check: bool) -> int:
    """Build or check figures, two at a time where there are several, one line each; return how many went wrong."""
    work = partial(_timed, only_check=only_check)
    if min(WORKERS, len(names)) == 1:
        return _report(names, map(work, names), only_check=only_check)
    # Fresh processes: each figure is drawn as it would be alone, and a fork of a process with threads may hang.
    with ProcessPoolExecutor(WORKERS, get_context("spawn"), _begin, (os.getpid(),)) as pool:
        return _report(names, pool.map(work, names), only_check=only_check)


def _begin(parent: int) -> None:
    """Let a worker finish its figure when Ctrl-C stops the build, and end when the build is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent(parent)


def _timed(name: str, *, only_check: bool) -> tuple[list[str], float]:
    """Build or check one figure; return what is wrong with it, and the seconds that it took."""
    start = time.perf_counter()
    return _guarded(name, only_check=only_check), time.perf_counter() - start


def _report(names: Sequence[str], outcomes: Iterable[tuple[list[str], float]], *, only_check: bool) -> int:
    """Print a line for every figure, as soon as it is there; return how many went wrong."""
    failed = 0
    for number, (name, (problems, seconds)) in enumerate(zip(names, outcomes, strict=True), start=1):
        verdict = "differs" if only_check else "failed"
        place = f"[{number:{len(str(len(names)))}}/{len(names)}]"
        print(f"{place} {name:<40} {verdict if problems else 'ok':<8} {seconds:5.1f} s", flush=True)
        for problem in problems:
            print(f"    {problem}", flush=True)
        failed += bool(problems)
    return failed


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="figures of manifest.toml; all of them when none is given"
    )
    parser.add_argument("--check", action="store_true", help="change nothing; say what differs and exit with status 1")
    parser.add_argument("--list", action="store_true", help="name the figures and stop")
    options = parser.parse_args(arguments)
    try:
        entries = manifest()
        names = chosen("figure", entries, options.names)
        if options.list:
            print("\n".join(f"{name:<40} {entries[name]['title']}" for name in names))
            return 0
        if options.check and not matplotlib_is_pinned():
            print(f"Matplotlib {mpl.__version__} is not the one of constraints.txt: pictures are drawn, not compared")
        failed = _run(names, only_check=options.check)
        stale = update_section("gallery", gallery(entries), check=options.check, page="figures/README.md")
        stale += update_section("figures", front(entries), check=options.check)
        stale += update_section("papers", papers_page(entries), check=options.check, page="figures/PAPERS.md")
    except BuildError as error:
        sys.exit(f"figures: {error}")
    print("\n".join(stale), end="\n" if stale else "")
    return int(bool(failed or stale))


if __name__ == "__main__":
    sys.exit(or_stopped(main))
