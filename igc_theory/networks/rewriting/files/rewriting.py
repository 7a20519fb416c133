"""From an ONNX file to a model with cheaper layers, checked against the original."""

from __future__ import annotations

from functools import partial
from math import prod, sqrt
from pathlib import Path
from typing import Any

import numpy as np

from igc_theory.budget.latency import LatencyTable
from igc_theory.networks.description.graph import Graph
from igc_theory.networks.readers.files.file import first_line, parsed
from igc_theory.networks.readers.files.inputs import checked_sizes
from igc_theory.networks.readers.onnx_reader import graph_of
from igc_theory.networks.rewriting.dense_layers import Choices, DenseLayer, choices_within
from igc_theory.networks.rewriting.files.calibration import batches_of
from igc_theory.networks.rewriting.files.layers import OnnxLayers, onnx_layers
from igc_theory.networks.rewriting.files.nodes import with_substitutes
from igc_theory.networks.rewriting.files.places import take_in
from igc_theory.networks.rewriting.files.runs import Inputs, input_moments, random_inputs, runner
from igc_theory.networks.rewriting.result import Measured, Rewrite, substituted
from igc_theory.structure.arguments.files import content_of, name_as_text

try:
    import onnx
except ImportError:  # rewrite says what to install; to import this module is no error yet
    onnx = None

__all__ = ["rewritten_file"]

LARGEST_MODEL = 2**31 - 2**20
"""Bytes of a model that protocol buffers can hold, with room for its graph."""


def rewritten_file(
    path: Path,
    budget: float,
    *,
    architecture_only: bool,
    objective: str,
    inputs: Any,
    input_shape: Any,
    table: LatencyTable | None,
    reorder: bool,
    fold: bool,
    progress: bool,
) -> Rewrite:
    """Return the rewritten model of an ONNX file; arguments as for `rewrite`."""
    if onnx is None:
        raise ImportError("rewrite of a file needs the package onnx: pip install onnx")
    content, sizes = content_of("path", path), checked_sizes(input_shape)
    try:
        graph = graph_of(parsed(path, content), sizes)[0]
        model, is_spread = _loaded(path, content, graph)
        batches = batches_of(inputs, model, graph)
        found = _layers_of(model, graph, batches, architecture_only)
    except ValueError as error:
        raise ValueError(f"path={str(path)!r}: {error}") from error
    fresh = partial(DenseLayer.architectures, rng=np.random.default_rng(0))
    options = fresh if architecture_only else partial(DenseLayer.candidates, reorder=reorder)
    layers = [layer.dense for layer in found.layers]
    choices = choices_within(
        layers, budget, objective, options, alike=architecture_only, table=table, progress=progress
    )
    made = substituted(choices, progress)
    replaced = [(layer, one) for layer, one in zip(found.layers, made, strict=True) if one is not None]
    # What is to be trained keeps its normalisations.
    new = with_substitutes(model, replaced, fold=fold and not architecture_only) if replaced else model
    errors = None if architecture_only else tuple(0.0 if one is None else one.relative_error for one in made)
    measured = _measured(path, model, new, graph, choices, batches)
    written = new.SerializeToString if replaced or is_spread else lambda: content
    measured = Measured(runtime=measured.runtime, unmeasured="its weights are fresh") if architecture_only else measured
    return Rewrite(new, choices, errors, found.kept, measured, name_as_text(path.stem), written)


def _layers_of(model: Any, graph: Graph, batches: list[Inputs], architecture_only: bool) -> OnnxLayers:
    """Return the layers that can be replaced, with the moments of what they read where there are inputs."""
    found = onnx_layers(model, graph, shapes_only=architecture_only)
    if not found.layers:
        raise ValueError(_nothing(found))
    if not batches or architecture_only:
        return found
    try:
        moments = input_moments(model, found.layers, batches)
    except ValueError as error:
        raise ValueError(f"it does not run on inputs: {error}") from error
    return onnx_layers(model, graph, moments)


def _nothing(found: OnnxLayers) -> str:
    """Return that nothing can be replaced, and why the first layers stay."""
    reasons = "; ".join(f"{name}: {reason}" for name, reason in found.kept[:3])
    return f"it has no layer that can be replaced ({reasons or 'no convolution, no linear layer'})"


def _loaded(path: Path, content: bytes, graph: Graph) -> tuple[Any, bool]:
    """Return the model with all its arrays, and whether some of them lie in further files."""
    sizes = [prod(entry.shape) * np.dtype(_plain(entry.dtype)).itemsize for entry in graph.stored.values()]
    if sum(sizes) > LARGEST_MODEL:
        raise ValueError(f"it holds {sum(sizes):,} bytes of arrays, more than one file can: split the network in two")
    model = onnx.ModelProto.FromString(content)
    return model, take_in(model, path.parent)


def _plain(dtype: str) -> str:
    """Return a type of NumPy as large as one of ONNX."""
    return {"str": "U1", "bfloat16": "uint16"}.get(dtype, dtype if hasattr(np, dtype) else "uint8")


def _measured(path: Path, model: Any, new: Any, graph: Graph, choices: Choices, batches: list[Inputs]) -> Measured:
    """Check the new model, and return how far its outputs are from those of the original."""
    _check(path, model, new)
    work = sum(
        int(layer.cost(old, "multiply_adds")) for layer, old in zip(choices.layers, choices.originals, strict=True)
    )
    batches = batches or [random_inputs(model, graph, np.random.default_rng(0))]
    try:
        runtime, run = runner(model, work)
        before = [written for batch in batches for written in run(batch)]
    except ValueError as error:
        return Measured(unmeasured=f"the original does not run on these inputs: {error}")
    try:
        run = runner(new, work)[1]
        after = [written for batch in batches for written in run(batch)]
    except ValueError as error:
        raise RuntimeError(
            f"path={str(path)!r}: the rewritten model does not run though the original does: {error}"
        ) from error
    return Measured(_distance(before, after), runtime)


def _check(path: Path, model: Any, new: Any) -> None:
    """Refuse to return a model that ONNX's checker refuses, if it does not refuse the original alike."""
    try:
        onnx.checker.check_model(new)
    except onnx.checker.ValidationError as error:
        try:
            onnx.checker.check_model(model)
        except onnx.checker.ValidationError:
            return
        raise RuntimeError(f"path={str(path)!r}: the rewritten model is not valid ({first_line(error)})") from error


def _distance(before: list[Any], after: list[Any]) -> float:
    """Return the norm of the difference of all real outputs over their norm."""
    pairs = [(np.asarray(a, np.float64), np.asarray(b, np.float64)) for a, b in zip(before, after, strict=True)
             if isinstance(a, np.ndarray) and a.dtype.kind == "f"]  # fmt: skip
    if any(a.shape != b.shape for a, b in pairs):
        return float("inf")
    whole = sum(float(np.vdot(a, a)) for a, _ in pairs)
    apart = sum(float(np.vdot(a - b, a - b)) for a, b in pairs)
    return sqrt(apart / whole) if whole else sqrt(apart)
