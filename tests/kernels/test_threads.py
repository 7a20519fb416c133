"""The threads of the BLAS: held while a call runs, put back behind it, whoever else calls."""

from __future__ import annotations

import os
from threading import Barrier, Thread

import numpy as np
import pytest

from igc_theory.kernels import caches, convolve, threads


class Library:
    """A BLAS that counts its settings."""

    def __init__(self, number: int) -> None:
        self.number, self.settings = number, []

    def threads(self) -> int:
        return self.number

    def set_threads(self, number: int) -> None:
        self.number = number
        self.settings.append(number)


@pytest.fixture
def libraries(monkeypatch):
    both = Library(4), Library(2)
    monkeypatch.setattr(threads, "blas_libraries", lambda: both)
    return both


def numbers(libraries):
    return [library.number for library in libraries]


def test_calls_nest_and_the_last_one_puts_back(libraries):
    with threads.one_blas_thread() as outside:
        assert outside == 4
        with threads.one_blas_thread() as again:
            assert again == 4
        assert numbers(libraries) == [1, 1]
    assert numbers(libraries) == [4, 2]
    assert libraries[0].settings == [1, 4]


def test_an_exception_puts_back(libraries):
    with pytest.raises(KeyError), threads.one_blas_thread():
        raise KeyError
    assert numbers(libraries) == [4, 2]


def test_two_threads_in_any_order_put_back_what_was_there(libraries):
    inside, first_left = Barrier(2), Barrier(2)

    def first():
        with threads.one_blas_thread():
            inside.wait()
        first_left.wait()

    thread = Thread(target=first)
    thread.start()
    inside.wait()
    with threads.one_blas_thread() as outside:
        first_left.wait()  # it came first and left first
        assert outside == 4
        assert numbers(libraries) == [1, 1]
    thread.join()
    assert numbers(libraries) == [4, 2]


def test_a_number_that_somebody_else_sets_meanwhile_stays(libraries):
    with threads.one_blas_thread():
        libraries[0].set_threads(3)
    assert numbers(libraries) == [3, 2]


def test_one_thread_is_left_alone(monkeypatch):
    library = Library(1)
    monkeypatch.setattr(threads, "blas_libraries", lambda: (library,))
    with threads.one_blas_thread() as outside:
        assert outside == 1
    assert library.settings == []


def test_the_blas_in_this_process_obeys():
    pytest.importorskip("threadpoolctl")
    libraries = threads.blas_libraries()
    before = numbers_of(libraries)
    assert libraries
    for library in libraries:
        library.set_threads(2)
    try:
        with threads.one_blas_thread() as outside:
            assert outside == 2
            assert numbers_of(libraries) == [1] * len(libraries)
        assert numbers_of(libraries) == [2] * len(libraries)
    finally:
        for library, number in zip(libraries, before, strict=True):
            library.set_threads(number)


def numbers_of(libraries):
    return [library.threads() for library in libraries]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_child_of_a_fork_is_not_held(libraries):
    with threads.one_blas_thread():
        threads._forget()  # what a child does first
        assert numbers(libraries) == [4, 2]
    assert threads._CALLS == [0]
    assert numbers(libraries) == [4, 2]


@pytest.mark.parametrize("count", [1, 2, 3, 8])
def test_tasks_run_once_each_whatever_the_threads(count):
    done = []
    threads.run_together([lambda k=k: done.append(k) for k in range(50)], count, "counting")
    assert sorted(done) == list(range(50))


def test_an_exception_of_a_task_is_raised():
    def fail():
        raise ValueError("this one")

    with pytest.raises(ValueError, match="this one"):
        threads.run_together([fail, *[lambda: None] * 5], 2)


@pytest.mark.parametrize("groups", [1, 8, 32])
def test_convolutions_in_several_threads_are_those_in_one(monkeypatch, groups):
    rng = np.random.default_rng(1)
    image, kernel = rng.standard_normal((32, 30, 29)), rng.standard_normal((32, 32 // groups, 3, 3))
    alone = convolve(image, kernel, groups, stride=(2, 1))
    monkeypatch.setattr("igc_theory.kernels.correlation.threads_for", lambda _: 3)
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    np.testing.assert_allclose(convolve(image, kernel, groups, stride=(2, 1)), alone, atol=1e-12)
    pixel = kernel[:, :, :1, :1]
    together = convolve(image, pixel, groups)
    monkeypatch.undo()
    np.testing.assert_allclose(together, convolve(image, pixel, groups), atol=1e-12)


def test_cache_sizes_are_read_as_linux_writes_them(monkeypatch, tmp_path):
    for index, (kind, level, size) in enumerate(
        [("Instruction", "1", "32K"), ("Data", "1", "48K"), ("Unified", "2", "2048K"), ("Unified", "3", "105M")]
    ):
        folder = tmp_path / f"index{index}"
        folder.mkdir()
        for name, text in (("type", kind), ("level", level), ("size", size)):
            (folder / name).write_text(f"{text}\n")
    (tmp_path / "index9").mkdir()  # a hidden one
    monkeypatch.setattr(caches, "_FOLDER", tmp_path)
    assert list(caches.data_caches()) == [("1", "48K"), ("2", "2048K"), ("3", "105M")]
    caches.cache_bytes.cache_clear()
    assert [caches.cache_bytes(level) for level in (1, 2, 3)] == [48 * 2**10, 2**21, 105 * 2**20]
    caches.cache_bytes.cache_clear()


def test_ordinary_caches_where_the_system_does_not_tell(monkeypatch, tmp_path):
    monkeypatch.setattr(caches, "_FOLDER", tmp_path)
    caches.cache_bytes.cache_clear()
    assert [caches.cache_bytes(level) for level in (1, 2, 3)] == [2**15, 2**20, 2**24]
    caches.cache_bytes.cache_clear()
