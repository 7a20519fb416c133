"""Kernels of networks that others trained: three of PP-OCR, as files in the package rapidocr-onnxruntime (`make realdata`)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from igc_theory.networks import LayerGraph, read_onnx
from igc_theory.networks.description.layers import Conv
from tools.files import DataMissingError

__all__ = ["Kernel", "kernel", "kernels", "shapes_once", "source", "spatial_kernel"]

PACKAGE = "rapidocr-onnxruntime"

FILES = {
    "detector": ("ch_PP-OCRv4_det_infer", (3, 224, 224)),
    "recognizer": ("ch_PP-OCRv4_rec_infer", (3, 48, 320)),
    "classifier": ("ch_ppocr_mobile_v2.0_cls_infer", (3, 48, 192)),
}
"""File and image size by what the network does: find lines of text, read them, tell which way up they are."""


class Kernel(NamedTuple):
    """A dense pointwise convolution of a trained network."""

    network: str
    layer: str
    matrix: NDArray[Any]


def package() -> str:
    """Return the package and its version, or say how to get it."""
    try:
        return f"{PACKAGE} {version(PACKAGE)}"
    except PackageNotFoundError:
        raise DataMissingError(f"its kernels come from {PACKAGE}, which make realdata installs") from None


@cache
def _network(name: str) -> LayerGraph:
    """Return a network; its package need not be importable, for only the files in it are read."""
    package()
    spec = find_spec(PACKAGE.replace("-", "_"))
    folders = (spec.submodule_search_locations or []) if spec else []
    file, shape = FILES[name]
    paths = [path for folder in folders if (path := Path(folder) / "models" / f"{file}.onnx").exists()]
    if not paths:
        raise DataMissingError(f"{package()} holds no {file}.onnx: make realdata installs the version that does")
    try:
        return read_onnx(paths[0], input_shape=shape)
    except ImportError as error:
        raise DataMissingError(str(error)) from error


def source(rows: int) -> list[str]:
    """Return a column that names the package in its first row."""
    return [package(), *[""] * (rows - 1)]


def kernels(name: str) -> Iterator[Kernel]:
    """Yield the dense pointwise convolutions of a network, in order."""
    for layer in _network(name).layers:
        if isinstance(layer.node, Conv) and layer.groups == 1 and layer.node.convolution.is_pointwise:
            conv = layer.node.convolution
            matrix = np.asarray(layer.weight, dtype=np.float64).reshape(conv.out_channels, conv.in_channels)
            yield Kernel(name, layer.name, matrix)


def kernel(name: str, layer: str) -> Kernel:
    """Return one of them."""
    return next(found for found in kernels(name) if found.layer == layer)


def spatial_kernel(name: str, layer: str) -> NDArray[Any]:
    """Return the kernel of a dense convolution with a window, shape (C_out, C_in, kh, kw)."""
    found = next(known for known in _network(name).layers if known.name == layer)
    return np.asarray(found.weight, dtype=np.float64)


def shapes_once(name: str, least: int) -> Iterator[Kernel]:
    """Yield the first kernel of each shape with at least so many inputs and outputs."""
    shapes = set()
    for found in kernels(name):
        if min(found.matrix.shape) >= least and found.matrix.shape not in shapes:
            shapes.add(found.matrix.shape)
            yield found
