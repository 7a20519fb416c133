"""Training the papers' networks: interrupted and resumed it is the same run; what cannot be meant is refused."""

import csv
import re
from argparse import Namespace
from math import sqrt

import pytest

torch = pytest.importorskip("torch", reason="the extra experiment is not installed")

from torch import nn

from experiments import paper
from experiments.checkpoints import load, save
from experiments.paper import Place, Setting, begun, introduction, main, parameters_of, printed
from igc_theory.networks import network
from tests.experiments.made_cifar import write_cifar10
from tools.files import BuildError

torch.set_num_threads(1)

TINY = ("--network", "igc", "--with", "L=2", "M=1", "depth=5")


@pytest.fixture(autouse=True)
def _settings_are_put_back(monkeypatch):
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    yield
    torch.use_deterministic_algorithms(False)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cifar")
    write_cifar10(folder, n=16)
    return folder


def command(data, out, *more):
    """Train for two epochs of five steps on made-up images."""
    return main(
        ["--data", str(data), *TINY, "--epochs", "2", "--batch", "16", "--workers", "0", "--device", "cpu",
         "--any-size", "--out", str(out), *more]
    )  # fmt: skip


@pytest.fixture(scope="module")
def whole(data, tmp_path_factory):
    """A run that nothing interrupts."""
    folder = tmp_path_factory.mktemp("whole")
    assert command(data, folder) == 0
    return folder


def rows(folder):
    with open(folder / "epochs.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def same(a, b):
    """Whether two nested states are equal to the last bit."""
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


@pytest.mark.parametrize("stop", [3, 8])
def test_a_run_stopped_in_an_epoch_and_resumed_is_the_same_to_the_last_digit(data, whole, tmp_path, monkeypatch, stop):
    done = []

    def step(self, *args, real=torch.optim.SGD.step, **options):
        done.append(1)
        if len(done) == stop:
            raise KeyboardInterrupt
        return real(self, *args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(torch.optim.SGD, "step", step)
        with pytest.raises(KeyboardInterrupt):
            command(data, tmp_path)
    assert (tmp_path / "checkpoint.pt").exists() == (stop > 5)
    torch.manual_seed(987)  # another process would have another state
    assert command(data, tmp_path) == 0
    assert (tmp_path / "epochs.csv").read_bytes() == (whole / "epochs.csv").read_bytes()
    assert same(load(tmp_path / "checkpoint.pt"), load(whole / "checkpoint.pt"))


def test_another_seed_is_another_run(data, whole, tmp_path):
    assert command(data, tmp_path, "--seed", "1") == 0
    assert rows(tmp_path)[0]["train_loss"] != rows(whole)[0]["train_loss"]


def test_rows_say_what_was_run(whole):
    found = rows(whole)
    assert [row["epoch"] for row in found] == ["1", "2"]
    assert [float(row["rate"]) for row in found] == [0.1, 0.1 / 1000]
    assert {(row["train_images"], row["test_images"], row["precision"]) for row in found} == {("80", "16", "float32")}
    assert {row["network"] for row in found} == {"igc(L=2, M=1, depth=5, classes=10)"}


def test_a_finished_run_is_not_run_again(data, whole, monkeypatch, capsys):
    monkeypatch.setattr(torch.optim.SGD, "step", None)
    before = (whole / "checkpoint.pt").read_bytes()
    (whole / "epochs.csv").unlink()
    assert command(data, whole) == 0
    assert re.search(r"\d % of 16 test images wrong after epoch 2; rows in", capsys.readouterr().out)
    assert (whole / "checkpoint.pt").read_bytes() == before
    assert len(rows(whole)) == 2


@pytest.mark.parametrize(("option", "value", "said"), [
    ("--seed", "3", "seed 0 there, 3 here"), ("--epochs", "5", "epochs 2 there, 5 here"), ("--batch", "8", "batch 16 there"),
    ("--precision", "bf16", "precision float32 there, bf16 here"), ("--with", "L=2", "network igc"),
])  # fmt: skip
def test_another_command_for_the_folder_is_refused(data, whole, option, value, said):
    with pytest.raises(
        SystemExit, match=rf"checkpoint.pt belongs to another run \(.*{said}.*another folder with --out"
    ):
        command(data, whole, *(("--with", "L=2", "M=2", "depth=5") if option == "--with" else (option, value)))


def test_other_images_are_refused(data, whole, tmp_path):
    write_cifar10(tmp_path, n=16, seed=5)
    with pytest.raises(SystemExit, match=r"belongs to another run.*images "):
        command(tmp_path, whole)


@pytest.mark.parametrize("place", [0, 30, 60, -1])
def test_a_torn_checkpoint_is_refused(whole, tmp_path, place):
    path = tmp_path / "checkpoint.pt"
    written = bytearray((whole / "checkpoint.pt").read_bytes())
    for size in (len(written) // 2, 40, 3, 0):
        path.write_bytes(written[:size])
        with pytest.raises(BuildError, match=r"checkpoint.pt is (torn|no checkpoint)"):
            load(path)
    written[place] ^= 1
    path.write_bytes(written)
    with pytest.raises(BuildError, match=r"checkpoint.pt is (torn, .*remove it|no checkpoint .*--out)"):
        load(path)


def test_a_torn_checkpoint_is_not_trained_over(data, tmp_path):
    (tmp_path / "checkpoint.pt").write_bytes(b"torn")
    with pytest.raises(SystemExit, match=r"paper: .*checkpoint.pt is no checkpoint"):
        command(data, tmp_path)
    assert (tmp_path / "checkpoint.pt").read_bytes() == b"torn"


def test_a_checkpoint_runs_nothing(tmp_path):
    path = tmp_path / "checkpoint.pt"
    save(path, {"rows": [print]})
    with pytest.raises(Exception, match="Weights only load failed"):
        load(path)


def test_a_run_that_diverges_stops_and_keeps_the_epoch_before(data, tmp_path, monkeypatch):
    monkeypatch.setattr(paper, "RATE", 1e30)
    with pytest.raises(SystemExit, match=r"the loss of epoch 1 is (nan|inf): the run diverged"):
        command(data, tmp_path)
    assert not (tmp_path / "checkpoint.pt").exists()


def setting(**changes):
    return Setting(**{"network": "igc", "dataset": "cifar10", "images": "", "epochs": 400, "batch": 64, "seed": 0,
                      "precision": "float32", "device": "cpu", "processes": 1} | changes)  # fmt: skip


def test_the_schedule_is_that_of_the_authors_code():
    rates = [setting().rate(epoch) for epoch in range(400)]
    assert [rates.index(rate) for rate in (0.1, 0.01, 0.001, 0.0001)] == [0, 200, 300, 350]
    assert len(set(rates)) == 4
    assert [setting(epochs=8).rate(epoch) for epoch in range(8)] == [0.1] * 4 + [0.01] * 2 + [0.001, 0.0001]


@pytest.mark.parametrize(("identity", "momentum"), [(False, 0.01), (True, 0.1)])
def test_initial_values_are_those_of_the_authors_code(identity, momentum):
    net = network("igc_l24m2", identity=identity)
    module = begun(net, setting(seed=4), torch.device("cpu")).network
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            inputs = layer.weight[0].numel()
            share = (layer.weight.square().mean() * inputs / 2).item()
            assert share == pytest.approx(1, abs=5 * sqrt(2 / layer.weight.numel()))
        if isinstance(layer, nn.BatchNorm2d):
            assert (layer.eps, layer.momentum) == (2e-5, momentum)
    assert module[-1].weight.abs().max() <= 192**-0.5
    assert not module[-1].bias.any()


def test_printed_figures_stand_beside_and_are_not_adjusted():
    found = printed(network("igc_l32m26", classes=100))
    assert [(figure.table, figure.printed) for figure in found] == [("igcv1-table7", "24.1")]
    assert printed(network("igc_l24m2")) == []
    net = network("igcv2_star_c416", classes=10)
    text = introduction(net, setting())
    assert f"{net.parameters:,} parameters" in text
    assert "printed  0.65 million parameters (igcv2-table7): " in text
    assert "divided by 10 after 200, 300, 350" in text


def test_words_become_parameters():
    assert parameters_of(["L=24", "identity=true", "widths=(1,2)", "size=A0", "width=0.5"]) == {
        "L": 24, "identity": True, "widths": (1, 2), "size": "A0", "width": 0.5,
    }  # fmt: skip
    for words in (["L"], ["=3"], ["L=1", "L=2"]):
        with pytest.raises(ValueError, match=r"--with .*: say NAME=VALUE, each name once"):
            parameters_of(words)
    with pytest.raises(ValueError, match="the data decide"):
        parameters_of(["classes=10"])


@pytest.mark.parametrize(("words", "said"), [
    (["--network", "igc_l24m3"], "name='igc_l24m3' is not known: did you mean igc_l24m2"),
    (["--network", "igcv3_d", "--with", "width=0.5"], r"igcv3_d reads images of \(3, 224, 224\), not \(3, 32, 32\)"),
    (["--network", "highway", "--with", "depth=5"], "highway.* cannot be built: .* has gates"),
    (["--network", "igc", "--with", "L=2", "depht=5"], "depht=5 is not a parameter of igc"),
    (["--precision", "fp16"], "--precision fp16 needs a GPU"),
    (["--data", "nowhere"], "--data nowhere is no folder"),
])  # fmt: skip
def test_what_cannot_be_meant_is_refused(data, tmp_path, words, said):
    with pytest.raises(SystemExit, match=f"paper: .*{said}"):
        command(data, tmp_path, *words)


def test_a_batch_that_processes_cannot_share_is_refused(data, whole):
    options = Namespace(precision="auto", batch=16, epochs=2, seed=0)
    with pytest.raises(ValueError, match="--batch 16 cannot be shared by 3 processes"):
        paper.setting_of(options, network("igc"), None, Place(torch.device("cpu"), 0, 3))


@pytest.mark.parametrize("words", [["--epochs", "0"], ["--batch", "-1"], ["--seed", "-1"], ["--workers", "x"], []])
def test_usage_is_explained(words, capsys):
    with pytest.raises(SystemExit):
        main(words)
    assert "usage: python -m experiments.paper" in capsys.readouterr().err


def test_a_second_run_in_the_folder_waits_outside(data, whole):
    with paper.alone_in(whole), pytest.raises(SystemExit, match="another run is writing to"):
        command(data, whole)


def test_help_teaches_and_the_list_names_the_papers_networks(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    text = capsys.readouterr().out
    assert all(word in text for word in ("torchrun --nproc-per-node", "200, 300, 350", "Not sourced", "cs.toronto.edu"))
    main(["--list"])
    lines = capsys.readouterr().out
    assert re.search(r"igc_l24m2 +155,962 parameters", lines)
    assert "igcv3_d" not in lines
