"""Train the papers' own networks on CIFAR-10 or CIFAR-100, at full scale, from a folder that you have.

    python -m experiments.paper --list                                        the networks, with their counts
    python -m experiments.paper --data FOLDER --network igc_l24m2             400 epochs, as in the paper
    python -m experiments.paper --data FOLDER --network igc_l24m2 --with depth=38 identity=true
    python -m experiments.paper --data FOLDER --network igcv2_star_c416 --epochs 2 --seed 1
    torchrun --nproc-per-node 4 -m experiments.paper --data FOLDER --network igc_l32m26     four GPUs

What it needs: PyTorch (pip install -c constraints.txt -e ".[torch]"), for the larger networks a GPU, and CIFAR in FOLDER, as
https://www.cs.toronto.edu/~kriz/cifar.html has it, Python or binary version. Pickles are read without running them.

What is counted: before the first step, PyTorch's parameters and multiply-adds must equal the library's, or nothing is trained. The
figures that the papers print stand beside them as printed, with the verdict of networks.recount.

What is kept: after each epoch the folder --out gets a checkpoint and epochs.csv. The same command goes on where it was stopped, by
Ctrl-C or worse. On the same machine the rest is the same to the last digit. Another command for the same folder is refused.

What to compare: the last epoch with the printed figure. The test images are looked at after each epoch, as by the authors, so the
lowest error of all epochs was chosen on the test images.

Sourced, from the training code that the authors of [Zhang2017] published:
  Stochastic gradient descent, Nesterov momentum 0.9, weight decay 0.0001 on all parameters, batches of 64.
  400 epochs at a rate of 0.1, divided by ten after a half, three quarters and seven eighths of them: 200, 300, 350.
  Gaussian weights of variance 2/fan-in, those of the classifier uniform within 1/sqrt(fan-in), biases 0.
  Images normalised per channel, four zeros on each side, a random window, a random mirror.
  Batch-norm with epsilon 0.00002, and running means that keep 0.99, or 0.9 in networks with shortcuts.

Not sourced:
  That [Xie2018] trains alike: no code of it was found, and its text was not read on this.
  Other networks of the zoo: they get this schedule, which is not that of their papers.
  IGCV3-D [Sun2018] on 32x32 pixels: no source of its strides could be read, so it is left out.

Done here and not there: mixed precision, and a last batch of each epoch that is smaller. With several processes, batch-norm sees
the share of a batch that its process has. Tried so far on CPUs: one process and two, float32 and bf16.
"""

from __future__ import annotations

import argparse
import ast
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from tqdm import tqdm

from experiments.checkpoints import load, refuse_others, save
from experiments.cifar import SHAPE, Cifar, batches, in_order, read_cifar
from experiments.networks import as_module, check_counts
from experiments.records import Row, write
from igc_theory.networks.description.network import Network
from igc_theory.networks.printed.recount import Recount, recount
from igc_theory.networks.zoo.catalogue import network, network_names
from tools.files import BuildError, shown
from tools.processes import alone_in, or_stopped

HERE = Path(__file__).resolve().parent
RATE, MOMENTUM, DECAY = 0.1, 0.9, 1e-4
DROPS = ((1, 2), (3, 4), (7, 8))
"""Shares of the epochs after which the rate is divided by ten."""

TABLES = ("igcv1-table7", "igcv2-table7")
"""Printed tables of networks on CIFAR."""

PRECISIONS = {"float32": None, "bf16": torch.bfloat16, "fp16": torch.float16}


class Place(NamedTuple):
    """Where a process computes: its device, its number among the processes, and how many there are."""

    device: torch.device
    rank: int = 0
    processes: int = 1

    @property
    def leads(self) -> bool:
        """Whether it is the one that writes."""
        return self.rank == 0


@dataclass(frozen=True)
class Setting:
    """All that the result of a run depends on: a checkpoint goes on under exactly these."""

    network: str
    dataset: str
    images: str
    epochs: int
    batch: int
    seed: int
    precision: str
    device: str
    processes: int
    torch: str = field(default_factory=lambda: str(torch.__version__))

    def rate(self, epoch: int) -> float:
        """Return the learning rate of an epoch, counted from 0."""
        passed = sum(epoch >= self.epochs * share // whole for share, whole in DROPS)
        return float(RATE / 10**passed)


@dataclass
class Training:
    """A network in training: what changes from step to step, and the rows of the epochs that are done."""

    network: nn.Module
    optimiser: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    rows: list[Row]

    def state(self, setting: Setting) -> dict[str, Any]:
        """Return all that a checkpoint keeps."""
        cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
        return {
            "setting": asdict(setting),
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "scaler": self.scaler.state_dict(),
            "generators": {"cpu": torch.get_rng_state(), "cuda": cuda},
            "rows": self.rows,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what a checkpoint keeps."""
        self.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.scaler.load_state_dict(state["scaler"])
        torch.set_rng_state(state["generators"]["cpu"])
        if state["generators"]["cuda"]:
            torch.cuda.set_rng_state_all(state["generators"]["cuda"])
        self.rows = state["rows"]


# --- the network ----------------------------------------------------------------------------------------------------


def begun(net: Network, setting: Setting, device: torch.device) -> Training:
    """Return a network with the authors' initial values, counted, and its optimiser; the seed decides."""
    torch.manual_seed(setting.seed)
    module = as_module(net)
    check_counts(module, net)
    plain = all(len(block.branches) == 1 for block in net.blocks)
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.kaiming_normal_(part.weight, mode="fan_in", nonlinearity="relu")
        elif isinstance(part, nn.Linear):
            bound = part.in_features**-0.5
            nn.init.uniform_(part.weight, -bound, bound)
        elif isinstance(part, nn.BatchNorm2d):
            part.eps, part.momentum = 2e-5, 0.01 if plain else 0.1
        if isinstance(part, (nn.Conv2d, nn.Linear)) and part.bias is not None:
            nn.init.zeros_(part.bias)
    module.to(device)
    optimiser = torch.optim.SGD(module.parameters(), RATE, momentum=MOMENTUM, weight_decay=DECAY, nesterov=True)
    scaler = torch.amp.GradScaler(device.type, enabled=setting.precision == "fp16")
    return Training(module, optimiser, scaler, [])


def printed(net: Network) -> list[Recount]:
    """Return the printed figures of a network, whatever its number of classes."""
    figures = [figure for table in TABLES for figure in recount(table)]
    return [figure for figure in figures if figure.network is not None and figure.network.nodes[:-1] == net.nodes[:-1]]


def introduction(net: Network, setting: Setting) -> str:
    """Return what is to be known before training: counts, printed figures, schedule."""
    drops = ", ".join(str(setting.epochs * share // whole) for share, whole in DROPS)
    lines = [
        f"{net.name} on {setting.dataset}: {net.source}",
        f"  counted  {net.parameters:,} parameters, {net.multiply_adds:,} multiply-adds an image: by PyTorch and by the library",
        *(f"  printed  {figure.printed} million {figure.quantity} ({figure.table}): {figure.verdict}" for figure in printed(net)),
        f"  training {setting.epochs} epochs, batches of {setting.batch}, rate {RATE} divided by 10 after {drops}; "
        f"{setting.precision} on {setting.processes} {setting.device}",
    ]  # fmt: skip
    if not printed(net):
        lines.insert(2, f"  printed  nothing in {' or '.join(TABLES)}")
    return "\n".join(lines)


# --- training -------------------------------------------------------------------------------------------------------


def train(training: Training, data: Cifar, setting: Setting, place: Place, folder: Path, workers: int = 0) -> None:
    """Train to the last epoch, from the checkpoint in `folder` if there is one."""
    path = folder / "checkpoint.pt"
    state = load(path)
    if state is not None:
        refuse_others(path, state["setting"], asdict(setting))
        training.restore(state)
    done = len(training.rows)
    steps = -(-len(data.train.classes) // setting.batch)
    if done and place.leads:
        write(folder / "epochs.csv", training.rows)  # the run may have been stopped between the two files
    parallel = training.network
    if place.processes > 1:
        parallel = DistributedDataParallel(parallel, [place.device] if place.device.type == "cuda" else None)
    with tqdm(total=setting.epochs * steps, initial=done * steps, unit="step", disable=not place.leads) as bar:
        for epoch in range(done, setting.epochs):
            bar.set_description(f"epoch {epoch + 1}")
            loader = batches(data, batch=setting.batch, seed=setting.seed, epoch=epoch, rank=place.rank,
                             processes=place.processes, workers=workers)  # fmt: skip
            learned = _epoch(parallel, training, loader, setting, epoch, place, bar)
            if place.leads:
                _record(training, data, setting, epoch, learned, place.device, folder)
                bar.set_postfix(test_error=f"{training.rows[-1]['test_error_percent']:.2f} %")


def _epoch(
    parallel: nn.Module, training: Training, loader: Any, setting: Setting, epoch: int, place: Place, bar: Any
) -> tuple[float, float]:
    """Train for one epoch; return mean loss and error in per cent over the images as they were seen."""
    for group in training.optimiser.param_groups:
        group["lr"] = setting.rate(epoch)
    parallel.train()
    sums = torch.zeros(3, dtype=torch.float64, device=place.device)
    for x, classes in loader:
        x, classes = x.to(place.device, non_blocking=True), classes.to(place.device, non_blocking=True)
        training.optimiser.zero_grad(set_to_none=True)
        with _precision(setting, place.device):
            scores = parallel(x)
            loss = nn.functional.cross_entropy(scores, classes)
        training.scaler.scale(loss).backward()
        training.scaler.step(training.optimiser)
        training.scaler.update()
        sums += _sums(loss.detach(), scores.detach(), classes)
        bar.update()
    if place.processes > 1:
        torch.distributed.all_reduce(sums)
    return _means(sums)


def _record(
    training: Training, data: Cifar, setting: Setting, epoch: int, learned: tuple[float, float], device: torch.device,
    folder: Path,
) -> None:  # fmt: skip
    """Test the network, add the row of an epoch, and write checkpoint and rows, in this order."""
    if not learned[0] < float("inf"):
        raise ValueError(
            f"the loss of epoch {epoch + 1} is {learned[0]}: the run diverged; the checkpoint is that of the epoch before"
        )
    tested = evaluated(training.network, data, setting, device)
    row: Row = {"network": setting.network, "dataset": setting.dataset, "seed": setting.seed, "epoch": epoch + 1,
                "rate": setting.rate(epoch), "train_loss": learned[0], "train_error_percent": learned[1],
                "test_loss": tested[0], "test_error_percent": tested[1], "train_images": len(data.train.classes),
                "test_images": len(data.test.classes), "precision": setting.precision,
                "processes": setting.processes, "torch": setting.torch}  # fmt: skip
    training.rows.append(row)
    save(folder / "checkpoint.pt", training.state(setting))
    write(folder / "epochs.csv", training.rows)


def evaluated(module: nn.Module, data: Cifar, setting: Setting, device: torch.device) -> tuple[float, float]:
    """Return mean loss and error in per cent on the test images."""
    module.eval()
    sums = torch.zeros(3, dtype=torch.float64, device=device)
    with torch.no_grad():
        for x, classes in in_order(data):
            x, classes = x.to(device), classes.to(device)
            with _precision(setting, device):
                scores = module(x)
                loss = nn.functional.cross_entropy(scores, classes)
            sums += _sums(loss, scores, classes)
    return _means(sums)


def _precision(setting: Setting, device: torch.device) -> Any:
    """Return the context in which operators choose their precision."""
    kind = PRECISIONS[setting.precision]
    return nullcontext() if kind is None else torch.autocast(device.type, kind)


def _sums(loss: torch.Tensor, scores: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    """Return the sum of the losses, the number of errors and the number of images of a batch."""
    n = classes.numel()
    return torch.stack([loss.double() * n, (scores.argmax(1) != classes).sum().double(), loss.new_tensor(n).double()])


def _means(sums: torch.Tensor) -> tuple[float, float]:
    loss, errors, images = sums.tolist()
    return loss / images, 100 * errors / images


# --- the command ----------------------------------------------------------------------------------------------------


@contextmanager
def processes(device: str) -> Iterator[Place]:
    """Yield where this process computes; torchrun says in the environment how many there are."""
    kind = device if device != "auto" else "cuda" if torch.cuda.is_available() else "cpu"
    rank, count, local = (int(os.environ.get(name, default)) for name, default in
                          (("RANK", "0"), ("WORLD_SIZE", "1"), ("LOCAL_RANK", "0")))  # fmt: skip
    if kind == "cuda" and local >= torch.cuda.device_count():
        raise BuildError(
            f"--device cuda: there are {torch.cuda.device_count()} GPUs here, not {local + 1}: use as many"
        )
    place = Place(torch.device(f"cuda:{local}" if kind == "cuda" else "cpu"), rank, count)
    if kind == "cuda":
        torch.cuda.set_device(place.device)
    if count == 1:
        yield place
        return
    torch.distributed.init_process_group("nccl" if kind == "cuda" else "gloo")
    try:
        yield place
        torch.distributed.barrier()
    finally:
        torch.distributed.destroy_process_group()


def repeatable() -> None:
    """Let PyTorch choose algorithms that give the same numbers in every run, where it has one; it warns where not."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.backends.cudnn.benchmark = False
    torch.use_deterministic_algorithms(True, warn_only=True)


def parameters_of(words: Sequence[str]) -> dict[str, Any]:
    """Return the parameters that --with gives, as Python values; lower-case true and false are meant as Python's."""
    found: dict[str, Any] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name or name in found:
            raise ValueError(f"--with {word}: say NAME=VALUE, each name once, such as depth=38 or identity=true")
        try:
            found[name] = ast.literal_eval({"true": "True", "false": "False"}.get(value, value))
        except (SyntaxError, ValueError):
            found[name] = value
    if "classes" in found:
        raise ValueError("--with classes: the data decide how many there are; leave it out")
    return found


def table() -> str:
    """Return the networks for images of 32×32 pixels, with their counts."""
    lines = []
    for name in network_names():
        net = network(name)
        if net.input_shape == SHAPE:
            lines.append(
                f"{name:<26}{net.parameters:>12,} parameters {net.multiply_adds:>15,} multiply-adds  {net.source}"
            )
    return "\n".join(
        [*lines, "with 10 classes; those with L, M, width, depth, identity and more take them after --with"]
    )


def parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    found = argparse.ArgumentParser(
        prog="python -m experiments.paper", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    _add_what(found.add_argument)
    _add_how(found.add_argument)
    return found


def _add_what(add: Callable[..., Any]) -> None:
    """Add the options that say what is trained."""
    add("--list", action="store_true", help="show the networks and stop")
    add("--data", type=Path, metavar="FOLDER", help="where CIFAR is")
    add("--dataset", choices=("cifar10", "cifar100"), help="which of the two, where FOLDER has both")
    add("--network", metavar="NAME", help="one of --list")
    add("--with", nargs="+", default=[], dest="parameters", metavar="NAME=VALUE",
        help="parameters of the network: depth=38 identity=true")  # fmt: skip
    add("--epochs", type=_positive, default=400, metavar="N",
        help="default 400; the rate falls at the same shares of them")  # fmt: skip
    add(
        "--batch",
        type=_positive,
        default=64,
        metavar="N",
        help="images per step, of all processes together (default 64)",
    )
    add("--seed", type=_whole, default=0, metavar="N", help="of initial weights, order and augmentation (default 0)")
    add("--any-size", action="store_true", help="take other numbers of images than CIFAR's: made-up data, for a trial")


def _add_how(add: Callable[..., Any]) -> None:
    """Add the options that say where and in which precision."""
    add("--precision", choices=("auto", *PRECISIONS), default="auto",
        help="of activations; weights are float32 (auto: bf16 on GPUs that have it, fp16 on others, float32 on CPUs)")  # fmt: skip
    add("--device", choices=("auto", "cuda", "cpu"), default="auto", help="default: a GPU if there is one")
    add("--workers", type=_whole, default=2, metavar="N",
        help="processes that prepare batches, per GPU (default 2; 0: none)")  # fmt: skip
    add("--out", type=Path, metavar="FOLDER",
        help="checkpoint and rows (default: experiments/running/paper/ and the run's name)")  # fmt: skip


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is below 1")
    return value


def _whole(text: str) -> int:
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{value} is below 0")
    return value


def setting_of(options: argparse.Namespace, net: Network, data: Cifar, place: Place) -> Setting:
    """Return the setting that a command line means; ValueError where it cannot be meant."""
    kind, precision = place.device.type, options.precision
    if precision == "auto":
        precision = "float32" if kind == "cpu" else "bf16" if torch.cuda.is_bf16_supported() else "fp16"
    if kind == "cpu" and precision == "fp16":
        raise ValueError("--precision fp16 needs a GPU: use bf16 or float32 on a CPU")
    if options.batch % place.processes:
        raise ValueError(f"--batch {options.batch} cannot be shared by {place.processes} processes: use a multiple")
    return Setting(net.name, data.name, data.fingerprint, options.epochs, options.batch, options.seed, precision,
                   kind, place.processes)  # fmt: skip


def chosen_network(options: argparse.Namespace, classes: int) -> Network:
    """Return the network that is asked for; ValueError if it reads other images than CIFAR's."""
    net = network(options.network, **parameters_of(options.parameters), classes=classes)
    if net.input_shape != SHAPE:
        raise ValueError(
            f"--network {options.network} reads images of {net.input_shape}, not {SHAPE}: use one of --list"
        )
    return net


def run(options: argparse.Namespace) -> None:
    """Do what a command line says, in this process."""
    with processes(options.device) as place:
        data = read_cifar(options.data, options.dataset, any_size=options.any_size)
        net = chosen_network(options, data.classes)
        setting = setting_of(options, net, data, place)
        name = re.sub(r"[^\w.=]+", "-", f"{net.name} {setting.dataset} seed{setting.seed}")
        folder = (options.out or HERE / "running" / "paper" / name).resolve()
        with alone_in(folder) if place.leads else nullcontext():
            training = begun(net, setting, place.device)
            if place.leads:
                print(introduction(net, setting), flush=True)
            train(training, data, setting, place, folder, options.workers)
        if place.leads:
            last = training.rows[-1]
            print(f"{net.name}: {last['test_error_percent']:.2f} % of {last['test_images']:,} test images wrong after epoch "
                  f"{last['epoch']}; rows in {shown(folder / 'epochs.csv')}")  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit status."""
    options = parser().parse_args(arguments)
    if options.list:
        print(table())
        return 0
    if options.data is None or options.network is None:
        parser().error("--data FOLDER and --network NAME are needed; --help explains, --list names the networks")
    repeatable()
    try:
        run(options)
    except (BuildError, ValueError, TypeError) as error:
        sys.exit(f"paper: {error}")
    return 0


if __name__ == "__main__":
    sys.exit(or_stopped(main))
