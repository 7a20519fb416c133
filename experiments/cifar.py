"""CIFAR-10 and CIFAR-100 from a folder that the user has: the Python batches or the binary ones, read without running anything.

A pickle can name any function to be called while it is read. Here it may name three, the ones that build an array, and gets
stand-ins for them that take bytes.
"""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import BatchSampler, DataLoader, DistributedSampler

from tools.files import BuildError, shown

__all__ = ["SHAPE", "SIZES", "Cifar", "Part", "batches", "in_order", "moved", "read_cifar"]

SHAPE = (3, 32, 32)
SIZES = (50_000, 10_000)
"""Images to train and to test on."""

MARGIN = 4
"""Zeros around a normalised image, in which the window that is cut out of it moves."""

WHERE = "get it from https://www.cs.toronto.edu/~kriz/cifar.html and unpack it"

Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class Part:
    """Images of one split, shape (n, 3, 32, 32), one byte per value, and their classes, shape (n,)."""

    images: torch.Tensor
    classes: torch.Tensor


@dataclass(frozen=True)
class Cifar:
    """A data set: its name, its number of classes, and its two splits."""

    name: str
    classes: int
    train: Part
    test: Part

    @cached_property
    def statistics(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean and standard deviation of each channel over the training images, shape (3, 1, 1) each."""
        images = self.train.images.numpy()
        counts = np.stack([np.bincount(images[:, k].ravel(), minlength=256) for k in range(SHAPE[0])])
        mean = (counts @ np.arange(256)) / counts.sum(1)
        deviation = np.sqrt((counts * (np.arange(256) - mean[:, None]) ** 2).sum(1) / counts.sum(1))
        return _per_channel(mean), _per_channel(deviation)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of all images and classes: what a run was trained on, whatever the files' format."""
        digest = hashlib.sha256()
        for part in (self.train, self.test):
            digest.update(part.images.numpy().tobytes())
            digest.update(part.classes.numpy().tobytes())
        return digest.hexdigest()


def _per_channel(values: NDArray[np.float64]) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float32).view(-1, 1, 1)


# --- reading --------------------------------------------------------------------------------------------------------


class Layout(NamedTuple):
    """How a data set lies in a folder: the name that its archive gives the folder, its files, and how one is read."""

    name: str
    classes: int
    folder: str
    train: tuple[str, ...]
    test: str
    read: Callable[[Path], tuple[Bytes, NDArray[np.int64]]]

    @property
    def files(self) -> tuple[str, ...]:
        """All files."""
        return (*self.train, self.test)


def read_cifar(folder: Path, name: str | None = None, *, any_size: bool = False) -> Cifar:
    """Return the data set in a folder, or in the folder that its archive unpacks to.

    Parameters
    ----------
    folder : Path
        Holds ``data_batch_1`` to ``data_batch_5`` and ``test_batch``, or ``train`` and ``test``, with ``.bin`` behind them in the
        binary version; or a folder of the archive's name that does.
    name : {"cifar10", "cifar100"}, optional
        Which of the two, where a folder has both.
    any_size : bool, default False
        Whether other numbers of images than 50,000 and 10,000 are taken: made-up data, or a part.

    Raises
    ------
    BuildError
        If there is no such data set, a file is missing or damaged, or the sizes are others.
    """
    layout, place = _found(folder, name)
    images, classes = zip(*(_checked(place / file, layout) for file in layout.train), strict=True)
    train = Part(torch.from_numpy(np.concatenate(images)), torch.from_numpy(np.concatenate(classes)))
    test = Part(*map(torch.tensor, _checked(place / layout.test, layout)))
    sizes = len(train.classes), len(test.classes)
    if sizes != SIZES and not any_size:
        raise BuildError(
            f"{shown(place)} has {sizes[0]:,} images to train on and {sizes[1]:,} to test on, not {SIZES[0]:,} and {SIZES[1]:,}: "
            f"{WHERE} again, or say --any-size where that is meant"
        )
    return Cifar(layout.name, layout.classes, train, test)


def _found(folder: Path, name: str | None) -> tuple[Layout, Path]:
    """Return the layout whose files are there, and where."""
    if not folder.is_dir():
        raise BuildError(f"--data {shown(folder)} is no folder: name the one that holds CIFAR ({WHERE})")
    wanted = [layout for layout in LAYOUTS if name in (None, layout.name)]
    missing = {
        (layout, place): [file for file in layout.files if not (place / file).is_file()]
        for layout in wanted
        for place in (folder, folder / layout.folder)
    }
    whole = [key for key, files in missing.items() if not files]
    if len({layout.name for layout, _ in whole}) > 1:
        raise BuildError(f"{shown(folder)} holds CIFAR-10 and CIFAR-100: say --dataset cifar10 or --dataset cifar100")
    if whole:
        return whole[0]
    for (layout, place), files in missing.items():
        if len(files) < len(layout.files):
            raise BuildError(f"{shown(place)} lacks {', '.join(files)}, the rest is there: {WHERE} again")
    looked = "; ".join(f"{layout.folder}/ or here {_span(layout)}" for layout in wanted)
    raise BuildError(f"--data {shown(folder)} holds no CIFAR. Looked for: {looked}. If you have none, {WHERE}")


def _span(layout: Layout) -> str:
    first, last = layout.train[0], layout.train[-1]
    return f"{first} and {layout.test}" if first == last else f"{first} to {last} and {layout.test}"


def _checked(path: Path, layout: Layout) -> tuple[Bytes, NDArray[np.int64]]:
    """Return the images and classes of one file; BuildError where they are not what the format says."""
    try:
        rows, classes = layout.read(path)
        if rows.ndim != 2 or rows.shape[1] != np.prod(SHAPE) or len(rows) != len(classes) or not len(rows):
            raise ValueError(f"{len(classes)} classes and data of shape {rows.shape}")
        if classes.min() < 0 or classes.max() >= layout.classes:
            raise ValueError(f"classes from {classes.min()} to {classes.max()}, not from 0 to {layout.classes - 1}")
    except Exception as error:  # what a damaged pickle raises is no closed list
        raise BuildError(f"{shown(path)} is not a {layout.name} batch ({error}): {WHERE} again") from error
    return np.ascontiguousarray(rows).reshape(-1, *SHAPE), classes


def _binary(labels: int) -> Callable[[Path], tuple[Bytes, NDArray[np.int64]]]:
    """Return a reader of records of `labels` bytes, the last of which is the class, and an image."""

    def read(path: Path) -> tuple[Bytes, NDArray[np.int64]]:
        content = np.fromfile(path, np.uint8)
        length = labels + int(np.prod(SHAPE))
        if content.size % length:
            raise ValueError(f"{content.size} bytes are no multiple of {length}")
        records = content.reshape(-1, length)
        return records[:, labels:], records[:, labels - 1].astype(np.int64)

    return read


def _pickled(key: bytes) -> Callable[[Path], tuple[Bytes, NDArray[np.int64]]]:
    """Return a reader of pickled dictionaries with the entries ``data`` and `key`."""

    def read(path: Path) -> tuple[Bytes, NDArray[np.int64]]:
        with open(path, "rb") as file:
            batch = _Restricted(file, encoding="bytes").load()
        if not isinstance(batch, dict):
            raise ValueError(f"a {type(batch).__name__}, not a dictionary")
        batch = {name.encode() if isinstance(name, str) else name: value for name, value in batch.items()}
        labels = batch[key]
        if not isinstance(labels, list) or not all(type(label) is int for label in labels):
            raise ValueError(f"{key.decode()} is no list of integers")
        return _array_of(batch[b"data"]), np.array(labels, dtype=np.int64)

    return read


class _Type:
    """What a pickle takes for `numpy.dtype`: the name of a type."""

    def __init__(self, name: str | bytes, *_: object) -> None:
        self.name = name.decode("ascii") if isinstance(name, bytes) else name

    def __setstate__(self, state: object) -> None:
        """Leave byte order and alignment out: one byte has neither."""


class _Array:
    """What a pickle takes for an array of bytes; what it holds is looked at when it is asked for."""

    def __init__(self) -> None:
        self.state: Any = None

    def __setstate__(self, state: object) -> None:
        self.state = state


def _array_of(value: object) -> Bytes:
    """Return the array that a stand-in describes; nothing but bytes is taken for one."""
    if not isinstance(value, _Array) or not isinstance(value.state, tuple) or len(value.state) != 5:
        raise ValueError("data is no array")
    _, shape, kind, by_columns, raw = value.state
    if not isinstance(kind, _Type) or kind.name not in ("u1", "|u1") or not isinstance(raw, (bytes, bytearray)):
        raise ValueError("data is no array of unsigned bytes")
    if not isinstance(shape, tuple) or not all(type(side) is int for side in shape):
        raise ValueError("data has no shape")
    return np.frombuffer(bytes(raw), np.uint8).reshape(shape, order="F" if by_columns else "C")


def _from_buffer(raw: object, kind: object, shape: object, order: object) -> _Array:
    """Return the array that protocol 5 of Python's pickles describes."""
    array = _Array()
    array.state = (1, shape, kind, order in ("F", b"F"), raw)
    return array


def _encoded(text: str, encoding: str | bytes) -> bytes:
    """Return bytes that protocol 2 of Python 3 writes as text."""
    if encoding not in ("latin1", b"latin1"):
        raise pickle.UnpicklingError(f"text in {encoding!r}")
    return text.encode("latin1")


STAND_INS: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): None,  # only ever an argument of _reconstruct
    ("numpy", "dtype"): _Type,
    **{(f"numpy.{core}.multiarray", "_reconstruct"): lambda *_: _Array() for core in ("core", "_core")},
    **{(f"numpy.{core}.numeric", "_frombuffer"): _from_buffer for core in ("core", "_core")},
    ("_codecs", "encode"): _encoded,
}
"""All that a batch may name, and what it gets for it."""


class _Restricted(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """Return a stand-in; UnpicklingError for every other name, which is never imported."""
        if (module, name) not in STAND_INS:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which no batch of images needs")
        return STAND_INS[module, name]


_FIVE = tuple(f"data_batch_{k}" for k in range(1, 6))
LAYOUTS = (
    Layout("cifar10", 10, "cifar-10-batches-py", _FIVE, "test_batch", _pickled(b"labels")),
    Layout("cifar10", 10, "cifar-10-batches-bin", tuple(f"{file}.bin" for file in _FIVE), "test_batch.bin", _binary(1)),
    Layout("cifar100", 100, "cifar-100-python", ("train",), "test", _pickled(b"fine_labels")),
    Layout("cifar100", 100, "cifar-100-binary", ("train.bin",), "test.bin", _binary(2)),
)
"""The versions that are distributed; a folder with two of one data set is read in the first."""


# --- batches --------------------------------------------------------------------------------------------------------


class _Images:
    """Batches by the rows of their images: normalised, and moved and mirrored where that was drawn."""

    def __init__(self, part: Part, statistics: tuple[torch.Tensor, torch.Tensor], drawn: Any = None) -> None:
        self.part, self.statistics, self.drawn = part, statistics, drawn

    def __getitem__(self, rows: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
        chosen = torch.as_tensor(rows)
        mean, deviation = self.statistics
        x = (self.part.images[chosen].float() - mean) / deviation
        if self.drawn is not None:
            shifts, mirrored = self.drawn
            x = moved(x, shifts[chosen], mirrored[chosen])
        return x, self.part.classes[chosen]


def moved(x: torch.Tensor, shifts: torch.Tensor, mirrored: torch.Tensor) -> torch.Tensor:
    """Return the windows that begin at `shifts`, shape (n, 2), of images with four zeros around them, some of them mirrored."""
    n, _, height, width = x.shape
    padded = torch.nn.functional.pad(x, (MARGIN,) * 4)
    across = torch.arange(width).expand(n, -1)
    across = torch.where(mirrored[:, None], across.flip(1), across) + shifts[:, 1:]
    down = torch.arange(height) + shifts[:, :1]
    windows = padded[torch.arange(n)[:, None, None], :, down[:, :, None], across[:, None, :]]
    return windows.permute(0, 3, 1, 2).contiguous()


def batches(
    data: Cifar, *, batch: int, seed: int, epoch: int, rank: int = 0, processes: int = 1, workers: int = 0
) -> DataLoader:
    """Return the batches of one epoch for one of several processes; `batch` images are all of theirs together.

    Order, shifts and mirrors are drawn at once from seed and epoch. So they depend neither on the workers nor on earlier epochs.
    The images of a step are the same for every number of processes.
    """
    rng = np.random.default_rng((seed, epoch))
    n = len(data.train.classes)
    order = DistributedSampler(range(n), processes, rank, shuffle=True, seed=int(rng.integers(2**31)))
    shifts = torch.from_numpy(rng.integers(0, 2 * MARGIN + 1, (n, 2)))
    mirrored = torch.from_numpy(rng.integers(0, 2, n) == 1)
    images = _Images(data.train, data.statistics, (shifts, mirrored))
    sampler = BatchSampler(order, batch // processes, drop_last=False)
    pinned = torch.cuda.is_available()
    return DataLoader(images, sampler=sampler, batch_size=None, num_workers=workers, pin_memory=pinned)


def in_order(data: Cifar, size: int = 500) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield the test images in order, as they are."""
    images, n = _Images(data.test, data.statistics), len(data.test.classes)
    for start in range(0, n, size):
        yield images[range(start, min(start + size, n))]
