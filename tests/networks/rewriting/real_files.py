"""Every ONNX file that the packages onnx and rapidocr-onnxruntime ship, rewritten at three budgets and run in onnxruntime.

``python tests/networks/rewriting/real_files.py`` writes real_files.csv beside it, row by row, and goes on where it was stopped.
The graphs of the package onnx hold no weights: they get fresh ones. A row says what the written file did, read back from the disk.
"""

from __future__ import annotations

import csv
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from igc_theory.networks import read_onnx, rewrite
from tests.networks.readers.onnx_models import LIGHT, trained

TABLE = Path(__file__).with_name("real_files.csv")
BUDGETS = (0.75, 0.5, 0.25)
LARGER = {"light_shufflenet": (0.9, 0.75, 0.65)}
"""Its convolutions have branches already: what may stand in their place takes 0.643 of the bits, and less is refused."""

SIZES = {"cls": (3, 48, 192), "rec": (3, 48, 320), "det": (3, 96, 96)}
"""Images of the networks that leave their size open."""


def size_of(name: str) -> tuple[int, int, int] | None:
    """Return the image that a network gets, if its file leaves the size open."""
    return next((size for word, size in SIZES.items() if word in name and name.startswith("ch_")), None)


def outputs(path: Path, inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
    """Return what onnxruntime computes from a file."""
    import onnxruntime  # in the extra zoo

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"]).run(None, inputs)


def image(path: Path, size: tuple[int, int, int] | None) -> dict[str, np.ndarray]:
    """Return random values for the inputs that are not stored arrays."""
    graph = onnx.load(path).graph
    stored, rng = {entry.name for entry in graph.initializer}, np.random.default_rng(1)
    entries = [entry for entry in graph.input if entry.name not in stored]
    shapes = {entry.name: [dim.dim_value for dim in entry.type.tensor_type.shape.dim] for entry in entries}
    return {
        name: rng.standard_normal((1, *size) if size else shape).astype(np.float32) for name, shape in shapes.items()
    }


def row(path: Path, budget: float) -> dict[str, Any]:
    """Return what came of one file at one budget."""
    size, light, start = size_of(path.stem), path in LIGHT, time.process_time()
    found = rewrite(path, budget, input_shape=size, architecture_only=light)
    seconds = time.process_time() - start
    with tempfile.TemporaryDirectory() as folder:
        written = found.save(Path(folder) / "small.onnx")
        onnx.checker.check_model(str(written))
        inputs = image(path, size)
        old, new = outputs(path, inputs), outputs(written, inputs)
        whole, apart = (
            np.sqrt(sum(np.square(a, dtype=float).sum() for a in arrays))
            for arrays in (old, [a - b for a, b in zip(old, new, strict=True)])
        )
        counts = read_onnx(path, input_shape=size), read_onnx(written, input_shape=size)
    choices = found.choices
    return {
        "file": path.stem,
        "budget": budget,
        "layers": len(choices.layers),
        "replaced": found.replaced,
        "share_left": round(found.cost / choices.before, 4),
        "gap": round(found.gap, 6),
        "weights_before": sum(layer.convolution.parameters for layer in choices.layers),
        "weights_after": sum(one.parameters for one in choices.candidates),
        "multiply_adds_before": counts[0].multiply_adds,
        "multiply_adds_after": counts[1].multiply_adds,
        "predicted_error": "" if found.predicted_error is None else round(found.predicted_error, 4),
        "measured_error": "" if light else round(float(apart / whole), 4),
        "outputs_finite": int(all(np.isfinite(a).all() for a in new)),
        "same_shapes": int(all(a.shape == b.shape for a, b in zip(old, new, strict=True))),
        "processor_seconds": round(seconds, 1),
    }


def main() -> None:
    """Write the rows that are missing."""
    done = list(csv.DictReader(TABLE.read_text("utf-8").splitlines())) if TABLE.exists() else []
    seen = {(entry["file"], entry["budget"]) for entry in done}
    for path in [*trained().values(), *LIGHT]:
        for budget in LARGER.get(path.stem, BUDGETS):
            if (path.stem, str(budget)) in seen:
                continue
            entry = row(path, budget)
            print(entry, file=sys.stderr)  # noqa: T201  # a program: it says how far it is
            with TABLE.open("a", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, entry, lineterminator="\n")
                if not file.tell():
                    writer.writeheader()
                writer.writerow(entry)


if __name__ == "__main__":
    main()
