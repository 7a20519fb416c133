"""The five explorers as tables: what the functions behind the widgets of Jupyter answer to every setting that the pages offer.

Each table has `controls`, whose values in their order make a key. By that key, `answers` has a sentence and the
numbers that `facts` names. More is there for the picture.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from igc_theory.budget import Design
from igc_theory.kernels import block_spectra, project
from igc_theory.structure import Chain, igcv1, path_counts
from igc_theory.structure.divisors import divisors
from igc_theory.views.explorers.answers import Answer, fact_text
from igc_theory.views.explorers.balance import balance_answer, balance_terms, width_name
from igc_theory.views.explorers.blocks import block_answer
from igc_theory.views.explorers.budgets import BUDGETS, budget_answer, budget_curves
from igc_theory.views.explorers.kernels import example_kernel, kernel_answer, with_noise
from igc_theory.views.explorers.paths import CHAINS, paths_answer
from igc_theory.views.plots.style import FAMILY_COLOURS
from website.interleaving import view

__all__ = ["balance", "block", "budget", "kernel", "paths"]

Table = dict[str, Any]

MOST_PARTITIONS = 16
MOST_DRAWN = 32
"""Channels of a block whose path counts are drawn: beyond it a number has no room."""

BALANCED = (12, 16, 64)
PRODUCTS = {8: ((2, 4), (4, 2), (2, 2, 2), (4, 4)), 16: ((4, 4), (2, 8), (8, 2), (2, 2, 4), (2, 2, 2, 2), (8, 8))}
"""Branch widths of the products that are offered to kernels of so many channels; the last have more paths than one per pair."""

SOURCES = ("Gabor filters", "random", "Fourier", "Hadamard")


def number(name: str, label: str, value: int, values: Iterable[int], beyond: str, **more: Any) -> Table:
    """Return a control for a number that is typed or moved; `beyond` says what to call for other numbers."""
    return {
        "kind": "number", "name": name, "label": label, "value": value, "values": list(values), "beyond": beyond, **more
    }  # fmt: skip


def choice(name: str, label: str, value: Any, values: Iterable[Any], **more: Any) -> Table:
    """Return a control with a list to choose from."""
    return {"kind": "choice", "name": name, "label": label, "value": value, "values": list(values), **more}


def tick(name: str, label: str) -> Table:
    """Return a box to tick, which is ticked."""
    return {"kind": "tick", "name": name, "label": label, "value": True}


def windows(*sides: int) -> Table:
    """Return the control for the window of the spatial factor."""
    return choice("kernel_size", "kernel", 3, sides, texts=[f"{side}×{side}" for side in sides])


def table(controls: Sequence[Table], answers: Mapping[tuple[Any, ...], Answer], **more: Any) -> Table:
    """Return the answers by the text of their settings."""
    first = next(iter(answers.values()))
    listed = {
        "|".join(map(_word, key)): [answer.sentence, *map(fact_text, answer.facts.values())]
        for key, answer in answers.items()
    }
    return {"controls": controls, "facts": list(first.facts), "answers": listed, **more}


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def block() -> Table:
    """Return the answers of `block_answer`."""
    sides, sizes = (1, 3, 5, 7), range(1, MOST_PARTITIONS + 1)
    beyond = "block_answer(L, M) of the library takes more"
    controls = [
        number("L", "L, partitions", 4, sizes, beyond),
        number("M", "M, channels each", 3, sizes, beyond),
        windows(*sides),
        tick("permuted", "interleave"),
    ]
    maps = {
        f"{L}|{M}|{_word(permuted)}": _rows(igcv1(L, M) if permuted else Chain(igcv1(L, M).convolutions))
        for L, M, permuted in product(sizes, sizes, (True, False))
        if L * M <= MOST_DRAWN
    }
    answers = {key: block_answer(*key) for key in product(sizes, sizes, sides, (True, False))}
    parts = {
        f"{L}|{M}|{side}": [conv.parameters for conv in igcv1(L, M, side).convolutions]
        for L, M, side in product(sizes, sizes, sides)
    }
    return table(controls, answers, maps=maps, parts=parts)


def _rows(chain: Chain) -> list[list[int]]:
    return [list(map(int, row)) for row in path_counts(chain)]


def paths() -> Table:
    """Return the answers of `paths_answer`."""
    chains = {name: make() for name, make in CHAINS.items()}
    ends = {name: list(range(chain.out_channels)) for name, chain in chains.items()}
    beyond = "the number of outputs is that of the chain"
    controls = [
        choice("chain", "chain", next(iter(chains)), chains),
        number("output", "output channel", 0, [], beyond, depends={"on": "chain", "values": ends}),
        tick("permuted", "permutations"),
    ]
    keys = [(name, output, permuted) for name in chains for output in ends[name] for permuted in (True, False)]
    answers = {key: paths_answer(chains[key[0]], *key[1:]) for key in keys}
    views = {
        f"{name}|{_word(permuted)}": view(chain if permuted else Chain(chain.convolutions))
        for name, chain in chains.items()
        for permuted in (True, False)
    }
    return table(controls, answers, views=views)


def budget() -> Table:
    """Return the answers of `budget_answer`, and the curves behind them."""
    sides, budgets = (1, 3, 5), sorted(BUDGETS)
    paying = {side: [T for T in budgets if side**2 < T] for side in sides}
    beyond = "budget_answer(weights) of the library takes any number up to ten million"
    controls = [
        windows(*sides),
        number("budget", "weights", 4672, [], beyond, depends={"on": "kernel_size", "values": paying}),
    ]
    answers = {(side, T): budget_answer(T, side) for side in sides for T in paying[side]}
    rows = {f"{side}|{T}": _texts(answer) for (side, T), answer in answers.items()}
    head = list(next(answer.table.columns for answer in answers.values() if answer.table))
    curves = {side: _lines(budget_curves(side**2)) for side in sides}
    return table(controls, answers, head=head, rows=rows, curves=curves, colours=FAMILY_COLOURS)


def _texts(answer: Answer) -> list[list[str]]:
    columns = answer.table.columns if answer.table else {}
    return [list(map(fact_text, row)) for row in zip(*columns.values(), strict=True)]


def _lines(columns: Mapping[str, NDArray[Any]]) -> Table:
    lines: Table = {}
    for name, weights, width in zip(*(columns[c] for c in ("series", "parameters", "width")), strict=True):
        lines.setdefault(str(name), []).append((int(weights), round(float(width), 2)))
    return lines


def balance() -> Table:
    """Return the answers of `balance_answer` for up to three factors."""
    sides, beyond = (3, 5), "balance_answer of the library takes more"
    dividing = {C: list(divisors(C)) for C in BALANCED}
    widths = [
        number(f"K{l}", width_name(l), first, [], "a width divides the channels",
               depends={"on": "channels", "values": dividing}, **({"from": l} if l > 1 else {}))
        for l, first in ((1, 4), (2, 4), (3, 4))
    ]  # fmt: skip
    controls = [
        number("channels", "channels", 64, BALANCED, beyond),
        windows(*sides),
        number("factors", "factors", 3, (1, 2, 3), beyond),
        *widths,
    ]
    answers, terms = {}, {}
    for C, side, L in product(BALANCED, sides, (1, 2, 3)):
        for chosen in product(dividing[C], repeat=L):
            answers[C, side, L, *chosen] = balance_answer(C, chosen, side)
            design = Design(C, chosen, side)
            terms["|".join(map(str, (C, side, L, *chosen)))] = _bars(balance_terms(design), L)
    answered = table(controls, answers, terms=terms)
    answered["facts"] = ["weights per channel", "dense, as many factors", *answered["facts"][2:]]
    return answered


def _bars(terms: Mapping[str, Sequence[Any]], L: int) -> list[list[float]]:
    """Return the parts of the three bars: of this design, of the best dense one, and balanced."""
    return [[round(float(value), 2) for value in terms["value"][start : start + L]] for start in (0, L, 2 * L)]


def kernel() -> Table:
    """Return the answers of `kernel_answer`, with small pictures of kernel and product."""
    names = {C: [", ".join(map(str, widths)) for widths in offered] for C, offered in PRODUCTS.items()}
    controls = [
        choice("source", "kernel", SOURCES[0], SOURCES),
        choice("channels", "channels", 16, PRODUCTS),
        choice("side", "window", 3, (1, 3), texts=["1×1", "3×3"]),
        choice("widths", "branch widths", names[16][0], [], depends={"on": "channels", "values": names}),
        choice("noise", "noise, percent", 0, (0, 10, 30)),
    ]
    answers, spectra, pictures = {}, {}, {}
    for source, C, side, noise in product(SOURCES, PRODUCTS, (1, 3), (0, 10, 30)):
        array = with_noise(example_kernel(source, C, side), noise / 100)
        for name, widths in zip(names[C], PRODUCTS[C], strict=True):
            key, chain = (source, C, side, name, noise), Design(C, widths, (side, side)).chain
            answers[key] = kernel_answer(array, chain)
            word = "|".join(map(str, key))
            pictures[word] = _pixels(array, project(array, chain).product.kernel())
            spectra[word] = _values(block_spectra(array, chain))
    return table(controls, answers, pictures=pictures, spectra=spectra)


def _pixels(*kernels: NDArray[Any]) -> list[str]:
    """Return real parts as bytes, 128 for zero, one scale for all; a row is an output channel and a row of its window."""
    largest = max(float(np.abs(array.real).max()) for array in kernels)
    return [base64.b64encode(_as_bytes(array.real / largest)).decode() for array in kernels]


def _as_bytes(array: NDArray[Any]) -> bytes:
    rows, columns, height, width = array.shape
    flat = array.transpose(0, 2, 1, 3).reshape(rows * height, columns * width)
    return bytes((128 + np.rint(127 * flat)).astype(np.uint8))


def _values(columns: Mapping[str, NDArray[Any]]) -> list[list[float]]:
    """Return the singular values of every block, largest first."""
    blocks = np.asarray(columns["block"])
    return [np.round(columns["value"][blocks == b], 3).tolist() for b in np.unique(blocks)]
