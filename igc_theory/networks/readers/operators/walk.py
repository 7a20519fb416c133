"""The way through a graph: what is known about each tensor, and the layers found so far."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np

from igc_theory.networks.description.graph import Array, Graph, Operation, Sizes
from igc_theory.networks.description.layer_graph import NO_SHAPE
from igc_theory.networks.description.layers import Conv, Leaf, Linear, Operator, Shuffle
from igc_theory.networks.readers.operators.numbers import Use, is_real, is_setting, is_short, numbers_behind
from igc_theory.networks.readers.operators.orders import Axes, Layout, untouched
from igc_theory.structure.permutations import ChannelPermutation

__all__ = ["Cost", "Draft", "Walk", "pair", "uses"]

UNEVEN = "its multiply–adds do not divide by the batch"
PER_EXAMPLE = "it reads numbers that are stored for each example: with another batch there are more or fewer of them"


@dataclass
class Cost:
    """What an operator costs: the constants that it uses, and its multiply–adds for the whole batch."""

    uses: list[Use] = field(default_factory=list)
    products: int = 0
    of_activations: int = 0
    weight: Callable[[], Array | None] | None = None


@dataclass
class Draft:
    """A layer that may still be given a bias or a normalisation."""

    name: str
    node: Leaf | Operator
    input_shape: Sizes
    output_shape: Sizes
    cost: Cost
    follows: int | None = None
    dilation: tuple[int, int] = (1, 1)


@dataclass
class Walk:
    """What is known on the way through a graph, about each tensor written so far.

    `layouts` says of which tensor a tensor is a rearrangement; `layers` says which layer has written the channels of such a tensor.
    `raw` is the layer whose output a tensor is, biases at most added. `depth` is the number of layers that multiply by weights on
    the longest way to it.
    """

    graph: Graph
    shapes: dict[str, Sizes] = field(default_factory=dict)
    drafts: list[Draft] = field(default_factory=list)
    passed_over: list[tuple[Operation, str, list[str]]] = field(default_factory=list)
    settings: list[str] = field(default_factory=list)
    layouts: dict[str, Layout] = field(default_factory=dict)
    layers: dict[str, int | None] = field(default_factory=dict)
    raw: dict[str, int] = field(default_factory=dict)
    depth: dict[str, int] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)
    readers: dict[str, list[Operation]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        constants = self.graph.constants.items()
        known = {name: constant.shape for name, constant in constants if constant.shape is not None}
        self.shapes = {**self.graph.shapes, **known}
        for operation in self.graph.operations:
            for name in operation.inputs:
                self.readers.setdefault(name, []).append(operation)

    # --- tensors ----------------------------------------------------------------------------------------------------

    def is_constant(self, name: str) -> bool:
        """Return whether a tensor does not depend on the input."""
        return name in self.graph.constants

    def values(self, name: str) -> Array | None:
        """Return the values of a constant; None if they are not known."""
        return self.graph.constants[name].values() if name in self.graph.constants else None

    def is_zero(self, name: str) -> bool:
        """Return whether a tensor is known to hold zeros only."""
        values = self.values(name)
        return values is not None and not values.any()

    def activations(self, operation: Operation) -> list[str]:
        """Return the inputs that depend on the network's input."""
        return [name for name in operation.inputs if name and not self.is_constant(name)]

    def holds(self, name: str) -> bool:
        """Return whether a constant in arithmetic is, or comes from, trained numbers.

        A file does not say what is trained. A lone number is taken for a setting if it is one that people write down. An array is
        taken for a mask if it holds infinities or bounds of its type, which training does not leave. Integers are quantized numbers
        if they are short and several.
        """
        if name not in self.graph.constants:
            return False
        trained, _ = numbers_behind(self.graph, name)
        if not is_real(dtype := self.graph.constants[name].dtype):
            return bool(trained) and is_short(dtype) and prod(self.shapes.get(name, ())) > 1
        numbers = self.values(name) if trained and not self.graph.known_parameters else None
        if numbers is None or np.iscomplexobj(numbers):
            return bool(trained)
        if numbers.size == 1:
            return not is_setting(numbers.item(), dtype)
        return not np.abs(numbers).max(initial=0) >= np.finfo(numbers.dtype).max

    def images(self, name: str, channels: int, groups: int = 1) -> Sizes | None:
        """Return a tensor's shape for one image, channels first; None if it is not known or is not a whole number of images.

        Where examples are joined to the channels, they are among the groups of these that have kernels of their own.
        """
        shape = self.shapes.get(name)
        if not shape or not -len(shape) <= channels < len(shape):
            return None
        channels %= len(shape)
        if shape[0] == 1 and channels == 1 and not groups % self.graph.batch:
            shape = (self.graph.batch, shape[1] // self.graph.batch, *shape[2:])
        others = [*shape[:channels], *shape[channels + 1 :]]
        if prod(others) % self.graph.batch:
            # A sum over all channels leaves no axis for them: the batch is first then, and there is one channel.
            return None if channels or shape[0] % self.graph.batch else (1, 1, prod(shape) // self.graph.batch)
        if channels != 1 or others[0] % self.graph.batch:
            return shape[channels], 1, prod(others) // self.graph.batch
        several = [others[0] // self.graph.batch] if others[0] > self.graph.batch else []
        sides = [*several, *others[1:]]
        return (shape[1], *[1] * (2 - len(sides)), *sides)

    # --- what follows what ------------------------------------------------------------------------------------------

    def layout(self, name: str) -> Layout:
        """Return how a tensor is made of the channels of the layer in front."""
        if name not in self.layouts:
            self.start(name, 1, None)
        return self.layouts[name]

    def start(self, name: str, channels: int, layer: int | None) -> None:
        """Note that a layer has written a tensor, or that a new one begins there."""
        shape = self.shapes.get(name, ())
        place = channels % len(shape) if -len(shape) <= channels < len(shape) else 0
        sizes = prod(shape[:place]), shape[place] if shape else 1, prod(shape[place + 1 :])
        self.layouts[name] = Layout(name, sizes, untouched(shape, place), place)
        self.layers[name] = layer

    def rearrange(self, operation: Operation, source: Layout, axes: Axes | None) -> None:
        """Note that an output is a rearrangement; where this is another order of all channels, it is a layer."""
        output = operation.outputs[0]
        if axes is None:
            self.start(output, 1, None)
            return
        self.layouts[output] = layout = Layout(source.source, source.sizes, axes, source.place)
        place, order = layout.order() or (0, ())
        if order == tuple(range(len(order))):
            return
        node = Shuffle(ChannelPermutation(order))
        images = self.images(output, place)
        if images is not None:
            before = self.layers.get(source.source)
            self._append(Draft(self.name(operation), node, images, images, Cost(), before), output, place)

    def follows(self, name: str, channels: int) -> int | None:
        """Return the layer whose channels a tensor holds in order along an axis; None if there is none."""
        layout = self.layout(name)
        place, order = layout.order() or (0, ())
        here = channels % len(self.shapes[name]) if self.shapes.get(name) else 0
        if place != here or order != tuple(range(len(order))):
            return None
        return self.layers.get(layout.source)

    # --- layers -----------------------------------------------------------------------------------------------------

    def name(self, operation: Operation) -> str:
        """Return what to call an operator: by its name, else by its weights, else by what it writes."""
        weights = [name for name in operation.inputs[1:2] if self.is_constant(name)]
        return operation.name or [*weights, *operation.outputs][0]

    def pass_over(self, operation: Operation, reason: str, cost: Cost | None = None) -> None:
        """List an operator as not counted, with the constants that are its weights; by default all that it reads."""
        held = operation.inputs if cost is None else [use.constant for use in cost.uses if use.purpose != "buffers"]
        self.passed_over.append((operation, reason, list(held)))

    def append(
        self,
        operation: Operation,
        node: Leaf | Operator,
        cost: Cost,
        *,
        source: str,
        channels: tuple[int, int] = (1, 1),
        examples: int = 0,
        groups: int = 1,
    ) -> Draft | None:
        """Append a layer; list the operator instead if the shapes around it are not known.

        `source` is the tensor that it reads, `channels` the axis of channels there and in the output, and `groups` as in `images`.
        `examples` is the axis of the batch there. Trained numbers that it reads and `cost` does not name are added to those used.
        """
        self._hold_the_rest(operation, cost)
        if any(self._is_per_example(use, self.shapes.get(source, ()), examples) for use in cost.uses):
            self.passed_over.append((operation, PER_EXAMPLE, []))
        output = operation.outputs[0]
        read, written = self.images(source, channels[0], groups), self.images(output, channels[1], groups)
        if read is None or written is None:
            self.pass_over(operation, NO_SHAPE, cost)
            return None
        batch = self.graph.batch
        cost.products, left = divmod(cost.products * operation.times, batch)
        cost.of_activations, also_left = divmod(cost.of_activations * operation.times, batch)
        if left or also_left:
            self.pass_over(operation, UNEVEN, cost)
            return None
        draft = Draft(self.name(operation), node, read, written, cost, self.follows(source, channels[0]))
        self._append(draft, output, channels[1])
        self.depth[output] = self.depth.get(output, 0) + (isinstance(node, (Conv, Linear)) or bool(cost.products))
        return draft

    def _hold_the_rest(self, operation: Operation, cost: Cost) -> None:
        """Add the trained numbers that an operator reads beside its weights: offsets, masks, states, keys and values."""
        named = {use.constant for use in cost.uses}
        rest = [name for name in operation.inputs if name not in named and self.holds(name)]
        cost.uses += uses({"bias": rest})

    def _is_per_example(self, use: Use, read: Sizes, axis: int) -> bool:
        """Return whether an array beside the weights has the axis of the batch, as what it is joined to has."""
        batch = (self.graph.batch,)
        if batch == (1,) or use.purpose not in ("bias", "batch_norm") or read[axis : axis + 1] != batch:
            return False
        shapes = [self.graph.stored[name].shape for name in numbers_behind(self.graph, use.constant)[0]]
        return any(len(shape) == len(read) and shape[axis : axis + 1] == batch for shape in shapes)

    def _append(self, draft: Draft, output: str, channels: int) -> None:
        self.raw[output] = len(self.drafts)
        self.start(output, channels, len(self.drafts))
        self.drafts.append(draft)

    def owner(self, name: str) -> Draft | None:
        """Return the convolution or linear layer whose raw output this is, if nothing else reads it."""
        if name not in self.raw or len(self.readers.get(name, ())) > 1:
            return None
        draft = self.drafts[self.raw[name]]
        return draft if isinstance(draft.node, (Conv, Linear)) or draft.cost.products else None


def uses(purposes: Mapping[str, Iterable[str]]) -> list[Use]:
    """Return the uses of constants, by purpose; empty names are left out."""
    return [Use(purpose, name) for purpose, names in purposes.items() for name in names if name]


def pair(values: Any, fill: int = 1) -> tuple[int, int]:
    """Return the attribute of one or two spatial axes as (vertical, horizontal)."""
    sides = [int(value) for value in values]
    height, width = [fill] * (2 - len(sides)) + sides
    return height, width
