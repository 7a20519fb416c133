"""`rewrite`: an ONNX file with cheaper layers in place of dense ones."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterator
from math import sqrt
from pathlib import Path
from shutil import get_terminal_size
from textwrap import wrap
from typing import Any

from igc_theory import networks
from igc_theory.commands.help_pages import add_command, command_lines
from igc_theory.commands.words import file_name, image, path

__all__ = ["add_rewrite"]

HELP = """\
Reads an ONNX file and chooses, for every convolution and linear layer, whether to keep it or to put a product of sparse factors,
a low-rank pair or a pruned layer in its place. One budget holds for the whole network, and the errors of the layers are as small
as it allows.

Without an output it writes nothing and says what can be saved. The new file is checked and run beside the old one; layers that
stay are the same to the bit. Errors are of the weights, or of what layers write for calibration inputs, which is far better. The
network is not trained again: expect to fine-tune it when the error is above a few hundredths.

In Python: rewrite("model.onnx", budget=0.5) from igc_theory.networks, where the budget may also be a number of bits.
"""

EXAMPLES = """\
what could be saved
    igc-theory rewrite model.onnx
half of the weights, into a new file
    igc-theory rewrite model.onnx --keep 0.5 -o small.onnx
a third of the multiply-adds, errors measured on images in a NumPy file (N, C, H, W)
    igc-theory rewrite model.onnx --keep 0.33 --objective multiply_adds --inputs images.npy -o small.onnx
two thirds of the time that this machine takes, by its own table of times
    igc-theory measure -o machine.json
    igc-theory rewrite model.onnx --keep 0.67 --objective latency --table machine.json -o small.onnx
"""

SHARES = (0.9, 0.75, 0.5, 0.33, 0.25)
"""Budgets that are compared where none is given."""

MOST_UNTRAINED = 0.05
"""Difference of the outputs above which a network needs training: labels change."""

SPARE = ("left ", "multiply–adds", "was")
"""Columns that a narrow terminal does without, the first of them first."""

MOST_KEPT = 5
"""Layers that stay, with their reasons, of which the names are printed."""


def add_rewrite(commands: Any) -> None:
    """Add the parser of `rewrite`."""
    question = "put cheaper layers in place of dense ones, in an ONNX file"
    parser = add_command(commands, "rewrite", question, HELP, EXAMPLES)
    parser.usage = "igc-theory rewrite [-h] MODEL ..."
    parser.add_argument("model", nargs="?", metavar="MODEL", type=path, help="an ONNX file (needs the extra onnx)")
    parser.add_argument(
        "--keep",
        type=_share,
        metavar="SHARE",
        help="of what the layers cost, such as 0.5; without it five shares are compared",
    )
    parser.add_argument("-o", "--output", type=path, metavar="FILE", help="write the new model")
    parser.add_argument("--force", action="store_true", help="replace the output if it is there")
    parser.add_argument(
        "--objective",
        default="bits",
        choices=("bits", "multiply_adds", "latency"),
        metavar="UNIT",
        help="what the share is of: bits (default), multiply_adds, or latency, as predicted for a machine",
    )
    parser.add_argument(
        "--table",
        type=file_name,
        metavar="FILE",
        help="times of a machine, from igc-theory measure, for --objective latency (default: those of the library)",
    )
    parser.add_argument(
        "--inputs", type=path, metavar="FILE", help="calibration inputs: a .npy, or .npz with their names"
    )
    parser.add_argument(
        "--input",
        type=image,
        metavar="CxHxW",
        help="size of the image, where the file leaves it open",
    )
    parser.add_argument(
        "--no-reorder", action="store_true", help="do not look for orders of channels: faster, no shuffles"
    )
    flags = {"budget": "--keep", "input_shape": "--input", "inputs": "--inputs", "output": "--output"}
    flags |= dict.fromkeys(("model", "path"), "MODEL")
    parser.set_defaults(run=_rewrite, usage_error=parser.error, flags=flags)


def _share(text: str) -> float:
    """Return the share of the cost that is kept."""
    try:
        share = float(text)
    except ValueError:
        share = 0.0
    if not 0 < share <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a share: give a number above 0 and at most 1, such as 0.5")
    return share


def _rewrite(options: argparse.Namespace) -> Iterator[str]:
    """Answer `rewrite`: compare budgets, or rewrite for one."""
    if options.model is None:
        options.usage_error("give a MODEL: an ONNX file")
    _check_file("model", options.model, "ONNX")
    if options.inputs is not None:
        _check_file("inputs", options.inputs, "NumPy")
    if options.table is not None and options.objective != "latency":
        options.usage_error("--table goes with --objective latency")
    if options.output is not None:
        _check_output(options)
    if options.keep is None and options.output is not None:
        options.usage_error("an output needs a budget: add --keep 0.5, for example")
    yield from _compared(options) if options.keep is None else _rewritten(options)


def _check_file(name: str, path: Path, kind: str) -> None:
    """Refuse what is no file in a sentence that says what to give."""
    if path.is_dir():
        raise ValueError(f"{name}={str(path)!r} is a folder: give one {kind} file of it")
    if not path.exists():
        raise ValueError(f"{name}={str(path)!r} is not there: check the path")


def _check_output(options: argparse.Namespace) -> None:
    """Refuse an output that is there, or whose place the model needs."""
    # With NumPy and SciPy, which take long to load: here Ctrl-C is answered.
    from igc_theory.networks.rewriting.files.places import model_files
    from igc_theory.networks.rewriting.result import writable

    output = options.output
    for file in model_files(options.model) if output.exists() else []:
        if file.exists() and output.samefile(file):
            what = "is the model itself" if file == options.model else "holds arrays of the model"
            raise ValueError(f"output={str(output)!r} {what}: give another file")
    writable(output, force=options.force, name="output")


def _called(options: argparse.Namespace, keep: float) -> networks.Rewrite:
    return networks.rewrite(
        options.model,
        keep,
        objective=options.objective,
        table=options.table,
        inputs=_inputs(options.inputs),
        input_shape=options.input,
        reorder=not options.no_reorder,
    )


def _inputs(path: Path | None) -> Any:
    """Return the arrays of a NumPy file: one, or several by their names."""
    if path is None:
        return None
    import numpy as np

    try:
        found = np.load(path, allow_pickle=False)
        return dict(found) if path.suffix == ".npz" else found
    except (ValueError, EOFError, OSError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ValueError(
            f"inputs={str(path)!r} is no NumPy file of numbers ({reason}): write it with numpy.save"
        ) from error


def _rewritten(options: argparse.Namespace) -> Iterator[str]:
    """Yield what was done for one budget, and what to do next."""
    found = _called(options, options.keep)
    yield found.table.fitted(_columns(), SPARE)
    yield from _filled(found.sentence)
    yield from _kept_lines(found)
    if options.output is None:
        name = f"{shlex.quote(options.model.stem)}_small.onnx"
        yield from ["", *_filled(f"Nothing was written: add -o FILE to write it, such as -o {name}.")]
        return
    yield from ["", *_filled(_sizes(options.model, found.save(options.output, force=options.force)))]
    if found.errors is not None and (found.measured.error or 0) > MOST_UNTRAINED:
        ways = "a larger --keep" if options.inputs else "calibration inputs (--inputs) or a larger --keep"
        yield from _filled(f"Next: fine-tune it, or give {ways}; compare on your own data.")
    else:
        yield "Next: compare the two files on your own data."


def _sizes(model: Path, written: Path) -> str:
    """Return what was written, and how large it is beside the model with all its arrays."""
    from igc_theory.networks.rewriting.files.places import model_files

    files, after = model_files(model), written.stat().st_size
    arrays = " with the files of its arrays" if len(files) > 1 else ""
    return f"Written to {written}: {after:,} bytes, {model}{arrays} has {sum(file.stat().st_size for file in files):,}."


def _columns() -> int:
    return get_terminal_size().columns


def _filled(sentence: str) -> list[str]:
    """Return the lines of a sentence; names stay whole."""
    return wrap(sentence, _columns(), subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


def _compared(options: argparse.Namespace) -> Iterator[str]:
    """Yield what several budgets would leave, with the command for one of them."""
    from igc_theory.networks.rewriting.dense_layers import unit_of

    found = _called(options, 1.0)
    shares = [share for share in SHARES if share * found.choices.before >= found.choices.least] or [1.0]
    rows = [found.choices.within(share) for share in shares]
    columns: dict[str, list[Any]] = {
        "keep": [f"{share:.2f}" for share in shares],
        unit_of(options.objective): [_cost(row.selection.cost) for row in rows],
        "layers replaced": [sum(one.family != "keep" for one in row.candidates) for row in rows],
        "predicted error": [f"{sqrt(row.selection.loss):.3f}" for row in rows],
    }
    layers = len(found.choices.layers)
    title = f"{options.model.name}: {layers} layers that can be replaced{found.choices.by}"
    table = networks.Table(title, columns)
    yield table.fitted(_columns(), ["layers replaced"])
    yield from _kept_lines(found)
    example = [
        "rewrite",
        *_words(options),
        "--keep",
        str(shares[len(shares) // 2]),
        "-o",
        f"{options.model.stem}_small.onnx",
    ]
    yield from ["", *_filled("Nothing was written. Next: choose a share and write it, such as")]
    yield from command_lines(example, _columns())
    yield from _filled(
        "An error of 1 is as large as the outputs: fine-tune afterwards, or give calibration inputs (--inputs)."
    )


def _words(options: argparse.Namespace) -> list[str]:
    """Return the model and what else was asked, as words of a command."""
    words = [str(options.model)]
    words += ["--objective", options.objective] * (options.objective != "bits")
    for name in ("table", "inputs"):
        words += [f"--{name}", str(getattr(options, name))] * (getattr(options, name) is not None)
    words += ["--input", "x".join(map(str, options.input or ()))] * (options.input is not None)
    return words + ["--no-reorder"] * options.no_reorder


def _cost(cost: float) -> float:
    """Return a cost as it is printed: whole, or milliseconds to four digits."""
    return int(cost) if cost == int(cost) else float(f"{cost:.4g}")


def _kept_lines(found: networks.Rewrite) -> Iterator[str]:
    """Yield which layers stay whatever the budget, by reason."""
    reasons: dict[str, list[str]] = {}
    for name, reason in found.kept:
        reasons.setdefault(reason, []).append(name)
    for reason, names in reasons.items():
        more = f" and {len(names) - MOST_KEPT} more" if len(names) > MOST_KEPT else ""
        yield from _filled(f"stays, {reason}: {', '.join(names[:MOST_KEPT])}{more}")
