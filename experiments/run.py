"""Run the experiments: train every design of every experiment, and store a row per run. experiments/PLAN.md says why which.

    python -m experiments.run                    all of them, in about two hours on two cores
    python -m experiments.run NAME …             only these
    python -m experiments.run --quick            one seed of each, in five minutes; the stored results stay as they are
    python -m experiments.run --list             what there is
    python -m experiments.run --again 20         train 20 stored runs again, drawn at random, and compare all digits

A run that is finished is kept in experiments/running (experiments/quick) at once, so that an interrupted command goes on where it
stopped. When all are complete, their rows replace experiments/NAME.csv. Within `joblib.parallel_config` the runs go to
another backend, such as Dask's.
"""

from __future__ import annotations

import argparse
import importlib
import platform
import sys
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from experiments.data import DATASETS, Data, load
from experiments.models import Design, build, weights
from experiments.records import Row, append, key, read, still_valid, write
from experiments.training import STEPS, Schedule, accuracy, train
from experiments.verdicts import chosen_rate
from igc_theory import __version__
from igc_theory.kernels.products.product import Product
from igc_theory.networks.audits.workers import as_they_come
from igc_theory.structure.paths import path_counts
from tools.files import BuildError, chosen, shown
from tools.processes import alone_in, or_stopped

HERE = Path(__file__).resolve().parent
RATES = "learning_rate"
"""The experiment whose rates all others take."""

NAMES = (
    RATES, "igcv1_sweep", "factor_count", "balance", "permutations", "path_counts", "inverted_residuals", "depth", "xception",
    "factorizations",
)  # fmt: skip
TOLERANCE = 1.02
"""The largest ratio of the weights of two designs of one budget."""

FIRST_SEED = 200
"""Smaller ones served a pilot, two runs that left too many claims undecided, and trials of speed."""


TOGETHER = 8
"""Runs of one design that are trained side by side."""


class Task(NamedTuple):
    """Runs of one design, of several seeds."""

    experiment: str
    dataset: str
    budget: str
    design: str
    seeds: tuple[int, ...]


def tasks(experiment: str, seeds: int | None = None) -> Iterator[Task]:
    """Yield the runs of an experiment, some seeds after the others, after checking that weights are equal."""
    module = importlib.import_module(f"experiments.{experiment}")
    first, number = getattr(module, "FIRST_SEED", FIRST_SEED), seeds or module.SEEDS
    for start in range(first, first + number, TOGETHER):
        some = tuple(range(start, min(start + TOGETHER, first + number)))
        for dataset in DATASETS:
            data = load(dataset, first)
            designs = module.designs(data, start)
            check_weights(designs, data)
            yield from (Task(experiment, dataset, design.budget, design.name, some) for design in designs)


def check_weights(designs: Sequence[Design], data: Data) -> None:
    """Raise ValueError if the designs of one budget differ in weights by more than 2 %."""
    for budget in {design.budget for design in designs}:
        counts = {design.name: weights(design, data) for design in designs if design.budget == budget}
        if max(counts.values()) > TOLERANCE * min(counts.values()):
            raise ValueError(f"{data.name}, budget {budget!r}: weights differ by more than 2 %: {counts}")


def perform(task: Task) -> list[Row]:
    """Train and test one design; return a row per seed."""
    torch.set_num_threads(1)
    data = [load(task.dataset, seed) for seed in task.seeds]
    module = importlib.import_module(f"experiments.{task.experiment}")
    designs = [
        next(
            design
            for design in module.designs(data[0], seed)
            if (design.budget, design.name) == (task.budget, task.design)
        )
        for seed in task.seeds
    ]
    networks = build(designs, data[0], [np.random.default_rng(seed) for seed in task.seeds])
    rate = designs[0].rate or chosen_rate(task.dataset, designs[0].family)
    schedule = Schedule(rate, STEPS[task.dataset])
    train(networks.module, data, schedule, task.seeds)
    found = {
        name: accuracy(networks.module, [getattr(part, name) for part in data]) for name in ("train", "validation")
    }
    # The test split is opened once, by runs whose schedule was settled before.
    tested = accuracy(networks.module, [part.test for part in data]) if designs[0].rate is None else None
    return [
        {
            "dataset": task.dataset,
            "budget": task.budget,
            "role": design.role,
            "design": task.design,
            "seed": seed,
            **structure(design, networks.products[k]),
            "weights": weights(design, data[0]),
            "rate": schedule.rate,
            "steps": schedule.steps,
            **{name: round(values[k], 4) for name, values in found.items()},
            "test": round(tested[k], 4) if tested else "",
            **versions(),
        }
        for k, (seed, design) in enumerate(zip(task.seeds, designs, strict=True))
    ]


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
    packages = ("numpy", "torch", "scikit-learn", "mnist1d", "mlxtend")
    found: Row = {"python": platform.python_version(), "igc_theory": __version__}
    return found | {name.replace("-", "_"): version(name) for name in packages}


def run(names: Sequence[str], *, quick: bool, workers: int) -> None:
    """Run experiments, the learning rates first and of the others one seed after the other; show progress with the time left."""
    stages = [[name for name in names if name == RATES], [name for name in names if name != RATES]]
    folder = HERE / ("quick" if quick else "running")
    for stage in filter(None, stages):
        _run_stage(stage, folder, quick=quick, workers=workers)
    if not quick:  # not before: a run that is stopped in its last stage must find those of the first
        for name in names:
            (folder / f"{name}.csv").unlink(missing_ok=True)


def _run_stage(names: Sequence[str], folder: Path, *, quick: bool, workers: int) -> None:
    plan = {name: list(tasks(name, 1 if quick else None)) for name in names}
    rows = {name: still_valid(read(folder / f"{name}.csv"), _steps(plan[name]), versions()) for name in names}
    for name in names:
        write(folder / f"{name}.csv", list(rows[name].values()))
    todo = [task for name in names for task in plan[name] if not rows[name].keys() >= {*keys(task)}]
    todo.sort(key=lambda task: task.seeds)
    calls = [(task,) for task in todo]
    results = as_they_come(perform, calls, workers=workers, progress=True, what="experiments", unit="design")
    for done, (k, found) in enumerate(results, 1):
        rows[todo[k].experiment] |= {key(row): row for row in found}
        append(folder / f"{todo[k].experiment}.csv", found)
        if not sys.stderr.isatty():  # where there is no progress bar
            print(f"{done} of {len(todo)} designs: {', '.join(todo[k][:4])}", flush=True)
    for name in names:  # in the order of the plan; a quick run leaves the stored results alone
        complete = [rows[name][each] for task in plan[name] for each in keys(task)]
        write((folder if quick else HERE) / f"{name}.csv", complete)


def keys(task: Task) -> list[tuple[str, ...]]:
    """Return what tells the rows of a task apart."""
    return [key({**task._asdict(), "seed": seed}) for seed in task.seeds]


def _steps(plan: Sequence[Task]) -> dict[tuple[str, ...], int]:
    """Return the steps of training of each run that is planned, by what tells its row apart."""
    return {each: STEPS[task.dataset] for task in plan for each in keys(task)}


def differences(number: int, rng: np.random.Generator) -> list[str]:
    """Train stored runs again, drawn at random from all; return a line for each that comes out otherwise in any digit."""
    plan = [task for name in NAMES for task in tasks(name)]
    rows = {name: {key(row): row for row in read(HERE / f"{name}.csv")} for name in NAMES}
    lines = []
    for k, place in zip(rng.choice(len(plan), number), rng.integers(TOGETHER, size=number), strict=True):
        task = plan[k]
        row = perform(task)[place % len(task.seeds)]
        stored = rows[task.experiment].get(key(row), {})
        other = [
            f"{column} was {stored.get(column)}, is {row[column]}"
            for column in row
            if str(row[column]) != stored.get(column)
        ]
        print(f"{', '.join(task[:4])}, seed {row['seed']}: {'; '.join(other) or 'the same'}", flush=True)
        lines += other
    return lines


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
    parser.add_argument(
        "--again", type=int, metavar="N", help="train N stored runs again; exit status 1 if a digit differs"
    )
    parser.add_argument("--list", action="store_true", help="name the experiments and stop")
    options = parser.parse_args(arguments)
    try:
        names = chosen("experiment", NAMES, options.names)
        if options.list:
            for name in names:
                print(f"{name:<20} {(importlib.import_module(f'experiments.{name}').__doc__ or '').strip()}")
            return 0
        if options.again:
            lines = differences(options.again, np.random.default_rng())
            print(f"{len(lines)} values differ" if lines else "all digits agree")
            return int(bool(lines))
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
