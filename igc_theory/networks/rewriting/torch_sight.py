"""What can be seen of a PyTorch module: by running it on inputs, or else by tracing it.

That is what its layers read and write, which of them other code looks into, and by what a batch normalisation right behind a layer
multiplies each output.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from igc_theory.kernels.arrays import Array
from igc_theory.networks.rewriting.dense_layers import Place, joined_size
from igc_theory.networks.rewriting.moments import Moments
from igc_theory.networks.rewriting.torch_reads import copied, reads_watched
from igc_theory.structure.factors import GroupConv

try:
    import torch
    from torch import fx, nn
    from torch.utils._pytree import tree_map_only
except ImportError:  # rewrite says what to install; to import this module is no error yet
    torch, nn, fx = None, None, SimpleNamespace(Tracer=object)

__all__ = ["READ_ELSEWHERE", "Seen", "Sight", "convolution_of", "run", "sight_of"]

READ_ELSEWHERE = "its weights are read elsewhere too"


def convolution_of(part: Any) -> GroupConv:
    """Return a layer as a group convolution."""
    if isinstance(part, nn.Linear):
        return GroupConv(part.in_features, part.out_features)
    ones = (1,) * (2 - len(part.kernel_size))
    window, strides = (*ones, *part.kernel_size), (*ones, *part.stride)
    return GroupConv(part.in_channels, part.out_channels, part.groups, window, strides)


class Seen:
    """What a layer reads and writes while the module runs."""

    def __init__(self, part: Any, batch: int) -> None:
        self.part, self.batch, self.moments = part, batch, Moments(convolution_of(part))
        self.places: list[Place] = []
        self.scales: Array | None = None
        self.has_outputs_on_axis_1 = False

    def add(self, x: Any, y: Any) -> None:
        """Take note of one call."""
        x, axes = x.detach(), 0 if isinstance(self.part, nn.Linear) else len(self.part.kernel_size)
        self.has_outputs_on_axis_1 = y.ndim == axes + 2
        self.places.append(Place(*(joined_size(image.shape, axes, self.batch) for image in (x, y))))
        if not axes:
            self.moments.add_rows(x.reshape(-1, x.shape[-1]).double().cpu().numpy())
            return
        x = x.reshape(-1, *x.shape[-1 - axes :])
        if any(self.part._reversed_padding_repeated_twice):
            mode = {"zeros": "constant"}.get(self.part.padding_mode, self.part.padding_mode)
            x = nn.functional.pad(x, self.part._reversed_padding_repeated_twice, mode=mode)
        images = x.double().cpu().numpy().reshape(*x.shape[:2], *(1,) * (2 - axes), *x.shape[2:])
        steps = (*(1,) * (2 - axes), *self.part.dilation)
        self.moments.add_images(images, steps)


@dataclass(frozen=True, eq=False)
class Sight:
    """What is known of a module by running it, or by tracing it."""

    outputs: Any
    seen: dict[str, Seen]
    scales: dict[str, Array]
    stay: dict[str, str]
    blind: str = ""


def sight_of(module: Any, modules: dict[str, Any], inputs: Any) -> Sight:
    """Return what inputs show of a module and its layers; without inputs, what a trace shows."""
    twin = copied(module)  # a run or a trace may leave something behind
    parts = {name: twin.get_submodule(name) for name in modules}
    if inputs is not None:
        outputs, seen, read = _seen(twin, parts, inputs)
        uncalled = {name: "it is not called with these inputs" for name, one in seen.items() if not one.places}
        return Sight(outputs, seen, {}, uncalled | dict.fromkeys(read, READ_ELSEWHERE))
    with reads_watched(parts) as read:
        nodes = _traced(twin)
    blind = "" if nodes else ", and it cannot be traced: whether its code reads weights of a layer is not known"
    return Sight(None, {}, _scales_behind(module, nodes), dict.fromkeys(sorted(read), READ_ELSEWHERE), blind)


def _seen(module: Any, modules: dict[str, Any], inputs: Any) -> tuple[Any, dict[str, Seen], set[str]]:
    """Return the outputs of a module, what its layers read and write on the way, and those that its code looks into."""
    found = {name: Seen(part, _batch(inputs)) for name, part in modules.items()}
    last: list[Any] = [None, None, None]

    def watch(name: str) -> Callable[..., None]:
        def note(_: Any, given: tuple[Any, ...], named: dict[str, Any], written: Any) -> None:
            found[name].add(given[0] if given else named["input"], written)
            last[:] = [written, found[name], _changes(written)]

        return note

    def scale(norm: Any, given: tuple[Any, ...]) -> None:
        is_behind = bool(given) and given[0] is last[0] and _changes(given[0]) == last[2]
        if is_behind and last[1].has_outputs_on_axis_1:
            last[1].scales = _scales_of(norm, last[1].moments.conv.out_channels)

    norms = [part for part in module.modules() if isinstance(part, (nn.BatchNorm1d, nn.BatchNorm2d))]
    hooks = [part.register_forward_hook(watch(name), with_kwargs=True) for name, part in modules.items()]
    hooks += [norm.register_forward_pre_hook(scale) for norm in norms]
    try:
        with reads_watched(modules) as read:  # its hooks end a call behind the others, which look into the layer
            return run(module, inputs), found, read
    finally:
        for hook in hooks:
            hook.remove()


def _changes(tensor: Any) -> int:
    """Return how often a tensor was changed in place, as a ReLU between a layer and a normalisation may do."""
    return 0 if tensor.is_inference() else int(tensor._version)


def _batch(inputs: Any) -> int:
    """Return how many inputs are given at once: as many as the first of them has rows."""
    entries = list(inputs.values()) if isinstance(inputs, Mapping) else inputs
    first = entries[0] if isinstance(entries, (tuple, list)) and entries else entries
    return max(1, len(first)) if isinstance(first, torch.Tensor) and first.ndim else 1


def run(module: Any, inputs: Any) -> Any:
    """Return the outputs in evaluation mode, without gradients, for copies of the inputs: a module may change them in place."""
    inputs = dict(inputs) if isinstance(inputs, Mapping) else inputs
    inputs = tree_map_only(torch.Tensor, lambda tensor: tensor.detach().clone(), inputs)
    with _evaluating(module), torch.no_grad():
        if isinstance(inputs, Mapping):
            return module(**inputs)
        return module(*inputs) if isinstance(inputs, (tuple, list)) else module(inputs)


@contextmanager
def _evaluating(module: Any) -> Iterator[None]:
    training = {part: part.training for part in module.modules()}
    module.eval()
    try:
        yield
    finally:
        for part, flag in training.items():
            part.training = flag


def _scales_of(norm: Any, outputs: int) -> Array | None:
    """Return by what a batch normalisation multiplies so many outputs; None if it works with the batch's own statistics.

    It is None for other numbers of outputs too: behind a linear layer that writes sequences it is of positions.
    """
    if norm.running_var is None or norm.running_var.numel() != outputs:
        return None
    scales = (1 if norm.weight is None else norm.weight) / torch.sqrt(norm.running_var + norm.eps)
    values: Array = scales.detach().double().cpu().numpy()
    return values


def _traced(module: Any) -> list[Any]:
    """Return the steps of a module in order, seen without running it; none where PyTorch cannot trace it."""
    try:
        return list(_Tracer().trace(module).nodes)
    except Exception:  # whatever a module does while it is traced
        return []


def _scales_behind(module: Any, nodes: list[Any]) -> dict[str, Array]:
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
        if calls[id(layer)] == 1 and _is_norm(norm) and (scales := _scales_of(norm, outputs)) is not None:
            found[node.target] = scales
    return found


def _is_norm(module: Any) -> bool:
    return isinstance(module, (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d))


class _Tracer(fx.Tracer):  # type: ignore[misc]  # without PyTorch it is an object
    """Traces a module down to its layers; normalisations that other packages derive from PyTorch's stay whole."""

    def is_leaf_module(self, m: Any, module_qualified_name: str) -> bool:
        return _is_norm(m) or bool(super().is_leaf_module(m, module_qualified_name))
