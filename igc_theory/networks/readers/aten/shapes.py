"""Results of common operators that have a shape and no numbers; to ask PyTorch for each takes longer than all the rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from igc_theory.networks.description.graph import words

try:
    import torch
except ImportError:  # from_torch says what to install
    torch = None

__all__ = ["shape_alone"]

_LIKE = words(
    "batch_norm group_norm instance_norm layer_norm rms_norm softmax gelu silu relu sigmoid tanh hardswish hardsigmoid"
)
"""Operators whose result is like what they read."""

_ARITHMETIC = words("add sub mul div")

_RECURRENT = words("lstm gru rnn_tanh rnn_relu")


def shape_alone(operator: str, args: Sequence[Any]) -> Any:
    """Return what an operator gives for tensors without numbers, where that is plain to see; else None."""
    first, second = (*args, None)[:2]
    if not isinstance(first, torch.Tensor) or not first.is_floating_point():
        return None
    if operator in _RECURRENT:
        return _recurrent(*args)
    if operator in _LIKE and not any(isinstance(entry, torch.dtype) for entry in args):
        return torch.empty_like(first)
    if not isinstance(second, torch.Tensor):
        return torch.empty_like(first) if operator in _ARITHMETIC and isinstance(second, (int, float)) else None
    if second.dtype != first.dtype:
        return None
    if operator in _ARITHMETIC and first.shape == second.shape:
        return torch.empty_like(first)
    if operator == "linear" and second.dim() == 2 and first.dim() > 1 and first.shape[-1] == second.shape[1]:
        return first.new_empty((*first.shape[:-1], second.shape[0]))
    return None


def _recurrent(source: Any, states: Any, arrays: Any, *settings: Any) -> Any:
    """Return what a recurrent layer writes, and its last states; PyTorch would go through the sequences step by step."""
    if not isinstance(arrays, (list, tuple)) or source.dim() != 3 or source.shape[-1] != arrays[0].shape[1]:
        return None  # packed sequences, or sizes that do not fit, of which PyTorch says more
    *_, both_ways, batch_first = settings
    states = states if isinstance(states, (list, tuple)) else [states]
    order = (1, 0, 2) if batch_first else (0, 1, 2)
    sizes = [source.shape[axis] for axis in order[:2]]
    written = source.new_empty((*sizes, states[0].shape[-1] * (1 + both_ways))).permute(order)
    return (written, *(source.new_empty(state.shape) for state in states))
