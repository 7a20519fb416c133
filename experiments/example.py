"""The worked example: a network trained on digits, audited, rewritten at three budgets, fine-tuned, exported and timed.

    python -m experiments.example            five seeds, within eight minutes on two cores
    python -m experiments.example --quick    one seed; the stored results stay as they are

What is finished is kept in experiments/running/example (experiments/quick/example) at once, so that an interrupted command goes
on where it stopped. When all is there, the rows replace experiments/example.csv.
"""

from __future__ import annotations

import argparse
import copy
import multiprocessing
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnxruntime
import torch
from torch import nn
from torch.nn.utils import prune
from tqdm import tqdm

from experiments.comparisons import KEEPS, METHODS, ORIGINAL, STORED, budget, rows, summary_table
from experiments.data import Data, load
from experiments.records import Row, key, read, still_valid, write
from experiments.run import versions
from experiments.training import Schedule, accuracy, train
from igc_theory.kernels.products.files import replacing
from igc_theory.kernels.threads import one_blas_thread
from igc_theory.networks.audits.audit import audit
from igc_theory.networks.audits.page import first_page
from igc_theory.networks.readers.onnx_reader import read_onnx
from igc_theory.networks.rewriting.dense_layers import Choices, DenseLayer, choices_within
from igc_theory.networks.rewriting.rewrite import rewrite
from igc_theory.networks.rewriting.torch_modules import to_torch
from igc_theory.networks.timing.runtimes import fastest, machine
from tools.files import BuildError, shown
from tools.processes import alone_in, end_with_parent, or_stopped

HERE = Path(__file__).resolve().parent
SEEDS = range(5)
RATE = 0.4
"""What the first plan's run chose for many factors on the digits."""
TRAINED, TUNED, BATCH = 200, 100, 64
"""Batches from fresh weights, batches after a change, and images in each."""

TUNING_RATE = 0.1
"""Peak rate of fine-tuning, below that of training: the weights are near where they should be."""

CALIBRATION = 200
"""Images on which the outputs of layers are compared."""

IMAGES = 64
"""Of one call that is timed."""

ROUNDS, SECONDS = 5, 0.1
"""Rounds in which every network is timed in turn, and how long each."""


class Task(NamedTuple):
    """One network of one seed."""

    method: str
    keep: float
    seed: int

    @property
    def key(self) -> tuple[str, ...]:
        """What tells its row apart."""
        return "digits", budget(self.keep), self.method, str(self.seed)

    @property
    def file(self) -> str:
        """The name of its ONNX file."""
        return f"{self.seed}-{self.method.replace(' ', '_')}-{self.keep:g}.onnx"


def tasks(seeds: Sequence[int]) -> list[Task]:
    """Return all networks: the original of each seed, then every method at every share."""
    return [Task(ORIGINAL, 1.0, seed) for seed in seeds] + [
        Task(method, keep, seed) for seed in seeds for keep in KEEPS for method in METHODS
    ]


# --- the network ------------------------------------------------------------------------------------------------------


def fresh(seed: int) -> nn.Sequential:
    """Return the network before training: four 3×3 convolutions, two pools, a classifier on the mean."""
    torch.manual_seed(seed)
    widths = (1, 16, 32, 64, 64)
    layers: list[nn.Module] = []
    for k in range(4):
        layers += [nn.Conv2d(widths[k], widths[k + 1], 3, padding=1, bias=False), nn.BatchNorm2d(widths[k + 1])]
        layers += [nn.ReLU(), *([nn.MaxPool2d(2)] if k in (1, 2) else [])]
    return nn.Sequential(*layers, nn.AvgPool2d(2), nn.Conv2d(widths[-1], 10, 1, bias=False), nn.Flatten())


def from_fresh_weights(steps: int) -> Schedule:
    """Return how a network is trained from the start; at the rate that was chosen for chains of many factors."""
    return Schedule(RATE, steps, BATCH)


def alone(network: nn.Module) -> nn.Sequential:
    """Return the network as one of several that are trained side by side, of which there is one."""
    return nn.Sequential(network, nn.Unflatten(1, (1, 10)))


def original(seed: int, folder: Path) -> nn.Sequential:
    """Return the trained network of a seed, which is trained once and kept."""
    network, path = fresh(seed), folder / f"{seed}.pt"
    if not path.exists():
        data = load("digits", seed)
        train(alone(network), [data], from_fresh_weights(TRAINED), [seed])
        with replacing(path) as file:
            torch.save(network.state_dict(), file)
    network.load_state_dict(torch.load(path))
    return network.eval()


# --- the methods ------------------------------------------------------------------------------------------------------


Changed = tuple[nn.Module, str]
"""A network, and what stands in place of which layers."""


def rewritten(network: nn.Sequential, keep: float, data: Data) -> Changed:
    """Return the network with the choice of all families that has the least error in its layers' outputs."""
    found = rewrite(network, keep, **_how(data))
    return found.model, said(found.choices)


def said(choices: Choices) -> str:
    """Return a choice in words: the layers by their places in the network."""
    pairs = zip(choices.layers, choices.candidates, strict=True)
    return "; ".join(f"{layer.name}: {candidate.name}" for layer, candidate in pairs)


def _how(data: Data) -> dict[str, Any]:
    """Return how layers are compared: by their outputs on some images, in the order that the channels have."""
    return {"inputs": data.train.inputs[:CALIBRATION], "reorder": False, "progress": False}


def of_low_rank(network: nn.Sequential, keep: float, data: Data) -> Changed:
    """Return the network with the choice of ranks that has the least error in its layers' outputs."""
    layers = rewrite(network, keep, **_how(data)).choices.layers
    plain = [replace(layer, plain=True) for layer in layers]
    found = choices_within(plain, keep, "bits", partial(DenseLayer.candidates, reorder=False), progress=False)
    new = copy.deepcopy(network)
    for layer, candidate in zip(found.layers, found.candidates, strict=True):
        if candidate.family != "keep":
            new[int(layer.name)] = to_torch(candidate.substitute.product).float()
    return new, said(found)


def pruned(network: nn.Sequential, keep: float, data: Data) -> Changed:
    """Return the network with that share of its weights, the largest ones; the others stay zero in tuning."""
    new = copy.deepcopy(network)
    layers = [part for part in new.modules() if isinstance(part, nn.Conv2d)]
    whole = sum(part.weight.numel() for part in layers)
    surplus = whole - int(keep * whole)
    prune.global_unstructured([(part, "weight") for part in layers], prune.L1Unstructured, amount=surplus)
    return new, ""


def from_scratch(network: nn.Sequential, keep: float, data: Data) -> Changed:
    """Return products of factors in place of the layers, with fresh weights everywhere."""
    found = rewrite(network, keep, architecture_only=True, progress=False)
    return found.model, said(found.choices)


CHANGES: dict[str, Callable[[nn.Sequential, float, Data], Changed]] = {
    ORIGINAL: lambda network, keep, data: (copy.deepcopy(network), ""),
    "rewritten": rewritten,
    "low rank": of_low_rank,
    "pruned": pruned,
    "products from scratch": from_scratch,
}


def weights(network: nn.Module) -> int:
    """Return the weights of all convolutions that are not zero."""
    return sum(
        int(torch.count_nonzero(part.weight)) for part in network.modules() if isinstance(part, (nn.Conv2d, nn.Linear))
    )


# --- one row ----------------------------------------------------------------------------------------------------------


def perform(task: Task, folder: Path) -> Row:
    """Return the row of one network, made, trained, tested and exported on one thread; without times."""
    torch.set_num_threads(1)
    with one_blas_thread():
        return _performed(task, folder)


def _performed(task: Task, folder: Path) -> Row:
    torch.manual_seed(1000 + task.seed)
    data, network = load("digits", task.seed), original(task.seed, folder)
    new, choices = CHANGES[task.method](network, task.keep, data)
    fresh_weights = task.method == "products from scratch"
    before = accuracy(alone(new), [data.test])[0]
    schedule = from_fresh_weights(TRAINED + TUNED) if fresh_weights else Schedule(TUNING_RATE, TUNED, BATCH)
    train(alone(new), [data], schedule, [100 + task.seed])
    for part in new.modules():
        if prune.is_pruned(part) and hasattr(part, "weight_orig"):
            prune.remove(part, "weight")
    return {
        "dataset": "digits",
        "budget": budget(task.keep),
        "design": task.method,
        "seed": task.seed,
        "weights": weights(new),
        "steps": TUNED,
        "choices": choices,
        "test_before": round(before, 4),
        "test": round(accuracy(alone(new), [data.test])[0], 4),
        "onnx_difference": exported(new, data, folder / task.file),
        **versions(),
        "onnxruntime": version("onnxruntime"),
    }


def exported(network: nn.Module, data: Data, path: Path) -> float:
    """Write the ONNX file; return how far its outputs are from the module's, relative to the largest of these."""
    images = data.test.inputs[:IMAGES]
    temporary = path.with_suffix(".part")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter that needs no further package is called an old one
        torch.onnx.export(network.eval(), (images,), str(temporary), dynamo=False, input_names=["images"])
    os.replace(temporary, path)
    with torch.no_grad():
        right = network(images).numpy()
    apart = np.abs(session(path).run(None, {"images": images.numpy()})[0] - right).max() / np.abs(right).max()
    if apart > 1e-3:
        raise BuildError(f"{shown(path)} computes something else than its module: {apart:.2g} of the largest output")
    return float(f"{apart:.1e}")


def session(path: Path) -> Any:
    """Return a file ready to run on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


# --- the run ----------------------------------------------------------------------------------------------------------


def run(seeds: Sequence[int], folder: Path, workers: int) -> list[Row]:
    """Return the rows of all networks, made in parallel and timed one after the other."""
    plan, stored = tasks(seeds), folder / "rows.csv"
    known = still_valid(read(stored), {task.key: TUNED for task in plan}, versions())
    found = {task.key: known[task.key] for task in plan if task.key in known and (folder / task.file).exists()}
    for stage in (plan[: len(seeds)], plan[len(seeds) :]):
        todo = [task for task in stage if task.key not in found]
        for row in in_parallel(todo, folder, workers):
            found[key(row)] = row
            write(stored, list(found.values()))
    ordered = [found[task.key] for task in plan]
    return with_times(ordered, [folder / task.file for task in plan])


def in_parallel(todo: Sequence[Task], folder: Path, workers: int) -> Iterator[Row]:
    """Yield rows as they come, with progress and the time left."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, end_with_parent, (os.getpid(),)) as pool:
        futures = [pool.submit(perform, task, folder) for task in todo]
        try:
            for future in tqdm(as_completed(futures), total=len(futures), desc="networks", unit="network"):
                yield future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def with_times(found: Sequence[Row], paths: Sequence[Path]) -> list[Row]:
    """Return the rows with the milliseconds of a call; all networks take turns, so that what slows one slows all."""
    images = {"images": load("digits", 0).test.inputs[:IMAGES].numpy()}
    calls = [partial(session(path).run, None, images) for path in paths]
    best = np.full(len(calls), np.inf)
    for _ in tqdm(range(ROUNDS), desc="timing", unit="round"):
        best = np.minimum(best, [fastest(call, SECONDS) for call in calls])
    where = machine("onnxruntime", 1)
    told: Row = {"images": IMAGES, "processor": where["processor"], "cores": where["cores"]}
    return [row | {"milliseconds": round(float(time), 4)} | told for row, time in zip(found, best, strict=True)]


def finish(found: Sequence[Row], folder: Path, *, quick: bool) -> None:
    """Store the rows of a complete run, and say what they say."""
    write(folder / "example.csv" if quick else STORED, found)
    print(first_page(audit(read_onnx(folder / tasks(SEEDS)[0].file), keep=0.25, progress=False), top=5))
    if not quick:
        rows.cache_clear()
        print(f"\n{summary_table()}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one seed; results go to experiments/quick/example")
    parser.add_argument(
        "--workers", type=int, choices=range(1, 257), metavar="N", default=2, help="processes (default 2)"
    )
    options = parser.parse_args(arguments)
    folder = HERE / ("quick" if options.quick else "running") / "example"
    try:
        with alone_in(folder):
            finish(run(SEEDS[:1] if options.quick else SEEDS, folder, options.workers), folder, quick=options.quick)
    except (BuildError, ValueError) as error:
        sys.exit(f"example: {error}")
    print(f"results in {shown(folder / 'example.csv' if options.quick else STORED)}")
    return 0


if __name__ == "__main__":
    sys.exit(or_stopped(main))
