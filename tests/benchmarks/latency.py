"""Time beside weights: blocks of the papers and designs of the library at equal width, in onnxruntime on one thread."""

from __future__ import annotations

from collections.abc import Iterator
from math import isqrt

from igc_theory.budget import best_dense, best_strict, multiply_adds
from igc_theory.budget.designs.best_block import best_blocks
from igc_theory.budget.latency import LatencyTable, chain_latency
from igc_theory.networks import measure
from igc_theory.networks.timing.runtimes import chain_call, fastest
from igc_theory.networks.timing.tables import STORED, latency_table, write_table
from igc_theory.structure import (
    Chain,
    depthwise_separable,
    group,
    igcv1,
    igcv2,
    igcv3,
    inverted_residual,
    regular,
    shufflenet_unit,
)
from tests.benchmarks.timing import Row, Verdict

TITLE = "Time beside weights"
NOTES = """Layers of 3×3 from C to C channels on images of `side` × `side`, float32, one image, one thread, shuffles folded into
weights where that is exact. `ms` is the time with the shuffles that are left as Reshape, Transpose, Reshape; `ms gather` with one
Gather each; `ms convolutions` without them, which computes something else. `predicted ms` comes from the table of the same
machine, fitted to single layers. Times are the best of several rounds in processor time."""

WIDTHS = (192, 384, 576)
SIDES = (14, 28)
SECONDS = 0.4
ROUNDS = 3
SHORTLIST = 5

Case = tuple[str, Chain]


def run(quick: bool = False) -> list[Row]:
    """Time the table of layers first, then every family; a full run keeps the table as the one of the library."""
    table = measure(seconds=5 if quick else 100)
    if not quick:
        write_table(STORED, table)
    sizes = [(C, side) for side in (SIDES[:1] if quick else SIDES) for C in (WIDTHS[:1] if quick else WIDTHS)]
    rows: list[Row] = []
    for C, side in sizes:
        rows += [_row(name, chain, side, table) for name, chain in _families(C)]
        shortlist = best_blocks(SHORTLIST, C, C, objective="latency", table=table, image=side)
        timed = [_row("fastest by prediction", design.chain, side, table) for design in shortlist]
        rows += [timed[0], min(timed, key=lambda row: float(row["ms"] or 0)) | {"family": "fastest of five, measured"}]
    return rows


def _families(C: int) -> Iterator[Case]:
    """Yield the blocks of the papers and the designs with the fewest weights, of one width."""
    fewest = best_dense(C)
    half = max(width for width in range(1, isqrt(C) + 1) if C % width == 0)
    narrow = isqrt(fewest.parameters // 9)
    yield "regular", regular(C, C)
    yield "regular, as few weights", regular(narrow, narrow)
    yield "group, 8 branches", group(C, C, 8)
    yield "depthwise separable", depthwise_separable(C, C)
    yield "inverted residual, t = 6", inverted_residual(C, C)
    yield "ShuffleNet unit, 3 branches", shufflenet_unit(C, 3)
    yield "IGCV1, M = 2", igcv1(C // 2, 2)
    yield "IGCV2, three factors", igcv2([1, half, C // half])
    yield "IGCV2, fewest weights", best_strict(C).chain
    yield "IGCV3, t = 6", igcv3(C, C)
    yield "dense, fewest weights", fewest.chain


def _row(name: str, chain: Chain, side: int, table: LatencyTable) -> Row:
    """Time a chain with its shuffles in two forms and without them, the three taking turns."""
    calls = {
        "ms": chain_call(chain, side, side, "onnxruntime"),
        "ms gather": chain_call(chain, side, side, "onnxruntime", transpose=False),
        "ms convolutions": chain_call(Chain(chain.convolutions), side, side, "onnxruntime"),
    }
    rounds = [{kind: fastest(call, SECONDS / ROUNDS) for kind, call in calls.items()} for _ in range(ROUNDS)]
    row: Row = {
        "family": name,
        "channels": chain.in_channels,
        "side": side,
        "branch widths": " × ".join(str(conv.in_width) for conv in chain.convolutions),
        "weights": chain.parameters,
        "multiply-adds": multiply_adds(chain, side, side),
        "predicted ms": chain_latency(chain, table, side, side).milliseconds,
    }
    return row | {kind: min(times[kind] for times in rounds) for kind in calls}


def verdicts(rows: list[Row]) -> list[Verdict]:
    """Return the targets with what was measured."""
    table = latency_table()
    found = [Verdict("rank correlation over 100 chains kept from the fit: at least 0.95", f"{table.rank_correlation:.3f}",
                     table.rank_correlation >= 0.95)]  # fmt: skip
    times = {(row["channels"], row["side"], row["family"]): float(row["ms"] or 0) for row in rows}
    for C, side in sorted({key[:2] for key in times if (*key[:2], "dense, fewest weights") in times}):
        faster = times[C, side, "dense, fewest weights"] / times[C, side, "fastest of five, measured"]
        found.append(Verdict(f"C = {C}, {side}×{side}: faster than the fewest weights, at least 1.2 times",
                             f"{faster:.2f}×", faster >= 1.2))  # fmt: skip
    return found
