"""Kernels that start within a tenth of a second: forked from a process that has imported what notebooks import, and done no more.

Each notebook still gets a process and a namespace of its own. The build takes them where several notebooks are run, and starts a
new interpreter for one alone, or where the system cannot fork.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import threading
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import Any

IMPORTED = [
    "notebooks.build",  # a forked process runs its main module once more, which then finds all that it imports
    "ipykernel.kernelapp",
    "ipykernel.debugger",
    "IPython.core.completer",
    "IPython.core.magics",
    "IPython.extensions.storemagic",
    "matplotlib_inline.backend_inline",
    "matplotlib.pyplot",
    "scipy.sparse.linalg",
    "scipy.stats",
    "sympy",
    "ipywidgets",
    "igc_theory.budget.derivations",
    "igc_theory.kernels.projection.project",
    "igc_theory.networks.paths.flow",
    "igc_theory.views.tables",
]
os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")  # the debugger would warn of modules that are frozen

AVAILABLE = "forkserver" in multiprocessing.get_all_start_methods()
"""Whether this system can fork: Windows cannot."""

SERVER = multiprocessing.get_context("forkserver" if AVAILABLE else None)
if AVAILABLE:
    SERVER.set_forkserver_preload(IMPORTED)


class WarmKernel:
    """A forked kernel with the methods of `subprocess.Popen` that jupyter_client asks for."""

    stdin = stdout = stderr = None

    def __init__(self, arguments: Sequence[str], environment: dict[str, str], folder: str) -> None:
        told, ready = SERVER.Pipe()
        self.process = SERVER.Process(target=_run, args=(arguments, environment, folder, ready))
        self.process.start()
        ready.close()
        self.pid: int = told.recv()
        self.kill, self.terminate = self.process.kill, self.process.terminate

    def poll(self) -> int | None:
        """Return the exit status, or None as long as it runs."""
        return self.process.exitcode

    def wait(self) -> int | None:
        """Return the exit status once there is one."""
        self.process.join()
        return self.process.exitcode

    def send_signal(self, number: int) -> None:
        """Send a signal to the kernel alone."""
        os.kill(self.pid, number)


def _run(arguments: Sequence[str], environment: dict[str, str], folder: str, ready: Connection) -> None:
    """Become a kernel, in a process group of its own: jupyter_client ends the whole group."""
    gc.freeze()  # what was imported stays: to look through it for garbage takes longer than most cells
    os.setsid()
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    ready.send(os.getpid())
    from ipykernel.kernelapp import IPKernelApp
    from tqdm import tqdm

    tqdm.set_lock(threading.RLock())  # one among processes would be left behind by a kernel that is ended

    # It ends when its parent does, as a kernel that jupyter_client started.
    IPKernelApp.launch_instance(list(arguments), parent_handle=os.getppid())
    os._exit(0)  # without waiting for its threads


def launch(command: Sequence[str], *, env: dict[str, str], cwd: str, **_: Any) -> WarmKernel:
    """Start the kernel that ``python -m ipykernel_launcher …`` would be; stands in for jupyter_client's `launch_kernel`."""
    return WarmKernel(command[command.index("ipykernel_launcher") + 1 :], env, cwd)
