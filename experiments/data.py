"""The two data sets, each small enough to train on in seconds: scikit-learn's digits and MNIST-1D, made procedurally here."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from mnist1d.data import get_dataset_args, make_dataset
from mnist1d.utils import ObjectView
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

__all__ = ["DATASETS", "Data", "Part", "load"]

SPLIT_SEED = 2027
"""Of the splits and of the MNIST-1D recipe. What 2026 gave served a pilot, which settled rates and gradients, and is not used."""

DATASETS = ("digits", "mnist1d")


@dataclass(frozen=True)
class Part:
    """Images or sequences, shape (n, 1, …), and their classes, shape (n,)."""

    inputs: torch.Tensor
    classes: torch.Tensor


@dataclass(frozen=True)
class Data:
    """Three parts that share no example: the first to train on, the second to choose the schedule on, the third to test on once."""

    name: str
    train: Part
    validation: Part
    test: Part

    @property
    def axes(self) -> int:
        """Spatial axes: 2 for images, 1 for sequences."""
        return int(self.test.inputs.ndim) - 2

    @property
    def window(self) -> tuple[int, int]:
        """Kernel size of every spatial convolution on these data, (height, width)."""
        return (3, 3) if self.axes == 2 else (1, 5)


@cache
def load(name: str) -> Data:
    """Return a data set by name, always split alike.

    Digits: 1,797 images of 8×8 pixels. MNIST-1D [Greydanus2020]: sequences of 40 values, made with its authors' default
    arguments except for their number and seed. Few examples to train on, so that the tasks are not solved, and many to test on,
    so that small differences can be seen.
    """
    if name == "digits":
        bunch = load_digits()
        return _split(name, bunch.images[:, None] / 8 - 1, bunch.target, train=600, validation=197)
    if name == "mnist1d":
        made = make_dataset(ObjectView(get_dataset_args(as_dict=True) | {"num_samples": 8000, "seed": SPLIT_SEED}))
        inputs = np.concatenate([made["x"], made["x_test"]])[:, None]
        return _split(name, inputs, np.concatenate([made["y"], made["y_test"]]), train=2000, validation=500)
    raise ValueError(f"name={name!r} is not a data set: use {' or '.join(map(repr, DATASETS))}")


def _split(name: str, inputs: NDArray[np.float64], classes: NDArray[np.int64], train: int, validation: int) -> Data:
    """Return a stratified split: `train` and `validation` examples, and the rest to test on."""
    rows, rest = train_test_split(np.arange(classes.size), train_size=train, random_state=SPLIT_SEED, stratify=classes)
    held, test = train_test_split(rest, train_size=validation, random_state=SPLIT_SEED, stratify=classes[rest])
    return Data(name, *(_part(inputs[part], classes[part]) for part in (rows, held, test)))


def _part(inputs: NDArray[np.float64], classes: NDArray[np.int64]) -> Part:
    return Part(torch.tensor(inputs, dtype=torch.float32), torch.tensor(classes))
