"""Made-up images in the files of CIFAR-10 and CIFAR-100: the Python version as Python 2 pickled it, and the binary one.

Python 3 cannot write what Python 2 did (its text is bytes), so the opcodes are put together here.
"""

from pathlib import Path
from struct import pack

import numpy as np

PIXELS = 3 * 32 * 32


def made(n, classes, seed):
    """Return n images, shape (n, 3072), and their classes: noise, brighter for higher classes."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, n)
    labels[0], labels[-1] = 0, classes - 1
    noise = rng.integers(0, 100, (n, PIXELS))
    return (noise + (155 * labels // (classes - 1))[:, None]).astype(np.uint8), labels


def write_binary(path, images, labels, coarse=False):
    """Write records of one byte (two with a coarse class, which nobody reads) and an image."""
    columns = [np.zeros_like(labels), labels] if coarse else [labels]
    path.write_bytes(np.column_stack([*(column.astype(np.uint8) for column in columns), images]).tobytes())


def text(value: bytes) -> bytes:
    return b"T" + pack("<i", len(value)) + value


def number(value: int) -> bytes:
    return b"J" + pack("<i", int(value))


def named(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode()


def array(images) -> bytes:
    empty = named("numpy.core.multiarray", "_reconstruct") + named("numpy", "ndarray")
    empty += b"(" + number(0) + b"t" + text(b"b") + b"\x87R"  # three arguments, called
    kind = named("numpy", "dtype") + text(b"u1") + number(0) + number(1) + b"\x87R"
    kind += b"(" + number(3) + text(b"|") + b"NNN" + number(-1) + number(-1) + number(0) + b"tb"
    shape = b"(" + b"".join(map(number, images.shape)) + b"t"
    return empty + b"(" + number(1) + shape + kind + b"\x89" + text(images.tobytes()) + b"tb"  # in rows, not in columns


def write_python(path, images, labels, key=b"labels"):
    """Write a dictionary of data and classes with protocol 2."""
    listed = b"](" + b"".join(map(number, labels)) + b"e"
    entries = text(b"data") + array(images) + text(key) + listed + text(b"batch_label") + text(b"made up")
    path.write_bytes(b"\x80\x02}(" + entries + b"u.")


def write_cifar10(folder: Path, *, binary=False, n=40, seed=0):
    """Write five batches and a test batch of n images each; return all images and classes to train on."""
    folder.mkdir(parents=True, exist_ok=True)
    images, labels = made(6 * n, 10, seed)
    for k in range(6):
        name = f"data_batch_{k + 1}" if k < 5 else "test_batch"
        rows = slice(k * n, (k + 1) * n)
        if binary:
            write_binary(folder / f"{name}.bin", images[rows], labels[rows])
        else:
            write_python(folder / name, images[rows], labels[rows])
    return images[: 5 * n], labels[: 5 * n]


def write_cifar100(folder: Path, *, binary=False, n=200, seed=0):
    """Write n images to train on and n to test on."""
    folder.mkdir(parents=True, exist_ok=True)
    images, labels = made(2 * n, 100, seed)
    for name, rows in (("train", slice(n)), ("test", slice(n, None))):
        if binary:
            write_binary(folder / f"{name}.bin", images[rows], labels[rows], coarse=True)
        else:
            write_python(folder / name, images[rows], labels[rows], b"fine_labels")
    return images[:n], labels[:n]
