"""Processes of long runs: none that outlives the one that started it, and one run at a time in a folder."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tools.files import BuildError, shown

__all__ = ["STOPPED", "alone_in", "end_with_parent", "or_stopped"]

STOPPED = 130
"""The exit status of a command that Ctrl-C stops."""


def end_with_parent(parent: int) -> None:
    """Let a worker end when the process that started it is gone, however that was stopped."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Refuse to run where another process does, whose rows would be lost; a dead one holds nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / ".lock", "w", encoding="utf-8") as lock:
        try:
            import fcntl

            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except ImportError:  # not on this system: two runs there have to keep out of each other's way
            pass
        except BlockingIOError:
            raise BuildError(f"another run is writing to {shown(folder)}: wait for it, or stop it") from None
        yield


def or_stopped(main: Callable[[], int]) -> int:
    """Return the exit status of a command; Ctrl-C ends it with one line, a closed pipe without a word.

    Examples
    --------
    >>> or_stopped(lambda: 0)
    0
    """
    try:
        status = main()
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        sys.stderr.write("stopped: what was finished is kept\n")
        return STOPPED
    except BrokenPipeError:  # head, less: the reader has seen enough
        with suppress(OSError, ValueError):  # Python would complain at exit about what it cannot write
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
