"""Networks of the zoo as PyTorch modules: the layers as described, and the activations that their description leaves out.

A ReLU stands behind a convolution with a batch-norm or a bias: one with neither is a factor of what follows. It stands behind a
batch-norm that comes first (pre-activation), and behind a sum in place of the last ReLU of its branches [He2016]. Means and
concatenations join what ReLUs wrote. So it is in the authors' code of [Zhang2017], and in every CIFAR network of the zoo but
Highway, whose gates are refused. Networks whose papers have other activations, such as [Sandler2018], are not meant.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce, singledispatch
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from igc_theory.networks.description.layers import Conv, Linear, Norm, Pad, Pool, Shuffle
from igc_theory.networks.description.network import Network
from igc_theory.networks.description.nodes import Block, Node
from igc_theory.networks.rewriting.torch_modules import Permute
from igc_theory.structure.arguments.sequences import pair_of

__all__ = ["Counted", "as_module", "check_counts", "counted"]


class Joined(nn.Module):
    """Branches that read the same activations, added, averaged or concatenated."""

    def __init__(self, branches: Sequence[nn.Module], join: str) -> None:
        super().__init__()
        self.branches, self.join = nn.ModuleList(branches), join

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return what the branches write, joined."""
        ends = [branch(x) for branch in self.branches]
        if self.join == "concat":
            return torch.cat(ends, 1)
        total = reduce(torch.add, ends)
        return total / len(ends) if self.join == "mean" else total


class GroupSums(nn.Module):
    """A pointwise group convolution whose weights are fixed to ones (summation fusion): a sum per group, nothing multiplied."""

    def __init__(self, groups: int, out_width: int) -> None:
        super().__init__()
        self.groups, self.out_width = groups, out_width

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the sum of each group, once for each of its outputs."""
        sums = x.unflatten(1, (self.groups, -1)).sum(2, keepdim=True)
        return sums.expand(-1, -1, self.out_width, -1, -1).flatten(1, 2)


class ZeroChannels(nn.Module):
    """Channels of zeros behind the last."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the images with as many channels as asked for."""
        return nn.functional.pad(x, (0, 0, 0, 0, 0, self.channels - x.shape[1]))


class GlobalMean(nn.Module):
    """The mean over all positions; unlike PyTorch's adaptive pool its gradient is the same in every run on a GPU."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return images of one pixel."""
        return x.mean((2, 3), keepdim=True)


def as_module(network: Network) -> nn.Sequential:
    """Return a network as a module with PyTorch's initial weights, images (N, channels, height, width) to scores (N, classes).

    Parameters
    ----------
    network : Network
        Of group convolutions, batch-norms, shuffles, pools, linear layers and blocks that add, average or concatenate.

    Returns
    -------
    torch.nn.Sequential

    Raises
    ------
    ValueError
        If a node is of another kind; the sentence names it.
    """
    try:
        return nn.Sequential(*_series(network.nodes))
    except ValueError as error:
        raise ValueError(f"{network.name} cannot be built: {error}") from error


def _series(nodes: Sequence[Node], *, ends_in_sum: bool = False) -> Iterator[nn.Module]:
    """Yield the modules of nodes in series; in front of a sum the last ReLU is left out."""
    last = _linear_end(nodes) if ends_in_sum else None
    for k, node in enumerate(nodes):
        yield from _modules(node)
        if _is_activated(node) and k != last:
            yield nn.ReLU(inplace=True)


def _is_activated(node: Node) -> bool:
    return isinstance(node, Norm) or (isinstance(node, Conv) and (node.batch_norm or node.bias))


def _linear_end(nodes: Sequence[Node]) -> int | None:
    """Return the place of a convolution whose ReLU stands behind the sum: nothing with weights follows it in its branch."""
    weighted = [k for k, node in enumerate(nodes) if isinstance(node, (Conv, Norm, Block))]
    last = weighted[-1] if weighted else None
    return last if last is not None and isinstance(nodes[last], Conv) and _is_activated(nodes[last]) else None


@singledispatch
def _modules(node: Any) -> Iterator[nn.Module]:
    """Yield the modules of one node, without its ReLU."""
    raise ValueError(f"{node!r} has no module here: use a network of convolutions, batch-norms, shuffles and pools")


@_modules.register
def _(node: Conv) -> Iterator[nn.Module]:
    conv = node.convolution
    if node.gates:
        raise ValueError(f"{node!r} has gates, whose activations differ: use a network without them")
    if node.fixed:
        if not conv.is_pointwise or conv.strides != (1, 1) or node.bias:
            raise ValueError(f"{node!r} is fixed and not a pointwise sum: use a window and a stride of 1, and no bias")
        yield GroupSums(conv.groups, conv.out_width)
    else:
        window, strides, padding = zip(*node.axes, strict=True)
        yield nn.Conv2d(
            conv.in_channels, conv.out_channels, window, strides, padding, groups=conv.groups, bias=node.bias
        )
    if node.batch_norm:
        yield nn.BatchNorm2d(conv.out_channels)


@_modules.register
def _(node: Norm) -> Iterator[nn.Module]:
    if node.kind != "batch norm":
        raise ValueError(f"{node!r} is no batch-norm: use a network that has no other")
    yield nn.BatchNorm2d(node.channels)


@_modules.register
def _(node: Pool) -> Iterator[nn.Module]:
    if node.window is None and node.kind == "average":
        yield GlobalMean()
        return
    padding = pair_of("padding", node.padding, minimum=0)
    if node.window is None or (node.kind == "average" and padding != (0, 0)):
        raise ValueError(f"{node!r} has no module here: use averages without padding, or maxima of a window")
    if node.kind == "max":
        yield nn.MaxPool2d(node.window, node.stride, padding, ceil_mode=node.round_up)
    else:
        yield nn.AvgPool2d(node.window, node.stride, ceil_mode=node.round_up)


@_modules.register
def _(node: Shuffle) -> Iterator[nn.Module]:
    yield Permute(node.permutation)


@_modules.register
def _(node: Pad) -> Iterator[nn.Module]:
    yield ZeroChannels(node.channels)


@_modules.register
def _(node: Linear) -> Iterator[nn.Module]:
    yield nn.Flatten()
    yield nn.Linear(node.in_features, node.out_features, node.bias)


@_modules.register
def _(node: Block) -> Iterator[nn.Module]:
    if node.join == "multiply":
        raise ValueError(f"block {node.name!r} has gates, whose activations differ: use a network without them")
    if len(node.branches) == 1:
        yield nn.Sequential(*_series(node.branches[0]))
        return
    summed = node.join == "add"
    yield Joined([nn.Sequential(*_series(branch, ends_in_sum=summed)) for branch in node.branches], node.join)
    if summed and any(_linear_end(branch) is not None for branch in node.branches):
        yield nn.ReLU(inplace=True)


class Counted(NamedTuple):
    """What PyTorch counts of a module: its parameters, the multiply–adds of one image, and the shape of what it writes."""

    parameters: int
    multiply_adds: int
    output_shape: tuple[int, ...]


def counted(module: nn.Module, input_shape: Sequence[int]) -> Counted:
    """Return the counts of a module on one image, by PyTorch's own counter of the operators that run."""
    training, counter = module.training, FlopCounterMode(display=False)
    image = torch.zeros(1, *input_shape, device=next(module.parameters()).device)
    with torch.no_grad(), counter:
        written = module.eval()(image)
    module.train(training)
    parameters = sum(one.numel() for one in module.parameters())
    return Counted(parameters, counter.get_total_flops() // 2, tuple(written.shape[1:]))  # two operations each


def check_counts(module: nn.Module, network: Network) -> Counted:
    """Return the counts of a module; ValueError if they are not, to the last digit, those of the network it was built from."""
    found = counted(module, network.input_shape)
    expected = Counted(network.parameters, network.multiply_adds, (network.layers[-1].output_shape[0],))
    if found != expected:
        raise ValueError(f"{network.name}: PyTorch counts {found}, the library {expected}: one of them is wrong")
    return found
