"""Recurrent layers, in ONNX's words."""

from __future__ import annotations

import numpy as np

from igc_theory.networks.readers.aten.products import turned
from igc_theory.networks.readers.aten.record import Call, Operand, Record, Rule

__all__ = ["RECURRENT"]

# --- layers of several weights --------------------------------------------------------------------------------------

_GATES = {
    "lstm": ("LSTM", (0, 3, 1, 2)),
    "gru": ("GRU", (1, 0, 2)),
    "rnn_tanh": ("RNN", (0,)),
    "rnn_relu": ("RNN", (0,)),
}
"""ONNX's name, and its order of the gates."""


def _recurrent(call: Call, record: Record) -> None:
    """Write a stack of recurrent layers, one operator each; sequences first, as ONNX has them."""
    operator, gates = _GATES[call.operator]
    arrays, directions = list(call["params"]), 1 + bool(call["bidirectional"])
    each = len(arrays) // (call["num_layers"] * directions)
    source = call["input"] or _rows(call, record)
    if call["batch_first"]:
        source = _exchanged(source, call, record)
    for start in range(0, len(arrays), directions * each):
        source = _one_layer(operator, gates, source, arrays[start : start + directions * each], each, call, record)
    if call["batch_first"]:
        source = _exchanged(source, call, record)
    record.write("Identity", call.place, (source.name,), call.results)


def _rows(call: Call, record: Record) -> Operand:
    """Return packed sequences as one long one."""
    rows, features = call["data"].shape
    return record.between("Unsqueeze", call.place, (call["data"].name, record.numbers([1])), (rows, 1, features))


def _exchanged(operand: Operand, call: Call, record: Record) -> Operand:
    first, second, *rest = operand.shape
    perm = [1, 0, *range(2, len(operand.shape))]
    return record.between("Transpose", call.place, (operand.name,), (second, first, *rest), perm=perm)


def _one_layer(
    operator: str, gates: tuple[int, ...], source: Operand, arrays: list[Operand], each: int, call: Call, record: Record
) -> Operand:
    """Write a layer of one direction or both; each holds matrices for what is read and for the state, biases, and a projection."""
    directions = len(arrays) // each

    def stacked(*parts: np.ndarray) -> np.ndarray:
        blocks = [np.split(part, len(gates)) for part in parts]
        return np.stack([np.concatenate([block[gate] for gate in gates]) for block in blocks])

    def joined(*parts: np.ndarray) -> np.ndarray:
        rows = stacked(*parts)
        return np.concatenate([rows[:directions], rows[directions:]], axis=1)

    names = [[array.name for array in arrays[k::each]] for k in range(each)]
    shapes = [(directions, *arrays[k].shape) for k in range(2)]
    inputs = [source.name, *(record.derived(names[k], shapes[k], stacked) for k in range(2))]
    if each > 3:
        inputs.append(record.derived(names[2] + names[3], (directions, 2 * shapes[0][1]), joined))
    hidden = shapes[0][1] // len(gates)
    direction = "bidirectional" if directions == 2 else "forward"
    shape = (*source.shape[:-1], directions * hidden)
    states = record.between(operator, call.place, inputs, shape, hidden_size=hidden, direction=direction)
    return _projected(states, arrays[each - 1 :: each], call, record) if each % 2 else states


def _projected(states: Operand, matrices: list[Operand], call: Call, record: Record) -> Operand:
    """Multiply the states of each direction by its projection, which ONNX has not in its layer."""
    *lead, width = states.shape
    parts = [Operand(record.fresh(), (*lead, width // len(matrices))) for _ in matrices]
    record.write("Split", call.place, (states.name,), parts, axis=-1)
    projected = [
        record.between(
            "MatMul", call.place, (part.name, turned(matrix, call, record).name), (*lead, matrix.shape[0])
        ).name
        for part, matrix in zip(parts, matrices, strict=True)
    ]
    narrow = len(matrices) * matrices[0].shape[0]
    return record.between("Concat", call.place, projected, (*lead, narrow), axis=-1)


RECURRENT: dict[str, Rule] = dict.fromkeys(_GATES, _recurrent)
"""What is written for each operator."""
