"""Which output channels of the blocks of real networks depend on which input channels: from Jacobians, and from channel flow.

Needs torch, torchvision and timm; ``python tests/networks/paths/jacobians.py`` writes jacobians.csv beside it.
"""

from __future__ import annotations

import copy
import csv
import hashlib
import sys
import warnings
from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path

import numpy as np
import timm
import torch
import torchvision.models as tv
from torch import nn

from igc_theory.networks import Block, Conv, Network, Norm, Pool, Shuffle, from_torch, network
from igc_theory.networks.paths.flow import steps_of

HERE = Path(__file__).parent
SIDE = 4
"""Height and width of the images: large enough for every window, small enough for thousands of derivatives."""

LARGE = {"resnext50_32x4d": 1}
"""Height and width for networks of many channels: at one position the middle of a window is left, which joins the same pairs."""

POINTS = 2
_ABRUPT = (nn.ReLU, nn.ReLU6, nn.Hardswish, nn.SiLU, nn.GELU)


class Smooth(nn.Module):
    """An activation whose derivative is nowhere zero, so that no dependence is lost by chance."""

    def __init__(self, *_: object) -> None:
        super().__init__()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return x + 0.3 sin x."""
        return x + 0.3 * torch.sin(x)


class FromNodes(nn.Module):
    """A block of the zoo as a module, node by node, by PyTorch's own operators."""

    def __init__(self, branches: tuple, join: str) -> None:
        super().__init__()
        self.join = join
        self.branches = nn.ModuleList(nn.Sequential(*map(_layer, branch)) for branch in branches)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the branches, concatenated or added."""
        ends = [branch(x) for branch in self.branches]
        return torch.cat(ends, 1) if self.join == "concat" else sum(ends[1:], start=ends[0])


def _layer(node: object) -> nn.Module:
    match node:
        case Conv(convolution=conv):
            padding = tuple(side // 2 for side in conv.window)
            return nn.Conv2d(
                conv.in_channels, conv.out_channels, conv.window, conv.strides, padding, groups=conv.groups
            )
        case Shuffle(permutation=permutation) if permutation.interleaved:
            return nn.ChannelShuffle(permutation.interleaved[0])
        case Pool(window=int(window), stride=int(stride), padding=int(padding)):
            return nn.AvgPool2d(window, stride, padding)
        case Norm(channels=channels):
            return nn.BatchNorm2d(channels)
    raise TypeError(node)


def _of_zoo(name: str, **parameters: object) -> tuple[Network, list[nn.Module]]:
    found = network(name, **parameters)
    return found, [FromNodes(block.branches, block.join) for block in found.blocks]


def _flat(stages: Iterator[nn.Module]) -> list[nn.Module]:
    return [block for stage in stages for block in stage]


NETWORKS: dict[str, Callable[[], tuple[Network, list[nn.Module]]]] = {
    "shufflenet_g3": lambda: _of_zoo("shufflenet", groups=3),
    "shufflenet_g8": lambda: _of_zoo("shufflenet", groups=8),
    "condensenet": lambda: _of_zoo("condensenet"),
    "igcv3_d": lambda: _of_zoo("igcv3_d"),
    "shufflenet_v2": lambda: (
        network("shufflenet_v2"),
        _flat(getattr(tv.shufflenet_v2_x1_0(), f"stage{k}") for k in (2, 3, 4)),
    ),
    "mobilenet_v2": lambda: (network("mobilenet_v2"), list(tv.mobilenet_v2().features[1:-1])),
    "resnext50_32x4d": lambda: (
        network("resnext50_32x4d"),
        _flat(getattr(tv.resnext50_32x4d(), f"layer{k}") for k in (1, 2, 3, 4)),
    ),
    "ghostnet": lambda: (network("ghostnet"), _flat(timm.create_model("ghostnet_100").blocks)[:16]),
    "mixnet_s": lambda: (network("mixnet_s"), _flat(timm.create_model("mixnet_s").blocks)),
    "mobilenet_v3_large": lambda: (
        network("mobilenet_v3_large"),
        _flat(timm.create_model("mobilenetv3_large_100").blocks)[:15],
    ),
    "efficientnet_b0": lambda: (network("efficientnet_b0"), _flat(timm.create_model("efficientnet_b0").blocks)),
    "regnet_y_400mf": lambda: (
        network("regnet_y_400mf"),
        _flat(getattr(tv.regnet_y_400mf().trunk_output, f"block{k}") for k in (1, 2, 3, 4)),
    ),
    "mobileone_s0": lambda: (network("mobileone_s0"), _mobileone(timm.create_model("mobileone_s0"))),
}


def _mobileone(model: nn.Module) -> list[nn.Module]:
    """Return the blocks as the zoo has them: a depthwise and a pointwise layer each."""
    layers = _flat(model.stages)
    return [model.stem, *(nn.Sequential(*layers[k : k + 2]) for k in range(0, len(layers), 2))]


def smooth(module: nn.Module) -> nn.Module:
    """Return a copy in double precision with random numbers everywhere and nothing abrupt."""
    module = copy.deepcopy(module)
    for name, child in list(module.named_modules()):
        holder = module.get_submodule(name.rpartition(".")[0])
        if isinstance(child, _ABRUPT) and name:
            setattr(holder, name.rpartition(".")[2], Smooth())
        elif isinstance(child, nn.Hardsigmoid) and name:
            setattr(holder, name.rpartition(".")[2], nn.Sigmoid())
    for array in [*module.parameters(), *module.buffers()]:
        if array.is_floating_point():
            array.data = (
                0.5 + torch.rand(array.shape) if array.ndim < 2 else torch.randn(array.shape) / array[0].numel() ** 0.5
            )
    return module.double().eval()


def without_gates(module: nn.Module) -> tuple[nn.Module, bool]:
    """Return a copy whose squeeze-and-excitation modules pass everything, and whether there were any."""
    module, found = copy.deepcopy(module), False
    for name, child in list(module.named_modules()):
        if type(child).__name__ in ("SqueezeExcite", "SqueezeExcitation", "SEModule") and name:
            setattr(module.get_submodule(name.rpartition(".")[0]), name.rpartition(".")[2], nn.Identity())
            found = True
    return module, found


def jacobian_support(module: nn.Module, channels: int, side: int = SIDE) -> np.ndarray:
    """Return which output channels depend on which input channels, shape (outputs, inputs), at a few random points.

    Forward mode, an image per input channel: where no dependence is, the derivative is a sum of exact zeros.
    """
    module, found = smooth(module), None
    for _ in range(POINTS):
        point, columns = torch.randn(1, channels, side, side, dtype=torch.double), []
        for start in range(0, channels, 64):
            own = torch.arange(start, min(start + 64, channels))
            tangent = torch.zeros(len(own), channels, side, side, dtype=torch.double)
            tangent[torch.arange(len(own)), own] = torch.randn(side, side, dtype=torch.double)
            _, y = torch.func.jvp(module, (point.repeat(len(own), 1, 1, 1),), (tangent,))
            columns.append((y != 0).flatten(2).any(dim=2))
        support = torch.cat(columns).T.numpy()
        found = support if found is None else found | support
    return found


def flow_support(module: nn.Module, channels: int, *, gates: bool, side: int = SIDE) -> np.ndarray:
    """Return the same from channel flow through the module as it is read."""
    steps = steps_of("module", from_torch(module, (channels, side, side)))
    return steps.counts(0, steps.outputs[0], gates=gates).support()


def digest(support: np.ndarray) -> str:
    """Return a short fingerprint of a support."""
    return hashlib.sha256(np.packbits(support).tobytes()).hexdigest()[:16]


def rows(name: str) -> Iterator[dict[str, object]]:
    """Yield a row for each block, with and without its gates."""
    found, modules = NETWORKS[name]()
    assert len(found.blocks) == len(modules), (name, len(found.blocks), len(modules))
    known: dict[str, list[dict[str, object]]] = {}
    shape, channels, side = found.input_shape, {}, LARGE.get(name, SIDE)
    for node in found.nodes:
        channels[id(node)], shape = shape[0], node.output(shape)
    for names, parts in _parts(found, modules):
        torch.manual_seed(0)
        module = nn.Sequential(*parts)
        key = repr(module)
        if key not in known:
            plain, gated = without_gates(module)
            read = channels[id(names[0])]
            known[key] = [_row(plain, read, gates=False, side=side)]
            known[key] += [_row(module, read, gates=True, side=side)] if gated else []
        first, last = names[0].name, names[-1].name
        for row in known[key]:
            yield {"network": name, "block": first if first == last else f"{first} to {last}", **row}


def _parts(found: Network, modules: list[nn.Module]) -> Iterator[tuple[list[Block], list[nn.Module]]]:
    """Yield blocks with their modules: each alone, then those of each stage, then all."""
    pairs = list(zip(found.blocks, modules, strict=True))
    runs = [[pair] for pair in pairs]
    runs += [run for _, members in groupby(pairs, key=lambda pair: pair[0].stage) if len(run := list(members)) > 1]
    for run in [*runs, pairs]:
        yield [block for block, _ in run], [module for _, module in run]


def _row(module: nn.Module, channels: int, *, gates: bool, side: int) -> dict[str, object]:
    ours, truth = flow_support(module, channels, gates=gates, side=side), jacobian_support(module, channels, side)
    outputs, inputs = truth.shape
    return {
        "gates": int(gates), "inputs": inputs, "outputs": outputs, "joined": int(truth.sum()),
        "differ": int((ours != truth).sum()), "support": digest(truth),
    }  # fmt: skip


def main(names: list[str]) -> None:
    """Write the table, network by network; those that are not named keep their rows."""
    warnings.simplefilter("ignore")
    path = HERE / "jacobians.csv"
    for name in names or NETWORKS:
        old = list(csv.DictReader(path.read_text("utf-8").splitlines())) if path.exists() else []
        table = [row for row in old if row["network"] != name] + list(rows(name))
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(table[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(sorted(table, key=lambda row: list(NETWORKS).index(row["network"])))


if __name__ == "__main__":
    main(sys.argv[1:])
