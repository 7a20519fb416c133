"""A network as layers: what each is and costs, what follows what, and what the whole costs."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from math import prod
from typing import Any

from igc_theory.networks.description.graph import Graph
from igc_theory.networks.description.layer import NOTHING, Layer, Sizes, times
from igc_theory.networks.description.layers import Linear, Pad, Pool, Shuffle, Slice
from igc_theory.networks.description.shapes import Counts
from igc_theory.networks.description.table import Table
from igc_theory.structure.arguments.kinds import instance_of, shown

__all__ = ["NOTHING", "NO_SHAPE", "Layer", "LayerGraph", "PassedOver", "network_of"]

NO_SHAPE = "the shape of what it reads or writes is not known"
"""Why a layer is passed over that stands behind an unknown operator, or that the image is too small or large for."""


@dataclass(frozen=True)
class PassedOver:
    """An operator that is not counted, and why.

    Attributes
    ----------
    name, operator : str
    reason : str
    parameters : int
        Stored real numbers that it uses, which the counts of the network leave out.

    Examples
    --------
    >>> PassedOver("mean", "ReduceMean", "is not a layer of this library").parameters
    0
    """

    name: str
    operator: str
    reason: str
    parameters: int = 0


@dataclass(frozen=True, eq=False, repr=False)
class LayerGraph:
    """Layers in order of execution, with what follows what: any network, from a file, a module or the zoo.

    Attributes
    ----------
    name : str
    input_shape : tuple of int
        Channels, height, width of the image; the sizes of one input for other networks.
    layers : tuple of Layer
        Every layer, in order of execution; the branches of a block one after the other.
    depth : int
        Convolutions and linear layers on the longest way from input to output.
    source : str
        Where the network is described, or what was read.
    passed_over : tuple of PassedOver
        Operators that are not counted: unknown ones, and those of a form that is not a layer.
    open_sides : bool
        Whether a file leaves the size of the image open, so that it was chosen when reading.
    graph : Graph or None
        The operators that the layers were read from; None for a network that is described as layers.
    further_buffers : int
        Stored numbers that are not trained and that no layer uses: the scales of quantized activations, the mean of the images.

    Examples
    --------
    >>> import pytest, pathlib
    >>> onnx = pytest.importorskip("onnx", reason="the extra onnx is not installed")
    >>> from igc_theory.networks import read_onnx
    >>> folder = pathlib.Path(onnx.__file__).parent / "backend/test/data/light"
    >>> resnet = read_onnx(folder / "light_resnet50.onnx")
    >>> resnet.depth, resnet.parameters, resnet.passed_over
    (50, 25557032, ())
    """

    name: str
    input_shape: Sizes
    layers: tuple[Layer, ...]
    depth: int
    source: str = ""
    passed_over: tuple[PassedOver, ...] = ()
    open_sides: bool = False
    graph: Graph | None = field(default=None, repr=False)
    further_buffers: int = 0

    @cached_property
    def counts(self) -> Counts:
        """(convolution, batch_norm, linear, bias): parameters by what they do, each counted once however often it is used."""
        return _summed([layer.counts - layer.shared for layer in self.layers])

    @property
    def exact(self) -> bool:
        """Whether every operator that holds numbers or does multiply–adds is among the layers: nothing is passed over."""
        return not self.passed_over

    @property
    def classifier_counts(self) -> Counts:
        """Parameters of the last linear layer."""
        linear = [layer.counts for layer in self.layers if isinstance(layer.node, Linear)]
        return linear[-1] if linear else Counts()

    @property
    def parameters(self) -> int:
        """All trained parameters, each counted once however many layers use it."""
        return self.counts.total

    @property
    def buffers(self) -> int:
        """Stored numbers that are used and not trained: running statistics, frozen filters, quantization scales."""
        return self.further_buffers + sum(layer.buffers for layer in self.layers)

    @cached_property
    def multiply_adds(self) -> int:
        """Multiply–adds of weights with activations, in convolutions and linear layers, for one image of `input_shape`."""
        return sum(layer.multiply_adds for layer in self.layers)

    @cached_property
    def activation_multiply_adds(self) -> int:
        """Multiply–adds of activations with activations, as in attention, for one image of `input_shape`."""
        return sum(layer.activation_multiply_adds for layer in self.layers)

    @property
    def activations(self) -> int:
        """Numbers written by convolutions and linear layers for one image: what training must keep."""
        return sum(layer.activations for layer in self.layers if layer.multiplies)

    @property
    def peak_activations(self) -> int:
        """Largest count of numbers that one layer reads and writes: a floor for the memory of inference.

        Shortcuts that wait beside a block come on top; a batch-norm or activation is taken in place.
        """
        computing = (layer for layer in self.layers if layer.multiplies or isinstance(layer.node, Pool))
        return max((prod(layer.input_shape) + layer.activations for layer in computing), default=0)

    @property
    def has_weights(self) -> bool:
        """Whether weights are known, not only the structure."""
        return any(layer.weight is not None for layer in self.layers)

    def table(self) -> Table:
        """Return the summary: one row per layer with its output shape, groups, parameters and multiply–adds, and the totals.

        Examples
        --------
        >>> from igc_theory.networks import network
        >>> print(network("igc_l24m2", depth=5).table())
        igc_l24m2(depth=5): 3×32×32 in, longest way through 8 layers
        layer                kind                 output    groups  parameters  multiply–adds
        conv1                regular 3×3          48×32×32       1       1,392      1,327,104
        stage1.layer1.conv1  group 3×3            48×32×32      24         864        884,736
        stage1.layer1.conv2  group 1×1            48×32×32       2       1,248      1,179,648
        stage2.layer1.conv1  group 3×3 /2         96×16×16      24       1,728        442,368
        stage2.layer1.conv2  group 1×1            96×16×16       4       2,496        589,824
        stage3.layer1.conv1  group 3×3 /2         192×8×8       24       6,912        442,368
        stage3.layer1.conv2  group 1×1            192×8×8        8       4,992        294,912
        pool1                global average pool  192×1×1
        linear1              linear               10×1×1                 1,930          1,920
        -------------------------------------------------------------------------------------
        total                                                           21,562      5,162,880
        """
        shown = [layer for layer in self.layers if not isinstance(layer.node, (Shuffle, Pad, Slice))]
        totals = {"layer": "total", "parameters": self.parameters, "multiply–adds": self.multiply_adds}
        columns: dict[str, list[Any]] = {
            "layer": [layer.name for layer in shown],
            "kind": [layer.kind for layer in shown],
            "output": [layer.output_shape for layer in shown],
            "groups": [layer.groups for layer in shown],
            "parameters": [layer.counts.total or None for layer in shown],
        }
        columns |= {"used before": [layer.shared.total or None for layer in shown]} if self._shares else {}
        columns |= {"buffers": [layer.buffers or None for layer in shown]} if self.buffers else {}
        columns["multiply–adds"] = [layer.multiply_adds or None for layer in shown]
        if self.activation_multiply_adds:
            columns["of activations"] = [layer.activation_multiply_adds or None for layer in shown]
        totals |= {"buffers": self.buffers, "of activations": self.activation_multiply_adds}
        title = f"{self.name}: {times(self.input_shape)} in, longest way through {self.depth} layers"
        return Table(title + self.reservation, columns, totals)

    @property
    def _shares(self) -> bool:
        return any(layer.shared.total for layer in self.layers)

    @property
    def reservation(self) -> str:
        """What is to be said wherever the counts stand if they are not exact; empty if they are."""
        if self.exact:
            return ""
        numbers = sum(entry.parameters for entry in self.passed_over)
        operators = ", ".join(sorted({entry.operator for entry in self.passed_over}))
        count, one = len(self.passed_over), len(self.passed_over) == 1
        passed = f"{count} operator{'s' * (not one)} passed over ({operators})"
        return f"; not exact: {passed}, which hold{'s' * one} {numbers:,} numbers"

    def __repr__(self) -> str:
        size = f"{self.parameters:,} parameters, {self.multiply_adds:,} multiply–adds"
        if self.activation_multiply_adds:
            size += f" and {self.activation_multiply_adds:,} of activations by activations"
        return f"{self.name}: {size} at {times(self.input_shape)}{self.reservation}"

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()

    def passed_over_table(self) -> Table:
        """Return what is not counted, a row for each operator and reason."""
        numbers: Counter[tuple[str, str]] = Counter()
        parameters: Counter[tuple[str, str]] = Counter()
        for entry in self.passed_over:
            numbers[entry.operator, entry.reason] += 1
            parameters[entry.operator, entry.reason] += entry.parameters
        columns: dict[str, list[Any]] = {
            "operator": [operator for operator, _ in numbers],
            "times": list(numbers.values()),
            "parameters": [parameters[key] for key in numbers],
            "reason": [reason for _, reason in numbers],
        }
        return Table(f"{self.name}: operators passed over", columns)


def network_of(name: str, value: Any, others: str = "") -> LayerGraph:
    """Return `value` if it is a network; of a file or a name the sentence says what makes one of it.

    Examples
    --------
    >>> network_of("network", "model.onnx")
    Traceback (most recent call last):
    ...
    TypeError: network='model.onnx' is a str: give read_onnx('model.onnx')
    """
    way_out = f"give {others}one from network(name), read_onnx(path) or from_torch(module, shape)"
    if isinstance(value, (str, os.PathLike)):
        is_name = isinstance(value, str) and not value.endswith(".onnx")
        way_out = f"give {'network' if is_name else 'read_onnx'}({shown(value)})"
    return instance_of(name, value, LayerGraph, way_out)


def _summed(counts: list[Counts]) -> Counts:
    return Counts(*map(sum, zip(*counts, strict=True))) if counts else Counts()
