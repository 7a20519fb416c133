"""Batch normalisations right behind the layers of a PyTorch module: by what they multiply each output."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import Any

from igc_theory.kernels.arrays import Array

try:
    import torch
    from torch import fx
except ImportError:  # rewrite says what to install; to import this module is no error yet
    torch, fx = None, SimpleNamespace(Tracer=object)

__all__ = ["scales_behind", "scales_of", "traced"]


def scales_of(norm: Any, outputs: int) -> Array | None:
    """Return by what a batch normalisation multiplies so many outputs; None if it works with the batch's own statistics.

    It is None for other numbers of outputs too: behind a linear layer that writes sequences it is of positions.
    """
    if norm.running_var is None or norm.running_var.numel() != outputs:
        return None
    scales = (1 if norm.weight is None else norm.weight) / torch.sqrt(norm.running_var + norm.eps)
    values: Array = scales.detach().double().cpu().numpy()
    return values


def traced(module: Any) -> list[Any]:
    """Return the steps of a module in order, seen without running it; none where PyTorch cannot trace it."""
    try:
        return list(_Tracer().trace(module).nodes)
    except Exception:  # whatever a module does while it is traced
        return []


def scales_behind(module: Any, nodes: list[Any]) -> dict[str, Array]:
    """Return by what the outputs of layers are multiplied right behind them, by the names of the layers.

    A layer counts if among the steps of the module it is called once, and a batch normalisation alone reads it.
    """
    parts = dict(module.named_modules())
    calls = Counter(id(parts[node.target]) for node in nodes if node.op == "call_module")
    found = {}
    for node in nodes:
        readers = list(node.users)
        if node.op != "call_module" or len(readers) != 1 or readers[0].op != "call_module":
            continue
        layer, norm = parts[node.target], parts[readers[0].target]
        outputs = getattr(layer, "out_channels", getattr(layer, "out_features", 0))
        if calls[id(layer)] == 1 and _is_norm(norm) and (scales := scales_of(norm, outputs)) is not None:
            found[node.target] = scales
    return found


def _is_norm(module: Any) -> bool:
    return isinstance(module, (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d))


class _Tracer(fx.Tracer):  # type: ignore[misc]  # without PyTorch it is an object
    """Traces a module down to its layers; normalisations that other packages derive from PyTorch's stay whole."""

    def is_leaf_module(self, m: Any, module_qualified_name: str) -> bool:
        return _is_norm(m) or bool(super().is_leaf_module(m, module_qualified_name))
