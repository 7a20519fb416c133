"""A network with cheaper layers in place of dense ones: a module from a module, an ONNX file from an ONNX file."""

from __future__ import annotations

import os
from typing import Any

from igc_theory.budget.latency import LatencyTable
from igc_theory.networks.rewriting.dense_layers import OBJECTIVES, allowed
from igc_theory.networks.rewriting.files.rewriting import rewritten_file
from igc_theory.networks.rewriting.result import Rewrite
from igc_theory.networks.rewriting.torch_networks import rewritten_module
from igc_theory.networks.timing.tables import known_table
from igc_theory.structure.arguments.kinds import choice_of, flag, kind_of, path_of, shown

__all__ = ["rewrite"]


def rewrite(
    model: Any,
    budget: float = 0.5,
    *,
    objective: str = "bits",
    inputs: Any = None,
    input_shape: Any = None,
    architecture_only: bool = False,
    table: LatencyTable | str | os.PathLike[str] | None = None,
    reorder: bool = True,
    fold: bool = True,
    progress: bool = True,
) -> Rewrite:
    r"""Return a network in which products of factors, low rank or pruned layers stand for dense ones, within one budget.

    Every convolution and linear layer gets a frontier of candidates (`igc_theory.networks.rewriting.candidates`), and one is chosen
    for each so that the sum of squared relative errors is least,

    .. math:: \min \sum_i e_i^2 \quad \text{where the layers together cost at most the budget,}

    by dynamic programming. Layers that stay are the same to the bit; so are all other parts of the network. A batch normalisation
    behind a layer weighs the errors of its outputs, so that folding it would not change the choice. In files it is folded into what
    replaces the layer all the same. That saves its arrays, and a pass over the image where a shuffle comes last, since runtimes
    fold into convolutions only. In modules it stays, for training. Without `inputs` it is known of modules that ``torch.fx`` can
    trace.

    Parameters
    ----------
    model : str, path-like or torch.nn.Module
        An ONNX file, or a module, which is not changed.
    budget : float or int, default 0.5
        A float of at most 1 is a share of what the layers cost that can be replaced: ``--keep`` of the command line. An integer is
        a number of bits, multiply–adds or milliseconds.
    objective : {"bits", "multiply_adds", "latency"}, default "bits"
        What is counted: 32 bits per weight, and indices; multiply–adds for one image; or the milliseconds that `latency` predicts.
    inputs : optional
        Calibration inputs, by which the error is that of each layer's output instead of its weights. For a module a batch, or
        a tuple of arguments; for a file an array, or a mapping from names of inputs to arrays. A hundred images do; a
        file of a fixed batch reads them one batch after the other. A layer that reads only zeros has the error of its weights.
    input_shape : tuple of int or mapping, optional
        As for `read_onnx`, where a file leaves sizes open. A module needs `inputs` instead, to count multiply–adds and be run.
    architecture_only : bool, default False
        Only products of factors, with fresh weights, to train from scratch: all layers shrink alike, whatever their weights. For
        files that hold no weights it is the one way.
    table : LatencyTable, str or path-like, optional
        Times of a machine for ``objective="latency"``, from `measure` or its file; by default those that come with the library.
    reorder : bool, default True
        Whether products look for an order of the channels, in layers of at most 131,072 weights. It takes time and two shuffles,
        so that ``objective="latency"`` does not.
    fold : bool, default True
        Whether what replaces a layer of a file takes over the batch normalisation that alone reads it; equal up to rounding. Not
        with ``architecture_only=True``.
    progress : bool, default True
        Whether progress bars are shown in a terminal.

    Returns
    -------
    Rewrite
        Its `model` is the module or the ``onnx.ModelProto``, `save` writes the latter.

    Raises
    ------
    ImportError
        If the package onnx or PyTorch is missing; the sentence names the extra.
    OSError
        If the file cannot be read.
    TypeError, ValueError
        If `model` is neither, the file is no model, nothing can be replaced, or the budget is below what the cheapest candidates
        cost; the sentence says how much they do.

    Examples
    --------
    >>> import pytest, pathlib
    >>> onnx = pytest.importorskip("onnx", reason="the extra onnx is not installed")
    >>> folder = pathlib.Path(onnx.__file__).parent / "backend/test/data/light"
    >>> found = rewrite(folder / "light_squeezenet.onnx", budget=0.3, architecture_only=True)
    >>> found.replaced > 10, found.cost <= 0.3 * found.choices.before
    (True, True)
    """
    choice_of("objective", objective, OBJECTIVES)
    allowed(budget, 1)
    known = known_table(table) if table is not None or objective == "latency" else None
    if isinstance(inputs, (bytes, bytearray, memoryview)):
        raise TypeError(f"inputs={shown(inputs)} is {kind_of(inputs)}: give an array, or a mapping of names to arrays")
    options = {"objective": objective, "inputs": inputs, "table": known}
    options |= {"reorder": flag("reorder", reorder) and objective != "latency"}
    fold = flag("fold", fold)
    options |= {
        "architecture_only": flag("architecture_only", architecture_only),
        "progress": flag("progress", progress),
    }
    if isinstance(model, (str, os.PathLike)):
        return rewritten_file(path_of("model", model), budget, input_shape=input_shape, fold=fold, **options)
    return rewritten_module(model, budget, **options)
