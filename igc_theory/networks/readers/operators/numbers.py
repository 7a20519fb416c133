"""The stored numbers behind the constants of a graph: which are weights, which are buffers, and each counted once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import pi, prod
from typing import NamedTuple

from igc_theory.networks.description.graph import Constant, Graph, Stored
from igc_theory.networks.description.layer_graph import NOTHING
from igc_theory.networks.description.shapes import Counts

__all__ = ["Ledger", "Use", "is_real", "is_setting", "is_short", "is_whole", "numbers_behind"]

_SHORT = {"float64": (52, 4, 4096), "float32": (23, 4, 4096), "float16": (10, 2, 8), "bfloat16": (7, 1, 1)}
"""By type: bits of the fraction, digits of a short decimal, largest small number. Few numbers of the type are either."""

_CUBIC = 0.044715
"""The factor of the cube in the approximate GELU."""


class Use(NamedTuple):
    """A constant that a layer uses: for what (a field of `Counts`, or "buffers"), and how many weights are packed in it, if any."""

    purpose: str
    constant: str
    packed: int = 0


def is_real(dtype: str) -> bool:
    """Return whether a type holds real or complex numbers; one that is not known is taken to."""
    return not dtype or "float" in dtype or "complex" in dtype


def is_short(dtype: str) -> bool:
    """Return whether a type holds integers of at most two bytes, as quantized weights are."""
    return dtype.removeprefix("u") in ("int2", "int4", "int8", "int16")


def is_setting(number: float, dtype: str) -> bool:
    """Return whether a lone number is one that people write down, such as 6, 1e-5 or 1/√15; training leaves others.

    Those are short decimals, infinities and bounds of a type. So are n, √n, ⁴√n, √(n/π) and one over these, for small multiples
    n of 1/2: the scales of attention, of pictures and of the approximate GELU. By chance, fewer than one in five hundred trained
    numbers of 32 bits are like that, and one in ten of 16 bits.
    """
    bits, digits, most = _SHORT.get(dtype, _SHORT["bfloat16"])
    size = abs(number)
    if not size < 65504 * (1 if dtype == "float16" else 1e33):
        return True
    if any(abs(size - short) <= size * 2.0 ** -(bits + 1) for short in (float(f"{size:.{digits - 1}e}"), _CUBIC)):
        return True
    powers = ((size, 1), (size**2, 2), (size**4, 4), (pi * size**2, 2))
    roots = ((max(power, 1 / power) if power else 0.0, order) for power, order in powers)
    return any(root <= most and abs(2 * root - round(2 * root)) <= root * order * 2.0**-bits for root, order in roots)


def numbers_behind(graph: Graph, name: str) -> tuple[list[str], list[str]]:
    """Return the stored arrays that a constant is computed from: trained ones, and buffers.

    A module says which of its arrays are trained. In a file all real numbers are, with two exceptions. Single numbers from which an
    array is computed are settings. Integers are indices or zero points, unless there are more of them than of real numbers: then
    they are quantized weights, and the real numbers are their scales.
    """
    constant = graph.constants.get(name)
    stored = {origin: graph.stored[origin] for origin in sorted(constant.origins if constant else ())}
    if graph.known_parameters:
        return [key for key, array in stored.items() if array.trained], [k for k, a in stored.items() if not a.trained]
    if len(stored) == 1 and constant is not None and is_whole(constant, *stored.values()):
        return (list(stored), []) if all(array.trained for array in stored.values()) else ([], list(stored))
    arrays = {origin: array for origin, array in stored.items() if prod(array.shape) > 1}
    trained = {origin: array for origin, array in arrays.items() if array.trained}
    reals = [origin for origin, array in trained.items() if is_real(array.dtype)]
    short = [origin for origin, array in trained.items() if is_short(array.dtype)]
    wide = [] if reals or short else [origin for origin, array in trained.items() if array.dtype in ("int32", "uint32")]
    weights = short or wide if _most(trained, short + wide) > _most(trained, reals) else reals
    untrained = [origin for origin, array in stored.items() if not array.trained]
    return weights, [origin for origin in (*reals, *short, *untrained) if origin not in weights]


def is_whole(constant: Constant, array: Stored) -> bool:
    """Return whether a constant has all entries of a stored array, and no others."""
    return constant.dtype == array.dtype and constant.shape is not None and prod(constant.shape) == prod(array.shape)


def _most(arrays: Mapping[str, Stored], names: Iterable[str]) -> int:
    return max((prod(arrays[name].shape) for name in names), default=0)


class Ledger:
    """Which stored arrays have been counted, so that each is counted once.

    Parameters
    ----------
    graph : Graph
    uses : iterable of Use
        Of all layers: what is trained for one of them is no buffer of another.
    """

    def __init__(self, graph: Graph, uses: Iterable[Use]) -> None:
        self.graph = graph
        self.counted: set[str] = set()
        self.trained = {name for use in uses for name in self._split(use)[0]}

    def entry(self, uses: Iterable[Use]) -> tuple[Counts, Counts, int]:
        """Return the trained numbers that a layer uses, those of them that were counted before, and its buffers."""
        held, shared, buffers = NOTHING._asdict(), NOTHING._asdict(), 0
        for use in uses:
            weights, others = self._split(use)
            for name in weights:
                size = use.packed or prod(self.graph.stored[name].shape)
                held[use.purpose] += size
                shared[use.purpose] += size if name in self.counted else 0
                self.counted.add(name)
            buffers += self.buffers(others)
        return Counts(**held), Counts(**shared), buffers

    def buffers(self, names: Iterable[str]) -> int:
        """Return how many numbers the arrays hold that are not trained and were not counted before."""
        fresh = [name for name in dict.fromkeys(names) if name not in self.counted | self.trained]
        self.counted.update(fresh)
        return sum(prod(self.graph.stored[name].shape) for name in fresh)

    def left(self, constants: Iterable[str]) -> int:
        """Return how many weights are behind constants and not counted yet, indices left out; they are counted with this."""
        names = {name for constant in constants for name in numbers_behind(self.graph, constant)[0]}
        stored = {name: self.graph.stored[name] for name in names - self.counted}
        fresh = {name for name, array in stored.items() if is_real(array.dtype) or is_short(array.dtype)}
        self.counted |= fresh
        return sum(prod(stored[name].shape) for name in fresh)

    def _split(self, use: Use) -> tuple[list[str], list[str]]:
        weights, others = numbers_behind(self.graph, use.constant)
        if use.purpose != "buffers":
            return weights, others
        # What a module trains is a parameter, whatever it is used for.
        return [], others if self.graph.known_parameters else weights + others
