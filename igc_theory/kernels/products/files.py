"""Products on disk: one ``.npz`` file with the chain as text and the weights as arrays, nothing pickled."""

from __future__ import annotations

import json
import os
import shutil
import time
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path
from typing import Any, BinaryIO
from uuid import uuid4

import numpy as np

from igc_theory.kernels.arrays import Array
from igc_theory.structure.arguments.files import name_as_text
from igc_theory.structure.arguments.kinds import path_of, shown
from igc_theory.structure.chains import Chain, Factor, Parallel
from igc_theory.structure.factors import GroupConv
from igc_theory.structure.permutations import ChannelPermutation, interleave
from igc_theory.structure.sums import DirectSum, Sum

__all__ = ["described_factor", "read_product", "replacing", "restored_factor", "write_product"]

FORMAT, FORMAT_OF_SUMS = "igc_theory product 1", "igc_theory product 2"
"""What a file calls itself; the second one for chains with sums, which the first readers did not know."""


def write_product(path: str | os.PathLike[str], chain: Chain, weights: Sequence[Array]) -> None:
    """Write a chain and its weights; the file appears complete or not at all.

    Examples
    --------
    >>> import tempfile
    >>> chain = Chain([GroupConv(2, 2, groups=2), interleave(2, 1)], name="a scale")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_product(f"{folder}/scale.npz", chain, [np.ones((2, 1, 1, 1))])
    ...     read_product(f"{folder}/scale.npz")[0]
    Chain([GroupConv(2, 2, groups=2), interleave(groups=2, width=1)], name='a scale')
    """
    indices: list[Array] = []
    description = {"format": FORMAT if chain.is_serial else FORMAT_OF_SUMS, **described_factor(chain, indices)}
    arrays = {f"weights_{k}": array for k, array in enumerate(weights)}
    arrays |= {f"indices_{k}": array for k, array in enumerate(indices)}
    target = path_of("path", path)
    with replacing(target) as file:
        np.savez(file, allow_pickle=False, chain=np.array(json.dumps(description)), **arrays)


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a file that replaces `path` when the block ends well; otherwise the old one stays. What dead writers left is removed.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with replacing(f"{folder}/page.html") as file:
    ...         _ = file.write(b"whole")
    ...     Path(folder, "page.html").read_bytes(), os.listdir(folder)
    (b'whole', ['page.html'])
    """
    target = Path(os.path.realpath(path_of("path", path)))
    is_device = target.exists() and not (target.is_file() or target.is_dir())  # there is nothing to keep, as of a pipe
    try:
        with open(target, "wb") if is_device else _beside(target) as file:
            yield file
    except OSError as error:  # a full disk names no file, and what is named otherwise is the temporary one
        if error.strerror:
            error.filename = str(path)
        raise


@contextmanager
def _beside(target: Path) -> Iterator[BinaryIO]:
    """Open a temporary file that takes the place of `target` when it is whole."""
    _remove_left_overs(target)
    temporary = target.with_name(f".{name_as_text(target.name, 100)}.{uuid4().hex}.part")
    try:
        with open(temporary, "xb") as file:
            yield file
        if target.exists():
            shutil.copymode(target, temporary)
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def _remove_left_overs(target: Path) -> None:
    """Remove the temporary files beside `target` that no writer has touched for an hour."""
    for part in target.parent.glob(f".{escape(name_as_text(target.name, 100))}.{'[0-9a-f]' * 32}.part"):
        with suppress(OSError):
            if time.time() - part.stat().st_mtime > 3600:
                part.unlink()


def read_product(path: str | os.PathLike[str]) -> tuple[Chain, list[Array]]:
    """Return the chain and the weights of a file written by `write_product`.

    Raises
    ------
    ValueError
        If the file is damaged or is something else; the message says what is wrong with it.
    """
    path = path_of("path", path)
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise ValueError(f"path={shown(str(path))} is a pipe or a device: give a file that Product.save wrote")
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
            if any(member.compress_type != zipfile.ZIP_STORED for member in archive.zip.infolist()):
                raise ValueError("its arrays are compressed, and would open to any size")
            description = json.loads(str(archive["chain"]))
            if description["format"] not in (FORMAT, FORMAT_OF_SUMS):
                raise ValueError(f"its format is {description['format']!r}, not {FORMAT!r} or {FORMAT_OF_SUMS!r}")
            indices = iter([archive[name] for name in archive.files if name.startswith("indices_")])
            chain = _chain(description, indices)
            weights = [archive[f"weights_{k}"] for k in range(len(chain.convolutions))]
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        KeyError,
        ValueError,
        TypeError,
        AttributeError,
        StopIteration,
        MemoryError,
        RecursionError,
        NotImplementedError,
        OverflowError,
    ) as error:
        raise ValueError(
            f"path={shown(str(path))} is not a product that Product.save wrote, or is damaged ({error}): save it again"
        ) from error
    return chain, weights


def described_factor(factor: Factor | Chain, indices: list[Array]) -> dict[str, Any]:
    """Return a factor or a chain as JSON; the index list of an arbitrary permutation is appended to `indices`.

    Examples
    --------
    >>> described_factor(GroupConv(4, 4, 2), [])
    {'convolution': (4, 4, 2, (1, 1), (1, 1))}
    """
    if isinstance(factor, Parallel):
        return {
            "name": factor.name,
            type(factor).__name__: [described_factor(part, indices) for part in factor.branches],
        }
    if isinstance(factor, Chain):
        return {"name": factor.name, "factors": [described_factor(part, indices) for part in factor.factors]}
    if isinstance(factor, GroupConv):
        fields = factor.in_channels, factor.out_channels, factor.groups, factor.window, factor.strides
        return {"convolution": fields}
    if factor.interleaved:
        return {"interleave": factor.interleaved}
    indices.append(factor.indices)
    return {"permutation": factor.channels}


def _chain(entry: dict[str, Any], indices: Iterator[Array]) -> Chain:
    """Return the chain that `described_factor` wrote."""
    if "factors" in entry:
        return Chain([restored_factor(part, indices) for part in entry["factors"]], entry["name"])
    key, kind = ("Sum", Sum) if "Sum" in entry else ("DirectSum", DirectSum)
    return kind([_chain(part, indices) for part in entry[key]], entry["name"])


def restored_factor(entry: dict[str, Any], indices: Iterator[Array]) -> Factor | Chain:
    """Return the factor that `described_factor` wrote.

    Examples
    --------
    >>> restored_factor({"interleave": [2, 3]}, iter([]))
    interleave(groups=2, width=3)
    """
    if "convolution" in entry:
        in_channels, out_channels, groups, window, strides = entry["convolution"]
        return GroupConv(in_channels, out_channels, groups, tuple(window), tuple(strides))
    if "interleave" in entry:
        return interleave(*entry["interleave"])
    return ChannelPermutation(next(indices)) if "permutation" in entry else _chain(entry, indices)
