"""An audit as plain values, for another program: the schema of ``igc-theory audit --json``.

`FORMAT` is the first entry of what is written. It changes when an entry is renamed, removed or means something else, not when one
is added. Counts are integers; shapes are lists, channels first; an entry that is not known is null.

- ``network``: name; beside it ``source``, ``input_shape``, and ``exact``: whether every operator is counted
- ``parameters``: trained numbers; beside it ``buffers``, and ``counts`` by what they do
- ``multiply_adds``: of weights with activations, one image; beside it ``activation_multiply_adds`` and ``peak_activation_bytes``
- ``plan``: which layers to replace: ``keep``, ``objective``, ``reached``, ``gap``, ``relative_error``. Then the totals of the
  network after all actions: ``parameters``, ``multiply_adds`` and, where a table of times was given, ``milliseconds`` (beside
  ``milliseconds_before``). ``machine``: where actions were timed, null if none was. Last ``actions``, best first, each with the
  totals of the network after it and those ranked before it. Of an action ``milliseconds`` are predicted. ``measured_milliseconds``
  were taken on ``machine``, null for an action that was not timed
- ``layers``: a row for each layer
- ``replaceable``: a row for each layer that is a matrix between channels, and its ``options``
- ``flow``: how blocks connect channels, null if only layers are known; ``flow_of_stages`` likewise
- ``chains``: consecutive convolutions with branches, and their grades
- ``passed_over``: operators that are not counted
"""

from __future__ import annotations

from typing import Any

from igc_theory.networks.audits.audit import Audit
from igc_theory.networks.audits.chains import ChainAudit
from igc_theory.networks.audits.plan import Action, ReplacementPlan
from igc_theory.networks.audits.replaceable import Option, Replaceable
from igc_theory.networks.description.layer_graph import LayerGraph
from igc_theory.networks.paths.block_flow import BlockFlow
from igc_theory.structure.arguments.kinds import instance_of
from igc_theory.structure.chains import Chain

__all__ = ["BYTES", "FORMAT", "audit_data", "layer_rows"]

FORMAT = "igc_theory audit 1"

BYTES = 4
"""Of a weight and of an activation, in single precision."""


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
    >>> audit_data(audit(network("mobilenet_v1")))["replaceable"][1]["strict"]
    {'branch_widths': [4, 4, 2], 'parameters': 384}
    """
    network = instance_of("audit", audit, Audit, "give what audit(network) returns").network
    return {
        "format": FORMAT,
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
        "plan": _plan_data(audit.plan, network),
        "layers": layer_rows(audit),
        "replaceable": [_layer_data(layer) for layer in audit.layers],
        "flow": [_flow_data(block) for block in audit.flow.blocks] if audit.flow else None,
        "flow_of_stages": [_flow_data(stage) for stage in audit.flow.stages] if audit.flow else None,
        "chains": [_chain_data(entry) for entry in audit.chains],
        "passed_over": [vars(entry) for entry in network.passed_over],
    }


def _plan_data(plan: ReplacementPlan, network: LayerGraph) -> dict[str, Any]:
    last = plan.actions[-1] if plan.actions else None
    return {
        "keep": plan.keep,
        "objective": plan.objective,
        "reached": plan.reached,
        "gap": plan.gap,
        "relative_error": plan.relative_error,
        "milliseconds_before": plan.milliseconds,
        "milliseconds": last.network_milliseconds if last else plan.milliseconds,
        "parameters": last.network_parameters if last else network.parameters,
        "multiply_adds": last.network_multiply_adds if last else network.multiply_adds,
        "machine": dict(plan.machine) or None,
        "actions": [_action_data(action) for action in plan.actions],
    }


def _action_data(action: Action) -> dict[str, Any]:
    before, after = action.layer.options[0], action.option
    return {
        "layer": action.layer.layer,
        "from": action.layer.kind,
        "to": after.name,
        "factors": [repr(factor) for factor in after.chain.factors],
        "parameters": before.parameters,
        "parameters_after": after.parameters,
        "multiply_adds": before.multiply_adds,
        "multiply_adds_after": after.multiply_adds,
        "milliseconds": before.milliseconds,
        "milliseconds_after": after.milliseconds,
        "measured_milliseconds": before.measured_milliseconds,
        "measured_milliseconds_after": after.measured_milliseconds,
        "relative_error": after.relative_error,
        "network_parameters": action.network_parameters,
        "network_multiply_adds": action.network_multiply_adds,
        "network_milliseconds": action.network_milliseconds,
    }


def _layer_data(layer: Replaceable) -> dict[str, Any]:
    conv = layer.convolution
    return {
        "layer": layer.layer,
        "kind": layer.kind,
        "in_channels": conv.in_channels,
        "out_channels": conv.out_channels,
        "window": conv.window,
        "stride": conv.strides,
        "parameters": layer.parameters,
        "multiply_adds": layer.multiply_adds,
        "strict": _design(layer.strict) if layer.strict else None,
        "dense": _design(layer.dense) if layer.dense else None,
        "options": [_option_data(option) for option in layer.options],
        "unmeasured": layer.unmeasured,
    }


def _option_data(option: Option) -> dict[str, Any]:
    names = ("name", "parameters", "bits", "multiply_adds", "milliseconds", "relative_error")
    return {name: getattr(option, name) for name in names}


def layer_rows(audit: Audit) -> list[dict[str, Any]]:
    """Return a row for each layer: what it is and costs."""
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


def _design(chain: Chain) -> dict[str, Any]:
    return {"branch_widths": [conv.in_width for conv in chain.convolutions], "parameters": chain.parameters}
