"""The experiments: equal weights, networks as counted, measures of structure, and a run that goes on where it stopped."""

import importlib
import os
import subprocess
import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra experiment is not installed")
pytest.importorskip("sklearn", reason="the extra experiment is not installed")
pytest.importorskip("mnist1d", reason="the extra experiment is not installed")
pytest.importorskip("mlxtend", reason="the extra experiment is not installed")

import experiments.data
from experiments import run
from experiments.data import DATASETS, TESTED, TRAINED, load
from experiments.models import Design, Through, as_network, build, weights
from experiments.records import read, write
from experiments.training import Schedule, accuracy, train
from igc_theory.kernels import random_product
from igc_theory.networks import to_torch
from igc_theory.structure import (
    Chain,
    GroupConv,
    depthwise_separable,
    grade,
    group,
    igcv1,
    igcv3,
    interleaved,
    path_counts,
    regular,
    xception,
)
from tests.oracles import count_paths


@pytest.fixture(autouse=True, scope="module")
def few_sequences():
    """Let MNIST-1D be tested on few examples here: making all of them takes half a minute."""
    before, TESTED["mnist1d"] = TESTED["mnist1d"], 500
    load.cache_clear()
    yield
    TESTED["mnist1d"] = before
    load.cache_clear()


def designs(experiment, dataset, seed=0):
    return importlib.import_module(f"experiments.{experiment}").designs(load(dataset, 0), seed)


ALL = [(name, dataset) for name in run.NAMES for dataset in DATASETS]


@pytest.mark.parametrize(("experiment", "dataset"), ALL)
def test_designs_of_one_budget_have_equal_weights(experiment, dataset):
    run.check_weights(designs(experiment, dataset), load(dataset, 0))


def test_unequal_weights_are_refused():
    found = [Design("a", "a", (regular(8, 8),)), Design("b", "b", (regular(9, 9),))]
    with pytest.raises(ValueError, match="weights differ by more than 2 %"):
        run.check_weights(found, load("digits", 0))


def networks(design, data, seeds=(0,)):
    return build([design] * len(seeds), data, [np.random.default_rng(seed) for seed in seeds])


@pytest.mark.parametrize(("experiment", "dataset"), ALL)
def test_trained_weights_are_the_counted_ones(experiment, dataset):
    data = load(dataset, 0)
    for design in designs(experiment, dataset)[:4]:
        module = networks(design, data).module
        assert sum(weight.numel() for weight in module.parameters() if weight.ndim > 2) == weights(design, data)
        counts = as_network(design, data).counts
        assert counts.linear == 10 * design.blocks[-1].out_channels
        assert module(data.test.inputs[:3]).shape == (3, 1, 10)


@pytest.mark.parametrize(("experiment", "dataset"), ALL)
def test_names_tell_designs_apart(experiment, dataset):
    names = [(design.budget, design.name) for design in designs(experiment, dataset)]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("dataset", DATASETS)
def test_parts_share_no_example(dataset):
    data = load(dataset, 0)
    rows = [
        {tuple(example.flatten().tolist()) for example in part.inputs}
        for part in (data.train, data.validation, data.test)
    ]
    sizes = [len(part.classes) for part in (data.train, data.validation, data.test)]
    assert sizes == [*TRAINED[dataset], TESTED[dataset]]
    assert len(set.union(*rows)) == sum(map(len, rows)) == sum(sizes)


@pytest.mark.parametrize("dataset", DATASETS)
def test_a_seed_draws_what_is_trained_on_and_never_what_is_tested_on(dataset):
    first, second = load(dataset, 0), load(dataset, 1)
    assert torch.equal(first.test.inputs, second.test.inputs)
    assert not torch.equal(first.train.inputs, second.train.inputs)
    load.cache_clear()
    assert torch.equal(load(dataset, 1).train.inputs, second.train.inputs)


def test_an_unknown_data_set_is_refused():
    with pytest.raises(ValueError, match="name='cifar' is not a data set: use 'digits', 'mnist1d', 'mnist'"):
        load("cifar", 0)


def test_what_is_kept_is_what_was_made(tmp_path, monkeypatch):
    monkeypatch.setattr(experiments.data, "MADE", tmp_path)
    made = np.arange(6.0).reshape(2, 3), np.array([4, 5])
    for make in (lambda: made, lambda: pytest.fail("made twice")):
        inputs, classes = experiments.data._kept("a", make)
        assert (inputs.tolist(), classes.tolist()) == (made[0].tolist(), [4, 5])


@pytest.mark.parametrize("dataset", DATASETS)
def test_roles_of_paths_are_what_they_say(dataset):
    for design in designs("path_counts", dataset):
        found = grade(design.blocks[0])
        assert found.max_paths is not None
        kind = "uneven" if found.min_paths < found.max_paths else "strict" if found.max_paths == 1 else "loose"
        assert design.role.startswith(kind), design.name
        if design.budget == "scarce" and kind != "uneven":
            assert found.kind == kind, design.name
    counts = {design.role: path_counts(design.blocks[0]) for design in designs("permutations", dataset)}
    assert counts["interleaved"].min() == 1
    assert counts["none"].min() == 0


def test_all_factorizations_are_there_and_one_of_each_number_is_balanced():
    """By hand: 1, 2, 4, 8, 16 channels per spatial branch, times the ways to write 16, 8, 4, 2, 1 as a product."""
    found = designs("factorizations", "digits")
    assert len(found) == 5 + 3 + 2 + 1 + 1
    assert all(grade(design.blocks[0]).kind == "strict" for design in found)
    balanced = {len(design.blocks[0].convolutions): design.name for design in found if design.role == "balanced"}
    assert balanced == {
        1: "C=16 K=16", 2: "C=16 K=1,16", 3: "C=16 K=1,4,4", 4: "C=16 K=1,2,2,4", 5: "C=16 K=1,2,2,2,2"
    }  # fmt: skip


def test_random_permutations_differ_from_seed_to_seed():
    first, second = (designs("permutations", "digits", seed)[1].blocks for seed in (0, 1))
    assert first[0] != first[1] != second[1]
    assert first == designs("permutations", "digits", 0)[1].blocks


CHAINS = [
    regular(6, 6), igcv1(3, 2), igcv1(6, 1), interleaved(12, [1, 3, 4]), interleaved(12, [2, 2, 3]), igcv3(6, 6), xception(6, 6),
    depthwise_separable(6, 6), Chain([GroupConv(12, 12, 6, 3), GroupConv(12, 12)], name="group, then dense"),
]  # fmt: skip


@pytest.mark.parametrize("chain", CHAINS, ids=lambda chain: chain.name)
def test_a_product_trains_as_its_factors_do(chain):
    """Activations and the gradients of all factors, beside PyTorch's own group convolutions one after the other."""
    products = [random_product(chain, np.random.default_rng(seed), np.float32) for seed in (0, 1)]
    together, apart = Through(products, 2), [to_torch(product) for product in products]
    x = torch.randn(2, 2 * chain.in_channels, 5, 5, generator=torch.Generator().manual_seed(0))
    y = [module(part) for module, part in zip(apart, x.chunk(2, dim=1), strict=True)]
    found = together(x)
    torch.testing.assert_close(found, torch.cat(y, dim=1))
    found.square().sum().backward()
    sum(part.square().sum() for part in y).backward()
    for weight, *parts in zip(together.parameters(), *(module.parameters() for module in apart), strict=True):
        expected = torch.cat([part.grad for part in parts])
        torch.testing.assert_close(weight.grad, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("dataset", "experiment", "place"),
    [("digits", "permutations", 1), ("mnist1d", "inverted_residuals", 1), ("mnist", "xception", 2)],
)
def test_networks_side_by_side_train_as_each_alone(dataset, experiment, place):
    seeds = (3, 4, 5)
    data = [load(dataset, seed) for seed in seeds]
    chosen = [designs(experiment, dataset, seed)[place] for seed in seeds]
    x = data[0].test.inputs[:20]

    def scores(some):
        found = build([chosen[k] for k in some], data[0], [np.random.default_rng(seeds[k]) for k in some]).module
        train(found, [data[k] for k in some], Schedule(0.2, 5), [seeds[k] for k in some])
        shares = accuracy(found, [data[k].validation for k in some])
        return found(x.repeat_interleave(len(some), 1)).detach(), shares

    together, shares = scores((0, 1, 2))
    for k in range(3):
        alone, (share,) = scores((k,))
        torch.testing.assert_close(together[:, k], alone[:, 0], rtol=1e-4, atol=1e-5)
        assert shares[k] == pytest.approx(share, abs=0.5)


def test_gradients_are_clipped_per_network():
    """With a largest norm of 0 nothing moves; that each network has its own norm is seen where they train as each alone."""
    data, design = load("digits", 0), Design("a", "a", (igcv1(4, 2),))
    found = networks(design, data, (0, 1)).module
    before = [weight.detach().clone() for weight in found.parameters()]
    train(found, [data, data], Schedule(0.1, 2, decay=0.0, largest_gradient=0.0), [0, 1])
    assert all(torch.equal(weight, old) for weight, old in zip(found.parameters(), before, strict=True))


@pytest.mark.parametrize("chain", [igcv1(3, 4), igcv3(6, 6), group(6, 6, 3)], ids=lambda chain: chain.name)
def test_structure_against_search(chain):
    design = Design("a", "a", (chain, chain))
    (products,) = networks(design, load("digits", 0)).products
    found, counts = run.structure(design, products), np.array(count_paths(list(chain.factors)), float)
    assert (found["width"], found["factors"]) == (chain.in_channels, len(chain.convolutions))
    assert (found["min_paths"], found["max_paths"]) == (counts.min(), counts.max())
    assert found["connected"] == pytest.approx(np.count_nonzero(counts) / counts.size, abs=1e-6)
    assert found["evenness"] == pytest.approx(1 / (1 + np.var(counts) / np.mean(counts) ** 2), abs=1e-6)
    assert 1 < found["effective_rank"] <= chain.in_channels


@pytest.mark.parametrize(("values", "rank"), [([1, 1, 1, 1], 4), ([5, 0, 0, 0], 1), ([3, 3, 0, 0], 2)])
def test_effective_rank_of_equal_singular_values_is_their_number(values, rank):
    turn = np.linalg.qr(np.random.default_rng(0).standard_normal((4, 4)))[0]
    assert run._effective_rank(turn * values @ turn.T) == pytest.approx(rank)


def test_training_is_repeatable_and_learns():
    data, design = load("digits", 0), Design("a", "a", (igcv1(4, 2),))
    schedule, found = Schedule(rate=0.2, steps=150), []
    for _ in range(2):
        module = networks(design, data, (0, 1)).module
        before = accuracy(module, [data.validation] * 2)
        train(module, [data, data], schedule, [0, 1])
        found.append(accuracy(module, [data.validation] * 2))
    assert found[0] == found[1]
    assert min(found[0]) > max(before) + 30


def test_accuracy_is_a_share_of_examples():
    """By hand: two networks that name the classes 0, 1, 0 and 1, 1, 1 of three examples."""
    part = experiments.data.Part(torch.zeros(3, 1, 1), torch.tensor([0, 1, 1]))
    named = torch.tensor([[0, 1, 0], [1, 1, 1]]).T
    assert accuracy(Names(named), [part, part]) == pytest.approx([200 / 3, 200 / 3])
    assert accuracy(Names(1 - named), [part, part]) == pytest.approx([100 / 3, 100 / 3])


class Names(torch.nn.Module):
    """A network that gives classes by their place, whatever it reads."""

    def __init__(self, classes):
        super().__init__()
        self.classes = classes

    def forward(self, x):
        return torch.nn.functional.one_hot(self.classes, 10)


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """A folder of its own, and runs that are not trained; returns what was performed."""
    monkeypatch.setattr(run, "HERE", tmp_path)
    performed = []

    def perform(task):
        performed.append(task)
        row = {"dataset": task.dataset, "budget": task.budget, "design": task.design}
        told = {"steps": run.STEPS[task.dataset], "test": 90.0, **run.versions()}
        return [row | {"seed": seed} | told for seed in task.seeds]

    monkeypatch.setattr(run, "perform", perform)
    return performed


def test_a_run_goes_on_where_it_stopped(tmp_path, stand_in):
    run.run(["inverted_residuals"], quick=False, workers=1)
    plan = [*run.tasks("inverted_residuals")]
    assert stand_in == sorted(plan, key=lambda task: task.seeds)
    rows = read(tmp_path / "inverted_residuals.csv")
    assert [run.key(row) for row in rows] == [each for task in plan for each in run.keys(task)]
    assert not (tmp_path / "running" / "inverted_residuals.csv").exists()
    stand_in.clear()
    gone = run.keys(plan[5])[2]
    write(tmp_path / "running" / "inverted_residuals.csv", [row for row in reversed(rows) if run.key(row) != gone])
    (tmp_path / "inverted_residuals.csv").unlink()
    run.run(["inverted_residuals"], quick=False, workers=1)
    assert stand_in == [plan[5]]
    assert read(tmp_path / "inverted_residuals.csv") == rows


def test_without_a_terminal_there_is_a_line_per_design(stand_in, monkeypatch, capsys):
    run.run(["inverted_residuals"], quick=True, workers=1)
    first, *_, last = lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(stand_in)
    assert first == f"1 of {len(lines)} designs: {', '.join(stand_in[0][:4])}"
    assert last.startswith(f"{len(lines)} of {len(lines)} designs: inverted_residuals, ")
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    run.run(["inverted_residuals"], quick=False, workers=1)
    assert capsys.readouterr().out == ""


def test_what_was_finished_is_kept_when_a_run_is_stopped(tmp_path, stand_in, monkeypatch):
    perform = run.perform

    def stopped(task):
        if len(stand_in) == 3:
            raise KeyboardInterrupt
        return perform(task)

    monkeypatch.setattr(run, "perform", stopped)
    with pytest.raises(KeyboardInterrupt):
        run.run(["xception"], quick=False, workers=1)
    assert len(read(tmp_path / "running" / "xception.csv")) == 3 * run.TOGETHER
    monkeypatch.setattr(run, "perform", perform)
    run.run(["xception"], quick=False, workers=1)
    assert len(stand_in) == len({*stand_in}) == len([*run.tasks("xception")])


def test_rates_are_not_trained_again_when_what_follows_is_stopped(tmp_path, stand_in, monkeypatch):
    perform, names = run.perform, [run.RATES, "xception"]

    def stopped(task):
        if task.experiment != run.RATES:
            raise KeyboardInterrupt
        return perform(task)

    monkeypatch.setattr(run, "perform", stopped)
    with pytest.raises(KeyboardInterrupt):
        run.run(names, quick=False, workers=1)
    monkeypatch.setattr(run, "perform", perform)
    run.run(names, quick=False, workers=1)
    assert len(stand_in) == len({*stand_in}) == sum(len([*run.tasks(name)]) for name in names)
    assert [path.name for path in (tmp_path / "running").iterdir()] == []


def test_runs_that_come_out_otherwise_are_named(tmp_path, stand_in, monkeypatch, capsys):
    monkeypatch.setattr(run, "NAMES", ("xception",))
    run.run(["xception"], quick=False, workers=1)
    assert run.differences(5, np.random.default_rng(0)) == []
    rows = read(tmp_path / "xception.csv")
    write(tmp_path / "xception.csv", [row | {"test": 91.0} for row in rows])
    assert run.differences(1, np.random.default_rng(0)) == ["test was 91.0, is 90.0"]
    assert "test was 91.0, is 90.0" in capsys.readouterr().out


CLUSTER = """
import sys
from itertools import islice
from pathlib import Path
import joblib
from dask.distributed import Client, LocalCluster
from experiments import run

if __name__ == "__main__":
    run.HERE = Path(sys.argv[1])
    digits = [task._replace(seeds=(1000,)) for task in islice(run.tasks("learning_rate", 1), 2)]
    run.tasks = lambda name, seeds: digits
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:
        with joblib.parallel_config(backend="dask"):
            run.run(["learning_rate"], quick=False, workers=2)
        ran = client.run(lambda: "experiments.training" in __import__("sys").modules)
    print(all(ran.values()), len(digits))
"""


def test_a_local_cluster_of_dask_takes_the_runs(tmp_path):
    pytest.importorskip("distributed", reason="the extra zoo is not installed")
    (tmp_path / "cluster.py").write_text(CLUSTER)
    command = [sys.executable, "-W", "ignore", str(tmp_path / "cluster.py"), str(tmp_path)]
    settings = os.environ | {"PYTHONPATH": os.pathsep.join(["", *sys.path])}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=settings)
    assert done.stdout.strip() == "True 2", done.stderr[-2000:]
    assert len(read(tmp_path / "learning_rate.csv")) == 2
