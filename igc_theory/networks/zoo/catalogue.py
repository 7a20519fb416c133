"""`network(name)`: the networks of this line of work, by name.

A name is an entry of `NAMED`, or a family of `FAMILIES`; keywords change its parameters.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from igc_theory.networks.description.network import Network
from igc_theory.networks.zoo import classic, igc, inverted_residuals, merged, mobile, residual
from igc_theory.networks.zoo import path_examples as paths
from igc_theory.networks.zoo.classic import Entry
from igc_theory.networks.zoo.parameters import checked_parameters
from igc_theory.structure.arguments.kinds import instance_of, shown
from igc_theory.structure.arguments.near_names import did_you_mean

__all__ = ["network", "network_names"]

Builder = Callable[..., Entry]

FAMILIES: dict[str, Builder] = {
    "alexnet": classic.alexnet,
    "vgg": classic.vgg,
    "googlenet": classic.googlenet,
    "resnet": classic.resnet,
    "cifar_resnet": classic.cifar_resnet,
    "preactivation_resnet": classic.preactivation_resnet,
    "wide_resnet": classic.wide_resnet,
    "resnext_cifar": classic.resnext_cifar,
    "densenet": classic.densenet,
    "fractalnet": classic.fractalnet,
    "highway": paths.highway_net,
    "deeply_fused": paths.deeply_fused_net,
    "xception": mobile.xception,
    "mobilenet_v1": mobile.mobilenet_v1,
    "mobilenet_v2": mobile.mobilenet_v2,
    "mobilenet_v3": inverted_residuals.mobilenet_v3,
    "efficientnet": inverted_residuals.efficientnet,
    "mixnet_s": inverted_residuals.mixnet_s,
    "ghostnet": inverted_residuals.ghostnet,
    "shufflenet": mobile.shufflenet,
    "shufflenet_v2": mobile.shufflenet_v2,
    "condensenet": mobile.condensenet,
    "repvgg": merged.repvgg,
    "mobileone": merged.mobileone,
    "regnet_y": residual.regnet_y,
    "convnext": residual.convnext,
    "regconv": igc.regular_cifar,
    "sumfusion": igc.summation_cifar,
    "igc": igc.igc_cifar,
    "igc_imagenet": igc.igc_imagenet,
    "igcv2_star": igc.igcv2_star,
    "igcv3_d": igc.igcv3_d,
}
"""Builders by family name; their keywords are the network's."""

NAMED: dict[str, tuple[str, dict[str, Any]]] = {
    "alexnet_one_tower": ("alexnet", {"groups": 1}),
    **{f"vgg{depth}": ("vgg", {"depth": depth}) for depth in (11, 13, 16, 19)},
    **{f"resnet{depth}": ("resnet", {"depth": depth}) for depth in (18, 34, 50, 101, 152)},
    "resnet18_c69": ("resnet", {"depth": 18, "width": 69}),
    "resnext50_32x4d": ("resnet", {"depth": 50, "groups": 32, "branch_width": 4}),
    "resnext101_32x8d": ("resnet", {"depth": 101, "groups": 32, "branch_width": 8}),
    "resnext101_32x4d": ("resnet", {"depth": 101, "groups": 32, "branch_width": 4}),
    "wide_resnet50_2": ("resnet", {"depth": 50, "branch_width": 128}),
    **{f"cifar_resnet{depth}": ("cifar_resnet", {"depth": depth}) for depth in (20, 32, 44, 56, 110, 1202)},
    **{f"preactivation_resnet{depth}": ("preactivation_resnet", {"depth": depth}) for depth in (164, 1001)},
    "wrn_16_8": ("wide_resnet", {"depth": 16, "widening": 8}),
    "wrn_28_10": ("wide_resnet", {"depth": 28, "widening": 10}),
    "resnext29_8x64d": ("resnext_cifar", {"cardinality": 8}),
    "resnext29_16x64d": ("resnext_cifar", {"cardinality": 16}),
    **{f"mobilenet_v3_{size}": ("mobilenet_v3", {"size": size}) for size in ("large", "small")},
    **{f"mobilenet_v3_{size}_0.75": ("mobilenet_v3", {"size": size, "width": 0.75}) for size in ("large", "small")},
    **{
        f"efficientnet_b{k}": ("efficientnet", scaling)
        for k, scaling in enumerate(inverted_residuals.EFFICIENTNET_SCALING)
    },
    **{f"shufflenet_v2_x{width}": ("shufflenet_v2", {"width": width}) for width in (0.5, 1.0, 1.5, 2.0)},
    **{f"condensenet74_g{groups}": ("condensenet", {"groups": groups}) for groups in (4, 8)},
    **{f"repvgg_{size.lower()}": ("repvgg", {"size": size}) for size in merged.REPVGG},
    **{f"repvgg_{size.lower()}_merged": ("repvgg", {"size": size, "merged": True}) for size in merged.REPVGG},
    "mobileone_s0": ("mobileone", {}),
    "mobileone_s0_merged": ("mobileone", {"merged": True}),
    **{f"regnet_y_{size.lower()}": ("regnet_y", {"size": size}) for size in residual.REGNET_Y},
    **{f"convnext_{size}": ("convnext", {"size": size}) for size in residual.CONVNEXT},
    "highway19": ("highway", {"depth": 19}),
    "highway32": ("highway", {"depth": 32}),
    "regconv_w16": ("regconv", {"width": 16}),
    "regconv_w18": ("regconv", {"width": 18}),
    "igc_l4m8": ("igc", {"L": 4, "M": 8}),
    "igc_l24m2": ("igc", {"L": 24, "M": 2}),
    "igc_l16m32": ("igc", {"L": 16, "M": 32}),
    "igc_l450m2": ("igc", {"L": 450, "M": 2}),
    "igc_l32m26": ("igc", {"L": 32, "M": 26}),
    "igc_imagenet_l4m32": ("igc_imagenet", {"L": 4, "M": 32, "doubling": "M"}),
    "igc_imagenet_l16m16": ("igc_imagenet", {"L": 16, "M": 16, "doubling": "M"}),
    "igc_imagenet_l100m2": ("igc_imagenet", {"L": 100, "M": 2, "doubling": "L"}),
    "igcv2_star_c416": ("igcv2_star", {"width": 416}),
}
"""Names with their family and its keywords."""


def network_names() -> list[str]:
    """Return every name that `network` knows, families first; each takes its builder's keywords.

    Returns
    -------
    list of str

    Examples
    --------
    >>> "igcv3_d" in network_names() and "vgg16" in network_names()
    True
    """
    return [*FAMILIES, *NAMED]


def network(name: str, **parameters: Any) -> Network:
    """Return a network by name.

    Parameters
    ----------
    name : str
        One of `network_names`; upper case, spaces and hyphens do not matter.
    **parameters
        Of that network: ``depth`` for CIFAR networks, ``width`` for the mobile ones, ``classes`` for all.

    Returns
    -------
    Network
        With ``.layers``, ``.counts``, ``.parameters``, ``.multiply_adds`` and ``.table()``.

    Raises
    ------
    TypeError
        If the name is not a string, or the network has no such parameter (its parameters are listed).
    ValueError
        If there is no such name (near matches are given), or a parameter breaks the network's rule.

    Examples
    --------
    >>> network("mobilenet_v2", width=1.4)
    mobilenet_v2(width=1.4): 6,108,776 parameters, 582,195,824 multiply–adds at 3×224×224
    >>> network("igc_l24m2", depth=20).counts.convolution
    149904
    >>> network("VGG-16").parameters
    138357544
    >>> network("mobilenet")
    Traceback (most recent call last):
    ...
    ValueError: name='mobilenet' is not known: did you mean mobileone, mobilenet_v3 or mobilenet_v2? network_names() lists all
    """
    key = _key(name)
    family, defaults = NAMED.get(key, (key, {}))
    given = checked_parameters(key, FAMILIES[family], parameters)
    return _built(key, family, tuple({**defaults, **given}.items()), tuple(given.items()))


@lru_cache(maxsize=256, typed=True)
def _built(
    key: str, family: str, arguments: tuple[tuple[str, Any], ...], given: tuple[tuple[str, Any], ...]
) -> Network:
    settings = ", ".join(f"{parameter}={shown(value)}" for parameter, value in given)
    name = f"{key}({settings})" if settings else key
    try:
        shape, nodes, source = FAMILIES[family](**dict(arguments))
        return Network(name, shape, nodes, source)
    except ValueError as error:
        if any(str(error).startswith(f"{parameter}=") for parameter, _ in given):
            raise
        # A layer inside names channels of its own, which the caller never gave.
        raise ValueError(f"{name}: {error}") from error


def _key(name: Any) -> str:
    """Return the known name that `name` spells."""
    name = instance_of("name", name, str, "give a string: network_names() lists the names")
    plain = {"".join(filter(str.isalnum, known)): known for known in network_names()}
    key = plain.get("".join(filter(str.isalnum, name.lower())))
    if key is None:
        hint = did_you_mean(name.lower(), network_names())
        hint = f"read_onnx({shown(name)}) reads a file," if name.endswith(".onnx") else hint
        raise ValueError(f"name={shown(name)} is not known: {f'{hint} network_names() lists all'.lstrip()}")
    return key
