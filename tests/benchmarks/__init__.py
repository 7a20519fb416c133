"""Timings, kept apart from the tests: ``python -m tests.benchmarks`` runs them and writes ``results``."""

import os

# Before any library starts its threads: two OpenMP run-times in one process disturb each other even when both are told later
# to use one thread.
for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_variable] = "1"
