"""What `rewrite` returns: the network, what stands in place of each layer, and how far the outputs are off."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from html import escape
from math import sqrt
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

from igc_theory.kernels.products.files import replacing
from igc_theory.networks.description.table import Table
from igc_theory.networks.rewriting.candidates.candidate import Substitute
from igc_theory.networks.rewriting.dense_layers import Choices, unit_of
from igc_theory.structure.arguments.files import file_to_write
from igc_theory.structure.arguments.kinds import flag, kind_of, shown

__all__ = ["Measured", "Rewrite", "substituted", "writable"]


@dataclass(frozen=True)
class Measured:
    """How far the outputs of the rewritten network are from those of the original.

    Attributes
    ----------
    error : float or None
        Norm of the difference over the norm of the original's outputs; None if the two were not run.
    runtime : str
        What ran them.
    unmeasured : str
        Why they were not run; empty if they were.
    """

    error: float | None = None
    runtime: str = ""
    unmeasured: str = ""

    @property
    def sentence(self) -> str:
        """The error in words."""
        if self.error is None:
            ran = f"It runs in {self.runtime}, not compared" if self.runtime else "Not run"
            return f"{ran}: {self.unmeasured}."
        return f"Measured in {self.runtime}: the outputs differ by {self.error:.2g} of their norm."

    def __str__(self) -> str:
        return self.sentence


@dataclass(frozen=True, eq=False, repr=False)
class Rewrite:
    """A rewritten network, and what was done to it.

    Attributes
    ----------
    model : torch.nn.Module or onnx.ModelProto
    choices : Choices
        The candidate chosen for every layer that could be replaced.
    errors : tuple of float or None
        Relative error of each of these layers: of its weights, or of its outputs where calibration inputs were given. None if the
        weights are fresh.
    kept : tuple of (str, str)
        Names of other convolutions and linear layers, and why they stay.
    measured : Measured
    name : str

    Examples
    --------
    >>> import pytest, pathlib
    >>> onnx = pytest.importorskip("onnx", reason="the extra onnx is not installed")
    >>> from igc_theory.networks import rewrite
    >>> folder = pathlib.Path(onnx.__file__).parent / "backend/test/data/light"
    >>> found = rewrite(folder / "light_squeezenet.onnx", 0.5, architecture_only=True)
    >>> found.cost <= 0.5 * found.choices.before, len(found.table.rows) == found.replaced
    (True, True)
    """

    model: Any
    choices: Choices
    errors: tuple[float, ...] | None
    kept: tuple[tuple[str, str], ...]
    measured: Measured
    name: str
    _content: Callable[[], bytes] | None = field(default=None, repr=False)

    @property
    def replaced(self) -> int:
        """Layers replaced."""
        return sum(candidate.family != "keep" for candidate in self.choices.candidates)

    @property
    def cost(self) -> float:
        """What the layers cost now, in the unit of the budget."""
        cost = self.choices.selection.cost
        return cost if self.choices.objective == "latency" else int(cost)

    @property
    def gap(self) -> float:
        """How far the sum of squared errors may be above the least one within the budget; 0 for the optimum."""
        return self.choices.selection.gap

    @property
    def predicted_error(self) -> float | None:
        """Root of the sum of the squared errors of all layers: what the outputs would be off by if errors added up like noise."""
        return None if self.errors is None else sqrt(sum(error**2 for error in self.errors))

    @property
    def table(self) -> Table:
        """A row per layer that was replaced, and totals of all: what it was, what stands in its place, weights, error."""
        full = self.layers
        rows = [k for k, name in enumerate(full.columns["now"]) if name != "keep"]
        columns = {name: [values[k] for k in rows] for name, values in full.columns.items()}
        title = f"{self.name}, {self.replaced} of {len(full.rows)} layers replaced{self.choices.by}"
        return Table(title, columns, full.totals)

    @property
    def layers(self) -> Table:
        """A row per layer, replaced or not: what it was, what it is now, weights, multiply–adds, error."""
        choices = self.choices
        pairs = list(zip(choices.layers, choices.candidates, strict=True))
        old = zip(choices.layers, choices.originals, strict=True)
        columns: dict[str, list[Any]] = {
            "layer": [layer.name for layer, _ in pairs],
            "was": [layer.kind for layer, _ in pairs],
            "now": [candidate.name for _, candidate in pairs],
            "weights": [layer.convolution.parameters for layer, _ in pairs],
            "left": [candidate.parameters for _, candidate in pairs],
            "multiply–adds": [layer.cost(original, "multiply_adds") for layer, original in old],
            "left ": [layer.cost(candidate, "multiply_adds") for layer, candidate in pairs],
        }
        totals: dict[str, Any] = {"layer": "total"}
        totals |= {name: sum(columns[name]) for name in ("weights", "left", "multiply–adds", "left ")}
        if self.errors is not None:
            columns["error"] = [f"{error:.3f}" for error in self.errors]
            totals["error"] = f"{self.predicted_error:.3f}"
        return Table(self.name, columns, totals)

    @property
    def sentence(self) -> str:
        """What was done, in words."""
        choices, unit = self.choices, unit_of(self.choices.objective)
        share = self.cost / choices.before if choices.before else 1.0
        least = "the least error" if self.errors is not None else "the most even choice"
        gap = f"{least} within the budget" if self.gap == 0 else f"at most {self.gap:.1%} above {least}"
        error = "" if self.errors is None else f"Predicted error {self.predicted_error:.3f}. "
        return (
            f"{self.name}: {self.replaced} of {len(choices.layers)} layers replaced, {_number(self.cost)} of "
            f"{_number(choices.before)} {unit} "
            f"left ({share:.1%}), {gap}{choices.by}. {error}{self.measured.sentence}"
        )

    def __str__(self) -> str:
        return self.sentence

    def __repr__(self) -> str:
        return f"{self.table!r}\n{self.sentence}"

    def _repr_html_(self) -> str:
        return f"{self.table._repr_html_()}<p>{escape(self.sentence)}</p>"

    def save(self, path: str | os.PathLike[str], *, force: bool = False) -> Path:
        """Write an ONNX model to a file, which appears whole or not at all.

        Parameters
        ----------
        path : str or path-like
        force : bool, default False
            Whether an existing file may be replaced.

        Returns
        -------
        pathlib.Path

        Raises
        ------
        TypeError
            If it is a module: export it with ``torch.onnx.export``, or save its ``state_dict``.
        ValueError
            If the file is there and `force` is False, or its folder is not there or not open for writing.

        Examples
        --------
        >>> import pytest, pathlib, tempfile
        >>> onnx = pytest.importorskip("onnx", reason="the extra onnx is not installed")
        >>> from igc_theory.networks import rewrite
        >>> folder = pathlib.Path(onnx.__file__).parent / "backend/test/data/light"
        >>> found = rewrite(folder / "light_squeezenet.onnx", 0.9, architecture_only=True)
        >>> target = pathlib.Path(tempfile.gettempdir(), "igc_theory_small.onnx")
        >>> found.save(target, force=True).name
        'igc_theory_small.onnx'
        >>> target.unlink()
        """
        if self._content is None:
            raise TypeError(
                f"model is {kind_of(self.model)}: use torch.save(model.state_dict(), …) or torch.onnx.export"
            )
        target = writable(path, force=flag("force", force))
        content = self._content()
        with replacing(target) as file:
            file.write(content)
        return target


def _number(cost: float) -> str:
    return f"{cost:,}" if isinstance(cost, int) else f"{cost:,.4g}"


def writable(path: str | os.PathLike[str], *, force: bool, name: str = "path") -> Path:
    """Return the path of a file that may be written; ValueError if one is there, unless `force`, or there is no such folder."""
    target = file_to_write(name, path, "small.onnx")
    if target.exists() and not force:
        raise ValueError(
            f"{name}={shown(str(path))} is there already, and force=False: give another file, or force=True"
        )
    return target


def substituted(choices: Choices, progress: bool) -> list[Substitute | None]:
    """Return the weights of every candidate chosen; None for a layer that stays."""
    bar = tqdm(choices.candidates, desc="fitting", unit="layer", leave=False, disable=None if progress else True)
    return [None if candidate.family == "keep" else candidate.substitute for candidate in bar]
