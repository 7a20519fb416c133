"""Whole networks against counts published elsewhere, and against a walk that shares nothing with the library."""

import csv
import inspect
from pathlib import Path

import numpy as np
import pytest

from igc_theory.budget import multiply_adds
from igc_theory.networks import Conv, Network, network, network_names, path_polynomial, stage_path_counts
from igc_theory.networks.zoo.catalogue import FAMILIES, NAMED
from igc_theory.structure import Chain, GroupConv

# torchvision's documentation gives parameters and multiply–adds (in units of 10⁹, three digits) for these weights.
TORCHVISION = {
    "alexnet": ({"groups": 1, "widths": (64, 192, 384, 256, 256)}, 61_100_840, 0.714),
    "vgg11": ({}, 132_863_336, 7.609),
    "vgg13": ({}, 133_047_848, 11.308),
    "vgg16": ({}, 138_357_544, 15.470),
    "vgg19": ({}, 143_667_240, 19.632),
    "googlenet": ({"batch_norm": True, "largest_window": 3}, 6_624_904, 1.498),
    "resnet18": ({}, 11_689_512, 1.814),
    "resnet34": ({}, 21_797_672, 3.664),
    "resnet50": ({}, 25_557_032, 4.089),
    "resnet101": ({}, 44_549_160, 7.801),
    "resnet152": ({}, 60_192_808, 11.514),
    "resnext50_32x4d": ({}, 25_028_904, 4.230),
    "resnext101_32x8d": ({}, 88_791_336, 16.414),
    "wide_resnet50_2": ({}, 68_883_240, 11.398),
    "mobilenet_v2": ({}, 3_504_872, 0.301),
}

# Exact counts printed by papers, by model collections (Keras: Xception; pytorchcv: ShuffleNet, IGCV3; MobileNetV1), or by hand.
PARAMETERS = {
    "alexnet": ({}, 60_965_224),
    "alexnet_one_tower": ({}, 62_378_344),
    "googlenet": ({}, 6_998_552),
    "xception": ({}, 22_855_952),
    "mobilenet_v1": ({}, 4_231_976),
    "shufflenet": ({}, 1_865_728),
    "igcv3_d": ({}, 3_491_688),
    "cifar_resnet20": ({}, 269_722),
    "cifar_resnet110": ({}, 1_727_962),
    "cifar_resnet1202": ({}, 19_421_274),
    "preactivation_resnet164": ({}, 1_703_258),
    "wrn_28_10": ({}, 36_479_194),
    "densenet": ({}, 1_019_722),
}


@pytest.mark.parametrize("name", TORCHVISION)
def test_counts_agree_with_torchvision(name: str) -> None:
    parameters, expected, billions = TORCHVISION[name]
    net = network(name, **parameters)
    assert net.parameters == expected
    assert round(net.multiply_adds / 10**9, 3) == billions


with (Path(__file__).parent / "module_counts.csv").open(encoding="utf-8") as file:
    MODULES = {row["network"]: row for row in csv.DictReader(file)}  # written by tools/module_counts.py, which says how


@pytest.mark.parametrize("name", MODULES)
def test_counts_are_those_of_the_module(name: str) -> None:
    row, net = MODULES[name], network(name)
    assert (net.parameters, net.multiply_adds) == (int(row["parameters"]), int(row["multiply_adds"]))


def test_every_network_with_a_gate_or_a_merge_is_compared_with_a_module() -> None:
    families = ("efficientnet", "mobilenet_v3", "mixnet_s", "ghostnet", "repvgg", "mobileone", "regnet_y", "convnext")
    named = {name for name, (family, _) in NAMED.items() if family in families}
    assert named <= set(MODULES)


@pytest.mark.parametrize("name", ["repvgg_a0", "repvgg_b0", "mobileone_s0"])
def test_what_is_merged_is_the_largest_convolution_of_each_block_with_a_bias(name: str) -> None:
    """Batch-norms become a bias, pointwise convolutions and identities disappear: what is left is a plain stack."""
    merged, trained = network(f"{name}_merged"), network(name)
    assert merged.counts.batch_norm == 0
    assert merged.depth == trained.depth
    assert path_polynomial(merged).paths == 1
    convolutions = [layer for layer in merged.layers if isinstance(layer.node, Conv)]
    assert merged.counts.bias == sum(layer.output_shape[0] for layer in convolutions) + 1000


def test_condensenet_by_hand() -> None:
    """A layer that reads c channels: c·4k/G weights, 4k·k·9/G, and batch-norms of c and 4k channels."""
    total, channels = 27 * 16, 16
    for layers, growth in ((4, 8), (6, 16), (8, 32), (10, 64), (8, 128)):
        for _ in range(layers):
            total += (channels * 4 * growth + 36 * growth * growth) // 8 + 2 * (channels + 4 * growth)
            channels += growth
    assert channels == 2064
    assert network("condensenet74_g8").parameters == total + 2 * channels + (channels // 2 + 1) * 1000


def test_half_of_a_shufflenet_v2_unit_is_left_as_it_is() -> None:
    """Of 116 channels 58 have one path from themselves, the others 58 paths from each of theirs."""
    counts = stage_path_counts(Network("unit", (116, 8, 8), network("shufflenet_v2_x1.0").blocks[1:2]), "stage2")
    assert [int(row.sum()) for row in counts[:4]] == [1, 58 * 58, 1, 58 * 58]
    assert counts[0, 0] == counts[2, 1] == 1
    assert counts[1, :58].sum() == 0


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters_agree_with_published_counts(name: str) -> None:
    parameters, expected = PARAMETERS[name]
    assert network(name, **parameters).parameters == expected


def test_multiply_adds_known_to_the_last_digit() -> None:
    assert network("resnet50").multiply_adds == 4_089_184_256
    assert network("mobilenet_v2").multiply_adds == 300_774_272
    assert network("vgg16").multiply_adds == 15_470_264_320


def test_igc_networks_have_the_counts_of_the_papers_rules() -> None:
    assert network("regconv_w18", depth=20).counts.convolution == 338_742
    assert network("igc_l24m2", depth=20).counts.convolution == 149_904
    counts = network("igc_imagenet_l100m2").counts
    assert counts.convolution + counts.linear + counts.bias == 8_607_700


@pytest.mark.parametrize(("L", "M", "depth"), [(4, 8, 20), (24, 2, 38), (450, 2, 20), (3, 5, 8)])
def test_igc_cifar_follows_the_closed_form(L: int, M: int, depth: int) -> None:
    """``L M² S + M L²`` a layer, with half the primary weights where a stage begins."""
    layers = (depth - 2) // 3
    total = 27 * L * M
    for stage in range(3):
        m = M << stage
        total += layers * (L * m * m * 9 + m * L * L) - (L * m * m * 9 // 2 if stage else 0)
    assert network("igc", L=L, M=M, depth=depth).counts.convolution == total


def test_identity_shortcuts_add_grouped_projections_only() -> None:
    plain, identity = network("igc_l24m2"), network("igc_l24m2", identity=True)
    # 1×1 projections with 24 groups: 48·96/24 and 96·192/24.
    assert identity.counts.convolution - plain.counts.convolution == 48 * 4 + 96 * 8


def test_summation_fusion_stores_only_the_primary_convolution() -> None:
    fused, igc = network("sumfusion", L=4, M=8), network("igc_l4m8")
    primary = [layer for layer in igc.layers if isinstance(layer.node, Conv) and layer.node.kind == "group 3×3"]
    assert fused.counts.convolution == 27 * 32 + sum(layer.counts.convolution for layer in primary)
    assert fused.multiply_adds < igc.multiply_adds


def test_highway_gates_double_the_layers_but_not_the_stem() -> None:
    counts = network("highway", depth=10, width=16).counts
    assert counts.convolution == 27 * 16 + 8 * 2 * 9 * 16 * 16
    assert counts.bias == 16 + 8 * 2 * 16 + 10


def test_igcv2_star_layers() -> None:
    """Depthwise 3×3, then ⌈log₈ C⌉ pointwise factors of width 8, for 416, 832 and 1664 channels: 3, 4 and 4."""
    net = network("igcv2_star_c416")
    assert net.counts.convolution == 27 * 416 + 6 * (416 * (9 + 24) + 832 * (9 + 32) + 1664 * (9 + 32))


def test_igcv3_with_one_group_each_has_the_weights_of_mobilenet_v2() -> None:
    """The first block differs: IGCV3-D keeps a 1×1 convolution where MobileNetV2 leaves out the expansion."""
    mobile = network("mobilenet_v2")
    igc = network("igcv3_d", groups=(1, 1), repeats=(1, 2, 3, 4, 3, 3, 1))
    assert igc.counts.convolution == mobile.counts.convolution + 32 * 32


@pytest.mark.parametrize(
    ("width", "millions", "parameters"),
    [(0.35, 59, 1.66), (0.5, 97, 1.95), (0.75, 209, 2.61), (1.0, 300, 3.47), (1.3, 509, 5.34), (1.4, 582, 6.06)],
)
def test_mobilenet_v2_widths(width: float, millions: int, parameters: float) -> None:
    """The authors' own table of checkpoints (TensorFlow models, mobilenet/README): batch-norm is not counted there."""
    net = network("mobilenet_v2", width=width)
    assert abs(net.multiply_adds / 10**6 - millions) < 1
    assert round((net.parameters - net.counts.batch_norm) / 10**6, 2) == parameters


@pytest.mark.parametrize(("name", "millions"), [("resnet50", 11.11), ("resnet18", 2.48), ("mobilenet_v2", 6.68)])
def test_activations_agree_with_model_collections(name: str, millions: float) -> None:
    """The activation counts that timm prints for these models at 224 (convolution and classifier outputs)."""
    assert round(network(name).activations / 10**6, 2) == millions


def test_images_need_not_be_square() -> None:
    conv = Conv(GroupConv(3, 8, kernel_size=(3, 5), stride=(2, 1)))
    net = Network("wide", (3, 9, 20), (conv,))
    assert net.multiply_adds == 3 * 8 * 15 * 5 * 20
    assert net.activations == 8 * 5 * 20


def test_peak_activations_by_hand() -> None:
    """VGG-16: the second convolution reads and writes 64×224×224."""
    assert network("vgg16").peak_activations == 2 * 64 * 224 * 224


def _walk_by_hand(net: Network) -> tuple[int, int]:
    """Count again from the rows of the table: weights of each convolution from its shapes and groups alone."""
    weights = products = 0
    for layer in net.layers:
        if isinstance(layer.node, Conv) and not layer.node.fixed:
            (read, _, _), (written, height, width) = layer.input_shape, layer.output_shape
            kh, kw = layer.node.convolution.window
            own = (read // layer.groups) * written * kh * kw
            weights, products = weights + own, products + own * height * width
    return weights, products


@pytest.mark.parametrize("name", ["alexnet", "shufflenet", "igc_imagenet_l16m16", "igcv3_d", "fractalnet", "densenet"])
def test_a_second_walk_finds_the_same(name: str) -> None:
    net = network(name)
    weights, products = _walk_by_hand(net)
    assert weights == net.counts.convolution
    assert products == net.multiply_adds - net.counts.linear


def test_multiply_adds_are_those_of_the_budget_room() -> None:
    net = network("igcv3_d")
    total = 0
    for layer in net.layers:
        if isinstance(layer.node, Conv):
            total += multiply_adds(Chain([layer.node.convolution]), *layer.input_shape[1:])
    assert total == net.multiply_adds - net.counts.linear


@pytest.mark.parametrize("name", network_names())
def test_every_name_builds_ends_in_its_classes_and_shows_itself(name: str) -> None:
    net = network(name)
    assert net.layers[-1].output_shape[0] == net.layers[-1].node.out_features
    assert net.parameters == sum(net.counts) == sum(layer.counts.total for layer in net.layers)
    assert f"{net.parameters:,}" in repr(net.table())
    assert f"{net.multiply_adds:,}" in net._repr_html_()
    assert net.source


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_takes_the_number_of_classes(family: str) -> None:
    assert "classes" in inspect.signature(FAMILIES[family]).parameters
    assert network(family, classes=7).layers[-1].output_shape == (7, 1, 1)


def test_lists_are_as_good_as_tuples() -> None:
    assert network("igcv3_d", groups=[2, 2]) is network("igcv3_d", groups=(2, 2))


def test_spelling_does_not_matter() -> None:
    assert network("IGC-L24M2") is network("igc_l24m2")
    assert network("Mobilenet V2").parameters == 3_504_872


@pytest.mark.parametrize(
    ("name", "parameters", "error", "words"),
    [
        ("resnet5O", {}, ValueError, "did you mean resnet50"),
        ("resnet50.onnx", {}, ValueError, r"is not known: read_onnx\('resnet50.onnx'\) reads a file, network_names"),
        ("zzz", {}, ValueError, "network_names"),
        (50, {}, TypeError, "name=50 is an int: give a string"),
        ("vgg16", {"width": 2}, TypeError, "use depth, classes"),
        ("alexnet", {"widths": 5}, TypeError, "widths=5 is an int, not a sequence: give a tuple of integers"),
        ("resnet50", {"classes": 0}, ValueError, "classes=0 is below 1: use an integer of at least 1"),
        ("highway", {"depth": 2}, ValueError, "at least 3"),
        ("deeply_fused", {"depths": ((3,), ())}, ValueError, r"depths\[1\]=\(\) is empty"),
        ("vgg", {"depth": 12}, ValueError, "11, 13, 16, 19"),
        ("cifar_resnet", {"depth": 21}, ValueError, "use 20 or 26"),
        ("igc_l24m2", {"depth": 21}, ValueError, "use 20 or 23"),
        ("igc_l24m2", {"depth": 23, "identity": True}, ValueError, "use 20 or 26"),
        ("igcv3_d", {"width": 0}, ValueError, "width=0 is outside"),
        ("igcv3_d", {"width": "1"}, TypeError, "not a real number"),
        ("igcv3_d", {"repeats": (1, 2)}, ValueError, "not 7"),
        ("shufflenet", {"groups": 5}, ValueError, "use one of 1, 2, 3, 4, 8"),
        ("shufflenet_v2", {"width": 0.75}, ValueError, "use one of 0.5, 1.0, 1.5, 2.0"),
        ("mobilenet_v3", {"size": "medium"}, ValueError, "use one of large, small"),
        ("efficientnet", {"depth": 0}, ValueError, "depth=0 is outside"),
        ("efficientnet", {"side": 16.5}, TypeError, "side=16.5"),
        ("repvgg", {"size": "C0"}, ValueError, "use one of A0"),
        ("igc_imagenet", {"doubling": "K"}, ValueError, "neither 'L' nor 'M'"),
        ("igcv2_star", {"branch_width": 1}, ValueError, "branch_width=1 is below 2"),
        ("cifar_resnet", {"depth": 10**18}, ValueError, "above 2048: use an integer of at most 2048"),
        ("fractalnet", {"columns": 40}, ValueError, "columns=40 is above 10"),
        ("fractalnet", {"widths": [8] * 100}, ValueError, "the number of entries of widths=100 is above 64"),
        (
            "resnet",
            {"groups": 7, "width": 9, "branch_width": 5},
            ValueError,
            r"^resnet\(groups=7, width=9, branch_width=5\): ",
        ),
    ],
)
def test_bad_input_says_the_way_out(name: object, parameters: dict, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        network(name, **parameters)


def test_parameters_are_kept_in_their_plain_form() -> None:
    plain = network("vgg", depth=11, classes=7)
    assert network("vgg", depth=np.int8(11), classes=np.uint64(7)) is plain
    with pytest.raises(TypeError, match=r"classes=7\.0 is a float"):
        network("vgg", depth=11, classes=7.0)
    assert (
        network("alexnet", widths=np.array([96, 256, 384, 384, 256], np.int16)).parameters
        == network("alexnet").parameters
    )
