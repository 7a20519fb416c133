"""Chains and products as PyTorch modules, to train and to export.

With `networks/readers/torch_modules` the only module of the library that imports torch (``pip install "igc_theory[torch]"``).
"""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace

from igc_theory.kernels.arrays import Array
from igc_theory.kernels.products.product import Product
from igc_theory.structure.chains import Chain
from igc_theory.structure.factors import GroupConv
from igc_theory.structure.permutations import ChannelPermutation

try:
    import torch
    from torch import nn
except ImportError:  # the names are there without the extra, and say on use what is missing
    torch, nn = None, SimpleNamespace(Module=object)

__all__ = ["Permute", "to_torch"]


class Permute(nn.Module):
    """A channel permutation of images (N, C, …) in gather convention, ``y[:, k] = x[:, indices[k]]``; ONNX writes it as Gather.

    Parameters
    ----------
    permutation : ChannelPermutation
        Its indices are part of the state dict: what is loaded is wired as what was saved.

    Examples
    --------
    >>> from igc_theory.structure import interleave
    >>> Permute(interleave(2, 3))(torch.arange(6.0).reshape(1, 6, 1, 1)).flatten().tolist()
    [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]
    """

    indices: torch.Tensor

    def __init__(self, permutation: ChannelPermutation) -> None:
        _need_torch()
        super().__init__()
        self.register_buffer("indices", torch.tensor(permutation.indices))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the images with their channels in the new order."""
        return x.index_select(1, self.indices)

    def extra_repr(self) -> str:
        """Return what `print` shows in the brackets."""
        return f"channels={self.indices.numel()}"


def to_torch(operand: Chain | Product, *, axes: int = 2) -> nn.Sequential:
    """Return a chain as PyTorch layers in series: group convolutions without biases, and index permutations.

    Parameters
    ----------
    operand : Chain or Product
        A product's weights are carried over, in its precision; a chain gets PyTorch's initial weights, in float32.
    axes : {2, 1}
        Spatial axes: `Conv2d` on images (N, C, H, W), or `Conv1d` on sequences (N, C, W), for chains whose windows and strides have
        height 1.

    Returns
    -------
    torch.nn.Sequential
        On an image it computes what `Product.convolve` does with ``padding="same"``: zeros are put around the image once, for the
        window of the whole chain. It can be trained, saved and exported like any module.

    Raises
    ------
    ImportError
        If PyTorch is not installed; the sentence names the extra.
    TypeError
        If `operand` is neither a Chain nor a Product.
    ValueError
        If `axes` is not 1 or 2, or a window or stride is higher than the sequences of ``axes=1``.

    Examples
    --------
    >>> import numpy as np
    >>> from igc_theory.kernels import random_product
    >>> from igc_theory.structure import igcv1
    >>> product = random_product(igcv1(L=4, M=2), np.random.default_rng(0))
    >>> module, image = to_torch(product), np.random.default_rng(1).standard_normal((8, 5, 5))
    >>> with torch.no_grad():
    ...     activations = module(torch.from_numpy(image)[None])[0].numpy()
    >>> np.allclose(activations, product.convolve(image), atol=1e-12)
    True
    """
    _need_torch()
    chain, weights = _parts(operand)
    if axes not in (1, 2) or isinstance(axes, bool):
        raise ValueError(f"axes={axes!r} is not 1 or 2: use 2 for images (N, C, H, W), 1 for sequences (N, C, W)")
    if axes == 1:
        _refuse_height(chain)
    inside = _padding_inside(chain)
    layers: list[nn.Module] = [] if inside else [_rim(chain.window, axes)]
    rest = iter(weights)
    for factor in chain.factors:
        if isinstance(factor, ChannelPermutation):
            layers.append(Permute(factor))
        else:
            layers.append(_convolution(factor, axes, next(rest), same=inside))
    return nn.Sequential(*layers)


def _need_torch() -> None:
    if torch is None:
        raise ImportError('to_torch needs PyTorch: pip install "igc_theory[torch]"')


def _parts(operand: Chain | Product) -> tuple[Chain, Sequence[Array | None]]:
    if isinstance(operand, Chain):
        return operand, [None] * len(operand.convolutions)
    if not isinstance(operand, Product):
        raise TypeError(
            f"operand={operand!r} is a {type(operand).__name__}: give a Chain, or a Product to carry weights over"
        )
    if operand.dtype.kind == "c":
        raise TypeError(f"operand={operand!r} has complex weights: PyTorch's layers are exported with real ones only")
    return operand.chain, operand.weights


def _refuse_height(chain: Chain) -> None:
    for conv in chain.convolutions:
        if conv.window[0] > 1 or conv.strides[0] > 1:
            raise ValueError(
                f"axes=1 does not fit {conv!r}: give it kernel_size=(1, k) and stride=(1, s), or use axes=2"
            )


def _padding_inside(chain: Chain) -> bool:
    """Return whether the one spatial convolution, of odd window, can put the zeros around: a stride before it changes nothing."""
    return len(chain.spatial) == 0 or (len(chain.spatial) == 1 and all(side % 2 for side in chain.spatial[0].window))


def _rim(window: tuple[int, int], axes: int) -> nn.Module:
    """Return the layer that puts zeros around an image, as ``padding="same"`` does for a window."""
    sides = [rim for side in window[::-1] for rim in ((side - 1) // 2, side // 2)]  # PyTorch starts at the last axis
    return nn.ConstantPad1d(tuple(sides[:2]), 0.0) if axes == 1 else nn.ZeroPad2d(tuple(sides))


def _convolution(conv: GroupConv, axes: int, weight: Array | None, *, same: bool) -> nn.Module:
    """Return a group convolution as `Conv1d` or `Conv2d`."""
    layer = {1: nn.Conv1d, 2: nn.Conv2d}[axes]
    window, strides = conv.window[2 - axes :], conv.strides[2 - axes :]
    padding = tuple(side // 2 if same else 0 for side in window)
    module = layer(conv.in_channels, conv.out_channels, window, strides, padding, groups=conv.groups, bias=False)
    if weight is not None:
        module.weight = nn.Parameter(torch.tensor(weight).reshape(module.weight.shape))
    return module
