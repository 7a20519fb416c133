"""Run the notebooks and store them with their outputs, so that a reader sees results without running anything.

    python notebooks/build.py                    every notebook here, three at a time
    python notebooks/build.py FILE …             only these (a path, or a name such as 05_interleave_group_convolutions)
    python notebooks/build.py --check [FILE …]   change nothing; run again and compare with what is stored
    python notebooks/build.py --list             what there is

What is stored depends on the notebook's cells alone: fixed cell ids, no timings, no paths, no memory addresses,
no widget state. A notebook is written only after all its cells ran; a warning that a reader would see counts as an error.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import os
import re
import sys
import time
from base64 import b64decode
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nbformat
import numpy as np
import zmq
from jupyter_client.provisioning import local_provisioner
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from PIL import Image
from traitlets.config import Config

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from notebooks import warm_kernels
from tools.files import ROOT, BuildError, chosen, matplotlib_is_pinned, read_text, replace_file, shown, update_section
from tools.processes import or_stopped

__all__ = [
    "build",
    "check",
    "execute",
    "first_screen",
    "index",
    "normalise",
    "notebooks",
    "opening",
    "read",
    "short_index",
]

Notebook = Any  # nbformat's dictionaries carry no types

HERE = ROOT / "notebooks"
WORKERS = 3
"""One more than there usually are cores: to start and to end a kernel is mostly waiting."""
TIMEOUT = 200
"""Seconds that one cell may take before the build gives up on it."""

LEVELS = 2
"""Of 256, by which a pixel may differ from the stored one: less than an eye sees, more than two processors disagree by."""

BACKEND = {"MPLBACKEND": "module://matplotlib_inline.backend_inline"}

PREAMBLE = """
import warnings
for category in (UserWarning, RuntimeWarning, FutureWarning):
    warnings.simplefilter("error", category)
%matplotlib inline
%config InlineBackend.print_figure_kwargs = {"bbox_inches": "tight", "metadata": {"Software": None}}
"""
"""Run in the kernel before the first cell, and not stored. Pictures are PNGs: JupyterLab shows no stored SVG before it is run."""

METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}

KEPT = ("tags", "alt")
"""What is kept of a cell's metadata; `alt` says what its picture shows to who cannot see it, and pages take it from there."""

WIDGET = "application/vnd.jupyter.widget-view+json"
ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{6,}")


def read(path: Path) -> Notebook:
    """Return the notebook in `path`."""
    try:
        notebook = nbformat.reads(read_text(path), as_version=4)
        nbformat.validate(notebook)
    except (nbformat.reader.NotJSONError, nbformat.ValidationError, AttributeError, KeyError, TypeError) as error:
        reason = str(error).partition("\n")[0][:100]
        raise BuildError(f"{shown(path)} is not a notebook ({reason}): git checkout brings it back") from None
    if not notebook.cells:
        raise BuildError(f"{shown(path)} has no cells: git checkout brings it back")
    return notebook


def execute(notebook: Notebook) -> Notebook:
    """Return a copy with the outputs of a fresh run, as it is stored; `notebook` is left as it is."""
    fresh = nbformat.from_dict(notebook)
    fresh.cells.insert(0, nbformat.v4.new_code_cell(PREAMBLE))
    _run(fresh)
    del fresh.cells[0]
    normalise(fresh)
    _refuse_traces_of_this_run(fresh)
    return fresh


def _run(notebook: Notebook) -> None:
    """Run all cells in a new kernel; a failure becomes a sentence that names the cell."""
    started: list[int] = []
    # In a thread of its own, since the caller's may have a running event loop: JupyterLab's has, a browser test's too.
    with TemporaryDirectory(prefix="igc") as folder, ThreadPoolExecutor(1) as thread:
        client = NotebookClient(
            notebook,
            config=_sockets(folder),
            timeout=TIMEOUT,
            kernel_name="python3",
            record_timing=False,
            coalesce_streams=True,
            shutdown_kernel="immediate",  # nothing in it is needed any more, so nobody waits until it has tidied up
            extra_arguments=["--log-level=ERROR"],
            resources={"metadata": {"path": str(HERE)}},
            on_cell_start=lambda cell, cell_index: started.append(cell_index),
        )
        try:
            thread.submit(asyncio.run, client.async_execute(env=os.environ | BACKEND)).result()
        except CellExecutionError as error:
            raise BuildError(f"{_cell_id(started[-1])}: {error.ename}: {error.evalue}") from None
        except CellTimeoutError:
            raise BuildError(f"{_cell_id(started[-1])}: still running after {TIMEOUT} s") from None
        except DeadKernelError:
            raise BuildError(f"{_cell_id(started[-1])}: the kernel died") from None
        except RuntimeError as error:  # before the first cell
            raise BuildError(f"no kernel starts ({error}): try again") from None


def _sockets(folder: str) -> Config:
    """Return the configuration of a kernel that is talked to by files: TCP ports are picked twice when kernels start at once."""
    return Config(KernelManager={"transport": "ipc", "ip": f"{folder}/kernel"} if zmq.has("ipc") else {})


def _cell_id(number: int) -> str:
    return f"cell-{number:02d}"


def normalise(notebook: Notebook) -> None:
    """Keep, in place, what depends on the cells alone: numbered ids and counts, no widget state, no timings.

    Code of the first screen is folded: imports, and what draws the first picture.
    """
    notebook.metadata = nbformat.from_dict(METADATA)
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    count, screen = 0, len(first_screen(notebook))
    for number, cell in enumerate(notebook.cells, start=1):
        cell.id = _cell_id(number)
        cell.metadata = nbformat.from_dict({key: value for key, value in cell.metadata.items() if key in KEPT})
        if cell.cell_type == "code" and number <= screen:
            cell.metadata["jupyter"] = {"source_hidden": True}
        if cell.cell_type == "code":
            count += 1
            cell.execution_count = count
            cell.outputs = [
                _normal_output(output, count) for output in cell.outputs if WIDGET not in output.get("data", {})
            ]


def first_screen(notebook: Notebook) -> list[Notebook]:
    """Return the cells before the second one of Markdown, what a reader sees before scrolling; none if there is no second."""
    told = [number for number, cell in enumerate(notebook.cells) if cell.cell_type == "markdown"]
    return list(notebook.cells[: told[1]]) if len(told) > 1 else []


def _normal_output(output: Notebook, count: int) -> Notebook:
    if output.output_type == "execute_result":
        output.execution_count = count
    return output


def _keep_equal_pictures(stored: Notebook, fresh: Notebook) -> Notebook:
    """Return the fresh notebook, in it each stored picture that looks alike: another processor rounds a pixel otherwise."""
    for before, after in zip(stored.cells, fresh.cells, strict=True):
        for old, new in zip(before.get("outputs", []), after.get("outputs", []), strict=False):
            pictures = old.get("data", {}).get("image/png"), new.get("data", {}).get("image/png")
            if all(pictures) and _look_alike(*pictures):
                new.data["image/png"] = pictures[0]
    return fresh


def _look_alike(old: str, new: str) -> bool:
    """Return whether two PNGs have one size and differ by at most `LEVELS` in any pixel."""
    try:
        first, second = (
            np.asarray(Image.open(io.BytesIO(b64decode(text))).convert("RGBA"), int) for text in (old, new)
        )
    except (OSError, ValueError):  # what is stored is no picture, so the fresh one replaces it
        return False
    return first.shape == second.shape and int(np.abs(first - second).max(initial=0)) <= LEVELS


def _refuse_traces_of_this_run(notebook: Notebook) -> None:
    """Refuse outputs that another run or another machine would not show."""
    for cell, kind, text in _texts(notebook):
        if kind == "stderr":
            raise BuildError(f"{cell.id} writes to the error stream: {text.strip()[:200]}")
        for place in (str(ROOT), sys.prefix, str(Path.home())):
            if len(place) > 1 and re.search(re.escape(place) + r"(?![\w-])", text):
                raise BuildError(f"{cell.id} shows a path of this machine, {place}")
        if found := ADDRESS.search(text):
            raise BuildError(
                f"{cell.id} shows a memory address, {found[0]}: end the cell with what a reader should see"
            )


def _texts(notebook: Notebook) -> Iterator[tuple[Notebook, str, str]]:
    """Yield cell, kind (stream name or MIME type) and text of every output that is text."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if output.output_type == "stream":
                yield cell, output.name, output.text
            for kind, value in output.get("data", {}).items():
                if not kind.startswith("image/") or kind == "image/svg+xml":
                    yield cell, kind, value if isinstance(value, str) else str(value)


def build(path: Path) -> list[str]:
    """Run the notebook and store it; return an empty list: nothing is wrong."""
    stored = read(path)
    replace_file(path, _serialised(_keep_equal_pictures(stored, execute(stored))))
    return []


def _serialised(notebook: Notebook) -> bytes:
    nbformat.validate(notebook)
    text: str = nbformat.writes(notebook)
    return f"{text}\n".encode()


def check(path: Path) -> list[str]:
    """Return in what a fresh run differs from what is stored: texts exactly, pictures under the pinned Matplotlib."""
    stored = read(path)
    fresh = _keep_equal_pictures(stored, execute(stored))
    if not matplotlib_is_pinned():
        _drop_pictures(stored)
        _drop_pictures(fresh)
    differences = [text for pair in zip(stored.cells, fresh.cells, strict=True) if (text := _difference(*pair))]
    if not differences and _serialised(stored) != _serialised(fresh):
        return ["ids or metadata are not those that the build writes"]
    return differences


def _drop_pictures(notebook: Notebook) -> None:
    """Keep of every picture only that it is there."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            data.update({kind: "" for kind in data if kind.startswith("image/")})


def _difference(stored: Notebook, fresh: Notebook) -> str:
    """Say in which output a cell differs, or nothing."""
    before, after = ([*map(_shown_output, cell.get("outputs", []))] for cell in (stored, fresh))
    if len(before) != len(after):
        return f"{fresh.id}: {len(before)} outputs stored, {len(after)} now"
    for old, new in zip(before, after, strict=True):
        kinds = [kind for kind in old.keys() | new.keys() if old.get(kind) != new.get(kind)]
        if kinds:
            kind = sorted(kinds)[0]
            return f"{fresh.id}: {kind} {_excerpt(old.get(kind))} stored, {_excerpt(new.get(kind))} now"
    return ""


def _shown_output(output: Notebook) -> dict[str, Any]:
    """Return an output as a reader sees it: text by stream name, or data by MIME type."""
    return {output.name: output.text} if output.output_type == "stream" else dict(output.get("data", output))


def _excerpt(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 160 else f"{text[:120]} … ({len(text)} characters)"


def index(paths: Sequence[Path]) -> str:
    """Return the list of notebooks: each one's title and the first sentence below it."""
    lines = [f"- [{path.stem[:2]} {title}]({path.name}): {claim}" for path in paths for title, claim in [opening(path)]]
    return "\n".join(lines) or "No notebooks yet."


def short_index(paths: Sequence[Path]) -> str:
    """Return the README's list: titles alone, in one paragraph."""
    return ",\n".join(f"[{path.stem[:2]} {opening(path)[0]}]({shown(path)})" for path in paths) or "No notebooks yet."


def opening(path: Path) -> tuple[str, str]:
    """Return title and first sentence of a notebook's first cell."""
    title, _, rest = read(path).cells[0].source.strip().partition("\n")
    if not title.startswith("# ") or not rest.strip():
        raise BuildError(f"{shown(path)}: the first cell must be a title (# …) and, below it, what the notebook shows")
    paragraph = " ".join(rest.strip().split("\n\n")[0].split())
    paragraph = re.sub(r"^(\*{1,2})What this (notebook )?shows[.:]?\1[.:]?\s*", "", paragraph)
    sentence = re.match(r".*?[.!?](?=\s+[^\sa-z]|$)", paragraph)
    return title[2:].strip(), sentence[0] if sentence else paragraph


def notebooks() -> dict[str, Path]:
    """Return every notebook by name, in the order in which they are read."""
    return {path.stem: path for path in sorted(HERE.glob("*.ipynb"))}


def _reported(name: str, *, only_check: bool) -> bool:
    """Build or check one notebook, print its line, and return whether all went well."""
    path, start = notebooks()[name], time.perf_counter()
    try:
        problems = check(path) if only_check else build(path)
    except BuildError as error:
        problems = [str(error).removeprefix(f"{shown(path)} ")]
    verdict = ("differs" if only_check else "failed") if problems else "ok"
    lines = [
        f"{name:<44} {verdict:<8} {time.perf_counter() - start:5.1f} s",
        *(f"    {shown(path)}, {text}" for text in problems),
    ]
    print("\n".join(lines), flush=True)
    return not problems


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "files", nargs="*", metavar="FILE", help="notebooks of this folder; all of them when none is given"
    )
    parser.add_argument("--check", action="store_true", help="change nothing; say what differs and exit with status 1")
    parser.add_argument("--list", action="store_true", help="name the notebooks and stop")
    options = parser.parse_args(arguments)
    try:
        names = chosen("notebook", notebooks(), [Path(file).name.removesuffix(".ipynb") for file in options.files])
        if options.list:
            print("\n".join(names))
            return 0
        if len(names) > 1 and warm_kernels.AVAILABLE:
            # jupyter_client has no other door for kernels that are started in another way.
            local_provisioner.launch_kernel = warm_kernels.launch  # type: ignore[attr-defined,assignment]  # set from here
        with ThreadPoolExecutor(WORKERS) as pool:
            good = all([*pool.map(partial(_reported, only_check=options.check), names)])
        paths = [*notebooks().values()]
        stale = update_section("index of notebooks", index(paths), check=options.check, page="notebooks/README.md")
        stale += update_section("notebooks", short_index(paths), check=options.check)
    except BuildError as error:
        sys.exit(f"notebooks: {error}")
    print("\n".join(stale), end="\n" if stale else "")
    return int(not good or bool(stale))


if __name__ == "__main__":
    sys.exit(or_stopped(main))
