"""From the operators of PyTorch (ATen) to those of ONNX: what computes with weights, and what moves numbers about."""

from __future__ import annotations

import numpy as np

from igc_theory.networks.readers.aten.arithmetic import ARITHMETIC, TWO_OPERANDS
from igc_theory.networks.readers.aten.movements import MOVEMENTS
from igc_theory.networks.readers.aten.normalisations import NORMALISATIONS
from igc_theory.networks.readers.aten.products import PRODUCTS
from igc_theory.networks.readers.aten.record import Call, Record, Rule
from igc_theory.networks.readers.aten.recurrent import RECURRENT

__all__ = ["is_known", "translate"]


def is_known(operator: str) -> bool:
    """Return whether an operator is translated as it is; others are looked at more closely, if they consist of others."""
    return (operator.rstrip("_") if not operator.startswith("_") else operator) in _KNOWN or operator in _KNOWN


def translate(call: Call, record: Record) -> None:
    """Write a call down in ONNX's words; under its own name, with the namespace in front, if ONNX has no word for it."""
    operator = call.operator if call.operator in _KNOWN else call.operator.rstrip("_")
    rule = _RULES.get(operator)
    if rule is not None:
        rule(call, record)
        return
    inputs = [operand.name for operand in call.operands]
    if operator in TWO_OPERANDS and len(inputs) == 1:
        inputs.append(record.numbers(np.float32(_number(call))))
    name = ARITHMETIC.get(operator, operator.replace("::", ".") if "::" in operator else f"aten.{operator}")
    record.write(name, call.place, inputs, call.results, **_attributes(name, call))


def _number(call: Call) -> float:
    """Return the operand of an arithmetic operator that is a plain number."""
    values = [call[name] for name in ("other", "exponent", "self") if isinstance(call[name], (int, float))]
    return float(values[0]) if values else 0.0


def _attributes(name: str, call: Call) -> dict[str, object]:
    if not name.startswith("Reduce"):
        return {"axis": call["dim"]} if isinstance(call["dim"], int) else {}
    dims = call["dim"] if isinstance(call["dim"], (list, tuple)) else [call["dim"]]
    axes = {"axes": [int(dim) for dim in dims]} if dims and isinstance(dims[0], int) else {}
    return {**axes, "keepdims": int(bool(call["keepdim"]))}


_RULES: dict[str, Rule] = {**MOVEMENTS, **PRODUCTS, **NORMALISATIONS, **RECURRENT}
"""Operators whose operands or attributes ONNX has in another form."""

_KNOWN = _RULES.keys() | ARITHMETIC.keys()
