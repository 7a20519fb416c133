"""What the two builds share: files written whole or not at all, and the generated parts of the README."""

from __future__ import annotations

import os
import re
import tempfile
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from glob import escape
from importlib.metadata import version
from pathlib import Path

from igc_theory.structure.arguments.near_names import did_you_mean

__all__ = [
    "ROOT",
    "BuildError",
    "DataMissingError",
    "chosen",
    "matplotlib_is_pinned",
    "read_text",
    "replace_file",
    "replace_files",
    "shown",
    "update_section",
    "with_section",
]

ROOT = Path(__file__).resolve().parents[1]
"""The checkout: every path in a message is relative to it."""


class BuildError(Exception):
    """One figure or notebook could not be built; the text says which, where and why."""


class DataMissingError(Exception):
    """A figure's numbers cannot be computed here, for something optional is missing; the text says what, and how to get it."""


def shown(path: Path) -> str:
    """Return `path` as messages name it: relative to the checkout where that is possible."""
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.as_posix()


def read_text(path: Path) -> str:
    """Return the text of a file of the checkout; a broken encoding gets a sentence with the file's name.

    Examples
    --------
    >>> read_text(ROOT / "README.md")[:2]
    '# '
    """
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BuildError(f"{shown(path)} cannot be read as UTF-8 text ({error}): git checkout brings it back") from None


def replace_files(contents: Mapping[Path, bytes]) -> None:
    """Write several files, all of them or none: every one is written beside its place before the first is renamed.

    Where a later one cannot be renamed, those before it get back what they held.

    Examples
    --------
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     replace_files({Path(folder, "a.csv"): b"1", Path(folder, "a.svg"): b"2"})
    ...     sorted(os.listdir(folder))
    ['a.csv', 'a.svg']
    """
    written: dict[Path, Path] = {}
    replaced: list[Path] = []
    old = {path: path.read_bytes() if path.is_file() else None for path in contents}
    try:
        for path, content in contents.items():
            if content != old[path]:  # and `make` sees that nothing changed
                written[path] = _beside(path, content)
        for path, temporary in written.items():
            os.replace(temporary, path)
            replaced.append(path)
    except BaseException as error:
        for path in replaced:
            _restore(path, old[path])
        if not isinstance(error, OSError):
            raise
        names = ", ".join(map(shown, contents))
        raise BuildError(f"{names} cannot be written ({error}): make room, or allow writing there") from error
    finally:
        for temporary in written.values():
            temporary.unlink(missing_ok=True)


def _restore(path: Path, content: bytes | None) -> None:
    """Bring back what a file held, or remove it if there was none."""
    path.unlink(missing_ok=True)
    if content is not None:
        path.write_bytes(content)


def _beside(path: Path, content: bytes) -> Path:
    """Write a temporary file in the folder of `path`, and remove those that killed builds left an hour ago."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for part in path.parent.glob(f".{escape(path.name)}.*.part"):
        with suppress(OSError):
            if time.time() - part.stat().st_mtime > 3600:
                part.unlink()
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.chmod(name, 0o644)  # mkstemp gives 0600
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return Path(name)


def replace_file(path: Path, content: bytes) -> None:
    """Write `content` to `path` in one step: a build that is stopped leaves the old file or the new one."""
    replace_files({path: content})


def chosen(kind: str, known: Iterable[str], wanted: Iterable[str]) -> list[str]:
    """Return the `known` names that are `wanted`, in the order of `known`; all of them when none is wanted.

    Examples
    --------
    >>> chosen("figure", ["heat_map", "bar_chart"], [])
    ['heat_map', 'bar_chart']
    >>> chosen("figure", ["heat_map", "bar_chart"], ["bar_char"])
    Traceback (most recent call last):
    ...
    tools.files.BuildError: no figure 'bar_char': did you mean bar_chart? (--list names all)
    """
    known, wanted = list(known), list(wanted)
    for name in wanted:
        if name not in known:
            hint = did_you_mean(name, known) or f"there are {len(known)}"
            raise BuildError(f"no {kind} {name!r}: {hint} (--list names all)")
    return [name for name in known if name in wanted or not wanted]


def matplotlib_is_pinned() -> bool:
    """Return whether the installed Matplotlib is that of constraints.txt, so that equal pictures are equal bytes."""
    pin = re.search(r"^matplotlib==(\S+)", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE)
    return pin is not None and pin[1] == version("matplotlib")


def with_section(text: str, name: str, content: str, page: str = "README.md") -> str:
    """Return `text` with `content` between the markers ``<!-- name -->`` and ``<!-- /name -->``.

    Examples
    --------
    >>> print(with_section("a <!-- b --> old <!-- /b --> c", "b", "new"))
    a <!-- b -->
    new
    <!-- /b --> c
    """
    start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    before, opened, rest = text.partition(start)
    _, closed, after = rest.partition(end)
    if not (opened and closed):
        raise BuildError(f"{page} has no {start} … {end}: put the two markers where the generated part belongs")
    return f"{before}{start}\n{content.strip()}\n{end}{after}"


def update_section(name: str, content: str, *, check: bool, page: str = "README.md") -> list[str]:
    """Bring one generated part of a page up to date, or only say that it is not; return what is wrong."""
    path = ROOT / page
    text = path.read_text(encoding="utf-8")
    fresh = with_section(text, name, content, page)
    if fresh == text:
        return []
    if check:
        return [f"{page}: the {name} between the markers is not the one that the build writes"]
    replace_file(path, fresh.encode())
    return []
