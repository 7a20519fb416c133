"""The recount takes every printed number once, tries the same conventions everywhere, and does not fit."""

from decimal import Decimal
from math import prod

import pytest

from igc_theory.networks import Linear, Network, Norm, Pool, network, published_tables, recount
from igc_theory.networks.description.layers import convolution
from igc_theory.networks.printed.claims import claims, claims_table
from igc_theory.networks.printed.recount import CONVENTIONS, UNITS, recount_table
from igc_theory.networks.printed.recount_rows import CLASSES, ROWS


def test_every_printed_count_has_one_row() -> None:
    printed = [
        (table.id, cell)
        for table in published_tables()
        for column in UNITS
        if column in table.columns
        for cell in table.column(column)
        if cell is not None
    ]
    figures = recount()
    assert sorted((figure.table, figure.printed) for figure in figures) == sorted((t, str(c)) for t, c in printed)
    assert len(figures) > 80


def test_no_row_of_the_map_is_idle() -> None:
    labels = {
        (
            dict(zip(table.columns, row, strict=True)).get("network"),
            dict(zip(table.columns, row, strict=True)).get("depth"),
        )
        for table in published_tables()
        for row in table.rows
    }
    assert set(ROWS) <= labels
    assert set(CLASSES) == {table.id for table in published_tables()}


def test_agreement_means_the_printed_digits() -> None:
    """Checked with float formatting and text truncation, which the library does not use."""
    for figure in recount():
        if not figure.agrees:
            continue
        value, places = figure.count / figure.unit, -Decimal(figure.printed).as_tuple().exponent
        cut = f"{value:.12f}"[: len(f"{value:.12f}") - 12 + places].rstrip(".")
        assert Decimal(figure.printed) in {Decimal(f"{value:.{places}f}"), Decimal(cut)}


# All parameters as torchvision and timm print them, less the batch-norm or the classifier where the convention leaves these out.
TOTALS = {
    ("MobileNetV2", "parameters"): 3_504_872 - 34_112,
    ("MobileNetV2", "multiply-adds"): 300_774_272,
    ("EfficientNet-B0", "parameters"): 5_288_548,
    ("EfficientNet-B0", "multiply-adds"): 385_814_752,
    ("ConvNeXt-T", "parameters"): 28_589_128 - 768 * 1000 - 1000,
    ("ResNet [10], 110 layers", "parameters"): 1_727_962,
}


@pytest.mark.parametrize(("row", "quantity"), TOTALS)
def test_counts_are_those_of_other_libraries(row: str, quantity: str) -> None:
    figure = next(figure for figure in recount() if (figure.row, figure.quantity) == (row, quantity))
    assert figure.count == TOTALS[row, quantity]


def test_conventions_are_tried_on_a_network_counted_by_hand() -> None:
    """A convolution of 3 to 4 channels with batch-norm, 2×2 outputs, and linear layers of 6 and of 5 with biases."""
    nodes = (convolution(3, 4, 1), Pool("average", 2, 2), Linear(4, 6), Linear(6, 5))
    net = Network("by hand", (3, 2, 2), nodes)
    counted = {name: [count(net) for count in ways.values()] for name, ways in CONVENTIONS.items()}
    # 12 weights, 8 numbers of batch-norm, 24 + 6 and 30 + 5 of the linear layers; 12 products at each of four places, 24 and 30.
    assert counted == {"parameters": [85, 77, 66, 50, 12], "multiply-adds": [102, 72]}


def test_a_wrong_print_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """One convolution more, and the printed figure of ResNet-110 no longer agrees."""
    monkeypatch.setitem(ROWS, ("ResNet [10]", 110), ("cifar_resnet", {"depth": 134}))
    figure = next(figure for figure in recount("igcv1-table7") if figure.row == "ResNet [10], 110 layers")
    assert figure.agrees is False
    assert "no convention found, off by +" in figure.verdict


def test_known_agreements_and_mismatches() -> None:
    figures = {(figure.row, figure.quantity): figure for figure in recount() if figure.table != "igcv3-shufflenetv2"}
    agreeing = ["IGC-L16M32, 20 layers", "IGC-L450M2, 20 layers", "IGC-L32M26, 20 layers", "IGC-L100M2+Ident."]
    assert all(figures[row, "parameters"].agrees for row in agreeing)
    off = ["ResNet (C=69)", "ResNet stochastic depth, 1202 layers", "IGCV3-D (1.4)", "IGCV2*-C416, 20 layers"]
    assert not any(figures[row, "parameters"].agrees for row in off)
    assert figures["NasNet-A", "parameters"].verdict == "not counted here"
    assert figures["MobileNetV2", "parameters"].verdict == "without batch-norm or weights only, cut off"
    assert figures["IGC-L16M32, 20 layers", "parameters"].verdict.startswith("all parameters (100 classes) or ")


def test_figures_of_the_compared_networks_recompute() -> None:
    """What agrees, and what does not by any convention; nothing was fitted, so both lists are findings."""
    figures = {(figure.row, figure.quantity): figure for figure in recount()}
    parameters = [
        *(
            "ShuffleNetV2 1.0x",
            "Large dm=1",
            "Large dm=0.75",
            "EfficientNet-B0",
            "MixNet-S",
            "RegNetY-400MF",
            "ConvNeXt-T",
        ),
        *("RepVGG-A0 (train)", "RepVGG-A0 (deploy)", "mobileone-s0", "CondenseNet-74 (C=G=8)"),
    ]
    products = [
        *(
            "Large dm=1",
            "Large dm=0.75",
            "EfficientNet-B0",
            "GhostNet",
            "RegNetY-400MF",
            "ConvNeXt-T",
            "RepVGG-A0 (deploy)",
        ),
        *("ShuffleNetV1 2.0x (group=3)", "ShuffleNetV1 1.0x (group=8)"),
    ]
    off = ["ShuffleNetV2 1.0x", "ShuffleNetV1 1.0x (group=3)", "Small dm=1", "MixNet-S", "CondenseNet-74 (C=G=4)"]
    assert all(figures[row, "parameters"].agrees for row in parameters)
    assert all(figures[row, "multiply-adds"].agrees for row in products)
    assert not any(figures[row, "multiply-adds"].agrees for row in [*off, "ResNeXt-101 (32x4d)"])
    assert not figures["Small dm=1", "parameters"].agrees


@pytest.mark.parametrize(("groups", "millions"), [(4, 529), (8, 274)])
def test_condensenet_s_print_counts_activations_and_pooling(groups: int, millions: int) -> None:
    """The counter of its repository adds a ReLU's activations, the numbers that are pooled, and the classifier's biases."""
    net = network(f"condensenet74_g{groups}")
    activated = sum(layer.activations for layer in net.layers if isinstance(layer.node, Norm))
    pooled = sum(prod(layer.input_shape) for layer in net.layers if isinstance(layer.node, Pool))
    assert round((net.multiply_adds + activated + pooled + net.counts.bias) / 10**6) == millions


def test_table_shows_every_figure() -> None:
    assert len(recount_table().rows) == len(recount())


def test_claims_are_ratios_of_counts() -> None:
    by_words = {(row.claim, row.comparison): row for row in claims()}
    row = by_words["CIFAR: nearly half of the weights saved", "IGC-L24M2 v. RegConv-W16, depth 20"]
    assert row.counted == pytest.approx(100 * (1 - (149_904 + 1_920) / (267_696 + 640)))
    row = by_words["ImageNet: half of the multiply–adds saved", "IGC-L100M2+Ident. v. ResNet (C=69)"]
    # ResNet-18 of 69 channels: the stem, four convolutions at 56², and three stages of four with a projection each.
    regular = 112**2 * 147 * 69 + 56**2 * 36 * 69**2 + 8 * 69 * 1000
    regular += sum((56 >> k) ** 2 * ((10 * (69 << k - 1) * (69 << k)) + 27 * (69 << k) ** 2) for k in (1, 2, 3))
    assert row.counted == pytest.approx(100 * (1 - 1_264_780_800 / regular))
    assert len(claims_table().rows) == len(by_words)


def test_igcv3_leads_most_when_small() -> None:
    gains = [row.printed for row in claims() if row.claim.startswith("IGCV3") and "our impl" in row.comparison]
    assert gains[0] == max(gains)
