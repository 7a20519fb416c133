"""Count the models of timm and torchvision and compare: ``python -m tests.zoo_check [--only WORD] [--again] [--speed]``.

Rows are added to results.csv as they come, so that a run that was stopped goes on where it was; results.md is made of them.
"""

import argparse
import csv
import gc
import statistics
import time
import warnings
from importlib.metadata import version
from pathlib import Path

import torch
from fvcore.nn import FlopCountAnalysis
from tqdm import tqdm

from igc_theory.networks import from_torch
from tests.zoo_check.counts import counted
from tests.zoo_check.models import made, shapes

FOLDER = Path(__file__).parent
ROWS, SPEEDS, PAGE = FOLDER / "results.csv", FOLDER / "speed.csv", FOLDER / "results.md"
COLUMNS = ["model", "verdict", "parameters", "multiply_adds", "activation_multiply_adds", "right_parameters",
           "right_multiply_adds", "right_activation_multiply_adds", "exact", "reason"]  # fmt: skip
PACKAGES = ("torch", "torchvision", "timm", "fvcore")


def compared(name):
    """Return the row of one model: made without numbers, or with random ones where its own code needs them."""
    for device in ("meta", "cpu"):
        try:
            module, read_shapes = made(name, device)
            network = from_torch(module, read_shapes)
            right = counted(module, [torch.zeros(1, *sizes, device=device) for sizes in read_shapes])
        except (RuntimeError, NotImplementedError, ValueError) as error:
            reason = str(error)
        else:
            return row_of(name, network, tuple(right))
    return {"model": name, "verdict": "refused", "reason": reason[:200]}


def row_of(name, network, right):
    """Return what the two ways to count say."""
    ours = (network.parameters, network.multiply_adds, network.activation_multiply_adds)
    reasons = sorted({f"{entry.operator}: {entry.reason}" for entry in network.passed_over})
    verdict = "equal" if ours == right else "different"
    values = [name, verdict, *ours, *right, network.exact, "; ".join(reasons)[:200]]
    return dict(zip(COLUMNS, values, strict=True))


def read(path):
    """Return the rows of a file, by model."""
    if not path.exists():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        return {row["model"]: row for row in csv.DictReader(file)}


def write(path, rows, columns):
    """Write rows, one a model, in the order of the models."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows[name] for name in shapes() if name in rows)


def seconds(action):
    """Return how long an action takes, the shorter of two times."""
    times = []
    for _ in range(2):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return min(times)


def measured(name):
    """Return how long this library and fvcore take to count one model."""
    module, read_shapes = made(name, "cpu")
    module.eval()
    ours = seconds(lambda: from_torch(module, read_shapes))
    theirs = seconds(lambda: fvcore_count(module, read_shapes))
    return {"model": name, "seconds": f"{ours:.3f}", "seconds_fvcore": f"{theirs:.3f}"}


def fvcore_count(module, read_shapes):
    """Count as fvcore's users do."""
    with torch.no_grad():
        analysis = FlopCountAnalysis(module, tuple(torch.zeros(1, *sizes) for sizes in read_shapes))
        analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
        return analysis.total()


def page(rows, speeds):
    """Return the results as a page."""
    verdicts = [row["verdict"] for row in rows.values()]
    wrong = [row for row in rows.values() if row["verdict"] == "different" and row["exact"] == "True"]
    exact = [row for row in rows.values() if row["verdict"] == "equal" and row["exact"] == "True"]
    lines = [
        "# Models of timm and torchvision, counted twice", "",
        "Made by `make zoo-check`; the numbers are in results.csv. Versions: "
        + ", ".join(f"{package} {version(package)}" for package in PACKAGES) + ".", "",
        "Equal means: parameters (`numel` of `parameters()`), multiply–adds of layers, and multiply–adds of activations with "
        "activations are the same to the last digit.", "",
        "| models | equal | of these with `exact` true | different | of these with `exact` true | refused |",
        "|---|---|---|---|---|---|",
        f"| {len(rows)} | {verdicts.count('equal')} | {len(exact)} | {verdicts.count('different')} | {len(wrong)} "
        f"| {verdicts.count('refused')} |", "",
    ]  # fmt: skip
    if speeds:
        ratios = [float(row["seconds"]) / float(row["seconds_fvcore"]) for row in speeds.values()]
        lines += [f"Time beside fvcore over {len(ratios)} models: median ratio {statistics.median(ratios):.2f} "
                  f"(from {min(ratios):.2f} to {max(ratios):.2f}).", ""]  # fmt: skip
    lines += [
        "| model | verdict | parameters | multiply–adds | of activations | exact | reason |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows.values():
        pairs = [both(row[column], row[f"right_{column}"]) for column in COLUMNS[2:5]]
        lines.append(f"| {row['model']} | {row['verdict']} | {' | '.join(pairs)} | {row['exact']} | {row['reason']} |")
    return "\n".join(lines) + "\n"


def both(ours, right):
    """Return one number, or both where they differ."""
    if not ours:
        return ""
    return f"{int(ours):,}" if ours == right else f"{int(ours):,} (right: {int(right):,})"


def main():
    """Count what is not in results.csv yet, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="count only models with this word in their names")
    parser.add_argument("--again", action="store_true", help="count them again")
    parser.add_argument("--speed", type=int, default=0, metavar="N", help="also time N models beside fvcore")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    rows, speeds = read(ROWS), read(SPEEDS)
    chosen = [name for name in shapes() if given.only in name]
    for name in tqdm([name for name in chosen if given.again or name not in rows], desc="counting"):
        rows[name] = {column: str(value) for column, value in compared(name).items()}
        rows[name] = {column: rows[name].get(column, "") for column in COLUMNS}
        write(ROWS, rows, COLUMNS)
        gc.collect()
    timed = chosen[:: max(1, len(chosen) // given.speed)][: given.speed] if given.speed else []
    for name in tqdm([name for name in timed if given.again or name not in speeds], desc="timing"):
        speeds[name] = measured(name)
        write(SPEEDS, speeds, list(speeds[name]))
    rows = {name: rows[name] for name in shapes() if name in rows}
    PAGE.write_text(page(rows, speeds), encoding="utf-8")
    print(PAGE.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
