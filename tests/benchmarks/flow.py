"""Channel flow through networks of timm: how long it takes to grade all blocks and stages, and to see where all channels meet."""

from __future__ import annotations

import statistics
import time

from igc_theory.networks import channel_flow, from_torch
from tests.benchmarks.timing import Row, Verdict, number, peer

TITLE = "Grading whole networks"
NOTES = """Milliseconds for networks of timm, once each is read: `grades` are the verdicts of all blocks and stages, with and
without shortcuts and gates. `meet` is how many blocks it takes from each on until all channels have met. Medians of three runs."""

NETWORKS = (
    "mixnet_s", "ghostnet_100", "mobilenetv3_large_100", "efficientnet_b0", "mobileone_s0", "regnety_004", "resnext50_32x4d",
    "resnet50", "densenet121", "convnext_tiny", "vit_tiny_patch16_224", "swin_tiny_patch4_window7_224",
)  # fmt: skip
TARGET = 1000.0


def run(quick: bool = False) -> list[Row]:
    """Return one row per network; none where torch or timm is missing."""
    if peer("timm") is None:
        return []
    return [_row(name) for name in (NETWORKS[:1] if quick else NETWORKS)]


def verdicts(rows: list[Row]) -> list[Verdict]:
    """Return the slowest of all networks beside the target."""
    times = [value for row in rows if (value := number(row, "both ms")) is not None]
    target = f"grades and meet, every network: at most {TARGET:.0f} ms"
    if not times:
        return [Verdict(target, "timm is not installed", None)]
    return [Verdict(target, f"{max(times):.0f} ms ({len(times)} networks)", max(times) <= TARGET)]


def _row(name: str) -> Row:
    import timm
    import torch

    with torch.device("meta"):
        module = timm.create_model(name)
    network = from_torch(module, tuple(module.pretrained_cfg["input_size"]))
    times = []
    for _ in range(3):
        start = time.process_time()
        flow = channel_flow(network)
        graded = time.process_time()
        mixing = flow.mixing
        times.append((1e3 * (graded - start), 1e3 * (time.process_time() - graded)))
    grades, meet = (statistics.median(column) for column in zip(*times, strict=True))
    kinds = [block.main.kind for block in flow.blocks]
    return {
        "network": name,
        "blocks": len(flow.blocks),
        "not dense": kinds.count("not dense"),
        "unknown": kinds.count("unknown"),
        "longest until all meet": max((n for n in mixing if n is not None), default=None),
        "grades ms": grades,
        "meet ms": meet,
        "both ms": grades + meet,
    }
