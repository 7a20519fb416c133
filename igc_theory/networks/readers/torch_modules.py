"""PyTorch modules as networks, to count and to audit.

With `networks/rewriting/torch_modules` the only module of the library that imports torch (``pip install "igc_theory[torch]"``).
"""

from __future__ import annotations

import copy
import tempfile
import warnings
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

from igc_theory.networks.description.layer_graph import LayerGraph
from igc_theory.networks.readers.onnx_reader import read_onnx
from igc_theory.structure.arguments import positive_int

try:
    import torch
    from torch import nn
except ImportError:  # the name is there without the extra, and says on use what is missing
    torch, nn = None, SimpleNamespace(Module=object)

__all__ = ["from_torch"]


def from_torch(module: nn.Module, input_shape: tuple[int, ...]) -> LayerGraph:
    """Return any PyTorch module as a network, to count and to audit: what `read_onnx` makes of its ONNX export.

    Parameters
    ----------
    module : torch.nn.Module
        Anything that PyTorch can trace: shortcuts, branches and concatenations are fine, branches that depend on the responses are
        fixed as they are taken for a response of zeros. It is counted in evaluation mode; the module itself is left as it is.
    input_shape : tuple of int
        Shape of what it reads without the batch: (channels, height, width), (channels, width) or (features,).

    Returns
    -------
    LayerGraph
        Its layers know their weights; what is no layer is in `passed_over`.

    Raises
    ------
    ImportError
        If PyTorch is not installed; the sentence names the extra.
    TypeError
        If `module` is not a torch.nn.Module.
    ValueError
        If `input_shape` is not one to three positive integers, or the module cannot read it, or holds nothing to trace.

    Examples
    --------
    >>> from igc_theory.networks import to_torch
    >>> from igc_theory.structure import igcv3
    >>> module = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), to_torch(igcv3(8, 8)))
    >>> from_torch(module, (3, 32, 32)).counts
    Counts(convolution=1032, batch_norm=16, linear=0, bias=8)
    """
    if torch is None:
        raise ImportError('from_torch needs PyTorch: pip install "igc_theory[torch]"')
    if not isinstance(module, nn.Module):
        raise TypeError(f"module={module!r} is a {type(module).__name__}: give a torch.nn.Module")
    if not isinstance(input_shape, (tuple, list)) or not 1 <= len(input_shape) <= 3:
        raise ValueError(f"input_shape={input_shape!r} is not one to three sizes: give (channels, height, width)")
    sizes = [positive_int(f"input_shape[{k}]", size) for k, size in enumerate(input_shape)]
    still = copy.deepcopy(module).eval()
    like = next(still.parameters(), torch.zeros(0))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{type(module).__name__}.onnx"
        _export(still, torch.zeros(1, *sizes, dtype=like.dtype, device=like.device), path)
        return replace(read_onnx(path), source=f"PyTorch {torch.__version__}, {type(module).__name__}")


def _export(module: nn.Module, example: torch.Tensor, path: Path) -> None:
    """Write a module as an ONNX file, its batch normalisations not yet folded into the convolutions."""
    mode = torch.onnx.TrainingMode.PRESERVE
    try:
        with warnings.catch_warnings():
            # PyTorch announces another exporter, which needs a further package and folds what is to be counted.
            warnings.simplefilter("ignore")
            torch.onnx.export(module, (example,), str(path), dynamo=False, training=mode)
    except Exception as error:  # whatever the module's own code raises
        shape = tuple(example.shape[1:])
        raise ValueError(
            f"module={type(module).__name__} cannot be traced with input_shape={shape} ({' '.join(str(error).split())[:200]}): "
            "give the shape that it reads, without the batch"
        ) from error
