"""What runs layers on this machine: onnxruntime or PyTorch, how a call is timed there, and what its times depend on."""

from __future__ import annotations

import os
import platform
import re
import time
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from igc_theory.kernels.caches import data_caches
from igc_theory.kernels.products.product import Product
from igc_theory.kernels.products.random_product import random_product
from igc_theory.kernels.products.weights import carried_weights
from igc_theory.networks.rewriting.onnx_chains import chain_model
from igc_theory.networks.rewriting.torch_modules import torch_call
from igc_theory.structure.chains import Chain
from igc_theory.structure.shuffles import fold_shuffles

__all__ = ["RUNTIMES", "chain_call", "fastest", "machine"]

RUNTIMES = ("onnxruntime", "torch")

ROUNDS = 5
"""Fewest rounds of a measurement, the best of which counts."""

Call = Callable[[], object]


def chain_call(
    chain: Chain, height: int, width: int, runtime: str, *, threads: int = 1, times: int = 1, transpose: bool = True
) -> Call:
    """Return a call that applies a chain with random weights to one image, `times` times in series.

    Shuffles are folded into the weights as far as they can be, for both runtimes; `transpose` says how onnxruntime gets the rest.
    """
    drawn = random_product(chain, np.random.default_rng(0), np.float32)
    if runtime == "torch":
        folded = fold_shuffles(chain)
        spared = Product(folded.chain, carried_weights(folded, drawn.weights))
        return torch_call(spared, height, width, times=times, threads=threads)
    onnxruntime = _imported()
    model = chain_model(drawn, height, width, np.float32, times=times, transpose=transpose).SerializeToString()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    image = {"x": np.random.default_rng(1).random((1, chain.in_channels, height, width), np.float32)}
    return lambda: session.run(None, image)


def _imported() -> Any:
    try:
        return import_module("onnxruntime")
    except ImportError as error:
        way_out = "pip install onnxruntime, or time in PyTorch (measure('torch'), or a table made by it)"
        raise ImportError(f"timing in onnxruntime needs this package: {way_out}") from error


def fastest(call: Call, seconds: float, *, threads: int = 1) -> float:
    """Return the milliseconds of a call: the best of several rounds that take about `seconds` together.

    On one thread its own processor time counts, which leaves out the turns of other programs; else the time of the wall clock.
    """
    clock = time.thread_time if threads == 1 else time.perf_counter
    for _ in range(2):
        start = clock()
        call()
        once = max(clock() - start, 1e-7)
    repeats = max(1, int(seconds / ROUNDS / once / 3))
    best, end, rounds = once, time.perf_counter() + seconds, 0
    while rounds < ROUNDS or time.perf_counter() < end:
        start = clock()
        for _ in range(repeats):
            call()
        best, rounds = min(best, (clock() - start) / repeats), rounds + 1
    return 1000 * best


def machine(runtime: str, threads: int) -> dict[str, str]:
    """Return what times depend on, in words: runtime, threads, processor, caches, versions.

    Examples
    --------
    >>> machine("onnxruntime", 1)["threads"]
    '1'
    """
    return {
        "runtime": f"{runtime} {_version(runtime)}",
        "threads": str(threads),
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "caches": ", ".join(f"L{level} {size}" for level, size in data_caches()) or "unknown",
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "of unknown version"


def _processor() -> str:
    about = Path("/proc/cpuinfo")
    name = re.search(r"model name\s*:\s*(.+)", about.read_text(encoding="utf-8")) if about.exists() else None
    return name.group(1) if name else platform.processor() or "unknown"
