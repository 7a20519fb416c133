"""The experiments: equal weights, networks as counted, measures of structure, and a run that goes on where it stopped."""

import importlib
import io
import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra experiment is not installed")
pytest.importorskip("sklearn", reason="the extra experiment is not installed")
pytest.importorskip("mnist1d", reason="the extra experiment is not installed")

from experiments import run
from experiments.data import DATASETS, load
from experiments.models import Design, as_network, build, weights
from experiments.records import read, write
from experiments.training import Schedule, accuracy, train
from igc_theory.structure import grade, group, igcv1, igcv3, path_counts, regular
from tests.oracles import count_paths


def designs(experiment, dataset, seed=0):
    return importlib.import_module(f"experiments.{experiment}").designs(load(dataset), seed)


ALL = [(name, dataset) for name in run.NAMES for dataset in DATASETS]


@pytest.mark.parametrize(("experiment", "dataset"), ALL)
def test_designs_of_one_budget_have_equal_weights(experiment, dataset):
    run.check_weights(designs(experiment, dataset), load(dataset))


def test_unequal_weights_are_refused():
    found = [Design("a", "a", (regular(8, 8),)), Design("b", "b", (regular(9, 9),))]
    with pytest.raises(ValueError, match="weights differ by more than 2 %"):
        run.check_weights(found, load("digits"))


@pytest.mark.parametrize(("experiment", "dataset"), ALL)
def test_trained_weights_are_the_counted_ones(experiment, dataset):
    data = load(dataset)
    for design in designs(experiment, dataset)[:4]:
        network, _ = build(design, data, np.random.default_rng(0))
        trained = sum(weight.numel() for weight in network.parameters() if weight.ndim > 1)
        assert (
            trained
            == weights(design, data)
            == as_network(design, data).counts.convolution + weights_of_classifier(design)
        )
        assert network(data.test.inputs[:3]).shape == (3, 10)


def weights_of_classifier(design):
    return 10 * design.blocks[-1].out_channels


@pytest.mark.parametrize(("experiment", "dataset"), ALL)
def test_names_tell_designs_apart(experiment, dataset):
    names = [(design.budget, design.name) for design in designs(experiment, dataset)]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("dataset", DATASETS)
def test_parts_share_no_example(dataset):
    data = load(dataset)
    rows = [
        {tuple(example.flatten().tolist()) for example in part.inputs}
        for part in (data.train, data.validation, data.test)
    ]
    sizes = [len(part.classes) for part in (data.train, data.validation, data.test)]
    assert sum(sizes) == {"digits": 1797, "mnist1d": 8000}[dataset]
    assert len(set.union(*rows)) == sum(map(len, rows)) == sum(sizes)


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


def test_random_permutations_differ_from_seed_to_seed():
    first, second = (designs("permutations", "digits", seed)[1].blocks for seed in (0, 1))
    assert first[0] != first[1] != second[1]
    assert first == designs("permutations", "digits", 0)[1].blocks


@pytest.mark.parametrize("chain", [igcv1(3, 4), igcv3(6, 6), group(6, 6, 3)], ids=lambda chain: chain.name)
def test_structure_against_search(chain):
    design = Design("a", "a", (chain, chain))
    _, products = build(design, load("digits"), np.random.default_rng(0))
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
    data, design = load("digits"), Design("a", "a", (igcv1(4, 2),))
    schedule, found = Schedule(rate=0.2, steps=150), []
    for _ in range(2):
        network, _ = build(design, data, np.random.default_rng(0))
        before = accuracy(network, data.validation)
        train(network, data, schedule, seed=0)
        found.append(accuracy(network, data.validation))
    assert found[0] == found[1] > before + 30


def test_a_run_goes_on_where_it_stopped(tmp_path, monkeypatch):
    rows = read(run.HERE / "inverted_residuals.csv")
    missing = next(row for row in rows if row["dataset"] == "digits" and row["budget"] == "small")
    write(tmp_path / "running" / "inverted_residuals.csv", [row for row in reversed(rows) if row is not missing])
    monkeypatch.setattr(run, "HERE", tmp_path)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    performed = []
    monkeypatch.setattr(run, "ProcessPoolExecutor", lambda *_: Here(performed))
    monkeypatch.setattr(run, "chosen_rate", lambda *_: float(missing["rate"]))
    run.run(["inverted_residuals"], quick=False, workers=1)
    assert [run.key(task._asdict()) for task in performed] == [run.key(missing)]
    stored = read(tmp_path / "inverted_residuals.csv")
    assert [run.key(row) for row in stored] == [run.key(row) for row in rows]
    assert not (tmp_path / "running" / "inverted_residuals.csv").exists()


class Here:
    """A pool of processes that is none: tasks are performed at once, and remembered."""

    def __init__(self, performed):
        self.performed = performed

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def submit(self, function, task):
        from concurrent.futures import Future

        self.performed.append(task)
        future = Future()
        future.set_result(function(task))
        return future
