"""Kernels of trained networks: where they come from, and what a figure says that cannot find them."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError
from typing import Any

import numpy as np
import pytest

from figures import build, realdata
from tools.files import ROOT, DataMissingError

OF_TRAINED_KERNELS = (
    "families_as_matrices",
    "family_errors",
    "redundancy_frontier",
    "redundancy_heatmap",
    "block_spectra",
    "reorder_gain",
)


@pytest.fixture
def without_package(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    realdata._network.cache_clear()
    monkeypatch.setattr(realdata, "version", missing)


@pytest.mark.usefixtures("without_package")
@pytest.mark.parametrize("name", OF_TRAINED_KERNELS)
def test_without_the_package_figures_are_drawn_from_stored_numbers(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    stored = (ROOT / "figures" / "data" / f"{name}.csv").read_text(encoding="utf-8")
    assert build.numbers(name, build.script(name)) == (stored, [])  # which test_figures draws
    assert (
        f"{name} is drawn from its stored numbers: its kernels come from rapidocr-onnxruntime"
        in capsys.readouterr().out
    )


@pytest.mark.usefixtures("without_package")
def test_without_the_package_the_way_out_is_named() -> None:
    with pytest.raises(DataMissingError, match="make realdata"):
        realdata.kernel("detector", "p2o.Conv.14")


@pytest.mark.parametrize("name", OF_TRAINED_KERNELS)
def test_stored_numbers_are_of_the_version_that_make_installs(name: str) -> None:
    pinned = re.search(r"^REALDATA := (\S+)==(\S+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert pinned is not None
    columns = build.read_csv((ROOT / "figures" / "data" / f"{name}.csv").read_text(encoding="utf-8"))
    assert columns["package"][0] == f"{pinned[1]} {pinned[2]}"
    assert not columns["package"][1:].any()


def test_kernels_are_those_of_the_file() -> None:
    onnx: Any = pytest.importorskip("onnx", reason="the extra onnx is not installed")
    from tests.networks.readers import onnx_models

    if not onnx_models.trained():
        pytest.skip("rapidocr-onnxruntime is not installed (make realdata)")
    loaded = onnx.load(onnx_models.trained()["ch_PP-OCRv4_det_infer"])
    constants = [entry.t for node in loaded.graph.node if node.op_type == "Constant" for entry in node.attribute]
    [weight] = [onnx.numpy_helper.to_array(tensor) for tensor in constants if [*tensor.dims] == [360, 384, 1, 1]]
    found = next(kernel for kernel in realdata.kernels("detector") if kernel.matrix.shape == (360, 384))
    assert np.array_equal(found.matrix, weight.reshape(360, 384))
    shapes = [kernel.matrix.shape for kernel in realdata.shapes_once("detector", 24)]
    assert len(set(shapes)) == len(shapes)
    assert min(map(min, shapes)) >= 24
