"""Run the experiments: train every design of every experiment, and store a row per run.

    python -m experiments.run                    all of them, in under an hour on two cores
    python -m experiments.run NAME …             only these
    python -m experiments.run --quick            one seed of each, in five minutes; the stored results stay as they are
    python -m experiments.run --list             what there is

A run that is finished is kept in experiments/running (experiments/quick) at once, so that an interrupted command goes on where it
stopped. When an experiment is complete, its rows replace experiments/NAME.csv.
"""

from __future__ import annotations

import argparse
import importlib
import multiprocessing
import os
import platform
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from tqdm import tqdm

from experiments.data import DATASETS, Data, load
from experiments.models import Design, build, weights
from experiments.records import Row, key, read, still_valid, write
from experiments.training import STEPS, Schedule, accuracy, train
from experiments.verdicts import chosen_rate
from igc_theory import __version__
from igc_theory.kernels.products.product import Product
from igc_theory.structure.paths import path_counts
from tools.files import BuildError, chosen, shown
from tools.processes import alone_in, end_with_parent, or_stopped

HERE = Path(__file__).resolve().parent
NAMES = (
    "learning_rate", "igcv1_sweep", "factor_count", "balance", "permutations", "path_counts", "inverted_residuals",
)  # fmt: skip
TOLERANCE = 1.02
"""The largest ratio of the weights of two designs of one budget."""

FIRST_SEED = 5
"""Seeds 0 to 4 were those of the pilot."""

LARGEST_GRADIENT = {"linear": float("inf"), "residual": 1.0}
"""Norm to which the gradient of a batch is cut, by family: without it three in forty runs of residual blocks diverged."""


class Task(NamedTuple):
    """One run."""

    experiment: str
    dataset: str
    budget: str
    design: str
    seed: int


def tasks(experiment: str, seeds: int | None = None) -> Iterator[Task]:
    """Yield the runs of an experiment, one seed after the other, after checking that weights are equal."""
    module = importlib.import_module(f"experiments.{experiment}")
    for seed in range(FIRST_SEED, FIRST_SEED + (seeds or module.SEEDS)):
        for dataset in DATASETS:
            data = load(dataset)
            designs = module.designs(data, seed)
            check_weights(designs, data)
            yield from (Task(experiment, dataset, design.budget, design.name, seed) for design in designs)


def check_weights(designs: Sequence[Design], data: Data) -> None:
    """Raise ValueError if the designs of one budget differ in weights by more than 2 %."""
    for budget in {design.budget for design in designs}:
        counts = {design.name: weights(design, data) for design in designs if design.budget == budget}
        if max(counts.values()) > TOLERANCE * min(counts.values()):
            raise ValueError(f"{data.name}, budget {budget!r}: weights differ by more than 2 %: {counts}")


def perform(task: Task) -> Row:
    """Train and test one design; return its row."""
    torch.set_num_threads(1)
    data = load(task.dataset)
    designs = importlib.import_module(f"experiments.{task.experiment}").designs(data, task.seed)
    (design,) = (design for design in designs if (design.budget, design.name) == (task.budget, task.design))
    network, products = build(design, data, np.random.default_rng(task.seed))
    schedule = Schedule(
        design.rate or chosen_rate(task.dataset, design.family),
        STEPS[task.dataset],
        largest_gradient=LARGEST_GRADIENT[design.family],
    )
    train(network, data, schedule, task.seed)
    return {
        "dataset": task.dataset,
        "budget": task.budget,
        "role": design.role,
        "design": task.design,
        "seed": task.seed,
        **structure(design, products),
        "weights": weights(design, data),
        "rate": schedule.rate,
        "steps": schedule.steps,
        "train": round(accuracy(network, data.train), 4),
        "validation": round(accuracy(network, data.validation), 4),
        # The test split is opened once, by a run whose schedule was settled before.
        "test": round(accuracy(network, data.test), 4) if design.rate is None else "",
        **versions(),
    }


def structure(design: Design, products: Sequence[Product]) -> Row:
    """Return the width, the paths and the rank of a design.

    `connected` is the share of pairs of channels that some path joins. `evenness` is (Σn)²/(m Σn²) over the path counts n of the m
    pairs: 1 when all are equal, and the share of joined pairs when these have equally many. `effective_rank`
    is exp(−Σ p ln p), p the singular values of a block's first matrix divided by their sum [Roy2007]. All are means
    over the blocks.
    """
    counts = [path_counts(chain).astype(float) for chain in design.blocks]
    return {
        "width": design.blocks[0].in_channels,
        "factors": len(design.blocks[0].convolutions),
        "min_paths": min(int(count.min()) for count in counts),
        "max_paths": max(int(count.max()) for count in counts),
        "connected": _mean([(count > 0).mean() for count in counts]),
        "evenness": _mean([count.mean() ** 2 / (count**2).mean() for count in counts]),
        "effective_rank": _mean([_effective_rank(product.matrix()) for product in products]),
    }


def _effective_rank(matrix: np.ndarray[Any, Any]) -> float:
    values = np.linalg.svd(matrix.astype(float), compute_uv=False)
    shares = values[values > 1e-12 * values[0]] / values.sum()
    return float(np.exp(-(shares * np.log(shares)).sum()))


def _mean(values: Sequence[float]) -> float:
    return round(float(np.mean(values)), 6)


def versions() -> Row:
    """Return the versions that a result depends on."""
    packages = ("numpy", "torch", "scikit-learn", "mnist1d")
    found: Row = {"python": platform.python_version(), "igc_theory": __version__}
    return found | {name.replace("-", "_"): version(name) for name in packages}


def run(names: Sequence[str], *, quick: bool, workers: int) -> None:
    """Run experiments one after the other, each in parallel; show progress with the time left."""
    plan = {name: list(tasks(name, 1 if quick else None)) for name in names}
    folder = HERE / ("quick" if quick else "running")
    rows = {name: still_valid(read(folder / f"{name}.csv"), _steps(plan[name]), versions()) for name in names}
    todo = {name: [task for task in plan[name] if key(task._asdict()) not in rows[name]] for name in names}
    total = sum(map(len, plan.values()))
    context = multiprocessing.get_context("spawn")
    with (
        tqdm(total=total, initial=total - sum(map(len, todo.values())), unit="run", smoothing=0.05) as bar,
        ProcessPoolExecutor(workers, context, end_with_parent, (os.getpid(),)) as pool,
    ):
        for name in names:
            bar.set_description(name)
            futures = [pool.submit(perform, task) for task in todo[name]]
            try:
                for future in as_completed(futures):
                    row = future.result()
                    rows[name][key(row)] = row
                    write(folder / f"{name}.csv", list(rows[name].values()))
                    bar.update()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
            finish(name, [rows[name][key(task._asdict())] for task in plan[name]], folder, quick=quick)


def _steps(plan: Sequence[Task]) -> dict[tuple[str, ...], int]:
    """Return the steps of training of each run that is planned, by what tells its row apart."""
    return {key(task._asdict()): STEPS[task.dataset] for task in plan}


def finish(name: str, rows: Sequence[Row], folder: Path, *, quick: bool) -> None:
    """Store the rows of a complete experiment in order; a quick one stays where it is."""
    write((folder if quick else HERE) / f"{name}.csv", rows)
    if not quick:
        (folder / f"{name}.csv").unlink(missing_ok=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="experiments; all of them when none is given")
    parser.add_argument("--quick", action="store_true", help="one seed of each; results go to experiments/quick")
    parser.add_argument(
        "--workers",
        type=int,
        choices=range(1, 257),
        metavar="N",
        default=2,
        help="processes of one thread each (default 2)",
    )
    parser.add_argument("--list", action="store_true", help="name the experiments and stop")
    options = parser.parse_args(arguments)
    try:
        names = chosen("experiment", NAMES, options.names)
        if options.list:
            for name in names:
                print(f"{name:<20} {(importlib.import_module(f'experiments.{name}').__doc__ or '').strip()}")
            return 0
        if options.quick and not options.names:
            names.remove("learning_rate")  # a quick run trains at the rates that are stored
        with alone_in(HERE / ("quick" if options.quick else "running")):
            run(names, quick=options.quick, workers=options.workers)
    except (BuildError, ValueError) as error:
        sys.exit(f"experiments: {error}")
    print(f"results in {shown(HERE / 'quick' if options.quick else HERE)}/*.csv")
    return 0


if __name__ == "__main__":
    sys.exit(or_stopped(main))
