"""Chains and products as PyTorch modules, to train and to export.

With `networks/readers` the only room of the library that imports torch (the extra ``torch``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace

from igc_theory.kernels.arrays import Array
from igc_theory.kernels.products.product import Product
from igc_theory.structure.arguments.kinds import choice_of, flag, instance_of
from igc_theory.structure.arguments.numbers import positive_int
from igc_theory.structure.arguments.sequences import pair_of
from igc_theory.structure.branches import serial_factors
from igc_theory.structure.chains import Chain
from igc_theory.structure.factors import GroupConv
from igc_theory.structure.permutations import ChannelPermutation

try:
    import torch
    from torch import nn
except ImportError:  # the names are there without the extra, and say on use what is missing
    torch, nn = None, SimpleNamespace(Module=object)

__all__ = ["Permute", "to_torch", "torch_call"]


_PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


class Permute(nn.Module):
    """A channel permutation of images (N, C, …) in gather convention, ``y[:, k] = x[:, indices[k]]``; ONNX writes it as Gather.

    Parameters
    ----------
    permutation : ChannelPermutation
        Its indices are part of the state dict: what is loaded is wired as what was saved.
    axes : int, default 2
        Spatial axes. An image without a batch is refused: its rows would be taken for channels.

    Examples
    --------
    >>> from igc_theory.structure import interleave
    >>> Permute(interleave(2, 3))(torch.arange(6.0).reshape(1, 6, 1, 1)).flatten().tolist()
    [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]
    """

    def __init__(self, permutation: ChannelPermutation, axes: int = 2) -> None:
        _need_torch()
        super().__init__()
        permutation = instance_of("permutation", permutation, ChannelPermutation, "give a ChannelPermutation")
        self.axes = _axes_of(axes)
        self.register_buffer("indices", torch.tensor(permutation.indices))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the images with their channels in the new order."""
        if x.dim() != self.axes + 2:
            raise ValueError(
                f"x has {x.dim()} axes, not {self.axes + 2}: give a batch of images, x[None] if it is one image"
            )
        # Counted from the last: TorchScript may leave the check above out, and shall not permute rows then.
        return x.index_select(-1 - self.axes, self.indices)

    def extra_repr(self) -> str:
        """Return what `print` shows in the brackets."""
        return f"channels={self.indices.numel()}"


def to_torch(
    operand: Chain | Product,
    *,
    axes: int = 2,
    bias: bool = False,
    dilation: int | tuple[int, int] = 1,
    padding_mode: str = "zeros",
) -> nn.Sequential:
    """Return a chain as PyTorch layers in series: group convolutions, and index permutations.

    Parameters
    ----------
    operand : Chain or Product
        A product's weights are carried over, in its precision; a chain gets PyTorch's initial weights, in float32.
    axes : {2, 1}
        Spatial axes: `Conv2d` on images (N, C, H, W), or `Conv1d` on sequences (N, C, W), for chains whose windows and strides have
        height 1.
    bias : bool, default False
        Whether every convolution gets a bias; behind the weights of a product it starts at 0.
    dilation : int or (int, int), default 1
        Step within every window.
    padding_mode : {"zeros", "reflect", "replicate", "circular"}
        What stands around the image: PyTorch's names.

    Returns
    -------
    torch.nn.Sequential
        On a batch of images it computes what `Product.convolve` does with ``padding="same"``: the image is padded once, for the
        window of the whole chain. A single spatial convolution of odd window does that itself. It can be trained, scripted, saved
        and exported like any module.

    Raises
    ------
    ImportError
        If PyTorch is not installed; the sentence names the extra.
    TypeError
        If `operand` is neither a Chain nor a Product, `axes` is no integer, or `bias` is not a bool.
    ValueError
        If `axes`, `dilation` or `padding_mode` is none of those above, or a window or stride is higher than the sequences of
        ``axes=1``.

    Examples
    --------
    >>> import numpy as np
    >>> from igc_theory.kernels import random_product
    >>> from igc_theory.structure import igcv1
    >>> import torch
    >>> product = random_product(igcv1(L=4, M=2), np.random.default_rng(0))
    >>> module, image = to_torch(product), np.random.default_rng(1).standard_normal((8, 5, 5))
    >>> with torch.no_grad():
    ...     activations = module(torch.from_numpy(image)[None])[0].numpy()
    >>> np.allclose(activations, product.convolve(image), atol=1e-12)
    True
    """
    _need_torch()
    chain, weights = _parts(operand)
    axes = _axes_of(axes)
    if axes == 1:
        _refuse_height(chain)
    bias, steps = flag("bias", bias), pair_of("dilation", dilation)
    mode = choice_of("padding_mode", padding_mode, _PADDING_MODES)
    inside = _padding_inside(chain, mode)
    layers: list[nn.Module] = [] if inside else [_rim(chain.window, steps, axes, mode)]
    rest = iter(weights)
    for factor in serial_factors(chain):
        if isinstance(factor, ChannelPermutation):
            layers.append(Permute(factor, axes))
        else:
            layers.append(_convolution(factor, axes, next(rest), bias, steps, mode if inside else None))
    return nn.Sequential(*layers)


def torch_call(product: Product, height: int, width: int, *, times: int = 1, threads: int = 1) -> Callable[[], object]:
    """Return a call that applies a product to one image in float32, for timing; it sets the threads of PyTorch.

    Examples
    --------
    >>> import numpy as np
    >>> from igc_theory.kernels import random_product
    >>> from igc_theory.structure import regular
    >>> tuple(torch_call(random_product(regular(4, 6), np.random.default_rng(0)), 7, 5)().shape)
    (1, 6, 7, 5)
    """
    _need_torch()
    torch.set_num_threads(threads)
    layer = to_torch(product).to(torch.float32).eval()
    layers, image = [layer] * times, torch.rand(1, product.chain.in_channels, height, width)

    def call() -> object:
        with torch.inference_mode():
            y = image
            for one in layers:
                y = one(y)
        return y

    return call


def _need_torch() -> None:
    if torch is None:
        raise ImportError("to_torch needs PyTorch: pip install torch")


def _axes_of(axes: int) -> int:
    way_out = "use 2 for images (N, C, H, W), 1 for sequences (N, C, W)"
    return positive_int("axes", axes, maximum=2, way_out=way_out, beyond=way_out)


def _parts(operand: Chain | Product) -> tuple[Chain, Sequence[Array | None]]:
    if isinstance(operand, Chain):
        return operand, [None] * len(operand.convolutions)
    operand = instance_of("operand", operand, Product, "give a Chain, or a Product to carry weights over")
    if operand.dtype.kind == "c":
        raise TypeError(f"operand={operand!r} has complex weights: PyTorch's layers are exported with real ones only")
    return operand.chain, operand.weights


def _refuse_height(chain: Chain) -> None:
    for conv in chain.convolutions:
        if conv.window[0] > 1 or conv.strides[0] > 1:
            raise ValueError(
                f"axes=1 does not fit {conv!r}: give it kernel_size=(1, k) and stride=(1, s), or use axes=2"
            )


def _padding_inside(chain: Chain, mode: str) -> bool:
    """Return whether the one spatial convolution, of odd window, can put the rim around what it reads.

    A stride in front of it changes nothing for zeros; what is reflected or repeated must be the image itself.
    """
    if not chain.spatial:
        return True
    first = chain.spatial[0]
    strided = any(conv.strides != (1, 1) for conv in chain.convolutions[: chain.convolutions.index(first)])
    return len(chain.spatial) == 1 and all(side % 2 for side in first.window) and not (strided and mode != "zeros")


def _rim(window: tuple[int, int], steps: tuple[int, int], axes: int, mode: str) -> nn.Module:
    """Return the layer that pads an image as ``padding="same"`` does for a window, dilated by some steps."""
    rims = [step * (side - 1) for side, step in zip(window, steps, strict=True)]
    sides = [rim for whole in rims[::-1] for rim in (whole // 2, whole - whole // 2)][: 2 * axes]
    word = {"zeros": "Constant", "reflect": "Reflection", "replicate": "Replication", "circular": "Circular"}[mode]
    layer = getattr(nn, f"{word}Pad{axes}d")  # PyTorch starts at the last axis
    return layer(tuple(sides), 0.0) if mode == "zeros" else layer(tuple(sides))


def _convolution(
    conv: GroupConv, axes: int, weight: Array | None, bias: bool, steps: tuple[int, int], mode: str | None
) -> nn.Module:
    """Return a group convolution as `Conv1d` or `Conv2d`, which pads what it reads if there is a mode."""
    layer = {1: nn.Conv1d, 2: nn.Conv2d}[axes]
    window, strides, dilation = conv.window[2 - axes :], conv.strides[2 - axes :], steps[2 - axes :]
    padding = tuple(step * (side // 2) if mode else 0 for side, step in zip(window, dilation, strict=True))
    module = layer(
        conv.in_channels, conv.out_channels, window, strides, padding, dilation, conv.groups, bias, mode or "zeros"
    )
    if weight is not None:
        module.weight = nn.Parameter(torch.tensor(weight).reshape(module.weight.shape))
        if bias:
            module.bias = nn.Parameter(module.weight.new_zeros(conv.out_channels))
    return module
