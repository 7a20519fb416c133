"""`audit`: what a network costs, how it connects its channels, and what it could save."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from igc_theory import networks
from igc_theory.commands.help_pages import add_command
from igc_theory.commands.words import image, positive

__all__ = ["add_audit"]

HELP = """\
Reads a network and says what it costs, layer by layer, and how its consecutive convolutions with branches connect the channels.

For every dense layer it names the cheapest chain of sparse factors between the same channels. Where the file has weights, it
says how far the nearest such product is from them, beside low rank and pruning at the same bits.
"""

EXAMPLES = """\
a file (needs the extra onnx)
    igc-theory audit model.onnx
a file that leaves the size of the image open, with two processes
    igc-theory audit model.onnx --input 3x48x320 -j 2
a network that this library knows by name, also as a page
    igc-theory audit shufflenet --html audit.html
"""


def add_audit(commands: Any) -> None:
    """Add the parser of `audit`."""
    question = "say what a network costs, how it connects channels, and what it could save"
    parser = add_command(commands, "audit", question, HELP, EXAMPLES)
    parser.add_argument(
        "network",
        metavar="NETWORK",
        help="an ONNX file, or the name of a network of this library, such as mobilenet_v2",
    )
    parser.add_argument("--input", type=image, metavar="CxHxW", help="size of the image, where the file leaves it open")
    parser.add_argument("-j", "--workers", type=positive, default=1, metavar="N", help="processes (default 1)")
    parser.add_argument("--strict", action="store_true", help="make it an error if an operator is not counted")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument("--html", type=Path, metavar="FILE", help="also write a page")
    parser.set_defaults(run=_audit, usage_error=parser.error)


def _audit(options: argparse.Namespace) -> Iterator[str]:
    """Answer `audit`: tables of layers, chains, dense layers and errors."""
    # With NumPy and SciPy, which take long to load: here Ctrl-C is answered.
    from igc_theory.kernels.products.files import replacing
    from igc_theory.networks.audits import report

    if options.html:
        _check_page(options.html)
    audited = _audited(options.network, options.input)
    found = networks.audit(audited, workers=options.workers)
    if options.html:
        with replacing(options.html) as file:
            file.write(report.audit_page(found).encode())
    if options.json:
        yield json.dumps(report.audit_data(found), indent=1)
    else:
        yield "\n\n".join(map(str, report.audit_tables(found)))
    if options.strict and not audited.exact:
        raise ValueError(f"{audited.name}{audited.reservation}: see the list of operators above, or leave out --strict")


def _check_page(path: Path) -> None:
    """Refuse a page that cannot be written before the audit, which may take minutes."""
    if path.is_dir():
        raise ValueError(f"html={str(path)!r} is a folder: give a file in it, such as {path / 'audit.html'}")
    if not path.parent.is_dir():
        raise ValueError(
            f"html={str(path)!r} is in a folder that is not there: make {path.parent}, or give another file"
        )


def _audited(name: str, size: tuple[int, int, int] | None) -> networks.LayerGraph:
    """Return the network of that name, or the one that a file describes."""
    path, names = Path(name), networks.network_names()
    if not name:
        raise ValueError(f"network={name!r} names nothing: give an ONNX file or a network, such as mobilenet_v2")
    if name in names and not path.exists():
        known = networks.network(name)
        return known if size is None else networks.Network(known.name, size, known.nodes, known.source)
    if path.is_dir():
        raise ValueError(
            f"network={name!r} is a folder: give a file in it{_meant('', [str(file) for file in path.glob('*.onnx')])}"
        )
    if not path.exists():
        choices = [str(file) for file in path.parent.glob("*.onnx")] if path.parent.is_dir() else []
        choices += [] if path.suffix == ".onnx" else names
        way_out = (
            "check the path" if path.suffix == ".onnx" else "igc_theory.networks.network_names() lists the networks"
        )
        meant = _meant(name, choices) or f": {way_out}"
        raise ValueError(f"network={name!r} is neither a file nor a network of this library{meant}")
    return networks.read_onnx(path, input_shape=size)


def _meant(name: str, choices: list[str]) -> str:
    """Return what may have been meant, as the end of a sentence."""
    close = get_close_matches(name, choices) if name else sorted(choices)[:3]
    return (
        f": did you mean {' or '.join(close)}?" if close and name else f", such as {', '.join(close)}" if close else ""
    )
