"""Strict, loose and uneven designs of one width and exactly equal weights: paths differ, and with them what is spatial."""

from __future__ import annotations

from experiments.data import Data
from experiments.models import Design
from igc_theory.structure.blocks import interleaved

CLAIM = "loose beats strict when width is scarce; even path counts beat uneven ones"
SEEDS = 64
WIDTHS = {
    (3, 3): {
        "scarce": (24, {"strict": [3, 2, 4], "uneven": [3, 3, 3], "loose": [2, 3, 12], "looser": [1, 12, 12]}),
        "ample": (60, {"strict": [3, 4, 5], "uneven": [2, 3, 15], "uneven, more": [2, 6, 12], "loose": [1, 12, 15]}),
    },
    (1, 5): {
        "scarce": (24, {"strict": [3, 2, 4], "uneven": [3, 3, 3], "loose": [2, 3, 8], "looser": [1, 4, 12]}),
        "ample": (72, {"strict": [1, 4, 18], "uneven": [3, 3, 9], "uneven, more": [3, 6, 6], "loose": [2, 8, 9]}),
    },
}
"""By window and budget: channels, and branch widths by role, the spatial factor first.

Strict: one path per pair; uneven: between p and p + 1; loose and looser: p > 1 everywhere. All but C=72, K=2,8,9, with two paths
everywhere, are also loosely complementary at every split.
"""


def designs(data: Data, seed: int) -> list[Design]:
    """Return the designs of both budgets."""
    return [
        Design(
            f"C={channels} K={','.join(map(str, widths))}",
            role,
            (interleaved(channels, widths, data.window),) * 2,
            budget,
        )
        for budget, (channels, roles) in WIDTHS[data.window].items()
        for role, widths in roles.items()
    ]
