"""Runs: networks trained by stochastic gradient descent, for every design of a family alike, and tested once at the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from experiments.data import Data, Part

__all__ = ["STEPS", "Schedule", "accuracy", "train"]


@dataclass(frozen=True)
class Schedule:
    """Nesterov momentum, decay, clipped gradients; the rate rises over a tenth of the steps and falls to zero as a cosine."""

    rate: float
    steps: int
    batch: int = 32
    momentum: float = 0.9
    decay: float = 5e-4
    largest_gradient: float = 1.0


STEPS = {"digits": 150, "mnist1d": 250, "mnist": 150}
"""Batches that a run sees, by data set."""


def train(networks: nn.Module, data: Sequence[Data], schedule: Schedule, seeds: Sequence[int]) -> None:
    """Train networks side by side in place, each on its own data in the order of its own seed.

    Runs of one seed see the same batches in the same order, whatever the network. Gradients are clipped per network.
    """
    optimiser = torch.optim.SGD(
        networks.parameters(), schedule.rate, schedule.momentum, weight_decay=schedule.decay, nesterov=True, fused=True
    )
    inputs = torch.stack([part.train.inputs[:, 0] for part in data], dim=1)
    classes = torch.stack([part.train.classes for part in data], dim=1)
    orders = torch.stack([_order(len(classes), schedule, seed) for seed in seeds], dim=1)
    each = torch.arange(len(seeds))
    networks.train()
    for step, rows in enumerate(orders.split(schedule.batch)[: schedule.steps]):
        optimiser.param_groups[0]["lr"] = schedule.rate * _share(step, schedule.steps)
        optimiser.zero_grad()
        scores = networks(inputs[rows, each])
        loss = nn.functional.cross_entropy(scores.flatten(0, 1), classes[rows, each].flatten(), reduction="sum")
        (loss / len(rows)).backward()
        gradients = [weight.grad for weight in networks.parameters() if weight.grad is not None]
        _clip(gradients, len(seeds), schedule.largest_gradient)
        optimiser.step()


def _order(examples: int, schedule: Schedule, seed: int) -> torch.Tensor:
    """Return the rows of all batches, one permutation of the examples after the other."""
    rng, epochs = np.random.default_rng(seed), -(-schedule.steps * schedule.batch // examples)
    return torch.from_numpy(np.concatenate([rng.permutation(examples) for _ in range(epochs)]))


def _clip(gradients: Sequence[torch.Tensor], networks: int, largest: float) -> None:
    """Shorten the gradient of each network to the largest norm; weights of a network stand together along the first axis."""
    parts = [gradient.unflatten(0, (networks, -1)) for gradient in gradients]
    norms = torch.stack([part.flatten(1).square().sum(1) for part in parts]).sum(0).sqrt()
    shares = (largest / (norms + 1e-6)).clamp(max=1)
    for part in parts:
        part.mul_(shares.view(-1, *[1] * (part.ndim - 1)))


_AT_ONCE = 100
"""Examples that are classified together: activations of more would leave the cache."""


def accuracy(networks: nn.Module, parts: Sequence[Part]) -> list[float]:
    """Return the share of examples that each network classifies correctly, in per cent, each on its own part."""
    inputs = torch.stack([part.inputs[:, 0] for part in parts], dim=1)
    classes = torch.stack([part.classes for part in parts], dim=1)
    networks.eval()
    with torch.no_grad():
        pairs = zip(inputs.split(_AT_ONCE), classes.split(_AT_ONCE), strict=True)
        right = torch.cat([networks(some).argmax(2) == true for some, true in pairs]).sum(0)
    return [100 * int(number) / len(classes) for number in right]


def _share(step: int, steps: int) -> float:
    """Return the share of the peak rate at a step."""
    warm = steps / 10
    return float(min((step + 1) / warm, (1 + np.cos(np.pi * step / steps)) / 2))
