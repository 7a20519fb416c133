"""Real ONNX files rewritten at three budgets: what real_files.py found, and one file again."""

import csv
from pathlib import Path

import pytest

onnx = pytest.importorskip("onnx", reason="the extra onnx is not installed")

from igc_theory.networks import rewrite
from tests.networks.readers.onnx_models import LIGHT

TABLE = list(csv.DictReader(Path(__file__).with_name("real_files.csv").read_text("utf-8").splitlines()))


def test_every_file_kept_to_its_budget_and_ran():
    assert len(TABLE) >= 8
    for row in TABLE:
        assert float(row["share_left"]) <= float(row["budget"]), row
        assert (row["outputs_finite"], row["same_shapes"], row["gap"]) == ("1", "1", "0.0"), row
        assert 0 < int(row["replaced"]) <= int(row["layers"]), row
        assert int(row["weights_after"]) < int(row["weights_before"]), row
        assert int(row["multiply_adds_after"]) < int(row["multiply_adds_before"]), row


def test_a_larger_budget_never_means_a_larger_error():
    by_file = {}
    for row in TABLE:
        if row["predicted_error"]:
            by_file.setdefault(row["file"], []).append((float(row["budget"]), float(row["predicted_error"])))
    assert len(by_file) >= 1
    for points in by_file.values():
        errors = [error for _, error in sorted(points)]
        assert errors == sorted(errors, reverse=True)


def test_one_file_again():
    (path,) = [path for path in LIGHT if path.stem == "light_bvlc_alexnet"]
    (row,) = [row for row in TABLE if (row["file"], row["budget"]) == (path.stem, "0.25")]
    found = rewrite(path, 1.0, architecture_only=True).choices.within(0.25)
    assert sum(one.parameters for one in found.candidates) == int(row["weights_after"])
    assert sum(one.family != "keep" for one in found.candidates) == int(row["replaced"])


def test_a_share_that_no_choice_reaches_is_refused_with_the_least():
    path = next(path for path in LIGHT if path.stem == "light_shufflenet")
    with pytest.raises(ValueError, match=r"budget=0.5 .* use at least 0\.643"):
        rewrite(path, 0.5, architecture_only=True)
