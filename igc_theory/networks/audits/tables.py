"""An audit as tables: what to replace, layers, flow, chains, and what could not be looked at."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from igc_theory.networks.audits.audit import Audit
from igc_theory.networks.audits.chains import ChainAudit
from igc_theory.networks.audits.data import BYTES, layer_rows
from igc_theory.networks.audits.plan import Action, ReplacementPlan
from igc_theory.networks.audits.replaceable import Replaceable
from igc_theory.networks.description.table import Table
from igc_theory.structure.arguments.kinds import instance_of
from igc_theory.structure.chains import Chain
from igc_theory.structure.factors import GroupConv

__all__ = ["SPARE", "action_table", "audit_tables"]

SPARE = ("multiply–adds", "was", "weights", "from", "network")
"""Columns of the actions that a narrow terminal does without, the first of them first."""


def action_table(plan: ReplacementPlan, title: str, top: int | None = None) -> Table:
    """Return the actions as a table, best first: what each changes, and what of the network is left after it.

    Examples
    --------
    >>> from igc_theory.networks import audit, network
    >>> print(action_table(audit(network("igc_l24m2", depth=5)).plan, "To be trained anew"))
    To be trained anew
    layer    from           to           was  weights  multiply–adds  network
    conv1    3×3 3→48       1 × 3 × 1  1,296       84         86,016   20,350
    linear1  linear 192→10  96 × 2     1,920      980            980   19,410
    """
    shown = plan.actions[:top]
    errors = [action.option.relative_error for action in shown]
    columns: dict[str, list[Any]] = {
        "layer": [action.layer.layer for action in shown],
        "from": [_from(action.layer) for action in shown],
        "to": [action.option.name for action in shown],
        "was": [action.layer.parameters for action in shown],
        "weights": [action.option.parameters for action in shown],
        "multiply–adds": [action.option.multiply_adds for action in shown],
    }
    if plan.milliseconds is not None:
        columns["predicted ms"] = [
            _change(action.layer.options[0].milliseconds, action.option.milliseconds) for action in shown
        ]
    if plan.machine:
        columns["measured ms"] = [_change(*(action.measured or (None, None))) for action in shown]
    columns |= {} if None in errors else {"error": [_error(error) for error in errors if error is not None]}
    columns["network"] = [_left(action, plan.objective) for action in shown]
    return Table(title, columns)


def _left(action: Action, objective: str) -> float:
    """Return what of the network is left after an action: weights, multiply–adds or milliseconds."""
    if objective == "latency":
        return round(action.network_milliseconds or 0.0, 3)
    return action.network_multiply_adds if objective == "multiply_adds" else action.network_parameters


def _change(before: float | None, after: float | None) -> str | None:
    """Return milliseconds before and after."""
    if before is None or after is None:
        return None
    return "→".join(f"{time:.3f}" if time < 1 else f"{time:.2f}" for time in (before, after))


def _from(layer: Replaceable) -> str:
    """Return a layer in few words, such as "3×3/2 64→128"."""
    conv = layer.convolution
    word = layer.kind.removeprefix("regular ").replace(" /", "/")
    return f"{word} {conv.in_channels}→{conv.out_channels}"


def audit_tables(audit: Audit) -> list[Table]:
    """Return the audit as tables: layers, blocks, chains, what can be replaced, what could not be measured or was passed over.

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
    tables += [_replaceable_table(audit.layers)] if audit.layers else []
    if any(entry.unmeasured for entry in audit.layers):
        tables.append(_unmeasured_table(audit.layers))
    network = audit.network
    if network.passed_over:
        tables.append(network.passed_over_table())
    return tables


def _layer_table(audit: Audit) -> Table:
    rows = layer_rows(audit)
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
    return Table("Layers", columns, {"layer": "total", **sums, **once})


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


def _replaceable_table(layers: tuple[Replaceable, ...]) -> Table:
    strict, dense = [entry.strict for entry in layers], [entry.dense for entry in layers]
    fewer = [
        chain and f"{entry.parameters / chain.parameters:.1f}" for entry, chain in zip(layers, strict, strict=True)
    ]
    columns: dict[str, list[Any]] = {
        "layer": [entry.layer for entry in layers],
        "kind": [_from(entry) for entry in layers],
        "weights": [entry.parameters for entry in layers],
        "strict chain": [chain and chain.name for chain in strict],
        "its weights": [chain and chain.parameters for chain in strict],
        "fewer by": fewer,
        "dense chain": [chain and _or_strict(chain, other) for chain, other in zip(dense, strict, strict=True)],
        "weights of that": [chain and chain.parameters for chain in dense],
    }
    names = ("weights", "its weights", "weights of that")
    totals = {"layer": "total", **{name: sum(filter(None, columns[name])) for name in names}}
    title = "Layers that can be replaced, and the cheapest chains between the same channels, by branch widths"
    return Table(title, columns, totals)


def _or_strict(chain: Chain, strict: Chain | None) -> str:
    return "as strict" if chain == strict else chain.name


def _unmeasured_table(layers: tuple[Replaceable, ...]) -> Table:
    left = [entry for entry in layers if entry.unmeasured]
    columns = {"layer": [entry.layer for entry in left], "reason": [entry.unmeasured for entry in left]}
    return Table("Layers of which no errors were measured", columns)


def _error(value: float) -> str:
    return f"{value:.3f}"
