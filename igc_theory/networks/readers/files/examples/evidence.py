"""What is found about the axes of an input: which one counts examples, and which one channels."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from igc_theory.networks.readers.files.examples.labels import Label, Labels, Sizes, certain, entries

__all__ = ["Axes"]

Size = TypeVar("Size")


@dataclass
class Axes:
    """What is found about the axes of an input.

    `decided` is whether one of them counts examples, and `place` that one, if an operator that knows examples says so. `channel`
    is the axis of the channels, if a convolution, a pool or a normalisation says so. `aside` is whether axis 0 is then neither what
    it takes for examples nor a side of the image. `mixed` and `kept` collect signs that decide where no operator does: along which
    axes entries meet, and along which ones they stay apart. These signs are `weak` where an operator takes a part of an axis for
    examples. Axes that it takes together are `joined`; repeated axes are `copied`, and of those a loop takes `walked` ones entry by
    entry. `constants` are tensors that depend on no input.
    """

    shape: Sizes = ()
    decided: bool | None = None
    place: int = 0
    channel: int | None = None
    aside: bool = False
    mixed: set[int] = field(default_factory=set)
    kept: set[int] = field(default_factory=set)
    joined: set[int] = field(default_factory=set)
    copied: set[int] = field(default_factory=set)
    walked: set[int] = field(default_factory=set)
    weak: bool = False
    constants: Container[str] | None = None
    labels: dict[str, Labels] = field(default_factory=dict)

    @property
    def doubted(self) -> bool:
        """Whether signs are too few.

        Copies of axis 0 may be a longer sequence. Of axes that are joined one counts examples. Where entries meet along axis 0 and
        not along another one, that one may count examples, or there are none.
        """
        is_open = 0 in self.copied - self.mixed or (bool(self.joined) and len(self.joined - self.mixed) != 1)
        apart = {axis for axis, size in enumerate(self.shape) if size != 1} - self.mixed
        is_left = 0 in self.mixed and bool(apart) and self.kept <= self.mixed
        return self.decided is None and (self.weak or is_open or is_left)

    @property
    def batched(self) -> bool | None:
        """Whether an axis counts examples; None if nothing says so."""
        if self.decided is not None or self.doubted:
            return self.decided
        if 0 in self.mixed:
            return bool(self.kept - self.mixed)
        return True if 0 in self.kept else None

    @property
    def examples(self) -> int:
        """The axis that counts examples, if one does; axis 0 if nothing says so."""
        by_signs = self.decided is None and not self.doubted and 0 in self.mixed
        return min(self.kept - self.mixed, default=0) if by_signs else self.place

    def of_one(self, sizes: Sequence[Size]) -> list[Size]:
        """Return the sizes of one example: without that of the axis that counts them, which is axis 0 if nothing says so."""
        return [size for axis, size in enumerate(sizes) if self.batched is False or axis != self.examples]

    def decide(self, examples: int | None) -> None:
        """Note the axis that an operator takes for examples; None if it is not one of the input."""
        self.decided, self.place = examples is not None, examples or 0

    def mix(self, label: Label) -> None:
        """Note that entries along an axis meet."""
        self.mixed |= {axis for axis, _ in certain(label) if axis is not None}

    def is_of_another_input(self, name: str) -> bool:
        """Return whether a tensor depends on other inputs alone, or in a way that is not known."""
        return self.constants is not None and bool(name) and name not in self.constants and name not in self.labels

    def whole(self, label: Label) -> set[int]:
        """Return the axes of the input of which an axis of a tensor has all entries."""
        axes = {axis for axis, _ in label if axis is not None}
        return {axis for axis in axes if entries(tuple(part for part in label if part[0] == axis)) == self.shape[axis]}
