"""From factors to steps: what a plan executes, worked out on shapes and strides alone.

An array under way has any number of leading axes that together number the channels, and three more: the rows and columns
of the window, and the batch. It lies in one of four places: the operand, two buffers in turn, and the result.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import accumulate, pairwise
from operator import mul
from typing import Any

import numpy as np
from numpy.lib.array_utils import byte_bounds
from numpy.lib.stride_tricks import as_strided, sliding_window_view

from igc_theory.kernels.arrays import Array
from igc_theory.kernels.caches import cache_bytes
from igc_theory.kernels.products.planning.components import Step, by_components, multiplied_blocks
from igc_theory.kernels.products.planning.matrix_products import stacked_product
from igc_theory.structure.chains import Chain, Factor, Parallel
from igc_theory.structure.factors import GroupConv
from igc_theory.structure.permutations import ChannelPermutation

__all__ = ["Instruction", "column_ends", "over_branches", "plan_steps", "template", "work_in_components"]

Place = Callable[[Array], Array]
Instruction = tuple[Callable[..., Any], Place, Place]

LINE = 64
"""Bytes of a cache line. Rows of a power-of-two length fall onto the same cache sets; a line between them prevents that."""

OPERAND, RESULT = -2, -1
"""Places in memory beside the buffers, which are counted from 0."""

_ANCHOR = np.zeros(1, np.complex128)
"""Where all templates claim to begin, so that their offsets can be told."""


def plan_steps(chain: Chain, kernels: Sequence[Array], ends: Sequence[tuple[Array, Array]]) -> list[Instruction]:
    """Return the steps that apply a chain to parts of the operand; `ends` are templates of what is read and written for each part.

    A step is a NumPy function, where it reads and where it writes, to be called ``function(source(x), out=target(out))``.
    """
    steps = [step for source, target in ends for step in _Route(chain, kernels, source, target).ordered()]
    sizes: dict[int, int] = {}
    for _, _, (place, view) in steps:
        sizes[place] = max(sizes.get(place, 0), byte_bounds(view)[1] - _ANCHOR.ctypes.data)
    buffers = {place: _aligned(size) for place, size in sizes.items() if place != RESULT}
    return [(_ready(f, a[1], b[1]), _bound(a, buffers), _bound(b, buffers)) for f, a, b in steps]


def work_in_components(chain: Chain, kernels: Sequence[Array], ends: tuple[Array, Array]) -> bool:
    """Return whether a part of the operand goes through neighbouring factors in components that fit the second cache."""
    route = _Route(chain, kernels, *ends)
    return len(route.ordered()) > len(route.steps)


def column_ends(
    chain: Chain, window: tuple[int, int], batch: int, tiles: Sequence[tuple[int, int]], dtype: np.dtype[Any]
) -> list[tuple[Array, Array]]:
    """Return the ends of routes for the columns in `tiles`, (start, stop) each, of operands (C_in * S, batch)."""
    source, target = (
        template((chain.in_channels, *window, batch), dtype),
        template((chain.out_channels, 1, 1, batch), dtype),
    )
    return [(source[..., slice(*tile)], target[..., slice(*tile)]) for tile in tiles]


def over_branches(step: Instruction, threads: int) -> list[Instruction]:
    """Return up to `threads` steps that do the same at the same time, each some branches; the step itself if it is no product."""
    function, source, target = step
    blocks = multiplied_blocks(function)
    if blocks is None or blocks.ndim < 3:
        return [step]
    cuts = [len(blocks) * k // threads for k in range(threads + 1)]
    return [
        (partial(np.matmul, blocks[some]), _part(source, some), _part(target, some))
        for some in (slice(*ends) for ends in pairwise(cuts) if ends[0] < ends[1])
    ]


def _part(place: Place, some: slice) -> Place:
    return lambda memory: place(memory)[some]


class _Route:
    """One tile's way through the factors. Its arrays are templates: they have shapes and strides, and no memory."""

    def __init__(self, chain: Chain, kernels: Sequence[Array], source: Array, target: Array) -> None:
        self.steps: list[Step] = []
        self.buffers = 2
        self.pair = 0, 1
        self.place, self.view = OPERAND, source
        self._follow(chain.factors, list(kernels), target)

    def ordered(self) -> list[Step]:
        """Return the steps in the order of work."""
        side_by_side = self.buffers > 2  # parallel branches read the same buffer, which must stay as it is
        return self.steps if side_by_side else by_components(self.steps, cache_bytes(2))

    def _follow(self, factors: Sequence[Factor], kernels: list[Array], out: Array | None = None) -> None:
        """Take all steps, the last of them into `out`, if given."""
        for k, factor in enumerate(factors):
            if isinstance(factor, ChannelPermutation):
                self._permute(factor)
            elif isinstance(factor, Parallel):
                self._side_by_side(factor, kernels)
            elif self._convolve(factor, kernels.pop(0), _undone(out, factors[k + 1 :])):
                return
        if out is not None:
            self._write(_copy, RESULT, out)

    def _write(self, function: Callable[..., Any], place: int, out: Array) -> None:
        """Take a step from the present array into `out`, which has its channels on one axis."""
        self.steps.append((function, (self.place, self.view), (place, out.reshape(self.view.shape, copy=False))))

    def _side_by_side(self, factor: Parallel, kernels: list[Array]) -> None:
        """Send the present array through every branch, with buffers that leave it as it is, and add up what they write."""
        source = self._shaped(self.view, (factor.in_channels, *self.view.shape[-3:]))
        height, width, batch = source.shape[1:]
        rows, columns = (
            (n - k) // s + 1 for n, k, s in zip((height, width), factor.window, factor.strides, strict=True)
        )
        result, written = template((factor.out_channels, rows, columns, batch), source.dtype), set()
        start, pair, here = self.place, self.pair, self.buffers
        self.buffers += 3
        self.pair = here + 1, here + 2
        for part in factor.parts:
            self.place, self.view = start, source[part.reads, *part.centre(height, width)]
            self._follow(part.branch.factors, kernels)
            self._write(_add if part.writes.start in written else _copy, here, result[part.writes])
            written.add(part.writes.start)
        self.place, self.view, self.pair = here, result, pair

    def _permute(self, permutation: ChannelPermutation) -> None:
        """Look differently at the same memory if the permutation is an interleaving, and gather if it is not."""
        if permutation.interleaved is not None:
            self.view = _turned(*self._split(permutation.interleaved))
            return
        source = self._shaped(self.view, (permutation.channels, *self.view.shape[-3:]))
        gather = partial(np.take, indices=permutation.indices, axis=0, mode="clip")
        self._to_buffer(gather, source, template(source.shape, source.dtype))

    def _convolve(self, conv: GroupConv, kernel: Array, target: Array | None) -> bool:
        """Multiply by the blocks, straight into `target` if its strides allow that; return whether they did."""
        view, cut = self._split((conv.groups, conv.in_width))
        view = _windows(view, conv)
        *_, height, width, batch = view.shape
        columns = height * width * batch
        source = self._shaped(view, (*view.shape[:cut], conv.in_width * conv.kernel_area, columns))
        if _scattered(source):
            source = self._copied(source)
            target = None
        if target is not None and (pair := _matched(source, target, conv)):
            self.steps.append((_product(kernel, *pair), (self.place, pair[0]), (RESULT, pair[1])))
            return True
        result = template((conv.out_channels, height, width, batch), self.view.dtype, padded=True)
        shape = *source.shape[:-2], conv.out_width, columns
        written = result.reshape(shape, copy=False)
        self._to_buffer(_product(kernel, source, written), source, result, written)
        return False

    def _split(self, sizes: tuple[int, int]) -> tuple[Array, int]:
        """Return the present array with its channel axes split between two sizes, and where the second begins."""
        return _split(self.view, sizes) or (self._shaped(self.view, (*sizes, *self.view.shape[-3:])), 1)

    def _shaped(self, view: Array, shape: tuple[int, ...]) -> Array:
        """Return `view` in another shape; if its strides do not allow that, take a step that copies it first."""
        shaped = _reshaped(view, shape)
        if shaped is not None:
            return shaped
        return self._copied(view).reshape(shape, copy=False)

    def _copied(self, view: Array) -> Array:
        """Take a step that copies `view` and return the copy."""
        self._to_buffer(_copy, view, template(view.shape, view.dtype))
        return self.view

    def _to_buffer(
        self, function: Callable[..., Any], source: Array, result: Array, written: Array | None = None
    ) -> None:
        """Take a step into the buffer that is not being read; `written` is another look at `result`, as the function wants it."""
        place = self.pair[self.place == self.pair[0]]
        target = result if written is None else written
        self.steps.append((function, (self.place, source), (place, target)))
        self.place, self.view = place, result


def _copy(source: Array, out: Array) -> None:
    np.copyto(out, source)


def _add(source: Array, out: Array) -> None:
    np.add(out, source, out=out)


def _scattered(source: Array) -> bool:
    """Return whether stacked columns are spread over more memory than the cache next to the processor holds.

    They are copied then: read with strides, each entry would cost a line of the cache.
    """
    return source.shape[-1] == 1 and source.strides[-2] > source.itemsize and source.nbytes > cache_bytes(1)


def _product(kernel: Array, source: Array, target: Array) -> Callable[..., Any]:
    """Return the function that multiplies stacked blocks with `source`."""
    blocks = kernel.reshape(*source.shape[:-2], target.shape[-2], source.shape[-2])
    if source.shape[-1] == 1:
        # With one column the BLAS is quicker on blocks that lie in memory column by column.
        blocks = np.ascontiguousarray(blocks.swapaxes(-1, -2)).swapaxes(-1, -2)
    return partial(np.matmul, blocks)


def _matched(source: Array, target: Array, conv: GroupConv) -> tuple[Array, Array] | None:
    """Return the matrices to read and to write with the same branch axes, or None if their strides have no such view."""
    parts = _split(target, (conv.groups, conv.out_width))
    if parts is None:
        return None
    view, cut = parts
    branches = _refinement(source.shape[:-2], view.shape[:cut])
    written = _reshaped(view, (*view.shape[:cut], conv.out_width, source.shape[-1]))
    if branches is None or written is None:
        return None
    return source.reshape(*branches, *source.shape[-2:], copy=False), written.reshape(
        *branches, *written.shape[-2:], copy=False
    )


def _undone(out: Array | None, factors: Sequence[Factor]) -> Array | None:
    """Return `out` as seen in front of the permutations that follow the last convolution; None if other factors, or gathers, do."""
    for factor in reversed(factors):
        sizes = factor.interleaved if isinstance(factor, ChannelPermutation) else None
        turned = _split(out, sizes[::-1]) if sizes and out is not None else None
        if turned is None:
            return None
        out = _turned(*turned)
    return out


def _turned(view: Array, cut: int) -> Array:
    """Return the interleaving of the channels: the axes from `cut` on come first."""
    channels = view.ndim - 3
    order = *range(cut, channels), *range(cut), *range(channels, view.ndim)
    return view.transpose(order)


def _split(view: Array, sizes: tuple[int, int]) -> tuple[Array, int] | None:
    """Return `view` with channel axes that keep the two sizes apart, and where the second begins; None if they cross."""
    axes = _refinement(view.shape[:-3], sizes)
    if axes is None:
        return None
    return view.reshape(*axes, *view.shape[-3:], copy=False), [1, *accumulate(axes, mul)].index(sizes[0])


def _refinement(first: Sequence[int], second: Sequence[int]) -> list[int] | None:
    """Return the coarsest factorization that refines two ordered ones of the same number, None if there is none.

    Examples
    --------
    >>> _refinement([4, 6], [2, 12]), _refinement([4, 6], [3, 8])
    ([2, 2, 6], None)
    """
    marks = sorted({1, *accumulate(first, mul), *accumulate(second, mul)})
    return None if any(b % a for a, b in pairwise(marks)) else [b // a for a, b in pairwise(marks)]


def _windows(view: Array, conv: GroupConv) -> Array:
    """Return the windows that a convolution sees: (…, H, W, N) becomes (…, kh, kw, H_out, W_out, N)."""
    (down, right), n = conv.strides, view.ndim
    windows = sliding_window_view(view, conv.window, axis=(n - 3, n - 2))[..., ::down, ::right, :, :, :]
    return windows.transpose(*range(n - 3), n, n + 1, n - 3, n - 2, n - 1)


def _reshaped(view: Array, shape: tuple[int, ...]) -> Array | None:
    """Return another look at the same memory, None if the strides do not allow it."""
    try:
        return view.reshape(shape, copy=False)
    except ValueError:
        return None


def template(shape: tuple[int, ...], dtype: np.dtype[Any], *, padded: bool = False) -> Array:
    """Return an array of that shape, C-contiguous but for padded rows, that takes no memory and must not be read."""
    strides = [dtype.itemsize]
    for length in reversed(shape[1:]):
        strides.insert(0, strides[0] * length)
    if padded and len(shape) == 4 and shape[1] == shape[2] == 1 and shape[3] > 1:
        strides[0] += LINE
    return as_strided(_ANCHOR.view(dtype), shape, strides)


def _aligned(size: int) -> Array:
    """Return a buffer of that many bytes that begins at a cache line."""
    buffer = np.empty(size + LINE, np.uint8)
    return buffer[-buffer.ctypes.data % LINE :]


def _ready(function: Callable[..., Any], source: Array, target: Array) -> Callable[..., Any]:
    """Return what does the same, made ready for operands of these shapes and strides."""
    blocks = multiplied_blocks(function)
    return function if blocks is None else stacked_product(blocks, source, target)


def _bound(spot: tuple[int, Array], buffers: Mapping[int, Array]) -> Place:
    """Return where a step reads or writes, as a function of the operand or the result."""
    place, view = spot
    shape, strides, dtype, offset = view.shape, view.strides, view.dtype, view.ctypes.data - _ANCHOR.ctypes.data

    def look(memory: Array) -> Array:
        return np.ndarray(shape, dtype, memory, offset, strides)

    if place in (OPERAND, RESULT):
        return look
    array = look(buffers[place])
    return lambda _: array
