"""`audit`: what networks cost, how they connect their channels, and which layers to replace by what."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from shutil import get_terminal_size
from textwrap import wrap
from typing import Any

from igc_theory import networks, structure
from igc_theory.commands.help_pages import add_command, command_lines
from igc_theory.commands.words import file_name, image, path, positive, share, workers
from igc_theory.structure.arguments.near_names import did_you_mean

__all__ = ["add_audit"]

OBJECTIVES = ("bits", "multiply_adds", "latency")
"""What can be saved, in the words of the library, which is not loaded yet."""

HELP = """\
Reads a network and says what it costs, whether its channels meet, and which dense layers to replace by what: the
choice with the least error that leaves a share of the weights (--keep), best action first.

Without weights, as for the networks that this library knows by name, it lists the cheapest chains of sparse factors,
which would be trained anew. --full adds every layer, block and chain.

Several files, or a folder, get a row each. With --results a run that was stopped goes on where it was.

In Python: audit(read_onnx("model.onnx"), keep=0.5), both from igc_theory.networks.
"""

EXAMPLES = """\
a file (needs the extra onnx)
    igc-theory audit model.onnx
a quarter of the weights; every layer as a page
    igc-theory audit model.onnx --keep 0.25 --html audit.html
a file that leaves the size of the image open, with two processes
    igc-theory audit model.onnx --input 3x48x320 -j 2
a network that this library knows by name, and which there are
    igc-theory audit shufflenet
    igc-theory audit --list
all files in a folder, on all cores, kept as they come
    igc-theory audit models -j -1 --results audits
"""


def add_audit(commands: Any) -> None:
    """Add the parser of `audit`."""
    question = "say what a network costs, how it connects channels, and which layers to replace"
    parser = add_command(commands, "audit", question, HELP, EXAMPLES)
    parser.usage = "%(prog)s [-h] NETWORK ..."
    add = parser.add_argument
    add(
        "networks",
        nargs="*",
        metavar="NETWORK",
        help="an ONNX file, a folder of them, or the name of a network of this library, such as mobilenet_v2",
    )
    add("--list", action="store_true", help="list the networks that this library knows by name")
    add(
        "--keep",
        type=share,
        default=0.5,
        metavar="SHARE",
        help="share of the cost of these layers that is left (default 0.5)",
    )
    unit = "what the share is of: bits of weights and indices (default), multiply_adds, or latency, as predicted"
    add("--objective", choices=OBJECTIVES, default="bits", metavar="UNIT", help=unit)
    add(
        "--table",
        type=file_name,
        metavar="FILE",
        help="times of layers on a machine, by which milliseconds are predicted",
    )
    add(
        "--measure", type=positive, default=0, metavar="N", help="time the first N actions here; by latency, rank by it"
    )
    add("--top", type=positive, default=10, metavar="N", help="how many actions to print (default 10)")
    add("--full", action="store_true", help="print every layer, block and chain too")
    add("--input", type=image, metavar="CxHxW", help="size of the image, where the file leaves it open")
    add("-j", "--workers", type=workers, default=1, metavar="N", help="processes (default 1; -1 is one per core)")
    add("--results", type=path, metavar="FOLDER", help="of several networks: keep each result, and go on from there")
    add("--strict", action="store_true", help="make it an error if an operator is not counted")
    add("--json", action="store_true", help="print JSON instead of tables")
    add("--html", type=path, metavar="FILE", help="also write a page")
    flags = {"input_shape": "--input", "network": "NETWORK", "path": "NETWORK", "sources": "NETWORK"}
    parser.set_defaults(run=_audit, usage_error=parser.error, flags=flags)


def _audit(options: argparse.Namespace) -> Iterator[str]:
    """Answer `audit`: one network in detail, several in a row each, or the names of those that are known."""
    if options.list:
        yield from _names()
        return
    if not options.networks:
        options.usage_error("give a NETWORK: an ONNX file, a folder of them, or a name that --list shows")
    if options.html:
        # With NumPy, which takes long to load: here Ctrl-C is answered.
        from igc_theory.structure.arguments.files import file_to_write

        file_to_write("html", options.html, "audit.html")
    if len(options.networks) > 1 or _is_folder(options.networks[0]):
        if options.measure:
            options.usage_error("--measure goes with one network: layers are timed one after the other")
        yield from _survey(options)
        return
    if options.results:
        _check_there(options.networks[0])  # perhaps a folder was meant
        options.usage_error("--results goes with several networks, or a folder of them")
    yield from _one(options)


def _names() -> Iterator[str]:
    """Yield the families of networks, and the members that have names of their own."""
    from igc_theory.networks.zoo.catalogue import FAMILIES, NAMED

    yield "Networks that igc-theory knows by name:"
    for family in FAMILIES:
        members = [name for name, (of, _) in NAMED.items() if of == family]
        line = f"{family}: {', '.join(members)}" if members else family
        yield "\n".join(wrap(line, _columns(), initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False))


def _columns() -> int:
    return get_terminal_size().columns


def _one(options: argparse.Namespace) -> Iterator[str]:
    """Yield the audit of one network."""
    # With NumPy and SciPy, which take long to load: here Ctrl-C is answered.
    from igc_theory.networks.audits import data, page, tables

    (name,) = options.networks
    audited = _audited(name, options.input)
    how = {name: getattr(options, name) for name in ("objective", "table", "measure", "workers")}
    found = networks.audit(audited, keep=options.keep, **how)
    if options.html:
        _write(options.html, page.audit_page(found))
    if options.json:
        yield json.dumps(data.audit_data(found), indent=1)
    else:
        yield page.first_page(found, _columns(), options.top)
        yield "\n".join(_next(name, options, found))
        yield from ("\n" + str(table) for table in tables.audit_tables(found) if options.full)
    if options.strict and not audited.exact:
        raise ValueError(f"{audited.name}{audited.reservation}: --full lists them, or leave out --strict")


def _next(name: str, options: argparse.Namespace, found: networks.Audit) -> Iterator[str]:
    """Yield what to do next."""
    network = [name, *(["--input", "x".join(map(str, options.input))] if options.input else [])]
    commands = [["audit", *network, "--full"]] * (not options.full)
    if found.plan.actions:
        if not options.measure:
            table = ["--table", options.table] if options.table else []
            commands = [["audit", *network, "--objective", "latency", *table, "--measure", "5"], *commands]
        commands = [["design", *_layer_words(found.plan.actions[0].layer.convolution)], *commands]
        if found.network.has_weights:
            commands = [_rewriting(network, options), *commands]
    yield "\nNext" * bool(commands)
    for command in commands:
        yield from command_lines(command, _columns())


def _rewriting(network: list[str], options: argparse.Namespace) -> list[str]:
    """Return the words that rewrite a file as the audit says."""
    words = ["rewrite", *network, "--keep", f"{options.keep:g}"]
    words += ["--objective", options.objective] * (options.objective != "bits")
    words += ["--table", options.table] if options.table and options.objective == "latency" else []
    return [*words, "-o", f"{Path(network[0]).stem}_small.onnx"]


def _layer_words(conv: structure.GroupConv) -> list[str]:
    """Return the options of `design` that describe a layer."""
    words = [
        "--in",
        str(conv.in_channels),
        "--out",
        str(conv.out_channels),
        "--kernel",
        "x".join(map(str, conv.window)),
    ]
    return words + ["--stride", str(conv.strides[0])] * (conv.strides[0] == conv.strides[1] > 1)


def _survey(options: argparse.Namespace) -> Iterator[str]:
    """Yield the audits of several networks: a row each."""
    from igc_theory.networks.audits import page
    from igc_theory.networks.audits.survey import survey

    sources = [source for name in options.networks for source in _sources(name)]
    asked = {"keep": options.keep, "objective": options.objective, "table": options.table, "input_shape": options.input}
    found = survey(sources, workers=options.workers, results=options.results, **asked)
    if options.html:
        _write(options.html, page.survey_page(found))
    if options.json:
        yield json.dumps(found.data(), indent=1)
    else:
        yield found.table().fitted(_columns(), ("exact", "multiply–adds"))
        yield from map(_filled, found.reasons)
    if found.unread:
        raise ValueError(
            f"{len(found.unread)} of {len(found.rows)} networks could not be audited: see the reasons above"
        )
    if options.strict and found.inexact:
        counted = f"{len(found.inexact)} of {len(found.rows)} networks could not be counted exactly"
        raise ValueError(f"{counted}: audit them one by one, or leave out --strict")


def _filled(sentence: str) -> str:
    """Return a sentence in lines as wide as the terminal; paths stay whole."""
    lines = wrap(sentence, _columns(), subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
    return "\n".join(lines)


def _is_folder(name: str) -> bool:
    return bool(name) and Path(name).is_dir()


def _sources(name: str) -> list[str]:
    """Return the files in a folder, or what is no folder as it is."""
    from igc_theory.networks.audits.survey import files_of

    if not _is_folder(name):
        return [name]
    if not (files := files_of(Path(name))):
        raise ValueError(f"network={name!r} is a folder without ONNX files: give another one, or a file")
    return [str(file) for file in files]


def _write(path: Path, page: str) -> None:
    from igc_theory.kernels.products.files import replacing

    with replacing(path) as file:
        file.write(page.encode(errors="replace"))  # names of files need not be Unicode


def _check_there(name: str) -> None:
    """Raise unless there is a file of that name, or a network of this library."""
    path, names = Path(name), networks.network_names()
    if not name:
        raise ValueError(f"network={name!r} names nothing: give an ONNX file or a network, such as mobilenet_v2")
    if name in names or path.exists():
        return
    choices = [str(file) for file in path.parent.glob("*.onnx")] if path.parent.is_dir() else []
    choices += [] if path.suffix == ".onnx" else names
    way_out = "check the path" if path.suffix == ".onnx" else "igc-theory audit --list lists the networks"
    way_out = did_you_mean(name, choices) or way_out
    raise ValueError(f"network={name!r} is neither a file nor a network of this library: {way_out}")


def _audited(name: str, size: tuple[int, int, int] | None) -> networks.LayerGraph:
    """Return the network of that name, or the one that a file describes."""
    _check_there(name)
    if Path(name).exists():
        return networks.read_onnx(Path(name), input_shape=size)
    known = networks.network(name)
    return known if size is None else networks.Network(known.name, size, known.nodes, known.source)
