"""What other counters say of the same networks: one CSV beside the printed tables, and the table in the README.

python -m tools.other_counters            README.md, from the stored CSV
python -m tools.other_counters --check    change nothing, only say whether README.md is up to date
python -m tools.other_counters --count    count again; needs torch, torchvision, fvcore, ptflops, thop and torchinfo
"""

from __future__ import annotations

import argparse
import csv
import io
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.metadata import version
from typing import Any

from igc_theory.networks.description.layers import Conv, Linear, Pool, Shuffle
from igc_theory.networks.description.nodes import Block, Node
from igc_theory.networks.printed.counters import counters_table
from igc_theory.networks.zoo.catalogue import network
from igc_theory.views.tables import to_markdown
from tools.files import ROOT, replace_file, update_section

__all__ = ["COUNTERS", "MODULES", "STORED", "torch_module"]

STORED = ROOT / "igc_theory/networks/printed/other_counters.csv"
"""Where the counts are kept."""

MODULES = {
    "shufflenet": None,
    "shufflenet_v2_x1.0": "shufflenet_v2_x1_0",
    "mobilenet_v2": "mobilenet_v2",
    "resnet50": "resnet50",
}
"""Network of the zoo to its module of torchvision; where there is none, one is made of the nodes."""


def _fvcore(module: Any, image: Any) -> int:
    analysis = import_module("fvcore.nn").FlopCountAnalysis(module, image)
    return int(analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False).total())


def _ptflops(module: Any, image: Any) -> int:
    complexity = import_module("ptflops").get_model_complexity_info
    return int(complexity(module, tuple(image.shape[1:]), as_strings=False, print_per_layer_stat=False)[0])


def _thop(module: Any, image: Any) -> int:
    return int(import_module("thop").profile(module, (image,), verbose=False)[0])


def _torch(module: Any, image: Any) -> int:
    with import_module("torch.utils.flop_counter").FlopCounterMode(display=False) as counter:
        module(image)
    return int(counter.get_total_flops())


def _torchinfo(module: Any, image: Any) -> int:
    return int(import_module("torchinfo").summary(module, input_data=image, verbose=0).total_mult_adds)


COUNTERS: dict[str, Callable[[Any, Any], int]] = {
    "fvcore": _fvcore, "ptflops": _ptflops, "thop": _thop, "torch": _torch, "torchinfo": _torchinfo,
}  # fmt: skip
"""What each says of a module and an image, as it stands."""


def torch_module(nodes: tuple[Node, ...]) -> Any:
    """Return nodes in series as a module; a ReLU stands behind every batch-norm but depthwise ones and the last of a branch."""
    nn = import_module("torch").nn
    parts: list[Any] = []
    for place, node in enumerate(nodes, 1):
        match node:
            case Conv(convolution=conv):
                (kh, sh, ph), (kw, sw, pw) = node.axes
                sizes = (conv.in_channels, conv.out_channels, (kh, kw), (sh, sw), (ph, pw))
                parts.append(nn.Conv2d(*sizes, groups=conv.groups, bias=node.bias))
                parts += [nn.BatchNorm2d(conv.out_channels)] if node.batch_norm else []
                parts += [nn.ReLU()] if place < len(nodes) and conv.groups < conv.in_channels else []
            case Pool(window=None):
                parts += [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
            case Pool(kind=kind):
                pool = nn.MaxPool2d if kind == "max" else nn.AvgPool2d
                parts.append(pool(node.window, node.stride, node.padding, ceil_mode=node.round_up))
            case Shuffle(permutation=permutation):
                parts.append(import_module("igc_theory.networks.rewriting.torch_modules").Permute(permutation))
            case Linear():
                parts.append(nn.Linear(node.in_features, node.out_features, node.bias))
            case Block():
                parts += [_joined(node), nn.ReLU()]
            case _:
                raise ValueError(f"nodes have {node!r}, of which no module is made here: use torchvision's module")
    return nn.Sequential(*parts)


def _joined(block: Block) -> Any:
    """Return the module of a block whose branches are added or concatenated."""
    import torch

    class Joined(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.branches = torch.nn.ModuleList(torch_module(branch) for branch in block.branches)

        def forward(self, image: Any) -> Any:
            ends = [branch(image) for branch in self.branches]
            return torch.cat(ends, 1) if block.join == "concat" else sum(ends[1:], ends[0])

    return Joined()


def count() -> None:
    """Let every counter count every network, each a fresh module, and store what they say."""
    torch = import_module("torch")
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(("network", "module", "counter", "version", "multiply_adds"))
    for name, builder in MODULES.items():
        net = network(name)
        for counter, counted in COUNTERS.items():
            models = import_module("torchvision.models")
            built = getattr(models, builder)(weights=None) if builder else torch_module(net.nodes)
            with torch.no_grad():
                said = counted(built.eval(), torch.zeros(1, *net.input_shape))
            module = f"torchvision {version('torchvision')}" if builder else "made of the nodes"
            rows.writerow((name, module, counter, version(counter), said))
    replace_file(STORED, text.getvalue().encode())


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the table into README.md; with --count the CSV first."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing")
    parser.add_argument("--count", action="store_true", help="count again")
    options = parser.parse_args(arguments)
    if options.count:
        count()
    stale = update_section("counters", to_markdown(counters_table()), check=options.check)
    sys.stdout.write("".join(f"{line}\n" for line in stale))
    return int(bool(stale))


if __name__ == "__main__":
    sys.exit(main())
