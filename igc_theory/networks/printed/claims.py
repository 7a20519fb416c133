"""What is said of interleaved group convolutions in one sentence, checked against the printed tables and against our counts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from igc_theory.networks.description.table import Table
from igc_theory.networks.printed.published import published
from igc_theory.networks.zoo.catalogue import network

__all__ = ["Comparison", "claims", "claims_table"]

CIFAR_DEPTHS = (20, 38, 62)
IMAGENET = {"ResNet (C=64)": "resnet18", "ResNet (C=69)": "resnet18_c69", "IGC-L100M2+Ident.": "igc_imagenet_l100m2"}


class Comparison(NamedTuple):
    """One comparison that a claim could rest on."""

    claim: str
    comparison: str
    printed: float | None
    """From the printed table: per cent saved, or points of accuracy gained."""
    counted: float | None
    """From our counts: per cent saved."""


def claims() -> list[Comparison]:
    """Return the claims with every comparison they could mean.

    Savings are per cent of the regular network's weights (of convolutions and classifier, batch-norm left out) or multiply–adds;
    gains are points of ImageNet top-1 accuracy.

    Returns
    -------
    list of Comparison
        In the order of the papers.

    Examples
    --------
    >>> claims()[0].comparison, round(claims()[0].counted, 1)
    ('IGC-L24M2 v. RegConv-W16, depth 20', 43.4)
    """
    return [*_on_cifar(), *_on_imagenet(), *_of_igcv3()]


def claims_table() -> Table:
    """Return `claims` as a table, rounded to a tenth.

    Returns
    -------
    Table

    Examples
    --------
    >>> print(claims_table().title)
    Claims, by the printed tables and by our counts
    """
    rows = claims()
    columns = {name: [getattr(row, name) for row in rows] for name in ("claim", "comparison")}
    numbers = {
        name: [None if value is None else round(value, 1) for value in (getattr(row, name) for row in rows)]
        for name in ("printed", "counted")
    }
    return Table("Claims, by the printed tables and by our counts", {**columns, **numbers})


def _on_cifar() -> Iterator[Comparison]:
    for width in (16, 18):
        for depth in CIFAR_DEPTHS:
            igc, regular = network("igc_l24m2", depth=depth), network("regconv", width=width, depth=depth)
            words = f"IGC-L24M2 v. RegConv-W{width}, depth {depth}"
            weights = [net.counts.convolution + net.counts.linear for net in (igc, regular)]
            yield Comparison("CIFAR: nearly half of the weights saved", words, None, _saved(*weights))
            compute = _saved(igc.multiply_adds, regular.multiply_adds)
            yield Comparison("CIFAR: nearly half of the multiply–adds saved", words, None, compute)


def _on_imagenet() -> Iterator[Comparison]:
    table = published("igcv1-imagenet")
    printed = {row[0]: row for row in table.rows}
    igc, name = network("igc_imagenet_l100m2"), "IGC-L100M2+Ident."
    for other in ("ResNet (C=64)", "ResNet (C=69)"):
        regular, words = network(IMAGENET[other]), f"{name} v. {other}"
        weights = [net.counts.convolution + net.counts.linear for net in (igc, regular)]
        said = [_saved(printed[name][k], printed[other][k]) for k in (1, 2)]
        yield Comparison("ImageNet: two fifths of the weights saved", words, said[0], _saved(*weights))
        compute = _saved(igc.multiply_adds, regular.multiply_adds)
        yield Comparison("ImageNet: half of the multiply–adds saved", words, said[1], compute)


def _of_igcv3() -> Iterator[Comparison]:
    accuracy = {row[0]: row[3] for row in published("igcv3-table3").rows}
    for width in ("(0.7)", "", "(1.4)"):
        igc, mobile = f"IGCV3-D {width}".strip(), f"MobileNetV2 {width}".strip()
        for theirs in (f"{mobile}{'' if width else ' '}(our impl.)", mobile):
            if theirs in accuracy:
                gain = accuracy[igc] - accuracy[theirs]
                yield Comparison("IGCV3: furthest ahead of MobileNetV2 when small", f"{igc} v. {theirs}", gain, None)


def _saved(small: float, large: float) -> float:
    return 100 * (1 - small / large)
