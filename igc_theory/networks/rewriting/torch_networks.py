"""PyTorch modules with other layers in place of dense ones.

The original is copied; layers of exactly PyTorch's own classes are replaced wherever they stand in it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from functools import partial
from math import sqrt
from types import SimpleNamespace
from typing import Any

import numpy as np

from igc_theory.budget.latency import LatencyTable
from igc_theory.kernels.arrays import Array
from igc_theory.networks.rewriting.candidates.candidate import Substitute
from igc_theory.networks.rewriting.dense_layers import DenseLayer, choices_within
from igc_theory.networks.rewriting.result import Measured, Rewrite, substituted
from igc_theory.networks.rewriting.torch_reads import copied
from igc_theory.networks.rewriting.torch_sight import READ_ELSEWHERE, Seen, convolution_of, run, sight_of
from igc_theory.structure.arguments.kinds import kind_of, shown
from igc_theory.structure.branches import serial_factors, wiring
from igc_theory.structure.factors import GroupConv

try:
    import torch
    from torch import nn
except ImportError:  # rewrite says what to install; to import this module is no error yet
    torch, nn = None, SimpleNamespace(Module=object, Sequential=object)

__all__ = ["Bias", "OnLastAxis", "Select", "rewritten_module"]


class Select(nn.Module):
    """Some channels of images (…, C, *sizes) in some order, each perhaps several times."""

    def __init__(self, indices: Array, axes: int) -> None:
        super().__init__()
        self.axes = axes
        self.register_buffer("indices", torch.tensor(np.array(indices)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the channels chosen."""
        return x.index_select(-1 - self.axes, self.indices)

    def extra_repr(self) -> str:
        """Return what `print` shows in the brackets."""
        return f"channels={self.indices.numel()}"


class Bias(nn.Module):
    """One number added per channel of images (…, C, *sizes)."""

    def __init__(self, bias: torch.Tensor, axes: int) -> None:
        super().__init__()
        self.axes = axes
        self.bias = nn.Parameter(bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the sum."""
        return x + self.bias.reshape(-1, *(1,) * self.axes)


class OnLastAxis(nn.Sequential):
    """Layers over sequences (N, C, 1), applied to tensors (…, C) as a linear layer is."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:  # the name by which a linear layer may be called
        """Return the layers' outputs, shape (…, C_out)."""
        return super().forward(input.reshape(-1, input.shape[-1], 1)).reshape(*input.shape[:-1], -1)


def rewritten_module(
    module: Any,
    budget: float,
    *,
    architecture_only: bool,
    objective: str,
    inputs: Any,
    table: LatencyTable | None,
    reorder: bool,
    progress: bool,
) -> Rewrite:
    """Return the rewritten module; arguments as for `rewrite`."""
    if torch is None or not isinstance(module, nn.Module):
        way_out = "give the path of an ONNX file, or a torch.nn.Module (which needs PyTorch: pip install torch)"
        raise TypeError(f"model={shown(module)} is {kind_of(module)}: {way_out}")
    if objective != "bits" and inputs is None:
        raise ValueError(f"objective={objective!r} of a module depends on its images: give some as inputs")
    new = copied(module)
    modules, kept = _dense_modules(new)
    sight = sight_of(new, modules, inputs)
    kept += tuple(sight.stay.items())
    modules = {name: part for name, part in modules.items() if name not in sight.stay}
    if not modules:
        raise ValueError(f"model={shown(type(module).__name__)} has no layer that can be replaced: {_first(kept)}")
    layers = [_layer(name, one, sight.seen.get(name), sight.scales.get(name)) for name, one in modules.items()]
    fresh, known = partial(DenseLayer.architectures, rng=_generator()), partial(DenseLayer.candidates, reorder=reorder)
    options = fresh if architecture_only else known
    choices = choices_within(
        layers, budget, objective, options, alike=architecture_only, table=table, progress=progress
    )
    made = substituted(choices, progress)
    if architecture_only:
        _reset(new)  # before layers are replaced: a module's own code for it may look into them
    others = {id(modules[layer.name]): _module(modules[layer.name], one)
              for layer, one in zip(choices.layers, made, strict=True) if one is not None}  # fmt: skip
    new = _exchanged(new, others)
    unmeasured = f"{'all its weights are fresh' if architecture_only else 'no inputs were given'}{sight.blind}"
    measured = Measured(unmeasured=unmeasured) if inputs is None else _measured(new, inputs, sight.outputs)
    measured = Measured(runtime=measured.runtime, unmeasured=unmeasured) if architecture_only else measured
    errors = None if architecture_only else tuple(0.0 if one is None else one.relative_error for one in made)
    return Rewrite(new, choices, errors, kept, measured, type(module).__name__)


def _first(kept: tuple[tuple[str, str], ...]) -> str:
    return "; ".join(f"{name}: {reason}" for name, reason in kept[:3]) or "no Conv1d, Conv2d or Linear"


def _dense_modules(module: Any) -> tuple[dict[str, Any], tuple[tuple[str, str], ...]]:
    """Return the layers that can be replaced by name, and the others with the reason why they stay."""
    uses = Counter(id(one) for part in module.modules() for one in part.parameters(recurse=False))
    reading = (nn.MultiheadAttention, nn.TransformerEncoderLayer)
    inside = {id(part) for parent in module.modules() if isinstance(parent, reading) for part in parent.modules()}
    found, kept = {}, []
    for name, part in module.named_modules():
        if not isinstance(part, (nn.Linear, nn.modules.conv._ConvNd)):
            continue
        reason = _reason(part, uses, id(part) in inside)
        if reason:
            kept.append((name, reason))
        else:
            found[name] = part
    return found, tuple(kept)


def _reason(part: Any, uses: Mapping[int, int], is_inside: bool) -> str:
    """Return why a layer stays as it is; empty if it need not."""
    if type(part) not in (nn.Linear, nn.Conv1d, nn.Conv2d):
        return f"it is {kind_of(part)}: Linear, Conv1d and Conv2d are replaced"
    if around := _reason_around(part, uses, is_inside):
        return around
    if isinstance(part.weight, nn.parameter.UninitializedParameter):
        return "its weights are not initialized: run the module once"
    if part.weight.is_meta:
        return "its weights have no numbers, on the device meta"
    if not part.weight.is_floating_point() or not bool(torch.isfinite(part.weight).all()):
        return "its weights are not finite real numbers"
    conv = convolution_of(part)
    if conv.is_depthwise or conv.out_channels < 2:
        return "depthwise: each output has one input" if conv.is_depthwise else "it has one output"
    if conv.is_pointwise and not isinstance(part, nn.Linear) and part.padding not in ("same", "valid", (0,), (0, 0)):
        return "it pads what a 1×1 window reads"
    return ""


def _reason_around(part: Any, uses: Mapping[int, int], is_inside: bool) -> str:
    """Return what other code does with a layer besides calling it; empty if nothing is known."""
    if uses[id(part.weight)] > 1 or is_inside:
        return READ_ELSEWHERE
    if part.bias is not None and uses[id(part.bias)] > 1:
        return "its bias is read elsewhere too"
    if part._forward_hooks or part._forward_pre_hooks or part._backward_hooks or part._backward_pre_hooks:
        return "it has hooks"
    if "forward" in vars(part):
        return "it has a method forward of its own"
    if part._modules or part._buffers or part._parameters.keys() != {"weight", "bias"}:
        return "it holds more than weights and a bias"
    return ""


def _layer(name: str, part: Any, seen: Seen | None, scales: Array | None) -> DenseLayer:
    """Return what is known of a layer: what was seen of it, or at least what scales its outputs."""
    conv = convolution_of(part)
    weight = part.weight.detach().double().cpu().numpy().reshape(conv.out_channels, conv.in_width, *conv.window)
    if seen is None:
        return DenseLayer(name, conv, None, weight, scales)
    moments = seen.moments.mean()
    scales = seen.scales if len(seen.places) == 1 else None  # at other places something else may follow
    return DenseLayer(name, conv, tuple(seen.places), weight, scales, moments)


def _generator() -> np.random.Generator:
    """Return a generator of fresh weights that PyTorch's seed decides."""
    return np.random.default_rng(int(torch.randint(2**31, (1,))))


def _reset(module: Any) -> None:
    """Give fresh weights to all layers."""
    for part in module.modules():
        if hasattr(part, "reset_parameters"):
            part.reset_parameters()


def _exchanged(module: Any, others: dict[int, Any]) -> Any:
    """Return the module with other layers in place of some, wherever these stand."""
    for parent in list(module.modules()):
        for name, child in parent._modules.items():
            if id(child) in others:
                parent._modules[name] = others[id(child)]
    return others.get(id(module), module)


def _module(part: Any, substitute: Substitute) -> Any:
    """Return the layers that stand in place of one, in its precision, on its device."""
    linear = isinstance(part, nn.Linear)
    factors = substitute.product.chain.factors
    dense = all(isinstance(factor, GroupConv) and factor.groups == 1 for factor in factors)
    if linear and dense and substitute.inputs is None is substitute.outputs:
        made = nn.Sequential(*_linear_layers(part, substitute))
    elif linear:
        made = OnLastAxis(*_layers(part, substitute, 1))
    else:
        made = nn.Sequential(*_layers(part, substitute, len(part.kernel_size)))
    made = made.to(part.weight.dtype).to(part.weight.device).train(part.training)
    for name, parameter in made.named_parameters():
        parameter.requires_grad_((part.bias if name.endswith("bias") else part.weight).requires_grad)
    return made


def _linear_layers(part: Any, substitute: Substitute) -> Iterator[Any]:
    """Yield linear layers."""
    weights = substitute.product.weights
    for k, weight in enumerate(weights):
        has_bias = k == len(weights) - 1 and part.bias is not None
        layer = nn.Linear(weight.shape[1], weight.shape[0], has_bias)
        layer.weight = nn.Parameter(torch.tensor(weight[:, :, 0, 0]))
        if has_bias:
            layer.bias = nn.Parameter(part.bias.detach().clone())
        yield layer


def _layers(part: Any, substitute: Substitute, axes: int) -> Iterator[Any]:
    """Yield convolutions and the orders of channels between them."""
    chain, rest = substitute.product.chain, iter(substitute.product.weights)
    bias = None if part.bias is None else part.bias.detach().clone()
    last = chain.convolutions[-1]
    if substitute.inputs is not None:
        yield Select(substitute.inputs, axes)
    for factor in serial_factors(chain):
        if not isinstance(factor, GroupConv):
            yield Select(factor.indices, axes)
            continue
        within = bias if factor is last and substitute.outputs is None else None
        if within is not None:
            within = torch.empty_like(within).index_copy(0, torch.tensor(wiring(chain)[-1]).to(within.device), within)
        yield _conv(part, factor, next(rest), within, axes)
    if substitute.outputs is not None:
        yield Select(substitute.outputs, axes)
        if bias is not None:
            yield Bias(bias, axes)


def _conv(part: Any, factor: GroupConv, weight: Array, bias: Any, axes: int) -> Any:
    """Return one convolution; the one with the window pads and dilates as the old layer did."""
    kind, cut = {1: nn.Conv1d, 2: nn.Conv2d}[axes], slice(2 - axes, 2)
    options: dict[str, Any] = {"groups": factor.groups, "bias": bias is not None, "stride": factor.strides[cut]}
    if not factor.is_pointwise:
        options |= {"padding": part.padding, "dilation": part.dilation, "padding_mode": part.padding_mode}
    layer = kind(factor.in_channels, factor.out_channels, factor.window[cut], **options)
    layer.weight = nn.Parameter(torch.tensor(weight).reshape(layer.weight.shape))
    if bias is not None:
        layer.bias = nn.Parameter(bias)
    return layer


def _measured(new: Any, inputs: Any, before: Any) -> Measured:
    """Return how far the outputs of the new module are from those of the original."""
    try:
        after = run(copied(new), inputs)
    except Exception as error:  # whatever the module's code asks of its layers
        raise RuntimeError(
            f"model={type(new).__name__} does not run once rewritten, though it did before ({type(error).__name__}: "
            f"{' '.join(str(error).split())[:200]}): give the layer that its code looks into a class of its own, which stays"
        ) from error
    pairs = list(zip(_tensors(before), _tensors(after), strict=True))
    whole = sum(float((a.double() ** 2).sum()) for a, _ in pairs)
    apart = sum(float(((a.double() - b.double()) ** 2).sum()) for a, b in pairs)
    return Measured(sqrt(apart / whole) if whole else sqrt(apart), "PyTorch")


def _tensors(outputs: Any) -> list[Any]:
    """Return the tensors of real numbers among outputs."""
    if isinstance(outputs, torch.Tensor):
        return [outputs] if outputs.is_floating_point() else []
    entries = (
        outputs.values() if isinstance(outputs, Mapping) else outputs if isinstance(outputs, (tuple, list)) else []
    )
    return [tensor for entry in entries for tensor in _tensors(entry)]
