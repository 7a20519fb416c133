"""What takes too long for a test: every network counted, and a run that is killed, goes on, and is shared by two processes.

    python -m tests.experiments.full_scale counts    every network of the zoo for CIFAR; writes full_scale.csv, minutes
    python -m tests.experiments.full_scale trial     made-up images of CIFAR's shape, both formats; minutes

A trial says what it compared and ends with an error where something differs.
"""

import csv
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from experiments.checkpoints import load
from experiments.networks import as_module, check_counts
from igc_theory.networks import network, network_names
from tests.experiments.made_cifar import write_cifar10
from tools.files import ROOT

STORED = Path(__file__).with_suffix(".csv")
OPTIONS = ("--epochs", "2", "--batch", "64", "--any-size", "--device", "cpu", "--workers", "0")


def counts():
    """Build every network for CIFAR that can be built, and store what PyTorch's own counter says of it."""
    with open(STORED, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("network", "classes", "parameters", "multiply_adds", "why_not"))
        for name in network_names():
            if network(name).input_shape != (3, 32, 32):
                continue
            for classes in (10, 100):
                net = network(name, classes=classes)
                try:
                    with torch.device("meta"):
                        module = as_module(net)
                except ValueError as error:
                    writer.writerow((name, classes, "", "", str(error).partition(": ")[2].partition(" has ")[2]))
                else:
                    found = check_counts(module, net)
                    writer.writerow((name, classes, found.parameters, found.multiply_adds, ""))
                print(name, classes, flush=True)


def started(data, out, *options, processes=1):
    """Start the command in a process of its own, which torchrun starts if there are several."""
    launcher = (
        ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)] if processes > 1 else []
    )
    words = [sys.executable, *launcher, "-m", "experiments.paper", "--data", data, "--out", out, *OPTIONS, *options]
    return subprocess.Popen(
        list(map(str, words)), cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    )


def finished(data, out, *options, processes=1):
    """Run the command to its end; return its rows and what the checkpoint holds."""
    status = started(data, out, *options, processes=processes).wait()
    assert status == 0, f"ended with {status}"
    return (out / "epochs.csv").read_bytes(), load(out / "checkpoint.pt")


def stopped(data, out, sign, *options, processes=1):
    """Send a signal in the middle of the second epoch."""
    run = started(data, out, *options, processes=processes)
    while not (out / "epochs.csv").exists():
        assert run.poll() is None, "ended before the first epoch did"
        time.sleep(0.05)
    assert run.poll() is None, "ended before it was stopped: use more images"
    run.send_signal(sign)
    run.wait()
    assert len(load(out / "checkpoint.pt")["rows"]) == 1, "the second epoch was over"


def same(a, b):
    """Whether two nested states are equal to the last bit."""
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


def agree(what, one, two):
    """Say that two runs are equal to the last digit, or end."""
    assert one[0] == two[0], f"{what}: rows differ"
    assert same(one[1], two[1]), f"{what}: checkpoints differ"
    print(f"equal to the last digit: {what}", flush=True)


def trial():
    """Compare runs on made-up images: of IGC-L24M2 stopped in two ways and from both formats, of a small network the rest."""
    paper, small = ("--network", "igc_l24m2"), ("--network", "igc", "--with", "L=8", "M=1", "depth=8")
    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder)
        python, binary = top / "python", top / "binary"
        write_cifar10(python, n=80)
        write_cifar10(binary, n=80, binary=True)
        whole = finished(python, top / "whole", *paper)
        for sign in (signal.SIGINT, signal.SIGKILL):
            out = top / sign.name
            stopped(python, out, sign, *paper)
            agree(f"stopped by {sign.name} and resumed", whole, finished(python, out, *paper))
        agree("the binary version", whole, finished(binary, top / "two", *paper))
        one = finished(python, top / "small", *small)
        agree("two workers", one, finished(python, top / "workers", *small, "--workers", "2"))
        for name, options, processes in (("bf16", ("--precision", "bf16"), 1), ("two processes", (), 2)):
            kept = finished(python, top / name, *small, *options, processes=processes)
            out = top / f"{name} stopped"
            stopped(python, out, signal.SIGTERM, *small, *options, processes=processes)
            agree(f"{name}, stopped and resumed", kept, finished(python, out, *small, *options, processes=processes))
        losses = [state["rows"][0]["train_loss"] for _, state in (one, kept)]
        print(f"first epoch's loss in one process and in two, whose batch-norms see half a batch: {losses}")


if __name__ == "__main__":
    {"counts": counts, "trial": trial}[sys.argv[1]]()
