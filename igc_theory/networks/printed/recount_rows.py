"""Which of our networks is meant by a row of a published table."""

from __future__ import annotations

from typing import Any

from igc_theory.networks.description.network import Network
from igc_theory.networks.zoo.catalogue import network

__all__ = ["CLASSES", "network_of_row"]

CLASSES: dict[str, tuple[int, ...]] = {
    "igcv1-fig3a": (100,),
    "igcv1-fig3b": (100,),
    "igcv1-table7": (10, 100),
    "igcv1-imagenet": (1000,),
    "igcv2-fig3": (100,),
    "igcv2-table7": (10, 100, 200),
    "igcv2-imagenet": (1000,),
    "igcv3-table1": (10, 100, 1000),
    "igcv3-table2": (10, 100),
    "igcv3-table3": (1000,),
    "igcv3-shufflenetv2": (1000,),
    "shufflenet-repository": (1000,),
    "shufflenetv2-repository": (1000,),
    "mobilenetv3-repository": (1000,),
    "efficientnet-table2": (1000,),
    "mixnet": (1000,),
    "ghostnet-repository": (1000,),
    "condensenet-repository": (1000,),
    "resnext-repository": (1000,),
    "regnety-repository": (1000,),
    "repvgg-mmpretrain": (1000,),
    "mobileone-mmpretrain": (1000,),
    "convnext-repository": (1000,),
}
"""Classes of the data sets of each table: one printed number often stands for several data sets."""

ROWS: dict[tuple[str, int | None], tuple[str, dict[str, Any]]] = {
    # Swapout, stochastic depth and drop-path are ways of training: the network underneath is counted.
    ("Swapout", 20): ("cifar_resnet", {"depth": 20, "width": 32}),
    ("Swapout", 32): ("cifar_resnet", {"depth": 32, "width": 64}),
    ("FractalNet", 21): ("fractalnet", {}),
    ("FractalNet + dropout & droppath", 21): ("fractalnet", {}),
    ("ResNet [10]", 110): ("cifar_resnet110", {}),
    ("ResNet [12]", 110): ("cifar_resnet110", {}),
    ("ResNet [13]", 110): ("cifar_resnet110", {}),
    ("ResNet stochastic depth", 110): ("cifar_resnet110", {}),
    ("ResNet stochastic depth", 1202): ("cifar_resnet1202", {}),
    ("ResNet (pre-activation)", 164): ("preactivation_resnet164", {}),
    ("ResNet (pre-act) [8]", 164): ("preactivation_resnet164", {}),
    ("ResNet (pre-activation)", 1001): ("preactivation_resnet1001", {}),
    ("Wide ResNet", 16): ("wrn_16_8", {}),
    ("Wide ResNet", 28): ("wrn_28_10", {}),
    ("Wide ResNet + dropout", 16): ("wide_resnet", {"depth": 16, "widening": 4}),
    # 32 is not of the form 6n + 4: a CIFAR ResNet four times as wide.
    ("WRN-32-4", 32): ("cifar_resnet", {"depth": 32, "width": 64}),
    ("WRN-40-4", 40): ("wide_resnet", {"depth": 40, "widening": 4}),
    ("ResNet34", 34): ("resnet34", {}),
    ("ResNet18-2x", 18): ("resnet", {"depth": 18, "width": 128}),
    ("DenseNet (k=24)", 100): ("densenet", {"depth": 100, "growth": 24}),
    ("DenseNet (k=12) [10]", 40): ("densenet", {"depth": 40, "growth": 12}),
    ("DenseNet (k=12) [11]", 40): ("densenet", {"depth": 40, "growth": 12}),
    ("DenseNet-BC (k=12)", 100): ("densenet", {"depth": 100, "growth": 12, "bottleneck": True}),
    ("DenseNet-BC (k=24)", 250): ("densenet", {"depth": 250, "growth": 24, "bottleneck": True}),
    ("DenseNet-BC (k=40)", 190): ("densenet", {"depth": 190, "growth": 40, "bottleneck": True}),
    ("ResNeXt-29, 8x64d", 29): ("resnext29_8x64d", {}),
    ("ResNeXt-29, 16x64d", 29): ("resnext29_16x64d", {}),
    ("IGC-L16M32", 20): ("igc_l16m32", {}),
    ("IGC-L450M2", 20): ("igc_l450m2", {}),
    ("IGC-L32M26", 20): ("igc_l32m26", {}),
    ("IGCV2*-C416", 20): ("igcv2_star_c416", {}),
    ("ResNet (C=64)", None): ("resnet18", {}),
    ("ResNet (C=69)", None): ("resnet18_c69", {}),
    ("IGC-L4M32+Ident.", None): ("igc_imagenet_l4m32", {}),
    ("IGC-L16M16+Ident.", None): ("igc_imagenet_l16m16", {}),
    ("IGC-L100M2+Ident.", None): ("igc_imagenet_l100m2", {}),
    ("IGCV3-D", None): ("igcv3_d", {}),
    ("IGCV3-D 1.0x", None): ("igcv3_d", {}),
    ("IGCV3-D (0.7)", None): ("igcv3_d", {"width": 0.7}),
    ("IGCV3-D (1.4)", None): ("igcv3_d", {"width": 1.4}),
    ("MobileNetV1", None): ("mobilenet_v1", {}),
    ("MobileNetV2", None): ("mobilenet_v2", {}),
    ("MobileNetV2 (our impl.)", None): ("mobilenet_v2", {}),
    ("MobileNetV2 (0.7)(our impl.)", None): ("mobilenet_v2", {"width": 0.7}),
    ("MobileNetV2 (1.4)", None): ("mobilenet_v2", {"width": 1.4}),
    ("MobileNetV2 (1.4)(our impl.)", None): ("mobilenet_v2", {"width": 1.4}),
    ("ShuffleNet (1.5)", None): ("shufflenet", {"width": 1.5}),
    ("ShuffleNet (2.0)", None): ("shufflenet", {"width": 2.0}),
    **{(f"ShuffleNetV1 {width}x (group={groups})", None): ("shufflenet", {"width": width, "groups": groups})
       for width in (0.5, 1.0, 1.5, 2.0) for groups in (3, 8) if (width, groups) != (0.5, 8)},
    **{(f"ShuffleNetV2 {width}x", None): (f"shufflenet_v2_x{width}", {}) for width in (0.5, 1.0, 1.5, 2.0)},
    **{(f"{size} dm={shown}", None): (f"mobilenet_v3_{size.lower()}", {"width": width})
       for size in ("Large", "Small") for shown, width in (("1", 1.0), ("0.75", 0.75))},
    **{(f"EfficientNet-B{k}", None): (f"efficientnet_b{k}", {}) for k in range(8)},
    ("MixNet-S", None): ("mixnet_s", {}),
    ("GhostNet", None): ("ghostnet", {}),
    **{(f"CondenseNet-74 (C=G={groups})", None): (f"condensenet74_g{groups}", {}) for groups in (4, 8)},
    **{(f"ResNet-{depth} (1x64d)", None): (f"resnet{depth}", {}) for depth in (50, 101)},
    **{(f"ResNeXt-{depth} (32x4d)", None): (f"resnext{depth}_32x4d", {}) for depth in (50, 101)},
    ("ResNeXt-101 (64x4d)", None): ("resnet", {"depth": 101, "groups": 64, "branch_width": 4}),
    **{(f"RegNetY-{size}", None): (f"regnet_y_{size.lower()}", {}) for size in ("400MF", "800MF", "1.6GF", "3.2GF")},
    **{(f"RepVGG-{size} ({form})", None): ("repvgg", {"size": size, "merged": form == "deploy"})
       for size in ("A0", "A1") for form in ("train", "deploy")},
    ("mobileone-s0", None): ("mobileone_s0_merged", {}),
    **{(f"ConvNeXt-{size[0].upper()}", None): (f"convnext_{size}", {}) for size in ("tiny", "small", "base")},
}  # fmt: skip
"""Row label and printed depth to a network; a row that is not here is not counted."""


def network_of_row(label: str | None, depth: int | None, classes: tuple[int, ...]) -> list[Network]:
    """Return the network that a row names, once for each number of classes; empty if it is not in the zoo.

    Examples
    --------
    >>> [net.name for net in network_of_row("IGC-L450M2", 20, (10, 100))]
    ['igc_l450m2(classes=10)', 'igc_l450m2(classes=100)']
    >>> network_of_row("NasNet-A", None, (1000,))
    []
    """
    if label is None or (label, depth) not in ROWS:
        return []
    name, parameters = ROWS[label, depth]
    return [network(name, **parameters, classes=count) for count in classes]
