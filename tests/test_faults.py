"""Full disks, stopped and killed runs, torn and foreign files: what is there stays whole, and a sentence says what happened."""

import errno
import importlib
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from experiments.records import key, read, still_valid, write
from igc_theory import __main__ as command_line
from igc_theory.kernels.products.files import replacing
from igc_theory.networks import latency_table
from tools import files, processes
from tools.files import BuildError, replace_files

pytestmark = pytest.mark.hostile

FULL = OSError(errno.ENOSPC, "No space left on device")


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def failing(function, at: int, error: BaseException):
    """Return the function, which raises at its call number `at`."""
    calls = iter(range(1, 1000))

    def called(*arguments, **options):
        if next(calls) == at:
            raise error
        return function(*arguments, **options)

    return called


# --- files of one figure: all or none -------------------------------------------------------------------------------

NAMES = ("data/f.csv", "out/f.svg", "out/f.pdf", "out/f.png")


@pytest.mark.parametrize("at", [1, 2, 3, 4])
@pytest.mark.parametrize("step", ["fdopen", "replace"])
@pytest.mark.parametrize("old", [NAMES, NAMES[:2], ()])
def test_all_files_of_a_figure_are_new_or_none(tmp_path, monkeypatch, step, at, old):
    for name in old:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"old")
    monkeypatch.setattr(files.os, step, failing(getattr(os, step), at, FULL))
    with pytest.raises(BuildError, match=r"cannot be written .*No space left"):
        replace_files({tmp_path / name: b"new" for name in NAMES})
    assert contents(tmp_path) == dict.fromkeys(old, b"old")


def test_ctrl_c_between_two_files_brings_the_first_back(tmp_path, monkeypatch):
    replace_files({tmp_path / name: b"old" for name in NAMES})
    monkeypatch.setattr(files.os, "replace", failing(os.replace, 3, KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        replace_files({tmp_path / name: b"new" for name in NAMES})
    assert contents(tmp_path) == dict.fromkeys(NAMES, b"old")


def test_a_folder_in_the_place_of_a_file(tmp_path):
    (tmp_path / "out/f.pdf").mkdir(parents=True)
    (tmp_path / "out/f.pdf/mine.txt").write_bytes(b"mine")
    with pytest.raises(BuildError, match="cannot be written"):
        replace_files({tmp_path / name: b"new" for name in NAMES})
    assert contents(tmp_path) == {"out/f.pdf/mine.txt": b"mine"}


@pytest.mark.parametrize("kind", ["build", "library"])
def test_writers_of_one_file_do_not_meet(tmp_path, kind):
    path = tmp_path / "page.html"

    def one(number: int) -> None:
        content = bytes([65 + number % 26]) * 10_000
        if kind == "build":
            files.replace_file(path, content)
            return
        with replacing(path) as file:
            file.write(content)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(one, range(60)))
    assert len(set(path.read_bytes())) == 1
    assert list(contents(tmp_path)) == ["page.html"]


@pytest.mark.parametrize("kind", ["build", "library"])
def test_what_dead_writers_left_is_removed_and_what_live_ones_write_is_not(tmp_path, kind):
    path = tmp_path / "page.html"
    ending = "abcdefgh" if kind == "build" else "0123456789abcdef" * 2
    dead, alive = tmp_path / f".page.html.{ending}.part", tmp_path / f".page.html.{ending[::-1]}.part"
    for part in (dead, alive):
        part.write_bytes(b"half")
    os.utime(dead, (time.time() - 7200,) * 2)
    if kind == "build":
        files.replace_file(path, b"whole")
    else:
        with replacing(path) as file:
            file.write(b"whole")
    assert sorted(contents(tmp_path)) == sorted([alive.name, "page.html"])


# --- figures --------------------------------------------------------------------------------------------------------


@pytest.fixture
def figures(tmp_path, monkeypatch):
    build = importlib.import_module("figures.build")
    monkeypatch.setattr(build, "HERE", tmp_path)
    return build


@pytest.mark.parametrize(("text", "sentence"), [
    (b"", "lists no"), (b"[[figure\n", "is not TOML"), (b"\xff\xfe", "cannot be read as UTF-8"), (b"figure = 3\n", "lists no"),
    (b'[[figure]]\nname = "a"\ntitle = "t"\ncaption = "c"\nalt = "a"\n' * 2, "lists a twice"),
    (b'[[figure]]\nname = "../a"\ntitle = "t"\ncaption = "c"\nalt = "a"\n', "not the name of a script"),
])  # fmt: skip
def test_a_broken_manifest_leaves_the_gallery(figures, tmp_path, text, sentence):
    (tmp_path / "manifest.toml").write_bytes(text)
    with pytest.raises(SystemExit, match=sentence):
        figures.main([])
    assert contents(tmp_path) == {"manifest.toml": text}


@pytest.mark.parametrize("bad", [b"", b"a,b\n1\n", b"\xff\xfe\0", b"L,x\n1,2\n"])
def test_numbers_that_are_broken_are_computed_again(figures, tmp_path, bad):
    (tmp_path / "data").mkdir()
    (tmp_path / "data/f.csv").write_bytes(bad)

    class Script:
        @staticmethod
        def data():
            return {"L": [1, 2], "x": [0.5, 1.5]}

    text, differences = figures.numbers("f", Script)
    assert text == "L,x\n1,0.5\n2,1.5\n"
    assert differences


# --- the site -------------------------------------------------------------------------------------------------------


@pytest.fixture
def website(monkeypatch):
    for package in ("nbconvert", "pdoc", "bokeh", "jinja2"):
        pytest.importorskip(package, reason="the extra site is not installed")
    build = importlib.import_module("website.build")
    monkeypatch.setattr(build, "pages", lambda: {"index.html": "page"})
    monkeypatch.setattr(build.reference, "pages", lambda _: {"igc_theory.html": "api"})
    monkeypatch.setattr(build, "assets", lambda mathjax: {"mathjax/tex-svg.js": mathjax})
    return build


def test_the_site_removes_only_what_it_wrote(website, tmp_path):
    script, site = tmp_path / "m.js", tmp_path / "site"
    script.write_bytes(b"js")
    site.mkdir()
    website.build(site, script)
    written = contents(site)
    (site / "api/thesis.txt").write_bytes(b"years of work")
    (site / website.MARKER).write_text((site / website.MARKER).read_text() + "stale.html\n../m.js\n")
    (site / "stale.html").write_bytes(b"of an earlier build")
    website.build(site, script)
    assert contents(site) == written | {"api/thesis.txt": b"years of work"}
    assert script.read_bytes() == b"js"


@pytest.mark.parametrize("kind", ["folder of others", "file", "link"])
def test_the_site_is_not_written_over_what_others_made(website, tmp_path, kind):
    script, place = tmp_path / "m.js", tmp_path / "mine"
    script.write_bytes(b"js")
    if kind == "file":
        place.write_bytes(b"mine")
    else:
        (tmp_path / "home").mkdir()
        (tmp_path / "home/thesis.txt").write_bytes(b"years of work")
        place.symlink_to(tmp_path / "home") if kind == "link" else (tmp_path / "home").rename(place)
    before = contents(tmp_path)
    with pytest.raises(BuildError, match=r"--out .*: name (an|one) "):
        website.build(place, script)
    assert contents(tmp_path) == before


def test_a_page_that_cannot_be_made_leaves_the_old_site(website, tmp_path, monkeypatch):
    (tmp_path / "m.js").write_bytes(b"js")
    website.build(tmp_path / "site", tmp_path / "m.js")
    before = contents(tmp_path)
    monkeypatch.setattr(website, "pages", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        website.build(tmp_path / "site", tmp_path / "m.js")
    assert contents(tmp_path) == before


# --- experiments ----------------------------------------------------------------------------------------------------

ROWS = [
    {"dataset": "digits", "budget": "one", "design": f"C={c}", "seed": 0, "steps": 400, "test": 97.5, "numpy": "2.4"}
    for c in range(3)
]


@pytest.mark.parametrize("torn", range(1, 60, 7))
def test_a_torn_row_is_run_again(tmp_path, torn):
    path = tmp_path / "a.csv"
    write(path, ROWS)
    path.write_bytes(path.read_bytes()[:-torn])
    whole = 2 if torn <= len("digits,one,C=2,0,400,97.5,2.4\n") else 1
    assert [key(row) for row in read(path)] == [key(row) for row in ROWS[:whole]]


@pytest.mark.parametrize("text", [b"digits,one,C=0,0,400,97.5,2.4\n", b"\xff\xfe\n", b"<html>\n</html>\n"])
def test_a_file_of_something_else_is_refused(tmp_path, text):
    (tmp_path / "a.csv").write_bytes(text)
    with pytest.raises(BuildError, match=r"a\.csv (has no header|cannot be read)"):
        read(tmp_path / "a.csv")


def test_rows_of_another_plan_or_version_are_run_again(tmp_path):
    write(tmp_path / "a.csv", ROWS)
    rows = read(tmp_path / "a.csv")
    steps = {key(row): 400 for row in ROWS}
    assert [*still_valid(rows, steps, {"numpy": "2.4"})] == [*steps]
    assert still_valid(rows, steps, {"numpy": "2.5"}) == {}
    assert still_valid(rows, steps, {"torch": "2.5"}) == {}
    assert [*still_valid(rows, {**steps, key(ROWS[1]): 500}, {})] == [key(ROWS[0]), key(ROWS[2])]
    assert [*still_valid(rows, {key(ROWS[2]): 400}, {})] == [key(ROWS[2])]


ALONE = """
import sys, time
from pathlib import Path
from tools.processes import alone_in
with alone_in(Path(sys.argv[1])):
    print("in", flush=True)
    time.sleep(60)
"""


def test_two_runs_do_not_write_to_one_folder(tmp_path):
    first = subprocess.Popen(
        [sys.executable, "-c", ALONE, str(tmp_path)], cwd=files.ROOT, stdout=subprocess.PIPE, text=True
    )
    with first:
        assert first.stdout.readline() == "in\n"
        with pytest.raises(BuildError, match="another run is writing"), processes.alone_in(tmp_path):
            pass
        first.kill()
    with processes.alone_in(tmp_path):  # the lock of a dead process holds nobody up
        assert (tmp_path / ".lock").exists()


WORKERS = """
import os, time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from tools.processes import end_with_parent
if __name__ == "__main__":
    pool = ProcessPoolExecutor(2, get_context("spawn"), end_with_parent, (os.getpid(),))
    print(*{pool.submit(os.getpid).result() for _ in range(2)}, flush=True)
    pool.submit(time.sleep, 60)
    time.sleep(60)
"""


def test_killed_runs_leave_no_processes(tmp_path):
    (tmp_path / "run.py").write_text(WORKERS)
    settings = os.environ | {"PYTHONPATH": str(files.ROOT)}
    run = subprocess.Popen([sys.executable, tmp_path / "run.py"], env=settings, stdout=subprocess.PIPE, text=True)
    with run:
        workers = [int(number) for number in run.stdout.readline().split()]
        assert workers
        run.kill()
    assert gone(workers)


def gone(numbers: list[int]) -> bool:
    """Return whether processes end within half a minute; a zombie that nobody fetched has ended."""
    stop = time.monotonic() + 30
    while time.monotonic() < stop:
        states = [Path(f"/proc/{number}/stat") for number in numbers]
        if not any(state.exists() and ") Z " not in state.read_text() for state in states):
            return True
        time.sleep(0.2)
    return False


# --- the command line -----------------------------------------------------------------------------------------------

COMMANDS = {
    "design": "design --channels 64 --top 1",
    "grade": "grade --igcv1 4 2",
    "audit": "audit igc_l4m8",
    "rewrite": "rewrite model.onnx --keep 0.5",
    "measure": "measure -o machine.json",
}


def answered(capsys, words: list[str]) -> tuple[int, str, str]:
    status = command_line.main(words)
    return status, *capsys.readouterr()


def test_every_command_is_tried_here():
    assert {f"add_{name}" for name in COMMANDS} == {add.__name__ for add in command_line.COMMANDS}


@pytest.fixture
def workshop(tmp_path, monkeypatch):
    """A folder to run in with a model of one layer; nothing is timed in it, the library's own table stands for that."""
    onnx = pytest.importorskip("onnx", reason="the extra onnx is not installed")
    ends = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, 16, 8, 8]) for name in "xy"]
    weights = onnx.numpy_helper.from_array(np.random.default_rng(0).standard_normal((16, 16, 1, 1), np.float32), "w")
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Conv", ["x", "w"], ["y"])], "", ends[:1], ends[1:], [weights]
    )
    onnx.save(onnx.helper.make_model(graph), tmp_path / "model.onnx")
    monkeypatch.setattr("igc_theory.networks.measure", lambda *_, **__: latency_table())
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("workshop")
@pytest.mark.parametrize("name", COMMANDS)
def test_exit_statuses_of_answers_and_wrong_use(capsys, name):
    status, out, err = answered(capsys, COMMANDS[name].split())
    assert (status, bool(out), err) == (0, True, "")
    for words in ([name], [name, "--no-such-option"], [*COMMANDS[name].split(), "--no-such-option"]):
        with pytest.raises(SystemExit) as stopped:
            command_line.main(words)
        assert stopped.value.code == 2
        assert ": error: " in capsys.readouterr().err
    for line in command_line.STATUSES.splitlines()[1:]:
        assert line.split()[0] in ("0", "1", "2", "130")


@pytest.mark.parametrize("words", [
    "design --channels 13 --factors 4", "grade --interleaved 174 5",
    "grade --igcv1 100000 100000", "audit no_such_network", "audit {folder}", "audit {foreign}", "audit {folder}/none.onnx",
    "audit igc_l4m8 --html {folder}", "audit igc_l4m8 --html {folder}/none/page.html", "audit igc_l4m8 --html {foreign}/page.html",
    "audit igc_l4m8 --input 4x32x32",
])  # fmt: skip
def test_what_has_no_answer_gets_one_line_and_status_1(capsys, tmp_path, words):
    (tmp_path / "foreign.onnx").write_bytes(b"\x89PNG\r\n\x1a\n" * 40)
    before = contents(tmp_path)
    status, _, err = answered(capsys, words.format(folder=tmp_path, foreign=tmp_path / "foreign.onnx").split())
    assert status == 1
    assert err.startswith("igc_theory: ")
    assert len(err.splitlines()) == 1
    assert contents(tmp_path) == before


@pytest.mark.parametrize(("error", "status", "words"), [
    (KeyboardInterrupt(), 130, "stopped"), (MemoryError(), 1, "memory does not suffice"), (FULL, 1, "No space left"),
    (BrokenPipeError(), 0, ""),
])  # fmt: skip
@pytest.mark.parametrize("name", COMMANDS)
def test_interruptions_leave_no_traceback(capsys, monkeypatch, name, error, status, words):
    def run(_):
        raise error

    monkeypatch.setattr(f"igc_theory.commands.{name}._{name}", run)
    found, _, err = answered(capsys, COMMANDS[name].split())
    assert found == status
    assert words in err
    assert len(err.splitlines()) == bool(words)


@pytest.mark.parametrize("words", ["--html", "--json"])
def test_a_full_disk_keeps_the_old_page(capsys, monkeypatch, tmp_path, words):
    page = tmp_path / "page.html"
    page.write_bytes(b"old")
    monkeypatch.setattr("igc_theory.kernels.products.files.os.replace", failing(os.replace, 1, FULL))
    status, _, err = answered(
        capsys, ["audit", "igc_l4m8", "--json", *([words, str(page)] if words == "--html" else [])]
    )
    assert (status, "No space left" in err) == ((1, True) if words == "--html" else (0, False))
    assert contents(tmp_path) == {"page.html": b"old"}


@pytest.mark.parametrize("setting", ["ascii", "closed"])
def test_terminals_without_letters_and_readers_that_left(setting):
    """In a process of its own: pytest's capturing has an encoding and a reader."""
    command = [sys.executable, "-m", "igc_theory", *COMMANDS["design"].split()]
    settings = os.environ | {"PYTHONPATH": str(files.ROOT), "PYTHONIOENCODING": "ascii"}
    with subprocess.Popen(command, env=settings, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        if setting == "closed":
            run.stdout.close()
        else:
            assert b"1 ? 4" in run.stdout.read()
        assert (run.wait(), run.stderr.read()) == (0, b"")


@pytest.mark.parametrize("words", ["--help", "--version", "design --help", COMMANDS["design"]])
@pytest.mark.parametrize("setting", ["closed", "full"])
def test_help_that_cannot_be_written_is_like_an_answer_that_cannot(words, setting):
    command, buffered = [sys.executable, "-m", "igc_theory", *words.split()], dict(os.environ)
    buffered |= {"PYTHONPATH": str(files.ROOT), "PYTHONUNBUFFERED": ""}
    with (
        open("/dev/full", "wb") as full,
        subprocess.Popen(
            command, env=buffered, stdout=full if setting == "full" else subprocess.PIPE, stderr=subprocess.PIPE
        ) as run,
    ):
        if setting == "closed":
            run.stdout.close()
        sentence = (
            b"igc_theory: the answer cannot be read or written (No space left on device): check the path, or give"
        )
        expected = (1, [sentence + b" another"]) if setting == "full" else (0, [])
        assert (run.wait(), run.stderr.read().splitlines()) == expected


def test_ctrl_c_stops_builds_with_one_line(capsys):
    def stopped():
        raise KeyboardInterrupt

    assert processes.or_stopped(stopped) == 130
    assert capsys.readouterr().err == "stopped: what was finished is kept\n"
    for script in ("figures/build.py", "notebooks/build.py", "website/build.py", "experiments/run.py"):
        assert "sys.exit(or_stopped(main))" in (files.ROOT / script).read_text()


def test_a_closed_pipe_ends_builds_without_a_word():
    code = (
        "import sys; from tools.processes import or_stopped; sys.exit(or_stopped(lambda: print('a line ' * 99) or 0))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=files.ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as run:
        run.stdout.close()
        assert (run.wait(), run.stderr.read()) == (0, b"")


def test_ctrl_c_is_heard_while_libraries_load():
    """What takes long to import is imported within `main`, which catches it."""
    program = (
        "import sys, igc_theory.__main__; print(sorted({'numpy', 'scipy', 'sympy', 'matplotlib'} & set(sys.modules)))"
    )
    settings = os.environ | {"PYTHONPATH": str(files.ROOT)}
    done = subprocess.run([sys.executable, "-c", program], env=settings, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
