"""Copies of PyTorch modules, and which of their layers other code asks for more than their outputs."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

try:
    import torch
except ImportError:  # rewrite says what to install; to import this module is no error yet
    torch = None

__all__ = ["copied", "reads_watched"]


def copied(module: Any) -> Any:
    """Return a copy of a module; tensors that it computes anew at each call, as `weight_norm` does, are copied as numbers."""
    values = [value for part in module.modules() for value in vars(part).values()]
    computed = [value for value in values if isinstance(value, torch.Tensor) and not value.is_leaf]
    try:
        return copy.deepcopy(module, {id(tensor): tensor.detach().clone() for tensor in computed})
    except Exception as error:  # whatever a module holds
        raise ValueError(
            f"model={type(module).__name__} cannot be copied ({type(error).__name__}: {' '.join(str(error).split())[:200]}): "
            "give a module that copy.deepcopy copies"
        ) from error


@contextmanager
def reads_watched(layers: Mapping[str, Any]) -> Iterator[set[str]]:
    """Note of which layers other code reads weights, sizes or the like, as ``linear(x, self.layer.weight)`` does.

    Layers are of another class meanwhile, which notes what is read between their own calls.
    """
    read: set[str] = set()
    inner = [(name, layer, type(layer)) for name, layer in layers.items() if name]  # around the module there is no code
    hooks = [hook for name, layer, _ in inner for hook in _watch(name, layer, read)]
    try:
        yield read
    finally:
        for hook in hooks:
            hook.remove()
        for _, layer, kind in inner:
            layer.__class__ = kind


def _watch(name: str, layer: Any, read: set[str]) -> list[Any]:
    """Let a layer note its name where what it alone has is read, but not in its own calls; return the hooks that tell these."""
    kind, calls = type(layer), [0]
    own = {*dir(layer)} - {*dir(torch.nn.Sequential())}  # what a product does not have

    def noted(self: Any, attribute: str) -> Any:
        if attribute in own and not calls[0]:
            read.add(name)
        return object.__getattribute__(self, attribute)

    def begin(*_: Any) -> None:
        calls[0] += 1

    def end(*_: Any) -> None:
        calls[0] -= 1

    hooks = [layer.register_forward_pre_hook(begin), layer.register_forward_hook(end, always_call=True)]
    layer.__class__ = type(kind.__name__, (kind,), {"__getattribute__": noted, "__module__": kind.__module__})
    return hooks
