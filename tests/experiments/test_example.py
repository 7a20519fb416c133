"""The worked example: what each method makes of a network, and a run that goes on where it was stopped."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra experiment is not installed")
pytest.importorskip("sklearn", reason="the extra experiment is not installed")
pytest.importorskip("mnist1d", reason="the extra experiment is not installed")
pytest.importorskip("mlxtend", reason="the extra experiment is not installed")
pytest.importorskip("onnxruntime", reason="the extra experiment is not installed")

from experiments import example
from experiments.data import load


@pytest.fixture(scope="module")
def network():
    return example.fresh(0).eval()


@pytest.mark.parametrize("method", example.METHODS)
def test_methods_make_networks_of_the_size_asked_for(network, method):
    before = {name: value.clone() for name, value in network.state_dict().items()}
    new, _ = example.CHANGES[method](network, 0.25, load("digits", 0))
    first = network[0].weight.numel()  # it reads one channel, and nothing replaces it
    assert example.weights(new) - first <= 0.25 * example.weights(network)
    assert new(load("digits", 0).test.inputs[:3]).shape == (3, 10)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_low_rank_is_low_rank(network):
    new, words = example.of_low_rank(network, 0.25, load("digits", 0))
    assert {part.partition(": ")[2].partition(",")[0] for part in words.split("; ")} <= {"keep", "low rank"}
    assert all(part.groups == 1 for part in new.modules() if isinstance(part, torch.nn.Conv2d))


def test_pruned_weights_stay_zero_in_training(network):
    data = load("digits", 0)
    new, _ = example.pruned(network, 0.1, data)
    size = example.weights(new)
    example.train(example.alone(new), [data], example.Schedule(0.1, 3), [0])
    assert example.weights(new) == size == int(0.1 * example.weights(network))


def test_a_run_goes_on_where_it_was_stopped(tmp_path, monkeypatch):
    """Made by a stand-in in this process: what is there already is not made again."""
    made = []

    def perform(task, folder):
        if len(made) == 4:
            raise KeyboardInterrupt
        made.append(task)
        (folder / task.file).write_bytes(b"model")
        row = dict(zip(("dataset", "budget", "design", "seed"), task.key, strict=True))
        return row | {"steps": example.TUNED, **example.versions()}

    def one_by_one(todo, folder, workers):
        return (perform(task, folder) for task in todo)

    monkeypatch.setattr(example, "in_parallel", one_by_one)
    monkeypatch.setattr(example, "with_times", lambda found, paths: list(found))
    with pytest.raises(KeyboardInterrupt):
        example.run([0], tmp_path, 1)
    first = list(made)
    made.clear()
    with pytest.raises(KeyboardInterrupt):
        example.run([0], tmp_path, 1)
    assert not set(made) & set(first)
    assert len(first) == 4


def test_exported_files_compute_what_their_modules_do(network, tmp_path):
    data = load("digits", 0)
    assert example.exported(network, data, tmp_path / "a.onnx") < 1e-4
    found = example.session(tmp_path / "a.onnx").run(None, {"images": data.test.inputs[: example.IMAGES].numpy()})[0]
    assert found.shape == (example.IMAGES, 10)
    assert np.isfinite(found).all()
