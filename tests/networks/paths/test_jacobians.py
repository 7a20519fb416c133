"""Channel flow through the networks of the zoo against Jacobians of the modules of torchvision and timm (jacobians.csv)."""

import csv
import hashlib
from pathlib import Path

import numpy as np
import pytest

from igc_theory.networks import Network, network
from igc_theory.networks.paths.flow import steps_of

TABLE = list(csv.DictReader((Path(__file__).parent / "jacobians.csv").read_text("utf-8").splitlines()))
NAMES = dict.fromkeys(row["network"] for row in TABLE)


def _of_zoo(name: str) -> Network:
    word, _, groups = name.partition("_g")
    return network(word, groups=int(groups)) if groups.isdigit() else network(name)


def test_no_block_differs_from_its_jacobian() -> None:
    assert len(TABLE) > 300
    assert len([row for row in TABLE if " to " in row["block"]]) >= 58
    assert [row for row in TABLE if row["differ"] != "0"] == []


@pytest.mark.parametrize("name", NAMES)
def test_blocks_of_the_zoo_have_the_support_of_the_jacobian(name: str) -> None:
    steps = steps_of("network", _of_zoo(name))
    places = {block: (start, end) for block, start, end in steps.named}
    for row in (row for row in TABLE if row["network"] == name):
        first, _, last = row["block"].partition(" to ")
        place = places[first][0], places[last or first][1]
        support = steps.counts(*place, gates=row["gates"] == "1").support()
        assert support.shape == (int(row["outputs"]), int(row["inputs"])), row
        assert np.count_nonzero(support) == int(row["joined"]), row
        assert hashlib.sha256(np.packbits(support).tobytes()).hexdigest()[:16] == row["support"], row
