"""Convolving one image: `Product.plan_convolution` and `convolve` beside the run-times of deep learning."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

import numpy as np

from igc_theory.kernels import Product, convolve, random_product
from igc_theory.kernels.arrays import Array
from igc_theory.structure import Chain, GroupConv, group, igcv1, igcv2, igcv3, regular
from tests.benchmarks.timing import Row, Verdict, by_numpy_alone, least, mkl_version, number, peer, ratio

TITLE = "Convolving an image"
NOTES = """One image of C channels, 3×3 window, float32, one thread each: milliseconds of processor time, the least of
interleaved rounds. `ours` is `Product.plan_convolution`; for one group convolution `convolve`, which has no plan, stands
beside it. `numpy` is the plan where the extra `mkl` is not installed. Torch is eager, layer by layer, a channel shuffle as
reshape and transpose. onnxruntime runs the same layers, its graph optimized. Depthwise is where NumPy ends.
Three tenths of our time copy three shifted planes, and as much multiplies them by all rows of the window at once. As much again
adds these where they belong. The others read a pixel once, into registers."""

CELLS = ((64, 56), (128, 28), (256, 14), (512, 7))
PEERS = ("torch", "onnxruntime")
OWN = ("ours", "numpy", "convolve")
Call = Callable[[], object]


def chains(C: int) -> dict[str, Chain]:
    """Return the blocks that are measured, at one number of channels."""
    return {
        "dense": regular(C, C),
        "depthwise": group(C, C, C),
        "igcv1": igcv1(C // 8, 8),
        "igcv2": igcv2([8, 8, C // 64]) if C > 64 else igcv2([8, 8]),
        "igcv3": igcv3(C, C, expansion=2),
    }


def run(quick: bool = False) -> list[Row]:
    """Return one row per block and size: milliseconds, and ratios."""
    return [_cell(name, chain, C, n) for C, n in (CELLS[1:2] if quick else CELLS) for name, chain in chains(C).items()]


def verdicts(rows: list[Row]) -> list[Verdict]:
    """Return the targets with what was measured."""
    products = [row for row in rows if str(row["block"]).startswith("igc")]
    return [
        _median("products, torch", products, 1.0),
        _most("products, torch", products, "torch", 1.3),
        *(_most(f"{name}, torch", [row for row in rows if row["block"] == name], "torch", most)
          for name, most in (("depthwise", 2.0), ("dense", 1.3))),
        _most("products, onnxruntime", products, "onnxruntime", None),
    ]  # fmt: skip


def _median(title: str, rows: list[Row], most: float) -> Verdict:
    found = [value for row in rows if (value := number(row, "ours / torch")) is not None]
    target = f"{title}, median: at most {most}"
    return Verdict(target, f"{statistics.median(found):.2f}×", statistics.median(found) <= most) if found else Verdict(
        target, "not installed", None
    )  # fmt: skip


def _most(title: str, rows: list[Row], name: str, most: float | None) -> Verdict:
    found = [(value, row) for row in rows if (value := number(row, f"ours / {name}")) is not None]
    target = f"{title}, every cell: " + ("no target" if most is None else f"at most {most}")
    if not found:
        return Verdict(target, "not installed", None)
    value, row = max(found, key=lambda pair: pair[0])
    return Verdict(target, f"{value:.2f}× {row['block']} C={row['C']}", None if most is None else value <= most)


def _cell(name: str, chain: Chain, C: int, n: int) -> Row:
    """Return one row of the table, after checking that all compute the same."""
    rng = np.random.default_rng(0)
    product = random_product(chain, rng, np.float32)
    image = rng.standard_normal((C, n, n)).astype(np.float32)
    plan, out = product.plan_convolution(image.shape), np.empty((chain.out_channels, n, n), np.float32)
    calls: dict[str, Call] = {"ours": lambda: plan(image, out=out)}
    if mkl_version():
        alone = by_numpy_alone(lambda: product.plan_convolution(image.shape))
        calls["numpy"] = lambda: by_numpy_alone(lambda: alone(image, out=out))
    if len(chain.factors) == 1:
        calls["convolve"] = lambda: convolve(image, product.weights[0], chain.convolutions[0].groups)
    calls |= {label: call for label, call in (("torch", _torch(product, image)), ("onnxruntime", _onnx(product, image)))
              if call is not None}  # fmt: skip
    expected = product.convolve(image)
    for label, call in calls.items():
        if not np.allclose(np.asarray(call()).reshape(expected.shape), expected, atol=1e-3):
            raise AssertionError(f"{label} computes another convolution than the product")
    seconds = least(calls)
    row: Row = {"block": name, "C": C, "image": f"{n}²", "multiply-adds": chain.parameters * n * n}
    row |= {label: 1e3 * seconds[label] if label in seconds else None for label in (*OWN, *PEERS)}
    return row | {f"ours / {label}": ratio(seconds["ours"], seconds.get(label)) for label in PEERS}


def _modules(product: Product) -> Any:
    """Return the product as a sequence of torch modules."""
    import torch

    layers: list[Any] = []
    weights = iter(product.weights)
    for factor in product.chain.factors:
        if isinstance(factor, GroupConv):
            kernel = torch.from_numpy(next(weights).copy())
            layer = torch.nn.Conv2d(
                factor.in_channels, factor.out_channels, factor.window, groups=factor.groups,
                padding=tuple(k // 2 for k in factor.window), bias=False,
            )  # fmt: skip
            layer.weight.data = kernel
        else:
            layer = _shuffle(*factor.interleaved)
        layers.append(layer)
    return torch.nn.Sequential(*layers).eval()


def _shuffle(groups: int, width: int) -> Any:
    """Return an interleaving as a module."""
    import torch

    class Shuffle(torch.nn.Module):
        def forward(self, x: Any) -> Any:
            n, c, h, w = x.shape
            return x.view(n, groups, width, h, w).transpose(1, 2).reshape(n, c, h, w)

    return Shuffle()


def _torch(product: Product, image: Array) -> Call | None:
    torch = peer("torch")
    if torch is None:
        return None
    torch.set_num_threads(1)
    module, x = _modules(product), torch.from_numpy(image)[None]

    @torch.inference_mode()
    def call() -> object:
        return module(x)

    return call


def _onnx(product: Product, image: Array) -> Call | None:
    onnx, runtime = peer("onnx"), peer("onnxruntime")
    if onnx is None or runtime is None:
        return None
    nodes, arrays, name = [], [], "x"
    weights = iter(product.weights)
    for k, factor in enumerate(product.chain.factors):
        if isinstance(factor, GroupConv):
            arrays.append(onnx.numpy_helper.from_array(next(weights), f"w{k}"))
            pads = [side // 2 for side in factor.window] * 2
            nodes.append(onnx.helper.make_node("Conv", [name, f"w{k}"], [f"y{k}"], group=factor.groups, pads=pads))
        else:
            image_sides = image.shape[1:]
            for label, shape in (("split", factor.interleaved), ("join", [factor.channels])):
                arrays.append(onnx.numpy_helper.from_array(np.array([1, *shape, *image_sides]), f"{label}{k}"))
            nodes.append(onnx.helper.make_node("Reshape", [name, f"split{k}"], [f"a{k}"]))
            nodes.append(onnx.helper.make_node("Transpose", [f"a{k}"], [f"b{k}"], perm=[0, 2, 1, 3, 4]))
            nodes.append(onnx.helper.make_node("Reshape", [f"b{k}", f"join{k}"], [f"y{k}"]))
        name = f"y{k}"
    ends = [onnx.helper.make_tensor_value_info(end, 1, [1, c, *image.shape[1:]])
            for end, c in (("x", len(image)), (name, product.chain.out_channels))]  # fmt: skip
    graph = onnx.helper.make_graph(nodes, "product", ends[:1], ends[1:], arrays)
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=9)
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = runtime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    feed = {"x": image[None]}
    return lambda: session.run(None, feed)[0]
