"""One run: a network trained by stochastic gradient descent, for every design of a family alike, and tested once at the end."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from experiments.data import Data, Part

__all__ = ["STEPS", "Schedule", "accuracy", "train"]


@dataclass(frozen=True)
class Schedule:
    """Nesterov momentum 0.9 and weight decay, the rate rising over a tenth of the steps and falling to zero as a cosine."""

    rate: float
    steps: int
    batch: int = 64
    momentum: float = 0.9
    decay: float = 5e-4
    largest_gradient: float = float("inf")


STEPS = {"digits": 300, "mnist1d": 500}
"""Batches that a run sees, by data set."""


def train(network: nn.Module, data: Data, schedule: Schedule, seed: int) -> None:
    """Train in place; runs of one seed see the same batches in the same order, whatever the network."""
    rng = np.random.default_rng(seed)
    inputs, classes = data.train.inputs, data.train.classes
    optimiser = torch.optim.SGD(
        network.parameters(), schedule.rate, momentum=schedule.momentum, weight_decay=schedule.decay, nesterov=True
    )
    rates = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _share(step, schedule.steps))
    order = np.concatenate(
        [rng.permutation(len(classes)) for _ in range(-(-schedule.steps * schedule.batch // len(classes)))]
    )
    network.train()
    for rows in torch.from_numpy(order).split(schedule.batch)[: schedule.steps]:
        optimiser.zero_grad()
        nn.functional.cross_entropy(network(inputs[rows]), classes[rows]).backward()
        if schedule.largest_gradient < float("inf"):
            nn.utils.clip_grad_norm_(network.parameters(), schedule.largest_gradient)
        optimiser.step()
        rates.step()


def accuracy(network: nn.Module, part: Part) -> float:
    """Return the share of examples classified correctly, in per cent."""
    network.eval()
    with torch.no_grad():
        return 100 * float((network(part.inputs).argmax(1) == part.classes).double().mean())


def _share(step: int, steps: int) -> float:
    """Return the share of the peak rate at a step."""
    warm = steps / 10
    return float(min((step + 1) / warm, (1 + np.cos(np.pi * step / steps)) / 2))
