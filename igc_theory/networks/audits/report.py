"""An audit as tables, as data for another program, and as a page."""

from __future__ import annotations

from html import escape
from itertools import groupby
from typing import Any

from igc_theory.networks.audits.audit import Audit, ChainAudit, RegularAudit
from igc_theory.networks.description.layer_graph import NO_SHAPE, LayerGraph
from igc_theory.networks.description.table import Table
from igc_theory.networks.paths.block_flow import BlockFlow
from igc_theory.structure.arguments import instance_of
from igc_theory.structure.chains import Chain
from igc_theory.structure.factors import GroupConv

__all__ = ["audit_data", "audit_page", "audit_tables"]

BYTES = 4
"""Of a weight and of an activation, in single precision."""

STYLE = """\
body { font: 15px/1.4 system-ui, sans-serif; margin: 2em auto; max-width: 75em; padding: 0 1em; }
table { border-collapse: collapse; margin: 2em 0; display: block; overflow-x: auto; }
caption { text-align: left; font-weight: bold; padding: .4em 0; }
th, td { padding: .15em .7em; border-bottom: 1px solid #ddd; white-space: nowrap; }
"""


def audit_tables(audit: Audit) -> list[Table]:
    """Return the audit as tables: layers; chains, if there are any; dense layers; what the reader passed over.

    Parameters
    ----------
    audit : Audit
        From `audit`.

    Returns
    -------
    list of Table

    Raises
    ------
    TypeError
        If `audit` is something else.

    Examples
    --------
    >>> from igc_theory.networks import audit, network
    >>> [chains] = [table for table in audit_tables(audit(network("mobilenet_v1"))) if table.title.startswith("Consecutive")]
    >>> chains.columns["chain"][0], chains.columns["grade"][0]
    ('depthwise 3×3, dense 1×1; 32 to 64', 'strict: every input reaches every output by exactly one path')
    """
    instance_of("audit", audit, Audit, "give what audit(network) returns")
    tables = [_layer_table(audit)]
    tables += [audit.flow.table()] if audit.flow and audit.flow.blocks else []
    tables += [_chain_table(audit.chains)] if audit.chains else []
    tables += [_regular_table(audit.regular)] if audit.regular else []
    if any(entry.errors for entry in audit.regular):
        tables.append(_error_table(audit.regular))
    if any(entry.unmeasured for entry in audit.regular):
        tables.append(_unmeasured_table(audit.regular))
    network = audit.network
    if network.passed_over:
        tables.append(network.passed_over_table())
    return tables


def audit_data(audit: Audit) -> dict[str, Any]:
    """Return the audit as nested lists and dicts of plain values, for JSON.

    Parameters
    ----------
    audit : Audit
        From `audit`.

    Returns
    -------
    dict

    Raises
    ------
    TypeError
        If `audit` is something else.

    Examples
    --------
    >>> from igc_theory.networks import audit, network
    >>> audit_data(audit(network("mobilenet_v1")))["regular_layers"][0]["strict"]
    {'branch_widths': [4, 4, 2], 'parameters': 384}
    """
    network = instance_of("audit", audit, Audit, "give what audit(network) returns").network
    passed = network.passed_over
    return {
        "network": network.name,
        "source": network.source,
        "input_shape": network.input_shape,
        "exact": network.exact,
        "parameters": network.parameters,
        "buffers": network.buffers,
        "counts": network.counts._asdict(),
        "multiply_adds": network.multiply_adds,
        "activation_multiply_adds": network.activation_multiply_adds,
        "peak_activation_bytes": BYTES * network.peak_activations,
        "layers": _layer_rows(audit),
        "flow": [_flow_data(block) for block in audit.flow.blocks] if audit.flow else None,
        "flow_of_stages": [_flow_data(stage) for stage in audit.flow.stages] if audit.flow else None,
        "chains": [_chain_data(entry) for entry in audit.chains],
        "regular_layers": [_regular_data(entry) for entry in audit.regular],
        "passed_over": [vars(entry) for entry in passed],
    }


def audit_page(audit: Audit) -> str:
    """Return the audit as a web page of its own, which asks for nothing from elsewhere.

    Parameters
    ----------
    audit : Audit
        From `audit`.

    Returns
    -------
    str
        HTML.

    Raises
    ------
    TypeError
        If `audit` is something else.

    Examples
    --------
    >>> from igc_theory.networks import audit, network
    >>> audit_page(audit(network("mobilenet_v1")))[:15]
    '<!DOCTYPE html>'
    """
    body = "".join(table._repr_html_() for table in audit_tables(audit))
    strip = audit.flow._repr_html_() if audit.flow and audit.flow.blocks else ""
    title = escape(f"Audit of {audit.network.name}")
    head = f"<meta charset='utf-8'><meta name='viewport' content='width=device-width'><title>{title}</title>"
    return (
        f"<!DOCTYPE html>\n<html lang='en'><head>{head}<style>{STYLE}</style></head>"
        f"<body><h1>{title}</h1><p>{escape(_summary(audit))}</p>{strip}{body}</body></html>\n"
    )


def _summary(audit: Audit) -> str:
    network = audit.network
    shape = "×".join(map(str, network.input_shape))
    kib = BYTES * network.peak_activations / 1024
    products = f"{network.multiply_adds:,} multiply–adds"
    if network.activation_multiply_adds:
        products += f" and {network.activation_multiply_adds:,} of activations by activations"
    return (
        f"{network.name} ({network.source}): {network.parameters:,} parameters, {products} for an image of {shape}, "
        f"at most {kib:,.0f} KiB read and written by one layer{network.reservation}.{_advice(network)}{_flow_sentence(audit)}"
    )


def _flow_sentence(audit: Audit) -> str:
    """Return which stages fall apart, or else which blocks; what is not known is said too."""
    sentences = audit.flow.sentences if audit.flow else ()
    return "".join(f" {sentence[0].upper()}{sentence[1:]}." for sentence in sentences[:4])


def _advice(network: LayerGraph) -> str:
    """Return what to do about layers that have no shape, where that may be because of the size of the image."""
    if not network.open_sides:
        return ""
    missing = sum(entry.reason == NO_SHAPE for entry in network.passed_over)
    return (
        f" {missing} layers do not work at this size and are not counted: give the right one (--input)."
        if missing
        else ""
    )


def _layer_rows(audit: Audit) -> list[dict[str, Any]]:
    return [
        {
            "layer": layer.name,
            "kind": layer.kind,
            "input_shape": layer.input_shape,
            "output_shape": layer.output_shape,
            "groups": layer.groups,
            "parameters": layer.counts.total,
            "used_before": layer.shared.total,
            "buffers": layer.buffers,
            "multiply_adds": layer.multiply_adds,
            "activation_multiply_adds": layer.activation_multiply_adds,
            "weight_bytes": BYTES * layer.counts.total,
            "activation_bytes": BYTES * layer.activations,
        }
        for layer in audit.network.layers
    ]


def _layer_table(audit: Audit) -> Table:
    rows = _layer_rows(audit)
    titles = {
        "layer": "layer",
        "kind": "kind",
        "output_shape": "output",
        "groups": "groups",
        "parameters": "parameters",
        "used_before": "used before",
        "buffers": "buffers",
        "multiply_adds": "multiply–adds",
        "activation_multiply_adds": "of activations",
        "weight_bytes": "weight bytes",
        "activation_bytes": "activation bytes",
    }
    rare = ("used_before", "buffers", "activation_multiply_adds")
    shown = {name: title for name, title in titles.items() if name not in rare or any(row[name] for row in rows)}
    columns = {title: [row[name] for row in rows] for name, title in shown.items()}
    sums = {titles[name]: sum(row[name] for row in rows) for name in list(shown)[4:]}
    # What several layers use is there once.
    once = {"parameters": audit.network.parameters, "weight bytes": BYTES * audit.network.parameters}
    return Table(_summary(audit), columns, {"layer": "total", **sums, **once})


def _chain_table(chains: tuple[ChainAudit, ...]) -> Table:
    """Return a row for each run of equal chains."""
    runs = [(key, list(run)) for key, run in groupby(chains, key=lambda entry: (_words(entry.chain), str(entry.grade)))]
    columns = {
        "layers": [_span(run) for _, run in runs],
        "chain": [chain for (chain, _), _ in runs],
        "grade": [text for (_, text), _ in runs],
    }
    return Table("Consecutive convolutions, at least one of them with branches", columns)


def _span(run: list[ChainAudit]) -> str:
    first = ", ".join(run[0].layers)
    return first if len(run) == 1 else f"{first} and {len(run) - 1} more, to {run[-1].layers[-1]}"


def _words(chain: Chain) -> str:
    """Return a chain in few words, with the channels before and behind it."""
    parts = [_factor(factor) if isinstance(factor, GroupConv) else "shuffle" for factor in chain.factors]
    return f"{', '.join(parts)}; {chain.in_channels} to {chain.out_channels}"


def _factor(conv: GroupConv) -> str:
    window = "×".join(map(str, conv.window))
    if conv.groups == 1:
        return f"dense {window}"
    return f"depthwise {window}" if conv.is_depthwise else f"{conv.groups} branches {window}"


def _regular_table(regular: tuple[RegularAudit, ...]) -> Table:
    columns: dict[str, list[Any]] = {
        "layer": [entry.layer for entry in regular],
        "channels": [f"{entry.in_channels} to {entry.out_channels}" for entry in regular],
        "weights": [entry.parameters for entry in regular],
        "strict chain": [entry.strict.name for entry in regular],
        "its weights": [entry.strict.parameters for entry in regular],
        "fewer by": [f"{entry.parameters / entry.strict.parameters:.1f}" for entry in regular],
        "dense chain": ["as strict" if entry.dense == entry.strict else entry.dense.name for entry in regular],
        "weights of that": [entry.dense.parameters for entry in regular],
    }
    names = ("weights", "its weights", "weights of that")
    totals = {"layer": "total", **{name: sum(columns[name]) for name in names}}
    return Table("Regular layers, and the cheapest chains between the same channels, by branch widths", columns, totals)


def _error_table(regular: tuple[RegularAudit, ...]) -> Table:
    measured = [(entry, entry.errors) for entry in regular if entry.errors]
    columns: dict[str, list[Any]] = {
        "layer": [entry.layer for entry, _ in measured],
        "strict chain": [_error(errors.strict) for _, errors in measured],
        "bits": [errors.bits for _, errors in measured],
        "product": [errors.chain for _, errors in measured],
        "error": [_error(errors.product) for _, errors in measured],
        "low rank": [_error(errors.low_rank) for _, errors in measured],
        "pruned": [_error(errors.pruned) for _, errors in measured],
    }
    title = (
        "Relative errors of the cheapest strict chain; and, at the same bits, of a sparse product, low rank and pruning"
    )
    return Table(title, columns)


def _unmeasured_table(regular: tuple[RegularAudit, ...]) -> Table:
    left = [entry for entry in regular if entry.unmeasured]
    columns = {"layer": [entry.layer for entry in left], "reason": [entry.unmeasured for entry in left]}
    return Table("Layers of which no errors were measured", columns)


def _error(value: float) -> str:
    return f"{value:.3f}"


def _flow_data(block: BlockFlow) -> dict[str, Any]:
    return {
        "block": block.name,
        "layers": block.layers,
        "grade": block.main.kind,
        "min_paths": block.min_paths,
        "max_paths": block.max_paths,
        "share_of_pairs": None if block.whole.share is None else float(block.whole.share),
        "share_with_gates": None if block.gated.share is None else float(block.gated.share),
        "sentence": block.whole.sentence,
        "without_shortcuts": block.main.sentence,
    }


def _chain_data(entry: ChainAudit) -> dict[str, Any]:
    grade = entry.grade
    return {
        "layers": entry.layers,
        "factors": [repr(factor) for factor in entry.chain.factors],
        "grade": grade.kind,
        "min_paths": grade.min_paths,
        "max_paths": grade.max_paths,
        "pair_without_path": grade.missing,
        "sentence": str(grade),
    }


def _regular_data(entry: RegularAudit) -> dict[str, Any]:
    return {
        "layer": entry.layer,
        "in_channels": entry.in_channels,
        "out_channels": entry.out_channels,
        "parameters": entry.parameters,
        "strict": _design(entry.strict),
        "dense": _design(entry.dense),
        "errors": vars(entry.errors) if entry.errors else None,
        "unmeasured": entry.unmeasured,
    }


def _design(chain: Chain) -> dict[str, Any]:
    return {"branch_widths": [conv.in_width for conv in chain.convolutions], "parameters": chain.parameters}
