"""Products on disk: one ``.npz`` file with the chain as text and the weights as arrays, nothing pickled."""

from __future__ import annotations

import json
import os
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from igc_theory.kernels.arrays import Array
from igc_theory.structure.chains import Chain, Factor
from igc_theory.structure.factors import GroupConv
from igc_theory.structure.permutations import ChannelPermutation, interleave

__all__ = ["read_product", "write_product"]

FORMAT = "igc_theory product 1"


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
    indices = [f.indices for f in chain.factors if isinstance(f, ChannelPermutation) and f.interleaved is None]
    description = {"format": FORMAT, "name": chain.name, "factors": [_described(factor) for factor in chain.factors]}
    arrays = {f"weights_{k}": array for k, array in enumerate(weights)}
    arrays |= {f"indices_{k}": array for k, array in enumerate(indices)}
    target = Path(path)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with open(temporary, "xb") as file:
            np.savez(file, allow_pickle=False, chain=np.array(json.dumps(description)), **arrays)
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def read_product(path: str | os.PathLike[str]) -> tuple[Chain, list[Array]]:
    """Return the chain and the weights of a file written by `write_product`.

    Raises
    ------
    ValueError
        If the file is damaged or is something else; the message says what is wrong with it.
    """
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
            description = json.loads(str(archive["chain"]))
            if description["format"] != FORMAT:
                raise ValueError(f"its format is {description['format']!r}, not {FORMAT!r}")
            indices = iter([archive[name] for name in archive.files if name.startswith("indices_")])
            chain = Chain([_restored(entry, indices) for entry in description["factors"]], description["name"])
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
    ) as error:
        raise ValueError(
            f"path={str(path)!r} is not a product that Product.save wrote, or is damaged ({error}): save it again"
        ) from error
    return chain, weights


def _described(factor: Factor) -> dict[str, Any]:
    """Return one factor as JSON; the index list of an arbitrary permutation is kept in an array of its own."""
    if isinstance(factor, GroupConv):
        fields = factor.in_channels, factor.out_channels, factor.groups, factor.window, factor.strides
        return {"convolution": fields}
    return {"interleave": factor.interleaved} if factor.interleaved else {"permutation": factor.channels}


def _restored(entry: dict[str, Any], indices: Any) -> Factor:
    """Return the factor that `_described` wrote."""
    if "convolution" in entry:
        in_channels, out_channels, groups, window, strides = entry["convolution"]
        return GroupConv(in_channels, out_channels, groups, tuple(window), tuple(strides))
    return interleave(*entry["interleave"]) if "interleave" in entry else ChannelPermutation(next(indices))
