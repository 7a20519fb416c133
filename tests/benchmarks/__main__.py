"""Run the benchmarks: ``python -m tests.benchmarks [--only MODULE …] [--quick] [--busy] [--judge]``.

Each module beside this one offers ``TITLE``, ``NOTES``, ``run(quick) -> list of rows`` and ``verdicts(rows) -> list
of Verdict``. Without a name all run but `latency`, which takes minutes to time a table of single layers and stores it
for the library. Results are kept per processor, in files named after it and its second cache. A run writes the
sections of its modules into ``results/<processor>.md``, one without a name the facts above them too. Rows go to
``results/<processor>_<module>.csv``. With ``--busy`` another process keeps a core busy meanwhile, the benchmarks that
read the clock on the wall are left out, and the files are called ``<processor>_busy``.
"""

from __future__ import annotations

import argparse
import csv
import importlib
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from types import ModuleType

from tests.benchmarks.load import busy
from tests.benchmarks.timing import Row, Verdict, machine, processor_key

RESULTS = Path(__file__).parent / "results"
# `apply` takes gigabytes, and leaves the system memory in pieces that slow down whoever needs fresh memory behind it.
MODULES = (
    "load",
    "structure",
    "projection",
    "descents",
    "convolution",
    "apply",
    "designs",
    "flow",
    "explorers",
    "pages",
)
BY_NAME = ("latency",)
"""What runs only when it is named: it replaces the library's own table of times."""
BY_CLOCK = ("load", "explorers", "pages")
"""What reads the clock on the wall, and means nothing beside another process."""
PEERS = ("scipy", "lazylinop", "pyfaust", "torch", "onnxruntime", "threadpoolctl")

HEAD = """# Benchmarks

Written by `python -m tests.benchmarks`. Unless a section says otherwise, times are medians of interleaved rounds, in processor
time on one thread. The facts are those of the last run of everything but `latency`; each section is of one run."""


def main() -> int:
    """Run what the command line names; the exit status is 0, or with ``--judge`` 1 if a target is missed."""
    options = _options()
    whole = [name for name in MODULES if not (options.busy and name in BY_CLOCK)]
    names = options.only or options.modules or whole
    key = f"{processor_key()}{'_busy' if options.busy else ''}"
    facts, measured, reached = machine(PEERS), list[str](), True
    if options.busy:
        facts.append(("beside", "a process that computes without end"))
    for name in names:
        try:
            module = importlib.import_module(f"tests.benchmarks.{name}")
        except ImportError as error:
            sys.stderr.write(f"{name} is left out: {error}; make bench installs what it needs\n")
            continue
        with busy() if options.busy else nullcontext():
            rows = module.run(options.quick)
        verdicts = module.verdicts(rows)
        reached &= all(verdict.reached is not False for verdict in verdicts)
        told = section(module, rows, verdicts)
        sys.stdout.write(f"{told}\n\n")
        sys.stdout.flush()
        measured.append(name)
        if not options.quick:  # at once: what comes later may fail or be stopped
            RESULTS.mkdir(exist_ok=True)
            write_csv(RESULTS / f"{key}_{name}.csv", rows)
            keep(RESULTS / f"{key}.md", facts, told, everything=set(measured) >= set(whole))
    return 0 if reached or not options.judge else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    known = MODULES + BY_NAME
    names = {"choices": known, "metavar": f"{{{','.join(known)}}}"}
    parser.add_argument(
        "modules", nargs="*", help=f"which ones; by default all but {', '.join(BY_NAME)}", metavar="MODULE"
    )
    parser.add_argument("--only", nargs="+", help="the same", **names)
    parser.add_argument("--quick", action="store_true", help="small sizes only, nothing written: to see that it runs")
    parser.add_argument("--busy", action="store_true", help="beside a process that computes without end")
    parser.add_argument("--judge", action="store_true", help="end with status 1 if a target is missed")
    options = parser.parse_args()
    if unknown := set(options.modules) - set(known):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    return options


def keep(path: Path, facts: Sequence[tuple[str, str]], told: str, *, everything: bool) -> None:
    """Put a new section into the page of a processor, in place of that of the same title; with `everything` new facts, too."""
    head = "\n\n".join([HEAD, table(("fact", "value"), facts)])
    old, *others = path.read_text(encoding="utf-8").rstrip().split("\n\n## ") if path.exists() else [head]
    kept = {f"## {section}".partition("\n")[0]: f"## {section}" for section in others}
    kept[told.partition("\n")[0]] = told
    path.write_text("\n\n".join([head if everything else old, *kept.values()]) + "\n", encoding="utf-8")


def section(module: ModuleType, rows: Sequence[Row], verdicts: Sequence[Verdict]) -> str:
    """Return one benchmark as Markdown: what is measured, the targets, the table."""
    words = {True: "reached", False: "**missed**", None: "–"}
    told = [(verdict.target, verdict.measured, words[verdict.reached]) for verdict in verdicts]
    columns = list(dict.fromkeys(key for row in rows for key in row))
    body = table(columns, [[shown(row.get(column)) for column in columns] for row in rows])
    return "\n\n".join([f"## {module.TITLE}", module.NOTES, table(("target", "measured", ""), told), body])


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def shown(value: int | float | str | None) -> str:
    """Return a cell: three digits of a measured number, all of a count."""
    if value is None:
        return "–"
    return (
        f"{value:.3g}"
        if isinstance(value, float) and abs(value) < 1000
        else f"{value:.0f}"
        if isinstance(value, float)
        else str(value)
    )


def write_csv(path: Path, rows: Sequence[Row]) -> None:
    """Write the rows as they were measured."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    sys.exit(main())
