"""Tables on paper: Markdown, CSV and LaTeX of a `Table`, and the one-page summaries of all blocks and networks."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

from igc_theory.networks.description.network import Network
from igc_theory.networks.description.table import Table
from igc_theory.networks.paths.branching import path_polynomial
from igc_theory.networks.paths.flow import block_flows
from igc_theory.networks.zoo.catalogue import network
from igc_theory.structure.arguments.kinds import instance_of, text
from igc_theory.structure.arguments.sequences import listed
from igc_theory.structure.blocks import (
    depthwise_separable,
    group,
    igcv1,
    igcv2,
    igcv3,
    interleaved,
    inverted_residual,
    regular,
    shufflenet_unit,
    xception,
)
from igc_theory.structure.chains import Chain
from igc_theory.structure.conditions.grades import grade

__all__ = ["SUMMARY", "block_summary", "network_summary", "paths_text", "to_csv", "to_latex", "to_markdown"]

SUMMARY = (
    "alexnet", "vgg16", "googlenet", "resnet18", "resnet50", "resnet152", "resnext50_32x4d", "cifar_resnet110", "wrn_28_10",
    "densenet", "fractalnet", "xception", "mobilenet_v1", "mobilenet_v2", "shufflenet", "regconv_w18", "igc_l24m2",
    "igc_l450m2", "igc_imagenet_l100m2", "igcv2_star_c416", "igcv3_d",
)  # fmt: skip
"""Networks of the one-page summary."""

BLOCKS: tuple[Callable[[], Chain], ...] = (
    lambda: regular(64, 64),
    lambda: group(64, 64, groups=4),
    lambda: depthwise_separable(64, 64),
    lambda: xception(64, 64),
    lambda: igcv1(32, 2),
    lambda: igcv2([1, 8, 8]),
    lambda: igcv2([1, 2, 2, 2, 2, 2, 2]),
    lambda: interleaved(66, [1, 2, 6, 6]),
    lambda: shufflenet_unit(64, groups=4),
    lambda: inverted_residual(64, 64),
    lambda: igcv3(64, 64),
)
"""Named blocks at 64 channels (the nearly complementary one needs 66)."""


def block_summary() -> Table:
    """Return the named blocks at 64 channels: weights with a 3×3 window, in all and per channel, and how they connect.

    Returns
    -------
    Table

    Examples
    --------
    >>> print(to_markdown(block_summary()).splitlines()[2])
    | regular | 64 | 36,864 | 576.0 | strict | 1 |
    """
    chains = [make() for make in BLOCKS]
    grades = [grade(chain) for chain in chains]
    columns: dict[str, list[Any]] = {
        "block": [chain.name for chain in chains],
        "channels": [chain.in_channels for chain in chains],
        "weights": [chain.parameters for chain in chains],
        "weights per channel": [round(chain.parameters / chain.in_channels, 1) for chain in chains],
        "condition": [found.kind for found in grades],
        "paths per pair": [paths_text(found.min_paths, found.max_paths) for found in grades],
    }
    return Table("Blocks of 64 channels with a 3×3 window", columns)


def network_summary(names: Iterable[str] = SUMMARY) -> Table:
    """Return one row per network: size, cost, depth, number of paths, and the blocks where information cannot flow.

    Parameters
    ----------
    names : iterable of str, optional
        Of `network_names`; a selection that fits one page by default.

    Returns
    -------
    Table

    Raises
    ------
    ValueError
        If a name is unknown.

    Examples
    --------
    >>> print(to_csv(network_summary(["igc_l24m2"])))
    network,image,parameters,multiply–adds,activations,depth,paths,blocks,not dense
    igc_l24m2,3×32×32,155962,28755840,1081354,38,1,18,0
    """
    way_out = "give names, such as ['igc_l24m2'] (network_names() lists them)"
    networks = [network(text("names", name)) for name in listed("names", names, way_out, empty=True)]
    polynomials = [path_polynomial(net) for net in networks]
    columns: dict[str, list[Any]] = {
        "network": [net.name for net in networks],
        "image": ["×".join(map(str, net.input_shape)) for net in networks],
        "parameters": [net.parameters for net in networks],
        "multiply–adds": [net.multiply_adds for net in networks],
        "activations": [net.activations for net in networks],
        "depth": [polynomial.longest for polynomial in polynomials],
        "paths": [_short(polynomial.paths) for polynomial in polynomials],
        "blocks": [len(net.blocks) for net in networks],
        "not dense": [_split_parts(net) for net in networks],
    }
    return Table("Networks of this line of work", columns)


def to_markdown(table: Table) -> str:
    r"""Return a table as GitHub Markdown.

    Parameters
    ----------
    table : Table
        Any table of `igc_theory.networks` or `igc_theory.views`.

    Returns
    -------
    str

    Raises
    ------
    TypeError
        If `table` is not a Table.

    Examples
    --------
    >>> print(to_markdown(Table("t", {"layer": ["a|b"], "weights": [1728]})))
    | layer | weights |
    | --- | ---: |
    | a\|b | 1,728 |
    """
    head, *body = (
        [cell.replace("|", r"\|") for cell in line]
        for line in instance_of("table", table, Table, "give one of igc_theory.networks or igc_theory.views").texts()
    )
    rule = ["---:" if numeric else "---" for numeric in table.numeric]
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, rule, *body))


def to_csv(table: Table) -> str:
    """Return a table as CSV: numbers without separators, absent values empty; without the title and totals.

    Parameters
    ----------
    table : Table
        Any table of `igc_theory.networks` or `igc_theory.views`.

    Returns
    -------
    str

    Raises
    ------
    TypeError
        If `table` is not a Table.

    Examples
    --------
    >>> print(to_csv(Table("t", {"layer": ["a,b"], "weights": [1728]})))
    layer,weights
    "a,b",1728
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(instance_of("table", table, Table, "give one of igc_theory.networks or igc_theory.views").columns)
    writer.writerows(table.rows)
    return text.getvalue().removesuffix("\n")


LATEX = str.maketrans({character: "\\" + character for character in "&%$#_{}"} | {
    "×": r"$\times$", "–": "--", "→": r"$\to$", "⌈": r"$\lceil$", "⌉": r"$\rceil$", "\\": r"\textbackslash{}",
})  # fmt: skip


def to_latex(table: Table) -> str:
    r"""Return a table as a LaTeX ``tabular`` with booktabs rules; numbers flush right.

    Parameters
    ----------
    table : Table
        Any table of `igc_theory.networks` or `igc_theory.views`.

    Returns
    -------
    str

    Raises
    ------
    TypeError
        If `table` is not a Table.

    Examples
    --------
    >>> print(to_latex(Table("t", {"layer": ["a_1"], "weights": [1728]})))
    \begin{tabular}{lr}
    \toprule
    layer & weights \\
    \midrule
    a\_1 & 1,728 \\
    \bottomrule
    \end{tabular}
    """
    instance_of("table", table, Table, "give one of igc_theory.networks or igc_theory.views")
    head, *body = (" & ".join(cell.translate(LATEX) for cell in line) + r" \\" for line in table.texts())
    if table.totals is not None:
        body.insert(-1, r"\midrule")
    sides = "".join("r" if numeric else "l" for numeric in table.numeric)
    return "\n".join(
        [rf"\begin{{tabular}}{{{sides}}}", r"\toprule", head, r"\midrule", *body, r"\bottomrule", r"\end{tabular}"]
    )


def paths_text(low: int, high: int | None) -> str:
    """Return the numbers of paths of a grade in words.

    Examples
    --------
    >>> paths_text(1, 2), paths_text(36, 36), paths_text(0, None)
    ('1 to 2', '36', '0 for some')
    """
    return f"{low}" if high == low else f"{low} to {high}" if high is not None else "0 for some"


def _short(count: int) -> str:
    """Return a count exactly up to a million, then as a power of ten with two digits."""
    if count < 10**6:
        return f"{count:,}"
    # Beyond the largest float only Decimal knows the leading digits.
    return f"{count if count < 10**300 else Decimal(count):.1e}".replace("e+", "e")


def _split_parts(net: Network) -> int:
    """Return how many blocks and single convolutions have a pair of channels without a path."""
    return sum(not flow.dense for flow in block_flows(net))
