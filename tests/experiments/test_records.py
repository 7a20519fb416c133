"""Rows of results survive a stop: a file is the old one or the new one."""

import os

import pytest

from experiments.records import append, key, read, write

ROWS = [
    {"dataset": "digits", "budget": "one", "design": "C=8 K=1,8", "seed": 0, "test": 97.5},
    {"dataset": "digits", "budget": "one", "design": "C=8 K=1,8", "seed": 1, "test": 96.5},
]


def test_rows_come_back_as_text(tmp_path):
    write(tmp_path / "a.csv", ROWS)
    assert read(tmp_path / "a.csv") == [{name: str(value) for name, value in row.items()} for row in ROWS]
    assert [key(row) for row in read(tmp_path / "a.csv")] == [key(row) for row in ROWS]


def test_no_file_is_no_rows(tmp_path):
    assert read(tmp_path / "none.csv") == []


def test_a_stop_while_writing_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.csv"
    write(path, ROWS[:1])
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        write(path, ROWS)
    assert len(read(path)) == 1
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.csv"]


def test_rows_are_added_to_those_that_are_there(tmp_path):
    for row in ROWS:
        append(tmp_path / "new" / "a.csv", [row])
    write(tmp_path / "b.csv", ROWS)
    assert (tmp_path / "new" / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


def test_no_rows_are_no_file(tmp_path):
    write(tmp_path / "a.csv", ROWS)
    write(tmp_path / "a.csv", [])
    assert not (tmp_path / "a.csv").exists()
