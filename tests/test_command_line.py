"""The command line: what it prints, what it says when it cannot, and the status it ends with."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from itertools import islice, takewhile
from pathlib import Path

import pytest

import igc_theory
from igc_theory.__main__ import COMMANDS, main
from igc_theory.budget import (
    best_block,
    best_dense,
    best_strict,
    dense_designs,
    strict_designs,
    widest_dense,
    widest_strict,
)
from igc_theory.budget.designs.best_block import best_blocks
from igc_theory.networks import latency, latency_table
from igc_theory.networks.timing.tables import STORED, write_table
from igc_theory.structure import Chain


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """Status, standard output, standard error."""
    status = main(words)
    out, err = capsys.readouterr()
    return status, out, err


def designs(capsys: pytest.CaptureFixture[str], *words: str) -> list[dict[str, object]]:
    """What `design --json` prints, read back."""
    status, out, err = run(capsys, "design", "--json", *words)
    assert (status, err) == (0, "")
    found: list[dict[str, object]] = json.loads(out)
    return found


def test_best_block_of_a_layer(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["design", "--in", "100", "--out", "144", "--stride", "2", "--budget", "3000"]
    status, out, _ = run(capsys, *words)
    assert status == 0
    assert "A regular convolution has 129,600 weights, 49.5 times as many as the first." in out
    assert "GroupConv(100, 100, groups=100, kernel_size=3, stride=2)" in out
    assert "Next\n  in Python:\n      from igc_theory import budget\n      budget.best_block(" in out
    assert "parameters" not in out
    found = designs(capsys, *words[1:], "--dense", "--top", "3")
    best = best_blocks(3, 100, 144, stride=2, budget=3000)
    assert [row["parameters"] for row in found] == [block.parameters for block in best]
    assert [row["convolutions"] for row in found] == [[repr(conv) for conv in block.convolutions] for block in best]
    assert {row["factors"] for row in designs(capsys, *words[1:], "--factors", "5-6", "--top", "4")} <= {5, 6}
    assert "--budget 10" in run(capsys, *words[:-1], "10")[2] or "budget=10" in run(capsys, *words[:-1], "10")[2]


def test_blocks_are_ranked_by_the_time_of_a_machine(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    table = latency_table()
    write_table(tmp_path / "mine.json", table)
    words = ["--in", "48", "--out", "96", "--dense", "--objective", "latency", "--image", "14", "--top", "4"]
    found = designs(capsys, *words)
    assert found == designs(capsys, *words, "--table", str(tmp_path / "mine.json"))
    times = [row["predicted ms"] for row in found]
    assert times == sorted(times)
    best = best_block(48, 96, objective="latency", table=table, image=14)
    assert found[0]["convolutions"] == [repr(conv) for conv in best.convolutions]
    assert times[0] == pytest.approx(latency(best.chain, table, height=14).milliseconds, rel=0.01)
    _, out, _ = run(capsys, "design", *words)
    assert "least predicted time first" in out
    assert "igc-theory measure -o machine.json" in out
    assert f"\nPredicted by times of {table.where}.\n" in out
    assert "Predicted" not in run(capsys, "design", "--in", "48", "--out", "96")[1]
    status, _, err = run(capsys, "design", *words, "--table", str(tmp_path / "none.json"))
    assert (status, "none.json" in err) == (1, True)


def test_the_best_few_are_timed_and_ranked_by_that(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def paced(chain: Chain, *_: int, **setting: object) -> float:
        assert setting == {"runtime": "onnxruntime", "threads": 1}
        return 1e3 / chain.parameters

    monkeypatch.setattr("igc_theory.networks.timing.measure.chain_time", paced)
    found = designs(capsys, "--in", "16", "--out", "24", "--dense", "--measure", "4")
    weights = [row["parameters"] for row in found]
    assert len(found) == 4
    assert weights == sorted(weights, reverse=True)
    assert [row["measured ms"] for row in found] == pytest.approx([1e3 / count for count in weights], rel=0.01)


@pytest.mark.parametrize(("width", "left_out"), [(100, ""), (60, "of regular"), (44, "channels, of regular, paths")])
def test_the_table_of_blocks_fits_the_terminal(
    width: int, left_out: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    _, out, _ = run(capsys, "design", "--in", "192", "--out", "256", "--objective", "latency", "--top", "2")
    lines = out.partition("\n\n")[2].partition("\n\n")[0].splitlines()
    assert max(map(len, lines)) <= width
    assert lines[3:] == ([f"not shown: {left_out}"] if left_out else [])


@pytest.mark.parametrize(
    "words",
    [
        "--in 48 --out 96 --budget 3000",
        "--in 48 --out 96 --dense --stride 2 --factors 3-4 --min-width 3 --objective multiply-adds --kernel 3x5",
        "--in 24 --out 24 --multiple-of 8 --objective latency --image 14x28",
        "--in 24 --out 36 --dense --objective latency --measure 3",
    ],
)
def test_the_lines_of_python_give_the_first_design(
    words: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("igc_theory.networks.timing.measure.chain_time", lambda chain, *_, **__: 1e3 / chain.parameters)
    (first, *_), out = designs(capsys, *words.split()), run(capsys, "design", *words.split())[1]
    lines = [*takewhile(lambda line: line.startswith(6 * " "), out.partition("in Python:\n")[2].splitlines())]
    assert max(map(len, lines)) <= 80
    *imports, call = "\n".join(line[6:] for line in lines).partition("budget.best_block")[::2]
    names: dict[str, object] = {}
    exec("".join(imports), names)  # what the command prints
    found = eval(f"budget.best_block{call}", names)
    assert [repr(factor) for factor in found.convolutions] == first["convolutions"]


@pytest.mark.parametrize(
    "words",
    [
        "grade --igcv1 24 2",
        "grade --interleaved 174 6 6",
        "design --channels 416 --dense --top 4",
        "design --channels 65536 --top 2 --factors 12",
        "design --budget 4672 --multiple-of 8",
        "design --channels 192 --stride 2 --dense",
        "design --in 192 --out 256 --objective latency --top 2",
        "measure -o mine.json",
    ],
)
def test_answers_fit_a_narrow_terminal(
    words: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("igc_theory.networks.measure", lambda *_, **__: latency_table())
    monkeypatch.setenv("COLUMNS", "40")
    status, out, _ = run(capsys, *words.split())
    whole = [line for line in out.splitlines() if line.startswith("      from ") or len(line.split()) < 2]
    assert max(len(line) for line in out.splitlines() if line not in whole) <= 40
    assert (status, len(whole) < 20) == (0, True)


def test_the_table_of_blocks_stands_row_by_row_where_nothing_else_fits(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    _, out, _ = run(capsys, "design", "--in", "192", "--out", "256", "--objective", "latency", "--top", "2")
    lines = out.partition("\n\n")[2].partition("\n\n")[0].splitlines()
    names = ["channels", "weights", "of regular", "paths", "predicted ms"]
    assert [line.partition(":")[0].strip() for line in lines if ":" in line] == names * 2


def test_measure_says_how_well_it_predicts(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("igc_theory.networks.timing.measure.measure", lambda *_, **__: latency_table())
    monkeypatch.setattr("igc_theory.networks.measure", lambda *_, **__: latency_table())
    status, out, _ = run(capsys, "measure", "-o", str(tmp_path / "mine.json"))
    assert status == 0
    assert f"rank correlation {latency_table().rank_correlation:.3f}" in out
    assert " ".join(out.replace("\\\n", " ").split()).count(f"--table {tmp_path / 'mine.json'}") == 3


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            "measure -o none/x.json",
            "--output 'none/x.json' is in a folder that is not there: make {folder}/none, or give",
        ),
        ("measure -o .", "--output '.' is a folder: give a file in it, such as machine.json"),
        (
            "measure -o shut/x.json",
            "--output 'shut/x.json' cannot be written, as {folder}/shut is not open for it: give",
        ),
        (
            "audit vgg16 --html shut/x.html",
            "--html 'shut/x.html' cannot be written, as {folder}/shut is not open for it: give",
        ),
        ("audit vgg16 vgg19 --results file/a", "--results 'file/a' cannot be made (Not a directory): give a folder"),
        ("audit vgg16 vgg19 --results shut", "cannot be written, as {folder}/shut is not open for it: give"),
        ("audit vgg16 vgg19 --objective latency --table no.json", "--table 'no.json' cannot be read (No such file"),
        (
            "design --channels 8 --table no.json",
            "--table 'no.json' cannot be read (No such file or directory): give a file",
        ),
        (
            "rewrite file --keep 0.5 -o none/x.onnx",
            "--output 'none/x.onnx' is in a folder that is not there: make {folder}/none",
        ),
        (
            "rewrite file --keep 0.5 -o shut/x.onnx",
            "--output 'shut/x.onnx' cannot be written, as {folder}/shut is not open",
        ),
        (
            "rewrite file --keep 0.5 -o file2",
            "--output 'file2' is there already, and no --force: give another file, or --force",
        ),
        ("rewrite file --inputs no.npy", "--inputs 'no.npy' is not there: check the path"),
        ("rewrite file --inputs shut", "--inputs 'shut' is a folder: give one NumPy file of it"),
        ("rewrite no.onnx", "MODEL 'no.onnx' is not there: check the path"),
    ],
)
def test_files_are_looked_at_before_long_work(
    words: str,
    sentence: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shut").mkdir(), (tmp_path / "file").touch(), (tmp_path / "file2").touch()
    monkeypatch.setattr("os.access", lambda path, *_: Path(path) != tmp_path / "shut")  # which root may write to
    for work in (
        "timing.measure.chain_time",
        "timing.measure.machine",
        "rewriting.rewrite.rewritten_file",
        "audits.survey._row",
    ):
        monkeypatch.setattr(f"igc_theory.networks.{work}", lambda *_, **__: pytest.fail("worked"))
    monkeypatch.setattr("igc_theory.commands.audit._audited", lambda *_: pytest.fail("worked"))
    status, out, err = run(capsys, *words.split())
    assert (status, out) == (1, "")
    assert sentence.format(folder=tmp_path) in err


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/full"])
@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("audit", "NETWORK"),
        ("rewrite", "MODEL"),
        ("design --channels 8 --table", "--table"),
        ("audit vgg16 --objective latency --table", "--table"),
    ],
)
def test_a_device_is_not_read_to_an_end_that_it_has_not(
    words: str, name: str, device: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, err = run(capsys, *words.split(), device)
    sentence = f"{name} {device!r} is a device, which need have no end: give a file"
    assert (status, out, err) == (1, "", f"igc_theory: {sentence}\n")


def test_what_the_system_refuses_is_said_without_its_number(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", "mine.json")

    monkeypatch.setattr("igc_theory.networks.measure", refused)
    status, _, err = run(capsys, "measure", "-o", "mine.json")
    sentence = "'mine.json' cannot be read or written (Permission denied): check the path, or give another"
    assert (status, err) == (1, f"igc_theory: {sentence}\n")


def test_designs_are_those_of_the_library(capsys: pytest.CaptureFixture[str]) -> None:
    found = designs(capsys, "--channels", "256", "--top", "1000")
    expected = list(strict_designs(256, 9))
    assert [tuple(row["branch_widths"]) for row in found] == [design.branch_widths for design in expected]
    assert [row["parameters"] for row in found] == [design.parameters for design in expected]
    dense = designs(capsys, "--channels", "416", "--dense", "--top", "3")
    assert [tuple(row["paths"]) for row in dense] == [design.paths for design in islice(dense_designs(416, 9), 3)]


def test_limits_reach_the_search(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--channels", "96", "--min-width", "4", "--min-spatial-width", "2", "--kernel", "3x5", "--factors")
    for factors, expected in (("3", 3), ("2-3", (2, 3)), ("2-", (2, None))):
        best = best_strict(96, 15, factors=expected, min_width=4, min_spatial_width=2)
        assert tuple(designs(capsys, *words, factors)[0]["branch_widths"]) == best.branch_widths
        assert designs(capsys, *words, factors)[0]["kernel_size"] == [3, 5]


def test_budget_cuts_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    found = designs(capsys, "--channels", "64", "--budget", "1500", "--top", "99")
    assert [row["parameters"] for row in found] == [d.parameters for d in strict_designs(64, 9) if d.parameters <= 1500]


def test_budget_alone_finds_the_widest(capsys: pytest.CaptureFixture[str]) -> None:
    found = designs(capsys, "--budget", "4672", "--multiple-of", "8")
    assert found[0]["channels"] == widest_strict(4672, 9, multiple_of=8).channels
    found = designs(capsys, "--budget", "100000", "--dense")
    assert found[0]["channels"] == widest_dense(100_000, 9).channels
    _, out, _ = run(capsys, "design", "--budget", "4672")
    assert "No strict design with at most 4,672 weights is wider" in out


def test_table(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    status, out, err = run(capsys, "design", "--channels", "416", "--dense", "--top", "4")
    answer, _, further = out.partition("\n\nNext\n")
    title, note, blank, head, *rows = answer.splitlines()
    assert (status, err, blank, len(rows)) == (0, "", "", 4)
    assert title.startswith("Dense designs of 416 channels, 3×3 kernel")
    assert f"{416 * 416 * 9:,}" in note
    assert len({len(line) for line in (head, *rows)}) == 1
    best = best_dense(416, 9)
    assert f"{best.parameters:,}" in rows[0]
    assert f"Design(416, {best.branch_widths}, (3, 3)).chain" in further
    assert "igc-theory design --channels 416 --kernel 3x3 --dense --objective latency" in further


@pytest.mark.parametrize("channels", ["256", "416", "1024"])
def test_weights_per_channel_are_shown_at_80_columns(
    channels: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    _, out, _ = run(capsys, "design", "--channels", channels, "--dense")
    head, left_out = out.splitlines()[3], re.findall("^not shown: (.*)", out, re.MULTILINE)
    assert "per channel" in head
    assert left_out[0].startswith("factors")  # which can be counted


def test_the_blocks_of_a_width_are_those_between_equal_channels(capsys: pytest.CaptureFixture[str]) -> None:
    for words in ("--objective latency --image 14", "--objective multiply-adds --stride 2 --dense", "--stride 2"):
        same = designs(capsys, "--in", "48", "--out", "48", "--top", "3", *words.split())
        assert designs(capsys, "--channels", "48", "--top", "3", *words.split()) == same
    assert designs(capsys, "--channels", "48", "--table", str(STORED), "--top", "1")[0]["predicted ms"] > 0


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("--channels 256 --budget 1000", "--budget 1000 pays for no strict design of --channels 256 .* at least 6400"),
        ("--channels 13 --factors 4", "--factors 4 leaves no strict design of --channels 13: use --factors 2"),
        ("--channels 13 --min-spatial-width 14", "--min-spatial-width 14 leaves no strict .* at most 13"),
        ("--channels 8 --kernel 5000", "--kernel 5000x5000 has 25000000 entries, more than 1048576: use a smaller"),
        ("--budget 5", "--budget 5 pays for no strict design: use at least 9"),
        (
            "--budget 50 --dense --multiple-of 8",
            "--budget 50 pays for no dense design with --multiple-of 8: use at least 120",
        ),
        ("--channels 8 --min-width 1", "--min-width 1 is below 2"),
    ],
)
def test_nothing_satisfies_the_limits(capsys: pytest.CaptureFixture[str], words: str, sentence: str) -> None:
    status, out, err = run(capsys, "design", *words.split())
    assert (status, out) == (1, "")
    assert len(err.splitlines()) == 1
    with pytest.raises(AssertionError, match=sentence):
        raise AssertionError(err)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("", "COMMAND"),
        ("design", "give --channels, --budget or both"),
        ("design --in 3", "give --in and --out together"),
        ("design --in 3 --out 4 --channels 8", "give --in and --out together, and no --channels"),
        ("design --in 3 --out 4 --min-spatial-width 2", "--min-spatial-width goes with"),
        ("design --budget 800 --objective latency", "--objective goes with --channels, or with --in and --out"),
        ("design --budget 800 --measure 2", "--measure goes with --channels, or with --in and --out"),
        ("design --channels 8 --measure 2 --min-spatial-width 2", "--min-spatial-width does not go with --measure"),
        ("design --channels 8 --image 7", "--image goes with --objective latency, --table or --measure"),
        ("design --channels 8 --measure 0", "'0' is not a whole number of at least 1"),
        ("design --in 3 --out 4 --objective speed", "invalid choice"),
        ("measure", "-o"),
        ("design --budget 800 --stride 2", "--stride goes with --channels, or with --in and --out"),
        ("design --channels 0", "'0' is not a whole number"),
        ("design --channels 8.5", "'8.5' is not a whole number"),
        ("design --channels 64 --kernel 3x", "'3x' is not a window"),
        ("design --channels 64 --kernel 0", "'0' is not a window"),
        ("design --channels 64 --factors two", "'two' is not a number of factors"),
        ("design --channels 64 --factors 0", "'0' is not a number of factors"),
        ("design --channels 64 --multiple-of 8", "--multiple-of goes with --budget alone"),
        ("grade", "give a CHAIN"),
        (
            "grade foo",
            "usage: igc-theory grade [-h] CHAIN\nigc-theory grade: error: unrecognized arguments: foo; --help lists",
        ),
        ("--foo", "igc-theory: error: unrecognized arguments: --foo; --help lists"),
        ("grade --igcv1 3", "expected 2 arguments"),
        ("draw", "invalid choice: 'draw': use design, grade, audit, rewrite, measure"),
        ("desing --channels 64", "invalid choice: 'desing': did you mean design?"),
        ("--verion", "igc-theory: error: unrecognized arguments: --verion: did you mean --version?"),
        ("design --chanels 64 --top 3", "unrecognized arguments: --chanels 64: did you mean --channels?"),
        ("rewrite model.onnx --budge=3 --objectve=latency", "did you mean --objective?"),
        ("rewrite model.onnx -keep 0.5", "did you mean --keep?"),
        ("measure --ouput x", "unrecognized arguments: --ouput x: did you mean --output?"),
        ("rewrite --ouput", "unrecognized arguments: --ouput: did you mean --output or --input?"),
        ("rewrite", "give a MODEL: an ONNX file"),
        ("audit vgg16 --objective latancy", "argument --objective: invalid choice: 'latancy': did you mean latency?"),
    ],
)
def test_bad_usage(capsys: pytest.CaptureFixture[str], words: str, sentence: str) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(words.split())
    assert stopped.value.code == 2
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        "design --channels 8 --table",
        "audit vgg16 --table",
        "audit vgg16 --html",
        "audit vgg16 vgg19 --results",
        "rewrite",
        "rewrite a.onnx --output",
        "rewrite a.onnx --inputs",
        "rewrite a.onnx --table",
        "measure --output",
    ],
)
def test_an_empty_word_names_no_file(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main([*words.split(), ""])
    assert "'' names no file: give its name" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        "design --channels {}",
        "design --channels 8 --kernel 3x{}",
        "design --channels 8 --factors 2-{}",
        "audit vgg16 -j {}",
    ],
)
def test_numbers_that_python_does_not_read_are_refused_with_the_reason(
    words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(words.format("9" * 5000).split())
    assert "'9999999999…' has 5000 letters: give a number of at most 100 digits" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "grade"),
    [
        ("--igcv1 24 2", "strict"),
        ("--igcv2 1 8 8", "strict"),
        ("--interleaved 174 1 6 6 6", "1 to 2 paths per pair"),
        ("--interleaved 174 6 6", "not dense"),
    ],
)
def test_grade(capsys: pytest.CaptureFixture[str], words: str, grade: str) -> None:
    status, out, _ = run(capsys, "grade", *words.split())
    assert status == 0
    assert grade in out.splitlines()[-2]
    assert out.splitlines()[-1].startswith("  holds: ")


def test_grade_of_what_is_no_chain(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "grade", "--interleaved", "174", "5")[0] == 1
    with pytest.raises(SystemExit, match="2"):
        main(["grade", "--interleaved", "174"])
    assert "--interleaved 174 has no branch widths: give them behind C" in capsys.readouterr().err
    status, out, err = run(capsys, "grade", "--igcv1", "1000000", "1000000")
    assert (status, out) == (1, "")  # nothing is printed before it is known that there is an answer
    assert "chain has 4000000000000 channels, all factors together, above 134217728: take fewer channels" in err


def test_an_empty_range_of_factors_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["design", "--channels", "8", "--factors", "3-2"])
    assert "argument --factors: '3-2' is an empty range: give the smaller number first" in capsys.readouterr().err


def test_no_chain_names_the_chains(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["grade"])
    assert "give a CHAIN: --igcv1 L M, --igcv2 K ... or --interleaved C K ..." in capsys.readouterr().err


def test_no_command_names_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main([])
    assert "give a COMMAND, one of design, grade, audit, rewrite, measure; --help says" in capsys.readouterr().err


def test_numbers_of_paths_can_be_read(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert "1,037" in run(capsys, "design", "--channels", "257", "--dense")[1]
    assert "16,974,593" in run(capsys, "design", "--channels", "257", "--dense")[1]


def help_of(capsys: pytest.CaptureFixture[str], *command: str) -> str:
    """What `--help` prints."""
    with pytest.raises(SystemExit, match="0"):
        main([*command, "--help"])
    return capsys.readouterr().out


@pytest.mark.parametrize("columns", [40, 80, 120])
@pytest.mark.parametrize("command", [(), ("design",), ("grade",), ("audit",), ("rewrite",), ("measure",)])
def test_help_fits_the_terminal_and_teaches(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...], columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    page = help_of(capsys, *command)
    assert max(map(len, page.splitlines())) <= columns
    assert ("examples:" if command else "exit status:") in page


def test_every_command_is_in_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    listed = help_of(capsys).partition("COMMAND\n")[2].partition("exit status")[0]
    assert re.findall(r"^    (\w+)", listed, re.MULTILINE) == [add.__name__.removeprefix("add_") for add in COMMANDS]


@pytest.mark.parametrize("columns", [40, 80])
def test_examples_of_the_help_run(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    for command in ("design", "grade"):
        page = help_of(capsys, command).partition("examples:")[2].replace("\\\n", "")
        examples = [line.split() for line in page.splitlines() if line.split()[:1] == ["igc-theory"]]
        assert len(examples) >= 3
        for _, *words in examples:
            assert run(capsys, *words)[0] == 0, words


def test_as_a_process() -> None:
    command = [sys.executable, "-m", "igc_theory"]
    version = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True)
    assert version.stdout.strip() == f"igc_theory {igc_theory.__version__}"
    failed = subprocess.run([*command, "design", "--budget", "5"], capture_output=True, text=True, check=False)
    assert (failed.returncode, failed.stdout, "Traceback" in failed.stderr) == (1, "", False)
