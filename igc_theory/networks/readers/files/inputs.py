"""The inputs of an ONNX file, with the sizes in the file, those given, and those chosen where both are open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from igc_theory.networks.description.graph import Note
from igc_theory.networks.readers.files.examples.evidence import Axes
from igc_theory.structure.arguments.kinds import shown
from igc_theory.structure.arguments.numbers import positive_int

__all__ = ["Given", "Input", "Sizes", "checked_sizes", "chosen_sizes", "image_first", "image_shape", "settled"]

Given = Mapping[str, "int | tuple[int, ...]"]
"""Sizes by the name of an input, or of an open size; those of the first input under the empty name."""

OPEN_SIDE = 224
"""Height and width of an image where file and caller leave them open."""


@dataclass(frozen=True)
class Input:
    """An input as the file describes it: a size is an int, the name of one that is open, or None; `kind` is an ONNX type.

    `is_ranked` is False for one of which the file does not even say how many axes it has.
    """

    name: str
    sizes: tuple[int | str | None, ...]
    kind: int
    is_ranked: bool = True

    @property
    def is_real(self) -> bool:
        """Whether it may be an image: numbers that are no places in a table."""
        return self.kind not in (6, 7, 8, 9)

    @property
    def shown(self) -> str:
        """Its sizes in words."""
        return f"({', '.join('any' if size is None else str(size) for size in self.sizes)})"


@dataclass(frozen=True)
class Sizes:
    """The sizes that inputs are read with; None for one that stays open. `dynamic` is whether any was chosen."""

    shapes: Mapping[str, tuple[int | None, ...]]
    dynamic: bool
    notes: tuple[Note, ...] = ()


def image_first(inputs: Sequence[Input]) -> list[Input]:
    """Return the inputs with the image in front: where the first is a vector of real numbers, the first one with more axes."""
    if not inputs[0].is_real or len(inputs[0].sizes) > 2:
        return list(inputs)
    images = [entry for entry in inputs if entry.is_real and len(entry.sizes) > 2]
    first = images[0] if images else inputs[0]
    return [first, *(entry for entry in inputs if entry is not first)]


def settled(axes: Axes, image: Input) -> Axes:
    """Return the axes of the image, decided by the file's own sizes where no operator has decided.

    A single axis counts no examples. One of open size along which no entries meet does, if the file calls it a batch or it is the
    first, unless signs are weak. Behind a fixed number of entries it makes them weak, as either may count examples. Where the file
    fixes one example in front, what a convolution takes for examples are its channels or frames.
    """
    if axes.decided is not None:
        is_one = axes.aside and image.sizes[0] == 1 and isinstance(image.sizes[axes.place], int)
        return replace(axes, place=0) if axes.decided and is_one else axes
    if len(image.sizes) < 2:
        return replace(axes, decided=False)
    apart = {k: size for k, size in enumerate(image.sizes) if not isinstance(size, int) and k not in axes.mixed}
    batches = [k for k, size in apart.items() if "batch" in str(size).lower()]
    if len(batches) == 1 and not axes.weak:
        return replace(axes, decided=True, place=batches[0])
    if axes.batched is None and not axes.weak and not isinstance(image.sizes[0], int):
        return replace(axes, decided=True)
    is_behind = bool(apart) and 0 not in axes.mixed | apart.keys() and image.sizes[0] != 1
    return replace(axes, weak=axes.weak or is_behind)


def checked_sizes(input_shape: Any) -> Given:
    """Return what a caller gives as `input_shape`: sizes of the image, or sizes by name."""
    if input_shape is None:
        return {}
    if not isinstance(input_shape, Mapping):
        return {"": _tuple("input_shape", input_shape)}
    given: dict[str, int | tuple[int, ...]] = {}
    for name, sizes in input_shape.items():
        if not isinstance(name, str):
            raise TypeError(f"input_shape={shown(input_shape)} has the key {shown(name)}: give names of inputs")
        label = f"input_shape[{shown(name)}]"
        given[name] = _tuple(label, sizes) if isinstance(sizes, (tuple, list)) else positive_int(label, sizes)
    return given


def _tuple(label: str, sizes: Any) -> tuple[int, ...]:
    if not isinstance(sizes, (tuple, list)):
        raise ValueError(f"{label}={shown(sizes)} is not a shape: give a tuple such as (channels, height, width)")
    return tuple(positive_int(f"{label}[{k}]", size) for k, size in enumerate(sizes))


def chosen_sizes(inputs: Sequence[Input], given: Given, axes: Axes) -> Sizes:
    """Return the sizes to read inputs with.

    Raises
    ------
    ValueError
        If what is given does not fit, or the sizes of the first input stay open and it is no image.
    """
    _check_names(inputs, given)
    named: dict[str, int] = {name: size for name, size in given.items() if isinstance(size, int)}
    shapes: dict[str, tuple[int | None, ...]] = {}
    image, notes = inputs[0], []
    sizes = tuple(named.get(size, size) if isinstance(size, str) else size for size in image.sizes)
    explicit = given.get(image.name, given.get(""))
    if not image.is_ranked:
        raise ValueError(
            f"it does not say how many axes its input {image.name!r} has: export it with the shapes of its inputs"
        )
    if isinstance(explicit, tuple):
        shapes[image.name] = _fitted(image, sizes, explicit, axes)
    else:
        shapes[image.name] = _default(image, sizes, axes)
    dynamic = any(not isinstance(size, int) for size in axes.of_one(image.sizes))
    if axes.batched is None and image.sizes and image.sizes[0] != 1:
        notes.append((image.name, "input", _undecided(sizes[0])))
    for entry in inputs:
        named |= _meanings(entry, shapes.get(entry.name, ()), named)
    examples = shapes[image.name][axes.examples] if axes.batched is not False and sizes else 1
    is_fixed = axes.batched is False or isinstance(image.sizes[axes.examples], int)
    for entry in inputs[1:]:
        known = tuple(named.get(size) if isinstance(size, str) else size for size in entry.sizes)
        own = given.get(entry.name)
        shapes[entry.name] = _beside(entry, known, own, examples, axes)
        # Where the first input has a fixed number of examples, what is open in front of another one may count anything.
        is_guess = is_fixed and known[:1] == (None,) and not isinstance(own, tuple)
        if is_guess or None in shapes[entry.name]:
            notes.append(
                (
                    entry.name,
                    "input",
                    f"its sizes {entry.shown} are open: give them in input_shape={{{entry.name!r}: …}}",
                )
            )
    return Sizes(shapes, dynamic, tuple(notes))


def _beside(
    entry: Input, known: tuple[int | None, ...], given: Any, examples: int | None, axes: Axes
) -> tuple[int | None, ...]:
    """Return the shape of a further input: what is open in front counts examples, unless it is given, too."""
    filled = (examples if known[0] is None else known[0], *known[1:]) if known else known
    if not isinstance(given, tuple):
        return filled
    return _fitted(entry, known if len(given) == len(known) else filled, given, axes)


def _undecided(size: int | str | None) -> str:
    return f"no operator says whether its axis 0 counts {size or 'any'} examples, as is taken here: export it with one example"


def _check_names(inputs: Sequence[Input], given: Given) -> None:
    names = {entry.name for entry in inputs}
    symbols = {size for entry in inputs for size in entry.sizes if isinstance(size, str)}
    for name, size in given.items():
        if name and name not in (symbols if isinstance(size, int) else names):
            known = ", ".join(sorted(symbols if isinstance(size, int) else names))
            raise ValueError(f"input_shape names {shown(name)}, which the file does not have: it has {known or 'none'}")


def _meanings(entry: Input, sizes: Sequence[int | None], named: Mapping[str, int]) -> dict[str, int]:
    """Return what sizes the names of open sizes stand for."""
    pairs = zip(entry.sizes, sizes, strict=False)
    return {name: size for name, size in pairs if isinstance(name, str) and size is not None and name not in named}


def _fitted(entry: Input, sizes: tuple[Any, ...], given: tuple[int, ...], axes: Axes) -> tuple[int, ...]:
    """Return the shape of an input that a given one means: with or without the batch, channels first or as in the file."""
    for shape in _readings(sizes, given, axes):
        if len(shape) == len(sizes) and all(
            not isinstance(old, int) or old == new for old, new in zip(sizes, shape, strict=True)
        ):
            return shape
    raise ValueError(
        f"input_shape={shown(given)} does not fit the file, whose input {entry.name!r} is {entry.shown}: "
        "leave the batch out, and change a size that is fixed in the file itself"
    )


def _readings(sizes: tuple[Any, ...], given: tuple[int, ...], axes: Axes) -> list[tuple[int, ...]]:
    """Return the shapes that a given one can mean, the most likely one first."""
    own = axes.of_one(range(len(sizes)))
    last = (*given[1:], *given[:1])
    plain: list[tuple[int, ...]] = []
    if len(given) == 3 and len(own) < 3:  # channels, height, width of a sequence or a vector
        plain = [(given[0], *given[4 - len(own) :])] if set(given[1 : 4 - len(own)]) <= {1} else []
    plain += [given, last] if axes.channel in (None, *own[:1]) else [last, given]
    return [*(_with_examples(sizes, shape, axes) for shape in plain), given]


def _with_examples(sizes: tuple[Any, ...], one: tuple[int, ...], axes: Axes) -> tuple[int, ...]:
    """Return the shape of an input of which one example has a given one."""
    place = axes.examples
    if axes.batched is False:
        return one
    count = sizes[place] if place < len(sizes) and isinstance(sizes[place], int) else 1
    return (*one[:place], count, *one[place:])


def _default(entry: Input, sizes: tuple[Any, ...], axes: Axes) -> tuple[int, ...]:
    """Return the sizes of the first input, an image of 224×224 where it is open."""
    own = axes.of_one(range(len(sizes)))
    channel = next(iter(own), 0) if axes.channel is None else axes.channel
    is_image = entry.is_real and len(own) > 1
    shape = []
    for place, size in enumerate(sizes):
        if isinstance(size, int):
            shape.append(size)
        elif place not in own:
            shape.append(1)
        elif not is_image or place == channel:
            what = "the channels of the image" if is_image else f"sizes of {entry.name!r}, {entry.shown},"
            form = "(channels, height, width)" if is_image else "their sizes without the batch"
            raise ValueError(f"the file leaves {what} open: give input_shape={form}")
        else:
            shape.append(OPEN_SIDE)
    return tuple(shape)


def image_shape(shape: Sequence[int], axes: Axes) -> tuple[int, ...]:
    """Return (channels, height, width) of an image, and as much for other inputs: the batch left out, at least three sizes."""
    own = axes.of_one(range(len(shape)))
    if axes.channel in own:
        own = [axes.channel, *(axis for axis in own if axis != axes.channel)]
    channels, *sides = [shape[axis] for axis in own] or [1]
    return (channels, *[1] * (2 - len(sides)), *sides)
