"""Many networks audited at once: a row each, kept as they come, so that a run which was stopped goes on where it was."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from igc_theory.kernels.products.files import replacing
from igc_theory.networks.audits.audit import OBJECTIVES, Audit, audit
from igc_theory.networks.audits.data import FORMAT, audit_data
from igc_theory.networks.audits.workers import as_they_come, worker_count
from igc_theory.networks.description.table import Table
from igc_theory.networks.readers.onnx_reader import read_onnx
from igc_theory.networks.timing.tables import known_table
from igc_theory.networks.zoo.catalogue import network
from igc_theory.structure.arguments.files import content_of, file_to_write, name_as_text
from igc_theory.structure.arguments.kinds import choice_of, flag, path_of, shown
from igc_theory.structure.arguments.numbers import real_number
from igc_theory.structure.arguments.sequences import listed

__all__ = ["Row", "Settings", "Survey", "files_of", "survey"]

SUFFIX = ".onnx"


@dataclass(frozen=True)
class Settings:
    """What all networks of a survey are asked.

    Attributes
    ----------
    keep : float
        Share of the cost that the actions leave.
    objective : str
        What the cost is.
    table : str or None
        Path of a table of times.
    input_shape : tuple of int or None
        Of the image, where a file leaves it open.
    """

    keep: float
    objective: str
    table: str | None
    input_shape: tuple[int, ...] | None


@dataclass(frozen=True)
class Row:
    """One network of a survey.

    Attributes
    ----------
    source : str
        The file, or the name of a network of this library.
    data : dict or None
        What `audit_data` says; None if the file could not be read.
    reason : str
        Why it could not; empty if it could.
    """

    source: str
    data: dict[str, Any] | None
    reason: str = ""


@dataclass(frozen=True)
class Survey:
    """The rows of a survey, in the order of what was asked.

    Attributes
    ----------
    rows : tuple of Row
    """

    rows: tuple[Row, ...]

    @property
    def unread(self) -> tuple[Row, ...]:
        """Rows of files that could not be audited."""
        return tuple(row for row in self.rows if row.data is None)

    @property
    def inexact(self) -> tuple[Row, ...]:
        """Rows of networks with operators that were passed over."""
        return tuple(row for row in self.rows if row.data is not None and not row.data["exact"])

    @property
    def sentence(self) -> str:
        """How many there are, and how many were not read or not counted whole."""
        count = len(self.rows)
        said = f"{count} network{'s' * (count != 1)}: {count - len(self.unread)} audited"
        said += f", {len(self.inexact)} of them not exact" if self.inexact else ""
        return f"{said}, {len(self.unread)} not read" if self.unread else said

    def __str__(self) -> str:
        return self.sentence

    def table(self) -> Table:
        """Return a row for each network that was audited, and the sums."""
        read = [(row.source, row.data) for row in self.rows if row.data is not None]
        names = ("parameters", "multiply_adds")
        columns: dict[str, list[Any]] = {"network": [source for source, _ in read]}
        columns |= {title: [data[name] for _, data in read] for name, title in zip(names, TITLES, strict=True)}
        columns["after"] = [data["plan"]["parameters"] for _, data in read]
        columns["error"] = [_error(data["plan"]["relative_error"]) for _, data in read]
        columns["exact"] = ["yes" if data["exact"] else "no" for _, data in read]
        totals = {"network": "total", **{title: sum(columns[title]) for title in (*TITLES, "after")}}
        return Table(self.sentence, columns, totals)

    @property
    def reasons(self) -> list[str]:
        """Why networks were not audited, a sentence each."""
        return [f"not audited: {row.source}: {row.reason}" for row in self.unread]

    def data(self) -> dict[str, Any]:
        """Return the survey as nested lists and dicts of plain values, for JSON."""
        return {
            "format": FORMAT,
            "summary": {"networks": len(self.rows), "not_read": len(self.unread), "not_exact": len(self.inexact)},
            "networks": [asdict(row) for row in self.rows],
        }


TITLES = ("weights", "multiply–adds")


def _error(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def files_of(folder: Path) -> list[Path]:
    """Return the ONNX files in a folder and in the folders within it, in the order of their names.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as name:
    ...     (Path(name) / "a.onnx").touch()
    ...     [path.name for path in files_of(Path(name))]
    ['a.onnx']
    """
    return sorted(path for path in folder.rglob(f"*{SUFFIX}") if path.is_file())


def survey(
    sources: Sequence[str],
    *,
    keep: float = 0.5,
    objective: str = "bits",
    table: str | os.PathLike[str] | None = None,
    input_shape: tuple[int, ...] | None = None,
    results: str | os.PathLike[str] | None = None,
    workers: int = 1,
    progress: bool = True,
) -> Survey:
    """Return the audits of many networks; a damaged file becomes a row with the reason.

    Parameters
    ----------
    sources : sequence of str
        Paths of ONNX files, or names that `network` knows.
    keep, objective, table :
        As in `audit`.
    input_shape : tuple of int, optional
        As in `read_onnx`, for all files.
    results : path-like, optional
        A folder in which each result is kept as it comes. Called again, the survey takes from it what is still right: a result of
        the same file, settings and version.
    workers : int, default 1
        Processes, or -1 for one per core; see `igc_theory.networks.audits.workers.as_they_come`.
    progress : bool, default True
        Whether a progress bar is shown in a terminal.

    Returns
    -------
    Survey

    Raises
    ------
    ImportError
        If more than one worker is asked for and joblib is missing.
    OSError
        If a result cannot be written.
    TypeError, ValueError
        If an argument is not what it should be.

    Examples
    --------
    >>> found = survey(["igc_l4m8", "nowhere.onnx"], progress=False)
    >>> print(found)
    2 networks: 1 audited, 1 not read
    >>> found.rows[0].data["parameters"]
    277546
    """
    way_out = "give paths of ONNX files, or names of networks"
    asked = [str(source) for source in listed("sources", sources, way_out)]
    if table is not None:
        known_table(table)  # once before all, where each network would say it
    settings = Settings(
        real_number("keep", keep, least=0, most=1),
        choice_of("objective", objective, OBJECTIVES),
        None if table is None else str(path_of("table", table)),
        input_shape,
    )
    store = None if results is None else _folder(path_of("results", results))
    kept = [None if store is None else _kept(store, source, settings) for source in asked]
    missing = [k for k, row in enumerate(kept) if row is None]
    calls = [(asked[k], settings, store) for k in missing]
    count, shows = worker_count(workers), flag("progress", progress)
    rows = dict(enumerate(kept))
    for k, row in as_they_come(_row, calls, workers=count, progress=shows, what="auditing", unit="network"):
        rows[missing[k]] = row
    return Survey(tuple(row for row in rows.values() if row is not None))


def _row(source: str, settings: Settings, store: Path | None) -> Row:
    """Return the row of one network, and keep it; what could not be audited is tried again another time."""
    fingerprint = _fingerprint(source)
    try:
        data = audit_data(_audited(source, settings))
    except Exception as error:  # whatever is wrong with a file, the others are audited
        said = " ".join(str(error).split()).removeprefix(f"path={source!r}: ")
        return Row(
            source, None, said if isinstance(error, (ValueError, OSError)) else f"{type(error).__name__}: {said}"
        )
    row = Row(source, json.loads(json.dumps(data)))
    if store is not None:
        with replacing(_place(store, source)) as file:
            file.write(json.dumps(_key(fingerprint, settings) | {"row": asdict(row)}).encode())
    return row


def _audited(source: str, settings: Settings) -> Audit:
    network = _read(source, settings)
    return audit(network, keep=settings.keep, objective=settings.objective, table=settings.table, progress=False)


def _read(source: str, settings: Settings) -> Any:
    if Path(source).suffix == SUFFIX or Path(source).exists():
        return read_onnx(source, input_shape=settings.input_shape)
    return network(source)


def _folder(path: Path) -> Path:
    """Make the folder for results, unless it is there."""
    said, way_out = f"results={shown(str(path))}", "give a folder, which is made if it is not there"
    if path.exists() and not path.is_dir():
        raise ValueError(f"{said} is a file: {way_out}")
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"{said} cannot be made ({error.strerror}): {way_out}") from error
    file_to_write("results", path / "result.json", "result.json")
    return path


def _place(store: Path, source: str) -> Path:
    """Return the file of a result: named like its network, and told apart from others of that name."""
    told_apart = hashlib.sha256(source.encode(errors="surrogatepass")).hexdigest()[:12]
    return store / f"{name_as_text(Path(source).stem, 80)}-{told_apart}.json"


def _kept(store: Path, source: str, settings: Settings) -> Row | None:
    """Return the result that is kept, if the same would be found again; what is torn or foreign is as good as missing."""
    with suppress(OSError, ValueError, TypeError, KeyError):
        stored = json.loads(_place(store, source).read_text(encoding="utf-8"))
        row = Row(**stored.pop("row"))
        if stored == _key(_fingerprint(source), settings) and row.source == source:
            return row
    return None


def _key(fingerprint: str, settings: Settings) -> dict[str, Any]:
    """Return what a result depends on."""
    table = None if settings.table is None else _fingerprint(settings.table)
    asked = asdict(settings) | {"input_shape": settings.input_shape and list(settings.input_shape), "table": table}
    return {"format": FORMAT, "igc_theory": _version(), "fingerprint": fingerprint, **asked}


def _version() -> str:
    """Return the version of this library; empty where it runs without being installed."""
    with suppress(metadata.PackageNotFoundError):
        return metadata.version("igc_theory")
    return ""


def _fingerprint(source: str) -> str:
    """Return what changes with the content of a file: its hash, and size and age of the files with weights that it names."""
    found = hashlib.sha256()
    with suppress(OSError, ValueError):
        content = content_of("source", source)
        found.update(content)
        for path in _further_files(Path(source), content):
            status = path.stat()
            found.update(f"{path.name} {status.st_size} {status.st_mtime_ns}".encode())
    return found.hexdigest()


def _further_files(path: Path, content: bytes) -> Iterator[Path]:
    """Yield the files beside a model whose names stand in it."""
    for other in sorted(path.parent.iterdir()):
        if other.suffix != SUFFIX and other.is_file() and other.name.encode("utf-8", "surrogateescape") in content:
            yield other
