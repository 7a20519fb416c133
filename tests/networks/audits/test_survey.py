"""Surveys of many networks: rows, damaged files, what is kept and what is done again, workers and clusters."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx", reason="the extra onnx is not installed")

from igc_theory.__main__ import main
from igc_theory.networks import audit, read_onnx
from igc_theory.networks.audits import survey as surveys
from igc_theory.networks.audits import workers
from igc_theory.networks.audits.data import audit_data
from igc_theory.networks.audits.page import survey_page
from igc_theory.networks.audits.survey import files_of, survey
from tests.networks.audits.made import write_model


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder of three models, one of them in a folder of its own, and a damaged file."""
    models = tmp_path / "models"
    (models / "more").mkdir(parents=True)
    for k, name in enumerate(("a.onnx", "b.onnx", "more/a.onnx")):
        write_model(models / name, 8 + 4 * k, k)
    (models / "damaged.onnx").write_bytes((models / "a.onnx").read_bytes()[:200])
    (models / "notes.txt").write_text("no model")
    return models


def audited(paths: list[Path], **how: object) -> tuple[surveys.Survey, list[str]]:
    """Return the survey, and which networks were audited anew."""
    seen: list[str] = []
    original = surveys._read

    def noted(source: str, settings: object) -> object:
        seen.append(Path(source).name)
        return original(source, settings)

    surveys._read = noted
    try:
        return survey([str(path) for path in paths], progress=False, **how), seen
    finally:
        surveys._read = original


def test_rows_are_audits_in_the_order_asked_for(folder: Path) -> None:
    found, _ = audited(files_of(folder))
    assert [Path(row.source).name for row in found.rows] == ["a.onnx", "b.onnx", "damaged.onnx", "a.onnx"]
    for row in found.rows:
        if row.data is not None:
            alone = audit_data(audit(read_onnx(row.source), progress=False))
            assert row.data == json.loads(json.dumps(alone))
    (damaged,) = found.unread
    assert "is not an ONNX model, or is cut off" in damaged.reason
    assert str(found) == "4 networks: 3 audited, 1 not read"
    assert json.loads(json.dumps(found.data()))["summary"] == {"networks": 4, "not_read": 1, "not_exact": 0}
    table = found.table()
    assert table.totals is not None
    assert table.totals["weights"] == sum(row.data["parameters"] for row in found.rows if row.data)


def test_a_survey_goes_on_where_it_was_stopped(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths, kept = files_of(folder), tmp_path / "kept"
    original = surveys._read

    def stopped(source: str, settings: object) -> object:
        if source.endswith("b.onnx"):
            raise KeyboardInterrupt
        return original(source, settings)

    monkeypatch.setattr(surveys, "_read", stopped)
    with pytest.raises(KeyboardInterrupt):
        survey([str(path) for path in paths], results=kept, progress=False)
    monkeypatch.undo()
    assert len(list(kept.iterdir())) == 1
    found, seen = audited(paths, results=kept)
    assert seen == ["b.onnx", "damaged.onnx", "a.onnx"]
    again, seen = audited(paths, results=kept)
    assert seen == ["damaged.onnx"]  # what could not be read is tried again
    assert again == found == audited(paths)[0]


def test_what_would_come_out_differently_is_done_again(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, kept = folder / "a.onnx", tmp_path / "kept"
    assert audited([path], results=kept)[1] == ["a.onnx"]
    assert audited([path], results=kept)[1] == []
    assert audited([path], results=kept, keep=0.25)[1] == ["a.onnx"]
    assert audited([path], results=kept, keep=0.25, input_shape=(3, 5, 5))[1] == ["a.onnx"]
    assert audited([path], results=kept)[1] == ["a.onnx"]
    assert audited([path], results=kept)[1] == []
    write_model(path, 16)
    first, seen = audited([path], results=kept)
    assert seen == ["a.onnx"]
    (stored,) = kept.glob("a-*.json")
    for damage in (stored.read_bytes()[:-30], b"", b"[]", b'{"row": 4}'):
        stored.write_bytes(damage)
        found, seen = audited([path], results=kept)
        assert (found, seen) == (first, ["a.onnx"])
    monkeypatch.setattr(surveys, "_version", lambda: "another")
    assert audited([path], results=kept)[1] == ["a.onnx"]


def test_weights_in_a_further_file_belong_to_the_model(tmp_path: Path) -> None:
    import onnx

    path, kept = tmp_path / "model.onnx", tmp_path / "kept"
    write_model(path, 16)
    onnx.save(onnx.load(path), path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    assert audited([path], results=kept)[1] == ["model.onnx"]
    assert audited([path], results=kept)[1] == []
    status = (tmp_path / "weights.bin").stat()
    os.utime(tmp_path / "weights.bin", ns=(status.st_atime_ns, status.st_mtime_ns + 10**9))
    assert audited([path], results=kept)[1] == ["model.onnx"]


def test_two_files_of_one_name_are_kept_apart(folder: Path, tmp_path: Path) -> None:
    paths = [folder / "a.onnx", folder / "more" / "a.onnx"]
    found, _ = audited(paths, results=tmp_path / "kept")
    assert audited(paths, results=tmp_path / "kept")[0] == found
    assert len({row.data["parameters"] for row in found.rows if row.data}) == 2


@pytest.mark.parametrize(
    "name",
    [b"m\xfcller.onnx", "文".encode() * 80 + b".onnx", "😀".encode() * 60 + b".onnx"],
    ids=["no UTF-8", "three bytes per letter", "four bytes per letter"],
)
def test_files_of_any_name_are_audited_kept_and_shown(
    name: bytes, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, kept = folder / os.fsdecode(name), tmp_path / "kept"
    try:
        (folder / "a.onnx").rename(path)
    except OSError:
        pytest.skip("this file system holds only names in Unicode")
    found, _ = audited([path], results=kept)
    assert found.unread == ()
    assert audited([path], results=kept) == (found, [])
    assert main(["audit", str(path), "--html", str(tmp_path / "page.html")]) == 0
    assert main(["audit", str(folder), "--html", str(tmp_path / "pages.html")]) == 1  # one of them is damaged
    for page in ("page.html", "pages.html"):
        assert name.decode(errors="replace").replace("\ufffd", "?") in (tmp_path / page).read_text(encoding="utf-8")


def test_a_full_disk_stops_the_survey_and_leaves_nothing_half_written(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("igc_theory.kernels.products.files.os.replace", full)
    with pytest.raises(OSError, match="No space left"):
        survey([str(folder / "a.onnx")], results=tmp_path / "kept", progress=False)
    assert list((tmp_path / "kept").iterdir()) == []


def test_whatever_goes_wrong_with_a_file_the_others_are_audited(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = surveys.audit

    def failing(network: object, **how: object) -> object:
        if getattr(network, "name", "") == "b":
            raise MemoryError("too large")
        return original(network, **how)

    monkeypatch.setattr(surveys, "audit", failing)
    found, _ = audited([folder / "a.onnx", folder / "b.onnx"])
    assert [row.reason for row in found.rows] == ["", "MemoryError: too large"]


# --- workers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "cores", "calls", "expected"),
    [(2, 8, 5, 2), (64, 8, 100, 8), (64, 8, 3, 3), (-1, 8, 100, 8), (-1, 8, 3, 3), (-1, 1, 9, 1)],
)
def test_there_are_no_more_workers_than_of_use(
    monkeypatch: pytest.MonkeyPatch, asked: int, cores: int, calls: int, expected: int
) -> None:
    joblib = pytest.importorskip("joblib", reason="the extra onnx is not installed")
    started = []

    class Noted:
        def __init__(self, n_jobs: int, **_: object) -> None:
            started.append(n_jobs)

        def __call__(self, work: object) -> list[object]:
            return [function(*arguments) for function, arguments, _ in work]

    monkeypatch.setattr(joblib, "effective_n_jobs", lambda _: cores)
    monkeypatch.setattr(joblib, "Parallel", Noted)
    found = workers.in_order(pow, [(k, 2) for k in range(calls)], workers=asked, progress=False, what="", unit="")
    assert (found, started) == ([k * k for k in range(calls)], [expected])


def threads(_: int) -> list[int]:
    """Return the threads of each BLAS in this process, after NumPy is there."""
    from threadpoolctl import threadpool_info

    np.ones((2, 2)) @ np.ones((2, 2))
    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]


@pytest.mark.xdist_group("workers")
def test_workers_hold_their_blas_to_one_thread() -> None:
    pytest.importorskip("threadpoolctl", reason="threadpoolctl is not installed")
    pytest.importorskip("joblib", reason="the extra onnx is not installed")
    found = workers.in_order(threads, [(0,), (1,)], workers=2, progress=False, what="", unit="")
    assert all(count == 1 for counts in found for count in counts)


@pytest.mark.xdist_group("workers")
def test_two_workers_find_the_same(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("joblib", reason="the extra onnx is not installed")
    paths = [str(path) for path in files_of(folder)]
    found = survey(paths, workers=2, results=tmp_path / "kept", progress=False)
    assert found == survey(paths, progress=False)
    assert len(list((tmp_path / "kept").iterdir())) == 3


CLUSTER = """
import sys
from pathlib import Path
import joblib
from dask.distributed import Client, LocalCluster
from igc_theory.networks.audits.survey import files_of, survey

if __name__ == "__main__":
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:
        paths = [str(path) for path in files_of(Path(sys.argv[1]))]
        with joblib.parallel_config(backend="dask"):
            found = survey(paths, workers=-1, results=sys.argv[2], progress=False)
        ran = client.run(lambda: "igc_theory.networks.audits.survey" in __import__("sys").modules)
    print(found, all(ran.values()), found == survey(paths, progress=False))
"""


def test_a_dask_cluster_takes_the_work_over(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("distributed", reason="the extra zoo is not installed")
    (tmp_path / "run.py").write_text(CLUSTER)
    command = [sys.executable, "-W", "ignore", str(tmp_path / "run.py"), str(folder), str(tmp_path / "kept")]
    settings = os.environ | {"PYTHONPATH": os.pathsep.join(["", *sys.path])}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=settings)
    assert done.stdout.strip() == "4 networks: 3 audited, 1 not read True True", done.stderr[-2000:]
    assert len(list((tmp_path / "kept").iterdir())) == 3


# --- the command line -------------------------------------------------------------------------------------------------


def said(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    status = main(["audit", *map(str, words)])
    printed = capsys.readouterr()
    return status, printed.out, printed.err


def test_a_folder_gets_a_row_each_and_damaged_files_the_reason(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    status, out, err = said(capsys, folder)
    assert status == 1
    assert out.splitlines()[0] == "4 networks: 3 audited, 1 not read"
    assert f"not audited: {folder / 'damaged.onnx'}: it is not an ONNX model" in " ".join(out.split())
    assert err == "igc_theory: 1 of 4 networks could not be audited: see the reasons above\n"
    (folder / "damaged.onnx").unlink()
    status, out, err = said(capsys, folder)
    assert (status, err) == (0, "")
    assert max(map(len, out.splitlines())) <= 80
    assert sum(line.endswith("yes") for line in out.splitlines()) == 3


def test_files_and_names_together_as_json_and_as_a_page(
    capsys: pytest.CaptureFixture[str], folder: Path, tmp_path: Path
) -> None:
    status, out, _ = said(capsys, folder / "a.onnx", "igc_l4m8", "--json", "--html", tmp_path / "page.html")
    found = json.loads(out)
    assert (status, set(found)) == (0, {"format", "summary", "networks"})
    assert [row["data"]["network"] for row in found["networks"]] == ["a", "igc_l4m8"]
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "a.onnx" in page
    assert page == survey_page(survey([str(folder / "a.onnx"), "igc_l4m8"], progress=False))


def test_strict_asks_every_network_to_be_exact(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    from onnx import helper

    from tests.networks.readers.onnx_models import model

    nodes = [helper.make_node("Twist", ["x", "w"], ["y"], domain="my.own")]
    made = model(nodes, {"w": np.ones((4, 3), np.float32)}, (1, 3, 4, 4))
    made.opset_import.append(helper.make_opsetid("my.own", 1))
    (tmp_path / "strange.onnx").write_bytes(made.SerializeToString())
    write_model(tmp_path / "plain.onnx")
    assert said(capsys, tmp_path)[0] == 0
    status, out, err = said(capsys, tmp_path, "--strict")
    assert (status, "1 of them not exact" in out) == (1, True)
    assert "1 of 2 networks could not be counted exactly" in err


def test_results_that_cannot_be_kept(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    monkeypatch.chdir(folder)
    status, _, err = said(capsys, ".", "--results", "a.onnx")
    assert status == 1
    assert "--results 'a.onnx' is a file: give a folder" in err
