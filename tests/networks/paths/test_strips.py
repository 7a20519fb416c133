"""Strips and path maps: what their cells say, and that they can be told apart without colour."""

import re
from itertools import combinations
from urllib.parse import unquote
from xml.etree import ElementTree

import numpy as np
import pytest

from igc_theory.networks import block_flows, channel_flow, network
from igc_theory.networks.paths.pair_counts import PairCounts
from igc_theory.networks.paths.strips import CELLS, GRADES, path_map

LINEAR = np.array([0.2126, 0.7152, 0.0722])
"""Luminance of linear red, green and blue."""

DEUTERANOPIA = np.array(
    [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]]
)
"""On linear colours: Machado, Oliveira and Fernandes, 2009, at full severity."""

NAMED = {"white": "#FFFFFF", "black": "#000000"}


def _linear(colour: str) -> np.ndarray:
    text = NAMED.get(colour, colour)
    values = np.array([int(text[k : k + 2], 16) / 255 for k in (1, 3, 5)])
    return np.where(values > 0.04045, ((values + 0.055) / 1.055) ** 2.4, values / 12.92)


def _lightness(linear: np.ndarray) -> float:
    """Return CIE lightness, 0 to 100."""
    y = float(np.clip(LINEAR @ linear, 0, 1))
    return 116 * y ** (1 / 3) - 16 if y > 0.008856 else 903.3 * y


@pytest.mark.parametrize("seen", [np.eye(3), DEUTERANOPIA], ids=["grey", "deuteranopia"])
def test_grades_differ_in_lightness_and_letters_can_be_read(seen: np.ndarray) -> None:
    """Ten steps of lightness are told apart at a glance; 4.5 is the contrast that the accessibility guidelines ask of text."""
    levels = {grade: _lightness(seen @ _linear(colour)) for grade, (_, colour, _) in GRADES.items()}
    for first, second in combinations(levels, 2):
        assert abs(levels[first] - levels[second]) > 10, (first, second, levels)
    for _, colour, ink in GRADES.values():
        low, high = sorted(float(LINEAR @ np.clip(seen @ _linear(c), 0, 1)) for c in (colour, ink))
        assert (high + 0.05) / (low + 0.05) > 4.5, (colour, ink)


def test_letters_of_grades_differ() -> None:
    assert len({letter for letter, *_ in GRADES.values()}) == len(GRADES)


def _grid(picture: str) -> np.ndarray:
    """Return the opacity of each cell of a path map."""
    svg = ElementTree.fromstring(unquote(re.search(r'src="data:image/svg\+xml,([^"]*)"', picture)[1]))
    columns, rows = map(int, svg.get("viewBox").split()[2:])
    found = np.zeros((rows, columns))
    for rect in svg.iter("{http://www.w3.org/2000/svg}rect"):
        if rect.get("fill-opacity"):
            x, y, width, height = (int(rect.get(name)) for name in ("x", "y", "width", "height"))
            assert not found[y : y + height, x : x + width].any()
            found[y : y + height, x : x + width] = float(rect.get("fill-opacity"))
    return found


@pytest.mark.parametrize("name", ["mixnet_s", "alexnet", "shufflenet"])
def test_maps_are_white_where_no_path_is_and_there_alone(name: str) -> None:
    for block in block_flows(network(name))[:7]:
        counts = block.counts()
        rows, columns = (np.arange(n) * min(n, CELLS) // n for n in counts.shape)
        sums = np.zeros((rows[-1] + 1, columns[-1] + 1))
        np.add.at(sums, (rows[:, None], columns[None, :]), counts.astype(float))
        means = sums / np.outer(np.bincount(rows), np.bincount(columns)) / counts.max()
        expected = np.where(means > 0, 0.2 + 0.8 * means, 0)
        assert np.abs(_grid(path_map(block)) - expected).max() <= 0.0051, block.name


def test_a_strip_has_a_cell_per_block_that_opens_its_map() -> None:
    flow = channel_flow(network("mixnet_s"))
    html = flow._repr_html_()
    cells = re.findall(r"<details.*?</details>", html)
    assert len(cells) == len(flow.blocks) == html.count("<img")
    for cell, block in zip(cells, flow.blocks, strict=True):
        assert f">{GRADES[block.main.kind][0]}</summary>" in cell
        assert f"<strong>{block.name}</strong>" in cell
        assert block.main.sentence in cell
        assert "alt=" in cell


def test_branches_side_by_side_are_seen_as_one_group_convolution() -> None:
    """Convolutions of unequal width on the parts of a split; identities are branches of one channel."""
    source = PairCounts.identity(10)
    mixed = [source.taken(np.arange(4)).mixed(8, 1), source.taken(np.arange(4, 10)).mixed(3, 1)]
    assert PairCounts.stacked(mixed).branches() == [(4, 8), (6, 3)]
    assert PairCounts.identity(3).branches() == [(1, 1)] * 3
    assert (
        PairCounts.summed([PairCounts.identity(4), PairCounts.identity(4).taken(np.array([1, 2, 3, 3]))]).branches()
        is None
    )
    unit = {block.name: block.main for block in block_flows(network("shufflenet_v2"))}["stage2.unit2"]
    assert sorted(unit.branches) == [(1, 1)] * 58 + [(58, 58)]
    assert unit.sentence.endswith("as in one group convolution of unequal branches: 58 of 1 → 1, 58 → 58")


def test_modules_inside_blocks_have_a_verdict_of_their_own() -> None:
    """A ghost module doubles each channel; windows of several sizes side by side are depthwise; gates are no modules."""
    ghosts = channel_flow(network("ghostnet")).modules
    assert len(ghosts) == 32
    assert {(ins, outs) for ghost in ghosts for ins, outs in ghost.main.branches} == {(1, 2)}
    mixed = channel_flow(network("mixnet_s")).modules
    assert {block.name.rpartition(".")[2] for block in mixed} == {"mixed"}
    assert {branch for block in mixed for branch in block.main.branches} == {(1, 1)}
