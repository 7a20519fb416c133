"""Parameters and multiply–adds by another way than the library's: PyTorch's own decomposition of a run, operator by operator.

Nothing of `igc_theory` is imported. Products are taken where PyTorch has already broken layers up into convolutions and plain
matrix products; the library looks at the layers while they are whole.
"""

from math import prod
from typing import NamedTuple

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class Count(NamedTuple):
    """Trained numbers; multiply–adds of weights with activations; and of activations with activations."""

    parameters: int
    multiply_adds: int
    activation_multiply_adds: int


class Products(TorchDispatchMode):
    """Add up the products of a run, and follow what depends on the input."""

    def __init__(self, inputs):
        super().__init__()
        self.kept, self.seen = [], set()
        self.weighted = self.activations = 0
        self.recurrent = False
        for tensor in inputs:
            self.mark(tensor)

    def mark(self, tensor):
        self.kept.append(tensor)
        self.seen.add(tensor.untyped_storage()._cdata)

    def depends(self, value):
        return any(leaf.untyped_storage()._cdata in self.seen for leaf in tensors(value))

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        if self.recurrent and func._schema.name == "aten::zeros":
            self.mark(result)
        if self.depends([args, kwargs]):
            for tensor in tensors([result, args[:1] if func._schema.is_mutable else []]):
                self.mark(tensor)
            first, second, products = factors(func._schema.name.removeprefix("aten::"), args, result)
            if products and self.depends(first) and self.depends(second):
                self.activations += products
            elif products and (self.depends(first) or self.depends(second)):
                self.weighted += products
        return result


def tensors(value):
    return [leaf for leaf in tree_leaves(value) if isinstance(leaf, torch.Tensor)]


def factors(operator, args, result):
    """Return both factors of a product, and its multiply–adds; 0 for other operators."""
    if operator in ("convolution", "_convolution"):
        image, kernel, transposed = args[0], args[1], args[6]
        positions = prod((image if transposed else result).shape[2:]) * result.shape[0]
        return image, kernel, positions * kernel.numel()
    if operator in ("mm", "bmm"):
        return args[0], args[1], args[0].numel() * args[1].shape[-1]
    if operator in ("addmm", "baddbmm"):
        return args[1], args[2], args[1].numel() * args[2].shape[-1]
    if "scaled_dot_product" in operator:
        query, key, value = args[:3]
        return query, key, query.numel() * key.shape[-2] + prod(query.shape[:-1]) * key.shape[-2] * value.shape[-1]
    return None, None, 0


def counted(module, inputs):
    """Count a module in evaluation mode, while it reads some inputs."""
    module = module.eval()
    parameters = sum(parameter.numel() for parameter in module.parameters())
    products = Products(inputs)
    # The first state of a recurrent layer is zeros, which are multiplied for every image all the same.
    for part in module.modules():
        if isinstance(part, torch.nn.RNNBase):
            part.register_forward_pre_hook(lambda *_: setattr(products, "recurrent", True))
            part.register_forward_hook(lambda *_: setattr(products, "recurrent", False))
    with torch.no_grad(), products:
        module(*inputs)
    return Count(parameters, products.weighted, products.activations)
